//! What went wrong, as a use case says it: a kind that decides the status, a stable code, and what the sentence needs.

use std::fmt;

use ami_database::{Constraint, DatabaseError, Failure};
use ami_domain::answer::FieldError;
use ami_domain::policy::Denial;
use ami_storage::StorageError;

/// The kind decides how it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nobody is signed in.
    SignInFirst,
    /// Known, and not for them.
    Forbidden,
    /// Nothing there, or nothing they may know of.
    NotFound,
    /// An address that does not take this method.
    WrongMethod,
    /// Not in this state or at this time.
    Conflict,
    /// Changed in the meantime.
    Stale,
    /// Too many bytes.
    TooLarge,
    /// Too many bytes in the head of a request.
    HeadTooLarge,
    /// A file of a kind that is not accepted.
    UnsupportedType,
    /// A request that is none.
    Malformed,
    /// A value is wrong.
    Invalid,
    /// Too often.
    TooMany,
    /// A condition header is missing.
    PreconditionRequired,
    /// The machine's fault.
    Internal,
    /// A part does not answer.
    Unavailable,
}

/// One wrong value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// JSON pointer into the request, such as `/4.04`.
    pub pointer: String,
    /// Stable code; the sentence is in the locale.
    pub code: String,
    /// What the sentence needs.
    pub args: Vec<(&'static str, String)>,
}

/// Why a use case did not do what was asked.
#[derive(Debug)]
pub struct Error {
    /// The kind.
    pub kind: Kind,
    /// Stable code; the sentence is in the locale under `error-{code}`.
    pub code: &'static str,
    /// What the sentence needs.
    pub args: Vec<(&'static str, String)>,
    /// Wrong values.
    pub problems: Vec<Problem>,
    /// The value as it stands, when it changed in the meantime.
    pub current: Option<serde_json::Value>,
    /// Seconds after which it may be tried again.
    pub retry_after: Option<i64>,
    /// What happened underneath: for the log, never for people.
    pub cause: Option<String>,
    /// Another writer was in the way: the same act may succeed.
    pub(crate) again: bool,
}

/// A use case's result.
pub type Result<T> = std::result::Result<T, Error>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.kind, self.code)?;
        for problem in &self.problems {
            write!(f, " [{} {}]", problem.pointer, problem.code)?;
        }
        if let Some(cause) = &self.cause {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl Error {
    /// An error of a kind.
    pub const fn new(kind: Kind, code: &'static str) -> Self {
        Self {
            kind,
            code,
            args: Vec::new(),
            problems: Vec::new(),
            current: None,
            retry_after: None,
            cause: None,
            again: false,
        }
    }

    /// Nothing there.
    pub const fn not_found() -> Self {
        Self::new(Kind::NotFound, "not-found")
    }

    /// Wrong values.
    pub fn invalid(problems: Vec<Problem>) -> Self {
        Self { problems, ..Self::new(Kind::Invalid, "invalid") }
    }

    /// One wrong value.
    pub fn field(pointer: &str, code: &str) -> Self {
        Self::invalid(vec![Problem { pointer: pointer.into(), code: code.into(), args: vec![] }])
    }

    /// A text that is longer than it may be.
    pub(crate) fn too_long(pointer: &str, length: usize) -> Self {
        Self::invalid(vec![Problem::too_long(pointer, length)])
    }

    /// The same, with something the sentence needs.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.args.push((name, value.to_string()));
        self
    }

    /// A fault of the machine, with what happened.
    pub fn internal(cause: impl fmt::Display) -> Self {
        Self { cause: Some(cause.to_string()), ..Self::new(Kind::Internal, "internal") }
    }

    /// Not now, but later: the code's sentence says whether anything was done.
    pub(crate) fn later(code: &'static str, seconds: i64, cause: impl fmt::Display) -> Self {
        Self { cause: Some(cause.to_string()), retry_after: Some(seconds), ..Self::new(Kind::Unavailable, code) }
    }

    /// A part that does not answer, with what happened.
    pub fn unavailable(cause: impl fmt::Display) -> Self {
        Self { cause: Some(cause.to_string()), ..Self::new(Kind::Unavailable, "unavailable") }
    }
}

impl Problem {
    /// A text that is longer than it may be.
    pub(crate) fn too_long(pointer: &str, length: usize) -> Self {
        let args = vec![("length", length.to_string()), ("max", ami_domain::text::MOST.to_string())];
        Self { pointer: pointer.to_owned(), code: "text-long".into(), args }
    }

    /// A wrong answer to a form field.
    pub fn of_field(field: &str, error: &FieldError) -> Self {
        let pointer = match &error.at {
            None => format!("/{field}"),
            Some((0, part)) => format!("/{field}/{part}"),
            Some((row, column)) => format!("/{field}/{}/{column}", row - 1),
        };
        Self { pointer, code: format!("field-{}", error.code), args: error.args.clone() }
    }
}

impl From<Denial> for Error {
    fn from(denial: Denial) -> Self {
        let kind = match denial {
            Denial::SignInFirst => Kind::SignInFirst,
            Denial::Hidden => Kind::NotFound,
            Denial::NotYours | Denial::DeclareFirst => Kind::Forbidden,
            Denial::NotNow | Denial::Sealed { .. } | Denial::MarksSealed | Denial::MarkingOver { .. } => Kind::Conflict,
        };
        let error = Self::new(kind, denial.code());
        match denial {
            Denial::Sealed { closes } => error.with("closes", ami_views::date_time(closes)),
            Denial::MarkingOver { since } => error.with("since", ami_views::date_time(since)),
            _ => error,
        }
    }
}

impl From<DatabaseError> for Error {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Constraint(Constraint::DossierLot) => Self::new(Kind::Conflict, "dossier-exists"),
            DatabaseError::Constraint(Constraint::CallCode) => Self::new(Kind::Conflict, "call-exists"),
            DatabaseError::Constraint(Constraint::CallPrefix) => Self {
                problems: vec![Problem {
                    pointer: "/number_prefix".into(),
                    code: "prefix-exists".into(),
                    args: vec![],
                }],
                ..Self::new(Kind::Conflict, "prefix-exists")
            },
            DatabaseError::Constraint(Constraint::Officer) => Self::new(Kind::Conflict, "officer-exists"),
            DatabaseError::Constraint(Constraint::SeatAccount) => Self::new(Kind::Conflict, "seat-exists"),
            DatabaseError::Constraint(Constraint::Membership) => Self::new(Kind::Conflict, "member-exists"),
            DatabaseError::Constraint(Constraint::OrganisationSiret) => Self::new(Kind::Conflict, "siret-registered"),
            DatabaseError::Constraint(Constraint::Invitation | Constraint::OfficerInvitation) => {
                Self::new(Kind::Conflict, "invitation-exists")
            }
            DatabaseError::Constraint(Constraint::DeliberationNumber) => {
                Self::new(Kind::Conflict, "deliberation-exists")
            }
            DatabaseError::Conflict { .. } => Self::new(Kind::Stale, "stale"),
            // Somebody else took the same label, seat, address or key at the same moment: whoever looks again finds it.
            DatabaseError::Constraint(
                Constraint::SeatLabel
                | Constraint::SheetSeat
                | Constraint::AccountEmail
                | Constraint::IdempotencyKey
                | Constraint::Document,
            )
            | DatabaseError::Again(_) => Self { again: true, ..Self::later("busy", 2, error) },
            DatabaseError::Busy => Self::later("busy", 5, error),
            DatabaseError::Away(_) => Self::later("away", 10, error),
            DatabaseError::Unanswered(_) => Self::later("unanswered", 10, error),
            other => Self::internal(other),
        }
    }
}

impl Failure for Error {
    fn is_transient(&self) -> bool {
        self.again
    }
}

impl From<StorageError> for Error {
    fn from(error: StorageError) -> Self {
        Self::unavailable(error)
    }
}

impl From<ami_views::ViewError> for Error {
    fn from(error: ami_views::ViewError) -> Self {
        Self::internal(error)
    }
}
