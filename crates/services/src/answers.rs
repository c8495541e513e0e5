//! Answers, saved field by field: nobody overwrites what they have not read (docs/adr/0023).

use std::collections::{BTreeMap, BTreeSet};

use ami_database::ConnectionTrait;
use ami_database::calls::Call;
use ami_database::dossiers::{self as rows, AnswerVersion, StoredAnswer};
use ami_domain::answer::{Answer, Context, FieldError};
use ami_domain::call::day;
use ami_domain::dossier::Dossier;
use ami_domain::form::Field;
use ami_domain::ids::DossierId;
use ami_domain::policy::{Action, Permit, acts, decide, permit};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::contents::read_answers;
use crate::dossiers::{hidden, sentence};
use crate::{Actor, Arrival, Error, Kind, Problem, Result, Work, about, lock_dossier};

/// What to do with values that are not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnInvalid {
    /// Save nothing and say what is wrong: for programs.
    Refuse,
    /// Save what was typed as it is, and say what is wrong: for people.
    Keep,
}

/// Which revision a writer has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// This one.
    Revision(i64),
    /// Whatever there is: the writer means to overwrite.
    Any,
    /// Not said, and must be.
    NotSaid,
}

/// What was saved.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SavedAnswers {
    /// For the next `If-Match`.
    pub revision: i64,
    /// The answers as they stand now, for the fields that were sent.
    #[schema(value_type = Object)]
    pub answers: BTreeMap<String, Value>,
    /// What is not valid, when it was kept as typed.
    #[serde(skip)]
    pub problems: Vec<Problem>,
}

/// What somebody wrote in one field of a page.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// As it was typed.
    pub value: Value,
    /// The revision at which the page showed the field.
    pub seen: i64,
}

/// What became of a page's fields.
#[derive(Debug, Clone, Serialize)]
pub struct SavedPage {
    /// The revision of the dossier's answers.
    pub revision: i64,
    /// The revision that the page shows of each field from now on; without those that wait for a choice.
    pub revisions: BTreeMap<String, i64>,
    /// What others wrote meanwhile in fields that this page left alone: it shows that from now on.
    pub merged: BTreeMap<String, Value>,
    /// Fields that both changed: a person chooses.
    pub conflicts: Vec<AnswerConflict>,
    /// What is not valid, by field: kept as it was typed.
    pub wrong: BTreeMap<String, String>,
    /// Fields of the form that are not asked, as the answers stand.
    pub hidden: Vec<String>,
}

/// A field that somebody else changed since the page showed it, and the page too.
#[derive(Debug, Clone, Serialize)]
pub struct AnswerConflict {
    /// The field.
    pub field: String,
    /// What the page says.
    pub mine: Value,
    /// What there is.
    pub theirs: Value,
    /// Who wrote that.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// The revision of what there is.
    pub revision: i64,
}

/// Saves answers. A field that somebody changed since the writer has seen it is not overwritten.
///
/// # Errors
/// `if-match` when the writer does not say what was seen, `stale` with the current values of the fields in question, `invalid` with every wrong field.
pub async fn save_answers(
    app: &Arrival,
    who: Option<&Actor>,
    id: DossierId,
    seen: Seen,
    input: &Map<String, Value>,
    on_invalid: OnInvalid,
) -> Result<SavedAnswers> {
    app.write(who, (id, seen, input.clone(), on_invalid), |work, (id, seen, input, on_invalid)| {
        Box::pin(async move {
            let (permit, call, dossier) = hold_draft(work, *id).await?;
            let seen = match seen {
                Seen::Revision(revision) => Some(*revision),
                Seen::Any => None,
                Seen::NotSaid => return Err(Error::new(Kind::PreconditionRequired, "if-match")),
            };
            write_answers(work, &permit, &call, &dossier, seen, input, *on_invalid).await
        })
    })
    .await
}

/// A dossier to write in, with the leave to.
async fn hold_draft(work: &Work<'_>, id: DossierId) -> Result<(Permit<acts::EditDossier>, Call, Dossier)> {
    let (call, dossier) = lock_dossier(work.tx, id).await?;
    let subject = about(work.at(), &call, &dossier);
    decide(Action::ReadOwnDossier, work.who(), &subject)?;
    let permit = permit::<acts::EditDossier>(work.who(), &subject)?;
    Ok((permit, call, dossier))
}

/// What was typed for a field, as it would be stored.
struct Typed {
    value: Option<Value>,
    draft_input: Option<Value>,
    error: Option<FieldError>,
}

impl Typed {
    fn read(field: &Field, typed: &Value, context: &Context<'_>, before: Option<&StoredAnswer>) -> Self {
        let stored = before.and_then(|b| b.value.clone());
        match field.read(typed, context) {
            // A commitment keeps the instant at which it was first made.
            Ok(Some(Answer::Accepted(_))) if stored.is_some() && before.is_some_and(|b| b.draft_input.is_none()) => {
                Self { value: stored, draft_input: None, error: None }
            }
            Ok(answer) => Self { value: answer.map(|a| a.to_json()), draft_input: None, error: None },
            Err(error) => Self { value: stored, draft_input: Some(typed.clone()), error: Some(error) },
        }
    }

    fn is(&self, value: Option<&Value>, draft_input: Option<&Value>) -> bool {
        (self.value.as_ref(), self.draft_input.as_ref()) == (value, draft_input)
    }

    /// Whether it is what a version of the field holds: then the page left it alone.
    fn is_version(&self, version: Option<&AnswerVersion>) -> bool {
        let (value, draft_input) = version.map_or((None, None), |v| (v.value.as_ref(), v.draft_input.as_ref()));
        let ticked = |value: Option<&Value>| value.is_some_and(|v| v.get("accepted").is_some());
        match &self.draft_input {
            Some(typed) => draft_input == Some(typed),
            // Of a commitment it is enough that it is made.
            None => {
                draft_input.is_none() && (self.value.as_ref() == value || ticked(self.value.as_ref()) && ticked(value))
            }
        }
    }

    fn stored(self, field: &str, revision: i64) -> StoredAnswer {
        StoredAnswer { field: field.to_owned(), value: self.value, draft_input: self.draft_input, revision }
    }
}

fn now_there(stored: &StoredAnswer) -> Value {
    stored.draft_input.clone().or_else(|| stored.value.clone()).unwrap_or(Value::Null)
}

/// Saves what a page says, field by field. What others wrote meanwhile in fields that the page left alone stays, and where both
/// wrote, what there is stays until a person has seen both.
pub async fn save_page(
    app: &Arrival,
    who: Option<&Actor>,
    id: DossierId,
    written: &BTreeMap<String, Written>,
) -> Result<SavedPage> {
    app.write(who, (id, written.clone()), |work, (id, written)| {
        Box::pin(async move {
            let (permit, call, dossier) = hold_draft(work, *id).await?;
            merge_page(work, &permit, &call, &dossier, written).await
        })
    })
    .await
}

async fn merge_page(
    work: &Work<'_>,
    permit: &Permit<acts::EditDossier>,
    call: &Call,
    dossier: &Dossier,
    written: &BTreeMap<String, Written>,
) -> Result<SavedPage> {
    let conn = work.tx.read();
    let stored = rows::answers(conn, dossier.id).await?;
    let lot = call.definition.lot(&dossier.lot).ok_or_else(|| Error::internal("a dossier's lot left its call"))?;
    let context = Context { now: work.at(), today: day(work.at()), lot, lots: &call.definition.lots };
    let next = dossier.answers_revision + 1;
    let (mut page, mut changed, mut elsewhere) = (SavedPage::new(dossier), Vec::new(), Vec::new());
    for (code, written) in written {
        let Some(field) = call.definition.form.field(code).filter(|f| f.is_typed()) else { continue };
        let before = stored.get(code);
        let typed = Typed::read(field, &written.value, &context, before);
        if let Some(error) = &typed.error {
            page.wrong.insert(code.clone(), sentence(error));
        }
        if typed.is(before.and_then(|b| b.value.as_ref()), before.and_then(|b| b.draft_input.as_ref())) {
            page.revisions.insert(code.clone(), before.map_or(written.seen, |b| b.revision));
        } else if let Some(before) = before.filter(|b| b.revision > written.seen) {
            elsewhere.push((before, typed, written));
        } else {
            page.revisions.insert(code.clone(), next);
            changed.push(typed.stored(code, next));
        }
    }
    let versions = Versions::load(conn, dossier.id, elsewhere.iter().map(|(before, ..)| before.field.as_str())).await?;
    for (before, typed, written) in elsewhere {
        let code = before.field.clone();
        if typed.is_version(versions.seen(&code, written.seen)) || versions.resent(&code, written.seen, permit, &typed)
        {
            page.wrong.remove(&code);
            page.revisions.insert(code.clone(), before.revision);
            page.merged.insert(code, now_there(before));
        } else {
            let conflict = versions.conflict(before, &written.value)?;
            page.conflicts.push(conflict);
        }
    }
    rows::save_answers(work.tx, permit, &changed, || work.id(), work.at()).await?;
    if !changed.is_empty() {
        page.revision = next;
    }
    let after = |field: &str| {
        let now = changed.iter().find(|c| c.field == field).or_else(|| stored.get(field));
        now.and_then(|a| a.draft_input.as_ref().or(a.value.as_ref()))
    };
    let (answers, _) = read_answers(&call.definition, &dossier.lot, after, work.at())?;
    page.hidden = hidden(&call.definition, &answers);
    Ok(page)
}

impl SavedPage {
    fn new(dossier: &Dossier) -> Self {
        Self {
            revision: dossier.answers_revision,
            revisions: BTreeMap::new(),
            merged: BTreeMap::new(),
            conflicts: Vec::new(),
            wrong: BTreeMap::new(),
            hidden: Vec::new(),
        }
    }
}

/// What some fields held before, and who wrote it.
struct Versions {
    /// By field, the oldest first.
    of: BTreeMap<String, Vec<AnswerVersion>>,
    names: BTreeMap<ami_domain::ids::AccountId, (String, String)>,
}

impl Versions {
    async fn load<'a>(
        conn: &impl ConnectionTrait,
        dossier: DossierId,
        fields: impl Iterator<Item = &'a str>,
    ) -> Result<Self> {
        let fields: BTreeSet<&str> = fields.collect();
        if fields.is_empty() {
            return Ok(Self { of: BTreeMap::new(), names: BTreeMap::new() });
        }
        let mut of: BTreeMap<String, Vec<AnswerVersion>> = BTreeMap::new();
        for version in rows::versions(conn, dossier, fields).await? {
            of.entry(version.field.clone()).or_default().push(version);
        }
        let writers = of.values().flatten().map(|v| v.by).collect();
        Ok(Self { names: ami_database::accounts::names(conn, &writers).await?, of })
    }

    /// The version that a page showed which has seen a revision.
    fn seen(&self, field: &str, revision: i64) -> Option<&AnswerVersion> {
        self.of.get(field)?.iter().rev().find(|v| v.revision <= revision)
    }

    /// Whether the page sends again what its person has saved since: the answer to that did not arrive.
    fn resent(&self, field: &str, seen: i64, permit: &Permit<acts::EditDossier>, typed: &Typed) -> bool {
        let since = self.of.get(field).into_iter().flatten().filter(|v| v.revision > seen && v.by == permit.by());
        since.into_iter().any(|version| typed.is_version(Some(version)))
    }

    fn conflict(&self, there: &StoredAnswer, mine: &Value) -> Result<AnswerConflict> {
        let last = self.of.get(&there.field).and_then(|versions| versions.last());
        let last = last.ok_or_else(|| Error::internal("an answer without history"))?;
        Ok(AnswerConflict {
            field: there.field.clone(),
            mine: mine.clone(),
            theirs: now_there(there),
            by: self.names.get(&last.by).map_or_else(String::new, |(name, _)| name.clone()),
            at: last.at,
            revision: there.revision,
        })
    }
}

/// Saves answers that a program sends, all of them or none.
pub(crate) async fn write_answers(
    work: &Work<'_>,
    permit: &Permit<acts::EditDossier>,
    call: &Call,
    dossier: &Dossier,
    if_match: Option<i64>,
    input: &Map<String, Value>,
    on_invalid: OnInvalid,
) -> Result<SavedAnswers> {
    let (tx, now) = (work.tx, work.at());
    let stored = rows::answers(tx.read(), dossier.id).await?;
    let lot = call.definition.lot(&dossier.lot).ok_or_else(|| Error::internal("a dossier's lot left its call"))?;
    let context = Context { now, today: day(now), lot, lots: &call.definition.lots };
    let mut problems = Vec::new();
    let mut changed = Vec::new();
    let mut current = Map::new();
    for (code, typed) in input {
        let Some(field) = call.definition.form.field(code) else {
            problems.push(Problem { pointer: format!("/{code}"), code: "field-unknown".into(), args: vec![] });
            continue;
        };
        if !field.is_typed() && field.read(typed, &context).is_ok() {
            continue;
        }
        let before = stored.get(code);
        let typed = Typed::read(field, typed, &context, before);
        if let Some(error) = &typed.error {
            problems.push(Problem::of_field(code, error));
        }
        if typed.is(before.and_then(|b| b.value.as_ref()), before.and_then(|b| b.draft_input.as_ref())) {
            continue;
        }
        if let (Some(seen), Some(before)) = (if_match, before)
            && before.revision > seen
        {
            current.insert(code.clone(), now_there(before));
        }
        changed.push(typed.stored(code, dossier.answers_revision + 1));
    }
    if !problems.is_empty() && on_invalid == OnInvalid::Refuse {
        return Err(Error::invalid(problems));
    }
    if !current.is_empty() {
        let current = json!({ "revision": dossier.answers_revision, "answers": current });
        return Err(Error { current: Some(current), ..Error::new(Kind::Stale, "stale") });
    }
    rows::save_answers(tx, permit, &changed, || work.id(), now).await?;
    let revision = if changed.is_empty() { dossier.answers_revision } else { dossier.answers_revision + 1 };
    let mut answers = BTreeMap::new();
    for code in input.keys() {
        let value = match changed.iter().find(|c| c.field == *code) {
            Some(c) => c.value.clone(),
            None => stored.get(code).and_then(|s| s.value.clone()),
        };
        answers.insert(code.clone(), value.unwrap_or(Value::Null));
    }
    Ok(SavedAnswers { revision, answers, problems })
}
