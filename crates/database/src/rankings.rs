//! Ranking snapshots and decisions.

use std::collections::BTreeMap;

use ami_domain::award::Override;
use ami_domain::decision::{Basis, Decision, DecisionKind};
use ami_domain::dossier::DossierStateName;
use ami_domain::ids::{AccountId, CallId, DossierId, HistoryId, RankingId};
use ami_domain::policy::{Act, Permit, acts};
use jiff::Timestamp;
use sea_orm::sea_query::{OnConflict, Query};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
};

use crate::connection::{corrupt, insert, instant, permitted, stored};
use crate::entities::{decision_history, decisions, dossiers, rankings};
use crate::{DatabaseError, Result, Tx, calls, upsets};

/// A ranking as it was computed. Never changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its id.
    pub id: RankingId,
    /// The call.
    pub call: CallId,
    /// The version of the call whose grid was used.
    pub call_version: i64,
    /// When.
    pub computed_at: Timestamp,
    /// By whom.
    pub computed_by: AccountId,
    /// Version of the scoring engine.
    pub engine: String,
    /// SHA-256 of `inputs`.
    pub input_sha256: String,
    /// Everything that went in, JSON.
    pub inputs: String,
    /// Everything that came out, JSON.
    pub result: String,
    /// The number, in the call, of the last exclusion or reopening that it has seen.
    pub upsets: i64,
}

/// What a list shows of a ranking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotPlace {
    /// Its id.
    pub id: RankingId,
    /// When.
    pub computed_at: Timestamp,
    /// SHA-256 of its inputs.
    pub input_sha256: String,
    /// See [`Snapshot::upsets`].
    pub upsets: i64,
    /// Its own number in the call: the last one that was kept is the newest.
    pub number: i64,
}

fn snapshot(r: rankings::Model) -> Result<Snapshot> {
    Ok(Snapshot {
        computed_at: instant("rankings", "computed_at", r.id, r.computed_at)?,
        id: r.id.into(),
        call: r.call_id.into(),
        call_version: r.call_version,
        computed_by: r.computed_by.into(),
        engine: r.engine,
        input_sha256: r.input_sha256,
        inputs: r.inputs,
        result: r.result,
        upsets: r.upsets,
    })
}

/// Keeps a ranking.
pub async fn insert_ranking(tx: &Tx, permit: &Permit<acts::ComputeRanking>, s: &Snapshot) -> Result<()> {
    permitted("rankings", permit.on(), s.call)?;
    let number = calls::next_number(tx, s.call, upsets::SERIES).await?;
    insert(
        tx,
        rankings::Model {
            id: s.id.uuid(),
            call_id: s.call.uuid(),
            call_version: s.call_version,
            computed_at: stored(s.computed_at),
            computed_by: s.computed_by.uuid(),
            engine: s.engine.clone(),
            input_sha256: s.input_sha256.clone(),
            inputs: s.inputs.clone(),
            result: s.result.clone(),
            upsets: s.upsets,
            number,
        },
    )
    .await
}

/// One ranking.
pub async fn find_ranking(conn: &impl ConnectionTrait, id: RankingId) -> Result<Option<Snapshot>> {
    rankings::Entity::find_by_id(id.uuid()).one(conn).await?.map(snapshot).transpose()
}

/// The call of a ranking, and the version whose grid was used.
pub async fn ranking_place(conn: &impl ConnectionTrait, id: RankingId) -> Result<Option<(CallId, i64)>> {
    let row: Option<(sea_orm::prelude::Uuid, i64)> = rankings::Entity::find_by_id(id.uuid())
        .select_only()
        .column(rankings::Column::CallId)
        .column(rankings::Column::CallVersion)
        .into_tuple()
        .one(conn)
        .await?;
    Ok(row.map(|(call, version)| (call.into(), version)))
}

/// The rankings of a call, newest first, without what went in and came out.
pub async fn rankings(conn: &impl ConnectionTrait, call: CallId) -> Result<Vec<SnapshotPlace>> {
    let rows: Vec<(sea_orm::prelude::Uuid, i64, String, i64, i64)> = rankings::Entity::find()
        .select_only()
        .column(rankings::Column::Id)
        .column(rankings::Column::ComputedAt)
        .column(rankings::Column::InputSha256)
        .column(rankings::Column::Upsets)
        .column(rankings::Column::Number)
        .filter(rankings::Column::CallId.eq(call.uuid()))
        .order_by_desc(rankings::Column::Number)
        .order_by_desc(rankings::Column::ComputedAt)
        .order_by_desc(rankings::Column::Id)
        .into_tuple()
        .all(conn)
        .await?;
    rows.into_iter()
        .map(|(id, at, input_sha256, upsets, number)| {
            let computed_at = instant("rankings", "computed_at", id, at)?;
            Ok(SnapshotPlace { id: id.into(), computed_at, input_sha256, upsets, number })
        })
        .collect()
}

fn overridden(id: sea_orm::prelude::Uuid, rules: Option<String>, reason: Option<String>) -> Result<Option<Override>> {
    let Some((rules, reason)) = rules.zip(reason) else { return Ok(None) };
    let read = serde_json::from_str(&rules).map_err(|_| corrupt("decisions", "override_rules", id, &rules))?;
    Ok(Some(Override { rules: read, reason }))
}

fn decision(r: decisions::Model) -> Result<Decision> {
    let kind = DecisionKind::parse(&r.kind).ok_or_else(|| corrupt("decisions", "kind", r.dossier_id, &r.kind))?;
    Ok(Decision {
        kind,
        at: instant("decisions", "decided_at", r.dossier_id, r.decided_at)?,
        dossier: r.dossier_id.into(),
        amount_cents: r.amount_cents,
        reason: r.reason,
        basis: r
            .ranking_id
            .zip(r.inputs_sha256)
            .filter(|_| kind.rests_on_ranking())
            .map(|(ranking, inputs_sha256)| Basis { ranking: ranking.into(), inputs_sha256, upsets: r.upsets }),
        overridden: overridden(r.dossier_id, r.override_rules, r.override_reason)?,
        confirmed: r
            .confirmed_at
            .zip(r.confirmed_by)
            .map(|(at, by)| instant("decisions", "confirmed_at", r.dossier_id, at).map(|at| (at, by.into())))
            .transpose()?,
        revision: r.revision,
        by: r.decided_by.into(),
    })
}

/// The decision on a dossier.
pub async fn find_decision(conn: &impl ConnectionTrait, dossier: DossierId) -> Result<Option<Decision>> {
    decisions::Entity::find_by_id(dossier.uuid()).one(conn).await?.map(decision).transpose()
}

/// The decisions of a call, by dossier.
pub async fn decisions(conn: &impl ConnectionTrait, call: CallId) -> Result<BTreeMap<DossierId, Decision>> {
    let of_call = Query::select()
        .column(dossiers::Column::Id)
        .from(dossiers::Entity)
        .and_where(dossiers::Column::CallId.eq(call.uuid()))
        .to_owned();
    let rows = decisions::Entity::find().filter(decisions::Column::DossierId.in_subquery(of_call)).all(conn).await?;
    rows.into_iter().map(|r| decision(r).map(|d| (d.dossier, d))).collect()
}

/// The decisions on some dossiers.
pub async fn decisions_on(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = DossierId>,
) -> Result<BTreeMap<DossierId, Decision>> {
    let rows = decisions::Entity::find()
        .filter(decisions::Column::DossierId.is_in(ids.into_iter().map(DossierId::uuid)))
        .all(conn)
        .await?;
    rows.into_iter().map(|r| decision(r).map(|d| (d.dossier, d))).collect()
}

/// Every decision of a call with the state of its dossier.
pub async fn decisions_with_states(
    conn: &impl ConnectionTrait,
    call: CallId,
) -> Result<Vec<(Decision, DossierStateName)>> {
    let mut taken = decisions(conn, call).await?;
    let decided = Query::select().column(decisions::Column::DossierId).from(decisions::Entity).to_owned();
    let states: Vec<(sea_orm::prelude::Uuid, String)> = dossiers::Entity::find()
        .select_only()
        .column(dossiers::Column::Id)
        .column(dossiers::Column::State)
        .filter(dossiers::Column::CallId.eq(call.uuid()))
        .filter(dossiers::Column::Id.in_subquery(decided))
        .into_tuple()
        .all(conn)
        .await?;
    states
        .into_iter()
        .filter_map(|(id, state)| Some((id, state, taken.remove(&id.into())?)))
        .map(|(id, state, decision)| {
            let state = DossierStateName::parse(&state).ok_or_else(|| corrupt("dossiers", "state", id, &state))?;
            Ok((decision, state))
        })
        .collect()
}

/// What may write a decision.
pub trait WritesDecision: Act<Object = DossierId> {}
impl WritesDecision for acts::Decide {}
impl WritesDecision for acts::ConfirmDecision {}

/// Keeps a decision in place of the one at the revision before, with its history.
///
/// # Errors
/// [`DatabaseError::Conflict`] when it changed in the meantime.
pub async fn save_decision<A: WritesDecision>(
    tx: &Tx,
    permit: &Permit<A>,
    d: &Decision,
    history: HistoryId,
) -> Result<()> {
    permitted("decisions", permit.on(), d.dossier)?;
    let ranking_id = d.basis.as_ref().map(|b| b.ranking.uuid());
    let inputs_sha256 = d.basis.as_ref().map(|b| b.inputs_sha256.clone());
    let codes = |o: &Override| o.rules.iter().map(|r| r.as_str()).collect::<sea_orm::prelude::Json>().to_string();
    let override_rules = d.overridden.as_ref().map(codes);
    let override_reason = d.overridden.as_ref().map(|o| o.reason.clone());
    let row = decisions::Model {
        dossier_id: d.dossier.uuid(),
        kind: d.kind.as_str().to_owned(),
        amount_cents: d.amount_cents,
        reason: d.reason.clone(),
        ranking_id,
        revision: d.revision,
        decided_at: stored(d.at),
        decided_by: d.by.uuid(),
        inputs_sha256: inputs_sha256.clone(),
        upsets: d.basis.as_ref().map_or(0, |b| b.upsets),
        confirmed_at: d.confirmed.map(|(at, _)| stored(at)),
        confirmed_by: d.confirmed.map(|(_, by)| by.uuid()),
        override_rules: override_rules.clone(),
        override_reason: override_reason.clone(),
    };
    let replace = OnConflict::column(decisions::Column::DossierId)
        .update_columns([
            decisions::Column::Kind,
            decisions::Column::AmountCents,
            decisions::Column::Reason,
            decisions::Column::RankingId,
            decisions::Column::Revision,
            decisions::Column::DecidedAt,
            decisions::Column::DecidedBy,
            decisions::Column::InputsSha256,
            decisions::Column::Upsets,
            decisions::Column::ConfirmedAt,
            decisions::Column::ConfirmedBy,
            decisions::Column::OverrideRules,
            decisions::Column::OverrideReason,
        ])
        .action_and_where(sea_orm::sea_query::ExprTrait::eq(
            sea_orm::sea_query::Expr::col((decisions::Entity, decisions::Column::Revision)),
            d.revision - 1,
        ))
        .to_owned();
    let touched = decisions::Entity::insert(sea_orm::ActiveModelTrait::reset_all(row.into_active_model()))
        .on_conflict(replace)
        .exec_without_returning(&tx.0)
        .await?;
    if touched != 1 {
        return Err(DatabaseError::Conflict { table: "decisions" });
    }
    insert(
        tx,
        decision_history::Model {
            id: history.uuid(),
            dossier_id: d.dossier.uuid(),
            kind: d.kind.as_str().to_owned(),
            amount_cents: d.amount_cents,
            reason: d.reason.clone(),
            ranking_id,
            revision: d.revision,
            at: stored(d.confirmed.map_or(d.at, |(at, _)| at)),
            by_account: permit.by().uuid(),
            inputs_sha256,
            override_rules,
            override_reason,
        },
    )
    .await
}
