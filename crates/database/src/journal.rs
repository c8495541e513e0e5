//! The record of acts, hash-chained: one chain per call and one for everything else.
//!
//! An act commits with what it records, in `journal_pending`, where nothing waits for anything. The sequencer ([`link`]) moves it
//! to its chain within a second: whoever acts never waits for the end of a chain that a whole call shares.

use std::collections::{BTreeMap, BTreeSet};

use ami_domain::journal::{Act, GENESIS, hash};
use jiff::Timestamp;
use sea_orm::sea_query::{LockBehavior, LockType};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DbBackend, EntityTrait as _, IntoActiveModel as _, PaginatorTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, Statement,
};
use thiserror::Error;
use uuid::Uuid;

use crate::connection::{insert, instant, stored};
use crate::entities::{calls, journal, journal_heads, journal_pending};
use crate::{Result, Tx};

/// Entries that are held at once while a chain is walked.
const VERIFIED_AT_ONCE: u64 = 1000;

/// Acts that one call of [`link`] links, at most.
const LINKED_AT_ONCE: u64 = 500;

/// Records an act.
pub async fn append(tx: &Tx, id: Uuid, act: &Act) -> Result<()> {
    let row = journal_pending::Model {
        id,
        scope: act.call.map_or_else(String::new, |c| c.to_string()),
        at: stored(act.at),
        actor: act.actor.map(ami_domain::ids::AccountId::uuid),
        action: act.action.to_owned(),
        subject_kind: act.subject_kind.to_owned(),
        subject: act.subject.clone(),
        details: act.details.to_string(),
    };
    insert(tx, row).await
}

/// Whether an act waits to be linked.
pub async fn waits(conn: &impl ConnectionTrait) -> Result<bool> {
    Ok(journal_pending::Entity::find()
        .select_only()
        .column(journal_pending::Column::Id)
        .limit(1)
        .into_tuple::<Uuid>()
        .one(conn)
        .await?
        .is_some())
}

/// Links recorded acts at the end of their chains, oldest first; gives how many. Several servers may do it at once: an act is
/// linked by one of them, and a chain grows at one end.
pub async fn link(tx: &Tx, now: Timestamp) -> Result<usize> {
    let mut oldest = journal_pending::Entity::find()
        .order_by_asc(journal_pending::Column::At)
        .order_by_asc(journal_pending::Column::Id)
        .limit(LINKED_AT_ONCE);
    if tx.0.get_database_backend() == DbBackend::Postgres {
        oldest = oldest.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    }
    let acts = oldest.all(&tx.0).await?;
    let ids: Vec<Uuid> = acts.iter().map(|a| a.id).collect();
    let mut by_scope: BTreeMap<String, Vec<journal_pending::Model>> = BTreeMap::new();
    for act in acts {
        by_scope.entry(act.scope.clone()).or_default().push(act);
    }
    for (scope, acts) in by_scope {
        link_scope(tx, scope, acts, now).await?;
    }
    if !ids.is_empty() {
        journal_pending::Entity::delete_many()
            .filter(journal_pending::Column::Id.is_in(ids.iter().copied()))
            .exec(&tx.0)
            .await?;
    }
    Ok(ids.len())
}

async fn link_scope(tx: &Tx, scope: String, acts: Vec<journal_pending::Model>, now: Timestamp) -> Result<()> {
    if tx.0.get_database_backend() == DbBackend::Postgres {
        // A chain has one end: who links holds it until the transaction ends.
        let sql = "SELECT pg_advisory_xact_lock(hashtextextended($1, 4702))";
        tx.0.query_one_raw(Statement::from_sql_and_values(DbBackend::Postgres, sql, [scope.clone().into()])).await?;
    }
    let head = last_head(&tx.0, &scope).await?;
    let (mut seq, mut previous) = head.map_or_else(|| (0, GENESIS.to_owned()), |head| (head.seq, head.hash));
    let mut rows = Vec::with_capacity(acts.len());
    for act in acts {
        seq += 1;
        let mut row = journal::Model {
            scope: act.scope,
            seq,
            at: act.at,
            actor: act.actor,
            action: act.action,
            subject_kind: act.subject_kind,
            subject: act.subject,
            details: act.details,
            hash: String::new(),
        };
        row.hash = chained(&previous, &row);
        previous.clone_from(&row.hash);
        rows.push(sea_orm::ActiveModelTrait::reset_all(row.into_active_model()));
    }
    journal::Entity::insert_many(rows).exec_without_returning(&tx.0).await?;
    insert(tx, journal_heads::Model { scope, seq, hash: previous, linked_at: stored(now) }).await
}

/// The end of one chain; `None` before its first entry.
pub async fn last_head(conn: &impl ConnectionTrait, scope: &str) -> Result<Option<Head>> {
    let newest = journal_heads::Entity::find()
        .filter(journal_heads::Column::Scope.eq(scope))
        .order_by_desc(journal_heads::Column::Seq)
        .limit(1)
        .one(conn)
        .await?;
    Ok(newest.map(|row| Head { scope: row.scope, seq: row.seq, hash: row.hash }))
}

fn chained(previous: &str, row: &journal::Model) -> String {
    let actor = row.actor.map(|a| a.to_string()).unwrap_or_default();
    let at = row.at.to_string();
    hash(previous, row.seq, &[&row.scope, &at, &actor, &row.action, &row.subject_kind, &row.subject, &row.details])
}

/// The end of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The call's id, or nothing for what belongs to none.
    pub scope: String,
    /// Its last entry.
    pub seq: i64,
    /// That entry's hash, which stands for everything before it.
    pub hash: String,
}

/// The ends of all chains.
pub async fn heads(conn: &impl ConnectionTrait) -> Result<Vec<Head>> {
    let newest = journal_heads::Entity::find()
        .select_only()
        .column(journal_heads::Column::Scope)
        .column_as(journal_heads::Column::Seq.max(), "seq")
        .group_by(journal_heads::Column::Scope)
        .order_by_asc(journal_heads::Column::Scope)
        .into_tuple::<(String, i64)>()
        .all(conn)
        .await?;
    let mut heads = Vec::with_capacity(newest.len());
    for (scope, seq) in newest {
        let row = journal_heads::Entity::find_by_id((scope, seq)).one(conn).await?;
        heads.extend(row.map(|r| Head { scope: r.scope, seq: r.seq, hash: r.hash }));
    }
    Ok(heads)
}

/// The hash of one entry.
pub async fn entry_hash(conn: &impl ConnectionTrait, scope: &str, seq: i64) -> Result<Option<String>> {
    Ok(journal::Entity::find_by_id((scope.to_owned(), seq)).one(conn).await?.map(|row| row.hash))
}

/// Acts that are recorded and not yet linked, and since when the oldest waits.
pub async fn pending(conn: &impl ConnectionTrait) -> Result<(u64, Option<Timestamp>)> {
    let count = journal_pending::Entity::find().count(conn).await?;
    let oldest = journal_pending::Entity::find().order_by_asc(journal_pending::Column::At).limit(1).one(conn).await?;
    let oldest = oldest.map(|row| instant("journal_pending", "at", row.id, row.at)).transpose()?;
    Ok((count, oldest))
}

/// Whether an act on a subject is recorded, linked or not, whose details hold a text.
pub async fn tells(conn: &impl ConnectionTrait, action: &str, subject: &str, text: &str) -> Result<bool> {
    let linked = journal::Entity::find()
        .filter(journal::Column::Action.eq(action))
        .filter(journal::Column::Subject.eq(subject))
        .filter(journal::Column::Details.contains(text))
        .count(conn)
        .await?;
    let waiting = journal_pending::Entity::find()
        .filter(journal_pending::Column::Action.eq(action))
        .filter(journal_pending::Column::Subject.eq(subject))
        .filter(journal_pending::Column::Details.contains(text))
        .count(conn)
        .await?;
    Ok(linked + waiting > 0)
}

/// Whether an action is recorded at an instant, linked or not, whose details hold a text.
pub async fn records(conn: &impl ConnectionTrait, action: &str, at: Timestamp, text: &str) -> Result<bool> {
    let linked = journal::Entity::find()
        .filter(journal::Column::Action.eq(action))
        .filter(journal::Column::At.eq(stored(at)))
        .filter(journal::Column::Details.contains(text))
        .count(conn)
        .await?;
    let waiting = journal_pending::Entity::find()
        .filter(journal_pending::Column::Action.eq(action))
        .filter(journal_pending::Column::At.eq(stored(at)))
        .filter(journal_pending::Column::Details.contains(text))
        .count(conn)
        .await?;
    Ok(linked + waiting > 0)
}

/// Every scope that has entries, heads, or a call.
pub async fn scopes(conn: &impl ConnectionTrait) -> Result<BTreeSet<String>> {
    let entries = journal::Entity::find().select_only().column(journal::Column::Scope).distinct();
    let heads = journal_heads::Entity::find().select_only().column(journal_heads::Column::Scope).distinct();
    let calls = calls::Entity::find().select_only().column(calls::Column::Id);
    let mut scopes: BTreeSet<String> = entries.into_tuple::<String>().all(conn).await?.into_iter().collect();
    scopes.extend(heads.into_tuple::<String>().all(conn).await?);
    scopes.extend(calls.into_tuple::<Uuid>().all(conn).await?.into_iter().map(|id| id.to_string()));
    Ok(scopes)
}

/// Where a chain is not what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Broken {
    /// An entry was changed, or one before it is missing.
    #[error("entry {0} is not what was written there")]
    Entry(i64),
    /// A head does not fit the entry it was taken from.
    #[error("the head at entry {0} is not that entry's")]
    Head(i64),
    /// Entries are missing at the end.
    #[error("entries are missing from {0} on")]
    Cut(i64),
    /// Entries follow the last head.
    #[error("entries from {0} on were never linked")]
    Unlinked(i64),
    /// A call without a single entry.
    #[error("the whole chain is missing")]
    Missing,
}

/// Walks a chain from its beginning, a page of entries at a time, and says where it first breaks; its end otherwise.
pub async fn verify(conn: &impl ConnectionTrait, scope: &str) -> Result<std::result::Result<Head, Broken>> {
    let mut at = Head { scope: scope.to_owned(), seq: 0, hash: GENESIS.to_owned() };
    let mut marked = 0;
    loop {
        let rows = journal::Entity::find()
            .filter(journal::Column::Scope.eq(scope))
            .filter(journal::Column::Seq.gt(at.seq))
            .order_by_asc(journal::Column::Seq)
            .limit(VERIFIED_AT_ONCE)
            .all(conn)
            .await?;
        let Some(until) = rows.last().map(|row| row.seq) else { break };
        let heads = journal_heads::Entity::find()
            .filter(journal_heads::Column::Scope.eq(scope))
            .filter(journal_heads::Column::Seq.between(at.seq + 1, until))
            .order_by_asc(journal_heads::Column::Seq)
            .all(conn)
            .await?;
        let mut heads = heads.into_iter().peekable();
        for row in rows {
            if row.seq != at.seq + 1 || row.hash != chained(&at.hash, &row) {
                return Ok(Err(Broken::Entry(at.seq + 1)));
            }
            if let Some(head) = heads.next_if(|head| head.seq == row.seq) {
                if head.hash != row.hash {
                    return Ok(Err(Broken::Head(head.seq)));
                }
                marked = head.seq;
            }
            at.seq = row.seq;
            at.hash = row.hash;
        }
    }
    let beyond = last_head(conn, scope).await?.map(|head| head.seq);
    Ok(match beyond {
        Some(seq) if seq > at.seq => Err(Broken::Cut(at.seq + 1)),
        None if at.seq == 0 && !scope.is_empty() => Err(Broken::Missing),
        _ if marked < at.seq => Err(Broken::Unlinked(marked + 1)),
        _ => Ok(at),
    })
}
