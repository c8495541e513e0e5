//! Bootstrap over jurors: how much the ranks owe to who sat on the jury.

use crate::grid::Aggregation;
use crate::marks::{Marks, NO_MARK};
use crate::random::Stream;
use crate::ranker::Ranker;
use crate::ratings::SheetWeights;
use crate::smaa::{Draws, thread_count};

/// The ranks of one dossier over resampled juries.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BootstrapSummary {
    /// 2.5 % of resampled juries rank it at or above this rank (from 1).
    pub low: usize,
    /// 2.5 % rank it at or below this rank.
    pub high: usize,
    /// The share of resampled juries that put it first.
    pub first: f64,
    /// The share that put it within the cut.
    pub above_cut: f64,
}

const PURPOSE: u64 = 3;

/// Draws juries of the same size with replacement and ranks `dossiers` (places in [`Marks::dossiers`]) with each.
///
/// A dossier none of whose jurors is drawn keeps all its marks in that draw. The result does not depend on the number of
/// threads. Source: Efron & Tibshirani, *An Introduction to the Bootstrap* (1993).
pub(crate) fn bootstrap(marks: &Marks, dossiers: &[usize], cut: usize, draws: Draws) -> Vec<BootstrapSummary> {
    let size = dossiers.len();
    if size == 0 || draws.count == 0 {
        return Vec::new();
    }
    let source = Source::new(marks, dossiers);
    let count = usize::try_from(draws.count).unwrap_or(usize::MAX);
    let mut ranks = vec![0u32; count * size];
    let share = count.div_ceil(thread_count(draws.threads));
    std::thread::scope(|scope| {
        for (part, ranks) in ranks.chunks_mut(share * size).enumerate() {
            let source = &source;
            scope.spawn(move || {
                let mut ranker = Ranker::new(size);
                let mut scores = vec![0.0; size];
                let mut times = vec![0u32; marks.jurors().len()];
                for (draw, ranks) in ranks.chunks_exact_mut(size).enumerate() {
                    let mut stream = Stream::new(draws.seed, PURPOSE, (part * share + draw) as u64);
                    times.fill(0);
                    for _ in 0..times.len() {
                        let juror = stream.below(times.len());
                        times[juror] += 1;
                    }
                    source.score(&times, &mut scores);
                    ranker.rank(&scores, ranks);
                }
            });
        }
    });
    let mut column = vec![0u32; count];
    (0..size)
        .map(|at| {
            for (value, row) in column.iter_mut().zip(ranks.chunks_exact(size)) {
                *value = row[at];
            }
            column.sort_unstable();
            summary(&column, cut)
        })
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "numbers of draws")]
fn summary(sorted: &[u32], cut: usize) -> BootstrapSummary {
    let count = sorted.len();
    let tail = count / 40;
    let below = |rank: usize| sorted.partition_point(|other| (*other as usize) < rank) as f64 / count as f64;
    BootstrapSummary {
        low: sorted[tail] as usize + 1,
        high: sorted[count - 1 - tail] as usize + 1,
        first: below(1),
        above_cut: below(cut),
    }
}

struct Source<'a> {
    marks: &'a Marks,
    dossiers: &'a [usize],
    weights: Vec<f64>,
    /// Where the total is linear in sheets and all are complete: each dossier's jurors and totals, in [0, 1].
    sheets: Option<Vec<Vec<(usize, f64)>>>,
}

impl<'a> Source<'a> {
    fn new(marks: &'a Marks, dossiers: &'a [usize]) -> Self {
        let grid = marks.grid();
        let steps = f64::from(grid.scale().steps());
        let weights = SheetWeights::new(grid.weights());
        let linear = matches!(grid.aggregation(), Aggregation::Mean | Aggregation::VoiceMean);
        let of_dossier = |dossier: &usize| -> Option<Vec<(usize, f64)>> {
            marks.sheets(*dossier).map(|(juror, sheet)| Some((juror, weights.total(sheet)? / steps))).collect()
        };
        let sheets = if linear { dossiers.iter().map(of_dossier).collect() } else { None };
        let sum = grid.total_weight().to_f64();
        let weights = grid.weights().iter().map(|weight| weight.to_f64() / sum / steps).collect();
        Self { marks, dossiers, weights, sheets }
    }

    fn voice(&self, juror: usize) -> f64 {
        if self.marks.grid().aggregation() == Aggregation::VoiceMean { f64::from(self.marks.voice(juror)) } else { 1.0 }
    }

    fn score(&self, times: &[u32], scores: &mut [f64]) {
        for (at, score) in scores.iter_mut().enumerate() {
            let drawn = self.total(at, |juror| times[juror]);
            *score = drawn.or_else(|| self.total(at, |_| 1)).unwrap_or(0.0).clamp(0.0, 1.0);
        }
    }

    fn total(&self, at: usize, times: impl Fn(usize) -> u32) -> Option<f64> {
        if let Some(sheets) = &self.sheets {
            let (mut sum, mut share) = (0.0, 0.0);
            for (juror, total) in &sheets[at] {
                let weight = f64::from(times(*juror)) * self.voice(*juror);
                sum += weight * total;
                share += weight;
            }
            return (share > 0.0).then(|| sum / share);
        }
        let mut column = Vec::new();
        self.weights.iter().enumerate().try_fold(0.0, |sum, (criterion, weight)| {
            column.clear();
            for (juror, sheet) in self.marks.sheets(self.dossiers[at]) {
                if sheet[criterion] != NO_MARK {
                    column.extend(std::iter::repeat_n((sheet[criterion], self.voice(juror)), times(juror) as usize));
                }
            }
            Some(sum + weight * self.aggregate(&mut column)?)
        })
    }

    fn aggregate(&self, column: &mut [(u32, f64)]) -> Option<f64> {
        column.sort_unstable_by_key(|(steps, _)| *steps);
        let size = column.len();
        let left_out = match self.marks.grid().aggregation() {
            Aggregation::Mean | Aggregation::VoiceMean => 0,
            Aggregation::Median => size.saturating_sub(1) / 2,
            // A resampled jury may be smaller than the grid asks: then as many are left out as leaves one or two.
            Aggregation::TrimmedMean { k } => usize::try_from(k).unwrap_or(usize::MAX).min(size.saturating_sub(1) / 2),
        };
        let kept = &column[left_out..size - left_out];
        let share: f64 = kept.iter().map(|(_, voice)| voice).sum();
        (share > 0.0 && !kept.is_empty())
            .then(|| kept.iter().map(|(steps, voice)| f64::from(*steps) * voice).sum::<f64>() / share)
    }
}
