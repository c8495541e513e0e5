//! How far raters agree: Krippendorff's alpha, intraclass correlations, Kendall's W.

use serde::{Serialize, Serializer};

use crate::marks::Marks;
use crate::ratings::Ratings;
use crate::special::f_quantile;

/// Why a statistic has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Undefined {
    /// No unit is rated twice, or there are fewer than two raters or units.
    #[error("at least two units rated by at least two raters are needed")]
    TooFew,
    /// Some rater did not rate some unit, and the statistic needs them all.
    #[error("every rater must rate every unit")]
    Incomplete,
    /// All values are the same, so that there is nothing to agree on.
    #[error("the values do not vary")]
    NoVariation,
}

/// How far apart two values are, in Krippendorff's alpha.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Equal or not.
    Nominal,
    /// By how many values lie between them.
    Ordinal,
    /// By their difference.
    Interval,
    /// By their difference relative to their sum; for values that are not negative.
    Ratio,
}

/// Krippendorff's alpha: 1 is full agreement, 0 what chance gives, below 0 systematic disagreement.
///
/// Missing values are allowed; units with a single value do not count. Linear in the number of values, save for
/// [`Metric::Ratio`], which is quadratic in the number of distinct ones.
/// Source: Krippendorff, *Content Analysis*, 2nd ed. (2004), ch. 11; Hayes & Krippendorff (2007).
#[expect(clippy::cast_precision_loss, reason = "counts of values are far below 2^53")]
pub fn krippendorff_alpha(ratings: &Ratings, metric: Metric) -> Result<f64, Undefined> {
    let counts = ratings.counts(|values| values >= 2);
    let pairable: u64 = counts.iter().sum();
    if pairable == 0 {
        return Err(Undefined::TooFew);
    }
    if counts.iter().filter(|count| **count > 0).count() < 2 {
        return Err(Undefined::NoVariation);
    }
    let n = pairable as f64;
    let (within, expected) = match metric {
        Metric::Nominal => {
            let same: f64 = counts.iter().map(|count| (*count as f64).powi(2)).sum();
            (over_units(ratings, different_pairs), n * n - same)
        }
        Metric::Interval | Metric::Ordinal => {
            let mut scores = if metric == Metric::Interval { ratings.domain.clone() } else { middle_ranks(&counts) };
            // Around their mean, so that squares keep their digits.
            let mean = counts.iter().zip(&scores).map(|(count, score)| *count as f64 * score).sum::<f64>() / n;
            for score in &mut scores {
                *score -= mean;
            }
            let spread: f64 = counts.iter().zip(&scores).map(|(count, score)| *count as f64 * score * score).sum();
            (over_units(ratings, |codes| squared_pairs(codes, &scores)), 2.0 * n * spread)
        }
        Metric::Ratio => {
            let present: Vec<(f64, f64)> = counts
                .iter()
                .zip(&ratings.domain)
                .filter(|(count, _)| **count > 0)
                .map(|(count, value)| (*count as f64, *value))
                .collect();
            let expected: f64 = present
                .iter()
                .enumerate()
                .map(|(at, (count, value))| {
                    present[..at].iter().map(|(other, w)| 2.0 * count * other * ratio(*value, *w)).sum::<f64>()
                })
                .sum();
            let domain = &ratings.domain;
            (over_units(ratings, |codes| ratio_pairs(codes, domain)), expected)
        }
    };
    if expected <= 0.0 {
        return Err(Undefined::NoVariation);
    }
    Ok(1.0 - (n - 1.0) * within / expected)
}

/// Σ over units of Σ over ordered pairs of values, over the unit's number of values less one.
fn over_units(ratings: &Ratings, mut pairs: impl FnMut(&[u32]) -> f64) -> f64 {
    let mut sum = 0.0;
    for unit in 0..ratings.units() {
        let codes = ratings.unit_codes(unit);
        if codes.len() >= 2 {
            sum += pairs(codes) / to_f64(codes.len() - 1);
        }
    }
    sum
}

fn squared_pairs(codes: &[u32], scores: &[f64]) -> f64 {
    let size = to_f64(codes.len());
    let mean = codes.iter().map(|code| scores[*code as usize]).sum::<f64>() / size;
    2.0 * size * codes.iter().map(|code| (scores[*code as usize] - mean).powi(2)).sum::<f64>()
}

fn different_pairs(codes: &[u32]) -> f64 {
    let mut sorted = codes.to_vec();
    sorted.sort_unstable();
    let same: usize = sorted.chunk_by(|a, b| a == b).map(|run| run.len() * run.len()).sum();
    to_f64(codes.len() * codes.len() - same)
}

fn ratio_pairs(codes: &[u32], domain: &[f64]) -> f64 {
    let value = |code: &u32| domain[*code as usize];
    codes
        .iter()
        .enumerate()
        .map(|(at, a)| codes[..at].iter().map(|b| 2.0 * ratio(value(a), value(b))).sum::<f64>())
        .sum()
}

fn ratio(a: f64, b: f64) -> f64 {
    let apart = (a - b) / (a + b);
    // 0 and 0 are equal; without a sum there is no ratio.
    if apart.is_finite() { apart * apart } else { 0.0 }
}

/// For each class, how many values lie below it, plus half of its own.
#[expect(clippy::cast_precision_loss, reason = "counts of values are far below 2^53")]
fn middle_ranks(counts: &[u64]) -> Vec<f64> {
    let mut below = 0;
    counts
        .iter()
        .map(|count| {
            let rank = below as f64 + *count as f64 / 2.0;
            below += count;
            rank
        })
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts of values are far below 2^53")]
fn to_f64(count: usize) -> f64 {
    count as f64
}

/// An intraclass correlation with its 95 % confidence interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Correlation {
    /// The estimate.
    pub value: f64,
    /// Lower and upper bound; `None` where the F distribution gives none (a mean square of zero).
    pub interval: Option<(f64, f64)>,
}

/// The six intraclass correlations of Shrout & Fleiss (1979), with the intervals of `McGraw` & Wong (1996).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Intraclass {
    /// ICC(1,1): each unit has its own random raters; one rater.
    pub icc1_1: Correlation,
    /// ICC(1,k): the same, mean of the k raters.
    pub icc1_k: Correlation,
    /// ICC(2,1): random raters, absolute agreement; one rater.
    pub icc2_1: Correlation,
    /// ICC(2,k): the same, mean of the k raters.
    pub icc2_k: Correlation,
    /// ICC(3,1): these very raters, consistency; one rater.
    pub icc3_1: Correlation,
    /// ICC(3,k): the same, mean of the k raters.
    pub icc3_k: Correlation,
}

/// Intraclass correlations of a complete design; linear in the number of values.
pub fn intraclass(ratings: &Ratings) -> Result<Intraclass, Undefined> {
    let active = complete(ratings)?;
    let (n, k) = (to_f64(ratings.units()), to_f64(active));
    let values = || ratings.codes.iter().map(|code| ratings.domain[*code as usize]);
    let grand = values().sum::<f64>() / (n * k);
    let mut columns = vec![0.0; active];
    let (mut between, mut total) = (0.0, 0.0);
    for unit in 0..ratings.units() {
        let mut row = 0.0;
        for (code, column) in ratings.unit_codes(unit).iter().zip(&mut columns) {
            let value = ratings.domain[*code as usize] - grand;
            row += value;
            *column += value;
            total += value * value;
        }
        between += row * row / k;
    }
    let raters: f64 = columns.iter().map(|column| column * column / n).sum();
    if total <= 0.0 {
        return Err(Undefined::NoVariation);
    }
    // Rounding may leave a residual a hair below zero when raters agree fully.
    let error = (total - between - raters).max(0.0);
    let error = if error < total * 1e-14 { 0.0 } else { error };
    let (df1, df2, df_within) = (n - 1.0, (n - 1.0) * (k - 1.0), n * (k - 1.0));
    let (msb, msj, mse) = (between / df1, raters / (k - 1.0), error / df2);
    let msw = (raters + error) / df_within;

    let icc2 = (msb - mse) / (msb + (k - 1.0) * mse + k * (msj - mse) / n);
    let f1 = bounds(msb / msw, df1, df_within);
    let f3 = bounds(msb / mse, df1, df2);
    let one = |f: f64| (f - 1.0) / (f + k - 1.0);
    let many = |f: f64| 1.0 - 1.0 / f;
    let both =
        |bounds: Option<(f64, f64)>, form: &dyn Fn(f64) -> f64| bounds.map(|(low, high)| (form(low), form(high)));
    let interval2 = bounds_two_way(n, k, icc2, msb, msj, mse);
    let mean_of_k = |icc: f64| icc * k / (1.0 + icc * (k - 1.0));
    let correlation = |value: f64, interval: Option<(f64, f64)>| Correlation {
        value,
        interval: interval.filter(|(low, high)| low.is_finite() && high.is_finite()),
    };
    Ok(Intraclass {
        icc1_1: correlation((msb - msw) / (msb + (k - 1.0) * msw), both(f1, &one)),
        icc1_k: correlation((msb - msw) / msb, both(f1, &many)),
        icc2_1: correlation(icc2, interval2),
        icc2_k: correlation((msb - mse) / (msb + (msj - mse) / n), both(interval2, &mean_of_k)),
        icc3_1: correlation((msb - mse) / (msb + (k - 1.0) * mse), both(f3, &one)),
        icc3_k: correlation((msb - mse) / msb, both(f3, &many)),
    })
    .and_then(|found| if msb > 0.0 { Ok(found) } else { Err(Undefined::NoVariation) })
}

/// How many raters there are, when there are enough and each of them rates every unit.
fn complete(ratings: &Ratings) -> Result<usize, Undefined> {
    let active = ratings.active();
    if ratings.units() < 2 || active < 2 {
        return Err(Undefined::TooFew);
    }
    if ratings.values() != ratings.units() * active {
        return Err(Undefined::Incomplete);
    }
    Ok(active)
}

const UPPER: f64 = 0.975;

/// The F ratio divided, and multiplied, by its quantiles.
fn bounds(f: f64, df1: f64, df2: f64) -> Option<(f64, f64)> {
    if !f.is_finite() {
        return None;
    }
    Some((f / f_quantile(UPPER, df1, df2)?, f * f_quantile(UPPER, df2, df1)?))
}

/// `McGraw` & Wong (1996), table 7, case 2: absolute agreement.
fn bounds_two_way(n: f64, k: f64, icc: f64, msb: f64, msj: f64, mse: f64) -> Option<(f64, f64)> {
    let fj = msj / mse;
    if !fj.is_finite() {
        return None;
    }
    let common = n * (1.0 + (k - 1.0) * icc) - k * icc;
    let top = (n - 1.0) * (k - 1.0) * (k * icc * fj + common).powi(2);
    let bottom = (n - 1.0) * (k * icc * fj).powi(2) + common.powi(2);
    let v = top / bottom;
    let (upper, lower) = (f_quantile(UPPER, n - 1.0, v)?, f_quantile(UPPER, v, n - 1.0)?);
    let rest = k * msj + (k * n - k - n) * mse;
    Some((n * (msb - upper * mse) / (upper * rest + n * msb), n * (lower * msb - mse) / (rest + n * lower * msb)))
}

/// Kendall's coefficient of concordance with correction for ties: 1 when all raters rank the units alike, 0 when their
/// ranks add up the same everywhere. Needs a complete design.
/// Source: Kendall & Gibbons, *Rank Correlation Methods*, 5th ed. (1990), ch. 6.
#[expect(clippy::cast_precision_loss, reason = "ranks of a jury are far below 2^53")]
pub fn kendall_w(ratings: &Ratings) -> Result<f64, Undefined> {
    let raters = complete(ratings)?;
    let units = ratings.units();
    // Twice the mid-ranks, which are whole.
    let mut sums = vec![0u64; units];
    let mut ties = 0.0;
    let mut counts = vec![0u64; ratings.domain.len()];
    let by_counting = counts.len() <= units.saturating_mul(4);
    let mut column: Vec<(u32, u32)> = Vec::with_capacity(if by_counting { 0 } else { units });
    for rater in 0..raters {
        let code = |unit: usize| ratings.codes[unit * raters + rater];
        if by_counting {
            counts.fill(0);
            for unit in 0..units {
                counts[code(unit) as usize] += 1;
            }
            let mut below = 0;
            for count in &mut counts {
                let size = *count;
                ties += tie(size);
                *count = 2 * below + size + 1;
                below += size;
            }
            for (unit, sum) in sums.iter_mut().enumerate() {
                *sum += counts[code(unit) as usize];
            }
        } else {
            column.clear();
            column.extend((0..units).map(|unit| (code(unit), u32::try_from(unit).unwrap_or(u32::MAX))));
            column.sort_unstable();
            let mut below = 0;
            for run in column.chunk_by(|a, b| a.0 == b.0) {
                let size = run.len() as u64;
                ties += tie(size);
                for (_, unit) in run {
                    sums[*unit as usize] += 2 * below + size + 1;
                }
                below += size;
            }
        }
    }
    let (n, m) = (units as f64, raters as f64);
    let mean = m * (n + 1.0);
    let spread: f64 = sums.iter().map(|sum| (*sum as f64 - mean).powi(2)).sum::<f64>() / 4.0;
    let most = m * m * (n.powi(3) - n) - m * ties;
    if most <= 0.0 {
        return Err(Undefined::NoVariation);
    }
    Ok(12.0 * spread / most)
}

#[expect(clippy::cast_precision_loss, reason = "ranks of a jury are far below 2^53")]
fn tie(size: u64) -> f64 {
    let size = size as f64;
    size.powi(3) - size
}

/// Every statistic of agreement on one table.
#[derive(Debug, Clone, PartialEq)]
pub struct Concordance {
    /// Krippendorff's alpha: nominal.
    pub nominal: Result<f64, Undefined>,
    /// Krippendorff's alpha: ordinal.
    pub ordinal: Result<f64, Undefined>,
    /// Krippendorff's alpha: interval.
    pub interval: Result<f64, Undefined>,
    /// Krippendorff's alpha: ratio. On totals it is left out: its cost is quadratic in the number of distinct values.
    pub ratio: Option<Result<f64, Undefined>>,
    /// Intraclass correlations.
    pub intraclass: Result<Intraclass, Undefined>,
    /// Kendall's W.
    pub kendall_w: Result<f64, Undefined>,
}

/// Agreement of a jury: on its totals and on each criterion. Serializes as the `agreement` of `ami score`.
#[derive(Debug, Clone, PartialEq)]
pub struct Agreement {
    /// On each juror's total, Σ weight × mark / Σ weight, of complete sheets.
    pub total: Concordance,
    /// On each criterion, by code, in the grid's reading order.
    pub criteria: Vec<(String, Concordance)>,
}

impl Agreement {
    /// Computes every statistic on every table.
    pub fn new(marks: &Marks) -> Self {
        let of = |criterion| Concordance::new(&Ratings::of_criterion(marks, criterion));
        let criteria = marks.grid().criteria().enumerate().map(|(at, code)| (code.to_owned(), of(at))).collect();
        Self { total: Concordance::new(&Ratings::of_totals(marks)), criteria }
    }
}

impl Serialize for Agreement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        struct Criteria<'a>(&'a [(String, Concordance)]);
        impl Serialize for Criteria<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(self.0.iter().map(|(code, of)| (code, of)))
            }
        }
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("total", &self.total)?;
        map.serialize_entry("criteria", &Criteria(&self.criteria))?;
        map.end()
    }
}

/// Above this many distinct values, the ratio metric is left out of a [`Concordance`].
const RATIO_VALUES: usize = 2_000;

impl Concordance {
    /// Computes them all.
    pub fn new(ratings: &Ratings) -> Self {
        Self {
            nominal: krippendorff_alpha(ratings, Metric::Nominal),
            ordinal: krippendorff_alpha(ratings, Metric::Ordinal),
            interval: krippendorff_alpha(ratings, Metric::Interval),
            ratio: (ratings.domain.len() <= RATIO_VALUES).then(|| krippendorff_alpha(ratings, Metric::Ratio)),
            intraclass: intraclass(ratings),
            kendall_w: kendall_w(ratings),
        }
    }

    fn entries(&self) -> Vec<(&'static str, Result<f64, Undefined>)> {
        let icc = |pick: fn(&Intraclass) -> Correlation| {
            self.intraclass.as_ref().map(|icc| pick(icc).value).map_err(|reason| *reason)
        };
        let mut entries = vec![
            ("krippendorff_nominal", self.nominal),
            ("krippendorff_ordinal", self.ordinal),
            ("krippendorff_interval", self.interval),
            ("icc1_1", icc(|icc| icc.icc1_1)),
            ("icc1_k", icc(|icc| icc.icc1_k)),
            ("icc2_1", icc(|icc| icc.icc2_1)),
            ("icc2_k", icc(|icc| icc.icc2_k)),
            ("icc3_1", icc(|icc| icc.icc3_1)),
            ("icc3_k", icc(|icc| icc.icc3_k)),
            ("kendall_w", self.kendall_w),
        ];
        entries.extend(self.ratio.map(|ratio| ("krippendorff_ratio", ratio)));
        entries
    }
}

impl Serialize for Concordance {
    /// One key per statistic, `null` where it is undefined with the reason under `notes`; `intervals` holds the 95 %
    /// bounds of the intraclass correlations, `sentences` what each says.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        let entries = self.entries();
        for (key, value) in &entries {
            map.serialize_entry(key, &value.ok())?;
        }
        if let Ok(icc) = &self.intraclass {
            let intervals: std::collections::BTreeMap<_, _> = [
                ("icc1_1", icc.icc1_1.interval),
                ("icc1_k", icc.icc1_k.interval),
                ("icc2_1", icc.icc2_1.interval),
                ("icc2_k", icc.icc2_k.interval),
                ("icc3_1", icc.icc3_1.interval),
                ("icc3_k", icc.icc3_k.interval),
            ]
            .into();
            map.serialize_entry("intervals", &intervals)?;
        }
        let notes: std::collections::BTreeMap<_, _> =
            entries.iter().filter_map(|(key, value)| value.err().map(|reason| (*key, reason.french()))).collect();
        map.serialize_entry("notes", &notes)?;
        map.serialize_entry("sentences", &self.sentences())?;
        map.end()
    }
}
