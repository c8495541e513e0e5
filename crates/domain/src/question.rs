//! A question on a call: asked privately while the calendar says so, answered in public without a word of who asked.

use jiff::Timestamp;
use thiserror::Error;

use crate::call::Calendar;
use crate::ids::{AccountId, CallId, QuestionId};
use crate::text;

/// A question, with its answer once there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Its id.
    pub id: QuestionId,
    /// The call.
    pub call: CallId,
    /// As it was asked.
    pub text: String,
    /// When.
    pub asked_at: Timestamp,
    /// By whom: known to the system alone, which tells them of the answer.
    pub asked_by: AccountId,
    /// As it is published: officers take out of it what would tell who asked.
    pub public_text: String,
    /// The answer; empty without.
    pub answer: String,
    /// When it was last answered.
    pub answered_at: Option<Timestamp>,
    /// Since when everyone reads it.
    pub published_at: Option<Timestamp>,
    /// Counts answers.
    pub revision: i64,
}

/// An officer's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<'a> {
    /// The question as it is to be published; as it was asked when left empty.
    pub public_text: &'a str,
    /// The answer.
    pub answer: &'a str,
    /// Whether everyone is to read both.
    pub publish: bool,
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum QuestionError {
    /// The time for questions is over.
    #[error("questions were taken until {until}")]
    Over {
        /// The last instant.
        until: Timestamp,
    },
    /// Nothing was asked.
    #[error("no text")]
    NoText,
    /// More characters than are kept.
    #[error("a text of {0} characters")]
    TextTooLong(usize),
    /// Nothing was answered.
    #[error("no answer")]
    NoAnswer,
    /// More characters than are kept.
    #[error("an answer of {0} characters")]
    AnswerTooLong(usize),
}

impl Question {
    /// Asks a question at an instant.
    pub fn ask(
        (id, call, asked_by): (QuestionId, CallId, AccountId),
        written: &str,
        calendar: &Calendar,
        at: Timestamp,
    ) -> Result<Self, QuestionError> {
        if at > calendar.questions_until {
            return Err(QuestionError::Over { until: calendar.questions_until });
        }
        let text = text::clean(written);
        if text.is_empty() {
            return Err(QuestionError::NoText);
        }
        text::bounded(&text).map_err(QuestionError::TextTooLong)?;
        Ok(Self {
            id,
            call,
            public_text: text.clone(),
            text,
            asked_at: at,
            asked_by,
            answer: String::new(),
            answered_at: None,
            published_at: None,
            revision: 0,
        })
    }

    /// Answers it, or answers it anew. What was published stays so since the first time, until it is taken back.
    pub fn answer(self, given: &Answer<'_>, at: Timestamp) -> Result<Self, QuestionError> {
        let (public, answer) = (text::clean(given.public_text), text::clean(given.answer));
        if answer.is_empty() {
            return Err(QuestionError::NoAnswer);
        }
        text::bounded(&answer).map_err(QuestionError::AnswerTooLong)?;
        text::bounded(&public).map_err(QuestionError::TextTooLong)?;
        Ok(Self {
            public_text: if public.is_empty() { self.text.clone() } else { public },
            answer,
            answered_at: Some(at),
            published_at: given.publish.then(|| self.published_at.unwrap_or(at)),
            revision: self.revision + 1,
            ..self
        })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn ask(written: &str, at: Timestamp) -> Result<Question, QuestionError> {
        let calendar = Calendar {
            opens: "2027-01-01T00:00:00Z".parse().unwrap(),
            closes: "2027-03-01T00:00:00Z".parse().unwrap(),
            questions_until: "2027-02-01T11:00:00Z".parse().unwrap(),
            completion_until: "2027-04-01T00:00:00Z".parse().unwrap(),
            marking_from: "2027-04-01T00:00:00Z".parse().unwrap(),
            marking_until: "2027-05-01T00:00:00Z".parse().unwrap(),
            milestones: vec![],
        };
        let id = Uuid::from_u128(1);
        Question::ask((id.into(), id.into(), id.into()), written, &calendar, at)
    }

    #[test]
    fn questions_are_taken_to_the_tick() {
        let until = at("2027-02-01T11:00:00Z");
        assert!(ask(" Qui ? ", until).is_ok_and(|question| question.text == "Qui ?"));
        assert_eq!(ask("Qui ?", at("2027-02-01T11:00:00.000001Z")), Err(QuestionError::Over { until }));
        assert_eq!(ask("\u{200b} ", until), Err(QuestionError::NoText));
        assert_eq!(ask(&"é".repeat(4001), until), Err(QuestionError::TextTooLong(4001)));
    }

    #[test]
    fn an_answer_may_be_put_right_and_keeps_its_first_day() {
        let asked = ask("Moi, Ada, puis-je ?", at("2027-01-15T00:00:00Z")).unwrap();
        let answer = |public_text, answer, publish| Answer { public_text, answer, publish };
        assert_eq!(asked.clone().answer(&answer("", " ", true), asked.asked_at), Err(QuestionError::NoAnswer));
        let first = at("2027-01-16T00:00:00Z");
        let private = asked.answer(&answer("", "Oui.", false), first).unwrap();
        assert_eq!((private.public_text.as_str(), private.published_at), ("Moi, Ada, puis-je ?", None));
        let published = private.answer(&answer("Peut-on ?", "Oui.", true), first).unwrap();
        let later = published.answer(&answer("Peut-on ?", "Non.", true), at("2027-01-17T00:00:00Z")).unwrap();
        assert_eq!((later.published_at, later.answer.as_str(), later.revision), (Some(first), "Non.", 3));
        assert_eq!(later.text, "Moi, Ada, puis-je ?");
    }
}
