//! What goes on beside the requests: acts are linked, readings kept, files removed that nobody names, the ends
//! of chains signed daily.

use std::time::Duration;

use ami_services::{App, access, evidence, journal, pieces};
use jiff::SignedDuration;
use tokio::time::MissedTickBehavior;

/// How often acts are linked.
const LINK: Duration = Duration::from_millis(250);
/// Readings are kept at every n-th time.
const KEEP: u32 = 20;
/// How old a signature may be.
const SIGN: SignedDuration = SignedDuration::from_hours(24);

/// Goes on until it is dropped.
pub(crate) async fn keep(app: App) {
    let mut every = tokio::time::interval(LINK);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut times: u32 = 0;
    loop {
        every.tick().await;
        if let Err(error) = journal::link(&app.now()).await {
            tracing::error!(%error, "acts cannot be linked");
        }
        if times.is_multiple_of(KEEP) {
            slower(&app).await;
        }
        times = times.wrapping_add(1);
    }
}

async fn slower(app: &App) {
    let now = app.now();
    if let Err(error) = access::keep_readings(&now).await {
        tracing::error!(%error, "readings cannot be kept");
    }
    if let Err(error) = pieces::sweep_objects(&now).await {
        tracing::error!(%error, "files that nobody names cannot be removed");
    }
    let signed = async {
        let last = evidence::last_signed(&now).await?;
        if last.is_some_and(|at| now.at.duration_since(at) < SIGN) {
            return Ok(());
        }
        evidence::sign_heads(&now).await
    };
    if let Err(error) = signed.await {
        tracing::error!(%error, "the ends of the journal cannot be signed");
    }
}

/// The last words before the end.
pub(crate) async fn finish(app: &App) {
    let now = app.now();
    let kept = access::keep_readings(&now).await.map(|_| ());
    for done in [kept, journal::link(&now).await.map(|_| ())] {
        if let Err(error) = done {
            tracing::error!(%error, "the last acts wait for the next start to be linked");
        }
    }
}
