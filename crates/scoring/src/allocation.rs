//! Allocation over lots: who is laureate of which lot, by the rules and step by step.
//!
//! Each lot offers its seats to its best ranked candidates. A candidate holding more lots than the cap gives back the one it
//! likes least, which offers itself to its next candidate, and so on until nothing moves (the deferred acceptance of Gale
//! & Shapley, 1962). The outcome does not depend on the order of lots, and no candidate misses a lot it prefers to one it
//! holds while standing better there than a laureate. Candidates of one rank for fewer seats stop their lot: somebody has to
//! vote, an id or an hour decides nothing. Laureates are then funded from the best total down.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::exact::Rational;

/// What is shared out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lot {
    /// Unique.
    pub code: String,
    /// How many win it.
    pub laureates: usize,
    /// What each of them adds to the places that are covered.
    pub places: u32,
}

/// One ranked dossier: a candidate for a lot. Eliminated or insufficient dossiers are not bids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bid {
    /// The candidate's id.
    pub candidate: String,
    /// The lot's code.
    pub lot: String,
    /// Its rank on the lot; equal ranks are settled by nobody here.
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

/// Why a lot has fewer laureates than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Vacancy {
    /// Too few ranked candidates bid for it; where nobody does, it is infructueux.
    NoCandidate,
    /// The others who bid for it hold as many lots as they may.
    AllElsewhere,
    /// Candidates of one rank are more than its seats: a vote is wanted.
    Tied,
    /// The envelope does not reach it.
    Unfunded,
}

/// What happened, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// A seat of a lot goes to its best candidate not passed over yet.
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
    /// The lot has no candidate left for a seat, or never had one.
    Vacant {
        /// The lot.
        lot: String,
        /// Why.
        reason: Vacancy,
    },
    /// Candidates of one rank are more than the seats of the lot that are left: it stops there.
    Tied {
        /// The lot.
        lot: String,
        /// Their rank.
        rank: usize,
        /// Who they are, in no order that means anything.
        candidates: Vec<String>,
        /// The seats that are left.
        seats: usize,
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
    /// Who wins it, best first.
    pub laureates: Vec<String>,
    /// The sum of their exact totals.
    pub total: Rational,
    /// Why they are fewer than they may be.
    pub vacancy: Option<Vacancy>,
    /// Who would come next, best first: candidates below the cap other than the laureates. It ends before candidates of one rank
    /// who do not all fit.
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
    /// Places that laureates cover.
    pub places: u64,
    /// Places of all seats of all lots.
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
    pub before: Vec<String>,
    /// Who has it after.
    pub after: Vec<String>,
    /// What the lot's total gains.
    pub gain: Rational,
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

    /// Each lot's bids, best first, as places in `bids`. Those of one rank stand together, in an order that decides nothing.
    pub(crate) fn by_lot(&self) -> Vec<Vec<usize>> {
        let place: BTreeMap<&str, usize> =
            self.lots.iter().enumerate().map(|(at, lot)| (lot.code.as_str(), at)).collect();
        let mut queues = vec![Vec::new(); self.lots.len()];
        for (at, bid) in self.bids.iter().enumerate() {
            if let Some(lot) = place.get(bid.lot.as_str()) {
                queues[*lot].push(at);
            }
        }
        for queue in &mut queues {
            queue.sort_by_key(|at| (self.bids[*at].rank, &self.bids[*at].candidate));
        }
        queues
    }

    /// Allocates by the rules; every step is in [`Allocation::steps`].
    pub fn by_rank(&self) -> Result<Allocation, AllocationError> {
        self.check()?;
        let mut offers = Offers::new(self);
        // Whom a lot waits for may come to hold what they prefer, which frees the lot again: until nothing moves.
        while let Some(lot) = offers.free.pop().or_else(|| offers.freed()) {
            offers.offer(lot);
        }
        let Offers { mut won, mut vacancy, mut steps, waiting, .. } = offers;
        steps.extend(waiting.into_values().map(|(_, step)| step));
        self.fund(&mut won, &mut vacancy, &mut steps);
        Ok(self.outcome(&won, &vacancy, steps))
    }

    /// Funds laureates from the best total down; one that no longer fits is passed over, a cheaper one may still fit.
    fn fund(&self, won: &mut [Vec<usize>], vacancy: &mut [Option<Vacancy>], steps: &mut Vec<Step>) {
        let Some(envelope) = self.envelope else { return };
        let mut order: Vec<(usize, usize)> =
            won.iter().enumerate().flat_map(|(lot, bids)| bids.iter().map(move |at| (lot, *at))).collect();
        order.sort_by(|(lot, at), (other, than)| {
            (self.bids[*than].total.cmp(&self.bids[*at].total))
                .then_with(|| self.lots[*lot].code.cmp(&self.lots[*other].code))
        });
        let mut left = envelope;
        for (lot, at) in order {
            let bid = &self.bids[at];
            if let Some(rest) = left.checked_sub(bid.cost) {
                left = rest;
                continue;
            }
            let missing = bid.cost - left;
            steps.push(Step::Unfunded { lot: bid.lot.clone(), candidate: bid.candidate.clone(), missing });
            won[lot].retain(|other| *other != at);
            vacancy[lot] = Some(Vacancy::Unfunded);
        }
    }

    pub(crate) fn outcome(&self, won: &[Vec<usize>], vacancy: &[Option<Vacancy>], steps: Vec<Step>) -> Allocation {
        let mut held: BTreeMap<&str, usize> = BTreeMap::new();
        for at in won.iter().flatten() {
            *held.entry(&self.bids[*at].candidate).or_default() += 1;
        }
        let (mut cost, mut places, mut total) = (0u64, 0u64, Rational::ZERO);
        let mut lots = Vec::with_capacity(self.lots.len());
        for (lot, queue) in self.by_lot().iter().enumerate() {
            let mut of_lot = Rational::ZERO;
            for at in &won[lot] {
                cost = cost.saturating_add(self.bids[*at].cost);
                places += u64::from(self.lots[lot].places);
                of_lot = &of_lot + &self.bids[*at].total;
            }
            total = &total + &of_lot;
            let below_cap =
                |at: &usize| held.get(self.bids[*at].candidate.as_str()).is_none_or(|held| *held < self.cap);
            let next: Vec<usize> =
                queue.iter().copied().filter(|at| !won[lot].contains(at)).filter(below_cap).collect();
            let name = |at: &usize| self.bids[*at].candidate.clone();
            let laureates = queue.iter().filter(|at| won[lot].contains(at)).map(name).collect();
            let short = won[lot].len() < self.lots[lot].laureates;
            lots.push(LotOutcome {
                lot: self.lots[lot].code.clone(),
                laureates,
                total: of_lot,
                vacancy: if short { vacancy[lot] } else { None },
                reserve: self.reserve_of(&next, vacancy[lot] == Some(Vacancy::Tied)).iter().map(name).collect(),
            });
        }
        let seats = |lot: &Lot| u64::from(lot.places).saturating_mul(lot.laureates as u64);
        let places_to_cover = self.lots.iter().map(seats).fold(0, u64::saturating_add);
        Allocation { lots, steps, cost, places, places_to_cover, total }
    }

    /// The reserve list: whole ranks while they fit. Nobody comes next where it is not known who wins.
    fn reserve_of<'a>(&self, next: &'a [usize], tied: bool) -> &'a [usize] {
        if tied {
            return &[];
        }
        let mut end = next.len().min(self.reserve);
        let rank = |at: usize| next.get(at).map(|bid| self.bids[*bid].rank);
        while end > 0 && rank(end).is_some() && rank(end - 1) == rank(end) {
            end -= 1;
        }
        &next[..end]
    }
}

/// Offers under way.
struct Offers<'a> {
    spec: &'a AllocationSpec,
    queues: Vec<Vec<usize>>,
    /// Per lot, how many of its queue it has offered itself to.
    next: Vec<usize>,
    won: Vec<Vec<usize>>,
    vacancy: Vec<Option<Vacancy>>,
    /// What each candidate holds, preferred first: lot and bid.
    held: BTreeMap<&'a str, Vec<(usize, usize)>>,
    /// Lots with a seat to offer, the next on top: the outcome is the same in any order, the account reads best in this one.
    free: Vec<usize>,
    /// Lots that wait for a vote: who is tied there, and the step that says so.
    waiting: BTreeMap<usize, (Vec<usize>, Step)>,
    steps: Vec<Step>,
}

impl<'a> Offers<'a> {
    fn new(spec: &'a AllocationSpec) -> Self {
        let count = spec.lots.len();
        Self {
            spec,
            queues: spec.by_lot(),
            next: vec![0; count],
            won: vec![Vec::new(); count],
            vacancy: vec![None; count],
            held: BTreeMap::new(),
            free: (0..count).rev().collect(),
            waiting: BTreeMap::new(),
            steps: Vec::new(),
        }
    }

    /// Whether a candidate would keep the lot of a bid. Who would not now never will: what one holds only gets better.
    fn would_keep(&self, at: usize) -> bool {
        let bid = &self.spec.bids[at];
        let held = self.held.get(bid.candidate.as_str()).map_or(&[][..], Vec::as_slice);
        let better = held.iter().filter(|(_, held)| self.order(*held) < self.order(at)).count();
        better < self.spec.cap
    }

    fn order(&self, at: usize) -> (u32, &str) {
        (self.spec.bids[at].preference, &self.spec.bids[at].lot)
    }

    /// A lot that waited for a vote, and of whose tied candidates one has come to hold what it prefers.
    fn freed(&mut self) -> Option<usize> {
        let lot = self
            .waiting
            .iter()
            .find(|(_, (tied, _))| tied.iter().any(|at| !self.would_keep(*at)))
            .map(|(lot, _)| *lot)?;
        self.waiting.remove(&lot);
        Some(lot)
    }

    /// Offers the seats of a lot that are left to the candidates of its next rank who would keep it.
    fn offer(&mut self, lot: usize) {
        let spec = self.spec;
        let seats = spec.lots[lot].laureates.saturating_sub(self.won[lot].len());
        if seats == 0 {
            return;
        }
        let rest = &self.queues[lot][self.next[lot]..];
        let Some(rank) = rest.first().map(|at| spec.bids[*at].rank) else {
            // Nobody is left; whoever holds other lots would have come.
            let reason = if self.queues[lot].len() <= self.won[lot].len() {
                Vacancy::NoCandidate
            } else {
                Vacancy::AllElsewhere
            };
            self.vacancy[lot] = Some(reason);
            self.steps.push(Step::Vacant { lot: spec.lots[lot].code.clone(), reason });
            return;
        };
        let same: Vec<usize> = rest.iter().copied().take_while(|at| spec.bids[*at].rank == rank).collect();
        let keen: Vec<usize> = same.iter().copied().filter(|at| self.would_keep(*at)).collect();
        if keen.len() > seats {
            let candidates = keen.iter().map(|at| spec.bids[*at].candidate.clone()).collect();
            let step = Step::Tied { lot: spec.lots[lot].code.clone(), rank, candidates, seats };
            self.vacancy[lot] = Some(Vacancy::Tied);
            self.waiting.insert(lot, (keen, step));
            return;
        }
        self.vacancy[lot] = None;
        self.next[lot] += same.len();
        for at in same {
            self.give(lot, at);
        }
        if self.won[lot].len() < spec.lots[lot].laureates && !self.free.contains(&lot) {
            self.free.push(lot);
        }
    }

    /// A seat goes to a candidate, who gives back what goes beyond the cap.
    fn give(&mut self, lot: usize, at: usize) {
        let spec = self.spec;
        let bid = &spec.bids[at];
        self.steps.push(Step::Offered { lot: bid.lot.clone(), candidate: bid.candidate.clone(), rank: bid.rank });
        self.won[lot].push(at);
        let lots = self.held.entry(&bid.candidate).or_default();
        lots.push((lot, at));
        lots.sort_by(|a, b| {
            (spec.bids[a.1].preference, &spec.bids[a.1].lot).cmp(&(spec.bids[b.1].preference, &spec.bids[b.1].lot))
        });
        if lots.len() > spec.cap
            && let Some((back, given)) = lots.pop()
        {
            let kept = lots.iter().map(|(lot, _)| spec.lots[*lot].code.clone()).collect();
            let lot = spec.lots[back].code.clone();
            self.steps.push(Step::GivenBack { lot, candidate: bid.candidate.clone(), kept });
            self.won[back].retain(|won| *won != given);
            // A lot that waits for a vote has one seat more now, and looks again.
            self.waiting.remove(&back);
            if !self.free.contains(&back) {
                self.free.push(back);
            }
        }
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
                (before.laureates != after.laureates).then(|| Move {
                    lot: before.lot.clone(),
                    before: before.laureates.clone(),
                    after: after.laureates.clone(),
                    gain: &after.total - &before.total,
                })
            })
            .collect()
    }
}

impl Step {
    /// The lot that it is about.
    pub fn lot(&self) -> &str {
        match self {
            Self::Offered { lot, .. }
            | Self::GivenBack { lot, .. }
            | Self::Vacant { lot, .. }
            | Self::Tied { lot, .. }
            | Self::Unfunded { lot, .. } => lot,
        }
    }

    /// The step as a sentence in French, candidates called as `name` says.
    pub fn french(&self, name: impl Fn(&str) -> String) -> String {
        match self {
            Self::Offered { lot, candidate, rank } => {
                format!("Le lot {lot} revient à {}, de rang {rank}.", name(candidate))
            }
            Self::GivenBack { lot, candidate, kept } if kept.is_empty() => {
                format!("{} ne peut recevoir aucun lot et laisse le lot {lot}.", name(candidate))
            }
            Self::GivenBack { lot, candidate, kept } => format!(
                "{} dépasse le nombre de lots permis, garde {} selon son ordre de préférence et laisse le lot {lot}.",
                name(candidate),
                kept.join(", ")
            ),
            Self::Vacant { lot, reason: Vacancy::NoCandidate } => {
                format!("Le lot {lot} n’a plus de candidat classé pour la place qui reste.")
            }
            Self::Vacant { lot, .. } => {
                format!("Les autres candidats du lot {lot} ont déjà le nombre de lots permis\u{a0}: une place reste.")
            }
            Self::Tied { lot, rank, candidates, seats } => format!(
                "Sur le lot {lot}, {} sont ex æquo au rang {rank} pour {seats} place{}\u{a0}: le vote du jury est attendu.",
                candidates.iter().map(|candidate| name(candidate)).collect::<Vec<_>>().join(", "),
                if *seats > 1 { "s" } else { "" }
            ),
            Self::Unfunded { lot, candidate, missing } => format!(
                "L’enveloppe ne permet pas de financer {} sur le lot {lot}\u{a0}: il manque {},{:02}\u{a0}€.",
                name(candidate),
                missing / 100,
                missing % 100
            ),
        }
    }
}
