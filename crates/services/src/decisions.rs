//! What the authority decides, and its exports.

mod list;

pub use list::{
    DecisionLine, DecisionTotals, count_decisions, decisions_csv, decisions_xlsx, list_decisions, page_decisions,
};

use std::collections::BTreeMap;

use ami_database::ConnectionTrait;
use ami_database::calls::Call;
use ami_database::rankings::{self as rows, SnapshotPlace};
use ami_database::upsets::{self, Upsets};
use ami_domain::award::{Opinion, Override, Rule};
use ami_domain::call::CallDefinition;
use ami_domain::decision::{Basis, Decision, DecisionError, DecisionKind, Ground, Proposal, Stale};
use ami_domain::dossier::DossierStateName;
use ami_domain::ids::{CallId, DossierId, RankingId};
use ami_domain::policy::{Action, acts, decide, permit};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::contents::{asked, load_filed};
use crate::{Actor, Arrival, Error, Kind, Result, about, awards, lock_dossier, rankings};

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
    /// The published rules that it goes beyond, and why.
    #[serde(rename = "override")]
    pub overridden: Option<OverrideView>,
}

/// Going beyond published rules.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OverrideView {
    /// Which: `threshold`, `jurors`, `legal-form`, `laureates`, `reserve`, `lots`, `envelope`.
    #[schema(value_type = Vec<String>)]
    pub rules: Vec<Rule>,
    /// Why.
    pub reason: String,
}

fn override_view(d: &Decision) -> Option<OverrideView> {
    d.overridden.as_ref().map(|o| OverrideView { rules: o.rules.clone(), reason: o.reason.clone() })
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
        overridden: override_view(d),
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

    /// The same, for a reader.
    pub(crate) async fn read(app: &Arrival, call: CallId, only: Option<&[DossierId]>) -> Result<Self> {
        let newest = app.newest_ranking(call).await?;
        Ok(Self { newest, upsets: upsets::of_dossiers(app.database.read(), call, only).await? })
    }

    /// What the newest ranking says of a dossier, as it was looked at before; refuses when another was kept since.
    fn opinion(&self, looked_at: Option<(RankingId, Option<Opinion>)>) -> Result<Option<Opinion>> {
        if self.newest.as_ref().map(|r| r.id) != looked_at.map(|(id, _)| id) {
            return Err(rankings::ranking_moved());
        }
        Ok(looked_at.and_then(|(_, opinion)| opinion))
    }

    /// The newest ranking.
    pub(crate) fn newest(&self) -> Option<RankingId> {
        self.newest.as_ref().map(|r| r.id)
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
    let (call, dossier) = app.dossier(id).await?;
    decide(Action::Decide, who, &about(app.at, &call, &dossier))?;
    let ranking = place(app, &call, id).await?;
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
            let opinion = grounds.opinion(*ranking)?;
            let ceiling = call.definition.lot(&dossier.lot).map_or(0, |l| l.ceiling_cents);
            let mut proposal = proposal.clone();
            let filed = match proposal.kind {
                kind if kind.awards() && kind.fits(state) => Some(load_filed(tx.read(), call.clone(), dossier).await?),
                _ => None,
            };
            if proposal.kind == DecisionKind::Retained && proposal.amount_cents.is_none() {
                proposal.amount_cents = filed.as_ref().and_then(|filed| asked(&filed.definition, &filed.answers));
            }
            let refused = |error| refusal(&call.definition, error);
            let proposal = proposal.check(state, ceiling, opinion.is_some()).map_err(refused)?;
            let broken = match &filed {
                Some(filed) => {
                    awards::broken(tx, filed, opinion, proposal.kind, proposal.amount_cents.unwrap_or(0)).await?
                }
                None => Vec::new(),
            };
            let overridden = proposal.override_of(broken).map_err(refused)?;
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
                overridden,
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
                "override": override_view(&decision),
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
/// `decision-firm` when nothing has changed; `decision-state` when it no longer fits the dossier and is to be decided anew, as
/// when it now goes beyond a published rule that it did not go beyond.
pub async fn confirm_decision(
    app: &Arrival,
    who: Option<&Actor>,
    id: DossierId,
    if_match: Option<i64>,
) -> Result<DecisionView> {
    let (call, dossier) = app.dossier(id).await?;
    decide(Action::ConfirmDecision, who, &about(app.at, &call, &dossier))?;
    let ranking = place(app, &call, id).await?;
    let confirmed = app.write_once(who, (id, if_match, ranking), |work, &(id, if_match, ranking)| {
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
            let opinion = grounds.opinion(ranking)?;
            let mut overridden = None;
            if before.kind.awards() {
                let filed = load_filed(tx.read(), call.clone(), dossier).await?;
                let amount = before.amount_cents.unwrap_or(0);
                let rules = awards::broken(tx, &filed, opinion, before.kind, amount).await?;
                let known = before.overridden.clone();
                if rules.iter().any(|r| known.as_ref().is_none_or(|known| !known.rules.contains(r))) {
                    return Err(awards::refusal(&call.definition, &rules));
                }
                overridden = known.filter(|_| !rules.is_empty()).map(|known| Override { rules, ..known });
            }
            let confirmed = Decision {
                basis: grounds.newest.as_ref().filter(|_| before.kind.rests_on_ranking()).map(|r| Basis {
                    ranking: r.id,
                    inputs_sha256: r.input_sha256.clone(),
                    upsets,
                }),
                overridden,
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

/// The newest ranking and what it says of a dossier: not for a transaction, where only that it is still the newest one is looked
/// at.
async fn place(app: &Arrival, call: &Call, id: DossierId) -> Result<Option<(RankingId, Option<Opinion>)>> {
    let newest = rankings::newest_standings(app, call).await?;
    Ok(newest.map(|(ranking, places)| (ranking, places.get(&id).and_then(|place| Opinion::parse(&place.status)))))
}

fn refusal(call: &CallDefinition, error: DecisionError) -> Error {
    match error {
        DecisionError::Rules(rules) => awards::refusal(call, &rules),
        DecisionError::OverrideTooLong(length) => Error::too_long("/override", length),
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
    let (call, dossier) = app.dossier(id).await?;
    decide(Action::ReviewDossier, who, &about(app.at, &call, &dossier))?;
    let Some(decision) = rows::find_decision(app.database.read(), id).await? else { return Ok(None) };
    let grounds = Grounds::read(app, call.id, Some(&[id])).await?;
    Ok(Some(view(&decision, grounds.stale(&decision, dossier.state_name()))))
}
