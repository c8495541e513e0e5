//! Many at the same moment, on each database: no act is lost, none is done twice, nobody gets a server's error.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::task::Poll;

use ami_database::ConnectionTrait as _;
use ami_services::pieces::sweep_objects;
use common::{Got, Person, World, databases};
use futures_util::future::{join_all, maybe_done};
use rocket::http::Method;
use serde_json::{Value, json};

const CALL: &str = "/calls/AMI-ALI-2027";

/// Nobody gets a server's error.
fn served(all: &[Got]) {
    for got in all {
        assert!(got.status < 500, "{} {}", got.status, got.text());
    }
}

/// How many answers had each status.
fn statuses(all: &[Got]) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for got in all {
        *counts.entry(got.status).or_default() += 1;
    }
    counts
}

/// The answers to requests that have all arrived when something happens.
async fn arrived_before<F: Future<Output = Got>>(
    requests: impl Iterator<Item = F>,
    happens: impl FnOnce(),
) -> Vec<Got> {
    let mut sent: Vec<_> = requests.map(|one| Box::pin(maybe_done(one))).collect();
    // A request arrives when it is first polled; one after the other, as `join_all` may pause before the last.
    poll_fn(|context| {
        for one in &mut sent {
            let _ = one.as_mut().poll(context);
        }
        Poll::Ready(())
    })
    .await;
    happens();
    join_all(sent.iter_mut().map(|one| one.as_mut())).await;
    sent.iter_mut().map(|one| one.as_mut().take_output().unwrap()).collect()
}

#[rocket::async_test]
async fn sixty_jurors_save_at_the_same_moment() {
    for database in databases() {
        let world = World::new(database).await;
        let (_, _, jurors) = world.marking(60).await;
        for (round, many) in [(2, 16), (3, 60)] {
            let saves = jurors.iter().take(many).map(|(juror, sheet)| {
                let marks = json!({ "marks": { "A1": round } });
                world.patch_owned(juror, format!("/sheets/{sheet}"), marks)
            });
            let got = join_all(saves).await;
            assert_eq!(statuses(&got), BTreeMap::from([(200, many)]));
            for (juror, sheet) in jurors.iter().take(many) {
                let kept = world.get(juror, &format!("/sheets/{sheet}")).await.ok();
                assert_eq!(kept["marks"]["A1"], round, "an acknowledged mark is there");
            }
        }
        world.end().await;
    }
}

#[rocket::async_test]
async fn a_mark_is_in_before_the_call_moves_on_or_refused() {
    for database in databases() {
        let world = World::new(database).await;
        let (officer, dossier, jurors) = world.marking(12).await;
        let saves = join_all(jurors.iter().map(|(juror, sheet)| {
            world.patch_owned(juror, format!("/sheets/{sheet}"), json!({ "marks": { "A1": 4 } }))
        }));
        let advance =
            world.post(&officer, "/calls/AMI-ALI-2027/state", json!({ "state": "hearings", "reason": "Délai" }));
        let (answers, advanced) = tokio::join!(saves, advance);
        served(&answers);
        advanced.ok();
        for ((juror, sheet), got) in jurors.iter().zip(&answers) {
            let kept = world.get(juror, &format!("/sheets/{sheet}")).await.ok();
            match got.status {
                200 => assert_eq!(kept["marks"]["A1"], 4),
                409 => assert_eq!(kept["marks"]["A1"], Value::Null),
                other => panic!("{other} {dossier}"),
            }
        }
        // Nothing comes in afterwards.
        let (juror, sheet) = &jurors[0];
        let late = world.patch_owned(juror, format!("/sheets/{sheet}"), json!({ "marks": { "A1": 1 } })).await;
        assert_eq!(late.status, 409);
        world.end().await;
    }
}

#[rocket::async_test]
async fn eight_dossiers_at_once_stay_within_the_limit_of_five() {
    for database in databases() {
        let world = World::new(database).await;
        world.set_clock("2027-02-01T09:00:00Z");
        world.published().await;
        let (person, organisation, _) = world.applicant(1).await;
        let begun = join_all((1..=8).map(|lot| {
            let body = json!({ "organisation_id": organisation, "lot": format!("ALI-{lot:02}") });
            world.post_owned(&person, format!("{CALL}/dossiers"), body)
        }))
        .await;
        assert_eq!(statuses(&begun), BTreeMap::from([(201, 5), (409, 3)]));
        let mine = world.get(&person, "/dossiers").await.ok();
        assert_eq!(mine["items"].as_array().unwrap().len(), 5);
        world.end().await;
    }
}

#[rocket::async_test]
async fn sixty_deposits_at_the_closing_second_count_at_their_arrival() {
    for database in databases() {
        let world = World::new(database).await;
        world.set_clock("2027-03-15T10:59:59.900000Z");
        world.published().await;
        let mut drafts = Vec::new();
        for number in 1..=12 {
            let (person, organisation, data) = world.applicant(number).await;
            for lot in 1..=5 {
                let id = world.complete_draft(&person, &organisation, &data, &format!("ALI-{lot:02}")).await;
                drafts.push((person.clone(), id));
            }
        }
        let many = drafts.len();
        assert_eq!(many, 60);
        let deposits = drafts.iter().map(|(p, id)| world.post_owned(p, format!("/dossiers/{id}/deposit"), json!({})));
        // The clock strikes while they wait: all of them arrived before.
        let got = arrived_before(deposits, || world.set_clock("2027-03-15T11:00:00.000001Z")).await;
        assert_eq!(statuses(&got), BTreeMap::from([(200, many)]));
        let numbers: BTreeSet<String> = got
            .iter()
            .map(|g| {
                let receipt = g.json();
                assert_eq!(receipt["deposited_at"], "2027-03-15T10:59:59.9Z");
                receipt["number"].as_str().unwrap().to_owned()
            })
            .collect();
        assert_eq!(numbers.len(), many);
        let (person, id) = &drafts[0];
        let late = world.post(person, &format!("/dossiers/{id}/deposit"), json!({})).await;
        assert_eq!(late.status, 409);
        world.end().await;
    }
}

#[rocket::async_test]
async fn fifty_uploads_while_the_call_moves_on_are_kept_or_leave_nothing() {
    for database in databases() {
        let world = World::new(database).await;
        world.set_clock("2027-03-15T10:59:59.900000Z");
        let officer = world.published().await;
        let mut drafts = Vec::new();
        for number in 1..=10 {
            let (person, organisation, _) = world.applicant(number).await;
            for lot in 1..=5 {
                let begun = json!({ "organisation_id": organisation, "lot": format!("ALI-{lot:02}") });
                let made = world.post(&person, "/calls/AMI-ALI-2027/dossiers", begun).await.ok();
                drafts.push((person.clone(), made["id"].as_str().unwrap().to_owned()));
            }
        }
        let many = drafts.len();
        assert_eq!(many, 50);
        let answered = tokio::sync::Semaphore::new(0);
        let upload = async |person: &Person, id: &str| {
            let path = format!("/api/v1/dossiers/{id}/pieces/P12");
            let bytes = ami::demo_data::plain_pdf("P12", id);
            let got = world.send_with(Some(person), Method::Put, &path, Some(bytes), &[]).await;
            answered.add_permits(1);
            got
        };
        // The clock strikes once some have been answered, and the desk opens: no draft changes from there on.
        let opening = async {
            let _some = answered.acquire_many(10).await.unwrap();
            world.set_clock("2027-03-15T11:00:00.000001Z");
            world.advance(&officer, "admissibility").await;
        };
        let (got, ()) = tokio::join!(join_all(drafts.iter().map(|(p, id)| upload(p, id))), opening);
        served(&got);
        let mut kept = 0;
        for ((person, id), got) in drafts.iter().zip(&got) {
            assert!(matches!(got.status, 200 | 409), "{}", got.text());
            let pieces = world.get(person, &format!("/dossiers/{id}")).await.ok()["pieces"].clone();
            assert_eq!(pieces.as_array().unwrap().len(), usize::from(got.status == 200), "{id}");
            kept += usize::from(got.status == 200);
        }
        assert!(kept >= 10, "{kept}");
        let (person, id) = &drafts[0];
        assert_eq!(upload(person, id).await.status, 409);
        // What was stored and then refused goes with the next sweep, and nothing else does.
        world.set_clock("2027-03-15T14:00:00Z");
        sweep_objects(&world.app.now()).await.unwrap();
        assert_eq!(world.objects().len(), kept);
        world.end().await;
    }
}

#[rocket::async_test]
async fn two_members_who_remove_each_other_leave_one() {
    for database in databases() {
        let world = World::new(database).await;
        world.published().await;
        let (first, organisation, _) = world.applicant(1).await;
        let second = world.person("second", false).await;
        let body = json!({ "name": "Second", "email": "second@demonstration.example" });
        world.post(&first, &format!("/organisations/{organisation}/members"), body).await.ok();
        world.join(&second).await;
        let removals = [(&first, &second), (&second, &first)].map(|(by, whom)| {
            let path = format!("/api/v1/organisations/{organisation}/members/{}", whom.account);
            world.send_owned(by, Method::Delete, path)
        });
        let got = join_all(removals).await;
        served(&got);
        assert_eq!(statuses(&got).get(&204), Some(&1), "{:?}", statuses(&got));
        let mut left = 0;
        for person in [&first, &second] {
            let seen = world.get(person, &format!("/organisations/{organisation}/members")).await;
            left += usize::from(seen.status == 200);
        }
        assert_eq!(left, 1);
        world.end().await;
    }
}

#[rocket::async_test]
async fn a_deposit_that_could_not_be_kept_counts_at_its_arrival_by_its_ticket() {
    for database in databases() {
        let world = World::new(database).await;
        world.set_clock("2027-03-15T10:50:00Z");
        world.published().await;
        let (person, organisation, data) = world.applicant(1).await;
        let id = world.complete_draft(&person, &organisation, &data, "ALI-01").await;
        let other = world.complete_draft(&person, &organisation, &data, "ALI-02").await;
        world.set_clock("2027-03-15T10:59:58Z");
        // Another program holds the database.
        let holder = world.app.database.snapshot().await.unwrap();
        let hold = if database == "sqlite" { "UPDATE pulse SET at = at" } else { "LOCK TABLE dossiers" };
        holder.execute_unprepared(hold).await.unwrap();
        let path = |id: &str| format!("/api/v1/dossiers/{id}/deposit");
        let refused = world.send(Some(&person), Method::Post, &path(&id), Some(json!({}))).await;
        assert_eq!(refused.status, 503, "{}", refused.text());
        assert!(refused.text().contains("rien n'a été enregistré"), "{}", refused.text());
        let ticket = refused.json()["ticket"].as_str().unwrap().to_owned();
        holder.rollback().await.unwrap();

        // After closing: without it too late, with it as early as it was; for this dossier and this person only.
        world.set_clock("2027-03-15T11:10:00Z");
        let person = world.sign_in_again("applicant 1").await;
        let with = async |who: &Person, id: &str, ticket: &str| {
            let body = Some(b"{}".to_vec());
            world.send_with(Some(who), Method::Post, &path(id), body, &[("Deposit-Ticket", ticket)]).await
        };
        assert_eq!(world.post(&person, &format!("/dossiers/{id}/deposit"), json!({})).await.status, 409);
        assert_eq!(with(&person, &other, &ticket).await.problem(), (422, "ticket".into()));
        assert_eq!(with(&person, &id, "x.y.z").await.problem(), (422, "ticket".into()));
        assert_eq!(with(&person, &id, &person.token).await.problem(), (422, "ticket".into()));
        let stranger = world.person("stranger", false).await;
        assert_eq!(with(&stranger, &id, &ticket).await.problem(), (422, "ticket".into()));
        let receipt = with(&person, &id, &ticket).await.ok();
        assert_eq!(receipt["deposited_at"], "2027-03-15T10:59:58Z");
        world.end().await;
    }
}

#[rocket::async_test]
async fn a_ticket_is_spent_by_a_change_and_by_time() {
    let world = World::new("sqlite").await;
    world.set_clock("2027-03-15T10:50:00Z");
    world.published().await;
    let (person, organisation, data) = world.applicant(1).await;
    let id = world.complete_draft(&person, &organisation, &data, "ALI-01").await;
    let ticket = ami_services::tickets::issue_ticket(&world.app.now(), person.account, id.parse().unwrap()).unwrap();
    let path = format!("/api/v1/dossiers/{id}/deposit");
    let with = async || world.send_with(Some(&person), Method::Post, &path, None, &[("Deposit-Ticket", &ticket)]).await;
    world.set_clock("2027-03-15T11:00:01Z");
    // Words typed just after closing are kept, and were not there when the deposit arrived.
    let etag = world.get(&person, &format!("/dossiers/{id}")).await.etag.unwrap();
    world.patch(&person, &format!("/dossiers/{id}/answers"), Some(&etag), json!({ "3.05": "Autre titre" })).await.ok();
    assert_eq!(with().await.problem(), (409, "ticket-changed".into()));
    let person = world.sign_in_again("applicant 1").await;
    let late = async |at: &str| {
        world.set_clock(at);
        let person = world.sign_in_again("applicant 1").await;
        world.send_with(Some(&person), Method::Post, &path, None, &[("Deposit-Ticket", &ticket)]).await.problem()
    };
    drop(person);
    assert_eq!(late("2027-03-15T11:20:00.000001Z").await, (409, "ticket-late".into()));
    world.end().await;
}
