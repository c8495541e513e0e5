//! The demonstration: one process, one folder, nothing to install.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ami_services::installation::Outgoing;
use ami_services::{Clock, Settings};
use ami_storage::{Scanner, Secret};
use jiff::Timestamp;
use serde::Serialize;

use crate::config::Checked;
use crate::demo_data::{self, Accounts, PASSWORD};
use crate::server::{self, Outcome, write_private};

/// The data folder holds a demonstration that was loaded whole.
const LOADED: &str = "demo.loaded";
/// The data folder holds a demonstration that is being loaded, or was killed while it was.
const LOADING: &str = "demo.loading";

#[derive(Serialize)]
struct Ready {
    url: String,
    calls: Calls,
    accounts: Vec<ReadyAccount>,
}

#[derive(Serialize)]
struct Calls {
    open: &'static str,
    marking: &'static str,
}

#[derive(Serialize)]
struct ReadyAccount {
    role: &'static str,
    name: String,
    email: String,
    password: &'static str,
}

/// Options of the demonstration.
#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// Where everything is kept.
    #[arg(long, value_name = "DOSSIER", default_value = "./ami-data", help = "Dossier où tout est gardé")]
    pub data: PathBuf,
    /// Start over: removes an earlier demonstration.
    #[arg(long, help = "Recommence : efface une démonstration précédente")]
    pub reset: bool,
    /// Port; any free one with 0.
    #[arg(long, default_value_t = 8000, help = "Port ; 0 pour n’importe quel port libre")]
    pub port: u16,
    /// Loopback address to listen on.
    #[arg(long, value_name = "ADRESSE", default_value = "127.0.0.1", help = "Adresse locale à écouter")]
    pub address: IpAddr,
    /// The demonstration's clock starts here, then runs.
    #[arg(
        long,
        value_name = "INSTANT",
        help = "L’horloge de la démonstration part de là, puis avance : 2027-02-01T10:00:00+01:00"
    )]
    pub clock: Option<Timestamp>,
}

/// `ami demo`.
pub async fn run(args: DemoArgs) -> Outcome<()> {
    if !args.address.is_loopback() {
        return Err(format!(
            "la démonstration n'écoute que sur cette machine : {} n'est pas une adresse locale (127.0.0.1)",
            args.address
        )
        .into());
    }
    prepare(&args.data, args.reset)?;
    // Messages hold links: their port is known before the first one is written.
    let port = match args.port {
        0 => std::net::TcpListener::bind((args.address, 0))?.local_addr()?.port(),
        port => port,
    };
    let clock = args.clock.map_or_else(Clock::system, Clock::started);
    let config = Checked {
        database_url: Secret::new(format!("sqlite://{}?mode=rwc", args.data.join("ami.sqlite").display())),
        data: args.data.clone(),
        storage: None,
        public_url: format!("http://{}", std::net::SocketAddr::new(args.address, port)),
        address: args.address,
        port,
        signing_keys: None,
        smtp_url: None,
        mail_from: "Démonstration <ne-pas-repondre@demonstration.example>".into(),
        // Into a folder, wherever it was moved.
        outbox: Outgoing::Resumed,
        scanner: Scanner::none(),
        metrics: None,
    };
    let settings = Settings { public_url: config.public_url.clone(), confirm_email: true, demonstration: true };
    let running = server::open(&config, clock, settings).await?;
    let accounts = Accounts::all();
    if !args.data.join(LOADED).exists() {
        demo_data::load(&running.app, &accounts, args.clock.is_some()).await?;
        std::fs::write(args.data.join(LOADED), "")?;
        std::fs::remove_file(args.data.join(LOADING))?;
    }
    demo_data::ensure_administrator(&running.app).await?;
    let (data, url) = (args.data, config.public_url.clone());
    server::run(running, &config, move |_| announce(&data, &url, &accounts)).await
}

fn prepare(data: &Path, reset: bool) -> Outcome<()> {
    let is_demo = data.join(LOADED).exists() || data.join(LOADING).exists();
    let is_empty = !data.exists() || std::fs::read_dir(data)?.next().is_none();
    if !is_demo && !is_empty {
        return Err(format!(
            "{} contient autre chose qu'une démonstration : choisissez un autre dossier avec --data",
            data.display()
        )
        .into());
    }
    if data.exists() && (reset || data.join(LOADING).exists()) {
        std::fs::remove_dir_all(data)?;
    }
    std::fs::create_dir_all(data)?;
    if !data.join(LOADED).exists() {
        std::fs::write(data.join(LOADING), "")?;
    }
    let ready = data.join("demo.json");
    if ready.exists() {
        std::fs::remove_file(ready)?;
    }
    Ok(())
}

fn announce(data: &Path, url: &str, accounts: &Accounts) -> Outcome<()> {
    let list: Vec<ReadyAccount> =
        accounts.listed().map(|(role, name, email)| ReadyAccount { role, name, email, password: PASSWORD }).collect();
    println!("\nDémonstration prête : {url}\n");
    println!("Un compte par rôle (mot de passe : {PASSWORD}) :");
    for (role, what) in [
        ("applicant", "remplir et déposer un dossier pour l'appel ouvert"),
        ("juror", "noter les dossiers affectés dans l'appel en notation"),
        ("officer", "suivre la notation, calculer le classement, décider, exporter, écrire un appel"),
        ("administrator", "nommer les agents qui créent des appels"),
    ] {
        if let Some(account) = list.iter().find(|a| a.role == role) {
            println!("  {:<38} {what}", account.email);
        }
    }
    println!("\nLes courriels envoyés se lisent à {url}/demonstration/courriels. Ctrl+C pour arrêter.");
    let ready = Ready {
        url: url.to_owned(),
        calls: Calls { open: demo_data::OPEN, marking: demo_data::MARKING },
        accounts: list,
    };
    write_private(&data.join("demo.json"), &serde_json::to_string_pretty(&ready)?)
}
