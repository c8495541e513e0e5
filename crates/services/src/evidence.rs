//! Evidence that can be checked: the journal's chains, and their ends signed outside the database.
//!
//! The ends of all chains are signed into a file daily, by a key of its own that is never rotated away. Whoever rewrites the
//! database cannot rewrite that file, nor the receipts on which ends are printed; the file leaves with the backup.

use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use ami_database::Database;
use ami_database::erasures::{self, Erasure};
use ami_database::evidence as rows;
use ami_database::journal::{self, Broken, Head};
use ami_domain::deposit::sha256_hex;
use ami_domain::policy::Action;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Arrival, Error, Result};

/// The file's name in its folder.
const FILE: &str = "heads.jsonl";

/// The key that signs evidence, and the folder in which it signs the ends of chains.
pub struct Evidence {
    key: SigningKey,
    folder: PathBuf,
}

impl fmt::Debug for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Evidence").field("public", &self.public()).field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// The ends of all chains at an instant, as they are signed.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Signed {
    /// When.
    at: Timestamp,
    /// Scope, last entry, its hash.
    heads: Vec<(String, i64, String)>,
    /// SHA-256 of the line before; nothing for the first.
    previous: String,
    /// The public key.
    key: String,
}

/// A line of the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Line {
    signed: Signed,
    /// Over `signed` as JSON.
    signature: String,
}

impl Evidence {
    /// Reads a seed of 64 hexadecimal digits.
    pub fn new(seed: &str, folder: PathBuf) -> Option<Self> {
        let bytes: [u8; 32] = hex::decode(seed.trim()).ok()?.try_into().ok()?;
        Some(Self { key: SigningKey::from_bytes(&bytes), folder })
    }

    /// The public key, in hexadecimal.
    pub fn public(&self) -> String {
        hex::encode(self.key.verifying_key().as_bytes())
    }

    /// Signs bytes; the signature in hexadecimal.
    pub fn sign(&self, bytes: &[u8]) -> String {
        hex::encode(self.key.sign(bytes).to_bytes())
    }
}

/// Whether a key signed bytes.
pub fn is_signed(public: &str, bytes: &[u8], signature: &str) -> bool {
    let key = hex::decode(public).ok().and_then(|k| <[u8; 32]>::try_from(k).ok());
    let signature = hex::decode(signature).ok().and_then(|s| <[u8; 64]>::try_from(s).ok());
    let (Some(key), Some(signature)) = (key, signature) else { return false };
    VerifyingKey::from_bytes(&key).is_ok_and(|key| key.verify_strict(bytes, &Signature::from_bytes(&signature)).is_ok())
}

/// When the ends were last signed into the file; `None` when never.
pub async fn last_signed(app: &Arrival) -> Result<Option<Timestamp>> {
    let file = app.evidence.folder.join(FILE);
    let last = tokio::task::spawn_blocking(move || last_line(&file)).await.map_err(Error::internal)?;
    let Some(last) = last.map_err(Error::unavailable)? else { return Ok(None) };
    Ok(serde_json::from_str::<Line>(&last).ok().map(|line| line.signed.at))
}

fn last_line(file: &Path) -> std::io::Result<Option<String>> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(text.lines().last().map(str::to_owned)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Signs the ends of all chains into the file.
pub async fn sign_heads(app: &Arrival) -> Result<()> {
    let key = app.evidence.public();
    app.write(None, key.clone(), |work, key| {
        Box::pin(async move { Ok(rows::remember_key(work.tx, key, work.at()).await?) })
    })
    .await?;
    let heads = journal::heads(app.database.read()).await?;
    let heads = heads.into_iter().map(|h| (h.scope, h.seq, h.hash)).collect();
    let (evidence, at) = (std::sync::Arc::clone(&app.evidence), app.at);
    let written = tokio::task::spawn_blocking(move || {
        std::fs::create_dir_all(&evidence.folder)?;
        let file = evidence.folder.join(FILE);
        let previous = last_line(&file)?.map_or_else(String::new, |line| sha256_hex(line.as_bytes()));
        let signed = Signed { at, heads, previous, key };
        let signature = evidence.sign(serde_json::to_string(&signed)?.as_bytes());
        let line = serde_json::to_string(&Line { signed, signature })?;
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(file)?;
        writeln!(file, "{line}")?;
        file.sync_all()
    });
    written.await.map_err(Error::internal)?.map_err(Error::unavailable)
}

/// What was found wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// A chain is not what was written.
    Chain {
        /// The call's id, or nothing for what belongs to none.
        scope: String,
        /// Where.
        broken: Broken,
    },
    /// A line of the signed file is not what was signed, or one before it is missing.
    Line {
        /// From 1.
        number: usize,
    },
    /// An end that was signed is not in the chain.
    Anchor {
        /// When it was signed.
        at: Timestamp,
        /// Of which chain.
        scope: String,
        /// The entry.
        seq: i64,
    },
    /// Something was erased of which the journal does not tell.
    Erasure {
        /// When it says that this was.
        at: Timestamp,
        /// What.
        subject: String,
    },
}

/// What was checked, and what was found wrong.
#[derive(Debug, Clone, Default)]
pub struct Verification {
    /// The chains that are whole.
    pub whole: Vec<Head>,
    /// Acts that wait to be linked.
    pub pending: u64,
    /// Signed lines that were compared.
    pub signed: usize,
    /// What was erased, by the one way there is.
    pub erased: Vec<Erasure>,
    /// What is wrong, in order.
    pub findings: Vec<Finding>,
}

/// Walks every chain and compares it with the signed ends.
pub async fn verify_journal(database: &Database, evidence: &Evidence) -> Result<Verification> {
    let conn = database.read();
    let mut verification = Verification { pending: journal::pending(conn).await?.0, ..Verification::default() };
    for scope in journal::scopes(conn).await? {
        match journal::verify(conn, &scope).await? {
            Ok(head) => verification.whole.push(head),
            // A call of a moment ago: its first act waits to be linked.
            Err(Broken::Missing) if verification.pending > 0 => {}
            Err(broken) => verification.findings.push(Finding::Chain { scope, broken }),
        }
    }
    verification.erased = erasures::erased(conn).await?;
    for erasure in &verification.erased {
        if !journal::records(conn, Action::EraseDossier.code(), erasure.at, &erasure.subject).await? {
            verification.findings.push(Finding::Erasure { at: erasure.at, subject: erasure.subject.clone() });
        }
    }
    let mut known = rows::keys(conn).await?;
    known.push(evidence.public());
    let file = evidence.folder.join(FILE);
    let text = match tokio::fs::read_to_string(&file).await {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Error::unavailable(error)),
    };
    let mut previous = String::new();
    for (n, text) in text.lines().enumerate() {
        verification.signed += 1;
        let line = serde_json::from_str::<Line>(text).ok().filter(|line| {
            let signed = serde_json::to_string(&line.signed).unwrap_or_default();
            line.signed.previous == previous
                && known.contains(&line.signed.key)
                && is_signed(&line.signed.key, signed.as_bytes(), &line.signature)
        });
        previous = sha256_hex(text.as_bytes());
        let Some(line) = line else {
            verification.findings.push(Finding::Line { number: n + 1 });
            continue;
        };
        for (scope, seq, hash) in line.signed.heads {
            if journal::entry_hash(conn, &scope, seq).await?.as_deref() != Some(&hash) {
                verification.findings.push(Finding::Anchor { at: line.signed.at, scope, seq });
            }
        }
    }
    Ok(verification)
}
