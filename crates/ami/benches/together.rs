//! How long many at the same moment wait for their answers, on each database: `cargo bench --package ami --bench together`.
//!
//! Times are of this machine and this minute; what must hold whatever the machine is in `tests/together.rs`.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::time::{Duration, Instant};

use common::{World, databases};
use futures_util::future::join_all;
use serde_json::json;

fn line(what: &str, database: &str, mut times: Vec<Duration>, all: Duration) {
    times.sort();
    let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)].as_secs_f64() * 1000.0;
    println!(
        "{database:<9} {what:<34} p50 {:>7.1} ms   p99 {:>7.1} ms   longest {:>7.1} ms   {:>6.0} a second",
        at(50),
        at(99),
        at(100),
        f64::from(u32::try_from(times.len()).unwrap()) / all.as_secs_f64()
    );
}

#[rocket::main]
async fn main() {
    for database in databases() {
        let world = World::new(database).await;
        let (_, _, jurors) = world.marking(60).await;
        for many in [1, 16, 43, 60] {
            let mut times = Vec::new();
            let started = Instant::now();
            for round in 0..5 {
                let saves = jurors.iter().take(many).map(async |(juror, sheet)| {
                    let begun = Instant::now();
                    let body = json!({ "marks": { "A1": round, "A2": 4 } });
                    let got = world.patch_owned(juror, format!("/sheets/{sheet}"), body).await;
                    assert_eq!(got.status, 200);
                    begun.elapsed()
                });
                times.extend(join_all(saves).await);
            }
            line(&format!("{many} jurors save a mark at once"), database, times, started.elapsed());
        }
        world.end().await;
    }
}
