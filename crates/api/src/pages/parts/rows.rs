//! One setting in a form: how it is shown, and what is written for what was typed.

use ami_domain::call::{Draft, time_zone};
use ami_domain::text;
use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::Serialize;
use serde_json::{Value, json};

use crate::pages::forms::Fields;

/// A megabyte as people count files.
const MEGABYTE: u64 = 1024 * 1024;

/// Something to choose.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Choice {
    pub(crate) value: String,
    pub(crate) label: String,
}

/// How a setting is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A line of text.
    Text,
    /// Paragraphs.
    Area,
    /// A whole number.
    Whole,
    /// A whole number, or nothing.
    MaybeWhole,
    /// Euros, kept in cents.
    Money,
    /// A number with decimals, kept as text.
    Number,
    /// Megabytes, kept in bytes.
    Megabytes,
    /// A day and hour of Paris.
    Instant,
    /// The same, or nothing.
    MaybeInstant,
    /// Yes or no.
    Flag,
    /// One of the choices.
    Select,
    /// The same, or none.
    MaybeSelect,
    /// Texts, one a line.
    Lines,
    /// Whole numbers, with commas.
    Wholes,
    /// Two percentages, with a comma; or nothing.
    Percents,
    /// `value = label`, one a line.
    Options,
    /// `code ; name ; other codes`, one a line.
    Communes,
    /// A measure of the grid, as one of the choices.
    Measure,
    /// When something is asked for.
    Requirement,
    /// When a question is shown.
    Shown,
}

/// One setting.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// Its JSON pointer, which is its name in the form.
    pub(crate) id: String,
    pub(crate) kind: Kind,
    pub(crate) label: String,
    pub(crate) hint: String,
    pub(crate) value: Value,
    pub(crate) choices: Vec<Choice>,
}

impl Row {
    /// The setting at a pointer as it is written.
    pub(crate) fn of(draft: &Draft, id: String, kind: Kind, (label, hint): (String, String)) -> Self {
        let value = show(draft.get(&id), kind);
        Self { id, kind, label, hint, value, choices: Vec::new() }
    }

    /// The same, with what may be chosen.
    #[must_use]
    pub(crate) fn among(self, choices: Vec<Choice>) -> Self {
        Self { choices, ..self }
    }

    /// What is written for what was typed; nothing when the form did not have it.
    pub(crate) fn read(&self, form: &Fields, draft: &Draft) -> Option<(String, Value)> {
        if self.kind == Kind::Flag {
            // A box that is not ticked is not sent: another setting of the same page is.
            return Some((self.id.clone(), json!(form.has(&self.id))));
        }
        if !form.has(&self.id) {
            return None;
        }
        let typed = form.get(&self.id);
        let value = match self.kind {
            Kind::Requirement => requirement(&self.id, typed, form, draft)?,
            // Of what is always shown nothing is written; a condition stands there without `when`.
            Kind::Shown => match requirement(&self.id, typed, form, draft) {
                Some(Value::String(_)) | None => Value::Null,
                Some(mut asked) => asked.get_mut("when").map(Value::take).unwrap_or(asked),
            },
            kind => read(typed, kind),
        };
        Some((self.id.clone(), value))
    }
}

/// What stands in the draft, as it is typed. What is of another kind is shown as it is.
fn show(value: Option<&Value>, kind: Kind) -> Value {
    let Some(value) = value else {
        return match kind {
            Kind::Requirement => show_requirement(&json!("never")),
            Kind::Shown => show_requirement(&json!("always")),
            _ => json!(""),
        };
    };
    let texts = |separator: &str| {
        let items = value.as_array().into_iter().flatten();
        items.map(plain).collect::<Vec<_>>().join(separator)
    };
    match (kind, value) {
        (Kind::Flag, value) => json!(value.as_bool().unwrap_or(false)),
        (Kind::Money, Value::Number(n)) => n.as_i64().map_or(json!(""), |cents| json!(text::show_hundredths(cents))),
        (Kind::Megabytes, Value::Number(n)) => {
            n.as_u64().map_or(json!(""), |bytes| json!((bytes / MEGABYTE).to_string()))
        }
        (Kind::Instant | Kind::MaybeInstant, Value::String(at)) => match at.parse::<Timestamp>() {
            Ok(at) => json!(at.to_zoned_datetime(time_zone()).strftime("%Y-%m-%dT%H:%M").to_string()),
            Err(_) => value.clone(),
        },
        (Kind::Lines, Value::Array(_)) => json!(texts("\n")),
        (Kind::Wholes | Kind::Percents, Value::Array(_)) => json!(texts(", ")),
        (Kind::Options, Value::Array(items)) => {
            let line = |o: &Value| format!("{} = {}", plain(&o["value"]), plain(&o["label"]));
            json!(items.iter().map(line).collect::<Vec<_>>().join("\n"))
        }
        (Kind::Communes, Value::Array(items)) => json!(items.iter().map(commune).collect::<Vec<_>>().join("\n")),
        (Kind::Measure, Value::Object(map)) => {
            let first = map.iter().next();
            json!(first.map_or_else(String::new, |(kind, code)| format!("{kind}:{}", plain(code))))
        }
        (Kind::Requirement, value) => show_requirement(value),
        (Kind::Shown, value) => show_requirement(&json!({ "when": value })),
        (_, value) => json!(plain(value)),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn commune(commune: &Value) -> String {
    let aliases: Vec<String> = commune["aliases"].as_array().into_iter().flatten().map(plain).collect();
    let line = format!("{} ; {}", plain(&commune["code"]), plain(&commune["name"]));
    if aliases.is_empty() { line } else { format!("{line} ; {}", aliases.join(", ")) }
}

/// A condition of one question is shown as question and values; one of several stays as it is.
fn show_requirement(value: &Value) -> Value {
    let simple = |kind: &str, field: &Value, values: String| json!({ "when": kind, "field": field, "values": values });
    let Some(when) = value.get("when") else { return json!({ "when": plain(value), "field": "", "values": "" }) };
    let Some((kind, condition)) = when.as_object().and_then(|map| map.iter().next()) else {
        return json!({ "when": "kept", "field": "", "values": "" });
    };
    match kind.as_str() {
        "yes" => simple("yes", condition, String::new()),
        "one_of" => {
            let values: Vec<String> = condition["values"].as_array().into_iter().flatten().map(plain).collect();
            simple("one_of", &condition["field"], values.join(", "))
        }
        "above" => simple("above", &condition["field"], plain(&condition["value"])),
        _ => json!({ "when": "kept", "field": "", "values": "" }),
    }
}

fn requirement(id: &str, when: &str, form: &Fields, draft: &Draft) -> Option<Value> {
    let field = form.get(&format!("{id}~question"));
    let values = form.get(&format!("{id}~valeurs"));
    let split = || values.split(',').map(str::trim).filter(|v| !v.is_empty()).map(Value::from).collect::<Value>();
    Some(match when {
        "always" | "never" => json!(when),
        "yes" => json!({ "when": { "yes": field } }),
        "one_of" => json!({ "when": { "one_of": { "field": field, "values": split() } } }),
        "above" => json!({ "when": { "above": { "field": field, "value": values.trim() } } }),
        // Several conditions together are written in the file.
        _ => return draft.get(id).cloned(),
    })
}

/// What is written for what was typed: what cannot be read stays as it was typed, and the checklist names it.
fn read(typed: &str, kind: Kind) -> Value {
    let typed = text::clean(typed);
    let raw = || json!(typed);
    let lines = || typed.lines().map(str::trim).filter(|line| !line.is_empty());
    let whole = |text: &str| text::compact(text).parse::<i64>().map_or_else(|_| json!(text), Value::from);
    match kind {
        Kind::Flag | Kind::Requirement | Kind::Shown => Value::Null,
        Kind::MaybeWhole | Kind::MaybeInstant | Kind::MaybeSelect | Kind::Percents if typed.is_empty() => Value::Null,
        Kind::Text | Kind::Area | Kind::Select | Kind::MaybeSelect | Kind::Number => raw(),
        Kind::Whole | Kind::MaybeWhole => whole(&typed),
        Kind::Money => text::hundredths(typed.trim_end_matches(['€', ' '])).map_or_else(raw, Value::from),
        Kind::Megabytes => {
            let bytes = text::compact(&typed).parse::<u64>().ok().and_then(|mb| mb.checked_mul(MEGABYTE));
            bytes.map_or_else(raw, Value::from)
        }
        Kind::Instant | Kind::MaybeInstant => {
            let local = typed.parse::<DateTime>().ok().and_then(|at| at.to_zoned_datetime(time_zone()).ok());
            local.map_or_else(raw, |at| json!(at.timestamp().to_string()))
        }
        Kind::Lines => lines().map(Value::from).collect(),
        Kind::Wholes | Kind::Percents => typed.split(',').map(str::trim).filter(|n| !n.is_empty()).map(whole).collect(),
        Kind::Options => lines()
            .map(|line| {
                let (value, label) = line.split_once('=').unwrap_or((line, line));
                json!({ "value": value.trim(), "label": label.trim() })
            })
            .collect(),
        Kind::Communes => lines().map(services_commune).collect(),
        Kind::Measure => match typed.split_once(':') {
            Some((kind, code)) => json!({ kind: code }),
            None => raw(),
        },
    }
}

fn services_commune(line: &str) -> Value {
    ami_services::writing::commune(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_read_back() {
        for (kind, value) in [
            (Kind::Text, json!("Été")),
            (Kind::Whole, json!(12)),
            (Kind::Money, json!(132_250_050)),
            (Kind::Megabytes, json!(5 * MEGABYTE)),
            (Kind::Instant, json!("2027-03-15T11:00:00Z")),
            (Kind::Lines, json!(["scic", "scop"])),
            (Kind::Wholes, json!([0, 1, 5])),
            (Kind::Percents, json!([50, 110])),
            (Kind::Options, json!([{ "value": "a", "label": "Un = deux" }])),
            (
                Kind::Communes,
                json!([{ "code": "93059", "name": "Pierrefitte", "aliases": ["93066"] }, { "code": "93079", "name": "Villetaneuse" }]),
            ),
            (Kind::Measure, json!({ "group": "A" })),
            (Kind::Measure, json!("total")),
        ] {
            let shown = show(Some(&value), kind);
            assert_eq!(read(shown.as_str().unwrap(), kind), value, "{kind:?} {shown}");
        }
        // What is no number stays as it was typed.
        for kind in [Kind::Whole, Kind::Money, Kind::Megabytes, Kind::Instant] {
            assert_eq!(read(" beaucoup ", kind), json!("beaucoup"));
            assert_eq!(show(Some(&json!("beaucoup")), kind), json!("beaucoup"));
        }
        assert_eq!(read("1 150 000,50 €", Kind::Money), json!(115_000_050));
        assert_eq!((read("", Kind::MaybeWhole), read("", Kind::MaybeInstant)), (Value::Null, Value::Null));
    }
}
