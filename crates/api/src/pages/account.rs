//! Pages of one's own account, and of what one is invited to.

use ami_services::accounts;
use ami_services::members;
use rocket::http::{CookieJar, Status};
use rocket::{Route, get, post, routes};
use serde_json::{Value, json};

use super::forms::Fields;
use super::{Ctx, Html, is_of_form, listed};
use crate::guards::Id;

pub(super) fn routes() -> Vec<Route> {
    routes![own, change_name, change_email, change_password, accept, decline, request_to_join]
}

fn own_page(ctx: &Ctx<'_>, status: Status, typed: &Value, errors: &Value) -> Html {
    let account = &ctx.who.signed()?.account;
    let mut body = json!({
        "name": account.name, "email": "", "current": account.email.as_str(), "form": "", "errors": errors,
        "min": accounts::PASSWORD_MIN,
    });
    if let (Some(body), Some(typed)) = (body.as_object_mut(), typed.as_object()) {
        body.extend(typed.clone());
    }
    ctx.page_with(status, "account", &body)
}

/// After a change: on to the page, or the form again with what was typed.
fn changed(
    ctx: &Ctx<'_>,
    cookies: &CookieJar<'_>,
    outcome: ami_services::Result<()>,
    note: &'static str,
    typed: &Value,
) -> Html {
    match outcome {
        Ok(()) => ctx.go(cookies, "/compte".into(), Some(note)),
        Err(error) if is_of_form(&error) => own_page(ctx, crate::answer::status(error.kind), typed, &listed(&error)),
        Err(error) => Err(error.into()),
    }
}

/// `volet` opens one form: two that ask for the current password would stand side by side.
#[get("/compte?<volet>")]
fn own(ctx: Ctx<'_>, volet: Option<&str>) -> Html {
    let form = if volet == Some("mot-de-passe") { "password" } else { "" };
    own_page(&ctx, Status::Ok, &json!({ "form": form }), &json!([]))
}

#[post("/compte/nom", data = "<form>")]
async fn change_name(ctx: Ctx<'_>, cookies: &CookieJar<'_>, form: Fields) -> Html {
    let outcome = accounts::change_name(ctx.app, ctx.who.signed()?, form.get("name")).await;
    changed(&ctx, cookies, outcome, "saved", &json!({ "name": form.get("name"), "form": "name" }))
}

#[post("/compte/adresse", data = "<form>")]
async fn change_email(ctx: Ctx<'_>, cookies: &CookieJar<'_>, form: Fields) -> Html {
    let (email, password) = (form.get("email"), form.get("current_password"));
    let outcome = accounts::change_email(ctx.app, ctx.who.signed()?, email, password).await;
    changed(&ctx, cookies, outcome, "email-asked", &json!({ "email": email, "form": "email" }))
}

#[post("/compte/nouveau-mot-de-passe", data = "<form>")]
async fn change_password(ctx: Ctx<'_>, cookies: &CookieJar<'_>, form: Fields) -> Html {
    let signed = ctx.who.signed()?;
    let outcome = if form.get("password") == form.get("again") {
        accounts::change_password(ctx.app, signed, form.get("current_password"), form.get("password")).await
    } else {
        Err(ami_services::Error::field("/again", "password-again"))
    };
    changed(&ctx, cookies, outcome, "password-changed", &json!({ "form": "password" }))
}

/// Where an answer to an invitation or a request leads back to.
fn back(form: &Fields) -> String {
    form.get("organisation")
        .parse::<uuid::Uuid>()
        .map_or_else(|_| "/espace".to_owned(), |id| format!("/structures/{id}/membres"))
}

#[post("/invitations/<id>/accepter", data = "<form>")]
async fn accept(ctx: Ctx<'_>, cookies: &CookieJar<'_>, id: Id, form: Fields) -> Html {
    members::accept_invitation(ctx.app, ctx.who.actor(), id.get()).await?;
    ctx.go(cookies, back(&form), Some("accepted"))
}

#[post("/invitations/<id>/decliner", data = "<form>")]
async fn decline(ctx: Ctx<'_>, cookies: &CookieJar<'_>, id: Id, form: Fields) -> Html {
    members::decline_invitation(ctx.app, ctx.who.actor(), id.get()).await?;
    ctx.go(cookies, back(&form), Some("saved"))
}

#[post("/structures/demande", data = "<form>")]
async fn request_to_join(ctx: Ctx<'_>, cookies: &CookieJar<'_>, form: Fields) -> Html {
    members::request_to_join(ctx.app, ctx.who.actor(), form.get("siret")).await?;
    ctx.go(cookies, "/espace".into(), Some("request-sent"))
}
