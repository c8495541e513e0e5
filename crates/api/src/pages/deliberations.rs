//! Pages of deliberations: what waits for the assembly, what it took, its annex.

use std::collections::BTreeMap;

use ami_domain::ids::DeliberationId;
use ami_services::calls::{self, CallView};
use ami_services::deliberations::{
    self as services, AnnexRecord, Correction, DeliberationSummary, DeliberationView, NewControl, NewDeliberation,
    RecordedAct, Waiting,
};
use ami_services::letters::{self, LetterView, SignatoryView};
use rocket::http::{CookieJar, Status};
use rocket::{Route, get, post, routes};
use serde::Serialize;
use serde_json::{Value, json};

use super::forms::Fields;
use super::{Ctx, Html, is_of_form, listed};
use crate::guards::Id;

pub(super) fn routes() -> Vec<Route> {
    routes![list, gather, show, executory, correct, annex]
}

/// What was typed of a new deliberation, to be shown again.
#[derive(Serialize)]
struct Typed {
    number: String,
    date: String,
    link: String,
    dossiers: Option<Vec<String>>,
    lots: Vec<String>,
}

#[derive(Serialize)]
struct ListPage {
    call: CallView,
    deliberations: Vec<DeliberationSummary>,
    waiting: Vec<Waiting>,
    /// Whether the call is where decisions are put before the assembly.
    gathers: bool,
    sealed: Option<String>,
    typed: Typed,
    errors: Value,
}

async fn list_page(ctx: &Ctx<'_>, status: Status, code: &str, typed: Typed, errors: Value) -> Html {
    let who = ctx.who.actor();
    let call = calls::show_call(ctx.app, who, code).await?;
    let (deliberations, sealed) = match services::list_deliberations(ctx.app, who, code).await {
        Ok(list) => (list, None),
        Err(e) if e.code == "sealed" => (vec![], Some(crate::answer::sentence(e.code, &e.args))),
        Err(e) => return Err(e.into()),
    };
    let waiting = if sealed.is_none() { services::list_waiting(ctx.app, who, code).await? } else { vec![] };
    let gathers = matches!(call.phase.as_str(), "deliberation" | "notified");
    let page = ListPage { call, deliberations, waiting, gathers, sealed, typed, errors };
    ctx.page_with(status, "deliberations", &page)
}

#[get("/gestion/<code>/deliberations")]
async fn list(ctx: Ctx<'_>, code: &str) -> Html {
    let typed = Typed { number: String::new(), date: String::new(), link: String::new(), dossiers: None, lots: vec![] };
    list_page(&ctx, Status::Ok, code, typed, json!([])).await
}

/// Errors of single dossiers and lots are about one fieldset of the page.
fn by_fieldset(mut errors: Value) -> Value {
    for error in errors.as_array_mut().into_iter().flatten() {
        let anchor = error["anchor"].as_str().unwrap_or_default().to_owned();
        for group in ["dossiers", "lots"] {
            if anchor.starts_with(&format!("{group}.")) {
                error["anchor"] = json!(group);
            }
        }
    }
    errors
}

#[post("/gestion/<code>/deliberations", data = "<form>")]
async fn gather(ctx: Ctx<'_>, cookies: &CookieJar<'_>, code: &str, form: Fields) -> Html {
    let typed = Typed {
        number: form.get("number").to_owned(),
        date: form.get("date").to_owned(),
        link: form.get("link").to_owned(),
        dossiers: Some(form.all("dossier").to_vec()),
        lots: form.all("lot").to_vec(),
    };
    let new = NewDeliberation {
        number: typed.number.clone(),
        date: typed.date.clone(),
        link: typed.link.clone(),
        // What is no id is one that nobody has.
        dossiers: form.all("dossier").iter().map(|id| id.parse().unwrap_or_default()).collect(),
        lots: typed.lots.clone(),
    };
    match services::gather_decisions(ctx.app, ctx.who.actor(), code, new).await {
        Ok(made) => ctx.go(cookies, format!("/gestion/deliberations/{}", made.id), Some("gathered")),
        Err(e) if is_of_form(&e) => {
            list_page(&ctx, Status::UnprocessableEntity, code, typed, by_fieldset(listed(&e))).await
        }
        Err(e) => Err(e.into()),
    }
}

#[derive(Serialize)]
struct DeliberationPage {
    call: CallView,
    deliberation: DeliberationView,
    acts: Vec<RecordedAct>,
    letters: Vec<LetterView>,
    signatories: Vec<SignatoryView>,
    /// What was typed of its control or correction, by field.
    typed: Value,
    /// What was typed of reserves, by field.
    reserves: BTreeMap<String, String>,
    errors: Value,
}

/// What was typed in one of the forms of a deliberation's page.
#[derive(Default)]
pub(super) struct Given {
    /// Of its control or correction, by field.
    pub(super) act: Value,
    /// Of the reserves under which dossiers are supported, by field.
    pub(super) reserves: BTreeMap<String, String>,
}

impl Given {
    fn of(form: &Fields, names: &[&str]) -> Self {
        let act = names.iter().map(|name| ((*name).to_owned(), Value::from(form.get(name)))).collect();
        Self { act, ..Self::default() }
    }
}

pub(super) async fn deliberation_page(
    ctx: &Ctx<'_>,
    status: Status,
    id: DeliberationId,
    given: Given,
    errors: Value,
) -> Html {
    let who = ctx.who.actor();
    let deliberation = services::show_deliberation(ctx.app, who, id).await?;
    let acts = services::list_acts(ctx.app, who, id).await?;
    let call = calls::show_call(ctx.app, who, &deliberation.call).await?;
    let letters = letters::list_letters(ctx.app, who, id).await?;
    let signatories = letters::list_signatories(ctx.app, who, &deliberation.call).await?;
    let page = DeliberationPage {
        call,
        deliberation,
        acts,
        letters,
        signatories,
        typed: given.act,
        reserves: given.reserves,
        errors,
    };
    ctx.page_with(status, "deliberation", &page)
}

const CONTROL: [&str; 3] = ["transmitted_on", "published_on", "receipt"];

#[get("/gestion/deliberations/<id>", rank = 1)]
async fn show(ctx: Ctx<'_>, id: Id) -> Html {
    deliberation_page(&ctx, Status::Ok, id.get(), Given::default(), json!([])).await
}

#[post("/gestion/deliberations/<id>/executoire", data = "<form>")]
async fn executory(ctx: Ctx<'_>, cookies: &CookieJar<'_>, id: Id, form: Fields) -> Html {
    let id: DeliberationId = id.get();
    let new = NewControl {
        transmitted_on: form.get("transmitted_on").to_owned(),
        published_on: form.get("published_on").to_owned(),
        receipt: form.get("receipt").to_owned(),
    };
    match services::make_executory(ctx.app, ctx.who.actor(), id, new).await {
        Ok(_) => ctx.go(cookies, format!("/gestion/deliberations/{id}"), Some("executory")),
        Err(e) if is_of_form(&e) => {
            let given = Given::of(&form, &CONTROL);
            deliberation_page(&ctx, Status::UnprocessableEntity, id, given, listed(&e)).await
        }
        Err(e) => Err(e.into()),
    }
}

#[post("/gestion/deliberations/<id>/correction", data = "<form>")]
async fn correct(ctx: Ctx<'_>, cookies: &CookieJar<'_>, id: Id, form: Fields) -> Html {
    let id: DeliberationId = id.get();
    // The form has the control's fields only where there is a control.
    let sent = |name: &str| form.has(name).then(|| form.get(name).to_owned());
    let correction = Correction {
        number: sent("number"),
        date: sent("date"),
        link: sent("link"),
        transmitted_on: sent("transmitted_on"),
        published_on: sent("published_on"),
        receipt: sent("receipt"),
        reason: form.get("reason").to_owned(),
    };
    match services::correct_deliberation(ctx.app, ctx.who.actor(), id, correction).await {
        Ok(_) => ctx.go(cookies, format!("/gestion/deliberations/{id}"), Some("corrected")),
        Err(e) if is_of_form(&e) => {
            let names = [&["number", "date", "link", "reason"][..], &CONTROL[..]].concat();
            deliberation_page(&ctx, Status::UnprocessableEntity, id, Given::of(&form, &names), listed(&e)).await
        }
        Err(e) => Err(e.into()),
    }
}

#[derive(Serialize)]
struct AnnexPage {
    id: DeliberationId,
    annex: AnnexRecord,
}

#[get("/gestion/deliberations/<id>/annexe")]
async fn annex(ctx: Ctx<'_>, id: Id) -> Html {
    let annex = services::show_annex(ctx.app, ctx.who.actor(), id.get()).await?;
    ctx.page("annex", &AnnexPage { id: id.get(), annex })
}
