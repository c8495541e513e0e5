//! Who signs letters of a call, and by which delegation. A letter names its author: first name, name, quality, service (CRPA L.212-1).

use ami_database::letters::{self as rows, Signatory};
use ami_domain::deliberation::SHORT;
use ami_domain::ids::SignatoryId;
use ami_domain::policy::{Action, Subject, acts, decide, permit};
use ami_domain::text;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Actor, Arrival, Error, Problem, Result, Work, hold_call};

/// Somebody who signs.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
pub struct NewSignatory {
    /// First name.
    #[serde(default)]
    pub first_name: String,
    /// Name.
    #[serde(default)]
    pub last_name: String,
    /// In what quality.
    #[serde(default)]
    pub quality: String,
    /// Of which service; that of the call when left out.
    #[serde(default)]
    pub service: String,
    /// By which delegation.
    #[serde(default)]
    pub delegation: String,
}

/// Who signs a letter.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SignatoryView {
    /// Its id; none when nobody was registered, and the letter names the officer who wrote it.
    pub id: Option<Uuid>,
    /// First name and name.
    pub name: String,
    /// In what quality.
    pub quality: String,
    /// Of which service.
    pub service: String,
    /// By which delegation.
    pub delegation: String,
}

impl From<Signatory> for SignatoryView {
    fn from(s: Signatory) -> Self {
        Self {
            id: Some(s.id.uuid()),
            name: format!("{} {}", s.first_name, s.last_name),
            quality: s.quality,
            service: s.service,
            delegation: s.delegation,
        }
    }
}

/// Those who sign letters of a call, the last one first.
pub async fn list_signatories(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<Vec<SignatoryView>> {
    let conn = app.database.read();
    let call = app.call(code).await?;
    decide(Action::ManageSignatories, who, &Subject::call(call.facts(app.at)))?;
    let all = rows::signatories(conn, call.id).await?;
    Ok(all.into_iter().filter(|s| s.ended_at.is_none()).map(Into::into).collect())
}

fn checked(new: &NewSignatory, service: &str) -> Result<NewSignatory> {
    let mut problems = Vec::new();
    let mut read = |pointer: &str, written: &str| {
        let clean = text::clean(written);
        let length = text::length(&clean);
        if clean.is_empty() {
            problems.push(Problem { pointer: pointer.into(), code: "field-required".into(), args: vec![] });
        } else if length > SHORT {
            let args = vec![("length", length.to_string()), ("max", SHORT.to_string())];
            problems.push(Problem { pointer: pointer.into(), code: "field-too-long".into(), args });
        }
        clean
    };
    let checked = NewSignatory {
        first_name: read("/first_name", &new.first_name),
        last_name: read("/last_name", &new.last_name),
        quality: read("/quality", &new.quality),
        service: read("/service", if new.service.trim().is_empty() { service } else { &new.service }),
        delegation: read("/delegation", &new.delegation),
    };
    if problems.is_empty() { Ok(checked) } else { Err(Error::invalid(problems)) }
}

/// Adds somebody who signs letters of a call.
pub async fn add_signatory(app: &Arrival, who: Option<&Actor>, code: &str, new: NewSignatory) -> Result<SignatoryView> {
    let call = app.call(code).await?;
    decide(Action::ManageSignatories, who, &Subject::call(call.facts(app.at)))?;
    let new = checked(&new, &call.definition.service.name)?;
    let id: SignatoryId = app
        .write_once(who, (code.to_owned(), new), |work, (code, new)| {
            Box::pin(async move {
                let call = hold_call(work.tx, code).await?;
                let permit = permit::<acts::ManageSignatories>(work.who(), &Subject::call(call.facts(work.at())))?;
                let signatory = Signatory {
                    id: work.id(),
                    call: call.id,
                    first_name: new.first_name.clone(),
                    last_name: new.last_name.clone(),
                    quality: new.quality.clone(),
                    service: new.service.clone(),
                    delegation: new.delegation.clone(),
                    ended_at: None,
                };
                rows::insert_signatory(work.tx, &permit, &signatory, work.at()).await?;
                let subject = ("signatory", signatory.id.to_string());
                let details = json!({ "quality": signatory.quality, "delegation": signatory.delegation });
                work.record(Some(call.id), Some(permit.by()), Action::ManageSignatories, subject, details).await?;
                Ok(signatory.id)
            })
        })
        .await?;
    let all = rows::signatories(app.database.read(), call.id).await?;
    all.into_iter().find(|s| s.id == id).map(Into::into).ok_or_else(Error::not_found)
}

/// Ends that somebody signs; their letters stay as they are.
pub async fn end_signatory(app: &Arrival, who: Option<&Actor>, code: &str, id: SignatoryId) -> Result<()> {
    app.write_once(who, (code.to_owned(), id), |work, (code, id)| {
        Box::pin(async move {
            let call = hold_call(work.tx, code).await?;
            let permit = permit::<acts::ManageSignatories>(work.who(), &Subject::call(call.facts(work.at())))?;
            if !rows::end_signatory(work.tx, &permit, *id, work.at()).await? {
                return Err(Error::not_found());
            }
            let subject = ("signatory", id.to_string());
            let details = json!({ "ended": true });
            work.record(Some(call.id), Some(permit.by()), Action::ManageSignatories, subject, details).await?;
            Ok(())
        })
    })
    .await
}

/// Who signs: the one that was asked for, else the last one that was registered, else the officer who writes, as what they are.
pub(super) async fn signatory(
    work: &Work<'_>,
    call: &ami_database::calls::Call,
    asked: Option<SignatoryId>,
) -> Result<SignatoryView> {
    let conn = work.tx.read();
    let mut active = rows::signatories(conn, call.id).await?.into_iter().filter(|s| s.ended_at.is_none());
    if let Some(id) = asked {
        let found = active.find(|s| s.id == id).ok_or_else(|| Error::field("/signatory", "field-choice"))?;
        return Ok(found.into());
    }
    if let Some(last) = active.next() {
        return Ok(last.into());
    }
    let account = work.who().ok_or(ami_domain::policy::Denial::SignInFirst)?.account;
    let people = ami_database::accounts::names(conn, &[account].into()).await?;
    let (name, _) = people.get(&account).cloned().ok_or_else(Error::not_found)?;
    let quality = ami_views::message("letter-officer", &[]).unwrap_or_default();
    Ok(SignatoryView {
        id: None,
        name,
        quality,
        service: call.definition.service.name.clone(),
        delegation: String::new(),
    })
}
