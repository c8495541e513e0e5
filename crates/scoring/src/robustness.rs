//! Robustness: what remains of the official ranking when weights or jurors vary.

use std::collections::BTreeMap;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::bootstrap::{BootstrapSummary, bootstrap};
use crate::exact::Rational;
use crate::ranking::{Ranking, Status};
use crate::smaa::{Acceptability, DrawError, Draws, RankSummary, WeightDraw};
use crate::stability::{WeightInterval, WeightStability, weight_stability};

/// Which dossiers take part in the drawn rankings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those with an official rank: what a jury decides on.
    Ranked,
    /// All that have a mean on every criterion, eliminated ones included: a study of the marks alone.
    Marked,
}

/// What to vary, and how much.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RobustnessSpec {
    /// Number of draws, seed and threads.
    pub draws: Draws,
    /// How many places there are.
    pub cut: usize,
    /// The share by which weights vary around the grid's in the "nearby" draws: 0.2 for ± 20 %.
    pub nearby: f64,
    /// Which dossiers take part.
    pub scope: Scope,
}

/// Resampled juries are at most this many: their ranks are all kept until the interval is read.
const MOST_JURIES: u32 = 1_000;

/// What remains of the ranking, per dossier and per criterion.
#[derive(Debug, Clone)]
pub struct Robustness {
    spec: RobustnessSpec,
    dossiers: BTreeMap<String, usize>,
    acceptability: Acceptability,
    nearby: Acceptability,
    bootstrap: Vec<BootstrapSummary>,
    weights: Vec<(String, Option<WeightStability>)>,
    total_weight: Rational,
    leader: Option<String>,
}

impl Robustness {
    /// Draws weights (over the simplex, then near the grid's) and juries, and finds the exact weight intervals.
    pub fn new(ranking: &Ranking, spec: RobustnessSpec) -> Result<Self, DrawError> {
        let marks = ranking.marks();
        let grid = marks.grid();
        let mut places = Vec::new();
        let mut means = Vec::new();
        for dossier in 0..marks.dossiers().len() {
            if spec.scope == Scope::Ranked && ranking.rows[dossier].status != Status::Ranked {
                continue;
            }
            let row: Option<Vec<f64>> = (0..grid.criteria().len())
                .map(|criterion| ranking.cell(dossier, criterion).mean().map(Rational::to_f64))
                .collect();
            if let Some(row) = row {
                places.push(dossier);
                means.push(row);
            }
        }
        let drawn = |draw| Acceptability::new(&means, grid.weights(), draw, spec.cut, spec.draws);
        let (acceptability, nearby) = (drawn(WeightDraw::Simplex)?, drawn(WeightDraw::Within(spec.nearby))?);
        let juries = Draws { count: spec.draws.count.min(MOST_JURIES), ..spec.draws };
        let dossiers =
            places.iter().enumerate().map(|(at, dossier)| (marks.dossiers()[*dossier].clone(), at)).collect();
        let weights = grid
            .criteria()
            .enumerate()
            .map(|(criterion, code)| (code.to_owned(), weight_stability(ranking, criterion, spec.cut)))
            .collect();
        let leader = ranking
            .dossiers()
            .next()
            .filter(|dossier| dossier.rank() == Some(1))
            .map(|dossier| dossier.id().to_owned());
        Ok(Self {
            spec,
            dossiers,
            acceptability,
            nearby,
            bootstrap: bootstrap(marks, &places, spec.cut, juries),
            weights,
            total_weight: grid.total_weight(),
            leader,
        })
    }

    /// What was varied.
    pub fn spec(&self) -> RobustnessSpec {
        self.spec
    }

    /// The dossiers that took part, in the order of ids.
    pub fn dossiers(&self) -> impl ExactSizeIterator<Item = DossierRobustness<'_>> {
        self.dossiers.iter().map(|(id, at)| DossierRobustness { of: self, id, at: *at })
    }

    /// One dossier by its id.
    pub fn dossier(&self, id: &str) -> Option<DossierRobustness<'_>> {
        self.dossiers.get_key_value(id).map(|(id, at)| DossierRobustness { of: self, id, at: *at })
    }

    /// The weight intervals of each criterion, in reading order; `None` for one that carries all the weight.
    pub fn weights(&self) -> impl ExactSizeIterator<Item = (&str, Option<&WeightStability>)> {
        self.weights.iter().map(|(code, found)| (code.as_str(), found.as_ref()))
    }

    /// The sum of the grid's weights: what one weight may reach.
    pub fn total_weight(&self) -> &Rational {
        &self.total_weight
    }

    /// The official first (the first id of them, when several share that rank).
    pub fn leader(&self) -> Option<DossierRobustness<'_>> {
        self.leader.as_deref().and_then(|id| self.dossier(id))
    }
}

/// One dossier's robustness.
#[derive(Debug, Clone, Copy)]
pub struct DossierRobustness<'a> {
    of: &'a Robustness,
    id: &'a str,
    at: usize,
}

impl<'a> DossierRobustness<'a> {
    /// The dossier's id.
    pub fn id(&self) -> &'a str {
        self.id
    }

    /// The share of weight draws (over the simplex) that give it each rank, first rank first.
    pub fn acceptability(&self) -> impl ExactSizeIterator<Item = f64> + 'a {
        self.of.acceptability.shares(self.at)
    }

    /// Its ranks when weights are drawn over the simplex.
    pub fn any_weights(&self) -> Option<RankSummary> {
        self.of.acceptability.summary(self.at)
    }

    /// Its ranks when weights are drawn near the grid's.
    pub fn near_weights(&self) -> Option<RankSummary> {
        self.of.nearby.summary(self.at)
    }

    /// Its ranks over resampled juries (95 % interval).
    pub fn juries(&self) -> Option<BootstrapSummary> {
        self.of.bootstrap.get(self.at).copied()
    }
}

struct Ranks<T>(T);

impl Serialize for Ranks<RankSummary> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(5))?;
        map.serialize_entry("first", &self.0.first)?;
        map.serialize_entry("above_cut", &self.0.above_cut)?;
        map.serialize_entry("rank_low", &self.0.low)?;
        map.serialize_entry("rank_high", &self.0.high)?;
        map.serialize_entry("rank_mean", &self.0.mean)?;
        map.end()
    }
}

impl Serialize for Ranks<BootstrapSummary> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("first", &self.0.first)?;
        map.serialize_entry("above_cut", &self.0.above_cut)?;
        map.serialize_entry("rank_low", &self.0.low)?;
        map.serialize_entry("rank_high", &self.0.high)?;
        map.end()
    }
}

impl Serialize for DossierRobustness<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("acceptability", &self.acceptability().collect::<Vec<f64>>())?;
        if let Some(ranks) = self.any_weights() {
            map.serialize_entry("first", &ranks.first)?;
            map.serialize_entry("above_cut", &ranks.above_cut)?;
            map.serialize_entry("rank_low", &ranks.low)?;
            map.serialize_entry("rank_high", &ranks.high)?;
            map.serialize_entry("rank_mean", &ranks.mean)?;
        }
        map.serialize_entry("near_weights", &self.near_weights().map(Ranks))?;
        map.serialize_entry("juries", &self.juries().map(Ranks))?;
        map.end()
    }
}

impl Serialize for WeightInterval {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("low", &self.low.to_f64())?;
        map.serialize_entry("high", &self.high.to_f64())?;
        map.serialize_entry("low_exact", &self.low)?;
        map.serialize_entry("high_exact", &self.high)?;
        map.end()
    }
}

impl Serialize for WeightStability {
    /// `low` and `high` are those of the first place.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(6))?;
        map.serialize_entry("weight", &self.weight.to_f64())?;
        map.serialize_entry("low", &self.first.low.to_f64())?;
        map.serialize_entry("high", &self.first.high.to_f64())?;
        map.serialize_entry("first", &self.first)?;
        map.serialize_entry("cut", &self.cut)?;
        map.serialize_entry("any", &self.any)?;
        map.end()
    }
}

struct Dossiers<'a>(&'a Robustness);

impl Serialize for Dossiers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.dossiers().map(|dossier| (dossier.id, dossier)))
    }
}

struct Weights<'a>(&'a Robustness);

impl Serialize for Weights<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.weights())
    }
}

impl Serialize for Robustness {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("draws", &self.spec.draws.count)?;
        map.serialize_entry("seed", &self.spec.draws.seed)?;
        map.serialize_entry("cut", &self.spec.cut)?;
        map.serialize_entry("near_weights", &self.spec.nearby)?;
        map.serialize_entry("dossiers", &Dossiers(self))?;
        map.serialize_entry("weights", &Weights(self))?;
        map.serialize_entry("sentences", &self.sentences())?;
        map.end()
    }
}
