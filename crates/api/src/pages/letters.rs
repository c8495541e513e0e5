//! Pages of letters: an officer writes, reads, corrects, approves and sends them; an applicant reads their own.

use std::collections::BTreeMap;

use ami_domain::ids::{DeliberationId, DossierId, LetterId};
use ami_services::calls::{self, CallView};
use ami_services::deliberations::show_deliberation;
use ami_services::explanations::{Explanation, explain_dossier};
use ami_services::letters::{
    self as services, LetterView, LettersInput, NewLetters, NewReserve, NewSignatory, OwnLetter, ReadLetter,
    SignatoryView, Stack,
};
use ami_services::part::Part;
use ami_services::review::{self, FiledFilter, FiledSummary};
use rocket::http::{CookieJar, Status};
use rocket::{Route, get, post, routes};
use serde::Serialize;
use serde_json::{Value, json};

use super::deliberations::{Given, deliberation_page};
use super::forms::Fields;
use super::{Ctx, Html, PAGE, is_of_form, listed, pager};
use crate::guards::Id;

pub(super) fn routes() -> Vec<Route> {
    routes![
        write,
        notify,
        unread,
        read,
        unread_of_call,
        read_of_call,
        call_letters,
        write_some,
        add_signatory,
        letter,
        correct,
        approve,
        deliver,
        own,
        choose,
        explanation
    ]
}

#[post("/gestion/deliberations/<id>/courriers", data = "<form>")]
async fn write(ctx: Ctx<'_>, cookies: &CookieJar<'_>, id: Id, form: Fields) -> Html {
    let id: DeliberationId = id.get();
    let reserves = reserves(&form);
    let input = LettersInput { signatory: form.get("signatory").parse().ok(), reserves: reserves.clone() };
    match services::write_letters(ctx.app, ctx.who.actor(), id, input).await {
        Ok(_) => ctx.go(cookies, format!("/gestion/deliberations/{id}#lettres"), Some("letters-written")),
        Err(e) if is_of_form(&e) => {
            let errors = by_dossier(listed(&e), &reserves);
            let given = Given { reserves: typed_reserves(&form), ..Given::default() };
            deliberation_page(&ctx, Status::UnprocessableEntity, id, given, errors).await
        }
        Err(e) => Err(e.into()),
    }
}

/// The reserves that were typed: dossiers of which nothing was, have none.
fn reserves(form: &Fields) -> Vec<NewReserve> {
    let ids = form.iter().filter_map(|(name, _)| name.strip_prefix("points-")?.parse::<uuid::Uuid>().ok());
    let typed = ids.map(|id| NewReserve {
        dossier: id,
        points: form.get(&format!("points-{id}")).to_owned(),
        until: form.get(&format!("until-{id}")).to_owned(),
    });
    typed.filter(|r| !r.points.trim().is_empty() || !r.until.trim().is_empty()).collect()
}

fn typed_reserves(form: &Fields) -> BTreeMap<String, String> {
    let own = form.iter().filter(|(name, _)| name.starts_with("points-") || name.starts_with("until-"));
    own.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Errors of a reserve are about its dossier's fields; of what the page has no field for, about none.
fn by_dossier(mut errors: Value, reserves: &[NewReserve]) -> Value {
    for error in errors.as_array_mut().into_iter().flatten() {
        let anchor = error["anchor"].as_str().unwrap_or_default().to_owned();
        let mut parts = anchor.split('.');
        let field = match (parts.next(), parts.next().and_then(|at| at.parse::<usize>().ok()), parts.next()) {
            (Some("reserves"), Some(at), Some(name)) => reserves.get(at).map(|r| format!("{name}-{}", r.dossier)),
            (Some("signatory"), None, None) => Some("signatory".to_owned()),
            _ => None,
        };
        error["anchor"] = json!(field.unwrap_or_default());
    }
    errors
}

#[derive(Serialize)]
struct UnreadPage {
    /// The call's code.
    code: String,
    deliberation: Option<DeliberationId>,
    /// As many as are read at a time.
    letters: Vec<LetterView>,
    /// How many wait, these among them.
    waiting: usize,
    errors: Value,
}

/// Letters that are read on one page.
const READ_AT_ONCE: usize = 20;

async fn unread_page(ctx: &Ctx<'_>, status: Status, stack: Stack, errors: Value) -> Html {
    let who = ctx.who.actor();
    let mut letters = services::list_unread(ctx.app, who, &stack).await?;
    let waiting = letters.len();
    letters.truncate(READ_AT_ONCE);
    let (code, deliberation) = match stack {
        Stack::Deliberation(id) => (show_deliberation(ctx.app, who, id).await?.call, Some(id)),
        Stack::Examination(code) => (code, None),
    };
    ctx.page_with(status, "unread", &UnreadPage { code, deliberation, letters, waiting, errors })
}

async fn answer_for(ctx: &Ctx<'_>, cookies: &CookieJar<'_>, (stack, form): (Stack, Fields), to: String) -> Html {
    let pair = |value: &String| {
        let (id, revision) = value.split_once('@')?;
        Some(ReadLetter { id: id.parse().ok()?, revision: revision.parse().ok()? })
    };
    let read = form.all("read").iter().filter_map(pair).collect();
    match services::approve_read(ctx.app, ctx.who.actor(), stack.clone(), read).await {
        Ok(_) => ctx.go(cookies, to, Some("letters-approved")),
        Err(e) if is_of_form(&e) => unread_page(ctx, Status::Conflict, stack, unanchored(listed(&e))).await,
        Err(e) => Err(e.into()),
    }
}

#[get("/gestion/deliberations/<id>/relecture")]
async fn unread(ctx: Ctx<'_>, id: Id) -> Html {
    unread_page(&ctx, Status::Ok, Stack::Deliberation(id.get()), json!([])).await
}

#[post("/gestion/deliberations/<id>/relecture", data = "<form>")]
async fn read(ctx: Ctx<'_>, cookies: &CookieJar<'_>, id: Id, form: Fields) -> Html {
    let id: DeliberationId = id.get();
    answer_for(&ctx, cookies, (Stack::Deliberation(id), form), format!("/gestion/deliberations/{id}#lettres")).await
}

#[get("/gestion/<code>/courriers/a-relire")]
async fn unread_of_call(ctx: Ctx<'_>, code: &str) -> Html {
    unread_page(&ctx, Status::Ok, Stack::Examination(code.to_owned()), json!([])).await
}

#[post("/gestion/<code>/courriers/a-relire", data = "<form>")]
async fn read_of_call(ctx: Ctx<'_>, cookies: &CookieJar<'_>, code: &str, form: Fields) -> Html {
    let stack = Stack::Examination(code.to_owned());
    answer_for(&ctx, cookies, (stack, form), format!("/gestion/{code}/courriers")).await
}

#[post("/gestion/deliberations/<id>/notification")]
async fn notify(ctx: Ctx<'_>, cookies: &CookieJar<'_>, id: Id) -> Html {
    let id: DeliberationId = id.get();
    match services::notify_deliberation(ctx.app, ctx.who.actor(), id).await {
        Ok(_) => ctx.go(cookies, format!("/gestion/deliberations/{id}#lettres"), Some("notified")),
        Err(e) if is_of_form(&e) => {
            deliberation_page(&ctx, Status::Conflict, id, Given::default(), unanchored(listed(&e))).await
        }
        Err(e) => Err(e.into()),
    }
}

/// What is said of letters and values that the page has no field for.
fn unanchored(mut errors: Value) -> Value {
    for error in errors.as_array_mut().into_iter().flatten() {
        error["anchor"] = json!("");
    }
    errors
}

/// States whose dossiers can be listed alone.
const LISTED: [&str; 3] = ["deposited", "admissible", "inadmissible"];

fn listed_states() -> Vec<FiledState> {
    LISTED.iter().map(|s| FiledState { value: s, label: ami_views::word("state", s) }).collect()
}

#[derive(Serialize)]
struct FiledState {
    value: &'static str,
    label: String,
}

#[derive(Serialize)]
struct CallLettersPage {
    call: CallView,
    letters: Vec<LetterView>,
    signatories: Vec<SignatoryView>,
    dossiers: Vec<FiledSummary>,
    pager: Value,
    sealed: Option<String>,
    /// The state of the dossiers that are listed; empty for all.
    state: String,
    states: Vec<FiledState>,
    /// What was typed, by field.
    typed: BTreeMap<String, String>,
    chosen: Vec<String>,
    errors: Value,
}

/// Values that a letter of the examination may ask an officer for.
const VALUES: [&str; 6] = ["date", "heure", "lieu_ou_lien", "date_limite", "liste", "art"];
const SIGNATORY: [&str; 5] = ["first_name", "last_name", "quality", "service", "delegation"];

async fn call_letters_page(ctx: &Ctx<'_>, status: Status, code: &str, form: &Fields, errors: Value) -> Html {
    let who = ctx.who.actor();
    let call = calls::show_call(ctx.app, who, code).await?;
    let signatories = services::list_signatories(ctx.app, who, code).await?;
    let page = form.get("page").parse().unwrap_or(1);
    let etat = Some(form.get("etat")).filter(|e| LISTED.contains(e)).unwrap_or_default();
    let (letters, dossiers, kept, sealed) = match services::list_call_letters(ctx.app, who, code).await {
        Ok(letters) => {
            let filter = FiledFilter { lot: "", state: etat };
            let filed = review::list_filed(ctx.app, who, code, &filter, &Part::page(page, PAGE)).await?;
            let (kept, _) = review::count_filed(ctx.app, who, code, &filter).await?;
            (letters, filed.items, kept, None)
        }
        Err(e) if e.code == "sealed" => (vec![], vec![], 0, Some(crate::answer::sentence(e.code, &e.args))),
        Err(e) => return Err(e.into()),
    };
    let pager = pager(&format!("/gestion/{code}/courriers"), &[("etat", etat)], page, kept);
    let names = VALUES.iter().chain(&SIGNATORY).chain(&["kind"]);
    let typed = names.map(|name| ((*name).to_owned(), form.get(name).to_owned())).collect();
    let chosen = form.all("dossier").to_vec();
    let state = etat.to_owned();
    let page = CallLettersPage {
        call,
        letters,
        signatories,
        dossiers,
        pager,
        sealed,
        state,
        states: listed_states(),
        typed,
        chosen,
        errors,
    };
    ctx.page_with(status, "letters", &page)
}

#[get("/gestion/<code>/courriers?<etat>&<page>")]
async fn call_letters(ctx: Ctx<'_>, code: &str, etat: Option<&str>, page: Option<usize>) -> Html {
    let form = Fields::of("page", &page.unwrap_or(1).to_string()).with("etat", etat.unwrap_or_default());
    call_letters_page(&ctx, Status::Ok, code, &form, json!([])).await
}

/// Errors of single dossiers are about the fieldset; values stand without their prefix.
fn by_field(mut errors: Value) -> Value {
    for error in errors.as_array_mut().into_iter().flatten() {
        let anchor = error["anchor"].as_str().unwrap_or_default().to_owned();
        if anchor.starts_with("dossiers.") {
            error["anchor"] = json!("dossiers");
        } else if let Some(name) = anchor.strip_prefix("values.") {
            error["anchor"] = json!(if VALUES.contains(&name) { name } else { "" });
        } else if anchor.starts_with("texts.") {
            error["anchor"] = json!("");
        }
    }
    errors
}

#[post("/gestion/<code>/courriers", data = "<form>")]
async fn write_some(ctx: Ctx<'_>, cookies: &CookieJar<'_>, code: &str, form: Fields) -> Html {
    let new = NewLetters {
        kind: form.get("kind").to_owned(),
        dossiers: form.all("dossier").iter().map(|id| id.parse().unwrap_or_default()).collect(),
        values: VALUES.iter().map(|name| ((*name).to_owned(), form.get(name).to_owned())).collect(),
        signatory: None,
    };
    match services::write_call_letters(ctx.app, ctx.who.actor(), code, new).await {
        Ok(_) => ctx.go(cookies, format!("/gestion/{code}/courriers"), Some("letters-written")),
        Err(e) if is_of_form(&e) => {
            call_letters_page(&ctx, Status::UnprocessableEntity, code, &form, by_field(listed(&e))).await
        }
        Err(e) => Err(e.into()),
    }
}

#[post("/gestion/<code>/signataires", data = "<form>")]
async fn add_signatory(ctx: Ctx<'_>, cookies: &CookieJar<'_>, code: &str, form: Fields) -> Html {
    let new = NewSignatory {
        first_name: form.get("first_name").to_owned(),
        last_name: form.get("last_name").to_owned(),
        quality: form.get("quality").to_owned(),
        service: form.get("service").to_owned(),
        delegation: form.get("delegation").to_owned(),
    };
    match services::add_signatory(ctx.app, ctx.who.actor(), code, new).await {
        Ok(_) => ctx.go(cookies, format!("/gestion/{code}/courriers"), Some("signatory")),
        Err(e) if is_of_form(&e) => call_letters_page(&ctx, Status::UnprocessableEntity, code, &form, listed(&e)).await,
        Err(e) => Err(e.into()),
    }
}

#[derive(Serialize)]
struct LetterPage {
    letter: LetterView,
    /// The next letter that waits to be read.
    next: Option<LetterId>,
    typed: BTreeMap<&'static str, String>,
    errors: Value,
}

async fn letter_page(
    ctx: &Ctx<'_>,
    status: Status,
    id: LetterId,
    typed: &[(&'static str, &str)],
    errors: Value,
) -> Html {
    let who = ctx.who.actor();
    let letter = services::show_letter(ctx.app, who, id).await?;
    let next = services::next_unread(ctx.app, who, id).await?;
    let typed = typed.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    ctx.page_with(status, "letter", &LetterPage { letter, next, typed, errors })
}

#[get("/gestion/courriers/<id>", rank = 1)]
async fn letter(ctx: Ctx<'_>, id: Id) -> Html {
    letter_page(&ctx, Status::Ok, id.get(), &[], json!([])).await
}

#[post("/gestion/courriers/<id>", data = "<form>", rank = 1)]
async fn correct(ctx: Ctx<'_>, cookies: &CookieJar<'_>, id: Id, form: Fields) -> Html {
    let id: LetterId = id.get();
    let (title, body) = (form.get("title").to_owned(), form.get("body").to_owned());
    let outcome = match form.revision() {
        Ok(seen) => {
            let words = (Some(title.clone()), Some(body.clone()));
            services::correct_letter(ctx.app, ctx.who.actor(), id, Some(seen), words).await
        }
        // Who asks is looked at before what they sent.
        Err(e) => services::show_letter(ctx.app, ctx.who.actor(), id).await.and(Err(e)),
    };
    match outcome {
        Ok(_) => ctx.go(cookies, format!("/gestion/courriers/{id}"), Some("letter-corrected")),
        Err(e) if is_of_form(&e) => {
            let typed = [("title", title.as_str()), ("body", body.as_str())];
            letter_page(&ctx, Status::UnprocessableEntity, id, &typed, listed(&e)).await
        }
        Err(e) => Err(e.into()),
    }
}

#[post("/gestion/courriers/<id>/approbation", data = "<form>")]
async fn approve(ctx: Ctx<'_>, cookies: &CookieJar<'_>, id: Id, form: Fields) -> Html {
    let id: LetterId = id.get();
    let outcome = match form.revision() {
        Ok(seen) => services::approve_letter(ctx.app, ctx.who.actor(), id, Some(seen)).await,
        Err(e) => services::show_letter(ctx.app, ctx.who.actor(), id).await.and(Err(e)),
    };
    match outcome {
        Ok(_) => {
            let next: Option<uuid::Uuid> = form.get("next").parse().ok();
            ctx.go(cookies, format!("/gestion/courriers/{}", next.unwrap_or(id.uuid())), Some("letter-approved"))
        }
        Err(e) if is_of_form(&e) => letter_page(&ctx, Status::Conflict, id, &[], listed(&e)).await,
        Err(e) => Err(e.into()),
    }
}

#[post("/gestion/courriers/<id>/reception", data = "<form>")]
async fn deliver(ctx: Ctx<'_>, cookies: &CookieJar<'_>, id: Id, form: Fields) -> Html {
    let id: LetterId = id.get();
    let on = form.get("received_on");
    match services::record_delivery(ctx.app, ctx.who.actor(), id, on).await {
        Ok(_) => ctx.go(cookies, format!("/gestion/courriers/{id}"), Some("delivery")),
        Err(e) if is_of_form(&e) => {
            letter_page(&ctx, Status::UnprocessableEntity, id, &[("received_on", on)], listed(&e)).await
        }
        Err(e) => Err(e.into()),
    }
}

#[derive(Serialize)]
struct OwnPage {
    letter: OwnLetter,
}

#[get("/dossiers/<id>/courriers/<letter>")]
async fn own(ctx: Ctx<'_>, id: Id, letter: Id) -> Html {
    let letter = services::open_own(ctx.app, ctx.who.actor(), Some(id.get()), letter.get()).await?;
    ctx.page("own_letter", &OwnPage { letter })
}

#[post("/dossiers/<id>/notification", data = "<form>")]
async fn choose(ctx: Ctx<'_>, cookies: &CookieJar<'_>, id: Id, form: Fields) -> Html {
    let id: DossierId = id.get();
    let accepted = form.has("electronic");
    match services::choose_notification(ctx.app, ctx.who.actor(), id, accepted).await {
        Ok(()) => ctx.go(cookies, format!("/dossiers/{id}"), Some("saved")),
        Err(e) if is_of_form(&e) => super::applicant::dossier_page(&ctx, Status::Conflict, id, &listed(&e)).await,
        Err(e) => Err(e.into()),
    }
}

#[derive(Serialize)]
struct ExplanationPage {
    explanation: Explanation,
}

#[get("/dossiers/<id>/calcul")]
async fn explanation(ctx: Ctx<'_>, id: Id) -> Html {
    let explanation = explain_dossier(ctx.app, ctx.who.actor(), id.get()).await?;
    ctx.page("explanation", &ExplanationPage { explanation })
}
