//! Forms as browsers send them.

use std::collections::BTreeMap;

use ami_domain::form::{Field, FieldKind};
use ami_services::{Error, Kind};
use rocket::data::{Data, FromData, Outcome};
use rocket::http::{RawStr, Status};
use rocket::request::Request;
use serde_json::{Map, Value, json};

use crate::guards::{Who, keep_refusal, read_body};

/// Largest form.
const LIMIT: u64 = 2 * 1024 * 1024;

/// The fields of a form, last value of each name.
#[derive(Debug, Default)]
pub(super) struct Fields(BTreeMap<String, Vec<String>>);

impl Fields {
    /// One field, as if it had been sent.
    pub(super) fn of(name: &str, value: &str) -> Self {
        Self(BTreeMap::from([(name.to_owned(), vec![value.to_owned()])]))
    }

    /// The same with one more.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), vec![value.to_owned()]);
        self
    }

    /// What was typed; empty when the field was not sent.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.get(name).and_then(|v| v.last()).map_or("", String::as_str)
    }

    /// The id that was sent. What is no id becomes one that nobody has, so that the use case looks at who asks first.
    pub(super) fn id<T: From<uuid::Uuid>>(&self, name: &str) -> T {
        self.get(name).parse().unwrap_or(uuid::Uuid::nil()).into()
    }

    /// The revision that the page showed. A page that acts on what was seen always sends it.
    ///
    /// # Errors
    /// `if-match` when it did not.
    pub(super) fn revision(&self) -> Result<i64, Error> {
        self.get("revision").parse().map_err(|_| Error::new(Kind::PreconditionRequired, "if-match"))
    }

    /// Reads a form as browsers encode it.
    pub(super) fn parse(text: &str) -> Self {
        let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for pair in text.split('&').filter(|p| !p.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decode = |s: &str| RawStr::new(s).url_decode_lossy().into_owned();
            fields.entry(decode(name)).or_default().push(decode(value));
        }
        Self(fields)
    }

    /// The same form, encoded again: to be kept in another one.
    pub(super) fn encode(&self) -> String {
        let encode = |s: &str| RawStr::new(s).percent_encode().to_string();
        let pairs = self.0.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
        pairs.map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect::<Vec<_>>().join("&")
    }

    /// Every value of a name.
    pub(super) fn all(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether it was sent at all.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Names and last values.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|(k, v)| Some((k.as_str(), v.last()?.as_str())))
    }

    /// What was typed for one form field, as the JSON that it reads.
    pub(super) fn answer(&self, field: &Field) -> Value {
        let prefix = format!("{}.", field.code);
        let parts = || self.iter().filter_map(|(name, value)| Some((name.strip_prefix(&prefix)?, value)));
        match &field.kind {
            FieldKind::Address | FieldKind::Budget { .. } => {
                let map: Map<String, Value> =
                    parts().filter(|(_, v)| !v.trim().is_empty()).map(|(k, v)| (k.to_owned(), json!(v))).collect();
                if map.is_empty() { Value::Null } else { Value::Object(map) }
            }
            FieldKind::OrderedLots { max } => (0..*max)
                .map(|i| self.get(&format!("{prefix}{i}")))
                .filter(|v| !v.is_empty())
                .map(Value::from)
                .collect(),
            FieldKind::Table { columns, .. } => {
                let mut rows: BTreeMap<usize, Map<String, Value>> = BTreeMap::new();
                for (rest, value) in parts() {
                    let Some((row, column)) = rest.split_once('.') else { continue };
                    let (Ok(row), true) = (row.parse::<usize>(), columns.iter().any(|c| c.code == column)) else {
                        continue;
                    };
                    rows.entry(row).or_default().insert(column.to_owned(), json!(value));
                }
                let filled =
                    |row: &Map<String, Value>| row.values().any(|v| v.as_str().is_some_and(|s| !s.trim().is_empty()));
                rows.into_values().filter(filled).map(Value::Object).collect()
            }
            FieldKind::Checkbox => json!(self.has(&field.code)),
            _ => json!(self.get(&field.code)),
        }
    }
}

#[rocket::async_trait]
impl<'r> FromData<'r> for Fields {
    type Error = ();

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r, Self> {
        let refuse = |error: Error| {
            let status = crate::answer::status(error.kind);
            keep_refusal(request, error);
            Outcome::Error((status, ()))
        };
        match request.guard::<Who>().await {
            rocket::request::Outcome::Success(_) => {}
            rocket::request::Outcome::Error((status, _)) => return Outcome::Error((status, ())),
            rocket::request::Outcome::Forward(_) => return Outcome::Error((Status::NotFound, ())),
        }
        let bytes = match read_body(data, LIMIT).await {
            Ok(bytes) => bytes,
            Err(error) => return refuse(error),
        };
        let Ok(text) = String::from_utf8(bytes) else { return refuse(Error::new(Kind::Invalid, "bad-request")) };
        Outcome::Success(Self::parse(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_that_is_kept_comes_back() {
        let typed = Fields::parse("4.02=%C3%A9t%C3%A9+%26+%2B100%25&rev.4.02=3&a=1&a=2&empty=");
        assert_eq!((typed.get("4.02"), typed.all("a")), ("été & +100%", &["1".to_owned(), "2".to_owned()][..]));
        assert_eq!(Fields::parse(&typed.encode()).0, typed.0);
    }
}
