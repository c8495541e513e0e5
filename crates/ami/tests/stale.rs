//! A decision rests on a ranking, and says why it no longer does: out of the sums and the exports until it is confirmed or taken
//! anew; on each database.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::jury::{self, CALL, Scene};
use common::{World, databases};
use rocket::http::Method;
use serde_json::{Value, json};

/// Two dossiers marked by three jurors, ranked in hearings and retained for 100,000 € each; the ranking.
async fn decided(world: &World) -> (Scene, Value) {
    let scene = jury::marking(world, 2, 3).await;
    jury::sign_all(world, &scene).await;
    world.advance(&scene.officer, "hearings").await;
    let ranking = jury::rank(world, &scene).await;
    for (_, dossier) in &scene.dossiers {
        let decision = retain(world, &scene, dossier).await;
        assert_eq!(decision["ranking_id"], ranking["id"]);
        assert_eq!(decision["inputs_sha256"], ranking["input_sha256"]);
        assert_eq!(decision["stale"], Value::Null);
    }
    assert_eq!(sums(world, &scene).await, ("200 000".to_owned(), 2));
    (scene, ranking)
}

async fn retain(world: &World, scene: &Scene, dossier: &str) -> Value {
    let body = json!({ "decision": "retained", "amount": 100_000 });
    world.put(&scene.officer, &format!("/dossiers/{dossier}/decision"), body).await.ok()
}

/// What the page adds up, and how many amounts the CSV has.
async fn sums(world: &World, scene: &Scene) -> (String, usize) {
    let page = jury::page(world, &scene.officer, "/gestion/AMI-ALI-2027/decisions").await;
    assert_eq!(page.status, 200);
    let page = page.text().replace("&#x2f;", "/").replace(['\u{a0}', '\u{202f}'], " ");
    let sum = page.split("Montants retenus : ").nth(1).unwrap().split(" €").next().unwrap().to_owned();
    let csv = world.get(&scene.officer, &format!("{CALL}/decisions.csv")).await.text();
    (sum, csv.matches(";100000,00;").count())
}

/// Why the decision is stale, as the API, its line, the pages and the CSV say it alike.
async fn stale(world: &World, scene: &Scene, dossier: &str) -> Option<String> {
    let officer = &scene.officer;
    let decision = world.get(officer, &format!("/dossiers/{dossier}/decision")).await.ok();
    let why = decision["stale"].as_str().map(str::to_owned);
    let lines = world.get(officer, &format!("{CALL}/decisions")).await.ok();
    let line = lines["items"].as_array().unwrap().iter().find(|l| l["dossier"] == dossier).unwrap().clone();
    assert_eq!(line["stale"].as_str().map(str::to_owned), why);
    let page = jury::page(world, officer, &format!("/gestion/dossiers/{dossier}")).await.text();
    assert_eq!(page.contains("Le fondement de cette décision a changé"), why.is_some());
    let csv = world.get(officer, &format!("{CALL}/decisions.csv")).await.text();
    let row = csv.lines().find(|l| l.contains(line["number"].as_str().unwrap())).unwrap().to_owned();
    if let Some(why) = &why {
        let sentence = ami_views::message(&format!("stale-{why}"), &[]).unwrap();
        assert!(row.contains(";Retenu;;") && row.contains(&sentence), "{row}");
        let list = jury::page(world, officer, "/gestion/AMI-ALI-2027/decisions").await.text();
        assert!(list.contains(&sentence.replace('\'', "&#x27;")), "{list}");
    } else {
        assert!(row.contains(";Retenu;100000,00;;"), "{row}");
    }
    why
}

#[rocket::async_test]
async fn a_withdrawn_laureate_counts_no_more() {
    for database in databases() {
        let mut world = World::new(database).await;
        world.call.rules.laureates_per_lot = 2;
        let (scene, _) = decided(&world).await;
        let (applicant, gone) = &scene.dossiers[0];
        let withdrawn =
            world.send(Some(applicant), Method::Post, &format!("/api/v1/dossiers/{gone}/withdrawal"), None).await;
        assert!(withdrawn.status < 300, "{}", withdrawn.text());
        assert_eq!(stale(&world, &scene, gone).await.as_deref(), Some("withdrawn"));
        assert_eq!(stale(&world, &scene, &scene.dossiers[1].1).await, None);
        assert_eq!(sums(&world, &scene).await, ("100 000".to_owned(), 1));
        // What no longer fits the dossier is decided anew, not confirmed.
        let path = format!("/dossiers/{gone}/decision");
        let confirmed = world.post(&scene.officer, &format!("{path}/confirmation"), json!({})).await;
        assert_eq!(confirmed.problem(), (409, "decision-state".into()));
        let anew = json!({ "decision": "without_outcome", "reason": "Candidature retirée." });
        let anew = world.put(&scene.officer, &path, anew).await.ok();
        assert_eq!((&anew["stale"], &anew["ranking_id"]), (&Value::Null, &Value::Null));
        assert_eq!(sums(&world, &scene).await, ("100 000".to_owned(), 1));
        world.end().await;
    }
}

#[rocket::async_test]
async fn an_excluded_dossier_counts_no_more() {
    for database in databases() {
        let mut world = World::new(database).await;
        world.call.rules.officers_see_marks_while_marking = true;
        world.call.rules.laureates_per_lot = 2;
        let scene = jury::marking(&world, 2, 3).await;
        jury::sign_all(&world, &scene).await;
        jury::rank(&world, &scene).await;
        for (_, dossier) in &scene.dossiers {
            retain(&world, &scene, dossier).await;
        }
        let out = &scene.dossiers[0].1;
        let path = format!("/dossiers/{out}/admissibility");
        let long = json!({ "admissible": false, "reason": "late", "comment": "é".repeat(4001) });
        assert_eq!(world.put(&scene.officer, &path, long).await.status, 422);
        let finding = json!({ "admissible": false, "reason": "ineligible", "comment": "Statuts." });
        assert_eq!(world.put(&scene.officer, &path, finding).await.status, 204);
        assert_eq!(stale(&world, &scene, out).await.as_deref(), Some("inadmissible"));
        assert_eq!(sums(&world, &scene).await, ("100 000".to_owned(), 1));
        // Found admissible again, it rests on what it rested on.
        world.put(&scene.officer, &path, json!({ "admissible": true })).await;
        assert_eq!(stale(&world, &scene, out).await, None);
        world.end().await;
    }
}

#[rocket::async_test]
async fn a_late_recusal_unsettles_what_its_juror_had_marked() {
    for database in databases() {
        let mut world = World::new(database).await;
        world.call.rules.laureates_per_lot = 2;
        let (scene, _) = decided(&world).await;
        let [(_, first), (_, second)] = &scene.dossiers[..] else { unreachable!("two dossiers") };
        // All at the clock's same instant: the order in which they were kept decides.
        jury::recuse(&world, &scene, &scene.jurors[2], first).await;
        assert_eq!(stale(&world, &scene, first).await.as_deref(), Some("recusal"));
        assert_eq!(stale(&world, &scene, second).await, None);
        assert_eq!(sums(&world, &scene).await, ("100 000".to_owned(), 1));
        // Decided again on the same ranking, it still rests on marks that count no more.
        assert_eq!(retain(&world, &scene, first).await["stale"], "recusal");
        // Only an officer confirms, and what they have seen.
        let path = format!("/dossiers/{first}/decision/confirmation");
        let stranger = &scene.jurors[1].person;
        assert_eq!(world.post(stranger, &path, json!({})).await.status, 404);
        let old = [("If-Match", "\"1\"")];
        let api = format!("/api/v1{path}");
        let seen = world.send_with(Some(&scene.officer), Method::Post, &api, None, &old).await;
        assert_eq!(seen.problem(), (412, "stale".into()));
        let confirmed = world.post(&scene.officer, &path, json!({})).await.ok();
        assert_eq!((&confirmed["stale"], &confirmed["revision"]), (&Value::Null, &json!(3)));
        assert!(confirmed["confirmed_at"].is_string(), "{confirmed}");
        assert_eq!(world.post(&scene.officer, &path, json!({})).await.problem(), (409, "decision-firm".into()));
        assert_eq!(sums(&world, &scene).await, ("200 000".to_owned(), 2));
        ami_services::journal::link(&world.app.now()).await.unwrap();
        let conn = world.app.database.read();
        let call = ami_database::calls::find_by_code(conn, "AMI-ALI-2027").await.unwrap().unwrap();
        assert!(ami_database::journal::verify(conn, &call.id.to_string()).await.unwrap().is_ok());
        world.end().await;
    }
}

#[rocket::async_test]
async fn a_reopened_sheet_unsettles_until_somebody_confirms() {
    for database in databases() {
        let mut world = World::new(database).await;
        world.call.rules.laureates_per_lot = 2;
        let (scene, ranking) = decided(&world).await;
        let dossier = &scene.dossiers[0].1;
        let (chair, juror) = (&scene.jurors[0].person, &scene.jurors[1]);
        let sheet = jury::sheet(&world, juror, dossier).await;
        let reason = json!({ "reason": "Notes interverties" });
        assert_eq!(world.post(chair, &format!("/sheets/{sheet}/reopen"), reason).await.status, 204);
        assert_eq!(stale(&world, &scene, dossier).await.as_deref(), Some("sheet-reopened"));
        assert_eq!(sums(&world, &scene).await, ("100 000".to_owned(), 1));
        // Locked again with the same marks, it gives the same ranking: whoever confirms rests on that one.
        world.post(&juror.person, &format!("/sheets/{sheet}/lock"), json!({})).await.ok();
        let again = jury::rank(&world, &scene).await;
        assert_eq!(again["input_sha256"], ranking["input_sha256"]);
        assert_eq!(stale(&world, &scene, dossier).await.as_deref(), Some("sheet-reopened"));
        let page = format!("/gestion/dossiers/{dossier}/decision/confirmation");
        assert_eq!(jury::form(&world, &scene.officer, &page, "").await.status, 428);
        assert_eq!(jury::form(&world, &scene.officer, &page, "revision=1").await.status, 303);
        assert_eq!(stale(&world, &scene, dossier).await, None);
        let decision = world.get(&scene.officer, &format!("/dossiers/{dossier}/decision")).await.ok();
        assert_eq!(decision["ranking_id"], again["id"]);
        world.end().await;
    }
}

#[rocket::async_test]
async fn another_ranking_unsettles_what_rests_on_the_one_before() {
    for database in databases() {
        let mut world = World::new(database).await;
        world.call.rules.laureates_per_lot = 2;
        let (scene, _) = decided(&world).await;
        let [(_, first), (_, second)] = &scene.dossiers[..] else { unreachable!("two dossiers") };
        let (chair, juror) = (&scene.jurors[0].person, &scene.jurors[1]);
        let sheet = jury::sheet(&world, juror, first).await;
        let reason = json!({ "reason": "Notes interverties" });
        world.post(chair, &format!("/sheets/{sheet}/reopen"), reason).await;
        world.patch(&juror.person, &format!("/sheets/{sheet}"), None, json!({ "marks": { "A1": 4 } })).await.ok();
        world.post(&juror.person, &format!("/sheets/{sheet}/lock"), json!({})).await.ok();
        let newer = jury::rank(&world, &scene).await;
        // The order among all may have moved: the other decision, too, is looked at again.
        assert_eq!(stale(&world, &scene, second).await.as_deref(), Some("ranking-changed"));
        assert_eq!(sums(&world, &scene).await, ("0".to_owned(), 0));
        let confirmed =
            world.post(&scene.officer, &format!("/dossiers/{second}/decision/confirmation"), json!({})).await;
        assert_eq!(confirmed.ok()["inputs_sha256"], newer["input_sha256"]);
        assert_eq!(retain(&world, &scene, first).await["stale"], Value::Null);
        assert_eq!(sums(&world, &scene).await, ("200 000".to_owned(), 2));
        world.end().await;
    }
}

#[rocket::async_test]
async fn a_decision_says_why_in_words_that_a_spreadsheet_takes() {
    let mut world = World::new("sqlite").await;
    world.call.rules.laureates_per_lot = 2;
    let (scene, _) = decided(&world).await;
    let path = format!("/dossiers/{}/decision", scene.dossiers[0].1);
    for reason in [String::new(), "é".repeat(4001)] {
        let refused = world.put(&scene.officer, &path, json!({ "decision": "refused", "reason": reason })).await;
        assert_eq!((refused.status, &refused.json()["errors"][0]["pointer"]), (422, &json!("/reason")));
    }
    let longest = json!({ "decision": "refused", "reason": "é".repeat(4000) });
    world.put(&scene.officer, &path, longest).await.ok();
    assert_eq!(world.get(&scene.officer, &format!("{CALL}/decisions.xlsx")).await.status, 200);
    // Without the revision that it showed, a page decides nothing.
    let form = "decision=refused&reason=x";
    let page = format!("/gestion/dossiers/{}/decision", scene.dossiers[0].1);
    assert_eq!(jury::form(&world, &scene.officer, &page, form).await.status, 428);
    world.end().await;
}
