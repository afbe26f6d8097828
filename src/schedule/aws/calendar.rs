//! The calendar of AWS's cron dialects: from sets to wall-clock times, forwards and backwards.
//!
//! The `cron` crate, which walks the calendar for [`crate::schedule::unix`], knows no days that differ
//! by the month (`L`, `15W`, `3#2`) and ends in 2100, AWS's years in 2199. This walk goes by days, so
//! that a date that never comes is soon known.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

use super::days::Days;

/// The sets of one cron expression; all must match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Calendar {
    pub seconds: BTreeSet<u32>,
    pub minutes: BTreeSet<u32>,
    pub hours: BTreeSet<u32>,
    pub days: Days,
    pub months: BTreeSet<u32>,
    pub years: BTreeSet<u32>,
    /// Whole days by which it fires later.
    pub offset: TimeDelta,
}

impl Calendar {
    /// When wall clocks show one of its times, in order.
    pub fn within(
        &self,
        range: RangeInclusive<NaiveDateTime>,
    ) -> impl DoubleEndedIterator<Item = NaiveDateTime> {
        let dates = range.start().date()..=range.end().date();
        self.dates(dates)
            .flat_map(|date| self.times().map(move |time| date.and_time(time)))
            .filter(move |at| range.contains(at))
    }

    fn dates(
        &self,
        range: RangeInclusive<NaiveDate>,
    ) -> impl DoubleEndedIterator<Item = NaiveDate> {
        // The offset may lead into the next year.
        let years = range.start().year() - 1..=range.end().year();
        let months = self
            .years
            .iter()
            .map(|year| *year as i32)
            .filter(move |year| years.contains(year))
            .flat_map(|year| self.months.iter().map(move |month| (year, *month)));
        months
            .flat_map(|(year, month)| {
                (1..=31).filter_map(move |day| NaiveDate::from_ymd_opt(year, month, day))
            })
            .filter(|date| self.days.contain(*date))
            .filter_map(|date| date.checked_add_signed(self.offset))
            .filter(move |date| range.contains(date))
    }

    fn times(&self) -> impl DoubleEndedIterator<Item = NaiveTime> {
        let minutes = self
            .hours
            .iter()
            .flat_map(|hour| self.minutes.iter().map(move |minute| (*hour, *minute)));
        minutes.flat_map(|(hour, minute)| {
            self.seconds
                .iter()
                .filter_map(move |second| NaiveTime::from_hms_opt(hour, minute, *second))
        })
    }

    /// The least that lies between two of its times of a day.
    pub fn shortest_interval(&self) -> Option<TimeDelta> {
        let later = self.times().skip(1);
        self.times().zip(later).map(|(a, b)| b - a).min()
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, NaiveDateTime, Timelike, Utc};
    use chrono_tz::Tz;
    use proptest::prelude::*;
    use proptest::sample::select;
    use proptest::test_runner::{Config, RngSeed};

    use super::*;
    use crate::schedule::aws::{AwsSchedule, Dialect};

    /// A field as its numbers and as one way to write them.
    type Written = (Vec<u32>, String);

    fn one(low: u32, high: u32) -> impl Strategy<Value = Written> {
        let number = low..=high;
        prop_oneof![
            2 => Just(((low..=high).collect(), "*".to_owned())),
            2 => proptest::collection::vec(number.clone(), 1..4).prop_map(|numbers| {
                let texts: Vec<String> = numbers.iter().map(u32::to_string).collect();
                (numbers, texts.join(","))
            }),
            2 => (number.clone(), number.clone()).prop_map(move |(a, b)| {
                let within = |n: &u32| if a <= b { a <= *n && *n <= b } else { *n <= b || a <= *n };
                ((low..=high).filter(within).collect(), format!("{a}-{b}"))
            }),
            2 => (number, 1..=high).prop_map(move |(a, n)| {
                ((a..=high).filter(|m| (m - a) % n == 0).collect(), format!("{a}/{n}"))
            }),
        ]
    }

    /// How a day is tested by itself: the day of the month, or the day of the week, or neither.
    type DayTest = (Option<Vec<u32>>, Option<Vec<u32>>);

    #[derive(Clone, Debug)]
    struct Simple {
        text: String,
        minutes: Vec<u32>,
        hours: Vec<u32>,
        day: DayTest,
        months: Vec<u32>,
    }

    fn simple() -> impl Strategy<Value = Simple> {
        let day = prop_oneof![
            one(1, 31).prop_map(|(days, text)| ((Some(days), None), (text, "?".to_owned()))),
            // Rules have no steps here.
            one(1, 7)
                .prop_filter("steps", |(_, text)| !text.contains('/'))
                .prop_map(|(weekdays, text)| ((None, Some(weekdays)), ("?".to_owned(), text))),
        ];
        (one(0, 59), one(0, 23), day, one(1, 12)).prop_map(
            |((minutes, minute), (hours, hour), (test, (day, weekday)), (months, month))| Simple {
                text: format!("cron({minute} {hour} {day} {month} {weekday} *)"),
                minutes,
                hours,
                day: test,
                months,
            },
        )
    }

    impl Simple {
        fn shows(&self, at: NaiveDateTime) -> bool {
            let weekday = at.weekday().num_days_from_sunday() + 1;
            self.minutes.contains(&at.minute())
                && self.hours.contains(&at.hour())
                && self.months.contains(&at.month())
                && self
                    .day
                    .0
                    .as_ref()
                    .is_none_or(|days| days.contains(&at.day()))
                && self
                    .day
                    .1
                    .as_ref()
                    .is_none_or(|days| days.contains(&weekday))
        }

        /// Minute by minute, by the definition: what the clock has shown before does not count.
        fn fires(&self, zone: Tz, start: DateTime<Utc>, days: i64) -> Vec<DateTime<Utc>> {
            let mut latest = NaiveDateTime::MIN;
            let mut fires = Vec::new();
            for minute in -1440..days * 1440 {
                let at = start + TimeDelta::minutes(minute);
                let wall_clock = at.with_timezone(&zone).naive_local();
                if wall_clock > latest && self.shows(wall_clock) && minute > 0 {
                    fires.push(at);
                }
                latest = latest.max(wall_clock);
            }
            fires
        }
    }

    proptest! {
        #![proptest_config(Config {
            cases: 48,
            rng_seed: RngSeed::Fixed(1),
            failure_persistence: None,
            ..Config::default()
        })]

        #[test]
        fn agrees_with_trying_every_minute(
            simple in simple(),
            zone in select(vec![
                Tz::UTC, Tz::Europe__Berlin, Tz::America__New_York, Tz::Australia__Lord_Howe,
                Tz::Asia__Kathmandu, Tz::America__St_Johns, Tz::Africa__Casablanca, Tz::Antarctica__Troll,
            ]),
            // The hundred days from here mostly see a change of the clock.
            day in 0..400_i64,
        ) {
            let epoch: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().expect("a time");
            let (start, days) = (epoch + TimeDelta::days(day), 100);
            let end = start + TimeDelta::days(days) - TimeDelta::minutes(1);
            let expected = simple.fires(zone, start, days);
            let schedule = AwsSchedule::parse(Dialect::Scheduler, &simple.text).expect("valid");

            let first = schedule.next_after(zone, start);
            let next: Vec<_> = std::iter::successors(first, |at| schedule.next_after(zone, *at))
                .take(300)
                .take_while(|at| *at <= end)
                .collect();
            prop_assert_eq!(&next, &expected[..expected.len().min(300)], "{} {}", &simple.text, zone);

            let last = schedule.last_before(zone, end);
            let back: Vec<_> = std::iter::successors(last, |at| {
                schedule.last_before(zone, *at - TimeDelta::seconds(1))
            })
            .take(300)
            .take_while(|at| *at > start)
            .collect();
            let expected: Vec<_> = expected.into_iter().rev().take(300).collect();
            prop_assert_eq!(back, expected, "{} {} backwards", &simple.text, zone);
        }
    }
}
