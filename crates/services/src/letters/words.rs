//! What a letter says: the call's texts, filled with what is known of a dossier. A letter never has a hole: what no variable gives, an
//! officer is asked for.

use std::collections::BTreeMap;

use ami_domain::call::{CallDefinition, day, time_zone};
use ami_domain::decision::{Decision, DecisionKind};
use ami_domain::deliberation::Deliberation;
use ami_domain::dossier::{Dossier, DossierState};
use ami_domain::ids::DossierId;
use ami_domain::letter::LetterKind;
use ami_domain::text;
use jiff::civil::Date;
use jiff::{Span, Timestamp};

use crate::rankings::{RankedDossier, RankingView};
use crate::{Error, Kind, Problem, Result};

/// Values by the name of their variable.
pub(super) type Values = BTreeMap<&'static str, String>;

/// What the ranking that stands behind a decision says of a dossier.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    rank: Option<usize>,
    ex_aequo: bool,
    /// Ranked dossiers of its lot.
    ranked: usize,
    total: Option<String>,
    /// Threshold in words, value, minimum.
    below: Option<(String, String, String)>,
    strong: Vec<String>,
    weak: Vec<String>,
}

/// Criteria named as strong and as weak points.
const NAMED: usize = 2;

/// What a ranking says of each of its dossiers, in the words of the grid.
pub(super) fn standings(ranking: &RankingView, call: &CallDefinition) -> BTreeMap<DossierId, Standing> {
    let mut found = BTreeMap::new();
    for lot in &ranking.lots {
        let ranked = lot.dossiers.iter().filter(|d| d.rank.is_some()).count();
        for d in &lot.dossiers {
            let (strong, weak) = points(d, call);
            let below = d.eliminated_by.first();
            let below = below.map(|e| (measured(&e.on, call), e.value_shown.clone(), e.minimum.clone()));
            let (rank, total) = (d.rank, d.total_shown.clone());
            let standing = Standing { rank, ex_aequo: d.ex_aequo, ranked, total, below, strong, weak };
            found.insert(d.id.into(), standing);
        }
    }
    found
}

/// The criteria on which a dossier did best and worst, by their names.
fn points(d: &RankedDossier, call: &CallDefinition) -> (Vec<String>, Vec<String>) {
    let mut marked: Vec<(i64, &str)> = call
        .grid
        .criteria()
        .filter_map(|c| Some((text::hundredths(&d.criteria.get(&c.code)?.mean_shown)?, c.label.as_str())))
        .collect();
    marked.sort_by_key(|(mean, _)| std::cmp::Reverse(*mean));
    let named = NAMED.min(marked.len() / 2);
    let labels = |some: &[(i64, &str)]| some.iter().map(|(_, label)| (*label).to_owned()).collect();
    (labels(&marked[..named]), labels(&marked[marked.len() - named..]))
}

/// What a threshold looks at, in words.
fn measured(on: &str, call: &CallDefinition) -> String {
    let group = call.grid.groups.iter().find(|g| g.code == on).map(|g| g.label.as_str());
    match group.or_else(|| call.grid.criteria().find(|c| c.code == on).map(|c| c.label.as_str())) {
        Some(label) => format!("{on} {label}"),
        None => ami_views::message("threshold-total", &[]).unwrap_or_else(|| on.to_owned()),
    }
}

/// `1er`, `2e`, `3e ex æquo`.
fn ordinal(rank: usize, ex_aequo: bool) -> String {
    let ordinal = if rank == 1 { "1er".to_owned() } else { format!("{rank}e") };
    if ex_aequo { format!("{ordinal} ex æquo") } else { ordinal }
}

/// An amount without its sign, which the texts write themselves.
fn euros(cents: i64) -> String {
    ami_views::money(cents).trim_end_matches(['€', '\u{a0}', ' ']).to_owned()
}

/// The day and the hour of an instant, as two variables.
fn instant(at: Timestamp) -> (String, String) {
    (ami_views::civil(day(at)), at.to_zoned_datetime(time_zone()).strftime("%H:%M:%S").to_string())
}

/// A reserve under which a dossier is supported.
#[derive(Debug, Clone)]
pub(super) struct Reserve {
    pub(super) points: String,
    pub(super) until: Date,
}

/// Who was given a lot, and by which deliberation.
#[derive(Debug, Clone)]
pub(super) struct Award {
    pub(super) laureates: Vec<String>,
    pub(super) number: String,
    held_on: Date,
    link: String,
}

impl Award {
    /// By a deliberation, to nobody yet.
    pub(super) fn by(d: &Deliberation) -> Self {
        Self { laureates: Vec::new(), number: d.number.clone(), held_on: d.held_on, link: d.link.clone() }
    }
}

/// Everything that the letters of one deliberation share.
pub(super) struct Told<'a> {
    pub(super) call: &'a CallDefinition,
    pub(super) deliberation: &'a Deliberation,
    pub(super) standings: &'a BTreeMap<DossierId, Standing>,
    /// Who was retained, by lot.
    pub(super) awards: &'a BTreeMap<String, Award>,
    pub(super) reserves: &'a BTreeMap<DossierId, Reserve>,
}

impl Told<'_> {
    /// What the letter on a decision is.
    pub(super) fn kind(&self, decision: &Decision, dossier: &Dossier) -> LetterKind {
        let standing = self.standings.get(&decision.dossier);
        match decision.kind {
            DecisionKind::Retained if self.reserves.contains_key(&dossier.id) => LetterKind::RetainedReserves,
            DecisionKind::Retained => LetterKind::Retained,
            DecisionKind::Reserve => LetterKind::Reserve,
            DecisionKind::WithoutOutcome => LetterKind::WithoutOutcome,
            DecisionKind::Inadmissible => match &dossier.state {
                DossierState::Inadmissible { reason, .. } => LetterKind::of_inadmissible(*reason),
                _ => LetterKind::Refused,
            },
            DecisionKind::Refused if standing.is_some_and(|s| s.below.is_some()) => LetterKind::RefusedThreshold,
            DecisionKind::Refused if self.deliberation.lots.contains(&dossier.lot) => LetterKind::WithoutOutcome,
            DecisionKind::Refused
                if standing.is_some_and(|s| s.rank.is_some()) && self.awards.contains_key(&dossier.lot) =>
            {
                LetterKind::RefusedRank
            }
            DecisionKind::Refused => LetterKind::Refused,
        }
    }

    /// The year for which support is given: that of the calendar's last date.
    fn year(&self) -> i16 {
        let last = self.call.calendar.milestones.iter().map(|m| m.until.unwrap_or(m.at)).max();
        last.map_or_else(|| self.deliberation.held_on.year(), |at| day(at).year())
    }

    fn values(&self, kind: LetterKind, decision: &Decision, dossier: &Dossier) -> Result<Values> {
        let d = self.deliberation;
        let label = self.call.lot(&dossier.lot).map_or("", |l| l.label.as_str());
        let mut values = Values::from([
            ("delib", d.number.clone()),
            ("date", ami_views::civil(d.held_on)),
            ("lien", d.link.clone()),
            ("lot", format!("{} ({label})", dossier.lot)),
            ("numero", self.call.dossier_number(dossier.number)),
            ("annee", self.year().to_string()),
            ("montant", decision.amount_cents.map_or_else(String::new, euros)),
            ("motif", decision.reason.clone()),
        ]);
        if let Some(award) = self.awards.get(&dossier.lot) {
            values.insert("laureat", award.laureates.join(", "));
            if kind == LetterKind::RefusedRank {
                let by = [("delib", award.number.clone()), ("lien", award.link.clone())];
                values.extend(by);
                values.insert("date", ami_views::civil(award.held_on));
            }
        }
        if let Some(standing) = self.standings.get(&dossier.id) {
            values.insert("note", standing.total.clone().unwrap_or_default());
            values.insert("rang", standing.rank.map_or_else(String::new, |r| ordinal(r, standing.ex_aequo)));
            values.insert("nb", standing.ranked.to_string());
            values.insert("forts", standing.strong.join(", "));
            values.insert("axes", standing.weak.join(", "));
            if let Some((threshold, value, minimum)) = standing.below.clone() {
                values.extend([("seuil_libelle", threshold), ("valeur", value), ("minimum", minimum)]);
            }
        }
        if kind == LetterKind::Reserve {
            let months = Span::new().try_months(i64::from(self.call.rules.reserve_months)).map_err(Error::internal)?;
            let until = d.held_on.checked_add(months).map_err(Error::internal)?;
            values.insert("date", ami_views::civil(until));
        }
        Ok(values)
    }

    /// The text of the letter on a decision.
    pub(super) fn body(&self, kind: LetterKind, decision: &Decision, dossier: &Dossier) -> Result<String> {
        if kind.is_inadmissibility() {
            return examination(self.call, kind, dossier, &BTreeMap::new());
        }
        let values = self.values(kind, decision, dossier)?;
        let mut body = match kind {
            LetterKind::Refused => {
                let args = ["delib", "date", "lot"].map(|name| (name, values.get(name).cloned().unwrap_or_default()));
                ami_views::message("letter-refused", &args).ok_or_else(|| Error::internal("no text for a refusal"))?
            }
            LetterKind::RetainedReserves => self.with_reserves(&values, dossier)?,
            _ => fill(self.call, kind.as_str(), &values, "/texts")?,
        };
        let reason = decision.reason.trim();
        if decision.kind != DecisionKind::Retained && !reason.is_empty() && !body.contains(reason) {
            let said = ami_views::message("letter-reason", &[("reason", reason.to_owned())]).unwrap_or_default();
            body = format!("{body}\n\n{said}");
        }
        Ok(body)
    }

    /// The text of who is supported, and then that of the reserves, which goes on where it stops.
    fn with_reserves(&self, values: &Values, dossier: &Dossier) -> Result<String> {
        let reserve = self.reserves.get(&dossier.id).ok_or_else(|| Error::internal("no reserve"))?;
        let first = fill(self.call, LetterKind::Retained.as_str(), values, "/texts")?;
        let mut values = values.clone();
        values.insert("date", ami_views::civil(reserve.until));
        values.insert("reserves", reserve.points.trim_end_matches('.').to_owned());
        let second = fill(self.call, LetterKind::RetainedReserves.as_str(), &values, "/texts")?;
        Ok(match second.strip_prefix('…') {
            Some(rest) => format!("{first}\n\nCette décision est prise {}", rest.trim_start()),
            None => format!("{first}\n\n{second}"),
        })
    }
}

/// The names of the variables in a text of a call.
fn variables(template: &str) -> Vec<&str> {
    template.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0)).collect()
}

/// A text of the call with its variables filled; `/texts` and `/values` are where an officer mends it.
fn fill(call: &CallDefinition, name: &str, values: &Values, pointer: &str) -> Result<String> {
    let problem = |pointer: String, code: &str, named: &str| Problem {
        pointer,
        code: code.into(),
        args: vec![("name", named.to_owned())],
    };
    let Some(template) = call.texts.get(name) else {
        let missing = problem(format!("/texts/{name}"), "letter-text-missing", name);
        return Err(Error { problems: vec![missing], ..Error::new(Kind::Conflict, "letter-text") });
    };
    let holes: Vec<Problem> = variables(template)
        .into_iter()
        .filter(|v| values.get(v).is_none_or(|value| value.trim().is_empty()))
        .map(|v| problem(format!("{pointer}/{v}"), "letter-value-missing", v))
        .collect();
    match (holes.is_empty(), pointer) {
        (true, _) => {
            let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
            call.text(name, &values).map_err(Error::internal)
        }
        (false, "/values") => Err(Error::invalid(holes)),
        (false, _) => Err(Error { problems: holes, ..Error::new(Kind::Conflict, "letter-text") }),
    }
}

/// Everything that an officer may give a letter of the examination by hand.
const GIVEN: [&str; 11] =
    ["date", "heure", "lieu_ou_lien", "date_limite", "liste", "art", "motif", "cloture", "debut", "fin", "note"];

/// The text of a letter of the examination: what is known of the dossier, and over it what an officer gives.
pub(super) fn examination(
    call: &CallDefinition,
    kind: LetterKind,
    dossier: &Dossier,
    given: &BTreeMap<String, String>,
) -> Result<String> {
    let calendar = &call.calendar;
    let mut values = Values::from([
        ("numero", call.dossier_number(dossier.number)),
        ("lot", dossier.lot.clone()),
        ("cloture", ami_views::date_time(calendar.closes)),
        ("debut", ami_views::civil(day(calendar.marking_from))),
        ("fin", ami_views::civil(day(calendar.marking_until))),
    ]);
    if let DossierState::Inadmissible { comment, .. } = &dossier.state {
        values.insert("motif", comment.trim_end_matches('.').to_owned());
        values.insert("liste", comment.trim_end_matches('.').to_owned());
        values.insert("art", ami_views::message("letter-article", &[]).unwrap_or_default());
    }
    match (kind, dossier.deposited_at()) {
        (LetterKind::InadmissibleLate, Some(at)) => {
            let (date, hour) = instant(at);
            values.extend([("date", date), ("heure", hour)]);
        }
        (LetterKind::InadmissibleIncomplete, _) => {
            values.insert("date", ami_views::civil(day(calendar.completion_until)));
        }
        _ => {}
    }
    for name in GIVEN {
        if let Some(value) = given.get(name).map(|v| text::clean(v)).filter(|v| !v.is_empty()) {
            values.insert(name, value);
        }
    }
    fill(call, kind.as_str(), &values, "/values")
}
