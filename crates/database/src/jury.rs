//! Seats, recusals, and the score sheets that seats were asked for.

use std::collections::BTreeMap;

use ami_domain::dossier::DossierStateName;
use ami_domain::grid::{Grid, Mark};
use ami_domain::ids::{CallId, DossierId, HistoryId, SeatId, SheetId};
use ami_domain::jury::{College, Recusal, RecusalOrigin, RecusalReason, RecusalScope, Seat, Voice};
use ami_domain::policy::{Act, Action, Permit, acts};
use ami_domain::sheet::{Entry, Reopening, Sheet, SheetState};
use jiff::Timestamp;
use sea_orm::sea_query::{Expr, Func, OnConflict, Query};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, ExprTrait as _, FromQueryResult, IntoActiveModel as _,
    JoinType, QueryFilter as _, QueryOrder as _, QueryResult, QuerySelect as _,
};

use crate::connection::{corrupt, exactly_one, insert, instant, permitted, stored};
use crate::entities::{accounts, dossiers, mark_history, marks, recusals, seats, sheets};
use crate::{Result, Tx, calls, upsets};

fn seat(r: seats::Model) -> Result<Seat> {
    Ok(Seat {
        college: College::parse(&r.college).ok_or_else(|| corrupt("seats", "college", r.id, &r.college))?,
        voice: Voice::parse(&r.voice).ok_or_else(|| corrupt("seats", "voice", r.id, &r.voice))?,
        accepted_at: r.accepted_at.map(|v| instant("seats", "accepted_at", r.id, v)).transpose()?,
        declared_at: r.declared_at.map(|v| instant("seats", "declared_at", r.id, v)).transpose()?,
        id: r.id.into(),
        call: r.call_id.into(),
        account: r.account_id.into(),
        label: r.label,
        chair: r.chair,
    })
}

/// Adds a seat.
///
/// # Errors
/// [`crate::Constraint::SeatAccount`] when the person sits already.
pub async fn insert_seat(tx: &Tx, permit: &Permit<acts::ManageJury>, seat: &Seat, now: Timestamp) -> Result<()> {
    permitted("seats", permit.on(), seat.call)?;
    insert(
        tx,
        seats::Model {
            id: seat.id.uuid(),
            call_id: seat.call.uuid(),
            account_id: seat.account.uuid(),
            label: seat.label.clone(),
            college: seat.college.as_str().to_owned(),
            voice: seat.voice.as_str().to_owned(),
            chair: seat.chair,
            declared_at: seat.declared_at.map(stored),
            created_at: stored(now),
            accepted_at: seat.accepted_at.map(stored),
        },
    )
    .await
}

/// The seats of a call, in order of their labels.
pub async fn seats(conn: &impl ConnectionTrait, call: CallId) -> Result<Vec<Seat>> {
    let rows = seats::Entity::find().filter(seats::Column::CallId.eq(call.uuid())).all(conn).await?;
    let mut found = rows.into_iter().map(seat).collect::<Result<Vec<_>>>()?;
    // J2 before J10.
    found.sort_by(|a, b| (a.label.len(), &a.label).cmp(&(b.label.len(), &b.label)));
    Ok(found)
}

/// The same, each with its holder's name and address.
pub async fn seats_with_people(conn: &impl ConnectionTrait, call: CallId) -> Result<Vec<(Seat, String, String)>> {
    let rows = seats::Entity::find()
        .expr_as(Expr::col((accounts::Entity, accounts::Column::Name)), "person")
        .expr_as(Expr::col((accounts::Entity, accounts::Column::Email)), "address")
        .join(
            JoinType::InnerJoin,
            seats::Entity::belongs_to(accounts::Entity).from(seats::Column::AccountId).to(accounts::Column::Id).into(),
        )
        .filter(seats::Column::CallId.eq(call.uuid()))
        .into_model::<SeatOf>()
        .all(conn)
        .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        found.push((seat(row.seat)?, row.person, row.address));
    }
    found.sort_by(|(a, ..), (b, ..)| (a.label.len(), &a.label).cmp(&(b.label.len(), &b.label)));
    Ok(found)
}

struct SeatOf {
    seat: seats::Model,
    person: String,
    address: String,
}

impl FromQueryResult for SeatOf {
    fn from_query_result(row: &QueryResult, prefix: &str) -> std::result::Result<Self, DbErr> {
        let seat = seats::Model::from_query_result(row, prefix)?;
        Ok(Self { seat, person: row.try_get(prefix, "person")?, address: row.try_get(prefix, "address")? })
    }
}

/// Records that a juror declared conflicts, or that there are none; whoever declares accepts to sit.
pub async fn set_declared(tx: &Tx, permit: &Permit<acts::DeclareConflicts>, now: Timestamp) -> Result<()> {
    let updated = seats::Entity::update_many()
        .col_expr(seats::Column::DeclaredAt, Expr::value(stored(now)))
        .col_expr(
            seats::Column::AcceptedAt,
            Func::coalesce([Expr::col(seats::Column::AcceptedAt), Expr::value(stored(now))]).into(),
        )
        .filter(seats::Column::Id.eq(permit.on().uuid()))
        .exec(&tx.0)
        .await?;
    exactly_one("seats", &updated)
}

/// What may exclude a seat.
pub trait Recuses: Act<Object = SeatId> {}
impl Recuses for acts::DeclareConflicts {}
impl Recuses for acts::ImposeRecusal {}

/// Keeps a recusal of a seat of this call.
pub async fn insert_recusal<A: Recuses>(tx: &Tx, permit: &Permit<A>, call: CallId, recusal: &Recusal) -> Result<()> {
    permitted("recusals", permit.on(), recusal.seat)?;
    let number = calls::next_number(tx, call, upsets::SERIES).await?;
    let (lot, dossier_id) = match &recusal.scope {
        RecusalScope::Lot(lot) => (Some(lot.clone()), None),
        RecusalScope::Dossier(id) => (None, Some(id.uuid())),
    };
    insert(
        tx,
        recusals::Model {
            id: recusal.id.uuid(),
            seat_id: recusal.seat.uuid(),
            lot,
            dossier_id,
            reason: recusal.reason.as_str().to_owned(),
            comment: recusal.comment.clone(),
            origin: recusal.origin.as_str().to_owned(),
            created_at: stored(recusal.at),
            created_by: permit.by().uuid(),
            number,
        },
    )
    .await
}

/// Every recusal in a call.
pub async fn recusals(conn: &impl ConnectionTrait, call: CallId) -> Result<Vec<Recusal>> {
    let of_call = Query::select()
        .column(seats::Column::Id)
        .from(seats::Entity)
        .and_where(seats::Column::CallId.eq(call.uuid()))
        .to_owned();
    let rows = recusals::Entity::find()
        .filter(recusals::Column::SeatId.in_subquery(of_call))
        .order_by_asc(recusals::Column::Id)
        .all(conn)
        .await?;
    rows.into_iter()
        .map(|r| {
            let scope = match (r.lot, r.dossier_id) {
                (Some(lot), None) => RecusalScope::Lot(lot),
                (None, Some(dossier)) => RecusalScope::Dossier(dossier.into()),
                _ => return Err(corrupt("recusals", "lot", r.id, "neither a lot nor a dossier")),
            };
            Ok(Recusal {
                id: r.id.into(),
                seat: r.seat_id.into(),
                scope,
                reason: RecusalReason::parse(&r.reason)
                    .ok_or_else(|| corrupt("recusals", "reason", r.id, &r.reason))?,
                comment: r.comment,
                origin: RecusalOrigin::parse(&r.origin)
                    .ok_or_else(|| corrupt("recusals", "origin", r.id, &r.origin))?,
                at: instant("recusals", "created_at", r.id, r.created_at)?,
            })
        })
        .collect()
}

/// Asks a seat for sheets; earlier requests that were taken back come to life again with their marks, those that stand are left.
pub async fn assign(
    tx: &Tx,
    permit: &Permit<acts::AssignDossier>,
    dossiers: &[DossierId],
    id: impl Fn() -> SheetId,
    now: Timestamp,
) -> Result<()> {
    let seat = permit.on();
    let ids = || dossiers.iter().map(|d| d.uuid());
    let known: Vec<sea_orm::prelude::Uuid> = sheets::Entity::find()
        .select_only()
        .column(sheets::Column::DossierId)
        .filter(sheets::Column::SeatId.eq(seat.uuid()))
        .filter(sheets::Column::DossierId.is_in(ids()))
        .into_tuple()
        .all(&tx.0)
        .await?;
    if !known.is_empty() {
        sheets::Entity::update_many()
            .col_expr(sheets::Column::RemovedAt, Expr::value(Option::<i64>::None))
            .filter(sheets::Column::SeatId.eq(seat.uuid()))
            .filter(sheets::Column::DossierId.is_in(known.iter().copied()))
            .exec(&tx.0)
            .await?;
    }
    let new: std::collections::BTreeSet<_> = ids().filter(|dossier| !known.contains(dossier)).collect();
    for dossier in new {
        insert(
            tx,
            sheets::Model {
                id: id().uuid(),
                seat_id: seat.uuid(),
                dossier_id: dossier,
                state: "draft".into(),
                revision: 0,
                assigned_at: stored(now),
                assigned_by: permit.by().uuid(),
                removed_at: None,
                updated_at: stored(now),
                locked_at: None,
                reopened_at: None,
                reopened_by: None,
                reopened_because: None,
                reopened_until: None,
            },
        )
        .await?;
    }
    Ok(())
}

/// Where the sheets of a seat on some dossiers stand, kept from other writers until the transaction ends.
pub async fn hold_sheets(tx: &Tx, seat: SeatId, dossiers: &[DossierId]) -> Result<Vec<String>> {
    if dossiers.is_empty() {
        return Ok(vec![]);
    }
    let rows = sheets::Entity::find()
        .filter(sheets::Column::SeatId.eq(seat.uuid()))
        .filter(sheets::Column::DossierId.is_in(dossiers.iter().map(|d| d.uuid())))
        .filter(sheets::Column::RemovedAt.is_null())
        .lock_exclusive()
        .all(&tx.0)
        .await?;
    Ok(rows.into_iter().map(|r| r.state).collect())
}

/// What may take a request for a sheet back.
pub trait Unassigns: Act<Object = SeatId> {}
impl Unassigns for acts::AssignDossier {}
impl Unassigns for acts::DeclareConflicts {}
impl Unassigns for acts::ImposeRecusal {}

/// Takes requests for sheets back. The marks stay, and count nowhere.
pub async fn unassign<A: Unassigns>(tx: &Tx, permit: &Permit<A>, dossiers: &[DossierId], now: Timestamp) -> Result<()> {
    sheets::Entity::update_many()
        .col_expr(sheets::Column::RemovedAt, Expr::value(stored(now)))
        .filter(sheets::Column::SeatId.eq(permit.on().uuid()))
        .filter(sheets::Column::DossierId.is_in(dossiers.iter().map(|d| d.uuid())))
        .filter(sheets::Column::RemovedAt.is_null())
        .exec(&tx.0)
        .await?;
    Ok(())
}

fn sheet(r: sheets::Model, entries: BTreeMap<String, Entry>) -> Result<Sheet> {
    let state = match (r.state.as_str(), r.locked_at, r.reopened_at, r.reopened_by, r.reopened_because) {
        ("draft", ..) => SheetState::Draft,
        ("locked", Some(at), ..) => SheetState::Locked { at: instant("sheets", "locked_at", r.id, at)? },
        ("reopened", _, Some(at), Some(by), Some(reason)) => {
            let until = r.reopened_until.ok_or_else(|| corrupt("sheets", "reopened_until", r.id, "nothing"))?;
            SheetState::Reopened(Reopening {
                by: by.into(),
                reason,
                at: instant("sheets", "reopened_at", r.id, at)?,
                until: instant("sheets", "reopened_until", r.id, until)?,
            })
        }
        _ => return Err(corrupt("sheets", "state", r.id, &r.state)),
    };
    Ok(Sheet {
        id: r.id.into(),
        seat: r.seat_id.into(),
        dossier: r.dossier_id.into(),
        state,
        revision: r.revision,
        entries,
    })
}

/// A sheet as its row says, without marks.
pub(crate) fn without_entries(r: sheets::Model) -> Result<Sheet> {
    sheet(r, BTreeMap::new())
}

fn entry(r: marks::Model, grid: &Grid) -> Result<(SheetId, String, Entry)> {
    let mark = r
        .mark
        .map(|steps| grid.scale.mark_from_steps(steps).map_err(|e| corrupt("marks", "mark", r.sheet_id, e)))
        .transpose()?;
    Ok((r.sheet_id.into(), r.criterion, Entry { mark, comment: r.comment, abstained: r.abstention }))
}

fn with_entries(rows: Vec<sheets::Model>, entries: Vec<marks::Model>, grid: &Grid) -> Result<Vec<Sheet>> {
    let mut by_sheet: BTreeMap<SheetId, BTreeMap<String, Entry>> = BTreeMap::new();
    for row in entries {
        let (id, criterion, entry) = entry(row, grid)?;
        by_sheet.entry(id).or_default().insert(criterion, entry);
    }
    rows.into_iter()
        .map(|r| {
            let id = r.id.into();
            sheet(r, by_sheet.remove(&id).unwrap_or_default())
        })
        .collect()
}

/// The marks and comments of a sheet.
pub async fn entries(conn: &impl ConnectionTrait, id: SheetId, grid: &Grid) -> Result<BTreeMap<String, Entry>> {
    let rows = marks::Entity::find().filter(marks::Column::SheetId.eq(id.uuid())).all(conn).await?;
    rows.into_iter().map(|row| entry(row, grid).map(|(_, criterion, entry)| (criterion, entry))).collect()
}

/// The sheet that a seat was asked for on a dossier, without its marks.
pub async fn own_sheet(conn: &impl ConnectionTrait, seat: SeatId, dossier: DossierId) -> Result<Option<Sheet>> {
    let row = sheets::Entity::find()
        .filter(sheets::Column::SeatId.eq(seat.uuid()))
        .filter(sheets::Column::DossierId.eq(dossier.uuid()))
        .filter(sheets::Column::RemovedAt.is_null())
        .one(conn)
        .await?;
    row.map(without_entries).transpose()
}

/// Every sheet that a seat was asked for, without its marks, with how many criteria have one.
pub async fn marked_sheets(conn: &impl ConnectionTrait, seat: SeatId) -> Result<Vec<(Sheet, usize)>> {
    let marked = Query::select()
        .expr(marks::Column::SheetId.count())
        .from(marks::Entity)
        .and_where(Expr::col((marks::Entity, marks::Column::SheetId)).equals((sheets::Entity, sheets::Column::Id)))
        .and_where(marks::Column::Mark.is_not_null().or(marks::Column::Abstention.is_not_null()))
        .to_owned();
    let rows = sheets::Entity::find()
        .expr_as(Expr::from(marked), "marked")
        .filter(sheets::Column::SeatId.eq(seat.uuid()))
        .filter(sheets::Column::RemovedAt.is_null())
        .order_by_asc(sheets::Column::Id)
        .into_model::<MarkedSheet>()
        .all(conn)
        .await?;
    rows.into_iter().map(|r| Ok((without_entries(r.sheet)?, usize::try_from(r.marked).unwrap_or(0)))).collect()
}

struct MarkedSheet {
    sheet: sheets::Model,
    marked: i64,
}

impl FromQueryResult for MarkedSheet {
    fn from_query_result(row: &QueryResult, prefix: &str) -> std::result::Result<Self, DbErr> {
        let sheet = sheets::Model::from_query_result(row, prefix)?;
        Ok(Self { sheet, marked: row.try_get(prefix, "marked")? })
    }
}

/// Every sheet that is asked for in a call, with its marks.
pub async fn sheets_of_call(conn: &impl ConnectionTrait, call: CallId, grid: &Grid) -> Result<Vec<Sheet>> {
    let of_call = || {
        Query::select()
            .column(seats::Column::Id)
            .from(seats::Entity)
            .and_where(seats::Column::CallId.eq(call.uuid()))
            .to_owned()
    };
    let which = || sheets::Column::SeatId.in_subquery(of_call());
    let rows = sheets::Entity::find()
        .filter(which())
        .filter(sheets::Column::RemovedAt.is_null())
        .order_by_asc(sheets::Column::Id)
        .all(conn)
        .await?;
    let ids = Query::select()
        .column(sheets::Column::Id)
        .from(sheets::Entity)
        .and_where(which())
        .and_where(sheets::Column::RemovedAt.is_null())
        .to_owned();
    let entries = marks::Entity::find().filter(marks::Column::SheetId.in_subquery(ids)).all(conn).await?;
    with_entries(rows, entries, grid)
}

/// A sheet in a list of a call's sheets: whose, on what, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SheetPlace {
    /// Its id.
    pub id: SheetId,
    /// Whose.
    pub seat: SeatId,
    /// On what.
    pub dossier: DossierId,
    /// `draft`, `locked` or `reopened`.
    pub state: &'static str,
    /// Grows at every change.
    pub revision: i64,
}

/// Every sheet that is asked for in a call, without its marks, by id.
pub async fn sheet_places(conn: &impl ConnectionTrait, call: CallId) -> Result<Vec<SheetPlace>> {
    let of_call = Query::select()
        .column(seats::Column::Id)
        .from(seats::Entity)
        .and_where(seats::Column::CallId.eq(call.uuid()))
        .to_owned();
    let rows = sheets::Entity::find()
        .filter(sheets::Column::SeatId.in_subquery(of_call))
        .filter(sheets::Column::RemovedAt.is_null())
        .order_by_asc(sheets::Column::Id)
        .all(conn)
        .await?;
    rows.into_iter()
        .map(|r| {
            let sheet = sheet(r, BTreeMap::new())?;
            let (state, revision) = (sheet.state.as_str(), sheet.revision);
            Ok(SheetPlace { id: sheet.id, seat: sheet.seat, dossier: sheet.dossier, state, revision })
        })
        .collect()
}

/// How many sheets on admissible dossiers each seat of a call was asked for, and how many of them are locked.
pub async fn sheet_counts(conn: &impl ConnectionTrait, call: CallId) -> Result<BTreeMap<SeatId, (usize, usize)>> {
    let of_call = Query::select()
        .column(seats::Column::Id)
        .from(seats::Entity)
        .and_where(seats::Column::CallId.eq(call.uuid()))
        .to_owned();
    let rows: Vec<(sea_orm::prelude::Uuid, String, i64)> = sheets::Entity::find()
        .select_only()
        .column(sheets::Column::SeatId)
        .column(sheets::Column::State)
        .column_as(Expr::cust("COUNT(*)"), "n")
        .filter(sheets::Column::SeatId.in_subquery(of_call))
        .filter(sheets::Column::DossierId.in_subquery(admissible(call)))
        .filter(sheets::Column::RemovedAt.is_null())
        .group_by(sheets::Column::SeatId)
        .group_by(sheets::Column::State)
        .into_tuple()
        .all(conn)
        .await?;
    let mut counts: BTreeMap<SeatId, (usize, usize)> = BTreeMap::new();
    for (seat, state, n) in rows {
        let n = usize::try_from(n).unwrap_or(0);
        let (asked, locked) = counts.entry(seat.into()).or_default();
        *asked += n;
        *locked += if state == "locked" { n } else { 0 };
    }
    Ok(counts)
}

/// The dossiers of a call that are examined: neither withdrawn nor found inadmissible.
fn admissible(call: CallId) -> sea_orm::sea_query::SelectStatement {
    Query::select()
        .column(dossiers::Column::Id)
        .from(dossiers::Entity)
        .and_where(dossiers::Column::CallId.eq(call.uuid()))
        .and_where(dossiers::Column::State.eq(DossierStateName::Admissible.as_str()))
        .to_owned()
}

/// Which seats were asked for which of some dossiers, and whether their sheet is locked.
pub async fn asked(
    conn: &impl ConnectionTrait,
    dossiers: impl IntoIterator<Item = DossierId>,
) -> Result<BTreeMap<(SeatId, DossierId), bool>> {
    let rows: Vec<(sea_orm::prelude::Uuid, sea_orm::prelude::Uuid, String)> = sheets::Entity::find()
        .select_only()
        .column(sheets::Column::SeatId)
        .column(sheets::Column::DossierId)
        .column(sheets::Column::State)
        .filter(sheets::Column::DossierId.is_in(dossiers.into_iter().map(DossierId::uuid)))
        .filter(sheets::Column::RemovedAt.is_null())
        .into_tuple()
        .all(conn)
        .await?;
    Ok(rows.into_iter().map(|(seat, dossier, state)| ((seat.into(), dossier.into()), state == "locked")).collect())
}

/// What may change a sheet.
pub trait WritesSheet: Act<Object = SheetId> {}
impl WritesSheet for acts::Mark {}
impl WritesSheet for acts::LockSheet {}
impl WritesSheet for acts::ReopenSheet {}

/// Keeps a sheet's new state and the entries that changed, with their history.
///
/// # Errors
/// [`crate::DatabaseError::Conflict`] when it changed in the meantime.
pub async fn save_sheet<A: WritesSheet>(
    tx: &Tx,
    permit: &Permit<A>,
    sheet: &Sheet,
    changed: &[String],
    history: impl Fn() -> HistoryId,
    now: Timestamp,
) -> Result<()> {
    permitted("sheets", permit.on(), sheet.id)?;
    let locked_at = if let SheetState::Locked { at } = sheet.state { Some(stored(at)) } else { None };
    let reopening = sheet.reopening();
    let updated = sheets::Entity::update_many()
        .col_expr(sheets::Column::State, Expr::value(sheet.state.as_str()))
        .col_expr(sheets::Column::ReopenedAt, Expr::value(reopening.map(|r| stored(r.at))))
        .col_expr(sheets::Column::ReopenedBy, Expr::value(reopening.map(|r| r.by.uuid())))
        .col_expr(sheets::Column::ReopenedBecause, Expr::value(reopening.map(|r| r.reason.clone())))
        .col_expr(sheets::Column::ReopenedUntil, Expr::value(reopening.map(|r| stored(r.until))))
        .col_expr(sheets::Column::LockedAt, Expr::value(locked_at))
        .col_expr(sheets::Column::Revision, Expr::value(sheet.revision))
        .col_expr(sheets::Column::UpdatedAt, Expr::value(stored(now)))
        .filter(sheets::Column::Id.eq(sheet.id.uuid()))
        .filter(sheets::Column::Revision.eq(sheet.revision - 1))
        .exec(&tx.0)
        .await?;
    exactly_one("sheets", &updated)?;
    if let (Action::ReopenSheet, Some(reopening)) = (A::ACTION, reopening) {
        upsets::insert_reopening(tx, history(), sheet, reopening).await?;
    }
    if changed.is_empty() {
        return Ok(());
    }
    let entries: Vec<(&String, Entry)> =
        changed.iter().map(|c| (c, sheet.entries.get(c).cloned().unwrap_or_default())).collect();
    let rows = entries.iter().map(|(criterion, entry)| {
        sea_orm::ActiveModelTrait::reset_all(
            marks::Model {
                sheet_id: sheet.id.uuid(),
                criterion: (*criterion).clone(),
                mark: entry.mark.map(Mark::steps),
                comment: entry.comment.clone(),
                abstention: entry.abstained.clone(),
                updated_at: stored(now),
            }
            .into_active_model(),
        )
    });
    let replace = OnConflict::columns([marks::Column::SheetId, marks::Column::Criterion])
        .update_columns([
            marks::Column::Mark,
            marks::Column::Comment,
            marks::Column::Abstention,
            marks::Column::UpdatedAt,
        ])
        .to_owned();
    marks::Entity::insert_many(rows).on_conflict(replace).exec_without_returning(&tx.0).await?;
    let rows = entries.iter().map(|(criterion, entry)| {
        sea_orm::ActiveModelTrait::reset_all(
            mark_history::Model {
                id: history().uuid(),
                sheet_id: sheet.id.uuid(),
                criterion: (*criterion).clone(),
                mark: entry.mark.map(Mark::steps),
                comment: entry.comment.clone(),
                abstention: entry.abstained.clone(),
                revision: sheet.revision,
                at: stored(now),
                by_account: permit.by().uuid(),
            }
            .into_active_model(),
        )
    });
    mark_history::Entity::insert_many(rows).exec_without_returning(&tx.0).await?;
    Ok(())
}
