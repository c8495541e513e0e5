//! Rankings and decisions.

use ami_domain::decision::{DecisionKind, Proposal};
use ami_domain::text;
use ami_services::Error;
use ami_services::decisions::{self as taken, DecisionLine, DecisionView};
use ami_services::documents::NamedFile;
use ami_services::rankings::{self as services, AllocationView, RankingSummary, RankingView, Simulation};
use rocket::http::ContentType;
use rocket::request::FromParam;
use rocket::{Route, State, get, post, put, routes};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Api;
use super::calls::Listing;
use crate::answer::{Answer, ApiError, Download};
use crate::guards::{Arrived, Body, Id, IfMatch, Listed, Who};
use crate::kept::{Given, Kept, Made};

pub(super) fn routes() -> Vec<Route> {
    routes![compute, list, show, pdf, figure, allocation, simulate, decide, decision, confirm, decisions, csv, xlsx]
}

/// An id followed by `.pdf`.
struct PdfId(Id);

impl<'a> FromParam<'a> for PdfId {
    type Error = ();

    fn from_param(text: &'a str) -> Result<Self, ()> {
        text.strip_suffix(".pdf").ok_or(()).and_then(Id::from_param).map(Self)
    }
}

#[derive(Deserialize, ToSchema)]
struct NewDecision {
    /// `retained`, `reserve`, `refused`, `inadmissible` or `without_outcome`.
    #[serde(alias = "kind")]
    #[schema(value_type = String)]
    decision: DecisionKind,
    /// Yearly support in euros; what was asked for when left out.
    #[serde(default)]
    #[schema(value_type = Option<f64>)]
    amount: Option<Value>,
    /// Why.
    #[serde(default)]
    reason: String,
    /// Why the decision goes beyond published rules, where it does; it is refused without.
    #[serde(default, rename = "override")]
    override_reason: String,
}

/// Computes a ranking per lot and keeps it.
#[utoipa::path(tag = "classements", params(("code" = String, Path)), responses((status = 201, body = RankingView)))]
#[post("/calls/<code>/rankings")]
async fn compute(app: &Arrived, who: Who, code: &str) -> Api<RankingView> {
    Ok(Answer::created(services::compute_ranking(app, who.actor(), code).await?))
}

/// The rankings of a call, newest first.
#[utoipa::path(tag = "classements", params(("code" = String, Path), ("limit" = Option<i64>, Query, minimum = 1, maximum = 500), ("cursor" = Option<String>, Query)), responses((status = 200, body = Listing<RankingSummary>)))]
#[get("/calls/<code>/rankings")]
async fn list(app: &Arrived, who: Who, code: &str, part: Listed) -> Api<Listing<RankingSummary>> {
    Ok(Answer::ok(services::page_rankings(app, who.actor(), code, &part.0).await?.into()))
}

/// One ranking with its derivation.
#[utoipa::path(tag = "classements", params(("id" = String, Path)), responses((status = 200, body = RankingView)))]
#[get("/rankings/<id>", rank = 2)]
async fn show(app: &Arrived, who: Who, id: Id, kept: &State<Kept>) -> Result<Given, ApiError> {
    let seen = services::look_at(app, who.actor(), id.get()).await?;
    let name = format!("ranking.json {} {:?}", seen.id, seen.sight);
    let render = |(view, _): (RankingView, _)| {
        serde_json::to_string(&view).map(|text| Made::new(String::new(), &text)).map_err(Error::internal)
    };
    let made = kept.get(&app.cores, name, services::show_seen(app, &seen), render).await?;
    Ok(Given { made, before: String::new(), after: String::new(), kind: ContentType::JSON, public: false })
}

/// The same as PDF: the address of the ranking followed by `.pdf`.
#[utoipa::path(tag = "classements", path = "/rankings/{id}.pdf", params(("id" = String, Path)), responses((status = 200, content_type = "application/pdf")))]
#[get("/rankings/<id>", rank = 1)]
async fn pdf(app: &Arrived, who: Who, id: PdfId) -> Result<Download, ApiError> {
    let NamedFile { name, bytes } = services::ranking_pdf(app, who.actor(), id.0.get()).await?;
    Ok(Download { bytes, name, kind: ContentType::PDF, inline: false })
}

/// A figure of one lot as SVG: `ranks.svg`, the ranks that its dossiers may take, or `weights.svg`, how far weights may move.
#[utoipa::path(tag = "classements", params(("id" = String, Path), ("lot" = String, Path), ("figure" = String, Path)), responses((status = 200, content_type = "image/svg+xml"), (status = 404, body = crate::answer::ProblemBody)))]
#[get("/rankings/<id>/lots/<lot>/<figure>")]
async fn figure(app: &Arrived, who: Who, id: Id, lot: &str, figure: &str) -> Result<Download, ApiError> {
    let view = services::show_ranking(app, who.actor(), id.get()).await?;
    let found = view.lots.iter().find(|l| l.code == lot).and_then(services::figures).ok_or_else(Error::not_found)?;
    let drawn = match figure {
        "ranks.svg" => found.ranks,
        "weights.svg" => found.weights,
        _ => return Err(Error::not_found().into()),
    };
    Ok(Download {
        bytes: drawn.svg("figure").into_bytes(),
        name: format!("{lot}-{figure}"),
        kind: ContentType::SVG,
        inline: false,
    })
}

/// Who would be laureate of which lot by the rules, step by step, beside the best that could be had.
#[utoipa::path(tag = "classements", params(("code" = String, Path)), responses((status = 200, body = AllocationView), (status = 409, body = crate::answer::ProblemBody)))]
#[get("/calls/<code>/allocation")]
async fn allocation(app: &Arrived, who: Who, code: &str) -> Api<AllocationView> {
    Ok(Answer::ok(services::show_allocation(app, who.actor(), code).await?))
}

/// The same, if something were otherwise: weights, thresholds, limits, envelope, withdrawals, recusals. Nothing is kept.
#[utoipa::path(tag = "classements", params(("code" = String, Path)), request_body = Simulation, responses((status = 200, body = AllocationView), (status = 409, body = crate::answer::ProblemBody)))]
#[post("/calls/<code>/simulations", data = "<body>")]
async fn simulate(app: &Arrived, who: Who, code: &str, body: Body<Simulation>) -> Api<AllocationView> {
    Ok(Answer::ok(services::simulate_allocation(app, who.actor(), code, body.0).await?))
}

/// Records a decision.
#[utoipa::path(tag = "décisions", params(("id" = String, Path)), request_body = NewDecision, responses((status = 200, body = DecisionView), (status = 409, body = crate::answer::ProblemBody), (status = 412, body = crate::answer::ProblemBody)))]
#[put("/dossiers/<id>/decision", data = "<body>")]
async fn decide(app: &Arrived, who: Who, id: Id, if_match: IfMatch, body: Body<NewDecision>) -> Api<DecisionView> {
    let amount_cents = match &body.0.amount {
        None | Some(Value::Null) => None,
        Some(Value::Number(n)) => Some(text::hundredths(&n.to_string())),
        Some(Value::String(s)) => Some(text::hundredths(s)),
        Some(_) => Some(None),
    };
    let amount_cents = match amount_cents {
        None => None,
        Some(Some(cents)) => Some(cents),
        Some(None) => return Err(Error::field("/amount", "field-number").into()),
    };
    let proposal = Proposal {
        kind: body.0.decision,
        amount_cents,
        reason: body.0.reason,
        override_reason: body.0.override_reason,
    };
    let view = taken::record_decision(app, who.actor(), id.get(), if_match.optional(), proposal).await?;
    let revision = view.revision;
    Ok(Answer::ok(view).tagged(revision))
}

/// The decision on a dossier.
#[utoipa::path(tag = "décisions", params(("id" = String, Path)), responses((status = 200, body = DecisionView), (status = 404, body = crate::answer::ProblemBody)))]
#[get("/dossiers/<id>/decision")]
async fn decision(app: &Arrived, who: Who, id: Id) -> Api<DecisionView> {
    let view = taken::show_decision(app, who.actor(), id.get()).await?.ok_or_else(Error::not_found)?;
    let revision = view.revision;
    Ok(Answer::ok(view).tagged(revision))
}

/// Confirms a decision on which something has changed since: `stale` says what.
#[utoipa::path(tag = "décisions", params(("id" = String, Path)), responses((status = 200, body = DecisionView), (status = 409, body = crate::answer::ProblemBody), (status = 412, body = crate::answer::ProblemBody)))]
#[post("/dossiers/<id>/decision/confirmation")]
async fn confirm(app: &Arrived, who: Who, id: Id, if_match: IfMatch) -> Api<DecisionView> {
    let view = taken::confirm_decision(app, who.actor(), id.get(), if_match.optional()).await?;
    let revision = view.revision;
    Ok(Answer::ok(view).tagged(revision))
}

/// Every filed dossier with its decision.
#[utoipa::path(tag = "décisions", params(("code" = String, Path), ("limit" = Option<i64>, Query, minimum = 1, maximum = 500), ("cursor" = Option<String>, Query)), responses((status = 200, body = Listing<DecisionLine>)))]
#[get("/calls/<code>/decisions")]
async fn decisions(app: &Arrived, who: Who, code: &str, part: Listed) -> Api<Listing<DecisionLine>> {
    Ok(Answer::ok(taken::page_decisions(app, who.actor(), code, &part.0).await?.into()))
}

/// The same as CSV.
#[utoipa::path(tag = "décisions", params(("code" = String, Path)), responses((status = 200, content_type = "text/csv")))]
#[get("/calls/<code>/decisions.csv")]
async fn csv(app: &Arrived, who: Who, code: &str) -> Result<Download, ApiError> {
    let bytes = taken::decisions_csv(app, who.actor(), code).await?;
    let kind = ContentType::new("text", "csv").with_params([("charset", "utf-8")]);
    Ok(Download { bytes, name: format!("decisions-{code}.csv"), kind, inline: false })
}

/// The same as XLSX.
#[utoipa::path(tag = "décisions", params(("code" = String, Path)), responses((status = 200, content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))]
#[get("/calls/<code>/decisions.xlsx")]
async fn xlsx(app: &Arrived, who: Who, code: &str) -> Result<Download, ApiError> {
    let bytes = taken::decisions_xlsx(app, who.actor(), code).await?;
    let kind = ContentType::new("application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet");
    Ok(Download { bytes, name: format!("decisions-{code}.xlsx"), kind, inline: false })
}
