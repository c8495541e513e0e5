//! `ami outbox`: what an operator sees of messages, and does about them, beside a running server.

use std::path::Path;

use ami_services::{App, installation, outbox};

use crate::config;
use crate::server::{Outcome, open_rows};

async fn app(file: Option<&Path>) -> Outcome<App> {
    open_rows(&config::read(file)?).await
}

/// `ami outbox status`.
pub async fn status(file: Option<&Path>) -> Outcome<()> {
    let now = app(file).await?.now();
    let standing = outbox::standing(&now).await?;
    if installation::look(&now).await? {
        println!("Aucun courriel ne part : installation copiée ou restaurée, ou AMI_OUTBOX=hold.");
        println!("S'ils doivent partir d'ici : ami outbox resume.");
    } else {
        println!("Les courriels partent.");
    }
    println!("En attente : {}. Refusés : {}.", standing.waiting, standing.failed);
    for mail in outbox::list_refused(&now).await? {
        println!("  {} {} « {} » : {}", mail.at, mail.to, mail.subject, mail.error);
    }
    Ok(())
}

/// `ami outbox resume`.
pub async fn resume(file: Option<&Path>) -> Outcome<()> {
    let now = app(file).await?.now();
    installation::resume(&now).await?;
    let waiting = outbox::standing(&now).await?.waiting;
    println!("Les courriels partent de cette installation ; en attente : {waiting}.");
    if installation::look(&now).await? {
        println!("AMI_OUTBOX=hold les retient encore : retirez ce réglage et relancez le serveur.");
    }
    Ok(())
}

/// `ami outbox retry`.
pub async fn retry(file: Option<&Path>) -> Outcome<()> {
    let now = app(file).await?.now();
    println!("Courriels remis en route : {}.", outbox::retry_refused(&now).await?);
    Ok(())
}
