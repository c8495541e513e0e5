//! Numbers in, ranking out: the official ranking of a weighted multi-criteria jury, exact and explained.
//!
//! This crate knows no call, no person, no database, no clock and no hash-map order: the same input gives the same output.
//!
//! The rules: `points(c) = weight × (mean of marks − min) / (max − min)`; the total is the sum of the points, on the scale of the
//! sum of the weights. Everything is an exact rational; rounding (half up) happens only in [`Exact::shown`]. Below a minimum of
//! jurors a candidate is not ranked. Thresholds compare strictly on exact values. Equal totals are decided by an ordered list of
//! breakers; what stays equal shares its rank, and the next rank is skipped (1, 2, 2, 4).
//!
//! ```
//! use std::collections::BTreeMap;
//! use ami_scoring::{Ballot, Candidate, Criterion, Grid, Group, Scale, Status, rank};
//!
//! let grid = Grid::new(
//!     Scale { min: 0, max: 5 },
//!     vec![Group { code: "A".into(), criteria: vec![Criterion { code: "A1".into(), weight: 100 }] }],
//!     vec![],
//!     vec![],
//!     2,
//! )?;
//! let ballot = |juror: &str, mark| Ballot { juror: juror.into(), marks: BTreeMap::from([("A1".into(), mark)]) };
//! let candidate = Candidate { id: "D1".into(), ballots: vec![ballot("J1", 4), ballot("J2", 3)], values: BTreeMap::new() };
//! let ranking = rank(&grid, &[candidate])?;
//! assert_eq!(ranking[0].status, Status::Ranked { rank: 1 });
//! assert_eq!(ranking[0].score.as_ref().map(|s| s.total.to_string()), Some("70".into()));
//! # Ok::<(), ami_scoring::ScoringError>(())
//! ```

mod exact;
mod grid;
mod ranking;

pub use exact::Exact;
pub use grid::{Breaker, Criterion, Grid, Group, Measure, Scale, ScoringError, Threshold};
pub use ranking::{Ballot, Candidate, CriterionScore, Elimination, GroupScore, Ranked, Score, Status, rank};

/// Version of the rules of computation: a snapshot names it, so that it can be recomputed by the same ones.
pub const ENGINE: &str = concat!("ami-scoring ", env!("CARGO_PKG_VERSION"));
