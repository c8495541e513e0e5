//! What every use case needs: the database, the storage, the clock, the ids, the keys.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Instant;

use ami_database::{Database, storable};
use ami_storage::{Scanner, Spool, Storage};
use ami_views::Views;
use jiff::{SignedDuration, Timestamp};
use uuid::{NoContext, Uuid};

use crate::attempts::Attempts;
use crate::tokens::Keys;

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
    pub database: Database,
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
    /// Failed sign-ins and messages asked for.
    pub attempts: Arc<Attempts>,
    /// Bytes of the files that were accepted since the start.
    pub uploaded: Arc<AtomicU64>,
    /// Time.
    pub clock: Clock,
    /// Settings.
    pub settings: Arc<Settings>,
}

impl App {
    /// A fresh id, ordered by the application's clock.
    pub fn id<T: From<Uuid>>(&self) -> T {
        let now = self.clock.now();
        let seconds = u64::try_from(now.as_second()).unwrap_or(0);
        let nanos = u32::try_from(now.subsec_nanosecond()).unwrap_or(0);
        Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, seconds, nanos)).into()
    }

    /// A page of the application, for e-mails.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.settings.public_url)
    }
}

/// Opens the spool in a data directory.
pub fn open_spool(data: &Path) -> std::io::Result<Spool> {
    Spool::open(data.join("spool"))
}
