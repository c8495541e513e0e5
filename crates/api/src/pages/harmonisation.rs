//! Rounds of marking: an officer opens them, jurors discuss where their marks are far apart.

use std::collections::BTreeMap;

use ami_domain::call::end_of_day;
use ami_domain::round::RoundKind;
use ami_services::calls::CallView;
use ami_services::harmonisation::{self, HarmonisationView, ThreadView};
use ami_services::sheets::{Given, SheetChanges};
use ami_services::{Error, calls};
use rocket::http::{CookieJar, Status};
use rocket::{Route, get, post, routes};
use serde::Serialize;
use serde_json::{Value, json};

use super::forms::Fields;
use super::{Ctx, Html, is_of_form, listed};
use crate::guards::Id;

pub(super) fn routes() -> Vec<Route> {
    routes![rounds, open, juror_list, thread, answer]
}

/// What an officer or a juror sees of a call's round.
#[derive(Serialize)]
struct RoundPage<'a> {
    call: &'a CallView,
    view: &'a HarmonisationView,
    /// Whether the reader may open a round: it is an officer's page.
    officer: bool,
    /// What was typed.
    kind: &'a str,
    until: &'a str,
    errors: &'a Value,
}

async fn round_page(ctx: &Ctx<'_>, status: Status, code: &str, officer: bool, typed: &Fields, errors: &Value) -> Html {
    let view = harmonisation::show_harmonisation(ctx.app, ctx.who.actor(), code).await?;
    let call = calls::show_call(ctx.app, ctx.who.actor(), code).await?;
    let body =
        RoundPage { call: &call, view: &view, officer, kind: typed.get("kind"), until: typed.get("until"), errors };
    ctx.page_with(status, "rounds", &body)
}

#[get("/gestion/<code>/tours")]
async fn rounds(ctx: Ctx<'_>, code: &str) -> Html {
    // The counts of a jury are its officers' alone; who else asks is answered as there.
    ami_services::jury::list_seats(ctx.app, ctx.who.actor(), code).await?;
    round_page(&ctx, Status::Ok, code, true, &Fields::default(), &json!([])).await
}

#[post("/gestion/<code>/tours", data = "<form>")]
async fn open(ctx: Ctx<'_>, cookies: &CookieJar<'_>, code: &str, form: Fields) -> Html {
    ami_services::jury::list_seats(ctx.app, ctx.who.actor(), code).await?;
    let outcome = match (RoundKind::parse(form.get("kind")), end_of_day(form.get("until"))) {
        (None, _) => Err(Error::field("/kind", "field-choice")),
        (_, None) => Err(Error::field("/until", "field-date")),
        (Some(kind), Some(until)) => {
            harmonisation::open_round(ctx.app, ctx.who.actor(), code, kind, until).await
        }
    };
    match outcome {
        Ok(()) => ctx.go(cookies, format!("/gestion/{code}/tours"), Some("round-opened")),
        Err(e) if is_of_form(&e) => {
            round_page(&ctx, Status::UnprocessableEntity, code, true, &form, &listed(&e)).await
        }
        Err(e) => Err(e.into()),
    }
}

#[get("/jury/<code>/harmonisation")]
async fn juror_list(ctx: Ctx<'_>, code: &str) -> Html {
    round_page(&ctx, Status::Ok, code, false, &Fields::default(), &json!([])).await
}

/// The discussion of one criterion.
#[derive(Serialize)]
struct ThreadPage<'a> {
    code: &'a str,
    view: &'a ThreadView,
    scale: Vec<Choice<'a>>,
    typed: Typed<'a>,
    errors: &'a Value,
}

/// A mark that may be given.
#[derive(Serialize)]
struct Choice<'a> {
    value: String,
    label: &'a str,
}

/// What was typed.
#[derive(Serialize)]
struct Typed<'a> {
    mark: &'a str,
    reason: &'a str,
    text: &'a str,
}

async fn thread_page(
    ctx: &Ctx<'_>,
    status: Status,
    (code, id, criterion): (&str, Id, &str),
    typed: &Fields,
    errors: &Value,
) -> Html {
    let view = harmonisation::show_thread(ctx.app, ctx.who.actor(), code, id.get(), criterion).await?;
    let call = calls::show_call(ctx.app, ctx.who.actor(), code).await?;
    let words: Vec<(i64, String)> =
        call.definition.grid.scale.marks().map(|(v, word)| (v, format!("{v} {word}"))).collect();
    let body = ThreadPage {
        code,
        scale: words.iter().map(|(value, label)| Choice { value: value.to_string(), label: label.trim() }).collect(),
        view: &view,
        typed: Typed { mark: typed.get("mark"), reason: typed.get("reason"), text: typed.get("text") },
        errors,
    };
    ctx.page_with(status, "thread", &body)
}

#[get("/jury/<code>/harmonisation/<id>/<criterion>")]
async fn thread(ctx: Ctx<'_>, code: &str, id: Id, criterion: &str) -> Html {
    thread_page(&ctx, Status::Ok, (code, id, criterion), &Fields::default(), &json!([])).await
}

/// Changes one's mark, or says something.
#[post("/jury/<code>/harmonisation/<id>/<criterion>", data = "<form>")]
async fn answer(
    ctx: Ctx<'_>,
    cookies: &CookieJar<'_>,
    code: &str,
    id: Id,
    criterion: &str,
    form: Fields,
) -> Html {
    let who = ctx.who.actor();
    let outcome = if form.has("mark") {
        let view = harmonisation::show_thread(ctx.app, who, code, id.get(), criterion).await?;
        let mark = form.get("mark").parse().map_or_else(|_| Given::Unread(json!(form.get("mark"))), Given::Mark);
        let changes = SheetChanges {
            marks: BTreeMap::from([(criterion.to_owned(), Some(mark))]),
            reasons: BTreeMap::from([(criterion.to_owned(), form.get("reason").to_owned())]),
            ..SheetChanges::default()
        };
        harmonisation::change_marks(ctx.app, who, view.sheet.into(), &changes).await.map(|_| "mark-changed")
    } else {
        harmonisation::say(ctx.app, who, code, id.get(), criterion, form.get("text")).await.map(|()| "saved")
    };
    match outcome {
        Ok(note) => ctx.go(cookies, format!("/jury/{code}/harmonisation/{}/{criterion}", id.get::<uuid::Uuid>()), Some(note)),
        Err(e) if is_of_form(&e) => {
            thread_page(&ctx, Status::UnprocessableEntity, (code, id, criterion), &form, &listed(&e)).await
        }
        Err(e) => Err(e.into()),
    }
}
