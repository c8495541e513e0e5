//! Work that goes on after its request: shared by servers, taken over from those that die; and whose work it is at all.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
#[path = "common/relay.rs"]
mod relay;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};

use ami::config::Checked;
use ami::server::{self, Running};
use ami_api::{HttpSettings, Metrics, metrics_rocket};
use ami_database::ConnectionTrait as _;
use ami_database::jobs::NewJob;
use ami_database::mails::{self, Mail, Outcome};
use ami_database::{Database, DatabaseError};
use ami_services::accounts::LinkState;
use ami_services::attempts::Asker;
use ami_services::installation::Outgoing;
use ami_services::jobs::{self, Crew};
use ami_services::{App, Clock, Settings, accounts, installation, outbox};
use ami_storage::{Embedded, EmbeddedSettings, Scanner, Secret};
use common::{PASSWORD, World, copy_of_postgres, databases, fresh_postgres};
use futures_util::FutureExt as _;
use relay::{LATER, REFUSED, Relay, Taken};
use rocket::http::Header;
use rocket::local::asynchronous::Client;

const START: &str = "2027-01-10T09:00:00Z";

/// What several servers share: rows, pieces, the hour.
struct Site {
    folder: tempfile::TempDir,
    database: &'static str,
    database_url: String,
    storage: Embedded,
    clock: Clock,
}

impl Site {
    async fn new(database: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database_url = match database {
            "postgres" => fresh_postgres().await,
            _ => format!("sqlite://{}?mode=rwc", folder.path().join("ami.sqlite").display()),
        };
        let storage = Embedded::start(EmbeddedSettings {
            directory: folder.path().join("objects"),
            access_key: "key".into(),
            secret_key: Secret::new("secret".repeat(6)),
            port: 0,
        });
        let storage = storage.await.unwrap();
        Self { folder, database, database_url, storage, clock: Clock::manual(START.parse().unwrap()) }
    }

    fn config(&self, data: PathBuf, database_url: String, relay: &Relay) -> Checked {
        Checked {
            data,
            database_url: Secret::new(database_url),
            storage: Some(self.storage.storage_settings("ami")),
            public_url: "https://ami.example".into(),
            address: Ipv4Addr::LOCALHOST.into(),
            port: 0,
            signing_keys: None,
            smtp_url: Some(Secret::new(relay.url.clone())),
            mail_from: "Département <ami@département.example>".into(),
            outbox: Outgoing::Watched,
            scanner: Scanner::none(),
            metrics: None,
        }
    }

    /// Another server of this site. On PostgreSQL each has a folder of its own; a SQLite file has one.
    async fn server(&self, name: &str, relay: &Relay) -> (App, Crew) {
        let own = if self.database == "postgres" { name } else { "data" };
        self.open(&self.config(self.folder.path().join(own), self.database_url.clone(), relay)).await
    }

    async fn open(&self, config: &Checked) -> (App, Crew) {
        let settings = Settings { public_url: config.public_url.clone(), confirm_email: true, demonstration: false };
        let Running { app, .. } = server::open(config, self.clock.clone(), settings).await.unwrap();
        let crew = server::crew(&app, config).unwrap();
        (app, crew)
    }

    fn pass(&self, time: jiff::SignedDuration) {
        self.clock.set(self.clock.now().checked_add(time).unwrap());
    }

    async fn end(self) {
        self.storage.stop().await;
    }
}

const fn seconds(n: i64) -> jiff::SignedDuration {
    jiff::SignedDuration::from_secs(n)
}

/// Puts messages in the outbox.
async fn write_to(app: &App, recipients: Vec<String>) {
    let now = app.now();
    let written = app.database.write((now, recipients), |tx, (now, recipients)| {
        Box::pin(async move {
            for recipient in recipients {
                let mail = Mail {
                    id: now.id(),
                    recipient: recipient.clone(),
                    subject: "Objet".into(),
                    body: "Texte accentué".into(),
                    link: None,
                    attachments: vec![],
                };
                mails::enqueue(tx, &mail, now.at).await?;
                let job = NewJob {
                    id: mail.id.uuid().into(),
                    kind: "mail",
                    arguments: serde_json::Value::Null,
                    subject: None,
                    run_after: now.at,
                };
                ami_database::jobs::enqueue(tx, &job, now.at).await?;
            }
            Ok::<_, DatabaseError>(())
        })
    });
    written.await.unwrap();
}

fn two_hundred() -> Vec<String> {
    (0..200).map(|n| format!("person-{n}@exemple.example")).collect()
}

fn ids(taken: &[Taken]) -> BTreeSet<String> {
    taken.iter().map(|t| t.header("Message-ID").unwrap().to_owned()).collect()
}

#[rocket::async_test]
async fn two_servers_send_each_message_once() {
    for database in databases() {
        let site = Site::new(database).await;
        let relay = Relay::new().await;
        let (first, second) = (site.server("a", &relay).await, site.server("b", &relay).await);
        write_to(&first.0, two_hundred()).await;
        site.pass(seconds(3600));
        let (a, b) = tokio::join!(jobs::run_due(&first.0, &first.1), jobs::run_due(&second.0, &second.1));
        // With them one sweep, by one of the two.
        assert_eq!(a.unwrap() + b.unwrap(), 201);
        let taken = relay.taken();
        assert_eq!(taken.len(), 200);
        assert_eq!(ids(&taken).len(), 200);
        assert_eq!(taken.iter().map(|t| &t.to).collect::<BTreeSet<_>>().len(), 200);
        let one = &taken[0];
        assert!(one.header("Message-ID").unwrap().ends_with("@xn--dpartement-b7a.example>"), "{one:?}");
        assert_eq!(one.header("Auto-Submitted"), Some("auto-generated"));
        // When it was written, not when it left.
        assert_eq!(one.header("Date"), Some("Sun, 10 Jan 2027 09:00:00 +0000"));
        let standing = outbox::standing(&first.0.now()).await.unwrap();
        assert_eq!((standing.waiting, standing.failed), (0, 0));
        site.end().await;
    }
}

#[rocket::async_test]
async fn what_a_killed_server_held_is_taken_over() {
    for database in databases() {
        let site = Site::new(database).await;
        let (silent, relay) = (Relay::silent().await, Relay::new().await);
        let (killed, other) = (site.server("a", &silent).await, site.server("b", &relay).await);
        write_to(&killed.0, two_hundred()).await;
        let work = tokio::spawn(async move { jobs::run_due(&killed.0, &killed.1).await.unwrap() });
        silent.has_taken(8).await;
        work.abort();
        assert!(work.await.unwrap_err().is_cancelled());

        // While its leases last they are its own.
        jobs::run_due(&other.0, &other.1).await.unwrap();
        assert_eq!(relay.taken().len(), 192);
        site.pass(seconds(61));
        jobs::run_due(&other.0, &other.1).await.unwrap();
        assert_eq!((relay.taken().len(), ids(&relay.taken()).len()), (200, 200));
        // What the first relay took and nobody noted went twice, recognisably.
        assert!(ids(&silent.taken()).is_subset(&ids(&relay.taken())));
        site.pass(seconds(3 * 24 * 3600));
        jobs::run_due(&other.0, &other.1).await.unwrap();
        assert_eq!(relay.taken().len(), 200);
        site.end().await;
    }
}

async fn row(app: &App) -> mails::Kept {
    mails::newest(app.database.read(), 1).await.unwrap().remove(0)
}

#[rocket::async_test]
async fn a_secret_link_is_made_when_its_message_leaves() {
    for database in databases() {
        let site = Site::new(database).await;
        let (silent, relay) = (Relay::silent().await, Relay::new().await);
        let (killed, (app, crew)) = (site.server("a", &silent).await, site.server("b", &relay).await);
        let email = "ada@exemple.example";
        accounts::create_account(&app.now(), email, "Ada L", PASSWORD, false).await.unwrap();
        let good = async |token: &str| accounts::link_state(&app.now(), token).await.unwrap() == LinkState::Good;

        accounts::request_password_reset(&app.now(), email, None).await.unwrap();
        let kept = row(&app).await;
        assert!(kept.mail.link.is_some() && !kept.mail.body.contains("jeton"), "{kept:?}");
        assert!(kept.mail.body.contains("lien personnel"), "{kept:?}");

        // A server dies once the relay has it: what leaves then is the same message with another link, and the first one is void.
        let work = tokio::spawn(async move { jobs::run_due(&killed.0, &killed.1).await.unwrap() });
        silent.has_taken(1).await;
        work.abort();
        let first = silent.taken()[0].link();
        assert!(good(&first).await);
        site.pass(seconds(61));
        jobs::run_due(&app, &crew).await.unwrap();
        let second = relay.taken()[0].link();
        assert_eq!(ids(&silent.taken()), ids(&relay.taken()));
        assert!(good(&second).await && !good(&first).await);

        // The next message's link voids it.
        site.pass(seconds(60));
        accounts::request_password_reset(&app.now(), email, None).await.unwrap();
        assert!(good(&second).await, "until that message leaves");
        jobs::run_due(&app, &crew).await.unwrap();
        let third = relay.taken()[1].link();
        assert!(good(&third).await && !good(&second).await);
        assert!(matches!(row(&app).await.outcome, Outcome::Sent(_)));
        assert!(!row(&app).await.mail.body.contains("jeton"));
        if database == "sqlite" {
            for name in ["ami.sqlite", "ami.sqlite-wal"] {
                let bytes = std::fs::read(site.folder.path().join(name)).unwrap_or_default();
                let held = |token: &str| bytes.windows(token.len()).any(|w| w == token.as_bytes());
                assert!(!held(&first) && !held(&second) && !held(&third), "{name}");
            }
        }
        accounts::choose_password(&app.now(), &third, "un autre mot de passe").await.unwrap();
        assert!(!good(&third).await);
        site.end().await;
    }
}

#[rocket::async_test]
async fn what_cannot_leave_says_why_and_is_not_tried_for_ever() {
    for database in databases() {
        let site = Site::new(database).await;
        let relay = Relay::new().await;
        let (app, crew) = site.server("a", &relay).await;
        let recipients = [
            format!("{REFUSED}@exemple.example"),
            format!("{LATER}@exemple.example"),
            "adélaïde@exemple.example".into(),
            "ada@université.example".into(),
        ];
        write_to(&app, recipients.into()).await;
        jobs::run_due(&app, &crew).await.unwrap();
        let tos: Vec<String> = relay.taken().into_iter().map(|t| t.to).collect();
        assert_eq!(tos, ["ada@xn--universit-j4a.example"]);
        let standing = outbox::standing(&app.now()).await.unwrap();
        assert_eq!((standing.waiting, standing.failed), (1, 2));
        let why =
            |list: &[outbox::Refused], to: &str| list.iter().find(|m| m.to.starts_with(to)).unwrap().error.clone();
        let refused = outbox::list_refused(&app.now()).await.unwrap();
        assert!(why(&refused, REFUSED).contains("550"), "{refused:?}");
        assert!(why(&refused, "adélaïde").contains("les accents ne passent pas"), "{refused:?}");

        // What may succeed later is given up in the end; what was given up is tried again when somebody says so.
        let mut tries = 0;
        while outbox::standing(&app.now()).await.unwrap().waiting > 0 {
            site.pass(seconds(24 * 3600));
            jobs::run_due(&app, &crew).await.unwrap();
            tries += 1;
            assert!(tries < 20);
        }
        assert!(tries > 10, "{tries}");
        assert_eq!(outbox::retry_refused(&app.now()).await.unwrap(), 3);
        let standing = outbox::standing(&app.now()).await.unwrap();
        assert_eq!((standing.waiting, standing.failed), (3, 0));
        jobs::run_due(&app, &crew).await.unwrap();
        assert_eq!(outbox::standing(&app.now()).await.unwrap().failed, 2);
        site.end().await;
    }
}

/// What a page says to a person.
async fn page(app: &App, email: &str) -> String {
    let signed = accounts::sign_in(&app.now(), email, PASSWORD, &Asker { address: None, browser: None }).await.unwrap();
    let http = HttpSettings { address: Ipv4Addr::LOCALHOST.into(), port: 0 };
    let client = Client::untracked(ami_api::rocket(app.clone(), http)).await.unwrap();
    let bearer = Header::new("Authorization", format!("Bearer {}", signed.access_token));
    client.get("/espace").header(bearer).dispatch().await.into_string().await.unwrap()
}

async fn paused_metric(app: &App) -> bool {
    let listen = "127.0.0.1:0".parse().unwrap();
    let client = Client::untracked(metrics_rocket(app.clone(), Metrics::default(), listen)).await.unwrap();
    let text = client.get("/metrics").dispatch().await.into_string().await.unwrap();
    text.lines().any(|line| line == "ami_outbox_paused 1")
}

#[rocket::async_test]
async fn a_copy_sends_nothing_until_somebody_says_so() {
    for database in databases() {
        let site = Site::new(database).await;
        let relay = Relay::new().await;
        let (app, crew) = site.server("a", &relay).await;
        for (email, administrator) in [("admin@exemple.example", true), ("ada@exemple.example", false)] {
            accounts::create_account(&app.now(), email, "Ada L", PASSWORD, administrator).await.unwrap();
        }
        write_to(&app, two_hundred()).await;

        let elsewhere = site.folder.path().join("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        let url = copy(&site, &app, &elsewhere).await;
        let config = site.config(elsewhere, url, &relay);
        let (restored, its_crew) = site.open(&config).await;
        jobs::run_due(&restored, &its_crew).await.unwrap();
        assert_eq!(relay.taken().len(), 0);
        assert!(paused_metric(&restored).await);
        assert!(page(&restored, "admin@exemple.example").await.contains("Aucun courriel ne part"));
        assert!(!page(&restored, "ada@exemple.example").await.contains("Aucun courriel ne part"));
        // So it does when it starts again.
        drop((restored, its_crew));
        let (restored, its_crew) = site.open(&config).await;
        jobs::run_due(&restored, &its_crew).await.unwrap();
        assert_eq!(relay.taken().len(), 0);

        // The original goes on.
        let (app, crew) = if database == "postgres" { site.server("a", &relay).await } else { (app, crew) };
        jobs::run_due(&app, &crew).await.unwrap();
        assert_eq!(relay.taken().len(), 200);
        assert!(!paused_metric(&app).await);

        // Held back by the settings, whatever was said before.
        installation::resume(&restored.now()).await.unwrap();
        let held = Checked { outbox: Outgoing::Held, ..config.clone() };
        let (held, held_crew) = site.open(&held).await;
        jobs::run_due(&held, &held_crew).await.unwrap();
        assert_eq!(relay.taken().len(), 200);
        jobs::run_due(&restored, &its_crew).await.unwrap();
        assert_eq!(relay.taken().len(), 400);
        assert!(!page(&restored, "admin@exemple.example").await.contains("Aucun courriel ne part"));
        site.end().await;
    }
}

/// A copy of a site's rows: its address.
async fn copy(site: &Site, app: &App, elsewhere: &Path) -> String {
    if site.database == "sqlite" {
        let file = elsewhere.join("ami.sqlite");
        app.database.read().execute_unprepared(&format!("VACUUM INTO '{}'", file.display())).await.unwrap();
        return format!("sqlite://{}?mode=rwc", file.display());
    }
    copy_of_postgres(&site.database_url).await
}

#[rocket::async_test]
async fn the_settings_let_a_copy_send() {
    let site = Site::new("sqlite").await;
    let relay = Relay::new().await;
    let (app, _) = site.server("a", &relay).await;
    write_to(&app, vec!["ada@exemple.example".into()]).await;
    let elsewhere = site.folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let url = copy(&site, &app, &elsewhere).await;
    let config = Checked { outbox: Outgoing::Resumed, ..site.config(elsewhere, url, &relay) };
    let (restored, crew) = site.open(&config).await;
    jobs::run_due(&restored, &crew).await.unwrap();
    assert_eq!(relay.taken().len(), 1);
    site.end().await;
}

#[rocket::async_test]
async fn servers_of_one_database_agree_on_keys() {
    for database in databases() {
        let site = Site::new(database).await;
        let relay = Relay::new().await;
        // One that has run before kept its seed in its folder: its sessions stay good, and the file does not keep it.
        let data = site.folder.path().join(if database == "postgres" { "a" } else { "data" });
        std::fs::create_dir(&data).unwrap();
        let seed = "ab".repeat(32);
        let old = format!("{{\"storage_access\":\"x\",\"storage_secret\":\"y\",\"signing\":\"{seed}\"}}");
        std::fs::write(data.join("secrets.json"), old).unwrap();
        let (first, _) = site.server("a", &relay).await;
        let (second, _) = site.server("b", &relay).await;
        let old = ami_services::tokens::Keys::parse(std::slice::from_ref(&seed)).unwrap();
        let now = site.clock.now();
        let token = old.sign(uuid::Uuid::nil(), uuid::Uuid::nil(), now).unwrap();
        assert!(first.keys.verify(&token, now).is_some() && second.keys.verify(&token, now).is_some());
        let left = std::fs::read_to_string(data.join("secrets.json")).unwrap();
        assert!(!left.contains(&seed) && left.contains("storage_secret"), "{left}");
        site.end().await;

        // Two that start together on an empty database.
        let site = Site::new(database).await;
        let ((first, _), (second, _)) = tokio::join!(site.server("a", &relay), site.server("b", &relay));
        assert_eq!(first.keys.jwks(), second.keys.jwks());
        assert!(!first.installation.is_paused() && !second.installation.is_paused());
        site.end().await;
    }
}

#[rocket::async_test]
async fn of_three_that_migrate_at_once_one_does() {
    for database in databases() {
        let site = Site::new(database).await;
        let mut all = Vec::new();
        for _ in 0..3 {
            all.push(Database::connect(&site.database_url).await.unwrap());
        }
        let made = futures_util::future::join_all(all.iter().map(Database::migrate)).await;
        let made: Vec<usize> = made.into_iter().map(|m| m.unwrap().len()).collect();
        assert_eq!(made.iter().filter(|n| **n > 0).count(), 1, "{made:?}");
        assert_eq!(all[0].migrate().await.unwrap(), Vec::<String>::new());
        site.end().await;
    }
}

#[rocket::async_test]
async fn a_test_that_leaves_something_over_fails() {
    let leavings: [fn(&World); 2] = [
        |world| std::fs::write(world.folder.path().join("spool/1.upload"), "").unwrap(),
        |world| {
            let folder = world.bucket().join("pieces/00");
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("0193"), "").unwrap();
        },
    ];
    for leave in leavings {
        let world = World::new("sqlite").await;
        world.assert_nothing_left().await;
        leave(&world);
        assert!(AssertUnwindSafe(world.assert_nothing_left()).catch_unwind().await.is_err());
    }
    let world = World::new("sqlite").await;
    write_to(&world.app, vec!["adélaïde@exemple.example".into()]).await;
    assert!(AssertUnwindSafe(world.assert_nothing_left()).catch_unwind().await.is_err());
}

#[rocket::async_test]
async fn what_is_kept_for_a_while_is_forgotten() {
    for database in databases() {
        let site = Site::new(database).await;
        let relay = Relay::new().await;
        let (app, crew) = site.server("a", &relay).await;
        let email = "ada@exemple.example";
        let account = accounts::create_account(&app.now(), email, "Ada L", PASSWORD, false).await.unwrap();
        accounts::request_password_reset(&app.now(), email, None).await.unwrap();
        jobs::run_due(&app, &crew).await.unwrap();
        let actor = accounts::actor(&app.now(), account).await.unwrap();
        let keep = async |key: &str| {
            let request = app.now().with_key(key, "POST", "/x");
            request.write_once(Some(&actor), (), |_, ()| Box::pin(async { Ok(1) })).await.unwrap();
        };
        let kept = async |key: &str| {
            let request = app.now().with_key(key, "POST", "/x");
            request.done_before::<i32>(Some(&actor)).await.unwrap().is_some()
        };
        keep("old").await;
        site.pass(seconds(2 * 3600));
        keep("new").await;
        site.pass(seconds(47 * 3600));
        jobs::run_due(&app, &crew).await.unwrap();
        assert!(!kept("old").await && kept("new").await);
        assert!(!row(&app).await.mail.body.is_empty());
        let sent = row(&app).await.mail.id;
        let job = async || ami_database::jobs::find(app.database.read(), sent.uuid().into()).await.unwrap();
        assert_eq!(job().await.unwrap().state, "done");
        site.pass(seconds(30 * 24 * 3600));
        jobs::run_due(&app, &crew).await.unwrap();
        // What was told to whom and when stays; the text does not.
        let row = row(&app).await;
        assert!(row.mail.body.is_empty() && row.mail.recipient == email && matches!(row.outcome, Outcome::Sent(_)));
        assert_eq!(job().await, None);
        site.end().await;
    }
}
