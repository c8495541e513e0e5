//! Wiring: from settings to a running server.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ami_api::{HttpSettings, Metrics};
use ami_database::Database;
use ami_services::outbox::{self, Transport};
use ami_services::tokens::Keys;
use ami_services::{App, Clock, Settings, accounts, journal, open_spool, organisations};
use ami_storage::{Embedded, EmbeddedSettings, Secret, Storage};
use ami_views::Views;
use serde::{Deserialize, Serialize};

use crate::config::{self, Checked};

/// A result for whoever runs the program: its error is a sentence.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// The bucket of single-machine mode.
const BUCKET: &str = "ami";

/// Secrets of a single machine, made once and kept in its data folder.
#[derive(Debug, Serialize, Deserialize)]
struct Secrets {
    storage_access: String,
    storage_secret: String,
    signing: String,
}

fn random_hex(bytes: usize) -> Outcome<String> {
    let mut buffer = vec![0; bytes];
    getrandom::fill(&mut buffer)?;
    Ok(hex::encode(buffer))
}

fn secrets(data: &Path) -> Outcome<Secrets> {
    let path = data.join("secrets.json");
    if path.exists() {
        return Ok(serde_json::from_str(&std::fs::read_to_string(&path)?)?);
    }
    let secrets =
        Secrets { storage_access: random_hex(10)?, storage_secret: random_hex(32)?, signing: random_hex(32)? };
    write_private(&path, &serde_json::to_string_pretty(&secrets)?)?;
    Ok(secrets)
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
    std::fs::create_dir_all(&config.data)?;
    let data = config.data.canonicalize()?;
    let secrets = secrets(&data)?;
    let database = Database::connect(&config.database_url).await?;
    database.migrate().await?;
    let (storage, embedded) = if let Some(settings) = &config.storage {
        if settings.sends_in_clear() {
            tracing::warn!("s3_endpoint: pieces travel in clear; use https://");
        }
        (Storage::connect(settings)?, None)
    } else {
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
    let seeds = config.signing_keys.clone().unwrap_or_else(|| vec![secrets.signing]);
    let app = App {
        database: Arc::new(database),
        storage,
        spool: open_spool(&data)?,
        scanner: config.scanner.clone(),
        views: Arc::new(Views::new()?),
        keys: Arc::new(Keys::parse(&seeds)?),
        passwords: Arc::default(),
        uploaded: Arc::default(),
        clock,
        settings: Arc::new(settings),
    };
    Ok(Running { app, embedded })
}

/// Runs the server until it is told to stop; calls `ready` with the port once it listens.
pub async fn run(
    running: Running,
    config: &Checked,
    ready: impl FnOnce(u16) -> Outcome<()> + Send + 'static,
) -> Outcome<()> {
    let Running { app, embedded } = running;
    let last = app.clone();
    let folder = config.data.join("mails");
    let transport = if let Some(url) = &config.smtp_url {
        outbox::smtp(url)?
    } else {
        std::fs::create_dir_all(&folder)?;
        outbox::folder(&folder)
    };
    let sender = outbox::sender(&config.mail_from).ok_or("mail_from")?;
    let postman = tokio::spawn(deliver(app.clone(), transport, sender));
    let sequencer = tokio::spawn(link(app.clone()));
    let http = HttpSettings {
        address: config.address,
        port: config.port,
        secure_cookies: config.public_url.starts_with("https://"),
    };
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
    let numbers = match config.metrics {
        Some(listen) => {
            let numbers = ami_api::metrics_rocket(app, metrics, listen).ignite().await?;
            let stop = numbers.shutdown();
            let serve = async move {
                if let Err(error) = numbers.launch().await {
                    tracing::error!(%listen, error = %error.kind(), "the metrics are not served");
                }
            };
            Some((tokio::spawn(serve), stop))
        }
        None => None,
    };
    let outcome = rocket.launch().await;
    postman.abort();
    sequencer.abort();
    if let Err(error) = journal::link(&last.now()).await {
        tracing::error!(%error, "the last acts wait for the next start to be linked");
    }
    if let Some((serving, stop)) = numbers {
        stop.notify();
        let _ = serving.await;
    }
    if let Some(embedded) = embedded {
        embedded.stop().await;
    }
    outcome
        .map_err(|e| format!("le serveur ne peut pas écouter sur {}:{} ({})", config.address, config.port, e.kind()))?;
    Ok(())
}

async fn deliver(app: App, transport: Transport, from: outbox::Sender) {
    let mut every = tokio::time::interval(Duration::from_secs(1));
    loop {
        every.tick().await;
        if let Err(error) = outbox::deliver_due(&app.now(), &transport, &from).await {
            tracing::error!(%error, "messages cannot leave");
        }
    }
}

/// Links recorded acts into their chains, within a second of each.
async fn link(app: App) {
    let mut every = tokio::time::interval(Duration::from_millis(250));
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        if let Err(error) = journal::link(&app.now()).await {
            tracing::error!(%error, "acts cannot be linked");
        }
    }
}

fn settings(config: &Checked) -> Settings {
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
    let database = Database::connect(&config.database_url).await?;
    database.migrate().await?;
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
    let running = open(&config, Clock::system(), settings(&config)).await?;
    let made =
        accounts::create_account(&running.app.now(), email, name, password.trim_end_matches(['\r', '\n']), true).await;
    if let Some(embedded) = running.embedded {
        embedded.stop().await;
    }
    made.map_err(|e| {
        let code = e.problems.first().map_or(e.code, |p| p.code.as_str());
        let args = e.problems.first().map_or_else(Vec::new, |p| p.args.clone());
        let why = ami_views::message(&format!("error-{code}"), &args).unwrap_or_else(|| e.to_string());
        format!("le compte n'a pas été créé : {why}")
    })?;
    Ok(())
}
