//! A call that is being written: anything, saved part by part. Only [`Draft::check`] makes a definition of it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::check::{Limits, Problem, check};
use super::schema::{self, CALL, Member, Shape};
use super::{CallDefinition, FORMAT};

/// What officers have written of a call so far: an object, whatever it holds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Draft(Map<String, Value>);

/// What came of looking at a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The call, when nothing is wrong that would keep it from being published.
    pub definition: Option<CallDefinition>,
    /// Everything that was found, in the order of the call.
    pub problems: Vec<Problem>,
}

impl Draft {
    /// A draft of what somebody sent; `None` when it is no object.
    pub fn new(value: Value) -> Option<Self> {
        match value {
            Value::Object(map) => Some(Self(map)),
            _ => None,
        }
    }

    /// What is written in a call, to be written on.
    pub fn of(definition: &CallDefinition) -> Self {
        let mut value = serde_json::to_value(definition).unwrap_or_default();
        strip_nulls(&mut value);
        Self::new(value).unwrap_or_default()
    }

    /// The whole of it.
    pub fn value(&self) -> Value {
        Value::Object(self.0.clone())
    }

    /// What stands at a JSON pointer.
    pub fn get(&self, pointer: &str) -> Option<&Value> {
        let (first, rest) = split(pointer)?;
        let found = self.0.get(&first)?;
        if rest.is_empty() { Some(found) } else { found.pointer(rest) }
    }

    /// A text that stands at a JSON pointer; empty when none does.
    pub fn text(&self, pointer: &str) -> &str {
        self.get(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// Writes at a JSON pointer; objects on the way are made, items of lists are not. `null` takes the setting away. Says whether
    /// there was such a place.
    pub fn set(&mut self, pointer: &str, value: Value) -> bool {
        let mut whole = self.value();
        let names: Vec<String> = pointer.split('/').skip(1).map(unescape).collect();
        let done = !names.is_empty() && set_in(&mut whole, &names, value);
        if let (true, Value::Object(map)) = (done, whole) {
            self.0 = map;
        }
        done
    }

    /// The list at a JSON pointer, made where nothing stands yet; `None` when something else does.
    pub fn list(&mut self, pointer: &str) -> Option<&mut Vec<Value>> {
        if self.get(pointer).is_none_or(Value::is_null) {
            self.set(pointer, json!([]));
        }
        let (first, rest) = split(pointer)?;
        let found = self.0.get_mut(&first)?;
        let found = if rest.is_empty() { found } else { found.pointer_mut(rest)? };
        found.as_array_mut()
    }

    /// The call as far as it can be read: what is missing is empty.
    pub fn sketch(&self) -> CallDefinition {
        self.read().0
    }

    /// Looks for everything that keeps the call from being published, and for what its officers should look at again.
    pub fn check(&self, limits: &Limits) -> Checked {
        let (definition, mut problems) = self.read();
        let unreadable = !problems.is_empty();
        problems.extend(check(&definition, limits));
        // What could not be read stands as empty in what was checked: it is named once.
        let mut seen = std::collections::BTreeSet::new();
        problems.retain(|p| !unreadable || seen.insert(p.pointer.clone()) || !p.is_about_emptiness());
        let whole = !problems.iter().any(Problem::blocks);
        Checked { definition: whole.then_some(definition), problems }
    }

    fn read(&self) -> (CallDefinition, Vec<Problem>) {
        let mut problems = Vec::new();
        let mut filled = fill(Some(&self.value()), &CALL, "", &mut problems);
        let format = filled.get("format").and_then(Value::as_u64).unwrap_or(1);
        if format > u64::from(FORMAT) {
            problems.push(Problem::error("/format", "format").with("newest", FORMAT));
        }
        filled["format"] = FORMAT.into();
        let read = CallDefinition::deserialize(&filled);
        // By the table nothing is left that cannot be read; a test tries.
        let empty = || CallDefinition::deserialize(&fill(None, &CALL, "", &mut Vec::new()));
        let definition = match read.or_else(|error| {
            problems.push(Problem::error("", "unreadable").with("problem", error));
            empty()
        }) {
            Ok(definition) => definition,
            Err(error) => unreachable_definition(&error),
        };
        (definition, problems)
    }
}

#[expect(clippy::panic, reason = "an empty call is read by every test of this module")]
fn unreachable_definition(error: &serde_json::Error) -> CallDefinition {
    panic!("an empty call cannot be read: {error}")
}

fn split(pointer: &str) -> Option<(String, &str)> {
    let rest = pointer.strip_prefix('/')?;
    let end = rest.find('/').unwrap_or(rest.len());
    Some((unescape(&rest[..end]), &rest[end..]))
}

fn unescape(name: &str) -> String {
    name.replace("~1", "/").replace("~0", "~")
}

/// A name as a part of a JSON pointer.
pub(super) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn strip_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, v| !v.is_null());
            map.values_mut().for_each(strip_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(strip_nulls),
        _ => {}
    }
}

fn set_in(place: &mut Value, names: &[String], value: Value) -> bool {
    let (name, rest) = (&names[0], &names[1..]);
    match place {
        Value::Object(map) if rest.is_empty() => {
            if value.is_null() {
                map.remove(name);
            } else {
                map.insert(name.clone(), value);
            }
            true
        }
        Value::Object(map) => set_in(map.entry(name.clone()).or_insert_with(|| json!({})), rest, value),
        Value::Array(items) => match name.parse::<usize>().ok().and_then(|i| items.get_mut(i)) {
            Some(item) if rest.is_empty() => {
                *item = value;
                true
            }
            Some(item) => set_in(item, rest, value),
            None => false,
        },
        _ => false,
    }
}

/// What is written, with what is missing or cannot be read taken as empty, and named.
fn fill(value: Option<&Value>, shape: &Shape, at: &str, problems: &mut Vec<Problem>) -> Value {
    let value = value.filter(|v| !v.is_null());
    let mut wrong = |what: &str| {
        let code = if value.is_none() { "missing" } else { "shape" };
        problems.push(Problem::error(at, code).with("what", what));
    };
    match shape {
        Shape::One(what, read, instead) => value.and_then(read).unwrap_or_else(|| {
            wrong(what);
            serde_json::from_str(instead).unwrap_or_default()
        }),
        Shape::List(of) => {
            let Some(Value::Array(items)) = value else {
                wrong("list");
                return json!([]);
            };
            items.iter().enumerate().map(|(i, v)| fill(Some(v), of, &format!("{at}/{i}"), problems)).collect()
        }
        Shape::Texts => {
            let Some(Value::Object(map)) = value else {
                wrong("members");
                return json!({});
            };
            map.iter()
                .filter_map(|(name, text)| {
                    let text = text.as_str().map(str::to_owned);
                    if text.is_none() {
                        problems.push(Problem::error(&format!("{at}/{}", escape(name)), "shape").with("what", "text"));
                    }
                    Some((name.clone(), Value::String(text?)))
                })
                .collect()
        }
        Shape::Members(members) => {
            let empty = Map::new();
            let map = match value {
                Some(Value::Object(map)) => map,
                Some(_) => {
                    wrong("members");
                    &empty
                }
                None => &empty,
            };
            fill_members(map, members, &[], at, problems)
        }
        Shape::Kind(members) => {
            let empty = Map::new();
            let map = value.and_then(Value::as_object).unwrap_or(&empty);
            let kind = map.get("type").and_then(Value::as_str).unwrap_or_default();
            let own = schema::of_kind(kind);
            if own.is_none() {
                problems.push(Problem::error(&format!("{at}/type"), "kind").with("kind", kind));
            }
            let mut known = map.clone();
            known.remove("type");
            let mut filled = fill_members(&known, members, own.unwrap_or_default(), at, problems);
            filled["type"] = if own.is_some() { kind.into() } else { "yes_no".into() };
            filled
        }
    }
}

fn fill_members(
    map: &Map<String, Value>,
    members: &[Member],
    own: &[Member],
    at: &str,
    problems: &mut Vec<Problem>,
) -> Value {
    let mut filled = Map::new();
    let known = || members.iter().chain(own);
    for member in known() {
        let value = map.get(member.name).filter(|v| !v.is_null());
        if member.must || value.is_some() {
            let place = format!("{at}/{}", member.name);
            filled.insert(member.name.to_owned(), fill(value, &member.shape, &place, problems));
        }
    }
    for name in map.keys().filter(|name| known().all(|m| m.name != name.as_str())) {
        problems.push(Problem::warning(&format!("{at}/{}", escape(name)), "unknown").with("name", name));
    }
    Value::Object(filled)
}

#[cfg(test)]
#[path = "draft_tests.rs"]
mod tests;
