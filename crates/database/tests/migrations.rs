//! An old installation's rows are there after its schema was brought up to date.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use ami_database::mails::{self, Outcome};
use ami_database::{Database, jobs};
use ami_migrations::{Migrator, MigratorTrait as _};
use sea_orm::ConnectionTrait as _;
use uuid::Uuid;

/// An empty database's address, and how it writes an id.
type Empty = (String, fn(Uuid) -> String);

async fn databases(folder: &std::path::Path) -> Vec<Empty> {
    let file = folder.join("ami.sqlite");
    let mut all: Vec<Empty> =
        vec![(format!("sqlite://{}?mode=rwc", file.display()), |id| format!("x'{}'", id.simple()))];
    if let Ok(base) = std::env::var("AMI_TEST_POSTGRES_URL") {
        let name = format!("ami_migrations_{}", std::process::id());
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
    for (url, written) in databases(folder.path()).await {
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
