//! Writing a call: its file, what is wrong in it, publication, corrections.

use ami_services::calls::CallSummary;
use ami_services::writing::{self as services, CheckView, Corrected};
use rocket::http::{ContentType, Header, Status};
use rocket::request::{FromParam, Request};
use rocket::response::{self, Responder, Response};
use rocket::{Route, get, post, put, routes};
use serde::Deserialize;
use utoipa::ToSchema;

use super::Api;
use crate::answer::{Answer, ApiError};
use crate::guards::{Arrived, Body, IfMatch, TextBody, Who};

pub(super) fn routes() -> Vec<Route> {
    routes![export, import, check, publish, correct]
}

/// A code followed by `.toml`.
pub(super) struct TomlCode(String);

impl<'a> FromParam<'a> for TomlCode {
    type Error = ();

    fn from_param(text: &'a str) -> Result<Self, ()> {
        let code = text.strip_suffix(".toml").filter(|code| !code.is_empty());
        code.map(|code| Self(code.to_owned())).ok_or(())
    }
}

/// A call in its written form.
pub(crate) struct Toml {
    pub(crate) text: String,
    pub(crate) name: String,
    pub(crate) revision: Option<i64>,
}

impl<'r> Responder<'r, 'static> for Toml {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        let mut answer = Response::build();
        answer.header(ContentType::new("application", "toml").with_params([("charset", "utf-8")]));
        answer.header(Header::new("Content-Disposition", crate::answer::disposition(&self.name, false)));
        if let Some(revision) = self.revision {
            answer.header(Header::new("ETag", format!("\"{revision}\"")));
        }
        answer.sized_body(self.text.len(), std::io::Cursor::new(self.text)).ok()
    }
}

#[derive(Deserialize, ToSchema)]
pub(super) struct NewCorrection {
    /// What changes and for whom, as everyone reads it.
    #[serde(default)]
    notice: String,
    /// The corrected call in its written form; the correction that was prepared when left out.
    #[serde(default)]
    toml: Option<String>,
}

/// A call as a TOML file: to its officers whole, to everyone else the rules.
#[utoipa::path(tag = "appels", security((), ("bearer" = [])), path = "/calls/{code}.toml", params(("code" = String, Path)), responses((status = 200, content_type = "application/toml")))]
#[get("/calls/<code>", rank = 1)]
async fn export(app: &Arrived, who: Who, code: TomlCode) -> Result<Toml, ApiError> {
    let (text, revision) = services::export_call(app, who.actor(), &code.0).await?;
    Ok(Toml { text, name: format!("{}.toml", code.0), revision: Some(revision) })
}

/// Puts a TOML file in place of a call in draft. Whatever it says is kept; what is wrong in it is answered.
#[utoipa::path(tag = "appels", path = "/calls/{code}.toml", params(("code" = String, Path), ("If-Match" = Option<String>, Header)), request_body(content = String, content_type = "application/toml"), responses((status = 200, body = CheckView), (status = 409, body = crate::answer::ProblemBody), (status = 412, body = crate::answer::ProblemBody), (status = 422, body = crate::answer::ProblemBody)))]
#[put("/calls/<code>", data = "<body>")]
async fn import(app: &Arrived, who: Who, code: TomlCode, if_match: IfMatch, body: TextBody) -> Api<CheckView> {
    let (found, revision) = services::import_draft(app, who.actor(), &code.0, &body.0, if_match.optional()).await?;
    Ok(Answer::ok(found).tagged(revision))
}

/// Everything that keeps a call from being published, and what its officers should look at.
#[utoipa::path(tag = "appels", params(("code" = String, Path)), responses((status = 200, body = CheckView)))]
#[get("/calls/<code>/check")]
async fn check(app: &Arrived, who: Who, code: &str) -> Api<CheckView> {
    Ok(Answer::ok(services::check_call(app, who.actor(), code).await?))
}

/// Publishes a call in draft, for good.
#[utoipa::path(tag = "appels", params(("code" = String, Path), ("If-Match" = Option<String>, Header)), responses((status = 200, body = CallSummary), (status = 409, body = crate::answer::ProblemBody), (status = 412, body = crate::answer::ProblemBody)))]
#[post("/calls/<code>/publication")]
async fn publish(app: &Arrived, who: Who, code: &str, if_match: IfMatch) -> Api<CallSummary> {
    Ok(Answer::ok(services::publish_call(app, who.actor(), code, if_match.optional()).await?))
}

/// Corrects a published call: a new version with a public notice. Everyone who has a draft or a deposit is written to.
#[utoipa::path(tag = "appels", params(("code" = String, Path), ("If-Match" = Option<String>, Header)), request_body = NewCorrection, responses((status = 201, body = Corrected), (status = 409, body = crate::answer::ProblemBody), (status = 422, body = crate::answer::ProblemBody)))]
#[post("/calls/<code>/corrections", data = "<body>")]
async fn correct(app: &Arrived, who: Who, code: &str, if_match: IfMatch, body: Body<NewCorrection>) -> Api<Corrected> {
    let NewCorrection { notice, toml } = body.0;
    let seen = if_match.optional();
    let corrected = services::correct_call(app, who.actor(), code, &notice, toml.as_deref(), seen).await?;
    Ok(Answer { status: Status::Created, revision: None, body: corrected })
}
