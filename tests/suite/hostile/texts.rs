//! Texts: fleet files, records, tags, names, cron expressions.

use std::collections::BTreeMap;

use asg_patch::group::budget::{self, Budget};
use asg_patch::group::job::Forward;
use asg_patch::group::measured::Measured;
use asg_patch::group::names::{group_of_parameter, record_parameter};
use asg_patch::group::record::{RECORD_LIMIT_BYTES, Record, RecordError, SCHEMA};
use asg_patch::group::{Code, options};
use asg_patch::request::Operation;
use asg_patch::schedule::aws::{AwsSchedule, Dialect};
use asg_patch::schedule::unix::UnixCron;
use asg_patch::schedule::{ScheduleError, ScheduledAction, missed};
use asg_patch::sim::fleet;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;
use proptest::sample::Index;

use super::{cases, in_time};

/// Odd texts in place of expected ones.
const ODD: [&str; 34] = [
    "",
    " ",
    "0",
    "-1",
    "-0",
    "1e999",
    "nan",
    "inf",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "4294967296",
    "2147483647",
    "2147483648",
    "1000000000",
    "true",
    "null",
    "\"\"",
    "\"x\"",
    "[]",
    "{}",
    "[[]]",
    "2026-10-14T04:00:00Z",
    "9999-12-31T23:59:60Z",
    "0000-00-00T00:00:00Z",
    "\"$Latest\"",
    "\"* * * * *\"",
    "\u{0}",
    "\u{feff}",
    "\"\\u0000\"",
    "日本🦀",
    "\r\n",
    "''",
    "\"\"\"",
];

/// One change to a text.
#[derive(Clone, Debug)]
enum Change {
    CutAt(Index),
    Remove(Index, Index),
    Insert(Index, String),
    /// The word (number, quoted text, bare word) around the place becomes something odd.
    Replace(Index, String),
    RepeatLine(Index),
    SwapLines(Index, Index),
}

fn odd() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => proptest::sample::select(&ODD[..]).prop_map(str::to_owned),
        1 => any::<i64>().prop_map(|n| n.to_string()),
        1 => any::<f64>().prop_map(|n| n.to_string()),
        1 => proptest::collection::vec(any::<char>(), 0..12).prop_map(String::from_iter),
        1 => (1..4000_usize).prop_map(|n| "[".repeat(n)),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    prop_oneof![
        1 => at().prop_map(Change::CutAt),
        2 => (at(), at()).prop_map(|(a, b)| Change::Remove(a, b)),
        2 => (at(), odd()).prop_map(|(at, text)| Change::Insert(at, text)),
        8 => (at(), odd()).prop_map(|(at, text)| Change::Replace(at, text)),
        1 => at().prop_map(Change::RepeatLine),
        1 => (at(), at()).prop_map(|(a, b)| Change::SwapLines(a, b)),
    ]
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    proptest::collection::vec(change(), 1..5)
}

impl Change {
    fn apply(&self, text: &str) -> String {
        let chars: Vec<char> = text.chars().collect();
        let at = |index: &Index| index.index(chars.len() + 1);
        let of = |range: &[char]| range.iter().collect::<String>();
        let lines = || text.lines().map(str::to_owned).collect::<Vec<_>>();
        match self {
            Self::CutAt(index) => of(&chars[..at(index)]),
            Self::Remove(a, b) => {
                let (from, length) = (at(a), b.index(24));
                let to = (from + length).min(chars.len());
                of(&chars[..from]) + &of(&chars[to..])
            }
            Self::Insert(index, odd) => of(&chars[..at(index)]) + odd + &of(&chars[at(index)..]),
            Self::Replace(index, odd) => {
                let within = |c: &char| !c.is_whitespace() && !",=[]{}:#".contains(*c);
                let middle = at(index);
                let before = chars[..middle]
                    .iter()
                    .rev()
                    .take_while(|c| within(c))
                    .count();
                let after = chars[middle..].iter().take_while(|c| within(c)).count();
                of(&chars[..middle - before]) + odd + &of(&chars[middle + after..])
            }
            Self::RepeatLine(index) => {
                let mut lines = lines();
                if !lines.is_empty() {
                    let at = index.index(lines.len());
                    lines.insert(at, lines[at].clone());
                }
                lines.join("\n")
            }
            Self::SwapLines(a, b) => {
                let mut lines = lines();
                if !lines.is_empty() {
                    let (a, b) = (a.index(lines.len()), b.index(lines.len()));
                    lines.swap(a, b);
                }
                lines.join("\n")
            }
        }
    }
}

fn changed(text: &str, changes: &[Change]) -> String {
    changes.iter().fold(text.to_owned(), |t, c| c.apply(&t))
}

/// A fleet file without its comments, in which most changes would be lost.
fn bare(text: &str) -> String {
    let code = text
        .lines()
        .map(|l| l.split(" #").next().unwrap_or_default());
    let lines = code.filter(|l| !l.starts_with('#') && !l.trim().is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

/// A fleet file is rejected, or yields a world that can be built.
fn fleet_is_read(text: &str) -> Result<(), TestCaseError> {
    match in_time("a fleet file", || fleet::parse(text)) {
        Ok(fleet) => {
            in_time("building a fleet", || fleet.build());
        }
        Err(error) => {
            let said = error.to_string();
            prop_assert!(said.starts_with("line "), "no place in: {said}");
        }
    }
    Ok(())
}

fn record() -> Record {
    let text = r#"{"schema":1,"group":"web nightly","run_id":"run-1","owner":"cli:1","written_at":"2026-10-14T04:00:00Z",
        "deadline":"2026-10-14T07:00:00Z","capacity":{"min":0,"max":4,"desired":1},"suspended":["AZRebalance"],
        "guarded":["HealthCheck","ScheduledActions"],
        "pins":[{"slot":"Base","template":"lt-1","version":"$Latest"},{"slot":{"Override":1},"template":"lt-2","version":"3"}],
        "templates":{"lt-1":{"default":1,"latest":2},"lt-2":{"default":1,"latest":3}},
        "actions":[{"name":"morning","recurrence":"0 7 * * MON-FRI","time_zone":"Europe/Berlin","desired":2}],
        "image_name":"asg-patch/web","bake_key":"b1"}"#;
    Record::from_text(text).expect("a record")
}

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
    fn fleet_files(changes in changes(), sample in any::<bool>()) {
        let text = bare(if sample { fleet::SAMPLE } else { fleet::EXAMPLE });
        fleet_is_read(&changed(&text, &changes))?;
    }

    #[test]
    fn records(changes in changes()) {
        let text = changed(&record().to_text(), &changes);
        match in_time("a record", || Record::from_text(&text)) {
            Ok(record) => {
                prop_assert_eq!(record.schema, SCHEMA);
                let again = Record::from_text(&record.to_text());
                prop_assert_eq!(again.as_ref(), Ok(&record));
                let woken = record.wake_capacity();
                prop_assert!(woken.max >= woken.desired && woken.desired >= record.capacity.desired);
                let now = record.written_at.checked_add_signed(TimeDelta::hours(3)).unwrap_or(record.written_at);
                for until in [now, DateTime::<Utc>::MAX_UTC] {
                    for (recorded, present) in [(&*record.actions, &[][..]), (&[][..], &*record.actions)] {
                        let listings = missed::Listings { recorded, present };
                        let _ = in_time("the actions of a record", || {
                            missed::overlay(record.capacity, listings, record.written_at, until)
                        });
                    }
                }
            }
            Err(RecordError::Schema(found)) => prop_assert_ne!(found, SCHEMA),
            Err(RecordError::Malformed(why)) => prop_assert!(!why.is_empty()),
        }
    }

    /// Also of any size: what is written fits what is read.
    #[test]
    fn records_of_any_group(group in "\\PC{1,255}", owner in "\\PC{0,80}", pins in 0..40_usize) {
        let mut record = Record { group: group.into(), owner, ..record() };
        record.pins = record.pins.iter().cycle().take(pins).cloned().collect();
        let text = record.to_text();
        prop_assert_eq!(Record::from_text(&text), Ok(record));
        prop_assert!(pins < 20 || text.len() > RECORD_LIMIT_BYTES / 4);
    }

    #[test]
    fn tags(
        name in prop_oneof![
            6 => proptest::sample::select(vec![
                "wave", "image", "seal", "canary", "document", "parameters", "tolerate-missing",
            ]).prop_map(str::to_owned),
            1 => "\\PC{0,120}",
        ],
        value in prop_oneof![3 => odd(), 2 => "\\PC{0,256}", 1 => "(\\PC{0,9}[=;]){0,20}"],
    ) {
        let tags = BTreeMap::from([(format!("p:{name}"), value.clone())]);
        let reading = in_time("tags", || options::read(&tags, "p"));
        if let Some(refusal) = reading.refusal {
            prop_assert_eq!(refusal.code, Code::OptionInvalid);
            prop_assert!(refusal.reason.contains(&format!("tag p:{name}: expected ")), "{}", refusal.reason);
        }
        in_time("the bake key's text", || reading.options.bake_text());
    }

    /// Whatever the tag of an image says, a group is planned with a time that a run can take.
    #[test]
    fn measured_times(
        value in prop_oneof![
            1 => "\\PC{0,256}",
            4 => proptest::collection::vec(
                (
                    proptest::sample::select(vec!["waking", "patching", "baking", "proving", "restoring", "x"]),
                    odd(),
                ),
                0..8,
            ).prop_map(|pairs| pairs.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(" ")),
        ],
        windows: bool,
    ) {
        let mut forward = Forward {
            operation: Operation::Install,
            options: options::Options::default(),
            image: "ami-1".into(),
            windows,
                hook_seconds: 0,
            bakes: true,
            measured: Measured::default(),
        };
        let (measured, note) = in_time("measured times", || budget::read_tag(&forward, &value));
        prop_assert!(measured != Measured::default() || note.is_some());
        forward.measured = measured;
        let seconds = Budget::of(&forward, true).seconds();
        prop_assert!((300..=8 * 3600).contains(&seconds), "{} s", seconds);
    }

    /// Auto Scaling takes 1 to 255 characters from nearly all of Unicode.
    #[test]
    fn group_names(name in proptest::collection::vec(any::<char>(), 1..=255).prop_map(String::from_iter)) {
        let parameter = record_parameter(&name.as_str().into());
        prop_assert!(parameter.len() <= 1011, "{} characters", parameter.len());
        prop_assert!(parameter.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c)), "{}", parameter);
        prop_assert_eq!(parameter.matches('/').count(), 3);
        match group_of_parameter(&parameter) {
            Some(group) => prop_assert_eq!(group, name),
            // Too long to stand for itself: the record tells.
            None => prop_assert!(name.len() > 255, "{} bytes", name.len()),
        }
    }

    #[test]
    fn parameters_of_others(text in prop_oneof!["\\PC{0,60}", "/asg-patch/records/[_0-9a-fx.]{0,40}"]) {
        if let Some(group) = group_of_parameter(&text) {
            prop_assert_eq!(group_of_parameter(&record_parameter(&group)), Some(group));
        }
    }

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

#[test]
fn what_is_nested_deeply_does_not_overflow_the_stack() {
    for open in ["[", "{\"schema\":1,\"a\":", "a = [", "[[a.", "a={b="] {
        let text = open.repeat(100_000);
        assert!(Record::from_text(&text).is_err());
        assert!(fleet::parse(&text).is_err());
    }
}
