//! Who marks what: k jurors per dossier with balanced loads, recusals and colleges respected, and a jury that stays in one piece.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::flow::Network;

/// A juror who may be asked to mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssignableJuror {
    /// Unique.
    pub id: String,
    /// The juror's college.
    pub college: String,
    /// The most dossiers the juror may be given.
    pub most: u32,
}

/// A dossier to be marked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AssignableDossier {
    /// Unique.
    pub id: String,
    /// Jurors who must not mark it.
    pub recused: BTreeSet<String>,
    /// Jurors who know its subject: preferred where loads allow.
    pub experts: BTreeSet<String>,
    /// Jurors who mark it already and go on: they count, and are not moved.
    pub given: BTreeSet<String>,
    /// How many jurors mark this one, where that is not `per_dossier`.
    pub wanted: Option<u32>,
}

/// What to assign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssignmentSpec {
    /// The jurors.
    pub jurors: Vec<AssignableJuror>,
    /// The dossiers.
    pub dossiers: Vec<AssignableDossier>,
    /// How many jurors mark a dossier.
    pub per_dossier: u32,
    /// How many of them, at least, come from a college.
    pub colleges: BTreeMap<String, u32>,
}

/// Who marks what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Assignment {
    /// Juror ids by dossier id.
    pub dossiers: BTreeMap<String, BTreeSet<String>>,
    /// How many dossiers each juror has.
    pub loads: BTreeMap<String, u32>,
    /// How many assigned pairs are of an expert.
    pub experts: u32,
    /// Connected components of the graph of jurors and dossiers, over jurors who mark at all: 1 when every juror is linked to every other, so that
    /// severities compare.
    pub components: usize,
}

/// Why nobody can be assigned as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssignmentError {
    /// Two jurors or two dossiers share an id.
    #[error("{0:?} appears twice")]
    Duplicate(String),
    /// The colleges ask for more jurors than a dossier gets.
    #[error("the colleges ask for {asked} jurors a dossier, which gets {per_dossier}")]
    Colleges {
        /// What colleges ask for.
        asked: u64,
        /// How many jurors mark a dossier.
        per_dossier: u32,
    },
    /// Once recusals are taken away, a dossier has too few jurors.
    #[error("dossier {dossier:?} needs {wanted} jurors and only {available} are not recused")]
    TooFewJurors {
        /// The dossier.
        dossier: String,
        /// How many are needed.
        wanted: u32,
        /// How many there are.
        available: u32,
    },
    /// Once recusals are taken away, a dossier has too few jurors of a college.
    #[error("dossier {dossier:?} needs {wanted} jurors of college {college:?} and only {available} are not recused")]
    TooFewOfCollege {
        /// The dossier.
        dossier: String,
        /// The college.
        college: String,
        /// How many are needed.
        wanted: u32,
        /// How many there are.
        available: u32,
    },
    /// These dossiers together need more than the jurors open to them may take.
    #[error("{} dossiers together lack {missing} markings: the jurors open to them ({}) may take no more", dossiers.len(), jurors.join(", "))]
    Overloaded {
        /// The dossiers.
        dossiers: Vec<String>,
        /// The jurors who are already at their most.
        jurors: Vec<String>,
        /// How many markings are missing.
        missing: u32,
    },
}

/// Loads come first, then experts, then chance below this, so that pairs of jurors mix.
const CHANCE: i64 = 32;

impl AssignmentSpec {
    /// Assigns jurors: an exact flow of least Σ load², then most experts, then exchanges that join separate components.
    pub fn assign(&self) -> Result<Assignment, AssignmentError> {
        self.check()?;
        let chosen = self.flow()?;
        let chosen = self.join(chosen);
        Ok(self.read(&chosen))
    }

    fn open(&self, dossier: usize, juror: usize) -> bool {
        !self.dossiers[dossier].recused.contains(&self.jurors[juror].id) && !self.given(dossier, juror)
    }

    fn given(&self, dossier: usize, juror: usize) -> bool {
        self.dossiers[dossier].given.contains(&self.jurors[juror].id)
    }

    fn wanted(&self, dossier: usize) -> u32 {
        self.dossiers[dossier].wanted.unwrap_or(self.per_dossier)
    }

    /// How many more jurors a dossier needs.
    fn room(&self, dossier: usize) -> u32 {
        self.wanted(dossier).saturating_sub(self.count_given(dossier, None))
    }

    /// How many jurors, of a college or of any, mark a dossier already.
    fn count_given(&self, dossier: usize, college: Option<&String>) -> u32 {
        let of = |juror: &&AssignableJuror| college.is_none_or(|college| juror.college == *college);
        let given = self.jurors.iter().filter(|juror| self.dossiers[dossier].given.contains(&juror.id)).filter(of);
        u32::try_from(given.count()).unwrap_or(u32::MAX)
    }

    /// How many more of a college a dossier needs.
    fn college_room(&self, dossier: usize, college: &String) -> u32 {
        self.colleges.get(college).copied().unwrap_or(0).saturating_sub(self.count_given(dossier, Some(college)))
    }

    /// How many dossiers each juror has already.
    fn held(&self) -> Vec<u32> {
        let held = |juror: usize| (0..self.dossiers.len()).filter(|dossier| self.given(*dossier, juror)).count();
        (0..self.jurors.len()).map(|juror| u32::try_from(held(juror)).unwrap_or(u32::MAX)).collect()
    }

    fn expert(&self, dossier: usize, juror: usize) -> bool {
        self.dossiers[dossier].experts.contains(&self.jurors[juror].id)
    }

    fn check(&self) -> Result<(), AssignmentError> {
        let mut ids = BTreeSet::new();
        if let Some(juror) = self.jurors.iter().find(|juror| !ids.insert(&juror.id)) {
            return Err(AssignmentError::Duplicate(juror.id.clone()));
        }
        ids.clear();
        if let Some(dossier) = self.dossiers.iter().find(|dossier| !ids.insert(&dossier.id)) {
            return Err(AssignmentError::Duplicate(dossier.id.clone()));
        }
        let asked: u64 = self.colleges.values().map(|least| u64::from(*least)).sum();
        if asked > u64::from(self.per_dossier) {
            return Err(AssignmentError::Colleges { asked, per_dossier: self.per_dossier });
        }
        let held = self.held();
        for (at, dossier) in self.dossiers.iter().enumerate() {
            let count = |college: Option<&String>| {
                let free = |juror: &usize| self.open(at, *juror) && self.jurors[*juror].most > held[*juror];
                let open = (0..self.jurors.len()).filter(free);
                let open = open.filter(|juror| college.is_none_or(|college| self.jurors[*juror].college == *college));
                u32::try_from(open.count()).unwrap_or(u32::MAX).saturating_add(self.count_given(at, college))
            };
            let asked: u64 = self.colleges.keys().map(|college| u64::from(self.college_room(at, college))).sum();
            if asked > u64::from(self.room(at)) && !dossier.given.is_empty() {
                return Err(AssignmentError::Colleges { asked, per_dossier: self.room(at) });
            }
            for (college, wanted) in &self.colleges {
                let available = count(Some(college));
                if available < *wanted {
                    let (dossier, college) = (dossier.id.clone(), college.clone());
                    return Err(AssignmentError::TooFewOfCollege { dossier, college, wanted: *wanted, available });
                }
            }
            let (wanted, available) = (self.wanted(at), count(None));
            if available < wanted {
                return Err(AssignmentError::TooFewJurors { dossier: dossier.id.clone(), wanted, available });
            }
        }
        Ok(())
    }

    /// Source → dossier's seats (one kind per college asked for, one for the rest) → juror → sink.
    fn flow(&self) -> Result<Vec<BTreeSet<usize>>, AssignmentError> {
        let (dossiers, jurors) = (self.dossiers.len(), self.jurors.len());
        let kinds: Vec<Option<&String>> = self.colleges.keys().map(Some).chain([None]).collect();
        // Per dossier: one node per kind of seat, and one per juror through which all its kinds pass, so that a juror
        // takes one seat at most.
        let seat = |dossier: usize, kind: usize| 2 + jurors + dossier * kinds.len() + kind;
        let pass_from = 2 + jurors + dossiers * kinds.len();
        let (source, sink) = (0, 1);
        let mut network = Network::new(pass_from + dossiers * jurors);
        let total = (0..dossiers).map(|dossier| i64::from(self.room(dossier))).fold(0, i64::saturating_add);
        // One expert outweighs all chance, and one marking too many all experts, as long as that fits.
        let expert = total.saturating_mul(CHANCE).saturating_add(1);
        let balance = total.saturating_mul(expert.saturating_add(CHANCE)).clamp(1, i64::MAX / 1_000_000);
        let mut passes = vec![Vec::new(); dossiers];
        for (dossier, passes) in passes.iter_mut().enumerate() {
            let asked: u32 = self.colleges.keys().map(|college| self.college_room(dossier, college)).sum();
            for (kind, college) in kinds.iter().enumerate() {
                let rest = self.room(dossier).saturating_sub(asked);
                let seats = college.map_or(rest, |college| self.college_room(dossier, college));
                network.arc(source, seat(dossier, kind), seats, 0);
            }
            for juror in (0..jurors).filter(|juror| self.open(dossier, *juror)) {
                let pass = pass_from + dossier * jurors + juror;
                for (kind, college) in kinds.iter().enumerate() {
                    if college.is_none_or(|college| self.jurors[juror].college == *college) {
                        network.arc(seat(dossier, kind), pass, 1, 0);
                    }
                }
                let cost = if self.expert(dossier, juror) { 0 } else { expert } + chance(dossier, juror);
                passes.push((juror, network.arc(pass, 2 + juror, 1, cost)));
            }
        }
        for (juror, (given, held)) in self.jurors.iter().zip(self.held()).enumerate() {
            // Each marking costs more than the one before: the least sum is the most even share.
            for load in held..given.most.min(u32::try_from(dossiers).unwrap_or(u32::MAX)) {
                network.arc(2 + juror, sink, 1, balance.saturating_mul(i64::from(load)));
            }
        }
        let filled = i64::from(network.send(source, sink));
        if filled < total {
            let reachable = network.reachable(source);
            let stuck = |dossier: &usize| (0..kinds.len()).any(|kind| reachable[seat(*dossier, kind)]);
            return Err(AssignmentError::Overloaded {
                dossiers: (0..dossiers).filter(stuck).map(|at| self.dossiers[at].id.clone()).collect(),
                jurors: (0..jurors).filter(|at| reachable[2 + at]).map(|at| self.jurors[at].id.clone()).collect(),
                missing: u32::try_from(total - filled).unwrap_or(u32::MAX),
            });
        }
        let taken = |(dossier, passes): (usize, &Vec<(usize, usize)>)| -> BTreeSet<usize> {
            let new = passes.iter().filter(|(_, arc)| network.flow(*arc) > 0).map(|(juror, _)| *juror);
            new.chain((0..jurors).filter(|juror| self.given(dossier, *juror))).collect()
        };
        Ok(passes.iter().enumerate().map(taken).collect())
    }

    /// Exchanges two jurors of the same college between two dossiers of different components, which keeps loads and
    /// colleges, until all are linked or no exchange is allowed.
    fn join(&self, mut chosen: Vec<BTreeSet<usize>>) -> Vec<BTreeSet<usize>> {
        let (mut count, mut of) = components(self.jurors.len(), &chosen);
        while count > 1 {
            let Some((first, second, out, back)) = self.exchange(&chosen, &of) else { break };
            let mut next = chosen.clone();
            next[first].remove(&out);
            next[first].insert(back);
            next[second].remove(&back);
            next[second].insert(out);
            let (after, places) = components(self.jurors.len(), &next);
            if after >= count {
                break;
            }
            (chosen, count, of) = (next, after, places);
        }
        chosen
    }

    /// Two dossiers of different components and the jurors to exchange, such that it joins them.
    fn exchange(&self, chosen: &[BTreeSet<usize>], of: &[usize]) -> Option<(usize, usize, usize, usize)> {
        let home = |dossier: usize| chosen[dossier].first().map(|juror| of[*juror]);
        // The juror who leaves must stay tied to the component: by another dossier of it, or the dossier by another juror.
        let shared = |juror: usize| chosen.iter().filter(|jurors| jurors.contains(&juror)).count() > 1;
        let first_home = home(0)?;
        for first in (0..chosen.len()).filter(|dossier| home(*dossier) == Some(first_home)) {
            for second in (0..chosen.len()).filter(|dossier| home(*dossier).is_some_and(|other| other != first_home)) {
                let movable =
                    |juror: &&usize| chosen[first].len() > 1 && shared(**juror) && !self.given(first, **juror);
                for out in chosen[first].iter().filter(movable) {
                    let allowed = |back: &&usize| {
                        self.jurors[**back].college == self.jurors[*out].college
                            && !self.given(second, **back)
                            && self.open(first, **back)
                            && self.open(second, *out)
                            && (shared(**back) || chosen[second].len() > 1)
                    };
                    if let Some(back) = chosen[second].iter().find(allowed) {
                        return Some((first, second, *out, *back));
                    }
                }
            }
        }
        None
    }

    fn read(&self, chosen: &[BTreeSet<usize>]) -> Assignment {
        let mut loads: BTreeMap<String, u32> = self.jurors.iter().map(|juror| (juror.id.clone(), 0)).collect();
        let mut experts = 0;
        let mut dossiers = BTreeMap::new();
        for (dossier, jurors) in chosen.iter().enumerate() {
            for juror in jurors {
                *loads.entry(self.jurors[*juror].id.clone()).or_default() += 1;
                experts += u32::from(self.expert(dossier, *juror));
            }
            let ids = jurors.iter().map(|juror| self.jurors[*juror].id.clone()).collect();
            dossiers.insert(self.dossiers[dossier].id.clone(), ids);
        }
        Assignment { dossiers, loads, experts, components: components(self.jurors.len(), chosen).0 }
    }
}

/// A small number that depends on the pair only.
fn chance(dossier: usize, juror: usize) -> i64 {
    let mut stream = crate::random::Stream::new(0, 4, ((dossier as u64) << 32) | juror as u64);
    i64::try_from(stream.bits() >> 1).unwrap_or(0) % CHANCE
}

/// How many components jurors who mark form, and each juror's.
fn components(jurors: usize, chosen: &[BTreeSet<usize>]) -> (usize, Vec<usize>) {
    let mut of: Vec<usize> = (0..jurors).collect();
    let mut used = vec![false; jurors];
    let root = |of: &mut Vec<usize>, mut at: usize| {
        while of[at] != at {
            of[at] = of[of[at]];
            at = of[at];
        }
        at
    };
    for group in chosen {
        let mut first = None;
        for juror in group {
            used[*juror] = true;
            let here = root(&mut of, *juror);
            let there = *first.get_or_insert(here);
            let there = root(&mut of, there);
            of[here.max(there)] = here.min(there);
        }
    }
    let places: Vec<usize> = (0..jurors).map(|juror| root(&mut of, juror)).collect();
    let count = (0..jurors).filter(|juror| used[*juror] && places[*juror] == *juror).count();
    (count, places)
}
