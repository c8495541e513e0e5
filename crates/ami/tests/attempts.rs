//! Failed sign-ins and messages asked for are limited, by account and by network address.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{PASSWORD, World};
use rocket::http::{ContentType, Header};
use serde_json::json;

/// Status, `Retry-After`, body.
async fn post(world: &World, path: &str, body: String, from: &str) -> (u16, Option<String>, String) {
    let kind = if path.starts_with("/api") { ContentType::JSON } else { ContentType::Form };
    let (host, origin) = (Header::new("Host", "localhost"), Header::new("Origin", "http://localhost"));
    let mut request = world.client.post(path.to_owned()).header(kind).header(host).header(origin).body(body);
    request.set_remote("127.0.0.1:4000".parse().unwrap());
    request.add_header(Header::new("X-Real-IP", from.to_owned()));
    let answer = request.dispatch().await;
    let after = answer.headers().get_one("Retry-After").map(str::to_owned);
    (answer.status().code, after, answer.into_string().await.unwrap_or_default())
}

async fn sign_in(world: &World, name: &str, password: &str, from: &str) -> u16 {
    let body = json!({ "email": format!("{name}@demonstration.example"), "password": password }).to_string();
    post(world, "/api/v1/session", body, from).await.0
}

#[rocket::async_test]
async fn a_series_of_failures_holds_one_account_up_for_a_while() {
    let world = World::new("sqlite").await;
    world.set_clock("2027-02-01T09:00:00Z");
    for name in ["ada", "bea"] {
        world.person(name, false).await;
    }
    // Nine failures and a success, twice: nobody is held up.
    for _ in 0..2 {
        for _ in 0..9 {
            assert_eq!(sign_in(&world, "ada", "faux", "192.0.2.1").await, 401);
        }
        assert_eq!(sign_in(&world, "ada", PASSWORD, "192.0.2.1").await, 200);
    }
    for name in ["ada", "nobody"] {
        for _ in 0..10 {
            assert_eq!(sign_in(&world, name, "faux", "192.0.2.1").await, 401);
        }
        // From anywhere, with the right password too, and whether there is such an account or not.
        assert_eq!(sign_in(&world, name, PASSWORD, "192.0.2.2").await, 429);
    }
    assert_eq!(sign_in(&world, "bea", PASSWORD, "192.0.2.1").await, 200);

    let body = json!({ "email": "ada@demonstration.example", "password": PASSWORD }).to_string();
    let (status, after, problem) = post(&world, "/api/v1/session", body, "192.0.2.1").await;
    assert_eq!((status, after.as_deref()), (429, Some("900")));
    assert!(problem.contains("/problems/too-many-sign-ins") && problem.contains("Réessayez dans 15 min"), "{problem}");
    let form = format!("email=ada%40demonstration.example&password={}", PASSWORD.replace(' ', "+"));
    let (status, after, page) = post(&world, "/connexion", form, "192.0.2.1").await;
    assert_eq!((status, after.as_deref()), (429, Some("900")));
    assert!(page.contains("<h1>Trop d'essais</h1>") && page.contains("Réessayez dans 15 min"), "{page}");

    world.set_clock("2027-02-01T09:15:00Z");
    assert_eq!(sign_in(&world, "ada", PASSWORD, "192.0.2.1").await, 200);
    world.end().await;
}

#[rocket::async_test]
async fn messages_are_limited_and_so_is_an_address() {
    let world = World::new("sqlite").await;
    let ask = json!({ "email": "ada@demonstration.example" }).to_string();
    for _ in 0..5 {
        assert_eq!(post(&world, "/api/v1/accounts/password-reset", ask.clone(), "192.0.2.1").await.0, 202);
    }
    assert_eq!(post(&world, "/api/v1/accounts/password-reset", ask, "192.0.2.1").await.0, 429);
    let form = "email=ada%40demonstration.example&name=Ada+L&password=un+mot+de+passe+long";
    let (status, after, page) = post(&world, "/inscription", form.into(), "192.0.2.1").await;
    assert!(status == 429 && after.is_some() && page.contains("Trop de messages demandés"), "{status} {page}");
    for n in 5..200 {
        let ask = json!({ "email": format!("n{n}@demonstration.example") }).to_string();
        assert_eq!(post(&world, "/api/v1/accounts/password-reset", ask, "192.0.2.1").await.0, 202, "{n}");
    }
    let other = json!({ "email": "bea@demonstration.example" }).to_string();
    assert_eq!(post(&world, "/api/v1/accounts/password-reset", other.clone(), "192.0.2.1").await.0, 429);
    assert_eq!(post(&world, "/api/v1/accounts/password-reset", other, "192.0.2.2").await.0, 202);
    world.end().await;
}
