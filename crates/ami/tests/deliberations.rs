//! From proposed decisions to the deliberation that takes them, and until it has its effects; on each database.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::assembly::{act, decided, errors};
use common::jury::{self, CALL};
use common::{World, databases, pdf_text};
use serde_json::json;

#[rocket::async_test]
async fn decisions_are_gathered_become_executory_and_are_corrected_by_another_act() {
    for database in databases() {
        let mut world = World::new(database).await;
        world.call.envelope_cents = 100;
        let (scene, dossiers) = decided(&world).await;
        let gather = format!("{CALL}/deliberations");
        let sitting = json!({ "number": "2027-07-12", "date": "2027-07-01", "dossiers": dossiers, "lots": ["ALI-22"] });
        // Whoever does not run the call takes nothing, and learns nothing of what was taken.
        let (applicant, _) = &scene.dossiers[0];
        let applicant = world.sign_in(applicant.account, "applicant-1@demonstration.example").await;
        assert_eq!(world.post(&applicant, &gather, sitting.clone()).await.status, 403);
        let made = act(&world, &scene, &gather, sitting.clone()).await.ok();
        assert_eq!((&made["state"], &made["decisions"].as_array().unwrap().len()), (&json!("gathered"), &3));
        let own = format!("/deliberations/{}", made["id"].as_str().unwrap());
        assert_eq!(world.get(&applicant, &own).await.status, 404);
        // The number is taken, and so are its decisions under any other number.
        assert_eq!(act(&world, &scene, &gather, sitting).await.status, 409);
        let again = json!({ "number": "2027-07-13", "date": "2027-07-01", "dossiers": [dossiers[0]] });
        let refused = act(&world, &scene, &gather, again).await;
        assert_eq!(refused.problem(), (409, "gather-refused".into()));
        assert_eq!(errors(&refused), [("/dossiers/0".to_owned(), "gather-taken".to_owned())]);

        let control = json!({ "transmitted_on": "2027-06-30", "published_on": "2027-07-02", "receipt": "AR 12" });
        let early = act(&world, &scene, &format!("{own}/executory"), control).await;
        assert_eq!(errors(&early), [("/transmitted_on".to_owned(), "deliberation-day".to_owned())]);
        let control = json!({ "transmitted_on": "2027-07-02", "published_on": "2027-07-02", "receipt": "AR 12" });
        let executory = act(&world, &scene, &format!("{own}/executory"), control.clone()).await.ok();
        assert_eq!((&executory["state"], &executory["receipt"]), (&json!("executory"), &json!("AR 12")));
        assert_eq!(act(&world, &scene, &format!("{own}/executory"), control).await.status, 409);
        let lines = world.get(&scene.officer, &format!("{CALL}/decisions")).await.ok();
        assert!(lines["items"].as_array().unwrap().iter().all(|l| l["stage"] == "executory"), "{lines}");

        let fix = json!({ "number": "2027-07-14", "receipt": "AR 13" });
        assert_eq!(act(&world, &scene, &format!("{own}/corrections"), fix).await.status, 422);
        let fix = json!({ "number": "2027-07-14", "receipt": "AR 13", "reason": "Numéro mal recopié" });
        let corrected = act(&world, &scene, &format!("{own}/corrections"), fix).await.ok();
        assert_eq!((&corrected["number"], &corrected["state"]), (&json!("2027-07-14"), &json!("executory")));
        let acts = world.get(&scene.officer, &format!("{own}/acts")).await.ok();
        let acts = acts["items"].as_array().unwrap();
        let names: Vec<_> = acts.iter().map(|a| a["act"].as_str().unwrap()).collect();
        assert_eq!(
            (&names[..], &acts[0]["number"]),
            (&["gathered", "executory", "corrected"][..], &json!("2027-07-12"))
        );
        world.end().await;
    }
}

#[rocket::async_test]
async fn the_annex_says_who_wins_what_and_why_beyond_the_rules() {
    for database in databases() {
        let mut world = World::new(database).await;
        world.call.envelope_cents = 100;
        let (scene, dossiers) = decided(&world).await;
        let sitting = json!({ "number": "12/2027", "date": "2027-07-01", "dossiers": dossiers, "lots": ["ALI-22"] });
        let made = act(&world, &scene, &format!("{CALL}/deliberations"), sitting).await.ok();
        let own = format!("/deliberations/{}", made["id"].as_str().unwrap());
        let annex = world.get(&scene.officer, &format!("{own}/annex")).await.ok();
        let lot = &annex["lots"][0];
        let decisions: Vec<_> =
            lot["lines"].as_array().unwrap().iter().map(|l| l["decision"].as_str().unwrap()).collect();
        assert_eq!(
            (lot["code"].as_str().unwrap(), &decisions[..]),
            ("ALI-07", &["retained", "reserve", "refused"][..])
        );
        assert_eq!((&annex["lots"][1]["code"], &annex["lots"][1]["without_outcome"]), (&json!("ALI-22"), &json!(true)));
        let first = world.get(&scene.officer, &format!("{own}/annex.pdf")).await;
        assert!(first.disposition.as_ref().unwrap().contains("rapport-annexe-12-2027.pdf"));
        let text = pdf_text(&first.bytes);
        for shown in
            ["délibération n° 12/2027", "Deux bassins de vie", "enveloppe annuelle", "moins avancé", "sans suite"]
        {
            assert!(text.contains(shown), "{shown} in {text}");
        }
        // Whatever becomes of the decisions, what was put before the assembly stays.
        let other = json!({ "decision": "refused", "reason": "Autre avis." });
        world.put(&scene.officer, &format!("/dossiers/{}/decision", dossiers[0]), other).await.ok();
        assert_eq!(world.get(&scene.officer, &format!("{own}/annex.pdf")).await.bytes, first.bytes);
        let shown = world.get(&scene.officer, &own).await.ok();
        let line =
            shown["decisions"].as_array().unwrap().iter().find(|d| d["dossier"] == *dossiers[0]).unwrap().clone();
        assert_eq!((&line["decision"], &line["replaced"]), (&json!("retained"), &json!(true)));
        let page = jury::page(&world, &scene.officer, &format!("/gestion{own}/annexe")).await.text();
        assert!(page.contains("Deux bassins de vie"), "{page}");
        world.end().await;
    }
}

#[rocket::async_test]
async fn what_is_stale_undecided_or_unknown_is_not_put_before_the_assembly() {
    for database in databases() {
        let mut world = World::new(database).await;
        world.call.envelope_cents = 100;
        let (scene, dossiers) = decided(&world).await;
        let gather = format!("{CALL}/deliberations");
        let unknown =
            json!({ "number": "1", "date": "2027-07-01", "dossiers": ["01890000-0000-7000-8000-000000000000"] });
        assert_eq!(act(&world, &scene, &gather, unknown).await.problem(), (422, "invalid".into()));
        for (body, pointer) in [
            (json!({ "number": "", "date": "2027-07-01", "dossiers": dossiers }), "/number"),
            (json!({ "number": "1", "date": "le 12", "dossiers": dossiers }), "/date"),
            (json!({ "number": "1", "date": "2027-07-01" }), "/dossiers"),
            (json!({ "number": "1", "date": "2027-07-01", "lots": ["X"] }), "/lots/0"),
        ] {
            let refused = act(&world, &scene, &gather, body).await;
            assert_eq!((refused.status, errors(&refused)[0].0.as_str()), (422, pointer));
        }
        let awarded = json!({ "number": "1", "date": "2027-07-01", "lots": ["ALI-07"] });
        assert_eq!(errors(&act(&world, &scene, &gather, awarded).await)[0].1, "gather-lot-awarded");

        // Whoever withdrew has no decision any more that the assembly could take.
        let (person, withdrawn) = &scene.dossiers[1];
        let person = world.sign_in(person.account, "applicant-2@demonstration.example").await;
        assert_eq!(world.post(&person, &format!("/dossiers/{withdrawn}/withdrawal"), json!({})).await.status, 204);
        let body = json!({ "number": "1", "date": "2027-07-01", "dossiers": dossiers });
        let refused = act(&world, &scene, &gather, body).await;
        assert_eq!(refused.problem(), (409, "gather-refused".into()));
        assert_eq!(errors(&refused), [("/dossiers/1".to_owned(), "gather-stale".to_owned())]);
        // The page says so beside what was typed, and does not propose it.
        let path = "/gestion/AMI-ALI-2027/deliberations";
        let typed = format!("number=2027-07-12&date=2027-07-01&dossier={withdrawn}");
        let page = jury::form(&world, &scene.officer, path, &typed).await;
        assert_eq!(page.status, 422);
        let text = page.text();
        assert!(text.contains("value=\"2027-07-12\"") && text.contains("id=\"dossiers-erreur\""), "{text}");
        assert!(!text.contains(&format!("name=\"dossier\" value=\"{withdrawn}\"")), "{text}");
        assert!(text.contains(&format!("name=\"dossier\" value=\"{}\"", dossiers[2])), "{text}");
        world.end().await;
    }
}
