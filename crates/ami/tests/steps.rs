//! A step of a call says what it would leave unfinished and wants a reason for it, which the journal keeps; nobody is notified of a
//! decision that does not stand; on each database.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::jury::{self, CALL};
use common::{Got, Person, World, assembly, databases};
use serde_json::{Value, json};

async fn step(world: &World, who: &Person, to: &str, reason: &str) -> Got {
    world.post(who, &format!("{CALL}/state"), json!({ "state": to, "reason": reason })).await
}

/// What is unfinished, as pointers and codes.
fn unfinished(answer: &Got) -> Vec<(String, String)> {
    assert_eq!(answer.problem(), (409, "unfinished".into()), "{}", answer.text());
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    let errors = answer.json()["errors"].as_array().unwrap().clone();
    errors.iter().map(|e| (text(&e["pointer"]), text(&e["code"]))).collect()
}

fn reason(code: &str) -> (String, String) {
    ("/reason".to_owned(), format!("unfinished-{code}"))
}

#[rocket::async_test]
async fn marking_opens_on_examined_dossiers_and_a_jury_or_for_a_reason() {
    for database in databases() {
        let world = World::new(database).await;
        world.set_clock("2027-03-15T10:55:00Z");
        let officer = world.published().await;
        let (person, organisation, data) = world.applicant(1).await;
        let id = world.complete_draft(&person, &organisation, &data, "ALI-01").await;
        world.post(&person, &format!("/dossiers/{id}/deposit"), json!({})).await.ok();
        world.set_clock("2027-03-15T11:00:01Z");
        // Nothing is left behind here, so that no reason is asked for.
        step(&world, &officer, "admissibility", "").await.ok();
        let refused = step(&world, &officer, "marking", " ").await;
        assert_eq!(unfinished(&refused), [reason("unexamined"), reason("no-juror")]);
        assert_eq!(step(&world, &officer, "marking", &"é".repeat(4_001)).await.status, 422);
        let board = jury::page(&world, &officer, "/gestion/AMI-ALI-2027").await.text();
        let board = board.replace('\u{a0}', " ");
        assert!(board.contains("examinée : 1") && board.contains("name=\"reason\""), "{board}");
        let page = jury::form(&world, &officer, "/gestion/AMI-ALI-2027/etape", "state=marking&reason=").await;
        assert_eq!(page.status, 409);
        assert!(page.text().contains("id=\"reason-erreur\""), "{}", page.text());
        // Who may not take the step does not learn what it would leave.
        assert_eq!(step(&world, &person, "marking", "").await.status, 403);

        step(&world, &officer, "marking", "Le jury est nommé demain.").await.ok();
        world.end().await;
    }
}

#[rocket::async_test]
async fn notified_waits_for_a_decision_that_stands_on_each_dossier() {
    for database in databases() {
        let mut world = World::new(database).await;
        world.call.rules.laureates_per_lot = 2;
        let scene = jury::marking(&world, 2, 4).await;
        let officer = &scene.officer;
        jury::sign(&world, &scene.jurors[0], &scene.dossiers[0].1, 3).await;
        assert_eq!(unfinished(&step(&world, officer, "hearings", "").await), [reason("open-sheets")]);
        assert_eq!(unfinished(&step(&world, officer, "plenary", "").await), [reason("open-sheets")]);
        for juror in &scene.jurors {
            for (_, dossier) in &scene.dossiers {
                if (&juror.seat, dossier) != (&scene.jurors[0].seat, &scene.dossiers[0].1) {
                    jury::sign(&world, juror, dossier, 3).await;
                }
            }
        }
        step(&world, officer, "plenary", "").await.ok();
        assert_eq!(unfinished(&step(&world, officer, "deliberation", "").await), [reason("no-ranking")]);
        jury::rank(&world, &scene).await;

        let wants = |code: &str| ("/state".to_owned(), format!("unfinished-{code}"));
        let retained = json!({ "decision": "retained", "amount": 100 });
        let [(first, withdrawn), (_, kept)] = &scene.dossiers[..] else { unreachable!("two dossiers") };
        world.put(officer, &format!("/dossiers/{withdrawn}/decision"), retained.clone()).await.ok();
        world.put(officer, &format!("/dossiers/{kept}/decision"), retained.clone()).await.ok();
        // What rests on nothing any more stands for nothing.
        jury::recuse(&world, &scene, &scene.jurors[2], kept).await;
        step(&world, officer, "deliberation", "").await.ok();
        assert_eq!(
            unfinished(&step(&world, officer, "notified", "Assemblée tenue.").await),
            [wants("undecided"), wants("unnotified")]
        );
        let board = jury::page(&world, officer, "/gestion/AMI-ALI-2027").await.text();
        assert!(!board.contains("name=\"state\" value=\"notified\""), "{board}");
        jury::rank(&world, &scene).await;
        for dossier in [withdrawn, kept] {
            world.post(officer, &format!("/dossiers/{dossier}/decision/confirmation"), json!({})).await.ok();
        }
        // Whoever withdrew waits for nothing.
        world.post(first, &format!("/dossiers/{withdrawn}/withdrawal"), json!({})).await;
        // A decision that nobody was told of is no reason to go on either.
        assert_eq!(unfinished(&step(&world, officer, "notified", "Assemblée tenue.").await), [wants("unnotified")]);
        assembly::notify(&world, officer, "1", &[kept]).await;
        step(&world, officer, "notified", "").await.ok();
        world.end().await;
    }
}
