//! Links that are sent to an address: each stands for one act, once. Only their hashes are kept.

use std::fmt;
use std::str::FromStr;

use ami_domain::identifiers::Email;
use ami_domain::ids::{AccountId, TokenId};
use jiff::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use crate::connection::{corrupt, exactly_one, insert, instant, stored};
use crate::entities::account_tokens;
use crate::{Result, Tx};

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Prove that an address is read.
    ConfirmEmail,
    /// Choose another password.
    ResetPassword,
    /// Choose the first password.
    Invitation,
    /// Prove that the address that an account is to change to is read.
    ChangeEmail,
}

impl Purpose {
    const ALL: [Self; 4] = [Self::ConfirmEmail, Self::ResetPassword, Self::Invitation, Self::ChangeEmail];

    const fn as_str(self) -> &'static str {
        match self {
            Self::ConfirmEmail => "confirm_email",
            Self::ResetPassword => "reset_password",
            Self::Invitation => "invitation",
            Self::ChangeEmail => "change_email",
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
        Self::ALL.into_iter().find(|p| p.as_str() == text).ok_or_else(|| format!("no purpose {text}"))
    }
}

/// What opening a link makes true besides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Carried {
    /// The password that was typed with it, hashed.
    pub password_hash: Option<String>,
    /// The name that was typed with it.
    pub name: Option<String>,
    /// The address that it was sent to, where that is not the account's.
    pub email: Option<Email>,
}

/// A link as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its id.
    pub id: TokenId,
    /// Whose.
    pub account: AccountId,
    /// What for.
    pub purpose: Purpose,
    /// What it carries.
    pub carried: Carried,
    /// No use after.
    pub expires_at: Timestamp,
    /// When it was used.
    pub used_at: Option<Timestamp>,
    /// When another one, or what was done in the meantime, took its place.
    pub voided_at: Option<Timestamp>,
}

impl Link {
    /// Whether it may be used.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.used_at.is_none() && self.voided_at.is_none() && self.expires_at > now
    }
}

fn link(r: account_tokens::Model) -> Result<Link> {
    let at = |column, value| instant("account_tokens", column, r.id, value);
    let purpose = Purpose::ALL.into_iter().find(|p| p.as_str() == r.purpose);
    Ok(Link {
        purpose: purpose.ok_or_else(|| corrupt("account_tokens", "purpose", r.id, &r.purpose))?,
        expires_at: at("expires_at", r.expires_at)?,
        used_at: r.used_at.map(|v| at("used_at", v)).transpose()?,
        voided_at: r.voided_at.map(|v| at("voided_at", v)).transpose()?,
        carried: Carried {
            email: r
                .email
                .map(|e| Email::parse(&e).map_err(|e| corrupt("account_tokens", "email", r.id, e)))
                .transpose()?,
            password_hash: r.password_hash,
            name: r.name,
        },
        id: r.id.into(),
        account: r.account_id.into(),
    })
}

/// Keeps a link; older ones of its purpose are void from now on.
pub async fn insert_link(tx: &Tx, link: &Link, hash: &str, now: Timestamp) -> Result<()> {
    void(tx, link.account, &[link.purpose], now).await?;
    insert(
        tx,
        account_tokens::Model {
            id: link.id.uuid(),
            account_id: link.account.uuid(),
            purpose: link.purpose.as_str().to_owned(),
            token_hash: hash.to_owned(),
            expires_at: stored(link.expires_at),
            used_at: None,
            created_at: stored(now),
            password_hash: link.carried.password_hash.clone(),
            name: link.carried.name.clone(),
            email: link.carried.email.as_ref().map(ToString::to_string),
            voided_at: None,
        },
    )
    .await
}

/// The link with this hash, good or not.
pub async fn find(conn: &impl ConnectionTrait, hash: &str) -> Result<Option<Link>> {
    let row = account_tokens::Entity::find().filter(account_tokens::Column::TokenHash.eq(hash)).one(conn).await?;
    row.map(link).transpose()
}

/// The one link of a purpose to an account that was neither used nor voided; it may have expired.
pub async fn standing(conn: &impl ConnectionTrait, account: AccountId, purpose: Purpose) -> Result<Option<Link>> {
    let row = account_tokens::Entity::find()
        .filter(account_tokens::Column::AccountId.eq(account.uuid()))
        .filter(account_tokens::Column::Purpose.eq(purpose.as_str()))
        .filter(account_tokens::Column::UsedAt.is_null())
        .filter(account_tokens::Column::VoidedAt.is_null())
        .order_by_desc(account_tokens::Column::CreatedAt)
        .limit(1)
        .one(conn)
        .await?;
    row.map(link).transpose()
}

/// Uses a link. What it carried is not kept any longer.
pub async fn use_link(tx: &Tx, id: TokenId, now: Timestamp) -> Result<()> {
    let updated = account_tokens::Entity::update_many()
        .col_expr(account_tokens::Column::UsedAt, Expr::value(stored(now)))
        .col_expr(account_tokens::Column::PasswordHash, Expr::value(None::<String>))
        .filter(account_tokens::Column::Id.eq(id.uuid()))
        .filter(account_tokens::Column::UsedAt.is_null())
        .exec(&tx.0)
        .await?;
    exactly_one("account_tokens", &updated)
}

/// Voids every link of an account that was not used: what they are for is done, or was chosen anew.
pub async fn void_all(tx: &Tx, account: AccountId, now: Timestamp) -> Result<()> {
    void(tx, account, &Purpose::ALL, now).await
}

async fn void(tx: &Tx, account: AccountId, purposes: &[Purpose], now: Timestamp) -> Result<()> {
    account_tokens::Entity::update_many()
        .col_expr(account_tokens::Column::VoidedAt, Expr::value(stored(now)))
        .filter(account_tokens::Column::AccountId.eq(account.uuid()))
        .filter(account_tokens::Column::Purpose.is_in(purposes.iter().map(|p| p.as_str())))
        .filter(account_tokens::Column::UsedAt.is_null())
        .filter(account_tokens::Column::VoidedAt.is_null())
        .exec(&tx.0)
        .await?;
    Ok(())
}

/// Forgets the links that had ended before an instant.
pub async fn forget(tx: &Tx, before: Timestamp) -> Result<()> {
    account_tokens::Entity::delete_many()
        .filter(account_tokens::Column::ExpiresAt.lt(stored(before)))
        .exec(&tx.0)
        .await?;
    Ok(())
}
