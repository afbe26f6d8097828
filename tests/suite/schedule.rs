//! The morning's schedule: scheduled actions of every kind against runs of every length. When the run ends,
//! the group's capacity is what they would be without us, now; what comes after is left to AWS and happens
//! once. The measure is the same world with no run in it.
//!
//! A share is tried here; `SCHEDULE_STRIDE=1 cargo test --test suite schedule -- --nocapture` tries
//! all. A test's calm run (without any action) tells when the group is guarded and restored; then the run
//! is made again with an action in that very second, and shortly before and after.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use asg_patch::report::RunReport;
use asg_patch::sim::{Account, Frozen};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::common::{Scenario, drive, end, in_virtual_time, on_all_cores, restore_all};

/// Prime, so that every kind of action meets every length, group and moment sooner or later.
const STRIDE: usize = 397;
/// Prime, too; for the nights on which clocks change.
const NIGHT_STRIDE: usize = 13;

/// A group's capacity and the version that it names.
const GROUPS: [(&str, &str); 4] = [
    ("min = 0\nmax = 3\ndesired = 0", "\"$Latest\""),
    ("min = 0\nmax = 0\ndesired = 0", "1"),
    ("min = 1\nmax = 4\ndesired = 2", "\"$Latest\""),
    ("min = 2\nmax = 2\ndesired = 2", "1"),
];

/// How long a run takes and how it ends.
#[derive(Clone, Copy, Debug)]
struct Length {
    name: &'static str,
    missing: u32,
    /// More lines of the group.
    group: &'static str,
    /// `#!` flags.
    flags: &'static str,
    /// The driver dies after so long, and an operator restores so long after that, minutes.
    dies: Option<(u64, u64)>,
}

const PLAIN: Length = Length {
    name: "plain",
    missing: 3,
    group: "",
    flags: "",
    dies: None,
};

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

fn fleet(start: DateTime<Utc>, group: usize, length: &Length, actions: &[String]) -> String {
    let (capacity, version) = GROUPS[group];
    let mut text = String::new();
    if !length.flags.is_empty() {
        let _ = writeln!(text, "#! {}", length.flags);
    }
    let _ = write!(
        text,
        r#"seed = 3
start = {}

[[images]]
name = "app"
missing = {}

[[templates]]
name = "app"
versions = [{{ image = "app", instance_type = "t3.small" }}]

[[groups]]
name = "app"
{capacity}
template = "app"
version = {version}
tags = {{ "ep:asg:patch" = "true" }}
{}
scheduled_actions = [
    {}
]
"#,
        start.format("%Y-%m-%dT%H:%M:%SZ"),
        length.missing,
        length.group,
        actions.join(",\n    ")
    );
    text
}

/// Lets the run, or what became of it, come to its end.
async fn finish(
    account: &Account,
    scenario: &Scenario,
    length: &Length,
) -> Result<RunReport, String> {
    let run = drive(account, &scenario.request, scenario.stop_on.as_deref());
    let Some((dies, restored)) = length.dies else {
        let ended = run.await.map_err(|e| e.to_string())?;
        return Ok(ended.0);
    };
    let minutes = |n| Duration::from_secs(60 * n);
    tokio::select! {
        ended = run => return ended.map(|e| e.0).map_err(|e| e.to_string()),
        () = account.clock().wait(minutes(dies)) => {}
    }
    account.clock().wait(minutes(restored)).await;
    if end::open_groups(account).is_empty() {
        return Err("the driver was to die before its end".into());
    }
    Ok(restore_all(account).await)
}

/// Moments of a calm run, seconds after its start.
fn moments(group: usize, length: &Length) -> Vec<(String, i64)> {
    let start: DateTime<Utc> = "2026-10-14T04:00:00Z".parse().expect("a time");
    let scenario = Scenario::parse(&fleet(start, group, length, &[])).expect("a fleet");
    in_virtual_time(scenario.fleet.seed(), async {
        let account = scenario.fleet.account(1);
        let report = finish(&account, &scenario, length).await.expect("a report");
        let second = |at: DateTime<Utc>| (at - start).num_seconds();
        let called = |operation: &str, text: &str| {
            let calls = account.calls();
            let mut log = calls.changes();
            let call =
                log.find(|c| c.name.ends_with(operation) && c.params.to_string().contains(text));
            second(call.expect("such a call").at)
        };
        let end = second(report.finished_at);
        let bases: [(&str, i64, &[i64]); 5] = [
            ("record", called("PutParameter", "records"), &[-1, 0, 1]),
            (
                "guard",
                called("SuspendProcesses", "ScheduledActions"),
                &[0, 1, 2],
            ),
            ("middle", end / 2, &[0]),
            (
                "schedule resumed",
                called("ResumeProcesses", "\"ScheduledActions\"]"),
                &[-30, -2, -1, 0, 1, 2, 30],
            ),
            ("end", end, &[-1, 0, 1, 45, 400]),
        ];
        let moments = bases.into_iter().flat_map(|(name, base, deltas)| {
            deltas
                .iter()
                .map(move |d| (format!("{name} {d:+} s"), base + d))
        });
        moments.collect()
    })
}

/// A run with its actions.
struct Case {
    name: String,
    text: String,
    length: Length,
}

impl Case {
    /// The problems at its end.
    fn problems(&self) -> Vec<String> {
        let scenario = Scenario::parse(&self.text).unwrap_or_else(|e| panic!("{e}\n{}", self.text));
        in_virtual_time(scenario.fleet.seed(), async {
            let account = scenario.fleet.account(1);
            let untouched = account.freeze();
            let report = match finish(&account, &scenario, &self.length).await {
                Ok(report) => report,
                Err(problem) => return vec![problem],
            };
            let mut problems = capacity_now(&account, &untouched);
            problems.extend(end::problems(&account, &untouched).await);
            problems.extend(executed_after(&account, &untouched, report.finished_at));
            problems
        })
    }
}

/// The group's capacity, in the very moment in which the run ended.
fn capacity_now(account: &Account, untouched: &Frozen) -> Vec<String> {
    let now = account.clock().now();
    let control = untouched.thaw();
    let capacity = |account: &Account| {
        account.with_world(|w| {
            w.advance_to(now);
            let group = &w.groups["app"];
            format!("{}-{}-{}", group.min, group.max, group.desired)
        })
    };
    let (wanted, found) = (capacity(&control), capacity(account));
    let wrong = wanted != found;
    wrong
        .then(|| format!("capacity at the end: expected {wanted}, found {found}"))
        .into_iter()
        .collect()
}

/// The actions that AWS has executed by itself since the run's end must be those that it would have executed anyway.
fn executed_after(account: &Account, untouched: &Frozen, end: DateTime<Utc>) -> Vec<String> {
    let now = account.clock().now();
    let control = untouched.thaw();
    let executed = |account: &Account| {
        account.with_world(|w| {
            w.advance_to(now);
            let mut count: BTreeMap<String, usize> = BTreeMap::new();
            let activities = w.groups["app"].activities.iter();
            for a in
                activities.filter(|a| a.started_at > end && a.description.starts_with("Executing"))
            {
                *count.entry(a.description.clone()).or_default() += 1;
            }
            count
        })
    };
    let (wanted, found) = (executed(&control), executed(account));
    let wrong = wanted != found;
    wrong
        .then(|| format!("after the end: expected {wanted:?}, found {found:?}"))
        .into_iter()
        .collect()
}

/// Tries every `stride`-th case and names those that end wrong.
fn check(what: &str, all: Vec<Case>, stride: usize) {
    let stride = std::env::var("SCHEDULE_STRIDE").map_or(stride, |s| s.parse().expect("a number"));
    let count = all.len();
    let chosen: Vec<Case> = all.into_iter().step_by(stride).collect();
    let tried = chosen.len();
    let results = on_all_cores(chosen, |case| {
        let problems = case.problems();
        let failure = format!("{}: {}", case.name, problems.join("; "));
        (!problems.is_empty()).then_some((failure, case.text))
    });
    let wrong: Vec<(String, String)> = results.into_iter().flatten().collect();
    println!(
        "{what}: {tried} of {count} combinations tried, {} wrong",
        wrong.len()
    );
    let first: Vec<&str> = wrong
        .iter()
        .take(20)
        .map(|(failure, _)| failure.as_str())
        .collect();
    let fleet = wrong.first().map_or("", |(_, text)| text);
    assert!(
        wrong.is_empty(),
        "{} of {tried} wrong; the first:\n{}\nand the fleet of the very first:\n{fleet}",
        wrong.len(),
        first.join("\n")
    );
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

/// Nights on which the clock is changed, in UTC the moment of the change.
const NIGHTS: [(&str, &str); 4] = [
    ("Europe/Berlin", "2026-10-25T01:00:00Z"),
    ("Europe/Berlin", "2027-03-28T01:00:00Z"),
    ("America/New_York", "2026-11-01T06:00:00Z"),
    ("America/New_York", "2027-03-14T07:00:00Z"),
];

#[test]
fn the_clock_changes_in_the_window() {
    let long = Length {
        name: "long",
        group: "behaviour = { install = { seconds = 5400 } }",
        ..PLAIN
    };
    let restored = Length {
        name: "dies and is restored hours later",
        dies: Some((5, 200)),
        ..PLAIN
    };
    let mut cases = Vec::new();
    for (zone, change) in NIGHTS {
        let change: DateTime<Utc> = change.parse().expect("a time");
        for length in [long, restored] {
            for before in [100, 40, 10] {
                // Every half hour of wall-clock time around the change, be it skipped or repeated.
                for (hour, minute) in (0..5).flat_map(|h| [(h, 0), (h, 30)]) {
                    for (group, capacity) in
                        [(0, "min = 1, desired = 2"), (2, "min = 0, desired = 0")]
                    {
                        let actions = [format!(
                            "{{ name = \"a\", {capacity}, recurrence = \"{minute} {hour} * * 0\", time_zone = \"{zone}\" }}"
                        )];
                        let start = change - TimeDelta::minutes(before);
                        cases.push(Case {
                            name: format!("{zone} {change}: {hour}:{minute:02} {capacity} | {} from {before} min before", length.name),
                            text: fleet(start, group, &length, &actions),
                            length,
                        });
                    }
                }
            }
        }
    }
    check("nights on which the clock changes", cases, NIGHT_STRIDE);
}
