//! The files that a call asks for.

use serde::{Deserialize, Serialize};

use crate::form::Requirement;

/// A place for one kind of file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PieceSlot {
    /// Stable code, such as `P01`.
    pub code: String,
    /// What is asked for.
    pub label: String,
    /// Accepted formats.
    pub formats: Vec<Format>,
    /// Size of one file, in bytes.
    pub max_bytes: u64,
    /// How many files.
    #[serde(default = "one")]
    pub max_files: u32,
    /// When it is asked for.
    #[serde(default)]
    pub required: Requirement,
    /// Whether a dossier without it cannot be examined.
    #[serde(default)]
    pub indispensable: bool,
    /// Hidden from jurors (bank details).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden_from_jury: bool,
}

const fn one() -> u32 {
    1
}

/// A file format, known from its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Portable document.
    Pdf,
    /// Photograph.
    Jpg,
    /// Picture.
    Png,
    /// Text of the Open Document Format.
    Odt,
    /// Spreadsheet of the Open Document Format.
    Ods,
    /// Office Open XML text.
    Docx,
    /// Office Open XML spreadsheet.
    Xlsx,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 7] = [Self::Pdf, Self::Jpg, Self::Png, Self::Odt, Self::Ods, Self::Docx, Self::Xlsx];

    /// Stable text, also the usual extension.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Jpg => "jpg",
            Self::Png => "png",
            Self::Odt => "odt",
            Self::Ods => "ods",
            Self::Docx => "docx",
            Self::Xlsx => "xlsx",
        }
    }

    /// Reads what is stored.
    pub fn parse(stored: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.as_str() == stored)
    }

    /// Media type for a response.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Jpg => "image/jpeg",
            Self::Png => "image/png",
            Self::Odt => "application/vnd.oasis.opendocument.text",
            Self::Ods => "application/vnd.oasis.opendocument.spreadsheet",
            Self::Docx => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }

    /// Whether a browser may show it in place, in a sandboxed response.
    pub const fn shown_inline(self) -> bool {
        matches!(self, Self::Pdf | Self::Jpg | Self::Png)
    }
}

impl PieceSlot {
    /// The accepted formats as a person reads them: `PDF, ODT, DOCX`.
    pub fn formats_label(&self) -> String {
        self.formats.iter().map(|f| f.as_str().to_uppercase()).collect::<Vec<_>>().join(", ")
    }
}

/// A file name that is safe to keep and to send back: no path, no control character, at most 150 characters, never empty.
pub fn safe_name(given: &str, format: Format) -> String {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept: String = last
        .chars()
        .filter(|c| !c.is_control() && !matches!(c, '"' | '<' | '>' | '|' | '*' | '?' | ':') && !is_direction_mark(*c))
        .take(150)
        .collect();
    let kept = kept.trim().trim_start_matches('.').trim();
    if kept.is_empty() { format!("piece.{}", format.as_str()) } else { kept.to_owned() }
}

/// Marks that turn the reading direction around make `fdp.exe` look like `exe.pdf`.
const fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_what_could_hurt_and_keep_what_people_wrote() {
        assert_eq!(safe_name("../../etc/passwd", Format::Pdf), "passwd");
        assert_eq!(safe_name("C:\\Mes documents\\Été 2027.pdf", Format::Pdf), "Été 2027.pdf");
        assert_eq!(safe_name("\u{202e}fdp.exe\u{0}", Format::Pdf), "fdp.exe");
        assert_eq!(safe_name("...", Format::Pdf), "piece.pdf");
        assert_eq!(safe_name("", Format::Png), "piece.png");
    }
}
