//! Who may create calls, and who runs which: an administrator names officers, who invite others to their calls. Nobody runs a call
//! before they accept, and a call always has an owner.

use ami_database::calls::Call;
use ami_database::officers::{self as rows, OfficerInvitation};
use ami_database::{accounts, calls};
use ami_domain::ids::{AccountId, OfficerInvitationId};
use ami_domain::policy::{Action, Denial, OfficerRole, Permit, Subject, acts, decide, permit};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::accounts::{Invited, check_name, invite, read_email};
use crate::members::MemberInput;
use crate::{Actor, Arrival, Error, Kind, Result, Work};

/// Somebody who may create calls.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NamedOfficer {
    /// The account's id.
    pub id: Uuid,
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: String,
}

/// Somebody who runs a call, or is invited to.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OfficerView {
    /// The account's id; of somebody who has not accepted, that of the invitation.
    pub id: Uuid,
    /// Their name; of somebody who is invited, as it was typed.
    pub name: String,
    /// Their address, likewise.
    pub email: String,
    /// What they may do.
    #[schema(value_type = String)]
    pub role: OfficerRole,
    /// `officer`, or `invited`: has not accepted.
    pub state: &'static str,
}

/// Whom to invite to run a call.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct OfficerInput {
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: String,
    /// `owner`, `editor` or `reader`.
    #[schema(value_type = String)]
    pub role: OfficerRole,
}

/// An invitation of one's own to run a call.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CallInvitationView {
    /// Its id.
    pub id: Uuid,
    /// The call's code.
    pub call: String,
    /// The call's title.
    pub title: String,
    /// What one would be.
    #[schema(value_type = String)]
    pub role: OfficerRole,
    /// Since when.
    #[schema(value_type = String)]
    pub since: Timestamp,
}

/// Those who may create calls.
pub async fn list_named(app: &Arrival, who: Option<&Actor>) -> Result<Vec<NamedOfficer>> {
    decide(Action::NameOfficers, who, &Subject::default())?;
    let named = rows::named(app.database.read()).await?;
    Ok(named.into_iter().map(|(id, name, email)| NamedOfficer { id: id.uuid(), name, email }).collect())
}

/// Names somebody an officer: they may create calls. Whoever has no account is invited to make one. It opens no call that there is.
pub async fn name_officer(app: &Arrival, who: Option<&Actor>, input: &MemberInput) -> Result<Vec<NamedOfficer>> {
    app.write_once(who, input.clone(), |work, input| {
        Box::pin(async move {
            let permit = permit::<acts::NameOfficers>(work.who(), &Subject::default())?;
            let account = invited(work, input, "officer_named", "officer_named_known", "", "/gestion").await?;
            rows::set_officer(work.tx, &permit, account, true).await?;
            let subject = ("account", account.to_string());
            Ok(work.record(None, Some(permit.by()), Action::NameOfficers, subject, json!({ "officer": true })).await?)
        })
    })
    .await?;
    list_named(app, who).await
}

/// The same, as the installation's own command line does.
pub async fn add_officer(app: &Arrival, email: &str, name: &str) -> Result<()> {
    let input = MemberInput { name: name.to_owned(), email: email.to_owned() };
    app.write(None, input, |work, input| {
        Box::pin(async move {
            let account = invited(work, input, "officer_named", "officer_named_known", "", "/gestion").await?;
            rows::set_officer_by_operator(work.tx, account).await?;
            let subject = ("account", account.to_string());
            Ok(work.record(None, None, Action::NameOfficers, subject, json!({ "officer": true })).await?)
        })
    })
    .await
}

/// Takes it back: the person creates no more calls, and still runs those that they run.
pub async fn unname_officer(app: &Arrival, who: Option<&Actor>, account: AccountId) -> Result<()> {
    app.write(who, account, |work, &account| {
        Box::pin(async move {
            let permit = permit::<acts::NameOfficers>(work.who(), &Subject::default())?;
            if !rows::named(work.tx.read()).await?.iter().any(|(id, ..)| *id == account) {
                return Err(Error::not_found());
            }
            rows::set_officer(work.tx, &permit, account, false).await?;
            let subject = ("account", account.to_string());
            Ok(work.record(None, Some(permit.by()), Action::NameOfficers, subject, json!({ "officer": false })).await?)
        })
    })
    .await
}

async fn invited(
    work: &Work<'_>,
    input: &MemberInput,
    newcomer: &str,
    known: &str,
    about: &str,
    path: &str,
) -> Result<AccountId> {
    let email = read_email(&input.email).map_err(|p| Error::invalid(vec![p]))?;
    let name = check_name(&input.name).map_err(|p| Error::invalid(vec![p]))?;
    invite(work, &email, &name, &Invited { newcomer, known, about, path }).await
}

/// Who runs a call, and who is invited to.
pub async fn list_officers(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<Vec<OfficerView>> {
    let conn = app.database.read();
    let call = app.call(code).await?;
    decide(Action::ListOfficers, who, &Subject::call(call.facts(app.at)))?;
    let officers = rows::of_call(conn, call.id).await?;
    let people = accounts::names(conn, &officers.iter().map(|o| o.account).collect()).await?;
    let mut all: Vec<OfficerView> = officers
        .into_iter()
        .filter_map(|o| {
            let (name, email) = people.get(&o.account).cloned()?;
            Some(OfficerView { id: o.account.uuid(), name, email, role: o.role, state: "officer" })
        })
        .collect();
    all.extend(rows::invitations_to(conn, call.id).await?.into_iter().map(|i| OfficerView {
        id: i.id.uuid(),
        name: i.name,
        email: i.email.to_string(),
        role: i.role,
        state: "invited",
    }));
    Ok(all)
}

/// The call, with its officers kept from other writers, and the permit to manage them. Who asks may have lost their role while it
/// waited: they are asked about once more.
async fn hold(work: &Work<'_>, code: &str) -> Result<(Call, Permit<acts::ManageOfficers>)> {
    let call = calls::find_by_code_for_update(work.tx, code).await?.ok_or_else(Error::not_found)?;
    let subject = Subject::call(call.facts(work.at()));
    let asker = permit::<acts::ManageOfficers>(work.who(), &subject)?.by();
    let who = accounts::actor(work.tx.read(), asker).await?.map(|(_, actor)| actor);
    let permit = permit::<acts::ManageOfficers>(who.as_ref(), &subject)?;
    Ok((call, permit))
}

async fn record(work: &Work<'_>, call: &Call, by: AccountId, action: Action, details: serde_json::Value) -> Result<()> {
    let subject = ("call", call.definition.code.clone());
    Ok(work.record(Some(call.id), Some(by), action, subject, details).await?)
}

/// Invites somebody to run a call, who does once they accept.
///
/// # Errors
/// `officer-exists` or `invitation-exists` when they do, or were invited, already.
pub async fn invite_officer(app: &Arrival, who: Option<&Actor>, code: &str, input: &OfficerInput) -> Result<()> {
    app.write_once(who, (code.to_owned(), input.clone()), |work, (code, input)| {
        Box::pin(async move {
            let (call, permit) = hold(work, code).await?;
            let person = MemberInput { name: input.name.clone(), email: input.email.clone() };
            let title = &call.definition.title;
            let account = invited(work, &person, "officer_invitation", "officer_invited", title, "/espace").await?;
            if rows::of_call(work.tx.read(), call.id).await?.iter().any(|o| o.account == account) {
                return Err(Error::new(Kind::Conflict, "officer-exists"));
            }
            let new = OfficerInvitation {
                id: work.id(),
                call: call.id,
                account,
                role: input.role,
                name: check_name(&input.name).map_err(|p| Error::invalid(vec![p]))?,
                email: read_email(&input.email).map_err(|p| Error::invalid(vec![p]))?,
                created_at: work.at(),
                created_by: permit.by(),
            };
            rows::insert_invitation(work.tx, &permit, &new).await?;
            let details = json!({ "invited": account, "role": input.role });
            record(work, &call, permit.by(), Action::ManageOfficers, details).await
        })
    })
    .await
}

/// A call keeps an owner: who would be the last may not go, nor be less.
async fn keep_an_owner(work: &Work<'_>, call: &Call) -> Result<()> {
    let left = rows::of_call(work.tx.read(), call.id).await?;
    if left.iter().any(|o| o.role == OfficerRole::Owner) {
        return Ok(());
    }
    Err(Error::new(Kind::Conflict, "last-owner"))
}

/// Gives an officer another role.
///
/// # Errors
/// `last-owner` when nobody would own the call.
pub async fn change_role(
    app: &Arrival,
    who: Option<&Actor>,
    code: &str,
    account: AccountId,
    role: OfficerRole,
) -> Result<()> {
    app.write(who, (code.to_owned(), account, role), |work, (code, account, role)| {
        Box::pin(async move {
            let (call, permit) = hold(work, code).await?;
            if !rows::set_role(work.tx, &permit, *account, *role).await? {
                return Err(Error::not_found());
            }
            keep_an_owner(work, &call).await?;
            let details = json!({ "changed": account, "role": role });
            record(work, &call, permit.by(), Action::ManageOfficers, details).await
        })
    })
    .await
}

/// Takes an officer away, or an invitation back, by its id. Whoever names themselves leaves, whatever their role.
///
/// # Errors
/// `last-owner` when nobody would own the call.
pub async fn remove_officer(app: &Arrival, who: Option<&Actor>, code: &str, whom: Uuid) -> Result<()> {
    if who.is_some_and(|actor| actor.account.uuid() == whom) {
        return leave_call(app, who, code).await;
    }
    app.write(who, (code.to_owned(), whom), |work, (code, whom)| {
        Box::pin(async move {
            let (call, permit) = hold(work, code).await?;
            let open = rows::find_invitation(work.tx, (*whom).into()).await?.filter(|i| i.call == call.id);
            if let Some(open) = open {
                rows::close_invitation(work.tx, open.id, "withdrawn", work.at()).await?;
                let details = json!({ "not-invited": open.account });
                return record(work, &call, permit.by(), Action::ManageOfficers, details).await;
            }
            let account: AccountId = (*whom).into();
            if !rows::delete_officer(work.tx, &permit, account).await? {
                return Err(Error::not_found());
            }
            keep_an_owner(work, &call).await?;
            record(work, &call, permit.by(), Action::ManageOfficers, json!({ "removed": account })).await
        })
    })
    .await
}

/// Runs a call no longer.
///
/// # Errors
/// `last-owner`: hand the call over first.
pub async fn leave_call(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<()> {
    app.write(who, code.to_owned(), |work, code| {
        Box::pin(async move {
            let call = calls::find_by_code_for_update(work.tx, code).await?.ok_or_else(Error::not_found)?;
            let permit = permit::<acts::LeaveCall>(work.who(), &Subject::call(call.facts(work.at())))?;
            if !rows::leave(work.tx, &permit).await? {
                return Err(Error::not_found());
            }
            keep_an_owner(work, &call).await?;
            record(work, &call, permit.by(), Action::LeaveCall, json!({})).await
        })
    })
    .await
}

/// One's own invitations to run calls, the oldest first.
pub async fn list_call_invitations(app: &Arrival, who: Option<&Actor>) -> Result<Vec<CallInvitationView>> {
    let actor = who.ok_or(Denial::SignInFirst)?;
    decide(Action::JoinCall, who, &Subject::account(actor.account))?;
    let conn = app.database.read();
    let mut all = Vec::new();
    for open in rows::invitations_of(conn, actor.account).await? {
        let call = calls::find(conn, open.call).await?.ok_or_else(Error::not_found)?;
        all.push(CallInvitationView {
            id: open.id.uuid(),
            call: call.definition.code.clone(),
            title: call.definition.title.clone(),
            role: open.role,
            since: open.created_at,
        });
    }
    Ok(all)
}

/// Answers an invitation of one's own to run a call.
pub async fn answer_invitation(
    app: &Arrival,
    who: Option<&Actor>,
    id: OfficerInvitationId,
    accepts: bool,
) -> Result<()> {
    app.write_once(who, (id, accepts), |work, &(id, accepts)| {
        Box::pin(async move {
            work.who().ok_or(Denial::SignInFirst)?;
            let open = rows::find_invitation(work.tx, id).await?.ok_or_else(Error::not_found)?;
            let permit = permit::<acts::JoinCall>(work.who(), &Subject::account(open.account))?;
            let call = calls::find(work.tx.read(), open.call).await?.ok_or_else(Error::not_found)?;
            let outcome = if accepts { "accepted" } else { "declined" };
            rows::close_invitation(work.tx, id, outcome, work.at()).await?;
            if accepts {
                rows::join(work.tx, &permit, &open, work.at()).await?;
            }
            let details = json!({ "outcome": outcome, "role": open.role });
            record(work, &call, permit.by(), Action::JoinCall, details).await
        })
    })
    .await
}
