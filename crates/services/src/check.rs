//! Every invariant of an installation, checked on what is stored: what an operator runs after a restore.

use std::collections::BTreeMap;

use ami_database::documents::{self, Subject};
use ami_database::{DatabaseError, calls, deposits, dossiers, journal, rankings};
use ami_domain::ids::{DepositId, DossierId, PieceId, RankingId};
use ami_storage::{ObjectKey, StorageError};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncReadExt as _;

use crate::erasures::Erasure;
use crate::evidence::{self, Finding};
use crate::rankings::{Recomputed, recompute_ranking};
use crate::{Arrival, Error, Result};

/// What was looked at, and what is not as it must be.
#[derive(Debug, Clone, Default)]
pub struct Checked {
    /// Deposits, with their receipts and their line in the journal.
    pub deposits: usize,
    /// Stored files that deposits name.
    pub objects: usize,
    /// Rankings, computed again.
    pub rankings: usize,
    /// Decisions that rest on a ranking.
    pub decisions: usize,
    /// What was erased, by the one way there is.
    pub erased: Vec<Erasure>,
    /// What is wrong, in order.
    pub faults: Vec<Fault>,
}

/// Something that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// See [`evidence::verify_journal`].
    Journal(Finding),
    /// The content of a deposit is not what was sealed, or cannot be read.
    Content(DepositId),
    /// A deposit without its act in the journal.
    Unrecorded(DepositId),
    /// The receipt of a deposit says something else, or its bytes are not those that were drawn.
    Receipt(DepositId),
    /// A file that a deposit names is missing, or is not what was filed.
    Object(PieceId),
    /// A filed dossier whose deposit is missing.
    Filing(DossierId),
    /// A ranking from whose inputs something else comes out.
    Ranking(RankingId),
    /// A decision that names a ranking with other inputs, or none that there is.
    Decision(DossierId),
}

/// Checks everything; stored files too where `with_objects`.
pub async fn check_installation(app: &Arrival, with_objects: bool) -> Result<Checked> {
    let mut checked = Checked::default();
    let journal = evidence::verify_journal(&app.database, &app.evidence).await?;
    checked.erased = journal.erased;
    checked.faults.extend(journal.findings.into_iter().map(Fault::Journal));
    let conn = app.database.read();
    let mut after = None;
    loop {
        let some = deposits::ids_after(conn, after, 200).await?;
        let Some(last) = some.last() else { break };
        after = Some(*last);
        for id in some {
            check_deposit(app, id, with_objects, &mut checked).await?;
        }
    }
    checked.faults.extend(deposits::dossiers_without(conn).await?.into_iter().map(Fault::Filing));
    for call in calls::all(conn).await? {
        let mut inputs: BTreeMap<RankingId, String> = BTreeMap::new();
        for place in rankings::rankings(conn, call.id).await? {
            checked.rankings += 1;
            if !matches!(recompute_ranking(app, place.id).await?, Recomputed::Same { .. }) {
                checked.faults.push(Fault::Ranking(place.id));
            }
            inputs.insert(place.id, place.input_sha256);
        }
        for (dossier, decision) in rankings::decisions(conn, call.id).await? {
            let Some(basis) = decision.basis else { continue };
            checked.decisions += 1;
            if inputs.get(&basis.ranking) != Some(&basis.inputs_sha256) {
                checked.faults.push(Fault::Decision(dossier));
            }
        }
    }
    Ok(checked)
}

async fn check_deposit(app: &Arrival, id: DepositId, with_objects: bool, checked: &mut Checked) -> Result<()> {
    let conn = app.database.read();
    checked.deposits += 1;
    let sealed = match deposits::find(conn, id).await {
        Ok(Some(sealed)) => sealed,
        Ok(None) | Err(DatabaseError::Corrupt { .. }) => {
            checked.faults.push(Fault::Content(id));
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let deposit = &sealed.deposit;
    if !journal::tells(conn, "dossier.deposit", &deposit.dossier.to_string(), &sealed.sha256).await? {
        checked.faults.push(Fault::Unrecorded(id));
    }
    if let Some(receipt) = documents::of_subject(conn, Subject::Receipt(id)).await? {
        let bytes = documents::bytes(conn, receipt.id).await;
        let whole = !matches!(bytes, Err(DatabaseError::Corrupt { .. }));
        bytes.or_else(|error| if whole { Err(error) } else { Ok(None) })?;
        if !whole || !receipt.record.contains(&sealed.sha256) || !receipt.record.contains(&deposit.content.number) {
            checked.faults.push(Fault::Receipt(id));
        }
    }
    if !with_objects {
        return Ok(());
    }
    let filed = &deposit.content.pieces;
    let rows = dossiers::filed_pieces(conn, filed.iter().map(|p| p.id)).await?;
    let rows: BTreeMap<PieceId, _> = rows.into_iter().map(|row| (row.id, row)).collect();
    for piece in filed {
        checked.objects += 1;
        let whole = match rows.get(&piece.id) {
            Some(row) => stored_sha256(app, &row.object_key).await?.as_ref() == Some(&piece.sha256),
            None => false,
        };
        if !whole {
            checked.faults.push(Fault::Object(piece.id));
        }
    }
    Ok(())
}

/// The SHA-256 of a stored object; `None` when there is none.
async fn stored_sha256(app: &Arrival, key: &str) -> Result<Option<String>> {
    let key = key.parse::<ObjectKey>().map_err(Error::internal)?;
    let mut object = match app.storage.get(&key).await {
        Ok(object) => object,
        Err(StorageError::NotFound) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        // A file of another length or checksum than the storage knows breaks off: it is not what was filed.
        let Ok(read) = object.reader.read(&mut buffer).await else { return Ok(None) };
        if read == 0 {
            return Ok(Some(hex::encode(digest.finalize())));
        }
        digest.update(&buffer[..read]);
    }
}
