//! What tells an installation from its copy.
//!
//! Several servers may share rows and pieces when both are elsewhere, on PostgreSQL and in an S3 service: there only these two
//! count, and every server has the same fingerprint. Anything else belongs to one machine and one folder, which count too.

use std::path::Path;

use ami_storage::StorageSettings;
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// The fingerprint of an installation; `database` is what [`ami_database::Database::identity`] says.
pub(crate) fn fingerprint(data: &Path, storage: Option<&StorageSettings>, database: &str) -> String {
    let pieces = storage.map(|s| format!("{} {}", s.endpoint.trim_end_matches('/'), s.bucket));
    let shared = storage.is_some() && !database.starts_with("sqlite");
    let place = (!shared).then(|| json!({ "data": data.display().to_string(), "machine": machine() }));
    json!({ "database": database, "pieces": pieces, "place": place }).to_string()
}

/// This machine, by its id or else its name; hashed, as the id is nobody else's business.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).ok().filter(|text| !text.trim().is_empty());
    let name = read("/etc/machine-id").or_else(|| read("/proc/sys/kernel/hostname")).unwrap_or_default();
    hex::encode(Sha256::digest(format!("ami {}", name.trim())))[..16].to_owned()
}
