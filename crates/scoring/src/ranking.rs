//! The official ranking with its derivation.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::Exact;
use crate::grid::{Breaker, Criterion, Grid, Measure, Scale, ScoringError};

/// One valid juror's marks on one candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ballot {
    /// Who.
    pub juror: String,
    /// A mark for every criterion.
    pub marks: BTreeMap<String, i64>,
}

/// Who is ranked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its id; the order of ids is the order in which equals are listed, and decides nothing else.
    pub id: String,
    /// The valid ballots.
    pub ballots: Vec<Ballot>,
    /// Values that breakers may look at.
    pub values: BTreeMap<String, Exact>,
}

/// Where a candidate ends up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Status {
    /// In the ranking.
    Ranked {
        /// From 1; equals share it.
        rank: usize,
    },
    /// Below a threshold.
    Eliminated,
    /// Too few valid jurors.
    Insufficient,
}

/// One criterion of one candidate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CriterionScore {
    /// Its code.
    pub code: String,
    /// Its weight.
    pub weight: u32,
    /// Marks by juror.
    pub marks: BTreeMap<String, i64>,
    /// Their mean.
    pub mean: Exact,
    /// `weight × (mean − min) / (max − min)`.
    pub points: Exact,
}

/// One group of one candidate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupScore {
    /// Its code.
    pub code: String,
    /// Sum of its criteria's points.
    pub points: Exact,
    /// Sum of its criteria's weights.
    pub weight: u64,
}

/// How a total comes about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Score {
    /// Criteria in the grid's order.
    pub criteria: Vec<CriterionScore>,
    /// Groups in the grid's order.
    pub groups: Vec<GroupScore>,
    /// Sum of all points.
    pub total: Exact,
}

/// A threshold that was not reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Elimination {
    /// The threshold's code.
    pub code: String,
    /// What it looks at: `total` or a code.
    pub on: String,
    /// What was found.
    pub value: Exact,
    /// What was needed.
    pub below: Exact,
}

/// One line of the ranking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ranked {
    /// The candidate.
    pub id: String,
    /// Where it ends up.
    #[serde(flatten)]
    pub status: Status,
    /// The jurors who were counted.
    pub jurors: Vec<String>,
    /// How the total comes about; `None` without any ballot.
    pub score: Option<Score>,
    /// The thresholds that were not reached.
    pub eliminated_by: Vec<Elimination>,
    /// Which breaker separated it from a neighbour with the same total: a code, or the name of a value.
    pub decided_by: Option<String>,
    /// Whether it shares its rank.
    pub ex_aequo: bool,
}

impl Score {
    fn measure(&self, on: &Measure, values: &BTreeMap<String, Exact>) -> Option<Exact> {
        match on {
            Measure::Total => Some(self.total.clone()),
            Measure::Group(code) => self.groups.iter().find(|g| g.code == *code).map(|g| g.points.clone()),
            Measure::Criterion(code) => self.criteria.iter().find(|c| c.code == *code).map(|c| c.mean.clone()),
            Measure::Value(name) => values.get(name).cloned(),
        }
    }
}

fn name(on: &Measure) -> &str {
    match on {
        Measure::Total => "total",
        Measure::Group(code) | Measure::Criterion(code) | Measure::Value(code) => code,
    }
}

/// Ranks candidates: ranked ones first, by rank and id, then eliminated ones, then those with too few jurors.
///
/// # Errors
/// [`ScoringError`] when a mark is missing or outside the scale, or a juror has two ballots for one candidate.
pub fn rank(grid: &Grid, candidates: &[Candidate]) -> Result<Vec<Ranked>, ScoringError> {
    let mut lines = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        lines.push((line(grid, candidate)?, &candidate.values));
    }
    let order = |status: Status| match status {
        Status::Ranked { .. } => 0,
        Status::Eliminated => 1,
        Status::Insufficient => 2,
    };
    lines.sort_by(|(a, a_values), (b, b_values)| {
        let by_score = match (&a.score, &b.score) {
            (Some(x), Some(y)) if order(a.status) == 0 && order(b.status) == 0 => {
                compare(&grid.breakers, (x, a_values), (y, b_values)).0
            }
            _ => Ordering::Equal,
        };
        order(a.status).cmp(&order(b.status)).then(by_score).then_with(|| a.id.cmp(&b.id))
    });
    for i in 0..lines.len() {
        if order(lines[i].0.status) != 0 {
            break;
        }
        let mut rank = i + 1;
        if i > 0
            && let (Some(above), Some(here)) = (&lines[i - 1].0.score, &lines[i].0.score)
        {
            let (ordering, by) = compare(&grid.breakers, (above, lines[i - 1].1), (here, lines[i].1));
            let by = by.map(str::to_owned);
            if ordering == Ordering::Equal {
                if let Status::Ranked { rank: shared } = lines[i - 1].0.status {
                    rank = shared;
                }
                lines[i - 1].0.ex_aequo = true;
                lines[i].0.ex_aequo = true;
            } else if by.is_some() {
                lines[i - 1].0.decided_by.get_or_insert_with(|| by.clone().unwrap_or_default());
                lines[i].0.decided_by = by;
            }
        }
        lines[i].0.status = Status::Ranked { rank };
    }
    Ok(lines.into_iter().map(|(line, _)| line).collect())
}

/// `Less` means that the first one stands above; with it, the breaker that decided, if one did.
fn compare<'a>(
    breakers: &'a [Breaker],
    (a, a_values): (&Score, &BTreeMap<String, Exact>),
    (b, b_values): (&Score, &BTreeMap<String, Exact>),
) -> (Ordering, Option<&'a str>) {
    let by_total = b.total.cmp(&a.total);
    if by_total != Ordering::Equal {
        return (by_total, None);
    }
    for breaker in breakers {
        let ordering = match (a.measure(&breaker.on, a_values), b.measure(&breaker.on, b_values)) {
            (Some(x), Some(y)) if breaker.lower_wins => x.cmp(&y),
            (Some(x), Some(y)) => y.cmp(&x),
            // A value that is not known cannot win.
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        };
        if ordering != Ordering::Equal {
            return (ordering, Some(name(&breaker.on)));
        }
    }
    (Ordering::Equal, None)
}

fn line(grid: &Grid, candidate: &Candidate) -> Result<Ranked, ScoringError> {
    let mut jurors = BTreeSet::new();
    for ballot in &candidate.ballots {
        if !jurors.insert(ballot.juror.clone()) {
            return Err(ScoringError::TwoBallots { candidate: candidate.id.clone(), juror: ballot.juror.clone() });
        }
    }
    let score = if candidate.ballots.is_empty() { None } else { Some(score(grid, candidate)?) };
    let mut eliminated_by = Vec::new();
    let status = match &score {
        Some(score) if jurors.len() >= grid.min_jurors => {
            for threshold in &grid.thresholds {
                if let Some(value) = score.measure(&threshold.on, &candidate.values)
                    && value < threshold.below
                {
                    eliminated_by.push(Elimination {
                        code: threshold.code.clone(),
                        on: name(&threshold.on).to_owned(),
                        value,
                        below: threshold.below.clone(),
                    });
                }
            }
            if eliminated_by.is_empty() { Status::Ranked { rank: 0 } } else { Status::Eliminated }
        }
        _ => Status::Insufficient,
    };
    Ok(Ranked {
        id: candidate.id.clone(),
        status,
        jurors: jurors.into_iter().collect(),
        score,
        eliminated_by,
        decided_by: None,
        ex_aequo: false,
    })
}

fn score(grid: &Grid, candidate: &Candidate) -> Result<Score, ScoringError> {
    let mut criteria = Vec::new();
    let mut groups = Vec::new();
    for group in &grid.groups {
        let first = criteria.len();
        for criterion in &group.criteria {
            criteria.push(criterion_score(grid.scale, criterion, candidate)?);
        }
        let of_group = &criteria[first..];
        groups.push(GroupScore {
            code: group.code.clone(),
            points: of_group.iter().map(|c: &CriterionScore| c.points.clone()).sum(),
            weight: of_group.iter().map(|c| u64::from(c.weight)).sum(),
        });
    }
    let total = groups.iter().map(|g| g.points.clone()).sum();
    Ok(Score { criteria, groups, total })
}

fn criterion_score(scale: Scale, criterion: &Criterion, candidate: &Candidate) -> Result<CriterionScore, ScoringError> {
    let mut marks = BTreeMap::new();
    for ballot in &candidate.ballots {
        let place = || (candidate.id.clone(), ballot.juror.clone(), criterion.code.clone());
        let Some(mark) = ballot.marks.get(&criterion.code).copied() else {
            let (candidate, juror, criterion) = place();
            return Err(ScoringError::MissingMark { candidate, juror, criterion });
        };
        if mark < scale.min || mark > scale.max {
            let (candidate, juror, criterion) = place();
            return Err(ScoringError::OutsideScale { candidate, juror, criterion, mark });
        }
        marks.insert(ballot.juror.clone(), mark);
    }
    let sum: Exact = marks.values().map(|m| Exact::whole(*m)).sum();
    let count = Exact::whole(i64::try_from(marks.len()).unwrap_or(i64::MAX));
    let mean = &sum / &count;
    let (min, max) = (Exact::whole(scale.min), Exact::whole(scale.max));
    let points = &(&Exact::whole(i64::from(criterion.weight)) * &(&mean - &min)) / &(&max - &min);
    Ok(CriterionScore { code: criterion.code.clone(), weight: criterion.weight, marks, mean, points })
}
