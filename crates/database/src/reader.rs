//! Reading: a few connections that are used one statement after the other (docs/adr/0025).
//!
//! sea-orm's pool asks the server whether a connection still lives at each end of each statement: three round trips for one. Here
//! a connection is used as it lies; one that broke while it lay is replaced, and the statement, which changes nothing, is sent
//! again. The connection given back last is taken first, so that the statements of a page run on one while nobody else reads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement, Values};
use sea_query_sqlx::SqlxValues;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Error, Executor as _};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// Connections that read; writers have their own.
const READERS: usize = 12;
/// How long a read waits for a connection.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Clone)]
pub(crate) enum Server {
    Postgres(PgConnectOptions),
    Sqlite(SqliteConnectOptions),
}

#[derive(Debug)]
enum Connection {
    Postgres(Box<PgConnection>),
    Sqlite(Box<SqliteConnection>),
}

/// Runs statements outside transactions: for reading.
#[derive(Debug)]
pub struct Reader {
    server: Server,
    places: Semaphore,
    idle: Mutex<Vec<Connection>>,
    queries: Arc<AtomicU64>,
    writes: Arc<AtomicU64>,
}

/// A connection in use. It is given back only when its last statement came to an end: one that was given up in the middle of an
/// answer is closed.
struct Taken<'a> {
    reader: &'a Reader,
    connection: Option<Connection>,
    whole: bool,
    /// Whether it lay idle, so that it may be broken.
    lay: bool,
    _place: SemaphorePermit<'a>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take().filter(|_| self.whole) {
            self.reader.idle().push(connection);
        }
    }
}

/// What a statement does on a connection.
type Sending<'c, T> = BoxFuture<'c, Result<T, Error>>;

impl Reader {
    pub(crate) const fn new(server: Server, queries: Arc<AtomicU64>, writes: Arc<AtomicU64>) -> Self {
        Self { server, places: Semaphore::const_new(READERS), idle: Mutex::new(Vec::new()), queries, writes }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn take(&self) -> Result<Taken<'_>, Error> {
        let place = timeout(PATIENCE, self.places.acquire()).await.map_err(|_| Error::PoolTimedOut)?;
        let place = place.map_err(|_| Error::PoolClosed)?;
        let lying = self.idle().pop();
        let lay = lying.is_some();
        let connection = match lying {
            Some(connection) => connection,
            None => timeout(PATIENCE, self.connect()).await.map_err(|_| Error::PoolTimedOut)??,
        };
        Ok(Taken { reader: self, connection: Some(connection), whole: true, lay, _place: place })
    }

    async fn connect(&self) -> Result<Connection, Error> {
        Ok(match &self.server {
            Server::Postgres(options) => Connection::Postgres(Box::new(options.connect().await?)),
            Server::Sqlite(options) => Connection::Sqlite(Box::new(options.connect().await?)),
        })
    }

    async fn send<T>(&self, send: impl for<'c> Fn(&'c mut Connection) -> Sending<'c, T>) -> Result<T, Error> {
        self.queries.fetch_add(1, Ordering::Relaxed);
        loop {
            let mut taken = self.take().await?;
            let Some(connection) = taken.connection.as_mut() else { return Err(Error::PoolClosed) };
            taken.whole = false;
            match send(connection).await {
                Err(error) if broken(&error) => {
                    if !taken.lay {
                        return Err(error);
                    }
                    // Those that lie beside it lay as long.
                    self.idle().clear();
                }
                outcome => {
                    taken.whole = true;
                    return outcome;
                }
            }
        }
    }
}

/// Whether the connection cannot be used any more: it broke, or the server says that it closes it.
fn broken(error: &Error) -> bool {
    match error {
        Error::Io(_) | Error::Tls(_) | Error::Protocol(_) | Error::WorkerCrashed => true,
        // An operator, a shutdown, a crash.
        Error::Database(error) => error.code().is_some_and(|code| code.len() == 5 && code.starts_with("57P")),
        _ => false,
    }
}

fn query_error(error: Error) -> DbErr {
    match error {
        Error::PoolTimedOut | Error::PoolClosed => DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error))),
        error => DbErr::Query(RuntimeErr::SqlxError(Arc::new(error))),
    }
}

/// Sends a prepared statement on a connection, whichever it is, and reads what came of it.
macro_rules! send {
    ($reader:expr, $statement:expr, $fetch:ident, |$found:ident| $read:expr) => {{
        let statement = &$statement;
        let sent = $reader.send(|connection| {
            let values = SqlxValues(statement.values.clone().unwrap_or_else(|| Values(Vec::new())));
            let query = (AssertSqlSafe(statement.sql.clone()), values);
            Box::pin(async move {
                Ok(match connection {
                    Connection::Postgres(c) => {
                        let $found = sqlx::query_with(query.0, query.1).$fetch(&mut **c).await?;
                        $read
                    }
                    Connection::Sqlite(c) => {
                        let $found = sqlx::query_with(query.0, query.1).$fetch(&mut **c).await?;
                        $read
                    }
                })
            })
        });
        sent.await.map_err(query_error)
    }};
}

#[async_trait::async_trait]
impl ConnectionTrait for Reader {
    fn get_database_backend(&self) -> DbBackend {
        match self.server {
            Server::Postgres(_) => DbBackend::Postgres,
            Server::Sqlite(_) => DbBackend::Sqlite,
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        send!(self, statement, execute, |done| done.into())
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let done = self
            .send(|connection| {
                let sql = AssertSqlSafe(sql.to_owned());
                Box::pin(async move {
                    Ok(match connection {
                        Connection::Postgres(c) => c.execute(sql).await?.into(),
                        Connection::Sqlite(c) => c.execute(sql).await?.into(),
                    })
                })
            })
            .await;
        // Not how the application writes, but whoever does so has changed something.
        self.writes.fetch_add(1, Ordering::AcqRel);
        done.map_err(query_error)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        send!(self, statement, fetch_optional, |row| row.map(Into::into))
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        send!(self, statement, fetch_all, |rows| rows.into_iter().map(Into::into).collect())
    }
}
