//! Files in parts: begun, sent part by part over as many requests as it takes, completed into a piece.
//!
//! Room in the dossier is reserved before any byte flows, and what is refused or left alone goes as any stored object does that no
//! piece names (docs/adr/0015, docs/adr/0029).

mod checking;

use ami_database::dossiers as pieces_rows;
use ami_database::{objects, uploads as rows};
use ami_domain::dossier::Dossier;
use ami_domain::ids::{DossierId, UploadId};
use ami_domain::policy::{Action, acts, decide, permit};
use ami_domain::upload::{PART_SIZE, UploadState, part_bytes, part_numbers};
use ami_storage::ObjectKey;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncRead;
use utoipa::ToSchema;
use uuid::Uuid;

pub use checking::{Completed, complete_upload};
pub(crate) use checking::{check_again, expire, give_up};
pub use rows::Upload;

use crate::pieces::{UPLOAD_TIME, doom, received, too_large};
use crate::{Actor, Arrival, Error, Kind, Result, Work, about, lock_dossier};

/// No dossier has more uploads under way at once.
const MOST_OPEN: usize = 100;

/// A file that is to come.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct NewUpload {
    /// The slot's code.
    pub slot: String,
    /// The file's name.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of the whole file in hexadecimal: another file is refused then.
    #[serde(default)]
    pub sha256: Option<String>,
}

/// An upload that has begun.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BegunUpload {
    /// Its id.
    pub id: Uuid,
    /// The parts that it is to come in.
    pub parts: Vec<PartToSend>,
    /// Bytes of every part but the last.
    pub part_size: u64,
}

/// A part that is to come.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PartToSend {
    /// From 1.
    pub number: u32,
    /// Where to `PUT` it, straight to the storage; without, to `/uploads/{id}/parts/{number}`.
    pub url: Option<String>,
}

/// A part that came.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PartView {
    /// From 1.
    pub number: u32,
    /// Bytes.
    pub size: u64,
    /// Lower-case hexadecimal.
    pub sha256: String,
}

/// How an upload stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct UploadView {
    /// `receiving`, `checking`, `accepted`, `refused`.
    pub state: &'static str,
    /// The numbers of the parts that are there.
    pub received: Vec<u32>,
}

/// An upload of somebody's own dossier.
async fn own(app: &Arrival, who: Option<&Actor>, id: UploadId) -> Result<Upload> {
    let upload = rows::find(app.database.read(), id).await?;
    // Who is not signed in learns that, and no more.
    if who.is_none() {
        return Err(ami_domain::policy::Denial::SignInFirst.into());
    }
    let upload = upload.ok_or_else(Error::not_found)?;
    let (call, dossier) = app.dossier(upload.dossier).await?;
    decide(Action::ReadOwnDossier, who, &about(app.at, &call, &dossier))?;
    Ok(upload)
}

/// The same, of a dossier that may be changed.
async fn own_to_change(app: &Arrival, who: Option<&Actor>, id: UploadId) -> Result<Upload> {
    let upload = own(app, who, id).await?;
    let (call, dossier) = app.dossier(upload.dossier).await?;
    decide(Action::EditDossier, who, &about(app.at, &call, &dossier))?;
    Ok(upload)
}

fn key_of(upload: &Upload) -> Result<ObjectKey> {
    upload.object_key.parse().map_err(Error::internal)
}

/// Bytes that uploads under way hold in a dossier, but for one of them; `again` are those that whoever sends a file to a slot may
/// have left there.
pub(crate) async fn reserved(
    work: &Work<'_>,
    dossier: &Dossier,
    but: Option<UploadId>,
    again: impl Fn(&Upload) -> bool + Send,
) -> Result<u64> {
    let open = rows::open_of(work.tx.read(), dossier.id).await?;
    Ok(open.iter().filter(|upload| Some(upload.id) != but && !again(upload)).map(|upload| upload.size).sum())
}

/// Begins an upload: its room is reserved, and it has two hours from one part to the next.
///
/// # Errors
/// `file-too-large`, `file-empty`, `too-many-files`, `dossier-too-large`, `too-many-uploads`; nothing is kept then.
pub async fn begin_upload(
    app: &Arrival,
    who: Option<&Actor>,
    dossier: DossierId,
    new: &NewUpload,
) -> Result<BegunUpload> {
    let sha256 = new.sha256.as_deref().map(str::to_ascii_lowercase).filter(|sha256| !sha256.is_empty());
    if sha256.as_ref().is_some_and(|s| s.len() != 64 || !s.bytes().all(|b| b.is_ascii_hexdigit())) {
        return Err(Error::field("/sha256", "sha256"));
    }
    let new = NewUpload { sha256, ..new.clone() };
    let id = app
        .write_once(who, (dossier, new), |work, (dossier, new)| {
            Box::pin(async move { reserve(work, *dossier, new).await })
        })
        .await?;
    let upload = begun(app, id).await?;
    let (key, storage_id) = (key_of(&upload)?, upload.storage_id.clone().unwrap_or_default());
    let mut parts = Vec::new();
    for number in part_numbers(upload.size) {
        parts.push(PartToSend { number, url: app.storage.presign_part(&key, &storage_id, number).await? });
    }
    Ok(BegunUpload { id: id.uuid(), parts, part_size: PART_SIZE })
}

/// Reserves the room of an upload. What the same person had begun to send there before gives way.
async fn reserve(work: &Work<'_>, id: DossierId, new: &NewUpload) -> Result<UploadId> {
    let (call, dossier) = lock_dossier(work.tx, id).await?;
    let subject = about(work.at(), &call, &dossier);
    decide(Action::ReadOwnDossier, work.who(), &subject)?;
    let permit = permit::<acts::EditDossier>(work.who(), &subject)?;
    let slot = call.definition.slot(&new.slot).ok_or_else(|| Error::field("/slot", "slot-unknown"))?;
    if new.size == 0 {
        return Err(Error::new(Kind::Invalid, "file-empty"));
    }
    if new.size > slot.max_bytes {
        return Err(too_large(slot.max_bytes));
    }
    let pieces = pieces_rows::pieces(work.tx.read(), id).await?;
    let in_slot = pieces.iter().filter(|piece| piece.slot == slot.code).count();
    let single = slot.max_files == 1;
    if !single && in_slot >= slot.max_files as usize {
        return Err(Error::new(Kind::Conflict, "too-many-files").with("max", slot.max_files));
    }
    let (mut held, mut open) = (0, 0);
    for other in rows::open_of(work.tx.read(), id).await? {
        let again = other.by == permit.by() && other.slot == slot.code && (single || other.name == new.name);
        if again && other.state == UploadState::Receiving {
            checking::expire(work, &other).await?;
            objects::doom(work.tx, &other.object_key, work.at()).await?;
        } else {
            (held, open) = (held + other.size, open + 1);
        }
    }
    if open >= MOST_OPEN {
        return Err(Error::new(Kind::Conflict, "too-many-uploads"));
    }
    let kept: u64 = pieces.iter().filter(|piece| !(single && piece.slot == slot.code)).map(|piece| piece.size).sum();
    let most = call.definition.dossier_max_bytes;
    if kept + held + new.size > most {
        return Err(Error::new(Kind::TooLarge, "dossier-too-large").with("max", ami_views::size(most)));
    }
    let upload = Upload {
        id: work.id(),
        dossier: id,
        slot: slot.code.clone(),
        name: new.name.clone(),
        size: new.size,
        sha256: new.sha256.clone(),
        state: UploadState::Receiving,
        storage_id: None,
        object_key: String::new(),
        piece: None,
        refusal: None,
        created_at: work.at(),
        by: permit.by(),
        completed_at: None,
    };
    let upload = Upload { object_key: ObjectKey::for_piece(upload.id.uuid()).as_str().to_owned(), ..upload };
    rows::insert_upload(work.tx, &permit, &upload).await?;
    let after = work.at().checked_add(UPLOAD_TIME).map_err(Error::internal)?;
    objects::doom(work.tx, &upload.object_key, after).await?;
    Ok(upload.id)
}

/// An upload that the storage knows: it is told now where it was not.
async fn begun(app: &Arrival, id: UploadId) -> Result<Upload> {
    let find = async || rows::find(app.database.read(), id).await?.ok_or_else(Error::not_found);
    let upload = find().await?;
    if upload.storage_id.is_some() || upload.state != UploadState::Receiving {
        return Ok(upload);
    }
    let key = key_of(&upload)?;
    let storage_id = app.storage.begin_parts(&key, "application/octet-stream").await?;
    let first = app
        .write(None, (id, storage_id.clone()), |work, (id, storage_id)| {
            Box::pin(async move { Ok(rows::begin_parts(work.tx, *id, storage_id).await?) })
        })
        .await;
    if !matches!(first, Ok(true)) {
        app.storage.abort_parts(&key, &storage_id).await?;
    }
    first?;
    find().await
}

/// Receives a part; one sent again takes the place of the one before. The policy is asked before any byte is read.
///
/// # Errors
/// `part-number`, `part-size`, `upload-over` unless the upload waits for parts.
pub async fn put_part(
    app: &Arrival,
    who: Option<&Actor>,
    id: UploadId,
    number: u32,
    reader: impl AsyncRead,
) -> Result<PartView> {
    let upload = own_to_change(app, who, id).await?;
    waits(&upload)?;
    let last = *part_numbers(upload.size).end();
    let wrong_number = || Error::new(Kind::Invalid, "part-number").with("max", last);
    let bytes = part_bytes(upload.size, number).ok_or_else(wrong_number)?;
    let wrong_size = |kind| Error::new(kind, "part-size").with("number", number).with("bytes", bytes);
    let part = app.spool.receive(reader, bytes).await.map_err(|error| match received(error) {
        error if error.code == "file-too-large" => wrong_size(Kind::TooLarge),
        error => error,
    })?;
    if part.size() != bytes {
        return Err(wrong_size(Kind::Invalid));
    }
    let upload = begun(app, id).await?;
    let key = key_of(&upload)?;
    // It may have been given up, or completed, while the part came in.
    app.write(None, id, |work, &id| {
        Box::pin(async move {
            let upload = rows::find_for_update(work.tx, id).await?.ok_or_else(Error::not_found)?;
            waits(&upload)
        })
    })
    .await?;
    doom(app, &key, UPLOAD_TIME).await?;
    app.storage.put_part(&key, upload.storage_id.as_deref().unwrap_or_default(), number, &part).await?;
    Ok(PartView { number, size: part.size(), sha256: part.sha256_hex() })
}

fn waits(upload: &Upload) -> Result<()> {
    match upload.state {
        UploadState::Receiving => Ok(()),
        UploadState::Refused => Err(checking::refusal(upload)),
        UploadState::Checking | UploadState::Accepted => Err(Error::new(Kind::Conflict, "upload-over")),
    }
}

/// How an upload stands, and which parts are there: what a script asks before it goes on.
pub async fn show_upload(app: &Arrival, who: Option<&Actor>, id: UploadId) -> Result<UploadView> {
    let upload = own(app, who, id).await?;
    let received = match (upload.state, &upload.storage_id) {
        (UploadState::Receiving, Some(storage_id)) => {
            let parts = app.storage.list_parts(&key_of(&upload)?, storage_id).await?;
            let whole = |number: u32, size| part_bytes(upload.size, number) == Some(size);
            parts.iter().filter(|part| whole(part.number, part.size)).map(|part| part.number).collect()
        }
        (UploadState::Receiving, None) | (UploadState::Refused, _) => Vec::new(),
        (UploadState::Checking | UploadState::Accepted, _) => part_numbers(upload.size).collect(),
    };
    Ok(UploadView { state: upload.state.as_str(), received })
}
