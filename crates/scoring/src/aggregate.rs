//! From marks to one mean per criterion, as an integer fraction of steps, and from means to points.

use crate::exact::Rational;
use crate::grid::{Aggregation, Grid};
use crate::marks::{Marks, NO_MARK};

/// A mean in steps above the scale's minimum: `sum / share`. `share` is 0 when there is no mean to give.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StepMean {
    pub(crate) sum: u128,
    pub(crate) share: u128,
    pub(crate) marks: u32,
}

/// One mean per criterion for a dossier, into `means`.
pub(crate) fn step_means(marks: &Marks, dossier: usize, means: &mut Vec<StepMean>) {
    let grid = marks.grid();
    means.clear();
    match grid.aggregation() {
        Aggregation::Mean => {
            means.resize(grid.criteria().len(), StepMean::default());
            for (_, sheet) in marks.sheets(dossier) {
                for (mean, value) in means.iter_mut().zip(sheet) {
                    if *value != NO_MARK {
                        mean.sum += u128::from(*value);
                        mean.share += 1;
                        mean.marks += 1;
                    }
                }
            }
        }
        Aggregation::VoiceMean => {
            means.resize(grid.criteria().len(), StepMean::default());
            for (juror, sheet) in marks.sheets(dossier) {
                let voice = u128::from(marks.voice(juror));
                for (mean, value) in means.iter_mut().zip(sheet) {
                    if *value != NO_MARK {
                        mean.sum += voice * u128::from(*value);
                        mean.share += voice;
                        mean.marks += 1;
                    }
                }
            }
        }
        Aggregation::Median => sorted_columns(marks, dossier, means, |column| {
            let half = column.len() / 2;
            if column.len().is_multiple_of(2) {
                &column[half.saturating_sub(1)..(half + 1).min(column.len())]
            } else {
                &column[half..=half]
            }
        }),
        Aggregation::TrimmedMean { k } => sorted_columns(marks, dossier, means, |column| {
            let k = usize::try_from(k).unwrap_or(usize::MAX);
            column.get(k..column.len().saturating_sub(k)).unwrap_or_default()
        }),
    }
}

/// The mean of the part of each sorted column that `keep` keeps.
fn sorted_columns(marks: &Marks, dossier: usize, means: &mut Vec<StepMean>, keep: impl Fn(&[u32]) -> &[u32]) {
    let mut column = Vec::new();
    for criterion in 0..marks.grid().criteria().len() {
        column.clear();
        column.extend(marks.sheets(dossier).map(|(_, sheet)| sheet[criterion]).filter(|value| *value != NO_MARK));
        column.sort_unstable();
        let kept = keep(&column);
        means.push(StepMean {
            sum: kept.iter().map(|value| u128::from(*value)).sum(),
            share: kept.len() as u128,
            marks: u32::try_from(column.len()).unwrap_or(u32::MAX),
        });
    }
}

/// The weights over one common denominator, so that sums of points are sums of integers; `None` where that does not fit.
pub(crate) struct Weighing<'a> {
    grid: &'a Grid,
    integers: Option<(Vec<u64>, u64)>,
}

impl<'a> Weighing<'a> {
    pub(crate) fn new(grid: &'a Grid) -> Self {
        Self { grid, integers: integer_weights(grid.weights()) }
    }

    /// Mean on the scale of marks, and points; `None` without a mean.
    pub(crate) fn score(&self, criterion: usize, mean: &StepMean) -> Option<(Rational, Rational)> {
        if mean.share == 0 {
            return None;
        }
        let scale = self.grid.scale();
        let steps = Rational::from_u128(mean.sum, mean.share);
        let points = self.fast_points(criterion, mean).unwrap_or_else(|| {
            let share = &steps * &Rational::from_u128(1, u128::from(scale.steps()));
            &self.grid.weights()[criterion] * &share
        });
        let plain = scale.min().is_zero() && *scale.step() == Rational::ONE;
        let mean = if plain { steps } else { scale.min() + &(scale.step() * &steps) };
        Some((mean, points))
    }

    fn fast_points(&self, criterion: usize, mean: &StepMean) -> Option<Rational> {
        let (weights, unit) = self.integers.as_ref()?;
        let top = u64::try_from(mean.sum).ok()?.checked_mul(weights[criterion])?;
        let bottom =
            u64::try_from(mean.share).ok()?.checked_mul(u64::from(self.grid.scale().steps()))?.checked_mul(*unit)?;
        Some(Rational::from_u64(top, bottom))
    }

    /// The points of criteria `first..end` added up as integers, when they share a denominator that fits.
    pub(crate) fn sum(&self, means: &[StepMean], first: usize, end: usize) -> Option<Rational> {
        let (weights, unit) = self.integers.as_ref()?;
        let share = means.get(first)?.share;
        let mut top = 0u64;
        for (mean, weight) in means[first..end].iter().zip(&weights[first..end]) {
            if mean.share != share {
                return None;
            }
            top = top.checked_add(u64::try_from(mean.sum).ok()?.checked_mul(*weight)?)?;
        }
        let bottom =
            u64::try_from(share).ok()?.checked_mul(u64::from(self.grid.scale().steps()))?.checked_mul(*unit)?;
        Some(Rational::from_u64(top, bottom))
    }
}

pub(crate) fn integer_weights(weights: &[Rational]) -> Option<(Vec<u64>, u64)> {
    let mut unit = 1u64;
    for weight in weights {
        let (_, denominator) = weight.to_u64_parts()?;
        unit = unit.checked_mul(denominator / num_integer::gcd(unit, denominator))?;
    }
    let integers = weights
        .iter()
        .map(|weight| {
            let (numerator, denominator) = weight.to_u64_parts()?;
            numerator.checked_mul(unit / denominator)
        })
        .collect::<Option<Vec<_>>>()?;
    Some((integers, unit))
}
