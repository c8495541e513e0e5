//! Sending letters, and the proof of what became of them: delivered to the applicant's space, announced by e-mail, opened there by whom
//! and when, received by post on which day.

use std::collections::BTreeSet;

use ami_database::calls::Call;
use ami_database::letters::{self as rows, MovesLetter, Noted};
use ami_database::{deliberations, dossiers, organisations};
use ami_domain::dossier::Dossier;
use ami_domain::ids::{DeliberationId, DossierId, LetterId};
use ami_domain::letter::{Channel, Letter, LetterKind, LetterStage, LetterState};
use ami_domain::policy::{Action, Permit, Subject, acts, decide, permit};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::write::to_tell;
use super::{LetterView, Notice, SignatoryView, hold, own, paper, refusal, show_letter};
use crate::deliberations::{self as gathered, DeliberationView, written_day};
use crate::{Actor, Arrival, Error, Kind, Problem, Result, Work, about, lock_dossier, outbox};

/// A letter, for its applicant.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OwnLetter {
    /// Its id.
    pub id: Uuid,
    /// The dossier.
    pub dossier: Uuid,
    /// The dossier's number.
    pub number: String,
    /// What it says, such as `retained` or `inadmissible_late`.
    #[schema(value_type = String)]
    pub kind: LetterKind,
    /// Whether it tells of a decision.
    pub decides: bool,
    /// Whether totals and ranks that a program computed stand behind it, and can be explained.
    pub computed: bool,
    /// What it is about, in a line.
    pub title: String,
    /// The call's title.
    pub call_title: String,
    /// Code and name of the lot.
    pub lot: String,
    /// To whom: name, address, SIRET, one line each.
    pub recipient: Vec<String>,
    /// The day that it bears: when it was read and approved.
    #[schema(value_type = String, format = Date)]
    pub date: Date,
    /// Who wrote.
    pub authority: String,
    /// Service, address, e-mail, telephone: one line each.
    pub service: Vec<String>,
    /// Its text, paragraph by paragraph.
    pub paragraphs: Vec<String>,
    /// What stands below the text: deliberation, algorithm, remedies.
    pub notices: Vec<Notice>,
    /// Who signed.
    pub signatory: SignatoryView,
    /// `space` or `post`.
    #[schema(value_type = String)]
    pub channel: Channel,
    /// When it left.
    #[schema(value_type = String, format = DateTime)]
    pub sent_at: Timestamp,
    /// The day from which the delay to challenge it runs, once it is known.
    #[schema(value_type = Option<String>, format = Date)]
    pub notified_on: Option<Date>,
    /// Whether it belongs to a demonstration.
    pub demonstration: bool,
}

/// Lets a letter that was approved leave: into the applicant's space, with a notice by e-mail to each of its people.
pub(super) async fn send_one<A: MovesLetter>(
    work: &Work<'_>,
    call: &Call,
    permit: &Permit<A>,
    approved: Letter,
) -> Result<()> {
    let conn = work.tx.read();
    let electronic = rows::electronic(conn, [approved.dossier]).await?.contains(&approved.dossier);
    // What decides nothing is received as it is; what does, as the applicant agreed to.
    let channel = if electronic || !approved.kind.decides() { Channel::Space } else { Channel::Post };
    let dossier = dossiers::find(conn, approved.dossier).await?.ok_or_else(Error::not_found)?;
    let sent = approved.send(channel, work.at()).map_err(refusal)?;
    rows::save_letter(work.tx, permit, &sent).await?;
    let by = Some(permit.by());
    let noted = Noted { act: "delivered", detail: channel.as_str(), mail: None, id: work.id(), at: work.at(), by };
    rows::note(work.tx, &sent, noted).await?;
    let told = json!({
        "number": call.definition.dossier_number(dossier.number), "call_title": call.definition.title,
        "authority": call.definition.authority.name, "post": channel == Channel::Post,
        "url": work.settings().url(&format!("/dossiers/{}/courriers/{}", dossier.id, sent.id)),
    });
    for address in organisations::member_emails(conn, dossier.organisation).await? {
        let mail = outbox::enqueue(work, &address, work.views().mail("letter", &told)?, vec![]).await?;
        let noted = Noted { act: "mailed", detail: &address, mail: Some(mail), id: work.id(), at: work.at(), by };
        rows::note(work.tx, &sent, noted).await?;
    }
    Ok(())
}

/// What keeps the letters of a deliberation from leaving.
fn unready(
    told: &[(ami_domain::decision::Decision, Dossier, bool)],
    letters: &[Letter],
    call: &Call,
) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for (decision, dossier, stale) in told {
        let letter = letters.iter().find(|l| l.dossier == dossier.id);
        let code = match letter {
            _ if *stale => "notify-stale",
            None => "notify-unwritten",
            Some(letter)
                if paper::ranking_of(letter)?.zip(decision.basis.as_ref()).is_some_and(|(r, b)| r != b.ranking) =>
            {
                "notify-outdated"
            }
            Some(letter) if letter.stage() == LetterStage::Draft => "notify-unread",
            Some(_) => continue,
        };
        problems.push(Problem {
            pointer: format!("/letters/{}", letter.map_or_else(|| dossier.id.uuid(), |l| l.id.uuid())),
            code: code.into(),
            args: vec![("number", call.definition.dossier_number(dossier.number))],
        });
    }
    Ok(problems)
}

/// Lets every letter of a deliberation leave, at once or not at all; whoever withdrew, and whose decision was replaced, is not written to.
///
/// # Errors
/// `deliberation-not-executory`; `notify-refused` with each letter that is missing, unread, or whose decision has lost its ground.
pub async fn notify_deliberation(app: &Arrival, who: Option<&Actor>, id: DeliberationId) -> Result<DeliberationView> {
    app.write_once(who, id, |work, &id| {
        Box::pin(async move {
            let (call, held) = gathered::hold(work, id).await?;
            let permit = permit::<acts::SendLetters>(work.who(), &Subject::call(call.facts(work.at())))?;
            let notified = held.clone().notify(work.at(), permit.by()).map_err(gathered::refusal)?;
            let told = to_tell(work, &held).await?;
            let letters = rows::of_deliberation(work.tx.read(), id).await?;
            let problems = unready(&told, &letters, &call)?;
            if !problems.is_empty() {
                return Err(Error { problems, ..Error::new(Kind::Conflict, "notify-refused") });
            }
            let to: BTreeSet<DossierId> = told.iter().map(|(_, dossier, _)| dossier.id).collect();
            let mut sent = 0;
            for letter in letters {
                if to.contains(&letter.dossier) {
                    send_one(work, &call, &permit, letter).await?;
                    sent += 1;
                } else {
                    let void = letter.void().map_err(refusal)?;
                    rows::save_letter(work.tx, &permit, &void).await?;
                    super::noted(work, &void, "void", "").await?;
                }
            }
            deliberations::save_deliberation(work.tx, &permit, &notified, "", (work.id(), work.at())).await?;
            let subject = ("deliberation", id.to_string());
            let details = json!({ "number": notified.number, "letters": sent });
            work.record(Some(call.id), Some(permit.by()), Action::SendLetters, subject, details).await?;
            Ok(())
        })
    })
    .await?;
    gathered::show_deliberation(app, who, id).await
}

/// Records the day on the receipt of a letter that went by registered post; a day recorded wrongly is recorded again.
pub async fn record_delivery(
    app: &Arrival,
    who: Option<&Actor>,
    id: LetterId,
    received_on: &str,
) -> Result<LetterView> {
    super::load(app, who, id).await?;
    let on = written_day("/received_on", received_on)?;
    app.write_once(who, (id, on), |work, &(id, on)| {
        Box::pin(async move {
            let (call, held) = hold(work, id).await?;
            let permit = permit::<acts::RecordDelivery>(work.who(), &Subject::call(call.facts(work.at())))?;
            if on > ami_domain::call::day(work.at()) {
                return Err(Error::field("/received_on", "letter-day"));
            }
            let received = held.receive(on).map_err(|error| match error {
                ami_domain::letter::LetterError::Transition { from: LetterStage::Sent, .. } => {
                    Error::new(Kind::Conflict, "letter-not-posted")
                }
                other => refusal(other),
            })?;
            rows::save_letter(work.tx, &permit, &received).await?;
            super::noted(work, &received, "received", &on.to_string()).await?;
            let subject = ("letter", id.to_string());
            let details = json!({ "received_on": on });
            work.record(Some(call.id), Some(permit.by()), Action::RecordDelivery, subject, details).await?;
            Ok(())
        })
    })
    .await?;
    show_letter(app, who, id).await
}

fn own_view(l: Letter) -> Result<Option<OwnLetter>> {
    let LetterState::Sent { channel, at, approval, .. } = l.state else { return Ok(None) };
    let facts = paper::read_facts(&l.facts)?;
    Ok(Some(OwnLetter {
        id: l.id.uuid(),
        dossier: l.dossier.uuid(),
        number: facts.number,
        kind: l.kind,
        decides: l.kind.decides(),
        computed: facts.ranking.is_some(),
        call_title: facts.call_title,
        lot: facts.lot,
        recipient: facts.recipient,
        date: ami_domain::call::day(approval.at),
        notified_on: l.notified_on(),
        title: l.title,
        authority: facts.authority,
        service: facts.service,
        paragraphs: l.body.split("\n\n").map(str::to_owned).collect(),
        notices: facts.notices,
        signatory: facts.signatory,
        channel,
        sent_at: at,
        demonstration: facts.demonstration,
    }))
}

/// The letters that were sent to one's own organisation on a dossier. Listing them opens none.
pub async fn list_own(app: &Arrival, who: Option<&Actor>, id: DossierId) -> Result<Vec<OwnLetter>> {
    own(app, who, id).await?;
    let letters = rows::of_dossier(app.database.read(), id).await?;
    letters.into_iter().filter_map(|l| own_view(l).transpose()).collect()
}

/// A letter to one's own organisation. Its first reading is recorded, with who read it: from then on the delay runs.
pub async fn open_own(app: &Arrival, who: Option<&Actor>, of: Option<DossierId>, id: LetterId) -> Result<OwnLetter> {
    let conn = app.database.read();
    who.ok_or(ami_domain::policy::Denial::SignInFirst)?;
    let found = rows::find(conn, id).await?.ok_or_else(Error::not_found)?;
    // An address with another dossier opens nothing.
    if of.is_some_and(|of| of != found.dossier) {
        return Err(Error::not_found());
    }
    let (call, dossier) = app.dossier(found.dossier).await?;
    decide(Action::ReadOwnLetter, who, &about(app.at, &call, &dossier)).map_err(|_| Error::not_found())?;
    if let LetterState::Sent { opened_at: Some(_), .. } = found.state {
        return own_view(found)?.ok_or_else(Error::not_found);
    }
    let opened = app
        .write(who, id, |work, &id| {
            Box::pin(async move {
                let place = rows::find(work.tx.read(), id).await?.ok_or_else(Error::not_found)?;
                let (call, dossier) = lock_dossier(work.tx, place.dossier).await?;
                let permit = permit::<acts::ReadOwnLetter>(work.who(), &about(work.at(), &call, &dossier))?;
                let held = rows::find_for_update(work.tx, id).await?.ok_or_else(Error::not_found)?;
                let before = held.revision;
                // One that has not left is known to nobody of theirs.
                let opened = held.open(work.at()).map_err(|_| Error::not_found())?;
                if opened.revision != before {
                    rows::save_opened(work.tx, &permit, &opened).await?;
                    super::noted(work, &opened, "opened", "").await?;
                    let subject = ("letter", id.to_string());
                    let details = json!({ "dossier": opened.dossier });
                    work.record(Some(call.id), Some(permit.by()), Action::ReadOwnLetter, subject, details).await?;
                }
                Ok(opened)
            })
        })
        .await?;
    own_view(opened)?.ok_or_else(Error::not_found)
}

/// Says whether one's own organisation accepts to be notified in its space.
pub async fn choose_notification(app: &Arrival, who: Option<&Actor>, id: DossierId, accepted: bool) -> Result<()> {
    app.write_once(who, (id, accepted), |work, &(id, accepted)| {
        Box::pin(async move {
            let (call, dossier) = lock_dossier(work.tx, id).await?;
            let permit = permit::<acts::ChooseNotification>(work.who(), &about(work.at(), &call, &dossier))?;
            let sent = rows::of_dossier(work.tx.read(), id).await?;
            if sent.iter().any(|l| l.kind.decides() && l.stage() == LetterStage::Sent) {
                return Err(Error::new(Kind::Conflict, "notification-chosen"));
            }
            rows::set_electronic(work.tx, &permit, accepted, work.at()).await?;
            let subject = ("dossier", id.to_string());
            let details = json!({ "electronic": accepted });
            work.record(Some(call.id), Some(permit.by()), Action::ChooseNotification, subject, details).await?;
            Ok(())
        })
    })
    .await
}

/// Whether one's own organisation accepts to be notified in its space.
pub async fn accepts_electronic(app: &Arrival, who: Option<&Actor>, id: DossierId) -> Result<bool> {
    own(app, who, id).await?;
    Ok(rows::electronic(app.database.read(), [id]).await?.contains(&id))
}
