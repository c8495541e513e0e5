//! Tickets: proof that a deposit arrived, for whoever was told that it could not be kept just then.
//!
//! The same deposit, tried again with its ticket within half an hour, counts at the instant at which it first arrived, if nothing of
//! the draft has changed since. A ticket is signed and bound to its dossier and person; the server keeps nothing.

use ami_domain::ids::{AccountId, DossierId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Actor, Arrival, Error, Kind, Result};

/// How long a ticket is good for.
const GOOD_FOR: SignedDuration = SignedDuration::from_mins(30);
/// What it is signed as.
const SIGNED_AS: &str = "deposit-ticket";

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    dossier: Uuid,
    account: Uuid,
    /// Microseconds since the Unix epoch.
    at: i64,
}

/// A ticket for a deposit that arrived and was not kept; `None` when it cannot be signed.
pub fn issue_ticket(app: &Arrival, account: AccountId, dossier: DossierId) -> Option<String> {
    let claims = Claims { dossier: dossier.uuid(), account: account.uuid(), at: app.at.as_microsecond() };
    app.keys.sign_as(SIGNED_AS, &claims).ok()
}

/// The instant at which a deposit first arrived, by its ticket.
///
/// # Errors
/// `ticket` when it is none of this dossier and person; `ticket-late` after half an hour.
pub(crate) fn arrival_by_ticket(
    app: &Arrival,
    who: Option<&Actor>,
    dossier: DossierId,
    ticket: &str,
) -> Result<Timestamp> {
    let wrong = || Error::new(Kind::Invalid, "ticket");
    let claims: Claims = app.keys.read_as(SIGNED_AS, ticket.trim()).ok_or_else(wrong)?;
    let account = who.map(|actor| actor.account.uuid());
    let at = Timestamp::from_microsecond(claims.at).map_err(|_| wrong())?;
    if claims.dossier != dossier.uuid() || Some(claims.account) != account || at > app.at {
        return Err(wrong());
    }
    if app.at.duration_since(at) > GOOD_FOR {
        return Err(Error::new(Kind::Conflict, "ticket-late"));
    }
    Ok(at)
}
