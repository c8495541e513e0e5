//! Who read what: one row for each person, thing and hour, in batches whose hashes are in the journal.

use std::collections::BTreeSet;

use ami_domain::deposit::sha256_hex;
use ami_domain::ids::AccountId;
use jiff::Timestamp;
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, ConnectionTrait, EntityTrait as _, IntoActiveModel as _, QueryFilter as _,
};
use uuid::Uuid;

use crate::connection::stored;
use crate::entities::access_log;
use crate::{Result, Tx};

/// Microseconds of an hour.
const HOUR: i64 = 3_600_000_000;

/// A reading, within an hour.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reading {
    /// Hours since the Unix epoch.
    pub hour: i64,
    /// Who.
    pub account: AccountId,
    /// Kind of thing, such as `dossier`, `piece`, `ranking`, `export` or `sign-in`.
    pub kind: String,
    /// Its id or code.
    pub object: String,
}

/// The hour of an instant.
pub fn hour(at: Timestamp) -> i64 {
    stored(at).div_euclid(HOUR)
}

/// SHA-256 of readings, a line each, in order.
pub fn hash(readings: &BTreeSet<Reading>) -> String {
    let line = |r: &Reading| format!("{} {} {} {}\n", r.hour, r.account, r.kind, r.object);
    let lines = readings.iter().map(line).collect::<Vec<_>>().concat();
    sha256_hex(lines.as_bytes())
}

/// Keeps those readings that are not there yet, as one batch; gives them.
pub async fn keep(tx: &Tx, batch: Uuid, readings: &BTreeSet<Reading>) -> Result<BTreeSet<Reading>> {
    let hours: BTreeSet<i64> = readings.iter().map(|r| r.hour).collect();
    let people: BTreeSet<Uuid> = readings.iter().map(|r| r.account.uuid()).collect();
    let there = access_log::Entity::find()
        .filter(access_log::Column::Hour.is_in(hours))
        .filter(access_log::Column::AccountId.is_in(people))
        .all(&tx.0)
        .await?;
    let there: BTreeSet<Reading> = there.into_iter().map(reading).collect();
    let new: BTreeSet<Reading> = readings.difference(&there).cloned().collect();
    if new.is_empty() {
        return Ok(new);
    }
    let rows = new.iter().map(|r| {
        access_log::Model {
            hour: r.hour,
            account_id: r.account.uuid(),
            kind: r.kind.clone(),
            object: r.object.clone(),
            batch,
        }
        .into_active_model()
        .reset_all()
    });
    access_log::Entity::insert_many(rows).exec_without_returning(&tx.0).await?;
    Ok(new)
}

fn reading(row: access_log::Model) -> Reading {
    Reading { hour: row.hour, account: row.account_id.into(), kind: row.kind, object: row.object }
}

/// The readings of a batch, as they are kept now.
pub async fn batch(conn: &impl ConnectionTrait, id: Uuid) -> Result<BTreeSet<Reading>> {
    let rows = access_log::Entity::find().filter(access_log::Column::Batch.eq(id)).all(conn).await?;
    Ok(rows.into_iter().map(reading).collect())
}

/// Removes readings from before an instant; gives how many.
pub async fn forget(tx: &Tx, before: Timestamp) -> Result<u64> {
    let gone = access_log::Entity::delete_many().filter(access_log::Column::Hour.lt(hour(before))).exec(&tx.0).await?;
    Ok(gone.rows_affected)
}
