//! Many passwords at once: hashing takes a bounded memory, which it uses again. Alone in its process, whose memory it looks at.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Got, PASSWORD, World};
use futures_util::future::join_all;
use rocket::http::Method;
use serde_json::json;

/// What the process holds of the machine's memory, in MB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

#[rocket::async_test]
async fn five_hundred_passwords_at_once_fill_a_bounded_memory() {
    let world = World::new("sqlite").await;
    world.person("ada", false).await;
    let cores = u64::try_from(std::thread::available_parallelism().unwrap().get()).unwrap();
    let sign_in = async |name: String, password: &str| -> Got {
        let body = json!({ "email": format!("{name}@demonstration.example"), "password": password });
        world.send(None, Method::Post, "/api/v1/session", Some(body)).await
    };
    let before = resident();
    for flood in 0..2 {
        let got = join_all((0..500).map(|n| sign_in(format!("n{flood}-{n}"), "faux"))).await;
        let busy = got.iter().filter(|g| g.status == 503).count();
        println!("500 at once: {before} MB before, {} MB after, {busy} told to come back", resident());
        assert!(got.iter().all(|g| g.status == 401 || g.problem() == (503, "busy".into())));
        assert!(busy < 500 && resident() < before + cores * 20 + 100, "{before} MB before, {} MB after", resident());
        // It takes sign-ins again at once.
        sign_in("ada".into(), PASSWORD).await.ok();
    }
    let after = resident();
    for _ in 0..100 {
        sign_in("ada".into(), PASSWORD).await.ok();
    }
    println!("100 one after the other: {after} MB before, {} MB after", resident());
    assert!(resident() < after + 20);
    world.end().await;
}
