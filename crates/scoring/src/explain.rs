//! Why one dossier stands above another, criterion by criterion and breaker by breaker.

use std::cmp::Ordering;

use serde::Serialize;

use crate::exact::Rational;
use crate::ranking::{Ranking, Status};

/// How two dossiers stand to one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The first is above by its total.
    AboveByTotal,
    /// The first is above by a breaker, on equal totals.
    AboveByBreaker,
    /// The first is below by its total.
    BelowByTotal,
    /// The first is below by a breaker, on equal totals.
    BelowByBreaker,
    /// Ex æquo.
    Equal,
    /// At least one of them has no rank.
    NotRanked,
}

/// What a group, a criterion or a breaker says of two dossiers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The code or name.
    pub code: String,
    /// The first dossier's exact value.
    pub first: Option<Rational>,
    /// The second dossier's exact value.
    pub second: Option<Rational>,
    /// First minus second, where both have one.
    pub difference: Option<Rational>,
}

impl Gap {
    fn new(code: &str, first: Option<&Rational>, second: Option<&Rational>) -> Self {
        let difference = first.zip(second).map(|(a, b)| a - b);
        Self { code: code.to_owned(), first: first.cloned(), second: second.cloned(), difference }
    }
}

/// The whole comparison of two dossiers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The first dossier's id.
    pub first: String,
    /// The second dossier's id.
    pub second: String,
    /// How the first stands to the second.
    pub verdict: Verdict,
    /// Totals.
    pub total: Gap,
    /// Points by group, in reading order.
    pub groups: Vec<Gap>,
    /// Points by criterion, the ones that speak most for the first dossier first; equal ones in reading order.
    pub criteria: Vec<Gap>,
    /// The breakers looked at on equal totals, up to the one that decides; empty when totals differ.
    pub breakers: Vec<Gap>,
}

impl Ranking {
    /// What puts dossier `first` above (or below) dossier `second`; `None` when either id is unknown.
    pub fn explain(&self, first: &str, second: &str) -> Option<Explanation> {
        let (a, b) = (self.dossier(first)?, self.dossier(second)?);
        let mut criteria: Vec<Gap> =
            a.criteria().zip(b.criteria()).map(|(x, y)| Gap::new(x.code(), x.points(), y.points())).collect();
        // Stable, so that equal gaps stay in reading order.
        criteria.sort_by(|x, y| y.difference.cmp(&x.difference));
        let groups = a.groups().zip(b.groups()).map(|(x, y)| Gap::new(x.code, x.points, y.points)).collect();
        let ranked = a.status() == Status::Ranked && b.status() == Status::Ranked;
        let by_total = b.total().cmp(&a.total());
        let separation = if ranked && by_total.is_eq() { self.separation(a.index, b.index) } else { None };
        let breakers = if ranked && by_total.is_eq() {
            let looked_at = separation.map_or(usize::MAX, |(index, _)| index.saturating_add(1));
            let ties = self.marks().grid().ties().iter().take(looked_at);
            ties.map(|breaker| {
                Gap::new(breaker.label(), self.breaker_value(a.index, breaker), self.breaker_value(b.index, breaker))
            })
            .collect()
        } else {
            Vec::new()
        };
        let verdict = match (ranked, by_total, separation.map(|found| found.1)) {
            (false, ..) => Verdict::NotRanked,
            (true, Ordering::Less, _) => Verdict::AboveByTotal,
            (true, Ordering::Greater, _) => Verdict::BelowByTotal,
            (true, Ordering::Equal, Some(Ordering::Less)) => Verdict::AboveByBreaker,
            (true, Ordering::Equal, Some(Ordering::Greater)) => Verdict::BelowByBreaker,
            (true, Ordering::Equal, _) => Verdict::Equal,
        };
        let total = Gap::new("total", a.total(), b.total());
        Some(Explanation {
            first: first.to_owned(),
            second: second.to_owned(),
            verdict,
            total,
            groups,
            criteria,
            breakers,
        })
    }
}
