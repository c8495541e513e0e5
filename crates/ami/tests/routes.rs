//! Every route × every role: the committed table of answers. A route without its lines fails, and so does any 500.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fmt::Write as _;

use ami_services::{Settings, outbox};
use common::{Person, World};
use rocket::http::Method;
use serde_json::{Value, json};

/// What stands for the parameters of a route.
struct Things {
    dossier: String,
    piece: String,
    sheet: String,
    seat: String,
    ranking: String,
    organisation: String,
}

impl Things {
    fn path(&self, route: &str) -> String {
        let (path, _) = route.split_once('?').unwrap_or((route, ""));
        let id = match path {
            p if p.contains("/sheets/") || p.contains("/fiches/") => &self.sheet,
            p if p.contains("/organisations/") || p.contains("/structures/") => &self.organisation,
            p if p.contains("rankings/") || p.contains("/classements/") => &self.ranking,
            _ => &self.dossier,
        };
        let section = if path.contains("/sections/") { "S1" } else { "AMI-ALI-2027" };
        path.replace("<id>", id)
            .replace("<code>", section)
            .replace("<slot>", "P01")
            .replace("<piece>", &self.piece)
            .replace("<seat>", &self.seat)
            .replace("<member>", "01890000-0000-7000-8000-000000000000")
            .replace("<lot>", "ALI-01")
            .replace("<figure>", "ranks.svg")
            .replace("<path>", "none.css")
    }
}

impl Things {
    /// A body that the route reads, so that it is the policy that answers.
    fn body(&self, route: &str) -> Value {
        match route.trim_start_matches("/api/v1") {
            "/calls/<code>/assignments" => json!({ "seat": self.seat, "add": [self.dossier] }),
            "/calls/<code>/dossiers" => json!({ "organisation_id": self.organisation, "lot": "ALI-02" }),
            "/calls/<code>/seats" => {
                json!({ "name": "x", "email": "x", "college": "experts", "voice": "consultative" })
            }
            "/calls/<code>/seats/<seat>/recusals" => json!({ "lot": "ALI-22", "reason": "other", "comment": "x" }),
            "/calls/<code>/officers" => json!({ "name": "Collègue", "email": "x", "role": "reader" }),
            "/calls/<code>/officers/<member>" => json!({ "role": "reader" }),
            "/officers" => json!({ "name": "Agente", "email": "x" }),
            "/calls/<code>/corrections" => json!({ "notice": "Avis" }),
            "/calls/<code>/state" => json!({ "state": "archived" }),
            "/dossiers/<id>/admissibility" => json!({ "admissible": true }),
            "/organisations/<id>/members" => json!({ "name": "Membre", "email": "x" }),
            "/dossiers/<id>/decision" => json!({ "decision": "refused", "reason": "x" }),
            "/organisations" | "/organisations/<id>" => json!({ "name": "x", "siret": "x", "legal_form": "x" }),
            _ => json!({}),
        }
    }
}

/// A call in marking: one dossier assigned to `juror`, from which `recused` is excluded; a ranking; a stranger's account.
async fn scene(world: &World) -> (Vec<(&'static str, Option<Person>)>, Things) {
    world.set_clock("2027-03-15T10:55:00Z");
    let officer = world.published().await;
    let (applicant, organisation, data) = world.applicant(1).await;
    let (other, _, _) = world.applicant(2).await;
    let dossier = world.complete_draft(&applicant, &organisation, &data, "ALI-01").await;
    let view = world.get(&applicant, &format!("/dossiers/{dossier}")).await.ok();
    let piece = view["pieces"].as_array().unwrap().iter().find(|p| p["slot"] == "P01").unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    world.post(&applicant, &format!("/dossiers/{dossier}/deposit"), json!({})).await.ok();
    world.set_clock("2027-03-15T11:00:01Z");
    world.advance(&officer, "admissibility").await;
    world.put(&officer, &format!("/dossiers/{dossier}/admissibility"), json!({ "admissible": true })).await;
    world.advance(&officer, "marking").await;
    let mut jurors = Vec::new();
    for (name, conflict) in [("juror", false), ("recused", true), ("unassigned", false)] {
        let person = world.person(name, false).await;
        let invitation = json!({
            "name": name, "email": format!("{name}@demonstration.example"), "college": "experts", "voice": "deliberative",
        });
        let seat =
            world.post(&officer, "/calls/AMI-ALI-2027/seats", invitation).await.ok()["id"].as_str().unwrap().to_owned();
        if name != "unassigned" {
            world.post(&officer, "/calls/AMI-ALI-2027/assignments", json!({ "seat": seat, "add": [dossier] })).await;
        }
        let conflicts = if conflict { json!([{ "dossier": dossier, "reason": "member" }]) } else { json!([]) };
        world.post(&person, "/calls/AMI-ALI-2027/declaration", json!({ "conflicts": conflicts })).await;
        jurors.push((person, seat));
    }
    // A demonstration shows what it sends; nothing else does.
    let mut app = world.app.clone();
    app.settings = std::sync::Arc::new(Settings { demonstration: false, ..(*app.settings).clone() });
    assert!(outbox::list_demonstration_mails(&app.now()).await.is_err());
    let sheet = world.get(&jurors[0].0, "/jury/sheets").await.ok()["items"][0]["id"].as_str().unwrap().to_owned();
    let ranking =
        world.post(&officer, "/calls/AMI-ALI-2027/rankings", json!({})).await.ok()["id"].as_str().unwrap().to_owned();
    let stranger = world.person("stranger", false).await;
    let seat = jurors[0].1.clone();
    let mut jurors = jurors.into_iter().map(|(p, _)| Some(p));
    let people = vec![
        ("anonymous", None),
        ("stranger", Some(stranger)),
        ("applicant", Some(applicant)),
        ("other", Some(other)),
        ("juror", jurors.next().unwrap()),
        ("recused", jurors.next().unwrap()),
        ("unassigned", jurors.next().unwrap()),
        ("officer", Some(officer)),
    ];
    (people, Things { dossier, piece, sheet, seat, ranking, organisation })
}

#[rocket::async_test]
async fn every_route_answers_every_role_as_the_table_says() {
    let mut world = World::new("sqlite").await;
    // Published so, a call has rankings while its jurors mark: every route has its thing at once.
    world.call.rules.officers_see_marks_while_marking = true;
    let (people, things) = scene(&world).await;
    let mut routes: Vec<(String, Method)> =
        world.client.rocket().routes().map(|r| (r.uri.to_string(), r.method)).collect();
    routes.sort_by(|a, b| (&a.0, a.1.as_str()).cmp(&(&b.0, b.1.as_str())));
    // Two handlers stand behind one address: the ranking, and the same with `.pdf`.
    let twice: Vec<(String, Method)> = routes
        .windows(2)
        .filter(|pair| pair[0] == pair[1])
        .map(|pair| (format!("{}{}", pair[0].0, if pair[0].0.contains("rankings") { ".pdf" } else { ".toml" }), pair[0].1))
        .collect();
    routes.dedup();
    routes.extend(twice);
    routes.sort_by(|a, b| (&a.0, a.1.as_str()).cmp(&(&b.0, b.1.as_str())));
    let names: Vec<&str> = people.iter().map(|(n, _)| *n).collect();
    let mut table = format!("{:<7} {:<52} {}\n", "", "", names.join(" "));
    for (route, method) in &routes {
        let ends_something = ends_something(route, *method);
        let path = things.path(route);
        let mut line = String::new();
        for (name, person) in &people {
            if ends_something && *name != "anonymous" {
                write!(line, " {:>width$}", "-", width = name.len()).unwrap();
                continue;
            }
            let body = if path.starts_with("/api") { things.body(route).to_string().into_bytes() } else { Vec::new() };
            let got = world.send_with(person.as_ref(), *method, &path, Some(body), &[]).await;
            write!(line, " {:>width$}", got.status, width = name.len()).unwrap();
            leaks(name, *method, route, got.status, &got.text());
        }
        writeln!(table, "{:<7} {route:<52}{line}", method.as_str()).unwrap();
    }
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/routes.txt");
    if std::env::var_os("UPDATE_ROUTES").is_some() {
        std::fs::write(committed, &table).unwrap();
    }
    let expected = std::fs::read_to_string(committed).unwrap();
    assert_eq!(expected, table, "answers changed: look at every line, then commit with UPDATE_ROUTES=1");
    world.end().await;
}

/// Signing somebody out, or a page of one's own that changes the scene for the others: tried last, by those who may, below.
fn ends_something(route: &str, method: Method) -> bool {
    matches!(
        (route, method),
        ("/deconnexion" | "/dossiers/<id>/retirer" | "/api/v1/dossiers/<id>/withdrawal", _)
            | ("/api/v1/session", Method::Delete)
    )
}

/// Withdrawal is the applicant's alone, and ends what others read; signing out ends one's own session and nobody else's.
#[rocket::async_test]
async fn withdrawing_and_signing_out_end_what_they_say() {
    for by_page in [false, true] {
        let mut world = World::new("sqlite").await;
        world.call.rules.officers_see_marks_while_marking = true;
        let (people, things) = scene(&world).await;
        let path = if by_page { "/dossiers/<id>/retirer" } else { "/api/v1/dossiers/<id>/withdrawal" };
        let path = things.path(path);
        let send = async |person: Option<&Person>, method: Method, path: &str| {
            world.send_with(person, method, path, Some(b"{}".to_vec()), &[]).await.status
        };
        for (name, person) in people.iter().filter(|(name, _)| *name != "applicant") {
            let status = send(person.as_ref(), Method::Post, &path).await;
            assert!(matches!(status, 401 | 404), "{name}: {status}");
        }
        let person = |name: &str| people.iter().find(|(n, _)| *n == name).unwrap().1.as_ref();
        let status = send(person("applicant"), Method::Post, &path).await;
        assert_eq!(status, if by_page { 303 } else { 204 });
        let sheet = format!("/api/v1/sheets/{}", things.sheet);
        let body = Some(json!({ "marks": { "A1": 1 } }).to_string().into_bytes());
        let late = world.send_with(person("juror"), Method::Patch, &sheet, body, &[]).await;
        assert!(late.status < 500, "{}", late.text());

        let out = if by_page { (Method::Post, "/deconnexion") } else { (Method::Delete, "/api/v1/session") };
        let status = send(person("juror"), out.0, out.1).await;
        assert!(matches!(status, 204 | 303), "{status}");
        for (name, status) in [("juror", 401), ("officer", 200)] {
            assert_eq!(send(person(name), Method::Get, "/api/v1/me").await, status, "{name}");
        }
        world.end().await;
    }
}

/// What nobody but the dossier's own people may ever be told, whatever the table says.
fn leaks(who: &str, method: Method, route: &str, status: u16, body: &str) {
    assert!(status < 500, "{who} {method} {route}: {status}");
    let insider = matches!(who, "applicant" | "juror" | "officer");
    let about_dossier =
        ["/dossiers/<id>", "/pieces/<piece>", "/sheets/<id>", "/fiches/<id>"].iter().any(|p| route.contains(p));
    if about_dossier && !insider {
        assert!(matches!(status, 401 | 403 | 404 | 303 | 422), "{who} {method} {route}: {status}");
        assert!(status != 403 || who == "anonymous", "{who} learns that it exists: {method} {route}");
        assert!(!body.contains("Texte du jeu de démonstration"), "{who} {method} {route}");
    }
    if !matches!(who, "applicant" | "officer") {
        assert!(!body.contains("FR7699999000930000000000190"), "bank details: {who} {method} {route}");
    }
}
