//! The official ranking on the demonstration call's worked examples, on ties, and on properties that must always hold.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use ami_scoring::{
    Aggregation, Breaker, Criterion, Direction, Grid, GridError, GridSpec, Group, Marks, Ranking, Rational, Scale,
    Status, Threshold, Verdict, rank,
};

fn r(text: &str) -> Rational {
    text.parse().unwrap()
}

/// The demonstration call's grid.
fn spec() -> GridSpec {
    let groups: [(&str, &[u32]); 6] = [
        ("A", &[6, 10, 7, 5]),
        ("B", &[8, 6, 6]),
        ("C", &[5, 5]),
        ("D", &[6, 8]),
        ("E", &[5, 7, 4]),
        ("F", &[5, 4, 3]),
    ];
    let group = |(code, weights): (&str, &[u32])| Group {
        code: code.into(),
        criteria: (1..)
            .zip(weights)
            .map(|(n, weight)| Criterion { code: format!("{code}{n}"), weight: *weight })
            .collect(),
        ..Group::default()
    };
    let points = |code: &str, minimum| Threshold::Points { code: code.into(), minimum: r(minimum) };
    let mean = |code: &str| Threshold::Mean { code: code.into(), minimum: r("2") };
    GridSpec {
        scale: Scale::integers(0, 5).unwrap(),
        min_jurors: 3,
        aggregation: Aggregation::Mean,
        groups: groups.into_iter().map(group).collect(),
        thresholds: vec![
            Threshold::Total { minimum: r("55") },
            points("A", "14"),
            points("F", "4.80"),
            mean("A2"),
            mean("E2"),
        ],
        ties: vec![
            Breaker::points("A"),
            Breaker::points("B"),
            Breaker::points("C"),
            Breaker::points("D2"),
            Breaker::Value { name: "7.03".into(), direction: Direction::Lowest },
        ],
    }
}

fn add(table: &mut ami_scoring::MarksBuilder, grid: &Grid, dossier: &str, juror: &str, marks: &str) {
    for (criterion, mark) in grid.criteria().zip(marks.split(' ')) {
        table.mark(dossier, juror, criterion, grid.scale().mark(mark).unwrap()).unwrap();
    }
}

const ALPHA: [&str; 3] =
    ["4 4 3 4 3 4 3 5 4 4 4 3 4 3 4 3 4", "4 5 4 3 4 3 3 4 4 5 4 4 3 4 3 3 4", "3 4 4 4 3 3 4 5 5 4 3 4 4 3 4 4 3"];
const BETA: [&str; 3] =
    ["3 1 3 3 4 4 4 4 4 4 4 4 4 4 4 4 4", "3 2 3 3 4 4 4 4 4 4 4 4 4 4 4 4 4", "3 2 2 3 4 4 4 4 4 4 4 4 4 4 4 4 4"];

fn worked(dossiers: &[(&str, &[&str])]) -> Ranking {
    let grid = Grid::new(spec()).unwrap();
    let mut table = Marks::builder(grid.clone());
    for (dossier, sheets) in dossiers {
        for (juror, marks) in ["J1", "J2", "J3"].into_iter().zip(*sheets) {
            add(&mut table, &grid, dossier, juror, marks);
        }
    }
    rank(&table.build())
}

#[test]
fn the_worked_examples_come_out_exactly() {
    let ranking = worked(&[("α", &ALPHA), ("β", &BETA), ("γ", &ALPHA[..2])]);

    let alpha = ranking.dossier("α").unwrap();
    assert_eq!((alpha.status(), alpha.rank(), alpha.decided_by()), (Status::Ranked, Some(1), None));
    assert_eq!(alpha.total(), Some(&r("1129/15")));
    assert_eq!(alpha.total().unwrap().decimal(2, ','), "75,27");
    let groups: Vec<String> = alpha.groups().map(|group| group.points.unwrap().decimal(2, ',')).collect();
    assert_eq!(groups, ["21,87", "13,33", "9,00", "11,07", "11,47", "8,53"]);
    assert_eq!(alpha.criteria().map(|criterion| criterion.points().unwrap()).sum::<Rational>(), r("1129/15"));

    let beta = ranking.dossier("β").unwrap();
    assert_eq!((beta.status(), beta.rank()), (Status::Eliminated, None));
    assert_eq!(beta.total().unwrap().decimal(2, '.'), "71.27");
    let by: Vec<(&str, usize, String)> = beta.eliminated_by().map(|e| (e.on(), e.index, e.value.to_string())).collect();
    assert_eq!(by, [("A", 1, "41/3".to_owned()), ("A2", 3, "5/3".to_owned())]);

    let gamma = ranking.dossier("γ").unwrap();
    assert_eq!((gamma.status(), gamma.rank(), gamma.total(), gamma.jurors()), (Status::Insufficient, None, None, 2));
    assert!(gamma.groups().all(|group| group.points.is_none()));

    let json = serde_json::to_value(&ranking).unwrap();
    let first = &json["dossiers"][0];
    assert_eq!(
        (&first["id"], &first["rank"], &first["total"], &first["total_shown"], &first["status"]),
        (&"α".into(), &1.into(), &"1129/15".into(), &"75.27".into(), &"ranked".into())
    );
    assert_eq!(json["dossiers"][1]["eliminated_by"][0]["minimum"], "14");
}

/// α with marks moved between criteria of equal weight so that totals stay equal.
fn tied() -> Ranking {
    // A3 (7) and E2 (7) trade one mark: A goes down, E goes up.
    let lower_a: Vec<String> = ALPHA
        .iter()
        .enumerate()
        .map(|(n, sheet)| {
            let mut marks: Vec<&str> = sheet.split(' ').collect();
            if n == 1 {
                (marks[2], marks[12]) = ("3", "4");
            }
            marks.join(" ")
        })
        .collect();
    let lower_a: Vec<&str> = lower_a.iter().map(String::as_str).collect();
    worked(&[("d3", &ALPHA), ("d2", &lower_a), ("d1", &lower_a), ("d4", &["3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3"; 3])])
}

#[test]
fn ties_are_broken_in_order_and_what_stays_equal_shares_its_rank() {
    let ranking = tied();
    let places: Vec<_> =
        ranking.dossiers().map(|d| (d.id(), d.rank().unwrap(), d.is_ex_aequo(), d.decided_by())).collect();
    assert_eq!(
        places,
        [("d3", 1, false, Some("A")), ("d1", 2, true, Some("A")), ("d2", 2, true, Some("A")), ("d4", 4, false, None)]
    );
    let explained = ranking.explain("d2", "d3").unwrap();
    assert_eq!(explained.verdict, Verdict::BelowByBreaker);
    assert_eq!(explained.breakers.len(), 1);
    assert_eq!(explained.criteria[0].code, "E2");
    assert_eq!(ranking.explain("d1", "d2").unwrap().verdict, Verdict::Equal);
    assert_eq!(ranking.explain("d1", "d4").unwrap().verdict, Verdict::AboveByTotal);
    assert_eq!(ranking.explain("d1", "absent"), None);
}

#[test]
fn an_outside_value_breaks_ties_and_its_absence_comes_last() {
    let grid = Grid::new(spec()).unwrap();
    let mut table = Marks::builder(grid.clone());
    for dossier in ["a", "b", "c"] {
        for juror in ["J1", "J2", "J3"] {
            add(&mut table, &grid, dossier, juror, ALPHA[0]);
        }
    }
    table.value("c", "7.03", r("1149.50")).unwrap().value("b", "7.03", r("1150")).unwrap();
    let ranking = rank(&table.build());
    let places: Vec<_> = ranking.dossiers().map(|d| (d.id(), d.rank().unwrap(), d.decided_by())).collect();
    assert_eq!(places, [("c", 1, Some("7.03")), ("b", 2, Some("7.03")), ("a", 3, Some("7.03"))]);
}

#[test]
fn each_aggregation_gives_its_own_mean() {
    for (aggregation, expected) in [
        (Aggregation::Mean, Some("11/4")),
        (Aggregation::Median, Some("7/2")),
        (Aggregation::TrimmedMean { k: 1 }, Some("7/2")),
        (Aggregation::TrimmedMean { k: 2 }, None),
        (Aggregation::VoiceMean, Some("2")),
    ] {
        let grid = Grid::new(GridSpec { aggregation, thresholds: Vec::new(), ..spec() }).unwrap();
        let mut table = Marks::builder(grid.clone());
        table.juror("J1", 4).unwrap();
        for (juror, mark) in [("J1", "0"), ("J2", "3"), ("J3", "4"), ("J4", "4")] {
            add(&mut table, &grid, "d", juror, &[mark; 17].join(" "));
        }
        let ranking = rank(&table.build());
        let dossier = ranking.dossier("d").unwrap();
        let mean = dossier.criteria().next().unwrap().mean().cloned();
        if let (Aggregation::VoiceMean, Some(mean)) = (aggregation, &mean) {
            // (4 × 0 + 3 + 4 + 4) / 7
            assert_eq!(mean, &r("11/7"));
        } else {
            assert_eq!(mean, expected.map(r));
        }
        assert_eq!(dossier.status() == Status::Ranked, expected.is_some());
    }
}

#[test]
fn a_group_weight_is_shared_between_its_members() {
    let criterion = |code: &str, weight| Criterion { code: code.into(), weight };
    let inner = Group { code: "Ab".into(), criteria: vec![criterion("x", 1), criterion("y", 2)], ..Group::default() };
    let outer = Group { code: "A".into(), weight: Some(100), criteria: vec![criterion("w", 4)], groups: vec![inner] };
    let grid = Grid::new(GridSpec {
        groups: vec![outer],
        thresholds: Vec::new(),
        ties: Vec::new(),
        min_jurors: 1,
        scale: Scale::new(r("-1"), r("1"), r("0.5")).unwrap(),
        ..spec()
    })
    .unwrap();
    assert_eq!(grid.weights(), [r("400/7"), r("100/7"), r("200/7")]);
    assert_eq!(
        grid.groups().map(|(code, depth, max)| (code, depth, max.clone())).collect::<Vec<_>>(),
        [("A", 0, r("100")), ("Ab", 1, r("300/7"))]
    );
    let mut table = Marks::builder(grid.clone());
    add(&mut table, &grid, "d", "J", "0.5 -1 1");
    let ranking = rank(&table.build());
    let dossier = ranking.dossier("d").unwrap();
    assert_eq!(dossier.total(), Some(&r("500/7")));
    assert_eq!(dossier.criteria().map(|c| c.mean().unwrap().clone()).collect::<Vec<_>>(), [r("1/2"), r("-1"), r("1")]);
}

#[test]
fn weights_and_voices_too_large_for_64_bits_stay_exact() {
    let groups = vec![Group {
        code: "A".into(),
        criteria: (0..40).map(|n| Criterion { code: format!("c{n}"), weight: u32::MAX - n }).collect(),
        ..Group::default()
    }];
    let scale = Scale::integers(0, i64::from(u32::MAX) - 1).unwrap();
    let top = scale.mark("4294967294").unwrap();
    let grid = Grid::new(GridSpec {
        scale,
        groups,
        thresholds: Vec::new(),
        ties: Vec::new(),
        aggregation: Aggregation::VoiceMean,
        ..spec()
    })
    .unwrap();
    let mut table = Marks::builder(grid.clone());
    for juror in ["J1", "J2", "J3"] {
        table.juror(juror, u32::MAX).unwrap();
        for criterion in grid.criteria() {
            table.mark("d", juror, criterion, top).unwrap();
        }
    }
    let ranking = rank(&table.build());
    assert_eq!(ranking.dossier("d").unwrap().total(), Some(&grid.total_weight()));
}

#[test]
fn a_grid_that_does_not_hold_together_is_refused() {
    let criterion = |code: &str| Criterion { code: code.into(), weight: 0 };
    let group = |code: &str, criteria| Group { code: code.into(), criteria, ..Group::default() };
    let with = |groups| Grid::new(GridSpec { groups, thresholds: Vec::new(), ties: Vec::new(), ..spec() }).unwrap_err();
    assert_eq!(with(Vec::new()), GridError::NoCriterion);
    assert_eq!(with(vec![group("A", Vec::new())]), GridError::EmptyGroup("A".into()));
    assert_eq!(with(vec![group("A", vec![criterion("A")])]), GridError::Duplicate("A".into()));
    assert_eq!(with(vec![group("A", vec![criterion("total")])]), GridError::Code);
    assert_eq!(with(vec![group("A", vec![criterion("A1")])]), GridError::NoWeight("the grid".into()));
    let ties = vec![Breaker::points("Z")];
    assert_eq!(Grid::new(GridSpec { ties, ..spec() }), Err(GridError::Breaker { breaker: 0, code: "Z".into() }));
    let thresholds = vec![Threshold::Mean { code: "A".into(), minimum: r("2") }];
    let expected = GridError::Threshold { threshold: 0, code: "A".into(), expected: "criterion" };
    assert_eq!(Grid::new(GridSpec { thresholds, ..spec() }), Err(expected));
    assert_eq!(Grid::new(GridSpec { min_jurors: 0, ..spec() }), Err(GridError::MinJurors));
}

#[test]
fn jurors_who_leave_a_criterion_out_are_counted_and_their_silence_is_no_zero() {
    let grid = Grid::new(spec()).unwrap().with_min_marks(2);
    let ranked = |sheets: &[&str]| {
        let mut table = Marks::builder(grid.clone());
        for (juror, marks) in ["J1", "J2", "J3"].into_iter().zip(sheets) {
            for (criterion, mark) in grid.criteria().zip(marks.split(' ')).filter(|(_, mark)| *mark != "-") {
                table.mark("d", juror, criterion, grid.scale().mark(mark).unwrap()).unwrap();
            }
        }
        rank(&table.build())
    };
    let fours = "4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4";
    let but_a1 = "- 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4";
    // One silence: the mean is that of the others, and three jurors are there.
    let one = ranked(&[fours, fours, but_a1]);
    let dossier = one.dossier("d").unwrap();
    assert_eq!((dossier.status(), dossier.jurors(), dossier.total()), (Status::Ranked, 3, Some(&r("80"))));
    let a1 = dossier.criteria().next().unwrap();
    assert_eq!((a1.count(), a1.mean()), (2, Some(&r("4"))));
    // Two of three: one mark is too few for the criterion, though enough jurors are there.
    let two = ranked(&[fours, but_a1, but_a1]);
    let dossier = two.dossier("d").unwrap();
    assert_eq!((dossier.status(), dossier.jurors(), dossier.total()), (Status::Insufficient, 3, None));
    // Two jurors are too few, however many marks each criterion has.
    assert_eq!(ranked(&[fours, fours]).dossier("d").unwrap().status(), Status::Insufficient);
}
