//! What the published rules of a call allow to be awarded. A decision that goes beyond one of them says why, or is refused.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::call::CallDefinition;
use crate::decision::DecisionKind;
use crate::jury::names;

/// A published rule that a decision can go beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A dossier below a threshold is eliminated.
    Threshold,
    /// A dossier is ranked once enough jurors have marked it.
    Jurors,
    /// Only some legal forms may apply.
    LegalForm,
    /// Laureates of a lot.
    Laureates,
    /// Length of a lot's reserve list.
    Reserve,
    /// Lots that one legal body may win.
    Lots,
    /// Yearly support of all lots.
    Envelope,
}

names!(Rule {
    Threshold => "threshold",
    Jurors => "jurors",
    LegalForm => "legal-form",
    Laureates => "laureates",
    Reserve => "reserve",
    Lots => "lots",
    Envelope => "envelope",
});

/// What the newest ranking says of a dossier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opinion {
    /// It has a rank.
    Ranked,
    /// It is below a threshold.
    Eliminated,
    /// Too few jurors have marked it.
    Insufficient,
}

names!(Opinion { Ranked => "ranked", Eliminated => "eliminated", Insufficient => "insufficient" });

/// A dossier, as the rules see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// Its lot.
    pub lot: &'a str,
    /// The nine digits of the legal body that filed it.
    pub siren: &'a str,
    /// The ranking's word on it, where there is one.
    pub opinion: Option<Opinion>,
    /// Whether the legal form that it was filed under may apply.
    pub eligible: bool,
}

/// What was decided on the other dossiers of the call, of what still rests on its ground.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Awarded {
    laureates: BTreeMap<String, u32>,
    reserve: BTreeMap<String, u32>,
    lots: BTreeMap<String, u32>,
    spent_cents: i64,
}

impl Awarded {
    /// Counts a decision on a dossier of a lot, filed by a legal body.
    pub fn count(&mut self, kind: DecisionKind, lot: &str, siren: &str, amount_cents: i64) {
        let add = |counts: &mut BTreeMap<String, u32>, key: &str| {
            let count = counts.entry(key.to_owned()).or_default();
            *count = count.saturating_add(1);
        };
        match kind {
            DecisionKind::Retained => {
                add(&mut self.laureates, lot);
                add(&mut self.lots, siren);
                self.spent_cents = self.spent_cents.saturating_add(amount_cents);
            }
            DecisionKind::Reserve => add(&mut self.reserve, lot),
            DecisionKind::Refused | DecisionKind::Inadmissible | DecisionKind::WithoutOutcome => {}
        }
    }

    /// The rules of the call that a decision would go beyond, each once, in the order of [`Rule::ALL`].
    pub fn broken(
        &self,
        call: &CallDefinition,
        kind: DecisionKind,
        candidate: &Candidate<'_>,
        amount_cents: i64,
    ) -> Vec<Rule> {
        let (retained, reserve) = (kind == DecisionKind::Retained, kind == DecisionKind::Reserve);
        let count = |counts: &BTreeMap<String, u32>, key: &str| counts.get(key).copied().unwrap_or(0);
        let holds = |rule| match rule {
            Rule::Threshold => candidate.opinion != Some(Opinion::Eliminated),
            Rule::Jurors => candidate.opinion != Some(Opinion::Insufficient),
            Rule::LegalForm => candidate.eligible,
            Rule::Laureates => !retained || count(&self.laureates, candidate.lot) < call.rules.laureates_per_lot,
            Rule::Reserve => !reserve || count(&self.reserve, candidate.lot) < call.rules.reserve_per_lot,
            Rule::Lots => !retained || count(&self.lots, candidate.siren) < call.rules.max_lots_awarded,
            Rule::Envelope => {
                let within = || self.spent_cents.saturating_add(amount_cents) <= call.envelope_cents;
                !retained || call.envelope_cents == 0 || within()
            }
        };
        if kind.awards() { Rule::ALL.iter().copied().filter(|rule| !holds(*rule)).collect() } else { Vec::new() }
    }
}

/// Going beyond published rules, knowingly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// Which.
    pub rules: Vec<Rule>,
    /// Why, as it is printed.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> CallDefinition {
        let draft =
            crate::call::Draft::from_toml(include_str!("../../../fixtures/call.toml")).expect("the fixture reads");
        let mut call = draft.sketch();
        call.rules.laureates_per_lot = 1;
        call.rules.reserve_per_lot = 2;
        call.rules.max_lots_awarded = 2;
        call.envelope_cents = 300;
        call
    }

    const CANDIDATE: Candidate<'_> =
        Candidate { lot: "ALI-01", siren: "130000000", opinion: Some(Opinion::Ranked), eligible: true };

    #[test]
    fn each_rule_holds_up_to_its_limit_and_is_named_beyond_it() {
        use DecisionKind::{Refused, Reserve, Retained};
        let call = call();
        let mut awarded = Awarded::default();
        assert_eq!(awarded.broken(&call, Retained, &CANDIDATE, 300), []);
        assert_eq!(awarded.broken(&call, Retained, &CANDIDATE, 301), [Rule::Envelope]);
        awarded.count(Retained, "ALI-01", "552081317", 100);
        assert_eq!(awarded.broken(&call, Retained, &CANDIDATE, 200), [Rule::Laureates]);
        assert_eq!(awarded.broken(&call, Reserve, &CANDIDATE, 0), []);
        for lot in ["ALI-02", "ALI-03"] {
            awarded.count(Retained, lot, "130000000", 50);
        }
        let elsewhere = Candidate { lot: "ALI-04", ..CANDIDATE };
        assert_eq!(awarded.broken(&call, Retained, &elsewhere, 100), [Rule::Lots]);
        awarded.count(Reserve, "ALI-01", "552081317", 0);
        assert_eq!(awarded.broken(&call, Reserve, &CANDIDATE, 0), []);
        awarded.count(Reserve, "ALI-01", "552081317", 0);
        assert_eq!(awarded.broken(&call, Reserve, &CANDIDATE, 0), [Rule::Reserve]);
        assert_eq!(awarded.broken(&call, Refused, &CANDIDATE, 0), []);
        awarded.count(Refused, "ALI-05", "130000000", i64::MAX);
        assert_eq!(awarded.spent_cents, 200);
    }

    #[test]
    fn what_the_jury_or_the_rules_exclude_is_neither_retained_nor_in_reserve() {
        use DecisionKind::{Refused, Reserve, Retained};
        let (call, awarded) = (call(), Awarded::default());
        for (candidate, rule) in [
            (Candidate { opinion: Some(Opinion::Eliminated), ..CANDIDATE }, Rule::Threshold),
            (Candidate { opinion: Some(Opinion::Insufficient), ..CANDIDATE }, Rule::Jurors),
            (Candidate { eligible: false, ..CANDIDATE }, Rule::LegalForm),
        ] {
            assert_eq!(awarded.broken(&call, Retained, &candidate, 1), [rule]);
            assert_eq!(awarded.broken(&call, Reserve, &candidate, 0), [rule]);
            assert_eq!(awarded.broken(&call, Refused, &candidate, 0), []);
        }
    }
}
