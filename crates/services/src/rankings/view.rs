//! What a ranking shows, made field by field from the engine's result. It is kept as it is here, as JSON.

use std::collections::BTreeMap;

use ami_domain::grid::Grid;
use ami_scoring::{self as scoring, Rational, Status};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::insights::{AgreementView, RobustnessView, SeverityView};

/// A ranking: an opinion of the jury, never a decision.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RankingView {
    /// Its id.
    pub id: Uuid,
    /// The call's code.
    pub call: String,
    /// Version of the call whose grid was used.
    pub call_version: i64,
    /// When it was computed.
    #[schema(value_type = String, format = DateTime)]
    pub computed_at: Timestamp,
    /// Version of the engine.
    pub engine: String,
    /// SHA-256 of everything that went in.
    pub input_sha256: String,
    /// How a criterion's marks become one value: `mean`, `median`, `trimmed` or `voices`.
    #[serde(default = "mean")]
    pub aggregation: String,
    /// How often a juror counts, by label; 1 for those who are not named.
    #[serde(default)]
    pub voices: BTreeMap<String, u32>,
    /// Lots in the call's order, empty ones included.
    pub lots: Vec<RankedLot>,
    /// Beside the ranking: how far the jurors agree. Missing in rankings of engines that did not say.
    #[serde(default)]
    pub agreement: Option<AgreementView>,
    /// Beside the ranking: who marks high or low. For officers only.
    #[serde(default)]
    pub severity: Option<SeverityView>,
}

fn mean() -> String {
    "mean".into()
}

/// One lot of a ranking.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RankedLot {
    /// Its code.
    pub code: String,
    /// Its name.
    pub label: String,
    /// Ranked ones first, then eliminated ones, then those with too few jurors.
    pub dossiers: Vec<RankedDossier>,
    /// Beside the ranking: what would remain of it with other weights or other jurors; from two ranked dossiers on.
    #[serde(default)]
    pub robustness: Option<RobustnessView>,
}

/// One line of a ranking, with how it comes about.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RankedDossier {
    /// Its id.
    pub id: Uuid,
    /// Its number.
    pub number: String,
    /// Who applied.
    pub organisation: String,
    /// `ranked`, `eliminated` or `insufficient`.
    pub status: String,
    /// From 1; equals share it.
    pub rank: Option<usize>,
    /// Exact, such as `1129/15`.
    pub total: Option<String>,
    /// Two decimals, such as `75,27`.
    pub total_shown: Option<String>,
    /// Points by group.
    pub groups: BTreeMap<String, RankedGroup>,
    /// Marks, means and points by criterion.
    pub criteria: BTreeMap<String, RankedCriterion>,
    /// Thresholds that were not reached.
    pub eliminated_by: Vec<RankedElimination>,
    /// The breaker that separated it from a neighbour with the same total.
    pub decided_by: Option<String>,
    /// Whether it shares its rank.
    pub ex_aequo: bool,
    /// The jurors who were counted, by label.
    pub jurors: Vec<String>,
    /// The criteria that have too few marks, though enough jurors were counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub short_of_marks: Vec<String>,
}

/// Points of a group.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RankedGroup {
    /// Exact.
    pub points: String,
    /// Two decimals.
    pub points_shown: String,
    /// Most points there are.
    pub weight: u64,
}

/// One criterion.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RankedCriterion {
    /// Its weight.
    pub weight: u32,
    /// Marks by juror.
    pub marks: BTreeMap<String, i64>,
    /// Exact mean.
    pub mean: String,
    /// Two decimals.
    pub mean_shown: String,
    /// Exact points.
    pub points: String,
    /// Two decimals.
    pub points_shown: String,
    /// The jurors who abstain: they are neither in the mean nor in its number of marks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub abstained: Vec<String>,
}

/// A threshold that was not reached.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RankedElimination {
    /// Its code.
    pub code: String,
    /// What it looks at: `total` or a code.
    pub on: String,
    /// Exact value.
    pub value: String,
    /// Two decimals.
    pub value_shown: String,
    /// What was needed.
    pub minimum: String,
}

/// A ranking in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RankingSummary {
    /// Its id.
    pub id: Uuid,
    /// When it was computed.
    #[schema(value_type = String, format = DateTime)]
    pub computed_at: Timestamp,
    /// SHA-256 of everything that went in.
    pub input_sha256: String,
}

/// What a dossier is beside its marks.
pub(super) struct About {
    pub(super) id: Uuid,
    pub(super) organisation: String,
}

/// One line of the engine's result, with what the engine does not know of the dossier.
pub(super) fn ranked(
    line: scoring::RankedDossier<'_>,
    grid: &Grid,
    about: About,
    abstentions: &BTreeMap<String, Vec<String>>,
) -> RankedDossier {
    let min_jurors = usize::try_from(grid.min_jurors).unwrap_or(usize::MAX);
    let status = match line.status() {
        Status::Ranked => "ranked",
        Status::Eliminated => "eliminated",
        Status::Insufficient => "insufficient",
    };
    let group = |g: scoring::GroupScore<'_>| {
        let points = g.points?;
        let weight = g.maximum.to_u64().unwrap_or_default();
        let group = RankedGroup { points: points.to_string(), points_shown: points.decimal(2, ','), weight };
        Some((g.code.to_owned(), group))
    };
    let criterion = |c: scoring::CriterionScore<'_>| {
        // Without a total nothing is shown of its parts.
        line.total()?;
        let (mean, points) = (c.mean()?, c.points()?);
        let value = |mark: scoring::Mark| grid.scale.min + i64::from(mark.steps()) * grid.scale.step;
        let criterion = RankedCriterion {
            weight: c.weight().to_u64().and_then(|w| u32::try_from(w).ok()).unwrap_or_default(),
            marks: c.marks().map(|(juror, mark)| (juror.to_owned(), value(mark))).collect(),
            mean: mean.to_string(),
            mean_shown: mean.decimal(2, ','),
            points: points.to_string(),
            points_shown: points.decimal(2, ','),
            abstained: abstentions
                .iter()
                .filter(|(_, criteria)| criteria.iter().any(|code| code == c.code()))
                .map(|(juror, _)| juror.clone())
                .collect(),
        };
        Some((c.code().to_owned(), criterion))
    };
    RankedDossier {
        id: about.id,
        organisation: about.organisation,
        number: line.id().to_owned(),
        status: status.to_owned(),
        rank: line.rank(),
        total: line.total().map(Rational::to_string),
        total_shown: line.total().map(|total| total.decimal(2, ',')),
        groups: line.groups().filter_map(group).collect(),
        criteria: line.criteria().filter_map(criterion).collect(),
        eliminated_by: line
            .eliminated_by()
            .map(|e| RankedElimination {
                code: grid.thresholds.get(e.index).map_or_else(String::new, |threshold| threshold.code.clone()),
                on: e.on().to_owned(),
                value: e.value.to_string(),
                value_shown: e.value.decimal(2, ','),
                minimum: e.minimum.decimal(2, ','),
            })
            .collect(),
        decided_by: line.decided_by().map(str::to_owned),
        ex_aequo: line.is_ex_aequo(),
        jurors: line.juror_ids().map(str::to_owned).collect(),
        short_of_marks: if line.total().is_none() && line.jurors() >= min_jurors {
            line.criteria().filter(|c| c.count() < grid.min_marks()).map(|c| c.code().to_owned()).collect()
        } else {
            vec![]
        },
    }
}
