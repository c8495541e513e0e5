use super::*;

fn calendar() -> Calendar {
    let at = |t: &str| t.parse().unwrap();
    Calendar {
        opens: at("2027-01-11T08:00:00Z"),
        closes: at("2027-03-15T11:00:00Z"),
        questions_until: at("2027-02-26T11:00:00Z"),
        completion_until: at("2027-04-06T10:00:00Z"),
        marking_from: at("2027-04-11T22:00:00Z"),
        marking_until: at("2027-05-03T21:59:00Z"),
        milestones: vec![],
    }
}

#[test]
fn opening_and_closing_follow_the_clock() {
    let calendar = calendar();
    let phase = |t: &str| CallState::Published.phase(&calendar, t.parse().unwrap());
    assert_eq!(phase("2027-01-11T07:59:59.999999Z"), Phase::Upcoming);
    assert_eq!(phase("2027-01-11T08:00:00Z"), Phase::Open);
    assert_eq!(phase("2027-03-15T11:00:00Z"), Phase::Open);
    assert_eq!(phase("2027-03-15T11:00:00.000001Z"), Phase::Closed);
}

#[test]
fn a_moved_calendar_keeps_its_hours_across_summer_time() {
    let calendar = calendar();
    // Noon in Paris on 15 March is 11:00 UTC; 30 days later, in summer time, it is 10:00 UTC.
    let moved = calendar.moved_by_days(30).unwrap();
    assert_eq!(moved.closes.to_string(), "2027-04-14T10:00:00Z");
    assert_eq!(moved.moved_by_days(-30).unwrap(), calendar);
}

#[test]
fn silence_rejects_after_two_months_to_the_day() {
    let day = |t: &str| t.parse::<Date>().unwrap();
    assert_eq!(implicit_rejection_day(day("2027-03-15"), 2).unwrap(), day("2027-05-15"));
    assert_eq!(implicit_rejection_day(day("2026-12-31"), 2).unwrap(), day("2027-02-28"));
}

#[test]
fn a_number_of_days_or_months_beyond_the_calendar_is_refused() {
    let day: Date = "2027-03-15".parse().unwrap();
    for months in [i32::MIN, 239_977, i32::MAX] {
        assert!(implicit_rejection_day(day, months).is_err());
        let answers = [("founded".to_owned(), crate::answer::Answer::Date(day))].into();
        let condition = crate::form::Condition::MonthsBeforeClosing { field: "founded".into(), months };
        assert!(!condition.holds(&answers, day));
    }
    assert!(calendar().moved_by_days(i32::MAX).is_err());
}

#[test]
fn a_call_moves_one_step_at_a_time_and_not_before_it_closes() {
    let calendar = calendar();
    let before: Timestamp = "2027-03-15T11:00:00Z".parse().unwrap();
    let after: Timestamp = "2027-03-15T11:00:00.000001Z".parse().unwrap();
    assert!(matches!(
        CallState::Published.advance(CallState::Admissibility, &calendar, before),
        Err(AdvanceError::StillOpen { .. })
    ));
    assert_eq!(CallState::Published.advance(CallState::Admissibility, &calendar, after), Ok(CallState::Admissibility));
    for from in CallState::ALL {
        for to in CallState::ALL {
            assert_eq!(from.advance(to, &calendar, after).is_ok(), from.next().contains(&to), "{from:?} → {to:?}");
        }
    }
}
