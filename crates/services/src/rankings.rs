//! Rankings: everything that goes in is kept with its hash, everything that comes out with its derivation.

mod allocation;
mod inputs;
mod insights;
mod kit;
mod print;
mod recompute;
mod view;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ami_database::calls::Call;
use ami_database::rankings::{self as rows, Snapshot, SnapshotPlace};
use ami_domain::deposit::sha256_hex;
use ami_domain::ids::{CallId, DossierId, RankingId};
use ami_domain::jury::is_recused;
use ami_domain::policy::{Action, AssignmentFacts, Subject, acts, decide, permit};
use ami_scoring as scoring;
use jiff::Timestamp;
use serde_json::json;

use crate::documents::NamedFile;
use crate::part::{Page, Part};
use crate::{Actor, Arrival, Error, Kind, Result, hold_call};

pub use allocation::{
    Allocated, AllocatedLot, AllocationView, Caps, Excluded, LotMove, Named, Simulation, show_allocation,
    simulate_allocation,
};
pub use insights::{
    AdjustedView, AgreementView, ConcordanceView, Interval, JurorView, OutlyingView, RankInterval, RanksView,
    RobustnessView, SeverityView, WeightView,
};
pub(crate) use kit::kit;
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
    let call = app.call(code).await?;
    let now = app.at;
    let by = permit::<acts::ComputeRanking>(who, &Subject::call(call.facts(now)))?.by();
    if let Some(id) = app.done_before::<RankingId>(who).await? {
        return show_ranking(app, who, id).await;
    }
    let (inputs, about, upsets) = inputs::gather(app, &call).await?;
    let id: RankingId = app.id();
    // Drawing weights takes a core for a while: not one that answers requests.
    let computation = {
        let call = call.clone();
        move || compute(&call, &inputs, about, id, now)
    };
    let (view, inputs) = app.cores.run(computation).await?;
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
    if kept == id { Ok(view) } else { show_ranking(app, who, kept).await }
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
    let call = app.call(code).await?;
    decide(Action::ListRankings, who, &Subject::call(call.facts(app.at)))?;
    Ok(app.rankings(call.id).await?.to_vec())
}

/// One ranking. A juror sees nothing of the dossiers from which they are excluded, nor how severe each juror is.
pub async fn show_ranking(app: &Arrival, who: Option<&Actor>, id: RankingId) -> Result<RankingView> {
    let seen = look_at(app, who, id).await?;
    Ok(show_seen(app, &seen).await?.0)
}

/// Which dossiers stand in which lot of a ranking.
type Lots = Vec<(String, Vec<DossierId>)>;

fn lots(view: &RankingView) -> Lots {
    let ids = |lot: &RankedLot| lot.dossiers.iter().map(|d| d.id.into()).collect();
    view.lots.iter().map(|lot| (lot.code.clone(), ids(lot))).collect()
}

/// What of a ranking somebody may see. Two readers with the same sight are shown the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sight {
    severity: bool,
    /// The lots of which they see no dossier.
    hidden: BTreeSet<String>,
}

impl Sight {
    /// The policy is asked for each lot, and for what is said of the jurors.
    async fn of(app: &Arrival, who: Option<&Actor>, call: &Call, lots: &Lots) -> Result<Self> {
        let subject = Subject::call(call.facts(app.at));
        let own = who.and_then(|a| a.seats.get(&call.id)).map(|s| s.id);
        let recusals = if own.is_some() { app.recusals(call.id).await? } else { Arc::default() };
        let sees = |(lot, dossiers): &(String, Vec<DossierId>)| {
            let recused = |d: &DossierId| own.is_some_and(|own| is_recused(&recusals, own, *d, lot));
            let facts = AssignmentFacts { recused: dossiers.iter().any(recused), ..AssignmentFacts::default() };
            decide(Action::ReadMarks, who, &subject.with_assignment(facts)).is_ok()
        };
        Ok(Self {
            severity: decide(Action::ReadSeverity, who, &subject).is_ok(),
            hidden: lots.iter().filter(|lot| !sees(lot)).map(|(code, _)| code.clone()).collect(),
        })
    }

    /// Takes away what is not seen.
    fn cut(&self, mut view: RankingView) -> RankingView {
        if !self.severity {
            view.severity = None;
        }
        for lot in view.lots.iter_mut().filter(|lot| self.hidden.contains(&lot.code)) {
            lot.dossiers.clear();
            lot.robustness = None;
        }
        view
    }
}

/// A ranking that somebody may read, before anything of it is: who may is asked anew for every reader, and what they may see, and
/// only what is made for that sight is kept.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The ranking.
    pub id: RankingId,
    /// What of it.
    pub sight: Sight,
    call: Call,
}

/// Whether, and what of, somebody may read a ranking.
pub async fn look_at(app: &Arrival, who: Option<&Actor>, id: RankingId) -> Result<Seen> {
    let conn = app.database.read();
    who.ok_or(ami_domain::policy::Denial::SignInFirst)?;
    let (call, version) = rows::ranking_place(conn, id).await?.ok_or_else(Error::not_found)?;
    let mut call = app.call_of(call).await?.ok_or_else(Error::not_found)?;
    decide(Action::ReadRanking, who, &Subject::call(call.facts(app.at)))?;
    app.note_reading(who, "ranking", id);
    // It is read by the grid that it was computed with.
    call.definition = ami_database::calls::version(conn, &call, version).await?;
    call.version = version;
    let load = async {
        let snapshot = rows::find_ranking(conn, id).await?.ok_or_else(Error::not_found)?;
        app.cores.run(move || Ok(Arc::new(lots(&read_view(&snapshot)?)))).await
    };
    let sits = who.is_some_and(|a| a.seats.contains_key(&call.id));
    let lots: Arc<Lots> = if !sits && decide(Action::ReadMarks, who, &Subject::call(call.facts(app.at))).is_ok() {
        // Whoever does not sit is excluded from nothing: they may read the marks of every lot alike.
        Arc::default()
    } else {
        // What is in which lot never changes.
        app.always("lots of ranking", id, load).await?
    };
    Ok(Seen { id, sight: Sight::of(app, who, &call, &lots).await?, call })
}

/// What of a ranking is seen, and the call by whose grid it is read. On a thread of its own: it is long.
pub async fn show_seen(app: &Arrival, seen: &Seen) -> Result<(RankingView, crate::calls::CallView)> {
    let snapshot = rows::find_ranking(app.database.read(), seen.id).await?.ok_or_else(Error::not_found)?;
    let sight = seen.sight.clone();
    let view = app.cores.run(move || Ok(sight.cut(read_view(&snapshot)?))).await?;
    Ok((view, crate::calls::view(app, &seen.call)))
}

/// Where a dossier stands in a ranking.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    pub(crate) rank: Option<usize>,
    pub(crate) ex_aequo: bool,
    pub(crate) status: String,
    pub(crate) total_shown: Option<String>,
}

/// Where each dossier of a ranking stands.
pub(crate) type Standings = Arc<BTreeMap<DossierId, Standing>>;

/// Where each dossier stands in the newest ranking of a call, for a reader: nowhere while they may not read the marks that it
/// holds.
pub(crate) async fn standings(app: &Arrival, who: Option<&Actor>, call: &Call) -> Result<Standings> {
    standings_of(app, who, call, None).await.map(|(_, standings)| standings)
}

/// The same in one ranking of the call, or in its newest one, with which it was; none is one that the reader may not read.
pub(crate) async fn standings_of(
    app: &Arrival,
    who: Option<&Actor>,
    call: &Call,
    ranking: Option<RankingId>,
) -> Result<(Option<RankingId>, Standings)> {
    if decide(Action::ReadRanking, who, &Subject::call(call.facts(app.at))).is_err() {
        return Ok((None, Standings::default()));
    }
    let rankings = app.rankings(call.id).await?;
    match rankings.iter().find(|r| ranking.is_none_or(|id| r.id == id)) {
        Some(found) => Ok((Some(found.id), app.standings(found.id).await?)),
        None => Ok((None, Standings::default())),
    }
}

/// The newest ranking of a call, for whoever decides on it: which, and where it puts each dossier.
pub(crate) async fn newest_standings(app: &Arrival, call: &Call) -> Result<Option<(RankingId, Standings)>> {
    let Some(newest) = app.newest_ranking(call.id).await? else { return Ok(None) };
    Ok(Some((newest.id, app.standings(newest.id).await?)))
}

/// The newest ranking of a call, whole, for whoever writes of it.
pub(crate) async fn newest_view(app: &Arrival, call: &Call) -> Result<Option<RankingView>> {
    let Some(newest) = app.newest_ranking(call.id).await? else { return Ok(None) };
    let found = rows::find_ranking(app.database.read(), newest.id).await?.ok_or_else(Error::not_found)?;
    app.cores.run(move || Ok(Some(read_view(&found)?))).await
}

impl Arrival {
    /// The rankings of a call, newest first, without what is in them.
    async fn rankings(&self, call: CallId) -> Result<Arc<Vec<SnapshotPlace>>> {
        let load = async { Ok(Arc::new(rows::rankings(self.database.read(), call).await?)) };
        self.once("rankings", call, load).await
    }

    /// The newest ranking of a call, without what is in it.
    pub(crate) async fn newest_ranking(&self, call: CallId) -> Result<Option<SnapshotPlace>> {
        Ok(self.rankings(call).await?.first().cloned())
    }

    /// Where a ranking puts each dossier, which never changes: what is long to read is read once.
    async fn standings(&self, id: RankingId) -> Result<Standings> {
        let load = async {
            let found = rows::find_ranking(self.database.read(), id).await?.ok_or_else(Error::not_found)?;
            let read = move || {
                let dossiers = read_view(&found)?.lots.into_iter().flat_map(|lot| lot.dossiers);
                let standing = |d: RankedDossier| {
                    let RankedDossier { rank, ex_aequo, status, total_shown, .. } = d;
                    (d.id.into(), Standing { rank, ex_aequo, status, total_shown })
                };
                Ok(Arc::new(dossiers.map(standing).collect()))
            };
            self.cores.run(read).await
        };
        self.always("standings", id, load).await
    }
}

/// One ranking as PDF, with the decisions taken since.
pub async fn ranking_pdf(app: &Arrival, who: Option<&Actor>, id: RankingId) -> Result<NamedFile> {
    let seen = look_at(app, who, id).await?;
    let (view, _) = show_seen(app, &seen).await?;
    let (conn, call) = (app.database.read(), seen.call);
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
            let word = ami_views::word("decision", decision.kind.as_str());
            // What no longer rests on anything is not printed as if it did.
            match grounds.stale(decision, *state) {
                None => Some(word),
                Some(_) => ami_views::message("decision-to-confirm", &[("decision", word)]),
            }
        };
        ami_documents::ranking_pdf(&print::document(&call, &view, |d| decided(d).unwrap_or_default()))
    };
    let bytes = app.cores.run(move || work().map_err(Error::internal)).await?;
    Ok(NamedFile { name, bytes })
}

/// Refuses when there is no ranking yet.
pub(crate) const fn no_ranking() -> Error {
    Error::new(Kind::Conflict, "no-ranking")
}

/// Refuses when the ranking, or the call that it was computed in, is no longer what was looked at.
pub(crate) const fn ranking_moved() -> Error {
    Error::new(Kind::Conflict, "ranking-moved")
}
