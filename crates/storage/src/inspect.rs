//! What a file is, from its bytes: its name and what the browser says of it count for nothing.
//!
//! A file that a jury could not open, or that would run something when opened, is refused while the applicant can still replace it.
//! This is not an antivirus: see [`crate::scan`].

mod archive;
mod image;
mod pdf;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// A file type that dossiers may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// Portable document.
    Pdf,
    /// JPEG image.
    Jpeg,
    /// PNG image.
    Png,
    /// `OpenDocument` text.
    Odt,
    /// `OpenDocument` spreadsheet.
    Ods,
    /// Word, since 2007.
    Docx,
    /// Excel, since 2007.
    Xlsx,
}

impl Format {
    /// Every format, in the order in which they are listed to people.
    pub const ALL: [Self; 7] = [Self::Pdf, Self::Jpeg, Self::Png, Self::Odt, Self::Ods, Self::Docx, Self::Xlsx];

    /// A stable code, as calls name the formats that a slot accepts.
    pub fn code(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Odt => "odt",
            Self::Ods => "ods",
            Self::Docx => "docx",
            Self::Xlsx => "xlsx",
        }
    }

    /// The format of a code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.code() == code)
    }

    /// The registered media type.
    pub fn mime_type(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Odt => "application/vnd.oasis.opendocument.text",
            Self::Ods => "application/vnd.oasis.opendocument.spreadsheet",
            Self::Docx => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }

    /// Usual extensions, without the dot; the first is the one to give.
    pub fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Pdf => &["pdf"],
            Self::Jpeg => &["jpg", "jpeg"],
            Self::Png => &["png"],
            Self::Odt => &["odt"],
            Self::Ods => &["ods"],
            Self::Docx => &["docx"],
            Self::Xlsx => &["xlsx"],
        }
    }

    /// How the format is named to people, within a sentence.
    pub fn french_label(self) -> &'static str {
        match self {
            Self::Pdf => "PDF",
            Self::Jpeg => "image JPEG",
            Self::Png => "image PNG",
            Self::Odt => "texte OpenDocument (ODT)",
            Self::Ods => "tableur OpenDocument (ODS)",
            Self::Docx => "texte Word (DOCX)",
            Self::Xlsx => "tableur Excel (XLSX)",
        }
    }

    /// Whether a browser can show it; it may then be served inline, in a sandboxed response.
    pub fn shown_inline(self) -> bool {
        matches!(self, Self::Pdf | Self::Jpeg | Self::Png)
    }
}

/// Why a file is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not one of the [`Format`]s.
    #[error("not an accepted type of file")]
    Unknown {
        /// Media type that the bytes look like, if any: `image/heif`, `video/mp4`…
        guessed: Option<&'static str>,
    },
    /// The PDF opens with a password only.
    #[error("the PDF is protected by a password")]
    EncryptedPdf,
    /// The PDF runs a script or a program.
    #[error("the PDF runs a script or a program")]
    ActivePdf,
    /// The PDF has no end, or no table of contents of its objects.
    #[error("the PDF is incomplete")]
    TruncatedPdf,
    /// The image stops before its end.
    #[error("the image is incomplete")]
    TruncatedImage,
    /// An Office document protected by a password.
    #[error("the Office document is protected by a password")]
    EncryptedOffice,
    /// An Office document of before 2007: .doc, .xls, .ppt.
    #[error("the Office document is of a format of before 2007")]
    LegacyOffice,
    /// An `OpenDocument` file, or an entry of an archive, protected by a password.
    #[error("the document is protected by a password")]
    EncryptedArchive,
    /// The document carries macros or scripts.
    #[error("the document carries macros")]
    Macros,
    /// The document's archive is damaged.
    #[error("the document is damaged")]
    BrokenArchive,
    /// The document inflates out of proportion.
    #[error("the document is far larger once decompressed than any real one")]
    ArchiveTooLarge,
}

impl Refused {
    /// A stable code for logs, the API and the locales.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "file.unknown_type",
            Self::EncryptedPdf => "file.pdf_encrypted",
            Self::ActivePdf => "file.pdf_active",
            Self::TruncatedPdf => "file.pdf_truncated",
            Self::TruncatedImage => "file.image_truncated",
            Self::EncryptedOffice => "file.office_encrypted",
            Self::LegacyOffice => "file.office_legacy",
            Self::EncryptedArchive => "file.zip_encrypted",
            Self::Macros => "file.macros",
            Self::BrokenArchive => "file.zip_broken",
            Self::ArchiveTooLarge => "file.zip_bomb",
        }
    }
}

/// Why there is no format.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// The file is not acceptable: the applicant is to be told.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The file cannot be read: not the applicant's fault.
    #[error("the file to inspect cannot be read")]
    File(#[from] io::Error),
}

impl InspectError {
    /// A stable code for logs, the API and the locales.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(refused) => refused.code(),
            Self::File(_) => "file.unreadable",
        }
    }
}

/// As many bytes as any signature needs.
const HEAD: u64 = 8 * 1024;
const OLE: [u8; 8] = [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1];

/// Recognises a file, or refuses it. Memory use does not depend on its size; the work is done off the async threads.
pub async fn inspect(path: &Path) -> Result<Format, InspectError> {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || inspect_blocking(&path)).await.map_err(io::Error::other)?
}

fn inspect_blocking(path: &Path) -> Result<Format, InspectError> {
    let mut file = File::open(path)?;
    let mut head = Vec::new();
    (&mut file).take(HEAD).read_to_end(&mut head)?;
    file.seek(SeekFrom::Start(0))?;
    if head.starts_with(&OLE) {
        return Err(ole(&mut file)?.into());
    }
    let guessed = infer::get(&head).map(|kind| kind.mime_type());
    // An archive is judged by its content, whatever its first entry looks like.
    if head.starts_with(b"PK\x03\x04") {
        return archive::inspect(file, guessed);
    }
    match guessed {
        Some("application/pdf") => pdf::inspect(&mut file).map(|()| Format::Pdf),
        Some("image/jpeg") => image::jpeg(&mut file).map(|()| Format::Jpeg),
        Some("image/png") => image::png(&mut file).map(|()| Format::Png),
        _ => Err(Refused::Unknown { guessed }.into()),
    }
}

/// OLE containers are Office documents of before 2007, or newer ones encrypted inside one. Stream names are in UTF-16.
fn ole(file: &mut File) -> io::Result<Refused> {
    let wide = |name: &str| name.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let legacy = ["WordDocument", "Workbook", "PowerPoint Document"].map(wide);
    let (encrypted, mut is_legacy, mut is_encrypted) = (wide("EncryptedPackage"), false, false);
    scan_windows(file, |window| {
        is_encrypted |= contains(window, &encrypted);
        is_legacy |= legacy.iter().any(|name| contains(window, name));
        !is_encrypted
    })?;
    Ok(match (is_encrypted, is_legacy) {
        (true, _) => Refused::EncryptedOffice,
        (false, true) => Refused::LegacyOffice,
        (false, false) => Refused::Unknown { guessed: Some("application/x-ole-storage") },
    })
}

const WINDOW: usize = 64 * 1024;
/// Longer than anything that is searched for.
const OVERLAP: usize = 128;

/// Shows the rest of a file in overlapping windows, until the end or until `look` has seen enough and answers `false`.
fn scan_windows(file: &mut impl Read, mut look: impl FnMut(&[u8]) -> bool) -> io::Result<()> {
    let mut window = Vec::with_capacity(WINDOW + OVERLAP);
    loop {
        let read = file.by_ref().take(WINDOW as u64).read_to_end(&mut window)?;
        if read == 0 || !look(&window) {
            return Ok(());
        }
        window.drain(..window.len().saturating_sub(OVERLAP));
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    find(haystack, needle).is_some()
}
