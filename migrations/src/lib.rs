//! The schema, one for SQLite and PostgreSQL.
//!
//! Each migration is SQL that both databases read, but for the names of two types: `UUID` and `BYTEA` are written `BLOB` for
//! SQLite. Instants are `BIGINT` microseconds since the Unix epoch, so that comparisons are exact on both (docs/adr/0002).
//! Every constraint has a name or is known by its columns: constraints decide races, and the code tells them apart.
//!
//! To add a migration: write `mYYYYMMDD_NNNNNN_what.sql` beside this file, add it to [`Migrator`], never change an old one.

use sea_orm_migration::prelude::*;
pub use sea_orm_migration::prelude::{MigrationTrait, MigratorTrait};
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// Runs the migrations in order.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(First)]
    }
}

#[derive(Debug)]
struct First;

impl MigrationName for First {
    fn name(&self) -> &'static str {
        "m20261123_000001_first"
    }
}

/// Tables whose rows are history: nothing changes or removes them.
const APPEND_ONLY: [&str; 5] = ["journal", "answer_history", "mark_history", "decision_history", "rankings"];

#[async_trait::async_trait]
impl MigrationTrait for First {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        let backend = connection.get_database_backend();
        let sqlite = backend == DbBackend::Sqlite;
        let statements: String = include_str!("m20261123_000001_first.sql")
            .lines()
            .map(|line| line.split("--").next().unwrap_or_default())
            .collect::<Vec<_>>()
            .join("\n");
        for statement in statements.split(';').map(str::trim).filter(|s| !s.is_empty()) {
            let statement = if sqlite {
                statement.replace(" UUID", " BLOB").replace(" BYTEA", " BLOB")
            } else {
                statement.to_owned()
            };
            connection.execute_unprepared(&statement).await?;
        }
        if !sqlite {
            connection
                .execute_unprepared(
                    "CREATE FUNCTION ami_append_only() RETURNS trigger LANGUAGE plpgsql AS \
                     $$ BEGIN RAISE EXCEPTION 'append-only table'; END $$",
                )
                .await?;
        }
        for table in APPEND_ONLY {
            for event in ["UPDATE", "DELETE"] {
                let body = if sqlite {
                    "BEGIN SELECT RAISE(ABORT, 'append-only table'); END"
                } else {
                    "FOR EACH ROW EXECUTE FUNCTION ami_append_only()"
                };
                let name = format!("tg_{table}_no_{}", event.to_lowercase());
                let trigger = format!("CREATE TRIGGER {name} BEFORE {event} ON {table} {body}");
                connection.execute_unprepared(&trigger).await?;
            }
        }
        Ok(())
    }
}
