//! Just enough dense linear algebra for the additive model: a Cholesky factor, a solution, the inverse's diagonal.

/// The upper factor `U` of a symmetric positive definite matrix `A = Uᵀ U`, row by row.
pub(crate) struct Cholesky {
    size: usize,
    rows: Vec<f64>,
}

impl Cholesky {
    /// Factors the upper triangle of a `size` × `size` matrix in rows; `None` when it is not positive definite.
    pub(crate) fn new(size: usize, mut rows: Vec<f64>) -> Option<Self> {
        for k in 0..size {
            let (above, below) = rows.split_at_mut((k + 1) * size);
            let row = &mut above[k * size..];
            let pivot = row[k];
            if !(pivot.is_finite() && pivot > 1e-12) {
                return None;
            }
            let scale = 1.0 / pivot.sqrt();
            row[k..].iter_mut().for_each(|value| *value *= scale);
            for i in k + 1..size {
                let factor = row[i];
                if factor != 0.0 {
                    let target = &mut below[(i - k - 1) * size + i..(i - k) * size];
                    for (value, other) in target.iter_mut().zip(&row[i..]) {
                        *value -= factor * other;
                    }
                }
            }
        }
        Some(Self { size, rows })
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

    /// The diagonal of `A⁻¹`: the squared norms of the rows of `U⁻¹`.
    pub(crate) fn inverse_diagonal(&self) -> Vec<f64> {
        let size = self.size;
        let mut inverse = vec![0.0; size * size];
        for i in (0..size).rev() {
            let (above, below) = inverse.split_at_mut((i + 1) * size);
            let target = &mut above[i * size..];
            let row = self.row(i);
            for k in i + 1..size {
                let factor = row[k];
                if factor != 0.0 {
                    for (value, other) in target[k..].iter_mut().zip(&below[(k - i - 1) * size + k..(k - i) * size]) {
                        *value -= factor * other;
                    }
                }
            }
            target[i] = 1.0;
            let scale = 1.0 / row[i];
            target[i..].iter_mut().for_each(|value| *value *= scale);
        }
        inverse.chunks_exact(size.max(1)).map(|row| row.iter().map(|value| value * value).sum()).collect()
    }
}
