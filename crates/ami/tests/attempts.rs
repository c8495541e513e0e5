//! Wrong passwords, messages asked for and invitations are limited, by account, by network address, by browser. Nobody is held up
//! by what others try but those whom nothing tells from them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{PASSWORD, World, databases};
use futures_util::future::join_all;
use rocket::http::{ContentType, Header};
use serde_json::json;

/// Status, `Retry-After`, body, and the cookie that tells the browser.
struct Answered {
    status: u16,
    after: Option<String>,
    body: String,
    browser: Option<String>,
}

async fn post(world: &World, path: &str, body: String, from: &str, browser: Option<&str>) -> Answered {
    let kind = if path.starts_with("/api") { ContentType::JSON } else { ContentType::Form };
    let (host, origin) = (Header::new("Host", "localhost"), Header::new("Origin", "http://localhost"));
    let mut request = world.client.post(path.to_owned()).header(kind).header(host).header(origin).body(body);
    request.set_remote("127.0.0.1:4000".parse().unwrap());
    request.add_header(Header::new("X-Real-IP", from.to_owned()));
    if let Some(browser) = browser {
        request = request.cookie(("ami_browser", browser.to_owned()));
    }
    let answer = request.dispatch().await;
    let after = answer.headers().get_one("Retry-After").map(str::to_owned);
    let browser = answer.headers().get("Set-Cookie").find(|c| c.starts_with("ami_browser="));
    let browser = browser.map(|cookie| {
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
        let (value, _) = cookie.trim_start_matches("ami_browser=").split_once(';').unwrap();
        value.to_owned()
    });
    Answered { status: answer.status().code, after, browser, body: answer.into_string().await.unwrap_or_default() }
}

async fn sign_in(world: &World, name: &str, password: &str, from: &str, browser: Option<&str>) -> Answered {
    let body = json!({ "email": format!("{name}@demonstration.example"), "password": password }).to_string();
    post(world, "/api/v1/session", body, from, browser).await
}

/// So many wrong passwords, ten at a time, from as many addresses as it takes for none of them to be held up.
async fn guess(world: &World, name: &str, many: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for tens in 0..many / 10 {
        let from = format!("192.0.2.{tens}");
        let ten = join_all((0..10).map(|_| sign_in(world, name, "faux", &from, None))).await;
        statuses.extend(ten.into_iter().map(|a| a.status));
    }
    statuses
}

#[rocket::async_test]
async fn a_hundred_wrong_passwords_hold_up_nobody_whom_the_account_knows() {
    for database in databases() {
        let world = World::new(database).await;
        world.set_clock("2027-02-01T09:00:00Z");
        for name in ["ada", "bea"] {
            world.person(name, false).await;
        }
        let known = sign_in(&world, "ada", PASSWORD, "198.51.100.1", None).await.browser.unwrap();
        let of_bea = sign_in(&world, "bea", PASSWORD, "198.51.100.1", None).await.browser.unwrap();
        assert_eq!(guess(&world, "ada", 90).await, [401; 90]);
        assert_eq!(sign_in(&world, "ada", PASSWORD, "198.51.100.2", None).await.status, 200, "none below refuses it");
        assert_eq!(guess(&world, "ada", 10).await, [401; 10], "the right one did not count");
        let mut held = guess(&world, "ada", 20).await;
        held.dedup();
        assert_eq!(held, [429]);
        let refused = sign_in(&world, "ada", PASSWORD, "198.51.100.2", None).await;
        assert_eq!((refused.status, refused.after.as_deref()), (429, Some("3600")));
        assert!(refused.body.contains("/problems/too-many-sign-ins") && refused.body.contains("60 min"));
        // Another account's browser is nobody's here; nobody else is held up; the account's own passes, and only it.
        assert_eq!(sign_in(&world, "ada", PASSWORD, "198.51.100.2", Some(&of_bea)).await.status, 429);
        assert_eq!(sign_in(&world, "bea", PASSWORD, "198.51.100.2", None).await.status, 200);
        assert_eq!(sign_in(&world, "ada", "faux", "198.51.100.2", Some(&known)).await.status, 401);
        let passed = sign_in(&world, "ada", PASSWORD, "198.51.100.2", Some(&known)).await;
        assert_eq!(passed.status, 200);
        // A page says so too.
        let form = format!("email=ada%40demonstration.example&password={}", PASSWORD.replace(' ', "+"));
        let page = post(&world, "/connexion", form.clone(), "198.51.100.2", None).await;
        assert!(page.status == 429 && page.body.contains("<h1>Trop d'essais</h1>"), "{}", page.body);
        assert_eq!(post(&world, "/connexion", form, "198.51.100.2", Some(&known)).await.status, 303);
        // A new password lifts it.
        let ask = json!({ "email": "ada@demonstration.example" }).to_string();
        assert_eq!(post(&world, "/api/v1/accounts/password-reset", ask, "198.51.100.2", None).await.status, 202);
        let token = world.links("ada@demonstration.example").await.pop().unwrap();
        let chosen = json!({ "token": token, "password": "un tout autre mot de passe" });
        let chosen = world.send(None, rocket::http::Method::Put, "/api/v1/accounts/password", Some(chosen)).await;
        assert_eq!(chosen.status, 204, "{}", chosen.text());
        let new = sign_in(&world, "ada", "un tout autre mot de passe", "198.51.100.2", None).await;
        assert_eq!(new.status, 200);
        // An hour later nothing is held up any more.
        assert_eq!(guess(&world, "ada", 110).await[109], 429);
        world.set_clock("2027-02-01T10:00:00Z");
        assert_eq!(sign_in(&world, "ada", "un tout autre mot de passe", "198.51.100.2", None).await.status, 200);
        world.end().await;
    }
}

#[rocket::async_test]
async fn thirty_wrong_passwords_hold_an_address_up_whoever_they_were_tried_on() {
    for database in databases() {
        let world = World::new(database).await;
        world.set_clock("2027-02-01T09:00:00Z");
        world.person("ada", false).await;
        let known = sign_in(&world, "ada", PASSWORD, "192.0.2.1", None).await.browser.unwrap();
        for ten in 0..3 {
            let names: Vec<String> = (0..10).map(|n| format!("n{ten}{n}")).collect();
            let guesses = join_all(names.iter().map(|name| sign_in(&world, name, "faux", "192.0.2.1", None))).await;
            assert!(guesses.iter().all(|a| a.status == 401));
        }
        let refused = sign_in(&world, "ada", PASSWORD, "192.0.2.1", None).await;
        assert_eq!((refused.status, refused.after.as_deref()), (429, Some("900")));
        assert_eq!(sign_in(&world, "ada", PASSWORD, "192.0.2.1", Some(&known)).await.status, 200);
        assert_eq!(sign_in(&world, "ada", PASSWORD, "192.0.2.2", None).await.status, 200);
        world.set_clock("2027-02-01T09:15:00Z");
        assert_eq!(sign_in(&world, "ada", PASSWORD, "192.0.2.1", None).await.status, 200);
        world.end().await;
    }
}

#[rocket::async_test]
async fn messages_are_limited_and_so_is_an_address() {
    let world = World::new("sqlite").await;
    let reset = async |name: &str, from: &str| {
        let ask = json!({ "email": format!("{name}@demonstration.example") }).to_string();
        post(&world, "/api/v1/accounts/password-reset", ask, from, None).await.status
    };
    for _ in 0..5 {
        assert_eq!(reset("ada", "192.0.2.1").await, 202);
    }
    assert_eq!(reset("ada", "192.0.2.1").await, 429);
    let form = "email=ada%40demonstration.example&name=Ada+L&password=un+mot+de+passe+long";
    let refused = post(&world, "/inscription", form.into(), "192.0.2.1", None).await;
    let said = refused.body.contains("Trop de messages demandés");
    assert!(refused.status == 429 && refused.after.is_some() && said, "{}", refused.body);
    for n in 5..200 {
        assert_eq!(reset(&format!("n{n}"), "192.0.2.1").await, 202, "{n}");
    }
    assert_eq!(reset("bea", "192.0.2.1").await, 429);
    assert_eq!(reset("bea", "192.0.2.2").await, 202);
    world.end().await;
}

#[rocket::async_test]
async fn invitations_are_counted() {
    let world = World::new("sqlite").await;
    let (first, organisation, _) = world.applicant(1).await;
    let members = format!("/organisations/{organisation}/members");
    let invite = |n: usize| json!({ "name": "Quelqu'un", "email": format!("n{n}@demonstration.example") });
    for n in 0..30 {
        world.post(&first, &members, invite(n)).await.ok();
    }
    assert_eq!(world.post(&first, &members, invite(30)).await.problem(), (429, "too-many-invitations".into()));
    assert!(world.links("n30@demonstration.example").await.is_empty());
    world.end().await;
}
