//! Signing in, links and who belongs to what, on each database: what was ended stays ended, nobody is let in or out by a race, and
//! nobody is made anything without their own word.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;

use ami_services::accounts;
use common::{Got, PASSWORD, Person, World, databases};
use futures_util::future::join_all;
use rocket::http::Method;
use serde_json::{Value, json};

const NEW: &str = "un tout autre mot de passe";

async fn post(world: &World, path: &str, body: Value) -> Got {
    world.send(None, Method::Post, &format!("/api/v1{path}"), Some(body)).await
}

async fn tokens(world: &World, name: &str, password: &str) -> Value {
    let body = json!({ "email": format!("{name}@demonstration.example"), "password": password });
    post(world, "/session", body).await.ok()
}

async fn refresh(world: &World, tokens: &Value) -> Got {
    post(world, "/session/refresh", json!({ "refresh_token": tokens["refresh_token"] })).await
}

async fn me(world: &World, tokens: &Value) -> u16 {
    let who = holder(tokens);
    world.get(&who, "/me").await.status
}

fn holder(tokens: &Value) -> Person {
    Person { account: uuid::Uuid::nil().into(), token: tokens["access_token"].as_str().unwrap().to_owned() }
}

async fn choose(world: &World, token: &str, password: &str) -> Got {
    let body = json!({ "token": token, "password": password });
    world.send(None, Method::Put, "/api/v1/accounts/password", Some(body)).await
}

async fn reset_link(world: &World, name: &str) -> String {
    let email = format!("{name}@demonstration.example");
    let before = world.links(&email).await;
    assert_eq!(post(world, "/accounts/password-reset", json!({ "email": email })).await.status, 202);
    let new: Vec<String> = world.links(&email).await.into_iter().filter(|l| !before.contains(l)).collect();
    assert_eq!(new.len(), 1);
    new[0].clone()
}

/// The details of what was recorded of accounts.
async fn journal(world: &World) -> Vec<String> {
    use sea_orm::{ConnectionTrait as _, Statement};
    let conn = world.app.database.read();
    let sql = "SELECT details FROM journal WHERE action = 'account.change' ORDER BY seq";
    let rows = conn.query_all_raw(Statement::from_string(conn.get_database_backend(), sql)).await.unwrap();
    rows.iter().map(|row| row.try_get("", "details").unwrap()).collect()
}

#[rocket::async_test]
async fn two_refreshes_at_once_go_on_together_and_an_old_token_ends_all() {
    for database in databases() {
        let world = World::new(database).await;
        world.person("ada", false).await;
        let first = tokens(&world, "ada", PASSWORD).await;
        let got = join_all((0..8).map(|_| refresh(&world, &first))).await;
        let fresh: Vec<Value> = got.into_iter().map(Got::ok).collect();
        for one in &fresh {
            assert_eq!(one["refresh_token"], fresh[0]["refresh_token"], "one successor, however often it is asked for");
            assert_eq!(me(&world, one).await, 200);
        }
        // A lost answer: the same token again, a little later.
        world.set_clock("2027-01-10T09:00:20Z");
        assert_eq!(refresh(&world, &first).await.ok()["refresh_token"], fresh[0]["refresh_token"]);
        let second = refresh(&world, &fresh[0]).await.ok();
        assert_eq!(me(&world, &second).await, 200);
        // The one before the one before is somebody else's.
        assert_eq!(refresh(&world, &first).await.status, 401);
        for ended in [&first, &fresh[0], &second] {
            assert_eq!(me(&world, ended).await, 401);
            assert_eq!(refresh(&world, ended).await.status, 401);
        }
        // So is the one before after a while.
        let third = tokens(&world, "ada", PASSWORD).await;
        refresh(&world, &third).await.ok();
        world.set_clock("2027-01-10T09:00:51Z");
        assert_eq!((refresh(&world, &third).await.status, me(&world, &third).await), (401, 401));
        world.end().await;
    }
}

#[rocket::async_test]
async fn a_refresh_that_races_the_sign_out_revives_nothing() {
    for database in databases() {
        let world = World::new(database).await;
        world.person("ada", false).await;
        for round in 0..20 {
            let first = tokens(&world, "ada", PASSWORD).await;
            let person = holder(&first);
            let out = world.send_owned(&person, Method::Delete, "/api/v1/session".into());
            let (a, out, b) = tokio::join!(refresh(&world, &first), out, refresh(&world, &first));
            assert_eq!(out.status, 204);
            for left in [Some(first), (a.status == 200).then(|| a.json()), (b.status == 200).then(|| b.json())] {
                let Some(left) = left else { continue };
                assert_eq!((me(&world, &left).await, refresh(&world, &left).await.status), (401, 401), "round {round}");
            }
        }
        world.end().await;
    }
}

#[rocket::async_test]
async fn a_new_password_throws_out_whoever_refreshes_or_signs_in_at_that_moment() {
    for database in databases() {
        let world = World::new(database).await;
        world.person("ada", false).await;
        let mut password = PASSWORD.to_owned();
        for round in 0..4 {
            let intruder = tokens(&world, "ada", &password).await;
            let link = reset_link(&world, "ada").await;
            let new = format!("un mot de passe de plus {round}");
            let old = json!({ "email": "ada@demonstration.example", "password": password });
            let (a, chosen, b, late) = tokio::join!(
                refresh(&world, &intruder),
                choose(&world, &link, &new),
                refresh(&world, &intruder),
                post(&world, "/session", old),
            );
            assert_eq!(chosen.status, 204, "{}", chosen.text());
            for left in [a, b, late].into_iter().filter(|got| got.status == 200).map(|got| got.json()).chain([intruder])
            {
                assert_eq!((me(&world, &left).await, refresh(&world, &left).await.status), (401, 401), "round {round}");
            }
            password = new;
            // Messages asked for are limited.
            world.set_clock(&format!("2027-01-10T1{round}:00:00Z"));
        }
        world.end().await;
    }
}

#[rocket::async_test]
async fn a_newer_link_or_a_new_password_voids_the_older_ones() {
    for database in databases() {
        let world = World::new(database).await;
        world.person("ada", false).await;
        let (older, newer) = (reset_link(&world, "ada").await, reset_link(&world, "ada").await);
        let refused = choose(&world, &older, NEW).await;
        assert_eq!(refused.status, 422, "{}", refused.text());
        assert_eq!(choose(&world, &newer, NEW).await.status, 204);
        for used in [&older, &newer] {
            let refused = choose(&world, used, "encore un autre mot").await;
            assert!(refused.status == 422 && refused.text().contains("Demandez-en un nouveau"), "{}", refused.text());
        }
        // Two at once: one counts.
        let link = reset_link(&world, "ada").await;
        let got = join_all(["premier mot de passe", "second mot de passe"].map(|p| choose(&world, &link, p))).await;
        let mut statuses: Vec<u16> = got.iter().map(|g| g.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 422]);
        world.end().await;
    }
}

#[rocket::async_test]
async fn an_expired_confirmation_is_no_dead_end() {
    for database in databases() {
        let world = World::new(database).await;
        let (email, confirmation) = ("ada@demonstration.example", "/accounts/confirmation");
        let account = json!({ "email": email, "name": "Ada Exemple", "password": PASSWORD });
        assert_eq!(post(&world, "/accounts", account).await.status, 202);
        let first = world.links(email).await.pop().unwrap();
        world.set_clock("2027-01-13T09:00:00Z");
        let refused = post(&world, confirmation, json!({ "token": first })).await;
        assert!(refused.status == 422 && refused.text().contains("Demandez-en un nouveau"), "{}", refused.text());
        let page = world.send(None, Method::Get, &format!("/compte/confirmation?jeton={first}"), None).await.text();
        assert!(page.contains("Recevoir un nouveau lien"), "{page}");
        // The page's own button, and signing in with the right password, each send another.
        assert_eq!(post(&world, "/accounts/confirmation/link", json!({ "token": first })).await.status, 202);
        let second = world.links(email).await.pop().unwrap();
        world.set_clock("2027-01-16T09:00:00Z");
        let credentials = json!({ "email": email, "password": PASSWORD });
        let refused = post(&world, "/session", credentials.clone()).await;
        assert_eq!(refused.problem(), (403, "confirm-email".into()));
        let third = world.links(email).await.pop().unwrap();
        assert!(first != second && second != third);
        assert_eq!(post(&world, confirmation, json!({ "token": second })).await.status, 422);
        assert_eq!(post(&world, confirmation, json!({ "token": third })).await.status, 204);
        post(&world, "/session", credentials).await.ok();
        // Used again, as a mail scanner may have: it says that all is well.
        let again = post(&world, confirmation, json!({ "token": third })).await;
        assert!(again.status == 422 && again.text().contains("déjà confirmée : connectez-vous"), "{}", again.text());
        assert_eq!(post(&world, "/accounts/confirmation/link", json!({ "token": third })).await.status, 202);
        assert_eq!(world.links(email).await.len(), 3, "nothing is sent to whoever is confirmed");
        world.end().await;
    }
}

#[rocket::async_test]
async fn a_strangers_password_counts_on_no_address_but_their_own() {
    for database in databases() {
        let world = World::new(database).await;
        let sign_up = async |name: &str, email: &str, password: &str| {
            let account = json!({ "email": email, "name": name, "password": password });
            assert_eq!(post(&world, "/accounts", account).await.status, 202);
        };
        let session = async |email: &str, password: &str| {
            post(&world, "/session", json!({ "email": email, "password": password })).await.status
        };
        let intruders = "le mot de passe de l'intrus";
        // A stranger signs up with somebody's address; its reader signs up later and opens their own link.
        let email = "ada@demonstration.example";
        sign_up("Un intrus", email, intruders).await;
        let first = &world.links(email).await.pop().unwrap();
        world.set_clock("2027-01-10T09:00:10Z");
        sign_up("Ada Exemple", email, PASSWORD).await;
        let second = &world.links(email).await.pop().unwrap();
        assert_eq!(post(&world, "/accounts/confirmation", json!({ "token": first })).await.status, 422);
        assert_eq!((session(email, intruders).await, session(email, PASSWORD).await), (401, 403));
        assert_eq!(post(&world, "/accounts/confirmation", json!({ "token": second })).await.status, 204);
        assert_eq!((session(email, intruders).await, session(email, PASSWORD).await), (401, 200));
        let shown = world.get(&holder(&tokens(&world, "ada", PASSWORD).await), "/me").await.ok();
        assert_eq!(shown["name"], "Ada Exemple");

        // Whoever comes later takes no link away: that of one's own sign-up leads to another with one's own password.
        let email = "bea@demonstration.example";
        sign_up("Bea Exemple", email, PASSWORD).await;
        let own = world.links(email).await.pop().unwrap();
        sign_up("Un intrus", email, intruders).await;
        assert_eq!(post(&world, "/accounts/confirmation", json!({ "token": own })).await.status, 422);
        let before = world.links(email).await;
        assert_eq!(post(&world, "/accounts/confirmation/link", json!({ "token": own })).await.status, 202);
        let fresh = world.links(email).await.into_iter().find(|l| !before.contains(l)).unwrap();
        assert_eq!(post(&world, "/accounts/confirmation", json!({ "token": fresh })).await.status, 204);
        assert_eq!((session(email, intruders).await, session(email, PASSWORD).await), (401, 200));

        // The same with a future juror: the invitation's link lets its reader choose, and voids the stranger's.
        let email = "juror@demonstration.example";
        sign_up("Un intrus", email, intruders).await;
        let strangers = world.links(email).await.pop().unwrap();
        let officer = world.published().await;
        let seat = json!({ "name": "Juré", "email": email, "college": "experts", "voice": "deliberative" });
        world.post(&officer, "/calls/AMI-ALI-2027/seats", seat).await.ok();
        let invitation = world.links(email).await.into_iter().find(|l| *l != strangers).unwrap();
        assert_eq!(choose(&world, &invitation, PASSWORD).await.status, 204);
        assert_eq!(post(&world, "/accounts/confirmation", json!({ "token": strangers })).await.status, 422);
        assert_eq!((session(email, intruders).await, session(email, PASSWORD).await), (401, 200));
        let seats = world.get(&officer, "/calls/AMI-ALI-2027/seats").await.ok();
        assert_eq!((&seats["items"][0]["name"], &seats["items"][0]["accepted_at"]), (&json!("Juré"), &Value::Null));
        world.end().await;
    }
}

#[rocket::async_test]
async fn one_siret_is_one_organisation_and_its_members_let_others_in() {
    for database in databases() {
        let world = World::new(database).await;
        let people = world.people("person", 4).await;
        let input = json!({ "name": "Structure", "siret": "73282932000074", "legal_form": "association" });
        let got = join_all(people.iter().map(|p| world.post_owned(p, "/organisations".into(), input.clone()))).await;
        let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
        for one in &got {
            *statuses.entry(one.status).or_default() += 1;
        }
        assert_eq!(statuses, BTreeMap::from([(201, 1), (409, 3)]));
        let first = got.iter().position(|g| g.status == 201).unwrap();
        let organisation = got[first].json()["id"].as_str().unwrap().to_owned();
        let refused = got.iter().find(|g| g.status == 409).unwrap();
        assert_eq!(refused.problem().1, "siret-registered");
        assert!(!refused.text().contains("person-"), "the members are not shown");

        let others: Vec<&Person> = people.iter().enumerate().filter(|(n, _)| *n != first).map(|(_, p)| p).collect();
        let form = Some(b"name=Structure&siret=73282932000074&legal_form=association&rna=".to_vec());
        let page = world.send_with(Some(others[2]), Method::Post, "/structures/nouvelle", form, &[]).await;
        assert!(page.status == 422 && page.text().contains("Demander à rejoindre la structure"), "{}", page.text());
        assert!(!page.text().contains("person-"));
        let ask = json!({ "siret": "732 829 320 00074" });
        assert_eq!(world.post(others[0], "/organisations/requests", ask.clone()).await.status, 202);
        let again = world.post(others[0], "/organisations/requests", ask.clone()).await;
        assert_eq!(again.problem(), (409, "invitation-exists".into()));
        assert_eq!(world.post(others[1], "/organisations/requests", ask).await.status, 202);
        let members = format!("/organisations/{organisation}/members");
        let shown = world.get(&people[first], &members).await.ok()["items"].clone();
        let asking: Vec<&Value> = shown.as_array().unwrap().iter().filter(|m| m["state"] == "asks").collect();
        assert_eq!(asking.len(), 2);
        // Nobody lets themselves in.
        let accept = |id: &Value| format!("/invitations/{}/acceptance", id.as_str().unwrap());
        let (one, two) = (&asking[0], &asking[1]);
        let page =
            world.send(Some(&people[first]), Method::Get, &format!("/structures/{organisation}/membres"), None).await;
        assert!(page.text().contains("Demandes à rejoindre la structure"), "{}", page.text());
        let page = world.send(Some(others[0]), Method::Get, "/espace", None).await.text();
        assert!(page.contains("Vous avez demandé à rejoindre"), "{page}");
        let of = |request: &Value| {
            let email = request["email"].as_str().unwrap();
            &people[email.trim_start_matches("person-").split('@').next().unwrap().parse::<usize>().unwrap()]
        };
        for (other, request) in [(of(one), one), (of(two), two), (of(one), two)] {
            assert_eq!(world.post(other, &accept(&request["id"]), json!({})).await.status, 404);
            assert_eq!(world.get(other, &members).await.status, 404);
        }
        assert_eq!(world.post(&people[first], &accept(&one["id"]), json!({})).await.status, 204);
        let decline = format!("/api/v1/invitations/{}", two["id"].as_str().unwrap());
        assert_eq!(world.send(Some(&people[first]), Method::Delete, &decline, None).await.status, 204);
        assert_eq!(world.get(of(one), &members).await.status, 200);
        assert_eq!(world.get(of(two), &members).await.status, 404);
        world.end().await;
    }
}

#[rocket::async_test]
async fn a_limit_of_lots_holds_for_the_legal_body_whichever_establishment_asks() {
    for database in databases() {
        let world = World::new(database).await;
        world.set_clock("2027-02-01T09:00:00Z");
        world.published().await;
        let person = world.person("ada", false).await;
        let mut organisations = Vec::new();
        // Two establishments of one SIREN.
        for siret in ["73282932000074", "73282932000017"] {
            let input = json!({ "name": "Structure", "siret": siret, "legal_form": "association" });
            let made = world.post(&person, "/organisations", input).await.ok();
            organisations.push(made["id"].as_str().unwrap().to_owned());
        }
        let begun = join_all((1..=8).map(|lot| {
            let organisation = &organisations[lot % 2];
            let body = json!({ "organisation_id": organisation, "lot": format!("ALI-{lot:02}") });
            world.post_owned(&person, "/calls/AMI-ALI-2027/dossiers".into(), body)
        }))
        .await;
        assert_eq!(begun.iter().filter(|g| g.status == 201).count(), 5);
        assert!(begun.iter().all(|g| matches!(g.status, 201 | 409)));
        world.end().await;
    }
}

#[rocket::async_test]
async fn ones_own_name_address_and_password_change_by_ones_own_word() {
    for database in databases() {
        let world = World::new(database).await;
        let ada = world.person("ada", false).await;
        world.person("bea", false).await;
        let other = tokens(&world, "ada", PASSWORD).await;
        assert_eq!(
            world.patch(&ada, "/me", None, json!({ "name": "Ada Nouvelle" })).await.ok()["name"],
            "Ada Nouvelle"
        );

        let wrong = json!({ "current_password": "pas le bon mot", "password": NEW });
        assert_eq!(world.put(&ada, "/me/password", wrong).await.status, 422);
        assert_eq!(me(&world, &other).await, 200);
        let right = json!({ "current_password": PASSWORD, "password": NEW });
        assert_eq!(world.put(&ada, "/me/password", right).await.status, 204);
        assert_eq!((me(&world, &other).await, world.get(&ada, "/me").await.status), (401, 200), "the others end");

        // The new address counts once its link was opened; the old one is told; whose it is already learns of it alone.
        let change = |email: &str| json!({ "email": email, "current_password": NEW });
        assert_eq!(world.put(&ada, "/me/email", change("ada@ailleurs.example")).await.status, 202);
        assert_eq!(world.put(&ada, "/me/email", change("bea@demonstration.example")).await.status, 202);
        assert!(world.links("bea@demonstration.example").await.is_empty());
        let mails = world.deliver().await;
        let told = mails.iter().filter(|m| m.recipient == "ada@demonstration.example");
        assert!(told.filter(|m| m.subject.contains("Changement d'adresse")).count() == 2);
        assert_eq!(world.get(&ada, "/me").await.ok()["email"], "ada@demonstration.example");
        let link = world.links("ada@ailleurs.example").await.pop().unwrap();
        assert_eq!(post(&world, "/accounts/confirmation", json!({ "token": link })).await.status, 204);
        assert_eq!(world.get(&ada, "/me").await.ok()["email"], "ada@ailleurs.example");
        let session = json!({ "email": "ada@ailleurs.example", "password": NEW });
        post(&world, "/session", session).await.ok();

        let taken = accounts::create_account(&world.app.now(), "bea@demonstration.example", "Bea", NEW, true).await;
        assert_eq!(taken.unwrap_err().code, "account-exists");

        // Each is an act in the journal.
        ami_services::journal::link(&world.app.now()).await.unwrap();
        let acts = journal(&world).await;
        for what in ["name", "password", "email-asked", "email"] {
            assert!(acts.iter().any(|a| a.contains(&format!("\"{what}\""))), "{what}: {acts:?}");
        }
        world.end().await;
    }
}

#[rocket::async_test]
async fn a_mistyped_address_signs_nobody_out() {
    let world = World::new("sqlite").await;
    let person = world.person("lost", false).await;
    let page = world.send(Some(&person), Method::Get, "/nulle-part", None).await;
    assert_eq!(page.status, 404);
    assert!(page.text().contains("Se déconnecter"), "{}", page.text());
    let page = world.send(None, Method::Get, "/nulle-part", None).await;
    assert_eq!(page.status, 404);
    assert!(page.text().contains("Se connecter"), "{}", page.text());
    world.end().await;
}
