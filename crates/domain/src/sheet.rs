//! One juror's marks and comments on one dossier.

use std::collections::BTreeMap;

use jiff::Timestamp;
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
}

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
    /// Entries are wrong.
    #[error("{} wrong entries", .0.len())]
    Entries(Vec<EntryError>),
    /// It is not complete.
    #[error("{} things are missing", .0.len())]
    Incomplete(Vec<Missing>),
    /// A reopening says why.
    #[error("a reason is needed")]
    NoReason,
    /// The reason is too long.
    #[error("a reason of {0} characters")]
    ReasonTooLong(usize),
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

    /// Applies changes, all of them or none; returns the sheet and the criteria that changed.
    ///
    /// # Errors
    /// [`SheetError::Locked`], or [`SheetError::Entries`] with everything that is wrong.
    pub fn write(mut self, changes: &BTreeMap<String, Change>, grid: &Grid) -> Result<(Self, Vec<String>), SheetError> {
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
            match change.mark {
                None => {}
                Some(None) => entry.mark = None,
                Some(Some(value)) => match grid.scale.mark(value) {
                    Ok(mark) => entry.mark = Some(mark),
                    Err(error) => wrong.push(EntryError::Mark { criterion: code.clone(), error }),
                },
            }
            if let Some(comment) = &change.comment {
                let comment = text::clean(comment);
                let length = text::length(&comment);
                if length > MAX_COMMENT {
                    wrong.push(EntryError::CommentTooLong { criterion: code.clone(), length });
                }
                entry.comment = comment;
            }
            if self.entries.get(code) != Some(&entry) {
                self.entries.insert(code.clone(), entry);
                touched.push(code.clone());
            }
        }
        if !wrong.is_empty() {
            return Err(SheetError::Entries(wrong));
        }
        if !touched.is_empty() {
            self.revision += 1;
        }
        Ok((self, touched))
    }

    /// Everything that keeps it from being locked.
    pub fn missing(&self, grid: &Grid) -> Vec<Missing> {
        let mut missing = Vec::new();
        for criterion in grid.criteria() {
            let entry = self.entries.get(&criterion.code);
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
    /// [`SheetError::Locked`] when it already is, [`SheetError::Incomplete`] with everything that is missing.
    pub fn lock(self, grid: &Grid, at: Timestamp) -> Result<Self, SheetError> {
        if self.is_locked() {
            return Err(SheetError::Locked);
        }
        let missing = self.missing(grid);
        if !missing.is_empty() {
            return Err(SheetError::Incomplete(missing));
        }
        Ok(Self { state: SheetState::Locked { at }, revision: self.revision + 1, ..self })
    }

    /// Opens it again, by the chair and with a reason.
    ///
    /// # Errors
    /// [`SheetError::NotLocked`], [`SheetError::NoReason`], [`SheetError::ReasonTooLong`].
    pub fn reopen(self, by: AccountId, reason: &str, at: Timestamp) -> Result<Self, SheetError> {
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
        Ok(Self { state: SheetState::Reopened(Reopening { by, reason, at }), revision: self.revision + 1, ..self })
    }
}

#[cfg(test)]
#[path = "sheet_tests.rs"]
mod tests;
