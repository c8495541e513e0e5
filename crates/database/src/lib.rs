//! The queries, on SQLite and PostgreSQL.
//!
//! To add a query: put it in the module of its noun; take `&impl ConnectionTrait` to read and `&Tx` to write; give back domain
//! types or a record of plain fields, never an entity. A write that the policy rules takes its `Permit`.

pub mod access;
pub mod accounts;
pub mod attempts;
pub mod calls;
mod connection;
pub mod deliberations;
pub mod deposits;
pub mod documents;
pub mod dossiers;
mod entities;
pub mod erasures;
pub mod evidence;
pub mod idempotency;
pub mod installation;
pub mod invitations;
pub mod jobs;
pub mod journal;
pub mod jury;
pub mod letters;
pub mod links;
pub mod mails;
pub mod objects;
pub mod officers;
pub mod organisations;
pub mod places;
pub mod questions;
pub mod rankings;
mod reader;
pub mod reopenings;
pub mod sign_ins;
pub mod uploads;
pub mod upsets;
mod writer;

pub use connection::{Constraint, Database, DatabaseError, Result, storable};
pub use reader::Reader;
pub use sea_orm::{ConnectionTrait, DbBackend};
pub use writer::{Doing, Failure, Tx};
