//! Who read what. Readings wait in memory and are kept in batches: reading never waits for it, and never fails by it.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use ami_database::access::{self as rows, Reading, hour};
use ami_database::journal;
use ami_domain::ids::AccountId;
use ami_domain::journal::Act;
use ami_domain::policy::Actor;
use serde_json::json;
use uuid::Uuid;

use crate::{Arrival, Result};

/// Readings that may wait; past that the oldest hours give way, and the log says how many.
const MOST: usize = 50_000;

/// Readings that wait to be kept.
#[derive(Debug, Default)]
pub struct AccessLog(Mutex<BTreeSet<Reading>>);

impl AccessLog {
    fn add(&self, readings: impl IntoIterator<Item = Reading>) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.extend(readings);
        let over = waiting.len().saturating_sub(MOST);
        if over > 0 {
            tracing::error!(over, "readings are lost: the access log cannot be written");
            for _ in 0..over {
                waiting.pop_first();
            }
        }
    }

    fn take(&self) -> BTreeSet<Reading> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Arrival {
    /// Notes that somebody read a thing.
    pub(crate) fn note_reading(&self, who: Option<&Actor>, kind: &str, object: impl ToString) {
        if let Some(actor) = who {
            self.note_access(actor.account, kind, object);
        }
    }

    /// The same, for whoever has just signed in.
    pub(crate) fn note_access(&self, account: AccountId, kind: &str, object: impl ToString) {
        let (kind, object) = (kind.to_owned(), object.to_string());
        self.access.add([Reading { hour: hour(self.at), account, kind, object }]);
    }
}

/// Keeps the readings that wait, with their hash in the journal; gives how many were new.
pub async fn keep_readings(app: &Arrival) -> Result<usize> {
    let readings = app.access.take();
    if readings.is_empty() {
        return Ok(0);
    }
    let kept = app
        .write(None, readings.clone(), |work, readings| {
            Box::pin(async move {
                let batch: Uuid = work.id();
                let new = rows::keep(work.tx, batch, readings).await?;
                if !new.is_empty() {
                    let act = Act {
                        call: None,
                        at: work.at(),
                        actor: None,
                        action: "access.keep",
                        subject_kind: "access",
                        subject: batch.to_string(),
                        details: json!({ "rows": new.len(), "sha256": rows::hash(&new) }),
                    };
                    journal::append(work.tx, work.id(), &act).await?;
                }
                Ok(new.len())
            })
        })
        .await;
    kept.inspect_err(|_| app.access.add(readings))
}
