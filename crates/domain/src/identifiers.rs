//! Identifiers of organisations and people, parsed once.
//!
//! SIREN and SIRET: Luhn sums as INSEE defines them, with La Poste's exception. IBAN: ISO 13616, modulo 97, and for French ones
//! the RIB key. RNA: the national directory of associations, which has no check digit.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::text::{compact, visible};

/// Why an identifier was refused. The code is stable; the sentence for people is made from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum IdentifierError {
    /// Not the expected number of characters or digits.
    #[error("wrong length or characters")]
    Shape,
    /// The SIRET's own control sum is wrong.
    #[error("wrong control sum")]
    Checksum,
    /// The SIREN inside the SIRET has a wrong control sum.
    #[error("wrong control sum of the first nine digits")]
    SirenChecksum,
    /// The RIB key inside a French IBAN is wrong.
    #[error("wrong national key")]
    NationalKey,
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The canonical text, without spaces.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdentifierError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }
    };
}

identifier! {
    /// An establishment's number: 14 digits, Luhn on all of them and on the first nine.
    Siret
}
identifier! {
    /// An association's number in the national directory: `W` and nine characters.
    Rna
}
identifier! {
    /// A bank account.
    Iban
}
identifier! {
    /// An e-mail address, lower-cased: it is also the account's name.
    Email
}

const LA_POSTE: &str = "356000000";

fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(i, b)| {
            let digit = u32::from(b - b'0');
            if i % 2 == 0 {
                digit
            } else if digit > 4 {
                digit * 2 - 9
            } else {
                digit * 2
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

impl Siret {
    /// Reads a SIRET; spaces are allowed.
    ///
    /// # Errors
    /// [`IdentifierError::Shape`] when it is not 14 digits or all zeros, [`IdentifierError::SirenChecksum`] and
    /// [`IdentifierError::Checksum`] when a control sum is wrong.
    pub fn parse(input: &str) -> Result<Self, IdentifierError> {
        let digits = compact(input);
        if digits.len() != 14 || !digits.bytes().all(|b| b.is_ascii_digit()) || digits.bytes().all(|b| b == b'0') {
            return Err(IdentifierError::Shape);
        }
        let siren = &digits[..9];
        if !luhn(siren) {
            return Err(IdentifierError::SirenChecksum);
        }
        let sum: u32 = digits.bytes().map(|b| u32::from(b - b'0')).sum();
        let valid = luhn(&digits) || (siren == LA_POSTE && sum.is_multiple_of(5));
        if !valid {
            return Err(IdentifierError::Checksum);
        }
        Ok(Self(digits))
    }

    /// The enterprise's number: the first nine digits.
    pub fn siren(&self) -> &str {
        &self.0[..9]
    }
}

impl Rna {
    /// Reads an RNA number; lower case and spaces are allowed.
    ///
    /// # Errors
    /// [`IdentifierError::Shape`] unless it matches `W`, a digit, a digit or letter, and seven digits.
    pub fn parse(input: &str) -> Result<Self, IdentifierError> {
        let text = compact(input).to_ascii_uppercase();
        let b = text.as_bytes();
        let ok = b.len() == 10
            && b[0] == b'W'
            && b[1].is_ascii_digit()
            && b[2].is_ascii_alphanumeric()
            && b[3..].iter().all(u8::is_ascii_digit);
        if ok { Ok(Self(text)) } else { Err(IdentifierError::Shape) }
    }
}

impl Iban {
    /// Reads an IBAN; spaces are allowed.
    ///
    /// # Errors
    /// [`IdentifierError::Shape`] for a wrong form (French ones have 27 characters), [`IdentifierError::Checksum`] when the
    /// remainder modulo 97 is not 1, [`IdentifierError::NationalKey`] when a French RIB key is wrong.
    pub fn parse(input: &str) -> Result<Self, IdentifierError> {
        let text = compact(input).to_ascii_uppercase();
        let b = text.as_bytes();
        let shaped = (15..=34).contains(&b.len())
            && b[..2].iter().all(u8::is_ascii_uppercase)
            && b[2..4].iter().all(u8::is_ascii_digit)
            && b.iter().all(u8::is_ascii_alphanumeric);
        if !shaped || (text.starts_with("FR") && b.len() != 27) {
            return Err(IdentifierError::Shape);
        }
        let remainder = b[4..].iter().chain(&b[..4]).fold(0u32, |r, c| match c {
            b'0'..=b'9' => (r * 10 + u32::from(c - b'0')) % 97,
            _ => (r * 100 + u32::from(c - b'A') + 10) % 97,
        });
        if remainder != 1 {
            return Err(IdentifierError::Checksum);
        }
        if text.starts_with("FR") && !french_key(&text[4..]) {
            return Err(IdentifierError::NationalKey);
        }
        Ok(Self(text))
    }

    /// All but the last four characters hidden, for those who may know that there is one but not which.
    pub fn masked(&self) -> String {
        let shown = &self.0[self.0.len() - 4..];
        format!("{}{shown}", "•".repeat(self.0.len() - 4))
    }
}

/// The RIB key of a French BBAN: bank (5), branch (5), account (11), key (2).
fn french_key(bban: &str) -> bool {
    let number = |part: &str| {
        part.bytes().try_fold(0u64, |n, b| {
            let digit = match b {
                b'0'..=b'9' => b - b'0',
                b'A'..=b'I' => b - b'A' + 1,
                b'J'..=b'R' => b - b'J' + 1,
                b'S'..=b'Z' => b - b'S' + 2,
                _ => return None,
            };
            Some(n * 10 + u64::from(digit))
        })
    };
    let (Some(bank), Some(branch), Some(account), Ok(key)) =
        (number(&bban[..5]), number(&bban[5..10]), number(&bban[10..21]), bban[21..].parse::<u64>())
    else {
        return false;
    };
    97 - (89 * bank + 15 * branch + 3 * account) % 97 == key
}

impl Email {
    /// Reads an e-mail address: one `@`, a local part and a domain with a dot, at most 254 characters, no space.
    ///
    /// # Errors
    /// [`IdentifierError::Shape`]. Whether anyone reads the address is only known once a message was answered.
    pub fn parse(input: &str) -> Result<Self, IdentifierError> {
        let text = visible(input).to_lowercase();
        let ok = text.len() <= 254
            && !text
                .chars()
                .any(|c| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"' | ',' | ';' | '(' | ')'))
            && text.split_once('@').is_some_and(|(local, domain)| {
                !local.is_empty()
                    && local.len() <= 64
                    && !local.starts_with('.')
                    && !local.ends_with('.')
                    && !local.contains("..")
                    && domain.contains('.')
                    && domain.split('.').all(|label| {
                        !label.is_empty()
                            && label.len() <= 63
                            && !label.starts_with('-')
                            && !label.ends_with('-')
                            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
                    })
            });
        if ok { Ok(Self(text)) } else { Err(IdentifierError::Shape) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn siret_follows_both_luhn_rules_and_la_poste() {
        for good in ["00009301300019", "22930008200018", "229 300 082\u{a0}00018", "35600000000048", "35600000009075"] {
            assert!(Siret::parse(good).is_ok(), "{good}");
        }
        assert_eq!(Siret::parse("11122233344455"), Err(IdentifierError::SirenChecksum));
        assert_eq!(Siret::parse("22930008200019"), Err(IdentifierError::Checksum));
        for bad in ["", "0", "00000000000000", "2293000820001", "2293000820001X"] {
            assert_eq!(Siret::parse(bad), Err(IdentifierError::Shape), "{bad}");
        }
    }

    /// What a page or a mail adds when it is copied from makes no other identifier of it.
    #[test]
    fn invisible_marks_change_no_identifier() {
        for mark in
            ["\u{200b}", "\u{feff}", "\u{202a}", "\u{200e}", "\u{2069}", "\u{2060}", "\u{ad}", "\u{a0}", "\u{202f}"]
        {
            let marked = |plain: &str| format!("{mark}{}{mark}{}{mark}", &plain[..5], &plain[5..]);
            assert_eq!(
                Siret::parse(&marked("22930008200018")).map(String::from),
                Ok("22930008200018".into()),
                "{mark:?}"
            );
            assert_eq!(Rna::parse(&marked("W932900001")).map(String::from), Ok("W932900001".into()), "{mark:?}");
            assert_eq!(
                Email::parse(&marked("Ada.L@exemple.fr")).map(String::from),
                Ok("ada.l@exemple.fr".into()),
                "{mark:?}"
            );
            let iban = "FR7630006000011234567890189";
            assert_eq!(Iban::parse(&marked(iban)).map(String::from), Ok(iban.into()), "{mark:?}");
        }
        // One address, however its accent was typed.
        assert_eq!(Email::parse("rene\u{301}@exemple.fr"), Email::parse("rené@exemple.fr"));
    }

    #[test]
    fn iban_checks_modulo_and_french_key() {
        assert!(Iban::parse("FR76 3000 6000 0112 3456 7890 189").is_ok());
        assert!(Iban::parse("FR7699999000930000000000190").is_ok());
        assert!(Iban::parse("DE89370400440532013000").is_ok());
        assert_eq!(Iban::parse("FR7630006000011234567890188"), Err(IdentifierError::Checksum));
        assert_eq!(Iban::parse("FR76"), Err(IdentifierError::Shape));
        // A key of the RIB changed together with the IBAN's own control digits.
        assert_eq!(Iban::parse("FR4930006000011234567890190"), Err(IdentifierError::NationalKey));
    }

    #[test]
    fn rna_and_email_have_their_forms() {
        assert!(Rna::parse("w932900001").is_ok());
        assert!(Rna::parse("W9R1234567").is_ok());
        assert!(Rna::parse("W93290001").is_err());
        assert_eq!(Email::parse(" Ada@Exemple.FR ").map(|e| e.to_string()), Ok("ada@exemple.fr".into()));
        for bad in ["", "ada", "ada@", "@a.fr", "ada@exemple", "a b@c.fr", "a@b@c.fr", "a..b@c.fr", "a@-c.fr"] {
            assert!(Email::parse(bad).is_err(), "{bad}");
        }
    }
}
