//! The grid: groups of weighted criteria with one scale, thresholds and tie-breakers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::form::Number;
use crate::jury::College;

/// The whole grid of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grid {
    /// What one mark may be.
    pub scale: Scale,
    /// Groups, in order.
    pub groups: Vec<Group>,
    /// What eliminates.
    #[serde(default)]
    pub thresholds: Vec<Threshold>,
    /// What decides between equal totals, in order.
    #[serde(default)]
    pub ties: Vec<TieBreaker>,
    /// Fewest jurors with a valid sheet for a dossier to be ranked.
    pub min_jurors: u32,
    /// Fewest marks on a criterion, since jurors may abstain; see [`Grid::min_marks`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_marks: Option<u32>,
    /// How their marks become one value per criterion.
    #[serde(default)]
    pub aggregation: Aggregation,
    /// Which marks need a comment.
    #[serde(default)]
    pub comments: CommentRule,
    /// Marks of one criterion this far apart (in scale units) must be discussed.
    #[serde(default)]
    pub harmonise_from: Option<i64>,
}

/// What one mark may be: `min`, `min + step`, … up to `max`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scale {
    /// Lowest.
    pub min: i64,
    /// Highest.
    pub max: i64,
    /// Distance between neighbours.
    pub step: i64,
    /// What each mark means, lowest first; may be empty.
    #[serde(default)]
    pub words: Vec<String>,
}

/// How the marks that valid jurors gave on one criterion become one value.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregation {
    /// Their mean.
    #[default]
    Mean,
    /// Their median; the mean of the two middle ones when they are even in number.
    Median,
    /// The mean of what is left without so many of the lowest and as many of the highest.
    Trimmed(u32),
    /// Their mean, in which a juror counts as often as the college says: 1 for a college that is not named.
    Voices(BTreeMap<College, u32>),
}

impl Aggregation {
    /// Stable name.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Median => "median",
            Self::Trimmed(_) => "trimmed",
            Self::Voices(_) => "voices",
        }
    }

    /// How often a juror of a college counts.
    pub fn voice(&self, college: College) -> u32 {
        match self {
            Self::Voices(colleges) => colleges.get(&college).copied().unwrap_or(1),
            _ => 1,
        }
    }
}

/// A group of criteria.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Short code, such as `A`.
    pub code: String,
    /// Its title.
    pub label: String,
    /// Its criteria, in order.
    pub criteria: Vec<Criterion>,
}

/// What is marked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Criterion {
    /// Short code, such as `A1`.
    pub code: String,
    /// Its title.
    pub label: String,
    /// Its share of the points.
    pub weight: u32,
    /// The fields and pieces that a juror reads for it.
    #[serde(default)]
    pub sources: Vec<String>,
}

/// What a threshold or a tie-breaker looks at.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Points of the whole grid.
    Total,
    /// Points of a group.
    Group(String),
    /// Mean mark of a criterion.
    Criterion(String),
    /// Value of a form field.
    Field(String),
}

/// Strictly below it, a dossier is eliminated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Threshold {
    /// Short code in letters and tables, such as `ii`.
    pub code: String,
    /// What is compared: points for the total and groups, the mean mark for a criterion.
    pub on: Measure,
    /// The value.
    pub below: Number,
}

/// Decides between equal totals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TieBreaker {
    /// What is compared.
    pub on: Measure,
    /// Whether the smaller value wins.
    #[serde(default)]
    pub lower_wins: bool,
}

/// Which marks need a comment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CommentRule {
    /// Marks, in scale units.
    pub marks: Vec<i64>,
    /// Characters.
    pub min_chars: usize,
}

/// A mark on a scale, kept in steps above the scale's minimum. Only [`Scale::mark`] makes one from outside values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark(i64);

/// Why a mark was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MarkError {
    /// Outside the scale.
    #[error("outside the scale")]
    Outside,
    /// Between two steps.
    #[error("not a step of the scale")]
    OffStep,
}

impl Mark {
    /// Steps above the scale's minimum.
    pub const fn steps(self) -> i64 {
        self.0
    }
}

impl Scale {
    /// Reads a mark in scale units.
    ///
    /// # Errors
    /// [`MarkError`] when it is outside the scale or between two steps.
    pub fn mark(&self, value: i64) -> Result<Mark, MarkError> {
        if value < self.min || value > self.max {
            return Err(MarkError::Outside);
        }
        let above = value.checked_sub(self.min).ok_or(MarkError::Outside)?;
        match above.checked_rem(self.step) {
            Some(0) => Ok(Mark(above / self.step)),
            _ => Err(MarkError::OffStep),
        }
    }

    /// Reads a mark back from storage.
    ///
    /// # Errors
    /// [`MarkError::Outside`] when the stored number of steps is not on the scale.
    pub fn mark_from_steps(&self, steps: i64) -> Result<Mark, MarkError> {
        let value = steps.checked_mul(self.step).and_then(|above| above.checked_add(self.min));
        match value {
            Some(value) if steps >= 0 && value <= self.max => Ok(Mark(steps)),
            _ => Err(MarkError::Outside),
        }
    }

    /// A mark in scale units.
    pub const fn value(&self, mark: Mark) -> i64 {
        self.min.saturating_add(mark.0.saturating_mul(self.step))
    }

    /// Every mark with its word, lowest first.
    pub fn marks(&self) -> impl Iterator<Item = (i64, &str)> {
        let count = self.max.saturating_sub(self.min) / self.step.max(1);
        (0..=count).map(|i| {
            let word = usize::try_from(i).ok().and_then(|i| self.words.get(i)).map_or("", String::as_str);
            (self.value(Mark(i)), word)
        })
    }
}

impl Grid {
    /// Every criterion, in order.
    pub fn criteria(&self) -> impl Iterator<Item = &Criterion> {
        self.groups.iter().flat_map(|g| &g.criteria)
    }

    /// A criterion by its code.
    pub fn criterion(&self, code: &str) -> Option<&Criterion> {
        self.criteria().find(|c| c.code == code)
    }

    /// Fewest marks on a criterion for a dossier to be ranked: two unless the call says otherwise, and never more than the jurors that
    /// it needs.
    pub fn min_marks(&self) -> u32 {
        self.min_marks.unwrap_or(2).min(self.min_jurors).max(1)
    }

    /// Sum of the weights.
    pub fn total_weight(&self) -> u64 {
        self.criteria().map(|c| u64::from(c.weight)).sum()
    }

    /// Whether a mark needs a comment, in scale units.
    pub fn needs_comment(&self, value: i64) -> bool {
        self.comments.marks.contains(&value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stay_on_the_scale() {
        let scale = Scale { min: 0, max: 10, step: 5, words: vec![] };
        assert_eq!(scale.mark(5).map(|m| scale.value(m)), Ok(5));
        assert_eq!(scale.mark(3), Err(MarkError::OffStep));
        assert_eq!(scale.mark(11), Err(MarkError::Outside));
        assert_eq!(scale.mark(-1), Err(MarkError::Outside));
        assert_eq!(scale.mark_from_steps(3), Err(MarkError::Outside));
        assert_eq!(scale.mark_from_steps(2).map(|m| scale.value(m)), Ok(10));
    }

    #[test]
    fn no_scale_overflows() {
        let call = crate::call::Draft::from_toml(include_str!("../../../fixtures/call.toml")).unwrap();
        let limits = crate::call::Limits::at(jiff::Timestamp::UNIX_EPOCH);
        let extremes = [i64::MIN, -1, 0, 1, i64::MAX / 2, i64::MAX];
        for (min, max, step) in
            extremes.iter().flat_map(|a| extremes.iter().flat_map(move |b| extremes.map(|c| (*a, *b, c))))
        {
            let scale = Scale { min, max, step, words: vec![] };
            for value in extremes {
                let _ = scale.mark(value);
                if let Ok(mark) = scale.mark_from_steps(value) {
                    let _ = scale.value(mark);
                }
            }
            let _ = scale.marks().nth(2);
            let one_step = min.checked_add(step) == Some(max) && step > 0;
            let mut draft = call.clone();
            draft.set("/grid/scale", serde_json::json!({ "min": min, "max": max, "step": step }));
            let problems = draft.check(&limits).problems;
            assert!(!one_step || problems.iter().all(|p| p.pointer != "/grid/scale"), "{min} {max} {step}");
        }
    }
}
