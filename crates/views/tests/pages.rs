//! Every page is rendered from a sample of each situation that it shows, and read as a browser and a screen reader would.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod samples;

use std::collections::{BTreeMap, BTreeSet};

use ami_domain::call::{CallState, Phase};
use ami_domain::decision::{DecisionKind, Stale};
use ami_domain::deliberation::{DecisionStage, DeliberationStage};
use ami_domain::dossier::{DossierStateName, InadmissibleReason};
use ami_domain::jury::{College, RecusalReason, Voice};
use ami_domain::letter::{Channel, LetterKind, LetterStage};
use ami_views::Views;
use samples::samples;

const TEMPLATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../templates");

/// An opening tag: its name and attributes.
struct Tag {
    name: String,
    attributes: BTreeMap<String, String>,
}

/// The opening tags of a page. Enough of HTML for pages whose attributes are all quoted, as ours are.
fn tags(html: &str) -> Vec<Tag> {
    let mut found = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        if !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap();
        let name = rest[..length].to_owned();
        rest = &rest[length..];
        let mut attributes = BTreeMap::new();
        loop {
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix('>') {
                rest = after;
                break;
            }
            let length = rest.find(|c: char| c == '=' || c == '>' || c.is_whitespace()).unwrap();
            let key = rest[..length].to_owned();
            rest = &rest[length..];
            let value = if let Some(quoted) = rest.strip_prefix("=\"") {
                let (value, after) = quoted.split_once('"').unwrap();
                rest = after;
                value.to_owned()
            } else {
                assert!(!rest.starts_with('='), "unquoted attribute {key}");
                String::new()
            };
            assert!(attributes.insert(key.clone(), value).is_none(), "{name} has {key} twice");
        }
        found.push(Tag { name, attributes });
    }
    found
}

/// What would keep somebody from using the page.
fn faults(html: &str) -> Vec<String> {
    let tags = tags(html);
    let get = |tag: &Tag, key: &str| tag.attributes.get(key).cloned();
    let count = |name: &str| tags.iter().filter(|t| t.name == name).count();
    let mut faults = Vec::new();
    for once in ["h1", "title", "main"] {
        if count(once) != 1 {
            faults.push(format!("{} {once}", count(once)));
        }
    }
    let mut ids = BTreeSet::new();
    for id in tags.iter().filter_map(|t| get(t, "id")) {
        if !ids.insert(id.clone()) {
            faults.push(format!("id {id} twice"));
        }
    }
    let labelled: BTreeSet<String> = tags.iter().filter(|t| t.name == "label").filter_map(|t| get(t, "for")).collect();
    for tag in &tags {
        for key in tag.attributes.keys() {
            if key == "style" || key.starts_with("on") {
                faults.push(format!("{key} on {}: the content policy refuses it", tag.name));
            }
        }
        for key in ["for", "aria-describedby", "aria-labelledby", "form"] {
            let Some(value) = get(tag, key) else { continue };
            if value.is_empty() {
                faults.push(format!("empty {key}"));
            }
            for id in value.split_whitespace().filter(|id| !ids.contains(*id)) {
                faults.push(format!("{key} points at {id}, which is not there"));
            }
        }
        if let Some(id) = get(tag, "href").as_deref().and_then(|h| h.strip_prefix('#'))
            && !ids.contains(id)
        {
            faults.push(format!("link to #{id}, which is not there"));
        }
        let field = ["input", "select", "textarea"].contains(&tag.name.as_str());
        let kind = get(tag, "type").unwrap_or_default();
        if field && !["hidden", "radio"].contains(&kind.as_str()) {
            let named = tag.attributes.contains_key("aria-label")
                || tag.attributes.contains_key("aria-labelledby")
                || get(tag, "id").is_some_and(|id| labelled.contains(&id));
            if !named {
                faults.push(format!("{} {:?} has no label", tag.name, get(tag, "name")));
            }
        }
        if tag.name == "th" && !tag.attributes.contains_key("scope") {
            faults.push("a heading cell without scope".into());
        }
    }
    if html.contains("<script>") {
        faults.push("a script in the page".into());
    }
    faults
}

#[test]
fn every_sample_makes_a_page_that_holds_together() {
    let views = Views::new().unwrap();
    let mut wrong = Vec::new();
    for (page, situation, context) in samples().iter().filter(|(page, ..)| page != "mail") {
        match views.page(&format!("pages/{page}.html"), context) {
            Ok(html) => wrong.extend(faults(&html).into_iter().map(|f| format!("{page}.{situation}: {f}"))),
            Err(error) => wrong.push(format!("{page}.{situation}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_mail_is_written_from_a_sample() {
    let views = Views::new().unwrap();
    let mut written = BTreeSet::new();
    for (_, name, context) in samples().into_iter().filter(|(page, ..)| page == "mail") {
        let mail = views.mail(&name, &context).unwrap();
        assert!(!mail.subject.is_empty() && mail.body.starts_with(char::is_alphabetic), "{name}: {mail:?}");
        written.insert(name);
    }
    assert_eq!(written, names("emails"));
}

/// The names of the templates of a folder.
fn names(folder: &str) -> BTreeSet<String> {
    std::fs::read_dir(format!("{TEMPLATES}/{folder}"))
        .unwrap()
        .map(|e| e.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect()
}

#[test]
fn every_page_has_a_sample() {
    let shown: BTreeSet<String> = samples().into_iter().map(|(page, ..)| page).filter(|p| p != "mail").collect();
    assert_eq!(shown, names("pages"));
}

/// Templates put keys together from the domain's words: each word has its French.
#[test]
fn every_word_of_the_domain_has_its_french() {
    let words = |kind: &str, codes: &[&str]| -> Vec<String> {
        codes.iter().map(|code| format!("{kind}-{}", code.replace('_', "-"))).collect()
    };
    let mut keys = words("phase", &Phase::ALL.map(Phase::as_str));
    keys.extend(words("state", &DossierStateName::ALL.map(DossierStateName::as_str)));
    keys.extend(words("inadmissible", &InadmissibleReason::ALL.map(InadmissibleReason::as_str)));
    keys.extend(words("decision", &DecisionKind::ALL.iter().map(|k| k.as_str()).collect::<Vec<_>>()));
    keys.extend(words("stale", &Stale::ALL.iter().map(|s| s.as_str()).collect::<Vec<_>>()));
    keys.extend(words("deliberation", &DeliberationStage::ALL.iter().map(|s| s.as_str()).collect::<Vec<_>>()));
    keys.extend(words("stage", &DecisionStage::ALL.iter().map(|s| s.as_str()).collect::<Vec<_>>()));
    let letters: Vec<&str> = LetterKind::ALL.iter().map(|k| k.as_str()).collect();
    keys.extend(words("letter-kind", &letters));
    keys.extend(words("letter-title", &letters));
    keys.extend(words("letter-state", &LetterStage::ALL.iter().map(|s| s.as_str()).collect::<Vec<_>>()));
    keys.extend(words("channel", &Channel::ALL.iter().map(|c| c.as_str()).collect::<Vec<_>>()));
    keys.extend(words("college", &College::ALL.iter().map(|c| c.as_str()).collect::<Vec<_>>()));
    keys.extend(words("voice", &Voice::ALL.iter().map(|v| v.as_str()).collect::<Vec<_>>()));
    keys.extend(words("reason", &RecusalReason::ALL.iter().map(|r| r.as_str()).collect::<Vec<_>>()));
    let later: Vec<&str> = CallState::ALL.iter().skip(1).map(|s| s.as_str()).collect();
    keys.extend(words("step", &later));
    keys.extend(words("step-about", &later));
    keys.extend(words("cell", &["none", "assigned", "locked", "recused"]));
    keys.extend(words("sheet", &["draft", "locked", "reopened"]));
    keys.extend(words("field-hint", &["siret", "rna", "iban", "phone", "url", "email", "percentage"]));
    let args = [("number", "1".to_owned()), ("lot", "L".to_owned())];
    let lacking: Vec<String> = keys.into_iter().filter(|key| ami_views::message(key, &args).is_none()).collect();
    assert!(lacking.is_empty(), "{lacking:?}");
}

#[test]
fn what_people_type_is_escaped() {
    let views = Views::new().unwrap();
    let (_, _, mut context) = samples().into_iter().find(|(p, s, _)| p == "organisation" && s == "errors").unwrap();
    context["input"]["name"] = "\"><script>alert(1)</script>".into();
    let html = views.page("pages/organisation.html", &context).unwrap();
    assert!(!html.contains("<script>alert"), "{html}");
    assert_eq!(faults(&html), Vec::<String>::new());
}

#[test]
fn a_context_that_lacks_something_is_an_error() {
    let views = Views::new().unwrap();
    let (_, _, mut context) = samples().into_iter().find(|(p, ..)| p == "receipt").unwrap();
    context["receipt"].as_object_mut().unwrap().remove("siret");
    assert!(views.page("pages/receipt.html", &context).is_err());
}
