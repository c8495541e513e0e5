//! What goes into a ranking: read at one instant, kept as JSON, given to the engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use ami_database::calls::Call;
use ami_database::{deposits, dossiers, jury};
use ami_domain::call::CallDefinition;
use ami_domain::deposit::Deposit;
use ami_domain::dossier::DossierStateName;
use ami_domain::grid::{Aggregation, Grid, Measure, Threshold, TieBreaker};
use ami_domain::ids::DossierId;
use ami_domain::jury::{Voice, is_recused};
use ami_scoring::{self as scoring, Marks, Rational};
use serde::{Deserialize, Serialize};

use super::view::About;
use crate::contents::read_answers;
use crate::filed::Filings;
use crate::{Arrival, Error, Result};

/// Everything that the result depends on. Its JSON is what the snapshot's hash is of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Inputs {
    call: String,
    version: i64,
    pub(super) grid: Grid,
    /// Of the jurors who count more than once, by label.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) voices: BTreeMap<String, u32>,
    pub(super) dossiers: Vec<InputDossier>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct InputDossier {
    pub(super) number: String,
    pub(super) lot: String,
    ballots: BTreeMap<String, BTreeMap<String, i64>>,
    /// The criteria on which a juror abstains, by label.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) abstentions: BTreeMap<String, Vec<String>>,
    values: BTreeMap<String, Rational>,
}

/// Admissible dossiers with the locked marks of deliberative, not recused jurors, and what each dossier is, by number.
/// The last number is of the last exclusion or reopening that they take into account.
pub(super) async fn gather(app: &Arrival, call: &Call) -> Result<(Inputs, BTreeMap<String, About>, i64)> {
    // One instant for all of them.
    let tx = app.database.snapshot().await?;
    let grid = &call.definition.grid;
    let mut filed = dossiers::filed_of_call(&tx, call.id).await?;
    filed.retain(|d| d.state_name() == DossierStateName::Admissible);
    let seats: BTreeMap<_, _> = jury::seats(&tx, call.id).await?.into_iter().map(|s| (s.id, s)).collect();
    let recusals = jury::recusals(&tx, call.id).await?;
    let sheets = jury::sheets_of_call(&tx, call.id, grid).await?;
    let filings = Filings::of_call(&tx, call).await?;
    // Contents are long: they are read only where answers break ties.
    let by_answers = grid.ties.iter().any(|tie| matches!(tie.on, Measure::Field(_)));
    let contents = if by_answers { deposits::admissible_of_call(&tx, call.id).await? } else { BTreeMap::new() };
    let upsets = ami_database::upsets::last(&tx, call.id).await?;
    drop(tx);

    let mut voices = BTreeMap::new();
    let mut ballots: BTreeMap<DossierId, BTreeMap<String, BTreeMap<String, i64>>> = BTreeMap::new();
    let mut abstentions: BTreeMap<DossierId, BTreeMap<String, Vec<String>>> = BTreeMap::new();
    let lots: BTreeMap<DossierId, &str> = filed.iter().map(|d| (d.id, d.lot.as_str())).collect();
    for sheet in sheets.iter().filter(|s| s.is_locked()) {
        let (Some(seat), Some(lot)) = (seats.get(&sheet.seat), lots.get(&sheet.dossier)) else { continue };
        if seat.voice != Voice::Deliberative || is_recused(&recusals, seat.id, sheet.dossier, lot) {
            continue;
        }
        let voice = grid.aggregation.voice(seat.college);
        if voice != 1 {
            voices.insert(seat.label.clone(), voice);
        }
        let marks =
            sheet.entries.iter().filter_map(|(c, e)| e.mark.map(|m| (c.clone(), grid.scale.value(m)))).collect();
        ballots.entry(sheet.dossier).or_default().insert(seat.label.clone(), marks);
        let without: Vec<String> =
            sheet.entries.iter().filter(|(_, e)| e.abstained.is_some()).map(|(c, _)| c.clone()).collect();
        if !without.is_empty() {
            abstentions.entry(sheet.dossier).or_default().insert(seat.label.clone(), without);
        }
    }

    let mut about = BTreeMap::new();
    let mut entries = Vec::with_capacity(filed.len());
    for dossier in &filed {
        let number = filings.number(dossier);
        about.insert(number.clone(), About { id: dossier.id.uuid(), organisation: filings.name(dossier.id) });
        let values = match contents.get(&dossier.id) {
            Some(deposit) => tie_values(grid, filings.definition(dossier.id), deposit)?,
            None => BTreeMap::new(),
        };
        entries.push(InputDossier {
            number,
            lot: dossier.lot.clone(),
            ballots: ballots.remove(&dossier.id).unwrap_or_default(),
            abstentions: abstentions.remove(&dossier.id).unwrap_or_default(),
            values,
        });
    }
    let order: BTreeMap<&str, usize> =
        call.definition.lots.iter().enumerate().map(|(at, lot)| (lot.code.as_str(), at)).collect();
    entries.sort_by_key(|d| order.get(d.lot.as_str()).copied());
    let inputs = Inputs {
        call: call.definition.code.clone(),
        version: call.version,
        grid: grid.clone(),
        voices,
        dossiers: entries,
    };
    Ok((inputs, about, upsets))
}

impl Inputs {
    /// Takes a juror's marks on a dossier away; false when there are none.
    pub(super) fn exclude(&mut self, number: &str, juror: &str) -> bool {
        let dossier = self.dossiers.iter_mut().find(|d| d.number == number);
        dossier.is_some_and(|dossier| dossier.ballots.remove(juror).is_some())
    }

    /// The engine's table of one lot, or of all of them.
    pub(super) fn marks(&self, engine: &Arc<scoring::Grid>, lot: Option<&str>) -> Result<Marks> {
        let mut table = Marks::builder(engine.clone());
        for (juror, voice) in &self.voices {
            table.juror(juror, *voice).map_err(Error::internal)?;
        }
        for dossier in self.dossiers.iter().filter(|d| lot.is_none_or(|lot| d.lot == lot)) {
            table.dossier(&dossier.number).map_err(Error::internal)?;
            for (juror, marks) in &dossier.ballots {
                for (criterion, value) in marks {
                    let mark = engine.scale().mark_of(&Rational::from(*value)).map_err(Error::internal)?;
                    table.mark(&dossier.number, juror, criterion, mark).map_err(Error::internal)?;
                }
            }
            for (field, value) in &dossier.values {
                table.value(&dossier.number, field, value.clone()).map_err(Error::internal)?;
            }
        }
        Ok(table.build())
    }
}

fn threshold(threshold: &Threshold, minimum: Rational) -> Result<scoring::Threshold> {
    match &threshold.on {
        Measure::Total => Ok(scoring::Threshold::Total { minimum }),
        Measure::Group(code) => Ok(scoring::Threshold::Points { code: code.clone(), minimum }),
        Measure::Criterion(code) => Ok(scoring::Threshold::Mean { code: code.clone(), minimum }),
        Measure::Field(code) => Err(Error::internal(format!("threshold on the form field {code}"))),
    }
}

/// The engine's breaker; the total, on which dossiers are equal already, breaks nothing.
fn breaker(tie: &TieBreaker) -> Option<scoring::Breaker> {
    let direction = if tie.lower_wins { scoring::Direction::Lowest } else { scoring::Direction::Highest };
    match &tie.on {
        Measure::Total => None,
        Measure::Group(code) | Measure::Criterion(code) => {
            Some(scoring::Breaker::Points { code: code.clone(), direction })
        }
        Measure::Field(code) => Some(scoring::Breaker::Value { name: code.clone(), direction }),
    }
}

const fn aggregation(aggregation: &Aggregation) -> scoring::Aggregation {
    match aggregation {
        Aggregation::Mean => scoring::Aggregation::Mean,
        Aggregation::Median => scoring::Aggregation::Median,
        Aggregation::Trimmed(each) => scoring::Aggregation::TrimmedMean { k: *each },
        Aggregation::Voices(_) => scoring::Aggregation::VoiceMean,
    }
}

/// The call's grid as the engine reads it.
pub(super) fn engine_grid(grid: &Grid) -> Result<scoring::Grid> {
    let minimum = |t: &Threshold| Rational::new(t.below.0, 100).unwrap_or(Rational::ZERO);
    engine_grid_from(grid, &grid.thresholds.iter().map(minimum).collect::<Vec<_>>())
}

/// The same, with other values of its thresholds, in their order.
pub(super) fn engine_grid_from(grid: &Grid, minima: &[Rational]) -> Result<scoring::Grid> {
    let criterion = |c: &ami_domain::grid::Criterion| scoring::Criterion { code: c.code.clone(), weight: c.weight };
    let group = |g: &ami_domain::grid::Group| scoring::Group {
        code: g.code.clone(),
        criteria: g.criteria.iter().map(criterion).collect(),
        ..scoring::Group::default()
    };
    let whole = Rational::from;
    let scale = scoring::Scale::new(whole(grid.scale.min), whole(grid.scale.max), whole(grid.scale.step));
    let spec = scoring::GridSpec {
        scale: scale.map_err(Error::internal)?,
        min_jurors: grid.min_jurors.max(1),
        aggregation: aggregation(&grid.aggregation),
        groups: grid.groups.iter().map(group).collect(),
        thresholds: grid
            .thresholds
            .iter()
            .zip(minima)
            .map(|(t, minimum)| threshold(t, minimum.clone()))
            .collect::<Result<_>>()?,
        ties: grid.ties.iter().filter_map(breaker).collect(),
    };
    Ok(scoring::Grid::new(spec).map_err(Error::internal)?.with_min_marks(grid.min_marks()))
}

/// The filed answers that break ties, read as they were filed.
fn tie_values(grid: &Grid, definition: &CallDefinition, deposit: &Deposit) -> Result<BTreeMap<String, Rational>> {
    let content = &deposit.content;
    let (answers, _) = read_answers(definition, &content.lot, |field| content.answers.get(field), deposit.at)?;
    let value = |tie: &TieBreaker| {
        let Measure::Field(code) = &tie.on else { return None };
        let (n, d) = definition.exact_value(code, &answers)?;
        Some((code.clone(), Rational::new(n, d)?))
    };
    Ok(grid.ties.iter().filter_map(value).collect())
}
