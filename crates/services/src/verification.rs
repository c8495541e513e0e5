//! Receipts that anyone can verify: by their number or their file, here, or offline by the seal in the file.

use ami_database::DatabaseError;
use ami_database::documents as rows;
use ami_domain::deposit::sha256_hex;
use ami_domain::receipt::{ReceiptName, ReceiptNumber, Seal};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::evidence::{Evidence, is_signed};
use crate::{Arrival, Error, Result, documents, receipts};

/// Marks the keys of evidence in a key set: `evidence-` and what begins the key.
const KEY_ID: &str = "evidence-";

/// What anyone who holds a receipt's number learns of it: nothing of what was filed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Verified {
    /// Whether the receipt is here as it was given out.
    pub genuine: bool,
    /// When the dossier was filed.
    #[schema(value_type = String, format = DateTime)]
    pub deposited_at: Timestamp,
    /// SHA-256 of the receipt's file, to be compared with that of the file in hand.
    pub sha256: String,
}

/// Says whether a receipt is genuine, by its number or the SHA-256 of its file. Whoever knows one of them was given the receipt, or
/// was shown it: the policy has nobody to tell apart.
///
/// # Errors
/// `receipt-unknown` when there is none.
pub async fn verify_receipt(app: &Arrival, name: &str) -> Result<Verified> {
    let unknown = || Error { code: "receipt-unknown", ..Error::not_found() };
    let name = ReceiptName::parse(name).ok_or_else(unknown)?;
    let conn = app.database.read();
    let document = rows::find_receipt(conn, &name).await?.ok_or_else(unknown)?;
    let deposited_at = receipts::deposited_at(&document)?;
    // Whoever asks by the number first has it drawn.
    if rows::drawn_sha256(conn, document.id).await?.is_none() {
        documents::document_bytes(app, document.id).await?;
    }
    let sha256 = rows::drawn_sha256(conn, document.id).await?.unwrap_or_default();
    let keys = public_keys(app).await?;
    let genuine = match rows::bytes(conn, document.id).await {
        Ok(Some(bytes)) => {
            let by_ours = |seal: &Seal<'_>| keys.iter().any(|key| key == seal.key) && seal_holds(seal);
            // What was given out before there were seals has none, and is known by its SHA-256.
            sha256_hex(&bytes) == sha256 && Seal::read(&bytes).is_none_or(|seal| by_ours(&seal))
        }
        Ok(None) | Err(DatabaseError::Corrupt { .. }) => false,
        Err(error) => return Err(error.into()),
    };
    Ok(Verified { genuine, deposited_at, sha256 })
}

/// Closes the file of a receipt with its number and the signature of all that stands before.
pub(crate) fn seal(evidence: &Evidence, file: Vec<u8>, number: &ReceiptNumber) -> Vec<u8> {
    let mut sealed = Seal::prepare(file, number, &evidence.public());
    let signature = evidence.sign(&sealed);
    sealed.extend_from_slice(signature.as_bytes());
    sealed.push(b'\n');
    sealed
}

/// Whether the key that a seal names made its signature. Whose key it is, is another question.
pub fn seal_holds(seal: &Seal<'_>) -> bool {
    is_signed(seal.key, seal.signed, seal.signature)
}

/// The public keys of evidence of all servers, now and before, in hexadecimal.
async fn public_keys(app: &Arrival) -> Result<Vec<String>> {
    let mut keys = ami_database::evidence::keys(app.database.read()).await?;
    let own = app.evidence.public();
    if !keys.contains(&own) {
        keys.push(own);
    }
    Ok(keys)
}

/// The public keys of the installation as a JSON Web Key Set: those of access tokens, and those of evidence, which seal receipts.
pub async fn key_set(app: &Arrival) -> Result<Value> {
    let mut set = app.keys.jwks();
    let evidence = public_keys(app).await?.into_iter().filter_map(|key| {
        let x = URL_SAFE_NO_PAD.encode(hex::decode(&key).ok()?);
        let id = format!("{KEY_ID}{}", key.get(..16)?);
        Some(json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": id, "x": x }))
    });
    if let Some(keys) = set["keys"].as_array_mut() {
        keys.extend(evidence);
    }
    Ok(set)
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<PublicKey>,
}

#[derive(Deserialize)]
struct PublicKey {
    #[serde(default)]
    kid: String,
    #[serde(default)]
    x: String,
}

/// The keys of evidence in a key set, in hexadecimal; `None` when it is not one.
pub fn read_key_set(text: &str) -> Option<Vec<String>> {
    let set: KeySet = serde_json::from_str(text).ok()?;
    let evidence = set.keys.into_iter().filter(|key| key.kid.starts_with(KEY_ID));
    Some(evidence.filter_map(|key| Some(hex::encode(URL_SAFE_NO_PAD.decode(key.x).ok()?))).collect())
}
