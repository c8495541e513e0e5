//! What the program stands on goes away under it: the database, the storage, the room on the disk. What was acknowledged stays,
//! what cannot be done is said with `503` and when to try again, and all is well by itself once the cause is gone.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
#[path = "common/demo.rs"]
#[expect(dead_code, reason = "each test binary uses its own part of this module")]
mod demo;

use std::io::Write as _;

use ami::demo_data;
use ami_storage::{Embedded, EmbeddedSettings, Secret};
use common::line::{End, Line};
use common::{Got, Person, World};
use demo::Demo;
use reqwest::StatusCode;
use rocket::http::Method;
use serde_json::{Value, json};

/// A refusal that says when to try again.
fn assert_later(got: &Got, code: &str) {
    assert_eq!(got.problem(), (503, code.to_owned()), "{}", got.text());
    assert!(got.retry_after.is_some(), "{code} says when to try again");
}

async fn is_ready(world: &World) -> bool {
    assert_eq!(world.send(None, Method::Get, "/healthz", None).await.status, 200, "it is alive all the while");
    world.send(None, Method::Get, "/readyz", None).await.status == 200
}

async fn answer(world: &World, person: &Person, dossier: &str) -> Value {
    world.get(person, &format!("/dossiers/{dossier}")).await.ok()["answers"]["4.01"].clone()
}

/// The address of the database of `url`, by a line, and the line.
async fn by_line(url: &str) -> (String, Line) {
    let (address, options) = url.split_once('?').unwrap_or((url, ""));
    let (server, name) = address.rsplit_once('/').unwrap();
    let (user, host) = server.rsplit_once('@').unwrap_or((server, "localhost"));
    let end = match options.split('&').find_map(|option| option.strip_prefix("host=")) {
        Some(folder) => End::Unix(format!("{folder}/.s.PGSQL.5432")),
        None => End::Tcp(host.to_owned()),
    };
    let line = Line::to(end).await;
    (format!("{user}@127.0.0.1:{}/{name}?sslmode=disable", line.port), line)
}

#[rocket::async_test]
async fn a_lost_database_loses_nothing_and_is_found_again() {
    if !common::databases().contains(&"postgres") {
        return;
    }
    let (url, line) = by_line(&common::fresh_postgres().await).await;
    let world = World::with("sqlite", |config| config.database_url = Secret::new(url)).await;
    world.set_clock("2027-03-15T10:55:00Z");
    world.published().await;
    let (applicant, organisation, data) = world.applicant(1).await;
    let dossier = world.complete_draft(&applicant, &organisation, &data, "ALI-01").await;
    let answers = format!("/dossiers/{dossier}/answers");
    let any = Some("*");
    world.patch(&applicant, &answers, any, json!({ "4.01": "gardé" })).await.ok();

    line.cut().await;
    assert!(!is_ready(&world).await);
    assert_later(&world.get(&applicant, &format!("/dossiers/{dossier}")).await, "away");
    assert_later(&world.patch(&applicant, &answers, any, json!({ "4.01": "perdu" })).await, "away");
    let email = json!({ "email": "x@demonstration.example", "password": common::PASSWORD });
    assert_later(&world.send(None, Method::Post, "/api/v1/session", Some(email)).await, "away");
    assert_eq!(world.send(Some(&applicant), Method::Get, &format!("/dossiers/{dossier}"), None).await.status, 503);
    // Pressed before closing, and again with its ticket after it.
    let pressed = world.post(&applicant, &format!("/dossiers/{dossier}/deposit"), json!({})).await;
    assert_eq!(pressed.status, 503, "{}", pressed.text());

    line.mend();
    assert!(is_ready(&world).await);
    assert_eq!(answer(&world, &applicant, &dossier).await, "gardé");
    world.patch(&applicant, &answers, any, json!({ "4.01": "repris" })).await.ok();
    assert_eq!(answer(&world, &applicant, &dossier).await, "repris");

    // Many at once, on connections that all broke while they lay: an answer each, and what is there was acknowledged.
    line.cut().await;
    line.mend();
    let texts: Vec<String> = (0..16).map(|n| format!("n° {n}")).collect();
    let saves = texts.iter().map(|text| world.patch(&applicant, &answers, any, json!({ "4.01": text })));
    let together = futures_util::future::join_all(saves).await;
    assert!(
        together.iter().all(|got| matches!(got.status, 200 | 503)),
        "{:?}",
        together.iter().map(|g| g.status).collect::<Vec<_>>()
    );
    let kept = answer(&world, &applicant, &dossier).await;
    let acknowledged: Vec<&String> =
        texts.iter().zip(&together).filter(|(_, got)| got.status == 200).map(|(text, _)| text).collect();
    assert!(acknowledged.is_empty() && kept == "repris" || acknowledged.iter().any(|text| kept == **text), "{kept}");
    world.post(&applicant, &format!("/dossiers/{dossier}/deposit"), json!({})).await.ok();
    world.end().await;
}

#[rocket::async_test]
async fn a_lost_storage_loses_nothing_and_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = Embedded::start(EmbeddedSettings {
        directory: folder.path().to_owned(),
        access_key: "AMI".to_owned(),
        secret_key: Secret::new("a secret for tests"),
        port: 0,
    })
    .await
    .unwrap();
    let line = Line::to(End::Tcp(server.endpoint().trim_start_matches("http://").to_owned())).await;
    let mut outside = server.storage_settings("pieces");
    outside.endpoint = format!("http://127.0.0.1:{}", line.port);
    let world = World::with("sqlite", |config| config.storage = Some(outside)).await;
    world.set_clock("2027-03-15T10:55:00Z");
    world.published().await;
    let (applicant, organisation, data) = world.applicant(1).await;
    let dossier = world.complete_draft(&applicant, &organisation, &data, "ALI-01").await;
    let view = world.get(&applicant, &format!("/dossiers/{dossier}")).await.ok();
    let (piece, slot) = (view["pieces"][0].clone(), view["pieces"][0]["slot"].as_str().unwrap().to_owned());
    let content = format!("/pieces/{}", piece["id"].as_str().unwrap());
    let path = format!("/api/v1/dossiers/{dossier}/pieces/{slot}");
    let pdf = demo_data::plain_pdf(&slot, "une autre");
    let put = || world.send_with(Some(&applicant), Method::Put, &path, Some(pdf.clone()), &[]);

    line.cut().await;
    assert!(!is_ready(&world).await);
    assert_eq!(put().await.status, 503);
    assert_eq!(world.get(&applicant, &content).await.status, 503);
    // What needs no file goes on.
    let saved =
        world.patch(&applicant, &format!("/dossiers/{dossier}/answers"), Some("*"), json!({ "4.01": "gardé" })).await;
    assert_eq!(saved.status, 200);

    line.mend();
    assert!(is_ready(&world).await);
    assert_eq!(
        world.get(&applicant, &content).await.bytes,
        demo_data::plain_pdf(&slot, &data.name),
        "the file is there"
    );
    put().await.ok();
    world.post(&applicant, &format!("/dossiers/{dossier}/deposit"), json!({})).await.ok();
}

/// The demonstration on a disk of its own, which is small; and how to fill it.
struct Small {
    demo: Demo,
    /// The disk as its process sees it.
    disk: std::path::PathBuf,
}

impl Small {
    fn start(folder: &std::path::Path) -> Self {
        let data = folder.join("disk");
        std::fs::create_dir(&data).unwrap();
        let mount = "mount -t tmpfs -o size=64m tmpfs \"$0\" && exec \"$@\"";
        let demo = Demo::start_in(
            &data,
            &["unshare", "--map-root-user", "--mount", "sh", "-c", mount, data.to_str().unwrap()],
        );
        let disk = demo.root().join(data.strip_prefix("/").unwrap());
        Self { demo, disk }
    }

    fn fill(&self) {
        let mut file = std::fs::File::create(self.disk.join("filler")).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
    }

    fn make_room(&self) {
        std::fs::remove_file(self.disk.join("filler")).unwrap();
    }
}

#[rocket::async_test]
async fn a_full_disk_loses_nothing_and_is_well_again_once_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let small = Small::start(folder.path());
    let client = reqwest::Client::new();
    let body = json!({ "email": "candidat1@demonstration.example", "password": demo_data::PASSWORD });
    let signed: Value = client.post(small.demo.url("/session")).json(&body).send().await.unwrap().json().await.unwrap();
    let token = signed["access_token"].as_str().unwrap().to_owned();
    let me: Value = client.get(small.demo.url("/me")).bearer_auth(&token).send().await.unwrap().json().await.unwrap();
    let body = json!({ "organisation_id": me["organisations"][0]["id"], "lot": "ALI-10" });
    let made = client.post(small.demo.url("/calls/AMI-ALI-2027/dossiers")).bearer_auth(&token).json(&body).send();
    let made: Value = made.await.unwrap().json().await.unwrap();
    let dossier = format!("/dossiers/{}", made["id"].as_str().unwrap());
    let ready = async || {
        let url = small.demo.url("").replace("/api/v1", "/readyz");
        client.get(url).send().await.unwrap().status() == StatusCode::OK
    };
    let save = async |text: String| {
        let request = client.patch(small.demo.url(&format!("{dossier}/answers"))).bearer_auth(&token);
        request.header("If-Match", "*").json(&json!({ "4.01": text })).send().await.unwrap()
    };
    let read = async || {
        let got = client.get(small.demo.url(&dossier)).bearer_auth(&token).send().await.unwrap();
        assert_eq!(got.status(), StatusCode::OK, "reading goes on");
        got.json::<Value>().await.unwrap()["answers"]["4.01"].as_str().unwrap_or_default().to_owned()
    };

    let mut last = String::new();
    // Twice: what it does to stay well must not be spent by the first time.
    for time in 1..=2 {
        small.fill();
        let mut refused = 0;
        // What the file of the write-ahead log has room for is still taken.
        for n in 0..400 {
            let text = format!("{time}/{n} {}", "é".repeat(1000));
            let got = save(text.clone()).await;
            match got.status() {
                StatusCode::OK => last = text,
                StatusCode::SERVICE_UNAVAILABLE => {
                    assert!(got.headers().contains_key("Retry-After"));
                    refused += 1;
                    if refused == 3 {
                        break;
                    }
                }
                other => panic!("{other}: {}", got.text().await.unwrap()),
            }
        }
        assert_eq!(refused, 3, "the disk is full");
        // The log may still have room for a line as short as the one that this question writes.
        let mut short = 0;
        while ready().await {
            short += 1;
            assert!(short < 400, "it says that it cannot write");
        }
        assert_eq!(read().await, last, "what was acknowledged is there");

        small.make_room();
        assert!(ready().await);
        assert_eq!(read().await, last);
        last = format!("de la place, {time}");
        assert_eq!(save(last.clone()).await.status(), StatusCode::OK, "by itself, at once");
        assert_eq!(read().await, last);
    }
}

#[rocket::async_test]
async fn over_https_browsers_keep_to_it_and_to_this_host() {
    let world = World::with("sqlite", |config| config.public_url = "https://ami.demonstration.example".into()).await;
    world.person("Ada", false).await;
    let request = world.client.post("/connexion");
    let request = request
        .header(rocket::http::ContentType::Form)
        .header(rocket::http::Header::new("Host", "ami.demonstration.example"));
    let request = request.header(rocket::http::Header::new("Origin", "https://ami.demonstration.example"));
    let answer = request
        .body(format!("email=ada%40demonstration.example&password={}", common::PASSWORD.replace(' ', "+")))
        .dispatch()
        .await;
    assert_eq!(answer.status().code, 303);
    let headers = answer.headers();
    assert_eq!(headers.get_one("Strict-Transport-Security"), Some("max-age=31536000"));
    let cookies: Vec<&str> = headers.get("Set-Cookie").collect();
    assert!(cookies.len() >= 2, "{cookies:?}");
    for cookie in cookies {
        assert!(cookie.starts_with("__Host-ami_"), "{cookie}");
        for part in ["; Secure", "; HttpOnly", "; Path=/", "; SameSite=Lax"] {
            assert!(cookie.contains(part), "{cookie} lacks {part}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
    }
    drop(answer);
    // The same host by http is another origin.
    let request = world.client.post("/connexion").header(rocket::http::ContentType::Form);
    let request = request.header(rocket::http::Header::new("Host", "ami.demonstration.example"));
    let request = request.header(rocket::http::Header::new("Origin", "http://ami.demonstration.example"));
    assert_eq!(request.body("email=a&password=b").dispatch().await.status().code, 403);
    world.end().await;
}
