//! The virus scanner: clamd over its INSTREAM protocol, or none.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clamav_client::tokio::{Socket, Tcp, TransportProtocol, ping, scan_file};

/// clamd answers within seconds; past this, a person waiting for an upload is better served by an error.
const SCAN_TIMEOUT: Duration = Duration::from_mins(2);
const PING_TIMEOUT: Duration = Duration::from_secs(3);
const CHUNK: usize = 64 * 1024;

/// Shows files to clamd, or says that nobody looked.
#[derive(Debug, Clone)]
pub struct Scanner {
    clamd: Option<Address>,
}

#[derive(Debug, Clone)]
enum Address {
    Tcp(String),
    Unix(PathBuf),
}

/// What the scanner found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing known was found.
    Clean,
    /// A known threat was found.
    Infected {
        /// The threat's name in clamd's database.
        name: String,
    },
    /// No scanner is configured.
    NotScanned,
}

/// A text that is no clamd address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the scanner's address must be HOST:PORT or the absolute path of a socket")]
pub struct ScannerAddressError;

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// clamd could not be reached, or hung up. It hangs up on files above its `StreamMaxLength`.
    #[error("the scanner cannot be reached")]
    Unreachable(#[source] io::Error),
    /// clamd did not answer in time.
    #[error("the scanner did not answer in time")]
    TimedOut,
    /// clamd answered, but not with a verdict.
    #[error("the scanner answered: {0}")]
    Refused(String),
    /// The file to scan cannot be read.
    #[error("the file to scan cannot be read")]
    File(#[source] io::Error),
}

impl ScanError {
    /// A stable code for logs, the API and the locales.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "scan.unreachable",
            Self::TimedOut => "scan.timed_out",
            Self::Refused(_) => "scan.refused",
            Self::File(_) => "scan.file",
        }
    }
}

impl fmt::Display for Scanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.clamd {
            None => f.write_str("none"),
            Some(Address::Tcp(address)) => write!(f, "clamd at {address}"),
            Some(Address::Unix(path)) => write!(f, "clamd at {}", path.display()),
        }
    }
}

impl Scanner {
    /// No scanner: every verdict is [`Verdict::NotScanned`].
    pub fn none() -> Self {
        Self { clamd: None }
    }

    /// The clamd at `HOST:PORT`, or at the socket `/path` (`unix:/path` is understood too). Does not connect.
    ///
    /// Its `StreamMaxLength` must be above the upload limit.
    pub fn clamd(address: &str) -> Result<Self, ScannerAddressError> {
        let path = address.strip_prefix("unix:").unwrap_or(address);
        let address = if path.starts_with('/') {
            Address::Unix(path.into())
        } else {
            let (host, port) = address.rsplit_once(':').ok_or(ScannerAddressError)?;
            let valid =
                !host.is_empty() && !host.contains(['/', ' ']) && port.parse::<u16>().is_ok_and(|port| port != 0);
            if !valid {
                return Err(ScannerAddressError);
            }
            Address::Tcp(address.to_owned())
        };
        Ok(Self { clamd: Some(address) })
    }

    /// Whether files are scanned at all.
    pub fn is_configured(&self) -> bool {
        self.clamd.is_some()
    }

    /// Whether clamd answers. Without a scanner there is nothing to wait for.
    pub async fn ready(&self) -> Result<(), ScanError> {
        let answer = match &self.clamd {
            None => return Ok(()),
            Some(Address::Tcp(address)) => tokio::time::timeout(PING_TIMEOUT, ping(tcp(address))).await,
            Some(Address::Unix(path)) => tokio::time::timeout(PING_TIMEOUT, ping(unix(path))).await,
        };
        let answer = answer.map_err(|_| ScanError::TimedOut)?.map_err(ScanError::Unreachable)?;
        if answer == clamav_client::PONG { Ok(()) } else { Err(ScanError::Refused(printable(&answer))) }
    }

    /// Scans one file.
    pub async fn scan(&self, path: &Path) -> Result<Verdict, ScanError> {
        match &self.clamd {
            None => Ok(Verdict::NotScanned),
            Some(Address::Tcp(address)) => instream(path, tcp(address)).await,
            Some(Address::Unix(socket)) => instream(path, unix(socket)).await,
        }
    }
}

fn tcp(address: &str) -> Tcp<&str> {
    Tcp { host_address: address }
}

fn unix(path: &Path) -> Socket<&Path> {
    Socket { socket_path: path }
}

async fn instream(path: &Path, clamd: impl TransportProtocol) -> Result<Verdict, ScanError> {
    // The client's one error type would not tell an unreadable file from an absent clamd.
    tokio::fs::File::open(path).await.map_err(ScanError::File)?;
    let answer = tokio::time::timeout(SCAN_TIMEOUT, scan_file(path, clamd, Some(CHUNK)))
        .await
        .map_err(|_| ScanError::TimedOut)?
        .map_err(ScanError::Unreachable)?;
    verdict(&answer)
}

/// Reads `stream: OK`, `stream: NAME FOUND`, or a complaint. Only an exact OK is clean.
fn verdict(answer: &[u8]) -> Result<Verdict, ScanError> {
    let text = printable(answer);
    match text.strip_prefix("stream: ") {
        Some("OK") => Ok(Verdict::Clean),
        Some(found) => match found.strip_suffix(" FOUND") {
            Some(name) => Ok(Verdict::Infected { name: name.to_owned() }),
            None => Err(ScanError::Refused(text)),
        },
        None => Err(ScanError::Refused(text)),
    }
}

fn printable(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    let text = text.trim_end_matches(['\0', '\n', '\r']);
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        assert_eq!(verdict(b"stream: OK\0").unwrap(), Verdict::Clean);
        let name = "Win.Test.EICAR_HDB-1".to_owned();
        assert_eq!(verdict(b"stream: Win.Test.EICAR_HDB-1 FOUND\0").unwrap(), Verdict::Infected { name });
        for complaint in ["", "INSTREAM size limit exceeded. ERROR\0", "stream: ERROR\0", "OK"] {
            assert!(verdict(complaint.as_bytes()).is_err(), "{complaint}");
        }
    }

    #[test]
    fn addresses() {
        for good in ["localhost:3310", "[::1]:3310", "/run/clamav/clamd.ctl", "unix:/run/clamd.sock"] {
            assert!(Scanner::clamd(good).is_ok(), "{good}");
        }
        for bad in ["", "localhost", "localhost:", ":3310", "localhost:0", "run/clamd.sock", "http://h:1/"] {
            assert!(Scanner::clamd(bad).is_err(), "{bad}");
        }
    }
}
