//! Small helpers on what people type.

/// What a person meant: outer white space gone, no-break spaces read as spaces, line ends as `\n`, control characters dropped.
pub fn clean(input: &str) -> String {
    let text: String = input
        .replace("\r\n", "\n")
        .chars()
        .map(|c| match c {
            '\u{a0}' | '\u{202f}' | '\t' => ' ',
            '\r' => '\n',
            other => other,
        })
        .filter(|c| *c == '\n' || !c.is_control())
        .collect();
    text.trim().to_owned()
}

/// Without any space, for numbers and identifiers that people group by hand.
pub fn compact(input: &str) -> String {
    input.chars().filter(|c| !c.is_whitespace() && !matches!(c, '\u{a0}' | '\u{202f}' | '\u{2009}')).collect()
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
    fn cleaning_keeps_line_ends_and_drops_controls() {
        assert_eq!(clean(" a\u{a0}b\r\nc\u{0} "), "a b\nc");
    }
}
