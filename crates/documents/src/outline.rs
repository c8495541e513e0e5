//! The outline: bookmarks nested by depth.

use crate::pdf::{Id, Writer, push_integer, push_number, push_reference, push_text};

/// A place in the document, and its depth in the outline (0 is the top).
#[derive(Debug, Clone)]
pub(crate) struct Bookmark {
    pub(crate) depth: usize,
    pub(crate) title: String,
    pub(crate) page: usize,
    /// From the top of the page.
    pub(crate) top: f32,
}

/// How an entry stands to the others, by their index.
#[derive(Debug, Default, Clone)]
struct Links {
    parent: Option<usize>,
    previous: Option<usize>,
    next: Option<usize>,
    kids: Option<Kids>,
}

#[derive(Debug, Clone, Copy)]
struct Kids {
    first: usize,
    last: usize,
    count: usize,
}

/// Writes the outline; the answer goes under `Outlines` in the catalogue.
pub(crate) fn write(writer: &mut Writer, bookmarks: &[Bookmark], pages: Id, page_height: f32) -> Id {
    let root = writer.reserve(1);
    let first = writer.reserve(bookmarks.len());
    let mut items: Vec<Links> = Vec::with_capacity(bookmarks.len());
    let mut top: Option<Kids> = None;
    // The last bookmark seen at each depth: the way from the top to the current one.
    let mut path: Vec<usize> = Vec::new();
    for (index, bookmark) in bookmarks.iter().enumerate() {
        let depth = bookmark.depth.min(path.len());
        let previous = path.get(depth).copied();
        path.truncate(depth);
        if let Some(previous) = previous {
            items[previous].next = Some(index);
        }
        let parent = path.last().copied();
        let kids = parent.map_or(&mut top, |parent| &mut items[parent].kids);
        *kids = Some(Kids {
            first: kids.map_or(index, |kids| kids.first),
            last: index,
            count: kids.map_or(1, |kids| kids.count + 1),
        });
        items.push(Links { parent, previous, ..Links::default() });
        path.push(index);
    }
    let reference = |out: &mut Vec<u8>, key: &str, index: usize| {
        out.extend_from_slice(key.as_bytes());
        push_reference(out, first.after(index));
    };
    let kids = |out: &mut Vec<u8>, kids: Option<Kids>, count: &str| {
        let Some(kids) = kids else { return };
        reference(out, "/First ", kids.first);
        reference(out, "/Last ", kids.last);
        out.extend_from_slice(count.as_bytes());
        push_integer(out, kids.count);
    };
    for (index, (bookmark, links)) in bookmarks.iter().zip(&items).enumerate() {
        writer.object(first.after(index), |out| {
            out.extend_from_slice(b"<</Title");
            push_text(out, &bookmark.title);
            out.extend_from_slice(b"/Dest[");
            push_reference(out, pages.after(bookmark.page));
            out.extend_from_slice(b"/XYZ null ");
            push_number(out, page_height - bookmark.top);
            out.extend_from_slice(b" null]/Parent ");
            push_reference(out, links.parent.map_or(root, |parent| first.after(parent)));
            if let Some(previous) = links.previous {
                reference(out, "/Prev ", previous);
            }
            if let Some(next) = links.next {
                reference(out, "/Next ", next);
            }
            // A negative count keeps the entry closed until it is opened.
            kids(out, links.kids, "/Count -");
            out.extend_from_slice(b">>");
        });
    }
    writer.object(root, |out| {
        out.extend_from_slice(b"<</Type/Outlines");
        kids(out, top, "/Count ");
        out.extend_from_slice(b">>");
    });
    root
}
