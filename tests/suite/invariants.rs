//! Invariants that take more than one run to see: finished jobs, repeated passes, two drivers, blind reads.
//! Those that can be seen on a single run are checked on every scenario (`common/invariants.rs`).

use std::collections::BTreeMap;

use crate::common::{Scenario, aws, drive, in_virtual_time, invariants, text};
use asg_patch::group::admit::Bounds;
use asg_patch::group::decision::Directive;
use asg_patch::group::job::Job;
use asg_patch::group::{Code, Outcome};
use asg_patch::ids::RunId;
use asg_patch::report::RunReport;
use asg_patch::request::RunRequest;
use asg_patch::run::advance::{Stay, advance};
use asg_patch::run::engine::Setting;
use asg_patch::run::planned;
use asg_patch::sim::Account;
use asg_patch::sim::calls::CallRecord;
use asg_patch::sim::faults::{FaultRule, InjectedFault};
use asg_patch::sim::wire::ApiError;
use chrono::TimeDelta;

fn changes(account: &Account) -> Vec<CallRecord> {
    account.calls().changes().cloned().collect()
}

/// Makes passes until all jobs are finished, each this many times over without waiting in between.
async fn passes(account: &Account, request: &RunRequest, times: usize) -> Vec<Job> {
    let aws = aws(account, &request.run_id);
    let mut jobs = planned(&aws, request).await.expect("a plan").jobs;
    let setting = Setting {
        clients: &aws.clients,
        clock: &aws.clock,
        tag: &request.selection.tag,
        bounds: Bounds {
            window: request.window,
            max_in_flight: request.max_in_flight,
            allowed_failures: usize::MAX,
            allowed_in_wave: None,
            stopping: false,
            calls_take: TimeDelta::zero(),
        },
        directive: Directive::default(),
    };
    loop {
        let mut next = None;
        for _ in 0..times {
            next = advance(&setting, &mut jobs, Stay::default()).await;
        }
        let Some(at) = next else { break };
        aws.clock.wait_until(at).await;
    }
    let before = account.calls().log.len();
    for _ in 0..2 {
        aws.clock.wait(std::time::Duration::from_secs(120)).await;
        assert_eq!(advance(&setting, &mut jobs, Stay::default()).await, None);
    }
    assert_eq!(
        account.calls().log.len(),
        before,
        "finished jobs look and do nothing"
    );
    jobs
}

/// The runs of these scenarios take all ways that a job can take to its end.
const WAYS: [&str; 5] = [
    "sleeping-latest",
    "running-behind-load-balancer",
    "shared-template-sibling-fails",
    "already-current",
    "patch-fails",
];

#[test]
fn invariant_4_a_finished_job_decides_nothing_more() {
    for name in WAYS {
        let scenario = Scenario::load(name);
        in_virtual_time(1, async {
            let account = scenario.fleet.account(1);
            let jobs = passes(&account, &scenario.request, 1).await;
            assert!(jobs.iter().all(Job::finished), "{name}");
        });
    }
}

#[test]
fn invariant_4_passing_twice_changes_nothing_twice() {
    for name in WAYS {
        let scenario = Scenario::load(name);
        let done = |times: usize| {
            in_virtual_time(1, async {
                let account = scenario.fleet.account(1);
                passes(&account, &scenario.request, times).await;
                let mut done: BTreeMap<String, usize> = BTreeMap::new();
                for call in changes(&account) {
                    *done.entry(call.name).or_default() += 1;
                }
                done
            })
        };
        assert_eq!(done(1), done(3), "{name}");
    }
}

fn two_drivers(delay_minutes: i64) -> (Account, Vec<RunReport>) {
    let scenario = Scenario::load("shared-template-latest");
    let request = |id: &str| RunRequest {
        run_id: id.into(),
        owner: format!("test:{id}"),
        ..scenario.request.clone()
    };
    in_virtual_time(1, async {
        let account = scenario.fleet.account(1);
        let (first, second) = (request("run-a"), request("run-b"));
        let later = async {
            let delay = TimeDelta::minutes(delay_minutes).to_std().expect("a delay");
            account.clock().wait(delay).await;
            drive(&account, &second, None).await
        };
        let (a, b) = tokio::join!(drive(&account, &first, None), later);
        let reports = [a, b].map(|r| r.expect("a report").0).into();
        account.clock().wait(crate::common::SETTLING).await;
        account.with_world(|_| ());
        (account, reports)
    })
}

/// One driver owns a group, the other says who does; whatever the second one's start.
#[test]
fn invariant_6_two_drivers() {
    for delay in [0, 1, 6, 9, 10, 11, 12] {
        let (account, reports) = two_drivers(delay);
        for group in ["shop-blue", "shop-green"] {
            let entries: Vec<_> = reports
                .iter()
                .flat_map(|r| {
                    r.groups
                        .iter()
                        .filter(|g| g.group == group)
                        .map(|g| (&r.run_id, g))
                })
                .collect();
            let patched = entries
                .iter()
                .filter(|(_, g)| g.outcome == Outcome::Patched);
            let patched: Vec<&RunId> = patched.map(|(run, _)| *run).collect();
            let brief: Vec<_> = entries
                .iter()
                .map(|(r, g)| (r, g.outcome, g.code, &g.reason))
                .collect();
            assert_eq!(patched.len(), 1, "after {delay} min: {brief:#?}");
            let (_, other) = entries
                .iter()
                .find(|(run, _)| *run != patched[0])
                .expect("two");
            // A driver that comes when the other is done finds a patched group.
            assert!(
                matches!(other.outcome, Outcome::Skipped | Outcome::AlreadyCurrent),
                "after {delay} min: {other:#?}"
            );
            if other.code == Some(Code::Locked) {
                assert!(
                    other.reason.contains(patched[0].as_str()),
                    "{}",
                    other.reason
                );
            }
        }
        let left: Vec<String> = account.with_world(|w| {
            ["run-a", "run-b"]
                .into_iter()
                .flat_map(|r| text::leftovers(w, r))
                .collect()
        });
        assert_eq!(left, Vec::<String>::new(), "after {delay} min");
    }
}

#[test]
fn invariant_6_the_owner_is_named() {
    let (_, reports) = two_drivers(1);
    let second = &reports[1].groups[0];
    assert_eq!(second.code, Some(Code::Locked));
    assert!(
        second.reason.starts_with("run run-a (test:run-a) holds"),
        "{}",
        second.reason
    );
}

/// A read that is answered with errors for a while, at different points of the run.
#[test]
fn invariant_10_a_failed_read_is_not_an_absence() {
    let scenario = Scenario::load("sleeping-latest");
    let undisturbed = scenario.run();
    let reads: Vec<(String, u64)> = undisturbed
        .report
        .api_calls
        .iter()
        .filter(|(name, _)| !asg_patch::sim::calls::is_change(name.split(':').nth(1).unwrap_or("")))
        .map(|(name, count)| (name.clone(), *count))
        .collect();
    let planning = undisturbed.account.calls();
    let planning = |operation: &str| {
        let first_change = planning
            .log
            .iter()
            .position(CallRecord::is_change)
            .unwrap_or(0);
        let early = planning.log.iter().take(first_change);
        early.filter(|c| c.name == operation).count() as u64
    };
    for (operation, count) in reads {
        let first = planning(&operation);
        // A plan that cannot be made ends the run: nothing was touched. Later reads fail during the run.
        for skip in [first, first + (count - first) / 2] {
            if skip >= count {
                continue;
            }
            let ran = scenario.run_with(|account| fail(account, &operation, skip, 8));
            let name = format!("{operation} fails after {skip}");
            invariants::check(&name, &ran);
            let group = &ran.report.groups[0];
            assert_eq!(group.outcome, Outcome::Patched, "{name}: {group:#?}");
            assert_eq!(made(&ran.account), made(&undisturbed.account), "{name}");
        }
    }
}

/// Down for longer than a run can wait: given up and restored, and not taken for an absence.
#[test]
fn invariant_10_a_long_failure_ends_in_a_roll_back() {
    for operation in [
        "autoscaling:DescribeAutoScalingGroups",
        "ec2:DescribeInstances",
    ] {
        let scenario = Scenario::load("sleeping-latest");
        let ran = scenario.run_with(|account| fail(account, operation, 4, 140));
        invariants::check(operation, &ran);
        let group = &ran.report.groups[0];
        assert_eq!(
            (group.outcome, group.code),
            (Outcome::RolledBack, Some(Code::AwsUnreachable)),
            "{group:#?}"
        );
    }
}

fn fail(account: &Account, operation: &str, skip: u64, times: u64) {
    let error = ApiError::with_status(500, "InternalFailure", "an internal error has occurred");
    let rule = FaultRule::at(operation, skip, times, InjectedFault::Error(error));
    account.with_faults(|f| f.add(rule));
}

/// How often each operation that makes something was called.
fn made(account: &Account) -> BTreeMap<String, usize> {
    let mut made: BTreeMap<String, usize> = BTreeMap::new();
    for call in changes(account) {
        let operation = call.name.split(':').nth(1).unwrap_or_default();
        let makes = operation.starts_with("Create") || operation.starts_with("Put");
        if makes || operation == "SendCommand" || operation.starts_with("Terminate") {
            *made.entry(call.name).or_default() += 1;
        }
    }
    made
}
