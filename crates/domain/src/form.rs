//! The form of a call: sections of fields, each with its kind, its limits and when it is required.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::answer::Answer;
use crate::call::{Class, Classes};
use crate::text;

/// The answers of a dossier, by field code.
pub type Answers = BTreeMap<String, Answer>;

/// The whole form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// In the order in which people meet them.
    pub sections: Vec<Section>,
}

/// A page of the form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// Short code, such as `S1`.
    pub code: String,
    /// Its title for people.
    pub title: String,
    /// Its fields, in order.
    pub fields: Vec<Field>,
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Stable code, such as `4.04`: the key of its answer everywhere.
    pub code: String,
    /// The question.
    pub label: String,
    /// A line of help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// When it must be answered.
    #[serde(default)]
    pub required: Requirement,
    /// When it is asked, by answers that come before it; always where nothing is said. What is not asked is neither missing nor
    /// filed, and stays in the draft.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown_when: Option<Condition>,
    /// Hidden from jurors (bank details), as format 1 says it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden_from_jury: bool,
    /// Who may read it, where that does not go by its kind.
    #[serde(flatten)]
    pub classes: Classes,
    /// What an answer looks like.
    #[serde(flatten)]
    pub kind: FieldKind,
}

/// A number with at most two decimals, kept in hundredths. Written as text (`"0,5"`) or as a whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number(pub i64);

impl Number {
    /// A whole number.
    pub const fn whole(value: i64) -> Self {
        Self(value * 100)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::show_hundredths(self.0))
    }
}

impl Serialize for Number {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_string())
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Whole(i64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            // With the bound of those that are text, as which it is written again.
            Written::Whole(n) => text::hundredths(&n.to_string())
                .map(Self)
                .ok_or_else(|| serde::de::Error::custom(format!("`{n}` is too large"))),
            Written::Text(t) => text::hundredths(&t)
                .map(Self)
                .ok_or_else(|| serde::de::Error::custom(format!("`{t}` is not a number with at most two decimals"))),
        }
    }
}

/// One possible answer of a choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What is stored.
    pub value: String,
    /// What is read.
    pub label: String,
}

/// What an answer looks like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FieldKind {
    /// One line, at most `max` characters.
    Text {
        /// Characters.
        max: usize,
    },
    /// Several lines, at most `max` characters.
    LongText {
        /// Characters.
        max: usize,
    },
    /// One of the options.
    Choice {
        /// What may be chosen.
        options: Vec<Choice>,
    },
    /// Yes or no.
    YesNo,
    /// An establishment's number.
    Siret,
    /// An association's number.
    Rna,
    /// A bank account.
    Iban,
    /// An e-mail address.
    Email,
    /// A telephone number, French or E.164.
    Phone,
    /// A web address, at most `max` characters.
    Url {
        /// Characters.
        max: usize,
    },
    /// A day.
    Date {
        /// Refuses days to come.
        #[serde(default)]
        not_after_today: bool,
    },
    /// Street, postcode and INSEE code of the commune.
    Address,
    /// A number with at most two decimals.
    Decimal {
        /// Smallest.
        min: Number,
        /// Largest.
        max: Number,
    },
    /// A whole number.
    Integer {
        /// Smallest.
        #[serde(default)]
        min: Option<i64>,
        /// Largest.
        #[serde(default)]
        max: Option<i64>,
        /// Smallest and largest as a percentage of the lot's places.
        #[serde(default)]
        capacity_percent: Option<(i64, i64)>,
    },
    /// From 0 to 100, at most two decimals.
    Percentage,
    /// Euros, more than zero.
    Amount {
        /// Not above the lot's yearly ceiling.
        #[serde(default)]
        within_lot_ceiling: bool,
    },
    /// The lot that the dossier is for: it follows the dossier, nobody types it.
    Lot,
    /// Other lots wished for, best first, at most `max`.
    OrderedLots {
        /// How many.
        max: usize,
    },
    /// A commune of the lot's perimeter, by INSEE code.
    LotCommune,
    /// Rows with the same columns.
    Table {
        /// Fewest rows.
        min_rows: usize,
        /// Most rows.
        max_rows: usize,
        /// The columns; kinds are simple ones.
        columns: Vec<Column>,
        /// A column whose sum must stay strictly below a value.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sum_below: Option<SumBelow>,
    },
    /// A budget by account: the total of charges equals the total of products.
    Budget {
        /// Accounts 60 to 69.
        charges: Vec<Choice>,
        /// Accounts 70 to 79.
        products: Vec<Choice>,
    },
    /// Worked out from other answers.
    Computed {
        /// How.
        formula: Quotient,
    },
    /// A commitment, ticked, with the instant at which it was.
    Checkbox,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its key in each row.
    pub code: String,
    /// Its heading.
    pub label: String,
    /// May stay empty.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// What a cell looks like.
    #[serde(flatten)]
    pub kind: FieldKind,
}

/// A limit on a column's sum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SumBelow {
    /// The column.
    pub column: String,
    /// The value that the sum may not reach.
    pub value: Number,
}

/// `numerator ÷ denominator`, both from answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quotient {
    /// A numeric field.
    pub numerator: String,
    /// A numeric field, or a table with `column`.
    pub denominator: String,
    /// The column of the table to sum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// Only the rows in which a column has a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows_where: Option<(String, String)>,
}

/// When something is required.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Requirement {
    /// Always.
    Always,
    /// Never.
    #[default]
    Never,
    /// When a condition on other answers holds.
    When(Condition),
}

/// A condition on the answers of the dossier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// A choice has one of the values.
    OneOf {
        /// The field.
        field: String,
        /// The values.
        values: Vec<String>,
    },
    /// A yes-or-no field says yes.
    Yes(String),
    /// A number is above a value.
    Above {
        /// The field.
        field: String,
        /// The value.
        value: Number,
    },
    /// A date lies at least so many months before the closing day.
    MonthsBeforeClosing {
        /// The field.
        field: String,
        /// How many months.
        months: i32,
    },
    /// An address's postcode begins with one of the department numbers.
    DepartmentIn {
        /// The field.
        field: String,
        /// Two or three characters each.
        departments: Vec<String>,
    },
    /// One of them holds.
    Any(Vec<Condition>),
    /// All of them hold.
    All(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
}

impl Condition {
    /// Whether it holds for the answers. A condition on a field without answer does not hold.
    pub fn holds(&self, answers: &Answers, closing_day: Date) -> bool {
        match self {
            Self::OneOf { field, values } => {
                matches!(answers.get(field), Some(Answer::Choice(v)) if values.contains(v))
            }
            Self::Yes(field) => matches!(answers.get(field), Some(Answer::YesNo(true))),
            Self::Above { field, value } => answers.get(field).and_then(Answer::number).is_some_and(|n| n > *value),
            Self::MonthsBeforeClosing { field, months } => match answers.get(field) {
                Some(Answer::Date(day)) => {
                    let span = jiff::Span::new().try_months(*months);
                    span.and_then(|span| day.checked_add(span)).is_ok_and(|later| later <= closing_day)
                }
                _ => false,
            },
            Self::DepartmentIn { field, departments } => match answers.get(field) {
                Some(Answer::Address(a)) => departments.iter().any(|d| a.postcode.starts_with(d.as_str())),
                _ => false,
            },
            Self::Any(all) => all.iter().any(|c| c.holds(answers, closing_day)),
            Self::All(all) => all.iter().all(|c| c.holds(answers, closing_day)),
            Self::Not(inner) => !inner.holds(answers, closing_day),
        }
    }
}

impl Condition {
    /// The fields on whose answers it looks.
    pub fn fields(&self) -> Vec<&str> {
        match self {
            Self::OneOf { field, .. }
            | Self::Yes(field)
            | Self::Above { field, .. }
            | Self::MonthsBeforeClosing { field, .. }
            | Self::DepartmentIn { field, .. } => vec![field],
            Self::Any(all) | Self::All(all) => all.iter().flat_map(Self::fields).collect(),
            Self::Not(inner) => inner.fields(),
        }
    }
}

impl Requirement {
    /// Whether it binds, given the answers.
    pub fn binds(&self, answers: &Answers, closing_day: Date) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::When(condition) => condition.holds(answers, closing_day),
        }
    }
}

impl Quotient {
    /// The value in hundredths, half up; `None` when a part is missing or the denominator is not above zero.
    pub fn value(&self, answers: &Answers) -> Option<Number> {
        let (n, d) = self.exact(answers)?;
        let scaled = i128::from(n) * 100 * 2 + i128::from(d);
        i64::try_from(scaled.div_euclid(i128::from(d) * 2)).ok().map(Number)
    }

    /// The exact value as numerator and positive denominator: ties are broken on this, never on the rounded one.
    pub fn exact(&self, answers: &Answers) -> Option<(i64, i64)> {
        let numerator = answers.get(&self.numerator)?.number()?;
        let denominator = match &self.column {
            None => answers.get(&self.denominator)?.number()?,
            Some(column) => {
                let Answer::Table(rows) = answers.get(&self.denominator)? else { return None };
                let sum = rows
                    .iter()
                    .filter(|row| match &self.rows_where {
                        None => true,
                        Some((key, wanted)) => matches!(row.get(key), Some(Answer::Choice(v)) if v == wanted),
                    })
                    .filter_map(|row| row.get(column).and_then(Answer::number))
                    .try_fold(0i64, |sum, n| sum.checked_add(n.0))?;
                Number(sum)
            }
        };
        (denominator.0 > 0).then_some((numerator.0, denominator.0))
    }
}

impl Form {
    /// Every field, in order.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.sections.iter().flat_map(|s| &s.fields)
    }

    /// A field by its code.
    pub fn field(&self, code: &str) -> Option<&Field> {
        self.fields().find(|f| f.code == code)
    }

    /// A section by its code.
    pub fn section(&self, code: &str) -> Option<&Section> {
        self.sections.iter().find(|s| s.code == code)
    }

    /// The section that holds a field.
    pub fn section_of(&self, field: &str) -> Option<&Section> {
        self.sections.iter().find(|s| s.fields.iter().any(|f| f.code == field))
    }
}

/// What is asked of a dossier, as its answers stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The answers to what is asked.
    pub answers: Answers,
    /// Codes of the fields that are not asked.
    pub hidden: BTreeSet<&'a str>,
}

impl Form {
    /// What is asked when these are the answers. An answer to what is not asked counts for nothing, neither here: conditions look
    /// at what comes before them.
    pub fn asked<'a>(&'a self, answers: &Answers, closing_day: Date) -> Asked<'a> {
        let mut asked = Asked { answers: Answers::new(), hidden: BTreeSet::new() };
        for field in self.fields() {
            if field.shown_when.as_ref().is_some_and(|condition| !condition.holds(&asked.answers, closing_day)) {
                asked.hidden.insert(&field.code);
            } else if let Some(answer) = answers.get(&field.code) {
                asked.answers.insert(field.code.clone(), answer.clone());
            }
        }
        asked
    }

    /// Fields that are shown by the answer to something that does not come before them, with its code.
    pub fn shown_by_later(&self) -> Vec<(&str, &str)> {
        let mut before = BTreeSet::new();
        let mut found = Vec::new();
        for field in self.fields() {
            let named = field.shown_when.iter().flat_map(Condition::fields);
            found.extend(named.filter(|named| !before.contains(named)).map(|named| (field.code.as_str(), named)));
            before.insert(field.code.as_str());
        }
        found
    }
}

impl Form {
    /// Whether jurors see a field: neither hidden itself nor worked out, however indirectly, from one that is.
    pub fn shown_to_jury(&self, code: &str) -> bool {
        let mut asked = std::collections::BTreeSet::new();
        let mut left = vec![code];
        while let Some(code) = left.pop() {
            if !asked.insert(code) {
                continue;
            }
            let Some(field) = self.field(code) else { return false };
            if field.class() > Class::Jury {
                return false;
            }
            if let FieldKind::Computed { formula } = &field.kind {
                left.extend([formula.numerator.as_str(), formula.denominator.as_str()]);
            }
        }
        true
    }
}

impl Field {
    /// Whether a person fills it: a computed field and the lot are not typed.
    pub fn is_typed(&self) -> bool {
        !matches!(self.kind, FieldKind::Computed { .. } | FieldKind::Lot)
    }
}
