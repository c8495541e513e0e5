//! The developer's commands.
//!
//! `cargo xtask test` runs everything that CI runs: format, dependencies, lints, generated files, unit and property tests, the
//! main path on SQLite and PostgreSQL, the same path in a real browser. What the machine lacks is installed where that is possible
//! (Debian, as root) and named otherwise; what could not run is listed last, and fails under `CI=true`.

mod bench;
mod garage;
mod http;
mod postgres;
mod steps;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs every check and test.
    Test,
    /// Runs what takes too long for every change: the main path on Garage, 200 kills.
    Accept,
    /// Writes the generated files again: the API's description and the tables of the policy and of the routes.
    Generate,
    /// Prints the scoring engine's times, beside those of the field's packages where a Python has them.
    Bench {
        /// What else is timed in its place.
        #[command(subcommand)]
        what: Option<Timed>,
    },
}

#[derive(Debug, Subcommand)]
enum Timed {
    /// Pages, API and saving of the built program under load, on a large call.
    Http(http::HttpArgs),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Test => steps::test(),
        Command::Accept => steps::accept(),
        Command::Generate => steps::generate(),
        Command::Bench { what: None } => bench::bench(),
        Command::Bench { what: Some(Timed::Http(args)) } => http::bench(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\n✗ {error}");
            ExitCode::FAILURE
        }
    }
}
