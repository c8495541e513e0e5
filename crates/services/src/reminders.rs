//! Reminders to the members of drafts that are not deposited yet.
//!
//! Each draft has at most one live job, for its next reminder; a sweep gives one to those that have none, so that a draft of before, or
//! one that came back, is reminded too. The messages are written with the job's end: each reminder is sent once.

use ami_database::calls::{self, Call};
use ami_database::{dossiers, organisations};
use ami_domain::call::Phase;
use ami_domain::dossier::DossierState;
use ami_domain::ids::DossierId;
use ami_domain::reminder::Lead;
use serde_json::{Value, json};

use crate::jobs::{self, Kind};
use crate::{Arrival, Result, Work, outbox};

/// Sees to it that every draft of an open call has its next reminder.
pub(crate) async fn schedule(app: &Arrival) -> Result<()> {
    for call in calls::all(app.database.read()).await? {
        if call.phase(app.at) != Phase::Open || Lead::next(call.definition.calendar.closes, app.at).is_none() {
            continue;
        }
        for some in dossiers::drafts_of_call(app.database.read(), call.id).await?.chunks(100) {
            app.write(None, (call.clone(), some.to_vec()), |work, (call, some)| {
                Box::pin(async move {
                    for id in some {
                        enqueue_next(work, call, *id).await?;
                    }
                    Ok(())
                })
            })
            .await?;
        }
    }
    Ok(())
}

async fn enqueue_next(work: &Work<'_>, call: &Call, id: DossierId) -> Result<()> {
    if let Some((lead, at)) = Lead::next(call.definition.calendar.closes, work.at()) {
        let arguments = json!({ "dossier": id, "lead": lead.as_str() });
        jobs::enqueue(work, Kind::Remind, work.id(), arguments, Some(&id.to_string()), at).await?;
    }
    Ok(())
}

/// Reminds of a draft, with the end of its job; then the next reminder waits.
pub(crate) async fn remind(work: &Work<'_>, arguments: &Value) -> Result<()> {
    let id = arguments["dossier"].as_str().and_then(|id| id.parse::<DossierId>().ok());
    let lead = arguments["lead"].as_str().and_then(Lead::parse);
    let (Some(id), Some(lead)) = (id, lead) else { return Ok(()) };
    let conn = work.tx.read();
    // One that was erased or thrown away is not found.
    let Some(dossier) = dossiers::find(conn, id).await? else { return Ok(()) };
    let Some(call) = calls::find(conn, dossier.call).await? else { return Ok(()) };
    if !matches!(dossier.state, DossierState::Draft) || call.phase(work.at()) != Phase::Open {
        return Ok(());
    }
    let closes = call.definition.calendar.closes;
    // The closing may have been put off since: then it waits again.
    if lead.before(closes) <= work.at() {
        let told = json!({
            "number": call.definition.dossier_number(dossier.number),
            "call_title": call.definition.title,
            "lot": dossier.lot,
            "closes": ami_views::date_time(closes),
            "url": work.settings().url(&format!("/dossiers/{id}")),
            "service": call.definition.service.name,
        });
        for address in organisations::member_emails(conn, dossier.organisation).await? {
            outbox::enqueue(work, &address, work.views().mail("reminder", &told)?, vec![]).await?;
        }
    }
    enqueue_next(work, &call, id).await
}
