//! Applicant organisations and who belongs to them.

use std::collections::BTreeMap;

use ami_domain::identifiers::{Rna, Siret};
use ami_domain::ids::{AccountId, OrganisationId};
use ami_domain::policy::{Act, Permit, acts};
use jiff::Timestamp;
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, ExprTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
};
use uuid::Uuid;

use crate::connection::{corrupt, exactly_one, insert, permitted, stored};
use crate::entities::{accounts, memberships, organisations};
use crate::{Result, Tx};

/// Who applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organisation {
    /// Its id.
    pub id: OrganisationId,
    /// Its legal name.
    pub name: String,
    /// Its establishment's number.
    pub siret: Siret,
    /// Its number as an association.
    pub rna: Option<Rna>,
    /// One of the call's legal forms.
    pub legal_form: String,
}

fn organisation(row: organisations::Model) -> Result<Organisation> {
    Ok(Organisation {
        siret: Siret::parse(&row.siret).map_err(|e| corrupt("organisations", "siret", row.id, e))?,
        rna: row.rna.map(|r| Rna::parse(&r).map_err(|e| corrupt("organisations", "rna", row.id, e))).transpose()?,
        id: row.id.into(),
        name: row.name,
        legal_form: row.legal_form,
    })
}

/// Adds an organisation with its first member.
///
/// # Errors
/// [`crate::Constraint::OrganisationSiret`] when one has this SIRET already.
pub async fn insert_organisation(
    tx: &Tx,
    permit: &Permit<acts::CreateOrganisation>,
    organisation: &Organisation,
    now: Timestamp,
) -> Result<()> {
    insert(
        tx,
        organisations::Model {
            id: organisation.id.uuid(),
            name: organisation.name.clone(),
            siret: organisation.siret.to_string(),
            rna: organisation.rna.as_ref().map(ToString::to_string),
            legal_form: organisation.legal_form.clone(),
            created_at: stored(now),
            created_by: permit.by().uuid(),
            duplicate_of: None,
        },
    )
    .await?;
    let first = memberships::Model {
        organisation_id: organisation.id.uuid(),
        account_id: permit.by().uuid(),
        created_at: stored(now),
    };
    insert(tx, first).await
}

/// Changes an organisation's own data. One that is kept apart from another of the same SIRET stays so until it has its own.
pub async fn update_organisation(tx: &Tx, permit: &Permit<acts::EditOrganisation>, new: &Organisation) -> Result<()> {
    permitted("organisations", permit.on(), new.id)?;
    let updated = organisations::Entity::update_many()
        .col_expr(organisations::Column::Name, Expr::value(new.name.clone()))
        .col_expr(
            organisations::Column::DuplicateOf,
            Expr::case(
                Expr::col(organisations::Column::Siret).eq(new.siret.to_string()),
                Expr::col(organisations::Column::DuplicateOf),
            )
            .finally(Expr::value(None::<Uuid>))
            .into(),
        )
        .col_expr(organisations::Column::Siret, Expr::value(new.siret.to_string()))
        .col_expr(organisations::Column::Rna, Expr::value(new.rna.as_ref().map(ToString::to_string)))
        .col_expr(organisations::Column::LegalForm, Expr::value(new.legal_form.clone()))
        .filter(organisations::Column::Id.eq(new.id.uuid()))
        .exec(&tx.0)
        .await?;
    exactly_one("organisations", &updated)
}

/// One organisation.
pub async fn find(conn: &impl ConnectionTrait, id: OrganisationId) -> Result<Option<Organisation>> {
    organisations::Entity::find_by_id(id.uuid()).one(conn).await?.map(organisation).transpose()
}

/// Keeps an organisation from other writers until the transaction ends; gives whether there is one.
pub async fn lock(tx: &Tx, id: OrganisationId) -> Result<bool> {
    let row = organisations::Entity::find_by_id(id.uuid()).lock_exclusive().one(&tx.0).await?;
    Ok(row.is_some())
}

/// Keeps every organisation of one legal body from other writers until the transaction ends, and gives them: establishments with
/// the same SIREN.
pub async fn lock_legal_body(tx: &Tx, siret: &Siret) -> Result<Vec<OrganisationId>> {
    let rows = organisations::Entity::find()
        .filter(organisations::Column::Siret.starts_with(siret.siren()))
        .order_by_asc(organisations::Column::Id)
        .lock_exclusive()
        .all(&tx.0)
        .await?;
    Ok(rows.into_iter().map(|row| row.id.into()).collect())
}

/// The organisation with this SIRET; of several that were registered before it was asked for once, the first.
pub async fn find_by_siret(conn: &impl ConnectionTrait, siret: &Siret) -> Result<Option<Organisation>> {
    let row = organisations::Entity::find()
        .filter(organisations::Column::Siret.eq(siret.to_string()))
        .filter(organisations::Column::DuplicateOf.is_null())
        .one(conn)
        .await?;
    row.map(organisation).transpose()
}

/// Organisations that have the SIRET of one that was registered before them.
pub async fn duplicates(conn: &impl ConnectionTrait) -> Result<Vec<Organisation>> {
    let rows = organisations::Entity::find()
        .filter(organisations::Column::DuplicateOf.is_not_null())
        .order_by_asc(organisations::Column::Siret)
        .order_by_asc(organisations::Column::CreatedAt)
        .all(conn)
        .await?;
    rows.into_iter().map(organisation).collect()
}

/// The organisations a person belongs to, by name.
pub async fn of_account(conn: &impl ConnectionTrait, account: AccountId) -> Result<Vec<Organisation>> {
    let mine = Query::select()
        .column(memberships::Column::OrganisationId)
        .from(memberships::Entity)
        .and_where(memberships::Column::AccountId.eq(account.uuid()))
        .to_owned();
    let rows = organisations::Entity::find()
        .filter(organisations::Column::Id.in_subquery(mine))
        .order_by_asc(organisations::Column::Name)
        .all(conn)
        .await?;
    rows.into_iter().map(organisation).collect()
}

/// Some organisations by id.
pub async fn some(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = OrganisationId>,
) -> Result<BTreeMap<OrganisationId, Organisation>> {
    let rows = organisations::Entity::find()
        .filter(organisations::Column::Id.is_in(ids.into_iter().map(OrganisationId::uuid)))
        .all(conn)
        .await?;
    rows.into_iter().map(|row| organisation(row).map(|o| (o.id, o))).collect()
}

/// What may make somebody a member: a member who says yes to their request, or they themselves to an invitation.
pub trait Joins: Act {
    /// Whether what was allowed is this account's joining this organisation.
    fn covers(on: Self::Object, organisation: OrganisationId, account: AccountId) -> bool;
}

impl Joins for acts::ManageMembers {
    fn covers(on: OrganisationId, organisation: OrganisationId, _: AccountId) -> bool {
        on == organisation
    }
}

impl Joins for acts::JoinOrganisation {
    fn covers(on: AccountId, _: OrganisationId, account: AccountId) -> bool {
        on == account
    }
}

/// Adds a member.
pub async fn insert_member<A: Joins>(
    tx: &Tx,
    permit: &Permit<A>,
    id: OrganisationId,
    account: AccountId,
    now: Timestamp,
) -> Result<()> {
    permitted("memberships", A::covers(permit.on(), id, account), true)?;
    let member = memberships::Model { organisation_id: id.uuid(), account_id: account.uuid(), created_at: stored(now) };
    insert(tx, member).await
}

/// Removes a member; gives whether they were one.
pub async fn delete_member(tx: &Tx, permit: &Permit<acts::ManageMembers>, account: AccountId) -> Result<bool> {
    let gone = memberships::Entity::delete_by_id((permit.on().uuid(), account.uuid())).exec(&tx.0).await?;
    Ok(gone.rows_affected == 1)
}

/// An organisation's members, the first one first.
pub async fn members(conn: &impl ConnectionTrait, id: OrganisationId) -> Result<Vec<AccountId>> {
    let rows = memberships::Entity::find()
        .filter(memberships::Column::OrganisationId.eq(id.uuid()))
        .order_by_asc(memberships::Column::CreatedAt)
        .order_by_asc(memberships::Column::AccountId)
        .all(conn)
        .await?;
    Ok(rows.into_iter().map(|row| row.account_id.into()).collect())
}

/// E-mail addresses of an organisation's members.
pub async fn member_emails(conn: &impl ConnectionTrait, id: OrganisationId) -> Result<Vec<String>> {
    let members = Query::select()
        .column(memberships::Column::AccountId)
        .from(memberships::Entity)
        .and_where(memberships::Column::OrganisationId.eq(id.uuid()))
        .to_owned();
    let rows = accounts::Entity::find()
        .filter(accounts::Column::Id.in_subquery(members))
        .order_by_asc(accounts::Column::Email)
        .all(conn)
        .await?;
    Ok(rows.into_iter().map(|r| r.email).collect())
}
