//! What the server does, in numbers, for Prometheus: on an address of its own, without anything about anybody.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use ami_services::{App, Error, installation, outbox};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use rocket::config::{Config, LogLevel};
use rocket::fairing::{Fairing, Info, Kind};
use rocket::http::{ContentType, Status};
use rocket::{Build, Data, Request, Response, Rocket, State, get, routes};

/// Seconds; a page should take tens of milliseconds, an upload may take minutes.
const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    method: &'static str,
    /// As declared, such as `/dossiers/<id>`: never an address with an id.
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: &'static str,
    route: String,
    status: &'static str,
}

/// The numbers. A clone counts into the same ones.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Numbers>);

#[derive(Debug)]
struct Numbers {
    registry: Registry,
    requests: Family<Answered, Counter>,
    durations: Family<Asked, Histogram, fn() -> Histogram>,
    uploaded: Counter,
    queries: Counter,
    waiting: Gauge,
    failed: Gauge,
    paused: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut numbers = Numbers {
            registry: Registry::with_prefix("ami"),
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            uploaded: Counter::default(),
            queries: Counter::default(),
            waiting: Gauge::default(),
            failed: Gauge::default(),
            paused: Gauge::default(),
        };
        let r = &mut numbers.registry;
        r.register("http_requests", "Requests answered", numbers.requests.clone());
        r.register("http_request_duration_seconds", "Time to the head of the answer", numbers.durations.clone());
        r.register("uploaded_bytes", "Bytes of the files that were accepted", numbers.uploaded.clone());
        r.register("database_queries", "Statements sent to the database", numbers.queries.clone());
        r.register("mails_waiting", "Messages that have not left yet", numbers.waiting.clone());
        r.register("mails_failed", "Messages that will not leave", numbers.failed.clone());
        r.register("outbox_paused", "1 when no message leaves: a copy, or held", numbers.paused.clone());
        Self(Arc::new(numbers))
    }
}

impl Metrics {
    /// The numbers now, in Prometheus' text.
    async fn text(&self, app: &App) -> Result<String, Error> {
        let numbers = &self.0;
        numbers.uploaded.inner().store(app.uploaded.load(Ordering::Relaxed), Ordering::Relaxed);
        numbers.queries.inner().store(app.database.queries(), Ordering::Relaxed);
        let now = app.now();
        let outbox = outbox::standing(&now).await?;
        numbers.waiting.set(outbox.waiting);
        numbers.failed.set(outbox.failed);
        numbers.paused.set(installation::look(&now).await?.into());
        let mut text = String::new();
        text::encode(&mut text, &numbers.registry).map_err(Error::internal)?;
        Ok(text)
    }
}

/// When a request came.
struct Came(Instant);

#[rocket::async_trait]
impl Fairing for Metrics {
    fn info(&self) -> Info {
        Info { name: "metrics", kind: Kind::Request | Kind::Response }
    }

    async fn on_request(&self, request: &mut Request<'_>, _: &mut Data<'_>) {
        request.local_cache(|| Came(Instant::now()));
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        let took = request.local_cache(|| Came(Instant::now())).0.elapsed().as_secs_f64();
        let method = request.method().as_str();
        let route = request.route().map_or_else(|| "none".to_owned(), |r| r.uri.path().to_owned());
        let status = match response.status().code {
            ..200 => "1xx",
            200..300 => "2xx",
            300..400 => "3xx",
            400..500 => "4xx",
            500.. => "5xx",
        };
        self.0.durations.get_or_create(&Asked { method, route: route.clone() }).observe(took);
        self.0.requests.get_or_create(&Answered { method, route, status }).inc();
    }
}

#[get("/metrics")]
async fn metrics(app: &State<App>, metrics: &State<Metrics>) -> Result<(ContentType, String), Status> {
    let text = metrics.text(app).await.map_err(|error| {
        tracing::error!(%error, "the metrics cannot be read");
        Status::ServiceUnavailable
    })?;
    let kind = ContentType::new("application", "openmetrics-text");
    Ok((kind.with_params([("version", "1.0.0"), ("charset", "utf-8")]), text))
}

/// The server of the numbers, ready to launch: for the machine's own scraper, it asks nobody who they are.
pub fn metrics_rocket(app: App, numbers: Metrics, listen: SocketAddr) -> Rocket<Build> {
    let config = Config {
        address: listen.ip(),
        port: listen.port(),
        log_level: LogLevel::Off,
        ident: rocket::config::Ident::none(),
        shutdown: crate::told_to_stop(2, 1),
        ..Config::default()
    };
    rocket::custom(config).manage(app).manage(numbers).mount("/", routes![metrics])
}
