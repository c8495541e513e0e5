//! Statistics against what published papers print and what the field's packages compute (`tests/reference/make.py`).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use ami_scoring::{
    Acceptability, Correlation, Draws, Metric, Ratings, Rational, Undefined, WeightDraw, additive_model, intraclass,
    kendall_w, krippendorff_alpha,
};
use serde_json::Value;

fn reference() -> Value {
    serde_json::from_str(include_str!("reference/reference.json")).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn table(rows: &Value) -> Ratings {
    let rows = rows.as_array().unwrap();
    let raters = rows[0].as_array().unwrap().len();
    let unit = |row: &Value| {
        let values = row.as_array().unwrap().iter().enumerate();
        values.filter_map(|(rater, value)| Some((rater, value.as_f64()?))).collect()
    };
    Ratings::new(raters, &rows.iter().map(unit).collect::<Vec<_>>()).unwrap()
}

fn close(found: f64, expected: f64, what: &str) {
    let error = (found - expected).abs() / expected.abs().max(1.0);
    assert!(error < 1e-9, "{what}: {found}, {expected} expected");
}

#[test]
fn krippendorff_alpha_agrees_with_the_package() {
    for case in reference()["cases"].as_array().unwrap() {
        let ratings = table(&case["table"]);
        for (key, metric) in [
            ("nominal", Metric::Nominal),
            ("ordinal", Metric::Ordinal),
            ("interval", Metric::Interval),
            ("ratio", Metric::Ratio),
        ] {
            let found = krippendorff_alpha(&ratings, metric).unwrap();
            close(found, number(&case["krippendorff"][key]), &format!("{} {key}", case["name"]));
        }
    }
}

#[test]
fn intraclass_correlations_and_their_intervals_agree_with_the_package() {
    for case in reference()["cases"].as_array().unwrap() {
        let found = intraclass(&table(&case["table"]));
        if case["intraclass"].is_null() {
            assert_eq!(found, Err(Undefined::Incomplete));
            continue;
        }
        let found = found.unwrap();
        let check = |key: &str, found: Correlation| {
            let (expected, what) = (&case["intraclass"][key], format!("{} {key}", case["name"]));
            close(found.value, number(&expected["value"]), &what);
            let (low, high) = found.interval.unwrap();
            close(low, number(&expected["interval"][0]), &format!("{what} low"));
            close(high, number(&expected["interval"][1]), &format!("{what} high"));
        };
        check("icc1_1", found.icc1_1);
        check("icc1_k", found.icc1_k);
        check("icc2_1", found.icc2_1);
        check("icc2_k", found.icc2_k);
        check("icc3_1", found.icc3_1);
        check("icc3_k", found.icc3_k);
    }
}

#[test]
fn kendall_w_agrees_with_the_package() {
    for case in reference()["cases"].as_array().unwrap() {
        let found = kendall_w(&table(&case["table"]));
        match case["kendall_w"].as_f64() {
            Some(expected) => close(found.unwrap(), expected, &case["name"].to_string()),
            None => assert_eq!(found, Err(Undefined::Incomplete)),
        }
    }
}

#[test]
fn the_additive_model_agrees_with_least_squares() {
    for case in reference()["cases"].as_array().unwrap() {
        let found = additive_model(&table(&case["table"]));
        let expected = &case["additive"];
        assert_eq!(found.components, 1);
        for (rater, effect) in found.raters.iter().enumerate() {
            let (effect, what) = (effect.unwrap(), format!("{} rater {rater}", case["name"]));
            close(effect.effect, number(&expected["effects"][rater]), &what);
            close(
                effect.standard_error.unwrap(),
                number(&expected["standard_errors"][rater]),
                &format!("{what} error"),
            );
        }
        for (unit, level) in found.units.iter().enumerate() {
            close(
                level.unwrap().adjusted,
                number(&expected["adjusted"][unit]),
                &format!("{} unit {unit}", case["name"]),
            );
        }
    }
}

#[test]
fn separate_components_are_told_apart() {
    let units = [vec![(0, 1.0), (1, 2.0)], vec![(2, 5.0), (3, 1.0)], vec![(0, 2.0), (1, 3.5)], vec![(4, 1.0)]];
    let found = additive_model(&Ratings::new(6, &units).unwrap());
    assert_eq!(found.components, 3);
    let components: Vec<_> = found.raters.iter().map(|rater| rater.map(|rater| rater.component)).collect();
    assert_eq!(components, [Some(0), Some(0), Some(1), Some(1), Some(2), None]);
    close(found.raters[2].unwrap().effect, 2.0, "within its component");
    assert_eq!(found.raters[4].unwrap().standard_error, None);
}

/// Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011): four observers, twelve units, missing values.
#[test]
fn krippendorff_alpha_is_what_its_author_prints() {
    const OBSERVERS: [[u8; 12]; 4] = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
        [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
    ];
    let unit = |unit: usize| {
        let values = OBSERVERS.iter().enumerate();
        values.filter(|(_, row)| row[unit] > 0).map(|(rater, row)| (rater, f64::from(row[unit]))).collect()
    };
    let ratings = Ratings::new(4, &(0..12).map(unit).collect::<Vec<_>>()).unwrap();
    for (metric, printed) in
        [(Metric::Nominal, 0.743), (Metric::Ordinal, 0.815), (Metric::Interval, 0.849), (Metric::Ratio, 0.797)]
    {
        assert!((krippendorff_alpha(&ratings, metric).unwrap() - printed).abs() < 5e-4, "{metric:?}");
    }
}

/// Shrout & Fleiss, "Intraclass correlations" (1979), tables 2 and 4: six targets, four judges.
#[test]
fn intraclass_correlations_are_what_their_authors_print() {
    const TARGETS: [[f64; 4]; 6] = [
        [9.0, 2.0, 5.0, 8.0],
        [6.0, 1.0, 3.0, 2.0],
        [8.0, 4.0, 6.0, 8.0],
        [7.0, 1.0, 2.0, 6.0],
        [10.0, 5.0, 6.0, 9.0],
        [6.0, 2.0, 4.0, 7.0],
    ];
    let units: Vec<_> = TARGETS.iter().map(|row| row.iter().copied().enumerate().collect()).collect();
    let found = intraclass(&Ratings::new(4, &units).unwrap()).unwrap();
    for (found, printed) in [
        (found.icc1_1, 0.17),
        (found.icc2_1, 0.29),
        (found.icc3_1, 0.71),
        (found.icc1_k, 0.44),
        (found.icc2_k, 0.62),
        (found.icc3_k, 0.91),
    ] {
        assert!((found.value - printed).abs() < 0.005_1, "{found:?} {printed}");
    }
}

#[test]
fn what_is_undefined_says_why() {
    let same = Ratings::new(2, &[vec![(0, 3.0), (1, 3.0)], vec![(0, 3.0), (1, 3.0)]]).unwrap();
    let lone = Ratings::new(2, &[vec![(0, 3.0)], vec![(1, 4.0)]]).unwrap();
    for metric in [Metric::Nominal, Metric::Ordinal, Metric::Interval, Metric::Ratio] {
        assert_eq!(krippendorff_alpha(&same, metric), Err(Undefined::NoVariation));
        assert_eq!(krippendorff_alpha(&lone, metric), Err(Undefined::TooFew));
    }
    assert_eq!(intraclass(&same), Err(Undefined::NoVariation));
    assert_eq!(kendall_w(&same), Err(Undefined::NoVariation));
    assert_eq!(kendall_w(&lone), Err(Undefined::Incomplete));
    assert!(Ratings::new(1, &[vec![(0, f64::NAN)]]).is_err());
    assert!(Ratings::new(1, &[vec![(1, 1.0)]]).is_err());
    assert!(Ratings::new(1, &[vec![(0, 1.0), (0, 2.0)]]).is_err());
}

#[test]
fn rank_acceptability_agrees_with_a_plain_simulation() {
    let reference = &reference()["smaa"];
    let rows = |key: &str| -> Vec<Vec<f64>> { serde_json::from_value(reference[key].clone()).unwrap() };
    let means = rows("means");
    let weights = vec![Rational::ONE; means[0].len()];
    let draws = Draws { count: 200_000, seed: 3, threads: 0 };
    let found = Acceptability::new(&means, &weights, WeightDraw::Simplex, 2, draws).unwrap();
    for (row, expected) in rows("acceptability").iter().enumerate() {
        for (found, expected) in found.shares(row).zip(expected) {
            // Five standard errors of the difference of two simulations.
            assert!((found - expected).abs() < 0.007, "{row}: {found} {expected}");
        }
        let summary = found.summary(row).unwrap();
        let shares: Vec<f64> = found.shares(row).collect();
        assert!((summary.above_cut - shares[0] - shares[1]).abs() < 1e-12);
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert_eq!(Some(summary.low - 1), shares.iter().position(|share| *share > 0.0));
    }
}

#[test]
fn draws_are_the_same_whatever_the_threads() {
    let means: Vec<Vec<f64>> = (0..40).map(|n| (0..6).map(|c| f64::from((n * 7 + c * 5) % 11)).collect()).collect();
    let weights = vec![Rational::ONE; 6];
    let draw = |threads| {
        let draws = Draws { count: 1_000, seed: 9, threads };
        let found = Acceptability::new(&means, &weights, WeightDraw::Within(0.3), 5, draws).unwrap();
        format!("{found:?}")
    };
    assert_eq!(draw(1), draw(2));
    assert_eq!(draw(1), draw(7));
}
