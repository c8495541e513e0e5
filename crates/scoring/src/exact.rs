//! Exact rational numbers.

use std::fmt;
use std::ops::{Add, Div, Mul, Sub};

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{Signed as _, Zero as _};
use serde::{Serialize, Serializer};

/// An exact rational of any size: no operation overflows or rounds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Exact(BigRational);

impl Exact {
    /// A whole number.
    pub fn whole(value: i64) -> Self {
        Self(BigRational::from_integer(BigInt::from(value)))
    }

    /// `numerator / denominator`; `None` when the denominator is zero.
    pub fn ratio(numerator: i64, denominator: i64) -> Option<Self> {
        (denominator != 0).then(|| Self(BigRational::new(BigInt::from(numerator), BigInt::from(denominator))))
    }

    /// Two decimals, half up (away from zero on a tie), after `separator`.
    pub fn shown(&self, separator: char) -> String {
        let hundred = BigInt::from(100);
        let scaled = self.0.abs() * BigRational::from_integer(hundred.clone());
        let half = BigRational::new(BigInt::from(1), BigInt::from(2));
        let rounded = (scaled + half).floor().to_integer();
        let sign = if self.0.is_negative() && !rounded.is_zero() { "-" } else { "" };
        let (whole, cents) = (&rounded / &hundred, &rounded % &hundred);
        format!("{sign}{whole}{separator}{cents:0>2}", cents = cents.to_string())
    }
}

/// `1129/15`, or `70` for a whole number.
impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Add for &Exact {
    type Output = Exact;
    fn add(self, other: Self) -> Exact {
        Exact(&self.0 + &other.0)
    }
}

impl Sub for &Exact {
    type Output = Exact;
    fn sub(self, other: Self) -> Exact {
        Exact(&self.0 - &other.0)
    }
}

impl Mul for &Exact {
    type Output = Exact;
    fn mul(self, other: Self) -> Exact {
        Exact(&self.0 * &other.0)
    }
}

/// Dividing by zero gives zero: the callers in this crate have checked, and nothing here may panic.
impl Div for &Exact {
    type Output = Exact;
    fn div(self, other: Self) -> Exact {
        if other.0.is_zero() { Exact::default() } else { Exact(&self.0 / &other.0) }
    }
}

impl std::iter::Sum for Exact {
    fn sum<I: Iterator<Item = Self>>(terms: I) -> Self {
        terms.fold(Self::default(), |sum, term| &sum + &term)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_half_up_and_only_for_show() {
        let shown = |n, d| Exact::ratio(n, d).unwrap().shown(',');
        assert_eq!(shown(1129, 15), "75,27");
        assert_eq!(shown(1, 200), "0,01");
        assert_eq!(shown(1, 201), "0,00");
        assert_eq!(shown(-1, 200), "-0,01");
        assert_eq!(shown(-1, 300), "0,00");
        assert_eq!(shown(999_995, 100_000), "10,00");
        assert_eq!(Exact::ratio(1, 0), None);
    }
}
