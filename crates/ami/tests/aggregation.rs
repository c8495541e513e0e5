//! A call chooses how the jurors' marks become one value: the same marks, three calls, three exact totals computed by hand.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;

use ami_domain::grid::Aggregation;
use ami_domain::jury::College;
use common::{World, pdf_text};
use serde_json::{Value, json};

const CALL: &str = "/calls/AMI-ALI-2027";
/// Dossier α of the worked examples, criteria in the grid's order.
const ALPHA: [&str; 3] = ["44343435444343434", "45434334454434334", "34443345543443443"];

/// The ranking of one dossier that three jurors marked, the first of whom presides, with its PDF's text.
async fn ranked(aggregation: Aggregation) -> (Value, Value, String) {
    let mut world = World::new("sqlite").await;
    world.call.grid.aggregation = aggregation;
    let officer = world.published().await;
    world.set_clock("2027-03-15T10:55:00Z");
    let (person, organisation, applicant) = world.applicant(1).await;
    let officer = world.sign_in(officer.account, "officer@demonstration.example").await;
    let id = world.complete_draft(&person, &organisation, &applicant, "ALI-07").await;
    world.post(&person, &format!("/dossiers/{id}/deposit"), json!({})).await.ok();
    world.set_clock("2027-03-15T11:00:01Z");
    world.advance(&officer, "admissibility").await;
    world.put(&officer, &format!("/dossiers/{id}/admissibility"), json!({ "admissible": true })).await;
    world.advance(&officer, "marking").await;
    let criteria: Vec<String> = world.call.grid.criteria().map(|c| c.code.clone()).collect();
    for (n, marks) in ALPHA.iter().enumerate() {
        let juror = world.person(&format!("juror {n}"), false).await;
        let invitation = json!({
            "name": "Juror", "email": format!("juror-{n}@demonstration.example"), "voice": "deliberative",
            "college": if n == 0 { "presidency" } else { "partners" }, "chair": n == 0,
        });
        let seat = world.post(&officer, &format!("{CALL}/seats"), invitation).await.ok()["id"].clone();
        world.post(&juror, &format!("{CALL}/declaration"), json!({ "conflicts": [] })).await;
        world.post(&officer, &format!("{CALL}/assignments"), json!({ "seat": seat, "add": [id] })).await;
        let sheet = world.get(&juror, "/jury/sheets").await.ok()["items"][0]["id"].as_str().unwrap().to_owned();
        let marks: BTreeMap<&String, u8> = criteria.iter().zip(marks.bytes().map(|digit| digit - b'0')).collect();
        let why = "Un commentaire de plus de trente caractères.";
        let comments: BTreeMap<&String, &str> = criteria.iter().map(|code| (code, why)).collect();
        world.patch(&juror, &format!("/sheets/{sheet}"), None, json!({ "marks": marks, "comments": comments })).await;
        world.post(&juror, &format!("/sheets/{sheet}/lock"), json!({})).await.ok();
    }
    world.advance(&officer, "hearings").await;
    let ranking = world.post(&officer, &format!("{CALL}/rankings"), json!({})).await.ok();
    let lot = ranking["lots"].as_array().unwrap().iter().find(|l| l["code"] == "ALI-07").unwrap().clone();
    let pdf = world.get(&officer, &format!("/rankings/{}.pdf", ranking["id"].as_str().unwrap())).await;
    let text = pdf_text(&pdf.bytes);
    world.end().await;
    (lot["dossiers"][0].clone(), ranking["voices"].clone(), text)
}

#[rocket::async_test]
async fn the_mean_the_median_and_the_voices_of_colleges() {
    let (mean, voices, _) = ranked(Aggregation::Mean).await;
    assert_eq!((&mean["total"], &voices), (&json!("1129/15"), &json!({})));

    let (median, _, text) = ranked(Aggregation::Median).await;
    assert_eq!((&median["total"], &median["total_shown"]), (&json!("377/5"), &json!("75,40")));
    assert!(text.contains("médiane des notes") && text.contains("Médiane exacte"), "{text}");

    // The chair counts twice: said beside the chair's marks, so that the mean can be computed from what is printed.
    let (weighed, voices, text) = ranked(Aggregation::Voices([(College::Presidency, 2)].into())).await;
    assert_eq!((&weighed["total"], &voices), (&json!("75"), &json!({ "J1": 2 })));
    assert!(text.contains("J1 ×2"), "{text}");
}
