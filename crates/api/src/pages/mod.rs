//! The pages: rendered on the server, whole without JavaScript. Each handler calls one use case and fills one template.

mod account;
mod allocation;
mod api;
mod applicant;
mod assignments;
mod deliberations;
mod exports;
mod forms;
mod jury;
mod letters;
mod officer;
mod officers;
mod parts;
mod public;
mod questions;
mod reading;
mod receipts;
mod sections;
mod sheet;
mod writing;

use ami_services::verification::key_set;
use ami_services::{Arrival, Error, Kind};
use rocket::http::{ContentType, Cookie, CookieJar, Header, Status};
use rocket::request::{FromRequest, Outcome, Request};
use rocket::response::{self, Redirect, Responder, Response};
use rocket::{Catcher, Route, catch, catchers, get, routes};
use serde::Serialize;
use serde_json::{Value, json};

use crate::answer::ApiError;
use crate::guards::{Arrived, Who};
use crate::kept::{Given, Kept, Made};

/// A note for the next page.
const FLASH: &str = "ami_note";

pub(crate) fn routes() -> Vec<Route> {
    let mut all = routes![alive, ready, jwks, asset];
    all.extend(public::routes());
    all.extend(account::routes());
    all.extend(api::routes());
    all.extend(applicant::routes());
    all.extend(sections::routes());
    all.extend(questions::routes());
    all.extend(reading::routes());
    all.extend(receipts::routes());
    all.extend(deliberations::routes());
    all.extend(exports::routes());
    all.extend(jury::routes());
    all.extend(letters::routes());
    all.extend(sheet::routes());
    all.extend(officer::routes());
    all.extend(allocation::routes());
    all.extend(assignments::routes());
    all.extend(officers::routes());
    all.extend(writing::routes());
    all.extend(parts::routes());
    all
}

pub(crate) fn catchers() -> Vec<Catcher> {
    catchers![refused]
}

/// What every page shows around its own matter.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Chrome {
    name: Option<String>,
    nav: Vec<(&'static str, String)>,
    flash: Option<String>,
    /// Said to those who run the service or a call.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    outbox_paused: bool,
    demonstration: bool,
    path: String,
    /// Not on pages that are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    now: Option<String>,
}

/// A page that shows nothing around its matter but what everybody sees.
#[derive(Serialize)]
struct Framed<'a, Body: Serialize> {
    chrome: &'a Chrome,
    #[serde(flatten)]
    body: &'a Body,
}

/// Everything a page handler needs: the application, who asks, what is around the page.
pub(crate) struct Ctx<'r> {
    pub(crate) app: &'r Arrival,
    pub(crate) who: Who,
    chrome: Chrome,
    kept: &'r Kept,
    autosave: bool,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Ctx<'r> {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let who = match request.guard::<Who>().await {
            Outcome::Success(who) => who,
            Outcome::Error((status, _)) => return Outcome::Error((status, ())),
            Outcome::Forward(status) => return Outcome::Forward(status),
        };
        let (Some(app), Some(kept)) = (Arrived::of(request), request.rocket().state::<Kept>()) else {
            return Outcome::Error((Status::InternalServerError, ()));
        };
        // Anybody's form may be sent by another site; signing in is one of them.
        if request.method() == rocket::http::Method::Post && !crate::guards::same_origin(request) {
            crate::guards::keep_refusal(request, Error::new(Kind::Forbidden, "origin"));
            return Outcome::Error((Status::Forbidden, ()));
        }
        let cookies = request.cookies();
        let flash = cookies.get(FLASH).map(|c| c.value().to_owned());
        if flash.is_some() {
            cookies.remove(Cookie::build(FLASH).path("/"));
        }
        let flash = flash.and_then(|key| ami_views::message(&format!("note-{key}"), &[]));
        let chrome = chrome(app, &who, request.uri().path().as_str(), flash);
        let autosave = request.headers().contains("X-Autosave");
        Outcome::Success(Self { app, who, chrome, kept, autosave })
    }
}

fn chrome(app: &Arrival, who: &Who, path: &str, flash: Option<String>) -> Chrome {
    let mut nav = Vec::new();
    if let Some(signed) = &who.0 {
        nav.push(("Mon espace", "/espace".to_owned()));
        if !signed.actor.seats.is_empty() {
            nav.push(("Mes dossiers à noter", "/jury".to_owned()));
        }
        if signed.actor.officer || !signed.actor.officer_of.is_empty() {
            nav.push(("Mes appels", "/gestion".to_owned()));
        }
        if signed.actor.administrator {
            nav.push(("Agents", "/administration/agents".to_owned()));
        }
    }
    Chrome {
        name: who.0.as_ref().map(|s| s.account.name.clone()),
        nav,
        flash,
        outbox_paused: app.installation.is_paused()
            && who.0.as_ref().is_some_and(|s| s.actor.administrator || !s.actor.officer_of.is_empty()),
        demonstration: app.settings.demonstration,
        path: path.to_owned(),
        now: Some(ami_views::date_time(app.at)),
    }
}

impl Chrome {
    /// What is around a page that is shown to nobody in particular.
    fn nobodys(&self) -> Self {
        let Self { demonstration, path, .. } = self.clone();
        Self { name: None, nav: vec![], flash: None, outbox_paused: false, demonstration, path, now: None }
    }
}

/// A page's answer, or an error as a page.
pub(crate) type Html = Result<PageAnswer, PageError>;

/// What a page handler gives.
pub(crate) enum PageAnswer {
    Page(Status, String),
    Redirect(Box<Redirect>),
    Json(Status, Value),
    Kept(Box<Given>),
}

impl<'r> Responder<'r, 'static> for PageAnswer {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        match self {
            Self::Page(status, html) => (status, (ContentType::HTML, html)).respond_to(request),
            Self::Redirect(to) => (*to).respond_to(request),
            Self::Kept(given) => (*given).respond_to(request),
            Self::Json(status, value) => (status, (ContentType::JSON, value.to_string())).respond_to(request),
        }
    }
}

/// An error, to be shown as a page or, to a page's own script, as JSON.
pub(crate) struct PageError(pub(crate) Error);

impl<E: Into<Error>> From<E> for PageError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl<'r> Responder<'r, 'static> for PageError {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        error_page(&self.0, request)
    }
}

fn error_page(error: &Error, request: &Request<'_>) -> response::Result<'static> {
    let problem = crate::answer::problem_of(error, request);
    let status = crate::answer::status(error.kind);
    if request.headers().contains("X-Autosave") {
        let body = json!({ "detail": problem.detail });
        return (status, (ContentType::JSON, body.to_string())).respond_to(request);
    }
    if error.kind == Kind::SignInFirst && request.method() == rocket::http::Method::Get {
        let back = request.uri().to_string();
        let to = format!("/connexion?vers={}", rocket::http::RawStr::new(&back).percent_encode());
        return Redirect::to(to).respond_to(request);
    }
    let Some(app) = Arrived::of(request) else { return Err(Status::InternalServerError) };
    // Whoever was recognised before the error stays so on its page.
    let who = request.local_cache(|| crate::guards::Known::Ok(Who(None)));
    let chrome = chrome(app, who.as_ref().unwrap_or(&Who(None)), request.uri().path().as_str(), None);
    let context = json!({ "chrome": chrome, "problem": problem });
    match app.views.page("pages/error.html", &context) {
        Ok(html) => {
            let answer = (status, (ContentType::HTML, html)).respond_to(request)?;
            Ok(crate::answer::with_hints(error, request, answer))
        }
        Err(error) => {
            tracing::error!(%error, "the error page failed");
            Err(Status::InternalServerError)
        }
    }
}

impl Ctx<'_> {
    /// Renders a page: what it shows is a struct, whose fields stand beside what surrounds every page.
    pub(crate) fn page(&self, template: &str, body: &impl Serialize) -> Html {
        self.page_with(Status::Ok, template, body)
    }

    /// Renders a page with a status.
    pub(crate) fn page_with(&self, status: Status, template: &str, body: &impl Serialize) -> Html {
        let html = self.app.views.page(&format!("pages/{template}.html"), &Framed { chrome: &self.chrome, body })?;
        Ok(PageAnswer::Page(status, html))
    }

    /// The same for a long page, away from the threads that answer requests.
    pub(crate) async fn long_page(
        &self,
        status: Status,
        template: &'static str,
        body: impl Serialize + Send + 'static,
    ) -> Html {
        let (views, chrome) = (std::sync::Arc::clone(&self.app.views), self.chrome.clone());
        let render = move || {
            let context = Framed { chrome: &chrome, body: &body };
            Ok(views.page(&format!("pages/{template}.html"), &context)?)
        };
        Ok(PageAnswer::Page(status, self.app.cores.run(render).await?))
    }

    /// Whether nobody is signed in and nothing is to be told: what such a visitor reads every other one reads.
    pub(crate) fn is_visitor(&self) -> bool {
        self.who.0.is_none() && self.chrome.flash.is_none()
    }

    /// A page whose middle is kept under a name that says all that it is made of. That this reader may see it was asked before,
    /// and nothing of them is in it: they are in the frame, which is made each time.
    pub(crate) async fn kept_page<T, L, M, B>(&self, name: String, template: &'static str, load: L, body: M) -> Html
    where
        T: Send + 'static,
        L: Future<Output = Result<T, Error>>,
        M: FnOnce(T) -> Result<B, Error> + Send + 'static,
        B: Serialize,
    {
        let (views, nobody) = (std::sync::Arc::clone(&self.app.views), self.chrome.nobodys());
        let render = move |loaded| {
            let context = Framed { chrome: &nobody, body: &body(loaded)? };
            let middle = views.middle(&format!("pages/{template}.html"), &context)?;
            Ok(Made::new(middle.title, &middle.body))
        };
        let made = self.kept.get(&self.app.cores, format!("{template} {name}"), load, render).await?;
        let chrome = Chrome { now: None, ..self.chrome.clone() };
        let (before, after) = self.app.views.frame(&made.title, &Framed { chrome: &chrome, body: &() })?;
        let (kind, public) = (ContentType::HTML, self.is_visitor());
        let given = Given { made, before, after, kind, public };
        Ok(PageAnswer::Kept(Box::new(given)))
    }

    /// Goes on to another page, with a note there.
    #[expect(clippy::unnecessary_wraps, reason = "the last word of a handler, beside `page`")]
    pub(crate) fn go(&self, cookies: &CookieJar<'_>, to: String, note: Option<&'static str>) -> Html {
        if let Some(note) = note {
            let secure = self.app.settings.is_secure();
            let flash = Cookie::build((FLASH, note)).path("/").http_only(true).secure(secure);
            cookies.add(flash.same_site(rocket::http::SameSite::Lax));
        }
        Ok(PageAnswer::Redirect(Box::new(Redirect::to(to))))
    }
}

/// The errors of a form for its page: anchors, labels and sentences.
pub(crate) fn listed(error: &Error) -> Value {
    let problem = crate::answer::problem(error);
    if problem.errors.is_empty() {
        return json!([{ "anchor": "", "label": "", "detail": problem.detail }]);
    }
    problem
        .errors
        .iter()
        .map(|e| {
            let anchor = e.pointer.trim_start_matches('/').replace('/', ".");
            json!({ "anchor": anchor, "label": "Voir", "detail": e.detail })
        })
        .collect()
}

/// Items on a page of a list.
pub(crate) const PAGE: usize = 100;

/// Where page `number` stands among those of a list of `total` items, with the addresses of its neighbours; filters are kept.
pub(crate) fn pager(path: &str, filters: &[(&str, &str)], number: usize, total: usize) -> Value {
    let count = total.div_ceil(PAGE).max(1);
    let query: String = filters
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}={}&", rocket::http::RawStr::new(value).percent_encode()))
        .collect::<Vec<_>>()
        .concat();
    let to = |page: usize| (1..=count).contains(&page).then(|| format!("{path}?{query}page={page}"));
    let previous = if number > count { to(count) } else { to(number.saturating_sub(1)) };
    json!({ "number": number, "count": count, "total": total, "previous": previous, "next": to(number.saturating_add(1)) })
}

/// Whether an error is one that the form's own page shows.
pub(crate) const fn is_of_form(error: &Error) -> bool {
    matches!(error.kind, Kind::Invalid | Kind::Conflict | Kind::Stale | Kind::TooLarge | Kind::UnsupportedType)
}

#[catch(default)]
async fn refused(status: Status, request: &Request<'_>) -> PageError {
    let error = crate::json::refusal(status, request);
    if matches!(error.kind, Kind::NotFound | Kind::WrongMethod) {
        // No handler has asked: whoever mistypes an address is not signed out for that.
        let _ = request.guard::<Who>().await;
    }
    PageError(error)
}

#[get("/healthz")]
const fn alive() -> &'static str {
    "ok"
}

#[get("/readyz")]
async fn ready(app: &Arrived) -> (Status, &'static str) {
    let (database, storage) = (app.database.ready(app.at).await, app.storage.ready().await);
    if database.is_ok() && storage.is_ok() { (Status::Ok, "ok") } else { (Status::ServiceUnavailable, "not ready") }
}

#[get("/.well-known/jwks.json")]
async fn jwks(app: &Arrived) -> Result<(ContentType, String), ApiError> {
    Ok((ContentType::JSON, key_set(app).await?.to_string()))
}

/// A static file; its address changes with its contents.
struct Static(&'static ami_views::Asset);

impl<'r> Responder<'r, 'static> for Static {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        Response::build()
            .header(Header::new("Content-Type", self.0.content_type))
            .header(Header::new("Cache-Control", "public, max-age=31536000, immutable"))
            .sized_body(self.0.text.len(), std::io::Cursor::new(self.0.text))
            .ok()
    }
}

#[get("/static/<path>")]
fn asset(path: &str) -> Option<Static> {
    ami_views::asset(path).map(Static)
}
