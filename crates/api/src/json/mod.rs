//! The JSON API.

mod accounts;
mod calls;
mod dossiers;
mod jury;
mod rankings;

use ami_services::{Error, Kind};
use rocket::http::{ContentType, Status};
use rocket::request::Request;
use rocket::{Catcher, Route, catch, catchers, get, routes};
use utoipa::OpenApi;

use crate::answer::{Answer, ApiError, ProblemBody};
use crate::guards::Refusal;

type Api<T> = Result<Answer<T>, ApiError>;

#[derive(OpenApi)]
#[openapi(
    info(title = "ami", description = "Appels à manifestation d'intérêt : dossiers, jury, classements, décisions."),
    servers((url = "/api/v1")),
    paths(
        accounts::sign_in, accounts::refresh, accounts::sign_out, accounts::me, accounts::sign_up, accounts::confirm,
        accounts::renew_link, accounts::request_reset, accounts::choose_password, accounts::change_me,
        accounts::change_password, accounts::change_email, accounts::invitations, accounts::accept_invitation,
        accounts::decline_invitation, accounts::request_to_join, accounts::create_organisation, accounts::show_organisation,
        accounts::update_organisation, accounts::members, accounts::invite_member, accounts::remove_member,
        calls::list, calls::show, calls::create, calls::advance, calls::counts, calls::filed,
        dossiers::create, dossiers::mine, dossiers::show, dossiers::save_answers, dossiers::put_piece, dossiers::delete_piece,
        dossiers::piece_content, dossiers::deposit, dossiers::begin_change, dossiers::drop_change, dossiers::withdraw, dossiers::receipt,
        dossiers::receipt_pdf, dossiers::examine,
        jury::seats, jury::invite, jury::assignments, jury::assign, jury::declaration, jury::declare, jury::recuse,
        jury::assign_many, jury::propose, jury::apply,
        jury::sheets, jury::call_sheets, jury::show_sheet, jury::write_sheet, jury::preview_lock, jury::lock_sheet,
        jury::ask_reopening, jury::reopen_sheet,
        rankings::compute, rankings::list, rankings::show, rankings::pdf, rankings::figure, rankings::decide,
        rankings::decision, rankings::confirm, rankings::decisions, rankings::csv, rankings::xlsx,
    ),
    components(schemas(ProblemBody)),
)]
struct Description;

/// The description, each operation named after its method and path: function names of several modules are the same.
pub(crate) fn openapi_text() -> String {
    let mut description = Description::openapi();
    for (path, item) in &mut description.paths.paths {
        let methods = [
            ("get", &mut item.get),
            ("put", &mut item.put),
            ("post", &mut item.post),
            ("delete", &mut item.delete),
            ("patch", &mut item.patch),
        ];
        for (method, operation) in methods {
            if let Some(operation) = operation {
                operation.operation_id = Some(operation_id(method, path));
            }
        }
    }
    description.to_pretty_json().unwrap_or_default()
}

/// `get-rankings-id-lots-lot-figure`.
pub(crate) fn operation_id(method: &str, path: &str) -> String {
    format!("{method}{path}").replace(['{', '}'], "").replace(['/', '.'], "-")
}

pub(crate) fn routes() -> Vec<Route> {
    let mut all = routes![openapi];
    all.extend(accounts::routes());
    all.extend(calls::routes());
    all.extend(dossiers::routes());
    all.extend(jury::routes());
    all.extend(rankings::routes());
    all
}

#[get("/openapi.json")]
fn openapi() -> (ContentType, String) {
    (ContentType::JSON, openapi_text())
}

pub(crate) fn catchers() -> Vec<Catcher> {
    catchers![refused]
}

/// What a guard refused, what no route takes, what broke: always a problem.
#[catch(default)]
fn refused(status: Status, request: &Request<'_>) -> ApiError {
    ApiError(refusal(status, request))
}

/// The error behind a caught status.
pub(crate) fn refusal(status: Status, request: &Request<'_>) -> Error {
    let kept = request.local_cache(|| Refusal(std::sync::Mutex::new(None)));
    if let Some(error) = kept.0.lock().ok().and_then(|mut slot| slot.take()) {
        return error;
    }
    match status.code {
        401 => Error::new(Kind::SignInFirst, "sign-in-first"),
        403 => Error::new(Kind::Forbidden, "not-yours"),
        413 => Error::new(Kind::TooLarge, "body-too-large").with("max", ami_views::size(2 * 1024 * 1024)),
        400 | 415 => Error::new(Kind::Invalid, "bad-request"),
        503 => Error::new(Kind::Unavailable, "unavailable"),
        500..=599 => Error::internal(format!("caught {status}")),
        _ => Error::not_found(),
    }
}
