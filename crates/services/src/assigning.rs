//! Who marks what: proposed by the engine, looked at, and kept; what is there already moves only where it must.

use std::collections::{BTreeMap, BTreeSet};

use ami_database::calls::Call;
use ami_database::{dossiers, jury as rows};
use ami_domain::deposit::sha256_hex;
use ami_domain::dossier::{Dossier, DossierStateName};
use ami_domain::ids::{DossierId, SeatId};
use ami_domain::jury::{Recusal, Seat, Voice, is_recused};
use ami_domain::policy::{Action, Subject, acts, decide, permit};
use ami_scoring::{AssignableDossier, AssignableJuror, AssignmentSpec};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::filed::Filings;
use crate::{Actor, Arrival, Error, Kind, Result, Work, hold_call};

/// What is asked of the engine.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct ProposalSpec {
    /// How many deliberative jurors mark a dossier.
    pub per_dossier: u32,
    /// What seats know: lots by their codes or dossiers by their ids, by seat. Preferred where loads allow.
    #[serde(default)]
    pub expertise: BTreeMap<Uuid, Vec<String>>,
}

/// Who would mark what.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ProposalView {
    /// Every admissible dossier, by lot and number.
    pub assignments: Vec<ProposedDossier>,
    /// How many dossiers each deliberative seat would have.
    pub loads: BTreeMap<Uuid, u32>,
    /// What cannot be done, and why.
    pub impossible: Vec<Impossible>,
    /// Groups of jurors whom no common dossier links: with more than one, severity does not compare between them.
    pub components: usize,
    /// Stands for all of it: what is kept is what was looked at.
    pub digest: String,
}

/// One dossier of a proposal.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ProposedDossier {
    /// Its id.
    pub dossier: Uuid,
    /// Its number.
    pub number: String,
    /// Its lot.
    pub lot: String,
    /// Who applied.
    pub organisation: String,
    /// Everybody who would mark it.
    pub seats: Vec<Uuid>,
    /// Those of them who do not yet.
    pub added: Vec<Uuid>,
    /// Those of them who know the subject.
    pub experts: Vec<Uuid>,
}

/// A dossier that cannot get as many jurors as was asked.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Impossible {
    /// The dossier.
    pub dossier: Uuid,
    /// Its number.
    pub number: String,
    /// Stable: `too-few-jurors`.
    pub code: &'static str,
    /// How many were asked for.
    pub wanted: u32,
    /// How many there are who are not excluded.
    pub available: u32,
    /// The labels of those who are excluded.
    pub recused: Vec<String>,
}

/// What changes for one seat.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
pub struct SeatChange {
    /// The seat.
    pub seat: Uuid,
    /// Dossiers to mark.
    #[serde(default)]
    pub add: Vec<Uuid>,
    /// Dossiers no longer to mark.
    #[serde(default)]
    pub remove: Vec<Uuid>,
}

/// Everything that a proposal is made of.
struct Ground {
    seats: Vec<Seat>,
    filed: Vec<Dossier>,
    recusals: Vec<Recusal>,
    asked: BTreeMap<(SeatId, DossierId), bool>,
}

/// Proposes who marks what. Nothing changes.
///
/// # Errors
/// `per-dossier` for a number of jurors that is none; `not-now` outside the phases in which dossiers are assigned.
pub async fn propose_assignments(
    app: &Arrival,
    who: Option<&Actor>,
    code: &str,
    spec: &ProposalSpec,
) -> Result<ProposalView> {
    let conn = app.database.read();
    let call = app.call(code).await?;
    decide(Action::AssignDossier, who, &Subject::call(call.facts(app.at)))?;
    if !(1..=100).contains(&spec.per_dossier) {
        return Err(Error::field("/per_dossier", "per-dossier"));
    }
    let mut seats = rows::seats(conn, call.id).await?;
    seats.retain(|s| s.voice == Voice::Deliberative);
    let mut filed = dossiers::filed_of_call(conn, call.id).await?;
    filed.retain(|d| d.state_name() == DossierStateName::Admissible);
    filed.sort_by(|a, b| (&a.lot, a.number).cmp(&(&b.lot, b.number)));
    let recusals = rows::recusals(conn, call.id).await?;
    let asked = rows::asked(conn, filed.iter().map(|d| d.id)).await?;
    let filings = Filings::of(conn, &call, filed.iter().map(|d| d.id)).await?;
    let ground = Ground { seats, filed, recusals, asked };
    let names: BTreeMap<DossierId, (String, String)> =
        ground.filed.iter().map(|d| (d.id, (filings.number(d), filings.name(d.id)))).collect();
    let spec = spec.clone();
    // A large table takes a core for a while: not one that answers requests.
    app.cores.run(move || propose(&ground, &names, &spec)).await
}

fn propose(
    ground: &Ground,
    names: &BTreeMap<DossierId, (String, String)>,
    spec: &ProposalSpec,
) -> Result<ProposalView> {
    let mut impossible = Vec::new();
    let labels: BTreeMap<&str, SeatId> = ground.seats.iter().map(|s| (s.label.as_str(), s.id)).collect();
    let knows = |seat: &Seat, dossier: &Dossier| {
        let known = spec.expertise.get(&seat.id.uuid());
        known.is_some_and(|known| known.iter().any(|k| *k == dossier.lot || *k == dossier.id.to_string()))
    };
    let mut assignable = Vec::with_capacity(ground.filed.len());
    for dossier in &ground.filed {
        let recused: BTreeSet<String> = ground
            .seats
            .iter()
            .filter(|s| is_recused(&ground.recusals, s.id, dossier.id, &dossier.lot))
            .map(|s| s.label.clone())
            .collect();
        let of = |wanted: &dyn Fn(&Seat) -> bool| -> BTreeSet<String> {
            let free = ground.seats.iter().filter(|s| !recused.contains(&s.label));
            free.filter(|s| wanted(s)).map(|s| s.label.clone()).collect()
        };
        let given = of(&|s| ground.asked.contains_key(&(s.id, dossier.id)));
        let experts = of(&|s| knows(s, dossier));
        let available = u32::try_from(ground.seats.len() - recused.len()).unwrap_or(u32::MAX);
        if available < spec.per_dossier {
            impossible.push(Impossible {
                dossier: dossier.id.uuid(),
                number: names.get(&dossier.id).map_or_else(String::new, |n| n.0.clone()),
                code: "too-few-jurors",
                wanted: spec.per_dossier,
                available,
                recused: recused.iter().cloned().collect(),
            });
        }
        let wanted = Some(available.min(spec.per_dossier));
        assignable.push(AssignableDossier { id: dossier.id.to_string(), recused, experts, given, wanted });
    }
    let juror = |s: &Seat| AssignableJuror {
        id: s.label.clone(),
        college: s.college.as_str().to_owned(),
        most: u32::try_from(ground.filed.len()).unwrap_or(u32::MAX),
    };
    let engine = AssignmentSpec {
        jurors: ground.seats.iter().map(juror).collect(),
        dossiers: assignable,
        per_dossier: spec.per_dossier,
        colleges: BTreeMap::new(),
    };
    let found = engine.assign().map_err(Error::internal)?;
    let seat = |label: &String| labels.get(label.as_str()).map(|s| s.uuid());
    let assignments: Vec<ProposedDossier> = ground
        .filed
        .iter()
        .zip(&engine.dossiers)
        .map(|(dossier, about)| {
            let chosen = found.dossiers.get(&about.id).cloned().unwrap_or_default();
            let (number, organisation) = names.get(&dossier.id).cloned().unwrap_or_default();
            ProposedDossier {
                dossier: dossier.id.uuid(),
                number,
                organisation,
                lot: dossier.lot.clone(),
                added: chosen.difference(&about.given).filter_map(seat).collect(),
                experts: chosen.intersection(&about.experts).filter_map(seat).collect(),
                seats: chosen.iter().filter_map(seat).collect(),
            }
        })
        .collect();
    let chosen: Vec<(&Uuid, &Vec<Uuid>)> = assignments.iter().map(|a| (&a.dossier, &a.seats)).collect();
    let digest = sha256_hex(serde_json::to_string(&chosen).map_err(Error::internal)?.as_bytes());
    let loads = found.loads.iter().filter_map(|(label, load)| Some((seat(label)?, *load))).collect();
    Ok(ProposalView { assignments, loads, impossible, components: found.components, digest })
}

/// Keeps a proposal that was looked at.
///
/// # Errors
/// `proposal-moved` when it would be another one by now.
pub async fn apply_proposal(
    app: &Arrival,
    who: Option<&Actor>,
    code: &str,
    spec: &ProposalSpec,
    digest: &str,
) -> Result<()> {
    let proposal = propose_assignments(app, who, code, spec).await?;
    if proposal.digest != digest {
        return Err(Error::new(Kind::Conflict, "proposal-moved"));
    }
    let mut by_seat: BTreeMap<Uuid, Vec<Uuid>> = BTreeMap::new();
    for dossier in &proposal.assignments {
        for seat in &dossier.added {
            by_seat.entry(*seat).or_default().push(dossier.dossier);
        }
    }
    let changes: Vec<SeatChange> =
        by_seat.into_iter().map(|(seat, add)| SeatChange { seat, add, remove: vec![] }).collect();
    change_assignments(app, who, code, &changes).await
}

/// Asks seats to mark dossiers, and takes the request for others back: all of it or nothing.
///
/// # Errors
/// `assign-recused` for a dossier that the seat is excluded from, `assign-state` for one that is not admissible,
/// `assign-locked` when a locked sheet would be taken away. Nothing changes then.
pub async fn change_assignments(app: &Arrival, who: Option<&Actor>, code: &str, changes: &[SeatChange]) -> Result<()> {
    app.write_once(who, (code.to_owned(), changes.to_vec()), |work, (code, changes)| {
        Box::pin(async move {
            let call = hold_call(work.tx, code).await?;
            decide(Action::AssignDossier, work.who(), &Subject::call(call.facts(work.at())))?;
            let conn = work.tx.read();
            let seats = rows::seats(conn, call.id).await?;
            let named = dossiers::some(conn, changes.iter().flat_map(|c| &c.add).map(|id| (*id).into())).await?;
            let recusals = rows::recusals(conn, call.id).await?;
            for change in changes {
                if !seats.iter().any(|s| s.id.uuid() == change.seat) {
                    return Err(Error::not_found());
                }
                change_seat(work, &call, change, &named, &recusals).await?;
            }
            Ok(())
        })
    })
    .await
}

async fn change_seat(
    work: &Work<'_>,
    call: &Call,
    change: &SeatChange,
    named: &BTreeMap<DossierId, Dossier>,
    recusals: &[Recusal],
) -> Result<()> {
    let (tx, seat): (_, SeatId) = (work.tx, change.seat.into());
    let subject = Subject::call(call.facts(work.at())).with_seat(seat);
    let permit = permit::<acts::AssignDossier>(work.who(), &subject)?;
    for id in &change.add {
        let dossier = named.get(&DossierId::from(*id)).filter(|d| d.call == call.id && d.state_name().was_deposited());
        let dossier = dossier.ok_or_else(Error::not_found)?;
        let number = call.definition.dossier_number(dossier.number);
        if dossier.state_name() != DossierStateName::Admissible {
            return Err(Error::new(Kind::Conflict, "assign-state").with("number", number));
        }
        if is_recused(recusals, seat, dossier.id, &dossier.lot) {
            return Err(Error::new(Kind::Conflict, "assign-recused").with("number", number));
        }
    }
    let add: Vec<DossierId> = change.add.iter().map(|id| (*id).into()).collect();
    let remove: Vec<DossierId> = change.remove.iter().map(|id| (*id).into()).collect();
    // Read to be kept from their juror, who may lock them at this moment. One that was signed and is being put right is no less
    // its juror's opinion.
    if rows::hold_sheets(tx, seat, &remove).await?.iter().any(|state| *state != "draft") {
        return Err(Error::new(Kind::Conflict, "assign-locked"));
    }
    rows::assign(tx, &permit, &add, || work.id(), work.at()).await?;
    rows::unassign(tx, &permit, &remove, work.at()).await?;
    let details = json!({ "seat": seat, "added": add, "removed": remove });
    let subject = ("call", call.definition.code.clone());
    work.record(Some(call.id), Some(permit.by()), Action::AssignDossier, subject, details).await?;
    Ok(())
}
