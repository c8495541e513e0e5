//! The act of filing a dossier, and its proof.

use ami_database::calls::Call;
use ami_database::dossiers as rows;
use ami_documents::{ReceiptDocument, ReceiptPiece};
use ami_domain::call::{day, implicit_rejection_day};
use ami_domain::completeness::Gap;
use ami_domain::deposit::{Content, Deposit, FiledPiece};
use ami_domain::dossier::{Dossier, DossierError};
use ami_domain::ids::DossierId;
use ami_domain::policy::{Action, acts, decide, permit};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::dossiers::{Loaded, load_contents};
use crate::{Actor, Arrival, Error, Kind, Problem, Result, about, load_dossier, lock_dossier, outbox};

/// The proof of a deposit.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Receipt {
    /// The dossier's number.
    pub number: String,
    /// 1, 2, …; the last one counts.
    pub version: i64,
    /// By the server's clock.
    #[schema(value_type = String, format = DateTime)]
    pub deposited_at: Timestamp,
    /// When it was taken back, if it was.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub taken_back_at: Option<Timestamp>,
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
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
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

fn receipt(call: &Call, deposit: &Deposit, content_sha256: String) -> Result<Receipt> {
    let definition = &call.definition;
    let lot = definition.lot(&deposit.content.lot);
    let lot_label = lot.map_or_else(String::new, |l| l.label.clone());
    let implicit =
        implicit_rejection_day(day(deposit.at), definition.rules.implicit_rejection_months).map_err(Error::internal)?;
    let when = ami_views::date_time(deposit.at);
    let (date, hour) = when.split_once(" à ").unwrap_or((&when, ""));
    let hour = hour.split(" (").next().unwrap_or(hour);
    let service = &definition.service;
    let text = definition
        .text(
            "receipt",
            &[
                ("date", date),
                ("heure", hour),
                ("numero", &deposit.content.number),
                ("structure", &deposit.content.organisation),
                ("lot", &format!("{} ({lot_label})", deposit.content.lot)),
                ("service", &service.name),
                ("adresse", &service.address),
                ("courriel", &service.email),
                ("telephone", &service.phone),
                ("date_implicite", &implicit.strftime("%d/%m/%Y").to_string()),
                (
                    "voies_recours",
                    &definition.text("remedies", &[("tribunal", &definition.rules.court)]).map_err(Error::internal)?,
                ),
            ],
        )
        .map_err(Error::internal)?;
    Ok(Receipt {
        number: deposit.content.number.clone(),
        version: deposit.version,
        deposited_at: deposit.at,
        taken_back_at: deposit.taken_back_at,
        call_title: definition.title.clone(),
        lot: deposit.content.lot.clone(),
        lot_label,
        organisation: deposit.content.organisation.clone(),
        siret: deposit.content.siret.clone(),
        authority: definition.authority.name.clone(),
        service: vec![service.name.clone(), service.address.clone(), service.email.clone(), service.phone.clone()],
        text,
        implicit_rejection_on: implicit,
        pieces: deposit
            .content
            .pieces
            .iter()
            .map(|p| ReceiptPieceView {
                slot: p.slot.clone(),
                label: definition.slot(&p.slot).map_or_else(String::new, |s| s.label.clone()),
                name: p.name.clone(),
                size: p.size,
                sha256: p.sha256.clone(),
            })
            .collect(),
        content_sha256,
        demonstration: definition.demonstration,
    })
}

fn document(receipt: &Receipt) -> ReceiptDocument {
    ReceiptDocument {
        authority: receipt.authority.clone(),
        service: receipt.service.clone(),
        title: "Accusé de réception électronique".into(),
        subtitle: receipt.call_title.clone(),
        at: receipt.deposited_at,
        facts: vec![
            ("Dossier n°".into(), receipt.number.clone()),
            ("Dépôt".into(), format!("version {}", receipt.version)),
            ("Reçu le".into(), ami_views::date_time(receipt.deposited_at)),
            ("Lot".into(), format!("{} — {}", receipt.lot, receipt.lot_label)),
            ("Structure".into(), format!("{} (SIRET {})", receipt.organisation, receipt.siret)),
        ],
        text: receipt.text.clone(),
        pieces: receipt
            .pieces
            .iter()
            .map(|p| ReceiptPiece {
                slot: p.slot.clone(),
                name: p.name.clone(),
                size: ami_views::size(p.size),
                sha256: p.sha256.clone(),
            })
            .collect(),
        content_sha256: receipt.content_sha256.clone(),
        demonstration: receipt.demonstration,
    }
}

/// Files a dossier at the instant at which the request arrived, so that a queue never makes anyone late.
///
/// # Errors
/// `closed` after closing, `not-open` before opening, `incomplete` with every gap; nothing of the draft is lost then.
pub async fn deposit_dossier(app: &Arrival, who: Option<&Actor>, id: DossierId) -> Result<Receipt> {
    app.write_once(who, id, |work, &id| {
        Box::pin(async move {
            let tx = work.tx;
            let (call, dossier) = lock_dossier(tx, id).await?;
            let subject = about(work.at(), &call, &dossier);
            decide(Action::ReadOwnDossier, work.who(), &subject)?;
            let permit = permit::<acts::DepositDossier>(work.who(), &subject)?;
            let loaded = load_contents(work.at(), tx.read(), call, dossier).await?;
            let gaps = loaded.gaps();
            let deposited = loaded
                .dossier
                .clone()
                .deposit(work.at(), &loaded.call.definition.calendar, gaps)
                .map_err(|error| refusal(&loaded.call, error))?;
            let version = rows::deposits(tx.read(), id).await?.first().map_or(0, |(d, _)| d.version) + 1;
            let deposit = Deposit {
                id: work.id(),
                dossier: id,
                version,
                at: work.at(),
                by: permit.by(),
                content: content(&loaded, &deposited),
                taken_back_at: None,
            };
            let sha256 = rows::insert_deposit(tx, &permit, &deposit).await?;
            rows::save_state(tx, &permit, &deposited).await?;
            let receipt = receipt(&loaded.call, &deposit, sha256)?;
            let details = json!({ "version": version, "sha256": receipt.content_sha256 });
            let subject = ("dossier", id.to_string());
            work.record(Some(loaded.call.id), Some(permit.by()), Action::DepositDossier, subject, details).await?;
            let pdf = ami_documents::receipt_pdf(&document(&receipt)).map_err(Error::internal)?;
            let told = json!({ "receipt": receipt, "url": work.settings().url(&format!("/dossiers/{id}")) });
            for address in ami_database::organisations::member_emails(tx.read(), deposited.organisation).await? {
                let mail = work.views().mail("receipt", &told)?;
                let file = (format!("accuse-reception-{}.pdf", receipt.number), "application/pdf", pdf.clone());
                outbox::enqueue(work, &address, mail, vec![file]).await?;
            }
            Ok(receipt)
        })
    })
    .await
}

/// What is sealed: the answers, the files, who applies and under which version of the call.
fn content(loaded: &Loaded, deposited: &Dossier) -> Content {
    Content {
        call: loaded.call.definition.code.clone(),
        call_version: loaded.call.version,
        number: loaded.call.definition.dossier_number(deposited.number),
        lot: deposited.lot.clone(),
        organisation: loaded.organisation.name.clone(),
        siret: loaded.organisation.siret.to_string(),
        answers: loaded.answers.iter().map(|(k, v)| (k.clone(), v.to_json())).collect(),
        pieces: loaded
            .pieces
            .iter()
            .map(|p| FiledPiece {
                slot: p.slot.clone(),
                name: p.name.clone(),
                size: p.size,
                sha256: p.sha256.clone(),
                id: p.id,
            })
            .collect(),
    }
}

fn refusal(call: &Call, error: DossierError) -> Error {
    match error {
        DossierError::Closed { closes } => {
            Error::new(Kind::Conflict, "closed").with("closes", ami_views::date_time(closes))
        }
        DossierError::NotOpen { opens } => {
            Error::new(Kind::Conflict, "not-open").with("opens", ami_views::date_time(opens))
        }
        DossierError::Incomplete(gaps) => Error {
            problems: gaps
                .iter()
                .map(|gap| match gap {
                    Gap::Answer { field } => Problem {
                        pointer: format!("/answers/{field}"),
                        code: "gap-answer".into(),
                        args: vec![("label", call.definition.form.field(field).map_or("", |f| &f.label).to_owned())],
                    },
                    Gap::Invalid { field, error } => {
                        let problem = Problem::of_field(field, error);
                        Problem { pointer: format!("/answers{}", problem.pointer), ..problem }
                    }
                    Gap::Piece { slot } => Problem {
                        pointer: format!("/pieces/{slot}"),
                        code: "gap-piece".into(),
                        args: vec![("label", call.definition.slot(slot).map_or("", |s| &s.label).to_owned())],
                    },
                })
                .collect(),
            ..Error::new(Kind::Invalid, "incomplete")
        },
        DossierError::InvalidTransition { .. } => Error::new(Kind::Conflict, "not-now"),
        DossierError::NoReason => Error::field("/comment", "reason-needed"),
        DossierError::ReasonTooLong(length) => Error::too_long("/comment", length),
    }
}

/// Takes a deposit back, so that the dossier can be changed and filed again before closing.
pub async fn take_back(app: &Arrival, who: Option<&Actor>, id: DossierId) -> Result<()> {
    app.write(who, id, |work, &id| {
        Box::pin(async move {
            let tx = work.tx;
            let (call, dossier) = lock_dossier(tx, id).await?;
            let subject = about(work.at(), &call, &dossier);
            decide(Action::ReadOwnDossier, work.who(), &subject)?;
            let permit = permit::<acts::TakeBackDossier>(work.who(), &subject)?;
            let organisation = dossier.organisation;
            let draft = dossier.take_back(work.at(), &call.definition.calendar).map_err(|e| refusal(&call, e))?;
            rows::save_state(tx, &permit, &draft).await?;
            rows::take_back_deposit(tx, &permit, work.at()).await?;
            let subject = ("dossier", id.to_string());
            work.record(Some(call.id), Some(permit.by()), Action::TakeBackDossier, subject, json!({})).await?;
            let context = json!({
                "number": call.definition.dossier_number(draft.number),
                "call_title": call.definition.title,
                "closes": ami_views::date_time(call.definition.calendar.closes),
                "url": work.settings().url(&format!("/dossiers/{id}")),
            });
            for address in ami_database::organisations::member_emails(tx.read(), organisation).await? {
                outbox::enqueue(work, &address, work.views().mail("taken_back", &context)?, vec![]).await?;
            }
            Ok(())
        })
    })
    .await
}

/// Takes a filed dossier out for good.
pub async fn withdraw(app: &Arrival, who: Option<&Actor>, id: DossierId) -> Result<()> {
    app.write(who, id, |work, &id| {
        Box::pin(async move {
            let (call, dossier) = lock_dossier(work.tx, id).await?;
            let subject = about(work.at(), &call, &dossier);
            decide(Action::ReadOwnDossier, work.who(), &subject)?;
            let permit = permit::<acts::WithdrawDossier>(work.who(), &subject)?;
            let gone = dossier.withdraw(work.at()).map_err(|e| refusal(&call, e))?;
            rows::save_state(work.tx, &permit, &gone).await?;
            let subject = ("dossier", id.to_string());
            work.record(Some(call.id), Some(permit.by()), Action::WithdrawDossier, subject, json!({})).await?;
            Ok(())
        })
    })
    .await
}

/// A receipt; the last one without a version.
pub async fn show_receipt(app: &Arrival, who: Option<&Actor>, id: DossierId, version: Option<i64>) -> Result<Receipt> {
    let conn = app.database.read();
    let (call, dossier) = load_dossier(conn, id).await?;
    decide(Action::ReadOwnDossier, who, &about(app.at, &call, &dossier))?;
    let deposits = rows::deposits(conn, id).await?;
    let found = deposits.into_iter().find(|(d, _)| version.is_none_or(|v| v == d.version));
    let (deposit, sha256) = found.ok_or_else(Error::not_found)?;
    receipt(&call, &deposit, sha256)
}

/// The same as PDF.
pub async fn receipt_pdf(app: &Arrival, who: Option<&Actor>, id: DossierId, version: Option<i64>) -> Result<Vec<u8>> {
    let receipt = show_receipt(app, who, id, version).await?;
    ami_documents::receipt_pdf(&document(&receipt)).map_err(Error::internal)
}
