//! Who runs a call, in which role, and who is invited to.

use ami_domain::identifiers::Email;
use ami_domain::ids::{AccountId, CallId, OfficerInvitationId};
use ami_domain::policy::{OfficerRole, Permit, acts};
use jiff::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use crate::connection::{corrupt, exactly_one, insert, instant, permitted, stored};
use crate::entities::{accounts, officer_invitations as invitations, officers};
use crate::{Result, Tx};

/// Somebody who runs a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Officer {
    /// The account.
    pub account: AccountId,
    /// What they may do.
    pub role: OfficerRole,
    /// Since when.
    pub since: Timestamp,
}

/// An invitation that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfficerInvitation {
    /// Its id.
    pub id: OfficerInvitationId,
    /// The call.
    pub call: CallId,
    /// The person.
    pub account: AccountId,
    /// What they would be.
    pub role: OfficerRole,
    /// The person's name, as it was typed.
    pub name: String,
    /// Their address, likewise.
    pub email: Email,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: AccountId,
}

fn role(table: &'static str, id: impl ToString, stored: &str) -> Result<OfficerRole> {
    OfficerRole::parse(stored).ok_or_else(|| corrupt(table, "role", id, stored))
}

pub(crate) async fn insert_officer(
    tx: &Tx,
    call: CallId,
    account: AccountId,
    role: OfficerRole,
    now: Timestamp,
) -> Result<()> {
    let row = officers::Model {
        call_id: call.uuid(),
        account_id: account.uuid(),
        created_at: stored(now),
        role: role.as_str().to_owned(),
    };
    insert(tx, row).await
}

/// The officers of a call, who have been so the longest first.
pub async fn of_call(conn: &impl ConnectionTrait, call: CallId) -> Result<Vec<Officer>> {
    let rows = officers::Entity::find()
        .filter(officers::Column::CallId.eq(call.uuid()))
        .order_by_asc(officers::Column::CreatedAt)
        .order_by_asc(officers::Column::AccountId)
        .all(conn)
        .await?;
    let read = |row: officers::Model| {
        Ok(Officer {
            account: row.account_id.into(),
            role: role("officers", row.account_id, &row.role)?,
            since: instant("officers", "created_at", row.account_id, row.created_at)?,
        })
    };
    rows.into_iter().map(read).collect()
}

/// Adds whoever accepted an invitation of their own.
///
/// # Errors
/// [`crate::Constraint::Officer`] when they are one already.
pub async fn join(tx: &Tx, permit: &Permit<acts::JoinCall>, open: &OfficerInvitation, now: Timestamp) -> Result<()> {
    permitted("officers", permit.on(), open.account)?;
    insert_officer(tx, open.call, open.account, open.role, now).await
}

/// Gives an officer another role. Says whether there is one.
pub async fn set_role(
    tx: &Tx,
    permit: &Permit<acts::ManageOfficers>,
    account: AccountId,
    role: OfficerRole,
) -> Result<bool> {
    let updated = officers::Entity::update_many()
        .col_expr(officers::Column::Role, Expr::value(role.as_str()))
        .filter(officers::Column::CallId.eq(permit.on().uuid()))
        .filter(officers::Column::AccountId.eq(account.uuid()))
        .exec(&tx.0)
        .await?;
    Ok(updated.rows_affected == 1)
}

/// Takes an officer away. Says whether there was one.
pub async fn delete_officer(tx: &Tx, permit: &Permit<acts::ManageOfficers>, account: AccountId) -> Result<bool> {
    delete(tx, permit.on(), account).await
}

/// Takes whoever leaves away. Says whether they were one.
pub async fn leave(tx: &Tx, permit: &Permit<acts::LeaveCall>) -> Result<bool> {
    delete(tx, permit.on(), permit.by()).await
}

async fn delete(tx: &Tx, call: CallId, account: AccountId) -> Result<bool> {
    let deleted = officers::Entity::delete_many()
        .filter(officers::Column::CallId.eq(call.uuid()))
        .filter(officers::Column::AccountId.eq(account.uuid()))
        .exec(&tx.0)
        .await?;
    Ok(deleted.rows_affected == 1)
}

fn invitation(r: invitations::Model) -> Result<OfficerInvitation> {
    const TABLE: &str = "officer_invitations";
    Ok(OfficerInvitation {
        role: role(TABLE, r.id, &r.role)?,
        email: Email::parse(&r.email).map_err(|e| corrupt(TABLE, "email", r.id, e))?,
        created_at: instant(TABLE, "created_at", r.id, r.created_at)?,
        id: r.id.into(),
        call: r.call_id.into(),
        account: r.account_id.into(),
        name: r.name,
        created_by: r.created_by.into(),
    })
}

/// Adds an invitation.
///
/// # Errors
/// [`crate::Constraint::OfficerInvitation`] when one is open for the person already.
pub async fn insert_invitation(tx: &Tx, permit: &Permit<acts::ManageOfficers>, new: &OfficerInvitation) -> Result<()> {
    permitted("officer_invitations", permit.on(), new.call)?;
    insert(
        tx,
        invitations::Model {
            id: new.id.uuid(),
            call_id: new.call.uuid(),
            account_id: new.account.uuid(),
            role: new.role.as_str().to_owned(),
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

/// An open invitation, kept from whoever answers at the same moment.
pub async fn find_invitation(tx: &Tx, id: OfficerInvitationId) -> Result<Option<OfficerInvitation>> {
    let found = invitations::Entity::find_by_id(id.uuid()).filter(invitations::Column::ClosedAt.is_null());
    found.lock_exclusive().one(&tx.0).await?.map(invitation).transpose()
}

/// The open invitations to a call, the oldest first.
pub async fn invitations_to(conn: &impl ConnectionTrait, call: CallId) -> Result<Vec<OfficerInvitation>> {
    open(conn, invitations::Column::CallId.eq(call.uuid())).await
}

/// The open invitations of a person, the oldest first.
pub async fn invitations_of(conn: &impl ConnectionTrait, account: AccountId) -> Result<Vec<OfficerInvitation>> {
    open(conn, invitations::Column::AccountId.eq(account.uuid())).await
}

async fn open(conn: &impl ConnectionTrait, which: sea_orm::sea_query::SimpleExpr) -> Result<Vec<OfficerInvitation>> {
    let rows = invitations::Entity::find()
        .filter(which)
        .filter(invitations::Column::ClosedAt.is_null())
        .order_by_asc(invitations::Column::CreatedAt)
        .order_by_asc(invitations::Column::Id)
        .all(conn)
        .await?;
    rows.into_iter().map(invitation).collect()
}

/// Closes an invitation: `accepted`, `declined` or `withdrawn`.
pub async fn close_invitation(tx: &Tx, id: OfficerInvitationId, outcome: &str, now: Timestamp) -> Result<()> {
    let updated = invitations::Entity::update_many()
        .col_expr(invitations::Column::ClosedAt, Expr::value(stored(now)))
        .col_expr(invitations::Column::Outcome, Expr::value(outcome))
        .filter(invitations::Column::Id.eq(id.uuid()))
        .filter(invitations::Column::ClosedAt.is_null())
        .exec(&tx.0)
        .await?;
    exactly_one("officer_invitations", &updated)
}

/// Says whether an account may create calls.
pub async fn set_officer(tx: &Tx, _permit: &Permit<acts::NameOfficers>, account: AccountId, may: bool) -> Result<()> {
    let updated = accounts::Entity::update_many()
        .col_expr(accounts::Column::Officer, Expr::value(may))
        .filter(accounts::Column::Id.eq(account.uuid()))
        .exec(&tx.0)
        .await?;
    exactly_one("accounts", &updated)
}

/// The same, as the installation's own command line says it.
pub async fn set_officer_by_operator(tx: &Tx, account: AccountId) -> Result<()> {
    let updated = accounts::Entity::update_many()
        .col_expr(accounts::Column::Officer, Expr::value(true))
        .filter(accounts::Column::Id.eq(account.uuid()))
        .exec(&tx.0)
        .await?;
    exactly_one("accounts", &updated)
}

/// Accounts that may create calls, by address: id, name, address.
pub async fn named(conn: &impl ConnectionTrait) -> Result<Vec<(AccountId, String, String)>> {
    let rows = accounts::Entity::find()
        .filter(accounts::Column::Officer.eq(true))
        .filter(accounts::Column::DisabledAt.is_null())
        .order_by_asc(accounts::Column::Email)
        .all(conn)
        .await?;
    Ok(rows.into_iter().map(|row| (row.id.into(), row.name, row.email)).collect())
}
