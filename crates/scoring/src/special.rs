//! Quantiles that the confidence intervals need.

/// The quantile of the F distribution with `d1` and `d2` degrees of freedom, to about 1e-12; `None` outside its domain.
///
/// Through the beta distribution: `F = d2 x / (d1 (1 − x))` where `x` is beta-distributed.
pub(crate) fn f_quantile(probability: f64, d1: f64, d2: f64) -> Option<f64> {
    let (a, b) = (d1 / 2.0, d2 / 2.0);
    if !(probability > 0.0 && probability < 1.0 && a.is_finite() && b.is_finite() && a > 0.0 && b > 0.0) {
        return None;
    }
    // Below one half the quantile is searched through the complement, so that `1 − x` keeps its digits.
    let (low, high) = (quantile(probability, a, b)?, quantile(1.0 - probability, b, a)?);
    let odds = if low < 0.5 { low / (1.0 - low) } else { (1.0 - high) / high };
    let value = odds * d2 / d1;
    value.is_finite().then_some(value)
}

/// The quantile of the beta distribution: Newton's steps, kept within a bracket that halves when they leave it.
fn quantile(probability: f64, a: f64, b: f64) -> Option<f64> {
    let constant = ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b);
    let (mut low, mut high) = (0.0f64, 1.0f64);
    let mut x = a / (a + b);
    for _ in 0..300 {
        let error = incomplete_beta(a, b, x, constant) - probability;
        if error.is_nan() {
            return None;
        }
        if error < 0.0 {
            low = x;
        } else {
            high = x;
        }
        let density = (constant + (a - 1.0) * x.ln() + (b - 1.0) * (-x).ln_1p()).exp();
        let newton = x - error / density;
        let next = if newton > low && newton < high { newton } else { low.midpoint(high) };
        if (next - x).abs() <= 1e-16 * x || next <= low || next >= high {
            return Some(next);
        }
        x = next;
    }
    Some(x)
}

/// The regularised incomplete beta function, by the continued fraction of Lentz's method.
/// Source: Press et al., *Numerical Recipes*, 3rd ed. (2007), § 6.4.
#[expect(clippy::many_single_char_names, reason = "the names of the source")]
fn incomplete_beta(a: f64, b: f64, x: f64, constant: f64) -> f64 {
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(b, a, 1.0 - x, constant);
    }
    let front = (constant + a * x.ln() + b * (-x).ln_1p()).exp() / a;
    let safe = |value: f64| if value.abs() < 1e-300 { 1e-300 } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / safe(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    // The number of terms grows as the square root of the larger parameter.
    for m in 1..100_000u32 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / safe(1.0 + even * d);
        c = safe(1.0 + even / c);
        fraction *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / safe(1.0 + odd * d);
        c = safe(1.0 + odd / c);
        fraction *= d * c;
        if (d * c - 1.0).abs() < 1e-16 {
            break;
        }
    }
    front * fraction
}

/// The logarithm of the gamma function above zero, by Stirling's series past 16.
fn ln_gamma(x: f64) -> f64 {
    const SERIES: [f64; 7] =
        [1.0 / 12.0, -1.0 / 360.0, 1.0 / 1_260.0, -1.0 / 1_680.0, 1.0 / 1_188.0, -691.0 / 360_360.0, 1.0 / 156.0];
    let (mut x, mut shift) = (x, 1.0);
    while x < 16.0 {
        shift *= x;
        x += 1.0;
    }
    let inverse = 1.0 / (x * x);
    let tail = SERIES.iter().rev().fold(0.0, |sum, term| sum * inverse + term) / x;
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + tail - f64::ln(shift)
}

#[cfg(test)]
mod tests {
    use super::f_quantile;

    #[test]
    fn agrees_with_scipy() {
        let reference: serde_json::Value =
            serde_json::from_str(include_str!("../tests/reference/reference.json")).unwrap();
        let mut checked = 0;
        for row in reference["f_quantiles"].as_array().unwrap() {
            let number = |key: &str| row[key].as_f64().unwrap();
            let found = f_quantile(number("p"), number("d1"), number("d2")).unwrap();
            assert!((found / number("value") - 1.0).abs() < 1e-9, "{row}: {found}");
            checked += 1;
        }
        assert!(checked > 100);
        assert_eq!(f_quantile(0.5, 0.0, 1.0), None);
    }
}
