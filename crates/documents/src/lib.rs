//! Files for people: PDF, XLSX, CSV, iCalendar, from plain structs whose sentences are already written.
//!
//! Knows no database and no clock. To add a document: a struct of what it shows in a module of its own, a function that draws it
//! with the `canvas` module, and a test that reads its text back.

mod annex;
mod archive;
mod booklet;
mod canvas;
mod explanation;
mod figure;
mod file;
mod fonts;
mod icalendar;
mod letter;
mod outline;
mod page;
mod pdf;
mod qr;
mod ranking;
mod receipt;
mod sheet;
mod tables;
mod tags;

use thiserror::Error;

pub use annex::{AnnexDocument, AnnexRow, AnnexSection, annex_pdf};
pub use archive::{Packed, archive};
pub use booklet::{BookletDocument, BookletEntry, BookletPart, booklet_pdf};
pub use explanation::{ExplanationDocument, ExplanationLine, explanation_pdf};
pub use figure::{Figure, RankRow, WeightRow, rank_figure, weight_figure};
pub use icalendar::{CalendarDocument, CalendarEvent, When, icalendar};
pub use letter::{LetterDocument, letter_pdf};
pub use ranking::{
    Beside, CriterionLine, Derivation, GroupLine, LotSection, RankingDocument, RankingLine, Robustness, Statistics,
    ThresholdLine, ranking_pdf,
};
pub use receipt::{ReceiptDocument, ReceiptPiece, receipt_pdf};
pub use sheet::{Cell, Column, Table, plain_csv, table_csv, table_xlsx};
pub use tables::{DecisionRow, decisions_csv, decisions_xlsx};

/// Why a document was not made.
#[derive(Debug, Error)]
pub enum DocumentError {
    /// An embedded font cannot be read.
    #[error("font: {0}")]
    Font(&'static str),
    /// The PDF cannot be written.
    #[error("PDF: {0}")]
    Pdf(String),
    /// An address is too long for a code.
    #[error("QR: {0}")]
    Qr(#[from] qrcode::types::QrError),
    /// The spreadsheet cannot be written.
    #[error("XLSX: {0}")]
    Xlsx(#[from] rust_xlsxwriter::XlsxError),
    /// The CSV cannot be written.
    #[error("CSV: {0}")]
    Csv(#[from] csv::Error),
    /// The archive cannot be written.
    #[error("ZIP: {0}")]
    Zip(#[from] zip::result::ZipError),
}
