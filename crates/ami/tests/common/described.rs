//! What the API answers is what its description says: looked at on every answer that a test gets.

use std::sync::LazyLock;

use rocket::http::{ContentType, Method};
use serde_json::Value;

static DESCRIPTION: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(&ami_api::openapi()).unwrap());

/// A status that the operation names, a problem where it refuses.
pub(super) fn assert_described(method: Method, path: &str, status: u16, kind: Option<&ContentType>) {
    let Some(path) = path.split('?').next().and_then(|path| path.strip_prefix("/api/v1")) else { return };
    if status >= 400 {
        let problem = ContentType::new("application", "problem+json");
        assert!(kind.is_some_and(|kind| *kind == problem), "{method} {path}: {status} as {kind:?}");
    }
    let paths = DESCRIPTION["paths"].as_object().unwrap();
    let mut named = paths
        .iter()
        .filter(|(template, _)| stands_for(template, path))
        .filter_map(|(_, methods)| methods[method.as_str().to_lowercase()]["responses"].as_object())
        .peekable();
    if named.peek().is_some() {
        let said = named.any(|responses| responses.contains_key(&status.to_string()));
        assert!(said, "the description of {method} {path} does not name {status}");
    }
}

fn stands_for(template: &str, path: &str) -> bool {
    let (parts, asked): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
    parts.len() == asked.len()
        && parts.iter().zip(asked).all(|(part, asked)| match (part.find('{'), part.find('}')) {
            (Some(from), Some(to)) => asked.starts_with(&part[..from]) && asked.ends_with(&part[to + 1..]),
            _ => *part == asked,
        })
}
