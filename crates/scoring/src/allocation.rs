//! Allocation over lots: who is laureate of which lot, by the rules and step by step.
//!
//! Each lot offers itself to its best ranked candidate. A candidate holding more lots than the cap gives back the one it
//! likes least, which offers itself to its next candidate, and so on until nothing moves (the deferred acceptance of Gale
//! & Shapley, 1962). The outcome does not depend on the order of lots, and no candidate misses a lot it prefers to one it
//! holds while standing better there than the laureate. Laureates are then funded from the best total down.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::exact::Rational;

/// What is shared out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lot {
    /// Unique.
    pub code: String,
    /// What it adds to the places to cover.
    pub places: u32,
}

/// One ranked dossier: a candidate for a lot. Eliminated or insufficient dossiers are not bids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bid {
    /// The candidate's id.
    pub candidate: String,
    /// The lot's code.
    pub lot: String,
    /// Its rank on the lot; equal ranks are settled by the lower preference, then by id.
    pub rank: usize,
    /// Its exact total.
    pub total: Rational,
    /// The candidate's order of preference: 1 for the lot it wants most.
    pub preference: u32,
    /// What it asks for, in cents.
    pub cost: u64,
}

/// What to allocate, and under which rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllocationSpec {
    /// The lots.
    pub lots: Vec<Lot>,
    /// The ranked dossiers.
    pub bids: Vec<Bid>,
    /// The most lots that one candidate may win.
    pub cap: usize,
    /// The longest reserve list of a lot.
    pub reserve: usize,
    /// What there is to spend, in cents; `None` without a limit.
    pub envelope: Option<u64>,
}

/// Why nothing was allocated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AllocationError {
    /// Two lots share a code.
    #[error("lot {0:?} appears twice")]
    DuplicateLot(String),
    /// A bid names a lot that does not exist.
    #[error("a bid is for lot {0:?}, which does not exist")]
    UnknownLot(String),
    /// A candidate bids twice for one lot.
    #[error("candidate {candidate:?} bids twice for lot {lot:?}")]
    DuplicateBid {
        /// The candidate's id.
        candidate: String,
        /// The lot's code.
        lot: String,
    },
    /// The solver did not prove an optimum.
    #[error("the solver found no proven optimum: {0}")]
    Solver(String),
}

/// Why a lot has no laureate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Vacancy {
    /// Nobody ranked bids for it: infructueux.
    NoCandidate,
    /// All who bid for it hold as many lots as they may.
    AllElsewhere,
    /// The envelope does not reach it.
    Unfunded,
}

/// What happened, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// A lot goes to its best candidate not passed over yet.
    Offered {
        /// The lot.
        lot: String,
        /// The candidate.
        candidate: String,
        /// The candidate's rank on it.
        rank: usize,
    },
    /// The candidate is above the cap and gives back the lot it prefers least.
    GivenBack {
        /// The lot.
        lot: String,
        /// The candidate.
        candidate: String,
        /// What it keeps, preferred first.
        kept: Vec<String>,
    },
    /// The lot has no candidate left, or never had one.
    Vacant {
        /// The lot.
        lot: String,
        /// Why.
        reason: Vacancy,
    },
    /// The rest of the envelope does not reach this laureate.
    Unfunded {
        /// The lot.
        lot: String,
        /// The candidate.
        candidate: String,
        /// What is missing, in cents.
        missing: u64,
    },
}

/// One lot's outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LotOutcome {
    /// The lot.
    pub lot: String,
    /// Who wins it.
    pub laureate: Option<String>,
    /// The laureate's exact total.
    pub total: Option<Rational>,
    /// Why nobody does.
    pub vacancy: Option<Vacancy>,
    /// Who would come next, best first: candidates below the cap other than the laureate.
    pub reserve: Vec<String>,
}

/// A whole allocation, lots in the order given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Allocation {
    /// Per lot.
    pub lots: Vec<LotOutcome>,
    /// How it came about; empty for the best possible one, which no sequence of steps explains.
    pub steps: Vec<Step>,
    /// What it spends, in cents.
    pub cost: u64,
    /// Places of the lots that have a laureate.
    pub places: u64,
    /// Places of all lots.
    pub places_to_cover: u64,
    /// The sum of the laureates' exact totals.
    pub total: Rational,
}

/// One lot that changes hands between two allocations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Move {
    /// The lot.
    pub lot: String,
    /// Who has it before.
    pub before: Option<String>,
    /// Who has it after.
    pub after: Option<String>,
    /// What the lot's total gains, where both have one.
    pub gain: Option<Rational>,
}

impl AllocationSpec {
    pub(crate) fn check(&self) -> Result<(), AllocationError> {
        let mut lots = BTreeSet::new();
        for lot in &self.lots {
            if !lots.insert(lot.code.as_str()) {
                return Err(AllocationError::DuplicateLot(lot.code.clone()));
            }
        }
        let mut seen = BTreeSet::new();
        for bid in &self.bids {
            if !lots.contains(bid.lot.as_str()) {
                return Err(AllocationError::UnknownLot(bid.lot.clone()));
            }
            if !seen.insert((&bid.candidate, &bid.lot)) {
                return Err(AllocationError::DuplicateBid { candidate: bid.candidate.clone(), lot: bid.lot.clone() });
            }
        }
        Ok(())
    }

    /// The same without a candidate, on one lot or on all: what a withdrawal would change.
    #[must_use]
    pub fn without(&self, candidate: &str, lot: Option<&str>) -> Self {
        let gone = |bid: &Bid| bid.candidate == candidate && lot.is_none_or(|lot| bid.lot == lot);
        Self { bids: self.bids.iter().filter(|bid| !gone(bid)).cloned().collect(), ..self.clone() }
    }

    /// Each lot's bids, best first, as places in `bids`.
    pub(crate) fn by_lot(&self) -> Vec<Vec<usize>> {
        let place: BTreeMap<&str, usize> =
            self.lots.iter().enumerate().map(|(at, lot)| (lot.code.as_str(), at)).collect();
        let mut queues = vec![Vec::new(); self.lots.len()];
        for (at, bid) in self.bids.iter().enumerate() {
            if let Some(lot) = place.get(bid.lot.as_str()) {
                queues[*lot].push(at);
            }
        }
        let key = |at: &usize| {
            let bid = &self.bids[*at];
            (bid.rank, bid.preference, &bid.candidate)
        };
        for queue in &mut queues {
            queue.sort_by(|a, b| key(a).cmp(&key(b)));
        }
        queues
    }

    /// Allocates by the rules; every step is in [`Allocation::steps`].
    pub fn by_rank(&self) -> Result<Allocation, AllocationError> {
        self.check()?;
        let queues = self.by_lot();
        let mut steps = Vec::new();
        let mut next = vec![0usize; self.lots.len()];
        let mut held: BTreeMap<&str, Vec<(usize, usize)>> = BTreeMap::new();
        // A stack of free lots, the first on top: the outcome is the same in any order, the account reads best in this one.
        let mut free: Vec<usize> = (0..self.lots.len()).rev().collect();
        let mut won = vec![None; self.lots.len()];
        let mut vacancy = vec![None; self.lots.len()];
        while let Some(lot) = free.pop() {
            let Some(at) = queues[lot].get(next[lot]).copied() else {
                let reason = if queues[lot].is_empty() { Vacancy::NoCandidate } else { Vacancy::AllElsewhere };
                vacancy[lot] = Some(reason);
                steps.push(Step::Vacant { lot: self.lots[lot].code.clone(), reason });
                continue;
            };
            next[lot] += 1;
            let bid = &self.bids[at];
            steps.push(Step::Offered { lot: bid.lot.clone(), candidate: bid.candidate.clone(), rank: bid.rank });
            won[lot] = Some(at);
            let lots = held.entry(&bid.candidate).or_default();
            lots.push((lot, at));
            lots.sort_by(|a, b| {
                (self.bids[a.1].preference, &self.bids[a.1].lot).cmp(&(self.bids[b.1].preference, &self.bids[b.1].lot))
            });
            if lots.len() > self.cap
                && let Some((back, _)) = lots.pop()
            {
                let kept = lots.iter().map(|(lot, _)| self.lots[*lot].code.clone()).collect();
                let lot = self.lots[back].code.clone();
                steps.push(Step::GivenBack { lot, candidate: bid.candidate.clone(), kept });
                won[back] = None;
                free.push(back);
            }
        }
        self.fund(&mut won, &mut vacancy, &mut steps);
        Ok(self.outcome(&won, &vacancy, steps))
    }

    /// Funds laureates from the best total down; one that no longer fits is passed over, a cheaper one may still fit.
    fn fund(&self, won: &mut [Option<usize>], vacancy: &mut [Option<Vacancy>], steps: &mut Vec<Step>) {
        let Some(envelope) = self.envelope else { return };
        let mut order: Vec<usize> = (0..won.len()).filter(|lot| won[*lot].is_some()).collect();
        order.sort_by(|a, b| {
            let total = |lot: &usize| won[*lot].map(|at| &self.bids[at].total);
            total(b).cmp(&total(a)).then(self.lots[*a].code.cmp(&self.lots[*b].code))
        });
        let mut left = envelope;
        for lot in order {
            let Some(at) = won[lot] else { continue };
            let bid = &self.bids[at];
            if let Some(rest) = left.checked_sub(bid.cost) {
                left = rest;
                continue;
            }
            let missing = bid.cost - left;
            steps.push(Step::Unfunded { lot: bid.lot.clone(), candidate: bid.candidate.clone(), missing });
            (won[lot], vacancy[lot]) = (None, Some(Vacancy::Unfunded));
        }
    }

    pub(crate) fn outcome(&self, won: &[Option<usize>], vacancy: &[Option<Vacancy>], steps: Vec<Step>) -> Allocation {
        let mut held: BTreeMap<&str, usize> = BTreeMap::new();
        for at in won.iter().flatten() {
            *held.entry(&self.bids[*at].candidate).or_default() += 1;
        }
        let (mut cost, mut places, mut total) = (0u64, 0u64, Rational::ZERO);
        let mut lots = Vec::with_capacity(self.lots.len());
        for (lot, queue) in self.by_lot().iter().enumerate() {
            let laureate = won[lot].map(|at| &self.bids[at]);
            if let Some(bid) = laureate {
                cost = cost.saturating_add(bid.cost);
                places += u64::from(self.lots[lot].places);
                total = &total + &bid.total;
            }
            let below_cap =
                |at: &&usize| held.get(self.bids[**at].candidate.as_str()).is_none_or(|held| *held < self.cap);
            let reserve = queue
                .iter()
                .filter(|at| Some(**at) != won[lot])
                .filter(below_cap)
                .take(self.reserve)
                .map(|at| self.bids[*at].candidate.clone());
            lots.push(LotOutcome {
                lot: self.lots[lot].code.clone(),
                laureate: laureate.map(|bid| bid.candidate.clone()),
                total: laureate.map(|bid| bid.total.clone()),
                vacancy: if laureate.is_some() { None } else { vacancy[lot] },
                reserve: reserve.collect(),
            });
        }
        let places_to_cover = self.lots.iter().map(|lot| u64::from(lot.places)).sum();
        Allocation { lots, steps, cost, places, places_to_cover, total }
    }
}

impl Allocation {
    /// The lots that change hands from this allocation to another, in this one's order: what a withdrawal, another cap,
    /// weight or envelope moves, or what the best possible allocation costs whom.
    pub fn moves(&self, after: &Self) -> Vec<Move> {
        let then: BTreeMap<&str, &LotOutcome> = after.lots.iter().map(|lot| (lot.lot.as_str(), lot)).collect();
        self.lots
            .iter()
            .filter_map(|before| {
                let after = then.get(before.lot.as_str())?;
                (before.laureate != after.laureate).then(|| Move {
                    lot: before.lot.clone(),
                    before: before.laureate.clone(),
                    after: after.laureate.clone(),
                    gain: before.total.as_ref().zip(after.total.as_ref()).map(|(before, after)| after - before),
                })
            })
            .collect()
    }
}

impl Step {
    /// The step as a sentence in French.
    pub fn french(&self) -> String {
        match self {
            Self::Offered { lot, candidate, rank } => format!("Le lot {lot} revient à {candidate}, de rang {rank}."),
            Self::GivenBack { lot, candidate, kept } if kept.is_empty() => {
                format!("{candidate} ne peut recevoir aucun lot et laisse le lot {lot}.")
            }
            Self::GivenBack { lot, candidate, kept } => format!(
                "{candidate} dépasse le nombre de lots permis, garde {} selon son ordre de préférence et laisse le lot {lot}.",
                kept.join(", ")
            ),
            Self::Vacant { lot, reason: Vacancy::NoCandidate } => {
                format!("Le lot {lot} n’a aucun candidat classé\u{a0}: il est infructueux.")
            }
            Self::Vacant { lot, .. } => {
                format!("Tous les candidats du lot {lot} ont déjà le nombre de lots permis\u{a0}: il est infructueux.")
            }
            Self::Unfunded { lot, candidate, missing } => format!(
                "L’enveloppe ne permet pas de financer {candidate} sur le lot {lot}\u{a0}: il manque {},{:02}\u{a0}€.",
                missing / 100,
                missing % 100
            ),
        }
    }
}
