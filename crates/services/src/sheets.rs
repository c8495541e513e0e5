//! Score sheets: what jurors were asked for, and their marks.

use std::collections::BTreeMap;

use ami_database::ConnectionTrait;
use ami_database::calls::Call;
use ami_database::{dossiers, jury as rows};
use ami_domain::dossier::{Dossier, DossierStateName};
use ami_domain::ids::{DossierId, SeatId, SheetId};
use ami_domain::jury::is_recused;
use ami_domain::policy::{Action, AssignmentFacts, Subject, acts, decide, permit};
use ami_domain::sheet::{Change, EntryError, Missing, Sheet, SheetError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::filed::Filings;
use crate::part::{Page, Part};
use crate::{Actor, Arrival, Error, Kind, Problem, Result, Work, about, load_dossier};

/// A sheet in a juror's list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SheetSummary {
    /// Its id.
    pub id: Uuid,
    /// `draft`, `locked` or `reopened`.
    pub state: &'static str,
    /// Criteria that have a mark.
    pub marked: usize,
    /// Criteria of the grid.
    pub criteria: usize,
    /// On what.
    pub dossier: SheetDossier,
}

/// The dossier of a sheet.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SheetDossier {
    /// Its id.
    pub id: Uuid,
    /// Its number.
    pub number: String,
    /// The call's code.
    pub call: String,
    /// The version of the call under which the dossier was filed: grid, lots and texts of the sheet are read under it.
    pub call_version: i64,
    /// The lot's code.
    pub lot: String,
    /// The lot's name.
    pub lot_label: String,
    /// Who applied.
    pub organisation: String,
}

/// A sheet whole.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SheetView {
    /// What a list shows.
    #[serde(flatten)]
    pub summary: SheetSummary,
    /// Grows at every change.
    pub revision: i64,
    /// Marks in scale units, by criterion.
    pub marks: BTreeMap<String, i64>,
    /// Comments, by criterion.
    pub comments: BTreeMap<String, String>,
    /// What keeps it from being locked, by criterion: `mark` or `comment`.
    pub missing: BTreeMap<String, &'static str>,
    /// How it came to be open again, while it is.
    pub reopened: Option<ReopenedView>,
}

/// How a sheet came to be open again.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReopenedView {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The account of who did it.
    pub by: Uuid,
    /// Why.
    pub reason: String,
}

/// What to change.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
pub struct SheetChanges {
    /// Marks in scale units; `null` takes one away.
    #[serde(default)]
    pub marks: BTreeMap<String, Option<i64>>,
    /// Comments.
    #[serde(default)]
    pub comments: BTreeMap<String, String>,
}

fn summary(call: &Call, sheet: &Sheet, place: &Dossier, filings: &Filings) -> SheetSummary {
    SheetSummary {
        id: sheet.id.uuid(),
        state: sheet.state.as_str(),
        marked: sheet.entries.values().filter(|e| e.mark.is_some()).count(),
        criteria: filings.definition(place.id).grid.criteria().count(),
        dossier: SheetDossier {
            id: place.id.uuid(),
            number: filings.number(place),
            call: call.definition.code.clone(),
            call_version: filings.version(place.id),
            lot: place.lot.clone(),
            lot_label: filings.lot_label(place),
            organisation: filings.name(place.id),
        },
    }
}

fn view(call: &Call, sheet: &Sheet, place: &Dossier, filings: &Filings) -> SheetView {
    let grid = &filings.definition(place.id).grid;
    SheetView {
        summary: summary(call, sheet, place, filings),
        revision: sheet.revision,
        marks: sheet.entries.iter().filter_map(|(c, e)| e.mark.map(|m| (c.clone(), grid.scale.value(m)))).collect(),
        comments: sheet
            .entries
            .iter()
            .filter(|(_, e)| !e.comment.is_empty())
            .map(|(c, e)| (c.clone(), e.comment.clone()))
            .collect(),
        missing: if sheet.is_locked() {
            BTreeMap::new()
        } else {
            sheet
                .missing(grid)
                .into_iter()
                .map(|m| match m {
                    Missing::Mark(criterion) => (criterion, "mark"),
                    Missing::Comment { criterion, .. } => (criterion, "comment"),
                })
                .collect()
        },
        reopened: sheet.reopening().map(|r| ReopenedView { at: r.at, by: r.by.uuid(), reason: r.reason.clone() }),
    }
}

/// A part of the sheets one was asked for.
pub async fn page_sheets(app: &Arrival, who: Option<&Actor>, part: &Part) -> Result<Page<SheetSummary>> {
    let mut sheets = list_sheets(app, who).await?;
    sheets.sort_by_key(|s| s.id);
    part.cut("sheets", sheets, |s| s.id)
}

/// The sheets one was asked for, in every call where one sits and has declared conflicts.
pub async fn list_sheets(app: &Arrival, who: Option<&Actor>) -> Result<Vec<SheetSummary>> {
    let actor = who.ok_or(ami_domain::policy::Denial::SignInFirst)?;
    if actor.seats.is_empty() {
        return Err(ami_domain::policy::Denial::NotYours.into());
    }
    let conn = app.database.read();
    let mut found = Vec::new();
    let mut refusal = None;
    for (id, seat) in &actor.seats {
        let Some(call) = ami_database::calls::find(conn, *id).await? else { continue };
        if let Err(denial) = decide(Action::ListAssigned, who, &Subject::call(call.facts(app.at))) {
            refusal = Some(denial);
            continue;
        }
        let recusals = rows::recusals(conn, *id).await?;
        let sheets = rows::sheets_of_seat(conn, seat.id, &call.definition.grid).await?;
        let filed = dossiers::some(conn, sheets.iter().map(|s| s.dossier)).await?;
        let filings = Filings::of(conn, &call, filed.keys().copied()).await?;
        for sheet in sheets {
            let place = filed.get(&sheet.dossier).filter(|d| d.state_name() != DossierStateName::Draft);
            let Some(place) = place else { continue };
            if is_recused(&recusals, seat.id, place.id, &place.lot) {
                continue;
            }
            found.push(summary(&call, &sheet, place, &filings));
        }
    }
    match refusal {
        Some(denial) if found.is_empty() => Err(denial.into()),
        _ => Ok(found),
    }
}

/// A sheet's place, with what the actor's own seat is to it; hidden when there is none.
async fn place(
    at: Timestamp,
    conn: &impl ConnectionTrait,
    who: Option<&Actor>,
    id: SheetId,
) -> Result<(Call, Dossier, SeatId, Subject)> {
    who.ok_or(ami_domain::policy::Denial::SignInFirst)?;
    let (seat, dossier): (SeatId, DossierId) = rows::sheet_place(conn, id).await?.ok_or_else(Error::not_found)?;
    let (call, dossier) = load_dossier(conn, dossier).await?;
    let mine = who.and_then(|a| a.seats.get(&call.id)).map(|s| s.id);
    let own = mine == Some(seat);
    let recusals = rows::recusals(conn, call.id).await?;
    let subject = about(at, &call, &dossier).with_sheet(id).with_assignment(AssignmentFacts {
        assigned: own,
        own_sheet: own,
        recused: mine.is_some_and(|mine| is_recused(&recusals, mine, dossier.id, &dossier.lot)),
        ..AssignmentFacts::default()
    });
    Ok((call, dossier, seat, subject))
}

/// One's own sheet.
pub async fn show_sheet(app: &Arrival, who: Option<&Actor>, id: SheetId) -> Result<SheetView> {
    let conn = app.database.read();
    let (call, dossier, seat, subject) = place(app.at, conn, who, id).await?;
    decide(Action::ReadSheet, who, &subject)?;
    app.note_reading(who, "sheet", id);
    let sheet = rows::sheet_of(conn, seat, dossier.id, &call.definition.grid).await?.ok_or_else(Error::not_found)?;
    let filings = Filings::of(conn, &call, [dossier.id]).await?;
    Ok(view(&call, &sheet, &dossier, &filings))
}

/// Writes marks and comments, all of them or none. `if_match` is optional: one person writes a sheet, but two windows may.
pub async fn write_sheet(
    app: &Arrival,
    who: Option<&Actor>,
    id: SheetId,
    if_match: Option<i64>,
    changes: &SheetChanges,
) -> Result<SheetView> {
    app.write(who, (id, if_match, changes.clone()), |work, (id, if_match, changes)| {
        Box::pin(async move {
            let (tx, id) = (work.tx, *id);
            let (call, dossier, sheet, subject) = hold_sheet(work, id).await?;
            let permit = permit::<acts::Mark>(work.who(), &subject).map_err(|denial| locked_or(&sheet, denial))?;
            let filings = Filings::of(tx.read(), &call, [dossier.id]).await?;
            seen(*if_match, &call, &sheet, &dossier, &filings)?;
            let mut by_criterion: BTreeMap<String, Change> = BTreeMap::new();
            for (criterion, mark) in &changes.marks {
                by_criterion.entry(criterion.clone()).or_default().mark = Some(*mark);
            }
            for (criterion, comment) in &changes.comments {
                by_criterion.entry(criterion.clone()).or_default().comment = Some(comment.clone());
            }
            let (sheet, touched) = sheet.write(&by_criterion, &call.definition.grid).map_err(|e| refusal(&call, e))?;
            if !touched.is_empty() {
                rows::save_sheet(tx, &permit, &sheet, &touched, || work.id(), work.at()).await?;
            }
            Ok(view(&call, &sheet, &dossier, &filings))
        })
    })
    .await
}

/// A sheet with its call, dossier and what the asker's seat is to it, for a write: neither the sheet nor the call's state
/// changes until the transaction ends.
pub(crate) async fn hold_sheet(work: &Work<'_>, id: SheetId) -> Result<(Call, Dossier, Sheet, Subject)> {
    let tx = work.tx;
    let (call, dossier, _, subject) = place(work.at(), tx.read(), work.who(), id).await?;
    let call = ami_database::calls::find_for_share(tx, call.id).await?.ok_or_else(Error::not_found)?;
    let sheet = rows::sheet_for_update(tx, id, &call.definition.grid).await?.ok_or_else(Error::not_found)?;
    let (locked, reopened) = (sheet.is_locked(), sheet.reopening().is_some());
    let facts = AssignmentFacts { locked, reopened, ..subject.assignment };
    let subject = Subject { call: Some(call.facts(work.at())), ..subject }.with_assignment(facts);
    Ok((call, dossier, sheet, subject))
}

/// Refuses when the sheet is no longer what the writer has seen, with what it is.
fn seen(if_match: Option<i64>, call: &Call, sheet: &Sheet, dossier: &Dossier, filings: &Filings) -> Result<()> {
    if if_match.is_none_or(|seen| seen == sheet.revision) {
        return Ok(());
    }
    let current = serde_json::to_value(view(call, sheet, dossier, filings)).map_err(Error::internal)?;
    Err(Error { current: Some(current), ..Error::new(Kind::Stale, "stale") })
}

fn locked_or(sheet: &Sheet, denial: ami_domain::policy::Denial) -> Error {
    if sheet.is_locked() && denial == ami_domain::policy::Denial::NotNow {
        Error::new(Kind::Conflict, "sheet-locked")
    } else {
        denial.into()
    }
}

pub(crate) fn refusal(call: &Call, error: SheetError) -> Error {
    let scale = &call.definition.grid.scale;
    match error {
        SheetError::Locked => Error::new(Kind::Conflict, "sheet-locked"),
        SheetError::NotLocked => Error::new(Kind::Conflict, "sheet-not-locked"),
        SheetError::NoReason => Error::field("/reason", "reason-needed"),
        SheetError::ReasonTooLong(length) => Error::too_long("/reason", length),
        SheetError::Entries(wrong) => Error::invalid(
            wrong
                .into_iter()
                .map(|e| match e {
                    EntryError::UnknownCriterion(c) => {
                        Problem { pointer: format!("/marks/{c}"), code: "criterion-unknown".into(), args: vec![] }
                    }
                    EntryError::Mark { criterion, .. } => Problem {
                        pointer: format!("/marks/{criterion}"),
                        code: "mark".into(),
                        args: vec![
                            ("criterion", criterion),
                            ("min", scale.min.to_string()),
                            ("max", scale.max.to_string()),
                        ],
                    },
                    EntryError::CommentTooLong { criterion, length } => Problem {
                        pointer: format!("/comments/{criterion}"),
                        code: "comment-long".into(),
                        args: vec![
                            ("criterion", criterion),
                            ("length", length.to_string()),
                            ("max", ami_domain::sheet::MAX_COMMENT.to_string()),
                        ],
                    },
                })
                .collect(),
        ),
        SheetError::Incomplete(missing) => Error {
            problems: missing
                .into_iter()
                .map(|m| match m {
                    Missing::Mark(criterion) => Problem {
                        pointer: format!("/marks/{criterion}"),
                        code: "mark-missing".into(),
                        args: vec![("criterion", criterion)],
                    },
                    Missing::Comment { criterion, min, .. } => Problem {
                        pointer: format!("/comments/{criterion}"),
                        code: "comment-missing".into(),
                        args: vec![("criterion", criterion), ("min", min.to_string())],
                    },
                })
                .collect(),
            ..Error::new(Kind::Invalid, "sheet-incomplete")
        },
    }
}

/// Locks one's own sheet. `if_match` is the revision that its juror has seen: what is signed is that.
pub async fn lock_sheet(app: &Arrival, who: Option<&Actor>, id: SheetId, if_match: Option<i64>) -> Result<SheetView> {
    let locked = app.write_once(who, (id, if_match), |work, &(id, if_match)| {
        Box::pin(async move {
            let (call, dossier, sheet, subject) = hold_sheet(work, id).await?;
            let permit = permit::<acts::LockSheet>(work.who(), &subject).map_err(|denial| locked_or(&sheet, denial))?;
            let filings = Filings::of(work.tx.read(), &call, [dossier.id]).await?;
            seen(if_match, &call, &sheet, &dossier, &filings)?;
            let sheet = sheet.lock(&call.definition.grid, work.at()).map_err(|e| refusal(&call, e))?;
            rows::save_sheet(work.tx, &permit, &sheet, &[], || work.id(), work.at()).await?;
            let subject = ("dossier", dossier.id.to_string());
            work.record(Some(call.id), Some(permit.by()), Action::LockSheet, subject, json!({ "sheet": id })).await?;
            Ok(())
        })
    });
    locked.await?;
    show_sheet(app, who, id).await
}
