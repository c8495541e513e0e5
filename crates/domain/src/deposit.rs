//! What is proved at deposit: the contents as they were filed, and their hash.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::{AccountId, DepositId, DossierId, OrganisationId, PieceId};

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
}

/// Who applied, as it was filed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The organisation.
    pub id: OrganisationId,
    /// Its name.
    pub name: String,
    /// Fourteen digits.
    pub siret: String,
    /// One of the legal forms; empty when it was not kept.
    pub legal_form: String,
    /// Its number as an association.
    pub rna: Option<String>,
}

/// The contents of a dossier as they were filed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// How the rest is written; grows when that changes. Deposits of format 1 do not say it: they hold neither legal form, nor
    /// RNA, nor the organisation's id.
    #[serde(default = "first_format")]
    pub format: u32,
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
    /// Its legal form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_form: Option<String>,
    /// Its number as an association.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rna: Option<String>,
    /// The organisation itself, whatever it is called later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation_id: Option<OrganisationId>,
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

const fn first_format() -> u32 {
    1
}

impl Content {
    /// The format that is written now.
    pub const FORMAT: u32 = 2;

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

#[cfg(test)]
mod tests {
    use super::*;

    /// What was sealed by an earlier program is read as it was sealed.
    #[test]
    fn the_first_format_is_still_read() {
        let sealed = r#"{"call":"AMI","call_version":1,"number":"A-0001","lot":"L1","organisation":"Une","siret":"1","answers":{},"pieces":[]}"#;
        let content: Content = serde_json::from_str(sealed).unwrap();
        assert_eq!((content.format, content.legal_form.as_deref()), (1, None));
        let written = Content { format: Content::FORMAT, rna: Some("W1".into()), ..content };
        assert_eq!(serde_json::from_str::<Content>(&written.bytes().unwrap()).unwrap(), written);
    }
}
