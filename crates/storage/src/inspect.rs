//! The type of a file from its bytes, never from its name, and what is refused whatever its type.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use thiserror::Error;

/// A recognised format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recognised {
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
    /// Text of Office Open XML.
    Docx,
    /// Spreadsheet of Office Open XML.
    Xlsx,
}

/// Why a file was refused.
#[derive(Debug, Error)]
pub enum Refused {
    /// Not one of the known formats.
    #[error("unknown format")]
    Unknown,
    /// It begins like a known format and is not whole or not readable.
    #[error("damaged: {0}")]
    Damaged(&'static str),
    /// A password is needed to read it.
    #[error("encrypted")]
    Encrypted,
    /// It carries macros.
    #[error("carries macros")]
    Macros,
    /// An old Office document: convert it first.
    #[error("old Office format")]
    OldOffice,
    /// It could not be read back.
    #[error("read: {0}")]
    Read(#[from] std::io::Error),
}

impl Refused {
    /// Stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "format",
            Self::Damaged(_) => "damaged",
            Self::Encrypted => "encrypted",
            Self::Macros => "macros",
            Self::OldOffice => "old-office",
            Self::Read(_) => "unreadable",
        }
    }
}

/// Most entries of an archive that are looked at: a document has far fewer.
const MOST_ENTRIES: usize = 10_000;
/// Most bytes read out of one archive entry.
const MOST_ENTRY_BYTES: u64 = 256 * 1024;
/// How much of a PDF's end is searched for its trailer.
const PDF_TAIL: u64 = 64 * 1024;

/// Recognises a file.
///
/// # Errors
/// [`Refused`] with the reason.
pub fn inspect(path: &Path) -> Result<Recognised, Refused> {
    let mut file = File::open(path)?;
    let mut head = vec![0; 1024];
    let mut filled = 0;
    while filled < head.len() {
        let n = file.read(&mut head[filled..])?;
        if n == 0 {
            break;
        }
        filled += n;
    }
    head.truncate(filled);
    match infer::get(&head).map(|t| t.mime_type()) {
        Some("application/pdf") => pdf(&mut file),
        Some("image/jpeg") => {
            tail(&mut file, &[0xff, 0xd9], "the end of the picture is missing").map(|()| Recognised::Jpg)
        }
        Some("image/png") => tail(&mut file, b"IEND", "the end of the picture is missing").map(|()| Recognised::Png),
        // Encrypted Office documents and those of before 2007 share one container.
        _ if head.starts_with(&[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]) => ole(&mut file),
        _ if head.starts_with(b"PK\x03\x04") => archive(file),
        _ => Err(Refused::Unknown),
    }
}

fn last_bytes(file: &mut File, count: u64) -> Result<Vec<u8>, Refused> {
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(count)))?;
    let mut bytes = Vec::new();
    file.take(count).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|w| w == wanted)
}

fn tail(file: &mut File, wanted: &[u8], problem: &'static str) -> Result<(), Refused> {
    // Cameras and editors append a few kilobytes after the picture's own end.
    if contains(&last_bytes(file, PDF_TAIL)?, wanted) { Ok(()) } else { Err(Refused::Damaged(problem)) }
}

fn pdf(file: &mut File) -> Result<Recognised, Refused> {
    let end = last_bytes(file, PDF_TAIL)?;
    if !contains(&end, b"%%EOF") {
        return Err(Refused::Damaged("the end of the document is missing"));
    }
    // The trailer, or the dictionary of the cross-reference stream, stands in clear and names /Encrypt. The start is searched
    // too: a linearised document has its first trailer there.
    file.seek(SeekFrom::Start(0))?;
    let mut start = Vec::new();
    file.take(PDF_TAIL).read_to_end(&mut start)?;
    if [&start, &end].iter().any(|part| names_encryption(part)) {
        return Err(Refused::Encrypted);
    }
    Ok(Recognised::Pdf)
}

/// `/Encrypt` followed by a reference or a dictionary: `/Encrypt 12 0 R`, `/Encrypt<<…`. A text that merely mentions the word does
/// not read like that.
fn names_encryption(bytes: &[u8]) -> bool {
    let name = b"/Encrypt";
    bytes.windows(name.len()).enumerate().filter(|(_, w)| *w == name).any(|(i, _)| {
        let after = &bytes[i + name.len()..];
        let rest: Vec<u8> = after.iter().copied().skip_while(u8::is_ascii_whitespace).take(40).collect();
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let reference = digits > 0 && String::from_utf8_lossy(&rest[digits..]).trim_start().starts_with("0 R");
        reference || rest.starts_with(b"<<")
    })
}

fn ole(file: &mut File) -> Result<Recognised, Refused> {
    let end = last_bytes(file, u64::MAX)?;
    let wide: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
    Err(if contains(&end, &wide) { Refused::Encrypted } else { Refused::OldOffice })
}

fn archive(file: File) -> Result<Recognised, Refused> {
    let mut zip = zip::ZipArchive::new(file).map_err(|_| Refused::Damaged("the archive cannot be read"))?;
    if zip.len() > MOST_ENTRIES {
        return Err(Refused::Damaged("the archive has too many entries"));
    }
    let names: Vec<String> = zip
        .file_names()
        .map(|name| name.map(|n| n.to_ascii_lowercase()))
        .collect::<Result<_, _>>()
        .map_err(|_| Refused::Damaged("the archive cannot be read"))?;
    let has = |wanted: &str| names.iter().any(|n| n == wanted);
    if has("mimetype") {
        let kind = entry(&mut zip, "mimetype")?;
        let manifest = entry(&mut zip, "META-INF/manifest.xml")?;
        if manifest.contains("encryption-data") {
            return Err(Refused::Encrypted);
        }
        if names.iter().any(|n| n.starts_with("basic/") || n.starts_with("scripts/")) {
            return Err(Refused::Macros);
        }
        return match kind.trim() {
            "application/vnd.oasis.opendocument.text" => Ok(Recognised::Odt),
            "application/vnd.oasis.opendocument.spreadsheet" => Ok(Recognised::Ods),
            _ => Err(Refused::Unknown),
        };
    }
    if has("[content_types].xml") {
        let types = entry(&mut zip, "[Content_Types].xml")?;
        if types.contains("macroEnabled") || names.iter().any(|n| n.ends_with("vbaproject.bin")) {
            return Err(Refused::Macros);
        }
        if types.contains("wordprocessingml.document.main+xml") {
            return Ok(Recognised::Docx);
        }
        if types.contains("spreadsheetml.sheet.main+xml") {
            return Ok(Recognised::Xlsx);
        }
    }
    Err(Refused::Unknown)
}

fn entry(zip: &mut zip::ZipArchive<File>, name: &str) -> Result<String, Refused> {
    let entry = zip.by_name(name).map_err(|_| Refused::Damaged("a part of the archive is missing"))?;
    if entry.encrypted() {
        return Err(Refused::Encrypted);
    }
    let mut bytes = Vec::new();
    entry
        .take(MOST_ENTRY_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|_| Refused::Damaged("a part of the archive cannot be read"))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
