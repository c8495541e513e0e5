//! Stochastic multicriteria acceptability analysis: how often each dossier takes each rank when weights are uncertain.

use num_traits::{AsPrimitive, PrimInt};

use crate::exact::Rational;
use crate::random::Stream;
use crate::ranker::Ranker;
use crate::scores::Values;

/// Which weights are drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum WeightDraw {
    /// Uniformly on the simplex: nothing is known of the weights.
    Simplex,
    /// Each weight of the grid times a factor drawn uniformly within ± this share (0.2 for ± 20 %), then scaled to add up.
    Within(f64),
}

/// What to draw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Draws {
    /// How many draws.
    pub count: u32,
    /// Same seed, same result, whatever the number of threads.
    pub seed: u64,
    /// How many threads; 0 for as many as the machine offers.
    pub threads: usize,
}

/// How often each alternative took each rank, over the draws.
///
/// Source: Lahdelma, Hokkanen & Salminen, *SMAA*, European Journal of Operational Research 106 (1998).
#[derive(Debug, Clone)]
pub struct Acceptability {
    alternatives: usize,
    kept: usize,
    draws: u32,
    counts: Counts,
    summaries: Vec<RankSummary>,
}

#[derive(Debug, Clone)]
enum Counts {
    Narrow(Vec<u16>),
    Wide(Vec<u32>),
}

impl Counts {
    fn narrow((counts, summaries): (Vec<u16>, Vec<RankSummary>)) -> (Self, Vec<RankSummary>) {
        (Self::Narrow(counts), summaries)
    }

    fn wide((counts, summaries): (Vec<u32>, Vec<RankSummary>)) -> (Self, Vec<RankSummary>) {
        (Self::Wide(counts), summaries)
    }
}

/// The ranks that one alternative took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RankSummary {
    /// The best rank it ever took, from 1.
    pub low: usize,
    /// The worst rank it ever took.
    pub high: usize,
    /// The mean rank.
    pub mean: f64,
    /// The share of draws in which it was first.
    pub first: f64,
    /// The share of draws in which it was within the cut.
    pub above_cut: f64,
}

/// Why nothing was drawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DrawError {
    /// A row has another number of criteria than there are weights, or there is none.
    #[error("alternative {0}: as many criteria as weights were expected, at least one")]
    Shape(usize),
    /// A value is not finite (or beyond 1e154), a weight is below zero, or all are zero.
    #[error("finite values and weights of positive sum were expected")]
    Value,
    /// More than sixteen million alternatives.
    #[error("at most 16777216 alternatives")]
    TooMany,
    /// No draw was asked for.
    #[error("at least one draw was expected")]
    NoDraw,
}

/// The most cells of (alternative, rank) that are kept.
const MOST_CELLS: usize = 1 << 27;
/// Ranks that are held before they are counted: the more, the more rarely the counts go through memory.
const HELD_RANKS: usize = 1 << 25;
/// Alternatives, and draws, whose ranks are turned at once.
const TILE: usize = 32;

impl Acceptability {
    /// Ranks `alternatives` (rows of criterion values, higher is better) under drawn weights.
    ///
    /// `cut` is how many places there are. All ranks are kept while alternatives × ranks stays within 2²⁷; beyond, the
    /// first ranks only, and the summaries still cover them all.
    pub fn new(
        alternatives: &[Vec<f64>],
        weights: &[Rational],
        draw: WeightDraw,
        cut: usize,
        draws: Draws,
    ) -> Result<Self, DrawError> {
        let table = Table::new(alternatives, weights, draw)?;
        if draws.count == 0 {
            return Err(DrawError::NoDraw);
        }
        let kept = alternatives.len().min(MOST_CELLS / alternatives.len().max(1));
        let plan = Plan { cut, draws, kept, held: HELD_RANKS };
        // A cell counts at most as many as there are draws, and a rank is below the number of alternatives.
        let few = u16::try_from(draws.count).is_ok();
        let small = u16::try_from(alternatives.len()).is_ok();
        let (counts, summaries) = match (few, small) {
            (true, true) => Counts::narrow(run::<u16, u16>(&table, &plan)),
            (true, false) => Counts::narrow(run::<u32, u16>(&table, &plan)),
            (false, true) => Counts::wide(run::<u16, u32>(&table, &plan)),
            (false, false) => Counts::wide(run::<u32, u32>(&table, &plan)),
        };
        Ok(Self { alternatives: alternatives.len(), kept, draws: draws.count, counts, summaries })
    }

    /// How many alternatives were ranked.
    pub fn alternatives(&self) -> usize {
        self.alternatives
    }

    /// How many ranks are kept.
    pub fn kept(&self) -> usize {
        self.kept
    }

    /// The share of draws in which an alternative took each kept rank, first rank first.
    pub fn shares(&self, alternative: usize) -> impl ExactSizeIterator<Item = f64> + '_ {
        let draws = f64::from(self.draws);
        let range = alternative * self.kept..(alternative + 1) * self.kept;
        range.map(move |at| {
            let count = match &self.counts {
                Counts::Narrow(counts) => u32::from(counts[at]),
                Counts::Wide(counts) => counts[at],
            };
            f64::from(count) / draws
        })
    }

    /// The ranks that an alternative took.
    pub fn summary(&self, alternative: usize) -> Option<RankSummary> {
        self.summaries.get(alternative).copied()
    }
}

/// What is drawn, and what is scored with it.
struct Table {
    size: usize,
    values: Values,
    weights: Vec<f64>,
    draw: WeightDraw,
}

impl Table {
    fn new(alternatives: &[Vec<f64>], weights: &[Rational], draw: WeightDraw) -> Result<Self, DrawError> {
        let (size, criteria) = (alternatives.len(), weights.len());
        if size > Ranker::MOST {
            return Err(DrawError::TooMany);
        }
        if let Some(wrong) = alternatives.iter().position(|row| row.len() != criteria || criteria == 0) {
            return Err(DrawError::Shape(wrong));
        }
        let weights: Vec<f64> = weights.iter().map(Rational::to_f64).collect();
        let sum: f64 = weights.iter().sum();
        let good_weights =
            weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0) && sum > 0.0 && sum.is_finite();
        // Values beyond this could add up to more than a double holds.
        let good_values = alternatives.iter().flatten().all(|value| value.abs() < f64::MAX.sqrt());
        if !good_values || (criteria > 0 && !good_weights) {
            return Err(DrawError::Value);
        }
        let weights = weights.into_iter().map(|weight| weight / sum).collect();
        Ok(Self { size, values: Values::new(alternatives, criteria), weights, draw })
    }

    /// Ranks under the draws from `start` on, a row of `stride` each.
    fn rank<R: Copy + 'static>(&self, seed: u64, start: u64, stride: usize, ranks: &mut [R])
    where
        usize: AsPrimitive<R>,
    {
        let mut ranker = Ranker::new(self.size);
        let mut weights = vec![[0.0; Values::TOGETHER]; self.weights.len()];
        let length = self.values.scores();
        let mut scores = vec![0.0; length * Values::TOGETHER];
        let mut cuts = Vec::with_capacity(self.weights.len());
        for (group, ranks) in (start..).step_by(Values::TOGETHER).zip(ranks.chunks_mut(stride * Values::TOGETHER)) {
            for (lane, place) in (group..).take(Values::TOGETHER).enumerate() {
                let weights = weights.iter_mut().map(|weights| &mut weights[lane]);
                self.draw_weights(seed, place, &mut cuts, weights);
            }
            self.values.score(&weights, &mut scores);
            for (scores, ranks) in scores.chunks_exact(length).zip(ranks.chunks_exact_mut(stride)) {
                ranker.rank(&scores[..self.size], &mut ranks[..self.size]);
            }
        }
    }

    /// Weights of one draw, which sum to 1 on the simplex.
    ///
    /// Lengths between sorted uniform numbers are uniform on the simplex (Devroye, *Non-Uniform Random Variate
    /// Generation*, 1986, chapter V): whole numbers until the end, so that every machine draws the same.
    #[expect(clippy::cast_precision_loss, reason = "weights as doubles")]
    fn draw_weights<'a>(
        &self,
        seed: u64,
        place: u64,
        cuts: &mut Vec<u64>,
        weights: impl ExactSizeIterator<Item = &'a mut f64>,
    ) {
        match self.draw {
            WeightDraw::Simplex => {
                let mut stream = Stream::new(seed, SIMPLEX, place);
                cuts.clear();
                cuts.extend((1..self.weights.len()).map(|_| stream.bits()));
                cuts.sort_unstable();
                let mut last = 0;
                for (weight, cut) in weights.zip(cuts.iter().copied().chain([u64::MAX])) {
                    *weight = (cut - last) as f64 / TWO_TO_64;
                    last = cut;
                }
            }
            WeightDraw::Within(share) => {
                let mut stream = Stream::new(seed, NEARBY, place);
                for (weight, middle) in weights.zip(&self.weights) {
                    *weight = middle * (1.0 + share * (2.0 * stream.unit() - 1.0)).max(0.0);
                }
            }
        }
    }
}

/// Purposes of the streams, so that other uses of a seed draw other numbers.
const SIMPLEX: u64 = 1;
const NEARBY: u64 = 2;
const TWO_TO_64: f64 = 18_446_744_073_709_551_616.0;

/// How the draws are gone through.
struct Plan {
    cut: usize,
    draws: Draws,
    /// Ranks that are counted of each alternative.
    kept: usize,
    /// Ranks that are held before they are counted.
    held: usize,
}

/// Ranks as `R`, counted as `C`: draws are ranked side by side, then alternatives counted side by side.
fn run<R, C>(table: &Table, plan: &Plan) -> (Vec<C>, Vec<RankSummary>)
where
    R: PrimInt + AsPrimitive<usize> + Send + Sync,
    C: PrimInt + AsPrimitive<u64> + Send + Sync,
    usize: AsPrimitive<R>,
{
    let (size, &Plan { cut, draws, kept, held }) = (table.size, plan);
    if size == 0 {
        return (Vec::new(), Vec::new());
    }
    let threads = thread_count(draws.threads);
    let mut counts = vec![C::zero(); size * kept];
    let mut tallies = vec![Tally::default(); size];
    let asked = usize::try_from(draws.count).unwrap_or(usize::MAX);
    // Rows and shares are whole numbers of tiles; what lies beyond the last alternative is never counted.
    let stride = size.next_multiple_of(TILE);
    let held = (held / stride).max(TILE).min(asked);
    let mut ranks = vec![R::zero(); held * stride];
    for first in (0..asked).step_by(held) {
        let now = held.min(asked - first);
        let share = now.div_ceil(threads).next_multiple_of(Values::TOGETHER);
        std::thread::scope(|scope| {
            for (part, ranks) in ranks[..now * stride].chunks_mut(share * stride).enumerate() {
                let start = (first + part * share) as u64;
                scope.spawn(move || table.rank(draws.seed, start, stride, ranks));
            }
        });
        let ranks = &ranks[..now * stride];
        let share = size.div_ceil(threads).next_multiple_of(TILE);
        let last = first + now == asked;
        std::thread::scope(|scope| {
            let parts = counts.chunks_mut(share * kept).zip(tallies.chunks_mut(share));
            for (part, (counts, tallies)) in parts.enumerate() {
                scope.spawn(move || {
                    count_ranks(ranks, stride, part * share, kept, counts);
                    if kept < size {
                        tally_ranks(ranks, stride, part * share, cut, tallies);
                    } else if last {
                        for (tally, row) in tallies.iter_mut().zip(counts.chunks_exact(kept)) {
                            *tally = Tally::of(row, cut);
                        }
                    }
                });
            }
        });
    }
    let total = f64::from(draws.count);
    (counts, tallies.iter().map(|tally| tally.summary(total)).collect())
}

pub(crate) fn thread_count(asked: usize) -> usize {
    if asked > 0 { asked } else { std::thread::available_parallelism().map_or(1, usize::from) }
}

/// Counts the ranks of alternatives from `from` on: tile by tile turned into a column per alternative, then by column,
/// so that both the column and the alternative's counts stay in the nearest cache.
fn count_ranks<R, C>(ranks: &[R], stride: usize, from: usize, kept: usize, counts: &mut [C])
where
    R: PrimInt + AsPrimitive<usize>,
    C: PrimInt,
{
    let draws = ranks.len() / stride;
    let length = draws.next_multiple_of(TILE);
    let mut columns = vec![R::zero(); TILE * length];
    let mut tile = [[R::zero(); TILE]; TILE];
    for (block, counts) in counts.chunks_mut(TILE * kept).enumerate() {
        let start = from + block * TILE;
        for (group, rows) in ranks.chunks(TILE * stride).enumerate() {
            for (line, row) in tile.iter_mut().zip(rows.chunks_exact(stride)) {
                line.copy_from_slice(&row[start..start + TILE]);
            }
            for (at, column) in columns.chunks_exact_mut(length).enumerate() {
                for (cell, line) in column[group * TILE..(group + 1) * TILE].iter_mut().zip(&tile) {
                    *cell = line[at];
                }
            }
        }
        for (row, column) in counts.chunks_exact_mut(kept).zip(columns.chunks_exact(length)) {
            for rank in &column[..draws] {
                if let Some(cell) = row.get_mut(rank.as_()) {
                    *cell = *cell + C::one();
                }
            }
        }
    }
}

/// Tallies the same ranks, where not all of them are kept.
fn tally_ranks<R: AsPrimitive<usize>>(ranks: &[R], stride: usize, from: usize, cut: usize, tallies: &mut [Tally]) {
    for draw in ranks.chunks_exact(stride) {
        for (rank, tally) in draw[from..].iter().zip(tallies.iter_mut()) {
            tally.add(rank.as_(), cut);
        }
    }
}

/// Ranks from 0 that one alternative took.
#[derive(Debug, Clone, Copy)]
struct Tally {
    low: usize,
    high: usize,
    /// Of ranks from 1.
    sum: u64,
    first: u64,
    above: u64,
}

impl Default for Tally {
    fn default() -> Self {
        Self { low: usize::MAX, high: 0, sum: 0, first: 0, above: 0 }
    }
}

impl Tally {
    fn add(&mut self, rank: usize, cut: usize) {
        self.low = self.low.min(rank);
        self.high = self.high.max(rank);
        self.sum += rank as u64 + 1;
        self.first += u64::from(rank == 0);
        self.above += u64::from(rank < cut);
    }

    /// What counts of all ranks, at least one of them taken, add up to.
    fn of<C: PrimInt + AsPrimitive<u64>>(counts: &[C], cut: usize) -> Self {
        const PIECE: usize = 64;
        let taken = |count: &C| !count.is_zero();
        let any = |piece: &[C]| taken(&piece.iter().fold(C::zero(), |any, count| any | *count));
        let skipped = counts.chunks(PIECE).position(any).unwrap_or(0) * PIECE;
        let low = skipped + counts[skipped..].iter().position(taken).unwrap_or(0);
        let skipped = counts.rchunks(PIECE).position(any).unwrap_or(0) * PIECE;
        let high = counts[..counts.len() - skipped].iter().rposition(taken).unwrap_or(0);
        Self {
            low,
            high,
            sum: (low as u64 + 1..).zip(&counts[low..=high]).map(|(rank, count)| rank * count.as_()).sum(),
            first: counts.first().map_or(0, |count| count.as_()),
            above: counts.iter().take(cut).map(|count| count.as_()).sum(),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "sums of ranks and of draws")]
    fn summary(&self, draws: f64) -> RankSummary {
        RankSummary {
            low: self.low + 1,
            high: self.high + 1,
            mean: self.sum as f64 / draws,
            first: self.first as f64 / draws,
            above_cut: self.above as f64 / draws,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Draws, Plan, Table, WeightDraw, run};
    use crate::exact::Rational;

    #[test]
    fn summaries_do_not_depend_on_what_is_kept_held_or_how_wide() {
        let rows: Vec<Vec<f64>> = (0..70).map(|n| (0..5).map(|c| f64::from((n * 7 + c * n) % 11)).collect()).collect();
        let table = Table::new(&rows, &[Rational::ONE; 5], WeightDraw::Simplex).unwrap();
        let plan = |kept, held| Plan { cut: 3, draws: Draws { count: 501, seed: 4, threads: 3 }, kept, held };
        let (counts, all) = run::<u16, u16>(&table, &plan(70, usize::MAX));
        assert_eq!(run::<u32, u16>(&table, &plan(70, 0)), (counts.clone(), all.clone()));
        let (first, some) = run::<u32, u32>(&table, &plan(9, 5_000));
        assert_eq!(some, all);
        for (first, counts) in first.chunks(9).zip(counts.chunks(70)) {
            assert!(first.iter().copied().eq(counts[..9].iter().copied().map(u32::from)));
            assert_eq!(counts.iter().copied().map(u32::from).sum::<u32>(), 501);
        }
    }
}
