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

mod history;

use history::History;

/// A migration in the file of its name, the same for both databases.
macro_rules! both {
    ($name:literal) => {
        both!($name, &[])
    };
    ($name:literal, $history:expr) => {
        Sql { name: $name, text: Text::Both(include_str!(concat!($name, ".sql"))), history: $history }
    };
}

/// A migration in two files, one for each database.
macro_rules! each {
    ($name:literal) => {
        Sql {
            name: $name,
            text: Text::Each {
                sqlite: include_str!(concat!($name, ".sqlite.sql")),
                postgres: include_str!(concat!($name, ".postgres.sql")),
            },
            history: &[],
        }
    };
}

/// Runs the migrations in order.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(both!("m20261123_000001_first", FIRST_HISTORY)),
            Box::new(both!("m20261125_000002_writing")),
            Box::new(both!("m20261125_000003_signing_in")),
            Box::new(each!("m20261125_000004_filed")),
            Box::new(both!("m20261125_000005_decisions")),
            Box::new(both!("m20261125_000006_jobs")),
            Box::new(both!("m20261125_000007_evidence", HISTORY)),
            Box::new(both!("m20261125_000008_once")),
            Box::new(both!("m20261125_000009_overrides")),
            Box::new(both!("m20261125_000010_erasures")),
            Box::new(each!("m20261125_000011_calls")),
            Box::new(both!("m20261125_000012_deliberations", DELIBERATION_HISTORY)),
            Box::new(both!("m20261125_000013_discarded")),
            Box::new(both!("m20261125_000014_jury", JURY_HISTORY)),
            Box::new(both!("m20261125_000015_lists")),
            Box::new(both!("m20261125_000017_letters", LETTER_HISTORY)),
            Box::new(each!("m20261125_000018_receipts")),
            Box::new(both!("m20261125_000019_uploads")),
            Box::new(both!("m20261125_000020_questions", QUESTION_HISTORY)),
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
    /// Tables whose rows are history from here on.
    history: &'static [History],
}

/// What nothing changes from the first schema on: the keys are guarded with `erasures`, later.
const FIRST_HISTORY: &[History] = &[
    History { table: "journal", keys: &[], erasable: false },
    History { table: "answer_history", keys: &[], erasable: false },
    History { table: "mark_history", keys: &[], erasable: false },
    History { table: "decision_history", keys: &[], erasable: false },
    History { table: "rankings", keys: &[], erasable: false },
];

/// Everything that is history.
const HISTORY: &[History] = &[
    History { table: "journal", keys: &[&["scope", "seq"]], erasable: false },
    History { table: "journal_heads", keys: &[&["scope", "seq"]], erasable: false },
    History { table: "erasures", keys: &[&["id"], &["table_name", "row_id"]], erasable: false },
    History { table: "evidence_keys", keys: &[&["public"]], erasable: false },
    History { table: "call_versions", keys: &[&["call_id", "version"]], erasable: false },
    History { table: "answer_history", keys: &[&["id"]], erasable: true },
    History { table: "mark_history", keys: &[&["id"]], erasable: true },
    History { table: "decision_history", keys: &[&["id"]], erasable: true },
    History { table: "rankings", keys: &[&["id"]], erasable: true },
    History { table: "recusals", keys: &[&["id"]], erasable: true },
    History { table: "deposits", keys: &[&["id"], &["dossier_id", "version"]], erasable: true },
    History { table: "deposit_changes", keys: &[&["id"]], erasable: true },
    History { table: "sheet_reopenings", keys: &[&["id"]], erasable: true },
];

/// What the assembly was given, and what was recorded of it.
const DELIBERATION_HISTORY: &[History] = &[
    History { table: "deliberation_decisions", keys: &[&["id"], &["deliberation_id", "dossier_id"]], erasable: true },
    History { table: "deliberation_history", keys: &[&["id"]], erasable: true },
];
/// What was answered to questions.
const QUESTION_HISTORY: &[History] = &[History { table: "question_answers", keys: &[&["id"]], erasable: true }];
/// What jurors ask for and what was answered.
const JURY_HISTORY: &[History] = &[History { table: "reopening_requests", keys: &[&["id"]], erasable: true }];

/// What became of letters.
const LETTER_HISTORY: &[History] = &[History { table: "letter_history", keys: &[&["id"]], erasable: true }];

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
        history::guard(connection, self.history).await
    }
}
