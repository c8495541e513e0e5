//! A ranking's recomputation kit: plain files from which anyone gets every total, rank, threshold and breaker again with
//! `ami score`, lot by lot.

use ami_database::rankings::Snapshot;
use ami_documents::{Packed, plain_csv};
use ami_domain::grid::{Aggregation, Grid, Measure};
use serde_json::{Value, json};

use super::inputs::{InputDossier, Inputs};
use super::read_view;
use crate::{Error, Result};

/// The files of a ranking, a folder for each lot that has dossiers.
pub(crate) fn kit(snapshot: &Snapshot) -> Result<Vec<Packed>> {
    let inputs: Inputs = serde_json::from_str(&snapshot.inputs).map_err(Error::internal)?;
    let view = read_view(snapshot)?;
    let grid = serde_json::to_string_pretty(&grid_file(&inputs)).map_err(Error::internal)?;
    let readme = ami_views::message(
        "kit-readme",
        &[
            ("call", view.call.clone()),
            ("ranking", snapshot.id.to_string()),
            ("sha256", snapshot.input_sha256.clone()),
            ("engine", snapshot.engine.clone()),
        ],
    );
    let mut files = vec![Packed { path: "LISEZ-MOI.txt".into(), bytes: readme.unwrap_or_default().into_bytes() }];
    for lot in view.lots.iter().filter(|lot| !lot.dossiers.is_empty()) {
        let mut add = |name: &str, bytes: Vec<u8>| {
            files.push(Packed { path: format!("{}/{name}", safe(&lot.code)), bytes });
        };
        add("GRID.json", grid.clone().into_bytes());
        add("MARKS.csv", marks_file(&inputs, &lot.code)?);
        add("VALUES.csv", values_file(&inputs, &lot.code)?);
        let expected = lot.dossiers.iter().map(|d| {
            let rank = d.rank.map(|rank| rank.to_string()).unwrap_or_default();
            vec![d.number.clone(), d.status.clone(), rank, d.total.clone().unwrap_or_default()]
        });
        add("RESULTAT.csv", file(&["dossier", "status", "rank", "total"], expected)?);
    }
    Ok(files)
}

/// A folder's name that every system takes.
fn safe(code: &str) -> String {
    code.chars().map(|c| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '-' }).collect()
}

fn grid_file(inputs: &Inputs) -> Value {
    let grid: &Grid = &inputs.grid;
    let measure = |on: &Measure| match on {
        Measure::Total => "total".to_owned(),
        Measure::Group(code) | Measure::Criterion(code) | Measure::Field(code) => code.clone(),
    };
    let groups: Vec<Value> = grid
        .groups
        .iter()
        .map(|g| {
            let criteria: Vec<Value> =
                g.criteria.iter().map(|c| json!({ "code": c.code, "label": c.label, "weight": c.weight })).collect();
            json!({ "code": g.code, "label": g.label, "criteria": criteria })
        })
        .collect();
    let thresholds: Vec<Value> = grid
        .thresholds
        .iter()
        .map(|t| {
            let key = if matches!(t.on, Measure::Criterion(_)) { "mean_below" } else { "below" };
            json!({ "on": measure(&t.on), key: t.below.to_string().replace(',', ".") })
        })
        .collect();
    let ties: Vec<Value> = grid
        .ties
        .iter()
        .filter(|tie| tie.on != Measure::Total)
        .map(|tie| {
            let key = if matches!(tie.on, Measure::Field(_)) { "value" } else { "on" };
            let direction = if tie.lower_wins { "lowest" } else { "highest" };
            json!({ key: measure(&tie.on), "direction": direction })
        })
        .collect();
    let aggregation = match &grid.aggregation {
        Aggregation::Mean => json!("mean"),
        Aggregation::Median => json!("median"),
        Aggregation::Trimmed(each) => json!({ "trimmed_mean": each }),
        Aggregation::Voices(_) => json!("voice_mean"),
    };
    json!({
        "scale": { "min": grid.scale.min, "max": grid.scale.max, "step": grid.scale.step },
        "min_jurors": grid.min_jurors.max(1),
        "min_marks": grid.min_marks(),
        "aggregation": aggregation,
        "voices": inputs.voices,
        "groups": groups,
        "thresholds": thresholds,
        "ties": ties,
    })
}

fn file(headings: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Result<Vec<u8>> {
    plain_csv(headings, &rows.collect::<Vec<_>>()).map_err(Error::internal)
}

fn marks_file(inputs: &Inputs, lot: &str) -> Result<Vec<u8>> {
    let rows = inputs.dossiers.iter().filter(|d| d.lot == lot).flat_map(|d| {
        d.ballots.iter().flat_map(move |(juror, marks)| {
            let row = move |(criterion, mark): (&String, &i64)| {
                vec![d.number.clone(), juror.clone(), criterion.clone(), mark.to_string()]
            };
            marks.iter().map(row)
        })
    });
    file(&["dossier", "juror", "criterion", "mark"], rows)
}

/// Only of dossiers that have a mark: those alone are known to whoever reads the marks.
fn values_file(inputs: &Inputs, lot: &str) -> Result<Vec<u8>> {
    let marked = |d: &&InputDossier| d.lot == lot && d.ballots.values().any(|marks| !marks.is_empty());
    let rows = inputs
        .dossiers
        .iter()
        .filter(marked)
        .flat_map(|d| d.values.iter().map(|(name, value)| vec![d.number.clone(), name.clone(), value.to_string()]));
    file(&["dossier", "name", "value"], rows)
}
