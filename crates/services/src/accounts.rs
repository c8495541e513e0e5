//! Accounts: signing up and in, confirming an address, choosing a password.

use std::net::IpAddr;

use ami_database::accounts::{self as rows, Account, Purpose, Session};
use ami_database::{Constraint, DatabaseError, Tx};
use ami_domain::identifiers::Email;
use ami_domain::ids::{AccountId, SessionId};
use ami_domain::text;
use jiff::SignedDuration;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::attempts::Tried;
use crate::tokens::{self, ACCESS_LIFETIME, REFRESH_LIFETIME};
use crate::{Actor, App, Error, Kind, Problem, Result, outbox};

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
pub async fn sign_up(app: &App, email: &str, name: &str, password: &str, from: Option<IpAddr>) -> Result<()> {
    let mut problems = Vec::new();
    let email = read_email(email).map_err(|p| problems.push(p)).ok();
    let name = check_name(name).map_err(|p| problems.push(p)).ok();
    if let Err(problem) = check_password(password, "/password") {
        problems.push(problem);
    }
    let (Some(email), Some(name), true) = (email, name, problems.is_empty()) else {
        return Err(Error::invalid(problems));
    };
    let now = app.clock.now();
    app.attempts.count(Tried::Mail, Some(&email), from, now)?;
    let hash = hashed(password).await?;
    let account = Account {
        id: app.id(),
        email: email.clone(),
        name,
        password_hash: Some(hash),
        email_confirmed_at: (!app.settings.confirm_email).then_some(now),
        administrator: false,
        created_at: now,
        disabled_at: None,
    };
    let tx = app.database.write().await?;
    match rows::insert_account(&tx, &account).await {
        Ok(()) => {
            if app.settings.confirm_email {
                send_link(app, &tx, &account, Purpose::ConfirmEmail, "confirm_email", "").await?;
            }
            tx.commit().await?;
        }
        Err(DatabaseError::Constraint(Constraint::AccountEmail)) => {
            drop(tx);
            let tx = app.database.write().await?;
            let mail = app.views.mail("account_exists", &serde_json::json!({ "url": app.url("/connexion") }))?;
            outbox::enqueue(app, &tx, email.as_str(), mail, vec![]).await?;
            tx.commit().await?;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// Sends a message with a link that can be used once; `about` is what it tells of besides.
async fn send_link(app: &App, tx: &Tx, account: &Account, purpose: Purpose, template: &str, about: &str) -> Result<()> {
    let secret = tokens::secret().map_err(Error::internal)?;
    let now = app.clock.now();
    let (path, hours) = match purpose {
        Purpose::ConfirmEmail => ("/compte/confirmation", 48),
        Purpose::ResetPassword => ("/compte/mot-de-passe", 2),
        Purpose::Invitation => ("/compte/mot-de-passe", 24 * 30),
    };
    let expires = now.checked_add(SignedDuration::from_hours(hours)).map_err(Error::internal)?;
    rows::insert_token(tx, app.id(), account.id, purpose, &secret.hash, now, expires).await?;
    let url = app.url(&format!("{path}?jeton={}", secret.token));
    let context = serde_json::json!({
        "name": account.name, "url": url, "expires": ami_views::date_time(expires), "about": about,
    });
    let mail = app.views.mail(template, &context)?;
    outbox::enqueue(app, tx, account.email.as_str(), mail, vec![]).await
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
pub(crate) async fn invite(app: &App, tx: &Tx, email: &Email, name: &str, to: &Invited<'_>) -> Result<AccountId> {
    if let Some(account) = rows::find_by_email(tx.read(), email).await? {
        // Whoever was invited before and has not chosen a password yet needs a link that works.
        if account.password_hash.is_none() {
            send_link(app, tx, &account, Purpose::Invitation, to.newcomer, to.about).await?;
        } else {
            let context = serde_json::json!({ "name": account.name, "url": app.url(to.path), "about": to.about });
            let mail = app.views.mail(to.known, &context)?;
            outbox::enqueue(app, tx, account.email.as_str(), mail, vec![]).await?;
        }
        return Ok(account.id);
    }
    let account = Account {
        id: app.id(),
        email: email.clone(),
        name: check_name(name).map_err(|p| Error::invalid(vec![p]))?,
        password_hash: None,
        email_confirmed_at: None,
        administrator: false,
        created_at: app.clock.now(),
        disabled_at: None,
    };
    rows::insert_account(tx, &account).await?;
    send_link(app, tx, &account, Purpose::Invitation, to.newcomer, to.about).await?;
    Ok(account.id)
}

/// Makes an account at once, as the installation's own command line does.
pub async fn create_account(
    app: &App,
    email: &str,
    name: &str,
    password: &str,
    administrator: bool,
) -> Result<AccountId> {
    let email = read_email(email).map_err(|p| Error::invalid(vec![p]))?;
    let name = check_name(name).map_err(|p| Error::invalid(vec![p]))?;
    check_password(password, "/password").map_err(|p| Error::invalid(vec![p]))?;
    let now = app.clock.now();
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
    let tx = app.database.write().await?;
    rows::insert_account(&tx, &account).await?;
    tx.commit().await?;
    Ok(account.id)
}

/// Confirms an address with the token that was sent there.
pub async fn confirm_email(app: &App, token: &str) -> Result<()> {
    let tx = app.database.write().await?;
    let now = app.clock.now();
    let owner = rows::take_token(&tx, &[Purpose::ConfirmEmail], &tokens::hash_token(token), now).await?;
    let owner = owner.ok_or_else(|| Error::field("/token", "token"))?;
    rows::confirm_email(&tx, owner, now).await?;
    tx.commit().await?;
    Ok(())
}

/// Sends a link to choose another password; the answer does not tell whether there is an account.
pub async fn request_password_reset(app: &App, email: &str, from: Option<IpAddr>) -> Result<()> {
    let email = read_email(email).map_err(|p| Error::invalid(vec![p]))?;
    app.attempts.count(Tried::Mail, Some(&email), from, app.clock.now())?;
    let Some(account) = rows::find_by_email(app.database.read(), &email).await? else { return Ok(()) };
    let tx = app.database.write().await?;
    send_link(app, &tx, &account, Purpose::ResetPassword, "reset_password", "").await?;
    tx.commit().await?;
    Ok(())
}

/// Whether a link to choose a password is still good.
pub async fn password_token_is_good(app: &App, token: &str) -> Result<bool> {
    let purposes = [Purpose::ResetPassword, Purpose::Invitation];
    let hash = tokens::hash_token(token);
    Ok(rows::token_owner(app.database.read(), &purposes, &hash, app.clock.now()).await?.is_some())
}

/// Sets a password with a token, and ends every session of the account.
pub async fn choose_password(app: &App, token: &str, password: &str) -> Result<()> {
    check_password(password, "/password").map_err(|p| Error::invalid(vec![p]))?;
    let hash = hashed(password).await?;
    let tx = app.database.write().await?;
    let now = app.clock.now();
    let purposes = [Purpose::ResetPassword, Purpose::Invitation];
    let owner = rows::take_token(&tx, &purposes, &tokens::hash_token(token), now).await?;
    let owner = owner.ok_or_else(|| Error::field("/token", "token"))?;
    rows::set_password(&tx, owner, &hash, now).await?;
    rows::revoke_sessions(&tx, owner, now).await?;
    tx.commit().await?;
    Ok(())
}

async fn begin_session(app: &App, tx: &Tx, account: AccountId, family: Option<SessionId>) -> Result<SignedIn> {
    let secret = tokens::secret().map_err(Error::internal)?;
    let now = app.clock.now();
    let id: SessionId = app.id();
    let family = family.unwrap_or(id);
    let expires_at = now.checked_add(REFRESH_LIFETIME).map_err(Error::internal)?;
    let session = Session { id, account, family, expires_at, rotated_at: None, revoked_at: None };
    rows::insert_session(tx, &session, &secret.hash, now).await?;
    let access_token = app.keys.sign(account.uuid(), family.uuid(), now).map_err(Error::internal)?;
    Ok(SignedIn { access_token, refresh_token: secret.token, expires_in: ACCESS_LIFETIME.as_secs() })
}

/// Signs in with an address and a password.
///
/// # Errors
/// `sign-in` for a wrong pair (it does not tell which), `confirm-email` when the address was not confirmed yet,
/// `too-many-sign-ins` after a series of wrong pairs.
pub async fn sign_in(app: &App, email: &str, password: &str, from: Option<IpAddr>) -> Result<SignedIn> {
    let refused = || Error::new(Kind::SignInFirst, "sign-in");
    let email = Email::parse(email).ok();
    app.attempts.count(Tried::SignIn, email.as_ref(), from, app.clock.now())?;
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
    let tx = app.database.write().await?;
    let signed = begin_session(app, &tx, account.id, None).await?;
    tx.commit().await?;
    Ok(signed)
}

/// Exchanges a refresh token. One that was used already ends its whole sign-in: somebody else has it.
pub async fn refresh(app: &App, token: &str) -> Result<SignedIn> {
    let refused = || Error::new(Kind::SignInFirst, "sign-in-first");
    let tx = app.database.write().await?;
    let now = app.clock.now();
    let session = rows::find_session(tx.read(), &tokens::hash_token(token)).await?.ok_or_else(refused)?;
    if session.revoked_at.is_some() || session.expires_at <= now {
        return Err(refused());
    }
    let used_at = match session.rotated_at {
        None if !rows::rotate_session(&tx, session.id, now).await? => Some(now),
        other => other,
    };
    // Two windows of one browser may both be the first; anything later is somebody else.
    if used_at.is_some_and(|at| now.duration_since(at) > REUSE_GRACE) {
        rows::revoke_family(&tx, session.family, now).await?;
        tx.commit().await?;
        return Err(refused());
    }
    let signed = begin_session(app, &tx, session.account, Some(session.family)).await?;
    tx.commit().await?;
    Ok(signed)
}

/// Ends a sign-in: its access tokens stop working at once.
pub async fn sign_out(app: &App, family: SessionId) -> Result<()> {
    let tx = app.database.write().await?;
    rows::revoke_family(&tx, family, app.clock.now()).await?;
    tx.commit().await?;
    Ok(())
}

/// Whom an access token stands for; `None` when it is not good, was signed out, or the account was shut.
pub async fn authenticate(app: &App, token: &str) -> Result<Option<Signed>> {
    let Some(claims) = app.keys.verify(token, app.clock.now()) else { return Ok(None) };
    let (account, family): (AccountId, SessionId) = (claims.sub.into(), claims.fam.into());
    if !rows::family_stands(app.database.read(), family).await? {
        return Ok(None);
    }
    let found = rows::actor(app.database.read(), account).await?;
    Ok(found.map(|(account, actor)| Signed { account, actor, family }))
}

/// What decides about access for an account: how the demonstration acts in its people's names.
pub async fn actor(app: &App, account: AccountId) -> Result<Actor> {
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
pub async fn show_me(app: &App, signed: &Signed) -> Result<Me> {
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
