//! The jury and its score sheets.

use ami_services::jury::{self as services, AssignmentRow, Conflict, DeclarationView, Invitation, SeatView};
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
        declaration,
        declare,
        recuse,
        sheets,
        call_sheets,
        show_sheet,
        write_sheet,
        lock_sheet,
        reopen_sheet
    ]
}

#[derive(Serialize, ToSchema)]
struct Made {
    id: Uuid,
}

#[derive(Deserialize, ToSchema)]
struct Assignment {
    seat: Uuid,
    /// Dossiers to mark.
    #[serde(default)]
    add: Vec<Uuid>,
    /// Dossiers no longer to mark.
    #[serde(default)]
    remove: Vec<Uuid>,
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
#[utoipa::path(tag = "jury", params(("code" = String, Path)), request_body = Assignment, responses((status = 204)))]
#[post("/calls/<code>/assignments", data = "<body>")]
async fn assign(app: &Arrived, who: Who, code: &str, body: Body<Assignment>) -> Result<Status, ApiError> {
    let ids = |list: &[Uuid]| list.iter().map(|id| (*id).into()).collect::<Vec<_>>();
    let (add, remove) = (ids(&body.0.add), ids(&body.0.remove));
    services::assign_dossiers(app, who.actor(), code, body.0.seat.into(), &add, &remove).await?;
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

/// Writes marks and comments.
#[utoipa::path(tag = "jury", params(("id" = String, Path)), request_body = SheetChanges, responses((status = 200, body = SheetView), (status = 412, body = crate::answer::ProblemBody), (status = 422, body = crate::answer::ProblemBody)))]
#[patch("/sheets/<id>", data = "<body>")]
async fn write_sheet(app: &Arrived, who: Who, id: Id, if_match: IfMatch, body: Body<SheetChanges>) -> Api<SheetView> {
    let view = sheet_services::write_sheet(app, who.actor(), id.get(), if_match.optional(), &body.0).await?;
    let revision = view.revision;
    Ok(Answer::ok(view).tagged(revision))
}

/// Locks one's own sheet; with `If-Match`, only as it was seen.
#[utoipa::path(tag = "jury", params(("id" = String, Path)), responses((status = 200, body = SheetView), (status = 412, body = crate::answer::ProblemBody), (status = 422, body = crate::answer::ProblemBody)))]
#[post("/sheets/<id>/lock")]
async fn lock_sheet(app: &Arrived, who: Who, id: Id, if_match: IfMatch) -> Api<SheetView> {
    let view = sheet_services::lock_sheet(app, who.actor(), id.get(), if_match.optional()).await?;
    let revision = view.revision;
    Ok(Answer::ok(view).tagged(revision))
}

/// Opens a locked sheet again, by the chair and with a reason.
#[utoipa::path(tag = "jury", params(("id" = String, Path)), request_body = Reason, responses((status = 204)))]
#[post("/sheets/<id>/reopen", data = "<body>")]
async fn reopen_sheet(app: &Arrived, who: Who, id: Id, body: Body<Reason>) -> Result<Status, ApiError> {
    presiding::reopen_sheet(app, who.actor(), id.get(), &body.0.reason).await?;
    Ok(Status::NoContent)
}
