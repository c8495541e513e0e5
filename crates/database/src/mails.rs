//! The outbox: a message is written with what it tells of, in one transaction, and leaves later. Its job has its id.

use std::collections::BTreeMap;

use ami_domain::ids::{AccountId, DocumentId, MailId};
use jiff::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
};
use serde_json::Value;
use uuid::Uuid;

use crate::connection::{corrupt, exactly_one, insert, instant, stored};
use crate::entities::{mail_attachments, mails};
use crate::links::Purpose;
use crate::{Result, Tx};

/// Messages of which one call of [`forget_bodies`] forgets the text, at most.
const FORGOTTEN_AT_ONCE: u64 = 200;

/// A message.
#[derive(Debug, Clone, PartialEq)]
pub struct Mail {
    /// Its id.
    pub id: MailId,
    /// One address.
    pub recipient: String,
    /// Its subject.
    pub subject: String,
    /// Plain text. With a link, the text without its secret.
    pub body: String,
    /// The secret link that is made when it leaves.
    pub link: Option<LinkMail>,
    /// Files.
    pub attachments: Vec<Attachment>,
}

/// What is kept of a message with a secret link before it leaves.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkMail {
    /// Whose link.
    pub account: AccountId,
    /// What it is for.
    pub purpose: Purpose,
    /// The message's template.
    pub template: String,
    /// What the template needs besides the link.
    pub context: Value,
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

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It has not left yet.
    Waits,
    /// It left.
    Sent(Timestamp),
    /// It will not leave.
    Failed(Timestamp),
}

/// A message as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// When it was written.
    pub at: Timestamp,
    /// The message; in lists without its files' contents.
    pub mail: Mail,
    /// What became of it.
    pub outcome: Outcome,
    /// Why it did not leave the last time.
    pub last_error: Option<String>,
}

/// Puts a message in the outbox.
pub async fn enqueue(tx: &Tx, mail: &Mail, now: Timestamp) -> Result<()> {
    let link = mail.link.as_ref();
    insert(
        tx,
        mails::Model {
            id: mail.id.uuid(),
            recipient: mail.recipient.clone(),
            subject: mail.subject.clone(),
            body: mail.body.clone(),
            created_at: stored(now),
            sent_at: None,
            last_error: None,
            failed_at: None,
            account_id: link.map(|l| l.account.uuid()),
            purpose: link.map(|l| l.purpose.to_string()),
            template: link.map(|l| l.template.clone()),
            context: link.map(|l| l.context.to_string()),
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

fn kept(row: mails::Model, attachments: Vec<Attachment>) -> Result<Kept> {
    let at = |column, value| instant("mails", column, row.id, value);
    let wrong = |column, problem: String| corrupt("mails", column, row.id, problem);
    let link = match (row.account_id, &row.purpose, &row.template, &row.context) {
        (Some(account), Some(purpose), Some(template), Some(context)) => Some(LinkMail {
            account: account.into(),
            purpose: purpose.parse().map_err(|e| wrong("purpose", e))?,
            template: template.clone(),
            context: serde_json::from_str(context).map_err(|e| wrong("context", e.to_string()))?,
        }),
        _ => None,
    };
    let outcome = outcome(row.id, row.sent_at, row.failed_at)?;
    Ok(Kept {
        at: at("created_at", row.created_at)?,
        mail: Mail {
            id: row.id.into(),
            recipient: row.recipient,
            subject: row.subject,
            body: row.body,
            link,
            attachments,
        },
        outcome,
        last_error: row.last_error,
    })
}

/// A message with its files.
pub async fn find(conn: &impl ConnectionTrait, id: MailId) -> Result<Option<Kept>> {
    let Some(row) = mails::Entity::find_by_id(id.uuid()).one(conn).await? else { return Ok(None) };
    let files = mail_attachments::Entity::find()
        .filter(mail_attachments::Column::MailId.eq(id.uuid()))
        .order_by_asc(mail_attachments::Column::Id)
        .all(conn)
        .await?;
    let attachments = files
        .into_iter()
        .map(|f| Attachment {
            id: f.id,
            name: f.name,
            content_type: f.content_type,
            content: f.content,
            document: f.document_id.map(Into::into),
        })
        .collect();
    Ok(Some(kept(row, attachments)?))
}

/// What became of some messages.
pub async fn outcomes(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = MailId>,
) -> Result<BTreeMap<MailId, Outcome>> {
    let rows: Vec<(Uuid, Option<i64>, Option<i64>)> = mails::Entity::find()
        .select_only()
        .column(mails::Column::Id)
        .column(mails::Column::SentAt)
        .column(mails::Column::FailedAt)
        .filter(mails::Column::Id.is_in(ids.into_iter().map(MailId::uuid)))
        .into_tuple()
        .all(conn)
        .await?;
    rows.into_iter().map(|(id, sent, failed)| Ok((id.into(), outcome(id, sent, failed)?))).collect()
}

fn outcome(id: Uuid, sent: Option<i64>, failed: Option<i64>) -> Result<Outcome> {
    let at = |column, value| instant("mails", column, id, value);
    Ok(match (sent, failed) {
        (Some(sent), _) => Outcome::Sent(at("sent_at", sent)?),
        (None, Some(failed)) => Outcome::Failed(at("failed_at", failed)?),
        (None, None) => Outcome::Waits,
    })
}

/// The newest messages, sent or not, without their files' contents.
pub async fn newest(conn: &impl ConnectionTrait, limit: u64) -> Result<Vec<Kept>> {
    listed(conn, mails::Entity::find().limit(limit)).await
}

/// The messages that will not leave, newest first, without their files' contents.
pub async fn failed(conn: &impl ConnectionTrait, limit: u64) -> Result<Vec<Kept>> {
    let failed = mails::Entity::find()
        .filter(mails::Column::SentAt.is_null())
        .filter(mails::Column::FailedAt.is_not_null())
        .limit(limit);
    listed(conn, failed).await
}

async fn listed(conn: &impl ConnectionTrait, which: sea_orm::Select<mails::Entity>) -> Result<Vec<Kept>> {
    let rows = which.order_by_desc(mails::Column::CreatedAt).order_by_desc(mails::Column::Id).all(conn).await?;
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
            kept(r, attachments)
        })
        .collect()
}

/// How many messages have not left yet, and how many will not.
pub async fn unsent(conn: &impl ConnectionTrait) -> Result<(u64, u64)> {
    let unsent = mails::Entity::find().filter(mails::Column::SentAt.is_null());
    let waiting = unsent.clone().filter(mails::Column::FailedAt.is_null()).count(conn).await?;
    Ok((waiting, unsent.filter(mails::Column::FailedAt.is_not_null()).count(conn).await?))
}

async fn update(tx: &Tx, id: MailId, values: Vec<(mails::Column, sea_orm::sea_query::SimpleExpr)>) -> Result<()> {
    let mut update = mails::Entity::update_many().filter(mails::Column::Id.eq(id.uuid()));
    for (column, value) in values {
        update = update.col_expr(column, value);
    }
    exactly_one("mails", &update.exec(&tx.0).await?)
}

/// Keeps what is shown of a message that is about to leave.
pub async fn written(tx: &Tx, id: MailId, subject: &str, body: &str) -> Result<()> {
    update(tx, id, vec![(mails::Column::Subject, Expr::value(subject)), (mails::Column::Body, Expr::value(body))]).await
}

/// Records that a message left.
pub async fn sent(tx: &Tx, id: MailId, now: Timestamp) -> Result<()> {
    let values = vec![
        (mails::Column::SentAt, Expr::value(stored(now))),
        (mails::Column::LastError, Expr::value(None::<String>)),
    ];
    update(tx, id, values).await
}

/// Forgets the text of a message that holds a link in clear, as those did that were written before links were made on leaving.
pub async fn withhold_earlier_link(tx: &Tx, id: MailId) -> Result<()> {
    mails::Entity::update_many()
        .col_expr(mails::Column::Body, Expr::value(""))
        .filter(mails::Column::Id.eq(id.uuid()))
        .filter(mails::Column::AccountId.is_null())
        .filter(mails::Column::Body.contains("?jeton="))
        .exec(&tx.0)
        .await?;
    Ok(())
}

/// Records why a message could not leave, this time.
pub async fn put_off(tx: &Tx, id: MailId, error: &str) -> Result<()> {
    update(tx, id, vec![(mails::Column::LastError, Expr::value(error))]).await
}

/// Records that a message will not leave.
pub async fn given_up(tx: &Tx, id: MailId, error: &str, now: Timestamp) -> Result<()> {
    let values =
        vec![(mails::Column::LastError, Expr::value(error)), (mails::Column::FailedAt, Expr::value(stored(now)))];
    update(tx, id, values).await
}

/// Takes back that a message will not leave.
pub async fn revived(tx: &Tx, id: MailId) -> Result<()> {
    update(tx, id, vec![(mails::Column::FailedAt, Expr::value(None::<i64>))]).await
}

/// Forgets the texts and files of messages that left before an instant, some at a time; gives how many.
pub async fn forget_bodies(tx: &Tx, before: Timestamp) -> Result<usize> {
    let ids: Vec<Uuid> = mails::Entity::find()
        .select_only()
        .column(mails::Column::Id)
        .filter(mails::Column::SentAt.lt(stored(before)))
        .filter(mails::Column::Body.ne(""))
        .limit(FORGOTTEN_AT_ONCE)
        .into_tuple()
        .all(&tx.0)
        .await?;
    if ids.is_empty() {
        return Ok(0);
    }
    mail_attachments::Entity::delete_many()
        .filter(mail_attachments::Column::MailId.is_in(ids.iter().copied()))
        .exec(&tx.0)
        .await?;
    mails::Entity::update_many()
        .col_expr(mails::Column::Body, Expr::value(""))
        .col_expr(mails::Column::Context, Expr::value(None::<String>))
        .filter(mails::Column::Id.is_in(ids.iter().copied()))
        .exec(&tx.0)
        .await?;
    Ok(ids.len())
}
