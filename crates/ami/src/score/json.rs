//! JSON read value by value, so that every refusal can say where it stands and what was expected.

use std::path::Path;

use ami_scoring::Rational;
use serde_json::Value;

use super::fault::{BYTE_ORDER_MARK, Fault, quoted};

/// A parsed file.
pub(crate) struct Document<'a> {
    file: &'a Path,
    text: &'a str,
    root: Value,
}

/// A value of the file, with the way to it.
#[derive(Clone)]
pub(crate) struct Node<'a> {
    document: &'a Document<'a>,
    value: &'a Value,
    path: Vec<Step>,
}

#[derive(Clone)]
enum Step {
    Key(String),
    Index(usize),
}

impl<'a> Document<'a> {
    pub(crate) fn parse(file: &'a Path, text: &'a str) -> Result<Self, Fault> {
        let root = serde_json::from_str(text.trim_start_matches(BYTE_ORDER_MARK)).map_err(|error| {
            let what = if error.is_eof() { "fichier JSON incomplet" } else { "JSON attendu, syntaxe incorrecte ici" };
            // serde_json counts columns in bytes and gives 0 for "before the first".
            Fault::at(file, error.line().max(1), error.column().max(1), what.to_owned())
        })?;
        Ok(Self { file, text, root })
    }

    pub(crate) fn root(&'a self) -> Node<'a> {
        Node { document: self, value: &self.root, path: Vec::new() }
    }
}

impl<'a> Node<'a> {
    /// The refusal of this value.
    pub(crate) fn refuse(&self, expected: impl Into<String>) -> Fault {
        let text = self.document.text;
        let start = text.len() - text.trim_start_matches(BYTE_ORDER_MARK).len();
        let byte = locate(text, start, &self.path).unwrap_or(start);
        Fault::at_byte(self.document.file, text, byte, expected.into())
    }

    fn child(&self, step: Step, value: &'a Value) -> Self {
        let mut path = self.path.clone();
        path.push(step);
        Self { document: self.document, value, path }
    }

    /// Refuses keys that nobody would read: a misspelt one must not be passed over in silence.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), Fault> {
        let object =
            self.value.as_object().ok_or_else(|| self.refuse(format!("objet attendu, avec {}", known.join(", "))))?;
        match object.iter().find(|(key, _)| !known.contains(&key.as_str())) {
            Some((key, value)) => {
                let child = self.child(Step::Key(key.clone()), value);
                Err(child.refuse(format!(
                    "clé {} inconnue\u{a0}; clés attendues\u{a0}: {}",
                    quoted(key),
                    known.join(", ")
                )))
            }
            None => Ok(()),
        }
    }

    pub(crate) fn optional(&self, key: &str) -> Option<Self> {
        let value = self.value.as_object()?.get(key)?;
        Some(self.child(Step::Key(key.to_owned()), value))
    }

    pub(crate) fn required(&self, key: &str) -> Result<Self, Fault> {
        self.optional(key).ok_or_else(|| self.refuse(format!("clé {} attendue dans cet objet", quoted(key))))
    }

    /// The members of an object, in the order of their keys.
    pub(crate) fn entries(&self) -> Result<Vec<(String, Self)>, Fault> {
        let object = self.value.as_object().ok_or_else(|| self.refuse("objet attendu"))?;
        Ok(object.iter().map(|(key, value)| (key.clone(), self.child(Step::Key(key.clone()), value))).collect())
    }

    pub(crate) fn items(&self) -> Result<Vec<Self>, Fault> {
        let array = self.value.as_array().ok_or_else(|| self.refuse("liste attendue, entre crochets"))?;
        Ok(array.iter().enumerate().map(|(index, value)| self.child(Step::Index(index), value)).collect())
    }

    pub(crate) fn as_text(&self) -> Option<&'a str> {
        self.value.as_str()
    }

    pub(crate) fn text(&self) -> Result<&'a str, Fault> {
        self.as_text().ok_or_else(|| self.refuse("texte entre guillemets attendu"))
    }

    pub(crate) fn natural(&self) -> Result<u32, Fault> {
        self.value
            .as_u64()
            .and_then(|value| u32::try_from(value).ok())
            .ok_or_else(|| self.refuse("nombre entier attendu, de 0 à 4294967295"))
    }

    /// An exact number, as text (`"4.80"`, `"41/3"`) or as a JSON number.
    pub(crate) fn rational(&self) -> Result<Rational, Fault> {
        let written = match self.value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => String::new(),
        };
        written.parse().map_err(|_| self.refuse("nombre attendu, comme 55, \"4.80\" ou \"41/3\""))
    }
}

/// The byte where the value at `path` starts, in a text known to be JSON.
fn locate(text: &str, start: usize, path: &[Step]) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = space(bytes, start);
    for step in path {
        at = space(bytes, at + 1);
        let mut index = 0;
        loop {
            let found = match step {
                Step::Key(wanted) => {
                    let end = skip(bytes, at)?;
                    let key: String = serde_json::from_str(text.get(at..end)?).ok()?;
                    // Past the colon.
                    at = space(bytes, space(bytes, end) + 1);
                    key == *wanted
                }
                Step::Index(wanted) => index == *wanted,
            };
            if found {
                break;
            }
            at = space(bytes, skip(bytes, at)?);
            if bytes.get(at) != Some(&b',') {
                return None;
            }
            at = space(bytes, at + 1);
            index += 1;
        }
    }
    Some(at)
}

fn space(bytes: &[u8], at: usize) -> usize {
    at + bytes.iter().skip(at).take_while(|byte| byte.is_ascii_whitespace()).count()
}

/// The byte after the value that starts at `at`.
fn skip(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0usize;
    loop {
        match bytes.get(at)? {
            b'"' => {
                at += 1;
                while *bytes.get(at)? != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                at += 1;
            }
            b',' | b':' => at += 1,
            byte if byte.is_ascii_whitespace() => at += 1,
            _ => {
                let plain = |byte: &&u8| !byte.is_ascii_whitespace() && !b",:]}".contains(*byte);
                at += bytes.iter().skip(at).take_while(plain).count();
            }
        }
        if depth == 0 {
            return Some(at);
        }
    }
}
