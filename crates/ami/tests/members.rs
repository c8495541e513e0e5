//! An organisation's members: whoever is one may do what the first one may, whoever is none, or no longer, sees nothing.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{World, databases};
use rocket::http::Method;
use serde_json::json;

#[rocket::async_test]
async fn members_share_dossiers_and_leave_without_a_trace_of_them() {
    for database in databases() {
        let world = World::new(database).await;
        world.published().await;
        world.set_clock("2027-02-01T09:00:00Z");
        let (first, organisation, _) = world.applicant(1).await;
        let second = world.person("Second", false).await;
        let stranger = world.person("Stranger", false).await;
        let body = json!({ "organisation_id": organisation, "lot": "ALI-01" });
        let dossier = world.post(&first, "/calls/AMI-ALI-2027/dossiers", body).await.ok();
        let dossier = format!("/dossiers/{}", dossier["id"].as_str().unwrap());
        let members = format!("/organisations/{organisation}/members");

        assert_eq!(world.get(&second, &dossier).await.status, 404);
        let invite = |email: &str| json!({ "name": "Quelqu'un", "email": email });
        assert_eq!(world.post(&stranger, &members, invite("x@demonstration.example")).await.status, 404);
        assert_eq!(world.post(&first, &members, invite("pas une adresse")).await.status, 422);
        let list = world.post(&first, &members, invite("second@demonstration.example")).await.ok();
        let shown = &list["items"][1];
        assert_eq!(
            (&shown["state"], &shown["name"], &shown["email"]),
            (&json!("invited"), &json!("Quelqu'un"), &json!("second@demonstration.example")),
            "as it was typed: nothing says whether there is an account"
        );
        let again = world.post(&first, &members, invite("second@demonstration.example")).await;
        assert_eq!(again.problem(), (409, "invitation-exists".into()));
        assert_eq!(world.get(&second, &dossier).await.status, 404, "nobody is a member before they accept");
        let open = world.get(&second, "/me/invitations").await.ok()["items"][0].clone();
        assert_eq!(open["state"], "invited");
        let acceptance = format!("/invitations/{}/acceptance", open["id"].as_str().unwrap());
        for other in [&stranger, &first] {
            assert_eq!(world.post(other, &acceptance, json!({})).await.status, 404);
        }
        let page = world.send(Some(&second), Method::Get, "/espace", None).await.text();
        assert!(page.contains("Accepter l'invitation") || page.contains("Accepter l’invitation"), "{page}");
        let form = Some(Vec::new());
        let button = format!("/invitations/{}/accepter", open["id"].as_str().unwrap());
        assert_eq!(world.send_with(Some(&second), Method::Post, &button, form, &[]).await.status, 303);
        assert_eq!(world.post(&second, &acceptance, json!({})).await.status, 404, "good once");
        let again = world.post(&first, &members, invite("second@demonstration.example")).await;
        assert_eq!(again.problem(), (409, "member-exists".into()));
        assert_eq!(world.get(&second, &dossier).await.status, 200);
        assert_eq!(world.get(&stranger, &members).await.status, 404);

        // Whoever has an account is told, whoever has none gets a link to choose a password; the refused one left no message.
        // Nothing that a member wrote stands in a message.
        world.post(&first, &members, invite("third@demonstration.example")).await.ok();
        let mails = world.deliver().await;
        let to = |email: &str| mails.iter().filter(|m| m.recipient == email).collect::<Vec<_>>();
        let (told, linked) = (to("second@demonstration.example"), to("third@demonstration.example"));
        assert!(told.len() == 1 && told[0].body.contains("/espace"), "{told:?}");
        assert!(linked.len() == 1 && linked[0].body.contains("mot-de-passe?jeton="), "{linked:?}");
        for mail in told.iter().chain(&linked) {
            let text = format!("{} {}", mail.subject, mail.body);
            assert!(!text.contains("Tremplin") && !text.contains("Quelqu'un"), "{text}");
        }

        let page = format!("/structures/{organisation}/membres");
        let page = world.send(Some(&second), Method::Get, &page, None).await;
        assert!(page.status == 200 && page.text().contains("third@demonstration.example"));

        // The second removes the first, who then sees nothing; the last one stays.
        let remove =
            async |by, who: &str| world.send(Some(by), Method::Delete, &format!("/api/v1{members}/{who}"), None).await;
        assert_eq!(remove(&stranger, &second.account.to_string()).await.status, 404);
        assert_eq!(remove(&second, &first.account.to_string()).await.status, 204);
        assert_eq!(remove(&second, &first.account.to_string()).await.status, 404);
        assert_eq!(world.get(&first, &dossier).await.status, 404);
        let left = world.get(&second, &members).await.ok()["items"].clone();
        let third = left.as_array().unwrap().iter().find(|m| m["email"] == "third@demonstration.example").unwrap();
        let third = third["id"].as_str().unwrap().to_owned();
        assert_eq!(remove(&second, &third).await.status, 204);
        assert_eq!(remove(&second, &second.account.to_string()).await.problem(), (409, "last-member".into()));
        assert_eq!(world.get(&second, &dossier).await.status, 200);
        world.end().await;
    }
}
