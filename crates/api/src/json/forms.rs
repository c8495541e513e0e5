//! What a call asks, for programs.

use ami_services::forms;
use rocket::http::{ContentType, Status};
use rocket::request::Request;
use rocket::response::{self, Responder};
use rocket::{Route, get, routes};
use serde_json::Value;

use crate::answer::{ApiError, respond};
use crate::guards::{Arrived, Who};

pub(super) fn routes() -> Vec<Route> {
    routes![form]
}

/// A JSON Schema.
struct Schema(Value);

impl<'r> Responder<'r, 'static> for Schema {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        respond(Status::Ok, &self.0, ContentType::new("application", "schema+json"))
    }
}

/// The answers that a call asks for, as a JSON Schema (2020-12); for one lot its own limits.
#[utoipa::path(tag = "appels", params(("code" = String, Path), ("lot" = Option<String>, Query)), responses((status = 200, content_type = "application/schema+json", body = Object), (status = 404, body = crate::answer::ProblemBody)))]
#[get("/calls/<code>/form?<lot>")]
async fn form(app: &Arrived, who: Who, code: &str, lot: Option<&str>) -> Result<Schema, ApiError> {
    Ok(Schema(forms::show_form(app, who.actor(), code, lot).await?))
}
