//! Numbers, sizes and instants as people in France read them.

use ami_domain::call::time_zone;
use jiff::civil::Date;
use jiff::{Timestamp, ZonedDateTime};

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

pub(crate) fn date_filter(text: &str) -> String {
    text.parse::<Timestamp>().map(date).or_else(|_| text.parse::<Date>().map(words)).unwrap_or_else(|_| text.to_owned())
}

pub(crate) fn date_time_filter(text: &str) -> String {
    text.parse::<Timestamp>().map_or_else(|_| text.to_owned(), date_time)
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
        assert_eq!(size(900), "900\u{a0}octets");
        assert_eq!(size(5 * 1_048_576), "5\u{a0}Mo");
        assert_eq!(size(1_258_291), "1,2\u{a0}Mo");
    }
}
