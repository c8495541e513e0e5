//! The virus scanner: clamd, or none.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clamav_client::tokio::{Socket, Tcp, scan_file};
use thiserror::Error;

/// Where files are scanned.
#[derive(Debug, Clone)]
pub enum Scanner {
    /// Nowhere; pages say « non analysé ».
    None,
    /// A clamd on a TCP address.
    Tcp(String),
    /// A clamd on a Unix socket.
    Unix(PathBuf),
}

/// What the scanner found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Clean,
    /// Something, by name.
    Infected(String),
    /// No scanner is configured.
    NotScanned,
}

/// The scanner did not answer.
#[derive(Debug, Error)]
#[error("scanner: {0}")]
pub struct ScanError(String);

/// Longest wait for a verdict.
const PATIENCE: Duration = Duration::from_mins(2);

impl Scanner {
    /// Reads a setting: `none`, `tcp://host:port` or `unix:/path`.
    pub fn parse(setting: &str) -> Option<Self> {
        match setting {
            "" | "none" => Some(Self::None),
            other => {
                let tcp = other.strip_prefix("tcp://").filter(|a| a.contains(':')).map(|a| Self::Tcp(a.to_owned()));
                tcp.or_else(|| other.strip_prefix("unix:").map(|p| Self::Unix(PathBuf::from(p))))
            }
        }
    }

    /// Scans a file.
    ///
    /// # Errors
    /// [`ScanError`] when a configured scanner does not answer: a file that could not be scanned is not taken.
    pub async fn scan(&self, path: &Path) -> Result<Verdict, ScanError> {
        let answer = match self {
            Self::None => return Ok(Verdict::NotScanned),
            Self::Tcp(address) => {
                let host_address = address.as_str();
                tokio::time::timeout(PATIENCE, scan_file(path, Tcp { host_address }, None)).await
            }
            Self::Unix(socket) => {
                let socket_path = socket.as_path();
                tokio::time::timeout(PATIENCE, scan_file(path, Socket { socket_path }, None)).await
            }
        };
        let answer =
            answer.map_err(|_| ScanError("no answer in time".into()))?.map_err(|e| ScanError(e.to_string()))?;
        let text = String::from_utf8_lossy(&answer);
        let text = text.trim_end_matches(['\0', '\n']).trim_start_matches("stream: ");
        if text == "OK" {
            Ok(Verdict::Clean)
        } else if let Some(name) = text.strip_suffix(" FOUND") {
            Ok(Verdict::Infected(name.to_owned()))
        } else {
            Err(ScanError(text.to_owned()))
        }
    }
}
