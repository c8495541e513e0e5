//! Pages on which a call is written: begun, looked at, published, corrected. Its parts are in [`super::parts`].

use ami_services::calls::{self, CallSummary};
use ami_services::writing::{self as services, CheckProblem, NewCall, Part, Writing};
use ami_services::{Error, Kind};
use rocket::http::{CookieJar, Status};
use rocket::{Route, get, post, routes};
use serde::Serialize;
use serde_json::Value;

use super::forms::Fields;
use super::parts::{self, PARTS};
use super::{Ctx, Html, is_of_form, listed};

pub(super) fn routes() -> Vec<Route> {
    routes![home, create, writing, import, publish, correct, drop_correction]
}

#[derive(Debug, Default, Serialize)]
struct TypedCall {
    code: String,
    number_prefix: String,
    from: String,
}

#[derive(Debug, Serialize)]
struct HomePage {
    calls: Vec<CallSummary>,
    creates: bool,
    sources: Vec<Source>,
    typed: TypedCall,
    errors: Value,
}

#[derive(Debug, Serialize)]
struct Source {
    value: String,
    label: String,
}

async fn home_page(ctx: &Ctx<'_>, status: Status, typed: TypedCall, errors: Value) -> Html {
    let actor = &ctx.who.signed()?.actor;
    let me = ami_services::accounts::show_me(ctx.app, ctx.who.signed()?).await?;
    let mut calls = calls::list_calls(ctx.app, ctx.who.actor()).await?;
    calls.retain(|c| me.officer_of.contains(&c.code));
    let creates = actor.officer || actor.administrator;
    if calls.is_empty() && !creates {
        return Err(Error::new(Kind::Forbidden, "not-yours").into());
    }
    let word = |key: String| ami_views::message(&key, &[]).unwrap_or_default();
    let mut sources: Vec<Source> = services::MODELS
        .iter()
        .map(|(name, _)| Source { value: format!("model:{name}"), label: word(format!("model-{name}")) })
        .collect();
    let copy = |c: &CallSummary| Source {
        value: c.code.clone(),
        label: format!("{} {} — {}", word("model-copy".into()), c.code, c.title),
    };
    sources.extend(calls.iter().map(copy));
    sources.push(Source { value: services::NOTHING.into(), label: word("model-nothing".into()) });
    ctx.page_with(status, "gestion", &HomePage { calls, creates, sources, typed, errors })
}

#[get("/gestion")]
async fn home(ctx: Ctx<'_>) -> Html {
    home_page(&ctx, Status::Ok, TypedCall::default(), Value::Array(vec![])).await
}

#[post("/gestion", data = "<form>")]
async fn create(ctx: Ctx<'_>, cookies: &CookieJar<'_>, form: Fields) -> Html {
    let account = ctx.who.signed()?.account.id;
    let typed = |name: &str| form.get(name).to_owned();
    let new = NewCall { code: typed("code"), number_prefix: Some(typed("number_prefix")), from: typed("from") };
    let body = serde_json::json!({ "code": new.code, "number_prefix": new.number_prefix, "from": new.from });
    match services::create_call(ctx.app, ctx.who.actor(), body, account).await {
        Ok(made) => ctx.go(cookies, format!("/gestion/{}/redaction", made.definition.code), Some("call-created")),
        Err(e) if is_of_form(&e) => {
            let typed =
                TypedCall { code: new.code, number_prefix: new.number_prefix.unwrap_or_default(), from: new.from };
            home_page(&ctx, crate::answer::status(e.kind), typed, listed(&e)).await
        }
        Err(e) => Err(e.into()),
    }
}

/// A part in the list of parts, with what was found in it.
#[derive(Debug, Serialize)]
struct PartLine {
    path: &'static str,
    name: &'static str,
    errors: usize,
    warnings: usize,
}

/// A line of the checklist.
#[derive(Debug, Serialize)]
struct Line {
    severity: &'static str,
    detail: String,
    /// The page and field to go to.
    href: String,
    place: String,
}

#[derive(Debug, Serialize)]
struct WritingPage {
    call: CallSummary,
    version: i64,
    revision: i64,
    prepared: bool,
    blocked: bool,
    parts: Vec<PartLine>,
    lines: Vec<Line>,
    toml: String,
    notice: String,
    errors: Value,
}

fn line(code: &str, writing: &Writing, problem: &CheckProblem) -> Line {
    Line {
        severity: if problem.severity == ami_domain::call::Severity::Error { "error" } else { "warning" },
        detail: problem.detail.clone(),
        href: format!("{}#{}", parts::href(code, &problem.pointer), problem.pointer),
        place: parts::place(&writing.draft, &problem.pointer),
    }
}

async fn writing_page(ctx: &Ctx<'_>, status: Status, code: &str, typed: Option<&Fields>, errors: Value) -> Html {
    let writing = services::show_writing(ctx.app, ctx.who.actor(), code).await?;
    let of = |name: &str, blocks: bool| {
        let here = |p: &&CheckProblem| parts::part_of(&p.pointer) == name;
        let wanted = |p: &&CheckProblem| (p.severity == ami_domain::call::Severity::Error) == blocks;
        writing.problems.iter().filter(here).filter(wanted).count()
    };
    let lines: Vec<Line> = writing.problems.iter().map(|p| line(code, &writing, p)).collect();
    let page = WritingPage {
        parts: PARTS
            .iter()
            .map(|(path, name)| PartLine { path, name, errors: of(name, true), warnings: of(name, false) })
            .collect(),
        blocked: lines.iter().any(|l| l.severity == "error"),
        lines,
        toml: typed.filter(|f| f.has("toml")).map_or_else(|| writing.draft.to_toml(), |f| f.get("toml").to_owned()),
        notice: typed.map_or_else(String::new, |f| f.get("notice").to_owned()),
        call: writing.call,
        version: writing.version,
        revision: writing.revision,
        prepared: writing.prepared,
        errors,
    };
    ctx.page_with(status, "writing", &page)
}

#[get("/gestion/<code>/redaction")]
async fn writing(ctx: Ctx<'_>, code: &str) -> Html {
    writing_page(&ctx, Status::Ok, code, None, Value::Array(vec![])).await
}

/// Back to the page, which says how it went.
async fn done<T>(
    ctx: &Ctx<'_>,
    cookies: &CookieJar<'_>,
    code: &str,
    form: &Fields,
    outcome: Result<T, Error>,
    note: &'static str,
) -> Html {
    match outcome {
        Ok(_) => ctx.go(cookies, format!("/gestion/{code}/redaction"), Some(note)),
        Err(e) if is_of_form(&e) => {
            let mut errors = listed(&e);
            // What is wrong in the call stands in the checklist, with its links; here is what to do.
            if e.code == "check" {
                for error in errors.as_array_mut().into_iter().flatten() {
                    let pointer = error["anchor"].as_str().unwrap_or_default().replace('.', "/");
                    error["detail"] = format!("/{pointer} : {}", error["detail"].as_str().unwrap_or_default()).into();
                    error["anchor"] = "controle".into();
                }
            }
            writing_page(ctx, crate::answer::status(e.kind), code, Some(form), errors).await
        }
        Err(e) => Err(e.into()),
    }
}

#[post("/gestion/<code>/redaction/fichier", data = "<form>", rank = 2)]
async fn import(ctx: Ctx<'_>, cookies: &CookieJar<'_>, code: &str, form: Fields) -> Html {
    let outcome = match form.revision() {
        Ok(seen) => services::replace_by_file(ctx.app, ctx.who.actor(), code, form.get("toml"), Some(seen)).await,
        Err(e) => services::show_writing(ctx.app, ctx.who.actor(), code).await.and(Err(e)),
    };
    done(&ctx, cookies, code, &form, outcome, "call-saved").await
}

#[post("/gestion/<code>/redaction/publication", data = "<form>", rank = 2)]
async fn publish(ctx: Ctx<'_>, cookies: &CookieJar<'_>, code: &str, form: Fields) -> Html {
    let outcome = match form.revision() {
        Ok(seen) => services::publish_call(ctx.app, ctx.who.actor(), code, Some(seen)).await,
        Err(e) => services::show_writing(ctx.app, ctx.who.actor(), code).await.and(Err(e)),
    };
    done(&ctx, cookies, code, &form, outcome, "advanced").await
}

#[post("/gestion/<code>/redaction/correction", data = "<form>", rank = 2)]
async fn correct(ctx: Ctx<'_>, cookies: &CookieJar<'_>, code: &str, form: Fields) -> Html {
    let outcome = match form.revision() {
        Ok(seen) => services::correct_call(ctx.app, ctx.who.actor(), code, form.get("notice"), None, Some(seen)).await,
        Err(e) => services::show_writing(ctx.app, ctx.who.actor(), code).await.and(Err(e)),
    };
    done(&ctx, cookies, code, &form, outcome, "call-corrected").await
}

#[post("/gestion/<code>/redaction/abandon", data = "<form>", rank = 2)]
async fn drop_correction(ctx: Ctx<'_>, cookies: &CookieJar<'_>, code: &str, form: Fields) -> Html {
    let outcome = services::save(ctx.app, ctx.who.actor(), code, None, Part::Dropped).await;
    done(&ctx, cookies, code, &form, outcome, "correction-dropped").await
}
