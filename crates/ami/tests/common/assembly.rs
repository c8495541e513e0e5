//! A call whose decisions wait for the assembly, and a deliberation that has its effects.

use serde_json::{Value, json};

use super::jury::{self, CALL, Scene};
use super::{Got, Person, World};

/// Three dossiers of one lot with a ranking: retained beyond the rules, in reserve, refused. The call is in deliberation.
pub(crate) async fn decided(world: &World) -> (Scene, Vec<String>) {
    let scene = jury::marking(world, 3, 3).await;
    jury::sign_all(world, &scene).await;
    world.advance(&scene.officer, "hearings").await;
    world.advance(&scene.officer, "plenary").await;
    jury::rank(world, &scene).await;
    world.advance(&scene.officer, "deliberation").await;
    world.set_clock("2027-07-01T15:00:00Z");
    let officer = world.sign_in_again("Officer").await;
    let dossiers: Vec<String> = scene.dossiers.iter().map(|(_, d)| d.clone()).collect();
    for (dossier, decision) in dossiers.iter().zip([
        json!({ "decision": "retained", "amount": 100_000, "override": "Deux bassins de vie" }),
        json!({ "decision": "reserve" }),
        json!({ "decision": "refused", "reason": "Le projet est moins avancé." }),
    ]) {
        world.put(&officer, &format!("/dossiers/{dossier}/decision"), decision).await.ok();
    }
    (Scene { officer, ..scene }, dossiers)
}

pub(crate) fn errors(answer: &Got) -> Vec<(String, String)> {
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    let all = answer.json()["errors"].as_array().unwrap().clone();
    all.iter().map(|e| (text(&e["pointer"]), text(&e["code"]))).collect()
}

pub(crate) async fn act(world: &World, scene: &Scene, path: &str, body: Value) -> Got {
    world.post(&scene.officer, path, body).await
}

/// A deliberation of all decisions, executory, with a letter for each: its path.
pub(crate) async fn executory(world: &World, scene: &Scene, dossiers: &[String]) -> String {
    let sitting = json!({ "number": "2027-07-12", "date": "2027-07-01", "dossiers": dossiers, "lots": ["ALI-22"] });
    let made = act(world, scene, &format!("{CALL}/deliberations"), sitting).await.ok();
    let own = format!("/deliberations/{}", made["id"].as_str().unwrap());
    let control = json!({ "transmitted_on": "2027-07-02", "published_on": "2027-07-02", "receipt": "AR 12" });
    act(world, scene, &format!("{own}/executory"), control).await.ok();
    own
}

/// Takes decisions through a deliberation of today to their letters, and lets them leave.
pub(crate) async fn notify(world: &World, officer: &Person, number: &str, dossiers: &[&str]) {
    let today = ami_domain::call::day(world.app.now().at).to_string();
    let sitting = json!({ "number": number, "date": today, "dossiers": dossiers });
    let made = world.post(officer, &format!("{CALL}/deliberations"), sitting).await.ok();
    tell(world, officer, &format!("/deliberations/{}", made["id"].as_str().unwrap())).await;
}

/// The same, of a deliberation that was gathered.
pub(crate) async fn tell(world: &World, officer: &Person, own: &str) {
    let today = ami_domain::call::day(world.app.now().at).to_string();
    let control = json!({ "transmitted_on": today, "published_on": today, "receipt": "AR" });
    world.post(officer, &format!("{own}/executory"), control).await.ok();
    let letters = world.post(officer, &format!("{own}/letters"), json!({})).await.ok();
    for letter in letters["items"].as_array().unwrap() {
        world.post(officer, &format!("/letters/{}/approval", letter["id"].as_str().unwrap()), json!({})).await.ok();
    }
    world.post(officer, &format!("{own}/notification"), json!({})).await.ok();
}
