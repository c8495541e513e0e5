//! What the authority decides on a dossier, once the jury has given its opinion.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::award::{Override, Rule};
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

impl DecisionKind {
    /// Whether the jury's opinion stands behind it: a ranking that has the dossier.
    pub const fn rests_on_ranking(self) -> bool {
        matches!(self, Self::Retained | Self::Reserve | Self::Refused)
    }

    /// Whether it gives the dossier something: support, or a place on the reserve list.
    pub const fn awards(self) -> bool {
        matches!(self, Self::Retained | Self::Reserve)
    }

    /// Whether it can be decided on a dossier in this state.
    pub const fn fits(self, state: DossierStateName) -> bool {
        match self {
            Self::Inadmissible => matches!(state, DossierStateName::Inadmissible),
            Self::Retained | Self::Reserve | Self::Refused => matches!(state, DossierStateName::Admissible),
            Self::WithoutOutcome => matches!(state, DossierStateName::Admissible | DossierStateName::Withdrawn),
        }
    }
}

/// What a decision rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basis {
    /// The ranking.
    pub ranking: RankingId,
    /// The hash of everything that went into it.
    pub inputs_sha256: String,
    /// The number, in the call, of the last exclusion or reopening that it takes into account.
    pub upsets: i64,
}

/// What has become of the things that a decision on one dossier rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ground<'a> {
    /// The dossier's state.
    pub state: DossierStateName,
    /// The hash of the inputs of the call's newest ranking.
    pub newest: Option<&'a str>,
    /// The number of the last exclusion that took a signed sheet on the dossier away.
    pub recusal: Option<i64>,
    /// The number of the last reopening of a sheet on the dossier.
    pub reopening: Option<i64>,
}

/// Why a decision no longer rests on what it was taken on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stale {
    /// The dossier was withdrawn.
    Withdrawn,
    /// The dossier was found inadmissible.
    Inadmissible,
    /// The dossier was found admissible after all.
    Admissible,
    /// A juror whose marks counted was excluded.
    Recusal,
    /// A sheet that counted was opened again.
    SheetReopened,
    /// A newer ranking was computed from something else.
    RankingChanged,
}

names!(Stale {
    Withdrawn => "withdrawn",
    Inadmissible => "inadmissible",
    Admissible => "admissible",
    Recusal => "recusal",
    SheetReopened => "sheet-reopened",
    RankingChanged => "ranking-changed",
});

impl Decision {
    /// Why it no longer rests on what it was taken on; none when it does. What no longer fits the dossier cannot be confirmed,
    /// only decided anew.
    pub fn stale(&self, ground: &Ground<'_>) -> Option<Stale> {
        if !self.kind.fits(ground.state) {
            return Some(match ground.state {
                DossierStateName::Withdrawn | DossierStateName::Draft => Stale::Withdrawn,
                DossierStateName::Inadmissible => Stale::Inadmissible,
                DossierStateName::Deposited | DossierStateName::Admissible => Stale::Admissible,
            });
        }
        let basis = self.basis.as_ref()?;
        let since = |number: Option<i64>| number.is_some_and(|number| number > basis.upsets);
        if since(ground.recusal) {
            Some(Stale::Recusal)
        } else if since(ground.reopening) {
            Some(Stale::SheetReopened)
        } else if ground.newest.is_some_and(|newest| newest != basis.inputs_sha256) {
            Some(Stale::RankingChanged)
        } else {
            None
        }
    }
}

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
    /// What it rests on, where an opinion of the jury stands behind it.
    pub basis: Option<Basis>,
    /// The published rules that it goes beyond, and why.
    pub overridden: Option<Override>,
    /// When somebody confirmed it after something had changed, and who.
    pub confirmed: Option<(Timestamp, AccountId)>,
    /// Grows by one at every correction.
    pub revision: i64,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: AccountId,
}

/// Why a decision was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
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
    /// The reason is too long.
    #[error("a reason of {0} characters")]
    ReasonTooLong(usize),
    /// The kind does not fit the dossier's state.
    #[error("this decision does not fit a dossier that is {}", .0.as_str())]
    State(DossierStateName),
    /// It goes beyond published rules and does not say why.
    #[error("published rules do not allow it: {}", .0.iter().map(|r| r.as_str()).collect::<Vec<_>>().join(", "))]
    Rules(Vec<Rule>),
    /// The reason for going beyond rules is too long.
    #[error("a reason of {0} characters for going beyond rules")]
    OverrideTooLong(usize),
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
    /// Why it goes beyond published rules, where it does; empty otherwise.
    pub override_reason: String,
}

impl Proposal {
    /// Its account of going beyond these rules; none when there is none to go beyond, whatever was written.
    ///
    /// # Errors
    /// [`DecisionError::Rules`] without a reason, [`DecisionError::OverrideTooLong`].
    pub fn override_of(&self, rules: Vec<Rule>) -> Result<Option<Override>, DecisionError> {
        if rules.is_empty() {
            return Ok(None);
        }
        let reason = text::clean(&self.override_reason);
        if reason.is_empty() {
            return Err(DecisionError::Rules(rules));
        }
        text::bounded(&reason).map_err(DecisionError::OverrideTooLong)?;
        Ok(Some(Override { rules, reason }))
    }

    /// Checks it against the dossier: its state, its lot's ceiling, and whether a ranking stands behind it.
    ///
    /// # Errors
    /// [`DecisionError`] names the first rule that it breaks.
    pub fn check(self, state: DossierStateName, ceiling_cents: i64, ranked: bool) -> Result<Self, DecisionError> {
        use DecisionKind::{Inadmissible, Refused, Retained, WithoutOutcome};
        if !self.kind.fits(state) {
            return Err(DecisionError::State(state));
        }
        if self.kind.rests_on_ranking() && !ranked {
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
        if reason.is_empty() && matches!(self.kind, Refused | Inadmissible | WithoutOutcome) {
            return Err(DecisionError::NoReason);
        }
        text::bounded(&reason).map_err(DecisionError::ReasonTooLong)?;
        Ok(Self { reason, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposal(kind: DecisionKind, amount_cents: Option<i64>, reason: &str) -> Proposal {
        Proposal { kind, amount_cents, reason: reason.to_owned(), override_reason: String::new() }
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
        assert_eq!(proposal(Refused, None, " ").check(admissible, 100, true), Err(DecisionError::NoReason));
        assert_eq!(
            proposal(Refused, None, &"é".repeat(4_001)).check(admissible, 100, true),
            Err(DecisionError::ReasonTooLong(4_001))
        );
        assert_eq!(
            proposal(Retained, Some(1), "").check(DossierStateName::Withdrawn, 100, true),
            Err(DecisionError::State(DossierStateName::Withdrawn))
        );
    }

    #[test]
    fn going_beyond_a_rule_wants_a_reason_and_only_then_is_one_kept() {
        let mut retained = proposal(DecisionKind::Retained, Some(100), "");
        let rules = || vec![Rule::Laureates, Rule::Envelope];
        assert_eq!(retained.override_of(Vec::new()), Ok(None));
        assert_eq!(retained.override_of(rules()), Err(DecisionError::Rules(rules())));
        retained.override_reason = "é".repeat(4_001);
        assert_eq!(retained.override_of(rules()), Err(DecisionError::OverrideTooLong(4_001)));
        retained.override_reason = " Deux bassins. ".into();
        let reason = "Deux bassins.".to_owned();
        assert_eq!(retained.override_of(rules()), Ok(Some(Override { rules: rules(), reason })));
        assert_eq!(retained.override_of(Vec::new()), Ok(None));
    }

    #[test]
    fn a_decision_is_stale_once_its_ground_has_moved() {
        use DossierStateName::{Admissible, Inadmissible, Withdrawn};
        let basis = Basis { ranking: uuid::Uuid::nil().into(), inputs_sha256: "a".into(), upsets: 2 };
        let mut decision = Decision {
            dossier: uuid::Uuid::nil().into(),
            kind: DecisionKind::Retained,
            amount_cents: Some(1),
            reason: String::new(),
            basis: Some(basis),
            overridden: None,
            confirmed: None,
            revision: 1,
            at: Timestamp::UNIX_EPOCH,
            by: uuid::Uuid::nil().into(),
        };
        let firm = Ground { state: Admissible, newest: Some("a"), recusal: Some(2), reopening: Some(1) };
        for (ground, stale) in [
            (firm, None),
            (Ground { newest: None, ..firm }, None),
            (Ground { newest: Some("b"), ..firm }, Some(Stale::RankingChanged)),
            (Ground { reopening: Some(3), ..firm }, Some(Stale::SheetReopened)),
            (Ground { recusal: Some(3), reopening: Some(4), ..firm }, Some(Stale::Recusal)),
            (Ground { state: Withdrawn, recusal: Some(3), ..firm }, Some(Stale::Withdrawn)),
            (Ground { state: Inadmissible, ..firm }, Some(Stale::Inadmissible)),
        ] {
            assert_eq!(decision.stale(&ground), stale, "{ground:?}");
        }
        // What rests on no ranking is not moved by one.
        (decision.kind, decision.basis) = (DecisionKind::Inadmissible, None);
        let ground = Ground { state: Inadmissible, newest: Some("b"), recusal: Some(9), reopening: Some(9) };
        assert_eq!(decision.stale(&ground), None);
        assert_eq!(decision.stale(&Ground { state: Admissible, ..ground }), Some(Stale::Admissible));
    }
}
