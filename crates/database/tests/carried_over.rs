//! A database from before sign-ins had their own table: its rows are carried over.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use ami_database::accounts;
use ami_database::links::{self, Purpose};
use ami_database::{Database, DatabaseError, organisations, sign_ins};
use ami_domain::identifiers::Siret;
use ami_migrations::{Migrator, MigratorTrait as _};
use sea_orm::{ConnectionTrait as _, DbBackend};
use uuid::Uuid;

/// Rows as the version before wrote them: an unconfirmed account whose password a stranger may have chosen, a confirmed one with
/// a sign-in of three tokens and one that was ended, one SIRET registered twice.
const ROWS: &str = "
INSERT INTO accounts VALUES (@1, 'ada@exemple.fr', 'Ada', 'hash-a', NULL, FALSE, 1, NULL);
INSERT INTO accounts VALUES (@2, 'bea@exemple.fr', 'Bea', 'hash-b', 5, FALSE, 1, NULL);
INSERT INTO account_tokens VALUES (@3, @1, 'confirm_email', 'link', 900, NULL, 1);
INSERT INTO sessions VALUES (@4, @2, @4, 'first', 10, 900, 20, NULL);
INSERT INTO sessions VALUES (@5, @2, @4, 'second', 20, 910, 30, NULL);
INSERT INTO sessions VALUES (@6, @2, @4, 'third', 30, 920, NULL, NULL);
INSERT INTO sessions VALUES (@7, @2, @7, 'ended', 10, 900, NULL, 40);
INSERT INTO organisations VALUES (@8, 'Premiere', '73282932000074', NULL, 'association', 1, @1);
INSERT INTO organisations VALUES (@9, 'Seconde', '73282932000074', NULL, 'association', 2, @2);
INSERT INTO memberships VALUES (@9, @2, 2);
";

fn id<T: From<Uuid>>(n: u128) -> T {
    Uuid::from_u128(n).into()
}

/// The ids as each database writes them.
fn rows(backend: DbBackend) -> String {
    (1..10).fold(ROWS.to_owned(), |text, n| {
        let id = Uuid::from_u128(n);
        let literal = match backend {
            DbBackend::Sqlite => format!("X'{}'", id.simple()),
            _ => format!("'{id}'"),
        };
        text.replace(&format!("@{n}"), &literal)
    })
}

async fn carried_over(url: &str) {
    let database = Database::connect(url).await.unwrap();
    let conn = database.read();
    let old = sea_orm::Database::connect(url).await.unwrap();
    Migrator::up(&old, Some(2)).await.unwrap();
    old.close().await.unwrap();
    conn.execute_unprepared(&rows(conn.get_database_backend())).await.unwrap();
    database.migrate().await.unwrap();

    // The password of an unconfirmed address goes with its link.
    let ada = accounts::find(conn, id(1)).await.unwrap().unwrap();
    let link = links::standing(conn, ada.id, Purpose::ConfirmEmail).await.unwrap().unwrap();
    assert_eq!((ada.password_hash, link.carried.password_hash.as_deref()), (None, Some("hash-a")));
    let (bea, actor) = accounts::signed_in_actor(conn, id(2), id(4)).await.unwrap().unwrap();
    assert_eq!(bea.password_hash.as_deref(), Some("hash-b"));
    assert!(actor.organisations.contains(&id(9)));
    assert!(accounts::signed_in_actor(conn, id(2), id(7)).await.unwrap().is_none(), "ended before");
    assert!(accounts::signed_in_actor(conn, id(1), id(4)).await.unwrap().is_none(), "another's sign-in");
    let newest = database
        .write((), |tx, ()| {
            Box::pin(async move {
                let newest = sign_ins::find_by_hash_for_update(tx, "third").await?;
                let older = sign_ins::find_by_hash_for_update(tx, "second").await?;
                assert!(older.is_none());
                Ok::<_, DatabaseError>(newest)
            })
        })
        .await
        .unwrap()
        .unwrap();
    assert_eq!((newest.id, newest.account), (id(4), id(2)));

    // The second one of a SIRET is kept apart, and both keep their members.
    let twice = organisations::duplicates(conn).await.unwrap();
    assert_eq!(twice.iter().map(|o| o.name.as_str()).collect::<Vec<_>>(), ["Seconde"]);
    let first = organisations::find_by_siret(conn, &Siret::parse("73282932000074").unwrap()).await.unwrap().unwrap();
    assert_eq!(first.name, "Premiere");
}

#[tokio::test]
async fn a_folder_from_before_opens() {
    let folder = tempfile::tempdir().unwrap();
    carried_over(&format!("sqlite://{}?mode=rwc", folder.path().join("ami.sqlite").display())).await;
    let Ok(base) = std::env::var("AMI_TEST_POSTGRES_URL") else {
        assert!(std::env::var_os("CI").is_none(), "AMI_TEST_POSTGRES_URL is not set");
        return;
    };
    let name = format!("ami_test_carried_{}", std::process::id());
    let server = Database::connect(&base).await.unwrap();
    server.read().execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
    let (address, options) = base.split_once('?').unwrap_or((&base, ""));
    let (address, _) = address.rsplit_once('/').unwrap();
    carried_over(&format!("{address}/{name}?{options}")).await;
}
