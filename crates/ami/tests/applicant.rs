//! The applicant's side: what is typed is kept as it was meant, and nobody overwrites what they have not read; on each database.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Got, Person, World, databases};
use rocket::http::Method;
use serde_json::{Value, json};

/// A person of the first organisation with a draft, and a colleague.
struct Desk {
    ada: Person,
    ben: Person,
    organisation: String,
    dossier: String,
}

async fn desk(world: &World) -> Desk {
    world.published().await;
    world.set_clock("2027-01-12T13:03:00Z");
    let (ada, organisation, _) = world.applicant(1).await;
    let ben = world.person("Ben", false).await;
    let invited = json!({ "name": "Ben", "email": "ben@demonstration.example" });
    world.post(&ada, &format!("/organisations/{organisation}/members"), invited).await;
    world.join(&ben).await;
    let ben = world.sign_in_again("Ben").await;
    let body = json!({ "organisation_id": organisation, "lot": "ALI-01" });
    let made = world.post(&ada, "/calls/AMI-ALI-2027/dossiers", body).await.ok();
    Desk { ada, ben, organisation, dossier: made["id"].as_str().unwrap().to_owned() }
}

impl Desk {
    fn section(&self, code: &str) -> String {
        format!("/dossiers/{}/sections/{code}", self.dossier)
    }

    async fn answer(&self, world: &World, field: &str) -> Value {
        world.get(&self.ada, &format!("/dossiers/{}", self.dossier)).await.ok()["answers"][field].clone()
    }
}

/// A person with a draft that lacks nothing, and their organisation.
async fn complete(world: &World) -> (Person, String, String) {
    world.published().await;
    world.set_clock("2027-02-01T09:00:00Z");
    let (ada, organisation, data) = world.applicant(1).await;
    let id = world.complete_draft(&ada, &organisation, &data, "ALI-01").await;
    (ada, organisation, id)
}

async fn form(world: &World, who: Option<&Person>, path: &str, body: &str, autosave: bool) -> Got {
    let headers: &[(&str, &str)] =
        if autosave { &[("X-Autosave", "1"), ("Accept", "text/html")] } else { &[("Accept", "text/html")] };
    world.send_with(who, Method::Post, path, Some(body.as_bytes().to_vec()), headers).await
}

#[rocket::async_test]
async fn two_people_in_one_section_lose_nothing() {
    for database in databases() {
        let world = World::new(database).await;
        let desk = desk(&world).await;
        let path = desk.section("S4");
        let seen = world.get(&desk.ada, &format!("/dossiers/{}", desk.dossier)).await.ok()["revision"].clone();
        let revs = format!("rev.4.01={seen}&rev.4.02={seen}&rev.4.03={seen}");

        // Both have the page open. Ben writes two fields; Ada's save of another one merges.
        let saved = form(&world, Some(&desk.ben), &path, &format!("{revs}&4.01=Ben+1&4.02=Ben+2&4.03="), false).await;
        assert_eq!(saved.status, 303, "{}", saved.text());
        let merged = form(&world, Some(&desk.ada), &path, &format!("{revs}&4.01=&4.02=&4.03=Ada"), true).await.ok();
        assert_eq!(merged["merged"], json!({ "4.01": "Ben 1", "4.02": "Ben 2" }));
        assert_eq!((merged["conflicts"].clone(), merged["at"].as_str()), (json!([]), Some("14\u{a0}h\u{a0}03")));
        assert_eq!(desk.answer(&world, "4.01").await, "Ben 1");
        assert_eq!(desk.answer(&world, "4.03").await, "Ada");

        let own = &merged["revisions"]["4.03"];
        let mine = format!("rev.4.01={seen}&rev.4.02={seen}&rev.4.03={own}");

        // Where both wrote, nothing is overwritten, however often the button is pressed.
        for _ in 0..2 {
            let both =
                form(&world, Some(&desk.ada), &path, &format!("{mine}&4.01=&4.02=Ada+2&4.03=Ada+3"), false).await;
            assert_eq!(both.status, 409);
            let page = both.text();
            for shown in ["Ben 2", "Ada 2", "choice.4.02", "Ben a aussi modifié"] {
                assert!(page.contains(shown), "{shown}: {page}");
            }
            assert!(page.contains(&format!("name=\"rev.4.02\" value=\"{seen}\"")), "not read again: {page}");
            assert_eq!(desk.answer(&world, "4.02").await, "Ben 2");
            assert_eq!(desk.answer(&world, "4.03").await, "Ada 3", "what nobody else wrote is saved");
        }
        let revision = world.get(&desk.ada, &format!("/dossiers/{}", desk.dossier)).await.ok()["revision"].clone();
        let told = form(&world, Some(&desk.ada), &path, &format!("rev.4.02={seen}&4.02=Ada+2"), true).await.ok();
        assert_eq!(told["conflicts"][0]["theirs"], "Ben 2");
        assert_eq!(told["conflicts"][0]["by"], "Ben");
        let shown = told["conflicts"][0]["revision"].clone();

        // A person chooses: theirs, then mine.
        let choice = |what: &str| format!("rev.4.02={seen}&shown.4.02={shown}&choice.4.02={what}&4.02=Ada+2");
        assert_eq!(form(&world, Some(&desk.ada), &path, &choice("theirs"), false).await.status, 303);
        assert_eq!(desk.answer(&world, "4.02").await, "Ben 2");
        assert_eq!(form(&world, Some(&desk.ada), &path, &choice("mine"), false).await.status, 303);
        assert_eq!(desk.answer(&world, "4.02").await, "Ada 2");
        // What was chosen over has changed meanwhile: it is shown again.
        assert_eq!(
            form(&world, Some(&desk.ben), &path, &choice("mine").replace("Ada+2", "Ben+4"), false).await.status,
            409
        );

        // A page whose answer did not arrive sends the same again: that is no conflict with oneself.
        let again = format!("rev.4.02={revision}&4.02=Ada+2");
        form(&world, Some(&desk.ben), &path, &format!("rev.4.02={}&4.02=Ben+3", revision.as_i64().unwrap() + 1), false)
            .await;
        let resent = form(&world, Some(&desk.ada), &path, &again, true).await.ok();
        assert_eq!((&resent["conflicts"], &resent["merged"]["4.02"]), (&json!([]), &json!("Ben 3")));
        world.end().await;
    }
}

#[rocket::async_test]
async fn an_expired_session_loses_no_text() {
    for database in databases() {
        let world = World::new(database).await;
        let desk = desk(&world).await;
        let path = desk.section("S4");
        let typed = "rev.4.01=1&4.01=Un+long+texte+%26+%C3%A9crit&then=S5";
        let expired = form(&world, None, &path, typed, false).await;
        assert_eq!(expired.status, 401);
        let page = expired.text();
        assert!(page.contains("Votre session a expiré") && page.contains("name=\"kept\""), "{page}");
        let kept = page.split("name=\"kept\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        let kept = kept.replace("&amp;", "&").replace("&#x2f;", "/");
        let kept = rocket::http::RawStr::new(&kept).percent_encode().to_string();
        let sign_in = |password: &str| {
            let email = "applicant-1%40demonstration.example";
            format!("email={email}&password={}&to={path}&kept={kept}", password.replace(' ', "+"))
        };
        // A wrong password keeps it; the right one saves it and goes on.
        let wrong = form(&world, None, "/connexion", &sign_in("faux"), false).await;
        assert!(wrong.status == 422 && wrong.text().contains("name=\"kept\""), "{}", wrong.text());
        let right = form(&world, None, "/connexion", &sign_in(common::PASSWORD), false).await;
        assert_eq!(right.status, 303, "{}", right.text());
        assert_eq!(desk.answer(&world, "4.01").await, "Un long texte & écrit");
        // Somebody else's sign-in saves nothing there.
        world.person("Carl", false).await;
        let other = sign_in(common::PASSWORD).replace("applicant-1", "carl").replace("texte", "faux");
        assert_eq!(form(&world, None, "/connexion", &other, false).await.status, 404);
        assert_eq!(desk.answer(&world, "4.01").await, "Un long texte & écrit");
        world.end().await;
    }
}

#[rocket::async_test]
async fn what_is_asked_no_more_is_kept_and_not_filed() {
    for database in databases() {
        let world = World::new(database).await;
        let (ada, _, id) = complete(&world).await;
        let path = format!("/dossiers/{id}");
        let show = async || world.get(&ada, &path).await.ok();
        let revision = show().await["revision"].clone();
        // In a group after all, with a member that is not valid; then not.
        let save =
            async |body: &str| form(&world, Some(&ada), &format!("/dossiers/{id}/sections/S3"), body, true).await.ok();
        let asked = save(&format!("rev.3.03={revision}&3.03=oui&rev.3.04={revision}&3.04.0.nom=Seul")).await;
        assert!(
            asked["wrong"]["3.04"].is_string() && !asked["hidden"].as_array().unwrap().contains(&json!("3.04")),
            "{asked}"
        );
        assert_eq!(world.post(&ada, &format!("{path}/deposit"), json!({})).await.status, 422);
        let seen = asked["revisions"]["3.03"].clone();
        let hidden = save(&format!("rev.3.03={seen}&3.03=non")).await;
        assert!(hidden["hidden"].as_array().unwrap().contains(&json!("3.04")), "{hidden}");
        world.post(&ada, &format!("{path}/deposit"), json!({})).await.ok();
        assert_eq!(show().await["answers"]["3.04"], Value::Null, "not filed");
        assert_eq!(world.send(Some(&ada), Method::Delete, &format!("/api/v1{path}/deposit"), None).await.status, 204);
        assert_eq!(show().await["invalid"]["3.04"]["input"][0]["nom"], "Seul", "kept in the draft");
        world.end().await;
    }
}

/// A form with one file, as browsers send it.
fn multipart(name: &str, bytes: &[u8]) -> Vec<u8> {
    let head = format!("--X\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
    [head.as_bytes(), bytes, b"\r\n--X--\r\n"].concat()
}

#[rocket::async_test]
async fn a_file_is_named_as_it_was_and_refused_for_what_it_is() {
    let world = World::new("sqlite").await;
    let desk = desk(&world).await;
    let path = format!("/dossiers/{}/pieces/P03", desk.dossier);
    let pdf = ami::demo_data::plain_pdf("P03", "Une structure");
    let kind = [("Content-Type", "multipart/form-data; boundary=X"), ("Accept", "text/html")];
    let send = async |name: &str, bytes: &[u8]| {
        world.send_with(Some(&desk.ada), Method::Post, &path, Some(multipart(name, bytes)), &kind).await
    };
    assert_eq!(send("statuts; annexe.pdf", &pdf).await.status, 303);
    let names = async || {
        let dossier = world.get(&desk.ada, &format!("/dossiers/{}", desk.dossier)).await.ok();
        dossier["pieces"][0]["name"].as_str().unwrap().to_owned()
    };
    assert_eq!(names().await, "statuts; annexe.pdf");
    let api = format!("/api/v1{path}");
    let header = [("Content-Disposition", "attachment; filename=\"budget; annexe.pdf\"")];
    world.send_with(Some(&desk.ada), Method::Put, &api, Some(pdf.clone()), &header).await.ok();
    assert_eq!(names().await, "budget; annexe.pdf");
    assert_eq!(send(&format!("{}.pdf", "é".repeat(200)), &pdf).await.status, 303);
    assert_eq!(names().await, format!("{}.pdf", "é".repeat(146)));

    // The slot takes 10 Mio.
    let large = [&pdf[..], &vec![b' '; 11 * 1024 * 1024]].concat();
    let refused = send("grand.pdf", &large).await;
    assert!(refused.status == 422 && refused.text().contains("dépasse 10"), "{} {}", refused.status, refused.text());
    let script = String::from_utf8_lossy(&pdf).replacen("%%EOF", "9 0 obj\n<< /S /JavaScript >>\nendobj\n%%EOF", 1);
    let refused = send("anime.pdf", script.as_bytes()).await;
    assert!(refused.text().contains("Ce PDF contient un programme"), "{}", refused.text());
    world.end().await;
}

#[rocket::async_test]
async fn a_draft_on_a_wrong_lot_is_thrown_away_and_comes_back() {
    for database in databases() {
        let world = World::new(database).await;
        let desk = desk(&world).await;
        let path = format!("/api/v1/dossiers/{}", desk.dossier);
        let begin = async |lot: &str| {
            let body = json!({ "organisation_id": desk.organisation, "lot": lot });
            world.post(&desk.ada, "/calls/AMI-ALI-2027/dossiers", body).await
        };
        let most = world.call.rules.max_lots_requested;
        for n in 2..=most {
            begin(&format!("ALI-0{n}")).await.ok();
        }
        assert_eq!(begin("ALI-09").await.problem().1, "too-many-lots");

        let stranger = world.person("Stranger", false).await;
        assert_eq!(world.send(Some(&stranger), Method::Delete, &path, None).await.status, 404);
        let page = form(&world, Some(&desk.ada), &format!("/dossiers/{}/jeter", desk.dossier), "", false).await;
        assert_eq!(page.status, 303);
        // It counts no more, for its lot neither, and is nowhere.
        assert_eq!(world.send(Some(&desk.ada), Method::Get, &path, None).await.status, 404);
        assert_eq!(world.send(Some(&desk.ada), Method::Delete, &path, None).await.status, 404);
        let mine = world.get(&desk.ada, "/dossiers").await.ok();
        assert_eq!(mine["items"].as_array().unwrap().len(), usize::try_from(most).unwrap() - 1);
        let space = world.send_with(Some(&desk.ada), Method::Get, "/espace", None, &[("Accept", "text/html")]).await;
        assert!(space.text().contains("1\u{a0}brouillon jeté"), "{}", space.text());
        let other = begin("ALI-01").await.ok();
        let back = format!("{path}/restoration");
        let restore = async || world.send(Some(&desk.ada), Method::Post, &back, Some(json!({}))).await;
        assert_eq!(restore().await.problem(), (409, "dossier-exists".into()));
        world
            .send(Some(&desk.ada), Method::Delete, &format!("/api/v1/dossiers/{}", other["id"].as_str().unwrap()), None)
            .await;
        begin("ALI-09").await.ok();
        assert_eq!(restore().await.problem(), (409, "too-many-lots".into()));
        let ninth = world.get(&desk.ada, "/dossiers").await.ok()["items"][0]["id"].as_str().unwrap().to_owned();
        assert_eq!(
            world.send(Some(&desk.ada), Method::Delete, &format!("/api/v1/dossiers/{ninth}"), None).await.status,
            204
        );
        assert_eq!(restore().await.ok()["state"], "draft");
        assert_eq!(restore().await.problem(), (409, "not-now".into()), "there is nothing to take back");

        // After a week it is gone.
        assert_eq!(world.send(Some(&desk.ada), Method::Delete, &path, None).await.status, 204);
        world.set_clock("2027-01-19T13:03:00.000001Z");
        let ada = world.sign_in_again("applicant 1").await;
        let restored = world.send(Some(&ada), Method::Post, &back, Some(json!({}))).await;
        assert_eq!(restored.problem(), (409, "restore-past".into()));
        world.end().await;
    }
}

#[rocket::async_test]
async fn a_withdrawal_is_taken_back_or_makes_room() {
    for database in databases() {
        let world = World::new(database).await;
        let (ada, organisation, id) = complete(&world).await;
        let receipt = world.post(&ada, &format!("/dossiers/{id}/deposit"), json!({})).await.ok();
        assert_eq!(world.send(Some(&ada), Method::Delete, &format!("/api/v1/dossiers/{id}"), None).await.status, 409);
        let withdraw = async || world.post(&ada, &format!("/dossiers/{id}/withdrawal"), json!({})).await.status;
        assert_eq!(withdraw().await, 204);
        let page = world.send_with(Some(&ada), Method::Get, &format!("/dossiers/{id}"), None, &[]).await.text();
        assert!(page.contains("Annuler le retrait"), "{page}");
        let back = world.post(&ada, &format!("/dossiers/{id}/restoration"), json!({})).await.ok();
        assert_eq!((back["state"].as_str(), &back["deposited_at"]), (Some("deposited"), &receipt["deposited_at"]));
        assert_eq!(back["deposits"][0]["counts"], true);

        assert_eq!(withdraw().await, 204);
        let body = json!({ "organisation_id": organisation, "lot": "ALI-01" });
        world.post(&ada, "/calls/AMI-ALI-2027/dossiers", body).await.ok();
        let back = world.post(&ada, &format!("/dossiers/{id}/restoration"), json!({})).await;
        assert_eq!(back.problem(), (409, "dossier-exists".into()));
        world.end().await;
    }
}

#[rocket::async_test]
async fn a_dossier_is_read_whole_before_and_after_it_is_filed() {
    for database in databases() {
        let world = World::new(database).await;
        let (ada, _, id) = complete(&world).await;
        let page = async |path: &str| {
            world
                .send_with(Some(&ada), Method::Get, &format!("/dossiers/{id}/{path}"), None, &[("Accept", "text/html")])
                .await
        };
        let draft = page("relire").await.text();
        assert!(draft.contains("Brouillon — non déposé") && draft.contains("4.01 — "), "{draft}");
        assert!(!draft.contains("Sans réponse</p>\n\n<h3>4."), "a complete dossier answers its questions: {draft}");
        assert!(common::pdf_text(&page("dossier.pdf").await.bytes).contains("Brouillon — non déposé"));
        world.post(&ada, &format!("/dossiers/{id}/deposit"), json!({})).await.ok();
        let filed = page("relire").await.text();
        assert!(
            filed.contains("Déposé le lundi 1er février 2027") && filed.contains("Masqué aux membres du jury"),
            "{filed}"
        );

        // What is changed afterwards is in the draft, and not in what was filed.
        world.send(Some(&ada), Method::Delete, &format!("/api/v1/dossiers/{id}/deposit"), None).await;
        world
            .patch(&ada, &format!("/dossiers/{id}/answers"), Some("*"), json!({ "4.01": "Tout autre chose." }))
            .await
            .ok();
        let pdf = async |path: &str| common::pdf_text(&world.get(&ada, &format!("/dossiers/{id}/{path}")).await.bytes);
        assert!(pdf("dossier.pdf").await.contains("Tout autre chose."));
        assert!(!pdf("dossier.pdf?version=1").await.contains("Tout autre chose."));
        assert_eq!(world.get(&ada, &format!("/dossiers/{id}/dossier.pdf?version=2")).await.status, 404);
        let stranger = world.person("Stranger", false).await;
        assert_eq!(world.get(&stranger, &format!("/dossiers/{id}/dossier.pdf")).await.status, 404);
        world.end().await;
    }
}

#[rocket::async_test]
async fn what_a_call_asks_is_read_before_any_account() {
    let world = World::new("sqlite").await;
    let officer = world.person("Officer", true).await;
    let definition = serde_json::to_value(&world.call).unwrap();
    world.post(&officer, "/calls", definition).await.ok();
    let get = async |path: &str| world.send_with(None, Method::Get, path, None, &[("Accept", "text/html")]).await;
    assert_eq!(get("/appels/AMI-ALI-2027/questions").await.status, 404, "not published: for its officers only");
    world.advance(&officer, "published").await;
    let page = get("/appels/AMI-ALI-2027/questions").await.text();
    let pdf = common::pdf_text(&get("/appels/AMI-ALI-2027/questions.pdf").await.bytes);
    for field in world.call.form.fields().filter(|f| f.is_typed()) {
        assert!(page.contains(&format!("<h3>{} — ", field.code)) && pdf.contains(&field.code), "{}", field.code);
    }
    for said in ["Règlement", "Voies de recours", "Critères et pondération", "Statuts ou acte constitutif"] {
        assert!(pdf.contains(said), "{said}");
    }

    let form = get("/api/v1/calls/AMI-ALI-2027/form?lot=ALI-01").await.ok();
    assert_eq!(form["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(form["properties"]["3.01"]["enum"], json!(["ALI-01"]));
    assert_eq!(get("/api/v1/calls/AMI-ALI-2027/form?lot=X").await.status, 422);
    assert_eq!(get("/api/v1/calls/NOPE/form").await.status, 404);
    world.end().await;
}
