//! Pages of officers: numbers, admissibility, jury, rankings, decisions.

use ami_domain::call::CallState;
use ami_domain::decision::{DecisionKind, Proposal};
use ami_domain::dossier::InadmissibleReason;
use ami_domain::ids::{DossierId, RankingId};
use ami_domain::jury::{College, RecusalReason, Voice};
use ami_domain::text;
use ami_services::jury::{self as juries, Conflict, Invitation};
use ami_services::part::Part;
use ami_services::rankings::RankingView;
use ami_services::review::FiledFilter;
use ami_services::{Error, calls, decisions, rankings, review, steps};
use rocket::http::{CookieJar, Status};
use rocket::{Route, get, post, routes};
use serde_json::{Value, json};

use super::forms::Fields;
use super::{Ctx, Html, PAGE, is_of_form, listed, pager};
use crate::guards::Id;

pub(super) fn routes() -> Vec<Route> {
    routes![
        board,
        advance,
        filed,
        dossier,
        examine,
        decide,
        confirm,
        jury,
        invite,
        recuse,
        ranking_list,
        compute,
        ranking,
        decision_list
    ]
}

fn options(kind: &str, codes: &[&str]) -> Vec<Value> {
    codes
        .iter()
        .map(|c| json!({ "value": c, "label": ami_views::message(&format!("{kind}-{}", c.replace('_', "-")), &[]) }))
        .collect()
}

async fn board_page(ctx: &Ctx<'_>, status: Status, code: &str, errors: &Value, typed: &Fields) -> Html {
    let who = ctx.who.actor();
    let next = steps::next_steps(ctx.app, who, code).await?;
    let call = calls::show_call(ctx.app, who, code).await?;
    let counts = review::count_dossiers(ctx.app, who, code).await?;
    let jury = juries::show_progress(ctx.app, who, code).await?;
    let sum = |f: fn(&review::LotCounts) -> u64| counts.iter().map(f).sum::<u64>();
    let body = json!({
        "call": call, "next": next, "seats": jury.seats, "typed": { "state": typed.get("state"), "reason": typed.get("reason") },
        "undeclared": jury.undeclared, "assigned": jury.assigned, "locked": jury.locked,
        "drafts": sum(|c| c.drafts), "deposited": sum(|c| c.deposited), "admissible": sum(|c| c.admissible),
        "inadmissible": sum(|c| c.inadmissible), "counts": counts, "errors": errors, "sealed": call.phase.sealed(),
    });
    ctx.page_with(status, "board", &body)
}

#[get("/gestion/<code>")]
async fn board(ctx: Ctx<'_>, code: &str) -> Html {
    board_page(&ctx, Status::Ok, code, &json!([]), &Fields::default()).await
}

#[post("/gestion/<code>/etape", data = "<form>")]
async fn advance(ctx: Ctx<'_>, cookies: &CookieJar<'_>, code: &str, form: Fields) -> Html {
    let outcome = match CallState::parse(form.get("state")) {
        Some(to) => steps::advance_call(ctx.app, ctx.who.actor(), code, to, form.get("reason")).await,
        None => Err(Error::field("/state", "field-choice")),
    };
    match outcome {
        Ok(_) => ctx.go(cookies, format!("/gestion/{code}"), Some("advanced")),
        Err(e) if is_of_form(&e) => board_page(&ctx, Status::Conflict, code, &listed(&e), &form).await,
        Err(e) => Err(e.into()),
    }
}

#[get("/gestion/<code>/dossiers?<lot>&<etat>&<page>")]
async fn filed(ctx: Ctx<'_>, code: &str, lot: Option<&str>, etat: Option<&str>, page: Option<usize>) -> Html {
    let who = ctx.who.actor();
    let call = calls::show_call(ctx.app, who, code).await?;
    let (lot, etat, page) = (lot.unwrap_or_default(), etat.unwrap_or_default(), page.unwrap_or(1));
    let filter = FiledFilter { lot, state: etat };
    let mut errors = json!([]);
    let (list, (kept, total), sealed) =
        match review::list_filed(ctx.app, who, code, &filter, &Part::page(page, PAGE)).await {
            Ok(list) => (list.items, review::count_filed(ctx.app, who, code, &filter).await?, None),
            Err(e) if e.code == "sealed" => (vec![], (0, 0), Some(crate::answer::sentence(e.code, &e.args))),
            Err(e) if is_of_form(&e) => {
                errors = listed(&e);
                (vec![], review::count_filed(ctx.app, who, code, &FiledFilter::default()).await?, None)
            }
            Err(e) => return Err(e.into()),
        };
    let states = options("state", &["deposited", "admissible", "inadmissible", "withdrawn"]);
    let lots: Vec<Value> = call
        .definition
        .lots
        .iter()
        .map(|l| json!({ "value": l.code, "label": format!("{} — {}", l.code, l.label) }))
        .collect();
    let pager = pager(&format!("/gestion/{code}/dossiers"), &[("lot", lot), ("etat", etat)], page, kept);
    let body = json!({
        "call": call, "dossiers": list, "total": total, "sealed": sealed, "lot": lot, "state": etat, "lots": lots, "states": states,
        "pager": pager, "errors": errors,
    });
    let known = body["errors"].as_array().is_none_or(Vec::is_empty);
    ctx.page_with(if known { Status::Ok } else { Status::UnprocessableEntity }, "filed", &body)
}

/// What an officer typed that was refused, to be shown again.
#[derive(Default)]
struct Typed {
    examined: Value,
    decided: Value,
}

impl Typed {
    fn examined(form: &Fields) -> Self {
        let typed = |name: &str| form.get(name);
        let examined = json!({ "finding": typed("finding"), "reason": typed("reason"), "comment": typed("comment") });
        Self { examined, ..Self::default() }
    }

    fn decided(form: &Fields) -> Self {
        let typed = |name: &str| form.get(name);
        let decided = json!({
            "decision": typed("decision"), "amount": typed("amount"), "reason": typed("reason"), "override": typed("override"),
        });
        Self { decided, ..Self::default() }
    }
}

async fn dossier_page(ctx: &Ctx<'_>, status: Status, id: DossierId, errors: &Value, typed: Typed) -> Html {
    let who = ctx.who.actor();
    // The authority's decision is read first: only an officer gets past it.
    let decision = decisions::show_decision(ctx.app, who, id).await?;
    let dossier = review::show_filed(ctx.app, who, id).await?;
    let call = calls::show_call_version(ctx.app, who, &dossier.call, dossier.call_version).await?;
    let reasons: Vec<&str> = InadmissibleReason::ALL.iter().map(|r| r.as_str()).collect();
    let kinds: Vec<&str> = DecisionKind::ALL.iter().map(|k| k.as_str()).collect();
    let sections: Vec<Value> = call
        .definition
        .form
        .sections
        .iter()
        .map(|s| {
            let fields: Vec<Value> = s
                .fields
                .iter()
                .map(|f| {
                    let value = dossier.answers.get(&f.code).or_else(|| dossier.computed.get(&f.code));
                    json!({ "code": f.code, "label": f.label, "field": f, "value": value })
                })
                .collect();
            json!({ "code": s.code, "title": s.title, "fields": fields })
        })
        .collect();
    let body = json!({
        "dossier": dossier, "call": call, "sections": sections, "decision": decision, "errors": errors,
        "examined": typed.examined, "decided": typed.decided,
        "reasons": options("inadmissible", &reasons), "kinds": options("decision", &kinds),
    });
    ctx.page_with(status, "review", &body)
}

#[get("/gestion/dossiers/<id>", rank = 1)]
async fn dossier(ctx: Ctx<'_>, id: Id) -> Html {
    dossier_page(&ctx, Status::Ok, id.get(), &json!([]), Typed::default()).await
}

#[post("/gestion/dossiers/<id>/recevabilite", data = "<form>")]
async fn examine(ctx: Ctx<'_>, cookies: &CookieJar<'_>, id: Id, form: Fields) -> Html {
    let dossier: DossierId = id.get();
    let finding = match (form.get("finding"), InadmissibleReason::parse(form.get("reason"))) {
        ("admissible", _) => Ok(None),
        ("inadmissible", Some(reason)) => Ok(Some((reason, form.get("comment").to_owned()))),
        ("inadmissible", None) => Err(Error::field("/reason", "reason-needed")),
        _ => Err(Error::field("/finding", "field-choice")),
    };
    let outcome = match finding {
        Ok(finding) => review::examine_dossier(ctx.app, ctx.who.actor(), dossier, finding).await,
        Err(e) => Err(e),
    };
    match outcome {
        Ok(()) => ctx.go(cookies, format!("/gestion/dossiers/{dossier}"), Some("saved")),
        Err(e) if is_of_form(&e) => {
            let typed = Typed::examined(&form);
            dossier_page(&ctx, Status::UnprocessableEntity, dossier, &listed(&e), typed).await
        }
        Err(e) => Err(e.into()),
    }
}

#[post("/gestion/dossiers/<id>/decision", data = "<form>")]
async fn decide(ctx: Ctx<'_>, cookies: &CookieJar<'_>, id: Id, form: Fields) -> Html {
    let dossier: DossierId = id.get();
    let amount = form.get("amount");
    let amount_cents = if amount.trim().is_empty() {
        Ok(None)
    } else {
        text::hundredths(amount.trim_end_matches(['€', ' '])).map(Some).ok_or(())
    };
    let outcome = match (DecisionKind::parse(form.get("decision")), amount_cents) {
        (None, _) => Err(Error::field("/decision", "field-choice")),
        (_, Err(())) => Err(Error::field("/amount", "field-number")),
        (Some(kind), Ok(amount_cents)) => {
            let proposal = Proposal {
                kind,
                amount_cents,
                reason: form.get("reason").to_owned(),
                override_reason: form.get("override").to_owned(),
            };
            match form.revision() {
                Ok(seen) => decisions::record_decision(ctx.app, ctx.who.actor(), dossier, Some(seen), proposal).await,
                Err(e) => Err(e),
            }
        }
    };
    match outcome {
        Ok(_) => ctx.go(cookies, format!("/gestion/dossiers/{dossier}"), Some("saved")),
        Err(e) if is_of_form(&e) => {
            // The page has another reason, for what was found of the dossier.
            let mut errors = listed(&e);
            for anchor in errors.as_array_mut().into_iter().flatten().filter_map(|e| e.get_mut("anchor")) {
                if *anchor == "reason" {
                    *anchor = json!("reason-d");
                }
            }
            let typed = Typed::decided(&form);
            dossier_page(&ctx, Status::UnprocessableEntity, dossier, &errors, typed).await
        }
        Err(e) => Err(e.into()),
    }
}

#[post("/gestion/dossiers/<id>/decision/confirmation", data = "<form>")]
async fn confirm(ctx: Ctx<'_>, cookies: &CookieJar<'_>, id: Id, form: Fields) -> Html {
    let dossier: DossierId = id.get();
    let outcome = match form.revision() {
        Ok(seen) => decisions::confirm_decision(ctx.app, ctx.who.actor(), dossier, Some(seen)).await,
        // Who asks is looked at before what they sent.
        Err(e) => decisions::show_decision(ctx.app, ctx.who.actor(), dossier).await.and(Err(e)),
    };
    match outcome {
        Ok(_) => ctx.go(cookies, format!("/gestion/dossiers/{dossier}"), Some("confirmed-decision")),
        Err(e) if is_of_form(&e) => dossier_page(&ctx, Status::Conflict, dossier, &listed(&e), Typed::default()).await,
        Err(e) => Err(e.into()),
    }
}

async fn jury_page(ctx: &Ctx<'_>, status: Status, code: &str, typed: &Fields, errors: &Value) -> Html {
    let who = ctx.who.actor();
    let seats = juries::list_seats(ctx.app, who, code).await?;
    let call = calls::show_call(ctx.app, who, code).await?;
    let names = |all: &[&'static str]| all.to_vec();
    let colleges = names(&College::ALL.iter().map(|c| c.as_str()).collect::<Vec<_>>());
    let voices = names(&Voice::ALL.iter().map(|v| v.as_str()).collect::<Vec<_>>());
    let reasons = names(&RecusalReason::ALL.iter().map(|r| r.as_str()).collect::<Vec<_>>());
    let choice = |value: &str, label: String| json!({ "value": value, "label": label });
    let lots: Vec<Value> =
        call.definition.lots.iter().map(|l| choice(&l.code, format!("{} — {}", l.code, l.label))).collect();
    let people: Vec<Value> =
        seats.iter().map(|s| choice(&s.id.to_string(), format!("{} — {}", s.label, s.name))).collect();
    let body = json!({
        "call": call, "seats": seats, "colleges": options("college", &colleges), "voices": options("voice", &voices),
        "errors": errors, "reasons": options("reason", &reasons), "lots": lots, "people": people,
        "recusal": {
            "seat": typed.get("seat"), "lot": typed.get("lot"), "reason": typed.get("reason"), "comment": typed.get("comment"),
        },
        "typed": { "name": typed.get("name"), "email": typed.get("email"), "college": typed.get("college"), "voice": typed.get("voice") },
    });
    ctx.page_with(status, "officer_jury", &body)
}

#[get("/gestion/<code>/jury")]
async fn jury(ctx: Ctx<'_>, code: &str) -> Html {
    jury_page(&ctx, Status::Ok, code, &Fields::default(), &json!([])).await
}

#[post("/gestion/<code>/jury", data = "<form>")]
async fn invite(ctx: Ctx<'_>, cookies: &CookieJar<'_>, code: &str, form: Fields) -> Html {
    let outcome = match (College::parse(form.get("college")), Voice::parse(form.get("voice"))) {
        (Some(college), Some(voice)) => {
            let invitation = Invitation {
                name: form.get("name").to_owned(),
                email: form.get("email").to_owned(),
                college,
                voice,
                chair: form.has("chair"),
            };
            juries::invite_juror(ctx.app, ctx.who.actor(), code, &invitation).await
        }
        (None, _) => Err(Error::field("/college", "field-choice")),
        (_, None) => Err(Error::field("/voice", "field-choice")),
    };
    match outcome {
        Ok(_) => ctx.go(cookies, format!("/gestion/{code}/jury"), Some("invited")),
        Err(e) if is_of_form(&e) => jury_page(&ctx, Status::UnprocessableEntity, code, &form, &listed(&e)).await,
        Err(e) => Err(e.into()),
    }
}

/// A conflict found by others than the juror, or too late.
#[post("/gestion/<code>/jury/deports", data = "<form>")]
async fn recuse(ctx: Ctx<'_>, cookies: &CookieJar<'_>, code: &str, form: Fields) -> Html {
    let outcome = match RecusalReason::parse(form.get("reason")) {
        Some(reason) => {
            let (lot, comment) = (Some(form.get("lot").to_owned()), form.get("comment").to_owned());
            let conflict = Conflict { lot, dossier: None, organisation: None, reason, comment };
            juries::impose_recusal(ctx.app, ctx.who.actor(), code, form.id("seat"), &conflict).await
        }
        None => Err(Error::field("/reason", "field-choice")),
    };
    match outcome {
        Ok(()) => ctx.go(cookies, format!("/gestion/{code}/jury"), Some("recused")),
        Err(e) if is_of_form(&e) => jury_page(&ctx, Status::UnprocessableEntity, code, &form, &listed(&e)).await,
        Err(e) => Err(e.into()),
    }
}

async fn rankings_page(ctx: &Ctx<'_>, status: Status, code: &str, errors: &Value) -> Html {
    let (list, sealed) = match rankings::list_rankings(ctx.app, ctx.who.actor(), code).await {
        Ok(list) => (list, None),
        Err(e) if e.code == "marks-sealed" => (vec![], Some(crate::answer::sentence(e.code, &e.args))),
        Err(e) => return Err(e.into()),
    };
    let call = calls::show_call(ctx.app, ctx.who.actor(), code).await?;
    let body = json!({ "call": call, "rankings": list, "sealed": sealed, "errors": errors });
    ctx.page_with(status, "rankings", &body)
}

#[get("/gestion/<code>/classements")]
async fn ranking_list(ctx: Ctx<'_>, code: &str) -> Html {
    rankings_page(&ctx, Status::Ok, code, &json!([])).await
}

#[post("/gestion/<code>/classements")]
async fn compute(ctx: Ctx<'_>, cookies: &CookieJar<'_>, code: &str) -> Html {
    match rankings::compute_ranking(ctx.app, ctx.who.actor(), code).await {
        Ok(made) => ctx.go(cookies, format!("/gestion/classements/{}", made.id), Some("computed")),
        Err(e) if is_of_form(&e) => rankings_page(&ctx, Status::Conflict, code, &listed(&e)).await,
        Err(e) => Err(e.into()),
    }
}

/// More derivations than this on one page are read by nobody: each is then a page of its own.
const MOST_DERIVATIONS: usize = 120;

#[get("/gestion/classements/<id>?<lot>&<dossier>", rank = 1)]
async fn ranking(ctx: Ctx<'_>, id: Id, lot: Option<&str>, dossier: Option<&str>) -> Html {
    let seen = rankings::look_at(ctx.app, ctx.who.actor(), id.get::<RankingId>()).await?;
    let (lot, dossier) = (lot.unwrap_or_default().to_owned(), dossier.unwrap_or_default().to_owned());
    let name = format!("{} {:?} {lot:?} {dossier:?}", seen.id, seen.sight);
    let load = rankings::show_seen(ctx.app, &seen);
    ctx.kept_page(name, "ranking", load, move |(view, call)| ranking_body(view, &call, &lot, &dossier)).await
}

fn ranking_body(mut view: RankingView, call: &calls::CallView, lot: &str, dossier: &str) -> Result<Value, Error> {
    let lots: Vec<String> = view.lots.iter().map(|l| l.code.clone()).collect();
    if !lot.is_empty() {
        view.lots.retain(|l| l.code == lot);
    }
    if view.lots.is_empty() {
        return Err(Error::not_found());
    }
    let shown: usize = view.lots.iter().map(|l| l.dossiers.len()).sum();
    let figures: Vec<Value> = view
        .lots
        .iter()
        .map(|lot| match rankings::figures(lot) {
            Some(found) => json!({
                "ranks": found.ranks.svg(&format!("rangs-{}", lot.code)),
                "weights": found.weights.svg(&format!("poids-{}", lot.code)),
            }),
            None => Value::Null,
        })
        .collect();
    Ok(json!({
        "call": call, "ranking": view, "figures": figures, "lots": lots, "lot": lot,
        "all_derivations": shown <= MOST_DERIVATIONS, "dossier": dossier,
    }))
}

#[get("/gestion/<code>/decisions?<page>")]
async fn decision_list(ctx: Ctx<'_>, code: &str, page: Option<usize>) -> Html {
    let who = ctx.who.actor();
    let call = calls::show_call(ctx.app, who, code).await?;
    let page = page.unwrap_or(1);
    let (totals, sealed) = match decisions::count_decisions(ctx.app, who, code).await {
        Ok(totals) => (Some(totals), None),
        Err(e) if e.code == "sealed" => (None, Some(crate::answer::sentence(e.code, &e.args))),
        Err(e) => return Err(e.into()),
    };
    let lines = match &totals {
        Some(_) => decisions::page_decisions(ctx.app, who, code, &Part::page(page, PAGE)).await?.items,
        None => vec![],
    };
    let pager =
        pager(&format!("/gestion/{code}/decisions"), &[], page, totals.as_ref().map_or(0, |totals| totals.dossiers));
    let spent = totals.as_ref().map_or(0, |totals| totals.spent_cents);
    let body = json!({
        "call": call, "lines": lines, "spent": spent, "sealed": sealed, "pager": pager,
        "taken": totals.as_ref().map_or(0, |totals| totals.decided),
        "stale": totals.as_ref().map_or(0, |totals| totals.stale),
    });
    ctx.long_page(Status::Ok, "decisions", body).await
}
