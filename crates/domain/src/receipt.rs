//! What makes a receipt one that anyone can verify: a number that nobody guesses, and a seal at the end of its file.

use std::fmt;

/// What begins the last line of a sealed file: a comment, to whatever reads PDF.
const MARK: &str = "%ami-receipt ";
/// Names the signature's kind in that line.
const KIND: &str = " ed25519 ";
/// Hexadecimal digits of a key, and half of those of a signature.
const KEY: usize = 64;

/// The number of a receipt: 128 random bits, not the dossier's. Whoever holds it may ask whether the receipt is genuine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReceiptNumber(String);

impl ReceiptNumber {
    const DIGITS: usize = 32;

    /// The number that these random bytes make.
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(bytes.iter().flat_map(|byte| [hex(byte >> 4), hex(byte & 15)]).collect())
    }

    /// Reads a number as somebody copies it: capitals, spaces and hyphens do not matter.
    pub fn parse(text: &str) -> Option<Self> {
        digits(text).filter(|digits| digits.len() == Self::DIGITS).map(Self)
    }

    /// As it is kept and stands in addresses: 32 small hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// As it is printed: in groups of four.
impl fmt::Display for ReceiptNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, digit) in self.0.chars().enumerate() {
            if index > 0 && index.is_multiple_of(4) {
                f.write_str("-")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// By what somebody asks for a receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReceiptName {
    /// Its number.
    Number(ReceiptNumber),
    /// The SHA-256 of its file, small hexadecimal digits.
    File(String),
}

impl ReceiptName {
    /// Reads what somebody copied; the number of digits tells which it is.
    pub fn parse(text: &str) -> Option<Self> {
        ReceiptNumber::parse(text)
            .map(Self::Number)
            .or_else(|| digits(text).filter(|digits| digits.len() == 64).map(Self::File))
    }
}

/// The hexadecimal digits of a text, small, without what separates them; `None` when there is anything else.
fn digits(text: &str) -> Option<String> {
    let kept = text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '\u{2011}' | '\u{200b}'));
    kept.map(|c| c.is_ascii_hexdigit().then(|| c.to_ascii_lowercase())).collect()
}

fn hex(half: u8) -> char {
    char::from_digit(half.into(), 16).unwrap_or('0')
}

/// The last line of a receipt's file: its number, the public key, and that key's signature of all bytes before the signature's
/// digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal<'a> {
    /// The bytes that are signed.
    pub signed: &'a [u8],
    /// The receipt's number.
    pub number: ReceiptNumber,
    /// The public key, in hexadecimal.
    pub key: &'a str,
    /// The signature, in hexadecimal.
    pub signature: &'a str,
}

impl<'a> Seal<'a> {
    /// The bytes to be signed of a file that ends with a line's end: signed, with the signature and one more line's end after
    /// them, they are the sealed file.
    pub fn prepare(mut file: Vec<u8>, number: &ReceiptNumber, key: &str) -> Vec<u8> {
        file.extend_from_slice(format!("{MARK}{}{KIND}{key} ", number.as_str()).as_bytes());
        file
    }

    /// Reads the seal of a file. One written in any other way is none: a file has one sealed form.
    pub fn read(file: &'a [u8]) -> Option<Self> {
        let (signed, signature) = file.strip_suffix(b"\n")?.split_at_checked(file.len().checked_sub(1 + 2 * KEY)?)?;
        let start = signed.iter().rposition(|byte| *byte == b'\n')? + 1;
        let line = std::str::from_utf8(&signed[start..]).ok()?;
        let (number, key) = line.strip_prefix(MARK)?.strip_suffix(' ')?.split_once(KIND)?;
        let read = ReceiptNumber::parse(number).filter(|read| read.as_str() == number)?;
        let signature = std::str::from_utf8(signature).ok()?;
        let small = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        (key.len() == KEY && small(key) && small(signature)).then_some(Self { signed, number: read, key, signature })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_as_people_copy_it() {
        let number = ReceiptNumber::from_random([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 254, 255]);
        assert_eq!(number.as_str(), "000102030405060708090a0b0c0d feff".replace(' ', ""));
        assert_eq!(number.to_string(), "0001-0203-0405-0607-0809-0a0b-0c0d-feff");
        for copied in [number.to_string(), number.to_string().to_uppercase(), format!(" {} ", number.as_str())] {
            assert_eq!(ReceiptName::parse(&copied), Some(ReceiptName::Number(number.clone())), "{copied}");
        }
        let sha256 = "ab".repeat(32);
        assert_eq!(ReceiptName::parse(&sha256.to_uppercase()), Some(ReceiptName::File(sha256)));
        for wrong in ["", "ALI27-0001", "0001", &"a".repeat(33), &"g".repeat(32), "é"] {
            assert_eq!(ReceiptName::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_seal_stands_at_the_end_in_one_form() {
        let number = ReceiptNumber::from_random([7; 16]);
        let (key, signature) = ("ab".repeat(32), "cd".repeat(64));
        let signed = Seal::prepare(b"%PDF\n%%EOF\n".to_vec(), &number, &key);
        let sealed = [&signed, signature.as_bytes(), b"\n"].concat();
        let seal = Seal::read(&sealed).unwrap();
        assert_eq!((seal.signed, seal.key, seal.signature), (&signed[..], &*key, &*signature));
        assert_eq!(seal.number, number);
        let text = String::from_utf8(sealed.clone()).unwrap();
        for wrong in [
            text.trim_end().to_owned(),
            format!("{text}\n"),
            text.replace("cd", "CD"),
            text.replace("ab", "AB"),
            text.replace("0707", "07-07"),
            text.replace(" ed25519 ", " ed25519  "),
            text.replace('\n', ""),
            String::new(),
            "\n".repeat(200),
        ] {
            assert_eq!(Seal::read(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
