//! What is in a dossier: its draft, or what was filed of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use ami_database::calls::Call;
use ami_database::dossiers::{self as rows, Piece, StoredAnswer};
use ami_database::organisations::{self, Organisation};
use ami_database::{ConnectionTrait, deposits};
use ami_domain::answer::{Answer, Context, FieldError};
use ami_domain::call::{CallDefinition, day};
use ami_domain::completeness::{self, Filled, Gap};
use ami_domain::deposit::Identity;
use ami_domain::dossier::Dossier;
use ami_domain::form::{Answers, FieldKind};
use ami_domain::ids::DepositId;
use jiff::Timestamp;
use serde_json::Value;

use crate::{Error, Result};

/// Everything known of a dossier, loaded once: its draft, or what was filed.
pub(crate) struct Loaded {
    /// The call as it is now.
    pub(crate) call: Call,
    /// The call as it is read here: as it is now for a draft, in the version of the deposit for what was filed.
    pub(crate) definition: Arc<CallDefinition>,
    pub(crate) call_version: i64,
    pub(crate) dossier: Dossier,
    pub(crate) applicant: Identity,
    pub(crate) answers: Answers,
    /// The answers as they are stored and shown.
    pub(crate) shown: BTreeMap<String, Value>,
    /// What was typed and is not valid, with why not.
    pub(crate) invalid: BTreeMap<String, FieldError>,
    pub(crate) stored: BTreeMap<String, StoredAnswer>,
    pub(crate) pieces: Vec<Piece>,
}

impl Loaded {
    pub(crate) fn pieces_by_slot(&self) -> BTreeMap<String, u32> {
        let mut counts = BTreeMap::new();
        for piece in &self.pieces {
            *counts.entry(piece.slot.clone()).or_insert(0) += 1;
        }
        counts
    }

    /// What would be filed: the answers to what is asked, as they are stored.
    pub(crate) fn to_file(&self) -> BTreeMap<String, Value> {
        let asked = self.definition.form.asked(&self.answers, self.definition.calendar.closing_day());
        let kept = self.shown.iter().filter(|(code, _)| asked.answers.contains_key(*code));
        kept.map(|(code, value)| (code.clone(), value.clone())).collect()
    }

    pub(crate) fn gaps(&self) -> Vec<Gap> {
        let pieces = self.pieces_by_slot();
        let filled = Filled { answers: &self.answers, invalid: &self.invalid, pieces: &pieces };
        completeness::gaps(&self.definition, filled)
    }
}

fn identity(o: Organisation) -> Identity {
    Identity {
        id: o.id,
        name: o.name,
        siret: o.siret.to_string(),
        legal_form: o.legal_form,
        rna: o.rna.map(|r| r.to_string()),
    }
}

/// Loads a dossier's draft. Access is decided by the caller, before.
pub(crate) async fn load_draft(
    now: Timestamp,
    conn: &impl ConnectionTrait,
    call: Call,
    dossier: Dossier,
) -> Result<Loaded> {
    let stored = rows::answers(conn, dossier.id).await?;
    let pieces = rows::pieces(conn, dossier.id).await?;
    let organisation = organisations::find(conn, dossier.organisation).await?.ok_or_else(Error::not_found)?;
    let definition = Arc::clone(&call.definition);
    let input = |field: &str| stored.get(field).and_then(|s| s.draft_input.as_ref().or(s.value.as_ref()));
    let (answers, invalid) = read_answers(&definition, &dossier.lot, input, now)?;
    let shown = answers.iter().map(|(k, v)| (k.clone(), v.to_json())).collect();
    let applicant = identity(organisation);
    let call_version = call.version;
    Ok(Loaded { call, definition, call_version, dossier, applicant, answers, shown, invalid, stored, pieces })
}

/// Loads what was filed of a dossier: the sealed content of the deposit that counts, under the version of the call in which it
/// was made, at its instant. Access is decided by the caller, before; there is nothing to load of a draft.
pub(crate) async fn load_filed(conn: &impl ConnectionTrait, call: Call, dossier: Dossier) -> Result<Loaded> {
    let filing = dossier.filing().ok_or_else(Error::not_found)?;
    load_deposit(conn, call, dossier, filing.deposit).await
}

/// The same for one of its deposits, whether it counts or not.
pub(crate) async fn load_deposit(
    conn: &impl ConnectionTrait,
    call: Call,
    dossier: Dossier,
    deposit: DepositId,
) -> Result<Loaded> {
    let sealed = deposits::find(conn, deposit).await?.ok_or_else(|| Error::internal("a deposit that is gone"))?;
    let at = sealed.deposit.at;
    let content = sealed.deposit.content;
    let definition = ami_database::calls::version(conn, &call, content.call_version).await?;
    let pieces = rows::filed_pieces(conn, content.pieces.iter().map(|p| p.id)).await?;
    let input = |field: &str| content.answers.get(field);
    let (answers, invalid) = read_answers(&definition, &content.lot, input, at)?;
    Ok(Loaded {
        call,
        definition,
        call_version: content.call_version,
        dossier,
        applicant: sealed.applicant,
        answers,
        shown: content.answers,
        invalid,
        stored: BTreeMap::new(),
        pieces,
    })
}

/// What an applicant asks for, in cents.
pub(crate) fn asked(definition: &CallDefinition, answers: &Answers) -> Option<i64> {
    let amounts = definition.form.fields().filter(|f| matches!(f.kind, FieldKind::Amount { within_lot_ceiling: true }));
    amounts.filter_map(|f| answers.get(&f.code)).find_map(|answer| match answer {
        Answer::Amount(cents) => Some(*cents),
        _ => None,
    })
}

/// Reads answers at an instant: the valid ones, and what is wrong with the others.
pub(crate) fn read_answers<'a>(
    definition: &CallDefinition,
    lot: &str,
    input: impl Fn(&str) -> Option<&'a Value>,
    at: Timestamp,
) -> Result<(Answers, BTreeMap<String, FieldError>)> {
    let lot = definition.lot(lot).ok_or_else(|| Error::internal("a dossier's lot left its call"))?;
    let context = Context { now: at, today: day(at), lot, lots: &definition.lots };
    let mut answers = Answers::new();
    let mut invalid = BTreeMap::new();
    for field in definition.form.fields() {
        if matches!(field.kind, FieldKind::Lot) {
            answers.insert(field.code.clone(), Answer::Choice(lot.code.clone()));
            continue;
        }
        let Some(input) = input(&field.code) else { continue };
        match field.read(input, &context) {
            Ok(Some(value)) => {
                answers.insert(field.code.clone(), value);
            }
            Ok(None) => {}
            Err(error) => {
                invalid.insert(field.code.clone(), error);
            }
        }
    }
    Ok((answers, invalid))
}
