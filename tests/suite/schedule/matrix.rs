//! Every kind of action at every moment of runs of every length.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::{Case, GROUPS, Length, PLAIN, check, finish, fleet};
use crate::common::{Scenario, in_virtual_time, on_all_cores};

/// Prime, so that every kind of action meets every length, group and moment sooner or later.
const STRIDE: usize = 397;

const LENGTHS: [Length; 8] = [
    PLAIN,
    Length {
        name: "nothing to patch",
        missing: 0,
        ..PLAIN
    },
    Length {
        name: "slow",
        group: "behaviour = { install = { seconds = 3000 }, terminate = { seconds = 200 } }",
        ..PLAIN
    },
    Length {
        name: "rolls back early",
        group: "behaviour = { failure = \"install-fails\" }",
        ..PLAIN
    },
    Length {
        name: "rolls back late",
        group: "canary = { failure = \"never-online\" }",
        ..PLAIN
    },
    Length {
        name: "never wakes",
        group: "behaviour = { failure = \"never-online\" }",
        ..PLAIN
    },
    Length {
        name: "Ctrl-C",
        flags: "ctrl-c-on ec2:CreateImage",
        ..PLAIN
    },
    Length {
        name: "dies and is restored",
        dies: Some((9, 30)),
        ..PLAIN
    },
];

/// How an action says when it is due.
#[derive(Clone, Copy, Debug)]
enum Form {
    Daily,
    /// On the weekdays of this zone.
    InZone(&'static str),
    Once,
    /// Starts when it is due, and recurs at another time of day.
    StartsOffItsTime,
    /// Ends a minute after it is due.
    EndsAfter,
    /// Ends when it is due: it does not run.
    EndsThen,
    /// Is due at this time of day, from tomorrow on.
    FromTomorrow,
    /// Is due at this time of the week, from next week on.
    FromNextWeek,
    Often,
}

const FORMS: [Form; 10] = [
    Form::Daily,
    Form::InZone("Europe/Berlin"),
    Form::InZone("Asia/Kolkata"),
    Form::Once,
    Form::StartsOffItsTime,
    Form::EndsAfter,
    Form::EndsThen,
    Form::FromTomorrow,
    Form::FromNextWeek,
    Form::Often,
];

const CAPACITIES: [&str; 8] = [
    "min = 1",
    "max = 1",
    "max = 6",
    "desired = 1",
    "desired = 3",
    "min = 1, max = 3, desired = 3",
    "min = 0, max = 0, desired = 0",
    // More than the maximum of most groups: AWS refuses bounds that contradict each other.
    "min = 5",
];

/// A scheduled action: seconds from the moment that is tried, form, capacity.
type Planned = (i64, Form, &'static str);

/// Several in one window: a later one wins, and what it does not name stays.
const SEVERAL: [&[Planned]; 7] = [
    &[
        (-120, Form::Daily, "desired = 2"),
        (0, Form::Daily, "desired = 0, min = 0"),
    ],
    &[
        (-120, Form::Daily, "min = 0, desired = 0"),
        (0, Form::Once, "min = 1, max = 3, desired = 2"),
    ],
    &[
        (-60, Form::Daily, "min = 1"),
        (0, Form::InZone("Europe/London"), "max = 5"),
        (60, Form::Daily, "desired = 4"),
    ],
    &[
        (-1, Form::Once, "desired = 1"),
        (0, Form::Once, "desired = 2"),
        (1, Form::Once, "desired = 3"),
    ],
    &[
        (0, Form::Once, "min = 2, max = 2, desired = 2"),
        (300, Form::Once, "min = 0, max = 3, desired = 0"),
    ],
    &[
        (-600, Form::Once, "max = 5"),
        (-300, Form::Daily, "min = 2, desired = 4"),
        (0, Form::EndsThen, "desired = 0"),
    ],
    &[
        (0, Form::StartsOffItsTime, "desired = 2"),
        (60, Form::FromTomorrow, "desired = 0"),
    ],
];

/// All that is tried at each moment.
fn kinds() -> Vec<Vec<Planned>> {
    let single = FORMS
        .into_iter()
        .flat_map(|form| CAPACITIES.map(|capacity| vec![(0, form, capacity)]));
    single
        .chain(SEVERAL.iter().map(|several| several.to_vec()))
        .collect()
}

/// One scheduled action of a fleet file; `due` is a whole minute where the form has no seconds.
fn action(name: usize, due: DateTime<Utc>, form: Form, capacity: &str) -> String {
    let daily = |at: DateTime<Utc>| format!("recurrence = \"{}\"", at.format("%-M %-H * * *"));
    let iso = |at: DateTime<Utc>| at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let when = match form {
        Form::Daily => daily(due),
        Form::InZone(zone) => {
            let local = due.with_timezone(&zone.parse::<Tz>().expect("a zone"));
            format!(
                "recurrence = \"{}\", time_zone = \"{zone}\"",
                local.format("%-M %-H * * 1-5")
            )
        }
        Form::Once => format!("start = {}", iso(due)),
        Form::StartsOffItsTime => format!(
            "start = {}, {}",
            iso(due),
            daily(due - TimeDelta::minutes(7))
        ),
        Form::EndsAfter => format!("{}, end = {}", daily(due), iso(due + TimeDelta::minutes(1))),
        Form::EndsThen => format!("{}, end = {}", daily(due), iso(due)),
        Form::FromTomorrow => format!("start = {}, {}", iso(due + TimeDelta::days(1)), daily(due)),
        Form::FromNextWeek => format!(
            "start = {}, recurrence = \"{}\"",
            iso(due + TimeDelta::days(7)),
            due.format("%-M %-H * * %w")
        ),
        Form::Often => "recurrence = \"*/10 * * * *\"".into(),
    };
    format!("{{ name = \"a{name}\", {capacity}, {when} }}")
}

/// Moments of a calm run, seconds after its start.
fn moments(group: usize, length: &Length) -> Vec<(String, i64)> {
    let start: DateTime<Utc> = "2026-10-14T04:00:00Z".parse().expect("a time");
    let scenario = Scenario::parse(&fleet(start, group, length, &[])).expect("a fleet");
    in_virtual_time(scenario.fleet.seed(), async {
        let account = scenario.fleet.account(1);
        let report = finish(&account, &scenario, length).await.expect("a report");
        let second = |at: DateTime<Utc>| (at - start).num_seconds();
        let calls = account.calls();
        let called = |operation: &str| -> Vec<i64> {
            let log = calls.changes().filter(|c| c.name.ends_with(operation));
            log.map(|c| second(c.at)).collect()
        };
        let (records, raised, borrowed) = (
            called("PutParameter"),
            called("UpdateAutoScalingGroup"),
            called("EnterStandby"),
        );
        let end = second(report.finished_at);
        // Until an action is due nothing of the schedule is suspended; around a launch it may be.
        let around: &[i64] = &[-30, -2, -1, 0, 1, 2, 6, 30];
        let bases: [(&str, Option<i64>, &[i64]); 7] = [
            ("record", records.first().copied(), &[-1, 0, 1]),
            ("raised", raised.first().copied(), &[0, 1, 2]),
            ("borrowed", borrowed.first().copied(), around),
            ("middle", Some(end / 2), &[0]),
            ("canary borrowed", borrowed.get(1).copied(), around),
            ("last change", raised.last().copied(), &[-1, 0, 1]),
            ("end", Some(end), &[-1, 0, 1, 45, 400]),
        ];
        assert!(!raised.is_empty() && !borrowed.is_empty(), "no launch");
        let bases = bases
            .into_iter()
            .filter_map(|(name, base, deltas)| Some((name, base?, deltas)));
        let moments = bases.flat_map(|(name, base, deltas)| {
            deltas
                .iter()
                .map(move |d| (format!("{name} {d:+} s"), base + d))
        });
        moments.collect()
    })
}

#[test]
fn the_morning_comes_whenever_the_run_ends() {
    // A Wednesday. What is tried falls due then; the run starts so long before.
    let due: DateTime<Utc> = "2026-10-14T05:00:00Z".parse().expect("a time");
    let pairs: Vec<(usize, Length)> = (0..GROUPS.len())
        .flat_map(|g| LENGTHS.map(|l| (g, l)))
        .collect();
    let timed = on_all_cores(pairs, |(group, length)| {
        (group, length, moments(group, &length))
    });
    let kinds = kinds();
    let mut cases = Vec::new();
    for (group, length, moments) in timed {
        for (moment, seconds) in moments {
            for kind in &kinds {
                let actions: Vec<String> = kind
                    .iter()
                    .enumerate()
                    .map(|(n, (at, form, capacity))| {
                        action(n, due + TimeDelta::seconds(*at), *form, capacity)
                    })
                    .collect();
                cases.push(Case {
                    name: format!(
                        "{} | {} | {moment} | {kind:?}",
                        GROUPS[group].0.replace('\n', " "),
                        length.name
                    ),
                    text: fleet(due - TimeDelta::seconds(seconds), group, &length, &actions),
                    length,
                });
            }
        }
    }
    check(
        "scheduled actions by moment and length of run",
        cases,
        STRIDE,
    );
}
