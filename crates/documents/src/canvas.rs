//! Pages, text and tables on them. Lengths are points, from the top left corner.

use crate::DocumentError;
use crate::figure::{self, Anchor, Figure, Shape};
use crate::file::{self, Drawn, Metadata};
use crate::fonts::{self, Metrics, Used};
use crate::outline::Bookmark;
use crate::page::Page;
use crate::pdf::push_integer;
use crate::tags::{NodeId, Tag, Tree};

/// A face of the embedded family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Face {
    Regular = 0,
    Bold,
    Mono,
}

/// A colour, 0 to 1.
pub(crate) type Ink = (f32, f32, f32);

pub(crate) const BLACK: Ink = (0.09, 0.09, 0.11);
pub(crate) const GREY: Ink = (0.33, 0.33, 0.37);
pub(crate) const BLUE: Ink = (0.0, 0.2, 0.45);
const BAND: Ink = (0.93, 0.945, 0.965);
const RULE: Ink = (0.72, 0.74, 0.78);

const MM: f32 = 72.0 / 25.4;

/// How a column's cells stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
    Center,
}

/// A column of a table.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) heading: String,
    pub(crate) width: f32,
    pub(crate) align: Align,
}

impl Column {
    pub(crate) fn new(heading: impl Into<String>, width: f32, align: Align) -> Self {
        Self { heading: heading.into(), width, align }
    }
}

/// A row of a table.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) cells: Vec<String>,
    pub(crate) bold: bool,
}

/// A document being drawn.
pub(crate) struct Canvas {
    faces: [Used; 3],
    pages: Vec<Page>,
    width: f32,
    height: f32,
    pub(crate) margin: f32,
    pub(crate) y: f32,
    top: f32,
    bottom: f32,
    tree: Tree,
    bookmarks: Vec<Bookmark>,
}

impl Canvas {
    /// A document of A4 pages, upright or not, with room for a header and a footer.
    pub(crate) fn new(landscape: bool) -> Result<Self, DocumentError> {
        let faces = fonts::faces()?.each_ref().map(Used::new);
        let (short, long) = (210.0 * MM, 297.0 * MM);
        let (width, height) = if landscape { (long, short) } else { (short, long) };
        let mut canvas = Self {
            faces,
            pages: Vec::new(),
            width,
            height,
            margin: 12.0 * MM,
            y: 0.0,
            top: 20.0 * MM,
            bottom: height - 15.0 * MM,
            tree: Tree::new(),
            bookmarks: Vec::new(),
        };
        canvas.new_page();
        Ok(canvas)
    }

    /// Room between the margins.
    pub(crate) fn inner_width(&self) -> f32 {
        self.width - 2.0 * self.margin
    }

    pub(crate) fn new_page(&mut self) {
        self.pages.push(Page::default());
        self.y = self.top;
    }

    /// Turns the page unless so much room is left.
    pub(crate) fn ensure(&mut self, room: f32) {
        if self.y + room > self.bottom {
            self.new_page();
        }
    }

    pub(crate) fn skip(&mut self, room: f32) {
        self.y += room;
    }

    fn metrics(&self, face: Face) -> &'static Metrics {
        self.faces[face as usize].metrics
    }

    /// Width of a line of text.
    pub(crate) fn measure(&self, text: &str, face: Face, size: f32) -> f32 {
        let metrics = self.metrics(face);
        metrics.length(metrics.advances(text), size)
    }

    /// Breaks a text at spaces, and inside words only where a word alone is too wide. A line that ends at a space keeps it: what is
    /// read out is what was written.
    pub(crate) fn wrap<'t>(&self, text: &'t str, face: Face, size: f32, width: f32) -> Vec<&'t str> {
        let metrics = self.metrics(face);
        let fits = |units| metrics.length(units, size) <= width;
        let space = metrics.advance(' ');
        let mut lines = Vec::new();
        for paragraph in text.split('\n') {
            // The line that is being filled, and how wide it is.
            let (mut start, mut end, mut taken) = (0, 0, 0);
            let mut next = 0;
            for word in paragraph.split(' ') {
                let from = next;
                next = from + word.len() + 1;
                let wanted = metrics.advances(word);
                let (begin, wanted) = if start == end { (from, wanted) } else { (start, taken + space + wanted) };
                if fits(wanted) {
                    (start, end, taken) = (begin, from + word.len(), wanted);
                    continue;
                }
                if start != end {
                    lines.push(&paragraph[start..from]);
                }
                (start, end, taken) = (from, from, 0);
                for c in word.chars() {
                    let advance = metrics.advance(c);
                    if start != end && !fits(taken + advance) {
                        lines.push(&paragraph[start..end]);
                        (start, taken) = (end, 0);
                    }
                    end += c.len_utf8();
                    taken += advance;
                }
            }
            lines.push(&paragraph[start..end]);
        }
        lines
    }

    /// One line of text whose baseline is at `y`, on a page.
    #[expect(clippy::too_many_arguments, reason = "a place, a text and its look")]
    fn text_at(&mut self, page: usize, x: f32, y: f32, text: &str, face: Face, size: f32, ink: Ink) {
        if text.is_empty() {
            return;
        }
        let used = &mut self.faces[face as usize];
        let codes: Vec<u8> = text.chars().flat_map(|c| used.code(c).to_be_bytes()).collect();
        let place = self.height - y;
        let page = &mut self.pages[page];
        page.set_ink(ink);
        page.line(x, place, &codes, (face, size));
    }

    /// What is drawn on a page from here to [`Self::close`] belongs to a node of the structure, or to none: decoration, or a
    /// repetition that need not be read again.
    fn open(&mut self, page: usize, owner: Option<NodeId>) {
        let out = &mut self.pages[page].content;
        match owner {
            Some(node) => {
                out.push(b'/');
                out.extend_from_slice(self.tree.tag(node).name().as_bytes());
                out.extend_from_slice(b"<</MCID ");
                push_integer(out, self.tree.mark(node, page));
                out.extend_from_slice(b">>BDC\n");
            }
            None => out.extend_from_slice(b"/Artifact BMC\n"),
        }
    }

    fn close(&mut self, page: usize) {
        self.pages[page].content.extend_from_slice(b"EMC\n");
    }

    fn node(&mut self, tag: Tag) -> NodeId {
        self.tree.add(Tree::ROOT, tag)
    }

    fn current(&self) -> usize {
        self.pages.len().saturating_sub(1)
    }

    fn fill(&mut self, x: f32, y: f32, width: f32, height: f32, ink: Ink) {
        let (page, bottom) = (self.current(), self.height - y - height);
        let page = &mut self.pages[page];
        page.set_ink(ink);
        page.rectangle([x, bottom, width, height]);
        page.content.extend_from_slice(b"f\n");
    }

    /// A filled rectangle that only decorates.
    fn decoration(&mut self, y: f32, width: f32, height: f32, ink: Ink) {
        let (page, bottom, left) = (self.current(), self.height - y - height, self.margin);
        self.pages[page].decorate([left, bottom, width, height], ink);
    }

    fn rule(&mut self, y: f32, width: f32) {
        self.decoration(y, width, 0.6, RULE);
    }

    /// A heading, level 1 to 3, with its bookmark: those of level 3 stand below the others.
    pub(crate) fn heading(&mut self, level: u8, text: &str, size: f32) {
        self.ensure(size * 1.4);
        self.bookmarks.push(Bookmark {
            depth: usize::from(level > 2),
            title: text.to_owned(),
            page: self.current(),
            top: self.y,
        });
        let node = self.node(Tag::Heading(level));
        self.flow(node, text, Face::Bold, size, BLUE);
    }

    /// A paragraph at the cursor, over pages if need be.
    pub(crate) fn paragraph(&mut self, text: &str, face: Face, size: f32, ink: Ink) {
        let node = self.node(Tag::Paragraph);
        self.flow(node, text, face, size, ink);
    }

    fn flow(&mut self, node: NodeId, text: &str, face: Face, size: f32, ink: Ink) {
        let lines = self.wrap(text, face, size, self.inner_width());
        let leading = size * 1.4;
        for line in lines {
            self.ensure(leading);
            self.y += leading;
            let (page, x, y) = (self.current(), self.margin, self.y - leading * 0.28);
            self.open(page, Some(node));
            self.text_at(page, x, y, line, face, size, ink);
            self.close(page);
        }
    }

    /// Label and value side by side, the value wrapped.
    pub(crate) fn fact(&mut self, label: &str, value: &str, label_width: f32, size: f32) {
        let leading = size * 1.5;
        let lines = self.wrap(value, Face::Regular, size, self.inner_width() - label_width);
        #[expect(clippy::cast_precision_loss, reason = "a handful of lines")]
        self.ensure(leading * lines.len() as f32);
        let node = self.node(Tag::Paragraph);
        for (i, line) in lines.iter().enumerate() {
            self.y += leading;
            let (page, x, y) = (self.current(), self.margin, self.y - leading * 0.3);
            self.open(page, Some(node));
            if i == 0 {
                self.text_at(page, x, y, &format!("{label}\u{a0}: "), Face::Bold, size, GREY);
            }
            self.text_at(page, x + label_width, y, line, Face::Regular, size, BLACK);
            self.close(page);
        }
    }

    /// Figures side by side, on one page, each in its share of the width.
    pub(crate) fn figures(&mut self, figures: &[&Figure]) {
        const GAP: f32 = 18.0;
        #[expect(clippy::cast_precision_loss, reason = "two or three figures")]
        let count = figures.len().max(1) as f32;
        let share = (self.inner_width() - GAP * (count - 1.0)) / count;
        let highest = figures.iter().map(|f| f.height).fold(0.0, f32::max).max(1.0);
        // As wide as there is room, but never higher than a page, nor so high that the table of its numbers turns the page.
        let scale = (share / figure::WIDTH).min((self.bottom - self.top) / highest).min(0.85);
        self.ensure(highest * scale);
        let (page, top) = (self.current(), self.y);
        let mut left = self.margin;
        for figure in figures {
            let node = self.node(Tag::Figure);
            self.tree.describe(node, &format!("{}. {}", figure.title, figure.description));
            self.open(page, Some(node));
            for shape in &figure.shapes {
                match shape {
                    Shape::Bar { x, y, width, height, ink } => {
                        self.fill(left + x * scale, top + y * scale, width * scale, height * scale, *ink);
                    }
                    Shape::Text { x, y, text, size, bold, anchor, ink } => {
                        let face = if *bold { Face::Bold } else { Face::Regular };
                        let taken = self.measure(text, face, size * scale);
                        let back = match anchor {
                            Anchor::Start => 0.0,
                            Anchor::Middle => taken / 2.0,
                            Anchor::End => taken,
                        };
                        self.text_at(page, left + x * scale - back, top + y * scale, text, face, size * scale, *ink);
                    }
                }
            }
            self.close(page);
            left += share + GAP;
        }
        self.y += highest * scale;
    }

    /// A table over pages, its headings on each of them. Long cells wrap; a row stays whole.
    pub(crate) fn table(&mut self, columns: &[Column], rows: &[Row], size: f32, face: Face) {
        let table = self.node(Tag::Table);
        let head = self.tree.add(table, Tag::TableHead);
        let first = self.tree.add(head, Tag::Row);
        self.table_headings(columns, size, Some(first));
        let body = self.tree.add(table, Tag::TableBody);
        let width = columns.iter().map(|c| c.width).sum();
        for (index, row) in rows.iter().enumerate() {
            let face = if row.bold { Face::Bold } else { face };
            let cells: Vec<Vec<&str>> =
                columns.iter().zip(&row.cells).map(|(c, text)| self.wrap(text, face, size, c.width - 6.0)).collect();
            let height = Self::row_height(&cells, size);
            if self.y + height > self.bottom {
                self.new_page();
                self.table_headings(columns, size, None);
            }
            if index % 2 == 1 {
                // Below the rule of the row before.
                self.decoration(self.y + 0.6, width, height - 0.6, (0.972, 0.976, 0.984));
            }
            let node = self.tree.add(body, Tag::Row);
            self.table_row(columns, &cells, size, (face, BLACK), Some((node, Tag::RowHeader, Tag::Data)));
            self.y += height;
            self.rule(self.y, width);
        }
    }

    fn row_height(cells: &[Vec<&str>], size: f32) -> f32 {
        #[expect(clippy::cast_precision_loss, reason = "a handful of lines")]
        let lines = cells.iter().map(Vec::len).max().unwrap_or(1) as f32;
        lines * size * 1.3 + 5.0
    }

    /// Headings, read where they first stand.
    fn table_headings(&mut self, columns: &[Column], size: f32, node: Option<NodeId>) {
        let cells: Vec<Vec<&str>> =
            columns.iter().map(|c| self.wrap(&c.heading, Face::Bold, size, c.width - 6.0)).collect();
        let height = Self::row_height(&cells, size);
        self.ensure(height * 2.0);
        let width = columns.iter().map(|c| c.width).sum();
        self.decoration(self.y, width, height, BAND);
        let row = node.map(|node| (node, Tag::ColumnHeader, Tag::ColumnHeader));
        self.table_row(columns, &cells, size, (Face::Bold, BLUE), row);
        self.y += height;
        self.rule(self.y, width);
    }

    /// One row; `row` is its node with what its first cell and its other cells are.
    fn table_row(
        &mut self,
        columns: &[Column],
        cells: &[Vec<&str>],
        size: f32,
        (face, ink): (Face, Ink),
        row: Option<(NodeId, Tag, Tag)>,
    ) {
        let page = self.current();
        let mut x = self.margin;
        self.pages[page].begin_text();
        for (index, (column, lines)) in columns.iter().zip(cells).enumerate() {
            let cell = row.map(|(row, first, other)| self.tree.add(row, if index == 0 { first } else { other }));
            let left = x;
            x += column.width;
            // An empty cell has its place in the structure, and nothing is drawn for it.
            if lines.iter().all(|line| line.is_empty()) {
                continue;
            }
            self.open(page, cell);
            for (i, line) in lines.iter().enumerate() {
                let taken = self.measure(line.trim_end(), face, size);
                let offset = match column.align {
                    Align::Left => 3.0,
                    Align::Right => column.width - 3.0 - taken,
                    Align::Center => (column.width - taken) / 2.0,
                };
                #[expect(clippy::cast_precision_loss, reason = "a handful of lines")]
                let y = self.y + 2.5 + size * (1.0 + 1.3 * i as f32);
                self.text_at(page, left + offset, y, line, face, size, ink);
            }
            self.close(page);
        }
        self.pages[page].end_text();
    }

    /// Writes the header and footer of every page and gives the file.
    pub(crate) fn finish(
        mut self,
        header: (&str, &str),
        footer: &str,
        metadata: &Metadata,
    ) -> Result<Vec<u8>, DocumentError> {
        let count = self.pages.len();
        for page in 0..count {
            let number = format!("page {}/{count}", page + 1);
            let (left, right) = (self.margin, self.width - self.margin);
            let (top, bottom) = (9.0 * MM, self.height - 7.0 * MM);
            self.open(page, None);
            self.text_at(page, left, top, header.0, Face::Bold, 8.0, GREY);
            self.text_at(page, left, top + 11.0, header.1, Face::Regular, 7.0, GREY);
            self.text_at(page, left, bottom, footer, Face::Mono, 6.0, GREY);
            let taken = self.measure(&number, Face::Regular, 8.0);
            self.text_at(page, right - taken, bottom, &number, Face::Regular, 8.0, GREY);
            self.close(page);
        }
        let drawn = Drawn {
            pages: self.pages.into_iter().map(Page::finish).collect(),
            width: self.width,
            height: self.height,
            fonts: &self.faces,
            tree: &self.tree,
            bookmarks: &self.bookmarks,
        };
        file::write(drawn, metadata)
    }
}
