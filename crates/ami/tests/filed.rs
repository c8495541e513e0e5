//! What was filed is what is read, on each database: whatever an organisation, a call or a draft become afterwards.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io::Read as _;

use ami::demo_data;
use ami_database::ConnectionTrait as _;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use common::{Person, World, databases, pdf_text};
use futures_util::future::join_all;
use rocket::http::Method;
use serde_json::{Value, json};

const CALL: &str = "/calls/AMI-ALI-2027";

/// An open call, and a dossier that was filed in it.
struct Scene {
    world: World,
    officer: Person,
    applicant: Person,
    organisation: String,
    data: demo_data::Applicant,
    dossier: String,
}

impl Scene {
    async fn new(database: &str) -> Self {
        let world = World::new(database).await;
        world.set_clock("2027-03-15T10:50:00Z");
        let officer = world.published().await;
        let (applicant, organisation, data) = world.applicant(1).await;
        let dossier = world.complete_draft(&applicant, &organisation, &data, "ALI-07").await;
        let scene = Self { world, officer, applicant, organisation, data, dossier };
        scene.deposit().await.ok();
        scene
    }

    async fn deposit(&self) -> common::Got {
        self.world.post(&self.applicant, &format!("/dossiers/{}/deposit", self.dossier), json!({})).await
    }

    async fn delete(&self, what: &str) -> common::Got {
        let path = format!("/api/v1/dossiers/{}/{what}", self.dossier);
        self.world.send(Some(&self.applicant), Method::Delete, &path, None).await
    }

    /// What its applicant sees.
    async fn view(&self) -> Value {
        self.world.get(&self.applicant, &format!("/dossiers/{}", self.dossier)).await.ok()
    }

    async fn answer(&self, answers: Value) -> common::Got {
        self.world.patch(&self.applicant, &format!("/dossiers/{}/answers", self.dossier), Some("*"), answers).await
    }

    /// Puts a file in the place of the one in a slot; gives its id.
    async fn upload(&self, slot: &str, words: &str) -> String {
        let path = format!("/api/v1/dossiers/{}/pieces/{slot}", self.dossier);
        let name = [("Content-Disposition", "attachment; filename=\"autre.pdf\"")];
        let bytes = Some(demo_data::plain_pdf(slot, words));
        let put = self.world.send_with(Some(&self.applicant), Method::Put, &path, bytes, &name).await.ok();
        put["id"].as_str().unwrap().to_owned()
    }

    async fn page(&self, who: &Person, path: &str) -> String {
        let got = self.world.send(Some(who), Method::Get, path, None).await;
        assert_eq!(got.status, 200, "{path}");
        got.text().replace("&#x27;", "'").replace("&#39;", "'").replace(['\u{a0}', '\u{202f}'], " ")
    }

    /// Closes, and brings the dossier to a juror who was asked for it.
    async fn marking(&self) -> Person {
        self.world.set_clock("2027-03-15T11:00:01Z");
        self.world.advance(&self.officer, "admissibility").await;
        let finding = json!({ "admissible": true });
        let path = format!("/dossiers/{}/admissibility", self.dossier);
        assert_eq!(self.world.put(&self.officer, &path, finding).await.status, 204);
        self.world.advance(&self.officer, "marking").await;
        let juror = self.world.person("juror 1", false).await;
        let invitation = json!({
            "name": "Juror", "email": "juror-1@demonstration.example", "college": "experts", "voice": "deliberative",
        });
        let seat = self.world.post(&self.officer, &format!("{CALL}/seats"), invitation).await.ok()["id"].clone();
        let asked = json!({ "seat": seat, "add": [self.dossier] });
        assert_eq!(self.world.post(&self.officer, &format!("{CALL}/assignments"), asked).await.status, 204);
        juror
    }

    async fn declare(&self, juror: &Person) {
        let none = json!({ "conflicts": [] });
        assert_eq!(self.world.post(juror, &format!("{CALL}/declaration"), none).await.status, 204);
    }

    /// The call gets another version: every text that names the agencies, and the lot's name, are others.
    async fn correct_call(&self) {
        let conn = self.world.app.database.read();
        let corrected = "replace(replace(definition, 'Agences locales', 'Titre corrigé'), 'Stains', 'Lot corrigé')";
        for sql in [
            format!(
                "INSERT INTO call_versions (call_id, version, definition, sha256, published_at, notice) \
                 SELECT call_id, 2, {corrected}, 'x', 0, NULL FROM call_versions"
            ),
            "UPDATE calls SET version = 2".to_owned(),
        ] {
            conn.execute_unprepared(&sql).await.unwrap();
        }
    }

    async fn receipt(&self) -> Vec<u8> {
        let got = self.world.get(&self.applicant, &format!("/dossiers/{}/receipt.pdf", self.dossier)).await;
        assert_eq!(got.status, 200, "{}", got.text());
        got.bytes
    }
}

#[rocket::async_test]
async fn a_name_that_changes_after_closing_is_not_the_one_that_was_filed() {
    for database in databases() {
        let scene = Scene::new(database).await;
        let (world, officer) = (&scene.world, &scene.officer);
        let juror = scene.marking().await;
        let other = demo_data::Accounts::all().applicants[8].clone();
        let renamed = json!({ "name": "Nouveau Nom", "siret": other.siret, "rna": null, "legal_form": "scic" });
        world.put(&scene.applicant, &format!("/organisations/{}", scene.organisation), renamed).await.ok();
        let (name, siret) = (json!(scene.data.name), json!(scene.data.siret.replace(' ', "")));

        // The jury.
        let declaration = world.get(&juror, &format!("{CALL}/declaration")).await.ok();
        assert_eq!(declaration["candidates"][0]["organisation"], name);
        scene.declare(&juror).await;
        let sheets = world.get(&juror, "/jury/sheets").await.ok();
        assert_eq!(sheets["items"][0]["dossier"]["organisation"], name);
        let sheet = format!("/fiches/{}", sheets["items"][0]["id"].as_str().unwrap());
        let page = scene.page(&juror, &sheet).await;
        assert!(page.contains(&scene.data.name) && !page.contains("Nouveau Nom"));
        let read = world.get(&juror, &format!("/dossiers/{}", scene.dossier)).await;
        assert!(!read.text().contains("Nouveau Nom") && !read.text().contains(&other.siret));
        assert_eq!(read.ok()["organisation"], name);

        // The authority, which is told beside it what the organisation says of itself today.
        let line = world.get(officer, &format!("{CALL}/dossiers")).await.ok()["items"][0].clone();
        assert_eq!(
            (&line["organisation"], &line["siret"], &line["legal_form"]),
            (&name, &siret, &json!("association"))
        );
        assert_eq!(line["organisation_today"], "Nouveau Nom");
        let read = world.get(officer, &format!("/dossiers/{}", scene.dossier)).await.ok();
        assert_eq!((&read["applicant"]["name"], &read["applicant"]["siret"]), (&name, &siret));
        assert_eq!(read["applicant_today"]["legal_form"], "scic");
        let page = scene.page(officer, &format!("/gestion/dossiers/{}", scene.dossier)).await;
        assert!(page.contains(&format!("— {}</h1>", scene.data.name)) && page.contains("Aujourd'hui : Nouveau Nom"));
        let row = world.get(officer, &format!("{CALL}/assignments")).await.ok()["items"][0].clone();
        assert_eq!(row["organisation"], name);

        // The ranking, the decisions and their exports.
        world.advance(officer, "hearings").await;
        let ranking = world.post(officer, &format!("{CALL}/rankings"), json!({})).await.ok();
        let lots = ranking["lots"].as_array().unwrap();
        let lot = lots.iter().find(|lot| lot["code"] == "ALI-07").unwrap();
        assert_eq!(lot["dossiers"][0]["organisation"], name);
        let decision = world.get(officer, &format!("{CALL}/decisions")).await.ok()["items"][0].clone();
        assert_eq!((&decision["organisation"], &decision["siret"]), (&name, &siret));
        let csv = world.get(officer, &format!("{CALL}/decisions.csv")).await.text();
        let xlsx = workbook_text(world.get(officer, &format!("{CALL}/decisions.xlsx")).await.bytes);
        for export in [csv, xlsx] {
            let digits = export.replace(' ', "");
            assert!(export.contains(&scene.data.name) && digits.contains(siret.as_str().unwrap()), "{export}");
            assert!(!export.contains("Nouveau Nom") && !digits.contains(&other.siret), "{export}");
        }

        // And the applicant's own page of what was filed.
        assert_eq!(scene.view().await["applicant"]["name"], name);
        scene.world.end().await;
    }
}

fn workbook_text(bytes: Vec<u8>) -> String {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let mut text = String::new();
    for n in 0..archive.len() {
        archive.by_index(n).unwrap().read_to_string(&mut text).unwrap();
    }
    text
}

#[rocket::async_test]
async fn a_change_under_way_at_closing_leaves_what_was_filed() {
    for database in databases() {
        let scene = Scene::new(database).await;
        let (world, officer) = (&scene.world, &scene.officer);
        let filed = scene.view().await;
        let piece = |view: &Value, slot: &str| {
            let pieces = view["pieces"].as_array().unwrap();
            pieces.iter().find(|p| p["slot"] == slot).map(|p| p["id"].as_str().unwrap().to_owned())
        };
        let places = filed["answers"]["4.04"].as_i64().unwrap();
        assert_eq!(scene.answer(json!({ "3.05": "Non" })).await.problem(), (409, "not-now".into()));
        assert_eq!(scene.delete("change").await.problem(), (409, "not-now".into()));

        assert_eq!(scene.delete("deposit").await.status, 204);
        assert_eq!(scene.delete("deposit").await.problem(), (409, "not-now".into()));
        scene.answer(json!({ "3.05": "Changé depuis", "4.04": places + 1 })).await.ok();
        let replaced = scene.upload("P01", "remplacé depuis").await;
        let removed = piece(&filed, "P12").or_else(|| piece(&filed, "P02")).unwrap();
        let path = format!("/api/v1/dossiers/{}/pieces/{removed}", scene.dossier);
        assert_eq!(world.send(Some(&scene.applicant), Method::Delete, &path, None).await.status, 204);

        // It is filed all the while, and says so everywhere.
        let view = scene.view().await;
        assert_eq!((&view["state"], &view["editing"]), (&json!("deposited"), &json!(true)));
        assert_eq!(view["answers"]["3.05"], "Changé depuis");
        assert_eq!(view["deposits"][0]["counts"], true);
        assert_eq!(world.get(&scene.applicant, "/dossiers").await.ok()["items"][0]["editing"], true);
        let counts = world.get(officer, &format!("{CALL}/counts")).await.ok();
        let lot = counts["items"].as_array().unwrap().iter().find(|l| l["lot"] == "ALI-07").unwrap().clone();
        assert_eq!((&lot["deposited"], &lot["drafts"]), (&json!(1), &json!(0)));
        let page = scene.page(&scene.applicant, &format!("/dossiers/{}", scene.dossier)).await;
        assert!(page.contains("reste valable tant que vous n'avez pas déposé de nouveau"), "{page}");
        assert!(world.deliver().await.iter().any(|m| m.body.contains("RESTE VALABLE")), "its people are told");
        assert_eq!(scene.deposit().await.problem(), (422, "incomplete".into()));
        // Sealed until closing, the draft like what was filed.
        for path in
            [format!("/dossiers/{}", scene.dossier), format!("/pieces/{removed}"), format!("/pieces/{replaced}")]
        {
            assert_eq!(world.get(officer, &path).await.status, 404, "{path}");
        }
        assert_eq!(scene.view().await["deposits"].as_array().unwrap().len(), 1);

        let juror = scene.marking().await;
        scene.declare(&juror).await;
        assert_eq!(scene.deposit().await.status, 409);
        for who in [&juror, officer] {
            let read = world.get(who, &format!("/dossiers/{}", scene.dossier)).await.ok();
            assert_eq!(read["answers"]["3.05"], filed["answers"]["3.05"]);
            for slot in ["P01", "P02"] {
                assert_eq!(piece(&read, slot), piece(&filed, slot));
            }
            for id in [&removed, &piece(&filed, "P01").unwrap()] {
                assert_eq!(world.get(who, &format!("/pieces/{id}")).await.status, 200, "filed, and opened as such");
            }
            assert_eq!(world.get(who, &format!("/pieces/{replaced}")).await.status, 404, "never filed");
        }
        // The ranking breaks ties with what was filed.
        world.advance(officer, "hearings").await;
        world.post(officer, &format!("{CALL}/rankings"), json!({})).await.ok();
        let conn = world.app.database.read();
        let call = ami_database::calls::find_by_code(conn, "AMI-ALI-2027").await.unwrap().unwrap();
        let newest = ami_database::rankings::rankings(conn, call.id).await.unwrap().remove(0);
        let kept = ami_database::rankings::find_ranking(conn, newest.id).await.unwrap().unwrap();
        let inputs: Value = serde_json::from_str(&kept.inputs).unwrap();
        assert_eq!(inputs["dossiers"][0]["values"]["7.03"], json!(filed["computed"]["7.03"].to_string()), "{inputs}");
        // The applicant sees what is examined, and still has what was written since.
        let view = scene.view().await;
        assert_eq!((&view["state"], &view["editing"]), (&json!("admissible"), &json!(false)));
        assert_eq!((&view["answers"], &view["pieces"]), (&filed["answers"], &filed["pieces"]));
        assert_eq!(world.get(&scene.applicant, &format!("/pieces/{replaced}")).await.status, 200);
        scene.world.end().await;
    }
}

#[rocket::async_test]
async fn a_change_is_filed_or_dropped() {
    for database in databases() {
        let scene = Scene::new(database).await;
        let filed = scene.view().await;
        for round in 0..2 {
            assert_eq!(scene.delete("deposit").await.status, 204, "{round}");
            scene.answer(json!({ "3.05": "Changé depuis" })).await.ok();
            let path = format!("/api/v1/dossiers/{}/answers", scene.dossier);
            let odd = Some(json!({ "3.06": "Autre résumé", "1.08": 3 }).to_string().into_bytes());
            scene.world.send_with(Some(&scene.applicant), Method::Patch, &path, odd, &[("If-Match", "*")]).await.ok();
            scene.upload("P01", "remplacé depuis").await;
            assert_eq!(scene.delete("change").await.status, 204);
            let view = scene.view().await;
            assert_eq!((&view["state"], &view["editing"]), (&json!("deposited"), &json!(false)));
            assert_eq!((&view["answers"], &view["pieces"]), (&filed["answers"], &filed["pieces"]));
            // The next change begins with what is filed, too.
            assert_eq!(scene.delete("deposit").await.status, 204);
            let draft = scene.view().await;
            assert_eq!((&draft["answers"], &draft["pieces"]), (&filed["answers"], &filed["pieces"]));
            assert_eq!(scene.delete("change").await.status, 204);
        }
        // The same on the pages.
        for (act, editing) in [("modifier", true), ("abandonner", false), ("modifier", true)] {
            let path = format!("/dossiers/{}/{act}", scene.dossier);
            assert_eq!(scene.world.send(Some(&scene.applicant), Method::Post, &path, None).await.status, 303, "{act}");
            assert_eq!(scene.view().await["editing"], editing);
        }
        scene.answer(json!({ "3.05": "Changé depuis" })).await.ok();
        assert_eq!(scene.deposit().await.ok()["version"], 2);
        let view = scene.view().await;
        let counting: Vec<&Value> = view["deposits"].as_array().unwrap().iter().map(|d| &d["counts"]).collect();
        assert_eq!((counting, &view["editing"]), (vec![&json!(true), &json!(false)], &json!(false)));
        let path = format!("/dossiers/{}/receipt?version=1", scene.dossier);
        let first = scene.world.get(&scene.applicant, &path).await.ok();
        assert_eq!((&first["counts"], &first["replaced_by"]), (&json!(false), &json!(2)));
        let juror = scene.marking().await;
        scene.declare(&juror).await;
        let read = scene.world.get(&juror, &format!("/dossiers/{}", scene.dossier)).await.ok();
        assert_eq!(read["answers"]["3.05"], "Changé depuis");
        scene.world.end().await;
    }
}

#[rocket::async_test]
async fn a_receipt_is_given_out_again_as_it_was() {
    for database in databases() {
        let scene = Scene::new(database).await;
        let world = &scene.world;
        // The message draws it here: nobody asked before.
        world.deliver().await;
        let folder = world.folder.path().join("mails");
        let sent = attached(&folder);
        let receipt = scene.receipt().await;
        assert_eq!(sent, vec![BASE64_STANDARD.encode(&receipt)]);
        let text = pdf_text(&receipt);
        assert!(text.contains("la date à laquelle elle est née"), "the remedies of a receipt: {text}");
        assert!(!text.contains("à compter de sa notification"), "not those of a letter: {text}");
        let shown = world.get(&scene.applicant, &format!("/dossiers/{}/receipt", scene.dossier)).await.ok();

        // Whatever the call becomes.
        world.set_clock("2027-03-15T10:59:00Z");
        scene.correct_call().await;
        assert_eq!(scene.receipt().await, receipt);
        let again = world.get(&scene.applicant, &format!("/dossiers/{}/receipt", scene.dossier)).await.ok();
        assert_eq!(again, shown);
        assert!(shown["call_title"].as_str().unwrap().contains("Agences locales"));
        let page = scene.page(&scene.applicant, &format!("/dossiers/{}/recu", scene.dossier)).await;
        assert!(page.contains("Agences locales") && !page.contains("Titre corrigé"));

        // Another deposit is under the other version, and has a receipt of its own.
        assert_eq!(scene.delete("deposit").await.status, 204);
        let second = scene.deposit().await.ok();
        assert!(second["call_title"].as_str().unwrap().contains("Titre corrigé"), "{second}");
        assert_ne!(scene.receipt().await, receipt);
        let path = format!("/dossiers/{}/receipt.pdf?version=1", scene.dossier);
        let first = world.get(&scene.applicant, &path).await;
        assert_eq!(first.bytes, receipt);
        assert!(first.disposition.unwrap().ends_with("''accuse-reception-ALI27-0001-v1.pdf"));
        scene.world.end().await;
    }
}

#[rocket::async_test]
async fn a_dossier_is_read_under_the_version_of_its_deposit() {
    for database in databases() {
        let scene = Scene::new(database).await;
        let label = scene.view().await["lot_label"].clone();
        let juror = scene.marking().await;
        scene.declare(&juror).await;
        scene.world.advance(&scene.officer, "hearings").await;
        let ranking = scene.world.post(&scene.officer, &format!("{CALL}/rankings"), json!({})).await.ok();
        scene.correct_call().await;
        for who in [&juror, &scene.officer] {
            let read = scene.world.get(who, &format!("/dossiers/{}", scene.dossier)).await.ok();
            assert_eq!((&read["lot_label"], &read["call_version"]), (&label, &json!(1)));
        }
        let path = format!("/gestion/classements/{}", ranking["id"].as_str().unwrap());
        assert!(!scene.page(&scene.officer, &path).await.contains("Titre corrigé"));
        let decision = scene.world.get(&scene.officer, &format!("{CALL}/decisions")).await.ok()["items"][0].clone();
        assert_eq!(decision["lot_label"], label);
        scene.world.end().await;
    }
}

/// Deposits that are older than stored receipts: the facts are fixed when somebody first asks, and the receipt says so.
#[rocket::async_test]
async fn an_older_deposit_gets_its_receipt_once() {
    for database in databases() {
        let scene = Scene::new(database).await;
        let conn = scene.world.app.database.read();
        for sql in ["UPDATE mail_attachments SET document_id = NULL", "DELETE FROM documents"] {
            conn.execute_unprepared(sql).await.unwrap();
        }
        scene.correct_call().await;
        scene.world.set_clock("2027-03-15T10:59:00Z");
        // Whoever asks first draws it, and all get the same.
        let asked = join_all((0..8).map(|_| scene.receipt())).await;
        let receipt = scene.receipt().await;
        assert!(asked.iter().all(|bytes| *bytes == receipt));
        let text = pdf_text(&receipt);
        assert!(text.contains("11:59:00") && text.contains("d'après le dépôt conservé"), "{text}");
        assert!(text.contains("11:50:00") && !text.contains("Titre corrigé"), "{text}");
        scene.world.set_clock("2027-03-15T10:59:30Z");
        assert_eq!(scene.receipt().await, receipt);
        scene.world.end().await;
    }
}

#[rocket::async_test]
async fn after_a_withdrawal_there_is_another_dossier_for_the_lot() {
    for database in databases() {
        let scene = Scene::new(database).await;
        let world = &scene.world;
        let begin = async || {
            let body = json!({ "organisation_id": scene.organisation, "lot": "ALI-07" });
            world.post(&scene.applicant, &format!("{CALL}/dossiers"), body).await
        };
        assert_eq!(begin().await.problem(), (409, "dossier-exists".into()));
        let path = format!("/dossiers/{}/withdrawal", scene.dossier);
        assert_eq!(world.post(&scene.applicant, &path, json!({})).await.status, 204);
        let gone = scene.view().await;
        assert_eq!((&gone["state"], &gone["deposits"][0]["counts"]), (&json!("withdrawn"), &json!(false)));
        let again = begin().await;
        assert_eq!(again.status, 201, "{}", again.text());
        assert_eq!(begin().await.problem(), (409, "dossier-exists".into()));
        let counts = world.get(&scene.officer, &format!("{CALL}/counts")).await.ok();
        let lot = counts["items"].as_array().unwrap().iter().find(|l| l["lot"] == "ALI-07").unwrap().clone();
        assert_eq!((&lot["deposited"], &lot["drafts"], &lot["withdrawn"]), (&json!(0), &json!(1), &json!(1)));
        scene.world.end().await;
    }
}

/// The files that messages in a folder carry, in base64.
fn attached(folder: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|x| x != "eml") {
            continue;
        }
        let mail = std::fs::read_to_string(path).unwrap();
        for part in mail.split("Content-Type: application/pdf").skip(1) {
            let (_, body) = part.split_once("\r\n\r\n").unwrap();
            let (body, _) = body.split_once("\r\n--").unwrap();
            found.push(body.split_whitespace().collect());
        }
    }
    found
}
