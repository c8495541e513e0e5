//! Work that goes on after its request: each job is leased by one server at a time.
//!
//! A server claims what is due, and renews the lease while it works. When the lease ends without that, the server is taken for
//! dead and the next one that looks claims the job. Each claim is known by its number ([`Claim`]): whoever lost a job can no
//! longer say anything about it.

use std::collections::BTreeSet;

use ami_domain::ids::JobId;
use jiff::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait as _, LockBehavior, LockType, OnConflict, SimpleExpr};
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, Condition, ConnectionTrait, DbBackend, EntityTrait as _,
    IntoActiveModel as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};
use serde_json::Value;
use uuid::Uuid;

use crate::connection::{corrupt, stored};
use crate::entities::jobs;
use crate::{Result, Tx};

const QUEUED: &str = "queued";
const RUNNING: &str = "running";
const DONE: &str = "done";
const FAILED: &str = "failed";

/// A job to be done.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// Its id.
    pub id: JobId,
    /// Which handler does it.
    pub kind: &'static str,
    /// What the handler needs to know.
    pub arguments: Value,
    /// What at most one live job of this kind is about; any number of jobs are about nothing in particular.
    pub subject: Option<String>,
    /// Not before.
    pub run_after: Timestamp,
}

/// A server's hold on a job: the server, and how many claims the job has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The job.
    pub job: JobId,
    /// Who claimed it.
    pub owner: Uuid,
    /// The number of this claim, from 1.
    pub attempt: i64,
}

/// A claimed job.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// The hold on it.
    pub claim: Claim,
    /// What the handler needs to know.
    pub arguments: Value,
}

/// How far a job is, for whoever asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Which handler does it.
    pub kind: String,
    /// What it was asked.
    pub arguments: Value,
    /// `queued`, `running`, `done` or `failed`.
    pub state: String,
    /// How far it says it is.
    pub progress: Option<String>,
    /// What came of it.
    pub result: Option<String>,
    /// Why it did not succeed the last time.
    pub last_error: Option<String>,
}

/// Adds a job; `false` when a live one is about the same subject.
pub async fn enqueue(tx: &Tx, job: &NewJob, now: Timestamp) -> Result<bool> {
    let row = jobs::Model {
        id: job.id.uuid(),
        kind: job.kind.to_owned(),
        arguments: job.arguments.to_string(),
        subject: job.subject.clone(),
        state: QUEUED.to_owned(),
        attempts: 0,
        run_after: stored(job.run_after),
        lease_owner: None,
        lease_until: None,
        progress: None,
        result: None,
        last_error: None,
        created_at: stored(now),
        finished_at: None,
    };
    let added = jobs::Entity::insert(row.into_active_model().reset_all())
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(&tx.0)
        .await?;
    Ok(added == 1)
}

/// Waiting and its time has come, or in the hands of somebody who went away.
fn is_due(now: Timestamp) -> Condition {
    let now = stored(now);
    Condition::all().add(jobs::Column::FinishedAt.is_null()).add(
        Condition::any()
            .add(jobs::Column::State.eq(QUEUED).and(jobs::Column::RunAfter.lte(now)))
            .add(jobs::Column::State.eq(RUNNING).and(jobs::Column::LeaseUntil.lte(now))),
    )
}

/// The kinds of which something is due.
pub async fn due(conn: &impl ConnectionTrait, now: Timestamp) -> Result<BTreeSet<String>> {
    let kinds: Vec<String> = jobs::Entity::find()
        .select_only()
        .column(jobs::Column::Kind)
        .distinct()
        .filter(is_due(now))
        .into_tuple()
        .all(conn)
        .await?;
    Ok(kinds.into_iter().collect())
}

/// Claims what is due of a kind, longest due first, at most `limit`; the lease ends at `until`. Several servers may claim at
/// once: no job is in two answers.
pub async fn claim(tx: &Tx, kind: &str, limit: u64, owner: Uuid, now: Timestamp, until: Timestamp) -> Result<Vec<Job>> {
    let mut due = jobs::Entity::find()
        .filter(jobs::Column::Kind.eq(kind))
        .filter(is_due(now))
        .order_by_asc(jobs::Column::RunAfter)
        .order_by_asc(jobs::Column::Id)
        .limit(limit);
    // On SQLite nobody else writes meanwhile.
    if tx.0.get_database_backend() == DbBackend::Postgres {
        due = due.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    }
    let rows = due.all(&tx.0).await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    jobs::Entity::update_many()
        .col_expr(jobs::Column::State, Expr::value(RUNNING))
        .col_expr(jobs::Column::LeaseOwner, Expr::value(owner))
        .col_expr(jobs::Column::LeaseUntil, Expr::value(stored(until)))
        .col_expr(jobs::Column::Attempts, Expr::col(jobs::Column::Attempts).add(1))
        .filter(jobs::Column::Id.is_in(rows.iter().map(|r| r.id)))
        .exec(&tx.0)
        .await?;
    rows.into_iter()
        .map(|r| {
            let arguments = serde_json::from_str(&r.arguments).map_err(|e| corrupt("jobs", "arguments", r.id, e))?;
            let claim = Claim { job: r.id.into(), owner, attempt: r.attempts + 1 };
            Ok(Job { claim, arguments })
        })
        .collect()
}

fn is_held(claim: &Claim) -> SimpleExpr {
    jobs::Column::Id
        .eq(claim.job.uuid())
        .and(jobs::Column::State.eq(RUNNING))
        .and(jobs::Column::LeaseOwner.eq(claim.owner))
        .and(jobs::Column::Attempts.eq(claim.attempt))
}

async fn update(tx: &Tx, claim: &Claim, values: Vec<(jobs::Column, SimpleExpr)>) -> Result<bool> {
    let mut update = jobs::Entity::update_many().filter(is_held(claim));
    for (column, value) in values {
        update = update.col_expr(column, value);
    }
    Ok(update.exec(&tx.0).await?.rows_affected == 1)
}

/// Lengthens a lease; `false` when somebody else has the job.
pub async fn renew(tx: &Tx, claim: &Claim, until: Timestamp) -> Result<bool> {
    update(tx, claim, vec![(jobs::Column::LeaseUntil, Expr::value(stored(until)))]).await
}

/// The same, and says how far the work is.
pub async fn report(tx: &Tx, claim: &Claim, progress: &str, until: Timestamp) -> Result<bool> {
    let values =
        vec![(jobs::Column::LeaseUntil, Expr::value(stored(until))), (jobs::Column::Progress, Expr::value(progress))];
    update(tx, claim, values).await
}

/// Ends a job that is done; `false` when somebody else has it.
pub async fn finish(tx: &Tx, claim: &Claim, result: Option<&str>, now: Timestamp) -> Result<bool> {
    let values = vec![
        (jobs::Column::State, Expr::value(DONE)),
        (jobs::Column::Result, Expr::value(result.map(str::to_owned))),
        (jobs::Column::LastError, Expr::value(None::<String>)),
        (jobs::Column::FinishedAt, Expr::value(stored(now))),
    ];
    update(tx, claim, values).await
}

/// Puts a job off that did not succeed; `false` when somebody else has it.
pub async fn put_off(tx: &Tx, claim: &Claim, error: &str, next: Timestamp) -> Result<bool> {
    let values = vec![
        (jobs::Column::State, Expr::value(QUEUED)),
        (jobs::Column::RunAfter, Expr::value(stored(next))),
        (jobs::Column::LastError, Expr::value(error)),
        (jobs::Column::LeaseOwner, Expr::value(None::<Uuid>)),
        (jobs::Column::LeaseUntil, Expr::value(None::<i64>)),
    ];
    update(tx, claim, values).await
}

/// Ends a job that cannot succeed; `false` when somebody else has it.
pub async fn give_up(tx: &Tx, claim: &Claim, error: &str, now: Timestamp) -> Result<bool> {
    let values = vec![
        (jobs::Column::State, Expr::value(FAILED)),
        (jobs::Column::LastError, Expr::value(error)),
        (jobs::Column::FinishedAt, Expr::value(stored(now))),
    ];
    update(tx, claim, values).await
}

/// Does a job that was given up again, from its first attempt.
pub async fn revive(tx: &Tx, id: JobId, now: Timestamp) -> Result<bool> {
    let updated = jobs::Entity::update_many()
        .col_expr(jobs::Column::State, Expr::value(QUEUED))
        .col_expr(jobs::Column::Attempts, Expr::value(0))
        .col_expr(jobs::Column::RunAfter, Expr::value(stored(now)))
        .col_expr(jobs::Column::FinishedAt, Expr::value(None::<i64>))
        .col_expr(jobs::Column::LeaseOwner, Expr::value(None::<Uuid>))
        .col_expr(jobs::Column::LeaseUntil, Expr::value(None::<i64>))
        .filter(jobs::Column::Id.eq(id.uuid()))
        .filter(jobs::Column::State.eq(FAILED))
        .exec(&tx.0)
        .await?;
    Ok(updated.rows_affected == 1)
}

/// How far a job is.
pub async fn find(conn: &impl ConnectionTrait, id: JobId) -> Result<Option<Standing>> {
    let row = jobs::Entity::find_by_id(id.uuid()).one(conn).await?;
    row.map(|r| {
        Ok(Standing {
            arguments: serde_json::from_str(&r.arguments).map_err(|e| corrupt("jobs", "arguments", r.id, e))?,
            kind: r.kind,
            state: r.state,
            progress: r.progress,
            result: r.result,
            last_error: r.last_error,
        })
    })
    .transpose()
}

/// Forgets the jobs that were done before an instant; those that were given up stay.
pub async fn forget_done(tx: &Tx, before: Timestamp) -> Result<()> {
    jobs::Entity::delete_many()
        .filter(jobs::Column::State.eq(DONE))
        .filter(jobs::Column::FinishedAt.lt(stored(before)))
        .exec(&tx.0)
        .await?;
    Ok(())
}
