//! The outbox: messages are written in the transaction of what they tell of, and leave later, each until it is gone.
//!
//! A message with a secret link holds what the link is for. The secret is made when it leaves, and kept as its hash alone.

use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use ami_database::accounts::Account;
use ami_database::documents::Document;
use ami_database::jobs::Claim;
use ami_database::links::Purpose;
use ami_database::mails::{self, Attachment, Kept, LinkMail, Mail};
use ami_domain::ids::{DocumentId, JobId, MailId};
use jiff::Timestamp;
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Attachment as Part, Mailbox, MultiPart, SinglePart};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use serde::Serialize;
use serde_json::{Value, json};

use crate::jobs::{self, Crew, Ended, Kind};
use crate::{App, Arrival, Error, Result, Work, accounts, documents};

/// How messages leave.
#[derive(Debug, Clone)]
pub enum Transport {
    /// To an SMTP server.
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    /// Into a folder, one file each, named by the message's id: for the demonstration and for tests.
    Folder(PathBuf),
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

/// Puts a message into the outbox; gives its id, by which it is found what became of it.
pub(crate) async fn enqueue(work: &Work<'_>, to: &str, mail: ami_views::Mail, files: Vec<Enclosure>) -> Result<MailId> {
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
        link: None,
        attachments,
    };
    let id = mail.id;
    put(work, mail).await?;
    Ok(id)
}

/// Puts a message with a secret link into the outbox; `context` is what its template needs besides the link.
pub(crate) async fn enqueue_link(
    work: &Work<'_>,
    account: &Account,
    purpose: Purpose,
    template: &str,
    context: Value,
) -> Result<()> {
    let link = LinkMail { account: account.id, purpose, template: template.to_owned(), context };
    // What is wrong with a template shows where the message is asked for.
    let text = without_link(work, &link, work.at())?;
    let mail = Mail {
        id: work.id(),
        recipient: accounts::recipient(work, account, purpose).await?.to_string(),
        subject: text.subject,
        body: text.body,
        link: Some(link),
        attachments: Vec::new(),
    };
    put(work, mail).await
}

async fn put(work: &Work<'_>, mail: Mail) -> Result<()> {
    mails::enqueue(work.tx, &mail, work.at()).await?;
    jobs::enqueue(work, Kind::Mail, mail.id.uuid().into(), json!({}), None, work.at()).await?;
    Ok(())
}

fn text_of(work: &Work<'_>, link: &LinkMail, url: &str, expires: Timestamp) -> Result<ami_views::Mail> {
    let mut context = link.context.clone();
    context["url"] = url.into();
    context["expires"] = ami_views::date_time(expires).into();
    Ok(work.views().mail(&link.template, &context)?)
}

fn without_link(work: &Work<'_>, link: &LinkMail, expires: Timestamp) -> Result<ami_views::Mail> {
    let instead = ami_views::message("mail-link-withheld", &[]).unwrap_or_default();
    text_of(work, link, &instead, expires)
}

/// A message as it leaves.
#[derive(Debug)]
struct Leaving {
    to: Address,
    at: Timestamp,
    mail: Mail,
}

/// Why a message will not leave, in a sentence for whoever runs the service.
fn refusal(key: &str, recipient: &str) -> String {
    ami_views::message(key, &[("address", recipient.to_owned())]).unwrap_or_else(|| key.to_owned())
}

/// Reads an address as it goes over the wire: a domain with accents in its ASCII form. Before the `@` there is no such form.
fn address(recipient: &str) -> std::result::Result<Address, String> {
    let wrong = || refusal("mail-refused-address", recipient);
    let (local, domain) = recipient.rsplit_once('@').ok_or_else(wrong)?;
    if !local.is_ascii() {
        return Err(refusal("mail-refused-accents", recipient));
    }
    let domain = idna::domain_to_ascii_strict(domain).map_err(|_| wrong())?;
    Address::new(local, domain).map_err(|_| wrong())
}

/// Writes a message that is about to leave: makes its link, whose secret is in what is given back and nowhere else (in the
/// demonstration, which shows its messages, it is kept). `Err` inside when it cannot leave.
async fn write(work: &Work<'_>, claim: &Claim) -> Result<std::result::Result<Leaving, Ended>> {
    // Somebody else may have taken it over since.
    if !ami_database::jobs::renew(work.tx, claim, jobs::lease_end(work.at())?).await? {
        return Ok(Err(Ended::Lost));
    }
    let id = MailId::from(claim.job.uuid());
    let Some(Kept { at, mut mail, .. }) = mails::find(work.tx.read(), id).await? else {
        return Ok(Err(Ended::Never("no such message".into())));
    };
    let to = match address(&mail.recipient) {
        Ok(to) => to,
        Err(sentence) => return Ok(Err(Ended::Never(sentence))),
    };
    if let Some(link) = &mail.link {
        let account = ami_database::accounts::find(work.tx.read(), link.account).await?;
        let Some(account) = account.filter(|account| account.disabled_at.is_none()) else {
            return Ok(Err(Ended::Never(refusal("mail-refused-account", &mail.recipient))));
        };
        let made = accounts::make_link(work, &account, link.purpose).await?;
        let whole = text_of(work, link, &made.url, made.expires)?;
        let kept = if work.settings().demonstration { whole.clone() } else { without_link(work, link, made.expires)? };
        mails::written(work.tx, id, &kept.subject, &kept.body).await?;
        (mail.subject, mail.body) = (whole.subject, whole.body);
    }
    Ok(Ok(Leaving { to, at, mail }))
}

/// Sends the message of a job.
pub(crate) async fn send(app: &App, crew: &Crew, claim: Claim) -> Ended {
    let written = app.now().write(None, claim, |work, claim| Box::pin(async move { write(work, claim).await })).await;
    let mut leaving = match written {
        Ok(Ok(leaving)) => leaving,
        Ok(Err(ended)) => return ended,
        Err(error) => return error.into(),
    };
    if let Err(error) = enclose(&app.now(), &mut leaving.mail).await {
        return error.into();
    }
    let message = match compose(&crew.from, &leaving) {
        Ok(message) => message,
        Err(error) => return Ended::Never(error.to_string()),
    };
    match &crew.transport {
        Transport::Smtp(smtp) => match smtp.send(message).await {
            Ok(_) => Ended::Done,
            Err(error) if is_about_the_message(&error) => Ended::Never(error.to_string()),
            Err(error) => Ended::Later(error.to_string()),
        },
        Transport::Folder(folder) => {
            let name = leaving.mail.id.to_string();
            match put_file(folder, &name, &message.formatted()).await {
                Ok(()) => Ended::Done,
                Err(error) => Ended::Later(format!("{} : {error}", folder.display())),
            }
        }
    }
}

/// Writes down what came of a message, with how its job ended.
pub(crate) async fn concluded(work: &Work<'_>, id: MailId, ended: &Ended) -> Result<()> {
    match ended {
        Ended::Done | Ended::Made(_) => {
            mails::sent(work.tx, id, work.at()).await?;
            if !work.settings().demonstration {
                mails::withhold_earlier_link(work.tx, id).await?;
            }
        }
        Ended::Later(error) => mails::put_off(work.tx, id, error).await?,
        Ended::Never(error) => mails::given_up(work.tx, id, error, work.at()).await?,
        Ended::Lost => {}
    }
    Ok(())
}

/// Whether a relay's answer means this message for good, rather than us: a password that it no longer takes is mended elsewhere.
fn is_about_the_message(error: &lettre::transport::smtp::Error) -> bool {
    const SIGN_IN: [u16; 4] = [530, 534, 535, 538];
    error.is_permanent() && error.status().is_none_or(|code| !SIGN_IN.contains(&u16::from(code)))
}

/// The whole file or none of it.
async fn put_file(folder: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let unfinished = folder.join(format!(".{name}"));
    tokio::fs::write(&unfinished, bytes).await?;
    tokio::fs::rename(&unfinished, folder.join(format!("{name}.eml"))).await
}

/// Says that no person wrote this: out-of-office notes are not answered to it (RFC 3834).
#[derive(Debug, Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> std::result::Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// The message as it goes over the wire: the same `Message-ID` and `Date` however often it is sent.
fn compose(
    from: &Mailbox,
    leaving: &Leaving,
) -> std::result::Result<Message, Box<dyn std::error::Error + Send + Sync>> {
    let Leaving { to, at, mail } = leaving;
    let mut parts = MultiPart::mixed().singlepart(SinglePart::plain(mail.body.clone()));
    for file in &mail.attachments {
        let kind = ContentType::parse(&file.content_type)?;
        parts = parts.singlepart(Part::new(file.name.clone()).body(file.content.clone(), kind));
    }
    let message = Message::builder()
        .message_id(Some(format!("<{}@{}>", mail.id, from.email.domain())))
        .date(UNIX_EPOCH + Duration::from_secs(u64::try_from(at.as_second())?))
        .header(AutoSubmitted)
        .from(from.clone())
        .to(Mailbox::new(None, to.clone()))
        .subject(mail.subject.clone())
        .multipart(parts)?;
    Ok(message)
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
    let shown = newest.into_iter().map(|Kept { at, mail, .. }| ShownMail {
        at,
        to: mail.recipient,
        subject: mail.subject,
        links: mail.body.split_whitespace().filter(|w| w.starts_with("http")).map(str::to_owned).collect(),
        body: mail.body,
        files: mail.attachments.into_iter().map(|file| file.name).collect(),
    });
    Ok(shown.collect())
}

/// How the outbox stands.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Messages that have not left yet.
    pub waiting: i64,
    /// Messages that will not leave.
    pub failed: i64,
}

/// How the outbox stands.
pub async fn standing(app: &Arrival) -> Result<Standing> {
    let (waiting, failed) = mails::unsent(app.database.read()).await?;
    let number = |n| i64::try_from(n).unwrap_or(i64::MAX);
    Ok(Standing { waiting: number(waiting), failed: number(failed) })
}

/// A message that will not leave.
#[derive(Debug, Clone)]
pub struct Refused {
    /// When it was written.
    pub at: Timestamp,
    /// To whom.
    pub to: String,
    /// Its subject.
    pub subject: String,
    /// Why.
    pub error: String,
}

/// The newest messages that will not leave, for whoever runs the service.
pub async fn list_refused(app: &Arrival) -> Result<Vec<Refused>> {
    let failed = mails::failed(app.database.read(), 100).await?;
    let refused = failed.into_iter().map(|kept| Refused {
        at: kept.at,
        to: kept.mail.recipient,
        subject: kept.mail.subject,
        error: kept.last_error.unwrap_or_default(),
    });
    Ok(refused.collect())
}

/// Puts the messages that would not leave back into the outbox, once their cause is mended; gives how many.
pub async fn retry_refused(app: &Arrival) -> Result<usize> {
    let mut revived = 0;
    loop {
        let some = app
            .write(None, (), |work, ()| {
                Box::pin(async move {
                    let failed = mails::failed(work.tx.read(), 100).await?;
                    for kept in &failed {
                        let id = kept.mail.id;
                        mails::revived(work.tx, id).await?;
                        let job: JobId = id.uuid().into();
                        ami_database::jobs::revive(work.tx, job, work.at()).await?;
                    }
                    Ok(failed.len())
                })
            })
            .await?;
        if some == 0 {
            return Ok(revived);
        }
        revived += some;
    }
}

/// Reads an SMTP address such as `smtp://user:password@host:25` or `smtps://…`.
///
/// # Errors
/// When it is not one.
pub fn smtp(url: &str) -> std::result::Result<Transport, lettre::transport::smtp::Error> {
    Ok(Transport::Smtp(AsyncSmtpTransport::<Tokio1Executor>::from_url(url)?.build()))
}

/// Who sends.
pub type Sender = Mailbox;

/// Reads a sender such as `Service <service@exemple.fr>`.
pub fn sender(text: &str) -> Option<Sender> {
    let mailbox: Mailbox = text.parse().ok()?;
    Some(Mailbox::new(mailbox.name, address(mailbox.email.as_ref()).ok()?))
}

/// Messages as files in a folder.
pub fn folder(path: &Path) -> Transport {
    Transport::Folder(path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_travel_in_the_domain_and_nowhere_else() {
        assert_eq!(address("ada@département.exemple.fr").unwrap().to_string(), "ada@xn--dpartement-b7a.exemple.fr");
        assert_eq!(address("ada@exemple.fr").unwrap().to_string(), "ada@exemple.fr");
        assert!(address("adélaïde@exemple.fr").unwrap_err().contains("adélaïde@exemple.fr"));
        for wrong in ["", "ada", "ada@", "ada@-.fr", "@exemple.fr", "ada@exemple..fr"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
        assert_eq!(sender("Né <a@é.fr>").unwrap().email.to_string(), "a@xn--9ca.fr");
    }
}
