//! The dates of a call: their order, and those at which nobody is at a desk.

use jiff::civil::{Date, Weekday};
use jiff::{Span, Timestamp};

use super::check::Problem;
use super::{Calendar, time_zone};

/// Before this hour and from the second one on, nobody answers the telephone.
const AWAKE: std::ops::Range<i8> = 7..22;

/// Easter Sunday in the Gregorian calendar (the anonymous algorithm of 1876).
fn easter(year: i16) -> Option<Date> {
    let years = i32::from(year);
    let (golden, century, of_century) = (years % 19, years / 100, years % 100);
    let leap_centuries = century / 4;
    let correction = (8 * century + 13) / 25;
    let moon = (19 * golden + century - leap_centuries - correction + 15) % 30;
    let weekday = (32 + 2 * (century % 4) + 2 * (of_century / 4) - moon - of_century % 4) % 7;
    let late = (golden + 11 * moon + 22 * weekday) / 451;
    let days = moon + weekday - 7 * late + 114;
    let (month, day) = (days / 31, days % 31 + 1);
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// Whether a day is a public holiday in France (code du travail, L.3133-1).
pub(super) fn is_holiday(day: Date) -> bool {
    const FIXED: [(i8, i8); 8] = [(1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)];
    let moving = |days: i64| {
        let sunday = easter(day.year())?;
        sunday.checked_add(Span::new().try_days(days).ok()?).ok()
    };
    FIXED.contains(&(day.month(), day.day())) || [1, 39, 50].into_iter().any(|days| moving(days) == Some(day))
}

/// Looks at the dates of a call.
pub(super) fn check_calendar(calendar: &Calendar, now: Timestamp, found: &mut Vec<Problem>) {
    let mut after = |at: &str, later: bool, code: &'static str| {
        if !later {
            found.push(Problem::error(&format!("/calendar/{at}"), code));
        }
    };
    after("closes", calendar.closes > calendar.opens, "closes-before-opens");
    after("marking_until", calendar.marking_until > calendar.marking_from, "marking-order");
    after("questions_until", calendar.questions_until <= calendar.closes, "questions-order");
    after("completion_until", calendar.completion_until >= calendar.closes, "completion-order");
    after("marking_from", calendar.marking_from >= calendar.closes, "marking-before-closing");
    if calendar.closes <= now {
        found.push(Problem::warning("/calendar/closes", "closing-past"));
    }
    for (name, at) in [
        ("opens", calendar.opens),
        ("closes", calendar.closes),
        ("questions_until", calendar.questions_until),
        ("completion_until", calendar.completion_until),
    ] {
        let local = at.to_zoned_datetime(time_zone());
        let code = if local.date().weekday() == Weekday::Sunday {
            "sunday"
        } else if is_holiday(local.date()) {
            "holiday"
        } else if !AWAKE.contains(&local.hour()) {
            "night"
        } else {
            continue;
        };
        found.push(Problem::warning(&format!("/calendar/{name}"), code));
    }
    for (i, milestone) in calendar.milestones.iter().enumerate() {
        let at = |name: &str| format!("/calendar/milestones/{i}/{name}");
        if milestone.label.trim().is_empty() {
            found.push(Problem::error(&at("label"), "empty"));
        }
        if milestone.until.is_some_and(|until| until < milestone.at) {
            found.push(Problem::error(&at("until"), "until-before"));
        }
        if i > 0 && calendar.milestones[i - 1].at > milestone.at {
            found.push(Problem::warning(&at("at"), "milestone-order"));
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn easter_moves_and_its_mondays_with_it() {
        for (year, month, day) in [(2024, 3, 31), (2025, 4, 20), (2026, 4, 5), (2027, 3, 28), (2038, 4, 25)] {
            assert_eq!(easter(year), Some(date(year, month, day)));
        }
        for day in ["2027-03-29", "2027-05-06", "2027-05-17", "2027-07-14"] {
            assert!(is_holiday(day.parse().unwrap()), "{day}");
        }
        assert!(!is_holiday(date(2027, 3, 15)));
    }
}
