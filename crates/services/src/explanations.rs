//! « Comment ma note a été calculée »: the four things that the law wants said to whom a decision concerns that a program helped to
//! take (CRPA R.311-3-1-2), for one dossier: how far it contributed, with which data, which parameters and weights, by which operations.

use ami_database::letters as letter_rows;
use ami_database::rankings as rows;
use ami_documents::{ExplanationDocument, ExplanationLine};
use ami_domain::dossier::Dossier;
use ami_domain::grid::Measure;
use ami_domain::ids::DossierId;
use ami_domain::letter::LetterStage;
use ami_domain::policy::{Action, decide};
use ami_domain::text;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::documents::NamedFile;
use crate::filed::Filings;
use crate::rankings::{RankedDossier, read_view};
use crate::{Actor, Arrival, Error, Result, about, letters};

/// How the marks of a dossier were computed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Explanation {
    /// The dossier.
    pub dossier: Uuid,
    /// Its number.
    pub number: String,
    /// Who calls.
    pub authority: String,
    /// The call's code.
    pub call: String,
    /// The call's title.
    pub call_title: String,
    /// The lot's code.
    pub lot: String,
    /// The lot's name.
    pub lot_label: String,
    /// When the ranking was computed that stands behind the decision.
    #[schema(value_type = String, format = DateTime)]
    pub computed_at: Timestamp,
    /// Version of the engine.
    pub engine: String,
    /// SHA-256 of everything that went in.
    pub input_sha256: String,
    /// `ranked`, `eliminated` or `insufficient`.
    pub status: String,
    /// From 1; equals share it.
    pub rank: Option<usize>,
    /// Whether it shares its rank.
    pub ex_aequo: bool,
    /// Ranked dossiers of the lot.
    pub ranked: usize,
    /// Most points there are.
    pub out_of: u64,
    /// Two decimals.
    pub total_shown: Option<String>,
    /// How many jurors were counted. Who gave which mark is not said.
    pub jurors: usize,
    /// Lowest and highest mark.
    pub scale: (i64, i64),
    /// How marks become one value: `mean`, `median`, `trimmed` or `voices`.
    pub aggregation: String,
    /// Groups and, as the call says, their criteria.
    pub lines: Vec<GridLine>,
    /// What eliminates.
    pub thresholds: Vec<ThresholdView>,
    /// What decides between equal totals, in order.
    pub breakers: Vec<String>,
    /// The breaker that separated it from a neighbour with the same total.
    pub decided_by: Option<String>,
    /// The four things, each with its heading.
    pub sections: Vec<ExplanationSection>,
    /// Whether it belongs to a demonstration.
    pub demonstration: bool,
}

/// One of the four things.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ExplanationSection {
    /// Its heading.
    pub title: String,
    /// What is said.
    pub text: String,
}

/// A group or a criterion, with one's own points.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct GridLine {
    /// Its code.
    pub code: String,
    /// Its name.
    pub label: String,
    /// Most points there are.
    pub weight: u64,
    /// Mean of the jurors' marks, two decimals; none for a group.
    pub mean: Option<String>,
    /// Points, two decimals.
    pub points: Option<String>,
    /// Whether it is a group.
    pub group: bool,
}

/// A threshold.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ThresholdView {
    /// What it looks at, in words.
    pub on: String,
    /// What is needed.
    pub minimum: String,
    /// The value that was not enough; none when it was.
    pub below: Option<String>,
}

fn words(key: &str, args: &[(&'static str, String)]) -> String {
    ami_views::message(key, args).unwrap_or_default()
}

/// What a threshold or a breaker looks at, in words.
fn measured(on: &Measure, definition: &ami_domain::call::CallDefinition) -> String {
    match on {
        Measure::Total => words("threshold-total", &[]),
        Measure::Group(code) => {
            let label = definition.grid.groups.iter().find(|g| g.code == *code).map_or("", |g| g.label.as_str());
            words("threshold-group", &[("code", code.clone()), ("label", label.to_owned())])
        }
        Measure::Criterion(code) => {
            let label = definition.grid.criteria().find(|c| c.code == *code).map_or("", |c| c.label.as_str());
            words("threshold-criterion", &[("code", code.clone()), ("label", label.to_owned())])
        }
        Measure::Field(code) => {
            let label = definition.form.field(code).map_or("", |f| f.label.as_str());
            words("threshold-field", &[("code", code.clone()), ("label", label.to_owned())])
        }
    }
}

/// How the marks of one's own dossier were computed, once its decision was notified.
///
/// # Errors
/// `not-found` before, and for a dossier that no ranking has.
pub async fn explain_dossier(app: &Arrival, who: Option<&Actor>, id: DossierId) -> Result<Explanation> {
    let conn = app.database.read();
    let (call, dossier) = app.dossier(id).await?;
    decide(Action::ReadOwnDossier, who, &about(app.at, &call, &dossier))?;
    let sent = letter_rows::of_dossier(conn, id).await?;
    // The ranking of the letter that they were sent last: of one that was computed since, they know nothing yet.
    let told = sent.iter().rev().find(|l| l.stage() == LetterStage::Sent && l.kind.was_computed());
    let ranking = told.map(letters::ranking_of).transpose()?.flatten().ok_or_else(Error::not_found)?;
    let snapshot = rows::find_ranking(conn, ranking).await?.ok_or_else(Error::not_found)?;
    let definition = ami_database::calls::version(conn, &call, snapshot.call_version).await?;
    let view = read_view(&snapshot)?;
    let lot = view.lots.iter().find(|l| l.code == dossier.lot).ok_or_else(Error::not_found)?;
    let own = lot.dossiers.iter().find(|d| d.id == id.uuid()).ok_or_else(Error::not_found)?;
    let filings = Filings::of(conn, &call, [id]).await?;
    let ranked = lot.dossiers.iter().filter(|d| d.rank.is_some()).count();
    Ok(explanation(&definition, &dossier, (&view, own, ranked), &filings))
}

fn explanation(
    definition: &ami_domain::call::CallDefinition,
    dossier: &Dossier,
    (view, own, ranked): (&crate::rankings::RankingView, &RankedDossier, usize),
    filings: &Filings,
) -> Explanation {
    let grid = &definition.grid;
    let thresholds = grid
        .thresholds
        .iter()
        .map(|t| ThresholdView {
            on: measured(&t.on, definition),
            minimum: text::show_hundredths(t.below.0),
            below: own.eliminated_by.iter().find(|e| e.code == t.code).map(|e| e.value_shown.clone()),
        })
        .collect();
    let aggregation = words(&format!("explain-aggregation-{}", view.aggregation), &[]);
    let args = [
        ("min", grid.scale.min.to_string()),
        ("max", grid.scale.max.to_string()),
        ("jurors", own.jurors.len().to_string()),
        ("min_jurors", grid.min_jurors.to_string()),
        ("aggregation", aggregation),
        ("sha256", view.input_sha256.clone()),
        ("engine", view.engine.clone()),
    ];
    let section = |name: &str| ExplanationSection {
        title: words(&format!("explain-{name}-title"), &args),
        text: words(&format!("explain-{name}-text"), &args),
    };
    Explanation {
        dossier: dossier.id.uuid(),
        number: filings.number(dossier),
        authority: definition.authority.name.clone(),
        call: definition.code.clone(),
        call_title: definition.title.clone(),
        lot: dossier.lot.clone(),
        lot_label: filings.lot_label(dossier),
        computed_at: view.computed_at,
        engine: view.engine.clone(),
        input_sha256: view.input_sha256.clone(),
        status: own.status.clone(),
        rank: own.rank,
        ex_aequo: own.ex_aequo,
        ranked,
        out_of: grid.criteria().map(|c| u64::from(c.weight)).sum(),
        total_shown: own.total_shown.clone(),
        jurors: own.jurors.len(),
        scale: (grid.scale.min, grid.scale.max),
        aggregation: view.aggregation.clone(),
        lines: lines(definition, own),
        thresholds,
        breakers: grid.ties.iter().map(|t| measured(&t.on, definition)).collect(),
        decided_by: own.decided_by.clone(),
        sections: ["contribution", "data", "parameters", "operations"].map(section).into(),
        demonstration: definition.demonstration,
    }
}

/// The grid with one's own points; criterion by criterion where the call says so.
fn lines(definition: &ami_domain::call::CallDefinition, own: &RankedDossier) -> Vec<GridLine> {
    let mut lines = Vec::new();
    for group in &definition.grid.groups {
        let weight = group.criteria.iter().map(|c| u64::from(c.weight)).sum();
        lines.push(GridLine {
            code: group.code.clone(),
            label: group.label.clone(),
            weight,
            mean: None,
            points: own.groups.get(&group.code).map(|g| g.points_shown.clone()),
            group: true,
        });
        if !definition.rules.results_by_criterion {
            continue;
        }
        lines.extend(group.criteria.iter().map(|c| {
            let result = own.criteria.get(&c.code);
            GridLine {
                code: c.code.clone(),
                label: c.label.clone(),
                weight: u64::from(c.weight),
                mean: result.map(|r| r.mean_shown.clone()),
                points: result.map(|r| r.points_shown.clone()),
                group: false,
            }
        }));
    }
    lines
}

/// The same as PDF.
pub async fn explanation_pdf(app: &Arrival, who: Option<&Actor>, id: DossierId) -> Result<NamedFile> {
    let e = explain_dossier(app, who, id).await?;
    let name = format!("calcul-{}.pdf", e.number);
    let status = words(&format!("status-{}", e.status), &[]);
    let mut facts = vec![
        ("Dossier n°".to_owned(), e.number),
        ("Lot".to_owned(), format!("{} — {}", e.lot, e.lot_label)),
        ("Situation".to_owned(), status),
    ];
    if let Some(total) = &e.total_shown {
        facts.push(("Total".to_owned(), format!("{total} sur {}", e.out_of)));
    }
    if let Some(rank) = e.rank {
        let equal = if e.ex_aequo { " ex æquo" } else { "" };
        facts.push((
            "Rang".to_owned(),
            format!("{}{equal} sur {}", if rank == 1 { "1er".to_owned() } else { format!("{rank}e") }, e.ranked),
        ));
    }
    facts.push(("Calculé le".to_owned(), ami_views::date_time(e.computed_at)));
    let mut sections: Vec<(String, String)> = e.sections.into_iter().map(|s| (s.title, s.text)).collect();
    if let Some((_, parameters)) = sections.get_mut(2) {
        for threshold in &e.thresholds {
            let args = [("on", threshold.on.clone()), ("minimum", threshold.minimum.clone())];
            let said = match &threshold.below {
                Some(value) => words("explain-below", &[&args[..], &[("value", value.clone())]].concat()),
                None => words("explain-reached", &args),
            };
            *parameters = format!("{parameters}\n{said}");
        }
        let breakers = words("explain-breakers", &[("list", e.breakers.join(", "))]);
        *parameters = format!("{parameters}\n{breakers}");
    }
    let document = ExplanationDocument {
        authority: e.authority,
        title: words("explain-title", &[]),
        subtitle: e.call_title,
        facts,
        sections,
        lines: e
            .lines
            .into_iter()
            .map(|l| ExplanationLine {
                code: l.code,
                label: l.label,
                weight: l.weight.to_string(),
                mean: l.mean.unwrap_or_default(),
                points: l.points.unwrap_or_else(|| "—".into()),
                group: l.group,
            })
            .collect(),
        at: e.computed_at,
        demonstration: e.demonstration,
    };
    let draw = move || ami_documents::explanation_pdf(&document);
    let bytes = tokio::task::spawn_blocking(draw).await.map_err(Error::internal)?.map_err(Error::internal)?;
    Ok(NamedFile { name, bytes })
}
