//! The numbers for Prometheus: counted by route, with nothing about anybody, and on no address of the public server.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use ami_api::{HttpSettings, Metrics, metrics_rocket};
use common::World;
use rocket::local::asynchronous::Client;

#[rocket::async_test]
async fn requests_are_counted_by_route_and_nobody_is_named() {
    let world = World::new("sqlite").await;
    world.set_clock("2027-02-01T09:00:00Z");
    world.published().await;
    let (person, organisation, data) = world.applicant(1).await;
    let dossier = world.complete_draft(&person, &organisation, &data, "ALI-01").await;

    let metrics = Metrics::default();
    let http = HttpSettings { address: [127, 0, 0, 1].into(), port: 0 };
    let server = Client::untracked(ami_api::rocket(world.app.clone(), http).attach(metrics.clone())).await.unwrap();
    for _ in 0..2 {
        server.get(format!("/api/v1/dossiers/{dossier}")).dispatch().await;
    }
    server.get("/api/v1/calls").dispatch().await;
    server.get(format!("/rien/{dossier}?email=ada@exemple.fr")).dispatch().await;
    assert_eq!(server.get("/metrics").dispatch().await.status().code, 404);

    let listen = "127.0.0.1:0".parse().unwrap();
    let numbers = Client::untracked(metrics_rocket(world.app.clone(), metrics, listen)).await.unwrap();
    let answer = numbers.get("/metrics").dispatch().await;
    assert!(answer.content_type().unwrap().to_string().starts_with("application/openmetrics-text"));
    let text = answer.into_string().await.unwrap();
    let value = |name: &str| -> f64 {
        let line = text.lines().find(|l| l.starts_with(name)).unwrap_or_else(|| panic!("{name} in {text}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    let asked = "method=\"GET\",route=\"/api/v1/dossiers/<id>\"";
    assert!((value(&format!("ami_http_requests_total{{{asked},status=\"4xx\"}}")) - 2.0).abs() < f64::EPSILON);
    assert!((value(&format!("ami_http_request_duration_seconds_count{{{asked}}}")) - 2.0).abs() < f64::EPSILON);
    assert!(value("ami_http_requests_total{method=\"GET\",route=\"/api/v1/calls\",status=\"2xx\"}") > 0.0);
    assert!(value("ami_uploaded_bytes_total") > 1000.0);
    assert!(value("ami_database_queries_total") > 50.0);
    assert!(value("ami_mails_waiting") >= 0.0);
    assert!(text.ends_with("# EOF\n"));
    for nobodys in [dossier.as_str(), "ada", "exemple", "rien"] {
        assert!(!text.contains(nobodys), "{nobodys} in {text}");
    }
    drop((server, numbers));
    world.end().await;
}
