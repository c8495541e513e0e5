//! Erasing what need not be kept any more: the one way through history, with the archivist's visa.

use std::collections::BTreeMap;

pub use ami_database::erasures::Erasure;
use ami_database::erasures::{self as rows, Why};
use ami_domain::ids::DossierId;
use ami_domain::policy::{Action, acts, permit};
use ami_domain::text;
use serde_json::json;

use crate::{Actor, Arrival, Error, Problem, Result, about, lock_dossier};

/// What was erased.
#[derive(Debug, Clone)]
pub struct Erased {
    /// The dossier's number.
    pub number: String,
    /// Rows that went, by table.
    pub rows: BTreeMap<String, u64>,
}

/// Erases a dossier of an archived call with all that hangs on it. Each row of history leaves its hash, and the journal says who
/// did it, why, and with which visa.
pub async fn erase_dossier(
    app: &Arrival,
    who: Option<&Actor>,
    id: DossierId,
    reason: &str,
    visa: &str,
) -> Result<Erased> {
    let (reason, visa) = (text::clean(reason), text::clean(visa));
    let mut problems = Vec::new();
    for (pointer, given) in [("/reason", &reason), ("/visa", &visa)] {
        if given.is_empty() {
            problems.push(Problem { pointer: pointer.into(), code: "reason-needed".into(), args: vec![] });
        } else if let Err(length) = text::bounded(given) {
            problems.push(Problem::too_long(pointer, length));
        }
    }
    if !problems.is_empty() {
        return Err(Error::invalid(problems));
    }
    app.write(who, (id, reason, visa), |work, (id, reason, visa)| {
        Box::pin(async move {
            let (call, dossier) = lock_dossier(work.tx, *id).await?;
            let permit = permit::<acts::EraseDossier>(work.who(), &about(work.at(), &call, &dossier))?;
            let number = call.definition.dossier_number(dossier.number);
            let why = Why { subject: &number, reason, visa };
            let rows = rows::erase_dossier(work.tx, &permit, why, work.at(), || work.id()).await?;
            let details = json!({ "number": number, "reason": reason, "visa": visa, "rows": rows });
            let subject = ("dossier", id.to_string());
            work.record(Some(call.id), Some(permit.by()), Action::EraseDossier, subject, details).await?;
            Ok(Erased { number, rows })
        })
    })
    .await
}
