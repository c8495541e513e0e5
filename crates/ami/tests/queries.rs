//! Statements that a page sends to the database, with 60 dossiers over 22 lots and 9 jurors: a committed number per page. One that
//! grows with the rows shows at once. A number rises only with a reason on its line: `UPDATE_QUERIES="why"` writes it there, while
//! `UPDATE_QUERIES=1` only lowers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use ami::demo_data::{self, Accounts, MARKING, OPEN};
use common::World;
use rocket::http::Method;
use serde_json::{Value, json};

/// A page's line, with the reason for which its number rose, now or before.
fn line(page: &str, sent: u64, expected: &str, update: Option<&str>) -> String {
    let before = expected.lines().find_map(|line| {
        let (number, rest) = line.trim_start().split_once(' ')?;
        let (known, why) = rest.split_once("  # ").unwrap_or((rest, ""));
        (known == page).then(|| (number.parse::<u64>().unwrap(), why.to_owned()))
    });
    let why = match (before, update) {
        (Some((number, _)), Some(why)) if sent > number => {
            assert_ne!(why, "1", "{page} sends {sent} statements and not {number}: say why, UPDATE_QUERIES=\"why\"");
            why.to_owned()
        }
        (Some((number, why)), _) if sent >= number => why,
        _ => String::new(),
    };
    let why = if why.is_empty() { why } else { format!("  # {why}") };
    format!("{sent:>3} {page}{why}\n")
}

#[rocket::async_test]
async fn pages_send_as_many_statements_as_the_table_says() {
    let world = World::new("sqlite").await;
    demo_data::load(&world.app, &Accounts::all(), false).await.unwrap();
    let mut people = Vec::new();
    for name in ["candidat1", "jure2", "agent"] {
        let body = json!({ "email": format!("{name}@demonstration.example"), "password": demo_data::PASSWORD });
        let tokens = world.send(None, Method::Post, "/api/v1/session", Some(body)).await.ok();
        people.push(common::Person {
            account: uuid::Uuid::nil().into(),
            token: tokens["access_token"].as_str().unwrap().to_owned(),
        });
    }
    let [applicant, juror, officer] = &people[..] else { unreachable!("three people") };
    let state = json!({ "state": "hearings", "reason": "Délai écoulé" });
    world.post(officer, &format!("/calls/{MARKING}/state"), state).await.ok();
    let ranking = world.post(officer, &format!("/calls/{MARKING}/rankings"), json!({})).await.ok();
    // Each juror's own order is drawn, and a signed sheet asks less than one that is not: always the same sheet.
    let sheets = world.get(juror, "/jury/sheets").await.ok()["items"].as_array().unwrap().clone();
    let number = |sheet: &&Value| sheet["dossier"]["number"].as_str().unwrap().to_owned();
    let sheet = sheets.iter().filter(|sheet| sheet["state"] == "locked").min_by_key(number).unwrap().clone();
    let dossier = sheet["dossier"]["id"].as_str().unwrap().to_owned();
    let organisation = world.get(applicant, "/me").await.ok()["organisations"][0]["id"].clone();
    let draft = json!({ "organisation_id": organisation, "lot": "ALI-12" });
    let draft: Value = world.post(applicant, &format!("/calls/{OPEN}/dossiers"), draft).await.ok();
    let draft = draft["id"].as_str().unwrap();

    let (sheet, ranking) = (sheet["id"].as_str().unwrap(), ranking["id"].as_str().unwrap());
    let pages = [
        ("anyone", None, "/".to_owned()),
        ("anyone", None, format!("/appels/{OPEN}")),
        ("applicant", Some(applicant), "/espace".into()),
        ("applicant", Some(applicant), format!("/dossiers/{draft}")),
        ("applicant", Some(applicant), format!("/dossiers/{draft}/sections/S4")),
        ("applicant", Some(applicant), format!("/dossiers/{draft}/pieces")),
        ("juror", Some(juror), "/jury".into()),
        ("juror", Some(juror), format!("/fiches/{sheet}")),
        ("officer", Some(officer), format!("/gestion/{MARKING}")),
        ("officer", Some(officer), format!("/gestion/{MARKING}/dossiers")),
        ("officer", Some(officer), format!("/gestion/{MARKING}/jury")),
        ("officer", Some(officer), format!("/gestion/{MARKING}/affectations")),
        ("officer", Some(officer), format!("/gestion/{MARKING}/classements")),
        ("officer", Some(officer), format!("/gestion/{MARKING}/decisions")),
        ("officer", Some(officer), format!("/gestion/dossiers/{dossier}")),
        ("officer", Some(officer), format!("/gestion/classements/{ranking}")),
    ];
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/queries.txt");
    let expected = std::fs::read_to_string(committed).unwrap_or_default();
    let update = std::env::var("UPDATE_QUERIES").ok();
    let mut table = String::new();
    for (who, person, path) in pages {
        let before = world.app.database.queries();
        let got = world.send(person, Method::Get, &path, None).await;
        assert_eq!(got.status, 200, "{path}");
        let sent = world.app.database.queries() - before;
        let path = path.replace(draft, "<draft>").replace(sheet, "<sheet>").replace(ranking, "<ranking>");
        let page = format!("{who:<9} {}", path.replace(&dossier, "<dossier>"));
        table.push_str(&line(&page, sent, &expected, update.as_deref()));
    }
    if update.is_some() {
        std::fs::write(committed, &table).unwrap();
    } else {
        assert_eq!(expected, table, "lower numbers: UPDATE_QUERIES=1; higher ones: UPDATE_QUERIES=\"why\"");
    }
    world.end().await;
}
