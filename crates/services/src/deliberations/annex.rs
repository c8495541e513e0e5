//! What is put before the assembly with a deliberation: lot by lot who is retained, who waits, for how much, and where the proposal goes
//! beyond the published rules. Its facts are fixed with the act; the page and the PDF are made of them.

use ami_database::calls::Call;
use ami_database::documents::{self as documents_rows, Document, DocumentKind, Subject as DocumentSubject};
use ami_documents::{AnnexDocument, AnnexRow, AnnexSection};
use ami_domain::award::Rule;
use ami_domain::decision::DecisionKind;
use ami_domain::deliberation::Deliberation;
use ami_domain::ids::DeliberationId;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Taking, load};
use crate::documents::{NamedFile, document_bytes};
use crate::filed::Filings;
use crate::rankings::Standings;
use crate::{Actor, Arrival, Error, Result, Work};

const FORMAT: u32 = 1;

/// The facts of an annex as they were put before the assembly: kept as JSON, never changed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AnnexRecord {
    /// How the rest is written.
    format: u32,
    /// When these facts were fixed.
    #[schema(value_type = String, format = DateTime)]
    pub made_at: Timestamp,
    /// Who calls.
    pub authority: String,
    /// The call's code.
    pub call: String,
    /// The call's title.
    pub call_title: String,
    /// The deliberation's number.
    pub number: String,
    /// The day of the sitting.
    #[schema(value_type = String, format = Date)]
    pub date: Date,
    /// Yearly support of all lots, in cents.
    pub envelope_cents: i64,
    /// What this deliberation gives of it, in cents.
    pub spent_cents: i64,
    /// The lots that it is about.
    pub lots: Vec<AnnexLot>,
    /// Whether it belongs to a demonstration.
    pub demonstration: bool,
}

/// A lot of an annex.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AnnexLot {
    /// Its code.
    pub code: String,
    /// Its name.
    pub label: String,
    /// Whether it is declared without outcome.
    pub without_outcome: bool,
    /// Laureates, then the reserve list, then the others, by rank.
    pub lines: Vec<AnnexLine>,
}

/// A decision of an annex.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AnnexLine {
    /// The dossier's number.
    pub number: String,
    /// Who applied.
    pub organisation: String,
    /// Fourteen digits.
    pub siret: String,
    /// What is decided.
    #[schema(value_type = String)]
    pub decision: DecisionKind,
    /// In the jury's ranking.
    pub rank: Option<usize>,
    /// Whether it shares its rank.
    pub ex_aequo: bool,
    /// Two decimals.
    pub total: Option<String>,
    /// Yearly support, in cents.
    pub amount_cents: Option<i64>,
    /// Why.
    pub reason: String,
    /// The published rules that it goes beyond.
    #[schema(value_type = Vec<String>)]
    pub beyond: Vec<Rule>,
    /// Why it goes beyond them.
    pub beyond_because: String,
}

/// Fixes the facts of a deliberation's annex, in the transaction that takes it.
pub(super) async fn issue(
    work: &Work<'_>,
    call: &Call,
    made: &Deliberation,
    taking: &Taking,
    places: Option<&Standings>,
) -> Result<()> {
    let filings = Filings::of(work.tx.read(), call, taking.dossiers.keys().copied()).await?;
    let mut lots = Vec::new();
    for lot in &call.definition.lots {
        let mut lines: Vec<AnnexLine> = taking
            .decisions
            .values()
            .filter_map(|d| Some((d, taking.dossiers.get(&d.dossier).filter(|x| x.lot == lot.code)?)))
            .map(|(d, dossier)| {
                let place = places.and_then(|p| p.get(&d.dossier));
                AnnexLine {
                    number: filings.number(dossier),
                    organisation: filings.name(d.dossier),
                    siret: filings.applicant(d.dossier).map_or_else(String::new, |a| a.siret.clone()),
                    decision: d.kind,
                    rank: place.and_then(|p| p.rank),
                    ex_aequo: place.is_some_and(|p| p.ex_aequo),
                    total: place.and_then(|p| p.total_shown.clone()),
                    amount_cents: d.amount_cents,
                    reason: d.reason.clone(),
                    beyond: d.overridden.as_ref().map_or_else(Vec::new, |o| o.rules.clone()),
                    beyond_because: d.overridden.as_ref().map_or_else(String::new, |o| o.reason.clone()),
                }
            })
            .collect();
        lines.sort_by(|a, b| {
            let place = |l: &AnnexLine| (l.decision, l.rank.unwrap_or(usize::MAX), l.number.clone());
            place(a).cmp(&place(b))
        });
        let without_outcome = made.lots.contains(&lot.code);
        if without_outcome || !lines.is_empty() {
            lots.push(AnnexLot { code: lot.code.clone(), label: lot.label.clone(), without_outcome, lines });
        }
    }
    let spent = taking.decisions.values().try_fold(0_i64, |sum, d| sum.checked_add(d.amount_cents.unwrap_or(0)));
    let record = AnnexRecord {
        format: FORMAT,
        made_at: work.at(),
        authority: call.definition.authority.name.clone(),
        call: call.definition.code.clone(),
        call_title: call.definition.title.clone(),
        number: made.number.clone(),
        date: made.held_on,
        envelope_cents: call.definition.envelope_cents,
        spent_cents: spent.ok_or(Error::new(crate::Kind::Conflict, "sum-too-large"))?,
        lots,
        demonstration: call.definition.demonstration,
    };
    keep(work, made.id, &record).await
}

/// The same facts under a corrected number and day, as another version.
pub(super) async fn issue_again(work: &Work<'_>, now: &Deliberation) -> Result<()> {
    let subject = DocumentSubject::Annex(now.id);
    let before = documents_rows::of_subject(work.tx.read(), subject).await?.ok_or_else(Error::not_found)?;
    let before = read(&before.record)?;
    if (before.number.as_str(), before.date) == (now.number.as_str(), now.held_on) {
        return Ok(());
    }
    let record = AnnexRecord { made_at: work.at(), number: now.number.clone(), date: now.held_on, ..before };
    keep(work, now.id, &record).await
}

async fn keep(work: &Work<'_>, id: DeliberationId, record: &AnnexRecord) -> Result<()> {
    let plain: String =
        record.number.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' }).collect();
    let document = Document {
        id: work.id(),
        kind: DocumentKind::Annex,
        name: format!("rapport-annexe-{plain}.pdf"),
        media_type: "application/pdf".into(),
        record: serde_json::to_string(record).map_err(Error::internal)?,
        number: None,
    };
    documents_rows::insert_next(work.tx, DocumentSubject::Annex(id), &document, work.at()).await?;
    Ok(())
}

fn read(record: &str) -> Result<AnnexRecord> {
    let read: AnnexRecord = serde_json::from_str(record).map_err(Error::internal)?;
    if read.format == FORMAT { Ok(read) } else { Err(Error::internal(format!("annex of format {}", read.format))) }
}

/// The annex of a deliberation, for an officer.
pub async fn show_annex(app: &Arrival, who: Option<&Actor>, id: DeliberationId) -> Result<AnnexRecord> {
    read(&find(app, who, id).await?.record)
}

async fn find(app: &Arrival, who: Option<&Actor>, id: DeliberationId) -> Result<Document> {
    load(app, who, id).await?;
    let found = documents_rows::of_subject(app.database.read(), DocumentSubject::Annex(id)).await?;
    found.ok_or_else(Error::not_found)
}

/// The same as PDF, always the same bytes.
pub async fn annex_pdf(app: &Arrival, who: Option<&Actor>, id: DeliberationId) -> Result<NamedFile> {
    let document = find(app, who, id).await?;
    Ok(NamedFile { name: document.name.clone(), bytes: document_bytes(app, document.id).await? })
}

/// Draws an annex from its facts.
pub(crate) fn draw(record: &str) -> Result<Vec<u8>> {
    let record = read(record)?;
    let section = |lot: AnnexLot| {
        let beyond = lot.lines.iter().filter(|l| !l.beyond.is_empty()).map(|l| {
            let rules: Vec<String> = l.beyond.iter().map(|r| ami_views::word("rule", r.as_str())).collect();
            format!("{} : {}. {}", l.number, rules.join(", "), l.beyond_because)
        });
        let explained = lot.lines.iter().filter(|l| !l.reason.is_empty());
        let reasons = explained.map(|l| format!("{} : {}", l.number, l.reason));
        AnnexSection {
            title: format!("{} — {}", lot.code, lot.label),
            without_outcome: lot.without_outcome,
            beyond: beyond.collect(),
            reasons: reasons.collect(),
            rows: lot
                .lines
                .iter()
                .map(|l| AnnexRow {
                    decision: ami_views::word("decision", l.decision.as_str()),
                    rank: match (l.rank, l.ex_aequo) {
                        (Some(rank), true) => format!("{rank} ex æquo"),
                        (Some(rank), false) => rank.to_string(),
                        (None, _) => "—".into(),
                    },
                    number: l.number.clone(),
                    organisation: l.organisation.clone(),
                    total: l.total.clone().unwrap_or_else(|| "—".into()),
                    amount: l.amount_cents.map_or_else(String::new, ami_views::money),
                })
                .collect(),
        }
    };
    let document = AnnexDocument {
        authority: record.authority,
        title: format!("Rapport annexe à la délibération n° {}", record.number),
        subtitle: record.call_title,
        date: ami_views::civil(record.date),
        spent: ami_views::money(record.spent_cents),
        envelope: ami_views::money(record.envelope_cents),
        made_at: record.made_at,
        sections: record.lots.into_iter().map(section).collect(),
        demonstration: record.demonstration,
    };
    ami_documents::annex_pdf(&document).map_err(Error::internal)
}
