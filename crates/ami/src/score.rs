//! `ami score`: the official ranking of a file of marks, and what stands beside it.
//!
//! Input and output are plain files, so that anyone may recompute a published ranking without a database or a server.

mod fault;
mod grid_file;
mod json;
mod marks_file;
mod table;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use ami_scoring::{Agreement, Draws, Marks, RankedDossier, Ranking, Robustness, RobustnessSpec, Scope, Severity};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use fault::Fault;

/// Classe des dossiers à partir d’une grille et de notes, en calcul exact
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command")]
pub(crate) struct ScoreArgs {
    /// Grille : échelle, groupes, critères et poids, seuils, départage (JSON)
    #[arg(long, value_name = "GRILLE.json")]
    grid: PathBuf,
    /// Notes : lignes « dossier,juror,criterion,mark » après un en-tête (CSV)
    #[arg(long, value_name = "NOTES.csv")]
    marks: PathBuf,
    /// Valeurs de départage : lignes « dossier,name,value » après un en-tête (CSV)
    #[arg(long, value_name = "VALEURS.csv")]
    values: Option<PathBuf>,
    /// Donne le classement officiel (toujours donné, seul si rien d’autre n’est demandé)
    #[arg(long)]
    official: bool,
    /// Ajoute l’accord entre jurés : alpha de Krippendorff, corrélations intraclasses, W de Kendall
    #[arg(long)]
    agreement: bool,
    /// Ajoute la sévérité des jurés et le classement corrigé
    #[arg(long)]
    severity: bool,
    /// Ajoute la robustesse : rangs quand les poids ou le jury varient
    #[arg(long)]
    robustness: bool,
    /// Nombre de tirages de la robustesse
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    draws: u32,
    /// Graine des tirages : la même graine donne la même réponse
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Nombre de places, pour la probabilité d’être retenu
    #[arg(long, value_name = "N", default_value_t = 1)]
    cut: usize,
    /// Forme de la réponse
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    /// JSON
    Json,
    /// Tableau à lire
    Table,
}

/// How far weights vary in the draws near the grid’s.
const NEARBY: f64 = 0.2;

/// Everything the command answers.
#[derive(Serialize)]
pub(crate) struct Answer<'a> {
    engine: &'a str,
    input_sha256: String,
    dossiers: Vec<RankedDossier<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agreement: Option<Agreement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<Severity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    robustness: Option<Robustness>,
}

/// Runs the command: 0 when it answered, 2 when an input is refused, 1 when the answer could not be written.
pub(crate) fn run(args: &ScoreArgs) -> ExitCode {
    let (marks, input_sha256) = match load(args) {
        Ok(loaded) => loaded,
        Err(fault) => {
            eprintln!("{fault}");
            return ExitCode::from(2);
        }
    };
    let ranking = ami_scoring::rank(&marks);
    let answered = answer(args, &ranking, input_sha256).and_then(|answer| write(args.format, &answer));
    match answered {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("réponse impossible ({error})");
            ExitCode::FAILURE
        }
    }
}

/// The marks, and the SHA-256 of the files one after the other: grid, marks, then values where given.
fn load(args: &ScoreArgs) -> Result<(Marks, String), Fault> {
    let grid_text = fault::read(&args.grid)?;
    let file = grid_file::parse(&args.grid, &grid_text)?;
    let marks_text = fault::read(&args.marks)?;
    let values_text = args.values.as_deref().map(fault::read).transpose()?;
    let mut hash = Sha256::new();
    hash.update(&grid_text);
    hash.update(&marks_text);
    hash.update(values_text.as_deref().unwrap_or_default());

    let mut builder = Marks::builder(file.grid.clone());
    for (juror, voice) in &file.voices {
        builder.juror(juror, *voice).map_err(|error| Fault::file(&args.grid, error.to_string()))?;
    }
    marks_file::read_marks(&args.marks, &marks_text, &file.grid, &mut builder)?;
    if let (Some(path), Some(text)) = (&args.values, &values_text) {
        marks_file::read_values(path, text, &mut builder)?;
    }
    Ok((builder.build(), hex::encode(hash.finalize())))
}

fn answer<'a>(args: &ScoreArgs, ranking: &'a Ranking, input_sha256: String) -> std::io::Result<Answer<'a>> {
    let robustness = if args.robustness {
        let spec = RobustnessSpec {
            draws: Draws { count: args.draws, seed: args.seed, threads: 0 },
            cut: args.cut,
            nearby: NEARBY,
            // The command studies marks: what thresholds eliminate is drawn too.
            scope: Scope::Marked,
        };
        Some(Robustness::new(ranking, spec).map_err(std::io::Error::other)?)
    } else {
        None
    };
    Ok(Answer {
        engine: ranking.engine(),
        input_sha256,
        dossiers: ranking.dossiers().collect(),
        agreement: args.agreement.then(|| Agreement::new(ranking.marks())),
        severity: args.severity.then(|| Severity::new(ranking.marks())),
        robustness,
    })
}

fn write(format: Format, answer: &Answer<'_>) -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    match format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, answer)?;
            writeln!(out)?;
        }
        Format::Table => table::write(&mut out, answer)?,
    }
    out.flush()
}
