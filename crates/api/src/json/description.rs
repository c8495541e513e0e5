//! The description of the API, OpenAPI 3.1, put together once: what every operation shares is said here, not on each.
//!
//! A handler's `utoipa::path` says what is its own: parameters, body, what it gives, and the refusals that no rule here adds. It
//! says `security(())` when nobody needs to be signed in, and names `412` when it reads `If-Match`.

use std::collections::BTreeSet;

use ami_domain::call::CallState;
use ami_domain::decision::DecisionKind;
use ami_domain::dossier::InadmissibleReason;
use ami_domain::jury::{College, RecusalReason, Voice};
use ami_domain::text;
use ami_services::accounts::{PASSWORD_MAX, PASSWORD_MIN};
use ami_services::organisations::LEGAL_FORMS;
use serde_json::{Map, Value, json};

/// Methods that an operation may have.
const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

/// Refusals with what they mean; each is a problem.
const REFUSALS: [(u16, &str); 13] = [
    (400, "The request's head cannot be read: no `Host`, or two."),
    (401, "Nobody is signed in, or the access token has ended."),
    (403, "Known, and not for this account."),
    (404, "Nothing there, or nothing that this account may know of."),
    (409, "Not in this state, or not at this time."),
    (412, "Changed since: `current` is how it stands."),
    (413, "Too many bytes."),
    (415, "A file of a kind that is not accepted."),
    (422, "Values are wrong: `errors` names each with a pointer."),
    (428, "`If-Match` is missing."),
    (429, "Too often: try again later."),
    (431, "The request's head is too large."),
    (503, "Not now; the sentence says whether anything was done."),
];

/// Strings of request bodies that are one of a few: schema, property, values.
type Choice = (&'static str, &'static str, fn() -> Vec<&'static str>);

macro_rules! codes {
    ($type:ty) => {
        || <$type>::ALL.iter().map(|value| value.as_str()).collect()
    };
}

const CHOICES: [Choice; 7] = [
    ("NewState", "state", codes!(CallState)),
    ("NewDecision", "decision", codes!(DecisionKind)),
    ("Finding", "reason", codes!(InadmissibleReason)),
    ("Invitation", "college", codes!(College)),
    ("Invitation", "voice", codes!(Voice)),
    ("Conflict", "reason", codes!(RecusalReason)),
    ("OrganisationInput", "legal_form", || LEGAL_FORMS.to_vec()),
];

/// `get-rankings-id-lots-lot-figure`.
pub(crate) fn operation_id(method: &str, path: &str) -> String {
    format!("{method}{path}").replace(['{', '}'], "").replace(['/', '.'], "-")
}

/// Completes what the handlers say.
pub(super) fn complete(mut description: Value) -> Value {
    let mut bodies = BTreeSet::new();
    if let Some(paths) = description["paths"].as_object_mut() {
        for (path, methods) in paths {
            for (method, operation) in methods.as_object_mut().into_iter().flatten() {
                if METHODS.contains(&method.as_str()) {
                    collect_names(&operation["requestBody"], &mut bodies);
                    complete_operation(method, path, operation);
                }
            }
        }
    }
    bound_strings(&mut description["components"]["schemas"], bodies);
    description["components"]["responses"] = Value::Object(REFUSALS.iter().map(response).collect());
    description["components"]["securitySchemes"] =
        json!({ "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" } });
    description["security"] = json!([{ "bearer": [] }]);
    description.sort_all_objects();
    description
}

fn response((status, meaning): &(u16, &str)) -> (String, Value) {
    let header = match status {
        401 => Some(("WWW-Authenticate", "string")),
        429 | 503 => Some(("Retry-After", "integer")),
        _ => None,
    };
    let problem = json!({ "schema": { "$ref": "#/components/schemas/ProblemBody" } });
    let mut whole = json!({ "description": meaning });
    if let Some((name, kind)) = header {
        whole["headers"] = json!({ name: { "schema": { "type": kind } } });
    }
    whole["content"] = json!({ "application/problem+json": problem });
    (format!("Problem{status}"), whole)
}

fn complete_operation(method: &str, path: &str, operation: &mut Value) {
    operation["operationId"] = operation_id(method, path).into();
    let refused = refusals(method, path, operation);
    if refused.contains(&412) {
        add_header(operation, "If-Match", "The revision that was read, as in `ETag`.");
    }
    if method == "post" && asks_who(operation) {
        add_header(operation, "Idempotency-Key", "The same request again under the same key is done once.");
    }
    for parameter in operation["parameters"].as_array_mut().into_iter().flatten() {
        complete_parameter(parameter);
    }
    let said = operation["responses"].as_object().cloned().unwrap_or_default();
    let mut responses = Map::new();
    for (status, mut response) in said {
        if status.parse::<u16>().is_ok_and(|code| code < 400) {
            if response["description"].as_str().is_none_or(str::is_empty) {
                response["description"] = success(&status).into();
            }
            responses.insert(status, response);
        }
    }
    for status in refused {
        let shared = format!("#/components/responses/Problem{status}");
        responses.insert(status.to_string(), json!({ "$ref": shared }));
    }
    operation["responses"] = Value::Object(responses);
}

fn success(status: &str) -> &'static str {
    match status {
        "201" => "Made.",
        "202" => "Taken; what follows comes by a message.",
        "204" => "Done; there is nothing to read.",
        _ => "Done.",
    }
}

/// Whether an operation looks who asks: all do that do not say otherwise, and some for whom nobody needs to be.
fn asks_who(operation: &Value) -> bool {
    operation["security"].as_array().is_none_or(|ways| ways.iter().any(|way| way.get("bearer").is_some()))
}

/// The refusals that an operation names and those that follow from what it is.
fn refusals(method: &str, path: &str, operation: &Value) -> BTreeSet<u16> {
    let said = operation["responses"].as_object().into_iter().flatten();
    let mut refused: BTreeSet<u16> =
        said.filter_map(|(status, _)| status.parse().ok()).filter(|status| *status >= 400).collect();
    refused.extend([400, 431, 503]);
    let reads = method == "get";
    let body = operation.get("requestBody");
    if asks_who(operation) {
        // An unreadable `Idempotency-Key` is a wrong value on whatever is asked.
        refused.extend([401, 403, 409, 422]);
        if !reads || path.contains('{') {
            refused.insert(404);
        }
    } else if !reads {
        refused.insert(429);
    }
    if let Some(body) = body {
        refused.extend([413, 422]);
        if body["content"].get("application/octet-stream").is_some() {
            refused.insert(415);
        }
    }
    if refused.contains(&412) {
        refused.insert(428);
    }
    refused
}

fn add_header(operation: &mut Value, name: &str, meaning: &str) {
    let header = json!({
        "name": name, "in": "header", "description": meaning, "required": false, "schema": { "type": "string" },
    });
    match operation["parameters"].as_array_mut() {
        Some(parameters) => parameters.push(header),
        None => operation["parameters"] = json!([header]),
    }
}

fn complete_parameter(parameter: &mut Value) {
    if parameter["in"] == "path" && ["id", "seat", "piece", "member"].iter().any(|id| parameter["name"] == *id) {
        parameter["schema"]["format"] = "uuid".into();
    }
}

/// The names of the schemas that a value refers to.
fn collect_names(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            let name = fields.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix("#/components/schemas/"));
            names.extend(name.map(str::to_owned));
            fields.values().for_each(|field| collect_names(field, names));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_names(item, names)),
        _ => {}
    }
}

/// Says of every string in a request's body what it may be.
fn bound_strings(schemas: &mut Value, mut bodies: BTreeSet<String>) {
    let mut done = BTreeSet::new();
    while let Some(name) = bodies.pop_first() {
        if !done.insert(name.clone()) {
            continue;
        }
        collect_names(&schemas[&name], &mut bodies);
        // One struct in another is described in parts.
        let parts: Vec<&mut Value> = match &mut schemas[&name] {
            Value::Object(fields) if fields.contains_key("allOf") => {
                fields["allOf"].as_array_mut().into_iter().flatten().collect()
            }
            schema => vec![schema],
        };
        let properties = parts.into_iter().filter_map(|part| part.get_mut("properties")?.as_object_mut());
        for (property, schema) in properties.flatten() {
            bound_string(&name, property, schema);
            for inner in ["items", "additionalProperties"] {
                if let Some(inner) = schema.get_mut(inner) {
                    bound_string(&name, property, inner);
                }
            }
        }
    }
}

fn bound_string(name: &str, property: &str, schema: &mut Value) {
    let kind = &schema["type"];
    let nullable = kind.as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "null"));
    let text = kind == "string" || kind.as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "string"));
    if !text || schema.get("enum").is_some() || schema.get("format").is_some() {
        return;
    }
    if let Some((.., values)) = CHOICES.iter().find(|(of, field, _)| (*of, *field) == (name, property)) {
        let mut values: Vec<Value> = values().into_iter().map(Value::from).collect();
        if nullable {
            values.push(Value::Null);
        }
        schema["enum"] = values.into();
        return;
    }
    let (least, most) = match (name, property) {
        ("Credentials", "password") | (_, "current_password") => (0, PASSWORD_MAX),
        (_, "password") => (PASSWORD_MIN, PASSWORD_MAX),
        (_, "email") => (3, 254),
        ("OrganisationInput", "name") => (2, 200),
        (_, "name") => (2, 120),
        _ => (0, text::MOST),
    };
    if least > 0 {
        schema["minLength"] = least.into();
    }
    schema["maxLength"] = most.into();
    if property == "siret" {
        schema["pattern"] = r"^\s*(\d\s*){14}$".into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description() -> Value {
        serde_json::from_str(&super::super::openapi_text()).unwrap()
    }

    fn operations(description: &Value) -> Vec<(String, &Value)> {
        let paths = description["paths"].as_object().unwrap().iter();
        paths
            .flat_map(|(path, methods)| {
                methods.as_object().unwrap().iter().map(move |(method, o)| (format!("{method} {path}"), o))
            })
            .collect()
    }

    #[test]
    fn every_operation_names_its_refusals_as_problems() {
        let description = description();
        let all = operations(&description);
        assert!(all.len() > 50);
        for (name, operation) in all {
            let responses = operation["responses"].as_object().unwrap();
            for status in ["400", "503"] {
                assert!(responses.contains_key(status), "{name}: {status}");
            }
            assert!(responses.contains_key("401") || !asks_who(operation), "{name}");
            // What was sent in parts may be too much without a body.
            assert!(responses.contains_key("413") || operation.get("requestBody").is_none(), "{name}");
            for (status, response) in responses {
                if status.as_str() < "400" {
                    assert!(!response["description"].as_str().unwrap().is_empty(), "{name}: {status}");
                    continue;
                }
                let shared = response["$ref"].as_str().unwrap().trim_start_matches("#/components/responses/");
                let content = &description["components"]["responses"][shared]["content"];
                assert!(content.get("application/problem+json").is_some(), "{name}: {status}");
            }
        }
    }

    #[test]
    fn every_string_of_a_request_says_what_it_may_be() {
        let description = description();
        let mut bodies = BTreeSet::new();
        for (_, operation) in operations(&description) {
            collect_names(&operation["requestBody"], &mut bodies);
        }
        assert!(bodies.len() > 15);
        for name in &bodies {
            let schema = &description["components"]["schemas"][name];
            let parts = schema["allOf"].as_array().map_or_else(|| vec![schema], |parts| parts.iter().collect());
            assert!(parts.iter().any(|part| part["properties"].is_object()), "{name}");
            let properties = parts.into_iter().filter_map(|part| part["properties"].as_object());
            for (property, schema) in properties.flatten() {
                let bounded = ["enum", "format", "maxLength"].iter().any(|key| schema.get(key).is_some());
                assert!(schema["type"] != "string" || bounded, "{name}.{property}");
            }
        }
        for (name, property, values) in CHOICES {
            let said = &description["components"]["schemas"][name]["properties"][property]["enum"];
            for value in values() {
                assert!(said.as_array().unwrap().contains(&value.into()), "{name}.{property}: {value}");
            }
        }
    }
}
