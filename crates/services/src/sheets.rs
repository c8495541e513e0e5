//! Score sheets: what jurors were asked for, and their marks.

use std::collections::BTreeMap;

use ami_database::ConnectionTrait;
use ami_database::calls::Call;
use ami_database::places::{self, Placed};
use ami_database::{dossiers, jury as rows};
use ami_domain::dossier::Dossier;
use ami_domain::ids::SheetId;
use ami_domain::jury::{Recusal, is_recused};
use ami_domain::policy::{Action, AssignmentFacts, Subject, acts, decide, permit};
use ami_domain::sheet::{Change, EntryError, Missing, Sheet, SheetError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
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
    /// Criteria that have a mark, or on which the juror abstains.
    pub marked: usize,
    /// Criteria of the grid.
    pub criteria: usize,
    /// Whether it may be written now.
    pub open: bool,
    /// The last instant at which it may be written, where it is not locked.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
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
    /// Why the juror gives no mark, by criterion on which they abstain.
    pub abstentions: BTreeMap<String, String>,
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
    /// Until when it may be put right and locked.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
}

/// A mark as it was sent.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Given {
    /// In scale units.
    Mark(i64),
    /// Anything else: it is named in the answer and changes nothing.
    #[schema(value_type = Object)]
    Unread(serde_json::Value),
}

/// What to change.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
pub struct SheetChanges {
    /// Marks in scale units; `null` takes one away.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Option<i64>>)]
    pub marks: BTreeMap<String, Option<Given>>,
    /// Comments.
    #[serde(default)]
    pub comments: BTreeMap<String, String>,
    /// Why one gives no mark; `null` ends an abstention, and so does a mark.
    #[serde(default)]
    pub abstentions: BTreeMap<String, Option<String>>,
}

/// What came of writing on a sheet.
#[derive(Debug, Clone)]
pub struct Saved {
    /// The sheet as it is now.
    pub view: SheetView,
    /// What was wrong: it was not kept, everything else was.
    pub wrong: Vec<Problem>,
}

/// A sheet with what surrounds it.
pub(crate) struct SheetContext<'a> {
    pub(crate) call: &'a Call,
    pub(crate) sheet: &'a Sheet,
    pub(crate) dossier: &'a Dossier,
    pub(crate) filings: &'a Filings,
    /// Whether its juror may write on it now.
    pub(crate) open: bool,
}

fn summary(
    SheetContext { call, sheet, dossier: place, filings, open }: &SheetContext<'_>,
    marked: usize,
) -> SheetSummary {
    let marking_until = call.definition.calendar.marking_until;
    SheetSummary {
        id: sheet.id.uuid(),
        state: sheet.state.as_str(),
        marked,
        criteria: filings.definition(place.id).grid.criteria().count(),
        open: *open,
        until: (!sheet.is_locked()).then(|| sheet.reopening().map_or(marking_until, |r| r.until.max(marking_until))),
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

fn view(placed: &SheetContext<'_>) -> SheetView {
    let (grid, sheet) = (&placed.filings.definition(placed.dossier.id).grid, placed.sheet);
    let marked = sheet.entries.values().filter(|e| e.mark.is_some() || e.abstained.is_some()).count();
    SheetView {
        summary: summary(placed, marked),
        revision: sheet.revision,
        marks: sheet.entries.iter().filter_map(|(c, e)| e.mark.map(|m| (c.clone(), grid.scale.value(m)))).collect(),
        comments: sheet
            .entries
            .iter()
            .filter(|(_, e)| !e.comment.is_empty())
            .map(|(c, e)| (c.clone(), e.comment.clone()))
            .collect(),
        abstentions: sheet.entries.iter().filter_map(|(c, e)| Some((c.clone(), e.abstained.clone()?))).collect(),
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
        reopened: sheet.reopening().map(|r| ReopenedView {
            at: r.at,
            by: r.by.uuid(),
            reason: r.reason.clone(),
            until: r.until,
        }),
    }
}

/// A part of the sheets one was asked for.
pub async fn page_sheets(app: &Arrival, who: Option<&Actor>, part: &Part) -> Result<Page<SheetSummary>> {
    let mut sheets = list_sheets(app, who).await?;
    sheets.sort_by_key(|s| s.id);
    part.cut("sheets", sheets, |s| s.id)
}

/// The sheets one was asked for, in every call where one sits and has declared conflicts, in one's own order.
pub async fn list_sheets(app: &Arrival, who: Option<&Actor>) -> Result<Vec<SheetSummary>> {
    let actor = who.ok_or(ami_domain::policy::Denial::SignInFirst)?;
    if actor.seats.is_empty() {
        return Err(ami_domain::policy::Denial::NotYours.into());
    }
    let conn = app.database.read();
    let mut found = Vec::new();
    let mut refusal = None;
    for (id, seat) in &actor.seats {
        let Some(call) = app.call_of(*id).await? else { continue };
        if let Err(denial) = decide(Action::ListAssigned, who, &Subject::call(call.facts(app.at))) {
            refusal = Some(denial);
            continue;
        }
        let recusals = app.recusals(*id).await?;
        let sheets = rows::marked_sheets(conn, seat.id).await?;
        let filed = dossiers::some(conn, sheets.iter().map(|(s, _)| s.dossier)).await?;
        let filings = Filings::of(conn, &call, filed.keys().copied()).await?;
        for (sheet, marked) in sheets {
            let Some(place) = filed.get(&sheet.dossier) else { continue };
            let subject = about(app.at, &call, place).with_sheet(sheet.id).with_assignment(AssignmentFacts {
                assigned: true,
                own_sheet: true,
                recused: is_recused(&recusals, seat.id, place.id, &place.lot),
                locked: sheet.is_locked(),
                reopened: sheet.is_reopened(app.at),
            });
            if decide(Action::ReadSheet, who, &subject).is_err() {
                continue;
            }
            let open = decide(Action::Mark, who, &subject).is_ok();
            let shown = SheetContext { call: &call, sheet: &sheet, dossier: place, filings: &filings, open };
            found.push(summary(&shown, marked));
        }
    }
    // Each juror reads in an order of their own, which does not change: the end of a sheet's id was drawn.
    found.sort_by_key(|sheet| (sheet.id.as_u64_pair().1, sheet.id));
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

/// What the actor's own seat is to a sheet, and where the sheet stands.
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
        locked: sheet.is_locked(),
        reopened: sheet.is_reopened(at),
    })
}

/// One's own sheet.
pub async fn show_sheet(app: &Arrival, who: Option<&Actor>, id: SheetId) -> Result<SheetView> {
    let (placed, sheet, subject) = load_sheet(app, who, id).await?;
    view_sheet(app, who, &placed, &sheet, &subject).await
}

/// One's own sheet as it is shown.
pub(crate) async fn view_sheet(
    app: &Arrival,
    who: Option<&Actor>,
    placed: &Placed,
    sheet: &Sheet,
    subject: &Subject,
) -> Result<SheetView> {
    app.note_reading(who, "sheet", sheet.id);
    let filings = Filings::of_placed(app.database.read(), placed).await?;
    app.knows_sheet(who, placed, sheet).await?;
    let open = decide(Action::Mark, who, subject).is_ok();
    let Placed { call, dossier, .. } = placed;
    Ok(view(&SheetContext { call, sheet, dossier, filings: &filings, open }))
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

/// One's own sheet with its dossier and call, and what the asker's seat is to it.
pub(crate) async fn load_sheet(app: &Arrival, who: Option<&Actor>, id: SheetId) -> Result<(Placed, Sheet, Subject)> {
    let conn = app.database.read();
    let (placed, sheet) = app.once("sheet", id, place(conn, who, id)).await?;
    let recusals = app.recusals(placed.call.id).await?;
    let subject = about_sheet(app.at, who, &placed, &sheet, &recusals);
    decide(Action::ReadSheet, who, &subject)?;
    let entries = rows::entries(conn, id, &placed.call.definition.grid).await?;
    Ok((placed, Sheet { entries, ..sheet }, subject))
}

/// Writes marks and comments, see [`save_entries`].
///
/// # Errors
/// `invalid` names every entry that was wrong; the others were kept, and `current` is the sheet as it is now.
pub async fn write_sheet(
    app: &Arrival,
    who: Option<&Actor>,
    id: SheetId,
    if_match: Option<i64>,
    changes: &SheetChanges,
) -> Result<SheetView> {
    let Saved { view, wrong } = save_entries(app, who, id, if_match, changes).await?;
    if wrong.is_empty() {
        return Ok(view);
    }
    let current = serde_json::to_value(view).map_err(Error::internal)?;
    Err(Error { current: Some(current), ..Error::invalid(wrong) })
}

/// Writes marks and comments: what is wrong stays as it was and is named, everything else is kept. `if_match` is optional: one
/// person writes a sheet, but two windows may.
pub async fn save_entries(
    app: &Arrival,
    who: Option<&Actor>,
    id: SheetId,
    if_match: Option<i64>,
    changes: &SheetChanges,
) -> Result<Saved> {
    app.write(who, (id, if_match, changes.clone()), |work, (id, if_match, changes)| {
        Box::pin(async move {
            let (tx, id) = (work.tx, *id);
            let (placed, sheet, subject) = hold_sheet(work, id).await?;
            let permit = permit::<acts::Mark>(work.who(), &subject).map_err(|denial| locked_or(&sheet, denial))?;
            let filings = Filings::of_placed(tx.read(), &placed).await?;
            let Placed { call, dossier, .. } = &placed;
            seen(*if_match, &SheetContext { call, sheet: &sheet, dossier, filings: &filings, open: true })?;
            let (by_criterion, mut wrong) = changes.by_criterion(call);
            let written = sheet.write(&by_criterion, &call.definition.grid).map_err(refusal)?;
            wrong.extend(written.wrong.into_iter().map(|e| entry_problem(call, e)));
            if !written.touched.is_empty() {
                rows::save_sheet(tx, &permit, &written.sheet, &written.touched, || work.id(), work.at()).await?;
            }
            let view = view(&SheetContext { call, sheet: &written.sheet, dossier, filings: &filings, open: true });
            Ok(Saved { view, wrong })
        })
    })
    .await
}

/// Longest part of what cannot be read that is said again.
const SAID_AGAIN: usize = 40;

impl SheetChanges {
    /// What can be read, by criterion, and what cannot.
    fn by_criterion(&self, call: &Call) -> (BTreeMap<String, Change>, Vec<Problem>) {
        let mut changes: BTreeMap<String, Change> = BTreeMap::new();
        let mut wrong = Vec::new();
        for (criterion, mark) in &self.marks {
            let mark = match mark {
                Some(Given::Mark(value)) => Some(*value),
                Some(Given::Unread(value)) if call.definition.grid.criterion(criterion).is_some() => {
                    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    wrong.push(Problem {
                        pointer: format!("/marks/{criterion}"),
                        code: "mark-unreadable".into(),
                        args: vec![
                            ("criterion", criterion.clone()),
                            ("value", text.chars().take(SAID_AGAIN).collect()),
                        ],
                    });
                    continue;
                }
                // None is a mark taken away; of a criterion that there is not, it is the criterion that is wrong.
                None | Some(Given::Unread(_)) => None,
            };
            changes.entry(criterion.clone()).or_default().mark = Some(mark);
        }
        for (criterion, comment) in &self.comments {
            changes.entry(criterion.clone()).or_default().comment = Some(comment.clone());
        }
        for (criterion, reason) in &self.abstentions {
            changes.entry(criterion.clone()).or_default().abstained = Some(reason.clone());
        }
        (changes, wrong)
    }
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
    Ok((placed, sheet, subject))
}

/// Refuses when the sheet is no longer what the writer has seen, with what it is.
pub(crate) fn seen(if_match: Option<i64>, placed: &SheetContext<'_>) -> Result<()> {
    if if_match.is_none_or(|seen| seen == placed.sheet.revision) {
        return Ok(());
    }
    let current = serde_json::to_value(view(placed)).map_err(Error::internal)?;
    Err(Error { current: Some(current), ..Error::new(Kind::Stale, "stale") })
}

pub(crate) fn locked_or(sheet: &Sheet, denial: ami_domain::policy::Denial) -> Error {
    if sheet.is_locked() && denial == ami_domain::policy::Denial::NotNow {
        Error::new(Kind::Conflict, "sheet-locked")
    } else {
        denial.into()
    }
}

/// What is wrong with one entry, for people.
fn entry_problem(call: &Call, error: EntryError) -> Problem {
    let scale = &call.definition.grid.scale;
    match error {
        EntryError::UnknownCriterion(c) => {
            Problem { pointer: format!("/marks/{c}"), code: "criterion-unknown".into(), args: vec![] }
        }
        EntryError::Mark { criterion, .. } => Problem {
            pointer: format!("/marks/{criterion}"),
            code: "mark".into(),
            args: vec![("criterion", criterion), ("min", scale.min.to_string()), ("max", scale.max.to_string())],
        },
        EntryError::MarkAndAbstention(criterion) => Problem {
            pointer: format!("/abstentions/{criterion}"),
            code: "abstention-and-mark".into(),
            args: vec![("criterion", criterion)],
        },
        EntryError::AbstentionReason { criterion, length: 0 } => Problem {
            pointer: format!("/abstentions/{criterion}"),
            code: "abstention-reason".into(),
            args: vec![("criterion", criterion)],
        },
        EntryError::AbstentionReason { criterion, length } => {
            Problem::too_long(&format!("/abstentions/{criterion}"), length)
        }
        EntryError::CommentTooLong { criterion, length } => Problem {
            pointer: format!("/comments/{criterion}"),
            code: "comment-long".into(),
            args: vec![
                ("criterion", criterion),
                ("length", length.to_string()),
                ("max", ami_domain::sheet::MAX_COMMENT.to_string()),
            ],
        },
    }
}

pub(crate) fn refusal(error: SheetError) -> Error {
    match error {
        SheetError::Locked => Error::new(Kind::Conflict, "sheet-locked"),
        SheetError::NotLocked => Error::new(Kind::Conflict, "sheet-not-locked"),
        SheetError::NoReason => Error::field("/reason", "reason-needed"),
        SheetError::ReasonTooLong(length) => Error::too_long("/reason", length),
        SheetError::NoMark => Error::new(Kind::Invalid, "sheet-empty"),
        SheetError::DeadlineOver => Error::field("/until", "until-over"),
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
