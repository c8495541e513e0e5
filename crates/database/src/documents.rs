//! Documents that are given out: their facts as they were issued, and their bytes, which are drawn once.

use ami_domain::deposit::sha256_hex;
use ami_domain::ids::DocumentId;
use ami_domain::receipt::{ReceiptName, ReceiptNumber};
use jiff::Timestamp;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use crate::connection::{corrupt, insert, stored};
use crate::entities::documents;
use crate::{Result, Tx};

/// What a document is and is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// The receipt of a deposit.
    Receipt(ami_domain::ids::DepositId),
    /// What is put before the assembly with a deliberation.
    Annex(ami_domain::ids::DeliberationId),
    /// A letter to an applicant.
    Letter(ami_domain::ids::LetterId),
}

impl Subject {
    /// The kind of document, and what kind of thing it is about, which one.
    const fn parts(self) -> (DocumentKind, &'static str, Uuid) {
        match self {
            Self::Receipt(deposit) => (DocumentKind::Receipt, "deposit", deposit.uuid()),
            Self::Annex(deliberation) => (DocumentKind::Annex, "deliberation", deliberation.uuid()),
            Self::Letter(letter) => (DocumentKind::Letter, "letter", letter.uuid()),
        }
    }
}

/// The kinds of documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentKind {
    /// The receipt of a deposit.
    Receipt,
    /// What is put before the assembly with a deliberation.
    Annex,
    /// A letter to an applicant.
    Letter,
}

impl DocumentKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Receipt => "receipt",
            Self::Annex => "annex",
            Self::Letter => "letter",
        }
    }

    fn parse(stored: &str) -> Option<Self> {
        [Self::Receipt, Self::Annex, Self::Letter].into_iter().find(|kind| kind.as_str() == stored)
    }
}

/// A document, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its id.
    pub id: DocumentId,
    /// What it is.
    pub kind: DocumentKind,
    /// Its file's name.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// Its facts, JSON with a format number of its own.
    pub record: String,
    /// A number of its own that nobody guesses, where it can be verified by one.
    pub number: Option<ReceiptNumber>,
}

/// Keeps the facts of a document, in its first version.
///
/// # Errors
/// [`crate::DatabaseError::Constraint`] when the subject has this document already.
pub async fn insert_document(tx: &Tx, subject: Subject, document: &Document, now: Timestamp) -> Result<()> {
    insert_version(tx, subject, 1, document, now).await
}

/// Keeps the facts of a document that takes the place of its subject's last one, in the version after it.
pub async fn insert_next(tx: &Tx, subject: Subject, document: &Document, now: Timestamp) -> Result<()> {
    let (kind, _, id) = subject.parts();
    let last: Option<i64> = documents::Entity::find()
        .select_only()
        .column(documents::Column::Version)
        .filter(documents::Column::Kind.eq(kind.as_str()))
        .filter(documents::Column::Subject.eq(id))
        .order_by_desc(documents::Column::Version)
        .limit(1)
        .into_tuple()
        .one(&tx.0)
        .await?;
    insert_version(tx, subject, last.unwrap_or(0) + 1, document, now).await
}

async fn insert_version(tx: &Tx, subject: Subject, version: i64, document: &Document, now: Timestamp) -> Result<()> {
    let (kind, subject_kind, subject) = subject.parts();
    insert(
        tx,
        documents::Model {
            id: document.id.uuid(),
            kind: kind.as_str().to_owned(),
            subject_kind: subject_kind.to_owned(),
            subject,
            version,
            name: document.name.clone(),
            media_type: document.media_type.clone(),
            record: document.record.clone(),
            bytes: None,
            sha256: None,
            created_at: stored(now),
            drawn_at: None,
            number: document.number.as_ref().map(|number| number.as_str().to_owned()),
        },
    )
    .await
}

/// A subject's document, in its last version.
pub async fn of_subject(conn: &impl ConnectionTrait, subject: Subject) -> Result<Option<Document>> {
    let (kind, _, subject) = subject.parts();
    find_where(conn, || documents::Column::Kind.eq(kind.as_str()).and(documents::Column::Subject.eq(subject))).await
}

/// A document by its id.
pub async fn find(conn: &impl ConnectionTrait, id: DocumentId) -> Result<Option<Document>> {
    find_where(conn, || documents::Column::Id.eq(id.uuid())).await
}

/// A receipt by its own number or the SHA-256 of its file.
pub async fn find_receipt(conn: &impl ConnectionTrait, name: &ReceiptName) -> Result<Option<Document>> {
    find_where(conn, || {
        let named = match name {
            ReceiptName::Number(number) => documents::Column::Number.eq(number.as_str()),
            ReceiptName::File(sha256) => documents::Column::Sha256.eq(sha256.as_str()),
        };
        documents::Column::Kind.eq(DocumentKind::Receipt.as_str()).and(named)
    })
    .await
}

/// The SHA-256 of the bytes of a document as it was when they were drawn, whatever they are now.
pub async fn drawn_sha256(conn: &impl ConnectionTrait, id: DocumentId) -> Result<Option<String>> {
    let found: Option<Option<String>> = documents::Entity::find_by_id(id.uuid())
        .select_only()
        .column(documents::Column::Sha256)
        .into_tuple()
        .one(conn)
        .await?;
    Ok(found.flatten())
}

async fn find_where(
    conn: &impl ConnectionTrait,
    which: impl Fn() -> sea_orm::sea_query::SimpleExpr,
) -> Result<Option<Document>> {
    let row: Option<(Uuid, String, String, String, String, Option<String>)> = documents::Entity::find()
        .select_only()
        .columns([
            documents::Column::Id,
            documents::Column::Kind,
            documents::Column::Name,
            documents::Column::MediaType,
            documents::Column::Record,
            documents::Column::Number,
        ])
        .filter(which())
        .order_by_desc(documents::Column::Version)
        .limit(1)
        .into_tuple()
        .one(conn)
        .await?;
    row.map(|(id, kind, name, media_type, record, number)| {
        let kind = DocumentKind::parse(&kind).ok_or_else(|| corrupt("documents", "kind", id, &kind))?;
        let number = number.map(|n| ReceiptNumber::parse(&n).ok_or_else(|| corrupt("documents", "number", id, &n)));
        Ok(Document { id: id.into(), kind, name, media_type, record, number: number.transpose()? })
    })
    .transpose()
}

/// The bytes of a document, once it was drawn.
///
/// # Errors
/// [`crate::DatabaseError::Corrupt`] when they are not what they were.
pub async fn bytes(conn: &impl ConnectionTrait, id: DocumentId) -> Result<Option<Vec<u8>>> {
    let Some(row) = documents::Entity::find_by_id(id.uuid()).one(conn).await? else { return Ok(None) };
    if let Some(bytes) = &row.bytes
        && row.sha256 != Some(sha256_hex(bytes))
    {
        return Err(corrupt("documents", "bytes", id, "not what was drawn"));
    }
    Ok(row.bytes)
}

/// Keeps the bytes of a document, unless somebody drew it before.
pub async fn keep_bytes(tx: &Tx, id: DocumentId, bytes: &[u8], now: Timestamp) -> Result<()> {
    documents::Entity::update_many()
        .col_expr(documents::Column::Bytes, Expr::value(bytes.to_vec()))
        .col_expr(documents::Column::Sha256, Expr::value(sha256_hex(bytes)))
        .col_expr(documents::Column::DrawnAt, Expr::value(stored(now)))
        .filter(documents::Column::Id.eq(id.uuid()))
        .filter(documents::Column::Bytes.is_null())
        .exec(&tx.0)
        .await?;
    Ok(())
}
