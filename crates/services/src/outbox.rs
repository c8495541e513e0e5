//! The outbox: messages are written in the transaction of what they tell of, and leave later, each until it is gone.

use ami_database::documents::Document;
use ami_database::mails::{self, Attachment, Mail};
use ami_domain::ids::DocumentId;
use jiff::{SignedDuration, Timestamp};
use lettre::message::{Attachment as Part, Mailbox, MultiPart, SinglePart, header::ContentType};
use lettre::{AsyncFileTransport, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use serde::Serialize;

use crate::{Arrival, Error, Result, Work, documents};

/// How messages leave.
#[derive(Debug, Clone)]
pub enum Transport {
    /// To an SMTP server.
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    /// Into a folder, one file each: for the demonstration and for tests.
    Folder(AsyncFileTransport<Tokio1Executor>),
}

/// A document to send along. It is read, or drawn, when the message leaves.
#[derive(Debug, Clone)]
pub struct Enclosure {
    document: DocumentId,
    name: String,
    media_type: String,
}

impl Enclosure {
    /// A document that was issued in the same transaction, or before.
    pub(crate) fn of(document: &Document) -> Self {
        Self { document: document.id, name: document.name.clone(), media_type: document.media_type.clone() }
    }
}

pub(crate) async fn enqueue(work: &Work<'_>, to: &str, mail: ami_views::Mail, files: Vec<Enclosure>) -> Result<()> {
    let attachments = files
        .into_iter()
        .map(|file| Attachment {
            id: work.id(),
            name: file.name,
            content_type: file.media_type,
            content: vec![],
            document: Some(file.document),
        })
        .collect();
    let mail = Mail {
        id: work.id(),
        recipient: to.to_owned(),
        subject: mail.subject,
        body: mail.body,
        attempts: 0,
        attachments,
    };
    Ok(mails::enqueue(work.tx, &mail, work.at()).await?)
}

/// Reads an SMTP address such as `smtp://user:password@host:25` or `smtps://…`.
///
/// # Errors
/// When it is not one.
pub fn smtp(url: &str) -> std::result::Result<Transport, lettre::transport::smtp::Error> {
    Ok(Transport::Smtp(AsyncSmtpTransport::<Tokio1Executor>::from_url(url)?.build()))
}

/// Sends what is due; gives the number of messages that left. One that fails waits longer each time, up to a day.
pub async fn deliver_due(app: &Arrival, transport: &Transport, from: &Mailbox) -> Result<usize> {
    let due = mails::due(app.database.read(), app.at, 20).await?;
    let mut left = 0;
    for mut mail in due {
        let outcome = match enclose(app, &mut mail).await {
            Ok(()) => send(transport, from, &mail).await,
            Err(error) => Err(error.to_string()),
        };
        left += usize::from(outcome.is_ok());
        app.write(None, (mail.id, mail.attempts + 1, outcome), |work, (id, attempts, outcome)| {
            Box::pin(async move {
                let Err(error) = outcome else { return Ok(mails::sent(work.tx, *id, work.at()).await?) };
                tracing::warn!(mail = %id, error, "a message could not leave");
                let minutes = 2i64.saturating_pow(u32::try_from(*attempts).unwrap_or(32).min(11)).min(24 * 60);
                let next = work.at().checked_add(SignedDuration::from_mins(minutes)).map_err(Error::internal)?;
                Ok(mails::failed(work.tx, *id, *attempts, error, next).await?)
            })
        })
        .await?;
    }
    Ok(left)
}

/// Puts the documents that a message names into it.
async fn enclose(app: &Arrival, mail: &mut Mail) -> Result<()> {
    for file in &mut mail.attachments {
        if let Some(document) = file.document {
            file.content = documents::document_bytes(app, document).await?;
        }
    }
    Ok(())
}

/// A message as the demonstration shows it.
#[derive(Debug, Clone, Serialize)]
pub struct ShownMail {
    /// When it was written.
    pub at: Timestamp,
    /// To whom.
    pub to: String,
    /// Its subject.
    pub subject: String,
    /// Its text.
    pub body: String,
    /// The addresses in the text, to be followed.
    pub links: Vec<String>,
    /// Names of its files.
    pub files: Vec<String>,
}

/// The demonstration's newest messages, for whoever tries it; anywhere else there is no such page.
pub async fn list_demonstration_mails(app: &Arrival) -> Result<Vec<ShownMail>> {
    if !app.settings.demonstration {
        return Err(Error::not_found());
    }
    let newest = mails::newest(app.database.read(), 50).await?;
    let shown = newest.into_iter().map(|(at, mail)| ShownMail {
        at,
        to: mail.recipient,
        subject: mail.subject,
        links: mail.body.split_whitespace().filter(|w| w.starts_with("http")).map(str::to_owned).collect(),
        body: mail.body,
        files: mail.attachments.into_iter().map(|file| file.name).collect(),
    });
    Ok(shown.collect())
}

/// How many messages have not left yet.
pub async fn waiting(app: &Arrival) -> Result<i64> {
    let waiting = mails::waiting(app.database.read()).await?;
    Ok(i64::try_from(waiting).unwrap_or(i64::MAX))
}

async fn send(transport: &Transport, from: &Mailbox, mail: &Mail) -> std::result::Result<(), String> {
    let text = |e: &dyn std::fmt::Display| e.to_string();
    let mut parts = MultiPart::mixed().singlepart(SinglePart::plain(mail.body.clone()));
    for file in &mail.attachments {
        let kind = ContentType::parse(&file.content_type).map_err(|e| text(&e))?;
        parts = parts.singlepart(Part::new(file.name.clone()).body(file.content.clone(), kind));
    }
    let message = Message::builder()
        .from(from.clone())
        .to(mail.recipient.parse::<Mailbox>().map_err(|e| text(&e))?)
        .subject(mail.subject.clone())
        .multipart(parts)
        .map_err(|e| text(&e))?;
    match transport {
        Transport::Smtp(smtp) => smtp.send(message).await.map(|_| ()).map_err(|e| text(&e)),
        Transport::Folder(folder) => folder.send(message).await.map(|_| ()).map_err(|e| text(&e)),
    }
}

/// Who sends.
pub type Sender = Mailbox;

/// Reads a sender such as `Service <service@exemple.fr>`.
pub fn sender(text: &str) -> Option<Sender> {
    text.parse().ok()
}

/// Messages as files in a folder.
pub fn folder(path: &std::path::Path) -> Transport {
    Transport::Folder(AsyncFileTransport::<Tokio1Executor>::new(path))
}
