//! The morning's schedule: scheduled actions of every kind against runs of every length. When the run ends,
//! the group's capacity is what they would be without us, now; what comes after is left to AWS and happens
//! once. The measure is the same world with no run in it.
//!
//! A share is tried here; `SCHEDULE_STRIDE=1 cargo test --test suite schedule:: -- --nocapture` tries
//! all. A test's calm run (without any action) tells when the group is guarded and restored; then the run
//! is made again with an action in that very second, and shortly before and after.

mod matrix;
mod nights;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use asg_patch::report::RunReport;
use asg_patch::sim::{Account, Frozen};
use chrono::{DateTime, Utc};

use crate::common::{Scenario, drive, end, in_virtual_time, on_all_cores, restore_all};

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
