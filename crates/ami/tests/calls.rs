//! A call as its officers write it: begun, looked at, sent as a file, published, corrected; who may, and what everyone else reads; on
//! each database.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use ami_domain::call::{Class, Draft, visible};
use common::jury::{CALL, form, page};
use common::{Got, Person, World, databases};
use rocket::http::Method;
use serde_json::{Value, json};

const NEW: &str = "/calls/AMI-NEUF";

/// Somebody whom an administrator named, with a call of their own that is begun from a model.
async fn begun(world: &World, model: &str) -> (Person, Person) {
    let administrator = world.person("Administration", true).await;
    let officer = world.person("Agente", false).await;
    let body = json!({ "code": "AMI-NEUF", "from": model });
    assert_eq!(world.post(&officer, "/calls", body.clone()).await.status, 403);
    let named = json!({ "name": "Agente", "email": "agente@demonstration.example" });
    assert_eq!(world.post(&officer, "/officers", named.clone()).await.status, 403);
    world.post(&administrator, "/officers", named).await.ok();
    world.post(&officer, "/calls", body).await.ok();
    (administrator, officer)
}

/// What no model says.
const OWN: [&str; 6] =
    ["/authority/name", "/service/name", "/service/address", "/service/email", "/service/phone", "/rules/court"];

/// A file with what its model leaves to whoever calls.
fn completed(text: &str) -> String {
    let mut draft = Draft::from_toml(text).unwrap();
    for (pointer, value) in [
        ("/authority", json!({ "name": "Ville de Neuf", "siren": "229300082", "siret": "22930008200018" })),
        ("/service/name", json!("Service des appels")),
        ("/service/address", json!("1 place de la Mairie, 93000 Neuf")),
        ("/service/email", json!("appels@demonstration.example")),
        ("/service/phone", json!("01 99 00 93 00")),
        ("/rules/court", json!("tribunal administratif de Montreuil")),
    ] {
        assert!(draft.set(pointer, value));
    }
    draft.to_toml()
}

/// Two files are the same to the byte.
fn same(one: &str, other: &str) {
    let differs = one.lines().zip(other.lines()).find(|(one, other)| one != other);
    assert_eq!((differs, one.len()), (None, other.len()));
}

async fn toml(world: &World, who: &Person, path: &str) -> Got {
    world.send(Some(who), Method::Get, &format!("/api/v1{path}.toml"), None).await
}

async fn put(world: &World, who: &Person, path: &str, text: &str, if_match: Option<&str>) -> Got {
    let headers: Vec<(&str, &str)> = if_match.iter().map(|tag| ("If-Match", *tag)).collect();
    let path = format!("/api/v1{path}.toml");
    world.send_with(Some(who), Method::Put, &path, Some(text.as_bytes().to_vec()), &headers).await
}

/// Pointers and severities of what was found.
async fn check(world: &World, who: &Person, path: &str) -> Vec<(String, String)> {
    let found = world.get(who, &format!("{path}/check")).await.ok();
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    let problems = found["problems"].as_array().unwrap();
    assert!(problems.iter().all(|p| p["detail"].as_str().is_some_and(|d| d.len() > 5)), "{found}");
    problems.iter().map(|p| (text(&p["pointer"]), text(&p["severity"]))).collect()
}

#[rocket::async_test]
async fn a_call_is_begun_from_each_model_and_published_once_it_says_who_calls() {
    for database in databases() {
        for model in ["model:territories", "model:single", "model:projects"] {
            let world = World::new(database).await;
            let (administrator, officer) = begun(&world, model).await;
            // It is nobody else's, not even an administrator's.
            for other in [&administrator, &world.person("Autre", false).await] {
                assert_eq!(world.get(other, NEW).await.status, 404);
                assert_eq!(toml(&world, other, NEW).await.status, 404);
                assert_eq!(world.get(other, &format!("{NEW}/check")).await.status, 404);
            }
            let found = check(&world, &officer, NEW).await;
            let errors: Vec<&str> = found.iter().filter(|(_, s)| s == "error").map(|(at, _)| at.as_str()).collect();
            assert_eq!(errors, OWN, "{model}");
            let refused = world.post(&officer, &format!("{NEW}/publication"), json!({})).await;
            assert_eq!(refused.problem(), (409, "check".into()));
            let text = completed(&toml(&world, &officer, NEW).await.text());
            put(&world, &officer, NEW, &text, None).await.ok();
            let send = async |tag: &str| {
                let path = format!("/api/v1{NEW}/publication");
                world.send_with(Some(&officer), Method::Post, &path, Some(b"{}".to_vec()), &[("If-Match", tag)]).await
            };
            // Not what somebody else has changed since.
            assert_eq!(send("\"0\"").await.status, 412, "{model}");
            send("\"1\"").await.ok();
            let public = world.send(None, Method::Get, &format!("/api/v1{NEW}"), None).await.ok();
            assert_eq!((&public["code"], &public["version"]), (&json!("AMI-NEUF"), &json!(1)));
            assert_eq!(public["phase"], "upcoming");
            // From here on the calendar decides.
            world.set_clock(public["calendar"]["opens"].as_str().unwrap());
            let officer = world.sign_in_again("Agente").await;
            let (applicant, organisation, _) = world.applicant(1).await;
            assert_eq!(world.get(&applicant, NEW).await.ok()["phase"], "open");
            let lot = public["lots"][0]["code"].clone();
            let dossier = json!({ "organisation_id": organisation, "lot": lot });
            world.post(&applicant, &format!("{NEW}/dossiers"), dossier).await.ok();
            let html = page(&world, &officer, "/appels/AMI-NEUF").await.text();
            assert!(html.contains("reglement.toml"), "{html}");
            world.end().await;
        }
    }
}

#[rocket::async_test]
async fn what_is_wrong_keeps_a_call_from_being_published_and_is_named() {
    for database in databases() {
        let world = World::new(database).await;
        let (_, officer) = begun(&world, "model:territories").await;
        let got = toml(&world, &officer, NEW).await;
        let tag = put(&world, &officer, NEW, &completed(&got.text()), got.etag.as_deref()).await.etag.unwrap();
        let text = toml(&world, &officer, NEW).await.text();
        let broken = text.replacen("phone = \"01 99 00 93 00\"", "phone = \"\"", 1).replacen(
            "\"1.02\", values",
            "\"9.99\", values",
            1,
        );
        assert_ne!(broken, text);
        let saved = put(&world, &officer, NEW, &broken, Some(&tag)).await;
        let again = saved.etag.clone().unwrap();
        saved.ok();
        assert_eq!(put(&world, &officer, NEW, &text, Some(&tag)).await.status, 412);
        let found = check(&world, &officer, NEW).await;
        let error = |at: &str| found.contains(&(at.to_owned(), "error".to_owned()));
        assert!(error("/service/phone") && found.iter().any(|(at, _)| at.ends_with("/shown_when")), "{found:?}");
        for (path, body) in [("publication", json!({})), ("state", json!({ "state": "published" }))] {
            let refused = world.post(&officer, &format!("{NEW}/{path}"), body).await;
            assert_eq!(refused.problem(), (409, "check".into()), "{}", refused.text());
            let errors = refused.json()["errors"].clone();
            assert!(errors.as_array().unwrap().iter().any(|e| e["pointer"] == "/service/phone"), "{errors}");
        }
        // The page names it too, with a link to where it is mended.
        let html = page(&world, &officer, "/gestion/AMI-NEUF/redaction").await.text();
        assert!(
            html.contains("/gestion/AMI-NEUF/redaction/identite") && !html.contains("redaction/publication"),
            "{html}"
        );

        let refused = put(&world, &officer, NEW, "code = \"A\"\ntitle = ", None).await;
        assert_eq!(refused.json()["errors"][0]["code"], "toml");
        assert_eq!(put(&world, &officer, NEW, &text, Some(&again)).await.status, 200);
        world.post(&officer, &format!("{NEW}/publication"), json!({})).await.ok();
        // What is published is as it was written, and is replaced no more.
        same(&toml(&world, &officer, NEW).await.text(), &text);
        assert_eq!(put(&world, &officer, NEW, &text, None).await.problem(), (409, "call-published".into()));
        world.end().await;
    }
}

#[rocket::async_test]
async fn codes_and_prefixes_are_nobody_elses() {
    for database in databases() {
        let world = World::new(database).await;
        let (_, officer) = begun(&world, "model:single").await;
        let post = async |body: Value| world.post(&officer, "/calls", body).await;
        let new = json!({ "code": "AMI-NEUF", "number_prefix": "AUTRE", "from": "AMI-NEUF" });
        assert_eq!(post(new).await.problem(), (409, "call-exists".into()));
        let prefix = toml(&world, &officer, NEW).await.text();
        let prefix = Draft::from_toml(&prefix).unwrap().text("/number_prefix").to_owned();
        let new = json!({ "code": "AMI-COPIE", "number_prefix": prefix, "from": "AMI-NEUF" });
        assert_eq!(post(new).await.problem(), (409, "prefix-exists".into()));
        // A prefix that is not said is a free one.
        for code in ["AMINEUF", "AMI-NEU-F"] {
            post(json!({ "code": code, "from": "AMI-NEUF" })).await.ok();
        }
        for (from, code) in [("model:none", "AMI-B"), ("AMI-ALI-2027", "AMI-B"), ("model:single", "ami b")] {
            assert_eq!(post(json!({ "code": code, "from": from })).await.status, 422, "{from} {code}");
        }
        world.end().await;
    }
}

/// The long texts of a definition that are not among those that everyone reads.
fn texts(whole: &Value, public: &Value, found: &mut Vec<String>) {
    match (whole, public) {
        (Value::Object(map), _) => map.iter().for_each(|(k, v)| texts(v, &public[k.as_str()], found)),
        (Value::Array(items), _) => items.iter().enumerate().for_each(|(i, v)| texts(v, &public[i], found)),
        // A page writes apostrophes and quotes as it does: what stands between them is looked for.
        (Value::String(text), Value::Null) => {
            found.extend(text.split(['\'', '"', '<', '>', '&', '{', '}']).filter(|t| t.len() > 30).map(str::to_owned));
        }
        _ => {}
    }
}

#[rocket::async_test]
async fn everyone_reads_what_the_rules_print_and_officers_the_whole() {
    for database in databases() {
        let world = World::new(database).await;
        let officer = world.published().await;
        let stranger = world.person("Passante", false).await;
        let whole = serde_json::to_value(&world.call).unwrap();
        let public = visible(&whole, Class::Public);
        let path = format!("/api/v1{CALL}");
        for who in [None, Some(&stranger)] {
            let mut seen = world.send(who, Method::Get, &path, None).await.ok();
            for name in ["phase", "version", "now"] {
                seen.as_object_mut().unwrap().remove(name);
            }
            assert_eq!(seen, public);
            let text = world.send(who, Method::Get, &format!("{path}.toml"), None).await.text();
            assert!(!text.contains("refused_rank") && text.contains("[service]"), "{text}");
        }
        assert_eq!(world.get(&officer, CALL).await.ok()["texts"], whole["texts"]);
        // The file and its hash on the page are one.
        let file = page(&world, &stranger, "/appels/AMI-ALI-2027/reglement.toml").await.text();
        let html = page(&world, &officer, "/appels/AMI-ALI-2027").await.text();
        assert!(html.contains(&ami_domain::deposit::sha256_hex(file.as_bytes())), "{html}");
        assert_eq!(Draft::from_toml(&file).unwrap().get("/texts/refused_rank"), None);
        // Nothing that only officers and jurors read stands on the page, to whomever it is shown.
        let mut kept = Vec::new();
        texts(&whole, &public, &mut kept);
        assert!(kept.len() > 10, "{kept:?}");
        let visitor = world.send(None, Method::Get, "/appels/AMI-ALI-2027", None).await.text();
        for html in [&html, &visitor] {
            let shown: Vec<_> = kept.iter().filter(|text| html.contains(text.as_str())).collect();
            assert!(shown.is_empty(), "{shown:?}");
        }
        world.end().await;
    }
}

#[rocket::async_test]
async fn a_correction_is_a_version_that_everyone_concerned_is_told_of() {
    for database in databases() {
        let world = World::new(database).await;
        world.set_clock("2027-03-10T09:00:00Z");
        let officer = world.published().await;
        let again = async |name: &str| world.sign_in_again(name).await;
        let (filed, filed_org, first) = world.applicant(1).await;
        let id = world.complete_draft(&filed, &filed_org, &first, "ALI-01").await;
        world.post(&filed, &format!("/dossiers/{id}/deposit"), json!({})).await.ok();
        let (drafting, draft_org, second) = world.applicant(2).await;
        let draft = world.complete_draft(&drafting, &draft_org, &second, "ALI-02").await;
        world.deliver().await;

        let text = toml(&world, &officer, CALL).await.text();
        let put_off =
            text.replacen("closes = \"2027-03-15T12:00:00+01:00\"", "closes = \"2027-03-22T12:00:00+01:00\"", 1);
        let correct = async |toml: &str, notice: &str| {
            world.post(&officer, &format!("{CALL}/corrections"), json!({ "notice": notice, "toml": toml })).await
        };
        assert_eq!(correct(&put_off, " ").await.status, 422);
        assert_eq!(correct(&text, "Rien").await.problem(), (409, "no-correction".into()));
        let pointers = |got: &Got| {
            got.json()["errors"].as_array().unwrap().iter().map(|e| e["pointer"].clone()).collect::<Vec<_>>()
        };
        let earlier = text.replacen("closes = \"2027-03-15T12", "closes = \"2027-03-14T12", 1);
        assert_eq!(pointers(&correct(&earlier, "Avant").await), ["/calendar/closes"]);
        let renamed = text.replacen("number_prefix = \"ALI27\"", "number_prefix = \"ALI99\"", 1);
        assert_eq!(pointers(&correct(&renamed, "Autre").await), ["/number_prefix"]);
        // Somebody else writes nothing.
        assert_eq!(world.post(&filed, &format!("{CALL}/corrections"), json!({ "notice": "x" })).await.status, 403);

        // A question less wide, and closing put off: the draft's answer that no longer fits is shown, the others stay.
        let at = put_off.find("code = \"3.05\"").unwrap();
        let (before, after) = put_off.split_at(at);
        let narrower = format!("{before}{}", after.replacen("max = 120", "max = 5", 1));
        let done = correct(&narrower, "La clôture est reportée ; l'intitulé a cinq caractères.").await.ok();
        assert_eq!(
            (&done["version"], &done["file_again"], &done["told"]),
            (&json!(2), &json!(true), &json!(2)),
            "{done}"
        );
        assert_eq!(done["parts"], json!(["calendar", "form"]));
        let view = world.get(&drafting, &format!("/dossiers/{draft}")).await.ok();
        assert_eq!((&view["call_version"], view["invalid"]["3.05"].is_object()), (&json!(2), true));
        assert!(view["answers"]["1.09"].is_string());
        // What was filed is read as it was filed.
        let view = world.get(&filed, &format!("/dossiers/{id}")).await.ok();
        assert_eq!((&view["call_version"], view["invalid"].as_object().unwrap().len()), (&json!(1), 0));
        let sent = world.deliver().await;
        let told: Vec<_> = sent.iter().filter(|m| m.subject.starts_with("Correction")).collect();
        assert_eq!(told.len(), 2);
        let to =
            |n: usize| told.iter().find(|m| m.recipient.starts_with(&format!("applicant-{n}"))).unwrap().body.clone();
        assert!(
            to(1).contains("déposez-le de nouveau") && to(2).contains("en brouillon") && to(2).contains("reportée"),
            "{}",
            to(1)
        );
        let html = page(&world, &filed, "/appels/AMI-ALI-2027").await.text();
        assert!(html.contains("Version 2") && html.contains("cinq caractères"), "{html}");

        // It may be filed after the first closing, and weights change no more after the last.
        world.set_clock("2027-03-22T11:00:01Z");
        let officer = again("Officer").await;
        let correct = async |toml: &str, notice: &str| {
            world.post(&officer, &format!("{CALL}/corrections"), json!({ "notice": notice, "toml": toml })).await
        };
        let text = toml(&world, &officer, CALL).await.text();
        let weighed = text.replacen("weight = 6", "weight = 7", 1);
        assert_eq!(pointers(&correct(&weighed, "Poids").await), ["/grid"]);
        let court = text.replacen("phone = \"01 99 00 93 00\"", "phone = \"01 99 00 93 01\"", 1);
        assert_eq!(correct(&court, "Téléphone").await.ok()["version"], 3);
        world.end().await;
    }
}

#[rocket::async_test]
async fn a_call_has_owners_editors_and_readers_and_keeps_an_owner() {
    for database in databases() {
        let world = World::new(database).await;
        let owner = world.published().await;
        let people = [("Editrice", "editor"), ("Lecteur", "reader")];
        let mut team = Vec::new();
        for (name, role) in people {
            let person = world.person(name, false).await;
            let email = format!("{}@demonstration.example", name.to_lowercase());
            let invited = json!({ "name": name, "email": email, "role": role });
            world.post(&owner, &format!("{CALL}/officers"), invited.clone()).await.ok();
            assert_eq!(world.post(&owner, &format!("{CALL}/officers"), invited).await.status, 409);
            // Nobody runs a call before they accept.
            assert_eq!(world.get(&person, &format!("{CALL}/counts")).await.status, 403);
            let open = world.get(&person, "/me/call-invitations").await.ok();
            assert!(page(&world, &person, "/espace").await.text().contains("invitations-appels"));
            let id = open["items"][0]["id"].as_str().unwrap().to_owned();
            assert_eq!(world.post(&owner, &format!("/call-invitations/{id}/acceptance"), json!({})).await.status, 404);
            assert_eq!(world.post(&person, &format!("/call-invitations/{id}/acceptance"), json!({})).await.status, 204);
            assert_eq!(world.get(&person, &format!("{CALL}/counts")).await.status, 200);
            team.push(person);
        }
        let [editor, reader] = &team[..] else { unreachable!("two people") };
        world.set_clock("2027-03-15T11:00:01Z");
        // Two months later everyone signs in again.
        let again = async |name: &str, who: &Person| Person { account: who.account, ..world.sign_in_again(name).await };
        let owner = again("Officer", &owner).await;
        let (editor, reader) = (&again("Editrice", editor).await, &again("Lecteur", reader).await);
        let step = json!({ "state": "admissibility", "reason": "x" });
        assert_eq!(world.post(reader, &format!("{CALL}/state"), step.clone()).await.status, 403);
        world.post(editor, &format!("{CALL}/state"), step).await.ok();
        for (person, export, write) in [(editor, 200, 409), (reader, 403, 403)] {
            assert_eq!(world.get(person, &format!("{CALL}/dossiers")).await.status, 200);
            assert_eq!(world.get(person, &format!("{CALL}/decisions.csv")).await.status, export);
            assert_eq!(world.get(person, &format!("{CALL}/check")).await.status, 200);
            assert_eq!(put(&world, person, CALL, "", None).await.status, write);
            let more = json!({ "name": "Tiers", "email": "tiers@demonstration.example", "role": "reader" });
            assert_eq!(world.post(person, &format!("{CALL}/officers"), more).await.status, 403);
        }
        let of = |person: &Person| format!("{CALL}/officers/{}", person.account);
        let role = async |who: &Person, whom: &Person, role: &str| {
            world.patch(who, &of(whom), None, json!({ "role": role })).await
        };
        let leave =
            async |who: &Person| world.send(Some(who), Method::Delete, &format!("/api/v1{}", of(who)), None).await;
        assert_eq!(leave(&owner).await.problem(), (409, "last-owner".into()));
        assert_eq!(role(&owner, &owner, "reader").await.problem(), (409, "last-owner".into()));
        assert_eq!(role(editor, reader, "owner").await.status, 403);
        assert_eq!(role(&owner, editor, "owner").await.status, 204);
        assert_eq!(leave(&owner).await.status, 204);
        // They were an administrator besides, and that opens nothing.
        assert_eq!(world.get(&owner, &format!("{CALL}/counts")).await.status, 403);
        assert_eq!(leave(reader).await.status, 204);
        assert_eq!(leave(editor).await.status, 409);
        world.end().await;
    }
}

#[rocket::async_test]
async fn a_call_is_written_on_pages_without_scripts() {
    for database in databases() {
        let world = World::new(database).await;
        let (_, officer) = begun(&world, "model:single").await;
        let made = form(&world, &officer, "/gestion", "code=AMI-PAGES&number_prefix=PAGES&from=AMI-NEUF").await;
        assert_eq!(made.status, 303, "{}", made.text());
        let typed = form(&world, &officer, "/gestion", "code=ami&number_prefix=PAGES2&from=model:single").await;
        assert!(typed.status == 422 && typed.text().contains("value=\"PAGES2\""), "{}", typed.text());
        let at = "/gestion/AMI-PAGES/redaction";
        for part in ["identite", "calendrier", "regles", "lots", "formulaire", "pieces", "grille", "textes", "apercu"] {
            let got = page(&world, &officer, &format!("{at}/{part}")).await;
            assert_eq!(got.status, 200, "{part}: {}", got.text());
        }
        assert_eq!(page(&world, &officer, &format!("{at}/rien")).await.status, 404);
        let revision = async || {
            let html = page(&world, &officer, at).await.text();
            html.split_once("name=\"revision\" value=\"").unwrap().1.split('"').next().unwrap().to_owned()
        };
        let post = async |part: &str, body: &str| {
            let body = format!("revision={}&{body}", revision().await);
            form(&world, &officer, &format!("{at}/{part}"), &body).await.status
        };
        let draft = async || Draft::from_toml(&toml(&world, &officer, "/calls/AMI-PAGES").await.text()).unwrap();

        assert_eq!(post("identite", "%2Ftitle=Un+nouveau+titre&%2Fenvelope_cents=12+000%2C50").await, 303);
        let now = draft().await;
        assert_eq!((now.text("/title"), now.get("/envelope_cents")), ("Un nouveau titre", Some(&json!(1_200_050))));
        // What is no number is kept as it was typed, and named.
        assert_eq!(post("identite", "%2Fenvelope_cents=beaucoup").await, 303);
        let html = page(&world, &officer, &format!("{at}/identite")).await.text();
        assert!(html.contains("value=\"beaucoup\"") && html.contains("aria-invalid"), "{html}");
        assert_eq!(post("identite", "%2Fenvelope_cents=0").await, 303);
        // Two people at once: the second one reads again first.
        let stale = "revision=0&%2Ftitle=x";
        assert_eq!(form(&world, &officer, &format!("{at}/identite"), stale).await.status, 412);

        let csv = "code;nom;EPT;places;plafond;communes%0AL1;Nord;T6;100;1+000;93066+Saint-Denis|93059+Pierrefitte%0AL2;Sud;;50;;";
        assert_eq!(post("lots", &format!("faire=csv&csv={csv}")).await, 303);
        let lots = draft().await.get("/lots").unwrap().clone();
        assert_eq!((&lots[0]["ceiling_cents"], &lots[0]["communes"][1]["code"]), (&json!(100_000), &json!("93059")));
        assert_eq!((&lots[1]["capacity"], &lots[1]["communes"]), (&json!(50), &json!([])));
        assert_eq!(post("lots", "faire=csv&csv=L1;Nord;T6;beaucoup;x").await, 422);
        assert_eq!(post("lots", "faire=monter+/lots/1").await, 303);
        assert_eq!(post("lots", "faire=copier+/lots/0").await, 303);
        assert_eq!(post("lots", "faire=retirer+/lots/2").await, 303);
        let codes: Vec<Value> =
            draft().await.get("/lots").unwrap().as_array().unwrap().iter().map(|l| l["code"].clone()).collect();
        assert_eq!(codes, ["L2", "L2b"]);

        // A question is added, and asked for when another one is answered so.
        let list = "/form/sections/0/fields";
        assert_eq!(post("formulaire", &format!("type~{list}=yes_no&faire=ajouter+{list}")).await, 303);
        let place = draft().await.get(list).unwrap().as_array().unwrap().len() - 1;
        let item = format!("{list}/{place}");
        let body = format!(
            "{item}/code=1.99&{item}/label=Une+question&{item}/required=one_of&{item}/required~question=1.02&{item}/required~valeurs=scic,+scop"
        );
        assert_eq!(post(&format!("formulaire?objet={item}"), &body).await, 303);
        let made = draft().await.get(&item).unwrap().clone();
        assert_eq!(made["required"], json!({ "when": { "one_of": { "field": "1.02", "values": ["scic", "scop"] } } }));
        assert!(page(&world, &officer, &format!("{at}/apercu")).await.text().contains("Une question"));

        // A question is shown by an answer that comes before it, and always again.
        let body = format!("{item}/shown_when=yes&{item}/shown_when~question=1.02");
        assert_eq!(post(&format!("formulaire?objet={item}"), &body).await, 303);
        assert_eq!(draft().await.get(&format!("{item}/shown_when")), Some(&json!({ "yes": "1.02" })));
        let found = check(&world, &officer, "/calls/AMI-PAGES").await;
        assert!(found.contains(&(format!("{item}/shown_when"), "error".into())), "{found:?}");
        assert_eq!(post(&format!("formulaire?objet={item}"), &format!("{item}/shown_when=always")).await, 303);
        assert_eq!(draft().await.get(&format!("{item}/shown_when")), None);

        let own = "%2Fauthority%2Fname=Ville&%2Fservice%2Fname=Service&%2Fservice%2Faddress=1+place&%2Fservice%2Femail=a%40demonstration.example&%2Fservice%2Fphone=01";
        assert_eq!(post("identite", own).await, 303);
        assert_eq!(post("regles", "%2Frules%2Fcourt=tribunal").await, 303);
        assert_eq!(post("grille", "/grid/groups/0/criteria/0/weight=25").await, 303);
        let html = page(&world, &officer, &format!("{at}/grille")).await.text();
        assert!(html.contains("Somme des poids"), "{html}");
        assert_eq!(form(&world, &officer, &format!("{at}/publication"), "revision=0").await.status, 412);
        assert_eq!(post("publication", "").await, 303);

        // A correction is prepared on the same pages, and changes nothing before it is published.
        assert_eq!(post("identite", "%2Ftitle=Titre+corrig%C3%A9").await, 303);
        let public = world.get(&officer, "/calls/AMI-PAGES").await.ok();
        assert_eq!(public["title"], "Un nouveau titre");
        assert_eq!(post("correction", "notice=").await, 422);
        assert_eq!(post("correction", "notice=Le+titre+change.").await, 303);
        assert_eq!(world.get(&officer, "/calls/AMI-PAGES").await.ok()["title"], "Titre corrigé");
        world.end().await;
    }
}

/// Runs the program on an installation's folder: what it printed, and whether it succeeded.
fn ami(world: &World, arguments: &[&str]) -> (bool, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_ami"));
    let output = command.args(arguments).env("AMI_DATA", world.folder.path()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout) + &text(output.stderr))
}

#[rocket::async_test]
async fn a_call_goes_to_a_file_and_comes_back_byte_for_byte() {
    let world = World::new("sqlite").await;
    let (_, officer) = begun(&world, "model:projects").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("appel.toml");
    let path = file.to_str().unwrap();

    let (done, exported) = ami(&world, &["call", "export", "AMI-NEUF"]);
    assert!(done && exported == toml(&world, &officer, NEW).await.text(), "{exported}");
    let whole = completed(&exported);
    std::fs::write(&file, &whole).unwrap();
    let (done, said) = ami(&world, &["call", "check", "AMI-NEUF"]);
    assert!(!done && said.contains("/service/phone") && said.contains("à corriger"), "{said}");
    assert!(ami(&world, &["call", "check", "--file", path]).0);
    let (done, said) = ami(&world, &["call", "diff", "AMI-NEUF", path]);
    assert!(done && said.contains("- phone = \"\"\n") && said.contains("+ phone = \"01 99 00 93 00\"\n"), "{said}");
    let (done, said) = ami(&world, &["call", "import", "AMI-NEUF", path]);
    assert!(done && said.contains("Rien n’empêche"), "{said}");
    assert_eq!(ami(&world, &["call", "diff", "AMI-NEUF", path]), (true, String::new()));
    same(&ami(&world, &["call", "export", "AMI-NEUF"]).1, &whole);

    // What is no file of a call is said with its line; what is published is replaced no more.
    world.post(&officer, &format!("{NEW}/publication"), json!({})).await.ok();
    assert!(!ami(&world, &["call", "import", "AMI-NEUF", path]).0);
    same(&ami(&world, &["call", "export", "AMI-NEUF"]).1, &whole);
    std::fs::write(&file, "code = \"A\"\ntitle = ").unwrap();
    let (done, said) = ami(&world, &["call", "import", "AMI-NEUF", path]);
    assert!(!done && said.contains("ligne 2"), "{said}");

    let add = ["officer", "add", "--email", "nouvelle@demonstration.example", "--name", "Nouvelle Agente"];
    assert!(ami(&world, &add).0);
    assert!(world.deliver().await.iter().any(|mail| mail.recipient == "nouvelle@demonstration.example"));
    world.end().await;
}
