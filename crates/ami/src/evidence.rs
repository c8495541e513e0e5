//! `ami journal verify`, `ami ranking recompute` and `ami check`: what an auditor runs, beside a running server or on a restored copy.

use std::path::Path;

use ami_database::Database;
use ami_database::journal::Broken;
use ami_domain::ids::RankingId;
use ami_services::Clock;
use ami_services::check::{Fault, check_installation};
use ami_services::erasures::Erasure;
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
    lines.extend(verification.erased.iter().map(erasure));
    lines.extend(verification.findings.iter().map(finding));
    lines.join("\n") + "\n"
}

fn erasure(erasure: &Erasure) -> String {
    let Erasure { subject, at, reason, visa, rows } = erasure;
    let what = if subject.is_empty() { "une ligne seule" } else { subject };
    format!("effacé : {what}, le {} — {reason} (visa {visa}) ; empreintes laissées : {rows}", ami_views::date_time(*at))
}

fn finding(finding: &Finding) -> String {
    match finding {
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
            format!(
                "ANOMALIE : la ligne {number} du fichier signé n’est pas celle qui a été signée, ou une ligne manque avant elle"
            )
        }
        Finding::Erasure { at, subject } => {
            format!("ANOMALIE : l’effacement de « {subject} », daté du {at}, n’est pas au journal")
        }
        Finding::Anchor { at, scope, seq } => {
            format!("ANOMALIE : {} — l’acte {seq}, signé le {at}, n’est plus dans la chaîne", chain(scope))
        }
    }
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

/// Checks every invariant; an error when something is not as it must be.
pub async fn check(file: Option<&Path>) -> Outcome<()> {
    let config = config::read(file)?;
    // The embedded storage is a running server's, while there is one.
    let (app, embedded) = match &config.storage {
        Some(_) => (server::open_rows(&config).await?, None),
        None => match server::open(&config, Clock::system(), server::settings(&config)).await {
            Ok(running) => (running.app, running.embedded),
            Err(_) => (server::open_rows(&config).await?, None),
        },
    };
    let with_objects = config.storage.is_some() || embedded.is_some();
    let checked = check_installation(&app.now(), with_objects).await;
    if let Some(embedded) = embedded {
        embedded.stop().await;
    }
    let checked = checked?;
    println!("dépôts : {}, avec leurs accusés et leurs actes au journal", checked.deposits);
    if with_objects {
        println!("fichiers déposés, relus : {}", checked.objects);
    } else {
        println!("fichiers déposés : non relus, le service en marche tient le stockage");
    }
    println!("classements recalculés : {} ; décisions rapprochées : {}", checked.rankings, checked.decisions);
    for erased in &checked.erased {
        println!("{}", erasure(erased));
    }
    for fault in &checked.faults {
        println!("{}", sentence(fault));
    }
    match checked.faults.len() {
        0 => Ok(()),
        1 => Err("l’installation n’est pas intacte : 1 anomalie".into()),
        many => Err(format!("l’installation n’est pas intacte : {many} anomalies").into()),
    }
}

fn sentence(fault: &Fault) -> String {
    match fault {
        Fault::Journal(found) => finding(found),
        Fault::Content(id) => format!("ANOMALIE : le dépôt {id} n’est pas ce qui a été scellé"),
        Fault::Unrecorded(id) => format!("ANOMALIE : le dépôt {id} n’est pas au journal"),
        Fault::Receipt(id) => format!("ANOMALIE : l’accusé du dépôt {id} n’est pas celui qui a été remis"),
        Fault::Object(id) => format!("ANOMALIE : le fichier {id} manque ou n’est pas celui qui a été déposé"),
        Fault::Filing(id) => format!("ANOMALIE : le dossier {id} est déposé sans dépôt"),
        Fault::Ranking(id) => format!("ANOMALIE : le classement {id} ne se recalcule pas"),
        Fault::Decision(id) => {
            format!("ANOMALIE : la décision sur le dossier {id} ne tient à aucun classement conservé")
        }
    }
}
