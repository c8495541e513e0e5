//! Deposits: what was filed, sealed. Rows are only ever added; what happens to a deposit afterwards is a row of its own.

use std::collections::BTreeMap;

use ami_domain::deposit::{Content, Deposit, Identity, sha256_hex};
use ami_domain::dossier::DossierStateName;
use ami_domain::ids::{CallId, DepositId, DossierId, HistoryId, PieceId};
use ami_domain::policy::{Act, Permit, acts};
use jiff::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait as _, Query, SelectStatement};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, FromQueryResult, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, prelude::Uuid,
};

use crate::connection::{corrupt, insert, instant, permitted, stored};
use crate::entities::{deposit_changes, deposits, dossiers, organisations};
use crate::{Result, Tx};

const TABLE: &str = "deposits";

/// Keeps a deposit; gives the hash of its content.
pub async fn insert_deposit(
    tx: &Tx,
    permit: &Permit<acts::DepositDossier>,
    deposit: &Deposit,
    applicant: &Identity,
) -> Result<String> {
    permitted(TABLE, permit.on(), deposit.dossier)?;
    let content = deposit.content.bytes().map_err(|e| corrupt(TABLE, "content", deposit.id, e))?;
    let sha256 = sha256_hex(content.as_bytes());
    insert(
        tx,
        deposits::Model {
            id: deposit.id.uuid(),
            dossier_id: deposit.dossier.uuid(),
            version: deposit.version,
            deposited_at: stored(deposit.at),
            deposited_by: deposit.by.uuid(),
            content,
            content_sha256: sha256.clone(),
            call_version: deposit.content.call_version,
            organisation_id: Some(applicant.id.uuid()),
            organisation: applicant.name.clone(),
            siret: applicant.siret.clone(),
            legal_form: applicant.legal_form.clone(),
            rna: applicant.rna.clone(),
        },
    )
    .await?;
    Ok(sha256)
}

/// What may happen to a deposit after it was made.
pub trait ChangesDeposit: Act<Object = DossierId> {
    /// How the row is marked.
    const KIND: &'static str;
}
impl ChangesDeposit for acts::ChangeDossier {
    const KIND: &'static str = "change_begun";
}
impl ChangesDeposit for acts::DropChange {
    const KIND: &'static str = "change_dropped";
}
impl ChangesDeposit for acts::WithdrawDossier {
    const KIND: &'static str = "withdrawn";
}
impl ChangesDeposit for acts::RestoreDossier {
    const KIND: &'static str = "restored";
}

/// Records what happened to a deposit.
pub async fn record_change<A: ChangesDeposit>(
    tx: &Tx,
    permit: &Permit<A>,
    id: HistoryId,
    (dossier, deposit): (DossierId, DepositId),
    now: Timestamp,
) -> Result<()> {
    permitted(TABLE, permit.on(), dossier)?;
    let row = deposit_changes::Model {
        id: id.uuid(),
        deposit_id: deposit.uuid(),
        dossier_id: dossier.uuid(),
        kind: A::KIND.to_owned(),
        at: stored(now),
        by_account: permit.by().uuid(),
    };
    insert(tx, row).await
}

/// A deposit as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// What was filed.
    pub deposit: Deposit,
    /// Who applied.
    pub applicant: Identity,
    /// SHA-256 of the content.
    pub sha256: String,
}

fn sealed(r: deposits::Model) -> Result<Sealed> {
    // What is read is what was sealed, or nothing.
    if sha256_hex(r.content.as_bytes()) != r.content_sha256 {
        return Err(corrupt(TABLE, "content", r.id, "not what was sealed"));
    }
    let content: Content = serde_json::from_str(&r.content).map_err(|e| corrupt(TABLE, "content", r.id, e))?;
    let organisation = r.organisation_id.ok_or_else(|| corrupt(TABLE, "organisation_id", r.id, "missing"))?;
    Ok(Sealed {
        applicant: Identity {
            id: organisation.into(),
            name: content.organisation.clone(),
            siret: content.siret.clone(),
            legal_form: content.legal_form.clone().unwrap_or(r.legal_form),
            rna: if content.format > 1 { content.rna.clone() } else { r.rna },
        },
        deposit: Deposit {
            at: instant(TABLE, "deposited_at", r.id, r.deposited_at)?,
            id: r.id.into(),
            dossier: r.dossier_id.into(),
            version: r.version,
            by: r.deposited_by.into(),
            content,
        },
        sha256: r.content_sha256,
    })
}

/// Whether any deposit of a dossier holds a file.
pub async fn holds_piece(conn: &impl ConnectionTrait, dossier: DossierId, piece: PieceId) -> Result<bool> {
    let found = deposits::Entity::find()
        .select_only()
        .column(deposits::Column::Id)
        .filter(deposits::Column::DossierId.eq(dossier.uuid()))
        .filter(deposits::Column::Content.contains(piece.to_string()))
        .into_tuple::<Uuid>()
        .one(conn)
        .await?;
    Ok(found.is_some())
}

/// The ids of deposits, in their order, after one.
pub async fn ids_after(conn: &impl ConnectionTrait, after: Option<DepositId>, limit: u64) -> Result<Vec<DepositId>> {
    let mut some = deposits::Entity::find().select_only().column(deposits::Column::Id);
    if let Some(after) = after {
        some = some.filter(deposits::Column::Id.gt(after.uuid()));
    }
    let ids = some.order_by_asc(deposits::Column::Id).limit(limit).into_tuple::<Uuid>().all(conn).await?;
    Ok(ids.into_iter().map(Into::into).collect())
}

/// Dossiers that are filed and have no deposit.
pub async fn dossiers_without(conn: &impl ConnectionTrait) -> Result<Vec<DossierId>> {
    let filed = Query::select().column(deposits::Column::DossierId).from(deposits::Entity).to_owned();
    let ids = dossiers::Entity::find()
        .select_only()
        .column(dossiers::Column::Id)
        .filter(dossiers::Column::State.ne(DossierStateName::Draft.as_str()))
        .filter(dossiers::Column::Id.not_in_subquery(filed))
        .into_tuple::<Uuid>()
        .all(conn)
        .await?;
    Ok(ids.into_iter().map(Into::into).collect())
}

/// One deposit.
///
/// # Errors
/// [`crate::DatabaseError::Corrupt`] when its content is not what was sealed.
pub async fn find(conn: &impl ConnectionTrait, id: DepositId) -> Result<Option<Sealed>> {
    deposits::Entity::find_by_id(id.uuid()).one(conn).await?.map(sealed).transpose()
}

/// A deposit in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DepositLine {
    /// Its id.
    pub id: DepositId,
    /// 1, 2, …
    pub version: i64,
    /// When it was made.
    pub at: Timestamp,
    /// Of its content.
    pub sha256: String,
    /// When it was taken back, in the days when that un-filed it.
    pub taken_back_at: Option<Timestamp>,
}

#[derive(FromQueryResult)]
struct LineRow {
    id: Uuid,
    version: i64,
    deposited_at: i64,
    content_sha256: String,
    taken_back_at: Option<i64>,
}

/// The deposits of a dossier, last first.
pub async fn of_dossier(conn: &impl ConnectionTrait, id: DossierId) -> Result<Vec<DepositLine>> {
    let taken_back = Query::select()
        .expr(Expr::col((deposit_changes::Entity, deposit_changes::Column::At)).max())
        .from(deposit_changes::Entity)
        .and_where(
            Expr::col((deposit_changes::Entity, deposit_changes::Column::DepositId))
                .equals((deposits::Entity, deposits::Column::Id)),
        )
        .and_where(deposit_changes::Column::Kind.eq("taken_back"))
        .to_owned();
    let rows = deposits::Entity::find()
        .select_only()
        .columns([
            deposits::Column::Id,
            deposits::Column::Version,
            deposits::Column::DepositedAt,
            deposits::Column::ContentSha256,
        ])
        .column_as(Expr::from(taken_back), "taken_back_at")
        .filter(deposits::Column::DossierId.eq(id.uuid()))
        .order_by_desc(deposits::Column::Version)
        .into_model::<LineRow>()
        .all(conn)
        .await?;
    rows.into_iter()
        .map(|r| {
            Ok(DepositLine {
                at: instant(TABLE, "deposited_at", r.id, r.deposited_at)?,
                taken_back_at: r.taken_back_at.map(|at| instant("deposit_changes", "at", r.id, at)).transpose()?,
                id: r.id.into(),
                version: r.version,
                sha256: r.content_sha256,
            })
        })
        .collect()
}

/// The version of a dossier's next deposit.
pub async fn next_version(conn: &impl ConnectionTrait, id: DossierId) -> Result<i64> {
    let last: Option<(i64,)> = deposits::Entity::find()
        .select_only()
        .column(deposits::Column::Version)
        .filter(deposits::Column::DossierId.eq(id.uuid()))
        .order_by_desc(deposits::Column::Version)
        .limit(1)
        .into_tuple()
        .one(conn)
        .await?;
    Ok(last.map_or(0, |(version,)| version) + 1)
}

/// What a list shows of a deposit that counts, without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filed {
    /// The deposit.
    pub deposit: DepositId,
    /// When it was made.
    pub at: Timestamp,
    /// The version of the call under which it was made.
    pub call_version: i64,
    /// Who applied, as it was filed.
    pub applicant: Identity,
    /// What the organisation says of itself today.
    pub today: Identity,
}

impl Filed {
    /// The organisation as it is today, where that differs from what was filed.
    pub fn changed(&self) -> Option<&Identity> {
        let Identity { name, siret, legal_form, rna, .. } = &self.applicant;
        let same = *name == self.today.name
            && *siret == self.today.siret
            && *legal_form == self.today.legal_form
            && *rna == self.today.rna;
        (!same).then_some(&self.today)
    }
}

#[derive(FromQueryResult)]
struct FiledRow {
    id: Uuid,
    dossier_id: Uuid,
    deposited_at: i64,
    call_version: i64,
    organisation_id: Uuid,
    organisation: String,
    siret: String,
    legal_form: String,
    rna: Option<String>,
    today_name: String,
    today_siret: String,
    today_legal_form: String,
    today_rna: Option<String>,
}

/// The deposits that count of the dossiers that a query names, by dossier.
async fn that_count(conn: &impl ConnectionTrait, which: SelectStatement) -> Result<BTreeMap<DossierId, Filed>> {
    let of = |column: deposits::Column| Expr::col((deposits::Entity, column));
    let today = |column: organisations::Column| Expr::col((organisations::Entity, column));
    let mut select = Query::select();
    for column in [
        deposits::Column::Id,
        deposits::Column::DossierId,
        deposits::Column::DepositedAt,
        deposits::Column::CallVersion,
        deposits::Column::OrganisationId,
        deposits::Column::Organisation,
        deposits::Column::Siret,
        deposits::Column::LegalForm,
        deposits::Column::Rna,
    ] {
        select.expr(of(column));
    }
    select
        .expr_as(today(organisations::Column::Name), "today_name")
        .expr_as(today(organisations::Column::Siret), "today_siret")
        .expr_as(today(organisations::Column::LegalForm), "today_legal_form")
        .expr_as(today(organisations::Column::Rna), "today_rna")
        .from(deposits::Entity)
        .inner_join(
            organisations::Entity,
            of(deposits::Column::OrganisationId).equals((organisations::Entity, organisations::Column::Id)),
        )
        .and_where(of(deposits::Column::Id).in_subquery(which));
    let rows = FiledRow::find_by_statement(conn.get_database_backend().build(&select)).all(conn).await?;
    rows.into_iter()
        .map(|r| {
            let id = r.organisation_id.into();
            let filed = Filed {
                at: instant(TABLE, "deposited_at", r.id, r.deposited_at)?,
                deposit: r.id.into(),
                call_version: r.call_version,
                applicant: Identity { id, name: r.organisation, siret: r.siret, legal_form: r.legal_form, rna: r.rna },
                today: Identity {
                    id,
                    name: r.today_name,
                    siret: r.today_siret,
                    legal_form: r.today_legal_form,
                    rna: r.today_rna,
                },
            };
            Ok((r.dossier_id.into(), filed))
        })
        .collect()
}

fn counting() -> SelectStatement {
    Query::select()
        .column(dossiers::Column::DepositId)
        .from(dossiers::Entity)
        .and_where(dossiers::Column::DepositId.is_not_null())
        .to_owned()
}

/// What counts of some dossiers, by dossier.
pub async fn filed(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = DossierId>,
) -> Result<BTreeMap<DossierId, Filed>> {
    let which = counting().and_where(dossiers::Column::Id.is_in(ids.into_iter().map(DossierId::uuid))).to_owned();
    that_count(conn, which).await
}

/// What counts of every filed dossier of a call, by dossier.
pub async fn filed_of_call(conn: &impl ConnectionTrait, call: CallId) -> Result<BTreeMap<DossierId, Filed>> {
    that_count(conn, counting().and_where(dossiers::Column::CallId.eq(call.uuid())).to_owned()).await
}

/// The contents that count of some dossiers, by dossier.
pub async fn contents(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = DossierId>,
) -> Result<BTreeMap<DossierId, Deposit>> {
    sealed_that_count(
        conn,
        counting().and_where(dossiers::Column::Id.is_in(ids.into_iter().map(DossierId::uuid))).to_owned(),
    )
    .await
}

/// The deposits that count of a call's admissible dossiers, by dossier: a ranking breaks ties with some of their answers.
pub async fn admissible_of_call(conn: &impl ConnectionTrait, call: CallId) -> Result<BTreeMap<DossierId, Deposit>> {
    let which = counting()
        .and_where(dossiers::Column::CallId.eq(call.uuid()))
        .and_where(dossiers::Column::State.eq(DossierStateName::Admissible.as_str()))
        .to_owned();
    sealed_that_count(conn, which).await
}

async fn sealed_that_count(
    conn: &impl ConnectionTrait,
    which: SelectStatement,
) -> Result<BTreeMap<DossierId, Deposit>> {
    let rows = deposits::Entity::find().filter(deposits::Column::Id.in_subquery(which)).all(conn).await?;
    rows.into_iter().map(|row| sealed(row).map(|s| (s.deposit.dossier, s.deposit))).collect()
}
