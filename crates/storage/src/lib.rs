//! Pieces and documents in S3-compatible storage, and everything a file goes through before it is kept.
//!
//! An upload walks the modules in this order: [`spool`] writes it to a temporary file while hashing it, [`mod@inspect`] recognises
//! its type from its bytes, [`scan`] shows it to clamd, [`store`] puts it under an opaque [`ObjectKey`] and verifies what arrived.
//! [`embedded`] is the S3 server of single-machine mode: [`store`] talks to it exactly as it talks to Garage or AWS.
//!
//! This crate knows no call, no dossier, no person and no database. File names never reach it: a key comes from an identifier, a
//! type from the content. It says why it refuses with a stable `code()`; the sentences are in the locales.

pub mod embedded;
pub mod inspect;
pub mod key;
pub mod scan;
pub mod settings;
pub mod spool;
pub mod store;

pub use embedded::{Embedded, EmbeddedError, EmbeddedSettings};
pub use inspect::{Format, InspectError, Refused, inspect};
pub use key::{KeyError, ObjectKey};
pub use scan::{ScanError, Scanner, ScannerAddressError, Verdict};
pub use settings::{Secret, SettingsError, StorageSettings};
pub use spool::{ReceiveError, Spool, Spooled};
pub use store::{Object, ObjectReader, ReceivedPart, Storage, StorageError};
