//! Lists in parts: by cursor in the API, by page for people; and what they cost when a call has 40,000 dossiers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeSet;

use ami_database::{ConnectionTrait as _, DbBackend};
use common::jury;
use common::{Person, World, databases};
use rocket::http::Method;
use serde_json::json;

/// A closed call with this many admissible dossiers, put there by SQL, and its officer.
async fn many(world: &World, dossiers: usize) -> Person {
    world.set_clock("2027-03-15T11:00:01Z");
    let officer = world.published().await;
    world.advance(&officer, "admissibility").await;
    world.advance(&officer, "marking").await;
    let conn = world.app.database.read();
    let account = officer.account.uuid();
    let uuid = |kind: u8, n: usize| format!("01890000-00{kind:02x}-7000-8000-{n:012x}");
    // Literals for both databases: SQLite keeps a UUID as its 16 bytes.
    let lite = conn.get_database_backend() == DbBackend::Sqlite;
    let id = |text: &str| if lite { format!("x'{}'", text.replace('-', "")) } else { format!("'{text}'") };
    let lots: Vec<&str> = world.call.lots.iter().map(|l| l.code.as_str()).collect();
    let numbers: Vec<usize> = (1..=dossiers).collect();
    for chunk in numbers.chunks(500) {
        let organisations: Vec<String> = chunk
            .iter()
            .map(|n| {
                let (me, by) = (id(&uuid(1, *n)), id(&account.to_string()));
                // One SIRET for all: kept apart, as those that were registered twice are.
                format!("({me}, 'Structure {n}', '73282932000074', NULL, 'association', 0, {by}, {me})")
            })
            .collect();
        let rows: Vec<String> = chunk
            .iter()
            .map(|n| {
                let (me, of, by) = (id(&uuid(2, *n)), id(&uuid(1, *n)), id(&account.to_string()));
                let lot = lots[n % lots.len()];
                let call = "(SELECT id FROM calls WHERE code = 'AMI-ALI-2027')";
                format!("({me}, {call}, {of}, '{lot}', {n}, 'admissible', 1, 1, 0, {by}, 0)")
            })
            .collect();
        // Each was filed once; what counts is named by the dossier.
        let deposits: Vec<String> = chunk
            .iter()
            .map(|n| {
                let (me, on, of) = (id(&uuid(3, *n)), id(&uuid(2, *n)), id(&uuid(1, *n)));
                let by = id(&account.to_string());
                format!(
                    "({me}, {on}, 1, 0, {by}, '{{}}', 'x', 1, {of}, 'Structure {n}', '73282932000074', 'association')"
                )
            })
            .collect();
        let columns = "id, call_id, organisation_id, lot, number, state, revision, answers_revision, created_at, \
                       created_by, deposited_at";
        let sealed = "id, dossier_id, version, deposited_at, deposited_by, content, content_sha256, call_version, \
                      organisation_id, organisation, siret, legal_form";
        for (table, rows) in [
            ("organisations".to_owned(), organisations),
            (format!("dossiers ({columns})"), rows),
            (format!("deposits ({sealed})"), deposits),
        ] {
            conn.execute_unprepared(&format!("INSERT INTO {table} VALUES {}", rows.join(", "))).await.unwrap();
        }
    }
    let counting = "UPDATE dossiers SET deposit_id = (SELECT p.id FROM deposits p WHERE p.dossier_id = dossiers.id)";
    conn.execute_unprepared(counting).await.unwrap();
    officer
}

/// Follows `next` to the end: how many items in all and how many parts. None comes twice.
async fn walk(world: &World, who: &Person, path: &str, key: &str) -> (usize, usize) {
    let (mut seen, mut parts, mut cursor) = (BTreeSet::new(), 0, String::new());
    loop {
        let join = if path.contains('?') { '&' } else { '?' };
        let page = world.get(who, &format!("{path}{join}limit=10{cursor}")).await.ok();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 10);
        for item in items {
            assert!(seen.insert(item[key].to_string()), "{path}: {item} twice");
        }
        parts += 1;
        match page["next"].as_str() {
            None => return (seen.len(), parts),
            Some(next) => cursor = format!("&cursor={next}"),
        }
    }
}

#[rocket::async_test]
async fn every_list_is_read_in_parts() {
    for database in databases() {
        let world = World::new(database).await;
        let officer = many(&world, 250).await;
        let call = "/calls/AMI-ALI-2027";
        assert_eq!(walk(&world, &officer, &format!("{call}/dossiers"), "id").await, (250, 25));
        assert_eq!(walk(&world, &officer, &format!("{call}/dossiers?state=deposited"), "id").await, (0, 1));
        let lot = walk(&world, &officer, &format!("{call}/dossiers?lot=ALI-01&state=admissible"), "id").await.0;
        assert!((10..15).contains(&lot), "{lot}");
        assert_eq!(walk(&world, &officer, &format!("{call}/assignments"), "dossier").await, (250, 25));
        assert_eq!(walk(&world, &officer, &format!("{call}/decisions"), "dossier").await, (250, 25));
        assert_eq!(walk(&world, &officer, &format!("{call}/seats"), "id").await, (0, 1));
        // Calls that are somebody else's drafts stand before the one that is seen.
        for n in 0..120_u128 {
            let id = uuid::Uuid::from_u128(u128::MAX - n);
            let id = if database == "sqlite" { format!("X'{}'", id.simple()) } else { format!("'{id}'") };
            let copy = format!(
                "INSERT INTO calls (id, code, state, version, draft, revision, created_at) \
                 SELECT {id}, 'DRAFT-{n}', 'draft', 0, v.definition, 0, c.created_at FROM calls c \
                 JOIN call_versions v ON v.call_id = c.id WHERE c.code = 'AMI-ALI-2027'"
            );
            world.app.database.read().execute_unprepared(&copy).await.unwrap();
        }
        assert_eq!(walk(&world, &officer, "/calls", "code").await, (1, 1));

        // What a program gets that does not ask for parts.
        let first = world.get(&officer, &format!("{call}/dossiers")).await.ok();
        assert_eq!(first["items"].as_array().unwrap().len(), 200);
        let foreign = first["next"].as_str().unwrap();
        let most = world.get(&officer, &format!("{call}/dossiers?limit=500")).await.ok();
        assert_eq!((most["items"].as_array().unwrap().len(), &most["next"]), (250, &json!(null)));
        for query in ["limit=0", "limit=501", "limit=-1", "limit=x", "limit=", "cursor=x", "cursor=%00", "cursor="] {
            assert_eq!(world.get(&officer, &format!("{call}/dossiers?{query}")).await.status, 422, "{query}");
        }
        let got = world.get(&officer, &format!("{call}/decisions?cursor={foreign}")).await;
        assert_eq!(got.problem(), (422, "invalid".to_owned()));

        // Pages for people: 100 a page, the filters kept.
        let page = async |path: &str| {
            let html = world.send_with(Some(&officer), Method::Get, path, None, &[]).await.text();
            html.replace("&#x2f;", "/").replace("&amp;", "&").replace(['\u{a0}', '\u{202f}'], " ")
        };
        let first = page("/gestion/AMI-ALI-2027/dossiers?etat=admissible").await;
        assert!(first.contains("Page 1 sur 3") && !first.contains("Page précédente"));
        assert!(first.contains("href=\"/gestion/AMI-ALI-2027/dossiers?etat=admissible&page=2\""));
        let last = page("/gestion/AMI-ALI-2027/dossiers?page=3").await;
        assert!(last.contains("250 dossiers sur 250") && !last.contains("Page suivante"));
        assert_eq!(last.matches("<tr><th scope=\"row\"").count(), 50);
        assert!(page("/gestion/AMI-ALI-2027/dossiers?page=99").await.contains("dossiers?page=3\""));
        assert!(page("/gestion/AMI-ALI-2027/decisions?page=2").await.contains("Page 2 sur 3"));
        assert!(page("/gestion/AMI-ALI-2027/affectations?page=2").await.contains("Page 2 sur 3"));
        for number in ["0", "-1", "x", "99999999999999999999"] {
            let path = format!("/gestion/AMI-ALI-2027/dossiers?page={number}");
            assert!(page(&path).await.contains("sur 3"), "{number}");
        }
        world.end().await;
    }
}

#[rocket::async_test]
async fn a_list_that_was_begun_keeps_the_order_of_its_ranking() {
    for database in databases() {
        let world = World::new(database).await;
        let scene = jury::marking(&world, 4, 3).await;
        for juror in &scene.jurors {
            for ((_, dossier), mark) in scene.dossiers.iter().zip([3, 3, 2, 2]) {
                jury::sign(&world, juror, dossier, mark).await;
            }
        }
        world.advance(&scene.officer, "hearings").await;
        jury::rank(&world, &scene).await;
        let path = format!("{}/decisions?limit=2", jury::CALL);
        let first = world.get(&scene.officer, &path).await.ok();
        // The first of the ranking falls behind all others.
        for juror in &scene.jurors {
            jury::recuse(&world, &scene, juror, &scene.dossiers[0].1).await;
        }
        jury::rank(&world, &scene).await;
        let second =
            world.get(&scene.officer, &format!("{path}&cursor={}", first["next"].as_str().unwrap())).await.ok();
        let lines = [&first, &second].map(|part| part["items"].as_array().unwrap().clone()).concat();
        let seen: Vec<&str> = lines.iter().map(|line| line["dossier"].as_str().unwrap()).collect();
        let all: Vec<&str> = scene.dossiers.iter().map(|(_, id)| id.as_str()).collect();
        assert_eq!((seen, &second["next"]), (all, &json!(null)));
        let anew = world.get(&scene.officer, &path).await.ok();
        assert_eq!(anew["items"][0]["dossier"], scene.dossiers[1].1, "a list that begins now is in the newest order");
        world.end().await;
    }
}

#[rocket::async_test]
async fn a_page_of_forty_thousand_dossiers_is_no_larger_than_another() {
    let world = World::new("sqlite").await;
    let officer = many(&world, 40_000).await;
    for path in [
        "/gestion/AMI-ALI-2027",
        "/gestion/AMI-ALI-2027/dossiers",
        "/gestion/AMI-ALI-2027/dossiers?lot=ALI-05&page=10",
        "/gestion/AMI-ALI-2027/dossiers?page=400",
        "/gestion/AMI-ALI-2027/decisions?page=200",
        "/gestion/AMI-ALI-2027/affectations?page=400",
        "/api/v1/calls/AMI-ALI-2027/dossiers?limit=500",
        "/api/v1/calls/AMI-ALI-2027/decisions",
    ] {
        let before = world.app.database.queries();
        let got = world.send_with(Some(&officer), Method::Get, path, None, &[]).await;
        let sent = world.app.database.queries() - before;
        assert_eq!(got.status, 200, "{path}");
        assert!(sent <= 20, "{path}: {sent} statements");
        assert!(got.bytes.len() < 400_000, "{path}: {} bytes", got.bytes.len());
    }
    world.end().await;
}
