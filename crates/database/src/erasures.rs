//! The one way through tables of history: a dossier goes with all that hangs on it, and each row of history leaves its hash.
//!
//! What hangs on it is what the schema's foreign keys say, so that a table that comes later is not forgotten.

use std::collections::BTreeMap;

use ami_domain::deposit::sha256_hex;
use ami_domain::ids::DossierId;
use ami_domain::policy::{Permit, acts};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, QueryResult, Statement};
use uuid::Uuid;

use crate::connection::{instant, stored};
use crate::{Result, Tx, objects};

/// Why something is erased.
#[derive(Debug, Clone, Copy)]
pub struct Why<'a> {
    /// What people call it: a dossier's number.
    pub subject: &'a str,
    /// In words.
    pub reason: &'a str,
    /// The archivist's visa.
    pub visa: &'a str,
}

/// A column of a table that names rows of another one.
struct Link {
    table: String,
    column: String,
    names: String,
}

enum Step {
    /// Rows that stay cease to name those that go.
    Forget { table: String, column: String, which: String },
    /// Rows go.
    Erase { table: String, which: String },
}

/// Erases a dossier, its deposits, answers, files, sheets, decision, documents and their histories. Gives how many rows went, by
/// table.
pub async fn erase_dossier(
    tx: &Tx,
    permit: &Permit<acts::EraseDossier>,
    why: Why<'_>,
    now: Timestamp,
    mut id: impl FnMut() -> Uuid + Send,
) -> Result<BTreeMap<String, u64>> {
    let dossier = permit.on();
    doom_files(tx, dossier, now).await?;
    let links = links(&tx.0).await?;
    let mut steps = Vec::new();
    let root = format!("id = {}", literal(tx.0.get_database_backend(), dossier.uuid()));
    plan(&links, "dossiers", root, &mut Vec::new(), &mut steps);
    let mut gone = BTreeMap::new();
    for step in steps {
        match step {
            Step::Forget { table, column, which } => {
                tx.0.execute_unprepared(&format!("UPDATE {table} SET {column} = NULL WHERE {which}")).await?;
            }
            Step::Erase { table, which } => {
                if is_history(&tx.0, &table).await? {
                    for (row, sha256) in hashes(&tx.0, &table, &which).await? {
                        let values = [
                            id().into(),
                            table.as_str().into(),
                            row.into(),
                            sha256.into(),
                            why.reason.into(),
                            why.visa.into(),
                            permit.by().uuid().into(),
                            stored(now).into(),
                            why.subject.into(),
                        ];
                        tx.0.execute_raw(prepared(tx.0.get_database_backend(), TOMBSTONE, values)).await?;
                    }
                }
                let erased = tx.0.execute_unprepared(&format!("DELETE FROM {table} WHERE {which}")).await?;
                if erased.rows_affected() > 0 {
                    *gone.entry(table).or_insert(0) += erased.rows_affected();
                }
            }
        }
    }
    Ok(gone)
}

const TOMBSTONE: &str = "INSERT INTO erasures \
    (id, table_name, row_id, sha256, reason, visa, by_account, at, subject) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// A statement whose places are `?`.
fn prepared(backend: DbBackend, sql: &str, values: impl IntoIterator<Item = sea_orm::Value>) -> Statement {
    if backend == DbBackend::Sqlite {
        return Statement::from_sql_and_values(backend, sql, values);
    }
    let mut parts = sql.split('?');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for (n, part) in parts.enumerate() {
        text = format!("{text}${}{part}", n + 1);
    }
    Statement::from_sql_and_values(backend, text, values)
}

/// Lets the stored files go that no other dossier names.
async fn doom_files(tx: &Tx, dossier: DossierId, now: Timestamp) -> Result<()> {
    let backend = tx.0.get_database_backend();
    let sql = "SELECT object_key FROM pieces WHERE dossier_id = ? \
               AND object_key NOT IN (SELECT object_key FROM pieces WHERE dossier_id <> ?)";
    for row in tx.0.query_all_raw(prepared(backend, sql, [dossier.uuid().into(), dossier.uuid().into()])).await? {
        objects::doom(tx, &row.try_get_by_index::<String>(0)?, now).await?;
    }
    Ok(())
}

fn literal(backend: DbBackend, id: Uuid) -> String {
    if backend == DbBackend::Sqlite { format!("X'{}'", id.simple()) } else { format!("'{id}'") }
}

async fn all<T>(
    conn: &impl ConnectionTrait,
    (sqlite, postgres): (&str, &str),
    of: &str,
    read: impl Fn(&QueryResult) -> std::result::Result<T, sea_orm::DbErr>,
) -> Result<Vec<T>> {
    let backend = conn.get_database_backend();
    let sql = if backend == DbBackend::Sqlite { sqlite } else { postgres };
    let values: Vec<sea_orm::Value> = if sql.contains('?') { vec![of.into()] } else { Vec::new() };
    let rows = conn.query_all_raw(prepared(backend, sql, values)).await?;
    rows.iter().map(|row| Ok(read(row)?)).collect()
}

/// Every foreign key, and what names a row without one: documents, by their subject.
async fn links(conn: &impl ConnectionTrait) -> Result<Vec<Link>> {
    let sqlite = "SELECT t.name, k.\"from\", k.\"table\" FROM sqlite_master t, pragma_foreign_key_list(t.name) k \
                  WHERE t.type = 'table' ORDER BY t.name, k.id";
    let postgres = "SELECT c.conrelid::regclass::text, a.attname::text, c.confrelid::regclass::text \
                    FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1] \
                    WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace ORDER BY 1, 2";
    let mut links = all(conn, (sqlite, postgres), "", |row| {
        Ok(Link { table: row.try_get_by_index(0)?, column: row.try_get_by_index(1)?, names: row.try_get_by_index(2)? })
    })
    .await?;
    for names in ["dossiers", "deposits", "letters"] {
        links.push(Link { table: "documents".into(), column: "subject".into(), names: names.into() });
    }
    Ok(links)
}

/// What goes before the rows of a table, then these.
fn plan(links: &[Link], table: &str, which: String, above: &mut Vec<String>, steps: &mut Vec<Step>) {
    above.push(table.to_owned());
    for link in links.iter().filter(|link| link.names == table) {
        let hangs = format!("{} IN (SELECT id FROM {table} WHERE {which})", link.column);
        if above.contains(&link.table) {
            steps.push(Step::Forget { table: link.table.clone(), column: link.column.clone(), which: hangs });
        } else {
            plan(links, &link.table, hangs, above, steps);
        }
    }
    above.pop();
    steps.push(Step::Erase { table: table.to_owned(), which });
}

async fn is_history(conn: &impl ConnectionTrait, table: &str) -> Result<bool> {
    let sqlite = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name = ?";
    let postgres = "SELECT tgname::text FROM pg_trigger WHERE tgname = ?";
    let name = format!("tg_{table}_no_delete");
    let found: Vec<String> = all(conn, (sqlite, postgres), &name, |row| row.try_get_by_index(0)).await?;
    Ok(!found.is_empty())
}

/// The id of each row and its SHA-256: of its columns in the order of their names, as a JSON list of name and text, ids and bytes
/// in hexadecimal. Whoever has a copy of the row can compute it.
async fn hashes(conn: &impl ConnectionTrait, table: &str, which: &str) -> Result<Vec<(String, String)>> {
    let sqlite = "SELECT name, type FROM pragma_table_info(?) ORDER BY name";
    let postgres = "SELECT column_name::text, data_type::text FROM information_schema.columns \
                    WHERE table_schema = current_schema() AND table_name = ? ORDER BY column_name COLLATE \"C\"";
    let columns: Vec<(String, String)> =
        all(conn, (sqlite, postgres), table, |row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).await?;
    let backend = conn.get_database_backend();
    let texts: Vec<String> = columns.iter().map(|(name, kind)| as_text(backend, name, kind)).collect();
    let sql = format!("SELECT {} FROM {table} WHERE {which}", texts.join(", "));
    let rows = conn.query_all_raw(Statement::from_string(backend, sql)).await?;
    rows.into_iter()
        .map(|row| {
            let mut whole: Vec<(&str, Option<String>)> = Vec::with_capacity(columns.len());
            for (n, (name, _)) in columns.iter().enumerate() {
                whole.push((name, row.try_get_by_index(n)?));
            }
            let id = whole.iter().find(|(name, _)| *name == "id").and_then(|(_, id)| id.clone()).unwrap_or_default();
            Ok((id, sha256_hex(serde_json::to_string(&whole).unwrap_or_default().as_bytes())))
        })
        .collect()
}

fn as_text(backend: DbBackend, name: &str, kind: &str) -> String {
    if backend == DbBackend::Sqlite {
        return format!("CASE typeof({name}) WHEN 'blob' THEN lower(hex({name})) ELSE CAST({name} AS TEXT) END");
    }
    match kind {
        "uuid" => format!("replace({name}::text, '-', '')"),
        "bytea" => format!("encode({name}, 'hex')"),
        "boolean" => format!("({name}::int)::text"),
        _ => format!("{name}::text"),
    }
}

/// Something that was erased: its tombstones, counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// What people called it; empty for a row that was erased alone.
    pub subject: String,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
    /// The archivist's visa.
    pub visa: String,
    /// Rows of history that left their hash.
    pub rows: i64,
}

#[derive(FromQueryResult)]
struct ErasureRow {
    subject: String,
    at: i64,
    reason: String,
    visa: String,
    n: i64,
}

/// Everything that was erased, oldest first.
pub async fn erased(conn: &impl ConnectionTrait) -> Result<Vec<Erasure>> {
    let sql = "SELECT subject, at, reason, visa, COUNT(*) AS n FROM erasures \
               GROUP BY subject, at, reason, visa ORDER BY at, subject";
    let statement = Statement::from_string(conn.get_database_backend(), sql);
    let rows = ErasureRow::find_by_statement(statement).all(conn).await?;
    rows.into_iter()
        .map(|row| {
            Ok(Erasure {
                at: instant("erasures", "at", &row.subject, row.at)?,
                subject: row.subject,
                reason: row.reason,
                visa: row.visa,
                rows: row.n,
            })
        })
        .collect()
}
