//! Exports, and the jobs that make them.

use ami_domain::ids::JobId;
use ami_services::exports::{self as services, JobView, NewExport};
use ami_services::pieces::Opened;
use rocket::http::Header;
use rocket::request::Request;
use rocket::response::{self, Responder, Response};
use rocket::{Route, get, post, routes};

use super::Api;
use crate::answer::{Answer, ApiError, disposition};
use crate::guards::{Arrived, Body, Id, Who};

pub(super) fn routes() -> Vec<Route> {
    routes![ask, show, file]
}

/// Asks for an export; a job makes it. The same person finds it by the job.
#[utoipa::path(tag = "exports", params(("code" = String, Path)), request_body = NewExport, responses((status = 202, body = JobView), (status = 409, body = crate::answer::ProblemBody)))]
#[post("/calls/<code>/exports", data = "<body>")]
async fn ask(app: &Arrived, who: Who, code: &str, body: Body<NewExport>) -> Api<JobView> {
    Ok(Answer::accepted(services::ask_export(app, who.actor(), code, body.0).await?))
}

/// How far a job is that one asked for.
#[utoipa::path(tag = "exports", params(("id" = String, Path)), responses((status = 200, body = JobView)))]
#[get("/jobs/<id>")]
async fn show(app: &Arrived, who: Who, id: Id) -> Api<JobView> {
    Ok(Answer::ok(services::show_job(app, who.actor(), id.get::<JobId>()).await?))
}

/// A file that was made.
struct Made {
    name: String,
    object: Opened,
}

impl<'r> Responder<'r, 'static> for Made {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        Response::build()
            .header(Header::new("Content-Type", "application/octet-stream"))
            .header(Header::new("Content-Length", self.object.size.to_string()))
            .header(Header::new("Content-Disposition", disposition(&self.name, false)))
            .streamed_body(self.object.reader)
            .ok()
    }
}

/// The file that a job made, for a day.
#[utoipa::path(tag = "exports", params(("id" = String, Path)), responses((status = 200, content_type = "application/octet-stream")))]
#[get("/jobs/<id>/file")]
async fn file(app: &Arrived, who: Who, id: Id) -> Result<Made, ApiError> {
    let (name, object) = services::open_export(app, who.actor(), id.get::<JobId>()).await?;
    Ok(Made { name, object })
}
