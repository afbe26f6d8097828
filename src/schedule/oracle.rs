//! The calendar against two independent ones: the definition, minute by minute, and the `cron` crate.

use std::collections::BTreeSet;
use std::iter::successors;
use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDateTime, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;
use cron::Schedule;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngSeed};

use super::unix::UnixCron;
use super::{AwsSchedule, Dialect};

/// How many fires are compared, in each direction.
const FIRES: usize = 60;
/// The last year that the `cron` crate knows.
const LAST_COMMON_YEAR: i32 = 2100;

/// A field as its numbers and as one way to write them.
type Written = (Vec<u32>, String);

/// Fields that the `cron` crate reads as we do.
fn ascending(low: u32, high: u32) -> impl Strategy<Value = Written> {
    let number = low..=high;
    let stepped = |from: u32, to: u32, step: u32| (from..=to).step_by(step as usize).collect();
    prop_oneof![
        2 => Just(((low..=high).collect(), "*".to_owned())),
        1 => (1..=high).prop_map(move |n| (stepped(low, high, n), format!("*/{n}"))),
        2 => proptest::collection::vec(number.clone(), 1..4).prop_map(|numbers| {
            let texts: Vec<String> = numbers.iter().map(u32::to_string).collect();
            (numbers, texts.join(","))
        }),
        2 => (number.clone(), number.clone(), 1..=high).prop_map(move |(a, b, n)| {
            let (from, to) = (a.min(b), a.max(b));
            (stepped(from, to, n), format!("{from}-{to}/{n}"))
        }),
        2 => (number, 1..=high).prop_map(move |(a, n)| (stepped(a, high, n), format!("{a}/{n}"))),
    ]
}

/// Those, and ranges that wrap around.
fn wrapping(low: u32, high: u32) -> impl Strategy<Value = Written> {
    prop_oneof![
        3 => ascending(low, high),
        1 => (low..=high, low..=high).prop_map(move |(a, b)| {
            let within = |n: &u32| if a <= b { a <= *n && *n <= b } else { *n <= b || a <= *n };
            ((low..=high).filter(within).collect(), format!("{a}-{b}"))
        }),
    ]
}

/// A field of weekdays, which has no steps in EventBridge Scheduler.
fn weekdays(field: impl Strategy<Value = Written>) -> impl Strategy<Value = Written> {
    field.prop_filter("steps", |(_, text)| !text.contains('/'))
}

/// The numbers of a day field; `None` for `?`.
type DayTest = Option<Vec<u32>>;

/// A schedule of EventBridge Scheduler that is simple enough to be tried minute by minute.
#[derive(Clone, Debug)]
struct Simple {
    text: String,
    minutes: Vec<u32>,
    hours: Vec<u32>,
    days: DayTest,
    weekdays: DayTest,
    months: Vec<u32>,
}

fn simple() -> impl Strategy<Value = Simple> {
    let day = prop_oneof![
        wrapping(1, 31).prop_map(|(days, text)| ((Some(days), None), (text, "?".to_owned()))),
        weekdays(wrapping(1, 7))
            .prop_map(|(days, text)| ((None, Some(days)), ("?".to_owned(), text))),
    ];
    (wrapping(0, 59), wrapping(0, 23), day, wrapping(1, 12)).prop_map(
        |(
            (minutes, minute),
            (hours, hour),
            ((days, weekdays), (day, weekday)),
            (months, month),
        )| Simple {
            text: format!("cron({minute} {hour} {day} {month} {weekday} *)"),
            minutes,
            hours,
            days,
            weekdays,
            months,
        },
    )
}

impl Simple {
    fn shows(&self, at: NaiveDateTime) -> bool {
        let weekday = at.weekday().num_days_from_sunday() + 1;
        let allows = |test: &DayTest, n| test.as_ref().is_none_or(|numbers| numbers.contains(&n));
        self.minutes.contains(&at.minute())
            && self.hours.contains(&at.hour())
            && self.months.contains(&at.month())
            && allows(&self.days, at.day())
            && allows(&self.weekdays, weekday)
    }

    /// Minute by minute, by the definition: a time that the clock has shown before does not count.
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

/// An expression of one of our dialects, and the same one (or the two of which either may fire) as
/// the `cron` crate reads it.
type Pair = (String, Vec<String>);

fn aws_pair() -> impl Strategy<Value = Pair> {
    let day = prop_oneof![
        ascending(1, 31).prop_map(|(_, text)| (text, "?".to_owned())),
        weekdays(ascending(1, 7)).prop_map(|(_, text)| ("?".to_owned(), text)),
    ];
    (ascending(0, 59), ascending(0, 23), day, ascending(1, 12)).prop_map(
        |((_, minute), (_, hour), (day, weekday), (_, month))| {
            let fields = format!("{minute} {hour} {day} {month} {weekday} *");
            (format!("cron({fields})"), vec![format!("0 {fields}")])
        },
    )
}

/// The crate counts weekdays from Sunday = 1 and wants both day fields to match.
fn unix_pair() -> impl Strategy<Value = Pair> {
    let fields = (
        ascending(0, 59),
        ascending(0, 23),
        ascending(1, 31),
        ascending(1, 12),
        ascending(0, 7),
    );
    fields.prop_map(
        |((_, minute), (_, hour), (_, day), (_, month), (numbers, weekday))| {
            let from_sunday: BTreeSet<u32> = numbers.iter().map(|n| n % 7 + 1).collect();
            let texts: Vec<String> = from_sunday.iter().map(u32::to_string).collect();
            let quartz =
                |day: &str, weekday: &str| format!("0 {minute} {hour} {day} {month} {weekday}");
            let theirs = if day.starts_with('*') || weekday.starts_with('*') {
                vec![quartz(&day, &texts.join(","))]
            } else {
                vec![quartz(&day, "*"), quartz("*", &texts.join(","))]
            };
            (format!("{minute} {hour} {day} {month} {weekday}"), theirs)
        },
    )
}

/// The crate's next fires after `start`.
fn crate_fires(expressions: &[String], start: DateTime<Utc>) -> Vec<DateTime<Utc>> {
    let fires: BTreeSet<_> = expressions
        .iter()
        .map(|expression| Schedule::from_str(expression).expect(expression))
        .flat_map(|schedule| schedule.after_owned(start).take(FIRES))
        .collect();
    fires.into_iter().take(FIRES).collect()
}

/// A whole second between 2026 and 2092, by day and seconds.
fn instant() -> impl Strategy<Value = DateTime<Utc>> {
    (0..24_000_i64, 0..86_400_i64)
        .prop_map(|(day, second)| epoch() + TimeDelta::days(day) + TimeDelta::seconds(second))
}

fn epoch() -> DateTime<Utc> {
    "2026-01-01T00:00:00Z".parse().expect("a time")
}

fn seeded(cases: u32) -> Config {
    Config {
        cases,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..Config::default()
    }
}

proptest! {
    #![proptest_config(seeded(48))]

    #[test]
    fn agrees_with_trying_every_minute(
        simple in simple(),
        zone in select(vec![
            Tz::UTC, Tz::Europe__Berlin, Tz::America__New_York, Tz::Australia__Lord_Howe,
            Tz::Asia__Kathmandu, Tz::America__St_Johns, Tz::Africa__Casablanca, Tz::Antarctica__Troll,
        ]),
        // Most of the hundred days from here see a clock change.
        day in 0..400_i64,
    ) {
        let (start, days) = (epoch() + TimeDelta::days(day), 100);
        let end = start + TimeDelta::days(days) - TimeDelta::minutes(1);
        let expected = simple.fires(zone, start, days);
        let schedule = AwsSchedule::parse(Dialect::Scheduler, &simple.text).expect("valid");

        let first = schedule.next_after(zone, start);
        let next: Vec<_> = successors(first, |at| schedule.next_after(zone, *at))
            .take(300)
            .take_while(|at| *at <= end)
            .collect();
        prop_assert_eq!(&next, &expected[..expected.len().min(300)], "{} {}", &simple.text, zone);

        let back: Vec<_> = backwards(&schedule, zone, end)
            .take(300)
            .take_while(|at| *at > start)
            .collect();
        let expected: Vec<_> = expected.into_iter().rev().take(300).collect();
        prop_assert_eq!(back, expected, "{} {} backwards", &simple.text, zone);
    }
}

proptest! {
    #![proptest_config(seeded(400))]

    #[test]
    fn unix_cron_agrees_with_the_cron_crate((ours, theirs) in unix_pair(), start in instant()) {
        let cron = UnixCron::parse(&ours).expect("valid");
        let next = successors(cron.next_after(Tz::UTC, start), |at| cron.next_after(Tz::UTC, *at));
        let next: Vec<_> = next
            .take(FIRES)
            .take_while(|at| at.year() <= LAST_COMMON_YEAR)
            .collect();
        let expected = crate_fires(&theirs, start);
        prop_assert_eq!(&next, &expected, "{}", &ours);
        if let Some(last) = expected.last() {
            let between = cron.fires_between(Tz::UTC, start, *last);
            prop_assert_eq!(between, expected, "{}", &ours);
        }
    }

    #[test]
    fn aws_cron_agrees_with_the_cron_crate((ours, theirs) in aws_pair(), start in instant()) {
        let schedule = AwsSchedule::parse(Dialect::Scheduler, &ours).expect("valid");
        let first = schedule.next_after(Tz::UTC, start);
        let next: Vec<_> = successors(first, |at| schedule.next_after(Tz::UTC, *at))
            .take(FIRES)
            .take_while(|at| at.year() <= LAST_COMMON_YEAR)
            .collect();
        prop_assert_eq!(next, crate_fires(&theirs, start), "{}", &ours);

        let back: Vec<_> = backwards(&schedule, Tz::UTC, start).take(FIRES).collect();
        let quartz = Schedule::from_str(&theirs[0]).expect("valid");
        // The crate looks for times before the given one; `last_before` may return the time itself.
        let expected: Vec<_> = quartz
            .after(&(start + TimeDelta::seconds(1)))
            .rev()
            .take(FIRES)
            .collect();
        prop_assert_eq!(back, expected, "{} backwards", &ours);
    }
}

/// The fires at `from` and before, latest first.
fn backwards(
    schedule: &AwsSchedule,
    zone: Tz,
    from: DateTime<Utc>,
) -> impl Iterator<Item = DateTime<Utc>> {
    successors(schedule.last_before(zone, from), move |at| {
        schedule.last_before(zone, *at - TimeDelta::seconds(1))
    })
}
