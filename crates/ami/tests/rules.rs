//! The published rules of a call bind its decisions: beyond one of them, a decision is refused, or says why and shows it; on each
//! database.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::jury::{self, CALL, Scene};
use common::{World, databases};
use futures_util::future::join_all;
use serde_json::{Value, json};

/// Dossiers marked by three jurors and ranked, in hearings.
async fn ranked(world: &World, dossiers: usize) -> Scene {
    let scene = jury::marking(world, dossiers, 3).await;
    jury::sign_all(world, &scene).await;
    world.advance(&scene.officer, "hearings").await;
    jury::rank(world, &scene).await;
    scene
}

fn decision(dossier: &str) -> String {
    format!("/dossiers/{dossier}/decision")
}

/// The codes of the rules that a decision was refused for.
fn rules(answer: &common::Got) -> Vec<String> {
    assert_eq!(answer.status, 422, "{}", answer.text());
    let errors = answer.json()["errors"].as_array().unwrap().clone();
    assert!(errors.iter().all(|e| e["pointer"] == "/override"), "{errors:?}");
    errors.iter().map(|e| e["code"].as_str().unwrap().to_owned()).collect()
}

#[rocket::async_test]
async fn a_lot_has_its_laureates_and_one_more_says_why() {
    for database in databases() {
        let mut world = World::new(database).await;
        world.call.rules.laureates_per_lot = 1;
        world.call.rules.reserve_per_lot = 0;
        world.call.envelope_cents = 15_000_000;
        let scene = ranked(&world, 2).await;
        let [(_, first), (_, second)] = &scene.dossiers[..] else { unreachable!("two dossiers") };
        let retained = json!({ "decision": "retained", "amount": 100_000 });
        let kept = world.put(&scene.officer, &decision(first), retained.clone()).await.ok();
        assert_eq!(kept["override"], Value::Null);
        // Deciding anew does not count the dossier against itself.
        world.put(&scene.officer, &decision(first), retained.clone()).await.ok();
        let refused = world.put(&scene.officer, &decision(second), retained.clone()).await;
        assert_eq!(rules(&refused), ["rule-laureates", "rule-envelope"]);
        let reserve = json!({ "decision": "reserve" });
        assert_eq!(rules(&world.put(&scene.officer, &decision(second), reserve).await), ["rule-reserve"]);
        assert_eq!(world.get(&scene.officer, &decision(second)).await.status, 404);

        // The page shows again what was typed, with the rules beside the field that answers them.
        let form = "revision=0&decision=retained&amount=100000&reason=Projet+solide&override=";
        let path = format!("/gestion/dossiers/{second}/decision");
        let page = jury::form(&world, &scene.officer, &path, form).await;
        assert_eq!(page.status, 422);
        let text = page.text();
        for shown in ["id=\"override-erreur\"", "Projet solide", "value=\"100000\"", "value=\"retained\" selected"] {
            assert!(text.contains(shown), "{shown} in {text}");
        }

        let long = json!({ "decision": "retained", "amount": 100_000, "override": "é".repeat(4_001) });
        assert_eq!(world.put(&scene.officer, &decision(second), long).await.status, 422);
        let beyond = json!({ "decision": "retained", "amount": 100_000, "override": "Deux bassins de vie" });
        let taken = world.put(&scene.officer, &decision(second), beyond).await.ok();
        let account = json!({ "rules": ["laureates", "envelope"], "reason": "Deux bassins de vie" });
        assert_eq!(taken["override"], account);
        let lines = world.get(&scene.officer, &format!("{CALL}/decisions")).await.ok();
        let line = lines["items"].as_array().unwrap().iter().find(|l| l["dossier"] == **second).unwrap().clone();
        assert_eq!(line["override"], account);
        let csv = world.get(&scene.officer, &format!("{CALL}/decisions.csv")).await.text();
        assert!(csv.contains("nombre de lauréats du lot, enveloppe annuelle : Deux bassins de vie"), "{csv}");
        let page = jury::page(&world, &scene.officer, &format!("/gestion/dossiers/{second}")).await.text();
        assert!(page.contains("Deux bassins de vie"));

        // Once there is room for it, a decision goes beyond nothing, whatever its writer says.
        let refusal = json!({ "decision": "refused", "reason": "Erreur de saisie." });
        world.put(&scene.officer, &decision(first), refusal).await.ok();
        let beyond = json!({ "decision": "retained", "amount": 100_000, "override": "Par prudence" });
        assert_eq!(world.put(&scene.officer, &decision(second), beyond).await.ok()["override"], Value::Null);
        world.end().await;
    }
}

#[rocket::async_test]
async fn two_at_once_do_not_both_take_the_last_place() {
    for database in databases() {
        let mut world = World::new(database).await;
        world.call.rules.laureates_per_lot = 2;
        let scene = ranked(&world, 4).await;
        let body = json!({ "decision": "retained", "amount": 100 });
        let paths: Vec<String> = scene.dossiers.iter().map(|(_, d)| decision(d)).collect();
        let answers = join_all(paths.iter().map(|path| world.put(&scene.officer, path, body.clone()))).await;
        let (taken, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|a| a.status == 200);
        assert_eq!(taken.len(), 2);
        assert!(refused.iter().all(|a| rules(a) == ["rule-laureates"]));
        world.end().await;
    }
}

#[rocket::async_test]
async fn a_place_given_to_another_meanwhile_is_not_confirmed() {
    for database in databases() {
        let mut world = World::new(database).await;
        world.call.rules.laureates_per_lot = 1;
        let scene = ranked(&world, 2).await;
        let [(_, first), (_, second)] = &scene.dossiers[..] else { unreachable!("two dossiers") };
        let retained = json!({ "decision": "retained", "amount": 100 });
        world.put(&scene.officer, &decision(first), retained.clone()).await.ok();
        // A late recusal makes the decision stale: it holds no place any more.
        jury::recuse(&world, &scene, &scene.jurors[2], first).await;
        world.put(&scene.officer, &decision(second), retained).await.ok();
        let confirmed = world.post(&scene.officer, &format!("{}/confirmation", decision(first)), json!({})).await;
        assert_eq!(rules(&confirmed), ["rule-laureates"]);
        world.end().await;
    }
}

#[rocket::async_test]
async fn a_form_that_may_not_apply_is_not_retained() {
    for database in databases() {
        let mut world = World::new(database).await;
        world.call.rules.eligible_forms = vec!["gip".into()];
        let scene = ranked(&world, 1).await;
        let body = json!({ "decision": "retained", "amount": 100 });
        let refused = world.put(&scene.officer, &decision(&scene.dossiers[0].1), body).await;
        assert_eq!(rules(&refused), ["rule-legal-form"]);
        world.end().await;
    }
}
