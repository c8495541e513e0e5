//! Sessions, accounts, organisations.

use ami_services::accounts::{self as services, Me, SignedIn};
use ami_services::organisations::{self, MemberInput, MemberView, OrganisationInput, OrganisationView};
use rocket::http::Status;
use rocket::{Route, delete, get, post, put, routes};
use serde::Deserialize;
use utoipa::ToSchema;

use super::Api;
use super::calls::Items;
use crate::answer::{Answer, ApiError};
use crate::guards::{Arrived, Body, Id, OpenBody, Peer, Who};

pub(super) fn routes() -> Vec<Route> {
    routes![
        sign_in,
        refresh,
        sign_out,
        me,
        sign_up,
        confirm,
        request_reset,
        choose_password,
        create_organisation,
        show_organisation,
        update_organisation,
        members,
        invite_member,
        remove_member
    ]
}

#[derive(Deserialize, ToSchema)]
struct Credentials {
    email: String,
    password: String,
}

#[derive(Deserialize, ToSchema)]
struct RefreshToken {
    refresh_token: String,
}

#[derive(Deserialize, ToSchema)]
struct NewAccount {
    email: String,
    name: String,
    password: String,
}

#[derive(Deserialize, ToSchema)]
struct Token {
    token: String,
}

#[derive(Deserialize, ToSchema)]
struct Address {
    email: String,
}

#[derive(Deserialize, ToSchema)]
struct NewPassword {
    token: String,
    password: String,
}

/// Signs in.
#[utoipa::path(tag = "comptes", request_body = Credentials, responses((status = 200, body = SignedIn), (status = 401, body = crate::answer::ProblemBody), (status = 429, body = crate::answer::ProblemBody)))]
#[post("/session", data = "<body>")]
async fn sign_in(app: &Arrived, from: Peer, body: OpenBody<Credentials>) -> Api<SignedIn> {
    Ok(Answer::ok(services::sign_in(app, &body.0.email, &body.0.password, from.0).await?))
}

/// Exchanges a refresh token for new tokens.
#[utoipa::path(tag = "comptes", request_body = RefreshToken, responses((status = 200, body = SignedIn), (status = 401, body = crate::answer::ProblemBody)))]
#[post("/session/refresh", data = "<body>")]
async fn refresh(app: &Arrived, body: OpenBody<RefreshToken>) -> Api<SignedIn> {
    Ok(Answer::ok(services::refresh(app, &body.0.refresh_token).await?))
}

/// Signs out.
#[utoipa::path(tag = "comptes", responses((status = 204)))]
#[delete("/session")]
async fn sign_out(app: &Arrived, who: Who) -> Result<Status, ApiError> {
    services::sign_out(app, who.signed()?.family).await?;
    Ok(Status::NoContent)
}

/// One's own account.
#[utoipa::path(tag = "comptes", responses((status = 200, body = Me), (status = 401, body = crate::answer::ProblemBody)))]
#[get("/me")]
async fn me(app: &Arrived, who: Who) -> Api<Me> {
    Ok(Answer::ok(services::show_me(app, who.signed()?).await?))
}

/// Makes an account; the address is confirmed by a message.
#[utoipa::path(tag = "comptes", request_body = NewAccount, responses((status = 202), (status = 422, body = crate::answer::ProblemBody), (status = 429, body = crate::answer::ProblemBody)))]
#[post("/accounts", data = "<body>")]
async fn sign_up(app: &Arrived, from: Peer, body: OpenBody<NewAccount>) -> Result<Status, ApiError> {
    services::sign_up(app, &body.0.email, &body.0.name, &body.0.password, from.0).await?;
    Ok(Status::Accepted)
}

/// Confirms an address.
#[utoipa::path(tag = "comptes", request_body = Token, responses((status = 204), (status = 422, body = crate::answer::ProblemBody)))]
#[post("/accounts/confirmation", data = "<body>")]
async fn confirm(app: &Arrived, body: OpenBody<Token>) -> Result<Status, ApiError> {
    services::confirm_email(app, &body.0.token).await?;
    Ok(Status::NoContent)
}

/// Asks for a link to choose another password.
#[utoipa::path(tag = "comptes", request_body = Address, responses((status = 202), (status = 429, body = crate::answer::ProblemBody)))]
#[post("/accounts/password-reset", data = "<body>")]
async fn request_reset(app: &Arrived, from: Peer, body: OpenBody<Address>) -> Result<Status, ApiError> {
    services::request_password_reset(app, &body.0.email, from.0).await?;
    Ok(Status::Accepted)
}

/// Chooses a password with a token.
#[utoipa::path(tag = "comptes", request_body = NewPassword, responses((status = 204), (status = 422, body = crate::answer::ProblemBody)))]
#[put("/accounts/password", data = "<body>")]
async fn choose_password(app: &Arrived, body: OpenBody<NewPassword>) -> Result<Status, ApiError> {
    services::choose_password(app, &body.0.token, &body.0.password).await?;
    Ok(Status::NoContent)
}

/// Registers an organisation.
#[utoipa::path(tag = "structures", request_body = OrganisationInput, responses((status = 201, body = OrganisationView)))]
#[post("/organisations", data = "<body>")]
async fn create_organisation(app: &Arrived, who: Who, body: Body<OrganisationInput>) -> Api<OrganisationView> {
    Ok(Answer::created(organisations::create_organisation(app, who.actor(), &body.0).await?))
}

/// Reads an organisation, as a member.
#[utoipa::path(tag = "structures", params(("id" = String, Path)), responses((status = 200, body = OrganisationView)))]
#[get("/organisations/<id>")]
async fn show_organisation(app: &Arrived, who: Who, id: Id) -> Api<OrganisationView> {
    Ok(Answer::ok(organisations::show_organisation(app, who.actor(), id.get()).await?))
}

/// Changes an organisation, as a member.
#[utoipa::path(tag = "structures", params(("id" = String, Path)), request_body = OrganisationInput, responses((status = 200, body = OrganisationView)))]
#[put("/organisations/<id>", data = "<body>")]
async fn update_organisation(app: &Arrived, who: Who, id: Id, body: Body<OrganisationInput>) -> Api<OrganisationView> {
    Ok(Answer::ok(organisations::update_organisation(app, who.actor(), id.get(), &body.0).await?))
}

/// An organisation's members, as one of them.
#[utoipa::path(tag = "structures", params(("id" = String, Path)), responses((status = 200, body = Items<MemberView>)))]
#[get("/organisations/<id>/members")]
async fn members(app: &Arrived, who: Who, id: Id) -> Api<Items<MemberView>> {
    Ok(Answer::ok(Items { items: organisations::list_members(app, who.actor(), id.get()).await? }))
}

/// Adds a member, who gets a message.
#[utoipa::path(tag = "structures", params(("id" = String, Path)), request_body = MemberInput, responses((status = 201, body = Items<MemberView>), (status = 409, body = crate::answer::ProblemBody)))]
#[post("/organisations/<id>/members", data = "<body>")]
async fn invite_member(app: &Arrived, who: Who, id: Id, body: Body<MemberInput>) -> Api<Items<MemberView>> {
    let members = organisations::invite_member(app, who.actor(), id.get(), &body.0).await?;
    Ok(Answer::created(Items { items: members }))
}

/// Removes a member.
#[utoipa::path(tag = "structures", params(("id" = String, Path), ("member" = String, Path)), responses((status = 204), (status = 409, body = crate::answer::ProblemBody)))]
#[delete("/organisations/<id>/members/<member>")]
async fn remove_member(app: &Arrived, who: Who, id: Id, member: Id) -> Result<Status, ApiError> {
    organisations::remove_member(app, who.actor(), id.get(), member.get()).await?;
    Ok(Status::NoContent)
}
