//! What unsettles a decision after its ranking was computed: exclusions and reopenings, in the order in which they were kept.

use std::collections::BTreeMap;

use ami_domain::ids::{CallId, DossierId};
use ami_domain::jury::Voice;
use ami_domain::sheet::{Reopening, Sheet};
use sea_orm::sea_query::{Alias, Cond, Expr, ExprTrait as _, Func, Query, SelectStatement, UnionType};
use sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait as _, QuerySelect as _};

use crate::connection::{insert, stored};
use crate::entities::{counters, dossiers, recusals, seats, sheet_reopenings, sheets};
use crate::{Result, Tx, calls};

/// The series of numbers that exclusions, reopenings and rankings of a call share.
pub(crate) const SERIES: &str = "upsets";

/// The numbers of the last ones on a dossier that took marks away which counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Upsets {
    /// Of the last exclusion of a juror who had signed.
    pub recusal: Option<i64>,
    /// Of the last reopening of a sheet.
    pub reopening: Option<i64>,
}

/// The number of the last one in a call; 0 before the first.
pub async fn last(conn: &impl ConnectionTrait, call: CallId) -> Result<i64> {
    let row = counters::Entity::find_by_id((call.uuid(), SERIES.to_owned())).one(conn).await?;
    Ok(row.map_or(0, |r| r.value))
}

/// The same, for a write: no other one is kept until the transaction ends.
pub async fn hold(tx: &Tx, call: CallId) -> Result<i64> {
    let row = counters::Entity::find_by_id((call.uuid(), SERIES.to_owned())).lock_exclusive().one(&tx.0).await?;
    Ok(row.map_or(0, |r| r.value))
}

/// Keeps a reopening under the call's next number.
pub(crate) async fn insert_reopening(
    tx: &Tx,
    id: ami_domain::ids::HistoryId,
    sheet: &Sheet,
    r: &Reopening,
) -> Result<()> {
    let place = dossiers::Entity::find_by_id(sheet.dossier.uuid()).one(&tx.0).await?;
    let call = place.ok_or_else(|| crate::connection::corrupt("sheets", "dossier_id", sheet.id, "no dossier"))?.call_id;
    let number = calls::next_number(tx, call.into(), SERIES).await?;
    insert(
        tx,
        sheet_reopenings::Model {
            id: id.uuid(),
            sheet_id: sheet.id.uuid(),
            dossier_id: sheet.dossier.uuid(),
            number,
            reason: r.reason.clone(),
            at: stored(r.at),
            by_account: r.by.uuid(),
            until: Some(stored(r.until)),
        },
    )
    .await
}

/// Those on the dossiers of a call, or on some of them; dossiers without any are left out. One statement.
pub async fn of_dossiers(
    conn: &impl ConnectionTrait,
    call: CallId,
    only: Option<&[DossierId]>,
) -> Result<BTreeMap<DossierId, Upsets>> {
    let query = excluded(call, only).union(UnionType::All, reopened(call, only)).to_owned();
    let mut found: BTreeMap<DossierId, Upsets> = BTreeMap::new();
    for row in conn.query_all(&query).await? {
        let dossier: sea_orm::prelude::Uuid = row.try_get("", "dossier_id")?;
        let upsets = found.entry(dossier.into()).or_default();
        let (recusal, reopening): (Option<i64>, Option<i64>) =
            (row.try_get("", "recusal")?, row.try_get("", "reopening")?);
        *upsets = Upsets { recusal: upsets.recusal.or(recusal), reopening: upsets.reopening.or(reopening) };
    }
    Ok(found)
}

/// Sheets of seats whose marks count, on the dossiers that are asked about.
fn counted(call: CallId, only: Option<&[DossierId]>) -> SelectStatement {
    let mut query = Query::select()
        .column((sheets::Entity, sheets::Column::DossierId))
        .from(sheets::Entity)
        .inner_join(
            seats::Entity,
            Expr::col((seats::Entity, seats::Column::Id)).equals((sheets::Entity, sheets::Column::SeatId)),
        )
        .and_where(seats::Column::CallId.eq(call.uuid()))
        .and_where(seats::Column::Voice.eq(Voice::Deliberative.as_str()))
        .group_by_col((sheets::Entity, sheets::Column::DossierId))
        .to_owned();
    if let Some(only) = only {
        query.and_where(sheets::Column::DossierId.is_in(only.iter().map(|d| d.uuid())));
    }
    query
}

fn excluded(call: CallId, only: Option<&[DossierId]>) -> SelectStatement {
    let column = |column| Expr::col((recusals::Entity, column));
    let covers = Cond::any()
        .add(column(recusals::Column::DossierId).equals((sheets::Entity, sheets::Column::DossierId)))
        .add(column(recusals::Column::Lot).equals((dossiers::Entity, dossiers::Column::Lot)));
    counted(call, only)
        .inner_join(
            dossiers::Entity,
            Expr::col((dossiers::Entity, dossiers::Column::Id)).equals((sheets::Entity, sheets::Column::DossierId)),
        )
        .inner_join(recusals::Entity, column(recusals::Column::SeatId).equals((sheets::Entity, sheets::Column::SeatId)))
        .and_where(sheets::Column::State.ne("draft"))
        .cond_where(covers)
        .expr_as(Func::max(column(recusals::Column::Number)), Alias::new("recusal"))
        .expr_as(Expr::cust("CAST(NULL AS BIGINT)"), Alias::new("reopening"))
        .to_owned()
}

fn reopened(call: CallId, only: Option<&[DossierId]>) -> SelectStatement {
    let column = |column| Expr::col((sheet_reopenings::Entity, column));
    counted(call, only)
        .inner_join(
            sheet_reopenings::Entity,
            column(sheet_reopenings::Column::SheetId).equals((sheets::Entity, sheets::Column::Id)),
        )
        .expr_as(Expr::cust("CAST(NULL AS BIGINT)"), Alias::new("recusal"))
        .expr_as(Func::max(column(sheet_reopenings::Column::Number)), Alias::new("reopening"))
        .to_owned()
}
