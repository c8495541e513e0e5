//! A juror's work: what cannot be read erases nothing, marking ends at its hour, a signed sheet is opened again, an abstention is
//! neither zero nor counted, what was withdrawn is marked no more, and who marks what is proposed; on each database.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use ami_services::rankings::{Recomputed, recompute_ranking};
use common::jury::{self, CALL};
use common::{World, databases, pdf_text};
use rocket::http::Method;
use serde_json::{Value, json};

fn codes(answer: &Value) -> Vec<(String, String)> {
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    answer["errors"].as_array().unwrap().iter().map(|e| (text(&e["pointer"]), text(&e["code"]))).collect()
}

fn pair(pointer: &str, code: &str) -> (String, String) {
    (pointer.to_owned(), code.to_owned())
}

#[rocket::async_test]
async fn one_faulty_entry_is_named_and_blocks_no_other() {
    for database in databases() {
        let world = World::new(database).await;
        let scene = jury::marking(&world, 1, 1).await;
        let juror = &scene.jurors[0].person;
        let id = jury::sheet(&world, &scene.jurors[0], &scene.dossiers[0].1).await;
        let path = format!("/sheets/{id}");
        world.patch(juror, &path, None, json!({ "marks": { "A1": 4, "A2": 2 } })).await.ok();
        let long = "é".repeat(4_001);
        let changes = json!({
            "marks": { "A1": "3,5", "A2": 9, "A3": 3, "Z9": "x" }, "comments": { "B1": long, "B2": "Net et précis." },
        });
        let got = world.patch(juror, &path, None, changes).await;
        assert_eq!(got.status, 422);
        let body = got.json();
        let mut named = codes(&body);
        named.sort();
        let wrong = [
            pair("/comments/B1", "comment-long"),
            pair("/marks/A1", "mark-unreadable"),
            pair("/marks/A2", "mark"),
            pair("/marks/Z9", "criterion-unknown"),
        ];
        assert_eq!(named, wrong);
        let said: Vec<&str> = body["errors"].as_array().unwrap().iter().filter_map(|e| e["detail"].as_str()).collect();
        assert!(said.iter().any(|s| s.contains("B1 compte 4001")), "{said:?}");
        let kept = world.get(juror, &path).await.ok();
        assert_eq!(kept["marks"], json!({ "A1": 4, "A2": 2, "A3": 3 }));
        assert_eq!(kept["comments"], json!({ "B2": "Net et précis." }));
        assert_eq!(body["current"]["revision"], kept["revision"]);

        // In the page what was typed is there again, and the rest is saved.
        let form = format!("revision={}&mark.A1=3%2C5&mark.A4=2&comment.B1={}", kept["revision"], "x".repeat(4_001));
        let page = jury::form(&world, juror, &format!("/fiches/{id}"), &form).await;
        assert_eq!(page.status, 422);
        let text = page.text().replace(['\u{a0}', '\u{202f}'], " ");
        assert!(text.contains("Saisi : « 3,5 »") && text.contains(&"x".repeat(4_001)), "{text}");
        let kept = world.get(juror, &path).await.ok();
        assert_eq!((&kept["marks"]["A1"], &kept["marks"]["A4"]), (&json!(4), &json!(2)));
        // Saved while writing: the answer names what was not.
        let form = format!("revision={}&mark.A1=3%2C5&mark.A4=3", kept["revision"]);
        let autosave = [("X-Autosave", "1")];
        let page = format!("/fiches/{id}");
        let got = world.send_with(Some(juror), Method::Post, &page, Some(form.into_bytes()), &autosave).await.ok();
        assert_eq!(got["problems"], 1);
        assert!(got["wrong"][0]["detail"].as_str().unwrap().contains("A1"), "{got}");
        world.end().await;
    }
}

#[rocket::async_test]
async fn marking_ends_at_its_hour_and_the_sheet_says_so() {
    for database in databases() {
        let world = World::new(database).await;
        let scene = jury::marking(&world, 1, 2).await;
        let dossier = &scene.dossiers[0].1;
        let signed = jury::sign(&world, &scene.jurors[1], dossier, 3).await;
        let open = jury::sheet(&world, &scene.jurors[0], dossier).await;
        world.set_clock("2027-05-03T21:59:00Z");
        // Weeks have passed: everybody signs in anew.
        let anew = async || (world.sign_in_again("juror 0").await, world.sign_in_again("juror 1").await);
        let (chair, juror) = &anew().await;
        world.patch(chair, &format!("/sheets/{open}"), None, json!({ "marks": { "A1": 3 } })).await.ok();
        world.set_clock("2027-05-03T21:59:01Z");
        let late = world.patch(chair, &format!("/sheets/{open}"), None, json!({ "marks": { "A1": 5 } })).await;
        assert_eq!(late.problem(), (409, "marking-over".into()));
        assert!(late.text().contains("3 mai 2027"), "{}", late.text());
        let late = world.post(chair, &format!("/sheets/{open}/lock"), json!({})).await;
        assert_eq!(late.problem(), (409, "marking-over".into()));
        let page = jury::page(&world, chair, &format!("/fiches/{open}")).await.text();
        assert!(page.contains("La notation est close depuis le") && !page.contains("data-autosave"), "{page}");
        let list = jury::page(&world, chair, "/jury").await.text();
        assert!(list.contains("La notation est close") && !list.contains("à terminer"), "{list}");

        // A signed sheet is asked back, opened with a deadline of its own, and signed again after the end of marking.
        let ask = format!("/fiches/{signed}/demande");
        assert_eq!(jury::form(&world, juror, &ask, "reason=+").await.status, 422);
        assert_eq!(jury::form(&world, juror, &ask, "reason=A2+est+fausse").await.status, 303);
        assert_eq!(jury::form(&world, juror, &ask, "reason=A2+est+fausse").await.status, 422);
        let mails = world.deliver().await;
        let told = mails.iter().find(|m| m.subject.contains("Réouverture demandée")).unwrap();
        assert!(told.recipient.starts_with("juror-0@") && told.body.contains("A2 est fausse"), "{told:?}");
        let shown = jury::page(&world, chair, "/jury/AMI-ALI-2027/fiches").await.text();
        assert!(shown.contains("A2 est fausse"), "{shown}");
        let past = format!("sheet={signed}&reason=Erreur&until=2027-05-01");
        let path = "/jury/AMI-ALI-2027/fiches";
        assert_eq!(jury::form(&world, chair, path, &past).await.status, 422);
        let form = format!("sheet={signed}&reason=Erreur&until=2027-05-06");
        assert_eq!(jury::form(&world, chair, path, &form).await.status, 303);
        world.set_clock("2027-05-06T21:59:59Z");
        let (chair, juror) = &anew().await;
        let officer = &world.sign_in_again("Officer").await;
        world.patch(juror, &format!("/sheets/{signed}"), None, json!({ "marks": { "A2": 2 } })).await.ok();
        let again = world.post(juror, &format!("/sheets/{signed}/lock"), json!({})).await.ok();
        assert_eq!(again["state"], "locked");
        let listed = world.get(officer, &format!("{CALL}/sheets")).await.ok();
        let line = listed["items"].as_array().unwrap().iter().find(|s| s["id"] == json!(signed)).unwrap();
        assert_eq!(line["reopenings"][0]["reason"], "Erreur");
        assert_eq!(line["request"], json!(null));
        // After that deadline the sheet stays as it is.
        let body = json!({ "reason": "Encore", "until": "2027-05-07T10:00:00Z" });
        assert_eq!(world.post(chair, &format!("/sheets/{signed}/reopen"), body).await.status, 204);
        world.set_clock("2027-05-07T10:00:01Z");
        let (_, juror) = &anew().await;
        let late = world.patch(juror, &format!("/sheets/{signed}"), None, json!({ "marks": { "A2": 4 } })).await;
        assert_eq!(late.problem(), (409, "marking-over".into()));
        world.end().await;
    }
}

#[rocket::async_test]
async fn locking_shows_the_marks_and_the_total_before() {
    for database in databases() {
        let world = World::new(database).await;
        let scene = jury::marking(&world, 2, 1).await;
        let juror = &scene.jurors[0].person;
        let id = jury::sheet(&world, &scene.jurors[0], &scene.dossiers[0].1).await;
        let marks: serde_json::Map<String, Value> =
            world.call.grid.criteria().map(|c| (c.code.clone(), json!(3))).collect();
        let saved = world.patch(juror, &format!("/sheets/{id}"), None, json!({ "marks": marks })).await.ok();
        let page = format!("/fiches/{id}");
        let form = format!("revision={}&mark.A2=&lock=1", saved["revision"]);
        let missing = jury::form(&world, juror, &page, &form).await;
        assert!(missing.status == 422 && missing.text().contains("Donnez une note au critère A2"));
        let saved = world.patch(juror, &format!("/sheets/{id}"), None, json!({ "marks": { "A2": 4 } })).await.ok();
        let got = jury::form(&world, juror, &page, &format!("revision={}&lock=1", saved["revision"])).await;
        assert_eq!(got.status, 303);
        assert_eq!(world.get(juror, &format!("/sheets/{id}")).await.ok()["state"], "draft", "nothing is signed yet");
        let summary = jury::page(&world, juror, &format!("{page}/verrouiller")).await.text();
        let summary = summary.replace(['\u{a0}', '\u{202f}'], " ");
        assert!(summary.contains("62,00 points sur 100"), "{summary}");
        // What is signed is what was seen.
        world.patch(juror, &format!("/sheets/{id}"), None, json!({ "marks": { "A2": 2 } })).await.ok();
        let seen = format!("revision={}", saved["revision"]);
        let stale = jury::form(&world, juror, &format!("{page}/verrouiller"), &seen).await;
        assert!(stale.status == 409 && stale.text().contains("58,00"), "{}", stale.text());
        let now = world.get(juror, &format!("/sheets/{id}")).await.ok()["revision"].clone();
        let signed = jury::form(&world, juror, &format!("{page}/verrouiller"), &format!("revision={now}")).await;
        assert_eq!(signed.status, 303);
        let locked = jury::page(&world, juror, &page).await.text();
        assert!(locked.contains("Dossier suivant") && locked.contains("sur 2"), "{locked}");
        let whole = jury::page(&world, juror, &format!("{page}/dossier")).await.text();
        assert!(whole.contains("Intitulé du projet") && whole.contains("Subvention demandée par an"), "{whole}");
        assert!(!whole.contains("FR76"), "bank details");
        world.end().await;
    }
}

#[rocket::async_test]
async fn withdrawn_dossiers_leave_the_list_and_their_marks_are_kept() {
    for database in databases() {
        let world = World::new(database).await;
        let scene = jury::marking(&world, 2, 1).await;
        jury::sign_all(&world, &scene).await;
        let juror = &scene.jurors[0].person;
        let (applicant, gone) = &scene.dossiers[0];
        let id = jury::sheet(&world, &scene.jurors[0], gone).await;
        assert_eq!(world.post(applicant, &format!("/dossiers/{gone}/withdrawal"), json!({})).await.status, 204);
        let listed = world.get(juror, "/jury/sheets").await.ok();
        assert_eq!(listed["items"].as_array().unwrap().len(), 1);
        for path in [format!("/sheets/{id}"), format!("/dossiers/{gone}")] {
            assert_eq!(world.get(juror, &path).await.status, 404, "{path}");
        }
        let seats = world.get(&scene.officer, &format!("{CALL}/seats")).await.ok();
        assert_eq!((&seats["items"][0]["assigned"], &seats["items"][0]["locked"]), (&json!(1), &json!(1)));
        let sheets = world.get(&scene.officer, &format!("{CALL}/sheets")).await.ok();
        assert_eq!(sheets["items"].as_array().unwrap().len(), 1);
        let grid = &world.call.grid;
        let conn = world.app.database.read();
        let seat: ami_domain::ids::SeatId = scene.jurors[0].seat.parse().unwrap();
        let call = ami_database::calls::find_by_code(conn, "AMI-ALI-2027").await.unwrap().unwrap();
        let mut kept = ami_database::jury::sheets_of_call(conn, call.id, grid).await.unwrap();
        kept.retain(|s| s.seat == seat);
        assert!(kept.iter().all(|s| s.entries.len() == 17 && s.is_locked()), "the marks are kept");
        world.end().await;
    }
}

#[rocket::async_test]
async fn an_abstention_is_neither_zero_nor_counted() {
    for database in databases() {
        let world = World::new(database).await;
        let scene = jury::marking(&world, 2, 3).await;
        let [(_, enough), (_, short)] = &scene.dossiers[..] else { unreachable!("two dossiers") };
        let marks: serde_json::Map<String, Value> =
            world.call.grid.criteria().map(|c| (c.code.clone(), json!(4))).collect();
        for (n, juror) in scene.jurors.iter().enumerate() {
            for (dossier, from) in [(enough, 2), (short, 1)] {
                let path = format!("/sheets/{}", jury::sheet(&world, juror, dossier).await);
                world.patch(&juror.person, &path, None, json!({ "marks": marks })).await.ok();
                if n >= from {
                    let silent = json!({ "abstentions": { "A1": " " } });
                    let got = world.patch(&juror.person, &path, None, silent).await;
                    assert_eq!(codes(&got.json()), [pair("/abstentions/A1", "abstention-reason")]);
                    let why = json!({ "abstentions": { "A1": "Je connais mal ce territoire." } });
                    let sheet = world.patch(&juror.person, &path, None, why).await.ok();
                    assert_eq!(sheet["abstentions"]["A1"], "Je connais mal ce territoire.");
                    assert_eq!(sheet["marks"]["A1"], json!(null));
                }
                world.post(&juror.person, &format!("{path}/lock"), json!({})).await.ok();
            }
        }
        world.advance(&scene.officer, "plenary").await;
        let ranking = jury::rank(&world, &scene).await;
        let lot = ranking["lots"][6]["dossiers"].as_array().unwrap();
        let line = |id: &str| lot.iter().find(|d| d["id"] == json!(id)).unwrap();
        let ranked = line(enough);
        assert_eq!((&ranked["status"], &ranked["total"]), (&json!("ranked"), &json!("80")));
        assert_eq!(ranked["criteria"]["A1"]["marks"], json!({ "J1": 4, "J2": 4 }));
        assert_eq!(ranked["criteria"]["A1"]["abstained"], json!(["J3"]));
        let insufficient = line(short);
        assert_eq!(insufficient["status"], "insufficient");
        assert_eq!((&insufficient["short_of_marks"], &insufficient["total"]), (&json!(["A1"]), &json!(null)));
        assert_eq!(insufficient["jurors"].as_array().unwrap().len(), 3);

        let id = ranking["id"].as_str().unwrap();
        let page = jury::page(&world, &scene.officer, &format!("/gestion/classements/{id}")).await.text();
        assert!(page.contains("Trop peu de notes sur A1") && page.contains("abst."), "{page}");
        let pdf = pdf_text(&world.get(&scene.officer, &format!("/rankings/{id}.pdf")).await.bytes);
        assert!(pdf.contains("abst.") && pdf.contains("insuffisante sur A1"), "{pdf}");
        let again = recompute_ranking(&world.app.now(), id.parse().unwrap()).await.unwrap();
        assert!(matches!(again, Recomputed::Same { dossiers: 2, .. }), "{again:?}");
        // Jurors find it from their own page once the plenary is open.
        let list = jury::page(&world, &scene.jurors[1].person, "/jury").await.text();
        assert!(list.contains(&format!("/gestion/classements/{id}")), "{list}");
        world.end().await;
    }
}

#[rocket::async_test]
async fn a_conflict_with_a_structure_covers_all_its_dossiers() {
    for database in databases() {
        let world = World::new(database).await;
        let scene = jury::marking(&world, 2, 1).await;
        let juror = &scene.jurors[0].person;
        let view = world.get(juror, &format!("{CALL}/declaration")).await.ok();
        let candidate =
            view["candidates"].as_array().unwrap().iter().find(|c| c["dossier"] == json!(scene.dossiers[0].1));
        let organisation = candidate.unwrap()["organisation_id"].as_str().unwrap().to_owned();
        let path = "/jury/AMI-ALI-2027/declaration";
        let silent = format!("reason.{organisation}=other&comment.{organisation}=&honour=on");
        let got = jury::form(&world, juror, path, &silent).await;
        assert_eq!(got.status, 422);
        assert!(got.text().replace('\u{a0}', " ").contains("tous ses dossiers : Précisez"), "{}", got.text());
        let form = format!("reason.{organisation}=member&comment.{organisation}=Benevole&honour=on");
        assert_eq!(jury::form(&world, juror, path, &form).await.status, 303);
        assert_eq!(world.get(juror, &format!("/dossiers/{}", scene.dossiers[0].1)).await.status, 404);
        assert_eq!(world.get(juror, &format!("/dossiers/{}", scene.dossiers[1].1)).await.status, 200);
        world.end().await;
    }
}

#[rocket::async_test]
async fn a_proposal_is_even_keeps_what_stands_and_says_what_is_impossible() {
    for database in databases() {
        let world = World::new(database).await;
        let scene = jury::marking(&world, 3, 3).await;
        let officer = &scene.officer;
        jury::sign(&world, &scene.jurors[0], &scene.dossiers[0].1, 3).await;
        let take_all = |juror: &jury::Juror, but: usize| {
            let remove: Vec<&String> = scene.dossiers.iter().map(|(_, id)| id).skip(but).collect();
            json!({ "seat": juror.seat, "remove": remove })
        };
        let changes = json!({ "changes": [
            take_all(&scene.jurors[0], 1), take_all(&scene.jurors[1], 0), take_all(&scene.jurors[2], 0),
        ]});
        let done = world.post(officer, &format!("{CALL}/assignments/changes"), changes).await;
        assert_eq!(done.status, 204, "{}", done.text());
        // A sheet that is signed is not taken away, nor anything else in the same request.
        let both = json!({ "changes": [
            { "seat": scene.jurors[1].seat, "add": [scene.dossiers[1].1] }, take_all(&scene.jurors[0], 0),
        ]});
        let refused = world.post(officer, &format!("{CALL}/assignments/changes"), both).await;
        assert_eq!(refused.problem(), (409, "assign-locked".into()));
        jury::recuse(&world, &scene, &scene.jurors[1], &scene.dossiers[2].1).await;
        jury::recuse(&world, &scene, &scene.jurors[2], &scene.dossiers[2].1).await;

        let path = format!("{CALL}/assignments/proposal");
        assert_eq!(world.post(officer, &path, json!({ "per_dossier": 0 })).await.status, 422);
        assert_eq!(world.post(&scene.jurors[0].person, &path, json!({ "per_dossier": 2 })).await.status, 403);
        let found = world.post(officer, &path, json!({ "per_dossier": 2 })).await.ok();
        let impossible = &found["impossible"][0];
        assert_eq!((&impossible["number"], &impossible["available"]), (&json!("ALI27-0003"), &json!(1)));
        assert_eq!(impossible["recused"], json!(["J2", "J3"]));
        let seats = |n: usize, key: &str| found["assignments"][n][key].as_array().unwrap().len();
        assert_eq!((seats(0, "seats"), seats(0, "added")), (2, 1), "the signed sheet stays: {found}");
        assert_eq!((seats(1, "seats"), seats(2, "seats")), (2, 1));
        let loads: i64 = found["loads"].as_object().unwrap().values().map(|n| n.as_i64().unwrap()).sum();
        assert_eq!(loads, 5);
        // Who knows a lot is preferred where that costs nothing.
        let knows =
            json!({ "per_dossier": 1, "expertise": { (scene.jurors[2].seat.as_str()): [scene.dossiers[1].1] } });
        let specialised = world.post(officer, &path, knows).await.ok();
        assert_eq!(specialised["assignments"][1]["experts"], json!([scene.jurors[2].seat]));

        // The page shows it, and what is kept is what was looked at.
        let page = "/gestion/AMI-ALI-2027/affectations/proposition";
        let shown = jury::page(&world, officer, &format!("{page}?par=2")).await.text();
        assert!(shown.contains("déport de J2, J3") && shown.contains("Affecter ainsi"), "{shown}");
        let stale = jury::form(&world, officer, page, "per_dossier=2&digest=x").await;
        assert_eq!(stale.status, 409);
        let form = format!("per_dossier=2&digest={}", found["digest"].as_str().unwrap());
        assert_eq!(jury::form(&world, officer, page, &form).await.status, 303);
        let again = world.post(officer, &path, json!({ "per_dossier": 2 })).await.ok();
        assert!(again["assignments"].as_array().unwrap().iter().all(|a| a["added"] == json!([])), "{again}");
        // One form saves the whole table: what is shown and not ticked is taken back.
        let table = "/gestion/AMI-ALI-2027/affectations";
        let dossier = &scene.dossiers[1].1;
        let form = format!("page=1&shown={dossier}&assign={dossier}.{}", scene.jurors[0].seat);
        assert_eq!(jury::form(&world, officer, table, &form).await.status, 303);
        let rows = world.get(officer, &format!("{CALL}/assignments")).await.ok();
        let row = rows["items"].as_array().unwrap().iter().find(|r| r["dossier"] == json!(dossier)).unwrap();
        let states: Vec<&str> = row["seats"].as_array().unwrap().iter().filter_map(|c| c["state"].as_str()).collect();
        assert_eq!(states, ["assigned", "none", "none"]);
        world.end().await;
    }
}
