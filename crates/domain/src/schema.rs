//! The JSON Schema of a call's answers (2020-12), worked out from its definition: one definition gives the page, the checks and this.
//!
//! It describes answers as they are filed and given out. What the vocabulary cannot say (dates compared with the closing day, sums of
//! columns, balanced budgets) stands beside it in keywords that begin with `x-`.

use serde_json::{Map, Value, json};

use crate::answer::decimal_json;
use crate::call::{CallDefinition, Lot};
use crate::form::{Choice, Column, Condition, Field, FieldKind, Requirement};

/// The schema of the answers of a dossier, for one lot or for any.
pub fn schema(call: &CallDefinition, version: i64, lot: Option<&Lot>) -> Value {
    let scope = Scope { lots: lot.map_or(&call.lots[..], std::slice::from_ref), all: &call.lots };
    let closing = call.calendar.closing_day();
    let mut properties = Map::new();
    let (mut required, mut conditions) = (Vec::new(), Vec::new());
    for field in call.form.fields() {
        properties.insert(field.code.clone(), property(field, &scope));
        let shown = field.shown_when.as_ref().map(condition);
        if let Some(Some(shown)) = &shown {
            conditions.push(json!({ "if": shown, "else": { "properties": { (&field.code): false } } }));
        }
        let then = json!({ "required": [field.code] });
        match (&field.required, shown) {
            _ if !field.is_typed() => {}
            (Requirement::Always, None) => required.push(field.code.as_str()),
            (Requirement::Always, Some(Some(shown))) => conditions.push(json!({ "if": shown, "then": then })),
            (Requirement::When(when), shown) => match (condition(when), shown) {
                (Some(when), None) => conditions.push(json!({ "if": when, "then": then })),
                (Some(when), Some(Some(shown))) => {
                    conditions.push(json!({ "if": { "allOf": [shown, when] }, "then": then }));
                }
                _ => {}
            },
            _ => {}
        }
    }
    let sections = call.form.sections.iter().map(|s| {
        let fields = s.fields.iter().map(|f| f.code.as_str()).collect::<Vec<_>>();
        json!({ "code": s.code, "title": s.title, "fields": fields })
    });
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": call.title,
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
        "x-call": call.code,
        "x-version": version,
        "x-closing-day": closing.to_string(),
        "x-sections": sections.collect::<Vec<_>>(),
    });
    if let Some(lot) = lot {
        schema["x-lot"] = json!(lot.code);
    }
    if !conditions.is_empty() {
        schema["allOf"] = conditions.into();
    }
    schema
}

/// The lots that a dossier may be for, and all there are.
struct Scope<'a> {
    lots: &'a [Lot],
    all: &'a [Lot],
}

fn property(field: &Field, scope: &Scope<'_>) -> Value {
    let mut property = kind(&field.kind, scope);
    property["title"] = json!(field.label);
    if let Some(help) = &field.help {
        property["description"] = json!(help);
    }
    if let Requirement::When(when) = &field.required {
        property["x-required-when"] = json!(when);
    }
    if let Some(when) = &field.shown_when {
        property["x-shown-when"] = json!(when);
    }
    property
}

fn kind(kind: &FieldKind, scope: &Scope<'_>) -> Value {
    match kind {
        FieldKind::Text { max } | FieldKind::LongText { max } => {
            json!({ "type": "string", "minLength": 1, "maxLength": max })
        }
        FieldKind::Choice { options } => json!({ "oneOf": options.iter().map(option).collect::<Vec<_>>() }),
        FieldKind::YesNo => json!({ "type": "boolean" }),
        FieldKind::Siret => json!({ "type": "string", "pattern": "^[0-9]{14}$" }),
        FieldKind::Rna => json!({ "type": "string", "pattern": "^W[0-9][0-9A-Z][0-9]{7}$" }),
        FieldKind::Iban => json!({ "type": "string", "pattern": "^[A-Z]{2}[0-9]{2}[0-9A-Z]{11,30}$" }),
        FieldKind::Email => json!({ "type": "string", "format": "email", "maxLength": 254 }),
        FieldKind::Phone => json!({ "type": "string", "pattern": "^(0[1-9][0-9]{8}|\\+[1-9][0-9]{7,14})$" }),
        FieldKind::Url { max } => {
            json!({ "type": "string", "format": "uri", "pattern": "^https?://", "maxLength": max })
        }
        FieldKind::Date { not_after_today } => {
            json!({ "type": "string", "format": "date", "x-not-after-today": not_after_today })
        }
        FieldKind::Address => address(),
        FieldKind::Decimal { min, max } => {
            number(json!({ "minimum": decimal_json(min.0), "maximum": decimal_json(max.0) }))
        }
        FieldKind::Percentage => number(json!({ "minimum": 0, "maximum": 100 })),
        FieldKind::Integer { min, max, capacity_percent } => integer(*min, *max, *capacity_percent, scope),
        FieldKind::Amount { within_lot_ceiling } => {
            let ceiling = scope.lots.iter().map(|l| l.ceiling_cents).max().filter(|_| *within_lot_ceiling);
            let mut amount = number(json!({ "exclusiveMinimum": 0, "x-unit": "EUR" }));
            if let Some(ceiling) = ceiling {
                amount["maximum"] = decimal_json(ceiling);
                amount["x-within-lot-ceiling"] = json!(true);
            }
            amount
        }
        FieldKind::Lot => json!({ "enum": codes(scope.lots), "readOnly": true }),
        FieldKind::OrderedLots { max } => json!({
            "type": "array", "items": { "enum": codes(scope.all) }, "uniqueItems": true, "maxItems": max,
        }),
        FieldKind::LotCommune => {
            let communes = scope.lots.iter().flat_map(|l| &l.communes);
            let mut known: Vec<&str> =
                communes.flat_map(|c| std::iter::once(&c.code).chain(&c.aliases)).map(String::as_str).collect();
            known.sort_unstable();
            known.dedup();
            json!({ "enum": known })
        }
        FieldKind::Table { min_rows, max_rows, columns, sum_below } => {
            let mut table = json!({
                "type": "array", "items": row(columns, scope), "minItems": min_rows, "maxItems": max_rows,
            });
            if let Some(limit) = sum_below {
                table["x-sum-below"] = json!({ "column": limit.column, "value": decimal_json(limit.value.0) });
            }
            table
        }
        FieldKind::Budget { charges, products } => {
            let line = |c: &Choice| {
                let mut amount = number(json!({ "minimum": 0, "x-unit": "EUR" }));
                amount["title"] = json!(c.label);
                (c.value.clone(), amount)
            };
            let lines: Map<String, Value> = charges.iter().chain(products).map(line).collect();
            let side = |side: &[Choice]| side.iter().map(|c| c.value.clone()).collect::<Vec<_>>();
            json!({
                "type": "object", "properties": lines, "additionalProperties": false,
                "x-balanced": [side(charges), side(products)],
            })
        }
        FieldKind::Computed { formula } => {
            json!({ "type": "number", "readOnly": true, "x-quotient": formula })
        }
        FieldKind::Checkbox => json!({ "oneOf": [
            { "const": true },
            {
                "type": "object", "required": ["accepted", "at"], "additionalProperties": false,
                "properties": { "accepted": { "const": true }, "at": { "type": "string", "format": "date-time" } },
            },
        ] }),
    }
}

/// A number with two decimals at most.
fn number(mut more: Value) -> Value {
    more["type"] = json!("number");
    more["x-decimals"] = json!(2);
    more
}

fn integer(min: Option<i64>, max: Option<i64>, share: Option<(i64, i64)>, scope: &Scope<'_>) -> Value {
    let mut integer = json!({ "type": "integer" });
    let (low, high) = match share {
        // What every lot allows, when it is not known which.
        Some((low, high)) => {
            integer["x-capacity-percent"] = json!([low, high]);
            let bound = |percent, up| scope.lots.iter().map(move |l| crate::answer::share(l.capacity, percent, up));
            (bound(low, 99).min(), bound(high, 0).max())
        }
        None => (min, max),
    };
    if let Some(low) = low {
        integer["minimum"] = json!(low);
    }
    if let Some(high) = high {
        integer["maximum"] = json!(high);
    }
    integer
}

fn address() -> Value {
    json!({
        "type": "object",
        "required": ["street", "postcode", "commune"],
        "additionalProperties": false,
        "properties": {
            "street": { "type": "string", "minLength": 1, "maxLength": 200 },
            "postcode": { "type": "string", "pattern": "^[0-9]{5}$" },
            "commune": { "type": "string", "pattern": "^([0-9]{2}|2A|2B)[0-9]{3}$" },
        },
    })
}

fn row(columns: &[Column], scope: &Scope<'_>) -> Value {
    let cell = |c: &Column| {
        let mut cell = kind(&c.kind, scope);
        cell["title"] = json!(c.label);
        (c.code.clone(), cell)
    };
    let required: Vec<&str> = columns.iter().filter(|c| !c.optional).map(|c| c.code.as_str()).collect();
    let cells: Map<String, Value> = columns.iter().map(cell).collect();
    json!({ "type": "object", "properties": cells, "required": required, "additionalProperties": false })
}

fn option(choice: &Choice) -> Value {
    json!({ "const": choice.value, "title": choice.label })
}

fn codes(lots: &[Lot]) -> Vec<&str> {
    lots.iter().map(|l| l.code.as_str()).collect()
}

/// A condition as a schema of the whole object; `None` when the vocabulary cannot say it.
fn condition(condition: &Condition) -> Option<Value> {
    let is = |field: &str, schema: Value| Some(json!({ "properties": { (field): schema }, "required": [field] }));
    let all = |conditions: &[Condition]| conditions.iter().map(self::condition).collect::<Option<Vec<_>>>();
    match condition {
        Condition::OneOf { field, values } => is(field, json!({ "enum": values })),
        Condition::Yes(field) => is(field, json!({ "const": true })),
        Condition::Above { field, value } => {
            is(field, json!({ "type": "number", "exclusiveMinimum": decimal_json(value.0) }))
        }
        Condition::MonthsBeforeClosing { .. } => None,
        Condition::DepartmentIn { field, departments } => {
            let departments = departments.iter().filter(|d| d.bytes().all(|b| b.is_ascii_alphanumeric()));
            let pattern = format!("^({})", departments.cloned().collect::<Vec<_>>().join("|"));
            is(field, json!({ "properties": { "postcode": { "pattern": pattern } }, "required": ["postcode"] }))
        }
        // `anyOf` of nothing is no schema; a condition that nothing fulfils is one that fails.
        Condition::Any(none) if none.is_empty() => Some(json!({ "not": {} })),
        Condition::All(none) if none.is_empty() => Some(json!({})),
        Condition::Any(some) => all(some).map(|some| json!({ "anyOf": some })),
        Condition::All(some) => all(some).map(|some| json!({ "allOf": some })),
        Condition::Not(inner) => self::condition(inner).map(|inner| json!({ "not": inner })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> CallDefinition {
        crate::call::Draft::from_toml(include_str!("../../../fixtures/call.toml")).unwrap().sketch()
    }

    #[test]
    fn every_question_of_the_demonstration_is_described() {
        let call = call();
        let schema = schema(&call, 3, None);
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        let properties = schema["properties"].as_object().unwrap();
        assert!(
            call.form.fields().all(|f| properties.contains_key(&f.code))
                && properties.len() == call.form.fields().count()
        );
        for field in call.form.fields() {
            let always = schema["required"].as_array().unwrap().contains(&json!(field.code));
            let asked = field.required == Requirement::Always && field.shown_when.is_none() && field.is_typed();
            assert_eq!(always, asked, "{}", field.code);
        }
        // In a group, its members are named; alone, they are not.
        let rules = schema["allOf"].as_array().unwrap();
        let grouped = json!({ "properties": { "3.03": { "const": true } }, "required": ["3.03"] });
        assert!(rules.contains(&json!({ "if": grouped, "else": { "properties": { "3.04": false } } })));
        assert!(rules.contains(&json!({ "if": { "allOf": [grouped, grouped] }, "then": { "required": ["3.04"] } })));
    }

    #[test]
    fn limits_are_those_of_the_lot() {
        let call = call();
        let lot = call.lots.iter().find(|l| l.code == "ALI-01").unwrap();
        let (one, any) = (schema(&call, 1, Some(lot)), schema(&call, 1, None));
        let places = |schema: &Value| schema["properties"]["4.04"]["maximum"].as_i64().unwrap();
        assert_eq!(
            places(&one),
            crate::answer::share(lot.capacity, one["properties"]["4.04"]["x-capacity-percent"][1].as_i64().unwrap(), 0)
        );
        assert!(places(&any) >= places(&one));
        assert_eq!(one["properties"]["3.01"]["enum"], json!(["ALI-01"]));
    }

    #[test]
    fn what_the_vocabulary_cannot_say_requires_nothing() {
        let late = Condition::MonthsBeforeClosing { field: "1.07".into(), months: 6 };
        assert_eq!(condition(&late), None);
        assert_eq!(condition(&Condition::Not(Box::new(late))), None);
        assert_eq!(condition(&Condition::Any(vec![])), Some(json!({ "not": {} })));
    }
}
