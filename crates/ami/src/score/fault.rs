//! What is wrong with an input file, and where.

use std::fmt;
use std::path::{Path, PathBuf};

/// A refusal that names the file and, where there is one, the line and column (from 1, in characters).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    file: PathBuf,
    place: Option<(usize, usize)>,
    expected: String,
}

impl Fault {
    pub(crate) fn file(file: &Path, expected: String) -> Self {
        Self { file: file.to_owned(), place: None, expected }
    }

    pub(crate) fn at(file: &Path, line: usize, column: usize, expected: String) -> Self {
        Self { file: file.to_owned(), place: Some((line, column)), expected }
    }

    /// At a byte of the file's text.
    pub(crate) fn at_byte(file: &Path, text: &str, byte: usize, expected: String) -> Self {
        let before = text.get(..byte).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self::at(file, line, column, expected)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some((line, column)) = self.place {
            write!(f, "{line}:{column}:")?;
        }
        write!(f, " {}", self.expected)
    }
}

/// A word as a sentence quotes it, shortened when it is long.
pub(crate) fn quoted(word: &str) -> String {
    let mut short: String = word.chars().take(60).collect();
    if short.len() < word.len() {
        short.push('…');
    }
    format!("«\u{a0}{short}\u{a0}»")
}

/// Reads a file as text, without its byte-order mark.
pub(crate) fn read(file: &Path) -> Result<String, Fault> {
    let bytes = std::fs::read(file).map_err(|error| Fault::file(file, format!("fichier illisible ({error})")))?;
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(&error.as_bytes()[..good]).into_owned();
        Fault::at_byte(file, &text, good, "texte en UTF-8 attendu".to_owned())
    })
}

pub(crate) const BYTE_ORDER_MARK: char = '\u{feff}';
