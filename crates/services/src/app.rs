//! What every use case works with: the application, the instant at which a request arrived, and the transaction of a write.

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ami_database::{Database, DatabaseError, Doing, Tx, journal, storable};
use ami_domain::ids::{AccountId, CallId};
use ami_domain::journal::Act;
use ami_domain::policy::{Action, Actor};
use ami_storage::{Scanner, Spool, Storage};
use ami_views::Views;
use jiff::{SignedDuration, Timestamp};
use uuid::{NoContext, Uuid};

use crate::access::AccessLog;
use crate::cores::Cores;
use crate::evidence::Evidence;
use crate::idempotency::Key;
use crate::installation::Installation;
use crate::known::{Known, Lately};
use crate::passwords::Passwords;
use crate::tokens::Keys;
use crate::{Error, Result};

/// The server's clock. Time is read here and nowhere else.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System,
    /// Started at an instant, running since.
    Started {
        at: Timestamp,
        since: Instant,
    },
    /// Stands still until it is set: microseconds since the epoch.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that shows `at` now, and runs.
    pub fn started(at: Timestamp) -> Self {
        Self(Source::Started { at, since: Instant::now() })
    }

    /// A clock that stands still, for tests of deadlines.
    pub fn manual(at: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(at.as_microsecond()))))
    }

    /// Sets a manual clock; the others run on.
    pub fn set(&self, to: Timestamp) {
        if let Source::Manual(at) = &self.0 {
            at.store(to.as_microsecond(), Ordering::SeqCst);
        }
    }

    /// Lets time pass. A clock that stands still makes nobody wait.
    pub async fn wait(&self, time: Duration) {
        if !matches!(self.0, Source::Manual(_)) {
            tokio::time::sleep(time).await;
        }
    }

    /// Now, in whole microseconds: what is promised is what is stored.
    #[expect(clippy::disallowed_methods, reason = "this is the wiring that reads the clock")]
    pub fn now(&self) -> Timestamp {
        storable(match &self.0 {
            Source::System => Timestamp::now(),
            Source::Started { at, since } => {
                let passed = SignedDuration::try_from(since.elapsed()).unwrap_or(SignedDuration::ZERO);
                at.checked_add(passed).unwrap_or(*at)
            }
            Source::Manual(at) => {
                Timestamp::from_microsecond(at.load(Ordering::SeqCst)).unwrap_or(Timestamp::UNIX_EPOCH)
            }
        })
    }
}

/// Settings of the use cases.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address people see, without a slash at the end.
    pub public_url: String,
    /// Whether somebody who signs up must confirm the address before signing in.
    pub confirm_email: bool,
    /// Whether pages say that this is a demonstration.
    pub demonstration: bool,
}

/// Everything a use case works with.
#[derive(Debug, Clone)]
pub struct App {
    /// Rows.
    pub database: Arc<Database>,
    /// Files.
    pub storage: Storage,
    /// Files on their way in.
    pub spool: Spool,
    /// Virus scanner.
    pub scanner: Scanner,
    /// Pages, e-mails, sentences.
    pub views: Arc<Views>,
    /// Keys of access tokens.
    pub keys: Arc<Keys>,
    /// Who read what, on its way to be kept.
    pub access: Arc<AccessLog>,
    /// What signs evidence.
    pub evidence: Arc<Evidence>,
    /// Where long work is done.
    pub cores: Cores,
    /// Hashing of passwords.
    pub passwords: Arc<Passwords>,
    /// What this process is run as.
    pub installation: Arc<Installation>,
    /// What was read lately.
    pub lately: Arc<Lately>,
    /// Bytes of the files that were accepted since the start.
    pub uploaded: Arc<AtomicU64>,
    /// Time.
    pub clock: Clock,
    /// Settings.
    pub settings: Arc<Settings>,
}

impl App {
    /// The application as a request finds it that arrived at `at`.
    pub fn at(&self, at: Timestamp) -> Arrival {
        Arrival { app: self.clone(), at, key: None, known: None }
    }

    /// The same, for work that arrives now.
    pub fn now(&self) -> Arrival {
        self.at(self.clock.now())
    }
}

impl Settings {
    /// Whether people reach the application over https.
    pub fn is_secure(&self) -> bool {
        self.public_url.starts_with("https://")
    }

    /// A page of the application.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.public_url)
    }
}

/// A request that arrived: the application, and the one instant that counts for all it does, however long it waits.
#[derive(Debug, Clone)]
pub struct Arrival {
    app: App,
    /// When its head was read.
    pub at: Timestamp,
    /// Its `Idempotency-Key`.
    pub(crate) key: Option<Key>,
    /// What it has read already, where it changes nothing.
    pub(crate) known: Option<Arc<Known>>,
}

impl Deref for Arrival {
    type Target = App;

    fn deref(&self) -> &App {
        &self.app
    }
}

fn id_at<T: From<Uuid>>(at: Timestamp) -> T {
    let seconds = u64::try_from(at.as_second()).unwrap_or(0);
    let nanos = u32::try_from(at.subsec_nanosecond()).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, seconds, nanos)).into()
}

impl Arrival {
    /// The same request, at the instant at which it first arrived.
    #[must_use]
    pub(crate) fn arrived_at(self, at: Timestamp) -> Self {
        Self { at, ..self }
    }

    /// A fresh id, ordered by the instant of arrival.
    pub fn id<T: From<Uuid>>(&self) -> T {
        id_at(self.at)
    }

    /// Does an act in one transaction, which lasts when the act gives `Ok`. Who asks is read again inside it, so that what they
    /// were a moment ago decides nothing. The act holds nothing but what it is given and may run twice: what it needs of the
    /// outside (a hash, a drawing, a file) is made before or after it.
    ///
    /// # Errors
    /// The act's own; `busy`, `away` (nothing was done) or `unanswered` (it is not known) when the database cannot.
    pub async fn write<A, T, F>(&self, who: Option<&Actor>, given: A, act: F) -> Result<T>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
        F: for<'t> Fn(&'t Work<'t>, &'t A) -> Doing<'t, T, Error> + Send + Sync + 'static,
    {
        let frame = Frame { at: self.at, views: Arc::clone(&self.app.views), settings: Arc::clone(&self.app.settings) };
        let account = who.map(|actor| actor.account);
        if let Some(known) = &self.known {
            known.forget();
        }
        self.app
            .database
            .write((frame, account, given, act), |tx, (frame, account, given, act)| {
                Box::pin(async move {
                    let who = match account {
                        Some(account) => {
                            ami_database::accounts::actor(tx.read(), *account).await?.map(|(_, actor)| actor)
                        }
                        None => None,
                    };
                    act(&Work { tx, who, frame }, given).await
                })
            })
            .await
    }
}

/// What a write takes along of the application: nothing that can wait for anything.
#[derive(Debug)]
struct Frame {
    at: Timestamp,
    views: Arc<Views>,
    settings: Arc<Settings>,
}

/// A write under way.
#[derive(Debug)]
pub struct Work<'t> {
    /// Its transaction.
    pub tx: &'t Tx,
    who: Option<Actor>,
    frame: &'t Frame,
}

impl Work<'_> {
    /// Who asks, as they stand in this transaction.
    pub const fn who(&self) -> Option<&Actor> {
        self.who.as_ref()
    }

    /// When the request arrived.
    pub const fn at(&self) -> Timestamp {
        self.frame.at
    }

    /// A fresh id, ordered by the instant of arrival.
    pub fn id<T: From<Uuid>>(&self) -> T {
        id_at(self.frame.at)
    }

    /// Sentences.
    pub fn views(&self) -> &Views {
        &self.frame.views
    }

    /// Settings.
    pub fn settings(&self) -> &Settings {
        &self.frame.settings
    }

    /// Records an act in the journal of its call.
    pub(crate) async fn record(
        &self,
        call: Option<CallId>,
        actor: Option<AccountId>,
        action: Action,
        subject: (&'static str, String),
        details: serde_json::Value,
    ) -> std::result::Result<(), DatabaseError> {
        let (subject_kind, subject) = subject;
        let act = Act { call, at: self.at(), actor, action: action.code(), subject_kind, subject, details };
        journal::append(self.tx, self.id(), &act).await
    }
}

/// Opens the spool in a data directory.
pub fn open_spool(data: &Path) -> std::io::Result<Spool> {
    Spool::open(data.join("spool"))
}
