//! Letters to applicants: written from the call's texts, read and approved by an officer, sent, and what became of them.

mod paper;
mod reading;
mod send;
mod signatories;
mod words;
mod write;

use std::collections::BTreeMap;

use ami_database::calls::Call;
use ami_database::letters::{self as rows, LetterAct};
use ami_database::mails::{self, Outcome};
use ami_database::{ConnectionTrait, accounts, dossiers};
use ami_domain::dossier::Dossier;
use ami_domain::ids::{DeliberationId, DossierId, LetterId};
use ami_domain::letter::{Channel, Letter, LetterError, LetterKind, LetterStage, LetterState};
use ami_domain::policy::{Action, Subject, acts, decide, permit};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::filed::Filings;
use crate::{Actor, Arrival, Error, Kind, Problem, Result, Work, about};

pub use paper::{Notice, letter_pdf};
pub(crate) use paper::{draw, ranking_of};
pub use reading::{ReadLetter, Stack, approve_letter, approve_read, list_unread};
pub use send::{
    OwnLetter, accepts_electronic, choose_notification, list_own, notify_deliberation, open_own, record_delivery,
};
pub use signatories::{NewSignatory, SignatoryView, add_signatory, end_signatory, list_signatories};
pub use write::{LettersInput, NewLetters, NewReserve, write_call_letters, write_letters};

/// A letter, for the officers of its call.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LetterView {
    /// Its id.
    pub id: Uuid,
    /// The call's code.
    pub call: String,
    /// The dossier.
    pub dossier: Uuid,
    /// The dossier's number.
    pub number: String,
    /// Its lot.
    pub lot: String,
    /// To whom.
    pub organisation: String,
    /// The deliberation that it tells of.
    pub deliberation: Option<Uuid>,
    /// What it says, such as `retained` or `inadmissible_late`.
    #[schema(value_type = String)]
    pub kind: LetterKind,
    /// `draft`, `approved`, `sent` or `void`.
    #[schema(value_type = String)]
    pub state: LetterStage,
    /// What it is about, in a line.
    pub title: String,
    /// Its text; empty lines part paragraphs.
    pub body: String,
    /// What stands below the text: deliberation, algorithm, remedies.
    pub notices: Vec<Notice>,
    /// Who signs.
    pub signatory: SignatoryView,
    /// When somebody answered for it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub approved_at: Option<Timestamp>,
    /// `space` or `post`, once it left.
    #[schema(value_type = Option<String>)]
    pub channel: Option<Channel>,
    /// When it left.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub sent_at: Option<Timestamp>,
    /// When somebody of the applicant's first read it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub opened_at: Option<Timestamp>,
    /// The day on the postal receipt.
    #[schema(value_type = Option<String>, format = Date)]
    pub received_on: Option<Date>,
    /// The day from which the delay to challenge it runs.
    #[schema(value_type = Option<String>, format = Date)]
    pub notified_on: Option<Date>,
    /// What became of it, in order.
    pub acts: Vec<LetterActView>,
    /// For `If-Match`.
    pub revision: i64,
}

/// An act on a letter.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LetterActView {
    /// `drafted`, `corrected`, `approved`, `delivered`, `mailed`, `opened` or `received`.
    pub act: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// By whom.
    pub by: Option<String>,
    /// An address, a day.
    pub detail: String,
    /// What became of the message that told of it: `waits`, `sent` or `failed`.
    pub mail: Option<&'static str>,
}

pub(crate) fn refusal(error: LetterError) -> Error {
    match error {
        LetterError::Transition { from, .. } => Error::new(
            Kind::Conflict,
            match from {
                LetterStage::Draft => "letter-unapproved",
                LetterStage::Approved => "letter-approved",
                LetterStage::Sent => "letter-sent",
                LetterStage::Void => "letter-void",
            },
        ),
        LetterError::Missing(name) => Error::field(&format!("/{name}"), "field-required"),
        LetterError::TooLong(name, length) => Error::invalid(vec![Problem {
            pointer: format!("/{name}"),
            code: "field-too-long".into(),
            args: vec![("length", length.to_string()), ("max", ami_domain::letter::LONGEST.to_string())],
        }]),
        LetterError::Early => Error::field("/received_on", "letter-day"),
    }
}

/// A letter with its call, for whoever may read a call's decisions.
async fn load(app: &Arrival, who: Option<&Actor>, id: LetterId) -> Result<(Call, Letter)> {
    who.ok_or(ami_domain::policy::Denial::SignInFirst)?;
    let conn = app.database.read();
    let found = rows::find(conn, id).await?.ok_or_else(Error::not_found)?;
    let call = app.call_of(found.call).await?.ok_or_else(Error::not_found)?;
    decide(Action::ReadDecisions, who, &Subject::call(call.facts(app.at))).map_err(|_| Error::not_found())?;
    Ok((call, found))
}

/// The same, for a write: the call does not move on, and nobody else moves the letter, until the transaction ends.
async fn hold(work: &Work<'_>, id: LetterId) -> Result<(Call, Letter)> {
    work.who().ok_or(ami_domain::policy::Denial::SignInFirst)?;
    let place = rows::find(work.tx.read(), id).await?.ok_or_else(Error::not_found)?;
    let call = ami_database::calls::find_for_share(work.tx, place.call).await?.ok_or_else(Error::not_found)?;
    let known = decide(Action::ReadDecisions, work.who(), &Subject::call(call.facts(work.at())));
    known.map_err(|_| Error::not_found())?;
    let held = rows::find_for_update(work.tx, id).await?.ok_or_else(Error::not_found)?;
    Ok((call, held))
}

/// Refuses when a letter is no longer what the writer has seen.
fn seen(if_match: Option<i64>, letter: &Letter) -> Result<()> {
    match if_match {
        Some(seen) if seen != letter.revision => Err(Error::new(Kind::Stale, "stale")),
        _ => Ok(()),
    }
}

/// One letter, for an officer.
pub async fn show_letter(app: &Arrival, who: Option<&Actor>, id: LetterId) -> Result<LetterView> {
    let (call, letter) = load(app, who, id).await?;
    app.note_reading(who, "letter", id);
    views(app, &call, vec![letter]).await?.pop().ok_or_else(Error::not_found)
}

/// The letter to read after this one; none when all were read.
pub async fn next_unread(app: &Arrival, who: Option<&Actor>, id: LetterId) -> Result<Option<LetterId>> {
    let (_, letter) = load(app, who, id).await?;
    Ok(rows::next_draft(app.database.read(), &letter).await?)
}

/// The letters of a deliberation, by lot and number.
pub async fn list_letters(app: &Arrival, who: Option<&Actor>, id: DeliberationId) -> Result<Vec<LetterView>> {
    let (call, _) = crate::deliberations::load(app, who, id).await?;
    let letters = rows::of_deliberation(app.database.read(), id).await?;
    views(app, &call, letters).await
}

/// The letters of a call that belong to no deliberation.
pub async fn list_call_letters(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<Vec<LetterView>> {
    let conn = app.database.read();
    let call = app.call(code).await?;
    decide(Action::ReadDecisions, who, &Subject::call(call.facts(app.at)))?;
    let mut letters = rows::of_call(conn, call.id).await?;
    letters.retain(|l| l.deliberation.is_none());
    views(app, &call, letters).await
}

async fn views(app: &Arrival, call: &Call, letters: Vec<Letter>) -> Result<Vec<LetterView>> {
    let conn = app.database.read();
    let known = dossiers::some(conn, letters.iter().map(|l| l.dossier)).await?;
    let filings = Filings::of(conn, call, known.keys().copied()).await?;
    let mut acts = rows::history(conn, letters.iter().map(|l| l.id)).await?;
    let people = accounts::names(conn, &acts.values().flatten().filter_map(|a| a.by).collect()).await?;
    let outcomes = mails::outcomes(conn, acts.values().flatten().filter_map(|a| a.mail)).await?;
    let act = |a: LetterAct| LetterActView {
        by: a.by.and_then(|by| people.get(&by)).map(|(name, _)| name.clone()),
        mail: a.mail.and_then(|id| outcomes.get(&id)).map(|outcome| match outcome {
            Outcome::Waits => "waits",
            Outcome::Sent(_) => "sent",
            Outcome::Failed(_) => "failed",
        }),
        act: a.act,
        at: a.at,
        detail: a.detail,
    };
    let mut shown = Vec::with_capacity(letters.len());
    for letter in letters {
        let Some(dossier) = known.get(&letter.dossier) else { continue };
        let acts = acts.remove(&letter.id).unwrap_or_default().into_iter().map(act).collect();
        shown.push((dossier.number, view(call, letter, dossier, &filings, acts)?));
    }
    shown.sort_by(|(a, x), (b, y)| (&x.lot, a).cmp(&(&y.lot, b)));
    Ok(shown.into_iter().map(|(_, view)| view).collect())
}

fn view(call: &Call, l: Letter, dossier: &Dossier, filings: &Filings, acts: Vec<LetterActView>) -> Result<LetterView> {
    let facts = paper::read_facts(&l.facts)?;
    let (approval, sent) = match l.state {
        LetterState::Draft | LetterState::Void => (None, None),
        LetterState::Approved(approval) => (Some(approval), None),
        LetterState::Sent { approval, channel, at, opened_at, received_on } => {
            (Some(approval), Some((channel, at, opened_at, received_on)))
        }
    };
    Ok(LetterView {
        id: l.id.uuid(),
        call: call.definition.code.clone(),
        dossier: dossier.id.uuid(),
        number: filings.number(dossier),
        lot: dossier.lot.clone(),
        organisation: filings.name(dossier.id),
        deliberation: l.deliberation.map(DeliberationId::uuid),
        kind: l.kind,
        state: l.stage(),
        notified_on: l.notified_on(),
        revision: l.revision,
        title: l.title,
        body: l.body,
        notices: facts.notices,
        signatory: facts.signatory,
        approved_at: approval.map(|a| a.at),
        channel: sent.map(|(channel, ..)| channel),
        sent_at: sent.map(|(_, at, ..)| at),
        opened_at: sent.and_then(|(_, _, opened, _)| opened),
        received_on: sent.and_then(|(.., on)| on),
        acts,
    })
}

/// Changes the words of a letter that has not left; whoever had approved it approves these anew.
pub async fn correct_letter(
    app: &Arrival,
    who: Option<&Actor>,
    id: LetterId,
    if_match: Option<i64>,
    (title, body): (Option<String>, Option<String>),
) -> Result<LetterView> {
    app.write_once(who, (id, if_match, title, body), |work, (id, if_match, title, body)| {
        Box::pin(async move {
            let (call, held) = hold(work, *id).await?;
            let permit = permit::<acts::WriteLetters>(work.who(), &Subject::call(call.facts(work.at())))?;
            seen(*if_match, &held)?;
            let (title, body) = (title.as_ref().unwrap_or(&held.title), body.as_ref().unwrap_or(&held.body));
            let (title, body) = (title.clone(), body.clone());
            let corrected = held.correct(&title, &body).map_err(refusal)?;
            rows::save_letter(work.tx, &permit, &corrected).await?;
            noted(work, &corrected, "corrected", "").await?;
            let subject = ("letter", id.to_string());
            let details = json!({ "dossier": corrected.dossier });
            work.record(Some(call.id), Some(permit.by()), Action::WriteLetters, subject, details).await?;
            Ok(())
        })
    })
    .await?;
    show_letter(app, who, id).await
}

/// Writes an act of whoever asks beside a letter.
async fn noted(work: &Work<'_>, letter: &Letter, act: &str, detail: &str) -> Result<()> {
    let by = work.who().map(|actor| actor.account);
    let noted = rows::Noted { act, detail, mail: None, id: work.id(), at: work.at(), by };
    Ok(rows::note(work.tx, letter, noted).await?)
}

/// Letters of a deliberation that have not left will not: what they say of it was recorded wrongly.
pub(crate) async fn void_unsent(
    work: &Work<'_>,
    permit: &ami_domain::policy::Permit<acts::CorrectDeliberation>,
    id: DeliberationId,
) -> Result<()> {
    for letter in rows::of_deliberation(work.tx.read(), id).await? {
        if letter.stage() != LetterStage::Sent {
            let void = letter.void().map_err(refusal)?;
            rows::save_letter(work.tx, permit, &void).await?;
            noted(work, &void, "void", "").await?;
        }
    }
    Ok(())
}

/// The dossiers of a call whose applicants were told that they are not examined.
pub(crate) async fn told_inadmissible(
    conn: &impl ConnectionTrait,
    call: &Call,
) -> Result<std::collections::BTreeSet<DossierId>> {
    let kinds = LetterKind::ALL.iter().copied().filter(|k| k.is_inadmissibility());
    Ok(rows::told(conn, call.id, kinds).await?)
}

/// A dossier of one's own, for its letters.
async fn own(app: &Arrival, who: Option<&Actor>, id: DossierId) -> Result<(Call, Dossier)> {
    let (call, dossier) = app.dossier(id).await?;
    decide(Action::ReadOwnDossier, who, &about(app.at, &call, &dossier))?;
    Ok((call, dossier))
}

/// By name, for journals and lists.
type ById<T> = BTreeMap<DossierId, T>;
