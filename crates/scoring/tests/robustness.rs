//! Weight intervals against plain recomputation, severity on known juries, the same bytes whatever the threads.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use ami_scoring::{
    Aggregation, Agreement, Criterion, Draws, Grid, GridSpec, Group, Marks, Ranking, Robustness, RobustnessSpec, Scale,
    Scope, Severity, Threshold, rank, weight_stability,
};
use proptest::prelude::*;

const CUT: usize = 2;

fn ranking(weights: &[u32], marks: &[Vec<Vec<u32>>], thresholds: Vec<Threshold>) -> Ranking {
    let criteria = weights.iter().enumerate().map(|(n, weight)| Criterion { code: format!("c{n}"), weight: *weight });
    let group = Group { code: "A".into(), criteria: criteria.collect(), ..Group::default() };
    let grid = Grid::new(GridSpec {
        scale: Scale::integers(0, 9).unwrap(),
        min_jurors: 1,
        aggregation: Aggregation::Mean,
        groups: vec![group],
        thresholds,
        ties: Vec::new(),
    })
    .unwrap();
    let mut table = Marks::builder(grid.clone());
    for (dossier, sheets) in marks.iter().enumerate() {
        for (juror, sheet) in sheets.iter().enumerate() {
            for (criterion, steps) in sheet.iter().enumerate() {
                let mark = grid.scale().mark_at(*steps).unwrap();
                table.mark(&format!("d{dossier}"), &format!("J{juror}"), &format!("c{criterion}"), mark).unwrap();
            }
        }
    }
    rank(&table.build())
}

/// Totals when criterion `moved` weighs `weight` and the others are scaled; in the ranking's order.
fn totals(ranking: &Ranking, moved: usize, weight: f64) -> Vec<f64> {
    let weights: Vec<f64> = ranking.marks().grid().weights().iter().map(ami_scoring::Rational::to_f64).collect();
    let whole: f64 = weights.iter().sum();
    let scale = (whole - weight) / (whole - weights[moved]);
    let now = |at: usize| if at == moved { weight } else { weights[at] * scale };
    ranking
        .dossiers()
        .map(|d| d.criteria().enumerate().map(|(at, c)| now(at) * c.mean().unwrap().to_f64()).sum())
        .collect()
}

fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

fn most(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

/// How far the best `split` are ahead of the others.
fn lead(totals: &[f64], split: usize) -> f64 {
    least(&totals[..split]) - most(&totals[split..])
}

fn least_lead(totals: &[f64]) -> f64 {
    least(&totals.windows(2).map(|pair| pair[0] - pair[1]).collect::<Vec<_>>())
}

/// Below zero where what an interval protects has changed, from the totals in the ranking's order.
type Lead<'a> = Box<dyn Fn(&[f64]) -> f64 + 'a>;

const NEAR: f64 = 1e-7;

proptest! {
    #[test]
    fn weight_intervals_are_where_the_ranking_changes(
        weights in proptest::collection::vec(1u32..20, 3),
        marks in proptest::collection::vec(proptest::collection::vec(proptest::collection::vec(0u32..=9, 3), 2), 3..8),
    ) {
        let ranking = ranking(&weights, &marks, Vec::new());
        let whole: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
        let ranks: Vec<usize> = ranking.dossiers().map(|d| d.rank().unwrap()).collect();
        let first = ranks.iter().filter(|rank| **rank == 1).count();
        let within = ranks.iter().filter(|rank| **rank <= CUT).count();
        for criterion in 0..3 {
            let found = weight_stability(&ranking, criterion, CUT).unwrap();
            let checks: [(_, Lead<'_>); 3] = [
                (&found.first, Box::new(|t: &[f64]| lead(t, first))),
                (&found.cut, Box::new(|t: &[f64]| lead(t, within))),
                (&found.any, Box::new(least_lead)),
            ];
            for (interval, lead) in checks {
                let (low, high) = (interval.low.to_f64(), interval.high.to_f64());
                prop_assert!(low <= found.weight.to_f64() && found.weight.to_f64() <= high);
                for share in [0.0, 0.3, 0.7, 1.0] {
                    prop_assert!(lead(&totals(&ranking, criterion, low + share * (high - low))) >= -1e-9);
                }
                if low > 0.0 {
                    prop_assert!(lead(&totals(&ranking, criterion, low - NEAR)) < 0.0);
                }
                if high < whole {
                    prop_assert!(lead(&totals(&ranking, criterion, high + NEAR)) < 0.0);
                }
            }
        }
    }
}

fn jury() -> Vec<Vec<Vec<u32>>> {
    (0..6).map(|d| (0..4).map(|j| (0..3).map(|c| (d * 3 + j * 2 + c * c * (d + j)) % 8).collect()).collect()).collect()
}

fn spec(threads: usize, scope: Scope) -> RobustnessSpec {
    RobustnessSpec { draws: Draws { count: 700, seed: 11, threads }, cut: CUT, nearby: 0.2, scope }
}

#[test]
fn the_same_bytes_whatever_the_threads() {
    let ranking = ranking(&[3, 5, 2], &jury(), Vec::new());
    let written =
        |threads| serde_json::to_string(&Robustness::new(&ranking, spec(threads, Scope::Ranked)).unwrap()).unwrap();
    assert_eq!(written(1), written(2));
    assert_eq!(written(1), written(5));
}

#[test]
fn eliminated_dossiers_take_part_only_when_asked() {
    let threshold = Threshold::Total { minimum: "5".parse().unwrap() };
    let ranking = ranking(&[3, 5, 2], &jury(), vec![threshold]);
    let ranked = ranking.dossiers().filter(|d| d.rank().is_some()).count();
    assert!(ranked < 6);
    let count = |scope| Robustness::new(&ranking, spec(1, scope)).unwrap().dossiers().count();
    assert_eq!((count(Scope::Ranked), count(Scope::Marked)), (ranked, 6));
}

#[test]
fn nobody_ranked_is_no_panic() {
    let ranking = ranking(&[1, 1, 1], &jury(), vec![Threshold::Total { minimum: "100".parse().unwrap() }]);
    let robustness = Robustness::new(&ranking, spec(2, Scope::Ranked)).unwrap();
    assert_eq!(robustness.dossiers().count(), 0);
    assert_eq!(robustness.sentences().len(), 1);
}

#[test]
fn severity_finds_the_lenient_juror_and_the_odd_mark() {
    // Three jurors a step apart on every dossier; then one mark of J0 goes from 4 to 9.
    let mut marks: Vec<Vec<Vec<u32>>> =
        (0..8).map(|d| (0..3).map(|j| vec![1 + (d % 4) + j, 2 + (d % 3) + j, 1 + (d % 5) + j]).collect()).collect();
    let even = Severity::new(ranking(&[1, 1, 1], &marks, Vec::new()).marks());
    let effects: Vec<f64> = even.jurors.values().map(|juror| juror.effect).collect();
    assert!((effects[0] + 1.0).abs() < 1e-12 && effects[1].abs() < 1e-12 && (effects[2] - 1.0).abs() < 1e-12);
    assert!(even.marks.is_empty() && even.comparable);
    assert!(even.dossiers.values().all(|dossier| dossier.adjusted_rank.is_some()));
    marks[3][0][0] = 9;
    let odd = Severity::new(ranking(&[1, 1, 1], &marks, Vec::new()).marks());
    let found = &odd.marks[0];
    assert_eq!((found.dossier.as_str(), found.juror.as_str(), found.criterion.as_str()), ("d3", "J0", "c0"));
    assert!(found.expected < 9.0 && found.distance > 3.0);
}

#[test]
fn agreement_names_what_the_design_does_not_allow() {
    let mut marks = jury();
    let complete = serde_json::to_value(Agreement::new(ranking(&[3, 5, 2], &marks, Vec::new()).marks())).unwrap();
    for key in ["krippendorff_interval", "krippendorff_ordinal", "icc2_1", "icc2_k", "kendall_w"] {
        assert!(complete["total"][key].is_f64() && complete["criteria"]["c1"][key].is_f64(), "{key}");
    }
    marks[2].pop();
    let incomplete = serde_json::to_value(Agreement::new(ranking(&[3, 5, 2], &marks, Vec::new()).marks())).unwrap();
    assert!(incomplete["total"]["krippendorff_interval"].is_f64());
    assert!(incomplete["total"]["icc2_k"].is_null());
    assert!(incomplete["total"]["notes"]["icc2_k"].as_str().unwrap().contains("chaque juré"));
}
