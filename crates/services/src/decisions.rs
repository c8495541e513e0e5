//! What the authority decides, and its exports.

use std::collections::BTreeMap;

use ami_database::calls::Call;
use ami_database::rankings::{self as rows, SnapshotPlace};
use ami_database::upsets::{self, Upsets};
use ami_database::{ConnectionTrait, accounts, dossiers};
use ami_documents::DecisionRow;
use ami_domain::answer::Answer;
use ami_domain::decision::{Basis, Decision, DecisionError, DecisionKind, Ground, Proposal, Stale};
use ami_domain::dossier::{Dossier, DossierStateName};
use ami_domain::form::FieldKind;
use ami_domain::ids::{AccountId, CallId, DossierId, RankingId};
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
    /// The ranking that it rests on, where one stands behind it.
    pub ranking_id: Option<Uuid>,
    /// SHA-256 of everything that went into that ranking.
    pub inputs_sha256: Option<String>,
    /// Why it no longer rests on what it was taken on: `withdrawn`, `inadmissible`, `admissible`, `recusal`, `sheet-reopened` or
    /// `ranking-changed`. It counts in no sum until it is confirmed or decided anew.
    #[schema(value_type = Option<String>)]
    pub stale: Option<Stale>,
    /// When somebody confirmed it after something had changed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub confirmed_at: Option<Timestamp>,
}

fn view(d: &Decision, stale: Option<Stale>) -> DecisionView {
    DecisionView {
        ranking_id: d.basis.as_ref().map(|b| b.ranking.uuid()),
        inputs_sha256: d.basis.as_ref().map(|b| b.inputs_sha256.clone()),
        stale,
        confirmed_at: d.confirmed.map(|(at, _)| at),
        dossier: d.dossier.uuid(),
        decision: d.kind,
        amount_cents: d.amount_cents,
        reason: d.reason.clone(),
        revision: d.revision,
        decided_at: d.at,
    }
}

/// What the decisions of a call rest on, as it stands now: two statements, however many decisions there are.
pub(crate) struct Grounds {
    newest: Option<SnapshotPlace>,
    upsets: BTreeMap<DossierId, Upsets>,
}

impl Grounds {
    /// For every dossier of a call, or for some of them.
    pub(crate) async fn load(conn: &impl ConnectionTrait, call: CallId, only: Option<&[DossierId]>) -> Result<Self> {
        let newest = rows::rankings(conn, call).await?.into_iter().next();
        Ok(Self { newest, upsets: upsets::of_dossiers(conn, call, only).await? })
    }

    /// Why a decision on a dossier in this state is stale, if it is.
    pub(crate) fn stale(&self, decision: &Decision, state: DossierStateName) -> Option<Stale> {
        let upsets = self.upsets.get(&decision.dossier).copied().unwrap_or_default();
        decision.stale(&Ground {
            state,
            newest: self.newest.as_ref().map(|r| r.input_sha256.as_str()),
            recusal: upsets.recusal,
            reopening: upsets.reopening,
        })
    }
}

/// Refuses when a decision is no longer what the writer has seen, with what it is.
fn seen(if_match: Option<i64>, before: Option<&DecisionView>) -> Result<()> {
    if if_match.is_none_or(|seen| seen == before.map_or(0, |d| d.revision)) {
        return Ok(());
    }
    let current = before.map(serde_json::to_value).transpose().map_err(Error::internal)?;
    Err(Error { current, ..Error::new(Kind::Stale, "stale") })
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
            let grounds = Grounds::load(tx.read(), call.id, Some(&[id])).await?;
            let state = dossier.state_name();
            let shown = before.as_ref().map(|d| view(d, grounds.stale(d, state)));
            seen(*if_match, shown.as_ref())?;
            if grounds.newest.as_ref().map(|r| r.id) != ranking.map(|(id, _)| id) {
                return Err(rankings::ranking_moved());
            }
            let ranked = ranking.is_some_and(|(_, ranked)| ranked);
            let ceiling = call.definition.lot(&dossier.lot).map_or(0, |l| l.ceiling_cents);
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
                basis: grounds.newest.as_ref().filter(|_| proposal.kind.rests_on_ranking()).map(|r| Basis {
                    ranking: r.id,
                    inputs_sha256: r.input_sha256.clone(),
                    upsets: r.upsets,
                }),
                confirmed: None,
                revision: revision + 1,
                at: work.at(),
                by: permit.by(),
            };
            rows::save_decision(tx, &permit, &decision, work.id()).await?;
            let details = json!({
                "decision": decision.kind, "amount_cents": decision.amount_cents,
                "ranking": decision.basis.as_ref().map(|b| b.ranking),
                "inputs_sha256": decision.basis.as_ref().map(|b| &b.inputs_sha256),
            });
            let subject = ("dossier", id.to_string());
            work.record(Some(call.id), Some(permit.by()), Action::Decide, subject, details).await?;
            Ok(view(&decision, grounds.stale(&decision, state)))
        })
    })
    .await
}

/// Confirms a decision on which something has changed since: it rests on the newest ranking from now on.
///
/// # Errors
/// `decision-firm` when nothing has changed; `decision-state` when it no longer fits the dossier and is to be decided anew.
pub async fn confirm_decision(
    app: &Arrival,
    who: Option<&Actor>,
    id: DossierId,
    if_match: Option<i64>,
) -> Result<DecisionView> {
    let confirmed = app.write_once(who, (id, if_match), |work, &(id, if_match)| {
        Box::pin(async move {
            let tx = work.tx;
            let (call, dossier) = lock_dossier(tx, id).await?;
            let permit = permit::<acts::ConfirmDecision>(work.who(), &about(work.at(), &call, &dossier))?;
            let before = rows::find_decision(tx.read(), id).await?.ok_or_else(Error::not_found)?;
            // No exclusion or reopening of the call is kept while this number is read and used.
            let upsets = upsets::hold(tx, call.id).await?;
            let grounds = Grounds::load(tx.read(), call.id, Some(&[id])).await?;
            let state = dossier.state_name();
            let reason = grounds.stale(&before, state);
            seen(if_match, Some(&view(&before, reason)))?;
            let reason = reason.ok_or(Error::new(Kind::Conflict, "decision-firm"))?;
            if !before.kind.fits(state) {
                return Err(Error::new(Kind::Conflict, "decision-state"));
            }
            let confirmed = Decision {
                basis: grounds.newest.as_ref().filter(|_| before.kind.rests_on_ranking()).map(|r| Basis {
                    ranking: r.id,
                    inputs_sha256: r.input_sha256.clone(),
                    upsets,
                }),
                confirmed: Some((work.at(), permit.by())),
                revision: before.revision + 1,
                ..before
            };
            rows::save_decision(tx, &permit, &confirmed, work.id()).await?;
            let details = json!({ "stale": reason, "ranking": confirmed.basis.as_ref().map(|b| b.ranking) });
            let subject = ("dossier", id.to_string());
            work.record(Some(call.id), Some(permit.by()), Action::ConfirmDecision, subject, details).await?;
            Ok(())
        })
    });
    confirmed.await?;
    show_decision(app, who, id).await?.ok_or_else(Error::not_found)
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
        DecisionError::ReasonTooLong(length) => Error::too_long("/reason", length),
        DecisionError::State(_) => Error::new(Kind::Conflict, "decision-state"),
        DecisionError::NoRanking => rankings::no_ranking(),
    }
}

/// The decision on a dossier, for an officer.
pub async fn show_decision(app: &Arrival, who: Option<&Actor>, id: DossierId) -> Result<Option<DecisionView>> {
    let conn = app.database.read();
    let (call, dossier) = load_dossier(conn, id).await?;
    decide(Action::ReviewDossier, who, &about(app.at, &call, &dossier))?;
    let Some(decision) = rows::find_decision(conn, id).await? else { return Ok(None) };
    let grounds = Grounds::load(conn, call.id, Some(&[id])).await?;
    Ok(Some(view(&decision, grounds.stale(&decision, dossier.state_name()))))
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
    /// Why the decision no longer rests on what it was taken on; its amount counts in no sum then.
    #[schema(value_type = Option<String>)]
    pub stale: Option<Stale>,
}

/// The call, to whoever may read its decisions now.
///
/// # Errors
/// `sealed` before closing.
async fn decided_call(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<Call> {
    let call = load_call(app.database.read(), code).await?;
    decide(Action::ReadDecisions, who, &Subject::call(call.facts(app.at)))?;
    Ok(call)
}

fn places(ranking: Option<&rankings::RankingView>) -> BTreeMap<Uuid, &rankings::RankedDossier> {
    ranking.into_iter().flat_map(|r| &r.lots).flat_map(|l| &l.dossiers).map(|d| (d.id, d)).collect()
}

/// Every filed dossier of a call with what was decided, by lot, rank and number.
pub async fn list_decisions(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<Vec<DecisionLine>> {
    let conn = app.database.read();
    let call = decided_call(app, who, code).await?;
    let ranking = rankings::latest_read(app, who, &call).await?;
    let decisions = rows::decisions(conn, call.id).await?;
    let grounds = Grounds::load(conn, call.id, None).await?;
    let filings = Filings::of_call(conn, &call).await?;
    let mut filed = dossiers::filed_of_call(conn, call.id).await?;
    let ranked = places(ranking.as_ref());
    filed.sort_by_cached_key(|d| (d.lot.clone(), rank(&ranked, d.id), d.number));
    let people = accounts::names(conn, &decisions.values().map(|d| d.by).collect()).await?;
    let taken = Taken { decisions, grounds, people };
    Ok(filed.iter().map(|d| line(d, &filings, &ranked, &taken)).collect())
}

/// The same, in parts.
pub async fn page_decisions(app: &Arrival, who: Option<&Actor>, code: &str, part: &Part) -> Result<Page<DecisionLine>> {
    let conn = app.database.read();
    let call = decided_call(app, who, code).await?;
    let ranking = rankings::latest_read(app, who, &call).await?;
    let ranked = places(ranking.as_ref());
    let place = |(id, lot, number): &(DossierId, String, i64)| (lot.clone(), rank(&ranked, *id), *number);
    let mut all = dossiers::filed_places(conn, call.id).await?;
    all.sort_by_cached_key(place);
    let page = part.cut("decisions", all, place)?;
    let filed = dossiers::some(conn, page.items.iter().map(|(id, ..)| *id)).await?;
    let filings = Filings::of(conn, &call, filed.keys().copied()).await?;
    let decisions = rows::decisions_on(conn, filed.keys().copied()).await?;
    let people = accounts::names(conn, &decisions.values().map(|d| d.by).collect()).await?;
    let shown: Vec<DossierId> = filed.keys().copied().collect();
    let taken = Taken { decisions, grounds: Grounds::load(conn, call.id, Some(&shown)).await?, people };
    let lines = page.items.iter().filter_map(|(id, ..)| filed.get(id));
    let lines = lines.map(|d| line(d, &filings, &ranked, &taken)).collect();
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
    /// Those that no longer rest on what they were taken on.
    pub stale: usize,
    /// Yearly support of the others, in cents.
    pub spent_cents: i64,
}

/// What was decided in a call, in numbers.
///
/// # Errors
/// `sealed` before closing; `sum-too-large` when the amounts have no sum.
pub async fn count_decisions(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<DecisionTotals> {
    let conn = app.database.read();
    let call = decided_call(app, who, code).await?;
    let filed = dossiers::count_filed(conn, &dossiers::Filed { call: call.id, lot: None, state: None }).await?;
    let taken = rows::decisions_with_states(conn, call.id).await?;
    let grounds = Grounds::load(conn, call.id, None).await?;
    let (mut stale, mut spent) = (0, Some(0_i64));
    for (decision, state) in &taken {
        if grounds.stale(decision, *state).is_some() {
            stale += 1;
        } else {
            spent = spent.and_then(|sum| sum.checked_add(decision.amount_cents.unwrap_or(0)));
        }
    }
    Ok(DecisionTotals {
        dossiers: usize::try_from(filed).unwrap_or(usize::MAX),
        decided: taken.len(),
        stale,
        spent_cents: spent.ok_or(Error::new(Kind::Conflict, "sum-too-large"))?,
    })
}

/// What was decided, on what it rests, and by whom.
struct Taken {
    decisions: BTreeMap<DossierId, Decision>,
    grounds: Grounds,
    people: BTreeMap<AccountId, (String, String)>,
}

fn line(
    d: &Dossier,
    filings: &Filings,
    ranked: &BTreeMap<Uuid, &rankings::RankedDossier>,
    taken: &Taken,
) -> DecisionLine {
    let place = ranked.get(&d.id.uuid()).copied();
    let decision = taken.decisions.get(&d.id);
    let by = decision.and_then(|x| taken.people.get(&x.by));
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
        stale: decision.and_then(|x| taken.grounds.stale(x, d.state_name())),
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
            amount_cents: l.amount_cents.filter(|_| l.stale.is_none()),
            stale: l.stale.map_or_else(String::new, |stale| word("stale", stale.as_str())),
            reason: l.reason.clone(),
            decided_at: l.decided_at.map_or_else(String::new, ami_views::date_time),
            decided_by: l.decided_by.clone().unwrap_or_default(),
        })
        .collect()
}

/// The decisions as CSV that a French spreadsheet opens right.
pub async fn decisions_csv(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<Vec<u8>> {
    let lines = list_decisions(app, who, code).await?;
    app.note_reading(who, "export", code);
    ami_documents::decisions_csv(&rows_of(&lines)).map_err(Error::internal)
}

/// The decisions as XLSX.
pub async fn decisions_xlsx(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<Vec<u8>> {
    let lines = list_decisions(app, who, code).await?;
    app.note_reading(who, "export", code);
    ami_documents::decisions_xlsx(&rows_of(&lines)).map_err(Error::internal)
}
