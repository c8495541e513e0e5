//! Who may do what, when, and why not. Every rule about access stands here and nowhere else.
//!
//! [`decide`] answers for an action, an actor and a subject. [`permit`] does the same for an action known to the compiler and
//! gives a [`Permit`] on one object, that the write then demands: a write without one does not compile, nothing else makes one,
//! and what it writes is what the permit names.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::call::Phase;
use crate::dossier::DossierStateName;
use crate::ids::{AccountId, CallId, DossierId, OrganisationId, SeatId, SheetId};

mod action;

pub use action::{Act, Action, Permit, acts, permit};

/// A signed-in person, with what decides about access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The account.
    pub account: AccountId,
    /// Runs the installation; sees no contents.
    pub administrator: bool,
    /// Named by an administrator: may create calls.
    pub officer: bool,
    /// Organisations the person belongs to.
    pub organisations: BTreeSet<OrganisationId>,
    /// Calls the person runs, and as what.
    pub officer_of: BTreeMap<CallId, OfficerRole>,
    /// Calls in whose jury the person sits.
    pub seats: BTreeMap<CallId, SeatFacts>,
}

/// What somebody may do of a call that they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfficerRole {
    /// Reads; never acts, never takes a file away.
    Reader,
    /// Writes the call and runs it.
    Editor,
    /// The same, and says who else does.
    Owner,
}

impl OfficerRole {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Owner, Self::Editor, Self::Reader];

    /// Stable text, as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Editor => "editor",
            Self::Owner => "owner",
        }
    }

    /// Reads what is stored.
    pub fn parse(stored: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.as_str() == stored)
    }
}

/// What a reader may do of what officers do: everything else wants an editor.
const READING: [Action; 15] = [
    Action::ReadCall,
    Action::ReadWholeCall,
    Action::ListOfficers,
    Action::LeaveCall,
    Action::CountDossiers,
    Action::ListFiled,
    Action::ReviewDossier,
    Action::ReadProgress,
    Action::ReadAssignments,
    Action::ListSheets,
    Action::ReadMarks,
    Action::ReadSeverity,
    Action::ListRankings,
    Action::ReadRanking,
    Action::ReadDecisions,
];

/// What decides about a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeatFacts {
    /// The seat.
    pub id: SeatId,
    /// Whether conflicts were declared.
    pub declared: bool,
    /// Whether the person presides.
    pub chair: bool,
}

/// What decides about a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallFacts {
    /// The call.
    pub id: CallId,
    /// Where it stands now.
    pub phase: Phase,
    /// See [`crate::call::Rules::officers_see_marks_while_marking`].
    pub officers_see_marks_while_marking: bool,
    /// Last instant of deposits: until then dossiers are sealed.
    pub closes: Timestamp,
    /// The last instant of individual marking, once it is over.
    pub marking_over: Option<Timestamp>,
}

impl CallFacts {
    /// Nobody reads filed dossiers before closing.
    fn unsealed(&self) -> Result<(), Denial> {
        when(!self.phase.sealed(), Denial::Sealed { closes: self.closes })
    }

    /// Officers read jurors' marks once marking has ended, or as the call was published.
    fn marks_open(&self) -> Result<(), Denial> {
        let open = self.phase > Phase::Marking || self.phase == Phase::Marking && self.officers_see_marks_while_marking;
        when(open, Denial::MarksSealed)
    }
}

/// What decides about a dossier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DossierFacts {
    /// The dossier.
    pub id: DossierId,
    /// Who applies.
    pub organisation: OrganisationId,
    /// Where it stands.
    pub state: DossierStateName,
    /// Whether what was filed is being changed.
    pub editing: bool,
}

/// What decides about the actor's own seat and one dossier.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, read by name in the rules")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AssignmentFacts {
    /// The seat was asked to mark it.
    pub assigned: bool,
    /// The actor's seat is excluded from it; of a lot or of several dossiers: from any of them.
    pub recused: bool,
    /// The sheet is locked.
    pub locked: bool,
    /// The sheet was locked, and opened again by the chair: its own deadline still runs.
    pub reopened: bool,
    /// The sheet in question is the seat's own.
    pub own_sheet: bool,
}

/// What an action is about. What does not matter to it stays `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Subject {
    /// The call.
    pub call: Option<CallFacts>,
    /// The organisation.
    pub organisation: Option<OrganisationId>,
    /// The person whose own affair it is.
    pub account: Option<AccountId>,
    /// The dossier.
    pub dossier: Option<DossierFacts>,
    /// The seat that it is done to.
    pub seat: Option<SeatId>,
    /// The score sheet.
    pub sheet: Option<SheetId>,
    /// The actor's own seat and the dossier.
    pub assignment: AssignmentFacts,
}

impl Subject {
    /// A call alone.
    pub fn call(call: CallFacts) -> Self {
        Self { call: Some(call), ..Self::default() }
    }

    /// An organisation alone.
    pub fn organisation(organisation: OrganisationId) -> Self {
        Self { organisation: Some(organisation), ..Self::default() }
    }

    /// A person's own affair alone.
    pub fn account(account: AccountId) -> Self {
        Self { account: Some(account), ..Self::default() }
    }

    /// A dossier of a call.
    pub fn dossier(call: CallFacts, dossier: DossierFacts) -> Self {
        Self { call: Some(call), organisation: Some(dossier.organisation), dossier: Some(dossier), ..Self::default() }
    }

    /// The same, about one seat of the call.
    #[must_use]
    pub fn with_seat(self, seat: SeatId) -> Self {
        Self { seat: Some(seat), ..self }
    }

    /// The same, about one sheet on the dossier.
    #[must_use]
    pub fn with_sheet(self, sheet: SheetId) -> Self {
        Self { sheet: Some(sheet), ..self }
    }

    /// The same, with the actor's own seat.
    #[must_use]
    pub fn with_assignment(self, assignment: AssignmentFacts) -> Self {
        Self { assignment, ..self }
    }
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Denial {
    /// Nobody is signed in.
    SignInFirst,
    /// The actor may not know that it exists.
    Hidden,
    /// The actor knows that it exists, and this is not for them.
    NotYours,
    /// Conflicts of interest are declared first.
    DeclareFirst,
    /// Not at this phase of the call, or not in this state of the dossier.
    NotNow,
    /// Dossiers are sealed until closing.
    Sealed {
        /// The last instant of deposits.
        closes: Timestamp,
    },
    /// Marks are their jurors' alone until marking has ended.
    MarksSealed,
    /// The time for marking is over.
    MarkingOver {
        /// The last instant of marking.
        since: Timestamp,
    },
}

impl Denial {
    /// Stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::SignInFirst => "sign-in-first",
            Self::Hidden => "not-found",
            Self::NotYours => "not-yours",
            Self::DeclareFirst => "declare-first",
            Self::NotNow => "not-now",
            Self::Sealed { .. } => "sealed",
            Self::MarksSealed => "marks-sealed",
            Self::MarkingOver { .. } => "marking-over",
        }
    }

    /// Whether an answer may let on that the subject exists.
    pub const fn reveals_existence(self) -> bool {
        !matches!(self, Self::SignInFirst | Self::Hidden)
    }
}

/// What the actor is to the subject.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, read by name in the rules")]
#[derive(Debug, Clone, Copy)]
struct Standing {
    /// Runs the call, as far as the action goes.
    officer: bool,
    owner: bool,
    names: bool,
    seat: Option<SeatFacts>,
    member: bool,
    administrator: bool,
    account: AccountId,
}

impl Standing {
    fn of(actor: &Actor, subject: &Subject) -> Self {
        let call = subject.call.map(|c| c.id);
        let role = call.and_then(|c| actor.officer_of.get(&c).copied());
        Self {
            officer: role.is_some(),
            owner: role == Some(OfficerRole::Owner),
            names: actor.officer || actor.administrator,
            seat: call.and_then(|c| actor.seats.get(&c).copied()),
            member: subject.organisation.is_some_and(|o| actor.organisations.contains(&o)),
            administrator: actor.administrator,
            account: actor.account,
        }
    }
}

/// Answers for any action. Total: every action has its rule.
///
/// # Errors
/// The [`Denial`] says why not.
pub fn decide(action: Action, actor: Option<&Actor>, subject: &Subject) -> Result<(), Denial> {
    let phase = subject.call.map(|c| c.phase);
    let published = phase.is_some_and(|p| p > Phase::Draft);
    let Some(actor) = actor else {
        return if action == Action::ReadCall { when(published, Denial::Hidden) } else { Err(Denial::SignInFirst) };
    };
    let standing = Standing::of(actor, subject);
    let role = subject.call.and_then(|c| actor.officer_of.get(&c.id));
    if role == Some(&OfficerRole::Reader) && !READING.contains(&action) {
        // What somebody may do besides, as an applicant or a juror, they may. What an officer would see, a reader knows of.
        return match rule(action, Standing { officer: false, ..standing }, subject) {
            Err(Denial::Hidden) if rule(action, standing, subject) != Err(Denial::Hidden) => Err(Denial::NotYours),
            answer => answer,
        };
    }
    rule(action, standing, subject)
}

fn rule(action: Action, standing: Standing, subject: &Subject) -> Result<(), Denial> {
    let phase = subject.call.map(|c| c.phase);
    let published = phase.is_some_and(|p| p > Phase::Draft);
    let own = subject.account == Some(standing.account);
    // A call in draft exists for its officers only.
    if let Some(phase) = phase
        && phase == Phase::Draft
        && !standing.officer
    {
        return Err(Denial::Hidden);
    }
    match action {
        Action::ReadCall => when(published || standing.officer, Denial::Hidden),
        Action::NameOfficers => when(standing.administrator, Denial::NotYours),
        // Until when is the calendar's own rule, to the tick.
        Action::AskQuestion => when(matches!(phase, Some(Phase::Upcoming | Phase::Open)), Denial::NotNow),
        Action::AnswerQuestion => known(standing.officer),
        Action::CreateCall => when(standing.names, Denial::NotYours),
        Action::EraseDossier => {
            when(standing.administrator, Denial::Hidden)?;
            when(phase == Some(Phase::Archived), Denial::NotNow)
        }
        Action::CreateOrganisation => Ok(()),
        Action::ChangeAccount | Action::JoinOrganisation | Action::JoinCall => when(own, Denial::Hidden),
        Action::EditOrganisation | Action::ManageMembers => when(standing.member, Denial::Hidden),
        Action::CreateDossier => {
            when(standing.member, Denial::Hidden)?;
            when(phase == Some(Phase::Open), Denial::NotNow)
        }
        Action::ReadOwnDossier
        | Action::EditDossier
        | Action::DepositDossier
        | Action::ChangeDossier
        | Action::DropChange
        | Action::WithdrawDossier
        | Action::DiscardDossier
        | Action::RestoreDossier
        | Action::ReadOwnLetter
        | Action::ChooseNotification => own_dossier(action, standing, subject),
        Action::ReadWholeCall
        | Action::EditCall
        | Action::CorrectCall
        | Action::ListOfficers
        | Action::ManageOfficers
        | Action::LeaveCall
        | Action::ExportDecisions
        | Action::AdvanceCall
        | Action::CountDossiers
        | Action::ListFiled
        | Action::ManageJury
        | Action::ReadProgress
        | Action::ReadAssignments
        | Action::AssignDossier
        | Action::ComputeRanking
        | Action::ReadDecisions
        | Action::ExportCall
        | Action::GatherDecisions
        | Action::MakeExecutory
        | Action::CorrectDeliberation
        | Action::ManageSignatories
        | Action::WriteLetters
        | Action::ApproveLetter
        | Action::SendLetters
        | Action::RecordDelivery => officer(action, standing, subject),
        Action::ReviewDossier | Action::ExamineDossier | Action::Decide | Action::ConfirmDecision => {
            review(action, standing, subject)
        }
        Action::DeclareConflicts | Action::ListAssigned => {
            let own = seat(standing)?;
            when(subject.seat.is_none_or(|seat| seat == own.id), Denial::NotYours)?;
            when(phase >= Some(Phase::Closed), Denial::NotNow)?;
            if action == Action::ListAssigned { declared(standing) } else { Ok(()) }
        }
        Action::ReadAssigned | Action::Mark | Action::LockSheet | Action::ReadSheet | Action::AskReopening => {
            juror(action, standing, subject)
        }
        Action::ListSheets | Action::ReopenSheet | Action::ImposeRecusal => preside(action, standing, subject),
        Action::ListRankings | Action::ReadRanking | Action::ReadMarks | Action::ReadSeverity => {
            marks(action, standing, subject)
        }
    }
}

fn when(condition: bool, denial: Denial) -> Result<(), Denial> {
    if condition { Ok(()) } else { Err(denial) }
}

/// Someone of the call's own circle, or anyone for a public call, may know that the action exists; it is just not theirs.
fn known(allowed: bool) -> Result<(), Denial> {
    when(allowed, Denial::NotYours)
}

fn seat(standing: Standing) -> Result<SeatFacts, Denial> {
    standing.seat.ok_or(Denial::NotYours)
}

fn declared(standing: Standing) -> Result<(), Denial> {
    when(seat(standing)?.declared, Denial::DeclareFirst)
}

fn own_dossier(action: Action, standing: Standing, subject: &Subject) -> Result<(), Denial> {
    use DossierStateName::{Admissible, Deposited, Draft, Withdrawn};
    let (Some(dossier), Some(call)) = (subject.dossier, subject.call) else { return Err(Denial::Hidden) };
    when(standing.member, Denial::Hidden)?;
    let changing = dossier.state == Deposited && dossier.editing;
    let drafted = dossier.state == Draft || changing;
    match action {
        // Words typed just after closing are kept, though they can no longer be filed.
        Action::EditDossier => when(drafted && matches!(call.phase, Phase::Open | Phase::Closed), Denial::NotNow),
        // Opening and closing are the transition's own rule, to the tick; here only what no clock decides.
        Action::DepositDossier => when(drafted, Denial::NotNow),
        Action::ChangeDossier => when(dossier.state == Deposited && !dossier.editing, Denial::NotNow),
        Action::DropChange => when(changing && matches!(call.phase, Phase::Open | Phase::Closed), Denial::NotNow),
        Action::DiscardDossier => when(dossier.state == Draft, Denial::NotNow),
        // For how long is the transition's own rule.
        Action::RestoreDossier => {
            when(matches!(dossier.state, Draft | Withdrawn) && call.phase <= Phase::Closed, Denial::NotNow)
        }
        Action::WithdrawDossier => {
            when(matches!(dossier.state, Deposited | Admissible) && call.phase < Phase::Notified, Denial::NotNow)
        }
        // A letter is known to those to whom it was sent; of a draft there is none.
        Action::ReadOwnLetter => when(dossier.state.was_deposited(), Denial::Hidden),
        Action::ChooseNotification => when(call.phase < Phase::Notified, Denial::NotNow),
        _ => Ok(()),
    }
}

fn officer(action: Action, standing: Standing, subject: &Subject) -> Result<(), Denial> {
    let Some(call) = subject.call else { return Err(Denial::Hidden) };
    known(standing.officer)?;
    if matches!(action, Action::ListFiled | Action::ReadAssignments | Action::ReadDecisions | Action::ExportDecisions) {
        return call.unsealed();
    }
    if action == Action::ManageOfficers {
        return known(standing.owner);
    }
    let now = match action {
        Action::EditCall => call.phase <= Phase::Plenary,
        Action::CorrectCall => (Phase::Upcoming..=Phase::Plenary).contains(&call.phase),
        Action::AssignDossier => matches!(call.phase, Phase::Closed | Phase::Admissibility | Phase::Marking),
        Action::ComputeRanking => (Phase::Marking..=Phase::Deliberation).contains(&call.phase),
        Action::GatherDecisions => matches!(call.phase, Phase::Deliberation | Phase::Notified),
        Action::MakeExecutory | Action::CorrectDeliberation => call.phase >= Phase::Deliberation,
        Action::WriteLetters | Action::ApproveLetter | Action::RecordDelivery => call.phase >= Phase::Closed,
        Action::SendLetters => matches!(call.phase, Phase::Deliberation | Phase::Notified),
        _ => true,
    };
    when(now, Denial::NotNow)?;
    if action == Action::ComputeRanking { call.marks_open() } else { Ok(()) }
}

fn review(action: Action, standing: Standing, subject: &Subject) -> Result<(), Denial> {
    let (Some(dossier), Some(call)) = (subject.dossier, subject.call) else { return Err(Denial::Hidden) };
    // A person who may read the dossier otherwise knows that it exists; anyone else may not.
    let knows = standing.member
        || (standing.seat.is_some_and(|s| s.declared)
            && subject.assignment.assigned
            && !subject.assignment.recused
            && dossier.state == DossierStateName::Admissible
            && !call.phase.sealed());
    if !standing.officer {
        return Err(if knows { Denial::NotYours } else { Denial::Hidden });
    }
    // A draft was never filed: the authority does not know it. A filed one is sealed until closing.
    when(dossier.state.was_deposited() && !call.phase.sealed(), Denial::Hidden)?;
    let now = match action {
        Action::ExamineDossier => call.phase <= Phase::Marking,
        Action::Decide | Action::ConfirmDecision => (Phase::Admissibility..=Phase::Deliberation).contains(&call.phase),
        _ => true,
    };
    when(now, Denial::NotNow)
}

fn juror(action: Action, standing: Standing, subject: &Subject) -> Result<(), Denial> {
    let Some(call) = subject.call else { return Err(Denial::Hidden) };
    let Some(seat) = standing.seat else { return Err(Denial::Hidden) };
    let own = subject.assignment.assigned && (subject.assignment.own_sheet || action == Action::ReadAssigned);
    when(own && !subject.assignment.recused, Denial::Hidden)?;
    when(!call.phase.sealed(), Denial::Hidden)?;
    when(seat.declared, Denial::DeclareFirst)?;
    // What was withdrawn or found inadmissible is examined by nobody any more; the marks stay where they are.
    when(subject.dossier.is_none_or(|d| d.state == DossierStateName::Admissible), Denial::Hidden)?;
    let facts = subject.assignment;
    let until_the_jury_has_met = matches!(call.phase, Phase::Marking | Phase::Hearings | Phase::Plenary);
    match action {
        Action::Mark | Action::LockSheet => {
            when(!facts.locked, Denial::NotNow)?;
            // What the chair opened again may be put right and signed until its own deadline, and until the jury has met.
            if facts.reopened && until_the_jury_has_met {
                return Ok(());
            }
            when(call.phase == Phase::Marking, Denial::NotNow)?;
            call.marking_over.map_or(Ok(()), |since| Err(Denial::MarkingOver { since }))
        }
        Action::AskReopening => when(facts.locked && until_the_jury_has_met, Denial::NotNow),
        _ => Ok(()),
    }
}

/// What the chair does, and officers beside them. A chair who is excluded from a dossier is nobody there.
fn preside(action: Action, standing: Standing, subject: &Subject) -> Result<(), Denial> {
    let Some(call) = subject.call else { return Err(Denial::Hidden) };
    let facts = subject.assignment;
    let presides = standing.seat.filter(|seat| seat.chair);
    let chair = presides.is_some_and(|seat| seat.declared) && !facts.recused;
    let marking = matches!(call.phase, Phase::Marking | Phase::Hearings | Phase::Plenary);
    match action {
        Action::ReopenSheet => {
            let knows = standing.officer || facts.own_sheet && !facts.recused;
            when(chair, if knows { Denial::NotYours } else { Denial::Hidden })?;
            when(subject.dossier.is_none_or(|d| d.state == DossierStateName::Admissible), Denial::NotNow)?;
            when(marking, Denial::NotNow)
        }
        Action::ImposeRecusal => {
            known(chair || standing.officer)?;
            when(marking || matches!(call.phase, Phase::Closed | Phase::Admissibility), Denial::NotNow)
        }
        _ => {
            known(standing.officer || presides.is_some())?;
            when(standing.officer || presides.is_some_and(|seat| seat.declared), Denial::DeclareFirst)?;
            when(standing.officer || !facts.recused, Denial::Hidden)?;
            when(!call.phase.sealed(), Denial::NotNow)
        }
    }
}

/// Marks, and what holds them. Whoever may not read the marks now may not read or make a ranking: it holds every one of them.
fn marks(action: Action, standing: Standing, subject: &Subject) -> Result<(), Denial> {
    let Some(call) = subject.call else { return Err(Denial::Hidden) };
    if standing.officer {
        return call.marks_open();
    }
    // That a call has rankings is no secret; one of them is known to those who may read it alone.
    let juror = standing.seat.is_some_and(|seat| seat.declared);
    when(juror, if action == Action::ListRankings { Denial::NotYours } else { Denial::Hidden })?;
    when(action != Action::ReadSeverity && call.phase >= Phase::Plenary, Denial::Hidden)?;
    when(action != Action::ReadMarks || !subject.assignment.recused, Denial::Hidden)
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
