//! Who may do what, when, and why not. Every rule about access stands here and nowhere else.
//!
//! [`decide`] answers for an action, an actor and a subject. [`permit`] does the same for an action known to the compiler and
//! gives a [`Permit`] that the write then demands: a write without one does not compile, and nothing else makes one.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;

use crate::call::Phase;
use crate::dossier::DossierStateName;
use crate::ids::{AccountId, CallId, OrganisationId, SeatId};

/// A signed-in person, with what decides about access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The account.
    pub account: AccountId,
    /// Runs the installation; sees no contents.
    pub administrator: bool,
    /// Organisations the person belongs to.
    pub organisations: BTreeSet<OrganisationId>,
    /// Calls the person runs.
    pub officer_of: BTreeSet<CallId>,
    /// Calls in whose jury the person sits.
    pub seats: BTreeMap<CallId, SeatFacts>,
}

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
}

/// What decides about a dossier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DossierFacts {
    /// Who applies.
    pub organisation: OrganisationId,
    /// Where it stands.
    pub state: DossierStateName,
    /// Whether what was filed is being changed.
    pub editing: bool,
}

/// What decides about the actor's own seat and one dossier.
#[expect(clippy::struct_excessive_bools, reason = "four independent facts, read by name in the rules")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AssignmentFacts {
    /// The seat was asked to mark it.
    pub assigned: bool,
    /// The seat is excluded from it.
    pub recused: bool,
    /// The seat's own sheet is locked.
    pub locked: bool,
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
    /// The dossier.
    pub dossier: Option<DossierFacts>,
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

    /// A dossier of a call.
    pub fn dossier(call: CallFacts, dossier: DossierFacts) -> Self {
        Self { call: Some(call), organisation: Some(dossier.organisation), dossier: Some(dossier), ..Self::default() }
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
        }
    }

    /// Whether an answer may let on that the subject exists.
    pub const fn reveals_existence(self) -> bool {
        matches!(self, Self::NotYours | Self::DeclareFirst | Self::NotNow)
    }
}

/// Proof that an action was allowed. Made only here.
#[derive(Debug)]
pub struct Permit<A> {
    by: AccountId,
    action: PhantomData<A>,
}

impl<A> Permit<A> {
    /// Who was allowed.
    pub const fn by(&self) -> AccountId {
        self.by
    }
}

/// An action known to the compiler.
pub trait Act {
    /// The same action, as a value.
    const ACTION: Action;
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident => $code:literal;)*) => {
        /// Everything that can be asked for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Action { $($(#[$doc])* $name),* }

        impl Action {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Stable text, as in the journal.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }
        }

        /// One type per action, for permits.
        pub mod acts {
            $($(#[$doc])* #[derive(Debug)] pub struct $name;
            impl super::Act for $name { const ACTION: super::Action = super::Action::$name; })*
        }
    };
}

actions! {
    /// Read a call's public page.
    ReadCall => "call.read";
    /// Write a new call.
    CreateCall => "call.create";
    /// Change a draft call.
    EditCall => "call.edit";
    /// Move a call to its next state, publication included.
    AdvanceCall => "call.advance";
    /// Register an organisation.
    CreateOrganisation => "organisation.create";
    /// Read and change an organisation's own data.
    EditOrganisation => "organisation.edit";
    /// See, invite and remove an organisation's members.
    ManageMembers => "organisation.members";
    /// Begin a dossier.
    CreateDossier => "dossier.create";
    /// Read a dossier whole, as the applicant.
    ReadOwnDossier => "dossier.read_own";
    /// Write answers and pieces.
    EditDossier => "dossier.edit";
    /// File it.
    DepositDossier => "dossier.deposit";
    /// Begin to change what was filed, which counts meanwhile.
    ChangeDossier => "dossier.change";
    /// Drop such a change.
    DropChange => "dossier.drop_change";
    /// Take it out for good.
    WithdrawDossier => "dossier.withdraw";
    /// Read what was decided on one's own dossier.
    ReadOwnOutcome => "dossier.read_outcome";
    /// Count dossiers.
    CountDossiers => "dossiers.count";
    /// Read a filed dossier, as the authority.
    ReviewDossier => "dossier.review";
    /// Say whether it may be examined.
    ExamineDossier => "dossier.examine";
    /// Invite jurors, see the jury.
    ManageJury => "jury.manage";
    /// Ask a seat to mark a dossier.
    AssignDossier => "jury.assign";
    /// See how far marking is.
    ReadProgress => "jury.progress";
    /// See the candidates and declare conflicts.
    DeclareConflicts => "jury.declare";
    /// List one's own assigned dossiers.
    ListAssigned => "jury.list";
    /// Read an assigned dossier, as a juror.
    ReadAssigned => "dossier.read_assigned";
    /// Write marks on one's own sheet.
    Mark => "sheet.mark";
    /// Lock one's own sheet.
    LockSheet => "sheet.lock";
    /// Read one's own sheet.
    ReadSheet => "sheet.read";
    /// Open a locked sheet again.
    ReopenSheet => "sheet.reopen";
    /// Exclude a seat from a dossier or a lot.
    ImposeRecusal => "jury.recuse";
    /// Read everyone's marks.
    ReadMarks => "marks.read";
    /// Compute a ranking.
    ComputeRanking => "ranking.compute";
    /// Read a ranking.
    ReadRanking => "ranking.read";
    /// Record a decision.
    Decide => "decision.record";
    /// Read and export decisions.
    ReadDecisions => "decision.read";
    /// Make accounts officers of a call.
    InviteOfficer => "officer.invite";
    /// Manage accounts and settings.
    Administer => "admin";
}

/// Answers for an action known to the compiler.
///
/// # Errors
/// The [`Denial`] says why not, and whether an answer may let on that the subject exists.
pub fn permit<A: Act>(actor: Option<&Actor>, subject: &Subject) -> Result<Permit<A>, Denial> {
    decide(A::ACTION, actor, subject)?;
    let by = actor.ok_or(Denial::SignInFirst)?.account;
    Ok(Permit { by, action: PhantomData })
}

/// What the actor is to the subject.
#[derive(Debug, Clone, Copy)]
struct Standing {
    officer: bool,
    seat: Option<SeatFacts>,
    member: bool,
    administrator: bool,
}

impl Standing {
    fn of(actor: &Actor, subject: &Subject) -> Self {
        let call = subject.call.map(|c| c.id);
        Self {
            officer: call.is_some_and(|c| actor.officer_of.contains(&c)),
            seat: call.and_then(|c| actor.seats.get(&c).copied()),
            member: subject.organisation.is_some_and(|o| actor.organisations.contains(&o)),
            administrator: actor.administrator,
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
    // A call in draft exists for its officers only.
    if let Some(phase) = phase
        && phase == Phase::Draft
        && !standing.officer
    {
        return Err(Denial::Hidden);
    }
    match action {
        Action::ReadCall => when(published || standing.officer, Denial::Hidden),
        Action::Administer | Action::CreateCall => when(standing.administrator, Denial::NotYours),
        Action::CreateOrganisation => Ok(()),
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
        | Action::ReadOwnOutcome => own_dossier(action, standing, subject),
        Action::EditCall
        | Action::AdvanceCall
        | Action::CountDossiers
        | Action::ManageJury
        | Action::ReadProgress
        | Action::InviteOfficer
        | Action::AssignDossier
        | Action::ComputeRanking
        | Action::ReadDecisions => officer(action, standing, subject),
        Action::ReviewDossier | Action::ExamineDossier | Action::Decide => review(action, standing, subject),
        Action::DeclareConflicts | Action::ListAssigned => {
            seat(standing)?;
            when(phase >= Some(Phase::Closed), Denial::NotNow)?;
            if action == Action::ListAssigned { declared(standing) } else { Ok(()) }
        }
        Action::ReadAssigned | Action::Mark | Action::LockSheet | Action::ReadSheet => juror(action, standing, subject),
        Action::ReopenSheet | Action::ImposeRecusal => {
            let chair = standing.seat.is_some_and(|s| s.chair && s.declared);
            if action == Action::ReopenSheet {
                let knows = standing.officer || subject.assignment.own_sheet && !subject.assignment.recused;
                when(chair, if knows { Denial::NotYours } else { Denial::Hidden })?;
            } else {
                known(chair || standing.officer)?;
            }
            when(
                matches!(
                    phase,
                    Some(Phase::Closed | Phase::Admissibility | Phase::Marking | Phase::Hearings | Phase::Plenary)
                ),
                Denial::NotNow,
            )
        }
        Action::ReadMarks => read_marks(standing, subject),
        Action::ReadRanking => {
            let juror = standing.seat.is_some_and(|s| s.declared);
            known(standing.officer || juror)?;
            when(standing.officer || phase >= Some(Phase::Plenary), Denial::Hidden)
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
    use DossierStateName::{Admissible, Deposited, Draft};
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
        Action::WithdrawDossier => {
            when(matches!(dossier.state, Deposited | Admissible) && call.phase < Phase::Notified, Denial::NotNow)
        }
        Action::ReadOwnOutcome => when(call.phase >= Phase::Notified, Denial::Hidden),
        _ => Ok(()),
    }
}

fn officer(action: Action, standing: Standing, subject: &Subject) -> Result<(), Denial> {
    let Some(call) = subject.call else { return Err(Denial::Hidden) };
    known(standing.officer)?;
    let now = match action {
        Action::EditCall => call.phase == Phase::Draft,
        Action::AssignDossier => matches!(call.phase, Phase::Closed | Phase::Admissibility | Phase::Marking),
        Action::ComputeRanking => (Phase::Marking..=Phase::Deliberation).contains(&call.phase),
        _ => true,
    };
    when(now, Denial::NotNow)
}

fn review(action: Action, standing: Standing, subject: &Subject) -> Result<(), Denial> {
    let (Some(dossier), Some(call)) = (subject.dossier, subject.call) else { return Err(Denial::Hidden) };
    // A person who may read the dossier otherwise knows that it exists; anyone else may not.
    let knows = standing.member
        || (standing.seat.is_some_and(|s| s.declared)
            && subject.assignment.assigned
            && !subject.assignment.recused
            && !call.phase.sealed());
    if !standing.officer {
        return Err(if knows { Denial::NotYours } else { Denial::Hidden });
    }
    // A draft was never filed: the authority does not know it. A filed one is sealed until closing.
    when(dossier.state.was_deposited() && !call.phase.sealed(), Denial::Hidden)?;
    let now = match action {
        Action::ExamineDossier => call.phase <= Phase::Marking,
        Action::Decide => (Phase::Admissibility..=Phase::Deliberation).contains(&call.phase),
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
    match action {
        Action::Mark | Action::LockSheet => {
            when(call.phase == Phase::Marking && !subject.assignment.locked, Denial::NotNow)
        }
        _ => Ok(()),
    }
}

fn read_marks(standing: Standing, subject: &Subject) -> Result<(), Denial> {
    let Some(call) = subject.call else { return Err(Denial::Hidden) };
    if standing.officer {
        let seen =
            call.phase > Phase::Marking || (call.phase == Phase::Marking && call.officers_see_marks_while_marking);
        return when(seen, Denial::NotNow);
    }
    // A juror sees nobody's marks before locking their own, and never those on a dossier they are excluded from.
    let facts = subject.assignment;
    when(!call.phase.sealed(), Denial::Hidden)?;
    when(
        standing.seat.is_some_and(|s| s.declared)
            && facts.assigned
            && facts.locked
            && !facts.recused
            && subject.dossier.is_some(),
        Denial::Hidden,
    )
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
