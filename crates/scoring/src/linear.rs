//! Just enough dense linear algebra for the additive model: a Cholesky factor, a solution, the inverse's diagonal.

use fearless_simd::{Level, dispatch};

/// The upper factor `U` of a symmetric positive definite matrix `A = Uᵀ U`, row by row.
pub(crate) struct Cholesky {
    size: usize,
    rows: Vec<f64>,
    level: Level,
}

/// Rows that are worked on together.
const PANEL: usize = 4;

impl Cholesky {
    /// Factors the upper triangle of a `size` × `size` matrix in rows; `None` when it is not positive definite.
    ///
    /// A panel of rows at a time, so that the rows below are gone through once for all of them.
    pub(crate) fn new(size: usize, mut rows: Vec<f64>) -> Option<Self> {
        let level = Level::new();
        for first in (0..size).step_by(PANEL) {
            let end = (first + PANEL).min(size);
            let (above, below) = rows.split_at_mut(end * size);
            let panel = &mut above[first * size..];
            for k in first..end {
                let (row, rest) = panel[(k - first) * size..].split_at_mut(size);
                let pivot = row[k];
                if !(pivot.is_finite() && pivot > 1e-12) {
                    return None;
                }
                let scale = 1.0 / pivot.sqrt();
                row[k..].iter_mut().for_each(|value| *value *= scale);
                for (i, target) in (k + 1..end).zip(rest.chunks_exact_mut(size)) {
                    subtract(&mut target[i..], row[i], &row[i..]);
                }
            }
            let panel: Vec<&[f64]> = panel.chunks_exact(size).collect();
            for (i, target) in (end..size).zip(below.chunks_exact_mut(size)) {
                let factors: Vec<f64> = panel.iter().map(|row| row[i]).collect();
                dispatch!(level, _ => subtract_all(&mut target[i..], &factors, &panel, i));
            }
        }
        Some(Self { size, rows, level })
    }

    fn row(&self, k: usize) -> &[f64] {
        &self.rows[k * self.size..(k + 1) * self.size]
    }

    /// The solution of `A x = b`, in place.
    pub(crate) fn solve(&self, b: &mut [f64]) {
        for k in 0..self.size {
            let row = self.row(k);
            b[k] /= row[k];
            let known = b[k];
            for (value, factor) in b[k + 1..].iter_mut().zip(&row[k + 1..]) {
                *value -= factor * known;
            }
        }
        for k in (0..self.size).rev() {
            let row = self.row(k);
            let rest: f64 = row[k + 1..].iter().zip(&b[k + 1..]).map(|(factor, value)| factor * value).sum();
            b[k] = (b[k] - rest) / row[k];
        }
    }

    /// The diagonal of `A⁻¹`: the squared norms of the rows of `U⁻¹`, made from the last one up, a panel at a time.
    pub(crate) fn inverse_diagonal(&self) -> Vec<f64> {
        let size = self.size;
        let mut inverse = vec![0.0; size * size];
        for end in (1..=size).rev().step_by(PANEL) {
            let first = end.saturating_sub(PANEL);
            let (above, below) = inverse.split_at_mut(end * size);
            let panel = &mut above[first * size..];
            // Every panel below is read once for all rows of this one; before its diagonal a row holds zeros.
            for (k, rows) in (end..size).step_by(PANEL).zip(below.chunks(PANEL * size)) {
                let rows: Vec<&[f64]> = rows.chunks_exact(size).collect();
                for (i, target) in (first..end).zip(panel.chunks_exact_mut(size)) {
                    let factors = &self.row(i)[k..k + rows.len()];
                    dispatch!(self.level, _ => subtract_all(&mut target[k..], factors, &rows, k));
                }
            }
            for i in (first..end).rev() {
                let (target, rest) = panel[(i - first) * size..].split_at_mut(size);
                for (k, row) in (i + 1..end).zip(rest.chunks_exact(size)) {
                    subtract(&mut target[k..], self.row(i)[k], &row[k..]);
                }
                target[i] = 1.0;
                let scale = 1.0 / self.row(i)[i];
                target[i..].iter_mut().for_each(|value| *value *= scale);
            }
        }
        inverse.chunks_exact(size.max(1)).map(|row| row.iter().map(|value| value * value).sum()).collect()
    }
}

/// `target −= factor × row`.
fn subtract(target: &mut [f64], factor: f64, row: &[f64]) {
    if factor != 0.0 {
        for (value, other) in target.iter_mut().zip(row) {
            *value -= factor * other;
        }
    }
}

/// `target −= Σ factor × row[from..]`, as many factors as rows; never fused, so that every machine finds the same.
#[expect(clippy::inline_always, reason = "what runs with a level of instructions must be compiled with it")]
#[inline(always)]
fn subtract_all(target: &mut [f64], factors: &[f64], rows: &[&[f64]], from: usize) {
    let (Ok(factors), Ok(rows)) = (<[f64; PANEL]>::try_from(factors), <[&[f64]; PANEL]>::try_from(rows)) else {
        return rows.iter().zip(factors).for_each(|(row, factor)| subtract(target, *factor, &row[from..]));
    };
    if factors.iter().all(|factor| *factor == 0.0) {
        return;
    }
    let rows = rows.map(|row| &row[from..from + target.len()]);
    for (at, value) in target.iter_mut().enumerate() {
        *value -= (0..PANEL).map(|of| factors[of] * rows[of][at]).sum::<f64>();
    }
}
