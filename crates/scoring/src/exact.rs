//! Exact rational numbers: what the official ranking is computed in.
//!
//! A [`Rational`] is always reduced and its denominator is always positive. Numbers that fit are kept as a pair of 64-bit
//! integers and combined in 128 bits, where one addition or multiplication of 64-bit fractions cannot overflow; a result
//! that no longer fits 64 bits is kept as big integers. No operation wraps, saturates or rounds.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::iter::Sum;
use std::num::NonZeroU64;
use std::ops::{Add, Mul, Neg, Sub};
use std::str::FromStr;

use num_bigint::{BigInt, Sign};
use num_integer::Integer;
use num_traits::{One, Signed, ToPrimitive, Zero};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An exact fraction, shown as `1129/15`, or `75` when it is whole.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Rational(Repr);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    /// Reduced; the numerator is never `i64::MIN`, so that it can always be negated.
    Small(i64, NonZeroU64),
    /// Reduced, positive denominator; used only for what `Small` cannot hold, so that equality is equality of parts.
    Big(Box<(BigInt, BigInt)>),
}

/// Why a text is not an exact number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a whole number, a decimal such as 4.80 or a fraction such as 41/3 was expected, not {text:?}")]
pub struct ParseRationalError {
    text: String,
}

impl Rational {
    /// 0.
    pub const ZERO: Self = Self(Repr::Small(0, NonZeroU64::MIN));
    /// 1.
    pub const ONE: Self = Self(Repr::Small(1, NonZeroU64::MIN));

    /// `numerator / denominator`; `None` when the denominator is zero.
    pub fn new(numerator: i64, denominator: i64) -> Option<Self> {
        Self::checked_ratio(i128::from(numerator), i128::from(denominator))
    }

    fn checked_ratio(numerator: i128, denominator: i128) -> Option<Self> {
        if denominator == 0 {
            return None;
        }
        let negative = (numerator < 0) != (denominator < 0);
        let magnitude = Self::from_u128(numerator.unsigned_abs(), denominator.unsigned_abs());
        Some(if negative { -magnitude } else { magnitude })
    }

    /// `numerator / denominator` for a denominator known to be above zero; a zero one is read as 1.
    pub(crate) fn from_u128(numerator: u128, denominator: u128) -> Self {
        if let (Ok(n), Ok(d)) = (u64::try_from(numerator), u64::try_from(denominator)) {
            return Self::from_u64(n, d);
        }
        let divisor = numerator.gcd(&denominator).max(1);
        let (n, d) = (numerator / divisor, (denominator / divisor).max(1));
        match (i64::try_from(n), u64::try_from(d).ok().and_then(NonZeroU64::new)) {
            (Ok(n), Some(d)) => Self(Repr::Small(n, d)),
            _ => Self::from_big(BigInt::from(n), BigInt::from(d)),
        }
    }

    /// The hot path: a fraction of small unsigned integers.
    pub(crate) fn from_u64(numerator: u64, denominator: u64) -> Self {
        let divisor = gcd(numerator, denominator).max(1);
        let (n, d) = (numerator / divisor, denominator / divisor);
        match i64::try_from(n) {
            Ok(n) => Self(Repr::Small(n, NonZeroU64::new(d).unwrap_or(NonZeroU64::MIN))),
            Err(_) => Self::from_big(BigInt::from(n), BigInt::from(d)),
        }
    }

    fn from_big(numerator: BigInt, denominator: BigInt) -> Self {
        let divisor = numerator.gcd(&denominator);
        let (mut n, mut d) = if divisor.is_zero() || divisor.is_one() {
            (numerator, denominator)
        } else {
            (numerator / &divisor, denominator / &divisor)
        };
        if d.is_negative() {
            (n, d) = (-n, -d);
        }
        match (n.to_i64().filter(|n| *n != i64::MIN), d.to_u64().and_then(NonZeroU64::new)) {
            (Some(n), Some(d)) => Self(Repr::Small(n, d)),
            _ => Self(Repr::Big(Box::new((n, d)))),
        }
    }

    fn big_parts(&self) -> (BigInt, BigInt) {
        match &self.0 {
            Repr::Small(n, d) => (BigInt::from(*n), BigInt::from(d.get())),
            Repr::Big(parts) => (**parts).clone(),
        }
    }

    /// The quotient; `None` when `divisor` is zero.
    pub fn checked_div(&self, divisor: &Self) -> Option<Self> {
        divisor.recip().map(|inverse| self * &inverse)
    }

    /// The inverse; `None` for zero.
    pub fn recip(&self) -> Option<Self> {
        if self.is_zero() {
            return None;
        }
        let (n, d) = self.big_parts();
        Some(Self::from_big(d, n))
    }

    /// Whether this is 0.
    pub fn is_zero(&self) -> bool {
        matches!(self.0, Repr::Small(0, _))
    }

    /// Whether this is below 0.
    pub fn is_negative(&self) -> bool {
        match &self.0 {
            Repr::Small(n, _) => *n < 0,
            Repr::Big(parts) => parts.0.is_negative(),
        }
    }

    /// The value as a whole number that fits 64 unsigned bits, when it is one.
    pub fn to_u64(&self) -> Option<u64> {
        match &self.0 {
            Repr::Small(n, d) if d.get() == 1 => u64::try_from(*n).ok(),
            Repr::Big(parts) if parts.1.is_one() => parts.0.to_u64(),
            Repr::Small(..) | Repr::Big(_) => None,
        }
    }

    /// The parts as 64-bit unsigned integers, when both fit and the value is not negative.
    pub(crate) fn to_u64_parts(&self) -> Option<(u64, u64)> {
        match &self.0 {
            Repr::Small(n, d) => u64::try_from(*n).ok().map(|n| (n, d.get())),
            Repr::Big(_) => None,
        }
    }

    /// The nearest double: for statistics and pictures only, never for the official ranking.
    pub fn to_f64(&self) -> f64 {
        match &self.0 {
            #[expect(clippy::cast_precision_loss, reason = "a double is what is asked for")]
            Repr::Small(n, d) => *n as f64 / d.get() as f64,
            Repr::Big(parts) => {
                // Scaled so that the quotient holds 64 significant bits, more than a double keeps.
                let (n, d) = (&parts.0, &parts.1);
                let bits = |b: &BigInt| i64::try_from(b.bits()).unwrap_or(i64::MAX);
                let shift = (bits(d) - bits(n) + 64).clamp(-100_000, 100_000);
                let scaled = if shift >= 0 { (n << shift.unsigned_abs()) / d } else { n / (d << shift.unsigned_abs()) };
                let power = i32::try_from(-shift).unwrap_or(0);
                // Two steps, so that the power of two alone does not overflow or vanish.
                scaled.to_f64().unwrap_or(f64::NAN) * 2f64.powi(power / 2) * 2f64.powi(power - power / 2)
            }
        }
    }

    /// The value rounded half up (an exact half goes towards +∞) to `places` decimals, written with `separator`:
    /// `"75.27"` with `'.'`, `"75,27"` with `','`. The only place where an exact value is rounded.
    pub fn decimal(&self, places: u8, separator: char) -> String {
        let (n, d) = self.big_parts();
        let unit = BigInt::from(10u8).pow(u32::from(places));
        let two = BigInt::from(2u8);
        // floor(value × 10^places + 1/2)
        let rounded = (n * &unit * &two + &d).div_floor(&(d * two));
        let (whole, rest) = rounded.abs().div_rem(&unit);
        let sign = if rounded.sign() == Sign::Minus { "-" } else { "" };
        if places == 0 {
            return format!("{sign}{whole}");
        }
        format!("{sign}{whole}{separator}{:0>width$}", rest.to_string(), width = usize::from(places))
    }
}

/// Euclid on small numbers: quicker here than the binary algorithm, as denominators are a handful of jurors.
fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl From<i64> for Rational {
    fn from(value: i64) -> Self {
        if value == i64::MIN {
            Self::from_big(BigInt::from(value), BigInt::one())
        } else {
            Self(Repr::Small(value, NonZeroU64::MIN))
        }
    }
}

impl From<u32> for Rational {
    fn from(value: u32) -> Self {
        Self(Repr::Small(i64::from(value), NonZeroU64::MIN))
    }
}

impl Add for &Rational {
    type Output = Rational;
    fn add(self, other: Self) -> Rational {
        if let (Repr::Small(an, ad), Repr::Small(bn, bd)) = (&self.0, &other.0) {
            let (ad, bd) = (i128::from(ad.get()), i128::from(bd.get()));
            // Each product is below 2^127; only their sum may not be.
            if let Some(n) = (i128::from(*an) * bd).checked_add(i128::from(*bn) * ad)
                && let Some(d) = ad.checked_mul(bd)
                && let Some(sum) = Rational::checked_ratio(n, d)
            {
                return sum;
            }
        }
        let ((an, ad), (bn, bd)) = (self.big_parts(), other.big_parts());
        Rational::from_big(an * &bd + bn * &ad, ad * bd)
    }
}

impl Sub for &Rational {
    type Output = Rational;
    fn sub(self, other: Self) -> Rational {
        self + &-other.clone()
    }
}

impl Mul for &Rational {
    type Output = Rational;
    fn mul(self, other: Self) -> Rational {
        if let (Repr::Small(an, ad), Repr::Small(bn, bd)) = (&self.0, &other.0)
            && let Some(d) = i128::from(ad.get()).checked_mul(i128::from(bd.get()))
            && let Some(product) = Rational::checked_ratio(i128::from(*an) * i128::from(*bn), d)
        {
            return product;
        }
        let ((an, ad), (bn, bd)) = (self.big_parts(), other.big_parts());
        Rational::from_big(an * bn, ad * bd)
    }
}

impl Neg for Rational {
    type Output = Self;
    fn neg(self) -> Self {
        match self.0 {
            Repr::Small(n, d) => Self(Repr::Small(-n, d)),
            Repr::Big(parts) => Self::from_big(-parts.0, parts.1),
        }
    }
}

impl<'a> Sum<&'a Rational> for Rational {
    fn sum<I: Iterator<Item = &'a Rational>>(values: I) -> Self {
        values.fold(Self::ZERO, |sum, value| &sum + value)
    }
}

impl Ord for Rational {
    fn cmp(&self, other: &Self) -> Ordering {
        if let (Repr::Small(an, ad), Repr::Small(bn, bd)) = (&self.0, &other.0) {
            return (i128::from(*an) * i128::from(bd.get())).cmp(&(i128::from(*bn) * i128::from(ad.get())));
        }
        let ((an, ad), (bn, bd)) = (self.big_parts(), other.big_parts());
        (an * bd).cmp(&(bn * ad))
    }
}

impl PartialOrd for Rational {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Rational {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Small(n, d) if d.get() == 1 => write!(f, "{n}"),
            Repr::Small(n, d) => write!(f, "{n}/{d}"),
            Repr::Big(parts) if parts.1.is_one() => write!(f, "{}", parts.0),
            Repr::Big(parts) => write!(f, "{}/{}", parts.0, parts.1),
        }
    }
}

impl fmt::Debug for Rational {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Rational {
    /// As its exact text, `"1129/15"`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rational {
    /// From any text that [`FromStr`] reads.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Longer than any number a call writes; bounds the work a hostile file can ask for.
const MAX_DIGITS: usize = 200;

impl FromStr for Rational {
    type Err = ParseRationalError;

    /// Reads `55`, `-3`, `4.80` or `41/3`; neither spaces, nor exponents, nor a `+` sign.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || ParseRationalError { text: text.chars().take(60).collect() };
        let digits = |part: &str| {
            let plain = !part.is_empty() && part.len() <= MAX_DIGITS && part.bytes().all(|b| b.is_ascii_digit());
            if plain { BigInt::parse_bytes(part.as_bytes(), 10).ok_or_else(refused) } else { Err(refused()) }
        };
        let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (numerator, denominator) = if let Some((n, d)) = unsigned.split_once('/') {
            (digits(n)?, digits(d)?)
        } else if let Some((whole, decimals)) = unsigned.split_once('.') {
            let scale = u32::try_from(decimals.len()).map_err(|_| refused())?;
            let fraction = digits(decimals)?;
            let unit = BigInt::from(10u8).pow(scale);
            (digits(whole)? * &unit + fraction, unit)
        } else {
            (digits(unsigned)?, BigInt::one())
        };
        if denominator.is_zero() {
            return Err(refused());
        }
        let value = Self::from_big(numerator, denominator);
        Ok(if negative { -value } else { value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn r(text: &str) -> Rational {
        text.parse().unwrap()
    }

    #[test]
    fn shows_half_up_with_either_separator() {
        assert_eq!(r("1129/15").decimal(2, '.'), "75.27");
        assert_eq!(r("1129/15").decimal(2, ','), "75,27");
        assert_eq!(r("0.005").decimal(2, '.'), "0.01");
        assert_eq!(r("-0.005").decimal(2, '.'), "0.00");
        assert_eq!(r("-1.5").decimal(0, '.'), "-1");
        assert_eq!(r("2").decimal(2, ','), "2,00");
        assert_eq!(r("-1.25").decimal(2, '.'), "-1.25");
    }

    #[test]
    fn reads_and_refuses() {
        assert_eq!(r("4.80"), r("24/5"));
        assert_eq!(r("41/3").to_string(), "41/3");
        for text in ["", "-", "1e3", "1/0", " 1", "+1", "1.", ".5", "1/2/3", "٣", "0x1"] {
            assert!(text.parse::<Rational>().is_err(), "{text}");
        }
    }

    #[test]
    fn widens_instead_of_overflowing() {
        let max = Rational::from(i64::MAX);
        let square = &max * &max;
        assert_eq!(square.to_string(), "85070591730234615847396907784232501249");
        assert_eq!(square.checked_div(&max), Some(max.clone()));
        assert_eq!(Rational::from(i64::MIN).to_string(), "-9223372036854775808");
        let tiny = Rational::new(1, i64::MAX).unwrap();
        assert_eq!(&(&tiny + &square) - &square, tiny);
        assert!((square.to_f64() / 8.507_059_173_023_462e37 - 1.0).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn agrees_with_big_integers(a in any::<i64>(), b in 1..=i64::MAX, c in any::<i64>(), d in 1..=i64::MAX) {
            let (x, y) = (Rational::new(a, b).unwrap(), Rational::new(c, d).unwrap());
            let big = |n: i128| BigInt::from(n);
            let sum = Rational::from_big(
                big(i128::from(a) * i128::from(d)) + big(i128::from(c) * i128::from(b)),
                big(i128::from(b) * i128::from(d)),
            );
            prop_assert_eq!(&x + &y, sum);
            prop_assert_eq!(&(&x + &y) - &y, x.clone());
            prop_assert_eq!(x.cmp(&y), (i128::from(a) * i128::from(d)).cmp(&(i128::from(c) * i128::from(b))));
            prop_assert_eq!(x.to_string().parse::<Rational>().unwrap(), x);
        }
    }
}
