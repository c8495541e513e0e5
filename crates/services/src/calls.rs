//! Calls: what everyone may read of them, and what their officers do.

use std::sync::Arc;

use ami_database::calls::{self as rows, Call};
use ami_domain::call::{CallDefinition, Phase};
use ami_domain::ids::{AccountId, CallId};
use ami_domain::policy::{Action, Subject, acts, decide, permit};
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::part::{Page, Part};
use crate::{Actor, Arrival, Error, Problem, Result};

/// A call in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CallSummary {
    /// Its code.
    pub code: String,
    /// Its title.
    pub title: String,
    /// Where it stands.
    #[schema(value_type = String)]
    pub phase: Phase,
    /// Deposits begin.
    #[schema(value_type = String, format = DateTime)]
    pub opens: Timestamp,
    /// Last instant at which a deposit is on time.
    #[schema(value_type = String, format = DateTime)]
    pub closes: Timestamp,
    /// Who calls.
    pub authority: String,
}

/// A call whole: what its officers wrote, and where it stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CallView {
    /// Where it stands.
    #[schema(value_type = String)]
    pub phase: Phase,
    /// The version that counts.
    pub version: i64,
    /// The server's time.
    #[schema(value_type = String, format = DateTime)]
    pub now: Timestamp,
    /// Its rules, calendar, lots, form, pieces, grid and texts.
    #[serde(flatten, serialize_with = "shared")]
    #[schema(value_type = Object)]
    pub definition: Arc<CallDefinition>,
}

fn shared<S: Serializer>(definition: &Arc<CallDefinition>, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    definition.as_ref().serialize(serializer)
}

pub(crate) fn summary(app: &Arrival, call: &Call) -> CallSummary {
    CallSummary {
        phase: call.phase(app.at),
        code: call.definition.code.clone(),
        title: call.definition.title.clone(),
        opens: call.definition.calendar.opens,
        closes: call.definition.calendar.closes,
        authority: call.definition.authority.name.clone(),
    }
}

/// Calls that are read at once.
const AT_ONCE: usize = 50;
/// Calls on a page that shows them all.
const SHOWN: usize = 100;

/// A part of the calls that the reader may see, newest first.
pub async fn page_calls(app: &Arrival, who: Option<&Actor>, part: &Part) -> Result<Page<CallSummary>> {
    let newer = part.after::<CallId>("calls")?;
    let seen = newest_seen(app, who, newer, part.skip() + part.limit + 1).await?;
    let items = seen.into_iter().skip(part.skip()).take(part.limit + 1).collect();
    Ok(Page::of("calls", part.limit, items, |c: &Call| c.id).map(|c| summary(app, &c)))
}

/// The newest calls that the reader may see, as many as a page shows.
pub async fn list_calls(app: &Arrival, who: Option<&Actor>) -> Result<Vec<CallSummary>> {
    newest_seen(app, who, None, SHOWN).await.map(|calls| calls.iter().map(|c| summary(app, c)).collect())
}

/// The calls that a reader may see, newest first, older than one: as many as wanted.
async fn newest_seen(
    app: &Arrival,
    who: Option<&Actor>,
    mut newer: Option<CallId>,
    wanted: usize,
) -> Result<Vec<Call>> {
    let mut seen: Vec<Call> = Vec::new();
    loop {
        let some = rows::before(app.database.read(), newer, AT_ONCE).await?;
        newer = some.last().map(|c| c.id);
        let last = some.len() < AT_ONCE;
        let may_read = |c: &Call| decide(Action::ReadCall, who, &Subject::call(c.facts(app.at))).is_ok();
        seen.extend(some.into_iter().filter(may_read));
        if last || seen.len() >= wanted {
            seen.truncate(wanted);
            return Ok(seen);
        }
    }
}

/// The newest calls that visitors see, in lists, with a word that changes with what is shown of them.
pub async fn list_public(app: &Arrival) -> Result<(String, Vec<CallSummary>)> {
    let load = async { newest_seen(app, None, None, SHOWN).await.map(Arc::new) };
    let lately = app.lately("calls", "", load).await?;
    let visible: Vec<&Call> = lately.iter().filter(|c| is_public(app, c)).collect();
    let stamp = visible.iter().map(|c| stamp(app, c)).collect::<Vec<_>>().join(" ");
    Ok((stamp, visible.into_iter().map(|c| summary(app, c)).collect()))
}

/// One call as visitors see it, with a word that changes with what is shown of it.
pub async fn show_public(app: &Arrival, code: &str) -> Result<(String, CallView)> {
    let load = async {
        let found = rows::find_by_code(app.database.read(), code).await?;
        found.map(Arc::new).ok_or_else(Error::not_found)
    };
    let call = app.lately("call", code, load).await?;
    if !is_public(app, &call) {
        return Err(Error::not_found());
    }
    // Milestones are marked as over or begun.
    let passed = |at: Timestamp| at <= app.at;
    let milestones = call.definition.calendar.milestones.iter();
    let passed: usize = milestones.map(|m| usize::from(passed(m.at)) + usize::from(m.until.is_some_and(passed))).sum();
    Ok((format!("{} {passed}", stamp(app, &call)), view(app, &call)))
}

fn is_public(app: &Arrival, call: &Call) -> bool {
    decide(Action::ReadCall, None, &Subject::call(call.facts(app.at))).is_ok()
}

fn stamp(app: &Arrival, call: &Call) -> String {
    format!("{} {} {} {:?}", call.id, call.revision, call.version, call.phase(app.at))
}

/// One call.
pub async fn show_call(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<CallView> {
    let call = app.call(code).await?;
    decide(Action::ReadCall, who, &Subject::call(call.facts(app.at)))?;
    Ok(view(app, &call))
}

pub(crate) fn view(app: &Arrival, call: &Call) -> CallView {
    let (version, definition) = (call.version, Arc::clone(&call.definition));
    CallView { phase: call.phase(app.at), version, now: app.at, definition }
}

/// One call as it was in one of its versions: that of a deposit or a ranking, by which they are read.
pub async fn show_call_version(app: &Arrival, who: Option<&Actor>, code: &str, version: i64) -> Result<CallView> {
    let conn = app.database.read();
    let call = app.call(code).await?;
    decide(Action::ReadCall, who, &Subject::call(call.facts(app.at)))?;
    let definition = rows::version(conn, &call, version).await?;
    Ok(CallView { phase: call.phase(app.at), version, now: app.at, definition })
}

/// Writes a new call in draft, with its first officer.
pub async fn create_call(
    app: &Arrival,
    who: Option<&Actor>,
    definition: serde_json::Value,
    officer: AccountId,
) -> Result<CallView> {
    decide(Action::CreateCall, who, &Subject::default())?;
    let wrong = |at: &str, problem: String| Problem {
        pointer: format!("/{}", at.replace('.', "/")).trim_end_matches('/').to_owned(),
        code: "definition".into(),
        args: vec![("problem", problem)],
    };
    let definition: CallDefinition =
        serde_json::from_value(definition).map_err(|e| Error::invalid(vec![wrong("", e.to_string())]))?;
    let problems: Vec<Problem> = definition.problems().into_iter().map(|p| wrong(&p.at, p.problem)).collect();
    if !problems.is_empty() {
        return Err(Error::invalid(problems));
    }
    app.write_once(who, (definition.clone(), officer), |work, (definition, officer)| {
        Box::pin(async move {
            let permit = permit::<acts::CreateCall>(work.who(), &Subject::default())?;
            let id = work.id();
            rows::insert_call(work.tx, &permit, id, definition, *officer, work.at()).await?;
            let subject = ("call", definition.code.clone());
            work.record(Some(id), Some(permit.by()), Action::CreateCall, subject, serde_json::json!({})).await?;
            Ok(())
        })
    })
    .await?;
    Ok(CallView { phase: Phase::Draft, version: 0, now: app.at, definition: Arc::new(definition) })
}
