//! Letters to applicants, who signs them, and every act on them.

use std::collections::{BTreeMap, BTreeSet};

use ami_domain::ids::{AccountId, CallId, DeliberationId, DossierId, HistoryId, LetterId, MailId, SignatoryId};
use ami_domain::letter::{Approval, Channel, Letter, LetterKind, LetterStage, LetterState};
use ami_domain::policy::{Act, Permit, acts};
use jiff::Timestamp;
use jiff::civil::Date;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, ConnectionTrait, EntityTrait as _, IntoActiveModel as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
};

use crate::connection::{corrupt, exactly_one, insert, instant, permitted, stored};
use crate::entities::letter::{electronic_notifications, letter_history, letters, signatories};
use crate::{Result, Tx};

const TABLE: &str = "letters";

/// Who signs letters of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signatory {
    /// Its id.
    pub id: SignatoryId,
    /// The call.
    pub call: CallId,
    /// First name.
    pub first_name: String,
    /// Name.
    pub last_name: String,
    /// In what quality.
    pub quality: String,
    /// Of which service.
    pub service: String,
    /// By which delegation.
    pub delegation: String,
    /// When they stopped signing.
    pub ended_at: Option<Timestamp>,
}

/// An act on a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterAct {
    /// `drafted`, `corrected`, `approved`, `void`, `delivered`, `mailed`, `opened` or `received`.
    pub act: String,
    /// Its words from then on, where the act gave it some.
    pub body: Option<String>,
    /// An address, a day.
    pub detail: String,
    /// The message that told of it.
    pub mail: Option<MailId>,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: Option<AccountId>,
}

/// Keeps who signs.
pub async fn insert_signatory(
    tx: &Tx,
    permit: &Permit<acts::ManageSignatories>,
    s: &Signatory,
    now: Timestamp,
) -> Result<()> {
    permitted("signatories", permit.on(), s.call)?;
    insert(
        tx,
        signatories::Model {
            id: s.id.uuid(),
            call_id: s.call.uuid(),
            first_name: s.first_name.clone(),
            last_name: s.last_name.clone(),
            quality: s.quality.clone(),
            service: s.service.clone(),
            delegation: s.delegation.clone(),
            created_at: stored(now),
            created_by: permit.by().uuid(),
            ended_at: None,
        },
    )
    .await
}

/// Ends that somebody signs; `false` when there is nobody such in the call who does.
pub async fn end_signatory(
    tx: &Tx,
    permit: &Permit<acts::ManageSignatories>,
    id: SignatoryId,
    now: Timestamp,
) -> Result<bool> {
    let ended = signatories::Entity::update_many()
        .col_expr(signatories::Column::EndedAt, Expr::value(stored(now)))
        .filter(signatories::Column::Id.eq(id.uuid()))
        .filter(signatories::Column::CallId.eq(permit.on().uuid()))
        .filter(signatories::Column::EndedAt.is_null())
        .exec(&tx.0)
        .await?;
    Ok(ended.rows_affected == 1)
}

/// Those who sign letters of a call, the last one first.
pub async fn signatories(conn: &impl ConnectionTrait, call: CallId) -> Result<Vec<Signatory>> {
    let rows = signatories::Entity::find()
        .filter(signatories::Column::CallId.eq(call.uuid()))
        .order_by_desc(signatories::Column::CreatedAt)
        .order_by_desc(signatories::Column::Id)
        .all(conn)
        .await?;
    rows.into_iter()
        .map(|r| {
            let ended_at = r.ended_at.map(|at| instant("signatories", "ended_at", r.id, at)).transpose()?;
            Ok(Signatory {
                id: r.id.into(),
                call: r.call_id.into(),
                first_name: r.first_name,
                last_name: r.last_name,
                quality: r.quality,
                service: r.service,
                delegation: r.delegation,
                ended_at,
            })
        })
        .collect()
}

fn letter(r: letters::Model) -> Result<Letter> {
    let wrong = |column, problem: &str| corrupt(TABLE, column, r.id, problem);
    let at = |column, value: Option<i64>| value.map(|v| instant(TABLE, column, r.id, v)).transpose();
    let approval = match (at("approved_at", r.approved_at)?, r.approved_by) {
        (Some(at), Some(by)) => Some(Approval { at, by: by.into() }),
        _ => None,
    };
    let named = LetterStage::parse(&r.state).ok_or_else(|| wrong("state", &r.state))?;
    let channel = r.channel.as_deref().and_then(Channel::parse);
    let day = |text: &str| text.parse::<Date>().map_err(|e| corrupt(TABLE, "received_on", r.id, e));
    let state = match (named, approval, channel, at("sent_at", r.sent_at)?) {
        (LetterStage::Draft, ..) => LetterState::Draft,
        (LetterStage::Void, ..) => LetterState::Void,
        (LetterStage::Approved, Some(approval), ..) => LetterState::Approved(approval),
        (LetterStage::Sent, Some(approval), Some(channel), Some(sent)) => LetterState::Sent {
            approval,
            channel,
            at: sent,
            opened_at: at("opened_at", r.opened_at)?,
            received_on: r.received_on.as_deref().map(day).transpose()?,
        },
        _ => return Err(wrong("state", "without what belongs to it")),
    };
    Ok(Letter {
        kind: LetterKind::parse(&r.kind).ok_or_else(|| wrong("kind", &r.kind))?,
        id: r.id.into(),
        call: r.call_id.into(),
        dossier: r.dossier_id.into(),
        deliberation: r.deliberation_id.map(Into::into),
        title: r.title,
        body: r.body,
        facts: r.facts,
        state,
        revision: r.revision,
    })
}

/// An act as it is written beside a letter.
#[derive(Debug, Clone, Copy)]
pub struct Noted<'a> {
    /// See [`LetterAct::act`].
    pub act: &'a str,
    /// See [`LetterAct::detail`].
    pub detail: &'a str,
    /// See [`LetterAct::mail`].
    pub mail: Option<MailId>,
    /// The row's id.
    pub id: HistoryId,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: Option<AccountId>,
}

/// Writes an act beside a letter; those that change words keep them.
pub async fn note(tx: &Tx, l: &Letter, noted: Noted<'_>) -> Result<()> {
    let worded = matches!(noted.act, "drafted" | "corrected");
    insert(
        tx,
        letter_history::Model {
            id: noted.id.uuid(),
            letter_id: l.id.uuid(),
            act: noted.act.to_owned(),
            revision: l.revision,
            title: worded.then(|| l.title.clone()),
            body: worded.then(|| l.body.clone()),
            detail: noted.detail.to_owned(),
            mail_id: noted.mail.map(MailId::uuid),
            at: stored(noted.at),
            by_account: noted.by.map(AccountId::uuid),
        },
    )
    .await
}

/// Keeps a letter that was written.
pub async fn insert_letter(
    tx: &Tx,
    permit: &Permit<acts::WriteLetters>,
    l: &Letter,
    (history, at): (HistoryId, Timestamp),
) -> Result<()> {
    permitted(TABLE, permit.on(), l.call)?;
    insert(
        tx,
        letters::Model {
            id: l.id.uuid(),
            call_id: l.call.uuid(),
            dossier_id: l.dossier.uuid(),
            deliberation_id: l.deliberation.map(DeliberationId::uuid),
            kind: l.kind.as_str().to_owned(),
            title: l.title.clone(),
            body: l.body.clone(),
            facts: l.facts.clone(),
            state: l.stage().as_str().to_owned(),
            channel: None,
            revision: l.revision,
            created_at: stored(at),
            created_by: permit.by().uuid(),
            approved_at: None,
            approved_by: None,
            sent_at: None,
            opened_at: None,
            received_on: None,
        },
    )
    .await?;
    let noted = Noted { act: "drafted", detail: "", mail: None, id: history, at, by: Some(permit.by()) };
    note(tx, l, noted).await
}

/// What moves a letter of a call.
pub trait MovesLetter: Act<Object = CallId> {}
impl MovesLetter for acts::WriteLetters {}
impl MovesLetter for acts::ApproveLetter {}
impl MovesLetter for acts::SendLetters {}
impl MovesLetter for acts::RecordDelivery {}
impl MovesLetter for acts::CorrectDeliberation {}

/// Keeps a letter in place of the one at the revision before.
///
/// # Errors
/// [`crate::DatabaseError::Conflict`] when it changed in the meantime.
pub async fn save_letter<A: MovesLetter>(tx: &Tx, permit: &Permit<A>, l: &Letter) -> Result<()> {
    permitted(TABLE, permit.on(), l.call)?;
    save(tx, l).await
}

/// Keeps that an applicant has read their own letter.
pub async fn save_opened(tx: &Tx, permit: &Permit<acts::ReadOwnLetter>, l: &Letter) -> Result<()> {
    permitted(TABLE, permit.on(), l.dossier)?;
    save(tx, l).await
}

async fn save(tx: &Tx, l: &Letter) -> Result<()> {
    let (approval, sent) = match l.state {
        LetterState::Draft | LetterState::Void => (None, None),
        LetterState::Approved(approval) => (Some(approval), None),
        LetterState::Sent { approval, channel, at, opened_at, received_on } => {
            (Some(approval), Some((channel, at, opened_at, received_on)))
        }
    };
    let updated = letters::Entity::update_many()
        .col_expr(letters::Column::Title, Expr::value(l.title.clone()))
        .col_expr(letters::Column::Body, Expr::value(l.body.clone()))
        .col_expr(letters::Column::State, Expr::value(l.stage().as_str()))
        .col_expr(letters::Column::Revision, Expr::value(l.revision))
        .col_expr(letters::Column::ApprovedAt, Expr::value(approval.map(|a| stored(a.at))))
        .col_expr(letters::Column::ApprovedBy, Expr::value(approval.map(|a| a.by.uuid())))
        .col_expr(letters::Column::Channel, Expr::value(sent.map(|(channel, ..)| channel.as_str())))
        .col_expr(letters::Column::SentAt, Expr::value(sent.map(|(_, at, ..)| stored(at))))
        .col_expr(letters::Column::OpenedAt, Expr::value(sent.and_then(|(.., at, _)| at).map(stored)))
        .col_expr(letters::Column::ReceivedOn, Expr::value(sent.and_then(|(.., on)| on).map(|on| on.to_string())))
        .filter(letters::Column::Id.eq(l.id.uuid()))
        .filter(letters::Column::Revision.eq(l.revision - 1))
        .exec(&tx.0)
        .await?;
    exactly_one(TABLE, &updated)
}

/// One letter.
pub async fn find(conn: &impl ConnectionTrait, id: LetterId) -> Result<Option<Letter>> {
    letters::Entity::find_by_id(id.uuid()).one(conn).await?.map(letter).transpose()
}

/// The same, for a write: nobody else moves it until the transaction ends.
pub async fn find_for_update(tx: &Tx, id: LetterId) -> Result<Option<Letter>> {
    letters::Entity::find_by_id(id.uuid()).lock_exclusive().one(&tx.0).await?.map(letter).transpose()
}

async fn live(conn: &impl ConnectionTrait, which: sea_orm::sea_query::SimpleExpr) -> Result<Vec<Letter>> {
    let rows = letters::Entity::find()
        .filter(which)
        .filter(letters::Column::State.ne(LetterStage::Void.as_str()))
        .order_by_asc(letters::Column::CreatedAt)
        .order_by_asc(letters::Column::Id)
        .all(conn)
        .await?;
    rows.into_iter().map(letter).collect()
}

/// The letters of a deliberation, but those that will not leave.
pub async fn of_deliberation(conn: &impl ConnectionTrait, id: DeliberationId) -> Result<Vec<Letter>> {
    live(conn, letters::Column::DeliberationId.eq(id.uuid())).await
}

/// The letters on a dossier, but those that will not leave.
pub async fn of_dossier(conn: &impl ConnectionTrait, id: DossierId) -> Result<Vec<Letter>> {
    live(conn, letters::Column::DossierId.eq(id.uuid())).await
}

/// The letters of a call, but those that will not leave.
pub async fn of_call(conn: &impl ConnectionTrait, id: CallId) -> Result<Vec<Letter>> {
    live(conn, letters::Column::CallId.eq(id.uuid())).await
}

/// Another letter that waits to be read: of the same deliberation, or of none, as this one.
pub async fn next_draft(conn: &impl ConnectionTrait, of: &Letter) -> Result<Option<LetterId>> {
    let same = of.deliberation.map_or_else(
        || letters::Column::DeliberationId.is_null(),
        |deliberation| letters::Column::DeliberationId.eq(deliberation.uuid()),
    );
    let id: Option<sea_orm::prelude::Uuid> = letters::Entity::find()
        .select_only()
        .column(letters::Column::Id)
        .filter(letters::Column::CallId.eq(of.call.uuid()))
        .filter(letters::Column::State.eq(LetterStage::Draft.as_str()))
        .filter(letters::Column::Id.ne(of.id.uuid()))
        .filter(same)
        .order_by_asc(letters::Column::CreatedAt)
        .order_by_asc(letters::Column::Id)
        .limit(1)
        .into_tuple()
        .one(conn)
        .await?;
    Ok(id.map(Into::into))
}

/// The dossiers of a call whose applicants were sent a letter of one of these kinds.
pub async fn told(
    conn: &impl ConnectionTrait,
    call: CallId,
    kinds: impl IntoIterator<Item = LetterKind>,
) -> Result<BTreeSet<DossierId>> {
    let ids: Vec<sea_orm::prelude::Uuid> = letters::Entity::find()
        .select_only()
        .column(letters::Column::DossierId)
        .filter(letters::Column::CallId.eq(call.uuid()))
        .filter(letters::Column::State.eq(LetterStage::Sent.as_str()))
        .filter(letters::Column::Kind.is_in(kinds.into_iter().map(LetterKind::as_str)))
        .into_tuple()
        .all(conn)
        .await?;
    Ok(ids.into_iter().map(Into::into).collect())
}

/// The acts on some letters, in order.
pub async fn history(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = LetterId>,
) -> Result<BTreeMap<LetterId, Vec<LetterAct>>> {
    let rows = letter_history::Entity::find()
        .filter(letter_history::Column::LetterId.is_in(ids.into_iter().map(LetterId::uuid)))
        // Of what one act did, delivery comes before the messages that tell of it.
        .order_by_asc(letter_history::Column::Revision)
        .order_by_asc(letter_history::Column::Act)
        .order_by_asc(letter_history::Column::Id)
        .all(conn)
        .await?;
    let mut found: BTreeMap<LetterId, Vec<LetterAct>> = BTreeMap::new();
    for r in rows {
        let act = LetterAct {
            at: instant("letter_history", "at", r.id, r.at)?,
            act: r.act,
            body: r.body,
            detail: r.detail,
            mail: r.mail_id.map(Into::into),
            by: r.by_account.map(Into::into),
        };
        found.entry(r.letter_id.into()).or_default().push(act);
    }
    Ok(found)
}

/// Keeps whether an applicant accepts to be notified in their space.
pub async fn set_electronic(
    tx: &Tx,
    permit: &Permit<acts::ChooseNotification>,
    accepted: bool,
    now: Timestamp,
) -> Result<()> {
    let row = electronic_notifications::Model {
        dossier_id: permit.on().uuid(),
        accepted,
        at: stored(now),
        by_account: permit.by().uuid(),
    };
    let replace = OnConflict::column(electronic_notifications::Column::DossierId)
        .update_columns([
            electronic_notifications::Column::Accepted,
            electronic_notifications::Column::At,
            electronic_notifications::Column::ByAccount,
        ])
        .to_owned();
    electronic_notifications::Entity::insert(row.into_active_model().reset_all())
        .on_conflict(replace)
        .exec_without_returning(&tx.0)
        .await?;
    Ok(())
}

/// Those of some dossiers whose applicants accept to be notified in their space.
pub async fn electronic(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = DossierId>,
) -> Result<BTreeSet<DossierId>> {
    let rows = electronic_notifications::Entity::find()
        .filter(electronic_notifications::Column::DossierId.is_in(ids.into_iter().map(DossierId::uuid)))
        .filter(electronic_notifications::Column::Accepted.eq(true))
        .all(conn)
        .await?;
    Ok(rows.into_iter().map(|r| r.dossier_id.into()).collect())
}
