//! When whoever has an undeposited draft is reminded of the closing.

use jiff::{SignedDuration, Timestamp};

/// How long before the closing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lead {
    /// Fourteen days.
    Fortnight,
    /// Seven days.
    Week,
    /// Two days.
    TwoDays,
    /// Three hours.
    ThreeHours,
}

impl Lead {
    /// The longest first.
    pub const ALL: [Self; 4] = [Self::Fortnight, Self::Week, Self::TwoDays, Self::ThreeHours];

    /// Stable.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fortnight => "fortnight",
            Self::Week => "week",
            Self::TwoDays => "two-days",
            Self::ThreeHours => "three-hours",
        }
    }

    /// Reads a code.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|lead| lead.as_str() == code)
    }

    const fn hours(self) -> i64 {
        match self {
            Self::Fortnight => 14 * 24,
            Self::Week => 7 * 24,
            Self::TwoDays => 2 * 24,
            Self::ThreeHours => 3,
        }
    }

    /// The instant that lies so long before a closing.
    pub fn before(self, closes: Timestamp) -> Timestamp {
        closes.checked_sub(SignedDuration::from_hours(self.hours())).unwrap_or(Timestamp::MIN)
    }

    /// The first reminder that is still to come.
    pub fn next(closes: Timestamp, now: Timestamp) -> Option<(Self, Timestamp)> {
        Self::ALL.into_iter().map(|lead| (lead, lead.before(closes))).find(|(_, at)| *at > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reminder_comes_once_and_none_after_the_last() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let closes = at("2027-03-15T11:00:00Z");
        let mut now = at("2027-01-01T00:00:00Z");
        let mut told = Vec::new();
        while let Some((lead, next)) = Lead::next(closes, now) {
            told.push((lead, next.to_string()));
            now = next;
        }
        let expected = [
            (Lead::Fortnight, "2027-03-01T11:00:00Z"),
            (Lead::Week, "2027-03-08T11:00:00Z"),
            (Lead::TwoDays, "2027-03-13T11:00:00Z"),
            (Lead::ThreeHours, "2027-03-15T08:00:00Z"),
        ];
        assert_eq!(told, expected.map(|(lead, at)| (lead, at.to_owned())));
        assert_eq!(Lead::next(closes, closes), None);
        assert!(Lead::ALL.into_iter().all(|lead| Lead::parse(lead.as_str()) == Some(lead)));
    }
}
