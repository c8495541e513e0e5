//! Answers kept under an `Idempotency-Key`.

use ami_database::idempotency::{self as rows, Kept};
use ami_database::{Constraint, DatabaseError};
use ami_domain::deposit::sha256_hex;
use ami_domain::ids::AccountId;
use serde_json::Value;

use crate::{Arrival, Error, Kind, Result};

/// The status and body kept under a key.
///
/// # Errors
/// `idempotency-other` when the key was used for another request.
pub async fn find(app: &Arrival, account: AccountId, key: &str, request: &str) -> Result<Option<(u16, Value)>> {
    let Some(kept) = rows::find(app.database.read(), account, key).await? else { return Ok(None) };
    if kept.request_sha256 != sha256_hex(request.as_bytes()) {
        return Err(Error::new(Kind::Conflict, "idempotency-other"));
    }
    let body = serde_json::from_str(&kept.body).map_err(Error::internal)?;
    Ok(Some((u16::try_from(kept.status).unwrap_or(200), body)))
}

/// Keeps an answer; whoever was faster with the same key has kept theirs.
pub async fn keep(
    app: &Arrival,
    account: AccountId,
    key: &str,
    request: &str,
    status: u16,
    body: &Value,
) -> Result<()> {
    let kept =
        Kept { request_sha256: sha256_hex(request.as_bytes()), status: i64::from(status), body: body.to_string() };
    app.write(None, (account, key.to_owned(), kept), |work, (account, key, kept)| {
        Box::pin(async move {
            match rows::keep(work.tx, *account, key, kept, work.at()).await {
                Ok(()) | Err(DatabaseError::Constraint(Constraint::IdempotencyKey)) => Ok(()),
                Err(error) => Err(error.into()),
            }
        })
    })
    .await
}
