//! The structure tree: what each drawn piece is, so that the file can be read aloud, navigated and reflowed.

use lopdf::{Dictionary, Document, Object, ObjectId, dictionary, text_string};

/// What a piece of the document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

    fn scope(self) -> Option<&'static str> {
        match self {
            Self::ColumnHeader => Some("Column"),
            Self::RowHeader => Some("Row"),
            _ => None,
        }
    }
}

/// A node of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NodeId(usize);

/// A drawn piece: its page and its number on that page.
#[derive(Debug, Clone, Copy)]
struct Mark {
    page: usize,
    number: usize,
}

enum Kid {
    Node(NodeId),
    Mark(Mark),
}

struct Node {
    tag: Tag,
    parent: NodeId,
    kids: Vec<Kid>,
    /// What it says to those who do not see it.
    alternative: Option<String>,
}

/// The structure tree of one document. Its root is the `Document` node.
pub(crate) struct Tree {
    nodes: Vec<Node>,
    /// For each page, the node of each piece drawn on it.
    marks: Vec<Vec<NodeId>>,
}

impl Tree {
    pub(crate) const ROOT: NodeId = NodeId(0);

    pub(crate) fn new() -> Self {
        Self {
            nodes: vec![Node { tag: Tag::Document, parent: Self::ROOT, kids: Vec::new(), alternative: None }],
            marks: Vec::new(),
        }
    }

    /// Adds a node at the end of its parent.
    pub(crate) fn add(&mut self, parent: NodeId, tag: Tag) -> NodeId {
        let id = NodeId(self.nodes.len());
        self.nodes.push(Node { tag, parent, kids: Vec::new(), alternative: None });
        self.nodes[parent.0].kids.push(Kid::Node(id));
        id
    }

    /// Says what a node shows.
    pub(crate) fn describe(&mut self, node: NodeId, alternative: &str) {
        self.nodes[node.0].alternative = Some(alternative.to_owned());
    }

    pub(crate) fn tag(&self, node: NodeId) -> Tag {
        self.nodes[node.0].tag
    }

    /// Attaches a piece drawn on a page to its node, and gives the piece's number.
    pub(crate) fn mark(&mut self, node: NodeId, page: usize) -> usize {
        if self.marks.len() <= page {
            self.marks.resize_with(page + 1, Vec::new);
        }
        let number = self.marks[page].len();
        self.marks[page].push(node);
        self.nodes[node.0].kids.push(Kid::Mark(Mark { page, number }));
        number
    }

    /// Writes the tree into the file; the answer goes under `StructTreeRoot` in the catalogue.
    pub(crate) fn write(&self, document: &mut Document, pages: &[ObjectId]) -> ObjectId {
        let first = document.max_id + 1;
        let object = |node: NodeId| -> ObjectId { (first + number(node.0), 0) };
        let root = object(NodeId(self.nodes.len()));
        document.max_id = root.0;

        for (index, node) in self.nodes.iter().enumerate() {
            let parent = if index == 0 { root } else { object(node.parent) };
            let element = Self::element(node, parent, &object, pages);
            document.objects.insert(object(NodeId(index)), Object::Dictionary(element));
        }

        let mut parents = Vec::with_capacity(pages.len() * 2);
        for (page, marks) in self.marks.iter().enumerate() {
            let nodes = marks.iter().map(|node| Object::Reference(object(*node))).collect();
            parents.push(integer(page));
            parents.push(Object::Reference(document.add_object(Object::Array(nodes))));
        }
        let parent_tree = document.add_object(dictionary! { "Nums" => parents });
        document.objects.insert(
            root,
            Object::Dictionary(dictionary! {
                "Type" => "StructTreeRoot",
                "K" => object(Self::ROOT),
                "ParentTree" => parent_tree,
                "ParentTreeNextKey" => integer(pages.len()),
            }),
        );
        root
    }

    fn element(node: &Node, parent: ObjectId, object: &impl Fn(NodeId) -> ObjectId, pages: &[ObjectId]) -> Dictionary {
        let mut element = dictionary! { "S" => node.tag.name(), "P" => parent };
        let home = node.kids.iter().find_map(|kid| match kid {
            Kid::Mark(mark) => Some(mark.page),
            Kid::Node(_) => None,
        });
        if let Some(page) = home.and_then(|page| pages.get(page)) {
            element.set("Pg", *page);
        }
        let mut kids: Vec<Object> = node
            .kids
            .iter()
            .map(|kid| match kid {
                Kid::Node(id) => Object::Reference(object(*id)),
                Kid::Mark(mark) if Some(mark.page) == home => integer(mark.number),
                Kid::Mark(mark) => {
                    let mut reference = dictionary! { "Type" => "MCR", "MCID" => integer(mark.number) };
                    if let Some(page) = pages.get(mark.page) {
                        reference.set("Pg", *page);
                    }
                    Object::Dictionary(reference)
                }
            })
            .collect();
        match kids.len() {
            0 => {}
            1 => element.set("K", kids.remove(0)),
            _ => element.set("K", kids),
        }
        if let Some(alternative) = &node.alternative {
            element.set("Alt", text_string(alternative));
        }
        if let Some(scope) = node.tag.scope() {
            element.set("A", dictionary! { "O" => "Table", "Scope" => scope });
        }
        element
    }
}

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

fn integer(value: usize) -> Object {
    Object::Integer(i64::try_from(value).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::{Tag, Tree};
    use lopdf::{Document, Object};

    #[test]
    fn a_piece_continued_on_the_next_page_names_that_page() {
        let mut tree = Tree::new();
        let paragraph = tree.add(Tree::ROOT, Tag::Paragraph);
        assert_eq!(tree.mark(paragraph, 0), 0);
        assert_eq!(tree.mark(paragraph, 1), 0);
        let mut document = Document::with_version("1.7");
        let pages = [document.new_object_id(), document.new_object_id()];
        let root = tree.write(&mut document, &pages);

        let top = document.get_dictionary(root).unwrap().get(b"K").unwrap().as_reference().unwrap();
        let kid = document.get_dictionary(top).unwrap().get(b"K").unwrap().as_reference().unwrap();
        let element = document.get_dictionary(kid).unwrap();
        assert_eq!(element.get(b"Pg").unwrap(), &Object::Reference(pages[0]));
        let kids = element.get(b"K").unwrap().as_array().unwrap();
        assert_eq!(kids[0], Object::Integer(0));
        assert_eq!(kids[1].as_dict().unwrap().get(b"Pg").unwrap(), &Object::Reference(pages[1]));
    }
}
