//! The files that a call asks for.

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

use crate::call::Classes;
use crate::form::Requirement;
use crate::text::is_invisible;

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
    /// Hidden from jurors (bank details), as format 1 says it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden_from_jury: bool,
    /// Who may read it, where that does not go by its kind.
    #[serde(flatten)]
    pub classes: Classes,
}

/// Nothing larger is taken of one file, whatever a slot allows.
pub const MOST_BYTES: u64 = 256 * 1024 * 1024;

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

    /// Extensions that say this format.
    const fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Pdf => &["pdf"],
            Self::Jpg => &["jpg", "jpeg"],
            Self::Png => &["png"],
            Self::Odt => &["odt"],
            Self::Ods => &["ods"],
            Self::Docx => &["docx"],
            Self::Xlsx => &["xlsx"],
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

/// Characters of a file name.
const LONGEST_NAME: usize = 150;

/// A file name that is safe to keep and to send back: no path, no control character, at most 150 characters, never empty, and with an
/// extension of the format that the bytes were recognised as. That extension is added to what people wrote rather than put in place
/// of its end: in `rapport.final` or `budget v1.2` what follows the last point is part of the name, and `fdp.exe.pdf` still says what
/// was sent.
pub fn safe_name(given: &str, format: Format) -> String {
    let bare = |c: char| c == '.' || c.is_whitespace();
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    // Marks that turn the reading direction around make `fdp.exe` look like `exe.pdf`.
    let kept: String = last
        .nfc()
        .filter(|c| !c.is_control() && !matches!(c, '"' | '<' | '>' | '|' | '*' | '?' | ':') && !is_invisible(*c))
        .collect();
    let kept = kept.trim_end_matches(bare);
    let (stem, extension) = kept
        .rsplit_once('.')
        .filter(|(_, written)| format.extensions().iter().any(|known| known.eq_ignore_ascii_case(written)))
        .unwrap_or((kept, format.as_str()));
    let stem: String = stem.trim_matches(bare).chars().take(LONGEST_NAME - ".".len() - extension.len()).collect();
    let stem = stem.trim_end_matches(bare);
    if stem.is_empty() { format!("piece.{extension}") } else { format!("{stem}.{extension}") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_lose_what_could_hurt_and_keep_what_people_wrote() {
        assert_eq!(safe_name("../../etc/passwd", Format::Pdf), "passwd.pdf");
        assert_eq!(safe_name("C:\\Mes documents\\Été 2027.pdf", Format::Pdf), "Été 2027.pdf");
        assert_eq!(safe_name("\u{202e}fdp.exe\u{0}", Format::Pdf), "fdp.exe.pdf");
        assert_eq!(safe_name("...", Format::Pdf), "piece.pdf");
        assert_eq!(safe_name("", Format::Png), "piece.png");
    }

    #[test]
    fn a_name_ends_as_the_file_was_recognised() {
        assert_eq!(safe_name("page.html", Format::Pdf), "page.html.pdf");
        assert_eq!(safe_name("rapport.final", Format::Pdf), "rapport.final.pdf");
        assert_eq!(safe_name("Budget v1.2.ods", Format::Xlsx), "Budget v1.2.ods.xlsx");
        assert_eq!(safe_name("IMG_0042.JPEG", Format::Jpg), "IMG_0042.JPEG");
        assert_eq!(safe_name("STATUTS.PDF", Format::Pdf), "STATUTS.PDF");
        assert_eq!(safe_name("statuts.pdf. ", Format::Pdf), "statuts.pdf");
        assert_eq!(safe_name(".pdf", Format::Pdf), "piece.pdf");
        assert_eq!(safe_name(&format!("{}.PDF", "é".repeat(200)), Format::Pdf), format!("{}.PDF", "é".repeat(146)));
        assert_eq!(safe_name(&"é".repeat(200), Format::Docx), format!("{}.docx", "é".repeat(145)));
    }

    proptest! {
        #[test]
        fn whatever_was_given(given in "\\PC*|[./\\\\ \u{202e}a-dfpx\u{0}]*", format in proptest::sample::select(&Format::ALL[..])) {
            let name = safe_name(&given, format);
            let (stem, extension) = name.rsplit_once('.').unwrap();
            prop_assert!(!stem.is_empty() && !stem.starts_with('.') && stem == stem.trim());
            prop_assert!(format.extensions().contains(&extension.to_ascii_lowercase().as_str()), "{name}");
            let bad = ['/', '\\', '\0', '\u{202e}'];
            prop_assert!(name.chars().count() <= LONGEST_NAME && !name.contains(bad));
            prop_assert_eq!(safe_name(&name, format), name.clone());
        }
    }
}
