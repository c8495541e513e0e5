//! Calls, what is being written of them, and their versions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use ami_domain::call::{CallDefinition, CallState, Draft, Phase};
use ami_domain::deposit::sha256_hex;
use ami_domain::ids::{AccountId, CallId};
use ami_domain::policy::{CallFacts, OfficerRole, Permit, acts};
use jiff::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait as _, LockType, Order, Query, SelectStatement};
use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait, EntityTrait as _, IdenStatic as _, QueryFilter as _, QueryResult,
    QuerySelect as _, Statement, prelude::Uuid,
};

use crate::connection::{corrupt, exactly_one, insert, instant, permitted, stored};
use crate::entities::{call_versions, calls, counters};
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
    /// What is written in it, read once for all who ask; of a call in draft, as far as it can be read.
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

/// What a statement reads of a call: all that is short. Of one in draft its text too; of a published one the hash of that of its
/// version, which is long, never changes, and is kept read.
struct Head {
    id: CallId,
    code: String,
    state: CallState,
    version: i64,
    revision: i64,
    /// The draft, or the hash of the version that counts.
    text: String,
}

/// Selects a call's head from `calls`, its columns under their names after a prefix.
pub(crate) fn select_head(select: &mut SelectStatement, prefix: &str) {
    use calls::Column::{Code, Id, Revision, State, Version};
    for column in [Id, Code, State, Version, Revision] {
        select.expr_as(Expr::col((calls::Entity, column)), format!("{prefix}{}", column.as_str()));
    }
    let text = "CASE WHEN calls.version = 0 THEN calls.draft ELSE \
        (SELECT v.sha256 FROM call_versions v WHERE v.call_id = calls.id AND v.version = calls.version) END";
    select.expr_as(Expr::cust(text), format!("{prefix}text"));
}

fn head(row: &QueryResult, prefix: &str) -> Result<Head> {
    let (id, version): (Uuid, i64) = (row.try_get(prefix, "id")?, row.try_get(prefix, "version")?);
    let (state, text): (String, Option<String>) = (row.try_get(prefix, "state")?, row.try_get(prefix, "text")?);
    Ok(Head {
        state: CallState::parse(&state).ok_or_else(|| corrupt("calls", "state", id, &state))?,
        text: text.ok_or_else(|| corrupt("calls", "version", id, format!("{version} is missing")))?,
        id: id.into(),
        code: row.try_get(prefix, "code")?,
        version,
        revision: row.try_get(prefix, "revision")?,
    })
}

/// A call from its row in some statement that selected its head.
pub(crate) async fn of_row(conn: &impl ConnectionTrait, row: &QueryResult, prefix: &str) -> Result<Call> {
    of_head(conn, head(row, prefix)?).await
}

async fn of_head(conn: &impl ConnectionTrait, head: Head) -> Result<Call> {
    let id = head.id;
    of_heads(conn, vec![head]).await?.pop().ok_or_else(|| corrupt("calls", "id", id, "missing"))
}

/// Calls by their heads; the texts that are new are read in one statement.
async fn of_heads(conn: &impl ConnectionTrait, heads: Vec<Head>) -> Result<Vec<Call>> {
    let mut known = BTreeMap::new();
    let mut new = Condition::any();
    for head in heads.iter().filter(|head| head.version > 0) {
        if let Some(definition) = read_before(head.id, head.version, &head.text) {
            known.insert(head.id, definition);
        } else {
            let same = call_versions::Column::CallId.eq(head.id.uuid());
            new = new.add(same.and(call_versions::Column::Version.eq(head.version)));
        }
    }
    if !new.is_empty() {
        for row in call_versions::Entity::find().filter(new).all(conn).await? {
            known.insert(row.call_id.into(), read(&row)?);
        }
    }
    let call = |head: Head| {
        let definition = if head.version == 0 {
            let mut sketch = draft(head.id, &head.text)?.sketch();
            // Whatever a draft says of it, it is found by its code.
            sketch.code = head.code;
            Arc::new(sketch)
        } else {
            let missing = || corrupt("call_versions", "version", head.id, format!("{} is missing", head.version));
            known.remove(&head.id).ok_or_else(missing)?
        };
        let (id, state, version, revision) = (head.id, head.state, head.version, head.revision);
        Ok(Call { id, state, version, revision, definition })
    };
    heads.into_iter().map(call).collect()
}

fn draft(call: CallId, text: &str) -> Result<Draft> {
    serde_json::from_str(text).map_err(|e| corrupt("calls", "draft", call, e))
}

fn heads() -> SelectStatement {
    let mut select = Query::select();
    select_head(&mut select, "");
    select.from(calls::Entity).to_owned()
}

async fn one(conn: &impl ConnectionTrait, select: &SelectStatement) -> Result<Option<Call>> {
    match conn.query_one(select).await? {
        Some(row) => of_row(conn, &row, "").await.map(Some),
        None => Ok(None),
    }
}

async fn list(conn: &impl ConnectionTrait, select: &SelectStatement) -> Result<Vec<Call>> {
    let rows = conn.query_all(select).await?;
    of_heads(conn, rows.iter().map(|row| head(row, "")).collect::<Result<_>>()?).await
}

/// Definitions that are kept read; the one that was asked for least lately goes first.
const KEPT: usize = 64;

/// A definition that was read: of which call and version, from which text.
struct Kept {
    call: CallId,
    version: i64,
    sha256: Box<str>,
    definition: Arc<CallDefinition>,
}

static READ: Mutex<Vec<Kept>> = Mutex::new(Vec::new());

/// Reads a definition, or gives what was read of the same version before: a call's text is long, and every request needs it.
fn read(row: &call_versions::Model) -> Result<Arc<CallDefinition>> {
    let (call, version) = (CallId::from(row.call_id), row.version);
    if let Some(definition) = read_before(call, version, &row.sha256) {
        return Ok(definition);
    }
    let definition =
        serde_json::from_str(&row.definition).map_err(|e| corrupt("call_versions", "definition", call, e))?;
    let definition = Arc::new(definition);
    let mut kept = READ.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.len() >= KEPT {
        kept.remove(0);
    }
    kept.push(Kept { call, version, sha256: row.sha256.as_str().into(), definition: Arc::clone(&definition) });
    Ok(definition)
}

/// The definition that was read of a version of a call from a text with this hash.
fn read_before(call: CallId, version: i64, sha256: &str) -> Option<Arc<CallDefinition>> {
    let mut kept = READ.lock().unwrap_or_else(PoisonError::into_inner);
    let place = kept.iter().position(|k| k.call == call && k.version == version && *k.sha256 == *sha256)?;
    let found = kept.remove(place);
    let definition = Arc::clone(&found.definition);
    kept.push(found);
    Some(definition)
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
        found.insert(row.version, read(&row)?);
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
    serde_json::to_string(definition).map_err(|e| corrupt("call_versions", "definition", &definition.code, e))
}

fn written_draft(call: CallId, draft: &Draft) -> Result<String> {
    serde_json::to_string(draft).map_err(|e| corrupt("calls", "draft", call, e))
}

/// The prefix of a draft, where it has one: no two calls have the same.
fn prefix(draft: &Draft) -> Option<String> {
    Some(draft.text("/number_prefix").trim().to_owned()).filter(|prefix| !prefix.is_empty())
}

/// Adds a call in draft, with its first officer, who owns it.
///
/// # Errors
/// [`crate::Constraint::CallCode`] when the code is taken, [`crate::Constraint::CallPrefix`] when the prefix of its numbers is.
pub async fn insert_call(
    tx: &Tx,
    _permit: &Permit<acts::CreateCall>,
    id: CallId,
    code: &str,
    draft: &Draft,
    officer: AccountId,
    now: Timestamp,
) -> Result<()> {
    insert(
        tx,
        calls::Model {
            id: id.uuid(),
            code: code.to_owned(),
            state: CallState::Draft.as_str().to_owned(),
            version: 0,
            revision: 0,
            created_at: stored(now),
            published_at: None,
            number_prefix: prefix(draft),
            draft: Some(written_draft(id, draft)?),
        },
    )
    .await?;
    for name in ["dossiers", crate::upsets::SERIES] {
        insert(tx, counters::Model { call_id: id.uuid(), name: name.into(), value: 0 }).await?;
    }
    crate::officers::insert_officer(tx, id, officer, OfficerRole::Owner, now).await
}

/// What is being written of a call: the call itself until it is published, then the correction that is prepared, if one is.
pub async fn find_draft(conn: &impl ConnectionTrait, id: CallId) -> Result<Option<Draft>> {
    let row = calls::Entity::find_by_id(id.uuid()).one(conn).await?;
    row.and_then(|row| row.draft).map(|text| draft(id, &text)).transpose()
}

/// Whether a call, in draft or not, has this prefix.
pub async fn has_prefix(conn: &impl ConnectionTrait, prefix: &str) -> Result<bool> {
    Ok(calls::Entity::find().filter(calls::Column::NumberPrefix.eq(prefix)).one(conn).await?.is_some())
}

/// Writes what is being written of a call; `None` drops the correction that was prepared. Gives the new revision.
///
/// # Errors
/// [`crate::DatabaseError::Conflict`] when somebody else wrote in the meantime, [`crate::Constraint::CallPrefix`] when the prefix is
/// another call's.
pub async fn save_draft(tx: &Tx, permit: &Permit<acts::EditCall>, call: &Call, draft: Option<&Draft>) -> Result<i64> {
    permitted("calls", permit.on(), call.id)?;
    write_draft(tx, call, draft).await
}

/// The same, as the installation's own command line does.
///
/// # Errors
/// As [`save_draft`].
pub async fn save_draft_by_operator(tx: &Tx, call: &Call, draft: &Draft) -> Result<i64> {
    write_draft(tx, call, Some(draft)).await
}

async fn write_draft(tx: &Tx, call: &Call, draft: Option<&Draft>) -> Result<i64> {
    let text = draft.map(|draft| written_draft(call.id, draft)).transpose()?;
    let mut update = calls::Entity::update_many()
        .col_expr(calls::Column::Draft, Expr::value(text))
        .col_expr(calls::Column::Revision, Expr::value(call.revision + 1))
        .filter(calls::Column::Id.eq(call.id.uuid()))
        .filter(calls::Column::Revision.eq(call.revision));
    if call.version == 0 {
        update = update.col_expr(calls::Column::NumberPrefix, Expr::value(draft.and_then(prefix)));
    }
    exactly_one("calls", &update.exec(&tx.0).await?)?;
    Ok(call.revision + 1)
}

/// A version of a call, as everyone may know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// From 1.
    pub version: i64,
    /// When it was published.
    pub published_at: Timestamp,
    /// What a correction says of itself.
    pub notice: Option<String>,
}

/// The versions of a call, the newest first.
pub async fn list_versions(conn: &impl ConnectionTrait, id: CallId) -> Result<Vec<Version>> {
    let sql = "SELECT version, published_at, notice FROM call_versions WHERE call_id = $1 ORDER BY version DESC";
    let statement = Statement::from_sql_and_values(conn.get_database_backend(), sql, [id.uuid().into()]);
    let read = |row: QueryResult| {
        let at = row.try_get("", "published_at")?;
        Ok(Version {
            version: row.try_get("", "version")?,
            published_at: instant("call_versions", "published_at", id, at)?,
            notice: row.try_get("", "notice")?,
        })
    };
    conn.query_all_raw(statement).await?.into_iter().map(read).collect()
}

async fn insert_version(
    tx: &Tx,
    id: CallId,
    version: i64,
    definition: &CallDefinition,
    notice: Option<&str>,
    now: Timestamp,
) -> Result<()> {
    let definition = written(definition)?;
    insert(
        tx,
        call_versions::Model {
            call_id: id.uuid(),
            version,
            sha256: sha256_hex(definition.as_bytes()),
            definition,
            published_at: stored(now),
            notice: notice.map(str::to_owned),
        },
    )
    .await
}

/// Keeps a correction of a published call as its next version, which counts from now on; what was prepared is no draft any more.
///
/// # Errors
/// [`crate::DatabaseError::Conflict`] when somebody else wrote in the meantime.
pub async fn insert_correction(
    tx: &Tx,
    permit: &Permit<acts::CorrectCall>,
    call: &Call,
    definition: &CallDefinition,
    notice: &str,
    now: Timestamp,
) -> Result<i64> {
    permitted("calls", permit.on(), call.id)?;
    let version = call.version + 1;
    let updated = calls::Entity::update_many()
        .col_expr(calls::Column::Version, Expr::value(version))
        .col_expr(calls::Column::Draft, Expr::value(None::<String>))
        .col_expr(calls::Column::Revision, Expr::value(call.revision + 1))
        .filter(calls::Column::Id.eq(call.id.uuid()))
        .filter(calls::Column::Revision.eq(call.revision))
        .exec(&tx.0)
        .await?;
    exactly_one("calls", &updated)?;
    insert_version(tx, call.id, version, definition, Some(notice), now).await?;
    Ok(version)
}

/// The call with this code.
pub async fn find_by_code(conn: &impl ConnectionTrait, code: &str) -> Result<Option<Call>> {
    // PostgreSQL takes no U+0000 in a text, not even to look for it.
    if code.contains('\0') {
        return Ok(None);
    }
    one(conn, heads().and_where(calls::Column::Code.eq(code))).await
}

async fn of_code(conn: &impl ConnectionTrait, code: &str, lock: LockType) -> Result<Option<Call>> {
    if code.contains('\0') {
        return Ok(None);
    }
    one(conn, heads().and_where(calls::Column::Code.eq(code)).lock(lock)).await
}

/// The call with this id.
pub async fn find(conn: &impl ConnectionTrait, id: CallId) -> Result<Option<Call>> {
    one(conn, heads().and_where(calls::Column::Id.eq(id.uuid()))).await
}

/// The call with this id, which stays as it is until the transaction ends.
pub async fn find_for_share(tx: &Tx, id: CallId) -> Result<Option<Call>> {
    one(&tx.0, heads().and_where(calls::Column::Id.eq(id.uuid())).lock(LockType::Share)).await
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
    let found = list(conn, heads().and_where(calls::Column::Id.is_in(ids))).await?;
    Ok(found.into_iter().map(|call| (call.id, call)).collect())
}

/// At most `limit` calls, newest first, older than one.
pub async fn before(conn: &impl ConnectionTrait, newer: Option<CallId>, limit: usize) -> Result<Vec<Call>> {
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    let mut select = heads();
    select.and_where_option(newer.map(|newer| calls::Column::Id.lt(newer.uuid())));
    list(conn, select.order_by((calls::Entity, calls::Column::Id), Order::Desc).limit(limit)).await
}

/// Every call, newest first.
pub async fn all(conn: &impl ConnectionTrait) -> Result<Vec<Call>> {
    let newest = |column| ((calls::Entity, column), Order::Desc);
    list(conn, heads().order_by_columns([newest(calls::Column::CreatedAt), newest(calls::Column::Id)])).await
}

/// Moves a call on. Publication gives the definition that is kept for good: its first version.
///
/// # Errors
/// [`crate::DatabaseError::Conflict`] when somebody moved it in the meantime.
pub async fn set_state(
    tx: &Tx,
    permit: &Permit<acts::AdvanceCall>,
    call: &Call,
    to: CallState,
    published: Option<&CallDefinition>,
    now: Timestamp,
) -> Result<()> {
    permitted("calls", permit.on(), call.id)?;
    let mut update = calls::Entity::update_many()
        .col_expr(calls::Column::State, Expr::value(to.as_str()))
        .col_expr(calls::Column::Revision, Expr::value(call.revision + 1))
        .filter(calls::Column::Id.eq(call.id.uuid()))
        .filter(calls::Column::Revision.eq(call.revision));
    if published.is_some() {
        update = update
            .col_expr(calls::Column::Version, Expr::value(1_i64))
            .col_expr(calls::Column::Draft, Expr::value(None::<String>))
            .col_expr(calls::Column::PublishedAt, Expr::value(stored(now)));
    }
    exactly_one("calls", &update.exec(&tx.0).await?)?;
    match published {
        Some(definition) => insert_version(tx, call.id, 1, definition, None, now).await,
        None => Ok(()),
    }
}

/// Somebody who is written to about a dossier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressee {
    /// The address.
    pub email: String,
    /// The dossier's number.
    pub number: i64,
    /// Whether it is filed.
    pub filed: bool,
}

/// Everyone who has a draft or a deposit in a call, a line for each dossier, by address.
pub async fn addressees(conn: &impl ConnectionTrait, id: CallId) -> Result<Vec<Addressee>> {
    let sql = "SELECT a.email, d.number, CASE WHEN d.deposit_id IS NULL THEN 0 ELSE 1 END AS filed FROM dossiers d \
        JOIN memberships m ON m.organisation_id = d.organisation_id JOIN accounts a ON a.id = m.account_id \
        WHERE d.call_id = $1 AND d.state <> 'withdrawn' AND d.discarded_at IS NULL AND a.disabled_at IS NULL ORDER BY a.email, d.number";
    let statement = Statement::from_sql_and_values(conn.get_database_backend(), sql, [id.uuid().into()]);
    let read = |row: QueryResult| {
        let filed: i32 = row.try_get("", "filed")?;
        Ok(Addressee { email: row.try_get("", "email")?, number: row.try_get("", "number")?, filed: filed == 1 })
    };
    conn.query_all_raw(statement).await?.into_iter().map(read).collect()
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
