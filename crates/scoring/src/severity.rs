//! Juror severity: who marks high or low, what dossiers are worth once that is taken away, and what stands out.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::additive::{Additive, Design, additive_model};
use crate::exact::Rational;
use crate::marks::{Marks, NO_MARK};
use crate::ratings::{Ratings, SheetWeights};

/// Above this many standard errors, a juror's effect stands out.
const JUROR_STANDS_OUT: f64 = 2.0;
/// Above this studentised distance, a single mark stands out.
const MARK_STANDS_OUT: f64 = 3.0;

/// Severity on juror's totals, beside the official ranking and never in place of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Severity {
    /// Connected components of the graph of jurors and dossiers.
    pub components: usize,
    /// Whether all effects compare: there is one component.
    pub comparable: bool,
    /// By juror id.
    pub jurors: BTreeMap<String, JurorSeverity>,
    /// By dossier id.
    pub dossiers: BTreeMap<String, AdjustedDossier>,
    /// Single marks far from what dossier and juror would make expect, the farthest first.
    pub marks: Vec<OutlyingMark>,
    /// What it says, in French.
    pub sentences: Vec<String>,
}

/// One juror.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JurorSeverity {
    /// Additive effect on totals (on the scale of marks): above zero is lenient. Effects add up to zero in a component.
    pub effect: f64,
    /// Of the effect; `None` where the design leaves no degree of freedom.
    pub standard_error: Option<f64>,
    /// Mean of the juror's totals.
    pub mean: f64,
    /// Their standard deviation (n − 1); `None` for a single dossier.
    pub sd: Option<f64>,
    /// How many dossiers the juror marked in full.
    pub dossiers: usize,
    /// The component, from 0; effects of different components do not compare.
    pub component: usize,
    /// Whether the effect is more than two standard errors away from zero.
    pub stands_out: bool,
}

/// One dossier.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AdjustedDossier {
    /// Mean of its totals less its jurors' effects, on the scale of marks.
    pub adjusted: f64,
    /// Its rank by `adjusted`; `None` when effects do not all compare.
    pub adjusted_rank: Option<usize>,
    /// Mean over its jurors of (total − juror's mean) / juror's standard deviation, 0 where the latter is 0.
    pub z: f64,
    /// The component, from 0.
    pub component: usize,
}

/// One mark that stands out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OutlyingMark {
    /// The dossier's id.
    pub dossier: String,
    /// The juror's id.
    pub juror: String,
    /// The criterion's code.
    pub criterion: String,
    /// The mark given.
    pub mark: Rational,
    /// The mark that the additive model of that criterion makes expect.
    pub expected: f64,
    /// The distance, in standard deviations of such a residual (studentised; exactly so in a complete design).
    pub distance: f64,
}

impl Severity {
    /// Fits the additive model to the totals of complete sheets, and to each criterion to find outlying marks.
    pub fn new(marks: &Marks) -> Self {
        let ratings = Ratings::of_totals(marks);
        let model = additive_model(&ratings);
        let jurors = juror_statistics(&ratings);
        let mut severity = Self {
            components: model.components,
            comparable: model.components <= 1,
            jurors: BTreeMap::new(),
            dossiers: dossiers(marks, &ratings, &model, &jurors),
            marks: outlying(marks, &ratings),
            sentences: Vec::new(),
        };
        for ((id, effect), (mean, sd, count)) in marks.jurors().iter().zip(&model.raters).zip(jurors) {
            let Some(effect) = effect else { continue };
            let stands_out = effect
                .standard_error
                .is_some_and(|error| error > 0.0 && effect.effect.abs() > JUROR_STANDS_OUT * error);
            let juror = JurorSeverity {
                effect: effect.effect,
                standard_error: effect.standard_error,
                mean,
                sd,
                dossiers: count,
                component: effect.component,
                stands_out,
            };
            severity.jurors.insert(id.clone(), juror);
        }
        severity.sentences = severity.say();
        severity
    }
}

/// Mean, standard deviation and count of each rater's values.
#[expect(clippy::cast_precision_loss, reason = "numbers of dossiers")]
fn juror_statistics(ratings: &Ratings) -> Vec<(f64, Option<f64>, usize)> {
    let mut sums = vec![(0.0, 0.0, 0usize); ratings.raters];
    for unit in 0..ratings.units() {
        for (rater, value) in ratings.unit(unit) {
            sums[rater].0 += value;
            sums[rater].2 += 1;
        }
    }
    for sum in &mut sums {
        sum.0 /= sum.2.max(1) as f64;
    }
    for unit in 0..ratings.units() {
        for (rater, value) in ratings.unit(unit) {
            sums[rater].1 += (value - sums[rater].0).powi(2);
        }
    }
    let deviation = |mean: f64, squares: f64, count: usize| {
        let sd = (squares / (count.max(2) - 1) as f64).sqrt();
        // Equal totals: what is left is rounding of the mean.
        let sd = if sd <= 1e-12 * mean.abs().max(1.0) { 0.0 } else { sd };
        (count > 1).then_some(sd)
    };
    sums.into_iter().map(|(mean, squares, count)| (mean, deviation(mean, squares, count), count)).collect()
}

fn dossiers(
    marks: &Marks,
    ratings: &Ratings,
    model: &Additive,
    jurors: &[(f64, Option<f64>, usize)],
) -> BTreeMap<String, AdjustedDossier> {
    let mut order: Vec<f64> = model.units.iter().flatten().map(|unit| unit.adjusted).collect();
    order.sort_unstable_by(|a, b| b.total_cmp(a));
    let mut all = BTreeMap::new();
    for (dossier, unit) in model.units.iter().enumerate() {
        let Some(unit) = unit else { continue };
        let (mut sum, mut count) = (0.0, 0.0);
        for (juror, value) in ratings.unit(dossier) {
            let (mean, sd, _) = jurors[juror];
            sum += sd.filter(|sd| *sd > 0.0).map_or(0.0, |sd| (value - mean) / sd);
            count += 1.0;
        }
        // Values closer than rounding are the same rank.
        let ahead = order.partition_point(|other| *other > unit.adjusted + 1e-9);
        let adjusted = AdjustedDossier {
            adjusted: unit.adjusted,
            adjusted_rank: (model.components == 1).then_some(ahead + 1),
            z: sum / count,
            component: unit.component,
        };
        all.insert(marks.dossiers()[dossier].clone(), adjusted);
    }
    all
}

/// Fits each criterion on the same design as the totals.
fn outlying(marks: &Marks, ratings: &Ratings) -> Vec<OutlyingMark> {
    let grid = marks.grid();
    let (min, step) = (grid.scale().min().to_f64(), grid.scale().step().to_f64());
    let design = Design::new(ratings);
    let mut found = Vec::new();
    let mut values = vec![0.0; ratings.values()];
    let weights = SheetWeights::new(grid.weights());
    let mut loads = vec![0.0; ratings.raters];
    for juror in &ratings.who {
        loads[*juror as usize] += 1.0;
    }
    for (criterion, code) in grid.criteria().enumerate() {
        let complete = (0..marks.dossiers().len())
            .flat_map(|dossier| marks.sheets(dossier))
            .filter(|(_, sheet)| weights.total(sheet).is_some());
        for (value, (_, sheet)) in values.iter_mut().zip(complete) {
            *value = min + step * f64::from(sheet[criterion]);
        }
        let (effects, adjusted, sigma, _) = design.fit(ratings, &values);
        let Some(sigma) = sigma.filter(|sigma| *sigma > 1e-9) else { continue };
        for (dossier, level) in adjusted.iter().enumerate() {
            let range = ratings.starts[dossier]..ratings.starts[dossier + 1];
            #[expect(clippy::cast_precision_loss, reason = "a number of jurors")]
            let share = range.len() as f64;
            for (juror, value) in ratings.who[range.clone()].iter().zip(&values[range]) {
                let juror = *juror as usize;
                let expected = level + effects[juror];
                // What the model leaves free of this mark's own pull, exact in a complete design.
                let free = (1.0 - 1.0 / share) * (1.0 - 1.0 / loads[juror]);
                if free <= 0.0 {
                    continue;
                }
                let distance = (value - expected) / (sigma * free.sqrt());
                if distance.abs() > MARK_STANDS_OUT {
                    found.push((dossier, juror, criterion, code, expected, distance));
                }
            }
        }
    }
    found.sort_by(|a, b| b.5.abs().total_cmp(&a.5.abs()).then((a.0, a.1, a.2).cmp(&(b.0, b.1, b.2))));
    let mark = |dossier: usize, juror: usize, criterion: usize| {
        let sheet = marks.sheets(dossier).find(|(by, _)| *by == juror);
        sheet.map(|(_, sheet)| sheet[criterion]).filter(|steps| *steps != NO_MARK)
    };
    found
        .into_iter()
        .filter_map(|(dossier, juror, criterion, code, expected, distance)| {
            let steps = mark(dossier, juror, criterion)?;
            Some(OutlyingMark {
                dossier: marks.dossiers()[dossier].clone(),
                juror: marks.jurors()[juror].clone(),
                criterion: code.to_owned(),
                mark: grid.scale().value(crate::Mark(steps)),
                expected,
                distance,
            })
        })
        .collect()
}
