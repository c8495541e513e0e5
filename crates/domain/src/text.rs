//! Small helpers on what people type.

use unicode_normalization::UnicodeNormalization as _;

/// What a person meant: outer white space gone, no-break spaces read as spaces, line ends as `\n`, control characters and marks
/// that nobody sees dropped, accents composed (NFC), so that `é` is one character however it was typed. Nothing when nothing of
/// it can be seen.
pub fn clean(input: &str) -> String {
    let text: String = input
        .replace("\r\n", "\n")
        .chars()
        .map(|c| match c {
            '\u{a0}' | '\u{202f}' | '\t' => ' ',
            '\r' | '\u{2028}' | '\u{2029}' => '\n',
            other => other,
        })
        // Joiners and variation selectors belong to what they join: emoji, scripts that bind letters.
        .filter(|c| *c == '\n' || !c.is_control() && (!is_invisible(*c) || joins(*c)))
        .nfc()
        .collect();
    if text.chars().all(|c| c.is_whitespace() || is_invisible(c)) { String::new() } else { text.trim().to_owned() }
}

/// Without any space or invisible mark, for numbers and identifiers that people group by hand or paste.
pub fn compact(input: &str) -> String {
    input.chars().filter(|c| !c.is_whitespace() && !is_invisible(*c)).collect()
}

/// Without marks that nobody sees, no-break spaces included: for what is pasted and holds no space.
pub fn visible(input: &str) -> String {
    clean(&input.chars().filter(|c| !is_invisible(*c) && !matches!(c, '\u{a0}' | '\u{202f}')).collect::<String>())
}

/// Characters that take no place or show nothing: zero-width and direction marks, soft hyphens, fillers, byte order marks.
pub const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

const fn joins(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}')
}

/// Most characters of a reason or a comment.
pub const MOST: usize = 4_000;

/// Whether a text is short enough to be kept, printed and put into a spreadsheet's cell.
///
/// # Errors
/// Its length, when it has more than [`MOST`] characters.
pub fn bounded(input: &str) -> Result<(), usize> {
    let length = length(input);
    if length > MOST { Err(length) } else { Ok(()) }
}

/// The length a person counts: characters, not bytes.
pub fn length(input: &str) -> usize {
    input.chars().count()
}

/// Digits before the comma: so many hundredths stay exact as doubles, which JSON's readers and spreadsheets have.
const LONGEST_WHOLE: usize = 13;

/// A decimal number as people write it (`4,04`, `1 150.5`) in hundredths; `None` when it is not a number with at most two decimals, or
/// has more than 13 digits before them.
pub fn hundredths(input: &str) -> Option<i64> {
    let text = compact(input).replace(',', ".");
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(&text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.len() > 2 || whole.len() > LONGEST_WHOLE {
        return None;
    }
    if !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let fraction: i64 = format!("{fraction:0<2}").parse().ok()?;
    let value = whole.checked_mul(100)?.checked_add(fraction)?;
    Some(if negative { -value } else { value })
}

/// Hundredths as French text: `4`, `4,5`, `1150,05`.
pub fn show_hundredths(value: i64) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let (whole, fraction) = (value.unsigned_abs() / 100, value.unsigned_abs() % 100);
    match fraction {
        0 => format!("{sign}{whole}"),
        f if f % 10 == 0 => format!("{sign}{whole},{}", f / 10),
        f => format!("{sign}{whole},{f:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_as_people_write_them() {
        assert_eq!(hundredths("4,04"), Some(404));
        assert_eq!(hundredths(" 1\u{202f}150.5 "), Some(115_050));
        assert_eq!(hundredths("-0,5"), Some(-50));
        for bad in ["", ",", "4,045", "1e3", "douze", "4-4", "12345678901234", "99999999999999999999"] {
            assert_eq!(hundredths(bad), None, "{bad}");
        }
    }

    #[test]
    fn decimals_are_shown_without_idle_zeros() {
        assert_eq!(show_hundredths(404), "4,04");
        assert_eq!(show_hundredths(450), "4,5");
        assert_eq!(show_hundredths(-50), "-0,5");
        assert_eq!(show_hundredths(100), "1");
    }

    #[test]
    fn what_nobody_sees_is_nothing() {
        for empty in
            ["", " \u{a0}\t", "\u{200b}", "\u{feff}\u{200e}\n\u{2060}", "\u{ad}", "\u{200d}", "\u{3164}", "\u{2800}"]
        {
            assert_eq!(clean(empty), "", "{empty:?}");
        }
        assert_eq!(clean("a\u{200b}b\u{202e}c\u{feff}"), "abc");
        assert_eq!(clean("👩\u{200d}🌾 \u{2764}\u{fe0f}"), "👩\u{200d}🌾 \u{2764}\u{fe0f}");
    }

    #[test]
    fn an_accent_counts_once_however_it_was_typed() {
        let typed = clean(&"e\u{301}".repeat(70));
        assert_eq!((length(&typed), typed.as_str()), (70, "é".repeat(70).as_str()));
    }

    proptest::proptest! {
        #[test]
        fn cleaning_twice_changes_nothing(input in proptest::arbitrary::any::<String>()) {
            let once = clean(&input);
            proptest::prop_assert_eq!(clean(&once), once);
        }
    }

    #[test]
    fn cleaning_keeps_line_ends_and_drops_controls() {
        assert_eq!(clean(" a\u{a0}b\r\nc\u{0} "), "a b\nc");
    }
}
