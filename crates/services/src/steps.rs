//! The steps of a call: what one would leave unfinished is said before it is taken, and wants a reason.

use ami_database::{ConnectionTrait, calls as rows, dossiers, jury, rankings};
use ami_domain::call::{AdvanceError, CallState};
use ami_domain::deliberation::DecisionStage;
use ami_domain::dossier::DossierStateName;
use ami_domain::jury::Voice;
use ami_domain::policy::{Action, Subject, acts, decide, permit};
use ami_domain::text;
use serde::Serialize;

use crate::calls::{CallSummary, summary};
use crate::decisions::Grounds;
use crate::deliberations::stages;
use crate::writing::published_definition;
use crate::{Actor, Arrival, Call, Error, Kind, Problem, Result, letters};

/// Something that a step would leave unfinished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Unfinished {
    /// `unexamined`, `no-juror`, `open-sheets`, `no-ranking`, `undecided`, `unnotified`.
    pub code: &'static str,
    /// How many; 0 where there is nothing to count.
    pub count: u64,
    /// Whether no reason makes up for it.
    pub blocks: bool,
}

/// A step that an officer may take next.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// The state that it leads to.
    pub state: CallState,
    /// What it would leave unfinished.
    pub unfinished: Vec<Unfinished>,
}

/// What a call would leave unfinished in moving on to a state.
async fn unfinished(conn: &impl ConnectionTrait, call: &Call, to: CallState) -> Result<Vec<Unfinished>> {
    let mut found = Vec::new();
    let mut note = |code, count, blocks| found.push(Unfinished { code, count, blocks });
    match (call.state, to) {
        (_, CallState::Marking) => {
            let counts = dossiers::counts(conn, call.id).await?;
            let waiting: u64 =
                counts.iter().filter(|((_, state), _)| *state == DossierStateName::Deposited).map(|(_, n)| n).sum();
            if waiting > 0 {
                note("unexamined", waiting, false);
            }
            if !jury::seats(conn, call.id).await?.iter().any(|s| s.voice == Voice::Deliberative) {
                note("no-juror", 0, false);
            }
        }
        (CallState::Marking, _) => {
            let sheets = jury::sheet_counts(conn, call.id).await?;
            let open: usize = sheets.values().map(|(asked, locked)| asked.saturating_sub(*locked)).sum();
            if open > 0 {
                note("open-sheets", u64::try_from(open).unwrap_or(u64::MAX), false);
            }
        }
        (_, CallState::Deliberation) if rankings::rankings(conn, call.id).await?.is_empty() => {
            note("no-ranking", 0, false);
        }
        (_, CallState::Notified) => {
            let (undecided, unnotified) = count_untold(conn, call).await?;
            if undecided > 0 {
                note("undecided", undecided, true);
            }
            if unnotified > 0 {
                note("unnotified", unnotified, true);
            }
        }
        _ => {}
    }
    Ok(found)
}

/// Filed dossiers that nobody withdrew: those without a decision that stands, and those whose decision was not notified. An
/// inadmissibility that its applicant was told of is decided by that.
async fn count_untold(conn: &impl ConnectionTrait, call: &Call) -> Result<(u64, u64)> {
    let filed = dossiers::filed_of_call(conn, call.id).await?;
    let decided = rankings::decisions(conn, call.id).await?;
    let grounds = Grounds::load(conn, call.id, None).await?;
    let stages = stages(conn, call.id, None).await?;
    let told = letters::told_inadmissible(conn, call).await?;
    let (mut undecided, mut unnotified) = (0, 0);
    for dossier in filed.iter().filter(|d| d.state_name() != DossierStateName::Withdrawn) {
        if dossier.state_name() == DossierStateName::Inadmissible && told.contains(&dossier.id) {
            continue;
        }
        match decided.get(&dossier.id) {
            Some(d) if stages.of(d) == DecisionStage::Notified => {}
            Some(d) if grounds.stale(d, dossier.state_name()).is_none() => unnotified += 1,
            _ => undecided += 1,
        }
    }
    Ok((undecided, unnotified))
}

/// Moves a call to its next state; publication freezes what is written in it.
///
/// # Errors
/// `unfinished` with what the step would leave so, while no reason is given; some of it, no reason makes up for.
pub async fn advance_call(
    app: &Arrival,
    who: Option<&Actor>,
    code: &str,
    to: CallState,
    reason: &str,
) -> Result<CallSummary> {
    advance_from(app, who, code, None, to, reason).await
}

/// The same, of the call as it was `seen`.
///
/// # Errors
/// As [`advance_call`]; `stale` when somebody changed the call since.
pub(crate) async fn advance_from(
    app: &Arrival,
    who: Option<&Actor>,
    code: &str,
    seen: Option<i64>,
    to: CallState,
    reason: &str,
) -> Result<CallSummary> {
    let reason = text::clean(reason);
    app.write_once(who, (code.to_owned(), seen, to, reason), |work, (code, seen, to, reason)| {
        Box::pin(async move {
            let call = rows::find_by_code_for_update(work.tx, code).await?.ok_or_else(Error::not_found)?;
            let permit = permit::<acts::AdvanceCall>(work.who(), &Subject::call(call.facts(work.at())))?;
            if seen.is_some_and(|seen| seen != call.revision) {
                return Err(Error::new(Kind::Stale, "stale"));
            }
            text::bounded(reason).map_err(|length| Error::too_long("/reason", length))?;
            call.state.advance(*to, &call.definition.calendar, work.at()).map_err(refusal)?;
            let left = unfinished(work.tx.read(), &call, *to).await?;
            if left.iter().any(|l| l.blocks || reason.is_empty()) {
                return Err(to_finish(&left));
            }
            let published = match call.state {
                CallState::Draft => Some(published_definition(work, &call).await?),
                _ => None,
            };
            rows::set_state(work.tx, &permit, &call, *to, published.as_ref(), work.at()).await?;
            let mut details = serde_json::json!({ "from": call.state.as_str(), "to": to.as_str() });
            if !left.is_empty() {
                details["unfinished"] = left.iter().map(|l| (l.code, l.count)).collect::<serde_json::Value>();
                details["reason"] = reason.as_str().into();
            }
            let subject = ("call", code.clone());
            work.record(Some(call.id), Some(permit.by()), Action::AdvanceCall, subject, details).await?;
            Ok(())
        })
    })
    .await?;
    Ok(summary(app, &app.call(code).await?))
}

fn to_finish(left: &[Unfinished]) -> Error {
    let problem = |l: &Unfinished| Problem {
        pointer: if l.blocks { "/state".into() } else { "/reason".into() },
        code: format!("unfinished-{}", l.code),
        args: vec![("count", l.count.to_string())],
    };
    Error { problems: left.iter().map(problem).collect(), ..Error::new(Kind::Conflict, "unfinished") }
}

fn refusal(error: AdvanceError) -> Error {
    match error {
        AdvanceError::Impossible { from, to } => {
            Error::new(Kind::Conflict, "call-step").with("from", from.as_str()).with("to", to.as_str())
        }
        AdvanceError::StillOpen { closes } => {
            Error::new(Kind::Conflict, "call-open").with("closes", ami_views::date_time(closes))
        }
    }
}

/// The steps that an officer may take, with what each would leave unfinished.
pub async fn next_steps(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<Vec<Step>> {
    let conn = app.database.read();
    let call = app.call(code).await?;
    decide(Action::AdvanceCall, who, &Subject::call(call.facts(app.at)))?;
    let mut steps = Vec::new();
    for &state in call.state.next() {
        steps.push(Step { state, unfinished: unfinished(conn, &call, state).await? });
    }
    Ok(steps)
}
