//! `ami score` as others call it: files in, JSON or a table out, refusals that say where.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/score").join(name)
}

fn score(grid: &Path, marks: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ami"));
    command.arg("score").arg("--grid").arg(grid).arg("--marks").arg(marks).args(more);
    command.output().unwrap()
}

/// The answer must be the committed one, byte for byte. `UPDATE_GOLDEN=1` writes it anew, to be read before committing.
fn golden(name: &str, more: &[&str]) {
    let values = fixture("values.csv");
    let more = [&["--values", values.to_str().unwrap()], more].concat();
    let output = score(&fixture("grid.json"), &fixture("marks.csv"), &more);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let path = fixture(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &output.stdout).unwrap();
    }
    assert_eq!(String::from_utf8(output.stdout).unwrap(), std::fs::read_to_string(path).unwrap());
}

#[test]
fn the_official_ranking_as_json() {
    golden("official.json", &[]);
}

#[test]
fn the_official_ranking_as_a_table() {
    golden("official.txt", &["--format", "table"]);
}

const BESIDE: [&str; 7] = ["--agreement", "--severity", "--robustness", "--draws", "500", "--seed", "7"];

#[test]
fn what_stands_beside_the_ranking_as_json() {
    golden("beside.json", &BESIDE);
}

#[test]
fn what_stands_beside_the_ranking_as_a_table() {
    golden("beside.txt", &[&BESIDE[..], &["--cut", "2", "--format", "table"]].concat());
}

/// Exit code 2 and, on the error output, the file, the line, the column and what was expected.
fn refused(grid: &str, marks: &str, place: &str, expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (grid_path, marks_path) = (folder.path().join("grid.json"), folder.path().join("marks.csv"));
    std::fs::write(&grid_path, grid).unwrap();
    std::fs::write(&marks_path, marks).unwrap();
    let output = score(&grid_path, &marks_path, &[]);
    let error = String::from_utf8(output.stderr).unwrap().replace('\u{a0}', " ");
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(output.stdout.is_empty());
    assert!(error.contains(&format!("{place}: ")) && error.contains(expected), "{error}");
}

const GRID: &str = r#"{"scale": {"min": 0, "max": 5, "step": 1},
 "groups": [{"code": "A", "criteria": [{"code": "A1", "weight": 6}, {"code": "A2", "weight": 4}]}],
 "thresholds": [{"on": "A1", "mean_below": "2"}],
 "ties": ["A", "A2"]}"#;
const MARKS: &str = "dossier,juror,criterion,mark\nD1,J1,A1,4\n";

#[test]
fn marks_are_refused_with_their_place() {
    for (marks, place, expected) in [
        ("", "marks.csv:1:1", "fichier vide"),
        ("dossier,juror,criteria,mark\n", "marks.csv:1:15", "« criteria » lu"),
        ("dossier,juror,criterion,mark\nD1,J1,A1,4\n\"D,1\",J1,A1,7\n", "marks.csv:3:13", "note de 0 à 5 par pas de 1"),
        ("\u{feff}dossier,juror,criterion,mark\r\n\r\nD1,J1,A9,4\r\n", "marks.csv:3:7", "critère de la grille"),
        ("dossier,juror,criterion,mark\nD1,J1,A1\n", "marks.csv:2:9", "4 champs attendus"),
        ("dossier,juror,criterion,mark\nD1,J1,A1,4,5\n", "marks.csv:2:12", "4 champs attendus"),
        ("dossier,juror,criterion,mark\nD1,J1,A1,\n", "marks.csv:2:10", "champ vide lu"),
        ("dossier,juror,criterion,mark\nD1,J1,A1,3.5\n", "marks.csv:2:10", "par pas de 1"),
        ("dossier,juror,criterion,mark\nD1,,A1,3\n", "marks.csv:2:4", "identifiant de juré attendu"),
        ("dossier,juror,criterion,mark\nD1,J1,A1,3\nD1,J1,A1,3", "marks.csv:3:1", "une seule note attendue"),
    ] {
        refused(GRID, marks, place, expected);
    }
}

#[test]
fn a_grid_is_refused_with_its_place() {
    for (from, to, place, expected) in [
        ("\"max\": 5", "\"max\": 0", "grid.json:1:11", "maximum"),
        ("\"step\": 1", "\"step\": 2", "grid.json:1:11", "nombre entier de pas"),
        ("\"weight\": 4", "\"weight\": -4", "grid.json:2:94", "nombre entier attendu"),
        ("\"code\": \"A2\"", "\"code\": \"A1\"", "grid.json:2:78", "code unique attendu"),
        ("\"on\": \"A1\"", "\"on\": \"A\"", "grid.json:3:24", "code d’un critère"),
        ("\"2\"", "\"deux\"", "grid.json:3:44", "nombre attendu"),
        ("\"A\", \"A2\"]", "\"A\", \"Z\"]", "grid.json:4:16", "« Z » lu"),
        ("\"ties\"", "\"tie\"", "grid.json:4:9", "clé « tie » inconnue"),
        ("\"ties\":", "\"ties\"", "grid.json:4:9", "syntaxe incorrecte"),
        ("\"A2\"]}", "\"A2\"]", "grid.json:4:20", "JSON incomplet"),
    ] {
        refused(&GRID.replacen(from, to, 1), MARKS, place, expected);
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let output = score(&fixture("absent.json"), &fixture("marks.csv"), &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("absent.json"));
}
