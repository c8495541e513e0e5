//! HTTP to the use cases and back: the JSON API under `/api/v1`, the pages, sign-in. Decides nothing.
//!
//! To add a route: one handler that reads the request, calls one function of `ami-services`, and turns its view into an answer;
//! its line in `tests/routes.rs` (every route has its case there); for the API, its `utoipa::path`.

mod answer;
mod guards;
mod json;
mod kept;
mod metrics;
mod pages;

pub use metrics::{Metrics, metrics_rocket};

use std::collections::HashSet;
use std::time::Duration;

use ami_services::App;
use rocket::config::{Config, LogLevel, Shutdown};
use rocket::data::{ByteUnit, Limits};
use rocket::fairing::AdHoc;
use rocket::http::{Header, Method};
use rocket::{Build, Rocket, uri};

/// Where and how to listen.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// The address.
    pub address: std::net::IpAddr,
    /// The port.
    pub port: u16,
}

/// Seconds for what is under way when the server stops. Signals are left to whoever launches it, which tells it in the task that
/// polls it: told by another task while it accepts a connection, it would return without waiting for anything.
fn told_to_stop(grace: u32, mercy: u32) -> Shutdown {
    Shutdown { grace, mercy, ctrlc: false, signals: HashSet::new(), ..Shutdown::default() }
}

/// The server, ready to launch.
pub fn rocket(app: App, settings: HttpSettings) -> Rocket<Build> {
    let config = Config {
        address: settings.address,
        port: settings.port,
        log_level: LogLevel::Off,
        limits: Limits::default().limit("form", ByteUnit::Mebibyte(2)),
        ident: rocket::config::Ident::none(),
        shutdown: told_to_stop(20, 5),
        ..Config::default()
    };
    rocket::custom(config)
        .manage(app)
        .manage(kept::Kept::default())
        .manage(settings)
        .mount("/api/v1", json::routes())
        .mount("/", pages::routes())
        .register("/", pages::catchers())
        .register("/api", json::catchers())
        // Idle connections close in this moment. Rocket looks once whether one is open, and else waits for the whole grace.
        .attach(AdHoc::on_shutdown("idle connections", |_| Box::pin(tokio::time::sleep(Duration::from_millis(200)))))
        .attach(AdHoc::on_request("arrival", |request, _| {
            Box::pin(async move {
                guards::Arrived::of(request);
                if let Some(error) = guards::fault_of_head(request) {
                    let api = request.uri().path().starts_with("/api/");
                    guards::keep_refusal(request, error);
                    // Nothing is there, so that no handler runs; the catcher answers what was kept.
                    request.set_uri(if api { uri!("/api/refused") } else { uri!("/refused") });
                }
            })
        }))
        .attach(AdHoc::on_response("security headers", |request, response| {
            Box::pin(async move {
                let arrived = guards::Arrived::of(request);
                // Browsers send parts of files to the storage themselves, where they reach it.
                let storage = arrived.and_then(|app| app.storage.browser_origin()).unwrap_or_default();
                let policy = format!(
                    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                     connect-src 'self' {storage}; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; \
                     frame-src 'self'; object-src 'none'"
                )
                .replace(" ;", ";");
                if response.headers().get_one("Content-Security-Policy").is_none() {
                    response.set_header(Header::new("Content-Security-Policy", policy));
                }
                response.set_header(Header::new("X-Content-Type-Options", "nosniff"));
                response.set_header(Header::new("Referrer-Policy", "same-origin"));
                response.set_header(Header::new("Cross-Origin-Opener-Policy", "same-origin"));
                response.set_header(Header::new("Cross-Origin-Resource-Policy", "same-origin"));
                if arrived.is_some_and(|app| app.settings.is_secure()) {
                    response.set_header(Header::new("Strict-Transport-Security", "max-age=31536000"));
                }
                if response.headers().get_one("Cache-Control").is_none() {
                    response.set_header(Header::new("Cache-Control", "no-store"));
                }
                if is_sign_out(request) && response.status().code < 400 {
                    response.set_header(Header::new("Clear-Site-Data", "\"cache\""));
                }
                kept::compress(request, response).await;
            })
        }))
}

/// Whether somebody signs out: nothing that they have read stays in their browser.
fn is_sign_out(request: &rocket::Request<'_>) -> bool {
    matches!(
        (request.method(), request.uri().path().as_str()),
        (Method::Post, "/deconnexion") | (Method::Delete, "/api/v1/session")
    )
}

/// The description of the API, OpenAPI 3.1.
pub fn openapi() -> String {
    json::openapi_text()
}
