//! What leaves as a file: whole, by a job, for whoever asked and may still read it; and a ranking that anyone computes again.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};
use std::process::Command;

use common::jury::{self, CALL, Scene};
use common::{Got, Person, World, databases};
use rocket::http::Method;
use serde_json::{Value, json};

async fn ask(world: &World, who: &Person, kind: &str, format: &str) -> Got {
    world.post(who, &format!("{CALL}/exports"), json!({ "kind": kind, "format": format })).await
}

/// Asks, lets the job run, and fetches what it made.
async fn fetched(world: &World, who: &Person, kind: &str, format: &str) -> Got {
    let asked = ask(world, who, kind, format).await;
    assert_eq!(asked.status, 202, "{}", asked.text());
    let job = asked.json();
    assert_eq!((&job["state"], &job["url"]), (&json!("queued"), &Value::Null));
    world.deliver().await;
    let done = world.get(who, &format!("/jobs/{}", job["id"].as_str().unwrap())).await.ok();
    assert_eq!(done["state"], "done", "{done}");
    let file = world.send(Some(who), Method::Get, done["url"].as_str().unwrap(), None).await;
    assert_eq!(file.status, 200);
    assert_eq!(ami_domain::deposit::sha256_hex(&file.bytes), done["sha256"].as_str().unwrap());
    file
}

/// The cells of a CSV for spreadsheets, by row.
fn cells(file: &Got) -> Vec<Vec<String>> {
    let text = file.text();
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(b';')
        .has_headers(false)
        .flexible(false)
        .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

async fn ranked(world: &World) -> Scene {
    let scene = jury::marking(world, 3, 3).await;
    for (n, (_, dossier)) in scene.dossiers.iter().enumerate() {
        for juror in &scene.jurors {
            jury::sign(world, juror, dossier, if n == 2 { 2 } else { 3 + i64::try_from(n).unwrap() % 2 }).await;
        }
    }
    scene
}

#[rocket::async_test]
async fn what_may_be_read_leaves_whole_and_for_nobody_else() {
    for database in databases() {
        let world = World::new(database).await;
        let scene = ranked(&world).await;
        let officer = &scene.officer;
        // Marks are sealed while jurors mark, in files too.
        assert_eq!(ask(&world, officer, "marks", "csv").await.status, 409);
        world.advance(officer, "hearings").await;
        assert_eq!(ask(&world, officer, "recompute", "zip").await.problem(), (409, "no-ranking".into()));
        jury::rank(&world, &scene).await;

        let answers = cells(&fetched(&world, officer, "answers", "csv").await);
        assert_eq!(answers.len(), 2 + 3, "two rows of headings, and the dossiers");
        let at = |code: &str| answers[1].iter().position(|c| c == code).unwrap();
        assert_eq!(answers[2][at("siret")], "000 093 013 00019");
        assert!(answers[2][at("4.04")].parse::<u32>().is_ok(), "{:?}", answers[2]);
        assert_eq!(answers[0].len(), 7 + world.call.form.fields().count());

        let marks = cells(&fetched(&world, officer, "marks", "csv").await);
        let criteria = world.call.grid.criteria().count();
        assert_eq!(marks.len(), 2 + 3 * 3 * criteria);
        let at = |code: &str| marks[1].iter().position(|c| c == code).unwrap();
        assert_eq!((&*marks[2][at("mark")], &*marks[2][at("counts")], &*marks[2][at("mean")]), ("3", "oui", "3,00"));
        let jurors = cells(&fetched(&world, officer, "jury", "csv").await);
        assert_eq!(jurors.len(), 2 + 3);
        for kind in ["decisions", "answers", "marks", "jury"] {
            assert!(fetched(&world, officer, kind, "xlsx").await.bytes.starts_with(b"PK"), "{kind}");
        }

        // One's own job alone; and no more once one may not read what is in it.
        let job = ask(&world, officer, "jury", "csv").await.json()["id"].as_str().unwrap().to_owned();
        for who in [&scene.dossiers[0].0, &scene.jurors[0].person] {
            assert_eq!(world.get(who, &format!("/jobs/{job}")).await.status, 404);
            assert_eq!(world.get(who, &format!("/jobs/{job}/file")).await.status, 404);
            assert!(matches!(ask(&world, who, "jury", "csv").await.status, 403 | 404));
        }
        assert_eq!(world.get(officer, &format!("/jobs/{job}/file")).await.status, 404, "it is not made yet");
        for (kind, format) in [("marks", "zip"), ("recompute", "csv")] {
            let refused = ask(&world, officer, kind, format).await;
            assert_eq!((refused.status, &refused.json()["errors"][0]["code"]), (422, &json!("export-format")));
        }
        assert_eq!(ask(&world, officer, "cada", "csv").await.status, 422);
        world.deliver().await;
        assert_eq!(world.get(officer, &format!("/jobs/{job}/file")).await.status, 200);
        // A day later it is gone, and its job with nothing to fetch.
        world.set_clock("2027-03-16T12:00:00Z");
        let officer = world.sign_in_again("Officer").await;
        ami_services::pieces::sweep_objects(&world.app.now()).await.unwrap();
        assert_eq!(world.get(&officer, &format!("/jobs/{job}/file")).await.status, 404);
        world.end().await;
    }
}

#[rocket::async_test]
async fn a_ranking_is_computed_again_from_its_kit() {
    let mut world = World::new("sqlite").await;
    // Jurors may abstain, and one threshold eliminates somebody.
    world.call.grid.min_marks = Some(2);
    let scene = ranked(&world).await;
    world.advance(&scene.officer, "hearings").await;
    let ranking = jury::rank(&world, &scene).await;
    let kit = fetched(&world, &scene.officer, "recompute", "zip").await;
    let mut zip = zip::ZipArchive::new(Cursor::new(kit.bytes)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut lots = 0;
    for at in 0..zip.len() {
        let mut file = zip.by_index(at).unwrap();
        let path = folder.path().join(file.enclosed_name().unwrap());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let readme = std::fs::read_to_string(folder.path().join("LISEZ-MOI.txt")).unwrap();
    assert!(readme.contains("ami score --grid GRID.json --marks MARKS.csv --values VALUES.csv"), "{readme}");
    assert!(readme.contains(ranking["input_sha256"].as_str().unwrap()));
    for lot in ranking["lots"].as_array().unwrap() {
        let expected = lot["dossiers"].as_array().unwrap();
        if expected.is_empty() {
            continue;
        }
        lots += 1;
        let again = Command::new(env!("CARGO_BIN_EXE_ami"))
            .current_dir(folder.path().join(lot["code"].as_str().unwrap()))
            .args(["score", "--grid", "GRID.json", "--marks", "MARKS.csv", "--values", "VALUES.csv"])
            .output()
            .unwrap();
        assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
        let again: Value = serde_json::from_slice(&again.stdout).unwrap();
        let again: BTreeMap<&str, &Value> =
            again["dossiers"].as_array().unwrap().iter().map(|d| (d["id"].as_str().unwrap(), d)).collect();
        for dossier in expected {
            let found = again[dossier["number"].as_str().unwrap()];
            for what in ["status", "rank", "ex_aequo", "total", "decided_by"] {
                assert_eq!(found[what], dossier[what], "{what} of {}", dossier["number"]);
            }
            let on = |list: &Value| -> Vec<String> {
                list.as_array().unwrap().iter().map(|e| e["on"].as_str().unwrap_or_default().to_owned()).collect()
            };
            assert_eq!(on(&found["eliminated_by"]).len(), on(&dossier["eliminated_by"]).len());
        }
    }
    assert_eq!(lots, 1);
    world.end().await;
}
