//! The real program, killed in the middle of its work: what was acknowledged is there, nothing is half there, and the same
//! request again succeeds.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/demo.rs"]
#[expect(dead_code, reason = "each test binary uses its own part of this module")]
mod demo;

use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use ami::demo_data;
use demo::Demo;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

async fn token(demo: &Demo, client: &Client) -> String {
    let body = json!({ "email": "candidat1@demonstration.example", "password": demo_data::PASSWORD });
    let answer = client.post(demo.url("/session")).json(&body).send().await.unwrap();
    answer.json::<Value>().await.unwrap()["access_token"].as_str().unwrap().to_owned()
}

async fn send(
    demo: &Demo,
    client: &Client,
    token: &str,
    method: Method,
    path: &str,
    body: Vec<u8>,
) -> Option<(StatusCode, Value)> {
    let request = client.request(method, demo.url(path)).bearer_auth(token).header("If-Match", "*").body(body);
    let answer = request.send().await.ok()?;
    let status = answer.status();
    Some((status, answer.json().await.unwrap_or(Value::Null)))
}

#[rocket::async_test]
async fn killed_in_the_middle_of_an_upload_a_save_and_a_deposit() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let client = Client::new();

    let demo = Demo::start(&data);
    assert_eq!(demo.ready()["calls"]["open"], "AMI-ALI-2027");
    let mut session = token(&demo, &client).await;
    let me = send(&demo, &client, &session, Method::GET, "/me", vec![]).await.unwrap().1;
    let call: ami_domain::call::CallDefinition = demo_data::fixture().unwrap();
    let applicant = demo_data::Accounts::all().applicants[0].clone();
    let body = json!({ "organisation_id": me["organisations"][0]["id"], "lot": "ALI-10" });
    let made =
        send(&demo, &client, &session, Method::POST, "/calls/AMI-ALI-2027/dossiers", body.to_string().into_bytes())
            .await
            .unwrap();
    assert_eq!(made.0, StatusCode::CREATED, "{}", made.1);
    let dossier = format!("/dossiers/{}", made.1["id"].as_str().unwrap());
    let answers = Value::Object(demo_data::answers(&call, &applicant, "ALI-10").unwrap()).to_string().into_bytes();

    // Killed while an upload, of which half was sent, is under way.
    let (sender, body) = slow_body();
    let upload = client.put(demo.url(&format!("{dossier}/pieces/P12"))).bearer_auth(&session).body(body).send();
    let upload = tokio::spawn(upload);
    sender.send(Ok(vec![b'%'; 512 * 1024])).await.unwrap();
    while uploads(&data) == 0 {
        tokio::task::yield_now().await;
    }
    demo.kill();
    drop(sender);
    assert!(upload.await.unwrap().is_err());

    // Nothing half there; the same thing whole succeeds. Killed while a save is under way, whether it was acknowledged or not.
    let demo = Demo::start(&data);
    assert_eq!(uploads(&data), 0);
    session = token(&demo, &client).await;
    let view = send(&demo, &client, &session, Method::GET, &dossier, vec![]).await.unwrap().1;
    assert_eq!(view["pieces"], json!([]));
    let pdf = demo_data::plain_pdf("P12", "x");
    let kept = send(&demo, &client, &session, Method::PUT, &format!("{dossier}/pieces/P12"), pdf).await.unwrap();
    assert_eq!(kept.0, StatusCode::OK);
    let saving = {
        let (client, url, token, body) =
            (client.clone(), demo.url(&format!("{dossier}/answers")), session.clone(), answers.clone());
        tokio::spawn(
            async move { client.patch(url).bearer_auth(token).header("If-Match", "*").body(body).send().await },
        )
    };
    tokio::task::yield_now().await;
    demo.kill();
    let acknowledged = saving.await.unwrap().is_ok_and(|a| a.status() == StatusCode::OK);

    let demo = Demo::start(&data);
    session = token(&demo, &client).await;
    let view = send(&demo, &client, &session, Method::GET, &dossier, vec![]).await.unwrap().1;
    let saved = view["answers"].get("4.04").is_some();
    assert_eq!(saved, view["answers"].get("8.02").is_some(), "all of a save, or none");
    assert!(saved || !acknowledged, "what was acknowledged is there");
    assert_eq!(view["pieces"].as_array().unwrap().len(), 1);
    let again = send(&demo, &client, &session, Method::PATCH, &format!("{dossier}/answers"), answers).await.unwrap();
    assert_eq!(again.0, StatusCode::OK, "{}", again.1);
    for gap in view["missing"].as_array().unwrap().iter().filter(|g| g["kind"] == "piece") {
        upload_piece(&demo, &client, &session, &dossier, gap["code"].as_str().unwrap()).await;
    }
    let view = send(&demo, &client, &session, Method::GET, &dossier, vec![]).await.unwrap().1;
    for gap in view["missing"].as_array().unwrap() {
        upload_piece(&demo, &client, &session, &dossier, gap["code"].as_str().unwrap()).await;
    }

    // Killed while a deposit is under way.
    let depositing = {
        let request = client.post(demo.url(&format!("{dossier}/deposit"))).bearer_auth(&session);
        tokio::spawn(request.send())
    };
    tokio::task::yield_now().await;
    demo.kill();
    let acknowledged = depositing.await.unwrap().is_ok_and(|a| a.status() == StatusCode::OK);

    let demo = Demo::start(&data);
    session = token(&demo, &client).await;
    let view = send(&demo, &client, &session, Method::GET, &dossier, vec![]).await.unwrap().1;
    let deposited = view["state"] == "deposited";
    assert_eq!(deposited, view["deposits"].as_array().unwrap().len() == 1, "the deposit and its state go together");
    assert!(deposited || !acknowledged, "an acknowledged deposit is never lost");
    if !deposited {
        let again = send(&demo, &client, &session, Method::POST, &format!("{dossier}/deposit"), vec![]).await.unwrap();
        assert_eq!(again.0, StatusCode::OK, "{}", again.1);
    }
    let receipt = send(&demo, &client, &session, Method::GET, &format!("{dossier}/receipt"), vec![]).await.unwrap();
    assert_eq!((receipt.0, &receipt.1["version"]), (StatusCode::OK, &json!(1)));
}

#[rocket::async_test]
async fn asked_to_stop_it_finishes_what_is_under_way() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let client = Client::new();
    let demo = Demo::start(&data);
    let session = token(&demo, &client).await;
    let me = send(&demo, &client, &session, Method::GET, "/me", vec![]).await.unwrap().1;
    let body = json!({ "organisation_id": me["organisations"][0]["id"], "lot": "ALI-10" }).to_string().into_bytes();
    let made = send(&demo, &client, &session, Method::POST, "/calls/AMI-ALI-2027/dossiers", body).await.unwrap();
    let piece = format!("/dossiers/{}/pieces/P12", made.1["id"].as_str().unwrap());

    let (sender, body) = slow_body();
    let upload = tokio::spawn(client.put(demo.url(&piece)).bearer_auth(&session).body(body).send());
    let pdf = demo_data::plain_pdf("P12", "x");
    let (first, rest) = pdf.split_at(100);
    sender.send(Ok(first.to_vec())).await.unwrap();
    while uploads(&data) == 0 {
        tokio::task::yield_now().await;
    }
    // Asked while connections keep arriving, it takes no new one once it has understood; what is under way goes on.
    let address = demo.ready()["url"].as_str().unwrap().trim_start_matches("http://").to_owned();
    let (asked, arriving) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                while std::net::TcpStream::connect(&address).is_ok() {
                    arriving.fetch_add(1, Ordering::Relaxed);
                }
                assert!(asked.load(Ordering::Relaxed), "it takes connections until then");
            });
        }
        while arriving.load(Ordering::Relaxed) < 100 {
            std::thread::yield_now();
        }
        asked.store(true, Ordering::Relaxed);
        demo.ask_to_stop();
    });
    sender.send(Ok(rest.to_vec())).await.unwrap();
    drop(sender);
    assert_eq!(upload.await.unwrap().unwrap().status(), StatusCode::OK);
    assert_eq!(demo.stopped(), Some(0));
}

/// What the program has acknowledged of one dossier, and what it was last asked.
#[derive(Default)]
struct Acknowledged {
    /// Saves, uploads and deposits.
    acts: [AtomicUsize; 3],
    /// The last answer that was acknowledged, and the last that was sent.
    saved: Mutex<(String, String)>,
    /// The same of the file in a slot: its size.
    stored: Mutex<(u64, u64)>,
    /// The newest version that was filed.
    filed: AtomicU64,
}

/// A program, a session, and a dossier.
struct Subject<'a> {
    demo: &'a Demo,
    client: &'a Client,
    token: String,
    dossier: &'a str,
}

impl Subject<'_> {
    async fn send(&self, method: Method, path: &str, body: Vec<u8>) -> Option<(StatusCode, Value)> {
        send(self.demo, self.client, &self.token, method, &format!("{}{path}", self.dossier), body).await
    }

    /// Saves until the program is gone.
    async fn save(&self, round: usize, known: &Acknowledged) {
        for n in 0.. {
            let text = format!("{round}/{n}");
            known.saved.lock().unwrap().1.clone_from(&text);
            let body = json!({ "4.01": text }).to_string().into_bytes();
            let Some((status, _)) = self.send(Method::PATCH, "/answers", body).await else { return };
            if status == StatusCode::OK {
                known.saved.lock().unwrap().0 = text;
                known.acts[0].fetch_add(1, Ordering::SeqCst);
            }
        }
    }

    /// Replaces the file of a slot until the program is gone.
    async fn upload(&self, round: usize, known: &Acknowledged) {
        for n in 0.. {
            let pdf = demo_data::plain_pdf("P02", &"x".repeat(1 + (round * 31 + n) % 997));
            let size = u64::try_from(pdf.len()).unwrap();
            known.stored.lock().unwrap().1 = size;
            let Some((status, _)) = self.send(Method::PUT, "/pieces/P02", pdf).await else { return };
            if status == StatusCode::OK {
                known.stored.lock().unwrap().0 = size;
                known.acts[1].fetch_add(1, Ordering::SeqCst);
            }
        }
    }

    /// Files, and begins to change, until the program is gone.
    async fn file(&self, known: &Acknowledged) {
        loop {
            let Some((status, receipt)) = self.send(Method::POST, "/deposit", vec![]).await else { return };
            if status == StatusCode::OK {
                known.filed.fetch_max(receipt["version"].as_u64().unwrap(), Ordering::SeqCst);
                known.acts[2].fetch_add(1, Ordering::SeqCst);
            }
            if self.send(Method::DELETE, "/deposit", vec![]).await.is_none() {
                return;
            }
        }
    }

    /// What was acknowledged is there; of what was not, all or nothing.
    async fn check(&self, known: &Acknowledged) {
        let view = self.send(Method::GET, "", vec![]).await.unwrap().1;
        let mut saved = known.saved.lock().unwrap();
        let found = view["answers"]["4.01"].as_str().unwrap();
        assert!(found == saved.0 || found == saved.1, "{found}, and neither {} nor {}", saved.0, saved.1);
        found.clone_into(&mut saved.0);
        let mut stored = known.stored.lock().unwrap();
        let pieces: Vec<&Value> = view["pieces"].as_array().unwrap().iter().filter(|p| p["slot"] == "P02").collect();
        assert_eq!(pieces.len(), 1, "one file in its slot");
        let found = pieces[0]["size"].as_u64().unwrap();
        assert!(found == stored.0 || found == stored.1, "{found}, and neither {} nor {}", stored.0, stored.1);
        stored.0 = found;
        let newest = view["deposits"].as_array().unwrap().iter().map(|d| d["version"].as_u64().unwrap()).max();
        let newest = newest.unwrap_or(0);
        assert!(newest >= known.filed.load(Ordering::SeqCst), "a receipt was given for more than version {newest}");
    }
}

/// `AMI_TEST_KILLS` says how often; `cargo xtask accept` asks for 200.
#[rocket::async_test]
async fn killed_again_and_again_it_keeps_all_that_it_acknowledged() {
    let times: usize = std::env::var("AMI_TEST_KILLS").map_or(4, |times| times.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let client = Client::new();
    let demo = Demo::start(&data);
    let session = token(&demo, &client).await;
    let me = send(&demo, &client, &session, Method::GET, "/me", vec![]).await.unwrap().1;
    let body = json!({ "organisation_id": me["organisations"][0]["id"], "lot": "ALI-10" }).to_string().into_bytes();
    let made = send(&demo, &client, &session, Method::POST, "/calls/AMI-ALI-2027/dossiers", body).await.unwrap();
    let dossier = format!("/dossiers/{}", made.1["id"].as_str().unwrap());
    let applicant = demo_data::Accounts::all().applicants[0].clone();
    let answers = demo_data::answers(&demo_data::fixture().unwrap(), &applicant, "ALI-10").unwrap();
    let body = Value::Object(answers).to_string().into_bytes();
    send(&demo, &client, &session, Method::PATCH, &format!("{dossier}/answers"), body).await.unwrap();
    let view = send(&demo, &client, &session, Method::GET, &dossier, vec![]).await.unwrap().1;
    for gap in view["missing"].as_array().unwrap() {
        upload_piece(&demo, &client, &session, &dossier, gap["code"].as_str().unwrap()).await;
    }
    upload_piece(&demo, &client, &session, &dossier, "P02").await;
    let view = send(&demo, &client, &session, Method::GET, &dossier, vec![]).await.unwrap().1;
    let known = Acknowledged::default();
    known.saved.lock().unwrap().0 = view["answers"]["4.01"].as_str().unwrap().to_owned();
    let piece = view["pieces"].as_array().unwrap().iter().find(|p| p["slot"] == "P02").unwrap();
    known.stored.lock().unwrap().0 = piece["size"].as_u64().unwrap();
    demo.kill();

    for round in 0..times {
        let demo = Demo::start(&data);
        let subject = Subject { demo: &demo, client: &client, token: token(&demo, &client).await, dossier: &dossier };
        subject.check(&known).await;
        let process = demo.id();
        // Each kind of act is under way then, after another number of them each time.
        let done = || known.acts.each_ref().map(|acts| acts.load(Ordering::SeqCst));
        let (before, more) = (done(), 3 + round % 7);
        let killed = async {
            while done().iter().zip(before).any(|(now, then)| *now == then)
                || done().iter().sum::<usize>() < before.iter().sum::<usize>() + more
            {
                tokio::task::yield_now().await;
            }
            let killed = Command::new("kill").args(["-KILL", &process.to_string()]).status().unwrap();
            assert!(killed.success());
        };
        tokio::join!(killed, subject.save(round, &known), subject.upload(round, &known), subject.file(&known));
    }
    let demo = Demo::start(&data);
    let subject = Subject { demo: &demo, client: &client, token: token(&demo, &client).await, dossier: &dossier };
    subject.check(&known).await;
    let view = subject.send(Method::GET, "", vec![]).await.unwrap().1;
    if view["editing"] == true || view["state"] == "draft" {
        assert_eq!(subject.send(Method::POST, "/deposit", vec![]).await.unwrap().0, StatusCode::OK);
    }
    demo.kill();
    let checked = Command::new(env!("CARGO_BIN_EXE_ami")).arg("check").env("AMI_DATA", &data).output().unwrap();
    assert!(
        checked.status.success(),
        "{}{}",
        String::from_utf8_lossy(&checked.stdout),
        String::from_utf8_lossy(&checked.stderr)
    );
}

/// Uploads that are on their way in, or were when the process died.
fn uploads(data: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(data.join("spool")).unwrap();
    entries.filter(|e| e.as_ref().unwrap().path().extension().is_some_and(|x| x == "upload")).count()
}

async fn upload_piece(demo: &Demo, client: &Client, token: &str, dossier: &str, slot: &str) {
    let bytes =
        if slot == "P08" { ami_documents::decisions_xlsx(&[]).unwrap() } else { demo_data::plain_pdf(slot, "x") };
    let put = send(demo, client, token, Method::PUT, &format!("{dossier}/pieces/{slot}"), bytes).await.unwrap();
    assert_eq!(put.0, StatusCode::OK, "{slot}: {}", put.1);
}

type Part = Result<Vec<u8>, std::io::Error>;

/// A body that is sent part by part, when the test says so.
fn slow_body() -> (tokio::sync::mpsc::Sender<Part>, reqwest::Body) {
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let stream = futures_util::stream::unfold(receiver, |mut receiver: tokio::sync::mpsc::Receiver<Part>| async move {
        receiver.recv().await.map(|part| (part, receiver))
    });
    (sender, reqwest::Body::wrap_stream(stream))
}
