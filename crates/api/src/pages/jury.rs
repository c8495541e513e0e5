//! Pages of jurors: declaration, list, and the chair's list of sheets.

use std::collections::{BTreeMap, BTreeSet};

use ami_domain::call::day;
use ami_domain::jury::RecusalReason;
use ami_services::accounts::MySeat;
use ami_services::jury::{CandidateView, Conflict, DeclarationView};
use ami_services::presiding::SheetLine;
use ami_services::sheets::SheetSummary;
use ami_services::{Error, Problem, accounts, calls, jury as services, presiding, rankings, sheets};
use jiff::{Timestamp, Unit};
use rocket::http::{CookieJar, Status};
use rocket::{Route, get, post, routes};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::forms::Fields;
use super::{Ctx, Html, PAGE, is_of_form, listed, pager};

pub(super) fn routes() -> Vec<Route> {
    routes![list, declaration, declare, call_sheets, reopen]
}

/// Whole days from an instant to a deadline, as a calendar on the wall counts them.
pub(super) fn days_left(now: Timestamp, until: Timestamp) -> i64 {
    day(now).until((Unit::Day, day(until))).map_or(0, |span| i64::from(span.get_days()))
}

/// A ranking that a juror may read.
#[derive(Serialize)]
struct ReadableRanking {
    call: String,
    id: Uuid,
}

/// What a juror has to do.
#[derive(Serialize)]
struct JuryPage<'a> {
    seats: &'a [MySeat],
    sheets: &'a [&'a SheetSummary],
    locked: usize,
    /// Sheets that may be written now.
    unfinished: usize,
    refusal: Option<&'static str>,
    pager: Value,
    /// The first of them.
    open: Option<&'a SheetSummary>,
    /// The nearest deadline of those.
    deadline: Option<Timestamp>,
    days_left: i64,
    rankings: &'a [ReadableRanking],
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
    // What is left to do first; the order is the juror's own.
    sheets.sort_by_key(|s| (s.state == "locked", !s.open));
    let mut readable = Vec::new();
    for seat in me.seats.iter().filter(|s| s.declared) {
        match rankings::list_rankings(ctx.app, ctx.who.actor(), &seat.call).await {
            Ok(found) => readable
                .extend(found.into_iter().take(1).map(|r| ReadableRanking { call: seat.call.clone(), id: r.id })),
            Err(e) if matches!(e.code, "not-found" | "not-yours" | "not-now" | "marks-sealed") => {}
            Err(e) => return Err(e.into()),
        }
    }
    let (page, total) = (page.unwrap_or(1), sheets.len());
    let shown: Vec<_> = sheets.iter().skip(page.saturating_sub(1).saturating_mul(PAGE)).take(PAGE).collect();
    let deadline = sheets.iter().filter(|s| s.open).filter_map(|s| s.until).min();
    let body = JuryPage {
        seats: &me.seats,
        sheets: &shown,
        locked,
        unfinished: sheets.iter().filter(|s| s.open).count(),
        refusal,
        pager: pager("/jury", &[], page, total),
        open: sheets.iter().find(|s| s.open),
        deadline,
        days_left: deadline.map_or(0, |until| days_left(ctx.app.at, until)),
        rankings: &readable,
    };
    ctx.page("jury", &body)
}

/// A motive that may be chosen.
#[derive(Serialize)]
struct Motive {
    value: RecusalReason,
    label: Option<String>,
}

/// What was typed in a row.
#[derive(Serialize)]
struct Row<'a> {
    reason: &'a str,
    comment: &'a str,
}

/// Who applied, with all its dossiers.
#[derive(Serialize)]
struct Applicant<'a> {
    id: Uuid,
    name: &'a str,
    dossiers: Vec<&'a CandidateView>,
    /// Whether a row of one of them alone was typed, or is wrong.
    apart: bool,
}

/// The declaration of conflicts.
#[derive(Serialize)]
struct DeclarationPage<'a> {
    code: &'a str,
    view: &'a DeclarationView,
    applicants: Vec<Applicant<'a>>,
    reasons: Vec<Motive>,
    errors: &'a Value,
    given: BTreeMap<Uuid, Row<'a>>,
    honour: bool,
}

fn applicants<'a>(view: &'a DeclarationView, given: &BTreeMap<Uuid, Row<'_>>) -> Vec<Applicant<'a>> {
    let mut found: BTreeMap<Uuid, Applicant<'a>> = BTreeMap::new();
    for candidate in &view.candidates {
        let row = given.get(&candidate.dossier);
        let applicant = found.entry(candidate.organisation_id).or_insert_with(|| Applicant {
            id: candidate.organisation_id,
            name: &candidate.organisation,
            dossiers: vec![],
            apart: false,
        });
        applicant.apart |= row.is_some_and(|row| !row.reason.is_empty() || !row.comment.is_empty());
        applicant.dossiers.push(candidate);
    }
    let mut found: Vec<_> = found.into_values().collect();
    found.sort_by_key(|a| a.name.to_lowercase());
    found
}

async fn declaration_page(ctx: &Ctx<'_>, status: Status, code: &str, typed: &Fields, errors: &Value) -> Html {
    let view = services::show_declaration(ctx.app, ctx.who.actor(), code).await?;
    let motive =
        |r: &RecusalReason| Motive { value: *r, label: ami_views::message(&format!("reason-{}", r.as_str()), &[]) };
    // What was typed stays in its row.
    let rows = view.candidates.iter().flat_map(|c| [c.dossier, c.organisation_id]);
    let given: BTreeMap<Uuid, Row<'_>> = rows
        .map(|id| {
            let (reason, comment) = (typed.get(&format!("reason.{id}")), typed.get(&format!("comment.{id}")));
            (id, Row { reason, comment })
        })
        .collect();
    let body = DeclarationPage {
        code,
        applicants: applicants(&view, &given),
        view: &view,
        reasons: RecusalReason::ALL.iter().map(motive).collect(),
        errors,
        given,
        honour: typed.has("honour"),
    };
    ctx.page_with(status, "declaration", &body)
}

#[get("/jury/<code>/declaration")]
async fn declaration(ctx: Ctx<'_>, code: &str) -> Html {
    declaration_page(&ctx, Status::Ok, code, &Fields::default(), &json!([])).await
}

/// The conflicts of a form. A row that cannot be read is an error, never "no conflict": whoever meant to step aside must not
/// be taken for somebody who has nothing to declare.
fn conflicts(form: &Fields, organisations: &BTreeSet<Uuid>) -> Result<Vec<Conflict>, Error> {
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
                (Ok(named), Some(reason)) => {
                    let whole = organisations.contains(&named);
                    let (dossier, organisation) = if whole { (None, Some(named)) } else { (Some(named), None) };
                    found.push(Conflict { lot: None, dossier, organisation, reason, comment: comment.to_owned() });
                }
            }
        } else if let Some(id) = name.strip_prefix("comment.")
            && !form.has(&format!("reason.{id}"))
            && !value.trim().is_empty()
        {
            wrong(id, "conflict-reason");
        }
    }
    if problems.is_empty() { Ok(found) } else { Err(Error::invalid(problems)) }
}

/// The rows of a form in the place of numbers in a list: the use case names a conflict by its position.
fn by_row(mut error: Error, conflicts: &[Conflict]) -> Error {
    let row = |problem: Problem| {
        let conflict = problem.pointer.trim_start_matches('/').parse::<usize>().ok().and_then(|i| conflicts.get(i));
        let found = conflict.and_then(|conflict| conflict.dossier.or(conflict.organisation));
        let pointer = found.map_or(problem.pointer, |row| format!("/reason/{row}"));
        Problem { pointer, ..problem }
    };
    error.problems = error.problems.into_iter().map(row).collect();
    error
}

#[post("/jury/<code>/declaration", data = "<form>")]
async fn declare(ctx: Ctx<'_>, cookies: &CookieJar<'_>, code: &str, form: Fields) -> Html {
    let view = services::show_declaration(ctx.app, ctx.who.actor(), code).await?;
    let organisations = view.candidates.iter().map(|c| c.organisation_id).collect();
    let outcome = match conflicts(&form, &organisations) {
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

/// The sheets of a call, for its chair and officers.
#[derive(Serialize)]
struct CallSheetsPage<'a> {
    call: &'a calls::CallView,
    /// Those that may be opened again: requests first.
    locked: Vec<&'a SheetLine>,
    sheets: &'a [SheetLine],
    /// Whether the reader presides.
    presides: bool,
    errors: &'a Value,
    pager: Value,
    typed: Asked<'a>,
}

/// What was typed.
#[derive(Serialize)]
struct Asked<'a> {
    sheet: &'a str,
    reason: &'a str,
    until: &'a str,
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
    let me = accounts::show_me(ctx.app, ctx.who.signed()?).await?;
    let mut all = presiding::list_call_sheets(ctx.app, who, code).await?;
    // Who waits for an answer first.
    all.sort_by_key(|s| s.request.is_none());
    let from = page.saturating_sub(1).saturating_mul(PAGE).min(all.len());
    let shown = &all[from..all.len().min(from + PAGE)];
    let body = CallSheetsPage {
        presides: me.seats.iter().any(|s| s.call == code && s.chair),
        call: &call,
        locked: all.iter().filter(|s| s.state == "locked").collect(),
        sheets: shown,
        errors,
        pager: pager(&format!("/jury/{code}/fiches"), &[], page, all.len()),
        typed: Asked { sheet: typed.get("sheet"), reason: typed.get("reason"), until: typed.get("until") },
    };
    ctx.page_with(status, "call_sheets", &body)
}

#[get("/jury/<code>/fiches?<page>")]
async fn call_sheets(ctx: Ctx<'_>, code: &str, page: Option<usize>) -> Html {
    call_sheets_page(&ctx, Status::Ok, code, page.unwrap_or(1), &Fields::default(), &json!([])).await
}

/// Opens a sheet again.
#[post("/jury/<code>/fiches", data = "<form>")]
async fn reopen(ctx: Ctx<'_>, cookies: &CookieJar<'_>, code: &str, form: Fields) -> Html {
    // The whole day counts.
    let until = match form.get("until").trim() {
        "" => Ok(None),
        typed => ami_domain::call::end_of_day(typed).map(Some).ok_or_else(|| Error::field("/until", "field-date")),
    };
    let outcome = match until {
        Ok(until) => {
            presiding::reopen_sheet(ctx.app, ctx.who.actor(), form.id("sheet"), form.get("reason"), until).await
        }
        Err(e) => presiding::list_call_sheets(ctx.app, ctx.who.actor(), code).await.and(Err(e)),
    };
    match outcome {
        Ok(()) => ctx.go(cookies, format!("/jury/{code}/fiches"), Some("reopened")),
        Err(e) if is_of_form(&e) => {
            call_sheets_page(&ctx, Status::UnprocessableEntity, code, 1, &form, &listed(&e)).await
        }
        Err(e) => Err(e.into()),
    }
}
