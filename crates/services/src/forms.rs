//! What a call asks, as a schema.

use ami_domain::schema::schema;
use serde_json::Value;

use crate::calls::show_call;
use crate::{Actor, Arrival, Error, Result};

/// The JSON Schema of the answers to a call, for one of its lots or for any.
///
/// # Errors
/// `field-lot-unknown` when the call has no such lot.
pub async fn show_form(app: &Arrival, who: Option<&Actor>, code: &str, lot: Option<&str>) -> Result<Value> {
    let call = show_call(app, who, code).await?;
    let unknown = || Error::field("/lot", "field-lot-unknown");
    let lot = lot.map(|lot| call.definition.lot(lot).ok_or_else(unknown)).transpose()?;
    Ok(schema(&call.definition, call.version, lot))
}
