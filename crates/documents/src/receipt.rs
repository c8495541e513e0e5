//! The receipt of a deposit.

use jiff::Timestamp;

use crate::canvas::{Align, BLACK, BLUE, Canvas, Column, Face, GREY, Row};
use crate::file::Metadata;
use crate::{DocumentError, qr};

/// A receipt as it is printed.
#[derive(Debug, Clone)]
pub struct ReceiptDocument {
    /// Who calls.
    pub authority: String,
    /// Service, address, e-mail, telephone.
    pub service: Vec<String>,
    /// Title.
    pub title: String,
    /// The call's title.
    pub subtitle: String,
    /// When the dossier was filed, for the file's own date.
    pub at: Timestamp,
    /// Label and value.
    pub facts: Vec<(String, String)>,
    /// The text.
    pub text: String,
    /// Every file.
    pub pieces: Vec<ReceiptPiece>,
    /// SHA-256 of what was filed.
    pub content_sha256: String,
    /// Where anyone may verify it.
    pub verify_url: String,
    /// How, in words.
    pub verify_text: String,
    /// Whether it belongs to a demonstration.
    pub demonstration: bool,
}

/// A file.
#[derive(Debug, Clone)]
pub struct ReceiptPiece {
    /// The slot's code.
    pub slot: String,
    /// Its name.
    pub name: String,
    /// Its size in words.
    pub size: String,
    /// SHA-256.
    pub sha256: String,
}

/// Draws a receipt: A4 upright.
///
/// # Errors
/// [`DocumentError`] when the embedded font or the file cannot be written.
pub fn receipt_pdf(document: &ReceiptDocument) -> Result<Vec<u8>, DocumentError> {
    let title = format!("{} — {}", document.title, document.subtitle);
    let mut page = Canvas::new(false)?;
    page.paragraph(&document.authority, Face::Bold, 12.0, BLACK);
    page.paragraph(&document.service.join("\n"), Face::Regular, 9.0, GREY);
    page.skip(16.0);
    page.heading(1, &document.title, 18.0);
    page.paragraph(&document.subtitle, Face::Regular, 11.0, BLACK);
    if document.demonstration {
        page.paragraph("Jeu de démonstration : ce document n'a aucune valeur.", Face::Bold, 10.0, BLUE);
    }
    page.skip(8.0);
    for (label, value) in &document.facts {
        page.fact(label, value, 90.0, 10.0);
    }
    page.skip(8.0);
    page.paragraph(&document.text, Face::Regular, 10.0, BLACK);
    page.skip(10.0);
    page.heading(2, "Fichiers reçus", 12.0);
    page.skip(3.0);
    let width = page.inner_width();
    let columns = [
        Column::new("Pièce", 42.0, Align::Left),
        Column::new("Nom du fichier", width - 42.0 - 60.0 - 235.0, Align::Left),
        Column::new("Taille", 60.0, Align::Right),
        Column::new("Empreinte SHA-256", 235.0, Align::Left),
    ];
    let rows: Vec<Row> = document
        .pieces
        .iter()
        .map(|p| {
            // Two halves: 64 digits in one line would be too small to read.
            let (a, b) = p.sha256.split_at(p.sha256.len() / 2);
            Row { cells: vec![p.slot.clone(), p.name.clone(), p.size.clone(), format!("{a}\n{b}")], bold: false }
        })
        .collect();
    page.table(&columns, &rows, 8.0, Face::Regular);
    page.skip(8.0);
    page.paragraph("Empreinte SHA-256 de l'ensemble déposé (réponses et fichiers) :", Face::Regular, 9.0, GREY);
    page.paragraph(&document.content_sha256, Face::Mono, 8.0, BLACK);
    page.skip(10.0);
    let code = qr::code("Code QR", &document.verify_url)?;
    page.ensure(170.0);
    page.heading(2, "Vérifier cet accusé", 12.0);
    page.skip(3.0);
    page.paragraph(&document.verify_text, Face::Regular, 9.0, BLACK);
    page.paragraph(&document.verify_url, Face::Mono, 8.0, BLACK);
    page.skip(4.0);
    page.figures(&[&code]);
    let footer = format!("SHA-256 {}", document.content_sha256);
    let metadata = Metadata {
        title,
        author: document.authority.clone(),
        subject: document.title.clone(),
        created_at: document.at,
        identity: document.content_sha256.clone(),
    };
    page.finish((&document.title, &document.subtitle), &footer, &metadata)
}
