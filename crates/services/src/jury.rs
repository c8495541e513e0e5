//! The jury: seats, declarations of conflicts, recusals, assignments, and how far marking is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ami_database::calls::Call;
use ami_database::dossiers;
use ami_database::jury as rows;
use ami_domain::dossier::{Dossier, DossierStateName};
use ami_domain::ids::{CallId, DossierId, SeatId};
use ami_domain::jury::{College, Recusal, RecusalOrigin, RecusalReason, RecusalScope, Seat, Voice, is_recused};
use ami_domain::policy::{Action, AssignmentFacts, Subject, acts, decide, permit};
use ami_domain::text;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::filed::Filings;
use crate::part::{Page, Part};
use crate::{Actor, Arrival, Error, Problem, Result, Work, hold_call};

/// A seat, for officers.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SeatView {
    /// Its id.
    pub id: Uuid,
    /// Short name in rankings.
    pub label: String,
    /// Who sits.
    pub name: String,
    /// Their address.
    pub email: String,
    /// Where they come from.
    #[schema(value_type = String)]
    pub college: College,
    /// What their mark counts for.
    #[schema(value_type = String)]
    pub voice: Voice,
    /// Presides.
    pub chair: bool,
    /// When the person accepted to sit: with the declaration of conflicts.
    #[schema(value_type = Option<String>)]
    pub accepted_at: Option<Timestamp>,
    /// Whether conflicts were declared.
    pub declared: bool,
    /// Sheets asked for.
    pub assigned: usize,
    /// Sheets locked.
    pub locked: usize,
    /// Recusals: lot or dossier number, reason, origin.
    pub recusals: Vec<RecusalView>,
}

/// A recusal, for officers.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RecusalView {
    /// The lot, when it covers one.
    pub lot: Option<String>,
    /// The dossier, when it covers one.
    pub dossier: Option<Uuid>,
    /// Why.
    #[schema(value_type = String)]
    pub reason: RecusalReason,
    /// Who asked.
    #[schema(value_type = String)]
    pub origin: RecusalOrigin,
}

/// Who is invited.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct Invitation {
    /// First and last name.
    pub name: String,
    /// Their address.
    pub email: String,
    /// Where they come from.
    #[schema(value_type = String)]
    pub college: College,
    /// What their mark counts for.
    #[schema(value_type = String)]
    pub voice: Voice,
    /// Presides.
    #[serde(default)]
    pub chair: bool,
}

/// Invites a juror: a seat, and a message to whoever has no account yet.
pub async fn invite_juror(app: &Arrival, who: Option<&Actor>, code: &str, invitation: &Invitation) -> Result<Uuid> {
    app.write_once(who, (code.to_owned(), invitation.clone()), |work, (code, invitation)| {
        Box::pin(async move {
            let call = hold_call(work.tx, code).await?;
            let permit = permit::<acts::ManageJury>(work.who(), &Subject::call(call.facts(work.at())))?;
            let email = crate::accounts::read_email(&invitation.email).map_err(|p| Error::invalid(vec![p]))?;
            let to = crate::accounts::Invited {
                newcomer: "invitation",
                known: "seated",
                about: &call.definition.title,
                path: &format!("/jury/{code}/declaration"),
            };
            let account = crate::accounts::invite(work, &email, &invitation.name, &to).await?;
            let seats = rows::seats(work.tx.read(), call.id).await?;
            let seat = Seat {
                id: work.id(),
                call: call.id,
                account,
                label: next_label(&seats),
                college: invitation.college,
                voice: invitation.voice,
                chair: invitation.chair,
                accepted_at: None,
                declared_at: None,
            };
            rows::insert_seat(work.tx, &permit, &seat, work.at()).await?;
            let details = json!({ "seat": seat.id });
            let subject = ("call", code.clone());
            work.record(Some(call.id), Some(permit.by()), Action::ManageJury, subject, details).await?;
            Ok(seat.id.uuid())
        })
    })
    .await
}

/// The label after the highest one.
fn next_label(seats: &[Seat]) -> String {
    let highest = seats.iter().filter_map(|s| s.label.strip_prefix('J')?.parse::<u32>().ok()).max().unwrap_or(0);
    format!("J{}", u64::from(highest) + 1)
}

/// A part of the jury with its progress.
pub async fn page_seats(app: &Arrival, who: Option<&Actor>, code: &str, part: &Part) -> Result<Page<SeatView>> {
    part.cut("seats", list_seats(app, who, code).await?, |s| (s.label.len(), s.label.clone()))
}

/// The jury with its progress.
pub async fn list_seats(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<Vec<SeatView>> {
    let call = app.call(code).await?;
    decide(Action::ReadProgress, who, &Subject::call(call.facts(app.at)))?;
    let seats = rows::seats_with_people(app.database.read(), call.id).await?;
    let sheets = app.sheet_counts(call.id).await?;
    let recusals = app.recusals(call.id).await?;
    Ok(seats
        .into_iter()
        .map(|(seat, name, email)| {
            let (assigned, locked) = sheets.get(&seat.id).copied().unwrap_or_default();
            SeatView {
                assigned,
                locked,
                recusals: recusals.iter().filter(|r| r.seat == seat.id).map(recusal_view).collect(),
                id: seat.id.uuid(),
                label: seat.label,
                name,
                email,
                college: seat.college,
                voice: seat.voice,
                chair: seat.chair,
                accepted_at: seat.accepted_at,
                declared: seat.declared_at.is_some(),
            }
        })
        .collect())
}

/// How far the jury is.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Progress {
    /// Seats.
    pub seats: usize,
    /// Of them, those that have not declared conflicts.
    pub undeclared: usize,
    /// Sheets asked for.
    pub assigned: usize,
    /// Sheets locked.
    pub locked: usize,
}

/// How far the jury is, in four numbers.
pub async fn show_progress(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<Progress> {
    let call = app.call(code).await?;
    decide(Action::ReadProgress, who, &Subject::call(call.facts(app.at)))?;
    let seats = rows::seats(app.database.read(), call.id).await?;
    let sheets = app.sheet_counts(call.id).await?;
    let of = |seat: &Seat| sheets.get(&seat.id).copied().unwrap_or_default();
    Ok(Progress {
        undeclared: seats.iter().filter(|seat| seat.declared_at.is_none()).count(),
        assigned: seats.iter().map(|seat| of(seat).0).sum(),
        locked: seats.iter().map(|seat| of(seat).1).sum(),
        seats: seats.len(),
    })
}

impl Arrival {
    /// How many sheets each seat of a call was asked for, and how many of them are locked.
    async fn sheet_counts(&self, call: CallId) -> Result<Arc<BTreeMap<SeatId, (usize, usize)>>> {
        let load = async { Ok(Arc::new(rows::sheet_counts(self.database.read(), call).await?)) };
        self.lately("sheets", call, load).await
    }
}

fn recusal_view(r: &Recusal) -> RecusalView {
    let (lot, dossier) = match &r.scope {
        RecusalScope::Lot(lot) => (Some(lot.clone()), None),
        RecusalScope::Dossier(id) => (None, Some(id.uuid())),
    };
    RecusalView { lot, dossier, reason: r.reason, origin: r.origin }
}

/// A dossier's row in the table of assignments.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AssignmentRow {
    /// The dossier.
    pub dossier: Uuid,
    /// Its number.
    pub number: String,
    /// Its lot.
    pub lot: String,
    /// Who applied.
    pub organisation: String,
    /// One cell per seat, in the order of the seats.
    pub seats: Vec<AssignmentCell>,
    /// Valid sheets so far.
    pub locked: usize,
}

/// What a seat is to a dossier.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AssignmentCell {
    /// The seat.
    pub seat: Uuid,
    /// `recused`, `none`, `assigned` or `locked`.
    pub state: &'static str,
}

/// Which seat was asked for which admissible dossier, by number.
///
/// # Errors
/// `sealed` before closing.
pub async fn list_assignments(
    app: &Arrival,
    who: Option<&Actor>,
    code: &str,
    part: &Part,
) -> Result<Page<AssignmentRow>> {
    let (call, which) = assignable(app, who, code).await?;
    let page = crate::review::page_of_filed(app, &which, part).await?;
    let rows = assignment_rows(app, &call, &page.items).await?;
    Ok(Page { items: rows, next: page.next })
}

/// How many dossiers may be assigned.
pub async fn count_assignments(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<usize> {
    let (_, which) = assignable(app, who, code).await?;
    app.count_filed(&which).await
}

/// The call, and which of its dossiers may be assigned.
///
/// # Errors
/// `sealed` before closing.
async fn assignable(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<(Call, dossiers::Filed<'static>)> {
    let call = app.call(code).await?;
    decide(Action::ReadAssignments, who, &Subject::call(call.facts(app.at)))?;
    let which = dossiers::Filed { call: call.id, lot: None, state: Some(DossierStateName::Admissible) };
    Ok((call, which))
}

async fn assignment_rows(app: &Arrival, call: &Call, filed: &[Dossier]) -> Result<Vec<AssignmentRow>> {
    let conn = app.database.read();
    let seats = rows::seats(conn, call.id).await?;
    let asked = rows::asked(conn, filed.iter().map(|d| d.id)).await?;
    let recusals = app.recusals(call.id).await?;
    let filings = Filings::of(conn, call, filed.iter().map(|d| d.id)).await?;
    Ok(filed
        .iter()
        .map(|d| {
            let cells: Vec<AssignmentCell> = seats
                .iter()
                .map(|s| {
                    let state = if is_recused(&recusals, s.id, d.id, &d.lot) {
                        "recused"
                    } else {
                        match asked.get(&(s.id, d.id)) {
                            None => "none",
                            Some(false) => "assigned",
                            Some(true) => "locked",
                        }
                    };
                    AssignmentCell { seat: s.id.uuid(), state }
                })
                .collect();
            AssignmentRow {
                dossier: d.id.uuid(),
                number: filings.number(d),
                lot: d.lot.clone(),
                organisation: filings.name(d.id),
                locked: cells.iter().filter(|c| c.state == "locked").count(),
                seats: cells,
            }
        })
        .collect())
}

/// What a juror needs to declare conflicts.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeclarationView {
    /// The call's title.
    pub call_title: String,
    /// What is declared.
    pub text: String,
    /// Whether it was made already.
    pub declared: bool,
    /// Every candidate, by lot.
    pub candidates: Vec<CandidateView>,
}

/// A candidate, for a juror who declares conflicts.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CandidateView {
    /// The dossier.
    pub dossier: Uuid,
    /// Its number.
    pub number: String,
    /// Its lot.
    pub lot: String,
    /// The lot's name.
    pub lot_label: String,
    /// Who applied.
    pub organisation: String,
    /// The id of who applied: a conflict may be declared with all its dossiers at once.
    pub organisation_id: Uuid,
}

fn own_seat(who: Option<&Actor>, call: &Call) -> Result<SeatId> {
    Ok(who.and_then(|a| a.seats.get(&call.id)).ok_or(ami_domain::policy::Denial::NotYours)?.id)
}

/// The declaration of conflicts, before it is made.
pub async fn show_declaration(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<DeclarationView> {
    let conn = app.database.read();
    let call = app.call(code).await?;
    decide(Action::DeclareConflicts, who, &Subject::call(call.facts(app.at)))?;
    let seat = own_seat(who, &call)?;
    let declared = rows::seats(conn, call.id).await?.iter().any(|s| s.id == seat && s.declared_at.is_some());
    let filings = Filings::of_call(conn, &call).await?;
    let mut filed = dossiers::filed_of_call(conn, call.id).await?;
    filed.retain(|d| matches!(d.state_name(), DossierStateName::Deposited | DossierStateName::Admissible));
    filed.sort_by(|a, b| (&a.lot, a.number).cmp(&(&b.lot, b.number)));
    Ok(DeclarationView {
        call_title: call.definition.title.clone(),
        text: call.definition.text("declaration", &[]).map_err(Error::internal)?,
        declared,
        candidates: filed
            .iter()
            .map(|d| CandidateView {
                dossier: d.id.uuid(),
                number: filings.number(d),
                lot: d.lot.clone(),
                lot_label: filings.lot_label(d),
                organisation: filings.name(d.id),
                organisation_id: d.organisation.uuid(),
            })
            .collect(),
    })
}

/// One conflict.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct Conflict {
    /// The whole lot.
    #[serde(default)]
    pub lot: Option<String>,
    /// One dossier.
    #[serde(default)]
    pub dossier: Option<Uuid>,
    /// Every dossier that an organisation has filed in this call.
    #[serde(default)]
    pub organisation: Option<Uuid>,
    /// Why.
    #[schema(value_type = String)]
    pub reason: RecusalReason,
    /// In words; needed for `other`.
    #[serde(default)]
    pub comment: String,
}

/// Accepts to sit, and declares conflicts or that there are none: no seat gives access before. Each one excludes the seat at once; a later declaration adds to it.
pub async fn declare_conflicts(app: &Arrival, who: Option<&Actor>, code: &str, conflicts: &[Conflict]) -> Result<()> {
    app.write_once(who, (code.to_owned(), conflicts.to_vec()), |work, (code, conflicts)| {
        Box::pin(async move {
            let tx = work.tx;
            let call = hold_call(tx, code).await?;
            let subject = Subject::call(call.facts(work.at()));
            decide(Action::DeclareConflicts, work.who(), &subject)?;
            let seat = own_seat(work.who(), &call)?;
            let permit = permit::<acts::DeclareConflicts>(work.who(), &subject.with_seat(seat))?;
            let filed = dossiers::filed_of_call(tx.read(), call.id).await?;
            let recusals = declared(work, &call, seat, &filed, conflicts)?;
            let excluded: BTreeSet<DossierId> =
                filed.iter().filter(|d| is_recused(&recusals, seat, d.id, &d.lot)).map(|d| d.id).collect();
            rows::unassign(tx, &permit, &excluded.into_iter().collect::<Vec<_>>(), work.at()).await?;
            for recusal in &recusals {
                rows::insert_recusal(tx, &permit, call.id, recusal).await?;
            }
            rows::set_declared(tx, &permit, work.at()).await?;
            let details = json!({ "seat": seat, "conflicts": recusals.len() });
            let subject = ("call", code.clone());
            work.record(Some(call.id), Some(permit.by()), Action::DeclareConflicts, subject, details).await?;
            Ok(())
        })
    })
    .await
}

/// The recusals that a juror's conflicts come to.
fn declared(
    work: &Work<'_>,
    call: &Call,
    seat: SeatId,
    filed: &[Dossier],
    conflicts: &[Conflict],
) -> Result<Vec<Recusal>> {
    let mut problems = Vec::new();
    let mut recusals = Vec::new();
    for (i, conflict) in conflicts.iter().enumerate() {
        let comment = text::clean(&conflict.comment);
        let wrong = |code: &str| Problem { pointer: format!("/{i}"), code: code.into(), args: vec![] };
        if conflict.reason == RecusalReason::Other && comment.is_empty() {
            problems.push(wrong("conflict-comment"));
        }
        if let Err(length) = text::bounded(&comment) {
            problems.push(Problem::too_long(&format!("/{i}"), length));
        }
        let scopes = scopes(call, filed, conflict);
        if scopes.is_empty() {
            problems.push(wrong("conflict-scope"));
        }
        recusals.extend(scopes.into_iter().map(|scope| Recusal {
            id: work.id(),
            seat,
            scope,
            reason: conflict.reason,
            comment: comment.clone(),
            origin: RecusalOrigin::Declared,
            at: work.at(),
        }));
    }
    if problems.is_empty() { Ok(recusals) } else { Err(Error::invalid(problems)) }
}

/// What a conflict is about: a lot, a filed dossier, or every one that an organisation has filed.
fn scopes(call: &Call, filed: &[Dossier], conflict: &Conflict) -> Vec<RecusalScope> {
    match (conflict.organisation, &conflict.lot, conflict.dossier) {
        (Some(id), None, None) => {
            let theirs = filed.iter().filter(|d| d.organisation.uuid() == id);
            theirs.map(|d| RecusalScope::Dossier(d.id)).collect()
        }
        (Some(_), ..) => vec![],
        (None, ..) => scope(call, filed, conflict).into_iter().collect(),
    }
}

/// The lot or the filed dossier that a conflict is about; none when it is not of this call, or not exactly one.
fn scope(call: &Call, filed: &[Dossier], conflict: &Conflict) -> Option<RecusalScope> {
    match (&conflict.lot, conflict.dossier) {
        (Some(lot), None) if call.definition.lot(lot).is_some() => Some(RecusalScope::Lot(lot.clone())),
        (None, Some(id)) if filed.iter().any(|d| d.id.uuid() == id) => Some(RecusalScope::Dossier(id.into())),
        _ => None,
    }
}

/// Excludes a seat from a dossier or a lot; marks already given there count nowhere from then on, and are kept.
pub async fn impose_recusal(
    app: &Arrival,
    who: Option<&Actor>,
    code: &str,
    seat: SeatId,
    conflict: &Conflict,
) -> Result<()> {
    app.write_once(who, (code.to_owned(), seat, conflict.clone()), |work, (code, seat, conflict)| {
        Box::pin(async move {
            let (tx, seat) = (work.tx, *seat);
            let call = hold_call(tx, code).await?;
            let subject = Subject::call(call.facts(work.at())).with_seat(seat);
            decide(Action::ImposeRecusal, work.who(), &subject)?;
            if !rows::seats(tx.read(), call.id).await?.iter().any(|s| s.id == seat) {
                return Err(Error::not_found());
            }
            let filed = dossiers::filed_of_call(tx.read(), call.id).await?;
            let scope = scope(&call, &filed, conflict).ok_or_else(|| Error::field("/lot", "conflict-scope"))?;
            let comment = text::clean(&conflict.comment);
            if comment.is_empty() {
                return Err(Error::field("/comment", "reason-needed"));
            }
            text::bounded(&comment).map_err(|length| Error::too_long("/comment", length))?;
            // Whoever is excluded from a dossier excludes no rival from it: that, too, would take marks away.
            let before = rows::recusals(tx.read(), call.id).await?;
            let own = work.who().and_then(|a| a.seats.get(&call.id)).map(|s| s.id);
            let covered = |d: &&Dossier| match &scope {
                RecusalScope::Lot(lot) => d.lot == *lot,
                RecusalScope::Dossier(id) => d.id == *id,
            };
            let recused = |d: &Dossier| own.is_some_and(|own| is_recused(&before, own, d.id, &d.lot));
            let lot_recused = own.is_some_and(|own| before.iter().any(|r| r.seat == own && r.scope == scope));
            let facts = AssignmentFacts {
                recused: lot_recused || filed.iter().filter(covered).any(recused),
                ..AssignmentFacts::default()
            };
            let permit = permit::<acts::ImposeRecusal>(work.who(), &subject.with_assignment(facts))?;
            let recusal = Recusal {
                id: work.id(),
                seat,
                scope,
                reason: conflict.reason,
                comment,
                origin: RecusalOrigin::Imposed,
                at: work.at(),
            };
            let all = [recusal];
            let excluded: Vec<DossierId> =
                filed.iter().filter(|d| is_recused(&all, seat, d.id, &d.lot)).map(|d| d.id).collect();
            rows::unassign(tx, &permit, &excluded, work.at()).await?;
            rows::insert_recusal(tx, &permit, call.id, &all[0]).await?;
            let details = json!({ "seat": seat, "dossiers": excluded });
            let subject = ("call", code.clone());
            work.record(Some(call.id), Some(permit.by()), Action::ImposeRecusal, subject, details).await?;
            Ok(())
        })
    })
    .await
}
