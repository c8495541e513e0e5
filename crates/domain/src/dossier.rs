//! The life of a dossier. Every transition consumes the dossier and names its refusal; nothing sets a state directly.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::call::{Calendar, Phase};
use crate::completeness::Gap;
use crate::ids::{AccountId, CallId, DepositId, DossierId, OrganisationId};
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

/// The deposit that counts: what was filed last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filing {
    /// The deposit.
    pub deposit: DepositId,
    /// When, by the server's clock.
    pub at: Timestamp,
}

/// A change of a filed dossier, under way: what is written meanwhile is a draft, and the deposit goes on counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Editing {
    /// Since when.
    pub since: Timestamp,
}

/// Where a dossier stands. Marked, ranked and decided are not here: they follow from sheets, rankings and decisions.
///
/// Everything but a draft has a deposit that counts, and only a withdrawal ends that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DossierState {
    /// Being written; nothing is filed.
    Draft,
    /// A draft that its applicant threw away: it counts for nothing, and may come back for a while.
    Discarded {
        /// When.
        at: Timestamp,
    },
    /// Filed.
    Deposited {
        /// What counts.
        filing: Filing,
        /// The change under way, if there is one.
        editing: Option<Editing>,
    },
    /// Taken out for good by the applicant.
    Withdrawn {
        /// What had been filed.
        filing: Filing,
        /// When it was withdrawn.
        at: Timestamp,
    },
    /// Checked: the jury may examine it.
    Admissible {
        /// What counts.
        filing: Filing,
    },
    /// Checked: it may not be examined.
    Inadmissible {
        /// What was filed.
        filing: Filing,
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
    /// What was thrown away or withdrawn could be taken back until then only.
    #[error("it could be taken back until {until}")]
    Past {
        /// Until when.
        until: Timestamp,
    },
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

    /// The deposit that counts, or that counted when it was withdrawn.
    pub const fn filing(&self) -> Option<Filing> {
        match self.state {
            DossierState::Draft | DossierState::Discarded { .. } => None,
            DossierState::Deposited { filing, .. }
            | DossierState::Withdrawn { filing, .. }
            | DossierState::Admissible { filing }
            | DossierState::Inadmissible { filing, .. } => Some(filing),
        }
    }

    /// When it was filed, if it was and still is or was withdrawn since.
    pub fn deposited_at(&self) -> Option<Timestamp> {
        self.filing().map(|filing| filing.at)
    }

    /// Since when a filed dossier is being changed, if it is.
    pub const fn editing(&self) -> Option<Editing> {
        match self.state {
            DossierState::Deposited { editing, .. } => editing,
            _ => None,
        }
    }

    fn moved(self, state: DossierState) -> Self {
        Self { state, revision: self.revision + 1, ..self }
    }

    fn refused<T>(&self, to: &'static str) -> Result<T, DossierError> {
        Err(DossierError::InvalidTransition { from: self.state_name(), to })
    }

    /// Files it, in the place of what was filed before when that is being changed. On time means `now <= closes`, to the tick.
    ///
    /// # Errors
    /// [`DossierError::InvalidTransition`] unless it is a draft or being changed, [`DossierError::NotOpen`],
    /// [`DossierError::Closed`], and [`DossierError::Incomplete`] with every gap. Lateness is said before gaps: nobody should
    /// fill gaps in vain.
    pub fn deposit(
        self,
        deposit: DepositId,
        now: Timestamp,
        calendar: &Calendar,
        gaps: Vec<Gap>,
    ) -> Result<Self, DossierError> {
        if !self.is_editable() {
            return self.refused("deposited");
        }
        within(now, calendar)?;
        if !gaps.is_empty() {
            return Err(DossierError::Incomplete(gaps));
        }
        Ok(self.moved(DossierState::Deposited { filing: Filing { deposit, at: now }, editing: None }))
    }

    /// Begins to change what was filed; that counts until the next deposit takes its place.
    ///
    /// # Errors
    /// [`DossierError::InvalidTransition`] unless it is deposited and not being changed, [`DossierError::Closed`] after closing.
    pub fn begin_change(self, now: Timestamp, calendar: &Calendar) -> Result<Self, DossierError> {
        let DossierState::Deposited { filing, editing: None } = self.state else { return self.refused("changed") };
        within(now, calendar)?;
        Ok(self.moved(DossierState::Deposited { filing, editing: Some(Editing { since: now }) }))
    }

    /// Drops the change under way: what was filed is what there is.
    ///
    /// # Errors
    /// [`DossierError::InvalidTransition`] unless it is being changed.
    pub fn drop_change(self) -> Result<Self, DossierError> {
        let DossierState::Deposited { filing, editing: Some(_) } = self.state else {
            return self.refused("left as it was filed");
        };
        Ok(self.moved(DossierState::Deposited { filing, editing: None }))
    }

    /// Takes a filed dossier out for good.
    ///
    /// # Errors
    /// [`DossierError::InvalidTransition`] unless it is deposited or admissible.
    pub fn withdraw(self, now: Timestamp) -> Result<Self, DossierError> {
        match self.state {
            DossierState::Deposited { filing, .. } | DossierState::Admissible { filing } => {
                Ok(self.moved(DossierState::Withdrawn { filing, at: now }))
            }
            _ => self.refused("withdrawn"),
        }
    }

    /// Throws a draft away.
    ///
    /// # Errors
    /// [`DossierError::InvalidTransition`] unless it is a draft: what was filed is withdrawn.
    pub fn discard(self, now: Timestamp) -> Result<Self, DossierError> {
        match self.state {
            DossierState::Draft => Ok(self.moved(DossierState::Discarded { at: now })),
            _ => self.refused("thrown away"),
        }
    }

    /// Until when it can be taken back that it was thrown away, or withdrawn before closing; `None` when there is nothing to take
    /// back.
    pub fn restorable_until(&self, calendar: &Calendar) -> Option<Timestamp> {
        match self.state {
            DossierState::Discarded { at } => at.checked_add(UNDO).ok(),
            DossierState::Withdrawn { at, .. } if at <= calendar.closes => at.checked_add(UNDO).ok(),
            _ => None,
        }
    }

    /// Takes that back: a draft is a draft again, and a deposit counts as it did.
    ///
    /// # Errors
    /// [`DossierError::InvalidTransition`] when there is nothing to take back, [`DossierError::Past`] when it is too late.
    pub fn restore(self, now: Timestamp, calendar: &Calendar) -> Result<Self, DossierError> {
        let Some(until) = self.restorable_until(calendar) else { return self.refused("taken back") };
        if now > until {
            return Err(DossierError::Past { until });
        }
        match self.state {
            DossierState::Withdrawn { filing, .. } => Ok(self.moved(DossierState::Deposited { filing, editing: None })),
            _ => Ok(self.moved(DossierState::Draft)),
        }
    }

    /// Records what the authority found; a finding may be corrected by another one.
    ///
    /// # Errors
    /// [`DossierError::InvalidTransition`] unless it is filed, [`DossierError::NoReason`] without words for the applicant,
    /// [`DossierError::ReasonTooLong`].
    pub fn examine(self, finding: Admissibility) -> Result<Self, DossierError> {
        let filing = match self.state {
            DossierState::Deposited { filing, .. }
            | DossierState::Admissible { filing }
            | DossierState::Inadmissible { filing, .. } => filing,
            DossierState::Draft | DossierState::Discarded { .. } | DossierState::Withdrawn { .. } => {
                return self.refused("examined");
            }
        };
        match finding {
            Admissibility::Admissible => Ok(self.moved(DossierState::Admissible { filing })),
            Admissibility::Inadmissible { reason, comment } => {
                let comment = text::clean(&comment);
                if comment.is_empty() {
                    return Err(DossierError::NoReason);
                }
                text::bounded(&comment).map_err(DossierError::ReasonTooLong)?;
                Ok(self.moved(DossierState::Inadmissible { filing, reason, comment }))
            }
        }
    }

    /// Whether there is a draft to write in: nothing is filed, or what is filed is being changed.
    pub const fn is_editable(&self) -> bool {
        matches!(self.state, DossierState::Draft | DossierState::Deposited { editing: Some(_), .. })
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
            Self::Draft | Self::Discarded { .. } => DossierStateName::Draft,
            Self::Deposited { .. } => DossierStateName::Deposited,
            Self::Withdrawn { .. } => DossierStateName::Withdrawn,
            Self::Admissible { .. } => DossierStateName::Admissible,
            Self::Inadmissible { .. } => DossierStateName::Inadmissible,
        }
    }
}

/// How long it can be taken back that a draft was thrown away, or a dossier withdrawn.
pub const UNDO: SignedDuration = SignedDuration::from_hours(7 * 24);

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
