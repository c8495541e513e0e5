//! What came of requests that carried an `Idempotency-Key`, so that the same request again does nothing.

use ami_domain::ids::AccountId;
use jiff::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _};

use crate::connection::{exactly_one, insert, stored};
use crate::entities::idempotency_keys;
use crate::{Result, Tx};

/// A kept outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// SHA-256 of the request's method, path and body.
    pub request_sha256: String,
    /// What came of it, as JSON.
    pub body: String,
}

/// The outcome kept under a person's key.
pub async fn find(conn: &impl ConnectionTrait, account: AccountId, key: &str) -> Result<Option<Kept>> {
    let row = idempotency_keys::Entity::find_by_id((account.uuid(), key.to_owned())).one(conn).await?;
    Ok(row.map(|r| Kept { request_sha256: r.request_sha256, body: r.body }))
}

/// Takes a key before its act is done: whoever comes with it meanwhile waits, and finds the outcome.
///
/// # Errors
/// [`crate::Constraint::IdempotencyKey`] when another request was faster.
pub async fn reserve(tx: &Tx, account: AccountId, key: &str, request_sha256: &str, now: Timestamp) -> Result<()> {
    insert(
        tx,
        idempotency_keys::Model {
            account_id: account.uuid(),
            key: key.to_owned(),
            request_sha256: request_sha256.to_owned(),
            body: String::new(),
            created_at: stored(now),
        },
    )
    .await
}

/// Keeps the outcome under the key that was taken.
pub async fn keep(tx: &Tx, account: AccountId, key: &str, body: &str) -> Result<()> {
    let updated = idempotency_keys::Entity::update_many()
        .col_expr(idempotency_keys::Column::Body, Expr::value(body))
        .filter(idempotency_keys::Column::AccountId.eq(account.uuid()))
        .filter(idempotency_keys::Column::Key.eq(key))
        .exec(&tx.0)
        .await?;
    exactly_one("idempotency_keys", &updated)
}

/// Forgets the outcomes kept before an instant.
pub async fn forget(tx: &Tx, before: Timestamp) -> Result<()> {
    idempotency_keys::Entity::delete_many()
        .filter(idempotency_keys::Column::CreatedAt.lt(stored(before)))
        .exec(&tx.0)
        .await?;
    Ok(())
}
