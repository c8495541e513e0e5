//! A call as its officers write it, and where it stands.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::form::{Form, Number};
use crate::grid::Grid;
use crate::pieces::PieceSlot;

mod check;
mod correction;
mod draft;
mod form_check;
mod grid_check;
mod holidays;
mod schema;
mod written;

pub use check::{Limits, Problem, Severity, TEXTS};
pub use correction::{Changes, compare};
pub use draft::{Checked, Draft};
pub use schema::{Class, Classes, KINDS, visible};
pub use written::{NotToml, to_toml};

/// The time zone in which every call's calendar is read.
pub const TIME_ZONE: &str = "Europe/Paris";

/// The call's time zone. The database is bundled, so it is always found; UTC stands in for the impossible case.
pub fn time_zone() -> TimeZone {
    TimeZone::get(TIME_ZONE).unwrap_or(TimeZone::UTC)
}

/// The civil day of an instant in the call's time zone.
pub fn day(at: Timestamp) -> Date {
    at.to_zoned_datetime(time_zone()).date()
}

/// The last second, in the call's time zone, of a day written as `2027-05-03`.
pub fn end_of_day(written: &str) -> Option<Timestamp> {
    let last: Date = written.trim().parse().ok()?;
    Some(last.at(23, 59, 59, 0).to_zoned_datetime(time_zone()).ok()?.timestamp())
}

/// How a definition is written today. 1: fields and pieces say `hidden_from_jury`. 2: they say `blind`, `class`, `communicable`.
pub const FORMAT: u32 = 2;

const fn first_format() -> u32 {
    1
}

/// Everything that is written in a call. Frozen at publication; a correction is a new version. Made by [`Draft::check`], and read
/// from what was stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CallDefinition {
    /// How the rest is written: [`FORMAT`], or an older one, in what was stored before.
    #[serde(default = "first_format")]
    pub format: u32,
    /// Short code in addresses, such as `AMI-ALI-2027`.
    pub code: String,
    /// Prefix of dossier numbers, such as `ALI27`.
    pub number_prefix: String,
    /// Its title.
    pub title: String,
    /// Whether pages and documents must say « jeu de démonstration ».
    #[serde(default)]
    pub demonstration: bool,
    /// Who calls.
    pub authority: Authority,
    /// Whom applicants may ask.
    pub service: Service,
    /// What the call is for.
    pub subject: String,
    /// How many years the support lasts.
    pub duration_years: u8,
    /// Euros a year for all lots, in cents; 0 where the call names no envelope.
    pub envelope_cents: i64,
    /// Indicative funding per place and year, in cents.
    pub place_price_cents: i64,
    /// Its dates.
    pub calendar: Calendar,
    /// Who may ask for how much.
    pub rules: Rules,
    /// What dossiers are for.
    pub lots: Vec<Lot>,
    /// The questions.
    pub form: Form,
    /// The files asked for.
    pub pieces: Vec<PieceSlot>,
    /// All files of a dossier together, in bytes.
    pub dossier_max_bytes: u64,
    /// The criteria.
    pub grid: Grid,
    /// Sentences of receipts, letters and pages, by name, with `{variables}`.
    pub texts: BTreeMap<String, String>,
}

/// The public body that calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authority {
    /// Its name.
    pub name: String,
    /// Nine digits.
    pub siren: String,
    /// Fourteen digits.
    pub siret: String,
}

/// The service in charge: the law wants it in every receipt (CRPA R.112-11-1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Postal address.
    pub address: String,
    /// E-mail address.
    pub email: String,
    /// Telephone.
    pub phone: String,
}

/// The dates of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {
    /// Deposits begin.
    pub opens: Timestamp,
    /// Last instant at which a deposit is on time.
    pub closes: Timestamp,
    /// Last instant for questions.
    pub questions_until: Timestamp,
    /// Last instant for completing a dossier after closing.
    pub completion_until: Timestamp,
    /// Individual marking begins.
    pub marking_from: Timestamp,
    /// Individual marking ends.
    pub marking_until: Timestamp,
    /// Everything shown to the public, in order.
    pub milestones: Vec<Milestone>,
}

/// A line of the published calendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Milestone {
    /// What happens.
    pub label: String,
    /// When it begins.
    pub at: Timestamp,
    /// When it ends, where it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Whether only the day counts.
    #[serde(default)]
    pub day_only: bool,
}

/// Who may ask for how much, and what jurors and officers see when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Lots one organisation may apply for.
    pub max_lots_requested: u32,
    /// Lots one organisation may win.
    pub max_lots_awarded: u32,
    /// Laureates of a lot.
    pub laureates_per_lot: u32,
    /// Length of a lot's reserve list.
    pub reserve_per_lot: u32,
    /// Months for which a reserve list is valid, from the day of the deliberation.
    #[serde(default = "a_year")]
    pub reserve_months: u32,
    /// Applicants see their results criterion by criterion once they were notified; otherwise by group.
    #[serde(default = "yes")]
    pub results_by_criterion: bool,
    /// Months of silence after which a request is rejected (CRPA L.231-4).
    pub implicit_rejection_months: i32,
    /// The field that holds the applicant's name.
    pub name_field: String,
    /// The field that holds the applicant's legal form.
    pub legal_form_field: String,
    /// The field that holds the project's title: jurors read it above all else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title_field: Option<String>,
    /// The field that holds the project's summary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary_field: Option<String>,
    /// Legal forms that may apply.
    pub eligible_forms: Vec<String>,
    /// Officers see marks while jurors still mark; otherwise only once marking is over.
    #[serde(default)]
    pub officers_see_marks_while_marking: bool,
    /// The court named in the remedies.
    pub court: String,
}

const fn a_year() -> u32 {
    12
}

const fn yes() -> bool {
    true
}

/// What a dossier is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lot {
    /// Short code, such as `ALI-01`.
    pub code: String,
    /// Its name for people.
    pub label: String,
    /// The inter-municipal body, such as `T6`.
    #[serde(default)]
    pub ept: String,
    /// What it covers.
    pub communes: Vec<Commune>,
    /// Places to open.
    pub capacity: i64,
    /// Highest yearly support, in cents.
    pub ceiling_cents: i64,
}

/// A commune, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commune {
    /// INSEE code.
    pub code: String,
    /// Its name, with the part when it is not whole.
    pub name: String,
    /// Other codes that mean the same place here: a former commune, or the commune that it is now a part of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
}

impl Lot {
    /// Whether an INSEE code lies in the perimeter, aliases included.
    pub fn covers(&self, code: &str) -> bool {
        self.communes.iter().any(|c| c.code == code || c.aliases.iter().any(|a| a == code))
    }
}

/// Where a call stands by its officers' acts. Opening and closing are not here: they follow the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallState {
    /// Being written.
    Draft,
    /// Public; open and closed follow the calendar.
    Published,
    /// Officers check what was deposited.
    Admissibility,
    /// Jurors mark.
    Marking,
    /// Applicants are heard.
    Hearings,
    /// The jury meets and gives its opinion.
    Plenary,
    /// The authority decides.
    Deliberation,
    /// Everyone was told.
    Notified,
    /// Kept, and nothing more.
    Archived,
}

/// Where a call stands at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Being written.
    Draft,
    /// Published, deposits not yet begun.
    Upcoming,
    /// Deposits are taken.
    Open,
    /// No more deposits; contents may be read.
    Closed,
    /// Officers check what was deposited.
    Admissibility,
    /// Jurors mark.
    Marking,
    /// Applicants are heard.
    Hearings,
    /// The jury meets.
    Plenary,
    /// The authority decides.
    Deliberation,
    /// Everyone was told.
    Notified,
    /// Kept.
    Archived,
}

impl Phase {
    /// In the order of a call's life.
    pub const ALL: [Self; 11] = [
        Self::Draft,
        Self::Upcoming,
        Self::Open,
        Self::Closed,
        Self::Admissibility,
        Self::Marking,
        Self::Hearings,
        Self::Plenary,
        Self::Deliberation,
        Self::Notified,
        Self::Archived,
    ];

    /// Stable text, as in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Upcoming => "upcoming",
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Admissibility => "admissibility",
            Self::Marking => "marking",
            Self::Hearings => "hearings",
            Self::Plenary => "plenary",
            Self::Deliberation => "deliberation",
            Self::Notified => "notified",
            Self::Archived => "archived",
        }
    }

    /// Whether contents of deposited dossiers are still sealed for everyone but the applicant.
    pub fn sealed(self) -> bool {
        self < Self::Closed
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl CallState {
    /// In the order of a call's life.
    pub const ALL: [Self; 9] = [
        Self::Draft,
        Self::Published,
        Self::Admissibility,
        Self::Marking,
        Self::Hearings,
        Self::Plenary,
        Self::Deliberation,
        Self::Notified,
        Self::Archived,
    ];

    /// Stable text, as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Published => "published",
            Self::Admissibility => "admissibility",
            Self::Marking => "marking",
            Self::Hearings => "hearings",
            Self::Plenary => "plenary",
            Self::Deliberation => "deliberation",
            Self::Notified => "notified",
            Self::Archived => "archived",
        }
    }

    /// Reads what is stored.
    pub fn parse(stored: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == stored)
    }

    /// Where the call stands at `now`.
    pub fn phase(self, calendar: &Calendar, now: Timestamp) -> Phase {
        match self {
            Self::Draft => Phase::Draft,
            Self::Published if now < calendar.opens => Phase::Upcoming,
            Self::Published if now <= calendar.closes => Phase::Open,
            Self::Published => Phase::Closed,
            Self::Admissibility => Phase::Admissibility,
            Self::Marking => Phase::Marking,
            Self::Hearings => Phase::Hearings,
            Self::Plenary => Phase::Plenary,
            Self::Deliberation => Phase::Deliberation,
            Self::Notified => Phase::Notified,
            Self::Archived => Phase::Archived,
        }
    }

    /// The states an officer may move the call to from here.
    pub const fn next(self) -> &'static [Self] {
        match self {
            Self::Draft => &[Self::Published],
            Self::Published => &[Self::Admissibility],
            Self::Admissibility => &[Self::Marking],
            Self::Marking => &[Self::Hearings, Self::Plenary],
            Self::Hearings => &[Self::Plenary],
            Self::Plenary => &[Self::Deliberation],
            Self::Deliberation => &[Self::Notified],
            Self::Notified => &[Self::Archived],
            Self::Archived => &[],
        }
    }

    /// Moves on.
    ///
    /// # Errors
    /// [`AdvanceError::Impossible`] when the state is not one of [`CallState::next`]; [`AdvanceError::StillOpen`] when the call
    /// has not closed by its calendar.
    pub fn advance(self, to: Self, calendar: &Calendar, now: Timestamp) -> Result<Self, AdvanceError> {
        if !self.next().contains(&to) {
            return Err(AdvanceError::Impossible { from: self, to });
        }
        if to == Self::Admissibility && now <= calendar.closes {
            return Err(AdvanceError::StillOpen { closes: calendar.closes });
        }
        Ok(to)
    }
}

/// Why a call does not move on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AdvanceError {
    /// Not a step from here.
    #[error("a call does not go from {} to {}", from.as_str(), to.as_str())]
    Impossible {
        /// Where it stands.
        from: CallState,
        /// Where it was asked to go.
        to: CallState,
    },
    /// Deposits are still taken.
    #[error("the call is open until {closes}")]
    StillOpen {
        /// Closing.
        closes: Timestamp,
    },
}

impl Calendar {
    /// The same calendar, every instant moved by as many days as brings the opening's civil day to `opens_on`; the hours of the
    /// day in Europe/Paris stay.
    ///
    /// # Errors
    /// When a date leaves the supported range.
    pub fn moved_by_days(&self, days: i32) -> Result<Self, jiff::Error> {
        let shift = |at: Timestamp| -> Result<Timestamp, jiff::Error> {
            Ok(at.to_zoned_datetime(time_zone()).checked_add(Span::new().try_days(days)?)?.timestamp())
        };
        Ok(Self {
            opens: shift(self.opens)?,
            closes: shift(self.closes)?,
            questions_until: shift(self.questions_until)?,
            completion_until: shift(self.completion_until)?,
            marking_from: shift(self.marking_from)?,
            marking_until: shift(self.marking_until)?,
            milestones: self
                .milestones
                .iter()
                .map(|m| Ok(Milestone { at: shift(m.at)?, until: m.until.map(shift).transpose()?, ..m.clone() }))
                .collect::<Result<_, jiff::Error>>()?,
        })
    }

    /// The day in Europe/Paris on which deposits end: conditions on ages look at it.
    pub fn closing_day(&self) -> Date {
        day(self.closes)
    }
}

/// The day on which silence rejects a request received on `received` (CRPA L.231-4): so many months later, to the day.
///
/// # Errors
/// When a date leaves the supported range.
pub fn implicit_rejection_day(received: Date, months: i32) -> Result<Date, jiff::Error> {
    received.checked_add(Span::new().try_months(months)?)
}

/// What is wrong in a definition, with the place where it is.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{at}: {problem}")]
pub struct DefinitionError {
    /// Path to the setting, such as `grid.groups.A`.
    pub at: String,
    /// What is wrong.
    pub problem: String,
}

impl CallDefinition {
    /// A lot by its code.
    pub fn lot(&self, code: &str) -> Option<&Lot> {
        self.lots.iter().find(|l| l.code == code)
    }

    /// A slot by its code.
    pub fn slot(&self, code: &str) -> Option<&PieceSlot> {
        self.pieces.iter().find(|p| p.code == code)
    }

    /// The number of a dossier as people write it, such as `ALI27-0042`.
    pub fn dossier_number(&self, sequence: i64) -> String {
        format!("{}-{sequence:04}", self.number_prefix)
    }

    /// A sentence of the call with its variables filled.
    ///
    /// # Errors
    /// When the sentence does not exist, or names a variable that was not given: a letter never leaves with a hole.
    pub fn text(&self, name: &str, variables: &[(&str, &str)]) -> Result<String, DefinitionError> {
        let wrong = |problem: String| DefinitionError { at: format!("texts.{name}"), problem };
        let template = self.texts.get(name).ok_or_else(|| wrong("missing".into()))?;
        let mut out = String::with_capacity(template.len() * 2);
        let mut rest = template.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let (variable, tail) = after.split_once('}').ok_or_else(|| wrong("a `{` is not closed".into()))?;
            let value = variables.iter().find(|(n, _)| *n == variable).map(|(_, v)| *v);
            out.push_str(before);
            out.push_str(value.ok_or_else(|| wrong(format!("no value for `{{{variable}}}`")))?);
            rest = tail;
        }
        out.push_str(rest);
        Ok(out)
    }

    /// The value of a numeric field, for breaking ties; computed fields are worked out exactly.
    pub fn exact_value(&self, field: &str, answers: &crate::form::Answers) -> Option<(i64, i64)> {
        match &self.form.field(field)?.kind {
            crate::form::FieldKind::Computed { formula } => formula.exact(answers),
            _ => answers.get(field).and_then(crate::answer::Answer::number).map(|Number(n)| (n, 100)),
        }
    }
}

#[cfg(test)]
#[path = "call_tests.rs"]
mod tests;
