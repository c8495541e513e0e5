//! Numbers, sizes and instants as people in France read them.

use ami_domain::call::time_zone;
use jiff::civil::Date;
use jiff::{Timestamp, ZonedDateTime};
use minijinja::value::Value;

const NARROW: char = '\u{202f}';
const DAYS: [&str; 7] = ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"];
const MONTHS: [&str; 12] = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
];

fn words(day: Date) -> String {
    let weekday = DAYS[usize::try_from(day.weekday().to_monday_zero_offset()).unwrap_or(0) % 7];
    let month = MONTHS[usize::try_from(day.month() - 1).unwrap_or(0) % 12];
    let number = if day.day() == 1 { "1er".to_owned() } else { day.day().to_string() };
    format!("{weekday} {number} {month} {}", day.year())
}

/// `15 mars 2027`, as a letter says it.
pub fn civil(day: Date) -> String {
    let words = words(day);
    words.split_once(' ').map_or_else(String::new, |(_, rest)| rest.to_owned())
}

/// `lundi 15 mars 2027`, in Europe/Paris.
pub fn date(at: Timestamp) -> String {
    words(at.to_zoned_datetime(time_zone()).date())
}

/// `lundi 15 mars 2027 à 12:00:00 (heure de Paris, UTC+01:00)`: the offset leaves no doubt on the nights of changing clocks.
pub fn date_time(at: Timestamp) -> String {
    let zoned: ZonedDateTime = at.to_zoned_datetime(time_zone());
    let minutes = zoned.offset().seconds() / 60;
    let (sign, minutes) = if minutes < 0 { ('-', -minutes) } else { ('+', minutes) };
    format!(
        "{} à {:02}:{:02}:{:02} (heure de Paris, UTC{sign}{:02}:{:02})",
        words(zoned.date()),
        zoned.hour(),
        zoned.minute(),
        zoned.second(),
        minutes / 60,
        minutes % 60
    )
}

/// `14 h 03`, in Europe/Paris.
pub fn hour(at: Timestamp) -> String {
    let zoned = at.to_zoned_datetime(time_zone());
    format!("{}\u{a0}h\u{a0}{:02}", zoned.hour(), zoned.minute())
}

pub(crate) fn hour_filter(text: &str) -> String {
    text.parse::<Timestamp>().map_or_else(|_| text.to_owned(), hour)
}

pub(crate) fn date_filter(text: &str) -> String {
    text.parse::<Timestamp>().map(date).or_else(|_| text.parse::<Date>().map(words)).unwrap_or_else(|_| text.to_owned())
}

pub(crate) fn date_time_filter(text: &str) -> String {
    text.parse::<Timestamp>().map_or_else(|_| text.to_owned(), date_time)
}

/// `15/03/2027 à 12:00:00`, for tables; the page around says that times are those of Paris.
pub(crate) fn short_filter(text: &str) -> String {
    text.parse::<Timestamp>().map_or_else(
        |_| text.to_owned(),
        |at| {
            let zoned = at.to_zoned_datetime(time_zone());
            format!(
                "{:02}/{:02}/{} à\u{a0}{:02}:{:02}:{:02}",
                zoned.day(),
                zoned.month(),
                zoned.year(),
                zoned.hour(),
                zoned.minute(),
                zoned.second()
            )
        },
    )
}

/// `11 500`.
pub fn integer(number: i64) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", grouped(&number.unsigned_abs().to_string()))
}

/// `3 dossiers`, `1 dossier`, `0 dossier`: in French, nothing is singular.
pub(crate) fn plural(count: i64, one: &str, many: &str) -> String {
    format!("{}\u{a0}{}", integer(count), if count.abs() < 2 { one } else { many })
}

/// A number with a decimal comma, at most two decimals, groups of three. Text that is no number stays as typed.
pub(crate) fn decimal(value: &Value) -> String {
    let text = value.to_string();
    let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((&text, ""));
    let digits = |s: &str| s.chars().all(|c| c.is_ascii_digit());
    let (sign, bare) = whole.strip_prefix('-').map_or(("", whole), |w| ("-", w));
    if bare.is_empty() || bare.len() > 15 || !digits(bare) || !digits(fraction) {
        return text;
    }
    let fraction = match fraction.trim_end_matches('0') {
        "" => String::new(),
        one if one.len() == 1 => format!(",{one}0"),
        more => format!(",{more}"),
    };
    format!("{sign}{}{fraction}", grouped(bare))
}

/// A number with so many decimals after a comma and a minus sign; nothing is a dash.
pub fn fixed(number: Option<f64>, decimals: usize) -> String {
    number.map_or_else(
        || "—".to_owned(),
        |number| format!("{number:.decimals$}").replace('.', ",").replace('-', "\u{2212}"),
    )
}

/// A share of one as a percentage.
pub fn percent(share: f64) -> String {
    format!("{:.0}\u{a0}%", share * 100.0)
}

/// Characters in groups of the given lengths: a SIRET reads `000 093 013 00019`. Other text stays as it is.
fn spaced(text: &str, groups: &[usize]) -> String {
    let bare: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if !bare.is_ascii() || bare.len() != groups.iter().sum::<usize>() {
        return text.to_owned();
    }
    let mut rest = bare.as_str();
    let mut parts = Vec::with_capacity(groups.len());
    for length in groups {
        let (part, after) = rest.split_at(*length);
        parts.push(part);
        rest = after;
    }
    parts.join("\u{a0}")
}

/// `229 300 082 00018`.
pub fn siret(text: &str) -> String {
    spaced(text, &[3, 3, 3, 5])
}

/// `FR76 3000 …`: in groups of four.
pub fn iban(text: &str) -> String {
    spaced(text, &[4, 4, 4, 4, 4, 4, 3])
}

fn grouped(digits: &str) -> String {
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(NARROW);
        }
        out.push(c);
    }
    out
}

/// `1 322 500 €` or `12,50 €`, from cents.
pub fn money(cents: i64) -> String {
    let (whole, rest) = (cents.unsigned_abs() / 100, cents.unsigned_abs() % 100);
    let sign = if cents < 0 { "-" } else { "" };
    let fraction = if rest == 0 { String::new() } else { format!(",{rest:02}") };
    format!("{sign}{}{fraction}\u{a0}€", grouped(&whole.to_string()))
}

/// `1,2 Mo`, in powers of 1024 as the limits of the call are.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes}\u{a0}octets"),
        1024..1_048_576 => format!("{}\u{a0}Ko", bytes.div_ceil(1024)),
        _ => {
            let tenths = (bytes * 10).div_ceil(1_048_576);
            let fraction = if tenths.is_multiple_of(10) { String::new() } else { format!(",{}", tenths % 10) };
            format!("{}{fraction}\u{a0}Mo", tenths / 10)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_say_their_offset() {
        let at = |t: &str| date_time(t.parse().unwrap());
        assert_eq!(at("2027-03-15T11:00:00Z"), "lundi 15 mars 2027 à 12:00:00 (heure de Paris, UTC+01:00)");
        assert_eq!(at("2027-04-01T10:00:00Z"), "jeudi 1er avril 2027 à 12:00:00 (heure de Paris, UTC+02:00)");
    }

    #[test]
    fn amounts_and_sizes() {
        assert_eq!(money(132_250_000), "1\u{202f}322\u{202f}500\u{a0}€");
        assert_eq!(money(-1_205), "-12,05\u{a0}€");
        assert_eq!(decimal(&Value::from(1050.5)), "1\u{202f}050,50");
        assert_eq!(decimal(&Value::from(46.75)), "46,75");
        assert_eq!(decimal(&Value::from("beaucoup")), "beaucoup");
        assert_eq!(fixed(Some(-0.126), 2), "\u{2212}0,13");
        assert_eq!(fixed(None, 2), "—");
        assert_eq!(percent(0.456), "46\u{a0}%");
        assert_eq!(plural(0, "dossier", "dossiers"), "0\u{a0}dossier");
        assert_eq!(plural(1_200, "dossier", "dossiers"), "1\u{202f}200\u{a0}dossiers");
        assert_eq!(siret("00009301300019"), "000\u{a0}093\u{a0}013\u{a0}00019");
        assert_eq!(siret("abc"), "abc");
        assert_eq!(short_filter("2027-03-15T11:00:00Z"), "15/03/2027 à\u{a0}12:00:00");
        assert_eq!(size(900), "900\u{a0}octets");
        assert_eq!(size(5 * 1_048_576), "5\u{a0}Mo");
        assert_eq!(size(1_258_291), "1,2\u{a0}Mo");
    }
}
