//! The page on which the JSON API is read and tried.

use std::sync::LazyLock;

use rocket::{Route, get, routes};
use serde_json::{Map, Value, json};

use super::{Ctx, Html};

pub(super) fn routes() -> Vec<Route> {
    routes![docs]
}

/// The operations by tag, from the description of the API: what the page shows is what the code says.
static GROUPS: LazyLock<Value> = LazyLock::new(|| {
    let description: Value = serde_json::from_str(&crate::json::openapi_text()).unwrap_or_default();
    let mut groups: Vec<(String, Vec<Value>)> = Vec::new();
    for (path, methods) in description["paths"].as_object().into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let tag = operation["tags"][0].as_str().unwrap_or_default().to_owned();
            let shown = operation_shown(&description, path, method, operation);
            match groups.iter_mut().find(|(name, _)| *name == tag) {
                Some((_, operations)) => operations.push(shown),
                None => groups.push((tag, vec![shown])),
            }
        }
    }
    groups.into_iter().map(|(tag, operations)| json!({ "tag": tag, "operations": operations })).collect()
});

fn operation_shown(description: &Value, path: &str, method: &str, operation: &Value) -> Value {
    let id = crate::json::operation_id(method, path);
    let content = &operation["requestBody"]["content"];
    let body = content
        .get("application/json")
        .map(|json| serde_json::to_string_pretty(&example(description, &json["schema"])).unwrap_or_default());
    json!({
        "id": id,
        "method": method.to_uppercase(),
        "path": path,
        "title": ami_views::message(&format!("api-{id}"), &[]),
        "parameters": operation["parameters"].as_array().cloned().unwrap_or_default(),
        "body": body,
        "file": content.get("application/octet-stream").is_some(),
    })
}

/// A value of the right shape, to be filled in.
fn example(description: &Value, schema: &Value) -> Value {
    if let Some(name) = schema["$ref"].as_str().and_then(|r| r.strip_prefix("#/components/schemas/")) {
        return example(description, &description["components"]["schemas"][name]);
    }
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    match schema["type"].as_str().or_else(|| schema["type"][0].as_str()) {
        Some("object") => {
            let properties = schema["properties"].as_object();
            let filled: Map<String, Value> =
                properties.into_iter().flatten().map(|(k, v)| (k.clone(), example(description, v))).collect();
            Value::Object(filled)
        }
        Some("array") => json!([example(description, &schema["items"])]),
        Some("boolean") => json!(false),
        Some("integer" | "number") => json!(0),
        Some("string") => json!(""),
        _ => Value::Null,
    }
}

#[get("/api/v1/docs")]
fn docs(ctx: Ctx<'_>) -> Html {
    ctx.page("api", &json!({ "groups": &*GROUPS }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_its_french_and_its_shape() {
        let all: Vec<&Value> =
            GROUPS.as_array().unwrap().iter().flat_map(|g| g["operations"].as_array().unwrap()).collect();
        assert!(all.len() > 50);
        for operation in &all {
            assert!(operation["title"].is_string(), "no sentence api-{}", operation["id"]);
        }
        let of = |id: &str| *all.iter().find(|o| o["id"] == id).unwrap();
        let body: Value = serde_json::from_str(of("post-calls-code-seats")["body"].as_str().unwrap()).unwrap();
        assert_eq!(body["chair"], false);
        assert_eq!(of("put-dossiers-id-pieces-slot")["file"], true);
        assert!(of("patch-dossiers-id-answers")["parameters"].to_string().contains("If-Match"));
    }
}
