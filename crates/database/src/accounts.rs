//! Accounts, and what the policy needs to know of a person.

use std::collections::{BTreeMap, BTreeSet};

use ami_domain::identifiers::Email;
use ami_domain::ids::{AccountId, SignInId};
use ami_domain::policy::{Actor, OfficerRole, SeatFacts};
use jiff::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, FromQueryResult as _, QueryFilter as _, QuerySelect as _,
    Statement, Value,
};
use uuid::Uuid;

use crate::connection::{corrupt, exactly_one, insert, instant, stored};
use crate::entities::accounts;
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
    /// Named by an administrator: may create calls.
    pub officer: bool,
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
        officer: row.officer,
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
            officer: account.officer,
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
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows =
        accounts::Entity::find().filter(accounts::Column::Id.is_in(ids.iter().map(|id| id.uuid()))).all(conn).await?;
    Ok(rows.into_iter().map(|r| (r.id.into(), (r.name, r.email))).collect())
}

/// The same, kept from other writers until the transaction ends.
pub async fn find_for_update(tx: &Tx, id: AccountId) -> Result<Option<Account>> {
    accounts::Entity::find_by_id(id.uuid()).lock_exclusive().one(&tx.0).await?.map(account).transpose()
}

/// Writes what an account's holder may change of it, and what a link that they opened proves.
pub async fn save_account(tx: &Tx, account: &Account) -> Result<()> {
    let updated = accounts::Entity::update_many()
        .col_expr(accounts::Column::Email, Expr::value(account.email.as_str()))
        .col_expr(accounts::Column::Name, Expr::value(account.name.clone()))
        .col_expr(accounts::Column::PasswordHash, Expr::value(account.password_hash.clone()))
        .col_expr(accounts::Column::EmailConfirmedAt, Expr::value(account.email_confirmed_at.map(stored)))
        .filter(accounts::Column::Id.eq(account.id.uuid()))
        .exec(&tx.0)
        .await?;
    exactly_one("accounts", &updated)
}

/// What decides about a person, in one statement: an account's row for each thing that it is to a call or an organisation.
const ACTOR: &str = "SELECT a.*, r.kind AS is_a, r.scope AS is_of, r.seat AS seat, r.chair AS chair, r.declared AS declared, \
    r.role AS role \
    FROM accounts a LEFT JOIN (\
    SELECT 'member' AS kind, m.account_id, m.organisation_id AS scope, m.organisation_id AS seat, \
    FALSE AS chair, FALSE AS declared, '' AS role FROM memberships m WHERE m.account_id = $1 \
    UNION ALL SELECT 'officer', o.account_id, o.call_id, o.call_id, FALSE, FALSE, o.role FROM officers o WHERE o.account_id = $1 \
    UNION ALL SELECT 'seat', s.account_id, s.call_id, s.id, s.chair, s.declared_at IS NOT NULL, '' FROM seats s \
    WHERE s.account_id = $1) r ON r.account_id = a.id \
    WHERE a.id = $1 AND a.disabled_at IS NULL";

/// What the policy needs to know of a person; `None` when the account does not exist or was shut.
pub async fn actor(conn: &impl ConnectionTrait, id: AccountId) -> Result<Option<(Account, Actor)>> {
    one_actor(conn, ACTOR, vec![id.uuid().into()]).await
}

/// The same, while a sign-in of theirs stands.
pub async fn signed_in_actor(
    conn: &impl ConnectionTrait,
    id: AccountId,
    sign_in: SignInId,
) -> Result<Option<(Account, Actor)>> {
    let sql = format!(
        "{ACTOR} AND EXISTS (SELECT 1 FROM sign_ins i WHERE i.id = $2 AND i.account_id = $1 AND i.revoked_at IS NULL)"
    );
    one_actor(conn, &sql, vec![id.uuid().into(), sign_in.uuid().into()]).await
}

async fn one_actor(conn: &impl ConnectionTrait, sql: &str, values: Vec<Value>) -> Result<Option<(Account, Actor)>> {
    let rows = conn.query_all_raw(Statement::from_sql_and_values(conn.get_database_backend(), sql, values)).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let account = account(accounts::Model::from_query_result(first, "")?)?;
    let mut actor = Actor {
        account: account.id,
        administrator: account.administrator,
        officer: account.officer,
        organisations: BTreeSet::new(),
        officer_of: BTreeMap::new(),
        seats: BTreeMap::new(),
    };
    for row in &rows {
        let Some(kind) = row.try_get::<Option<String>>("", "is_a")? else { continue };
        let of: Uuid = row.try_get("", "is_of")?;
        match kind.as_str() {
            "member" => drop(actor.organisations.insert(of.into())),
            "officer" => {
                let role: String = row.try_get("", "role")?;
                let role = OfficerRole::parse(&role).ok_or_else(|| corrupt("officers", "role", of, &role))?;
                actor.officer_of.insert(of.into(), role);
            }
            _ => {
                let id: Uuid = row.try_get("", "seat")?;
                let (declared, chair) = (row.try_get("", "declared")?, row.try_get("", "chair")?);
                actor.seats.insert(of.into(), SeatFacts { id: id.into(), declared, chair });
            }
        }
    }
    Ok(Some((account, actor)))
}
