//! Opaque object keys: an area and an identifier, never a file's name.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// The name of an object in the bucket, such as `pieces/ab/0193…ab`.
///
/// The middle part is the identifier's last two digits: identifiers are ordered by time, so their first digits would put a whole
/// day into one directory of the embedded server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(String);

/// A text that is not one of our keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an object key")]
pub struct KeyError;

const AREAS: [&str; 2] = ["pieces", "documents"];

impl ObjectKey {
    /// Key of an uploaded piece.
    pub fn for_piece(id: Uuid) -> Self {
        Self::new(AREAS[0], id)
    }

    /// Key of a document made by the application: receipt, letter, export.
    pub fn for_document(id: Uuid) -> Self {
        Self::new(AREAS[1], id)
    }

    /// The key as the storage knows it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn new(area: &str, id: Uuid) -> Self {
        let shard = id.as_bytes()[15];
        Self(format!("{area}/{shard:02x}/{}", id.simple()))
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ObjectKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut parts = text.split('/');
        let (Some(area), Some(_), Some(id), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError);
        };
        let area = AREAS.into_iter().find(|known| *known == area).ok_or(KeyError)?;
        let key = Self::new(area, Uuid::try_parse(id).map_err(|_| KeyError)?);
        // There is one spelling per key: another shard, or a hyphenated identifier, is not ours.
        if key.0 == text { Ok(key) } else { Err(KeyError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(0x0193_5a1c_0000_7000_8000_0000_0000_12ab);

    #[test]
    fn a_key_reads_back() {
        let key = ObjectKey::for_piece(ID);
        assert_eq!(key.as_str(), "pieces/ab/01935a1c0000700080000000000012ab");
        assert_eq!(key.to_string().parse(), Ok(key));
        let document = ObjectKey::for_document(ID);
        assert_eq!(document.as_str().parse(), Ok(document));
    }

    #[test]
    fn nothing_else_is_a_key() {
        let good = ObjectKey::for_piece(ID).to_string();
        for bad in [
            String::new(),
            "pieces/../etc/passwd".to_owned(),
            good.replace("pieces", "secrets"),
            good.replace("/ab/", "/ac/"),
            good.to_uppercase(),
            format!("{good}/"),
            format!("/{good}"),
            format!("pieces/ab/{}", ID.hyphenated()),
        ] {
            assert_eq!(bad.parse::<ObjectKey>(), Err(KeyError), "{bad}");
        }
    }
}
