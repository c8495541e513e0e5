//! Sessions, accounts, organisations.

use ami_services::accounts::{self as services, Me, SignedIn};
use ami_services::members::{self as member_services, InvitationView, MemberInput, MemberView};
use ami_services::organisations::{self, OrganisationInput, OrganisationView};
use rocket::http::{CookieJar, Status};
use rocket::{Route, delete, get, patch, post, put, routes};
use serde::Deserialize;
use utoipa::ToSchema;

use super::Api;
use super::calls::Items;
use crate::answer::{Answer, ApiError};
use crate::guards::{Arrived, Body, Id, OpenBody, Peer, Stranger, Who, remember};

pub(super) fn routes() -> Vec<Route> {
    routes![
        sign_in,
        refresh,
        sign_out,
        me,
        sign_up,
        confirm,
        renew_link,
        request_reset,
        choose_password,
        change_me,
        change_password,
        change_email,
        invitations,
        accept_invitation,
        decline_invitation,
        request_to_join,
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
#[utoipa::path(tag = "comptes", security(()), request_body = Credentials, responses((status = 200, body = SignedIn), (status = 401, body = crate::answer::ProblemBody), (status = 403, body = crate::answer::ProblemBody), (status = 429, body = crate::answer::ProblemBody)))]
#[post("/session", data = "<body>")]
async fn sign_in(
    app: &Arrived,
    asker: Stranger,
    cookies: &CookieJar<'_>,
    body: OpenBody<Credentials>,
) -> Api<SignedIn> {
    let signed_in = services::sign_in(app, &body.0.email, &body.0.password, &asker.0).await?;
    if let Some(browser) = &signed_in.browser {
        remember(cookies, browser, app.settings.is_secure());
    }
    Ok(Answer::ok(signed_in))
}

/// Exchanges a refresh token for new tokens.
#[utoipa::path(tag = "comptes", security(()), request_body = RefreshToken, responses((status = 200, body = SignedIn), (status = 401, body = crate::answer::ProblemBody)))]
#[post("/session/refresh", data = "<body>")]
async fn refresh(app: &Arrived, body: OpenBody<RefreshToken>) -> Api<SignedIn> {
    Ok(Answer::ok(services::refresh(app, &body.0.refresh_token).await?))
}

/// Signs out.
#[utoipa::path(tag = "comptes", responses((status = 204)))]
#[delete("/session")]
async fn sign_out(app: &Arrived, who: Who) -> Result<Status, ApiError> {
    services::sign_out(app, who.signed()?.sign_in).await?;
    Ok(Status::NoContent)
}

/// One's own account.
#[utoipa::path(tag = "comptes", responses((status = 200, body = Me), (status = 401, body = crate::answer::ProblemBody)))]
#[get("/me")]
async fn me(app: &Arrived, who: Who) -> Api<Me> {
    Ok(Answer::ok(services::show_me(app, who.signed()?).await?))
}

/// Makes an account; the address is confirmed by a message.
#[utoipa::path(tag = "comptes", security(()), request_body = NewAccount, responses((status = 202), (status = 422, body = crate::answer::ProblemBody), (status = 429, body = crate::answer::ProblemBody)))]
#[post("/accounts", data = "<body>")]
async fn sign_up(app: &Arrived, from: Peer, body: OpenBody<NewAccount>) -> Result<Status, ApiError> {
    services::sign_up(app, &body.0.email, &body.0.name, &body.0.password, from.0).await?;
    Ok(Status::Accepted)
}

/// Confirms an address.
#[utoipa::path(tag = "comptes", security(()), request_body = Token, responses((status = 204), (status = 409, body = crate::answer::ProblemBody), (status = 422, body = crate::answer::ProblemBody)))]
#[post("/accounts/confirmation", data = "<body>")]
async fn confirm(app: &Arrived, body: OpenBody<Token>) -> Result<Status, ApiError> {
    services::confirm_email(app, &body.0.token).await?;
    Ok(Status::NoContent)
}

/// Sends another link in place of one to confirm an address that came too late.
#[utoipa::path(tag = "comptes", security(()), request_body = Token, responses((status = 202), (status = 429, body = crate::answer::ProblemBody)))]
#[post("/accounts/confirmation/link", data = "<body>")]
async fn renew_link(app: &Arrived, from: Peer, body: OpenBody<Token>) -> Result<Status, ApiError> {
    services::request_new_link(app, &body.0.token, from.0).await?;
    Ok(Status::Accepted)
}

/// Asks for a link to choose another password.
#[utoipa::path(tag = "comptes", security(()), request_body = Address, responses((status = 202), (status = 429, body = crate::answer::ProblemBody)))]
#[post("/accounts/password-reset", data = "<body>")]
async fn request_reset(app: &Arrived, from: Peer, body: OpenBody<Address>) -> Result<Status, ApiError> {
    services::request_password_reset(app, &body.0.email, from.0).await?;
    Ok(Status::Accepted)
}

/// Chooses a password with a token.
#[utoipa::path(tag = "comptes", security(()), request_body = NewPassword, responses((status = 204), (status = 422, body = crate::answer::ProblemBody)))]
#[put("/accounts/password", data = "<body>")]
async fn choose_password(
    app: &Arrived,
    cookies: &CookieJar<'_>,
    body: OpenBody<NewPassword>,
) -> Result<Status, ApiError> {
    let browser = services::choose_password(app, &body.0.token, &body.0.password).await?;
    remember(cookies, &browser, app.settings.is_secure());
    Ok(Status::NoContent)
}

#[derive(Deserialize, ToSchema)]
struct OwnName {
    name: String,
}

#[derive(Deserialize, ToSchema)]
struct OwnPassword {
    current_password: String,
    password: String,
}

#[derive(Deserialize, ToSchema)]
struct OwnEmail {
    email: String,
    current_password: String,
}

/// Changes one's own name.
#[utoipa::path(tag = "comptes", request_body = OwnName, responses((status = 200, body = Me), (status = 401, body = crate::answer::ProblemBody), (status = 422, body = crate::answer::ProblemBody)))]
#[patch("/me", data = "<body>")]
async fn change_me(app: &Arrived, who: Who, body: Body<OwnName>) -> Api<Me> {
    services::change_name(app, who.signed()?, &body.0.name).await?;
    let mut signed = who.signed()?.clone();
    signed.account.name = body.0.name;
    Ok(Answer::ok(services::show_me(app, &signed).await?))
}

/// Chooses another password, with the current one; every other sign-in ends.
#[utoipa::path(tag = "comptes", request_body = OwnPassword, responses((status = 204), (status = 401, body = crate::answer::ProblemBody), (status = 422, body = crate::answer::ProblemBody), (status = 429, body = crate::answer::ProblemBody)))]
#[put("/me/password", data = "<body>")]
async fn change_password(app: &Arrived, who: Who, body: Body<OwnPassword>) -> Result<Status, ApiError> {
    services::change_password(app, who.signed()?, &body.0.current_password, &body.0.password).await?;
    Ok(Status::NoContent)
}

/// Asks for another address, which counts once it is confirmed by the message sent there.
#[utoipa::path(tag = "comptes", request_body = OwnEmail, responses((status = 202), (status = 401, body = crate::answer::ProblemBody), (status = 422, body = crate::answer::ProblemBody), (status = 429, body = crate::answer::ProblemBody)))]
#[put("/me/email", data = "<body>")]
async fn change_email(app: &Arrived, who: Who, body: Body<OwnEmail>) -> Result<Status, ApiError> {
    services::change_email(app, who.signed()?, &body.0.email, &body.0.current_password).await?;
    Ok(Status::Accepted)
}

/// One's own invitations and requests that are open.
#[utoipa::path(tag = "structures", responses((status = 200, body = Items<InvitationView>), (status = 401, body = crate::answer::ProblemBody)))]
#[get("/me/invitations")]
async fn invitations(app: &Arrived, who: Who) -> Api<Items<InvitationView>> {
    Ok(Answer::ok(Items { items: member_services::list_invitations(app, who.actor()).await? }))
}

/// Accepts an invitation, or a request as a member.
#[utoipa::path(tag = "structures", params(("id" = String, Path)), responses((status = 204), (status = 404, body = crate::answer::ProblemBody)))]
#[post("/invitations/<id>/acceptance")]
async fn accept_invitation(app: &Arrived, who: Who, id: Id) -> Result<Status, ApiError> {
    member_services::accept_invitation(app, who.actor(), id.get()).await?;
    Ok(Status::NoContent)
}

/// Declines an invitation or a request, or takes it back.
#[utoipa::path(tag = "structures", params(("id" = String, Path)), responses((status = 204), (status = 404, body = crate::answer::ProblemBody)))]
#[delete("/invitations/<id>")]
async fn decline_invitation(app: &Arrived, who: Who, id: Id) -> Result<Status, ApiError> {
    member_services::decline_invitation(app, who.actor(), id.get()).await?;
    Ok(Status::NoContent)
}

#[derive(Deserialize, ToSchema)]
struct Registered {
    siret: String,
}

/// Asks the members of the organisation with a SIRET to join it.
#[utoipa::path(tag = "structures", request_body = Registered, responses((status = 202), (status = 409, body = crate::answer::ProblemBody), (status = 422, body = crate::answer::ProblemBody), (status = 429, body = crate::answer::ProblemBody)))]
#[post("/organisations/requests", data = "<body>")]
async fn request_to_join(app: &Arrived, who: Who, body: Body<Registered>) -> Result<Status, ApiError> {
    member_services::request_to_join(app, who.actor(), &body.0.siret).await?;
    Ok(Status::Accepted)
}

/// Registers an organisation.
#[utoipa::path(tag = "structures", request_body = OrganisationInput, responses((status = 201, body = OrganisationView), (status = 409, body = crate::answer::ProblemBody)))]
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

/// An organisation's members and those who may become some, as one of them.
#[utoipa::path(tag = "structures", params(("id" = String, Path)), responses((status = 200, body = Items<MemberView>)))]
#[get("/organisations/<id>/members")]
async fn members(app: &Arrived, who: Who, id: Id) -> Api<Items<MemberView>> {
    Ok(Answer::ok(Items { items: member_services::list_members(app, who.actor(), id.get()).await? }))
}

/// Invites somebody, who gets a message and is a member once they accept.
#[utoipa::path(tag = "structures", params(("id" = String, Path)), request_body = MemberInput, responses((status = 201, body = Items<MemberView>), (status = 409, body = crate::answer::ProblemBody), (status = 429, body = crate::answer::ProblemBody)))]
#[post("/organisations/<id>/members", data = "<body>")]
async fn invite_member(app: &Arrived, who: Who, id: Id, body: Body<MemberInput>) -> Api<Items<MemberView>> {
    let members = member_services::invite_member(app, who.actor(), id.get(), &body.0).await?;
    Ok(Answer::created(Items { items: members }))
}

/// Removes a member, takes an invitation back or declines a request.
#[utoipa::path(tag = "structures", params(("id" = String, Path), ("member" = String, Path)), responses((status = 204), (status = 409, body = crate::answer::ProblemBody)))]
#[delete("/organisations/<id>/members/<member>")]
async fn remove_member(app: &Arrived, who: Who, id: Id, member: Id) -> Result<Status, ApiError> {
    member_services::remove_member(app, who.actor(), id.get(), member.get()).await?;
    Ok(Status::NoContent)
}
