//! Receipts: their facts are fixed with the deposit, and what is shown, printed and sent is made of them.

use ami_database::calls::{self, Call};
use ami_database::documents::{self as rows, Document, DocumentKind, Subject};
use ami_database::{deposits, dossiers};
use ami_documents::{ReceiptDocument, ReceiptPiece};
use ami_domain::call::{CallDefinition, day, implicit_rejection_day};
use ami_domain::deposit::Deposit;
use ami_domain::dossier::Dossier;
use ami_domain::ids::{DepositId, DossierId};
use ami_domain::policy::{Action, decide};
use ami_domain::receipt::ReceiptNumber;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::documents::NamedFile;
use crate::evidence::Evidence;
use crate::{Actor, Arrival, Error, Result, Settings, Work, about, documents, tokens, verification};

/// The proof of a deposit.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Receipt {
    /// The dossier's number.
    pub number: String,
    /// The receipt's own, which nobody guesses: whoever holds it may ask whether the receipt is genuine.
    pub receipt_number: String,
    /// Where anyone may ask so.
    pub verify_url: String,
    /// 1, 2, …; the last one counts.
    pub version: i64,
    /// By the server's clock.
    #[schema(value_type = String, format = DateTime)]
    pub deposited_at: Timestamp,
    /// Whether it is what counts; otherwise it was replaced by a later deposit, taken back or withdrawn.
    pub counts: bool,
    /// The version of the deposit that took its place.
    pub replaced_by: Option<i64>,
    /// The call's title.
    pub call_title: String,
    /// The lot's code.
    pub lot: String,
    /// The lot's name.
    pub lot_label: String,
    /// Who applied.
    pub organisation: String,
    /// Fourteen digits.
    pub siret: String,
    /// Who calls.
    pub authority: String,
    /// Service, address, e-mail, telephone: one line each.
    pub service: Vec<String>,
    /// The text of the receipt.
    pub text: String,
    /// The day on which silence rejects the request.
    #[schema(value_type = String, format = Date)]
    pub implicit_rejection_on: jiff::civil::Date,
    /// Every file.
    pub pieces: Vec<ReceiptPieceView>,
    /// SHA-256 of everything that was filed.
    pub content_sha256: String,
    /// Whether it belongs to a demonstration.
    pub demonstration: bool,
}

/// A file of a receipt.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReceiptPieceView {
    /// The slot's code.
    pub slot: String,
    /// The slot's label.
    pub label: String,
    /// The file's name.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Lower-case hexadecimal.
    pub sha256: String,
}

/// The facts of a receipt as it was issued: kept as JSON, never changed, whatever becomes of the call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ReceiptRecord {
    /// How the rest is written.
    format: u32,
    /// When these facts were fixed: with the deposit, but for deposits that are older than such records.
    made_at: Timestamp,
    call: String,
    call_version: i64,
    call_title: String,
    number: String,
    version: i64,
    deposited_at: Timestamp,
    lot: String,
    lot_label: String,
    organisation: String,
    siret: String,
    authority: String,
    service: Vec<String>,
    text: String,
    remedies: String,
    implicit_rejection_on: jiff::civil::Date,
    pieces: Vec<RecordedPiece>,
    content_sha256: String,
    /// The end of the call's journal at that instant, entry and hash: printed, it proves what came before.
    #[serde(default)]
    journal: Option<(i64, String)>,
    demonstration: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct RecordedPiece {
    slot: String,
    label: String,
    name: String,
    size: u64,
    sha256: String,
}

const FORMAT: u32 = 1;

impl ReceiptRecord {
    fn new(definition: &CallDefinition, deposit: &Deposit, content_sha256: String, made_at: Timestamp) -> Result<Self> {
        let content = &deposit.content;
        let lot_label = definition.lot(&content.lot).map_or_else(String::new, |l| l.label.clone());
        let implicit = implicit_rejection_day(day(deposit.at), definition.rules.implicit_rejection_months)
            .map_err(Error::internal)?;
        let when = ami_views::date_time(deposit.at);
        let (date, hour) = when.split_once(" à ").unwrap_or((&when, ""));
        let hour = hour.split(" (").next().unwrap_or(hour);
        let service = &definition.service;
        // A receipt's remedies run from the silence that it announces, a letter's from its notification.
        let remedies = if definition.texts.contains_key("receipt_remedies") { "receipt_remedies" } else { "remedies" };
        let remedies = definition.text(remedies, &[("tribunal", &definition.rules.court)]).map_err(Error::internal)?;
        let variables = [
            ("date", date),
            ("heure", hour),
            ("numero", &content.number),
            ("structure", &content.organisation),
            ("lot", &format!("{} ({lot_label})", content.lot)),
            ("service", &service.name),
            ("adresse", &service.address),
            ("courriel", &service.email),
            ("telephone", &service.phone),
            ("date_implicite", &implicit.strftime("%d/%m/%Y").to_string()),
            ("voies_recours", &remedies),
        ];
        let text = definition.text("receipt", &variables).map_err(Error::internal)?;
        let pieces = content.pieces.iter().map(|p| RecordedPiece {
            slot: p.slot.clone(),
            label: definition.slot(&p.slot).map_or_else(String::new, |s| s.label.clone()),
            name: p.name.clone(),
            size: p.size,
            sha256: p.sha256.clone(),
        });
        Ok(Self {
            format: FORMAT,
            made_at,
            call: content.call.clone(),
            call_version: content.call_version,
            call_title: definition.title.clone(),
            number: content.number.clone(),
            version: deposit.version,
            deposited_at: deposit.at,
            lot: content.lot.clone(),
            lot_label,
            organisation: content.organisation.clone(),
            siret: content.siret.clone(),
            authority: definition.authority.name.clone(),
            service: vec![service.name.clone(), service.address.clone(), service.email.clone(), service.phone.clone()],
            text,
            remedies,
            implicit_rejection_on: implicit,
            pieces: pieces.collect(),
            content_sha256,
            journal: None,
            demonstration: definition.demonstration,
        })
    }

    fn read(record: &str) -> Result<Self> {
        let read: Self = serde_json::from_str(record).map_err(Error::internal)?;
        if read.format == FORMAT {
            Ok(read)
        } else {
            Err(Error::internal(format!("receipt of format {}", read.format)))
        }
    }

    fn into_view(self, standing: Standing, number: &ReceiptNumber, settings: &Settings) -> Receipt {
        Receipt {
            number: self.number,
            receipt_number: number.to_string(),
            verify_url: verify_url(settings, number),
            version: self.version,
            deposited_at: self.deposited_at,
            counts: standing.counts,
            replaced_by: standing.replaced_by,
            call_title: self.call_title,
            lot: self.lot,
            lot_label: self.lot_label,
            organisation: self.organisation,
            siret: self.siret,
            authority: self.authority,
            service: self.service,
            text: self.text,
            implicit_rejection_on: self.implicit_rejection_on,
            pieces: self
                .pieces
                .into_iter()
                .map(|p| ReceiptPieceView {
                    slot: p.slot,
                    label: p.label,
                    name: p.name,
                    size: p.size,
                    sha256: p.sha256,
                })
                .collect(),
            content_sha256: self.content_sha256,
            demonstration: self.demonstration,
        }
    }
}

/// What became of a deposit since.
struct Standing {
    counts: bool,
    replaced_by: Option<i64>,
}

/// Fixes the facts of a deposit's receipt, in the deposit's own transaction; gives the document, which is drawn later.
pub(crate) async fn issue(
    work: &Work<'_>,
    call: &Call,
    deposit: &Deposit,
    content_sha256: String,
) -> Result<(Document, Receipt)> {
    let head = ami_database::journal::last_head(work.tx.read(), &call.id.to_string()).await?;
    let record = ReceiptRecord {
        journal: head.map(|head| (head.seq, head.hash)),
        ..ReceiptRecord::new(&call.definition, deposit, content_sha256, work.at())?
    };
    let document = keep(work, deposit.id, &record).await?;
    let view = record.into_view(Standing { counts: true, replaced_by: None }, own_number(&document)?, work.settings());
    Ok((document, view))
}

/// Fixes the facts of a receipt that was issued before they were kept, as the deposit and its version of the call say them.
pub(crate) async fn issue_late(work: &Work<'_>, deposit: DepositId) -> Result<Document> {
    let conn = work.tx.read();
    let sealed = deposits::find(conn, deposit).await?.ok_or_else(Error::not_found)?;
    let dossier = dossiers::find(conn, sealed.deposit.dossier).await?.ok_or_else(Error::not_found)?;
    let call = calls::find(conn, dossier.call).await?.ok_or_else(Error::not_found)?;
    let definition = calls::version(conn, &call, sealed.deposit.content.call_version).await?;
    let record = ReceiptRecord::new(&definition, &sealed.deposit, sealed.sha256, work.at())?;
    keep(work, deposit, &record).await
}

async fn keep(work: &Work<'_>, deposit: DepositId, record: &ReceiptRecord) -> Result<Document> {
    let document = Document {
        id: work.id(),
        kind: DocumentKind::Receipt,
        name: format!("accuse-reception-{}.pdf", record.number),
        media_type: "application/pdf".into(),
        record: serde_json::to_string(record).map_err(Error::internal)?,
        number: Some(ReceiptNumber::from_random(tokens::random().map_err(Error::internal)?)),
    };
    rows::insert_document(work.tx, Subject::Receipt(deposit), &document, work.at()).await?;
    Ok(document)
}

/// The number of a receipt.
fn own_number(document: &Document) -> Result<&ReceiptNumber> {
    document.number.as_ref().ok_or_else(|| Error::internal("a receipt without a number"))
}

/// The page on which anyone verifies a receipt.
fn verify_url(settings: &Settings, number: &ReceiptNumber) -> String {
    settings.url(&format!("/accuses/{}", number.as_str()))
}

/// When the dossier of a receipt was filed.
pub(crate) fn deposited_at(document: &Document) -> Result<Timestamp> {
    Ok(ReceiptRecord::read(&document.record)?.deposited_at)
}

/// Draws a receipt from its facts, and seals it.
pub(crate) fn draw(document: &Document, evidence: &Evidence, settings: &Settings) -> Result<Vec<u8>> {
    let record = ReceiptRecord::read(&document.record)?;
    let number = own_number(document)?;
    let mut facts = vec![
        ("Accusé n°".into(), number.to_string()),
        ("Dossier n°".into(), record.number),
        ("Dépôt".into(), format!("version {}", record.version)),
        ("Reçu le".into(), ami_views::date_time(record.deposited_at)),
        ("Lot".into(), format!("{} — {}", record.lot, record.lot_label)),
        ("Structure".into(), format!("{} (SIRET {})", record.organisation, record.siret)),
    ];
    if let Some((seq, hash)) = record.journal {
        facts.push(("Journal de l'appel".into(), format!("acte {seq}, empreinte {hash}")));
    }
    if record.made_at != record.deposited_at {
        let late = format!("{}, d'après le dépôt conservé", ami_views::date_time(record.made_at));
        facts.push(("Établi le".into(), late));
    }
    let document = ReceiptDocument {
        authority: record.authority,
        service: record.service,
        title: "Accusé de réception électronique".into(),
        subtitle: record.call_title,
        at: record.deposited_at,
        facts,
        text: record.text,
        pieces: record
            .pieces
            .into_iter()
            .map(|p| ReceiptPiece { slot: p.slot, name: p.name, size: ami_views::size(p.size), sha256: p.sha256 })
            .collect(),
        content_sha256: record.content_sha256,
        verify_url: verify_url(settings, number),
        verify_text: ami_views::message("receipt-verify", &[("url", settings.url("/accuses"))]).unwrap_or_default(),
        demonstration: record.demonstration,
    };
    Ok(verification::seal(evidence, ami_documents::receipt_pdf(&document).map_err(Error::internal)?, number))
}

/// The deposit that a receipt is asked for, and what became of it; the last one without a version.
async fn asked(
    app: &Arrival,
    who: Option<&Actor>,
    id: DossierId,
    version: Option<i64>,
) -> Result<(DepositId, Standing)> {
    let conn = app.database.read();
    let (call, dossier) = app.dossier(id).await?;
    decide(Action::ReadOwnDossier, who, &about(app.at, &call, &dossier))?;
    let lines = deposits::of_dossier(conn, id).await?;
    let found = lines.iter().find(|line| version.is_none_or(|v| v == line.version)).ok_or_else(Error::not_found)?;
    let later = lines.first().map(|line| line.version).filter(|last| *last > found.version);
    Ok((found.id, Standing { counts: counts(&dossier, found.id), replaced_by: later }))
}

/// Whether a deposit is what counts of its dossier.
pub(crate) fn counts(dossier: &Dossier, deposit: DepositId) -> bool {
    let withdrawn = dossier.state_name() == ami_domain::dossier::DossierStateName::Withdrawn;
    !withdrawn && dossier.filing().is_some_and(|filing| filing.deposit == deposit)
}

/// A receipt as it was issued; the last one without a version.
pub async fn show_receipt(app: &Arrival, who: Option<&Actor>, id: DossierId, version: Option<i64>) -> Result<Receipt> {
    let (deposit, standing) = asked(app, who, id, version).await?;
    let document = documents::receipt_document(app, deposit).await?;
    Ok(ReceiptRecord::read(&document.record)?.into_view(standing, own_number(&document)?, &app.settings))
}

/// The same as PDF, always the same bytes.
pub async fn receipt_pdf(app: &Arrival, who: Option<&Actor>, id: DossierId, version: Option<i64>) -> Result<NamedFile> {
    let (deposit, _) = asked(app, who, id, version).await?;
    let document = documents::receipt_document(app, deposit).await?;
    let record = ReceiptRecord::read(&document.record)?;
    let name = format!("accuse-reception-{}-v{}.pdf", record.number, record.version);
    Ok(NamedFile { name, bytes: documents::document_bytes(app, document.id).await? })
}
