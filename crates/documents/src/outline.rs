//! The outline: bookmarks nested by depth.

use lopdf::{Dictionary, Document, Object, ObjectId, dictionary, text_string};

/// A place in the document, and its depth in the outline (0 is the top).
#[derive(Debug, Clone)]
pub(crate) struct Bookmark {
    pub(crate) depth: usize,
    pub(crate) title: String,
    pub(crate) page: usize,
    /// From the top of the page.
    pub(crate) top: f32,
}

/// Writes the outline; the answer goes under `Outlines` in the catalogue.
pub(crate) fn write(document: &mut Document, bookmarks: &[Bookmark], pages: &[ObjectId], page_height: f32) -> ObjectId {
    let root = document.new_object_id();
    let ids: Vec<ObjectId> = bookmarks.iter().map(|_| document.new_object_id()).collect();
    let mut items: Vec<Dictionary> = Vec::with_capacity(bookmarks.len());
    let mut top_level = dictionary! { "Type" => "Outlines" };
    // The last bookmark seen at each depth: the way from the top to the current one.
    let mut path: Vec<usize> = Vec::new();

    for (index, bookmark) in bookmarks.iter().enumerate() {
        let depth = bookmark.depth.min(path.len());
        let sibling = path.get(depth).copied();
        path.truncate(depth);
        let mut item = dictionary! { "Title" => text_string(&bookmark.title) };
        if let Some(page) = pages.get(bookmark.page) {
            item.set(
                "Dest",
                vec![
                    Object::Reference(*page),
                    "XYZ".into(),
                    Object::Null,
                    (page_height - bookmark.top).into(),
                    Object::Null,
                ],
            );
        }
        if let Some(sibling) = sibling {
            item.set("Prev", ids[sibling]);
            items[sibling].set("Next", ids[index]);
        }
        let parent = if let Some(&parent) = path.last() {
            item.set("Parent", ids[parent]);
            &mut items[parent]
        } else {
            item.set("Parent", root);
            &mut top_level
        };
        adopt(parent, ids[index]);
        items.push(item);
        path.push(index);
    }
    for (id, mut item) in ids.into_iter().zip(items) {
        // A negative count keeps the entry closed until it is opened.
        if let Ok(count) = item.get(b"Count").and_then(Object::as_i64) {
            item.set("Count", -count);
        }
        document.objects.insert(id, Object::Dictionary(item));
    }
    document.objects.insert(root, Object::Dictionary(top_level));
    root
}

fn adopt(parent: &mut Dictionary, child: ObjectId) {
    if !parent.has(b"First") {
        parent.set("First", child);
    }
    parent.set("Last", child);
    let count = parent.get(b"Count").and_then(Object::as_i64).unwrap_or(0);
    parent.set("Count", count + 1);
}
