//! The dates of a call for people's own calendars.

use ami_documents::{CalendarDocument, CalendarEvent, When, icalendar};
use ami_domain::call::day;

use crate::calls::show_call;
use crate::documents::NamedFile;
use crate::{Actor, Arrival, Result};

/// The dates of a call as an iCalendar file: the last instant of deposits and of questions, and the published milestones.
pub async fn call_calendar(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<NamedFile> {
    let call = show_call(app, who, code).await?;
    let definition = &call.definition;
    let host = app.settings.public_url.split("://").nth(1).unwrap_or_default();
    let event = |id: &str, title: String, when: When| CalendarEvent {
        id: format!("{code}-{id}@{host}"),
        title,
        description: format!("{}\n{}", definition.title, definition.service.name),
        url: app.settings.url(&format!("/appels/{code}")),
        when,
    };
    let word = |key: &str| ami_views::message(key, &[("code", code.to_owned())]).unwrap_or_default();
    let calendar = &definition.calendar;
    let mut events = vec![
        event("closes", word("calendar-closes"), When::Instants(calendar.closes, None)),
        event("questions", word("calendar-questions"), When::Instants(calendar.questions_until, None)),
    ];
    events.extend(calendar.milestones.iter().enumerate().map(|(n, milestone)| {
        let when = if milestone.day_only {
            When::Days(day(milestone.at), milestone.until.map(day))
        } else {
            When::Instants(milestone.at, milestone.until)
        };
        event(&format!("{}", n + 1), format!("{code} : {}", milestone.label), when)
    }));
    let document = CalendarDocument { name: definition.title.clone(), at: app.at, events };
    Ok(NamedFile { name: format!("{code}.ics"), bytes: icalendar(&document).into_bytes() })
}
