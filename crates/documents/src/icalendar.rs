//! Dates for people's own calendars: iCalendar (RFC 5545), from plain structs.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::civil::Date;

/// A calendar to be given out.
#[derive(Debug, Clone)]
pub struct CalendarDocument {
    /// Its name.
    pub name: String,
    /// When its dates were fixed.
    pub at: Timestamp,
    /// Its events.
    pub events: Vec<CalendarEvent>,
}

/// An event.
#[derive(Debug, Clone)]
pub struct CalendarEvent {
    /// Stays the same when its dates change.
    pub id: String,
    /// What happens.
    pub title: String,
    /// More about it.
    pub description: String,
    /// Where it is told on the web.
    pub url: String,
    /// When.
    pub when: When,
}

/// When something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// At an instant, or from one to another.
    Instants(Timestamp, Option<Timestamp>),
    /// On a day, or from one to another, the last included.
    Days(Date, Option<Date>),
}

/// Writes a calendar.
pub fn icalendar(document: &CalendarDocument) -> String {
    let mut out = String::new();
    let stamp = instant(document.at);
    let mut line = |name: &str, value: &str| fold(&mut out, &format!("{name}:{value}"));
    line("BEGIN", "VCALENDAR");
    line("VERSION", "2.0");
    line("PRODID", "-//ami//ami//FR");
    line("X-WR-CALNAME", &escape(&document.name));
    for event in &document.events {
        line("BEGIN", "VEVENT");
        line("UID", &escape(&event.id));
        line("DTSTAMP", &stamp);
        match event.when {
            When::Instants(from, until) => {
                line("DTSTART", &instant(from));
                if let Some(until) = until.filter(|until| *until > from) {
                    line("DTEND", &instant(until));
                }
            }
            When::Days(from, until) => {
                line("DTSTART;VALUE=DATE", &day(from));
                // The day after the last one.
                let after = until.unwrap_or(from).max(from).tomorrow();
                if let Ok(after) = after {
                    line("DTEND;VALUE=DATE", &day(after));
                }
            }
        }
        line("SUMMARY", &escape(&event.title));
        if !event.description.is_empty() {
            line("DESCRIPTION", &escape(&event.description));
        }
        line("URL", &event.url);
        line("END", "VEVENT");
    }
    line("END", "VCALENDAR");
    out
}

fn instant(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn day(date: Date) -> String {
    date.strftime("%Y%m%d").to_string()
}

fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '\\' | ';' | ',' => {
                let _ = write!(out, "\\{c}");
            }
            '\n' => out.push_str("\\n"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
        out
    })
}

/// A line of at most 75 bytes goes on behind a space on the next one.
fn fold(out: &mut String, line: &str) {
    let mut room = 75;
    for c in line.chars() {
        if c.len_utf8() > room {
            out.push_str("\r\n ");
            room = 74;
        }
        out.push(c);
        room -= c.len_utf8();
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calendar_is_read_by_other_programs() {
        let event = |when| CalendarEvent {
            id: "AMI-closes@exemple.fr".into(),
            title: "Clôture, à midi ; très long titre é".repeat(4),
            description: String::new(),
            url: "https://exemple.fr/appels/AMI".into(),
            when,
        };
        let at: Timestamp = "2027-03-15T11:00:00Z".parse().unwrap();
        let date = jiff::civil::date(2027, 3, 15);
        let text = icalendar(&CalendarDocument {
            name: "AMI".into(),
            at,
            events: vec![
                event(When::Instants(at, None)),
                event(When::Days(date, None)),
                event(When::Days(date, Some(jiff::civil::date(2027, 3, 31)))),
            ],
        });
        assert!(text.split("\r\n").all(|line| line.len() <= 75 && !line.contains('\n')), "{text}");
        let unfolded = text.replace("\r\n ", "");
        for said in [
            "DTSTART:20270315T110000Z\r\nSUMMARY:Clôture\\, à midi \\; très",
            "DTSTART;VALUE=DATE:20270315\r\nDTEND;VALUE=DATE:20270316\r\n",
            "DTEND;VALUE=DATE:20270401\r\n",
        ] {
            assert!(unfolded.contains(said), "{said}\n{unfolded}");
        }
    }
}
