use std::collections::BTreeSet;

use super::super::Severity;
use super::super::schema::{Class, visible};
use super::*;

const FIXTURE: &str = include_str!("../../../../fixtures/call.toml");

fn fixture() -> Draft {
    Draft::from_toml(FIXTURE).unwrap()
}

fn limits() -> Limits {
    Limits::at("2027-01-10T08:00:00Z".parse().unwrap())
}

/// Codes of what was found, with their pointers; errors alone.
fn errors(draft: &Draft) -> Vec<(String, &'static str)> {
    let checked = draft.check(&limits());
    let errors = checked.problems.into_iter().filter(Problem::blocks);
    let errors: Vec<_> = errors.map(|p| (p.pointer, p.code)).collect();
    assert_eq!(checked.definition.is_none(), !errors.is_empty(), "{errors:?}");
    errors
}

fn with(pointer: &str, value: Value) -> Draft {
    let mut draft = fixture();
    assert!(draft.set(pointer, value), "{pointer}");
    draft
}

/// Every place of a value, by its pointer.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(map) => map.iter().for_each(|(k, v)| places(v, &format!("{at}/{}", escape(k)), found)),
        Value::Array(items) => items.iter().enumerate().for_each(|(i, v)| places(v, &format!("{at}/{i}"), found)),
        _ => {}
    }
}

#[test]
fn the_sample_is_a_call_without_problems() {
    assert_eq!(fixture().check(&limits()).problems, []);
}

#[test]
fn the_written_form_says_the_same_again() {
    let draft = fixture();
    assert_eq!(draft.to_toml(), FIXTURE, "the committed file is as the program writes it");
    let definition = draft.check(&limits()).definition.unwrap();
    let again = Draft::of(&definition);
    assert_eq!(again.check(&limits()).definition.unwrap(), definition);
    let json = serde_json::to_string(&definition).unwrap();
    assert_eq!(serde_json::from_str::<CallDefinition>(&json).unwrap(), definition);
    assert_eq!(Draft::from_toml(&again.to_toml()).unwrap().check(&limits()).definition.unwrap(), definition);
    let refused = Draft::from_toml("code = \"A\"\ntitle = \n").unwrap_err();
    assert_eq!(refused.line, 2, "{refused}");
}

#[test]
fn strange_texts_survive_the_written_form() {
    for text in ["", "a\nb", "\"\"\" '''", "é\u{a0}\u{202f}\\ \t # [x]", "\u{1}\u{7f}"] {
        let mut draft = Draft::default();
        draft.set("/texts", json!({ text: text, "a.b": { "c d": [text, {"x y": text}] } }));
        draft.set("/lots", json!([{ "code": text, "communes": [{ "name": text.repeat(100) }] }]));
        assert_eq!(Draft::from_toml(&draft.to_toml()).unwrap(), draft, "{}", draft.to_toml());
    }
}

#[test]
fn whatever_is_written_is_read_and_named() {
    let whole = fixture().value();
    let mut all = Vec::new();
    places(&whole, "", &mut all);
    assert!(all.len() > 1_000, "{}", all.len());
    let odd = [Value::Null, json!({}), json!([]), json!("x"), json!(-1), json!([{"code": 3}])];
    // Every third place, in turn with each odd value.
    for (i, pointer) in all.iter().enumerate().skip(1).step_by(3).map(|(i, pointer)| (i / 3, pointer)) {
        let mut draft = fixture();
        draft.set(pointer, odd[i % odd.len()].clone());
        // It never panics, and what is no call is said to be none.
        let checked = draft.check(&limits());
        assert!(checked.problems.iter().all(|p| p.code != "unreadable"), "{pointer}: {:?}", checked.problems);
    }
    assert_eq!(errors(&Draft::default()).first(), Some(&("/code".to_owned(), "missing")));
}

#[test]
fn what_points_nowhere_is_named_where_it_stands() {
    let of = |field: &str| {
        let definition = fixture().sketch();
        let found = definition.form.sections.iter().enumerate().find_map(|(s, section)| {
            let f = section.fields.iter().position(|f| f.code == field)?;
            Some(format!("/form/sections/{s}/fields/{f}"))
        });
        found.unwrap()
    };
    let when = |condition: Value| json!({ "when": condition });
    let table = json!({ "code": "x", "label": "x", "type": "table", "min_rows": 0, "max_rows": 1, "columns": [] });
    for (pointer, value, at, code) in [
        (of("1.04") + "/required", when(json!({ "yes": "9.99" })), of("1.04") + "/required", "condition-field"),
        (
            of("1.04") + "/required",
            when(json!({ "any": [{ "not": { "yes": "1.02" } }] })),
            of("1.04") + "/required",
            "condition-kind",
        ),
        (
            of("1.04") + "/required",
            when(json!({ "one_of": { "field": "1.02", "values": ["club"] } })),
            of("1.04") + "/required",
            "condition-value",
        ),
        (of("1.04") + "/shown_when", json!({ "yes": "9.99" }), of("1.04") + "/shown_when", "condition-field"),
        (of("1.04") + "/shown_when", json!({ "yes": "2.07" }), of("1.04") + "/shown_when", "condition-later"),
        ("/rules/title_field".into(), json!("9.99"), "/rules/title_field".into(), "text-field"),
        ("/grid/min_marks".into(), json!(9), "/grid/min_marks".into(), "range"),
        ("/pieces/3/required".into(), when(json!({ "yes": "9.99" })), "/pieces/3/required".into(), "condition-field"),
        (of("3.04") + "/sum_below/column", json!("nom"), of("3.04") + "/sum_below/column", "sum-column"),
        (of("7.03") + "/formula/numerator", json!("1.01"), of("7.03") + "/formula/numerator", "formula-field"),
        (of("6.03") + "/formula/column", json!("x"), of("6.03") + "/formula/column", "formula-field"),
        (of("6.03") + "/formula/rows_where/1", json!("x"), of("6.03") + "/formula/rows_where", "formula-field"),
        (of("3.04") + "/columns/0", table, of("3.04") + "/columns/0/type", "nested"),
        (
            "/grid/groups/0/criteria/1/sources/0".into(),
            json!("P99"),
            "/grid/groups/0/criteria/1/sources/0".into(),
            "source",
        ),
        (
            "/grid/groups/0/criteria/1/sources".into(),
            json!([]),
            "/grid/groups/0/criteria/1/sources".into(),
            "nothing-to-read",
        ),
        (
            "/grid/groups/0/criteria/1/sources".into(),
            json!(["7.04"]),
            "/grid/groups/0/criteria/1/sources".into(),
            "nothing-to-read",
        ),
        ("/grid/thresholds/1/on".into(), json!({ "group": "Z" }), "/grid/thresholds/1/on".into(), "threshold"),
        ("/grid/ties/0/on".into(), json!({ "field": "1.01" }), "/grid/ties/0/on".into(), "tie"),
        ("/rules/name_field".into(), json!("9.99"), "/rules/name_field".into(), "name-field"),
        ("/rules/legal_form_field".into(), json!("1.01"), "/rules/legal_form_field".into(), "form-field"),
        ("/rules/eligible_forms/0".into(), json!("club"), "/rules/eligible_forms/0".into(), "eligible-form"),
        ("/texts/receipt".into(), json!("{numéro}"), "/texts/receipt".into(), "text-variable"),
        ("/texts/receipt".into(), json!("{numero"), "/texts/receipt".into(), "text-open"),
        ("/texts/remedies".into(), json!(" "), "/texts/remedies".into(), "text-missing"),
        ("/pieces/0/max_bytes".into(), json!(1_000_000_000), "/pieces/0/max_bytes".into(), "slot-limit"),
        ("/service/phone".into(), json!(""), "/service/phone".into(), "empty"),
        ("/lots/1/code".into(), json!("ALI-01"), "/lots/1/code".into(), "twice"),
        ("/calendar/closes".into(), json!("2027-01-11T08:00:00Z"), "/calendar/closes".into(), "closes-before-opens"),
        ("/grid/scale/step".into(), json!(2), "/grid/scale".into(), "scale"),
    ] {
        let found = errors(&with(&pointer, value));
        assert!(found.contains(&(at.clone(), code)), "{pointer}: {code} at {at} is not in {found:?}");
    }
}

#[test]
fn what_should_be_looked_at_keeps_nothing_back() {
    for (pointer, value, at, code) in [
        ("/calendar/closes", json!("2027-03-14T11:00:00Z"), "/calendar/closes", "sunday"),
        ("/calendar/completion_until", json!("2027-05-06T11:00:00Z"), "/calendar/completion_until", "holiday"),
        ("/calendar/closes", json!("2027-03-15T22:30:00Z"), "/calendar/closes", "night"),
        ("/grid/groups/0/criteria/0/weight", json!(5), "/grid/groups", "weights"),
        (
            "/form/sections/0/fields/0/label",
            json!("Votre état de santé"),
            "/form/sections/0/fields/0/label",
            "sensitive",
        ),
        ("/colour", json!("red"), "/colour", "unknown"),
        ("/texts/greeting", json!("Bonjour"), "/texts/greeting", "text-unused"),
    ] {
        let checked = with(pointer, value).check(&limits());
        assert!(checked.definition.is_some(), "{pointer}: {:?}", checked.problems);
        let found =
            checked.problems.iter().any(|p| p.pointer == at && p.code == code && p.severity == Severity::Warning);
        assert!(found, "{pointer}: {:?}", checked.problems);
    }
}

#[test]
fn numbers_that_no_call_has_are_named() {
    let mut draft = fixture();
    draft.set("/envelope_cents", json!(-1));
    draft.set("/place_price_cents", json!(i64::MAX));
    draft.set("/rules/implicit_rejection_months", json!(i32::MAX));
    draft.set("/lots/0/capacity", json!(i64::MAX));
    draft.set("/lots/1/ceiling_cents", json!(i64::MIN));
    let named: Vec<String> = errors(&draft).into_iter().map(|(at, _)| at).collect();
    let expected = [
        "/envelope_cents",
        "/place_price_cents",
        "/rules/implicit_rejection_months",
        "/lots/0/capacity",
        "/lots/1/ceiling_cents",
        "/lots",
    ];
    assert_eq!(named, expected);
}

#[test]
fn what_was_stored_before_there_were_formats_is_read() {
    let mut old = serde_json::to_value(fixture().sketch()).unwrap();
    old.as_object_mut().unwrap().remove("format");
    let read: CallDefinition = serde_json::from_value(old.clone()).unwrap();
    assert_eq!(read.format, 1);
    assert_eq!(read.form.field("7.04").unwrap().class(), Class::Officer);
    // Written on, it is of today.
    assert_eq!(Draft::new(old).unwrap().check(&limits()).definition.unwrap().format, FORMAT);
    assert_eq!(errors(&with("/format", json!(99))), [("/format".to_owned(), "format")]);
}

/// The table of settings and the structs say the same: nothing is written that has no class, and nothing is classed that is not read.
#[test]
fn every_setting_has_its_class() {
    let definition = fixture().check(&limits()).definition.unwrap();
    let whole = serde_json::to_value(&definition).unwrap();
    assert_eq!(visible(&whole, Class::Officer), whole, "a setting has no line in the table");
    let unknown = fixture().check(&limits()).problems;
    assert_eq!(unknown, []);
}

#[test]
fn the_public_sees_what_the_rules_print() {
    let whole = serde_json::to_value(fixture().sketch()).unwrap();
    let public = visible(&whole, Class::Public);
    let (mut all, mut shown) = (Vec::new(), Vec::new());
    places(&whole, "", &mut all);
    places(&public, "", &mut shown);
    let shown: BTreeSet<&String> = shown.iter().collect();
    let kept: Vec<&String> = all.iter().filter(|place| !shown.contains(place)).collect();
    assert!(kept.iter().any(|p| *p == "/texts/refused_rank") && kept.iter().any(|p| *p == "/rules/name_field"));
    for place in &kept {
        let officers =
            ["/texts/", "/rules/name_field", "/rules/legal_form_field", "/rules/title_field", "/rules/summary_field"];
        let classes = ["/hidden_from_jury", "/class", "/blind", "/communicable"];
        let known = officers.iter().any(|o| place.starts_with(o)) || classes.iter().any(|c| place.ends_with(c));
        assert!(known, "{place} is kept from the public");
    }
    assert!(visible(&whole, Class::Jury).pointer("/texts/declaration").is_some());
    assert!(public.pointer("/texts/declaration").is_none() && public.pointer("/texts/privacy").is_some());
    assert!(public.pointer("/form/sections/0/fields/0/label").is_some());
}

#[test]
fn drafts_are_written_place_by_place() {
    let mut draft = Draft::default();
    assert!(draft.set("/service/name", json!("Insertion")));
    assert_eq!(draft.text("/service/name"), "Insertion");
    draft.list("/lots").unwrap().push(json!({ "code": "L1" }));
    assert!(draft.set("/lots/0/label", json!("Un")) && !draft.set("/lots/1/label", json!("Deux")));
    assert!(draft.set("/texts/a~1b", json!("x")));
    assert_eq!(
        draft.value(),
        json!({ "service": { "name": "Insertion" }, "lots": [{ "code": "L1", "label": "Un" }], "texts": { "a/b": "x" } })
    );
    draft.set("/lots/0/label", Value::Null);
    assert_eq!(draft.get("/lots/0"), Some(&json!({ "code": "L1" })));
    assert!(!draft.set("", json!(1)) && draft.list("/service/name").is_none());
}
