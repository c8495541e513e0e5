//! Pieces in S3-compatible storage, and the embedded S3 server of single-machine mode.
//!
//! An upload takes one way in: [`spool::Spool::receive`] streams it to a local file while counting and hashing,
//! [`inspect::inspect`] recognises it from its bytes, [`scan::Scanner::scan`] passes it, [`Storage::put`] stores it with its
//! SHA-256, and only then does the caller write the row that makes it a piece. Memory stays flat whatever the size.
//!
//! What is guaranteed when [`Storage::put`] returns: the server has checked the SHA-256 and holds the whole object; the embedded
//! server has also forced the file and its folder to disk.

pub mod embedded;
pub mod inspect;
pub mod scan;
pub mod spool;
mod store;

pub use store::{Object, ObjectKey, Storage, StorageError, StorageSettings};
