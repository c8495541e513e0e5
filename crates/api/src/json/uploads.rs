//! Files in parts, for scripts and for large files of a page.

use ami_services::pieces::PieceView;
use ami_services::uploads::{self as services, BegunUpload, Completed, NewUpload, PartView, UploadView};
use rocket::data::Data;
use rocket::http::Status;
use rocket::{Route, get, post, put, routes};
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use crate::answer::Answer;
use crate::guards::{Arrived, Body, Id, Known, MOST_UPLOAD, Who, sender};

pub(super) fn routes() -> Vec<Route> {
    routes![begin, part, show, complete]
}

/// Begins an upload in parts: all of `part_size` but the last, numbered from 1. Its room in the dossier is reserved for two hours
/// from one part to the next. A part goes to its `url`, or where there is none to `PUT /uploads/{id}/parts/{number}`.
#[utoipa::path(tag = "dossiers", params(("id" = String, Path)), request_body = NewUpload, responses((status = 201, body = BegunUpload), (status = 413, body = crate::answer::ProblemBody)))]
#[post("/dossiers/<id>/uploads", data = "<body>")]
async fn begin(app: &Arrived, who: Who, id: Id, body: Body<NewUpload>) -> Api<BegunUpload> {
    Ok(Answer::created(services::begin_upload(app, who.actor(), id.get(), &body.0).await?))
}

/// Sends a part: its raw bytes. Sent again, it takes the place of the one before.
#[utoipa::path(tag = "dossiers", params(("id" = String, Path), ("number" = u32, Path)), request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses((status = 200, body = PartView), (status = 413, body = crate::answer::ProblemBody)))]
#[put("/uploads/<id>/parts/<number>", data = "<data>")]
async fn part(app: &Arrived, who: Known, id: Id, number: u32, data: Data<'_>) -> Api<PartView> {
    let (who, data) = sender(who, data).await?;
    let mut reader = data.open(MOST_UPLOAD);
    let outcome = services::put_part(app, who.actor(), id.get(), number, &mut reader).await;
    if outcome.is_err() {
        // A client that is still sending would see a broken connection in place of the answer.
        let _ = tokio::io::copy(&mut reader, &mut tokio::io::sink()).await;
    }
    Ok(Answer::ok(outcome?))
}

/// How an upload stands (`receiving`, `checking`, `accepted`, `refused`) and which parts are there: after a cut, send the others.
#[utoipa::path(tag = "dossiers", params(("id" = String, Path)), responses((status = 200, body = UploadView)))]
#[get("/uploads/<id>")]
async fn show(app: &Arrived, who: Who, id: Id) -> Api<UploadView> {
    Ok(Answer::ok(services::show_upload(app, who.actor(), id.get()).await?))
}

/// An upload that is still being checked.
#[derive(Serialize, ToSchema)]
struct CheckingView {
    /// `checking`.
    state: &'static str,
}

/// What became of a completion.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum CompletionView {
    Piece(Box<PieceView>),
    Checking(CheckingView),
}

/// Makes the file a piece, in a slot for one file in the place of the one before. Answers the piece, or `202` when the checks take
/// longer than twenty seconds: asked again, it answers what has become of them.
#[utoipa::path(tag = "dossiers", params(("id" = String, Path)), responses((status = 200, body = PieceView), (status = 202, body = CheckingView), (status = 409, body = crate::answer::ProblemBody), (status = 413, body = crate::answer::ProblemBody), (status = 415, body = crate::answer::ProblemBody)))]
#[post("/uploads/<id>/completion")]
async fn complete(app: &Arrived, who: Who, id: Id) -> Api<CompletionView> {
    Ok(match services::complete_upload(app, who.actor(), id.get()).await? {
        Completed::Piece(piece) => Answer::ok(CompletionView::Piece(piece)),
        Completed::Checking => Answer {
            status: Status::Accepted,
            revision: None,
            body: CompletionView::Checking(CheckingView { state: "checking" }),
        },
    })
}
