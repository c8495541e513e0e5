//! Applicant organisations.

use ami_database::organisations::{self as rows, Organisation};
use ami_domain::deposit::Identity;
use ami_domain::identifiers::{IdentifierError, Rna, Siret};
use ami_domain::ids::OrganisationId;
use ami_domain::policy::{Action, Subject, acts, decide, permit};
use ami_domain::text;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Actor, Arrival, Error, Problem, Result};

/// Legal forms an organisation may say it has; which of them may apply is the call's rule.
pub const LEGAL_FORMS: [&str; 11] =
    ["association", "fondation", "scic", "scop", "esus", "siae", "commune", "ccas", "ept", "gip", "autre"];

/// An organisation, for its members.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
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
///
/// # Errors
/// `siret-registered` when one has this SIRET: its members may be asked ([`crate::members::request_to_join`]).
pub async fn create_organisation(
    app: &Arrival,
    who: Option<&Actor>,
    input: &OrganisationInput,
) -> Result<OrganisationView> {
    app.write_once(who, input.clone(), |work, input| {
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

/// Organisations that have the SIRET of one that was registered before them, from the time when that was possible: name and
/// SIRET. They are kept apart.
pub async fn list_duplicates(database: &ami_database::Database) -> Result<Vec<(String, String)>> {
    let found = rows::duplicates(database.read()).await?;
    Ok(found.into_iter().map(|o| (o.name, o.siret.to_string())).collect())
}
