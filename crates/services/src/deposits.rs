//! The act of filing a dossier, and what may become of a deposit: changed, and only by a withdrawal no longer counted.

use std::collections::{BTreeMap, BTreeSet};

use ami_database::calls::Call;
use ami_database::deposits as rows;
use ami_database::dossiers::{self, StoredAnswer};
use ami_domain::completeness::Gap;
use ami_domain::deposit::{Content, Deposit, FiledPiece};
use ami_domain::dossier::{Dossier, DossierError, Filing};
use ami_domain::ids::{DepositId, DossierId};
use ami_domain::policy::{Action, Permit, acts, decide, permit};
use serde_json::{Value, json};

use crate::contents::{Loaded, load_draft};
use crate::outbox::{self, Enclosure};
use crate::pieces::let_go;
use crate::receipts::{self, Receipt};
use crate::tickets::arrival_by_ticket;
use crate::{Actor, Arrival, Error, Kind, Problem, Result, Work, about, lock_dossier};

/// Files a dossier at the instant at which the request arrived, so that a queue never makes anyone late.
///
/// # Errors
/// `closed` after closing, `not-open` before opening, `incomplete` with every gap; nothing of the draft is lost then, and an
/// earlier deposit goes on counting. With the ticket of an attempt that could not be kept it counts at that instant;
/// `ticket-changed` when the draft is no longer what it was then.
pub async fn deposit_dossier(
    app: &Arrival,
    who: Option<&Actor>,
    id: DossierId,
    ticket: Option<&str>,
) -> Result<Receipt> {
    let arrived = ticket.map(|ticket| arrival_by_ticket(app, who, id, ticket)).transpose()?;
    let app = &arrived.map_or_else(|| app.clone(), |at| app.clone().arrived_at(at));
    let deposit = app.write_once(who, (id, arrived), |work, &(id, arrived)| {
        Box::pin(async move {
            let tx = work.tx;
            let (call, dossier) = lock_dossier(tx, id).await?;
            let subject = about(work.at(), &call, &dossier);
            decide(Action::ReadOwnDossier, work.who(), &subject)?;
            let permit = permit::<acts::DepositDossier>(work.who(), &subject)?;
            if let Some(at) = arrived
                && dossiers::last_change(tx.read(), id).await?.is_some_and(|changed| changed > at)
            {
                return Err(Error::new(Kind::Conflict, "ticket-changed"));
            }
            let loaded = load_draft(work.at(), tx.read(), call, dossier).await?;
            let gaps = loaded.gaps();
            let deposit: DepositId = work.id();
            let deposited = loaded
                .dossier
                .clone()
                .deposit(deposit, work.at(), &loaded.call.definition.calendar, gaps)
                .map_err(|error| refusal(&loaded.call, error))?;
            let version = rows::next_version(tx.read(), id).await?;
            let deposit = Deposit {
                id: deposit,
                dossier: id,
                version,
                at: work.at(),
                by: permit.by(),
                content: content(&loaded, &deposited),
            };
            let sha256 = rows::insert_deposit(tx, &permit, &deposit, &loaded.applicant).await?;
            dossiers::save_state(tx, &permit, &deposited).await?;
            // Its facts are fixed here; it is drawn when somebody asks for it or a message takes it along.
            let (document, receipt) = receipts::issue(work, &loaded.call, &deposit, sha256).await?;
            let details = json!({ "version": version, "sha256": receipt.content_sha256 });
            let subject = ("dossier", id.to_string());
            work.record(Some(loaded.call.id), Some(permit.by()), Action::DepositDossier, subject, details).await?;
            let told = json!({ "receipt": receipt, "url": work.settings().url(&format!("/dossiers/{id}")) });
            for address in ami_database::organisations::member_emails(tx.read(), deposited.organisation).await? {
                let mail = work.views().mail("receipt", &told)?;
                outbox::enqueue(work, &address, mail, vec![Enclosure::of(&document)]).await?;
            }
            Ok(version)
        })
    });
    let version = deposit.await?;
    receipts::show_receipt(app, who, id, Some(version)).await
}

/// What is sealed: the answers, the files, who applies and under which version of the call.
fn content(loaded: &Loaded, deposited: &Dossier) -> Content {
    let applicant = &loaded.applicant;
    Content {
        format: Content::FORMAT,
        call: loaded.call.definition.code.clone(),
        call_version: loaded.call.version,
        number: loaded.call.definition.dossier_number(deposited.number),
        lot: deposited.lot.clone(),
        organisation: applicant.name.clone(),
        siret: applicant.siret.clone(),
        legal_form: Some(applicant.legal_form.clone()),
        rna: applicant.rna.clone(),
        organisation_id: Some(applicant.id),
        answers: loaded.to_file(),
        pieces: loaded
            .pieces
            .iter()
            .map(|p| FiledPiece {
                slot: p.slot.clone(),
                name: p.name.clone(),
                size: p.size,
                sha256: p.sha256.clone(),
                id: p.id,
            })
            .collect(),
    }
}

pub(crate) fn refusal(call: &Call, error: DossierError) -> Error {
    match error {
        DossierError::Closed { closes } => {
            Error::new(Kind::Conflict, "closed").with("closes", ami_views::date_time(closes))
        }
        DossierError::NotOpen { opens } => {
            Error::new(Kind::Conflict, "not-open").with("opens", ami_views::date_time(opens))
        }
        DossierError::Incomplete(gaps) => Error {
            problems: gaps
                .iter()
                .map(|gap| match gap {
                    Gap::Answer { field } => Problem {
                        pointer: format!("/answers/{field}"),
                        code: "gap-answer".into(),
                        args: vec![("label", call.definition.form.field(field).map_or("", |f| &f.label).to_owned())],
                    },
                    Gap::Invalid { field, error } => {
                        let problem = Problem::of_field(field, error);
                        Problem { pointer: format!("/answers{}", problem.pointer), ..problem }
                    }
                    Gap::Piece { slot } => Problem {
                        pointer: format!("/pieces/{slot}"),
                        code: "gap-piece".into(),
                        args: vec![("label", call.definition.slot(slot).map_or("", |s| &s.label).to_owned())],
                    },
                })
                .collect(),
            ..Error::new(Kind::Invalid, "incomplete")
        },
        DossierError::InvalidTransition { .. } => Error::new(Kind::Conflict, "not-now"),
        DossierError::Past { until } => {
            Error::new(Kind::Conflict, "restore-past").with("until", ami_views::date_time(until))
        }
        DossierError::NoReason => Error::field("/comment", "reason-needed"),
        DossierError::ReasonTooLong(length) => Error::too_long("/comment", length),
    }
}

/// A dossier for a write on its deposit, with the call and what the deposit is.
async fn hold_filed(work: &Work<'_>, id: DossierId) -> Result<(Call, Dossier, Option<Filing>)> {
    let (call, dossier) = lock_dossier(work.tx, id).await?;
    decide(Action::ReadOwnDossier, work.who(), &about(work.at(), &call, &dossier))?;
    let filing = dossier.filing();
    Ok((call, dossier, filing))
}

/// Keeps a dossier's move that is about its deposit: the state, the deposit's own row, the journal's line.
pub(crate) async fn keep_move<A: dossiers::MovesDossier + rows::ChangesDeposit>(
    work: &Work<'_>,
    permit: &Permit<A>,
    (call, moved, filing): (&Call, &Dossier, Option<Filing>),
    action: Action,
) -> Result<()> {
    dossiers::save_state(work.tx, permit, moved).await?;
    if let Some(filing) = filing {
        rows::record_change(work.tx, permit, work.id(), (moved.id, filing.deposit), work.at()).await?;
    }
    let subject = ("dossier", moved.id.to_string());
    let details = json!({ "deposit": filing.map(|filing| filing.deposit) });
    work.record(Some(call.id), Some(permit.by()), action, subject, details).await?;
    Ok(())
}

/// Begins to change what was filed: there is a draft to write in, and the deposit counts until the next one.
///
/// # Errors
/// `closed` after closing, `not-now` unless the dossier is filed and not being changed.
pub async fn begin_change(app: &Arrival, who: Option<&Actor>, id: DossierId) -> Result<()> {
    app.write(who, id, |work, &id| {
        Box::pin(async move {
            let (call, dossier, filing) = hold_filed(work, id).await?;
            let permit = permit::<acts::ChangeDossier>(work.who(), &about(work.at(), &call, &dossier))?;
            let changing = dossier.begin_change(work.at(), &call.definition.calendar).map_err(|e| refusal(&call, e))?;
            keep_move(work, &permit, (&call, &changing, filing), Action::ChangeDossier).await?;
            let context = json!({
                "number": call.definition.dossier_number(changing.number),
                "call_title": call.definition.title,
                "deposited_at": changing.deposited_at(),
                "closes": ami_views::date_time(call.definition.calendar.closes),
                "url": work.settings().url(&format!("/dossiers/{id}")),
            });
            for address in ami_database::organisations::member_emails(work.tx.read(), changing.organisation).await? {
                outbox::enqueue(work, &address, work.views().mail("change_begun", &context)?, vec![]).await?;
            }
            Ok(())
        })
    })
    .await
}

/// Drops a change under way: answers and files are again those that were filed.
///
/// # Errors
/// `not-now` unless the dossier is being changed.
pub async fn drop_change(app: &Arrival, who: Option<&Actor>, id: DossierId) -> Result<()> {
    app.write(who, id, |work, &id| {
        Box::pin(async move {
            let (call, dossier, filing) = hold_filed(work, id).await?;
            let permit = permit::<acts::DropChange>(work.who(), &about(work.at(), &call, &dossier))?;
            let revision = dossier.answers_revision + 1;
            let left = dossier.drop_change().map_err(|e| refusal(&call, e))?;
            if let Some(filing) = filing {
                let sealed = rows::find(work.tx.read(), filing.deposit).await?.ok_or_else(Error::not_found)?;
                let stored = dossiers::answers(work.tx.read(), id).await?;
                let back = restored(&call, &stored, &sealed.deposit.content.answers, revision);
                dossiers::save_answers(work.tx, &permit, &back, || work.id(), work.at()).await?;
                let pieces: Vec<_> = sealed.deposit.content.pieces.iter().map(|p| p.id).collect();
                for piece in dossiers::pieces(work.tx.read(), id).await?.iter().filter(|p| !pieces.contains(&p.id)) {
                    let_go(work, piece).await?;
                }
                dossiers::restore_pieces(work.tx, &permit, &pieces, work.at()).await?;
            }
            keep_move(work, &permit, (&call, &left, filing), Action::DropChange).await
        })
    })
    .await
}

/// The answers that differ from what was filed, as they were filed.
fn restored(
    call: &Call,
    stored: &BTreeMap<String, StoredAnswer>,
    filed: &BTreeMap<String, Value>,
    revision: i64,
) -> Vec<StoredAnswer> {
    let typed = |code: &&String| call.definition.form.field(code).is_none_or(ami_domain::form::Field::is_typed);
    let fields: BTreeSet<&String> = stored.keys().chain(filed.keys().filter(typed)).collect();
    fields
        .into_iter()
        .filter(|field| {
            let now = stored.get(*field).map_or((None, None), |s| (s.value.as_ref(), s.draft_input.as_ref()));
            now != (filed.get(*field), None)
        })
        .map(|field| StoredAnswer {
            field: field.clone(),
            value: filed.get(field).cloned(),
            draft_input: None,
            revision,
        })
        .collect()
}

/// Takes a filed dossier out for good.
///
/// # Errors
/// `not-now` unless it is filed, not found inadmissible, and nobody was told the outcome yet.
pub async fn withdraw(app: &Arrival, who: Option<&Actor>, id: DossierId) -> Result<()> {
    app.write_once(who, id, |work, &id| {
        Box::pin(async move {
            let (call, dossier, filing) = hold_filed(work, id).await?;
            let permit = permit::<acts::WithdrawDossier>(work.who(), &about(work.at(), &call, &dossier))?;
            let gone = dossier.withdraw(work.at()).map_err(|e| refusal(&call, e))?;
            keep_move(work, &permit, (&call, &gone, filing), Action::WithdrawDossier).await
        })
    })
    .await
}
