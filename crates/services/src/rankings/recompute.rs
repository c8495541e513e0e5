//! A stored ranking computed again from its stored inputs, to see that the same comes out.

use std::collections::BTreeMap;

use ami_database::calls::Call;
use ami_database::rankings as rows;
use ami_domain::deposit::sha256_hex;
use ami_domain::ids::RankingId;
use ami_scoring as scoring;
use serde_json::Value;

use super::inputs::Inputs;
use super::view::{About, RankingView};
use super::{compute, read_view};
use crate::{Arrival, Error, Result};

/// What came of computing again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recomputed {
    /// The same bytes.
    Same {
        /// Dossiers in it.
        dossiers: usize,
        /// The inputs' hash.
        input_sha256: String,
    },
    /// The stored inputs are not those whose hash is kept.
    Inputs {
        /// The hash that is kept.
        kept: String,
        /// The hash of what is stored.
        found: String,
    },
    /// The result differs.
    Result {
        /// Where first, as a JSON pointer, with what is stored and what comes out.
        first: Box<(String, Value, Value)>,
        /// Another version of the engine made it.
        engine: Option<String>,
    },
}

/// Computes a stored ranking again. Names and ids of dossiers, which nothing depends on, are taken from the stored result.
///
/// # Errors
/// Not found; or what is stored cannot be read.
pub async fn recompute_ranking(app: &Arrival, id: RankingId) -> Result<Recomputed> {
    let conn = app.database.read();
    let snapshot = rows::find_ranking(conn, id).await?.ok_or_else(Error::not_found)?;
    let found = sha256_hex(snapshot.inputs.as_bytes());
    if found != snapshot.input_sha256 {
        return Ok(Recomputed::Inputs { kept: snapshot.input_sha256, found });
    }
    let call = ami_database::calls::find(conn, snapshot.call).await?.ok_or_else(Error::not_found)?;
    let definition = ami_database::calls::version(conn, &call, snapshot.call_version).await?;
    let call = Call { definition, version: snapshot.call_version, ..call };
    let work = move || {
        let stored = read_view(&snapshot)?;
        let inputs: Inputs = serde_json::from_str(&snapshot.inputs).map_err(Error::internal)?;
        let again = compute(&call, &inputs, about(&stored), snapshot.id, snapshot.computed_at)?.0;
        let result = serde_json::to_string(&again).map_err(Error::internal)?;
        if result == snapshot.result {
            let dossiers = again.lots.iter().map(|lot| lot.dossiers.len()).sum();
            return Ok(Recomputed::Same { dossiers, input_sha256: snapshot.input_sha256 });
        }
        let parse = |text: &str| serde_json::from_str::<Value>(text).map_err(Error::internal);
        let first = difference("", &parse(&snapshot.result)?, &parse(&result)?);
        let first = Box::new(first.unwrap_or_else(|| (String::new(), Value::Null, Value::Null)));
        let engine = (snapshot.engine != scoring::ENGINE).then_some(snapshot.engine);
        Ok(Recomputed::Result { first, engine })
    };
    app.cores.run(work).await
}

fn about(view: &RankingView) -> BTreeMap<String, About> {
    let lines = view.lots.iter().flat_map(|lot| &lot.dossiers);
    lines.map(|d| (d.number.clone(), About { id: d.id, organisation: d.organisation.clone() })).collect()
}

/// Where two values first differ.
fn difference(at: &str, stored: &Value, again: &Value) -> Option<(String, Value, Value)> {
    match (stored, again) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            let part = |map: &serde_json::Map<String, Value>, key: &str| map.get(key).cloned().unwrap_or(Value::Null);
            keys.into_iter().find_map(|key| difference(&format!("{at}/{key}"), &part(a, key), &part(b, key)))
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().find_map(|(n, (a, b))| difference(&format!("{at}/{n}"), a, b))
        }
        _ => (stored != again).then(|| (at.to_owned(), stored.clone(), again.clone())),
    }
}
