//! The contexts under `crates/views/samples`: one file for each situation that a page shows.

#![expect(clippy::unwrap_used, reason = "a broken sample stops the test that reads it")]

use std::path::{Path, PathBuf};

use serde_json::Value;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/samples");

/// `(page, situation, context)` of every sample, in order of their names.
pub(crate) fn samples() -> Vec<(String, String, Value)> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.is_file());
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let (page, situation) = name.split_once('.').unwrap();
            (page.to_owned(), situation.to_owned(), complete(read(&path)))
        })
        .collect()
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// An object with `"$like": "call"` is `samples/shared/call.json` with its other members put over it.
fn complete(value: Value) -> Value {
    match value {
        Value::Object(mut members) => {
            let like = members.remove("$like");
            let over = members.into_iter().map(|(key, value)| (key, complete(value)));
            let mut whole = match like {
                Some(name) => match read(&Path::new(FOLDER).join(format!("shared/{}.json", name.as_str().unwrap()))) {
                    Value::Object(shared) => shared,
                    other => return other,
                },
                None => serde_json::Map::new(),
            };
            whole.extend(over);
            Value::Object(whole)
        }
        Value::Array(items) => items.into_iter().map(complete).collect(),
        other => other,
    }
}
