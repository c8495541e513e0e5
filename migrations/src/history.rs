//! Tables whose rows are history: nothing changes, replaces or removes them, whoever asks the database.
//!
//! UPDATE and DELETE are refused by triggers on both databases, and so are SQLite's `INSERT OR REPLACE`, which deletes without a
//! word, and PostgreSQL's `TRUNCATE`. One way is open: a row that `erasures` names may be deleted, once.

use sea_orm_migration::prelude::DbErr;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// A table of history.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) table: &'static str,
    /// The columns of each of its unique keys, the primary one first.
    pub(crate) keys: &'static [&'static [&'static str]],
    /// Whether a row may go by `erasures`: it has an `id` then.
    pub(crate) erasable: bool,
}

/// The function behind PostgreSQL's triggers.
const FUNCTION: &str = "CREATE OR REPLACE FUNCTION ami_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
    IF TG_OP = 'DELETE' THEN \
      IF EXISTS (SELECT 1 FROM erasures WHERE table_name = TG_TABLE_NAME \
                 AND row_id = replace(to_jsonb(OLD) ->> 'id', '-', '')) THEN RETURN OLD; END IF; \
    END IF; \
    RAISE EXCEPTION 'append-only table'; END $$";

/// Guards tables; triggers from before are made anew.
pub(crate) async fn guard(connection: &impl ConnectionTrait, tables: &[History]) -> Result<(), DbErr> {
    let sqlite = connection.get_database_backend() == DbBackend::Sqlite;
    if !sqlite {
        connection.execute_unprepared(FUNCTION).await?;
    }
    for history in tables {
        let statements = if sqlite { on_sqlite(history) } else { on_postgres(history) };
        for statement in statements {
            connection.execute_unprepared(&statement).await?;
        }
    }
    Ok(())
}

fn on_sqlite(History { table, keys, erasable }: &History) -> Vec<String> {
    let refuse = "BEGIN SELECT RAISE(ABORT, 'append-only table'); END";
    let erased = format!(
        "WHEN NOT EXISTS (SELECT 1 FROM erasures WHERE table_name = '{table}' AND row_id = lower(hex(OLD.id)))"
    );
    let mut statements = vec![
        format!("DROP TRIGGER IF EXISTS tg_{table}_no_update"),
        format!("DROP TRIGGER IF EXISTS tg_{table}_no_delete"),
        format!("CREATE TRIGGER tg_{table}_no_update BEFORE UPDATE ON {table} {refuse}"),
        format!(
            "CREATE TRIGGER tg_{table}_no_delete BEFORE DELETE ON {table} {} {refuse}",
            if *erasable { erased.as_str() } else { "" }
        ),
    ];
    for (n, key) in keys.iter().enumerate() {
        let same: Vec<String> = key.iter().map(|column| format!("{column} = NEW.{column}")).collect();
        statements.push(format!("DROP TRIGGER IF EXISTS tg_{table}_no_replace_{n}"));
        statements.push(format!(
            "CREATE TRIGGER tg_{table}_no_replace_{n} BEFORE INSERT ON {table} \
             WHEN EXISTS (SELECT 1 FROM {table} WHERE {}) {refuse}",
            same.join(" AND ")
        ));
    }
    statements
}

fn on_postgres(History { table, .. }: &History) -> Vec<String> {
    let mut statements = Vec::new();
    for (name, event, each) in
        [("update", "UPDATE", "ROW"), ("delete", "DELETE", "ROW"), ("truncate", "TRUNCATE", "STATEMENT")]
    {
        statements.push(format!("DROP TRIGGER IF EXISTS tg_{table}_no_{name} ON {table}"));
        statements.push(format!(
            "CREATE TRIGGER tg_{table}_no_{name} BEFORE {event} ON {table} FOR EACH {each} \
             EXECUTE FUNCTION ami_append_only()"
        ));
    }
    statements
}
