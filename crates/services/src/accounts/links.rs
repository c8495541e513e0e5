//! Links that are sent to an address: to confirm it, to choose a password. Each is good once and for a while; a newer one of
//! its kind, a new password or a confirmation voids it. Only hashes are kept.

use std::net::IpAddr;
use std::time::Instant;

use ami_database::accounts::{self as rows, Account};
use ami_database::links::{self, Carried, Purpose};
use ami_database::sign_ins;
use ami_domain::identifiers::Email;
use ami_domain::ids::AccountId;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use uuid::Uuid;

use super::{check_password, even_out, hashed, read_email, record};
use crate::{Arrival, Error, Kind, Result, Work, attempts, outbox, tokens};

const CONFIRMS: [Purpose; 2] = [Purpose::ConfirmEmail, Purpose::ChangeEmail];
const CHOOSES: [Purpose; 2] = [Purpose::ResetPassword, Purpose::Invitation];

/// A link, before it is sent: nobody but its receiver knows it.
pub(crate) struct Link {
    /// Its address.
    pub(crate) url: String,
    /// No use after.
    pub(crate) expires: Timestamp,
}

/// The page that a link opens, and for how many hours.
const fn place(purpose: Purpose) -> (&'static str, i64) {
    match purpose {
        Purpose::ConfirmEmail | Purpose::ChangeEmail => ("/compte/confirmation", 48),
        Purpose::ResetPassword => ("/compte/mot-de-passe", 2),
        Purpose::Invitation => ("/compte/mot-de-passe", 24 * 30),
    }
}

/// Makes a link. It takes the place of the last one of its purpose, and carries what that one did; older ones are void.
pub(crate) async fn make_link(work: &Work<'_>, account: &Account, purpose: Purpose) -> Result<Link> {
    let carried = links::standing(work.tx.read(), account.id, purpose).await?.map(|link| link.carried);
    let secret = tokens::secret().map_err(Error::internal)?;
    let (path, _) = place(purpose);
    let expires = insert(work, account.id, purpose, carried.unwrap_or_default(), &secret.hash).await?;
    Ok(Link { url: work.settings().url(&format!("{path}?jeton={}", secret.token)), expires })
}

/// Keeps what the next link of a purpose is to carry.
pub(super) async fn keep(work: &Work<'_>, account: AccountId, purpose: Purpose, carried: Carried) -> Result<()> {
    // A link that was never sent: nobody has what this is the hash of.
    let unknown = tokens::secret().map_err(Error::internal)?;
    insert(work, account, purpose, carried, &unknown.hash).await.map(|_| ())
}

async fn insert(
    work: &Work<'_>,
    account: AccountId,
    purpose: Purpose,
    carried: Carried,
    hash: &str,
) -> Result<Timestamp> {
    let (_, hours) = place(purpose);
    let expires_at = work.at().checked_add(SignedDuration::from_hours(hours)).map_err(Error::internal)?;
    let link = links::Link { id: work.id(), account, purpose, carried, expires_at, used_at: None, voided_at: None };
    links::insert_link(work.tx, &link, hash, work.at()).await?;
    Ok(expires_at)
}

/// Sends a message with a link that can be used once, and that is made when it leaves; `about` is what it tells of besides. The one place where a message with a
/// link is put in the outbox.
pub(super) async fn send_link(
    work: &Work<'_>,
    account: &Account,
    purpose: Purpose,
    template: &str,
    about: &str,
) -> Result<()> {
    outbox::enqueue_link(work, account, purpose, template, json!({ "about": about })).await
}

/// Where the next link of a purpose is sent to: the account's address, or the one that it is to prove.
pub(crate) async fn recipient(work: &Work<'_>, account: &Account, purpose: Purpose) -> Result<Email> {
    let standing = links::standing(work.tx.read(), account.id, purpose).await?;
    Ok(standing.and_then(|link| link.carried.email).unwrap_or_else(|| account.email.clone()))
}

/// How a link stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// It may be used.
    Good,
    /// What it is for was done: the address is confirmed.
    Confirmed,
    /// It was used, replaced, or came too late.
    Spent,
    /// There is none like it.
    Unknown,
}

impl LinkState {
    /// Stable text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Confirmed => "confirmed",
            Self::Spent => "spent",
            Self::Unknown => "unknown",
        }
    }

    fn of(link: &links::Link, account: &Account, now: Timestamp) -> Self {
        if link.is_good(now) {
            Self::Good
        } else if link.purpose == Purpose::ConfirmEmail && account.email_confirmed_at.is_some()
            || link.purpose == Purpose::ChangeEmail && link.used_at.is_some()
        {
            Self::Confirmed
        } else {
            Self::Spent
        }
    }

    fn refusal(self) -> Error {
        Error::field(
            "/token",
            match self {
                Self::Confirmed => "token-confirmed",
                Self::Spent | Self::Good => "token-spent",
                Self::Unknown => "token",
            },
        )
    }
}

/// How the link with a token stands.
pub async fn link_state(app: &Arrival, token: &str) -> Result<LinkState> {
    let conn = app.database.read();
    let Some(link) = links::find(conn, &tokens::hash_token(token)).await? else { return Ok(LinkState::Unknown) };
    let account = rows::find(conn, link.account).await?;
    Ok(account.map_or(LinkState::Unknown, |account| LinkState::of(&link, &account, app.at)))
}

/// A good link with its account, which is kept from whoever opens another one at the same moment.
async fn open(work: &Work<'_>, hash: &str, purposes: &[Purpose]) -> Result<(links::Link, Account)> {
    let find = async || -> Result<links::Link> {
        let found = links::find(work.tx.read(), hash).await?.filter(|l| purposes.contains(&l.purpose));
        found.ok_or_else(|| LinkState::Unknown.refusal())
    };
    let account = rows::find_for_update(work.tx, find().await?.account).await?;
    let account = account.filter(|a| a.disabled_at.is_none()).ok_or_else(|| LinkState::Unknown.refusal())?;
    // Read again: another one may have been opened while this one waited.
    let link = find().await?;
    match LinkState::of(&link, &account, work.at()) {
        LinkState::Good => Ok((link, account)),
        spent => Err(spent.refusal()),
    }
}

/// Writes what opening a link made of an account. No other link of it is good any longer.
async fn opened(work: &Work<'_>, link: &links::Link, account: &Account, what: &str) -> Result<()> {
    rows::save_account(work.tx, account).await?;
    links::use_link(work.tx, link.id, work.at()).await?;
    links::void_all(work.tx, account.id, work.at()).await?;
    attempts::forgive(work, &account.email).await?;
    record(work, Some(account.id), account.id, what).await
}

/// Confirms an address with the token that was sent there: a first one, with the password that was typed with it, or another.
///
/// # Errors
/// `token-confirmed` when that was done already, `token-spent` when it came too late, `token` when there is none like it;
/// `email-taken` when somebody confirmed the address in the meantime.
pub async fn confirm_email(app: &Arrival, token: &str) -> Result<()> {
    app.write(None, tokens::hash_token(token), |work, hash| {
        Box::pin(async move {
            let (link, mut account) = open(work, hash, &CONFIRMS).await?;
            if link.purpose == Purpose::ChangeEmail {
                let new = link.carried.email.clone().ok_or_else(|| LinkState::Unknown.refusal())?;
                if rows::find_by_email(work.tx.read(), &new).await?.is_some() {
                    return Err(Error::new(Kind::Conflict, "email-taken"));
                }
                account.email = new;
                return opened(work, &link, &account, "email").await;
            }
            account.email_confirmed_at = Some(work.at());
            account.password_hash = link.carried.password_hash.clone().or(account.password_hash);
            account.name = link.carried.name.clone().unwrap_or(account.name);
            opened(work, &link, &account, "email-confirmed").await?;
            Ok(sign_ins::revoke_all(work.tx, account.id, None, work.at()).await?)
        })
    })
    .await
}

/// Sends another link in place of one to confirm an address that came too late, or that a later sign-up replaced. It carries what
/// that one did: whoever shows the link of their own sign-up gets the password of their own sign-up. The answer does not tell
/// whether anything was sent.
pub async fn request_new_link(app: &Arrival, token: &str, from: Option<IpAddr>) -> Result<()> {
    app.write(None, (tokens::hash_token(token), from), |work, (hash, from)| {
        Box::pin(async move {
            let link = links::find(work.tx.read(), hash).await?.filter(|l| l.purpose == Purpose::ConfirmEmail);
            let Some(link) = link else { return Ok(()) };
            let Some(account) = rows::find(work.tx.read(), link.account).await? else { return Ok(()) };
            if account.email_confirmed_at.is_some() || account.disabled_at.is_some() {
                return Ok(());
            }
            attempts::count_mail(work, &account.email, *from).await?;
            keep(work, account.id, Purpose::ConfirmEmail, link.carried).await?;
            send_link(work, &account, Purpose::ConfirmEmail, "confirm_email", "").await
        })
    })
    .await
}

/// Sends a link to choose another password. Neither the answer nor its time tells whether there is an account.
pub async fn request_password_reset(app: &Arrival, email: &str, from: Option<IpAddr>) -> Result<()> {
    let begun = Instant::now();
    let email = read_email(email).map_err(|p| Error::invalid(vec![p]))?;
    app.write(None, (email, from), |work, (email, from)| {
        Box::pin(async move {
            attempts::count_mail(work, email, *from).await?;
            let account = rows::find_by_email(work.tx.read(), email).await?;
            let Some(account) = account.filter(|a| a.disabled_at.is_none()) else { return Ok(()) };
            send_link(work, &account, Purpose::ResetPassword, "reset_password", "").await
        })
    })
    .await?;
    even_out(app, begun).await;
    Ok(())
}

/// Sets a password with a token, and ends every sign-in of the account. Gives what the browser is known by from now on: whoever
/// chose a password gets in, whatever others tried.
///
/// # Errors
/// `token-spent` or `token` when the link is not good.
pub async fn choose_password(app: &Arrival, token: &str, password: &str) -> Result<String> {
    check_password(password, "/password").map_err(|p| Error::invalid(vec![p]))?;
    match link_state(app, token).await? {
        LinkState::Good => {}
        other => return Err(other.refusal()),
    }
    let hash = hashed(app, password).await?;
    let account = app
        .write(None, (tokens::hash_token(token), hash), |work, (token, hash)| {
            Box::pin(async move {
                let (link, mut account) = open(work, token, &CHOOSES).await?;
                account.password_hash = Some(hash.clone());
                account.name = link.carried.name.clone().unwrap_or(account.name);
                // The link was sent to the address.
                account.email_confirmed_at = account.email_confirmed_at.or(Some(work.at()));
                opened(work, &link, &account, "password").await?;
                sign_ins::revoke_all(work.tx, account.id, None, work.at()).await?;
                Ok(account.id)
            })
        })
        .await?;
    browser_of(app, account, None)
}

/// What a browser is known by after a sign-in, or a new password; a known one stays the same.
pub(super) fn browser_of(app: &Arrival, account: AccountId, known: Option<Uuid>) -> Result<String> {
    let browser = known.unwrap_or_else(|| app.id());
    app.keys.sign_browser(account.uuid(), browser, app.at).map_err(Error::internal)
}
