//! Errors as RFC 9457 problems, and small responders.

use std::io::Cursor;

use ami_services::{Error, Kind, Problem};
use rocket::http::{ContentType, Header, Method, Status};
use rocket::request::Request;
use rocket::response::{self, Responder, Response};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::guards::Arrived;

/// RFC 9457.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProblemBody {
    /// Stable, such as `/problems/closed`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// In French.
    pub(crate) title: String,
    /// The status, again.
    pub(crate) status: u16,
    /// In French: what to do.
    pub(crate) detail: String,
    /// Wrong values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<FieldBody>,
    /// The value as it stands, after a conflict.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    pub(crate) current: Option<Value>,
    /// For a deposit that could not be kept: sent again with it, it counts at the instant of this attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ticket: Option<String>,
}

/// One wrong value.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FieldBody {
    /// JSON pointer into the request.
    pub(crate) pointer: String,
    /// Stable.
    pub(crate) code: String,
    /// In French.
    pub(crate) detail: String,
}

/// The status of a kind.
pub(crate) const fn status(kind: Kind) -> Status {
    match kind {
        Kind::SignInFirst => Status::Unauthorized,
        Kind::Forbidden => Status::Forbidden,
        Kind::NotFound => Status::NotFound,
        Kind::WrongMethod => Status::MethodNotAllowed,
        Kind::Malformed => Status::BadRequest,
        Kind::HeadTooLarge => Status::RequestHeaderFieldsTooLarge,
        Kind::Conflict => Status::Conflict,
        Kind::Stale => Status::PreconditionFailed,
        Kind::TooLarge => Status::PayloadTooLarge,
        Kind::UnsupportedType => Status::UnsupportedMediaType,
        Kind::Invalid => Status::UnprocessableEntity,
        Kind::TooMany => Status::TooManyRequests,
        Kind::PreconditionRequired => Status::PreconditionRequired,
        Kind::Internal => Status::InternalServerError,
        Kind::Unavailable => Status::ServiceUnavailable,
    }
}

/// The sentence of an error.
pub(crate) fn sentence(code: &str, args: &[(&'static str, String)]) -> String {
    ami_views::message(&format!("error-{code}"), args).unwrap_or_else(|| {
        tracing::error!(code, "no sentence for this error");
        "La demande n'a pas pu être traitée.".to_owned()
    })
}

fn field(problem: &Problem) -> FieldBody {
    FieldBody {
        pointer: problem.pointer.clone(),
        code: problem.code.clone(),
        detail: sentence(&problem.code, &problem.args),
    }
}

/// The problem that an error is answered with. What happened underneath goes to the log, once.
pub(crate) fn problem(error: &Error) -> ProblemBody {
    let status = status(error.kind);
    if status.code >= 500 {
        tracing::error!(%error, "a request failed");
    }
    ProblemBody {
        kind: format!("/problems/{}", error.code),
        title: sentence(error.code, &error.args),
        status: status.code,
        detail: sentence(error.code, &error.args),
        errors: error.problems.iter().map(field).collect(),
        current: error.current.clone(),
        ticket: None,
    }
}

/// The same, for the request that it answers: a deposit that could not be kept gets its ticket.
pub(crate) fn problem_of(error: &Error, request: &Request<'_>) -> ProblemBody {
    ProblemBody { ticket: ticket(error, request), ..problem(error) }
}

fn ticket(error: &Error, request: &Request<'_>) -> Option<String> {
    if error.kind != Kind::Unavailable || request.method() != Method::Post {
        return None;
    }
    let segments: Vec<&str> = request.uri().path().segments().collect();
    let (["api", "v1", "dossiers", id, "deposit"] | ["dossiers", id, "depot"]) = segments.as_slice() else {
        return None;
    };
    let app = Arrived::of(request)?;
    // Whose it is stands in the token itself: the database may be away.
    ami_services::tickets::issue_ticket(app, crate::guards::named_by_token(request)?, id.parse().ok()?)
}

/// An error of the API.
#[derive(Debug)]
pub(crate) struct ApiError(pub(crate) Error);

impl<E: Into<Error>> From<E> for ApiError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl<'r> Responder<'r, 'static> for ApiError {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let answer = respond(
            status(self.0.kind),
            &problem_of(&self.0, request),
            ContentType::new("application", "problem+json"),
        );
        answer.map(|answer| with_hints(&self.0, request, answer))
    }
}

/// Says when to come back, where the error does, and which methods an address takes.
pub(crate) fn with_hints<'r>(error: &Error, request: &Request<'_>, mut answer: Response<'r>) -> Response<'r> {
    if let Some(seconds) = error.retry_after {
        answer.set_header(Header::new("Retry-After", seconds.to_string()));
    }
    if error.kind == Kind::WrongMethod {
        answer.set_header(Header::new("Allow", crate::guards::methods_at(request).join(", ")));
    }
    answer
}

pub(crate) fn respond(status: Status, body: &impl Serialize, kind: ContentType) -> response::Result<'static> {
    let text = serde_json::to_string(body).map_err(|_| Status::InternalServerError)?;
    let mut answer = Response::build();
    answer.status(status).header(kind).sized_body(text.len(), Cursor::new(text));
    if status == Status::Unauthorized {
        answer.header(Header::new("WWW-Authenticate", "Bearer"));
    }
    answer.ok()
}

/// JSON with a status and, where the thing has a revision, its `ETag`.
#[derive(Debug)]
pub(crate) struct Answer<T> {
    pub(crate) status: Status,
    pub(crate) revision: Option<i64>,
    pub(crate) body: T,
}

impl<T> Answer<T> {
    pub(crate) const fn ok(body: T) -> Self {
        Self { status: Status::Ok, revision: None, body }
    }

    /// What was asked is being done.
    pub(crate) const fn accepted(body: T) -> Self {
        Self { status: Status::Accepted, revision: None, body }
    }

    pub(crate) const fn created(body: T) -> Self {
        Self { status: Status::Created, revision: None, body }
    }

    pub(crate) fn tagged(self, revision: i64) -> Self {
        Self { revision: Some(revision), ..self }
    }
}

impl<'r, T: Serialize> Responder<'r, 'static> for Answer<T> {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        let mut answer = respond(self.status, &self.body, ContentType::JSON)?;
        if let Some(revision) = self.revision {
            answer.set_header(Header::new("ETag", format!("\"{revision}\"")));
        }
        Ok(answer)
    }
}

/// A file to save.
#[derive(Debug)]
pub(crate) struct Download {
    pub(crate) bytes: Vec<u8>,
    pub(crate) name: String,
    pub(crate) kind: ContentType,
    pub(crate) inline: bool,
}

impl<'r> Responder<'r, 'static> for Download {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        let disposition = disposition(&self.name, self.inline);
        Response::build()
            .header(self.kind)
            .header(Header::new("Content-Disposition", disposition))
            .sized_body(self.bytes.len(), Cursor::new(self.bytes))
            .ok()
    }
}

/// `Content-Disposition` with a name in any script (RFC 6266, RFC 8187).
pub(crate) fn disposition(name: &str, inline: bool) -> String {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let mut encoded = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') {
            encoded.push(char::from(byte));
        } else {
            encoded.extend(['%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
    let kind = if inline { "inline" } else { "attachment" };
    format!("{kind}; filename*=UTF-8''{encoded}")
}

/// The name in a `Content-Disposition` header; empty when there is none. `filename*` is preferred to `filename`, whatever their order.
pub(crate) fn name_in_disposition(header: &str) -> String {
    let parameters = parameters(header);
    let find = |wanted: &str| parameters.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
    if let Some(extended) = find("filename*") {
        let encoded = extended.splitn(3, '\'').nth(2).unwrap_or_default();
        let mut bytes = Vec::new();
        let mut rest = encoded.bytes();
        while let Some(b) = rest.next() {
            if b == b'%' {
                let hex: Vec<u8> = rest.by_ref().take(2).collect();
                let value = std::str::from_utf8(&hex).ok().and_then(|h| u8::from_str_radix(h, 16).ok());
                bytes.extend(value);
            } else {
                bytes.push(b);
            }
        }
        return String::from_utf8_lossy(&bytes).into_owned();
    }
    find("filename").cloned().unwrap_or_default()
}

/// The parameters of a header, names in small letters: values may be quoted, and hold `;` then (RFC 9110, 5.6.6).
fn parameters(header: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut chars = header.chars();
    // The first part says what the header is.
    let _ = chars.by_ref().take_while(|c| *c != ';').count();
    loop {
        let name: String = chars.by_ref().take_while(|c| *c != '=').collect();
        if name.is_empty() {
            return found;
        }
        let mut value = String::new();
        let (mut quoted, mut escaped) = (false, false);
        for c in chars.by_ref() {
            match c {
                _ if escaped => {
                    value.push(c);
                    escaped = false;
                }
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                ';' if !quoted => break,
                c => value.push(c),
            }
        }
        found.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_the_header_both_ways() {
        for name in ["Été 2027.pdf", "a\"b;c.pdf", "plain.pdf", "%41.pdf", ""] {
            assert_eq!(name_in_disposition(&disposition(name, false)), name);
        }
        assert_eq!(name_in_disposition("attachment; filename=\"x.pdf\""), "x.pdf");
        for (header, name) in [
            ("attachment; filename=\"budget; annexe.pdf\"", "budget; annexe.pdf"),
            ("form-data; name=\"file\"; filename=\"a;b;c.pdf\"; size=3", "a;b;c.pdf"),
            ("attachment; FileName=\"dit \\\"le\\\" bon.pdf\"", "dit \"le\" bon.pdf"),
            ("attachment; filename=\"x;.pdf\"; filename*=UTF-8''%C3%A9%3B.pdf", "é;.pdf"),
            ("attachment; filename=plain;.pdf", "plain"),
            ("attachment; filename=\"unclosed; x", "unclosed; x"),
            ("attachment; filename", ""),
            (";;=;=", ""),
        ] {
            assert_eq!(name_in_disposition(header), name, "{header}");
        }
        assert_eq!(name_in_disposition("attachment; filename*=UTF-8''%zz%C3"), "\u{fffd}");
        assert_eq!(name_in_disposition("attachment"), "");
    }
}
