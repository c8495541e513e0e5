//! Who would be laureate of which lot: by the published rules, step by step, beside the best that could be had; and what would
//! change if something were otherwise. Nothing of it is kept: it is what decisions are proposed from, and none itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ami_database::calls::Call;
use ami_database::{deposits, dossiers, rankings as rows};
use ami_domain::call::CallDefinition;
use ami_domain::grid::{Grid, Measure};
use ami_domain::ids::DossierId;
use ami_domain::policy::{Action, Subject, decide};
use ami_domain::text;
use ami_scoring::{self as scoring, AllocationSpec, Bid, Rational, Status, Vacancy};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::inputs::{self, Inputs};
use super::{no_ranking, read_view};
use crate::contents::{asked, read_answers};
use crate::filed::Filings;
use crate::{Actor, Arrival, Error, Problem, Result};

/// What would be otherwise. What is left out is as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Simulation {
    /// Weights by criterion. Thresholds on points grow and shrink with the sum of all weights.
    #[serde(default)]
    #[schema(value_type = std::collections::BTreeMap<String, u32>)]
    pub weights: BTreeMap<String, u32>,
    /// Thresholds by code, such as `{"i": "60"}`: not scaled then.
    #[serde(default)]
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    pub thresholds: BTreeMap<String, String>,
    /// How many of each there may be.
    #[serde(default)]
    pub caps: Caps,
    /// Yearly support of all lots, in cents.
    #[serde(default)]
    #[schema(minimum = 0)]
    pub envelope_cents: Option<i64>,
    /// Dossiers as if they were withdrawn.
    #[serde(default)]
    pub withdrawn: Vec<Uuid>,
    /// Marks as if the juror were excluded from the dossier.
    #[serde(default)]
    pub recusals: Vec<Excluded>,
}

/// Limits of the rules; a number alone is of the lots that one legal body may win.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(from = "WrittenCaps")]
pub struct Caps {
    /// Lots that one legal body may win.
    pub lots: Option<u32>,
    /// Laureates of a lot.
    pub laureates: Option<u32>,
    /// Length of a reserve list.
    pub reserve: Option<u32>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenCaps {
    Lots(u32),
    Each(EachCap),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EachCap {
    lots: Option<u32>,
    laureates: Option<u32>,
    reserve: Option<u32>,
}

impl From<WrittenCaps> for Caps {
    fn from(written: WrittenCaps) -> Self {
        match written {
            WrittenCaps::Lots(lots) => Self { lots: Some(lots), ..Self::default() },
            WrittenCaps::Each(EachCap { lots, laureates, reserve }) => Self { lots, laureates, reserve },
        }
    }
}

/// A juror, by label, and a dossier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Excluded {
    /// The label.
    pub juror: String,
    /// The dossier.
    pub dossier: Uuid,
}

/// Lots shared out by the rules of the call, and as well as could be.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AllocationView {
    /// The ranking that it follows: the newest one.
    pub ranking: Uuid,
    /// The hash of that ranking's inputs.
    pub input_sha256: String,
    /// By rank, cap, preference and envelope.
    pub rules: Allocated,
    /// Most places covered, then the highest sum of totals, under the same cap and envelope; ranks do not bind it.
    pub best: Allocated,
    /// The lots that change hands between the two.
    pub difference: Vec<LotMove>,
    /// Every dossier that is named.
    pub dossiers: Vec<Named>,
    /// Names of the candidates who win as many lots as they may, and of whose lots the call's order had to stand for their own.
    pub assumed_order: Vec<String>,
}

/// One way to share the lots out.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Allocated {
    /// In the call's order.
    pub lots: Vec<AllocatedLot>,
    /// Yearly support that it takes, in cents.
    pub cost_cents: u64,
    /// Places of the lots' perimeters that laureates cover.
    pub places: u64,
    /// Places of all lots.
    pub places_to_cover: u64,
    /// The sum of the laureates' exact totals, such as `1129/15`.
    pub total: String,
    /// Two decimals.
    pub total_shown: String,
}

/// One lot.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AllocatedLot {
    /// Its code.
    pub lot: String,
    /// Its name.
    pub label: String,
    /// Dossiers, best first.
    pub laureates: Vec<Uuid>,
    /// Dossiers, best first.
    pub reserve: Vec<Uuid>,
    /// Why there are fewer laureates than there may be: `no_candidate`, `all_elsewhere`, `tied` or `unfunded`.
    pub vacancy: Option<&'static str>,
    /// How it came about, in French; empty for the best one, which no sequence of steps explains.
    pub steps: Vec<String>,
}

/// A lot that changes hands.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LotMove {
    /// Its code.
    pub lot: String,
    /// Dossiers.
    pub before: Vec<Uuid>,
    /// Dossiers.
    pub after: Vec<Uuid>,
    /// What its total gains, two decimals.
    pub gain: String,
}

/// A dossier.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Named {
    /// Its id.
    pub id: Uuid,
    /// Its number.
    pub number: String,
    /// The lot's code.
    pub lot: String,
    /// Who applied.
    pub organisation: String,
    /// From 1, in what is shown here; none where it is not ranked.
    pub rank: Option<usize>,
    /// Two decimals.
    pub total_shown: Option<String>,
}

/// A candidate, as far as sharing out is concerned.
#[derive(Debug, Clone)]
struct Candidate {
    id: DossierId,
    siren: String,
    organisation: String,
    /// In cents.
    asks: u64,
}

/// What is shared out: a stored ranking's inputs and who its dossiers are, by number.
#[derive(Debug, Clone)]
struct Ground {
    ranking: Uuid,
    input_sha256: String,
    inputs: Inputs,
    candidates: BTreeMap<String, Candidate>,
}

/// Shares the lots out by the newest ranking: by the rules, and as well as could be.
///
/// # Errors
/// `no-ranking` while there is none; whoever may not read decisions and marks may not read this.
pub async fn show_allocation(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<AllocationView> {
    simulate_allocation(app, who, code, Simulation::default()).await
}

/// The same, if something were otherwise; nothing is kept.
///
/// # Errors
/// The same; `invalid` naming what is not in the grid, or not among the ranked dossiers.
pub async fn simulate_allocation(
    app: &Arrival,
    who: Option<&Actor>,
    code: &str,
    otherwise: Simulation,
) -> Result<AllocationView> {
    let call = app.call(code).await?;
    let subject = Subject::call(call.facts(app.at));
    decide(Action::ReadDecisions, who, &subject)?;
    decide(Action::ReadRanking, who, &subject)?;
    let newest = app.newest_ranking(call.id).await?.ok_or_else(no_ranking)?;
    app.note_reading(who, "ranking", newest.id);
    let ground = ground(app, &call, newest.id).await?;
    app.cores.run(move || share(&call.definition, Arc::unwrap_or_clone(ground), &otherwise)).await
}

async fn ground(app: &Arrival, call: &Call, id: ami_domain::ids::RankingId) -> Result<Arc<Ground>> {
    let load = async {
        let conn = app.database.read();
        let snapshot = rows::find_ranking(conn, id).await?.ok_or_else(Error::not_found)?;
        let filings = Filings::of_call(conn, call).await?;
        let contents = deposits::admissible_of_call(conn, call.id).await?;
        let filed = dossiers::filed_of_call(conn, call.id).await?;
        let work = move || {
            let inputs: Inputs = serde_json::from_str(&snapshot.inputs).map_err(Error::internal)?;
            let ranked: BTreeSet<Uuid> =
                read_view(&snapshot)?.lots.into_iter().flat_map(|lot| lot.dossiers).map(|d| d.id).collect();
            let mut candidates = BTreeMap::new();
            // Whoever withdrew since then has no deposit that counts, and is no candidate.
            for dossier in filed.iter().filter(|d| ranked.contains(&d.id.uuid())) {
                let (Some(deposit), Some(applicant)) = (contents.get(&dossier.id), filings.applicant(dossier.id))
                else {
                    continue;
                };
                let definition = filings.definition(dossier.id);
                let given = &deposit.content;
                let (answers, _) = read_answers(definition, &given.lot, |field| given.answers.get(field), deposit.at)?;
                let siren = applicant.siret.get(..9).unwrap_or(&applicant.siret).to_owned();
                let asks = asked(definition, &answers).and_then(|cents| u64::try_from(cents).ok()).unwrap_or(0);
                let organisation = applicant.name.clone();
                candidates.insert(filings.number(dossier), Candidate { id: dossier.id, siren, organisation, asks });
            }
            Ok(Arc::new(Ground { ranking: id.uuid(), input_sha256: snapshot.input_sha256, inputs, candidates }))
        };
        app.cores.run(work).await
    };
    app.lately("allocation", id, load).await
}

fn share(definition: &CallDefinition, mut ground: Ground, otherwise: &Simulation) -> Result<AllocationView> {
    let engine = Arc::new(altered(&mut ground, otherwise)?);
    let mut named = BTreeMap::new();
    let (mut lots, mut bids) = (Vec::new(), Vec::new());
    let caps = &otherwise.caps;
    let laureates = size(caps.laureates.unwrap_or(definition.rules.laureates_per_lot));
    for (preference, lot) in (1u32..).zip(&definition.lots) {
        // Laureates of one lot share its places.
        let places = u32::try_from(lot.capacity).unwrap_or(0) / u32::try_from(laureates).unwrap_or(1).max(1);
        lots.push(scoring::Lot { code: lot.code.clone(), laureates, places });
        let ranking = scoring::rank(&ground.inputs.marks(&engine, Some(&lot.code))?);
        for line in ranking.dossiers() {
            let Some(candidate) = ground.candidates.get(line.id()) else { continue };
            let rank = line.rank().filter(|_| line.status() == Status::Ranked);
            named.insert(
                candidate.id.uuid(),
                Named {
                    id: candidate.id.uuid(),
                    number: line.id().to_owned(),
                    lot: lot.code.clone(),
                    organisation: candidate.organisation.clone(),
                    rank,
                    total_shown: line.total().map(|total| total.decimal(2, ',')),
                },
            );
            if let (Some(rank), Some(total)) = (rank, line.total()) {
                bids.push(Bid {
                    candidate: candidate.siren.clone(),
                    lot: lot.code.clone(),
                    rank,
                    total: total.clone(),
                    preference,
                    cost: candidate.asks,
                });
            }
        }
    }
    let envelope = otherwise.envelope_cents.unwrap_or(definition.envelope_cents);
    let spec = AllocationSpec {
        lots,
        bids,
        cap: size(caps.lots.unwrap_or(definition.rules.max_lots_awarded)),
        reserve: size(caps.reserve.unwrap_or(definition.rules.reserve_per_lot)),
        envelope: Some(u64::try_from(envelope).unwrap_or(0)),
    };
    let rules = spec.by_rank().map_err(Error::internal)?;
    let best = spec.best().map_err(Error::internal)?;
    let shown = Shown { definition, ground: &ground, spec: &spec };
    Ok(AllocationView {
        ranking: ground.ranking,
        input_sha256: ground.input_sha256.clone(),
        difference: rules.moves(&best).iter().map(|change| shown.change(change)).collect(),
        assumed_order: shown.assumed(&rules),
        rules: shown.allocated(&rules),
        best: shown.allocated(&best),
        dossiers: named.into_values().collect(),
    })
}

fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Changes what would be otherwise, and gives the grid by which is ranked.
fn altered(ground: &mut Ground, otherwise: &Simulation) -> Result<scoring::Grid> {
    let mut wrong = Vec::new();
    let mut refuse = |pointer: String, code: &str| wrong.push(Problem { pointer, code: code.into(), args: Vec::new() });
    let ids: BTreeMap<Uuid, String> =
        ground.candidates.iter().map(|(number, candidate)| (candidate.id.uuid(), number.clone())).collect();
    for (at, id) in otherwise.withdrawn.iter().enumerate() {
        match ids.get(id) {
            Some(number) => drop(ground.candidates.remove(number)),
            None => refuse(format!("/withdrawn/{at}"), "simulation-dossier"),
        }
    }
    for (at, excluded) in otherwise.recusals.iter().enumerate() {
        match ids.get(&excluded.dossier) {
            Some(number) if ground.inputs.exclude(number, &excluded.juror) => {}
            Some(_) => refuse(format!("/recusals/{at}/juror"), "simulation-juror"),
            None => refuse(format!("/recusals/{at}/dossier"), "simulation-dossier"),
        }
    }
    if otherwise.envelope_cents.is_some_and(i64::is_negative) {
        refuse("/envelope_cents".into(), "field-number");
    }
    let grid = &mut ground.inputs.grid;
    let before = sum(grid);
    for (code, weight) in &otherwise.weights {
        match grid.groups.iter_mut().flat_map(|g| &mut g.criteria).find(|c| c.code == *code) {
            Some(criterion) => criterion.weight = *weight,
            None => refuse(format!("/weights/{code}"), "simulation-criterion"),
        }
    }
    let after = sum(grid);
    let mut minima: Vec<Rational> = Vec::with_capacity(grid.thresholds.len());
    let scale = after.checked_div(&before).unwrap_or_else(|| Rational::from(1u32));
    for threshold in &grid.thresholds {
        let written = Rational::new(threshold.below.0, 100).unwrap_or(Rational::ZERO);
        minima.push(match &threshold.on {
            // A mean is on the scale of the marks, whatever the weights.
            Measure::Criterion(_) | Measure::Field(_) => written,
            Measure::Total | Measure::Group(_) => &written * &scale,
        });
    }
    for (code, value) in &otherwise.thresholds {
        let at = grid.thresholds.iter().position(|t| t.code == *code);
        match (at, text::hundredths(value).and_then(|hundredths| Rational::new(hundredths, 100))) {
            (Some(at), Some(value)) => minima[at] = value,
            (Some(_), None) => refuse(format!("/thresholds/{code}"), "field-number"),
            (None, _) => refuse(format!("/thresholds/{code}"), "simulation-threshold"),
        }
    }
    if after.is_zero() {
        refuse("/weights".into(), "simulation-no-weight");
    }
    if !wrong.is_empty() {
        return Err(Error::invalid(wrong));
    }
    inputs::engine_grid_from(grid, &minima)
}

/// The sum of a grid's weights.
fn sum(grid: &Grid) -> Rational {
    let weights = grid.groups.iter().flat_map(|g| &g.criteria).map(|c| u64::from(c.weight)).sum::<u64>();
    Rational::from(i64::try_from(weights).unwrap_or(i64::MAX))
}

/// What the engine's answer is shown with.
struct Shown<'a> {
    definition: &'a CallDefinition,
    ground: &'a Ground,
    spec: &'a AllocationSpec,
}

impl Shown<'_> {
    /// The dossier of a legal body on a lot.
    fn dossier(&self, lot: &str, siren: &str) -> Option<Uuid> {
        let of_lot = self.ground.inputs.dossiers.iter().filter(|d| d.lot == lot);
        of_lot.filter_map(|d| self.ground.candidates.get(&d.number)).find(|c| c.siren == siren).map(|c| c.id.uuid())
    }

    fn dossiers(&self, lot: &str, sirens: &[String]) -> Vec<Uuid> {
        sirens.iter().filter_map(|siren| self.dossier(lot, siren)).collect()
    }

    fn name(&self, siren: &str) -> String {
        let known = self.ground.candidates.values().find(|c| c.siren == siren);
        known.map_or_else(|| siren.to_owned(), |c| c.organisation.clone())
    }

    fn allocated(&self, found: &scoring::Allocation) -> Allocated {
        let steps = |lot: &str| {
            found.steps.iter().filter(|step| step.lot() == lot).map(|step| step.french(|who| self.name(who))).collect()
        };
        let lot = |lot: &scoring::LotOutcome| AllocatedLot {
            lot: lot.lot.clone(),
            label: self.definition.lot(&lot.lot).map_or_else(String::new, |l| l.label.clone()),
            laureates: self.dossiers(&lot.lot, &lot.laureates),
            reserve: self.dossiers(&lot.lot, &lot.reserve),
            vacancy: lot.vacancy.map(|vacancy| match vacancy {
                Vacancy::NoCandidate => "no_candidate",
                Vacancy::AllElsewhere => "all_elsewhere",
                Vacancy::Tied => "tied",
                Vacancy::Unfunded => "unfunded",
            }),
            steps: steps(&lot.lot),
        };
        Allocated {
            lots: found.lots.iter().map(lot).collect(),
            cost_cents: found.cost,
            places: found.places,
            places_to_cover: found.places_to_cover,
            total: found.total.to_string(),
            total_shown: found.total.decimal(2, ','),
        }
    }

    fn change(&self, change: &scoring::Move) -> LotMove {
        LotMove {
            lot: change.lot.clone(),
            before: self.dossiers(&change.lot, &change.before),
            after: self.dossiers(&change.lot, &change.after),
            gain: change.gain.decimal(2, ','),
        }
    }

    /// Whoever gave a lot back: which one, the call's order of lots has said.
    fn assumed(&self, found: &scoring::Allocation) -> Vec<String> {
        let back: BTreeSet<&str> = found
            .steps
            .iter()
            .filter_map(|step| match step {
                scoring::Step::GivenBack { candidate, .. } => Some(candidate.as_str()),
                _ => None,
            })
            .filter(|_| self.spec.cap > 0)
            .collect();
        back.into_iter().map(|siren| self.name(siren)).collect()
    }
}
