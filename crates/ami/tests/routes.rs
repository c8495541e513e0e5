//! Every route × every role × every phase of a call: the committed table of answers. A route without its lines fails, and so does
//! any 500, and any planted word that somebody may not read.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fmt::Write as _;

use ami::demo_data::{self, Applicant};
use ami_services::{Settings, outbox};
use common::{Got, Person, World, assembly};
use rocket::http::Method;
use serde_json::{Value, json};

/// An id that nothing has.
const NOBODY: &str = "01890000-0000-7000-8000-000000000000";

/// What stands for the parameters of a route.
struct Things {
    dossier: String,
    piece: String,
    sheet: String,
    seat: String,
    ranking: String,
    organisation: String,
    /// A mark for every criterion, and a comment that is planted.
    sheet_changes: Value,
    /// Organisations that are not registered yet.
    newcomers: [Applicant; 2],
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
            .replace("<member>", NOBODY)
            .replace("<letter>", NOBODY)
            .replace("<signatory>", NOBODY)
            .replace("<lot>", "ALI-01")
            .replace("<figure>", "ranks.svg")
            .replace("<answer>", "accepter")
            .replace("<number>", "1")
            .replace("<path>", if path.contains("/redaction/") { "identite" } else { "none.css" })
    }
}

impl Things {
    /// A body that the route reads, so that it is the policy that answers.
    fn body(&self, route: &str) -> Value {
        match route.trim_start_matches("/api/v1") {
            "/calls/<code>/assignments" => json!({ "seat": self.seat, "add": [self.dossier] }),
            "/calls/<code>/questions" => json!({ "text": "Peut-on candidater à deux ?" }),
            "/questions/<id>/answer" => json!({ "answer": "Oui." }),
            "/dossiers/<id>/uploads" => json!({ "slot": "P02", "name": "a.pdf", "size": 5 }),
            "/calls/<code>/dossiers" => json!({ "organisation_id": self.organisation, "lot": "ALI-02" }),
            "/calls/<code>/seats" => json!({
                "name": "Juré", "email": "invitee@demonstration.example", "college": "experts", "voice": "consultative",
            }),
            "/calls/<code>/seats/<seat>/recusals" => json!({ "lot": "ALI-22", "reason": "other", "comment": "x" }),
            "/calls/<code>/officers" => json!({ "name": "Collègue", "email": "x", "role": "reader" }),
            "/calls/<code>/officers/<member>" => json!({ "role": "reader" }),
            "/officers" => json!({ "name": "Agente", "email": "x" }),
            "/calls/<code>/corrections" => json!({ "notice": "Avis" }),
            // A call never goes back: whoever may take steps is told so.
            "/calls/<code>/state" => json!({ "state": "draft" }),
            "/dossiers/<id>/admissibility" => json!({ "admissible": true }),
            "/dossiers/<id>/answers" => json!({ "2.01": "Référente" }),
            "/organisations/<id>/members" => json!({ "name": "Membre", "email": "membre@demonstration.example" }),
            "/calls/<code>/letters" => json!({ "kind": "admissible", "dossiers": [self.dossier] }),
            "/calls/<code>/signatories" => json!({
                "first_name": "Prénom", "last_name": "Nom", "quality": "directeur", "delegation": "arrêté n° 1",
            }),
            "/dossiers/<id>/electronic-notification" => json!({ "accepted": true }),
            "/dossiers/<id>/decision" => json!({ "decision": "refused", "reason": "x" }),
            "/organisations" => organisation(&self.newcomers[0]),
            "/organisations/<id>" => json!({ "name": "x", "siret": "x", "legal_form": "x" }),
            "/me" => json!({ "name": "Nouveau nom" }),
            "/sheets/<id>" => self.sheet_changes.clone(),
            "/sheets/<id>/reopen" => json!({ "reason": "À revoir." }),
            _ => json!({}),
        }
    }

    /// The same, of a page's form.
    fn form(&self, route: &str) -> String {
        let newcomer = &self.newcomers[1];
        match route {
            "/appels/<code>/question" => "text=Peut-on+candidater+%C3%A0+deux+%3F".into(),
            "/appels/<code>/candidater" => format!("organisation={}&lot=ALI-03", self.organisation),
            "/compte/nom" => "name=Encore+un+nom".into(),
            "/connexion" => "email=personne%40demonstration.example&password=non".into(),
            "/dossiers/<id>/sections/<code>" => "revision=*&f.2.01=Direction".into(),
            "/fiches/<id>" => "revision=0&mark.A1=2".into(),
            "/gestion/<code>/affectations" => format!("seat={}&page=1", self.seat),
            "/gestion/<code>/etape" => "state=draft&reason=".into(),
            "/gestion/<code>/jury" => {
                "name=Jur%C3%A9&email=invite%40demonstration.example&college=experts&voice=consultative".into()
            }
            "/gestion/<code>/jury/deports" => format!("seat={}&lot=ALI-21&reason=other&comment=x", self.seat),
            path if path.starts_with("/gestion/<code>/redaction/") => "revision=0".into(),
            "/gestion/dossiers/<id>/decision" => "revision=0&decision=refused&reason=x&amount=&override=".into(),
            "/fiches/<id>/verrouiller" | "/gestion/dossiers/<id>/decision/confirmation" => "revision=1".into(),
            "/gestion/dossiers/<id>/recevabilite" => "finding=admissible".into(),
            "/jury/<code>/declaration" => "confirm=on".into(),
            "/jury/<code>/fiches" => format!("sheet={}&reason=%C3%80+revoir.", self.sheet),
            "/structures/<id>/membres" => "name=Membre&email=autre%40demonstration.example".into(),
            "/structures/<id>/membres/retirer" => "member=01890000-0000-7000-8000-000000000000".into(),
            "/structures/demande" => format!("siret={}", self.newcomers[0].siret),
            "/structures/nouvelle" => {
                format!("name=Nouvelle&siret={}&legal_form={}", newcomer.siret, newcomer.legal_form)
            }
            _ => String::new(),
        }
    }
}

fn organisation(of: &Applicant) -> Value {
    json!({ "name": of.name, "siret": of.siret, "rna": of.rna, "legal_form": of.legal_form })
}

/// Phases of a call once it is published, in order.
const PHASES: [&str; 9] =
    ["open", "closed", "admissibility", "marking", "hearings", "plenary", "deliberation", "notified", "archived"];
const JURORS: [&str; 3] = ["juror", "recused", "unassigned"];

struct Scene {
    people: Vec<(&'static str, Option<Person>)>,
    seats: Vec<String>,
    things: Things,
}

impl Scene {
    fn person(&self, name: &str) -> &Person {
        self.people.iter().find(|(n, _)| *n == name).unwrap().1.as_ref().unwrap()
    }
}

/// A call on its last morning: one filed dossier, three seats that have not declared anything, a stranger's account.
async fn open(world: &World) -> Scene {
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
    let (mut jurors, mut seats) = (Vec::new(), Vec::new());
    for name in JURORS {
        let person = world.person(name, false).await;
        let invitation = json!({
            "name": name, "email": format!("{name}@demonstration.example"), "college": "experts", "voice": "deliberative",
        });
        let made = world.post(&officer, "/calls/AMI-ALI-2027/seats", invitation).await.ok();
        seats.push(made["id"].as_str().unwrap().to_owned());
        jurors.push((name, Some(person)));
    }
    let stranger = world.person("stranger", false).await;
    // A demonstration shows what it sends; nothing else does.
    let mut app = world.app.clone();
    app.settings = std::sync::Arc::new(Settings { demonstration: false, ..(*app.settings).clone() });
    assert!(outbox::list_demonstration_mails(&app.now()).await.is_err());
    let nothing = NOBODY.to_owned();
    let marks: serde_json::Map<String, Value> =
        world.call.grid.criteria().map(|c| (c.code.clone(), json!(2))).collect();
    let all = demo_data::Accounts::all().applicants;
    let things = Things {
        dossier,
        piece,
        sheet: nothing.clone(),
        seat: seats[0].clone(),
        ranking: nothing,
        organisation,
        sheet_changes: json!({ "marks": marks, "comments": { "A1": COMMENT } }),
        newcomers: [all[2].clone(), all[3].clone()],
    };
    let mut people =
        vec![("anonymous", None), ("stranger", Some(stranger)), ("applicant", Some(applicant)), ("other", Some(other))];
    people.extend(jurors);
    people.push(("officer", Some(officer)));
    Scene { people, seats, things }
}

/// Moves the call on to its next phase, with what belongs there.
async fn enter(world: &World, scene: &mut Scene, phase: &str) {
    let officer = scene.person("officer").clone();
    let dossier = scene.things.dossier.clone();
    if phase == "closed" {
        return world.set_clock("2027-03-15T11:00:01Z");
    }
    if phase == "notified" {
        let decided = json!({ "decision": "refused", "reason": "Hors sujet." });
        world.put(&officer, &format!("/dossiers/{dossier}/decision"), decided).await.ok();
        assembly::notify(world, &officer, "1", &[&dossier]).await;
    }
    world.advance(&officer, phase).await;
    match phase {
        "admissibility" => {
            let path = format!("/dossiers/{dossier}/admissibility");
            assert_eq!(world.put(&officer, &path, json!({ "admissible": true })).await.status, 204);
            for (name, seat) in JURORS.into_iter().zip(&scene.seats) {
                let asked = json!({ "seat": seat, "add": if name == "unassigned" { vec![] } else { vec![&dossier] } });
                assert_eq!(world.post(&officer, "/calls/AMI-ALI-2027/assignments", asked).await.status, 204);
                let conflict = json!([{ "dossier": dossier, "reason": "member" }]);
                let conflicts = if name == "recused" { conflict } else { json!([]) };
                let declared = json!({ "conflicts": conflicts });
                let path = "/calls/AMI-ALI-2027/declaration";
                assert_eq!(world.post(scene.person(name), path, declared).await.status, 204);
            }
            let sheets = world.get(scene.person("juror"), "/jury/sheets").await.ok();
            sheets["items"][0]["id"].as_str().unwrap().clone_into(&mut scene.things.sheet);
        }
        "marking" | "hearings" => {
            let made = world.post(&officer, "/calls/AMI-ALI-2027/rankings", json!({})).await.ok();
            made["id"].as_str().unwrap().clone_into(&mut scene.things.ranking);
        }
        _ => {}
    }
}

/// The same, in marking.
async fn marking(world: &World) -> Scene {
    let mut scene = open(world).await;
    for phase in ["closed", "admissibility", "marking"] {
        enter(world, &mut scene, phase).await;
    }
    scene
}

/// Every route of ours.
fn all_routes(world: &World) -> Vec<(String, Method)> {
    let mut routes: Vec<(String, Method)> =
        world.client.rocket().routes().map(|r| (r.uri.to_string(), r.method)).collect();
    routes.sort_by(|a, b| (&a.0, a.1.as_str()).cmp(&(&b.0, b.1.as_str())));
    // Two handlers stand behind one address: the ranking, and the same with `.pdf`.
    let twice: Vec<(String, Method)> = routes
        .windows(2)
        .filter(|pair| pair[0] == pair[1])
        .map(|pair| {
            (format!("{}{}", pair[0].0, if pair[0].0.contains("rankings") { ".pdf" } else { ".toml" }), pair[0].1)
        })
        .collect();
    routes.dedup();
    for (path, method) in &mut routes {
        if *method == Method::Put && path == "/api/v1/calls/<code>" {
            path.push_str(".toml");
        }
    }
    routes.extend(twice);
    routes.sort_by(|a, b| (&a.0, a.1.as_str()).cmp(&(&b.0, b.1.as_str())));
    routes
}

/// Whether a route may answer otherwise in another phase.
fn knows_calls(route: &str) -> bool {
    let always = ["/espace", "/api/v1/calls", "/api/v1/dossiers", "/api/v1/jury/sheets", "/api/v1/me"];
    let own = ["/compte", "/connexion", "/demonstration", "/invitations", "/static", "/structures"];
    always.contains(&route) || route.contains('<') && !own.iter().any(|path| route.starts_with(path))
}

/// What everybody is answered on a route, in the order of the people.
async fn answers(world: &World, scene: &Scene, phase: &str, (route, method): &(String, Method)) -> Vec<String> {
    let path = scene.things.path(route);
    let mut answers = Vec::new();
    for (name, person) in &scene.people {
        if ends_something(route, *method) && *name != "anonymous" {
            answers.push("-".to_owned());
            continue;
        }
        let api = path.starts_with("/api");
        let body = if api { scene.things.body(route).to_string() } else { scene.things.form(route) };
        let got = world.send_with(person.as_ref(), *method, &path, Some(body.into_bytes()), &[("If-Match", "*")]).await;
        leaks(name, *method, route, phase, &got);
        answers.push(got.status.to_string());
    }
    answers
}

#[rocket::async_test]
async fn every_route_answers_every_role_as_the_table_says() {
    let mut world = World::new("sqlite").await;
    // Published so, a call has rankings while its jurors mark: every route has its thing early.
    world.call.rules.officers_see_marks_while_marking = true;
    let mut scene = open(&world).await;
    let routes = all_routes(&world);
    let mut found: Vec<Vec<(&str, Vec<String>)>> = vec![Vec::new(); routes.len()];
    for phase in PHASES {
        if phase != "open" {
            enter(&world, &mut scene, phase).await;
        }
        for (route, lines) in routes.iter().zip(&mut found) {
            if phase == "open" || knows_calls(&route.0) {
                let answers = answers(&world, &scene, phase, route).await;
                if lines.last().is_none_or(|(_, before)| *before != answers) {
                    lines.push((phase, answers));
                }
            }
        }
    }
    let table = table(&scene, &routes, &found);
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/routes.txt");
    if std::env::var_os("UPDATE_ROUTES").is_some() {
        std::fs::write(committed, &table).unwrap();
    }
    let expected = std::fs::read_to_string(committed).unwrap();
    assert_eq!(expected, table, "answers changed: look at every line, then commit with UPDATE_ROUTES=1");
    world.end().await;
}

/// A line for each phase from which on the answers are others; then the routes whose handlers have done nothing for anybody.
fn table(scene: &Scene, routes: &[(String, Method)], found: &[Vec<(&str, Vec<String>)>]) -> String {
    let names: Vec<&str> = scene.people.iter().map(|(n, _)| *n).collect();
    let mut table = format!("{:<7} {:<52} {:<13} {}\n", "", "", "", names.join(" "));
    let mut idle = String::new();
    for ((route, method), lines) in routes.iter().zip(found) {
        let (mut shown, mut done) = (format!("{:<7} {route:<52}", method.as_str()), ends_something(route, *method));
        for (phase, answers) in lines {
            let cells: Vec<String> =
                answers.iter().zip(&names).map(|(a, name)| format!("{a:>width$}", width = name.len())).collect();
            writeln!(table, "{shown} {phase:<13} {}", cells.join(" ")).unwrap();
            shown = " ".repeat(60);
            let acted = |a: &String| matches!(a.as_str(), "200" | "201" | "202" | "204" | "409" | "412");
            done |= answers.iter().any(acted) || answers[1..].iter().any(|a| a == "303");
        }
        if !done {
            writeln!(idle, "  {} {route}", method.as_str()).unwrap();
        }
    }
    table + "\nRefused or wrong for everybody here, tried where they are at home:\n" + &idle
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
        let Scene { people, things, .. } = marking(&world).await;
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

/// What the juror writes on the sheet.
const COMMENT: &str = "Commentaire planté";

/// What nobody may be told but who is meant to, whatever the table says.
fn leaks(who: &str, method: Method, route: &str, phase: &str, got: &Got) {
    let (status, body) = (got.status, got.text());
    let place = format!("{who} {method} {route}, {phase}");
    assert!(status < 500, "{place}: {status}");
    let insider = matches!(who, "applicant" | "juror" | "officer");
    let about_dossier =
        ["/dossiers/<id>", "/pieces/<piece>", "/sheets/<id>", "/fiches/<id>"].iter().any(|p| route.contains(p));
    if about_dossier && !insider {
        assert!(matches!(status, 401 | 403 | 404 | 303 | 422), "{place}: {status}");
        assert!(status != 403 || who == "anonymous", "learns that it exists: {place}");
    }
    let applicant = &demo_data::Accounts::all().applicants[0];
    let sealed = phase == "open";
    let (late, told) = (PHASES[5..].contains(&phase), ["notified", "archived"].contains(&phase));
    let candidates = route.contains("declaration");
    let ranked = late && (route.contains("rankings") || route.contains("classements"));
    for (word, may) in [
        ("Texte du jeu de démonstration", insider && !(sealed && who != "applicant")),
        ("FR7699999000930000000000190", who == "applicant" || who == "officer" && !sealed),
        ("P01 été.pdf", insider && !(sealed && who != "applicant")),
        (&applicant.siret, insider && !(sealed && who != "applicant")),
        (COMMENT, matches!(who, "juror" | "officer")),
        (
            &applicant.name,
            // Who may be told of laureates is told by then.
            told || insider && !(sealed && who != "applicant")
                || matches!(who, "recused" | "unassigned") && candidates
                || who == "unassigned" && ranked,
        ),
    ] {
        // Everybody's messages, as whoever tries a demonstration has no mailbox.
        assert!(may || route == "/demonstration/courriels" || !body.contains(word), "{word}: {place}");
    }
}
