//! Rankings: everything that goes in is kept with its hash, everything that comes out with its derivation.

mod inputs;
mod insights;
mod print;
mod recompute;
mod view;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use ami_database::calls::Call;
use ami_database::jury;
use ami_database::rankings::{self as rows, Snapshot, SnapshotPlace};
use ami_domain::deposit::sha256_hex;
use ami_domain::ids::{DossierId, RankingId};
use ami_domain::jury::is_recused;
use ami_domain::policy::{Action, AssignmentFacts, Subject, acts, decide, permit};
use ami_scoring as scoring;
use jiff::Timestamp;
use serde_json::json;

use crate::documents::NamedFile;
use crate::part::{Page, Part};
use crate::{Actor, Arrival, Error, Kind, Result, hold_call, load_call};

pub use insights::{
    AdjustedView, AgreementView, ConcordanceView, Interval, JurorView, OutlyingView, RankInterval, RanksView,
    RobustnessView, SeverityView, WeightView,
};
pub use print::{LotFigures, figures};
pub use recompute::{Recomputed, recompute_ranking};
pub use view::{
    RankedCriterion, RankedDossier, RankedElimination, RankedGroup, RankedLot, RankingSummary, RankingView,
};

/// Computes a ranking of every admissible dossier from the locked sheets of deliberative, not recused jurors, and keeps it.
///
/// # Errors
/// `ranking-moved` when the call moved on while it was computed.
pub async fn compute_ranking(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<RankingView> {
    let call = load_call(app.database.read(), code).await?;
    let now = app.at;
    let by = permit::<acts::ComputeRanking>(who, &Subject::call(call.facts(now)))?.by();
    if let Some(id) = app.done_before::<RankingId>(who).await? {
        return read_view(&load(app, who, id).await?.1);
    }
    let (inputs, about, upsets) = inputs::gather(app, &call).await?;
    let id: RankingId = app.id();
    // Drawing weights takes a core for a while: not one that answers requests.
    let computation = {
        let call = call.clone();
        move || compute(&call, &inputs, about, id, now)
    };
    let (view, inputs) = tokio::task::spawn_blocking(computation).await.map_err(Error::internal)??;
    let snapshot = Snapshot {
        id,
        call: call.id,
        call_version: call.version,
        computed_at: now,
        computed_by: by,
        engine: view.engine.clone(),
        input_sha256: view.input_sha256.clone(),
        inputs,
        result: serde_json::to_string(&view).map_err(Error::internal)?,
        upsets,
    };
    let given = (code.to_owned(), call.state, call.revision, snapshot);
    let kept = app
        .write_once(who, given, |work, (code, state, revision, snapshot)| {
            Box::pin(async move {
                let call = hold_call(work.tx, code).await?;
                let permit = permit::<acts::ComputeRanking>(work.who(), &Subject::call(call.facts(work.at())))?;
                if (call.state, call.revision) != (*state, *revision) {
                    return Err(ranking_moved());
                }
                rows::insert_ranking(work.tx, &permit, snapshot).await?;
                let details = json!({ "ranking": snapshot.id, "input_sha256": snapshot.input_sha256 });
                let subject = ("call", code.clone());
                work.record(Some(call.id), Some(permit.by()), Action::ComputeRanking, subject, details).await?;
                Ok(snapshot.id)
            })
        })
        .await?;
    if kept == id { Ok(view) } else { read_view(&load(app, who, kept).await?.1) }
}

/// The result of the inputs, and the inputs as they are hashed and kept.
fn compute(
    call: &Call,
    inputs: &inputs::Inputs,
    mut about: BTreeMap<String, view::About>,
    id: RankingId,
    now: Timestamp,
) -> Result<(RankingView, String)> {
    let grid = &call.definition.grid;
    let engine = Arc::new(inputs::engine_grid(grid)?);
    let text = serde_json::to_string(inputs).map_err(Error::internal)?;
    let hash = sha256_hex(text.as_bytes());
    // The hash gives the seed: whoever computes again draws the same weights.
    let seed = u64::from_str_radix(hash.get(..12).unwrap_or_default(), 16).map_err(Error::internal)?;
    let places = usize::try_from(call.definition.rules.laureates_per_lot.max(1)).unwrap_or(usize::MAX);
    let abstentions: BTreeMap<&str, _> = inputs.dossiers.iter().map(|d| (d.number.as_str(), &d.abstentions)).collect();
    let nobody = BTreeMap::new();
    let mut lots = Vec::with_capacity(call.definition.lots.len());
    for lot in &call.definition.lots {
        let ranking = scoring::rank(&inputs.marks(&engine, Some(&lot.code))?);
        let known = |line: scoring::RankedDossier<'_>| {
            let about = about.remove(line.id()).ok_or_else(|| Error::internal("a dossier that was not given"))?;
            let without = abstentions.get(line.id()).copied().unwrap_or(&nobody);
            Ok(view::ranked(line, grid, about, without))
        };
        let dossiers = ranking.dossiers().map(known).collect::<Result<_>>()?;
        let robustness = insights::robustness(&ranking, seed, places)?;
        lots.push(RankedLot { code: lot.code.clone(), label: lot.label.clone(), dossiers, robustness });
    }
    let all = inputs.marks(&engine, None)?;
    let view = RankingView {
        id: id.uuid(),
        call: call.definition.code.clone(),
        call_version: call.version,
        computed_at: now,
        engine: scoring::ENGINE.to_owned(),
        input_sha256: hash,
        aggregation: grid.aggregation.as_str().to_owned(),
        voices: inputs.voices.clone(),
        agreement: Some(insights::agreement(&all)),
        severity: Some(insights::severity(&all, lots.iter().map(|l| l.dossiers.as_slice()))),
        lots,
    };
    Ok((view, text))
}

pub(crate) fn read_view(snapshot: &Snapshot) -> Result<RankingView> {
    serde_json::from_str(&snapshot.result).map_err(Error::internal)
}

/// The rankings of a call, newest first.
pub async fn list_rankings(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<Vec<RankingSummary>> {
    Ok(places(app, who, code).await?.into_iter().map(summary).collect())
}

/// A part of the rankings of a call, newest first.
pub async fn page_rankings(
    app: &Arrival,
    who: Option<&Actor>,
    code: &str,
    part: &Part,
) -> Result<Page<RankingSummary>> {
    let all = places(app, who, code).await?;
    Ok(part.cut("rankings", all, |r| Reverse((r.number, r.computed_at, r.id)))?.map(summary))
}

fn summary(r: SnapshotPlace) -> RankingSummary {
    RankingSummary { id: r.id.uuid(), computed_at: r.computed_at, input_sha256: r.input_sha256 }
}

async fn places(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<Vec<SnapshotPlace>> {
    let conn = app.database.read();
    let call = load_call(conn, code).await?;
    decide(Action::ListRankings, who, &Subject::call(call.facts(app.at)))?;
    Ok(rows::rankings(conn, call.id).await?)
}

async fn load(app: &Arrival, who: Option<&Actor>, id: RankingId) -> Result<(Call, Snapshot)> {
    let conn = app.database.read();
    who.ok_or(ami_domain::policy::Denial::SignInFirst)?;
    let snapshot = rows::find_ranking(conn, id).await?.ok_or_else(Error::not_found)?;
    let mut call = ami_database::calls::find(conn, snapshot.call).await?.ok_or_else(Error::not_found)?;
    decide(Action::ReadRanking, who, &Subject::call(call.facts(app.at)))?;
    app.note_reading(who, "ranking", id);
    // It is read by the grid that it was computed with.
    call.definition = ami_database::calls::version(conn, &call, snapshot.call_version).await?;
    call.version = snapshot.call_version;
    Ok((call, snapshot))
}

/// One ranking. A juror sees nothing of the dossiers from which they are excluded, nor how severe each juror is.
pub async fn show_ranking(app: &Arrival, who: Option<&Actor>, id: RankingId) -> Result<RankingView> {
    let (call, snapshot) = load(app, who, id).await?;
    readable(app, who, &call, read_view(&snapshot)?).await
}

/// What a reader may see of a ranking: the policy is asked for each lot, and for what is said of the jurors.
async fn readable(app: &Arrival, who: Option<&Actor>, call: &Call, mut view: RankingView) -> Result<RankingView> {
    let subject = Subject::call(call.facts(app.at));
    if decide(Action::ReadSeverity, who, &subject).is_err() {
        view.severity = None;
    }
    let own = who.and_then(|a| a.seats.get(&call.id)).map(|s| s.id);
    let recusals = if own.is_some() { jury::recusals(app.database.read(), call.id).await? } else { vec![] };
    for lot in &mut view.lots {
        let recused = |d: &RankedDossier| own.is_some_and(|own| is_recused(&recusals, own, d.id.into(), &lot.code));
        let facts = AssignmentFacts { recused: lot.dossiers.iter().any(recused), ..AssignmentFacts::default() };
        if decide(Action::ReadMarks, who, &subject.with_assignment(facts)).is_err() {
            lot.dossiers.clear();
            lot.robustness = None;
        }
    }
    Ok(view)
}

/// One ranking as PDF, with the decisions taken since.
pub async fn ranking_pdf(app: &Arrival, who: Option<&Actor>, id: RankingId) -> Result<NamedFile> {
    let (call, snapshot) = load(app, who, id).await?;
    let view = readable(app, who, &call, read_view(&snapshot)?).await?;
    let conn = app.database.read();
    let decisions: BTreeMap<DossierId, _> = rows::decisions_with_states(conn, call.id)
        .await?
        .into_iter()
        .map(|(d, state)| (d.dossier, (d, state)))
        .collect();
    let grounds = crate::decisions::Grounds::load(conn, call.id, None).await?;
    let name = format!("classement-{}-{}.pdf", call.definition.code, ami_domain::call::day(view.computed_at));
    let work = move || {
        let decided = |d: &RankedDossier| {
            let (decision, state) = decisions.get(&DossierId::from(d.id))?;
            let word = ami_views::message(&format!("decision-{}", decision.kind.as_str().replace('_', "-")), &[])?;
            // What no longer rests on anything is not printed as if it did.
            match grounds.stale(decision, *state) {
                None => Some(word),
                Some(_) => ami_views::message("decision-to-confirm", &[("decision", word)]),
            }
        };
        ami_documents::ranking_pdf(&print::document(&call, &view, |d| decided(d).unwrap_or_default()))
    };
    let bytes = tokio::task::spawn_blocking(work).await.map_err(Error::internal)?.map_err(Error::internal)?;
    Ok(NamedFile { name, bytes })
}

/// The newest ranking of a call, for whoever decides on it: its place, and which dossiers it has.
pub(crate) async fn latest(app: &Arrival, call: &Call) -> Result<Option<RankingView>> {
    rows::latest(app.database.read(), call.id).await?.as_ref().map(read_view).transpose()
}

/// The same, for a reader: none while they may not read the marks that it holds.
pub(crate) async fn latest_read(app: &Arrival, who: Option<&Actor>, call: &Call) -> Result<Option<RankingView>> {
    match decide(Action::ReadRanking, who, &Subject::call(call.facts(app.at))) {
        Ok(()) => latest(app, call).await,
        Err(_) => Ok(None),
    }
}

/// Refuses when there is no ranking yet.
pub(crate) const fn no_ranking() -> Error {
    Error::new(Kind::Conflict, "no-ranking")
}

/// Refuses when the ranking, or the call that it was computed in, is no longer what was looked at.
pub(crate) const fn ranking_moved() -> Error {
    Error::new(Kind::Conflict, "ranking-moved")
}
