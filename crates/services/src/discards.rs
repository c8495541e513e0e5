//! Drafts that are thrown away, and what is taken back for a while: that, or a withdrawal before closing.

use ami_database::dossiers;
use ami_database::organisations;
use ami_domain::ids::DossierId;
use ami_domain::policy::{Action, acts, decide, permit};
use serde_json::json;

use crate::deposits::{keep_move, refusal};
use crate::dossiers::{DossierView, hold_room, show_dossier};
use crate::{Actor, Arrival, Error, Result, about, lock_dossier};

/// Throws a draft away: it counts no more, and may come back for a while.
///
/// # Errors
/// `not-now` when it was filed: then it can be withdrawn.
pub async fn discard_dossier(app: &Arrival, who: Option<&Actor>, id: DossierId) -> Result<()> {
    app.write(who, id, |work, &id| {
        Box::pin(async move {
            let (call, dossier) = lock_dossier(work.tx, id).await?;
            let subject = about(work.at(), &call, &dossier);
            decide(Action::ReadOwnDossier, work.who(), &subject)?;
            let permit = permit::<acts::DiscardDossier>(work.who(), &subject)?;
            let gone = dossier.discard(work.at()).map_err(|e| refusal(&call, e))?;
            dossiers::save_state(work.tx, &permit, &gone).await?;
            let subject = ("dossier", id.to_string());
            work.record(Some(call.id), Some(permit.by()), Action::DiscardDossier, subject, json!({})).await?;
            Ok(())
        })
    })
    .await
}

/// Takes back that a draft was thrown away, or a filed dossier withdrawn before closing.
///
/// # Errors
/// `restore-past` when it is too late, `dossier-exists` when there is another one for the lot by now, `too-many-lots`, `not-now`
/// when there is nothing to take back.
pub async fn restore_dossier(app: &Arrival, who: Option<&Actor>, id: DossierId) -> Result<DossierView> {
    app.write_once(who, id, |work, &id| {
        Box::pin(async move {
            let tx = work.tx;
            let dossier = dossiers::find_whatever_for_update(tx, id).await?.ok_or_else(Error::not_found)?;
            let call = ami_database::calls::find_for_share(tx, dossier.call).await?.ok_or_else(Error::not_found)?;
            let subject = about(work.at(), &call, &dossier);
            decide(Action::ReadOwnDossier, work.who(), &subject)?;
            let permit = permit::<acts::RestoreDossier>(work.who(), &subject)?;
            let filing = dossier.filing();
            let back = dossier.restore(work.at(), &call.definition.calendar).map_err(|e| refusal(&call, e))?;
            let org = organisations::find(tx.read(), back.organisation).await?.ok_or_else(Error::not_found)?;
            hold_room(work, &call, &org, &back.lot).await?;
            keep_move(work, &permit, (&call, &back, filing), Action::RestoreDossier).await
        })
    })
    .await?;
    show_dossier(app, who, id).await
}
