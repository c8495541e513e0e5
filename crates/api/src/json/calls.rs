//! Calls, and what their officers see of dossiers.

use ami_domain::call::CallState;
use ami_services::calls::{self as services, CallSummary, CallView, DescribedCall};
use ami_services::part::Page;
use ami_services::review::{self, FiledFilter, FiledSummary, LotCounts};
use ami_services::steps;
use ami_services::writing::{self, NewCall};
use rocket::{Route, get, post, routes};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use crate::answer::Answer;
use crate::guards::{Arrived, Body, Listed, Who};

pub(super) fn routes() -> Vec<Route> {
    routes![list, show, create, advance, counts, filed]
}

/// A list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Items<T> {
    /// In order.
    pub(super) items: Vec<T>,
}

/// A part of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Listing<T> {
    /// In order.
    pub(super) items: Vec<T>,
    /// `cursor` of the part that follows; null at the end.
    pub(super) next: Option<String>,
}

impl<T> From<Page<T>> for Listing<T> {
    fn from(page: Page<T>) -> Self {
        Self { items: page.items, next: page.next }
    }
}

#[derive(Deserialize, ToSchema)]
struct NewState {
    #[schema(value_type = String)]
    state: CallState,
    /// Why, where the step leaves something unfinished; it is refused without.
    #[serde(default)]
    reason: String,
}

/// The calls one may see.
#[utoipa::path(tag = "appels", security((), ("bearer" = [])), params(("limit" = Option<i64>, Query, minimum = 1, maximum = 500), ("cursor" = Option<String>, Query)), responses((status = 200, body = Listing<CallSummary>)))]
#[get("/calls")]
async fn list(app: &Arrived, who: Who, part: Listed) -> Api<Listing<CallSummary>> {
    Ok(Answer::ok(services::page_calls(app, who.actor(), &part.0).await?.into()))
}

/// A call: to its officers whole, to everyone else what its rules print.
#[utoipa::path(tag = "appels", security((), ("bearer" = [])), params(("code" = String, Path)), responses((status = 200, body = DescribedCall)))]
#[get("/calls/<code>", rank = 2)]
async fn show(app: &Arrived, who: Who, code: &str) -> Api<DescribedCall> {
    Ok(Answer::ok(services::describe_call(app, who.actor(), code).await?))
}

/// Writes a new call in draft: begun from a model or another call, or a whole definition. Whoever asks owns it.
#[utoipa::path(tag = "appels", request_body = NewCall, responses((status = 201, body = CallView)))]
#[post("/calls", data = "<body>")]
async fn create(app: &Arrived, who: Who, body: Body<serde_json::Value>) -> Api<CallView> {
    let officer = who.signed()?.account.id;
    Ok(Answer::created(writing::create_call(app, who.actor(), body.0, officer).await?))
}

/// Moves a call to its next state.
#[utoipa::path(tag = "appels", params(("code" = String, Path)), request_body = NewState, responses((status = 200, body = CallSummary), (status = 409, body = crate::answer::ProblemBody)))]
#[post("/calls/<code>/state", data = "<body>")]
async fn advance(app: &Arrived, who: Who, code: &str, body: Body<NewState>) -> Api<CallSummary> {
    Ok(Answer::ok(steps::advance_call(app, who.actor(), code, body.0.state, &body.0.reason).await?))
}

/// Numbers of dossiers by lot: all that officers know before closing.
#[utoipa::path(tag = "appels", params(("code" = String, Path)), responses((status = 200, body = Items<LotCounts>)))]
#[get("/calls/<code>/counts")]
async fn counts(app: &Arrived, who: Who, code: &str) -> Api<Items<LotCounts>> {
    Ok(Answer::ok(Items { items: review::count_dossiers(app, who.actor(), code).await? }))
}

/// The filed dossiers, after closing.
#[utoipa::path(tag = "appels", params(("code" = String, Path), ("lot" = Option<String>, Query), ("state" = Option<String>, Query), ("limit" = Option<i64>, Query, minimum = 1, maximum = 500), ("cursor" = Option<String>, Query)), responses((status = 200, body = Listing<FiledSummary>)))]
#[get("/calls/<code>/dossiers?<lot>&<state>")]
async fn filed(
    app: &Arrived,
    who: Who,
    code: &str,
    lot: Option<&str>,
    state: Option<&str>,
    part: Listed,
) -> Api<Listing<FiledSummary>> {
    let filter = FiledFilter { lot: lot.unwrap_or_default(), state: state.unwrap_or_default() };
    Ok(Answer::ok(review::list_filed(app, who.actor(), code, &filter, &part.0).await?.into()))
}
