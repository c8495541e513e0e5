//! Answers to requests that carried an `Idempotency-Key`, so that the same request again gets the same answer.

use ami_domain::ids::AccountId;
use jiff::Timestamp;
use sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _};

use crate::connection::{insert, stored};
use crate::entities::idempotency_keys;
use crate::{Result, Tx};

/// A kept answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// SHA-256 of the request's method, path and body.
    pub request_sha256: String,
    /// Status of the answer.
    pub status: i64,
    /// Its body.
    pub body: String,
}

/// The answer kept under a person's key.
pub async fn find(conn: &impl ConnectionTrait, account: AccountId, key: &str) -> Result<Option<Kept>> {
    let row = idempotency_keys::Entity::find_by_id((account.uuid(), key.to_owned())).one(conn).await?;
    Ok(row.map(|r| Kept { request_sha256: r.request_sha256, status: r.status, body: r.body }))
}

/// Keeps an answer.
///
/// # Errors
/// [`crate::Constraint::IdempotencyKey`] when another request was faster.
pub async fn keep(tx: &Tx, account: AccountId, key: &str, kept: &Kept, now: Timestamp) -> Result<()> {
    insert(
        tx,
        idempotency_keys::Model {
            account_id: account.uuid(),
            key: key.to_owned(),
            request_sha256: kept.request_sha256.clone(),
            status: kept.status,
            body: kept.body.clone(),
            created_at: stored(now),
        },
    )
    .await
}

/// Forgets the answers kept before an instant.
pub async fn forget(tx: &Tx, before: Timestamp) -> Result<()> {
    idempotency_keys::Entity::delete_many()
        .filter(idempotency_keys::Column::CreatedAt.lt(stored(before)))
        .exec(&tx.0)
        .await?;
    Ok(())
}
