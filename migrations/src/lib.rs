//! The schema, one for SQLite and PostgreSQL.
//!
//! Each migration is SQL that both databases read, but for the names of two types: ` UUID` and ` BYTEA` are written ` BLOB` for
//! SQLite; where they differ in more than that, a migration has a text for each. Instants are `BIGINT` microseconds since the
//! Unix epoch, so that comparisons are exact on both (docs/adr/0002). Every constraint has a name or is known by its columns:
//! constraints decide races, and the code tells them apart.
//!
//! All that is missing runs in one transaction, under a lock: of several servers that start together one migrates, the others
//! wait and find it done. SQLite checks no foreign key meanwhile (a table may be made anew), and all of them before it commits.
//!
//! To add a migration: write `mYYYYMMDD_NNNNNN_what.sql` beside this file, add a [`Sql`] to [`Migrator`], never change an old one.

use sea_orm_migration::prelude::*;
pub use sea_orm_migration::prelude::{MigrationTrait, MigratorTrait};
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// Runs the migrations in order.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(Sql {
                name: "m20261123_000001_first",
                text: Text::Both(include_str!("m20261123_000001_first.sql")),
                append_only: &["journal", "answer_history", "mark_history", "decision_history", "rankings"],
            }),
            Box::new(Sql {
                name: "m20261125_000002_writing",
                text: Text::Both(include_str!("m20261125_000002_writing.sql")),
                append_only: &[],
            }),
            Box::new(Sql {
                name: "m20261125_000004_filed",
                text: Text::Each {
                    sqlite: include_str!("m20261125_000004_filed.sqlite.sql"),
                    postgres: include_str!("m20261125_000004_filed.postgres.sql"),
                },
                append_only: &[],
            }),
        ]
    }
}

/// What a migration says.
#[derive(Debug)]
enum Text {
    /// The same to both, but for the names of types.
    Both(&'static str),
    /// To each its own, the names of types for SQLite made as above.
    Each { sqlite: &'static str, postgres: &'static str },
}

/// A migration.
#[derive(Debug)]
struct Sql {
    name: &'static str,
    text: Text,
    /// Tables whose rows are history from here on: nothing changes or removes them.
    append_only: &'static [&'static str],
}

impl MigrationName for Sql {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Sql {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        let sqlite = connection.get_database_backend() == DbBackend::Sqlite;
        let text = match self.text {
            Text::Both(text) | Text::Each { sqlite: text, .. } if sqlite => {
                text.replace(" UUID", " BLOB").replace(" BYTEA", " BLOB")
            }
            Text::Both(text) | Text::Each { postgres: text, .. } => text.to_owned(),
        };
        connection.execute_unprepared(&text).await?;
        if self.append_only.is_empty() {
            return Ok(());
        }
        if !sqlite {
            connection
                .execute_unprepared(
                    "CREATE OR REPLACE FUNCTION ami_append_only() RETURNS trigger LANGUAGE plpgsql AS \
                     $$ BEGIN RAISE EXCEPTION 'append-only table'; END $$",
                )
                .await?;
        }
        for table in self.append_only {
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
