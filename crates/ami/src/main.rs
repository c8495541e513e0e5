//! The binary `ami`: reads the command line and runs what it asks for.

mod score;

use std::path::PathBuf;
use std::process::ExitCode;

use ami::demo::DemoArgs;
use ami::{demo, server};
use clap::{Parser, Subcommand};

/// Appels à manifestation d'intérêt, de la publication à la dernière lettre.
#[derive(Debug, Parser)]
#[command(name = "ami", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a demonstration on this machine: nothing to install, nothing leaves it.
    Demo(DemoArgs),
    /// Runs the server, from a configuration file and `AMI_*` variables.
    Serve {
        /// Configuration file (TOML).
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Brings the database schema up to date and stops.
    Migrate {
        /// Configuration file (TOML).
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Makes an administrator's account; reads its password from the first line of standard input.
    CreateAdministrator {
        /// Configuration file (TOML).
        #[arg(long)]
        config: Option<PathBuf>,
        /// E-mail address.
        #[arg(long)]
        email: String,
        /// First and last name.
        #[arg(long)]
        name: String,
    },
    Score(score::ScoreArgs),
    /// Prints the description of the API (OpenAPI 3.1) and stops.
    Openapi,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
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
