//! Letters to applicants: written from the call's texts, read and approved by a person, then sent. Every transition consumes the letter
//! and names its refusal.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::call::day;
use crate::dossier::InadmissibleReason;
use crate::ids::{AccountId, CallId, DeliberationId, DossierId, LetterId};
use crate::jury::names;
use crate::text;

/// Most characters of a letter's text.
pub const LONGEST: usize = 20_000;

/// What a letter says; each has a text of the call under its own name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LetterKind {
    /// Something is missing, and until when it may be given.
    CompletionRequest,
    /// Filed too late.
    InadmissibleLate,
    /// Not one that may apply.
    InadmissibleIneligible,
    /// Something indispensable was never given.
    InadmissibleIncomplete,
    /// The jury will examine it.
    Admissible,
    /// The jury wishes to hear the applicant.
    Hearing,
    /// Supported.
    Retained,
    /// Supported, once some points are settled.
    RetainedReserves,
    /// On the reserve list.
    Reserve,
    /// Not supported: others stand better.
    RefusedRank,
    /// Not supported: below a threshold.
    RefusedThreshold,
    /// Not supported, for the reason that the decision gives.
    Refused,
    /// The lot is given up.
    WithoutOutcome,
}

names!(LetterKind {
    CompletionRequest => "completion_request",
    InadmissibleLate => "inadmissible_late",
    InadmissibleIneligible => "inadmissible_ineligible",
    InadmissibleIncomplete => "inadmissible_incomplete",
    Admissible => "admissible",
    Hearing => "hearing",
    Retained => "retained",
    RetainedReserves => "retained_reserves",
    Reserve => "reserve",
    RefusedRank => "refused_rank",
    RefusedThreshold => "refused_threshold",
    Refused => "refused",
    WithoutOutcome => "without_outcome",
});

impl LetterKind {
    /// The letter that tells of an inadmissibility.
    pub const fn of_inadmissible(reason: InadmissibleReason) -> Self {
        match reason {
            InadmissibleReason::Late => Self::InadmissibleLate,
            InadmissibleReason::Ineligible => Self::InadmissibleIneligible,
            InadmissibleReason::Incomplete => Self::InadmissibleIncomplete,
        }
    }

    /// Whether it tells that a dossier is not examined.
    pub const fn is_inadmissibility(self) -> bool {
        matches!(self, Self::InadmissibleLate | Self::InadmissibleIneligible | Self::InadmissibleIncomplete)
    }

    /// Whether it tells of a decision, which can be challenged; otherwise it prepares one.
    pub const fn decides(self) -> bool {
        !matches!(self, Self::CompletionRequest | Self::Admissible | Self::Hearing)
    }

    /// Whether totals and ranks that a program computed stand behind it (CRPA L.311-3-1).
    pub const fn was_computed(self) -> bool {
        self.decides() && !self.is_inadmissibility()
    }

    /// Whether it is written outside any deliberation.
    pub const fn is_of_examination(self) -> bool {
        !self.was_computed()
    }
}

/// How a letter reaches the applicant for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// In the applicant's space, as they agreed to; the day of its first reading counts.
    Space,
    /// By registered post; the day on the postal receipt counts. A copy stands in the space.
    Post,
}

names!(Channel { Space => "space", Post => "post" });

/// Where a letter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetterState {
    /// Nobody has read it over.
    Draft,
    /// Somebody has read it and answers for it.
    Approved(Approval),
    /// It left.
    Sent {
        /// Who answers for it.
        approval: Approval,
        /// How.
        channel: Channel,
        /// When.
        at: Timestamp,
        /// When somebody of the applicant's first read it in the space.
        opened_at: Option<Timestamp>,
        /// The day on the postal receipt.
        received_on: Option<Date>,
    },
    /// It will not leave.
    Void,
}

/// Who has read a letter and answers for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Approval {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: AccountId,
}

/// The name of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LetterStage {
    /// See [`LetterState::Draft`].
    Draft,
    /// See [`LetterState::Approved`].
    Approved,
    /// See [`LetterState::Sent`].
    Sent,
    /// See [`LetterState::Void`].
    Void,
}

names!(LetterStage { Draft => "draft", Approved => "approved", Sent => "sent", Void => "void" });

/// A letter to an applicant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Its id.
    pub id: LetterId,
    /// The call.
    pub call: CallId,
    /// The dossier.
    pub dossier: DossierId,
    /// The deliberation that it tells of.
    pub deliberation: Option<DeliberationId>,
    /// What it says.
    pub kind: LetterKind,
    /// What it is about, in a line.
    pub title: String,
    /// Its text; empty lines part paragraphs.
    pub body: String,
    /// What stands around the text, as JSON.
    pub facts: String,
    /// Where it stands.
    pub state: LetterState,
    /// Grows by one at every act on it.
    pub revision: i64,
}

/// Why a letter does not move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LetterError {
    /// Not a step from where it stands.
    #[error("a letter that is {} cannot be {to}", from.as_str())]
    Transition {
        /// Where it stands.
        from: LetterStage,
        /// What was asked.
        to: &'static str,
    },
    /// A letter says something.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// Too long.
    #[error("{0} is too long: {1} characters")]
    TooLong(&'static str, usize),
    /// Nobody receives a letter before it left.
    #[error("received before it was sent")]
    Early,
}

impl Letter {
    /// The name of its state.
    pub const fn stage(&self) -> LetterStage {
        match self.state {
            LetterState::Draft => LetterStage::Draft,
            LetterState::Approved(_) => LetterStage::Approved,
            LetterState::Sent { .. } => LetterStage::Sent,
            LetterState::Void => LetterStage::Void,
        }
    }

    fn moved(self, state: LetterState) -> Self {
        Self { state, revision: self.revision + 1, ..self }
    }

    fn refused<T>(&self, to: &'static str) -> Result<T, LetterError> {
        Err(LetterError::Transition { from: self.stage(), to })
    }

    /// Changes its words. Whoever approved it has not read these: it is a draft again.
    ///
    /// # Errors
    /// [`LetterError::Transition`] once it left; without words, or with too many.
    pub fn correct(self, title: &str, body: &str) -> Result<Self, LetterError> {
        if !matches!(self.state, LetterState::Draft | LetterState::Approved(_)) {
            return self.refused("corrected");
        }
        let (title, body) = (text::clean(title), text::clean(body));
        for (name, words, most) in [("title", &title, 300), ("body", &body, LONGEST)] {
            if words.is_empty() {
                return Err(LetterError::Missing(name));
            }
            if text::length(words) > most {
                return Err(LetterError::TooLong(name, text::length(words)));
            }
        }
        Ok(Self { title, body, ..self.moved(LetterState::Draft) })
    }

    /// Somebody has read it and answers for it.
    ///
    /// # Errors
    /// [`LetterError::Transition`] unless it is a draft.
    pub fn approve(self, at: Timestamp, by: AccountId) -> Result<Self, LetterError> {
        match self.state {
            LetterState::Draft => Ok(self.moved(LetterState::Approved(Approval { at, by }))),
            _ => self.refused("approved"),
        }
    }

    /// It leaves.
    ///
    /// # Errors
    /// [`LetterError::Transition`] unless it was approved: nothing leaves unread.
    pub fn send(self, channel: Channel, at: Timestamp) -> Result<Self, LetterError> {
        match self.state {
            LetterState::Approved(approval) => {
                Ok(self.moved(LetterState::Sent { approval, channel, at, opened_at: None, received_on: None }))
            }
            _ => self.refused("sent"),
        }
    }

    /// It will not leave.
    ///
    /// # Errors
    /// [`LetterError::Transition`] once it left.
    pub fn void(self) -> Result<Self, LetterError> {
        match self.state {
            LetterState::Draft | LetterState::Approved(_) => Ok(self.moved(LetterState::Void)),
            _ => self.refused("void"),
        }
    }

    /// Somebody of the applicant's reads it in the space; the first time counts.
    ///
    /// # Errors
    /// [`LetterError::Transition`] before it left.
    pub fn open(self, now: Timestamp) -> Result<Self, LetterError> {
        match self.state {
            LetterState::Sent { approval, channel, at, opened_at: None, received_on } => {
                Ok(self.moved(LetterState::Sent { approval, channel, at, opened_at: Some(now), received_on }))
            }
            LetterState::Sent { .. } => Ok(self),
            _ => self.refused("opened"),
        }
    }

    /// Records the day on the postal receipt; a day recorded wrongly is recorded again.
    ///
    /// # Errors
    /// [`LetterError::Transition`] unless it left by post; [`LetterError::Early`] for a day before that.
    pub fn receive(self, on: Date) -> Result<Self, LetterError> {
        match self.state {
            LetterState::Sent { approval, channel: Channel::Post, at, opened_at, .. } => {
                if on < day(at) {
                    return Err(LetterError::Early);
                }
                let received_on = Some(on);
                Ok(self.moved(LetterState::Sent { approval, channel: Channel::Post, at, opened_at, received_on }))
            }
            _ => self.refused("received"),
        }
    }

    /// The day from which the delay to challenge it runs: of the first reading for who agreed to be told in the space, else that on
    /// the postal receipt.
    pub fn notified_on(&self) -> Option<Date> {
        match self.state {
            LetterState::Sent { channel: Channel::Space, opened_at, .. } => opened_at.map(day),
            LetterState::Sent { channel: Channel::Post, received_on, .. } => received_on,
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter() -> Letter {
        let nil = uuid::Uuid::nil();
        Letter {
            id: nil.into(),
            call: nil.into(),
            dossier: nil.into(),
            deliberation: None,
            kind: LetterKind::Retained,
            title: "Décision".into(),
            body: "Texte".into(),
            facts: "{}".into(),
            state: LetterState::Draft,
            revision: 1,
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    #[test]
    fn nothing_leaves_unread_and_a_change_wants_reading_again() {
        let (now, nobody) = (at("2027-07-08T08:00:00Z"), uuid::Uuid::nil().into());
        assert!(letter().send(Channel::Space, now).is_err());
        let approved = letter().approve(now, nobody).expect("approved");
        assert!(approved.clone().approve(now, nobody).is_err());
        let corrected = approved.clone().correct(" Décision ", " Autre texte ").expect("corrected");
        assert_eq!((corrected.stage(), corrected.body.as_str()), (LetterStage::Draft, "Autre texte"));
        assert!(corrected.send(Channel::Space, now).is_err());
        assert_eq!(approved.clone().correct("x", " "), Err(LetterError::Missing("body")));
        let sent = approved.send(Channel::Space, now).expect("sent");
        assert!(sent.clone().correct("x", "y").is_err() && sent.void().is_err());
    }

    #[test]
    fn the_delay_runs_from_the_reading_or_from_the_postal_receipt() {
        let (now, nobody) = (at("2027-07-08T08:00:00Z"), uuid::Uuid::nil().into());
        let approved = letter().approve(now, nobody).expect("approved");
        let space = approved.clone().send(Channel::Space, now).expect("sent");
        assert_eq!(space.notified_on(), None);
        let opened = space.clone().open(at("2027-07-09T22:30:00Z")).expect("opened");
        assert_eq!(opened.notified_on(), Some("2027-07-10".parse().expect("a day")));
        // A later reading changes nothing.
        assert_eq!(opened.clone().open(at("2027-07-20T08:00:00Z")), Ok(opened));
        assert!(space.receive("2027-07-12".parse().expect("a day")).is_err());

        let post = approved.send(Channel::Post, now).expect("sent").open(now).expect("opened");
        assert_eq!(post.notified_on(), None);
        assert_eq!(post.clone().receive("2027-07-07".parse().expect("a day")), Err(LetterError::Early));
        let received = post.receive("2027-07-12".parse().expect("a day")).expect("received");
        let corrected = received.receive("2027-07-13".parse().expect("a day")).expect("received");
        assert_eq!(corrected.notified_on(), Some("2027-07-13".parse().expect("a day")));
    }
}
