//! The main path through the public routes, on each database: file a dossier, mark it, rank it, print it, decide.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use ami::demo_data::{ALPHA, BETA};
use common::{Person, World, databases, pdf_text};
use rocket::http::Method;
use serde_json::{Value, json};

const CALL: &str = "/calls/AMI-ALI-2027";

#[rocket::async_test]
async fn from_the_first_answer_to_the_export() {
    for database in databases() {
        let world = World::new(database).await;
        whole_path(&world).await;
        world.end().await;
    }
}

async fn whole_path(world: &World) {
    let officer = world.published().await;
    world.set_clock("2027-02-01T09:00:00Z");

    // Three dossiers for one lot, from three organisations; the third one is changed once and filed again.
    let mut filed = Vec::new();
    let mut people: Vec<Person> = Vec::new();
    for number in [1, 2, 4] {
        let (person, organisation, applicant) = world.applicant(number).await;
        let id = world.complete_draft(&person, &organisation, &applicant, "ALI-07").await;
        let receipt = world.post(&person, &format!("/dossiers/{id}/deposit"), json!({})).await.ok();
        assert_eq!(receipt["deposited_at"], "2027-02-01T09:00:00Z");
        assert_eq!(receipt["version"], 1);
        let pieces = receipt["pieces"].as_array().unwrap();
        assert!(
            pieces
                .iter()
                .all(|p| p["sha256"].as_str().unwrap().len() == 64 && p["name"].as_str().unwrap().contains("été"))
        );
        filed.push((id, receipt["number"].as_str().unwrap().to_owned()));
        people.push(person);
    }
    let (again, _) = &filed[2];
    world.set_clock("2027-02-02T09:00:00Z");
    // The session's access token has run out meanwhile: signing in again is all it takes.
    let mut person = world.sign_in(people[2].account, "applicant-4@demonstration.example").await;
    assert_eq!(
        world.send(Some(&person), Method::Delete, &format!("/api/v1/dossiers/{again}/deposit"), None).await.status,
        204
    );
    let etag = world.get(&person, &format!("/dossiers/{again}")).await.etag.unwrap();
    world.patch(&person, &format!("/dossiers/{again}/answers"), Some(&etag), json!({ "4.05": "2,5" })).await.ok();
    let receipt = world.post(&person, &format!("/dossiers/{again}/deposit"), json!({})).await.ok();
    assert_eq!(receipt["version"], 2);
    let pdf = world.get(&person, &format!("/dossiers/{again}/receipt.pdf")).await;
    let text = pdf_text(&pdf.bytes);
    for wanted in
        [receipt["number"].as_str().unwrap(), "Accusé de réception", "10:00:00", "tribunal administratif de Montreuil"]
    {
        assert!(text.contains(wanted), "{wanted} in {text}");
    }

    // Sealed until closing: numbers, not contents.
    let mut officer = world.sign_in(officer.account, "officer@demonstration.example").await;
    let counts = world.get(&officer, &format!("{CALL}/counts")).await.ok();
    let lot = counts["items"].as_array().unwrap().iter().find(|l| l["lot"] == "ALI-07").unwrap();
    assert_eq!((&lot["deposited"], &lot["drafts"]), (&json!(3), &json!(0)));
    assert_eq!(world.get(&officer, &format!("/dossiers/{again}")).await.status, 404);
    assert_eq!(world.get(&officer, &format!("{CALL}/dossiers")).await.problem(), (409, "sealed".into()));
    let early = world.post(&officer, &format!("{CALL}/state"), json!({ "state": "admissibility" })).await;
    assert_eq!(early.problem(), (409, "call-open".into()));

    // Admissibility, jury, declarations, assignments.
    world.set_clock("2027-03-16T09:00:00Z");
    officer = world.sign_in(officer.account, "officer@demonstration.example").await;
    world.advance(&officer, "admissibility").await;
    for (id, _) in &filed {
        let silent = world
            .put(&officer, &format!("/dossiers/{id}/admissibility"), json!({ "admissible": false, "reason": "late" }))
            .await;
        assert_eq!(silent.status, 422);
        assert_eq!(
            world.put(&officer, &format!("/dossiers/{id}/admissibility"), json!({ "admissible": true })).await.status,
            204
        );
    }
    world.advance(&officer, "marking").await;
    let mut jurors = Vec::new();
    for n in 1..=3 {
        let juror = world.person(&format!("juror {n}"), false).await;
        let invitation = json!({
            "name": format!("Juror {n}"), "email": format!("juror-{n}@demonstration.example"),
            "college": "department", "voice": "deliberative", "chair": n == 1,
        });
        let seat = world.post(&officer, &format!("{CALL}/seats"), invitation).await.ok()["id"].clone();
        assert_eq!(world.get(&juror, "/jury/sheets").await.problem(), (403, "declare-first".into()));
        jurors.push((juror, seat));
    }
    for (n, (juror, seat)) in jurors.iter().enumerate() {
        let conflicts = if n == 1 {
            json!([{ "dossier": filed[2].0, "reason": "office", "comment": "Mandat" }])
        } else {
            json!([])
        };
        let declared = world.post(juror, &format!("{CALL}/declaration"), json!({ "conflicts": conflicts })).await;
        assert_eq!(declared.status, 204);
        let mine: Vec<&String> =
            filed.iter().enumerate().filter(|(i, _)| n != 1 || *i != 2).map(|(_, (id, _))| id).collect();
        let assigned = world.post(&officer, &format!("{CALL}/assignments"), json!({ "seat": seat, "add": mine })).await;
        assert_eq!(assigned.status, 204, "{}", assigned.text());
    }
    let recused = json!({ "seat": jurors[1].1, "add": [filed[2].0] });
    assert_eq!(
        world.post(&officer, &format!("{CALL}/assignments"), recused).await.problem(),
        (409, "assign-recused".into())
    );
    assert_eq!(world.get(&jurors[1].0, &format!("/dossiers/{}", filed[2].0)).await.status, 404);

    mark_all(world, &jurors, &filed).await;
    let ranking = rank_and_decide(world, &officer, &filed).await;
    found_late(world, &officer, &jurors, &filed).await;
    the_jury_reads(world, &officer, &jurors, &ranking).await;

    // The authority's secrets stay so until notification; the applicant sees the own dossier as ever.
    person = world.sign_in(person.account, "applicant-4@demonstration.example").await;
    assert_eq!(world.get(&person, &format!("/dossiers/{again}/decision")).await.status, 403);
    assert!(ami_services::journal::link(&world.app.now()).await.unwrap() > 0);
    let journal = ami_database::journal::verify(world.app.database.read(), "").await.unwrap();
    assert!(journal.is_ok(), "{journal:?}");
}

/// α, β and γ of the worked examples, written through the jurors' own routes.
async fn mark_all(world: &World, jurors: &[(Person, Value)], filed: &[(String, String)]) {
    let criteria: Vec<String> = world.call.grid.criteria().map(|c| c.code.clone()).collect();
    for (n, (juror, _)) in jurors.iter().enumerate() {
        let sheets = world.get(juror, "/jury/sheets").await.ok()["items"].clone();
        let sheets = sheets.as_array().unwrap();
        assert_eq!(sheets.len(), if n == 1 { 2 } else { 3 });
        for sheet in sheets {
            let digits = match filed.iter().position(|(id, _)| sheet["dossier"]["id"] == json!(id)).unwrap() {
                1 => BETA[n],
                _ => ALPHA[n],
            };
            let path = format!("/sheets/{}", sheet["id"].as_str().unwrap());
            assert_eq!(
                world.post(juror, &format!("{path}/lock"), json!({})).await.problem(),
                (422, "sheet-incomplete".into())
            );
            let marks: serde_json::Map<String, Value> =
                criteria.iter().zip(digits.bytes()).map(|(c, d)| (c.clone(), json!(d - b'0'))).collect();
            world.patch(juror, &path, None, json!({ "marks": marks })).await.ok();
            let refused = world.post(juror, &format!("{path}/lock"), json!({})).await;
            if digits.contains(['0', '1', '5']) {
                assert_eq!(refused.problem(), (422, "sheet-incomplete".into()));
                let comments: serde_json::Map<String, Value> = criteria
                    .iter()
                    .map(|c| (c.clone(), json!("Un commentaire de plus de trente caractères.")))
                    .collect();
                world.patch(juror, &path, None, json!({ "comments": comments })).await.ok();
                world.post(juror, &format!("{path}/lock"), json!({})).await.ok();
            } else {
                refused.ok();
            }
            assert_eq!(
                world.patch(juror, &path, None, json!({ "marks": { "A1": 2 } })).await.problem(),
                (409, "sheet-locked".into())
            );
        }
    }
}

/// A conflict found after the marks were locked: they count no more, and the juror sees nothing of the lot.
async fn found_late(world: &World, officer: &Person, jurors: &[(Person, Value)], filed: &[(String, String)]) {
    let path = "/gestion/AMI-ALI-2027/jury/deports";
    let form = |comment: &str| {
        let seat = jurors[2].1.as_str().unwrap();
        Some(format!("seat={seat}&lot=ALI-07&reason=financial&comment={comment}").into_bytes())
    };
    let silent = world.send_with(Some(officer), Method::Post, path, form(""), &[]).await;
    assert_eq!(silent.status, 422, "{}", silent.text());
    assert_eq!(world.send_with(Some(officer), Method::Post, path, form("Prestation"), &[]).await.status, 303);
    assert_eq!(world.get(&jurors[2].0, &format!("/dossiers/{}", filed[0].0)).await.status, 404);
    let ranking = world.post(officer, &format!("{CALL}/rankings"), json!({})).await.ok();
    let lot = ranking["lots"].as_array().unwrap().iter().find(|l| l["code"] == "ALI-07").unwrap().clone();
    let jurors: Vec<&Value> = lot["dossiers"].as_array().unwrap().iter().map(|d| &d["jurors"]).collect();
    assert!(jurors.iter().all(|j| !j.as_array().unwrap().contains(&json!("J3"))), "{jurors:?}");
}

/// Jurors read the ranking once the plenary opens: nobody how severe each of them is, nobody a lot that they are excluded from.
async fn the_jury_reads(world: &World, officer: &Person, jurors: &[(Person, Value)], ranking: &str) {
    world.advance(officer, "plenary").await;
    let ranking = format!("/rankings/{ranking}");
    for (n, (juror, _)) in jurors.iter().enumerate() {
        let view = world.get(juror, &ranking).await.ok();
        assert_eq!(view["severity"], Value::Null);
        assert!(view["agreement"]["sentences"][0].is_string());
        let lot = view["lots"].as_array().unwrap().iter().find(|l| l["code"] == "ALI-07").unwrap().clone();
        // The second declared a conflict, the third one's was found.
        assert_eq!(lot["dossiers"].as_array().unwrap().is_empty(), n > 0, "{lot}");
        let pdf = pdf_text(&world.get(juror, &format!("{ranking}.pdf")).await.bytes);
        assert_eq!(pdf.contains("1129/15"), n == 0);
        assert!(!pdf.contains("Sévérité des"));
    }
}

/// Gives the ranking's id.
async fn rank_and_decide(world: &World, officer: &Person, filed: &[(String, String)]) -> String {
    let decision = json!({ "decision": "retained", "amount": 400_000 });
    let path = format!("/dossiers/{}/decision", filed[0].0);
    let early = world.post(officer, &format!("{CALL}/rankings"), json!({})).await;
    assert_eq!(early.problem(), (409, "marks-sealed".into()));
    world.advance(officer, "hearings").await;
    assert_eq!(world.put(officer, &path, decision.clone()).await.problem(), (409, "no-ranking".into()));

    let ranking = world.post(officer, &format!("{CALL}/rankings"), json!({})).await.ok();
    let lots = ranking["lots"].as_array().unwrap();
    assert_eq!(lots.len(), 22);
    let dossiers = lots.iter().find(|l| l["code"] == "ALI-07").unwrap()["dossiers"].as_array().unwrap().clone();
    let of = |n: usize| dossiers.iter().find(|d| d["number"] == json!(filed[n].1)).unwrap();
    let (alpha, beta, gamma) = (of(0), of(1), of(2));
    assert_eq!(
        (&alpha["status"], &alpha["rank"], &alpha["total"], &alpha["total_shown"]),
        (&json!("ranked"), &json!(1), &json!("1129/15"), &json!("75,27"))
    );
    assert_eq!(alpha["groups"]["A"]["points_shown"], "21,87");
    assert_eq!(
        (&beta["status"], &beta["rank"], &beta["total_shown"]),
        (&json!("eliminated"), &Value::Null, &json!("71,27"))
    );
    let by: Vec<&Value> = beta["eliminated_by"].as_array().unwrap().iter().map(|e| &e["code"]).collect();
    assert_eq!(by, ["ii", "iv"]);
    assert_eq!(
        (&gamma["status"], &gamma["rank"], &gamma["jurors"]),
        (&json!("insufficient"), &Value::Null, &json!(["J1", "J3"]))
    );

    // The same marks give the same hash, and a snapshot never changes.
    let again = world.post(officer, &format!("{CALL}/rankings"), json!({})).await.ok();
    assert_eq!(again["input_sha256"], ranking["input_sha256"]);
    let id = ranking["id"].as_str().unwrap();
    assert_eq!(world.get(officer, &format!("/rankings/{id}")).await.ok(), ranking);

    // The page and the PDF show them too.
    let page = world.send(Some(officer), Method::Get, &format!("/gestion/classements/{id}"), None).await;
    let page = page.text().replace("&#x2f;", "/");
    let pdf = world.get(officer, &format!("/rankings/{id}.pdf")).await;
    assert!(pdf.disposition.as_ref().unwrap().contains("classement-AMI-ALI-2027-2027-"), "{:?}", pdf.disposition);
    let text = pdf_text(&pdf.bytes);
    for wanted in ["1129/15", "75,27", "71,27"] {
        assert!(page.contains(wanted), "{wanted} on the page");
        assert!(text.contains(wanted), "{wanted} in the PDF");
    }
    // What stands beside it: over the call; per lot from two ranked dossiers on, of which there is one here.
    assert!(ranking["agreement"]["total"]["krippendorff_interval"].is_number(), "{}", ranking["agreement"]);
    assert_eq!(ranking["severity"]["jurors"]["J1"]["dossiers"], 3);
    for wanted in ["Accord du jury", "Sévérité des juré·es", "Alpha de Krippendorff"] {
        assert!(page.contains(wanted), "{wanted} on the page");
        assert!(text.contains(wanted), "{wanted} in the PDF");
    }
    assert_eq!(world.get(officer, &format!("/rankings/{id}/lots/ALI-07/ranks.svg")).await.status, 404);

    for wanted in ["notation insuffisante", "Aucun dossier", ranking["input_sha256"].as_str().unwrap(), "avis du jury"]
    {
        assert!(text.contains(wanted), "{wanted} in the PDF");
    }

    let ceiling = world.put(officer, &path, json!({ "decision": "retained", "amount": 483_000.01 })).await;
    assert_eq!(ceiling.status, 422);
    let decided = world.put(officer, &path, decision).await;
    assert_eq!((decided.etag.as_deref(), decided.status), (Some("\"1\""), 200));
    let body = json!({ "decision": "refused", "reason": "Corrigée." }).to_string().into_bytes();
    let stale = world
        .send_with(Some(officer), Method::Put, &format!("/api/v1{path}"), Some(body), &[("If-Match", "\"0\"")])
        .await;
    assert_eq!(stale.problem(), (412, "stale".into()));

    let csv = world.get(officer, &format!("{CALL}/decisions.csv")).await.bytes;
    assert_eq!(&csv[..3], b"\xef\xbb\xbf");
    let csv = String::from_utf8(csv).unwrap();
    assert!(csv.contains(";Retenu;400000,00;") && csv.contains(";Éliminé;71,27;"), "{csv}");
    let xlsx = world.get(officer, &format!("{CALL}/decisions.xlsx")).await.bytes;
    assert_eq!(&xlsx[..2], b"PK");
    id.to_owned()
}

#[rocket::async_test]
async fn the_deadline_holds_to_the_tick_and_nothing_is_lost() {
    for database in databases() {
        let world = World::new(database).await;
        world.published().await;
        for (number, instant, outcome) in [
            (1, "2027-03-15T10:59:59.999Z", Ok(())),
            (2, "2027-03-15T11:00:00.000Z", Ok(())),
            (3, "2027-03-15T11:00:00.001Z", Err((409, "closed".to_owned()))),
        ] {
            world.set_clock("2027-03-15T10:50:00Z");
            let (person, organisation, applicant) = world.applicant(number).await;
            let id = world.complete_draft(&person, &organisation, &applicant, "ALI-01").await;
            world.set_clock(instant);
            let answer = world.post(&person, &format!("/dossiers/{id}/deposit"), json!({})).await;
            match outcome {
                Ok(()) => {
                    let at: jiff::Timestamp = answer.ok()["deposited_at"].as_str().unwrap().parse().unwrap();
                    assert_eq!(at, instant.parse().unwrap());
                }
                Err(refusal) => {
                    assert_eq!(answer.problem(), refusal);
                    let kept = world.get(&person, &format!("/dossiers/{id}")).await.ok();
                    assert_eq!((&kept["state"], kept["missing"].as_array().unwrap().len()), (&json!("draft"), 0));
                    // What is typed just after is kept too.
                    let saved = world
                        .patch(&person, &format!("/dossiers/{id}/answers"), Some("*"), json!({ "3.05": "Après" }))
                        .await;
                    assert_eq!(saved.ok()["answers"]["3.05"], "Après");
                }
            }
        }
        world.end().await;
    }
}

#[rocket::async_test]
async fn two_people_writing_lose_nothing() {
    for database in databases() {
        let world = World::new(database).await;
        world.published().await;
        world.set_clock("2027-02-01T09:00:00Z");
        let (person, organisation, _) = world.applicant(1).await;
        let body = json!({ "organisation_id": organisation, "lot": "ALI-01" });
        let made = world.post(&person, &format!("{CALL}/dossiers"), body.clone()).await;
        let etag = made.etag.clone().unwrap();
        let path = format!("/dossiers/{}/answers", made.ok()["id"].as_str().unwrap());
        assert_eq!(
            world.post(&person, &format!("{CALL}/dossiers"), body).await.problem(),
            (409, "dossier-exists".into())
        );

        assert_eq!(world.patch(&person, &path, None, json!({ "3.05": "A" })).await.problem(), (428, "if-match".into()));
        world.patch(&person, &path, Some(&etag), json!({ "3.05": "Premier" })).await.ok();
        // The other window saw the same revision: another field is no conflict, the same one is.
        world.patch(&person, &path, Some(&etag), json!({ "2.02": "Direction" })).await.ok();
        let conflict = world.patch(&person, &path, Some(&etag), json!({ "3.05": "Second" })).await;
        assert_eq!(conflict.problem(), (412, "stale".into()));
        assert_eq!(conflict.json()["current"]["answers"]["3.05"], "Premier");

        // All of a program's answers, or none.
        let mixed = world.patch(&person, &path, Some("*"), json!({ "3.05": "Troisième", "4.04": "beaucoup" })).await;
        assert_eq!((mixed.status, &mixed.json()["errors"][0]["pointer"]), (422, &json!("/4.04")));

        // The same key again gives the same answer; another request under it is refused.
        let (other, organisation, _) = world.applicant(2).await;
        let headers = [("Idempotency-Key", "once")];
        let body = |lot: &str| Some(json!({ "organisation_id": organisation, "lot": lot }).to_string().into_bytes());
        let url = format!("/api/v1{CALL}/dossiers");
        let first = world.send_with(Some(&other), Method::Post, &url, body("ALI-02"), &headers).await.ok();
        let second = world.send_with(Some(&other), Method::Post, &url, body("ALI-02"), &headers).await.ok();
        assert_eq!(first["id"], second["id"]);
        let third = world.send_with(Some(&other), Method::Post, &url, body("ALI-03"), &headers).await;
        assert_eq!(third.problem(), (409, "idempotency-other".into()));
        world.end().await;
    }
}

#[rocket::async_test]
async fn files_are_known_from_their_bytes() {
    let world = World::new("sqlite").await;
    world.published().await;
    world.set_clock("2027-02-01T09:00:00Z");
    let (person, organisation, applicant) = world.applicant(1).await;
    let id = world.complete_draft(&person, &organisation, &applicant, "ALI-01").await;
    let put = async |slot: &str, bytes: Vec<u8>, name: &str| {
        let path = format!("/api/v1/dossiers/{id}/pieces/{slot}");
        world.send_with(Some(&person), Method::Put, &path, Some(bytes), &[("Content-Disposition", name)]).await
    };
    let spreadsheet = ami_documents::decisions_xlsx(&[]).unwrap();
    assert_eq!(
        put("P01", spreadsheet.clone(), "attachment; filename=\"lettre.pdf\"").await.problem(),
        (415, "file-format".into())
    );
    assert_eq!(put("P01", b"MZ\x90".to_vec(), "").await.problem(), (415, "file-format".into()));
    assert_eq!(put("P01", vec![], "").await.problem(), (422, "file-empty".into()));
    assert_eq!(put("P99", spreadsheet, "").await.status, 404);
    let large = [b"%PDF-1.7 ".to_vec(), vec![b' '; 5 * 1024 * 1024], b"%%EOF".to_vec()].concat();
    assert_eq!(put("P01", large, "").await.problem(), (413, "file-too-large".into()));
    let before = world.get(&person, &format!("/dossiers/{id}")).await.ok();
    let good =
        put("P01", ami::demo_data::plain_pdf("Lettre", "x"), "attachment; filename*=UTF-8''..%2F..%2Fl%C3%A9ttre.pdf")
            .await
            .ok();
    assert_eq!(good["name"], "léttre.pdf");
    let after = world.get(&person, &format!("/dossiers/{id}")).await.ok();
    assert_eq!(
        before["pieces"].as_array().unwrap().len(),
        after["pieces"].as_array().unwrap().len(),
        "replaced, not added"
    );
    let content = world.get(&person, &format!("/pieces/{}", good["id"].as_str().unwrap())).await;
    assert_eq!(content.bytes, ami::demo_data::plain_pdf("Lettre", "x"));
    world.end().await;
}

#[rocket::async_test]
async fn signing_in_is_strict_and_recoverable() {
    let world = World::new("sqlite").await;
    let send =
        async |method, path: &str, body: Value| world.send(None, method, &format!("/api/v1{path}"), Some(body)).await;
    let weak = send(Method::Post, "/accounts", json!({ "email": "x", "name": "", "password": "court" })).await;
    assert_eq!((weak.status, weak.json()["errors"].as_array().unwrap().len()), (422, 3));
    let account = json!({ "email": "ada@demonstration.example", "name": "Ada Exemple", "password": common::PASSWORD });
    assert_eq!(send(Method::Post, "/accounts", account.clone()).await.status, 202);
    // The answer does not tell whether the address was known.
    assert_eq!(send(Method::Post, "/accounts", account).await.status, 202);
    let credentials = json!({ "email": "Ada@demonstration.example ", "password": common::PASSWORD });
    assert_eq!(send(Method::Post, "/session", credentials.clone()).await.problem(), (403, "confirm-email".into()));
    let confirmation = json!({ "token": world.link_to("ada@demonstration.example").await });
    assert_eq!(send(Method::Post, "/accounts/confirmation", confirmation.clone()).await.status, 204);
    assert_eq!(send(Method::Post, "/accounts/confirmation", confirmation).await.status, 422, "good once");
    let tokens = send(Method::Post, "/session", credentials.clone()).await.ok();
    let wrong = json!({ "email": "ada@demonstration.example", "password": "un autre mot de passe" });
    assert_eq!(send(Method::Post, "/session", wrong).await.problem(), (401, "sign-in".into()));

    // A refresh token is good once; shown again later, it ends the whole sign-in.
    let refresh = json!({ "refresh_token": tokens["refresh_token"] });
    let fresh = send(Method::Post, "/session/refresh", refresh.clone()).await.ok();
    world.set_clock("2027-01-10T09:01:00Z");
    assert_eq!(send(Method::Post, "/session/refresh", refresh).await.status, 401);
    let me = async |tokens: &Value| {
        let header = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
        world.send_with(None, Method::Get, "/api/v1/me", None, &[("Authorization", &header)]).await.status
    };
    assert_eq!(me(&fresh).await, 401);
    let tokens = send(Method::Post, "/session", credentials).await.ok();
    assert_eq!(me(&tokens).await, 200);
    world.set_clock("2027-01-10T09:16:01Z");
    assert_eq!(me(&tokens).await, 401, "fifteen minutes");

    // A form from another site does nothing.
    let foreign = [
        ("Origin", "https://ailleurs.example"),
        ("Host", "localhost"),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ];
    let mut request = world.client.post("/connexion");
    for (name, value) in foreign {
        request.add_header(rocket::http::Header::new(name, value));
    }
    request.set_body("email=a&password=b");
    assert_eq!(request.dispatch().await.status().code, 403);
    world.end().await;
}
