//! The worked examples of the demonstration call, and properties that every ranking has.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use ami_scoring::{Ballot, Breaker, Candidate, Criterion, Exact, Grid, Group, Measure, Scale, Status, Threshold, rank};
use proptest::prelude::*;

const CRITERIA: [(&str, u32); 17] = [
    ("A1", 6),
    ("A2", 10),
    ("A3", 7),
    ("A4", 5),
    ("B1", 8),
    ("B2", 6),
    ("B3", 6),
    ("C1", 5),
    ("C2", 5),
    ("D1", 6),
    ("D2", 8),
    ("E1", 5),
    ("E2", 7),
    ("E3", 4),
    ("F1", 5),
    ("F2", 4),
    ("F3", 3),
];

fn grid() -> Grid {
    let groups = ["A", "B", "C", "D", "E", "F"].map(|g| Group {
        code: g.into(),
        criteria: CRITERIA
            .iter()
            .filter(|(c, _)| c.starts_with(g))
            .map(|(c, w)| Criterion { code: (*c).into(), weight: *w })
            .collect(),
    });
    let below = |code: &str, on, n, d| Threshold { code: code.into(), on, below: Exact::ratio(n, d).unwrap() };
    let breaker = |on| Breaker { on, lower_wins: false };
    Grid::new(
        Scale { min: 0, max: 5 },
        groups.into(),
        vec![
            below("i", Measure::Total, 55, 1),
            below("ii", Measure::Group("A".into()), 14, 1),
            below("iii", Measure::Group("F".into()), 480, 100),
            below("iv", Measure::Criterion("A2".into()), 2, 1),
            below("v", Measure::Criterion("E2".into()), 2, 1),
        ],
        vec![
            breaker(Measure::Group("A".into())),
            breaker(Measure::Group("B".into())),
            breaker(Measure::Group("C".into())),
            breaker(Measure::Criterion("D2".into())),
            Breaker { on: Measure::Value("7.03".into()), lower_wins: true },
        ],
        3,
    )
    .unwrap()
}

fn candidate(id: &str, ballots: &[[i64; 17]]) -> Candidate {
    Candidate {
        id: id.into(),
        ballots: ballots
            .iter()
            .enumerate()
            .map(|(i, marks)| Ballot {
                juror: format!("J{}", i + 1),
                marks: CRITERIA.iter().zip(marks).map(|((c, _), m)| ((*c).to_owned(), *m)).collect(),
            })
            .collect(),
        values: BTreeMap::new(),
    }
}

const ALPHA: [[i64; 17]; 3] = [
    [4, 4, 3, 4, 3, 4, 3, 5, 4, 4, 4, 3, 4, 3, 4, 3, 4],
    [4, 5, 4, 3, 4, 3, 3, 4, 4, 5, 4, 4, 3, 4, 3, 3, 4],
    [3, 4, 4, 4, 3, 3, 4, 5, 5, 4, 3, 4, 4, 3, 4, 4, 3],
];

fn beta() -> [[i64; 17]; 3] {
    let row = |a2, a3| [3, a2, a3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4];
    [row(1, 3), row(2, 3), row(2, 2)]
}

#[test]
fn the_worked_examples_come_out_exactly() {
    let lines =
        rank(&grid(), &[candidate("γ", &[ALPHA[0], ALPHA[2]]), candidate("β", &beta()), candidate("α", &ALPHA)])
            .unwrap();
    let ids: Vec<&str> = lines.iter().map(|l| l.id.as_str()).collect();
    assert_eq!(ids, ["α", "β", "γ"]);

    let alpha = lines[0].score.as_ref().unwrap();
    assert_eq!(lines[0].status, Status::Ranked { rank: 1 });
    assert_eq!((alpha.total.to_string().as_str(), alpha.total.shown(',').as_str()), ("1129/15", "75,27"));
    let groups: Vec<String> = alpha.groups.iter().map(|g| g.points.shown(',')).collect();
    assert_eq!(groups, ["21,87", "13,33", "9,00", "11,07", "11,47", "8,53"]);

    let beta = &lines[1];
    assert_eq!(beta.status, Status::Eliminated);
    assert_eq!(beta.score.as_ref().unwrap().total.shown(','), "71,27");
    assert_eq!(beta.score.as_ref().unwrap().groups[0].points.shown(','), "13,67");
    let by: Vec<&str> = beta.eliminated_by.iter().map(|e| e.code.as_str()).collect();
    assert_eq!(by, ["ii", "iv"]);

    assert_eq!((lines[2].status, lines[2].jurors.len()), (Status::Insufficient, 2));
}

#[test]
fn ties_are_decided_in_order_or_shared() {
    // The same total of 60: B and C differ, A does not.
    let flat = [3; 17];
    let mut more_b = flat;
    (more_b[6], more_b[9]) = (4, 2);
    let same = |id: &str, m: [i64; 17], cost| {
        let mut c = candidate(id, &[m, m, m]);
        c.values.insert("7.03".into(), Exact::whole(cost));
        c
    };
    let lines = rank(
        &grid(),
        &[
            same("d", flat, 1150),
            same("c", flat, 1100),
            same("b", flat, 1100),
            same("a", flat, 1200),
            same("e", more_b, 1200),
        ],
    )
    .unwrap();
    let seen: Vec<(&str, Status, Option<&str>, bool)> =
        lines.iter().map(|l| (l.id.as_str(), l.status, l.decided_by.as_deref(), l.ex_aequo)).collect();
    assert_eq!(
        seen,
        [
            ("e", Status::Ranked { rank: 1 }, Some("B"), false),
            ("b", Status::Ranked { rank: 2 }, Some("B"), true),
            ("c", Status::Ranked { rank: 2 }, Some("7.03"), true),
            ("d", Status::Ranked { rank: 4 }, Some("7.03"), false),
            ("a", Status::Ranked { rank: 5 }, Some("7.03"), false),
        ]
    );
}

#[test]
fn what_is_wrong_is_named() {
    let mut missing = candidate("x", &ALPHA);
    missing.ballots[1].marks.remove("B2");
    assert_eq!(rank(&grid(), &[missing]).unwrap_err().to_string(), "x, J2: no mark for B2");
    let mut outside = candidate("x", &ALPHA);
    outside.ballots[0].marks.insert("A1".into(), 6);
    assert_eq!(rank(&grid(), &[outside]).unwrap_err().to_string(), "x, J1, A1: 6 is outside the scale");
    let mut twice = candidate("x", &ALPHA);
    twice.ballots[1].juror = "J1".into();
    assert_eq!(rank(&grid(), &[twice]).unwrap_err().to_string(), "x: two ballots of J1");
    assert_eq!(rank(&grid(), &[]).unwrap(), []);
}

fn ballots() -> impl Strategy<Value = Vec<[i64; 17]>> {
    prop::collection::vec(prop::array::uniform17(0i64..=5), 3..6)
}

proptest! {
    #[test]
    fn the_order_of_what_comes_in_decides_nothing(all in prop::collection::vec(ballots(), 1..6)) {
        let mut candidates: Vec<Candidate> = all.iter().enumerate().map(|(i, b)| candidate(&format!("D{i}"), b)).collect();
        let forward = rank(&grid(), &candidates).unwrap();
        candidates.reverse();
        for c in &mut candidates { c.ballots.reverse(); }
        prop_assert_eq!(forward, rank(&grid(), &candidates).unwrap());
    }

    #[test]
    fn a_higher_mark_never_hurts(base in ballots(), other in ballots(), juror in 0usize..3, criterion in 0usize..17) {
        let mut better = base.clone();
        better[juror][criterion] = (better[juror][criterion] + 1).min(5);
        let total = |b: &[[i64; 17]]| {
            let lines = rank(&grid(), &[candidate("x", b), candidate("other", &other)]).unwrap();
            let place = lines.iter().position(|l| l.id == "x").unwrap();
            (lines[place].score.as_ref().unwrap().total.clone(), place)
        };
        let (before, after) = (total(&base), total(&better));
        prop_assert!(after.0 >= before.0);
        prop_assert!(after.1 <= before.1 || matches!(before, _ if before.0 == after.0));
    }

    #[test]
    fn points_add_up_and_stay_on_the_scale(b in ballots()) {
        let lines = rank(&grid(), &[candidate("x", &b)]).unwrap();
        let score = lines[0].score.as_ref().unwrap();
        let sum: Exact = score.criteria.iter().map(|c| c.points.clone()).sum();
        prop_assert_eq!(&sum, &score.total);
        prop_assert!(score.total >= Exact::whole(0) && score.total <= Exact::whole(100));
    }
}
