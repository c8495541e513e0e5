//! The wiring: settings, the demonstration, the running server. A library so that the end-to-end tests wire the same parts.

pub mod call;
pub mod config;
pub mod demo;
pub mod demo_data;
pub mod erase;
pub mod evidence;
mod fingerprint;
mod keeper;
pub mod outbox;
pub mod receipt;
pub mod server;
