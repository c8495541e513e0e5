//! Calls, and what their officers see of dossiers.

use ami_domain::call::CallState;
use ami_services::App;
use ami_services::calls::{self as services, CallSummary, CallView};
use ami_services::review::{self, FiledSummary, LotCounts};
use rocket::{Route, State, get, post, routes};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use crate::answer::Answer;
use crate::guards::{Body, Who};

pub(super) fn routes() -> Vec<Route> {
    routes![list, show, create, advance, counts, filed]
}

/// A list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Items<T> {
    /// In order.
    pub(super) items: Vec<T>,
}

#[derive(Deserialize, ToSchema)]
struct NewState {
    #[schema(value_type = String)]
    state: CallState,
}

/// The calls one may see.
#[utoipa::path(tag = "appels", responses((status = 200, body = Items<CallSummary>)))]
#[get("/calls")]
async fn list(app: &State<App>, who: Who) -> Api<Items<CallSummary>> {
    Ok(Answer::ok(Items { items: services::list_calls(app, who.actor()).await? }))
}

/// A call: rules, calendar, lots, form, pieces, grid, texts.
#[utoipa::path(tag = "appels", params(("code" = String, Path)), responses((status = 200, body = CallView)))]
#[get("/calls/<code>")]
async fn show(app: &State<App>, who: Who, code: &str) -> Api<CallView> {
    Ok(Answer::ok(services::show_call(app, who.actor(), code).await?))
}

/// Writes a new call in draft, as an administrator, who is its first officer.
#[utoipa::path(tag = "appels", request_body = Object, responses((status = 201, body = CallView)))]
#[post("/calls", data = "<body>")]
async fn create(app: &State<App>, who: Who, body: Body<serde_json::Value>) -> Api<CallView> {
    let officer = who.signed()?.account.id;
    Ok(Answer::created(services::create_call(app, who.actor(), body.0, officer).await?))
}

/// Moves a call to its next state.
#[utoipa::path(tag = "appels", params(("code" = String, Path)), request_body = NewState, responses((status = 200, body = CallSummary)))]
#[post("/calls/<code>/state", data = "<body>")]
async fn advance(app: &State<App>, who: Who, code: &str, body: Body<NewState>) -> Api<CallSummary> {
    Ok(Answer::ok(services::advance_call(app, who.actor(), code, body.0.state).await?))
}

/// Numbers of dossiers by lot: all that officers know before closing.
#[utoipa::path(tag = "appels", params(("code" = String, Path)), responses((status = 200, body = Items<LotCounts>)))]
#[get("/calls/<code>/counts")]
async fn counts(app: &State<App>, who: Who, code: &str) -> Api<Items<LotCounts>> {
    Ok(Answer::ok(Items { items: review::count_dossiers(app, who.actor(), code).await? }))
}

/// The filed dossiers, after closing.
#[utoipa::path(tag = "appels", params(("code" = String, Path)), responses((status = 200, body = Items<FiledSummary>)))]
#[get("/calls/<code>/dossiers")]
async fn filed(app: &State<App>, who: Who, code: &str) -> Api<Items<FiledSummary>> {
    Ok(Answer::ok(Items { items: review::list_filed(app, who.actor(), code).await? }))
}
