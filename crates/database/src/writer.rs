//! Writing: one act, one transaction, each in its turn.
//!
//! On SQLite one connection writes, and those who wait for it stand in a queue, first come, first served. Acts that wait at the
//! same time share one transaction: each runs inside a savepoint of its own, so that one that is refused undoes only itself, and
//! one commit makes all of them last (docs/adr/0009). On PostgreSQL each act has its own transaction on one of a few
//! connections, given out in the same order; where two get in each other's way the act runs again from its beginning.
//!
//! An act that has begun goes on to its end, whether or not its client still waits.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbBackend, SqliteTransactionMode, TransactionOptions,
    TransactionTrait as _,
};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use crate::connection::{Database, DatabaseError, Result, open};

/// How long an act waits for its turn before it is given up, undone.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long an act that has begun may take.
const LENGTH: Duration = Duration::from_secs(20);
/// Acts that may wait: one more is told to come back.
const WAITING: usize = 1024;
/// Acts that share a commit, at most; and for how long a commit is put off for them.
const SHARED: usize = 64;
const PUT_OFF: Duration = Duration::from_millis(40);
/// Connections that write on PostgreSQL.
const WRITERS: u32 = 8;
/// How often an act that another one got in the way of is tried.
const TRIES: u32 = 12;

/// A write transaction. It is lent to the act that [`Database::write`] runs, and lasts when the act gives `Ok`.
#[derive(Debug)]
pub struct Tx(pub(crate) DatabaseTransaction);

impl Tx {
    /// For reading inside the transaction.
    pub const fn read(&self) -> &DatabaseTransaction {
        &self.0
    }
}

/// What an act does, boxed.
pub type Doing<'t, T, E> = Pin<Box<dyn Future<Output = std::result::Result<T, E>> + Send + 't>>;

/// An error that an act may end with.
pub trait Failure: From<DatabaseError> + Send + 'static {
    /// Whether another writer was in the way ([`DatabaseError::Again`] underneath): the act is tried again then.
    fn is_transient(&self) -> bool;
}

impl Failure for DatabaseError {
    fn is_transient(&self) -> bool {
        matches!(self, Self::Again(_))
    }
}

/// What writes.
#[derive(Debug)]
pub(crate) enum Writer {
    /// One connection and its queue.
    Queue { connection: DatabaseConnection, queue: mpsc::Sender<Entry> },
    /// A few connections and the places for them.
    Pool { connection: DatabaseConnection, places: Arc<Semaphore> },
}

impl Database {
    /// Does an act in one transaction: it lasts when the act gives `Ok`, and nothing of it does otherwise. The act is a function
    /// of what it is given, as it may run more than once.
    ///
    /// # Errors
    /// The act's own; [`DatabaseError::Busy`] or [`DatabaseError::Away`] when nothing was done;
    /// [`DatabaseError::Unanswered`] when it is not known.
    pub async fn write<A, T, E, F>(&self, given: A, act: F) -> std::result::Result<T, E>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
        E: Failure,
        F: for<'t> Fn(&'t Tx, &'t A) -> Doing<'t, T, E> + Send + Sync + 'static,
    {
        let done = match self.writer() {
            Writer::Queue { queue, .. } => in_turn(queue, given, act).await,
            Writer::Pool { connection, places } => {
                let Ok(place) = timeout(PATIENCE, Arc::clone(places).acquire_owned()).await else {
                    return Err(DatabaseError::Busy.into());
                };
                let connection = connection.clone();
                let task = tokio::spawn(async move {
                    let done = again_and_again(&connection, &given, &act).await;
                    drop(place);
                    done
                });
                task.await.unwrap_or_else(|panic| Err(DatabaseError::Unanswered(panic.to_string()).into()))
            }
        };
        self.writes.fetch_add(1, Ordering::AcqRel);
        done
    }
}

impl Writer {
    pub(crate) async fn open(url: &str, queries: &Arc<AtomicU64>) -> Result<Self> {
        if !url.starts_with("sqlite:") {
            let connection = open(url, WRITERS, queries).await?;
            return Ok(Self::Pool { connection, places: Arc::new(Semaphore::new(WRITERS as usize)) });
        }
        let connection = open(url, 1, queries).await?;
        let (queue, waiting) = mpsc::channel(WAITING);
        tokio::spawn(serve(connection.clone(), url.to_owned(), Arc::clone(queries), waiting));
        Ok(Self::Queue { connection, queue })
    }

    /// The connection itself, for the schema, before anything else is written.
    pub(crate) const fn connection(&self) -> &DatabaseConnection {
        match self {
            Self::Queue { connection, .. } | Self::Pool { connection, .. } => connection,
        }
    }
}

pub(crate) async fn begin(connection: &DatabaseConnection) -> Result<DatabaseTransaction> {
    let options = match connection.get_database_backend() {
        // The write lock at once: no later statement fails because another program wrote in between.
        DbBackend::Sqlite => TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        },
        _ => TransactionOptions::default(),
    };
    Ok(connection.begin_with_options(options).await?)
}

// PostgreSQL.

async fn again_and_again<A, T, E: Failure>(
    connection: &DatabaseConnection,
    given: &A,
    act: &impl for<'t> Fn(&'t Tx, &'t A) -> Doing<'t, T, E>,
) -> std::result::Result<T, E> {
    let started = Instant::now();
    let mut tries = 0;
    loop {
        tries += 1;
        let tx = match begin(connection).await {
            Ok(tx) => Tx(tx),
            // A connection that broke while it lay idle: nothing was done on it.
            Err(DatabaseError::Away(_)) if tries == 1 => continue,
            Err(error) => return Err(error.into()),
        };
        let error = match timeout(LENGTH, act(&tx, given)).await.unwrap_or_else(|_| Err(DatabaseError::Busy.into())) {
            Ok(value) => match timeout(LENGTH, tx.0.commit()).await.map(|done| done.map_err(DatabaseError::from)) {
                Ok(Ok(())) => return Ok(value),
                Ok(Err(error @ DatabaseError::Again(_))) => E::from(error),
                Ok(Err(error @ DatabaseError::Constraint(_))) => return Err(error.into()),
                Ok(Err(error)) => return Err(DatabaseError::Unanswered(error.to_string()).into()),
                Err(_) => return Err(DatabaseError::Unanswered("the commit took too long".into()).into()),
            },
            Err(error) => {
                // At worst the connection is given back broken, and replaced.
                let _ = tx.0.rollback().await;
                error
            }
        };
        if !error.is_transient() || tries == TRIES || started.elapsed() > PATIENCE {
            return Err(error);
        }
        tokio::time::sleep(Duration::from_millis(u64::from(tries * tries))).await;
    }
}

// SQLite.

/// Where an act stands in the queue.
const WAITS: u8 = 0;
const BEGUN: u8 = 1;
const GONE: u8 = 2;

pub(crate) struct Entry {
    place: Arc<AtomicU8>,
    act: Box<dyn Queued>,
}

/// An act with what it was given, whatever its types.
trait Queued: Send {
    /// Runs it; `true` when it is to last.
    fn run<'t>(&'t mut self, tx: &'t Tx) -> Pin<Box<dyn Future<Output = bool> + Send + 't>>;
    /// Answers whoever waits: with its outcome, or with why the transaction did not last.
    fn answer(self: Box<Self>, lasted: &std::result::Result<(), Trouble>);
}

/// Why a shared transaction did not last.
#[derive(Debug, Clone)]
enum Trouble {
    /// Nothing of it did.
    Away(String),
    /// It is not known.
    Unanswered(String),
}

impl From<&Trouble> for DatabaseError {
    fn from(trouble: &Trouble) -> Self {
        match trouble {
            Trouble::Away(why) => Self::Away(sea_orm::DbErr::Custom(why.clone())),
            Trouble::Unanswered(why) => Self::Unanswered(why.clone()),
        }
    }
}

struct Waiting<A, T, E, F> {
    given: A,
    act: F,
    outcome: Option<std::result::Result<T, E>>,
    reply: oneshot::Sender<std::result::Result<T, E>>,
}

impl<A, T, E, F> Queued for Waiting<A, T, E, F>
where
    A: Send + Sync,
    T: Send,
    E: Failure,
    F: for<'t> Fn(&'t Tx, &'t A) -> Doing<'t, T, E> + Send + Sync,
{
    fn run<'t>(&'t mut self, tx: &'t Tx) -> Pin<Box<dyn Future<Output = bool> + Send + 't>> {
        Box::pin(async move {
            let doing = AssertUnwindSafe(timeout(LENGTH, (self.act)(tx, &self.given))).catch_unwind().await;
            let outcome = match doing {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) => Err(DatabaseError::Busy.into()),
                Err(_) => Err(DatabaseError::Other(sea_orm::DbErr::Custom("an act panicked".into())).into()),
            };
            self.outcome.insert(outcome).is_ok()
        })
    }

    fn answer(self: Box<Self>, lasted: &std::result::Result<(), Trouble>) {
        let outcome = match (lasted, self.outcome) {
            (Ok(()), Some(outcome)) => outcome,
            (Err(trouble), _) => Err(DatabaseError::from(trouble).into()),
            (Ok(()), None) => Err(DatabaseError::Busy.into()),
        };
        // Whoever asked may have gone.
        let _ = self.reply.send(outcome);
    }
}

async fn in_turn<A, T, E, F>(queue: &mpsc::Sender<Entry>, given: A, act: F) -> std::result::Result<T, E>
where
    A: Send + Sync + 'static,
    T: Send + 'static,
    E: Failure,
    F: for<'t> Fn(&'t Tx, &'t A) -> Doing<'t, T, E> + Send + Sync + 'static,
{
    let (reply, mut answer) = oneshot::channel();
    let place = Arc::new(AtomicU8::new(WAITS));
    let entry = Entry { place: Arc::clone(&place), act: Box::new(Waiting { given, act, outcome: None, reply }) };
    if queue.try_send(entry).is_err() {
        return Err(DatabaseError::Busy.into());
    }
    let gone = || DatabaseError::Unanswered("the writer stopped".into());
    match timeout(PATIENCE, &mut answer).await {
        Ok(outcome) => return outcome.unwrap_or_else(|_| Err(gone().into())),
        // Its turn has not come: it leaves the queue, and will not be done.
        Err(_) if place.compare_exchange(WAITS, GONE, Ordering::SeqCst, Ordering::SeqCst).is_ok() => {
            return Err(DatabaseError::Busy.into());
        }
        Err(_) => {}
    }
    match timeout(LENGTH, answer).await {
        Ok(outcome) => outcome.unwrap_or_else(|_| Err(gone().into())),
        Err(_) => Err(DatabaseError::Unanswered("it took too long".into()).into()),
    }
}

/// Takes acts in their order until the database is dropped.
async fn serve(connection: DatabaseConnection, url: String, queries: Arc<AtomicU64>, mut queue: mpsc::Receiver<Entry>) {
    let mut connection = Some(connection);
    while let Some(first) = queue.recv().await {
        let opened = match connection.take() {
            Some(opened) => Ok(opened),
            // After trouble the old connection is gone with whatever held it up, such as a disk that was full.
            None => open(&url, 1, &queries).await,
        };
        let begun = match &opened {
            Ok(opened) => begin(opened).await,
            Err(error) => Err(DatabaseError::Away(sea_orm::DbErr::Custom(error.to_string()))),
        };
        let lasted = match begun {
            Ok(tx) => share(tx, first, &mut queue).await,
            Err(error) => {
                let lasted = Err(Trouble::Away(error.to_string()));
                if take(&first) {
                    first.act.answer(&lasted);
                }
                lasted
            }
        };
        match (lasted, opened) {
            (Ok(()), Ok(opened)) => connection = Some(opened),
            (Err(trouble), opened) => {
                tracing::error!(?trouble, "the database could not be written; its connection is opened anew");
                if let Ok(opened) = opened {
                    let _ = opened.close().await;
                }
            }
            (Ok(()), Err(_)) => {}
        }
    }
}

/// Whether the act still waits; it has begun then.
fn take(entry: &Entry) -> bool {
    entry.place.compare_exchange(WAITS, BEGUN, Ordering::SeqCst, Ordering::SeqCst).is_ok()
}

/// Runs `first` and those who wait behind it in one transaction, and answers them once it lasts.
async fn share(
    tx: DatabaseTransaction,
    first: Entry,
    queue: &mut mpsc::Receiver<Entry>,
) -> std::result::Result<(), Trouble> {
    let started = Instant::now();
    let mut run = Vec::new();
    let mut next = Some(first);
    let mut broken = None;
    while let Some(mut entry) = next.take() {
        if take(&entry) {
            let ended = apart(&tx, entry.act.as_mut()).await;
            run.push(entry.act);
            if let Err(error) = ended {
                broken = Some(error);
                break;
            }
        }
        if run.len() < SHARED && started.elapsed() < PUT_OFF {
            next = queue.try_recv().ok();
        }
    }
    let lasted = match broken {
        Some(error) => Err(Trouble::Away(error.to_string())),
        None => tx.commit().await.map_err(|error| match DatabaseError::from(error) {
            // A full disk says so before anything of the commit is there; of other failures that is not known.
            error @ DatabaseError::Away(_) if error.to_string().contains("full") => Trouble::Away(error.to_string()),
            error => Trouble::Unanswered(error.to_string()),
        }),
    };
    for act in run {
        act.answer(&lasted);
    }
    lasted
}

/// Runs an act inside a savepoint: what it refuses is undone alone. An error means that the whole transaction is lost.
async fn apart(tx: &DatabaseTransaction, act: &mut dyn Queued) -> Result<()> {
    let point = Tx(tx.begin().await?);
    let lasts = act.run(&point).await;
    Ok(if lasts { point.0.commit().await } else { point.0.rollback().await }?)
}
