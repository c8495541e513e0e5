//! Rounds of marking, and what is discussed in them.

use ami_domain::round::RoundKind;
use ami_services::harmonisation::{self, HarmonisationView, ThreadView};
use rocket::http::Status;
use rocket::{Route, get, post, routes};
use serde::Deserialize;
use utoipa::ToSchema;

use super::Api;
use crate::answer::{Answer, ApiError};
use crate::guards::{Arrived, Body, Id, Who};

pub(super) fn routes() -> Vec<Route> {
    routes![open, harmonisation, thread, say]
}

#[derive(Deserialize, ToSchema)]
struct NewRound {
    /// `calibration`, `individual` or `harmonised`.
    #[schema(value_type = String)]
    kind: RoundKind,
    /// Its last instant.
    #[schema(value_type = String, format = DateTime)]
    until: jiff::Timestamp,
}

#[derive(Deserialize, ToSchema)]
struct Said {
    #[serde(default)]
    text: String,
}

/// Opens a round of marking; it ends the one before.
#[utoipa::path(tag = "jury", params(("code" = String, Path)), request_body = NewRound, responses((status = 201, body = HarmonisationView), (status = 409, body = crate::answer::ProblemBody), (status = 422, body = crate::answer::ProblemBody)))]
#[post("/calls/<code>/rounds", data = "<body>")]
async fn open(app: &Arrived, who: Who, code: &str, body: Body<NewRound>) -> Api<HarmonisationView> {
    harmonisation::open_round(app, who.actor(), code, body.0.kind, body.0.until).await?;
    Ok(Answer::created(harmonisation::show_harmonisation(app, who.actor(), code).await?))
}

/// Where marks are far apart, once each juror has marked alone.
#[utoipa::path(tag = "jury", params(("code" = String, Path)), responses((status = 200, body = HarmonisationView)))]
#[get("/calls/<code>/harmonisation")]
async fn harmonisation(app: &Arrived, who: Who, code: &str) -> Api<HarmonisationView> {
    Ok(Answer::ok(harmonisation::show_harmonisation(app, who.actor(), code).await?))
}

/// The discussion of one criterion of a dossier, for the seats that marked it.
#[utoipa::path(tag = "jury", params(("code" = String, Path), ("id" = String, Path), ("criterion" = String, Path)), responses((status = 200, body = ThreadView)))]
#[get("/calls/<code>/harmonisation/<id>/<criterion>")]
async fn thread(app: &Arrived, who: Who, code: &str, id: Id, criterion: &str) -> Api<ThreadView> {
    Ok(Answer::ok(harmonisation::show_thread(app, who.actor(), code, id.get(), criterion).await?))
}

/// Says something there.
#[utoipa::path(tag = "jury", params(("code" = String, Path), ("id" = String, Path), ("criterion" = String, Path)), request_body = Said, responses((status = 204)))]
#[post("/calls/<code>/harmonisation/<id>/<criterion>", data = "<body>")]
async fn say(
    app: &Arrived,
    who: Who,
    code: &str,
    id: Id,
    criterion: &str,
    body: Body<Said>,
) -> Result<Status, ApiError> {
    harmonisation::say(app, who.actor(), code, id.get(), criterion, &body.0.text).await?;
    Ok(Status::NoContent)
}
