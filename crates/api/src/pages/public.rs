//! Pages for everyone: calls, accounts, notices.

use ami_services::accounts::{self, LinkState};
use ami_services::calls::PublicCall;
use ami_services::questions::{self, PublishedQuestion};
use ami_services::{calendars, calls, dossiers, members, officers, organisations, outbox, sheets};
use rocket::http::{ContentType, Cookie, CookieJar, SameSite, Status};
use rocket::{Route, get, post, routes};
use serde::Serialize;
use serde_json::{Value, json};

use super::forms::Fields;
use super::{Ctx, Html, PageError, is_of_form, listed};
use crate::answer::Download;
use crate::guards::{Peer, Stranger, Who, remember};
use crate::json::Toml;

pub(super) fn routes() -> Vec<Route> {
    routes![
        home,
        call,
        rules,
        calendar,
        sign_in,
        sign_in_now,
        sign_out,
        sign_up,
        sign_up_now,
        confirm,
        confirm_now,
        renew_link,
        forgotten,
        forgotten_now,
        password,
        password_now,
        space,
        accessibility,
        notices,
        mails
    ]
}

#[get("/")]
async fn home(ctx: Ctx<'_>) -> Html {
    if ctx.is_visitor() {
        let (stamp, calls) = calls::list_public(ctx.app).await?;
        return ctx.kept_page(stamp, "home", async { Ok(calls) }, |calls| Ok(json!({ "calls": calls }))).await;
    }
    let calls = calls::list_calls(ctx.app, ctx.who.actor()).await?;
    ctx.page("home", &json!({ "calls": calls }))
}

#[get("/appels/<code>")]
async fn call(ctx: Ctx<'_>, code: &str) -> Html {
    if ctx.is_visitor() {
        let stamp = calls::public_stamp(ctx.app, code).await?;
        let (asked, questions) = questions::list_published(ctx.app, None, code).await?;
        let asks = questions::takes_questions(&calls::show_call(ctx.app, None, code).await?);
        let load = calls::show_public_call(ctx.app, None, code);
        let body = move |call| Ok(CallPage { call, questions, asks });
        return ctx.kept_page(format!("{stamp} {asked} {asks}"), "call", load, body).await;
    }
    let who = ctx.who.actor();
    let (_, questions) = questions::list_published(ctx.app, who, code).await?;
    let asks = questions::takes_questions(&calls::show_call(ctx.app, who, code).await?);
    ctx.page("call", &CallPage { call: calls::show_public_call(ctx.app, who, code).await?, questions, asks })
}

/// A call's public page.
#[derive(Serialize)]
struct CallPage {
    #[serde(flatten)]
    call: PublicCall,
    questions: Vec<PublishedQuestion>,
    /// Whether it takes questions now.
    asks: bool,
}

/// The rules as a file, whose SHA-256 the page shows.
#[get("/appels/<code>/reglement.toml")]
async fn rules(ctx: Ctx<'_>, code: &str) -> Result<Toml, PageError> {
    let text = calls::rules_file(ctx.app, ctx.who.actor(), code).await?;
    Ok(Toml { text, name: format!("reglement-{code}.toml"), revision: None })
}

/// Its dates, for people's own calendars.
#[get("/appels/<code>/calendrier.ics")]
async fn calendar(ctx: Ctx<'_>, code: &str) -> Result<Download, PageError> {
    let file = calendars::call_calendar(ctx.app, ctx.who.actor(), code).await?;
    let kind = ContentType::new("text", "calendar").with_params(("charset", "utf-8"));
    Ok(Download { bytes: file.bytes, name: file.name, kind, inline: false })
}

/// The page to sign in; `kept` is a form that waits for it, to be sent to `to`.
pub(super) fn sign_in_page(ctx: &Ctx<'_>, status: Status, email: &str, to: &str, kept: &str, errors: &Value) -> Html {
    ctx.page_with(status, "sign_in", &json!({ "email": email, "to": to, "kept": kept, "errors": errors }))
}

/// Only a path of our own: nobody is sent elsewhere by a link.
fn safe_target(to: &str) -> String {
    if to.starts_with('/') && !to.starts_with("//") && !to.contains('\\') && !to.contains("..") {
        to.to_owned()
    } else {
        "/espace".to_owned()
    }
}

/// Where somebody was going who had no account, or no organisation, yet.
const TOWARDS: &str = "ami_towards";

/// Keeps in the browser where somebody was going, for the days that a sign-up may take.
pub(super) fn keep_towards(cookies: &CookieJar<'_>, to: String, secure: bool) {
    let kept = Cookie::build((TOWARDS, to)).path("/").http_only(true).secure(secure);
    cookies.add(kept.same_site(SameSite::Lax).max_age(rocket::time::Duration::days(7)));
}

/// Where they were going; nothing keeps them from going elsewhere.
pub(super) fn towards(cookies: &CookieJar<'_>) -> String {
    safe_target(cookies.get(TOWARDS).map_or("", Cookie::value))
}

/// They have arrived.
pub(super) fn arrived(cookies: &CookieJar<'_>) {
    if cookies.get(TOWARDS).is_some() {
        cookies.remove(Cookie::build(TOWARDS).path("/"));
    }
}

#[get("/connexion?<vers>")]
fn sign_in(ctx: Ctx<'_>, vers: Option<&str>) -> Html {
    sign_in_page(&ctx, Status::Ok, "", vers.unwrap_or_default(), "", &json!([]))
}

#[post("/connexion", data = "<form>")]
async fn sign_in_now(ctx: Ctx<'_>, asker: Stranger, cookies: &CookieJar<'_>, form: Fields) -> Html {
    match accounts::sign_in(ctx.app, form.get("email"), form.get("password"), &asker.0).await {
        Ok(tokens) => {
            crate::guards::keep(cookies, &tokens, ctx.app.settings.is_secure());
            let to = match form.get("to") {
                "" => towards(cookies),
                to => safe_target(to),
            };
            if form.has("kept") {
                let signed = accounts::authenticate(ctx.app, &tokens.access_token).await?;
                let ctx = Ctx { who: Who(signed), ..ctx };
                let saved = super::sections::save_kept(&ctx, cookies, &to, form.get("kept")).await;
                return saved.unwrap_or_else(|| ctx.go(cookies, to, None));
            }
            ctx.go(cookies, to, None)
        }
        Err(error) if matches!(error.code, "sign-in" | "confirm-email") => {
            let (email, to, kept) = (form.get("email"), form.get("to"), form.get("kept"));
            sign_in_page(&ctx, Status::UnprocessableEntity, email, to, kept, &listed(&error))
        }
        Err(error) => Err(error.into()),
    }
}

#[post("/deconnexion")]
async fn sign_out(ctx: Ctx<'_>, cookies: &CookieJar<'_>) -> Html {
    if let Some(signed) = &ctx.who.0 {
        accounts::sign_out(ctx.app, signed.sign_in).await?;
    }
    crate::guards::forget(cookies, ctx.app.settings.is_secure());
    ctx.go(cookies, "/".into(), Some("signed-out"))
}

#[get("/inscription")]
fn sign_up(ctx: Ctx<'_>) -> Html {
    ctx.page("sign_up", &json!({ "email": "", "name": "", "errors": [], "sent": false, "min": accounts::PASSWORD_MIN }))
}

#[post("/inscription", data = "<form>")]
async fn sign_up_now(ctx: Ctx<'_>, from: Peer, form: Fields) -> Html {
    let (email, name) = (form.get("email"), form.get("name"));
    let page = |status, errors: Value, sent| {
        let body =
            json!({ "email": email, "name": name, "errors": errors, "sent": sent, "min": accounts::PASSWORD_MIN });
        ctx.page_with(status, "sign_up", &body)
    };
    match accounts::sign_up(ctx.app, email, name, form.get("password"), from.0).await {
        Ok(()) => page(Status::Ok, json!([]), true),
        Err(error) if is_of_form(&error) => page(Status::UnprocessableEntity, listed(&error), false),
        Err(error) => Err(error.into()),
    }
}

fn confirm_page(ctx: &Ctx<'_>, status: Status, token: &str, state: &str, errors: &Value) -> Html {
    ctx.page_with(status, "confirm", &json!({ "token": token, "state": state, "errors": errors }))
}

#[get("/compte/confirmation?<jeton>")]
async fn confirm(ctx: Ctx<'_>, jeton: Option<&str>) -> Html {
    let token = jeton.unwrap_or_default();
    let state = accounts::link_state(ctx.app, token).await?;
    confirm_page(&ctx, Status::Ok, token, state.as_str(), &json!([]))
}

#[post("/compte/confirmation", data = "<form>")]
async fn confirm_now(ctx: Ctx<'_>, cookies: &CookieJar<'_>, form: Fields) -> Html {
    let token = form.get("token");
    match accounts::confirm_email(ctx.app, token).await {
        Ok(()) => ctx.go(cookies, "/connexion".into(), Some("confirmed")),
        Err(error) if is_of_form(&error) => {
            let state = accounts::link_state(ctx.app, token).await?;
            confirm_page(&ctx, Status::UnprocessableEntity, token, state.as_str(), &listed(&error))
        }
        Err(error) => Err(error.into()),
    }
}

#[post("/compte/confirmation/lien", data = "<form>")]
async fn renew_link(ctx: Ctx<'_>, from: Peer, form: Fields) -> Html {
    accounts::request_new_link(ctx.app, form.get("token"), from.0).await?;
    confirm_page(&ctx, Status::Ok, "", "sent", &json!([]))
}

#[get("/compte/mot-de-passe-oublie")]
fn forgotten(ctx: Ctx<'_>) -> Html {
    ctx.page("forgotten", &json!({ "email": "", "errors": [], "sent": false }))
}

#[post("/compte/mot-de-passe-oublie", data = "<form>")]
async fn forgotten_now(ctx: Ctx<'_>, from: Peer, form: Fields) -> Html {
    let email = form.get("email");
    match accounts::request_password_reset(ctx.app, email, from.0).await {
        Ok(()) => ctx.page("forgotten", &json!({ "email": email, "errors": [], "sent": true })),
        Err(error) if is_of_form(&error) => {
            let body = json!({ "email": email, "errors": listed(&error), "sent": false });
            ctx.page_with(Status::UnprocessableEntity, "forgotten", &body)
        }
        Err(error) => Err(error.into()),
    }
}

#[get("/compte/mot-de-passe?<jeton>")]
async fn password(ctx: Ctx<'_>, jeton: Option<&str>) -> Html {
    let token = jeton.unwrap_or_default();
    let good = accounts::link_state(ctx.app, token).await? == LinkState::Good;
    ctx.page("password", &json!({ "token": token, "good": good, "errors": [], "min": accounts::PASSWORD_MIN }))
}

#[post("/compte/mot-de-passe", data = "<form>")]
async fn password_now(ctx: Ctx<'_>, cookies: &CookieJar<'_>, form: Fields) -> Html {
    let token = form.get("token");
    let outcome = if form.get("password") == form.get("again") {
        accounts::choose_password(ctx.app, token, form.get("password")).await
    } else {
        Err(ami_services::Error::field("/again", "password-again"))
    };
    match outcome {
        Ok(browser) => {
            remember(cookies, &browser, ctx.app.settings.is_secure());
            ctx.go(cookies, "/connexion".into(), Some("password"))
        }
        Err(error) if is_of_form(&error) => {
            let good = accounts::link_state(ctx.app, token).await? == LinkState::Good;
            let body = json!({ "token": token, "good": good, "errors": listed(&error), "min": accounts::PASSWORD_MIN });
            ctx.page_with(Status::UnprocessableEntity, "password", &body)
        }
        Err(error) => Err(error.into()),
    }
}

#[get("/espace")]
async fn space(ctx: Ctx<'_>) -> Html {
    let me = accounts::show_me(ctx.app, ctx.who.signed()?).await?;
    let (discarded, mine): (Vec<_>, Vec<_>) = dossiers::list_whatever_is_mine(ctx.app, ctx.who.actor())
        .await?
        .into_iter()
        .partition(|d| d.discarded_at.is_some());
    let calls = calls::list_calls(ctx.app, ctx.who.actor()).await?;
    let sheets = if me.seats.is_empty() {
        vec![]
    } else {
        // A juror who has not declared conflicts yet has no list: the page says what to do first.
        sheets::list_sheets(ctx.app, ctx.who.actor()).await.unwrap_or_default()
    };
    let locked = sheets.iter().filter(|s| s.state == "locked").count();
    let body = json!({
        "me": me, "dossiers": mine, "discarded": discarded, "calls": calls, "sheets": sheets.len(), "locked": locked,
        "forms": organisations::LEGAL_FORMS, "invitations": members::list_invitations(ctx.app, ctx.who.actor()).await?,
        "call_invitations": officers::list_call_invitations(ctx.app, ctx.who.actor()).await?,
        "creates": ctx.who.signed()?.actor.officer,
    });
    ctx.page("space", &body)
}

#[get("/accessibilite")]
fn accessibility(ctx: Ctx<'_>) -> Html {
    ctx.page("accessibility", &json!({}))
}

/// What the demonstration has sent: whoever tries it has no mailbox to look into.
#[get("/demonstration/courriels")]
async fn mails(ctx: Ctx<'_>) -> Html {
    let mails = outbox::list_demonstration_mails(ctx.app).await?;
    ctx.page("mails", &json!({ "mails": mails }))
}

#[get("/mentions")]
fn notices(ctx: Ctx<'_>) -> Html {
    ctx.page("notices", &json!({}))
}
