//! Marks in, ranking out: exact, explained, and the same whatever the order of what is given.
//!
//! This crate knows no call, no person, no clock, no database and no hash-map order. Ids and codes are texts that it only
//! compares. Everything drawn at random depends on a seed and a place, never on threads.
//!
//! # What is here
//! - [`rank`]: the official ranking in exact rationals ([`Rational`]), with thresholds, tie-breakers, ex æquo and the whole
//!   derivation; [`Ranking::explain`] compares two dossiers.
//! - [`Agreement`]: Krippendorff's alpha, intraclass correlations, Kendall's W ([`krippendorff_alpha`], [`intraclass`],
//!   [`kendall_w`] on any [`Ratings`]).
//! - [`Severity`]: who marks high or low, by an additive model on incomplete designs ([`additive_model`]), and what stands out.
//! - [`Robustness`]: ranks when weights are drawn ([`Acceptability`]) or jurors are resampled, and how far each weight may
//!   move exactly ([`weight_stability`]).
//! - [`AllocationSpec`]: lots shared out by the rules, step by step, and at best by an integer programme.
//! - [`AssignmentSpec`]: who marks what, with even loads, recusals, colleges and a jury in one piece.
//!
//! Only the first is official; the others stand beside it and say so in a French sentence each.
//!
//! # Rules of the ranking
//! Points of a criterion are weight × (mean − min) / (max − min); groups and total are sums of points. Nothing is rounded
//! before it is shown ([`Rational::decimal`]): thresholds and ties are decided on exact values.
//!
//! # To add a statistic
//! 1. write it on [`Ratings`] or [`Marks`] in a module of its own, with its source and what it does where it is undefined;
//! 2. add its reference to `tests/reference/make.py` and a test to `tests/reference.rs`;
//! 3. give it a key where it is serialized and a sentence in `sentences.rs`;
//! 4. time it in `benches/table.rs`, and its fastest reference in `benches/reference.py`.
//!
//! # Example
//! ```
//! use ami_scoring::{Aggregation, Breaker, Criterion, Grid, GridSpec, Group, Marks, Scale, Status, Threshold, rank};
//!
//! let grid = Grid::new(GridSpec {
//!     scale: Scale::integers(0, 5)?,
//!     min_jurors: 2,
//!     aggregation: Aggregation::Mean,
//!     groups: vec![Group {
//!         code: "A".into(),
//!         criteria: vec![
//!             Criterion { code: "A1".into(), weight: 60 },
//!             Criterion { code: "A2".into(), weight: 40 },
//!         ],
//!         ..Group::default()
//!     }],
//!     thresholds: vec![Threshold::Total { minimum: "50".parse()? }],
//!     ties: vec![Breaker::points("A1")],
//! })?;
//!
//! let mut table = Marks::builder(grid);
//! for (dossier, juror, a1, a2) in [("alpha", "J1", "4", "5"), ("alpha", "J2", "3", "4"), ("beta", "J1", "2", "1"), ("beta", "J2", "3", "2")] {
//!     for (criterion, text) in [("A1", a1), ("A2", a2)] {
//!         let mark = Scale::integers(0, 5)?.mark(text)?;
//!         table.mark(dossier, juror, criterion, mark)?;
//!     }
//! }
//! let ranking = rank(&table.build());
//!
//! let alpha = ranking.dossier("alpha").ok_or("unknown")?;
//! assert_eq!(alpha.rank(), Some(1));
//! assert_eq!(alpha.total().map(|total| total.decimal(2, ',')), Some("78,00".into()));
//! assert_eq!(ranking.dossier("beta").map(|beta| beta.status()), Some(Status::Eliminated));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod additive;
mod aggregate;
mod agreement;
mod allocation;
mod assignment;
mod bootstrap;
mod exact;
mod explain;
mod flow;
mod grid;
mod linear;
mod marks;
mod official;
mod optimum;
mod random;
mod ranker;
mod ranking;
mod ratings;
mod robustness;
mod scale;
mod scores;
mod sentences;
mod severity;
mod smaa;
mod special;
mod stability;

pub use additive::{Additive, RaterEffect, UnitEffect, additive_model};
pub use agreement::{
    Agreement, Concordance, Correlation, Intraclass, Metric, Undefined, intraclass, kendall_w, krippendorff_alpha,
};
pub use allocation::{Allocation, AllocationError, AllocationSpec, Bid, Lot, LotOutcome, Move, Step, Vacancy};
pub use assignment::{AssignableDossier, AssignableJuror, Assignment, AssignmentError, AssignmentSpec};
pub use bootstrap::BootstrapSummary;
pub use exact::{ParseRationalError, Rational};
pub use explain::{Explanation, Gap, Verdict};
pub use grid::{Aggregation, Breaker, Criterion, Direction, Grid, GridError, GridSpec, Group, Threshold};
pub use marks::{Marks, MarksBuilder, TableError};
pub use official::rank;
pub use ranking::{CriterionScore, ENGINE, Elimination, GroupScore, RankedDossier, Ranking, Status};
pub use ratings::{Ratings, RatingsError};
pub use robustness::{DossierRobustness, Robustness, RobustnessSpec, Scope};
pub use scale::{Mark, MarkError, Scale, ScaleError};
pub use severity::{AdjustedDossier, JurorSeverity, OutlyingMark, Severity};
pub use smaa::{Acceptability, DrawError, Draws, RankSummary, WeightDraw};
pub use stability::{WeightInterval, WeightStability, weight_stability};
