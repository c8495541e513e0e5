//! Who belongs to an organisation. Nobody does before both sides agree: a member invites and the person accepts, or the person
//! asks and a member says yes.

use ami_database::accounts;
use ami_database::invitations::{self as rows, Invitation, Outcome, Side};
use ami_database::organisations::{self, Organisation};
use ami_domain::identifiers::Siret;
use ami_domain::ids::{AccountId, InvitationId, OrganisationId};
use ami_domain::policy::{Action, Permit, Subject, acts, decide, permit};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Actor, Arrival, Error, Kind, Result, Work, attempts, outbox};

/// Somebody who may write and file an organisation's dossiers, or may come to.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MemberView {
    /// The account's id; of somebody who is no member yet, that of the invitation or of the request.
    pub id: Uuid,
    /// Their name; of somebody who is invited, as it was typed.
    pub name: String,
    /// Their address, likewise.
    pub email: String,
    /// `member`, `invited` (has not accepted) or `asks` (no member has said yes).
    pub state: &'static str,
}

/// Whom to invite.
#[derive(Debug, Clone, Default, Deserialize, Serialize, ToSchema)]
pub struct MemberInput {
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: String,
}

/// An invitation that waits for one's answer, or a request of one's own that waits for a member's.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct InvitationView {
    /// Its id.
    pub id: Uuid,
    /// `invited` or `asks`.
    pub state: &'static str,
    /// The organisation's number.
    pub siret: String,
    /// The organisation's name, for whoever is invited.
    pub organisation: Option<String>,
    /// Since when.
    #[schema(value_type = String)]
    pub since: Timestamp,
}

const fn state(side: Side) -> &'static str {
    match side {
        Side::Invited => "invited",
        Side::Asks => "asks",
    }
}

/// An organisation's members, and those who may become some, as one of them.
pub async fn list_members(app: &Arrival, who: Option<&Actor>, id: OrganisationId) -> Result<Vec<MemberView>> {
    decide(Action::ManageMembers, who, &Subject::organisation(id))?;
    let conn = app.database.read();
    let members = organisations::members(conn, id).await?;
    let people = accounts::names(conn, &members.iter().copied().collect()).await?;
    let view = |account: AccountId| {
        let (name, email) = people.get(&account).cloned()?;
        Some(MemberView { id: account.uuid(), name, email, state: "member" })
    };
    let mut all: Vec<MemberView> = members.into_iter().filter_map(view).collect();
    all.extend(rows::of_organisation(conn, id).await?.into_iter().map(|i| MemberView {
        id: i.id.uuid(),
        name: i.name,
        email: i.email.to_string(),
        state: state(i.side),
    }));
    Ok(all)
}

/// Keeps an organisation's members from other writers until the transaction ends. Who asks may have been removed while it
/// waited: they are asked about once more.
async fn hold_members(work: &Work<'_>, id: OrganisationId) -> Result<Permit<acts::ManageMembers>> {
    let subject = Subject::organisation(id);
    let asker = permit::<acts::ManageMembers>(work.who(), &subject)?.by();
    if !organisations::lock(work.tx, id).await? {
        return Err(Error::not_found());
    }
    let who = accounts::actor(work.tx.read(), asker).await?.map(|(_, actor)| actor);
    Ok(permit::<acts::ManageMembers>(who.as_ref(), &subject)?)
}

async fn record(
    work: &Work<'_>,
    by: AccountId,
    action: Action,
    id: OrganisationId,
    what: &str,
    whom: AccountId,
) -> Result<()> {
    let subject = ("organisation", id.to_string());
    Ok(work.record(None, Some(by), action, subject, json!({ what: whom })).await?)
}

/// Invites somebody, who gets a message and is a member once they accept. Whoever asked to join is one at once. Nothing in the
/// answer says whether the address has an account.
///
/// # Errors
/// `member-exists` or `invitation-exists` when they are one, or were invited, already; `too-many-invitations`.
pub async fn invite_member(
    app: &Arrival,
    who: Option<&Actor>,
    id: OrganisationId,
    input: &MemberInput,
) -> Result<Vec<MemberView>> {
    app.write_once(who, (id, input.clone()), |work, (id, input)| {
        Box::pin(async move {
            let (tx, id) = (work.tx, *id);
            let permit = hold_members(work, id).await?;
            let email = crate::accounts::read_email(&input.email).map_err(|p| Error::invalid(vec![p]))?;
            let name = crate::accounts::check_name(&input.name).map_err(|p| Error::invalid(vec![p]))?;
            attempts::count_invitation(work, permit.by(), id).await?;
            let organisation = organisations::find(tx.read(), id).await?.ok_or_else(Error::not_found)?;
            let siret = organisation.siret.to_string();
            let to = crate::accounts::Invited {
                newcomer: "member_invitation",
                known: "member_invited",
                about: &siret,
                path: "/espace",
            };
            let account = crate::accounts::invite(work, &email, &name, &to).await?;
            if organisations::members(tx.read(), id).await?.contains(&account) {
                return Err(Error::new(Kind::Conflict, "member-exists"));
            }
            if let Some(open) = rows::between(tx.read(), id, account).await? {
                if open.side == Side::Invited {
                    return Err(Error::new(Kind::Conflict, "invitation-exists"));
                }
                rows::close(tx, open.id, Outcome::Accepted, work.at()).await?;
                organisations::insert_member(tx, &permit, id, account, work.at()).await?;
                return record(work, permit.by(), Action::ManageMembers, id, "added", account).await;
            }
            let new = Invitation {
                id: work.id(),
                organisation: id,
                account,
                side: Side::Invited,
                name,
                email,
                created_at: work.at(),
                created_by: permit.by(),
            };
            rows::insert_invitation(tx, &new).await?;
            record(work, permit.by(), Action::ManageMembers, id, "invited", account).await
        })
    })
    .await?;
    list_members(app, who, id).await
}

/// Removes a member, who no longer sees the organisation's dossiers; takes an invitation back, or declines a request, by its id.
///
/// # Errors
/// `last-member` when nobody would be left to file or to be written to.
pub async fn remove_member(app: &Arrival, who: Option<&Actor>, id: OrganisationId, whom: Uuid) -> Result<()> {
    app.write(who, (id, whom), |work, &(id, whom)| {
        Box::pin(async move {
            let tx = work.tx;
            let permit = hold_members(work, id).await?;
            if let Some(open) = rows::find_for_update(tx, whom.into()).await?.filter(|i| i.organisation == id) {
                let outcome = if open.side == Side::Invited { Outcome::Withdrawn } else { Outcome::Declined };
                rows::close(tx, open.id, outcome, work.at()).await?;
                return record(work, permit.by(), Action::ManageMembers, id, "not-added", open.account).await;
            }
            let account: AccountId = whom.into();
            if !organisations::delete_member(tx, &permit, account).await? {
                return Err(Error::not_found());
            }
            if organisations::members(tx.read(), id).await?.is_empty() {
                return Err(Error::new(Kind::Conflict, "last-member"));
            }
            record(work, permit.by(), Action::ManageMembers, id, "removed", account).await
        })
    })
    .await
}

/// One's own invitations and requests that are open, the oldest first.
pub async fn list_invitations(app: &Arrival, who: Option<&Actor>) -> Result<Vec<InvitationView>> {
    let actor = who.ok_or(ami_domain::policy::Denial::SignInFirst)?;
    decide(Action::JoinOrganisation, who, &Subject::account(actor.account))?;
    let conn = app.database.read();
    let open = rows::of_account(conn, actor.account).await?;
    if open.is_empty() {
        return Ok(vec![]);
    }
    let of = organisations::some(conn, open.iter().map(|i| i.organisation)).await?;
    let view = |i: Invitation| {
        let organisation: &Organisation = of.get(&i.organisation)?;
        Some(InvitationView {
            id: i.id.uuid(),
            state: state(i.side),
            siret: organisation.siret.to_string(),
            organisation: (i.side == Side::Invited).then(|| organisation.name.clone()),
            since: i.created_at,
        })
    };
    Ok(open.into_iter().filter_map(view).collect())
}

/// An open invitation or request, with its organisation's members kept from other writers.
async fn hold(work: &Work<'_>, id: InvitationId) -> Result<Invitation> {
    let (tx, missing) = (work.tx, Error::not_found);
    let found = rows::find(tx.read(), id).await?.ok_or_else(missing)?;
    organisations::lock(tx, found.organisation).await?;
    rows::find_for_update(tx, id).await?.ok_or_else(missing)
}

/// Says yes: the person to an invitation, a member to a request.
pub async fn accept_invitation(app: &Arrival, who: Option<&Actor>, id: InvitationId) -> Result<()> {
    app.write_once(who, id, |work, &id| {
        Box::pin(async move {
            work.who().ok_or(ami_domain::policy::Denial::SignInFirst)?;
            let open = hold(work, id).await?;
            let (tx, organisation, account) = (work.tx, open.organisation, open.account);
            rows::close(tx, id, Outcome::Accepted, work.at()).await?;
            if open.side == Side::Invited {
                let permit = permit::<acts::JoinOrganisation>(work.who(), &Subject::account(account))?;
                organisations::insert_member(tx, &permit, organisation, account, work.at()).await?;
                return record(work, permit.by(), Action::JoinOrganisation, organisation, "joined", account).await;
            }
            let permit = hold_members(work, organisation).await?;
            organisations::insert_member(tx, &permit, organisation, account, work.at()).await?;
            let siret = organisations::find(tx.read(), organisation).await?.map(|o| o.siret.to_string());
            let context = json!({ "about": siret, "url": work.settings().url("/espace") });
            let mail = work.views().mail("member_added", &context)?;
            outbox::enqueue(work, open.email.as_str(), mail, vec![]).await?;
            record(work, permit.by(), Action::ManageMembers, organisation, "added", account).await
        })
    })
    .await
}

/// Says no, or takes it back: either side may.
pub async fn decline_invitation(app: &Arrival, who: Option<&Actor>, id: InvitationId) -> Result<()> {
    app.write(who, id, |work, &id| {
        Box::pin(async move {
            work.who().ok_or(ami_domain::policy::Denial::SignInFirst)?;
            let open = hold(work, id).await?;
            let own = permit::<acts::JoinOrganisation>(work.who(), &Subject::account(open.account));
            let (by, action) = match own {
                Ok(own) => (own.by(), Action::JoinOrganisation),
                Err(_) => (hold_members(work, open.organisation).await?.by(), Action::ManageMembers),
            };
            let persons = action == Action::JoinOrganisation;
            let outcome = if persons == (open.side == Side::Invited) { Outcome::Declined } else { Outcome::Withdrawn };
            rows::close(work.tx, id, outcome, work.at()).await?;
            record(work, by, action, open.organisation, "not-added", open.account).await
        })
    })
    .await
}

/// Asks the members of the organisation with a SIRET to join it. Who they are is not told.
///
/// # Errors
/// `siret-unknown` when none is registered with it, `member-exists` or `invitation-exists`, `too-many-invitations`.
pub async fn request_to_join(app: &Arrival, who: Option<&Actor>, siret: &str) -> Result<()> {
    app.write_once(who, siret.to_owned(), |work, siret| {
        Box::pin(async move {
            let tx = work.tx;
            let who = work.who();
            let own = who.map_or_else(Subject::default, |actor| Subject::account(actor.account));
            let permit = permit::<acts::JoinOrganisation>(who, &own)?;
            let siret = Siret::parse(siret).map_err(|_| Error::field("/siret", "field-siret"))?;
            attempts::count_request(work, permit.by()).await?;
            let found = organisations::find_by_siret(tx.read(), &siret).await?;
            let organisation = found.ok_or_else(|| Error::field("/siret", "siret-unknown"))?.id;
            organisations::lock(tx, organisation).await?;
            if organisations::members(tx.read(), organisation).await?.contains(&permit.by()) {
                return Err(Error::new(Kind::Conflict, "member-exists"));
            }
            if rows::between(tx.read(), organisation, permit.by()).await?.is_some() {
                return Err(Error::new(Kind::Conflict, "invitation-exists"));
            }
            let asker = accounts::find(tx.read(), permit.by()).await?.ok_or_else(Error::not_found)?;
            let url = work.settings().url(&format!("/structures/{organisation}/membres"));
            let context = json!({ "email": asker.email.as_str(), "about": siret.to_string(), "url": url });
            for member in organisations::member_emails(tx.read(), organisation).await? {
                outbox::enqueue(work, &member, work.views().mail("join_request", &context)?, vec![]).await?;
            }
            let new = Invitation {
                id: work.id(),
                organisation,
                account: asker.id,
                side: Side::Asks,
                name: asker.name,
                email: asker.email,
                created_at: work.at(),
                created_by: asker.id,
            };
            rows::insert_invitation(tx, &new).await?;
            record(work, asker.id, Action::JoinOrganisation, organisation, "asked", asker.id).await
        })
    })
    .await
}
