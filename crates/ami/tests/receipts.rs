//! Receipts that anyone can verify: by their number, by their file, with the program itself, and those from before there were
//! numbers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
#[expect(dead_code, reason = "this binary kills none and reads no more than addresses")]
#[path = "common/demo.rs"]
mod demo;

use std::path::Path;
use std::process::Command;

use ami::demo_data;
use ami_database::ConnectionTrait as _;
use ami_domain::deposit::sha256_hex;
use ami_domain::receipt::Seal;
use ami_services::verification::{read_key_set, seal_holds};
use common::{Got, Person, World, databases, pdf_text};
use demo::Demo;
use rocket::http::Method;
use serde_json::{Value, json};

/// An open call, and a dossier that was filed in it.
struct Scene {
    world: World,
    applicant: Person,
    dossier: String,
}

impl Scene {
    async fn new(database: &str) -> Self {
        let world = World::new(database).await;
        world.set_clock("2027-03-15T10:50:00Z");
        world.published().await;
        let (applicant, organisation, data) = world.applicant(1).await;
        let dossier = world.complete_draft(&applicant, &organisation, &data, "ALI-07").await;
        Self { world, applicant, dossier }
    }

    async fn deposit(&self) -> Value {
        self.world.post(&self.applicant, &format!("/dossiers/{}/deposit", self.dossier), json!({})).await.ok()
    }

    async fn pdf(&self) -> Vec<u8> {
        let got = self.world.get(&self.applicant, &format!("/dossiers/{}/receipt.pdf", self.dossier)).await;
        assert_eq!(got.status, 200, "{}", got.text());
        got.bytes
    }

    /// What anyone is told.
    async fn verify(&self, name: &str) -> Got {
        self.world.send(None, Method::Get, &format!("/api/v1/receipts/{name}/verify"), None).await
    }

    async fn page(&self, path: &str) -> (u16, String) {
        let got = self.world.send(None, Method::Get, path, None).await;
        (got.status, got.text())
    }

    async fn keys(&self) -> String {
        self.world.send(None, Method::Get, "/.well-known/jwks.json", None).await.text()
    }

    async fn sql(&self, statement: &str) {
        self.world.app.database.read().execute_unprepared(statement).await.unwrap();
    }
}

#[rocket::async_test]
async fn anyone_verifies_a_receipt_by_its_number_or_its_file_and_learns_nothing_else() {
    for database in databases() {
        let scene = Scene::new(database).await;
        let receipt = scene.deposit().await;
        let shown = receipt["receipt_number"].as_str().unwrap();
        let number = shown.replace('-', "");
        assert_eq!((number.len(), receipt["number"].as_str()), (32, Some("ALI27-0001")));
        assert_eq!(receipt["verify_url"], format!("http://localhost/accuses/{number}"));

        // The number alone has the file drawn, and its bytes are those that the applicant gets.
        let verified = scene.verify(&number).await.ok();
        let pdf = scene.pdf().await;
        let expected = json!({ "genuine": true, "deposited_at": "2027-03-15T10:50:00Z", "sha256": sha256_hex(&pdf) });
        assert_eq!(verified, expected);
        for name in [shown.to_uppercase(), sha256_hex(&pdf)] {
            assert_eq!(scene.verify(&name).await.ok(), expected, "{name}");
        }
        for unknown in ["ALI27-0001", &"0".repeat(32), &"0".repeat(64), &scene.dossier, "x"] {
            assert_eq!(scene.verify(unknown).await.problem(), (404, "receipt-unknown".into()), "{unknown}");
        }
        let said = pdf_text(&pdf);
        assert!(said.contains(shown) && said.contains(&format!("http://localhost/accuses/{number}")), "{said}");
        let mail = scene.world.deliver().await.into_iter().find(|m| m.subject.contains("ALI27-0001")).unwrap();
        assert!(mail.body.contains(&format!("http://localhost/accuses/{number}")), "{}", mail.body);

        let (status, page) = scene.page(&format!("/accuses/{number}")).await;
        assert!(status == 200 && page.contains("Authentique") && page.contains(&sha256_hex(&pdf)), "{page}");
        let typed = scene.page(&format!("/accuses?numero={}", shown.to_uppercase())).await;
        assert!(typed.0 == 200 && typed.1.contains("Authentique"), "{}", typed.1);
        for (path, expected) in [("/accuses", 200), ("/accuses?numero=ALI27-0001", 404), ("/accuses/x", 404)] {
            let (status, page) = scene.page(path).await;
            assert!(status == expected && page.contains("name=\"numero\"") && !page.contains("Authentique"), "{page}");
        }

        // Another deposit has another number, and the first receipt stays genuine.
        let change = format!("/api/v1/dossiers/{}/deposit", scene.dossier);
        assert_eq!(scene.world.send(Some(&scene.applicant), Method::Delete, &change, None).await.status, 204);
        let again = scene.deposit().await;
        assert_ne!(again["receipt_number"], receipt["receipt_number"]);
        assert_eq!(scene.verify(&number).await.ok(), expected);

        // Somebody with the database in their hands is found out.
        let other = if database == "postgres" { "'\\x00'" } else { "x'00'" };
        scene.sql(&format!("UPDATE documents SET bytes = {other} WHERE bytes IS NOT NULL")).await;
        let forged = scene.verify(&number).await.ok();
        assert_eq!((&forged["genuine"], &forged["sha256"]), (&json!(false), &expected["sha256"]));
        scene.sql("DELETE FROM mail_attachments").await;
        scene.world.end().await;
    }
}

/// How `ami receipt verify` ends, and what it says.
fn run(file: &Path, by: &[&str]) -> (i32, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_ami")).args(["receipt", "verify"]).arg(file).args(by).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(said).unwrap())
}

#[rocket::async_test]
async fn a_sealed_file_is_verified_offline_to_the_byte() {
    let scene = Scene::new("sqlite").await;
    let receipt = scene.deposit().await;
    let (pdf, keys) = (scene.pdf().await, scene.keys().await);
    let seal = Seal::read(&pdf).unwrap();
    assert_eq!(seal.number.to_string(), receipt["receipt_number"].as_str().unwrap());
    assert!(seal_holds(&seal) && read_key_set(&keys).unwrap() == [seal.key]);

    let folder = tempfile::tempdir().unwrap();
    let written = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let jwks = written("jwks.json", keys.as_bytes());
    let by = ["--jwks", jwks.to_str().unwrap()];
    let whole = written("accuse.pdf", &pdf);
    let (code, said) = run(&whole, &by);
    assert!(code == 0 && said.starts_with("authentique"), "{said}");
    // Whichever byte is another one, the file is another one.
    for at in (0..pdf.len()).step_by(pdf.len() / 60).chain(pdf.len() - 210..pdf.len()) {
        let mut forged = pdf.clone();
        forged[at] ^= 1;
        let held = Seal::read(&forged).is_some_and(|other| seal_holds(&other) && other.key == seal.key);
        assert!(!held, "byte {at}");
    }
    let mut forged = pdf.clone();
    forged[1000] ^= 1;
    let other = Scene::new("sqlite").await;
    let others = written("others.json", other.keys().await.as_bytes());
    let longer = [&pdf[..], b"\n"].concat();
    for (name, bytes, by, expected) in [
        ("forged.pdf", &forged[..], &by, "différent"),
        ("other.pdf", &pdf, &["--jwks", others.to_str().unwrap()], "clé inconnue"),
        ("plain.pdf", b"%PDF-1.7\n%%EOF\n", &by, "sans signature"),
        ("longer.pdf", &longer, &by, "sans signature"),
    ] {
        let (code, said) = run(&written(name, bytes), by);
        assert!(code == 1 && said.starts_with(expected), "{name}: {code} {said}");
    }
    for (file, by) in [(&whole, &[][..]), (&whole, &["--jwks", "rien.json"]), (&folder.path().join("rien.pdf"), &by)] {
        assert_eq!(run(file, by).0, 2, "{by:?}");
    }
    other.world.end().await;
    scene.world.end().await;
}

#[rocket::async_test]
async fn the_service_is_asked_for_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(&folder.path().join("data"));
    let client = reqwest::Client::new();
    let body = json!({ "email": "candidat1@demonstration.example", "password": demo_data::PASSWORD });
    let tokens: Value = client.post(demo.url("/session")).json(&body).send().await.unwrap().json().await.unwrap();
    let token = tokens["access_token"].as_str().unwrap();
    let get = async |path: &str| client.get(demo.url(path)).bearer_auth(token).send().await.unwrap();
    let mine: Value = get("/dossiers").await.json().await.unwrap();
    let filed = mine["items"].as_array().unwrap().iter().find(|d| d["state"] != "draft").unwrap();
    let pdf = get(&format!("/dossiers/{}/receipt.pdf", filed["id"].as_str().unwrap())).await.bytes().await.unwrap();
    let mut forged = pdf.to_vec();
    forged[1000] ^= 1;

    let url = demo.url("").trim_end_matches("/api/v1").to_owned();
    for (bytes, code, expected) in
        [(&pdf[..], 0, "authentique"), (&forged, 1, "différent"), (b"%PDF-1.7\n%%EOF\n", 1, "inconnu")]
    {
        let path = folder.path().join("accuse.pdf");
        std::fs::write(&path, bytes).unwrap();
        let (got, said) = run(&path, &["--url", &url]);
        assert!(got == code && said.starts_with(expected), "{expected}: {got} {said}");
        assert_eq!(run(&path, &["--url", "http://127.0.0.1:9"]).0, 2);
    }
}

/// What was given out before receipts had numbers is verified by its file, its bytes as they were; what was not drawn yet gets number
/// and seal.
#[rocket::async_test]
async fn older_receipts_are_carried_over() {
    for database in databases() {
        let scene = Scene::new(database).await;
        scene.deposit().await;
        let pdf = scene.pdf().await;
        // As it was: no seal, no number.
        let start = pdf.iter().rposition(|byte| *byte == b'%').unwrap();
        let old = &pdf[..start];
        let bytes = hex::encode(old);
        let literal = if database == "postgres" { format!("'\\x{bytes}'") } else { format!("x'{bytes}'") };
        for statement in [
            format!("UPDATE documents SET bytes = {literal}, sha256 = '{}'", sha256_hex(old)).as_str(),
            "DROP INDEX uq_documents_number",
            "DROP INDEX ix_documents_sha256",
            "ALTER TABLE documents DROP COLUMN number",
            "DELETE FROM seaql_migrations WHERE version = 'm20261125_000018_receipts'",
        ] {
            scene.sql(statement).await;
        }
        assert_eq!(scene.world.app.database.migrate().await.unwrap(), ["m20261125_000018_receipts"]);
        assert_eq!(scene.pdf().await, old);
        let expected = json!({ "genuine": true, "deposited_at": "2027-03-15T10:50:00Z", "sha256": sha256_hex(old) });
        assert_eq!(scene.verify(&sha256_hex(old)).await.ok(), expected);
        let receipt = scene.world.get(&scene.applicant, &format!("/dossiers/{}/receipt", scene.dossier)).await.ok();
        assert_eq!(scene.verify(receipt["receipt_number"].as_str().unwrap()).await.ok(), expected);
        scene.sql("UPDATE documents SET bytes = NULL, sha256 = NULL, drawn_at = NULL").await;
        assert!(Seal::read(&scene.pdf().await).is_some());
        scene.world.end().await;
    }
}
