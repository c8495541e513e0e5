//! Rounds of marking, marks that were changed in a harmonised one, and what was said there.

use std::collections::BTreeMap;

use ami_domain::grid::{Grid, Mark};
use ami_domain::ids::{CallId, DossierId, HistoryId, RoundId, SeatId, SheetId};
use ami_domain::policy::{Permit, acts};
use ami_domain::round::{Round, RoundKind};
use jiff::Timestamp;
use sea_orm::sea_query::{Expr, Query, SelectStatement};
use sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _};

use crate::connection::{corrupt, insert, instant, permitted, stored};
use crate::entities::{dossiers, harmonisation_posts, harmonised_marks, marks, rounds, sheets};
use crate::{Result, Tx, calls};

/// The series of numbers of a call's rounds.
const SERIES: &str = "rounds";

fn round(r: rounds::Model) -> Result<Round> {
    Ok(Round {
        kind: RoundKind::parse(&r.kind).ok_or_else(|| corrupt("rounds", "kind", r.id, &r.kind))?,
        opened_at: instant("rounds", "opened_at", r.id, r.opened_at)?,
        until: instant("rounds", "until", r.id, r.until)?,
        id: r.id.into(),
    })
}

/// The rounds of a call, the newest first.
pub async fn rounds(conn: &impl ConnectionTrait, call: CallId) -> Result<Vec<Round>> {
    let rows = rounds::Entity::find()
        .filter(rounds::Column::CallId.eq(call.uuid()))
        .order_by_desc(rounds::Column::Number)
        .all(conn)
        .await?;
    rows.into_iter().map(round).collect()
}

/// The round that a call is in, when its officers opened one.
pub async fn current(conn: &impl ConnectionTrait, call: CallId) -> Result<Option<Round>> {
    let row = rounds::Entity::find()
        .filter(rounds::Column::CallId.eq(call.uuid()))
        .order_by_desc(rounds::Column::Number)
        .one(conn)
        .await?;
    row.map(round).transpose()
}

/// Opens a round; it ends the one before.
pub async fn insert_round(tx: &Tx, permit: &Permit<acts::OpenRound>, call: CallId, round: &Round) -> Result<()> {
    permitted("rounds", permit.on(), call)?;
    let number = calls::next_number(tx, call, SERIES).await?;
    insert(
        tx,
        rounds::Model {
            id: round.id.uuid(),
            call_id: call.uuid(),
            kind: round.kind.as_str().to_owned(),
            opened_at: stored(round.opened_at),
            opened_by: permit.by().uuid(),
            until: stored(round.until),
            number,
        },
    )
    .await
}

/// The sheets of a call.
fn sheets_of(call: CallId) -> SelectStatement {
    let dossiers = Query::select()
        .column(dossiers::Column::Id)
        .from(dossiers::Entity)
        .and_where(dossiers::Column::CallId.eq(call.uuid()))
        .to_owned();
    Query::select()
        .column(sheets::Column::Id)
        .from(sheets::Entity)
        .and_where(sheets::Column::DossierId.in_subquery(dossiers))
        .to_owned()
}

/// Leaves out what was given to calibrate: every sheet of the call is blank again. What was given stays in its history.
pub async fn leave_out(tx: &Tx, permit: &Permit<acts::OpenRound>, now: Timestamp) -> Result<()> {
    let call = permit.on();
    marks::Entity::delete_many().filter(marks::Column::SheetId.in_subquery(sheets_of(call))).exec(&tx.0).await?;
    let revision = sea_orm::sea_query::ExprTrait::add(Expr::col(sheets::Column::Revision), 1);
    sheets::Entity::update_many()
        .col_expr(sheets::Column::State, Expr::value("draft"))
        .col_expr(sheets::Column::LockedAt, Expr::value(Option::<i64>::None))
        .col_expr(sheets::Column::ReopenedAt, Expr::value(Option::<i64>::None))
        .col_expr(sheets::Column::UpdatedAt, Expr::value(stored(now)))
        .col_expr(sheets::Column::Revision, revision)
        .filter(sheets::Column::Id.in_subquery(sheets_of(call)))
        .exec(&tx.0)
        .await?;
    Ok(())
}

/// A mark that was changed in a harmonised round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Harmonised {
    /// Its id.
    pub id: HistoryId,
    /// Whose sheet.
    pub sheet: SheetId,
    /// Which criterion.
    pub criterion: String,
    /// What it is from then on.
    pub mark: Mark,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// In which round.
    pub round: RoundId,
}

/// Keeps a changed mark beside the one that was given alone.
pub async fn insert_harmonised(tx: &Tx, permit: &Permit<acts::Harmonise>, change: &Harmonised) -> Result<()> {
    permitted("harmonised_marks", permit.on(), change.sheet)?;
    insert(
        tx,
        harmonised_marks::Model {
            id: change.id.uuid(),
            sheet_id: change.sheet.uuid(),
            round_id: change.round.uuid(),
            criterion: change.criterion.clone(),
            mark: change.mark.steps(),
            reason: change.reason.clone(),
            at: stored(change.at),
            by_account: permit.by().uuid(),
        },
    )
    .await
}

/// The last change of each mark in a call, by sheet and criterion.
pub async fn harmonised(
    conn: &impl ConnectionTrait,
    call: CallId,
    grid: &Grid,
) -> Result<BTreeMap<(SheetId, String), Harmonised>> {
    let rows = harmonised_marks::Entity::find()
        .filter(harmonised_marks::Column::SheetId.in_subquery(sheets_of(call)))
        .order_by_asc(harmonised_marks::Column::At)
        .order_by_asc(harmonised_marks::Column::Id)
        .all(conn)
        .await?;
    rows.into_iter()
        .map(|r| {
            let mark = grid.scale.mark_from_steps(r.mark);
            let change = Harmonised {
                mark: mark.map_err(|error| corrupt("harmonised_marks", "mark", r.id, error))?,
                at: instant("harmonised_marks", "at", r.id, r.at)?,
                id: r.id.into(),
                sheet: r.sheet_id.into(),
                criterion: r.criterion,
                reason: r.reason,
                round: r.round_id.into(),
            };
            Ok(((change.sheet, change.criterion.clone()), change))
        })
        .collect()
}

/// What a juror said about a criterion of a dossier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// Its id.
    pub id: HistoryId,
    /// Whose sheet it is said from.
    pub sheet: SheetId,
    /// On which dossier.
    pub dossier: DossierId,
    /// About which criterion.
    pub criterion: String,
    /// Who.
    pub seat: SeatId,
    /// What.
    pub text: String,
    /// When.
    pub at: Timestamp,
}

/// Keeps what was said.
pub async fn insert_post(tx: &Tx, permit: &Permit<acts::Harmonise>, post: &Post) -> Result<()> {
    permitted("harmonisation_posts", permit.on(), post.sheet)?;
    insert(
        tx,
        harmonisation_posts::Model {
            id: post.id.uuid(),
            sheet_id: post.sheet.uuid(),
            dossier_id: post.dossier.uuid(),
            criterion: post.criterion.clone(),
            seat_id: post.seat.uuid(),
            text: post.text.clone(),
            at: stored(post.at),
        },
    )
    .await
}

/// What was said about a criterion of a dossier, the first first.
pub async fn posts(conn: &impl ConnectionTrait, dossier: DossierId, criterion: &str) -> Result<Vec<Post>> {
    let rows = harmonisation_posts::Entity::find()
        .filter(harmonisation_posts::Column::DossierId.eq(dossier.uuid()))
        .filter(harmonisation_posts::Column::Criterion.eq(criterion))
        .order_by_asc(harmonisation_posts::Column::At)
        .order_by_asc(harmonisation_posts::Column::Id)
        .all(conn)
        .await?;
    rows.into_iter()
        .map(|r| {
            Ok(Post {
                at: instant("harmonisation_posts", "at", r.id, r.at)?,
                id: r.id.into(),
                sheet: r.sheet_id.into(),
                dossier: r.dossier_id.into(),
                criterion: r.criterion,
                seat: r.seat_id.into(),
                text: r.text,
            })
        })
        .collect()
}
