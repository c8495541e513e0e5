//! `ami receipt verify`: whether a receipt's file is genuine, asked of the service or offline by its public keys.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use ami_domain::deposit::sha256_hex;
use ami_domain::receipt::Seal;
use ami_services::verification::{read_key_set, seal_holds};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use serde::Deserialize;

use crate::server::Outcome;

/// How long the service may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// By what a receipt is verified.
#[derive(Debug, Clone, Copy)]
pub enum By<'a> {
    /// The service's address.
    Url(&'a str),
    /// A file with its public keys, as it gives them at `/.well-known/jwks.json`.
    Keys(&'a Path),
}

/// What is said of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Genuine,
    Differs,
    UnknownKey,
    Unsealed,
    Unknown,
}

impl Verdict {
    const fn sentence(&self) -> &'static str {
        match self {
            Self::Genuine => "authentique : cet accusé a été remis par ce service, et rien n’y a été changé",
            Self::Differs => "différent : ce fichier n’est pas l’accusé qui a été remis, il a été modifié",
            Self::UnknownKey => "clé inconnue : cet accusé est signé par une clé qui n’est pas celle de ce service",
            Self::Unsealed => {
                "sans signature : ce fichier n’est pas un accusé signé. Un accusé plus ancien que les signatures se \
                 vérifie auprès du service, avec --url"
            }
            Self::Unknown => "inconnu : ce service n’a remis ni ce fichier, ni un accusé de ce numéro",
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    genuine: bool,
    sha256: String,
}

/// Verifies a file and says so: 0 when it is genuine, 1 when it is not, 2 when that cannot be known.
pub async fn verify(file: &Path, by: By<'_>) -> ExitCode {
    match verdict(file, by).await {
        Ok(verdict) => {
            println!("{}", verdict.sentence());
            ExitCode::from(u8::from(verdict != Verdict::Genuine))
        }
        Err(error) => {
            eprintln!("ami : {error}");
            ExitCode::from(2)
        }
    }
}

async fn verdict(file: &Path, by: By<'_>) -> Outcome<Verdict> {
    let read = |path: &Path| std::fs::read(path).map_err(|e| format!("{} : {e}", path.display()));
    let bytes = read(file)?;
    match by {
        By::Keys(keys) => {
            let text = String::from_utf8(read(keys)?).ok();
            let known = text.as_deref().and_then(read_key_set);
            let known = known.ok_or_else(|| format!("{} : ce n’est pas un jeu de clés (JWKS)", keys.display()))?;
            Ok(sealed_by(&bytes, &known))
        }
        By::Url(url) => ask(url.trim_end_matches('/'), &bytes).await,
    }
}

/// What the seal alone says.
fn sealed_by(bytes: &[u8], known: &[String]) -> Verdict {
    match Seal::read(bytes) {
        None => Verdict::Unsealed,
        Some(seal) if !seal_holds(&seal) => Verdict::Differs,
        Some(seal) if !known.iter().any(|key| key == seal.key) => Verdict::UnknownKey,
        Some(_) => Verdict::Genuine,
    }
}

/// Asks the service for the receipt of this very file, then for that whose number it bears.
async fn ask(url: &str, bytes: &[u8]) -> Outcome<Verdict> {
    let sha256 = sha256_hex(bytes);
    if let Some(answer) = answer(url, &sha256).await? {
        let same = answer.genuine && answer.sha256 == sha256;
        return Ok(if same { Verdict::Genuine } else { Verdict::Differs });
    }
    let Some(seal) = Seal::read(bytes) else { return Ok(Verdict::Unknown) };
    Ok(if answer(url, seal.number.as_str()).await?.is_some() { Verdict::Differs } else { Verdict::Unknown })
}

/// What the service says of a receipt; `None` when it knows none.
async fn answer(url: &str, name: &str) -> Outcome<Option<Answer>> {
    let address = format!("{url}/api/v1/receipts/{name}/verify");
    let not = |why: &dyn std::fmt::Display| format!("{address} : {why}");
    let connector = if url.starts_with("https://") {
        Connector::builder().tls_provider(Provider::Rustls(CryptoMode::Ring)).build()
    } else {
        Connector::builder().build_http()
    };
    let mut request = HttpRequest::new(SdkBody::empty());
    request.set_uri(address.clone()).map_err(|_| not(&"une adresse http:// ou https:// est attendue"))?;
    let answer = tokio::time::timeout(PATIENCE, async {
        let answer = connector.call(request).await.map_err(|e| not(&e))?;
        let status = answer.status().as_u16();
        let body = ByteStream::new(answer.into_body()).collect().await.map_err(|e| not(&e))?;
        Ok::<_, String>((status, body.into_bytes()))
    });
    let (status, body) = answer.await.map_err(|_| not(&"pas de réponse"))??;
    match status {
        200 => Ok(Some(serde_json::from_slice(&body).map_err(|e| not(&e))?)),
        404 if is_ours(&body) => Ok(None),
        _ => Err(not(&format!("réponse inattendue ({status})")).into()),
    }
}

/// Whether a refusal is that of a service that knows receipts, rather than of any other web site.
fn is_ours(body: &[u8]) -> bool {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    body["type"] == "/problems/receipt-unknown"
}
