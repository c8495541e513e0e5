//! What is marked and how it counts.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::Exact;

/// Lowest and highest mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale {
    /// Lowest.
    pub min: i64,
    /// Highest.
    pub max: i64,
}

/// A weighted criterion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Criterion {
    /// Its code.
    pub code: String,
    /// Points that the highest mark is worth.
    pub weight: u32,
}

/// A group of criteria.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its code.
    pub code: String,
    /// Its criteria.
    pub criteria: Vec<Criterion>,
}

/// What a threshold or a breaker looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Measure {
    /// The sum of all points.
    Total,
    /// The sum of a group's points.
    Group(String),
    /// The mean mark of a criterion.
    Criterion(String),
    /// A value given with the candidate.
    Value(String),
}

/// Strictly below it, a candidate is eliminated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Threshold {
    /// Its code.
    pub code: String,
    /// What is compared.
    pub on: Measure,
    /// With what.
    pub below: Exact,
}

/// Decides between equal totals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaker {
    /// What is compared.
    pub on: Measure,
    /// Whether the smaller value wins.
    pub lower_wins: bool,
}

/// A checked grid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grid {
    pub(crate) scale: Scale,
    pub(crate) groups: Vec<Group>,
    pub(crate) thresholds: Vec<Threshold>,
    pub(crate) breakers: Vec<Breaker>,
    pub(crate) min_jurors: usize,
}

/// Why nothing was computed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ScoringError {
    /// Lowest and highest mark are not apart.
    #[error("scale: {min} is not below {max}")]
    Scale {
        /// Lowest.
        min: i64,
        /// Highest.
        max: i64,
    },
    /// The weights add up to zero.
    #[error("weights add up to zero")]
    NoWeight,
    /// A code stands for two things.
    #[error("`{0}` stands twice")]
    Duplicate(String),
    /// A threshold or breaker looks at something that is not in the grid.
    #[error("`{0}` is not in the grid")]
    Unknown(String),
    /// A mark is missing.
    #[error("{candidate}, {juror}: no mark for {criterion}")]
    MissingMark {
        /// Whose.
        candidate: String,
        /// By whom.
        juror: String,
        /// For what.
        criterion: String,
    },
    /// A mark is outside the scale.
    #[error("{candidate}, {juror}, {criterion}: {mark} is outside the scale")]
    OutsideScale {
        /// Whose.
        candidate: String,
        /// By whom.
        juror: String,
        /// For what.
        criterion: String,
        /// The mark.
        mark: i64,
    },
    /// A juror has two ballots for one candidate.
    #[error("{candidate}: two ballots of {juror}")]
    TwoBallots {
        /// For whom.
        candidate: String,
        /// By whom.
        juror: String,
    },
}

impl Grid {
    /// Checks a grid.
    ///
    /// # Errors
    /// [`ScoringError`] names what is wrong.
    pub fn new(
        scale: Scale,
        groups: Vec<Group>,
        thresholds: Vec<Threshold>,
        breakers: Vec<Breaker>,
        min_jurors: usize,
    ) -> Result<Self, ScoringError> {
        if scale.min >= scale.max {
            return Err(ScoringError::Scale { min: scale.min, max: scale.max });
        }
        let criteria = || groups.iter().flat_map(|g| &g.criteria);
        if criteria().all(|c| c.weight == 0) {
            return Err(ScoringError::NoWeight);
        }
        let mut codes = BTreeSet::new();
        for code in groups.iter().map(|g| &g.code).chain(criteria().map(|c| &c.code)) {
            if !codes.insert(code) {
                return Err(ScoringError::Duplicate(code.clone()));
            }
        }
        for measure in thresholds.iter().map(|t| &t.on).chain(breakers.iter().map(|b| &b.on)) {
            let unknown = match measure {
                Measure::Total | Measure::Value(_) => None,
                Measure::Group(code) => (!groups.iter().any(|g| g.code == *code)).then_some(code),
                Measure::Criterion(code) => (!criteria().any(|c| c.code == *code)).then_some(code),
            };
            if let Some(code) = unknown {
                return Err(ScoringError::Unknown(code.clone()));
            }
        }
        Ok(Self { scale, groups, thresholds, breakers, min_jurors: min_jurors.max(1) })
    }
}
