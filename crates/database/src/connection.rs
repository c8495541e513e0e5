//! Connections, reading, and what can go wrong. Writing is in [`crate::writer`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ami_migrations::{Migrator, MigratorTrait as _};
use jiff::Timestamp;
use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, ConnectOptions, ConnectionTrait as _, DatabaseConnection,
    DatabaseTransaction, DbBackend, DbErr, EntityTrait as _, IntoActiveModel, IsolationLevel, RuntimeErr, SqlErr,
    Statement, TransactionOptions, TransactionTrait as _,
};
use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use thiserror::Error;

use crate::Tx;
use crate::reader::{Reader, Server};
use crate::writer::Writer;

/// Connections that read several statements at one instant.
const SNAPSHOTS: u32 = 4;
/// How long whoever needs a connection waits for it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a writer waits for another program that holds SQLite's file.
const HELD: Duration = Duration::from_secs(5);

/// The database: connections that read, and beside it a writer that no reader waits for.
///
/// It is not `Clone`, and what is written is a closure that holds nothing borrowed ([`Database::write`]): a write cannot ask for
/// a second connection while it holds its own.
#[derive(Debug)]
pub struct Database {
    reader: Reader,
    snapshots: DatabaseConnection,
    writer: Writer,
    queries: Arc<AtomicU64>,
    pub(crate) writes: Arc<AtomicU64>,
}

/// Why the database did not do it.
#[derive(Debug, Error)]
pub enum DatabaseError {
    /// A constraint decided against it.
    #[error("constraint {0:?}")]
    Constraint(Constraint),
    /// Somebody else changed it in the meantime.
    #[error("{table}: changed in the meantime")]
    Conflict {
        /// The table.
        table: &'static str,
    },
    /// The permit is for something else than what was to be written. Nothing of it was done.
    #[error("{table}: the permit is for another row")]
    NotPermitted {
        /// The table.
        table: &'static str,
    },
    /// A stored row is not what it must be.
    #[error("{table}.{column} of {id}: {problem}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row.
        id: String,
        /// What is wrong.
        problem: String,
    },
    /// Two writers got in each other's way: the same again may succeed. [`Database::write`] tries again by itself.
    #[error("another writer was in the way: {0}")]
    Again(DbErr),
    /// So many wait to write that this did not get its turn. Nothing of it was done.
    #[error("too many wait to write")]
    Busy,
    /// The database is away, full or read-only. Nothing was done.
    #[error("the database cannot be used: {0}")]
    Away(DbErr),
    /// The database did not say whether it was done.
    #[error("no answer from the database: {0}")]
    Unanswered(String),
    /// Everything else.
    #[error("database: {0}")]
    Other(DbErr),
}

/// The constraints that decide races, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Constraint {
    /// An account has this e-mail address already.
    AccountEmail,
    /// The organisation has a dossier for this lot already, and has not withdrawn it.
    DossierLot,
    /// A call has this code already.
    CallCode,
    /// A call has this prefix of its dossiers' numbers already.
    CallPrefix,
    /// The person is an officer of the call already.
    Officer,
    /// An invitation to run the call is open for the person already.
    OfficerInvitation,
    /// The person has a seat already.
    SeatAccount,
    /// A seat has this label already.
    SeatLabel,
    /// The seat was asked to mark this dossier already.
    SheetSeat,
    /// The person belongs to the organisation already.
    Membership,
    /// An organisation has this SIRET already.
    OrganisationSiret,
    /// An invitation is open between the organisation and the person already.
    Invitation,
    /// This idempotency key was used already.
    IdempotencyKey,
    /// The document was made already.
    Document,
    /// A deliberation of the call has this number already.
    DeliberationNumber,
    /// Any other one.
    Other,
}

/// How each database reports each constraint: PostgreSQL by name, SQLite by columns.
const CONSTRAINTS: [(Constraint, &str, &str); 15] = [
    (Constraint::AccountEmail, "uq_accounts_email", "accounts.email"),
    (Constraint::DossierLot, "uq_dossiers_live_lot", "dossiers.call_id, dossiers.organisation_id, dossiers.lot"),
    (Constraint::CallCode, "uq_calls_code", "calls.code"),
    (Constraint::CallPrefix, "uq_calls_prefix", "calls.number_prefix"),
    (Constraint::Officer, "pk_officers", "officers.call_id, officers.account_id"),
    (
        Constraint::OfficerInvitation,
        "uq_officer_invitations_open",
        "officer_invitations.call_id, officer_invitations.account_id",
    ),
    (Constraint::SeatAccount, "uq_seats_account", "seats.call_id, seats.account_id"),
    (Constraint::SeatLabel, "uq_seats_label", "seats.call_id, seats.label"),
    (Constraint::SheetSeat, "uq_sheets_seat", "sheets.seat_id, sheets.dossier_id"),
    (Constraint::OrganisationSiret, "uq_organisations_siret", "organisations.siret"),
    (Constraint::Invitation, "uq_invitations_open", "invitations.organisation_id, invitations.account_id"),
    (Constraint::Membership, "pk_memberships", "memberships.organisation_id, memberships.account_id"),
    (Constraint::IdempotencyKey, "pk_idempotency_keys", "idempotency_keys.account_id, idempotency_keys.key"),
    (Constraint::Document, "uq_documents_subject", "documents.kind, documents.subject, documents.version"),
    (Constraint::DeliberationNumber, "uq_deliberations_number", "deliberations.call_id, deliberations.number"),
];

/// A result of this crate.
pub type Result<T> = std::result::Result<T, DatabaseError>;

/// Says no to a write of something else than what its permit names.
pub(crate) fn permitted<T: PartialEq>(table: &'static str, permit: T, written: T) -> Result<()> {
    if permit == written { Ok(()) } else { Err(DatabaseError::NotPermitted { table }) }
}

impl From<DbErr> for DatabaseError {
    /// Says what kind of failure it is, by the database's own codes.
    fn from(error: DbErr) -> Self {
        if let Some(SqlErr::UniqueConstraintViolation(message) | SqlErr::ForeignKeyConstraintViolation(message)) =
            error.sql_err()
        {
            let name = sqlx_error(&error).and_then(|e| e.as_database_error()).and_then(|e| e.constraint());
            let found = CONSTRAINTS
                .iter()
                .find(|(_, by_name, columns)| name == Some(by_name) || message.ends_with(columns))
                .map_or(Constraint::Other, |(constraint, ..)| *constraint);
            return Self::Constraint(found);
        }
        let Some(driver) = sqlx_error(&error) else {
            return match &error {
                DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => Self::Away(error),
                _ => Self::Other(error),
            };
        };
        match driver {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Away(error),
            sqlx::Error::Database(e) => match fault(e.as_ref()) {
                Fault::Again => Self::Again(error),
                Fault::Away => Self::Away(error),
                Fault::Other => Self::Other(error),
            },
            _ => Self::Other(error),
        }
    }
}

fn sqlx_error(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(e))
        | DbErr::Exec(RuntimeErr::SqlxError(e))
        | DbErr::Query(RuntimeErr::SqlxError(e)) => Some(e),
        _ => None,
    }
}

enum Fault {
    Again,
    Away,
    Other,
}

/// PostgreSQL's codes have five characters, SQLite's are numbers whose last byte is the kind.
fn fault(error: &dyn sqlx::error::DatabaseError) -> Fault {
    let code = error.code();
    let code = code.as_deref().unwrap_or_default();
    if code.len() == 5 {
        return match (&code[..2], code) {
            // A serialisation failure, a deadlock, a lock that did not come in time.
            (_, "40001" | "40P01" | "55P03") => Fault::Again,
            // Connection, resources (a full disk), operator, system, read-only.
            ("08" | "53" | "57" | "58", _) | (_, "25006") => Fault::Away,
            _ => Fault::Other,
        };
    }
    match code.parse::<u32>().map(|code| code & 0xff) {
        // PERM, BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN.
        Ok(3 | 5 | 6 | 8 | 10 | 13 | 14) => Fault::Away,
        _ => Fault::Other,
    }
}

pub(crate) fn corrupt(
    table: &'static str,
    column: &'static str,
    id: impl ToString,
    problem: impl ToString,
) -> DatabaseError {
    DatabaseError::Corrupt { table, column, id: id.to_string(), problem: problem.to_string() }
}

/// An instant as stored: microseconds since the Unix epoch.
pub(crate) fn stored(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// An instant read back.
pub(crate) fn instant(table: &'static str, column: &'static str, id: impl ToString, value: i64) -> Result<Timestamp> {
    Timestamp::from_microsecond(value).map_err(|e| corrupt(table, column, id, e))
}

/// An instant cut to what is stored, so that what was promised is what is read back.
pub fn storable(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

impl Database {
    /// Opens it. `sqlite://FILE?mode=rwc` opens with a write-ahead log, foreign keys and full synchronisation: what was
    /// acknowledged outlives a power cut. `postgres://…` is used as given.
    ///
    /// # Errors
    /// When the address is not one of the two, or nothing answers there.
    pub async fn connect(url: &str) -> Result<Self> {
        let queries = Arc::new(AtomicU64::new(0));
        // The writer comes first: it makes a new SQLite file, and its write-ahead log.
        let writer = Writer::open(url, &queries).await?;
        let snapshots = open(url, SNAPSHOTS, &queries).await?;
        let changes = Arc::new(AtomicU64::new(0));
        let reader = Reader::new(server(url)?, Arc::clone(&queries), Arc::clone(&changes));
        Ok(Self { reader, snapshots, writer, queries, writes: changes })
    }

    /// Brings the schema up to date: all that is missing or nothing. Of several that do at once one migrates, and the others wait.
    /// Gives the names of the migrations that it made.
    pub async fn migrate(&self) -> Result<Vec<String>> {
        let connection = self.writer.connection();
        let sqlite = connection.get_database_backend() == DbBackend::Sqlite;
        if sqlite {
            // Inside a transaction this would change nothing. The writer has one connection.
            connection.execute_unprepared("PRAGMA foreign_keys = OFF").await?;
        }
        let migrated = self.migrate_at_once(sqlite).await;
        if sqlite {
            connection.execute_unprepared("PRAGMA foreign_keys = ON").await?;
        }
        migrated
    }

    async fn migrate_at_once(&self, sqlite: bool) -> Result<Vec<String>> {
        let tx = crate::writer::begin(self.writer.connection()).await?;
        if !sqlite {
            tx.execute_unprepared("SET LOCAL lock_timeout = '10min'").await?;
            tx.execute_unprepared("SELECT pg_advisory_xact_lock(4702111234474983745)").await?;
        }
        let missing = Migrator::get_pending_migrations(&tx).await?;
        let missing = missing.iter().map(|migration| migration.name().to_owned()).collect();
        Migrator::up(&tx, None).await?;
        if sqlite {
            let broken = "SELECT \"table\" AS name FROM pragma_foreign_key_check LIMIT 1";
            if let Some(row) = tx.query_one_raw(Statement::from_string(DbBackend::Sqlite, broken)).await? {
                let table: String = row.try_get("", "name")?;
                return Err(DatabaseError::Other(DbErr::Migration(format!("{table}: a row refers to none"))));
            }
        }
        tx.commit().await?;
        Ok(missing)
    }

    /// Whether it can be written.
    pub async fn ready(&self, now: Timestamp) -> Result<()> {
        self.write(stored(now), |tx, now| {
            Box::pin(async move {
                let sql = "UPDATE pulse SET at = $1 WHERE id = 1";
                let statement = Statement::from_sql_and_values(tx.0.get_database_backend(), sql, [(*now).into()]);
                tx.0.execute_raw(statement).await?;
                Ok::<_, DatabaseError>(())
            })
        })
        .await
    }

    /// For reading outside a transaction.
    pub const fn read(&self) -> &Reader {
        &self.reader
    }

    /// What writes.
    pub(crate) const fn writer(&self) -> &Writer {
        &self.writer
    }

    /// Statements sent so far outside transactions and inside them: pages count their queries with it in tests.
    pub fn queries(&self) -> u64 {
        self.queries.load(Ordering::Relaxed)
    }

    /// Grows with every write that this program ended: while it is the same, nothing was changed here.
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::Acquire)
    }

    /// Begins reading: every statement sees the rows of one instant. Ends when it is dropped.
    pub async fn snapshot(&self) -> Result<DatabaseTransaction> {
        let mut options = TransactionOptions::default();
        // SQLite's transactions are snapshots as they are.
        if self.snapshots.get_database_backend() == DbBackend::Postgres {
            options.isolation_level = Some(IsolationLevel::RepeatableRead);
        }
        Ok(self.snapshots.begin_with_options(options).await?)
    }
}

/// A pool of connections. A connection that was idle for a while is tried before it is used; others are not, as that would be
/// a round trip for each statement.
pub(crate) async fn open(url: &str, most: u32, queries: &Arc<AtomicU64>) -> Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(url);
    options
        .sqlx_logging(false)
        .acquire_timeout(PATIENCE)
        .max_connections(most)
        .test_before_acquire_if_idle_for(Duration::from_secs(30));
    if url.starts_with("sqlite:") {
        options.map_sqlx_sqlite_opts(sqlite_options);
    } else {
        options.map_sqlx_postgres_opts(postgres_options);
    }
    let mut connection = sea_orm::Database::connect(options).await?;
    let counter = Arc::clone(queries);
    connection.set_metric_callback(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    Ok(connection)
}

fn sqlite_options(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .pragma("journal_mode", "WAL")
        .pragma("synchronous", "FULL")
        .pragma("recursive_triggers", "ON")
        .foreign_keys(true)
        .busy_timeout(HELD)
}

/// A lock that does not come, or somebody who went away inside a transaction, holds nobody up for long.
fn postgres_options(options: PgConnectOptions) -> PgConnectOptions {
    options.options([("lock_timeout", "3s"), ("idle_in_transaction_session_timeout", "30s")])
}

/// How a connection is opened that sea-orm's pool does not hold.
fn server(url: &str) -> Result<Server> {
    let read = |error| DatabaseError::Other(DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error))));
    Ok(if url.starts_with("sqlite:") {
        let options: SqliteConnectOptions = url.parse().map_err(read)?;
        Server::Sqlite(sqlite_options(options).disable_statement_logging())
    } else {
        let options: PgConnectOptions = url.parse().map_err(read)?;
        Server::Postgres(postgres_options(options).disable_statement_logging())
    })
}

/// Adds one row.
pub(crate) async fn insert<M, A>(tx: &Tx, model: M) -> Result<()>
where
    M: IntoActiveModel<A>,
    A: ActiveModelTrait + ActiveModelBehavior + Send,
{
    let row = model.into_active_model().reset_all();
    A::Entity::insert(row).exec_without_returning(&tx.0).await?;
    Ok(())
}

/// Says that somebody else was faster when an update touched no row.
pub(crate) fn exactly_one(table: &'static str, updated: &sea_orm::UpdateResult) -> Result<()> {
    if updated.rows_affected == 1 { Ok(()) } else { Err(DatabaseError::Conflict { table }) }
}
