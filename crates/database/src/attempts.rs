//! How often something was tried: one row for each kind and subject, whatever the number of servers.

use jiff::{SignedDuration, Timestamp};
use sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, Statement, sea_query::Condition};

use crate::connection::{instant, stored};
use crate::entities::attempts;
use crate::{Result, Tx};

/// Tries within a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// When the window began.
    pub since: Timestamp,
    /// How many.
    pub tries: i64,
}

/// What is counted: a kind, and the hash of whom it is about.
pub type Counted = (&'static str, String);

/// Counts one more; a window that is over begins anew.
pub async fn count(tx: &Tx, (kind, subject): &Counted, window: SignedDuration, now: Timestamp) -> Result<Count> {
    let over = now.checked_sub(window).unwrap_or(Timestamp::MIN);
    let sql = "INSERT INTO attempts (kind, subject, since, tries) VALUES ($1, $2, $3, 1) \
        ON CONFLICT (kind, subject) DO UPDATE SET \
        tries = CASE WHEN attempts.since <= $4 THEN 1 ELSE attempts.tries + 1 END, \
        since = CASE WHEN attempts.since <= $4 THEN $3 ELSE attempts.since END \
        RETURNING since, tries";
    let values = [(*kind).into(), subject.as_str().into(), stored(now).into(), stored(over).into()];
    let row = tx.0.query_one_raw(Statement::from_sql_and_values(tx.0.get_database_backend(), sql, values)).await?;
    let row = row.ok_or(crate::DatabaseError::Conflict { table: "attempts" })?;
    Ok(Count {
        since: instant("attempts", "since", subject, row.try_get("", "since")?)?,
        tries: row.try_get("", "tries")?,
    })
}

/// How often it was tried, for each of those that were, in windows of any length.
pub async fn counts(conn: &impl ConnectionTrait, of: &[Counted]) -> Result<Vec<(Counted, Count)>> {
    let any = of.iter().fold(Condition::any(), |any, (kind, subject)| {
        any.add(Condition::all().add(attempts::Column::Kind.eq(*kind)).add(attempts::Column::Subject.eq(subject)))
    });
    let rows = attempts::Entity::find().filter(any).all(conn).await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(counted) = of.iter().find(|(kind, subject)| *kind == row.kind && *subject == row.subject) else {
            continue;
        };
        let since = instant("attempts", "since", &row.subject, row.since)?;
        found.push((counted.clone(), Count { since, tries: row.tries }));
    }
    Ok(found)
}

/// Forgets what was counted.
pub async fn forget(tx: &Tx, (kind, subject): &Counted) -> Result<()> {
    attempts::Entity::delete_by_id(((*kind).to_owned(), subject.clone())).exec(&tx.0).await?;
    Ok(())
}

/// Forgets every window that began before an instant, so that the table stays as small as what is tried.
pub async fn forget_before(tx: &Tx, before: Timestamp) -> Result<()> {
    attempts::Entity::delete_many().filter(attempts::Column::Since.lt(stored(before))).exec(&tx.0).await?;
    Ok(())
}
