//! Questions on a call: asked privately, answered in public, and nobody learns who asked.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use ami_database::ConnectionTrait as _;
use common::{Got, Person, World, databases};
use rocket::http::Method;
use sea_orm::Statement;
use serde_json::{Value, json};

const CALL: &str = "/calls/AMI-ALI-2027";
const ASKED: &str = "Moi, Ada Lovelace, puis-je candidater avec une autre structure ?";

struct Scene {
    world: World,
    officer: Person,
    applicant: Person,
}

impl Scene {
    async fn new(database: &str) -> Self {
        let world = World::new(database).await;
        world.set_clock("2027-01-20T09:00:00Z");
        let officer = world.published().await;
        let applicant = world.person("Ada Lovelace", false).await;
        Self { world, officer, applicant }
    }

    async fn ask(&self, who: &Person, text: &str) -> Got {
        self.world.post(who, &format!("{CALL}/questions"), json!({ "text": text })).await
    }

    async fn list(&self, who: Option<&Person>, which: &str) -> Got {
        self.world.send(who, Method::Get, &format!("/api/v1{CALL}/questions{which}"), None).await
    }

    async fn answer(&self, id: &str, body: Value, revision: &str) -> Got {
        let path = format!("/api/v1/questions/{id}/answer");
        let body = Some(body.to_string().into_bytes());
        self.world.send_with(Some(&self.officer), Method::Put, &path, body, &[("If-Match", revision)]).await
    }

    async fn page(&self, who: Option<&Person>, path: &str) -> String {
        let got = self.world.send(who, Method::Get, path, None).await;
        assert_eq!(got.status, 200, "{path} {}", got.text());
        got.text()
    }
}

#[rocket::async_test]
async fn a_question_is_answered_in_public_and_nobody_learns_who_asked() {
    for database in databases() {
        let scene = Scene::new(database).await;
        let asked = scene.ask(&scene.applicant, &format!("  {ASKED}\u{200b}")).await;
        assert_eq!((asked.status, asked.json()["text"].as_str()), (201, Some(ASKED)));
        let id = asked.json()["id"].as_str().unwrap().to_owned();
        let stranger = scene.world.person("Grace Hopper", false).await;
        assert_eq!(scene.list(Some(&stranger), "/own").await.ok()["items"], json!([]));
        assert_eq!(scene.list(Some(&scene.applicant), "/own").await.ok()["items"][0]["id"], id);
        for (who, which, status) in
            [(Some(&stranger), "/asked", 403), (None, "/asked", 401), (None, "/own", 401), (None, "", 200)]
        {
            assert_eq!(scene.list(who, which).await.status, status, "{which}");
        }
        // Its officers read it, and not who asked.
        let all = scene.list(Some(&scene.officer), "/asked").await;
        assert!(all.text().contains(ASKED) && !all.text().contains(&scene.applicant.account.to_string()));
        let page = scene.page(Some(&scene.officer), "/gestion/AMI-ALI-2027/questions").await;
        assert!(page.contains("puis-je candidater") && !page.contains("ada-lovelace"), "{page}");
        assert!(!scene.page(None, "/appels/AMI-ALI-2027").await.contains("puis-je candidater"));

        let answer = json!({ "text": "Peut-on candidater à deux ?", "answer": "Oui, en groupement.", "publish": true });
        let path = format!("/api/v1/questions/{id}/answer");
        for (who, status) in [(Some(&stranger), 404), (Some(&scene.applicant), 404), (None, 401)] {
            let body = Some(answer.to_string().into_bytes());
            assert_eq!(scene.world.send_with(who, Method::Put, &path, body, &[]).await.status, status);
        }
        assert_eq!(scene.answer(&id, json!({ "answer": " " }), "0").await.status, 422);
        assert_eq!(scene.answer(&id, answer.clone(), "0").await.ok()["published"], true);
        assert_eq!(scene.answer(&id, answer.clone(), "0").await.status, 412);

        // Everyone reads it; the asker was told, once.
        let page = scene.page(None, "/appels/AMI-ALI-2027").await;
        assert!(page.contains("Peut-on candidater à deux") && page.contains("Oui, en groupement."), "{page}");
        assert!(!page.contains("Lovelace") && !page.contains(&id), "{page}");
        let published = scene.list(None, "").await;
        let expected = json!([{ "text": "Peut-on candidater à deux ?", "answer": "Oui, en groupement.", "published_at": "2027-01-20T09:00:00Z" }]);
        assert_eq!(published.ok()["items"], expected);
        scene.answer(&id, json!({ "text": "À deux ?", "answer": "Oui.", "publish": false }), "1").await.ok();
        assert_eq!(scene.list(None, "").await.ok()["items"], json!([]));
        let page = scene.page(None, "/appels/AMI-ALI-2027").await;
        assert!(!page.contains("en groupement"), "{page}");
        let told: Vec<_> = scene.world.deliver().await.into_iter().filter(|m| m.body.contains("groupement")).collect();
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].recipient, "ada-lovelace@demonstration.example");

        // The journal tells that somebody asked.
        let conn = scene.world.app.database.read();
        let sql = "SELECT COUNT(*) FROM journal_pending WHERE action = 'question.ask' AND actor IS NOT NULL";
        let linked = sql.replace("journal_pending", "journal");
        for sql in [sql, &linked] {
            let row = conn.query_one_raw(Statement::from_string(conn.get_database_backend(), sql)).await.unwrap();
            assert_eq!(row.unwrap().try_get_by_index::<i64>(0).unwrap(), 0);
        }
        scene.world.end().await;
    }
}

#[rocket::async_test]
async fn questions_are_taken_while_the_calendar_says_so() {
    for database in databases() {
        let scene = Scene::new(database).await;
        let form = |text: &str| Some(format!("text={text}").into_bytes());
        let path = "/appels/AMI-ALI-2027/question";
        let send = async |body| scene.world.send_with(Some(&scene.applicant), Method::Post, path, body, &[]).await;
        let empty = send(form("%20")).await;
        assert!(empty.status == 422 && empty.text().contains("Écrivez votre question"), "{}", empty.text());
        assert_eq!(send(form("Qui+peut+candidater+%3F")).await.status, 303);
        assert!(scene.page(Some(&scene.applicant), path).await.contains("Qui peut candidater"));
        for n in 1..20 {
            assert_eq!(scene.ask(&scene.applicant, &format!("Question {n} ?")).await.status, 201);
        }
        assert_eq!(scene.ask(&scene.applicant, "Encore ?").await.problem(), (409, "too-many-questions".into()));
        assert_eq!(scene.ask(&scene.applicant, &"é".repeat(4001)).await.status, 422);

        let until = scene.world.call.calendar.questions_until;
        scene.world.clock.set(until.checked_add(jiff::SignedDuration::from_micros(1)).unwrap());
        let late = scene.world.sign_in_again("Officer").await;
        assert_eq!(scene.ask(&late, "Trop tard ?").await.problem(), (409, "questions-over".into()));
        let page = scene.page(Some(&late), path).await;
        assert!(page.contains("closes depuis") && !page.contains("<textarea"), "{page}");
        assert!(!scene.page(None, "/appels/AMI-ALI-2027").await.contains("/question\""));
        scene.world.clock.set(until);
        assert_eq!(scene.ask(&late, "Juste à temps ?").await.status, 201);
        scene.world.end().await;
    }
}
