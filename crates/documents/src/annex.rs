//! What is put before the assembly with a deliberation.

use jiff::Timestamp;

use crate::DocumentError;
use crate::canvas::{Align, BLACK, BLUE, Canvas, Column, Face, GREY, Row};
use crate::file::Metadata;

/// An annex as it is printed.
#[derive(Debug, Clone)]
pub struct AnnexDocument {
    /// Who calls.
    pub authority: String,
    /// Title.
    pub title: String,
    /// The call's title.
    pub subtitle: String,
    /// The day of the sitting, in words.
    pub date: String,
    /// What is given, in words.
    pub spent: String,
    /// What there is to give, in words.
    pub envelope: String,
    /// When its facts were fixed.
    pub made_at: Timestamp,
    /// The lots.
    pub sections: Vec<AnnexSection>,
    /// Whether it belongs to a demonstration.
    pub demonstration: bool,
}

/// A lot.
#[derive(Debug, Clone)]
pub struct AnnexSection {
    /// Code and name.
    pub title: String,
    /// Whether it is declared without outcome.
    pub without_outcome: bool,
    /// Its decisions.
    pub rows: Vec<AnnexRow>,
    /// Why, where it was said, one sentence each.
    pub reasons: Vec<String>,
    /// Where they go beyond the published rules, one sentence each.
    pub beyond: Vec<String>,
}

/// A decision.
#[derive(Debug, Clone)]
pub struct AnnexRow {
    /// What, in words.
    pub decision: String,
    /// In the ranking.
    pub rank: String,
    /// The dossier's number.
    pub number: String,
    /// Who applied.
    pub organisation: String,
    /// Its points.
    pub total: String,
    /// Yearly support, in words.
    pub amount: String,
}

/// Draws an annex: A4 across.
///
/// # Errors
/// [`DocumentError`] when the embedded font or the file cannot be written.
pub fn annex_pdf(document: &AnnexDocument) -> Result<Vec<u8>, DocumentError> {
    let mut page = Canvas::new(true)?;
    page.paragraph(&document.authority, Face::Bold, 11.0, BLACK);
    page.skip(8.0);
    page.heading(1, &document.title, 17.0);
    page.paragraph(&document.subtitle, Face::Regular, 11.0, BLACK);
    if document.demonstration {
        page.paragraph("Jeu de démonstration : ce document n'a aucune valeur.", Face::Bold, 10.0, BLUE);
    }
    page.skip(4.0);
    page.fact("Séance", &document.date, 110.0, 10.0);
    page.fact("Montants annuels", &format!("{} sur {}", document.spent, document.envelope), 110.0, 10.0);
    page.paragraph(
        "Le classement du jury est un avis. Les décisions sont celles de l'assemblée.",
        Face::Regular,
        9.0,
        GREY,
    );
    let width = page.inner_width();
    let organisation = width - 85.0 - 140.0 - 70.0 - 60.0 - 110.0;
    let columns = [
        Column::new("Dossier", 85.0, Align::Left),
        Column::new("Décision", 140.0, Align::Left),
        Column::new("Rang", 70.0, Align::Left),
        Column::new("Structure", organisation, Align::Left),
        Column::new("Total", 60.0, Align::Right),
        Column::new("Montant annuel", 110.0, Align::Right),
    ];
    for section in &document.sections {
        page.skip(10.0);
        page.ensure(70.0);
        page.heading(2, &section.title, 12.0);
        if section.without_outcome {
            page.paragraph("Le lot est déclaré sans suite.", Face::Bold, 10.0, BLACK);
        }
        if !section.rows.is_empty() {
            page.skip(3.0);
            let rows: Vec<Row> = section.rows.iter().map(row).collect();
            page.table(&columns, &rows, 8.0, Face::Regular);
        }
        for (title, sentences) in [("Motifs", &section.reasons), ("Dérogations au règlement publié", &section.beyond)]
        {
            if !sentences.is_empty() {
                page.skip(4.0);
                page.heading(3, title, 9.5);
                for sentence in sentences {
                    page.paragraph(sentence, Face::Regular, 9.0, BLACK);
                }
            }
        }
    }
    let metadata = Metadata {
        title: format!("{} — {}", document.title, document.subtitle),
        author: document.authority.clone(),
        subject: document.title.clone(),
        created_at: document.made_at,
        identity: format!("{} {}", document.title, document.made_at),
    };
    page.finish((&document.title, &document.subtitle), "", &metadata)
}

fn row(r: &AnnexRow) -> Row {
    Row {
        cells: vec![
            r.number.clone(),
            r.decision.clone(),
            r.rank.clone(),
            r.organisation.clone(),
            r.total.clone(),
            r.amount.clone(),
        ],
        bold: false,
    }
}
