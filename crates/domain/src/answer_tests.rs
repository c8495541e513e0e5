use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::call::Commune;
use crate::form::{Answers, Choice, Condition, Form, Requirement, Section, SumBelow};

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
    assert!(read_as(FieldKind::Text { max: 70 }, &json!("e\u{301}".repeat(70))).is_ok());
    assert_eq!(code(FieldKind::Text { max: 69 }, json!("e\u{301}".repeat(70))), "too-long");
    for empty in [json!(null), json!(""), json!(" \u{a0}\n"), json!("\u{200b}"), json!("\u{feff}\u{200e}")] {
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
    for (typed, kept) in [
        ("Https://www.exemple.fr", "https://www.exemple.fr"),
        ("HTTP://WWW.Exemple.FR/Page?A=B", "http://www.exemple.fr/Page?A=B"),
        ("\u{200b}www.exemple.fr#A\u{feff}", "https://www.exemple.fr#A"),
    ] {
        assert_eq!(read_as(FieldKind::Url { max: 200 }, &json!(typed)), Ok(Some(Answer::Text(kept.into()))), "{typed}");
    }
    // What is kept is what is bounded: with its scheme it may be too long.
    assert_eq!(code(FieldKind::Url { max: 10 }, json!("abcdefg.fr")), "too-long");
    for (typed, kept) in [
        ("+33 (0)1 99 00 12 34", "+33199001234"),
        ("+33 01 99 00 12 34", "+33199001234"),
        ("+330199001234", "+33199001234"),
        ("+49 (0)30 123456", "+4930123456"),
        ("(01) 99\u{2011}00\u{a0}12/34", "0199001234"),
    ] {
        assert_eq!(read_as(FieldKind::Phone, &json!(typed)), Ok(Some(Answer::Text(kept.into()))), "{typed}");
    }
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
        typed().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("street|postcode|commune|60|74|name|part|accepted|at", inner, 0..6)
                .prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

/// What people type, and what only looks like it.
fn typed() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,20}",
        "[-+]?[0-9]{1,16}([,.][0-9]{1,3})?",
        "[0-9]{1,4}[-/][0-9]{1,2}[-/][0-9]{1,4}",
        "(Https?://)?[a-zé.]{1,12}(/[A-Z?#]{0,5})?",
        "(\\+33 ?)?(\\(0\\))?[0-9 .]{8,14}",
        prop::sample::select(
            &["oui", "non", "on", "ALI-02", "ALI-03", "93059", "a", "22930008200018", "W932900001"][..]
        )
        .prop_map(str::to_owned),
        "[\u{200b}\u{feff}\u{202e}e\u{301}\u{a0} ]{0,6}",
    ]
}

fn choices(values: &[&str]) -> Vec<Choice> {
    values.iter().map(|v| Choice { value: (*v).to_owned(), label: String::new() }).collect()
}

/// A number that a definition can hold.
fn bound() -> impl Strategy<Value = Number> {
    (-999_999_999_999_999i64..=999_999_999_999_999).prop_map(Number)
}

/// Kinds that a cell may have too.
fn simple_kind() -> impl Strategy<Value = FieldKind> {
    let (small, percent) = (-10i64..1000, -200i64..200);
    prop_oneof![
        (0usize..30).prop_map(|max| FieldKind::Text { max }),
        (0usize..30).prop_map(|max| FieldKind::LongText { max }),
        Just(FieldKind::Choice { options: choices(&["a", "b"]) }),
        Just(FieldKind::YesNo),
        Just(FieldKind::Siret),
        Just(FieldKind::Rna),
        Just(FieldKind::Iban),
        Just(FieldKind::Email),
        Just(FieldKind::Phone),
        (0usize..40).prop_map(|max| FieldKind::Url { max }),
        any::<bool>().prop_map(|not_after_today| FieldKind::Date { not_after_today }),
        (bound(), bound()).prop_map(|(min, max)| FieldKind::Decimal { min, max }),
        (prop::option::of(small.clone()), prop::option::of(small), prop::option::of((percent.clone(), percent)))
            .prop_map(|(min, max, capacity_percent)| FieldKind::Integer { min, max, capacity_percent }),
        Just(FieldKind::Percentage),
        any::<bool>().prop_map(|within_lot_ceiling| FieldKind::Amount { within_lot_ceiling }),
        Just(FieldKind::LotCommune),
        Just(FieldKind::Checkbox),
    ]
}

fn any_kind() -> impl Strategy<Value = FieldKind> {
    let column = |code: &'static str| {
        (simple_kind(), any::<bool>()).prop_map(move |(kind, optional)| Column {
            code: code.into(),
            label: String::new(),
            optional,
            kind,
        })
    };
    let sum = prop::option::of(bound().prop_map(|value| SumBelow { column: "part".into(), value }));
    let table = (0usize..3, 0usize..6, column("name"), column("part"), sum).prop_map(
        |(min_rows, max_rows, a, b, sum_below)| FieldKind::Table { min_rows, max_rows, columns: vec![a, b], sum_below },
    );
    let quotient = prop::option::of(Just("part".to_owned())).prop_map(|column| FieldKind::Computed {
        formula: crate::form::Quotient { numerator: "f0".into(), denominator: "f1".into(), column, rows_where: None },
    });
    prop_oneof![
        6 => simple_kind(),
        1 => Just(FieldKind::Lot),
        1 => Just(FieldKind::Address),
        1 => (0usize..5).prop_map(|max| FieldKind::OrderedLots { max }),
        1 => Just(FieldKind::Budget { charges: choices(&["60"]), products: choices(&["74"]) }),
        2 => table,
        1 => quotient,
    ]
}

fn condition() -> impl Strategy<Value = Condition> {
    let field = || prop::sample::select(&["f0", "f1", "f2", "none"][..]).prop_map(str::to_owned);
    let leaf = prop_oneof![
        field().prop_map(Condition::Yes),
        field().prop_map(|field| Condition::OneOf { field, values: vec!["a".into()] }),
        (field(), bound()).prop_map(|(field, value)| Condition::Above { field, value }),
        (field(), any::<i32>()).prop_map(|(field, months)| Condition::MonthsBeforeClosing { field, months }),
        field().prop_map(|field| Condition::DepartmentIn { field, departments: vec!["93".into()] }),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Condition::Any),
            prop::collection::vec(inner.clone(), 0..3).prop_map(Condition::All),
            inner.prop_map(|c| Condition::Not(Box::new(c))),
        ]
    })
}

fn any_form() -> impl Strategy<Value = Form> {
    let required =
        prop_oneof![Just(Requirement::Always), Just(Requirement::Never), condition().prop_map(Requirement::When),];
    let field = (any_kind(), required, prop::option::of(condition())).prop_map(|(kind, required, shown_when)| Field {
        code: String::new(),
        label: String::new(),
        help: None,
        required,
        shown_when,
        hidden_from_jury: false,
        classes: crate::call::Classes::default(),
        kind,
    });
    prop::collection::vec(field, 1..5).prop_map(|fields| {
        let fields = fields.into_iter().enumerate().map(|(n, f)| Field { code: format!("f{n}"), ..f }).collect();
        Form { sections: vec![Section { code: "S".into(), title: String::new(), fields }] }
    })
}

/// Whether an error points at something that its input has, or that its field names.
fn points_into(kind: &FieldKind, input: &Value, at: &(usize, String)) -> bool {
    match (kind, at) {
        (FieldKind::Table { columns, .. }, (row @ 1.., column)) => {
            let Some(Value::Object(cells)) = input.get(row - 1) else { return column.is_empty() };
            cells.contains_key(column) || columns.iter().any(|c| c.code == *column)
        }
        (FieldKind::Address, (0, part)) => ["street", "postcode", "commune"].contains(&part.as_str()),
        (FieldKind::Budget { .. }, (0, account)) => input.get(account).is_some(),
        _ => false,
    }
}

proptest! {
    #[test]
    fn whatever_is_sent_is_read_or_refused_and_what_is_stored_reads_back(kind in any_kind(), input in json_value()) {
        match read_as(kind.clone(), &input) {
            Ok(Some(answer)) => {
                // As it is stored: written as text and parsed again.
                let stored: Value = serde_json::from_str(&answer.to_json().to_string()).unwrap();
                prop_assert_eq!(read_as(kind, &stored), Ok(Some(answer)));
            }
            Ok(None) => {}
            Err(error) => {
                prop_assert!(error.at.as_ref().is_none_or(|at| points_into(&kind, &input, at)), "{:?}", error);
            }
        }
    }

    #[test]
    fn fifteen_digits_are_kept_to_the_cent(cents in 1i64..=999_999_999_999_999) {
        let kind = || FieldKind::Amount { within_lot_ceiling: false };
        for typed in [json!(crate::text::show_hundredths(cents)), decimal_json(cents)] {
            let answer = read_as(kind(), &serde_json::from_str(&typed.to_string()).unwrap()).unwrap().unwrap();
            prop_assert_eq!(&answer, &Answer::Amount(cents));
            let stored: Value = serde_json::from_str(&answer.to_json().to_string()).unwrap();
            prop_assert_eq!(read_as(kind(), &stored), Ok(Some(answer)));
        }
    }

    /// Any form, any input: what is asked is decided, and what is not asked is in no answer.
    #[test]
    fn any_form_takes_any_input(form in any_form(), inputs in prop::collection::vec(json_value(), 5)) {
        let mut answers = Answers::new();
        for (field, input) in form.fields().zip(&inputs) {
            if let Ok(Some(answer)) = read_as(field.kind.clone(), input) {
                answers.insert(field.code.clone(), answer);
            }
        }
        let day = crate::call::day("2027-03-15T11:00:00Z".parse().unwrap());
        let asked = form.asked(&answers, day);
        for field in form.fields() {
            let hidden = asked.hidden.contains(field.code.as_str());
            let shown = field.shown_when.as_ref();
            prop_assert!(!hidden || shown.is_some());
            prop_assert_eq!(asked.answers.contains_key(&field.code), !hidden && answers.contains_key(&field.code));
            let _ = field.required.binds(&asked.answers, day);
            if let FieldKind::Computed { formula } = &field.kind {
                let _ = formula.value(&asked.answers);
            }
        }
        // Asking again of what is asked changes nothing; a form read back is the same form.
        prop_assert_eq!(&form.asked(&asked.answers, day), &asked);
        prop_assert_eq!(&serde_json::from_value::<Form>(serde_json::to_value(&form).unwrap()).unwrap(), &form);
    }
}
