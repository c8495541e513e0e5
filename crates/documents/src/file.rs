//! From drawn pages to a file: structure, bookmarks, language and what the file says of itself. The same content gives the same
//! bytes.

use jiff::Timestamp;
use lopdf::{Dictionary, Document, Object, ObjectId, SaveOptions, Stream, dictionary, text_string};

use crate::DocumentError;
use crate::outline::{self, Bookmark};
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

/// Completes a document of drawn pages of one height and writes it.
pub(crate) fn write(
    mut document: Document,
    tree: &Tree,
    bookmarks: &[Bookmark],
    page_height: f32,
    metadata: &Metadata,
) -> Result<Vec<u8>, DocumentError> {
    let wrong = |e: lopdf::Error| DocumentError::Pdf(e.to_string());
    "1.7".clone_into(&mut document.version);
    let pages: Vec<ObjectId> = document.page_iter().collect();
    for (index, page) in pages.iter().enumerate() {
        let page = document.get_dictionary_mut(*page).map_err(wrong)?;
        page.set("StructParents", i64::try_from(index).unwrap_or(i64::MAX));
        page.set("Tabs", "S");
    }
    let tree = tree.write(&mut document, &pages);
    let outlines = outline::write(&mut document, bookmarks, &pages, page_height);
    let xmp = document.add_object(xmp(metadata));
    let catalog = document.catalog_mut().map_err(wrong)?;
    catalog.set("Lang", text_string("fr-FR"));
    catalog.set("MarkInfo", dictionary! { "Marked" => true });
    catalog.set("StructTreeRoot", tree);
    catalog.set("Outlines", outlines);
    catalog.set("PageMode", "UseOutlines");
    catalog.set("ViewerPreferences", dictionary! { "DisplayDocTitle" => true });
    catalog.set("Metadata", xmp);
    catalog.remove(b"OutputIntents");
    let info = document.trailer.get(b"Info").and_then(Object::as_reference).map_err(wrong)?;
    document.objects.insert(info, Object::Dictionary(information(metadata)));
    let identifier = Object::string_literal(metadata.identity.as_bytes());
    document.trailer.set("ID", vec![identifier.clone(), identifier]);
    document.compress();
    // Thousands of small nodes: object streams keep them small.
    let options = SaveOptions::builder()
        .use_object_streams(true)
        .use_xref_streams(true)
        .max_objects_per_stream(400)
        .compression_level(6)
        .build();
    let mut bytes = Vec::new();
    document.save_with_options(&mut bytes, options).map_err(|e| DocumentError::Pdf(e.to_string()))?;
    Ok(bytes)
}

fn producer() -> String {
    format!("ami-documents {}", env!("CARGO_PKG_VERSION"))
}

fn information(metadata: &Metadata) -> Dictionary {
    let date = Object::string_literal(metadata.created_at.strftime("D:%Y%m%d%H%M%SZ").to_string());
    dictionary! {
        "Title" => text_string(&metadata.title),
        "Author" => text_string(&metadata.author),
        "Subject" => text_string(&metadata.subject),
        "Creator" => text_string("ami"),
        "Producer" => text_string(&producer()),
        "CreationDate" => date.clone(),
        "ModDate" => date,
    }
}

fn xmp(metadata: &Metadata) -> Stream {
    let date = metadata.created_at.strftime("%Y-%m-%dT%H:%M:%SZ");
    let (title, author, subject) = (escape(&metadata.title), escape(&metadata.author), escape(&metadata.subject));
    let producer = producer();
    let packet = format!(
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
    );
    Stream::new(dictionary! { "Type" => "Metadata", "Subtype" => "XML" }, packet.into_bytes()).with_compression(false)
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
