//! A juror's score sheet: marks beside what was answered, the dossier whole, signing, and asking for a sheet to be opened again.

use std::sync::Arc;

use ami_domain::call::CallDefinition;
use ami_domain::form::{Field, FieldKind, Form};
use ami_domain::ids::SheetId;
use ami_domain::text;
use ami_services::locking::{self, LockPreview};
use ami_services::pieces::PieceView;
use ami_services::review::FiledDossier;
use ami_services::sheets::{Given, Saved, SheetChanges, SheetView};
use ami_services::{Error, Kind, calls, review, sheets};
use jiff::Timestamp;
use rocket::http::{CookieJar, Status};
use rocket::{Route, get, post, routes};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::forms::Fields;
use super::jury::days_left;
use super::{Ctx, Html, PageAnswer, is_of_form, listed};
use crate::guards::Id;

pub(super) fn routes() -> Vec<Route> {
    routes![sheet, write, lock_preview, lock, ask, whole]
}

/// A mark that may be given.
#[derive(Serialize)]
struct Choice<'a> {
    value: i64,
    word: &'a str,
}

/// A group of criteria.
#[derive(Serialize)]
struct GroupPart<'a> {
    code: &'a str,
    label: &'a str,
    criteria: Vec<CriterionPart<'a>>,
}

/// One criterion: what is read for it, and what was given.
#[derive(Serialize)]
struct CriterionPart<'a> {
    code: &'a str,
    label: &'a str,
    weight: u32,
    reads: Vec<Read<'a>>,
    mark: Option<i64>,
    comment: &'a str,
    missing: Option<&'static str>,
    /// What was typed for a mark and could not be read.
    typed: Option<&'a str>,
    /// Why the juror abstains; empty, with `abstains`, while no reason is given.
    abstention: &'a str,
    abstains: bool,
}

/// A field or a slot with what was filed there.
#[derive(Serialize)]
struct Read<'a> {
    code: &'a str,
    label: &'a str,
    field: Option<&'a Field>,
    value: Option<&'a Value>,
    pieces: Option<Vec<&'a PieceView>>,
}

/// What the project is, above all else. Nothing that jurors may not see is in it: it is made of what they see.
#[derive(Serialize)]
struct Heading {
    title: Option<String>,
    summary: Option<String>,
    asked_cents: Option<i64>,
    ceiling_cents: Option<i64>,
    places: Option<i64>,
    capacity: Option<i64>,
    /// What one place would cost a year.
    cost_cents: Option<i64>,
    reference_cents: i64,
}

/// Where a sheet stands among its juror's.
#[derive(Serialize)]
struct Place {
    position: usize,
    of: usize,
    /// The next one to write: id and number.
    next: Option<(Uuid, String)>,
}

#[derive(Serialize)]
struct SheetPage<'a> {
    sheet: &'a SheetView,
    dossier: &'a FiledDossier,
    heading: Heading,
    place: Place,
    groups: Vec<GroupPart<'a>>,
    /// The first criterion without its mark.
    first: Option<&'a str>,
    marks: Vec<Choice<'a>>,
    min: i64,
    max: i64,
    comment_marks: &'a [i64],
    comment_min: usize,
    days_left: i64,
    /// The last instant of marking, once it is over.
    closed_since: Option<Timestamp>,
    /// Why its juror asks for it to be opened again, while that waits.
    asked: Option<String>,
    errors: &'a Value,
    /// What was typed to ask for that.
    reason: &'a str,
}

/// The questions that were asked when the dossier was filed, and the call as it is now.
async fn questions(ctx: &Ctx<'_>, dossier: &FiledDossier) -> Result<(Arc<CallDefinition>, Arc<CallDefinition>), Error> {
    let call = calls::show_call(ctx.app, ctx.who.actor(), &dossier.call).await?;
    let asked = if dossier.call_version == call.version {
        Arc::clone(&call.definition)
    } else {
        calls::show_call_version(ctx.app, ctx.who.actor(), &dossier.call, dossier.call_version).await?.definition
    };
    Ok((asked, call.definition))
}

fn heading(asked: &CallDefinition, dossier: &FiledDossier) -> Heading {
    let shown = |code: &Option<String>| {
        let value = dossier.answers.get(code.as_deref()?)?.as_str()?;
        (!value.is_empty()).then(|| value.to_owned())
    };
    let first = |wanted: fn(&FieldKind) -> bool| {
        let field = asked.form.fields().find(|f| wanted(&f.kind) && dossier.answers.contains_key(&f.code))?;
        match dossier.answers.get(&field.code)? {
            Value::Number(n) => text::hundredths(&n.to_string()),
            Value::String(s) => text::hundredths(s),
            _ => None,
        }
    };
    let asked_cents = first(|kind| matches!(kind, FieldKind::Amount { within_lot_ceiling: true }));
    let places = first(|kind| matches!(kind, FieldKind::Integer { capacity_percent: Some(_), .. })).map(|n| n / 100);
    let lot = asked.lot(&dossier.lot);
    Heading {
        title: shown(&asked.rules.title_field),
        summary: shown(&asked.rules.summary_field),
        cost_cents: asked_cents.zip(places).filter(|(_, places)| *places > 0).map(|(cents, places)| cents / places),
        asked_cents,
        places,
        ceiling_cents: lot.map(|l| l.ceiling_cents),
        capacity: lot.map(|l| l.capacity),
        reference_cents: asked.place_price_cents,
    }
}

fn read<'a>(source: &'a str, asked: &'a CallDefinition, dossier: &'a FiledDossier) -> Option<Read<'a>> {
    if let Some(field) = asked.form.field(source) {
        let value = dossier.answers.get(source).or_else(|| dossier.computed.get(source));
        return Some(Read { code: source, label: &field.label, field: Some(field), value, pieces: None });
    }
    let slot = asked.slot(source)?;
    let pieces = dossier.pieces.iter().filter(|p| p.slot == source).collect();
    Some(Read { code: source, label: &slot.label, field: None, value: None, pieces: Some(pieces) })
}

async fn place(ctx: &Ctx<'_>, sheet: Uuid) -> Result<Place, Error> {
    let all = sheets::list_sheets(ctx.app, ctx.who.actor()).await?;
    let at = all.iter().position(|s| s.id == sheet).unwrap_or(0);
    let after = all.iter().skip(at + 1).chain(all.iter().take(at));
    let next = after.into_iter().find(|s| s.open).map(|s| (s.id, s.dossier.number.clone()));
    Ok(Place { position: at + 1, of: all.len(), next })
}

async fn sheet_page(ctx: &Ctx<'_>, status: Status, id: SheetId, typed: &Typed, errors: &Value) -> Html {
    let mut view = sheets::show_sheet(ctx.app, ctx.who.actor(), id).await?;
    view.comments.extend(typed.changes.comments.clone());
    for (code, reason) in &typed.changes.abstentions {
        if let Some(reason) = reason {
            view.marks.remove(code);
            view.abstentions.insert(code.clone(), reason.clone());
        }
    }
    for (code, mark) in &typed.changes.marks {
        match mark {
            Some(Given::Mark(mark)) => drop(view.marks.insert(code.clone(), *mark)),
            Some(Given::Unread(_)) => {}
            None => drop(view.marks.remove(code)),
        }
    }
    let dossier = review::show_filed(ctx.app, ctx.who.actor(), view.summary.dossier.id.into()).await?;
    let (asked, call) = questions(ctx, &dossier).await?;
    let part = |c: &'_ ami_domain::grid::Criterion| -> (Option<i64>, Option<&'static str>) {
        (view.marks.get(&c.code).copied(), view.missing.get(&c.code).copied())
    };
    let groups = call.grid.groups.iter().map(|g| GroupPart {
        code: &g.code,
        label: &g.label,
        criteria: g
            .criteria
            .iter()
            .map(|c| {
                let (mark, missing) = part(c);
                CriterionPart {
                    code: &c.code,
                    label: &c.label,
                    weight: c.weight,
                    reads: c.sources.iter().filter_map(|s| read(s, &asked, &dossier)).collect(),
                    mark,
                    comment: view.comments.get(&c.code).map_or("", String::as_str),
                    missing,
                    typed: typed.unread(&c.code),
                    abstention: view.abstentions.get(&c.code).map_or("", String::as_str),
                    abstains: view.abstentions.contains_key(&c.code),
                }
            })
            .collect(),
    });
    let marking_until = call.calendar.marking_until;
    let body = SheetPage {
        heading: heading(&asked, &dossier),
        place: place(ctx, view.summary.id).await?,
        groups: groups.collect(),
        first: call.grid.criteria().map(|c| c.code.as_str()).find(|c| view.missing.contains_key(*c)),
        marks: call.grid.scale.marks().map(|(value, word)| Choice { value, word }).collect(),
        min: call.grid.scale.min,
        max: call.grid.scale.max,
        comment_marks: &call.grid.comments.marks,
        comment_min: call.grid.comments.min_chars,
        days_left: view.summary.until.map_or(0, |until| days_left(ctx.app.at, until)),
        closed_since: Some(marking_until).filter(|until| ctx.app.at > *until),
        asked: locking::asked_reopening(ctx.app, &view).await?,
        sheet: &view,
        dossier: &dossier,
        errors,
        reason: &typed.reason,
    };
    ctx.page_with(status, "sheet", &body)
}

/// What a form sends in place of a mark.
const ABSTAINS: &str = "abstention";

/// What a sheet's form says.
#[derive(Default)]
struct Typed {
    changes: SheetChanges,
    reason: String,
}

impl Typed {
    /// A mark that is no number is not "no mark": it changes nothing, and is said to be wrong.
    fn read(form: &Fields) -> Self {
        let mut changes = SheetChanges::default();
        for (name, value) in form.iter() {
            if let Some(code) = name.strip_prefix("mark.") {
                if value == ABSTAINS {
                    let reason = form.get(&format!("abstention.{code}"));
                    changes.abstentions.insert(code.to_owned(), Some(reason.to_owned()));
                    continue;
                }
                let mark = match value.trim() {
                    "" => None,
                    text => Some(text.parse().map_or_else(|_| Given::Unread(json!(value)), Given::Mark)),
                };
                changes.marks.insert(code.to_owned(), mark);
            } else if let Some(code) = name.strip_prefix("comment.") {
                changes.comments.insert(code.to_owned(), value.to_owned());
            }
        }
        Self { changes, reason: String::new() }
    }

    /// What was typed for a mark and is no number.
    fn unread(&self, code: &str) -> Option<&str> {
        match self.changes.marks.get(code) {
            Some(Some(Given::Unread(value))) => value.as_str(),
            _ => None,
        }
    }

    /// Only what an error names: the rest was kept.
    fn only_wrong(mut self, error: &Error) -> Self {
        let named = |kind: &str, code: &str| error.problems.iter().any(|p| p.pointer == format!("/{kind}/{code}"));
        self.changes.marks.retain(|code, mark| matches!(mark, Some(Given::Unread(_))) && named("marks", code));
        self.changes.comments.retain(|code, _| named("comments", code));
        self.changes.abstentions.retain(|code, _| named("abstentions", code));
        self
    }
}

#[get("/fiches/<id>")]
async fn sheet(ctx: Ctx<'_>, id: Id) -> Html {
    sheet_page(&ctx, Status::Ok, id.get(), &Typed::default(), &json!([])).await
}

#[post("/fiches/<id>", data = "<form>")]
async fn write(ctx: Ctx<'_>, cookies: &CookieJar<'_>, id: Id, form: Fields) -> Html {
    let (who, sheet): (_, SheetId) = (ctx.who.actor(), id.get());
    let typed = Typed::read(&form);
    let saved = match form.revision() {
        Ok(seen) => sheets::save_entries(ctx.app, who, sheet, Some(seen), &typed.changes).await,
        // Who asks is looked at before what they sent.
        Err(e) => Err(sheets::show_sheet(ctx.app, who, sheet).await.err().unwrap_or(e)),
    };
    // What could be kept is kept; the rest is shown again, and nothing is signed.
    let (error, typed) = match saved {
        Ok(Saved { view, wrong }) if ctx.autosave => {
            let problems = wrong.len();
            let told = listed(&Error::invalid(wrong));
            let body = json!({ "revision": view.revision, "problems": problems, "wrong": told });
            return Ok(PageAnswer::Json(Status::Ok, body));
        }
        Ok(Saved { wrong, .. }) if !wrong.is_empty() => {
            let error = Error::invalid(wrong);
            let typed = typed.only_wrong(&error);
            (error, typed)
        }
        Ok(_) if form.has("lock") => match locking::preview_lock(ctx.app, who, sheet).await {
            Ok(_) => return ctx.go(cookies, format!("/fiches/{sheet}/verrouiller"), None),
            Err(e) => (e, Typed::default()),
        },
        Ok(_) => return ctx.go(cookies, format!("/fiches/{sheet}"), Some("saved")),
        Err(e) => (e, typed),
    };
    if is_of_form(&error) && !ctx.autosave {
        return sheet_page(&ctx, Status::UnprocessableEntity, sheet, &typed, &listed(&error)).await;
    }
    Err(error.into())
}

/// What is about to be signed.
#[derive(Serialize)]
struct LockPage<'a> {
    preview: &'a LockPreview,
    errors: &'a Value,
}

#[get("/fiches/<id>/verrouiller")]
async fn lock_preview(ctx: Ctx<'_>, id: Id) -> Html {
    lock_page(&ctx, Status::Ok, id.get(), &json!([])).await
}

async fn lock_page(ctx: &Ctx<'_>, status: Status, id: SheetId, errors: &Value) -> Html {
    match locking::preview_lock(ctx.app, ctx.who.actor(), id).await {
        Ok(preview) => ctx.page_with(status, "lock", &LockPage { preview: &preview, errors }),
        // There is nothing to sign yet: what is missing shows on the sheet itself.
        Err(e) if is_of_form(&e) => {
            sheet_page(ctx, Status::UnprocessableEntity, id, &Typed::default(), &listed(&e)).await
        }
        Err(e) => Err(e.into()),
    }
}

#[post("/fiches/<id>/verrouiller", data = "<form>")]
async fn lock(ctx: Ctx<'_>, cookies: &CookieJar<'_>, id: Id, form: Fields) -> Html {
    let (who, sheet): (_, SheetId) = (ctx.who.actor(), id.get());
    let outcome = match form.revision() {
        Ok(seen) => locking::lock_sheet(ctx.app, who, sheet, Some(seen)).await,
        Err(e) => sheets::show_sheet(ctx.app, who, sheet).await.and(Err(e)),
    };
    match outcome {
        Ok(_) => ctx.go(cookies, format!("/fiches/{sheet}"), Some("locked")),
        Err(e) if e.kind == Kind::Stale => lock_page(&ctx, Status::Conflict, sheet, &listed(&e)).await,
        Err(e) if is_of_form(&e) => {
            sheet_page(&ctx, Status::UnprocessableEntity, sheet, &Typed::default(), &listed(&e)).await
        }
        Err(e) => Err(e.into()),
    }
}

/// Asks the chair to open a signed sheet again.
#[post("/fiches/<id>/demande", data = "<form>")]
async fn ask(ctx: Ctx<'_>, cookies: &CookieJar<'_>, id: Id, form: Fields) -> Html {
    let sheet: SheetId = id.get();
    match locking::ask_reopening(ctx.app, ctx.who.actor(), sheet, form.get("reason")).await {
        Ok(()) => ctx.go(cookies, format!("/fiches/{sheet}"), Some("reopening-asked")),
        Err(e) if is_of_form(&e) => {
            let typed = Typed { reason: form.get("reason").to_owned(), ..Typed::default() };
            sheet_page(&ctx, Status::UnprocessableEntity, sheet, &typed, &listed(&e)).await
        }
        Err(e) => Err(e.into()),
    }
}

/// A section of the form as it was answered.
#[derive(Serialize)]
struct SectionPart<'a> {
    code: &'a str,
    title: &'a str,
    fields: Vec<Read<'a>>,
}

/// The dossier whole, as its juror may read it.
#[derive(Serialize)]
struct WholePage<'a> {
    sheet: Uuid,
    dossier: &'a FiledDossier,
    heading: Heading,
    sections: Vec<SectionPart<'a>>,
}

fn sections<'a>(form: &'a Form, asked: &'a CallDefinition, dossier: &'a FiledDossier) -> Vec<SectionPart<'a>> {
    let shown = form.sections.iter().map(|s| SectionPart {
        code: &s.code,
        title: &s.title,
        fields: s
            .fields
            .iter()
            .filter(|f| form.shown_to_jury(&f.code))
            .filter_map(|f| read(&f.code, asked, dossier))
            .collect(),
    });
    shown.filter(|s| !s.fields.is_empty()).collect()
}

#[get("/fiches/<id>/dossier")]
async fn whole(ctx: Ctx<'_>, id: Id) -> Html {
    let view = sheets::show_sheet(ctx.app, ctx.who.actor(), id.get()).await?;
    let dossier = review::show_filed(ctx.app, ctx.who.actor(), view.summary.dossier.id.into()).await?;
    let (asked, _) = questions(&ctx, &dossier).await?;
    let body = WholePage {
        sheet: view.summary.id,
        heading: heading(&asked, &dossier),
        sections: sections(&asked.form, &asked, &dossier),
        dossier: &dossier,
    };
    ctx.page("juror_dossier", &body)
}
