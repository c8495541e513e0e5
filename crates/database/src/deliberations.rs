//! Deliberations of the assembly, the decisions that they gather, and every act on them.

use std::collections::BTreeMap;

use ami_domain::decision::DecisionKind;
use ami_domain::deliberation::{Control, Deliberation, DeliberationStage, DeliberationState, Gathered};
use ami_domain::ids::{AccountId, CallId, DeliberationId, DossierId, HistoryId};
use ami_domain::policy::{Act, Permit, acts};
use jiff::Timestamp;
use jiff::civil::Date;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use crate::connection::{corrupt, exactly_one, insert, instant, permitted, stored};
use crate::entities::deliberation::{deliberation_decisions, deliberation_history, deliberations};
use crate::{Result, Tx};

const TABLE: &str = "deliberations";

/// An act on a deliberation, with what it said from then on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// `gathered`, `executory`, `corrected` or `notified`.
    pub act: String,
    /// The number.
    pub number: String,
    /// The day of the sitting.
    pub held_on: Date,
    /// Its control, once there is one.
    pub control: Option<Control>,
    /// Why, for a correction.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: AccountId,
}

fn day(column: &'static str, id: sea_orm::prelude::Uuid, text: &str) -> Result<Date> {
    text.parse().map_err(|e: jiff::Error| corrupt(TABLE, column, id, e))
}

fn control(
    id: sea_orm::prelude::Uuid,
    transmitted_on: Option<&str>,
    published_on: Option<&str>,
    receipt: Option<String>,
) -> Result<Option<Control>> {
    let (Some(transmitted), Some(published), Some(receipt)) = (transmitted_on, published_on, receipt) else {
        return Ok(None);
    };
    let (transmitted_on, published_on) = (day("transmitted_on", id, transmitted)?, day("published_on", id, published)?);
    Ok(Some(Control { transmitted_on, published_on, receipt }))
}

fn deliberation(r: deliberations::Model) -> Result<Deliberation> {
    let wrong = |column, problem: &str| corrupt(TABLE, column, r.id, problem);
    let control = control(r.id, r.transmitted_on.as_deref(), r.published_on.as_deref(), r.receipt.clone())?;
    let named = DeliberationStage::parse(&r.state).ok_or_else(|| wrong("state", &r.state))?;
    let state = match (named, control, r.notified_at, r.notified_by) {
        (DeliberationStage::Gathered, ..) => DeliberationState::Gathered,
        (DeliberationStage::Executory, Some(control), ..) => DeliberationState::Executory(control),
        (DeliberationStage::Notified, Some(control), Some(at), Some(by)) => {
            DeliberationState::Notified { control, at: instant(TABLE, "notified_at", r.id, at)?, by: by.into() }
        }
        _ => return Err(wrong("state", "without what belongs to it")),
    };
    Ok(Deliberation {
        held_on: day("held_on", r.id, &r.held_on)?,
        lots: serde_json::from_str(&r.lots).map_err(|e| corrupt(TABLE, "lots", r.id, e))?,
        id: r.id.into(),
        call: r.call_id.into(),
        number: r.number,
        link: r.link,
        state,
        revision: r.revision,
    })
}

fn gathered(r: &deliberation_decisions::Model) -> Result<Gathered> {
    let table = "deliberation_decisions";
    Ok(Gathered {
        dossier: r.dossier_id.into(),
        kind: DecisionKind::parse(&r.kind).ok_or_else(|| corrupt(table, "kind", r.dossier_id, &r.kind))?,
        amount_cents: r.amount_cents,
        decided_at: instant(table, "decided_at", r.dossier_id, r.decided_at)?,
        revision: r.revision,
    })
}

async fn record(
    tx: &Tx,
    d: &Deliberation,
    (act, reason): (&str, &str),
    (id, by, at): (HistoryId, AccountId, Timestamp),
) -> Result<()> {
    let control = d.control();
    insert(
        tx,
        deliberation_history::Model {
            id: id.uuid(),
            deliberation_id: d.id.uuid(),
            act: act.to_owned(),
            number: d.number.clone(),
            held_on: d.held_on.to_string(),
            link: d.link.clone(),
            state: d.stage().as_str().to_owned(),
            transmitted_on: control.map(|c| c.transmitted_on.to_string()),
            published_on: control.map(|c| c.published_on.to_string()),
            receipt: control.map(|c| c.receipt.clone()),
            reason: reason.to_owned(),
            revision: d.revision,
            at: stored(at),
            by_account: by.uuid(),
        },
    )
    .await
}

/// Keeps what was put before the assembly.
///
/// # Errors
/// [`crate::DatabaseError::Constraint`] when the call has a deliberation of this number.
pub async fn insert_deliberation(
    tx: &Tx,
    permit: &Permit<acts::GatherDecisions>,
    d: &Deliberation,
    decisions: &[Gathered],
    mut id: impl FnMut() -> HistoryId + Send,
    at: Timestamp,
) -> Result<()> {
    permitted(TABLE, permit.on(), d.call)?;
    insert(
        tx,
        deliberations::Model {
            id: d.id.uuid(),
            call_id: d.call.uuid(),
            number: d.number.clone(),
            held_on: d.held_on.to_string(),
            link: d.link.clone(),
            lots: d.lots.iter().map(String::as_str).collect::<sea_orm::prelude::Json>().to_string(),
            state: d.stage().as_str().to_owned(),
            transmitted_on: None,
            published_on: None,
            receipt: None,
            notified_at: None,
            notified_by: None,
            revision: d.revision,
            created_at: stored(at),
            created_by: permit.by().uuid(),
        },
    )
    .await?;
    for g in decisions {
        let row = deliberation_decisions::Model {
            id: id().uuid(),
            deliberation_id: d.id.uuid(),
            dossier_id: g.dossier.uuid(),
            kind: g.kind.as_str().to_owned(),
            amount_cents: g.amount_cents,
            decided_at: stored(g.decided_at),
            revision: g.revision,
        };
        insert(tx, row).await?;
    }
    record(tx, d, ("gathered", ""), (id(), permit.by(), at)).await
}

/// What moves or corrects a deliberation, with the name of the act in its history.
pub trait MovesDeliberation: Act<Object = CallId> {
    /// As its history says it.
    const NAME: &'static str;
}
impl MovesDeliberation for acts::MakeExecutory {
    const NAME: &'static str = "executory";
}
impl MovesDeliberation for acts::SendLetters {
    const NAME: &'static str = "notified";
}
impl MovesDeliberation for acts::CorrectDeliberation {
    const NAME: &'static str = "corrected";
}

/// Keeps a deliberation in place of the one at the revision before, with its history.
///
/// # Errors
/// [`crate::DatabaseError::Conflict`] when it changed in the meantime; [`crate::DatabaseError::Constraint`] when its new number
/// is another one's.
pub async fn save_deliberation<A: MovesDeliberation>(
    tx: &Tx,
    permit: &Permit<A>,
    d: &Deliberation,
    reason: &str,
    (history, at): (HistoryId, Timestamp),
) -> Result<()> {
    permitted(TABLE, permit.on(), d.call)?;
    let control = d.control();
    let notified = match &d.state {
        DeliberationState::Notified { at, by, .. } => Some((*at, *by)),
        _ => None,
    };
    let updated = deliberations::Entity::update_many()
        .col_expr(deliberations::Column::Number, Expr::value(d.number.clone()))
        .col_expr(deliberations::Column::HeldOn, Expr::value(d.held_on.to_string()))
        .col_expr(deliberations::Column::Link, Expr::value(d.link.clone()))
        .col_expr(deliberations::Column::State, Expr::value(d.stage().as_str()))
        .col_expr(deliberations::Column::TransmittedOn, Expr::value(control.map(|c| c.transmitted_on.to_string())))
        .col_expr(deliberations::Column::PublishedOn, Expr::value(control.map(|c| c.published_on.to_string())))
        .col_expr(deliberations::Column::Receipt, Expr::value(control.map(|c| c.receipt.clone())))
        .col_expr(deliberations::Column::NotifiedAt, Expr::value(notified.map(|(at, _)| stored(at))))
        .col_expr(deliberations::Column::NotifiedBy, Expr::value(notified.map(|(_, by)| by.uuid())))
        .col_expr(deliberations::Column::Revision, Expr::value(d.revision))
        .filter(deliberations::Column::Id.eq(d.id.uuid()))
        .filter(deliberations::Column::Revision.eq(d.revision - 1))
        .exec(&tx.0)
        .await?;
    exactly_one(TABLE, &updated)?;
    record(tx, d, (A::NAME, reason), (history, permit.by(), at)).await
}

/// One deliberation.
pub async fn find(conn: &impl ConnectionTrait, id: DeliberationId) -> Result<Option<Deliberation>> {
    deliberations::Entity::find_by_id(id.uuid()).one(conn).await?.map(deliberation).transpose()
}

/// The same, for a write: nobody else moves it until the transaction ends.
pub async fn find_for_update(tx: &Tx, id: DeliberationId) -> Result<Option<Deliberation>> {
    deliberations::Entity::find_by_id(id.uuid()).lock_exclusive().one(&tx.0).await?.map(deliberation).transpose()
}

/// The deliberations of a call, the last one first.
pub async fn of_call(conn: &impl ConnectionTrait, call: CallId) -> Result<Vec<Deliberation>> {
    let rows = deliberations::Entity::find()
        .filter(deliberations::Column::CallId.eq(call.uuid()))
        .order_by_desc(deliberations::Column::CreatedAt)
        .order_by_desc(deliberations::Column::Id)
        .all(conn)
        .await?;
    rows.into_iter().map(deliberation).collect()
}

/// The decisions that some deliberations gather.
pub async fn gathered_by(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = DeliberationId>,
) -> Result<BTreeMap<DeliberationId, Vec<Gathered>>> {
    let rows = deliberation_decisions::Entity::find()
        .filter(deliberation_decisions::Column::DeliberationId.is_in(ids.into_iter().map(DeliberationId::uuid)))
        .order_by_asc(deliberation_decisions::Column::DossierId)
        .all(conn)
        .await?;
    let mut found: BTreeMap<DeliberationId, Vec<Gathered>> = BTreeMap::new();
    for row in rows {
        found.entry(row.deliberation_id.into()).or_default().push(gathered(&row)?);
    }
    Ok(found)
}

/// What was gathered of some dossiers, whichever deliberation did.
pub async fn gathered_of(
    conn: &impl ConnectionTrait,
    dossiers: impl IntoIterator<Item = DossierId>,
) -> Result<Vec<(DeliberationId, Gathered)>> {
    let rows = deliberation_decisions::Entity::find()
        .filter(deliberation_decisions::Column::DossierId.is_in(dossiers.into_iter().map(DossierId::uuid)))
        .all(conn)
        .await?;
    rows.iter().map(|row| Ok((row.deliberation_id.into(), gathered(row)?))).collect()
}

/// The acts on a deliberation, in order.
pub async fn history(conn: &impl ConnectionTrait, id: DeliberationId) -> Result<Vec<Recorded>> {
    let rows = deliberation_history::Entity::find()
        .filter(deliberation_history::Column::DeliberationId.eq(id.uuid()))
        .order_by_asc(deliberation_history::Column::Revision)
        .all(conn)
        .await?;
    rows.into_iter()
        .map(|r| {
            Ok(Recorded {
                held_on: day("held_on", r.id, &r.held_on)?,
                control: control(r.id, r.transmitted_on.as_deref(), r.published_on.as_deref(), r.receipt)?,
                at: instant("deliberation_history", "at", r.id, r.at)?,
                act: r.act,
                number: r.number,
                reason: r.reason,
                by: r.by_account.into(),
            })
        })
        .collect()
}
