//! Invitations to belong to an organisation, and requests to: nobody is a member before the other side agrees.

use ami_domain::identifiers::Email;
use ami_domain::ids::{AccountId, InvitationId, OrganisationId};
use jiff::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use crate::connection::{corrupt, exactly_one, insert, instant, stored};
use crate::entities::invitations;
use crate::{Result, Tx};

/// Who waits for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// A member invited the person, who has not answered.
    Invited,
    /// The person asks to join; no member has answered.
    Asks,
}

impl Side {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Invited => "invited",
            Self::Asks => "asks",
        }
    }
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The person is a member.
    Accepted,
    /// The other side said no.
    Declined,
    /// Whoever began it took it back.
    Withdrawn,
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// An invitation or a request that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// The organisation.
    pub organisation: OrganisationId,
    /// The person.
    pub account: AccountId,
    /// Who waits for whom.
    pub side: Side,
    /// The person's name, as whoever began it typed or has it.
    pub name: String,
    /// The address, likewise.
    pub email: Email,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: AccountId,
}

fn invitation(r: invitations::Model) -> Result<Invitation> {
    Ok(Invitation {
        side: match r.kind.as_str() {
            "invited" => Side::Invited,
            "asks" => Side::Asks,
            other => return Err(corrupt("invitations", "kind", r.id, other)),
        },
        email: Email::parse(&r.email).map_err(|e| corrupt("invitations", "email", r.id, e))?,
        created_at: instant("invitations", "created_at", r.id, r.created_at)?,
        id: r.id.into(),
        organisation: r.organisation_id.into(),
        account: r.account_id.into(),
        name: r.name,
        created_by: r.created_by.into(),
    })
}

/// Adds one.
///
/// # Errors
/// [`crate::Constraint::Invitation`] when one is open between the two already.
pub async fn insert_invitation(tx: &Tx, new: &Invitation) -> Result<()> {
    insert(
        tx,
        invitations::Model {
            id: new.id.uuid(),
            organisation_id: new.organisation.uuid(),
            account_id: new.account.uuid(),
            kind: new.side.as_str().to_owned(),
            name: new.name.clone(),
            email: new.email.to_string(),
            created_at: stored(new.created_at),
            created_by: new.created_by.uuid(),
            closed_at: None,
            outcome: None,
        },
    )
    .await
}

/// An open one.
pub async fn find(conn: &impl ConnectionTrait, id: InvitationId) -> Result<Option<Invitation>> {
    let found = invitations::Entity::find_by_id(id.uuid()).filter(invitations::Column::ClosedAt.is_null());
    found.one(conn).await?.map(invitation).transpose()
}

/// The same, kept from whoever answers at the same moment.
pub async fn find_for_update(tx: &Tx, id: InvitationId) -> Result<Option<Invitation>> {
    let found = invitations::Entity::find_by_id(id.uuid()).filter(invitations::Column::ClosedAt.is_null());
    found.lock_exclusive().one(&tx.0).await?.map(invitation).transpose()
}

/// The open one between an organisation and a person.
pub async fn between(
    conn: &impl ConnectionTrait,
    organisation: OrganisationId,
    account: AccountId,
) -> Result<Option<Invitation>> {
    let row = invitations::Entity::find()
        .filter(invitations::Column::OrganisationId.eq(organisation.uuid()))
        .filter(invitations::Column::AccountId.eq(account.uuid()))
        .filter(invitations::Column::ClosedAt.is_null())
        .one(conn)
        .await?;
    row.map(invitation).transpose()
}

/// The open ones of an organisation, the oldest first.
pub async fn of_organisation(conn: &impl ConnectionTrait, id: OrganisationId) -> Result<Vec<Invitation>> {
    open(conn, invitations::Column::OrganisationId.eq(id.uuid())).await
}

/// The open ones about a person, the oldest first.
pub async fn of_account(conn: &impl ConnectionTrait, id: AccountId) -> Result<Vec<Invitation>> {
    open(conn, invitations::Column::AccountId.eq(id.uuid())).await
}

async fn open(conn: &impl ConnectionTrait, which: sea_orm::sea_query::SimpleExpr) -> Result<Vec<Invitation>> {
    let rows = invitations::Entity::find()
        .filter(which)
        .filter(invitations::Column::ClosedAt.is_null())
        .order_by_asc(invitations::Column::CreatedAt)
        .order_by_asc(invitations::Column::Id)
        .all(conn)
        .await?;
    rows.into_iter().map(invitation).collect()
}

/// Closes one.
pub async fn close(tx: &Tx, id: InvitationId, outcome: Outcome, now: Timestamp) -> Result<()> {
    let updated = invitations::Entity::update_many()
        .col_expr(invitations::Column::ClosedAt, Expr::value(stored(now)))
        .col_expr(invitations::Column::Outcome, Expr::value(outcome.as_str()))
        .filter(invitations::Column::Id.eq(id.uuid()))
        .filter(invitations::Column::ClosedAt.is_null())
        .exec(&tx.0)
        .await?;
    exactly_one("invitations", &updated)
}
