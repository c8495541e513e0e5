//! Bad input, as hostile or broken clients send it: refused with a problem or a French page, never a 5xx, never a broken
//! connection. On each database: PostgreSQL refuses what SQLite takes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
#[path = "common/demo.rs"]
#[expect(dead_code, reason = "each test binary uses its own part of this module")]
mod demo;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use common::{Person, World, databases};
use demo::Demo;
use rocket::http::Method;
use serde_json::json;

/// A refusal: 4xx, as a problem with a French sentence or, on a page, in HTML.
async fn refused(
    world: &World,
    who: Option<&Person>,
    (method, path): (Method, &str),
    body: &[u8],
    headers: &[(&str, &str)],
) {
    let got = world.send_with(who, method, path, Some(body.to_vec()), headers).await;
    let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
    let what = format!("{method} {path} {shown} {headers:?}: {}", got.status);
    assert!((400..500).contains(&got.status), "{what}");
    if path.starts_with("/api") {
        let problem = got.json();
        assert_eq!(problem["status"], got.status, "{what}");
        assert!(problem["type"].as_str().unwrap().starts_with("/problems/"), "{what}");
        assert!(problem["detail"].as_str().unwrap().ends_with(['.', '!']), "{what}");
    } else {
        assert!(got.text().contains("<html lang=\"fr\""), "{what}");
    }
}

#[rocket::async_test]
async fn bad_input_is_refused_and_nothing_breaks() {
    for database in databases() {
        let world = World::new(database).await;
        world.set_clock("2027-02-01T09:00:00Z");
        let officer = world.published().await;
        let (person, organisation, data) = world.applicant(1).await;
        let dossier = world.complete_draft(&person, &organisation, &data, "ALI-01").await;
        bodies(&world, &person, &dossier).await;
        headers(&world, &person, &dossier).await;
        paths(&world, &person, &officer, &dossier).await;
        fields(&world, &person, &officer, &dossier).await;
        pages(&world, &person, &officer, &dossier).await;
        // Whatever was typed, the dossier still opens and is still whole.
        let view = world.get(&person, &format!("/dossiers/{dossier}")).await.ok();
        assert_eq!(view["id"], dossier);
        world.end().await;
    }
}

/// Bodies that are not the JSON that a route reads.
async fn bodies(world: &World, person: &Person, dossier: &str) {
    let deep = [b"{\"4.04\":".to_vec(), vec![b'['; 100_000], vec![b']'; 100_000], b"}".to_vec()].concat();
    let large = [b"{\"4.04\":\"".to_vec(), vec![b'a'; 2_000_000], b"\"}".to_vec()].concat();
    let huge = format!("{{\"4.04\":{}}}", "9".repeat(400));
    let many: serde_json::Map<_, _> = (0..20_000).map(|i| (format!("f{i}"), json!(1))).collect();
    let many = json!(many).to_string();
    let cases: [&[u8]; 18] = [
        b"",
        b"null",
        b"[]",
        b"1",
        b"\"x\"",
        b"{",
        b"{} x",
        b"\xef\xbb\xbf{}",
        b"{\"4.04\":\"a\0b\"}",
        b"{\"4.04\":\"\\ud800\"}",
        b"{\"4.04\":\"\xff\xfe\"}",
        b"{\"4.04\":1e400}",
        b"{\"a\\u0000b\":\"x\"}",
        b"{\"4.04\":\"a\\u0000b\"}",
        &deep,
        &large,
        huge.as_bytes(),
        many.as_bytes(),
    ];
    let answers = format!("/api/v1/dossiers/{dossier}/answers");
    for body in cases {
        refused(world, Some(person), (Method::Patch, &answers), body, &[("If-Match", "*")]).await;
        for path in ["/api/v1/session", "/api/v1/accounts", "/api/v1/accounts/confirmation"] {
            refused(world, None, (Method::Post, path), body, &[]).await;
        }
        refused(world, Some(person), (Method::Post, "/api/v1/organisations"), body, &[]).await;
        refused(world, None, (Method::Post, "/api/v1/organisations"), body, &[]).await;
    }
    // The last of two equal keys counts, as everywhere in JSON.
    let twice = br#"{"4.05":"x","4.05":"1,5"}"#.to_vec();
    let got = world.send_with(Some(person), Method::Patch, &answers, Some(twice), &[("If-Match", "*")]).await;
    assert_eq!(got.status, 200, "{}", got.text());
}

/// Headers that say nothing, too much, or what is not so.
async fn headers(world: &World, person: &Person, dossier: &str) {
    let answers = format!("/api/v1/dossiers/{dossier}/answers");
    for value in ["garbage", "", "\"1\", \"2\"", "\"99999999999999999999\"", "1.5", "\u{e9}"] {
        refused(world, Some(person), (Method::Patch, &answers), b"{\"4.05\":\"1\"}", &[("If-Match", value)]).await;
    }
    refused(world, Some(person), (Method::Patch, &answers), b"{\"4.05\":\"1\"}", &[]).await;
    let key = "k".repeat(201);
    let organisation = (Method::Post, "/api/v1/organisations");
    refused(world, Some(person), organisation, b"{}", &[("Idempotency-Key", &key)]).await;
    let long = format!("Bearer {}", "a".repeat(7000));
    for token in
        ["Bearer", "Bearer x", "Bearer a.b.c", "Bearer eyJhbGciOiJub25lIn0.e30.", "Basic eA==", "\u{e9}", &long]
    {
        refused(world, None, (Method::Get, "/api/v1/me"), b"", &[("Authorization", token)]).await;
        let piece = format!("/api/v1/dossiers/{dossier}/pieces/P01");
        refused(world, None, (Method::Put, &piece), b"x", &[("Authorization", token)]).await;
    }
    for cookie in
        ["ami_access=x", "ami_refresh=x", "ami_access=; ami_refresh=", "=;=", "ami_note=a{b}", "ami_note=\u{e9}"]
    {
        refused(world, None, (Method::Get, "/api/v1/me"), b"", &[("Cookie", cookie)]).await;
        assert_eq!(world.send_with(None, Method::Get, "/", None, &[("Cookie", cookie)]).await.status, 200, "{cookie}");
    }
    for (name, value) in [("Range", "bytes=5-1"), ("Range", "x"), ("Accept", ";;;"), ("Content-Type", "/")] {
        let got = world.send_with(None, Method::Get, "/api/v1/calls", None, &[(name, value)]).await;
        assert_eq!(got.status, 200, "{name}: {value}");
    }
    for method in [Method::Put, Method::Patch, Method::Delete, Method::Options, Method::Trace] {
        refused(world, Some(person), (method, "/api/v1/calls"), b"", &[]).await;
        refused(world, Some(person), (method, "/connexion"), b"", &[]).await;
    }
}

/// Addresses of nothing.
async fn paths(world: &World, person: &Person, officer: &Person, dossier: &str) {
    let long = "a".repeat(4000);
    for word in ["%00", "a%00b", "%ff", "%E2%82", "..%2f..", "%20", "null", "'", "%7Bx%7D", &long] {
        for route in [
            "calls/*",
            "calls/*/dossiers",
            "calls/*/seats",
            "calls/*/decisions.csv",
            "dossiers/*",
            "sheets/*",
            "rankings/*",
            "rankings/*.pdf",
            "pieces/*",
            "organisations/*",
            "dossiers/*/receipt.pdf",
            "*",
        ] {
            let path = format!("/api/v1/{}", route.replace('*', word));
            refused(world, Some(officer), (Method::Get, &path), b"", &[]).await;
        }
        for route in [
            "appels/*",
            "appels/*/candidater",
            "dossiers/*",
            "gestion/*",
            "gestion/*/dossiers",
            "fiches/*",
            "gestion/dossiers/*",
            "gestion/classements/*",
            "jury/*/declaration",
            "static/*",
            "structures/*",
            "*",
        ] {
            let path = format!("/{}", route.replace('*', word));
            refused(world, Some(person), (Method::Get, &path), b"", &[]).await;
        }
        let piece = format!("/api/v1/dossiers/{dossier}/pieces/{word}");
        refused(world, Some(person), (Method::Put, &piece), b"%PDF-1.4", &[]).await;
    }
    for query in ["lot=%00&etat=%00", "lot=%ff", "lot=a&lot=b", "lot[]=1", "=&&&", "lot=%zz", &format!("lot={long}")] {
        for path in ["/gestion/AMI-ALI-2027/dossiers", "/appels/AMI-ALI-2027/candidater"] {
            let got = world.send_with(Some(officer), Method::Get, &format!("{path}?{query}"), None, &[]).await;
            assert_eq!(got.status, 200, "{path}?{query}");
        }
        let jeton = query.replace("lot", "jeton");
        let got = world.send_with(None, Method::Get, &format!("/compte/mot-de-passe?{jeton}"), None, &[]).await;
        assert_eq!(got.status, 200, "{jeton}");
    }
}

/// Values that fit their JSON type and nothing else. A saved answer is fine; a fault is not (the helper sees to it).
async fn fields(world: &World, person: &Person, officer: &Person, dossier: &str) {
    let answers = format!("/dossiers/{dossier}/answers");
    let long = "💥".repeat(5000);
    let values = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1e308),
        json!(i64::MIN),
        json!(u64::MAX),
        json!("\u{0}"),
        json!("a\u{0}b"),
        json!("NaN"),
        json!("0000-01-01"),
        json!("99999-99-99"),
        json!("999999999999999"),
        json!(long),
        json!([]),
        json!([[]]),
        json!({}),
        json!([{}]),
        json!({ "a\u{0}": "\u{0}" }),
        json!([{ "a": "\u{0}" }]),
        json!(["ALI-01", "ALI-01", 1]),
    ];
    for field in world.call.form.fields() {
        for value in &values {
            let body = json!({ (field.code.clone()): value });
            let got = world.patch(person, &answers, Some("*"), body).await;
            assert!(got.status < 500, "{} {value}: {}", field.code, got.text());
            // The page keeps what was typed, valid or not.
            if let Some(text) = value.as_str() {
                let section = world.call.form.sections.iter().find(|s| s.fields.iter().any(|f| f.code == field.code));
                let path = format!("/dossiers/{dossier}/sections/{}", section.unwrap().code);
                let form = format!("revision=*&{}={}", field.code, text.replace('\0', "%00"));
                let got = world.send_with(Some(person), Method::Post, &path, Some(form.into_bytes()), &[]).await;
                assert!(got.status < 500, "{path} {}", field.code);
            }
        }
    }
    for name in ["a\0.pdf", "../../x.pdf", "", "\u{202e}fdp.exe", &"é".repeat(3000)] {
        let encoded: String = name.bytes().map(|b| format!("%{b:02X}")).collect::<Vec<_>>().concat();
        let disposition = format!("attachment; filename*=UTF-8''{encoded}");
        let path = format!("/api/v1/dossiers/{dossier}/pieces/P01");
        let pdf = ami::demo_data::plain_pdf("P01", "x");
        let got = world
            .send_with(Some(person), Method::Put, &path, Some(pdf), &[("Content-Disposition", &disposition)])
            .await;
        assert!(got.status < 500, "{name:?}: {}", got.text());
    }
    let nul = "x\u{0}y";
    let bodies = [
        (None, Method::Post, "/api/v1/accounts", json!({ "email": "a@b.fr\u{0}", "name": nul, "password": nul })),
        (
            None,
            Method::Post,
            "/api/v1/accounts",
            json!({ "email": "n@b.fr", "name": nul, "password": "long enough \u{0}\u{0}" }),
        ),
        (None, Method::Post, "/api/v1/session", json!({ "email": nul, "password": nul })),
        (None, Method::Post, "/api/v1/session/refresh", json!({ "refresh_token": nul })),
        (None, Method::Post, "/api/v1/accounts/password-reset", json!({ "email": "a\u{0}@b.fr" })),
        (None, Method::Put, "/api/v1/accounts/password", json!({ "token": nul, "password": "long enough \u{0}\u{0}" })),
        (
            Some(person),
            Method::Post,
            "/api/v1/organisations",
            json!({ "name": nul, "siret": "73282932000074", "legal_form": nul, "rna": nul }),
        ),
        (
            Some(person),
            Method::Post,
            "/api/v1/organisations",
            json!({ "name": nul, "siret": "73282932000074", "legal_form": "association" }),
        ),
        (Some(officer), Method::Post, "/api/v1/calls", json!({ "code": nul })),
        (
            Some(officer),
            Method::Post,
            "/api/v1/calls/AMI-ALI-2027/seats",
            json!({ "name": nul, "email": "j@b.fr", "college": "experts", "voice": "deliberative" }),
        ),
    ];
    for (who, method, path, body) in bodies {
        let got = world.send(who, method, path, Some(body.clone())).await;
        assert!(got.status < 500, "{path} {body}: {}", got.text());
    }
    let mut call = serde_json::to_value(&world.call).unwrap();
    for (at, value) in
        [("/code", json!("A\u{0}B")), ("/title", json!("a\u{0}b")), ("/lots/0/capacity", json!(u64::MAX))]
    {
        *call.pointer_mut(at).unwrap() = value;
        refused(world, Some(officer), (Method::Post, "/api/v1/calls"), call.to_string().as_bytes(), &[]).await;
    }
}

/// Forms with nothing, twice, too much or not text in their fields.
async fn pages(world: &World, person: &Person, officer: &Person, dossier: &str) {
    let long = format!("email={}", "a".repeat(3_000_000));
    let forms: [&[u8]; 8] = [
        b"",
        b"email=&name=&password=&token=&organisation=&lot=&state=&seat=&dossier=",
        b"email=%00&name=%00&password=%00&token=%00&organisation=%00&lot=%00&state=%00&college=%00&reason=%00&dossier=%00",
        b"email=%ff&name=%ff&password=%ff&token=%ff&organisation=%ff&lot=%ff&state=%ff",
        b"email=a&email=b&name=a&name=b&password=a&password=b&token=a&token=b",
        b"\xff\xfe=\0&&&=&=",
        b"%=%&%zz=%zz",
        long.as_bytes(),
    ];
    for form in forms {
        for path in ["/connexion", "/inscription", "/compte/confirmation", "/compte/mot-de-passe-oublie"] {
            refused(world, None, (Method::Post, path), form, &[]).await;
        }
        for path in ["/structures/nouvelle", "/appels/AMI-ALI-2027/candidater"] {
            refused(world, Some(person), (Method::Post, path), form, &[]).await;
        }
        for path in ["/gestion/AMI-ALI-2027/etape", "/gestion/AMI-ALI-2027/jury", "/gestion/AMI-ALI-2027/affectations"]
        {
            refused(world, Some(officer), (Method::Post, path), form, &[]).await;
        }
    }
    let upload = format!("/dossiers/{dossier}/pieces/P02");
    let kinds = ["text/plain", "multipart/form-data", "multipart/form-data; boundary=x", "/"];
    for kind in kinds {
        refused(world, Some(person), (Method::Post, &upload), b"--x\r\n\r\n", &[("Content-Type", kind)]).await;
    }
}

#[test]
fn a_refused_client_that_still_sends_gets_its_answer() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(&folder.path().join("data"));
    let host = demo.ready()["url"].as_str().unwrap().trim_start_matches("http://").to_owned();
    let dossier = "01890000-0000-7000-8000-000000000000";
    for (line, header, status) in [
        ("POST /api/v1/session", "Content-Type: application/json", "413"),
        ("POST /api/v1/organisations", "Content-Type: application/json", "401"),
        (&format!("PUT /api/v1/dossiers/{dossier}/pieces/P01"), "Accept: */*", "401"),
        (&format!("PUT /api/v1/dossiers/{dossier}/pieces/P01"), "Authorization: Bearer expired", "401"),
        ("POST /connexion", &format!("Origin: http://{host}"), "413"),
    ] {
        let mut stream = TcpStream::connect(&host).unwrap();
        let head = format!("{line} HTTP/1.1\r\nHost: {host}\r\n{header}\r\nContent-Length: 10000000\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        // With the body unread, this fails: the connection is reset.
        stream.write_all(&vec![b'a'; 10_000_000]).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(String::from_utf8_lossy(&answer), format!("HTTP/1.1 {status}"), "{line}");
    }
    // A head that names no host, or two, could be read in two ways by what stands between (RFC 9112, 3.2).
    let cookies = format!("Host: {host}\r\nX-Long: {}\r\n", "a".repeat(40_000));
    for (line, headers, status) in [
        ("GET /", "Accept: */*\r\n", "400"),
        ("GET /api/v1/calls", "Accept: */*\r\n", "400"),
        ("GET /", &format!("Host: {host}\r\nHost: autre.example\r\n"), "400"),
        ("POST /api/v1/session", &format!("Host: {host}\r\nHost: {host}\r\nContent-Length: 0\r\n"), "400"),
        ("GET /", &cookies, "431"),
        ("GET /api/v1/calls", &format!("Host: {host}\r\n"), "200"),
        ("GET /healthz", "Accept: */*\r\n", "200"),
    ] {
        let mut stream = TcpStream::connect(&host).unwrap();
        stream.write_all(format!("{line} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{line} {headers:.60}: {answer}");
        assert_eq!(answer.contains("application/problem+json"), line.contains("/api/") && status != "200", "{answer}");
    }
}
