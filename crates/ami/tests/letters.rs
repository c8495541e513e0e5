//! Letters: from the decision to the last letter and its proof; on each database.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io::Write as _;
use std::process::Command;

use common::assembly::{act, decided, errors, executory};
use common::jury::{self, CALL, Scene};
use common::{Person, World, databases, pdf_text};
use futures_util::future::join;
use rocket::http::Method;
use serde_json::{Value, json};

async fn letters(world: &World, scene: &Scene, deliberation: &str) -> Vec<Value> {
    let listed = world.get(&scene.officer, &format!("{deliberation}/letters")).await.ok();
    listed["items"].as_array().unwrap().clone()
}

/// Approves every letter that was not yet.
async fn approve_all(world: &World, scene: &Scene, letters: &[Value]) {
    for letter in letters.iter().filter(|l| l["state"] == "draft") {
        let path = format!("/letters/{}/approval", letter["id"].as_str().unwrap());
        act(world, scene, &path, json!({})).await.ok();
    }
}

fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap()
}

/// The texts of the call, with every variable filled.
fn say_what_was_decided(drafts: &[Value]) {
    for (letter, said) in drafts.iter().zip([
        "100 000 € pour l'année 2028",
        "valable jusqu'au 1er juillet 2028",
        "Tremplin Emploi Plaine",
    ]) {
        let body = letter["body"].as_str().unwrap().replace(['\u{a0}', '\u{202f}'], " ");
        assert!(body.contains(said) && !body.contains('{'), "{said} in {body}");
    }
    assert!(drafts[2]["body"].as_str().unwrap().contains("Le projet est moins avancé."));
}

/// By post, the day on the receipt counts; one that was mistyped is recorded again. In the space there is none.
async fn by_post(world: &World, scene: &Scene, (first, last): (&str, &str)) {
    let received = format!("/letters/{last}/delivery");
    for (on, status) in [("2027-07-07", 422), ("2027-07-30", 422), ("2027-07-12", 200), ("2027-07-13", 200)] {
        assert_eq!(act(world, scene, &received, json!({ "received_on": on })).await.status, status, "{on}");
    }
    assert_eq!(
        act(world, scene, &format!("/letters/{first}/delivery"), json!({ "received_on": "2027-07-12" })).await.status,
        409
    );
    let proof = world.get(&scene.officer, &format!("/letters/{last}")).await.ok();
    assert_eq!(proof["notified_on"], "2027-07-13");
    assert!(proof["body"].as_str().unwrap().contains("Bravo"));
}

#[rocket::async_test]
async fn a_call_reaches_its_last_letter_and_nobody_knows_before() {
    for database in databases() {
        let mut world = World::new(database).await;
        world.call.envelope_cents = 100;
        let (scene, dossiers) = decided(&world).await;
        let retained = &dossiers[0];
        let applicant = world.sign_in_again("applicant 1").await;
        let rival = world.sign_in_again("applicant 2").await;
        let choice = format!("/dossiers/{retained}/electronic-notification");
        assert_eq!(world.put(&applicant, &choice, json!({ "accepted": true })).await.status, 204);
        let signatory = json!({
            "first_name": "Prénom", "last_name": "Nom", "quality": "directrice", "delegation": "arrêté n° 2026-12",
        });
        act(&world, &scene, &format!("{CALL}/signatories"), signatory).await.ok();
        let own = executory(&world, &scene, &dossiers).await;
        assert_eq!(
            act(&world, &scene, &format!("{own}/notification"), json!({})).await.problem(),
            (409, "notify-refused".into())
        );
        let written = world.send(Some(&scene.officer), Method::Post, &format!("/api/v1{own}/letters"), None).await;
        assert_eq!(written.status, 201, "{}", written.text());
        let drafts = letters(&world, &scene, &own).await;
        let kinds: Vec<_> = drafts.iter().map(|l| l["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["retained", "reserve", "refused_rank"]);
        assert!(drafts.iter().all(|l| l["signatory"]["delegation"] == "arrêté n° 2026-12"));
        let (first, last) = (id(&drafts[0]).to_owned(), id(&drafts[2]).to_owned());
        say_what_was_decided(&drafts);
        // Before it leaves, its applicant knows nothing of it.
        assert_eq!(world.get(&applicant, &format!("/letters/{first}")).await.status, 404);
        assert_eq!(world.get(&applicant, &format!("/letters/{first}/pdf")).await.status, 404);
        assert_eq!(world.get(&applicant, &format!("/dossiers/{retained}/explanation")).await.status, 404);
        let page = jury::page(&world, &applicant, &format!("/dossiers/{retained}")).await.text();
        assert!(!page.contains("Courriers du service"), "{page}");

        // Nothing leaves unread, and what was corrected is read again.
        approve_all(&world, &scene, &drafts[1..]).await;
        let refused = act(&world, &scene, &format!("{own}/notification"), json!({})).await;
        assert_eq!(errors(&refused), [(format!("/letters/{first}"), "notify-unread".to_owned())]);
        let words = format!("{}\n\nBravo à toute l'équipe.", drafts[2]["body"].as_str().unwrap());
        let corrected = world.patch(&scene.officer, &format!("/letters/{last}"), None, json!({ "body": words })).await;
        let (etag, corrected) = (corrected.etag.clone().unwrap(), corrected.ok());
        assert_eq!(corrected["state"], "draft");
        assert_eq!(world.get(&scene.officer, &format!("/letters/{last}/pdf")).await.status, 409);
        let approval = format!("/api/v1/letters/{last}/approval");
        let stale =
            world.send_with(Some(&scene.officer), Method::Post, &approval, None, &[("If-Match", "\"1\"")]).await;
        assert_eq!(stale.status, 412);
        world.send_with(Some(&scene.officer), Method::Post, &approval, None, &[("If-Match", &etag)]).await.ok();
        approve_all(&world, &scene, &drafts[..1]).await;
        let step = json!({ "state": "notified", "reason": "Assemblée tenue." });
        let early = act(&world, &scene, &format!("{CALL}/state"), step.clone()).await;
        assert_eq!(errors(&early), [("/state".to_owned(), "unfinished-unnotified".to_owned())]);

        world.set_clock("2027-07-08T08:00:00Z");
        let officer = world.sign_in_again("Officer").await;
        let scene = Scene { officer, ..scene };
        let notified = act(&world, &scene, &format!("{own}/notification"), json!({})).await.ok();
        assert_eq!(notified["state"], "notified");
        assert_eq!(act(&world, &scene, &format!("{own}/notification"), json!({})).await.status, 409);
        act(&world, &scene, &format!("{CALL}/state"), json!({ "state": "notified" })).await.ok();
        // The message says that there is a letter, and nothing of what it says.
        let told: Vec<_> = world.deliver().await.into_iter().filter(|m| m.subject.contains("Un courrier")).collect();
        assert_eq!(told.len(), 3);
        assert!(told.iter().all(|m| !m.body.contains("soutenir") && !m.body.contains("100")), "{told:?}");
        assert_eq!(told.iter().filter(|m| m.body.contains("recommandé")).count(), 2);

        // The first reading counts, by whom and when; the letter is the same ever after.
        world.set_clock("2027-07-09T22:30:00Z");
        let applicant = world.sign_in_again("applicant 1").await;
        let listed = world.get(&applicant, &format!("/dossiers/{retained}/letters")).await.ok();
        assert_eq!((id(&listed["items"][0]), &listed["items"][0]["notified_on"]), (first.as_str(), &Value::Null));
        let pdf = world.get(&applicant, &format!("/letters/{first}/pdf")).await;
        let text = pdf_text(&pdf.bytes);
        for said in [
            "2027-07-12",
            "tribunal administratif de Montreuil",
            "L. 311-3-1",
            "Nom",
            "arrêté n° 2026-12",
            "2 juillet 2027",
        ] {
            assert!(text.contains(said), "{said} in {text}");
        }
        world.set_clock("2027-07-20T08:00:00Z");
        let (applicant, officer) = (world.sign_in_again("applicant 1").await, world.sign_in_again("Officer").await);
        let scene = Scene { officer, ..scene };
        assert_eq!(world.get(&applicant, &format!("/letters/{first}/pdf")).await.bytes, pdf.bytes);
        let proof = world.get(&scene.officer, &format!("/letters/{first}")).await.ok();
        assert_eq!((&proof["channel"], &proof["notified_on"]), (&json!("space"), &json!("2027-07-10")));
        let acts: Vec<_> = proof["acts"].as_array().unwrap().iter().map(|a| a["act"].as_str().unwrap()).collect();
        assert_eq!(acts, ["drafted", "approved", "delivered", "mailed", "opened"]);
        assert_eq!((&proof["acts"][3]["mail"], &proof["acts"][4]["by"]), (&json!("sent"), &json!("applicant 1")));
        assert_eq!(world.get(&rival, &format!("/letters/{first}")).await.status, 401);
        let rival = world.sign_in_again("applicant 2").await;
        assert_eq!(world.get(&rival, &format!("/letters/{first}")).await.status, 404);

        by_post(&world, &scene, (&first, &last)).await;
        explained(&world, &applicant, retained).await;
        world.end().await;
    }
}

/// How the marks were computed, without anybody's own marks.
async fn explained(world: &World, applicant: &Person, dossier: &str) {
    let told = world.get(applicant, &format!("/dossiers/{dossier}/explanation")).await;
    assert!(!told.text().contains("\"J1\""), "{}", told.text());
    let told = told.ok();
    assert_eq!((told["sections"].as_array().unwrap().len(), &told["jurors"]), (4, &json!(3)));
    let lines = told["lines"].as_array().unwrap();
    assert_eq!(lines.len(), world.call.grid.groups.len() + world.call.grid.criteria().count());
    let text = pdf_text(&world.get(applicant, &format!("/dossiers/{dossier}/explanation.pdf")).await.bytes);
    assert!(text.contains("Comment ma note a été calculée") && text.contains("Qui a donné quelle note"), "{text}");
    for path in ["calcul", "courriers"] {
        let page = jury::page(world, applicant, &format!("/dossiers/{dossier}")).await.text();
        assert!(page.contains(&format!("/dossiers/{dossier}/{path}")), "{path} in {page}");
    }
    assert_eq!(jury::page(world, applicant, &format!("/dossiers/{dossier}/calcul")).await.status, 200);
}

#[rocket::async_test]
async fn whoever_withdrew_or_was_decided_anew_is_not_written_to() {
    for database in databases() {
        let mut world = World::new(database).await;
        world.call.envelope_cents = 100;
        let (scene, dossiers) = decided(&world).await;
        let own = executory(&world, &scene, &dossiers).await;
        act(&world, &scene, &format!("{own}/letters"), json!({})).await.ok();
        approve_all(&world, &scene, &letters(&world, &scene, &own).await).await;
        // The laureate withdraws; the next on the reserve list is retained by a decision of its own.
        let person = world.sign_in_again("applicant 1").await;
        assert_eq!(world.post(&person, &format!("/dossiers/{}/withdrawal", dossiers[0]), json!({})).await.status, 204);
        let called = json!({ "decision": "retained", "amount": 1000, "override": "Appel de la liste" });
        world.put(&scene.officer, &format!("/dossiers/{}/decision", dossiers[1]), called).await.ok();
        act(&world, &scene, &format!("{own}/notification"), json!({})).await.ok();
        let left = letters(&world, &scene, &own).await;
        assert_eq!(left.len(), 1);
        assert_eq!((&left[0]["dossier"], &left[0]["state"]), (&json!(dossiers[2]), &json!("sent")));
        // It still waits for a deliberation and a letter of its own.
        let blocked = act(&world, &scene, &format!("{CALL}/state"), json!({ "state": "notified" })).await;
        assert_eq!(errors(&blocked), [("/state".to_owned(), "unfinished-unnotified".to_owned())]);
        let sitting = json!({ "number": "2027-09-03", "date": "2027-07-01", "dossiers": [dossiers[1]] });
        let next = act(&world, &scene, &format!("{CALL}/deliberations"), sitting).await.ok();
        let next = format!("/deliberations/{}", id(&next));
        act(&world, &scene, &format!("{next}/letters"), json!({})).await.ok();
        let drafts = letters(&world, &scene, &next).await;
        assert!(drafts[0]["body"].as_str().unwrap().contains("2027-09-03"));
        // A number that was recorded wrongly voids what would say it.
        let fix = json!({ "number": "2027-09-04", "reason": "Numéro mal recopié" });
        act(&world, &scene, &format!("{next}/corrections"), fix).await.ok();
        assert!(letters(&world, &scene, &next).await.is_empty());
        act(&world, &scene, &format!("{next}/letters"), json!({})).await.ok();
        let drafts = letters(&world, &scene, &next).await;
        assert!(drafts[0]["body"].as_str().unwrap().contains("2027-09-04"));
        assert_eq!(
            act(&world, &scene, &format!("{next}/notification"), json!({})).await.problem(),
            (409, "deliberation-not-executory".into())
        );
        let control = json!({ "transmitted_on": "2027-07-02", "published_on": "2027-07-02", "receipt": "AR 13" });
        act(&world, &scene, &format!("{next}/executory"), control).await.ok();
        approve_all(&world, &scene, &drafts).await;
        act(&world, &scene, &format!("{next}/notification"), json!({})).await.ok();
        act(&world, &scene, &format!("{CALL}/state"), json!({ "state": "notified" })).await.ok();
        world.end().await;
    }
}

#[rocket::async_test]
async fn inadmissibility_is_signed_and_sent_before_marking() {
    for database in databases() {
        let world = World::new(database).await;
        world.set_clock("2027-03-15T10:55:00Z");
        let officer = world.published().await;
        let (person, organisation, data) = world.applicant(12).await;
        let dossier = world.complete_draft(&person, &organisation, &data, "ALI-01").await;
        world.post(&person, &format!("/dossiers/{dossier}/deposit"), json!({})).await.ok();
        world.set_clock("2027-03-15T11:00:01Z");
        world.advance(&officer, "admissibility").await;
        let write = |kind: &str| json!({ "kind": kind, "dossiers": [dossier] });
        let path = format!("{CALL}/letters");
        let early = world.post(&officer, &path, write("inadmissible")).await;
        assert_eq!(errors(&early), [("/dossiers/0".to_owned(), "letter-unfit".to_owned())]);
        let found = json!({ "admissible": false, "reason": "ineligible", "comment": "Société à but lucratif." });
        world.put(&officer, &format!("/dossiers/{dossier}/admissibility"), found).await;
        for (kind, status) in [("retained", 422), ("inadmissible_late", 409), ("hearing", 409)] {
            assert_eq!(world.post(&officer, &path, write(kind)).await.status, status, "{kind}");
        }
        let made = world.post(&officer, &path, write("inadmissible_ineligible")).await.ok();
        let letter = &made["items"][0];
        assert!(letter["body"].as_str().unwrap().contains("Société à but lucratif"), "{letter}");
        assert_eq!(world.post(&officer, &path, write("inadmissible")).await.problem(), (409, "letters-refused".into()));
        assert_eq!(world.get(&person, &format!("/letters/{}", id(letter))).await.status, 404);
        let page = jury::page(&world, &officer, &format!("/gestion/courriers/{}", id(letter))).await;
        assert!(page.status == 200 && page.text().contains("Elle part dès"), "{}", page.text());
        let body = format!("revision={}", letter["revision"]);
        let approved =
            jury::form(&world, &officer, &format!("/gestion/courriers/{}/approbation", id(letter)), &body).await;
        assert_eq!(approved.status, 303, "{}", approved.text());
        let sent = world.get(&officer, &format!("/letters/{}", id(letter))).await.ok();
        assert_eq!((&sent["state"], &sent["channel"]), (&json!("sent"), &json!("post")));
        let own = world.get(&person, &format!("/letters/{}", id(letter))).await.ok();
        assert!(own["notices"][0]["text"].as_str().unwrap().contains("Montreuil"), "{own}");
        assert_eq!(world.post(&officer, &path, write("inadmissible")).await.status, 409);
        // Whoever was told so waits for no other decision.
        for state in ["marking", "plenary", "deliberation", "notified"] {
            world.advance(&officer, state).await;
        }
        world.end().await;
    }
}

/// An independent reader accepts a file, where there is one on this machine.
fn accepted(pdf: &[u8]) {
    if Command::new("qpdf").arg("--version").output().is_err() {
        return;
    }
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(pdf).unwrap();
    let checked = Command::new("qpdf").arg("--check").arg(file.path()).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}

/// A deliberation with its letters, all approved: its path and they.
async fn approved(world: &World, scene: &Scene, dossiers: &[String]) -> (String, Vec<Value>) {
    let own = executory(world, scene, dossiers).await;
    act(world, scene, &format!("{own}/letters"), json!({})).await.ok();
    let drafts = letters(world, scene, &own).await;
    approve_all(world, scene, &drafts).await;
    (own, drafts)
}

fn sorted(mut all: Vec<u16>) -> Vec<u16> {
    all.sort_unstable();
    all
}

#[rocket::async_test]
async fn two_officers_at_the_same_moment_send_one_letter_and_one_message() {
    for database in databases() {
        let mut world = World::new(database).await;
        world.call.envelope_cents = 100;
        let (scene, dossiers) = decided(&world).await;
        let colleague = world.sign_in_again("Officer").await;
        let own = executory(&world, &scene, &dossiers).await;
        let letters_path = format!("{own}/letters");
        let both = join(
            world.post(&scene.officer, &letters_path, json!({})),
            world.post(&colleague, &letters_path, json!({})),
        )
        .await;
        assert_eq!([both.0.status, both.1.status], [201, 201]);
        let drafts = letters(&world, &scene, &own).await;
        assert_eq!(drafts.len(), 3);
        let path = format!("/letters/{}/approval", id(&drafts[0]));
        let both = join(world.post(&scene.officer, &path, json!({})), world.post(&colleague, &path, json!({}))).await;
        assert_eq!(sorted(vec![both.0.status, both.1.status]), [200, 409]);
        approve_all(&world, &scene, &drafts[1..]).await;
        let path = format!("{own}/notification");
        let both = join(world.post(&scene.officer, &path, json!({})), world.post(&colleague, &path, json!({}))).await;
        assert_eq!(sorted(vec![both.0.status, both.1.status]), [200, 409]);
        let told = world.deliver().await.into_iter().filter(|m| m.subject.contains("Un courrier")).count();
        assert_eq!(told, 3);
        for letter in letters(&world, &scene, &own).await {
            let acts: Vec<_> = letter["acts"].as_array().unwrap().iter().map(|a| a["act"].as_str().unwrap()).collect();
            assert_eq!(acts, ["drafted", "approved", "delivered", "mailed"]);
        }
        world.end().await;
    }
}

#[rocket::async_test]
async fn what_was_read_together_is_approved_together_or_not_at_all() {
    for database in databases() {
        let mut world = World::new(database).await;
        world.call.envelope_cents = 100;
        let (scene, dossiers) = decided(&world).await;
        let own = executory(&world, &scene, &dossiers).await;
        // Supported under reserves: what is to be settled, and until when.
        let vague = json!({ "reserves": [{ "dossier": dossiers[0], "points": "Le bail", "until": "bientôt" }] });
        let refused = act(&world, &scene, &format!("{own}/letters"), vague).await;
        assert_eq!(errors(&refused), [("/reserves/0/until".to_owned(), "field-date".to_owned())]);
        let gestion = format!("/gestion{own}");
        let typed = format!("points-{0}=Le+bail&until-{0}=bient%C3%B4t", dossiers[0]);
        let refused = jury::form(&world, &scene.officer, &format!("{gestion}/courriers"), &typed).await;
        let text = refused.text();
        assert!(refused.status == 422 && text.contains("Le bail"), "{text}");
        assert!(text.contains(&format!("id=\"until-{}-erreur\"", dossiers[0])), "{text}");
        let typed = format!("points-{0}=Le+bail+est+sign%C3%A9.&until-{0}=2027-10-01", dossiers[0]);
        assert_eq!(jury::form(&world, &scene.officer, &format!("{gestion}/courriers"), &typed).await.status, 303);
        let drafts = letters(&world, &scene, &own).await;
        assert_eq!(drafts[0]["kind"], "retained_reserves");
        let body = drafts[0]["body"].as_str().unwrap();
        assert!(body.contains("avant le 1er octobre 2027, des points suivants : Le bail est signé."), "{body}");

        let page = jury::page(&world, &scene.officer, &format!("{gestion}/relecture")).await.text();
        let ticks: Vec<String> = drafts.iter().map(|l| format!("{}@{}", id(l), l["revision"])).collect();
        for (letter, tick) in drafts.iter().zip(&ticks) {
            assert!(page.contains(tick), "{page}");
            assert!(page.contains("Montreuil") && page.contains(letter["organisation"].as_str().unwrap()));
        }
        // One of them changes while they are read: none is approved.
        world
            .patch(&scene.officer, &format!("/letters/{}", id(&drafts[2])), None, json!({ "title": "Autre" }))
            .await
            .ok();
        let body = format!("read={}", ticks.join("&read="));
        let moved = jury::form(&world, &scene.officer, &format!("{gestion}/relecture"), &body).await;
        assert!(moved.status == 409 && moved.text().contains("plus la lettre que vous avez lue"), "{}", moved.text());
        assert!(letters(&world, &scene, &own).await.iter().all(|l| l["state"] == "draft"));
        let none = jury::form(&world, &scene.officer, &format!("{gestion}/relecture"), "").await;
        assert!(none.text().contains("Cochez les lettres"), "{}", none.text());
        let body = format!("read={}&read={}", ticks[0], ticks[1]);
        assert_eq!(jury::form(&world, &scene.officer, &format!("{gestion}/relecture"), &body).await.status, 303);
        let states: Vec<Value> = letters(&world, &scene, &own).await.iter().map(|l| l["state"].clone()).collect();
        assert_eq!(states, ["approved", "approved", "draft"]);
        // Letters of another deliberation are none of these.
        let strange = json!({ "letters": [{ "id": dossiers[0], "revision": 1 }] });
        assert_eq!(act(&world, &scene, &format!("{own}/letters/approval"), strange).await.status, 422);
        world.end().await;
    }
}

#[rocket::async_test]
async fn a_letter_stays_as_it_left_and_others_learn_nothing_of_it() {
    for database in databases() {
        let mut world = World::new(database).await;
        world.call.envelope_cents = 100;
        let (scene, dossiers) = decided(&world).await;
        let (own, drafts) = approved(&world, &scene, &dossiers).await;
        act(&world, &scene, &format!("{own}/notification"), json!({})).await.ok();
        let last = format!("/letters/{}", id(&drafts[2]));
        let fix = json!({ "body": "Autre chose" });
        assert_eq!(world.patch(&scene.officer, &last, None, fix).await.problem(), (409, "letter-sent".into()));
        assert_eq!(act(&world, &scene, &format!("{last}/approval"), json!({})).await.status, 409);
        let (addressee, rival) = (world.sign_in_again("applicant 4").await, world.sign_in_again("applicant 1").await);
        let administrator = world.person("Administrator", true).await;
        let juror = world.sign_in_again("juror 0").await;
        for stranger in [&rival, &administrator, &juror] {
            for path in [last.clone(), format!("{last}/pdf")] {
                assert_eq!(world.get(stranger, &path).await.status, 404, "{path}");
            }
            let acts = [
                (format!("{last}/approval"), json!({})),
                (format!("{last}/delivery"), json!({ "received_on": "2027-07-02" })),
            ];
            for (path, body) in acts {
                assert_eq!(world.post(stranger, &path, body).await.status, 404, "{path}");
            }
            assert_eq!(world.get(stranger, &format!("/dossiers/{}/letters", dossiers[2])).await.status, 404);
            assert_eq!(world.get(stranger, &format!("/dossiers/{}/explanation", dossiers[2])).await.status, 404);
        }
        // Neither a stranger's look nor an address with another dossier opens it.
        let page = format!("/dossiers/{}/courriers/{}", dossiers[0], id(&drafts[2]));
        assert_eq!(jury::page(&world, &addressee, &page).await.status, 404);
        let page = format!("/dossiers/{}/courriers/{}", dossiers[2], id(&drafts[2]));
        assert_eq!(jury::page(&world, &rival, &page).await.status, 404);
        assert_eq!(world.get(&scene.officer, &last).await.ok()["opened_at"], Value::Null);
        let page = jury::page(&world, &addressee, &page).await.text();
        assert!(page.contains("recommandé") && page.contains("Montreuil"), "{page}");
        let seen = world.get(&scene.officer, &last).await.ok();
        // Without their consent, reading it in the space starts no delay.
        assert!(!seen["opened_at"].is_null() && seen["notified_on"].is_null(), "{seen}");
        assert_eq!(seen["channel"], "post");
        // Whoever had agreed cannot take it back once it was sent.
        let choice = format!("/dossiers/{}/electronic-notification", dossiers[2]);
        assert_eq!(world.put(&addressee, &choice, json!({ "accepted": true })).await.status, 409);
        let (first, again) = (
            world.get(&addressee, &format!("{last}/pdf")).await,
            world.get(&scene.officer, &format!("{last}/pdf")).await,
        );
        assert_eq!(first.bytes, again.bytes);
        accepted(&first.bytes);
        let explained = world.get(&addressee, &format!("/dossiers/{}/explanation.pdf", dossiers[2])).await;
        accepted(&explained.bytes);
        world.end().await;
    }
}

#[rocket::async_test]
async fn a_letter_gives_the_numbers_on_which_its_decision_rests_and_they_stay_those() {
    for database in databases() {
        let mut world = World::new(database).await;
        world.call.envelope_cents = 100;
        let (scene, dossiers) = decided(&world).await;
        let (own, _) = approved(&world, &scene, &dossiers).await;
        // The laureate withdraws and somebody computes again: the other decisions have lost their ground, and once confirmed rest on
        // another ranking.
        let laureate = world.sign_in_again("applicant 1").await;
        let withdrawal = format!("/dossiers/{}/withdrawal", dossiers[0]);
        assert_eq!(world.post(&laureate, &withdrawal, json!({})).await.status, 204);
        jury::rank(&world, &scene).await;
        let codes = async |path: String| {
            let refused = act(&world, &scene, &path, json!({})).await;
            errors(&refused).into_iter().map(|(_, code)| code).collect::<Vec<_>>()
        };
        assert_eq!(codes(format!("{own}/notification")).await, ["notify-stale"; 2]);
        for dossier in &dossiers[1..] {
            act(&world, &scene, &format!("/dossiers/{dossier}/decision/confirmation"), json!({})).await.ok();
        }
        assert_eq!(codes(format!("{own}/notification")).await, ["notify-outdated"; 2]);
        act(&world, &scene, &format!("{own}/letters"), json!({})).await.ok();
        let again = letters(&world, &scene, &own).await;
        let states: Vec<&Value> = again.iter().map(|l| &l["state"]).collect();
        assert_eq!(states, ["approved", "draft", "draft"]);
        approve_all(&world, &scene, &again).await;
        act(&world, &scene, &format!("{own}/notification"), json!({})).await.ok();
        let explanation = format!("/dossiers/{}/explanation", dossiers[1]);
        let addressee = world.sign_in_again("applicant 2").await;
        let told = world.get(&addressee, &explanation).await.ok();
        assert_eq!((&told["rank"], &told["ranked"]), (&json!(1), &json!(2)));
        // What is computed later they are told of by another letter, or not at all.
        let third = world.sign_in_again("applicant 4").await;
        let withdrawal = format!("/dossiers/{}/withdrawal", dossiers[2]);
        assert_eq!(world.post(&third, &withdrawal, json!({})).await.status, 204);
        jury::rank(&world, &scene).await;
        act(&world, &scene, &format!("/dossiers/{}/decision/confirmation", dossiers[1]), json!({})).await.ok();
        assert_eq!(world.get(&addressee, &explanation).await.ok(), told);
        world.end().await;
    }
}
