//! Rankings: everything that goes in is kept with its hash, everything that comes out with its derivation.

use std::collections::BTreeMap;

use ami_database::calls::Call;
use ami_database::rankings::{self as rows, Snapshot};
use ami_database::{dossiers, jury, organisations};
use ami_documents::{CriterionLine, Derivation, GroupLine, LotSection, RankingDocument, RankingLine, ThresholdLine};
use ami_domain::answer::Context;
use ami_domain::call::day;
use ami_domain::deposit::sha256_hex;
use ami_domain::dossier::{Dossier, DossierStateName};
use ami_domain::form::{Answers, FieldKind};
use ami_domain::grid::{Grid, Measure};
use ami_domain::ids::{DossierId, RankingId};
use ami_domain::jury::{Voice, is_recused};
use ami_domain::policy::{Action, Subject, acts, decide, permit};
use ami_scoring::{self as scoring, Marks, Rational, Status};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Actor, App, Error, Kind, Result, load_call, record};

/// A ranking: an opinion of the jury, never a decision.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RankingView {
    /// Its id.
    pub id: Uuid,
    /// The call's code.
    pub call: String,
    /// Version of the call whose grid was used.
    pub call_version: i64,
    /// When it was computed.
    #[schema(value_type = String, format = DateTime)]
    pub computed_at: Timestamp,
    /// Version of the engine.
    pub engine: String,
    /// SHA-256 of everything that went in.
    pub input_sha256: String,
    /// Lots in the call's order, empty ones included.
    pub lots: Vec<RankedLot>,
}

/// One lot of a ranking.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RankedLot {
    /// Its code.
    pub code: String,
    /// Its name.
    pub label: String,
    /// Ranked ones first, then eliminated ones, then those with too few jurors.
    pub dossiers: Vec<RankedDossier>,
}

/// One line of a ranking, with how it comes about.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RankedDossier {
    /// Its id.
    pub id: Uuid,
    /// Its number.
    pub number: String,
    /// Who applied.
    pub organisation: String,
    /// `ranked`, `eliminated` or `insufficient`.
    pub status: String,
    /// From 1; equals share it.
    pub rank: Option<usize>,
    /// Exact, such as `1129/15`.
    pub total: Option<String>,
    /// Two decimals, such as `75,27`.
    pub total_shown: Option<String>,
    /// Points by group.
    pub groups: BTreeMap<String, RankedGroup>,
    /// Marks, means and points by criterion.
    pub criteria: BTreeMap<String, RankedCriterion>,
    /// Thresholds that were not reached.
    pub eliminated_by: Vec<RankedElimination>,
    /// The breaker that separated it from a neighbour with the same total.
    pub decided_by: Option<String>,
    /// Whether it shares its rank.
    pub ex_aequo: bool,
    /// The jurors who were counted, by label.
    pub jurors: Vec<String>,
}

/// Points of a group.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RankedGroup {
    /// Exact.
    pub points: String,
    /// Two decimals.
    pub points_shown: String,
    /// Most points there are.
    pub weight: u64,
}

/// One criterion.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RankedCriterion {
    /// Its weight.
    pub weight: u32,
    /// Marks by juror.
    pub marks: BTreeMap<String, i64>,
    /// Exact mean.
    pub mean: String,
    /// Two decimals.
    pub mean_shown: String,
    /// Exact points.
    pub points: String,
    /// Two decimals.
    pub points_shown: String,
}

/// A threshold that was not reached.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RankedElimination {
    /// Its code.
    pub code: String,
    /// What it looks at: `total` or a code.
    pub on: String,
    /// Exact value.
    pub value: String,
    /// Two decimals.
    pub value_shown: String,
    /// What was needed.
    pub minimum: String,
}

/// A ranking in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RankingSummary {
    /// Its id.
    pub id: Uuid,
    /// When it was computed.
    #[schema(value_type = String, format = DateTime)]
    pub computed_at: Timestamp,
    /// SHA-256 of everything that went in.
    pub input_sha256: String,
}

#[derive(Debug, Serialize)]
struct Inputs<'a> {
    call: &'a str,
    version: i64,
    grid: &'a Grid,
    dossiers: Vec<InputDossier>,
}

#[derive(Debug, Serialize)]
struct InputDossier {
    number: String,
    lot: String,
    ballots: BTreeMap<String, BTreeMap<String, i64>>,
    values: BTreeMap<String, String>,
}

fn threshold(threshold: &ami_domain::grid::Threshold) -> Result<scoring::Threshold> {
    let minimum = Rational::new(threshold.below.0, 100).unwrap_or(Rational::ZERO);
    match &threshold.on {
        Measure::Total => Ok(scoring::Threshold::Total { minimum }),
        Measure::Group(code) => Ok(scoring::Threshold::Points { code: code.clone(), minimum }),
        Measure::Criterion(code) => Ok(scoring::Threshold::Mean { code: code.clone(), minimum }),
        Measure::Field(code) => Err(Error::internal(format!("threshold on the form field {code}"))),
    }
}

/// The engine's breaker; the total, on which dossiers are equal already, breaks nothing.
fn breaker(tie: &ami_domain::grid::TieBreaker) -> Option<scoring::Breaker> {
    let direction = if tie.lower_wins { scoring::Direction::Lowest } else { scoring::Direction::Highest };
    match &tie.on {
        Measure::Total => None,
        Measure::Group(code) | Measure::Criterion(code) => {
            Some(scoring::Breaker::Points { code: code.clone(), direction })
        }
        Measure::Field(code) => Some(scoring::Breaker::Value { name: code.clone(), direction }),
    }
}

fn engine_grid(grid: &Grid) -> Result<scoring::Grid> {
    let criterion = |c: &ami_domain::grid::Criterion| scoring::Criterion { code: c.code.clone(), weight: c.weight };
    let group = |g: &ami_domain::grid::Group| scoring::Group {
        code: g.code.clone(),
        criteria: g.criteria.iter().map(criterion).collect(),
        ..scoring::Group::default()
    };
    let whole = Rational::from;
    let scale = scoring::Scale::new(whole(grid.scale.min), whole(grid.scale.max), whole(grid.scale.step));
    let spec = scoring::GridSpec {
        scale: scale.map_err(Error::internal)?,
        min_jurors: grid.min_jurors.max(1),
        aggregation: scoring::Aggregation::Mean,
        groups: grid.groups.iter().map(group).collect(),
        thresholds: grid.thresholds.iter().map(threshold).collect::<Result<_>>()?,
        ties: grid.ties.iter().filter_map(breaker).collect(),
    };
    scoring::Grid::new(spec).map_err(Error::internal)
}

/// The form fields that break ties, those behind computed ones included.
fn breaker_fields(call: &Call) -> Vec<String> {
    let mut fields = Vec::new();
    for tie in &call.definition.grid.ties {
        let Measure::Field(code) = &tie.on else { continue };
        match call.definition.form.field(code).map(|f| &f.kind) {
            Some(FieldKind::Computed { formula }) => {
                fields.extend([formula.numerator.clone(), formula.denominator.clone()]);
            }
            _ => fields.push(code.clone()),
        }
    }
    fields
}

fn tie_values(
    app: &App,
    call: &Call,
    dossier: &Dossier,
    stored: Option<&BTreeMap<String, Value>>,
) -> BTreeMap<String, Rational> {
    let (Some(stored), Some(lot)) = (stored, call.definition.lot(&dossier.lot)) else { return BTreeMap::new() };
    let now = app.clock.now();
    let context = Context { now, today: day(now), lot, lots: &call.definition.lots };
    let answers: Answers = stored
        .iter()
        .filter_map(|(code, value)| {
            let answer = call.definition.form.field(code)?.read(value, &context).ok()??;
            Some((code.clone(), answer))
        })
        .collect();
    call.definition
        .grid
        .ties
        .iter()
        .filter_map(|tie| match &tie.on {
            Measure::Field(code) => {
                let (n, d) = call.definition.exact_value(code, &answers)?;
                Some((code.clone(), Rational::new(n, d)?))
            }
            _ => None,
        })
        .collect()
}

/// Computes a ranking of every admissible dossier from the locked sheets of deliberative, not recused jurors, and keeps it.
pub async fn compute_ranking(app: &App, who: Option<&Actor>, code: &str) -> Result<RankingView> {
    let call = load_call(app.database.read(), code).await?;
    let now = app.clock.now();
    let permit = permit::<acts::ComputeRanking>(who, &Subject::call(call.facts(now)))?;
    // One transaction, so that the marks of one instant go in.
    let tx = app.database.write().await?;
    let grid = &call.definition.grid;
    let mut filed = dossiers::filed_of_call(tx.read(), call.id).await?;
    filed.retain(|d| d.state_name() == DossierStateName::Admissible);
    let seats: BTreeMap<_, _> = jury::seats(tx.read(), call.id).await?.into_iter().map(|s| (s.id, s)).collect();
    let recusals = jury::recusals(tx.read(), call.id).await?;
    let sheets = jury::sheets_of_call(tx.read(), call.id, grid).await?;
    let applicants = organisations::of_call(tx.read(), call.id).await?;
    let answers = dossiers::answers_of_call(tx.read(), call.id, &breaker_fields(&call)).await?;

    let mut ballots: BTreeMap<DossierId, BTreeMap<String, BTreeMap<String, i64>>> = BTreeMap::new();
    let lots: BTreeMap<DossierId, &str> = filed.iter().map(|d| (d.id, d.lot.as_str())).collect();
    for sheet in sheets.iter().filter(|s| s.is_locked()) {
        let (Some(seat), Some(lot)) = (seats.get(&sheet.seat), lots.get(&sheet.dossier)) else { continue };
        if seat.voice != Voice::Deliberative || is_recused(&recusals, seat.id, sheet.dossier, lot) {
            continue;
        }
        let marks =
            sheet.entries.iter().filter_map(|(c, e)| e.mark.map(|m| (c.clone(), grid.scale.value(m)))).collect();
        ballots.entry(sheet.dossier).or_default().insert(seat.label.clone(), marks);
    }

    let engine = std::sync::Arc::new(engine_grid(grid)?);
    let mut inputs = Inputs { call: code, version: call.version, grid, dossiers: vec![] };
    let mut ranked_lots = Vec::new();
    for lot in &call.definition.lots {
        let mut table = Marks::builder(engine.clone());
        for dossier in filed.iter().filter(|d| d.lot == lot.code) {
            let number = call.definition.dossier_number(dossier.number);
            let values = tie_values(app, &call, dossier, answers.get(&dossier.id));
            let given = ballots.remove(&dossier.id).unwrap_or_default();
            inputs.dossiers.push(InputDossier {
                number: number.clone(),
                lot: lot.code.clone(),
                values: values.iter().map(|(k, v)| (k.clone(), v.to_string())).collect(),
                ballots: given.clone(),
            });
            table.dossier(&number).map_err(Error::internal)?;
            for (juror, marks) in &given {
                for (criterion, value) in marks {
                    let mark = engine.scale().mark_of(&Rational::from(*value)).map_err(Error::internal)?;
                    table.mark(&number, juror, criterion, mark).map_err(Error::internal)?;
                }
            }
            for (field, value) in values {
                table.value(&number, &field, value).map_err(Error::internal)?;
            }
        }
        let ranking = scoring::rank(&table.build());
        let dossiers = ranking
            .dossiers()
            .map(|line| {
                let dossier = filed.iter().find(|d| call.definition.dossier_number(d.number) == line.id());
                ranked(line, grid, dossier, |d| {
                    applicants.get(&d.organisation).map_or_else(String::new, |o| o.name.clone())
                })
            })
            .collect();
        ranked_lots.push(RankedLot { code: lot.code.clone(), label: lot.label.clone(), dossiers });
    }

    let inputs = serde_json::to_string(&inputs).map_err(Error::internal)?;
    let view = RankingView {
        id: app.id(),
        call: code.to_owned(),
        call_version: call.version,
        computed_at: now,
        engine: scoring::ENGINE.to_owned(),
        input_sha256: sha256_hex(inputs.as_bytes()),
        lots: ranked_lots,
    };
    let snapshot = Snapshot {
        id: view.id.into(),
        call: call.id,
        call_version: call.version,
        computed_at: now,
        computed_by: permit.by(),
        engine: view.engine.clone(),
        input_sha256: view.input_sha256.clone(),
        inputs,
        result: serde_json::to_string(&view).map_err(Error::internal)?,
    };
    rows::insert_ranking(&tx, &permit, &snapshot).await?;
    let details = json!({ "ranking": view.id, "input_sha256": view.input_sha256 });
    record(app, &tx, Some(call.id), Some(permit.by()), Action::ComputeRanking, ("call", code.to_owned()), details)
        .await?;
    tx.commit().await?;
    Ok(view)
}

fn ranked(
    line: scoring::RankedDossier<'_>,
    grid: &Grid,
    dossier: Option<&Dossier>,
    name: impl Fn(&Dossier) -> String,
) -> RankedDossier {
    let status = match line.status() {
        Status::Ranked => "ranked",
        Status::Eliminated => "eliminated",
        Status::Insufficient => "insufficient",
    };
    let group = |g: scoring::GroupScore<'_>| {
        let points = g.points?;
        let weight = g.maximum.to_u64().unwrap_or_default();
        let group = RankedGroup { points: points.to_string(), points_shown: points.decimal(2, ','), weight };
        Some((g.code.to_owned(), group))
    };
    let criterion = |c: scoring::CriterionScore<'_>| {
        // Without a total nothing is shown of its parts.
        line.total()?;
        let (mean, points) = (c.mean()?, c.points()?);
        let value = |mark: scoring::Mark| grid.scale.min + i64::from(mark.steps()) * grid.scale.step;
        let criterion = RankedCriterion {
            weight: c.weight().to_u64().and_then(|w| u32::try_from(w).ok()).unwrap_or_default(),
            marks: c.marks().map(|(juror, mark)| (juror.to_owned(), value(mark))).collect(),
            mean: mean.to_string(),
            mean_shown: mean.decimal(2, ','),
            points: points.to_string(),
            points_shown: points.decimal(2, ','),
        };
        Some((c.code().to_owned(), criterion))
    };
    RankedDossier {
        id: dossier.map_or(Uuid::nil(), |d| d.id.uuid()),
        organisation: dossier.map_or_else(String::new, name),
        number: line.id().to_owned(),
        status: status.to_owned(),
        rank: line.rank(),
        total: line.total().map(Rational::to_string),
        total_shown: line.total().map(|total| total.decimal(2, ',')),
        groups: line.groups().filter_map(group).collect(),
        criteria: line.criteria().filter_map(criterion).collect(),
        eliminated_by: line
            .eliminated_by()
            .map(|e| RankedElimination {
                code: grid.thresholds.get(e.index).map_or_else(String::new, |threshold| threshold.code.clone()),
                on: e.on().to_owned(),
                value: e.value.to_string(),
                value_shown: e.value.decimal(2, ','),
                minimum: e.minimum.decimal(2, ','),
            })
            .collect(),
        decided_by: line.decided_by().map(str::to_owned),
        ex_aequo: line.is_ex_aequo(),
        jurors: line.juror_ids().map(str::to_owned).collect(),
    }
}

pub(crate) fn read_view(snapshot: &Snapshot) -> Result<RankingView> {
    serde_json::from_str(&snapshot.result).map_err(Error::internal)
}

/// The rankings of a call, newest first.
pub async fn list_rankings(app: &App, who: Option<&Actor>, code: &str) -> Result<Vec<RankingSummary>> {
    let conn = app.database.read();
    let call = load_call(conn, code).await?;
    decide(Action::ReadRanking, who, &Subject::call(call.facts(app.clock.now())))?;
    let found = rows::rankings(conn, call.id).await?;
    Ok(found
        .into_iter()
        .map(|(id, computed_at, input_sha256)| RankingSummary { id: id.uuid(), computed_at, input_sha256 })
        .collect())
}

async fn load(app: &App, who: Option<&Actor>, id: RankingId) -> Result<(Call, Snapshot)> {
    let conn = app.database.read();
    who.ok_or(ami_domain::policy::Denial::SignInFirst)?;
    let snapshot = rows::find_ranking(conn, id).await?.ok_or_else(Error::not_found)?;
    let call = ami_database::calls::find(conn, snapshot.call).await?.ok_or_else(Error::not_found)?;
    // Its id is no secret of the call's: whoever may not read rankings learns nothing, not even that this one exists.
    decide(Action::ReadRanking, who, &Subject::call(call.facts(app.clock.now()))).map_err(|_| Error::not_found())?;
    Ok((call, snapshot))
}

/// One ranking. A juror sees nothing of the dossiers from which they are excluded.
pub async fn show_ranking(app: &App, who: Option<&Actor>, id: RankingId) -> Result<RankingView> {
    let (call, snapshot) = load(app, who, id).await?;
    let mut view = read_view(&snapshot)?;
    let officer = who.is_some_and(|a| a.officer_of.contains(&call.id));
    if let (false, Some(seat)) = (officer, who.and_then(|a| a.seats.get(&call.id))) {
        let recusals = jury::recusals(app.database.read(), call.id).await?;
        for lot in &mut view.lots {
            let excluded = |d: &RankedDossier| is_recused(&recusals, seat.id, d.id.into(), &lot.code);
            if lot.dossiers.iter().any(excluded) {
                lot.dossiers.clear();
            }
        }
    }
    Ok(view)
}

/// One ranking as PDF, with the decisions taken since.
pub async fn ranking_pdf(app: &App, who: Option<&Actor>, id: RankingId) -> Result<Vec<u8>> {
    let view = show_ranking(app, who, id).await?;
    let (call, _) = load(app, who, id).await?;
    let decisions = rows::decisions(app.database.read(), call.id).await?;
    let decided = |d: &RankedDossier| {
        decisions
            .get(&DossierId::from(d.id))
            .and_then(|decision| {
                ami_views::message(&format!("decision-{}", decision.kind.as_str().replace('_', "-")), &[])
            })
            .unwrap_or_default()
    };
    let document = document(&call, &view, decided);
    tokio::task::spawn_blocking(move || ami_documents::ranking_pdf(&document))
        .await
        .map_err(Error::internal)?
        .map_err(Error::internal)
}

fn document(call: &Call, view: &RankingView, decided: impl Fn(&RankedDossier) -> String) -> RankingDocument {
    let grid = &call.definition.grid;
    let scale = &grid.scale;
    RankingDocument {
        call_code: call.definition.code.clone(),
        call_title: call.definition.title.clone(),
        call_version: view.call_version,
        authority: call.definition.authority.name.clone(),
        computed_at: ami_views::date_time(view.computed_at),
        engine: view.engine.clone(),
        hash: view.input_sha256.clone(),
        demonstration: call.definition.demonstration,
        groups: grid
            .groups
            .iter()
            .map(|g| (g.code.clone(), g.criteria.iter().map(|c| u64::from(c.weight)).sum()))
            .collect(),
        total_weight: grid.total_weight(),
        formula: format!(
            "Points du critère = poids × (moyenne des notes − {min}) ÷ ({max} − {min}). Total = somme des points. \
             Les calculs sont exacts (fractions) ; l'arrondi au centième, demi vers le haut, ne sert qu'à l'affichage.",
            min = scale.min,
            max = scale.max
        ),
        thresholds: grid
            .thresholds
            .iter()
            .map(|t| ThresholdLine {
                code: t.code.clone(),
                label: measure_label(grid, &t.on),
                minimum: two_decimals(t.below.0),
            })
            .collect(),
        ties: grid
            .ties
            .iter()
            .map(|t| format!("{}{}", measure_label(grid, &t.on), if t.lower_wins { " (le plus bas)" } else { "" }))
            .collect(),
        min_jurors: grid.min_jurors,
        lots: view
            .lots
            .iter()
            .map(|lot| LotSection {
                code: lot.code.clone(),
                label: lot.label.clone(),
                lines: lot.dossiers.iter().map(|d| line(grid, d, decided(d))).collect(),
            })
            .collect(),
    }
}

fn two_decimals(hundredths: i64) -> String {
    Rational::new(hundredths, 100).unwrap_or(Rational::ZERO).decimal(2, ',')
}

fn measure_label(grid: &Grid, on: &Measure) -> String {
    match on {
        Measure::Total => "Total".into(),
        Measure::Group(code) => format!("Groupe {code}"),
        Measure::Criterion(code) => {
            let label = grid.criterion(code).map_or("", |c| c.label.as_str());
            format!("Moyenne {code} ({label})")
        }
        Measure::Field(code) => format!("Champ {code}"),
    }
}

fn line(grid: &Grid, d: &RankedDossier, decision: String) -> RankingLine {
    RankingLine {
        rank: match d.rank {
            Some(rank) if d.ex_aequo => format!("{rank} ex æquo"),
            Some(rank) => rank.to_string(),
            None => "—".into(),
        },
        number: d.number.clone(),
        organisation: d.organisation.clone(),
        total: d.total_shown.clone().unwrap_or_else(|| "—".into()),
        groups: grid
            .groups
            .iter()
            .map(|g| d.groups.get(&g.code).map_or_else(|| "—".into(), |s| s.points_shown.clone()))
            .collect(),
        remark: match d.status.as_str() {
            "eliminated" => d
                .eliminated_by
                .iter()
                .map(|e| format!("éliminé ({}) : {} {} < {}", e.code, e.on, e.value_shown, e.minimum))
                .collect::<Vec<_>>()
                .join(" ; "),
            "insufficient" => {
                format!("notation insuffisante ({} juré·es, minimum {})", d.jurors.len(), grid.min_jurors)
            }
            _ => match &d.decided_by {
                Some(by) => format!("seuils atteints ; départagé par {by}"),
                None => "seuils atteints".into(),
            },
        },
        jurors: d.jurors.len(),
        decision,
        derivation: Derivation {
            jurors: d.jurors.clone(),
            criteria: grid
                .criteria()
                .filter_map(|c| d.criteria.get(&c.code).map(|s| (c, s)))
                .map(|(c, s)| CriterionLine {
                    code: c.code.clone(),
                    label: c.label.clone(),
                    weight: c.weight,
                    marks: d
                        .jurors
                        .iter()
                        .map(|j| s.marks.get(j).map_or_else(String::new, ToString::to_string))
                        .collect(),
                    mean: s.mean.clone(),
                    mean_shown: s.mean_shown.clone(),
                    points: s.points.clone(),
                    points_shown: s.points_shown.clone(),
                })
                .collect(),
            groups: grid
                .groups
                .iter()
                .filter_map(|g| d.groups.get(&g.code).map(|s| (g, s)))
                .map(|(g, s)| GroupLine {
                    code: g.code.clone(),
                    label: g.label.clone(),
                    weight: s.weight,
                    points: s.points.clone(),
                    points_shown: s.points_shown.clone(),
                })
                .collect(),
            total: d.total.clone(),
            total_shown: d.total_shown.clone(),
        },
    }
}

/// The newest ranking of a call, with whether there is one at all.
pub(crate) async fn latest(app: &App, call: &Call) -> Result<Option<RankingView>> {
    rows::latest(app.database.read(), call.id).await?.as_ref().map(read_view).transpose()
}

/// Refuses when there is no ranking yet.
pub(crate) const fn no_ranking() -> Error {
    Error::new(Kind::Conflict, "no-ranking")
}
