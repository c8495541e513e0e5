//! Work that goes on after its request: messages, sweeps. Any number of servers share it, and each job is done by one of them.
//!
//! A job is enqueued in the write that it follows from. A server claims what is due, holds it by a lease that it renews while it
//! works, and writes down how it ended. When a server dies, its leases end and another one takes over: a job may therefore be
//! done twice, and each kind says what that means.
//!
//! To add a kind: 1. name it in [`Kind`], with how many a server does at once, so that long ones hold up no other kind; 2. its
//! handler is an arm of `handle`; 3. what is written together with its end, if anything, is an arm of `conclude`.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use ami_database::jobs::{self as rows, Claim, Job, NewJob};
use ami_domain::ids::JobId;
use jiff::{SignedDuration, Timestamp};
use lettre::message::Mailbox;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use uuid::Uuid;

use crate::outbox::{self, Transport};
use crate::{App, Arrival, Error, Result, Work, exports, installation, reminders, uploads};

/// How long a server is believed to live that says nothing. Servers' clocks must agree better than that.
const LEASE: SignedDuration = SignedDuration::from_secs(60);
/// How often it says that it lives.
const RENEWED: Duration = Duration::from_secs(20);
/// How long a server that stops waits for what it has begun.
const FINISHING: Duration = Duration::from_secs(10);
/// How often an end is written down again that the database did not take: as long as nobody else can have claimed the job.
const WRITTEN_DOWN: usize = 600;
/// Between two sweeps.
const SWEPT: SignedDuration = SignedDuration::from_hours(1);
/// How long idempotency keys are kept.
const KEYS_KEPT: SignedDuration = SignedDuration::from_hours(48);
/// How long it is kept who read what.
const READINGS_KEPT: SignedDuration = SignedDuration::from_hours(24 * 366);
/// How long ended tokens, done jobs and the texts of sent messages are kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 30);

/// What kinds of work there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// One message leaves. Its job has the message's id. Done twice, it leaves twice, with one `Message-ID`.
    Mail,
    /// What is kept for a while only is forgotten, every hour. Done twice, it finds nothing.
    Sweep,
    /// A file that somebody asked for. Done twice, it is made again.
    Export,
    /// The members of a draft are reminded of the closing. Its message is written with its end: done twice, it says it once.
    Remind,
    /// A file that came in parts is checked, which its request has begun. Its job has the upload's id. Done twice, it finds a piece.
    Upload,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Mail, Self::Sweep, Self::Export, Self::Remind, Self::Upload];

    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Sweep => "sweep",
            Self::Export => "export",
            Self::Remind => "remind",
            Self::Upload => "upload",
        }
    }

    /// How many a server does at once.
    const fn at_once(self) -> usize {
        match self {
            Self::Mail | Self::Remind => 8,
            Self::Sweep | Self::Export => 1,
            Self::Upload => 2,
        }
    }

    /// After how many attempts it is given up: a message after four days and some hours, a file after some hours.
    const fn most_attempts(self) -> i64 {
        match self {
            Self::Mail => 14,
            Self::Export => 5,
            Self::Sweep => i64::MAX,
            Self::Remind | Self::Upload => 10,
        }
    }

    /// How long it is put off after so many attempts: longer each time.
    fn delay(self, attempts: i64) -> SignedDuration {
        let most = match self {
            Self::Mail => 24 * 60,
            Self::Sweep | Self::Export | Self::Remind | Self::Upload => 60,
        };
        let minutes = 2i64.saturating_pow(u32::try_from(attempts).unwrap_or(u32::MAX));
        SignedDuration::from_mins(minutes.min(most))
    }
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It is done.
    Done,
    /// It is done, and this came of it.
    Made(String),
    /// Not this time.
    Later(String),
    /// It cannot succeed.
    Never(String),
    /// Somebody else has it.
    Lost,
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Later(error.to_string())
    }
}

/// Adds a job to the write that it follows from; `false` when a live one is about the same subject.
pub(crate) async fn enqueue(
    work: &Work<'_>,
    kind: Kind,
    id: JobId,
    arguments: Value,
    subject: Option<&str>,
    run_after: Timestamp,
) -> Result<bool> {
    let job = NewJob { id, kind: kind.code(), arguments, subject: subject.map(str::to_owned), run_after };
    Ok(rows::enqueue(work.tx, &job, work.at()).await?)
}

/// What a server works with, and under which name.
#[derive(Debug, Clone)]
pub struct Crew {
    owner: Uuid,
    pub(crate) transport: Transport,
    pub(crate) from: Mailbox,
}

impl Crew {
    /// A server that sends messages in the name of `from`.
    pub fn new(app: &App, transport: Transport, from: Mailbox) -> Self {
        Self { owner: app.now().id(), transport, from }
    }
}

/// Places for jobs that are under way, by kind.
struct Places(BTreeMap<Kind, Arc<Semaphore>>);

impl Places {
    fn new() -> Self {
        Self(Kind::ALL.into_iter().map(|kind| (kind, Arc::new(Semaphore::new(kind.at_once())))).collect())
    }
}

/// Does jobs until `stop` says so or is gone, then finishes what is under way. Dropped, it stops in the middle.
pub async fn work(app: App, crew: Crew, mut stop: oneshot::Receiver<()>) {
    let places = Places::new();
    let mut tasks = JoinSet::new();
    let mut every = interval(Duration::from_secs(1));
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut scheduled = false;
    loop {
        tokio::select! {
            _ = every.tick() => {}
            _ = &mut stop => break,
        }
        while tasks.try_join_next().is_some() {}
        let begun = async {
            if !scheduled {
                schedule_sweep(&app.now()).await?;
                scheduled = true;
            }
            begin(&app, &crew, &places, &mut tasks).await
        };
        if let Err(error) = begun.await {
            tracing::error!(%error, "jobs cannot be done");
        }
    }
    let finish = async { while tasks.join_next().await.is_some() {} };
    if timeout(FINISHING, finish).await.is_err() {
        tracing::warn!("jobs are left to whoever takes them over");
    }
}

/// Does everything that is due, and what falls due meanwhile; gives how many jobs ended, whichever way.
pub async fn run_due(app: &App, crew: &Crew) -> Result<usize> {
    schedule_sweep(&app.now()).await?;
    let places = Places::new();
    let mut tasks = JoinSet::new();
    let mut ended = 0;
    loop {
        begin(app, crew, &places, &mut tasks).await?;
        if tasks.is_empty() {
            return Ok(ended);
        }
        while tasks.join_next().await.is_some() {
            ended += 1;
        }
    }
}

/// Claims what is due and there is a place for, and begins it.
async fn begin(app: &App, crew: &Crew, places: &Places, tasks: &mut JoinSet<()>) -> Result<()> {
    let now = app.now();
    let paused = installation::look(&now).await?;
    let due = rows::due(app.database.read(), now.at).await?;
    for (kind, places) in &places.0 {
        let free = places.available_permits();
        if free == 0 || !due.contains(kind.code()) || (*kind == Kind::Mail && paused) {
            continue;
        }
        let limit = u64::try_from(free).unwrap_or(1);
        let claimed = now
            .write(None, (*kind, limit, crew.owner), |work, &(kind, limit, owner)| {
                Box::pin(async move {
                    let until = lease_end(work.at())?;
                    Ok(rows::claim(work.tx, kind.code(), limit, owner, work.at(), until).await?)
                })
            })
            .await?;
        for job in claimed {
            // Nobody else takes places, so that there is one for each.
            let Ok(place) = Arc::clone(places).try_acquire_owned() else { break };
            tasks.spawn(carry_out(app.clone(), crew.clone(), *kind, job, place));
        }
    }
    Ok(())
}

/// When a lease ends that is given now.
pub(crate) fn lease_end(now: Timestamp) -> Result<Timestamp> {
    now.checked_add(LEASE).map_err(Error::internal)
}

/// Does a job while its lease is renewed, and writes down how it ended.
async fn carry_out(app: App, crew: Crew, kind: Kind, job: Job, _place: OwnedSemaphorePermit) {
    let claim = job.claim;
    let ended = if claim.attempt > kind.most_attempts() {
        Ended::Never("too many attempts".into())
    } else {
        let mut handling = pin!(handle(&app, &crew, kind, &job));
        loop {
            tokio::select! {
                ended = &mut handling => break ended,
                () = sleep(RENEWED) => if !renew(&app.now(), claim).await { break Ended::Lost },
            }
        }
    };
    for _ in 0..WRITTEN_DOWN {
        match conclude(&app.now(), kind, &job, &ended).await {
            Ok(true) => return,
            Ok(false) => {
                tracing::warn!(job = %claim.job, kind = kind.code(), "somebody else took this job over");
                return;
            }
            Err(error) => {
                tracing::error!(job = %claim.job, kind = kind.code(), %error, "how a job ended cannot be written down");
                sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// Whether the job is still held; not knowing is no reason to stop.
async fn renew(app: &Arrival, claim: Claim) -> bool {
    let renewed = app
        .write(None, claim, |work, claim| {
            Box::pin(async move { Ok(rows::renew(work.tx, claim, lease_end(work.at())?).await?) })
        })
        .await;
    renewed.unwrap_or_else(|error| {
        tracing::error!(job = %claim.job, %error, "a lease cannot be renewed");
        true
    })
}

async fn handle(app: &App, crew: &Crew, kind: Kind, job: &Job) -> Ended {
    match kind {
        Kind::Mail => outbox::send(app, crew, job.claim).await,
        Kind::Export => exports::make(app, job).await,
        Kind::Sweep => sweep(&app.now()).await.map_or_else(Ended::from, |()| Ended::Done),
        Kind::Remind => Ended::Done,
        Kind::Upload => uploads::check_again(&app.now(), job.claim.job).await,
    }
}

/// Writes down how a job ended, with what follows; `false` when somebody else has it.
async fn conclude(app: &Arrival, kind: Kind, job: &Job, ended: &Ended) -> Result<bool> {
    let claim = job.claim;
    let ended = match ended {
        Ended::Later(error) if claim.attempt >= kind.most_attempts() => Ended::Never(error.clone()),
        other => other.clone(),
    };
    if let Ended::Later(error) | Ended::Never(error) = &ended {
        tracing::warn!(job = %claim.job, kind = kind.code(), attempt = claim.attempt, error, "a job did not succeed");
    }
    app.write(None, (kind, job.clone(), ended), |work, (kind, job, ended)| {
        Box::pin(async move {
            let (tx, now, claim) = (work.tx, work.at(), &job.claim);
            let held = match ended {
                Ended::Done => rows::finish(tx, claim, None, now).await?,
                Ended::Made(result) => rows::finish(tx, claim, Some(result), now).await?,
                Ended::Later(error) => {
                    let next = now.checked_add(kind.delay(claim.attempt)).map_err(Error::internal)?;
                    rows::put_off(tx, claim, error, next).await?
                }
                Ended::Never(error) => rows::give_up(tx, claim, error, now).await?,
                Ended::Lost => false,
            };
            if held {
                match kind {
                    Kind::Mail => outbox::concluded(work, claim.job.uuid().into(), ended).await?,
                    Kind::Sweep if *ended == Ended::Done => {
                        next_sweep(work, now.checked_add(SWEPT).map_err(Error::internal)?).await?;
                    }
                    Kind::Remind if *ended == Ended::Done => reminders::remind(work, &job.arguments).await?,
                    Kind::Upload if matches!(ended, Ended::Never(_)) => uploads::give_up(work, claim.job).await?,
                    Kind::Sweep | Kind::Export | Kind::Remind | Kind::Upload => {}
                }
            }
            Ok(held)
        })
    })
    .await
}

/// Sees to it that there is a sweep, whichever server does it.
async fn schedule_sweep(app: &Arrival) -> Result<()> {
    app.write(None, (), |work, ()| Box::pin(async move { next_sweep(work, work.at()).await })).await
}

async fn next_sweep(work: &Work<'_>, at: Timestamp) -> Result<()> {
    enqueue(work, Kind::Sweep, work.id(), Value::Null, Some("everything"), at).await?;
    Ok(())
}

/// Forgets what is kept for a while only, and looks for drafts that have no reminder.
async fn sweep(app: &Arrival) -> Result<()> {
    reminders::schedule(app).await?;
    let before = |kept: SignedDuration| app.at.checked_sub(kept).map_err(Error::internal);
    app.write(None, (before(KEYS_KEPT)?, before(READINGS_KEPT)?, before(KEPT)?), |work, &(keys, readings, other)| {
        Box::pin(async move {
            ami_database::access::forget(work.tx, readings).await?;
            ami_database::idempotency::forget(work.tx, keys).await?;
            ami_database::uploads::forget(work.tx, keys).await?;
            ami_database::links::forget(work.tx, other).await?;
            ami_database::sign_ins::forget(work.tx, other).await?;
            Ok(rows::forget_done(work.tx, other).await?)
        })
    })
    .await?;
    loop {
        let forgotten = app
            .write(None, before(KEPT)?, |work, &before| {
                Box::pin(async move { Ok(ami_database::mails::forget_bodies(work.tx, before).await?) })
            })
            .await?;
        if forgotten == 0 {
            return Ok(());
        }
    }
}
