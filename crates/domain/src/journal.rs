//! The record of acts: each entry carries the hash of the one before, so that a change or a gap shows.

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::ids::{AccountId, CallId};

/// The hash before the first entry.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// One act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// The call it belongs to; `None` for acts on accounts.
    pub call: Option<CallId>,
    /// When.
    pub at: Timestamp,
    /// Who; `None` for the system.
    pub actor: Option<AccountId>,
    /// What, such as `dossier.deposit`.
    pub action: &'static str,
    /// Kind of thing it was done to, such as `dossier`.
    pub subject_kind: &'static str,
    /// Its id or code.
    pub subject: String,
    /// Details as a JSON object. Never a secret, never contents of a dossier.
    pub details: serde_json::Value,
}

/// The hash of an entry: SHA-256 over the previous hash and every part, each preceded by its length so that parts cannot run
/// into each other.
pub fn hash(previous: &str, sequence: i64, parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    let sequence = sequence.to_string();
    for part in [previous, sequence.as_str()].iter().chain(parts) {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    hex::encode(digest.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(hash(GENESIS, 1, &["ab", "c"]), hash(GENESIS, 1, &["a", "bc"]));
        assert_ne!(hash(GENESIS, 1, &["a"]), hash(GENESIS, 2, &["a"]));
        assert_eq!(hash(GENESIS, 1, &["a"]).len(), 64);
    }
}
