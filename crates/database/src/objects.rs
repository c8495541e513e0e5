//! Stored objects that go unless a piece comes to name them. What is written here before bytes are stored cannot be left behind.

use jiff::Timestamp;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, ConnectionTrait, EntityTrait as _, IntoActiveModel as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _, Select,
};

use crate::connection::stored;
use crate::entities::doomed_objects;
use crate::{Result, Tx};

/// The instant of an object that is being removed.
const CLAIMED: i64 = 0;

/// Lets an object go after an instant.
pub async fn doom(tx: &Tx, key: &str, after: Timestamp) -> Result<()> {
    let row = doomed_objects::Model { object_key: key.to_owned(), after: stored(after) };
    doomed_objects::Entity::insert(row.into_active_model().reset_all())
        .on_conflict(
            OnConflict::column(doomed_objects::Column::ObjectKey)
                .update_column(doomed_objects::Column::After)
                .to_owned(),
        )
        .exec_without_returning(&tx.0)
        .await?;
    Ok(())
}

/// Lets an object stay; `false` when it is too late.
pub async fn spare(tx: &Tx, key: &str) -> Result<bool> {
    let spared = doomed_objects::Entity::delete_many()
        .filter(doomed_objects::Column::ObjectKey.eq(key))
        .filter(doomed_objects::Column::After.gt(CLAIMED))
        .exec(&tx.0)
        .await?;
    Ok(spared.rows_affected == 1)
}

/// The objects of an area that go one day.
pub async fn doomed(conn: &impl ConnectionTrait, area: &str) -> Result<Vec<String>> {
    let of_area = doomed_objects::Entity::find().filter(doomed_objects::Column::ObjectKey.starts_with(area));
    Ok(of_area.all(conn).await?.into_iter().map(|row| row.object_key).collect())
}

/// Whether the time of an object has come.
pub async fn due(conn: &impl ConnectionTrait, now: Timestamp) -> Result<bool> {
    Ok(due_at(now).limit(1).one(conn).await?.is_some())
}

fn due_at(now: Timestamp) -> Select<doomed_objects::Entity> {
    doomed_objects::Entity::find().filter(doomed_objects::Column::After.lte(stored(now)))
}

/// Claims objects whose time has come, at most `limit`: nobody spares them any more.
pub async fn claim(tx: &Tx, now: Timestamp, limit: u64) -> Result<Vec<String>> {
    let oldest = due_at(now).order_by_asc(doomed_objects::Column::After).limit(limit).lock_exclusive();
    let rows = oldest.all(&tx.0).await?;
    let keys: Vec<String> = rows.into_iter().map(|row| row.object_key).collect();
    if !keys.is_empty() {
        doomed_objects::Entity::update_many()
            .col_expr(doomed_objects::Column::After, Expr::value(CLAIMED))
            .filter(doomed_objects::Column::ObjectKey.is_in(keys.iter().cloned()))
            .exec(&tx.0)
            .await?;
    }
    Ok(keys)
}

/// Notes that objects are gone.
pub async fn gone(tx: &Tx, keys: &[String]) -> Result<()> {
    doomed_objects::Entity::delete_many()
        .filter(doomed_objects::Column::ObjectKey.is_in(keys.iter().cloned()))
        .exec(&tx.0)
        .await?;
    Ok(())
}
