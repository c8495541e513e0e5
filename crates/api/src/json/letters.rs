//! Letters: written, read, approved, sent; and what their applicants read.

use ami_services::deliberations::DeliberationView;
use ami_services::documents::NamedFile;
use ami_services::explanations::{self, Explanation};
use ami_services::letters::{
    self as services, LetterView, LettersInput, NewLetters, NewSignatory, OwnLetter, ReadLetter, SignatoryView, Stack,
};
use rocket::http::{ContentType, Status};
use rocket::{Route, delete, get, patch, post, put, routes};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Api;
use super::calls::Items;
use crate::answer::{Answer, ApiError, Download};
use crate::guards::{Arrived, Body, Id, IfMatch, MaybeBody, Who};

pub(super) fn routes() -> Vec<Route> {
    routes![
        write,
        of_deliberation,
        approve_some,
        approve_of_call,
        notify,
        write_some,
        of_call,
        show,
        correct,
        approve,
        pdf,
        deliver,
        signatories,
        add_signatory,
        end_signatory,
        own,
        choose,
        explanation,
        explanation_pdf
    ]
}

#[derive(Deserialize, ToSchema)]
struct Words {
    /// What it is about, in a line.
    #[serde(default)]
    title: Option<String>,
    /// Its text; empty lines part paragraphs.
    #[serde(default)]
    body: Option<String>,
}

#[derive(Deserialize, ToSchema)]
struct Read {
    /// The letters that were read, each with the revision that was.
    #[serde(default)]
    letters: Vec<ReadLetter>,
}

#[derive(Deserialize, ToSchema)]
struct Delivery {
    /// The day on the postal receipt, such as `2027-07-12`.
    #[serde(default)]
    received_on: String,
}

#[derive(Deserialize, ToSchema)]
struct Choice {
    /// Whether the applicant accepts to be notified in their space.
    accepted: bool,
}

/// Writes a letter for each decision of a deliberation that has none yet: drafts, to be read.
#[utoipa::path(tag = "courriers", params(("id" = String, Path)), request_body = LettersInput, responses((status = 201, body = Items<LetterView>), (status = 409, body = crate::answer::ProblemBody), (status = 422, body = crate::answer::ProblemBody)))]
#[post("/deliberations/<id>/letters", data = "<body>")]
async fn write(app: &Arrived, who: Who, id: Id, body: MaybeBody<LettersInput>) -> Api<Items<LetterView>> {
    Ok(Answer::created(Items { items: services::write_letters(app, who.actor(), id.get(), body.0).await? }))
}

/// The letters of a deliberation.
#[utoipa::path(tag = "courriers", params(("id" = String, Path)), responses((status = 200, body = Items<LetterView>)))]
#[get("/deliberations/<id>/letters")]
async fn of_deliberation(app: &Arrived, who: Who, id: Id) -> Api<Items<LetterView>> {
    Ok(Answer::ok(Items { items: services::list_letters(app, who.actor(), id.get()).await? }))
}

/// Says that several letters of a deliberation were read and are answered for: all, or none when one is no longer what was read.
#[utoipa::path(tag = "courriers", params(("id" = String, Path)), request_body = Read, responses((status = 204), (status = 409, body = crate::answer::ProblemBody), (status = 422, body = crate::answer::ProblemBody)))]
#[post("/deliberations/<id>/letters/approval", data = "<body>")]
async fn approve_some(app: &Arrived, who: Who, id: Id, body: Body<Read>) -> Result<Status, ApiError> {
    services::approve_read(app, who.actor(), Stack::Deliberation(id.get()), body.0.letters).await?;
    Ok(Status::NoContent)
}

/// The same for letters of the examination, which then leave at once.
#[utoipa::path(tag = "courriers", params(("code" = String, Path)), request_body = Read, responses((status = 204), (status = 409, body = crate::answer::ProblemBody), (status = 422, body = crate::answer::ProblemBody)))]
#[post("/calls/<code>/letters/approval", data = "<body>")]
async fn approve_of_call(app: &Arrived, who: Who, code: &str, body: Body<Read>) -> Result<Status, ApiError> {
    services::approve_read(app, who.actor(), Stack::Examination(code.to_owned()), body.0.letters).await?;
    Ok(Status::NoContent)
}

/// Lets every letter of a deliberation leave, at once or not at all. Each must have been approved, and its decision still stand.
#[utoipa::path(tag = "courriers", params(("id" = String, Path)), responses((status = 200, body = DeliberationView), (status = 409, body = crate::answer::ProblemBody)))]
#[post("/deliberations/<id>/notification")]
async fn notify(app: &Arrived, who: Who, id: Id) -> Api<DeliberationView> {
    Ok(Answer::ok(services::notify_deliberation(app, who.actor(), id.get()).await?))
}

/// Writes letters of the examination (something is missing, inadmissible, admissible, hearing); each leaves once it is approved.
#[utoipa::path(tag = "courriers", params(("code" = String, Path)), request_body = NewLetters, responses((status = 201, body = Items<LetterView>), (status = 409, body = crate::answer::ProblemBody), (status = 422, body = crate::answer::ProblemBody)))]
#[post("/calls/<code>/letters", data = "<body>")]
async fn write_some(app: &Arrived, who: Who, code: &str, body: Body<NewLetters>) -> Api<Items<LetterView>> {
    Ok(Answer::created(Items { items: services::write_call_letters(app, who.actor(), code, body.0).await? }))
}

/// The letters of a call that belong to no deliberation.
#[utoipa::path(tag = "courriers", params(("code" = String, Path)), responses((status = 200, body = Items<LetterView>)))]
#[get("/calls/<code>/letters")]
async fn of_call(app: &Arrived, who: Who, code: &str) -> Api<Items<LetterView>> {
    Ok(Answer::ok(Items { items: services::list_call_letters(app, who.actor(), code).await? }))
}

/// A letter: for an officer with all that became of it, for its applicant once it left. The applicant's first reading is recorded.
#[utoipa::path(tag = "courriers", params(("id" = String, Path)), responses((status = 200, body = LetterView), (status = 404, body = crate::answer::ProblemBody)))]
#[get("/letters/<id>")]
async fn show(app: &Arrived, who: Who, id: Id) -> Api<Value> {
    match services::show_letter(app, who.actor(), id.get()).await {
        Ok(view) => {
            let revision = view.revision;
            Ok(Answer::ok(serde_json::to_value(view).map_err(ami_services::Error::internal)?).tagged(revision))
        }
        Err(error) if error.code == "not-found" => {
            let own = services::open_own(app, who.actor(), None, id.get()).await?;
            Ok(Answer::ok(serde_json::to_value(own).map_err(ami_services::Error::internal)?))
        }
        Err(error) => Err(error.into()),
    }
}

/// Changes the words of a letter that has not left; it is then approved anew.
#[utoipa::path(tag = "courriers", params(("id" = String, Path)), request_body = Words, responses((status = 200, body = LetterView), (status = 409, body = crate::answer::ProblemBody), (status = 412, body = crate::answer::ProblemBody)))]
#[patch("/letters/<id>", data = "<body>")]
async fn correct(app: &Arrived, who: Who, id: Id, if_match: IfMatch, body: Body<Words>) -> Api<LetterView> {
    let words = (body.0.title, body.0.body);
    let view = services::correct_letter(app, who.actor(), id.get(), if_match.optional(), words).await?;
    let revision = view.revision;
    Ok(Answer::ok(view).tagged(revision))
}

/// Says that a letter was read and is answered for. One of the examination leaves at once.
#[utoipa::path(tag = "courriers", params(("id" = String, Path)), responses((status = 200, body = LetterView), (status = 409, body = crate::answer::ProblemBody), (status = 412, body = crate::answer::ProblemBody)))]
#[post("/letters/<id>/approval")]
async fn approve(app: &Arrived, who: Who, id: Id, if_match: IfMatch) -> Api<LetterView> {
    let view = services::approve_letter(app, who.actor(), id.get(), if_match.optional()).await?;
    let revision = view.revision;
    Ok(Answer::ok(view).tagged(revision))
}

/// A letter as PDF, always the same bytes.
#[utoipa::path(tag = "courriers", params(("id" = String, Path)), responses((status = 200, content_type = "application/pdf"), (status = 409, body = crate::answer::ProblemBody)))]
#[get("/letters/<id>/pdf")]
async fn pdf(app: &Arrived, who: Who, id: Id) -> Result<Download, ApiError> {
    let NamedFile { name, bytes } = services::letter_pdf(app, who.actor(), id.get()).await?;
    Ok(Download { bytes, name, kind: ContentType::PDF, inline: false })
}

/// Records the day on the receipt of a letter that went by registered post: the delay to challenge it runs from there.
#[utoipa::path(tag = "courriers", params(("id" = String, Path)), request_body = Delivery, responses((status = 200, body = LetterView), (status = 409, body = crate::answer::ProblemBody), (status = 422, body = crate::answer::ProblemBody)))]
#[post("/letters/<id>/delivery", data = "<body>")]
async fn deliver(app: &Arrived, who: Who, id: Id, body: Body<Delivery>) -> Api<LetterView> {
    Ok(Answer::ok(services::record_delivery(app, who.actor(), id.get(), &body.0.received_on).await?))
}

/// Those who sign letters of a call, the last one first.
#[utoipa::path(tag = "courriers", params(("code" = String, Path)), responses((status = 200, body = Items<SignatoryView>)))]
#[get("/calls/<code>/signatories")]
async fn signatories(app: &Arrived, who: Who, code: &str) -> Api<Items<SignatoryView>> {
    Ok(Answer::ok(Items { items: services::list_signatories(app, who.actor(), code).await? }))
}

/// Adds somebody who signs letters of a call, with their delegation.
#[utoipa::path(tag = "courriers", params(("code" = String, Path)), request_body = NewSignatory, responses((status = 201, body = SignatoryView), (status = 422, body = crate::answer::ProblemBody)))]
#[post("/calls/<code>/signatories", data = "<body>")]
async fn add_signatory(app: &Arrived, who: Who, code: &str, body: Body<NewSignatory>) -> Api<SignatoryView> {
    Ok(Answer::created(services::add_signatory(app, who.actor(), code, body.0).await?))
}

/// Ends that somebody signs.
#[utoipa::path(tag = "courriers", params(("code" = String, Path), ("signatory" = String, Path)), responses((status = 204)))]
#[delete("/calls/<code>/signatories/<signatory>")]
async fn end_signatory(app: &Arrived, who: Who, code: &str, signatory: Id) -> Result<Status, ApiError> {
    services::end_signatory(app, who.actor(), code, signatory.get()).await?;
    Ok(Status::NoContent)
}

/// The letters that were sent to one's own organisation on a dossier. Listing them counts as reading none.
#[utoipa::path(tag = "courriers", params(("id" = String, Path)), responses((status = 200, body = Items<OwnLetter>)))]
#[get("/dossiers/<id>/letters")]
async fn own(app: &Arrived, who: Who, id: Id) -> Api<Items<OwnLetter>> {
    Ok(Answer::ok(Items { items: services::list_own(app, who.actor(), id.get()).await? }))
}

/// Says whether one's own organisation accepts to be notified in its space.
#[utoipa::path(tag = "courriers", params(("id" = String, Path)), request_body = Choice, responses((status = 204), (status = 409, body = crate::answer::ProblemBody)))]
#[put("/dossiers/<id>/electronic-notification", data = "<body>")]
async fn choose(app: &Arrived, who: Who, id: Id, body: Body<Choice>) -> Result<Status, ApiError> {
    services::choose_notification(app, who.actor(), id.get(), body.0.accepted).await?;
    Ok(Status::NoContent)
}

/// How the marks of one's own dossier were computed, once its decision was notified.
#[utoipa::path(tag = "courriers", params(("id" = String, Path)), responses((status = 200, body = Explanation), (status = 404, body = crate::answer::ProblemBody)))]
#[get("/dossiers/<id>/explanation")]
async fn explanation(app: &Arrived, who: Who, id: Id) -> Api<Explanation> {
    Ok(Answer::ok(explanations::explain_dossier(app, who.actor(), id.get()).await?))
}

/// The same as PDF.
#[utoipa::path(tag = "courriers", params(("id" = String, Path)), responses((status = 200, content_type = "application/pdf")))]
#[get("/dossiers/<id>/explanation.pdf")]
async fn explanation_pdf(app: &Arrived, who: Who, id: Id) -> Result<Download, ApiError> {
    let NamedFile { name, bytes } = explanations::explanation_pdf(app, who.actor(), id.get()).await?;
    Ok(Download { bytes, name, kind: ContentType::PDF, inline: false })
}
