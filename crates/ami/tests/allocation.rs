//! Who would be laureate of which lot, and what would change if something were otherwise; on each database.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::jury::{self, CALL, Scene};
use common::{Person, World, databases};
use serde_json::{Map, Value, json};

/// Two dossiers of one lot, ranked: the first ahead by little, the second better on A1.
async fn ranked(world: &World) -> Scene {
    let scene = jury::marking(world, 2, 3).await;
    for juror in &scene.jurors {
        for ((_, dossier), low) in scene.dossiers.iter().zip(["A1", "B1"]) {
            let sheet = jury::sheet(world, juror, dossier).await;
            let mark = |code: &str| json!(if code == low { 2 } else { 4 });
            let marks: Map<String, Value> =
                world.call.grid.criteria().map(|c| (c.code.clone(), mark(&c.code))).collect();
            world.patch(&juror.person, &format!("/sheets/{sheet}"), None, json!({ "marks": marks })).await.ok();
            world.post(&juror.person, &format!("/sheets/{sheet}/lock"), json!({})).await.ok();
        }
    }
    scene
}

async fn allocation(world: &World, who: &Person) -> Value {
    world.get(who, &format!("{CALL}/allocation")).await.ok()
}

async fn simulate(world: &World, who: &Person, otherwise: Value) -> common::Got {
    world.post(who, &format!("{CALL}/simulations"), otherwise).await
}

/// What a way to share out says of the dossiers' lot.
fn lot(view: &Value, way: &str) -> Value {
    view[way]["lots"].as_array().unwrap().iter().find(|lot| lot["lot"] == "ALI-07").unwrap().clone()
}

#[rocket::async_test]
async fn lots_are_shared_out_by_the_rules_and_otherwise_without_a_trace() {
    for database in databases() {
        let mut world = World::new(database).await;
        world.call.rules.laureates_per_lot = 1;
        world.call.rules.reserve_per_lot = 2;
        let scene = ranked(&world).await;
        let officer = &scene.officer;
        let [(applicant, first), (_, second)] = &scene.dossiers[..] else { unreachable!("two dossiers") };
        // While marks are sealed, what is made of them is too.
        let sealed = world.get(officer, &format!("{CALL}/allocation")).await;
        assert!(matches!(sealed.status, 403 | 409), "{}", sealed.text());
        world.advance(officer, "hearings").await;
        assert_eq!(world.get(officer, &format!("{CALL}/allocation")).await.problem(), (409, "no-ranking".into()));
        jury::rank(&world, &scene).await;

        let official = allocation(&world, officer).await;
        let by_rules = lot(&official, "rules");
        assert_eq!((&by_rules["laureates"], &by_rules["reserve"]), (&json!([first]), &json!([second])));
        assert!(by_rules["steps"][0].as_str().unwrap().contains("de rang 1"), "{by_rules}");
        assert_eq!(lot(&official, "best")["laureates"], json!([first]));
        assert_eq!(official["difference"], json!([]));
        assert_eq!(official["rules"]["places"], 420);
        assert_eq!(official["rules"]["places_to_cover"], 11_500);

        let winner = async |otherwise: Value| {
            let view = simulate(&world, officer, otherwise).await.ok();
            lot(&view, "rules")["laureates"].clone()
        };
        assert_eq!(winner(json!({})).await, json!([first]), "nothing is otherwise");
        assert_eq!(winner(json!({ "weights": { "A1": 10 } })).await, json!([second]));
        assert_eq!(winner(json!({ "withdrawn": [first] })).await, json!([second]));
        assert_eq!(winner(json!({ "caps": 0 })).await, json!([]));
        assert_eq!(winner(json!({ "caps": { "laureates": 2 } })).await, json!([first, second]));
        assert_eq!(winner(json!({ "thresholds": { "i": "77" } })).await, json!([first]), "the second is below it");
        assert_eq!(winner(json!({ "thresholds": { "i": "78" } })).await, json!([]));
        // With one juror fewer than the call wants, a dossier is not ranked.
        let line = world.get(officer, &format!("/rankings/{}", official["ranking"].as_str().unwrap())).await.ok();
        let ranked_lot = line["lots"].as_array().unwrap().iter().find(|l| l["code"] == "ALI-07").unwrap().clone();
        let juror = ranked_lot["dossiers"][0]["jurors"][0].clone();
        let excluded = json!({ "recusals": [{ "juror": juror, "dossier": first }] });
        assert_eq!(winner(excluded).await, json!([second]));
        let poor = simulate(&world, officer, json!({ "envelope_cents": 1 })).await.ok();
        assert_eq!(lot(&poor, "rules")["vacancy"], "unfunded");
        assert!(
            lot(&poor, "rules")["steps"].as_array().unwrap().last().unwrap().as_str().unwrap().contains("enveloppe")
        );

        // Nothing of it is kept.
        assert_eq!(allocation(&world, officer).await, official);
        let rankings = world.get(officer, &format!("{CALL}/rankings")).await.ok();
        assert_eq!(rankings["items"].as_array().unwrap().len(), 1);

        // What is not there is named, all at once.
        let nobody = uuid::Uuid::nil();
        let wrong = json!({
            "weights": { "Z9": 1 }, "thresholds": { "zz": "1", "i": "beaucoup" }, "withdrawn": [nobody],
            "recusals": [{ "juror": "Personne", "dossier": second }], "envelope_cents": -1,
        });
        let refused = simulate(&world, officer, wrong).await;
        assert_eq!(refused.status, 422);
        let body = refused.json();
        let mut pointers: Vec<&str> =
            body["errors"].as_array().unwrap().iter().map(|e| e["pointer"].as_str().unwrap()).collect();
        pointers.sort_unstable();
        let all =
            ["/envelope_cents", "/recusals/0/juror", "/thresholds/i", "/thresholds/zz", "/weights/Z9", "/withdrawn/0"];
        assert_eq!(pointers, all);
        let none: Map<String, Value> = world.call.grid.criteria().map(|c| (c.code.clone(), json!(0))).collect();
        assert_eq!(simulate(&world, officer, json!({ "weights": none })).await.status, 422);

        // Neither an applicant nor a juror, before or during the plenary.
        for who in [applicant, &scene.jurors[0].person] {
            assert!(matches!(world.get(who, &format!("{CALL}/allocation")).await.status, 403 | 404));
            assert!(matches!(simulate(&world, who, json!({})).await.status, 403 | 404));
        }

        let page = jury::page(&world, officer, "/gestion/AMI-ALI-2027/attribution").await;
        assert_eq!(page.status, 200);
        let page = jury::page(&world, officer, "/gestion/AMI-ALI-2027/attribution?simulation=1&weights.A1=10").await;
        assert!(page.text().contains("1\u{a0}lot change de lauréat"), "{}", page.text());
        let path = "/gestion/AMI-ALI-2027/attribution?simulation=1&weights.A1=dix&envelope_cents=-3";
        let page = jury::page(&world, officer, path).await;
        assert_eq!(page.status, 422);
        for shown in ["id=\"weights.A1-erreur\"", "value=\"dix\"", "value=\"-3\""] {
            assert!(page.text().contains(shown), "{shown} in {}", page.text());
        }
        world.end().await;
    }
}

#[rocket::async_test]
async fn a_tie_waits_for_the_vote_and_whoever_withdrew_wins_nothing() {
    let mut world = World::new("sqlite").await;
    world.call.rules.laureates_per_lot = 1;
    world.call.grid.ties.clear();
    let scene = jury::marking(&world, 2, 3).await;
    jury::sign_all(&world, &scene).await;
    world.advance(&scene.officer, "hearings").await;
    jury::rank(&world, &scene).await;
    let tied = allocation(&world, &scene.officer).await;
    let lot_of = lot(&tied, "rules");
    assert_eq!((&lot_of["laureates"], &lot_of["vacancy"]), (&json!([]), &json!("tied")));
    let page = jury::page(&world, &scene.officer, "/gestion/AMI-ALI-2027/attribution").await.text();
    assert!(page.contains("Le vote du jury est attendu"), "{page}");
    let (applicant, first) = &scene.dossiers[0];
    world.post(applicant, &format!("/dossiers/{first}/withdrawal"), json!({ "reason": "Autre projet" })).await.ok();
    let after = allocation(&world, &scene.officer).await;
    assert_eq!(lot(&after, "rules")["laureates"], json!([scene.dossiers[1].1]));
    world.end().await;
}
