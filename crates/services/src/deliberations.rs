//! Deliberations: what is put before the assembly, what makes it executory, and what was recorded wrongly.

mod annex;
mod list;

use std::collections::{BTreeMap, BTreeSet};

use ami_database::calls::Call;
use ami_database::deliberations as rows;
use ami_database::rankings as decided;
use ami_database::{dossiers, upsets};
use ami_domain::answer::read_day;
use ami_domain::call::day;
use ami_domain::decision::Decision;
use ami_domain::deliberation::{Control, Deliberation, DeliberationError, DeliberationStage, Gathered, SHORT, Sitting};
use ami_domain::dossier::Dossier;
use ami_domain::ids::{DeliberationId, DossierId};
use ami_domain::policy::{Action, Subject, acts, decide, permit};
use ami_domain::text;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::decisions::Grounds;
use crate::{Actor, Arrival, Error, Kind, Problem, Result, Work, hold_call, rankings};

pub(crate) use annex::draw as draw_annex;
pub use annex::{AnnexLine, AnnexLot, AnnexRecord, annex_pdf, show_annex};
pub use list::{
    DeliberationSummary, DeliberationView, GatheredView, RecordedAct, Waiting, list_acts, list_deliberations,
    list_waiting, show_deliberation,
};
pub(crate) use list::{Stages, stages};

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

/// A day as people and programs write it.
pub(crate) fn written_day(pointer: &str, written: &str) -> Result<Date> {
    read_day(&text::compact(written)).ok_or_else(|| Error::field(pointer, "field-date"))
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
    let held_on = written_day("/date", &new.date)?;
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
    // Not for a transaction, where only that it is still the newest one is looked at.
    let ranking = rankings::newest_standings(app, &call).await?;
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
pub(crate) async fn load(app: &Arrival, who: Option<&Actor>, id: DeliberationId) -> Result<(Call, Deliberation)> {
    let conn = app.database.read();
    who.ok_or(ami_domain::policy::Denial::SignInFirst)?;
    let found = rows::find(conn, id).await?.ok_or_else(Error::not_found)?;
    let call = app.call_of(found.call).await?.ok_or_else(Error::not_found)?;
    // Its id says nothing of its call: whoever does not run that does not learn that it exists.
    decide(Action::ReadDecisions, who, &Subject::call(call.facts(app.at))).map_err(|_| Error::not_found())?;
    Ok((call, found))
}

/// The same, for a write: nobody else moves it until the transaction ends.
pub(crate) async fn hold(work: &Work<'_>, id: DeliberationId) -> Result<(Call, Deliberation)> {
    work.who().ok_or(ami_domain::policy::Denial::SignInFirst)?;
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
        transmitted_on: written_day("/transmitted_on", &new.transmitted_on)?,
        published_on: written_day("/published_on", &new.published_on)?,
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
        (Some(written), _) => written_day(pointer, written),
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
                held_on: new.date.as_ref().map_or(Ok(held.held_on), |date| written_day("/date", date))?,
                link: new.link.clone().unwrap_or_else(|| held.link.clone()),
            };
            let control = corrected(held.control(), new)?;
            let before = json!({ "number": held.number, "date": held.held_on, "control": held.control() });
            let now = held.correct(sitting, control, day(work.at())).map_err(refusal)?;
            rows::save_deliberation(work.tx, &permit, &now, &reason, (work.id(), work.at())).await?;
            annex::issue_again(work, &now).await?;
            // What has left stays as it is; what has not would say what was recorded wrongly.
            crate::letters::void_unsent(work, &permit, *id).await?;
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
