//! One juror's marks and comments on one dossier.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use crate::grid::{Grid, Mark, MarkError};
use crate::ids::{AccountId, DossierId, SeatId, SheetId};
use crate::text;

/// Longest comment, in characters.
pub const MAX_COMMENT: usize = text::MOST;

/// What a juror wrote for one criterion.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// The mark, once given.
    pub mark: Option<Mark>,
    /// The comment; may be empty.
    pub comment: String,
    /// Why the juror gives no mark here, when they abstain: neither zero nor counted.
    pub abstained: Option<String>,
}

/// Where a sheet stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SheetState {
    /// Being written.
    Draft,
    /// Signed: it counts, and no longer changes.
    Locked {
        /// When.
        at: Timestamp,
    },
    /// Was signed, and is being put right: it counts again once it is locked again.
    Reopened(Reopening),
}

/// How a sheet came to be open again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reopening {
    /// Who opened it.
    pub by: AccountId,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// Until when it may be put right and signed, whatever the calendar says of marking.
    pub until: Timestamp,
}

/// How long a sheet that was opened again stays so, unless the chair or the calendar give it longer.
const REOPENED_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A score sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// Its id.
    pub id: SheetId,
    /// Whose marks.
    pub seat: SeatId,
    /// On what.
    pub dossier: DossierId,
    /// Draft, locked or open again.
    pub state: SheetState,
    /// Grows by one at every change.
    pub revision: i64,
    /// By criterion code.
    pub entries: BTreeMap<String, Entry>,
}

/// What to change in one criterion; `None` leaves it, `Some(None)` takes a mark away.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// The mark in scale units.
    pub mark: Option<Option<i64>>,
    /// The comment.
    pub comment: Option<String>,
    /// Why the juror abstains; `Some(None)` ends that. A mark ends it too.
    pub abstained: Option<Option<String>>,
}

/// One thing wrong in a change, by criterion.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EntryError {
    /// The grid has no such criterion.
    #[error("no criterion {0}")]
    UnknownCriterion(String),
    /// The mark is not on the scale.
    #[error("criterion {criterion}: {error}")]
    Mark {
        /// Which.
        criterion: String,
        /// Why.
        error: MarkError,
    },
    /// The comment is too long.
    #[error("criterion {criterion}: comment of {length} characters")]
    CommentTooLong {
        /// Which.
        criterion: String,
        /// Characters.
        length: usize,
    },
    /// An abstention says why, in a text that is short enough.
    #[error("criterion {criterion}: abstention for a reason of {length} characters")]
    AbstentionReason {
        /// Which.
        criterion: String,
        /// Characters; 0 when there is none.
        length: usize,
    },
    /// A mark and an abstention at once.
    #[error("criterion {0}: a mark and an abstention")]
    MarkAndAbstention(String),
}

/// One thing that keeps a sheet from being locked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Missing {
    /// No mark yet.
    #[error("criterion {0} has no mark")]
    Mark(String),
    /// The mark wants a longer comment.
    #[error("criterion {criterion} wants a comment of {min} characters, has {length}")]
    Comment {
        /// Which.
        criterion: String,
        /// Wanted.
        min: usize,
        /// Written.
        length: usize,
    },
}

/// Why a sheet does not change.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SheetError {
    /// It is locked.
    #[error("the sheet is locked")]
    Locked,
    /// It is not locked.
    #[error("the sheet is not locked")]
    NotLocked,
    /// The juror abstains everywhere: there is nothing to count.
    #[error("no mark at all")]
    NoMark,
    /// It is not complete.
    #[error("{} things are missing", .0.len())]
    Incomplete(Vec<Missing>),
    /// A reopening says why.
    #[error("a reason is needed")]
    NoReason,
    /// The reason is too long.
    #[error("a reason of {0} characters")]
    ReasonTooLong(usize),
    /// The deadline of a reopening is over already.
    #[error("a deadline that is over")]
    DeadlineOver,
}

/// What came of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The sheet as it is now.
    pub sheet: Sheet,
    /// The criteria that changed.
    pub touched: Vec<String>,
    /// What was wrong, and left as it was.
    pub wrong: Vec<EntryError>,
}

impl SheetState {
    /// Stable text, as stored.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Locked { .. } => "locked",
            Self::Reopened(_) => "reopened",
        }
    }
}

impl Sheet {
    /// Whether it is locked.
    pub const fn is_locked(&self) -> bool {
        matches!(self.state, SheetState::Locked { .. })
    }

    /// How it came to be open again, while it is.
    pub const fn reopening(&self) -> Option<&Reopening> {
        match &self.state {
            SheetState::Reopened(reopening) => Some(reopening),
            _ => None,
        }
    }

    /// Whether it was opened again, and may still be put right at an instant.
    pub fn is_reopened(&self, at: Timestamp) -> bool {
        self.reopening().is_some_and(|reopening| at <= reopening.until)
    }

    /// Applies the changes that can be: one that is wrong leaves what stands there, is named, and blocks no other.
    ///
    /// # Errors
    /// [`SheetError::Locked`].
    pub fn write(mut self, changes: &BTreeMap<String, Change>, grid: &Grid) -> Result<Written, SheetError> {
        if self.is_locked() {
            return Err(SheetError::Locked);
        }
        let mut wrong = Vec::new();
        let mut touched = Vec::new();
        for (code, change) in changes {
            if grid.criterion(code).is_none() {
                wrong.push(EntryError::UnknownCriterion(code.clone()));
                continue;
            }
            let mut entry = self.entries.get(code).cloned().unwrap_or_default();
            if let Err(error) = answer(&mut entry, code, change, grid) {
                wrong.push(error);
            }
            if let Some(comment) = &change.comment {
                let comment = text::clean(comment);
                let length = text::length(&comment);
                if length > MAX_COMMENT {
                    wrong.push(EntryError::CommentTooLong { criterion: code.clone(), length });
                } else {
                    entry.comment = comment;
                }
            }
            if self.entries.get(code) != Some(&entry) {
                self.entries.insert(code.clone(), entry);
                touched.push(code.clone());
            }
        }
        if !touched.is_empty() {
            self.revision += 1;
        }
        Ok(Written { sheet: self, touched, wrong })
    }

    /// Everything that keeps it from being locked.
    pub fn missing(&self, grid: &Grid) -> Vec<Missing> {
        let mut missing = Vec::new();
        for criterion in grid.criteria() {
            let entry = self.entries.get(&criterion.code);
            if entry.is_some_and(|e| e.abstained.is_some()) {
                continue;
            }
            let Some(mark) = entry.and_then(|e| e.mark) else {
                missing.push(Missing::Mark(criterion.code.clone()));
                continue;
            };
            let length = entry.map_or(0, |e| text::length(&e.comment));
            if grid.needs_comment(grid.scale.value(mark)) && length < grid.comments.min_chars {
                missing.push(Missing::Comment {
                    criterion: criterion.code.clone(),
                    min: grid.comments.min_chars,
                    length,
                });
            }
        }
        missing
    }

    /// Signs it.
    ///
    /// # Errors
    /// [`SheetError::Locked`] when it already is, [`SheetError::Incomplete`] with everything that is missing, [`SheetError::NoMark`].
    pub fn lock(self, grid: &Grid, at: Timestamp) -> Result<Self, SheetError> {
        if self.is_locked() {
            return Err(SheetError::Locked);
        }
        let missing = self.missing(grid);
        if !missing.is_empty() {
            return Err(SheetError::Incomplete(missing));
        }
        if self.entries.values().all(|e| e.mark.is_none()) {
            return Err(SheetError::NoMark);
        }
        Ok(Self { state: SheetState::Locked { at }, revision: self.revision + 1, ..self })
    }

    /// Opens it again, by the chair and with a reason: until `until`, else for a week, and never for less than marking lasts.
    ///
    /// # Errors
    /// [`SheetError::NotLocked`], [`SheetError::NoReason`], [`SheetError::ReasonTooLong`], [`SheetError::DeadlineOver`].
    pub fn reopen(
        self,
        by: AccountId,
        reason: &str,
        at: Timestamp,
        until: Option<Timestamp>,
        marking_until: Timestamp,
    ) -> Result<Self, SheetError> {
        if !self.is_locked() {
            return Err(SheetError::NotLocked);
        }
        let reason = text::clean(reason);
        if reason.is_empty() {
            return Err(SheetError::NoReason);
        }
        if let Err(length) = text::bounded(&reason) {
            return Err(SheetError::ReasonTooLong(length));
        }
        if until.is_some_and(|until| until <= at) {
            return Err(SheetError::DeadlineOver);
        }
        let week = at.checked_add(REOPENED_FOR).unwrap_or(at);
        let until = until.unwrap_or_else(|| week.max(marking_until));
        let reopening = Reopening { by, reason, at, until };
        Ok(Self { state: SheetState::Reopened(reopening), revision: self.revision + 1, ..self })
    }
}

/// Changes a mark or an abstention: each ends the other.
fn answer(entry: &mut Entry, code: &str, change: &Change, grid: &Grid) -> Result<(), EntryError> {
    let criterion = || code.to_owned();
    match (change.mark, &change.abstained) {
        (Some(Some(_)), Some(Some(_))) => return Err(EntryError::MarkAndAbstention(criterion())),
        (_, Some(Some(reason))) => {
            let reason = text::clean(reason);
            let length = text::length(&reason);
            if length == 0 || length > text::MOST {
                return Err(EntryError::AbstentionReason { criterion: criterion(), length });
            }
            entry.abstained = Some(reason);
            entry.mark = None;
        }
        (Some(Some(value)), _) => {
            let mark = grid.scale.mark(value);
            entry.mark = Some(mark.map_err(|error| EntryError::Mark { criterion: criterion(), error })?);
            entry.abstained = None;
        }
        (mark, abstained) => {
            if mark.is_some() {
                entry.mark = None;
            }
            if abstained.is_some() {
                entry.abstained = None;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "sheet_tests.rs"]
mod tests;
