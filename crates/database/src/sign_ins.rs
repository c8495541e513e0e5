//! Sign-ins: one row each, from the password to the sign-out. Access tokens name it, so that its end ends them too.

use ami_domain::ids::{AccountId, SignInId};
use jiff::Timestamp;
use sea_orm::sea_query::{Condition, Expr};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _};

use crate::connection::{exactly_one, insert, instant, stored};
use crate::entities::sign_ins;
use crate::{Result, Tx};

/// A sign-in. Refresh tokens are known by their hashes: the current one, and the one it was made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    /// Its id.
    pub id: SignInId,
    /// Whose.
    pub account: AccountId,
    /// No refresh after.
    pub expires_at: Timestamp,
    /// When it was ended.
    pub revoked_at: Option<Timestamp>,
    /// The current refresh token.
    pub refresh_hash: String,
    /// The one before.
    pub previous_hash: Option<String>,
    /// What made the current one of the one before.
    pub salt: Option<String>,
    /// When the current one was made.
    pub refreshed_at: Timestamp,
}

fn sign_in(r: sign_ins::Model) -> Result<SignIn> {
    let at = |column, value| instant("sign_ins", column, r.id, value);
    Ok(SignIn {
        expires_at: at("expires_at", r.expires_at)?,
        revoked_at: r.revoked_at.map(|v| at("revoked_at", v)).transpose()?,
        refreshed_at: at("refreshed_at", r.refreshed_at)?,
        id: r.id.into(),
        account: r.account_id.into(),
        refresh_hash: r.refresh_hash,
        previous_hash: r.previous_hash,
        salt: r.salt,
    })
}

/// Begins a sign-in.
pub async fn insert_sign_in(tx: &Tx, begun: &SignIn) -> Result<()> {
    insert(
        tx,
        sign_ins::Model {
            id: begun.id.uuid(),
            account_id: begun.account.uuid(),
            begun_at: stored(begun.refreshed_at),
            expires_at: stored(begun.expires_at),
            revoked_at: None,
            refresh_hash: begun.refresh_hash.clone(),
            previous_hash: None,
            salt: None,
            refreshed_at: stored(begun.refreshed_at),
        },
    )
    .await
}

/// The sign-in that a refresh token names, kept from other writers until the transaction ends.
pub async fn find_for_update(tx: &Tx, id: SignInId) -> Result<Option<SignIn>> {
    sign_ins::Entity::find_by_id(id.uuid()).lock_exclusive().one(&tx.0).await?.map(sign_in).transpose()
}

/// The sign-in of a refresh token that names none, as they were before this table.
pub async fn find_by_hash_for_update(tx: &Tx, hash: &str) -> Result<Option<SignIn>> {
    let either =
        Condition::any().add(sign_ins::Column::RefreshHash.eq(hash)).add(sign_ins::Column::PreviousHash.eq(hash));
    sign_ins::Entity::find().filter(either).lock_exclusive().one(&tx.0).await?.map(sign_in).transpose()
}

/// Writes what a refresh changed. A sign-in that was ended stays so.
pub async fn save_refreshed(tx: &Tx, refreshed: &SignIn) -> Result<()> {
    let updated = sign_ins::Entity::update_many()
        .col_expr(sign_ins::Column::RefreshHash, Expr::value(refreshed.refresh_hash.clone()))
        .col_expr(sign_ins::Column::PreviousHash, Expr::value(refreshed.previous_hash.clone()))
        .col_expr(sign_ins::Column::Salt, Expr::value(refreshed.salt.clone()))
        .col_expr(sign_ins::Column::RefreshedAt, Expr::value(stored(refreshed.refreshed_at)))
        .col_expr(sign_ins::Column::ExpiresAt, Expr::value(stored(refreshed.expires_at)))
        .filter(sign_ins::Column::Id.eq(refreshed.id.uuid()))
        .filter(sign_ins::Column::RevokedAt.is_null())
        .exec(&tx.0)
        .await?;
    exactly_one("sign_ins", &updated)
}

/// Ends a sign-in.
pub async fn revoke(tx: &Tx, id: SignInId, now: Timestamp) -> Result<()> {
    revoke_those(tx, Condition::all().add(sign_ins::Column::Id.eq(id.uuid())), now).await
}

/// Ends the sign-ins of an account, but for one where it is said.
pub async fn revoke_all(tx: &Tx, account: AccountId, but: Option<SignInId>, now: Timestamp) -> Result<()> {
    let others = but.map(|but| sign_ins::Column::Id.ne(but.uuid()));
    let which = Condition::all().add(sign_ins::Column::AccountId.eq(account.uuid())).add_option(others);
    revoke_those(tx, which, now).await
}

async fn revoke_those(tx: &Tx, which: Condition, now: Timestamp) -> Result<()> {
    sign_ins::Entity::update_many()
        .col_expr(sign_ins::Column::RevokedAt, Expr::value(stored(now)))
        .filter(which)
        .filter(sign_ins::Column::RevokedAt.is_null())
        .exec(&tx.0)
        .await?;
    Ok(())
}

/// Forgets the sign-ins that had ended before an instant.
pub async fn forget(tx: &Tx, before: Timestamp) -> Result<()> {
    sign_ins::Entity::delete_many().filter(sign_ins::Column::ExpiresAt.lt(stored(before))).exec(&tx.0).await?;
    Ok(())
}
