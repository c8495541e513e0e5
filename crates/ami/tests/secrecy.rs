//! Who may not read or write something: marks before their time, a rival's sheet, another dossier than the permit's, on each
//! database.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use ami_database::{ConnectionTrait as _, DatabaseError, dossiers};
use ami_domain::dossier::DossierStateName;
use ami_domain::ids::{AccountId, DossierId};
use ami_domain::policy::{Actor, DossierFacts, Subject, acts, permit};
use common::jury::{self, CALL};
use common::{Got, World, databases};
use rocket::http::Method;
use serde_json::json;

/// An applicant's permit to write one draft, as the policy gives it.
async fn allowed(world: &World, account: AccountId, id: DossierId) -> ami_domain::policy::Permit<acts::EditDossier> {
    let conn = world.app.database.read();
    let dossier = dossiers::find(conn, id).await.unwrap().unwrap();
    let call = ami_database::calls::find(conn, dossier.call).await.unwrap().unwrap();
    let (_, actor): (_, Actor) = ami_database::accounts::actor(conn, account).await.unwrap().unwrap();
    let facts = DossierFacts { id, organisation: dossier.organisation, state: DossierStateName::Draft, editing: false };
    permit(Some(&actor), &Subject::dossier(call.facts(world.clock.now()), facts)).unwrap()
}

#[rocket::async_test]
async fn a_permit_for_one_dossier_does_not_write_another() {
    for database in databases() {
        let world = World::new(database).await;
        world.set_clock("2027-02-01T09:00:00Z");
        world.published().await;
        let (person, organisation, data) = world.applicant(1).await;
        let mine = world.complete_draft(&person, &organisation, &data, "ALI-01").await.parse().unwrap();
        let (rival, theirs, data) = world.applicant(2).await;
        let other = world.complete_draft(&rival, &theirs, &data, "ALI-01").await.parse().unwrap();
        let permit = allowed(&world, person.account, mine).await;

        let piece = dossiers::pieces(world.app.database.read(), other).await.unwrap().remove(0);
        let (at, id) = (world.clock.now(), world.app.now().id());
        let refused: Result<(), DatabaseError> = world
            .app
            .database
            .write((permit, piece.clone(), id), |tx, (permit, piece, id)| {
                let again = dossiers::Piece { id: *id, ..piece.clone() };
                Box::pin(async move { dossiers::insert_piece(tx, permit, &again).await })
            })
            .await;
        assert!(matches!(refused, Err(DatabaseError::NotPermitted { table: "pieces" })), "{refused:?}");
        let permit = allowed(&world, person.account, mine).await;
        let refused: Result<(), DatabaseError> = world
            .app
            .database
            .write((permit, piece.id, at), |tx, (permit, id, at)| {
                Box::pin(async move { dossiers::remove_piece(tx, permit, *id, *at).await })
            })
            .await;
        assert!(refused.is_err());
        assert!(dossiers::pieces(world.app.database.read(), other).await.unwrap().contains(&piece));
        world.end().await;
    }
}

#[rocket::async_test]
async fn nobody_ranks_while_jurors_mark() {
    for database in databases() {
        let world = World::new(database).await;
        let scene = jury::marking(&world, 2, 3).await;
        jury::sign_all(&world, &scene).await;
        let officer = &scene.officer;
        let (list, page) = (format!("{CALL}/rankings"), "/gestion/AMI-ALI-2027/classements");
        for got in [world.post(officer, &list, json!({})).await, world.get(officer, &list).await] {
            assert_eq!(got.problem(), (409, "marks-sealed".into()));
            assert!(got.json()["detail"].as_str().unwrap().contains("scellées"));
        }
        let shown = jury::page(&world, officer, page).await;
        assert!(shown.status == 200 && shown.text().contains("Les notes sont scellées"), "{}", shown.text());
        assert!(!shown.text().contains("Calculer un classement"));
        assert_eq!(jury::form(&world, officer, page, "").await.status, 409);
        // The chair sees whose sheets are locked, and no mark; a juror who does not preside sees none.
        let chair = &scene.jurors[0].person;
        let sheets = world.get(chair, &format!("{CALL}/sheets")).await;
        assert_eq!(sheets.json()["items"].as_array().unwrap().len(), 6);
        assert!(!sheets.text().contains("marks"));
        assert_eq!(world.get(&scene.jurors[1].person, &format!("{CALL}/sheets")).await.status, 403);

        world.advance(officer, "hearings").await;
        let ranking = world.post(officer, &list, json!({})).await.ok();
        let id = ranking["id"].as_str().unwrap();
        assert_eq!(world.get(officer, &format!("/rankings/{id}")).await.status, 200);
        // Jurors read it from the plenary on, and nobody learns from an id that it exists.
        for path in [format!("/rankings/{id}"), format!("/rankings/{id}.pdf")] {
            for who in [chair, &scene.dossiers[0].0] {
                assert_eq!(world.get(who, &path).await.status, 404, "{path}");
            }
        }
        world.end().await;
    }
}

/// Even a ranking that is there, of a call whose marks are sealed again, is shown to nobody: not as a page, a PDF or a CSV.
#[rocket::async_test]
async fn a_ranking_is_sealed_with_the_marks_that_it_holds() {
    for database in databases() {
        let world = World::new(database).await;
        let scene = jury::marking(&world, 2, 3).await;
        jury::sign_all(&world, &scene).await;
        let officer = &scene.officer;
        world.advance(officer, "hearings").await;
        let ranking = world.post(officer, &format!("{CALL}/rankings"), json!({})).await.ok();
        let id = ranking["id"].as_str().unwrap();
        let total = ranking["lots"][6]["dossiers"][0]["total_shown"].as_str().unwrap().to_owned();
        for figure in ["ranks.svg", "weights.svg"] {
            let drawn = world.get(officer, &format!("/rankings/{id}/lots/ALI-07/{figure}")).await;
            assert!(drawn.status == 200 && drawn.text().starts_with("<svg"), "{figure}: {}", drawn.status);
        }
        let conn = world.app.database.read();
        conn.execute_unprepared("UPDATE calls SET state = 'marking'").await.unwrap();
        for path in [format!("/rankings/{id}"), format!("/rankings/{id}.pdf"), format!("{CALL}/rankings")] {
            assert_eq!(world.get(officer, &path).await.problem(), (409, "marks-sealed".into()), "{path}");
        }
        let figure = world.get(officer, &format!("/rankings/{id}/lots/ALI-07/ranks.svg")).await;
        assert_eq!(figure.problem(), (409, "marks-sealed".into()));
        let seen = jury::page(&world, officer, &format!("/gestion/classements/{id}")).await;
        assert!(seen.status == 409 && !seen.text().contains(&total));
        for path in [format!("{CALL}/decisions"), format!("{CALL}/decisions.csv")] {
            let got = world.get(officer, &path).await;
            assert!(got.status == 200 && !got.text().contains(&total), "{path} {}", got.text());
        }
        world.end().await;
    }
}

#[rocket::async_test]
async fn a_chair_who_is_excluded_takes_no_rival_s_marks_away() {
    for database in databases() {
        let world = World::new(database).await;
        let scene = jury::marking(&world, 2, 3).await;
        jury::sign_all(&world, &scene).await;
        let [(_, rival), (_, other)] = &scene.dossiers[..] else { unreachable!("two dossiers") };
        let (chair, juror) = (&scene.jurors[0].person, &scene.jurors[1]);
        let declared = json!({ "conflicts": [{ "dossier": rival, "reason": "member" }] });
        assert_eq!(world.post(chair, &format!("{CALL}/declaration"), declared).await.status, 204);

        let theirs = jury::sheet(&world, juror, rival).await;
        let reopen = |id: &str| (format!("/sheets/{id}/reopen"), json!({ "reason": "Erreur de saisie" }));
        let (path, body) = reopen(&theirs);
        assert_eq!(world.post(chair, &path, body).await.status, 404);
        let form = format!("sheet={theirs}&reason=Erreur");
        assert_eq!(jury::form(&world, chair, "/jury/AMI-ALI-2027/fiches", &form).await.status, 404);
        // Excluding the rival's juror would take the same marks away.
        let recusals = format!("{CALL}/seats/{}/recusals", juror.seat);
        for scope in [json!({ "dossier": rival }), json!({ "lot": "ALI-07" })] {
            let mut body = scope;
            body["reason"] = "dispute".into();
            body["comment"] = "Contentieux".into();
            assert_eq!(world.post(chair, &recusals, body).await.problem(), (403, "not-yours".into()));
        }
        let listed = world.get(chair, &format!("{CALL}/sheets")).await.ok();
        let listed = listed["items"].as_array().unwrap();
        assert!(listed.len() == 3 && listed.iter().all(|s| s["dossier"] == json!(other)), "{listed:?}");
        let kept = world.get(&juror.person, &format!("/sheets/{theirs}")).await.ok();
        assert_eq!(kept["state"], "locked");
        // Elsewhere they preside as ever.
        let (path, body) = reopen(&jury::sheet(&world, juror, other).await);
        assert_eq!(world.post(chair, &path, body).await.status, 204);
        world.end().await;
    }
}

#[rocket::async_test]
async fn a_sheet_reopened_in_hearings_is_locked_again_and_counts() {
    for database in databases() {
        let world = World::new(database).await;
        let scene = jury::marking(&world, 1, 3).await;
        jury::sign_all(&world, &scene).await;
        let (chair, juror) = (&scene.jurors[0].person, &scene.jurors[1]);
        let id = jury::sheet(&world, juror, &scene.dossiers[0].1).await;
        world.advance(&scene.officer, "hearings").await;
        let path = format!("/sheets/{id}");
        let silent = world.post(chair, &format!("{path}/reopen"), json!({ "reason": " " })).await;
        assert_eq!(silent.status, 422);
        let long = json!({ "reason": "é".repeat(4001) });
        let long = world.post(chair, &format!("{path}/reopen"), long).await.json();
        assert!(long["errors"][0]["detail"].as_str().unwrap().contains("4001"), "{long}");
        let reason = json!({ "reason": "Notes interverties" });
        assert_eq!(world.post(chair, &format!("{path}/reopen"), reason.clone()).await.status, 204);
        assert_eq!(
            world.post(chair, &format!("{path}/reopen"), reason).await.problem(),
            (409, "sheet-not-locked".into())
        );

        // Its juror is told, sees why, puts it right and signs what was seen.
        let mails = world.deliver().await;
        let told = mails.iter().find(|m| m.subject.contains("rouverte")).unwrap();
        assert!(told.recipient.starts_with("juror-1@") && told.body.contains("Notes interverties"), "{told:?}");
        let open = world.get(&juror.person, &path).await.ok();
        assert_eq!((&open["state"], &open["reopened"]["reason"]), (&json!("reopened"), &json!("Notes interverties")));
        assert_eq!(open["reopened"]["by"], json!(chair.account.uuid()));
        let shown = jury::page(&world, &juror.person, &format!("/fiches/{id}")).await.text();
        assert!(shown.contains("Notes interverties"), "{shown}");
        // Another's draft stays closed to marks: only what was reopened is open.
        let changed = world.patch(&juror.person, &path, None, json!({ "marks": { "A1": 4 } })).await.ok();
        let lock = format!("/api/v1{path}/lock");
        let stale = [("If-Match", "\"1\"")];
        let refused = world.send_with(Some(&juror.person), Method::Post, &lock, None, &stale).await;
        assert_eq!(refused.problem(), (412, "stale".into()));
        let seen = format!("revision={}", changed["revision"]);
        let page = format!("/fiches/{id}/verrouiller");
        assert_eq!(jury::form(&world, &juror.person, &page, "").await.status, 428);
        assert_eq!(jury::form(&world, &juror.person, &page, &seen).await.status, 303);
        let locked = world.get(&juror.person, &path).await.ok();
        assert_eq!((&locked["state"], &locked["reopened"]), (&json!("locked"), &json!(null)));
        let ranking = world.post(&scene.officer, &format!("{CALL}/rankings"), json!({})).await.ok();
        let ranked = &ranking["lots"][6]["dossiers"][0];
        assert_eq!((&ranked["jurors"], &ranked["status"]), (&json!(["J1", "J2", "J3"]), &json!("ranked")));
        // After the plenary nothing is opened any more.
        world.advance(&scene.officer, "plenary").await;
        world.advance(&scene.officer, "deliberation").await;
        let late = world.post(chair, &format!("{path}/reopen"), json!({ "reason": "Trop tard" })).await;
        assert_eq!(late.problem(), (409, "not-now".into()));
        world.end().await;
    }
}

/// A page with plain spaces.
fn plain(got: &Got) -> String {
    got.text().replace(['\u{a0}', '\u{202f}'], " ")
}

#[rocket::async_test]
async fn what_cannot_be_read_is_an_error_never_nothing() {
    for database in databases() {
        let world = World::new(database).await;
        let scene = jury::marking(&world, 1, 2).await;
        let (juror, dossier) = (&scene.jurors[1], &scene.dossiers[0].1);
        let path = "/jury/AMI-ALI-2027/declaration";
        for (row, typed) in [
            (format!("reason.{dossier}=cousin&comment.{dossier}=Ma+cousine"), "Ma cousine"),
            (format!("reason.{dossier}=&comment.{dossier}=Ma+cousine"), "Ma cousine"),
            (format!("comment.{dossier}=Ma+cousine"), "Ma cousine"),
            (format!("reason.{dossier}=other&comment.{dossier}="), "selected"),
            ("reason.x=member".to_owned(), "compris"),
        ] {
            let got = jury::form(&world, &juror.person, path, &format!("{row}&honour=on")).await;
            assert_eq!(got.status, 422, "{row}");
            let text = plain(&got);
            assert!(text.contains(typed), "{row}: {text}");
            assert!(typed == "compris" || text.contains("dossier ALI27-0001 : "), "{row}: which row");
        }
        let seats = world.get(&scene.officer, &format!("{CALL}/seats")).await.ok();
        assert_eq!(seats["items"][1]["recusals"], json!([]), "nothing was recorded");
        let row = format!("reason.{dossier}=office&comment.{dossier}=&honour=on");
        assert_eq!(jury::form(&world, &juror.person, path, &row).await.status, 303);
        assert_eq!(world.get(&juror.person, &format!("/dossiers/{dossier}")).await.status, 404);

        // A mark that is no number erases none: it is shown again, and the others are kept.
        let chair = &scene.jurors[0];
        let id = jury::sheet(&world, chair, dossier).await;
        let before =
            world.patch(&chair.person, &format!("/sheets/{id}"), None, json!({ "marks": { "A1": 4 } })).await.ok();
        let body = format!("revision={}&mark.A1=quatre&mark.A2=3&lock=1", before["revision"]);
        let got = jury::form(&world, &chair.person, &format!("/fiches/{id}"), &body).await;
        assert_eq!(got.status, 422);
        assert!(plain(&got).contains("Saisi : « quatre »"), "{}", got.text());
        let kept = world.get(&chair.person, &format!("/sheets/{id}")).await.ok();
        assert_eq!(
            (&kept["marks"]["A1"], &kept["marks"]["A2"], &kept["state"]),
            (&json!(4), &json!(3), &json!("draft"))
        );

        for filter in ["state=deposed", "lot=ALI-99"] {
            let got = world.get(&scene.officer, &format!("{CALL}/dossiers?{filter}")).await;
            assert_eq!(got.status, 422, "{filter}");
        }
        let page = jury::page(&world, &scene.officer, "/gestion/AMI-ALI-2027/dossiers?lot=ALI-99").await;
        assert!(page.status == 422 && page.text().contains("ALI-99"), "{}", page.text());
        world.end().await;
    }
}

#[rocket::async_test]
async fn what_is_worked_out_from_hidden_answers_is_hidden_too() {
    for database in databases() {
        let mut world = World::new(database).await;
        // 7.03 is worked out from 7.01, which jurors may no longer see; 6.03 stays as it is.
        let fields = world.call.form.sections.iter_mut().flat_map(|s| s.fields.iter_mut());
        for field in fields.filter(|f| f.code == "7.01") {
            field.hidden_from_jury = true;
        }
        // A criterion for which jurors have nothing to read keeps a call from being published.
        for criterion in world.call.grid.groups.iter_mut().flat_map(|g| &mut g.criteria) {
            criterion.sources.push("P08".into());
        }
        let scene = jury::marking(&world, 1, 1).await;
        let path = format!("/dossiers/{}", scene.dossiers[0].1);
        let computed = world.get(&scene.officer, &path).await.ok()["computed"].clone();
        assert!(computed["7.03"].is_number() && computed["6.03"].is_number(), "{computed}");
        let seen = world.get(&scene.jurors[0].person, &path).await.ok();
        assert_eq!(seen["answers"]["7.01"], json!(null));
        assert_eq!((&seen["computed"]["7.03"], seen["computed"]["6.03"].is_number()), (&json!(null), true));
        world.end().await;
    }
}
