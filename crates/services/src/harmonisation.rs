//! Rounds: when jurors mark alone, and where their marks are so far apart that they talk and may change them. Both marks are kept.

use std::collections::BTreeMap;

use ami_database::calls::Call;
use ami_database::rounds::{self, Harmonised, Post};
use ami_database::{ConnectionTrait, dossiers, jury as rows};
use ami_domain::dossier::{Dossier, DossierStateName};
use ami_domain::grid::Grid;
use ami_domain::ids::{DossierId, SeatId, SheetId};
use ami_domain::jury::{Seat, Voice, is_recused};
use ami_domain::policy::{Action, Subject, acts, decide, permit};
use ami_domain::round::{Round, RoundKind};
use ami_domain::sheet::{Sheet, SheetState};
use ami_domain::text;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::sheets::{Given, SheetChanges, SheetView, hold_sheet, load_sheet, show_sheet};
use crate::{Actor, Arrival, Error, Kind, Problem, Result, hold_call, load_call};

/// Where marks are far apart, once each juror has marked alone.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HarmonisationView {
    /// The round that the call is in: `calibration`, `individual` or `harmonised`.
    #[schema(value_type = String)]
    pub round: RoundKind,
    /// Its last instant.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
    /// Criteria of dossiers whose marks are to be discussed; empty while jurors mark alone. A juror sees those of their own sheets.
    pub open: Vec<Apart>,
}

/// A criterion of a dossier whose marks are far apart.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Apart {
    /// The dossier.
    pub dossier: Uuid,
    /// Its number.
    pub number: String,
    /// Its lot.
    pub lot: String,
    /// The criterion.
    pub criterion: String,
    /// The lowest mark.
    pub min: i64,
    /// The highest.
    pub max: i64,
}

/// The discussion of a criterion of a dossier, for the seats that marked it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ThreadView {
    /// The dossier.
    pub dossier: Uuid,
    /// Its number.
    pub number: String,
    /// The criterion.
    pub criterion: String,
    /// Its title.
    pub label: String,
    /// Whether the marks are still apart.
    pub apart: bool,
    /// Whether marks may be changed now.
    pub open: bool,
    /// One's own sheet.
    pub sheet: Uuid,
    /// Every valid mark.
    pub marks: Vec<ThreadMark>,
    /// What was said, the first first.
    pub posts: Vec<ThreadPost>,
}

/// A mark of a discussion.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ThreadMark {
    /// The seat's label.
    pub seat: String,
    /// Whether it is one's own.
    pub mine: bool,
    /// As it was given alone.
    pub before: i64,
    /// As it is now.
    pub now: i64,
    /// Why it was changed.
    pub reason: Option<String>,
}

/// What a juror said.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ThreadPost {
    /// The seat's label.
    pub seat: String,
    /// What.
    pub text: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// A valid mark: of a locked sheet of a deliberative, not excluded juror.
struct ValidMark {
    seat: SeatId,
    before: i64,
    now: i64,
    reason: Option<String>,
}

/// Every valid mark of a call, by dossier and criterion.
struct Valid {
    seats: BTreeMap<SeatId, Seat>,
    filed: BTreeMap<DossierId, Dossier>,
    marks: BTreeMap<(DossierId, String), Vec<ValidMark>>,
}

/// The mark of a harmonised round that counts in place of the one on a sheet: it was kept after the sheet was signed.
pub(crate) fn in_force<'a>(
    changed: &'a BTreeMap<(SheetId, String), Harmonised>,
    sheet: &Sheet,
    criterion: &str,
) -> Option<&'a Harmonised> {
    let SheetState::Locked { at } = sheet.state else { return None };
    changed.get(&(sheet.id, criterion.to_owned())).filter(|change| change.at >= at)
}

impl Valid {
    async fn load(conn: &impl ConnectionTrait, call: &Call) -> Result<Self> {
        let grid = &call.definition.grid;
        let seats: BTreeMap<_, _> = rows::seats(conn, call.id).await?.into_iter().map(|s| (s.id, s)).collect();
        let recusals = rows::recusals(conn, call.id).await?;
        let sheets = rows::sheets_of_call(conn, call.id, grid).await?;
        let changed = rounds::harmonised(conn, call.id, grid).await?;
        let mut filed = dossiers::some(conn, sheets.iter().map(|s| s.dossier)).await?;
        filed.retain(|_, d| d.state_name() == DossierStateName::Admissible);
        let mut marks: BTreeMap<(DossierId, String), Vec<ValidMark>> = BTreeMap::new();
        for sheet in sheets.iter().filter(|s| s.is_locked()) {
            let (Some(seat), Some(dossier)) = (seats.get(&sheet.seat), filed.get(&sheet.dossier)) else { continue };
            if seat.voice != Voice::Deliberative || is_recused(&recusals, seat.id, dossier.id, &dossier.lot) {
                continue;
            }
            for (criterion, entry) in &sheet.entries {
                let Some(mark) = entry.mark else { continue };
                let change = in_force(&changed, sheet, criterion);
                let value = |mark| grid.scale.value(mark);
                marks.entry((dossier.id, criterion.clone())).or_default().push(ValidMark {
                    seat: seat.id,
                    before: value(mark),
                    now: value(change.map_or(mark, |change| change.mark)),
                    reason: change.map(|change| change.reason.clone()),
                });
            }
        }
        Ok(Self { seats, filed, marks })
    }

    /// Marks of one criterion that were far apart when each juror was alone, whatever they are now.
    fn thread(&self, grid: &Grid, dossier: DossierId, criterion: &str) -> Option<&Vec<ValidMark>> {
        let marks = self.marks.get(&(dossier, criterion.to_owned()))?;
        grid.apart(marks.iter().map(|m| m.before)).map(|_| marks)
    }

    fn label(&self, seat: SeatId) -> String {
        self.seats.get(&seat).map_or_else(String::new, |s| s.label.clone())
    }
}

/// The round that a call is in, and its last instant.
fn stands(call: &Call, round: Option<&Round>) -> (RoundKind, Timestamp) {
    round.map_or((RoundKind::Individual, call.definition.calendar.marking_until), |r| (r.kind, r.until))
}

/// Where marks are far apart: to officers all of it, to a juror what they marked.
pub async fn show_harmonisation(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<HarmonisationView> {
    let conn = app.database.read();
    let call = load_call(conn, code).await?;
    let round = rounds::current(conn, call.id).await?;
    let facts = call.facts(app.at).in_round(round.as_ref(), app.at);
    decide(Action::ReadHarmonisation, who, &Subject::call(facts))?;
    let (kind, until) = stands(&call, round.as_ref());
    let mut open = Vec::new();
    if !facts.marking_alone() {
        let valid = Valid::load(conn, &call).await?;
        let own = who.and_then(|a| a.seats.get(&call.id)).map(|s| s.id);
        // Whoever sits in the jury sees what their seat sees, officer or not.
        let all = own.is_none();
        for ((dossier, criterion), marks) in &valid.marks {
            let mine = own.is_some_and(|own| marks.iter().any(|m| m.seat == own));
            let Some(place) = valid.filed.get(dossier).filter(|_| all || mine) else { continue };
            let Some((min, max)) = call.definition.grid.apart(marks.iter().map(|m| m.now)) else { continue };
            open.push(Apart {
                dossier: dossier.uuid(),
                number: call.definition.dossier_number(place.number),
                lot: place.lot.clone(),
                criterion: criterion.clone(),
                min,
                max,
            });
        }
        open.sort_by(|a, b| (&a.lot, &a.number, &a.criterion).cmp(&(&b.lot, &b.number, &b.criterion)));
    }
    Ok(HarmonisationView { round: kind, until, open })
}

/// Opens a round, which ends the one before. What was given to calibrate is left out then.
///
/// # Errors
/// `round-past` for an end that is over, `round-phase` to mark alone outside marking, `round-order` to go back from the harmonised
/// round, or `no-harmonisation` when the call has no limit for it.
pub async fn open_round(
    app: &Arrival,
    who: Option<&Actor>,
    code: &str,
    kind: RoundKind,
    until: Timestamp,
) -> Result<()> {
    app.write_once(who, (code.to_owned(), kind, until), |work, (code, kind, until)| {
        Box::pin(async move {
            let call =
                ami_database::calls::find_by_code_for_update(work.tx, code).await?.ok_or_else(Error::not_found)?;
            let facts = call.facts(work.at());
            let permit = permit::<acts::OpenRound>(work.who(), &Subject::call(facts))?;
            let before = rounds::current(work.tx.read(), call.id).await?;
            if *until <= work.at() {
                return Err(Error::field("/until", "round-past"));
            }
            let was = before.map(|r| r.kind);
            let alone = *kind != RoundKind::Harmonised;
            if alone && facts.phase != ami_domain::call::Phase::Marking {
                return Err(Error::new(Kind::Conflict, "round-phase"));
            }
            if alone && was == Some(RoundKind::Harmonised)
                || *kind == RoundKind::Calibration && was == Some(RoundKind::Individual)
            {
                return Err(Error::new(Kind::Conflict, "round-order"));
            }
            if !alone && call.definition.grid.harmonise_from.is_none() {
                return Err(Error::new(Kind::Conflict, "no-harmonisation"));
            }
            let round = Round { id: work.id(), kind: *kind, opened_at: work.at(), until: *until };
            rounds::insert_round(work.tx, &permit, call.id, &round).await?;
            if was == Some(RoundKind::Calibration) && *kind != RoundKind::Calibration {
                rounds::leave_out(work.tx, &permit, work.at()).await?;
            }
            let details = json!({ "round": kind, "until": until });
            let subject = ("call", code.clone());
            work.record(Some(call.id), Some(permit.by()), Action::OpenRound, subject, details).await?;
            Ok(())
        })
    })
    .await
}

/// The discussion of one criterion of a dossier, for a juror who marked it.
pub async fn show_thread(
    app: &Arrival,
    who: Option<&Actor>,
    code: &str,
    dossier: DossierId,
    criterion: &str,
) -> Result<ThreadView> {
    let conn = app.database.read();
    let call = load_call(conn, code).await?;
    let round = rounds::current(conn, call.id).await?;
    let facts = call.facts(app.at).in_round(round.as_ref(), app.at);
    decide(Action::ReadHarmonisation, who, &Subject::call(facts))?;
    let own = who.and_then(|a| a.seats.get(&call.id)).map(|s| s.id).ok_or_else(Error::not_found)?;
    if facts.marking_alone() {
        return Err(Error::not_found());
    }
    let grid = &call.definition.grid;
    let valid = Valid::load(conn, &call).await?;
    let place = valid.filed.get(&dossier).ok_or_else(Error::not_found)?;
    let marks = valid.thread(grid, dossier, criterion).ok_or_else(Error::not_found)?;
    if !marks.iter().any(|m| m.seat == own) {
        return Err(Error::not_found());
    }
    let sheet = rows::sheet_of(conn, own, dossier, grid).await?.ok_or_else(Error::not_found)?;
    let posts = rounds::posts(conn, dossier, criterion).await?;
    app.note_reading(who, "harmonisation", dossier);
    Ok(ThreadView {
        dossier: dossier.uuid(),
        number: call.definition.dossier_number(place.number),
        criterion: criterion.to_owned(),
        label: grid.criterion(criterion).map_or_else(String::new, |c| c.label.clone()),
        apart: grid.apart(marks.iter().map(|m| m.now)).is_some(),
        open: facts.harmonising,
        sheet: sheet.id.uuid(),
        marks: marks
            .iter()
            .map(|m| ThreadMark {
                seat: valid.label(m.seat),
                mine: m.seat == own,
                before: m.before,
                now: m.now,
                reason: m.reason.clone(),
            })
            .collect(),
        posts: posts
            .into_iter()
            .map(|p| ThreadPost { seat: valid.label(p.seat), text: p.text, at: p.at })
            .collect(),
    })
}

/// Whether a sheet is signed and its marks may be changed in a harmonised round: what is written to it goes there then.
pub(crate) async fn takes(app: &Arrival, who: Option<&Actor>, id: SheetId) -> Result<bool> {
    let (_, sheet, subject) = load_sheet(app, who, id).await?;
    Ok(sheet.is_locked() && decide(Action::Harmonise, who, &subject).is_ok())
}

/// Changes one's own marks where they are far apart, each for a reason: all of them or none. The marks given alone stay.
///
/// # Errors
/// `reason-needed` by criterion; `no-thread` for a criterion whose marks are not far apart.
pub async fn change_marks(
    app: &Arrival,
    who: Option<&Actor>,
    id: SheetId,
    changes: &SheetChanges,
) -> Result<SheetView> {
    let done = app.write(who, (id, changes.clone()), |work, (id, changes)| {
        Box::pin(async move {
            let (call, dossier, sheet, subject) = hold_sheet(work, *id).await?;
            let permit = permit::<acts::Harmonise>(work.who(), &subject)?;
            let conn = work.tx.read();
            let round = rounds::current(conn, call.id).await?.ok_or_else(Error::not_found)?;
            let valid = Valid::load(conn, &call).await?;
            let mut problems = Vec::new();
            let mut wrong = |pointer: String, code: &str, criterion: &str| {
                let args = vec![("criterion", criterion.to_owned())];
                problems.push(Problem { pointer, code: code.into(), args });
            };
            let mut kept = Vec::new();
            for (criterion, mark) in &changes.marks {
                let pointer = format!("/marks/{criterion}");
                let reason = changes.reasons.get(criterion).or_else(|| changes.comments.get(criterion));
                let reason = text::clean(reason.map_or("", String::as_str));
                let own = valid.thread(&call.definition.grid, dossier.id, criterion);
                let Some(Given::Mark(value)) = mark else {
                    wrong(pointer, "mark-needed", criterion);
                    continue;
                };
                match call.definition.grid.scale.mark(*value) {
                    _ if !own.is_some_and(|marks| marks.iter().any(|m| m.seat == sheet.seat)) => {
                        wrong(pointer, "no-thread", criterion);
                    }
                    Err(_) => wrong(pointer, "mark-needed", criterion),
                    Ok(_) if reason.is_empty() || text::bounded(&reason).is_err() => {
                        wrong(format!("/reasons/{criterion}"), "reason-needed", criterion);
                    }
                    Ok(mark) => kept.push(Harmonised {
                        id: work.id(),
                        sheet: *id,
                        criterion: criterion.clone(),
                        mark,
                        reason,
                        at: work.at(),
                        round: round.id,
                    }),
                }
            }
            if !problems.is_empty() {
                return Err(Error::invalid(problems));
            }
            for change in &kept {
                rounds::insert_harmonised(work.tx, &permit, change).await?;
                let subject = ("dossier", dossier.id.to_string());
                let details = json!({ "sheet": id, "criterion": change.criterion, "reason": change.reason });
                work.record(Some(call.id), Some(permit.by()), Action::Harmonise, subject, details).await?;
            }
            Ok(())
        })
    });
    done.await?;
    show_sheet(app, who, id).await
}

/// Says something about a criterion of a dossier whose marks are far apart.
pub async fn say(
    app: &Arrival,
    who: Option<&Actor>,
    code: &str,
    dossier: DossierId,
    criterion: &str,
    said: &str,
) -> Result<()> {
    // What may not be read is not answered either.
    let thread = show_thread(app, who, code, dossier, criterion).await?;
    let given = (SheetId::from(thread.sheet), code.to_owned(), criterion.to_owned(), text::clean(said));
    app.write_once(who, given, |work, (id, code, criterion, said)| {
        Box::pin(async move {
            hold_call(work.tx, code).await?;
            let (_, dossier, sheet, subject) = hold_sheet(work, *id).await?;
            let permit = permit::<acts::Harmonise>(work.who(), &subject)?;
            if said.is_empty() {
                return Err(Error::field("/text", "text-needed"));
            }
            text::bounded(said).map_err(|length| Error::too_long("/text", length))?;
            let post = Post {
                id: work.id(),
                sheet: *id,
                dossier: dossier.id,
                criterion: criterion.clone(),
                seat: sheet.seat,
                text: said.clone(),
                at: work.at(),
            };
            rounds::insert_post(work.tx, &permit, &post).await?;
            Ok(())
        })
    })
    .await
}
