//! The way in and out: a password begins a sign-in, its refresh tokens keep it, its end ends every token that names it.

use ami_database::accounts::{self as rows, Account};
use ami_database::links::{self, Purpose};
use ami_database::sign_ins::{self, SignIn};
use ami_domain::identifiers::Email;
use ami_domain::ids::{AccountId, SignInId};
use jiff::SignedDuration;
use serde::Serialize;
use utoipa::ToSchema;

use super::links::{browser_of, send_link};
use crate::attempts::{self, Asker, Tries};
use crate::tokens::{self, ACCESS_LIFETIME, REFRESH_LIFETIME};
use crate::{Actor, Arrival, Error, Kind, Result, Work};

/// How long the refresh token before the current one is still taken: another window was faster, or its answer was lost.
const REUSE_GRACE: SignedDuration = SignedDuration::from_secs(30);

/// The tokens of a sign-in.
#[derive(Clone, Serialize, ToSchema)]
pub struct SignedIn {
    /// JWT for `Authorization: Bearer`.
    pub access_token: String,
    /// Opaque; good once.
    pub refresh_token: String,
    /// Seconds for which the access token is good.
    pub expires_in: i64,
    /// What the browser shows from now on to be known; for its cookie alone.
    #[serde(skip)]
    pub browser: Option<String>,
}

impl std::fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignedIn").finish_non_exhaustive()
    }
}

/// A signed-in person.
#[derive(Debug, Clone)]
pub struct Signed {
    /// The account.
    pub account: Account,
    /// What decides about access.
    pub actor: Actor,
    /// The sign-in.
    pub sign_in: SignInId,
}

/// A sign-in as it was written; its access token is signed once it lasts.
struct Begun {
    account: AccountId,
    sign_in: SignInId,
    refresh_token: String,
}

async fn begin(work: &Work<'_>, account: AccountId) -> Result<Begun> {
    let id: SignInId = work.id();
    let refresh_token = tokens::first_refresh(id.uuid()).map_err(Error::internal)?;
    let sign_in = SignIn {
        id,
        account,
        expires_at: work.at().checked_add(REFRESH_LIFETIME).map_err(Error::internal)?,
        revoked_at: None,
        refresh_hash: tokens::hash_token(&refresh_token),
        previous_hash: None,
        salt: None,
        refreshed_at: work.at(),
    };
    sign_ins::insert_sign_in(work.tx, &sign_in).await?;
    Ok(Begun { account, sign_in: id, refresh_token })
}

fn signed_in(app: &Arrival, begun: Begun) -> Result<SignedIn> {
    let Begun { account, sign_in, refresh_token } = begun;
    let access_token = app.keys.sign(account.uuid(), sign_in.uuid(), app.at).map_err(Error::internal)?;
    Ok(SignedIn { access_token, refresh_token, expires_in: ACCESS_LIFETIME.as_secs(), browser: None })
}

fn refused() -> Error {
    Error::new(Kind::SignInFirst, "sign-in")
}

/// Signs in with an address and a password. The password is compared before the write, which looks whether it still is the one.
///
/// # Errors
/// `sign-in` for a wrong pair (it does not tell which), `confirm-email` when the address was not confirmed yet,
/// `too-many-sign-ins` after a hundred wrong passwords in an hour, or thirty from one address in a quarter: a browser that signed
/// in before, and a new password, pass all the same.
pub async fn sign_in(app: &Arrival, email: &str, password: &str, asker: &Asker) -> Result<SignedIn> {
    let email = Email::parse(email).ok();
    let known = asker.browser.as_ref().and_then(|token| app.keys.verify_browser(token, app.at));
    let conn = app.database.read();
    if known.is_none() {
        // An address that is held up does not even wait for a core.
        Tries::of(None, asker.address, None).check(conn, app.at).await?;
    }
    // Whoever waits for a core holds nothing, and what failed meanwhile is counted.
    let turn = app.passwords.turn().await?;
    let account = match &email {
        Some(email) => rows::find_by_email(conn, email).await?.filter(|a| a.disabled_at.is_none()),
        None => None,
    };
    let known = known.filter(|b| account.as_ref().is_some_and(|a| a.id.uuid() == b.known_to)).map(|b| b.browser);
    let tries = Tries::of(email.as_ref(), asker.address, known.map(|b| b.to_string()).as_deref());
    tries.check(conn, app.at).await?;
    let hash = match &account {
        Some(account) => hash_of(app, account).await?,
        None => None,
    };
    if !turn.fits(password, hash.clone()).await? {
        tries.wrong(app).await?;
        return Err(refused());
    }
    let account = account.ok_or_else(refused)?;
    if account.email_confirmed_at.is_none() {
        replace_expired_link(app, account.id, asker).await?;
        return Err(Error::new(Kind::Forbidden, "confirm-email"));
    }
    let begun = app
        .write(None, (account.id, hash), |work, (account, hash)| {
            Box::pin(async move {
                // Kept from whoever chooses a new password at this moment.
                let account = rows::find_for_update(work.tx, *account).await?;
                let account = account.filter(|a| a.disabled_at.is_none() && a.password_hash == *hash);
                begin(work, account.ok_or_else(refused)?.id).await
            })
        })
        .await?;
    app.note_access(begun.account, "sign-in", begun.account);
    let browser = Some(browser_of(app, begun.account, known)?);
    Ok(SignedIn { browser, ..signed_in(app, begun)? })
}

/// The password that counts: of an address that was not confirmed, the one that its link carries.
async fn hash_of(app: &Arrival, account: &Account) -> Result<Option<String>> {
    if account.email_confirmed_at.is_some() {
        return Ok(account.password_hash.clone());
    }
    let link = links::standing(app.database.read(), account.id, Purpose::ConfirmEmail).await?;
    Ok(link.and_then(|link| link.carried.password_hash))
}

/// Whoever typed the right password before confirming the address gets another link where theirs came too late.
async fn replace_expired_link(app: &Arrival, account: AccountId, asker: &Asker) -> Result<()> {
    app.write(None, (account, asker.address), |work, (account, from)| {
        Box::pin(async move {
            let Some(account) = rows::find_for_update(work.tx, *account).await? else { return Ok(()) };
            let link = links::standing(work.tx.read(), account.id, Purpose::ConfirmEmail).await?;
            if account.email_confirmed_at.is_some() || link.is_none_or(|link| link.is_good(work.at())) {
                return Ok(());
            }
            attempts::count_mail(work, &account.email, *from).await?;
            send_link(work, &account, Purpose::ConfirmEmail, "confirm_email", "").await
        })
    })
    .await
}

/// Exchanges a refresh token. The one before is taken for a while too and gets the same answer again; an older one ends the
/// sign-in: somebody else has it.
pub async fn refresh(app: &Arrival, token: &str) -> Result<SignedIn> {
    let begun = app
        .write(None, token.to_owned(), |work, token| Box::pin(async move { refresh_now(work, token).await }))
        .await?;
    signed_in(app, begun.ok_or_else(|| Error::new(Kind::SignInFirst, "sign-in-first"))?)
}

/// `None` is a refusal, which is answered outside: an error here would undo what ends the sign-in.
async fn refresh_now(work: &Work<'_>, token: &str) -> Result<Option<Begun>> {
    let (tx, now) = (work.tx, work.at());
    let hash = tokens::hash_token(token);
    let found = match tokens::sign_in_of(token) {
        Some(id) => sign_ins::find_for_update(tx, id.into()).await?,
        None => sign_ins::find_by_hash_for_update(tx, &hash).await?,
    };
    let Some(found) = found.filter(|s| s.revoked_at.is_none() && s.expires_at > now) else { return Ok(None) };
    let begun = |refresh_token| Some(Begun { account: found.account, sign_in: found.id, refresh_token });
    if found.refresh_hash == hash {
        let salt = tokens::secret().map_err(Error::internal)?.token;
        let next = tokens::next_refresh(found.id.uuid(), &salt, token);
        let refreshed = SignIn {
            expires_at: now.checked_add(REFRESH_LIFETIME).map_err(Error::internal)?,
            refresh_hash: tokens::hash_token(&next),
            previous_hash: Some(hash),
            salt: Some(salt),
            refreshed_at: now,
            ..found.clone()
        };
        sign_ins::save_refreshed(tx, &refreshed).await?;
        return Ok(begun(next));
    }
    if found.previous_hash.as_ref() == Some(&hash)
        && now.duration_since(found.refreshed_at) <= REUSE_GRACE
        && let Some(salt) = &found.salt
    {
        return Ok(begun(tokens::next_refresh(found.id.uuid(), salt, token)));
    }
    sign_ins::revoke(tx, found.id, now).await?;
    Ok(None)
}

/// Ends a sign-in: its access tokens stop working at once.
pub async fn sign_out(app: &Arrival, sign_in: SignInId) -> Result<()> {
    app.write(None, sign_in, |work, &sign_in| {
        Box::pin(async move { Ok(sign_ins::revoke(work.tx, sign_in, work.at()).await?) })
    })
    .await
}

/// Whom an access token stands for; `None` when it is not good, was signed out, or the account was shut.
pub async fn authenticate(app: &Arrival, token: &str) -> Result<Option<Signed>> {
    let Some(claims) = app.keys.verify(token, app.at) else { return Ok(None) };
    let (account, sign_in): (AccountId, SignInId) = (claims.sub.into(), claims.fam.into());
    let found = rows::signed_in_actor(app.database.read(), account, sign_in).await?;
    Ok(found.map(|(account, actor)| Signed { account, actor, sign_in }))
}
