//! Pages about who creates and runs calls: an administrator's list, a call's team, one's own invitations.

use ami_domain::policy::OfficerRole;
use ami_services::members::MemberInput;
use ami_services::officers::{self as services, NamedOfficer, OfficerInput, OfficerView};
use ami_services::writing::show_writing;
use ami_services::{Error, calls::CallSummary};
use rocket::http::{CookieJar, Status};
use rocket::{Route, get, post, routes};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::forms::Fields;
use super::{Ctx, Html, is_of_form, listed};
use crate::guards::Id;

pub(super) fn routes() -> Vec<Route> {
    routes![named, name, unname, team, invite, change_role, remove, answer]
}

/// What was typed into a form about a person.
#[derive(Debug, Default, Serialize)]
struct Typed {
    name: String,
    email: String,
    role: String,
}

impl Typed {
    fn of(form: &Fields) -> Self {
        let typed = |name: &str| form.get(name).to_owned();
        Self { name: typed("name"), email: typed("email"), role: typed("role") }
    }
}

#[derive(Debug, Serialize)]
struct NamedPage {
    officers: Vec<NamedOfficer>,
    typed: Typed,
    errors: Value,
}

async fn named_page(ctx: &Ctx<'_>, status: Status, typed: Typed, errors: Value) -> Html {
    let officers = services::list_named(ctx.app, ctx.who.actor()).await?;
    ctx.page_with(status, "named_officers", &NamedPage { officers, typed, errors })
}

#[get("/administration/agents")]
async fn named(ctx: Ctx<'_>) -> Html {
    named_page(&ctx, Status::Ok, Typed::default(), Value::Array(vec![])).await
}

#[post("/administration/agents", data = "<form>")]
async fn name(ctx: Ctx<'_>, cookies: &CookieJar<'_>, form: Fields) -> Html {
    let input = MemberInput { name: form.get("name").to_owned(), email: form.get("email").to_owned() };
    match services::name_officer(ctx.app, ctx.who.actor(), &input).await {
        Ok(_) => ctx.go(cookies, "/administration/agents".into(), Some("officer-named")),
        Err(e) if is_of_form(&e) => named_page(&ctx, Status::UnprocessableEntity, Typed::of(&form), listed(&e)).await,
        Err(e) => Err(e.into()),
    }
}

#[post("/administration/agents/<id>/retirer")]
async fn unname(ctx: Ctx<'_>, cookies: &CookieJar<'_>, id: Id) -> Html {
    services::unname_officer(ctx.app, ctx.who.actor(), id.get()).await?;
    ctx.go(cookies, "/administration/agents".into(), Some("officer-removed"))
}

#[derive(Debug, Serialize)]
struct TeamPage {
    call: CallSummary,
    officers: Vec<OfficerView>,
    /// Whose page it is.
    me: Uuid,
    /// Whether they may say who else runs the call.
    owner: bool,
    roles: Vec<Role>,
    typed: Typed,
    errors: Value,
}

#[derive(Debug, Serialize)]
struct Role {
    value: &'static str,
    label: Option<String>,
    about: Option<String>,
}

fn roles() -> Vec<Role> {
    OfficerRole::ALL
        .iter()
        .map(|role| Role {
            value: role.as_str(),
            label: ami_views::message(&format!("role-{}", role.as_str()), &[]),
            about: ami_views::message(&format!("role-about-{}", role.as_str()), &[]),
        })
        .collect()
}

async fn team_page(ctx: &Ctx<'_>, status: Status, code: &str, typed: Typed, errors: Value) -> Html {
    let officers = services::list_officers(ctx.app, ctx.who.actor(), code).await?;
    let me = ctx.who.signed()?.account.id.uuid();
    let owner = officers.iter().any(|o| o.id == me && o.role == OfficerRole::Owner);
    let call = show_writing(ctx.app, ctx.who.actor(), code).await?.call;
    ctx.page_with(status, "team", &TeamPage { call, officers, me, owner, roles: roles(), typed, errors })
}

#[get("/gestion/<code>/equipe")]
async fn team(ctx: Ctx<'_>, code: &str) -> Html {
    team_page(&ctx, Status::Ok, code, Typed::default(), Value::Array(vec![])).await
}

fn role(form: &Fields) -> Result<OfficerRole, Error> {
    OfficerRole::parse(form.get("role")).ok_or_else(|| Error::field("/role", "officer-role"))
}

/// Back to the team, which says how it went.
async fn done(
    ctx: &Ctx<'_>,
    cookies: &CookieJar<'_>,
    code: &str,
    form: &Fields,
    outcome: Result<(), Error>,
    note: &'static str,
) -> Html {
    match outcome {
        Ok(()) => ctx.go(cookies, format!("/gestion/{code}/equipe"), Some(note)),
        Err(e) if is_of_form(&e) => {
            let status = crate::answer::status(e.kind);
            team_page(ctx, status, code, Typed::of(form), listed(&e)).await
        }
        Err(e) => Err(e.into()),
    }
}

#[post("/gestion/<code>/equipe", data = "<form>", rank = 2)]
async fn invite(ctx: Ctx<'_>, cookies: &CookieJar<'_>, code: &str, form: Fields) -> Html {
    let outcome = match role(&form) {
        Ok(role) => {
            let (name, email) = (form.get("name").to_owned(), form.get("email").to_owned());
            services::invite_officer(ctx.app, ctx.who.actor(), code, &OfficerInput { name, email, role }).await
        }
        // Who asks is looked at before what they sent.
        Err(e) => services::list_officers(ctx.app, ctx.who.actor(), code).await.and(Err(e)),
    };
    done(&ctx, cookies, code, &form, outcome, "officer-invited").await
}

#[post("/gestion/<code>/equipe/role", data = "<form>", rank = 2)]
async fn change_role(ctx: Ctx<'_>, cookies: &CookieJar<'_>, code: &str, form: Fields) -> Html {
    let outcome = match role(&form) {
        Ok(role) => services::change_role(ctx.app, ctx.who.actor(), code, form.id("member"), role).await,
        Err(e) => services::list_officers(ctx.app, ctx.who.actor(), code).await.and(Err(e)),
    };
    done(&ctx, cookies, code, &form, outcome, "officer-removed").await
}

#[post("/gestion/<code>/equipe/retirer", data = "<form>", rank = 2)]
async fn remove(ctx: Ctx<'_>, cookies: &CookieJar<'_>, code: &str, form: Fields) -> Html {
    let whom: Uuid = form.id("member");
    let outcome = services::remove_officer(ctx.app, ctx.who.actor(), code, whom).await;
    if outcome.is_ok() && ctx.who.signed()?.account.id.uuid() == whom {
        return ctx.go(cookies, "/espace".into(), Some("officer-left"));
    }
    done(&ctx, cookies, code, &form, outcome, "officer-removed").await
}

#[post("/invitations-appels/<id>/<answer>")]
async fn answer(ctx: Ctx<'_>, cookies: &CookieJar<'_>, id: Id, answer: &str) -> Html {
    let accepts = match answer {
        "accepter" => true,
        "decliner" => false,
        _ => return Err(Error::not_found().into()),
    };
    services::answer_invitation(ctx.app, ctx.who.actor(), id.get(), accepts).await?;
    ctx.go(cookies, "/espace".into(), Some(if accepts { "officer-joined" } else { "officer-removed" }))
}
