//! Connections and transactions on both databases.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ami_migrations::{Migrator, MigratorTrait as _};
use jiff::Timestamp;
use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, ConnectOptions, ConnectionTrait, DatabaseConnection, DatabaseTransaction,
    DbBackend, EntityTrait as _, IntoActiveModel, IsolationLevel, RuntimeErr, SqlErr, SqliteTransactionMode,
    TransactionOptions, TransactionTrait as _,
};
use thiserror::Error;

/// A write transaction. Dropping it without [`Tx::commit`] undoes it.
#[derive(Debug)]
pub struct Tx(pub(crate) DatabaseTransaction);

/// The database: a pool of connections.
#[derive(Clone, Debug)]
pub struct Database {
    connection: DatabaseConnection,
    queries: Arc<AtomicU64>,
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
    /// Everything else.
    #[error("database: {0}")]
    Other(#[from] sea_orm::DbErr),
}

/// The constraints that decide races, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Constraint {
    /// An account has this e-mail address already.
    AccountEmail,
    /// The organisation has a dossier for this lot already.
    DossierLot,
    /// A call has this code already.
    CallCode,
    /// The person has a seat already.
    SeatAccount,
    /// The seat was asked to mark this dossier already.
    SheetSeat,
    /// The person belongs to the organisation already.
    Membership,
    /// This idempotency key was used already.
    IdempotencyKey,
    /// Any other one.
    Other,
}

/// How each database reports each constraint: PostgreSQL by name, SQLite by columns.
const CONSTRAINTS: [(Constraint, &str, &str); 7] = [
    (Constraint::AccountEmail, "uq_accounts_email", "accounts.email"),
    (Constraint::DossierLot, "uq_dossiers_lot", "dossiers.call_id, dossiers.organisation_id, dossiers.lot"),
    (Constraint::CallCode, "uq_calls_code", "calls.code"),
    (Constraint::SeatAccount, "uq_seats_account", "seats.call_id, seats.account_id"),
    (Constraint::SheetSeat, "uq_sheets_seat", "sheets.seat_id, sheets.dossier_id"),
    (Constraint::Membership, "pk_memberships", "memberships.organisation_id, memberships.account_id"),
    (Constraint::IdempotencyKey, "pk_idempotency_keys", "idempotency_keys.account_id, idempotency_keys.key"),
];

/// A result of this crate.
pub type Result<T> = std::result::Result<T, DatabaseError>;

/// Turns a violated constraint into its name.
pub(crate) fn named(error: sea_orm::DbErr) -> DatabaseError {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(message) | SqlErr::ForeignKeyConstraintViolation(message)) => {
            let by_name = match &error {
                sea_orm::DbErr::Exec(RuntimeErr::SqlxError(e)) | sea_orm::DbErr::Query(RuntimeErr::SqlxError(e)) => {
                    e.as_database_error().and_then(|e| e.constraint()).map(str::to_owned)
                }
                _ => None,
            };
            let found = CONSTRAINTS
                .iter()
                .find(|(_, name, columns)| by_name.as_deref() == Some(name) || message.ends_with(columns))
                .map_or(Constraint::Other, |(constraint, ..)| *constraint);
            DatabaseError::Constraint(found)
        }
        None | Some(_) => DatabaseError::Other(error),
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
    /// Opens a pool. `sqlite://FILE?mode=rwc` opens with a write-ahead log, foreign keys and full synchronisation: what was
    /// acknowledged outlives a power cut. `postgres://…` is used as given.
    ///
    /// # Errors
    /// When the address is not one of the two, or nothing answers there.
    pub async fn connect(url: &str) -> Result<Self> {
        let mut options = ConnectOptions::new(url);
        options.sqlx_logging(false).acquire_timeout(Duration::from_secs(20)).max_connections(16);
        if url.starts_with("sqlite:") {
            options.map_sqlx_sqlite_opts(|o| {
                o.pragma("journal_mode", "WAL")
                    .pragma("synchronous", "FULL")
                    .foreign_keys(true)
                    .busy_timeout(Duration::from_secs(20))
            });
        }
        let mut connection = sea_orm::Database::connect(options).await?;
        let queries = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&queries);
        connection.set_metric_callback(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        Ok(Self { connection, queries })
    }

    /// Brings the schema up to date.
    pub async fn migrate(&self) -> Result<()> {
        Ok(Migrator::up(&self.connection, None).await?)
    }

    /// Whether it answers.
    pub async fn ready(&self) -> Result<()> {
        self.connection.execute_unprepared("SELECT 1").await?;
        Ok(())
    }

    /// For reading outside a transaction.
    pub const fn read(&self) -> &DatabaseConnection {
        &self.connection
    }

    /// Statements sent so far outside transactions and inside them: pages count their queries with it in tests.
    pub fn queries(&self) -> u64 {
        self.queries.load(Ordering::Relaxed)
    }

    /// Begins a write. On SQLite it takes the write lock at once, so that a later statement never fails because another writer
    /// came in between; on PostgreSQL rows are locked as they are read `for update` and revisions decide the rest.
    pub async fn write(&self) -> Result<Tx> {
        let options = match self.connection.get_database_backend() {
            DbBackend::Sqlite => TransactionOptions {
                sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
                ..TransactionOptions::default()
            },
            _ => TransactionOptions::default(),
        };
        Ok(Tx(self.connection.begin_with_options(options).await?))
    }

    /// Begins reading: every statement sees the rows of one instant. Ends when it is dropped.
    pub async fn snapshot(&self) -> Result<DatabaseTransaction> {
        let mut options = TransactionOptions::default();
        // SQLite's transactions are snapshots as they are.
        if self.connection.get_database_backend() == DbBackend::Postgres {
            options.isolation_level = Some(IsolationLevel::RepeatableRead);
        }
        Ok(self.connection.begin_with_options(options).await?)
    }
}

impl Tx {
    /// Makes it last. An error means that nothing of it did.
    pub async fn commit(self) -> Result<()> {
        Ok(self.0.commit().await?)
    }

    /// For reading inside the transaction.
    pub const fn read(&self) -> &DatabaseTransaction {
        &self.0
    }
}

/// Adds one row.
pub(crate) async fn insert<M, A>(tx: &Tx, model: M) -> Result<()>
where
    M: IntoActiveModel<A>,
    A: ActiveModelTrait + ActiveModelBehavior + Send,
{
    let row = model.into_active_model().reset_all();
    A::Entity::insert(row).exec_without_returning(&tx.0).await.map_err(named)?;
    Ok(())
}

/// Says that somebody else was faster when an update touched no row.
pub(crate) fn exactly_one(table: &'static str, updated: &sea_orm::UpdateResult) -> Result<()> {
    if updated.rows_affected == 1 { Ok(()) } else { Err(DatabaseError::Conflict { table }) }
}
