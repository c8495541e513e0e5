//! Applicant organisations and who belongs to them.

use ami_domain::identifiers::{Rna, Siret};
use ami_domain::ids::{AccountId, OrganisationId};
use ami_domain::policy::{Permit, acts};
use jiff::Timestamp;
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use crate::connection::{corrupt, exactly_one, insert, stored};
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

/// Changes an organisation's own data.
pub async fn update_organisation(tx: &Tx, _permit: &Permit<acts::EditOrganisation>, new: &Organisation) -> Result<()> {
    let updated = organisations::Entity::update_many()
        .col_expr(organisations::Column::Name, Expr::value(new.name.clone()))
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

/// Adds a member.
pub async fn insert_member(
    tx: &Tx,
    _permit: &Permit<acts::ManageMembers>,
    id: OrganisationId,
    account: AccountId,
    now: Timestamp,
) -> Result<()> {
    let member = memberships::Model { organisation_id: id.uuid(), account_id: account.uuid(), created_at: stored(now) };
    insert(tx, member).await
}

/// Removes a member; gives whether they were one.
pub async fn delete_member(
    tx: &Tx,
    _permit: &Permit<acts::ManageMembers>,
    id: OrganisationId,
    account: AccountId,
) -> Result<bool> {
    let gone = memberships::Entity::delete_by_id((id.uuid(), account.uuid())).exec(&tx.0).await?;
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
