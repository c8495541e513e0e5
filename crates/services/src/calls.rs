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
use crate::{Actor, Arrival, Error, Problem, Result, load_call};

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
    let mut newer = part.after::<CallId>("calls")?;
    let mut seen: Vec<Call> = Vec::new();
    let wanted = part.skip() + part.limit + 1;
    loop {
        let some = rows::before(app.database.read(), newer, AT_ONCE).await?;
        newer = some.last().map(|c| c.id);
        let last = some.len() < AT_ONCE;
        seen.extend(
            some.into_iter().filter(|c| decide(Action::ReadCall, who, &Subject::call(c.facts(app.at))).is_ok()),
        );
        if last || seen.len() >= wanted {
            break;
        }
    }
    let items = seen.into_iter().skip(part.skip()).take(part.limit + 1).collect();
    Ok(Page::of("calls", part.limit, items, |c: &Call| c.id).map(|c| summary(app, &c)))
}

/// The newest calls that the reader may see, as many as a page shows.
pub async fn list_calls(app: &Arrival, who: Option<&Actor>) -> Result<Vec<CallSummary>> {
    Ok(page_calls(app, who, &Part::page(1, SHOWN)).await?.items)
}

/// One call.
pub async fn show_call(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<CallView> {
    let call = load_call(app.database.read(), code).await?;
    let now = app.at;
    decide(Action::ReadCall, who, &Subject::call(call.facts(now)))?;
    Ok(CallView { phase: call.phase(now), version: call.version, now, definition: call.definition })
}

/// One call as it was in one of its versions: that of a deposit or a ranking, by which they are read.
pub async fn show_call_version(app: &Arrival, who: Option<&Actor>, code: &str, version: i64) -> Result<CallView> {
    let conn = app.database.read();
    let call = load_call(conn, code).await?;
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
