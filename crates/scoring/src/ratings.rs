//! A sparse units × raters table of numbers, as the statistics of agreement want it.

use crate::aggregate::integer_weights;
use crate::exact::Rational;
use crate::marks::{Marks, NO_MARK};

/// Which rater gave which unit which value; any of them may be missing. Eight bytes a value.
///
/// A unit is what is rated (a dossier), a rater is who rates (a juror).
#[derive(Debug, Clone)]
pub struct Ratings {
    pub(crate) raters: usize,
    /// Values of unit `u`: `starts[u]..starts[u + 1]`, by rater.
    pub(crate) starts: Vec<usize>,
    pub(crate) who: Vec<u32>,
    /// Places in `domain`.
    pub(crate) codes: Vec<u32>,
    /// The values that occur (or may), in increasing order.
    pub(crate) domain: Vec<f64>,
}

/// Why ratings cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RatingsError {
    /// A value is NaN or infinite.
    #[error("unit {unit}: a finite value was expected")]
    NotFinite {
        /// The unit's place.
        unit: usize,
    },
    /// A rater's place is not below the number of raters.
    #[error("unit {unit}: there is no rater {rater}")]
    NoRater {
        /// The unit's place.
        unit: usize,
        /// The rater's place.
        rater: usize,
    },
    /// One rater rates a unit twice.
    #[error("unit {unit}: rater {rater} rates it twice")]
    Twice {
        /// The unit's place.
        unit: usize,
        /// The rater's place.
        rater: usize,
    },
    /// More than four billion values.
    #[error("at most 4294967295 raters and values")]
    TooMany,
}

impl Ratings {
    /// From the values of each unit, as `(rater, value)` with raters counted from 0.
    pub fn new(raters: usize, units: &[Vec<(usize, f64)>]) -> Result<Self, RatingsError> {
        let mut starts = vec![0];
        let (mut who, mut values) = (Vec::new(), Vec::new());
        for (unit, given) in units.iter().enumerate() {
            let mut given = given.clone();
            given.sort_unstable_by_key(|(rater, _)| *rater);
            if let Some(pair) = given.windows(2).find(|pair| pair[0].0 == pair[1].0) {
                return Err(RatingsError::Twice { unit, rater: pair[0].0 });
            }
            for (rater, value) in given {
                if !value.is_finite() {
                    return Err(RatingsError::NotFinite { unit });
                }
                if rater >= raters {
                    return Err(RatingsError::NoRater { unit, rater });
                }
                who.push(u32::try_from(rater).map_err(|_| RatingsError::TooMany)?);
                // Adding zero makes one zero of the two.
                values.push(value + 0.0);
            }
            starts.push(who.len());
        }
        if u32::try_from(values.len()).is_err() {
            return Err(RatingsError::TooMany);
        }
        let mut domain = values.clone();
        domain.sort_unstable_by(f64::total_cmp);
        domain.dedup();
        let codes = values.iter().map(|value| place(&domain, |known| known.total_cmp(value))).collect();
        Ok(Self { raters, starts, who, codes, domain })
    }

    /// The marks on one criterion, by its place in the grid; dossiers are units and jurors raters.
    pub fn of_criterion(marks: &Marks, criterion: usize) -> Self {
        let scale = marks.grid().scale();
        let mut table = Self::empty(marks);
        for dossier in 0..marks.dossiers().len() {
            for (juror, sheet) in marks.sheets(dossier) {
                if let Some(value) = sheet.get(criterion).filter(|value| **value != NO_MARK) {
                    table.push(juror, *value);
                }
            }
            table.starts.push(table.who.len());
        }
        let (min, step) = (scale.min().to_f64(), scale.step().to_f64());
        let most = table.codes.iter().max().copied().unwrap_or(0) as usize;
        if most <= 4096 {
            // Classes that do not occur weigh nothing, and need no search.
            table.domain = (0..=u32::try_from(most).unwrap_or(0)).map(|steps| min + step * f64::from(steps)).collect();
        } else {
            table.recode(|steps| min + step * f64::from(*steps));
        }
        table
    }

    /// Each juror's total on each dossier: Σ weight × mark / Σ weight, on the scale of the marks. A sheet that misses a
    /// mark has no total.
    pub fn of_totals(marks: &Marks) -> Self {
        let grid = marks.grid();
        let (min, step) = (grid.scale().min().to_f64(), grid.scale().step().to_f64());
        let mut table = Self::empty(marks);
        let mut totals: Vec<f64> = Vec::new();
        let weights = SheetWeights::new(grid.weights());
        for dossier in 0..marks.dossiers().len() {
            for (juror, sheet) in marks.sheets(dossier) {
                if let Some(total) = weights.total(sheet) {
                    table.who.push(code(juror));
                    totals.push(min + step * total);
                }
            }
            table.starts.push(table.who.len());
        }
        table.domain.clone_from(&totals);
        table.domain.sort_unstable_by(f64::total_cmp);
        table.domain.dedup();
        table.codes = totals.iter().map(|total| place(&table.domain, |known| known.total_cmp(total))).collect();
        table
    }

    fn empty(marks: &Marks) -> Self {
        Self { raters: marks.jurors().len(), starts: vec![0], who: Vec::new(), codes: Vec::new(), domain: Vec::new() }
    }

    fn push(&mut self, rater: usize, code: u32) {
        self.who.push(self::code(rater));
        self.codes.push(code);
    }

    fn recode(&mut self, value: impl Fn(&u32) -> f64) {
        let mut classes = self.codes.clone();
        classes.sort_unstable();
        classes.dedup();
        self.domain = classes.iter().map(value).collect();
        for code in &mut self.codes {
            *code = place(&classes, |known| known.cmp(code));
        }
    }

    /// How many units there are.
    pub fn units(&self) -> usize {
        self.starts.len() - 1
    }

    /// How many raters there are.
    pub fn raters(&self) -> usize {
        self.raters
    }

    /// How many values there are.
    pub fn values(&self) -> usize {
        self.codes.len()
    }

    /// How many raters rate at least one unit.
    pub fn active(&self) -> usize {
        let mut seen = vec![false; self.raters];
        for rater in &self.who {
            seen[*rater as usize] = true;
        }
        seen.into_iter().filter(|seen| *seen).count()
    }

    pub(crate) fn unit_codes(&self, unit: usize) -> &[u32] {
        &self.codes[self.starts[unit]..self.starts[unit + 1]]
    }

    pub(crate) fn unit(&self, unit: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let range = self.starts[unit]..self.starts[unit + 1];
        range.map(|at| (self.who[at] as usize, self.domain[self.codes[at] as usize]))
    }

    /// How often each value of the domain occurs, in units that `keep` keeps by their number of values.
    pub(crate) fn counts(&self, keep: impl Fn(usize) -> bool) -> Vec<u64> {
        let mut counts = vec![0; self.domain.len()];
        for pair in self.starts.windows(2).filter(|pair| keep(pair[1] - pair[0])) {
            for code in &self.codes[pair[0]..pair[1]] {
                counts[*code as usize] += 1;
            }
        }
        counts
    }
}

/// A place in an ordered list in which it is known to be.
fn place<T>(list: &[T], order: impl FnMut(&T) -> std::cmp::Ordering) -> u32 {
    let (Ok(at) | Err(at)) = list.binary_search_by(order);
    code(at)
}

fn code(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Weights for totals of single sheets; as integers where they fit, so that equal totals are equal doubles.
pub(crate) struct SheetWeights {
    integers: Option<Vec<u64>>,
    doubles: Vec<f64>,
    sum: f64,
}

impl SheetWeights {
    pub(crate) fn new(weights: &[Rational]) -> Self {
        let integers = integer_weights(weights).map(|found| found.0);
        let doubles: Vec<f64> = match &integers {
            #[expect(clippy::cast_precision_loss, reason = "a double is what is wanted")]
            Some(integers) => integers.iter().map(|weight| *weight as f64).collect(),
            None => weights.iter().map(Rational::to_f64).collect(),
        };
        let sum = doubles.iter().sum();
        Self { integers, doubles, sum }
    }

    /// Σ weight × steps / Σ weight; `None` when a mark is missing.
    pub(crate) fn total(&self, sheet: &[u32]) -> Option<f64> {
        if sheet.contains(&NO_MARK) {
            return None;
        }
        let exact = self.integers.as_ref().and_then(|weights| {
            weights
                .iter()
                .zip(sheet)
                .try_fold(0u64, |sum, (weight, steps)| sum.checked_add(weight.checked_mul(u64::from(*steps))?))
        });
        #[expect(clippy::cast_precision_loss, reason = "a double is what is wanted")]
        let sum = exact.map_or_else(
            || self.doubles.iter().zip(sheet).map(|(weight, steps)| weight * f64::from(*steps)).sum(),
            |sum| sum as f64,
        );
        Some(sum / self.sum)
    }
}
