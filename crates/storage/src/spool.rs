//! An upload on its way in: a local file, counted and hashed while it is written, gone when nobody needs it.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use uuid::Uuid;

/// A folder for uploads on their way in.
#[derive(Debug, Clone)]
pub struct Spool {
    folder: PathBuf,
}

/// A received file. It is removed when this is dropped.
#[derive(Debug)]
pub struct Spooled {
    path: PathBuf,
    size: u64,
    sha256: [u8; 32],
}

/// Why an upload was not received.
#[derive(Debug, Error)]
pub enum ReceiveError {
    /// More bytes than allowed.
    #[error("more than {max} bytes")]
    TooLarge {
        /// Allowed.
        max: u64,
    },
    /// No byte at all.
    #[error("empty")]
    Empty,
    /// The sender stopped in the middle.
    #[error("interrupted: {0}")]
    Interrupted(std::io::Error),
    /// The spool could not be written.
    #[error("spool: {0}")]
    Spool(std::io::Error),
}

/// Removes the file of an upload that did not arrive whole.
struct Guard<'a>(Option<&'a Path>);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if let Some(path) = self.0 {
            // A file that cannot be removed now is removed at the next start.
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Spool {
    /// Opens the folder, making it if need be, and removes what a killed process left there.
    pub fn open(folder: &Path) -> std::io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == "upload") {
                std::fs::remove_file(path)?;
            }
        }
        Ok(Self { folder: folder.to_owned() })
    }

    /// Receives an upload under a fresh id, through one buffer of 64 KiB.
    ///
    /// # Errors
    /// [`ReceiveError`]; nothing of the upload is left then.
    pub async fn receive(&self, id: Uuid, reader: impl AsyncRead, max_bytes: u64) -> Result<Spooled, ReceiveError> {
        let path = self.folder.join(format!("{}.upload", id.simple()));
        let mut file = tokio::fs::File::create_new(&path).await.map_err(ReceiveError::Spool)?;
        let mut guard = Guard(Some(&path));
        let mut reader = std::pin::pin!(reader);
        let mut digest = Sha256::new();
        let mut buffer = vec![0; 64 * 1024];
        let mut size = 0u64;
        loop {
            let n = reader.read(&mut buffer).await.map_err(ReceiveError::Interrupted)?;
            if n == 0 {
                break;
            }
            size += n as u64;
            if size > max_bytes {
                return Err(ReceiveError::TooLarge { max: max_bytes });
            }
            digest.update(&buffer[..n]);
            file.write_all(&buffer[..n]).await.map_err(ReceiveError::Spool)?;
        }
        if size == 0 {
            return Err(ReceiveError::Empty);
        }
        file.flush().await.map_err(ReceiveError::Spool)?;
        guard.0 = None;
        drop(guard);
        Ok(Spooled { path, size, sha256: digest.finalize().into() })
    }
}

impl Spooled {
    /// Where it is for now.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// SHA-256.
    pub const fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }

    /// SHA-256 in lower-case hexadecimal.
    pub fn sha256_hex(&self) -> String {
        hex::encode(self.sha256)
    }
}

impl Drop for Spooled {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
