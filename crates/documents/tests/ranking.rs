//! A ranking's file, read back: what it says, how it is structured, and that the same content gives the same bytes.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use ami_documents::{
    CriterionLine, Derivation, GroupLine, LotSection, RankRow, RankingDocument, RankingLine, Robustness, Statistics,
    ThresholdLine, WeightRow, rank_figure, ranking_pdf, weight_figure,
};
use lopdf::{Dictionary, Document, Object};

fn line(number: usize) -> RankingLine {
    let shown = |text: &str| text.to_owned();
    RankingLine {
        rank: number.to_string(),
        number: format!("ALI27-{number:04}"),
        organisation: "Régie « Les Œillets » & Cie — association d'insertion".into(),
        total: shown("75,27"),
        groups: vec![shown("21,87"), shown("13,33")],
        remark: shown("seuils atteints"),
        jurors: 3,
        decision: shown("Retenu"),
        derivation: Derivation {
            jurors: vec![shown("J1"), shown("J2 ×2")],
            criteria: vec![CriterionLine {
                code: shown("A1"),
                label: shown("Compréhension"),
                weight: 6,
                marks: vec![shown("4"), shown("5")],
                mean: shown("14/3"),
                mean_shown: shown("4,67"),
                points: shown("28/5"),
                points_shown: shown("5,60"),
            }],
            groups: vec![GroupLine {
                code: shown("A"),
                label: shown("Qualité"),
                weight: 6,
                points: shown("28/5"),
                points_shown: shown("5,60"),
            }],
            total: Some(shown("1129/15")),
            total_shown: Some(shown("75,27")),
        },
    }
}

fn document(lines: usize) -> RankingDocument {
    let rows =
        [RankRow { label: "ALI27-0001".into(), rank: 1, any_weights: (1, 2), near_weights: (1, 1), juries: (1, 2) }];
    let weights = [WeightRow { code: "A1".into(), weight: 6.0, first: (0.0, 20.0), any: (5.0, 7.0) }];
    let robustness = Robustness {
        sentences: vec!["Le dossier ALI27-0001 est premier quels que soient les poids.".into()],
        ranks: rank_figure("Rangs possibles", &rows, 1),
        weights: weight_figure("Stabilité des poids", &weights, 100.0),
        table: Statistics { headings: vec!["Dossier".into(), "Rang".into()], rows: vec![vec!["x".into(), "1".into()]] },
    };
    RankingDocument {
        call_code: "AMI-ALI-2027".into(),
        call_title: "Appel à manifestation d'intérêt".into(),
        call_version: 2,
        authority: "Département".into(),
        computed_at: "jeudi 27 mai 2027 à 10:00:00".into(),
        at: "2027-05-27T08:00:00Z".parse().unwrap(),
        engine: "ami-scoring".into(),
        hash: "ab".repeat(32),
        demonstration: false,
        groups: vec![("A".into(), 28), ("B".into(), 20)],
        total_weight: 100,
        formula: "Points = poids × moyenne".into(),
        thresholds: vec![ThresholdLine { code: "i".into(), label: "Total".into(), minimum: "55,00".into() }],
        ties: vec!["Groupe A".into()],
        min_jurors: 3,
        min_marks: 2,
        value_name: "Moyenne".into(),
        lots: vec![
            LotSection {
                code: "ALI-01".into(),
                label: "Saint-Denis".into(),
                lines: (1..=lines).map(line).collect(),
                robustness: Some(robustness),
            },
            LotSection { code: "ALI-02".into(), label: "Villetaneuse".into(), lines: vec![], robustness: None },
        ],
        beside: vec![],
    }
}

/// Every structure element below a node, with its type.
fn elements(document: &Document, node: &Dictionary, found: &mut Vec<(String, Dictionary)>) {
    if let Ok(kind) = node.get(b"S").and_then(Object::as_name) {
        found.push((String::from_utf8(kind.to_vec()).unwrap(), node.clone()));
    }
    let kids = match node.get(b"K") {
        Ok(Object::Array(kids)) => kids.clone(),
        Ok(other) => vec![other.clone()],
        Err(_) => vec![],
    };
    for kid in kids {
        if let Ok(id) = kid.as_reference() {
            elements(document, document.get_dictionary(id).unwrap(), found);
        }
    }
}

#[test]
fn a_ranking_is_tagged_and_bookmarked_in_french() {
    let bytes = ranking_pdf(&document(60)).unwrap();
    let read = Document::load_mem(&bytes).unwrap();
    let catalog = read.catalog().unwrap();
    assert_eq!(catalog.get(b"Lang").unwrap().as_str().unwrap(), b"fr-FR");
    let root = catalog.get(b"StructTreeRoot").unwrap().as_reference().unwrap();
    let mut found = Vec::new();
    elements(&read, read.get_dictionary(root).unwrap(), &mut found);
    let count = |kind: &str| found.iter().filter(|(k, _)| k == kind).count();
    // The lot's table runs over pages and stays one, its headings read once; a table of robustness; 60 derivations.
    assert_eq!((count("H1"), count("Table"), count("THead"), count("Figure")), (1, 62, 62, 2));
    assert!(count("TD") > 60 * 8);
    let figures: Vec<_> = found.iter().filter(|(k, _)| k == "Figure").collect();
    assert!(figures.iter().all(|(_, f)| f.get(b"Alt").is_ok()));

    let pages: Vec<u32> = read.get_pages().keys().copied().collect();
    let text = read.extract_text(&pages).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    for wanted in [
        "page 1/".to_owned(),
        format!("page {0}/{0}", pages.len()),
        "version 2".into(),
        "avis du jury".into(),
        "« Les Œillets »".into(),
        "1129/15".into(),
        "J2 ×2".into(),
        "Aucun dossier à classer".into(),
        "ab".repeat(32),
    ] {
        assert!(text.contains(&wanted), "{wanted}");
    }
    let outline = catalog.get(b"Outlines").unwrap().as_reference().unwrap();
    assert!(read.get_dictionary(outline).unwrap().get(b"Count").unwrap().as_i64().unwrap() >= 4);
}

#[test]
fn the_same_ranking_gives_the_same_bytes() {
    // Not `assert_eq`: nobody reads bytes.
    assert!(ranking_pdf(&document(3)).unwrap() == ranking_pdf(&document(3)).unwrap());
}

#[test]
fn a_ranking_of_nothing_is_a_document_too() {
    let mut empty = document(0);
    empty.lots.clear();
    assert!(ranking_pdf(&empty).unwrap().starts_with(b"%PDF"));
}
