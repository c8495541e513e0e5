//! A whole application for tests: real database, real S3 requests, the public routes, people as types, a clock that tests set.

#![expect(dead_code, reason = "each test binary uses its own part of this module")]

pub(crate) mod assembly;
mod described;
pub(crate) mod jury;
pub(crate) mod line;

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU32, Ordering};

use ami::config::Checked;
use ami::demo_data::{self, Applicant};
use ami::server::{self, Running};
use ami_api::HttpSettings;
use ami_database::ConnectionTrait as _;
use ami_database::mails::{self, Mail, Outcome};
use ami_domain::call::CallDefinition;
use ami_domain::ids::AccountId;
use ami_services::installation::Outgoing;
use ami_services::jobs::{self, Crew};
use ami_services::{App, Clock, Settings, accounts};
use ami_storage::{Embedded, Scanner, Secret, StorageSettings};
use rocket::http::{Accept, ContentType, Header, Method, Status};
use rocket::local::asynchronous::Client;
use serde_json::{Value, json};

pub(crate) const PASSWORD: &str = "un mot de passe long";

/// The application under test.
pub(crate) struct World {
    pub(crate) app: App,
    pub(crate) clock: Clock,
    pub(crate) client: Client,
    pub(crate) call: CallDefinition,
    pub(crate) folder: tempfile::TempDir,
    crew: Crew,
    embedded: Option<Embedded>,
}

/// Somebody who signed in.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) account: AccountId,
    pub(crate) token: String,
}

/// An answer: status, headers that tests look at, body.
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) etag: Option<String>,
    /// `Content-Disposition`.
    pub(crate) disposition: Option<String>,
    /// `Retry-After`, in seconds.
    pub(crate) retry_after: Option<u64>,
    pub(crate) bytes: Vec<u8>,
}

impl Got {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or(Value::Null)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The body of a success.
    pub(crate) fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.text());
        self.json()
    }

    /// The stable type of a problem.
    pub(crate) fn problem(&self) -> (u16, String) {
        let body = self.json();
        (self.status, body["type"].as_str().unwrap_or_default().trim_start_matches("/problems/").to_owned())
    }
}

/// The databases to test on: SQLite always, PostgreSQL where the environment names a server. CI must name one.
pub(crate) fn databases() -> Vec<&'static str> {
    if std::env::var_os("AMI_TEST_POSTGRES_URL").is_some() {
        return vec!["sqlite", "postgres"];
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "AMI_TEST_POSTGRES_URL is not set: the path would not be tried on PostgreSQL"
    );
    eprintln!("NOT RUN: PostgreSQL (AMI_TEST_POSTGRES_URL is not set)");
    vec!["sqlite"]
}

/// The S3 server that `AMI_TEST_S3_ENDPOINT` and its kind name; the embedded one otherwise.
fn storage() -> Option<StorageSettings> {
    let read = |name: &str| std::env::var(format!("AMI_TEST_S3_{name}"));
    Some(StorageSettings {
        endpoint: read("ENDPOINT").ok()?,
        region: read("REGION").unwrap(),
        bucket: read("BUCKET").unwrap(),
        access_key: read("ACCESS_KEY").unwrap(),
        secret_key: Secret::new(read("SECRET_KEY").unwrap()),
        path_style: true,
        browser_endpoint: None,
    })
}

/// An empty database.
pub(crate) async fn fresh_postgres() -> String {
    create_postgres("").await
}

/// A copy of a database; whoever uses it is thrown out.
pub(crate) async fn copy_of_postgres(url: &str) -> String {
    let name = url.split('?').next().unwrap().rsplit('/').next().unwrap();
    let server = ami_database::Database::connect(&std::env::var("AMI_TEST_POSTGRES_URL").unwrap()).await.unwrap();
    // Nobody comes back while it is copied.
    for sql in [
        format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"),
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"),
    ] {
        server.read().execute_unprepared(&sql).await.unwrap();
    }
    let copy = create_postgres(&format!("TEMPLATE {name}")).await;
    server.read().execute_unprepared(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true")).await.unwrap();
    copy
}

async fn create_postgres(how: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let base = std::env::var("AMI_TEST_POSTGRES_URL").unwrap();
    let name = format!("ami_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let server = ami_database::Database::connect(&base).await.unwrap();
    server.read().execute_unprepared(&format!("CREATE DATABASE {name} {how}")).await.unwrap();
    let (address, options) = base.split_once('?').map_or((base.as_str(), ""), |(a, o)| (a, o));
    let (server, _) = address.rsplit_once('/').unwrap();
    format!("{server}/{name}{}{options}", if options.is_empty() { "" } else { "?" })
}

impl World {
    /// An empty installation, and the demonstration call in draft, not yet known to it.
    pub(crate) async fn new(database: &str) -> Self {
        Self::with(database, |_| {}).await
    }

    /// The same, with other settings than those of tests.
    pub(crate) async fn with(database: &str, alter: impl FnOnce(&mut Checked)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database_url = match database {
            "postgres" => fresh_postgres().await,
            _ => format!("sqlite://{}?mode=rwc", folder.path().join("ami.sqlite").display()),
        };
        let mut config = Checked {
            data: folder.path().to_owned(),
            database_url: Secret::new(database_url),
            storage: storage(),
            public_url: "http://localhost".into(),
            address: Ipv4Addr::LOCALHOST.into(),
            port: 0,
            signing_keys: None,
            smtp_url: None,
            mail_from: "ami <ami@demonstration.example>".into(),
            outbox: Outgoing::Watched,
            scanner: Scanner::none(),
            metrics: None,
        };
        alter(&mut config);
        let clock = Clock::manual("2027-01-10T09:00:00Z".parse().unwrap());
        let settings = Settings { public_url: config.public_url.clone(), confirm_email: true, demonstration: true };
        let Running { app, embedded } = server::open(&config, clock.clone(), settings).await.unwrap();
        let crew = server::crew(&app, &config).unwrap();
        let http = HttpSettings { address: config.address, port: 0 };
        let client = Client::untracked(ami_api::rocket(app.clone(), http)).await.unwrap();
        Self { app, clock, client, call: demo_data::fixture().unwrap(), folder, crew, embedded }
    }

    pub(crate) fn set_clock(&self, at: &str) {
        self.clock.set(at.parse().unwrap());
    }

    /// An account with a session.
    pub(crate) async fn person(&self, name: &str, administrator: bool) -> Person {
        let email = format!("{}@demonstration.example", name.to_lowercase().replace(' ', "-"));
        let account = accounts::create_account(&self.app.now(), &email, name, PASSWORD, administrator).await.unwrap();
        self.sign_in(account, &email).await
    }

    pub(crate) async fn sign_in(&self, account: AccountId, email: &str) -> Person {
        let body = json!({ "email": email, "password": PASSWORD });
        let tokens = self.send(None, Method::Post, "/api/v1/session", Some(body)).await.ok();
        Person { account, token: tokens["access_token"].as_str().unwrap().to_owned() }
    }

    /// Signs in somebody who was made by [`Self::person`].
    pub(crate) async fn sign_in_again(&self, name: &str) -> Person {
        let email = format!("{}@demonstration.example", name.to_lowercase().replace(' ', "-"));
        self.sign_in(uuid::Uuid::nil().into(), &email).await
    }

    pub(crate) async fn send(&self, who: Option<&Person>, method: Method, path: &str, body: Option<Value>) -> Got {
        self.send_with(who, method, path, body.map(|b| b.to_string().into_bytes()), &[]).await
    }

    pub(crate) async fn send_with(
        &self,
        who: Option<&Person>,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        headers: &[(&str, &str)],
    ) -> Got {
        let mut request = self.client.req(method, path.to_owned());
        request.add_header(Accept::JSON);
        if let Some(who) = who {
            request.add_header(Header::new("Authorization", format!("Bearer {}", who.token)));
        }
        let typed = headers.iter().any(|(name, _)| *name == "Content-Type");
        if path.starts_with("/api") {
            request.add_header(ContentType::JSON);
        } else if method == Method::Post {
            if !typed {
                request.add_header(ContentType::Form);
            }
            request.add_header(Header::new("Host", "localhost"));
            request.add_header(Header::new("Origin", "http://localhost"));
        }
        for (name, value) in headers {
            request.add_header(Header::new((*name).to_owned(), (*value).to_owned()));
        }
        if let Some(body) = body {
            request.set_body(body);
        }
        let answer = request.dispatch().await;
        let status = answer.status().code;
        assert_ne!(answer.status(), Status::InternalServerError, "{method} {path}");
        let etag = answer.headers().get_one("ETag").map(str::to_owned);
        let disposition = answer.headers().get_one("Content-Disposition").map(str::to_owned);
        let retry_after = answer.headers().get_one("Retry-After").and_then(|seconds| seconds.parse().ok());
        described::assert_described(method, path, status, answer.content_type().as_ref());
        Got { status, etag, disposition, retry_after, bytes: answer.into_bytes().await.unwrap_or_default() }
    }

    pub(crate) async fn get(&self, who: &Person, path: &str) -> Got {
        self.send(Some(who), Method::Get, &format!("/api/v1{path}"), None).await
    }

    pub(crate) async fn post(&self, who: &Person, path: &str, body: Value) -> Got {
        self.send(Some(who), Method::Post, &format!("/api/v1{path}"), Some(body)).await
    }

    pub(crate) async fn put(&self, who: &Person, path: &str, body: Value) -> Got {
        self.send(Some(who), Method::Put, &format!("/api/v1{path}"), Some(body)).await
    }

    pub(crate) async fn patch(&self, who: &Person, path: &str, if_match: Option<&str>, body: Value) -> Got {
        let headers: Vec<(&str, &str)> = if_match.iter().map(|v| ("If-Match", *v)).collect();
        let body = Some(body.to_string().into_bytes());
        self.send_with(Some(who), Method::Patch, &format!("/api/v1{path}"), body, &headers).await
    }

    /// The same as [`Self::patch`] and the others, to be joined with more of its kind.
    pub(crate) async fn patch_owned(&self, who: &Person, path: String, body: Value) -> Got {
        self.patch(who, &path, None, body).await
    }

    pub(crate) async fn post_owned(&self, who: &Person, path: String, body: Value) -> Got {
        self.post(who, &path, body).await
    }

    pub(crate) async fn send_owned(&self, who: &Person, method: Method, path: String) -> Got {
        self.send(Some(who), method, &path, None).await
    }

    /// `count` people with a session each: `name-0`, `name-1`, …
    pub(crate) async fn people(&self, name: &str, count: usize) -> Vec<Person> {
        let mut people = Vec::with_capacity(count);
        for n in 0..count {
            people.push(self.person(&format!("{name} {n}"), false).await);
        }
        people
    }

    /// Accepts the first invitation that waits for somebody.
    pub(crate) async fn join(&self, person: &Person) {
        let open = self.get(person, "/me/invitations").await.ok();
        let id = open["items"][0]["id"].as_str().unwrap();
        self.post(person, &format!("/invitations/{id}/acceptance"), json!({})).await.ok();
    }

    /// The tokens in the links of the messages to an address, the oldest first; those that are due leave now.
    pub(crate) async fn links(&self, to: &str) -> Vec<String> {
        let token = |body: &str| Some(body.split_once("jeton=")?.1.split_whitespace().next()?.to_owned());
        let sent = self.deliver().await;
        sent.iter().rev().filter(|m| m.recipient == to).filter_map(|m| token(&m.body)).collect()
    }

    /// The demonstration call, published by an administrator who is its officer.
    pub(crate) async fn published(&self) -> Person {
        let officer = self.person("Officer", true).await;
        let definition = serde_json::to_value(&self.call).unwrap();
        self.post(&officer, "/calls", definition).await.ok();
        self.advance(&officer, "published").await;
        officer
    }

    pub(crate) async fn advance(&self, officer: &Person, to: &str) {
        let step = json!({ "state": to, "reason": "Le reste suivra." });
        self.post(officer, "/calls/AMI-ALI-2027/state", step).await.ok();
    }

    /// An applicant of the fixtures with its organisation: the person and the organisation's id.
    pub(crate) async fn applicant(&self, number: usize) -> (Person, String, Applicant) {
        let all = demo_data::Accounts::all().applicants;
        let applicant = all[number - 1].clone();
        let person = self.person(&format!("applicant {number}"), false).await;
        let input = json!({
            "name": applicant.name, "siret": applicant.siret, "rna": applicant.rna, "legal_form": applicant.legal_form,
        });
        let made = self.post(&person, "/organisations", input).await.ok();
        (person, made["id"].as_str().unwrap().to_owned(), applicant)
    }

    /// A complete draft, through the API: its id.
    pub(crate) async fn complete_draft(
        &self,
        person: &Person,
        organisation: &str,
        applicant: &Applicant,
        lot: &str,
    ) -> String {
        let body = json!({ "organisation_id": organisation, "lot": lot });
        let made = self.post(person, "/calls/AMI-ALI-2027/dossiers", body).await;
        let etag = made.etag.clone().unwrap();
        let dossier = made.ok();
        let id = dossier["id"].as_str().unwrap().to_owned();
        let answers = demo_data::answers(&self.call, applicant, lot).unwrap();
        self.patch(person, &format!("/dossiers/{id}/answers"), Some(&etag), Value::Object(answers)).await.ok();
        let missing = self.get(person, &format!("/dossiers/{id}")).await.ok()["missing"].clone();
        for gap in missing.as_array().unwrap() {
            let slot = gap["code"].as_str().unwrap();
            assert_eq!(gap["kind"], "piece", "{gap}");
            let bytes = if slot == "P08" {
                ami_documents::decisions_xlsx(&[]).unwrap()
            } else {
                demo_data::plain_pdf(slot, &applicant.name)
            };
            let name = format!("attachment; filename*=UTF-8''{slot}%20%C3%A9t%C3%A9.pdf");
            let path = format!("/api/v1/dossiers/{id}/pieces/{slot}");
            let put =
                self.send_with(Some(person), Method::Put, &path, Some(bytes), &[("Content-Disposition", &name)]).await;
            put.ok();
        }
        id
    }

    /// A dossier that is filed, admissible and in marking, with the officer and `count` jurors who were asked for it: each with
    /// their sheet's id.
    pub(crate) async fn marking(&self, count: usize) -> (Person, String, Vec<(Person, String)>) {
        self.set_clock("2027-03-15T10:55:00Z");
        let officer = self.published().await;
        let (applicant, organisation, data) = self.applicant(1).await;
        let dossier = self.complete_draft(&applicant, &organisation, &data, "ALI-01").await;
        self.post(&applicant, &format!("/dossiers/{dossier}/deposit"), json!({})).await.ok();
        self.set_clock("2027-03-15T11:00:01Z");
        self.advance(&officer, "admissibility").await;
        self.put(&officer, &format!("/dossiers/{dossier}/admissibility"), json!({ "admissible": true })).await;
        self.advance(&officer, "marking").await;
        let people = self.people("juror", count).await;
        let mut jurors = Vec::new();
        for (n, person) in people.into_iter().enumerate() {
            let invitation = json!({
                "name": format!("Juror {n}"), "email": format!("juror-{n}@demonstration.example"),
                "college": "experts", "voice": "deliberative",
            });
            let seat = self.post(&officer, "/calls/AMI-ALI-2027/seats", invitation).await.ok()["id"].clone();
            let asked = json!({ "seat": seat, "add": [dossier] });
            assert_eq!(self.post(&officer, "/calls/AMI-ALI-2027/assignments", asked).await.status, 204);
            self.post(&person, "/calls/AMI-ALI-2027/declaration", json!({ "conflicts": [] })).await;
            let sheets = self.get(&person, "/jury/sheets").await.ok();
            jurors.push((person, sheets["items"][0]["id"].as_str().unwrap().to_owned()));
        }
        (officer, dossier, jurors)
    }

    /// Lets the messages leave that are due, and gives all that have left, newest first, with their links: this is a
    /// demonstration, which shows its messages.
    pub(crate) async fn deliver(&self) -> Vec<Mail> {
        jobs::run_due(&self.app, &self.crew).await.unwrap();
        let newest = mails::newest(self.app.database.read(), 1000).await.unwrap();
        newest.into_iter().filter(|kept| matches!(kept.outcome, Outcome::Sent(_))).map(|kept| kept.mail).collect()
    }

    /// The secret of the newest link that was sent to somebody.
    pub(crate) async fn link_to(&self, email: &str) -> String {
        self.links(email).await.pop().unwrap()
    }

    /// Nothing is left over: a message that cannot be written or sent, a file on its way in, an object that no row names.
    pub(crate) async fn assert_nothing_left(&self) {
        self.deliver().await;
        let failed = mails::failed(self.app.database.read(), 10).await.unwrap();
        assert!(failed.is_empty(), "these messages cannot leave: {failed:?}");
        let stuck = mails::newest(self.app.database.read(), 1000).await.unwrap();
        let stuck: Vec<_> = stuck.iter().filter(|kept| kept.last_error.is_some()).collect();
        assert!(stuck.is_empty(), "these messages did not leave: {stuck:?}");
        let spooled: Vec<_> = files(&self.folder.path().join("spool"))
            .into_iter()
            .filter(|file| file.extension().is_some_and(|x| x == "upload"))
            .collect();
        assert!(spooled.is_empty(), "these uploads were left on the disk: {spooled:?}");
        let orphans = self.orphans().await;
        assert!(orphans.is_empty(), "no row names these objects: {orphans:?}");
    }

    /// Objects in the embedded storage that no row names; a file that was made goes on its day, as its row says.
    pub(crate) async fn orphans(&self) -> Vec<String> {
        let conn = self.app.database.read();
        let mut known = ami_database::dossiers::object_keys(conn).await.unwrap();
        known.extend(ami_database::objects::doomed(conn, "documents/").await.unwrap());
        self.objects().into_iter().filter(|key| !known.contains(key)).collect()
    }

    /// The keys of the objects in the embedded storage, in order; each is the file of that name in [`Self::bucket`].
    pub(crate) fn objects(&self) -> Vec<String> {
        let bucket = self.bucket();
        let mut keys: Vec<String> = files(&bucket)
            .iter()
            .filter_map(|file| file.strip_prefix(&bucket).ok()?.to_str().map(str::to_owned))
            .filter(|key| !key.split('/').any(|part| part.starts_with('.')))
            .collect();
        keys.sort();
        keys
    }

    /// Where the embedded storage keeps its objects.
    pub(crate) fn bucket(&self) -> std::path::PathBuf {
        self.folder.path().join("objects/ami")
    }

    /// Ends the embedded storage's server, with nothing left over.
    pub(crate) async fn end(self) {
        self.assert_nothing_left().await;
        self.end_as_it_is().await;
    }

    /// The same, after a test that broke something on purpose.
    pub(crate) async fn end_as_it_is(self) {
        drop(self.client);
        if let Some(embedded) = self.embedded {
            embedded.stop().await;
        }
    }
}

/// Every file under a folder.
fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() { files(&path) } else { vec![path] }
        })
        .collect()
}

/// The text of a PDF, page after page, its line ends read as spaces.
pub(crate) fn pdf_text(bytes: &[u8]) -> String {
    let document = lopdf::Document::load_mem(bytes).unwrap();
    let pages: Vec<u32> = document.get_pages().keys().copied().collect();
    let text = document.extract_text(&pages).unwrap();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
