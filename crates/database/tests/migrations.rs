//! An old installation's rows are there after its schema was brought up to date.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use ami_database::mails::{self, Outcome};
use ami_database::{Database, accounts, calls, jobs};
use ami_domain::call::Draft;
use ami_domain::policy::OfficerRole;
use ami_migrations::{Migrator, MigratorTrait};
use sea_orm::ConnectionTrait as _;
use uuid::Uuid;

/// An empty database's address, and how it writes an id.
type Empty = (String, fn(Uuid) -> String);

async fn databases(folder: &std::path::Path, test: &str) -> Vec<Empty> {
    let file = folder.join("ami.sqlite");
    let mut all: Vec<Empty> =
        vec![(format!("sqlite://{}?mode=rwc", file.display()), |id| format!("x'{}'", id.simple()))];
    if let Ok(base) = std::env::var("AMI_TEST_POSTGRES_URL") {
        let name = format!("ami_{test}_{}", std::process::id());
        let server = sea_orm::Database::connect(&base).await.unwrap();
        server.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
        let (address, options) = base.split_once('?').unwrap_or((&base, ""));
        let (server, _) = address.rsplit_once('/').unwrap();
        all.push((format!("{server}/{name}?{options}"), |id| format!("'{id}'")));
    }
    all
}

#[tokio::test]
async fn messages_of_before_leave_and_keep_no_link() {
    let folder = tempfile::tempdir().unwrap();
    for (url, written) in databases(folder.path(), "mails").await {
        let (sent, unsent) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let old = sea_orm::Database::connect(&url).await.unwrap();
        Migrator::up(&old, Some(2)).await.unwrap();
        let columns = "id, recipient, subject, body, created_at, next_attempt_at, attempts, sent_at";
        let rows = format!(
            "INSERT INTO mails ({columns}) VALUES \
             ({}, 'a@exemple.example', 'Objet', 'https://ami.example/compte?jeton=abc', 1, 5, 3, 2), \
             ({}, 'b@exemple.example', 'Objet', 'Texte', 1, 7, 3, NULL)",
            written(sent),
            written(unsent)
        );
        old.execute_unprepared(&rows).await.unwrap();
        old.close().await.unwrap();

        let database = Database::connect(&url).await.unwrap();
        assert!(!database.migrate().await.unwrap().is_empty());
        let at = |n| jiff::Timestamp::from_microsecond(n).unwrap();
        assert_eq!(jobs::due(database.read(), at(6)).await.unwrap(), BTreeSet::new());
        assert_eq!(jobs::due(database.read(), at(7)).await.unwrap(), BTreeSet::from(["mail".to_owned()]));
        let job = jobs::find(database.read(), unsent.into()).await.unwrap().unwrap();
        assert_eq!(job.state, "queued");
        let kept = mails::find(database.read(), unsent.into()).await.unwrap().unwrap();
        assert_eq!((kept.mail.body.as_str(), kept.outcome), ("Texte", Outcome::Waits));
        let kept = mails::find(database.read(), sent.into()).await.unwrap().unwrap();
        assert_eq!(kept.outcome, Outcome::Sent(at(2)));
        assert!(!kept.mail.body.contains("abc"), "{kept:?}");
    }
}

/// The migrations that an installation ran which was brought up to date before calls were drafts and versions.
struct Before;

#[async_trait::async_trait]
impl MigratorTrait for Before {
    fn migrations() -> Vec<Box<dyn ami_migrations::MigrationTrait>> {
        Migrator::migrations().into_iter().filter(|m| m.name() != "m20261125_000011_calls").collect()
    }
}

#[tokio::test]
async fn calls_of_before_are_drafts_and_versions() {
    let folder = tempfile::tempdir().unwrap();
    let sample = Draft::from_toml(include_str!("../../../fixtures/call.toml")).unwrap();
    let written = |code: &str| {
        let mut draft = sample.clone();
        draft.set("/code", code.into());
        let mut old = serde_json::to_value(draft.sketch()).unwrap();
        // As it was written before there were formats.
        old.as_object_mut().unwrap().remove("format");
        old.to_string().replace('\'', "''")
    };
    for (url, id) in databases(folder.path(), "calls").await {
        let old = sea_orm::Database::connect(&url).await.unwrap();
        Before::up(&old, None).await.unwrap();
        let id = |n| id(Uuid::from_u128(n));
        let account = |n, email: &str| {
            format!(
                "INSERT INTO accounts (id, email, name, administrator, created_at) VALUES ({}, '{email}', 'A', FALSE, 1)",
                id(n)
            )
        };
        let mut rows = vec![account(1, "a@exemple.example"), account(2, "b@exemple.example")];
        for (n, code, state, version) in
            [(11, "UN", "published", 1), (12, "DEUX", "published", 1), (13, "TROIS", "draft", 0)]
        {
            let definition = written(code);
            rows.push(format!(
                "INSERT INTO calls (id, code, state, version, definition, revision, created_at) \
                 VALUES ({}, '{code}', '{state}', {version}, '{definition}', 3, 1)",
                id(n)
            ));
            if version == 1 {
                rows.push(format!(
                    "INSERT INTO call_versions (call_id, version, definition, sha256, published_at) \
                     VALUES ({}, 1, '{definition}', 'x', 1)",
                    id(n)
                ));
            }
        }
        rows.push(format!("INSERT INTO officers (call_id, account_id, created_at) VALUES ({}, {}, 1)", id(11), id(1)));
        for row in rows {
            old.execute_unprepared(&row).await.unwrap();
        }
        old.close().await.unwrap();

        let database = Database::connect(&url).await.unwrap();
        assert_eq!(database.migrate().await.unwrap(), ["m20261125_000011_calls"]);
        let conn = database.read();
        for (n, code, version) in [(11, "UN", 1), (12, "DEUX", 1), (13, "TROIS", 0)] {
            let call = calls::find(conn, Uuid::from_u128(n).into()).await.unwrap().unwrap();
            assert_eq!((call.definition.code.as_str(), call.version, call.revision), (code, version, 3));
            assert_eq!(call.definition.grid, sample.sketch().grid);
            assert_eq!(calls::find_draft(conn, call.id).await.unwrap().is_some(), version == 0);
        }
        // The first of those that number alike keeps the prefix for itself.
        assert!(calls::has_prefix(conn, "ALI27").await.unwrap());
        let (_, actor) = accounts::actor(conn, Uuid::from_u128(1).into()).await.unwrap().unwrap();
        let runs = actor.officer_of.get(&Uuid::from_u128(11).into());
        assert_eq!((runs, actor.officer), (Some(&OfficerRole::Owner), true));
        let (_, actor) = accounts::actor(conn, Uuid::from_u128(2).into()).await.unwrap().unwrap();
        assert!(!actor.officer && actor.officer_of.is_empty());
    }
}
