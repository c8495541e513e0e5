//! Weight stability: how far one criterion's weight may move before something in the official ranking changes.
//!
//! The weight of criterion c goes from 0 to the sum of weights W while the others are scaled to keep that sum, so every
//! total is a straight line of the weight and every bound is an exact crossing of two lines.
//! Source: Mareschal, *Weight stability intervals in multicriteria decision aid*, EJOR 33 (1988).

use crate::exact::Rational;
use crate::ranking::{Ranking, Status};

/// The weights between which nothing changes, in the grid's unit of weight; at a bound, totals tie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightInterval {
    /// The lowest such weight.
    pub low: Rational,
    /// The highest such weight.
    pub high: Rational,
}

/// The three intervals of one criterion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightStability {
    /// The weight now.
    pub weight: Rational,
    /// While the first place stays where it is.
    pub first: WeightInterval,
    /// While the same dossiers stay within the cut.
    pub cut: WeightInterval,
    /// While no rank changes at all.
    pub any: WeightInterval,
}

/// A dossier's total as a line: its values at weight 0 and at weight W.
struct Line {
    zero: Rational,
    full: Rational,
}

/// The intervals of one criterion, over the ranked dossiers' totals; `cut` is how many places there are. `None` when the
/// criterion does not exist, or carries all the weight so that the others cannot be scaled.
pub fn weight_stability(ranking: &Ranking, criterion: usize, cut: usize) -> Option<WeightStability> {
    let grid = ranking.marks().grid();
    let weight = grid.weights().get(criterion)?.clone();
    let whole = grid.total_weight();
    let others = (&whole - &weight).recip()?;
    let span = (grid.scale().max() - grid.scale().min()).recip()?;
    let ranked: Vec<usize> =
        ranking.order.iter().copied().filter(|dossier| ranking.rows[*dossier].status == Status::Ranked).collect();
    let mut lines = Vec::with_capacity(ranked.len());
    for dossier in &ranked {
        let cell = ranking.cell(*dossier, criterion);
        let share = &(cell.mean()? - grid.scale().min()) * &span;
        let rest = &(ranking.rows[*dossier].total.as_ref()? - cell.points()?) * &others;
        lines.push(Line { zero: &whole * &rest, full: &whole * &share });
    }
    let rank = |at: usize| ranking.rows[ranked[at]].rank.unwrap_or(usize::MAX);
    let first = (0..ranked.len()).take_while(|at| rank(*at) == 1).count();
    let within = (0..ranked.len()).take_while(|at| rank(*at) <= cut).count();
    let interval = |bound: &dyn Fn(bool) -> Rational| WeightInterval { low: bound(false), high: bound(true) };
    Some(WeightStability {
        first: interval(&|up| reach(&lines, first, &whole, up)),
        cut: interval(&|up| reach(&lines, within, &whole, up)),
        any: interval(&|up| {
            let crossings = lines.windows(2).map(|pair| crossing(&pair[0], &pair[1], &whole, up));
            let end = if up { whole.clone() } else { Rational::ZERO };
            crossings.fold(end, |nearest, next| if up { nearest.min(next) } else { nearest.max(next) })
        }),
        weight,
    })
}

/// Where `above` stops being at least `below` when the weight goes up (or down), knowing that it is now.
fn crossing(above: &Line, below: &Line, whole: &Rational, up: bool) -> Rational {
    let (zero, full) = (&above.zero - &below.zero, &above.full - &below.full);
    let (end, ahead) = if up { (whole.clone(), &full) } else { (Rational::ZERO, &zero) };
    if !ahead.is_negative() {
        return end;
    }
    // zero + (full − zero) t / W = 0
    (whole * &zero).checked_div(&(&zero - &full)).unwrap_or(end)
}

/// How far the weight may go while each of the first `split` lines is at least each of the others.
///
/// Starts at the end and steps back to the crossing of the two lines that are most at fault there, until none is.
fn reach(lines: &[Line], split: usize, whole: &Rational, up: bool) -> Rational {
    let (above, below) = lines.split_at(split);
    let mut at = if up { whole.clone() } else { Rational::ZERO };
    loop {
        let share = at.checked_div(whole).unwrap_or(Rational::ZERO);
        let value = |line: &Line| &line.zero + &(&(&line.full - &line.zero) * &share);
        let lowest = above.iter().map(|line| (value(line), line)).min_by(|a, b| a.0.cmp(&b.0));
        let highest = below.iter().map(|line| (value(line), line)).max_by(|a, b| a.0.cmp(&b.0));
        let (Some(lowest), Some(highest)) = (lowest, highest) else { return at };
        if lowest.0 >= highest.0 {
            return at;
        }
        let next = crossing(lowest.1, highest.1, whole, up);
        if next == at {
            return at;
        }
        at = next;
    }
}
