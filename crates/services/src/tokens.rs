//! Access tokens (JWT, `EdDSA`), opaque one-time and refresh tokens, and passwords (Argon2id).

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use ami_database::{Database, DatabaseError, installation};
use ami_domain::deposit::sha256_hex;

/// How long an access token is good for.
pub const ACCESS_LIFETIME: SignedDuration = SignedDuration::from_mins(15);
/// How long a refresh token is good for.
pub const REFRESH_LIFETIME: SignedDuration = SignedDuration::from_hours(24 * 14);

/// What an access token says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claims {
    /// The account.
    pub sub: Uuid,
    /// The sign-in it follows from.
    pub fam: Uuid,
    /// Issued, seconds since the epoch.
    pub iat: i64,
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
    pub fn sign(&self, account: Uuid, family: Uuid, now: Timestamp) -> Result<String, jsonwebtoken::errors::Error> {
        let exp = now.as_second() + ACCESS_LIFETIME.as_secs();
        let claims = Claims { sub: account, fam: family, iat: now.as_second(), exp };
        let mut header = Header::new(Algorithm::EdDSA);
        let Some(key) = self.0.first() else {
            return Err(jsonwebtoken::errors::ErrorKind::InvalidKeyFormat.into());
        };
        header.kid = Some(key.id.clone());
        encode(&header, &claims, &key.encoding)
    }

    /// Reads an access token; `None` unless one of the keys signed it and it is still good.
    pub fn verify(&self, token: &str, now: Timestamp) -> Option<Claims> {
        let header = decode_header(token).ok()?;
        let key = self.0.iter().find(|k| Some(&k.id) == header.kid.as_ref())?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        // Against the application's clock, below.
        validation.validate_exp = false;
        let claims = decode::<Claims>(token, &key.decoding, &validation).ok()?.claims;
        (claims.exp > now.as_second()).then_some(claims)
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

/// Makes a secret of 256 random bits.
pub fn secret() -> Result<Secret, getrandom::Error> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes)?;
    let token = URL_SAFE_NO_PAD.encode(bytes);
    Ok(Secret { hash: hash_token(&token), token })
}

/// The hash under which a token is kept.
pub fn hash_token(token: &str) -> String {
    sha256_hex(token.as_bytes())
}

/// Hashes a password with Argon2id and a random salt. Takes tens of milliseconds: call it off the async threads.
pub fn hash_password(password: &str) -> Result<String, argon2::password_hash::Error> {
    Ok(Argon2::default().hash_password(password.as_bytes())?.to_string())
}

/// Whether a password fits a hash. Without a hash it takes as long, so that a missing account does not show.
pub fn password_fits(password: &str, hash: Option<&str>) -> bool {
    const NOBODY: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    PasswordHash::new(hash.unwrap_or(NOBODY))
        .is_ok_and(|parsed| Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok())
        && hash.is_some()
}
