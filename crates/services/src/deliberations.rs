//! Deliberations: what is put before the assembly, what makes it executory, and what was recorded wrongly.

mod annex;

use std::collections::{BTreeMap, BTreeSet};

use ami_database::calls::Call;
use ami_database::deliberations as rows;
use ami_database::rankings as decided;
use ami_database::{ConnectionTrait, accounts, dossiers, upsets};
use ami_domain::call::day;
use ami_domain::decision::{Decision, DecisionKind, Stale};
use ami_domain::deliberation::{
    Control, DecisionStage, Deliberation, DeliberationError, DeliberationStage, DeliberationState, Gathered, SHORT,
    Sitting,
};
use ami_domain::dossier::Dossier;
use ami_domain::ids::{DeliberationId, DossierId, RankingId};
use ami_domain::policy::{Action, Subject, acts, decide, permit};
use ami_domain::text;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::decisions::Grounds;
use crate::filed::Filings;
use crate::{Actor, Arrival, Error, Kind, Problem, Result, Work, hold_call, rankings};

pub(crate) use annex::draw as draw_annex;
pub use annex::{AnnexLine, AnnexLot, AnnexRecord, annex_pdf, show_annex};

/// What an assembly decided, as an officer writes it down.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
pub struct NewDeliberation {
    /// Its number.
    #[serde(default)]
    pub number: String,
    /// The day of the sitting, such as `2027-07-01`.
    #[serde(default)]
    pub date: String,
    /// Where it can be read; the call's public page when left out.
    #[serde(default)]
    pub link: String,
    /// The dossiers whose decisions it takes.
    #[serde(default)]
    pub dossiers: Vec<Uuid>,
    /// The lots that it declares without outcome.
    #[serde(default)]
    pub lots: Vec<String>,
}

/// What made a deliberation executory, as an officer writes it down.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
pub struct NewControl {
    /// The day on which the prefecture was sent it.
    #[serde(default)]
    pub transmitted_on: String,
    /// The day on which it was published.
    #[serde(default)]
    pub published_on: String,
    /// The prefecture's receipt.
    #[serde(default)]
    pub receipt: String,
}

/// What was recorded wrongly; what is left out stays.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
pub struct Correction {
    /// Its number.
    pub number: Option<String>,
    /// The day of the sitting.
    pub date: Option<String>,
    /// Where it can be read.
    pub link: Option<String>,
    /// The day on which the prefecture was sent it.
    pub transmitted_on: Option<String>,
    /// The day on which it was published.
    pub published_on: Option<String>,
    /// The prefecture's receipt.
    pub receipt: Option<String>,
    /// Why it is corrected.
    #[serde(default)]
    pub reason: String,
}

/// A deliberation.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeliberationView {
    /// Its id.
    pub id: Uuid,
    /// The call's code.
    pub call: String,
    /// Its number.
    pub number: String,
    /// The day of the sitting.
    #[schema(value_type = String, format = Date)]
    pub date: Date,
    /// Where it can be read.
    pub link: String,
    /// `gathered`, `executory` or `notified`.
    #[schema(value_type = String)]
    pub state: DeliberationStage,
    /// The day on which the prefecture was sent it.
    #[schema(value_type = Option<String>, format = Date)]
    pub transmitted_on: Option<Date>,
    /// The day on which it was published.
    #[schema(value_type = Option<String>, format = Date)]
    pub published_on: Option<Date>,
    /// The prefecture's receipt.
    pub receipt: Option<String>,
    /// When those whom it concerns were told.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub notified_at: Option<Timestamp>,
    /// Lots that it declares without outcome.
    pub lots: Vec<String>,
    /// The decisions that it takes, by lot and number.
    pub decisions: Vec<GatheredView>,
    /// Grows by one at every act.
    pub revision: i64,
}

/// A decision in a deliberation.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct GatheredView {
    /// The dossier.
    pub dossier: Uuid,
    /// Its number.
    pub number: String,
    /// Its lot.
    pub lot: String,
    /// Who applied.
    pub organisation: String,
    /// What was decided.
    #[schema(value_type = String)]
    pub decision: DecisionKind,
    /// Yearly support, in cents.
    pub amount_cents: Option<i64>,
    /// Whether another decision was recorded on the dossier since: this one is told to nobody then.
    pub replaced: bool,
    /// Why the decision no longer rests on what it was taken on.
    #[schema(value_type = Option<String>)]
    pub stale: Option<Stale>,
}

/// A deliberation in the list of a call.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeliberationSummary {
    /// Its id.
    pub id: Uuid,
    /// Its number.
    pub number: String,
    /// The day of the sitting.
    #[schema(value_type = String, format = Date)]
    pub date: Date,
    /// `gathered`, `executory` or `notified`.
    #[schema(value_type = String)]
    pub state: DeliberationStage,
    /// How many decisions it takes.
    pub decisions: usize,
    /// Lots that it declares without outcome.
    pub lots: Vec<String>,
}

/// An act on a deliberation, with what was recorded of it from then on.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RecordedAct {
    /// `gathered`, `executory`, `corrected` or `notified`.
    pub act: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// The number from then on.
    pub number: String,
    /// The day of the sitting from then on.
    #[schema(value_type = String, format = Date)]
    pub date: Date,
    /// Why, for a correction.
    pub reason: String,
}

/// A decision that waits to be put before the assembly.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Waiting {
    /// The dossier.
    pub dossier: Uuid,
    /// Its number.
    pub number: String,
    /// Its lot.
    pub lot: String,
    /// Who applied.
    pub organisation: String,
    /// What is proposed.
    #[schema(value_type = String)]
    pub decision: DecisionKind,
    /// Yearly support, in cents.
    pub amount_cents: Option<i64>,
    /// Why it cannot be put before it as it is.
    #[schema(value_type = Option<String>)]
    pub stale: Option<Stale>,
}

/// A day as people and programs write it.
pub(crate) fn read_day(pointer: &str, written: &str) -> Result<Date> {
    let written = text::compact(written);
    let french = || Date::strptime("%d/%m/%Y", &written);
    written.parse().or_else(|_| french()).map_err(|_| Error::field(pointer, "field-date"))
}

pub(crate) fn refusal(error: DeliberationError) -> Error {
    match error {
        DeliberationError::Transition { from, .. } => Error::new(
            Kind::Conflict,
            match from {
                DeliberationStage::Gathered => "deliberation-not-executory",
                DeliberationStage::Executory => "deliberation-executory",
                DeliberationStage::Notified => "deliberation-notified",
            },
        ),
        DeliberationError::Missing(name) => Error::field(&format!("/{name}"), "field-required"),
        DeliberationError::TooLong(name, length) => Error::invalid(vec![Problem {
            pointer: format!("/{name}"),
            code: "field-too-long".into(),
            args: vec![("length", length.to_string()), ("max", SHORT.to_string())],
        }]),
        DeliberationError::Day(name) => Error::field(&format!("/{name}"), "deliberation-day"),
        DeliberationError::Empty => Error::field("/dossiers", "gather-nothing"),
    }
}

/// What is about to be put before the assembly, read inside its transaction.
struct Taking {
    decisions: BTreeMap<DossierId, Decision>,
    dossiers: BTreeMap<DossierId, Dossier>,
    grounds: Grounds,
}

/// What keeps decisions and lots from being put before the assembly.
async fn gaps(
    work: &Work<'_>,
    call: &Call,
    asked: &[DossierId],
    lots: &[String],
    taking: &Taking,
) -> Result<Vec<Problem>> {
    let conn = work.tx.read();
    let before = rows::gathered_of(conn, asked.iter().copied()).await?;
    let mut problems = Vec::new();
    let mut wrong = |pointer: String, code: &str, args| problems.push(Problem { pointer, code: code.into(), args });
    for (at, id) in asked.iter().enumerate() {
        let pointer = format!("/dossiers/{at}");
        let Some(dossier) = taking.dossiers.get(id).filter(|d| d.call == call.id) else {
            wrong(pointer, "gather-unknown", vec![]);
            continue;
        };
        let number = vec![("number", call.definition.dossier_number(dossier.number))];
        match taking.decisions.get(id) {
            None => wrong(pointer, "gather-undecided", number),
            Some(d) if taking.grounds.stale(d, dossier.state_name()).is_some() => {
                wrong(pointer, "gather-stale", number);
            }
            Some(d) if before.iter().any(|(_, g)| g.is(d)) => wrong(pointer, "gather-taken", number),
            Some(_) => {}
        }
    }
    if !lots.is_empty() {
        let awarded = awarded_lots(work, call, taking).await?;
        for (at, lot) in lots.iter().enumerate() {
            let value = vec![("value", lot.clone())];
            if call.definition.lot(lot).is_none() {
                wrong(format!("/lots/{at}"), "filter-lot", value);
            } else if awarded.contains(lot) {
                wrong(format!("/lots/{at}"), "gather-lot-awarded", value);
            }
        }
    }
    Ok(problems)
}

/// The lots of which a standing decision gives something.
async fn awarded_lots(work: &Work<'_>, call: &Call, taking: &Taking) -> Result<BTreeSet<String>> {
    let conn = work.tx.read();
    let mut taken = decided::decisions(conn, call.id).await?;
    taken.retain(|_, d| d.kind.awards());
    let others = dossiers::some(conn, taken.keys().copied()).await?;
    let standing = taken.iter().filter_map(|(id, d)| Some((others.get(id)?, d)));
    let standing = standing.filter(|(dossier, d)| taking.grounds.stale(d, dossier.state_name()).is_none());
    Ok(standing.map(|(dossier, _)| dossier.lot.clone()).collect())
}

/// Puts decisions before the assembly: from here on they have a number and a day, and wait to be executory.
///
/// # Errors
/// `gather-refused` with what keeps each of them from it: undecided, stale, or gathered before.
pub async fn gather_decisions(
    app: &Arrival,
    who: Option<&Actor>,
    code: &str,
    new: NewDeliberation,
) -> Result<DeliberationView> {
    let call = app.call(code).await?;
    decide(Action::GatherDecisions, who, &Subject::call(call.facts(app.at)))?;
    let held_on = read_day("/date", &new.date)?;
    let link = if new.link.trim().is_empty() { app.settings.url(&format!("/appels/{code}")) } else { new.link };
    let sitting = Sitting { number: new.number, held_on, link };
    // Once each, in the order that pointers name.
    let mut asked: Vec<DossierId> = Vec::with_capacity(new.dossiers.len());
    for id in new.dossiers.into_iter().map(DossierId::from) {
        if !asked.contains(&id) {
            asked.push(id);
        }
    }
    let mut lots: Vec<String> = new.lots.iter().map(|l| l.trim().to_owned()).collect();
    lots.sort();
    lots.dedup();
    // Too long to read for a transaction, where only that it is still the newest one is looked at.
    let ranking = rankings::latest(app, &call).await?.map(|r| (RankingId::from(r.id), annex::places(&r)));
    let id: DeliberationId = app
        .write_once(who, (code.to_owned(), sitting, asked, lots, ranking), |work, given| {
            Box::pin(async move {
                let (code, sitting, asked, lots, ranking) = given;
                let call = hold_call(work.tx, code).await?;
                let permit = permit::<acts::GatherDecisions>(work.who(), &Subject::call(call.facts(work.at())))?;
                // No exclusion, reopening or other decision of the call is kept until this is.
                upsets::hold(work.tx, call.id).await?;
                let conn = work.tx.read();
                let taking = Taking {
                    decisions: decided::decisions_on(conn, asked.iter().copied()).await?,
                    dossiers: dossiers::some(conn, asked.iter().copied()).await?,
                    grounds: Grounds::load(conn, call.id, None).await?,
                };
                let problems = gaps(work, &call, asked, lots, &taking).await?;
                if problems.iter().any(|p| matches!(p.code.as_str(), "gather-unknown" | "filter-lot")) {
                    return Err(Error::invalid(problems));
                }
                if !problems.is_empty() {
                    return Err(Error { problems, ..Error::new(Kind::Conflict, "gather-refused") });
                }
                if taking.grounds.newest() != ranking.as_ref().map(|(id, _)| *id) {
                    return Err(rankings::ranking_moved());
                }
                let taken = (taking.decisions.len(), lots.clone());
                let made = Deliberation::gather(work.id(), call.id, sitting.clone(), taken, day(work.at()))
                    .map_err(refusal)?;
                let gathered: Vec<Gathered> = taking.decisions.values().map(Gathered::of).collect();
                rows::insert_deliberation(work.tx, &permit, &made, &gathered, || work.id(), work.at()).await?;
                let places = ranking.as_ref().map(|(_, places)| places);
                annex::issue(work, &call, &made, &taking, places).await?;
                let details = json!({
                    "number": made.number, "date": made.held_on, "dossiers": asked, "lots": lots,
                    "ranking": ranking.as_ref().map(|(id, _)| id),
                });
                let subject = ("deliberation", made.id.to_string());
                work.record(Some(call.id), Some(permit.by()), Action::GatherDecisions, subject, details).await?;
                Ok(made.id)
            })
        })
        .await?;
    show_deliberation(app, who, id).await
}

/// A deliberation with its call, for whoever may read a call's decisions.
async fn load(app: &Arrival, who: Option<&Actor>, id: DeliberationId) -> Result<(Call, Deliberation)> {
    let conn = app.database.read();
    who.ok_or(ami_domain::policy::Denial::SignInFirst)?;
    let found = rows::find(conn, id).await?.ok_or_else(Error::not_found)?;
    let call = ami_database::calls::find(conn, found.call).await?.ok_or_else(Error::not_found)?;
    // Its id says nothing of its call: whoever does not run that does not learn that it exists.
    decide(Action::ReadDecisions, who, &Subject::call(call.facts(app.at))).map_err(|_| Error::not_found())?;
    Ok((call, found))
}

/// The same, for a write: nobody else moves it until the transaction ends.
pub(crate) async fn hold(work: &Work<'_>, id: DeliberationId) -> Result<(Call, Deliberation)> {
    let place = rows::find(work.tx.read(), id).await?.ok_or_else(Error::not_found)?;
    let call = ami_database::calls::find_for_share(work.tx, place.call).await?.ok_or_else(Error::not_found)?;
    let known = decide(Action::ReadDecisions, work.who(), &Subject::call(call.facts(work.at())));
    known.map_err(|_| Error::not_found())?;
    let held = rows::find_for_update(work.tx, id).await?.ok_or_else(Error::not_found)?;
    Ok((call, held))
}

/// Records that a deliberation has its effects.
///
/// # Errors
/// `deliberation-executory` or `deliberation-notified` when it was recorded before.
pub async fn make_executory(
    app: &Arrival,
    who: Option<&Actor>,
    id: DeliberationId,
    new: NewControl,
) -> Result<DeliberationView> {
    load(app, who, id).await?;
    let control = Control {
        transmitted_on: read_day("/transmitted_on", &new.transmitted_on)?,
        published_on: read_day("/published_on", &new.published_on)?,
        receipt: new.receipt,
    };
    app.write_once(who, (id, control), |work, (id, control)| {
        Box::pin(async move {
            let (call, held) = hold(work, *id).await?;
            let permit = permit::<acts::MakeExecutory>(work.who(), &Subject::call(call.facts(work.at())))?;
            let moved = held.make_executory(control.clone(), day(work.at())).map_err(refusal)?;
            rows::save_deliberation(work.tx, &permit, &moved, "", (work.id(), work.at())).await?;
            let details = json!({ "number": moved.number, "control": moved.control() });
            let subject = ("deliberation", id.to_string());
            work.record(Some(call.id), Some(permit.by()), Action::MakeExecutory, subject, details).await?;
            Ok(())
        })
    })
    .await?;
    show_deliberation(app, who, id).await
}

/// The control that a correction leaves: what it says anew, and the rest as it was.
fn corrected(old: Option<&Control>, new: &Correction) -> Result<Option<Control>> {
    if new.transmitted_on.is_none() && new.published_on.is_none() && new.receipt.is_none() {
        return Ok(None);
    }
    let date = |pointer: &str, new: Option<&String>, old: Option<Date>| match (new, old) {
        (Some(written), _) => read_day(pointer, written),
        (None, Some(old)) => Ok(old),
        (None, None) => Err(Error::field(pointer, "field-required")),
    };
    Ok(Some(Control {
        transmitted_on: date("/transmitted_on", new.transmitted_on.as_ref(), old.map(|c| c.transmitted_on))?,
        published_on: date("/published_on", new.published_on.as_ref(), old.map(|c| c.published_on))?,
        receipt: new.receipt.clone().or_else(|| old.map(|c| c.receipt.clone())).unwrap_or_default(),
    }))
}

/// Corrects what was recorded wrongly of a deliberation, with a reason; what it said before stays in its history.
pub async fn correct_deliberation(
    app: &Arrival,
    who: Option<&Actor>,
    id: DeliberationId,
    correction: Correction,
) -> Result<DeliberationView> {
    load(app, who, id).await?;
    app.write_once(who, (id, correction), |work, (id, new)| {
        Box::pin(async move {
            let (call, held) = hold(work, *id).await?;
            let permit = permit::<acts::CorrectDeliberation>(work.who(), &Subject::call(call.facts(work.at())))?;
            let reason = text::clean(&new.reason);
            if reason.is_empty() {
                return Err(Error::field("/reason", "reason-needed"));
            }
            text::bounded(&reason).map_err(|length| Error::too_long("/reason", length))?;
            let sitting = Sitting {
                number: new.number.clone().unwrap_or_else(|| held.number.clone()),
                held_on: new.date.as_ref().map_or(Ok(held.held_on), |date| read_day("/date", date))?,
                link: new.link.clone().unwrap_or_else(|| held.link.clone()),
            };
            let control = corrected(held.control(), new)?;
            let before = json!({ "number": held.number, "date": held.held_on, "control": held.control() });
            let now = held.correct(sitting, control, day(work.at())).map_err(refusal)?;
            rows::save_deliberation(work.tx, &permit, &now, &reason, (work.id(), work.at())).await?;
            annex::issue_again(work, &now).await?;
            let after = json!({ "number": now.number, "date": now.held_on, "control": now.control() });
            let details = json!({ "before": before, "after": after, "reason": reason });
            let subject = ("deliberation", id.to_string());
            work.record(Some(call.id), Some(permit.by()), Action::CorrectDeliberation, subject, details).await?;
            Ok(())
        })
    })
    .await?;
    show_deliberation(app, who, id).await
}

/// One deliberation, for an officer.
pub async fn show_deliberation(app: &Arrival, who: Option<&Actor>, id: DeliberationId) -> Result<DeliberationView> {
    let (call, found) = load(app, who, id).await?;
    let conn = app.database.read();
    let gathered = rows::gathered_by(conn, [id]).await?.remove(&id).unwrap_or_default();
    let ids: Vec<DossierId> = gathered.iter().map(|g| g.dossier).collect();
    let known = dossiers::some(conn, ids.iter().copied()).await?;
    let now = decided::decisions_on(conn, ids.iter().copied()).await?;
    let grounds = Grounds::load(conn, call.id, Some(&ids)).await?;
    let filings = Filings::of(conn, &call, ids).await?;
    let mut decisions: Vec<(i64, GatheredView)> = gathered
        .iter()
        .filter_map(|g| {
            let dossier = known.get(&g.dossier)?;
            let current = now.get(&g.dossier);
            let view = GatheredView {
                dossier: g.dossier.uuid(),
                number: filings.number(dossier),
                lot: dossier.lot.clone(),
                organisation: filings.name(dossier.id),
                decision: g.kind,
                amount_cents: g.amount_cents,
                replaced: current.is_none_or(|d| !g.is(d)),
                stale: current.and_then(|d| grounds.stale(d, dossier.state_name())),
            };
            Some((dossier.number, view))
        })
        .collect();
    decisions.sort_by(|(a, x), (b, y)| (&x.lot, a).cmp(&(&y.lot, b)));
    Ok(view(&call, found, decisions.into_iter().map(|(_, view)| view).collect()))
}

fn view(call: &Call, d: Deliberation, decisions: Vec<GatheredView>) -> DeliberationView {
    let control = d.control().cloned();
    DeliberationView {
        id: d.id.uuid(),
        call: call.definition.code.clone(),
        state: d.stage(),
        notified_at: match &d.state {
            DeliberationState::Notified { at, .. } => Some(*at),
            _ => None,
        },
        number: d.number,
        date: d.held_on,
        link: d.link,
        transmitted_on: control.as_ref().map(|c| c.transmitted_on),
        published_on: control.as_ref().map(|c| c.published_on),
        receipt: control.map(|c| c.receipt),
        lots: d.lots,
        decisions,
        revision: d.revision,
    }
}

/// Every act on a deliberation, in order.
pub async fn list_acts(app: &Arrival, who: Option<&Actor>, id: DeliberationId) -> Result<Vec<RecordedAct>> {
    load(app, who, id).await?;
    let conn = app.database.read();
    let acts = rows::history(conn, id).await?;
    let people = accounts::names(conn, &acts.iter().map(|a| a.by).collect()).await?;
    let by = |a: &rows::Recorded| people.get(&a.by).map_or_else(String::new, |(name, _)| name.clone());
    let shown = acts.into_iter().map(|a| RecordedAct {
        by: by(&a),
        act: a.act,
        at: a.at,
        number: a.number,
        date: a.held_on,
        reason: a.reason,
    });
    Ok(shown.collect())
}

/// The deliberations of a call, the last one first.
pub async fn list_deliberations(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<Vec<DeliberationSummary>> {
    let conn = app.database.read();
    let call = app.call(code).await?;
    decide(Action::ReadDecisions, who, &Subject::call(call.facts(app.at)))?;
    let all = rows::of_call(conn, call.id).await?;
    let gathered = rows::gathered_by(conn, all.iter().map(|d| d.id)).await?;
    let summary = |d: Deliberation| DeliberationSummary {
        id: d.id.uuid(),
        state: d.stage(),
        decisions: gathered.get(&d.id).map_or(0, Vec::len),
        number: d.number,
        date: d.held_on,
        lots: d.lots,
    };
    Ok(all.into_iter().map(summary).collect())
}

/// The decisions of a call that no deliberation has taken, by lot and number.
pub async fn list_waiting(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<Vec<Waiting>> {
    let conn = app.database.read();
    let call = app.call(code).await?;
    decide(Action::ReadDecisions, who, &Subject::call(call.facts(app.at)))?;
    let taken = decided::decisions(conn, call.id).await?;
    let stages = stages(conn, &call).await?;
    let grounds = Grounds::load(conn, call.id, None).await?;
    let open: Vec<&Decision> = taken.values().filter(|d| stages.of(d) == DecisionStage::Proposed).collect();
    let known = dossiers::some(conn, open.iter().map(|d| d.dossier)).await?;
    let filings = Filings::of(conn, &call, open.iter().map(|d| d.dossier)).await?;
    let mut waiting: Vec<(i64, Waiting)> = open
        .iter()
        .filter_map(|d| {
            let dossier = known.get(&d.dossier)?;
            let view = Waiting {
                dossier: d.dossier.uuid(),
                number: filings.number(dossier),
                lot: dossier.lot.clone(),
                organisation: filings.name(d.dossier),
                decision: d.kind,
                amount_cents: d.amount_cents,
                stale: grounds.stale(d, dossier.state_name()),
            };
            Some((dossier.number, view))
        })
        .collect();
    waiting.sort_by(|(a, x), (b, y)| (&x.lot, a).cmp(&(&y.lot, b)));
    Ok(waiting.into_iter().map(|(_, view)| view).collect())
}

/// How far the decisions of a call are: two statements, however many there are.
pub(crate) struct Stages(Vec<(Gathered, DeliberationStage)>);

impl Stages {
    /// How far a decision is; another one that was gathered before it counts for nothing.
    pub(crate) fn of(&self, decision: &Decision) -> DecisionStage {
        let found = self.0.iter().filter(|(g, _)| g.is(decision)).map(|(_, stage)| DecisionStage::from(*stage)).max();
        found.unwrap_or(DecisionStage::Proposed)
    }
}

/// How far the decisions of a call are.
pub(crate) async fn stages(conn: &impl ConnectionTrait, call: &Call) -> Result<Stages> {
    let all = rows::of_call(conn, call.id).await?;
    let mut gathered = rows::gathered_by(conn, all.iter().map(|d| d.id)).await?;
    let each = all.iter().flat_map(|d| {
        let stage = d.stage();
        gathered.remove(&d.id).unwrap_or_default().into_iter().map(move |g| (g, stage))
    });
    Ok(Stages(each.collect()))
}
