//! Questions, with their answers or without: a dossier to read whole, a call to prepare for.

use jiff::Timestamp;

use crate::DocumentError;
use crate::canvas::{Align, BLACK, BLUE, Canvas, Column, Face, GREY, Row};
use crate::file::Metadata;

/// A booklet as it is printed.
#[derive(Debug, Clone)]
pub struct BookletDocument {
    /// Who calls.
    pub authority: String,
    /// Title.
    pub title: String,
    /// The call's title.
    pub subtitle: String,
    /// Said at the top, before everything else: that a draft is not filed.
    pub notice: String,
    /// Label and value.
    pub facts: Vec<(String, String)>,
    /// Its parts, each with a heading.
    pub parts: Vec<BookletPart>,
    /// When its content was fixed.
    pub at: Timestamp,
    /// What tells this content from any other.
    pub identity: String,
    /// Whether it belongs to a demonstration.
    pub demonstration: bool,
}

/// A part of a booklet.
#[derive(Debug, Clone)]
pub struct BookletPart {
    /// Its heading.
    pub title: String,
    /// What it holds, in order.
    pub entries: Vec<BookletEntry>,
}

/// A question or a paragraph.
#[derive(Debug, Clone)]
pub struct BookletEntry {
    /// The question; empty for a paragraph alone.
    pub label: String,
    /// A line beside it: what is expected, who does not see it.
    pub hint: String,
    /// What is read.
    pub text: String,
    /// Headings and rows, for what is a table.
    pub table: Option<(Vec<String>, Vec<Vec<String>>)>,
}

/// Draws a booklet: A4 upright.
///
/// # Errors
/// [`DocumentError`] when the embedded font or the file cannot be written.
pub fn booklet_pdf(document: &BookletDocument) -> Result<Vec<u8>, DocumentError> {
    let mut page = Canvas::new(false)?;
    page.paragraph(&document.authority, Face::Bold, 12.0, BLACK);
    page.skip(12.0);
    page.heading(1, &document.title, 18.0);
    page.paragraph(&document.subtitle, Face::Regular, 11.0, BLACK);
    if document.demonstration {
        page.paragraph("Jeu de démonstration : ce document n'a aucune valeur.", Face::Bold, 10.0, BLUE);
    }
    if !document.notice.is_empty() {
        page.skip(6.0);
        page.paragraph(&document.notice, Face::Bold, 11.0, BLACK);
    }
    page.skip(8.0);
    for (label, value) in &document.facts {
        page.fact(label, value, 110.0, 10.0);
    }
    for part in &document.parts {
        page.skip(14.0);
        page.ensure(60.0);
        page.heading(2, &part.title, 14.0);
        for entry in &part.entries {
            draw(&mut page, entry);
        }
    }
    let title = format!("{} — {}", document.title, document.subtitle);
    let metadata = Metadata {
        title,
        author: document.authority.clone(),
        subject: document.title.clone(),
        created_at: document.at,
        identity: document.identity.clone(),
    };
    page.finish((&document.title, &document.subtitle), "", &metadata)
}

fn draw(page: &mut Canvas, entry: &BookletEntry) {
    page.skip(7.0);
    if !entry.label.is_empty() {
        page.ensure(36.0);
        page.heading(3, &entry.label, 10.0);
    }
    if !entry.hint.is_empty() {
        page.paragraph(&entry.hint, Face::Regular, 8.5, GREY);
    }
    if !entry.text.is_empty() {
        page.paragraph(&entry.text, Face::Regular, 10.0, BLACK);
    }
    if let Some((headings, rows)) = &entry.table {
        #[expect(clippy::cast_precision_loss, reason = "a handful of columns")]
        let width = page.inner_width() / headings.len().max(1) as f32;
        let columns: Vec<Column> = headings.iter().map(|h| Column::new(h, width, Align::Left)).collect();
        let rows: Vec<Row> = rows.iter().map(|cells| Row { cells: cells.clone(), bold: false }).collect();
        page.skip(3.0);
        page.table(&columns, &rows, 8.5, Face::Regular);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_booklet_is_the_same_twice_and_says_what_it_holds() {
        let entry = |label: &str, text: &str| BookletEntry {
            label: label.into(),
            hint: String::new(),
            text: text.into(),
            table: None,
        };
        let table = (vec!["Nom".into(), "Part".into()], vec![vec!["Une structure".into(), "40 %".into()]]);
        let document = BookletDocument {
            authority: "Le Département".into(),
            title: "Dossier A-0001".into(),
            subtitle: "Un appel".into(),
            notice: "Brouillon — non déposé".into(),
            facts: vec![("Lot".into(), "ALI-01".into())],
            parts: vec![BookletPart {
                title: "1. Le projet".into(),
                entries: vec![
                    entry("4.01 — Diagnostic", &"Un mot ".repeat(2000)),
                    BookletEntry { table: Some(table), ..entry("3.04 — Membres", "") },
                ],
            }],
            at: "2027-02-01T09:00:00Z".parse().unwrap(),
            identity: "abc".into(),
            demonstration: true,
        };
        let bytes = booklet_pdf(&document).unwrap();
        assert_eq!(bytes, booklet_pdf(&document).unwrap());
        let read = lopdf::Document::load_mem(&bytes).unwrap();
        assert!(read.get_pages().len() > 2);
        let text = read.extract_text(&read.get_pages().keys().copied().collect::<Vec<_>>()).unwrap();
        for said in ["Brouillon — non déposé", "4.01 — Diagnostic", "Une structure", "40 %"] {
            assert!(text.contains(said), "{said}");
        }
    }
}
