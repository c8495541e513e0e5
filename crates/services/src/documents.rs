//! Documents that are given out: drawn once from their facts, and given out again as they were.

use std::sync::Arc;

use ami_database::documents::{self as rows, Document, DocumentKind, Subject};
use ami_domain::ids::{DepositId, DocumentId};

use crate::evidence::Evidence;
use crate::{Arrival, Error, Result, Settings, deliberations, letters, receipts};

/// The bytes of a document: those that were given out before, else drawn now, once for all.
///
/// # Errors
/// `not-found` when there is no such document.
pub async fn document_bytes(app: &Arrival, id: DocumentId) -> Result<Vec<u8>> {
    if let Some(bytes) = rows::bytes(app.database.read(), id).await? {
        return Ok(bytes);
    }
    let document = rows::find(app.database.read(), id).await?.ok_or_else(Error::not_found)?;
    let (evidence, settings) = (Arc::clone(&app.evidence), Arc::clone(&app.settings));
    let drawn = app.cores.run(move || draw(&document, &evidence, &settings)).await?;
    app.write(None, (id, drawn), |work, (id, drawn)| {
        Box::pin(async move {
            // Whoever was first has drawn it; the others give out the same.
            rows::keep_bytes(work.tx, *id, drawn, work.at()).await?;
            rows::bytes(work.tx.read(), *id).await?.ok_or_else(|| Error::internal("a document that was not kept"))
        })
    })
    .await
}

/// A file to be given out, with a name that tells it from its kind.
#[derive(Debug)]
pub struct NamedFile {
    /// Its name.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// The receipt of a deposit. Its facts were fixed with the deposit; those of older deposits are fixed now.
pub(crate) async fn receipt_document(app: &Arrival, deposit: DepositId) -> Result<Document> {
    if let Some(found) = rows::of_subject(app.database.read(), Subject::Receipt(deposit)).await? {
        return Ok(found);
    }
    app.write(None, deposit, |work, &deposit| {
        Box::pin(async move {
            match rows::of_subject(work.tx.read(), Subject::Receipt(deposit)).await? {
                Some(found) => Ok(found),
                None => receipts::issue_late(work, deposit).await,
            }
        })
    })
    .await
}

fn draw(document: &Document, evidence: &Evidence, settings: &Settings) -> Result<Vec<u8>> {
    match document.kind {
        DocumentKind::Receipt => receipts::draw(document, evidence, settings),
        DocumentKind::Annex => deliberations::draw_annex(&document.record),
        DocumentKind::Letter => letters::draw(&document.record),
    }
}
