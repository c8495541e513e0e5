//! A letter as it is given out: what stands around its text is fixed when it is written, the whole when it is approved.

use ami_database::calls::Call;
use ami_database::documents::{self as documents_rows, Document, DocumentKind, Subject as DocumentSubject};
use ami_documents::LetterDocument;
use ami_domain::answer::{Address, Answer};
use ami_domain::call::day;
use ami_domain::deliberation::Deliberation;
use ami_domain::dossier::Dossier;
use ami_domain::ids::{LetterId, RankingId};
use ami_domain::letter::{Letter, LetterKind, LetterStage};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::signatories::SignatoryView;
use super::{load, open_own};
use crate::contents::load_filed;
use crate::documents::{NamedFile, document_bytes};
use crate::filed::Filings;
use crate::{Actor, Arrival, Error, Result, Work};

const FORMAT: u32 = 1;

/// Something that stands below a letter's text.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Notice {
    /// Its heading.
    pub title: String,
    /// What it says.
    pub text: String,
}

/// What stands around a letter's text: kept as JSON with the letter.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Facts {
    format: u32,
    pub(super) authority: String,
    pub(super) service: Vec<String>,
    pub(super) recipient: Vec<String>,
    pub(super) call_title: String,
    pub(super) number: String,
    pub(super) lot: String,
    pub(super) notices: Vec<Notice>,
    pub(super) signatory: SignatoryView,
    /// The ranking whose numbers it gives, and by which they are explained.
    pub(super) ranking: Option<RankingId>,
    pub(super) demonstration: bool,
}

/// A whole letter, as it was approved: kept as JSON, never changed.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct LetterRecord {
    format: u32,
    made_at: Timestamp,
    title: String,
    body: String,
    facts: Facts,
}

fn notice(name: &str, args: &[(&'static str, String)]) -> Notice {
    let words = |part: &str| ami_views::message(&format!("letter-{name}-{part}"), args).unwrap_or_default();
    Notice { title: words("title"), text: words("text") }
}

/// The deliberation, how an algorithm helped, and the remedies, as far as the letter has them.
pub(super) fn notices(
    work: &Work<'_>,
    call: &Call,
    kind: LetterKind,
    dossier: &Dossier,
    deliberation: Option<&Deliberation>,
    ranking: Option<RankingId>,
) -> Result<Vec<Notice>> {
    let definition = &call.definition;
    let mut notices = Vec::new();
    if let Some(d) = deliberation {
        let args = [("number", d.number.clone()), ("date", ami_views::civil(d.held_on)), ("link", d.link.clone())];
        let mut cited = notice("deliberation", &args);
        if let Some(control) = d.control() {
            let args = [
                ("transmitted", ami_views::civil(control.transmitted_on)),
                ("published", ami_views::civil(control.published_on)),
            ];
            let executory = ami_views::message("letter-deliberation-executory", &args).unwrap_or_default();
            cited.text = format!("{} {executory}", cited.text);
        }
        notices.push(cited);
    }
    if kind.was_computed() && ranking.is_some() {
        let url = work.settings().url(&format!("/dossiers/{}/calcul", dossier.id));
        let rules = work.settings().url(&format!("/appels/{}", definition.code));
        let args = [("url", url), ("rules", rules), ("email", definition.service.email.clone())];
        notices.push(notice("algorithm", &args));
    }
    if kind.decides() {
        let remedies =
            definition.text("remedies", &[("tribunal", &definition.rules.court)]).map_err(Error::internal)?;
        let mut said = notice("remedies", &[]);
        said.text = format!("{remedies}\n{}", said.text);
        notices.push(said);
    }
    Ok(notices)
}

/// Where the post finds an applicant: the first address that it filed.
async fn address(work: &Work<'_>, call: &Call, dossier: &Dossier) -> Result<Vec<String>> {
    let filed = load_filed(work.tx.read(), call.clone(), dossier.clone()).await?;
    let found = filed.definition.form.fields().find_map(|f| match filed.answers.get(&f.code) {
        Some(Answer::Address(address)) => Some(address),
        _ => None,
    });
    let Some(Address { street, postcode, commune }) = found else { return Ok(vec![]) };
    let communes = || filed.definition.lots.iter().flat_map(|lot| &lot.communes);
    let mut named = communes().filter(|c| c.code == *commune).map(|c| c.name.as_str());
    // A commune that several lots share has the name of none of its parts.
    let name = match (named.next(), named.next()) {
        (Some(name), None) => name.to_owned(),
        _ => format!("({commune})"),
    };
    Ok(vec![street.clone(), format!("{postcode} {name}")])
}

/// What stands around the text of a letter on a dossier.
pub(super) async fn facts(
    work: &Work<'_>,
    call: &Call,
    dossier: &Dossier,
    filings: &Filings,
    (notices, signatory, ranking): (Vec<Notice>, SignatoryView, Option<RankingId>),
) -> Result<String> {
    let definition = &call.definition;
    let service = &definition.service;
    let mut recipient = vec![filings.name(dossier.id)];
    recipient.extend(address(work, call, dossier).await?);
    recipient.extend(filings.applicant(dossier.id).map(|a| format!("SIRET {}", ami_views::siret(&a.siret))));
    let facts = Facts {
        format: FORMAT,
        authority: definition.authority.name.clone(),
        service: vec![service.name.clone(), service.address.clone(), service.email.clone(), service.phone.clone()],
        recipient,
        call_title: definition.title.clone(),
        number: filings.number(dossier),
        lot: format!("{} — {}", dossier.lot, filings.lot_label(dossier)),
        notices,
        signatory,
        ranking,
        demonstration: definition.demonstration,
    };
    serde_json::to_string(&facts).map_err(Error::internal)
}

/// The ranking by which the numbers of a letter are explained.
pub(crate) fn ranking_of(letter: &Letter) -> Result<Option<RankingId>> {
    Ok(read_facts(&letter.facts)?.ranking)
}

pub(super) fn read_facts(facts: &str) -> Result<Facts> {
    let read: Facts = serde_json::from_str(facts).map_err(Error::internal)?;
    if read.format == FORMAT { Ok(read) } else { Err(Error::internal(format!("letter of format {}", read.format))) }
}

/// Fixes the whole letter, in the transaction of its approval; it is drawn later.
pub(super) async fn issue(work: &Work<'_>, letter: &Letter) -> Result<()> {
    let facts = read_facts(&letter.facts)?;
    let name = format!("lettre-{}-{}.pdf", facts.number, letter.kind.as_str().replace('_', "-"));
    let record = LetterRecord {
        format: FORMAT,
        made_at: work.at(),
        title: letter.title.clone(),
        body: letter.body.clone(),
        facts,
    };
    let document = Document {
        id: work.id(),
        kind: DocumentKind::Letter,
        name,
        number: None,
        media_type: "application/pdf".into(),
        record: serde_json::to_string(&record).map_err(Error::internal)?,
    };
    documents_rows::insert_next(work.tx, DocumentSubject::Letter(letter.id), &document, work.at()).await?;
    Ok(())
}

/// Draws a letter from its record.
pub(crate) fn draw(record: &str) -> Result<Vec<u8>> {
    let record: LetterRecord = serde_json::from_str(record).map_err(Error::internal)?;
    if record.format != FORMAT {
        return Err(Error::internal(format!("letter of format {}", record.format)));
    }
    let facts = record.facts;
    let signed = &facts.signatory;
    let document = LetterDocument {
        authority: facts.authority,
        service: facts.service,
        recipient: facts.recipient,
        title: record.title,
        subtitle: facts.call_title,
        facts: vec![
            ("Dossier n°".into(), facts.number),
            ("Lot".into(), facts.lot),
            ("Date".into(), ami_views::civil(day(record.made_at))),
        ],
        paragraphs: record.body.split("\n\n").map(str::to_owned).collect(),
        notices: facts.notices.into_iter().map(|n| (n.title, n.text)).collect(),
        signature: [&signed.name, &signed.quality, &signed.service, &signed.delegation]
            .into_iter()
            .filter(|line| !line.is_empty())
            .cloned()
            .collect(),
        at: record.made_at,
        demonstration: facts.demonstration,
    };
    ami_documents::letter_pdf(&document).map_err(Error::internal)
}

/// A letter as PDF, always the same bytes: for an officer once it was approved, for its applicant once it left.
pub async fn letter_pdf(app: &Arrival, who: Option<&Actor>, id: LetterId) -> Result<NamedFile> {
    match load(app, who, id).await {
        // What was corrected since nobody answers for yet.
        Ok((_, letter)) if !matches!(letter.stage(), LetterStage::Approved | LetterStage::Sent) => {
            return Err(Error::new(crate::Kind::Conflict, "letter-unapproved"));
        }
        Ok(_) => app.note_reading(who, "letter", id),
        Err(error) if error.code == "not-found" => {
            open_own(app, who, None, id).await?;
        }
        Err(error) => return Err(error),
    }
    let document = documents_rows::of_subject(app.database.read(), DocumentSubject::Letter(id)).await?;
    let document = document.ok_or(Error::new(crate::Kind::Conflict, "letter-unapproved"))?;
    Ok(NamedFile { name: document.name.clone(), bytes: document_bytes(app, document.id).await? })
}
