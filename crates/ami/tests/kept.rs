//! What is kept is given to nobody who may not see it: who asks, and what they may see, is asked before every byte and every 304.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io::Read as _;

use ami_database::ConnectionTrait as _;
use common::jury::{self, Scene};
use common::{Person, World, databases};
use rocket::http::{Header, Method};

/// An answer with all of its headers.
struct Whole {
    status: u16,
    headers: Vec<(String, String)>,
    bytes: Vec<u8>,
}

impl Whole {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn tag(&self) -> String {
        self.header("ETag").unwrap().to_owned()
    }

    fn text(&self) -> String {
        String::from_utf8(self.bytes.clone()).unwrap()
    }
}

async fn ask(world: &World, who: Option<&Person>, method: Method, path: &str, headers: &[(&str, &str)]) -> Whole {
    let mut request = world.client.req(method, path.to_owned());
    if let Some(who) = who {
        request.add_header(Header::new("Authorization", format!("Bearer {}", who.token)));
    }
    for (name, value) in headers {
        request.add_header(Header::new((*name).to_owned(), (*value).to_owned()));
    }
    let answer = request.dispatch().await;
    let headers = answer.headers().iter().map(|h| (h.name().to_string(), h.value().to_owned())).collect();
    Whole { status: answer.status().code, headers, bytes: answer.into_bytes().await.unwrap_or_default() }
}

async fn read(world: &World, who: Option<&Person>, path: &str, known: Option<&str>) -> Whole {
    let headers: Vec<(&str, &str)> = known.iter().map(|tag| ("If-None-Match", *tag)).collect();
    ask(world, who, Method::Get, path, &headers).await
}

/// A call in plenary with a ranking: its page and its JSON.
async fn ranked(world: &World) -> (Scene, [String; 2]) {
    let scene = jury::marking(world, 2, 3).await;
    jury::sign_all(world, &scene).await;
    world.advance(&scene.officer, "hearings").await;
    let id = jury::rank(world, &scene).await["id"].as_str().unwrap().to_owned();
    world.advance(&scene.officer, "plenary").await;
    (scene, [format!("/gestion/classements/{id}"), format!("/api/v1/rankings/{id}")])
}

#[rocket::async_test]
async fn a_kept_ranking_is_given_to_those_who_may_see_it_only() {
    for database in databases() {
        let world = World::new(database).await;
        let (scene, paths) = ranked(&world).await;
        let (officer, juror) = (&scene.officer, &scene.jurors[1]);
        let (rival, dossier) = &scene.dossiers[0];
        let number = world.get(officer, &format!("/dossiers/{dossier}/decision")).await;
        assert_eq!(number.status, 404);
        for path in &paths {
            let whole = read(&world, Some(officer), path, None).await;
            let tag = whole.tag();
            assert!(whole.status == 200 && whole.text().contains("ALI-07"), "{}", whole.text());
            assert_eq!(whole.header("Cache-Control"), Some("private, no-cache"));
            assert!(whole.header("Vary").unwrap().contains("Cookie"));
            let known = read(&world, Some(officer), path, Some(&tag)).await;
            assert_eq!((known.status, known.bytes.len()), (304, 0));
            // Those who may not see it learn nothing by its tag.
            assert_eq!(read(&world, Some(rival), path, Some(&tag)).await.status, 404);
            assert!(matches!(read(&world, None, path, Some(&tag)).await.status, 303 | 401));
            // A juror has a tag of their own, and reads nothing of how severe each is.
            let theirs = read(&world, Some(&juror.person), path, Some(&tag)).await;
            assert!(theirs.status == 200 && theirs.tag() != tag);
            let text = theirs.text();
            assert!(!text.contains("Sévérité") && !text.contains("standard_error") && !text.contains("Officer"));
        }
        let before = [
            read(&world, Some(&juror.person), &paths[0], None).await,
            read(&world, Some(&juror.person), &paths[1], None).await,
        ];
        assert!(before.iter().all(|whole| whole.text().contains(dossier.as_str())));
        // Once excluded, what was kept for them is no longer theirs.
        jury::recuse(&world, &scene, juror, dossier).await;
        for (path, before) in paths.iter().zip(&before) {
            let after = read(&world, Some(&juror.person), path, Some(&before.tag())).await;
            assert!(after.status == 200 && !after.text().contains(dossier.as_str()), "{path}");
            let other = read(&world, Some(&scene.jurors[2].person), path, None).await;
            assert!(other.text().contains(dossier.as_str()));
        }
        world.end().await;
    }
}

#[rocket::async_test]
async fn nothing_kept_outlives_a_sign_in_or_a_right() {
    for database in databases() {
        let world = World::new(database).await;
        let (scene, paths) = ranked(&world).await;
        let officer = &scene.officer;
        let tags = [
            read(&world, Some(officer), &paths[0], None).await.tag(),
            read(&world, Some(officer), &paths[1], None).await.tag(),
        ];
        let out = ask(&world, Some(officer), Method::Delete, "/api/v1/session", &[]).await;
        assert_eq!((out.status, out.header("Clear-Site-Data")), (204, Some("\"cache\"")));
        for (path, tag) in paths.iter().zip(&tags) {
            assert!(matches!(read(&world, Some(officer), path, Some(tag)).await.status, 303 | 401));
        }
        let again = world.sign_in_again("Officer").await;
        assert_eq!(read(&world, Some(&again), &paths[0], Some(&tags[0])).await.status, 304);
        // The right itself: no longer an officer of the call.
        world.app.database.read().execute_unprepared("DELETE FROM officers").await.unwrap();
        for (path, tag) in paths.iter().zip(&tags) {
            let got = read(&world, Some(&again), path, Some(tag)).await;
            assert!(got.status == 404 && !got.text().contains("ALI-07"), "{path}");
        }
        world.end().await;
    }
}

#[rocket::async_test]
async fn public_pages_are_kept_for_visitors_and_change_with_the_call() {
    for database in databases() {
        let world = World::new(database).await;
        world.set_clock("2027-01-10T09:00:00Z");
        let empty = read(&world, None, "/", None).await;
        assert!(empty.text().contains("Aucun appel"));
        let officer = world.published().await;
        let home = read(&world, None, "/", Some(&empty.tag())).await;
        assert!(home.status == 200 && home.text().contains("AMI-ALI-2027"));
        assert_eq!(home.header("Cache-Control"), Some("no-cache"));
        assert_eq!(read(&world, None, "/", Some(&home.tag())).await.status, 304);
        // Whoever is signed in has a page of their own, which nobody keeps.
        let own = read(&world, Some(&officer), "/", Some(&home.tag())).await;
        assert!(own.status == 200 && own.text().contains("Officer"));
        assert_eq!((own.header("Cache-Control"), own.header("ETag")), (Some("no-store"), None));
        assert!(!read(&world, None, "/", None).await.text().contains("Officer"));
        // The call's page changes at the tick of its calendar.
        let path = "/appels/AMI-ALI-2027";
        let before = read(&world, None, path, None).await;
        assert_eq!(read(&world, None, path, Some(&before.tag())).await.status, 304);
        world.set_clock("2027-02-10T09:00:00Z");
        let open = read(&world, None, path, Some(&before.tag())).await;
        assert!(open.status == 200 && open.text().contains("Candidater"));
        assert_eq!(read(&world, None, "/appels/AUTRE", None).await.status, 404);
        world.end().await;
    }
}

#[rocket::async_test]
async fn answers_are_compressed_where_that_tells_nothing() {
    let world = World::new("sqlite").await;
    let (scene, paths) = ranked(&world).await;
    let list = format!("/gestion/{}/dossiers", world.call.code);
    let gzip = [("Accept-Encoding", "br;q=0.9, gzip;q=0.8")];
    for path in paths.iter().map(String::as_str).chain([list.as_str()]) {
        let plain = read(&world, Some(&scene.officer), path, None).await;
        let packed = ask(&world, Some(&scene.officer), Method::Get, path, &gzip).await;
        assert_eq!(
            (plain.header("Content-Encoding"), packed.header("Content-Encoding")),
            (None, Some("gzip")),
            "{path}"
        );
        let mut text = String::new();
        flate2::read::GzDecoder::new(packed.bytes.as_slice()).read_to_string(&mut text).unwrap();
        assert_eq!(text, plain.text(), "{path}");
        assert!(packed.bytes.len() * 2 < plain.bytes.len());
        let refused =
            ask(&world, Some(&scene.officer), Method::Get, path, &[("Accept-Encoding", "gzip;q=0, br")]).await;
        assert_eq!(refused.header("Content-Encoding"), None);
    }
    // A page with a secret, and one that gives back its address.
    for path in ["/compte/mot-de-passe?jeton=secret", "/connexion?vers=/essai", "/demonstration/courriels"] {
        assert_eq!(ask(&world, None, Method::Get, path, &gzip).await.header("Content-Encoding"), None, "{path}");
    }
    world.end().await;
}
