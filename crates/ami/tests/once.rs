//! A request that is sent twice is done once, and a file that is refused leaves nothing behind: on each database.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use ami::demo_data::plain_pdf;
use ami_services::pieces::sweep_objects;
use common::{Got, Person, World, databases};
use futures_util::future::join_all;
use rocket::http::Method;
use serde_json::{Value, json};

const CALL: &str = "/api/v1/calls/AMI-ALI-2027";

async fn keyed(world: &World, who: &Person, path: String, key: &str, body: Value) -> Got {
    let body = Some(body.to_string().into_bytes());
    world.send_with(Some(who), Method::Post, &path, body, &[("Idempotency-Key", key)]).await
}

#[rocket::async_test]
async fn four_requests_with_one_key_are_one_act() {
    for database in databases() {
        let world = World::new(database).await;
        world.set_clock("2027-02-01T09:00:00Z");
        world.published().await;
        let (person, organisation, _) = world.applicant(1).await;
        let begin = |lot: &'static str| json!({ "organisation_id": organisation, "lot": lot });
        let path = || format!("{CALL}/dossiers");
        let got = join_all((0..4).map(|_| keyed(&world, &person, path(), "un", begin("ALI-01")))).await;
        let ids: Vec<Value> = got
            .iter()
            .map(|g| {
                assert_eq!((g.status, &g.etag), (201, &got[0].etag), "{}", g.text());
                g.json()["id"].clone()
            })
            .collect();
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        let mine = world.get(&person, "/dossiers").await.ok();
        assert_eq!(mine["items"].as_array().unwrap().len(), 1);
        // The same key for another request is a mistake; for somebody else it is another key.
        let other = keyed(&world, &person, path(), "un", begin("ALI-02")).await;
        assert_eq!(other.problem(), (409, "idempotency-other".into()));
        let (second, _, _) = world.applicant(2).await;
        let organisations = json!({ "name": "Deux", "siret": "00009302100012", "legal_form": "association" });
        assert_ne!(keyed(&world, &second, "/api/v1/organisations".into(), "un", organisations).await.status, 500);
        // A refusal is not kept: it may be put right and sent again.
        let refused = keyed(&world, &person, path(), "deux", begin("ALI-99")).await;
        assert_eq!(refused.status, 422);
        assert_eq!(keyed(&world, &person, path(), "deux", begin("ALI-03")).await.status, 201);
        world.end().await;
    }
}

/// A file's place in the storage.
async fn stored(world: &World, piece: &Value) -> bool {
    let id: uuid::Uuid = piece["id"].as_str().unwrap().parse().unwrap();
    world.app.storage.size(&ami_storage::ObjectKey::for_piece(id)).await.unwrap().is_some()
}

#[rocket::async_test]
async fn a_file_that_no_piece_names_goes_and_a_filed_one_stays() {
    for database in databases() {
        let world = World::new(database).await;
        world.set_clock("2027-02-01T09:00:00Z");
        world.published().await;
        let (person, organisation, data) = world.applicant(1).await;
        let id = world.complete_draft(&person, &organisation, &data, "ALI-01").await;
        let put = async |slot: &str, text: &str| {
            let path = format!("/api/v1/dossiers/{id}/pieces/{slot}");
            world.send_with(Some(&person), Method::Put, &path, Some(plain_pdf(text, "x")), &[]).await
        };
        sweep_objects(&world.app.now()).await.unwrap();
        let before = world.objects().len();
        // A full slot: all but ten are refused, and leave nothing.
        let many = join_all((0..14).map(|n| put("P12", if n % 2 == 0 { "a" } else { "b" }))).await;
        let accepted: Vec<&Got> = many.iter().filter(|g| g.status == 200).collect();
        assert_eq!(accepted.len(), 10, "{:?}", many.iter().map(|g| g.status).collect::<Vec<_>>());
        sweep_objects(&world.app.now()).await.unwrap();
        assert_eq!(world.objects().len(), before + 10, "{database}");
        // Replaced before it was ever filed: gone.
        let first = put("P01", "un").await.ok();
        let second = put("P01", "deux").await.ok();
        sweep_objects(&world.app.now()).await.unwrap();
        assert_eq!((stored(&world, &first).await, stored(&world, &second).await), (false, true));
        // Filed, then replaced in a change: a deposit keeps what it filed.
        world.post(&person, &format!("/dossiers/{id}/deposit"), json!({})).await.ok();
        let change = world.send(Some(&person), Method::Delete, &format!("/api/v1/dossiers/{id}/deposit"), None).await;
        assert_eq!(change.status, 204);
        let third = put("P01", "trois").await.ok();
        sweep_objects(&world.app.now()).await.unwrap();
        assert_eq!((stored(&world, &second).await, stored(&world, &third).await), (true, true));
        world.end().await;
    }
}

#[rocket::async_test]
async fn a_page_reads_no_file_before_it_knows_from_whom() {
    let world = World::new("sqlite").await;
    world.set_clock("2027-02-01T09:00:00Z");
    world.published().await;
    let (person, organisation, _) = world.applicant(1).await;
    let (other, _, _) = world.applicant(2).await;
    let body = json!({ "organisation_id": organisation, "lot": "ALI-01" });
    let made = world.post(&person, "/calls/AMI-ALI-2027/dossiers", body).await.ok();
    let path = format!("/dossiers/{}/pieces/P01", made["id"].as_str().unwrap());
    let form = |bytes: &[u8]| {
        let head = "--frontiere\r\nContent-Disposition: form-data; name=\"file\"; filename=\"lettre; signée.pdf\"\r\n\
                    Content-Type: application/pdf\r\n\r\n";
        [head.as_bytes(), bytes, b"\r\n--frontiere--\r\n"].concat()
    };
    let kind = ("Content-Type", "multipart/form-data; boundary=frontiere");
    let send = async |who: Option<&Person>, body: Vec<u8>| {
        world.send_with(who, Method::Post, &path, Some(body), &[kind]).await
    };
    let pdf = plain_pdf("P01", "x");
    assert_eq!(send(None, form(&pdf)).await.status, 401);
    assert_eq!(send(Some(&other), form(&pdf)).await.status, 404);
    assert_eq!(send(Some(&person), form(&pdf)).await.status, 303);
    let pieces =
        world.get(&person, &format!("/dossiers/{}", made["id"].as_str().unwrap())).await.ok()["pieces"].clone();
    assert_eq!(pieces[0]["name"], "lettre; signée.pdf");
    // Larger than its slot takes: said with the limit, not "empty".
    let large = send(Some(&person), form(&vec![b'x'; 70 * 1024 * 1024])).await;
    assert_eq!(large.status, 422);
    assert!(large.text().contains("dépasse"), "{}", large.text());
    let none = send(Some(&person), b"--frontiere--\r\n".to_vec()).await;
    assert_eq!(none.status, 422);
    let spool = std::fs::read_dir(world.folder.path().join("spool")).unwrap();
    assert_eq!(spool.filter(|e| e.as_ref().unwrap().path().extension().is_some()).count(), 0);
    world.end().await;
}
