//! Accounts, one-time tokens, sessions, and what the policy needs to know of a person.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use ami_domain::identifiers::Email;
use ami_domain::ids::{AccountId, SessionId, TokenId};
use ami_domain::policy::{Actor, SeatFacts};
use jiff::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QuerySelect as _};

use crate::connection::{corrupt, exactly_one, insert, instant, stored};
use crate::entities::{account_tokens, accounts, memberships, officers, seats, sessions};
use crate::{Result, Tx};

/// A person's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// The address, also the name to sign in with.
    pub email: Email,
    /// First and last name.
    pub name: String,
    /// Argon2id, in PHC form; `None` until a password is chosen.
    pub password_hash: Option<String>,
    /// When the address was confirmed.
    pub email_confirmed_at: Option<Timestamp>,
    /// Runs the installation.
    pub administrator: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was shut.
    pub disabled_at: Option<Timestamp>,
}

/// What a one-time token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Prove that an address is read.
    ConfirmEmail,
    /// Choose another password.
    ResetPassword,
    /// Choose the first password.
    Invitation,
}

impl Purpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::ConfirmEmail => "confirm_email",
            Self::ResetPassword => "reset_password",
            Self::Invitation => "invitation",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Purpose {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        [Self::ConfirmEmail, Self::ResetPassword, Self::Invitation]
            .into_iter()
            .find(|p| p.as_str() == text)
            .ok_or_else(|| format!("no purpose {text}"))
    }
}

/// A refresh token, known by its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Whose.
    pub account: AccountId,
    /// All tokens that follow from one sign-in.
    pub family: SessionId,
    /// No use after.
    pub expires_at: Timestamp,
    /// Used: whoever shows it again has stolen it, or lost an answer.
    pub rotated_at: Option<Timestamp>,
    /// Signed out.
    pub revoked_at: Option<Timestamp>,
}

fn account(row: accounts::Model) -> Result<Account> {
    let at = |column, value| instant("accounts", column, row.id, value);
    Ok(Account {
        email: Email::parse(&row.email).map_err(|e| corrupt("accounts", "email", row.id, e))?,
        email_confirmed_at: row.email_confirmed_at.map(|v| at("email_confirmed_at", v)).transpose()?,
        created_at: at("created_at", row.created_at)?,
        disabled_at: row.disabled_at.map(|v| at("disabled_at", v)).transpose()?,
        id: row.id.into(),
        name: row.name,
        password_hash: row.password_hash,
        administrator: row.administrator,
    })
}

/// Adds an account.
///
/// # Errors
/// [`crate::Constraint::AccountEmail`] when the address has one already.
pub async fn insert_account(tx: &Tx, account: &Account) -> Result<()> {
    insert(
        tx,
        accounts::Model {
            id: account.id.uuid(),
            email: account.email.to_string(),
            name: account.name.clone(),
            password_hash: account.password_hash.clone(),
            email_confirmed_at: account.email_confirmed_at.map(stored),
            administrator: account.administrator,
            created_at: stored(account.created_at),
            disabled_at: account.disabled_at.map(stored),
        },
    )
    .await
}

/// The account with this address.
pub async fn find_by_email(conn: &impl ConnectionTrait, email: &Email) -> Result<Option<Account>> {
    let row = accounts::Entity::find().filter(accounts::Column::Email.eq(email.as_str())).one(conn).await?;
    row.map(account).transpose()
}

/// The account with this id.
pub async fn find(conn: &impl ConnectionTrait, id: AccountId) -> Result<Option<Account>> {
    accounts::Entity::find_by_id(id.uuid()).one(conn).await?.map(account).transpose()
}

/// Names of accounts, by id.
pub async fn names(
    conn: &impl ConnectionTrait,
    ids: &BTreeSet<AccountId>,
) -> Result<BTreeMap<AccountId, (String, String)>> {
    let rows =
        accounts::Entity::find().filter(accounts::Column::Id.is_in(ids.iter().map(|id| id.uuid()))).all(conn).await?;
    Ok(rows.into_iter().map(|r| (r.id.into(), (r.name, r.email))).collect())
}

/// Sets the password; proves the address too when a token sent there was used.
pub async fn set_password(tx: &Tx, id: AccountId, hash: &str, confirmed_at: Timestamp) -> Result<()> {
    let updated = accounts::Entity::update_many()
        .col_expr(accounts::Column::PasswordHash, Expr::value(hash))
        .col_expr(accounts::Column::EmailConfirmedAt, Expr::value(stored(confirmed_at)))
        .filter(accounts::Column::Id.eq(id.uuid()))
        .exec(&tx.0)
        .await?;
    exactly_one("accounts", &updated)
}

/// Records that the address is read.
pub async fn confirm_email(tx: &Tx, id: AccountId, at: Timestamp) -> Result<()> {
    let updated = accounts::Entity::update_many()
        .col_expr(accounts::Column::EmailConfirmedAt, Expr::value(stored(at)))
        .filter(accounts::Column::Id.eq(id.uuid()))
        .exec(&tx.0)
        .await?;
    exactly_one("accounts", &updated)
}

/// Keeps a token's hash.
pub async fn insert_token(
    tx: &Tx,
    id: TokenId,
    account: AccountId,
    purpose: Purpose,
    hash: &str,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<()> {
    insert(
        tx,
        account_tokens::Model {
            id: id.uuid(),
            account_id: account.uuid(),
            purpose: purpose.as_str().to_owned(),
            token_hash: hash.to_owned(),
            expires_at: stored(expires_at),
            used_at: None,
            created_at: stored(now),
        },
    )
    .await
}

/// Voids the tokens that an account was sent for one purpose and has not used.
pub async fn void_tokens(tx: &Tx, account: AccountId, purpose: Purpose, now: Timestamp) -> Result<()> {
    account_tokens::Entity::update_many()
        .col_expr(account_tokens::Column::UsedAt, Expr::value(stored(now)))
        .filter(account_tokens::Column::AccountId.eq(account.uuid()))
        .filter(account_tokens::Column::Purpose.eq(purpose.as_str()))
        .filter(account_tokens::Column::UsedAt.is_null())
        .exec(&tx.0)
        .await?;
    Ok(())
}

/// Forgets the tokens of links and of sign-ins that had ended before an instant.
pub async fn forget_tokens(tx: &Tx, before: Timestamp) -> Result<()> {
    account_tokens::Entity::delete_many()
        .filter(account_tokens::Column::ExpiresAt.lt(stored(before)))
        .exec(&tx.0)
        .await?;
    sessions::Entity::delete_many().filter(sessions::Column::ExpiresAt.lt(stored(before))).exec(&tx.0).await?;
    Ok(())
}

/// Whose token this is, while it may still be used.
pub async fn token_owner(
    conn: &impl ConnectionTrait,
    purposes: &[Purpose],
    hash: &str,
    now: Timestamp,
) -> Result<Option<AccountId>> {
    let row = account_tokens::Entity::find()
        .filter(account_tokens::Column::TokenHash.eq(hash))
        .filter(account_tokens::Column::Purpose.is_in(purposes.iter().map(|p| p.as_str())))
        .filter(account_tokens::Column::UsedAt.is_null())
        .filter(account_tokens::Column::ExpiresAt.gt(stored(now)))
        .one(conn)
        .await?;
    Ok(row.map(|r| r.account_id.into()))
}

/// Uses a token: at most one caller gets its owner.
pub async fn take_token(tx: &Tx, purposes: &[Purpose], hash: &str, now: Timestamp) -> Result<Option<AccountId>> {
    let Some(owner) = token_owner(&tx.0, purposes, hash, now).await? else { return Ok(None) };
    let updated = account_tokens::Entity::update_many()
        .col_expr(account_tokens::Column::UsedAt, Expr::value(stored(now)))
        .filter(account_tokens::Column::TokenHash.eq(hash))
        .filter(account_tokens::Column::UsedAt.is_null())
        .exec(&tx.0)
        .await?;
    Ok((updated.rows_affected == 1).then_some(owner))
}

/// Keeps a refresh token's hash.
pub async fn insert_session(tx: &Tx, session: &Session, hash: &str, now: Timestamp) -> Result<()> {
    insert(
        tx,
        sessions::Model {
            id: session.id.uuid(),
            account_id: session.account.uuid(),
            family: session.family.uuid(),
            refresh_hash: hash.to_owned(),
            created_at: stored(now),
            expires_at: stored(session.expires_at),
            rotated_at: None,
            revoked_at: None,
        },
    )
    .await
}

/// The session of a refresh token.
pub async fn find_session(conn: &impl ConnectionTrait, hash: &str) -> Result<Option<Session>> {
    let row = sessions::Entity::find().filter(sessions::Column::RefreshHash.eq(hash)).one(conn).await?;
    row.map(|r| {
        let at = |column, value| instant("sessions", column, r.id, value);
        Ok(Session {
            id: r.id.into(),
            account: r.account_id.into(),
            family: r.family.into(),
            expires_at: at("expires_at", r.expires_at)?,
            rotated_at: r.rotated_at.map(|v| at("rotated_at", v)).transpose()?,
            revoked_at: r.revoked_at.map(|v| at("revoked_at", v)).transpose()?,
        })
    })
    .transpose()
}

/// Marks a refresh token as used; `false` when somebody was faster.
pub async fn rotate_session(tx: &Tx, id: SessionId, now: Timestamp) -> Result<bool> {
    let updated = sessions::Entity::update_many()
        .col_expr(sessions::Column::RotatedAt, Expr::value(stored(now)))
        .filter(sessions::Column::Id.eq(id.uuid()))
        .filter(sessions::Column::RotatedAt.is_null())
        .filter(sessions::Column::RevokedAt.is_null())
        .exec(&tx.0)
        .await?;
    Ok(updated.rows_affected == 1)
}

/// Ends every session that follows from one sign-in.
pub async fn revoke_family(tx: &Tx, family: SessionId, now: Timestamp) -> Result<()> {
    revoke(tx, sessions::Column::Family.eq(family.uuid()), now).await
}

/// Ends every session of an account, as a new password must.
pub async fn revoke_sessions(tx: &Tx, account: AccountId, now: Timestamp) -> Result<()> {
    revoke(tx, sessions::Column::AccountId.eq(account.uuid()), now).await
}

async fn revoke(tx: &Tx, which: sea_orm::sea_query::SimpleExpr, now: Timestamp) -> Result<()> {
    sessions::Entity::update_many()
        .col_expr(sessions::Column::RevokedAt, Expr::value(stored(now)))
        .filter(which)
        .filter(sessions::Column::RevokedAt.is_null())
        .exec(&tx.0)
        .await?;
    Ok(())
}

/// Whether a sign-in still stands: access tokens name their family, so that signing out ends them too.
pub async fn family_stands(conn: &impl ConnectionTrait, family: SessionId) -> Result<bool> {
    let revoked = sessions::Entity::find()
        .filter(sessions::Column::Family.eq(family.uuid()))
        .filter(sessions::Column::RevokedAt.is_null())
        .limit(1)
        .one(conn)
        .await?;
    Ok(revoked.is_some())
}

/// What the policy needs to know of a person; `None` when the account does not exist or was shut.
pub async fn actor(conn: &impl ConnectionTrait, id: AccountId) -> Result<Option<(Account, Actor)>> {
    let Some(account) = find(conn, id).await?.filter(|a| a.disabled_at.is_none()) else { return Ok(None) };
    let organisations =
        memberships::Entity::find().filter(memberships::Column::AccountId.eq(id.uuid())).all(conn).await?;
    let officer = officers::Entity::find().filter(officers::Column::AccountId.eq(id.uuid())).all(conn).await?;
    let seats = seats::Entity::find().filter(seats::Column::AccountId.eq(id.uuid())).all(conn).await?;
    let actor = Actor {
        account: id,
        administrator: account.administrator,
        organisations: organisations.into_iter().map(|m| m.organisation_id.into()).collect(),
        officer_of: officer.into_iter().map(|o| o.call_id.into()).collect(),
        seats: seats
            .into_iter()
            .map(|s| {
                let facts = SeatFacts { id: s.id.into(), declared: s.declared_at.is_some(), chair: s.chair };
                (s.call_id.into(), facts)
            })
            .collect(),
    };
    Ok(Some((account, actor)))
}
