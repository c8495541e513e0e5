//! The sections of a dossier's form: read, filled, saved field by field.

use std::collections::BTreeMap;

use ami_domain::call::{CallDefinition, Lot};
use ami_domain::form::Field;
use ami_domain::ids::DossierId;
use ami_services::Error;
use ami_services::answers::{self, AnswerConflict, SavedPage, Written};
use ami_services::dossiers::{DossierView, InvalidInput};
use rocket::http::{CookieJar, Status};
use rocket::{Route, get, post, routes};
use serde::Serialize;
use serde_json::{Value, json};

use super::applicant::load;
use super::forms::Fields;
use super::{Ctx, Html, PageAnswer};
use crate::guards::Id;

pub(super) fn routes() -> Vec<Route> {
    routes![section, save_section]
}

/// An error of the page: where, whose, what.
#[derive(Serialize)]
struct Listed<'a> {
    anchor: &'a str,
    label: &'a str,
    detail: String,
}

/// A field of the page.
#[derive(Serialize)]
struct Shown<'a> {
    field: &'a Field,
    value: Option<&'a Value>,
    error: Option<&'a InvalidInput>,
    /// The revision at which it is shown.
    seen: i64,
    /// Not asked, as the answers stand.
    hidden: bool,
    /// What somebody else wrote there meanwhile.
    conflict: Option<&'a AnswerConflict>,
}

#[derive(Serialize)]
struct SectionName<'a> {
    code: &'a str,
    title: &'a str,
}

#[derive(Serialize)]
struct SectionPage<'a> {
    dossier: &'a DossierView,
    section: SectionName<'a>,
    number: usize,
    count: usize,
    previous: Option<&'a str>,
    next: Option<&'a str>,
    fields: Vec<Shown<'a>>,
    lot: Option<&'a Lot>,
    lots: &'a [Lot],
    errors: Vec<Listed<'a>>,
    editable: bool,
}

/// What was typed and not saved, as somebody else wrote in the same field.
struct Waiting<'a> {
    conflicts: &'a [AnswerConflict],
    written: &'a BTreeMap<String, Written>,
}

fn page<'a>(
    dossier: &'a DossierView,
    call: &'a CallDefinition,
    section: &str,
    waiting: Option<&'a Waiting<'_>>,
) -> Result<SectionPage<'a>, Error> {
    let position = call.form.sections.iter().position(|s| s.code == section).ok_or_else(Error::not_found)?;
    let code = |at: Option<usize>| at.and_then(|at| call.form.sections.get(at)).map(|s| s.code.as_str());
    let found = call.form.sections.get(position).ok_or_else(Error::not_found)?;
    let conflict = |code: &str| waiting.and_then(|w| w.conflicts.iter().find(|c| c.field == code));
    let mut errors = Vec::new();
    let mut fields = Vec::new();
    for field in &found.fields {
        let waits = conflict(&field.code);
        let invalid = dossier.invalid.get(&field.code).filter(|_| waits.is_none());
        if let Some(waits) = waits {
            let args = [("name", waits.by.clone()), ("at", ami_views::hour(waits.at))];
            let detail = ami_views::message("field-conflict", &args).unwrap_or_default();
            errors.push(Listed { anchor: &field.code, label: &field.label, detail });
        } else if let Some(invalid) = invalid {
            errors.push(Listed { anchor: &field.code, label: &field.label, detail: invalid.detail.clone() });
        }
        fields.push(Shown {
            field,
            value: waits
                .map(|w| &w.mine)
                .or_else(|| invalid.map(|i| &i.input))
                .or_else(|| dossier.answers.get(&field.code))
                .or_else(|| dossier.computed.get(&field.code)),
            error: invalid,
            // A field that waits for a choice was not read again: until there is one, what it was shown at is what counts.
            seen: waits.and(waiting).and_then(|w| w.written.get(&field.code)).map_or(dossier.revision, |w| w.seen),
            hidden: dossier.hidden.contains(&field.code),
            conflict: waits,
        });
    }
    Ok(SectionPage {
        dossier,
        section: SectionName { code: &found.code, title: &found.title },
        number: position + 1,
        count: call.form.sections.len(),
        previous: code(position.checked_sub(1)),
        next: code(Some(position + 1)),
        fields,
        lot: call.lot(&dossier.summary.lot),
        lots: &call.lots,
        errors,
        editable: dossier.summary.editable(),
    })
}

#[get("/dossiers/<id>/sections/<code>")]
async fn section(ctx: Ctx<'_>, id: Id, code: &str) -> Html {
    let (dossier, call) = load(&ctx, id.get()).await?;
    ctx.page("section", &page(&dossier, &call, code, None)?)
}

#[post("/dossiers/<id>/sections/<code>", data = "<form>")]
async fn save_section(ctx: Ctx<'_>, cookies: &CookieJar<'_>, id: Id, code: &str, form: Fields) -> Html {
    let id: DossierId = id.get();
    if ctx.who.0.is_none() && !ctx.autosave {
        // What was typed waits in the page that asks for the password.
        let to = format!("/dossiers/{id}/sections/{code}");
        return super::public::sign_in_page(&ctx, Status::Unauthorized, "", &to, &form.encode(), &json!([]));
    }
    save(&ctx, cookies, id, code, &form).await
}

/// Saves a form that waited for its person to sign in.
pub(super) async fn save_kept(ctx: &Ctx<'_>, cookies: &CookieJar<'_>, path: &str, kept: &str) -> Option<Html> {
    let (id, code) = path.strip_prefix("/dossiers/")?.split_once("/sections/")?;
    let id: uuid::Uuid = id.parse().ok()?;
    Some(save(ctx, cookies, id.into(), code, &Fields::parse(kept)).await)
}

/// What a page says of the fields of a section, each with the revision at which it was shown. A page that does not say which
/// fields it shows shows them all.
fn written(form: &Fields, fields: &[Field]) -> Result<BTreeMap<String, Written>, Error> {
    let named = form.iter().any(|(name, _)| name.starts_with("rev."));
    let mut all = BTreeMap::new();
    for field in fields.iter().filter(|f| f.is_typed()) {
        let code = &field.code;
        let revision = |prefix: &str| form.get(&format!("{prefix}.{code}")).parse().ok();
        let seen = match (form.get(&format!("choice.{code}")), revision("rev")) {
            ("theirs", _) => continue,
            ("mine", _) => revision("shown").or_else(|| revision("rev")),
            (_, Some(seen)) => Some(seen),
            (_, None) if named => continue,
            (_, None) => None,
        };
        let seen = seen.map_or_else(|| form.revision(), Ok)?;
        all.insert(code.clone(), Written { value: form.answer(field), seen });
    }
    Ok(all)
}

/// What a page's script is told.
#[derive(Serialize)]
struct Autosaved<'a> {
    #[serde(flatten)]
    saved: &'a SavedPage,
    /// When, as it is read: `14 h 03`.
    at: String,
    /// What is wrong, for all the dossier's page shows of it.
    problems: usize,
}

async fn save(ctx: &Ctx<'_>, cookies: &CookieJar<'_>, id: DossierId, code: &str, form: &Fields) -> Html {
    let (dossier, call) = load(ctx, id).await?;
    let found = call.form.section(code).ok_or_else(Error::not_found)?;
    let written = written(form, &found.fields)?;
    let saved = answers::save_page(ctx.app, ctx.who.actor(), id, &written).await?;
    if ctx.autosave {
        let told = Autosaved { saved: &saved, at: ami_views::hour(ctx.app.at), problems: saved.wrong.len() };
        let body = serde_json::to_value(&told).map_err(Error::internal)?;
        return Ok(PageAnswer::Json(Status::Ok, body));
    }
    if !saved.conflicts.is_empty() {
        let (dossier, call) = load(ctx, id).await?;
        let waiting = Waiting { conflicts: &saved.conflicts, written: &written };
        return ctx.page_with(Status::Conflict, "section", &page(&dossier, &call, code, Some(&waiting))?);
    }
    let here = format!("/dossiers/{id}/sections/{code}");
    if !saved.wrong.is_empty() {
        // Saved as typed; the page says what is to be put right.
        return ctx.go(cookies, here, Some("saved-with-errors"));
    }
    let asked_now = |f: &Field| dossier.hidden.contains(&f.code) && !saved.hidden.contains(&f.code);
    if found.fields.iter().any(asked_now) {
        return ctx.go(cookies, here, Some("saved-asks-more"));
    }
    if !saved.merged.is_empty() {
        return ctx.go(cookies, here, Some("saved-merged"));
    }
    let to = match form.get("then") {
        "pieces" => format!("/dossiers/{id}/pieces"),
        next if call.form.section(next).is_some() => format!("/dossiers/{id}/sections/{next}"),
        _ => format!("/dossiers/{id}"),
    };
    ctx.go(cookies, to, Some("saved"))
}
