//! Wiring: from settings to a running server.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;

use ami_api::{HttpSettings, Metrics};
use ami_database::Database;
use ami_services::cores::Cores;
use ami_services::evidence::Evidence;
use ami_services::installation::{self, Installation};
use ami_services::jobs::{self, Crew};
use ami_services::passwords::Passwords;
use ami_services::tokens::{self, Keys};
use ami_services::{App, Clock, Settings, accounts, open_spool, organisations, outbox};
use ami_storage::{Embedded, EmbeddedSettings, Secret, Storage, StorageSettings};
use ami_views::Views;
use rocket::{Build, Rocket};
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{self, Checked};
use crate::fingerprint::fingerprint;
use crate::keeper;

/// A result for whoever runs the program: its error is a sentence.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// The bucket of single-machine mode.
const BUCKET: &str = "ami";
/// The file of its secrets.
const SECRETS: &str = "secrets.json";

/// Secrets of the embedded storage, made once and kept in the data folder.
#[derive(Serialize, Deserialize)]
struct Secrets {
    storage_access: String,
    storage_secret: String,
    /// The seed of access tokens, from before the database kept it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signing: Option<String>,
}

fn random_hex(bytes: usize) -> Outcome<String> {
    let mut buffer = vec![0; bytes];
    getrandom::fill(&mut buffer)?;
    Ok(hex::encode(buffer))
}

/// The secrets in a data folder, if it has some.
fn kept_secrets(data: &Path) -> Outcome<Option<Secrets>> {
    match std::fs::read_to_string(data.join(SECRETS)) {
        Ok(text) => Ok(Some(serde_json::from_str(&text)?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn keep_secrets(data: &Path, secrets: &Secrets) -> Outcome<()> {
    write_private(&data.join(SECRETS), &serde_json::to_string_pretty(secrets)?)
}

fn secrets(data: &Path) -> Outcome<Secrets> {
    if let Some(kept) = kept_secrets(data)? {
        return Ok(kept);
    }
    let secrets = Secrets { storage_access: random_hex(10)?, storage_secret: random_hex(32)?, signing: None };
    keep_secrets(data, &secrets)?;
    Ok(secrets)
}

/// The key of evidence, made once and kept in the data folder, apart from the keys of sessions: it is never rotated away.
pub(crate) fn evidence(data: &Path) -> Outcome<Evidence> {
    let folder = data.join("evidence");
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("key");
    if !path.exists() {
        write_private(&path, &random_hex(32)?)?;
    }
    let seed = std::fs::read_to_string(&path)?;
    Evidence::new(&seed, folder).ok_or_else(|| format!("{} : clé illisible", path.display()).into())
}

/// The keys of access tokens: those of the settings; otherwise those that the database keeps for all its servers.
async fn keys(config: &Checked, data: &Path, database: &Database, clock: &Clock) -> Outcome<Keys> {
    if let Some(seeds) = &config.signing_keys {
        return Ok(config::parse_keys(seeds)?);
    }
    let kept = kept_secrets(data)?;
    let proposed = match kept.as_ref().and_then(|secrets| secrets.signing.clone()) {
        Some(seed) => seed,
        None => random_hex(32)?,
    };
    let seeds = tokens::shared_seeds(database, proposed, clock.now()).await?;
    if let Some(mut secrets) = kept
        && secrets.signing.take().is_some()
    {
        keep_secrets(data, &secrets)?;
    }
    Ok(Keys::parse(&seeds)?)
}

/// Writes a file that only its owner reads, whole or not at all.
pub fn write_private(path: &Path, text: &str) -> Outcome<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let temporary = path.with_extension("new");
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    Ok(())
}

/// The parts, wired.
#[derive(Debug)]
pub struct Running {
    /// What the use cases work with.
    pub app: App,
    /// The embedded storage, in single-machine mode.
    pub embedded: Option<Embedded>,
}

/// Opens everything that a use case works with.
pub async fn open(config: &Checked, clock: Clock, settings: Settings) -> Outcome<Running> {
    let data = data_folder(config)?;
    let (storage, embedded) = if let Some(settings) = &config.storage {
        if settings.sends_in_clear() {
            tracing::warn!("s3_endpoint: pieces travel in clear; use https://");
        }
        (Storage::connect(settings)?, None)
    } else {
        let secrets = secrets(&data)?;
        let server = Embedded::start(EmbeddedSettings {
            directory: data.join("objects"),
            access_key: secrets.storage_access,
            secret_key: Secret::new(secrets.storage_secret),
            port: 0,
        })
        .await?;
        (Storage::connect(&server.storage_settings(BUCKET))?, Some(server))
    };
    storage.ensure_bucket().await?;
    let app = assemble(config, &data, clock, settings, storage).await?;
    installation::settle(&app.now()).await?;
    Ok(Running { app, embedded })
}

/// Opens what a command needs that runs beside a server: rows. Where the storage is embedded, the server has it, and nothing
/// answers here.
pub async fn open_rows(config: &Checked) -> Outcome<App> {
    let data = data_folder(config)?;
    let storage = match &config.storage {
        Some(settings) => Storage::connect(settings)?,
        None => Storage::connect(&StorageSettings {
            endpoint: "http://127.0.0.1:9".into(),
            region: "us-east-1".into(),
            bucket: BUCKET.into(),
            access_key: "nobody".into(),
            secret_key: Secret::new("nobody"),
            path_style: true,
            browser_endpoint: None,
        })?,
    };
    assemble(config, &data, Clock::system(), settings(config), storage).await
}

fn data_folder(config: &Checked) -> Outcome<PathBuf> {
    std::fs::create_dir_all(&config.data)?;
    Ok(config.data.canonicalize()?)
}

async fn assemble(config: &Checked, data: &Path, clock: Clock, settings: Settings, storage: Storage) -> Outcome<App> {
    let database = Database::connect(config.database_url.expose()).await?;
    database.migrate().await?;
    let keys = keys(config, data, &database, &clock).await?;
    let cores = Cores::default();
    let fingerprint = fingerprint(data, config.storage.as_ref(), &database.identity().await?);
    Ok(App {
        database: Arc::new(database),
        storage,
        spool: open_spool(data)?,
        scanner: config.scanner.clone(),
        views: Arc::new(Views::new()?),
        keys: Arc::new(keys),
        access: Arc::default(),
        evidence: Arc::new(evidence(data)?),
        passwords: Arc::new(Passwords::new(&cores)),
        cores,
        installation: Arc::new(Installation::new(fingerprint, config.outbox)),
        lately: Arc::default(),
        uploaded: Arc::default(),
        clock,
        settings: Arc::new(settings),
    })
}

/// How messages leave by these settings, and in whose name.
pub fn crew(app: &App, config: &Checked) -> Outcome<Crew> {
    let transport = if let Some(url) = &config.smtp_url {
        outbox::smtp(url.expose())?
    } else {
        let folder = config.data.join("mails");
        std::fs::create_dir_all(&folder)?;
        outbox::folder(&folder)
    };
    Ok(Crew::new(app, transport, outbox::sender(&config.mail_from).ok_or("mail_from")?))
}

/// Runs the server until it is told to stop; calls `ready` with the port once it listens.
pub async fn run(
    running: Running,
    config: &Checked,
    ready: impl FnOnce(u16) -> Outcome<()> + Send + 'static,
) -> Outcome<()> {
    let Running { app, embedded } = running;
    let last = app.clone();
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let jobs = tokio::spawn(jobs::work(app.clone(), crew(&app, config)?, stopped));
    let sequencer = tokio::spawn(keeper::keep(app.clone()));
    let http = HttpSettings { address: config.address, port: config.port };
    let ready = std::sync::Mutex::new(Some(ready));
    let metrics = Metrics::default();
    let rocket = ami_api::rocket(app.clone(), http).attach(metrics.clone()).attach(rocket::fairing::AdHoc::on_liftoff(
        "ready",
        move |rocket| {
            Box::pin(async move {
                let ready = ready.lock().ok().and_then(|mut r| r.take());
                if let Some(ready) = ready
                    && let Err(error) = ready(rocket.config().port)
                {
                    tracing::error!(%error, "not ready");
                    rocket.shutdown().notify();
                }
            })
        },
    ));
    let numbers = config.metrics.map(|listen| {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serve = async move {
            let numbers = ami_api::metrics_rocket(app, metrics, listen);
            if let Err(error) = launch(numbers, async { drop(stopped.await) }).await {
                tracing::error!(%listen, error = %error.kind(), "the metrics are not served");
            }
        };
        (tokio::spawn(serve), stop)
    });
    let outcome = launch(rocket, asked_to_stop()?).await;
    // What is under way is finished: a message that left and is not noted would leave again.
    drop(stop);
    let _ = jobs.await;
    sequencer.abort();
    keeper::finish(&last).await;
    if let Some((serving, stop)) = numbers {
        drop(stop);
        let _ = serving.await;
    }
    if let Some(embedded) = embedded {
        embedded.stop().await;
    }
    outcome
        .map_err(|e| format!("le serveur ne peut pas écouter sur {}:{} ({})", config.address, config.port, e.kind()))?;
    Ok(())
}

/// Serves until `stop` resolves, then finishes what is under way.
async fn launch(rocket: Rocket<Build>, stop: impl Future<Output = ()>) -> Result<(), rocket::Error> {
    let rocket = rocket.ignite().await?;
    let told = rocket.shutdown();
    let mut serving = pin!(rocket.launch());
    tokio::select! {
        biased;
        () = stop => told.notify(),
        done = &mut serving => return done.map(drop),
    }
    serving.await.map(drop)
}

/// Resolves when a service manager or a person at a terminal asks the program to stop.
fn asked_to_stop() -> std::io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

pub(crate) fn settings(config: &Checked) -> Settings {
    Settings { public_url: config.public_url.clone(), confirm_email: true, demonstration: false }
}

/// `ami serve`.
pub async fn serve(file: Option<&Path>) -> Outcome<()> {
    let config = config::read(file)?;
    let running = open(&config, Clock::system(), settings(&config)).await?;
    let url = config.public_url.clone();
    run(running, &config, move |port| {
        tracing::info!(url, port, "ready");
        Ok(())
    })
    .await
}

/// `ami migrate`.
pub async fn migrate(file: Option<&Path>) -> Outcome<()> {
    let config = config::read(file)?;
    std::fs::create_dir_all(&config.data)?;
    let database = Database::connect(config.database_url.expose()).await?;
    let made = database.migrate().await?;
    if made.is_empty() {
        println!("Le schéma de la base était à jour : rien n'a été changé.");
    } else {
        println!("Le schéma de la base est à jour. Migrations faites :");
        for name in made {
            println!("  {name}");
        }
    }
    for (name, siret) in organisations::list_duplicates(&database).await? {
        println!("SIRET {siret} enregistré deux fois : « {name} » est gardée à part de la première");
    }
    Ok(())
}

/// `ami create-administrator`.
pub async fn create_administrator(file: Option<&Path>, email: &str, name: &str) -> Outcome<()> {
    let config = config::read(file)?;
    let mut password = String::new();
    std::io::stdin().read_line(&mut password)?;
    let app = open_rows(&config).await?;
    let made = accounts::create_account(&app.now(), email, name, password.trim_end_matches(['\r', '\n']), true).await;
    made.map_err(|e| {
        let code = e.problems.first().map_or(e.code, |p| p.code.as_str());
        let args = e.problems.first().map_or_else(Vec::new, |p| p.args.clone());
        let why = ami_views::message(&format!("error-{code}"), &args).unwrap_or_else(|| e.to_string());
        format!("le compte n'a pas été créé : {why}")
    })?;
    println!("Compte d'administration créé : {email}");
    Ok(())
}
