//! Faults at every operation: for a set of golden scenarios, every operation that the run calls is
//! answered with every kind of fault: once, for a minute, and for good, from the first time that it is
//! called in each phase. What passes costs time only; what lasts ends in a hand-back and a report that
//! names the operation and the code; where not even that can be, the record stays and `restore` hands
//! back once the fault is lifted.
//!
//! Operations and phases are not listed here: they are those of the run without faults.
//!
//! `FAULTS_SCENARIOS=name,name` picks scenarios, `FAULTS_ALL=1` tries every kind in each of them (else
//! each scenario but the first tries the kinds in turn).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use crate::common::{Scenario, drive, end, in_virtual_time};
use asg_patch::report::{GroupReport, RunReport};
use asg_patch::run::RunError;
use asg_patch::sim::calls::{CallRecord, Ending};
use asg_patch::sim::faults::{Fault, FaultRule};
use asg_patch::sim::wire::ApiError;
use asg_patch::sim::{Account, Frozen};
use chrono::{DateTime, TimeDelta, Utc};

const SCENARIOS: [&str; 8] = [
    "sleeping-latest",
    "default-pin",
    "numbered-pin",
    "running-behind-load-balancer",
    "mixed-override-templates",
    "shared-template-latest",
    "morning-scheduled-action",
    "parked-max-zero",
];

/// What is answered.
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

    fn fault(self, operation: &str) -> Fault {
        match (self, self.answer(operation)) {
            (Self::Silence, _) => Fault::Hang,
            (_, (status, code)) => Fault::Error(ApiError::with_status(status, code, "a fault")),
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
    calm: Vec<(String, String)>,
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

fn outcomes(report: &RunReport) -> Vec<(String, String)> {
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

    /// What is wrong with how it ends.
    fn problems(&self) -> Vec<String> {
        let scenario = &self.story.scenario;
        in_virtual_time(scenario.fleet.seed(), async {
            let account = scenario.fleet.account(1);
            let untouched = account.freeze();
            account.with_faults(|f| f.add(self.moment.rule(self.kind, self.length)));
            let result = drive(&account, &scenario.request, None).await;
            account.with_faults(asg_patch::sim::faults::Faults::clear);
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
                let restored = crate::common::restore_all(account).await;
                if restored.left_open().count() > 0 {
                    problems.push(format!("not restored: {:?}", outcomes(&restored)));
                }
            }
        }
        problems.extend(end::problems(account, untouched).await);
        problems
    }

    /// Whoever ends otherwise than without the fault says which operation and code it was.
    fn names_the_fault(&self, report: &RunReport) -> Vec<String> {
        let operation = &self.moment.operation;
        let code = self.kind.answer(operation).1;
        let told = |g: &GroupReport| g.reason.contains(operation) && g.reason.contains(code);
        report
            .groups
            .iter()
            .zip(&self.story.calm)
            .filter(|(g, (_, calm))| g.outcome.to_string() != *calm && !told(g))
            .map(|(g, _)| format!("{} {} does not name it: {}", g.group, g.outcome, g.reason))
            .collect()
    }
}

fn tries<'a>(stories: &'a [Story], every_kind: bool) -> Vec<Try<'a>> {
    let mut all = Vec::new();
    for (number, story) in stories.iter().enumerate() {
        for (index, moment) in story.moments.iter().enumerate() {
            for length in LENGTHS {
                for (turn, kind) in KINDS.into_iter().enumerate() {
                    let its_turn = (index + number + length as usize) % KINDS.len() == turn;
                    if every_kind || number == 0 || its_turn {
                        all.push(Try {
                            story,
                            moment,
                            kind,
                            length,
                        });
                    }
                }
            }
        }
    }
    all
}

#[test]
fn what_passes_costs_time_and_what_lasts_is_handed_back_and_named() {
    let picked = std::env::var("FAULTS_SCENARIOS").ok();
    let every_kind = std::env::var_os("FAULTS_ALL").is_some();
    let stories: Vec<Story> = SCENARIOS
        .into_iter()
        .filter(|n| {
            picked
                .as_ref()
                .is_none_or(|p| p.split(',').any(|p| p == *n))
        })
        .map(Story::of)
        .collect();
    let all = tries(&stories, every_kind);
    let queue = Mutex::new(all.iter());
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let Some(one) = queue.lock().unwrap().next() else {
                        return;
                    };
                    let problems = one.problems();
                    if !problems.is_empty() {
                        let text = format!("{}: {}", one.name(), problems.join("; "));
                        wrong.lock().unwrap().push(text);
                    }
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().unwrap();
    wrong.sort();
    let operations: BTreeSet<&str> = all.iter().map(|t| t.moment.operation.as_str()).collect();
    println!(
        "{} combinations tried: {} operations, {} moments in {} scenarios",
        all.len(),
        operations.len(),
        stories.iter().map(|s| s.moments.len()).sum::<usize>(),
        stories.len()
    );
    assert!(
        wrong.is_empty(),
        "{} of {} combinations end badly; the first:\n{}",
        wrong.len(),
        all.len(),
        wrong
            .iter()
            .take(40)
            .cloned()
            .collect::<Vec<_>>()
            .join("\n")
    );
}
