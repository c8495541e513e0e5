//! What is read whole: a dossier before and after its deposit, the questions of a call before any account.

use ami_domain::ids::DossierId;
use ami_services::reading::{self, Questions, Reading};
use rocket::http::ContentType;
use rocket::{Route, get, routes};
use serde::Serialize;
use uuid::Uuid;

use super::{Ctx, Html, PageError};
use crate::answer::Download;
use crate::guards::Id;

pub(super) fn routes() -> Vec<Route> {
    routes![dossier, dossier_pdf, questions, questions_pdf]
}

#[derive(Serialize)]
struct ReadPage {
    dossier: Uuid,
    read: Reading,
}

#[get("/dossiers/<id>/relire?<version>")]
async fn dossier(ctx: Ctx<'_>, id: Id, version: Option<i64>) -> Html {
    let id: DossierId = id.get();
    let read = reading::read_dossier(ctx.app, ctx.who.actor(), id, version).await?;
    ctx.page("read", &ReadPage { dossier: id.uuid(), read })
}

#[get("/dossiers/<id>/dossier.pdf?<version>")]
async fn dossier_pdf(ctx: Ctx<'_>, id: Id, version: Option<i64>) -> Result<Download, PageError> {
    let file = reading::dossier_pdf(ctx.app, ctx.who.actor(), id.get(), version).await?;
    Ok(Download { bytes: file.bytes, name: file.name, kind: ContentType::PDF, inline: true })
}

#[derive(Serialize)]
struct QuestionsPage {
    #[serde(flatten)]
    asked: Questions,
}

#[get("/appels/<code>/questions")]
async fn questions(ctx: Ctx<'_>, code: &str) -> Html {
    let asked = reading::read_questions(ctx.app, ctx.who.actor(), code).await?;
    ctx.page("questions", &QuestionsPage { asked })
}

#[get("/appels/<code>/questions.pdf")]
async fn questions_pdf(ctx: Ctx<'_>, code: &str) -> Result<Download, PageError> {
    let file = reading::questions_pdf(ctx.app, ctx.who.actor(), code).await?;
    Ok(Download { bytes: file.bytes, name: file.name, kind: ContentType::PDF, inline: true })
}
