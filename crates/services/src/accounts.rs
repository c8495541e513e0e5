//! Accounts: signing up and in, confirming an address, choosing a password.

use std::net::IpAddr;

use ami_database::accounts::{self as rows, Account, Purpose, Session};
use ami_domain::identifiers::Email;
use ami_domain::ids::{AccountId, SessionId};
use ami_domain::text;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::attempts::Tried;
use crate::tokens::{self, ACCESS_LIFETIME, REFRESH_LIFETIME};
use crate::{Actor, Arrival, Error, Kind, Problem, Result, Work, outbox};

/// Fewest characters of a password (ANSSI's advice for one without other factors).
pub const PASSWORD_MIN: usize = 12;
/// Most characters: longer ones only cost time.
pub const PASSWORD_MAX: usize = 200;

/// How long after its use a refresh token may be shown again by another window.
const REUSE_GRACE: SignedDuration = SignedDuration::from_secs(30);

/// The tokens of a sign-in.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SignedIn {
    /// JWT for `Authorization: Bearer`.
    pub access_token: String,
    /// Opaque; good once.
    pub refresh_token: String,
    /// Seconds for which the access token is good.
    pub expires_in: i64,
}

/// A signed-in person.
#[derive(Debug, Clone)]
pub struct Signed {
    /// The account.
    pub account: Account,
    /// What decides about access.
    pub actor: Actor,
    /// The sign-in.
    pub family: SessionId,
}

fn check_password(password: &str, pointer: &str) -> std::result::Result<(), Problem> {
    let length = text::length(password);
    if (PASSWORD_MIN..=PASSWORD_MAX).contains(&length) {
        return Ok(());
    }
    Err(Problem {
        pointer: pointer.into(),
        code: "password-length".into(),
        args: vec![("min", PASSWORD_MIN.to_string()), ("max", PASSWORD_MAX.to_string())],
    })
}

fn check_name(name: &str) -> std::result::Result<String, Problem> {
    let name = text::clean(name).replace('\n', " ");
    if (2..=120).contains(&text::length(&name)) {
        Ok(name)
    } else {
        Err(Problem { pointer: "/name".into(), code: "name-length".into(), args: vec![] })
    }
}

/// Reads an address that somebody typed.
pub(crate) fn read_email(email: &str) -> std::result::Result<Email, Problem> {
    Email::parse(email).map_err(|_| Problem { pointer: "/email".into(), code: "field-email".into(), args: vec![] })
}

async fn hashed(password: &str) -> Result<String> {
    let password = password.to_owned();
    tokio::task::spawn_blocking(move || tokens::hash_password(&password))
        .await
        .map_err(Error::internal)?
        .map_err(Error::internal)
}

/// Makes an account. Whoever has one already gets a message instead, and the answer does not tell the difference. `from` is the
/// asker's network address.
pub async fn sign_up(app: &Arrival, email: &str, name: &str, password: &str, from: Option<IpAddr>) -> Result<()> {
    let mut problems = Vec::new();
    let email = read_email(email).map_err(|p| problems.push(p)).ok();
    let name = check_name(name).map_err(|p| problems.push(p)).ok();
    if let Err(problem) = check_password(password, "/password") {
        problems.push(problem);
    }
    let (Some(email), Some(name), true) = (email, name, problems.is_empty()) else {
        return Err(Error::invalid(problems));
    };
    let now = app.at;
    app.attempts.count(Tried::Mail, Some(&email), from, now)?;
    let hash = hashed(password).await?;
    let account = Account {
        id: app.id(),
        email,
        name,
        password_hash: Some(hash),
        email_confirmed_at: (!app.settings.confirm_email).then_some(now),
        administrator: false,
        created_at: now,
        disabled_at: None,
    };
    app.write(None, account, |work, account| {
        Box::pin(async move {
            if rows::find_by_email(work.tx.read(), &account.email).await?.is_some() {
                let context = serde_json::json!({ "url": work.settings().url("/connexion") });
                let mail = work.views().mail("account_exists", &context)?;
                return outbox::enqueue(work, account.email.as_str(), mail, vec![]).await;
            }
            rows::insert_account(work.tx, account).await?;
            if work.settings().confirm_email {
                send_link(work, account, Purpose::ConfirmEmail, "confirm_email", "").await?;
            }
            Ok(())
        })
    })
    .await
}

/// Sends a message with a link that can be used once; `about` is what it tells of besides. The link is made when it leaves.
async fn send_link(work: &Work<'_>, account: &Account, purpose: Purpose, template: &str, about: &str) -> Result<()> {
    let context = serde_json::json!({ "name": account.name, "about": about });
    outbox::enqueue_link(work, account, purpose, template, context).await
}

/// A link that can be used once.
pub(crate) struct Link {
    /// Where it leads, with its secret.
    pub(crate) url: String,
    /// No use after.
    pub(crate) expires: Timestamp,
}

/// Makes a link of which only the hash is kept; earlier ones for the same purpose are void.
pub(crate) async fn make_link(work: &Work<'_>, account: &Account, purpose: Purpose) -> Result<Link> {
    let secret = tokens::secret().map_err(Error::internal)?;
    let now = work.at();
    let (path, hours) = match purpose {
        Purpose::ConfirmEmail => ("/compte/confirmation", 48),
        Purpose::ResetPassword => ("/compte/mot-de-passe", 2),
        Purpose::Invitation => ("/compte/mot-de-passe", 24 * 30),
    };
    let expires = now.checked_add(SignedDuration::from_hours(hours)).map_err(Error::internal)?;
    rows::void_tokens(work.tx, account.id, purpose, now).await?;
    rows::insert_token(work.tx, work.id(), account.id, purpose, &secret.hash, now, expires).await?;
    Ok(Link { url: work.settings().url(&format!("{path}?jeton={}", secret.token)), expires })
}

/// What an invitation is about, and where it leads whoever has an account.
pub(crate) struct Invited<'a> {
    /// E-mail template for those who have no account yet.
    pub(crate) newcomer: &'a str,
    /// E-mail template for those who have one.
    pub(crate) known: &'a str,
    /// The call or the organisation.
    pub(crate) about: &'a str,
    /// The page to look at.
    pub(crate) path: &'a str,
}

/// Finds the account with an address, or makes one without password; either way its holder gets a message.
pub(crate) async fn invite(work: &Work<'_>, email: &Email, name: &str, to: &Invited<'_>) -> Result<AccountId> {
    if let Some(account) = rows::find_by_email(work.tx.read(), email).await? {
        // Whoever was invited before and has not chosen a password yet needs a link that works.
        if account.password_hash.is_none() {
            send_link(work, &account, Purpose::Invitation, to.newcomer, to.about).await?;
        } else {
            let context =
                serde_json::json!({ "name": account.name, "url": work.settings().url(to.path), "about": to.about });
            let mail = work.views().mail(to.known, &context)?;
            outbox::enqueue(work, account.email.as_str(), mail, vec![]).await?;
        }
        return Ok(account.id);
    }
    let account = Account {
        id: work.id(),
        email: email.clone(),
        name: check_name(name).map_err(|p| Error::invalid(vec![p]))?,
        password_hash: None,
        email_confirmed_at: None,
        administrator: false,
        created_at: work.at(),
        disabled_at: None,
    };
    rows::insert_account(work.tx, &account).await?;
    send_link(work, &account, Purpose::Invitation, to.newcomer, to.about).await?;
    Ok(account.id)
}

/// Makes an account at once, as the installation's own command line does.
pub async fn create_account(
    app: &Arrival,
    email: &str,
    name: &str,
    password: &str,
    administrator: bool,
) -> Result<AccountId> {
    let email = read_email(email).map_err(|p| Error::invalid(vec![p]))?;
    let name = check_name(name).map_err(|p| Error::invalid(vec![p]))?;
    check_password(password, "/password").map_err(|p| Error::invalid(vec![p]))?;
    let now = app.at;
    let account = Account {
        id: app.id(),
        email,
        name,
        password_hash: Some(hashed(password).await?),
        email_confirmed_at: Some(now),
        administrator,
        created_at: now,
        disabled_at: None,
    };
    app.write(None, account, |work, account| {
        Box::pin(async move {
            rows::insert_account(work.tx, account).await?;
            Ok(account.id)
        })
    })
    .await
}

/// Confirms an address with the token that was sent there.
pub async fn confirm_email(app: &Arrival, token: &str) -> Result<()> {
    app.write(None, tokens::hash_token(token), |work, hash| {
        Box::pin(async move {
            let owner = rows::take_token(work.tx, &[Purpose::ConfirmEmail], hash, work.at()).await?;
            let owner = owner.ok_or_else(|| Error::field("/token", "token"))?;
            Ok(rows::confirm_email(work.tx, owner, work.at()).await?)
        })
    })
    .await
}

/// Sends a link to choose another password; the answer does not tell whether there is an account.
pub async fn request_password_reset(app: &Arrival, email: &str, from: Option<IpAddr>) -> Result<()> {
    let email = read_email(email).map_err(|p| Error::invalid(vec![p]))?;
    app.attempts.count(Tried::Mail, Some(&email), from, app.at)?;
    app.write(None, email, |work, email| {
        Box::pin(async move {
            let Some(account) = rows::find_by_email(work.tx.read(), email).await? else { return Ok(()) };
            send_link(work, &account, Purpose::ResetPassword, "reset_password", "").await
        })
    })
    .await
}

/// Whether a link to choose a password is still good.
pub async fn password_token_is_good(app: &Arrival, token: &str) -> Result<bool> {
    let purposes = [Purpose::ResetPassword, Purpose::Invitation];
    let hash = tokens::hash_token(token);
    Ok(rows::token_owner(app.database.read(), &purposes, &hash, app.at).await?.is_some())
}

/// Sets a password with a token, and ends every session of the account.
pub async fn choose_password(app: &Arrival, token: &str, password: &str) -> Result<()> {
    check_password(password, "/password").map_err(|p| Error::invalid(vec![p]))?;
    let hash = hashed(password).await?;
    app.write(None, (tokens::hash_token(token), hash), |work, (token, hash)| {
        Box::pin(async move {
            let (tx, now) = (work.tx, work.at());
            let purposes = [Purpose::ResetPassword, Purpose::Invitation];
            let owner = rows::take_token(tx, &purposes, token, now).await?;
            let owner = owner.ok_or_else(|| Error::field("/token", "token"))?;
            rows::set_password(tx, owner, hash, now).await?;
            Ok(rows::revoke_sessions(tx, owner, now).await?)
        })
    })
    .await
}

/// A session as it was written; its access token is signed once it lasts.
struct Begun {
    account: AccountId,
    family: SessionId,
    refresh_token: String,
}

async fn begin_session(work: &Work<'_>, account: AccountId, family: Option<SessionId>) -> Result<Begun> {
    let secret = tokens::secret().map_err(Error::internal)?;
    let now = work.at();
    let id: SessionId = work.id();
    let family = family.unwrap_or(id);
    let expires_at = now.checked_add(REFRESH_LIFETIME).map_err(Error::internal)?;
    let session = Session { id, account, family, expires_at, rotated_at: None, revoked_at: None };
    rows::insert_session(work.tx, &session, &secret.hash, now).await?;
    Ok(Begun { account, family, refresh_token: secret.token })
}

fn signed_in(app: &Arrival, begun: Begun) -> Result<SignedIn> {
    let Begun { account, family, refresh_token } = begun;
    let access_token = app.keys.sign(account.uuid(), family.uuid(), app.at).map_err(Error::internal)?;
    Ok(SignedIn { access_token, refresh_token, expires_in: ACCESS_LIFETIME.as_secs() })
}

/// Signs in with an address and a password.
///
/// # Errors
/// `sign-in` for a wrong pair (it does not tell which), `confirm-email` when the address was not confirmed yet,
/// `too-many-sign-ins` after a series of wrong pairs.
pub async fn sign_in(app: &Arrival, email: &str, password: &str, from: Option<IpAddr>) -> Result<SignedIn> {
    let refused = || Error::new(Kind::SignInFirst, "sign-in");
    let email = Email::parse(email).ok();
    app.attempts.count(Tried::SignIn, email.as_ref(), from, app.at)?;
    let account = match &email {
        Some(email) => rows::find_by_email(app.database.read(), email).await?,
        None => None,
    };
    let hash = account.as_ref().filter(|a| a.disabled_at.is_none()).and_then(|a| a.password_hash.clone());
    let password = password.to_owned();
    let fits = tokio::task::spawn_blocking(move || tokens::password_fits(&password, hash.as_deref()))
        .await
        .map_err(Error::internal)?;
    let account = account.filter(|_| fits).ok_or_else(refused)?;
    app.attempts.succeeded(Tried::SignIn, email.as_ref(), from);
    if account.email_confirmed_at.is_none() {
        return Err(Error::new(Kind::Forbidden, "confirm-email"));
    }
    let begun = app
        .write(None, account.id, |work, &account| Box::pin(async move { begin_session(work, account, None).await }))
        .await?;
    signed_in(app, begun)
}

/// Exchanges a refresh token. One that was used already ends its whole sign-in: somebody else has it.
pub async fn refresh(app: &Arrival, token: &str) -> Result<SignedIn> {
    let begun = app
        .write(None, tokens::hash_token(token), |work, hash| {
            Box::pin(async move {
                let (tx, now) = (work.tx, work.at());
                let Some(session) = rows::find_session(tx.read(), hash).await? else { return Ok(None) };
                if session.revoked_at.is_some() || session.expires_at <= now {
                    return Ok(None);
                }
                let used_at = match session.rotated_at {
                    None if !rows::rotate_session(tx, session.id, now).await? => Some(now),
                    other => other,
                };
                // Two windows of one browser may both be the first; anything later is somebody else.
                if used_at.is_some_and(|at| now.duration_since(at) > REUSE_GRACE) {
                    // Refused outside: an error here would undo it.
                    rows::revoke_family(tx, session.family, now).await?;
                    return Ok(None);
                }
                Ok(Some(begin_session(work, session.account, Some(session.family)).await?))
            })
        })
        .await?;
    signed_in(app, begun.ok_or_else(|| Error::new(Kind::SignInFirst, "sign-in-first"))?)
}

/// Ends a sign-in: its access tokens stop working at once.
pub async fn sign_out(app: &Arrival, family: SessionId) -> Result<()> {
    app.write(None, family, |work, &family| {
        Box::pin(async move { Ok(rows::revoke_family(work.tx, family, work.at()).await?) })
    })
    .await
}

/// Whom an access token stands for; `None` when it is not good, was signed out, or the account was shut.
pub async fn authenticate(app: &Arrival, token: &str) -> Result<Option<Signed>> {
    let Some(claims) = app.keys.verify(token, app.at) else { return Ok(None) };
    let (account, family): (AccountId, SessionId) = (claims.sub.into(), claims.fam.into());
    if !rows::family_stands(app.database.read(), family).await? {
        return Ok(None);
    }
    let found = rows::actor(app.database.read(), account).await?;
    Ok(found.map(|(account, actor)| Signed { account, actor, family }))
}

/// What decides about access for an account: how the demonstration acts in its people's names.
pub async fn actor(app: &Arrival, account: AccountId) -> Result<Actor> {
    let found = rows::actor(app.database.read(), account).await?;
    Ok(found.ok_or_else(Error::not_found)?.1)
}

/// One's own account.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Me {
    /// Its id.
    pub id: Uuid,
    /// First and last name.
    pub name: String,
    /// The address.
    pub email: String,
    /// `applicant`, `juror`, `officer`, `administrator`: those that apply.
    pub roles: Vec<&'static str>,
    /// Organisations one belongs to.
    pub organisations: Vec<crate::organisations::OrganisationView>,
    /// Seats in juries.
    pub seats: Vec<MySeat>,
    /// Codes of the calls one runs.
    pub officer_of: Vec<String>,
}

/// A seat of one's own.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MySeat {
    /// Its id.
    pub id: Uuid,
    /// The call's code.
    pub call: String,
    /// Whether conflicts were declared.
    pub declared: bool,
    /// Whether one presides.
    pub chair: bool,
}

/// Reads one's own account.
pub async fn show_me(app: &Arrival, signed: &Signed) -> Result<Me> {
    let conn = app.database.read();
    let organisations = ami_database::organisations::of_account(conn, signed.account.id).await?;
    let calls = if signed.actor.seats.is_empty() && signed.actor.officer_of.is_empty() {
        Vec::new()
    } else {
        ami_database::calls::all(conn).await?
    };
    let seats: Vec<MySeat> = calls
        .iter()
        .filter_map(|c| signed.actor.seats.get(&c.id).map(|s| (c, s)))
        .map(|(c, s)| MySeat { id: s.id.uuid(), call: c.definition.code.clone(), declared: s.declared, chair: s.chair })
        .collect();
    let officer_of: Vec<String> =
        calls.iter().filter(|c| signed.actor.officer_of.contains(&c.id)).map(|c| c.definition.code.clone()).collect();
    let mut roles = Vec::new();
    if !organisations.is_empty() {
        roles.push("applicant");
    }
    if !seats.is_empty() {
        roles.push("juror");
    }
    if !officer_of.is_empty() {
        roles.push("officer");
    }
    if signed.account.administrator {
        roles.push("administrator");
    }
    Ok(Me {
        id: signed.account.id.uuid(),
        name: signed.account.name.clone(),
        email: signed.account.email.to_string(),
        roles,
        organisations: organisations.into_iter().map(Into::into).collect(),
        seats,
        officer_of,
    })
}
