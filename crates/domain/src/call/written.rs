//! The one written form of a call: a TOML file that people read, keep, compare and send.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::{Map, Number, Value};
use thiserror::Error;

use super::draft::Draft;
use super::schema::{self, ANYTHING, CALL, Shape, below};
use super::time_zone;

/// Longest line on which several settings stand.
const WIDTH: usize = 130;

/// Why a text is no call.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {problem}")]
pub struct NotToml {
    /// From 1; 0 when it is not known.
    pub line: usize,
    /// What the reader says.
    pub problem: String,
}

impl Draft {
    /// Reads the written form. Whatever it says is a draft; only what is no TOML is refused.
    ///
    /// # Errors
    /// [`NotToml`], with the line.
    pub fn from_toml(text: &str) -> Result<Self, NotToml> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.map_or(0, |before| before.matches('\n').count() + 1);
            NotToml { line, problem: error.message().to_owned() }
        })?;
        let value = table.into_iter().map(|(name, value)| (name, json(value))).collect();
        Ok(Self::new(Value::Object(value)).unwrap_or_default())
    }

    /// The written form. The same draft gives the same text.
    pub fn to_toml(&self) -> String {
        to_toml(&self.value())
    }
}

/// Any part of a call in its written form.
pub fn to_toml(call: &Value) -> String {
    let mut out = String::new();
    if let Value::Object(map) = call {
        table(&mut out, "", map, &CALL);
    }
    out
}

fn json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(n) => Value::from(n),
        // A decimal is written as text here: its digits stay what they are.
        toml::Value::Float(n) => Number::from_f64(n).map_or(Value::Null, Value::Number),
        toml::Value::Boolean(b) => Value::Bool(b),
        toml::Value::Datetime(at) => Value::String(at.to_string()),
        toml::Value::Array(items) => items.into_iter().map(json).collect(),
        toml::Value::Table(table) => table.into_iter().map(|(name, value)| (name, json(value))).collect(),
    }
}

fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if bare { name.to_owned() } else { quoted(name) }
}

/// A text on one line: JSON's way of writing it is TOML's too, but for one character.
fn quoted(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007F")
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { key(name) } else { format!("{path}.{}", key(name)) }
}

/// Whether something stands in tables of its own: what is too long for a line and is made of settings.
fn in_tables(value: &Value, shape: &Shape) -> bool {
    match value {
        Value::Object(_) => {
            matches!(shape, Shape::Members(_) | Shape::Texts | Shape::Kind(_)) || line(value, shape).len() > WIDTH
        }
        Value::Array(items) => {
            let of = item_shape(shape);
            !items.is_empty() && items.iter().all(Value::is_object) && items.iter().any(|i| line(i, &of).len() > WIDTH)
        }
        _ => false,
    }
}

fn item_shape(shape: &Shape) -> Shape {
    match shape {
        Shape::List(of) => **of,
        _ => ANYTHING,
    }
}

/// What says nothing, or what would hold without it, is not written: the same call is always the same text.
fn is_written(shape: &Shape, map: &Map<String, Value>, name: &str) -> bool {
    !map[name].is_null() && !schema::is_usual(shape, map, name)
}

/// The settings as they are written again: a number that is written in two ways is one.
fn normal(map: &Map<String, Value>, shape: &Shape) -> Map<String, Value> {
    let written = |(name, value): (&String, &Value)| {
        let again = match below(shape, map, name) {
            Shape::One(_, read, _) => read(value),
            _ => None,
        };
        (name.clone(), again.unwrap_or_else(|| value.clone()))
    };
    map.iter().map(written).collect()
}

fn table(out: &mut String, path: &str, map: &Map<String, Value>, shape: &Shape) {
    let map = &normal(map, shape);
    let names = schema::order(shape, map);
    let (tables, values): (Vec<&String>, Vec<&String>) =
        names.iter().filter(|n| is_written(shape, map, n)).partition(|n| in_tables(&map[*n], &below(shape, map, n)));
    for name in values {
        let (value, shape) = (&map[name], below(shape, map, name));
        let _ = writeln!(out, "{} = {}", key(name), lines(value, &shape));
    }
    for name in tables {
        let (path, shape) = (join(path, name), below(shape, map, name));
        match &map[name] {
            Value::Object(inner) => {
                // What has nothing but tables of its own is named by them.
                let bare = !inner.is_empty() && inner.iter().all(|(n, v)| in_tables(v, &below(&shape, inner, n)));
                if !bare {
                    let _ = writeln!(out, "\n[{path}]");
                }
                table(out, &path, inner, &shape);
            }
            Value::Array(items) => {
                for inner in items.iter().filter_map(Value::as_object) {
                    let _ = writeln!(out, "\n[[{path}]]");
                    table(out, &path, inner, &item_shape(&shape));
                }
            }
            _ => {}
        }
    }
}

/// A value after `=`: on one line, or an item a line.
fn lines(value: &Value, shape: &Shape) -> String {
    let whole = line(value, shape);
    match value {
        Value::Array(items) if whole.len() > WIDTH => {
            let of = item_shape(shape);
            let items: Vec<String> = items.iter().map(|item| format!("  {},", line(item, &of))).collect();
            format!("[\n{}\n]", items.join("\n"))
        }
        // Paragraphs are written as paragraphs.
        Value::String(text) if text.contains('\n') => toml::Value::String(text.clone()).to_string(),
        _ => whole,
    }
}

fn line(value: &Value, shape: &Shape) -> String {
    match value {
        Value::Array(items) => {
            let of = item_shape(shape);
            format!("[{}]", items.iter().map(|item| line(item, &of)).collect::<Vec<_>>().join(", "))
        }
        Value::Object(map) => {
            let map = &normal(map, shape);
            let names = schema::order(shape, map);
            let written = names.iter().filter(|n| is_written(shape, map, n));
            let all: Vec<String> =
                written.map(|n| format!("{} = {}", key(n), line(&map[n], &below(shape, map, n)))).collect();
            if all.is_empty() { "{}".into() } else { format!("{{ {} }}", all.join(", ")) }
        }
        scalar_value => scalar(scalar_value, matches!(shape, Shape::One("instant", ..))),
    }
}

fn scalar(value: &Value, instant: bool) -> String {
    match value {
        Value::String(text) => {
            // People read hours of Paris.
            let at = if instant { text.parse::<Timestamp>().ok() } else { None };
            let text = at.map_or_else(
                || text.clone(),
                |at| {
                    let local = at.to_zoned_datetime(time_zone());
                    let tenths = if at.subsec_nanosecond() == 0 { "" } else { "%.f" };
                    local.strftime(&format!("%Y-%m-%dT%H:%M:%S{tenths}%:z")).to_string()
                },
            );
            quoted(&text)
        }
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => n.to_string(),
        // TOML knows no nothing; what has none is not written.
        _ => "\"\"".into(),
    }
}
