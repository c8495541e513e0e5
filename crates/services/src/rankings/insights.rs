//! What stands beside a ranking, never in place of it: agreement and severity over the call, robustness per lot.

use std::collections::BTreeMap;

use ami_scoring::{
    Agreement, Concordance, Draws, Marks, Ranking, Robustness, RobustnessSpec, Scope, Severity, Status, Undefined,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::view::RankedDossier;
use crate::{Error, Result};

/// Weight draws per lot.
const DRAWS: u32 = 10_000;
/// How far each weight moves in the nearby draws.
const NEARBY: f64 = 0.2;

/// How far the jurors agree.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AgreementView {
    /// What the statistics on totals say, one plain sentence each.
    pub sentences: Vec<String>,
    /// On each juror's total of a dossier.
    pub total: ConcordanceView,
    /// On each criterion.
    pub criteria: BTreeMap<String, ConcordanceView>,
}

/// Statistics of agreement on one table of marks; `null` where the design allows none, with the reason under `notes`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ConcordanceView {
    /// Krippendorff's alpha by differences: 1 is full agreement, 0 what chance gives.
    pub krippendorff_interval: Option<f64>,
    /// Krippendorff's alpha by order.
    pub krippendorff_ordinal: Option<f64>,
    /// Reliability of one juror, ICC(2,1).
    pub icc2_1: Option<f64>,
    /// Reliability of the jury's mean, ICC(2,k).
    pub icc2_k: Option<f64>,
    /// 95 % interval of ICC(2,k).
    pub icc2_k_interval: Option<(f64, f64)>,
    /// Kendall's W: 1 when all jurors order the dossiers alike.
    pub kendall_w: Option<f64>,
    /// Why a statistic is missing, in French, by its name.
    pub notes: BTreeMap<String, String>,
}

/// Who marks high or low, on jurors' totals brought to the scale of marks.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SeverityView {
    /// What it says, one plain sentence each.
    pub sentences: Vec<String>,
    /// Groups of jurors that no common dossier links; effects compare within one only.
    pub components: usize,
    /// By juror's label.
    pub jurors: BTreeMap<String, JurorView>,
    /// By dossier's number.
    pub dossiers: BTreeMap<String, AdjustedView>,
    /// Single marks that stand out, the farthest first; at most twenty.
    pub marks: Vec<OutlyingView>,
}

/// One juror.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct JurorView {
    /// Above zero the juror gives more than others do to the same dossiers.
    pub effect: f64,
    /// Of the effect.
    pub standard_error: Option<f64>,
    /// Mean of the juror's totals.
    pub mean: f64,
    /// Their standard deviation.
    pub sd: Option<f64>,
    /// How many dossiers.
    pub dossiers: usize,
    /// Whether the effect is more than two standard errors away from zero.
    pub stands_out: bool,
}

/// One dossier once its jurors' severity is taken away.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AdjustedView {
    /// On the scale of marks.
    pub adjusted: f64,
    /// Its rank by `adjusted` among the ranked dossiers of its lot; `null` where effects do not compare or it is not ranked.
    pub adjusted_rank: Option<usize>,
    /// Its official rank.
    pub rank: Option<usize>,
    /// Mean over its jurors of (total − juror's mean) ÷ juror's standard deviation.
    pub z: f64,
}

/// A mark far from what dossier and juror would make expect.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OutlyingView {
    /// The dossier's number.
    pub dossier: String,
    /// The juror's label.
    pub juror: String,
    /// The criterion.
    pub criterion: String,
    /// The mark, exact.
    pub mark: String,
    /// What was to be expected.
    pub expected: f64,
    /// How far it is, in standard deviations.
    pub distance: f64,
}

/// What would remain of a lot's ranking.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RobustnessView {
    /// What it says of the first place, one plain sentence each.
    pub sentences: Vec<String>,
    /// How many sets of weights were drawn.
    pub draws: u32,
    /// Of the draws, in decimal; the same seed gives the same result.
    pub seed: String,
    /// How many places there are.
    pub cut: usize,
    /// Ranked dossiers in order of rank.
    pub dossiers: Vec<RanksView>,
    /// The sum of the weights.
    pub total_weight: f64,
    /// Criteria in the grid's order.
    pub weights: Vec<WeightView>,
}

/// The ranks that one dossier may take.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RanksView {
    /// The dossier's number.
    pub number: String,
    /// Its official rank.
    pub rank: usize,
    /// With weights drawn at random over all that are possible.
    pub any_weights: RankInterval,
    /// With each weight moved by 20 % at most.
    pub near_weights: RankInterval,
    /// With juries drawn among the same jurors: 95 % of the cases.
    pub juries: RankInterval,
}

/// Ranks from best to worst.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
pub struct RankInterval {
    /// The best.
    pub low: usize,
    /// The worst.
    pub high: usize,
    /// Share of the cases in which it is first, 0 to 1.
    pub first: f64,
    /// Share of the cases in which it is within the places.
    pub above_cut: f64,
}

/// How far one weight may move, the others being scaled to keep their sum.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct WeightView {
    /// The criterion.
    pub code: String,
    /// Its weight.
    pub weight: f64,
    /// While the first place stays.
    pub first: Interval,
    /// While the same dossiers stay within the places.
    pub cut: Interval,
    /// While no rank changes.
    pub any: Interval,
}

/// An interval of weights.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
pub struct Interval {
    /// From.
    pub low: f64,
    /// To.
    pub high: f64,
}

/// Agreement over every dossier of the call.
pub(super) fn agreement(marks: &Marks) -> AgreementView {
    let agreement = Agreement::new(marks);
    AgreementView {
        sentences: agreement.total.sentences(),
        total: concordance(&agreement.total),
        criteria: agreement.criteria.iter().map(|(code, found)| (code.clone(), concordance(found))).collect(),
    }
}

fn concordance(found: &Concordance) -> ConcordanceView {
    let mut notes = BTreeMap::new();
    let mut kept = |name: &str, value: std::result::Result<f64, Undefined>| match value {
        Ok(value) => Some(value),
        Err(reason) => {
            notes.insert(name.to_owned(), reason.french().to_owned());
            None
        }
    };
    let icc = found.intraclass;
    ConcordanceView {
        krippendorff_interval: kept("krippendorff_interval", found.interval),
        krippendorff_ordinal: kept("krippendorff_ordinal", found.ordinal),
        icc2_1: kept("icc2_1", icc.map(|icc| icc.icc2_1.value)),
        icc2_k: kept("icc2_k", icc.map(|icc| icc.icc2_k.value)),
        icc2_k_interval: icc.ok().and_then(|icc| icc.icc2_k.interval),
        kendall_w: kept("kendall_w", found.kendall_w),
        notes,
    }
}

/// Severity over every dossier of the call, which links more jurors than one lot does. `lots` holds the ranked lines.
pub(super) fn severity<'a>(marks: &Marks, lots: impl Iterator<Item = &'a [RankedDossier]>) -> SeverityView {
    let found = Severity::new(marks);
    let mut dossiers = BTreeMap::new();
    for lot in lots {
        let mut ranked: Vec<f64> = lot
            .iter()
            .filter(|d| d.rank.is_some())
            .filter_map(|d| found.dossiers.get(&d.number).map(|a| a.adjusted))
            .collect();
        ranked.sort_unstable_by(|a, b| b.total_cmp(a));
        for line in lot {
            let Some(own) = found.dossiers.get(&line.number) else { continue };
            // Values closer than rounding share a rank.
            let ahead = ranked.partition_point(|other| *other > own.adjusted + 1e-9);
            let adjusted_rank = (found.comparable && line.rank.is_some()).then_some(ahead + 1);
            let view = AdjustedView { adjusted: own.adjusted, adjusted_rank, rank: line.rank, z: own.z };
            dossiers.insert(line.number.clone(), view);
        }
    }
    let jurors = found.jurors.into_iter().map(|(label, juror)| {
        let view = JurorView {
            effect: juror.effect,
            standard_error: juror.standard_error,
            mean: juror.mean,
            sd: juror.sd,
            dossiers: juror.dossiers,
            stands_out: juror.stands_out,
        };
        (label, view)
    });
    let marks = found.marks.into_iter().take(20).map(|mark| OutlyingView {
        dossier: mark.dossier,
        juror: mark.juror,
        criterion: mark.criterion,
        mark: mark.mark.to_string(),
        expected: mark.expected,
        distance: mark.distance,
    });
    SeverityView {
        jurors: jurors.collect(),
        marks: marks.collect(),
        dossiers,
        sentences: found.sentences,
        components: found.components,
    }
}

/// Robustness of one lot; `None` when fewer than two of its dossiers are ranked.
pub(super) fn robustness(ranking: &Ranking, seed: u64, places: usize) -> Result<Option<RobustnessView>> {
    let order: Vec<(String, usize)> = ranking
        .dossiers()
        .filter(|d| d.status() == Status::Ranked)
        .filter_map(|d| Some((d.id().to_owned(), d.rank()?)))
        .collect();
    if order.len() < 2 {
        return Ok(None);
    }
    let draws = Draws { count: DRAWS, seed, threads: 0 };
    let spec = RobustnessSpec { draws, cut: places, nearby: NEARBY, scope: Scope::Ranked };
    let found = Robustness::new(ranking, spec).map_err(Error::internal)?;
    let ranks = |low, high, first, above_cut| RankInterval { low, high, first, above_cut };
    let dossiers = order.into_iter().filter_map(|(number, rank)| {
        let of = found.dossier(&number)?;
        let (any, near, juries) = (of.any_weights()?, of.near_weights()?, of.juries()?);
        Some(RanksView {
            any_weights: ranks(any.low, any.high, any.first, any.above_cut),
            near_weights: ranks(near.low, near.high, near.first, near.above_cut),
            juries: ranks(juries.low, juries.high, juries.first, juries.above_cut),
            number,
            rank,
        })
    });
    let interval = |i: &ami_scoring::WeightInterval| Interval { low: i.low.to_f64(), high: i.high.to_f64() };
    let weights = found.weights().filter_map(|(code, stability)| {
        let s = stability?;
        Some(WeightView {
            code: code.to_owned(),
            weight: s.weight.to_f64(),
            first: interval(&s.first),
            cut: interval(&s.cut),
            any: interval(&s.any),
        })
    });
    Ok(Some(RobustnessView {
        sentences: found.sentences(),
        draws: DRAWS,
        seed: seed.to_string(),
        cut: places,
        dossiers: dossiers.collect(),
        total_weight: found.total_weight().to_f64(),
        weights: weights.collect(),
    }))
}
