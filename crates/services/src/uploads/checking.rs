//! From the last part to a piece: put together, read whole, looked at as any file is.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ami_database::dossiers::{self, Piece};
use ami_database::{accounts, objects, uploads as rows};
use ami_domain::ids::{JobId, UploadId};
use ami_domain::pieces::safe_name;
use ami_domain::policy::{Action, decide};
use ami_domain::upload::{UploadState, missing_parts};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::{Upload, key_of, own_to_change};
use crate::jobs::{self, Ended};
use crate::pieces::{PieceView, UPLOAD_TIME, check_file, doom, keep_piece, received};
use crate::{Actor, Arrival, Error, Kind, Result, Work, about, lock_dossier};

/// How long a completion waits for the checks.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it looks when another request has them done.
const LOOK: Duration = Duration::from_millis(250);
/// When another server takes checks over that have not ended.
const TAKEN_OVER: SignedDuration = SignedDuration::from_mins(5);

/// What became of a completion.
#[derive(Debug, Clone)]
pub enum Completed {
    /// The upload is a piece.
    Piece(Box<PieceView>),
    /// The checks go on.
    Checking,
}

/// Why an upload is refused, as it is kept.
#[derive(Serialize, Deserialize)]
struct Refusal {
    code: String,
    args: Vec<(String, String)>,
}

/// Why an upload may be refused, with the kind of answer.
const REFUSALS: [(&str, Kind); 18] = [
    ("upload-expired", Kind::Conflict),
    ("upload-differs", Kind::Invalid),
    ("upload-lost", Kind::Conflict),
    ("file-too-large", Kind::TooLarge),
    ("file-empty", Kind::Invalid),
    ("file-interrupted", Kind::Invalid),
    ("file-encrypted", Kind::UnsupportedType),
    ("file-damaged", Kind::UnsupportedType),
    ("file-macros", Kind::UnsupportedType),
    ("file-active", Kind::UnsupportedType),
    ("file-old-office", Kind::UnsupportedType),
    ("file-format", Kind::UnsupportedType),
    ("file-infected", Kind::Invalid),
    ("too-many-files", Kind::Conflict),
    ("dossier-too-large", Kind::TooLarge),
    ("not-yours", Kind::Forbidden),
    ("not-found", Kind::NotFound),
    ("not-now", Kind::Conflict),
];
const ARGUMENTS: [&str; 4] = ["accepted", "slot", "virus", "max"];

/// Why an upload was refused.
pub(super) fn refusal(upload: &Upload) -> Error {
    let kept = upload.refusal.as_deref().and_then(|text| serde_json::from_str::<Refusal>(text).ok());
    let Refusal { code, args } = kept.unwrap_or(Refusal { code: "upload-expired".into(), args: vec![] });
    let known = REFUSALS.iter().find(|(known, _)| *known == code);
    let (code, kind) = known.copied().unwrap_or(("not-now", Kind::Conflict));
    args.into_iter().fold(Error::new(kind, code), |error, (name, value)| {
        match ARGUMENTS.iter().find(|known| **known == name) {
            Some(name) => error.with(name, value),
            None => error,
        }
    })
}

async fn refuse(work: &Work<'_>, id: UploadId, from: UploadState, code: &str, args: Value) -> Result<()> {
    let refusal = json!({ "code": code, "args": args }).to_string();
    Ok(rows::refuse(work.tx, id, from, &refusal).await?)
}

/// Gives an upload up that waits for parts no longer.
pub(crate) async fn expire(work: &Work<'_>, upload: &Upload) -> Result<()> {
    refuse(work, upload.id, upload.state, "upload-expired", json!([])).await
}

/// Makes a piece of an upload whose parts are all there. Waits for the checks a while; they go on without whoever asked.
///
/// # Errors
/// `upload-incomplete` with the parts that are missing; those of [`crate::pieces::upload_piece`], and `upload-differs` when the
/// file is not the one that was announced.
pub async fn complete_upload(app: &Arrival, who: Option<&Actor>, id: UploadId) -> Result<Completed> {
    let upload = own_to_change(app, who, id).await?;
    if upload.state == UploadState::Receiving {
        let storage_id = upload.storage_id.as_deref();
        let parts = match storage_id {
            Some(storage_id) => app.storage.list_parts(&key_of(&upload)?, storage_id).await?,
            None => vec![],
        };
        let missing = missing_parts(upload.size, &parts.iter().map(|p| (p.number, p.size)).collect::<Vec<_>>());
        if !missing.is_empty() {
            let missing: Vec<String> = missing.iter().map(u32::to_string).collect();
            return Err(Error::new(Kind::Conflict, "upload-incomplete").with("parts", missing.join(", ")));
        }
        let ours = app.write(who, id, |work, &id| Box::pin(async move { close(work, id).await })).await?;
        if ours {
            let checking = app.clone();
            // Beside the request: a client that goes away does not stop it.
            let checks = tokio::spawn(async move { check(&checking, id).await });
            match timeout(PATIENCE, checks).await {
                Ok(Ok(Ok(()))) | Err(_) => {}
                Ok(Ok(Err(error))) => tracing::warn!(%error, "an upload is checked again later"),
                Ok(Err(error)) => return Err(Error::internal(error)),
            }
            return ended(app, id).await;
        }
    }
    let begun = Instant::now();
    loop {
        match ended(app, id).await? {
            Completed::Checking if begun.elapsed() < PATIENCE => sleep(LOOK).await,
            other => return Ok(other),
        }
    }
}

/// Takes no more parts of an upload; `false` when somebody else has said so. Should this server be killed, a job takes over.
async fn close(work: &Work<'_>, id: UploadId) -> Result<bool> {
    let found = rows::find(work.tx.read(), id).await?.ok_or_else(Error::not_found)?;
    // The dossier first, as whoever begins another upload does.
    let (call, dossier) = lock_dossier(work.tx, found.dossier).await?;
    decide(Action::EditDossier, work.who(), &about(work.at(), &call, &dossier))?;
    let upload = rows::find_for_update(work.tx, id).await?.ok_or_else(Error::not_found)?;
    if upload.state == UploadState::Refused {
        return Err(refusal(&upload));
    }
    if !rows::set_checking(work.tx, id, work.at()).await? {
        return Ok(false);
    }
    let later = work.at().checked_add(TAKEN_OVER).map_err(Error::internal)?;
    jobs::enqueue(work, jobs::Kind::Upload, id.uuid().into(), Value::Null, None, later).await?;
    Ok(true)
}

/// What has become of an upload.
async fn ended(app: &Arrival, id: UploadId) -> Result<Completed> {
    let conn = app.database.read();
    let upload = rows::find(conn, id).await?.ok_or_else(Error::not_found)?;
    match (upload.state, upload.piece) {
        (UploadState::Refused, _) => Err(refusal(&upload)),
        (UploadState::Accepted, Some(piece)) => {
            let piece = dossiers::find_piece(conn, piece).await?.ok_or_else(Error::not_found)?;
            let (call, _) = app.dossier(piece.dossier).await?;
            Ok(Completed::Piece(Box::new(PieceView::new(&piece, &call.definition))))
        }
        _ => Ok(Completed::Checking),
    }
}

/// Checks an upload whose parts are all there. Done twice, it finds the upload a piece, or refused.
async fn check(app: &Arrival, id: UploadId) -> Result<()> {
    let Some(upload) = rows::find(app.database.read(), id).await? else { return Ok(()) };
    let Some(completed_at) = upload.completed_at.filter(|_| upload.state == UploadState::Checking) else {
        return Ok(());
    };
    // It counts at the instant at which it was completed, however long the checks take.
    let app = &app.clone().arrived_at(completed_at);
    let (code, args) = match examine(app, &upload).await {
        Ok(()) => return Ok(()),
        Err(error) if matches!(error.kind, Kind::Unavailable | Kind::Internal) => return Err(error),
        Err(error) => (error.code, error.args),
    };
    app.write(None, (id, code, json!(args)), |work, (id, code, args)| {
        Box::pin(async move { refuse(work, *id, UploadState::Checking, code, args.clone()).await })
    })
    .await?;
    // At worst it goes later.
    let _ = doom(app, &key_of(&upload)?, SignedDuration::ZERO).await;
    Ok(())
}

async fn examine(app: &Arrival, upload: &Upload) -> Result<()> {
    let key = key_of(upload)?;
    doom(app, &key, UPLOAD_TIME).await?;
    if app.storage.size(&key).await?.is_none() {
        let storage_id = upload.storage_id.as_deref().unwrap_or_default();
        let parts = app.storage.list_parts(&key, storage_id).await?;
        app.storage.finish_parts(&key, storage_id, &parts).await?;
    }
    let object = app.storage.get(&key).await?;
    let file = match app.spool.receive(object.reader, upload.size).await.map_err(received) {
        // The storage hung up, not whoever sent it.
        Err(error) if error.code == "file-interrupted" => return Err(Error::unavailable(error)),
        Err(error) if error.code == "file-too-large" => return Err(Error::new(Kind::Invalid, "upload-differs")),
        file => file?,
    };
    let same = upload.sha256.as_ref().is_none_or(|sha256| *sha256 == file.sha256_hex());
    if !same || file.size() != upload.size {
        return Err(Error::new(Kind::Invalid, "upload-differs"));
    }
    let conn = app.database.read();
    let (call, _) = app.dossier(upload.dossier).await?;
    let definition = Arc::clone(&call.definition);
    let slot = definition.slot(&upload.slot).ok_or_else(Error::not_found)?;
    let (format, scanned) = check_file(app, slot, &file).await?;
    let piece = Piece {
        id: upload.id.uuid().into(),
        dossier: upload.dossier,
        slot: slot.code.clone(),
        name: safe_name(&upload.name, format),
        format,
        size: file.size(),
        sha256: file.sha256_hex(),
        object_key: upload.object_key.clone(),
        scanned,
        uploaded_at: app.at,
        uploaded_by: upload.by,
    };
    let who = accounts::actor(conn, upload.by).await?.map(|(_, actor)| actor);
    app.write(who.as_ref(), (upload.id, piece), |work, (id, piece)| {
        Box::pin(async move {
            keep_piece(work, piece, Some(*id)).await?;
            // Checked twice at once: the other one was faster.
            if rows::accept(work.tx, *id, piece.id).await? { Ok(()) } else { Err(Error::unavailable("checked twice")) }
        })
    })
    .await?;
    app.uploaded.fetch_add(upload.size, Ordering::Relaxed);
    Ok(())
}

/// Checks an upload that another server may have left in the middle.
pub(crate) async fn check_again(app: &Arrival, job: JobId) -> Ended {
    check(app, job.uuid().into()).await.map_or_else(Ended::from, |()| Ended::Done)
}

/// Refuses an upload that could not be checked, with the end of its job.
pub(crate) async fn give_up(work: &Work<'_>, job: JobId) -> Result<()> {
    let id = job.uuid().into();
    if let Some(upload) = rows::find(work.tx.read(), id).await? {
        refuse(work, id, UploadState::Checking, "upload-lost", json!([])).await?;
        objects::doom(work.tx, &upload.object_key, work.at()).await?;
    }
    Ok(())
}
