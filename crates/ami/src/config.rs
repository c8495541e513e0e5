//! The configuration: a TOML file, then `AMI_*` variables over it. Everything wrong is said at once, before anything starts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use ami_services::installation::Outgoing;
use ami_storage::{Scanner, Secret, StorageSettings};
use figment::Figment;
use figment::providers::{Format as _, Serialized, Toml};
use serde::{Deserialize, Serialize};

/// The settings as they are written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// Folder for uploads on their way in and, without database or storage of their own, for everything.
    pub data: PathBuf,
    /// `sqlite://…` or `postgres://…`; a file in the data folder when left out.
    pub database_url: Option<String>,
    /// Address of the S3 service; the embedded one when left out.
    pub s3_endpoint: Option<String>,
    /// Its bucket.
    pub s3_bucket: Option<String>,
    /// Its region.
    pub s3_region: Option<String>,
    /// Key id.
    pub s3_access_key: Option<String>,
    /// Its secret.
    pub s3_secret_key: Option<String>,
    /// `endpoint/bucket/key` rather than `bucket.endpoint/key`.
    pub s3_path_style: bool,
    /// The address that people see; the one listened on when left out.
    pub public_url: Option<String>,
    /// Where to listen.
    pub address: IpAddr,
    /// Port to listen on.
    pub port: u16,
    /// Ed25519 seeds, 64 hexadecimal digits each, separated by commas; the first one signs. Kept in the database when left out.
    pub signing_keys: Option<String>,
    /// `smtp://…` or `smtps://…`; messages go to a folder when left out.
    pub smtp_url: Option<String>,
    /// Sender of messages.
    pub mail_from: String,
    /// `resume`: messages leave even if this is a copy; `hold`: none leaves. Watched when left out.
    pub outbox: Option<String>,
    /// `none`, or the `host:port` or socket path of a clamd.
    pub scanner: String,
    /// Where Prometheus reads `/metrics`; nowhere when left out.
    pub metrics_listen: Option<SocketAddr>,
}

impl Default for Written {
    fn default() -> Self {
        Self {
            data: "./ami-data".into(),
            database_url: None,
            s3_endpoint: None,
            s3_bucket: None,
            s3_region: None,
            s3_access_key: None,
            s3_secret_key: None,
            s3_path_style: true,
            public_url: None,
            address: Ipv4Addr::LOCALHOST.into(),
            port: 8000,
            signing_keys: None,
            smtp_url: None,
            mail_from: "ami <ne-pas-repondre@localhost.example>".into(),
            outbox: None,
            scanner: "none".into(),
            metrics_listen: None,
        }
    }
}

/// The names of [`Written`]'s fields.
const NAMES: [&str; 17] = [
    "data",
    "database_url",
    "s3_endpoint",
    "s3_bucket",
    "s3_region",
    "s3_access_key",
    "s3_secret_key",
    "s3_path_style",
    "public_url",
    "address",
    "port",
    "signing_keys",
    "smtp_url",
    "mail_from",
    "outbox",
    "scanner",
    "metrics_listen",
];

/// The settings, checked.
#[derive(Debug, Clone)]
pub struct Checked {
    /// Data folder.
    pub data: PathBuf,
    /// Address of the database.
    pub database_url: String,
    /// The S3 service; the embedded one without.
    pub storage: Option<StorageSettings>,
    /// The address people see.
    pub public_url: String,
    /// Where to listen.
    pub address: IpAddr,
    /// Port.
    pub port: u16,
    /// Seeds; kept in the database without.
    pub signing_keys: Option<Vec<String>>,
    /// SMTP server; a folder without.
    pub smtp_url: Option<String>,
    /// Sender.
    pub mail_from: String,
    /// Whether messages leave.
    pub outbox: Outgoing,
    /// Virus scanner.
    pub scanner: Scanner,
    /// Where Prometheus reads.
    pub metrics: Option<SocketAddr>,
}

/// Everything that is wrong with the settings, a line each.
#[derive(Debug)]
pub struct Wrong(Vec<String>);

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "configuration à corriger :")?;
        self.0.iter().try_for_each(|line| write!(f, "\n  - {line}"))
    }
}

impl std::error::Error for Wrong {}

/// Reads and checks the settings.
pub fn read(file: Option<&Path>) -> Result<Checked, Wrong> {
    let variables =
        std::env::vars_os().map(|(k, v)| (k.to_string_lossy().into_owned(), v.to_string_lossy().into_owned()));
    read_from(file, variables)
}

fn read_from(file: Option<&Path>, variables: impl Iterator<Item = (String, String)>) -> Result<Checked, Wrong> {
    let mut figment = Figment::from(Serialized::defaults(Written::default()));
    if let Some(file) = file {
        if !file.is_file() {
            return Err(Wrong(vec![format!("--config : le fichier {} n'existe pas", file.display())]));
        }
        figment = figment.merge(Toml::file_exact(file));
    }
    // As text, whatever they look like: a secret may be all digits. Numbers and yes-or-no are read where one is wanted.
    let variables = settings_of(variables)?;
    let written: Written = figment
        .merge(Serialized::globals(variables))
        .extract_lossy()
        .map_err(|errors| Wrong(errors.into_iter().map(|e| format!("{} : {}", e.path.join("."), e.kind)).collect()))?;
    check(written)
}

/// The settings among the variables of the environment: `AMI_PORT` is `port`. `AMI_LOG` is the logger's, `AMI_TEST_*` the tests'.
fn settings_of(variables: impl Iterator<Item = (String, String)>) -> Result<BTreeMap<String, String>, Wrong> {
    let known: BTreeSet<&str> = NAMES.into_iter().collect();
    let (given, unknown): (BTreeMap<_, _>, BTreeMap<_, _>) = variables
        .filter_map(|(name, value)| Some((name.strip_prefix("AMI_")?.to_lowercase(), value)))
        .filter(|(name, _)| name != "log" && !name.starts_with("test_"))
        .partition(|(name, _)| known.contains(name.as_str()));
    if unknown.is_empty() {
        return Ok(given);
    }
    let variable = |name: &str| format!("AMI_{}", name.to_uppercase());
    let all: Vec<String> = NAMES.iter().map(|name| variable(name)).collect();
    let unknown = unknown.keys().map(|name| {
        format!(
            "{} : cette variable ne règle rien ; retirez-la, ou corrigez son nom ({})",
            variable(name),
            all.join(", ")
        )
    });
    Err(Wrong(unknown.collect()))
}

/// Whether a value is an address of one of these kinds.
fn url(value: &str, schemes: &[&str]) -> bool {
    schemes.iter().any(|s| value.strip_prefix(s).is_some_and(|r| !r.is_empty()))
}

/// The S3 service: all of its settings, or none.
fn storage(w: &Written, wrong: &mut Vec<String>) -> Option<StorageSettings> {
    let parts = [
        ("s3_endpoint", &w.s3_endpoint, "l'adresse du service, https://…"),
        ("s3_bucket", &w.s3_bucket, "le nom du compartiment"),
        ("s3_access_key", &w.s3_access_key, "l'identifiant de clé"),
        ("s3_secret_key", &w.s3_secret_key, "la clé secrète"),
    ];
    if parts.iter().all(|(_, value, _)| value.is_none()) {
        return None;
    }
    for (name, value, expected) in &parts {
        if value.as_ref().is_none_or(|v| v.trim().is_empty()) {
            wrong.push(format!(
                "{name} (AMI_{}) : manquant ; {expected} est attendu dès qu'un réglage s3_* est donné",
                name.to_uppercase()
            ));
        }
    }
    if let Some(endpoint) = &w.s3_endpoint
        && !url(endpoint, &["http://", "https://"])
    {
        wrong.push(format!(
            "s3_endpoint (AMI_S3_ENDPOINT) : une adresse http:// ou https:// est attendue, pas « {endpoint} »"
        ));
    }
    Some(StorageSettings {
        endpoint: w.s3_endpoint.clone().unwrap_or_default(),
        region: w.s3_region.clone().unwrap_or_else(|| "us-east-1".into()),
        bucket: w.s3_bucket.clone().unwrap_or_default(),
        access_key: w.s3_access_key.clone().unwrap_or_default(),
        secret_key: Secret::new(w.s3_secret_key.clone().unwrap_or_default()),
        path_style: w.s3_path_style,
    })
}

fn check(w: Written) -> Result<Checked, Wrong> {
    let mut wrong = Vec::new();
    let public_url = w.public_url.clone().unwrap_or_else(|| {
        let address = if w.address.is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { w.address };
        format!("http://{}", SocketAddr::new(address, w.port))
    });
    if !url(&public_url, &["http://", "https://"]) {
        wrong.push(format!(
            "public_url (AMI_PUBLIC_URL) : une adresse http:// ou https:// est attendue, pas « {public_url} »"
        ));
    }
    let database_url = match &w.database_url {
        None => format!("sqlite://{}?mode=rwc", w.data.join("ami.sqlite").display()),
        Some(value) => {
            if !url(value, &["sqlite:", "postgres://", "postgresql://"]) {
                wrong.push(
                    "database_url (AMI_DATABASE_URL) : une adresse sqlite://… ou postgres://… est attendue".into(),
                );
            }
            value.clone()
        }
    };
    let storage = storage(&w, &mut wrong);
    let signing_keys = w.signing_keys.map(|keys| keys.split(',').map(|k| k.trim().to_owned()).collect::<Vec<_>>());
    if let Some(keys) = &signing_keys
        && ami_services::tokens::Keys::parse(keys).is_err()
    {
        wrong.push("signing_keys (AMI_SIGNING_KEYS) : des graines Ed25519 de 64 chiffres hexadécimaux sont attendues, séparées par des virgules".into());
    }
    if let Some(smtp) = &w.smtp_url
        && ami_services::outbox::smtp(smtp).is_err()
    {
        wrong.push(
            "smtp_url (AMI_SMTP_URL) : une adresse smtp://utilisateur:secret@hôte:port ou smtps://… est attendue"
                .into(),
        );
    }
    if ami_services::outbox::sender(&w.mail_from).is_none() {
        wrong.push(
            "mail_from (AMI_MAIL_FROM) : une adresse est attendue, par exemple « Service <service@exemple.fr> »".into(),
        );
    }
    let outbox = w.outbox.as_deref().unwrap_or_default().parse();
    if outbox.is_err() {
        wrong.push("outbox (AMI_OUTBOX) : resume ou hold est attendu, ou rien".into());
    }
    let scanner = match w.scanner.as_str() {
        "" | "none" => Some(Scanner::none()),
        address => Scanner::clamd(address.trim_start_matches("tcp://")).ok(),
    };
    if scanner.is_none() {
        wrong.push("scanner (AMI_SCANNER) : none, hôte:port ou le chemin du socket de clamd est attendu".into());
    }
    match (scanner, outbox) {
        (Some(scanner), Ok(outbox)) if wrong.is_empty() => Ok(Checked {
            data: w.data,
            database_url,
            storage,
            public_url: public_url.trim_end_matches('/').to_owned(),
            address: w.address,
            port: w.port,
            signing_keys,
            smtp_url: w.smtp_url,
            mail_from: w.mail_from,
            outbox,
            scanner,
            metrics: w.metrics_listen,
        }),
        _ => Err(Wrong(wrong)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_wrong_is_named_at_once() {
        let written = Written {
            database_url: Some("mysql://x".into()),
            s3_bucket: Some("ami".into()),
            public_url: Some("exemple.fr".into()),
            outbox: Some("oui".into()),
            signing_keys: Some("abc".into()),
            scanner: "clamav".into(),
            mail_from: "personne".into(),
            ..Written::default()
        };
        let said = check(written).unwrap_err().to_string();
        for name in [
            "database_url",
            "s3_endpoint",
            "s3_secret_key",
            "public_url",
            "signing_keys",
            "scanner",
            "mail_from",
            "outbox",
        ] {
            assert!(said.contains(name), "{name}: {said}");
        }
        assert!(!said.contains("s3_bucket"));
    }

    fn from_environment(variables: &[(&str, &str)]) -> Result<Checked, Wrong> {
        read_from(None, variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
    }

    #[test]
    fn variables_are_text_whatever_they_look_like() {
        let checked = from_environment(&[
            ("AMI_S3_ENDPOINT", "https://s3.exemple.fr"),
            ("AMI_S3_BUCKET", "2027"),
            ("AMI_S3_ACCESS_KEY", "0012"),
            ("AMI_S3_SECRET_KEY", "12345678"),
            ("AMI_S3_PATH_STYLE", "false"),
            ("AMI_PORT", "8080"),
            ("AMI_ADDRESS", "0.0.0.0"),
            ("AMI_DATA", "[1]"),
            ("AMI_LOG", "info"),
            ("AMI_TEST_POSTGRES_URL", "postgres://localhost"),
            ("PATH", "/bin"),
        ])
        .unwrap();
        let storage = checked.storage.unwrap();
        assert_eq!((storage.bucket.as_str(), storage.access_key.as_str(), storage.path_style), ("2027", "0012", false));
        assert_eq!(storage.secret_key.expose(), "12345678");
        assert_eq!((checked.port, checked.address.to_string()), (8080, "0.0.0.0".to_owned()));
        assert_eq!(checked.data, PathBuf::from("[1]"));
        // Links lead where it listens, unless it is said where they lead.
        assert_eq!(checked.public_url, "http://127.0.0.1:8080");
        assert!(from_environment(&[("AMI_PORT", "x")]).unwrap_err().to_string().contains("port"));
    }

    #[test]
    fn an_unknown_variable_is_named() {
        let said = from_environment(&[("AMI_S3_KEY", "x"), ("AMI_PROT", "80")]).unwrap_err().to_string();
        assert!(said.contains("- AMI_S3_KEY : cette variable ne règle rien") && said.contains("- AMI_PROT"), "{said}");
        assert!(said.contains("AMI_S3_SECRET_KEY"), "{said}");
    }

    #[test]
    fn every_setting_has_its_variable() {
        let written = serde_json::to_value(Written::default()).unwrap();
        let fields: BTreeSet<&str> = written.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, NAMES.into_iter().collect());
    }

    #[test]
    fn without_settings_everything_is_in_the_data_folder() {
        let checked = check(Written::default()).unwrap();
        assert_eq!(checked.database_url, "sqlite://./ami-data/ami.sqlite?mode=rwc");
        assert!(checked.storage.is_none());
    }
}
