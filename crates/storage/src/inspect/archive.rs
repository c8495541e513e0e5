//! Documents that are ZIP archives: `OpenDocument` and Office since 2007.
//!
//! Every entry is decompressed once, which verifies its checksum: a damaged document is found now rather than by the jury.

use std::fs::File;
use std::io::{self, BufReader, Read};

use zip::ZipReadOptions;
use zip::read::Config;
use zip::result::ZipError;
use zip::unstable::read::ZipIterable;

use super::{Format, InspectError, Refused};

/// Real documents of the size that calls accept stay far below both.
const MAX_ENTRIES: usize = 20_000;
const MAX_INFLATED: u64 = 256 * 1024 * 1024;
/// The entries that are looked into are short lists.
const MAX_LISTING: u64 = 4 * 1024 * 1024;

/// What the entries say, once all are read.
#[derive(Default)]
struct Listing {
    /// The entry by which an `OpenDocument` file declares itself.
    mimetype: String,
    /// The entry that lists an Office document's parts, in lower case.
    content_types: String,
    macros: bool,
    encrypted: bool,
}

pub(super) fn inspect(file: File, guessed: Option<&'static str>) -> Result<Format, InspectError> {
    Ok(read_listing(file)?.judge(guessed)?)
}

fn read_listing(file: File) -> Result<Listing, InspectError> {
    let mut archive = ZipIterable::try_new(BufReader::new(file), Config::default()).map_err(broken)?;
    if archive.len() > MAX_ENTRIES {
        return Err(Refused::ArchiveTooLarge.into());
    }
    let entries = archive.files().map_err(broken)?;
    let mut listing = Listing::default();
    let mut inflated = 0;
    while let Some(entry) = entries.next() {
        let entry = entry.map_err(broken)?;
        let name = String::from_utf8_lossy(entry.name_raw()).replace('\\', "/").to_lowercase();
        listing.note_name(&name, entry.is_dir());
        if entry.encrypted() {
            listing.encrypted = true;
            continue;
        }
        let content = entry.with_reader(entries.reader_mut(), ZipReadOptions::new()).map_err(broken)?;
        // Headers lie about sizes, so what counts is what comes out.
        let mut content = content.take(MAX_INFLATED - inflated + 1);
        let mut start = Vec::new();
        if is_listing(&name) {
            content.by_ref().take(MAX_LISTING).read_to_end(&mut start).map_err(broken_io)?;
        }
        inflated += start.len() as u64 + io::copy(&mut content, &mut io::sink()).map_err(broken_io)?;
        if inflated > MAX_INFLATED {
            return Err(Refused::ArchiveTooLarge.into());
        }
        listing.note_content(&name, &String::from_utf8_lossy(&start));
    }
    Ok(listing)
}

fn is_listing(name: &str) -> bool {
    matches!(name, "mimetype" | "[content_types].xml" | "meta-inf/manifest.xml")
}

impl Listing {
    fn note_name(&mut self, name: &str, directory: bool) {
        let script = name.starts_with("basic/") || name.starts_with("scripts/");
        self.macros |= (script && !directory) || name.ends_with("vbaproject.bin");
        self.encrypted |= name == "encrypted-package";
    }

    fn note_content(&mut self, name: &str, content: &str) {
        match name {
            "mimetype" => content.trim().clone_into(&mut self.mimetype),
            "[content_types].xml" => self.content_types = content.to_lowercase(),
            // An encrypted OpenDocument file is a plain archive of encrypted entries, which its manifest describes.
            "meta-inf/manifest.xml" => self.encrypted |= content.contains("encryption-data"),
            _ => {}
        }
    }

    fn judge(mut self, guessed: Option<&'static str>) -> Result<Format, Refused> {
        if self.encrypted {
            return Err(Refused::EncryptedArchive);
        }
        // "macroEnabled" documents and templates, Visual Basic under any name, Excel 4 macro sheets.
        self.macros |=
            ["macroenabled", "vbaproject", "macrosheet"].iter().any(|mark| self.content_types.contains(mark));
        if self.macros {
            return Err(Refused::Macros);
        }
        let open_document = [Format::Odt, Format::Ods].into_iter().find(|format| format.mime_type() == self.mimetype);
        // The main part, as opposed to a spreadsheet embedded in a text.
        let office =
            [(Format::Docx, "wordprocessingml.document.main+xml"), (Format::Xlsx, "spreadsheetml.sheet.main+xml")];
        let office = office.into_iter().find(|(_, main)| self.content_types.contains(main)).map(|(format, _)| format);
        open_document.or(office).ok_or(Refused::Unknown { guessed })
    }
}

fn broken(error: ZipError) -> InspectError {
    match error {
        ZipError::Io(error) => broken_io(error),
        _ => Refused::BrokenArchive.into(),
    }
}

/// A failure of the disk has a number from the system; damage found in the archive has none.
fn broken_io(error: io::Error) -> InspectError {
    if error.raw_os_error().is_some() { error.into() } else { Refused::BrokenArchive.into() }
}
