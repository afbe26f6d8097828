//! Schedules: cron expressions, AWS's schedules, scheduled actions.

use asg_patch::schedule::aws::{AwsSchedule, Dialect};
use asg_patch::schedule::unix::UnixCron;
use asg_patch::schedule::{ScheduleError, ScheduledAction};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;

use super::mutation::{change, changed, changes, odd};
use super::{cases, in_time};

fn instant() -> impl Strategy<Value = DateTime<Utc>> {
    let extreme = [
        DateTime::<Utc>::MIN_UTC,
        DateTime::UNIX_EPOCH,
        DateTime::<Utc>::MAX_UTC,
    ];
    let seconds = |range: std::ops::RangeInclusive<i64>| {
        range.prop_map(|s| DateTime::from_timestamp(s, 0).expect("a time within the calendar"))
    };
    prop_oneof![
        1 => proptest::sample::select(extreme.to_vec()),
        1 => seconds(DateTime::<Utc>::MIN_UTC.timestamp()..=DateTime::<Utc>::MAX_UTC.timestamp()),
        6 => seconds(0..=4_102_444_800),
    ]
}

fn zone() -> impl Strategy<Value = Tz> {
    proptest::sample::select(&chrono_tz::TZ_VARIANTS[..])
}

/// Almost a field of a cron expression.
fn almost_field() -> impl Strategy<Value = String> {
    let number = prop_oneof![6 => (0..70_u32).prop_map(|n| n.to_string()), 1 => odd()];
    let name = proptest::sample::select(vec![
        "*", "?", "L", "MON", "sun", "JAN", "Feb", "W", "2#3", "LW", "15W", "6L", "@daily",
    ]);
    let value = prop_oneof![4 => number, 2 => name.prop_map(str::to_owned)];
    let range = (
        value.clone(),
        proptest::option::of(value.clone()),
        proptest::option::of(value),
    );
    let item = range.prop_map(|(a, b, step)| {
        let to = b.map(|b| format!("-{b}")).unwrap_or_default();
        let step = step.map(|s| format!("/{s}")).unwrap_or_default();
        format!("{a}{to}{step}")
    });
    proptest::collection::vec(prop_oneof![3 => Just("*".to_owned()), 2 => item], 1..3)
        .prop_map(|items| items.join(","))
}

/// Almost a cron expression.
fn almost_cron() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => proptest::collection::vec(almost_field(), 5).prop_map(|f| f.join(" ")),
        2 => proptest::collection::vec(almost_field(), 0..8).prop_map(|f| f.join("\t")),
        1 => proptest::collection::vec(any::<char>(), 0..40).prop_map(String::from_iter),
    ]
}

/// A field that is valid, `*` and ranges and steps among them.
fn valid_field(low: u32, high: u32) -> impl Strategy<Value = String> {
    prop_oneof![
        2 => Just("*".to_owned()),
        2 => (low..=high).prop_map(|n| n.to_string()),
        1 => (low..=high, low..=high).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
        1 => (1..=high).prop_map(|n| format!("*/{n}")),
    ]
}

/// Fields that are valid one by one, and dates that never come among them.
fn valid_cron() -> impl Strategy<Value = String> {
    (
        valid_field(0, 59),
        valid_field(0, 23),
        valid_field(1, 31),
        valid_field(1, 12),
        valid_field(0, 7),
    )
        .prop_map(|(minute, hour, day, month, weekday)| {
            format!("{minute} {hour} {day} {month} {weekday}")
        })
}

fn dialect() -> impl Strategy<Value = Dialect> {
    proptest::sample::select(vec![Dialect::Scheduler, Dialect::MaintenanceWindow])
}

/// Almost a schedule of EventBridge or a maintenance window.
fn almost_aws_schedule() -> impl Strategy<Value = String> {
    let field = prop_oneof![1 => almost_field(), 2 => Just("?".to_owned()), 5 => valid_field(1, 7)];
    let value = prop_oneof![3 => (0..100_u32).prop_map(|n| n.to_string()), 1 => odd()];
    let unit = proptest::sample::select(vec!["minute", "minutes", "hour", "hours", "day", "days"]);
    let others = vec![
        "cron(24 30 09 LW 1/3 ? 2026-2199)",
        "rate(5 minutes)",
        "at(2026-10-25T01:30:00)",
    ];
    let valid = prop_oneof![
        2 => valid_aws_schedule(),
        1 => proptest::sample::select(others).prop_map(str::to_owned),
    ]
    .boxed();
    prop_oneof![
        2 => proptest::collection::vec(field, 4..8).prop_map(|f| format!("cron({} *)", f.join(" "))),
        1 => almost_cron().prop_map(|text| format!("cron({text} *)")),
        1 => (value, unit).prop_map(|(value, unit)| format!("rate({value} {unit})")),
        4 => (valid.clone(), change()).prop_map(|(text, change)| change.apply(&text)),
        2 => (valid, changes()).prop_map(|(text, changes)| changed(&text, &changes)),
    ]
}

/// Schedules that all dialects have; no window opens more often than these fire.
fn valid_aws_schedule() -> impl Strategy<Value = String> {
    let nth = |(weekday, n): (u32, u32)| ("?".to_owned(), format!("{weekday}#{n}"));
    let days = prop_oneof![
        2 => valid_field(1, 31).prop_map(|day| (day, "?".to_owned())),
        1 => (1..=31_u32).prop_map(|day| (format!("{day}W"), "?".to_owned())),
        1 => (1..=7_u32).prop_map(|day| ("?".to_owned(), format!("{day}L"))),
        1 => (1..=7_u32, 1..=5_u32).prop_map(nth),
        1 => proptest::sample::select(vec![("L", "?"), ("LW", "?"), ("?", "L"), ("?", "FRI-MON")])
            .prop_map(|(day, weekday)| (day.to_owned(), weekday.to_owned())),
    ];
    let minute =
        prop_oneof![3 => (0..60_u32).prop_map(|n| n.to_string()), 1 => Just("0/5".to_owned())];
    let hour = prop_oneof![3 => valid_field(0, 23), 1 => Just("20-2".to_owned())];
    let year = prop_oneof![3 => Just("*".to_owned()), 2 => valid_field(1970, 2199)];
    (minute, hour, days, valid_field(1, 12), year).prop_map(
        |(minute, hour, (day, weekday), month, year)| {
            format!("cron({minute} {hour} {day} {month} {weekday} {year})")
        },
    )
}

/// Looking back finds ever earlier times, and from anywhere between two of them the earlier one.
fn fires_in_order(
    schedule: &AwsSchedule,
    zone: Tz,
    now: DateTime<Utc>,
) -> Result<(), TestCaseError> {
    let back = |at| in_time("its time before", || schedule.last_before(zone, at));
    let second = TimeDelta::seconds(1);
    let Some(mut latest) = back(now) else {
        return Ok(());
    };
    prop_assert!(latest <= now);
    for _ in 0..4 {
        prop_assert_eq!(back(latest), Some(latest));
        let Some(earlier) = back(latest - second) else {
            break;
        };
        prop_assert!(earlier < latest);
        prop_assert_eq!(back(earlier + (latest - earlier) / 2), Some(earlier));
        latest = earlier;
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn cron_expressions(text in almost_cron(), zone in zone(), after in instant()) {
        match in_time("a cron expression", || UnixCron::parse(&text)) {
            Ok(cron) => {
                if let Some(next) = in_time("its next time", || cron.next_after(zone, after)) {
                    prop_assert!(next > after);
                }
            }
            Err(error) => prop_assert!(error.to_string().contains(": expected "), "{error}"),
        }
    }

    /// Valid expressions fire in order, later than asked, and by the same clock as when asked for a range.
    #[test]
    fn cron_expressions_that_are_valid(text in valid_cron(), zone in zone(), after in instant()) {
        let cron = UnixCron::parse(&text).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let next = in_time("its next time", || cron.next_after(zone, after));
        let month = after.checked_add_signed(TimeDelta::days(32)).unwrap_or(after);
        let fires = in_time("its times of a month", || cron.fires_between(zone, after, month));
        prop_assert!(fires.is_sorted_by(|a, b| a < b));
        prop_assert_eq!(fires.first().copied(), next.filter(|n| *n <= month));
    }

    #[test]
    fn schedules_of_aws(
        text in almost_aws_schedule(), dialect in dialect(), zone in zone(), after in instant(),
    ) {
        match in_time("a schedule of AWS", || AwsSchedule::parse(dialect, &text)) {
            Ok(schedule) => fires_in_order(&schedule, zone, after)?,
            Err(error) => prop_assert!(error.to_string().contains(": expected "), "{error}"),
        }
    }

    #[test]
    fn schedules_of_aws_that_are_valid(
        text in valid_aws_schedule(), dialect in dialect(), zone in zone(), after in instant(), offset in -1..9,
    ) {
        let fail = |e: ScheduleError| TestCaseError::fail(e.to_string());
        let schedule = AwsSchedule::parse(dialect, &text).map_err(fail)?;
        fires_in_order(&schedule, zone, after)?;
        match schedule.with_offset(offset) {
            Ok(later) => fires_in_order(&later, zone, after)?,
            Err(error) => prop_assert!(error.to_string().contains(": expected "), "{error}"),
        }
    }

    #[test]
    fn scheduled_actions(
        text in prop_oneof![valid_cron(), almost_cron()],
        zone_name in prop_oneof![3 => zone().prop_map(|z| z.name().to_owned()), 1 => odd()],
        (start, end, after, until) in (
            proptest::option::of(instant()), proptest::option::of(instant()), instant(), instant(),
        ),
    ) {
        let action = ScheduledAction {
            name: "a".into(),
            recurrence: Some(text),
            time_zone: Some(zone_name),
            start_time: start,
            end_time: end,
            desired: Some(1),
            ..ScheduledAction::default()
        };
        let runs = in_time("the runs of an action", || action.runs_between(after, until));
        if let Ok(runs) = runs {
            prop_assert!(runs.iter().all(|at| after < *at && *at <= until));
        }
        let _ = in_time("whether an action may run", || action.may_run_between(after, until));
    }
}
