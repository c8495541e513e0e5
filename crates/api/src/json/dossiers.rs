//! Dossiers, their answers, files, deposits and admissibility.

use ami_domain::dossier::InadmissibleReason;
use ami_domain::pieces::Format;
use ami_services::answers::{self, OnInvalid, SavedAnswers};
use ami_services::documents::NamedFile;
use ami_services::dossiers::{self as services, DossierSummary, DossierView};
use ami_services::pieces::{self, PieceView};
use ami_services::receipts::{self, Receipt};
use ami_services::review::{self, FiledDossier};
use ami_services::{Kind, deposits, discards, reading};
use rocket::data::Data;
use rocket::http::{ContentType, Header, Status};
use rocket::request::{FromRequest, Outcome, Request};
use rocket::response::{self, Responder, Response};
use rocket::{Route, delete, get, patch, post, put, routes};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Api;
use super::calls::Items;
use crate::answer::{Answer, ApiError, Download, disposition, name_in_disposition};
use crate::guards::{Arrived, Body, Id, IfMatch, Known, MOST_UPLOAD, Who, sender};

pub(super) fn routes() -> Vec<Route> {
    routes![
        create,
        mine,
        show,
        save_answers,
        put_piece,
        delete_piece,
        piece_content,
        deposit,
        begin_change,
        drop_change,
        withdraw,
        discard,
        restore,
        receipt,
        receipt_pdf,
        dossier_pdf,
        examine
    ]
}

#[derive(Deserialize, Serialize, ToSchema)]
struct NewDossier {
    organisation_id: Uuid,
    lot: String,
}

#[derive(Deserialize, ToSchema)]
struct Finding {
    /// Whether the jury may examine it.
    admissible: bool,
    /// `late`, `ineligible` or `incomplete`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    reason: Option<InadmissibleReason>,
    /// In words, for the applicant.
    #[serde(default)]
    comment: String,
}

/// Begins a dossier for a lot.
#[utoipa::path(tag = "dossiers", params(("code" = String, Path)), request_body = NewDossier, responses((status = 201, body = DossierView), (status = 409, body = crate::answer::ProblemBody)))]
#[post("/calls/<code>/dossiers", data = "<body>")]
async fn create(app: &Arrived, who: Who, code: &str, body: Body<NewDossier>) -> Api<DossierView> {
    let made = services::create_dossier(app, who.actor(), code, body.0.organisation_id.into(), &body.0.lot).await?;
    let revision = made.revision;
    Ok(Answer::created(made).tagged(revision))
}

/// The dossiers of one's own organisations.
#[utoipa::path(tag = "dossiers", responses((status = 200, body = Items<DossierSummary>)))]
#[get("/dossiers")]
async fn mine(app: &Arrived, who: Who) -> Api<Items<DossierSummary>> {
    Ok(Answer::ok(Items { items: services::list_mine(app, who.actor()).await? }))
}

/// What a reader may see of a dossier.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum Shown {
    /// Its applicant.
    Own(Box<DossierView>),
    /// An officer after closing, or a juror who was asked for it.
    Filed(Box<FiledDossier>),
}

/// A dossier: whole for its applicant; as filed for an officer after closing or a juror it was assigned to.
#[utoipa::path(tag = "dossiers", params(("id" = String, Path)), responses((status = 200, body = Shown), (status = 404, body = crate::answer::ProblemBody)))]
#[get("/dossiers/<id>")]
async fn show(app: &Arrived, who: Who, id: Id) -> Api<Shown> {
    match services::show_dossier(app, who.actor(), id.get()).await {
        Ok(view) => {
            let revision = view.revision;
            Ok(Answer::ok(Shown::Own(Box::new(view))).tagged(revision))
        }
        Err(error) if error.kind == Kind::NotFound => {
            Ok(Answer::ok(Shown::Filed(Box::new(review::show_filed(app, who.actor(), id.get()).await?))))
        }
        Err(error) => Err(error.into()),
    }
}

/// Saves answers by field code. `If-Match` carries the dossier's revision; a field changed since is not overwritten.
#[utoipa::path(tag = "dossiers", params(("id" = String, Path)), request_body = Object, responses((status = 200, body = SavedAnswers), (status = 412, body = crate::answer::ProblemBody), (status = 422, body = crate::answer::ProblemBody)))]
#[patch("/dossiers/<id>/answers", data = "<body>")]
async fn save_answers(
    app: &Arrived,
    who: Who,
    id: Id,
    if_match: IfMatch,
    body: Body<Map<String, Value>>,
) -> Api<SavedAnswers> {
    let saved = answers::save_answers(app, who.actor(), id.get(), if_match.0, &body.0, OnInvalid::Refuse).await?;
    let revision = saved.revision;
    Ok(Answer::ok(saved).tagged(revision))
}

/// The name of an uploaded file.
struct FileName(String);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for FileName {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        Outcome::Success(Self(
            request.headers().get_one("Content-Disposition").map_or_else(String::new, name_in_disposition),
        ))
    }
}

/// Uploads a file to a slot: the raw body, its name in `Content-Disposition`. The type is known from the bytes.
#[utoipa::path(tag = "dossiers", params(("id" = String, Path), ("slot" = String, Path)), request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses((status = 200, body = PieceView), (status = 413, body = crate::answer::ProblemBody), (status = 415, body = crate::answer::ProblemBody)))]
#[put("/dossiers/<id>/pieces/<slot>", data = "<data>")]
async fn put_piece(app: &Arrived, who: Known, id: Id, slot: &str, name: FileName, data: Data<'_>) -> Api<PieceView> {
    let (who, data) = sender(who, data).await?;
    let mut reader = data.open(MOST_UPLOAD);
    let outcome = pieces::upload_piece(app, who.actor(), id.get(), slot, &name.0, &mut reader).await;
    if outcome.is_err() {
        // A client that is still sending would see a broken connection in place of the answer.
        let _ = tokio::io::copy(&mut reader, &mut tokio::io::sink()).await;
    }
    Ok(Answer::ok(outcome?))
}

/// Takes a file out of a draft.
#[utoipa::path(tag = "dossiers", params(("id" = String, Path), ("piece" = String, Path)), responses((status = 204)))]
#[delete("/dossiers/<id>/pieces/<piece>")]
async fn delete_piece(app: &Arrived, who: Who, id: Id, piece: Id) -> Result<Status, ApiError> {
    pieces::remove_piece(app, who.actor(), id.get(), piece.get()).await?;
    Ok(Status::NoContent)
}

/// A stored file on its way out.
pub(crate) struct Content {
    pub(crate) view: PieceView,
    pub(crate) object: ami_services::pieces::Opened,
}

impl<'r> Responder<'r, 'static> for Content {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        let inline = self.view.shown_inline;
        // Whatever the file holds, it runs nothing and reaches nothing of ours. A browser's PDF viewer stays empty in a sandbox; it
        // has one of its own.
        let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'";
        let sandbox = if self.view.format == Format::Pdf { "" } else { "sandbox; " };
        Response::build()
            .header(Header::new("Content-Type", self.view.format.media_type()))
            .header(Header::new("Content-Length", self.object.size.to_string()))
            .header(Header::new("Content-Disposition", disposition(&self.view.name, inline)))
            .header(Header::new("Content-Security-Policy", format!("{sandbox}{policy}")))
            .streamed_body(self.object.reader)
            .ok()
    }
}

/// The bytes of a file.
#[utoipa::path(tag = "dossiers", params(("piece" = String, Path)), responses((status = 200, content_type = "application/octet-stream")))]
#[get("/pieces/<piece>")]
async fn piece_content(app: &Arrived, who: Who, piece: Id) -> Result<Content, ApiError> {
    let (view, object) = pieces::open_piece(app, who.actor(), piece.get()).await?;
    Ok(Content { view, object })
}

/// The ticket of an attempt that could not be kept.
struct Ticket(Option<String>);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Ticket {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        Outcome::Success(Self(request.headers().get_one("Deposit-Ticket").map(str::to_owned)))
    }
}

/// Files the dossier. A `503` carries a `ticket`: sent again within half an hour in `Deposit-Ticket`, it makes the deposit count
/// at the instant of that first attempt.
#[utoipa::path(tag = "dossiers", params(("id" = String, Path), ("Deposit-Ticket" = Option<String>, Header)), responses((status = 200, body = Receipt), (status = 503, body = crate::answer::ProblemBody), (status = 409, body = crate::answer::ProblemBody), (status = 422, body = crate::answer::ProblemBody)))]
#[post("/dossiers/<id>/deposit")]
async fn deposit(app: &Arrived, who: Who, id: Id, ticket: Ticket) -> Api<Receipt> {
    let ticket = ticket.0.as_deref();
    Ok(Answer::ok(deposits::deposit_dossier(app, who.actor(), id.get(), ticket).await?))
}

/// Begins to change what was filed. The deposit counts until the next one takes its place.
#[utoipa::path(tag = "dossiers", params(("id" = String, Path)), responses((status = 204), (status = 409, body = crate::answer::ProblemBody)))]
#[delete("/dossiers/<id>/deposit")]
async fn begin_change(app: &Arrived, who: Who, id: Id) -> Result<Status, ApiError> {
    deposits::begin_change(app, who.actor(), id.get()).await?;
    Ok(Status::NoContent)
}

/// Drops the change under way: answers and files are again those that were filed.
#[utoipa::path(tag = "dossiers", params(("id" = String, Path)), responses((status = 204), (status = 409, body = crate::answer::ProblemBody)))]
#[delete("/dossiers/<id>/change")]
async fn drop_change(app: &Arrived, who: Who, id: Id) -> Result<Status, ApiError> {
    deposits::drop_change(app, who.actor(), id.get()).await?;
    Ok(Status::NoContent)
}

/// Withdraws the dossier for good.
#[utoipa::path(tag = "dossiers", params(("id" = String, Path)), responses((status = 204)))]
#[post("/dossiers/<id>/withdrawal")]
async fn withdraw(app: &Arrived, who: Who, id: Id) -> Result<Status, ApiError> {
    deposits::withdraw(app, who.actor(), id.get()).await?;
    Ok(Status::NoContent)
}

/// Throws a draft away: it counts no more. `POST /dossiers/{id}/restoration` takes that back for a week.
#[utoipa::path(tag = "dossiers", params(("id" = String, Path)), responses((status = 204), (status = 409, body = crate::answer::ProblemBody)))]
#[delete("/dossiers/<id>")]
async fn discard(app: &Arrived, who: Who, id: Id) -> Result<Status, ApiError> {
    discards::discard_dossier(app, who.actor(), id.get()).await?;
    Ok(Status::NoContent)
}

/// Takes back, within a week, that a draft was thrown away or that a dossier was withdrawn before closing.
#[utoipa::path(tag = "dossiers", params(("id" = String, Path)), responses((status = 200, body = DossierView), (status = 409, body = crate::answer::ProblemBody)))]
#[post("/dossiers/<id>/restoration")]
async fn restore(app: &Arrived, who: Who, id: Id) -> Api<DossierView> {
    let back = discards::restore_dossier(app, who.actor(), id.get()).await?;
    let revision = back.revision;
    Ok(Answer::ok(back).tagged(revision))
}

/// The last receipt, or that of a version.
#[utoipa::path(tag = "dossiers", params(("id" = String, Path), ("version" = Option<i64>, Query)), responses((status = 200, body = Receipt)))]
#[get("/dossiers/<id>/receipt?<version>")]
async fn receipt(app: &Arrived, who: Who, id: Id, version: Option<i64>) -> Api<Receipt> {
    Ok(Answer::ok(receipts::show_receipt(app, who.actor(), id.get(), version).await?))
}

/// The same as PDF.
#[utoipa::path(tag = "dossiers", params(("id" = String, Path), ("version" = Option<i64>, Query)), responses((status = 200, content_type = "application/pdf")))]
#[get("/dossiers/<id>/receipt.pdf?<version>")]
async fn receipt_pdf(app: &Arrived, who: Who, id: Id, version: Option<i64>) -> Result<Download, ApiError> {
    let NamedFile { name, bytes } = receipts::receipt_pdf(app, who.actor(), id.get(), version).await?;
    Ok(Download { bytes, name, kind: ContentType::PDF, inline: false })
}

/// The dossier whole as PDF, for its applicant: the draft while there is one, else what was filed; or one of its deposits.
#[utoipa::path(tag = "dossiers", params(("id" = String, Path), ("version" = Option<i64>, Query)), responses((status = 200, content_type = "application/pdf")))]
#[get("/dossiers/<id>/dossier.pdf?<version>")]
async fn dossier_pdf(app: &Arrived, who: Who, id: Id, version: Option<i64>) -> Result<Download, ApiError> {
    let NamedFile { name, bytes } = reading::dossier_pdf(app, who.actor(), id.get(), version).await?;
    Ok(Download { bytes, name, kind: ContentType::PDF, inline: false })
}

/// Says whether a filed dossier may be examined.
#[utoipa::path(tag = "dossiers", params(("id" = String, Path)), request_body = Finding, responses((status = 204), (status = 422, body = crate::answer::ProblemBody)))]
#[put("/dossiers/<id>/admissibility", data = "<body>")]
async fn examine(app: &Arrived, who: Who, id: Id, body: Body<Finding>) -> Result<Status, ApiError> {
    let finding = body.0;
    let inadmissible = match (finding.admissible, finding.reason) {
        (true, _) => None,
        (false, Some(reason)) => Some((reason, finding.comment)),
        (false, None) => return Err(ami_services::Error::field("/reason", "reason-needed").into()),
    };
    review::examine_dossier(app, who.actor(), id.get(), inadmissible).await?;
    Ok(Status::NoContent)
}
