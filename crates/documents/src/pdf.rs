//! The bytes of a PDF file: objects, packed by the thousand into compressed streams, and the table that says where each one is.
//!
//! A document has an object for each cell of each table. They are written as text here, once, and never held as anything else:
//! dictionaries in memory took half of the time and nearly all of the memory (docs/adr/0026). Objects stand in rows of one length
//! with their numbers below one another, and are compressed as the difference of each row from the one above: a cell and the next
//! differ by a digit, and take about a byte.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;

/// So many objects share a stream: more compress a little better, but a reader has to unpack them all to have one.
const PACK: usize = 500;
/// Bytes of a row, where objects are too unlike one another for rows of their own length: room for four references.
const ROW: usize = 48;
/// The longest row: what is longer is a list, whose rows are its references.
const LONGEST: usize = 512;
/// Bytes that a reference in a list takes, and half of those that an object takes in its stream's list.
const REFERENCE: usize = 12;
/// Bytes of an entry of the table: its kind, an offset or a stream, an index.
const ENTRY: usize = 7;

/// The number of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id(u32);

impl Id {
    /// The object that was reserved so many places after this one.
    pub(crate) fn after(self, places: usize) -> Self {
        Self(self.0 + number(places))
    }
}

/// Where an object is.
#[derive(Debug, Clone, Copy)]
enum Place {
    Nowhere,
    At(usize),
    Packed { stream: Id, index: usize },
}

/// A file being written.
pub(crate) struct Writer {
    out: Vec<u8>,
    /// By number; 0 is no object.
    places: Vec<Place>,
    /// The objects that wait for their stream, one after the other, and where each begins.
    packed: Vec<u8>,
    waiting: Vec<(Id, usize)>,
}

impl Writer {
    pub(crate) fn new() -> Self {
        // The second line says to those who move files that this one is not text.
        Self {
            out: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec(),
            places: vec![Place::Nowhere],
            packed: Vec::new(),
            waiting: Vec::new(),
        }
    }

    /// Numbers for so many objects, one after the other; gives the first.
    pub(crate) fn reserve(&mut self, count: usize) -> Id {
        let first = Id(number(self.places.len()));
        self.places.resize(self.places.len() + count, Place::Nowhere);
        first
    }

    /// Writes an object that is not a stream.
    pub(crate) fn object(&mut self, id: Id, write: impl FnOnce(&mut Vec<u8>)) {
        if self.waiting.len() == PACK {
            self.pack();
        }
        self.waiting.push((id, self.packed.len()));
        write(&mut self.packed);
        self.packed.push(b'\n');
    }

    /// Writes a stream, compressed; `entries` stand in its dictionary.
    pub(crate) fn stream(&mut self, id: Id, entries: &str, content: &[u8]) {
        let compressed = compress(content);
        self.raw_stream(id, &format!("{entries}/Filter/FlateDecode"), &compressed);
    }

    /// Writes a stream as it is.
    pub(crate) fn raw_stream(&mut self, id: Id, entries: &str, content: &[u8]) {
        self.places[id.0 as usize] = Place::At(self.out.len());
        self.out
            .extend_from_slice(format!("{} 0 obj\n<<{entries}/Length {}>>\nstream\n", id.0, content.len()).as_bytes());
        self.out.extend_from_slice(content);
        self.out.extend_from_slice(b"\nendstream\nendobj\n");
    }

    fn pack(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let stream = self.reserve(1);
        let (waiting, objects) = (std::mem::take(&mut self.waiting), std::mem::take(&mut self.packed));
        let ends = waiting.iter().skip(1).map(|(_, start)| *start).chain([objects.len()]);
        let bodies: Vec<&[u8]> = waiting.iter().zip(ends).map(|((_, start), end)| &objects[*start..end]).collect();
        let row = row(&bodies, objects.len());
        let mut content = Vec::with_capacity(bodies.len() * (row + 2 * REFERENCE) + objects.len());
        let mut offset = 0;
        for (index, ((id, _), body)) in waiting.iter().zip(&bodies).enumerate() {
            self.places[id.0 as usize] = Place::Packed { stream, index };
            if content.len() % row + 2 * REFERENCE > row {
                pad(&mut content, row);
            }
            push_aligned(&mut content, id.0 as usize, REFERENCE);
            push_aligned(&mut content, offset, REFERENCE);
            offset += body.len().next_multiple_of(row);
        }
        pad(&mut content, row);
        let first = content.len();
        for body in bodies {
            content.extend_from_slice(body);
            pad(&mut content, row);
        }
        let count = waiting.len();
        let entries = format!("/Type/ObjStm/N {count}/First {first}/DecodeParms<</Predictor 12/Columns {row}>>");
        self.stream(stream, &entries, &differences(&content, row));
        // Their room is used again.
        (self.waiting, self.packed) = (waiting, objects);
        self.waiting.clear();
        self.packed.clear();
    }

    /// Writes what waits and the table, and gives the file. `identity` tells this content from any other.
    pub(crate) fn finish(mut self, root: Id, info: Id, identity: &str) -> Vec<u8> {
        self.pack();
        let table = self.reserve(1);
        let start = self.out.len();
        self.places[table.0 as usize] = Place::At(start);
        let mut content = Vec::with_capacity(self.places.len() * ENTRY);
        for place in &self.places {
            let (kind, field, index) = match place {
                Place::Nowhere => (0, 0, u16::MAX),
                Place::At(offset) => (1, number(*offset), 0),
                Place::Packed { stream, index } => (2, stream.0, u16::try_from(*index).unwrap_or(u16::MAX)),
            };
            content.push(kind);
            content.extend_from_slice(&field.to_be_bytes());
            content.extend_from_slice(&index.to_be_bytes());
        }
        let mut id = Vec::new();
        push_text(&mut id, identity);
        let id = String::from_utf8_lossy(&id);
        let entries = format!(
            "/Type/XRef/Size {}/W[1 4 2]/DecodeParms<</Predictor 12/Columns {ENTRY}>>/Root {} 0 R/Info {} 0 R/ID[{id}{id}]",
            self.places.len(),
            root.0,
            info.0,
        );
        self.stream(table, &entries, &differences(&content, ENTRY));
        self.out.extend_from_slice(format!("startxref\n{start}\n%%EOF\n").as_bytes());
        self.out
    }
}

/// How long the rows of these objects are: one object each, unless too much of them would be blank.
fn row(bodies: &[&[u8]], total: usize) -> usize {
    let longest = bodies.iter().map(|body| body.len()).max().unwrap_or_default().max(ROW);
    let tight = longest * bodies.len() <= total * 2;
    if tight && longest <= LONGEST { longest } else { ROW }
}

/// Rows as their difference from the one above, each behind the number that says so.
fn differences(content: &[u8], row: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + content.len() / row + 1);
    let mut above = &vec![0; row][..];
    for bytes in content.chunks(row) {
        out.push(2);
        out.extend(bytes.iter().zip(above).map(|(byte, above)| byte.wrapping_sub(*above)));
        above = bytes;
    }
    out
}

fn pad(out: &mut Vec<u8>, to: usize) {
    out.resize(out.len().next_multiple_of(to), b' ');
}

fn compress(content: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::with_capacity(content.len() / 4), Compression::new(6));
    // Writing to memory does not fail.
    let _ = encoder.write_all(content);
    encoder.finish().unwrap_or_default()
}

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// Writes a whole number.
pub(crate) fn push_integer(out: &mut Vec<u8>, mut value: usize) {
    let mut digits = [0_u8; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + u8::try_from(value % 10).unwrap_or_default();
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// Writes a whole number that ends so many bytes further, behind one space at least.
pub(crate) fn push_aligned(out: &mut Vec<u8>, value: usize, width: usize) {
    let digits = value.checked_ilog10().map_or(1, |tens| tens as usize + 1);
    out.resize(out.len() + width.saturating_sub(digits).max(1), b' ');
    push_integer(out, value);
}

/// A length in the hundredths of a point that a file keeps of it.
#[expect(clippy::cast_possible_truncation, reason = "it saturates, and no page is that large")]
pub(crate) fn hundredths(length: f32) -> i64 {
    (f64::from(length) * 100.0).round() as i64
}

/// Writes a length.
pub(crate) fn push_number(out: &mut Vec<u8>, length: f32) {
    push_hundredths(out, hundredths(length));
}

/// Writes a length without the decimals that are zero.
pub(crate) fn push_hundredths(out: &mut Vec<u8>, hundredths: i64) {
    if hundredths < 0 {
        out.push(b'-');
    }
    let hundredths = usize::try_from(hundredths.unsigned_abs()).unwrap_or_default();
    push_integer(out, hundredths / 100);
    let rest = hundredths % 100;
    if rest > 0 {
        out.push(b'.');
        push_integer(out, rest / 10);
        if !rest.is_multiple_of(10) {
            push_integer(out, rest % 10);
        }
    }
}

/// Writes a reference to an object.
pub(crate) fn push_reference(out: &mut Vec<u8>, id: Id) {
    push_integer(out, id.0 as usize);
    out.extend_from_slice(b" 0 R");
}

/// Writes a list of references, below those of the list before.
pub(crate) fn push_references(out: &mut Vec<u8>, ids: impl Iterator<Item = Id>) {
    out.push(b'[');
    pad(out, REFERENCE);
    for id in ids {
        push_aligned(out, id.0 as usize, REFERENCE - 4);
        out.extend_from_slice(b" 0 R");
    }
    out.push(b']');
}

/// Writes a reference in a place that is so wide, behind one space at least.
pub(crate) fn push_aligned_reference(out: &mut Vec<u8>, id: Id, width: usize) {
    push_aligned(out, id.0 as usize, width - 4);
    out.extend_from_slice(b" 0 R");
}

/// Writes a text that a reader shows: as it is while it is ASCII, else in UTF-16.
pub(crate) fn push_text(out: &mut Vec<u8>, text: &str) {
    if text.is_ascii() {
        push_string(out, text.as_bytes());
    } else {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        push_string(out, &units.flat_map(u16::to_be_bytes).collect::<Vec<_>>());
    }
}

/// Writes bytes as a string.
pub(crate) fn push_string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'(');
    for &byte in bytes {
        match byte {
            // An unescaped end of line of another system's would be read as one of ours.
            b'\r' => out.extend_from_slice(b"\\r"),
            b'(' | b')' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            _ => out.push(byte),
        }
    }
    out.push(b')');
}

#[cfg(test)]
mod tests {
    use super::{push_number, push_string, push_text};

    fn written(write: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out);
        out
    }

    #[test]
    fn lengths_have_two_decimals_at_most() {
        for (value, shown) in [
            (0.0, "0"),
            (7.5, "7.5"),
            (-0.25, "-0.25"),
            (595.276, "595.28"),
            (0.05, "0.05"),
            (12.999, "13"),
            (-0.001, "0"),
        ] {
            assert_eq!(written(|out| push_number(out, value)), shown.as_bytes(), "{value}");
        }
    }

    #[test]
    fn no_byte_ends_a_string_but_its_end() {
        assert_eq!(written(|out| push_string(out, b"a(b)\\\r\n")), b"(a\\(b\\)\\\\\\r\n)");
        assert_eq!(written(|out| push_text(out, "é)")), b"(\xfe\xff\0\xe9\0\\))");
    }
}
