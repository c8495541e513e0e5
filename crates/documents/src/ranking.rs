//! The ranking: the jury's opinion, and everything needed to compute it again by hand.

use jiff::Timestamp;

use crate::DocumentError;
use crate::canvas::{Align, BLACK, BLUE, Canvas, Column, Face, GREY, Row};
use crate::figure::Figure;
use crate::file::Metadata;

/// A ranking as it is printed.
#[derive(Debug, Clone)]
pub struct RankingDocument {
    /// The call's code.
    pub call_code: String,
    /// The call's title.
    pub call_title: String,
    /// The version whose grid was used.
    pub call_version: i64,
    /// Who calls.
    pub authority: String,
    /// Day and time with offset.
    pub computed_at: String,
    /// The same instant, for the file's own date.
    pub at: Timestamp,
    /// Version of the engine.
    pub engine: String,
    /// SHA-256 of what went in.
    pub hash: String,
    /// Whether it belongs to a demonstration.
    pub demonstration: bool,
    /// Group codes with their weight, in order.
    pub groups: Vec<(String, u64)>,
    /// Sum of the weights.
    pub total_weight: u64,
    /// How points are computed, in words.
    pub formula: String,
    /// What eliminates.
    pub thresholds: Vec<ThresholdLine>,
    /// What decides between equals, in order.
    pub ties: Vec<String>,
    /// Fewest jurors.
    pub min_jurors: u32,
    /// Fewest marks on a criterion.
    pub min_marks: u32,
    /// What a criterion's marks become: « Moyenne », « Médiane ».
    pub value_name: String,
    /// Lots, empty ones included.
    pub lots: Vec<LotSection>,
    /// What stands beside the ranking, over the whole call.
    pub beside: Vec<Beside>,
}

/// Something that stands beside the ranking: what it says, then its figures as tables.
#[derive(Debug, Clone)]
pub struct Beside {
    /// Its title.
    pub title: String,
    /// What it is for, and what it says, in sentences.
    pub sentences: Vec<String>,
    /// Its numbers.
    pub tables: Vec<Statistics>,
}

/// A table of statistics: the first column is wide.
#[derive(Debug, Clone)]
pub struct Statistics {
    /// Headings.
    pub headings: Vec<String>,
    /// Cells.
    pub rows: Vec<Vec<String>>,
}

/// What would remain of a lot's ranking.
#[derive(Debug, Clone)]
pub struct Robustness {
    /// What it says, in sentences.
    pub sentences: Vec<String>,
    /// Ranks that dossiers may take.
    pub ranks: Figure,
    /// How far weights may move.
    pub weights: Figure,
    /// The numbers of the first figure.
    pub table: Statistics,
}

/// A threshold.
#[derive(Debug, Clone)]
pub struct ThresholdLine {
    /// Its code.
    pub code: String,
    /// What it looks at.
    pub label: String,
    /// What is needed, two decimals.
    pub minimum: String,
}

/// One lot.
#[derive(Debug, Clone)]
pub struct LotSection {
    /// Its code.
    pub code: String,
    /// Its name.
    pub label: String,
    /// In order.
    pub lines: Vec<RankingLine>,
    /// From two ranked dossiers on.
    pub robustness: Option<Robustness>,
}

/// One dossier.
#[derive(Debug, Clone)]
pub struct RankingLine {
    /// `1`, `2 ex æquo`, `—`.
    pub rank: String,
    /// The dossier's number.
    pub number: String,
    /// Who applied.
    pub organisation: String,
    /// Two decimals.
    pub total: String,
    /// Points by group, two decimals.
    pub groups: Vec<String>,
    /// Thresholds met or not, and the breaker that decided.
    pub remark: String,
    /// How many were counted.
    pub jurors: usize,
    /// What was decided since; may be empty.
    pub decision: String,
    /// How the total comes about.
    pub derivation: Derivation,
}

/// How a total comes about.
#[derive(Debug, Clone)]
pub struct Derivation {
    /// Headings of the marks' columns.
    pub jurors: Vec<String>,
    /// Criteria in order; empty without any mark.
    pub criteria: Vec<CriterionLine>,
    /// Groups in order.
    pub groups: Vec<GroupLine>,
    /// Exact.
    pub total: Option<String>,
    /// Two decimals.
    pub total_shown: Option<String>,
}

/// One criterion.
#[derive(Debug, Clone)]
pub struct CriterionLine {
    /// Its code.
    pub code: String,
    /// Its title.
    pub label: String,
    /// Its weight.
    pub weight: u32,
    /// One per juror.
    pub marks: Vec<String>,
    /// Exact.
    pub mean: String,
    /// Two decimals.
    pub mean_shown: String,
    /// Exact.
    pub points: String,
    /// Two decimals.
    pub points_shown: String,
}

/// One group.
#[derive(Debug, Clone)]
pub struct GroupLine {
    /// Its code.
    pub code: String,
    /// Its title.
    pub label: String,
    /// Its weight.
    pub weight: u64,
    /// Exact.
    pub points: String,
    /// Two decimals.
    pub points_shown: String,
}

fn row(cells: Vec<String>) -> Row {
    Row { cells, bold: false }
}

/// Draws a ranking: A4 landscape, a section per lot, then a derivation per dossier.
///
/// # Errors
/// [`DocumentError`] when the embedded font or the file cannot be written.
pub fn ranking_pdf(document: &RankingDocument) -> Result<Vec<u8>, DocumentError> {
    let title = format!("Classement — {}", document.call_title);
    let mut page = Canvas::new(true)?;
    page.paragraph(&document.authority, Face::Regular, 10.0, GREY);
    page.heading(1, "Classement proposé par le jury", 20.0);
    page.paragraph(&document.call_title, Face::Bold, 12.0, BLACK);
    page.skip(4.0);
    page.paragraph(
        "Ce classement est un avis du jury. Il ne constitue pas une décision : l'attribution relève de l'organe délibérant.",
        Face::Bold,
        10.0,
        BLACK,
    );
    if document.demonstration {
        page.paragraph("Jeu de démonstration : appel, structures et notes sont inventés.", Face::Bold, 10.0, BLUE);
    }
    page.skip(6.0);
    page.fact("Établi le", &document.computed_at, 126.0, 9.0);
    page.fact("Appel", &format!("{}, version {}", document.call_code, document.call_version), 126.0, 9.0);
    page.fact("Calcul", &document.formula, 126.0, 9.0);
    page.fact(
        "Minimum de juré·es",
        &format!(
            "{} par dossier, et {} notes par critère (une abstention n'est ni un zéro ni une note) ; en dessous, « notation \
             insuffisante », non classé",
            document.min_jurors, document.min_marks
        ),
        126.0,
        9.0,
    );
    let thresholds: Vec<String> =
        document.thresholds.iter().map(|t| format!("({}) {} < {}", t.code, t.label, t.minimum)).collect();
    page.fact("Éliminatoire si", &thresholds.join(" ; "), 126.0, 9.0);
    let ties = format!("dans l'ordre : {} ; sinon ex æquo", document.ties.join(", puis "));
    page.fact("Égalité de totaux", &ties, 126.0, 9.0);
    page.fact("Moteur et empreinte", &format!("{} — entrées SHA-256 {}", document.engine, document.hash), 126.0, 9.0);

    for lot in &document.lots {
        lot_section(&mut page, document, lot);
    }
    beside(&mut page, document);
    page.new_page();
    page.heading(2, "Annexe : calcul détaillé de chaque dossier", 15.0);
    page.paragraph(&document.formula, Face::Regular, 9.0, BLACK);
    let mut first = true;
    for line in document.lots.iter().flat_map(|l| l.lines.iter().map(move |line| (l, line))) {
        if !std::mem::take(&mut first) {
            page.new_page();
        }
        derivation(&mut page, document, line.0, line.1);
    }
    let head = format!("{} — version {}", document.call_title, document.call_version);
    let mut second = format!("Classement du {} · avis du jury, ne constitue pas une décision", document.computed_at);
    if document.demonstration {
        second.push_str(" · jeu de démonstration");
    }
    let metadata = Metadata {
        title,
        author: document.authority.clone(),
        subject: "Classement, avis du jury".into(),
        created_at: document.at,
        identity: document.hash.clone(),
    };
    page.finish((&head, &second), &format!("SHA-256 {}", document.hash), &metadata)
}

fn lot_section(page: &mut Canvas, document: &RankingDocument, lot: &LotSection) {
    page.ensure(90.0);
    page.skip(12.0);
    let title = format!("Lot {} — {}", lot.code, lot.label);
    page.heading(2, &title, 13.0);
    page.skip(3.0);
    if lot.lines.is_empty() {
        page.paragraph("Aucun dossier à classer pour ce lot.", Face::Regular, 10.0, BLACK);
        return;
    }
    let mut columns = vec![
        Column::new("Rang", 52.0, Align::Center),
        Column::new("Dossier", 70.0, Align::Left),
        Column::new("Structure", 150.0, Align::Left),
        Column::new(format!("Total /{}", document.total_weight), 46.0, Align::Right),
    ];
    columns.extend(
        document.groups.iter().map(|(code, weight)| Column::new(format!("{code} /{weight}"), 40.0, Align::Right)),
    );
    columns.push(Column::new("Juré·es", 42.0, Align::Center));
    let taken: f32 = columns.iter().map(|c| c.width).sum();
    let rest = page.inner_width() - taken;
    columns.push(Column::new("Seuils et départage", rest * 0.62, Align::Left));
    columns.push(Column::new("Décision", rest * 0.38, Align::Left));
    let rows: Vec<Row> = lot
        .lines
        .iter()
        .map(|line| {
            let mut cells = vec![line.rank.clone(), line.number.clone(), line.organisation.clone(), line.total.clone()];
            cells.extend(line.groups.iter().cloned());
            cells.extend([line.jurors.to_string(), line.remark.clone(), line.decision.clone()]);
            row(cells)
        })
        .collect();
    page.table(&columns, &rows, 7.5, Face::Regular);
}

fn beside(page: &mut Canvas, document: &RankingDocument) {
    let lots = || document.lots.iter().filter_map(|lot| lot.robustness.as_ref().map(|found| (lot, found)));
    if document.beside.is_empty() && lots().next().is_none() {
        return;
    }
    page.new_page();
    page.heading(2, "À côté du classement : accord, sévérité, solidité", 15.0);
    page.paragraph(
        "Ces indicateurs éclairent la lecture du classement. Ils n'entrent pas dans son calcul et ne le remplacent pas.",
        Face::Bold,
        10.0,
        BLACK,
    );
    for part in &document.beside {
        page.ensure(200.0);
        page.skip(10.0);
        page.heading(3, &part.title, 12.0);
        sentences(page, &part.sentences);
        for table in &part.tables {
            statistics(page, table);
        }
    }
    for (lot, found) in lots() {
        page.new_page();
        let title = format!("Solidité du classement du lot {} — {}", lot.code, lot.label);
        page.heading(3, &title, 12.0);
        sentences(page, &found.sentences);
        page.skip(6.0);
        page.figures(&[&found.ranks, &found.weights]);
        statistics(page, &found.table);
    }
}

fn sentences(page: &mut Canvas, sentences: &[String]) {
    for sentence in sentences {
        page.paragraph(sentence, Face::Regular, 9.5, BLACK);
    }
}

fn statistics(page: &mut Canvas, table: &Statistics) {
    if table.rows.is_empty() {
        return;
    }
    page.skip(6.0);
    let Some((first, others)) = table.headings.split_first() else { return };
    #[expect(clippy::cast_precision_loss, reason = "a handful of columns")]
    let width = (page.inner_width() * 0.72 / others.len().max(1) as f32).min(110.0);
    let mut columns = vec![Column::new(first.clone(), 210.0, Align::Left)];
    columns.extend(others.iter().map(|heading| Column::new(heading.clone(), width, Align::Right)));
    let rows: Vec<Row> = table.rows.iter().map(|cells| row(cells.clone())).collect();
    page.table(&columns, &rows, 8.0, Face::Regular);
}

fn derivation(page: &mut Canvas, document: &RankingDocument, lot: &LotSection, line: &RankingLine) {
    page.skip(6.0);
    let title = format!("{} — {} — lot {}", line.number, line.organisation, lot.code);
    page.heading(3, &title, 12.0);
    page.paragraph(&format!("Rang : {} · {}", line.rank, line.remark), Face::Regular, 9.0, BLACK);
    page.skip(4.0);
    let d = &line.derivation;
    if d.criteria.is_empty() {
        page.paragraph("Aucune fiche de notation valable.", Face::Regular, 10.0, BLACK);
        return;
    }
    let mut columns = vec![
        Column::new("Critère", 40.0, Align::Left),
        Column::new("", 0.0, Align::Left),
        Column::new("Poids", 36.0, Align::Right),
    ];
    columns.extend(d.jurors.iter().map(|j| Column::new(j.clone(), 26.0, Align::Center)));
    columns.extend([
        Column::new(format!("{} exacte", document.value_name), 62.0, Align::Right),
        Column::new("arrondie", 46.0, Align::Right),
        Column::new("Points exacts", 62.0, Align::Right),
        Column::new("arrondis", 46.0, Align::Right),
    ]);
    let taken: f32 = columns.iter().map(|c| c.width).sum();
    columns[1] = Column::new("Intitulé", page.inner_width() - taken, Align::Left);
    let mut rows = Vec::new();
    for group in &d.groups {
        for c in d.criteria.iter().filter(|c| c.code.starts_with(group.code.as_str())) {
            let mut cells = vec![c.code.clone(), c.label.clone(), c.weight.to_string()];
            cells.extend(c.marks.iter().cloned());
            cells.extend([c.mean.clone(), c.mean_shown.clone(), c.points.clone(), c.points_shown.clone()]);
            rows.push(row(cells));
        }
        let mut cells = vec![group.code.clone(), group.label.clone(), group.weight.to_string()];
        cells.extend(d.jurors.iter().map(|_| String::new()));
        cells.extend([String::new(), String::new(), group.points.clone(), group.points_shown.clone()]);
        rows.push(Row { cells, bold: true });
    }
    if let (Some(total), Some(shown)) = (&d.total, &d.total_shown) {
        let mut cells = vec!["Total".into(), String::new(), document.total_weight.to_string()];
        cells.extend(d.jurors.iter().map(|_| String::new()));
        cells.extend([String::new(), String::new(), total.clone(), shown.clone()]);
        rows.push(Row { cells, bold: true });
    }
    page.table(&columns, &rows, 8.0, Face::Regular);
}
