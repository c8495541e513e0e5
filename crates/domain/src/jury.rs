//! The jury: seats with a voice, and recusals.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, CallId, DossierId, RecusalId, SeatId};

/// A person's place in a jury.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    /// Its id.
    pub id: SeatId,
    /// The call.
    pub call: CallId,
    /// Who sits.
    pub account: AccountId,
    /// Short name in rankings, such as `J1`.
    pub label: String,
    /// Where the person comes from.
    pub college: College,
    /// What the person's mark counts for.
    pub voice: Voice,
    /// Presides: may reopen sheets and impose recusals.
    pub chair: bool,
    /// When the person accepted to sit.
    pub accepted_at: Option<Timestamp>,
    /// When the declaration of conflicts was made.
    pub declared_at: Option<Timestamp>,
}

/// What a seat's mark counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Voice {
    /// It enters the means.
    Deliberative,
    /// It is read, and enters no mean.
    Consultative,
}

/// Where a member of the jury comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum College {
    /// Presides.
    Presidency,
    /// Elected.
    Elected,
    /// Department's services.
    Department,
    /// State and public employment service.
    Partners,
    /// Qualified person.
    Qualified,
    /// People who use the service.
    Users,
    /// Experts.
    Experts,
}

macro_rules! names {
    ($type:ident { $($variant:ident => $name:literal),+ $(,)? }) => {
        impl $type {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Stable text, as stored.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// Reads what is stored or sent.
            pub fn parse(stored: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|v| v.as_str() == stored)
            }
        }
    };
}
pub(crate) use names;

names!(Voice { Deliberative => "deliberative", Consultative => "consultative" });
names!(College {
    Presidency => "presidency",
    Elected => "elected",
    Department => "department",
    Partners => "partners",
    Qualified => "qualified",
    Users => "users",
    Experts => "experts",
});

/// Why a juror steps aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecusalReason {
    /// Leads, works for or volunteers with the candidate.
    Member,
    /// Family.
    Family,
    /// Holds office in the commune or inter-municipal body that applies.
    Office,
    /// Money.
    Financial,
    /// Litigation or competition.
    Dispute,
    /// Helped to write the dossier.
    Author,
    /// Something else, said in words.
    Other,
}

names!(RecusalReason {
    Member => "member",
    Family => "family",
    Office => "office",
    Financial => "financial",
    Dispute => "dispute",
    Author => "author",
    Other => "other",
});

/// Who asked for a recusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecusalOrigin {
    /// The juror.
    Declared,
    /// The chair or an officer.
    Imposed,
}

names!(RecusalOrigin { Declared => "declared", Imposed => "imposed" });

/// What a recusal covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecusalScope {
    /// Every dossier of a lot.
    Lot(String),
    /// One dossier.
    Dossier(DossierId),
}

/// A seat's exclusion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recusal {
    /// Its id.
    pub id: RecusalId,
    /// Who steps aside.
    pub seat: SeatId,
    /// From what.
    pub scope: RecusalScope,
    /// Why.
    pub reason: RecusalReason,
    /// In words.
    pub comment: String,
    /// Who asked.
    pub origin: RecusalOrigin,
    /// Since when.
    pub at: Timestamp,
}

/// Whether any recusal of a seat covers a dossier.
pub fn is_recused(recusals: &[Recusal], seat: SeatId, dossier: DossierId, lot: &str) -> bool {
    recusals.iter().any(|r| {
        r.seat == seat
            && match &r.scope {
                RecusalScope::Lot(l) => l == lot,
                RecusalScope::Dossier(d) => *d == dossier,
            }
    })
}
