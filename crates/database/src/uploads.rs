//! Files on their way in, in parts.

use ami_domain::ids::{AccountId, DossierId, PieceId, UploadId};
use ami_domain::policy::{Permit, acts};
use ami_domain::upload::UploadState;
use jiff::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QuerySelect as _, UpdateMany};

use crate::connection::{corrupt, insert, instant, permitted, stored};
use crate::entities::upload::uploads;
use crate::{Result, Tx};

/// A file on its way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Its id.
    pub id: UploadId,
    /// The dossier that it is for.
    pub dossier: DossierId,
    /// The slot's code.
    pub slot: String,
    /// Its name, as it was given.
    pub name: String,
    /// Bytes, as they were announced.
    pub size: u64,
    /// SHA-256 in lower-case hexadecimal, where it was announced.
    pub sha256: Option<String>,
    /// What becomes of it.
    pub state: UploadState,
    /// What the storage calls it.
    pub storage_id: Option<String>,
    /// Where it will be in the storage.
    pub object_key: String,
    /// The piece that it became.
    pub piece: Option<PieceId>,
    /// Why it will not be one, as JSON.
    pub refusal: Option<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// Who sends it.
    pub by: AccountId,
    /// When all of it was there.
    pub completed_at: Option<Timestamp>,
}

fn upload(r: uploads::Model) -> Result<Upload> {
    let at = |column, value| instant("uploads", column, r.id, value);
    Ok(Upload {
        state: UploadState::parse(&r.state).ok_or_else(|| corrupt("uploads", "state", r.id, &r.state))?,
        size: u64::try_from(r.size).map_err(|e| corrupt("uploads", "size", r.id, e))?,
        created_at: at("created_at", r.created_at)?,
        completed_at: r.completed_at.map(|value| at("completed_at", value)).transpose()?,
        id: r.id.into(),
        dossier: r.dossier_id.into(),
        slot: r.slot,
        name: r.name,
        sha256: r.sha256,
        storage_id: r.storage_id,
        object_key: r.object_key,
        piece: r.piece_id.map(Into::into),
        refusal: r.refusal,
        by: r.created_by.into(),
    })
}

/// Keeps an upload that begins.
pub async fn insert_upload(tx: &Tx, permit: &Permit<acts::EditDossier>, upload: &Upload) -> Result<()> {
    permitted("uploads", permit.on(), upload.dossier)?;
    insert(
        tx,
        uploads::Model {
            id: upload.id.uuid(),
            dossier_id: upload.dossier.uuid(),
            slot: upload.slot.clone(),
            name: upload.name.clone(),
            size: i64::try_from(upload.size).map_err(|e| corrupt("uploads", "size", upload.id, e))?,
            sha256: upload.sha256.clone(),
            state: upload.state.as_str().to_owned(),
            storage_id: upload.storage_id.clone(),
            object_key: upload.object_key.clone(),
            piece_id: upload.piece.map(PieceId::uuid),
            refusal: upload.refusal.clone(),
            created_at: stored(upload.created_at),
            created_by: upload.by.uuid(),
            completed_at: upload.completed_at.map(stored),
        },
    )
    .await
}

/// An upload by its id.
pub async fn find(conn: &impl ConnectionTrait, id: UploadId) -> Result<Option<Upload>> {
    uploads::Entity::find_by_id(id.uuid()).one(conn).await?.map(upload).transpose()
}

/// The same, kept from other writers until the transaction ends.
pub async fn find_for_update(tx: &Tx, id: UploadId) -> Result<Option<Upload>> {
    uploads::Entity::find_by_id(id.uuid()).lock_exclusive().one(&tx.0).await?.map(upload).transpose()
}

/// The uploads of a dossier that hold room in it.
pub async fn open_of(conn: &impl ConnectionTrait, dossier: DossierId) -> Result<Vec<Upload>> {
    let open = [UploadState::Receiving, UploadState::Checking].map(UploadState::as_str);
    let found = uploads::Entity::find()
        .filter(uploads::Column::DossierId.eq(dossier.uuid()))
        .filter(uploads::Column::State.is_in(open))
        .all(conn)
        .await?;
    found.into_iter().map(upload).collect()
}

fn in_state(id: UploadId, state: UploadState) -> UpdateMany<uploads::Entity> {
    uploads::Entity::update_many()
        .filter(uploads::Column::Id.eq(id.uuid()))
        .filter(uploads::Column::State.eq(state.as_str()))
}

/// Says what the storage calls an upload; `false` when that was said already.
pub async fn begin_parts(tx: &Tx, id: UploadId, storage_id: &str) -> Result<bool> {
    let begun = in_state(id, UploadState::Receiving)
        .col_expr(uploads::Column::StorageId, Expr::value(storage_id))
        .filter(uploads::Column::StorageId.is_null())
        .exec(&tx.0)
        .await?;
    Ok(begun.rows_affected == 1)
}

/// All of an upload is there; `false` when somebody else has said so.
pub async fn set_checking(tx: &Tx, id: UploadId, now: Timestamp) -> Result<bool> {
    let moved = in_state(id, UploadState::Receiving)
        .col_expr(uploads::Column::State, Expr::value(UploadState::Checking.as_str()))
        .col_expr(uploads::Column::CompletedAt, Expr::value(stored(now)))
        .exec(&tx.0)
        .await?;
    Ok(moved.rows_affected == 1)
}

/// An upload is a piece; `false` when it was not being checked any more.
pub async fn accept(tx: &Tx, id: UploadId, piece: PieceId) -> Result<bool> {
    let moved = in_state(id, UploadState::Checking)
        .col_expr(uploads::Column::State, Expr::value(UploadState::Accepted.as_str()))
        .col_expr(uploads::Column::PieceId, Expr::value(piece.uuid()))
        // Nothing is to be given up of it any more.
        .col_expr(uploads::Column::StorageId, Expr::value(None::<String>))
        .exec(&tx.0)
        .await?;
    Ok(moved.rows_affected == 1)
}

/// An upload in this state will not be a piece, and says why, as JSON.
pub async fn refuse(tx: &Tx, id: UploadId, from: UploadState, refusal: &str) -> Result<()> {
    in_state(id, from)
        .col_expr(uploads::Column::State, Expr::value(UploadState::Refused.as_str()))
        .col_expr(uploads::Column::Refusal, Expr::value(refusal))
        .exec(&tx.0)
        .await?;
    Ok(())
}

/// The uploads whose objects these would have been.
pub async fn of_objects(conn: &impl ConnectionTrait, keys: &[String]) -> Result<Vec<Upload>> {
    let found = uploads::Entity::find().filter(uploads::Column::ObjectKey.is_in(keys)).all(conn).await?;
    found.into_iter().map(upload).collect()
}

/// Forgets uploads that ended, of before an instant.
pub async fn forget(tx: &Tx, before: Timestamp) -> Result<()> {
    let ended = [UploadState::Accepted, UploadState::Refused].map(UploadState::as_str);
    uploads::Entity::delete_many()
        .filter(uploads::Column::State.is_in(ended))
        .filter(uploads::Column::CreatedAt.lt(stored(before)))
        .exec(&tx.0)
        .await?;
    Ok(())
}
