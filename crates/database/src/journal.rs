//! The record of acts, hash-chained: one chain per call and one for everything else.

use ami_domain::journal::{Act, GENESIS, hash};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
};

use crate::connection::{corrupt, exactly_one, insert, named, stored};
use crate::entities::{journal, journal_heads};
use crate::{Result, Tx};

/// Adds an act at the end of its chain. The head row is locked until the transaction ends: the chain has one end.
pub async fn append(tx: &Tx, act: &Act) -> Result<()> {
    let scope = act.call.map_or_else(String::new, |c| c.to_string());
    let start = journal_heads::Model { scope: scope.clone(), seq: 0, hash: GENESIS.to_owned() };
    journal_heads::Entity::insert(sea_orm::ActiveModelTrait::reset_all(start.into_active_model()))
        .on_conflict(OnConflict::column(journal_heads::Column::Scope).do_nothing().to_owned())
        .exec_without_returning(&tx.0)
        .await
        .map_err(named)?;
    let head = journal_heads::Entity::find_by_id(scope.clone())
        .lock_exclusive()
        .one(&tx.0)
        .await?
        .ok_or_else(|| corrupt("journal_heads", "scope", &scope, "missing"))?;
    let mut row = journal::Model {
        scope: scope.clone(),
        seq: head.seq + 1,
        at: stored(act.at),
        actor: act.actor.map(ami_domain::ids::AccountId::uuid),
        action: act.action.to_owned(),
        subject_kind: act.subject_kind.to_owned(),
        subject: act.subject.clone(),
        details: act.details.to_string(),
        hash: String::new(),
    };
    row.hash = chained(&head.hash, &row);
    let updated = journal_heads::Entity::update_many()
        .col_expr(journal_heads::Column::Seq, Expr::value(row.seq))
        .col_expr(journal_heads::Column::Hash, Expr::value(row.hash.clone()))
        .filter(journal_heads::Column::Scope.eq(scope))
        .filter(journal_heads::Column::Seq.eq(head.seq))
        .exec(&tx.0)
        .await?;
    exactly_one("journal_heads", &updated)?;
    insert(tx, row).await
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

/// The actions recorded on a subject, oldest first.
pub async fn actions_on(conn: &impl ConnectionTrait, kind: &str, subject: &str) -> Result<Vec<String>> {
    let rows = journal::Entity::find()
        .filter(journal::Column::SubjectKind.eq(kind))
        .filter(journal::Column::Subject.eq(subject))
        .order_by_asc(journal::Column::At)
        .order_by_asc(journal::Column::Seq)
        .all(conn)
        .await?;
    Ok(rows.into_iter().map(|r| r.action).collect())
}
