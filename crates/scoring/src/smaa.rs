//! Stochastic multicriteria acceptability analysis: how often each dossier takes each rank when weights are uncertain.

use num_traits::PrimInt;

use crate::exact::Rational;
use crate::random::Stream;
use crate::ranker::Ranker;

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
    /// A value is not finite, or all weights are zero or below.
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
/// Ranks that are kept before they are counted: within caches, and enough to make threads worth starting.
const BATCH_RANKS: usize = 1 << 20;
/// The fewest draws counted together, so that a row of counts is worth fetching.
const BATCH_DRAWS: usize = 256;
/// The most cells that each thread counts in a table of its own.
const OWN_CELLS: usize = 1 << 19;
/// Draws that a thread ranks before it counts them in its own table.
const FEW_DRAWS: usize = 64;
/// Alternatives counted together: two cache lines of ranks.
const BLOCK: usize = 32;

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
        let table = Columns::new(alternatives, weights)?;
        if draws.count == 0 {
            return Err(DrawError::NoDraw);
        }
        let size = table.size;
        let kept = if size == 0 { 0 } else { size.min(MOST_CELLS / size).max(1) };
        // A cell counts at most as many as there are draws.
        let (counts, summaries) = if u16::try_from(draws.count).is_ok() {
            let (counts, summaries) = run::<u16>(&table, draw, cut, draws, kept);
            (Counts::Narrow(counts), summaries)
        } else {
            let (counts, summaries) = run::<u32>(&table, draw, cut, draws, kept);
            (Counts::Wide(counts), summaries)
        };
        Ok(Self { alternatives: size, kept, draws: draws.count, counts, summaries })
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

/// Values by criterion, scaled to [0, 1] over the whole table, so that scores lie in [0, 1].
struct Columns {
    size: usize,
    criteria: usize,
    values: Vec<f64>,
    weights: Vec<f64>,
}

impl Columns {
    fn new(alternatives: &[Vec<f64>], weights: &[Rational]) -> Result<Self, DrawError> {
        let (size, criteria) = (alternatives.len(), weights.len());
        if size > Ranker::MOST {
            return Err(DrawError::TooMany);
        }
        if let Some(wrong) = alternatives.iter().position(|row| row.len() != criteria || criteria == 0) {
            return Err(DrawError::Shape(wrong));
        }
        let all = || alternatives.iter().flatten().copied();
        let (low, high) =
            all().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let weights: Vec<f64> = weights.iter().map(Rational::to_f64).collect();
        let bad_weight =
            weights.iter().any(|weight| !weight.is_finite() || *weight < 0.0) || weights.iter().sum::<f64>() <= 0.0;
        if all().any(|value| !value.is_finite())
            || (criteria > 0 && bad_weight)
            || (size > 0 && !(high - low).is_finite())
        {
            return Err(DrawError::Value);
        }
        let span = if high > low { high - low } else { 1.0 };
        let mut values = Vec::with_capacity(size * criteria);
        for criterion in 0..criteria {
            values.extend(alternatives.iter().map(|row| (row[criterion] - low) / span));
        }
        Ok(Self { size, criteria, values, weights })
    }

    fn weights(&self, draw: WeightDraw, stream: &mut Stream, weights: &mut Vec<f64>) {
        weights.clear();
        match draw {
            // Normalised exponentials are uniform on the simplex.
            WeightDraw::Simplex => weights.extend((0..self.criteria).map(|_| -stream.unit().ln())),
            WeightDraw::Within(share) => {
                weights.extend(
                    self.weights.iter().map(|weight| weight * (1.0 + share * (2.0 * stream.unit() - 1.0)).max(0.0)),
                );
            }
        }
        let sum: f64 = weights.iter().sum();
        let sum = if sum > 0.0 { sum } else { 1.0 };
        for weight in weights.iter_mut() {
            *weight /= sum;
        }
    }

    /// Scores under one draw of weights; in cache-sized pieces, as every piece is gone through once per criterion.
    fn score(&self, weights: &[f64], scores: &mut [f64]) {
        const PIECE: usize = 512;
        for (piece, scores) in scores.chunks_mut(PIECE).enumerate() {
            let from = piece * PIECE;
            scores.fill(0.0);
            for (criterion, weight) in weights.iter().enumerate() {
                let start = criterion * self.size + from;
                let values = &self.values[start..start + scores.len()];
                for (score, value) in scores.iter_mut().zip(values) {
                    *score += weight * value;
                }
            }
        }
    }
}

fn run<C: PrimInt + Send + Sync>(
    table: &Columns,
    draw: WeightDraw,
    cut: usize,
    draws: Draws,
    kept: usize,
) -> (Vec<C>, Vec<RankSummary>) {
    let size = table.size;
    let threads = thread_count(draws.threads);
    if size * size <= OWN_CELLS {
        let counts = run_apart::<C>(table, draw, draws, threads);
        let tallies = tally_counts(&counts, size, cut, threads);
        return (counts, tallies.iter().map(|tally| tally.summary(f64::from(draws.count))).collect());
    }
    let mut counts = vec![C::zero(); size * kept];
    let mut tallies = vec![Tally::default(); size];
    let asked = usize::try_from(draws.count).unwrap_or(usize::MAX);
    let batch = (BATCH_RANKS / size.max(1)).max(BATCH_DRAWS).min(asked);
    let mut ranks = vec![0u32; batch * size];
    let mut first = 0u32;
    while size > 0 && first < draws.count {
        let now = usize::try_from(draws.count - first).unwrap_or(batch).min(batch);
        let share = now.div_ceil(threads);
        std::thread::scope(|scope| {
            for (part, ranks) in ranks[..now * size].chunks_mut(share * size).enumerate() {
                let start = u64::from(first) + (part * share) as u64;
                scope.spawn(move || rank_draws(table, draw, draws.seed, start, ranks));
            }
        });
        let done = &ranks[..now * size];
        let share = size.div_ceil(threads).next_multiple_of(BLOCK);
        std::thread::scope(|scope| {
            for (part, (counts, tallies)) in counts.chunks_mut(share * kept).zip(tallies.chunks_mut(share)).enumerate()
            {
                scope.spawn(move || {
                    count_ranks(done, size, part * share, kept, counts);
                    if kept < size {
                        tally_ranks(done, size, part * share, cut, tallies);
                    }
                });
            }
        });
        first += u32::try_from(now).unwrap_or(u32::MAX);
    }
    if kept == size {
        tallies = tally_counts(&counts, kept, cut, threads);
    }
    let total = f64::from(draws.count);
    (counts, tallies.iter().map(|tally| tally.summary(total)).collect())
}

/// A few alternatives: each thread counts its own draws in a table that its caches hold, and the tables are added up.
fn run_apart<C: PrimInt + Send + Sync>(table: &Columns, draw: WeightDraw, draws: Draws, threads: usize) -> Vec<C> {
    let size = table.size;
    let cells = size * size;
    let mut all = vec![C::zero(); cells * threads];
    if cells == 0 {
        return all;
    }
    let share = u64::from(draws.count).div_ceil(threads as u64);
    std::thread::scope(|scope| {
        for (part, counts) in (0u64..).zip(all.chunks_exact_mut(cells)) {
            let end = ((part + 1) * share).min(u64::from(draws.count));
            scope.spawn(move || {
                let mut ranks = vec![0u32; size * FEW_DRAWS];
                for place in (part * share..end).step_by(FEW_DRAWS) {
                    let now = usize::try_from(end - place).unwrap_or(FEW_DRAWS).min(FEW_DRAWS);
                    let ranks = &mut ranks[..size * now];
                    rank_draws(table, draw, draws.seed, place, ranks);
                    count_ranks(ranks, size, 0, size, counts);
                }
            });
        }
    });
    let (sum, others) = all.split_at_mut(cells);
    for other in others.chunks_exact(cells) {
        for (cell, more) in sum.iter_mut().zip(other) {
            *cell = *cell + *more;
        }
    }
    all.truncate(cells);
    all
}

pub(crate) fn thread_count(asked: usize) -> usize {
    if asked > 0 { asked } else { std::thread::available_parallelism().map_or(1, usize::from) }
}

/// Purpose of the streams, so that other uses of a seed draw other numbers.
const SIMPLEX: u64 = 1;
const NEARBY: u64 = 2;

fn rank_draws(table: &Columns, draw: WeightDraw, seed: u64, start: u64, ranks: &mut [u32]) {
    let purpose = if draw == WeightDraw::Simplex { SIMPLEX } else { NEARBY };
    let mut ranker = Ranker::new(table.size);
    let mut scores = vec![0.0; table.size];
    let mut weights = Vec::with_capacity(table.criteria);
    for (place, ranks) in (start..).zip(ranks.chunks_exact_mut(table.size)) {
        table.weights(draw, &mut Stream::new(seed, purpose, place), &mut weights);
        table.score(&weights, &mut scores);
        ranker.rank(&scores, ranks);
    }
}

#[derive(Debug, Clone, Copy)]
struct Tally {
    low: u32,
    high: u32,
    sum: u64,
    first: u32,
    above: u32,
}

impl Default for Tally {
    fn default() -> Self {
        Self { low: u32::MAX, high: 0, sum: 0, first: 0, above: 0 }
    }
}

impl Tally {
    fn add(&mut self, rank: u32, times: u32, cut: usize) {
        self.low = self.low.min(rank);
        self.high = self.high.max(rank);
        self.sum += (u64::from(rank) + 1) * u64::from(times);
        self.first += if rank == 0 { times } else { 0 };
        self.above += if (rank as usize) < cut { times } else { 0 };
    }

    #[expect(clippy::cast_precision_loss, reason = "a sum of ranks")]
    fn summary(&self, draws: f64) -> RankSummary {
        RankSummary {
            low: self.low as usize + 1,
            high: self.high as usize + 1,
            mean: self.sum as f64 / draws,
            first: f64::from(self.first) / draws,
            above_cut: f64::from(self.above) / draws,
        }
    }
}

/// Counts the ranks of alternatives from `from` on, a block of them at a time.
fn count_ranks<C: PrimInt>(ranks: &[u32], size: usize, from: usize, kept: usize, counts: &mut [C]) {
    for (block, counts) in counts.chunks_mut(BLOCK * kept).enumerate() {
        let start = from + block * BLOCK;
        for draw in ranks.chunks_exact(size) {
            let here = &draw[start..start + counts.len() / kept];
            for (rank, row) in here.iter().zip(counts.chunks_exact_mut(kept)) {
                if let Some(cell) = row.get_mut(*rank as usize) {
                    *cell = *cell + C::one();
                }
            }
        }
    }
}

/// Tallies the same ranks, where not all of them are kept.
fn tally_ranks(ranks: &[u32], size: usize, from: usize, cut: usize, tallies: &mut [Tally]) {
    for draw in ranks.chunks_exact(size) {
        for (rank, tally) in draw[from..].iter().zip(tallies.iter_mut()) {
            tally.add(*rank, 1, cut);
        }
    }
}

/// What the counts of all ranks add up to.
fn tally_counts<C: PrimInt + Sync>(counts: &[C], kept: usize, cut: usize, threads: usize) -> Vec<Tally> {
    let mut tallies = vec![Tally::default(); counts.len() / kept.max(1)];
    let share = tallies.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        for (tallies, counts) in tallies.chunks_mut(share).zip(counts.chunks(share * kept.max(1))) {
            scope.spawn(move || {
                for (tally, row) in tallies.iter_mut().zip(counts.chunks_exact(kept)) {
                    for (rank, count) in (0u32..).zip(row) {
                        if *count > C::zero() {
                            tally.add(rank, count.to_u32().unwrap_or(u32::MAX), cut);
                        }
                    }
                }
            });
        }
    });
    tallies
}
