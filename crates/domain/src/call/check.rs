//! What is wrong in a call: everything that keeps it from being published, and what its officers should look at again.

use std::collections::BTreeSet;
use std::fmt::Display;

use jiff::Timestamp;
use serde::Serialize;

use super::draft::escape;
use super::{CallDefinition, Lot, form_check, grid_check, holidays};
use crate::identifiers::{Email, Siret};

/// Amounts that a call may name, in cents: those that an applicant can write.
const MOST_CENTS: i64 = 999_999_999_999_999;
/// Places of a lot.
const MOST_PLACES: i64 = 1_000_000_000;

/// Whether a problem keeps a call from being published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It does.
    Error,
    /// It should be looked at.
    Warning,
}

/// Something wrong in a call, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// JSON pointer into the draft, such as `/grid/groups/0/criteria/2/weight`.
    pub pointer: String,
    /// Whether it keeps the call from being published.
    pub severity: Severity,
    /// Stable code; its sentence is in the locale under `error-check-{code}`.
    pub code: &'static str,
    /// What the sentence needs.
    pub args: Vec<(&'static str, String)>,
}

impl Problem {
    pub(super) fn error(pointer: &str, code: &'static str) -> Self {
        Self { pointer: pointer.to_owned(), severity: Severity::Error, code, args: Vec::new() }
    }

    pub(super) fn warning(pointer: &str, code: &'static str) -> Self {
        Self { severity: Severity::Warning, ..Self::error(pointer, code) }
    }

    #[must_use]
    pub(super) fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.args.push((name, value.to_string()));
        self
    }

    /// Whether the call cannot be published with it.
    pub fn blocks(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Whether it says again that nothing readable stands there.
    pub(super) fn is_about_emptiness(&self) -> bool {
        matches!(self.code, "empty" | "code" | "range" | "positive" | "none")
    }
}

/// What the server can bear, and when it is asked.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of one file.
    pub file_bytes: u64,
    /// The day and hour.
    pub now: Timestamp,
}

impl Limits {
    /// Those of this program.
    pub const fn at(now: Timestamp) -> Self {
        Self { file_bytes: crate::pieces::MOST_BYTES, now }
    }
}

/// Texts that a call cannot do without.
const NEEDED: [&str; 6] = ["receipt", "draft_notice", "remedies", "declaration", "opinion", "privacy"];

/// Every text that the program uses, with the variables that it fills.
pub const TEXTS: [(&str, &[&str]); 20] = [
    (
        "receipt",
        &[
            "date",
            "heure",
            "numero",
            "structure",
            "lot",
            "service",
            "adresse",
            "courriel",
            "telephone",
            "date_implicite",
            "voies_recours",
        ],
    ),
    ("draft_notice", &["numero", "cloture"]),
    ("completion_request", &["liste", "date", "heure"]),
    ("inadmissible_late", &["date", "heure", "cloture"]),
    ("inadmissible_ineligible", &["art", "motif"]),
    ("inadmissible_incomplete", &["date", "liste"]),
    ("admissible", &["debut", "fin"]),
    ("hearing", &["date", "heure", "lieu_ou_lien", "date_limite"]),
    ("declaration", &[]),
    ("recusal", &["civilite", "nom", "lot", "structure"]),
    ("retained", &["delib", "date", "lot", "montant", "annee"]),
    ("retained_reserves", &["date", "reserves"]),
    ("reserve", &["rang", "lot", "date"]),
    ("refused_rank", &["note", "rang", "nb", "lot", "laureat", "delib", "date", "lien", "forts", "axes"]),
    ("refused_threshold", &["seuil_libelle", "valeur", "minimum"]),
    ("without_outcome", &["lot"]),
    ("remedies", &["tribunal"]),
    ("receipt_remedies", &["tribunal"]),
    ("opinion", &["date", "presents", "total", "lot"]),
    ("privacy", &["duree", "dpo"]),
];

/// Everything that was found, part by part in the order of the call.
pub(super) fn check(call: &CallDefinition, limits: &Limits) -> Vec<Problem> {
    let mut found = Vec::new();
    identity(call, &mut found);
    holidays::check_calendar(&call.calendar, limits.now, &mut found);
    rules(call, &mut found);
    lots(&call.lots, &mut found);
    form_check::check(call, &mut found);
    form_check::check_pieces(call, limits, &mut found);
    grid_check::check(call, &mut found);
    texts(call, &mut found);
    found
}

fn is_code(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-')
}

fn needed(at: &str, text: &str, found: &mut Vec<Problem>) {
    if text.trim().is_empty() {
        found.push(Problem::error(at, "empty"));
    }
}

/// A code by which answers, pieces and marks are kept: it stands in addresses and in names of form fields.
pub(super) fn key(at: &str, code: &str, found: &mut Vec<Problem>) {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    if code.is_empty() || code.chars().count() > 20 || !code.chars().all(fits) {
        found.push(Problem::error(at, "key"));
    }
}

/// Codes that stand twice, at the pointers of those that come later.
pub(super) fn unique<'a>(codes: impl IntoIterator<Item = (String, &'a str)>, found: &mut Vec<Problem>) {
    let mut seen = BTreeSet::new();
    for (at, code) in codes {
        if !code.is_empty() && !seen.insert(code) {
            found.push(Problem::error(&at, "twice").with("value", code));
        }
    }
}

fn identity(call: &CallDefinition, found: &mut Vec<Problem>) {
    if !is_code(&call.code, 40) {
        found.push(Problem::error("/code", "code").with("max", 40));
    }
    if !is_code(&call.number_prefix, 20) {
        found.push(Problem::error("/number_prefix", "code").with("max", 20));
    }
    for (at, text) in [
        ("/title", &call.title),
        ("/subject", &call.subject),
        ("/authority/name", &call.authority.name),
        ("/service/name", &call.service.name),
        ("/service/address", &call.service.address),
        ("/service/email", &call.service.email),
        ("/service/phone", &call.service.phone),
    ] {
        needed(at, text, found);
    }
    if !call.service.email.trim().is_empty() && Email::parse(&call.service.email).is_err() {
        found.push(Problem::error("/service/email", "email"));
    }
    if Siret::parse(&call.authority.siret).is_err() {
        found.push(Problem::warning("/authority/siret", "siret"));
    } else if !call.authority.siret.starts_with(&call.authority.siren) || call.authority.siren.len() != 9 {
        found.push(Problem::warning("/authority/siren", "siren"));
    }
    for (at, cents) in [("/envelope_cents", call.envelope_cents), ("/place_price_cents", call.place_price_cents)] {
        money(at, cents, found);
    }
}

fn money(at: &str, cents: i64, found: &mut Vec<Problem>) {
    if !(0..=MOST_CENTS).contains(&cents) {
        found.push(Problem::error(at, "money"));
    }
}

fn rules(call: &CallDefinition, found: &mut Vec<Problem>) {
    let rules = &call.rules;
    if !(1..=120).contains(&rules.implicit_rejection_months) {
        found.push(Problem::error("/rules/implicit_rejection_months", "range").with("min", 1).with("max", 120));
    } else if rules.implicit_rejection_months != 2 {
        found.push(Problem::warning("/rules/implicit_rejection_months", "months"));
    }
    for (at, count) in [
        ("/rules/max_lots_requested", rules.max_lots_requested),
        ("/rules/max_lots_awarded", rules.max_lots_awarded),
        ("/rules/laureates_per_lot", rules.laureates_per_lot),
    ] {
        if count == 0 {
            found.push(Problem::error(at, "positive"));
        }
    }
    if rules.max_lots_awarded > rules.max_lots_requested {
        found.push(Problem::warning("/rules/max_lots_awarded", "awarded").with("max", rules.max_lots_requested));
    }
    needed("/rules/court", &rules.court, found);
}

fn lots(lots: &[Lot], found: &mut Vec<Problem>) {
    if lots.is_empty() {
        found.push(Problem::error("/lots", "none"));
    }
    for (i, lot) in lots.iter().enumerate() {
        let at = |name: &str| format!("/lots/{i}/{name}");
        key(&at("code"), &lot.code, found);
        needed(&at("label"), &lot.label, found);
        if !(0..=MOST_PLACES).contains(&lot.capacity) {
            found.push(Problem::error(&at("capacity"), "range").with("min", 0).with("max", MOST_PLACES));
        }
        money(&at("ceiling_cents"), lot.ceiling_cents, found);
    }
    unique(lots.iter().enumerate().map(|(i, lot)| (format!("/lots/{i}/code"), lot.code.as_str())), found);
    let adds_up = |of: fn(&Lot) -> i64| lots.iter().try_fold(0_i64, |sum, lot| sum.checked_add(of(lot))).is_some();
    if !adds_up(|lot| lot.capacity) || !adds_up(|lot| lot.ceiling_cents) {
        found.push(Problem::error("/lots", "sums"));
    }
}

fn texts(call: &CallDefinition, found: &mut Vec<Problem>) {
    for name in NEEDED {
        if call.texts.get(name).is_none_or(|text| text.trim().is_empty()) {
            found.push(Problem::error(&format!("/texts/{name}"), "text-missing").with("name", name));
        }
    }
    for (name, text) in &call.texts {
        let at = format!("/texts/{}", escape(name));
        let Some((_, known)) = TEXTS.iter().find(|(n, _)| n == name) else {
            found.push(Problem::warning(&at, "text-unused").with("name", name));
            continue;
        };
        let mut rest = text.as_str();
        while let Some((_, after)) = rest.split_once('{') {
            let Some((variable, tail)) = after.split_once('}') else {
                found.push(Problem::error(&at, "text-open"));
                break;
            };
            if !known.contains(&variable) {
                let listed: Vec<String> = known.iter().map(|v| format!("{{{v}}}")).collect();
                let listed = if listed.is_empty() { "—".to_owned() } else { listed.join(", ") };
                found.push(Problem::error(&at, "text-variable").with("variable", variable).with("known", listed));
            }
            rest = tail;
        }
    }
}
