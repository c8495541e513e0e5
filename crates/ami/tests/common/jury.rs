//! A call with filed dossiers and a jury, up to marking.

use rocket::http::Method;
use serde_json::{Map, Value, json};

use super::{Person, World};

pub(crate) const CALL: &str = "/calls/AMI-ALI-2027";

/// A juror with their seat.
pub(crate) struct Juror {
    pub(crate) person: Person,
    pub(crate) seat: String,
}

/// A call in marking: dossiers, all of them assigned to every juror; the first juror presides.
pub(crate) struct Scene {
    pub(crate) officer: Person,
    /// Applicant and dossier.
    pub(crate) dossiers: Vec<(Person, String)>,
    pub(crate) jurors: Vec<Juror>,
}

/// `dossiers` admissible dossiers for ALI-07 and `jurors` jurors who have declared that they have no conflict.
pub(crate) async fn marking(world: &World, dossiers: usize, jurors: usize) -> Scene {
    world.set_clock("2027-03-15T10:55:00Z");
    let officer = world.published().await;
    let mut filed = Vec::new();
    for number in [1, 2, 4, 5].into_iter().take(dossiers) {
        let (person, organisation, data) = world.applicant(number).await;
        let id = world.complete_draft(&person, &organisation, &data, "ALI-07").await;
        world.post(&person, &format!("/dossiers/{id}/deposit"), json!({})).await.ok();
        filed.push((person, id));
    }
    world.set_clock("2027-03-15T11:00:01Z");
    world.advance(&officer, "admissibility").await;
    for (_, id) in &filed {
        world.put(&officer, &format!("/dossiers/{id}/admissibility"), json!({ "admissible": true })).await;
    }
    world.advance(&officer, "marking").await;
    let ids: Vec<&String> = filed.iter().map(|(_, id)| id).collect();
    let mut seated = Vec::new();
    for n in 0..jurors {
        let person = world.person(&format!("juror {n}"), false).await;
        let invitation = json!({
            "name": format!("Juror {n}"), "email": format!("juror-{n}@demonstration.example"),
            "college": "experts", "voice": "deliberative", "chair": n == 0,
        });
        let made = world.post(&officer, &format!("{CALL}/seats"), invitation).await.ok();
        let seat = made["id"].as_str().unwrap().to_owned();
        let asked = json!({ "seat": seat, "add": ids });
        assert_eq!(world.post(&officer, &format!("{CALL}/assignments"), asked).await.status, 204);
        let none = json!({ "conflicts": [] });
        assert_eq!(world.post(&person, &format!("{CALL}/declaration"), none).await.status, 204);
        seated.push(Juror { person, seat });
    }
    Scene { officer, dossiers: filed, jurors: seated }
}

/// The juror's sheet on a dossier.
pub(crate) async fn sheet(world: &World, juror: &Juror, dossier: &str) -> String {
    let sheets = world.get(&juror.person, "/jury/sheets").await.ok();
    let found = sheets["items"].as_array().unwrap().iter().find(|s| s["dossier"]["id"] == dossier).unwrap();
    found["id"].as_str().unwrap().to_owned()
}

/// The same mark for every criterion of the juror's sheet on a dossier, and locks it.
pub(crate) async fn sign(world: &World, juror: &Juror, dossier: &str, mark: i64) -> String {
    let id = sheet(world, juror, dossier).await;
    let marks: Map<String, Value> = world.call.grid.criteria().map(|c| (c.code.clone(), json!(mark))).collect();
    world.patch(&juror.person, &format!("/sheets/{id}"), None, json!({ "marks": marks })).await.ok();
    world.post(&juror.person, &format!("/sheets/{id}/lock"), json!({})).await.ok();
    id
}

/// Every juror signs every dossier with threes.
pub(crate) async fn sign_all(world: &World, scene: &Scene) {
    for juror in &scene.jurors {
        for (_, dossier) in &scene.dossiers {
            sign(world, juror, dossier, 3).await;
        }
    }
}

/// A ranking of the scene as it stands.
pub(crate) async fn rank(world: &World, scene: &Scene) -> Value {
    world.post(&scene.officer, &format!("{CALL}/rankings"), json!({})).await.ok()
}

/// Excludes a juror from a dossier that they were asked for.
pub(crate) async fn recuse(world: &World, scene: &Scene, juror: &Juror, dossier: &str) {
    let recusals = format!("{CALL}/seats/{}/recusals", juror.seat);
    let conflict = json!({ "dossier": dossier, "reason": "financial", "comment": "Prestation" });
    assert_eq!(world.post(&scene.officer, &recusals, conflict).await.status, 204);
}

/// A page's form, sent.
pub(crate) async fn form(world: &World, who: &Person, path: &str, body: &str) -> super::Got {
    world.send_with(Some(who), Method::Post, path, Some(body.as_bytes().to_vec()), &[]).await
}

/// A page.
pub(crate) async fn page(world: &World, who: &Person, path: &str) -> super::Got {
    world.send_with(Some(who), Method::Get, path, None, &[]).await
}
