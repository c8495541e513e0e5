//! What the authority decides, and its exports.

use std::collections::BTreeMap;

use ami_database::calls::Call;
use ami_database::rankings as rows;
use ami_database::{accounts, dossiers};
use ami_documents::DecisionRow;
use ami_domain::answer::Answer;
use ami_domain::decision::{Decision, DecisionError, DecisionKind, Proposal};
use ami_domain::dossier::{Dossier, DossierStateName};
use ami_domain::form::FieldKind;
use ami_domain::ids::{AccountId, DossierId, RankingId};
use ami_domain::policy::{Action, Subject, acts, decide, permit};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::contents::load_filed;
use crate::filed::Filings;
use crate::part::{Page, Part};
use crate::{Actor, Arrival, Error, Kind, Result, about, load_call, load_dossier, lock_dossier, rankings};

/// A decision on a dossier.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DecisionView {
    /// The dossier.
    pub dossier: Uuid,
    /// What.
    #[schema(value_type = String)]
    pub decision: DecisionKind,
    /// Yearly support, in cents.
    pub amount_cents: Option<i64>,
    /// Why.
    pub reason: String,
    /// For `If-Match`.
    pub revision: i64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub decided_at: Timestamp,
}

fn view(d: &Decision) -> DecisionView {
    DecisionView {
        dossier: d.dossier.uuid(),
        decision: d.kind,
        amount_cents: d.amount_cents,
        reason: d.reason.clone(),
        revision: d.revision,
        decided_at: d.at,
    }
}

/// Records a decision. Without an amount, a retained dossier gets what it asked for. `if_match` is the revision of the decision
/// that the writer has seen, 0 for none.
///
/// # Errors
/// `ranking-moved` when a ranking was computed at this moment.
pub async fn record_decision(
    app: &Arrival,
    who: Option<&Actor>,
    id: DossierId,
    if_match: Option<i64>,
    proposal: Proposal,
) -> Result<DecisionView> {
    let (call, dossier) = load_dossier(app.database.read(), id).await?;
    decide(Action::Decide, who, &about(app.at, &call, &dossier))?;
    // A ranking takes too long to read for a transaction: only that it is still the newest one is looked at there.
    let ranking = rankings::latest(app, &call).await?.map(|r| {
        let ranked = r.lots.iter().any(|l| l.dossiers.iter().any(|d| d.id == id.uuid()));
        (RankingId::from(r.id), ranked)
    });
    app.write(who, (id, if_match, proposal, ranking), |work, (id, if_match, proposal, ranking)| {
        Box::pin(async move {
            let (tx, id) = (work.tx, *id);
            let (call, dossier) = lock_dossier(tx, id).await?;
            let permit = permit::<acts::Decide>(work.who(), &about(work.at(), &call, &dossier))?;
            let before = rows::find_decision(tx.read(), id).await?;
            let revision = before.as_ref().map_or(0, |d| d.revision);
            if if_match.is_some_and(|seen| seen != revision) {
                let current =
                    before.as_ref().map(|d| serde_json::to_value(view(d))).transpose().map_err(Error::internal)?;
                return Err(Error { current, ..Error::new(Kind::Stale, "stale") });
            }
            let newest = rows::rankings(tx.read(), call.id).await?.first().map(|(id, ..)| *id);
            if newest != ranking.map(|(id, _)| id) {
                return Err(rankings::ranking_moved());
            }
            let ranked = ranking.is_some_and(|(_, ranked)| ranked);
            let ceiling = call.definition.lot(&dossier.lot).map_or(0, |l| l.ceiling_cents);
            let state = dossier.state_name();
            let mut proposal = proposal.clone();
            if proposal.kind == DecisionKind::Retained && proposal.amount_cents.is_none() {
                let loaded = load_filed(tx.read(), call.clone(), dossier).await?;
                proposal.amount_cents = loaded
                    .definition
                    .form
                    .fields()
                    .filter(|f| matches!(f.kind, FieldKind::Amount { within_lot_ceiling: true }))
                    .find_map(|f| match loaded.answers.get(&f.code) {
                        Some(Answer::Amount(cents)) => Some(*cents),
                        _ => None,
                    });
            }
            let proposal = proposal.check(state, ceiling, ranked).map_err(refusal)?;
            let decision = Decision {
                dossier: id,
                kind: proposal.kind,
                amount_cents: proposal.amount_cents,
                reason: proposal.reason,
                ranking: newest,
                revision: revision + 1,
                at: work.at(),
                by: permit.by(),
            };
            rows::save_decision(tx, &permit, &decision, work.id()).await?;
            let details = json!({ "decision": decision.kind, "amount_cents": decision.amount_cents });
            let subject = ("dossier", id.to_string());
            work.record(Some(call.id), Some(permit.by()), Action::Decide, subject, details).await?;
            Ok(view(&decision))
        })
    })
    .await
}

fn refusal(error: DecisionError) -> Error {
    match error {
        DecisionError::AmountMissing => Error::field("/amount", "amount-missing"),
        DecisionError::AmountUnexpected => Error::field("/amount", "amount-unexpected"),
        DecisionError::AboveCeiling { ceiling_cents } => Error::invalid(vec![crate::Problem {
            pointer: "/amount".into(),
            code: "amount-ceiling".into(),
            args: vec![("max", ami_views::money(ceiling_cents))],
        }]),
        DecisionError::NoReason => Error::field("/reason", "reason-needed"),
        DecisionError::State(_) => Error::new(Kind::Conflict, "decision-state"),
        DecisionError::NoRanking => rankings::no_ranking(),
    }
}

/// The decision on a dossier, for an officer.
pub async fn show_decision(app: &Arrival, who: Option<&Actor>, id: DossierId) -> Result<Option<DecisionView>> {
    let conn = app.database.read();
    let (call, dossier) = load_dossier(conn, id).await?;
    decide(Action::ReviewDossier, who, &about(app.at, &call, &dossier))?;
    Ok(rows::find_decision(conn, id).await?.as_ref().map(view))
}

/// A line of the list of decisions.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DecisionLine {
    /// The dossier.
    pub dossier: Uuid,
    /// The lot's code.
    pub lot: String,
    /// The lot's name.
    pub lot_label: String,
    /// In the newest ranking.
    pub rank: Option<usize>,
    /// Whether it shares its rank.
    pub ex_aequo: bool,
    /// The dossier's number.
    pub number: String,
    /// Who applied.
    pub organisation: String,
    /// Fourteen digits.
    pub siret: String,
    /// What the organisation is called today, when it changed anything of itself since.
    pub organisation_today: Option<String>,
    /// `ranked`, `eliminated`, `insufficient`, `inadmissible`, `withdrawn`, `unranked`.
    pub status: String,
    /// Two decimals.
    pub total_shown: Option<String>,
    /// What was decided.
    #[schema(value_type = Option<String>)]
    pub decision: Option<DecisionKind>,
    /// Yearly support, in cents.
    pub amount_cents: Option<i64>,
    /// Why.
    pub reason: String,
    /// When.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub decided_at: Option<Timestamp>,
    /// By whom.
    pub decided_by: Option<String>,
}

/// The call, to whoever may read its decisions now.
///
/// # Errors
/// `sealed` before closing.
async fn decided_call(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<Call> {
    let call = load_call(app.database.read(), code).await?;
    let facts = call.facts(app.at);
    decide(Action::ReadDecisions, who, &Subject::call(facts))?;
    if facts.phase.sealed() {
        return Err(
            Error::new(Kind::Conflict, "sealed").with("closes", ami_views::date_time(call.definition.calendar.closes))
        );
    }
    Ok(call)
}

fn places(ranking: Option<&rankings::RankingView>) -> BTreeMap<Uuid, &rankings::RankedDossier> {
    ranking.into_iter().flat_map(|r| &r.lots).flat_map(|l| &l.dossiers).map(|d| (d.id, d)).collect()
}

/// Every filed dossier of a call with what was decided, by lot, rank and number.
pub async fn list_decisions(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<Vec<DecisionLine>> {
    let conn = app.database.read();
    let call = decided_call(app, who, code).await?;
    let ranking = rankings::latest(app, &call).await?;
    let decisions = rows::decisions(conn, call.id).await?;
    let filings = Filings::of_call(conn, &call).await?;
    let mut filed = dossiers::filed_of_call(conn, call.id).await?;
    let ranked = places(ranking.as_ref());
    filed.sort_by_cached_key(|d| (d.lot.clone(), rank(&ranked, d.id), d.number));
    let people = accounts::names(conn, &decisions.values().map(|d| d.by).collect()).await?;
    Ok(filed.iter().map(|d| line(d, &filings, &ranked, &decisions, &people)).collect())
}

/// The same, in parts.
pub async fn page_decisions(app: &Arrival, who: Option<&Actor>, code: &str, part: &Part) -> Result<Page<DecisionLine>> {
    let conn = app.database.read();
    let call = decided_call(app, who, code).await?;
    let ranking = rankings::latest(app, &call).await?;
    let ranked = places(ranking.as_ref());
    let mut all = dossiers::filed_places(conn, call.id).await?;
    all.sort_by_cached_key(|(id, lot, number)| (lot.clone(), rank(&ranked, *id), *number));
    let page = part.cut("decisions", all, |(id, ..)| id.to_string())?;
    let filed = dossiers::some(conn, page.items.iter().map(|(id, ..)| *id)).await?;
    let filings = Filings::of(conn, &call, filed.keys().copied()).await?;
    let decisions = rows::decisions_on(conn, filed.keys().copied()).await?;
    let people = accounts::names(conn, &decisions.values().map(|d| d.by).collect()).await?;
    let lines = page.items.iter().filter_map(|(id, ..)| filed.get(id));
    let lines = lines.map(|d| line(d, &filings, &ranked, &decisions, &people)).collect();
    Ok(Page { items: lines, next: page.next })
}

fn rank(ranked: &BTreeMap<Uuid, &rankings::RankedDossier>, id: DossierId) -> usize {
    ranked.get(&id.uuid()).and_then(|p| p.rank).unwrap_or(usize::MAX)
}

/// What was decided in a call, in numbers.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct DecisionTotals {
    /// Filed dossiers.
    pub dossiers: usize,
    /// Decisions.
    pub decided: usize,
    /// Yearly support, in cents.
    pub spent_cents: i64,
}

/// What was decided in a call, in numbers.
///
/// # Errors
/// `sealed` before closing.
pub async fn count_decisions(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<DecisionTotals> {
    let conn = app.database.read();
    let call = decided_call(app, who, code).await?;
    let filed = dossiers::count_filed(conn, &dossiers::Filed { call: call.id, lot: None, state: None }).await?;
    let amounts = rows::decided_amounts(conn, call.id).await?;
    Ok(DecisionTotals {
        dossiers: usize::try_from(filed).unwrap_or(usize::MAX),
        decided: amounts.len(),
        spent_cents: amounts.into_iter().flatten().sum(),
    })
}

fn line(
    d: &Dossier,
    filings: &Filings,
    ranked: &BTreeMap<Uuid, &rankings::RankedDossier>,
    decisions: &BTreeMap<DossierId, Decision>,
    people: &BTreeMap<AccountId, (String, String)>,
) -> DecisionLine {
    let place = ranked.get(&d.id.uuid()).copied();
    let decision = decisions.get(&d.id);
    let by = decision.and_then(|x| people.get(&x.by));
    DecisionLine {
        dossier: d.id.uuid(),
        lot: d.lot.clone(),
        lot_label: filings.lot_label(d),
        rank: place.and_then(|p| p.rank),
        ex_aequo: place.is_some_and(|p| p.ex_aequo),
        number: filings.number(d),
        organisation: filings.name(d.id),
        siret: filings.applicant(d.id).map_or_else(String::new, |a| a.siret.clone()),
        organisation_today: filings.today(d.id).map(|t| t.name.clone()),
        status: match (d.state_name(), place) {
            (DossierStateName::Inadmissible, _) => "inadmissible".into(),
            (DossierStateName::Withdrawn, _) => "withdrawn".into(),
            (_, Some(p)) => p.status.clone(),
            (_, None) => "unranked".into(),
        },
        total_shown: place.and_then(|p| p.total_shown.clone()),
        decision: decision.map(|x| x.kind),
        amount_cents: decision.and_then(|x| x.amount_cents),
        reason: decision.map_or_else(String::new, |x| x.reason.clone()),
        decided_at: decision.map(|x| x.at),
        decided_by: by.map(|(name, _)| name.clone()),
    }
}

fn word(prefix: &str, code: &str) -> String {
    ami_views::message(&format!("{prefix}-{}", code.replace('_', "-")), &[]).unwrap_or_else(|| code.to_owned())
}

fn rows_of(lines: &[DecisionLine]) -> Vec<DecisionRow> {
    lines
        .iter()
        .map(|l| DecisionRow {
            lot: l.lot.clone(),
            lot_label: l.lot_label.clone(),
            rank: l.rank,
            ex_aequo: l.ex_aequo,
            number: l.number.clone(),
            organisation: l.organisation.clone(),
            siret: l.siret.clone(),
            status: word("status", &l.status),
            total: l.total_shown.clone(),
            decision: l.decision.map_or_else(String::new, |d| word("decision", d.as_str())),
            amount_cents: l.amount_cents,
            reason: l.reason.clone(),
            decided_at: l.decided_at.map_or_else(String::new, ami_views::date_time),
            decided_by: l.decided_by.clone().unwrap_or_default(),
        })
        .collect()
}

/// The decisions as CSV that a French spreadsheet opens right.
pub async fn decisions_csv(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<Vec<u8>> {
    let lines = list_decisions(app, who, code).await?;
    ami_documents::decisions_csv(&rows_of(&lines)).map_err(Error::internal)
}

/// The decisions as XLSX.
pub async fn decisions_xlsx(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<Vec<u8>> {
    let lines = list_decisions(app, who, code).await?;
    ami_documents::decisions_xlsx(&rows_of(&lines)).map_err(Error::internal)
}
