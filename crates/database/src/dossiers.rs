//! Dossiers, their answers and pieces.

use std::collections::{BTreeMap, BTreeSet};

use ami_domain::dossier::{Dossier, DossierState, DossierStateName, Editing, Filing, InadmissibleReason};
use ami_domain::ids::{AccountId, CallId, DossierId, HistoryId, OrganisationId, PieceId};
use ami_domain::pieces::Format;
use ami_domain::policy::{Act, Permit, acts};
use jiff::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict, SimpleExpr};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, QueryTrait as _,
};
use serde_json::Value;

use crate::connection::{corrupt, exactly_one, insert, instant, permitted, stored};
use crate::entities::{answer_history, answers, dossiers, pieces};
use crate::{Result, Tx};

const TABLE: &str = "dossiers";

pub(crate) fn dossier(row: dossiers::Model) -> Result<Dossier> {
    let id = row.id;
    let at = |column, value| instant(TABLE, column, id, value);
    let required = |column: &'static str, value: Option<i64>| {
        value.ok_or_else(|| corrupt(TABLE, column, id, "missing")).and_then(|v| at(column, v))
    };
    let name = DossierStateName::parse(&row.state).ok_or_else(|| corrupt(TABLE, "state", id, &row.state))?;
    let filing = || {
        let deposit = row.deposit_id.ok_or_else(|| corrupt(TABLE, "deposit_id", id, "missing"))?;
        Ok::<_, crate::DatabaseError>(Filing {
            deposit: deposit.into(),
            at: required("deposited_at", row.deposited_at)?,
        })
    };
    let state = match name {
        DossierStateName::Draft => match row.discarded_at {
            Some(v) => DossierState::Discarded { at: at("discarded_at", v)? },
            None => DossierState::Draft,
        },
        DossierStateName::Deposited => {
            let since = row.editing_since.map(|v| at("editing_since", v)).transpose()?;
            DossierState::Deposited { filing: filing()?, editing: since.map(|since| Editing { since }) }
        }
        DossierStateName::Withdrawn => {
            DossierState::Withdrawn { filing: filing()?, at: required("withdrawn_at", row.withdrawn_at)? }
        }
        DossierStateName::Admissible => DossierState::Admissible { filing: filing()? },
        DossierStateName::Inadmissible => DossierState::Inadmissible {
            filing: filing()?,
            reason: row
                .inadmissible_reason
                .as_deref()
                .and_then(InadmissibleReason::parse)
                .ok_or_else(|| corrupt(TABLE, "inadmissible_reason", id, "unknown"))?,
            comment: row.inadmissible_comment.unwrap_or_default(),
        },
    };
    Ok(Dossier {
        state,
        created_at: at("created_at", row.created_at)?,
        id: id.into(),
        call: row.call_id.into(),
        organisation: row.organisation_id.into(),
        lot: row.lot,
        number: row.number,
        revision: row.revision,
        answers_revision: row.answers_revision,
        created_by: row.created_by.into(),
    })
}

fn row(d: &Dossier) -> dossiers::Model {
    let (withdrawn_at, reason, comment) = match &d.state {
        DossierState::Withdrawn { at, .. } => (Some(stored(*at)), None, None),
        DossierState::Inadmissible { reason, comment, .. } => {
            (None, Some(reason.as_str().to_owned()), Some(comment.clone()))
        }
        _ => (None, None, None),
    };
    dossiers::Model {
        id: d.id.uuid(),
        call_id: d.call.uuid(),
        organisation_id: d.organisation.uuid(),
        lot: d.lot.clone(),
        number: d.number,
        state: d.state_name().as_str().to_owned(),
        revision: d.revision,
        answers_revision: d.answers_revision,
        created_at: stored(d.created_at),
        created_by: d.created_by.uuid(),
        deposited_at: d.deposited_at().map(stored),
        deposit_id: d.filing().map(|filing| filing.deposit.uuid()),
        editing_since: d.editing().map(|editing| stored(editing.since)),
        withdrawn_at,
        inadmissible_reason: reason,
        inadmissible_comment: comment,
        discarded_at: match d.state {
            DossierState::Discarded { at } => Some(stored(at)),
            _ => None,
        },
    }
}

/// Adds a draft.
///
/// # Errors
/// [`crate::Constraint::DossierLot`] when the organisation has one for this lot.
pub async fn insert_dossier(tx: &Tx, permit: &Permit<acts::CreateDossier>, dossier: &Dossier) -> Result<()> {
    permitted(TABLE, permit.on(), (dossier.call, dossier.organisation))?;
    insert(tx, row(dossier)).await
}

/// One dossier; a draft that was thrown away is not there.
pub async fn find(conn: &impl ConnectionTrait, id: DossierId) -> Result<Option<Dossier>> {
    let found = dossiers::Entity::find_by_id(id.uuid()).filter(dossiers::Column::DiscardedAt.is_null());
    found.one(conn).await?.map(dossier).transpose()
}

/// One dossier, kept from other writers until the transaction ends; a draft that was thrown away is not there.
pub async fn find_for_update(tx: &Tx, id: DossierId) -> Result<Option<Dossier>> {
    Ok(find_whatever_for_update(tx, id).await?.filter(|d| !matches!(d.state, DossierState::Discarded { .. })))
}

/// The same, a draft that was thrown away too.
pub async fn find_whatever_for_update(tx: &Tx, id: DossierId) -> Result<Option<Dossier>> {
    dossiers::Entity::find_by_id(id.uuid()).lock_exclusive().one(&tx.0).await?.map(dossier).transpose()
}

/// The dossiers of some organisations, newest first, without drafts that were thrown away.
pub async fn of_organisations(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = OrganisationId>,
) -> Result<Vec<Dossier>> {
    let all = whatever_of_organisations(conn, ids).await?;
    Ok(all.into_iter().filter(|d| !matches!(d.state, DossierState::Discarded { .. })).collect())
}

/// The same, with them.
pub async fn whatever_of_organisations(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = OrganisationId>,
) -> Result<Vec<Dossier>> {
    let rows = dossiers::Entity::find()
        .filter(dossiers::Column::OrganisationId.is_in(ids.into_iter().map(OrganisationId::uuid)))
        .order_by_desc(dossiers::Column::CreatedAt)
        .order_by_desc(dossiers::Column::Id)
        .all(conn)
        .await?;
    rows.into_iter().map(dossier).collect()
}

/// The dossiers of a call that were filed, by number.
pub async fn filed_of_call(conn: &impl ConnectionTrait, call: CallId) -> Result<Vec<Dossier>> {
    let rows = dossiers::Entity::find()
        .filter(dossiers::Column::CallId.eq(call.uuid()))
        .filter(dossiers::Column::State.ne(DossierStateName::Draft.as_str()))
        .order_by_asc(dossiers::Column::Number)
        .all(conn)
        .await?;
    rows.into_iter().map(dossier).collect()
}

/// The drafts of a call of which nothing is filed.
pub async fn drafts_of_call(conn: &impl ConnectionTrait, call: CallId) -> Result<Vec<DossierId>> {
    let found: Vec<sea_orm::prelude::Uuid> = dossiers::Entity::find()
        .select_only()
        .column(dossiers::Column::Id)
        .filter(dossiers::Column::CallId.eq(call.uuid()))
        .filter(dossiers::Column::State.eq(DossierStateName::Draft.as_str()))
        .filter(dossiers::Column::DiscardedAt.is_null())
        .into_tuple()
        .all(conn)
        .await?;
    Ok(found.into_iter().map(Into::into).collect())
}

/// Which filed dossiers of a call.
#[derive(Debug, Clone, Copy)]
pub struct Filed<'a> {
    /// The call.
    pub call: CallId,
    /// Only of this lot.
    pub lot: Option<&'a str>,
    /// Only in this state.
    pub state: Option<DossierStateName>,
}

/// As the index of filed dossiers says it: with a parameter in its place neither database would know that it may be used.
fn filed_rows() -> SimpleExpr {
    Expr::cust("dossiers.state <> 'draft'")
}

impl Filed<'_> {
    fn select(&self) -> sea_orm::Select<dossiers::Entity> {
        let mut select =
            dossiers::Entity::find().filter(dossiers::Column::CallId.eq(self.call.uuid())).filter(filed_rows());
        if let Some(lot) = self.lot {
            select = select.filter(dossiers::Column::Lot.eq(lot));
        }
        if let Some(state) = self.state {
            select = select.filter(dossiers::Column::State.eq(state.as_str()));
        }
        select
    }
}

/// At most `limit` of them by number, past the number `after` and then `skip` more.
pub async fn filed(
    conn: &impl ConnectionTrait,
    which: &Filed<'_>,
    after: i64,
    skip: u64,
    limit: u64,
) -> Result<Vec<Dossier>> {
    let from = || which.select().filter(dossiers::Column::Number.gt(after)).order_by_asc(dossiers::Column::Number);
    let rows = if skip == 0 {
        from().limit(limit).all(conn).await?
    } else {
        // What is skipped is counted in the index alone.
        let first = from().select_only().column(dossiers::Column::Number).offset(skip).limit(1).into_query();
        from()
            .filter(Expr::col((dossiers::Entity, dossiers::Column::Number)).gte(Expr::from(first)))
            .limit(limit)
            .all(conn)
            .await?
    };
    rows.into_iter().map(dossier).collect()
}

/// Where the filed dossiers of a call stand in a list by lot and rank: id, lot and number.
pub async fn filed_places(conn: &impl ConnectionTrait, call: CallId) -> Result<Vec<(DossierId, String, i64)>> {
    let rows: Vec<(sea_orm::prelude::Uuid, String, i64)> = Filed { call, lot: None, state: None }
        .select()
        .select_only()
        .column(dossiers::Column::Id)
        .column(dossiers::Column::Lot)
        .column(dossiers::Column::Number)
        .into_tuple()
        .all(conn)
        .await?;
    Ok(rows.into_iter().map(|(id, lot, number)| (id.into(), lot, number)).collect())
}

/// Some dossiers by id.
pub async fn some(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = DossierId>,
) -> Result<BTreeMap<DossierId, Dossier>> {
    let rows = dossiers::Entity::find()
        .filter(dossiers::Column::Id.is_in(ids.into_iter().map(DossierId::uuid)))
        .all(conn)
        .await?;
    rows.into_iter().map(|row| dossier(row).map(|d| (d.id, d))).collect()
}

/// How many dossiers each lot has in each state.
pub async fn counts(conn: &impl ConnectionTrait, call: CallId) -> Result<BTreeMap<(String, DossierStateName), u64>> {
    let rows: Vec<(String, String, i64)> = dossiers::Entity::find()
        .select_only()
        .column(dossiers::Column::Lot)
        .column(dossiers::Column::State)
        .column_as(Expr::cust("COUNT(*)"), "n")
        .filter(dossiers::Column::CallId.eq(call.uuid()))
        .filter(dossiers::Column::DiscardedAt.is_null())
        .group_by(dossiers::Column::Lot)
        .group_by(dossiers::Column::State)
        .into_tuple()
        .all(conn)
        .await?;
    rows.into_iter()
        .map(|(lot, state, n)| {
            let state = DossierStateName::parse(&state).ok_or_else(|| corrupt(TABLE, "state", &lot, &state))?;
            Ok(((lot, state), u64::try_from(n).unwrap_or(0)))
        })
        .collect()
}

/// What may change a dossier's state.
pub trait MovesDossier: Act<Object = DossierId> {}
impl MovesDossier for acts::DepositDossier {}
impl MovesDossier for acts::ChangeDossier {}
impl MovesDossier for acts::DropChange {}
impl MovesDossier for acts::WithdrawDossier {}
impl MovesDossier for acts::DiscardDossier {}
impl MovesDossier for acts::RestoreDossier {}
impl MovesDossier for acts::ExamineDossier {}

/// Keeps a dossier's new state.
///
/// # Errors
/// [`crate::Constraint::DossierLot`] when one comes back and the organisation has another for its lot by now,
/// [`crate::DatabaseError::Conflict`] when it changed in the meantime.
pub async fn save_state<A: MovesDossier>(tx: &Tx, permit: &Permit<A>, moved: &Dossier) -> Result<()> {
    permitted(TABLE, permit.on(), moved.id)?;
    let new = row(moved);
    let updated = dossiers::Entity::update_many()
        .set(dossiers::ActiveModel {
            id: sea_orm::NotSet,
            number: sea_orm::NotSet,
            answers_revision: sea_orm::NotSet,
            created_at: sea_orm::NotSet,
            created_by: sea_orm::NotSet,
            ..sea_orm::ActiveModelTrait::reset_all(new.into_active_model())
        })
        .filter(dossiers::Column::Id.eq(moved.id.uuid()))
        .filter(dossiers::Column::Revision.eq(moved.revision - 1))
        .exec(&tx.0)
        .await?;
    exactly_one(TABLE, &updated)
}

/// One stored answer.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredAnswer {
    /// The field.
    pub field: String,
    /// The last valid value.
    pub value: Option<Value>,
    /// What was typed since, when it was not valid.
    pub draft_input: Option<Value>,
    /// The dossier's answers revision at which it changed last.
    pub revision: i64,
}

fn json(id: DossierId, column: &'static str, text: Option<String>) -> Result<Option<Value>> {
    text.map(|t| serde_json::from_str(&t).map_err(|e| corrupt("answers", column, id, e))).transpose()
}

/// Every answer of a dossier, by field.
pub async fn answers(conn: &impl ConnectionTrait, id: DossierId) -> Result<BTreeMap<String, StoredAnswer>> {
    let rows = answers::Entity::find().filter(answers::Column::DossierId.eq(id.uuid())).all(conn).await?;
    rows.into_iter()
        .map(|r| {
            let answer = StoredAnswer {
                value: json(id, "value", r.value)?,
                draft_input: json(id, "draft_input", r.draft_input)?,
                revision: r.revision,
                field: r.field.clone(),
            };
            Ok((r.field, answer))
        })
        .collect()
}

/// A version of an answer, in the history of its field.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswerVersion {
    /// The field.
    pub field: String,
    /// The last valid value.
    pub value: Option<Value>,
    /// What was typed, when it was not valid.
    pub draft_input: Option<Value>,
    /// The dossier's answers revision that it made.
    pub revision: i64,
    /// When.
    pub at: Timestamp,
    /// Who wrote it.
    pub by: AccountId,
}

/// Every version of some answers of a dossier, the oldest first.
pub async fn versions(
    conn: &impl ConnectionTrait,
    id: DossierId,
    fields: impl IntoIterator<Item = &str>,
) -> Result<Vec<AnswerVersion>> {
    let rows = answer_history::Entity::find()
        .filter(answer_history::Column::DossierId.eq(id.uuid()))
        .filter(answer_history::Column::Field.is_in(fields))
        .order_by_asc(answer_history::Column::Revision)
        .all(conn)
        .await?;
    rows.into_iter()
        .map(|r| {
            Ok(AnswerVersion {
                value: json(id, "value", r.value)?,
                draft_input: json(id, "draft_input", r.draft_input)?,
                revision: r.revision,
                at: instant("answer_history", "at", r.id, r.at)?,
                by: r.by_account.into(),
                field: r.field,
            })
        })
        .collect()
}

/// What may change what is written in a dossier.
pub trait WritesDossier: Act<Object = DossierId> {}
impl WritesDossier for acts::EditDossier {}
impl WritesDossier for acts::DropChange {}

/// Keeps answers and their history, and raises the dossier's answers revision to `revision`.
///
/// # Errors
/// [`crate::DatabaseError::Conflict`] when the answers changed in the meantime.
pub async fn save_answers<A: WritesDossier>(
    tx: &Tx,
    permit: &Permit<A>,
    changed: &[StoredAnswer],
    history: impl Fn() -> HistoryId,
    now: Timestamp,
) -> Result<()> {
    let id = permit.on();
    let Some(revision) = changed.iter().map(|a| a.revision).max() else { return Ok(()) };
    let updated = dossiers::Entity::update_many()
        .col_expr(dossiers::Column::AnswersRevision, Expr::value(revision))
        .filter(dossiers::Column::Id.eq(id.uuid()))
        .filter(dossiers::Column::AnswersRevision.eq(revision - 1))
        .exec(&tx.0)
        .await?;
    exactly_one(TABLE, &updated)?;
    let by = permit.by().uuid();
    let text = |v: &Option<Value>| v.as_ref().map(Value::to_string);
    let rows = changed.iter().map(|a| answers::Model {
        dossier_id: id.uuid(),
        field: a.field.clone(),
        value: text(&a.value),
        draft_input: text(&a.draft_input),
        revision,
        updated_at: stored(now),
        updated_by: by,
    });
    let replace = OnConflict::columns([answers::Column::DossierId, answers::Column::Field])
        .update_columns([
            answers::Column::Value,
            answers::Column::DraftInput,
            answers::Column::Revision,
            answers::Column::UpdatedAt,
            answers::Column::UpdatedBy,
        ])
        .to_owned();
    answers::Entity::insert_many(rows.map(|r| sea_orm::ActiveModelTrait::reset_all(r.into_active_model())))
        .on_conflict(replace)
        .exec_without_returning(&tx.0)
        .await?;
    let history = changed.iter().map(|a| answer_history::Model {
        id: history().uuid(),
        dossier_id: id.uuid(),
        field: a.field.clone(),
        value: text(&a.value),
        draft_input: text(&a.draft_input),
        revision,
        at: stored(now),
        by_account: by,
    });
    answer_history::Entity::insert_many(history.map(|r| sea_orm::ActiveModelTrait::reset_all(r.into_active_model())))
        .exec_without_returning(&tx.0)
        .await?;
    Ok(())
}

/// A stored file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Its id.
    pub id: PieceId,
    /// The dossier.
    pub dossier: DossierId,
    /// The slot's code.
    pub slot: String,
    /// Its name.
    pub name: String,
    /// Known from its bytes.
    pub format: Format,
    /// Bytes.
    pub size: u64,
    /// Lower-case hexadecimal.
    pub sha256: String,
    /// Where it is in storage.
    pub object_key: String,
    /// Whether a scanner passed it.
    pub scanned: bool,
    /// When it came.
    pub uploaded_at: Timestamp,
    /// Who sent it.
    pub uploaded_by: AccountId,
}

fn piece(r: pieces::Model) -> Result<Piece> {
    Ok(Piece {
        format: Format::parse(&r.format).ok_or_else(|| corrupt("pieces", "format", r.id, &r.format))?,
        size: u64::try_from(r.size).map_err(|e| corrupt("pieces", "size", r.id, e))?,
        uploaded_at: instant("pieces", "uploaded_at", r.id, r.uploaded_at)?,
        id: r.id.into(),
        dossier: r.dossier_id.into(),
        slot: r.slot,
        name: r.name,
        sha256: r.sha256,
        object_key: r.object_key,
        scanned: r.scan == "clean",
        uploaded_by: r.uploaded_by.into(),
    })
}

/// The keys of all objects that rows name, those of removed pieces too.
pub async fn object_keys(conn: &impl ConnectionTrait) -> Result<BTreeSet<String>> {
    let keys: Vec<String> =
        pieces::Entity::find().select_only().column(pieces::Column::ObjectKey).into_tuple().all(conn).await?;
    Ok(keys.into_iter().collect())
}

/// Adds a file.
pub async fn insert_piece(tx: &Tx, permit: &Permit<acts::EditDossier>, piece: &Piece) -> Result<()> {
    permitted("pieces", permit.on(), piece.dossier)?;
    insert(
        tx,
        pieces::Model {
            id: piece.id.uuid(),
            dossier_id: piece.dossier.uuid(),
            slot: piece.slot.clone(),
            name: piece.name.clone(),
            format: piece.format.as_str().to_owned(),
            size: i64::try_from(piece.size).map_err(|e| corrupt("pieces", "size", piece.id, e))?,
            sha256: piece.sha256.clone(),
            object_key: piece.object_key.clone(),
            scan: if piece.scanned { "clean" } else { "not_scanned" }.to_owned(),
            uploaded_at: stored(piece.uploaded_at),
            uploaded_by: piece.uploaded_by.uuid(),
            removed_at: None,
        },
    )
    .await
}

/// Takes a file out of its slot. The row and the object stay: an earlier deposit may name it.
pub async fn remove_piece(tx: &Tx, permit: &Permit<acts::EditDossier>, id: PieceId, now: Timestamp) -> Result<()> {
    let updated = pieces::Entity::update_many()
        .col_expr(pieces::Column::RemovedAt, Expr::value(stored(now)))
        .filter(pieces::Column::Id.eq(id.uuid()))
        .filter(pieces::Column::DossierId.eq(permit.on().uuid()))
        .filter(pieces::Column::RemovedAt.is_null())
        .exec(&tx.0)
        .await?;
    exactly_one("pieces", &updated)
}

/// Puts the files of a dossier back to those that were filed: the others leave their slots, and they come back to theirs.
pub async fn restore_pieces(
    tx: &Tx,
    permit: &Permit<acts::DropChange>,
    filed: &[PieceId],
    now: Timestamp,
) -> Result<()> {
    let id = permit.on();
    let these = || filed.iter().map(|p| p.uuid());
    pieces::Entity::update_many()
        .col_expr(pieces::Column::RemovedAt, Expr::value(stored(now)))
        .filter(pieces::Column::DossierId.eq(id.uuid()))
        .filter(pieces::Column::RemovedAt.is_null())
        .filter(pieces::Column::Id.is_not_in(these()))
        .exec(&tx.0)
        .await?;
    pieces::Entity::update_many()
        .col_expr(pieces::Column::RemovedAt, Expr::value(Option::<i64>::None))
        .filter(pieces::Column::DossierId.eq(id.uuid()))
        .filter(pieces::Column::Id.is_in(these()))
        .exec(&tx.0)
        .await?;
    Ok(())
}

/// Files by id, as a deposit names them, by slot and time; what became of them since makes no difference.
pub async fn filed_pieces(conn: &impl ConnectionTrait, ids: impl IntoIterator<Item = PieceId>) -> Result<Vec<Piece>> {
    let rows = pieces::Entity::find()
        .filter(pieces::Column::Id.is_in(ids.into_iter().map(PieceId::uuid)))
        .order_by_asc(pieces::Column::Slot)
        .order_by_asc(pieces::Column::Id)
        .all(conn)
        .await?;
    rows.into_iter().map(piece).collect()
}

/// The files of a dossier, by slot and time.
pub async fn pieces(conn: &impl ConnectionTrait, id: DossierId) -> Result<Vec<Piece>> {
    let rows = pieces::Entity::find()
        .filter(pieces::Column::DossierId.eq(id.uuid()))
        .filter(pieces::Column::RemovedAt.is_null())
        .order_by_asc(pieces::Column::Slot)
        .order_by_asc(pieces::Column::Id)
        .all(conn)
        .await?;
    rows.into_iter().map(piece).collect()
}

/// One file, removed ones included: receipts name them.
pub async fn find_piece(conn: &impl ConnectionTrait, id: PieceId) -> Result<Option<Piece>> {
    pieces::Entity::find_by_id(id.uuid()).one(conn).await?.map(piece).transpose()
}

/// When anything of a draft last changed: an answer, or a file that came or went.
pub async fn last_change(conn: &impl ConnectionTrait, id: DossierId) -> Result<Option<Timestamp>> {
    let answers = answers::Entity::find()
        .select_only()
        .column_as(answers::Column::UpdatedAt.max(), "at")
        .filter(answers::Column::DossierId.eq(id.uuid()))
        .into_tuple::<Option<i64>>()
        .one(conn)
        .await?;
    let files = pieces::Entity::find()
        .select_only()
        .column_as(pieces::Column::UploadedAt.max(), "came")
        .column_as(pieces::Column::RemovedAt.max(), "went")
        .filter(pieces::Column::DossierId.eq(id.uuid()))
        .into_tuple::<(Option<i64>, Option<i64>)>()
        .one(conn)
        .await?;
    let (came, went) = files.unwrap_or_default();
    let last = [answers.flatten(), came, went].into_iter().flatten().max();
    last.map(|at| instant(TABLE, "changed", id, at)).transpose()
}
