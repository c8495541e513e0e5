//! Weighted sums of many alternatives' values under several weights at once.

use fearless_simd::{Level, Simd, SimdBase, dispatch, f64x8};

/// Alternatives scored side by side.
const LANES: usize = 8;

/// Values of alternatives on criteria, laid out for scoring.
pub(crate) struct Values {
    criteria: usize,
    /// For each eight alternatives in turn, their values on the first criterion, on the second…
    blocks: Vec<[f64; LANES]>,
    level: Level,
}

impl Values {
    /// How many weights are scored in one go.
    pub(crate) const TOGETHER: usize = 4;

    /// Rows of as many values each; at least one.
    pub(crate) fn new(rows: &[Vec<f64>], criteria: usize) -> Self {
        let blocks = rows.chunks(LANES).flat_map(|rows| {
            (0..criteria).map(move |criterion| {
                let mut block = [0.0; LANES];
                for (value, row) in block.iter_mut().zip(rows) {
                    *value = row[criterion];
                }
                block
            })
        });
        Self { criteria, blocks: blocks.collect(), level: Level::new() }
    }

    /// How many scores one weight gives: as many as rows, up to a whole number of lanes.
    pub(crate) fn scores(&self) -> usize {
        self.blocks.len() / self.criteria * LANES
    }

    /// Scores under four weights, each criterion's four together, one weight's scores after the other's.
    ///
    /// Products are added in the order of criteria and never fused, so that every machine finds the same bits.
    pub(crate) fn score(&self, weights: &[[f64; Self::TOGETHER]], scores: &mut [f64]) {
        dispatch!(self.level, simd => score(simd, &self.blocks, weights, scores));
    }
}

#[expect(clippy::inline_always, reason = "what runs with a level of instructions must be compiled with it")]
#[inline(always)]
fn score<S: Simd>(simd: S, blocks: &[[f64; LANES]], weights: &[[f64; Values::TOGETHER]], scores: &mut [f64]) {
    let stride = scores.len() / Values::TOGETHER;
    for (at, block) in blocks.chunks_exact(weights.len()).enumerate() {
        let mut sums = [f64x8::splat(simd, 0.0); Values::TOGETHER];
        for (values, weights) in block.iter().zip(weights) {
            let values = f64x8::from_slice(simd, values);
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum += values * f64x8::splat(simd, *weight);
            }
        }
        for (sum, scores) in sums.into_iter().zip(scores.chunks_exact_mut(stride)) {
            sum.store_slice(&mut scores[at * LANES..(at + 1) * LANES]);
        }
    }
}
