//! What a dossier still lacks before it can be deposited.

use std::collections::BTreeMap;

use crate::answer::FieldError;
use crate::call::CallDefinition;
use crate::form::{Answers, FieldKind, Requirement};

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
    let asked = call.form.asked(filled.answers, closing_day);
    let mut gaps = Vec::new();
    for field in call.form.fields().filter(|f| !asked.hidden.contains(f.code.as_str())) {
        let binds = field.required.binds(&asked.answers, closing_day);
        if let Some(error) = filled.invalid.get(&field.code) {
            // What was asked for in a situation that is no more keeps nobody from filing.
            if binds || !matches!(field.required, Requirement::When(_)) {
                gaps.push(Gap::Invalid { field: field.code.clone(), error: error.clone() });
            }
        } else if field.is_typed() && !asked.answers.contains_key(&field.code) && binds {
            gaps.push(Gap::Answer { field: field.code.clone() });
        }
    }
    for slot in &call.pieces {
        let missing = filled.pieces.get(&slot.code).copied().unwrap_or(0) == 0;
        if missing && slot.required.binds(&asked.answers, closing_day) {
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
    let asked = call.form.asked(filled.answers, closing_day);
    call.form
        .sections
        .iter()
        .map(|section| {
            let mut progress = Progress { required: 0, done: 0, invalid: 0 };
            let fields = section.fields.iter().filter(|f| f.is_typed() && !asked.hidden.contains(f.code.as_str()));
            for field in fields {
                if filled.invalid.contains_key(&field.code) {
                    progress.invalid += 1;
                }
                if field.required.binds(&asked.answers, closing_day) {
                    progress.required += 1;
                    if asked.answers.contains_key(&field.code) && !filled.invalid.contains_key(&field.code) {
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
    let asked = call.form.asked(answers, call.calendar.closing_day());
    call.form
        .fields()
        .filter(|field| !asked.hidden.contains(field.code.as_str()))
        .filter_map(|field| match &field.kind {
            FieldKind::Computed { formula } => Some((field.code.clone(), formula.value(&asked.answers)?)),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::answer::Answer;

    /// The demonstration call: 3.03 « En groupement ? » decides whether 3.04, its members, is asked.
    fn call() -> CallDefinition {
        crate::call::Draft::from_toml(include_str!("../../../fixtures/call.toml")).unwrap().sketch()
    }

    #[test]
    fn what_is_asked_no_more_neither_blocks_nor_counts() {
        let mut call = call();
        assert_eq!(call.form.shown_by_later(), Vec::<(&str, &str)>::new());
        let wrong = FieldError { code: "required", args: vec![], at: None };
        let invalid = BTreeMap::from([("3.04".to_owned(), wrong)]);
        let blocks = |call: &CallDefinition, grouped: bool| {
            let answers = Answers::from([("3.03".into(), Answer::YesNo(grouped))]);
            let filled = Filled { answers: &answers, invalid: &invalid, pieces: &BTreeMap::new() };
            gaps(call, filled).iter().any(|g| matches!(g, Gap::Invalid { field, .. } if field == "3.04"))
        };
        assert_eq!((blocks(&call, true), blocks(&call, false)), (true, false));

        // Nor in a call of before, which says only when it is required.
        let fields = call.form.sections.iter_mut().flat_map(|s| &mut s.fields);
        fields.for_each(|f| f.shown_when = None);
        assert_eq!((blocks(&call, true), blocks(&call, false)), (true, false));
    }

    #[test]
    fn a_question_is_hidden_with_the_one_that_shows_it() {
        let mut call = call();
        let show = |call: &mut CallDefinition, code: &str, by: &str| {
            let mut fields = call.form.sections.iter_mut().flat_map(|s| &mut s.fields);
            let field = fields.find(|f| f.code == code).unwrap();
            field.shown_when = serde_json::from_value(json!({ "yes": by })).unwrap();
        };
        // 2.07 shows 3.03, which shows 3.04.
        show(&mut call, "3.03", "2.07");
        let yes = |code: &str| (code.to_owned(), Answer::YesNo(true));
        let day = call.calendar.closing_day();
        let answers = Answers::from([yes("2.07"), yes("3.03")]);
        assert!(!call.form.asked(&answers, day).hidden.contains("3.04"));
        let answers = Answers::from([yes("3.03")]);
        let asked = call.form.asked(&answers, day);
        assert!(asked.hidden.contains("3.03") && asked.hidden.contains("3.04") && asked.answers.is_empty());
        show(&mut call, "1.04", "2.07");
        assert_eq!(call.form.shown_by_later(), [("1.04", "2.07")]);
    }
}
