//! Reading letters over and answering for them, one by one or several that were read together.

use ami_database::calls::Call;
use ami_database::letters as rows;
use ami_domain::ids::{DeliberationId, LetterId};
use ami_domain::letter::{Letter, LetterStage};
use ami_domain::policy::{Action, Permit, Subject, acts, permit};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{LetterView, hold, list_call_letters, list_letters, noted, paper, refusal, seen, send, show_letter};
use crate::{Actor, Arrival, Error, Kind, Problem, Result, Work, deliberations, hold_call};

/// Letters that are read over together.
#[derive(Debug, Clone)]
pub enum Stack {
    /// Those of a deliberation.
    Deliberation(DeliberationId),
    /// Those of a call's examination.
    Examination(String),
}

/// A letter as somebody has read it.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
pub struct ReadLetter {
    /// Its id.
    pub id: Uuid,
    /// The revision that was read.
    pub revision: i64,
}

/// Answers for a letter: it is fixed as a document. One that waits for no deliberation leaves at once.
async fn answer_for(
    work: &Work<'_>,
    call: &Call,
    permit: &Permit<acts::ApproveLetter>,
    letter: Letter,
) -> Result<Letter> {
    let approved = letter.approve(work.at(), permit.by()).map_err(refusal)?;
    rows::save_letter(work.tx, permit, &approved).await?;
    paper::issue(work, &approved).await?;
    noted(work, &approved, "approved", "").await?;
    let subject = ("letter", approved.id.to_string());
    let details = json!({ "dossier": approved.dossier, "kind": approved.kind });
    work.record(Some(call.id), Some(permit.by()), Action::ApproveLetter, subject, details).await?;
    if approved.deliberation.is_none() {
        send::send_one(work, call, permit, approved.clone()).await?;
    }
    Ok(approved)
}

/// Says that a letter was read and is answered for.
///
/// # Errors
/// `stale` when it is no longer what was read; `letter-approved`, `letter-sent`.
pub async fn approve_letter(
    app: &Arrival,
    who: Option<&Actor>,
    id: LetterId,
    if_match: Option<i64>,
) -> Result<LetterView> {
    app.write_once(who, (id, if_match), |work, &(id, if_match)| {
        Box::pin(async move {
            let (call, held) = hold(work, id).await?;
            let permit = permit::<acts::ApproveLetter>(work.who(), &Subject::call(call.facts(work.at())))?;
            seen(if_match, &held)?;
            answer_for(work, &call, &permit, held).await?;
            Ok(())
        })
    })
    .await?;
    show_letter(app, who, id).await
}

/// The letters that wait to be read, by lot and number.
pub async fn list_unread(app: &Arrival, who: Option<&Actor>, stack: &Stack) -> Result<Vec<LetterView>> {
    let mut letters = match stack {
        Stack::Deliberation(id) => list_letters(app, who, *id).await?,
        Stack::Examination(code) => list_call_letters(app, who, code).await?,
    };
    letters.retain(|l| l.state == LetterStage::Draft);
    Ok(letters)
}

/// Answers for several letters that were read, all or none.
///
/// # Errors
/// `letters-moved` with each one that is no longer what was read; `field-choice` for one that is not of these.
pub async fn approve_read(
    app: &Arrival,
    who: Option<&Actor>,
    stack: Stack,
    mut read: Vec<ReadLetter>,
) -> Result<usize> {
    // Whoever else answers for some of them takes them in the same order.
    read.sort_by_key(|letter| letter.id);
    read.dedup_by_key(|letter| letter.id);
    app.write_once(who, (stack, read), |work, (stack, read)| {
        Box::pin(async move {
            let (call, deliberation) = match stack {
                Stack::Deliberation(id) => (deliberations::hold(work, *id).await?.0, Some(*id)),
                Stack::Examination(code) => (hold_call(work.tx, code).await?, None),
            };
            let permit = permit::<acts::ApproveLetter>(work.who(), &Subject::call(call.facts(work.at())))?;
            if read.is_empty() {
                return Err(Error::field("/letters", "letters-none"));
            }
            let mut held = Vec::with_capacity(read.len());
            let (mut unknown, mut moved) = (Vec::new(), Vec::new());
            for (at, letter) in read.iter().enumerate() {
                let found = rows::find_for_update(work.tx, letter.id.into()).await?;
                match found.filter(|l| l.call == call.id && l.deliberation == deliberation) {
                    Some(l) if l.stage() == LetterStage::Draft && l.revision == letter.revision => held.push(l),
                    Some(l) => moved.push(Problem {
                        pointer: format!("/letters/{at}"),
                        code: "letter-moved".into(),
                        args: vec![("title", l.title)],
                    }),
                    None => unknown.push(Problem {
                        pointer: format!("/letters/{at}"),
                        code: "field-choice".into(),
                        args: vec![],
                    }),
                }
            }
            if !unknown.is_empty() {
                return Err(Error::invalid(unknown));
            }
            if !moved.is_empty() {
                return Err(Error { problems: moved, ..Error::new(Kind::Conflict, "letters-moved") });
            }
            let count = held.len();
            for letter in held {
                answer_for(work, &call, &permit, letter).await?;
            }
            Ok(count)
        })
    })
    .await
}
