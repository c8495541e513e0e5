//! The scale of marks, and a mark as a whole number of its steps.

use crate::exact::{ParseRationalError, Rational};

/// The marks a juror may give: `min`, `min + step`, … `max`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scale {
    min: Rational,
    max: Rational,
    step: Rational,
    steps: u32,
}

/// A mark, as the number of steps above the scale's minimum. Made by [`Scale::mark`] only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark(pub(crate) u32);

/// Why a scale cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScaleError {
    /// The maximum is not above the minimum.
    #[error("the maximum must be above the minimum")]
    Empty,
    /// The step is zero or negative.
    #[error("the step must be above 0")]
    Step,
    /// The distance from minimum to maximum is not a whole number of steps, or one above four billion.
    #[error("the distance from minimum to maximum must be a whole number of steps, at most 4294967294")]
    Uneven,
}

/// Why a mark is not on the scale.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MarkError {
    /// Not a number at all.
    #[error(transparent)]
    Number(#[from] ParseRationalError),
    /// Below the minimum or above the maximum.
    #[error("a mark from {min} to {max} was expected, not {value}")]
    Range {
        /// The lowest mark.
        min: Rational,
        /// The highest mark.
        max: Rational,
        /// What was given.
        value: Rational,
    },
    /// Between two steps.
    #[error("a mark in steps of {step} from {min} was expected, not {value}")]
    Step {
        /// The scale's step.
        step: Rational,
        /// The lowest mark.
        min: Rational,
        /// What was given.
        value: Rational,
    },
}

impl Scale {
    /// A scale from `min` to `max` by `step`.
    pub fn new(min: Rational, max: Rational, step: Rational) -> Result<Self, ScaleError> {
        if max <= min {
            return Err(ScaleError::Empty);
        }
        if step <= Rational::ZERO {
            return Err(ScaleError::Step);
        }
        // The last value of u32 stands for "no mark" in the table of marks.
        let steps = (&max - &min)
            .checked_div(&step)
            .and_then(|n| n.to_u64())
            .and_then(|n| u32::try_from(n).ok())
            .filter(|n| *n < u32::MAX)
            .ok_or(ScaleError::Uneven)?;
        Ok(Self { min, max, step, steps })
    }

    /// Whole marks from `min` to `max`.
    pub fn integers(min: i64, max: i64) -> Result<Self, ScaleError> {
        Self::new(min.into(), max.into(), Rational::ONE)
    }

    /// Reads a mark written as a number, `4` or `3.5`.
    pub fn mark(&self, text: &str) -> Result<Mark, MarkError> {
        self.mark_of(&text.parse()?)
    }

    /// The mark of an exact value.
    pub fn mark_of(&self, value: &Rational) -> Result<Mark, MarkError> {
        if *value < self.min || *value > self.max {
            return Err(MarkError::Range { min: self.min.clone(), max: self.max.clone(), value: value.clone() });
        }
        (value - &self.min)
            .checked_div(&self.step)
            .and_then(|n| n.to_u64())
            .and_then(|n| u32::try_from(n).ok())
            .map(Mark)
            .ok_or_else(|| MarkError::Step { step: self.step.clone(), min: self.min.clone(), value: value.clone() })
    }

    /// The mark that lies `steps` steps above the minimum; `None` above the maximum.
    pub fn mark_at(&self, steps: u32) -> Option<Mark> {
        (steps <= self.steps).then_some(Mark(steps))
    }

    /// The value of a mark of this scale.
    pub fn value(&self, mark: Mark) -> Rational {
        &self.min + &(&self.step * &Rational::from(mark.0))
    }

    /// The lowest mark.
    pub fn min(&self) -> &Rational {
        &self.min
    }

    /// The highest mark.
    pub fn max(&self) -> &Rational {
        &self.max
    }

    /// The distance between two neighbouring marks.
    pub fn step(&self) -> &Rational {
        &self.step
    }

    /// How many steps lie between the lowest and the highest mark.
    pub fn steps(&self) -> u32 {
        self.steps
    }
}

impl Mark {
    /// The number of steps above the scale's minimum.
    pub fn steps(self) -> u32 {
        self.0
    }
}
