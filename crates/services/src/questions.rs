//! Questions on calls: asked privately, seen by the call's officers, answered in public.
//!
//! Who asked is in one column, which answers the asker alone: no view, no act of the journal names them.

use ami_database::questions as rows;
use ami_database::{accounts, calls as call_rows};
use ami_domain::call::Phase;
use ami_domain::ids::QuestionId;
use ami_domain::policy::{Action, Subject, acts, decide, permit};
use ami_domain::question::{Answer, Question, QuestionError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::calls::CallView;
use crate::{Actor, Arrival, Error, Kind, Result, hold_call, outbox};

/// So many questions of one person wait for an answer at once.
const MOST_WAITING: u64 = 20;

/// A question to ask.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct NewQuestion {
    /// The question.
    pub text: String,
}

/// An officer's answer.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct NewAnswer {
    /// The question as everyone is to read it, without what would tell who asked; as it was asked when left out.
    #[serde(default)]
    pub text: String,
    /// The answer.
    pub answer: String,
    /// Whether everyone is to read both.
    #[serde(default)]
    pub publish: bool,
}

/// A question as its asker and the officers see it. Nothing says who asked.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct QuestionView {
    /// Its id.
    pub id: Uuid,
    /// As it was asked.
    pub text: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub asked_at: Timestamp,
    /// As it is published.
    pub public_text: String,
    /// The answer; empty without.
    pub answer: String,
    /// Whether everyone reads both.
    pub published: bool,
    /// For `If-Match`.
    pub revision: i64,
}

impl QuestionView {
    fn new(question: Question) -> Self {
        Self {
            id: question.id.uuid(),
            text: question.text,
            asked_at: question.asked_at,
            public_text: question.public_text,
            answer: question.answer,
            published: question.published_at.is_some(),
            revision: question.revision,
        }
    }
}

/// A question and its answer as everyone reads them.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PublishedQuestion {
    /// The question.
    pub text: String,
    /// The answer.
    pub answer: String,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub published_at: Timestamp,
}

fn refusal(error: QuestionError) -> Error {
    match error {
        QuestionError::Over { until } => {
            Error::new(Kind::Conflict, "questions-over").with("until", ami_views::date_time(until))
        }
        QuestionError::NoText => Error::field("/text", "question-empty"),
        QuestionError::TextTooLong(length) => Error::too_long("/text", length),
        QuestionError::NoAnswer => Error::field("/answer", "answer-empty"),
        QuestionError::AnswerTooLong(length) => Error::too_long("/answer", length),
    }
}

/// Whether a call takes questions now.
pub fn takes_questions(call: &CallView) -> bool {
    matches!(call.phase, Phase::Upcoming | Phase::Open) && call.now <= call.definition.calendar.questions_until
}

/// Asks a question on a call.
///
/// # Errors
/// `questions-over` once the calendar takes none any more, `too-many-questions`.
pub async fn ask_question(app: &Arrival, who: Option<&Actor>, code: &str, new: &NewQuestion) -> Result<QuestionView> {
    let id = app
        .write_once(who, (code.to_owned(), new.clone()), |work, (code, new)| {
            Box::pin(async move {
                let call = hold_call(work.tx, code).await?;
                let subject = Subject::call(call.facts(work.at()));
                decide(Action::ReadCall, work.who(), &subject)?;
                let permit = permit::<acts::AskQuestion>(work.who(), &subject)?;
                let by = (work.id(), call.id, permit.by());
                let asked = Question::ask(by, &new.text, &call.definition.calendar, work.at()).map_err(refusal)?;
                if rows::waiting_of(work.tx.read(), call.id, permit.by()).await? >= MOST_WAITING {
                    return Err(Error::new(Kind::Conflict, "too-many-questions").with("max", MOST_WAITING));
                }
                rows::insert_question(work.tx, &permit, &asked).await?;
                let subject = ("question", asked.id.to_string());
                // The journal is read by others: it tells that somebody asked.
                work.record(Some(call.id), None, Action::AskQuestion, subject, json!({})).await?;
                Ok(asked.id)
            })
        })
        .await?;
    rows::find(app.database.read(), id).await?.map(QuestionView::new).ok_or_else(Error::not_found)
}

/// The questions on a call that somebody asked, for them.
pub async fn list_own(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<Vec<QuestionView>> {
    let call = app.call(code).await?;
    decide(Action::ReadCall, who, &Subject::call(call.facts(app.at)))?;
    let own = who.ok_or(ami_domain::policy::Denial::SignInFirst)?.account;
    let asked = rows::of_call(app.database.read(), call.id).await?;
    Ok(asked.into_iter().filter(|question| question.asked_by == own).map(QuestionView::new).collect())
}

/// All questions on a call, for its officers.
pub async fn list_asked(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<Vec<QuestionView>> {
    let call = app.call(code).await?;
    let subject = Subject::call(call.facts(app.at));
    decide(Action::ReadCall, who, &subject)?;
    decide(Action::AnswerQuestion, who, &subject)?;
    Ok(rows::of_call(app.database.read(), call.id).await?.into_iter().map(QuestionView::new).collect())
}

/// What everyone reads, in the order in which it was published; with a word that changes with it.
pub async fn list_published(
    app: &Arrival,
    who: Option<&Actor>,
    code: &str,
) -> Result<(String, Vec<PublishedQuestion>)> {
    let call = app.call(code).await?;
    decide(Action::ReadCall, who, &Subject::call(call.facts(app.at)))?;
    let (count, last) = rows::published_stamp(app.database.read(), call.id).await?;
    let mut published: Vec<PublishedQuestion> = Vec::new();
    if count > 0 {
        let all = rows::of_call(app.database.read(), call.id).await?;
        published.extend(all.into_iter().filter_map(|question| {
            let published_at = question.published_at?;
            Some(PublishedQuestion { text: question.public_text, answer: question.answer, published_at })
        }));
        published.sort_by_key(|question| question.published_at);
    }
    Ok((format!("{count} {}", last.unwrap_or_default()), published))
}

/// Answers a question, or answers it anew; who asked is told the first time.
///
/// # Errors
/// `stale` when somebody else answered since `revision`.
pub async fn answer_question(
    app: &Arrival,
    who: Option<&Actor>,
    id: QuestionId,
    revision: Option<i64>,
    new: &NewAnswer,
) -> Result<QuestionView> {
    app.write(who, (id, revision, new.clone()), |work, (id, revision, new)| {
        Box::pin(async move {
            if work.who().is_none() {
                return Err(ami_domain::policy::Denial::SignInFirst.into());
            }
            let asked = rows::find(work.tx.read(), *id).await?.ok_or_else(Error::not_found)?;
            let call = call_rows::find_for_share(work.tx, asked.call).await?.ok_or_else(Error::not_found)?;
            // Whoever is not an officer of the call is not told that somebody asked.
            let subject = Subject::call(call.facts(work.at()));
            let permit = permit::<acts::AnswerQuestion>(work.who(), &subject).map_err(|_| Error::not_found())?;
            if revision.is_some_and(|revision| revision != asked.revision) {
                return Err(Error::new(Kind::Stale, "stale"));
            }
            let first = asked.answered_at.is_none();
            let given = Answer { public_text: &new.text, answer: &new.answer, publish: new.publish };
            let answered = asked.answer(&given, work.at()).map_err(refusal)?;
            rows::save_answer(work.tx, &permit, &answered, (work.id(), work.at())).await?;
            let subject = ("question", id.to_string());
            let details = json!({ "revision": answered.revision, "published": answered.published_at.is_some() });
            work.record(Some(call.id), Some(permit.by()), Action::AnswerQuestion, subject, details).await?;
            let person = accounts::find(work.tx.read(), answered.asked_by).await?;
            if let Some(person) = person.filter(|person| first && person.disabled_at.is_none()) {
                let url = work.settings().url(&format!("/appels/{}/question", call.definition.code));
                let told = json!({
                    "call_title": call.definition.title, "text": answered.text, "answer": answered.answer, "url": url,
                    "service": call.definition.service.name,
                });
                let mail = work.views().mail("question_answered", &told)?;
                outbox::enqueue(work, &person.email.to_string(), mail, vec![]).await?;
            }
            Ok(())
        })
    })
    .await?;
    rows::find(app.database.read(), id).await?.map(QuestionView::new).ok_or_else(Error::not_found)
}

/// The call that a question is on, for its officers.
pub async fn call_of_question(app: &Arrival, who: Option<&Actor>, id: QuestionId) -> Result<String> {
    if who.is_none() {
        return Err(ami_domain::policy::Denial::SignInFirst.into());
    }
    let asked = rows::find(app.database.read(), id).await?.ok_or_else(Error::not_found)?;
    let call = app.call_of(asked.call).await?.ok_or_else(Error::not_found)?;
    let subject = Subject::call(call.facts(app.at));
    decide(Action::AnswerQuestion, who, &subject).map_err(|_| Error::not_found())?;
    Ok(call.definition.code.clone())
}
