//! Auto Scaling's cron dialect: Unix crontab's five fields, without its macros.
//!
//! `minute hour day-of-month month day-of-week`; Sunday is 0 or 7. As in crontab, an action runs
//! when *either* day field matches, if neither begins with `*`; otherwise both must match. AWS does
//! not say so, but its documentation calls this the Unix cron format.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::calendar::{Calendar, FIRST_YEAR, LAST_YEAR};
use super::days::Days;
use super::error::ScheduleError;
use super::field::{DAY_OF_MONTH, Descending, FieldKind, FieldText, HOUR, MINUTE, MONTH, WEEKDAYS};
use super::wall::Span;

const DAY_OF_WEEK: FieldKind = FieldKind {
    name: "day of week",
    min: 0,
    max: 7,
    names: WEEKDAYS,
    descending: Descending::MinAgain(7),
};

/// A recurrence such as `30 6 * * 2` (Tuesdays at 06:30).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnixCron(Calendar);

impl UnixCron {
    /// Reads an expression.
    ///
    /// # Errors
    /// The first field that is wrong, with what was expected and found.
    pub fn parse(expression: &str) -> Result<Self, ScheduleError> {
        let texts: Vec<&str> = expression.split_whitespace().collect();
        let &[minute, hour, day, month, weekday] = texts.as_slice() else {
            return Err(ScheduleError::FieldCount {
                expression: expression.into(),
                expected: "5",
                found: texts.len(),
            });
        };
        let parse = |kind: FieldKind, text| kind.parse(FieldText { expression, text });
        let (minutes, hours) = (parse(MINUTE, minute)?, parse(HOUR, hour)?);
        let (days, months) = (parse(DAY_OF_MONTH, day)?, parse(MONTH, month)?);
        let weekdays = parse(DAY_OF_WEEK, weekday)?;
        let weekdays = weekdays.into_iter().map(from_sunday).collect();
        let days = if day.starts_with('*') || weekday.starts_with('*') {
            Days::Both { days, weekdays }
        } else {
            Days::Either { days, weekdays }
        };
        Ok(Self(Calendar {
            seconds: BTreeSet::from([0]),
            minutes,
            hours,
            days,
            months,
            years: (FIRST_YEAR..=LAST_YEAR).collect(),
            offset: TimeDelta::zero(),
        }))
    }

    /// When it fires in `zone`, after `after` and up to and including `until`, in order.
    pub fn fires_between(
        &self,
        zone: Tz,
        after: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Vec<DateTime<Utc>> {
        self.0.fires(Span { after, until }, zone).collect()
    }

    /// The first time that it fires after `after`; `None` for a date that never comes.
    pub fn next_after(&self, zone: Tz, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.0.fires(Span::after(after), zone).next()
    }
}

/// Crontab's weekday (Sunday is 0 or 7) as the calendar counts it (Sunday is 1).
fn from_sunday(weekday: u32) -> u32 {
    weekday % 7 + 1
}

#[cfg(test)]
mod tests {
    use chrono::{Datelike, NaiveDate, Timelike};

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a test's time")
    }

    /// The next fires after a time, one call of `next_after` each.
    fn next(expression: &str, zone: Tz, after: &str, count: usize) -> Vec<String> {
        let cron = UnixCron::parse(expression).expect(expression);
        let mut at = at(after);
        let mut fires = Vec::new();
        while fires.len() < count {
            let Some(fire) = cron.next_after(zone, at) else {
                break;
            };
            fires.push(fire.format("%a %m-%d %H:%M").to_string());
            at = fire;
        }
        fires
    }

    #[test]
    fn truth_table() {
        // A Monday; the fires come strictly later.
        const NOON: &str = "2026-10-05T12:00:00Z";
        let london = Tz::Europe__London;
        let rows: &[(&str, Tz, &str, &[&str])] = &[
            ("30 6 * * 2", Tz::UTC, NOON, &["Tue 10-06 06:30"]),
            (
                "30 0 1 1,6,12 *",
                Tz::UTC,
                NOON,
                &["Tue 12-01 00:30", "Fri 01-01 00:30"],
            ),
            ("0 7 * * 1-5", london, NOON, &["Tue 10-06 06:00"]),
            (
                "0 7 * * 1-5",
                london,
                "2026-10-25T12:00:00Z",
                &["Mon 10-26 07:00"],
            ),
            ("0 12 * * MON", Tz::UTC, NOON, &["Mon 10-12 12:00"]),
            // Sunday in each notation, and at the end of a range.
            (
                "0 2 * * 0",
                Tz::UTC,
                NOON,
                &["Sun 10-11 02:00", "Sun 10-18 02:00"],
            ),
            (
                "0 2 * * 7",
                Tz::UTC,
                NOON,
                &["Sun 10-11 02:00", "Sun 10-18 02:00"],
            ),
            ("0 2 * * sun", Tz::UTC, NOON, &["Sun 10-11 02:00"]),
            (
                "0 2 * * FRI-SUN",
                Tz::UTC,
                NOON,
                &["Fri 10-09 02:00", "Sat 10-10 02:00", "Sun 10-11 02:00"],
            ),
            (
                "0 2 * * 6-7",
                Tz::UTC,
                NOON,
                &["Sat 10-10 02:00", "Sun 10-11 02:00", "Sat 10-17 02:00"],
            ),
            (
                "0 2 1 JAN-FEB *",
                Tz::UTC,
                NOON,
                &["Fri 01-01 02:00", "Mon 02-01 02:00"],
            ),
            (
                "*/20 12 * * *",
                Tz::UTC,
                NOON,
                &["Mon 10-05 12:20", "Mon 10-05 12:40", "Tue 10-06 12:00"],
            ),
            (
                "5-30/10,59 12 * * *",
                Tz::UTC,
                NOON,
                &[
                    "Mon 10-05 12:05",
                    "Mon 10-05 12:15",
                    "Mon 10-05 12:25",
                    "Mon 10-05 12:59",
                ],
            ),
            // Either day field, because neither begins with a star; otherwise both.
            (
                "0 0 13 * 5",
                Tz::UTC,
                NOON,
                &["Fri 10-09 00:00", "Tue 10-13 00:00", "Fri 10-16 00:00"],
            ),
            (
                "0 0 */2 * 5",
                Tz::UTC,
                NOON,
                &["Fri 10-09 00:00", "Fri 10-23 00:00"],
            ),
            (
                "0 0 31 * *",
                Tz::UTC,
                NOON,
                &["Sat 10-31 00:00", "Thu 12-31 00:00"],
            ),
            ("0 4 29 2 *", Tz::UTC, NOON, &["Tue 02-29 04:00"]),
            ("0 4 30 2 *", Tz::UTC, NOON, &[]),
        ];
        for (expression, zone, after, expected) in rows {
            let found = next(expression, *zone, after, expected.len().max(1));
            assert_eq!(found, *expected, "{expression} {zone}");
        }
    }

    #[test]
    fn a_local_time_that_does_not_exist_is_skipped_and_one_that_repeats_counts_once() {
        let berlin = Tz::Europe__Berlin;
        assert_eq!(
            next("30 2 * * *", berlin, "2027-03-26T12:00:00Z", 3),
            ["Sat 03-27 01:30", "Mon 03-29 00:30", "Tue 03-30 00:30"]
        );
        let london = Tz::Europe__London;
        assert_eq!(
            next("30 1 * * *", london, "2026-10-24T12:00:00Z", 2),
            ["Sun 10-25 00:30", "Mon 10-26 01:30"]
        );
        // Between the two occurrences, the second does not count either.
        assert_eq!(
            next("30 1 25 10 *", london, "2026-10-25T00:45:00Z", 1),
            ["Mon 10-25 00:30"]
        );
        assert_eq!(
            next(
                "0 2 * * SUN",
                Tz::Australia__Sydney,
                "2026-10-01T00:00:00Z",
                1
            ),
            ["Sat 10-10 15:00"]
        );
    }

    #[test]
    fn the_range_excludes_its_beginning_and_includes_its_end() {
        let cron = UnixCron::parse("0 7 * * *").expect("valid");
        let fires = |after, until| cron.fires_between(Tz::UTC, at(after), at(until)).len();
        assert_eq!(fires("2026-10-06T07:00:00Z", "2026-10-07T07:00:00Z"), 1);
        assert_eq!(fires("2026-10-06T06:59:59Z", "2026-10-07T07:00:00Z"), 2);
        assert_eq!(fires("2026-10-06T07:00:00Z", "2026-10-07T06:59:59Z"), 0);
        assert_eq!(fires("2026-10-07T07:00:00Z", "2026-10-06T07:00:00Z"), 0);
    }

    /// Two years hour by hour: the definition and the calendar walk agree.
    #[test]
    fn agrees_with_trying_every_hour() {
        let cron = UnixCron::parse("0 */5 28-31,1 2,3,12 1").expect("valid");
        let mut expected = Vec::new();
        let mut hour = NaiveDate::from_ymd_opt(2027, 1, 1)
            .and_then(|day| day.and_hms_opt(0, 0, 0))
            .expect("a date")
            .and_utc();
        let after = hour - TimeDelta::seconds(1);
        let until = hour + TimeDelta::days(800);
        while hour <= until {
            let day = matches!(hour.day(), 1 | 28..=31);
            let monday = hour.weekday().num_days_from_sunday() == 1;
            if matches!(hour.month(), 2 | 3 | 12)
                && hour.hour().is_multiple_of(5)
                && (day || monday)
            {
                expected.push(hour);
            }
            hour += TimeDelta::hours(1);
        }
        assert_eq!(cron.fires_between(Tz::UTC, after, until), expected);
    }

    #[test]
    fn errors_name_the_place_what_was_expected_and_what_was_found() {
        let rows = [
            (
                "0 7 * *",
                "cron expression `0 7 * *`: expected 5 fields, found 4",
            ),
            (
                "@daily",
                "cron expression `@daily`: expected 5 fields, found 1",
            ),
            (
                "60 7 * * *",
                "cron expression `60 7 * * *`, field minute: expected 0-59, found `60`",
            ),
            (
                "0 7 0 * *",
                "cron expression `0 7 0 * *`, field day of month: expected 1-31, found `0`",
            ),
            (
                "0 7 * FOO *",
                "cron expression `0 7 * FOO *`, field month: expected 1-12 or JAN-DEC, found `FOO`",
            ),
            (
                "0 7 * * 8",
                "cron expression `0 7 * * 8`, field day of week: expected 0-7 or SUN-SAT, found `8`",
            ),
            (
                "0 7 ? * 1",
                "cron expression `0 7 ? * 1`, field day of month: expected 1-31, found `?`",
            ),
            (
                "0 20-2 * * *",
                "cron expression `0 20-2 * * *`, field hour: expected a range that ascends, found `20-2`",
            ),
            (
                "*/0 7 * * *",
                "cron expression `*/0 7 * * *`, field minute: expected a step of 1 to 59, found `0`",
            ),
            (
                "+5 7 * * *",
                "cron expression `+5 7 * * *`, field minute: expected 0-59, found `+5`",
            ),
            (
                "0 7,, * * *",
                "cron expression `0 7,, * * *`, field hour: expected 0-23, found ``",
            ),
        ];
        for (expression, expected) in rows {
            let error = UnixCron::parse(expression).expect_err(expression);
            assert_eq!(error.to_string(), expected);
        }
    }
}
