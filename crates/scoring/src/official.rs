//! The official ranking: marks → means → points → total → thresholds → tie-breakers → ranks, all exact.

use std::cmp::Ordering;

use crate::aggregate::{StepMean, Weighing, step_means};
use crate::exact::Rational;
use crate::grid::{Aggregation, Breaker, Direction, Grid, Place, Threshold};
use crate::marks::{Marks, NO_MARK};
use crate::ranking::{Cell, Ranking, Row, Status};

/// Ranks the dossiers of `marks` by the rules of their grid.
///
/// - Points of a criterion: effective weight × (mean − min) / (max − min); a group and the total are sums of points.
/// - A dossier is [`Status::Insufficient`] when some criterion has fewer marks than the grid's minimum (or too few for the
///   trimmed mean), or too few jurors gave it any mark; it then has neither total nor rank.
/// - It is [`Status::Eliminated`] when a threshold is not reached; it has a total but no rank.
/// - Others are ranked by total, highest first, then by the grid's breakers; what stays equal shares a rank and the next
///   rank is skipped (1, 2, 2, 4).
///
/// The result does not depend on the order in which marks were given. Its cost is linear in the number of marks, plus
/// the sorting of dossiers.
pub fn rank(marks: &Marks) -> Ranking {
    let grid = marks.grid();
    let weighing = Weighing::new(grid);
    let (width, groups) = (grid.criteria().len(), grid.flat_groups().len());
    let count = marks.dossiers().len();
    let mut cells = Vec::with_capacity(count * width);
    let mut points = Vec::with_capacity(count * groups);
    let mut rows = Vec::with_capacity(count);
    let mut means = Vec::with_capacity(width);
    for dossier in 0..count {
        step_means(marks, dossier, &mut means);
        let jurors = !grid.counts_jurors() || enough_jurors(marks, dossier);
        rows.push(derive(grid, &weighing, (&means, jurors), &mut cells, &mut points));
    }
    let mut ranking = Ranking::new(marks.clone(), rows, cells, points);
    eliminate(&mut ranking);
    order(&mut ranking);
    ranking
}

/// The fewest marks on a criterion for which a dossier can be ranked.
fn required(grid: &Grid) -> u32 {
    match grid.aggregation() {
        Aggregation::TrimmedMean { k } => grid.min_marks().max(k.saturating_mul(2).saturating_add(1)),
        _ => grid.min_marks(),
    }
}

/// Whether enough jurors gave a dossier any mark.
fn enough_jurors(marks: &Marks, dossier: usize) -> bool {
    let gave = marks.sheets(dossier).filter(|(_, sheet)| sheet.iter().any(|value| *value != NO_MARK)).count();
    u32::try_from(gave).unwrap_or(u32::MAX) >= marks.grid().min_jurors()
}

fn derive(
    grid: &Grid,
    weighing: &Weighing,
    (means, enough_jurors): (&[StepMean], bool),
    cells: &mut Vec<Cell>,
    points: &mut Vec<Rational>,
) -> Row {
    let required = required(grid);
    let mut enough = enough_jurors;
    for (criterion, mean) in means.iter().enumerate() {
        enough &= mean.marks >= required;
        cells.push(Cell { marks: mean.marks, score: weighing.score(criterion, mean) });
    }
    if !enough {
        points.extend(std::iter::repeat_n(Rational::ZERO, grid.flat_groups().len()));
        return Row::new(Status::Insufficient, None);
    }
    let row = &cells[cells.len() - means.len()..];
    let sum = |first: usize, end: usize| {
        weighing.sum(means, first, end).unwrap_or_else(|| row[first..end].iter().filter_map(Cell::points).sum())
    };
    for group in grid.flat_groups() {
        points.push(sum(group.first, group.end));
    }
    Row::new(Status::Ranked, Some(sum(0, means.len())))
}

fn eliminate(ranking: &mut Ranking) {
    let marks = ranking.marks().clone();
    for (index, threshold) in marks.grid().thresholds().iter().enumerate() {
        for dossier in 0..marks.dossiers().len() {
            if ranking.rows[dossier].status == Status::Insufficient {
                continue;
            }
            let (value, minimum) = ranking.threshold_value(dossier, threshold);
            if value.is_some_and(|value| value < minimum) {
                let row = &mut ranking.rows[dossier];
                row.status = Status::Eliminated;
                row.eliminated_by.push(index);
            }
        }
    }
}

impl Ranking {
    /// What a threshold looks at for a dossier, and the least value that passes.
    pub(crate) fn threshold_value<'a>(
        &'a self,
        dossier: usize,
        threshold: &'a Threshold,
    ) -> (Option<&'a Rational>, &'a Rational) {
        match threshold {
            Threshold::Total { minimum } => (self.rows[dossier].total.as_ref(), minimum),
            Threshold::Points { code, minimum } => (self.points_of(dossier, code), minimum),
            Threshold::Mean { code, minimum } => {
                let grid = self.marks().grid();
                (grid.criterion_index(code).and_then(|criterion| self.cell(dossier, criterion).mean()), minimum)
            }
        }
    }

    pub(crate) fn points_of(&self, dossier: usize, code: &str) -> Option<&Rational> {
        match self.marks().grid().place(code)? {
            Place::Criterion(criterion) => self.cell(dossier, criterion).points(),
            Place::Group(group) => self.group_points(dossier, group),
        }
    }

    pub(crate) fn breaker_value(&self, dossier: usize, breaker: &Breaker) -> Option<&Rational> {
        match breaker {
            Breaker::Points { code, .. } => self.points_of(dossier, code),
            Breaker::Value { name, .. } => self.marks().external(dossier, name),
        }
    }

    /// `Less` when the breaker puts `a` ahead of `b`.
    pub(crate) fn breaker_order(&self, breaker: &Breaker, a: usize, b: usize) -> Ordering {
        let (Breaker::Points { direction, .. } | Breaker::Value { direction, .. }) = breaker;
        match (self.breaker_value(a, breaker), self.breaker_value(b, breaker)) {
            (Some(a), Some(b)) => match direction {
                Direction::Highest => b.cmp(a),
                Direction::Lowest => a.cmp(b),
            },
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        }
    }

    /// The first breaker that separates two dossiers, and how.
    pub(crate) fn separation(&self, a: usize, b: usize) -> Option<(usize, Ordering)> {
        self.marks().grid().ties().iter().enumerate().find_map(|(index, breaker)| {
            let ordering = self.breaker_order(breaker, a, b);
            ordering.is_ne().then_some((index, ordering))
        })
    }

    /// `Less` when `a` is ahead of `b` in total, then in breakers.
    pub(crate) fn ahead(&self, a: usize, b: usize) -> Ordering {
        self.rows[b]
            .total
            .cmp(&self.rows[a].total)
            .then_with(|| self.separation(a, b).map_or(Ordering::Equal, |found| found.1))
    }
}

fn order(ranking: &mut Ranking) {
    let mut order: Vec<usize> = (0..ranking.rows.len()).collect();
    // Stable: what stays equal keeps the order of ids. Eliminated dossiers are listed by total, without rank.
    order.sort_by(|a, b| {
        let (x, y) = (&ranking.rows[*a], &ranking.rows[*b]);
        x.status.cmp(&y.status).then_with(|| match x.status {
            Status::Ranked => ranking.ahead(*a, *b),
            Status::Eliminated => y.total.cmp(&x.total),
            Status::Insufficient => Ordering::Equal,
        })
    });
    let ranked = order.iter().take_while(|dossier| ranking.rows[**dossier].status == Status::Ranked).count();
    let mut start = 0;
    while start < ranked {
        let total = ranking.rows[order[start]].total.clone();
        let end = (start..ranked).find(|at| ranking.rows[order[*at]].total != total).unwrap_or(ranked);
        settle(ranking, &order[start..end], start);
        start = end;
    }
    ranking.order = order;
}

/// Gives ranks within a run of equal totals, and to each dossier the last breaker it took to tell its place.
fn settle(ranking: &mut Ranking, run: &[usize], before: usize) {
    let mut start = 0;
    let mut above = None;
    while start < run.len() {
        let tied =
            (start + 1..run.len()).find(|at| ranking.separation(run[*at - 1], run[*at]).is_some()).unwrap_or(run.len());
        let below = run.get(tied).and_then(|next| ranking.separation(run[tied - 1], *next)).map(|found| found.0);
        for dossier in &run[start..tied] {
            let row = &mut ranking.rows[*dossier];
            row.rank = Some(before + start + 1);
            row.ex_aequo = tied - start > 1;
            row.decided_by = above.max(below);
        }
        above = below;
        start = tied;
    }
}
