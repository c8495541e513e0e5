//! The official ranking as it is read: every dossier with its place and the whole derivation of it.

use serde::ser::{SerializeMap, SerializeStruct};
use serde::{Serialize, Serializer};

use crate::exact::Rational;
use crate::grid::{Grid, Threshold};
use crate::marks::{Marks, NO_MARK};
use crate::scale::Mark;

/// Names the rules that made a ranking; it changes whenever the same marks could rank otherwise.
pub const ENGINE: &str = concat!("ami-scoring ", env!("CARGO_PKG_VERSION"));

/// Decimals shown beside exact values.
const SHOWN: u8 = 2;

/// Where a dossier stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It has a rank.
    Ranked,
    /// A threshold was not reached.
    Eliminated,
    /// Too few valid marks.
    Insufficient,
}

/// An immutable ranking with its derivation. Serializes as the `engine` and `dossiers` of `ami score`.
#[derive(Debug, Clone)]
pub struct Ranking {
    marks: Marks,
    /// By dossier, in the order of [`Marks::dossiers`].
    pub(crate) rows: Vec<Row>,
    /// Dossier-major, one per criterion.
    cells: Vec<Cell>,
    /// Dossier-major, one per group.
    points: Vec<Rational>,
    /// Dossiers in the order they are shown.
    pub(crate) order: Vec<usize>,
}

#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) status: Status,
    pub(crate) total: Option<Rational>,
    pub(crate) rank: Option<usize>,
    pub(crate) ex_aequo: bool,
    pub(crate) decided_by: Option<usize>,
    pub(crate) eliminated_by: Vec<usize>,
}

impl Row {
    pub(crate) fn new(status: Status, total: Option<Rational>) -> Self {
        Self { status, total, rank: None, ex_aequo: false, decided_by: None, eliminated_by: Vec::new() }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Cell {
    pub(crate) marks: u32,
    /// Mean on the scale of marks, and points.
    pub(crate) score: Option<(Rational, Rational)>,
}

impl Cell {
    pub(crate) fn mean(&self) -> Option<&Rational> {
        self.score.as_ref().map(|score| &score.0)
    }

    pub(crate) fn points(&self) -> Option<&Rational> {
        self.score.as_ref().map(|score| &score.1)
    }
}

impl Ranking {
    pub(crate) fn new(marks: Marks, rows: Vec<Row>, cells: Vec<Cell>, points: Vec<Rational>) -> Self {
        Self { marks, rows, cells, points, order: Vec::new() }
    }

    /// The marks that were ranked.
    pub fn marks(&self) -> &Marks {
        &self.marks
    }

    /// The name and version of the rules: [`ENGINE`].
    pub fn engine(&self) -> &'static str {
        ENGINE
    }

    /// The dossiers as they are shown: ranked ones by rank, then eliminated ones by total, then insufficient ones; ids
    /// settle what is left.
    pub fn dossiers(&self) -> impl ExactSizeIterator<Item = RankedDossier<'_>> {
        self.order.iter().map(|index| RankedDossier { ranking: self, index: *index })
    }

    /// One dossier by its id.
    pub fn dossier(&self, id: &str) -> Option<RankedDossier<'_>> {
        let index = self.marks.dossiers().binary_search_by(|known| known.as_str().cmp(id)).ok()?;
        Some(RankedDossier { ranking: self, index })
    }

    pub(crate) fn cell(&self, dossier: usize, criterion: usize) -> &Cell {
        &self.cells[dossier * self.marks.grid().criteria().len() + criterion]
    }

    pub(crate) fn group_points(&self, dossier: usize, group: usize) -> Option<&Rational> {
        let row = self.rows.get(dossier)?;
        row.total.as_ref()?;
        self.points.get(dossier * self.marks.grid().flat_groups().len() + group)
    }
}

/// One dossier of a ranking.
#[derive(Debug, Clone, Copy)]
pub struct RankedDossier<'a> {
    ranking: &'a Ranking,
    pub(crate) index: usize,
}

impl<'a> RankedDossier<'a> {
    fn row(&self) -> &'a Row {
        &self.ranking.rows[self.index]
    }

    fn grid(&self) -> &'a Grid {
        self.ranking.marks.grid()
    }

    /// The id it was given.
    pub fn id(&self) -> &'a str {
        &self.ranking.marks.dossiers()[self.index]
    }

    /// Where it stands.
    pub fn status(&self) -> Status {
        self.row().status
    }

    /// Its competition rank from 1, when ranked.
    pub fn rank(&self) -> Option<usize> {
        self.row().rank
    }

    /// Whether it shares its rank.
    pub fn is_ex_aequo(&self) -> bool {
        self.row().ex_aequo
    }

    /// The exact total; `None` when marks are insufficient.
    pub fn total(&self) -> Option<&'a Rational> {
        self.row().total.as_ref()
    }

    /// How many jurors gave it at least one mark.
    pub fn jurors(&self) -> usize {
        self.juror_ids().count()
    }

    /// The jurors who gave it at least one mark, in the order of ids.
    pub fn juror_ids(&self) -> impl Iterator<Item = &'a str> {
        let marks = &self.ranking.marks;
        marks
            .sheets(self.index)
            .filter(|(_, sheet)| sheet.iter().any(|value| *value != NO_MARK))
            .map(|(juror, _)| marks.jurors()[juror].as_str())
    }

    /// Groups in reading order, nested ones after the group that holds them.
    pub fn groups(&self) -> impl Iterator<Item = GroupScore<'a>> {
        let this = *self;
        this.grid().groups().enumerate().map(move |(group, (code, depth, maximum))| GroupScore {
            code,
            depth,
            maximum,
            points: this.ranking.group_points(this.index, group),
        })
    }

    /// Criteria in reading order.
    pub fn criteria(&self) -> impl Iterator<Item = CriterionScore<'a>> {
        let this = *self;
        (0..this.grid().criteria().len()).map(move |criterion| CriterionScore { dossier: this, criterion })
    }

    /// The thresholds it did not reach, in the grid's order.
    pub fn eliminated_by(&self) -> impl Iterator<Item = Elimination<'a>> {
        let this = *self;
        this.row().eliminated_by.iter().filter_map(move |index| {
            let threshold = this.grid().thresholds().get(*index)?;
            let (value, minimum) = this.ranking.threshold_value(this.index, threshold);
            Some(Elimination { index: *index, threshold, value: value?, minimum })
        })
    }

    /// The code or name of the last breaker it took to tell its place among dossiers of the same total. `None` when no
    /// other has its total, or when no breaker tells it from those that do.
    pub fn decided_by(&self) -> Option<&'a str> {
        self.row().decided_by.and_then(|index| self.grid().ties().get(index)).map(crate::Breaker::label)
    }
}

/// A group's points on one dossier.
#[derive(Debug, Clone, Copy)]
pub struct GroupScore<'a> {
    /// The group's code.
    pub code: &'a str,
    /// 0 at the top.
    pub depth: usize,
    /// The most points it can give.
    pub maximum: &'a Rational,
    /// The exact points; `None` when marks are insufficient.
    pub points: Option<&'a Rational>,
}

/// A criterion's derivation on one dossier.
#[derive(Debug, Clone, Copy)]
pub struct CriterionScore<'a> {
    dossier: RankedDossier<'a>,
    criterion: usize,
}

impl<'a> CriterionScore<'a> {
    fn cell(&self) -> &'a Cell {
        self.dossier.ranking.cell(self.dossier.index, self.criterion)
    }

    /// The criterion's code.
    pub fn code(&self) -> &'a str {
        self.dossier.grid().criterion_code(self.criterion)
    }

    /// Its effective weight: the most points it can give.
    pub fn weight(&self) -> &'a Rational {
        &self.dossier.grid().weights()[self.criterion]
    }

    /// The marks given, by juror id, in the order of ids.
    pub fn marks(&self) -> impl Iterator<Item = (&'a str, Mark)> {
        let (marks, criterion) = (&self.dossier.ranking.marks, self.criterion);
        marks
            .sheets(self.dossier.index)
            .map(move |(juror, sheet)| (marks.jurors()[juror].as_str(), sheet[criterion]))
            .filter(|(_, value)| *value != NO_MARK)
            .map(|(juror, value)| (juror, Mark(value)))
    }

    /// How many marks were given.
    pub fn count(&self) -> u32 {
        self.cell().marks
    }

    /// The exact mean on the scale of marks, by the grid's aggregation; `None` without enough marks for one.
    pub fn mean(&self) -> Option<&'a Rational> {
        self.cell().mean()
    }

    /// The exact points; `None` without a mean.
    pub fn points(&self) -> Option<&'a Rational> {
        self.cell().points()
    }
}

/// A threshold that a dossier did not reach.
#[derive(Debug, Clone, Copy)]
pub struct Elimination<'a> {
    /// Its place in [`Grid::thresholds`].
    pub index: usize,
    /// The threshold.
    pub threshold: &'a Threshold,
    /// The exact value reached.
    pub value: &'a Rational,
    /// The least value that passes.
    pub minimum: &'a Rational,
}

impl<'a> Elimination<'a> {
    /// `total`, or the group's or criterion's code.
    pub fn on(&self) -> &'a str {
        match self.threshold {
            Threshold::Total { .. } => "total",
            Threshold::Points { code, .. } | Threshold::Mean { code, .. } => code,
        }
    }
}

/// Serializes an iterator of pairs as a map, in the iterator's order.
struct Entries<F>(F);

impl<K: Serialize, V: Serialize, I: Iterator<Item = (K, V)>, F: Fn() -> I> Serialize for Entries<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map((self.0)())
    }
}

fn shown(value: Option<&Rational>) -> Option<String> {
    value.map(|value| value.decimal(SHOWN, '.'))
}

impl Serialize for Ranking {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_struct("Ranking", 2)?;
        map.serialize_field("engine", ENGINE)?;
        map.serialize_field("dossiers", &self.dossiers().collect::<Vec<_>>())?;
        map.end()
    }
}

impl Serialize for RankedDossier<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_struct("RankedDossier", 11)?;
        map.serialize_field("id", self.id())?;
        map.serialize_field("rank", &self.rank())?;
        map.serialize_field("ex_aequo", &self.is_ex_aequo())?;
        map.serialize_field("status", &self.status())?;
        map.serialize_field("jurors", &self.jurors())?;
        map.serialize_field("total", &self.total())?;
        map.serialize_field("total_shown", &shown(self.total()))?;
        map.serialize_field("groups", &Entries(|| self.groups().map(|group| (group.code, group))))?;
        map.serialize_field("criteria", &Entries(|| self.criteria().map(|criterion| (criterion.code(), criterion))))?;
        map.serialize_field("eliminated_by", &self.eliminated_by().collect::<Vec<_>>())?;
        map.serialize_field("decided_by", &self.decided_by())?;
        map.end()
    }
}

impl Serialize for GroupScore<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_struct("GroupScore", 3)?;
        map.serialize_field("maximum", self.maximum)?;
        map.serialize_field("points", &self.points)?;
        map.serialize_field("points_shown", &shown(self.points))?;
        map.end()
    }
}

impl Serialize for CriterionScore<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let scale = self.dossier.grid().scale();
        let mut map = serializer.serialize_struct("CriterionScore", 6)?;
        map.serialize_field("weight", self.weight())?;
        map.serialize_field("marks", &Entries(|| self.marks().map(|(juror, mark)| (juror, scale.value(mark)))))?;
        map.serialize_field("mean", &self.mean())?;
        map.serialize_field("mean_shown", &shown(self.mean()))?;
        map.serialize_field("points", &self.points())?;
        map.serialize_field("points_shown", &shown(self.points()))?;
        map.end()
    }
}

impl Serialize for Elimination<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mean = matches!(self.threshold, Threshold::Mean { .. });
        let mut map = serializer.serialize_map(Some(5))?;
        map.serialize_entry("on", self.on())?;
        map.serialize_entry("what", if mean { "mean" } else { "points" })?;
        map.serialize_entry("value", self.value)?;
        map.serialize_entry("value_shown", &self.value.decimal(SHOWN, '.'))?;
        map.serialize_entry("minimum", self.minimum)?;
        map.end()
    }
}
