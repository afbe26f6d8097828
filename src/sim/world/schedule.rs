//! Unix cron with five fields, as scheduled actions use it, on top of the `cron` crate.
//!
//! The crate speaks Quartz: days of the week count from 1 (Sunday), and two restricted day fields
//! must both match. In Unix cron they count from 0 (7 is Sunday too), and either may match.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use cron::Schedule;

const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// A recurrence in a time zone.
#[derive(Clone, Debug)]
pub struct UnixCron {
    /// One, or two of which either may match.
    schedules: Vec<Schedule>,
    zone: Tz,
}

impl UnixCron {
    /// Reads `minute hour day-of-month month day-of-week` and an IANA zone.
    pub fn parse(text: &str, zone: &str) -> Result<Self, String> {
        let zone = Tz::from_str(zone).map_err(|_| format!("Invalid time zone: {zone}"))?;
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(format!(
                "Given recurrence string: {text} is invalid: expected 5 fields, found {}",
                fields.len()
            ));
        };
        let weekdays = quartz_weekdays(weekday)?;
        // A field that begins with a star is not a restriction, even as `*/2`.
        let either = !day.starts_with('*') && !weekday.starts_with('*');
        let pairs = if either {
            vec![(day.to_owned(), "*".to_owned()), ("*".to_owned(), weekdays)]
        } else {
            vec![(day.to_owned(), weekdays)]
        };
        let schedules: Result<Vec<_>, _> = pairs
            .into_iter()
            .map(|(day, weekday)| {
                let quartz = format!("0 {minute} {hour} {day} {month} {weekday}");
                Schedule::from_str(&quartz)
                    .map_err(|e| format!("Given recurrence string: {text} is invalid: {e}"))
            })
            .collect();
        Ok(Self {
            schedules: schedules?,
            zone,
        })
    }

    /// The first run strictly after a time.
    pub fn next_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let local = after.with_timezone(&self.zone);
        let next = |s: &Schedule| s.after(&local).next();
        let earliest = self.schedules.iter().filter_map(next).min()?;
        Some(earliest.with_timezone(&Utc))
    }
}

/// A Unix day-of-week field as a list that Quartz reads.
fn quartz_weekdays(field: &str) -> Result<String, String> {
    if field == "*" {
        return Ok("*".into());
    }
    let wrong = || format!("expected days of the week, found '{field}'");
    let number = |text: &str| -> Option<usize> {
        let upper = text.to_ascii_uppercase();
        let named = DAYS.iter().position(|d| *d == upper);
        named.or_else(|| text.parse().ok().filter(|n| *n <= 7))
    };
    let mut days = [false; 7];
    for part in field.split(',') {
        let (range, step) = part.split_once('/').unwrap_or((part, "1"));
        let step: usize = step.parse().ok().filter(|s| *s > 0).ok_or_else(wrong)?;
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (0, 6),
            Some((from, to)) => (
                number(from).ok_or_else(wrong)?,
                number(to).ok_or_else(wrong)?,
            ),
            None => {
                let day = number(range).ok_or_else(wrong)?;
                (day, if part.contains('/') { 6 } else { day })
            }
        };
        // `FRI-SUN` ends on the Sunday that is 7.
        let to = if to == 0 && from > 0 { 7 } else { to };
        (from..=to).step_by(step).for_each(|d| days[d % 7] = true);
    }
    let chosen = (0..7).filter(|d| days[*d]).map(|d| (d + 1).to_string());
    let list: Vec<String> = chosen.collect();
    if list.is_empty() {
        Err(wrong())
    } else {
        Ok(list.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(text: &str, zone: &str, after: &str) -> String {
        let after = after.parse().unwrap();
        let cron = UnixCron::parse(text, zone).unwrap();
        cron.next_after(after).unwrap().to_rfc3339()
    }

    #[test]
    fn weekdays_count_from_sunday_and_either_day_field_may_match() {
        // AWS's own example: Tuesday 06:30. 2026-03-03 is a Tuesday.
        assert_eq!(
            next("30 6 * * 2", "UTC", "2026-03-01T00:00:00Z"),
            "2026-03-03T06:30:00+00:00"
        );
        assert_eq!(
            next("0 0 * * 7", "UTC", "2026-03-02T00:00:00Z"),
            "2026-03-08T00:00:00+00:00"
        );
        assert_eq!(
            next("0 7 * * MON-FRI", "UTC", "2026-03-06T08:00:00Z"),
            "2026-03-09T07:00:00+00:00"
        );
        assert_eq!(
            next("0 0 13 * 5", "UTC", "2026-03-01T00:00:00Z"),
            "2026-03-06T00:00:00+00:00"
        );
    }

    #[test]
    fn the_zone_follows_its_summer_time() {
        let (text, zone) = ("0 7 * * *", "Europe/Berlin");
        assert_eq!(
            next(text, zone, "2026-03-28T00:00:00Z"),
            "2026-03-28T06:00:00+00:00"
        );
        assert_eq!(
            next(text, zone, "2026-03-29T00:00:00Z"),
            "2026-03-29T05:00:00+00:00"
        );
    }
}
