//! Whether this is the installation that the database was last used as, or a copy of it. A copy sends nothing until an operator
//! says so: its outbox holds what the original has sent meanwhile, to real people.

use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};

use ami_database::installation as rows;

use crate::{Arrival, Error, Result};

/// What an operator says about messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Outgoing {
    /// They leave, unless this is a copy.
    #[default]
    Watched,
    /// They leave: this is an installation of its own, whatever it was.
    Resumed,
    /// They stay.
    Held,
}

impl FromStr for Outgoing {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        match text {
            "" => Ok(Self::Watched),
            "resume" => Ok(Self::Resumed),
            "hold" => Ok(Self::Held),
            _ => Err(()),
        }
    }
}

/// What this process is run as.
#[derive(Debug, Default)]
pub struct Installation {
    fingerprint: String,
    outgoing: Outgoing,
    paused: AtomicBool,
}

impl Installation {
    /// A process whose data, machine and database have this fingerprint.
    pub const fn new(fingerprint: String, outgoing: Outgoing) -> Self {
        Self { fingerprint, outgoing, paused: AtomicBool::new(false) }
    }

    /// Whether no message leaves, as far as was last seen.
    pub fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }
}

/// At a server's start: a database that nobody uses becomes this installation's; one that somebody else uses only when the operator
/// says so.
pub async fn settle(app: &Arrival) -> Result<()> {
    let here = app.installation.fingerprint.clone();
    app.write(None, here, |work, here| {
        Box::pin(async move { Ok(rows::adopt(work.tx, work.id(), here, work.at()).await?) })
    })
    .await?;
    if app.installation.outgoing == Outgoing::Resumed {
        resume(app).await?;
    }
    if look(app).await? {
        let known = rows::fingerprint(app.database.read()).await?.unwrap_or_default();
        tracing::warn!(
            known,
            here = app.installation.fingerprint,
            "no message leaves: this is a copy of an installation, or was told to hold them; \
             `ami outbox resume` or AMI_OUTBOX=resume when they may"
        );
    }
    Ok(())
}

/// Looks whether messages may leave; `true` when not.
pub async fn look(app: &Arrival) -> Result<bool> {
    let installation = &app.installation;
    let paused = match installation.outgoing {
        Outgoing::Held => true,
        // One that no server used yet is nobody's copy.
        _ => rows::fingerprint(app.database.read()).await?.is_some_and(|known| known != installation.fingerprint),
    };
    installation.paused.store(paused, Ordering::Relaxed);
    Ok(paused)
}

/// Lets messages leave: what was a copy is an installation of its own from here on.
pub async fn resume(app: &Arrival) -> Result<()> {
    let here = app.installation.fingerprint.clone();
    app.write(None, here, |work, here| {
        Box::pin(async move {
            match rows::fingerprint(work.tx.read()).await? {
                Some(known) if known == *here => Ok(()),
                Some(_) => rows::take_over(work.tx, work.id(), here, work.at()).await.map_err(Error::from),
                None => rows::adopt(work.tx, work.id(), here, work.at()).await.map_err(Error::from),
            }
        })
    })
    .await
}
