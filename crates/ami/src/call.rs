//! `ami call …` and `ami officer add`: a call's file, beside a running server.

use std::path::{Path, PathBuf};

use ami_database::calls as rows;
use ami_domain::call::{Draft, Limits, Severity};
use ami_services::{App, officers};

use crate::config;
use crate::server::{self, Outcome};

async fn open(file: Option<&Path>) -> Outcome<App> {
    server::open_rows(&config::read(file)?).await
}

/// What is written of a call: its draft, or the version that counts.
async fn written(app: &App, code: &str) -> Outcome<Draft> {
    let conn = app.database.read();
    let call = rows::find_by_code(conn, code).await?.ok_or_else(|| format!("il n’y a pas d’appel {code}"))?;
    let draft = rows::find_draft(conn, call.id).await?.filter(|_| call.version == 0);
    Ok(draft.unwrap_or_else(|| Draft::of(&call.definition)))
}

fn read(path: &Path) -> Outcome<Draft> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{} : {e}", path.display()))?;
    Draft::from_toml(&text).map_err(|e| format!("{}, ligne {} : {}", path.display(), e.line, e.problem).into())
}

/// `ami call export`.
pub async fn export(file: Option<&Path>, code: &str) -> Outcome<()> {
    print!("{}", written(&open(file).await?, code).await?.to_toml());
    Ok(())
}

/// `ami call import`: in place of a draft.
pub async fn import(file: Option<&Path>, code: &str, path: &Path) -> Outcome<()> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{} : {e}", path.display()))?;
    // What is no TOML is said with its line before anything is opened.
    read(path)?;
    let app = open(file).await?;
    ami_services::writing::import_by_operator(&app.now(), code, &text).await.map_err(|e| sentence(&e))?;
    println!("Appel {code} remplacé par {}.", path.display());
    report(&app, &written(&app, code).await?)
}

/// `ami call diff`: what a file would change, line by line.
pub async fn diff(file: Option<&Path>, code: &str, path: &Path) -> Outcome<()> {
    let (new, app) = (read(path)?, open(file).await?);
    let (old, new) = (written(&app, code).await?.to_toml(), new.to_toml());
    for line in lines(&old, &new) {
        println!("{line}");
    }
    Ok(())
}

/// `ami call check`: of a file, or of a call.
pub async fn check(file: Option<&Path>, code: Option<&str>, path: Option<&PathBuf>) -> Outcome<()> {
    match (path, code) {
        (Some(path), _) => report_at(&read(path)?, ami_services::Clock::system().now()),
        (None, Some(code)) => {
            let app = open(file).await?;
            report(&app, &written(&app, code).await?)
        }
        (None, None) => Err("indiquez un fichier avec --file, ou le code d’un appel".into()),
    }
}

/// `ami officer add`.
pub async fn add_officer(file: Option<&Path>, email: &str, name: &str) -> Outcome<()> {
    let app = open(file).await?;
    officers::add_officer(&app.now(), email, name).await.map_err(|e| sentence(&e))?;
    println!("{email} peut créer des appels. Un courriel l’en prévient.");
    Ok(())
}

fn sentence(error: &ami_services::Error) -> String {
    let (code, args) = error.problems.first().map_or((error.code, &error.args), |p| (p.code.as_str(), &p.args));
    ami_views::message(&format!("error-{code}"), args).unwrap_or_else(|| error.to_string())
}

fn report(app: &App, draft: &Draft) -> Outcome<()> {
    report_at(draft, app.clock.now())
}

fn report_at(draft: &Draft, now: jiff::Timestamp) -> Outcome<()> {
    let problems = draft.check(&Limits::at(now)).problems;
    for problem in &problems {
        let severity = match problem.severity {
            Severity::Error => "à corriger",
            Severity::Warning => "à vérifier",
        };
        let key = format!("error-check-{}", problem.code);
        let detail = ami_views::message(&key, &problem.args).unwrap_or_else(|| problem.code.to_owned());
        println!("{severity} : {} : {detail}", problem.pointer);
    }
    match problems.iter().filter(|p| p.blocks()).count() {
        0 => {
            println!("Rien n’empêche de publier cet appel.");
            Ok(())
        }
        1 => Err("1 point à corriger avant de publier".into()),
        many => Err(format!("{many} points à corriger avant de publier").into()),
    }
}

/// Lines that one text has and the other has not, in order: `-` of the first, `+` of the second.
fn lines(old: &str, new: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    // Longest common subsequence, from the end.
    let mut common = vec![vec![0_u32; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] =
                if old[i] == new[j] { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut out) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j) = (i + 1, j + 1);
        } else if i < old.len() && (j == new.len() || common[i + 1][j] >= common[i][j + 1]) {
            out.push(format!("- {}", old[i]));
            i += 1;
        } else {
            out.push(format!("+ {}", new[j]));
            j += 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_difference_is_said_line_by_line() {
        assert_eq!(super::lines("a\nb\nc", "a\nx\nc\nd"), ["- b", "+ x", "+ d"]);
        assert!(super::lines("a\nb", "a\nb").is_empty());
    }
}
