//! The use cases: the only place where rules, rows, files, documents and sentences meet.
//!
//! To add a use case: 1. name the action in `ami_domain::policy` and look at its lines in `policy.txt`; 2. write
//! `verb_noun(app, who, …)` in the module of its noun, reading as the use case's own sentence: authorise, load, decide (a domain
//! function), save with the permit, record in the journal, enqueue what follows; 3. give back a view struct made field by
//! field; 4. give its errors a sentence in `templates/locales/fr/errors.ftl`; 5. call it from one handler.
//!
//! Every function takes `app: &Arrival`, the application at the instant the request arrived, and `who: Option<&Actor>`, the
//! signed-in person, and asks the policy before anything else. A write is one closure, given to [`Arrival::write`]: what it
//! decides on, it reads and locks inside (`lock_dossier`, `hold_call`, `Work::who`).

pub mod access;
pub mod accounts;
pub mod answers;
mod app;
pub mod assigning;
pub mod attempts;
mod awards;
pub mod calendars;
pub mod calls;
pub mod check;
mod contents;
pub mod cores;
pub mod decisions;
pub mod deliberations;
pub mod deposits;
pub mod discards;
pub mod documents;
pub mod dossiers;
pub mod erasures;
mod error;
pub mod evidence;
pub mod explanations;
pub mod exports;
mod filed;
pub mod forms;
pub mod idempotency;
pub mod installation;
pub mod jobs;
pub mod journal;
pub mod jury;
mod known;
pub mod letters;
pub mod locking;
pub mod members;
pub mod officers;
pub mod organisations;
pub mod outbox;
pub mod part;
pub mod passwords;
pub mod pieces;
pub mod presiding;
pub mod questions;
pub mod rankings;
pub mod reading;
pub mod receipts;
mod reminders;
pub mod review;
pub mod sheets;
pub mod steps;
pub mod tickets;
pub mod tokens;
pub mod uploads;
pub mod verification;
pub mod writing;

pub use ami_domain::policy::Actor;
pub use app::{App, Arrival, Clock, Settings, Work, open_spool};
pub use error::{Error, Kind, Problem, Result};
pub use known::Lately;

use std::sync::Arc;

use ami_database::places::{self, Placed};
use ami_database::{Tx, calls::Call};
use ami_domain::dossier::Dossier;
use ami_domain::ids::{CallId, DossierId};
use ami_domain::jury::Recusal;
use ami_domain::policy::{AssignmentFacts, DossierFacts, Subject};
use jiff::Timestamp;

impl Arrival {
    /// A call by its code; hidden when there is none.
    async fn call(&self, code: &str) -> Result<Call> {
        let load =
            async { ami_database::calls::find_by_code(self.database.read(), code).await?.ok_or_else(Error::not_found) };
        self.once("call", code, load).await
    }

    /// A filed dossier or a draft with its call, and what counts of it; hidden when there is none.
    async fn placed(&self, id: DossierId) -> Result<Placed> {
        let load = async { places::dossier(self.database.read(), id).await?.ok_or_else(Error::not_found) };
        let placed = self.once("dossier", id, load).await?;
        self.knows(&placed.call).await?;
        Ok(placed)
    }

    /// A dossier with its call; hidden when there is none.
    async fn dossier(&self, id: DossierId) -> Result<(Call, Dossier)> {
        let placed = self.placed(id).await?;
        Ok((placed.call, placed.dossier))
    }

    /// A call by its id.
    async fn call_of(&self, id: CallId) -> Result<Option<Call>> {
        let load = async { Ok(ami_database::calls::find(self.database.read(), id).await?) };
        self.once("call of", id, load).await
    }

    /// Whoever asks for this call by its code or id later in this request gets it as it is.
    async fn knows(&self, call: &Call) -> Result<()> {
        self.once("call", &call.definition.code, async { Ok(call.clone()) }).await?;
        self.once("call of", call.id, async { Ok(Some(call.clone())) }).await.map(drop)
    }

    /// Every recusal in a call.
    async fn recusals(&self, call: CallId) -> Result<Arc<Vec<Recusal>>> {
        let load = async { Ok(Arc::new(ami_database::jury::recusals(self.database.read(), call).await?)) };
        self.once("recusals", call, load).await
    }
}

/// The same, for a write: the dossier is kept from other writers, and the call from moving on, until the transaction ends.
async fn lock_dossier(tx: &Tx, id: DossierId) -> Result<(Call, Dossier)> {
    let dossier = ami_database::dossiers::find_for_update(tx, id).await?.ok_or_else(Error::not_found)?;
    let call = ami_database::calls::find_for_share(tx, dossier.call).await?.ok_or_else(Error::not_found)?;
    Ok((call, dossier))
}

/// A call by its code, for a write: it does not move on until the transaction ends.
async fn hold_call(tx: &Tx, code: &str) -> Result<Call> {
    ami_database::calls::find_by_code_for_share(tx, code).await?.ok_or_else(Error::not_found)
}

fn facts_of(dossier: &Dossier) -> DossierFacts {
    let editing = dossier.editing().is_some();
    DossierFacts { id: dossier.id, organisation: dossier.organisation, state: dossier.state_name(), editing }
}

/// What the policy needs to know of a dossier and its call.
fn about(at: Timestamp, call: &Call, dossier: &Dossier) -> Subject {
    Subject::dossier(call.facts(at), facts_of(dossier))
}

/// The same, with what the actor's own seat is to it.
async fn about_for_seat(app: &Arrival, who: Option<&Actor>, call: &Call, dossier: &Dossier) -> Result<Subject> {
    let subject = about(app.at, call, dossier);
    let Some(seat) = who.and_then(|a| a.seats.get(&call.id)) else { return Ok(subject) };
    let load = async { Ok(ami_database::jury::own_sheet(app.database.read(), seat.id, dossier.id).await?) };
    let sheet = app.once("own sheet", dossier.id, load).await?;
    let recusals = app.recusals(call.id).await?;
    Ok(subject.with_assignment(AssignmentFacts {
        assigned: sheet.is_some(),
        locked: sheet.as_ref().is_some_and(ami_domain::sheet::Sheet::is_locked),
        reopened: sheet.as_ref().is_some_and(|s| s.is_reopened(app.at)),
        recused: ami_domain::jury::is_recused(&recusals, seat.id, dossier.id, &dossier.lot),
        own_sheet: true,
    }))
}
