//! Smallest files of each type.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use lopdf::{Dictionary, EncryptionState, EncryptionVersion, dictionary};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A PDF under construction, and where its last cross-reference section starts.
pub(crate) struct Pdf {
    text: String,
    last: usize,
}

impl Pdf {
    /// With a cross-reference table and `extra` in its trailer.
    pub(crate) fn table(extra: &str) -> Self {
        Self::with_content(extra, "BT ET")
    }

    pub(crate) fn with_content(extra: &str, content: &str) -> Self {
        let mut pdf = Self::start();
        let _ = write!(pdf.text, "2 0 obj\n<< /Length {} >>\nstream\n{content}\nendstream\nendobj\n", content.len());
        pdf.section(&table(1), extra)
    }

    /// With a table longer than any buffer.
    pub(crate) fn long_table(extra: &str) -> Self {
        Self::start().section(&table(10_000), extra)
    }

    /// With a cross-reference stream, as most programs write since PDF 1.5.
    pub(crate) fn stream(extra: &str) -> Self {
        let mut pdf = Self::start();
        pdf.last = pdf.text.len();
        pdf.text += &xref_stream(extra);
        pdf.text += "startxref\n";
        pdf.close()
    }

    /// The last section, read first, is at the start and points to the main one after it.
    pub(crate) fn linearised(first: &str, main: &str) -> Self {
        let mut pdf = Self::start();
        let at = pdf.text.len();
        let head = format!("{}trailer\n<< /Size 2 /Root 1 0 R {first} /Prev ", table(1));
        let rest = " >>\nstartxref\n0\n%%EOF\n";
        let body = "3 0 obj\nnull\nendobj\n";
        let main_at = at + head.len() + 10 + rest.len() + body.len();
        let _ = write!(pdf.text, "{head}{main_at:010}{rest}{body}");
        let mut pdf = pdf.section(&table(1), main);
        let end = pdf.text.rfind("startxref").unwrap_or_default();
        pdf.text.truncate(end);
        pdf.text += "startxref\n";
        pdf.last = at;
        pdf.close()
    }

    /// Adds an incremental update.
    pub(crate) fn update(self, extra: &str) -> Self {
        let extra = format!("/Prev {} {extra}", self.last);
        self.section(&table(1), &extra)
    }

    /// Adds a section of which `extra` is in the stream beside the table.
    pub(crate) fn hybrid(mut self, extra: &str) -> Self {
        let (at, previous) = (self.text.len(), self.last);
        self.text += &xref_stream(extra);
        self.section(&table(1), &format!("/XRefStm {at} /Prev {previous}"))
    }

    /// Its only section names itself as the one before.
    pub(crate) fn looping() -> Self {
        let pdf = Self::start();
        let at = pdf.text.len();
        pdf.section(&table(1), &format!("/Prev {at}"))
    }

    pub(crate) fn lying_about_the_offset(mut self) -> Self {
        let end = self.text.rfind("startxref").unwrap_or_default();
        self.text.truncate(end);
        self.text += "startxref\n7\n%%EOF\n";
        self
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.text.into_bytes()
    }

    fn start() -> Self {
        let text = "%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n".to_owned();
        Self { text, last: 0 }
    }

    fn section(mut self, table: &str, extra: &str) -> Self {
        self.last = self.text.len();
        let _ = write!(self.text, "{table}trailer\n<< /Size 2 /Root 1 0 R {extra} >>\nstartxref\n");
        self.close()
    }

    fn close(mut self) -> Self {
        let _ = write!(self.text, "{}\n%%EOF\n", self.last);
        self
    }
}

fn table(entries: usize) -> String {
    format!("xref\n0 {entries}\n{}", "0000000000 65535 f \n".repeat(entries))
}

fn xref_stream(extra: &str) -> String {
    format!(
        "7 0 obj\n<< /Type /XRef /Size 2 /W [1 2 1] /Root 1 0 R {extra} /Length 4 >>\nstream\nabcd\nendstream\nendobj\n"
    )
}

pub(crate) fn png() -> Vec<u8> {
    let chunk = |kind: &[u8], data: &[u8]| {
        let length = u32::try_from(data.len()).unwrap_or_default().to_be_bytes();
        [&length, kind, data, b"CRC!"].concat()
    };
    let header = [0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0];
    let chunks = [chunk(b"IHDR", &header), chunk(b"IDAT", &[1; 300]), chunk(b"IEND", b"")];
    [&b"\x89PNG\r\n\x1a\n"[..], &chunks.concat()].concat()
}

pub(crate) fn jpeg() -> Vec<u8> {
    let segment = |marker: u8, data: &[u8]| {
        let length = u16::try_from(data.len() + 2).unwrap_or_default().to_be_bytes();
        [&[0xFF, marker], &length[..], data].concat()
    };
    [
        &[0xFF, 0xD8][..],
        // A thumbnail has an end marker of its own.
        &segment(0xE1, b"Exif\0\0\xFF\xD8\xFF\xD9"),
        &segment(0xC0, &[8, 0, 1, 0, 1, 1, 1, 0x11, 0]),
        &segment(0xDA, &[1, 1, 0, 0, 63, 0]),
        &[0x12, 0xFF, 0x00].repeat(100),
        &[0xFF, 0xD9],
    ]
    .concat()
}

/// An OLE container's signature and the name of one stream, in UTF-16.
pub(crate) fn ole(stream: &str) -> Vec<u8> {
    let mut bytes = vec![0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1];
    bytes.resize(100_000, 0);
    bytes.extend(stream.encode_utf16().flat_map(u16::to_le_bytes));
    bytes.resize(120_000, 0);
    bytes
}

pub(crate) fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    write_archive(entries, SimpleFileOptions::default())
}

pub(crate) fn stored(entries: &[(&str, &[u8])]) -> Vec<u8> {
    write_archive(entries, SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored))
}

fn write_archive(entries: &[(&str, &[u8])], options: SimpleFileOptions) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        if name.ends_with('/') {
            writer.add_directory(*name, options).unwrap();
        } else {
            writer.start_file(*name, options).unwrap();
            writer.write_all(content).unwrap();
        }
    }
    writer.finish().unwrap().into_inner()
}

pub(crate) fn open_document(mimetype: &str, more: &[(&str, &[u8])]) -> Vec<u8> {
    let own = [("mimetype", mimetype.as_bytes()), ("content.xml", b"<office:document-content/>")];
    stored(&[&own[..], more].concat())
}

pub(crate) fn office(main: &str, more: &[(&str, &[u8])]) -> Vec<u8> {
    let types = format!("<Types><Override PartName=\"/main.xml\" ContentType=\"{main}\"/></Types>");
    archive(&[&[("[Content_Types].xml", types.as_bytes())][..], more].concat())
}

/// As many copies of one entry of 8 MiB of nothing.
pub(crate) fn bomb(copies: usize) -> Vec<u8> {
    let nothing = vec![0; 8 * 1024 * 1024];
    let mut source = zip::ZipArchive::new(Cursor::new(archive(&[("sheet", &nothing)]))).unwrap();
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for copy in 0..copies {
        let entry = source.by_index_raw(0).unwrap();
        writer.raw_copy_file_rename(entry, format!("sheet{copy}")).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A document with one page and `action` when it opens, its objects packed into a stream or not; protected by these passwords, when
/// there are any.
pub(crate) fn document(action: Option<Dictionary>, packed: bool, passwords: Option<(&str, &str)>) -> Vec<u8> {
    let mut document = lopdf::Document::with_version("1.5");
    let page = document.new_object_id();
    let pages = document.add_object(dictionary! { "Type" => "Pages", "Kids" => vec![page.into()], "Count" => 1 });
    document.set_object(page, dictionary! { "Type" => "Page", "Parent" => pages });
    let mut catalog = dictionary! { "Type" => "Catalog", "Pages" => pages };
    if let Some(action) = action {
        let action = document.add_object(action);
        catalog.set("OpenAction", action);
    }
    let catalog = document.add_object(catalog);
    document.trailer.set("Root", catalog);
    let id = || lopdf::Object::string_literal("0123456789abcdef");
    document.trailer.set("ID", vec![id(), id()]);
    if let Some((owner_password, user_password)) = passwords {
        let permissions = lopdf::Permissions::PRINTABLE;
        let version =
            EncryptionVersion::V2 { document: &document, owner_password, user_password, key_length: 128, permissions };
        let state = EncryptionState::try_from(version).unwrap();
        document.encrypt(&state).unwrap();
    }
    let mut bytes = Vec::new();
    if packed {
        document.save_modern(&mut bytes).unwrap();
    } else {
        document.save_to(&mut bytes).unwrap();
    }
    bytes
}
