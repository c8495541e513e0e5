//! The content of a page, as it is written.

use crate::canvas::{Face, Ink};
use crate::pdf::{hundredths, push_hundredths, push_integer, push_number, push_string};

/// A rectangle: left, bottom, width, height.
pub(crate) type Rectangle = [f32; 4];

/// A page being drawn: its content, and what is set in it, so that nothing is set twice.
#[derive(Default)]
pub(crate) struct Page {
    /// What only decorates, by colour; it lies below the rest.
    decorations: Vec<(Ink, Vec<Rectangle>)>,
    pub(crate) content: Vec<u8>,
    font: Option<(Face, f32)>,
    ink: Option<Ink>,
    /// Where the last line of an open text object began, in hundredths.
    pen: Option<(i64, i64)>,
}

impl Page {
    pub(crate) fn set_ink(&mut self, ink: Ink) {
        if self.ink.replace(ink) != Some(ink) {
            for part in [ink.0, ink.1, ink.2] {
                push_number(&mut self.content, part);
                self.content.push(b' ');
            }
            self.content.extend_from_slice(b"rg\n");
        }
    }

    pub(crate) fn rectangle(&mut self, rectangle: Rectangle) {
        for part in rectangle {
            push_number(&mut self.content, part);
            self.content.push(b' ');
        }
        self.content.extend_from_slice(b"re\n");
    }

    pub(crate) fn begin_text(&mut self) {
        self.content.extend_from_slice(b"BT\n");
        self.pen = Some((0, 0));
    }

    pub(crate) fn end_text(&mut self) {
        self.content.extend_from_slice(b"ET\n");
        self.pen = None;
    }

    /// A line of text, from its place; the place is written as the way from the line before.
    pub(crate) fn line(&mut self, x: f32, y: f32, codes: &[u8], font: (Face, f32)) {
        let alone = self.pen.is_none();
        if alone {
            self.begin_text();
        }
        let out = &mut self.content;
        if self.font.replace(font) != Some(font) {
            out.extend_from_slice(b"/F");
            push_integer(out, font.0 as usize);
            out.push(b' ');
            push_number(out, font.1);
            out.extend_from_slice(b" Tf\n");
        }
        let to = (hundredths(x), hundredths(y));
        let from = self.pen.replace(to).unwrap_or_default();
        push_hundredths(out, to.0 - from.0);
        out.push(b' ');
        push_hundredths(out, to.1 - from.1);
        out.extend_from_slice(b" Td");
        push_string(out, codes);
        out.extend_from_slice(b"Tj\n");
        if alone {
            self.end_text();
        }
    }

    /// A rectangle that only decorates.
    pub(crate) fn decorate(&mut self, rectangle: Rectangle, ink: Ink) {
        match self.decorations.iter_mut().find(|(other, _)| *other == ink) {
            Some((_, rectangles)) => rectangles.push(rectangle),
            None => self.decorations.push((ink, vec![rectangle])),
        }
    }

    /// The page's content whole.
    pub(crate) fn finish(self) -> Vec<u8> {
        let mut below = Self::default();
        if !self.decorations.is_empty() {
            below.content.extend_from_slice(b"/Artifact BMC\n");
            for (ink, rectangles) in self.decorations {
                below.set_ink(ink);
                for rectangle in rectangles {
                    below.rectangle(rectangle);
                }
                below.content.extend_from_slice(b"f\n");
            }
            // What follows finds the colour that it was drawn with.
            below.content.extend_from_slice(b"0 g\nEMC\n");
        }
        below.content.extend_from_slice(&self.content);
        below.content
    }
}
