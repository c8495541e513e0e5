//! Pages, e-mails and sentences: minijinja templates and Fluent messages, embedded.
//!
//! Knows no HTTP and no database. To add a page: write `templates/pages/NAME.html` that extends `layout.html`, put a context for
//! each situation that it shows under `crates/views/samples/NAME.SITUATION.json`, render it with [`Views::page`]. A variable that
//! the context lacks is an error, in production too; a message that no locale has is one at start. The tests render every sample
//! and look for what would hurt a reader: an anchor without a target, a field without a label, a script in the page.
//! `cargo run -p ami-views --example samples -- FOLDER` writes them as files to look at.
//! To add a sentence that several pages or other crates say: `templates/locales/fr/*.ftl`.

mod assets;
mod format;
mod typeset;

use std::borrow::Cow;
use std::collections::HashMap;

use fluent_templates::fluent_bundle::FluentValue;
use fluent_templates::{LanguageIdentifier, Loader as _, langid, static_loader};
use minijinja::value::{Kwargs, Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;
use thiserror::Error;

pub use assets::{Asset, asset, assets};
pub use format::{civil, date, date_time, fixed, hour, iban, integer, money, percent, siret, size};

static_loader! {
    static LOCALES = {
        locales: "../../templates/locales",
        fallback_language: "fr",
        // Marks around variables that no reader needs in one language only.
        customise: |bundle| bundle.set_use_isolating(false),
    };
}

const FRENCH: LanguageIdentifier = langid!("fr");

/// Why a page was not rendered.
#[derive(Debug, Error)]
pub enum ViewError {
    /// A template is wrong or its context lacks something.
    #[error("template: {0:#}")]
    Template(#[from] minijinja::Error),
    /// A template asks for a message that no locale has.
    #[error("template {template}: no message `{key}`")]
    Message {
        /// The template.
        template: String,
        /// What it asks for.
        key: String,
    },
    /// An e-mail template has no subject line.
    #[error("e-mail {0}: the first line is `Objet : …`")]
    Subject(String),
}

/// The sentence under a key, or `None`.
pub fn message(key: &str, args: &[(&'static str, String)]) -> Option<String> {
    let args: HashMap<Cow<'static, str>, FluentValue<'_>> =
        args.iter().map(|(name, value)| (Cow::Borrowed(*name), FluentValue::from(value.as_str()))).collect();
    LOCALES.try_lookup_with_args(&FRENCH, key, &args)
}

/// A code of some kind in words, such as `decision` and `without_outcome`; the code itself where no locale has a word for it.
pub fn word(kind: &str, code: &str) -> String {
    message(&format!("{kind}-{}", code.replace('_', "-")), &[]).unwrap_or_else(|| code.to_owned())
}

/// Every template, checked.
#[derive(Debug)]
pub struct Views {
    environment: Environment<'static>,
}

/// The middle of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Middle {
    /// Its title, as HTML.
    pub title: String,
    /// What stands inside `<main>`, as HTML.
    pub body: String,
}

/// Where the middle of every page begins.
const MAIN: &str = "<main id=\"contenu\" class=\"wrap\">";

/// A written e-mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Its subject.
    pub subject: String,
    /// Plain text.
    pub body: String,
}

impl Views {
    /// Parses every template.
    ///
    /// # Errors
    /// [`ViewError::Template`] for the first one that is wrong.
    pub fn new() -> Result<Self, ViewError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment
            .set_syntax(minijinja::syntax::SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
        environment.set_auto_escape_callback(|name| match name.rsplit_once('.') {
            Some((_, "html")) => AutoEscape::Html,
            _ => AutoEscape::None,
        });
        environment.add_function("t", translate);
        environment.add_function("asset", |name: String| assets::url(&name));
        environment.add_filter("date", format::date_filter);
        environment.add_filter("datetime", format::date_time_filter);
        environment.add_filter("hour", format::hour_filter);
        environment.add_function("plural", format::plural);
        environment.add_filter("money", format::money);
        environment.add_filter("short", format::short_filter);
        environment.add_filter("integer", format::integer);
        environment.add_filter("decimal", |value: &Value| format::decimal(value));
        environment.add_filter("fixed", |value: &Value, decimals: usize| {
            format::fixed(f64::try_from(value.clone()).ok(), decimals)
        });
        environment.add_filter("percent", format::percent);
        environment.add_filter("siret", format::siret);
        environment.add_filter("iban", format::iban);
        environment.add_filter("size", |bytes: u64| format::size(bytes));
        load(&mut environment);
        let names: Vec<String> = environment.templates().map(|(name, _)| name.to_owned()).collect();
        for name in names {
            check_messages(&name, environment.get_template(&name)?.source())?;
        }
        Ok(Self { environment })
    }

    /// Renders a page.
    pub fn page(&self, template: &str, context: &impl Serialize) -> Result<String, ViewError> {
        let text = self.environment.get_template(template)?.render(Value::from(Serde(context)))?;
        Ok(match template.rsplit_once('.') {
            Some((_, "html")) => typeset::typeset(&text),
            _ => text,
        })
    }

    /// The middle of a page, to be kept and shown to several people, each within their own [`Views::frame`]: the context's
    /// `chrome` is nobody's.
    pub fn middle(&self, template: &str, context: &impl Serialize) -> Result<Middle, ViewError> {
        let page = self.page(template, context)?;
        let (before, rest) = page.split_once(MAIN).unwrap_or(("", &page));
        let body = rest.rsplit_once("</main>").map_or(rest, |(body, _)| body);
        let title = before.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
        Ok(Middle { title: title.map_or("", |(title, _)| title).to_owned(), body: body.to_owned() })
    }

    /// What stands before and after the middle of a page with this title: `context` holds `chrome` alone.
    pub fn frame(&self, title: &str, context: &impl Serialize) -> Result<(String, String), ViewError> {
        let page = self.page("layout.html", context)?;
        let (before, after) = page.rsplit_once("</main>").unwrap_or((&page, ""));
        let (head, rest) = before.split_once("<title>").unwrap_or((before, ""));
        let rest = rest.split_once("</title>").map_or("", |(_, rest)| rest);
        Ok((format!("{head}<title>{title}</title>{rest}"), format!("</main>{after}")))
    }

    /// Writes an e-mail: the template's first line is `Objet : …`.
    pub fn mail(&self, name: &str, context: &impl Serialize) -> Result<Mail, ViewError> {
        let text = self.page(&format!("emails/{name}.txt"), context)?;
        let (first, body) = text.split_once('\n').unwrap_or((&text, ""));
        let subject = first.strip_prefix("Objet : ").ok_or_else(|| ViewError::Subject(name.to_owned()))?;
        Ok(Mail { subject: subject.trim().to_owned(), body: body.trim_start().to_owned() })
    }
}

#[expect(clippy::expect_used, reason = "the generated code parses templates that were parsed when they were embedded")]
fn load(environment: &mut Environment<'static>) {
    minijinja_embed::load_templates!(&mut *environment);
}

/// Every message that a template names outright exists; keys that are put together are tried by the tests.
fn check_messages(template: &str, source: &str) -> Result<(), ViewError> {
    for (at, opening) in source.match_indices("t(\"") {
        // `ui.input("…` ends alike.
        if source[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let Some((key, after)) = source[at + opening.len()..].split_once('"') else { continue };
        if !after.starts_with([')', ',']) {
            continue;
        }
        let (call, _) = after.split_once(')').unwrap_or((after, ""));
        let args: Vec<(Cow<'static, str>, FluentValue<'_>)> = call
            .split(',')
            .filter_map(|arg| Some((Cow::Owned(arg.split_once('=')?.0.trim().to_owned()), FluentValue::from(0))))
            .collect();
        if LOCALES.try_lookup_with_args(&FRENCH, key, &args.into_iter().collect()).is_none() {
            return Err(ViewError::Message { template: template.to_owned(), key: key.to_owned() });
        }
    }
    Ok(())
}

fn translate(key: &str, kwargs: Kwargs) -> Result<String, minijinja::Error> {
    let mut args: HashMap<Cow<'static, str>, FluentValue<'_>> = HashMap::new();
    for name in kwargs.args() {
        let value: Value = kwargs.get(name)?;
        let value = match i64::try_from(value.clone()) {
            Ok(number) => FluentValue::from(number),
            Err(_) => FluentValue::from(value.to_string()),
        };
        args.insert(Cow::Owned(name.to_owned()), value);
    }
    LOCALES
        .try_lookup_with_args(&FRENCH, key, &args)
        .ok_or_else(|| minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, format!("no message `{key}`")))
}
