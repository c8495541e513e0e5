//! What is proved at deposit: the contents as they were filed, and their hash.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::{AccountId, DepositId, DossierId, PieceId};

/// One act of filing. The contents never change; a later deposit is another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deposit {
    /// Its id.
    pub id: DepositId,
    /// What was filed.
    pub dossier: DossierId,
    /// First deposit 1, next 2, …; the last one counts.
    pub version: i64,
    /// By the server's clock.
    pub at: Timestamp,
    /// By whom.
    pub by: AccountId,
    /// What was filed.
    pub content: Content,
    /// When it was taken back, if it was.
    pub taken_back_at: Option<Timestamp>,
}

/// The contents of a dossier as they were filed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// The call's code.
    pub call: String,
    /// Its version.
    pub call_version: i64,
    /// The dossier's number.
    pub number: String,
    /// The lot.
    pub lot: String,
    /// Name of the organisation at that time.
    pub organisation: String,
    /// Its SIRET.
    pub siret: String,
    /// Answers as JSON, by field code.
    pub answers: BTreeMap<String, serde_json::Value>,
    /// Files, by slot and name.
    pub pieces: Vec<FiledPiece>,
}

/// A file as it was filed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FiledPiece {
    /// The slot's code.
    pub slot: String,
    /// The file's name.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Lower-case hexadecimal.
    pub sha256: String,
    /// The stored file.
    pub id: PieceId,
}

impl Content {
    /// The bytes that are kept and hashed: JSON with keys in order.
    ///
    /// # Errors
    /// Never for contents made of JSON values; the type says so because the serializer does.
    pub fn bytes(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

/// SHA-256 of a text in lower-case hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
