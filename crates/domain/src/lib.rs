//! What a call for expressions of interest is, what a dossier, a mark and a decision are, and who may do what.
//!
//! Everything here is pure: no input or output, no async, no clock and no random number. An instant and an id are always
//! arguments. A value that exists has been checked: fields are private where a rule binds them, and the constructor is the rule.
//!
//! # Where things are
//! - [`ids`]: one type per id, so that swapped arguments do not compile.
//! - [`identifiers`]: SIRET, RNA, IBAN, e-mail address, parsed once.
//! - [`call`]: the call as its officers write it: calendar, lots, rules, texts; [`call::Phase`].
//! - [`form`], [`answer`]: the fields of the form and the values that answer them.
//! - [`pieces`]: the slots for uploaded files.
//! - [`schema`]: the JSON Schema of a call's answers.
//! - [`completeness`]: what a dossier still lacks before it can be deposited.
//! - [`grid`], [`sheet`]: the weighted criteria, and one juror's marks.
//! - [`dossier`], [`deposit`]: the life of a dossier, and what is proved at deposit.
//! - [`reminder`]: when drafts are reminded of the closing.
//! - [`question`]: a question on a call, and its answer.
//! - [`upload`]: a file on its way in, in parts.
//! - [`receipt`]: the number by which a receipt is verified, and the seal at its file's end.
//! - [`jury`]: seats, voices, recusals.
//! - [`decision`]: what the authority decides, once the jury has given its opinion.
//! - [`policy`]: every rule about who may do what, with its reason. Writes elsewhere demand its [`policy::Permit`].
//! - [`journal`]: the hash chain of the record of acts.

pub mod answer;
pub mod award;
pub mod call;
pub mod completeness;
pub mod decision;
pub mod deliberation;
pub mod deposit;
pub mod dossier;
pub mod form;
pub mod grid;
pub mod identifiers;
pub mod ids;
pub mod journal;
pub mod jury;
pub mod letter;
pub mod pieces;
pub mod policy;
pub mod question;
pub mod receipt;
pub mod reminder;
pub mod schema;
pub mod sheet;
pub mod text;
pub mod upload;
