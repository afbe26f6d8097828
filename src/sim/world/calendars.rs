//! Change Calendars: when each is closed.

use chrono::{DateTime, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;

/// A Change Calendar, as its document of iCalendar text says.
///
/// Events that recur are not modelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    /// Whether it is open where no event lies.
    pub is_open_by_default: bool,
    /// Its events: from, until.
    pub events: Vec<(DateTime<Utc>, DateTime<Utc>)>,
    /// Its text.
    pub content: String,
}

impl Calendar {
    /// Reads iCalendar text as Systems Manager takes it (RFC 5545; `X-CALENDAR-TYPE:DEFAULT_OPEN` or `DEFAULT_CLOSED`).
    ///
    /// # Errors
    /// In words: what is missing.
    pub fn read(content: &str) -> Result<Self, String> {
        let lines = || content.lines().map(|l| l.trim_end_matches('\r'));
        let kind = lines().find_map(|l| l.strip_prefix("X-CALENDAR-TYPE:"));
        let is_open_by_default = match kind {
            Some("DEFAULT_OPEN") => true,
            Some("DEFAULT_CLOSED") => false,
            Some(other) => return Err(format!("X-CALENDAR-TYPE {other}")),
            None => return Err("no X-CALENDAR-TYPE".into()),
        };
        if lines().any(|l| l.starts_with("RRULE")) {
            return Err("events that recur are not simulated".into());
        }
        let times = |name: &str| -> Result<Vec<DateTime<Utc>>, String> {
            lines()
                .filter(|l| l.starts_with(name))
                .map(|l| time(l).ok_or_else(|| format!("the time {l}")))
                .collect()
        };
        let (starts, ends) = (times("DTSTART")?, times("DTEND")?);
        if starts.len() != ends.len() {
            return Err("an event without DTSTART or DTEND".into());
        }
        Ok(Self {
            is_open_by_default,
            events: starts.into_iter().zip(ends).collect(),
            content: content.to_owned(),
        })
    }

    /// Whether it is open at a time.
    pub fn is_open(&self, at: DateTime<Utc>) -> bool {
        let is_within = self
            .events
            .iter()
            .any(|(from, until)| *from <= at && at < *until);
        is_within != self.is_open_by_default
    }

    /// When that changes next.
    pub fn next_change(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let edges = self.events.iter().flat_map(|(from, until)| [*from, *until]);
        let later = edges.filter(|edge| *edge > at && self.is_open(*edge) != self.is_open(at));
        later.min()
    }
}

/// `DTSTART;TZID=Europe/Berlin:20261220T000000` or `DTSTART:20261219T230000Z`.
fn time(line: &str) -> Option<DateTime<Utc>> {
    let (name, value) = line.split_once(':')?;
    if let Some(value) = value.strip_suffix('Z') {
        return Some(
            NaiveDateTime::parse_from_str(value, "%Y%m%dT%H%M%S")
                .ok()?
                .and_utc(),
        );
    }
    let zone: Tz = match name.split_once("TZID=") {
        Some((_, zone)) => zone.parse().ok()?,
        None => Tz::UTC,
    };
    let local = NaiveDateTime::parse_from_str(value, "%Y%m%dT%H%M%S").ok()?;
    Some(
        zone.from_local_datetime(&local)
            .earliest()?
            .with_timezone(&Utc),
    )
}

#[cfg(test)]
mod tests {
    use super::Calendar;

    #[test]
    fn a_calendar_is_closed_in_its_events_or_outside_of_them() {
        let text = |kind: &str| {
            format!(
                "BEGIN:VCALENDAR\r\nPRODID:-//AWS//Change Calendar 1.0//EN\r\nVERSION:2.0\r\nX-CALENDAR-TYPE:{kind}\r\n\
                 BEGIN:VEVENT\r\nDTSTART;TZID=Europe/Berlin:20261220T000000\r\nDTEND:20270103T230000Z\r\nEND:VEVENT\r\n\
                 END:VCALENDAR\r\n"
            )
        };
        let at = |text: &str| text.parse().unwrap();
        for (kind, expected) in [
            ("DEFAULT_OPEN", [true, false, true]),
            ("DEFAULT_CLOSED", [false, true, false]),
        ] {
            let calendar = Calendar::read(&text(kind)).unwrap();
            let times = [
                "2026-12-19T22:59:59Z",
                "2026-12-19T23:00:00Z",
                "2027-01-03T23:00:00Z",
            ];
            assert_eq!(times.map(|t| calendar.is_open(at(t))), expected, "{kind}");
            assert_eq!(calendar.next_change(at(times[0])), Some(at(times[1])));
            assert_eq!(calendar.next_change(at(times[2])), None);
        }
        assert!(Calendar::read("BEGIN:VCALENDAR").is_err());
    }
}
