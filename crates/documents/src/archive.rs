//! Several files as one ZIP.

use std::io::{Cursor, Write as _};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::DocumentError;

/// A file and where it lies, folders separated by `/`.
#[derive(Debug, Clone)]
pub struct Packed {
    /// Its path, unique in the archive.
    pub path: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The files as one ZIP, in their order; the same files make the same bytes.
///
/// # Errors
/// [`DocumentError::Zip`] when two files have one path.
pub fn archive(files: &[Packed]) -> Result<Vec<u8>, DocumentError> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for file in files {
        writer.start_file(&file.path, SimpleFileOptions::default())?;
        writer.write_all(&file.bytes).map_err(zip::result::ZipError::from)?;
    }
    Ok(writer.finish()?.into_inner())
}
