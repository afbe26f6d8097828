//! Windows as teams have them: per environment and per role.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc, Weekday};
use chrono_tz::Europe::Berlin;
use chrono_tz::Tz;
use expect_test::expect;

use super::*;
use crate::ids::GroupName;
use crate::tag_filter::{TagFilter, TagFilters};

/// A Monday; summer time ends in Berlin on October 25.
const NOW: &str = "2026-10-05T12:00:00Z";

fn now() -> DateTime<Utc> {
    NOW.parse().unwrap()
}

fn filters(texts: &[&str]) -> TagFilters {
    texts
        .iter()
        .map(|t| t.parse::<TagFilter>().unwrap())
        .collect()
}

fn window(name: &str, schedule: &str, zone: &str, hours: i64, select: &[&str]) -> PatchWindow {
    let text = WindowText {
        name: name.into(),
        schedule: schedule.into(),
        time_zone: Some(zone.into()),
        is_maintenance_window: schedule.split(' ').count() > 6,
        lengths: Some((TimeDelta::hours(hours), TimeDelta::zero())),
        filters: filters(select),
        ..WindowText::default()
    };
    PatchWindow::read(text).expect(schedule)
}

/// The days of a month that a person reads from a calendar, independently of any cron.
type Days = fn(NaiveDate) -> bool;

fn nth(weekday: Weekday, n: u32) -> impl Fn(NaiveDate) -> bool {
    move |day| day.weekday() == weekday && (day.day() - 1) / 7 + 1 == n
}

fn is_last_of_month(day: NaiveDate) -> bool {
    day.succ_opt().unwrap().month() != day.month()
}

/// The next ten wall-clock times at this hour on such days. A time that the clock skips is left out; of one that it shows
/// twice, the first counts.
fn by_calendar(zone: Tz, hour: u32, is_day: impl Fn(NaiveDate) -> bool) -> Vec<DateTime<Utc>> {
    let today = now().date_naive();
    let days = today.iter_days().filter(|day| is_day(*day));
    let at = NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
    let times = days.filter_map(|day| zone.from_local_datetime(&day.and_time(at)).earliest());
    times
        .map(|t| t.to_utc())
        .filter(|t| *t > now())
        .take(10)
        .collect()
}

#[test]
fn the_next_ten_openings_are_those_of_a_calendar() {
    let working_night: Days = |d| d.weekday().num_days_from_monday() < 5;
    let weekend: Days = |d| d.weekday().num_days_from_monday() >= 5;
    type Row = (&'static str, u32, Box<dyn Fn(NaiveDate) -> bool>);
    let rows: [Row; 10] = [
        // By environment: sandbox and test on the nights of the week, acceptance and production at weekends.
        ("cron(0 20 ? * MON-FRI *)", 20, Box::new(working_night)),
        ("cron(0 2 ? * SAT,SUN *)", 2, Box::new(weekend)),
        (
            "cron(0 2 ? * 1 *)",
            2,
            Box::new(|d| d.weekday() == Weekday::Sun),
        ),
        // By role: management, web, application and database servers.
        ("cron(0 23 ? * TUE#1 *)", 23, Box::new(nth(Weekday::Tue, 1))),
        ("cron(0 23 ? * THU#1 *)", 23, Box::new(nth(Weekday::Thu, 1))),
        ("cron(0 23 ? * THU#2 *)", 23, Box::new(nth(Weekday::Thu, 2))),
        ("cron(0 23 ? * THU#3 *)", 23, Box::new(nth(Weekday::Thu, 3))),
        // The last day, the last Friday, and with seconds.
        ("cron(0 3 L * ? *)", 3, Box::new(is_last_of_month)),
        (
            "cron(0 3 ? * 6L *)",
            3,
            Box::new(|d| {
                d.weekday() == Weekday::Fri && (d + TimeDelta::days(7)).month() != d.month()
            }),
        ),
        ("cron(0 0 4 ? * WED#2 *)", 4, Box::new(nth(Weekday::Wed, 2))),
    ];
    for (expression, hour, is_day) in rows {
        for zone in [Tz::UTC, Berlin, chrono_tz::America::New_York] {
            let window = window("w", expression, zone.name(), 3, &[]);
            let found: Vec<DateTime<Utc>> = window
                .openings(now())
                .take(10)
                .map(|o| o.window.start)
                .collect();
            assert_eq!(
                found,
                by_calendar(zone, hour, &is_day),
                "{expression} {zone}"
            );
        }
    }
}

#[test]
fn a_nearest_working_day_is_never_at_a_weekend_nor_in_another_month() {
    let window = window("w", "cron(0 9 1W * ? *)", "Europe/Berlin", 3, &[]);
    let days = window
        .openings(now())
        .take(24)
        .map(|o| o.window.start.with_timezone(&Berlin));
    for day in days {
        assert!(
            day.weekday().num_days_from_monday() < 5 && day.day() <= 3,
            "{day}"
        );
    }
}

#[test]
fn a_window_is_open_from_its_start_until_its_end() {
    let nightly = window("n", "cron(0 23 ? * THU#1 *)", "UTC", 6, &[]);
    let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    let open = nightly.open_at(at("2026-10-02T04:59:00Z")).expect("open");
    assert_eq!(open.window.start, at("2026-10-01T23:00:00Z"));
    assert_eq!(nightly.open_at(at("2026-10-02T05:00:00Z")), None);
    assert_eq!(nightly.open_at(at("2026-10-01T22:59:59Z")), None);
}

fn troubles(windows: &[PatchWindow], groups: &[(&str, &[(&str, &str)])]) -> String {
    let tags = |pairs: &[(&str, &str)]| {
        let pair = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
        pairs.iter().map(pair).collect::<BTreeMap<String, String>>()
    };
    let groups = groups
        .iter()
        .map(|(name, pairs)| (GroupName::from(*name), tags(pairs)));
    let found = look_over(windows, &groups.collect(), now());
    found.iter().map(|t| format!("{t}\n")).collect()
}

#[test]
fn what_is_wrong_is_said_before_the_night() {
    let production = ["Environment=Prod*"];
    let found = troubles(
        &[
            window("never", "cron(0 4 30 2 ? *)", "UTC", 3, &production),
            window(
                "often",
                "cron(00 23-5 ? * THU#3 *)",
                "UTC",
                3,
                &["Environment=Test"],
            ),
            window("by-rate", "rate(7 days)", "UTC", 3, &production),
            window(
                "web",
                "cron(0 23 ? * THU#1 *)",
                "UTC",
                6,
                &["Patch Group=Web Server"],
            ),
            window("production", "cron(0 2 ? * FRI *)", "UTC", 6, &production),
            window(
                "empty",
                "cron(0 2 ? * SUN *)",
                "UTC",
                6,
                &["Environment=Staging"],
            ),
        ],
        &[
            (
                "shop-web",
                &[("Environment", "Production"), ("Patch Group", "Web Server")],
            ),
            ("shop-test", &[("Environment", "Test")]),
            ("forgotten", &[("Owner", "nobody")]),
        ],
    );
    expect![[r#"
        never never opens again: cron(0 4 30 2 ? *)
        often opens 7 times within a day, from 2026-10-15 00:00 to 23:00 UTC: cron(00 23-5 ? * THU#3 *) fires at each of these hours, and of one day the early ones come first. For one window of that length: schedule cron(00 23 ? * THU#3 *), duration 6h
        when by-rate opens is not known: rate(7 days) counts from a beginning that AWS does not report; name the time with cron(...)
        empty takes no group: none that opted in matches Environment=Staging
        forgotten opted in, and no window takes it
        web and production are open at the same time (2026-11-06 02:00 UTC), and both take shop-web: the later one leaves a group alone that the other has begun
    "#]].assert_eq(&found);
}

#[test]
fn systems_manager_runs_five_at_once() {
    let window = |n: usize| window(&format!("mw-{n}"), "cron(0 0 4 ? * WED#2 *)", "UTC", 3, &[]);
    let names = |windows: &[PatchWindow]| -> BTreeSet<String> {
        let found = look_over(windows, &BTreeMap::new(), now());
        let too_many = found.into_iter().find_map(|t| match t {
            Trouble::TooManyAtOnce { windows, .. } => Some(windows),
            _ => None,
        });
        too_many.unwrap_or_default()
    };
    let six: Vec<PatchWindow> = (1..=6).map(window).collect();
    assert!(names(&six[..5]).is_empty());
    assert_eq!(names(&six).len(), 6);
}

#[test]
fn what_is_no_window_is_refused() {
    let read = |change: fn(&mut WindowText)| {
        let mut text = WindowText {
            name: "w".into(),
            schedule: "cron(0 4 ? * WED#2 *)".into(),
            ..WindowText::default()
        };
        change(&mut text);
        PatchWindow::read(text).map(drop).map_err(|e| e.to_string())
    };
    assert_eq!(read(|_| ()), Ok(()));
    type Row = (fn(&mut WindowText), &'static str);
    let rows: [Row; 6] = [
        (|t| t.name = "a b".into(), "expected a name"),
        (
            |t| t.schedule = "0 4 * * *".into(),
            "expected cron(...), rate(...) or at(...)",
        ),
        (
            |t| t.time_zone = Some("Berlin".into()),
            "expected an IANA time zone",
        ),
        (|t| t.flexible_minutes = 1441, "expected flexible minutes"),
        (
            |t| (t.is_maintenance_window, t.flexible_minutes) = (true, 5),
            "expected flexible minutes",
        ),
        (
            |t| t.lengths = Some((TimeDelta::hours(1), TimeDelta::hours(1))),
            "expected a cutoff",
        ),
    ];
    for (change, expected) in rows {
        let error = read(change).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}

fn with_state(schedule: &str, state: WindowState) -> PatchWindow {
    PatchWindow {
        state,
        ..window("w", schedule, "UTC", 3, &[])
    }
}

#[test]
fn aws_says_whether_and_when_a_window_opens() {
    let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    let daily = "cron(0 4 * * ? *)";
    let starts = |window: &PatchWindow| -> Vec<DateTime<Utc>> {
        window
            .openings(now())
            .take(3)
            .map(|o| o.window.start)
            .collect()
    };
    let open = at("2026-10-06T05:00:00Z");
    assert!(
        with_state(daily, WindowState::default())
            .open_at(open)
            .is_some()
    );

    let disabled = WindowState {
        is_disabled: true,
        next: Some(at("2026-10-06T04:00:00Z")),
        ..WindowState::default()
    };
    let disabled = with_state(daily, disabled);
    assert!(starts(&disabled).is_empty());
    assert_eq!(
        (disabled.open_at(open), disabled.disputed(now())),
        (None, None)
    );

    let dated = WindowState {
        from: Some(at("2026-10-07T04:00:00Z")),
        until: Some(at("2026-10-09T04:00:00Z")),
        ..WindowState::default()
    };
    let dated = with_state(daily, dated);
    assert_eq!(
        starts(&dated),
        [at("2026-10-07T04:00:00Z"), at("2026-10-08T04:00:00Z")]
    );
    assert_eq!(dated.open_at(open), None);
    assert_eq!(dated.open_at(at("2026-10-09T05:00:00Z")), None);
    assert!(dated.open_at(at("2026-10-08T05:00:00Z")).is_some());

    // AWS's own time counts, also of a rate, and from there on the schedule.
    let next = WindowState {
        next: Some(at("2026-10-08T04:00:00Z")),
        ..WindowState::default()
    };
    let later = with_state(daily, next.clone());
    assert_eq!(
        starts(&later)[..2],
        [at("2026-10-08T04:00:00Z"), at("2026-10-09T04:00:00Z")]
    );
    let reckoned = Some(at("2026-10-06T04:00:00Z"));
    assert_eq!(
        later.disputed(now()),
        Some((at("2026-10-08T04:00:00Z"), reckoned))
    );
    let rate = with_state("rate(7 days)", next);
    assert_eq!(starts(&rate), [at("2026-10-08T04:00:00Z")]);
    assert_eq!(rate.disputed(now()), None);

    // Shown to the minute: the second is the schedule's.
    let seconds = WindowState {
        next: Some(at("2026-10-07T04:00:00Z")),
        ..WindowState::default()
    };
    let seconds = with_state("cron(24 0 4 ? * WED *)", seconds);
    assert_eq!(starts(&seconds)[0], at("2026-10-07T04:00:24Z"));
    assert_eq!(seconds.disputed(now()), None);
}

#[test]
fn a_group_that_only_a_disabled_window_takes_has_none() {
    let state = WindowState {
        is_disabled: true,
        ..WindowState::default()
    };
    let off = PatchWindow {
        state,
        ..window("night", "cron(0 4 * * ? *)", "UTC", 3, &[])
    };
    let groups = BTreeMap::from([(GroupName::from("web"), BTreeMap::new())]);
    let said: Vec<String> = look_over(&[off], &groups, now())
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        said,
        ["web opted in, and no window takes it but night, which is disabled"]
    );
}
