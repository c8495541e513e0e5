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
mod app;
pub mod assigning;
pub mod attempts;
mod awards;
pub mod calls;
pub mod check;
mod contents;
pub mod decisions;
pub mod deposits;
pub mod documents;
pub mod dossiers;
mod error;
pub mod evidence;
mod filed;
pub mod idempotency;
pub mod installation;
pub mod jobs;
pub mod journal;
pub mod jury;
pub mod locking;
pub mod members;
pub mod organisations;
pub mod outbox;
pub mod part;
pub mod passwords;
pub mod pieces;
pub mod presiding;
pub mod rankings;
pub mod receipts;
pub mod review;
pub mod sheets;
pub mod steps;
pub mod tickets;
pub mod tokens;

pub use ami_domain::policy::Actor;
pub use app::{App, Arrival, Clock, Settings, Work, open_spool};
pub use error::{Error, Kind, Problem, Result};

use ami_database::{ConnectionTrait, Tx, calls::Call};
use ami_domain::dossier::Dossier;
use ami_domain::ids::DossierId;
use ami_domain::policy::{AssignmentFacts, DossierFacts, Subject};
use jiff::Timestamp;

/// A call by its code; hidden when there is none.
async fn load_call(conn: &impl ConnectionTrait, code: &str) -> Result<Call> {
    ami_database::calls::find_by_code(conn, code).await?.ok_or_else(Error::not_found)
}

/// A dossier with its call; hidden when there is none.
async fn load_dossier(conn: &impl ConnectionTrait, id: DossierId) -> Result<(Call, Dossier)> {
    let dossier = ami_database::dossiers::find(conn, id).await?.ok_or_else(Error::not_found)?;
    Ok((call_of(conn, &dossier).await?, dossier))
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

async fn call_of(conn: &impl ConnectionTrait, dossier: &Dossier) -> Result<Call> {
    ami_database::calls::find(conn, dossier.call).await?.ok_or_else(Error::not_found)
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
async fn about_for_seat(
    at: Timestamp,
    conn: &impl ConnectionTrait,
    who: Option<&Actor>,
    call: &Call,
    dossier: &Dossier,
) -> Result<Subject> {
    let subject = about(at, call, dossier);
    let Some(seat) = who.and_then(|a| a.seats.get(&call.id)) else { return Ok(subject) };
    let sheet = ami_database::jury::sheet_of(conn, seat.id, dossier.id, &call.definition.grid).await?;
    let recusals = ami_database::jury::recusals(conn, call.id).await?;
    Ok(subject.with_assignment(AssignmentFacts {
        assigned: sheet.is_some(),
        locked: sheet.as_ref().is_some_and(ami_domain::sheet::Sheet::is_locked),
        reopened: sheet.as_ref().is_some_and(|s| s.is_reopened(at)),
        recused: ami_domain::jury::is_recused(&recusals, seat.id, dossier.id, &dossier.lot),
        own_sheet: true,
    }))
}
