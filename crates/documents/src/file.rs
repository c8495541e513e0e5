//! From drawn pages to a file: structure, bookmarks, language and what the file says of itself. The same content gives the same
//! bytes.

use jiff::Timestamp;

use crate::DocumentError;
use crate::fonts::Used;
use crate::outline::{self, Bookmark};
use crate::pdf::{Id, Writer, push_integer, push_number, push_reference, push_string, push_text};
use crate::tags::Tree;

/// What the file says of itself.
#[derive(Debug, Clone)]
pub(crate) struct Metadata {
    /// The document's title, shown by readers instead of the file's name.
    pub(crate) title: String,
    /// Who issues it.
    pub(crate) author: String,
    /// What it is about.
    pub(crate) subject: String,
    /// When its content was fixed.
    pub(crate) created_at: Timestamp,
    /// What tells this content from any other; the file's identifier is made from it.
    pub(crate) identity: String,
}

/// What was drawn.
pub(crate) struct Drawn<'a> {
    /// The content of each page.
    pub(crate) pages: Vec<Vec<u8>>,
    pub(crate) width: f32,
    pub(crate) height: f32,
    /// Named `F0`, `F1`… in contents.
    pub(crate) fonts: &'a [Used],
    pub(crate) tree: &'a Tree,
    pub(crate) bookmarks: &'a [Bookmark],
}

/// Writes a document of drawn pages.
pub(crate) fn write(drawn: Drawn<'_>, metadata: &Metadata) -> Result<Vec<u8>, DocumentError> {
    let mut writer = Writer::new();
    let first = writer.reserve(5);
    let (catalogue, information, list) = (first, first.after(1), first.after(2));
    let (resources, xmp_id) = (first.after(3), first.after(4));
    let count = drawn.pages.len();
    let pages = writer.reserve(count);
    let contents = writer.reserve(count);
    for (index, content) in drawn.pages.iter().enumerate() {
        writer.stream(contents.after(index), "", content);
    }
    for index in 0..count {
        writer.object(pages.after(index), |out| {
            out.extend_from_slice(b"<</Type/Page");
            entry(out, "/Parent ", list);
            out.extend_from_slice(b"/MediaBox[0 0 ");
            push_number(out, drawn.width);
            out.push(b' ');
            push_number(out, drawn.height);
            entry(out, "]/Resources ", resources);
            entry(out, "/Contents ", contents.after(index));
            out.extend_from_slice(b"/Tabs/S/StructParents ");
            push_integer(out, index);
            out.extend_from_slice(b">>");
        });
    }
    writer.object(list, |out| {
        out.extend_from_slice(b"<</Type/Pages/Count ");
        push_integer(out, count);
        out.extend_from_slice(b"/Kids[");
        for index in 0..count {
            push_reference(out, pages.after(index));
            out.push(b' ');
        }
        out.extend_from_slice(b"]>>");
    });
    write_fonts(&mut writer, resources, drawn.fonts)?;
    let tree = drawn.tree.write(&mut writer, pages);
    let outlines = outline::write(&mut writer, drawn.bookmarks, pages, drawn.height);
    // Not compressed, so that what looks for files by what they say of themselves finds it.
    writer.raw_stream(xmp_id, "/Type/Metadata/Subtype/XML", xmp(metadata).as_bytes());
    writer.object(information, |out| describe(out, metadata));
    writer.object(catalogue, |out| {
        out.extend_from_slice(b"<</Type/Catalog/Lang(fr-FR)/MarkInfo<</Marked true>>/PageMode/UseOutlines");
        entry(out, "/Pages ", list);
        entry(out, "/StructTreeRoot ", tree);
        entry(out, "/Outlines ", outlines);
        entry(out, "/Metadata ", xmp_id);
        out.extend_from_slice(b"/ViewerPreferences<</DisplayDocTitle true>>>>");
    });
    Ok(writer.finish(catalogue, information, &metadata.identity))
}

/// The fonts that are used, and the dictionary by which every page names them.
fn write_fonts(writer: &mut Writer, resources: Id, fonts: &[Used]) -> Result<(), DocumentError> {
    let first = writer.reserve(fonts.len());
    for (index, font) in fonts.iter().enumerate().filter(|(_, font)| font.is_used()) {
        font.write(writer, first.after(index))?;
    }
    writer.object(resources, |out| {
        out.extend_from_slice(b"<</Font<<");
        for (index, _) in fonts.iter().enumerate().filter(|(_, font)| font.is_used()) {
            out.extend_from_slice(b"/F");
            push_integer(out, index);
            out.push(b' ');
            push_reference(out, first.after(index));
        }
        out.extend_from_slice(b">>>>");
    });
    Ok(())
}

fn entry(out: &mut Vec<u8>, key: &str, id: Id) {
    out.extend_from_slice(key.as_bytes());
    push_reference(out, id);
}

fn producer() -> String {
    format!("ami-documents {}", env!("CARGO_PKG_VERSION"))
}

fn describe(out: &mut Vec<u8>, metadata: &Metadata) {
    let date = metadata.created_at.strftime("D:%Y%m%d%H%M%SZ").to_string();
    out.extend_from_slice(b"<<");
    for (key, text) in [
        ("/Title", metadata.title.as_str()),
        ("/Author", &metadata.author),
        ("/Subject", &metadata.subject),
        ("/Creator", "ami"),
        ("/Producer", &producer()),
    ] {
        out.extend_from_slice(key.as_bytes());
        push_text(out, text);
    }
    for key in ["/CreationDate", "/ModDate"] {
        out.extend_from_slice(key.as_bytes());
        push_string(out, date.as_bytes());
    }
    out.extend_from_slice(b">>");
}

fn xmp(metadata: &Metadata) -> String {
    let date = metadata.created_at.strftime("%Y-%m-%dT%H:%M:%SZ");
    let (title, author, subject) = (escape(&metadata.title), escape(&metadata.author), escape(&metadata.subject));
    let producer = producer();
    format!(
        r#"<?xpacket begin="{bom}" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:pdf="http://ns.adobe.com/pdf/1.3/">
<dc:format>application/pdf</dc:format>
<dc:language><rdf:Bag><rdf:li>fr-FR</rdf:li></rdf:Bag></dc:language>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{subject}</rdf:li></rdf:Alt></dc:description>
<dc:creator><rdf:Seq><rdf:li>{author}</rdf:li></rdf:Seq></dc:creator>
<xmp:CreatorTool>ami</xmp:CreatorTool>
<xmp:CreateDate>{date}</xmp:CreateDate>
<xmp:ModifyDate>{date}</xmp:ModifyDate>
<pdf:Producer>{producer}</pdf:Producer>
</rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"#,
        bom = '\u{feff}',
    )
}

fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, character| {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            character if character.is_control() => escaped.push(' '),
            character => escaped.push(character),
        }
        escaped
    })
}
