//! Who may create calls, and who runs which.

use ami_domain::policy::OfficerRole;
use ami_services::members::MemberInput;
use ami_services::officers::{self as services, CallInvitationView, NamedOfficer, OfficerInput, OfficerView};
use rocket::http::Status;
use rocket::{Route, delete, get, patch, post, routes};
use serde::Deserialize;
use utoipa::ToSchema;

use super::Api;
use super::calls::Items;
use crate::answer::{Answer, ApiError};
use crate::guards::{Arrived, Body, Id, Who};

pub(super) fn routes() -> Vec<Route> {
    routes![named, name, unname, officers, invite, change_role, remove, invitations, accept, decline]
}

#[derive(Deserialize, ToSchema)]
pub(super) struct NewRole {
    /// `owner`, `editor` or `reader`.
    #[schema(value_type = String)]
    role: OfficerRole,
}

/// Who may create calls, as an administrator.
#[utoipa::path(tag = "agents", responses((status = 200, body = Items<NamedOfficer>)))]
#[get("/officers")]
async fn named(app: &Arrived, who: Who) -> Api<Items<NamedOfficer>> {
    Ok(Answer::ok(Items { items: services::list_named(app, who.actor()).await? }))
}

/// Names somebody an officer, as an administrator: they may create calls.
#[utoipa::path(tag = "agents", request_body = MemberInput, responses((status = 201, body = Items<NamedOfficer>)))]
#[post("/officers", data = "<body>")]
async fn name(app: &Arrived, who: Who, body: Body<MemberInput>) -> Api<Items<NamedOfficer>> {
    Ok(Answer::created(Items { items: services::name_officer(app, who.actor(), &body.0).await? }))
}

/// Takes it back: they create no more calls, and still run theirs.
#[utoipa::path(tag = "agents", params(("id" = String, Path)), responses((status = 204)))]
#[delete("/officers/<id>")]
async fn unname(app: &Arrived, who: Who, id: Id) -> Result<Status, ApiError> {
    services::unname_officer(app, who.actor(), id.get()).await?;
    Ok(Status::NoContent)
}

/// Who runs a call, and who is invited to.
#[utoipa::path(tag = "agents", params(("code" = String, Path)), responses((status = 200, body = Items<OfficerView>)))]
#[get("/calls/<code>/officers")]
async fn officers(app: &Arrived, who: Who, code: &str) -> Api<Items<OfficerView>> {
    Ok(Answer::ok(Items { items: services::list_officers(app, who.actor(), code).await? }))
}

/// Invites somebody to run a call, who does once they accept.
#[utoipa::path(tag = "agents", params(("code" = String, Path)), request_body = OfficerInput, responses((status = 201, body = Items<OfficerView>), (status = 409, body = crate::answer::ProblemBody)))]
#[post("/calls/<code>/officers", data = "<body>")]
async fn invite(app: &Arrived, who: Who, code: &str, body: Body<OfficerInput>) -> Api<Items<OfficerView>> {
    services::invite_officer(app, who.actor(), code, &body.0).await?;
    Ok(Answer::created(Items { items: services::list_officers(app, who.actor(), code).await? }))
}

/// Gives an officer of a call another role.
#[utoipa::path(tag = "agents", params(("code" = String, Path), ("member" = String, Path)), request_body = NewRole, responses((status = 204), (status = 409, body = crate::answer::ProblemBody)))]
#[patch("/calls/<code>/officers/<member>", data = "<body>")]
async fn change_role(app: &Arrived, who: Who, code: &str, member: Id, body: Body<NewRole>) -> Result<Status, ApiError> {
    services::change_role(app, who.actor(), code, member.get(), body.0.role).await?;
    Ok(Status::NoContent)
}

/// Takes an officer of a call away, or an invitation back. Whoever names themselves leaves; the last owner does not.
#[utoipa::path(tag = "agents", params(("code" = String, Path), ("member" = String, Path)), responses((status = 204), (status = 409, body = crate::answer::ProblemBody)))]
#[delete("/calls/<code>/officers/<member>")]
async fn remove(app: &Arrived, who: Who, code: &str, member: Id) -> Result<Status, ApiError> {
    services::remove_officer(app, who.actor(), code, member.get()).await?;
    Ok(Status::NoContent)
}

/// One's own invitations to run calls.
#[utoipa::path(tag = "agents", responses((status = 200, body = Items<CallInvitationView>)))]
#[get("/me/call-invitations")]
async fn invitations(app: &Arrived, who: Who) -> Api<Items<CallInvitationView>> {
    Ok(Answer::ok(Items { items: services::list_call_invitations(app, who.actor()).await? }))
}

/// Accepts one.
#[utoipa::path(tag = "agents", params(("id" = String, Path)), responses((status = 204)))]
#[post("/call-invitations/<id>/acceptance")]
async fn accept(app: &Arrived, who: Who, id: Id) -> Result<Status, ApiError> {
    services::answer_invitation(app, who.actor(), id.get(), true).await?;
    Ok(Status::NoContent)
}

/// Declines one.
#[utoipa::path(tag = "agents", params(("id" = String, Path)), responses((status = 204)))]
#[delete("/call-invitations/<id>")]
async fn decline(app: &Arrived, who: Who, id: Id) -> Result<Status, ApiError> {
    services::answer_invitation(app, who.actor(), id.get(), false).await?;
    Ok(Status::NoContent)
}
