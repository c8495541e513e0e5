//! Files: received, recognised, scanned, stored, and only then a piece of a dossier.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ami_database::dossiers::{self as rows, Piece};
use ami_database::{deposits, objects};
use ami_domain::call::{CallDefinition, Class};
use ami_domain::ids::{DossierId, PieceId, UploadId};
use ami_domain::pieces::{Format, PieceSlot, safe_name};
use ami_domain::policy::{Action, acts, decide, permit};
pub use ami_storage::Object as Opened;
use ami_storage::{Format as Recognised, InspectError, ObjectKey, ReceiveError, Refused, Spooled, Verdict, inspect};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::json;
use tokio::io::AsyncRead;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::uploads::{self, Upload};
use crate::{Actor, Arrival, Error, Kind, Result, Work, about, about_for_seat, lock_dossier};

/// A file, as those who may open it see it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PieceView {
    /// Its id.
    pub id: Uuid,
    /// The slot's code.
    pub slot: String,
    /// The slot's label.
    pub label: String,
    /// Its name.
    pub name: String,
    /// Known from its bytes.
    #[schema(value_type = String)]
    pub format: Format,
    /// Bytes.
    pub size: u64,
    /// Lower-case hexadecimal.
    pub sha256: String,
    /// Whether a scanner passed it; `false` where none is configured.
    pub scanned: bool,
    /// Whether a browser shows it in place.
    pub shown_inline: bool,
    /// When it came.
    #[schema(value_type = String, format = DateTime)]
    pub uploaded_at: Timestamp,
}

impl PieceView {
    pub(crate) fn new(piece: &Piece, call: &CallDefinition) -> Self {
        Self {
            id: piece.id.uuid(),
            slot: piece.slot.clone(),
            label: call.slot(&piece.slot).map_or_else(String::new, |s| s.label.clone()),
            name: piece.name.clone(),
            format: piece.format,
            size: piece.size,
            sha256: piece.sha256.clone(),
            scanned: piece.scanned,
            shown_inline: piece.format.shown_inline(),
            uploaded_at: piece.uploaded_at,
        }
    }
}

const fn format(recognised: Recognised) -> Format {
    match recognised {
        Recognised::Pdf => Format::Pdf,
        Recognised::Jpeg => Format::Jpg,
        Recognised::Png => Format::Png,
        Recognised::Odt => Format::Odt,
        Recognised::Ods => Format::Ods,
        Recognised::Docx => Format::Docx,
        Recognised::Xlsx => Format::Xlsx,
    }
}

pub(crate) fn too_large(max: u64) -> Error {
    Error::new(Kind::TooLarge, "file-too-large").with("max", ami_views::size(max))
}

/// Whether a file may be sent to a slot: asked before anything of it is read.
pub async fn may_upload(app: &Arrival, who: Option<&Actor>, id: DossierId, slot: &str) -> Result<()> {
    let (call, dossier) = app.dossier(id).await?;
    let subject = about(app.at, &call, &dossier);
    decide(Action::ReadOwnDossier, who, &subject)?;
    decide(Action::EditDossier, who, &subject)?;
    call.definition.slot(slot).map(|_| ()).ok_or_else(Error::not_found)
}

/// Receives a file for a slot. In a slot for one file it takes the place of the one before.
///
/// # Errors
/// `file-too-large`, `file-empty`, `file-interrupted`, `file-format` (with what is accepted) and its kin, `file-infected`,
/// `too-many-files`, `dossier-too-large`. Nothing changes then.
pub async fn upload_piece(
    app: &Arrival,
    who: Option<&Actor>,
    id: DossierId,
    slot: &str,
    given_name: &str,
    reader: impl AsyncRead,
) -> Result<PieceView> {
    let (call, dossier) = app.dossier(id).await?;
    let subject = about(app.at, &call, &dossier);
    decide(Action::ReadOwnDossier, who, &subject)?;
    decide(Action::EditDossier, who, &subject)?;
    let by = who.ok_or(ami_domain::policy::Denial::SignInFirst)?.account;
    let definition = Arc::clone(&call.definition);
    let slot = definition.slot(slot).ok_or_else(Error::not_found)?;
    let piece_id: Uuid = app.id();
    let file = app.spool.receive(reader, slot.max_bytes).await.map_err(received)?;
    let (format, scanned) = check_file(app, slot, &file).await?;
    let key = ObjectKey::for_piece(piece_id);
    // Whatever happens from here on, the object goes by itself unless it becomes a piece.
    doom(app, &key, UPLOAD_TIME).await?;
    app.storage.put_spooled(&key, &file, format.media_type()).await?;

    // The object is whole and checked; the row makes it a piece. The dossier may have moved while the file came in.
    let piece = Piece {
        id: piece_id.into(),
        dossier: id,
        slot: slot.code.clone(),
        name: safe_name(given_name, format),
        format,
        size: file.size(),
        sha256: file.sha256_hex(),
        object_key: key.as_str().to_owned(),
        scanned,
        uploaded_at: app.at,
        uploaded_by: by,
    };
    let kept =
        app.write(who, piece.clone(), |work, piece| Box::pin(async move { keep_piece(work, piece, None).await })).await;
    if let Err(error) = kept {
        // At worst it goes later.
        let _ = doom(app, &key, SignedDuration::ZERO).await;
        return Err(error);
    }
    app.uploaded.fetch_add(piece.size, Ordering::Relaxed);
    Ok(PieceView::new(&piece, &definition))
}

/// Why a file was not received.
pub(crate) fn received(error: ReceiveError) -> Error {
    match error {
        ReceiveError::TooLarge { max } => too_large(max),
        ReceiveError::Empty => Error::new(Kind::Invalid, "file-empty"),
        ReceiveError::Interrupted(cause) => {
            Error { cause: Some(cause.to_string()), ..Error::new(Kind::Invalid, "file-interrupted") }
        }
        other @ (ReceiveError::Full | ReceiveError::Disk(_)) => Error::unavailable(other),
    }
}

/// Looks at a file that was received: what it is by its bytes, and whether a scanner passed it.
pub(crate) async fn check_file(app: &Arrival, slot: &PieceSlot, file: &Spooled) -> Result<(Format, bool)> {
    let accepted = slot.formats_label();
    let recognised = inspect(file.path()).await;
    let refused = |code: &'static str| {
        Error::new(Kind::UnsupportedType, code).with("accepted", &accepted).with("slot", &slot.label)
    };
    let recognised = match recognised {
        Ok(recognised) => recognised,
        Err(InspectError::Refused(reason)) => {
            return Err(refused(match reason {
                Refused::EncryptedPdf | Refused::EncryptedOffice | Refused::EncryptedArchive => "file-encrypted",
                Refused::TruncatedPdf | Refused::TruncatedImage | Refused::BrokenArchive | Refused::ArchiveTooLarge => {
                    "file-damaged"
                }
                Refused::Macros => "file-macros",
                Refused::ActivePdf => "file-active",
                Refused::LegacyOffice => "file-old-office",
                Refused::Unknown { .. } => "file-format",
            }));
        }
        Err(error @ InspectError::File(_)) => return Err(Error::unavailable(error)),
    };
    let format = format(recognised);
    if !slot.formats.contains(&format) {
        return Err(refused("file-format"));
    }
    let scanned = match app.scanner.scan(file.path()).await.map_err(Error::unavailable)? {
        Verdict::Clean => true,
        Verdict::NotScanned => false,
        Verdict::Infected { name } => return Err(Error::new(Kind::Invalid, "file-infected").with("virus", name)),
    };
    Ok((format, scanned))
}

/// How long a stored file may take to become a piece.
pub(crate) const UPLOAD_TIME: SignedDuration = SignedDuration::from_hours(2);

/// Lets a stored file go after a while, unless it becomes a piece.
pub(crate) async fn doom(app: &Arrival, key: &ObjectKey, after: SignedDuration) -> Result<()> {
    let after = app.clock.now().checked_add(after).map_err(Error::internal)?;
    app.write(None, (key.as_str().to_owned(), after), |work, (key, after)| {
        Box::pin(async move { Ok(objects::doom(work.tx, key, *after).await?) })
    })
    .await
}

/// Removes stored files that no piece came to name, or names any more; gives how many.
pub async fn sweep_objects(app: &Arrival) -> Result<usize> {
    if !objects::due(app.database.read(), app.at).await? {
        return Ok(0);
    }
    let claim = app.write(None, (), |work, ()| {
        Box::pin(async move {
            let due: Vec<String> = objects::claim(work.tx, work.at(), 100).await?;
            let uploads = ami_database::uploads::of_objects(work.tx.read(), &due).await?;
            for upload in uploads.iter().filter(|upload| upload.state.is_open()) {
                uploads::expire(work, upload).await?;
            }
            Ok((due, uploads))
        })
    });
    let (due, uploads) = claim.await?;
    for key in &due {
        let object = key.parse::<ObjectKey>().map_err(Error::internal)?;
        let parts = uploads.iter().find(|upload| upload.object_key == *key);
        if let Some(storage_id) = parts.and_then(|upload| upload.storage_id.as_deref()) {
            app.storage.abort_parts(&object, storage_id).await?;
        }
        app.storage.delete(&object).await?;
    }
    let swept = due.len();
    if swept > 0 {
        app.write(None, due, |work, due| Box::pin(async move { Ok(objects::gone(work.tx, due).await?) })).await?;
    }
    Ok(swept)
}

/// Lets the file of a piece go that is no more, unless it was filed once: a deposit keeps what it filed.
pub(crate) async fn let_go(work: &Work<'_>, piece: &Piece) -> Result<()> {
    if !deposits::holds_piece(work.tx.read(), piece.dossier, piece.id).await? {
        objects::doom(work.tx, &piece.object_key, work.at()).await?;
    }
    Ok(())
}

/// Makes a stored file a piece, in the place of the one before where the slot holds one.
pub(crate) async fn keep_piece(work: &Work<'_>, piece: &Piece, upload: Option<UploadId>) -> Result<()> {
    let tx = work.tx;
    let (call, dossier) = lock_dossier(tx, piece.dossier).await?;
    let permit = permit::<acts::EditDossier>(work.who(), &about(work.at(), &call, &dossier))?;
    let slot = call.definition.slot(&piece.slot).ok_or_else(Error::not_found)?;
    let existing = rows::pieces(tx.read(), dossier.id).await?;
    let in_slot: Vec<&Piece> = existing.iter().filter(|p| p.slot == slot.code).collect();
    let replaced = if slot.max_files == 1 { in_slot.first().copied() } else { None };
    if replaced.is_none() && in_slot.len() >= slot.max_files as usize {
        return Err(Error::new(Kind::Conflict, "too-many-files").with("max", slot.max_files));
    }
    let total: u64 = existing.iter().filter(|p| replaced.is_none_or(|old| old.id != p.id)).map(|p| p.size).sum();
    let most = call.definition.dossier_max_bytes;
    // What others are sending has its room; what the same person began to send here gives way to this.
    let again = |other: &Upload| upload.is_none() && other.by == permit.by() && other.slot == piece.slot;
    let held = uploads::reserved(work, &dossier, upload, again).await?;
    if total + held + piece.size > most {
        return Err(Error::new(Kind::TooLarge, "dossier-too-large").with("max", ami_views::size(most)));
    }
    if let Some(old) = replaced {
        rows::remove_piece(tx, &permit, old.id, work.at()).await?;
        let_go(work, old).await?;
    }
    // Slower than any upload may be: the object may be gone by now.
    if !objects::spare(tx, &piece.object_key).await? {
        return Err(Error::new(Kind::Invalid, "file-interrupted"));
    }
    rows::insert_piece(tx, &permit, piece).await?;
    let details = json!({ "slot": piece.slot, "sha256": piece.sha256, "size": piece.size });
    let subject = ("dossier", dossier.id.to_string());
    work.record(Some(call.id), Some(permit.by()), Action::EditDossier, subject, details).await?;
    Ok(())
}

/// Takes a file out of a draft.
pub async fn remove_piece(app: &Arrival, who: Option<&Actor>, id: DossierId, piece: PieceId) -> Result<()> {
    app.write(who, (id, piece), |work, &(id, piece)| {
        Box::pin(async move {
            let (call, dossier) = lock_dossier(work.tx, id).await?;
            let subject = about(work.at(), &call, &dossier);
            decide(Action::ReadOwnDossier, work.who(), &subject)?;
            let permit = permit::<acts::EditDossier>(work.who(), &subject)?;
            let pieces = rows::pieces(work.tx.read(), id).await?;
            let known = pieces.iter().find(|p| p.id == piece).ok_or_else(Error::not_found)?;
            let_go(work, known).await?;
            rows::remove_piece(work.tx, &permit, piece, work.at()).await?;
            let subject = ("dossier", id.to_string());
            let details = json!({ "removed": piece });
            work.record(Some(call.id), Some(permit.by()), Action::EditDossier, subject, details).await?;
            Ok(())
        })
    })
    .await
}

/// Opens a file, for whoever may read its dossier: its applicant; an officer after closing, and a juror to whom it was
/// assigned (but for the slots that are hidden from jurors), if it is one of those that were filed.
pub async fn open_piece(app: &Arrival, who: Option<&Actor>, piece: PieceId) -> Result<(PieceView, Opened)> {
    let conn = app.database.read();
    let found = rows::find_piece(conn, piece).await?.ok_or_else(Error::not_found)?;
    let (call, dossier) = app.dossier(found.dossier).await?;
    let subject = about_for_seat(app, who, &call, &dossier).await?;
    let mut definition = Arc::clone(&call.definition);
    if let Err(denial) = decide(Action::ReadOwnDossier, who, &subject) {
        let officer = decide(Action::ReviewDossier, who, &subject).is_ok();
        if !officer && decide(Action::ReadAssigned, who, &subject).is_err() {
            return Err(denial.into());
        }
        // What the draft holds besides is nobody's but the applicant's.
        let filing = dossier.filing().ok_or_else(Error::not_found)?;
        let sealed = ami_database::deposits::find(conn, filing.deposit).await?.ok_or_else(Error::not_found)?;
        let content = sealed.deposit.content;
        definition = ami_database::calls::version(conn, &call, content.call_version).await?;
        let hidden = definition.slot(&found.slot).is_none_or(|s| s.class() > Class::Jury);
        if !content.pieces.iter().any(|p| p.id == piece) || hidden && !officer {
            return Err(Error::not_found());
        }
    }
    app.note_reading(who, "piece", piece);
    let object = app.storage.get(&found.object_key.parse::<ObjectKey>().map_err(Error::internal)?).await?;
    Ok((PieceView::new(&found, &definition), object))
}
