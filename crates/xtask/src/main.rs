//! The developer's commands.
//!
//! `cargo xtask test` runs everything that CI runs: format, dependencies, lints, generated files, unit and property tests, the
//! main path on SQLite and PostgreSQL, the same path in a real browser. What the machine lacks is installed where that is possible
//! (Debian, as root) and named otherwise; what could not run is listed last, and fails under `CI=true`.

mod bench;
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
    /// Writes the generated files again: the API's description and the tables of the policy and of the routes.
    Generate,
    /// Prints the scoring engine's times, beside those of the field's packages where a Python has them.
    Bench,
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Test => steps::test(),
        Command::Generate => steps::generate(),
        Command::Bench => bench::bench(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\n✗ {error}");
            ExitCode::FAILURE
        }
    }
}
