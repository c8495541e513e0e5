//! Pages of assignments: the table of who marks what, and what the engine proposes.

use std::collections::{BTreeMap, BTreeSet};

use ami_services::assigning::{self, ProposalSpec, ProposalView, SeatChange};
use ami_services::calls;
use ami_services::jury::{self as juries, AssignmentRow};
use ami_services::part::Part;
use rocket::http::{CookieJar, Status};
use rocket::{Route, get, post, routes};
use serde::Serialize;
use serde_json::{Value, json};

use super::forms::Fields;
use super::{Ctx, Html, PAGE, is_of_form, listed, pager};

pub(super) fn routes() -> Vec<Route> {
    routes![assignments, assign, proposal, apply_proposal]
}

async fn assignments_page(ctx: &Ctx<'_>, status: Status, code: &str, page: usize, errors: &Value) -> Html {
    let who = ctx.who.actor();
    let seats = juries::list_seats(ctx.app, who, code).await?;
    let (rows, total, sealed) = match juries::list_assignments(ctx.app, who, code, &Part::page(page, PAGE)).await {
        Ok(rows) => (rows.items, juries::count_assignments(ctx.app, who, code).await?, None),
        Err(e) if e.code == "sealed" => (vec![], 0, Some(crate::answer::sentence(e.code, &e.args))),
        Err(e) => return Err(e.into()),
    };
    let pager = pager(&format!("/gestion/{code}/affectations"), &[], page, total);
    let call = calls::show_call(ctx.app, who, code).await?;
    let min = call.definition.grid.min_jurors;
    let body = json!({
        "call": call, "seats": seats, "rows": rows, "min": min, "errors": errors, "pager": pager, "sealed": sealed,
    });
    ctx.long_page(status, "assignments", body).await
}

#[get("/gestion/<code>/affectations?<page>")]
async fn assignments(ctx: Ctx<'_>, code: &str, page: Option<usize>) -> Html {
    assignments_page(&ctx, Status::Ok, code, page.unwrap_or(1), &json!([])).await
}

/// The page sends the dossiers that it showed and every pair that is ticked; what is not ticked is taken back.
#[post("/gestion/<code>/affectations", data = "<form>")]
async fn assign(ctx: Ctx<'_>, cookies: &CookieJar<'_>, code: &str, form: Fields) -> Html {
    let page = form.get("page").parse().unwrap_or(1);
    let rows = juries::list_assignments(ctx.app, ctx.who.actor(), code, &Part::page(page, PAGE)).await?;
    let changes = changed(&rows.items, form.all("shown"), form.all("assign"));
    match assigning::change_assignments(ctx.app, ctx.who.actor(), code, &changes).await {
        Ok(()) => ctx.go(cookies, format!("/gestion/{code}/affectations?page={page}"), Some("saved")),
        Err(e) if is_of_form(&e) => assignments_page(&ctx, Status::Conflict, code, page, &listed(&e)).await,
        Err(e) => Err(e.into()),
    }
}

/// What a table of ticks changes, by seat. A pair is `DOSSIER.SEAT`.
fn changed(rows: &[AssignmentRow], shown: &[String], ticked: &[String]) -> Vec<SeatChange> {
    let shown: BTreeSet<&str> = shown.iter().map(String::as_str).collect();
    let ticked: BTreeSet<&str> = ticked.iter().map(String::as_str).collect();
    let mut by_seat: BTreeMap<uuid::Uuid, SeatChange> = BTreeMap::new();
    for row in rows.iter().filter(|row| shown.contains(row.dossier.to_string().as_str())) {
        for cell in &row.seats {
            let wanted = ticked.contains(format!("{}.{}", row.dossier, cell.seat).as_str());
            let change = || SeatChange { seat: cell.seat, add: vec![], remove: vec![] };
            match (cell.state, wanted) {
                ("none", true) => by_seat.entry(cell.seat).or_insert_with(change).add.push(row.dossier),
                ("assigned", false) => by_seat.entry(cell.seat).or_insert_with(change).remove.push(row.dossier),
                _ => {}
            }
        }
    }
    by_seat.into_values().collect()
}

/// What the engine proposes, before it is kept.
#[derive(Serialize)]
struct ProposalPage<'a> {
    call: &'a calls::CallView,
    seats: Vec<SeatLoad<'a>>,
    rows: Vec<ProposedRow<'a>>,
    proposal: &'a ProposalView,
    added: usize,
    per_dossier: u32,
    errors: &'a Value,
}

/// What a seat would have to mark.
#[derive(Serialize)]
struct SeatLoad<'a> {
    label: &'a str,
    name: &'a str,
    before: usize,
    load: u32,
    declared: bool,
}

/// Who would mark a dossier: labels, those who are new apart.
#[derive(Serialize)]
struct ProposedRow<'a> {
    number: &'a str,
    lot: &'a str,
    organisation: &'a str,
    kept: Vec<&'a str>,
    added: Vec<&'a str>,
}

async fn proposal_page(ctx: &Ctx<'_>, status: Status, code: &str, per_dossier: u32, errors: &Value) -> Html {
    let who = ctx.who.actor();
    let spec = ProposalSpec { per_dossier, expertise: BTreeMap::new() };
    let proposal = assigning::propose_assignments(ctx.app, who, code, &spec).await?;
    let call = calls::show_call(ctx.app, who, code).await?;
    let seats = juries::list_seats(ctx.app, who, code).await?;
    let label = |id: &uuid::Uuid| seats.iter().find(|s| s.id == *id).map(|s| s.label.as_str());
    let row = |a: &'_ assigning::ProposedDossier| -> (Vec<uuid::Uuid>, Vec<uuid::Uuid>) {
        a.seats.iter().partition(|s| !a.added.contains(s))
    };
    let body = ProposalPage {
        seats: seats
            .iter()
            .filter_map(|s| {
                let load = *proposal.loads.get(&s.id)?;
                Some(SeatLoad { label: &s.label, name: &s.name, before: s.assigned, load, declared: s.declared })
            })
            .collect(),
        rows: proposal
            .assignments
            .iter()
            .map(|a| {
                let (kept, added) = row(a);
                ProposedRow {
                    number: &a.number,
                    lot: &a.lot,
                    organisation: &a.organisation,
                    kept: kept.iter().filter_map(label).collect(),
                    added: added.iter().filter_map(label).collect(),
                }
            })
            .collect(),
        added: proposal.assignments.iter().map(|a| a.added.len()).sum(),
        proposal: &proposal,
        call: &call,
        per_dossier,
        errors,
    };
    ctx.page_with(status, "proposal", &body)
}

#[get("/gestion/<code>/affectations/proposition?<par>")]
async fn proposal(ctx: Ctx<'_>, code: &str, par: Option<u32>) -> Html {
    match proposal_page(&ctx, Status::Ok, code, par.unwrap_or(0), &json!([])).await {
        Err(e) if is_of_form(&e.0) => assignments_page(&ctx, Status::UnprocessableEntity, code, 1, &listed(&e.0)).await,
        page => page,
    }
}

#[post("/gestion/<code>/affectations/proposition", data = "<form>")]
async fn apply_proposal(ctx: Ctx<'_>, cookies: &CookieJar<'_>, code: &str, form: Fields) -> Html {
    let per_dossier = form.get("per_dossier").parse().unwrap_or(0);
    let spec = ProposalSpec { per_dossier, expertise: BTreeMap::new() };
    match assigning::apply_proposal(ctx.app, ctx.who.actor(), code, &spec, form.get("digest")).await {
        Ok(()) => ctx.go(cookies, format!("/gestion/{code}/affectations"), Some("assigned")),
        Err(e) if e.code == "proposal-moved" => {
            proposal_page(&ctx, Status::Conflict, code, per_dossier, &listed(&e)).await
        }
        Err(e) if is_of_form(&e) => assignments_page(&ctx, Status::Conflict, code, 1, &listed(&e)).await,
        Err(e) => Err(e.into()),
    }
}
