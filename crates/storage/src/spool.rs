//! Uploads on their way in: streamed to a temporary file, counted and hashed as they pass, deleted when nobody holds them.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

const BUFFER: usize = 64 * 1024;
/// How long a sender may say nothing, and take in all: whoever trickles bytes holds a file and a connection.
const SILENCE: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_hours(1);
const LOCK: &str = ".lock";
const SUFFIX: &str = ".upload";

/// A directory for uploads in progress. Several processes may share it.
#[derive(Debug, Clone)]
pub struct Spool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    directory: PathBuf,
    next: AtomicU64,
    /// Held shared while a spool or one of its files lives, so that a starting process knows whether leftovers are anyone's.
    _lock: File,
}

/// One received file. Dropping it deletes the file.
#[derive(Debug)]
pub struct Spooled {
    path: PathBuf,
    size: u64,
    sha256: [u8; 32],
    _shared: Arc<Shared>,
}

/// Why an upload was not received. Nothing of it is left on the disk.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// More bytes came than allowed.
    #[error("the file is larger than {max} bytes")]
    TooLarge {
        /// The limit, in bytes.
        max: u64,
    },
    /// No byte came.
    #[error("the file is empty")]
    Empty,
    /// The sender stopped before the end.
    #[error("the upload was interrupted")]
    Interrupted(#[source] io::Error),
    /// No space is left for uploads.
    #[error("no space is left in the upload directory")]
    Full,
    /// The upload directory failed in another way.
    #[error("the upload directory cannot be written")]
    Disk(#[source] io::Error),
}

impl ReceiveError {
    /// A stable code for logs, the API and the locales.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "file.too_large",
            Self::Empty => "file.empty",
            Self::Interrupted(_) => "file.interrupted",
            Self::Full => "spool.full",
            Self::Disk(_) => "spool.failed",
        }
    }

    fn disk(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Disk(error),
        }
    }
}

impl Spool {
    /// Opens `directory`, creating it, and removes what killed processes left there unless another living process uses it.
    pub fn open(directory: impl Into<PathBuf>) -> io::Result<Self> {
        let directory = directory.into();
        create_private_directory(&directory)?;
        let lock = File::options().create(true).truncate(false).write(true).open(directory.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => {
                remove_leftovers(&directory)?;
                lock.unlock()?;
            }
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // Another process may take the lock in between and clean: there is nothing of ours yet.
        lock.lock_shared()?;
        Ok(Self { shared: Arc::new(Shared { directory, next: AtomicU64::new(0), _lock: lock }) })
    }

    /// Receives one upload of at most `max_bytes`. Memory use does not depend on its size.
    pub async fn receive(&self, reader: impl AsyncRead, max_bytes: u64) -> Result<Spooled, ReceiveError> {
        let mut reader = pin!(reader);
        let (path, file) = self.create_file().map_err(ReceiveError::disk)?;
        // From here on, every way out of this function (even its cancellation) drops this value, and so deletes the file.
        let mut spooled = Spooled { path, size: 0, sha256: [0; 32], _shared: Arc::clone(&self.shared) };
        let mut file = tokio::fs::File::from_std(file);
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; BUFFER];
        let started = Instant::now();
        loop {
            let read =
                timeout(SILENCE, reader.read(&mut buffer)).await.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()));
            let read = read.map_err(ReceiveError::Interrupted)?;
            if started.elapsed() > LONGEST {
                return Err(ReceiveError::Interrupted(ErrorKind::TimedOut.into()));
            }
            let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
                break;
            };
            spooled.size += read as u64;
            if spooled.size > max_bytes {
                return Err(ReceiveError::TooLarge { max: max_bytes });
            }
            hasher.update(bytes);
            file.write_all(bytes).await.map_err(ReceiveError::disk)?;
        }
        if spooled.size == 0 {
            return Err(ReceiveError::Empty);
        }
        file.flush().await.map_err(ReceiveError::disk)?;
        // Not for durability (the storage has that) but because a disk may report a failed write only here.
        file.sync_data().await.map_err(ReceiveError::disk)?;
        spooled.sha256 = hasher.finalize().into();
        Ok(spooled)
    }

    fn create_file(&self) -> io::Result<(PathBuf, File)> {
        loop {
            let number = self.shared.next.fetch_add(1, Ordering::Relaxed);
            let name = format!("{}-{number}{SUFFIX}", std::process::id());
            let path = self.shared.directory.join(name);
            match File::options().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok((path, file)),
                // Two containers that share the directory may have the same process number.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Spooled {
    /// Size in bytes, never 0.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// SHA-256 of the content.
    pub fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }

    /// SHA-256 of the content in 64 lower-case hexadecimal digits.
    pub fn sha256_hex(&self) -> String {
        hex::encode(self.sha256)
    }

    /// Where the file is, for as long as this value lives.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Spooled {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "a spooled upload could not be deleted");
        }
    }
}

/// Creates a directory that only this account can read: it will hold people's documents.
pub(crate) fn create_private_directory(directory: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

fn remove_leftovers(directory: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().ends_with(SUFFIX) {
            std::fs::remove_file(entry.path())?;
            tracing::info!(path = %entry.path().display(), "removed an interrupted upload");
        }
    }
    Ok(())
}
