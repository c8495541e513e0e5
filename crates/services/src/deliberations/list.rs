//! Deliberations as they are shown: one of them, those of a call, what waits to be put before the assembly.

use std::collections::BTreeMap;

use ami_database::calls::Call;
use ami_database::deliberations as rows;
use ami_database::rankings as decided;
use ami_database::{ConnectionTrait, accounts, dossiers};
use ami_domain::decision::{Decision, DecisionKind, Stale};
use ami_domain::deliberation::{DecisionStage, Deliberation, DeliberationStage, DeliberationState, Gathered};
use ami_domain::ids::{CallId, DeliberationId, DossierId};
use ami_domain::policy::{Action, Subject, decide};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::load;
use crate::decisions::Grounds;
use crate::filed::Filings;
use crate::{Actor, Arrival, Result};

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
    /// As it was put before the assembly.
    #[serde(flatten)]
    pub put: Waiting,
    /// Whether another decision was recorded on the dossier since: this one is told to nobody then.
    pub replaced: bool,
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

/// A decision that waits to be put before the assembly, or was.
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
    /// What is decided.
    #[schema(value_type = String)]
    pub decision: DecisionKind,
    /// Yearly support, in cents.
    pub amount_cents: Option<i64>,
    /// Why the decision no longer rests on what it was taken on: as it is, it cannot be put before the assembly.
    #[schema(value_type = Option<String>)]
    pub stale: Option<Stale>,
}

/// A decision to be shown: on what, what, how much, and the one that there is now.
type Line<'a> = (DossierId, DecisionKind, Option<i64>, Option<&'a Decision>);

/// Decisions as they are shown, by lot and number, each with what it was made of.
async fn lines<T>(
    conn: &impl ConnectionTrait,
    call: &Call,
    grounds: &Grounds,
    of: Vec<T>,
    line: impl for<'a> Fn(&'a T) -> Line<'a>,
) -> Result<Vec<(T, Waiting)>> {
    let ids = || of.iter().map(|one| line(one).0);
    let known = dossiers::some(conn, ids()).await?;
    let filings = Filings::of(conn, call, ids()).await?;
    let mut shown = Vec::with_capacity(of.len());
    for one in of {
        let (id, decision, amount_cents, current) = line(&one);
        let Some(dossier) = known.get(&id) else { continue };
        let view = Waiting {
            dossier: id.uuid(),
            number: filings.number(dossier),
            lot: dossier.lot.clone(),
            organisation: filings.name(id),
            decision,
            amount_cents,
            stale: current.and_then(|d| grounds.stale(d, dossier.state_name())),
        };
        shown.push((dossier.number, one, view));
    }
    shown.sort_by(|(a, _, x), (b, _, y)| (&x.lot, a).cmp(&(&y.lot, b)));
    Ok(shown.into_iter().map(|(_, one, view)| (one, view)).collect())
}

/// One deliberation, for an officer.
pub async fn show_deliberation(app: &Arrival, who: Option<&Actor>, id: DeliberationId) -> Result<DeliberationView> {
    let (call, found) = load(app, who, id).await?;
    let conn = app.database.read();
    let gathered = rows::gathered_by(conn, [id]).await?.remove(&id).unwrap_or_default();
    let ids: Vec<DossierId> = gathered.iter().map(|g| g.dossier).collect();
    let now = decided::decisions_on(conn, ids.iter().copied()).await?;
    let grounds = Grounds::read(app, call.id, Some(&ids)).await?;
    let each: Vec<_> = gathered.iter().map(|g| (g, now.get(&g.dossier))).collect();
    let lines =
        lines(conn, &call, &grounds, each, |(g, current)| (g.dossier, g.kind, g.amount_cents, *current)).await?;
    let decisions = lines.into_iter().map(|((g, current), put)| {
        let replaced = current.is_none_or(|d| !g.is(d));
        GatheredView { put, replaced }
    });
    Ok(view(&call, found, decisions.collect()))
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
    let stages = stages(conn, call.id, None).await?;
    let grounds = Grounds::read(app, call.id, None).await?;
    let open: Vec<&Decision> = taken.values().filter(|d| stages.of(d) == DecisionStage::Proposed).collect();
    let lines = lines(conn, &call, &grounds, open, |d| (d.dossier, d.kind, d.amount_cents, Some(d))).await?;
    Ok(lines.into_iter().map(|(_, view)| view).collect())
}

/// How far the decisions of a call are: two statements, however many there are.
pub(crate) struct Stages(BTreeMap<DossierId, Vec<(Gathered, DeliberationStage)>>);

impl Stages {
    /// How far a decision is; another one that was gathered before it counts for nothing.
    pub(crate) fn of(&self, decision: &Decision) -> DecisionStage {
        let gathered = self.0.get(&decision.dossier).into_iter().flatten();
        let found = gathered.filter(|(g, _)| g.is(decision)).map(|(_, stage)| DecisionStage::from(*stage)).max();
        found.unwrap_or(DecisionStage::Proposed)
    }
}

/// How far the decisions of a call are: all of them, or those on some dossiers.
pub(crate) async fn stages(conn: &impl ConnectionTrait, call: CallId, only: Option<&[DossierId]>) -> Result<Stages> {
    let by_deliberation: BTreeMap<DeliberationId, DeliberationStage> =
        rows::of_call(conn, call).await?.iter().map(|d| (d.id, d.stage())).collect();
    let gathered = if let Some(dossiers) = only {
        rows::gathered_of(conn, dossiers.iter().copied()).await?
    } else {
        let all = rows::gathered_by(conn, by_deliberation.keys().copied()).await?.into_iter();
        all.flat_map(|(id, gathered)| gathered.into_iter().map(move |g| (id, g))).collect()
    };
    let mut stages: BTreeMap<DossierId, Vec<_>> = BTreeMap::new();
    for (id, gathered) in gathered {
        if let Some(stage) = by_deliberation.get(&id) {
            stages.entry(gathered.dossier).or_default().push((gathered, *stage));
        }
    }
    Ok(Stages(stages))
}
