//! Pages of jurors: declaration, list, score sheet.

use std::collections::BTreeMap;
use std::sync::Arc;

use ami_domain::form::Field;
use ami_domain::ids::SheetId;
use ami_domain::jury::RecusalReason;
use ami_services::jury::Conflict;
use ami_services::sheets::SheetChanges;
use ami_services::{Error, Problem, accounts, calls, jury as services, presiding, review, sheets};
use rocket::http::{CookieJar, Status};
use rocket::{Route, get, post, routes};
use serde_json::{Value, json};
use uuid::Uuid;

use super::forms::Fields;
use super::{Ctx, Html, PAGE, PageAnswer, is_of_form, listed, pager};
use crate::guards::Id;

pub(super) fn routes() -> Vec<Route> {
    routes![list, declaration, declare, sheet, write, lock, call_sheets, reopen]
}

#[get("/jury?<page>")]
async fn list(ctx: Ctx<'_>, page: Option<usize>) -> Html {
    let me = accounts::show_me(ctx.app, ctx.who.signed()?).await?;
    let (mut sheets, refusal) = match sheets::list_sheets(ctx.app, ctx.who.actor()).await {
        Ok(sheets) => (sheets, None),
        Err(e) if matches!(e.code, "declare-first" | "not-now") => (vec![], Some(e.code)),
        Err(e) => return Err(e.into()),
    };
    let locked = sheets.iter().filter(|s| s.state == "locked").count();
    // What is left to do first.
    sheets.sort_by_cached_key(|s| (s.state == "locked", s.dossier.number.clone()));
    let (page, total) = (page.unwrap_or(1), sheets.len());
    let shown: Vec<_> = sheets.iter().skip(page.saturating_sub(1).saturating_mul(PAGE)).take(PAGE).collect();
    let body = json!({
        "seats": me.seats, "sheets": shown, "locked": locked, "refusal": refusal, "pager": pager("/jury", &[], page, total),
        "open": sheets.iter().find(|s| s.state != "locked"),
    });
    ctx.page("jury", &body)
}

async fn declaration_page(ctx: &Ctx<'_>, status: Status, code: &str, typed: &Fields, errors: &Value) -> Html {
    let view = services::show_declaration(ctx.app, ctx.who.actor(), code).await?;
    let reasons: Vec<Value> = RecusalReason::ALL
        .iter()
        .map(|r| json!({ "value": r, "label": ami_views::message(&format!("reason-{}", r.as_str()), &[]) }))
        .collect();
    // What was typed stays in its row.
    let given: serde_json::Map<String, Value> = view
        .candidates
        .iter()
        .map(|c| {
            let (reason, comment) =
                (typed.get(&format!("reason.{}", c.dossier)), typed.get(&format!("comment.{}", c.dossier)));
            (c.dossier.to_string(), json!({ "reason": reason, "comment": comment }))
        })
        .collect();
    let body = json!({
        "code": code, "view": view, "reasons": reasons, "errors": errors, "given": given, "honour": typed.has("honour"),
    });
    ctx.page_with(status, "declaration", &body)
}

#[get("/jury/<code>/declaration")]
async fn declaration(ctx: Ctx<'_>, code: &str) -> Html {
    declaration_page(&ctx, Status::Ok, code, &Fields::default(), &json!([])).await
}

/// The conflicts of a form. A row that cannot be read is an error, never "no conflict": whoever meant to step aside must not
/// be taken for somebody who has nothing to declare.
fn conflicts(form: &Fields) -> Result<Vec<Conflict>, Error> {
    let mut found = Vec::new();
    let mut problems = Vec::new();
    let mut wrong = |id: &str, code: &str| {
        problems.push(Problem { pointer: format!("/reason/{id}"), code: code.into(), args: vec![] });
    };
    for (name, value) in form.iter() {
        if let Some(id) = name.strip_prefix("reason.") {
            let comment = form.get(&format!("comment.{id}"));
            match (Uuid::parse_str(id), RecusalReason::parse(value)) {
                (_, None) if value.trim().is_empty() && comment.trim().is_empty() => {}
                (_, None) if value.trim().is_empty() => wrong(id, "conflict-reason"),
                (Err(_), _) | (_, None) => wrong(id, "conflict-unreadable"),
                (Ok(dossier), Some(reason)) => {
                    found.push((
                        id,
                        Conflict { lot: None, dossier: Some(dossier), reason, comment: comment.to_owned() },
                    ));
                }
            }
        } else if let Some(id) = name.strip_prefix("comment.")
            && !form.has(&format!("reason.{id}"))
            && !value.trim().is_empty()
        {
            wrong(id, "conflict-reason");
        }
    }
    if problems.is_empty() { Ok(found.into_iter().map(|(_, c)| c).collect()) } else { Err(Error::invalid(problems)) }
}

/// The rows of a form in the place of numbers in a list: the use case names a conflict by its position.
fn by_row(mut error: Error, conflicts: &[Conflict]) -> Error {
    let row = |problem: Problem| {
        let found =
            problem.pointer.trim_start_matches('/').parse::<usize>().ok().and_then(|i| conflicts.get(i)?.dossier);
        let pointer = found.map_or(problem.pointer, |dossier| format!("/reason/{dossier}"));
        Problem { pointer, ..problem }
    };
    error.problems = error.problems.into_iter().map(row).collect();
    error
}

#[post("/jury/<code>/declaration", data = "<form>")]
async fn declare(ctx: Ctx<'_>, cookies: &CookieJar<'_>, code: &str, form: Fields) -> Html {
    let outcome = match conflicts(&form) {
        Ok(_) if !form.has("honour") => Err(Error::field("/honour", "field-checkbox")),
        Ok(found) => services::declare_conflicts(ctx.app, ctx.who.actor(), code, &found)
            .await
            .map_err(|error| by_row(error, &found)),
        Err(e) => Err(e),
    };
    match outcome {
        Ok(()) => ctx.go(cookies, "/jury".into(), Some("declared")),
        Err(e) if is_of_form(&e) => declaration_page(&ctx, Status::UnprocessableEntity, code, &form, &listed(&e)).await,
        Err(e) => Err(e.into()),
    }
}

async fn sheet_page(ctx: &Ctx<'_>, status: Status, id: SheetId, typed: &Typed, errors: &Value) -> Html {
    let mut view = sheets::show_sheet(ctx.app, ctx.who.actor(), id).await?;
    for (code, mark) in &typed.changes.marks {
        match mark {
            Some(mark) => view.marks.insert(code.clone(), *mark),
            None => view.marks.remove(code),
        };
    }
    view.comments.extend(typed.changes.comments.clone());
    let dossier = review::show_filed(ctx.app, ctx.who.actor(), view.summary.dossier.id.into()).await?;
    let call = calls::show_call(ctx.app, ctx.who.actor(), &view.summary.dossier.call).await?;
    // The questions are those that were asked when the dossier was filed.
    let asked = if dossier.call_version == call.version {
        Arc::clone(&call.definition)
    } else {
        calls::show_call_version(ctx.app, ctx.who.actor(), &dossier.call, dossier.call_version).await?.definition
    };
    let call = call.definition;
    let scale = &call.grid.scale;
    let marks: Vec<Value> = scale.marks().map(|(v, word)| json!({ "value": v, "word": word })).collect();
    let groups: Vec<Value> = call
        .grid
        .groups
        .iter()
        .map(|g| {
            let criteria: Vec<Value> = g
                .criteria
                .iter()
                .map(|c| {
                    let reads: Vec<Value> = c
                        .sources
                        .iter()
                        .filter_map(|s| {
                            if let Some(field) = asked.form.field(s) {
                                let field: &Field = field;
                                let value = dossier.answers.get(s).or_else(|| dossier.computed.get(s));
                                return Some(json!({
                                    "code": s, "label": field.label, "field": field, "value": value, "pieces": null,
                                }));
                            }
                            let slot = asked.slot(s)?;
                            let files: Vec<_> = dossier.pieces.iter().filter(|p| p.slot == *s).collect();
                            Some(json!({ "code": s, "label": slot.label, "field": null, "value": null, "pieces": files }))
                        })
                        .collect();
                    json!({
                        "code": c.code, "label": c.label, "weight": c.weight, "reads": reads,
                        "mark": view.marks.get(&c.code), "comment": view.comments.get(&c.code).cloned().unwrap_or_default(),
                        "missing": view.missing.get(&c.code), "typed": typed.unread.get(&c.code),
                    })
                })
                .collect();
            json!({ "code": g.code, "label": g.label, "criteria": criteria })
        })
        .collect();
    let body = json!({
        "sheet": view, "dossier": dossier, "groups": groups, "marks": marks, "min": scale.min, "max": scale.max,
        "comment_marks": call.grid.comments.marks, "comment_min": call.grid.comments.min_chars, "errors": errors,
    });
    ctx.page_with(status, "sheet", &body)
}

/// What a sheet's form says.
#[derive(Default)]
struct Typed {
    /// What can be read.
    changes: SheetChanges,
    /// Marks that are no numbers, as they were typed, by criterion.
    unread: BTreeMap<String, String>,
}

impl Typed {
    /// A mark that is no number is not "no mark": it changes nothing, and is said to be wrong.
    fn read(form: &Fields) -> Self {
        let mut typed = Self::default();
        for (name, value) in form.iter() {
            if let Some(code) = name.strip_prefix("mark.") {
                match value.trim() {
                    "" => drop(typed.changes.marks.insert(code.to_owned(), None)),
                    text => match text.parse() {
                        Ok(mark) => drop(typed.changes.marks.insert(code.to_owned(), Some(mark))),
                        Err(_) => drop(typed.unread.insert(code.to_owned(), value.to_owned())),
                    },
                }
            } else if let Some(code) = name.strip_prefix("comment.") {
                typed.changes.comments.insert(code.to_owned(), value.to_owned());
            }
        }
        typed
    }

    /// Refuses when a mark could not be read.
    fn refusal(&self) -> Option<Error> {
        let wrong = |(code, value): (&String, &String)| Problem {
            pointer: format!("/marks/{code}"),
            code: "mark-unreadable".into(),
            args: vec![("criterion", code.clone()), ("value", value.clone())],
        };
        (!self.unread.is_empty()).then(|| Error::invalid(self.unread.iter().map(wrong).collect()))
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
        Ok(seen) => sheets::write_sheet(ctx.app, who, sheet, Some(seen), &typed.changes).await,
        // Who asks is looked at before what they sent.
        Err(e) => sheets::show_sheet(ctx.app, who, sheet).await.and(Err(e)),
    };
    // What could be read is kept; the rest is shown again, and nothing is signed.
    let outcome = match (saved, typed.refusal()) {
        (Ok(saved), _) if ctx.autosave => {
            let body = json!({ "revision": saved.revision, "problems": typed.unread.len() });
            return Ok(PageAnswer::Json(Status::Ok, body));
        }
        (Ok(_), Some(unread)) => Err((unread, true)),
        (Ok(saved), None) if form.has("lock") => {
            sheets::lock_sheet(ctx.app, who, sheet, Some(saved.revision)).await.map(|_| "locked").map_err(|e| (e, true))
        }
        (Ok(_), None) => Ok("saved"),
        (Err(e), _) => Err((e, false)),
    };
    match outcome {
        Ok(note) => ctx.go(cookies, format!("/fiches/{sheet}"), Some(note)),
        Err((e, stored)) if is_of_form(&e) && !ctx.autosave => {
            let typed = if stored { Typed { unread: typed.unread, ..Typed::default() } } else { typed };
            sheet_page(&ctx, Status::UnprocessableEntity, sheet, &typed, &listed(&e)).await
        }
        Err((e, _)) => Err(e.into()),
    }
}

#[post("/fiches/<id>/verrouiller", data = "<form>")]
async fn lock(ctx: Ctx<'_>, cookies: &CookieJar<'_>, id: Id, form: Fields) -> Html {
    let (who, sheet): (_, SheetId) = (ctx.who.actor(), id.get());
    let outcome = match form.revision() {
        Ok(seen) => sheets::lock_sheet(ctx.app, who, sheet, Some(seen)).await,
        Err(e) => sheets::show_sheet(ctx.app, who, sheet).await.and(Err(e)),
    };
    match outcome {
        Ok(_) => ctx.go(cookies, format!("/fiches/{sheet}"), Some("locked")),
        Err(e) if is_of_form(&e) => {
            sheet_page(&ctx, Status::UnprocessableEntity, sheet, &Typed::default(), &listed(&e)).await
        }
        Err(e) => Err(e.into()),
    }
}

async fn call_sheets_page(
    ctx: &Ctx<'_>,
    status: Status,
    code: &str,
    page: usize,
    typed: &Fields,
    errors: &Value,
) -> Html {
    let who = ctx.who.actor();
    let call = calls::show_call(ctx.app, who, code).await?;
    let all = presiding::list_call_sheets(ctx.app, who, code).await?;
    let total = all.len();
    let shown: Vec<_> = all.into_iter().skip(page.saturating_sub(1).saturating_mul(PAGE)).take(PAGE).collect();
    let body = json!({
        "call": call, "sheets": shown, "errors": errors, "pager": pager(&format!("/jury/{code}/fiches"), &[], page, total),
        "typed": { "sheet": typed.get("sheet"), "reason": typed.get("reason") },
    });
    ctx.long_page(status, "call_sheets", body).await
}

#[get("/jury/<code>/fiches?<page>")]
async fn call_sheets(ctx: Ctx<'_>, code: &str, page: Option<usize>) -> Html {
    call_sheets_page(&ctx, Status::Ok, code, page.unwrap_or(1), &Fields::default(), &json!([])).await
}

/// Opens a sheet again.
#[post("/jury/<code>/fiches", data = "<form>")]
async fn reopen(ctx: Ctx<'_>, cookies: &CookieJar<'_>, code: &str, form: Fields) -> Html {
    match presiding::reopen_sheet(ctx.app, ctx.who.actor(), form.id("sheet"), form.get("reason")).await {
        Ok(()) => ctx.go(cookies, format!("/jury/{code}/fiches"), Some("reopened")),
        Err(e) if is_of_form(&e) => {
            call_sheets_page(&ctx, Status::UnprocessableEntity, code, 1, &form, &listed(&e)).await
        }
        Err(e) => Err(e.into()),
    }
}
