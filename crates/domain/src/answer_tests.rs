use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::call::Commune;
use crate::form::{Choice, SumBelow};

fn lot() -> Lot {
    Lot {
        code: "ALI-02".into(),
        label: "Pierrefitte-sur-Seine, Villetaneuse".into(),
        ept: "T6".into(),
        communes: vec![
            Commune { code: "93059".into(), name: "Pierrefitte-sur-Seine".into(), aliases: vec!["93066".into()] },
            Commune { code: "93079".into(), name: "Villetaneuse".into(), aliases: vec![] },
        ],
        capacity: 421,
        ceiling_cents: 48_300_000,
    }
}

fn read_as(kind: FieldKind, input: &Value) -> Result<Option<Answer>, FieldError> {
    let lot = lot();
    let other = Lot { code: "ALI-03".into(), ..lot.clone() };
    let lots = [lot.clone(), other];
    let now: Timestamp = "2027-02-01T09:00:00Z".parse().unwrap();
    read(&kind, input, &Context { now, today: crate::call::day(now), lot: &lot, lots: &lots })
}

fn code(kind: FieldKind, input: Value) -> &'static str {
    read_as(kind, &input).expect_err("refused").code
}

#[test]
fn places_are_a_share_of_the_lot_rounded_inwards() {
    let kind = || FieldKind::Integer { min: None, max: None, capacity_percent: Some((50, 110)) };
    // 50 % of 421 is 210.5, 110 % is 463.1.
    for (input, ok) in [(210, false), (211, true), (463, true), (464, false)] {
        assert_eq!(read_as(kind(), &json!(input)).is_ok(), ok, "{input}");
    }
    assert!(read_as(kind(), &json!(" 4\u{202f}20 ")).is_ok());
    assert_eq!(code(kind(), json!("420,5")), "integer");
    assert_eq!(code(kind(), json!(true)), "integer");
}

#[test]
fn a_share_of_any_capacity_has_its_bounds() {
    let lot = Lot { capacity: i64::MAX, ..lot() };
    let now: Timestamp = "2027-02-01T09:00:00Z".parse().unwrap();
    let context = Context { now, today: crate::call::day(now), lot: &lot, lots: &[] };
    let read = |low, high| {
        read(&FieldKind::Integer { min: None, max: None, capacity_percent: Some((low, high)) }, &json!(1), &context)
    };
    assert_eq!(read(0, 110), Ok(Some(Answer::Integer(1))));
    let refused = read(50, 110).unwrap_err();
    assert_eq!(refused.args, [("min", (i64::MAX / 2 + 1).to_string()), ("max", i64::MAX.to_string())]);
    assert_eq!(read(i64::MIN, i64::MAX), Ok(Some(Answer::Integer(1))));
    assert!(read(i64::MAX, i64::MIN).is_err());
}

#[test]
fn an_amount_is_stored_to_the_cent_or_refused() {
    let kind = || FieldKind::Amount { within_lot_ceiling: false };
    for whole in ["9999999999999,99", "99999999999999,99", "999999999999999,99"] {
        if let Ok(Some(answer)) = read_as(kind(), &json!(whole)) {
            assert_eq!(read_as(kind(), &answer.to_json()), Ok(Some(answer)), "{whole}");
        }
    }
    assert!(read_as(kind(), &json!("9999999999999,99")).is_ok());
    assert_eq!(code(kind(), json!("99999999999999")), "number");
}

#[test]
fn amounts_stay_under_the_ceiling() {
    let kind = || FieldKind::Amount { within_lot_ceiling: true };
    assert_eq!(read_as(kind(), &json!("483 000,00 €")), Ok(Some(Answer::Amount(48_300_000))));
    assert_eq!(code(kind(), json!("483000,01")), "ceiling");
    assert_eq!(code(kind(), json!(0)), "positive");
    assert_eq!(code(kind(), json!("beaucoup")), "number");
}

#[test]
fn a_former_commune_is_accepted_in_its_lot() {
    for commune in ["93059", "93066", "93079"] {
        assert!(read_as(FieldKind::LotCommune, &json!(commune)).is_ok(), "{commune}");
    }
    assert_eq!(code(FieldKind::LotCommune, json!("93001")), "commune-of-lot");
}

#[test]
fn text_is_counted_in_characters() {
    assert!(read_as(FieldKind::Text { max: 3 }, &json!("été")).is_ok());
    assert_eq!(code(FieldKind::Text { max: 3 }, json!("étés")), "too-long");
    assert_eq!(
        read_as(FieldKind::Text { max: 30 }, &json!("deux\nlignes")),
        Ok(Some(Answer::Text("deux lignes".into())))
    );
    for empty in [json!(null), json!(""), json!(" \u{a0}\n")] {
        assert_eq!(read_as(FieldKind::Text { max: 3 }, &empty), Ok(None));
    }
}

#[test]
fn dates_are_read_both_ways_and_not_in_the_future() {
    let kind = || FieldKind::Date { not_after_today: true };
    assert_eq!(read_as(kind(), &json!("01/02/2027")), read_as(kind(), &json!("2027-02-01")));
    assert_eq!(code(kind(), json!("2027-02-02")), "date-future");
    for bad in ["2027-02-30", "31/02/2020", "hier", "0001-01-01", "1/2"] {
        assert_eq!(code(kind(), json!(bad)), "date", "{bad}");
    }
}

#[test]
fn a_budget_balances() {
    let side = |codes: &[&str]| codes.iter().map(|c| Choice { value: (*c).into(), label: String::new() }).collect();
    let kind = || FieldKind::Budget { charges: side(&["60", "64"]), products: side(&["70", "74"]) };
    assert!(read_as(kind(), &json!({"60": 100, "64": "200,50", "74": 300.5, "70": ""})).is_ok());
    assert_eq!(code(kind(), json!({"60": 100, "74": 99})), "budget");
    assert_eq!(code(kind(), json!({"61": 100})), "account");
    assert_eq!(code(kind(), json!({"60": -1})), "positive");
}

#[test]
fn a_table_says_which_cell_is_wrong() {
    let kind = || FieldKind::Table {
        min_rows: 1,
        max_rows: 2,
        columns: vec![
            Column { code: "name".into(), label: "Nom".into(), optional: false, kind: FieldKind::Text { max: 10 } },
            Column { code: "part".into(), label: "Part".into(), optional: false, kind: FieldKind::Percentage },
        ],
        sum_below: Some(SumBelow { column: "part".into(), value: Number::whole(100) }),
    };
    assert!(read_as(kind(), &json!([{"name": "A", "part": 40}, {"name": "", "part": ""}])).is_ok());
    let wrong = read_as(kind(), &json!([{"name": "A", "part": 40}, {"name": "B", "part": 101}])).unwrap_err();
    assert_eq!((wrong.code, wrong.at), ("range", Some((2, "part".into()))));
    assert_eq!(code(kind(), json!([{"name": "A", "part": 50}, {"name": "B", "part": 50}])), "sum");
    assert_eq!(code(kind(), json!([{"name": "A"}])), "required");
    assert_eq!(code(kind(), json!([{"nom": "A"}])), "column-unknown");
    assert_eq!(code(kind(), json!("A")), "type");
    assert_eq!(read_as(kind(), &json!([])), Ok(None));
}

#[test]
fn wished_lots_are_known_and_distinct() {
    let kind = || FieldKind::OrderedLots { max: 1 };
    assert!(read_as(kind(), &json!(["ALI-03", ""])).is_ok());
    assert_eq!(code(kind(), json!(["ALI-02"])), "lot-twice");
    assert_eq!(code(kind(), json!(["ALI-99"])), "lot-unknown");
}

#[test]
fn a_commitment_keeps_its_first_instant() {
    let made = read_as(FieldKind::Checkbox, &json!(true)).unwrap().unwrap();
    let stored = made.to_json();
    assert_eq!(read_as(FieldKind::Checkbox, &stored), Ok(Some(made)));
    assert_eq!(read_as(FieldKind::Checkbox, &json!(false)), Ok(None));
    assert_eq!(code(FieldKind::Checkbox, json!({"accepted": true, "at": "2099-01-01T00:00:00Z"})), "checkbox");
}

#[test]
fn telephone_and_web_addresses() {
    assert_eq!(read_as(FieldKind::Phone, &json!("01 43.93-93 93")), Ok(Some(Answer::Text("0143939393".into()))));
    assert!(read_as(FieldKind::Phone, &json!("+33 1 43 93 93 93")).is_ok());
    for bad in ["12", "0043939393", "+0143939393", "01 43 93 93 9x"] {
        assert_eq!(code(FieldKind::Phone, json!(bad)), "phone", "{bad}");
    }
    assert_eq!(
        read_as(FieldKind::Url { max: 200 }, &json!("exemple.fr/a")),
        Ok(Some(Answer::Text("https://exemple.fr/a".into())))
    );
    for bad in ["javascript:alert(1)", "http://localhost", "https://a@b.fr", "https://a .fr", "ftp://a.fr"] {
        assert_eq!(code(FieldKind::Url { max: 200 }, json!(bad)), "url", "{bad}");
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("street|postcode|commune|60|74|name|part|accepted|at", inner, 0..6)
                .prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

fn any_kind() -> impl Strategy<Value = FieldKind> {
    let side = |code: &str| vec![Choice { value: code.into(), label: String::new() }];
    prop_oneof![
        Just(FieldKind::Text { max: 10 }),
        Just(FieldKind::LongText { max: 10 }),
        Just(FieldKind::YesNo),
        Just(FieldKind::Siret),
        Just(FieldKind::Iban),
        Just(FieldKind::Phone),
        Just(FieldKind::Url { max: 100 }),
        Just(FieldKind::Date { not_after_today: true }),
        Just(FieldKind::Address),
        Just(FieldKind::Decimal { min: Number(0), max: Number(999_999) }),
        Just(FieldKind::Percentage),
        Just(FieldKind::Amount { within_lot_ceiling: false }),
        Just(FieldKind::OrderedLots { max: 4 }),
        Just(FieldKind::Budget { charges: side("60"), products: side("74") }),
        Just(FieldKind::Checkbox),
        Just(FieldKind::Table {
            min_rows: 0,
            max_rows: 5,
            columns: vec![Column {
                code: "name".into(),
                label: String::new(),
                optional: true,
                kind: FieldKind::Decimal { min: Number(-1000), max: Number(1000) }
            }],
            sum_below: None,
        }),
    ]
}

proptest! {
    #[test]
    fn whatever_is_sent_is_read_or_refused_and_what_is_stored_reads_back(kind in any_kind(), input in json_value()) {
        if let Ok(Some(answer)) = read_as(kind.clone(), &input) {
            prop_assert_eq!(read_as(kind, &answer.to_json()), Ok(Some(answer)));
        }
    }
}
