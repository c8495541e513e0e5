//! The page that shares lots out: by the rules, as well as could be, and if something were otherwise.

use std::collections::BTreeMap;

use ami_services::calls::{self, CallView};
use ami_services::rankings::{self as services, Allocated, AllocatedLot, AllocationView, Caps, Named, Simulation};
use ami_services::{Error, Problem};
use rocket::http::Status;
use rocket::http::uri::Origin;
use rocket::{Route, get, routes};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::forms::Fields;
use super::{Ctx, Html, is_of_form, listed};

pub(super) fn routes() -> Vec<Route> {
    routes![allocation]
}

/// A column of the table.
#[derive(Serialize)]
struct Column<'a> {
    laureates: Vec<&'a Named>,
    reserve: Vec<&'a Named>,
    vacancy: Option<&'a str>,
    steps: &'a [String],
}

/// A lot, shared out in two or three ways.
#[derive(Serialize)]
struct Row<'a> {
    lot: &'a str,
    label: &'a str,
    rules: Column<'a>,
    best: Column<'a>,
    simulated: Option<Column<'a>>,
    /// Whether other dossiers win it in the simulation than by the rules.
    changed: bool,
}

/// What the ways come to.
#[derive(Serialize)]
struct Sums<'a> {
    rules: &'a Allocated,
    best: &'a Allocated,
    simulated: Option<&'a Allocated>,
}

/// A number that may be otherwise: what it is, and what was typed.
#[derive(Serialize)]
struct Knob {
    id: String,
    label: String,
    is: String,
    typed: String,
}

/// A dossier that may be left out.
#[derive(Serialize)]
struct Ticked<'a> {
    #[serde(flatten)]
    named: &'a Named,
    out: bool,
}

#[derive(Serialize)]
struct AllocationPage<'a> {
    call: &'a CallView,
    sealed: Option<String>,
    ranking: Option<Uuid>,
    rows: Vec<Row<'a>>,
    sums: Option<Sums<'a>>,
    tied: Vec<&'a str>,
    assumed: &'a [String],
    weights: Vec<Knob>,
    thresholds: Vec<Knob>,
    limits: Vec<Knob>,
    dossiers: Vec<Ticked<'a>>,
    asked: bool,
    errors: Value,
}

#[get("/gestion/<code>/attribution")]
async fn allocation(ctx: Ctx<'_>, code: &str, uri: &Origin<'_>) -> Html {
    let who = ctx.who.actor();
    let typed = Fields::parse(uri.query().map_or("", |query| query.as_str()));
    let call = calls::show_call(ctx.app, who, code).await?;
    let official = match services::show_allocation(ctx.app, who, code).await {
        Ok(official) => official,
        Err(e) if matches!(e.code, "sealed" | "no-ranking" | "marks-sealed") => {
            let page = page(&call, None, None, &typed, json!([]));
            let page = AllocationPage { sealed: Some(crate::answer::sentence(e.code, &e.args)), ..page };
            return ctx.page("allocation", &page);
        }
        Err(e) => return Err(e.into()),
    };
    let asked = typed.has("simulation");
    let simulated = match (asked, simulation(&call, &typed)) {
        (false, _) => Ok(None),
        (true, Ok(otherwise)) => services::simulate_allocation(ctx.app, who, code, otherwise).await.map(Some),
        (true, Err(error)) => Err(error),
    };
    match simulated {
        Ok(simulated) => ctx.page("allocation", &page(&call, Some(&official), simulated.as_ref(), &typed, json!([]))),
        Err(e) if is_of_form(&e) => ctx.page_with(
            Status::UnprocessableEntity,
            "allocation",
            &page(&call, Some(&official), None, &typed, listed(&e)),
        ),
        Err(e) => Err(e.into()),
    }
}

/// What was typed that differs from what is.
fn simulation(call: &CallView, typed: &Fields) -> Result<Simulation, Error> {
    let mut wrong = Vec::new();
    let mut whole = |id: &str, is: u32| -> Option<u32> {
        let text = typed.get(id).trim();
        match text.parse::<u32>() {
            Ok(number) if number == is => None,
            Ok(number) => Some(number),
            Err(_) if text.is_empty() => None,
            Err(_) => {
                let pointer = format!("/{}", id.replace('.', "/"));
                wrong.push(Problem { pointer, code: "field-number".into(), args: vec![] });
                None
            }
        }
    };
    let definition = &call.definition;
    let (rules, grid) = (&definition.rules, &definition.grid);
    let criteria = grid.groups.iter().flat_map(|g| &g.criteria);
    let weights: BTreeMap<String, u32> =
        criteria.filter_map(|c| Some((c.code.clone(), whole(&format!("weights.{}", c.code), c.weight)?))).collect();
    let caps = Caps {
        lots: whole("caps.lots", rules.max_lots_awarded),
        laureates: whole("caps.laureates", rules.laureates_per_lot),
        reserve: whole("caps.reserve", rules.reserve_per_lot),
    };
    let thresholds = grid
        .thresholds
        .iter()
        .filter_map(|t| {
            let text = typed.get(&format!("thresholds.{}", t.code)).trim();
            (!text.is_empty() && text != t.below.to_string()).then(|| (t.code.clone(), text.to_owned()))
        })
        .collect();
    let text = typed.get("envelope_cents").trim();
    let envelope = (!text.is_empty()).then(|| ami_domain::text::hundredths(text));
    if envelope == Some(None) {
        wrong.push(Problem { pointer: "/envelope_cents".into(), code: "field-number".into(), args: vec![] });
    }
    let withdrawn = typed.all("withdrawn").iter().filter_map(|id| id.parse().ok()).collect();
    let envelope_cents = envelope.flatten().filter(|cents| *cents != definition.envelope_cents);
    if !wrong.is_empty() {
        return Err(Error::invalid(wrong));
    }
    Ok(Simulation { weights, thresholds, caps, envelope_cents, withdrawn, recusals: vec![] })
}

fn column<'a>(lot: &'a AllocatedLot, names: &BTreeMap<Uuid, &'a Named>) -> Column<'a> {
    let find = |ids: &[Uuid]| ids.iter().filter_map(|id| names.get(id).copied()).collect();
    Column { laureates: find(&lot.laureates), reserve: find(&lot.reserve), vacancy: lot.vacancy, steps: &lot.steps }
}

fn page<'a>(
    call: &'a CallView,
    official: Option<&'a AllocationView>,
    simulated: Option<&'a AllocationView>,
    typed: &Fields,
    errors: Value,
) -> AllocationPage<'a> {
    let names = |view: &'a AllocationView| view.dossiers.iter().map(|d| (d.id, d)).collect::<BTreeMap<_, _>>();
    let (known, other) = (official.map(names).unwrap_or_default(), simulated.map(names).unwrap_or_default());
    let row = |at: usize, rules: &'a AllocatedLot, best: &'a AllocatedLot| {
        let simulated = simulated.and_then(|view| view.rules.lots.get(at));
        Row {
            lot: &rules.lot,
            label: &rules.label,
            changed: simulated.is_some_and(|lot| lot.laureates != rules.laureates),
            rules: column(rules, &known),
            best: column(best, &known),
            simulated: simulated.map(|lot| column(lot, &other)),
        }
    };
    let lots = official.into_iter().flat_map(|view| view.rules.lots.iter().zip(&view.best.lots)).enumerate();
    let out = typed.all("withdrawn");
    AllocationPage {
        call,
        sealed: None,
        ranking: official.map(|view| view.ranking),
        rows: lots.map(|(at, (rules, best))| row(at, rules, best)).collect(),
        sums: official.map(|view| Sums {
            rules: &view.rules,
            best: &view.best,
            simulated: simulated.map(|view| &view.rules),
        }),
        tied: official
            .into_iter()
            .flat_map(|view| &view.rules.lots)
            .filter(|lot| lot.vacancy == Some("tied"))
            .map(|lot| lot.lot.as_str())
            .collect(),
        assumed: official.map_or(&[], |view| &view.assumed_order),
        weights: weights(call, typed),
        thresholds: thresholds(call, typed),
        limits: limits(call, typed),
        dossiers: official
            .into_iter()
            .flat_map(|view| &view.dossiers)
            .filter(|d| d.rank.is_some())
            .map(|named| Ticked { named, out: out.contains(&named.id.to_string()) })
            .collect(),
        asked: typed.has("simulation"),
        errors,
    }
}

fn knob(typed: &Fields, id: String, label: String, is: String) -> Knob {
    let typed = if typed.has(&id) { typed.get(&id).to_owned() } else { is.clone() };
    Knob { id, label, is, typed }
}

fn weights(call: &CallView, typed: &Fields) -> Vec<Knob> {
    let criteria = call.definition.grid.groups.iter().flat_map(|g| &g.criteria);
    let weight = |c: &ami_domain::grid::Criterion| {
        knob(typed, format!("weights.{}", c.code), format!("{} {}", c.code, c.label), c.weight.to_string())
    };
    criteria.map(weight).collect()
}

fn thresholds(call: &CallView, typed: &Fields) -> Vec<Knob> {
    let threshold = |t: &ami_domain::grid::Threshold| {
        knob(typed, format!("thresholds.{}", t.code), t.code.clone(), t.below.to_string())
    };
    call.definition.grid.thresholds.iter().map(threshold).collect()
}

/// The limits of the rules; their names are in the locale.
fn limits(call: &CallView, typed: &Fields) -> Vec<Knob> {
    let rules = &call.definition.rules;
    let limit = |id: &str, label: &str, is: String| knob(typed, id.into(), label.into(), is);
    vec![
        limit("caps.lots", "simulation-lots", rules.max_lots_awarded.to_string()),
        limit("caps.laureates", "simulation-laureates", rules.laureates_per_lot.to_string()),
        limit("caps.reserve", "simulation-reserve", rules.reserve_per_lot.to_string()),
        limit(
            "envelope_cents",
            "simulation-envelope",
            ami_domain::text::show_hundredths(call.definition.envelope_cents),
        ),
    ]
}
