//! Pages of questions on a call: whoever asks, and the officers who answer.

use ami_domain::ids::QuestionId;
use ami_services::calls::{self, CallView};
use ami_services::questions::{self as services, NewAnswer, NewQuestion, QuestionView};
use rocket::http::{CookieJar, Status};
use rocket::{Route, get, post, routes};
use serde::Serialize;
use serde_json::{Value, json};

use super::forms::Fields;
use super::{Ctx, Html, is_of_form, listed};
use crate::guards::Id;

pub(super) fn routes() -> Vec<Route> {
    routes![ask, ask_now, asked, answer]
}

#[derive(Serialize)]
struct AskPage<'a> {
    call: CallView,
    questions: Vec<QuestionView>,
    /// Whether questions are taken.
    open: bool,
    /// What was typed.
    text: &'a str,
    errors: Value,
}

async fn ask_page(ctx: &Ctx<'_>, status: Status, code: &str, text: &str, errors: Value) -> Html {
    ctx.who.signed()?;
    let who = ctx.who.actor();
    let call = calls::show_call(ctx.app, who, code).await?;
    let questions = services::list_own(ctx.app, who, code).await?;
    let open = services::takes_questions(&call);
    ctx.page_with(status, "ask", &AskPage { call, questions, open, text, errors })
}

#[get("/appels/<code>/question")]
async fn ask(ctx: Ctx<'_>, code: &str) -> Html {
    ask_page(&ctx, Status::Ok, code, "", json!([])).await
}

#[post("/appels/<code>/question", data = "<form>")]
async fn ask_now(ctx: Ctx<'_>, cookies: &CookieJar<'_>, code: &str, form: Fields) -> Html {
    let new = NewQuestion { text: form.get("text").to_owned() };
    match services::ask_question(ctx.app, ctx.who.actor(), code, &new).await {
        Ok(_) => ctx.go(cookies, format!("/appels/{code}/question"), Some("asked")),
        Err(e) if is_of_form(&e) => ask_page(&ctx, Status::UnprocessableEntity, code, &new.text, listed(&e)).await,
        Err(e) => Err(e.into()),
    }
}

/// What was typed of an answer.
#[derive(Serialize)]
struct Typed {
    id: QuestionId,
    text: String,
    answer: String,
    publish: bool,
}

#[derive(Serialize)]
struct AskedPage {
    call: CallView,
    questions: Vec<QuestionView>,
    typed: Option<Typed>,
    errors: Value,
}

async fn asked_page(ctx: &Ctx<'_>, status: Status, code: &str, typed: Option<Typed>, errors: Value) -> Html {
    let who = ctx.who.actor();
    let questions = services::list_asked(ctx.app, who, code).await?;
    let call = calls::show_call(ctx.app, who, code).await?;
    ctx.page_with(status, "asked", &AskedPage { call, questions, typed, errors })
}

#[get("/gestion/<code>/questions")]
async fn asked(ctx: Ctx<'_>, code: &str) -> Html {
    asked_page(&ctx, Status::Ok, code, None, json!([])).await
}

#[post("/gestion/questions/<id>/reponse", data = "<form>")]
async fn answer(ctx: Ctx<'_>, cookies: &CookieJar<'_>, id: Id, form: Fields) -> Html {
    let id: QuestionId = id.get();
    let new = NewAnswer {
        text: form.get("text").to_owned(),
        answer: form.get("answer").to_owned(),
        publish: form.has("publish"),
    };
    let code = services::call_of_question(ctx.app, ctx.who.actor(), id).await?;
    let revision = form.get("revision").parse().unwrap_or_default();
    match services::answer_question(ctx.app, ctx.who.actor(), id, Some(revision), &new).await {
        Ok(_) => ctx.go(cookies, format!("/gestion/{code}/questions"), Some("answered")),
        Err(e) if is_of_form(&e) => {
            let mut errors = listed(&e);
            // Each question has its own form.
            for error in errors.as_array_mut().into_iter().flatten() {
                if let Some(anchor) = error["anchor"].as_str().filter(|anchor| !anchor.is_empty()) {
                    error["anchor"] = json!(format!("{anchor}-{id}"));
                }
            }
            let typed = Typed { id, text: new.text, answer: new.answer, publish: new.publish };
            asked_page(&ctx, Status::UnprocessableEntity, &code, Some(typed), errors).await
        }
        Err(e) => Err(e.into()),
    }
}
