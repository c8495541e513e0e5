//! History that cannot be changed, and what shows when somebody with the database in their hands changes it all the same.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use ami::demo_data::{self, Accounts};
use ami::evidence::report;
use ami_database::ConnectionTrait as _;
use ami_database::journal::Broken;
use ami_services::accounts::find_actor;
use ami_services::check::{Fault, check_installation};
use ami_services::erasures::{Erased, erase_dossier};
use ami_services::evidence::{Finding, Verification, last_signed, sign_heads, verify_journal};
use ami_services::pieces::sweep_objects;
use ami_services::rankings::{Recomputed, recompute_ranking};
use ami_services::{access, journal};
use common::{Person, World, assembly, databases};
use rocket::http::Method;
use sea_orm::Statement;
use serde_json::json;

/// Each table of history with a column of its own.
const HISTORY: [(&str, &str); 14] = [
    ("journal", "hash"),
    ("journal_heads", "hash"),
    ("call_versions", "sha256"),
    ("answer_history", "field"),
    ("mark_history", "criterion"),
    ("decision_history", "reason"),
    ("rankings", "result"),
    ("recusals", "comment"),
    ("deposits", "content_sha256"),
    ("deposit_changes", "kind"),
    ("evidence_keys", "public"),
    ("deliberation_decisions", "kind"),
    ("deliberation_history", "reason"),
    ("letter_history", "detail"),
];

async fn sql(world: &World, statement: &str) -> Result<u64, String> {
    let done = world.app.database.read().execute_unprepared(statement).await;
    done.map(|d| d.rows_affected()).map_err(|e| e.to_string())
}

async fn verify(world: &World) -> Verification {
    verify_journal(&world.app.database, &world.app.evidence).await.unwrap()
}

/// A call with a ranking and a decision: every table of history has rows. Its officer, and the dossier.
async fn history(world: &World) -> (Person, String) {
    world.set_clock("2027-03-15T10:55:00Z");
    let officer = world.published().await;
    let (applicant, organisation, data) = world.applicant(1).await;
    let dossier = world.complete_draft(&applicant, &organisation, &data, "ALI-01").await;
    world.post(&applicant, &format!("/dossiers/{dossier}/deposit"), json!({})).await.ok();
    let change = format!("/api/v1/dossiers/{dossier}/deposit");
    assert_eq!(world.send(Some(&applicant), Method::Delete, &change, None).await.status, 204);
    world.set_clock("2027-03-15T11:00:01Z");
    world.advance(&officer, "admissibility").await;
    world.put(&officer, &format!("/dossiers/{dossier}/admissibility"), json!({ "admissible": true })).await;
    world.advance(&officer, "marking").await;
    let juror = world.person("juror", false).await;
    let invitation = json!({
        "name": "Juror", "email": "juror@demonstration.example", "college": "experts", "voice": "deliberative",
    });
    let seat = world.post(&officer, "/calls/AMI-ALI-2027/seats", invitation).await.ok()["id"].clone();
    world.post(&officer, "/calls/AMI-ALI-2027/assignments", json!({ "seat": seat, "add": [dossier] })).await;
    world
        .post(
            &juror,
            "/calls/AMI-ALI-2027/declaration",
            json!({ "conflicts": [{ "lot": "ALI-22", "reason": "member" }] }),
        )
        .await;
    let sheet = world.get(&juror, "/jury/sheets").await.ok()["items"][0]["id"].as_str().unwrap().to_owned();
    world.patch(&juror, &format!("/sheets/{sheet}"), None, json!({ "marks": { "A1": 3 } })).await.ok();
    world.advance(&officer, "hearings").await;
    world.post(&officer, "/calls/AMI-ALI-2027/rankings", json!({})).await.ok();
    let decided = json!({ "decision": "refused", "reason": "Notation insuffisante." });
    world.put(&officer, &format!("/dossiers/{dossier}/decision"), decided).await.ok();
    world.advance(&officer, "plenary").await;
    world.advance(&officer, "deliberation").await;
    let sitting = json!({ "number": "1", "date": "2027-03-15", "dossiers": [dossier] });
    let made = world.post(&officer, "/calls/AMI-ALI-2027/deliberations", sitting).await.ok();
    let letters = format!("/deliberations/{}/letters", made["id"].as_str().unwrap());
    world.post(&officer, &letters, json!({})).await.ok();
    journal::link(&world.app.now()).await.unwrap();
    sign_heads(&world.app.now()).await.unwrap();
    (officer, dossier)
}

#[rocket::async_test]
async fn history_is_not_changed_replaced_or_removed() {
    for database in databases() {
        let world = World::new(database).await;
        history(&world).await;
        for (table, column) in HISTORY {
            let mut refused = vec![format!("UPDATE {table} SET {column} = {column}"), format!("DELETE FROM {table}")];
            refused.push(match database {
                "sqlite" => format!("INSERT OR REPLACE INTO {table} SELECT * FROM {table}"),
                _ => format!("TRUNCATE {table} CASCADE"),
            });
            for statement in refused {
                let done = sql(&world, &statement).await;
                assert!(done.as_ref().is_err_and(|e| e.contains("append-only")), "{database} {statement}: {done:?}");
            }
        }
        assert_eq!(verify(&world).await.findings, []);
        world.end().await;
    }
}

#[rocket::async_test]
async fn a_row_goes_only_by_an_erasure_that_names_it() {
    for database in databases() {
        let world = World::new(database).await;
        history(&world).await;
        let id = if database == "sqlite" { "lower(hex(id))" } else { "replace(id::text, '-', '')" };
        let erasure = if database == "sqlite" { "randomblob(16)" } else { "gen_random_uuid()" };
        let named = format!(
            "INSERT INTO erasures (id, table_name, row_id, sha256, reason, visa, at) \
             SELECT {erasure}, 'answer_history', {id}, 'x', 'durée écoulée', 'visa 12', 0 FROM answer_history LIMIT 1"
        );
        assert_eq!(sql(&world, &named).await, Ok(1));
        let gone = format!("DELETE FROM answer_history WHERE {id} IN (SELECT row_id FROM erasures)");
        assert_eq!(sql(&world, &gone).await, Ok(1));
        assert!(sql(&world, "DELETE FROM answer_history").await.is_err());
        assert!(sql(&world, "DELETE FROM erasures").await.is_err(), "the tombstone stays");
        world.end().await;
    }
}

/// Erases as an archivist's letter says, in the name of an account.
async fn erase(world: &World, by: &str, dossier: &str) -> Result<Erased, String> {
    let now = world.app.now();
    let actor = find_actor(&now, by).await.unwrap();
    let erased = erase_dossier(&now, actor.as_ref(), dossier.parse().unwrap(), "Durée échue.", "AD99/2031-12").await;
    erased.map_err(|error| error.code.to_owned())
}

async fn count(world: &World, what: &str) -> i64 {
    let sql =
        Statement::from_string(world.app.database.read().get_database_backend(), format!("SELECT COUNT(*) {what}"));
    world.app.database.read().query_one_raw(sql).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

#[rocket::async_test]
async fn an_erased_dossier_leaves_its_hashes_and_what_is_left_stays_whole() {
    for database in databases() {
        let world = World::new(database).await;
        let (officer, dossier) = history(&world).await;
        let ranking = world.get(&officer, "/calls/AMI-ALI-2027/rankings").await.ok()["items"][0]["id"].clone();
        let (admin, applicant) = ("officer@demonstration.example", "applicant-1@demonstration.example");
        assert_eq!(erase(&world, admin, &dossier).await.unwrap_err(), "not-now");
        let own = world.get(&officer, "/calls/AMI-ALI-2027/deliberations").await.ok()["items"][0]["id"].clone();
        assembly::tell(&world, &officer, &format!("/deliberations/{}", own.as_str().unwrap())).await;
        for step in ["notified", "archived"] {
            world.advance(&officer, step).await;
        }
        assert_eq!(erase(&world, applicant, &dossier).await.unwrap_err(), "not-found");
        world.deliver().await;
        let kept = [
            "answer_history",
            "mark_history",
            "decision_history",
            "deposits",
            "deposit_changes",
            "deliberation_decisions",
            "letter_history",
        ];
        let mut rows = 0;
        for table in kept {
            let there = count(&world, &format!("FROM {table}")).await;
            assert!(there > 0, "{table}");
            rows += there;
        }

        let erased = erase(&world, admin, &dossier).await.unwrap();
        assert_eq!((erased.rows["dossiers"], erased.rows["deposits"], erased.rows["documents"]), (1, 1, 2));
        for table in
            kept.into_iter().chain(["answers", "pieces", "sheets", "marks", "decisions", "letters", "dossiers"])
        {
            assert_eq!(count(&world, &format!("FROM {table}")).await, 0, "{database} {table}");
        }
        assert_eq!(count(&world, "FROM documents WHERE kind <> 'annex'").await, 0, "the assembly's annex stays");
        sweep_objects(&world.app.now()).await.unwrap();
        assert_eq!(world.objects(), Vec::<String>::new());
        assert_eq!(count(&world, "FROM erasures").await, rows, "each row of history leaves its hash");
        assert_eq!(count(&world, "FROM erasures WHERE length(sha256) = 64").await, rows);
        for who in [&officer, &world.sign_in_again("applicant 1").await] {
            assert_eq!(world.get(who, &format!("/dossiers/{dossier}")).await.status, 404);
        }
        world.get(&officer, &format!("/rankings/{}", ranking.as_str().unwrap())).await.ok();
        world.get(&officer, "/calls/AMI-ALI-2027/decisions").await.ok();

        journal::link(&world.app.now()).await.unwrap();
        let whole = verify(&world).await;
        assert_eq!((whole.findings.as_slice(), whole.erased.len()), ([].as_slice(), 1));
        assert!(report(&whole).contains("Durée échue. (visa AD99/2031-12)"), "{}", report(&whole));
        let checked = check_installation(&world.app.now(), true).await.unwrap();
        assert_eq!((checked.faults.as_slice(), checked.erased.len(), checked.deposits), ([].as_slice(), 1, 0));

        // A tombstone that somebody writes by hand is none.
        let forged = "INSERT INTO erasures (id, table_name, row_id, sha256, reason, visa, at, subject) \
             SELECT id, 'rankings', 'x', 'x', 'x', 'x', 0, 'ALI27-9999' FROM rankings";
        assert_eq!(sql(&world, forged).await, Ok(1));
        assert!(matches!(&verify(&world).await.findings[..], [Finding::Erasure { .. }]));
        world.end().await;
    }
}

/// What whoever owns the database can do: take the guards away.
async fn without_guards(world: &World, database: &str) {
    for table in ["journal", "journal_heads"] {
        for guard in ["update", "delete", "truncate"] {
            if database != "sqlite" || guard != "truncate" {
                let on = if database == "sqlite" { String::new() } else { format!(" ON {table}") };
                sql(world, &format!("DROP TRIGGER tg_{table}_no_{guard}{on}")).await.unwrap();
            }
        }
    }
}

#[rocket::async_test]
async fn a_changed_a_cut_and_an_emptied_journal_are_found() {
    for database in databases() {
        let world = World::new(database).await;
        history(&world).await;
        let whole = verify(&world).await;
        assert_eq!((whole.findings.as_slice(), whole.whole.len(), whole.signed), ([].as_slice(), 2, 1));
        assert!(report(&whole).contains("intact : appel "));
        let call = whole.whole.iter().find(|head| !head.scope.is_empty()).unwrap().clone();
        let (scope, last) = (call.scope.clone(), call.seq);
        without_guards(&world, database).await;
        let first = |v: &Verification| v.findings[0].clone();
        let broken = |broken: Broken| Finding::Chain { scope: scope.clone(), broken };

        // One byte.
        sql(&world, &format!("UPDATE journal SET details = details || ' ' WHERE scope = '{scope}' AND seq = 3"))
            .await
            .unwrap();
        assert_eq!(first(&verify(&world).await), broken(Broken::Entry(3)));
        sql(&world, &format!("UPDATE journal SET details = trim(details) WHERE scope = '{scope}' AND seq = 3"))
            .await
            .unwrap();
        assert_eq!(verify(&world).await.findings, []);

        // One entry at the end; then the head that knew of it.
        sql(&world, &format!("DELETE FROM journal WHERE scope = '{scope}' AND seq = {last}")).await.unwrap();
        let cut = verify(&world).await;
        assert_eq!(first(&cut), broken(Broken::Cut(last)));
        assert!(report(&cut).contains(&format!("des actes manquent à partir du n° {last}")));
        sql(&world, &format!("DELETE FROM journal_heads WHERE scope = '{scope}' AND seq >= {last}")).await.unwrap();
        let sown = "INSERT INTO journal_heads (scope, seq, hash, linked_at) SELECT scope, seq, hash, 0 FROM journal";
        sql(&world, &format!("{sown} WHERE scope = '{scope}' AND seq = {}", last - 1)).await.unwrap();
        let anchored =
            |v: &Verification| v.findings.iter().any(|f| matches!(f, Finding::Anchor { seq, .. } if *seq == last));
        assert!(anchored(&verify(&world).await), "what was signed outside is missed");

        // All of it.
        for table in ["journal", "journal_heads"] {
            let empty = if database == "sqlite" { "DELETE FROM" } else { "TRUNCATE" };
            sql(&world, &format!("{empty} {table}")).await.unwrap();
        }
        let emptied = verify(&world).await;
        assert!(emptied.findings.contains(&broken(Broken::Missing)), "{:?}", emptied.findings);

        // The signed file itself.
        let file = world.folder.path().join("evidence/heads.jsonl");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(
            &file,
            text.replacen("\"hash", "\"hasch", 1).replacen(&last.to_string(), &(last + 1).to_string(), 1),
        )
        .unwrap();
        assert!(verify(&world).await.findings.contains(&Finding::Line { number: 1 }));
        world.end().await;
    }
}

#[rocket::async_test]
async fn the_journal_of_the_whole_demonstration_is_whole() {
    let world = World::new("sqlite").await;
    demo_data::load(&world.app, &Accounts::all(), false).await.unwrap();
    assert!(journal::link(&world.app.now()).await.unwrap() > 500);
    assert_eq!(last_signed(&world.app.now()).await.unwrap(), None);
    sign_heads(&world.app.now()).await.unwrap();
    assert_eq!(last_signed(&world.app.now()).await.unwrap(), Some(world.app.now().at));
    let verification = verify(&world).await;
    assert_eq!((verification.findings.as_slice(), verification.pending), ([].as_slice(), 0));
    world.end().await;
}

#[rocket::async_test]
async fn who_read_what_is_kept_once_an_hour_with_its_hash() {
    for database in databases() {
        let world = World::new(database).await;
        history(&world).await;
        access::keep_readings(&world.app.now()).await.unwrap();
        let juror = world.sign_in_again("juror").await;
        let sheet = world.get(&juror, "/jury/sheets").await.ok()["items"][0]["id"].as_str().unwrap().to_owned();
        for _ in 0..2 {
            world.get(&juror, &format!("/sheets/{sheet}")).await.ok();
        }
        let new = access::keep_readings(&world.app.now()).await.unwrap();
        world.get(&juror, &format!("/sheets/{sheet}")).await.ok();
        assert_eq!((new, access::keep_readings(&world.app.now()).await.unwrap()), (1, 0));
        world.set_clock("2027-03-15T12:00:01Z");
        let juror = world.sign_in_again("juror").await;
        world.get(&juror, &format!("/sheets/{sheet}")).await.ok();
        assert!(access::keep_readings(&world.app.now()).await.unwrap() >= 1);
        world.end().await;
    }
}

#[rocket::async_test]
async fn a_stored_ranking_is_computed_again_and_what_differs_is_said() {
    for database in databases() {
        let world = World::new(database).await;
        history(&world).await;
        let conn = world.app.database.read();
        let call = ami_database::calls::find_by_code(conn, "AMI-ALI-2027").await.unwrap().unwrap();
        let id = ami_database::rankings::rankings(conn, call.id).await.unwrap()[0].id;
        let again = async || recompute_ranking(&world.app.now(), id).await.unwrap();
        assert!(matches!(again().await, Recomputed::Same { dossiers: 1, .. }));
        // Whoever owns the database changes what came out, then what went in.
        let on = if database == "sqlite" { "" } else { " ON rankings" };
        sql(&world, &format!("DROP TRIGGER tg_rankings_no_update{on}")).await.unwrap();
        sql(&world, "UPDATE rankings SET result = replace(result, 'insufficient', 'ranked')").await.unwrap();
        let Recomputed::Result { first, engine: None } = again().await else { panic!("the result differs") };
        assert!(first.0.ends_with("/dossiers/0/status"), "{first:?}");
        sql(&world, "UPDATE rankings SET inputs = inputs || ' '").await.unwrap();
        assert!(matches!(again().await, Recomputed::Inputs { .. }));
        world.end().await;
    }
}

#[rocket::async_test]
async fn a_check_finds_each_thing_that_is_not_as_it_was_stored() {
    for database in databases() {
        let world = World::new(database).await;
        history(&world).await;
        let check = async || check_installation(&world.app.now(), true).await.unwrap();
        let clean = check().await;
        assert_eq!(clean.faults, []);
        assert!(clean.deposits == 1 && clean.objects >= 8 && clean.rankings == 1, "{clean:?}");
        // A stored file that is another one; a decision that names another ranking; a content that was touched.
        let piece = world.bucket().join(&world.objects()[0]);
        std::fs::write(&piece, b"%PDF-1.7 autre chose").unwrap();
        assert!(matches!(check().await.faults[..], [Fault::Object(_)]), "{:?}", check().await.faults);
        let on = if database == "sqlite" { "" } else { " ON deposits" };
        sql(&world, &format!("DROP TRIGGER tg_deposits_no_update{on}")).await.unwrap();
        sql(&world, "UPDATE deposits SET content = replace(content, 'Tremplin', 'Trempoline')").await.unwrap();
        assert!(matches!(check().await.faults[..], [Fault::Content(_)]));
        world.app.storage.ready().await.unwrap();
        std::fs::remove_file(&piece).unwrap();
        world.end_as_it_is().await;
    }
}
