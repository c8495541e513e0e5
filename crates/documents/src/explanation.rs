//! How the marks of one dossier were computed, for its applicant.

use jiff::Timestamp;

use crate::DocumentError;
use crate::canvas::{Align, BLACK, BLUE, Canvas, Column, Face, Row};
use crate::file::Metadata;
use crate::letter::unbroken;

/// An explanation as it is printed.
#[derive(Debug, Clone)]
pub struct ExplanationDocument {
    /// Who calls.
    pub authority: String,
    /// Title.
    pub title: String,
    /// The call's title.
    pub subtitle: String,
    /// Label and value.
    pub facts: Vec<(String, String)>,
    /// Heading and text of each thing that the law wants said.
    pub sections: Vec<(String, String)>,
    /// Code, name, weight, mean and points of each line of the grid.
    pub lines: Vec<ExplanationLine>,
    /// When the ranking was computed.
    pub at: Timestamp,
    /// Whether it belongs to a demonstration.
    pub demonstration: bool,
}

/// A line of the grid.
#[derive(Debug, Clone)]
pub struct ExplanationLine {
    /// Its code.
    pub code: String,
    /// Its name.
    pub label: String,
    /// Its weight.
    pub weight: String,
    /// Mean of the jurors' marks; empty for a group.
    pub mean: String,
    /// Its points.
    pub points: String,
    /// Whether it is a group.
    pub group: bool,
}

/// Draws an explanation: A4 upright.
///
/// # Errors
/// [`DocumentError`] when the embedded font or the file cannot be written.
pub fn explanation_pdf(document: &ExplanationDocument) -> Result<Vec<u8>, DocumentError> {
    let mut page = Canvas::new(false)?;
    page.paragraph(&document.authority, Face::Bold, 12.0, BLACK);
    page.skip(10.0);
    page.heading(1, &document.title, 16.0);
    page.paragraph(&document.subtitle, Face::Regular, 10.5, BLACK);
    if document.demonstration {
        page.paragraph("Jeu de démonstration : ce document n'a aucune valeur.", Face::Bold, 10.0, BLUE);
    }
    page.skip(6.0);
    for (label, value) in &document.facts {
        page.fact(label, value, 110.0, 10.0);
    }
    for (title, text) in &document.sections {
        page.skip(6.0);
        page.heading(2, title, 12.0);
        page.paragraph(&unbroken(text), Face::Regular, 10.0, BLACK);
    }
    page.skip(8.0);
    page.heading(2, "Vos notes", 12.0);
    page.skip(3.0);
    let label = page.inner_width() - 50.0 - 60.0 - 70.0 - 70.0;
    let columns = [
        Column::new("Code", 50.0, Align::Left),
        Column::new("Critère", label, Align::Left),
        Column::new("Poids", 60.0, Align::Right),
        Column::new("Moyenne", 70.0, Align::Right),
        Column::new("Points", 70.0, Align::Right),
    ];
    let rows: Vec<Row> = document
        .lines
        .iter()
        .map(|l| Row {
            cells: vec![l.code.clone(), l.label.clone(), l.weight.clone(), l.mean.clone(), l.points.clone()],
            bold: l.group,
        })
        .collect();
    page.table(&columns, &rows, 9.0, Face::Regular);
    let metadata = Metadata {
        title: format!("{} — {}", document.title, document.subtitle),
        author: document.authority.clone(),
        subject: document.title.clone(),
        created_at: document.at,
        identity: format!("{} {}", document.title, document.at),
    };
    page.finish((&document.title, &document.subtitle), "", &metadata)
}
