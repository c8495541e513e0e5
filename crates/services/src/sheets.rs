//! Score sheets: what jurors were asked for, and their marks.

use std::collections::BTreeMap;

use ami_database::ConnectionTrait;
use ami_database::calls::Call;
use ami_database::places::{self, Placed};
use ami_database::{dossiers, jury as rows};
use ami_domain::dossier::{Dossier, DossierStateName};
use ami_domain::ids::SheetId;
use ami_domain::jury::{Recusal, is_recused};
use ami_domain::policy::{Action, AssignmentFacts, Subject, acts, decide, permit};
use ami_domain::sheet::{Change, EntryError, Missing, Sheet, SheetError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::filed::Filings;
use crate::part::{Page, Part};
use crate::{Actor, Arrival, Error, Kind, Problem, Result, Work, about};

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

fn summary(call: &Call, sheet: &Sheet, marked: usize, place: &Dossier, filings: &Filings) -> SheetSummary {
    SheetSummary {
        id: sheet.id.uuid(),
        state: sheet.state.as_str(),
        marked,
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
    let marked = sheet.entries.values().filter(|e| e.mark.is_some()).count();
    SheetView {
        summary: summary(call, sheet, marked, place, filings),
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
        let load = async { Ok(ami_database::calls::find(conn, *id).await?) };
        let Some(call) = app.once("call of", id, load).await? else { continue };
        if let Err(denial) = decide(Action::ListAssigned, who, &Subject::call(call.facts(app.at))) {
            refusal = Some(denial);
            continue;
        }
        let recusals = app.recusals(*id).await?;
        let sheets = rows::marked_sheets(conn, seat.id).await?;
        let filed = dossiers::some(conn, sheets.iter().map(|(s, _)| s.dossier)).await?;
        let filings = Filings::of(conn, &call, filed.keys().copied()).await?;
        for (sheet, marked) in sheets {
            let place = filed.get(&sheet.dossier).filter(|d| d.state_name() != DossierStateName::Draft);
            let Some(place) = place else { continue };
            if is_recused(&recusals, seat.id, place.id, &place.lot) {
                continue;
            }
            found.push(summary(&call, &sheet, marked, place, &filings));
        }
    }
    match refusal {
        Some(denial) if found.is_empty() => Err(denial.into()),
        _ => Ok(found),
    }
}

/// A sheet without its marks, with its place; hidden when there is none.
async fn place(conn: &impl ConnectionTrait, who: Option<&Actor>, id: SheetId) -> Result<(Placed, Sheet)> {
    who.ok_or(ami_domain::policy::Denial::SignInFirst)?;
    places::sheet(conn, id).await?.ok_or_else(Error::not_found)
}

/// What the actor's own seat is to a sheet.
fn about_sheet(
    at: Timestamp,
    who: Option<&Actor>,
    Placed { call, dossier, .. }: &Placed,
    sheet: &Sheet,
    recusals: &[Recusal],
) -> Subject {
    let mine = who.and_then(|a| a.seats.get(&call.id)).map(|s| s.id);
    let own = mine == Some(sheet.seat);
    about(at, call, dossier).with_sheet(sheet.id).with_assignment(AssignmentFacts {
        assigned: own,
        own_sheet: own,
        recused: mine.is_some_and(|mine| is_recused(recusals, mine, dossier.id, &dossier.lot)),
        ..AssignmentFacts::default()
    })
}

/// One's own sheet.
pub async fn show_sheet(app: &Arrival, who: Option<&Actor>, id: SheetId) -> Result<SheetView> {
    let conn = app.database.read();
    let (placed, sheet) = app.once("sheet", id, place(conn, who, id)).await?;
    let recusals = app.recusals(placed.call.id).await?;
    decide(Action::ReadSheet, who, &about_sheet(app.at, who, &placed, &sheet, &recusals))?;
    app.note_reading(who, "sheet", id);
    let entries = rows::entries(conn, id, &placed.call.definition.grid).await?;
    let sheet = Sheet { entries, ..sheet };
    let filings = Filings::of_placed(conn, &placed).await?;
    app.knows_sheet(who, &placed, &sheet).await?;
    Ok(view(&placed.call, &sheet, &placed.dossier, &filings))
}

impl Arrival {
    /// Whoever asks later in this request for the dossier, the call or one's own sheet on it gets what was read with the sheet.
    async fn knows_sheet(&self, who: Option<&Actor>, placed: &Placed, sheet: &Sheet) -> Result<()> {
        self.knows(&placed.call).await?;
        self.once("dossier", placed.dossier.id, async { Ok(placed.clone()) }).await?;
        if who.and_then(|a| a.seats.get(&placed.call.id)).is_some_and(|seat| seat.id == sheet.seat) {
            self.once("own sheet", placed.dossier.id, async { Ok(Some(sheet.clone())) }).await?;
        }
        Ok(())
    }
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
            let (placed, sheet, subject) = hold_sheet(work, id).await?;
            let permit = permit::<acts::Mark>(work.who(), &subject).map_err(|denial| locked_or(&sheet, denial))?;
            let filings = Filings::of_placed(tx.read(), &placed).await?;
            let Placed { call, dossier, .. } = placed;
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
pub(crate) async fn hold_sheet(work: &Work<'_>, id: SheetId) -> Result<(Placed, Sheet, Subject)> {
    let tx = work.tx;
    work.who().ok_or(ami_domain::policy::Denial::SignInFirst)?;
    let (placed, sheet) = places::sheet_for_update(tx, id).await?.ok_or_else(Error::not_found)?;
    let entries = rows::entries(tx.read(), id, &placed.call.definition.grid).await?;
    let sheet = Sheet { entries, ..sheet };
    let recusals = rows::recusals(tx.read(), placed.call.id).await?;
    let subject = about_sheet(work.at(), work.who(), &placed, &sheet, &recusals);
    let (locked, reopened) = (sheet.is_locked(), sheet.reopening().is_some());
    let facts = AssignmentFacts { locked, reopened, ..subject.assignment };
    Ok((placed, sheet, subject.with_assignment(facts)))
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
            let (placed, sheet, subject) = hold_sheet(work, id).await?;
            let permit = permit::<acts::LockSheet>(work.who(), &subject).map_err(|denial| locked_or(&sheet, denial))?;
            let filings = Filings::of_placed(work.tx.read(), &placed).await?;
            let Placed { call, dossier, .. } = placed;
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
