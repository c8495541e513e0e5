//! The configuration: a TOML file, then `AMI_*` variables over it. Everything wrong is said at once, before anything starts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use ami_services::installation::Outgoing;
use ami_services::tokens::{KeyError, Keys};
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
    #[serde(with = "secret")]
    pub database_url: Option<Secret>,
    /// Address of the S3 service; the embedded one when left out.
    pub s3_endpoint: Option<String>,
    /// Its bucket.
    pub s3_bucket: Option<String>,
    /// Its region.
    pub s3_region: Option<String>,
    /// Key id.
    pub s3_access_key: Option<String>,
    /// Its secret.
    #[serde(with = "secret")]
    pub s3_secret_key: Option<Secret>,
    /// `endpoint/bucket/key` rather than `bucket.endpoint/key`.
    pub s3_path_style: bool,
    /// The service's address for browsers, which then send parts of files to it; they send them to us when left out.
    pub s3_browser_endpoint: Option<String>,
    /// The address that people see; the one listened on when left out.
    pub public_url: Option<String>,
    /// Where to listen.
    pub address: IpAddr,
    /// Port to listen on.
    pub port: u16,
    /// Ed25519 seeds, 64 hexadecimal digits each, separated by commas; the first one signs. Kept in the database when left out.
    #[serde(with = "secret")]
    pub signing_keys: Option<Secret>,
    /// `smtp://…` or `smtps://…`; messages go to a folder when left out.
    #[serde(with = "secret")]
    pub smtp_url: Option<Secret>,
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
            s3_browser_endpoint: None,
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

/// Secrets are read as text and written nowhere.
mod secret {
    use ami_storage::Secret;
    use serde::{Deserialize as _, Deserializer, Serializer};

    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub(super) fn serialize<S: Serializer>(_: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_none()
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
    }
}

/// The names of [`Written`]'s fields.
const NAMES: [&str; 18] = [
    "data",
    "database_url",
    "s3_endpoint",
    "s3_bucket",
    "s3_region",
    "s3_access_key",
    "s3_secret_key",
    "s3_path_style",
    "s3_browser_endpoint",
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
    /// Address of the database, with its password.
    pub database_url: Secret,
    /// The S3 service; the embedded one without.
    pub storage: Option<StorageSettings>,
    /// The address people see.
    pub public_url: String,
    /// Where to listen.
    pub address: IpAddr,
    /// Port.
    pub port: u16,
    /// Seeds; kept in the database without.
    pub signing_keys: Option<Vec<Secret>>,
    /// SMTP server, with its password; a folder without.
    pub smtp_url: Option<Secret>,
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
    check(written(file, variables)?)
}

fn written(file: Option<&Path>, variables: impl Iterator<Item = (String, String)>) -> Result<Written, Wrong> {
    let mut figment = Figment::from(Serialized::defaults(Written::default()));
    if let Some(file) = file {
        if !file.is_file() {
            return Err(Wrong(vec![format!("--config : le fichier {} n'existe pas", file.display())]));
        }
        figment = figment.merge(Toml::file_exact(file));
    }
    // As text, whatever they look like: a secret may be all digits. Numbers and yes-or-no are read where one is wanted.
    let variables = settings_of(variables)?;
    figment
        .merge(Serialized::globals(variables))
        .extract_lossy()
        .map_err(|errors| Wrong(errors.into_iter().map(|e| format!("{} : {}", e.path.join("."), e.kind)).collect()))
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

/// The keys that sign and verify, from their seeds.
pub(crate) fn parse_keys(seeds: &[Secret]) -> Result<Keys, KeyError> {
    Keys::parse(&seeds.iter().map(|seed| seed.expose().to_owned()).collect::<Vec<_>>())
}

/// Whether a value is an address of one of these kinds.
fn url(value: &str, schemes: &[&str]) -> bool {
    schemes.iter().any(|s| value.strip_prefix(s).is_some_and(|r| !r.is_empty()))
}

/// The S3 service: all of its settings, or none.
fn storage(w: &Written, wrong: &mut Vec<String>) -> Option<StorageSettings> {
    let parts = [
        ("s3_endpoint", w.s3_endpoint.as_deref(), "l'adresse du service, https://…"),
        ("s3_bucket", w.s3_bucket.as_deref(), "le nom du compartiment"),
        ("s3_access_key", w.s3_access_key.as_deref(), "l'identifiant de clé"),
        ("s3_secret_key", w.s3_secret_key.as_ref().map(Secret::expose), "la clé secrète"),
    ];
    if parts.iter().all(|(_, value, _)| value.is_none()) {
        if w.s3_browser_endpoint.is_some() {
            wrong.push("s3_browser_endpoint (AMI_S3_BROWSER_ENDPOINT) : les navigateurs n'atteignent qu'un service S3 extérieur ; donnez aussi les réglages s3_*, ou retirez celui-ci".into());
        }
        return None;
    }
    for (name, value, expected) in &parts {
        if value.is_none_or(|v| v.trim().is_empty()) {
            wrong.push(format!(
                "{name} (AMI_{}) : manquant ; {expected} est attendu dès qu'un réglage s3_* est donné",
                name.to_uppercase()
            ));
        }
    }
    let addresses = [("s3_endpoint", &w.s3_endpoint), ("s3_browser_endpoint", &w.s3_browser_endpoint)];
    for (name, endpoint) in addresses {
        if let Some(endpoint) = endpoint
            && !url(endpoint, &["http://", "https://"])
        {
            wrong.push(format!(
                "{name} (AMI_{}) : une adresse http:// ou https:// est attendue, pas « {endpoint} »",
                name.to_uppercase()
            ));
        }
    }
    Some(StorageSettings {
        endpoint: w.s3_endpoint.clone().unwrap_or_default(),
        region: w.s3_region.clone().unwrap_or_else(|| "us-east-1".into()),
        bucket: w.s3_bucket.clone().unwrap_or_default(),
        access_key: w.s3_access_key.clone().unwrap_or_default(),
        secret_key: w.s3_secret_key.clone().unwrap_or_else(|| Secret::new("")),
        path_style: w.s3_path_style,
        browser_endpoint: w.s3_browser_endpoint.clone(),
    })
}

fn check(w: Written) -> Result<Checked, Wrong> {
    let mut wrong = Vec::new();
    let public_url = public_url(&w, &mut wrong);
    let database_url = match &w.database_url {
        None => Secret::new(format!("sqlite://{}?mode=rwc", w.data.join("ami.sqlite").display())),
        Some(value) => {
            if !url(value.expose(), &["sqlite:", "postgres://", "postgresql://"]) {
                wrong.push(
                    "database_url (AMI_DATABASE_URL) : une adresse sqlite://… ou postgres://… est attendue".into(),
                );
            }
            value.clone()
        }
    };
    let storage = storage(&w, &mut wrong);
    let signing_keys: Option<Vec<Secret>> =
        w.signing_keys.map(|keys| keys.expose().split(',').map(|k| Secret::new(k.trim())).collect());
    if let Some(keys) = &signing_keys
        && parse_keys(keys).is_err()
    {
        wrong.push("signing_keys (AMI_SIGNING_KEYS) : des graines Ed25519 de 64 chiffres hexadécimaux sont attendues, séparées par des virgules".into());
    }
    if let Some(smtp) = &w.smtp_url
        && ami_services::outbox::smtp(smtp.expose()).is_err()
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
            public_url,
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

/// The address that people see, and whether the server may listen on what it and the metrics want.
fn public_url(w: &Written, wrong: &mut Vec<String>) -> String {
    if let Some(metrics) = w.metrics_listen
        && metrics.port() == w.port
        && w.port != 0
        && (metrics.ip() == w.address || metrics.ip().is_unspecified() || w.address.is_unspecified())
    {
        wrong.push(format!(
            "metrics_listen (AMI_METRICS_LISTEN) : {metrics} est déjà l'adresse du service ; un autre port est attendu"
        ));
    }
    match &w.public_url {
        Some(given) if is_origin(given) => given.trim_end_matches('/').to_owned(),
        Some(given) => {
            wrong.push(format!(
                "public_url (AMI_PUBLIC_URL) : une adresse http:// ou https:// sans chemin est attendue, pas « {given} »"
            ));
            given.clone()
        }
        None if w.port == 0 => {
            wrong.push(
                "public_url (AMI_PUBLIC_URL) : manquant ; avec le port 0, les liens ne peuvent pas le suivre".into(),
            );
            String::new()
        }
        None => format!("http://{}", SocketAddr::new(reached_at(w.address), w.port)),
    }
}

/// `http://host` or `https://host:port`: links are made by adding a path, and our pages' own begin with `/`.
fn is_origin(url: &str) -> bool {
    rocket::http::uri::Absolute::parse(url).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.authority().is_some_and(|a| !a.host().is_empty() && a.user_info().is_none())
            && matches!(url.path().as_str(), "" | "/")
            && url.query().is_none()
    })
}

/// Where this machine reaches a server that listens on the address: nobody connects to `0.0.0.0`.
fn reached_at(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) if v4.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(v6) if v6.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_wrong_is_named_at_once() {
        let written = Written {
            database_url: Some(Secret::new("mysql://x")),
            s3_bucket: Some("ami".into()),
            public_url: Some("exemple.fr".into()),
            outbox: Some("oui".into()),
            signing_keys: Some(Secret::new("abc")),
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
    fn links_name_where_the_server_listens() {
        for (address, port, link) in [
            ("127.0.0.1", "8140", "http://127.0.0.1:8140"),
            ("192.0.2.7", "80", "http://192.0.2.7:80"),
            ("0.0.0.0", "8000", "http://127.0.0.1:8000"),
            ("::1", "8000", "http://[::1]:8000"),
            ("::", "9000", "http://[::1]:9000"),
        ] {
            let checked = from_environment(&[("AMI_ADDRESS", address), ("AMI_PORT", port)]).unwrap();
            assert_eq!(checked.public_url, link);
        }
        assert_eq!(from_environment(&[("AMI_PORT", "8140")]).unwrap().public_url, "http://127.0.0.1:8140");
        let given =
            from_environment(&[("AMI_PORT", "8140"), ("AMI_PUBLIC_URL", "https://appels.exemple.fr/")]).unwrap();
        assert_eq!(given.public_url, "https://appels.exemple.fr");
    }

    #[test]
    fn settings_that_do_not_go_together_are_named() {
        let said =
            |variables: &[(&str, &str)]| from_environment(variables).map_err(|wrong| wrong.to_string()).unwrap_err();
        for url in
            ["https://exemple.fr/appels", "https://exemple.fr?x", "https://", "https://a b", "ftp://exemple.fr", "x"]
        {
            assert!(said(&[("AMI_PUBLIC_URL", url)]).contains("public_url"), "{url}");
        }
        assert!(said(&[("AMI_PORT", "0")]).contains("public_url"));
        assert!(from_environment(&[("AMI_PORT", "0"), ("AMI_PUBLIC_URL", "http://localhost")]).is_ok());
        for (address, metrics) in
            [("127.0.0.1", "127.0.0.1:8000"), ("0.0.0.0", "127.0.0.1:8000"), ("127.0.0.1", "0.0.0.0:8000")]
        {
            let said = said(&[("AMI_ADDRESS", address), ("AMI_METRICS_LISTEN", metrics)]);
            assert!(said.contains("metrics_listen"), "{said}");
        }
        for metrics in ["127.0.0.1:9464", "127.0.0.2:8000"] {
            assert!(from_environment(&[("AMI_METRICS_LISTEN", metrics)]).is_ok(), "{metrics}");
        }
    }

    // The transport for messages wants a runtime, and is made as a check.
    #[tokio::test]
    async fn no_secret_is_printed() {
        let planted = "ab5e".repeat(16);
        let smtp = format!("smtp://service:{planted}@mail.exemple.fr");
        let database = format!("postgres://ami:{planted}@localhost/ami");
        let variables = [
            ("AMI_DATABASE_URL", database.as_str()),
            ("AMI_S3_ENDPOINT", "https://s3.exemple.fr"),
            ("AMI_S3_BUCKET", "ami"),
            ("AMI_S3_ACCESS_KEY", "GK00"),
            ("AMI_S3_SECRET_KEY", &planted),
            ("AMI_SIGNING_KEYS", &planted),
            ("AMI_SMTP_URL", &smtp),
        ];
        let given = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        let written = written(None, given).unwrap();
        let printed = format!("{written:?} {written:#?} {}", serde_json::to_string(&written).unwrap());
        let checked = check(written).unwrap();
        let printed = format!("{printed} {checked:?} {checked:#?}");
        assert!(printed.contains("GK00") && !printed.contains(&planted), "{printed}");
        assert_eq!(checked.signing_keys.unwrap()[0].expose(), planted);
        assert_eq!(
            (checked.smtp_url.unwrap().expose(), checked.database_url.expose()),
            (smtp.as_str(), database.as_str())
        );
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
        assert_eq!(checked.database_url.expose(), "sqlite://./ami-data/ami.sqlite?mode=rwc");
        assert!(checked.storage.is_none());
    }
}
