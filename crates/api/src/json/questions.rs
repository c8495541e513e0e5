//! Questions on calls.

use ami_services::questions::{self as services, NewAnswer, NewQuestion, PublishedQuestion, QuestionView};
use rocket::{Route, get, post, put, routes};

use super::Api;
use super::calls::Items;
use crate::answer::Answer;
use crate::guards::{Arrived, Body, Id, IfMatch, Who};

pub(super) fn routes() -> Vec<Route> {
    routes![ask, published, own, asked, answer]
}

/// Asks a question on a call while its calendar takes some. Officers of the call read it; nobody learns who asked.
#[utoipa::path(tag = "appels", params(("code" = String, Path)), request_body = NewQuestion, responses((status = 201, body = QuestionView)))]
#[post("/calls/<code>/questions", data = "<body>")]
async fn ask(app: &Arrived, who: Who, code: &str, body: Body<NewQuestion>) -> Api<QuestionView> {
    Ok(Answer::created(services::ask_question(app, who.actor(), code, &body.0).await?))
}

/// The questions that were answered in public, in the order in which they were.
#[utoipa::path(tag = "appels", security((), ("bearer" = [])), params(("code" = String, Path)), responses((status = 200, body = Items<PublishedQuestion>)))]
#[get("/calls/<code>/questions")]
async fn published(app: &Arrived, who: Who, code: &str) -> Api<Items<PublishedQuestion>> {
    let (_, items) = services::list_published(app, who.actor(), code).await?;
    Ok(Answer::ok(Items { items }))
}

/// One's own questions.
#[utoipa::path(tag = "appels", params(("code" = String, Path)), responses((status = 200, body = Items<QuestionView>)))]
#[get("/calls/<code>/questions/own")]
async fn own(app: &Arrived, who: Who, code: &str) -> Api<Items<QuestionView>> {
    Ok(Answer::ok(Items { items: services::list_own(app, who.actor(), code).await? }))
}

/// All questions, for officers of the call.
#[utoipa::path(tag = "appels", params(("code" = String, Path)), responses((status = 200, body = Items<QuestionView>)))]
#[get("/calls/<code>/questions/asked")]
async fn asked(app: &Arrived, who: Who, code: &str) -> Api<Items<QuestionView>> {
    Ok(Answer::ok(Items { items: services::list_asked(app, who.actor(), code).await? }))
}

/// Answers a question, or answers it anew, as an officer; who asked is told the first time.
#[utoipa::path(tag = "appels", params(("id" = String, Path)), request_body = NewAnswer, responses((status = 200, body = QuestionView), (status = 412, body = crate::answer::ProblemBody)))]
#[put("/questions/<id>/answer", data = "<body>")]
async fn answer(app: &Arrived, who: Who, id: Id, if_match: IfMatch, body: Body<NewAnswer>) -> Api<QuestionView> {
    let revision = if_match.optional();
    let answered = services::answer_question(app, who.actor(), id.get(), revision, &body.0).await?;
    let revision = answered.revision;
    Ok(Answer::ok(answered).tagged(revision))
}
