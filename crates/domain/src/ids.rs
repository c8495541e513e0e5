//! One type per id. The list is append-only.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! typed_ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// The bare id, for storage.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    )*};
}

typed_ids! {
    /// A person's account.
    AccountId;
    /// A one-time token sent by e-mail.
    TokenId;
    /// One sign-in.
    SignInId;
    /// An invitation to belong to an organisation, or a request to.
    InvitationId;
    /// An invitation to run a call.
    OfficerInvitationId;
    /// An applicant organisation.
    OrganisationId;
    /// A call for expressions of interest.
    CallId;
    /// One organisation's answer for one lot.
    DossierId;
    /// One uploaded file.
    PieceId;
    /// One act of filing a dossier.
    DepositId;
    /// A person's place in a jury.
    SeatId;
    /// A seat's exclusion from a dossier or a lot.
    RecusalId;
    /// One juror's marks on one dossier.
    SheetId;
    /// An immutable ranking snapshot.
    RankingId;
    /// One row of a history.
    HistoryId;
    /// An e-mail waiting to leave.
    MailId;
    /// Work that goes on after its request.
    JobId;
    /// A document that was given out.
    DocumentId;
    /// A deliberation of the assembly.
    DeliberationId;
    /// A letter to an applicant.
    LetterId;
    /// Somebody who signs letters.
    SignatoryId;
    /// A file on its way in, in parts.
    UploadId;
    /// A question on a call.
    QuestionId;
}
