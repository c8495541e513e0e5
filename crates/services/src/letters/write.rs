//! Writing letters: one for each decision of a deliberation, or some of the examination.

use std::collections::{BTreeMap, BTreeSet};

use ami_database::calls::Call;
use ami_database::letters as rows;
use ami_database::rankings as decided;
use ami_database::{deliberations, dossiers};
use ami_domain::decision::{Decision, DecisionKind};
use ami_domain::deliberation::{Deliberation, DeliberationStage, Gathered};
use ami_domain::dossier::{Dossier, DossierState, DossierStateName};
use ami_domain::ids::{DeliberationId, DossierId, LetterId, RankingId, SignatoryId};
use ami_domain::letter::{Letter, LetterKind, LetterState};
use ami_domain::policy::{Action, Permit, Subject, acts, decide, permit};
use ami_domain::text;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::signatories::{SignatoryView, signatory};
use super::words::{Award, Reserve, Standing, Told, examination, standings};
use super::{ById, LetterView, list_call_letters, list_letters, paper};
use crate::decisions::Grounds;
use crate::deliberations::written_day;
use crate::filed::Filings;
use crate::{Actor, Arrival, Error, Kind, Problem, Result, Work, hold_call, rankings};

/// How the letters of a deliberation are written.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
pub struct LettersInput {
    /// Who signs; the last one that was registered when left out.
    #[serde(default)]
    pub signatory: Option<Uuid>,
    /// The dossiers that are supported under reserves.
    #[serde(default)]
    pub reserves: Vec<NewReserve>,
}

/// A reserve under which a dossier is supported.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct NewReserve {
    /// The dossier.
    pub dossier: Uuid,
    /// What is to be settled.
    #[serde(default)]
    pub points: String,
    /// Until which day.
    #[serde(default)]
    pub until: String,
}

/// Letters of the examination: something is missing, inadmissible, admissible, a hearing.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
pub struct NewLetters {
    /// `completion_request`, `inadmissible_late`, `inadmissible_ineligible`, `inadmissible_incomplete`, `admissible` or `hearing`;
    /// `inadmissible` is the one that fits what was found of each dossier.
    #[serde(default)]
    pub kind: String,
    /// To whom.
    #[serde(default)]
    pub dossiers: Vec<Uuid>,
    /// Values of the text's variables that no dossier gives, such as `date`, `heure`, `lieu_ou_lien`.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
    /// Who signs; the last one that was registered when left out.
    #[serde(default)]
    pub signatory: Option<Uuid>,
}

/// Everything that is given to the write of a deliberation's letters.
struct Given {
    id: DeliberationId,
    signatory: Option<SignatoryId>,
    reserves: ById<Reserve>,
    ranking: Option<(RankingId, ById<Standing>)>,
}

fn reserves(input: Vec<NewReserve>) -> Result<ById<Reserve>> {
    let mut found = BTreeMap::new();
    for (at, reserve) in input.into_iter().enumerate() {
        let points = text::clean(&reserve.points);
        if points.is_empty() {
            return Err(Error::field(&format!("/reserves/{at}/points"), "field-required"));
        }
        text::bounded(&points).map_err(|length| Error::too_long(&format!("/reserves/{at}/points"), length))?;
        let until = written_day(&format!("/reserves/{at}/until"), &reserve.until)?;
        found.insert(reserve.dossier.into(), Reserve { points, until });
    }
    Ok(found)
}

/// Writes a letter for each decision of a deliberation that has none yet, or one that gives the numbers of an older ranking: drafts, to
/// be read.
///
/// # Errors
/// `letter-text` when a text of the call is missing or asks for something that is not known; `ranking-moved`.
pub async fn write_letters(
    app: &Arrival,
    who: Option<&Actor>,
    id: DeliberationId,
    input: LettersInput,
) -> Result<Vec<LetterView>> {
    let (call, _) = crate::deliberations::load(app, who, id).await?;
    decide(Action::WriteLetters, who, &Subject::call(call.facts(app.at)))?;
    // Too long to read for a transaction, where only that it is still the newest one is looked at.
    let ranking = rankings::newest_view(app, &call).await?;
    let ranking = ranking.map(|r| (RankingId::from(r.id), standings(&r, &call.definition)));
    let signatory = input.signatory.map(Into::into);
    let given = Given { id, signatory, reserves: reserves(input.reserves)?, ranking };
    app.write_once(who, given, |work, given| {
        Box::pin(async move {
            let (call, held) = crate::deliberations::hold(work, given.id).await?;
            let permit = permit::<acts::WriteLetters>(work.who(), &Subject::call(call.facts(work.at())))?;
            if held.stage() == DeliberationStage::Notified {
                return Err(Error::new(Kind::Conflict, "deliberation-notified"));
            }
            let written = write_missing(work, &permit, &call, &held, given).await?;
            let subject = ("deliberation", held.id.to_string());
            let details = json!({ "number": held.number, "letters": written });
            work.record(Some(call.id), Some(permit.by()), Action::WriteLetters, subject, details).await?;
            Ok(())
        })
    })
    .await?;
    list_letters(app, who, id).await
}

/// The decisions of a deliberation that its letters tell of: those that nothing took the place of, on dossiers that nobody withdrew.
pub(super) async fn to_tell(work: &Work<'_>, held: &Deliberation) -> Result<Vec<(Decision, Dossier, bool)>> {
    let conn = work.tx.read();
    let gathered = deliberations::gathered_by(conn, [held.id]).await?.remove(&held.id).unwrap_or_default();
    let ids: Vec<DossierId> = gathered.iter().map(|g| g.dossier).collect();
    let mut now = decided::decisions_on(conn, ids.iter().copied()).await?;
    let mut known = dossiers::some(conn, ids.iter().copied()).await?;
    let grounds = Grounds::load(conn, held.call, Some(&ids)).await?;
    let told = |g: &Gathered| {
        let decision = now.remove(&g.dossier).filter(|d| g.is(d))?;
        let dossier = known.remove(&g.dossier).filter(|d| d.state_name() != DossierStateName::Withdrawn)?;
        let stale = grounds.stale(&decision, dossier.state_name()).is_some();
        Some((decision, dossier, stale))
    };
    Ok(gathered.iter().filter_map(told).collect())
}

/// Who was given each lot, and by which deliberation: the award is what whoever is not retained may attack.
async fn awards(work: &Work<'_>, call: &Call, held: &Deliberation) -> Result<BTreeMap<String, Award>> {
    let conn = work.tx.read();
    let all = deliberations::of_call(conn, call.id).await?;
    let mut gathered = deliberations::gathered_by(conn, all.iter().map(|d| d.id)).await?;
    let mut taken = decided::decisions(conn, call.id).await?;
    taken.retain(|_, d| d.kind == DecisionKind::Retained);
    let known = dossiers::some(conn, taken.keys().copied()).await?;
    let filings = Filings::of(conn, call, taken.keys().copied()).await?;
    let grounds = Grounds::load(conn, call.id, None).await?;
    let mut awards: BTreeMap<String, Award> = BTreeMap::new();
    // The one whose letters are written says itself who won; another only where this one gives nothing.
    let (own, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|d| d.id == held.id);
    for deliberation in own.into_iter().chain(others) {
        for g in gathered.remove(&deliberation.id).unwrap_or_default() {
            let Some(decision) = taken.get(&g.dossier).filter(|d| g.is(d)) else { continue };
            let Some(dossier) = known.get(&g.dossier) else { continue };
            if grounds.stale(decision, dossier.state_name()).is_some() {
                continue;
            }
            let award = awards.entry(dossier.lot.clone()).or_insert_with(|| Award::by(&deliberation));
            if award.number == deliberation.number {
                award.laureates.push(filings.name(dossier.id));
            }
        }
    }
    Ok(awards)
}

async fn write_missing(
    work: &Work<'_>,
    permit: &Permit<acts::WriteLetters>,
    call: &Call,
    held: &Deliberation,
    given: &Given,
) -> Result<usize> {
    let conn = work.tx.read();
    let there = decided::rankings(conn, call.id).await?.into_iter().next().map(|r| r.id);
    if there != given.ranking.as_ref().map(|(id, _)| *id) {
        return Err(rankings::ranking_moved());
    }
    let told = to_tell(work, held).await?;
    let newest = given.ranking.as_ref();
    let ranking_of = |decision: &Decision, dossier: &Dossier| {
        let (ranking, standings) = newest?;
        let basis = decision.basis.as_ref().map_or(*ranking, |b| b.ranking);
        standings.contains_key(&dossier.id).then_some(basis)
    };
    let mut written: BTreeSet<DossierId> = BTreeSet::new();
    for letter in rows::of_deliberation(conn, held.id).await? {
        let decided = told.iter().find(|(_, dossier, _)| dossier.id == letter.dossier);
        let outdated = decided.map(|(d, dossier, _)| ranking_of(d, dossier)) != Some(paper::ranking_of(&letter)?);
        if decided.is_some() && outdated && !is_sent(&letter) {
            // It gives the numbers of a ranking on which the decision no longer rests.
            let void = letter.void().map_err(super::refusal)?;
            rows::save_letter(work.tx, permit, &void).await?;
            super::noted(work, &void, "void", "").await?;
        } else {
            written.insert(letter.dossier);
        }
    }
    let filings = Filings::of(conn, call, told.iter().map(|(_, d, _)| d.id)).await?;
    let awards = awards(work, call, held).await?;
    let none = BTreeMap::new();
    let words = Told {
        call: &call.definition,
        deliberation: held,
        standings: given.ranking.as_ref().map_or(&none, |(_, standings)| standings),
        awards: &awards,
        reserves: &given.reserves,
    };
    let signs = signatory(work, call, given.signatory).await?;
    let mut count = 0;
    for (decision, dossier, _) in told.iter().filter(|(_, d, _)| !written.contains(&d.id)) {
        let kind = words.kind(decision, dossier);
        let body = words.body(kind, decision, dossier)?;
        let ranking = ranking_of(decision, dossier);
        let notices = paper::notices(work, call, kind, dossier, Some(held), ranking)?;
        let facts = paper::facts(work, call, dossier, &filings, (notices, signs.clone(), ranking)).await?;
        keep(work, permit, call, (dossier, kind, body, facts), Some(held.id)).await?;
        count += 1;
    }
    Ok(count)
}

/// Keeps one letter as a draft.
async fn keep(
    work: &Work<'_>,
    permit: &Permit<acts::WriteLetters>,
    call: &Call,
    (dossier, kind, body, facts): (&Dossier, LetterKind, String, String),
    deliberation: Option<DeliberationId>,
) -> Result<LetterId> {
    let number = call.definition.dossier_number(dossier.number);
    let args = [("number", number), ("lot", dossier.lot.clone())];
    let title = ami_views::message(&format!("letter-title-{}", kind.as_str().replace('_', "-")), &args);
    let letter = Letter {
        id: work.id(),
        call: call.id,
        dossier: dossier.id,
        deliberation,
        kind,
        title: title.ok_or_else(|| Error::internal("a letter without a title"))?,
        body,
        facts,
        state: LetterState::Draft,
        revision: 1,
    };
    rows::insert_letter(work.tx, permit, &letter, (work.id(), work.at())).await?;
    Ok(letter.id)
}

/// The kind that was asked for; none for the inadmissibility that fits each dossier.
fn kind_of(written: &str) -> Result<Option<LetterKind>> {
    match (written, LetterKind::parse(written)) {
        ("inadmissible", _) => Ok(None),
        (_, Some(kind)) if kind.is_of_examination() => Ok(Some(kind)),
        _ => Err(Error::field("/kind", "field-choice")),
    }
}

/// The kind of letter for a dossier; none when it does not fit what was found of it.
fn fitting(asked: Option<LetterKind>, dossier: &Dossier) -> Option<LetterKind> {
    let found = match &dossier.state {
        DossierState::Inadmissible { reason, .. } => Some(LetterKind::of_inadmissible(*reason)),
        _ => None,
    };
    match (asked, dossier.state_name()) {
        (None, _) => found,
        (Some(kind), _) if kind.is_inadmissibility() => found.filter(|f| *f == kind),
        (Some(LetterKind::CompletionRequest), DossierStateName::Deposited) => Some(LetterKind::CompletionRequest),
        (Some(kind @ (LetterKind::Admissible | LetterKind::Hearing)), DossierStateName::Admissible) => Some(kind),
        _ => None,
    }
}

/// Writes letters of the examination: drafts, which leave once they are approved.
///
/// # Errors
/// `letters-refused` with what keeps each of them from being written; a value that the text needs and nothing gives.
pub async fn write_call_letters(
    app: &Arrival,
    who: Option<&Actor>,
    code: &str,
    new: NewLetters,
) -> Result<Vec<LetterView>> {
    let call = app.call(code).await?;
    decide(Action::WriteLetters, who, &Subject::call(call.facts(app.at)))?;
    let kind = kind_of(new.kind.trim())?;
    if new.dossiers.is_empty() {
        return Err(Error::field("/dossiers", "field-required"));
    }
    let written: Vec<LetterId> = app
        .write_once(who, (code.to_owned(), kind, new), |work, (code, kind, new)| {
            Box::pin(async move {
                let call = hold_call(work.tx, code).await?;
                let permit = permit::<acts::WriteLetters>(work.who(), &Subject::call(call.facts(work.at())))?;
                let signs = signatory(work, &call, new.signatory.map(Into::into)).await?;
                let written = write_some(work, &permit, &call, (*kind, new, signs)).await?;
                let subject = ("call", code.clone());
                let details = json!({ "kind": new.kind, "letters": written });
                work.record(Some(call.id), Some(permit.by()), Action::WriteLetters, subject, details).await?;
                Ok(written)
            })
        })
        .await?;
    let mut letters = list_call_letters(app, who, code).await?;
    letters.retain(|l| written.contains(&l.id.into()));
    Ok(letters)
}

async fn write_some(
    work: &Work<'_>,
    permit: &Permit<acts::WriteLetters>,
    call: &Call,
    (asked, new, signs): (Option<LetterKind>, &NewLetters, SignatoryView),
) -> Result<Vec<LetterId>> {
    let conn = work.tx.read();
    let ids: Vec<DossierId> = new.dossiers.iter().map(|id| (*id).into()).collect();
    let known = dossiers::some(conn, ids.iter().copied()).await?;
    let filings = Filings::of(conn, call, ids.iter().copied()).await?;
    let told = super::told_inadmissible(conn, call).await?;
    let mut written = Vec::new();
    let mut problems = Vec::new();
    for (at, id) in ids.iter().enumerate() {
        let mut wrong = |code: &str, args| {
            problems.push(Problem { pointer: format!("/dossiers/{at}"), code: code.into(), args });
        };
        let Some(dossier) = known.get(id).filter(|d| d.call == call.id && d.state_name().was_deposited()) else {
            wrong("gather-unknown", vec![]);
            continue;
        };
        let number = vec![("number", call.definition.dossier_number(dossier.number))];
        let Some(kind) = fitting(asked, dossier) else {
            wrong("letter-unfit", number);
            continue;
        };
        let before = rows::of_dossier(conn, *id).await?;
        let waits = before.iter().any(|l| l.deliberation.is_none() && l.kind == kind && !is_sent(l));
        if waits || kind.is_inadmissibility() && told.contains(id) {
            wrong("letter-exists", number);
            continue;
        }
        let body = examination(&call.definition, kind, dossier, &new.values)?;
        let notices = paper::notices(work, call, kind, dossier, None, None)?;
        let facts = paper::facts(work, call, dossier, &filings, (notices, signs.clone(), None)).await?;
        written.push(keep(work, permit, call, (dossier, kind, body, facts), None).await?);
    }
    if problems.is_empty() {
        return Ok(written);
    }
    if problems.iter().any(|p| p.code == "gather-unknown") {
        return Err(Error::invalid(problems));
    }
    Err(Error { problems, ..Error::new(Kind::Conflict, "letters-refused") })
}

const fn is_sent(letter: &Letter) -> bool {
    matches!(letter.state, LetterState::Sent { .. })
}
