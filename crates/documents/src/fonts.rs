//! The embedded family: what its glyphs are and how wide, read once, and the part of it that a document uses.

use std::fmt::Write as _;
use std::sync::OnceLock;

use subsetter::GlyphRemapper;
use ttf_parser::{Face, GlyphId};

use crate::DocumentError;
use crate::pdf::{Id, Writer, push_reference};

/// Characters below this one are looked up in a table; everything that is written in French is.
const COMMON: usize = 0x2800;

/// A face, read.
pub(crate) struct Metrics {
    name: &'static str,
    data: &'static [u8],
    face: Face<'static>,
    units: f32,
    /// Glyph and advance of each common character.
    common: Vec<(u16, u16)>,
}

/// The faces: regular, bold, mono.
pub(crate) fn faces() -> Result<&'static [Metrics; 3], DocumentError> {
    static FACES: OnceLock<Option<[Metrics; 3]>> = OnceLock::new();
    let read = || {
        Some([
            Metrics::read("DejaVuSans", dejavu::sans::regular())?,
            Metrics::read("DejaVuSans-Bold", dejavu::sans::bold())?,
            Metrics::read("DejaVuSansMono", dejavu::sans_mono::regular())?,
        ])
    };
    FACES.get_or_init(read).as_ref().ok_or(DocumentError::Font("cannot be read"))
}

impl Metrics {
    fn read(name: &'static str, data: &'static [u8]) -> Option<Self> {
        let face = Face::parse(data, 0).ok()?;
        let units = f32::from(face.units_per_em()).max(1.0);
        let common = (0..u32::try_from(COMMON).unwrap_or_default()).map(|code| lookup(&face, code)).collect();
        Some(Self { name, data, face, units, common })
    }

    fn glyph(&self, character: char) -> (u16, u16) {
        let code = u32::from(character);
        let common = usize::try_from(code).ok().and_then(|code| self.common.get(code));
        common.copied().unwrap_or_else(|| lookup(&self.face, code))
    }

    /// How wide a character is, in units of the face.
    pub(crate) fn advance(&self, character: char) -> u32 {
        u32::from(self.glyph(character).1)
    }

    /// How wide a text is, in units of the face.
    pub(crate) fn advances(&self, text: &str) -> u32 {
        text.chars().map(|character| self.advance(character)).sum()
    }

    /// Units of the face as a length, at a size.
    #[expect(clippy::cast_precision_loss, reason = "a line of text is some ten thousand units wide")]
    pub(crate) fn length(&self, units: u32, size: f32) -> f32 {
        units as f32 / self.units * size
    }

    /// A number of the face in thousandths of its size, as PDF wants them.
    fn thousandths(&self, units: impl Into<f32>) -> f32 {
        (units.into() * 1000.0 / self.units).round()
    }
}

fn lookup(face: &Face<'_>, code: u32) -> (u16, u16) {
    let glyph = char::from_u32(code).and_then(|c| face.glyph_index(c)).unwrap_or(GlyphId(0));
    (glyph.0, face.glyph_hor_advance(glyph).unwrap_or_default())
}

/// What a document uses of a face. Each character has a code of its own, so that what is read out is exactly what was written,
/// though two characters may share a glyph.
pub(crate) struct Used {
    pub(crate) metrics: &'static Metrics,
    characters: Vec<char>,
    /// The code of each common character; 0 is none yet.
    codes: Vec<u16>,
}

impl Used {
    pub(crate) fn new(metrics: &'static Metrics) -> Self {
        // Code 0 is the glyph that stands for a missing one.
        Self { metrics, characters: vec!['\u{fffd}'], codes: vec![0; COMMON] }
    }

    /// The code by which a character is shown.
    pub(crate) fn code(&mut self, character: char) -> u16 {
        let place = usize::try_from(u32::from(character)).ok().filter(|place| *place < COMMON);
        let known = match place {
            Some(place) => self.codes[place],
            None => {
                self.characters.iter().position(|c| *c == character).and_then(|at| u16::try_from(at).ok()).unwrap_or(0)
            }
        };
        if known != 0 {
            return known;
        }
        let Ok(code) = u16::try_from(self.characters.len()) else { return 0 };
        self.characters.push(character);
        if let Some(place) = place {
            self.codes[place] = code;
        }
        code
    }

    pub(crate) fn is_used(&self) -> bool {
        self.characters.len() > 1
    }

    /// Writes the font under `id`.
    pub(crate) fn write(&self, writer: &mut Writer, id: Id) -> Result<(), DocumentError> {
        let metrics = self.metrics;
        let mut kept = GlyphRemapper::new();
        let (mut glyphs, mut widths) = (Vec::new(), Vec::new());
        for character in &self.characters {
            let (glyph, advance) = metrics.glyph(*character);
            glyphs.extend_from_slice(&kept.remap(glyph).to_be_bytes());
            widths.push(metrics.thousandths(advance));
        }
        let file = subsetter::subset(metrics.data, 0, &kept).map_err(|error| DocumentError::Pdf(error.to_string()))?;
        let name = format!("{}+{}", subset_tag(&self.characters), metrics.name);
        let first = writer.reserve(5);
        let (descendant, descriptor, program) = (first, first.after(1), first.after(2));
        let (to_glyphs, to_unicode) = (first.after(3), first.after(4));
        writer.object(id, |out| {
            out.extend_from_slice(format!("<</Type/Font/Subtype/Type0/BaseFont/{name}/Encoding/Identity-H").as_bytes());
            entry(out, "/DescendantFonts[", descendant);
            entry(out, "]/ToUnicode ", to_unicode);
            out.extend_from_slice(b">>");
        });
        writer.object(descendant, |out| {
            out.extend_from_slice(format!("<</Type/Font/Subtype/CIDFontType2/BaseFont/{name}").as_bytes());
            out.extend_from_slice(b"/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>/W[0[");
            for width in widths {
                out.extend_from_slice(format!("{width} ").as_bytes());
            }
            entry(out, "]]/CIDToGIDMap ", to_glyphs);
            entry(out, "/FontDescriptor ", descriptor);
            out.extend_from_slice(b">>");
        });
        writer.object(descriptor, |out| {
            out.extend_from_slice(self.descriptor(&name).as_bytes());
            entry(out, "/FontFile2 ", program);
            out.extend_from_slice(b">>");
        });
        writer.stream(program, &format!("/Length1 {}", file.len()), &file);
        writer.stream(to_glyphs, "", &glyphs);
        writer.stream(to_unicode, "", self.to_unicode().as_bytes());
        Ok(())
    }

    fn descriptor(&self, name: &str) -> String {
        let (metrics, face) = (self.metrics, &self.metrics.face);
        let bounds = face.global_bounding_box();
        let [left, bottom, right, top] =
            [bounds.x_min, bounds.y_min, bounds.x_max, bounds.y_max].map(|side| metrics.thousandths(side));
        let (ascent, descent) = (metrics.thousandths(face.ascender()), metrics.thousandths(face.descender()));
        let capitals = face.capital_height().map_or(ascent, |height| metrics.thousandths(height));
        // Symbolic: its codes are not those of a standard encoding.
        let flags = if face.is_monospaced() { 5 } else { 4 };
        let stem = if face.is_bold() { 140 } else { 80 };
        format!(
            "<</Type/FontDescriptor/FontName/{name}/Flags {flags}/FontBBox[{left} {bottom} {right} {top}]/ItalicAngle 0\
             /Ascent {ascent}/Descent {descent}/CapHeight {capitals}/StemV {stem}"
        )
    }

    /// What each code reads as.
    fn to_unicode(&self) -> String {
        let mut map = String::from(
            "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) \
             /Supplement 0>> def\n/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n1 begincodespacerange\n<0000> <ffff>\n\
             endcodespacerange\n",
        );
        let codes: Vec<(usize, &char)> = self.characters.iter().enumerate().skip(1).collect();
        // A block has a hundred lines at most.
        for block in codes.chunks(100) {
            let _ = writeln!(map, "{} beginbfchar", block.len());
            for (code, character) in block {
                let _ = write!(map, "<{code:04x}> <");
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let _ = write!(map, "{unit:04x}");
                }
                map.push_str(">\n");
            }
            map.push_str("endbfchar\n");
        }
        map.push_str("endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n");
        map
    }
}

fn entry(out: &mut Vec<u8>, key: &str, id: Id) {
    out.extend_from_slice(key.as_bytes());
    push_reference(out, id);
}

/// Six letters that name this part of the face, so that no reader takes it for another document's.
fn subset_tag(characters: &[char]) -> String {
    let start = 0xcbf2_9ce4_8422_2325_u64;
    let mut hash = characters.iter().fold(start, |hash, c| (hash ^ u64::from(*c)).wrapping_mul(0x0100_0000_01b3));
    (0..6)
        .map(|_| {
            let letter = u8::try_from(hash % 26).unwrap_or_default();
            hash /= 26;
            char::from(b'A' + letter)
        })
        .collect()
}
