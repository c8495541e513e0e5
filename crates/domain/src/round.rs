//! Rounds of marking: to calibrate, each alone, and once more where marks are far apart.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::grid::Grid;
use crate::ids::RoundId;
use crate::jury::names;

/// What jurors do in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoundKind {
    /// They mark samples, to learn to use the scale alike; what they give is left out when the next round opens.
    Calibration,
    /// Each marks alone. A call whose officers open no round is in this one while it is in marking.
    #[default]
    Individual,
    /// Where their marks are far apart they talk, and may change theirs with a reason.
    Harmonised,
}

names!(RoundKind { Calibration => "calibration", Individual => "individual", Harmonised => "harmonised" });

/// A round that was opened. The next one ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Round {
    /// Its id.
    pub id: RoundId,
    /// What jurors do in it.
    pub kind: RoundKind,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// Its last instant.
    pub until: Timestamp,
}

impl Grid {
    /// The lowest and highest of the marks that valid jurors gave on one criterion, in scale units, when they are so far apart that
    /// the call wants them discussed.
    pub fn apart(&self, marks: impl IntoIterator<Item = i64>) -> Option<(i64, i64)> {
        let limit = self.harmonise_from?;
        let mut marks = marks.into_iter();
        let first = marks.next()?;
        let (low, high) = marks.fold((first, first), |(low, high), mark| (low.min(mark), high.max(mark)));
        (high.saturating_sub(low) >= limit).then_some((low, high))
    }
}

#[cfg(test)]
mod tests {
    use crate::call::CallDefinition;

    #[test]
    fn marks_are_apart_from_the_limit_on() {
        let mut grid = serde_json::from_str::<CallDefinition>(include_str!("../../../fixtures/call.json")).unwrap().grid;
        assert_eq!(grid.harmonise_from, Some(3));
        assert_eq!(grid.apart([2, 4, 4]), None);
        assert_eq!(grid.apart([4, 1, 2]), Some((1, 4)));
        assert_eq!(grid.apart([]), None);
        grid.harmonise_from = None;
        assert_eq!(grid.apart([0, 5]), None);
    }
}
