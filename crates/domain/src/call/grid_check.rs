//! The grid of a call: its scale, its weights, and everything that it refers to.

use super::CallDefinition;
use super::check::{Problem, key, unique};
use super::schema::Class;
use crate::form::{FieldKind, Number};
use crate::grid::{Aggregation, Grid, Measure, Scale};

/// What the weights of a grid usually add up to.
const USUAL_TOTAL: u64 = 100;

/// Looks at the grid.
pub(super) fn check(call: &CallDefinition, found: &mut Vec<Problem>) {
    let grid = &call.grid;
    let span = scale(&grid.scale, found);
    codes(grid, found);
    for (g, group) in grid.groups.iter().enumerate() {
        for (c, criterion) in group.criteria.iter().enumerate() {
            let at = format!("/grid/groups/{g}/criteria/{c}");
            if criterion.weight == 0 {
                found.push(Problem::warning(&format!("{at}/weight"), "weight"));
            }
            sources(&at, &criterion.sources, call, found);
        }
    }
    match grid.total_weight() {
        0 => found.push(Problem::error("/grid/groups", "weights-none")),
        USUAL_TOTAL => {}
        total => found.push(Problem::warning("/grid/groups", "weights").with("total", total)),
    }
    if grid.min_jurors == 0 {
        found.push(Problem::error("/grid/min_jurors", "positive"));
    }
    if grid.min_marks.is_some_and(|least| least == 0 || least > grid.min_jurors) {
        let range = Problem::error("/grid/min_marks", "range");
        found.push(range.with("min", 1).with("max", grid.min_jurors.max(1)));
    }
    match &grid.aggregation {
        Aggregation::Trimmed(each) if u64::from(*each) * 2 >= u64::from(grid.min_jurors) => {
            found.push(Problem::error("/grid/aggregation", "trimmed"));
        }
        Aggregation::Voices(colleges) if colleges.values().any(|voice| !(1..=100).contains(voice)) => {
            found.push(Problem::error("/grid/aggregation", "voices"));
        }
        _ => {}
    }
    thresholds(call, found);
    ties(call, found);
    for (i, mark) in grid.comments.marks.iter().enumerate() {
        if span.is_some() && grid.scale.mark(*mark).is_err() {
            found.push(Problem::error(&format!("/grid/comments/marks/{i}"), "mark").with("value", mark));
        }
    }
    if grid.harmonise_from.is_some_and(|from| from < 1 || span.is_some_and(|span| from > span)) {
        found.push(Problem::error("/grid/harmonise_from", "harmonise"));
    }
}

/// The distance between the highest and the lowest mark, when the scale can be used.
fn scale(Scale { min, max, step, words }: &Scale, found: &mut Vec<Problem>) -> Option<i64> {
    let span = max.checked_sub(*min).filter(|span| *span > 0 && *step > 0 && span % step == 0);
    match span {
        None => found.push(Problem::error("/grid/scale", "scale")),
        Some(span) if span / step > 1_000 => found.push(Problem::error("/grid/scale", "scale-steps")),
        Some(span) if !words.is_empty() && i64::try_from(words.len()) != Ok(span / step + 1) => {
            found.push(Problem::error("/grid/scale/words", "scale-words").with("count", span / step + 1));
        }
        Some(_) => {}
    }
    span
}

fn codes(grid: &Grid, found: &mut Vec<Problem>) {
    if grid.groups.is_empty() {
        found.push(Problem::error("/grid/groups", "none"));
    }
    let mut codes = Vec::new();
    for (g, group) in grid.groups.iter().enumerate() {
        let at = format!("/grid/groups/{g}");
        key(&format!("{at}/code"), &group.code, found);
        if group.label.trim().is_empty() {
            found.push(Problem::error(&format!("{at}/label"), "empty"));
        }
        if group.criteria.is_empty() {
            found.push(Problem::error(&format!("{at}/criteria"), "none"));
        }
        codes.push((format!("{at}/code"), group.code.as_str()));
        for (c, criterion) in group.criteria.iter().enumerate() {
            let at = format!("{at}/criteria/{c}");
            key(&format!("{at}/code"), &criterion.code, found);
            if criterion.label.trim().is_empty() {
                found.push(Problem::error(&format!("{at}/label"), "empty"));
            }
            codes.push((format!("{at}/code"), criterion.code.as_str()));
        }
    }
    unique(codes, found);
}

/// What a juror reads for a criterion: it exists, and something of it is theirs to read.
fn sources(at: &str, sources: &[String], call: &CallDefinition, found: &mut Vec<Problem>) {
    let mut readable = false;
    for (i, source) in sources.iter().enumerate() {
        let shown = match (call.form.field(source), call.slot(source)) {
            (Some(_), _) => call.form.shown_to_jury(source),
            (None, Some(slot)) => slot.class() <= Class::Jury,
            (None, None) => {
                found.push(Problem::error(&format!("{at}/sources/{i}"), "source").with("source", source));
                true
            }
        };
        readable |= shown;
    }
    if !readable {
        found.push(Problem::error(&format!("{at}/sources"), "nothing-to-read"));
    }
}

fn known(grid: &Grid, measure: &Measure) -> bool {
    match measure {
        Measure::Total | Measure::Field(_) => true,
        Measure::Group(code) => grid.groups.iter().any(|g| g.code == *code),
        Measure::Criterion(code) => grid.criterion(code).is_some(),
    }
}

fn named(measure: &Measure) -> &str {
    match measure {
        Measure::Total => "total",
        Measure::Group(code) | Measure::Criterion(code) | Measure::Field(code) => code,
    }
}

fn thresholds(call: &CallDefinition, found: &mut Vec<Problem>) {
    let grid = &call.grid;
    for (i, threshold) in grid.thresholds.iter().enumerate() {
        let at = format!("/grid/thresholds/{i}");
        key(&format!("{at}/code"), &threshold.code, found);
        if matches!(threshold.on, Measure::Field(_)) || !known(grid, &threshold.on) {
            found.push(Problem::error(&format!("{at}/on"), "threshold").with("measure", named(&threshold.on)));
            continue;
        }
        // The most that can be had: points for the total and groups, the highest mark for a criterion.
        let most = match &threshold.on {
            Measure::Group(code) => {
                let group = grid.groups.iter().find(|g| g.code == *code);
                group.map_or(0, |g| g.criteria.iter().map(|c| u64::from(c.weight)).sum())
            }
            Measure::Criterion(_) => u64::try_from(grid.scale.max).unwrap_or(0),
            _ => grid.total_weight(),
        };
        let most = i64::try_from(most).ok().and_then(|most| most.checked_mul(100));
        if most.is_some_and(|most| threshold.below > Number(most)) {
            found.push(Problem::warning(&format!("{at}/below"), "threshold-high").with("max", most.unwrap_or(0) / 100));
        }
    }
    let codes = grid.thresholds.iter().enumerate();
    unique(codes.map(|(i, t)| (format!("/grid/thresholds/{i}/code"), t.code.as_str())), found);
}

fn ties(call: &CallDefinition, found: &mut Vec<Problem>) {
    for (i, tie) in call.grid.ties.iter().enumerate() {
        let good = match &tie.on {
            Measure::Field(code) => call.form.field(code).is_some_and(|field| {
                use FieldKind::{Amount, Computed, Decimal, Integer, Percentage};
                matches!(field.kind, Decimal { .. } | Integer { .. } | Percentage | Amount { .. } | Computed { .. })
            }),
            measure => known(&call.grid, measure),
        };
        if !good {
            found.push(Problem::error(&format!("/grid/ties/{i}/on"), "tie").with("measure", named(&tie.on)));
        }
    }
}
