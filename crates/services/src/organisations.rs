//! Applicant organisations.

use ami_database::accounts;
use ami_database::organisations::{self as rows, Organisation};
use ami_domain::deposit::Identity;
use ami_domain::identifiers::{IdentifierError, Rna, Siret};
use ami_domain::ids::{AccountId, OrganisationId};
use ami_domain::policy::{Action, Permit, Subject, acts, decide, permit};
use ami_domain::text;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Actor, Arrival, Error, Kind, Problem, Result, Work};

/// Legal forms an organisation may say it has; which of them may apply is the call's rule.
pub const LEGAL_FORMS: [&str; 11] =
    ["association", "fondation", "scic", "scop", "esus", "siae", "commune", "ccas", "ept", "gip", "autre"];

/// An organisation, for its members.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OrganisationView {
    /// Its id.
    pub id: Uuid,
    /// Its legal name.
    pub name: String,
    /// Fourteen digits.
    pub siret: String,
    /// Number as an association.
    pub rna: Option<String>,
    /// One of the legal forms.
    pub legal_form: String,
}

impl From<Organisation> for OrganisationView {
    fn from(o: Organisation) -> Self {
        Self {
            id: o.id.uuid(),
            name: o.name,
            siret: o.siret.to_string(),
            rna: o.rna.map(|r| r.to_string()),
            legal_form: o.legal_form,
        }
    }
}

impl From<Identity> for OrganisationView {
    fn from(i: Identity) -> Self {
        Self { id: i.id.uuid(), name: i.name, siret: i.siret, rna: i.rna, legal_form: i.legal_form }
    }
}

/// What is typed about an organisation.
#[derive(Debug, Clone, Default, Deserialize, Serialize, ToSchema)]
pub struct OrganisationInput {
    /// Its legal name.
    pub name: String,
    /// Spaces are allowed.
    pub siret: String,
    /// May be empty.
    #[serde(default)]
    pub rna: Option<String>,
    /// One of the legal forms.
    pub legal_form: String,
}

fn check(id: OrganisationId, input: &OrganisationInput) -> Result<Organisation> {
    let mut problems = Vec::new();
    let mut wrong = |pointer: &str, code: &str| {
        problems.push(Problem { pointer: pointer.into(), code: code.into(), args: vec![] });
    };
    let name = text::clean(&input.name).replace('\n', " ");
    if !(2..=200).contains(&text::length(&name)) {
        wrong("/name", "organisation-name");
    }
    let siret = Siret::parse(&input.siret)
        .map_err(|e| {
            wrong(
                "/siret",
                match e {
                    IdentifierError::Shape => "field-siret-shape",
                    IdentifierError::SirenChecksum => "field-siret-siren",
                    _ => "field-siret",
                },
            );
        })
        .ok();
    let rna = match input.rna.as_deref().map(text::clean).filter(|r| !r.is_empty()) {
        None => None,
        Some(typed) => Rna::parse(&typed).map_err(|_| wrong("/rna", "field-rna")).ok(),
    };
    if !LEGAL_FORMS.contains(&input.legal_form.as_str()) {
        wrong("/legal_form", "field-choice");
    }
    match siret {
        Some(siret) if problems.is_empty() => {
            Ok(Organisation { id, name, siret, rna, legal_form: input.legal_form.clone() })
        }
        _ => Err(Error::invalid(problems)),
    }
}

/// Registers an organisation; whoever does is its first member.
pub async fn create_organisation(
    app: &Arrival,
    who: Option<&Actor>,
    input: &OrganisationInput,
) -> Result<OrganisationView> {
    app.write(who, input.clone(), |work, input| {
        Box::pin(async move {
            let permit = permit::<acts::CreateOrganisation>(work.who(), &Subject::default())?;
            let organisation = check(work.id(), input)?;
            rows::insert_organisation(work.tx, &permit, &organisation, work.at()).await?;
            let subject = ("organisation", organisation.id.to_string());
            let details = serde_json::json!({});
            work.record(None, Some(permit.by()), Action::CreateOrganisation, subject, details).await?;
            Ok(OrganisationView::from(organisation))
        })
    })
    .await
}

/// Changes an organisation's data.
pub async fn update_organisation(
    app: &Arrival,
    who: Option<&Actor>,
    id: OrganisationId,
    input: &OrganisationInput,
) -> Result<OrganisationView> {
    app.write(who, (id, input.clone()), |work, (id, input)| {
        Box::pin(async move {
            let permit = permit::<acts::EditOrganisation>(work.who(), &Subject::organisation(*id))?;
            let organisation = check(*id, input)?;
            rows::update_organisation(work.tx, &permit, &organisation).await?;
            let subject = ("organisation", id.to_string());
            let details = serde_json::json!({});
            work.record(None, Some(permit.by()), Action::EditOrganisation, subject, details).await?;
            Ok(OrganisationView::from(organisation))
        })
    })
    .await
}

/// Reads an organisation, as a member.
pub async fn show_organisation(app: &Arrival, who: Option<&Actor>, id: OrganisationId) -> Result<OrganisationView> {
    decide(Action::EditOrganisation, who, &Subject::organisation(id))?;
    Ok(rows::find(app.database.read(), id).await?.ok_or_else(Error::not_found)?.into())
}

/// Somebody who may write and file an organisation's dossiers.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MemberView {
    /// The account's id.
    pub id: Uuid,
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: String,
}

/// Whom to invite.
#[derive(Debug, Clone, Default, Deserialize, Serialize, ToSchema)]
pub struct MemberInput {
    /// Their name; that of their account, when they have one.
    pub name: String,
    /// Their address.
    pub email: String,
}

/// An organisation's members, as one of them.
pub async fn list_members(app: &Arrival, who: Option<&Actor>, id: OrganisationId) -> Result<Vec<MemberView>> {
    decide(Action::ManageMembers, who, &Subject::organisation(id))?;
    let conn = app.database.read();
    let members = rows::members(conn, id).await?;
    let people = accounts::names(conn, &members.iter().copied().collect()).await?;
    let view = |account: AccountId| {
        let (name, email) = people.get(&account).cloned()?;
        Some(MemberView { id: account.uuid(), name, email })
    };
    Ok(members.into_iter().filter_map(view).collect())
}

/// Keeps an organisation's members from other writers until the transaction ends. Who asks may have been removed while it
/// waited: they are asked about once more.
async fn hold_members(work: &Work<'_>, id: OrganisationId) -> Result<Permit<acts::ManageMembers>> {
    let subject = Subject::organisation(id);
    let asker = permit::<acts::ManageMembers>(work.who(), &subject)?.by();
    if !rows::lock(work.tx, id).await? {
        return Err(Error::not_found());
    }
    let who = accounts::actor(work.tx.read(), asker).await?.map(|(_, actor)| actor);
    Ok(permit::<acts::ManageMembers>(who.as_ref(), &subject)?)
}

/// Adds a member, who gets a message.
///
/// # Errors
/// `member-exists` when they are one already.
pub async fn invite_member(
    app: &Arrival,
    who: Option<&Actor>,
    id: OrganisationId,
    input: &MemberInput,
) -> Result<Vec<MemberView>> {
    app.write(who, (id, input.clone()), |work, (id, input)| {
        Box::pin(async move {
            let (tx, id) = (work.tx, *id);
            let permit = hold_members(work, id).await?;
            let email = crate::accounts::read_email(&input.email).map_err(|p| Error::invalid(vec![p]))?;
            let organisation = rows::find(tx.read(), id).await?.ok_or_else(Error::not_found)?;
            let to = crate::accounts::Invited {
                newcomer: "member_invitation",
                known: "member_added",
                about: &organisation.name,
                path: "/espace",
            };
            let account = crate::accounts::invite(work, &email, &input.name, &to).await?;
            rows::insert_member(tx, &permit, id, account, work.at()).await?;
            let details = serde_json::json!({ "added": account });
            let subject = ("organisation", id.to_string());
            work.record(None, Some(permit.by()), Action::ManageMembers, subject, details).await?;
            Ok(())
        })
    })
    .await?;
    list_members(app, who, id).await
}

/// Removes a member: they no longer see the organisation's dossiers.
///
/// # Errors
/// `last-member` when nobody would be left to file or to be written to.
pub async fn remove_member(app: &Arrival, who: Option<&Actor>, id: OrganisationId, account: AccountId) -> Result<()> {
    app.write(who, (id, account), |work, &(id, account)| {
        Box::pin(async move {
            let tx = work.tx;
            let permit = hold_members(work, id).await?;
            if !rows::delete_member(tx, &permit, id, account).await? {
                return Err(Error::not_found());
            }
            if rows::members(tx.read(), id).await?.is_empty() {
                return Err(Error::new(Kind::Conflict, "last-member"));
            }
            let details = serde_json::json!({ "removed": account });
            let subject = ("organisation", id.to_string());
            work.record(None, Some(permit.by()), Action::ManageMembers, subject, details).await?;
            Ok(())
        })
    })
    .await
}
