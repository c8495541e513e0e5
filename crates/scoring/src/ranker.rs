//! Ranks of many scores, many times: the inner loop of SMAA and of the bootstrap.

use fearless_simd::{Level, Simd, SimdBase, dispatch, f64x8};
use num_traits::AsPrimitive;

/// Ranks scores without sorting them, in the scratch space of one thread.
///
/// The range of scores is cut into cells, sixty-four to a bucket, many more than there are scores. A bucket counts its
/// scores and marks their cells: before a score come the counts of the buckets before and the marks before its own. Only
/// the scores of buckets where two of them met in a cell are sorted.
pub(crate) struct Ranker {
    level: Level,
    buckets: Vec<Bucket>,
    cells: Vec<u32>,
    crowd: Vec<usize>,
}

#[derive(Clone, Copy, Default)]
struct Bucket {
    marks: u64,
    count: u32,
    /// How many scores the buckets before hold.
    start: u32,
}

impl Ranker {
    /// The most scores that can be ranked: cells are numbered in 32 bits.
    pub(crate) const MOST: usize = 1 << 24;

    pub(crate) fn new(size: usize) -> Self {
        Self {
            level: Level::new(),
            buckets: vec![Bucket::default(); size.next_power_of_two()],
            cells: vec![0; size],
            crowd: Vec::new(),
        }
    }

    /// Writes each score's competition rank, from 0 for the highest: equal scores share the best rank of theirs.
    ///
    /// As many scores as the ranker was made for, all finite.
    pub(crate) fn rank<R: Copy + 'static>(&mut self, scores: &[f64], ranks: &mut [R])
    where
        usize: AsPrimitive<R>,
    {
        dispatch!(self.level, simd => self.rank_with(simd, scores, ranks));
    }

    #[expect(clippy::inline_always, reason = "what runs with a level of instructions must be compiled with it")]
    #[inline(always)]
    fn rank_with<S: Simd, R: Copy + 'static>(&mut self, simd: S, scores: &[f64], ranks: &mut [R])
    where
        usize: AsPrimitive<R>,
    {
        let Self { buckets, cells, crowd, .. } = self;
        find_cells(simd, scores, buckets.len().trailing_zeros() + 6, cells);
        buckets.fill(Bucket::default());
        for cell in &*cells {
            let bucket = &mut buckets[(*cell >> 6) as usize];
            bucket.marks |= 1 << (cell & 63);
            bucket.count += 1;
        }
        let mut start = 0;
        for bucket in &mut *buckets {
            bucket.start = start;
            start += bucket.count;
        }
        crowd.clear();
        for ((place, cell), rank) in cells.iter().enumerate().zip(&mut *ranks) {
            let bucket = &buckets[(*cell >> 6) as usize];
            if bucket.marks.count_ones() == bucket.count {
                let before = bucket.marks & ((1 << (cell & 63)) - 1);
                *rank = ((bucket.start + before.count_ones()) as usize).as_();
            } else {
                crowd.push(place);
            }
        }
        // Cells follow scores, so that a bucket's scores stay together.
        crowd.sort_unstable_by(|a, b| scores[*b].total_cmp(&scores[*a]));
        let (mut last, mut rank, mut next) = (None, 0, 0);
        for place in &*crowd {
            let at = (cells[*place] >> 6) as usize;
            if last.is_none_or(|(bucket, _)| bucket != at) {
                next = buckets[at].start as usize;
            }
            if last.is_none_or(|(_, score)| score > scores[*place]) {
                rank = next;
            }
            ranks[*place] = rank.as_();
            (last, next) = (Some((at, scores[*place])), next + 1);
        }
    }
}

/// The cell of each score, of 2 to the power of `bits`; the highest score has cell 0.
#[expect(clippy::inline_always, reason = "what runs with a level of instructions must be compiled with it")]
#[inline(always)]
fn find_cells<S: Simd>(simd: S, scores: &[f64], bits: u32, cells: &mut [u32]) {
    let (mut low, mut high) = (f64x8::splat(simd, f64::INFINITY), f64x8::splat(simd, f64::NEG_INFINITY));
    let (wide, rest) = scores.as_chunks::<8>();
    for scores in wide {
        let scores = f64x8::from_slice(simd, scores);
        (low, high) = (low.min(scores), high.max(scores));
    }
    let low = low.as_slice().iter().chain(rest).copied().fold(f64::INFINITY, f64::min);
    let high = high.as_slice().iter().chain(rest).copied().fold(f64::NEG_INFINITY, f64::max);
    let span = high - low;
    let scale = if span > f64::MIN_POSITIVE { 0.999 / span } else { 0.0 };
    // Between 1 and 2 the bits of a double are a fixed-point number of 52 bits.
    for (cell, score) in cells.iter_mut().zip(scores) {
        let fixed = (1.0 + (high - score) * scale).to_bits() & ((1 << 52) - 1);
        *cell = (fixed >> (52 - bits)).as_();
    }
}

#[cfg(test)]
mod tests {
    use super::Ranker;
    use crate::random::Stream;

    #[test]
    fn every_sort_ranks_as_comparing_does() {
        for size in [0, 1, 2, 31, 33, 50, 65, 900, 1_024, 1_400, 16_384, 20_000] {
            let mut stream = Stream::new(3, 0, size as u64);
            // Many ties, and many scores that differ in their last bits only.
            let mut scores: Vec<f64> = (0..size).map(|_| stream.unit()).collect();
            for at in 1..size {
                if at % 3 == 0 {
                    scores[at] = scores[at - 1];
                } else if at % 3 == 1 {
                    scores[at] = scores[at - 1] * (1.0 - f64::EPSILON);
                }
            }
            check(&scores);
        }
    }

    #[test]
    fn scores_that_digits_cannot_tell_apart_are_compared() {
        for size in [40, 1_200, 17_000] {
            let near: Vec<f64> =
                (0..size).map(|at| if at == 7 { 0.0 } else { 1.0 + f64::from(at % 50) * 1e-14 }).collect();
            check(&near);
            check(&vec![0.25; near.len()]);
            check(&near.iter().map(|score| score * 1e-310).collect::<Vec<f64>>());
        }
    }

    fn check(scores: &[f64]) {
        let mut ranks = vec![u32::MAX; scores.len()];
        Ranker::new(scores.len()).rank(scores, &mut ranks);
        let mut sorted = scores.to_vec();
        sorted.sort_by(|a, b| b.total_cmp(a));
        for (score, rank) in scores.iter().zip(&ranks) {
            assert_eq!(*rank as usize, sorted.partition_point(|other| other > score));
        }
    }
}
