//! Where things belong, in one statement: a dossier or a sheet with its call and what counts of it.

use ami_domain::deposit::Identity;
use ami_domain::dossier::Dossier;
use ami_domain::ids::{DossierId, SheetId};
use ami_domain::sheet::Sheet;
use sea_orm::sea_query::{Expr, ExprTrait as _, Query, SelectStatement};
use sea_orm::{ColumnTrait as _, prelude::Uuid};
use sea_orm::{
    ConnectionTrait, DbBackend, EntityTrait, FromQueryResult as _, IdenStatic as _, Iterable as _, QueryResult,
};

use crate::calls::Call;
use crate::connection::instant;
use crate::deposits::Filed;
use crate::entities::{calls, deposits, dossiers, organisations, sheets};
use crate::{Result, Tx, jury};

/// A dossier with its call, and what counts of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The call.
    pub call: Call,
    /// The dossier.
    pub dossier: Dossier,
    /// The deposit that counts, without its content; none of a draft.
    pub filed: Option<Filed>,
}

/// The columns of a table, each under its name after a prefix.
fn columns<E: EntityTrait + Default>(select: &mut SelectStatement, prefix: &str, but: &[&str]) {
    for column in E::Column::iter().filter(|c| !but.contains(&c.as_str())) {
        select.expr_as(Expr::col((E::default(), column)), format!("{prefix}{}", column.as_str()));
    }
}

/// A dossier, its call but for the text, its deposit but for the content, and its organisation.
fn select() -> SelectStatement {
    let mut select = Query::select();
    columns::<dossiers::Entity>(&mut select, "d_", &[]);
    crate::calls::select_head(&mut select, "c_");
    columns::<deposits::Entity>(&mut select, "p_", &["content", "content_sha256"]);
    columns::<organisations::Entity>(&mut select, "o_", &[]);
    let of = |column: dossiers::Column| Expr::col((dossiers::Entity, column));
    select
        .from(dossiers::Entity)
        .inner_join(calls::Entity, of(dossiers::Column::CallId).equals((calls::Entity, calls::Column::Id)))
        .left_join(deposits::Entity, of(dossiers::Column::DepositId).equals((deposits::Entity, deposits::Column::Id)))
        .left_join(
            organisations::Entity,
            Expr::col((deposits::Entity, deposits::Column::OrganisationId))
                .equals((organisations::Entity, organisations::Column::Id)),
        );
    select
}

async fn placed(conn: &impl ConnectionTrait, row: &QueryResult) -> Result<Placed> {
    Ok(Placed {
        call: crate::calls::of_row(conn, row, "c_").await?,
        dossier: crate::dossiers::dossier(dossiers::Model::from_query_result(row, "d_")?)?,
        filed: filed(row)?,
    })
}

fn filed(row: &QueryResult) -> Result<Option<Filed>> {
    let Some(deposit) = row.try_get::<Option<Uuid>>("p_", "id")? else { return Ok(None) };
    let organisation: Uuid = row.try_get("p_", "organisation_id")?;
    let applicant = Identity {
        id: organisation.into(),
        name: row.try_get("p_", "organisation")?,
        siret: row.try_get("p_", "siret")?,
        legal_form: row.try_get("p_", "legal_form")?,
        rna: row.try_get("p_", "rna")?,
    };
    let today = Identity {
        id: organisation.into(),
        name: row.try_get("o_", "name")?,
        siret: row.try_get("o_", "siret")?,
        legal_form: row.try_get("o_", "legal_form")?,
        rna: row.try_get("o_", "rna")?,
    };
    let at = instant("deposits", "deposited_at", deposit, row.try_get("p_", "deposited_at")?)?;
    Ok(Some(Filed { deposit: deposit.into(), at, call_version: row.try_get("p_", "call_version")?, applicant, today }))
}

/// One dossier with its call.
pub async fn dossier(conn: &impl ConnectionTrait, id: DossierId) -> Result<Option<Placed>> {
    let mut select = select();
    select.and_where(dossiers::Column::Id.eq(id.uuid()));
    match conn.query_one(&select).await? {
        Some(row) => placed(conn, &row).await.map(Some),
        None => Ok(None),
    }
}

/// A sheet, without its entries, with its dossier and call, while it is asked for.
pub async fn sheet(conn: &impl ConnectionTrait, id: SheetId) -> Result<Option<(Placed, Sheet)>> {
    of_sheet(conn, id, false).await
}

/// The same, for whoever writes it: neither the sheet nor the call's state changes until the transaction ends.
pub async fn sheet_for_update(tx: &Tx, id: SheetId) -> Result<Option<(Placed, Sheet)>> {
    of_sheet(&tx.0, id, true).await
}

async fn of_sheet(conn: &impl ConnectionTrait, id: SheetId, held: bool) -> Result<Option<(Placed, Sheet)>> {
    let mut select = select();
    columns::<sheets::Entity>(&mut select, "s_", &[]);
    select
        .inner_join(
            sheets::Entity,
            Expr::col((sheets::Entity, sheets::Column::DossierId)).equals((dossiers::Entity, dossiers::Column::Id)),
        )
        .and_where(sheets::Column::Id.eq(id.uuid()))
        .and_where(sheets::Column::RemovedAt.is_null());
    let mut statement = conn.get_database_backend().build(&select);
    if held && conn.get_database_backend() == DbBackend::Postgres {
        // Two locks of one statement, which sea-query does not know.
        statement.sql.push_str(" FOR UPDATE OF sheets FOR SHARE OF calls");
    }
    let Some(row) = conn.query_one_raw(statement).await? else { return Ok(None) };
    let sheet = jury::without_entries(sheets::Model::from_query_result(&row, "s_")?)?;
    Ok(Some((placed(conn, &row).await?, sheet)))
}
