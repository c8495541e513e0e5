//! The record of acts, hash-chained: one chain per call and one for everything else.
//!
//! An act commits with what it records, in `journal_pending`, where nothing waits for anything. The sequencer ([`link`]) moves it
//! to its chain within a second: whoever acts never waits for the end of a chain that a whole call shares.

use std::collections::BTreeMap;

use ami_domain::journal::{Act, GENESIS, hash};
use sea_orm::sea_query::{Expr, LockBehavior, LockType, OnConflict};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DbBackend, EntityTrait as _, IntoActiveModel as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
};
use uuid::Uuid;

use crate::connection::{corrupt, exactly_one, insert, stored};
use crate::entities::{journal, journal_heads, journal_pending};
use crate::{Result, Tx};

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

/// Links recorded acts at the end of their chains, oldest first; gives how many. Several servers may do it at once: an act is
/// linked by one of them, and a chain grows at one end.
pub async fn link(tx: &Tx) -> Result<usize> {
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
        link_scope(tx, scope, acts).await?;
    }
    if !ids.is_empty() {
        journal_pending::Entity::delete_many()
            .filter(journal_pending::Column::Id.is_in(ids.iter().copied()))
            .exec(&tx.0)
            .await?;
    }
    Ok(ids.len())
}

async fn link_scope(tx: &Tx, scope: String, acts: Vec<journal_pending::Model>) -> Result<()> {
    let start = journal_heads::Model { scope: scope.clone(), seq: 0, hash: GENESIS.to_owned() };
    journal_heads::Entity::insert(sea_orm::ActiveModelTrait::reset_all(start.into_active_model()))
        .on_conflict(OnConflict::column(journal_heads::Column::Scope).do_nothing().to_owned())
        .exec_without_returning(&tx.0)
        .await?;
    let head = journal_heads::Entity::find_by_id(scope.clone())
        .lock_exclusive()
        .one(&tx.0)
        .await?
        .ok_or_else(|| corrupt("journal_heads", "scope", &scope, "missing"))?;
    let (mut seq, mut previous) = (head.seq, head.hash);
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
    let updated = journal_heads::Entity::update_many()
        .col_expr(journal_heads::Column::Seq, Expr::value(seq))
        .col_expr(journal_heads::Column::Hash, Expr::value(previous))
        .filter(journal_heads::Column::Scope.eq(scope))
        .filter(journal_heads::Column::Seq.eq(head.seq))
        .exec(&tx.0)
        .await?;
    exactly_one("journal_heads", &updated)?;
    journal::Entity::insert_many(rows).exec_without_returning(&tx.0).await?;
    Ok(())
}

fn chained(previous: &str, row: &journal::Model) -> String {
    let actor = row.actor.map(|a| a.to_string()).unwrap_or_default();
    let at = row.at.to_string();
    hash(previous, row.seq, &[&row.scope, &at, &actor, &row.action, &row.subject_kind, &row.subject, &row.details])
}

/// Walks a chain and says where it breaks: the sequence number of the first entry that is not what was written.
pub async fn verify(conn: &impl ConnectionTrait, scope: &str) -> Result<std::result::Result<i64, i64>> {
    let rows = journal::Entity::find()
        .filter(journal::Column::Scope.eq(scope))
        .order_by_asc(journal::Column::Seq)
        .all(conn)
        .await?;
    let mut previous = GENESIS.to_owned();
    let mut expected = 0;
    for row in rows {
        expected += 1;
        if row.seq != expected || row.hash != chained(&previous, &row) {
            return Ok(Err(expected));
        }
        previous = row.hash;
    }
    let head = journal_heads::Entity::find_by_id(scope.to_owned()).one(conn).await?;
    match head {
        Some(head) if head.seq != expected || head.hash != previous => Ok(Err(expected + 1)),
        _ => Ok(Ok(expected)),
    }
}
