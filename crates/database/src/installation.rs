//! What the database was last used as, which database it is, and the keys that its servers share.

use jiff::Timestamp;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, ConnectionTrait, DbBackend, EntityTrait as _, IntoActiveModel as _,
    QueryFilter as _, QueryOrder as _, Statement,
};
use uuid::Uuid;

use crate::connection::{Database, exactly_one, stored};
use crate::entities::{installation, signing_keys};
use crate::{DatabaseError, Result, Tx};

/// The first and only row.
const SINGLE: i64 = 1;

/// The fingerprint of where this database was last used; `None` until somebody used it.
pub async fn fingerprint(conn: &impl ConnectionTrait) -> Result<Option<String>> {
    Ok(installation::Entity::find_by_id(SINGLE).one(conn).await?.map(|row| row.fingerprint))
}

/// Makes the database one that is used here, unless somebody uses it already.
pub async fn adopt(tx: &Tx, id: Uuid, fingerprint: &str, now: Timestamp) -> Result<()> {
    let row = installation::Model { single: SINGLE, id, fingerprint: fingerprint.to_owned(), adopted_at: stored(now) };
    installation::Entity::insert(row.into_active_model().reset_all())
        .on_conflict(OnConflict::column(installation::Column::Single).do_nothing().to_owned())
        .exec_without_returning(&tx.0)
        .await?;
    Ok(())
}

/// Makes a database that was used elsewhere one that is used here: an installation of its own.
pub async fn take_over(tx: &Tx, id: Uuid, fingerprint: &str, now: Timestamp) -> Result<()> {
    let updated = installation::Entity::update_many()
        .col_expr(installation::Column::Id, Expr::value(id))
        .col_expr(installation::Column::Fingerprint, Expr::value(fingerprint))
        .col_expr(installation::Column::AdoptedAt, Expr::value(stored(now)))
        .filter(installation::Column::Single.eq(SINGLE))
        .exec(&tx.0)
        .await?;
    exactly_one("installation", &updated)
}

/// The seeds of the keys of access tokens, the one that signs first.
pub async fn signing_seeds(conn: &impl ConnectionTrait) -> Result<Vec<String>> {
    let rows = signing_keys::Entity::find().order_by_asc(signing_keys::Column::Id).all(conn).await?;
    Ok(rows.into_iter().map(|row| row.seed).collect())
}

/// Keeps a seed, unless there is one already: of several servers that start together one is heard.
pub async fn keep_signing_seed(tx: &Tx, seed: &str, now: Timestamp) -> Result<()> {
    let row = signing_keys::Model { id: SINGLE, seed: seed.to_owned(), created_at: stored(now) };
    signing_keys::Entity::insert(row.into_active_model().reset_all())
        .on_conflict(OnConflict::column(signing_keys::Column::Id).do_nothing().to_owned())
        .exec_without_returning(&tx.0)
        .await?;
    Ok(())
}

impl Database {
    /// Which database this is: the same for every server that uses it, another one for a copy. On SQLite the file (its path,
    /// number and birth), on PostgreSQL the cluster's system identifier and the database's number in it.
    pub async fn identity(&self) -> Result<String> {
        let connection = self.read();
        match connection.get_database_backend() {
            DbBackend::Sqlite => {
                let sql = "SELECT file FROM pragma_database_list WHERE name = 'main'";
                let file = text(connection, DbBackend::Sqlite, sql).await?.unwrap_or_default();
                Ok(format!("sqlite {file} {}", of_file(std::path::Path::new(&file))))
            }
            backend => {
                let sql = "SELECT oid::text FROM pg_database WHERE datname = current_database()";
                let number = text(connection, backend, sql).await?.unwrap_or_default();
                // Some hosts keep this function to themselves: the number alone must do there.
                let sql = "SELECT system_identifier::text FROM pg_control_system()";
                let system = match text(connection, backend, sql).await {
                    Ok(system) => system.unwrap_or_default(),
                    Err(DatabaseError::Other(_)) => String::new(),
                    Err(error) => return Err(error),
                };
                Ok(format!("postgres {system} {number}"))
            }
        }
    }
}

async fn text(conn: &impl ConnectionTrait, backend: DbBackend, sql: &str) -> Result<Option<String>> {
    let row = conn.query_one_raw(Statement::from_string(backend, sql)).await?;
    Ok(row.map(|row| row.try_get_by_index(0)).transpose()?)
}

/// A file's number and birth: a copy has others. Not its device, whose number may change when the machine starts.
fn of_file(path: &std::path::Path) -> String {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(metadata) = std::fs::metadata(path) else { return String::new() };
    let born = metadata.created().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    format!("{} {}", metadata.ino(), born.map_or(0, |d| d.as_micros()))
}
