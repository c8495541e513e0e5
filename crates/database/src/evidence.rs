//! Public halves of the keys that sign evidence.

use jiff::Timestamp;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveModelTrait as _, ConnectionTrait, EntityTrait as _, IntoActiveModel as _};

use crate::connection::stored;
use crate::entities::evidence_keys;
use crate::{Result, Tx};

/// Remembers a key, once.
pub async fn remember_key(tx: &Tx, public: &str, now: Timestamp) -> Result<()> {
    if keys(&tx.0).await?.iter().any(|known| known == public) {
        return Ok(());
    }
    let row = evidence_keys::Model { public: public.to_owned(), first_seen_at: stored(now) };
    evidence_keys::Entity::insert(row.into_active_model().reset_all())
        .on_conflict(OnConflict::column(evidence_keys::Column::Public).do_nothing().to_owned())
        .exec_without_returning(&tx.0)
        .await?;
    Ok(())
}

/// Every key that ever signed evidence here.
pub async fn keys(conn: &impl ConnectionTrait) -> Result<Vec<String>> {
    Ok(evidence_keys::Entity::find().all(conn).await?.into_iter().map(|row| row.public).collect())
}
