//! The assembly's deliberation: it gathers decisions, becomes executory, and is notified. Every transition consumes it and names its
//! refusal.

use jiff::civil::Date;
use jiff::{Timestamp, Unit};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::decision::{Decision, DecisionKind};
use crate::ids::{AccountId, CallId, DeliberationId, DossierId};
use crate::jury::names;
use crate::text;

/// Most characters of a number, a receipt or an address.
pub const SHORT: usize = 300;

/// Days between today and an act that is recorded, at most: five years.
const MISTYPED: i32 = 5 * 366;

/// A decision as it was put before the assembly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gathered {
    /// On what.
    pub dossier: DossierId,
    /// What.
    pub kind: DecisionKind,
    /// Yearly support, in cents.
    pub amount_cents: Option<i64>,
    /// When it was proposed. Confirming a decision does not change it.
    pub decided_at: Timestamp,
    /// Its revision when it was gathered.
    pub revision: i64,
}

impl Gathered {
    /// A decision as it stands now.
    pub const fn of(decision: &Decision) -> Self {
        Self {
            dossier: decision.dossier,
            kind: decision.kind,
            amount_cents: decision.amount_cents,
            decided_at: decision.at,
            revision: decision.revision,
        }
    }

    /// Whether a decision is still the one that was gathered; one that was only confirmed since is.
    pub fn is(&self, decision: &Decision) -> bool {
        self.dossier == decision.dossier
            && self.kind == decision.kind
            && self.amount_cents == decision.amount_cents
            && self.decided_at == decision.at
    }
}

/// What made it executory: sent to the prefecture, and published (CGCT L.3131-1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Control {
    /// The day on which the prefecture was sent it.
    pub transmitted_on: Date,
    /// The day on which it was published.
    pub published_on: Date,
    /// The prefecture's receipt.
    pub receipt: String,
}

/// Where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliberationState {
    /// The assembly has decided; nobody may be told yet.
    Gathered,
    /// It has its effects.
    Executory(Control),
    /// Those whom it concerns were written to.
    Notified {
        /// What made it executory.
        control: Control,
        /// When.
        at: Timestamp,
        /// By whom.
        by: AccountId,
    },
}

/// The name of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliberationStage {
    /// See [`DeliberationState::Gathered`].
    Gathered,
    /// See [`DeliberationState::Executory`].
    Executory,
    /// See [`DeliberationState::Notified`].
    Notified,
}

names!(DeliberationStage {
    Gathered => "gathered",
    Executory => "executory",
    Notified => "notified",
});

/// Where a decision stands: proposed, then as far as the deliberation that gathers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecisionStage {
    /// Nobody but its officers has seen it.
    Proposed,
    /// The assembly took it.
    Gathered,
    /// It has its effects.
    Executory,
    /// The applicant was told.
    Notified,
}

names!(DecisionStage {
    Proposed => "proposed",
    Gathered => "gathered",
    Executory => "executory",
    Notified => "notified",
});

impl From<DeliberationStage> for DecisionStage {
    fn from(stage: DeliberationStage) -> Self {
        match stage {
            DeliberationStage::Gathered => Self::Gathered,
            DeliberationStage::Executory => Self::Executory,
            DeliberationStage::Notified => Self::Notified,
        }
    }
}

/// A deliberation of the assembly on one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deliberation {
    /// Its id.
    pub id: DeliberationId,
    /// The call.
    pub call: CallId,
    /// Its number, as the assembly gives it.
    pub number: String,
    /// The day of the sitting.
    pub held_on: Date,
    /// Where it can be read.
    pub link: String,
    /// Lots that it declares without outcome.
    pub lots: Vec<String>,
    /// Where it stands.
    pub state: DeliberationState,
    /// Grows by one at every act on it.
    pub revision: i64,
}

/// What is written of a sitting: when first gathered, and by every correction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sitting {
    /// Its number.
    pub number: String,
    /// Its day.
    pub held_on: Date,
    /// Where it can be read.
    pub link: String,
}

/// Why a deliberation does not move, or was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DeliberationError {
    /// Not a step from where it stands.
    #[error("a deliberation that is {} cannot be {to}", from.as_str())]
    Transition {
        /// Where it stands.
        from: DeliberationStage,
        /// What was asked.
        to: &'static str,
    },
    /// Something is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// Something is too long.
    #[error("{0} is too long: {1} characters")]
    TooLong(&'static str, usize),
    /// A day that cannot be: a control before its sitting, or a year that was mistyped.
    #[error("{0} cannot be that day")]
    Day(&'static str),
    /// Nothing is decided by it.
    #[error("no decision and no lot")]
    Empty,
}

fn short(name: &'static str, input: &str, needed: bool) -> Result<String, DeliberationError> {
    let written = text::clean(input);
    let length = text::length(&written);
    if needed && written.is_empty() {
        Err(DeliberationError::Missing(name))
    } else if length > SHORT {
        Err(DeliberationError::TooLong(name, length))
    } else {
        Ok(written)
    }
}

/// Whether a day lies so far from today that its year must be wrong.
fn is_mistyped(day: Date, today: Date) -> bool {
    let distance = today.until((Unit::Day, day)).map_or(i32::MAX, |span| span.get_days());
    !(-MISTYPED..=MISTYPED).contains(&distance)
}

impl Sitting {
    /// Checks what was written: a number, and a day. A sitting is prepared before it takes place, so its day may be to come.
    ///
    /// # Errors
    /// [`DeliberationError`] names the field: `number`, `date`, `link`.
    pub fn check(self, today: Date) -> Result<Self, DeliberationError> {
        let number = short("number", &self.number, true)?;
        let link = short("link", &self.link, false)?;
        if is_mistyped(self.held_on, today) {
            return Err(DeliberationError::Day("date"));
        }
        Ok(Self { number, link, ..self })
    }
}

impl Control {
    /// Checks it against the sitting: transmitted and published on its day or later.
    fn check(self, held_on: Date, today: Date) -> Result<Self, DeliberationError> {
        let receipt = short("receipt", &self.receipt, true)?;
        for (name, day) in [("transmitted_on", self.transmitted_on), ("published_on", self.published_on)] {
            if day < held_on || is_mistyped(day, today) {
                return Err(DeliberationError::Day(name));
            }
        }
        Ok(Self { receipt, ..self })
    }
}

impl Deliberation {
    /// What the assembly took on its sitting.
    ///
    /// # Errors
    /// [`DeliberationError::Empty`] without a decision or a lot; what [`Sitting::check`] refuses.
    pub fn gather(
        id: DeliberationId,
        call: CallId,
        sitting: Sitting,
        (decisions, lots): (usize, Vec<String>),
        today: Date,
    ) -> Result<Self, DeliberationError> {
        if decisions == 0 && lots.is_empty() {
            return Err(DeliberationError::Empty);
        }
        let Sitting { number, held_on, link } = sitting.check(today)?;
        Ok(Self { id, call, number, held_on, link, lots, state: DeliberationState::Gathered, revision: 1 })
    }

    /// The name of its state.
    pub const fn stage(&self) -> DeliberationStage {
        match self.state {
            DeliberationState::Gathered => DeliberationStage::Gathered,
            DeliberationState::Executory(_) => DeliberationStage::Executory,
            DeliberationState::Notified { .. } => DeliberationStage::Notified,
        }
    }

    /// What made it executory.
    pub const fn control(&self) -> Option<&Control> {
        match &self.state {
            DeliberationState::Gathered => None,
            DeliberationState::Executory(control) | DeliberationState::Notified { control, .. } => Some(control),
        }
    }

    fn moved(self, state: DeliberationState) -> Self {
        Self { state, revision: self.revision + 1, ..self }
    }

    fn refused<T>(&self, to: &'static str) -> Result<T, DeliberationError> {
        Err(DeliberationError::Transition { from: self.stage(), to })
    }

    /// Gives it its effects, once.
    ///
    /// # Errors
    /// [`DeliberationError::Transition`] unless it is gathered; a day before the sitting; no receipt.
    pub fn make_executory(self, control: Control, today: Date) -> Result<Self, DeliberationError> {
        if self.stage() != DeliberationStage::Gathered {
            return self.refused("executory");
        }
        let control = control.check(self.held_on, today)?;
        Ok(self.moved(DeliberationState::Executory(control)))
    }

    /// Records that those whom it concerns were written to.
    ///
    /// # Errors
    /// [`DeliberationError::Transition`] unless it is executory: nobody is told before.
    pub fn notify(self, at: Timestamp, by: AccountId) -> Result<Self, DeliberationError> {
        match self.state.clone() {
            DeliberationState::Executory(control) => Ok(self.moved(DeliberationState::Notified { control, at, by })),
            _ => self.refused("notified"),
        }
    }

    /// Corrects what was recorded wrongly of the sitting, and of its control where it has one; it stays where it stands.
    ///
    /// # Errors
    /// [`DeliberationError::Transition`] for a control that there is none of yet; what the first record would have refused.
    pub fn correct(self, sitting: Sitting, control: Option<Control>, today: Date) -> Result<Self, DeliberationError> {
        let Sitting { number, held_on, link } = sitting.check(today)?;
        let control = control.or_else(|| self.control().cloned());
        let control = control.map(|control| control.check(held_on, today)).transpose()?;
        let state = match (self.state.clone(), control) {
            (DeliberationState::Gathered, None) => DeliberationState::Gathered,
            (DeliberationState::Executory(_), Some(control)) => DeliberationState::Executory(control),
            (DeliberationState::Notified { at, by, .. }, Some(control)) => {
                DeliberationState::Notified { control, at, by }
            }
            _ => return self.refused("corrected"),
        };
        Ok(Self { number, held_on, link, ..self.moved(state) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        text.parse().expect("a day")
    }

    fn sitting(number: &str, held_on: &str) -> Sitting {
        Sitting { number: number.into(), held_on: day(held_on), link: String::new() }
    }

    fn control(transmitted: &str, published: &str) -> Control {
        Control { transmitted_on: day(transmitted), published_on: day(published), receipt: "AR-1".into() }
    }

    fn gathered() -> Deliberation {
        let nil = uuid::Uuid::nil();
        let sitting = sitting(" 2027-07-12 ", "2027-07-01");
        Deliberation::gather(nil.into(), nil.into(), sitting, (1, vec![]), day("2027-07-02")).expect("gathered")
    }

    #[test]
    fn it_goes_from_gathered_to_executory_to_notified_and_no_other_way() {
        let (today, nobody) = (day("2027-07-08"), uuid::Uuid::nil().into());
        let first = gathered();
        assert_eq!((first.number.as_str(), first.stage()), ("2027-07-12", DeliberationStage::Gathered));
        let early = first.clone().notify(Timestamp::UNIX_EPOCH, nobody);
        assert_eq!(early, Err(DeliberationError::Transition { from: DeliberationStage::Gathered, to: "notified" }));
        let executory = first.make_executory(control("2027-07-02", "2027-07-05"), today).expect("executory");
        assert!(executory.clone().make_executory(control("2027-07-02", "2027-07-05"), today).is_err());
        let notified = executory.notify(Timestamp::UNIX_EPOCH, nobody).expect("notified");
        assert_eq!((notified.stage(), notified.revision), (DeliberationStage::Notified, 3));
        assert!(notified.notify(Timestamp::UNIX_EPOCH, nobody).is_err());
    }

    #[test]
    fn its_days_follow_one_another_and_their_years_are_of_our_time() {
        let nil = uuid::Uuid::nil();
        let today = day("2027-07-08");
        let gather = |sitting, taken| Deliberation::gather(nil.into(), nil.into(), sitting, taken, today);
        assert_eq!(gather(sitting("1", "2072-07-01"), (1, vec![])), Err(DeliberationError::Day("date")));
        assert_eq!(gather(sitting(" ", "2027-07-01"), (1, vec![])), Err(DeliberationError::Missing("number")));
        assert_eq!(gather(sitting("1", "2027-07-01"), (0, vec![])), Err(DeliberationError::Empty));
        assert!(gather(sitting("1", "2027-07-01"), (0, vec!["ALI-22".into()])).is_ok());
        for (transmitted, published, wrong) in [
            ("2027-06-30", "2027-07-02", "transmitted_on"),
            ("2027-07-02", "2027-06-30", "published_on"),
            ("2027-07-02", "2072-07-02", "published_on"),
        ] {
            let refused = gathered().make_executory(control(transmitted, published), today);
            assert_eq!(refused, Err(DeliberationError::Day(wrong)));
        }
        let unproved = Control { receipt: " ".into(), ..control("2027-07-02", "2027-07-02") };
        assert_eq!(gathered().make_executory(unproved, today), Err(DeliberationError::Missing("receipt")));
    }

    #[test]
    fn what_was_recorded_wrongly_is_corrected_where_it_stands() {
        let today = day("2027-07-08");
        let corrected = gathered().correct(sitting("2027-07-13", "2027-07-02"), None, today).expect("corrected");
        assert_eq!((corrected.number.as_str(), corrected.revision), ("2027-07-13", 2));
        let ahead = gathered().correct(sitting("1", "2027-07-01"), Some(control("2027-07-02", "2027-07-02")), today);
        assert!(matches!(ahead, Err(DeliberationError::Transition { .. })));
        let executory = corrected.make_executory(control("2027-07-02", "2027-07-02"), today).expect("executory");
        // The sitting cannot be moved behind its own publication.
        let moved = executory.clone().correct(sitting("1", "2027-07-05"), None, today);
        assert_eq!(moved, Err(DeliberationError::Day("transmitted_on")));
        let again = executory.correct(sitting("1", "2027-07-02"), Some(control("2027-07-03", "2027-07-04")), today);
        assert_eq!(again.expect("corrected").control(), Some(&control("2027-07-03", "2027-07-04")));
    }
}
