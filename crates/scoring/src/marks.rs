//! The table of marks: which juror gave which dossier which mark, against which grid.
//!
//! Dossiers and jurors are kept in the order of their ids, whatever the order in which they came, so that everything
//! computed from the table is the same for the same marks. A sheet (one juror, one dossier) is one row of 4-byte marks.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::exact::Rational;
use crate::grid::Grid;
use crate::scale::Mark;

/// Stands for "no mark"; no scale has that many steps.
pub(crate) const NO_MARK: u32 = u32::MAX;

/// Why a mark cannot be taken into the table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// The grid has no such criterion.
    #[error("criterion {0:?} is not in the grid")]
    UnknownCriterion(String),
    /// The mark comes from another, longer scale.
    #[error("the mark is above the grid's scale")]
    OffScale,
    /// The same juror marked the same criterion of the same dossier before.
    #[error("juror {juror:?} already gave dossier {dossier:?} a mark on {criterion:?}")]
    Duplicate {
        /// The dossier's id.
        dossier: String,
        /// The juror's id.
        juror: String,
        /// The criterion's code.
        criterion: String,
    },
    /// A juror with a voice of zero is not a valid juror and has no place in the table.
    #[error("juror {0:?} must have a voice of at least 1")]
    Voice(String),
    /// A sheet has another number of criteria than the grid.
    #[error("a sheet of {expected} criteria was expected, not of {found}")]
    Width {
        /// How many criteria the grid has.
        expected: usize,
        /// How many the sheet has.
        found: usize,
    },
    /// More than four billion dossiers, jurors or sheets.
    #[error("the table is full")]
    Full,
}

/// Collects valid jurors' marks: deliberative, locked, not recused. What is not valid must not be given.
#[derive(Debug, Clone)]
pub struct MarksBuilder {
    grid: Arc<Grid>,
    dossiers: Names,
    jurors: Names,
    voices: Vec<u32>,
    sheets: HashMap<(u32, u32), u32>,
    values: Vec<u32>,
    external: BTreeMap<(u32, String), Rational>,
}

#[derive(Debug, Clone, Default)]
struct Names {
    ids: Vec<String>,
    index: HashMap<String, u32>,
}

impl Names {
    fn intern(&mut self, id: &str) -> Result<u32, TableError> {
        if let Some(index) = self.index.get(id) {
            return Ok(*index);
        }
        let index = u32::try_from(self.ids.len()).map_err(|_| TableError::Full)?;
        self.ids.push(id.to_owned());
        self.index.insert(id.to_owned(), index);
        Ok(index)
    }

    /// The ids in order, and for each old place the new one.
    fn sorted(self) -> (Vec<String>, Vec<usize>) {
        let mut order: Vec<usize> = (0..self.ids.len()).collect();
        order.sort_unstable_by(|a, b| self.ids[*a].cmp(&self.ids[*b]));
        let mut place = vec![0; order.len()];
        for (new, old) in order.iter().enumerate() {
            place[*old] = new;
        }
        let mut ids = self.ids;
        ids.sort_unstable();
        (ids, place)
    }
}

impl MarksBuilder {
    /// Makes a dossier known even if nobody marked it: it will be "insufficient".
    pub fn dossier(&mut self, id: &str) -> Result<&mut Self, TableError> {
        self.dossiers.intern(id)?;
        Ok(self)
    }

    /// Makes a juror known and sets their voice (1 unless told), used by [`Aggregation::VoiceMean`](crate::Aggregation::VoiceMean) only.
    pub fn juror(&mut self, id: &str, voice: u32) -> Result<&mut Self, TableError> {
        if voice == 0 {
            return Err(TableError::Voice(id.to_owned()));
        }
        let index = self.known_juror(id)?;
        self.voices[index as usize] = voice;
        Ok(self)
    }

    fn known_juror(&mut self, id: &str) -> Result<u32, TableError> {
        let index = self.jurors.intern(id)?;
        if self.voices.len() < self.jurors.ids.len() {
            self.voices.push(1);
        }
        Ok(index)
    }

    /// Adds a juror's whole sheet on a dossier at once: one mark per criterion, in the grid's reading order, `None` where
    /// there is none. Quicker than mark by mark.
    pub fn sheet(&mut self, dossier: &str, juror: &str, marks: &[Option<Mark>]) -> Result<&mut Self, TableError> {
        let width = self.grid.criteria().len();
        if marks.len() != width {
            return Err(TableError::Width { expected: width, found: marks.len() });
        }
        let steps = self.grid.scale().steps();
        if marks.iter().flatten().any(|mark| mark.0 > steps) {
            return Err(TableError::OffScale);
        }
        let key = (self.dossiers.intern(dossier)?, self.known_juror(juror)?);
        let next = u32::try_from(self.sheets.len()).map_err(|_| TableError::Full)?;
        if *self.sheets.entry(key).or_insert(next) != next {
            let criterion = self.grid.criterion_code(0).to_owned();
            return Err(TableError::Duplicate { dossier: dossier.to_owned(), juror: juror.to_owned(), criterion });
        }
        self.values.extend(marks.iter().map(|mark| mark.map_or(NO_MARK, |mark| mark.0)));
        Ok(self)
    }

    /// Adds one mark.
    pub fn mark(&mut self, dossier: &str, juror: &str, criterion: &str, mark: Mark) -> Result<&mut Self, TableError> {
        let column =
            self.grid.criterion_index(criterion).ok_or_else(|| TableError::UnknownCriterion(criterion.to_owned()))?;
        if mark.0 > self.grid.scale().steps() {
            return Err(TableError::OffScale);
        }
        let key = (self.dossiers.intern(dossier)?, self.known_juror(juror)?);
        let width = self.grid.criteria().len();
        let next = u32::try_from(self.sheets.len()).map_err(|_| TableError::Full)?;
        let sheet = *self.sheets.entry(key).or_insert(next);
        if sheet == next {
            self.values.resize(self.values.len() + width, NO_MARK);
        }
        let cell = &mut self.values[sheet as usize * width + column];
        if *cell != NO_MARK {
            return Err(TableError::Duplicate {
                dossier: dossier.to_owned(),
                juror: juror.to_owned(),
                criterion: criterion.to_owned(),
            });
        }
        *cell = mark.0;
        Ok(self)
    }

    /// Gives a dossier's value for the breakers [`Breaker::Value`](crate::Breaker::Value) of that name; the last one given counts.
    pub fn value(&mut self, dossier: &str, name: &str, value: Rational) -> Result<&mut Self, TableError> {
        let index = self.dossiers.intern(dossier)?;
        self.external.insert((index, name.to_owned()), value);
        Ok(self)
    }

    /// The table.
    pub fn build(self) -> Marks {
        let width = self.grid.criteria().len();
        let (dossiers, dossier_place) = self.dossiers.sorted();
        let (jurors, juror_place) = self.jurors.sorted();
        let mut sheets: Vec<(usize, usize, u32)> = self
            .sheets
            .iter()
            .map(|((d, j), sheet)| (dossier_place[*d as usize], juror_place[*j as usize], *sheet))
            .collect();
        sheets.sort_unstable();
        let mut values = Vec::with_capacity(self.values.len());
        let mut starts = vec![0; dossiers.len() + 1];
        for (dossier, _, sheet) in &sheets {
            starts[dossier + 1] += 1;
            let from = *sheet as usize * width;
            values.extend_from_slice(&self.values[from..from + width]);
        }
        for index in 1..starts.len() {
            starts[index] += starts[index - 1];
        }
        let mut voices = vec![1; jurors.len()];
        for (old, voice) in self.voices.into_iter().enumerate() {
            voices[juror_place[old]] = voice;
        }
        let external =
            self.external.into_iter().map(|((d, name), value)| ((dossier_place[d as usize], name), value)).collect();
        // A juror's place fits 32 bits, since ids were counted in them.
        #[expect(clippy::cast_possible_truncation, reason = "interned in 32 bits")]
        let sheet_jurors = sheets.iter().map(|(_, juror, _)| *juror as u32).collect();
        Marks(Arc::new(Table { grid: self.grid, dossiers, jurors, voices, starts, sheet_jurors, values, external }))
    }
}

/// Marks against a grid, ready to be computed from. Cloning is cheap: the table is shared and never changes.
#[derive(Debug, Clone)]
pub struct Marks(Arc<Table>);

#[derive(Debug)]
struct Table {
    grid: Arc<Grid>,
    dossiers: Vec<String>,
    jurors: Vec<String>,
    voices: Vec<u32>,
    /// Sheets of dossier `d`: `starts[d]..starts[d + 1]`.
    starts: Vec<usize>,
    sheet_jurors: Vec<u32>,
    /// One row of marks per sheet, one column per criterion.
    values: Vec<u32>,
    external: BTreeMap<(usize, String), Rational>,
}

impl Marks {
    /// An empty table for a grid.
    pub fn builder(grid: impl Into<Arc<Grid>>) -> MarksBuilder {
        MarksBuilder {
            grid: grid.into(),
            dossiers: Names::default(),
            jurors: Names::default(),
            voices: Vec::new(),
            sheets: HashMap::new(),
            values: Vec::new(),
            external: BTreeMap::new(),
        }
    }

    /// The grid the marks are on.
    pub fn grid(&self) -> &Grid {
        &self.0.grid
    }

    /// The dossiers' ids, in order.
    pub fn dossiers(&self) -> &[String] {
        &self.0.dossiers
    }

    /// The jurors' ids, in order.
    pub fn jurors(&self) -> &[String] {
        &self.0.jurors
    }

    /// How many marks there are.
    pub fn count(&self) -> usize {
        self.0.values.iter().filter(|value| **value != NO_MARK).count()
    }

    /// One dossier's sheets, in the order of jurors: the juror's place in [`Marks::jurors`] and a row of marks in steps.
    pub(crate) fn sheets(&self, dossier: usize) -> impl ExactSizeIterator<Item = (usize, &[u32])> + Clone {
        let range = self.0.starts[dossier]..self.0.starts[dossier + 1];
        let width = self.0.grid.criteria().len();
        let rows = self.0.values[range.start * width..range.end * width].chunks_exact(width);
        self.0.sheet_jurors[range].iter().map(|juror| *juror as usize).zip(rows)
    }

    pub(crate) fn voice(&self, juror: usize) -> u32 {
        self.0.voices[juror]
    }

    pub(crate) fn external(&self, dossier: usize, name: &str) -> Option<&Rational> {
        // A table without values, the usual case, is not searched.
        if self.0.external.is_empty() {
            return None;
        }
        self.0.external.get(&(dossier, name.to_owned()))
    }
}
