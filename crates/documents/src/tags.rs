//! The structure tree: what each drawn piece is, so that the file can be read aloud, navigated and reflowed.

use std::collections::BTreeMap;

use crate::pdf::{
    Id, Writer, push_aligned, push_aligned_reference, push_integer, push_reference, push_references, push_text,
};

/// What a piece of the document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tag {
    Document,
    Heading(u8),
    Paragraph,
    Figure,
    Table,
    TableHead,
    TableBody,
    Row,
    ColumnHeader,
    RowHeader,
    Data,
}

impl Tag {
    /// The standard structure type.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Document => "Document",
            Self::Heading(1) => "H1",
            Self::Heading(2) => "H2",
            Self::Heading(_) => "H3",
            Self::Paragraph => "P",
            Self::Figure => "Figure",
            Self::Table => "Table",
            Self::TableHead => "THead",
            Self::TableBody => "TBody",
            Self::Row => "TR",
            Self::ColumnHeader | Self::RowHeader => "TH",
            Self::Data => "TD",
        }
    }

    /// What its dictionary says of the cells that it heads.
    fn scope(self) -> Option<&'static str> {
        match self {
            Self::ColumnHeader => Some("/A<</O/Table/Scope/Column>>"),
            Self::RowHeader => Some("/A<</O/Table/Scope/Row>>"),
            _ => None,
        }
    }
}

/// A node of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NodeId(u32);

impl NodeId {
    const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A drawn piece: its page and its number on that page.
#[derive(Debug, Clone, Copy)]
struct Mark {
    page: u32,
    number: u32,
}

/// A node has other nodes below it or pieces of its own. Nearly all are cells of tables, which have one piece: what few have
/// stands beside.
struct Node {
    tag: Tag,
    parent: NodeId,
    mark: Option<Mark>,
    kids: Vec<NodeId>,
}

/// The structure tree of one document. Its root is the `Document` node.
pub(crate) struct Tree {
    nodes: Vec<Node>,
    /// The pieces of a node after its first.
    more: BTreeMap<NodeId, Vec<Mark>>,
    /// What a node says to those who do not see it.
    alternatives: BTreeMap<NodeId, String>,
    /// For each page, the node of each piece drawn on it.
    marks: Vec<Vec<NodeId>>,
}

impl Tree {
    pub(crate) const ROOT: NodeId = NodeId(0);

    pub(crate) fn new() -> Self {
        Self {
            nodes: vec![Node { tag: Tag::Document, parent: Self::ROOT, mark: None, kids: Vec::new() }],
            more: BTreeMap::new(),
            alternatives: BTreeMap::new(),
            marks: Vec::new(),
        }
    }

    /// Adds a node at the end of its parent.
    pub(crate) fn add(&mut self, parent: NodeId, tag: Tag) -> NodeId {
        let id = NodeId(number(self.nodes.len()));
        self.nodes.push(Node { tag, parent, mark: None, kids: Vec::new() });
        self.nodes[parent.index()].kids.push(id);
        id
    }

    /// Says what a node shows.
    pub(crate) fn describe(&mut self, node: NodeId, alternative: &str) {
        self.alternatives.insert(node, alternative.to_owned());
    }

    pub(crate) fn tag(&self, node: NodeId) -> Tag {
        self.nodes[node.index()].tag
    }

    /// Attaches a piece drawn on a page to its node, and gives the piece's number.
    pub(crate) fn mark(&mut self, node: NodeId, page: usize) -> usize {
        if self.marks.len() <= page {
            self.marks.resize_with(page + 1, Vec::new);
        }
        let place = self.marks[page].len();
        self.marks[page].push(node);
        let mark = Mark { page: number(page), number: number(place) };
        let first = &mut self.nodes[node.index()].mark;
        if first.is_none() {
            *first = Some(mark);
        } else {
            self.more.entry(node).or_default().push(mark);
        }
        place
    }

    /// Writes the tree into the file; the answer goes under `StructTreeRoot` in the catalogue. `pages` is the first of the pages.
    pub(crate) fn write(&self, writer: &mut Writer, pages: Id) -> Id {
        let first = writer.reserve(self.nodes.len());
        let root = writer.reserve(2);
        let parent_tree = root.after(1);
        // Those of a kind one below the other, as they differ least.
        let mut order: Vec<usize> = (0..self.nodes.len()).collect();
        order.sort_by_key(|index| self.nodes[*index].tag);
        let mut places = vec![first; self.nodes.len()];
        for (place, index) in order.iter().enumerate() {
            places[*index] = first.after(place);
        }
        let object = |node: NodeId| places[node.index()];
        for index in order {
            let (id, node) = (NodeId(number(index)), &self.nodes[index]);
            let parent = if index == 0 { root } else { object(node.parent) };
            writer.object(object(id), |out| self.element(out, (id, node), parent, object, pages));
        }
        let lists = writer.reserve(self.marks.len());
        for (page, marks) in self.marks.iter().enumerate() {
            writer.object(lists.after(page), |out| push_references(out, marks.iter().map(|node| object(*node))));
        }
        writer.object(parent_tree, |out| {
            out.extend_from_slice(b"<</Nums[");
            for page in 0..self.marks.len() {
                push_integer(out, page);
                out.push(b' ');
                push_reference(out, lists.after(page));
                out.push(b' ');
            }
            out.extend_from_slice(b"]>>");
        });
        writer.object(root, |out| {
            out.extend_from_slice(b"<</Type/StructTreeRoot/K ");
            push_reference(out, object(Self::ROOT));
            out.extend_from_slice(b"/ParentTree ");
            push_reference(out, parent_tree);
            out.extend_from_slice(b"/ParentTreeNextKey ");
            push_integer(out, self.marks.len());
            out.extend_from_slice(b">>");
        });
        root
    }

    fn element(
        &self,
        out: &mut Vec<u8>,
        (id, node): (NodeId, &Node),
        parent: Id,
        object: impl Fn(NodeId) -> Id,
        pages: Id,
    ) {
        out.extend_from_slice(b"<</S/");
        out.extend_from_slice(node.tag.name().as_bytes());
        out.extend_from_slice(b"/P");
        push_aligned_reference(out, parent, 11);
        if let Some(mark) = node.mark {
            out.extend_from_slice(b"/Pg");
            push_aligned_reference(out, pages.after(mark.page as usize), 10);
            out.extend_from_slice(b"/K");
            match self.more.get(&id) {
                None => push_aligned(out, mark.number as usize, 5),
                Some(more) => {
                    out.push(b'[');
                    push_integer(out, mark.number as usize);
                    for other in more {
                        out.push(b' ');
                        piece(out, *other, mark.page, pages);
                    }
                    out.push(b']');
                }
            }
        } else if !node.kids.is_empty() {
            out.extend_from_slice(b"/K");
            push_references(out, node.kids.iter().map(|kid| object(*kid)));
        }
        if let Some(alternative) = self.alternatives.get(&id) {
            out.extend_from_slice(b"/Alt");
            push_text(out, alternative);
        }
        out.extend_from_slice(node.tag.scope().unwrap_or_default().as_bytes());
        out.extend_from_slice(b">>");
    }
}

/// A piece of a node whose first one is on the page `home`.
fn piece(out: &mut Vec<u8>, mark: Mark, home: u32, pages: Id) {
    if mark.page == home {
        push_integer(out, mark.number as usize);
        return;
    }
    out.extend_from_slice(b"<</Type/MCR/Pg ");
    push_reference(out, pages.after(mark.page as usize));
    out.extend_from_slice(b"/MCID ");
    push_integer(out, mark.number as usize);
    out.extend_from_slice(b">>");
}

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Tag, Tree};
    use crate::pdf::Writer;
    use lopdf::{Document, Object};

    #[test]
    fn a_piece_continued_on_the_next_page_names_that_page() {
        let mut tree = Tree::new();
        let paragraph = tree.add(Tree::ROOT, Tag::Paragraph);
        assert_eq!(tree.mark(paragraph, 0), 0);
        assert_eq!(tree.mark(paragraph, 1), 0);
        let mut writer = Writer::new();
        let catalogue = writer.reserve(1);
        let pages = writer.reserve(2);
        for page in 0..2 {
            writer.object(pages.after(page), |out| out.extend_from_slice(b"<</Type/Page>>"));
        }
        let root = tree.write(&mut writer, pages);
        writer.object(catalogue, |out| {
            out.extend_from_slice(b"<</Type/Catalog/StructTreeRoot ");
            crate::pdf::push_reference(out, root);
            out.extend_from_slice(b">>");
        });
        let document = Document::load_mem(&writer.finish(catalogue, catalogue, "x")).unwrap();

        let root = document.catalog().unwrap().get(b"StructTreeRoot").unwrap().as_reference().unwrap();
        let top = document.get_dictionary(root).unwrap().get(b"K").unwrap().as_reference().unwrap();
        let kid =
            document.get_dictionary(top).unwrap().get(b"K").unwrap().as_array().unwrap()[0].as_reference().unwrap();
        let element = document.get_dictionary(kid).unwrap();
        assert_eq!(element.get(b"Pg").unwrap(), &Object::Reference((2, 0)));
        let kids = element.get(b"K").unwrap().as_array().unwrap();
        assert_eq!(kids[0], Object::Integer(0));
        assert_eq!(kids[1].as_dict().unwrap().get(b"Pg").unwrap(), &Object::Reference((3, 0)));
    }
}
