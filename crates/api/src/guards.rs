//! Who asks, under which condition, with what body.

use std::net::IpAddr;
use std::ops::Deref;

use ami_services::accounts::{self, Signed, SignedIn};
use ami_services::attempts::Asker;
use ami_services::dossiers::Seen;
use ami_services::part::{self, Begin, Part};
use ami_services::{Actor, App, Arrival, Error, Kind, Problem};
use rocket::data::{ByteUnit, Data, FromData};
use rocket::http::{Cookie, CookieJar, Method, SameSite, Status};
use rocket::outcome::Outcome as AnyOutcome;
use rocket::request::{FromParam, FromRequest, Outcome, Request};
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt as _, copy, sink};
use uuid::Uuid;

use crate::HttpSettings;

/// The access token in browsers.
const ACCESS: &str = "ami_access";
/// The refresh token in browsers.
const REFRESH: &str = "ami_refresh";
/// What a browser is known by that has signed in before.
const BROWSER: &str = "ami_browser";
/// Largest JSON body.
const JSON_LIMIT: u64 = 1024 * 1024;
/// Most that is read, and dropped, of a body that is refused.
const DROPPED: ByteUnit = ByteUnit::Mebibyte(64);

/// The application at the instant at which the request's head was read: the instant that counts for all that it does.
#[derive(Debug)]
pub(crate) struct Arrived(Arrival);

impl Deref for Arrived {
    type Target = Arrival;

    fn deref(&self) -> &Arrival {
        &self.0
    }
}

impl Arrived {
    /// Reads the clock when it is first asked for a request; [`crate::rocket`] asks as soon as there is one.
    pub(crate) fn of<'r>(request: &'r Request<'_>) -> Option<&'r Self> {
        let app = request.rocket().state::<App>()?;
        Some(request.local_cache(|| Self(app.now())))
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for &'r Arrived {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match Arrived::of(request) {
            Some(arrived) => Outcome::Success(arrived),
            None => Outcome::Error((Status::InternalServerError, ())),
        }
    }
}

/// The person who asks, if signed in.
#[derive(Debug, Clone)]
pub(crate) struct Who(pub(crate) Option<Signed>);

impl Who {
    pub(crate) fn actor(&self) -> Option<&Actor> {
        self.0.as_ref().map(|s| &s.actor)
    }

    pub(crate) fn signed(&self) -> Result<&Signed, Error> {
        self.0.as_ref().ok_or_else(|| Error::new(Kind::SignInFirst, "sign-in-first"))
    }
}

/// A refusal of a guard, kept for the catcher that answers it.
pub(crate) struct Refusal(pub(crate) std::sync::Mutex<Option<Error>>);

pub(crate) fn keep_refusal(request: &Request<'_>, error: Error) {
    let slot = request.local_cache(|| Refusal(std::sync::Mutex::new(None)));
    if let Ok(mut slot) = slot.0.lock() {
        *slot = Some(error);
    }
}

/// Who a request was found to come from, or why it was refused; kept for the request.
pub(crate) type Known = Result<Who, (Kind, &'static str)>;

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Who {
    /// What refused it, for a handler that must not be left out: its client is still sending.
    type Error = (Kind, &'static str);

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        let found: &Known = request
            .local_cache_async(async {
                identify(request).await.map_err(|e| {
                    if e.kind == Kind::Internal {
                        tracing::error!(error = %e, "a request failed");
                    }
                    (e.kind, e.code)
                })
            })
            .await;
        match found {
            Ok(who) => Outcome::Success(who.clone()),
            Err((kind, code)) => {
                keep_refusal(request, Error::new(*kind, code));
                Outcome::Error((crate::answer::status(*kind), (*kind, *code)))
            }
        }
    }
}

async fn identify(request: &Request<'_>) -> Result<Who, Error> {
    let app = Arrived::of(request).ok_or_else(|| Error::internal("no application"))?;
    if let Some(header) = request.headers().get_one("Authorization") {
        let token = header.strip_prefix("Bearer ").map(str::trim);
        let signed = match token {
            Some(token) => accounts::authenticate(app, token).await?,
            None => None,
        };
        return match signed {
            Some(signed) => Ok(Who(Some(signed))),
            None => Err(Error::new(Kind::SignInFirst, "sign-in-first")),
        };
    }
    let cookies = request.cookies();
    let mut signed = match cookies.get(ACCESS) {
        Some(cookie) => accounts::authenticate(app, cookie.value()).await?,
        None => None,
    };
    if signed.is_none()
        && let Some(refresh) = cookies.get(REFRESH).map(|c| c.value().to_owned())
    {
        match accounts::refresh(app, &refresh).await {
            Ok(tokens) => {
                signed = accounts::authenticate(app, &tokens.access_token).await?;
                if let Some(settings) = request.rocket().state::<HttpSettings>() {
                    keep(cookies, &tokens, settings.secure_cookies);
                }
            }
            Err(error) if error.kind == Kind::SignInFirst => forget(cookies),
            Err(error) => return Err(error),
        }
    }
    if signed.is_some() && !is_safe(request.method()) && !same_origin(request) {
        return Err(Error::new(Kind::Forbidden, "origin"));
    }
    Ok(Who(signed))
}

fn is_safe(method: Method) -> bool {
    matches!(method, Method::Get | Method::Head | Method::Options)
}

/// Whether an unsafe request comes from our own pages: a browser says so, and another site cannot make it say so.
pub(crate) fn same_origin(request: &Request<'_>) -> bool {
    let headers = request.headers();
    match headers.get_one("Origin") {
        Some(origin) => {
            let host = headers.get_one("Host").unwrap_or_default();
            !host.is_empty() && origin.split_once("://").is_some_and(|(_, rest)| rest == host)
        }
        None => headers.get_one("Sec-Fetch-Site") == Some("same-origin"),
    }
}

/// Keeps the tokens in a browser.
pub(crate) fn keep(cookies: &CookieJar<'_>, tokens: &SignedIn, secure: bool) {
    for (name, value, days) in [(ACCESS, &tokens.access_token, 1), (REFRESH, &tokens.refresh_token, 14)] {
        cookies.add(
            Cookie::build((name, value.clone()))
                .http_only(true)
                .secure(secure)
                .same_site(SameSite::Lax)
                .path("/")
                .max_age(rocket::time::Duration::days(days)),
        );
    }
    if let Some(browser) = &tokens.browser {
        remember(cookies, browser, secure);
    }
}

/// Keeps what a browser is known by: it outlives the sign-in, and opens nothing.
pub(crate) fn remember(cookies: &CookieJar<'_>, browser: &str, secure: bool) {
    cookies.add(
        Cookie::build((BROWSER, browser.to_owned()))
            .http_only(true)
            .secure(secure)
            .same_site(SameSite::Lax)
            .path("/")
            .max_age(rocket::time::Duration::days(180)),
    );
}

/// Forgets the tokens in a browser.
pub(crate) fn forget(cookies: &CookieJar<'_>) {
    for name in [ACCESS, REFRESH] {
        cookies.remove(Cookie::build(name).path("/"));
    }
}

/// An id in a path; anything else is not found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Id(Uuid);

impl Id {
    pub(crate) fn get<T: From<Uuid>>(self) -> T {
        self.0.into()
    }
}

impl<'a> FromParam<'a> for Id {
    type Error = ();

    fn from_param(text: &'a str) -> Result<Self, ()> {
        Uuid::parse_str(text).map(Self).map_err(|_| ())
    }
}

/// What `If-Match` says of the revision that a writer has seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IfMatch(pub(crate) Seen);

impl IfMatch {
    /// The revision, where the writer may say it.
    pub(crate) const fn optional(self) -> Option<i64> {
        match self.0 {
            Seen::Revision(revision) => Some(revision),
            Seen::Any | Seen::NotSaid => None,
        }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for IfMatch {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let Some(header) = request.headers().get_one("If-Match") else { return Outcome::Success(Self(Seen::NotSaid)) };
        let tag = header.trim().trim_start_matches("W/").trim_matches('"');
        if tag == "*" {
            return Outcome::Success(Self(Seen::Any));
        }
        if let Ok(revision) = tag.parse() {
            return Outcome::Success(Self(Seen::Revision(revision)));
        }
        keep_refusal(request, Error::new(Kind::Stale, "if-match-value"));
        Outcome::Error((Status::PreconditionFailed, ()))
    }
}

/// A JSON body from somebody who is signed in.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) T);

/// A JSON body from anyone.
#[derive(Debug)]
pub(crate) struct OpenBody<T>(pub(crate) T);

#[rocket::async_trait]
impl<'r, T: DeserializeOwned> FromData<'r> for Body<T> {
    type Error = ();

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> rocket::data::Outcome<'r, Self> {
        // The body stays unread until it is known who asks.
        let refusal = match request.guard::<Who>().await {
            Outcome::Success(who) => who.signed().err(),
            Outcome::Error((status, _)) | Outcome::Forward(status) => return AnyOutcome::Error((status, ())),
        };
        if let Some(error) = refusal {
            keep_refusal(request, error);
            drop_body(data).await;
            return AnyOutcome::Error((Status::Unauthorized, ()));
        }
        read_json(request, data).await.map(Self)
    }
}

#[rocket::async_trait]
impl<'r, T: DeserializeOwned> FromData<'r> for OpenBody<T> {
    type Error = ();

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> rocket::data::Outcome<'r, Self> {
        read_json(request, data).await.map(Self)
    }
}

/// Reads a body and drops it: a client that is still sending would see a broken connection in place of the refusal.
pub(crate) async fn drop_body(data: Data<'_>) {
    let _ = copy(&mut data.open(DROPPED), &mut sink()).await;
}

/// A whole body of at most `most` bytes. The rest of a longer one is dropped.
pub(crate) async fn read_body(data: Data<'_>, most: u64) -> Result<Vec<u8>, Error> {
    let mut stream = data.open(DROPPED);
    let mut bytes = Vec::new();
    let read = (&mut stream).take(most + 1).read_to_end(&mut bytes).await;
    read.map_err(|_| Error::new(Kind::Invalid, "body-interrupted"))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= most) {
        return Ok(bytes);
    }
    let _ = copy(&mut stream, &mut sink()).await;
    Err(Error::new(Kind::TooLarge, "body-too-large").with("max", ami_views::size(most)))
}

async fn read_json<'r, T: DeserializeOwned>(
    request: &'r Request<'_>,
    data: Data<'r>,
) -> AnyOutcome<T, (Status, ()), (Data<'r>, Status)> {
    let refuse = |error: Error| {
        let status = crate::answer::status(error.kind);
        keep_refusal(request, error);
        AnyOutcome::Error((status, ()))
    };
    let bytes = match read_body(data, JSON_LIMIT).await {
        Ok(bytes) => bytes,
        Err(error) => return refuse(error),
    };
    match serde_json::from_slice(&bytes) {
        Ok(value) => AnyOutcome::Success(value),
        Err(error) => refuse(
            Error::new(Kind::Invalid, "json")
                .with("line", error.line())
                .with("column", error.column())
                .with("problem", error),
        ),
    }
}

/// Which part of a list, by `limit` and `cursor`.
#[derive(Debug, Clone)]
pub(crate) struct Listed(pub(crate) Part);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Listed {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let of = |name: &str| request.query_value::<&str>(name).and_then(Result::ok);
        let limit = match of("limit").map(str::parse::<usize>) {
            None => part::USUAL,
            Some(Ok(limit @ 1..)) => limit.min(part::MOST),
            Some(_) => {
                let problem = Problem {
                    pointer: "/limit".into(),
                    code: "limit".into(),
                    args: vec![("max", part::MOST.to_string())],
                };
                keep_refusal(request, Error::invalid(vec![problem]));
                return Outcome::Error((Status::UnprocessableEntity, ()));
            }
        };
        Outcome::Success(Self(Part { begin: Begin::After(of("cursor").map(str::to_owned)), limit }))
    }
}

/// The network address that a request comes from, where it is known. Through a proxy on this machine or in the same private
/// network it is what the proxy says in `X-Real-IP`; a stranger says nothing there that counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) Option<IpAddr>);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Peer {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let peer = request.remote().map(|socket| socket.ip().to_canonical());
        let near = |ip: &IpAddr| match ip {
            IpAddr::V4(v4) => v4.is_loopback() || v4.is_private(),
            IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local(),
        };
        Outcome::Success(Self(if peer.as_ref().is_some_and(near) { request.real_ip() } else { peer }))
    }
}

/// Who asks, before they sign in: their network address, and what their browser is known by.
#[derive(Debug)]
pub(crate) struct Stranger(pub(crate) Asker);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Stranger {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let Outcome::Success(Peer(address)) = request.guard::<Peer>().await else {
            return Outcome::Error((Status::InternalServerError, ()));
        };
        let browser = request.cookies().get(BROWSER).map(|c| c.value().to_owned());
        Outcome::Success(Self(Asker { address, browser }))
    }
}

/// The `Idempotency-Key` of a request.
#[derive(Debug, Clone)]
pub(crate) struct Key(pub(crate) Option<String>);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Key {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let key = request.headers().get_one("Idempotency-Key").map(str::trim).filter(|k| !k.is_empty());
        match key {
            Some(key) if key.len() > 200 => {
                keep_refusal(request, Error::new(Kind::Invalid, "idempotency-key"));
                Outcome::Error((Status::UnprocessableEntity, ()))
            }
            key => Outcome::Success(Self(key.map(str::to_owned))),
        }
    }
}
