//! Receipts that anyone can verify.

use ami_services::verification::{self, Verified};
use rocket::{Route, get, routes};

use super::Api;
use crate::answer::Answer;
use crate::guards::Arrived;

pub(super) fn routes() -> Vec<Route> {
    routes![verify]
}

/// Says whether a receipt is genuine, to anyone who holds its number (or the SHA-256 of its file, in its place), and nothing of what
/// was filed. `sha256` is that of the receipt's file.
#[utoipa::path(tag = "dossiers", security(()), params(("number" = String, Path)), responses((status = 200, body = Verified), (status = 404, body = crate::answer::ProblemBody)))]
#[get("/receipts/<number>/verify")]
async fn verify(app: &Arrived, number: &str) -> Api<Verified> {
    Ok(Answer::ok(verification::verify_receipt(app, number).await?))
}
