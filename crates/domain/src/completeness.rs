//! What a dossier still lacks before it can be deposited.

use std::collections::BTreeMap;

use crate::answer::FieldError;
use crate::call::CallDefinition;
use crate::form::{Answers, FieldKind};

/// One thing to do before depositing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gap {
    /// A required answer is missing.
    Answer {
        /// The field.
        field: String,
    },
    /// What was typed is not valid.
    Invalid {
        /// The field.
        field: String,
        /// Why.
        error: FieldError,
    },
    /// A required file is missing.
    Piece {
        /// The slot.
        slot: String,
    },
}

/// What is known of a dossier when its gaps are looked for.
#[derive(Debug, Clone, Copy)]
pub struct Filled<'a> {
    /// Valid answers.
    pub answers: &'a Answers,
    /// Fields whose last input was not valid, with the reason.
    pub invalid: &'a BTreeMap<String, FieldError>,
    /// Number of files by slot.
    pub pieces: &'a BTreeMap<String, u32>,
}

/// Every gap, in the order of the form, then of the pieces.
pub fn gaps(call: &CallDefinition, filled: Filled<'_>) -> Vec<Gap> {
    let closing_day = call.calendar.closing_day();
    let mut gaps = Vec::new();
    for field in call.form.fields() {
        if let Some(error) = filled.invalid.get(&field.code) {
            gaps.push(Gap::Invalid { field: field.code.clone(), error: error.clone() });
        } else if field.is_typed()
            && !filled.answers.contains_key(&field.code)
            && field.required.binds(filled.answers, closing_day)
        {
            gaps.push(Gap::Answer { field: field.code.clone() });
        }
    }
    for slot in &call.pieces {
        let missing = filled.pieces.get(&slot.code).copied().unwrap_or(0) == 0;
        if missing && slot.required.binds(filled.answers, closing_day) {
            gaps.push(Gap::Piece { slot: slot.code.clone() });
        }
    }
    gaps
}

/// How far a section is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Required fields, as the answers stand.
    pub required: usize,
    /// Those that have a valid answer.
    pub done: usize,
    /// Fields whose last input was not valid.
    pub invalid: usize,
}

/// How far each section is, by section code.
pub fn progress(call: &CallDefinition, filled: Filled<'_>) -> BTreeMap<String, Progress> {
    let closing_day = call.calendar.closing_day();
    call.form
        .sections
        .iter()
        .map(|section| {
            let mut progress = Progress { required: 0, done: 0, invalid: 0 };
            for field in section.fields.iter().filter(|f| f.is_typed()) {
                if filled.invalid.contains_key(&field.code) {
                    progress.invalid += 1;
                }
                if field.required.binds(filled.answers, closing_day) {
                    progress.required += 1;
                    if filled.answers.contains_key(&field.code) && !filled.invalid.contains_key(&field.code) {
                        progress.done += 1;
                    }
                }
            }
            (section.code.clone(), progress)
        })
        .collect()
}

/// The computed fields that have a value, in hundredths, by field code.
pub fn computed(call: &CallDefinition, answers: &Answers) -> BTreeMap<String, crate::form::Number> {
    call.form
        .fields()
        .filter_map(|field| match &field.kind {
            FieldKind::Computed { formula } => Some((field.code.clone(), formula.value(answers)?)),
            _ => None,
        })
        .collect()
}
