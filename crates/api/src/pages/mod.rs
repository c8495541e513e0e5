//! The pages.

use ami_services::App;
use rocket::http::{ContentType, Status};
use rocket::request::Request;
use rocket::{Catcher, Route, State, catch, catchers, get, routes};

pub(crate) fn routes() -> Vec<Route> {
    routes![alive, ready, jwks]
}

pub(crate) fn catchers() -> Vec<Catcher> {
    catchers![refused]
}

#[catch(default)]
fn refused(status: Status, request: &Request<'_>) -> (Status, String) {
    let error = crate::json::refusal(status, request);
    (crate::answer::status(error.kind), crate::answer::sentence(error.code, &error.args))
}

#[get("/healthz")]
const fn alive() -> &'static str {
    "ok"
}

#[get("/readyz")]
async fn ready(app: &State<App>) -> (Status, &'static str) {
    let (database, storage) = (app.database.ready().await, app.storage.ready().await);
    if database.is_ok() && storage.is_ok() { (Status::Ok, "ok") } else { (Status::ServiceUnavailable, "not ready") }
}

#[get("/.well-known/jwks.json")]
fn jwks(app: &State<App>) -> (ContentType, String) {
    (ContentType::JSON, app.keys.jwks().to_string())
}
