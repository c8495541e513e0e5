//! Who asks, under which condition, with what body.

use std::net::IpAddr;
use std::ops::Deref;
use std::time::Duration;

use ami_domain::ids::AccountId;
use ami_services::accounts::{self, Signed, SignedIn};
use ami_services::answers::Seen;
use ami_services::attempts::Asker;
use ami_services::part::{self, Begin, Part};
use ami_services::{Actor, App, Arrival, Error, Kind, Problem};
use rocket::data::{ByteUnit, Data, FromData};
use rocket::http::{Cookie, CookieJar, Method, SameSite, Status};
use rocket::outcome::Outcome as AnyOutcome;
use rocket::request::{FromParam, FromRequest, Outcome, Request};
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt as _, copy, sink};
use tokio::time::timeout;
use uuid::Uuid;

/// Nothing larger than this is read of an upload, whatever a slot allows.
pub(crate) const MOST_UPLOAD: ByteUnit = ByteUnit::Byte(ami_domain::pieces::MOST_BYTES);
/// How long a body may take that is read whole.
const BODY_TIME: Duration = Duration::from_secs(30);
/// The access token in browsers, over http and over https. Another host of the same domain cannot set a name that begins with
/// `__Host-`; browsers take it over https only.
const ACCESS: [&str; 2] = ["ami_access", "__Host-ami_access"];
/// The refresh token in browsers.
const REFRESH: [&str; 2] = ["ami_refresh", "__Host-ami_refresh"];
/// What a browser is known by that has signed in before.
const BROWSER: [&str; 2] = ["ami_browser", "__Host-ami_browser"];
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
        Some(request.local_cache(|| {
            let now = if is_safe(request.method()) { app.now().reading() } else { app.now() };
            let key = request.headers().get_one("Idempotency-Key").map(str::trim).filter(|key| !key.is_empty());
            match key.filter(|_| request.method() == Method::Post) {
                Some(key) => Self(now.with_key(key, "POST", &request.uri().to_string())),
                None => Self(now),
            }
        }))
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
pub(crate) type Known = Result<Who, Refused>;

/// Why it is not known who asks: what of an error can be said twice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refused {
    kind: Kind,
    code: &'static str,
    retry_after: Option<i64>,
}

impl From<Refused> for Error {
    fn from(Refused { kind, code, retry_after }: Refused) -> Self {
        let mut error = Self::new(kind, code);
        error.retry_after = retry_after;
        error
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Who {
    /// What refused it, for a handler that must not be left out: its client is still sending.
    type Error = Refused;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        let found: &Known = request
            .local_cache_async(async {
                identify(request).await.map_err(|e| {
                    if e.kind == Kind::Internal {
                        tracing::error!(error = %e, "a request failed");
                    }
                    Refused { kind: e.kind, code: e.code, retry_after: e.retry_after }
                })
            })
            .await;
        match found {
            Ok(who) => Outcome::Success(who.clone()),
            Err(refused) => {
                keep_refusal(request, (*refused).into());
                Outcome::Error((crate::answer::status(refused.kind), *refused))
            }
        }
    }
}

/// Whoever is signed in, for a handler whose client is still sending a body: before it is refused, some of that is read.
pub(crate) async fn sender(who: Known, data: Data<'_>) -> Result<(Who, Data<'_>), Error> {
    match who {
        Ok(who) if who.0.is_some() => Ok((who, data)),
        refused => {
            drop_body(data).await;
            Err(refused.err().map_or_else(|| Error::new(Kind::SignInFirst, "sign-in-first"), Into::into))
        }
    }
}

/// Longest `Idempotency-Key`.
const LONGEST_KEY: usize = 200;

async fn identify(request: &Request<'_>) -> Result<Who, Error> {
    if request.headers().get_one("Idempotency-Key").is_some_and(|key| key.trim().len() > LONGEST_KEY) {
        return Err(Error::new(Kind::Invalid, "idempotency-key"));
    }
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
    let secure = app.settings.is_secure();
    let mut signed = match cookies.get(named(ACCESS, secure)) {
        Some(cookie) => accounts::authenticate(app, cookie.value()).await?,
        None => None,
    };
    if signed.is_none()
        && let Some(refresh) = cookies.get(named(REFRESH, secure)).map(|c| c.value().to_owned())
    {
        match accounts::refresh(app, &refresh).await {
            Ok(tokens) => {
                signed = accounts::authenticate(app, &tokens.access_token).await?;
                keep(cookies, &tokens, secure);
            }
            Err(error) if error.kind == Kind::SignInFirst => forget(cookies, secure),
            Err(error) => return Err(error),
        }
    }
    if signed.is_some() && !is_safe(request.method()) && !same_origin(request) {
        return Err(Error::new(Kind::Forbidden, "origin"));
    }
    Ok(Who(signed))
}

/// The account that a request's access token names, by its signature alone.
pub(crate) fn named_by_token(request: &Request<'_>) -> Option<AccountId> {
    let app = Arrived::of(request)?;
    let bearer = request.headers().get_one("Authorization").and_then(|header| header.strip_prefix("Bearer "));
    let cookie = request.cookies().get(named(ACCESS, app.settings.is_secure())).map(Cookie::value);
    app.keys.verify(bearer.or(cookie)?.trim(), app.at).map(|claims| claims.sub.into())
}

/// Most bytes of all headers together: proxies take less.
const MOST_HEADERS: usize = 32 * 1024;
/// What a balancer asks, some of them without saying whom.
const PROBES: [&str; 2] = ["/healthz", "/readyz"];

/// What is wrong with the head of a request that came over a connection: it names one host (RFC 9112, 3.2), and is no novel.
pub(crate) fn fault_of_head(request: &Request<'_>) -> Option<Error> {
    // Nothing stands between a local request and us that could have read another host.
    request.remote()?;
    let hosts = request.headers().get("Host").count();
    let probe = PROBES.contains(&request.uri().path().as_str());
    if hosts > 1 || (hosts == 0 && !probe) {
        return Some(Error::new(Kind::Malformed, "host"));
    }
    let size: usize = request.headers().iter().map(|header| header.name().as_str().len() + header.value().len()).sum();
    (size > MOST_HEADERS).then(|| Error::new(Kind::HeadTooLarge, "head-too-large"))
}

/// The methods that an address takes, by the routes; none when it is nobody's.
pub(crate) fn methods_at(request: &Request<'_>) -> Vec<&'static str> {
    let asked: Vec<&str> = request.uri().path().raw_segments().map(rocket::http::RawStr::as_str).collect();
    let stands_for = |route: &str| {
        let parts: Vec<&str> = route.split('/').filter(|part| !part.is_empty()).collect();
        parts.len() == asked.len() && parts.iter().zip(&asked).all(|(part, is)| part.starts_with('<') || part == is)
    };
    let routes = request.rocket().routes().filter(|route| stands_for(route.uri.path()));
    let mut methods: Vec<&str> = routes.map(|route| route.method.as_str()).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.sort_unstable();
    methods.dedup();
    methods
}

fn is_safe(method: Method) -> bool {
    matches!(method, Method::Get | Method::Head | Method::Options)
}

const fn named(names: [&'static str; 2], secure: bool) -> &'static str {
    names[secure as usize]
}

/// Whether an unsafe request comes from our own pages: a browser says so, and another site cannot make it say so. Our address is
/// that of the settings, scheme and port included: a proxy may change the `Host`.
pub(crate) fn same_origin(request: &Request<'_>) -> bool {
    let headers = request.headers();
    match headers.get_one("Origin") {
        Some(origin) => Arrived::of(request).is_some_and(|app| is_ours(&app.settings.public_url, origin)),
        None => headers.get_one("Sec-Fetch-Site") == Some("same-origin"),
    }
}

/// On a machine of one's own, its names for itself are one.
fn is_ours(public_url: &str, origin: &str) -> bool {
    let plain = |url: &str| {
        let local = ["http://127.0.0.1", "http://[::1]"].into_iter().find_map(|name| url.strip_prefix(name));
        let local = local.filter(|rest| rest.is_empty() || rest.starts_with(':'));
        local.map_or_else(|| url.to_ascii_lowercase(), |rest| format!("http://localhost{rest}"))
    };
    plain(public_url) == plain(origin)
}

/// Keeps the tokens in a browser.
pub(crate) fn keep(cookies: &CookieJar<'_>, tokens: &SignedIn, secure: bool) {
    for (names, value, days) in [(ACCESS, &tokens.access_token, 1), (REFRESH, &tokens.refresh_token, 14)] {
        cookies.add(
            Cookie::build((named(names, secure), value.clone()))
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
        Cookie::build((named(BROWSER, secure), browser.to_owned()))
            .http_only(true)
            .secure(secure)
            .same_site(SameSite::Lax)
            .path("/")
            .max_age(rocket::time::Duration::days(180)),
    );
}

/// Forgets the tokens in a browser.
pub(crate) fn forget(cookies: &CookieJar<'_>, secure: bool) {
    for names in [ACCESS, REFRESH] {
        cookies.remove(Cookie::build(named(names, secure)).path("/").secure(secure));
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

/// A JSON body from somebody who is signed in, or none: what it would say is then left out.
#[derive(Debug)]
pub(crate) struct MaybeBody<T>(pub(crate) T);

/// A JSON body from anyone.
#[derive(Debug)]
pub(crate) struct OpenBody<T>(pub(crate) T);

#[rocket::async_trait]
impl<'r, T: DeserializeOwned> FromData<'r> for Body<T> {
    type Error = ();

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> rocket::data::Outcome<'r, Self> {
        match signed_data(request, data).await {
            Ok(data) => read_json(request, data, None).await.map(Self),
            Err(status) => AnyOutcome::Error((status, ())),
        }
    }
}

#[rocket::async_trait]
impl<'r, T: DeserializeOwned + Default + Send> FromData<'r> for MaybeBody<T> {
    type Error = ();

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> rocket::data::Outcome<'r, Self> {
        match signed_data(request, data).await {
            Ok(data) => read_json(request, data, Some(T::default)).await.map(Self),
            Err(status) => AnyOutcome::Error((status, ())),
        }
    }
}

/// A body stays unread until it is known who asks.
async fn signed_data<'r>(request: &'r Request<'_>, data: Data<'r>) -> Result<Data<'r>, Status> {
    let refusal = match request.guard::<Who>().await {
        Outcome::Success(who) => who.signed().err(),
        Outcome::Error((status, _)) | Outcome::Forward(status) => return Err(status),
    };
    if let Some(error) = refusal {
        keep_refusal(request, error);
        drop_body(data).await;
        return Err(Status::Unauthorized);
    }
    Ok(data)
}

#[rocket::async_trait]
impl<'r, T: DeserializeOwned> FromData<'r> for OpenBody<T> {
    type Error = ();

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> rocket::data::Outcome<'r, Self> {
        read_json(request, data, None).await.map(Self)
    }
}

/// A text from somebody who is signed in: a file that people write.
#[derive(Debug)]
pub(crate) struct TextBody(pub(crate) String);

#[rocket::async_trait]
impl<'r> FromData<'r> for TextBody {
    type Error = ();

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> rocket::data::Outcome<'r, Self> {
        let refuse = |error: Error| {
            let status = crate::answer::status(error.kind);
            keep_refusal(request, error);
            AnyOutcome::Error((status, ()))
        };
        match request.guard::<Who>().await {
            Outcome::Success(who) => {
                if let Err(error) = who.signed() {
                    drop_body(data).await;
                    return refuse(error);
                }
            }
            Outcome::Error((status, _)) | Outcome::Forward(status) => return AnyOutcome::Error((status, ())),
        }
        match read_body(data, JSON_LIMIT).await.map(String::from_utf8) {
            Ok(Ok(text)) => AnyOutcome::Success(Self(text)),
            Ok(Err(_)) => refuse(Error::new(Kind::Invalid, "bad-request")),
            Err(error) => refuse(error),
        }
    }
}

/// Reads a body and drops it: a client that is still sending would see a broken connection in place of the refusal.
pub(crate) async fn drop_body(data: Data<'_>) {
    let _ = timeout(BODY_TIME, copy(&mut data.open(DROPPED), &mut sink())).await;
}

/// A whole body of at most `most` bytes. The rest of a longer one is dropped.
pub(crate) async fn read_body(data: Data<'_>, most: u64) -> Result<Vec<u8>, Error> {
    let mut stream = data.open(DROPPED);
    let mut bytes = Vec::new();
    let read = timeout(BODY_TIME, (&mut stream).take(most + 1).read_to_end(&mut bytes)).await;
    let interrupted = || Error::new(Kind::Invalid, "body-interrupted");
    read.map_err(|_| interrupted())?.map_err(|_| interrupted())?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= most) {
        return Ok(bytes);
    }
    let _ = timeout(BODY_TIME, copy(&mut stream, &mut sink())).await;
    Err(Error::new(Kind::TooLarge, "body-too-large").with("max", ami_views::size(most)))
}

async fn read_json<'r, T: DeserializeOwned>(
    request: &'r Request<'_>,
    data: Data<'r>,
    left_out: Option<fn() -> T>,
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
    if let Some(app) = Arrived::of(request) {
        app.body_is(&bytes);
    }
    if let Some(left_out) = left_out.filter(|_| bytes.is_empty()) {
        return AnyOutcome::Success(left_out());
    }
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
            Some(Ok(limit @ 1..=part::MOST)) => limit,
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
        let secure = Arrived::of(request).is_some_and(|app| app.settings.is_secure());
        let browser = request.cookies().get(named(BROWSER, secure)).map(|c| c.value().to_owned());
        Outcome::Success(Self(Asker { address, browser }))
    }
}

#[cfg(test)]
mod tests {
    use super::is_ours;

    #[test]
    fn an_origin_is_ours_with_its_scheme_and_port() {
        for (public, origin, ours) in [
            ("https://ami.exemple.fr", "https://ami.exemple.fr", true),
            ("https://ami.exemple.fr", "http://ami.exemple.fr", false),
            ("https://ami.exemple.fr", "javascript://ami.exemple.fr", false),
            ("https://ami.exemple.fr", "https://ami.exemple.fr:8443", false),
            ("https://ami.exemple.fr", "https://ami.exemple.fr.example.org", false),
            ("https://ami.exemple.fr", "null", false),
            ("http://127.0.0.1:8000", "http://localhost:8000", true),
            ("http://localhost:8000", "http://[::1]:8000", true),
            ("http://127.0.0.1:8000", "http://localhost:8001", false),
            ("http://127.0.0.1:8000", "http://127.0.0.1.example.org:8000", false),
        ] {
            assert_eq!(is_ours(public, origin), ours, "{public} {origin}");
        }
    }
}
