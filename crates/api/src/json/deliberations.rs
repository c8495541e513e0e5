//! Deliberations of the assembly.

use ami_services::deliberations::{
    self as services, AnnexRecord, Correction, DeliberationSummary, DeliberationView, NewControl, NewDeliberation,
    RecordedAct,
};
use ami_services::documents::NamedFile;
use rocket::http::ContentType;
use rocket::{Route, get, post, routes};

use super::Api;
use super::calls::Items;
use crate::answer::{Answer, ApiError, Download};
use crate::guards::{Arrived, Body, Id, Who};

pub(super) fn routes() -> Vec<Route> {
    routes![gather, list, show, executory, correct, acts, annex, annex_pdf]
}

/// Puts decisions before the assembly, under its number and day. Stale, undecided or already gathered ones are refused, each by name.
#[utoipa::path(tag = "délibérations", params(("code" = String, Path)), request_body = NewDeliberation, responses((status = 201, body = DeliberationView), (status = 409, body = crate::answer::ProblemBody), (status = 422, body = crate::answer::ProblemBody)))]
#[post("/calls/<code>/deliberations", data = "<body>")]
async fn gather(app: &Arrived, who: Who, code: &str, body: Body<NewDeliberation>) -> Api<DeliberationView> {
    Ok(Answer::created(services::gather_decisions(app, who.actor(), code, body.0).await?))
}

/// The deliberations of a call, the last one first.
#[utoipa::path(tag = "délibérations", params(("code" = String, Path)), responses((status = 200, body = Items<DeliberationSummary>)))]
#[get("/calls/<code>/deliberations")]
async fn list(app: &Arrived, who: Who, code: &str) -> Api<Items<DeliberationSummary>> {
    Ok(Answer::ok(Items { items: services::list_deliberations(app, who.actor(), code).await? }))
}

/// One deliberation with the decisions that it takes.
#[utoipa::path(tag = "délibérations", params(("id" = String, Path)), responses((status = 200, body = DeliberationView)))]
#[get("/deliberations/<id>")]
async fn show(app: &Arrived, who: Who, id: Id) -> Api<DeliberationView> {
    Ok(Answer::ok(services::show_deliberation(app, who.actor(), id.get()).await?))
}

/// Records that it has its effects: sent to the prefecture, and published.
#[utoipa::path(tag = "délibérations", params(("id" = String, Path)), request_body = NewControl, responses((status = 200, body = DeliberationView), (status = 409, body = crate::answer::ProblemBody), (status = 422, body = crate::answer::ProblemBody)))]
#[post("/deliberations/<id>/executory", data = "<body>")]
async fn executory(app: &Arrived, who: Who, id: Id, body: Body<NewControl>) -> Api<DeliberationView> {
    Ok(Answer::ok(services::make_executory(app, who.actor(), id.get(), body.0).await?))
}

/// Corrects what was recorded wrongly, with a reason; what it said before stays in its history.
#[utoipa::path(tag = "délibérations", params(("id" = String, Path)), request_body = Correction, responses((status = 200, body = DeliberationView), (status = 409, body = crate::answer::ProblemBody), (status = 422, body = crate::answer::ProblemBody)))]
#[post("/deliberations/<id>/corrections", data = "<body>")]
async fn correct(app: &Arrived, who: Who, id: Id, body: Body<Correction>) -> Api<DeliberationView> {
    Ok(Answer::ok(services::correct_deliberation(app, who.actor(), id.get(), body.0).await?))
}

/// Every act on it, in order.
#[utoipa::path(tag = "délibérations", params(("id" = String, Path)), responses((status = 200, body = Items<RecordedAct>)))]
#[get("/deliberations/<id>/acts")]
async fn acts(app: &Arrived, who: Who, id: Id) -> Api<Items<RecordedAct>> {
    Ok(Answer::ok(Items { items: services::list_acts(app, who.actor(), id.get()).await? }))
}

/// What is put before the assembly with it: lots, laureates, reserve, amounts, where it goes beyond the rules and why.
#[utoipa::path(tag = "délibérations", params(("id" = String, Path)), responses((status = 200, body = AnnexRecord)))]
#[get("/deliberations/<id>/annex")]
async fn annex(app: &Arrived, who: Who, id: Id) -> Api<AnnexRecord> {
    Ok(Answer::ok(services::show_annex(app, who.actor(), id.get()).await?))
}

/// The same as PDF, always the same bytes.
#[utoipa::path(tag = "délibérations", params(("id" = String, Path)), responses((status = 200, content_type = "application/pdf")))]
#[get("/deliberations/<id>/annex.pdf")]
async fn annex_pdf(app: &Arrived, who: Who, id: Id) -> Result<Download, ApiError> {
    let NamedFile { name, bytes } = services::annex_pdf(app, who.actor(), id.get()).await?;
    Ok(Download { bytes, name, kind: ContentType::PDF, inline: false })
}
