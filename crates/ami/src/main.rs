//! The binary `ami`: reads the command line and runs what it asks for.

mod score;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ami::demo::DemoArgs;
use ami::{call, demo, erase, evidence, outbox, receipt, server};
use clap::{ArgAction, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

/// Of every command; clap's own has English headings.
const HELP: &str = "{about-with-newline}\nUtilisation : {usage}\n\n{all-args}";

/// The command line. What it says of itself is in French, so it stands in attributes, not in these comments.
#[derive(Debug, Parser)]
#[command(
    name = "ami",
    version,
    about = "Appels à manifestation d’intérêt, de la publication à la dernière lettre",
    subcommand_help_heading = "Commandes",
    subcommand_value_name = "COMMANDE",
    disable_help_flag = true,
    disable_version_flag = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[arg(short, long, global = true, display_order = 1000, action = ArgAction::Help, help = "Affiche cette aide")]
    help: Option<bool>,
    #[arg(short = 'V', long, action = ArgAction::Version, help = "Affiche la version")]
    version: Option<bool>,
}

impl Cli {
    fn read() -> Self {
        let french = |c: clap::Command| {
            c.help_template(HELP).subcommand_help_heading("Commandes").subcommand_value_name("COMMANDE")
        };
        let mut command = Self::command()
            .help_template(HELP)
            .mut_subcommands(|c| french(c).mut_subcommands(french).disable_help_subcommand(true));
        // clap adds its own `help` here, and one below it.
        command.build();
        let about = |c: clap::Command| c.about("Affiche cette aide, ou celle d’une commande");
        let command = command.mut_subcommand("help", |c| {
            about(c).help_template(HELP).subcommand_help_heading("Commandes").mut_subcommand("help", about)
        });
        Self::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit())
    }
}

#[derive(Debug, Args)]
struct Config {
    #[arg(long = "config", value_name = "FICHIER", help = "Fichier de configuration (TOML)")]
    file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(about = "Lance une démonstration sur cette machine : rien à installer, rien n’en sort")]
    Demo(DemoArgs),
    #[command(about = "Lance le service, d’après un fichier de configuration et les variables AMI_*")]
    Serve(Config),
    #[command(about = "Met à jour le schéma de la base de données, puis s’arrête")]
    Migrate(Config),
    #[command(about = "Crée un compte d’administration ; son mot de passe est la première ligne de l’entrée standard")]
    CreateAdministrator {
        #[command(flatten)]
        config: Config,
        #[arg(long, value_name = "ADRESSE", help = "Adresse électronique")]
        email: String,
        #[arg(long, value_name = "NOM", help = "Prénom et nom")]
        name: String,
    },
    #[command(about = "Dit où en sont les courriels, ou les fait repartir", subcommand)]
    Outbox(Outbox),
    #[command(about = "Donne, remplace, compare ou vérifie le fichier d’un appel (TOML)", subcommand)]
    Call(Call),
    #[command(about = "Nomme les agents qui peuvent créer des appels", subcommand)]
    Officer(Officer),
    #[command(about = "Vérifie le journal des actes", subcommand)]
    Journal(Journal),
    #[command(about = "Vérifie toute l’installation : dépôts, fichiers, accusés, journal, classements, décisions")]
    Check(Config),
    #[command(about = "Vérifie un classement conservé", subcommand)]
    Ranking(Ranking),
    #[command(about = "Vérifie un accusé de réception", subcommand)]
    Receipt(Receipt),
    #[command(about = "Efface ce qui ne doit plus être gardé, sur visa d’un archiviste", subcommand)]
    Erase(Erase),
    Score(score::ScoreArgs),
    #[command(about = "Écrit la description de l’API (OpenAPI 3.1), puis s’arrête")]
    Openapi,
}

#[derive(Debug, Subcommand)]
enum Outbox {
    #[command(about = "Dit si les courriels partent, combien attendent et lesquels sont refusés")]
    Status(Config),
    #[command(about = "Laisse partir les courriels d’une installation restaurée ou copiée")]
    Resume(Config),
    #[command(about = "Remet en route les courriels refusés, une fois la cause corrigée")]
    Retry(Config),
}

#[derive(Debug, Subcommand)]
enum Call {
    #[command(about = "Écrit un appel sur la sortie standard")]
    Export {
        #[arg(value_name = "CODE", help = "Code de l’appel")]
        code: String,
        #[command(flatten)]
        config: Config,
    },
    #[command(about = "Remplace un appel en préparation par un fichier")]
    Import {
        #[arg(value_name = "CODE", help = "Code de l’appel")]
        code: String,
        #[arg(id = "appel", value_name = "APPEL", help = "Fichier de l’appel")]
        file: PathBuf,
        #[command(flatten)]
        config: Config,
    },
    #[command(about = "Dit ce qu’un fichier changerait à un appel, ligne par ligne")]
    Diff {
        #[arg(value_name = "CODE", help = "Code de l’appel")]
        code: String,
        #[arg(id = "appel", value_name = "APPEL", help = "Fichier de l’appel")]
        file: PathBuf,
        #[command(flatten)]
        config: Config,
    },
    #[command(about = "Dit ce qui empêche de publier un appel, ou un fichier")]
    Check {
        #[arg(value_name = "CODE", help = "Code de l’appel")]
        code: Option<String>,
        #[arg(
            id = "appel",
            long = "file",
            value_name = "APPEL",
            help = "Fichier de l’appel, vérifié sans rien ouvrir d’autre"
        )]
        file: Option<PathBuf>,
        #[command(flatten)]
        config: Config,
    },
}

#[derive(Debug, Subcommand)]
enum Officer {
    #[command(about = "Nomme une personne, qui en est prévenue par courriel")]
    Add {
        #[arg(long, value_name = "ADRESSE", help = "Adresse électronique")]
        email: String,
        #[arg(long, value_name = "NOM", help = "Prénom et nom")]
        name: String,
        #[command(flatten)]
        config: Config,
    },
}

#[derive(Debug, Subcommand)]
enum Journal {
    #[command(
        about = "Parcourt toutes les chaînes, les compare aux empreintes signées et nomme le premier maillon rompu"
    )]
    Verify(Config),
}

#[derive(Debug, Subcommand)]
enum Erase {
    #[command(about = "Efface un dossier d’un appel archivé et tout ce qui s’y rattache ; les empreintes restent")]
    Dossier {
        #[arg(value_name = "IDENTIFIANT", help = "Identifiant du dossier")]
        id: String,
        #[arg(long, value_name = "ADRESSE", help = "Adresse électronique d’un administrateur")]
        administrator: String,
        #[arg(long, value_name = "TEXTE", help = "Motif, par exemple la durée de conservation échue")]
        reason: String,
        #[arg(long, value_name = "TEXTE", help = "Visa d’élimination : qui l’a donné, sa référence, sa date")]
        visa: String,
        #[command(flatten)]
        config: Config,
    },
}

#[derive(Debug, Subcommand)]
enum Ranking {
    #[command(about = "Recalcule un classement d’après ses données conservées et dit ce qui diffère")]
    Recompute {
        #[arg(value_name = "IDENTIFIANT", help = "Identifiant du classement")]
        id: String,
        #[command(flatten)]
        config: Config,
    },
}

#[derive(Debug, Subcommand)]
enum Receipt {
    #[command(
        about = "Dit si le PDF d’un accusé est authentique : auprès du service, ou hors connexion avec ses clés publiques"
    )]
    Verify {
        #[arg(value_name = "FICHIER", help = "Le PDF de l’accusé")]
        file: PathBuf,
        #[command(flatten)]
        by: VerifiedBy,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct VerifiedBy {
    #[arg(long, value_name = "ADRESSE", help = "Adresse du service, par exemple https://appels.exemple.fr")]
    url: Option<String>,
    #[arg(long, value_name = "FICHIER", help = "Clés publiques du service, lues à /.well-known/jwks.json")]
    jwks: Option<PathBuf>,
}

fn verify_receipt(file: &Path, by: &VerifiedBy) -> ExitCode {
    match by {
        VerifiedBy { url: Some(url), .. } => rocket::execute(receipt::verify(file, receipt::By::Url(url))),
        VerifiedBy { jwks: Some(keys), .. } => rocket::execute(receipt::verify(file, receipt::By::Keys(keys))),
        // The command line wants one of them.
        VerifiedBy { .. } => ExitCode::from(2),
    }
}

fn main() -> ExitCode {
    let cli = Cli::read();
    // Pure computation on files: no log, no runtime.
    if let Command::Score(args) = &cli.command {
        return score::run(args);
    }
    if let Command::Receipt(Receipt::Verify { file, by }) = &cli.command {
        return verify_receipt(file, by);
    }
    let filter = tracing_subscriber::EnvFilter::try_from_env("AMI_LOG").unwrap_or_else(|_| {
        tracing_subscriber::EnvFilter::new("info,sqlx=warn,sea_orm_migration=warn,aws=warn,hyper=warn,rocket=error")
    });
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let run = async {
        match cli.command {
            Command::Demo(args) => demo::run(args).await,
            Command::Serve(config) => server::serve(config.file.as_deref()).await,
            Command::Migrate(config) => server::migrate(config.file.as_deref()).await,
            Command::Journal(Journal::Verify(config)) => evidence::verify_journal(config.file.as_deref()).await,
            Command::CreateAdministrator { config, email, name } => {
                server::create_administrator(config.file.as_deref(), &email, &name).await
            }
            Command::Check(config) => evidence::check(config.file.as_deref()).await,
            Command::Ranking(Ranking::Recompute { id, config }) => {
                evidence::recompute(config.file.as_deref(), &id).await
            }
            Command::Call(Call::Export { code, config }) => call::export(config.file.as_deref(), &code).await,
            Command::Call(Call::Import { code, file, config }) => {
                call::import(config.file.as_deref(), &code, &file).await
            }
            Command::Call(Call::Diff { code, file, config }) => call::diff(config.file.as_deref(), &code, &file).await,
            Command::Call(Call::Check { code, file, config }) => {
                call::check(config.file.as_deref(), code.as_deref(), file.as_ref()).await
            }
            Command::Officer(Officer::Add { email, name, config }) => {
                call::add_officer(config.file.as_deref(), &email, &name).await
            }
            Command::Erase(Erase::Dossier { id, administrator, reason, visa, config }) => {
                let request = erase::Request { dossier: &id, by: &administrator, reason: &reason, visa: &visa };
                erase::erase_dossier(config.file.as_deref(), &request).await
            }
            Command::Outbox(Outbox::Status(config)) => outbox::status(config.file.as_deref()).await,
            Command::Outbox(Outbox::Resume(config)) => outbox::resume(config.file.as_deref()).await,
            Command::Outbox(Outbox::Retry(config)) => outbox::retry(config.file.as_deref()).await,
            // Answered above.
            Command::Score(_) | Command::Receipt(_) => Ok(()),
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
