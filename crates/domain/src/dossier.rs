//! The life of a dossier. Every transition consumes the dossier and names its refusal; nothing sets a state directly.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::call::{Calendar, Phase};
use crate::completeness::Gap;
use crate::ids::{AccountId, CallId, DossierId, OrganisationId};
use crate::text;

/// One organisation's answer for one lot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dossier {
    /// Its id.
    pub id: DossierId,
    /// The call.
    pub call: CallId,
    /// Who applies.
    pub organisation: OrganisationId,
    /// For what.
    pub lot: String,
    /// Its place in the order in which dossiers were begun: the number people quote.
    pub number: i64,
    /// Where it stands.
    pub state: DossierState,
    /// Grows by one at every transition.
    pub revision: i64,
    /// Grows by one at every change of an answer.
    pub answers_revision: i64,
    /// When it was begun.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: AccountId,
}

/// Where a dossier stands. Marked, ranked and decided are not here: they follow from sheets, rankings and decisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DossierState {
    /// Being written; nothing is filed.
    Draft,
    /// Filed.
    Deposited {
        /// When, by the server's clock.
        at: Timestamp,
    },
    /// Taken out for good by the applicant.
    Withdrawn {
        /// When it had been filed.
        deposited_at: Timestamp,
        /// When it was withdrawn.
        at: Timestamp,
    },
    /// Checked: the jury may examine it.
    Admissible {
        /// When it was filed.
        deposited_at: Timestamp,
    },
    /// Checked: it may not be examined.
    Inadmissible {
        /// When it was filed.
        deposited_at: Timestamp,
        /// Why.
        reason: InadmissibleReason,
        /// In words, for the applicant.
        comment: String,
    },
}

/// The name of a state, for storage, filters and tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DossierStateName {
    /// See [`DossierState::Draft`].
    Draft,
    /// See [`DossierState::Deposited`].
    Deposited,
    /// See [`DossierState::Withdrawn`].
    Withdrawn,
    /// See [`DossierState::Admissible`].
    Admissible,
    /// See [`DossierState::Inadmissible`].
    Inadmissible,
}

/// Why a dossier may not be examined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InadmissibleReason {
    /// Filed after closing.
    Late,
    /// The organisation is not one that may apply.
    Ineligible,
    /// Something indispensable was never given.
    Incomplete,
}

impl DossierStateName {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Draft, Self::Deposited, Self::Withdrawn, Self::Admissible, Self::Inadmissible];

    /// Stable text, as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Deposited => "deposited",
            Self::Withdrawn => "withdrawn",
            Self::Admissible => "admissible",
            Self::Inadmissible => "inadmissible",
        }
    }

    /// Reads what is stored.
    pub fn parse(stored: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == stored)
    }

    /// Whether it is, or was, filed with the authority.
    pub const fn was_deposited(self) -> bool {
        !matches!(self, Self::Draft)
    }
}

impl InadmissibleReason {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Late, Self::Ineligible, Self::Incomplete];

    /// Stable text, as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Ineligible => "ineligible",
            Self::Incomplete => "incomplete",
        }
    }

    /// Reads what is stored or sent.
    pub fn parse(stored: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.as_str() == stored)
    }
}

/// Why a dossier does not move.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DossierError {
    /// Not a step from where it stands.
    #[error("a dossier that is {} cannot be {to}", from.as_str())]
    InvalidTransition {
        /// Where it stands.
        from: DossierStateName,
        /// What was asked.
        to: &'static str,
    },
    /// Deposits have not begun.
    #[error("deposits begin at {opens}")]
    NotOpen {
        /// Opening.
        opens: Timestamp,
    },
    /// Deposits have ended.
    #[error("deposits ended at {closes}")]
    Closed {
        /// Closing.
        closes: Timestamp,
    },
    /// Something required is missing or wrong.
    #[error("{} gaps", .0.len())]
    Incomplete(Vec<Gap>),
    /// A reason is needed.
    #[error("a reason in words is needed")]
    NoReason,
    /// The reason is too long.
    #[error("a reason of {0} characters")]
    ReasonTooLong(usize),
}

/// What the authority found when it checked a dossier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admissibility {
    /// The jury may examine it.
    Admissible,
    /// It may not.
    Inadmissible {
        /// Why.
        reason: InadmissibleReason,
        /// In words, for the applicant.
        comment: String,
    },
}

impl Dossier {
    /// The name of its state.
    pub const fn state_name(&self) -> DossierStateName {
        self.state.name()
    }

    /// When it was filed, if it was and still is or was withdrawn since.
    pub const fn deposited_at(&self) -> Option<Timestamp> {
        match self.state {
            DossierState::Draft => None,
            DossierState::Deposited { at } => Some(at),
            DossierState::Withdrawn { deposited_at, .. }
            | DossierState::Admissible { deposited_at }
            | DossierState::Inadmissible { deposited_at, .. } => Some(deposited_at),
        }
    }

    fn moved(self, state: DossierState) -> Self {
        Self { state, revision: self.revision + 1, ..self }
    }

    fn refused<T>(&self, to: &'static str) -> Result<T, DossierError> {
        Err(DossierError::InvalidTransition { from: self.state_name(), to })
    }

    /// Files it. On time means `now <= closes`, to the tick.
    ///
    /// # Errors
    /// [`DossierError::InvalidTransition`] unless it is a draft, [`DossierError::NotOpen`], [`DossierError::Closed`], and
    /// [`DossierError::Incomplete`] with every gap. Lateness is said before gaps: nobody should fill gaps in vain.
    pub fn deposit(self, now: Timestamp, calendar: &Calendar, gaps: Vec<Gap>) -> Result<Self, DossierError> {
        if self.state != DossierState::Draft {
            return self.refused("deposited");
        }
        within(now, calendar)?;
        if !gaps.is_empty() {
            return Err(DossierError::Incomplete(gaps));
        }
        Ok(self.moved(DossierState::Deposited { at: now }))
    }

    /// Takes a deposit back until closing, so that it can be changed and filed again.
    ///
    /// # Errors
    /// [`DossierError::InvalidTransition`] unless it is deposited, [`DossierError::Closed`] after closing.
    pub fn take_back(self, now: Timestamp, calendar: &Calendar) -> Result<Self, DossierError> {
        if !matches!(self.state, DossierState::Deposited { .. }) {
            return self.refused("taken back");
        }
        within(now, calendar)?;
        Ok(self.moved(DossierState::Draft))
    }

    /// Takes a filed dossier out for good.
    ///
    /// # Errors
    /// [`DossierError::InvalidTransition`] unless it is deposited or admissible.
    pub fn withdraw(self, now: Timestamp) -> Result<Self, DossierError> {
        match self.state {
            DossierState::Deposited { at: deposited_at } | DossierState::Admissible { deposited_at } => {
                Ok(self.moved(DossierState::Withdrawn { deposited_at, at: now }))
            }
            _ => self.refused("withdrawn"),
        }
    }

    /// Records what the authority found; a finding may be corrected by another one.
    ///
    /// # Errors
    /// [`DossierError::InvalidTransition`] unless it is filed, [`DossierError::NoReason`] without words for the applicant,
    /// [`DossierError::ReasonTooLong`].
    pub fn examine(self, finding: Admissibility) -> Result<Self, DossierError> {
        let deposited_at = match self.state {
            DossierState::Deposited { at } => at,
            DossierState::Admissible { deposited_at } | DossierState::Inadmissible { deposited_at, .. } => deposited_at,
            DossierState::Draft | DossierState::Withdrawn { .. } => return self.refused("examined"),
        };
        match finding {
            Admissibility::Admissible => Ok(self.moved(DossierState::Admissible { deposited_at })),
            Admissibility::Inadmissible { reason, comment } => {
                let comment = text::clean(&comment);
                if comment.is_empty() {
                    return Err(DossierError::NoReason);
                }
                text::bounded(&comment).map_err(DossierError::ReasonTooLong)?;
                Ok(self.moved(DossierState::Inadmissible { deposited_at, reason, comment }))
            }
        }
    }

    /// What an applicant may still do with it at a phase of the call.
    pub const fn is_editable(&self) -> bool {
        matches!(self.state, DossierState::Draft)
    }

    /// Whether its contents may be known to the authority at a phase.
    pub fn unsealed(&self, phase: Phase) -> bool {
        self.state_name().was_deposited() && !phase.sealed()
    }
}

impl DossierState {
    /// Its name.
    pub const fn name(&self) -> DossierStateName {
        match self {
            Self::Draft => DossierStateName::Draft,
            Self::Deposited { .. } => DossierStateName::Deposited,
            Self::Withdrawn { .. } => DossierStateName::Withdrawn,
            Self::Admissible { .. } => DossierStateName::Admissible,
            Self::Inadmissible { .. } => DossierStateName::Inadmissible,
        }
    }
}

fn within(now: Timestamp, calendar: &Calendar) -> Result<(), DossierError> {
    if now < calendar.opens {
        return Err(DossierError::NotOpen { opens: calendar.opens });
    }
    if now > calendar.closes {
        return Err(DossierError::Closed { closes: calendar.closes });
    }
    Ok(())
}

#[cfg(test)]
#[path = "dossier_tests.rs"]
mod tests;
