//! Calls: what everyone may read of them, and what their officers do.

use std::sync::Arc;

use ami_database::calls::{self as rows, Call};
use ami_domain::call::{self, CallDefinition, Class, Phase, to_toml};
use ami_domain::deposit::sha256_hex;
use ami_domain::ids::CallId;
use ami_domain::policy::{Action, Subject, decide};
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::Value;
use utoipa::ToSchema;

use crate::part::{Page, Part};
use crate::{Actor, Arrival, Error, Kind, Result};

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

/// A word that changes with what visitors are shown of a call; hidden when they may not see it.
pub async fn public_stamp(app: &Arrival, code: &str) -> Result<String> {
    let load = async {
        let found = rows::find_by_code(app.database.read(), code).await?;
        found.map(Arc::new).ok_or_else(Error::not_found)
    };
    let call = app.lately("call", code, load).await?;
    if !is_public(app, &call) {
        return Err(Error::not_found());
    }
    app.knows(&call).await?;
    // Milestones are marked as over or begun.
    let passed = |at: Timestamp| at <= app.at;
    let milestones = call.definition.calendar.milestones.iter();
    let passed: usize = milestones.map(|m| usize::from(passed(m.at)) + usize::from(m.until.is_some_and(passed))).sum();
    Ok(format!("{} {passed}", stamp(app, &call)))
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

/// A call as it is described to whoever asks: to its officers whole, to everyone else what the rules print.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DescribedCall {
    /// Where it stands.
    #[schema(value_type = String)]
    pub phase: Phase,
    /// The version that counts.
    pub version: i64,
    /// The server's time.
    #[schema(value_type = String, format = DateTime)]
    pub now: Timestamp,
    /// Its rules, calendar, lots, form, pieces, grid and texts, as far as the reader may read them.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub definition: Value,
}

/// What a correction of a call says of itself.
#[derive(Debug, Clone, Serialize)]
pub struct Correction {
    /// The version that it made.
    pub version: i64,
    /// When.
    pub published_at: Timestamp,
    /// What changed, in its officers' words.
    pub notice: String,
}

/// A call's public page.
#[derive(Debug, Clone, Serialize)]
pub struct PublicCall {
    /// What everyone may read of it.
    pub call: DescribedCall,
    /// Whether whoever asks runs it.
    pub officer: bool,
    /// Places of all lots.
    pub places: i64,
    /// The remedies, with the court's name in them.
    pub remedies: String,
    /// Its corrections, the newest first.
    pub corrections: Vec<Correction>,
    /// SHA-256 of its rules as a file.
    pub rules_sha256: String,
}

fn whole(definition: &CallDefinition) -> Result<Value> {
    serde_json::to_value(definition).map_err(Error::internal)
}

/// What everyone may read of a call.
fn public(definition: &CallDefinition) -> Result<Value> {
    Ok(call::visible(&whole(definition)?, Class::Public))
}

/// One call, to its officers whole and to everyone else what the rules print.
pub async fn describe_call(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<DescribedCall> {
    let call = app.call(code).await?;
    let subject = Subject::call(call.facts(app.at));
    decide(Action::ReadCall, who, &subject)?;
    let officer = decide(Action::ReadWholeCall, who, &subject).is_ok();
    let definition = if officer { whole(&call.definition)? } else { public(&call.definition)? };
    Ok(DescribedCall { phase: call.phase(app.at), version: call.version, now: app.at, definition })
}

/// One call as its public page shows it, to officers too.
pub async fn show_public_call(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<PublicCall> {
    let conn = app.database.read();
    let call = app.call(code).await?;
    let subject = Subject::call(call.facts(app.at));
    decide(Action::ReadCall, who, &subject)?;
    let definition = public(&call.definition)?;
    let places = call.definition.lots.iter().try_fold(0_i64, |sum, lot| sum.checked_add(lot.capacity));
    let corrections = rows::list_versions(conn, call.id)
        .await?
        .into_iter()
        .filter_map(|v| Some(Correction { version: v.version, published_at: v.published_at, notice: v.notice? }));
    Ok(PublicCall {
        officer: decide(Action::ReadWholeCall, who, &subject).is_ok(),
        places: places.ok_or_else(|| Error::new(Kind::Conflict, "sum-too-large"))?,
        remedies: call.definition.text("remedies", &[("tribunal", &call.definition.rules.court)]).unwrap_or_default(),
        corrections: corrections.collect(),
        rules_sha256: sha256_hex(to_toml(&definition).as_bytes()),
        call: DescribedCall { phase: call.phase(app.at), version: call.version, now: app.at, definition },
    })
}

/// The rules of a call as a file that everyone may have.
pub async fn rules_file(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<String> {
    let call = app.call(code).await?;
    decide(Action::ReadCall, who, &Subject::call(call.facts(app.at)))?;
    Ok(to_toml(&public(&call.definition)?))
}

/// One call as it was in one of its versions: that of a deposit or a ranking, by which they are read.
pub async fn show_call_version(app: &Arrival, who: Option<&Actor>, code: &str, version: i64) -> Result<CallView> {
    let conn = app.database.read();
    let call = app.call(code).await?;
    decide(Action::ReadCall, who, &Subject::call(call.facts(app.at)))?;
    let definition = rows::version(conn, &call, version).await?;
    Ok(CallView { phase: call.phase(app.at), version, now: app.at, definition })
}
