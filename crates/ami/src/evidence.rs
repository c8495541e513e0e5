//! `ami journal verify` and `ami ranking recompute`: what an auditor runs, beside a running server or on a restored copy.

use std::path::Path;

use ami_database::Database;
use ami_database::journal::Broken;
use ami_domain::ids::RankingId;
use ami_services::evidence::{self, Finding, Verification};
use ami_services::rankings::{Recomputed, recompute_ranking};

use crate::config;
use crate::server::{self, Outcome};

/// Checks the journal's chains and what was signed of them; an error when something is not as it was written.
pub async fn verify_journal(file: Option<&Path>) -> Outcome<()> {
    let config = config::read(file)?;
    let database = Database::connect(config.database_url.expose()).await?;
    let key = server::evidence(&config.data.canonicalize()?)?;
    let verification = evidence::verify_journal(&database, &key).await?;
    print!("{}", report(&verification));
    match verification.findings.len() {
        0 => Ok(()),
        1 => Err("le journal n’est pas intact : 1 anomalie".into()),
        many => Err(format!("le journal n’est pas intact : {many} anomalies").into()),
    }
}

fn chain(scope: &str) -> String {
    if scope.is_empty() { "hors appel".to_owned() } else { format!("appel {scope}") }
}

/// What was found, a line each.
pub fn report(verification: &Verification) -> String {
    let mut lines: Vec<String> = verification
        .whole
        .iter()
        .map(|head| format!("intact : {} — {} actes, empreinte {}", chain(&head.scope), head.seq, head.hash))
        .collect();
    lines.push(format!("signatures comparées : {}", verification.signed));
    if verification.pending > 0 {
        lines.push(format!("actes en attente de chaînage : {}", verification.pending));
    }
    lines.extend(verification.findings.iter().map(|finding| match finding {
        Finding::Chain { scope, broken } => {
            let what = match broken {
                Broken::Entry(seq) => format!("l’acte {seq} n’est pas celui qui a été écrit"),
                Broken::Head(seq) => format!("l’empreinte relevée à l’acte {seq} n’est pas la sienne"),
                Broken::Cut(seq) => format!("des actes manquent à partir du n° {seq}"),
                Broken::Unlinked(seq) => format!("les actes à partir du n° {seq} ont été ajoutés hors du service"),
                Broken::Missing => "aucun acte : la chaîne entière manque".to_owned(),
            };
            format!("ANOMALIE : {} — {what}", chain(scope))
        }
        Finding::Line { number } => {
            format!("ANOMALIE : la ligne {number} du fichier signé n’est pas celle qui a été signée, ou une ligne manque avant elle")
        }
        Finding::Anchor { at, scope, seq } => {
            format!("ANOMALIE : {} — l’acte {seq}, signé le {at}, n’est plus dans la chaîne", chain(scope))
        }
    }));
    lines.join("\n") + "\n"
}

/// Computes a stored ranking again from its stored inputs; an error when anything else comes out.
pub async fn recompute(file: Option<&Path>, id: &str) -> Outcome<()> {
    let id: RankingId = id.parse().map_err(|_| format!("« {id} » n’est pas l’identifiant d’un classement"))?;
    let app = server::open_rows(&config::read(file)?).await?;
    let again = recompute_ranking(&app.now(), id).await;
    let again =
        again.map_err(|e| if e.code == "not-found" { format!("aucun classement {id}") } else { e.to_string() })?;
    match again {
        Recomputed::Same { dossiers, input_sha256 } => {
            println!("identique : {dossiers} dossiers, données d’entrée {input_sha256}");
            Ok(())
        }
        Recomputed::Inputs { kept, found } => {
            Err(format!("les données d’entrée ont changé : empreinte {found}, au lieu de {kept}").into())
        }
        Recomputed::Result { first, engine } => {
            let (pointer, stored, again) = *first;
            let engine = engine.map_or_else(String::new, |engine| format!(" (calculé alors par le moteur {engine})"));
            Err(format!("le résultat diffère à {pointer} : {stored} conservé, {again} recalculé{engine}").into())
        }
    }
}
