//! The outbox: a message is written with what it tells of, in one transaction, and leaves later.

use ami_domain::ids::{DocumentId, MailId};
use jiff::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
};
use uuid::Uuid;

use crate::connection::{exactly_one, insert, instant, stored};
use crate::entities::{mail_attachments, mails};
use crate::{Result, Tx};

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Its id.
    pub id: MailId,
    /// One address.
    pub recipient: String,
    /// Its subject.
    pub subject: String,
    /// Plain text.
    pub body: String,
    /// How often it was tried.
    pub attempts: i64,
    /// Files.
    pub attachments: Vec<Attachment>,
}

/// A file sent along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Its media type.
    pub content_type: String,
    /// Its bytes; none where it is a document, which is read when the message leaves.
    pub content: Vec<u8>,
    /// The document that it is.
    pub document: Option<DocumentId>,
}

/// Puts a message in the outbox.
pub async fn enqueue(tx: &Tx, mail: &Mail, now: Timestamp) -> Result<()> {
    insert(
        tx,
        mails::Model {
            id: mail.id.uuid(),
            recipient: mail.recipient.clone(),
            subject: mail.subject.clone(),
            body: mail.body.clone(),
            created_at: stored(now),
            next_attempt_at: stored(now),
            attempts: 0,
            sent_at: None,
            last_error: None,
        },
    )
    .await?;
    for a in &mail.attachments {
        let row = mail_attachments::Model {
            id: a.id,
            mail_id: mail.id.uuid(),
            name: a.name.clone(),
            content_type: a.content_type.clone(),
            content: a.content.clone(),
            document_id: a.document.map(DocumentId::uuid),
        };
        insert(tx, row).await?;
    }
    Ok(())
}

/// The messages that are due, oldest first, at most `limit`.
pub async fn due(conn: &impl ConnectionTrait, now: Timestamp, limit: u64) -> Result<Vec<Mail>> {
    let rows = mails::Entity::find()
        .filter(mails::Column::SentAt.is_null())
        .filter(mails::Column::NextAttemptAt.lte(stored(now)))
        .order_by_asc(mails::Column::Id)
        .limit(limit)
        .all(conn)
        .await?;
    let files = mail_attachments::Entity::find()
        .filter(mail_attachments::Column::MailId.is_in(rows.iter().map(|r| r.id)))
        .all(conn)
        .await?;
    Ok(rows
        .into_iter()
        .map(|r| Mail {
            attachments: files
                .iter()
                .filter(|f| f.mail_id == r.id)
                .map(|f| Attachment {
                    id: f.id,
                    name: f.name.clone(),
                    content_type: f.content_type.clone(),
                    content: f.content.clone(),
                    document: f.document_id.map(Into::into),
                })
                .collect(),
            id: r.id.into(),
            recipient: r.recipient,
            subject: r.subject,
            body: r.body,
            attempts: r.attempts,
        })
        .collect())
}

/// The newest messages, sent or not, without their files' contents; each with when it was written.
pub async fn newest(conn: &impl ConnectionTrait, limit: u64) -> Result<Vec<(Timestamp, Mail)>> {
    let rows = mails::Entity::find()
        .order_by_desc(mails::Column::CreatedAt)
        .order_by_desc(mails::Column::Id)
        .limit(limit)
        .all(conn)
        .await?;
    let files: Vec<(Uuid, Uuid, String, String)> = mail_attachments::Entity::find()
        .select_only()
        .column(mail_attachments::Column::MailId)
        .column(mail_attachments::Column::Id)
        .column(mail_attachments::Column::Name)
        .column(mail_attachments::Column::ContentType)
        .filter(mail_attachments::Column::MailId.is_in(rows.iter().map(|r| r.id)))
        .into_tuple()
        .all(conn)
        .await?;
    rows.into_iter()
        .map(|r| {
            let attachments = files
                .iter()
                .filter(|f| f.0 == r.id)
                .map(|f| Attachment {
                    id: f.1,
                    name: f.2.clone(),
                    content_type: f.3.clone(),
                    content: vec![],
                    document: None,
                })
                .collect();
            let mail = Mail {
                id: r.id.into(),
                recipient: r.recipient,
                subject: r.subject,
                body: r.body,
                attempts: r.attempts,
                attachments,
            };
            Ok((instant("mails", "created_at", r.id, r.created_at)?, mail))
        })
        .collect()
}

/// How many messages have not left yet.
pub async fn waiting(conn: &impl ConnectionTrait) -> Result<u64> {
    Ok(mails::Entity::find().filter(mails::Column::SentAt.is_null()).count(conn).await?)
}

/// Records that a message left.
pub async fn sent(tx: &Tx, id: MailId, now: Timestamp) -> Result<()> {
    let updated = mails::Entity::update_many()
        .col_expr(mails::Column::SentAt, Expr::value(stored(now)))
        .filter(mails::Column::Id.eq(id.uuid()))
        .exec(&tx.0)
        .await?;
    exactly_one("mails", &updated)
}

/// Records that a message could not leave, and when to try again.
pub async fn failed(tx: &Tx, id: MailId, attempts: i64, error: &str, next: Timestamp) -> Result<()> {
    let updated = mails::Entity::update_many()
        .col_expr(mails::Column::Attempts, Expr::value(attempts))
        .col_expr(mails::Column::LastError, Expr::value(error))
        .col_expr(mails::Column::NextAttemptAt, Expr::value(stored(next)))
        .filter(mails::Column::Id.eq(id.uuid()))
        .exec(&tx.0)
        .await?;
    exactly_one("mails", &updated)
}
