//! Calls, their versions and their officers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use ami_domain::call::{CallDefinition, CallState, Phase};
use ami_domain::deposit::sha256_hex;
use ami_domain::ids::{AccountId, CallId};
use ami_domain::policy::{CallFacts, Permit, acts};
use jiff::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait as _, LockType, Query, SimpleExpr};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QueryResult,
    QuerySelect as _, prelude::Uuid,
};

use crate::connection::{corrupt, exactly_one, insert, permitted, stored};
use crate::entities::{call_versions, calls, counters, officers};
use crate::{Result, Tx};

/// A call as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its id.
    pub id: CallId,
    /// Where its officers have brought it.
    pub state: CallState,
    /// Which version of its definition counts.
    pub version: i64,
    /// Grows by one at every change.
    pub revision: i64,
    /// What is written in it, read once for all who ask.
    pub definition: Arc<CallDefinition>,
}

impl Call {
    /// Where it stands at `now`.
    pub fn phase(&self, now: Timestamp) -> Phase {
        self.state.phase(&self.definition.calendar, now)
    }

    /// What the policy needs to know of it.
    pub fn facts(&self, now: Timestamp) -> CallFacts {
        CallFacts {
            id: self.id,
            phase: self.phase(now),
            officers_see_marks_while_marking: self.definition.rules.officers_see_marks_while_marking,
            closes: self.definition.calendar.closes,
            marking_over: Some(self.definition.calendar.marking_until).filter(|until| now > *until),
        }
    }
}

fn call(row: calls::Model) -> Result<Call> {
    Ok(Call {
        state: CallState::parse(&row.state).ok_or_else(|| corrupt("calls", "state", row.id, &row.state))?,
        definition: read(row.id.into(), row.version, Some(row.revision), &row.definition)?,
        id: row.id.into(),
        version: row.version,
        revision: row.revision,
    })
}

/// Definitions that are kept read; the one that was asked for least lately goes first.
const KEPT: usize = 64;

/// A definition that was read: of which call and version, from which text.
struct Kept {
    call: CallId,
    version: i64,
    /// The call's revision, where the definition is its own and not that of one of its versions.
    revision: Option<i64>,
    text: Box<str>,
    definition: Arc<CallDefinition>,
}

static READ: Mutex<Vec<Kept>> = Mutex::new(Vec::new());

/// Reads a definition, or gives what was read from the same text before: a call's text is long, and every request needs it.
fn read(call: CallId, version: i64, revision: Option<i64>, text: &str) -> Result<Arc<CallDefinition>> {
    let mut kept = READ.lock().unwrap_or_else(PoisonError::into_inner);
    let found = kept.iter().position(|k| k.call == call && k.version == version && *k.text == *text);
    if let Some(place) = found {
        let mut found = kept.remove(place);
        let definition = Arc::clone(&found.definition);
        found.revision = revision.or(found.revision);
        kept.push(found);
        return Ok(definition);
    }
    drop(kept);
    let definition = serde_json::from_str(text).map_err(|e| corrupt("calls", "definition", call, e))?;
    let definition = Arc::new(definition);
    let mut kept = READ.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.len() >= KEPT {
        kept.remove(0);
    }
    kept.push(Kept { call, version, revision, text: text.into(), definition: Arc::clone(&definition) });
    Ok(definition)
}

/// The definition that was read of a call at a revision, which grows with every change of it; a text of another length is not it.
fn read_before(call: CallId, revision: i64, bytes: i64) -> Option<Arc<CallDefinition>> {
    let mut kept = READ.lock().unwrap_or_else(PoisonError::into_inner);
    let same = |k: &Kept| k.call == call && k.revision == Some(revision) && i64::try_from(k.text.len()) == Ok(bytes);
    let place = kept.iter().position(same)?;
    let found = kept.remove(place);
    let definition = Arc::clone(&found.definition);
    kept.push(found);
    Some(definition)
}

/// A call from its row in some statement, whose columns are named after a prefix; its text, which is long, is not among them and
/// is read when it is new.
pub(crate) async fn of_row(conn: &impl ConnectionTrait, row: &QueryResult, prefix: &str) -> Result<Call> {
    let id: Uuid = row.try_get(prefix, "id")?;
    let revision: i64 = row.try_get(prefix, "revision")?;
    let state: String = row.try_get(prefix, "state")?;
    let Some(definition) = read_before(id.into(), revision, row.try_get(prefix, "bytes")?) else {
        return find_whole(conn, id.into()).await?.ok_or_else(|| corrupt("calls", "id", id, "missing"));
    };
    Ok(Call {
        state: CallState::parse(&state).ok_or_else(|| corrupt("calls", "state", id, &state))?,
        definition,
        id: id.into(),
        version: row.try_get(prefix, "version")?,
        revision,
    })
}

/// How long a call's text is, which neither database reads it for.
pub(crate) fn text_bytes() -> SimpleExpr {
    Expr::cust("CAST(octet_length(calls.definition) AS BIGINT)")
}

/// One call without its text, which is read when it is new.
async fn one(conn: &impl ConnectionTrait, which: SimpleExpr) -> Result<Option<Call>> {
    let select = Query::select()
        .columns([calls::Column::Id, calls::Column::Revision, calls::Column::State, calls::Column::Version])
        .expr_as(text_bytes(), "bytes")
        .from(calls::Entity)
        .and_where(which)
        .to_owned();
    match conn.query_one(&select).await? {
        Some(row) => of_row(conn, &row, "").await.map(Some),
        None => Ok(None),
    }
}

async fn find_whole(conn: &impl ConnectionTrait, id: CallId) -> Result<Option<Call>> {
    calls::Entity::find_by_id(id.uuid()).one(conn).await?.map(call).transpose()
}

/// Some versions of a call, by number, those that there are; the one that counts costs nothing.
pub async fn versions(
    conn: &impl ConnectionTrait,
    call: &Call,
    versions: impl IntoIterator<Item = i64>,
) -> Result<BTreeMap<i64, Arc<CallDefinition>>> {
    let mut found = BTreeMap::from([(call.version, Arc::clone(&call.definition))]);
    let others: BTreeSet<i64> = versions.into_iter().filter(|version| *version != call.version).collect();
    if others.is_empty() {
        return Ok(found);
    }
    let rows = call_versions::Entity::find()
        .filter(call_versions::Column::CallId.eq(call.id.uuid()))
        .filter(call_versions::Column::Version.is_in(others))
        .all(conn)
        .await?;
    for row in rows {
        found.insert(row.version, read(call.id, row.version, None, &row.definition)?);
    }
    Ok(found)
}

/// What was written in a call in one of its versions.
///
/// # Errors
/// [`crate::DatabaseError::Corrupt`] when there is no such version.
pub async fn version(conn: &impl ConnectionTrait, call: &Call, version: i64) -> Result<Arc<CallDefinition>> {
    versions(conn, call, [version])
        .await?
        .remove(&version)
        .ok_or_else(|| corrupt("call_versions", "version", call.id, format!("{version} is missing")))
}

fn written(definition: &CallDefinition) -> Result<String> {
    serde_json::to_string(definition).map_err(|e| corrupt("calls", "definition", &definition.code, e))
}

/// Adds a call in draft, with its first officer.
///
/// # Errors
/// [`crate::Constraint::CallCode`] when the code is taken.
pub async fn insert_call(
    tx: &Tx,
    _permit: &Permit<acts::CreateCall>,
    id: CallId,
    definition: &CallDefinition,
    officer: AccountId,
    now: Timestamp,
) -> Result<()> {
    insert(
        tx,
        calls::Model {
            id: id.uuid(),
            code: definition.code.clone(),
            state: CallState::Draft.as_str().to_owned(),
            version: 0,
            definition: written(definition)?,
            revision: 0,
            created_at: stored(now),
            published_at: None,
        },
    )
    .await?;
    for name in ["dossiers", crate::upsets::SERIES] {
        insert(tx, counters::Model { call_id: id.uuid(), name: name.into(), value: 0 }).await?;
    }
    insert(tx, officers::Model { call_id: id.uuid(), account_id: officer.uuid(), created_at: stored(now) }).await
}

/// The call with this code.
pub async fn find_by_code(conn: &impl ConnectionTrait, code: &str) -> Result<Option<Call>> {
    // PostgreSQL takes no U+0000 in a text, not even to look for it.
    if code.contains('\0') {
        return Ok(None);
    }
    one(conn, calls::Column::Code.eq(code)).await
}

async fn of_code(conn: &impl ConnectionTrait, code: &str, lock: LockType) -> Result<Option<Call>> {
    if code.contains('\0') {
        return Ok(None);
    }
    calls::Entity::find().filter(calls::Column::Code.eq(code)).lock(lock).one(conn).await?.map(call).transpose()
}

/// The call with this id.
pub async fn find(conn: &impl ConnectionTrait, id: CallId) -> Result<Option<Call>> {
    one(conn, calls::Column::Id.eq(id.uuid())).await
}

/// The call with this id, which stays as it is until the transaction ends.
pub async fn find_for_share(tx: &Tx, id: CallId) -> Result<Option<Call>> {
    calls::Entity::find_by_id(id.uuid()).lock_shared().one(&tx.0).await?.map(call).transpose()
}

/// The call with this code, which stays as it is until the transaction ends.
pub async fn find_by_code_for_share(tx: &Tx, code: &str) -> Result<Option<Call>> {
    of_code(&tx.0, code, LockType::Share).await
}

/// The call with this code, for whoever moves it on: nobody writes under its state until the transaction ends.
pub async fn find_by_code_for_update(tx: &Tx, code: &str) -> Result<Option<Call>> {
    of_code(&tx.0, code, LockType::Update).await
}

/// Some calls by their ids.
pub async fn some(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = CallId>,
) -> Result<BTreeMap<CallId, Call>> {
    let ids: BTreeSet<_> = ids.into_iter().map(CallId::uuid).collect();
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows = calls::Entity::find().filter(calls::Column::Id.is_in(ids)).all(conn).await?;
    rows.into_iter().map(|row| call(row).map(|call| (call.id, call))).collect()
}

/// At most `limit` calls, newest first, older than one.
pub async fn before(conn: &impl ConnectionTrait, newer: Option<CallId>, limit: usize) -> Result<Vec<Call>> {
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    let mut older = calls::Entity::find().order_by_desc(calls::Column::Id).limit(limit);
    if let Some(newer) = newer {
        older = older.filter(calls::Column::Id.lt(newer.uuid()));
    }
    older.all(conn).await?.into_iter().map(call).collect()
}

/// Every call, newest first.
pub async fn all(conn: &impl ConnectionTrait) -> Result<Vec<Call>> {
    let rows = calls::Entity::find()
        .order_by_desc(calls::Column::CreatedAt)
        .order_by_desc(calls::Column::Id)
        .all(conn)
        .await?;
    rows.into_iter().map(call).collect()
}

/// Moves a call on; publication keeps the version for good.
///
/// # Errors
/// [`crate::DatabaseError::Conflict`] when somebody moved it in the meantime.
pub async fn set_state(
    tx: &Tx,
    permit: &Permit<acts::AdvanceCall>,
    call: &Call,
    to: CallState,
    now: Timestamp,
) -> Result<()> {
    permitted("calls", permit.on(), call.id)?;
    let publishing = call.state == CallState::Draft;
    let version = if publishing { call.version + 1 } else { call.version };
    let mut update = calls::Entity::update_many()
        .col_expr(calls::Column::State, Expr::value(to.as_str()))
        .col_expr(calls::Column::Version, Expr::value(version))
        .col_expr(calls::Column::Revision, Expr::value(call.revision + 1))
        .filter(calls::Column::Id.eq(call.id.uuid()))
        .filter(calls::Column::Revision.eq(call.revision));
    if publishing {
        update = update.col_expr(calls::Column::PublishedAt, Expr::value(stored(now)));
    }
    exactly_one("calls", &update.exec(&tx.0).await?)?;
    if publishing {
        let definition = written(&call.definition)?;
        insert(
            tx,
            call_versions::Model {
                call_id: call.id.uuid(),
                version,
                sha256: sha256_hex(definition.as_bytes()),
                definition,
                published_at: stored(now),
                notice: None,
            },
        )
        .await?;
    }
    Ok(())
}

/// The next number of a series of the call: two callers never get the same one.
pub async fn next_number(tx: &Tx, call: CallId, name: &str) -> Result<i64> {
    let which = || counters::Column::CallId.eq(call.uuid()).and(counters::Column::Name.eq(name));
    let updated = counters::Entity::update_many()
        .col_expr(counters::Column::Value, Expr::col(counters::Column::Value).add(1))
        .filter(which())
        .exec(&tx.0)
        .await?;
    exactly_one("counters", &updated)?;
    let row = counters::Entity::find().filter(which()).limit(1).one(&tx.0).await?;
    row.map(|r| r.value).ok_or_else(|| corrupt("counters", "value", call, "missing"))
}
