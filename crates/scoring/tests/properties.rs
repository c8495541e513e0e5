//! Properties of the official ranking, on random calls.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use ami_scoring::{
    Aggregation, Breaker, Criterion, Grid, GridSpec, Group, Marks, Ranking, Rational, Scale, Status, Threshold, rank,
};
use proptest::prelude::*;

#[derive(Debug, Clone)]
struct Case {
    weights: Vec<u32>,
    /// By dossier, by juror, by criterion.
    marks: Vec<Vec<Vec<u32>>>,
    aggregation: Aggregation,
    minimum: u32,
}

const JURORS: usize = 3;

fn case() -> impl Strategy<Value = Case> {
    let aggregation = prop_oneof![
        Just(Aggregation::Mean),
        Just(Aggregation::Median),
        Just(Aggregation::TrimmedMean { k: 1 }),
        Just(Aggregation::VoiceMean)
    ];
    (2usize..5, 2usize..7).prop_flat_map(move |(criteria, dossiers)| {
        let sheet = proptest::collection::vec(0u32..=3, criteria);
        let marks = proptest::collection::vec(proptest::collection::vec(sheet, JURORS), dossiers);
        (proptest::collection::vec(1u32..4, criteria), marks, aggregation.clone(), 0u32..60)
            .prop_map(|(weights, marks, aggregation, minimum)| Case { weights, marks, aggregation, minimum })
    })
}

fn build(case: &Case, factor: u32, order: impl Fn(usize) -> usize, name: impl Fn(usize) -> String) -> Ranking {
    let criteria: Vec<Criterion> = case
        .weights
        .iter()
        .enumerate()
        .map(|(n, weight)| Criterion { code: format!("c{n}"), weight: weight * factor })
        .collect();
    let (first, second) = criteria.split_at(1);
    let group = |code: &str, criteria: &[Criterion]| Group {
        code: code.into(),
        criteria: criteria.to_vec(),
        ..Group::default()
    };
    let total: u32 = case.weights.iter().sum();
    let minimum = Rational::new(i64::from(case.minimum * total * factor), 100).unwrap();
    let grid = Grid::new(GridSpec {
        scale: Scale::integers(0, 3).unwrap(),
        min_jurors: 1,
        aggregation: case.aggregation,
        groups: vec![group("A", first), group("B", second)],
        thresholds: vec![Threshold::Total { minimum }],
        ties: vec![Breaker::points("A"), Breaker::points("c1")],
    })
    .unwrap();
    let mut table = Marks::builder(grid.clone());
    for juror in 0..JURORS {
        table.juror(&format!("J{juror}"), u32::try_from(juror).unwrap() + 1).unwrap();
    }
    for at in 0..case.marks.len() {
        let dossier = order(at);
        for (juror, sheet) in case.marks[dossier].iter().enumerate().rev() {
            for (criterion, steps) in sheet.iter().enumerate() {
                let mark = grid.scale().mark_at(*steps).unwrap();
                table.mark(&name(dossier), &format!("J{juror}"), &format!("c{criterion}"), mark).unwrap();
            }
        }
    }
    rank(&table.build())
}

fn plain(case: &Case) -> Ranking {
    build(case, 1, |n| n, |n| format!("d{n}"))
}

fn ranks(ranking: &Ranking, case: &Case, name: impl Fn(usize) -> String) -> Vec<(Status, Option<usize>)> {
    (0..case.marks.len()).map(|n| ranking.dossier(&name(n)).unwrap()).map(|d| (d.status(), d.rank())).collect()
}

proptest! {
    #[test]
    fn order_of_input_does_not_matter(case in case()) {
        let last = case.marks.len() - 1;
        let turned = build(&case, 1, |n| last - n, |n| format!("d{n}"));
        prop_assert_eq!(serde_json::to_string(&plain(&case)).unwrap(), serde_json::to_string(&turned).unwrap());
    }

    #[test]
    fn names_do_not_matter(case in case()) {
        let name = |n: usize| format!("x{}", 9 - n);
        let renamed = build(&case, 1, |n| n, name);
        prop_assert_eq!(ranks(&plain(&case), &case, |n| format!("d{n}")), ranks(&renamed, &case, name));
    }

    #[test]
    fn scaling_all_weights_does_not_matter(case in case(), factor in 2u32..1000) {
        let name = |n: usize| format!("d{n}");
        prop_assert_eq!(ranks(&plain(&case), &case, name), ranks(&build(&case, factor, |n| n, name), &case, name));
    }

    #[test]
    fn a_better_mark_never_lowers(case in case(), dossier in 0usize..6, juror in 0..JURORS, criterion in 0usize..4) {
        let mut better = case.clone();
        let dossier = dossier % case.marks.len();
        let criterion = criterion % case.weights.len();
        let mark = &mut better.marks[dossier][juror][criterion];
        prop_assume!(*mark < 3);
        *mark += 1;
        let id = format!("d{dossier}");
        let (before, after) = (plain(&case), plain(&better));
        let (before, after) = (before.dossier(&id).unwrap(), after.dossier(&id).unwrap());
        prop_assert!(after.total() >= before.total());
        if let Some(rank) = before.rank() {
            prop_assert!(after.rank().is_some_and(|better| better <= rank));
        }
    }

    #[test]
    fn a_dominated_dossier_is_never_above(case in case()) {
        let ranking = plain(&case);
        for a in ranking.dossiers() {
            for b in ranking.dossiers() {
                let dominated = a.criteria().zip(b.criteria()).all(|(x, y)| x.mean() <= y.mean());
                if let (true, Some(low), Some(high)) = (dominated, a.rank(), b.rank()) {
                    prop_assert!(low >= high);
                }
                prop_assert!(!dominated || a.total() <= b.total());
            }
        }
    }

    #[test]
    fn ex_aequo_exactly_when_total_and_breakers_agree(case in case()) {
        let ranking = plain(&case);
        let key = |d: &ami_scoring::RankedDossier<'_>| {
            let a = d.groups().next().unwrap().points.cloned();
            let c1 = d.criteria().nth(1).unwrap().points().cloned();
            (d.total().cloned(), a, c1)
        };
        let ranked: Vec<_> = ranking.dossiers().filter(|d| d.status() == Status::Ranked).collect();
        for a in &ranked {
            prop_assert_eq!(a.rank().unwrap(), 1 + ranked.iter().filter(|b| key(b) > key(a)).count());
            prop_assert_eq!(a.is_ex_aequo(), ranked.iter().filter(|b| key(b) == key(a)).count() > 1);
            let same_total = ranked.iter().filter(|b| b.total() == a.total() && key(b) != key(a)).count();
            prop_assert_eq!(a.decided_by().is_some(), same_total > 0);
        }
        for other in ranking.dossiers().filter(|d| d.status() != Status::Ranked) {
            prop_assert!(other.rank().is_none() && other.decided_by().is_none());
            prop_assert_eq!(other.status() == Status::Eliminated, other.eliminated_by().count() > 0);
        }
    }
}
