//! Files in parts: through the server and straight to the storage, resumed after a cut and a killed server, refused without a trace.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
#[expect(dead_code, reason = "this binary asks none to stop")]
#[path = "common/demo.rs"]
mod demo;

use ami::demo_data;
use ami_domain::deposit::sha256_hex;
use ami_domain::upload::PART_SIZE;
use ami_storage::{Embedded, EmbeddedSettings, Secret};
use common::{Got, Person, World, databases};
use demo::Demo;
use rocket::http::Method;
use serde_json::{Value, json};

const PART: usize = 8 * 1024 * 1024;

/// A whole PDF of so many bytes, about.
fn pdf(bytes: usize) -> Vec<u8> {
    demo_data::plain_pdf("P02", &"x".repeat(bytes))
}

/// An applicant's draft.
struct Scene {
    world: World,
    applicant: Person,
    dossier: String,
}

impl Scene {
    async fn new(database: &str) -> Self {
        Self::in_world(World::new(database).await).await
    }

    async fn in_world(world: World) -> Self {
        world.set_clock("2027-03-15T08:00:00Z");
        world.published().await;
        let (applicant, organisation, _) = world.applicant(1).await;
        let body = json!({ "organisation_id": organisation, "lot": "ALI-07" });
        let made = world.post(&applicant, "/calls/AMI-ALI-2027/dossiers", body).await.ok();
        let dossier = made["id"].as_str().unwrap().to_owned();
        Self { world, applicant, dossier }
    }

    async fn begin(&self, slot: &str, name: &str, bytes: &[u8]) -> Got {
        let body = json!({ "slot": slot, "name": name, "size": bytes.len(), "sha256": sha256_hex(bytes) });
        self.world.post(&self.applicant, &format!("/dossiers/{}/uploads", self.dossier), body).await
    }

    /// Begins an upload of so many bytes.
    async fn announce(&self, slot: &str, size: u64) -> Got {
        let body = json!({ "slot": slot, "name": "a.pdf", "size": size });
        self.world.post(&self.applicant, &format!("/dossiers/{}/uploads", self.dossier), body).await
    }

    async fn part(&self, id: &str, number: usize, bytes: &[u8]) -> Got {
        let path = format!("/api/v1/uploads/{id}/parts/{number}");
        self.world.send_with(Some(&self.applicant), Method::Put, &path, Some(bytes.to_vec()), &[]).await
    }

    async fn complete(&self, id: &str) -> Got {
        self.world.post(&self.applicant, &format!("/uploads/{id}/completion"), json!({})).await
    }

    async fn standing(&self, id: &str) -> Value {
        self.world.get(&self.applicant, &format!("/uploads/{id}")).await.ok()
    }

    async fn pieces(&self) -> Vec<Value> {
        let view = self.world.get(&self.applicant, &format!("/dossiers/{}", self.dossier)).await.ok();
        view["pieces"].as_array().unwrap().clone()
    }

    /// Whole, in parts.
    async fn upload(&self, slot: &str, bytes: &[u8]) -> Got {
        let id = self.begin(slot, "été.pdf", bytes).await.ok()["id"].as_str().unwrap().to_owned();
        for (n, part) in bytes.chunks(PART).enumerate() {
            self.part(&id, n + 1, part).await.ok();
        }
        self.complete(&id).await
    }

    /// What the embedded storage keeps of unfinished uploads; an outside one is not looked into.
    fn unfinished(&self) -> usize {
        let Ok(folder) = std::fs::read_dir(self.world.folder.path().join("objects")) else { return 0 };
        folder.filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().starts_with(".upload")).count()
    }

    /// After the time has passed that an upload is waited for, nothing is left.
    async fn end(self) {
        self.world.clock.set(self.world.clock.now().checked_add(jiff::SignedDuration::from_hours(3)).unwrap());
        ami_services::pieces::sweep_objects(&self.world.app.now()).await.unwrap();
        assert_eq!(self.unfinished(), 0);
        self.world.end().await;
    }
}

#[rocket::async_test]
async fn a_file_comes_in_parts_in_any_order_and_becomes_a_piece() {
    assert_eq!(PART_SIZE, PART as u64);
    for database in databases() {
        let scene = Scene::new(database).await;
        let file = pdf(PART + 1000);
        let begun = scene.begin("P02", "été.pdf", &file).await;
        assert_eq!(begun.status, 201);
        let begun = begun.json();
        let expected = json!([{ "number": 1, "url": null }, { "number": 2, "url": null }]);
        assert_eq!((&begun["part_size"], &begun["parts"]), (&json!(PART), &expected));
        let id = begun["id"].as_str().unwrap();
        assert_eq!(scene.standing(id).await, json!({ "state": "receiving", "received": [] }));

        let (first, last) = file.split_at(PART);
        assert_eq!(scene.complete(id).await.problem(), (409, "upload-incomplete".into()));
        // Another part of the same number, and then the right one.
        let other: Vec<u8> = last.iter().map(|b| b ^ 1).collect();
        scene.part(id, 2, &other).await.ok();
        let sent = scene.part(id, 2, last).await.ok();
        assert_eq!(sent, json!({ "number": 2, "size": last.len(), "sha256": sha256_hex(last) }));
        assert_eq!(scene.standing(id).await["received"], json!([2]));
        for (number, bytes, expected) in [
            (0, last, (422, "part-number")),
            (3, last, (422, "part-number")),
            (1, last, (422, "part-size")),
            (2, first, (413, "part-size")),
            (1, &[][..], (422, "file-empty")),
        ] {
            let (status, code) = scene.part(id, number, bytes).await.problem();
            assert_eq!((status, code.as_str()), expected, "{number}");
        }
        scene.part(id, 1, first).await.ok();
        let piece = scene.complete(id).await;
        assert_eq!(piece.status, 200, "{}", piece.text());
        let piece = piece.json();
        assert_eq!((&piece["name"], &piece["sha256"]), (&json!("été.pdf"), &json!(sha256_hex(&file))));
        // Pressed twice it is the same piece, and no part is taken any more.
        assert_eq!(scene.complete(id).await.ok(), piece);
        assert_eq!(scene.standing(id).await, json!({ "state": "accepted", "received": [1, 2] }));
        assert_eq!(scene.part(id, 1, first).await.problem(), (409, "upload-over".into()));
        let stored = scene.world.get(&scene.applicant, &format!("/pieces/{}", piece["id"].as_str().unwrap())).await;
        assert_eq!(stored.bytes, file);

        // Into a full slot for one file: its piece gives way.
        let again = scene.upload("P02", &pdf(2000)).await.ok();
        let pieces = scene.pieces().await;
        assert_eq!((pieces.len(), &pieces[0]["id"]), (1, &again["id"]));
        // Two servers check: a job finds it done.
        scene.world.deliver().await;
        assert_eq!(scene.pieces().await.len(), 1);
        scene.end().await;
    }
}

#[rocket::async_test]
async fn what_is_refused_or_left_alone_leaves_nothing_and_its_room_is_free_again() {
    for database in databases() {
        let mut world = World::new(database).await;
        world.call.dossier_max_bytes = 20 * 1024 * 1024;
        let mut scene = Scene::in_world(world).await;
        // Not what it says, not what was announced, not what a slot takes.
        let refused = scene.upload("P02", &vec![b'x'; 3000]).await;
        assert_eq!(refused.problem(), (415, "file-format".into()));
        let file = pdf(3000);
        let begun = scene.begin("P02", "a.pdf", &file).await.ok();
        let id = begun["id"].as_str().unwrap();
        let mut other = file.clone();
        other[2000] ^= 1;
        scene.part(id, 1, &other).await.ok();
        for _ in 0..2 {
            assert_eq!(scene.complete(id).await.problem(), (422, "upload-differs".into()));
        }
        assert_eq!(scene.standing(id).await, json!({ "state": "refused", "received": [] }));
        assert_eq!(scene.part(id, 1, &file).await.problem(), (422, "upload-differs".into()));

        // Sizes are asked before any byte flows; room that is held is held for all slots.
        let slots: Vec<(String, u64)> =
            scene.world.call.pieces.iter().map(|slot| (slot.code.clone(), slot.max_bytes)).collect();
        let slot = |code: &str| slots.iter().find(|(known, _)| known == code).unwrap().1;
        assert_eq!(scene.announce("P02", slot("P02") + 1).await.problem(), (413, "file-too-large".into()));
        assert_eq!(scene.announce("P02", 0).await.problem(), (422, "file-empty".into()));
        let wrong = scene.announce("X99", 5).await;
        assert_eq!((wrong.status, &wrong.json()["errors"][0]["pointer"]), (422, &json!("/slot")));
        let mut held = 0;
        let mut refused = None;
        for (code, most) in &slots {
            let got = scene.announce(code, *most).await;
            if got.status != 201 {
                refused = Some((code, got.problem()));
                break;
            }
            held += most;
        }
        let (code, problem) = refused.unwrap();
        assert_eq!(problem, (413, "dossier-too-large".into()));
        assert!(held <= scene.world.call.dossier_max_bytes);
        // A file of one request has the room that is left, and no more.
        let path = format!("/api/v1/dossiers/{}/pieces/{code}", scene.dossier);
        let big = pdf(usize::try_from(scene.world.call.dossier_max_bytes - held).unwrap());
        let got = scene.world.send_with(Some(&scene.applicant), Method::Put, &path, Some(big), &[]).await;
        assert_eq!(got.status, 413, "{}", got.text());
        // Whoever begins anew in a slot lets the one before go, and is not asked for its room twice.
        let (first, most) = &slots[0];
        scene.announce(first, *most).await.ok();
        // Two hours after the last part, all of that is free.
        scene.world.set_clock("2027-03-15T10:30:00Z");
        ami_services::pieces::sweep_objects(&scene.world.app.now()).await.unwrap();
        scene.applicant = scene.world.sign_in_again("applicant 1").await;
        scene.announce(code, slot(code)).await.ok();
        scene.end().await;
    }
}

#[rocket::async_test]
async fn an_upload_is_its_members_alone_and_begun_once() {
    for database in databases() {
        let scene = Scene::new(database).await;
        let file = pdf(3000);
        let body = json!({ "slot": "P02", "name": "a.pdf", "size": file.len() }).to_string().into_bytes();
        let path = format!("/api/v1/dossiers/{}/uploads", scene.dossier);
        let mut ids = Vec::new();
        for _ in 0..2 {
            let key = [("Idempotency-Key", "once")];
            let got =
                scene.world.send_with(Some(&scene.applicant), Method::Post, &path, Some(body.clone()), &key).await;
            assert_eq!(got.status, 201);
            ids.push(got.json()["id"].clone());
        }
        assert_eq!(ids[0], ids[1]);
        let id = ids[0].as_str().unwrap();
        let (stranger, _, _) = scene.world.applicant(2).await;
        for (who, expected) in [(Some(&stranger), 404), (None, 401)] {
            for (method, path) in [
                (Method::Post, path.clone()),
                (Method::Put, format!("/api/v1/uploads/{id}/parts/1")),
                (Method::Get, format!("/api/v1/uploads/{id}")),
                (Method::Post, format!("/api/v1/uploads/{id}/completion")),
            ] {
                let body = (method != Method::Get).then(|| body.clone());
                let got = scene.world.send_with(who, method, &path, body, &[]).await;
                assert_eq!(got.status, expected, "{method} {path}");
            }
        }
        scene.part(id, 1, &file).await.ok();
        scene.end().await;
    }
}

/// Another storage, which browsers reach: parts go straight to it, and what it has is what counts.
#[rocket::async_test]
async fn browsers_send_parts_straight_to_an_outside_storage() {
    let outside = tempfile::tempdir().unwrap();
    let server = Embedded::start(EmbeddedSettings {
        directory: outside.path().to_owned(),
        access_key: "GKbrowser".into(),
        secret_key: Secret::new("0123456789abcdef"),
        port: 0,
    })
    .await
    .unwrap();
    let mut settings = server.storage_settings("ami");
    settings.browser_endpoint = Some(settings.endpoint.clone());
    let scene = Scene::in_world(World::with("sqlite", |config| config.storage = Some(settings)).await).await;
    let policy = {
        let home = scene.world.client.get("/").dispatch().await;
        home.headers().get_one("Content-Security-Policy").unwrap().to_owned()
    };
    assert!(policy.contains(&format!("connect-src 'self' {};", server.endpoint())), "{policy}");

    let file = pdf(PART + 1000);
    let begun = scene.begin("P02", "a.pdf", &file).await.ok();
    let id = begun["id"].as_str().unwrap();
    let url = |n: usize| begun["parts"][n - 1]["url"].as_str().unwrap().to_owned();
    let client = reqwest::Client::new();
    let put =
        async |url: String, bytes: &[u8]| client.put(url).body(bytes.to_vec()).send().await.unwrap().status().as_u16();
    let (first, last) = file.split_at(PART);
    assert_eq!(put(url(1), first).await, 200);
    // A part that has not its size is not there, whoever took it.
    assert_eq!(put(url(2), &last[1..]).await, 200);
    assert_eq!(scene.standing(id).await["received"], json!([1]));
    assert_eq!(scene.complete(id).await.problem(), (409, "upload-incomplete".into()));
    assert_eq!(put(url(2).replace("partNumber=2", "partNumber=3"), last).await, 403);
    // Through the server it goes too.
    scene.part(id, 2, last).await.ok();
    assert_eq!(scene.complete(id).await.ok()["sha256"], sha256_hex(&file));
    scene.world.end_as_it_is().await;
    server.stop().await;
}

#[rocket::async_test]
async fn killed_in_the_middle_the_parts_are_there_and_the_upload_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let client = reqwest::Client::new();
    let file = pdf(PART + 1000);
    let (first, last) = file.split_at(PART);
    let token = async |demo: &Demo| {
        let body = json!({ "email": "candidat1@demonstration.example", "password": demo_data::PASSWORD });
        let answer = client.post(demo.url("/session")).json(&body).send().await.unwrap();
        answer.json::<Value>().await.unwrap()["access_token"].as_str().unwrap().to_owned()
    };
    let send = async |demo: &Demo, token: &str, method: reqwest::Method, path: &str, body: Vec<u8>| {
        let request = client.request(method, demo.url(path)).bearer_auth(token).body(body);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap_or_default())
    };
    let demo = Demo::start(&data);
    let session = token(&demo).await;
    let me = send(&demo, &session, reqwest::Method::GET, "/me", vec![]).await.1;
    let body = json!({ "organisation_id": me["organisations"][0]["id"], "lot": "ALI-10" }).to_string();
    let made = send(&demo, &session, reqwest::Method::POST, "/calls/AMI-ALI-2027/dossiers", body.into()).await.1;
    let body = json!({ "slot": "P02", "name": "a.pdf", "size": file.len(), "sha256": sha256_hex(&file) }).to_string();
    let path = format!("/dossiers/{}/uploads", made["id"].as_str().unwrap());
    let (status, begun) = send(&demo, &session, reqwest::Method::POST, &path, body.into()).await;
    assert_eq!(status, 201, "{begun}");
    let upload = format!("/uploads/{}", begun["id"].as_str().unwrap());
    let kept = send(&demo, &session, reqwest::Method::PUT, &format!("{upload}/parts/1"), first.to_vec()).await;
    assert_eq!(kept.0, 200, "{}", kept.1);
    demo.kill();

    let demo = Demo::start(&data);
    let session = token(&demo).await;
    let standing = send(&demo, &session, reqwest::Method::GET, &upload, vec![]).await.1;
    assert_eq!(standing, json!({ "state": "receiving", "received": [1] }));
    let kept = send(&demo, &session, reqwest::Method::PUT, &format!("{upload}/parts/2"), last.to_vec()).await;
    assert_eq!(kept.0, 200, "{}", kept.1);
    let piece = send(&demo, &session, reqwest::Method::POST, &format!("{upload}/completion"), vec![]).await;
    assert_eq!((piece.0, &piece.1["sha256"]), (200, &json!(sha256_hex(&file))));
}
