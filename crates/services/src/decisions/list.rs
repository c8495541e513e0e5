//! The decisions of a call as a list, in numbers, and as tables for spreadsheets.

use std::collections::BTreeMap;
use std::sync::Arc;

use ami_database::calls::Call;
use ami_database::rankings as rows;
use ami_database::{accounts, dossiers};
use ami_documents::DecisionRow;
use ami_domain::call::time_zone;
use ami_domain::decision::{Decision, DecisionKind, Stale};
use ami_domain::deliberation::DecisionStage;
use ami_domain::dossier::{Dossier, DossierStateName};
use ami_domain::ids::{AccountId, DossierId, RankingId};
use ami_domain::policy::{Action, Subject, decide};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Grounds, OverrideView, override_view};
use crate::deliberations::{Stages, stages};
use crate::filed::Filings;
use crate::part::{Page, Part};
use crate::rankings::Standings;
use crate::{Actor, Arrival, Error, Kind, Result, rankings};

/// The list's name in its cursors.
const LIST: &str = "decisions";

/// A line of the list of decisions.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DecisionLine {
    /// The dossier.
    pub dossier: Uuid,
    /// The lot's code.
    pub lot: String,
    /// The lot's name.
    pub lot_label: String,
    /// In the newest ranking, or the one that was so when the list was begun.
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
    /// The published rules that it goes beyond, and why.
    #[serde(rename = "override")]
    pub overridden: Option<OverrideView>,
    /// How far the decision is: `proposed`, `gathered`, `executory` or `notified`.
    #[schema(value_type = Option<String>)]
    pub stage: Option<DecisionStage>,
}

/// The call, to whoever may read its decisions now.
///
/// # Errors
/// `sealed` before closing.
async fn decided_call(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<Call> {
    let call = app.call(code).await?;
    decide(Action::ReadDecisions, who, &Subject::call(call.facts(app.at)))?;
    Ok(call)
}

/// Every filed dossier of a call with what was decided, by lot, rank and number.
pub async fn list_decisions(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<Vec<DecisionLine>> {
    let conn = app.database.read();
    let call = decided_call(app, who, code).await?;
    let ranked = rankings::standings(app, who, &call).await?;
    let decisions = rows::decisions(conn, call.id).await?;
    let grounds = Grounds::read(app, call.id, None).await?;
    let filings = Filings::of_call(conn, &call).await?;
    let mut filed = dossiers::filed_of_call(conn, call.id).await?;
    filed.sort_by_cached_key(|d| (d.lot.clone(), rank(&ranked, d.id), d.number));
    let people = accounts::names(conn, &decisions.values().map(|d| d.by).collect()).await?;
    let taken = Taken { decisions, grounds, people, stages: stages(conn, call.id, None).await? };
    Ok(filed.iter().map(|d| line(d, &filings, &ranked, &taken)).collect())
}

/// Where a line stands: the ranking that orders the list, lot, rank, number.
type Place = (Option<Uuid>, String, usize, i64);

/// The same, in parts. A list that was begun goes on in the order of the ranking that was the newest then.
pub async fn page_decisions(app: &Arrival, who: Option<&Actor>, code: &str, part: &Part) -> Result<Page<DecisionLine>> {
    let conn = app.database.read();
    let call = decided_call(app, who, code).await?;
    let (by, ranked) = match part.after::<Place>(LIST)? {
        None => rankings::standings_of(app, who, &call, None).await?,
        Some((None, ..)) => (None, Standings::default()),
        Some((Some(id), ..)) => rankings::standings_of(app, who, &call, Some(id.into())).await?,
    };
    let place = |(id, lot, number): &(DossierId, String, i64)| {
        (by.map(RankingId::uuid), lot.clone(), rank(&ranked, *id), *number)
    };
    let load = async {
        let mut all = dossiers::filed_places(conn, call.id).await?;
        all.sort_by_cached_key(place);
        Ok(Arc::new(all))
    };
    let all = app.lately("places", format!("{} {by:?}", call.id), load).await?;
    let page = part.cut_of(LIST, &all, place)?;
    let filed = dossiers::some(conn, page.items.iter().map(|(id, ..)| *id)).await?;
    let filings = Filings::of(conn, &call, filed.keys().copied()).await?;
    let decisions = rows::decisions_on(conn, filed.keys().copied()).await?;
    let people = accounts::names(conn, &decisions.values().map(|d| d.by).collect()).await?;
    let shown: Vec<DossierId> = filed.keys().copied().collect();
    let grounds = Grounds::read(app, call.id, Some(&shown)).await?;
    let taken = Taken { decisions, grounds, people, stages: stages(conn, call.id, Some(&shown)).await? };
    let lines = page.items.iter().filter_map(|(id, ..)| filed.get(id));
    let lines = lines.map(|d| line(d, &filings, &ranked, &taken)).collect();
    Ok(Page { items: lines, next: page.next })
}

fn rank(ranked: &Standings, id: DossierId) -> usize {
    ranked.get(&id).and_then(|p| p.rank).unwrap_or(usize::MAX)
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
    let call = decided_call(app, who, code).await?;
    app.lately("decisions", call.id, totals(app, &call)).await
}

async fn totals(app: &Arrival, call: &Call) -> Result<DecisionTotals> {
    let conn = app.database.read();
    let filed = app.count_filed(&dossiers::Filed { call: call.id, lot: None, state: None }).await?;
    let taken = rows::decisions_with_states(conn, call.id).await?;
    let grounds = Grounds::read(app, call.id, None).await?;
    let (mut stale, mut spent) = (0, Some(0_i64));
    for (decision, state) in &taken {
        if grounds.stale(decision, *state).is_some() {
            stale += 1;
        } else {
            spent = spent.and_then(|sum| sum.checked_add(decision.amount_cents.unwrap_or(0)));
        }
    }
    Ok(DecisionTotals {
        dossiers: filed,
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
    stages: Stages,
}

fn line(d: &Dossier, filings: &Filings, ranked: &Standings, taken: &Taken) -> DecisionLine {
    let place = ranked.get(&d.id);
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
        overridden: decision.and_then(override_view),
        stage: decision.map(|x| taken.stages.of(x)),
    }
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
            status: ami_views::word("status", &l.status),
            total: l.total_shown.clone(),
            decision: l.decision.map_or_else(String::new, |d| ami_views::word("decision", d.as_str())),
            amount_cents: l.amount_cents.filter(|_| l.stale.is_none()),
            stale: l.stale.map_or_else(String::new, |stale| ami_views::word("stale", stale.as_str())),
            reason: l.reason.clone(),
            overridden: l.overridden.as_ref().map_or_else(String::new, |o| {
                let rules: Vec<String> = o.rules.iter().map(|r| ami_views::word("rule", r.as_str())).collect();
                format!("{} : {}", rules.join(", "), o.reason)
            }),
            decided_at: l.decided_at.map(|at| at.to_zoned_datetime(time_zone()).datetime()),
            decided_by: l.decided_by.clone().unwrap_or_default(),
        })
        .collect()
}

/// The decisions as CSV that a French spreadsheet opens right.
pub async fn decisions_csv(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<Vec<u8>> {
    let call = app.call(code).await?;
    decide(Action::ExportDecisions, who, &Subject::call(call.facts(app.at)))?;
    let lines = list_decisions(app, who, code).await?;
    app.note_reading(who, "export", code);
    app.cores.run(move || ami_documents::decisions_csv(&rows_of(&lines)).map_err(Error::internal)).await
}

/// The decisions as XLSX.
pub async fn decisions_xlsx(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<Vec<u8>> {
    let call = app.call(code).await?;
    decide(Action::ExportDecisions, who, &Subject::call(call.facts(app.at)))?;
    let lines = list_decisions(app, who, code).await?;
    app.note_reading(who, "export", code);
    app.cores.run(move || ami_documents::decisions_xlsx(&rows_of(&lines)).map_err(Error::internal)).await
}
