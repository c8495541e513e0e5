//! A letter to an applicant.

use jiff::Timestamp;

use crate::DocumentError;
use crate::canvas::{BLACK, BLUE, Canvas, Face, GREY};
use crate::file::Metadata;

/// A letter as it is printed.
#[derive(Debug, Clone)]
pub struct LetterDocument {
    /// Who calls.
    pub authority: String,
    /// Service, address, e-mail, telephone.
    pub service: Vec<String>,
    /// To whom.
    pub recipient: Vec<String>,
    /// What it is about.
    pub title: String,
    /// The call's title.
    pub subtitle: String,
    /// Label and value.
    pub facts: Vec<(String, String)>,
    /// The text.
    pub paragraphs: Vec<String>,
    /// Heading and text of what stands below.
    pub notices: Vec<(String, String)>,
    /// Who signs: name, quality, service, delegation. Room is left for the signature itself.
    pub signature: Vec<String>,
    /// When it was approved.
    pub at: Timestamp,
    /// Whether it belongs to a demonstration.
    pub demonstration: bool,
}

/// Marks that French puts after a space stay on the line of their word, as does what follows an opening quote or « n° ».
pub(crate) fn unbroken(text: &str) -> String {
    let mut kept = text.to_owned();
    for mark in [";", ":", "?", "!", "»", "€"] {
        kept = kept.replace(&format!(" {mark}"), &format!("\u{a0}{mark}"));
    }
    kept.replace("« ", "«\u{a0}").replace("n° ", "n°\u{a0}")
}

/// Draws a letter: A4 upright.
///
/// # Errors
/// [`DocumentError`] when the embedded font or the file cannot be written.
pub fn letter_pdf(document: &LetterDocument) -> Result<Vec<u8>, DocumentError> {
    let mut page = Canvas::new(false)?;
    page.paragraph(&document.authority, Face::Bold, 12.0, BLACK);
    page.paragraph(&document.service.join("\n"), Face::Regular, 9.0, GREY);
    page.skip(14.0);
    page.paragraph(&document.recipient.join("\n"), Face::Regular, 10.5, BLACK);
    page.skip(14.0);
    page.heading(1, &document.title, 15.0);
    page.paragraph(&document.subtitle, Face::Regular, 10.5, BLACK);
    if document.demonstration {
        page.paragraph("Jeu de démonstration : ce document n'a aucune valeur.", Face::Bold, 10.0, BLUE);
    }
    page.skip(6.0);
    for (label, value) in &document.facts {
        page.fact(label, value, 90.0, 10.0);
    }
    page.skip(8.0);
    for paragraph in &document.paragraphs {
        page.paragraph(&unbroken(paragraph), Face::Regular, 10.5, BLACK);
        page.skip(6.0);
    }
    page.skip(8.0);
    page.ensure(110.0);
    page.paragraph(&document.signature.join("\n"), Face::Regular, 10.0, BLACK);
    // Room for a signature, by hand or by a tool of its own.
    page.skip(48.0);
    for (title, text) in &document.notices {
        page.skip(4.0);
        page.heading(2, title, 10.5);
        page.paragraph(&unbroken(text), Face::Regular, 9.0, BLACK);
    }
    let metadata = Metadata {
        title: format!("{} — {}", document.title, document.subtitle),
        author: document.authority.clone(),
        subject: document.title.clone(),
        created_at: document.at,
        identity: format!("{} {}", document.title, document.at),
    };
    page.finish((&document.title, &document.subtitle), "", &metadata)
}
