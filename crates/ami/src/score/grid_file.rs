//! GRID.json: scale, weights, thresholds and breakers.

use std::collections::BTreeSet;
use std::path::Path;

use ami_scoring::{
    Aggregation, Breaker, Criterion, Direction, Grid, GridError, GridSpec, Group, Scale, ScaleError, Threshold,
};

use super::fault::{Fault, quoted};
use super::json::{Document, Node};

/// A grid, and the voices of jurors who do not have the voice of one.
pub(crate) struct GridFile {
    pub(crate) grid: Grid,
    pub(crate) voices: Vec<(String, u32)>,
}

pub(crate) fn parse(file: &Path, text: &str) -> Result<GridFile, Fault> {
    let document = Document::parse(file, text)?;
    let root = document.root();
    root.only(&["scale", "min_jurors", "min_marks", "aggregation", "voices", "groups", "thresholds", "ties"])?;
    let mut codes = BTreeSet::new();
    let mut groups = Vec::new();
    for node in root.required("groups")?.items()? {
        groups.push(group(&node, &mut codes, 0)?);
    }
    let list = |key: &str| root.optional(key).map_or_else(|| Ok(Vec::new()), |node| node.items());
    let spec = GridSpec {
        scale: scale(&root.required("scale")?)?,
        min_jurors: root.optional("min_jurors").map_or(Ok(1), |node| node.natural())?,
        aggregation: root.optional("aggregation").map_or(Ok(Aggregation::Mean), |node| aggregation(&node))?,
        groups,
        thresholds: list("thresholds")?.iter().map(threshold).collect::<Result<_, _>>()?,
        ties: list("ties")?.iter().map(breaker).collect::<Result<_, _>>()?,
    };
    let mut grid = Grid::new(spec).map_err(|error| refusal(&root, &error))?;
    // Where jurors may leave a criterion out, they and the marks on each criterion are counted apart.
    if let Some(node) = root.optional("min_marks") {
        grid = grid.with_min_marks(node.natural()?);
    }
    let mut voices = Vec::new();
    if let Some(node) = root.optional("voices") {
        for (juror, voice) in node.entries()? {
            let weight = voice.natural()?;
            if weight == 0 {
                return Err(voice.refuse("voix d’au moins 1 attendue"));
            }
            voices.push((juror, weight));
        }
    }
    Ok(GridFile { grid, voices })
}

fn scale(node: &Node<'_>) -> Result<Scale, Fault> {
    node.only(&["min", "max", "step"])?;
    let step = node.optional("step").map_or(Ok(ami_scoring::Rational::ONE), |step| step.rational())?;
    Scale::new(node.required("min")?.rational()?, node.required("max")?.rational()?, step).map_err(|error| {
        node.refuse(match error {
            ScaleError::Empty => "échelle dont le maximum dépasse le minimum attendue",
            ScaleError::Step => "pas supérieur à 0 attendu",
            ScaleError::Uneven => "nombre entier de pas attendu entre le minimum et le maximum",
        })
    })
}

fn aggregation(node: &Node<'_>) -> Result<Aggregation, Fault> {
    match node.as_text() {
        Some("mean") => return Ok(Aggregation::Mean),
        Some("median") => return Ok(Aggregation::Median),
        Some("voice_mean") => return Ok(Aggregation::VoiceMean),
        _ => {}
    }
    match node.optional("trimmed_mean") {
        Some(k) => Ok(Aggregation::TrimmedMean { k: k.natural()? }),
        None => Err(node.refuse("\"mean\", \"median\", \"voice_mean\" ou {\"trimmed_mean\": k} attendu")),
    }
}

/// A code not seen before.
fn code(node: &Node<'_>, codes: &mut BTreeSet<String>) -> Result<String, Fault> {
    let node = node.required("code")?;
    let code = node.text()?;
    if code.is_empty() || code == "total" {
        return Err(node.refuse("code attendu, autre que «\u{a0}total\u{a0}»"));
    }
    if !codes.insert(code.to_owned()) {
        return Err(node.refuse(format!("code unique attendu\u{a0}: {} est déjà pris", quoted(code))));
    }
    Ok(code.to_owned())
}

fn group(node: &Node<'_>, codes: &mut BTreeSet<String>, depth: usize) -> Result<Group, Fault> {
    node.only(&["code", "label", "weight", "criteria", "groups"])?;
    // The engine refuses what is deeper; stopping here keeps a hostile file from exhausting the stack.
    if depth > 64 {
        return Err(node.refuse("au plus 32 niveaux de groupes attendus"));
    }
    let mut group = Group { code: code(node, codes)?, ..Group::default() };
    if let Some(weight) = node.optional("weight") {
        group.weight = Some(weight.natural()?);
    }
    for criterion in node.optional("criteria").map_or_else(|| Ok(Vec::new()), |node| node.items())? {
        criterion.only(&["code", "label", "weight"])?;
        let weight = criterion.required("weight")?.natural()?;
        group.criteria.push(Criterion { code: code(&criterion, codes)?, weight });
    }
    for inner in node.optional("groups").map_or_else(|| Ok(Vec::new()), |node| node.items())? {
        group.groups.push(self::group(&inner, codes, depth + 1)?);
    }
    if group.criteria.is_empty() && group.groups.is_empty() {
        return Err(node.refuse("au moins un critère attendu dans ce groupe"));
    }
    Ok(group)
}

fn threshold(node: &Node<'_>) -> Result<Threshold, Fault> {
    node.only(&["on", "below", "mean_below"])?;
    let on = node.required("on")?.text()?;
    match (node.optional("below"), node.optional("mean_below")) {
        (Some(minimum), None) if on == "total" => Ok(Threshold::Total { minimum: minimum.rational()? }),
        (Some(minimum), None) => Ok(Threshold::Points { code: on.to_owned(), minimum: minimum.rational()? }),
        (None, Some(minimum)) => Ok(Threshold::Mean { code: on.to_owned(), minimum: minimum.rational()? }),
        _ => Err(node.refuse("\"below\" ou \"mean_below\" attendu, l’un des deux")),
    }
}

fn breaker(node: &Node<'_>) -> Result<Breaker, Fault> {
    if let Some(code) = node.as_text() {
        return Ok(Breaker::points(code));
    }
    node.only(&["on", "value", "direction"])?;
    let direction = match node.optional("direction") {
        None => Direction::Highest,
        Some(written) => match written.text()? {
            "highest" => Direction::Highest,
            "lowest" => Direction::Lowest,
            _ => return Err(written.refuse("\"highest\" ou \"lowest\" attendu")),
        },
    };
    match (node.optional("on"), node.optional("value")) {
        (Some(code), None) => Ok(Breaker::Points { code: code.text()?.to_owned(), direction }),
        (None, Some(name)) => Ok(Breaker::Value { name: name.text()?.to_owned(), direction }),
        _ => Err(node.refuse("\"on\" (un code) ou \"value\" (une valeur du dossier) attendu, l’un des deux")),
    }
}

/// What the engine refuses, where it stands in the file.
fn refusal(root: &Node<'_>, error: &GridError) -> Fault {
    let nth = |key: &str, index: usize, member: &str| {
        let item = root.optional(key).and_then(|list| list.items().ok()?.into_iter().nth(index));
        item.map_or_else(|| root.clone(), |item| item.optional(member).unwrap_or(item))
    };
    let under = |key: &str| root.optional(key).unwrap_or_else(|| root.clone());
    match error {
        GridError::Threshold { threshold, code, expected } => {
            let what = if *expected == "criterion" {
                "code d’un critère"
            } else {
                "«\u{a0}total\u{a0}», code d’un groupe ou d’un critère"
            };
            nth("thresholds", *threshold, "on").refuse(format!("{what} de la grille attendu, {} lu", quoted(code)))
        }
        GridError::Breaker { breaker, code } => nth("ties", *breaker, "on")
            .refuse(format!("code d’un groupe ou d’un critère de la grille attendu, {} lu", quoted(code))),
        GridError::MinJurors => under("min_jurors").refuse("au moins 1 juré attendu"),
        GridError::NoCriterion | GridError::EmptyGroup(_) => under("groups").refuse("au moins un critère attendu"),
        GridError::TooMany => under("groups").refuse("au plus 10\u{202f}000 groupes et critères attendus"),
        GridError::TooDeep => under("groups").refuse("au plus 32 niveaux de groupes attendus"),
        GridError::NoWeight(_) => under("groups").refuse("poids dont la somme dépasse 0 attendus"),
        GridError::Code | GridError::Duplicate(_) => under("groups").refuse("codes uniques et non vides attendus"),
    }
}
