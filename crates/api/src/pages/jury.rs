//! Pages of jurors: declaration, list, score sheet.

use std::sync::Arc;

use ami_domain::form::Field;
use ami_domain::ids::SheetId;
use ami_domain::jury::RecusalReason;
use ami_services::jury::Conflict;
use ami_services::sheets::SheetChanges;
use ami_services::{Error, accounts, calls, jury as services, review, sheets};
use rocket::http::{CookieJar, Status};
use rocket::{Route, get, post, routes};
use serde_json::{Value, json};
use uuid::Uuid;

use super::forms::Fields;
use super::{Ctx, Html, PAGE, PageAnswer, is_of_form, listed, pager};
use crate::guards::Id;

pub(super) fn routes() -> Vec<Route> {
    routes![list, declaration, declare, sheet, write, lock]
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
    sheets.sort_by(|a, b| (a.state, &a.dossier.number).cmp(&(b.state, &b.dossier.number)));
    let (page, total) = (page.unwrap_or(1), sheets.len());
    let shown: Vec<_> = sheets.iter().skip(page.saturating_sub(1).saturating_mul(PAGE)).take(PAGE).collect();
    let body = json!({
        "seats": me.seats, "sheets": shown, "locked": locked, "refusal": refusal, "pager": pager("/jury", &[], page, total),
        "open": sheets.iter().find(|s| s.state != "locked"),
    });
    ctx.page("jury", &body)
}

async fn declaration_page(ctx: &Ctx<'_>, status: Status, code: &str, errors: &Value) -> Html {
    let view = services::show_declaration(ctx.app, ctx.who.actor(), code).await?;
    let reasons: Vec<Value> = RecusalReason::ALL
        .iter()
        .map(|r| json!({ "value": r, "label": ami_views::message(&format!("reason-{}", r.as_str()), &[]) }))
        .collect();
    ctx.page_with(status, "declaration", &json!({ "code": code, "view": view, "reasons": reasons, "errors": errors }))
}

#[get("/jury/<code>/declaration")]
async fn declaration(ctx: Ctx<'_>, code: &str) -> Html {
    declaration_page(&ctx, Status::Ok, code, &json!([])).await
}

#[post("/jury/<code>/declaration", data = "<form>")]
async fn declare(ctx: Ctx<'_>, cookies: &CookieJar<'_>, code: &str, form: Fields) -> Html {
    let conflicts: Vec<Conflict> = form
        .iter()
        .filter_map(|(name, value)| {
            let dossier = name.strip_prefix("reason.").and_then(|id| Uuid::parse_str(id).ok())?;
            let reason = RecusalReason::parse(value)?;
            let comment = form.get(&format!("comment.{dossier}")).to_owned();
            Some(Conflict { lot: None, dossier: Some(dossier), reason, comment })
        })
        .collect();
    let outcome = if form.has("honour") {
        services::declare_conflicts(ctx.app, ctx.who.actor(), code, &conflicts).await
    } else {
        Err(Error::field("/honour", "field-checkbox"))
    };
    match outcome {
        Ok(()) => ctx.go(cookies, "/jury".into(), Some("declared")),
        Err(e) if is_of_form(&e) => declaration_page(&ctx, Status::UnprocessableEntity, code, &listed(&e)).await,
        Err(e) => Err(e.into()),
    }
}

async fn sheet_page(ctx: &Ctx<'_>, status: Status, id: SheetId, typed: Option<&SheetChanges>, errors: &Value) -> Html {
    let mut view = sheets::show_sheet(ctx.app, ctx.who.actor(), id).await?;
    if let Some(typed) = typed {
        for (code, mark) in &typed.marks {
            if let Some(mark) = mark {
                view.marks.insert(code.clone(), *mark);
            }
        }
        view.comments.extend(typed.comments.clone());
    }
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
                        "missing": view.missing.get(&c.code),
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

#[get("/fiches/<id>")]
async fn sheet(ctx: Ctx<'_>, id: Id) -> Html {
    sheet_page(&ctx, Status::Ok, id.get(), None, &json!([])).await
}

#[post("/fiches/<id>", data = "<form>")]
async fn write(ctx: Ctx<'_>, cookies: &CookieJar<'_>, id: Id, form: Fields) -> Html {
    let sheet: SheetId = id.get();
    let mut changes = SheetChanges::default();
    for (name, value) in form.iter() {
        if let Some(code) = name.strip_prefix("mark.") {
            changes.marks.insert(code.to_owned(), value.parse().ok());
        } else if let Some(code) = name.strip_prefix("comment.") {
            changes.comments.insert(code.to_owned(), value.to_owned());
        }
    }
    let seen = form.get("revision").parse().ok();
    match sheets::write_sheet(ctx.app, ctx.who.actor(), sheet, seen, &changes).await {
        Ok(saved) if ctx.autosave => {
            Ok(PageAnswer::Json(Status::Ok, json!({ "revision": saved.revision, "problems": 0 })))
        }
        Ok(_) if form.has("lock") => match sheets::lock_sheet(ctx.app, ctx.who.actor(), sheet).await {
            Ok(_) => ctx.go(cookies, format!("/fiches/{sheet}"), Some("locked")),
            Err(e) if is_of_form(&e) => sheet_page(&ctx, Status::UnprocessableEntity, sheet, None, &listed(&e)).await,
            Err(e) => Err(e.into()),
        },
        Ok(_) => ctx.go(cookies, format!("/fiches/{sheet}"), Some("saved")),
        Err(e) if is_of_form(&e) && !ctx.autosave => {
            sheet_page(&ctx, Status::UnprocessableEntity, sheet, Some(&changes), &listed(&e)).await
        }
        Err(e) => Err(e.into()),
    }
}

#[post("/fiches/<id>/verrouiller")]
async fn lock(ctx: Ctx<'_>, cookies: &CookieJar<'_>, id: Id) -> Html {
    let sheet: SheetId = id.get();
    match sheets::lock_sheet(ctx.app, ctx.who.actor(), sheet).await {
        Ok(_) => ctx.go(cookies, format!("/fiches/{sheet}"), Some("locked")),
        Err(e) if is_of_form(&e) => sheet_page(&ctx, Status::UnprocessableEntity, sheet, None, &listed(&e)).await,
        Err(e) => Err(e.into()),
    }
}
