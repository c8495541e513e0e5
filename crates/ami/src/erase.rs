//! `ami erase`: what an archivist has released goes, and leaves its hashes.

use std::path::Path;

use ami_domain::ids::DossierId;
use ami_services::{accounts, erasures};

use crate::config;
use crate::server::{self, Outcome};

/// Who erases a dossier, and why.
#[derive(Debug)]
pub struct Request<'a> {
    /// The dossier's id.
    pub dossier: &'a str,
    /// The e-mail address of an administrator.
    pub by: &'a str,
    /// In words.
    pub reason: &'a str,
    /// The archivist's visa.
    pub visa: &'a str,
}

/// Erases a dossier of an archived call; says what went.
pub async fn erase_dossier(file: Option<&Path>, request: &Request<'_>) -> Outcome<()> {
    let id: DossierId =
        request.dossier.parse().map_err(|_| format!("« {} » n’est pas l’identifiant d’un dossier", request.dossier))?;
    let app = server::open_rows(&config::read(file)?).await?.now();
    let actor = accounts::find_actor(&app, request.by).await?;
    let actor = actor.ok_or_else(|| format!("aucun compte à l’adresse « {} »", request.by))?;
    let erased = erasures::erase_dossier(&app, Some(&actor), id, request.reason, request.visa).await;
    let erased = erased.map_err(|error| refusal(&error))?;
    println!("effacé : dossier {}", erased.number);
    for (table, rows) in &erased.rows {
        println!("  {table} : {rows}");
    }
    println!("Les fichiers quittent le stockage dans l’heure, par le service. L’acte et les empreintes restent.");
    Ok(())
}

fn refusal(error: &ami_services::Error) -> String {
    match error.code {
        "not-found" => "aucun dossier de cet identifiant, ou ce compte n’est pas celui d’un administrateur".into(),
        "not-now" => "l’appel de ce dossier n’est pas archivé : rien n’en est effacé avant".into(),
        "invalid" => "le motif et le visa sont nécessaires, de 4 000 caractères au plus".into(),
        _ => error.to_string(),
    }
}
