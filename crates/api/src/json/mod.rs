//! The JSON API.

mod accounts;
mod calls;
mod deliberations;
mod description;
mod dossiers;
mod exports;
mod forms;
mod jury;
mod letters;
mod officers;
mod questions;
mod rankings;
mod receipts;
mod uploads;
mod writing;

use ami_services::{Error, Kind};
use rocket::http::{ContentType, Status};
use rocket::request::Request;
use rocket::{Catcher, Route, catch, catchers, get, routes};
use utoipa::OpenApi;

use crate::answer::{Answer, ApiError, ProblemBody};
use crate::guards::{self, Refusal};

pub(crate) use description::operation_id;

pub(crate) use writing::Toml;

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
        writing::export, writing::import, writing::check, writing::publish, writing::correct,
        officers::named, officers::name, officers::unname, officers::officers, officers::invite, officers::change_role,
        officers::remove, officers::invitations, officers::accept, officers::decline,
        dossiers::create, dossiers::mine, dossiers::show, dossiers::save_answers, dossiers::put_piece, dossiers::delete_piece,
        dossiers::piece_content, dossiers::deposit, dossiers::begin_change, dossiers::drop_change, dossiers::withdraw, dossiers::receipt,
        dossiers::receipt_pdf, dossiers::examine, dossiers::discard, dossiers::restore, dossiers::dossier_pdf, forms::form,
        jury::seats, jury::invite, jury::assignments, jury::assign, jury::declaration, jury::declare, jury::recuse,
        jury::assign_many, jury::propose, jury::apply,
        jury::sheets, jury::call_sheets, jury::show_sheet, jury::write_sheet, jury::preview_lock, jury::lock_sheet,
        jury::ask_reopening, jury::reopen_sheet,
        exports::ask, exports::show, exports::file,
        rankings::allocation, rankings::simulate,
        rankings::compute, rankings::list, rankings::show, rankings::pdf, rankings::figure, rankings::decide,
        rankings::decision, rankings::confirm, rankings::decisions, rankings::csv, rankings::xlsx,
        deliberations::gather, deliberations::list, deliberations::show, deliberations::executory, deliberations::correct,
        deliberations::acts, deliberations::annex, deliberations::annex_pdf,
        letters::write, letters::of_deliberation, letters::notify, letters::write_some, letters::of_call, letters::show,
        letters::correct, letters::approve, letters::pdf, letters::deliver, letters::signatories, letters::add_signatory,
        letters::end_signatory, letters::own, letters::choose, letters::explanation, letters::explanation_pdf,
        questions::ask, questions::published, questions::own, questions::asked, questions::answer,
        receipts::verify, uploads::begin, uploads::part, uploads::show, uploads::complete,
    ),
    components(schemas(ProblemBody)),
)]
struct Description;

/// The description as it is given out: what the handlers say, completed.
pub(crate) fn openapi_text() -> String {
    let said = serde_json::to_value(Description::openapi()).unwrap_or_default();
    serde_json::to_string_pretty(&description::complete(said)).unwrap_or_default()
}

pub(crate) fn routes() -> Vec<Route> {
    let mut all = routes![openapi];
    all.extend(accounts::routes());
    all.extend(calls::routes());
    all.extend(deliberations::routes());
    all.extend(dossiers::routes());
    all.extend(exports::routes());
    all.extend(forms::routes());
    all.extend(jury::routes());
    all.extend(officers::routes());
    all.extend(writing::routes());
    all.extend(letters::routes());
    all.extend(questions::routes());
    all.extend(rankings::routes());
    all.extend(receipts::routes());
    all.extend(uploads::routes());
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
        400 => Error::new(Kind::Malformed, "bad-request"),
        415 => Error::new(Kind::Invalid, "bad-request"),
        503 => Error::new(Kind::Unavailable, "unavailable"),
        500..=599 => Error::internal(format!("caught {status}")),
        // Where a handler stood but took no such id, the address is not that of anything.
        404 if request.route().is_none() && !guards::methods_at(request).is_empty() => {
            Error::new(Kind::WrongMethod, "wrong-method")
        }
        _ => Error::not_found(),
    }
}
