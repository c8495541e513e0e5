//! What the authority decides on a dossier, once the jury has given its opinion.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::dossier::DossierStateName;
use crate::ids::{AccountId, DossierId, RankingId};
use crate::jury::names;
use crate::text;

/// What is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecisionKind {
    /// Supported.
    Retained,
    /// On the reserve list.
    Reserve,
    /// Not supported.
    Refused,
    /// Never examined.
    Inadmissible,
    /// The lot is given up.
    WithoutOutcome,
}

names!(DecisionKind {
    Retained => "retained",
    Reserve => "reserve",
    Refused => "refused",
    Inadmissible => "inadmissible",
    WithoutOutcome => "without_outcome",
});

/// A decision on one dossier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// On what.
    pub dossier: DossierId,
    /// What.
    pub kind: DecisionKind,
    /// Yearly support, in cents; only for a retained dossier.
    pub amount_cents: Option<i64>,
    /// Why, as the letter will say it.
    pub reason: String,
    /// The ranking it was taken on.
    pub ranking: Option<RankingId>,
    /// Grows by one at every correction.
    pub revision: i64,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: AccountId,
}

/// Why a decision was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DecisionError {
    /// A retained dossier has an amount above zero.
    #[error("a retained dossier needs an amount above zero")]
    AmountMissing,
    /// Above the lot's ceiling.
    #[error("above the ceiling of {ceiling_cents} cents")]
    AboveCeiling {
        /// The ceiling.
        ceiling_cents: i64,
    },
    /// Only a retained dossier has an amount.
    #[error("only a retained dossier has an amount")]
    AmountUnexpected,
    /// A refusal, an inadmissibility or a lot given up says why.
    #[error("a reason is needed")]
    NoReason,
    /// The kind does not fit the dossier's state.
    #[error("this decision does not fit a dossier that is {}", .0.as_str())]
    State(DossierStateName),
    /// No ranking was computed for the dossier's lot yet.
    #[error("no ranking has been computed")]
    NoRanking,
}

/// What is asked for, before it was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// What.
    pub kind: DecisionKind,
    /// Yearly support, in cents.
    pub amount_cents: Option<i64>,
    /// Why.
    pub reason: String,
}

impl Proposal {
    /// Checks it against the dossier: its state, its lot's ceiling, and whether a ranking stands behind it.
    ///
    /// # Errors
    /// [`DecisionError`] names the first rule that it breaks.
    pub fn check(self, state: DossierStateName, ceiling_cents: i64, ranked: bool) -> Result<Self, DecisionError> {
        use DecisionKind::{Inadmissible, Refused, Reserve, Retained, WithoutOutcome};
        let fits = match self.kind {
            Inadmissible => state == DossierStateName::Inadmissible,
            Retained | Reserve | Refused => state == DossierStateName::Admissible,
            WithoutOutcome => matches!(state, DossierStateName::Admissible | DossierStateName::Withdrawn),
        };
        if !fits {
            return Err(DecisionError::State(state));
        }
        if matches!(self.kind, Retained | Reserve | Refused) && !ranked {
            return Err(DecisionError::NoRanking);
        }
        match (self.kind, self.amount_cents) {
            (Retained, None | Some(i64::MIN..=0)) => return Err(DecisionError::AmountMissing),
            (Retained, Some(cents)) if cents > ceiling_cents => {
                return Err(DecisionError::AboveCeiling { ceiling_cents });
            }
            (Retained, Some(_)) | (_, None) => {}
            (_, Some(_)) => return Err(DecisionError::AmountUnexpected),
        }
        let reason = text::clean(&self.reason);
        if reason.is_empty() && matches!(self.kind, Inadmissible | WithoutOutcome) {
            return Err(DecisionError::NoReason);
        }
        Ok(Self { reason, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposal(kind: DecisionKind, amount_cents: Option<i64>, reason: &str) -> Proposal {
        Proposal { kind, amount_cents, reason: reason.to_owned() }
    }

    #[test]
    fn a_decision_fits_its_dossier() {
        use DecisionKind::{Inadmissible, Refused, Retained};
        let admissible = DossierStateName::Admissible;
        assert!(proposal(Retained, Some(100), "").check(admissible, 100, true).is_ok());
        assert_eq!(proposal(Retained, None, "").check(admissible, 100, true), Err(DecisionError::AmountMissing));
        assert_eq!(
            proposal(Retained, Some(101), "").check(admissible, 100, true),
            Err(DecisionError::AboveCeiling { ceiling_cents: 100 })
        );
        assert_eq!(proposal(Refused, Some(1), "").check(admissible, 100, true), Err(DecisionError::AmountUnexpected));
        assert_eq!(proposal(Refused, None, "").check(admissible, 100, false), Err(DecisionError::NoRanking));
        assert_eq!(
            proposal(Inadmissible, None, " ").check(DossierStateName::Inadmissible, 100, false),
            Err(DecisionError::NoReason)
        );
        assert_eq!(
            proposal(Retained, Some(1), "").check(DossierStateName::Withdrawn, 100, true),
            Err(DecisionError::State(DossierStateName::Withdrawn))
        );
    }
}
