//! The jury and its score sheets.

use ami_services::assigning::{self, ProposalSpec, ProposalView, SeatChange};
use ami_services::jury::{self as services, AssignmentRow, Conflict, DeclarationView, Invitation, SeatView};
use ami_services::locking::{self, LockPreview};
use ami_services::presiding::{self, SheetLine};
use ami_services::sheets::{self as sheet_services, SheetChanges, SheetSummary, SheetView};
use rocket::http::Status;
use rocket::{Route, get, patch, post, routes};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Api;
use super::calls::Listing;
use crate::answer::{Answer, ApiError};
use crate::guards::{Arrived, Body, Id, IfMatch, Listed, Who};

pub(super) fn routes() -> Vec<Route> {
    routes![
        seats,
        invite,
        assignments,
        assign,
        assign_many,
        propose,
        apply,
        declaration,
        declare,
        recuse,
        sheets,
        call_sheets,
        show_sheet,
        write_sheet,
        preview_lock,
        lock_sheet,
        ask_reopening,
        reopen_sheet
    ]
}

#[derive(Serialize, ToSchema)]
struct Made {
    id: Uuid,
}

#[derive(Deserialize, ToSchema)]
struct Changes {
    /// All of them or none.
    changes: Vec<SeatChange>,
}

#[derive(Deserialize, ToSchema)]
struct Application {
    #[serde(flatten)]
    spec: ProposalSpec,
    /// Of the proposal that was looked at.
    digest: String,
}

#[derive(Deserialize, ToSchema)]
struct Declaration {
    /// None when there is no conflict.
    #[serde(default)]
    conflicts: Vec<Conflict>,
}

#[derive(Deserialize, ToSchema)]
struct Reason {
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize, ToSchema)]
struct Reopening {
    #[serde(default)]
    reason: String,
    /// Until when it may be put right and locked; a week, unless marking lasts longer.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<jiff::Timestamp>,
}

/// The jury with its progress.
#[utoipa::path(tag = "jury", params(("code" = String, Path), ("limit" = Option<i64>, Query, minimum = 1, maximum = 500), ("cursor" = Option<String>, Query)), responses((status = 200, body = Listing<SeatView>)))]
#[get("/calls/<code>/seats")]
async fn seats(app: &Arrived, who: Who, code: &str, part: Listed) -> Api<Listing<SeatView>> {
    Ok(Answer::ok(services::page_seats(app, who.actor(), code, &part.0).await?.into()))
}

/// Invites a juror.
#[utoipa::path(tag = "jury", params(("code" = String, Path)), request_body = Invitation, responses((status = 201, body = Made)))]
#[post("/calls/<code>/seats", data = "<body>")]
async fn invite(app: &Arrived, who: Who, code: &str, body: Body<Invitation>) -> Api<Made> {
    Ok(Answer::created(Made { id: services::invite_juror(app, who.actor(), code, &body.0).await? }))
}

/// Which seat was asked for which dossier.
#[utoipa::path(tag = "jury", params(("code" = String, Path), ("limit" = Option<i64>, Query, minimum = 1, maximum = 500), ("cursor" = Option<String>, Query)), responses((status = 200, body = Listing<AssignmentRow>)))]
#[get("/calls/<code>/assignments")]
async fn assignments(app: &Arrived, who: Who, code: &str, part: Listed) -> Api<Listing<AssignmentRow>> {
    Ok(Answer::ok(services::list_assignments(app, who.actor(), code, &part.0).await?.into()))
}

/// Asks a seat for sheets, or takes requests back.
#[utoipa::path(tag = "jury", params(("code" = String, Path)), request_body = SeatChange, responses((status = 204)))]
#[post("/calls/<code>/assignments", data = "<body>")]
async fn assign(app: &Arrived, who: Who, code: &str, body: Body<SeatChange>) -> Result<Status, ApiError> {
    assigning::change_assignments(app, who.actor(), code, &[body.0]).await?;
    Ok(Status::NoContent)
}

/// Asks several seats for sheets, or takes requests back, at once.
#[utoipa::path(tag = "jury", params(("code" = String, Path)), request_body = Changes, responses((status = 204)))]
#[post("/calls/<code>/assignments/changes", data = "<body>")]
async fn assign_many(app: &Arrived, who: Who, code: &str, body: Body<Changes>) -> Result<Status, ApiError> {
    assigning::change_assignments(app, who.actor(), code, &body.0.changes).await?;
    Ok(Status::NoContent)
}

/// Proposes who marks what: even loads, nobody where they are excluded, jurors linked; what is assigned stays. Nothing changes.
#[utoipa::path(tag = "jury", params(("code" = String, Path)), request_body = ProposalSpec, responses((status = 200, body = ProposalView)))]
#[post("/calls/<code>/assignments/proposal", data = "<body>")]
async fn propose(app: &Arrived, who: Who, code: &str, body: Body<ProposalSpec>) -> Api<ProposalView> {
    Ok(Answer::ok(assigning::propose_assignments(app, who.actor(), code, &body.0).await?))
}

/// Assigns as was proposed.
#[utoipa::path(tag = "jury", params(("code" = String, Path)), request_body = Application, responses((status = 204), (status = 409, body = crate::answer::ProblemBody)))]
#[post("/calls/<code>/assignments/proposal/application", data = "<body>")]
async fn apply(app: &Arrived, who: Who, code: &str, body: Body<Application>) -> Result<Status, ApiError> {
    assigning::apply_proposal(app, who.actor(), code, &body.0.spec, &body.0.digest).await?;
    Ok(Status::NoContent)
}

/// The declaration of conflicts and the candidates.
#[utoipa::path(tag = "jury", params(("code" = String, Path)), responses((status = 200, body = DeclarationView)))]
#[get("/calls/<code>/declaration")]
async fn declaration(app: &Arrived, who: Who, code: &str) -> Api<DeclarationView> {
    Ok(Answer::ok(services::show_declaration(app, who.actor(), code).await?))
}

/// Declares conflicts, or that there are none.
#[utoipa::path(tag = "jury", params(("code" = String, Path)), request_body = Declaration, responses((status = 204)))]
#[post("/calls/<code>/declaration", data = "<body>")]
async fn declare(app: &Arrived, who: Who, code: &str, body: Body<Declaration>) -> Result<Status, ApiError> {
    services::declare_conflicts(app, who.actor(), code, &body.0.conflicts).await?;
    Ok(Status::NoContent)
}

/// Excludes a seat from a dossier or a lot, by the chair or an officer.
#[utoipa::path(tag = "jury", params(("code" = String, Path), ("seat" = String, Path)), request_body = Conflict, responses((status = 204)))]
#[post("/calls/<code>/seats/<seat>/recusals", data = "<body>")]
async fn recuse(app: &Arrived, who: Who, code: &str, seat: Id, body: Body<Conflict>) -> Result<Status, ApiError> {
    services::impose_recusal(app, who.actor(), code, seat.get(), &body.0).await?;
    Ok(Status::NoContent)
}

/// The sheets one was asked for.
#[utoipa::path(tag = "jury", params(("limit" = Option<i64>, Query, minimum = 1, maximum = 500), ("cursor" = Option<String>, Query)), responses((status = 200, body = Listing<SheetSummary>)))]
#[get("/jury/sheets")]
async fn sheets(app: &Arrived, who: Who, part: Listed) -> Api<Listing<SheetSummary>> {
    Ok(Answer::ok(sheet_services::page_sheets(app, who.actor(), &part.0).await?.into()))
}

/// Whose sheet on which dossier is locked, for the chair and officers. Marks are not shown.
#[utoipa::path(tag = "jury", params(("code" = String, Path), ("limit" = Option<i64>, Query, minimum = 1, maximum = 500), ("cursor" = Option<String>, Query)), responses((status = 200, body = Listing<SheetLine>)))]
#[get("/calls/<code>/sheets")]
async fn call_sheets(app: &Arrived, who: Who, code: &str, part: Listed) -> Api<Listing<SheetLine>> {
    Ok(Answer::ok(presiding::page_call_sheets(app, who.actor(), code, &part.0).await?.into()))
}

/// One's own sheet.
#[utoipa::path(tag = "jury", params(("id" = String, Path)), responses((status = 200, body = SheetView)))]
#[get("/sheets/<id>")]
async fn show_sheet(app: &Arrived, who: Who, id: Id) -> Api<SheetView> {
    let view = sheet_services::show_sheet(app, who.actor(), id.get()).await?;
    let revision = view.revision;
    Ok(Answer::ok(view).tagged(revision))
}

/// Writes marks and comments. An entry that is wrong is named in the `422` and blocks no other: `current` is the sheet as it is then.
#[utoipa::path(tag = "jury", params(("id" = String, Path)), request_body = SheetChanges, responses((status = 200, body = SheetView), (status = 412, body = crate::answer::ProblemBody), (status = 422, body = crate::answer::ProblemBody)))]
#[patch("/sheets/<id>", data = "<body>")]
async fn write_sheet(app: &Arrived, who: Who, id: Id, if_match: IfMatch, body: Body<SheetChanges>) -> Api<SheetView> {
    let view = sheet_services::write_sheet(app, who.actor(), id.get(), if_match.optional(), &body.0).await?;
    let revision = view.revision;
    Ok(Answer::ok(view).tagged(revision))
}

/// What one is about to lock: marks, comments, points and total.
#[utoipa::path(tag = "jury", params(("id" = String, Path)), responses((status = 200, body = LockPreview), (status = 422, body = crate::answer::ProblemBody)))]
#[get("/sheets/<id>/lock")]
async fn preview_lock(app: &Arrived, who: Who, id: Id) -> Api<LockPreview> {
    Ok(Answer::ok(locking::preview_lock(app, who.actor(), id.get()).await?))
}

/// Locks one's own sheet; with `If-Match`, only as it was seen.
#[utoipa::path(tag = "jury", params(("id" = String, Path)), responses((status = 200, body = SheetView), (status = 412, body = crate::answer::ProblemBody), (status = 422, body = crate::answer::ProblemBody)))]
#[post("/sheets/<id>/lock")]
async fn lock_sheet(app: &Arrived, who: Who, id: Id, if_match: IfMatch) -> Api<SheetView> {
    let view = locking::lock_sheet(app, who.actor(), id.get(), if_match.optional()).await?;
    let revision = view.revision;
    Ok(Answer::ok(view).tagged(revision))
}

/// Asks the chair to open one's own locked sheet again.
#[utoipa::path(tag = "jury", params(("id" = String, Path)), request_body = Reason, responses((status = 204)))]
#[post("/sheets/<id>/reopening-request", data = "<body>")]
async fn ask_reopening(app: &Arrived, who: Who, id: Id, body: Body<Reason>) -> Result<Status, ApiError> {
    locking::ask_reopening(app, who.actor(), id.get(), &body.0.reason).await?;
    Ok(Status::NoContent)
}

/// Opens a locked sheet again, by the chair and with a reason.
#[utoipa::path(tag = "jury", params(("id" = String, Path)), request_body = Reopening, responses((status = 204)))]
#[post("/sheets/<id>/reopen", data = "<body>")]
async fn reopen_sheet(app: &Arrived, who: Who, id: Id, body: Body<Reopening>) -> Result<Status, ApiError> {
    presiding::reopen_sheet(app, who.actor(), id.get(), &body.0.reason, body.0.until).await?;
    Ok(Status::NoContent)
}
