//! Writing a call: begun from a model, a copy or a file, saved part by part, looked at, published, corrected.

use std::collections::BTreeMap;
use std::sync::Arc;

use ami_database::calls::{self as rows, Addressee, Call};
use ami_domain::call::{CallState, Changes, Class, Draft, FORMAT, Limits, Phase, Severity, compare, to_toml, visible};
use ami_domain::ids::AccountId;
use ami_domain::policy::{Action, Subject, acts, decide, permit};
use ami_domain::text;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::calls::{CallSummary, CallView, summary};
use crate::steps::advance_from;
use crate::{Actor, Arrival, Error, Kind, Problem, Result, Work, outbox};

/// What a call may be begun from, by name: the files are the program's own.
pub const MODELS: [(&str, &str); 3] = [
    ("territories", include_str!("../../../fixtures/call.toml")),
    ("single", include_str!("../../../fixtures/models/single.toml")),
    ("projects", include_str!("../../../fixtures/models/projects.toml")),
];

/// From what a call is begun that holds nothing yet: no code is written so.
pub const NOTHING: &str = "nothing";

/// What no model says: it is the own of whoever calls, and the checklist asks for it.
const OWN: [&str; 8] = [
    "/authority/name",
    "/authority/siren",
    "/authority/siret",
    "/service/name",
    "/service/address",
    "/service/email",
    "/service/phone",
    "/rules/court",
];

/// Texts in which the sample names who calls: its model says them as the plainest one does.
const SAID: [&str; 2] = ["/texts/receipt", "/texts/privacy"];

/// A new call that is begun from something.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct NewCall {
    /// Its code, such as `AMI-ALI-2028`.
    pub code: String,
    /// Prefix of its dossiers' numbers; made of the code when left out.
    #[serde(default)]
    pub number_prefix: Option<String>,
    /// `model:territories`, `model:single`, `model:projects`, `nothing`, or the code of a call that one may read whole.
    pub from: String,
}

/// What is wrong in a call.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CheckView {
    /// In the order of the call.
    pub problems: Vec<CheckProblem>,
}

/// Something wrong in a call.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CheckProblem {
    /// JSON pointer into the call.
    pub pointer: String,
    /// `error` keeps it from being published, `warning` does not.
    #[schema(value_type = String)]
    pub severity: Severity,
    /// Stable.
    pub code: String,
    /// In French: what to do.
    pub detail: String,
}

fn problem(found: &ami_domain::call::Problem) -> Problem {
    Problem { pointer: found.pointer.clone(), code: format!("check-{}", found.code), args: found.args.clone() }
}

fn shown(found: &ami_domain::call::Problem) -> CheckProblem {
    let Problem { pointer, code, args } = problem(found);
    let detail = ami_views::message(&format!("error-{code}"), &args).unwrap_or_else(|| code.clone());
    CheckProblem { pointer, severity: found.severity, code, detail }
}

/// What keeps a call from being published, as an error of `kind`.
fn refused(kind: Kind, found: &[ami_domain::call::Problem]) -> Error {
    let problems = found.iter().filter(|p| p.blocks()).map(problem).collect();
    Error { problems, ..Error::new(kind, "check") }
}

/// Writes a new call in draft: a whole definition, or one that is begun from a model or another call. Whoever asks owns it, or, of a
/// whole definition, `officer`.
///
/// # Errors
/// What is wrong in a definition, `call-exists`, `prefix-exists`, `model-unknown`.
pub async fn create_call(app: &Arrival, who: Option<&Actor>, body: Value, officer: AccountId) -> Result<CallView> {
    decide(Action::CreateCall, who, &Subject::default())?;
    let (code, draft) = if body.get("from").is_some() {
        let new: NewCall = serde_json::from_value(body).map_err(|_| Error::field("/from", "model-unknown"))?;
        begin(app, who, &new).await?
    } else {
        let draft = Draft::new(body).ok_or_else(|| Error::new(Kind::Invalid, "bad-request"))?;
        let checked = draft.check(&Limits::at(app.at));
        let definition = checked.definition.ok_or_else(|| Error {
            problems: checked.problems.iter().filter(|p| p.blocks()).map(problem).collect(),
            ..Error::new(Kind::Invalid, "invalid")
        })?;
        (definition.code.clone(), Draft::of(&definition))
    };
    app.write_once(who, (code.clone(), draft.clone(), officer), |work, (code, draft, officer)| {
        Box::pin(async move {
            let permit = permit::<acts::CreateCall>(work.who(), &Subject::default())?;
            let id = work.id();
            rows::insert_call(work.tx, &permit, id, code, draft, *officer, work.at()).await?;
            work.record(Some(id), Some(permit.by()), Action::CreateCall, ("call", code.clone()), json!({})).await?;
            Ok(())
        })
    })
    .await?;
    Ok(CallView { phase: Phase::Draft, version: 0, now: app.at, definition: Arc::new(draft.sketch()) })
}

/// A draft of what a call is begun from, under its own code and prefix.
async fn begin(app: &Arrival, who: Option<&Actor>, new: &NewCall) -> Result<(String, Draft)> {
    let conn = app.database.read();
    let unknown = || Error::field("/from", "model-unknown");
    let mut draft = if let Some(model) = new.from.strip_prefix("model:") {
        let (_, text) = MODELS.iter().find(|(name, _)| *name == model).ok_or_else(unknown)?;
        let mut draft = Draft::from_toml(text).map_err(Error::internal)?;
        draft.set("/demonstration", Value::Null);
        for own in OWN {
            draft.set(own, "".into());
        }
        let plain = Draft::from_toml(MODELS[1].1).map_err(Error::internal)?;
        for said in SAID {
            draft.set(said, plain.text(said).into());
        }
        draft
    } else if new.from == NOTHING {
        Draft::default()
    } else {
        let call = rows::find_by_code(conn, &new.from).await?.ok_or_else(unknown)?;
        let subject = Subject::call(call.facts(app.at));
        decide(Action::ReadWholeCall, who, &subject).map_err(|_| unknown())?;
        match rows::find_draft(conn, call.id).await?.filter(|_| call.version == 0) {
            Some(draft) => draft,
            None => Draft::of(&call.definition),
        }
    };
    let code = text::clean(&new.code);
    draft.set("/code", code.clone().into());
    let prefix = match new.number_prefix.as_deref().map(text::clean).filter(|prefix| !prefix.is_empty()) {
        Some(prefix) => prefix,
        None => free_prefix(conn, &code).await?,
    };
    draft.set("/number_prefix", prefix.into());
    let wrong: Vec<Problem> = draft
        .check(&Limits::at(app.at))
        .problems
        .iter()
        .filter(|p| matches!(p.pointer.as_str(), "/code" | "/number_prefix"))
        .map(problem)
        .collect();
    if !wrong.is_empty() {
        return Err(Error::invalid(wrong));
    }
    renew_calendar(&mut draft, app.at)?;
    Ok((code, draft))
}

/// A prefix that no call has: the letters and digits of its code, and a number where they are taken.
async fn free_prefix(conn: &impl ami_database::ConnectionTrait, code: &str) -> Result<String> {
    let plain: String = code.chars().filter(char::is_ascii_alphanumeric).take(12).collect();
    for n in 1..1_000 {
        let prefix = if n == 1 { plain.clone() } else { format!("{plain}-{n}") };
        if !rows::has_prefix(conn, &prefix).await? {
            return Ok(prefix);
        }
    }
    Ok(plain)
}

/// Dates that are over begin again: by whole weeks, a month from now at the earliest.
fn renew_calendar(draft: &mut Draft, now: Timestamp) -> Result<()> {
    const WEEK: i32 = 7;
    let calendar = draft.sketch().calendar;
    if calendar.opens > now || calendar.opens == Timestamp::UNIX_EPOCH {
        return Ok(());
    }
    let soon = now.checked_add(SignedDuration::from_hours(24 * 28)).map_err(Error::internal)?;
    let days = soon.duration_since(calendar.opens).as_hours() / 24;
    let weeks = i32::try_from(days / i64::from(WEEK)).unwrap_or(0) + 1;
    let moved = calendar.moved_by_days(weeks * WEEK).map_err(Error::internal)?;
    draft.set("/calendar", serde_json::to_value(moved).map_err(Error::internal)?);
    // What is not said stays so.
    if let Some(milestones) = draft.list("/calendar/milestones") {
        for milestone in milestones.iter_mut().filter_map(Value::as_object_mut) {
            milestone.retain(|_, value| !value.is_null());
        }
    }
    Ok(())
}

/// A call that is being written.
#[derive(Debug, Clone)]
pub struct Writing {
    /// The call.
    pub call: CallSummary,
    /// The version that counts; 0 before publication.
    pub version: i64,
    /// Grows at every change: a page that acts on what it showed sends it back.
    pub revision: i64,
    /// What is written so far: itself, or the correction that is prepared, or what is published.
    pub draft: Draft,
    /// Whether a correction is prepared.
    pub prepared: bool,
    /// What was found in it.
    pub problems: Vec<CheckProblem>,
}

/// What is being written of a call, with what is wrong in it.
pub async fn show_writing(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<Writing> {
    let conn = app.database.read();
    let call = app.call(code).await?;
    decide(Action::ReadWholeCall, who, &Subject::call(call.facts(app.at)))?;
    let kept = rows::find_draft(conn, call.id).await?;
    let prepared = kept.is_some() && call.version > 0;
    let draft = kept.unwrap_or_else(|| Draft::of(&call.definition));
    let problems = draft.check(&Limits::at(app.at)).problems.iter().map(shown).collect();
    Ok(Writing { call: summary(app, &call), version: call.version, revision: call.revision, draft, prepared, problems })
}

/// Everything that keeps a call from being published, and what should be looked at.
pub async fn check_call(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<CheckView> {
    Ok(CheckView { problems: show_writing(app, who, code).await?.problems })
}

/// A call in its written form, and its revision: to its officers whole (what is written of a draft, what counts of a published
/// one), to everyone else the rules.
pub async fn export_call(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<(String, i64)> {
    let conn = app.database.read();
    let call = app.call(code).await?;
    let subject = Subject::call(call.facts(app.at));
    decide(Action::ReadCall, who, &subject)?;
    let draft = match rows::find_draft(conn, call.id).await?.filter(|_| call.version == 0) {
        Some(draft) => draft,
        None => Draft::of(&call.definition),
    };
    let text = match decide(Action::ReadWholeCall, who, &subject) {
        Ok(()) => draft.to_toml(),
        Err(_) => to_toml(&visible(&draft.value(), Class::Public)),
    };
    Ok((text, call.revision))
}

fn read_toml(text: &str, pointer: &str) -> Result<Draft> {
    let mut draft = Draft::from_toml(text).map_err(|error| {
        let args = vec![("line", error.line.to_string()), ("problem", error.problem)];
        Error::invalid(vec![Problem { pointer: pointer.to_owned(), code: "toml".into(), args }])
    })?;
    // A file that says nothing of its format is read, and written again, as one of today.
    if draft.get("/format").is_none() {
        draft.set("/format", FORMAT.into());
    }
    Ok(draft)
}

/// Puts a file in place of a draft. A file of another call gives everything but its code and its prefix.
///
/// # Errors
/// `toml` when it cannot be read, `call-published` when the call is no draft, `stale`.
pub async fn import_draft(
    app: &Arrival,
    who: Option<&Actor>,
    code: &str,
    file: &str,
    seen: Option<i64>,
) -> Result<(CheckView, i64)> {
    let call = app.call(code).await?;
    decide(Action::EditCall, who, &Subject::call(call.facts(app.at)))?;
    if call.version > 0 {
        return Err(Error::new(Kind::Conflict, "call-published"));
    }
    let draft = read_toml(file, "")?;
    let revision = save(app, who, code, seen, Part::Whole(draft)).await?;
    Ok((check_call(app, who, code).await?, revision))
}

/// Puts a file in place of what is written of a call: of a published one, of the correction that is prepared.
///
/// # Errors
/// `toml` when it cannot be read, `stale`.
pub async fn replace_by_file(
    app: &Arrival,
    who: Option<&Actor>,
    code: &str,
    file: &str,
    seen: Option<i64>,
) -> Result<i64> {
    let call = app.call(code).await?;
    decide(Action::EditCall, who, &Subject::call(call.facts(app.at)))?;
    save(app, who, code, seen, Part::Whole(read_toml(file, "/toml")?)).await
}

/// The same for a draft, as the installation's own command line does.
///
/// # Errors
/// `toml`, `call-published`.
pub async fn import_by_operator(app: &Arrival, code: &str, file: &str) -> Result<()> {
    let draft = read_toml(file, "")?;
    app.write(None, (code.to_owned(), draft), |work, (code, draft)| {
        Box::pin(async move {
            let call = rows::find_by_code_for_update(work.tx, code).await?.ok_or_else(Error::not_found)?;
            if call.version > 0 {
                return Err(Error::new(Kind::Conflict, "call-published"));
            }
            let before = rows::find_draft(work.tx.read(), call.id).await?.unwrap_or_default();
            let draft = under_code(draft.clone(), &before, code);
            rows::save_draft_by_operator(work.tx, &call, &draft).await?;
            let details = json!({ "file": true });
            Ok(work.record(Some(call.id), None, Action::EditCall, ("call", code.clone()), details).await?)
        })
    })
    .await
}

/// What of a draft is written anew.
#[derive(Debug, Clone)]
pub enum Part {
    /// All of it, but for the code.
    Whole(Draft),
    /// Values at JSON pointers, then what is done to items of lists.
    Values(Vec<(String, Value)>, Option<Edit>),
    /// Nothing is prepared any more.
    Dropped,
}

/// What is done to an item of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// A new one at the end of the list at this pointer.
    Add(String, Value),
    /// The item goes.
    Remove(String),
    /// The item comes once more, after itself; its code, if it has one, gets a letter.
    Copy(String),
    /// The item changes places with the one before.
    Up(String),
    /// The item changes places with the one after.
    Down(String),
}

/// Saves a part of what is written of a call: of a published one, of the correction that is prepared. Gives the new revision.
///
/// # Errors
/// `stale` when somebody else wrote since `seen`, `prefix-exists`.
pub async fn save(app: &Arrival, who: Option<&Actor>, code: &str, seen: Option<i64>, part: Part) -> Result<i64> {
    app.write(who, (code.to_owned(), seen, part), |work, (code, seen, part)| {
        Box::pin(async move {
            let call = rows::find_by_code_for_update(work.tx, code).await?.ok_or_else(Error::not_found)?;
            let permit = permit::<acts::EditCall>(work.who(), &Subject::call(call.facts(work.at())))?;
            if seen.is_some_and(|seen| seen != call.revision) {
                return Err(Error::new(Kind::Stale, "stale"));
            }
            let kept = rows::find_draft(work.tx.read(), call.id).await?;
            let before = kept.unwrap_or_else(|| Draft::of(&call.definition));
            let draft = match part {
                Part::Dropped if call.version > 0 => None,
                Part::Dropped => return Err(Error::new(Kind::Conflict, "not-now")),
                Part::Whole(file) => Some(under_code(file.clone(), &before, code)),
                Part::Values(values, edit) => {
                    let mut draft = before;
                    for (pointer, value) in values {
                        draft.set(pointer, value.clone());
                    }
                    if let Some(edit) = edit {
                        apply(&mut draft, edit);
                    }
                    Some(under_code(draft.clone(), &draft, code))
                }
            };
            let revision = rows::save_draft(work.tx, &permit, &call, draft.as_ref()).await?;
            let details = json!({ "revision": revision });
            work.record(Some(call.id), Some(permit.by()), Action::EditCall, ("call", code.clone()), details).await?;
            Ok(revision)
        })
    })
    .await
}

/// A file under the code of the call that it is put into.
fn under_code(mut file: Draft, before: &Draft, code: &str) -> Draft {
    if file.text("/code") != code {
        let prefix = before.text("/number_prefix").to_owned();
        file.set("/number_prefix", prefix.into());
        file.set("/code", code.into());
    }
    file
}

fn apply(draft: &mut Draft, edit: &Edit) {
    let place = |pointer: &str| {
        let (list, index) = pointer.rsplit_once('/')?;
        Some((list.to_owned(), index.parse::<usize>().ok()?))
    };
    match edit {
        Edit::Add(pointer, value) => {
            if let Some(list) = draft.list(pointer) {
                list.push(value.clone());
            }
        }
        Edit::Remove(pointer) | Edit::Copy(pointer) | Edit::Up(pointer) | Edit::Down(pointer) => {
            let Some((list, index)) = place(pointer) else { return };
            let Some(items) = draft.list(&list).filter(|items| index < items.len()) else { return };
            match edit {
                Edit::Remove(_) => drop(items.remove(index)),
                Edit::Copy(_) => {
                    let mut copy = items[index].clone();
                    if let Some(code) = copy.get("code").and_then(Value::as_str).map(|code| format!("{code}b")) {
                        copy["code"] = code.into();
                    }
                    items.insert(index + 1, copy);
                }
                Edit::Up(_) if index > 0 => items.swap(index, index - 1),
                Edit::Down(_) if index + 1 < items.len() => items.swap(index, index + 1),
                _ => {}
            }
        }
    }
}

/// A commune as people write it on a line: `code ; name ; other codes`.
pub fn commune(line: &str) -> Value {
    let mut parts = line.splitn(3, ';').map(str::trim);
    let (code, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let aliases: Vec<&str> =
        parts.next().unwrap_or_default().split(',').map(str::trim).filter(|a| !a.is_empty()).collect();
    let mut commune = json!({ "code": code, "name": name });
    if !aliases.is_empty() {
        commune["aliases"] = json!(aliases);
    }
    commune
}

/// Lots of a table that was pasted: `code;name;inter-municipal body;places;ceiling in euros;communes`, these as `93066 Saint-Denis`
/// with bars between them. A first line of headings is passed over. In place of all that there were.
///
/// # Errors
/// `csv-lots` with the line that has not its columns, or a number that is none.
pub fn lots_of_csv(table: &str) -> Result<Vec<(String, Value)>> {
    let separator = if table.lines().next().is_some_and(|line| line.contains('\t')) { b'\t' } else { b';' };
    let mut reader = csv::ReaderBuilder::new();
    let mut reader = reader.delimiter(separator).has_headers(false).flexible(true).from_reader(table.as_bytes());
    let mut lots = Vec::new();
    for (i, record) in reader.records().enumerate() {
        let wrong = || {
            Error::invalid(vec![Problem {
                pointer: "/csv".into(),
                code: "csv-lots".into(),
                args: vec![("line", (i + 1).to_string())],
            }])
        };
        let record = record.map_err(|_| wrong())?;
        let cell = |n: usize| text::clean(record.get(n).unwrap_or_default());
        if record.len() < 2 {
            return Err(wrong());
        }
        let places = text::compact(&cell(3));
        if i == 0 && !places.is_empty() && places.parse::<i64>().is_err() {
            continue;
        }
        let number = |text: String| if text.is_empty() { Ok(0) } else { text.parse::<i64>().map_err(|_| wrong()) };
        let euros = cell(4);
        let ceiling = if euros.is_empty() { Some(0) } else { text::hundredths(euros.trim_end_matches(['€', ' '])) };
        let communes: Vec<Value> = cell(5)
            .split('|')
            .map(str::trim)
            .filter(|c| !c.is_empty())
            .map(|c| commune(&c.replacen(' ', ";", 1)))
            .collect();
        lots.push(json!({
            "code": cell(0), "label": cell(1), "ept": cell(2), "capacity": number(places)?,
            "ceiling_cents": ceiling.ok_or_else(wrong)?, "communes": communes,
        }));
    }
    if lots.is_empty() {
        return Err(Error::field("/csv", "csv-empty"));
    }
    Ok(vec![("/lots".to_owned(), Value::Array(lots))])
}

/// Publishes a call: what is written becomes its first version, for good.
///
/// # Errors
/// `check`, with everything that keeps it from being published; `stale` when somebody wrote in it since `seen`.
pub async fn publish_call(app: &Arrival, who: Option<&Actor>, code: &str, seen: Option<i64>) -> Result<CallSummary> {
    advance_from(app, who, code, seen, CallState::Published, "").await
}

/// The definition that a draft is published as.
///
/// # Errors
/// `check`, with everything that is wrong in it.
pub(crate) async fn published_definition(work: &Work<'_>, call: &Call) -> Result<ami_domain::call::CallDefinition> {
    let draft = rows::find_draft(work.tx.read(), call.id).await?.unwrap_or_default();
    let checked = draft.check(&Limits::at(work.at()));
    checked.definition.ok_or_else(|| refused(Kind::Conflict, &checked.problems))
}

/// What came of a correction.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Corrected {
    /// The version that counts from now on.
    pub version: i64,
    /// The parts that changed: `identity`, `calendar`, `rules`, `lots`, `form`, `pieces`, `grid`, `texts`.
    pub parts: Vec<String>,
    /// Whether whoever has filed must file again for it to hold.
    pub file_again: bool,
    /// How many people were written to.
    pub told: usize,
}

/// Corrects a published call: a new version with a public notice, to which open drafts move at once. Everyone who has a draft or a
/// deposit is written to. The new version is a file, or the correction that was prepared.
///
/// # Errors
/// `check` with what is wrong in it or may not change any more, `notice`, `no-correction` when nothing is prepared or different.
pub async fn correct_call(
    app: &Arrival,
    who: Option<&Actor>,
    code: &str,
    notice: &str,
    file: Option<&str>,
    seen: Option<i64>,
) -> Result<Corrected> {
    let call = app.call(code).await?;
    decide(Action::CorrectCall, who, &Subject::call(call.facts(app.at)))?;
    let notice = text::clean(notice);
    if notice.is_empty() {
        return Err(Error::field("/notice", "notice"));
    }
    text::bounded(&notice).map_err(|length| Error::too_long("/notice", length))?;
    let file = file.map(|file| read_toml(file, "/toml")).transpose()?;
    app.write_once(who, (code.to_owned(), notice, file, seen), |work, (code, notice, file, seen)| {
        Box::pin(async move {
            let call = rows::find_by_code_for_update(work.tx, code).await?.ok_or_else(Error::not_found)?;
            let permit = permit::<acts::CorrectCall>(work.who(), &Subject::call(call.facts(work.at())))?;
            if seen.is_some_and(|seen| seen != call.revision) {
                return Err(Error::new(Kind::Stale, "stale"));
            }
            let nothing = || Error::new(Kind::Conflict, "no-correction");
            let draft = match file {
                Some(file) => file.clone(),
                None => rows::find_draft(work.tx.read(), call.id).await?.ok_or_else(nothing)?,
            };
            let checked = draft.check(&Limits::at(work.at()));
            let new = checked.definition.ok_or_else(|| refused(Kind::Invalid, &checked.problems))?;
            let changes = compare(&call.definition, &new, call.phase(work.at()))
                .map_err(|problems| refused(Kind::Invalid, &problems))?;
            if changes.parts.is_empty() {
                return Err(nothing());
            }
            let version = rows::insert_correction(work.tx, &permit, &call, &new, notice, work.at()).await?;
            let people = rows::addressees(work.tx.read(), call.id).await?;
            let told = tell(work, &new, notice, &changes, people).await?;
            let details = json!({
                "version": version, "parts": changes.parts, "closes": changes.closes.map(|(_, to)| to.to_string()),
                "file_again": changes.file_again, "told": told,
            });
            work.record(Some(call.id), Some(permit.by()), Action::CorrectCall, ("call", code.clone()), details).await?;
            let parts = changes.parts.iter().map(|part| (*part).to_owned()).collect();
            Ok(Corrected { version, parts, file_again: changes.file_again, told })
        })
    })
    .await
}

/// One message to each person, with all their dossiers.
async fn tell(
    work: &Work<'_>,
    new: &ami_domain::call::CallDefinition,
    notice: &str,
    changes: &Changes,
    people: Vec<Addressee>,
) -> Result<usize> {
    let mut by_person: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for one in people {
        let number = new.dossier_number(one.number);
        by_person.entry(one.email).or_default().push(json!({ "number": number, "filed": one.filed }));
    }
    let told = by_person.len();
    for (email, dossiers) in by_person {
        let context = json!({
            "title": new.title, "notice": notice, "dossiers": dossiers, "parts": changes.parts,
            "closes": changes.closes.map(|(_, to)| ami_views::date_time(to)), "file_again": changes.file_again,
            "url": work.settings().url(&format!("/appels/{}", new.code)),
        });
        outbox::enqueue(work, &email, work.views().mail("correction", &context)?, vec![]).await?;
    }
    Ok(told)
}
