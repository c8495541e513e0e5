//! The grid: nested groups of weighted criteria, a scale, thresholds, tie-breakers and the rule that aggregates marks.

use std::collections::BTreeMap;

use crate::exact::Rational;
use crate::scale::Scale;

/// What one criterion is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Criterion {
    /// Unique in the grid, over criteria and groups alike.
    pub code: String,
    /// Points at stake, relative to the other weights; zero means "marked, but worth nothing".
    pub weight: u32,
}

/// A group of criteria, of further groups, or both (its own criteria come first).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    /// Unique in the grid, over criteria and groups alike.
    pub code: String,
    /// Points at stake in the whole group, shared between its members in proportion to their weights.
    /// `None`: the sum of its members' weights, so that they count as written.
    pub weight: Option<u32>,
    /// The criteria directly in the group.
    pub criteria: Vec<Criterion>,
    /// The groups directly in the group.
    pub groups: Vec<Group>,
}

/// How the valid jurors' marks on one criterion become one exact mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregation {
    /// The arithmetic mean.
    Mean,
    /// The middle mark, or the mean of the two middle marks.
    Median,
    /// The mean once the `k` lowest and the `k` highest marks are left out; needs more than 2 `k` marks.
    TrimmedMean {
        /// How many marks are left out at each end.
        k: u32,
    },
    /// The mean weighted by each juror's voice.
    VoiceMean,
}

/// Strictly below the minimum, the dossier is eliminated; compared on exact values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Threshold {
    /// On the total of points.
    Total {
        /// The least total that passes.
        minimum: Rational,
    },
    /// On the points of a group or of a criterion.
    Points {
        /// The group's or criterion's code.
        code: String,
        /// The least points that pass.
        minimum: Rational,
    },
    /// On the mean of a criterion, on the scale of the marks.
    Mean {
        /// The criterion's code.
        code: String,
        /// The least mean that passes.
        minimum: Rational,
    },
}

/// Which value is ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The highest first.
    Highest,
    /// The lowest first.
    Lowest,
}

/// One step of the tie-break between dossiers with the same exact total.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Breaker {
    /// The points of a group or of a criterion.
    Points {
        /// The group's or criterion's code.
        code: String,
        /// Which value is ahead.
        direction: Direction,
    },
    /// A number from outside the marks (a form value), given by dossier in [`MarksBuilder::value`](crate::MarksBuilder::value).
    /// A dossier without it comes after all those that have it.
    Value {
        /// The name under which values are given.
        name: String,
        /// Which value is ahead.
        direction: Direction,
    },
}

impl Breaker {
    /// The most points of a group or criterion first: the usual breaker.
    pub fn points(code: impl Into<String>) -> Self {
        Self::Points { code: code.into(), direction: Direction::Highest }
    }

    /// The code or name that `decided_by` shows.
    pub fn label(&self) -> &str {
        match self {
            Self::Points { code, .. } => code,
            Self::Value { name, .. } => name,
        }
    }
}

/// What a grid is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GridSpec {
    /// The marks a juror may give.
    pub scale: Scale,
    /// The least number of valid marks on every criterion for a dossier to be ranked; at least 1.
    pub min_jurors: u32,
    /// How marks become a mean.
    pub aggregation: Aggregation,
    /// The groups, in reading order.
    pub groups: Vec<Group>,
    /// What eliminates.
    pub thresholds: Vec<Threshold>,
    /// What separates equal totals, first breaker first.
    pub ties: Vec<Breaker>,
}

/// Why a grid cannot be. `threshold` and `breaker` count from 0 in the order given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GridError {
    /// No criterion anywhere.
    #[error("a grid needs at least one criterion")]
    NoCriterion,
    /// More criteria than any jury could mark.
    #[error("a grid holds at most 10000 criteria and groups")]
    TooMany,
    /// Groups are nested deeper than 32 levels.
    #[error("groups are nested at most 32 deep")]
    TooDeep,
    /// A group without criteria or groups.
    #[error("group {0:?} holds no criterion")]
    EmptyGroup(String),
    /// A code is empty, or `total`, which names the whole.
    #[error("a code must not be empty nor \"total\"")]
    Code,
    /// Two groups or criteria share a code.
    #[error("code {0:?} is used twice")]
    Duplicate(String),
    /// All weights are zero, in the grid or in a group that has a weight of its own.
    #[error("the weights in {0} must add up to more than 0")]
    NoWeight(String),
    /// Fewer than one juror asked for.
    #[error("the minimum of valid jurors must be at least 1")]
    MinJurors,
    /// A threshold names a code that is not in the grid, or asks the mean of a group.
    #[error("threshold {threshold}: {code:?} is not a {expected} of the grid")]
    Threshold {
        /// Which threshold.
        threshold: usize,
        /// The code it names.
        code: String,
        /// `criterion`, or `group or criterion`.
        expected: &'static str,
    },
    /// A breaker names a code that is not in the grid.
    #[error("tie-breaker {breaker}: {code:?} is not a group or criterion of the grid")]
    Breaker {
        /// Which breaker.
        breaker: usize,
        /// The code it names.
        code: String,
    },
}

/// A criterion or a group, by its place in [`Grid::criteria`] or [`Grid::groups`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Criterion(usize),
    Group(usize),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FlatGroup {
    pub(crate) code: String,
    pub(crate) depth: usize,
    /// The group's criteria, nested ones included: a range of the flat list of criteria.
    pub(crate) first: usize,
    pub(crate) end: usize,
    weight: Rational,
}

/// A grid that holds together: codes unique, weights positive in sum, thresholds and breakers on codes that exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grid {
    spec: GridSpec,
    codes: Vec<String>,
    weights: Vec<Rational>,
    groups: Vec<FlatGroup>,
    places: BTreeMap<String, Place>,
    min_marks: Option<u32>,
}

const MAX_ENTRIES: usize = 10_000;
const MAX_DEPTH: usize = 32;

impl Grid {
    /// Checks `spec` and works out each criterion's effective weight.
    pub fn new(spec: GridSpec) -> Result<Self, GridError> {
        if spec.min_jurors == 0 {
            return Err(GridError::MinJurors);
        }
        let mut grid = Self {
            codes: Vec::new(),
            weights: Vec::new(),
            groups: Vec::new(),
            places: BTreeMap::new(),
            min_marks: None,
            spec,
        };
        let groups = std::mem::take(&mut grid.spec.groups);
        for group in &groups {
            grid.flatten(group, 0)?;
        }
        grid.spec.groups = groups;
        if grid.codes.is_empty() {
            return Err(GridError::NoCriterion);
        }
        if grid.total_weight().is_zero() {
            return Err(GridError::NoWeight("the grid".into()));
        }
        grid.check_references()?;
        Ok(grid)
    }

    fn place_code(&mut self, code: &str, place: Place) -> Result<(), GridError> {
        if code.is_empty() || code == "total" {
            return Err(GridError::Code);
        }
        if self.places.len() >= MAX_ENTRIES {
            return Err(GridError::TooMany);
        }
        match self.places.insert(code.to_owned(), place) {
            Some(_) => Err(GridError::Duplicate(code.to_owned())),
            None => Ok(()),
        }
    }

    fn flatten(&mut self, group: &Group, depth: usize) -> Result<(), GridError> {
        if depth >= MAX_DEPTH {
            return Err(GridError::TooDeep);
        }
        let (index, first) = (self.groups.len(), self.codes.len());
        self.place_code(&group.code, Place::Group(index))?;
        self.groups.push(FlatGroup { code: group.code.clone(), depth, first, end: first, weight: Rational::ZERO });
        for criterion in &group.criteria {
            self.place_code(&criterion.code, Place::Criterion(self.codes.len()))?;
            self.codes.push(criterion.code.clone());
            self.weights.push(criterion.weight.into());
        }
        for inner in &group.groups {
            self.flatten(inner, depth + 1)?;
        }
        let end = self.codes.len();
        if end == first {
            return Err(GridError::EmptyGroup(group.code.clone()));
        }
        let mut weight: Rational = self.weights[first..end].iter().sum();
        if let Some(own) = group.weight {
            let own = Rational::from(own);
            let factor =
                own.checked_div(&weight).ok_or_else(|| GridError::NoWeight(format!("group {:?}", group.code)))?;
            for inner in &mut self.weights[first..end] {
                *inner = &*inner * &factor;
            }
            for inner in &mut self.groups[index + 1..] {
                inner.weight = &inner.weight * &factor;
            }
            weight = own;
        }
        self.groups[index].end = end;
        self.groups[index].weight = weight;
        Ok(())
    }

    fn check_references(&self) -> Result<(), GridError> {
        for (index, threshold) in self.spec.thresholds.iter().enumerate() {
            let (code, expected, found) = match threshold {
                Threshold::Total { .. } => continue,
                Threshold::Points { code, .. } => (code, "group or criterion", self.place(code).is_some()),
                Threshold::Mean { code, .. } => (code, "criterion", self.criterion_index(code).is_some()),
            };
            if !found {
                return Err(GridError::Threshold { threshold: index, code: code.clone(), expected });
            }
        }
        for (index, breaker) in self.spec.ties.iter().enumerate() {
            if let Breaker::Points { code, .. } = breaker
                && self.place(code).is_none()
            {
                return Err(GridError::Breaker { breaker: index, code: code.clone() });
            }
        }
        Ok(())
    }

    pub(crate) fn place(&self, code: &str) -> Option<Place> {
        self.places.get(code).copied()
    }

    /// The place of a criterion in the grid's reading order.
    pub fn criterion_index(&self, code: &str) -> Option<usize> {
        match self.place(code) {
            Some(Place::Criterion(index)) => Some(index),
            _ => None,
        }
    }

    /// The codes of the criteria, in reading order.
    pub fn criteria(&self) -> impl ExactSizeIterator<Item = &str> {
        self.codes.iter().map(String::as_str)
    }

    /// The code of the criterion at a place; empty when there is none.
    pub(crate) fn criterion_code(&self, index: usize) -> &str {
        self.codes.get(index).map_or("", String::as_str)
    }

    /// The effective weight of each criterion, in reading order: what it adds to the total at the highest mark.
    pub fn weights(&self) -> &[Rational] {
        &self.weights
    }

    /// The highest total a dossier can reach.
    pub fn total_weight(&self) -> Rational {
        self.weights.iter().sum()
    }

    pub(crate) fn flat_groups(&self) -> &[FlatGroup] {
        &self.groups
    }

    /// Every group's code, nesting depth (0 at the top) and highest points, in reading order.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = (&str, usize, &Rational)> {
        self.groups.iter().map(|group| (group.code.as_str(), group.depth, &group.weight))
    }

    /// The scale of marks.
    pub fn scale(&self) -> &Scale {
        &self.spec.scale
    }

    /// The same grid where jurors may leave a criterion out: a dossier then needs `min_jurors` jurors who gave it any mark, and every
    /// criterion `least` marks, at least 1.
    #[must_use]
    pub fn with_min_marks(self, least: u32) -> Self {
        Self { min_marks: Some(least.max(1)), ..self }
    }

    /// The least number of valid marks on every criterion; with [`Grid::with_min_marks`], of jurors who gave any mark.
    pub fn min_jurors(&self) -> u32 {
        self.spec.min_jurors
    }

    /// The least number of valid marks on every criterion.
    pub fn min_marks(&self) -> u32 {
        self.min_marks.unwrap_or(self.spec.min_jurors)
    }

    /// Whether jurors and the marks on each criterion are counted apart.
    pub(crate) fn counts_jurors(&self) -> bool {
        self.min_marks.is_some()
    }

    /// The rule that makes a mean of marks.
    pub fn aggregation(&self) -> Aggregation {
        self.spec.aggregation
    }

    /// What eliminates, in the order given.
    pub fn thresholds(&self) -> &[Threshold] {
        &self.spec.thresholds
    }

    /// What separates equal totals, in the order given.
    pub fn ties(&self) -> &[Breaker] {
        &self.spec.ties
    }

    /// What the grid was made from.
    pub fn spec(&self) -> &GridSpec {
        &self.spec
    }
}
