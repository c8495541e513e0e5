//! The parts of a call, each a page of settings. A setting's name in the form is its JSON pointer in the draft; what cannot be read is
//! kept as it was typed, and the checklist says so.

mod rows;
mod settings;

use ami_domain::call::{CallDefinition, Class, Draft, KINDS, Severity};
use ami_services::writing::{self as services, Edit, Part, Writing};
use ami_services::{Error, calls::CallSummary};
use rocket::http::{CookieJar, Status};
use rocket::{Route, get, post, routes};
use serde::Serialize;
use serde_json::{Value, json};

use super::forms::Fields;
use super::{Ctx, Html, is_of_form, listed};
use rows::Row;

pub(super) fn routes() -> Vec<Route> {
    routes![part, save, preview]
}

/// Parts by their place in addresses, with their names in the definition.
pub(super) const PARTS: [(&str, &str); 8] = [
    ("identite", "identity"),
    ("calendrier", "calendar"),
    ("regles", "rules"),
    ("lots", "lots"),
    ("formulaire", "form"),
    ("pieces", "pieces"),
    ("grille", "grid"),
    ("textes", "texts"),
];

/// The part that a JSON pointer leads into.
pub(super) fn part_of(pointer: &str) -> &'static str {
    match pointer.split('/').nth(1).unwrap_or_default() {
        "calendar" => "calendar",
        "rules" => "rules",
        "lots" => "lots",
        "form" => "form",
        "pieces" | "dossier_max_bytes" => "pieces",
        "grid" => "grid",
        "texts" => "texts",
        _ => "identity",
    }
}

/// The item of a part that has a page of its own: a question of the form.
fn item_of(pointer: &str) -> Option<String> {
    let names: Vec<&str> = pointer.split('/').collect();
    match names.as_slice() {
        ["", "form", "sections", _, "fields", _, ..] => Some(names[..6].join("/")),
        _ => None,
    }
}

/// The page on which what stands at a pointer is written.
pub(super) fn href(code: &str, pointer: &str) -> String {
    let name = part_of(pointer);
    let path = PARTS.iter().find(|(_, n)| *n == name).map_or("", |(path, _)| path);
    let item = item_of(pointer).map_or_else(String::new, |item| format!("?objet={item}"));
    format!("/gestion/{code}/redaction/{path}{item}")
}

fn word(key: &str) -> String {
    ami_views::message(key, &[]).unwrap_or_else(|| key.to_owned())
}

/// What stands at a pointer, in words: the part, and the codes of what it lies in.
pub(super) fn place(draft: &Draft, pointer: &str) -> String {
    let mut found = vec![word(&format!("part-{}", part_of(pointer)))];
    let mut at = String::new();
    for name in pointer.split('/').skip(1) {
        at = format!("{at}/{name}");
        let code = draft.text(&format!("{at}/code"));
        let label = if code.is_empty() { draft.text(&format!("{at}/label")) } else { code };
        if !label.is_empty() && name.parse::<usize>().is_ok() {
            found.push(label.to_owned());
        }
    }
    if let Some(label) = settings::label(pointer) {
        found.push(label);
    }
    found.join(", ")
}

/// Settings that belong together, such as those of one lot.
#[derive(Debug, Default, Serialize)]
pub(super) struct Group {
    title: String,
    /// The item that the buttons move, copy and remove; empty when it is none.
    item: String,
    rows: Vec<Row>,
    links: Vec<Link>,
    /// Lists in it to which items are added.
    adds: Vec<Add>,
}

/// To the page of an item, with the buttons that move it.
#[derive(Debug, Serialize)]
struct Link {
    href: String,
    label: String,
    item: String,
}

/// A button that adds to a list.
#[derive(Debug, Serialize)]
struct Add {
    pointer: String,
    label: String,
    /// Kinds to choose from, for a question.
    kinds: Vec<rows::Choice>,
}

#[derive(Debug, Serialize)]
struct Found {
    severity: &'static str,
    detail: String,
    place: String,
    anchor: String,
}

#[derive(Debug, Serialize)]
struct PartPage {
    call: CallSummary,
    version: i64,
    revision: i64,
    path: &'static str,
    name: &'static str,
    /// The item whose page it is; empty for the part itself.
    item: String,
    item_title: String,
    groups: Vec<Group>,
    adds: Vec<Add>,
    found: Vec<Found>,
    /// Sum of the weights, on the grid's page.
    weights: Option<i64>,
    csv: String,
    errors: Value,
}

fn named(path: &str) -> Result<(&'static str, &'static str), Error> {
    PARTS.into_iter().find(|(p, _)| *p == path).ok_or_else(Error::not_found)
}

fn severity(severity: Severity) -> &'static str {
    if severity == Severity::Error { "error" } else { "warning" }
}

async fn part_page(
    ctx: &Ctx<'_>,
    status: Status,
    (code, path, item): (&str, &str, &str),
    csv: &str,
    mut errors: Value,
) -> Html {
    let (path, name) = named(path)?;
    let writing = services::show_writing(ctx.app, ctx.who.actor(), code).await?;
    let Writing { call, version, revision, draft, problems, .. } = writing;
    if !item.is_empty() && draft.get(item).is_none_or(|found| !found.is_object()) {
        return Err(Error::not_found().into());
    }
    let groups = settings::groups(&draft, code, name, item);
    let ids: Vec<&str> = groups.iter().flat_map(|g| g.rows.iter().map(|r| r.id.as_str())).collect();
    let here = problems.iter().filter(|p| part_of(&p.pointer) == name);
    let here = here.filter(|p| item.is_empty() || item_of(&p.pointer).as_deref() == Some(item));
    let found: Vec<Found> = here
        .map(|p| {
            // The setting that holds what is wrong, where the page has it.
            let holds = |id: &&&str| p.pointer == **id || p.pointer.starts_with(&format!("{id}/"));
            let anchor = ids.iter().filter(holds).max_by_key(|id| id.len()).map_or("", |id| *id);
            if !anchor.is_empty()
                && let Some(errors) = errors.as_array_mut()
                && p.severity == Severity::Error
            {
                errors.push(json!({ "anchor": anchor, "label": "", "detail": p.detail }));
            }
            let (severity, detail) = (severity(p.severity), p.detail.clone());
            Found { severity, detail, place: place(&draft, &p.pointer), anchor: anchor.to_owned() }
        })
        .collect();
    let weights = (name == "grid").then(|| settings::weights(&draft));
    let title = format!("{} {}", draft.text(&format!("{item}/code")), draft.text(&format!("{item}/label")));
    let page = PartPage {
        call,
        version,
        revision,
        path,
        name,
        item: item.to_owned(),
        item_title: title.trim().to_owned(),
        adds: settings::adds(name, item),
        groups,
        found,
        weights,
        csv: csv.to_owned(),
        errors,
    };
    ctx.page_with(status, "part", &page)
}

#[get("/gestion/<code>/redaction/<path>?<objet>", rank = 3)]
async fn part(ctx: Ctx<'_>, code: &str, path: &str, objet: Option<&str>) -> Html {
    part_page(&ctx, Status::Ok, (code, path, objet.unwrap_or_default()), "", json!([])).await
}

/// What a button asks for besides saving.
fn asked(form: &Fields) -> Option<Edit> {
    let (what, pointer) = form.get("faire").split_once(' ')?;
    let pointer = pointer.to_owned();
    Some(match what {
        "ajouter" => {
            let kind = form.get(&format!("type~{pointer}"));
            let kind = KINDS.into_iter().find(|k| *k == kind).unwrap_or("text");
            Edit::Add(pointer.clone(), settings::new_item(&pointer, kind))
        }
        "retirer" => Edit::Remove(pointer),
        "copier" => Edit::Copy(pointer),
        "monter" => Edit::Up(pointer),
        "descendre" => Edit::Down(pointer),
        _ => return None,
    })
}

#[post("/gestion/<code>/redaction/<path>?<objet>", data = "<form>", rank = 3)]
async fn save(
    ctx: Ctx<'_>,
    cookies: &CookieJar<'_>,
    code: &str,
    path: &str,
    objet: Option<&str>,
    form: Fields,
) -> Html {
    let (path, name) = named(path)?;
    let item = objet.unwrap_or_default();
    let writing = services::show_writing(ctx.app, ctx.who.actor(), code).await?;
    let csv = form.get("csv").trim();
    let outcome = match form.revision() {
        Ok(_) if form.get("faire") == "csv" => services::lots_of_csv(csv),
        Ok(_) => {
            let groups = settings::groups(&writing.draft, code, name, item);
            Ok(groups.iter().flat_map(|group| &group.rows).filter_map(|row| row.read(&form, &writing.draft)).collect())
        }
        Err(e) => Err(e),
    };
    let outcome = match (outcome, form.revision()) {
        (Ok(values), Ok(seen)) => {
            let part = Part::Values(values, asked(&form));
            services::save(ctx.app, ctx.who.actor(), code, Some(seen), part).await
        }
        (Err(e), _) | (_, Err(e)) => Err(e),
    };
    match outcome {
        Ok(_) => {
            let gone =
                item.is_empty() || form.get("faire").starts_with("retirer ") && form.get("faire").ends_with(item);
            let back = if gone { String::new() } else { format!("?objet={item}") };
            ctx.go(cookies, format!("/gestion/{code}/redaction/{path}{back}"), Some("call-saved"))
        }
        Err(e) if is_of_form(&e) => {
            part_page(&ctx, crate::answer::status(e.kind), (code, path, item), csv, listed(&e)).await
        }
        Err(e) => Err(e.into()),
    }
}

#[derive(Debug, Serialize)]
struct PreviewPage {
    call: CallSummary,
    sections: Value,
    lot: Value,
    lots: Value,
    criteria: Vec<Criterion>,
}

/// A criterion with what its jurors read beside it.
#[derive(Debug, Serialize)]
struct Criterion {
    code: String,
    label: String,
    sources: Vec<Source>,
}

#[derive(Debug, Serialize)]
struct Source {
    code: String,
    label: String,
    /// Whether jurors may read it.
    shown: bool,
}

fn criteria(call: &CallDefinition) -> Vec<Criterion> {
    let source = |code: &String| {
        let field = call.form.field(code).map(|f| (&f.label, call.form.shown_to_jury(code)));
        let piece = || call.slot(code).map(|slot| (&slot.label, slot.class() <= Class::Jury));
        let (label, shown) =
            field.or_else(piece).map_or((String::new(), false), |(label, shown)| (label.clone(), shown));
        Source { code: code.clone(), label, shown }
    };
    let of = |c: &ami_domain::grid::Criterion| Criterion {
        code: c.code.clone(),
        label: c.label.clone(),
        sources: c.sources.iter().map(source).collect(),
    };
    call.grid.criteria().map(of).collect()
}

/// The form as an applicant meets it, and what jurors read for each criterion.
#[get("/gestion/<code>/redaction/apercu", rank = 2)]
async fn preview(ctx: Ctx<'_>, code: &str) -> Html {
    let writing = services::show_writing(ctx.app, ctx.who.actor(), code).await?;
    let sketch = writing.draft.sketch();
    let shown = Draft::of(&sketch);
    let lots = shown.get("/lots").cloned().unwrap_or_else(|| json!([]));
    let none = json!({ "code": "", "label": "", "communes": [], "capacity": 0, "ceiling_cents": 0 });
    let page = PreviewPage {
        call: writing.call,
        sections: shown.get("/form/sections").cloned().unwrap_or_else(|| json!([])),
        lot: lots.get(0).cloned().unwrap_or(none),
        lots,
        criteria: criteria(&sketch),
    };
    ctx.page("preview", &page)
}
