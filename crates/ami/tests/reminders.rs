//! What brings applicants to a deposit in time: reminders, dates for their calendars, the lot that they chose before signing up.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{World, databases};
use rocket::http::{ContentType, Header, Method};
use serde_json::json;

#[rocket::async_test]
async fn members_of_undeposited_drafts_are_reminded_once_each_time() {
    for database in databases() {
        let world = World::new(database).await;
        world.set_clock("2027-02-20T09:00:00Z");
        world.published().await;
        let (ada, organisation, data) = world.applicant(1).await;
        let filed = world.complete_draft(&ada, &organisation, &data, "ALI-07").await;
        for lot in ["ALI-08", "ALI-09"] {
            let body = json!({ "organisation_id": organisation, "lot": lot });
            world.post(&ada, "/calls/AMI-ALI-2027/dossiers", body).await.ok();
        }
        let reminded = async |at: &str| {
            world.set_clock(at);
            let all = world.deliver().await;
            let about =
                |number: &str| all.iter().filter(|m| m.subject.contains(&format!("{number} non déposé"))).count();
            [about("ALI27-0001"), about("ALI27-0002"), about("ALI27-0003")]
        };
        assert_eq!(reminded("2027-02-20T09:00:00Z").await, [0, 0, 0]);
        assert_eq!(reminded("2027-03-01T10:59:59Z").await, [0, 0, 0]);
        assert_eq!(reminded("2027-03-01T11:00:00Z").await, [1, 1, 1]);
        assert_eq!(reminded("2027-03-01T13:00:00Z").await, [1, 1, 1]);
        let ada = world.sign_in_again("applicant 1").await;
        world.post(&ada, &format!("/dossiers/{filed}/deposit"), json!({})).await.ok();
        let drafts = world.get(&ada, "/dossiers").await.ok();
        let thrown = drafts["items"].as_array().unwrap().iter().find(|d| d["number"] == "ALI27-0003").unwrap();
        let path = format!("/api/v1/dossiers/{}", thrown["id"].as_str().unwrap());
        assert_eq!(world.send(Some(&ada), Method::Delete, &path, None).await.status, 204);
        assert_eq!(reminded("2027-03-08T11:00:00Z").await, [1, 2, 1]);
        // A server that was down says one thing for what it has missed.
        assert_eq!(reminded("2027-03-15T09:00:00Z").await, [1, 3, 1]);
        assert_eq!(reminded("2027-03-15T10:59:59Z").await, [1, 3, 1]);
        assert_eq!(reminded("2027-03-15T12:00:00Z").await, [1, 3, 1]);
        world.end().await;
    }
}

#[rocket::async_test]
async fn the_dates_of_a_call_are_read_by_calendars() {
    let world = World::new("sqlite").await;
    let path = "/appels/AMI-ALI-2027/calendrier.ics";
    assert_eq!(world.send(None, Method::Get, path, None).await.status, 404);
    world.published().await;
    let got = world.send(None, Method::Get, path, None).await;
    assert!(got.status == 200 && got.disposition.as_deref().unwrap().contains("AMI-ALI-2027.ics"));
    let text = got.text().replace("\r\n ", "");
    let events = text.matches("BEGIN:VEVENT").count();
    assert_eq!(events, 2 + world.call.calendar.milestones.len());
    assert!(text.contains("DTSTART:20270315T110000Z\r\nSUMMARY:AMI-ALI-2027 : fin du dépôt des dossiers"), "{text}");
    world.end().await;
}

#[rocket::async_test]
async fn the_lot_is_still_chosen_after_signing_up() {
    let world = World::new("sqlite").await;
    world.set_clock("2027-02-20T09:00:00Z");
    world.published().await;
    let towards = {
        let answer = world.client.get("/appels/AMI-ALI-2027/candidater?lot=ALI-07").dispatch().await;
        assert_eq!(answer.status().code, 303);
        answer.cookies().get("ami_towards").unwrap().value().to_owned()
    };
    world.person("Ada", false).await;
    let form = async |path: &'static str, body: String, cookies: &[(&'static str, String)]| {
        let mut request = world.client.post(path).header(ContentType::Form).body(body);
        for (name, value) in cookies {
            request = request.cookie(((*name).to_owned(), value.clone()));
        }
        let answer = request.header(Header::new("Origin", "http://localhost")).dispatch().await;
        let to = answer.headers().get_one("Location").map(str::to_owned);
        (to, answer.cookies().get("ami_access").map(|cookie| cookie.value().to_owned()))
    };
    let password = common::PASSWORD.replace(' ', "+");
    let sign_in = format!("email=ada%40demonstration.example&password={password}&to=");
    let kept = ("ami_towards", towards);
    let (to, access) = form("/connexion", sign_in.clone(), std::slice::from_ref(&kept)).await;
    assert_eq!(to.as_deref(), Some("/appels/AMI-ALI-2027/candidater?lot=ALI-07"));
    let cookies = [kept, ("ami_access", access.unwrap())];
    let data = ami::demo_data::Accounts::all().applicants[0].clone();
    let body = format!("name=Nouvelle&siret={}&legal_form={}&rna=", data.siret, data.legal_form);
    let (to, _) = form("/structures/nouvelle", body, &cookies).await;
    assert_eq!(to.as_deref(), Some("/appels/AMI-ALI-2027/candidater?lot=ALI-07"));
    let mut request = world.client.get("/appels/AMI-ALI-2027/candidater?lot=ALI-07");
    for (name, value) in cookies {
        request = request.cookie((name, value));
    }
    let page = request.dispatch().await.into_string().await.unwrap();
    assert!(page.contains("value=\"ALI-07\" selected"), "{page}");
    // Elsewhere it leads nobody.
    let (to, _) = form("/connexion", sign_in, &[("ami_towards", "//example.org".to_owned())]).await;
    assert_eq!(to.as_deref(), Some("/espace"));
    world.end().await;
}
