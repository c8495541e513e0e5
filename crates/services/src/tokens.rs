//! Access tokens (JWT, `EdDSA`), what a browser shows of an earlier sign-in, and opaque one-time and refresh tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use uuid::Uuid;

use ami_database::{Database, DatabaseError, installation};
use ami_domain::deposit::sha256_hex;

/// How long an access token is good for.
pub const ACCESS_LIFETIME: SignedDuration = SignedDuration::from_mins(15);
/// How long a refresh token is good for.
pub const REFRESH_LIFETIME: SignedDuration = SignedDuration::from_hours(24 * 14);

/// How long a browser is known after a sign-in.
pub const BROWSER_LIFETIME: SignedDuration = SignedDuration::from_hours(24 * 180);

/// What an access token says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claims {
    /// The account.
    pub sub: Uuid,
    /// The sign-in.
    pub fam: Uuid,
    /// Issued, seconds since the epoch.
    pub iat: i64,
    /// No use after, seconds since the epoch.
    pub exp: i64,
}

/// What a browser shows that has signed in before: no way in, but a way past the wrong passwords of others.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Browser {
    /// The account that signed in.
    pub known_to: Uuid,
    /// The browser.
    pub browser: Uuid,
    /// No use after, seconds since the epoch.
    pub exp: i64,
}

struct Key {
    id: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
    public: String,
}

/// The keys of access tokens: the first one signs, all of them verify, so that keys can be rotated.
pub struct Keys(Vec<Key>);

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|k| &k.id)).finish()
    }
}

/// Why keys cannot be used.
#[derive(Debug, Error)]
pub enum KeyError {
    /// No key at all.
    #[error("at least one signing key is needed")]
    None,
    /// Not 32 bytes in hexadecimal.
    #[error("a signing key is 64 hexadecimal digits")]
    Shape,
}

impl Keys {
    /// Reads Ed25519 seeds, 64 hexadecimal digits each.
    ///
    /// # Errors
    /// [`KeyError`] when there is none or one is not a seed.
    pub fn parse(seeds: &[String]) -> Result<Self, KeyError> {
        let keys: Vec<Key> = seeds
            .iter()
            .map(|seed| {
                let bytes = hex::decode(seed.trim()).map_err(|_| KeyError::Shape)?;
                let bytes: [u8; 32] = bytes.try_into().map_err(|_| KeyError::Shape)?;
                let signing = SigningKey::from_bytes(&bytes);
                let public = signing.verifying_key().to_bytes();
                let der = signing.to_pkcs8_der().map_err(|_| KeyError::Shape)?;
                Ok(Key {
                    id: sha256_hex(&public)[..16].to_owned(),
                    encoding: EncodingKey::from_ed_der(der.as_bytes()),
                    decoding: DecodingKey::from_ed_der(&public),
                    public: URL_SAFE_NO_PAD.encode(public),
                })
            })
            .collect::<Result<_, KeyError>>()?;
        if keys.is_empty() { Err(KeyError::None) } else { Ok(Self(keys)) }
    }

    /// Signs an access token.
    pub fn sign(&self, account: Uuid, sign_in: Uuid, now: Timestamp) -> Result<String, jsonwebtoken::errors::Error> {
        let exp = now.as_second() + ACCESS_LIFETIME.as_secs();
        self.sign_claims(&Claims { sub: account, fam: sign_in, iat: now.as_second(), exp })
    }

    /// Signs something else than an access token: `kind` tells what, and neither is ever taken for the other.
    ///
    /// # Errors
    /// When there is no key, or the claims are no JSON object.
    pub fn sign_as(&self, kind: &str, claims: &impl Serialize) -> Result<String, jsonwebtoken::errors::Error> {
        let Some(key) = self.0.first() else {
            return Err(jsonwebtoken::errors::ErrorKind::InvalidKeyFormat.into());
        };
        let header = Header { typ: Some(kind.to_owned()), kid: Some(key.id.clone()), ..Header::new(Algorithm::EdDSA) };
        encode(&header, claims, &key.encoding)
    }

    /// Reads what [`Keys::sign_as`] signed as `kind`.
    pub fn read_as<T: serde::de::DeserializeOwned>(&self, kind: &str, token: &str) -> Option<T> {
        let header = decode_header(token).ok().filter(|header| header.typ.as_deref() == Some(kind))?;
        let key = self.0.iter().find(|k| Some(&k.id) == header.kid.as_ref())?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        Some(decode::<T>(token, &key.decoding, &validation).ok()?.claims)
    }

    /// Reads an access token; `None` unless one of the keys signed it and it is still good.
    pub fn verify(&self, token: &str, now: Timestamp) -> Option<Claims> {
        self.verify_claims(token).filter(|claims: &Claims| claims.exp > now.as_second())
    }

    /// Signs what a browser keeps of a sign-in.
    pub fn sign_browser(
        &self,
        account: Uuid,
        browser: Uuid,
        now: Timestamp,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let exp = now.as_second() + BROWSER_LIFETIME.as_secs();
        self.sign_claims(&Browser { known_to: account, browser, exp })
    }

    /// Reads what a browser kept of a sign-in.
    pub fn verify_browser(&self, token: &str, now: Timestamp) -> Option<Browser> {
        self.verify_claims(token).filter(|browser: &Browser| browser.exp > now.as_second())
    }

    fn sign_claims(&self, claims: &impl Serialize) -> Result<String, jsonwebtoken::errors::Error> {
        let mut header = Header::new(Algorithm::EdDSA);
        let Some(key) = self.0.first() else {
            return Err(jsonwebtoken::errors::ErrorKind::InvalidKeyFormat.into());
        };
        header.kid = Some(key.id.clone());
        encode(&header, claims, &key.encoding)
    }

    /// The claims of one kind: those of another lack its fields and do not read.
    fn verify_claims<T: DeserializeOwned + Clone>(&self, token: &str) -> Option<T> {
        let header = decode_header(token).ok().filter(|header| header.typ.as_deref() == Some("JWT"))?;
        let key = self.0.iter().find(|k| Some(&k.id) == header.kid.as_ref())?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        // Against the application's clock, by whoever asks.
        validation.validate_exp = false;
        Some(decode::<T>(token, &key.decoding, &validation).ok()?.claims)
    }

    /// The public keys, as a JSON Web Key Set.
    pub fn jwks(&self) -> serde_json::Value {
        let keys: Vec<_> = self
            .0
            .iter()
            .map(|k| {
                serde_json::json!({
                    "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": k.id, "x": k.public,
                })
            })
            .collect();
        serde_json::json!({ "keys": keys })
    }
}

/// The seeds that all servers of a database share. The first one to come keeps what it proposes.
pub async fn shared_seeds(database: &Database, proposed: String, now: Timestamp) -> Result<Vec<String>, DatabaseError> {
    let seeds = installation::signing_seeds(database.read()).await?;
    if !seeds.is_empty() {
        return Ok(seeds);
    }
    database
        .write((proposed, now), |tx, (proposed, now)| {
            Box::pin(async move { installation::keep_signing_seed(tx, proposed, *now).await })
        })
        .await?;
    installation::signing_seeds(database.read()).await
}

/// A secret for one person: shown once, kept as its hash.
pub struct Secret {
    /// What is sent.
    pub token: String,
    /// What is kept.
    pub hash: String,
}

/// Random bytes.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0u8; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// Makes a secret of 256 random bits.
pub fn secret() -> Result<Secret, getrandom::Error> {
    let token = URL_SAFE_NO_PAD.encode(random::<32>()?);
    Ok(Secret { hash: hash_token(&token), token })
}

/// The hash under which a token is kept.
pub fn hash_token(token: &str) -> String {
    sha256_hex(token.as_bytes())
}

/// The first refresh token of a sign-in, which it names.
pub fn first_refresh(sign_in: Uuid) -> Result<String, getrandom::Error> {
    let mut secret = [0u8; 32];
    getrandom::fill(&mut secret)?;
    Ok(refresh(sign_in, secret))
}

/// The refresh token after one. Whoever has that one gets the same successor again, while its salt is kept; whoever has neither
/// cannot make it.
pub fn next_refresh(sign_in: Uuid, salt: &str, token: &str) -> String {
    let secret = Sha256::new().chain_update("refresh\n").chain_update(salt).chain_update("\n").chain_update(token);
    refresh(sign_in, secret.finalize().into())
}

fn refresh(sign_in: Uuid, secret: [u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode([sign_in.as_bytes().as_slice(), &secret].concat())
}

/// The sign-in that a refresh token names; none where it is of an older kind, or no token at all.
pub fn sign_in_of(token: &str) -> Option<Uuid> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok().filter(|bytes| bytes.len() == 48)?;
    Uuid::from_slice(&bytes[..16]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_token_passes_for_one_of_another_kind() {
        let keys = Keys::parse(&["11".repeat(32)]).unwrap();
        let (now, id) = (Timestamp::from_second(1_800_000_000).unwrap(), Uuid::from_u128(7));
        let (access, browser) = (keys.sign(id, id, now).unwrap(), keys.sign_browser(id, id, now).unwrap());
        assert!(keys.verify(&access, now).is_some() && keys.verify_browser(&browser, now).is_some());
        assert!(keys.verify(&browser, now).is_none() && keys.verify_browser(&access, now).is_none());
    }

    #[test]
    fn a_refresh_token_names_its_sign_in_and_has_one_successor() {
        let id = Uuid::from_u128(7);
        let first = first_refresh(id).unwrap();
        assert_eq!(sign_in_of(&first), Some(id));
        let next = next_refresh(id, "salt", &first);
        assert_eq!((sign_in_of(&next), &next), (Some(id), &next_refresh(id, "salt", &first)));
        assert_ne!(next, next_refresh(id, "other", &first));
        assert_eq!(sign_in_of(&secret().unwrap().token), None);
    }
}
