//! The binary `ami`: reads the command line and runs what it asks for.

mod score;

use std::path::PathBuf;
use std::process::ExitCode;

use ami::demo::DemoArgs;
use ami::{demo, outbox, server};
use clap::{ArgAction, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

/// Appels à manifestation d'intérêt, de la publication à la dernière lettre.
#[derive(Debug, Parser)]
#[command(name = "ami", version, disable_help_flag = true, disable_version_flag = true, disable_help_subcommand = true)]
struct Cli {
    /// Affiche cette aide.
    #[arg(short = 'h', long, global = true, display_order = 1000, action = ArgAction::Help)]
    help: Option<bool>,
    /// Affiche la version.
    #[arg(short = 'V', long, display_order = 1001, action = ArgAction::Version)]
    version: Option<bool>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lance une démonstration sur cette machine : rien à installer, rien n'en sort.
    Demo(DemoArgs),
    /// Lance le serveur, d'après un fichier de configuration et les variables `AMI_*`.
    Serve {
        /// Fichier de configuration (TOML).
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Met à jour le schéma de la base de données, dit ce qui a été fait et s'arrête.
    Migrate {
        /// Fichier de configuration (TOML).
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Crée un compte d'administration ; son mot de passe est lu sur la première ligne de l'entrée standard.
    CreateAdministrator {
        /// Fichier de configuration (TOML).
        #[arg(long)]
        config: Option<PathBuf>,
        /// Adresse de courriel.
        #[arg(long)]
        email: String,
        /// Prénom et nom.
        #[arg(long)]
        name: String,
    },
    /// Dit où en sont les courriels, ou les fait repartir.
    Outbox {
        #[command(subcommand)]
        what: OutboxCommand,
        /// Fichier de configuration (TOML).
        #[arg(long, global = true)]
        config: Option<PathBuf>,
    },
    Score(score::ScoreArgs),
    /// Écrit la description de l'API (OpenAPI 3.1) et s'arrête.
    Openapi,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum OutboxCommand {
    /// Dit si les courriels partent, combien attendent et lesquels sont refusés.
    Status,
    /// Laisse partir les courriels d'une installation restaurée ou copiée.
    Resume,
    /// Remet en route les courriels refusés, une fois la cause corrigée.
    Retry,
}

/// A command and those below it, with the headings of their help, which clap writes in English.
fn in_french(command: clap::Command) -> clap::Command {
    command
        .help_template("{about-with-newline}\nUtilisation : {usage}\n\n{all-args}")
        .subcommand_help_heading("Commandes")
        .subcommand_value_name("COMMANDE")
        .mut_subcommands(|below| in_french(below.disable_help_subcommand(true).disable_help_flag(true)))
}

fn main() -> ExitCode {
    let mut command = in_french(Cli::command());
    let cli = Cli::from_arg_matches_mut(&mut command.get_matches_mut()).unwrap_or_else(|error| error.exit());
    // Pure computation on files: no log, no runtime.
    if let Command::Score(args) = &cli.command {
        return score::run(args);
    }
    let filter = tracing_subscriber::EnvFilter::try_from_env("AMI_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,sqlx=warn,aws=warn,hyper=warn,rocket=error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let run = async {
        match cli.command {
            Command::Demo(args) => demo::run(args).await,
            Command::Serve { config } => server::serve(config.as_deref()).await,
            Command::Migrate { config } => server::migrate(config.as_deref()).await,
            Command::CreateAdministrator { config, email, name } => {
                server::create_administrator(config.as_deref(), &email, &name).await
            }
            Command::Outbox { what, config } => match what {
                OutboxCommand::Status => outbox::status(config.as_deref()).await,
                OutboxCommand::Resume => outbox::resume(config.as_deref()).await,
                OutboxCommand::Retry => outbox::retry(config.as_deref()).await,
            },
            // Answered above.
            Command::Score(_) => Ok(()),
            Command::Openapi => {
                println!("{}", ami_api::openapi());
                Ok(())
            }
        }
    };
    match rocket::execute(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ami : {error}");
            ExitCode::from(2)
        }
    }
}
