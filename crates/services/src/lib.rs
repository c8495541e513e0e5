//! The use cases: the only place where rules, rows, files, documents and sentences meet.
//!
//! To add a use case: 1. name the action in `ami_domain::policy` and look at its lines in `policy.txt`; 2. write
//! `verb_noun(app, who, …)` in the module of its noun, reading as the use case's own sentence: authorise, load, decide (a domain
//! function), save with the permit, record in the journal, enqueue what follows; 3. give back a view struct made field by
//! field; 4. give its errors a sentence in `templates/locales/fr/errors.ftl`; 5. call it from one handler.
//!
//! Every function takes `who: Option<&Actor>`, the signed-in person, and asks the policy before anything else.

pub mod accounts;
mod app;
pub mod attempts;
pub mod calls;
pub mod decisions;
pub mod deposits;
pub mod dossiers;
mod error;
pub mod idempotency;
pub mod jury;
pub mod organisations;
pub mod outbox;
pub mod part;
pub mod pieces;
pub mod rankings;
pub mod review;
pub mod sheets;
pub mod tokens;

pub use ami_domain::policy::Actor;
pub use app::{App, Clock, Settings, open_spool};
pub use error::{Error, Kind, Problem, Result};

use ami_database::{ConnectionTrait, DatabaseError, Tx, calls::Call, journal};
use ami_domain::dossier::Dossier;
use ami_domain::ids::{AccountId, CallId, DossierId};
use ami_domain::journal::Act;
use ami_domain::policy::{Action, AssignmentFacts, DossierFacts, Subject};

/// A call by its code; hidden when there is none.
async fn load_call(conn: &impl ConnectionTrait, code: &str) -> Result<Call> {
    ami_database::calls::find_by_code(conn, code).await?.ok_or_else(Error::not_found)
}

/// A dossier with its call; hidden when there is none.
async fn load_dossier(conn: &impl ConnectionTrait, id: DossierId) -> Result<(Call, Dossier)> {
    let dossier = ami_database::dossiers::find(conn, id).await?.ok_or_else(Error::not_found)?;
    Ok((call_of(conn, &dossier).await?, dossier))
}

/// The same, kept from other writers until the transaction ends.
async fn lock_dossier(tx: &Tx, id: DossierId) -> Result<(Call, Dossier)> {
    let dossier = ami_database::dossiers::find_for_update(tx, id).await?.ok_or_else(Error::not_found)?;
    Ok((call_of(tx.read(), &dossier).await?, dossier))
}

async fn call_of(conn: &impl ConnectionTrait, dossier: &Dossier) -> Result<Call> {
    ami_database::calls::find(conn, dossier.call).await?.ok_or_else(Error::not_found)
}

/// What the policy needs to know of a dossier.
fn about(app: &App, call: &Call, dossier: &Dossier) -> Subject {
    let facts = DossierFacts { organisation: dossier.organisation, state: dossier.state_name() };
    Subject::dossier(call.facts(app.clock.now()), facts)
}

/// The same, with what the actor's own seat is to it.
async fn about_for_seat(
    app: &App,
    conn: &impl ConnectionTrait,
    who: Option<&Actor>,
    call: &Call,
    dossier: &Dossier,
) -> Result<Subject> {
    let subject = about(app, call, dossier);
    let Some(seat) = who.and_then(|a| a.seats.get(&call.id)) else { return Ok(subject) };
    let sheet = ami_database::jury::sheet_of(conn, seat.id, dossier.id, &call.definition.grid).await?;
    let recusals = ami_database::jury::recusals(conn, call.id).await?;
    Ok(subject.with_assignment(AssignmentFacts {
        assigned: sheet.is_some(),
        locked: sheet.as_ref().is_some_and(ami_domain::sheet::Sheet::is_locked),
        recused: ami_domain::jury::is_recused(&recusals, seat.id, dossier.id, &dossier.lot),
        own_sheet: true,
    }))
}

/// Records an act in the journal of its call.
async fn record(
    app: &App,
    tx: &Tx,
    call: Option<CallId>,
    actor: Option<AccountId>,
    action: Action,
    subject: (&'static str, String),
    details: serde_json::Value,
) -> std::result::Result<(), DatabaseError> {
    let act = Act {
        call,
        at: app.clock.now(),
        actor,
        action: action.code(),
        subject_kind: subject.0,
        subject: subject.1,
        details,
    };
    journal::append(tx, &act).await
}
