//! Every setting of a call in one table: what it looks like, whether it must be there, and its class, who may read it. A draft is read
//! by it, the public page and the API are made from it, the editor writes by it.
//!
//! To add a setting: its field in the struct, its line here; a test fails while one of the two is missing.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::form::{Condition, Field, FieldKind, Number, Quotient, Requirement, SumBelow};
use crate::grid::{Aggregation, Measure};
use crate::pieces::{Format, PieceSlot};

/// Who may read something: each class may read what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Everyone: what the rules print.
    Public,
    /// Whoever applies, of their own dossier.
    Applicant,
    /// The jury.
    Jury,
    /// The call's officers.
    Officer,
}

/// What a field or a piece says of who may read its answers, where it does not go by its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Classes {
    /// Who may read the answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// Whether they tell who applies: a jury that marks blind does not see them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blind: Option<bool>,
    /// Whether they may be communicated to whoever asks for a laureate's dossier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub communicable: Option<bool>,
}

impl FieldKind {
    /// Who reads the answers of such a field, unless it says otherwise.
    pub const fn class(&self) -> Class {
        if matches!(self, Self::Iban) { Class::Officer } else { Class::Jury }
    }

    /// Whether they tell who applies, unless it says otherwise.
    pub const fn is_blind(&self) -> bool {
        matches!(
            self,
            Self::Iban | Self::Siret | Self::Rna | Self::Email | Self::Phone | Self::Url { .. } | Self::Address
        )
    }

    /// Whether they may be communicated, unless it says otherwise: bank details and people's addresses never.
    pub const fn is_communicable(&self) -> bool {
        !matches!(self, Self::Iban | Self::Email | Self::Phone)
    }
}

impl Field {
    /// Who reads its answers.
    pub fn class(&self) -> Class {
        let hidden = self.hidden_from_jury.then_some(Class::Officer);
        hidden.or(self.classes.class).unwrap_or_else(|| self.kind.class())
    }

    /// Whether they tell who applies.
    pub fn is_blind(&self) -> bool {
        self.classes.blind.unwrap_or_else(|| self.kind.is_blind())
    }

    /// Whether they may be communicated.
    pub fn is_communicable(&self) -> bool {
        self.classes.communicable.unwrap_or_else(|| self.kind.is_communicable())
    }
}

impl PieceSlot {
    /// Who reads its files: the jury, unless it says otherwise.
    pub fn class(&self) -> Class {
        let hidden = self.hidden_from_jury.then_some(Class::Officer);
        hidden.or(self.classes.class).unwrap_or(Class::Jury)
    }

    /// Whether they tell who applies.
    pub fn is_blind(&self) -> bool {
        self.classes.blind.unwrap_or(true)
    }

    /// Whether they may be communicated.
    pub fn is_communicable(&self) -> bool {
        self.classes.communicable.unwrap_or_else(|| self.class() < Class::Officer)
    }
}

/// A setting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    pub(super) name: &'static str,
    pub(super) must: bool,
    /// What it means to say nothing of it, as JSON; `None` where that is no value.
    pub(super) usual: Option<&'static str>,
    pub(super) class: Class,
    pub(super) shape: Shape,
}

/// What a setting looks like.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// A value of one kind: what it is called, how it is read and written again, what stands for one that is missing or wrong.
    One(&'static str, fn(&Value) -> Option<Value>, &'static str),
    /// Settings under names that are known.
    Members(&'static [Member]),
    /// The same, and those that its `type` has.
    Kind(&'static [Member]),
    /// Any number of the same.
    List(&'static Shape),
    /// Texts under names of the call's own.
    Texts,
}

/// Of a setting that no version of the program knew.
pub(super) const ANYTHING: Shape = Shape::One("unknown", |value| Some(value.clone()), "null");

/// A value as it is written again, when it can be read.
fn reads<T: DeserializeOwned + Serialize>(value: &Value) -> Option<Value> {
    serde_json::to_value(T::deserialize(value).ok()?).ok()
}

const TEXT: Shape = Shape::One("text", reads::<String>, "\"\"");
const FLAG: Shape = Shape::One("flag", reads::<bool>, "false");
const AMOUNT: Shape = Shape::One("whole", reads::<i64>, "0");
const COUNT: Shape = Shape::One("count", reads::<u32>, "0");
const SMALL: Shape = Shape::One("small", reads::<u8>, "0");
const SIZE: Shape = Shape::One("count", reads::<u64>, "0");
const INSTANT: Shape = Shape::One("instant", reads::<Timestamp>, "\"1970-01-01T00:00:00Z\"");
const NUMBER: Shape = Shape::One("number", reads::<Number>, "\"0\"");
const FORMAT: Shape = Shape::One("file-format", reads::<Format>, "\"pdf\"");
const CLASS: Shape = Shape::One("class", reads::<Class>, "\"officer\"");
const REQUIREMENT: Shape = Shape::One("requirement", reads::<Requirement>, "\"never\"");
const CONDITION: Shape = Shape::One("condition", reads::<Condition>, "{\"any\": []}");
const MEASURE: Shape = Shape::One("measure", reads::<Measure>, "\"total\"");

const fn must(name: &'static str, class: Class, shape: Shape) -> Member {
    Member { name, must: true, usual: None, class, shape }
}

const fn may(name: &'static str, class: Class, shape: Shape) -> Member {
    Member { name, must: false, usual: None, class, shape }
}

const fn usually(name: &'static str, class: Class, shape: Shape, usual: &'static str) -> Member {
    Member { usual: Some(usual), ..may(name, class, shape) }
}

use Class::{Officer, Public};

/// A call.
pub(super) const CALL: Shape = Shape::Members(&[
    may("format", Public, COUNT),
    must("code", Public, TEXT),
    must("number_prefix", Public, TEXT),
    must("title", Public, TEXT),
    usually("demonstration", Public, FLAG, "false"),
    must(
        "authority",
        Public,
        Shape::Members(&[must("name", Public, TEXT), must("siren", Public, TEXT), must("siret", Public, TEXT)]),
    ),
    must(
        "service",
        Public,
        Shape::Members(&[
            must("name", Public, TEXT),
            must("address", Public, TEXT),
            must("email", Public, TEXT),
            must("phone", Public, TEXT),
        ]),
    ),
    must("subject", Public, TEXT),
    must("duration_years", Public, SMALL),
    must("envelope_cents", Public, AMOUNT),
    must("place_price_cents", Public, AMOUNT),
    must("calendar", Public, Shape::Members(CALENDAR)),
    must("rules", Public, Shape::Members(RULES)),
    must("lots", Public, Shape::List(&Shape::Members(LOT))),
    must("form", Public, Shape::Members(&[must("sections", Public, Shape::List(&Shape::Members(SECTION)))])),
    must("pieces", Public, Shape::List(&Shape::Members(PIECE))),
    must("dossier_max_bytes", Public, SIZE),
    must("grid", Public, Shape::Members(GRID)),
    must("texts", Public, Shape::Texts),
]);

const CALENDAR: &[Member] = &[
    must("opens", Public, INSTANT),
    must("closes", Public, INSTANT),
    must("questions_until", Public, INSTANT),
    must("completion_until", Public, INSTANT),
    must("marking_from", Public, INSTANT),
    must("marking_until", Public, INSTANT),
    must(
        "milestones",
        Public,
        Shape::List(&Shape::Members(&[
            must("label", Public, TEXT),
            must("at", Public, INSTANT),
            may("until", Public, INSTANT),
            usually("day_only", Public, FLAG, "false"),
        ])),
    ),
];

const RULES: &[Member] = &[
    must("max_lots_requested", Public, COUNT),
    must("max_lots_awarded", Public, COUNT),
    must("laureates_per_lot", Public, COUNT),
    must("reserve_per_lot", Public, COUNT),
    usually("reserve_months", Public, COUNT, "12"),
    usually("results_by_criterion", Public, FLAG, "true"),
    must("implicit_rejection_months", Public, Shape::One("whole", reads::<i32>, "0")),
    must("name_field", Officer, TEXT),
    must("legal_form_field", Officer, TEXT),
    may("title_field", Officer, TEXT),
    may("summary_field", Officer, TEXT),
    must("eligible_forms", Public, Shape::List(&TEXT)),
    usually("officers_see_marks_while_marking", Public, FLAG, "false"),
    must("court", Public, TEXT),
];

const LOT: &[Member] = &[
    must("code", Public, TEXT),
    must("label", Public, TEXT),
    usually("ept", Public, TEXT, "\"\""),
    must("communes", Public, Shape::List(&Shape::Members(COMMUNE))),
    must("capacity", Public, AMOUNT),
    must("ceiling_cents", Public, AMOUNT),
];

const COMMUNE: &[Member] =
    &[must("code", Public, TEXT), must("name", Public, TEXT), usually("aliases", Public, Shape::List(&TEXT), "[]")];

const SECTION: &[Member] = &[
    must("code", Public, TEXT),
    must("title", Public, TEXT),
    must("fields", Public, Shape::List(&Shape::Kind(FIELD))),
];

const FIELD: &[Member] = &[
    must("code", Public, TEXT),
    must("label", Public, TEXT),
    may("help", Public, TEXT),
    usually("required", Public, REQUIREMENT, "\"never\""),
    may("shown_when", Public, CONDITION),
    usually("hidden_from_jury", Officer, FLAG, "false"),
    may("class", Officer, CLASS),
    may("blind", Officer, FLAG),
    may("communicable", Officer, FLAG),
];

const PIECE: &[Member] = &[
    must("code", Public, TEXT),
    must("label", Public, TEXT),
    must("formats", Public, Shape::List(&FORMAT)),
    must("max_bytes", Public, SIZE),
    usually("max_files", Public, COUNT, "1"),
    usually("required", Public, REQUIREMENT, "\"never\""),
    usually("indispensable", Public, FLAG, "false"),
    usually("hidden_from_jury", Officer, FLAG, "false"),
    may("class", Officer, CLASS),
    may("blind", Officer, FLAG),
    may("communicable", Officer, FLAG),
];

const GRID: &[Member] = &[
    must(
        "scale",
        Public,
        Shape::Members(&[
            must("min", Public, AMOUNT),
            must("max", Public, AMOUNT),
            must("step", Public, AMOUNT),
            usually("words", Public, Shape::List(&TEXT), "[]"),
        ]),
    ),
    must(
        "groups",
        Public,
        Shape::List(&Shape::Members(&[
            must("code", Public, TEXT),
            must("label", Public, TEXT),
            must(
                "criteria",
                Public,
                Shape::List(&Shape::Members(&[
                    must("code", Public, TEXT),
                    must("label", Public, TEXT),
                    must("weight", Public, COUNT),
                    usually("sources", Public, Shape::List(&TEXT), "[]"),
                ])),
            ),
        ])),
    ),
    usually(
        "thresholds",
        Public,
        Shape::List(&Shape::Members(&[
            must("code", Public, TEXT),
            must("on", Public, MEASURE),
            must("below", Public, NUMBER),
        ])),
        "[]",
    ),
    usually(
        "ties",
        Public,
        Shape::List(&Shape::Members(&[must("on", Public, MEASURE), usually("lower_wins", Public, FLAG, "false")])),
        "[]",
    ),
    must("min_jurors", Public, COUNT),
    may("min_marks", Public, COUNT),
    usually("aggregation", Public, Shape::One("aggregation", reads::<Aggregation>, "\"mean\""), "\"mean\""),
    usually(
        "comments",
        Public,
        Shape::Members(&[must("marks", Public, Shape::List(&AMOUNT)), must("min_chars", Public, SIZE)]),
        "{\"marks\": [], \"min_chars\": 0}",
    ),
    may("harmonise_from", Public, AMOUNT),
];

const CHOICES: Shape = Shape::List(&Shape::Members(&[must("value", Public, TEXT), must("label", Public, TEXT)]));
const MAX: &[Member] = &[must("max", Public, SIZE)];

const COLUMN: &[Member] =
    &[must("code", Public, TEXT), must("label", Public, TEXT), usually("optional", Public, FLAG, "false")];

/// What a kind of field has besides; `None` of a kind that there is not.
pub(super) fn of_kind(kind: &str) -> Option<&'static [Member]> {
    Some(match kind {
        "text" | "long_text" | "url" | "ordered_lots" => MAX,
        "choice" => const { &[must("options", Public, CHOICES)] },
        "date" => const { &[usually("not_after_today", Public, FLAG, "false")] },
        "decimal" => const { &[must("min", Public, NUMBER), must("max", Public, NUMBER)] },
        "integer" => {
            const {
                &[
                    may("min", Public, AMOUNT),
                    may("max", Public, AMOUNT),
                    may("capacity_percent", Public, Shape::One("percents", reads::<(i64, i64)>, "[0, 100]")),
                ]
            }
        }
        "amount" => const { &[usually("within_lot_ceiling", Public, FLAG, "false")] },
        "table" => {
            const {
                &[
                    must("min_rows", Public, SIZE),
                    must("max_rows", Public, SIZE),
                    must("columns", Public, Shape::List(&Shape::Kind(COLUMN))),
                    may(
                        "sum_below",
                        Public,
                        Shape::One("sum", reads::<SumBelow>, "{\"column\": \"\", \"value\": \"0\"}"),
                    ),
                ]
            }
        }
        "budget" => const { &[must("charges", Public, CHOICES), must("products", Public, CHOICES)] },
        "computed" => {
            const {
                &[must(
                    "formula",
                    Public,
                    Shape::One("formula", reads::<Quotient>, "{\"numerator\": \"\", \"denominator\": \"\"}"),
                )]
            }
        }
        "yes_no" | "siret" | "rna" | "iban" | "email" | "phone" | "address" | "percentage" | "lot" | "lot_commune"
        | "checkbox" => &[],
        _ => return None,
    })
}

/// Kinds of fields, in the order in which they are offered.
pub const KINDS: [&str; 21] = [
    "text",
    "long_text",
    "choice",
    "yes_no",
    "checkbox",
    "integer",
    "decimal",
    "percentage",
    "amount",
    "date",
    "email",
    "phone",
    "url",
    "address",
    "siret",
    "rna",
    "iban",
    "table",
    "budget",
    "computed",
    "lot_commune",
];

/// Texts of a call that are not letters to one applicant: everyone may read them.
const PUBLIC_TEXTS: [&str; 4] = ["remedies", "receipt_remedies", "privacy", "draft_notice"];
/// Texts that the jury reads.
const JURY_TEXTS: [&str; 2] = ["declaration", "opinion"];

/// Who reads one of the call's texts: letters that were not sent are their officers'.
fn class_of_text(name: &str) -> Class {
    match name {
        _ if PUBLIC_TEXTS.contains(&name) => Class::Public,
        _ if JURY_TEXTS.contains(&name) => Class::Jury,
        _ => Class::Officer,
    }
}

/// What of a call's definition, as JSON, a class may read. What the table does not know is nobody's.
pub fn visible(definition: &Value, class: Class) -> Value {
    cut(definition, &CALL, class)
}

fn cut(value: &Value, shape: &Shape, class: Class) -> Value {
    match (shape, value) {
        (Shape::Members(members), Value::Object(map)) => cut_members(map, members, &[], class),
        (Shape::Kind(members), Value::Object(map)) => {
            let own = map.get("type").and_then(Value::as_str).and_then(of_kind).unwrap_or_default();
            let mut left = cut_members(map, members, own, class);
            left["type"] = map.get("type").cloned().unwrap_or_default();
            left
        }
        (Shape::List(of), Value::Array(items)) => items.iter().map(|item| cut(item, of, class)).collect(),
        (Shape::Texts, Value::Object(map)) => {
            map.iter().filter(|(name, _)| class_of_text(name) <= class).map(|(k, v)| (k.clone(), v.clone())).collect()
        }
        (Shape::One(..), value) => value.clone(),
        _ => Value::Null,
    }
}

fn cut_members(map: &Map<String, Value>, members: &[Member], own: &[Member], class: Class) -> Value {
    let readable = members.iter().chain(own).filter(|member| member.class <= class);
    readable.filter_map(|m| Some((m.name.to_owned(), cut(map.get(m.name)?, &m.shape, class)))).collect()
}

/// Names of the settings beside one another, in the order in which they are written.
pub(super) fn order(shape: &Shape, map: &Map<String, Value>) -> Vec<String> {
    let known: Vec<&str> = match shape {
        Shape::Members(members) => members.iter().map(|m| m.name).collect(),
        Shape::Kind(members) => {
            let own = map.get("type").and_then(Value::as_str).and_then(of_kind).unwrap_or_default();
            let (first, rest) = members.split_at(2.min(members.len()));
            let names = first.iter().map(|m| m.name).chain(["type"]);
            names.chain(own.iter().map(|m| m.name)).chain(rest.iter().map(|m| m.name)).collect()
        }
        _ => Vec::new(),
    };
    let mut names: Vec<String> = known.iter().filter(|n| map.contains_key(**n)).map(|n| (*n).to_owned()).collect();
    let mut others: Vec<String> = map.keys().filter(|k| !known.contains(&k.as_str())).cloned().collect();
    // What the table does not order stands in the order of its names.
    others.sort_unstable();
    names.extend(others);
    names
}

/// Whether a setting says what would hold without it.
pub(super) fn is_usual(shape: &Shape, map: &Map<String, Value>, name: &str) -> bool {
    let usual = member(shape, map, name).and_then(|m| m.usual);
    usual.is_some_and(|usual| serde_json::from_str::<Value>(usual).is_ok_and(|usual| map.get(name) == Some(&usual)))
}

fn member<'m>(shape: &'m Shape, map: &Map<String, Value>, name: &str) -> Option<&'m Member> {
    match shape {
        Shape::Members(members) => members.iter().find(|m| m.name == name),
        Shape::Kind(members) => {
            let own = map.get("type").and_then(Value::as_str).and_then(of_kind).unwrap_or_default();
            members.iter().chain(own).find(|m| m.name == name)
        }
        _ => None,
    }
}

/// The shape of a setting beside others.
pub(super) fn below(shape: &Shape, map: &Map<String, Value>, name: &str) -> Shape {
    member(shape, map, name).map_or(ANYTHING, |m| m.shape)
}
