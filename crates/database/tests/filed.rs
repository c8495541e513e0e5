//! A data folder of before opens after the migration that separates what is filed from what is written, with its rows.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use ami_database::{Constraint, Database, DatabaseError, deposits, dossiers};
use ami_domain::deposit::sha256_hex;
use ami_domain::dossier::DossierStateName;
use ami_migrations::{Migrator, MigratorTrait as _};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbBackend};
use uuid::Uuid;

/// An empty database with the schema of before, in a folder where it needs one.
async fn before(database: &str, folder: &Path) -> (String, DatabaseConnection) {
    let name = format!("ami_filed_{}", std::process::id());
    let url = if database == "postgres" {
        let base = std::env::var("AMI_TEST_POSTGRES_URL").unwrap();
        let server = sea_orm::Database::connect(&base).await.unwrap();
        server.execute_unprepared(&format!("DROP DATABASE IF EXISTS {name}")).await.unwrap();
        server.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
        let (address, options) = base.split_once('?').map_or((base.as_str(), ""), |(a, o)| (a, o));
        format!("{}/{name}{}{options}", address.rsplit_once('/').unwrap().0, if options.is_empty() { "" } else { "?" })
    } else {
        format!("sqlite://{}?mode=rwc", folder.join("ami.sqlite").display())
    };
    let conn = sea_orm::Database::connect(&url).await.unwrap();
    let steps = Migrator::migrations().iter().position(|m| m.name() == "m20261125_000004_filed").unwrap();
    Migrator::up(&conn, Some(u32::try_from(steps).unwrap())).await.unwrap();
    (url, conn)
}

#[tokio::test]
async fn old_rows_are_carried_over() {
    let postgres = std::env::var_os("AMI_TEST_POSTGRES_URL").is_some();
    assert!(postgres || std::env::var_os("CI").is_none(), "AMI_TEST_POSTGRES_URL is not set");
    for database in ["sqlite", "postgres"] {
        if database == "sqlite" || postgres {
            carried_over(database).await;
        }
    }
}

async fn carried_over(database: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (url, conn) = before(database, folder.path()).await;
    let lite = conn.get_database_backend() == DbBackend::Sqlite;
    let uuid = |n: u128| Uuid::from_u128(n);
    let id = |n: u128| if lite { format!("x'{}'", uuid(n).simple()) } else { format!("'{}'", uuid(n)) };
    let definition = r#"{"rules":{"legal_form_field":"1.02"}}"#;
    let content = r#"{"call":"AMI","call_version":1,"number":"A-0001","lot":"L1","organisation":"Ancien Nom","siret":"1","answers":{"1.02":"scic"},"pieces":[]}"#;
    let (account, organisation, call) = (id(1), id(2), id(3));
    let mut rows = vec![
        format!("INSERT INTO accounts VALUES ({account}, 'a@demonstration.example', 'A', NULL, NULL, FALSE, 0, NULL)"),
        format!(
            "INSERT INTO organisations VALUES ({organisation}, 'Nom', '73282932000074', NULL, 'association', 0, {account}, NULL)"
        ),
        format!("INSERT INTO calls VALUES ({call}, 'AMI', 'published', 1, '{definition}', 0, 0, 0)"),
    ];
    // Filed twice, of which the first was taken back; taken back and never filed again; withdrawn.
    for (n, lot, state, filed) in [(10, "L1", "deposited", 2), (20, "L2", "draft", 1), (30, "L3", "withdrawn", 1)] {
        let at = if state == "draft" { "NULL" } else { "5" };
        let withdrawn = if state == "withdrawn" { "9" } else { "NULL" };
        rows.push(format!(
            "INSERT INTO dossiers VALUES ({}, {call}, {organisation}, '{lot}', {n}, '{state}', 0, 0, 0, {account}, {at}, \
             {withdrawn}, NULL, NULL)",
            id(n)
        ));
        for version in 1..=filed {
            let taken_back = if version < filed || state == "draft" { "7" } else { "NULL" };
            rows.push(format!(
                "INSERT INTO deposits VALUES ({}, {}, {version}, 5, {account}, '{content}', '{}', {taken_back})",
                id(n + version),
                id(n),
                sha256_hex(content.as_bytes())
            ));
        }
        rows.push(format!("INSERT INTO answers VALUES ({}, '1.02', '\"association\"', NULL, 1, 0, {account})", id(n)));
    }
    for row in rows {
        conn.execute_unprepared(&row).await.unwrap();
    }
    drop(conn);

    let opened = Database::connect(&url).await.unwrap();
    opened.migrate().await.unwrap();
    let read = opened.read();
    let dossier = dossiers::find(read, uuid(10).into()).await.unwrap().unwrap();
    let filing = dossier.filing().unwrap();
    assert_eq!((dossier.state_name(), filing.deposit), (DossierStateName::Deposited, uuid(12).into()));
    assert_eq!(dossier.editing(), None);
    let sealed = deposits::find(read, filing.deposit).await.unwrap().unwrap();
    assert_eq!((sealed.applicant.name.as_str(), sealed.applicant.legal_form.as_str()), ("Ancien Nom", "scic"));
    let filed = deposits::filed(read, [uuid(10).into()]).await.unwrap().remove(&uuid(10).into()).unwrap();
    assert_eq!((filed.applicant.siret.as_str(), filed.changed().map(|t| t.name.as_str())), ("1", Some("Nom")));
    let lines = deposits::of_dossier(read, uuid(10).into()).await.unwrap();
    let taken_back: Vec<bool> = lines.iter().map(|line| line.taken_back_at.is_some()).collect();
    assert_eq!(taken_back, [false, true]);
    // Who was told that a dossier is filed no more is not filed again behind their back.
    let draft = dossiers::find(read, uuid(20).into()).await.unwrap().unwrap();
    assert_eq!((draft.filing(), draft.is_editable()), (None, true));
    assert_eq!(dossiers::answers(read, uuid(20).into()).await.unwrap().len(), 1);

    // One live dossier for a lot.
    let another = |n: u128, lot: &str| {
        format!(
            "INSERT INTO dossiers (id, call_id, organisation_id, lot, number, state, revision, answers_revision, created_at, \
             created_by) VALUES ({}, {call}, {organisation}, '{lot}', {n}, 'draft', 0, 0, 0, {account})",
            id(n)
        )
    };
    read.execute_unprepared(&another(40, "L3")).await.unwrap();
    for (n, lot) in [(50, "L1"), (60, "L3")] {
        let refused = read.execute_unprepared(&another(n, lot)).await.unwrap_err();
        assert!(
            matches!(DatabaseError::from(refused), DatabaseError::Constraint(Constraint::DossierLot)),
            "{database} {lot}"
        );
    }
}
