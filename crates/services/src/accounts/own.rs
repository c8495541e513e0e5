//! One's own account: what people see of it, and what they change.

use ami_database::accounts::{self as rows, Account};
use ami_database::links::{Carried, Purpose};
use ami_database::sign_ins;
use ami_domain::policy::{Subject, acts, permit};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::links::{keep, send_link};
use super::sign_in::Signed;
use super::{check_name, check_password, hashed, read_email, record, tell_of_account};
use crate::attempts::{self, Tries};
use crate::{Arrival, Error, Result, Work, outbox};

/// One's own account, kept from other writers, as it is and not as it was when the request arrived.
async fn hold_own(work: &Work<'_>) -> Result<Account> {
    let who = work.who();
    let subject = who.map_or_else(Subject::default, |actor| Subject::account(actor.account));
    let permit = permit::<acts::ChangeAccount>(who, &subject)?;
    rows::find_for_update(work.tx, permit.by()).await?.ok_or_else(Error::not_found)
}

/// Changes one's own name.
pub async fn change_name(app: &Arrival, signed: &Signed, name: &str) -> Result<()> {
    let name = check_name(name).map_err(|p| Error::invalid(vec![p]))?;
    app.write(Some(&signed.actor), name, |work, name| {
        Box::pin(async move {
            let account = hold_own(work).await?;
            if account.name == *name {
                return Ok(());
            }
            rows::save_account(work.tx, &Account { name: name.clone(), ..account.clone() }).await?;
            record(work, Some(account.id), account.id, "name").await
        })
    })
    .await
}

/// Whether a password is one's own. Wrong ones count as those at the door do, for this sign-in alone.
async fn check_own_password(app: &Arrival, signed: &Signed, password: &str) -> Result<()> {
    let turn = app.passwords.turn().await?;
    let tries = Tries::of(None, None, Some(&signed.sign_in.to_string()));
    tries.check(app.database.read(), app.at).await?;
    if turn.fits(password, signed.account.password_hash.clone()).await? {
        return Ok(());
    }
    tries.wrong(app).await?;
    Err(Error::field("/current_password", "current-password"))
}

/// Chooses another password, with the current one. Every other sign-in of the account ends, and its links are void.
///
/// # Errors
/// `current-password` when that is not the current one.
pub async fn change_password(app: &Arrival, signed: &Signed, current: &str, new: &str) -> Result<()> {
    check_password(new, "/password").map_err(|p| Error::invalid(vec![p]))?;
    check_own_password(app, signed, current).await?;
    let given = (signed.account.password_hash.clone(), hashed(app, new).await?, signed.sign_in);
    app.write(Some(&signed.actor), given, |work, (was, hash, sign_in)| {
        Box::pin(async move {
            let account = hold_own(work).await?;
            if account.password_hash != *was {
                return Err(Error::field("/current_password", "current-password"));
            }
            rows::save_account(work.tx, &Account { password_hash: Some(hash.clone()), ..account.clone() }).await?;
            ami_database::links::void_all(work.tx, account.id, work.at()).await?;
            sign_ins::revoke_all(work.tx, account.id, Some(*sign_in), work.at()).await?;
            attempts::forgive(work, &account.email).await?;
            record(work, Some(account.id), account.id, "password").await
        })
    })
    .await
}

/// Asks for another address. It counts once the link that is sent there was opened; the old one is told. Whose the new one is
/// already gets a message that says so, and the answer does not tell the difference.
///
/// # Errors
/// `current-password` when that is not the current one, `email-same` when it is the address already.
pub async fn change_email(app: &Arrival, signed: &Signed, email: &str, password: &str) -> Result<()> {
    let email = read_email(email).map_err(|p| Error::invalid(vec![p]))?;
    if email == signed.account.email {
        return Err(Error::field("/email", "email-same"));
    }
    check_own_password(app, signed, password).await?;
    let given = (email, signed.account.password_hash.clone());
    app.write(Some(&signed.actor), given, |work, (email, was)| {
        Box::pin(async move {
            let account = hold_own(work).await?;
            if account.password_hash != *was {
                return Err(Error::field("/current_password", "current-password"));
            }
            attempts::count_mail(work, &account.email, None).await?;
            attempts::count_mail(work, email, None).await?;
            if rows::find_by_email(work.tx.read(), email).await?.is_some() {
                tell_of_account(work, email).await?;
            } else {
                let carried = Carried { email: Some(email.clone()), ..Carried::default() };
                keep(work, account.id, Purpose::ChangeEmail, carried).await?;
                send_link(work, &account, Purpose::ChangeEmail, "change_email", "").await?;
            }
            let context = json!({ "new": email.as_str(), "url": work.settings().url("/compte/mot-de-passe-oublie") });
            let mail = work.views().mail("email_changing", &context)?;
            outbox::enqueue(work, account.email.as_str(), mail, vec![]).await?;
            record(work, Some(account.id), account.id, "email-asked").await
        })
    })
    .await
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
    let of = signed.actor.seats.keys().chain(signed.actor.officer_of.keys()).copied();
    let calls = ami_database::calls::some(conn, of).await?;
    let seats: Vec<MySeat> = calls
        .values()
        .rev()
        .filter_map(|c| signed.actor.seats.get(&c.id).map(|s| (c, s)))
        .map(|(c, s)| MySeat { id: s.id.uuid(), call: c.definition.code.clone(), declared: s.declared, chair: s.chair })
        .collect();
    let officer_of: Vec<String> = calls
        .values()
        .rev()
        .filter(|c| signed.actor.officer_of.contains_key(&c.id))
        .map(|c| c.definition.code.clone())
        .collect();
    let mut roles = Vec::new();
    if !organisations.is_empty() {
        roles.push("applicant");
    }
    if !seats.is_empty() {
        roles.push("juror");
    }
    if !officer_of.is_empty() || signed.actor.officer {
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
