//! Signed sheets that were opened again, and jurors who ask for it.

use std::collections::BTreeMap;

use ami_domain::ids::{AccountId, CallId, HistoryId, SheetId};
use ami_domain::policy::{Permit, acts};
use jiff::Timestamp;
use sea_orm::sea_query::{Query, SelectStatement};
use sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _};

use crate::connection::{insert, instant, permitted, stored};
use crate::entities::{dossiers, reopening_requests, sheet_reopenings, sheets};
use crate::{Result, Tx};

/// A juror's wish to put a signed sheet right. It stands while the sheet has the revision that it was about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its id.
    pub id: HistoryId,
    /// Which sheet.
    pub sheet: SheetId,
    /// As it was then.
    pub sheet_revision: i64,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// A sheet that was opened again, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reopened {
    /// Which sheet.
    pub sheet: SheetId,
    /// By whom.
    pub by: AccountId,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// Until when it was open; reopenings of before had no deadline of their own.
    pub until: Option<Timestamp>,
}

/// Keeps a request.
pub async fn insert_request(tx: &Tx, permit: &Permit<acts::AskReopening>, request: &Request) -> Result<()> {
    permitted("reopening_requests", permit.on(), request.sheet)?;
    insert(
        tx,
        reopening_requests::Model {
            id: request.id.uuid(),
            sheet_id: request.sheet.uuid(),
            sheet_revision: request.sheet_revision,
            reason: request.reason.clone(),
            at: stored(request.at),
            by_account: permit.by().uuid(),
        },
    )
    .await
}

fn request(r: reopening_requests::Model) -> Result<Request> {
    Ok(Request {
        at: instant("reopening_requests", "at", r.id, r.at)?,
        id: r.id.into(),
        sheet: r.sheet_id.into(),
        sheet_revision: r.sheet_revision,
        reason: r.reason,
    })
}

/// The newest request about one sheet.
pub async fn request_on(conn: &impl ConnectionTrait, sheet: SheetId) -> Result<Option<Request>> {
    let row = reopening_requests::Entity::find()
        .filter(reopening_requests::Column::SheetId.eq(sheet.uuid()))
        .order_by_desc(reopening_requests::Column::SheetRevision)
        .order_by_desc(reopening_requests::Column::Id)
        .one(conn)
        .await?;
    row.map(request).transpose()
}

/// The sheets of a call.
fn of_call(call: CallId) -> SelectStatement {
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

/// The newest request about each sheet of a call.
pub async fn requests(conn: &impl ConnectionTrait, call: CallId) -> Result<BTreeMap<SheetId, Request>> {
    let rows = reopening_requests::Entity::find()
        .filter(reopening_requests::Column::SheetId.in_subquery(of_call(call)))
        .order_by_asc(reopening_requests::Column::SheetRevision)
        .order_by_asc(reopening_requests::Column::Id)
        .all(conn)
        .await?;
    rows.into_iter().map(|r| request(r).map(|r| (r.sheet, r))).collect()
}

/// Every reopening in a call, in the order in which they were kept.
pub async fn reopenings(conn: &impl ConnectionTrait, call: CallId) -> Result<Vec<Reopened>> {
    let rows = sheet_reopenings::Entity::find()
        .filter(sheet_reopenings::Column::SheetId.in_subquery(of_call(call)))
        .order_by_asc(sheet_reopenings::Column::Number)
        .all(conn)
        .await?;
    rows.into_iter()
        .map(|r| {
            let at = |value| instant("sheet_reopenings", "at", r.id, value);
            Ok(Reopened {
                at: at(r.at)?,
                until: r.until.map(at).transpose()?,
                sheet: r.sheet_id.into(),
                by: r.by_account.into(),
                reason: r.reason,
            })
        })
        .collect()
}
