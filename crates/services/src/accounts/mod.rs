//! Accounts: signing up, being invited, and what is known of who asks. [`links`] are what is sent to an address, [`sign_in`] is
//! the way in and out, [`own`] what people see and change of their own account.

mod links;
mod own;
mod sign_in;

pub use links::{LinkState, choose_password, confirm_email, link_state, request_new_link, request_password_reset};
pub use own::{Me, MySeat, change_email, change_name, change_password, show_me};
pub use sign_in::{Signed, SignedIn, authenticate, refresh, sign_in, sign_out};

use std::net::IpAddr;
use std::time::{Duration, Instant};

use ami_database::accounts::{self as rows, Account};
use ami_database::links::{Carried, Purpose};
use ami_domain::identifiers::Email;
use ami_domain::ids::AccountId;
use ami_domain::policy::Action;
use ami_domain::text;
use serde_json::json;

use crate::{Actor, Arrival, Error, Kind, Problem, Result, Work, attempts, outbox};
use links::send_link;
pub(crate) use links::{make_link, recipient};

/// Fewest characters of a password (ANSSI's advice for one without other factors).
pub const PASSWORD_MIN: usize = 12;
/// Most characters: longer ones only cost time.
pub const PASSWORD_MAX: usize = 200;
/// Answers that must not tell whether there is an account leave at multiples of this, counted from their arrival.
const EVEN: Duration = Duration::from_millis(100);

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

pub(crate) fn check_name(name: &str) -> std::result::Result<String, Problem> {
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

/// What an account may do, for whoever runs a command in its name.
pub async fn find_actor(app: &Arrival, email: &str) -> Result<Option<Actor>> {
    let Ok(email) = Email::parse(email) else { return Ok(None) };
    let conn = app.database.read();
    let Some(account) = rows::find_by_email(conn, &email).await? else { return Ok(None) };
    Ok(rows::actor(conn, account.id).await?.map(|(_, actor)| actor))
}

async fn hashed(app: &Arrival, password: &str) -> Result<String> {
    app.passwords.turn().await?.hash(password).await
}

/// Holds an answer back until the next even moment, so that how long it took says nothing.
async fn even_out(app: &Arrival, begun: Instant) {
    let passed = begun.elapsed().as_nanos() % EVEN.as_nanos();
    let left = EVEN.as_nanos() - passed;
    app.clock.wait(Duration::from_nanos(u64::try_from(left).unwrap_or(0))).await;
}

/// Records an act of or about an account in the journal.
async fn record(work: &Work<'_>, by: Option<AccountId>, account: AccountId, what: &str) -> Result<()> {
    let subject = ("account", account.to_string());
    Ok(work.record(None, by, Action::ChangeAccount, subject, json!({ "changed": what })).await?)
}

/// Makes an account, which is good once the link that is sent to its address was opened: the password is that of the sign-up
/// whose link it was. Whoever has an account already gets a message instead, and the answer does not tell the difference. `from`
/// is the asker's network address.
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
    let begun = Instant::now();
    let hash = hashed(app, password).await?;
    app.write(None, (email, name, hash, from), |work, (email, name, hash, from)| {
        Box::pin(async move {
            attempts::count_mail(work, email, *from).await?;
            let confirm = work.settings().confirm_email;
            let account = match rows::find_by_email(work.tx.read(), email).await? {
                Some(account) if account.email_confirmed_at.is_some() => return tell_of_account(work, email).await,
                Some(account) => account,
                None => {
                    let account = Account {
                        password_hash: (!confirm).then(|| hash.clone()),
                        email_confirmed_at: (!confirm).then_some(work.at()),
                        ..new_account(work, email, name.clone())
                    };
                    rows::insert_account(work.tx, &account).await?;
                    account
                }
            };
            if !confirm {
                return Ok(());
            }
            let typed = Carried { password_hash: Some(hash.clone()), name: Some(name.clone()), email: None };
            links::keep(work, account.id, Purpose::ConfirmEmail, typed).await?;
            send_link(work, &account, Purpose::ConfirmEmail, "confirm_email", "").await
        })
    })
    .await?;
    even_out(app, begun).await;
    Ok(())
}

/// Tells an address that it has an account already.
async fn tell_of_account(work: &Work<'_>, email: &Email) -> Result<()> {
    let context = json!({ "url": work.settings().url("/connexion") });
    let mail = work.views().mail("account_exists", &context)?;
    outbox::enqueue(work, email.as_str(), mail, vec![]).await?;
    Ok(())
}

/// An account that nobody can sign in to yet.
fn new_account(work: &Work<'_>, email: &Email, name: String) -> Account {
    Account {
        id: work.id(),
        email: email.clone(),
        name,
        password_hash: None,
        email_confirmed_at: None,
        administrator: false,
        created_at: work.at(),
        disabled_at: None,
        officer: false,
    }
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
    let account = match rows::find_by_email(work.tx.read(), email).await? {
        Some(account) if account.email_confirmed_at.is_some() => {
            let context = json!({ "name": account.name, "url": work.settings().url(to.path), "about": to.about });
            let mail = work.views().mail(to.known, &context)?;
            outbox::enqueue(work, account.email.as_str(), mail, vec![]).await?;
            return Ok(account.id);
        }
        // Whoever signed up with this address, or was invited, has not shown that they read it: the link lets its reader choose
        // the password, and no earlier one counts.
        Some(account) => {
            let typed = Carried { name: check_name(name).ok(), ..Carried::default() };
            links::keep(work, account.id, Purpose::Invitation, typed).await?;
            account
        }
        None => {
            let account = new_account(work, email, check_name(name).map_err(|p| Error::invalid(vec![p]))?);
            rows::insert_account(work.tx, &account).await?;
            account
        }
    };
    send_link(work, &account, Purpose::Invitation, to.newcomer, to.about).await?;
    Ok(account.id)
}

/// Makes an account at once, as the installation's own command line does.
///
/// # Errors
/// `account-exists` when the address has one.
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
    let hash = hashed(app, password).await?;
    app.write(None, (email, name, hash, administrator), |work, (email, name, hash, administrator)| {
        Box::pin(async move {
            if rows::find_by_email(work.tx.read(), email).await?.is_some() {
                return Err(Error::new(Kind::Conflict, "account-exists"));
            }
            let account = Account {
                password_hash: Some(hash.clone()),
                email_confirmed_at: Some(work.at()),
                administrator: *administrator,
                ..new_account(work, email, name.clone())
            };
            rows::insert_account(work.tx, &account).await?;
            Ok(account.id)
        })
    })
    .await
}

/// What decides about access for an account: how the demonstration acts in its people's names.
pub async fn actor(app: &Arrival, account: AccountId) -> Result<Actor> {
    let found = rows::actor(app.database.read(), account).await?;
    found.map(|(_, actor)| actor).ok_or_else(Error::not_found)
}
