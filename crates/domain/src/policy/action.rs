//! The actions, and the proof that one was allowed on one object.

use std::fmt::Debug;

use super::{Actor, Denial, Subject, decide};
use crate::ids::{AccountId, CallId, DossierId, OrganisationId, SeatId, SheetId};

/// Proof that an action was allowed, and on what. Made only here.
#[derive(Debug)]
pub struct Permit<A: Act> {
    by: AccountId,
    on: A::Object,
}

impl<A: Act> Permit<A> {
    /// Who was allowed.
    pub const fn by(&self) -> AccountId {
        self.by
    }

    /// On what: a write touches this and nothing else.
    pub const fn on(&self) -> A::Object {
        self.on
    }
}

/// An action known to the compiler. Nothing outside this module can be one.
pub trait Act: sealed::Sealed {
    /// The same action, as a value.
    const ACTION: Action;
    /// What it is done to.
    type Object: sealed::Object;
}

mod sealed {
    use super::{AccountId, CallId, Debug, DossierId, OrganisationId, SeatId, SheetId, Subject};

    pub trait Sealed {}

    /// What an action can be done to, as a subject names it.
    pub trait Object: Copy + Debug + Eq {
        fn of(subject: &Subject) -> Option<Self>;
    }

    /// The whole installation.
    impl Object for () {
        fn of(_: &Subject) -> Option<Self> {
            Some(())
        }
    }

    impl Object for AccountId {
        fn of(subject: &Subject) -> Option<Self> {
            subject.account
        }
    }

    impl Object for CallId {
        fn of(subject: &Subject) -> Option<Self> {
            subject.call.map(|call| call.id)
        }
    }

    impl Object for OrganisationId {
        fn of(subject: &Subject) -> Option<Self> {
            subject.organisation
        }
    }

    impl Object for (CallId, OrganisationId) {
        fn of(subject: &Subject) -> Option<Self> {
            CallId::of(subject).zip(OrganisationId::of(subject))
        }
    }

    impl Object for DossierId {
        fn of(subject: &Subject) -> Option<Self> {
            subject.dossier.map(|dossier| dossier.id)
        }
    }

    impl Object for SeatId {
        fn of(subject: &Subject) -> Option<Self> {
            subject.seat
        }
    }

    impl Object for SheetId {
        fn of(subject: &Subject) -> Option<Self> {
            subject.sheet
        }
    }
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident => $code:literal, $object:ty;)*) => {
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
            use super::{AccountId, Act, Action, CallId, DossierId, OrganisationId, SeatId, SheetId, sealed};

            $($(#[$doc])* #[derive(Debug)] pub struct $name;
            impl sealed::Sealed for $name {}
            impl Act for $name {
                const ACTION: Action = Action::$name;
                type Object = $object;
            })*
        }
    };
}

actions! {
    /// Read a call's public page.
    ReadCall => "call.read", CallId;
    /// Say who may create calls.
    NameOfficers => "officers.name", ();
    /// Ask a question on a call.
    AskQuestion => "question.ask", CallId;
    /// Read the questions on a call, and answer them.
    AnswerQuestion => "question.answer", CallId;
    /// Write a new call.
    CreateCall => "call.create", ();
    /// Read a call whole, as it is written, and what is wrong in it.
    ReadWholeCall => "call.read_whole", CallId;
    /// Write a call in draft, or prepare a correction.
    EditCall => "call.edit", CallId;
    /// Publish a correction.
    CorrectCall => "call.correct", CallId;
    /// See who runs a call.
    ListOfficers => "call.officers", CallId;
    /// Invite officers, change their roles, take them away.
    ManageOfficers => "call.manage_officers", CallId;
    /// Answer an invitation to run a call, of one's own.
    JoinCall => "call.join", AccountId;
    /// Run a call no longer.
    LeaveCall => "call.leave", CallId;
    /// Move a call to its next state, publication included.
    AdvanceCall => "call.advance", CallId;
    /// Change one's own name, address or password.
    ChangeAccount => "account.change", AccountId;
    /// Accept or decline an invitation of one's own, ask to belong to an organisation.
    JoinOrganisation => "organisation.join", AccountId;
    /// Register an organisation.
    CreateOrganisation => "organisation.create", ();
    /// Read and change an organisation's own data.
    EditOrganisation => "organisation.edit", OrganisationId;
    /// See, invite and remove an organisation's members.
    ManageMembers => "organisation.members", OrganisationId;
    /// Begin a dossier.
    CreateDossier => "dossier.create", (CallId, OrganisationId);
    /// Read a dossier whole, as the applicant.
    ReadOwnDossier => "dossier.read_own", DossierId;
    /// Write answers and pieces.
    EditDossier => "dossier.edit", DossierId;
    /// File it.
    DepositDossier => "dossier.deposit", DossierId;
    /// Begin to change what was filed, which counts meanwhile.
    ChangeDossier => "dossier.change", DossierId;
    /// Drop such a change.
    DropChange => "dossier.drop_change", DossierId;
    /// Take it out for good.
    WithdrawDossier => "dossier.withdraw", DossierId;
    /// Throw a draft away.
    DiscardDossier => "dossier.discard", DossierId;
    /// Take back that it was thrown away or withdrawn.
    RestoreDossier => "dossier.restore", DossierId;
    /// Erase it with all that hangs on it, once it need not be kept.
    EraseDossier => "dossier.erase", DossierId;
    /// Count dossiers.
    CountDossiers => "dossiers.count", CallId;
    /// List filed dossiers.
    ListFiled => "dossiers.list", CallId;
    /// Read a filed dossier, as the authority.
    ReviewDossier => "dossier.review", DossierId;
    /// Say whether it may be examined.
    ExamineDossier => "dossier.examine", DossierId;
    /// Invite jurors, see the jury.
    ManageJury => "jury.manage", CallId;
    /// Ask a seat to mark a dossier.
    AssignDossier => "jury.assign", SeatId;
    /// See how far marking is.
    ReadProgress => "jury.progress", CallId;
    /// See which seat was asked for which dossier.
    ReadAssignments => "jury.assignments", CallId;
    /// See the candidates and declare conflicts.
    DeclareConflicts => "jury.declare", SeatId;
    /// List one's own assigned dossiers.
    ListAssigned => "jury.list", CallId;
    /// Read an assigned dossier, as a juror.
    ReadAssigned => "dossier.read_assigned", DossierId;
    /// Write marks on one's own sheet.
    Mark => "sheet.mark", SheetId;
    /// Lock one's own sheet.
    LockSheet => "sheet.lock", SheetId;
    /// Read one's own sheet.
    ReadSheet => "sheet.read", SheetId;
    /// Ask the chair to open one's own locked sheet again.
    AskReopening => "sheet.ask_reopening", SheetId;
    /// See whose sheet on which dossier is locked, without its marks.
    ListSheets => "sheets.list", CallId;
    /// Open a locked sheet again.
    ReopenSheet => "sheet.reopen", SheetId;
    /// Exclude a seat from a dossier or a lot.
    ImposeRecusal => "jury.recuse", SeatId;
    /// Read everyone's marks on the dossiers of a lot.
    ReadMarks => "marks.read", CallId;
    /// Read who marks high or low.
    ReadSeverity => "marks.severity", CallId;
    /// Compute a ranking.
    ComputeRanking => "ranking.compute", CallId;
    /// List the rankings of a call.
    ListRankings => "ranking.list", CallId;
    /// Read a ranking.
    ReadRanking => "ranking.read", CallId;
    /// Record a decision.
    Decide => "decision.record", DossierId;
    /// Confirm a decision on which something has changed since.
    ConfirmDecision => "decision.confirm", DossierId;
    /// Read decisions.
    ReadDecisions => "decision.read", CallId;
    /// Take decisions away in a file.
    ExportDecisions => "decision.export", CallId;
    /// Have what one may read of a call leave as a file.
    ExportCall => "call.export", CallId;
    /// Put decisions before the assembly.
    GatherDecisions => "deliberation.gather", CallId;
    /// Record that a deliberation has its effects.
    MakeExecutory => "deliberation.executory", CallId;
    /// Correct what was recorded of a deliberation.
    CorrectDeliberation => "deliberation.correct", CallId;
    /// Say who signs letters.
    ManageSignatories => "letter.signatories", CallId;
    /// Write and correct letters.
    WriteLetters => "letter.write", CallId;
    /// Say that a letter was read and is answered for.
    ApproveLetter => "letter.approve", CallId;
    /// Let the letters of a deliberation leave.
    SendLetters => "letter.send", CallId;
    /// Record when a letter was received by post.
    RecordDelivery => "letter.delivery", CallId;
    /// Read a letter to one's own organisation.
    ReadOwnLetter => "letter.read_own", DossierId;
    /// Say whether one accepts to be notified in one's space.
    ChooseNotification => "dossier.notification", DossierId;
}

/// Answers for an action known to the compiler.
///
/// # Errors
/// The [`Denial`] says why not, and whether an answer may let on that the subject exists. A subject that does not name what the
/// action is done to is [`Denial::Hidden`].
pub fn permit<A: Act>(actor: Option<&Actor>, subject: &Subject) -> Result<Permit<A>, Denial> {
    decide(A::ACTION, actor, subject)?;
    let by = actor.ok_or(Denial::SignInFirst)?.account;
    let on = sealed::Object::of(subject).ok_or(Denial::Hidden)?;
    Ok(Permit { by, on })
}
