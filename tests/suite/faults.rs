//! Faults at every operation: for a set of golden scenarios, every operation that the run calls is
//! answered with every kind of fault: once, for a minute, and for good, from the first time that it is
//! called in each phase. A passing fault costs time only; a lasting one ends in a restore and a report that
//! names the operation and the code; where not even that is possible, the record stays and `restore`
//! restores the group once the fault is lifted.
//!
//! Operations and phases are not listed here: they are those of the run without faults.
//!
//! Each operation meets each kind of fault for each length; scenarios and phases take turns in it. Every
//! [`STRIDE`]th is tried by default, all with `FAULTS_STRIDE=1`, and every kind and length at every moment
//! with `FAULTS_ALL=1`. `FAULTS_ONLY=text` tries only the combinations whose name contains the text, as a
//! failure prints it; `FAULTS_SCENARIOS=name,name` picks scenarios.

use std::collections::{BTreeMap, BTreeSet};

use crate::common::{Scenario, drive, end, in_virtual_time, on_all_cores};
use asg_patch::group::{Code, Outcome};
use asg_patch::ids::GroupName;
use asg_patch::report::{GroupReport, RunReport};
use asg_patch::run::RunError;
use asg_patch::sim::calls::{CallRecord, Ending};
use asg_patch::sim::faults::{FaultRule, InjectedFault};
use asg_patch::sim::wire::ApiError;
use asg_patch::sim::{Account, Frozen};
use chrono::{DateTime, TimeDelta, Utc};

const SCENARIOS: [&str; 10] = [
    "sleeping-latest",
    "default-pin",
    "numbered-pin",
    "running-behind-load-balancer",
    "mixed-override-templates",
    "shared-template-latest",
    "morning-scheduled-action",
    "parked-max-zero",
    // These roll back.
    "shared-template-sibling-fails",
    "patch-fails",
];

/// Only the removal of our image and version needs these: a group does not wait for it.
const REMOVAL: [&str; 6] = [
    "ec2:DescribeImages",
    "ec2:DescribeLaunchTemplates",
    "ec2:DescribeLaunchTemplateVersions",
    "ec2:DeleteLaunchTemplateVersions",
    "ec2:ModifyLaunchTemplate",
    "ec2:DeregisterImage",
];

/// Prime to the number of kinds and lengths: each operation meets some, and each of them some operation.
const STRIDE: usize = 11;

/// The kind of answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Throttled,
    InternalError,
    Unavailable,
    Silence,
    Expired,
    Denied,
}

const KINDS: [Kind; 6] = [
    Kind::Throttled,
    Kind::InternalError,
    Kind::Unavailable,
    Kind::Silence,
    Kind::Expired,
    Kind::Denied,
];

impl Kind {
    /// As the operation's service spells it: HTTP status and code; silence is a timeout to the caller.
    fn answer(self, operation: &str) -> (u16, &'static str) {
        let service = operation.split(':').next().unwrap_or_default();
        match (self, service) {
            (Self::Throttled, "ec2") => (503, "RequestLimitExceeded"),
            (Self::Throttled, "ssm") => (400, "ThrottlingException"),
            (Self::Throttled, _) => (400, "Throttling"),
            (Self::InternalError, "ec2") => (500, "InternalError"),
            (Self::InternalError, "ssm") => (500, "InternalServerError"),
            (Self::InternalError, _) => (500, "InternalFailure"),
            (Self::Unavailable, _) => (503, "ServiceUnavailable"),
            (Self::Silence, _) => (0, "Timeout"),
            (Self::Expired, "ec2") => (400, "RequestExpired"),
            (Self::Expired, "ssm") => (400, "ExpiredTokenException"),
            (Self::Expired, _) => (403, "ExpiredToken"),
            (Self::Denied, "ec2") => (403, "UnauthorizedOperation"),
            (Self::Denied, "ssm") => (400, "AccessDeniedException"),
            (Self::Denied, _) => (403, "AccessDenied"),
        }
    }

    fn fault(self, operation: &str) -> InjectedFault {
        match (self, self.answer(operation)) {
            (Self::Silence, _) => InjectedFault::Hang,
            (_, (status, code)) => {
                InjectedFault::Error(ApiError::with_status(status, code, "a fault"))
            }
        }
    }
}

/// How long it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Length {
    Once,
    Minute,
    ForGood,
}

const LENGTHS: [Length; 3] = [Length::Once, Length::Minute, Length::ForGood];

/// The first call of an operation in a phase.
#[derive(Clone, Debug)]
struct Moment {
    operation: String,
    phase: String,
    at: DateTime<Utc>,
    /// Calls of the operation before.
    earlier: u64,
}

impl Moment {
    fn rule(&self, kind: Kind, length: Length) -> FaultRule {
        let fault = kind.fault(&self.operation);
        match length {
            Length::Once => FaultRule::at(&self.operation, self.earlier, 1, fault),
            Length::Minute => FaultRule::during(
                &self.operation,
                self.at,
                Some(self.at + TimeDelta::seconds(60)),
                fault,
            ),
            Length::ForGood => FaultRule::during(&self.operation, self.at, None, fault),
        }
    }
}

/// A scenario and its run without faults.
struct Story {
    name: &'static str,
    scenario: Scenario,
    calm: Vec<(GroupName, String)>,
    moments: Vec<Moment>,
}

impl Story {
    fn of(name: &'static str) -> Self {
        let scenario = Scenario::load(name);
        let (report, log) = in_virtual_time(scenario.fleet.seed(), async {
            let account = scenario.fleet.account(1);
            let (report, _) = drive(&account, &scenario.request, None)
                .await
                .unwrap_or_else(|e| panic!("{name}: {e}"));
            (report, account.calls().log)
        });
        Self {
            name,
            calm: outcomes(&report),
            moments: moments(&report, &log),
            scenario,
        }
    }
}

fn outcomes(report: &RunReport) -> Vec<(GroupName, String)> {
    let groups = report.groups.iter();
    groups
        .map(|g| (g.group.clone(), g.outcome.to_string()))
        .collect()
}

fn moments(report: &RunReport, log: &[CallRecord]) -> Vec<Moment> {
    let phase_at = |group: &GroupReport, at| {
        let entered = group.phases.iter().rfind(|p| p.entered_at <= at);
        entered.map_or("planning".to_owned(), |p| p.phase.to_string())
    };
    let mut calls: BTreeMap<&str, u64> = BTreeMap::new();
    let mut known = BTreeSet::new();
    let mut found = Vec::new();
    for call in log {
        let phases: Vec<String> = report.groups.iter().map(|g| phase_at(g, call.at)).collect();
        let mut phase = phases.join("+");
        if call.is_dry_run() {
            phase.push_str(" (dry run)");
        }
        if known.insert((call.name.clone(), phase.clone())) {
            found.push(Moment {
                operation: call.name.clone(),
                phase,
                at: call.at,
                earlier: calls.get(call.name.as_str()).copied().unwrap_or_default(),
            });
        }
        *calls.entry(&call.name).or_default() += 1;
    }
    found
}

/// One combination.
#[derive(Clone)]
struct Try<'a> {
    story: &'a Story,
    moment: &'a Moment,
    kind: Kind,
    length: Length,
}

impl Try<'_> {
    fn name(&self) -> String {
        format!(
            "{}: {} in {} {:?} {:?}",
            self.story.name, self.moment.operation, self.moment.phase, self.kind, self.length
        )
    }

    /// The problems at its end.
    fn problems(&self) -> Vec<String> {
        let scenario = &self.story.scenario;
        in_virtual_time(scenario.fleet.seed(), async {
            let account = scenario.fleet.account(1);
            let untouched = account.freeze();
            account.with_faults(|f| f.add(self.moment.rule(self.kind, self.length)));
            let result = drive(&account, &scenario.request, None).await;
            account.with_faults(asg_patch::sim::faults::Faults::clear);
            if std::env::var_os("FAULTS_ONLY").is_some() {
                for c in account.calls().changes() {
                    println!("{} {} {} {:?}", c.at, c.name, c.params, c.ending);
                }
                println!("{}\n{:#?}", self.name(), result.as_ref().map(|r| &r.0));
            }
            match result {
                Ok((report, _)) => self.ended(&account, &untouched, &report).await,
                Err(error) => self.refused(&account, &untouched, &error).await,
            }
        })
    }

    /// A run that could not be made: only before anything was touched, and it says why.
    async fn refused(
        &self,
        account: &Account,
        untouched: &Frozen,
        error: &RunError,
    ) -> Vec<String> {
        let mut problems = end::problems(account, untouched).await;
        let effects = account.calls();
        if let Some(effect) = effects.changes().find(|c| c.ending == Ending::Ok) {
            problems.push(format!("refused after {}", effect.name));
        }
        let (wanted, code) = (
            &self.moment.operation,
            self.kind.answer(&self.moment.operation).1,
        );
        match error {
            RunError::Aws {
                operation, code: c, ..
            } if operation == wanted && c == code => {}
            other => problems.push(format!("expected {wanted} and {code}, found: {other}")),
        }
        if self.length != Length::ForGood && self.kind != Kind::Denied {
            problems.push(format!("a passing fault ended the run: {error}"));
        }
        problems
    }

    async fn ended(
        &self,
        account: &Account,
        untouched: &Frozen,
        report: &RunReport,
    ) -> Vec<String> {
        let mut problems = Vec::new();
        let open = end::open_groups(account);
        for group in &report.groups {
            if group.left_open != open.contains(&group.group) {
                problems.push(format!(
                    "left_open {} of {}, records of {open:?}",
                    group.left_open, group.group
                ));
            }
        }
        let ended = outcomes(report);
        if self.length != Length::ForGood {
            if ended != self.story.calm || !open.is_empty() {
                let reasons: Vec<&str> = report.groups.iter().map(|g| g.reason.as_str()).collect();
                problems.push(format!("{ended:?}, open {open:?}: {}", reasons.join("; ")));
            }
        } else {
            problems.extend(self.names_the_fault(report));
            if !open.is_empty() {
                problems.extend(self.restored(account, untouched).await);
                let restored = crate::common::restore_all(account).await;
                if restored.left_open().count() > 0 {
                    problems.push(format!("not restored: {:?}", outcomes(&restored)));
                }
            }
        }
        problems.extend(end::problems(account, untouched).await);
        problems
    }

    /// A leftover of ours that cannot be removed does not keep a group from its owner.
    async fn restored(&self, account: &Account, untouched: &Frozen) -> Vec<String> {
        let is_for_removal = REMOVAL.contains(&self.moment.operation.as_str());
        if !is_for_removal {
            return Vec::new();
        }
        let problems = end::problems(account, untouched).await.into_iter();
        problems
            // At its old version by number, until what is ours is gone.
            .filter(|p| !p.starts_with("left over: ") && !p.contains(": versions: "))
            .map(|p| format!("not given back: {p}"))
            .collect()
    }

    /// A group that ends otherwise than without the fault names the operation and code, or waits for one
    /// that does. A group that its own schedule changed while the fault kept it queued says that.
    fn names_the_fault(&self, report: &RunReport) -> Vec<String> {
        let operation = &self.moment.operation;
        let code = self.kind.answer(operation).1;
        let names = |g: &GroupReport| g.reason.contains(operation) && g.reason.contains(code);
        let named = |g: &GroupReport| {
            let waits = g.reason.contains("to let go of the version");
            names(g)
                || waits && report.groups.iter().any(names)
                || g.code == Some(Code::ChangedSincePlan) && g.outcome == Outcome::Skipped
        };
        report
            .groups
            .iter()
            .zip(&self.story.calm)
            .filter(|(g, (_, calm))| g.outcome.to_string() != *calm && !named(g))
            .map(|(g, _)| format!("{} {} does not name it: {}", g.group, g.outcome, g.reason))
            .collect()
    }
}

/// Every operation with every kind for every length; with `everywhere` at each of its moments, else at
/// one after the other.
fn tries(stories: &[Story], everywhere: bool) -> Vec<Try<'_>> {
    let mut by_operation: BTreeMap<&str, Vec<(&Story, &Moment)>> = BTreeMap::new();
    for story in stories {
        for moment in &story.moments {
            let moments = by_operation.entry(&moment.operation).or_default();
            moments.push((story, moment));
        }
    }
    let mut all = Vec::new();
    for moments in by_operation.values() {
        let combinations = LENGTHS.into_iter().flat_map(|l| KINDS.map(|k| (k, l)));
        for (turn, (kind, length)) in combinations.enumerate() {
            // A stride that is prime to most lengths: neighbours are phases of one scenario.
            let chosen = moments.iter().skip(turn * 7 % moments.len());
            let count = if everywhere { moments.len() } else { 1 };
            let chosen = chosen.chain(moments).take(count);
            all.extend(chosen.map(|(story, moment)| Try {
                story,
                moment,
                kind,
                length,
            }));
        }
    }
    all
}

/// The stories to run.
fn stories() -> Vec<Story> {
    let picked = std::env::var("FAULTS_SCENARIOS").ok();
    let matches_filter = |n: &&str| {
        let mut names = picked.iter().flat_map(|p| p.split(','));
        picked.is_none() || names.any(|p| p == *n)
    };
    let names = SCENARIOS.into_iter().filter(matches_filter).collect();
    on_all_cores(names, Story::of)
}

/// Tries all of them; what is wrong, by name.
fn try_all(all: &[Try<'_>]) -> Vec<String> {
    let results = on_all_cores(all.to_vec(), |one| {
        let problems = one.problems();
        (!problems.is_empty()).then(|| format!("{}: {}", one.name(), problems.join("; ")))
    });
    let mut wrong: Vec<String> = results.into_iter().flatten().collect();
    wrong.sort();
    wrong
}

fn assert_none_is_wrong(wrong: &[String], tried: usize) {
    let first: Vec<&str> = wrong.iter().take(40).map(String::as_str).collect();
    assert!(
        wrong.is_empty(),
        "{} of {tried} combinations end badly; the first:\n{}",
        wrong.len(),
        first.join("\n")
    );
}

#[test]
fn what_passes_costs_time_and_what_lasts_is_restored_and_named() {
    let stories = stories();
    let only = std::env::var("FAULTS_ONLY").unwrap_or_default();
    let everywhere = std::env::var_os("FAULTS_ALL").is_some() || !only.is_empty();
    let mut all = tries(&stories, everywhere);
    all.retain(|t| t.name().contains(&only));
    if !everywhere {
        let stride =
            std::env::var("FAULTS_STRIDE").map_or(STRIDE, |s| s.parse().expect("a number"));
        all = all.into_iter().step_by(stride).collect();
    }
    let wrong = try_all(&all);
    let operations: BTreeSet<&str> = all.iter().map(|t| t.moment.operation.as_str()).collect();
    println!(
        "{} combinations tried: {} operations, {} moments in {} scenarios",
        all.len(),
        operations.len(),
        stories.iter().map(|s| s.moments.len()).sum::<usize>(),
        stories.len()
    );
    assert_none_is_wrong(&wrong, all.len());
}

/// Problems that this suite has found, by the name that a failure prints.
const FOUND: [(&str, &str); 3] = [
    // An agent that could not be read was taken for one that has not registered.
    (
        "sleeping-latest",
        "sleeping-latest: ssm:DescribeInstanceInformation in waking Denied ForGood",
    ),
    // A group that had not made the version itself named $Latest again while it was still there, and
    // removed its image.
    (
        "shared-template-latest",
        "shared-template-latest: ec2:DescribeLaunchTemplates in proving+versioning Throttled ForGood",
    ),
    // A group deleted the version that a group of the same template could not be taken off.
    (
        "shared-template-latest",
        "shared-template-latest: autoscaling:UpdateAutoScalingGroup in proving+proving Unavailable ForGood",
    ),
];

#[test]
fn earlier_finds_stay_fixed() {
    for (scenario, name) in FOUND {
        let stories = [Story::of(scenario)];
        let mut all = tries(&stories, true);
        all.retain(|t| t.name() == name);
        assert_eq!(all.len(), 1, "{name} does not come up any more");
        assert_none_is_wrong(&try_all(&all), 1);
    }
}
