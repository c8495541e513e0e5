//! Questions on calls, and what was answered.

use ami_domain::ids::{AccountId, CallId, HistoryId, QuestionId};
use ami_domain::policy::{Permit, acts};
use ami_domain::question::Question;
use jiff::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
};

use crate::connection::{exactly_one, insert, instant, permitted, stored};
use crate::entities::question::{question_answers, questions};
use crate::{Result, Tx};

fn question(r: questions::Model) -> Result<Question> {
    let at = |column, value| instant("questions", column, r.id, value);
    Ok(Question {
        asked_at: at("asked_at", r.asked_at)?,
        answered_at: r.answered_at.map(|value| at("answered_at", value)).transpose()?,
        published_at: r.published_at.map(|value| at("published_at", value)).transpose()?,
        id: r.id.into(),
        call: r.call_id.into(),
        text: r.text,
        asked_by: r.asked_by.into(),
        public_text: r.public_text,
        answer: r.answer,
        revision: r.revision,
    })
}

/// Keeps a question that was asked.
pub async fn insert_question(tx: &Tx, permit: &Permit<acts::AskQuestion>, question: &Question) -> Result<()> {
    permitted("questions", (permit.on(), permit.by()), (question.call, question.asked_by))?;
    insert(
        tx,
        questions::Model {
            id: question.id.uuid(),
            call_id: question.call.uuid(),
            text: question.text.clone(),
            asked_at: stored(question.asked_at),
            asked_by: question.asked_by.uuid(),
            public_text: question.public_text.clone(),
            answer: question.answer.clone(),
            answered_at: question.answered_at.map(stored),
            published_at: question.published_at.map(stored),
            revision: question.revision,
        },
    )
    .await
}

/// A question by its id.
pub async fn find(conn: &impl ConnectionTrait, id: QuestionId) -> Result<Option<Question>> {
    questions::Entity::find_by_id(id.uuid()).one(conn).await?.map(question).transpose()
}

/// The questions on a call, the oldest first.
pub async fn of_call(conn: &impl ConnectionTrait, call: CallId) -> Result<Vec<Question>> {
    let found = questions::Entity::find()
        .filter(questions::Column::CallId.eq(call.uuid()))
        .order_by_asc(questions::Column::AskedAt)
        .order_by_asc(questions::Column::Id)
        .all(conn)
        .await?;
    found.into_iter().map(question).collect()
}

/// How many questions of somebody's on a call wait for an answer.
pub async fn waiting_of(conn: &impl ConnectionTrait, call: CallId, account: AccountId) -> Result<u64> {
    let waiting = questions::Entity::find()
        .filter(questions::Column::CallId.eq(call.uuid()))
        .filter(questions::Column::AskedBy.eq(account.uuid()))
        .filter(questions::Column::AnsweredAt.is_null());
    Ok(waiting.count(conn).await?)
}

/// How many questions on a call are published, and when the last one was answered: what says that they have changed.
pub async fn published_stamp(conn: &impl ConnectionTrait, call: CallId) -> Result<(i64, Option<i64>)> {
    let found: Option<(i64, Option<i64>)> = questions::Entity::find()
        .select_only()
        .column_as(questions::Column::Id.count(), "published")
        .column_as(questions::Column::AnsweredAt.max(), "last")
        .filter(questions::Column::CallId.eq(call.uuid()))
        .filter(questions::Column::PublishedAt.is_not_null())
        .into_tuple()
        .one(conn)
        .await?;
    Ok(found.unwrap_or_default())
}

/// Keeps an answer, and that it was given.
///
/// # Errors
/// [`crate::DatabaseError::Conflict`] when somebody else answered meanwhile.
pub async fn save_answer(
    tx: &Tx,
    permit: &Permit<acts::AnswerQuestion>,
    question: &Question,
    (id, now): (HistoryId, Timestamp),
) -> Result<()> {
    permitted("questions", permit.on(), question.call)?;
    let saved = questions::Entity::update_many()
        .col_expr(questions::Column::PublicText, Expr::value(question.public_text.as_str()))
        .col_expr(questions::Column::Answer, Expr::value(question.answer.as_str()))
        .col_expr(questions::Column::AnsweredAt, Expr::value(question.answered_at.map(stored)))
        .col_expr(questions::Column::PublishedAt, Expr::value(question.published_at.map(stored)))
        .col_expr(questions::Column::Revision, Expr::value(question.revision))
        .filter(questions::Column::Id.eq(question.id.uuid()))
        .filter(questions::Column::Revision.eq(question.revision - 1))
        .exec(&tx.0)
        .await?;
    exactly_one("questions", &saved)?;
    insert(
        tx,
        question_answers::Model {
            id: id.uuid(),
            question_id: question.id.uuid(),
            public_text: question.public_text.clone(),
            answer: question.answer.clone(),
            published: question.published_at.is_some(),
            revision: question.revision,
            at: stored(now),
            by_account: permit.by().uuid(),
        },
    )
    .await
}
