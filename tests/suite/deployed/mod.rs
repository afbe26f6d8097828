//! The function under its state machine, on the simulated account in virtual time: what is deployed does
//! what the command line does, whatever invocation is lost.

mod approved;
mod bucket;
mod forged;
mod language;
mod large;
mod living;
mod machine;
mod named;
mod pruned;
mod published;
mod stored;
mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use asg_patch::ids::GroupName;
use asg_patch::lambda::{Function, Settings};
use asg_patch::report::{RunReport, StackUse};
use asg_patch::request::DocumentName;
use asg_patch::sim::Account;
use asg_patch::trigger::Defaults;
use machine::{Costs, End, Loss, MAC_KEY, Machine, STATE_MACHINE};
use serde_json::{Value, json};

use crate::channels::Outsiders;
use crate::common::{
    self, Ran, Scenario, in_virtual_time, invariants, on_all_cores, scenario_names,
};

/// The stack's bucket of reports.
const BUCKET: &str = "asg-patch-reports";
/// The function's memory, as the template has it.
const MEMORY_MB: u32 = 256;
const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:asg-patch";

/// An execution environment of a stack whose settings are those of the scenario.
fn function(scenario: &Scenario, account: &Account) -> Function {
    measuring(scenario, account, |_| ())
}

/// The same, with each line of metrics passed to `measured`.
fn measuring(
    scenario: &Scenario,
    account: &Account,
    measured: impl Fn(&str) + Send + Sync + 'static,
) -> Function {
    let settings = settings(scenario, account);
    let outside = Outsiders::on(account.clock().clone()).outside;
    Function::new(
        common::aws(account, "function"),
        outside,
        settings,
        measured,
    )
}

fn settings(scenario: &Scenario, account: &Account) -> Settings {
    let request = &scenario.request;
    let window = request.window;
    Settings {
        defaults: Defaults {
            tag: request.selection.tag.clone(),
            operation: request.operation,
            duration: window.deadline - window.start,
            cutoff: window.deadline - window.cutoff,
            max_in_flight: request.max_in_flight,
            max_failures: request.max_failures,
            at_deadline: request.at_deadline,
            keep_failed: request.keep_failed,
            place_tags: request.place_tags.clone(),
            topic_arn: request.topic_arn.clone(),
            pages_url: None,
        },
        allowed: common::allowed(account),
        mac_key: Some(MAC_KEY.into()),
        state_machine: Some(STATE_MACHINE.into()),
        memory_mb: Some(MEMORY_MB),
        report_bucket: Some(BUCKET.into()),
        ..Settings::read(|_| None)
    }
}

/// The input with which a person starts the scenario's run.
fn input(scenario: &Scenario) -> Value {
    let request = &scenario.request;
    let documents = &request.documents;
    let mut input = json!({"groups": request.selection.groups});
    let name = |name: &DocumentName| json!(name.as_str());
    let given = [
        ("before_document", documents.before.as_ref().map(name)),
        ("after_document", documents.after.as_ref().map(name)),
        ("before_failure", documents.before_failure.map(|p| json!(p))),
        ("after_failure", documents.after_failure.map(|p| json!(p))),
    ];
    for (field, value) in given {
        if let Some(value) = value {
            input[field] = value;
        }
    }
    input
}

/// A run as deployed, and what it took.
struct Deployed {
    ran: Ran,
    end: End,
    costs: Costs,
    /// Differences from the account as it would be without the run, and leftovers.
    problems: Vec<String>,
    /// The objects in the bucket of reports.
    stored: Vec<(String, String)>,
}

impl Deployed {
    /// See [`miscounted`].
    fn miscounted(&self) -> Vec<String> {
        miscounted(&json!(self.ran.report), &self.costs)
    }
}

/// Runs a scenario under the state machine; `lost` says which invocations are lost.
fn deploy(
    scenario: &Scenario,
    lost: impl Fn(u64, &str) -> Option<Loss> + 'static,
) -> Result<Deployed, String> {
    in_virtual_time(scenario.fleet.seed(), async {
        let account = scenario.fleet.account(1);
        let before = account.with_world(|w| w.clone());
        let untouched = account.freeze();
        let function = || function(scenario, &account);
        let mut machine = Machine::new(&function, &account, common::RUN_ID);
        machine.lost = Box::new(lost);
        let end = machine.execute(input(scenario)).await;
        let problems = common::end::problems(&account, &untouched).await;
        let report = match &end {
            End::Succeeded(output) => output["report"].clone(),
            End::Failed { error, cause } => return Err(format!("{error}: {cause}")),
        };
        let report: RunReport =
            serde_json::from_value(report).map_err(|e| format!("{e}: {end:?}"))?;
        let costs = machine.costs.borrow().clone();
        Ok(Deployed {
            ran: Ran {
                start: scenario.fleet.start(),
                before,
                report,
                account: account.clone(),
                restore_by: scenario.request.restore_by(),
            },
            end,
            costs,
            problems,
            stored: machine.bucket.objects().into_iter().collect(),
        })
    })
}

/// Groups, outcomes and codes.
fn outcomes(report: &RunReport) -> BTreeMap<GroupName, String> {
    let outcome = |g: &asg_patch::report::GroupReport| {
        let code = g.code.map(|c| c.to_string()).unwrap_or_default();
        (g.group.clone(), format!("{} {code}", g.outcome))
    };
    report.groups.iter().map(outcome).collect()
}

/// Where the report's count of what the run used of the stack differs from that of Step Functions and Lambda. One
/// that is incomplete may have less.
fn miscounted(report: &Value, costs: &Costs) -> Vec<String> {
    let Ok(counted) = serde_json::from_value::<StackUse>(report["cost"]["stack"].clone()) else {
        return vec![format!("no count in {report}")];
    };
    let seconds: f64 = costs.seconds.values().map(|(_, s)| s).sum();
    let invocations = costs.invocations as f64;
    let of_memory = f64::from(MEMORY_MB) / 1_024.0;
    // Of each invocation a begun millisecond counts; and the message with the report is sent after the report has its figure.
    let tolerance = 0.001 * invocations + 0.1;
    let least = counted.incomplete;
    [
        ("invocations", counted.invocations as f64, invocations, 0.0),
        (
            "transitions",
            counted.transitions as f64,
            costs.transitions as f64,
            0.0,
        ),
        (
            "seconds",
            counted.gb_seconds.unwrap_or_default() / of_memory,
            seconds,
            tolerance,
        ),
    ]
    .into_iter()
    .filter(|(_, found, expected, tolerance)| {
        found - expected > *tolerance + 1e-6 || (!least && expected - found > *tolerance + 1e-6)
    })
    .map(|(of, found, expected, _)| {
        format!("{of}: expected {expected}, found {found}, {counted:?}")
    })
    .collect()
}

/// Scenarios with Ctrl-C have no counterpart here: an execution is stopped from
/// outside, and the sweep follows.
fn scenarios() -> Vec<(String, Scenario)> {
    let names = scenario_names().into_iter();
    let all = names.map(|n| (n.clone(), Scenario::load(&n)));
    all.filter(|(_, s)| s.stop_on.is_none()).collect()
}

/// Others' actions at certain times meet the run elsewhere: a batch is planned when its turn comes, and looks
/// come further apart.
const MET_ELSEWHERE: [&str; 4] = [
    "changed-while-queued",
    "group-deleted-during-run",
    // A fleet file's records have no signature.
    "locked",
    "schedule-while-queued",
];

#[test]
fn what_is_deployed_ends_as_what_the_command_line_does() {
    let wrong = on_all_cores(scenarios(), |(name, scenario)| {
        let deployed = match deploy(&scenario, |_, _| None) {
            Ok(deployed) => deployed,
            Err(error) => return vec![format!("{name}: {error}")],
        };
        let by_hand = scenario.run();
        let (expected, found) = (outcomes(&by_hand.report), outcomes(&deployed.ran.report));
        let mut wrong = invariants::breaches(&deployed.ran);
        wrong.extend(deployed.miscounted());
        let cost = deployed.ran.report.cost.as_ref();
        if cost.is_some_and(|c| c.stack.as_ref().is_none_or(|s| s.incomplete)) {
            wrong.push("nothing was lost, and the count is not whole".into());
        }
        if found != expected && !MET_ELSEWHERE.contains(&name.as_str()) {
            wrong.push(format!("expected {expected:?}\n   found {found:?}"));
        }
        wrong.iter().map(|w| format!("{name}: {w}")).collect()
    });
    assert!(wrong.concat().is_empty(), "{}", wrong.concat().join("\n"));
}

/// Of all combinations every so-many-th, unless `DEPLOYED_STRIDE` says otherwise.
const STRIDE: usize = 23;

/// An invocation that is lost, whether it never began, was killed in mid-pass or did all its work, is made
/// again; what comes of the run is the same or a roll-back, and nothing is left.
#[test]
fn whichever_invocation_is_lost_nothing_is_left_changed() {
    let stride = std::env::var("DEPLOYED_STRIDE").map_or(STRIDE, |s| s.parse().expect("a number"));
    let closed: Vec<(String, Scenario)> = scenarios()
        .into_iter()
        .filter(|(name, _)| common::end::is_closed_world(name))
        .collect();
    let invocations = on_all_cores(closed.clone(), |(_, scenario)| {
        let ran = deploy(&scenario, |_, _| None);
        ran.map_or(0, |d| d.costs.invocations)
    });
    let losses = [
        Loss::Before,
        Loss::After(40),
        Loss::After(700),
        Loss::Answer,
    ];
    let combinations: Vec<(String, Scenario, u64, Loss)> = closed
        .into_iter()
        .zip(invocations)
        .flat_map(|((name, scenario), count)| {
            let each = (0..count).flat_map(move |n| losses.map(|loss| (n, loss)));
            each.map(move |(n, loss)| (name.clone(), scenario.clone(), n, loss))
        })
        .collect();
    let all = combinations.len();
    let tried: Vec<_> = combinations.into_iter().step_by(stride).collect();
    println!("{} of {all} lost invocations tried", tried.len());
    let wrong = on_all_cores(tried, |(name, scenario, number, loss)| {
        let lose = move |n: u64, _: &str| (n == number).then_some(loss);
        match deploy(&scenario, lose) {
            Ok(deployed) => {
                let report = &deployed.ran.report;
                let open = report.left_open();
                let open = open.map(|g| format!("{} is open", g.group));
                let miscounted = deployed.miscounted();
                let wrong = open.chain(deployed.problems).chain(miscounted);
                wrong
                    .map(|w| format!("{name}, {number} {loss:?}: {w}"))
                    .collect()
            }
            Err(error) => vec![format!("{name}, {number} {loss:?}: {error}")],
        }
    });
    assert!(wrong.concat().is_empty(), "{}", wrong.concat().join("\n"));
}

/// Passes fail for good from some point on: the batch goes back, by its state or by its records.
#[test]
fn what_cannot_advance_is_restored() {
    let scenario = Scenario::load("shared-template-latest");
    let wrong = on_all_cores((1..40).step_by(3).collect(), |from: u64| {
        let lose = move |n: u64, action: &str| {
            (n >= from && action == "advance").then_some(Loss::After(200))
        };
        match deploy(&scenario, lose) {
            Ok(deployed) => {
                let miscounted = deployed.miscounted();
                let problems = deployed.problems.into_iter().chain(miscounted);
                problems.map(|b| format!("from {from}: {b}")).collect()
            }
            Err(error) => vec![format!("from {from}: {error}")],
        }
    });
    assert!(wrong.concat().is_empty(), "{}", wrong.concat().join("\n"));
}

/// The function is upgraded during the run, to a version that does not understand the state: what it has in hand
/// goes back, from its records, and the report says so.
#[test]
fn an_upgrade_during_a_run_restores() {
    let scenario = Scenario::load("sleeping-latest");
    let calm = deploy(&scenario, |_, _| None).expect("a report");
    let reported = on_all_cores((1..calm.costs.invocations).collect(), |from: u64| {
        let upgrade = move |n: u64, _: &str| (n == from).then_some(Loss::Version);
        let deployed = deploy(&scenario, upgrade).expect("a report");
        assert!(
            deployed.problems.is_empty(),
            "{from}: {:?}",
            deployed.problems
        );
        let report = deployed.ran.report;
        let is_reported = report.warnings.iter().any(|w| w.starts_with("AP-0804"));
        (is_reported, outcomes(&report))
    });
    // Gather and Report, the last two, tell it apart from the report.
    let (passes, rest) = reported.split_at(reported.len() - 2);
    assert!(
        passes.iter().all(|(is_reported, _)| *is_reported),
        "{passes:?}"
    );
    assert_eq!(rest.len(), 2);
    let restored = passes
        .iter()
        .filter(|(_, o)| o["web-nightly"].ends_with("AP-0602"));
    assert!(restored.count() > 5, "{reported:?}");
}

/// The execution is stopped, children and all; an invocation that is under way goes on to its end. The
/// rule starts a sweep with Step Functions' event.
#[test]
fn a_stopped_execution_is_swept_up() {
    let fifty = include_str!("../../../benches/fleet-50.toml");
    let fleet = asg_patch::sim::fleet::parse(&fifty.replace("count = 50", "count = 60"));
    let scenarios = [
        Scenario::load("sleeping-latest"),
        Scenario::load("shared-template-latest"),
        Scenario::of_fleet(fleet.expect("a fleet")),
    ];
    let moments_ms = [
        300, 700, 1_100, 3_000, 9_000, 20_000, 60_000, 240_000, 480_000, 700_000,
    ];
    let tries: Vec<(usize, u64)> = (0..scenarios.len())
        .flat_map(|s| moments_ms.map(|at| (s, at)))
        .collect();
    let wrong = on_all_cores(tries, |(index, at_ms)| {
        let scenario = &scenarios[index];
        let problems = in_virtual_time(7, stopped_at(scenario, at_ms));
        let problems = problems.iter();
        let named = problems.map(|p| format!("{index} at {at_ms} ms: {p}"));
        named.collect::<Vec<_>>()
    });
    assert!(wrong.concat().is_empty(), "{}", wrong.concat().join("\n"));
}

async fn stopped_at(scenario: &Scenario, at_ms: u64) -> Vec<String> {
    let account = scenario.fleet.account(1);
    let untouched = account.freeze();
    let function = || function(scenario, &account);
    let clock = account.clock().clone();
    let machine = Machine::new(&function, &account, "nightly");
    let stop = async {
        clock.wait(std::time::Duration::from_millis(at_ms)).await;
        machine.stop();
        let detail = json!({"executionArn": machine.execution, "status": "ABORTED", "input": "{}",
            "stateMachineArn": "arn:aws:states:eu-west-1:123456789012:stateMachine:AsgPatch"});
        let event = json!({"source": "aws.states", "detail": detail,
            "detail-type": "Step Functions Execution Status Change"});
        let sweep = Machine::new(&function, &account, "sweep");
        sweep.execute(event).await
    };
    let end = tokio::select! {
        biased;
        end = machine.execute(json!({})) => return vec![format!("it was not stopped: {end:?}")],
        end = stop => end,
    };
    let mut problems = common::end::problems(&account, &untouched).await;
    let open = common::end::open_groups(&account);
    problems.extend(open.iter().map(|g| format!("{g} is open")));
    match end {
        End::Succeeded(_) => {}
        End::Failed { error, cause } => problems.push(format!("{error}: {cause}")),
    }
    problems
}

/// The alarm for groups left open keeps its state where there is no figure: a zero comes when no record is left.
#[test]
fn sweeps_say_that_no_group_is_open_only_when_none_is() {
    let scenario = Scenario::load("sleeping-latest");
    let found = in_virtual_time(7, async {
        let account = scenario.fleet.account(1);
        let lines = Arc::new(Mutex::new(Vec::<Value>::new()));
        let function = || {
            let lines = Arc::clone(&lines);
            measuring(&scenario, &account, move |line| {
                let line = serde_json::from_str(line).expect("JSON");
                lines.lock().expect("lines").push(line);
            })
        };
        let clock = account.clock().clone();
        let sweep = async |name: &str| {
            lines.lock().expect("lines").clear();
            let machine = Machine::new(&function, &account, name);
            machine.execute(json!({"mode": "sweep"})).await;
            let lines = lines.lock().expect("lines");
            let of = |name: &str| lines.iter().find_map(|l| l.get(name)?.as_u64());
            (of("RecordsPastDeadline"), of("GroupsLeftOpen"))
        };
        let before = sweep("before").await;
        let machine = Machine::new(&function, &account, "nightly");
        let in_progress = async {
            clock.wait(std::time::Duration::from_secs(60)).await;
            machine.stop();
            sweep("in-progress").await
        };
        let in_progress = tokio::select! {
            biased;
            end = machine.execute(json!({})) => panic!("it was not stopped: {end:?}"),
            swept = in_progress => swept,
        };
        clock.wait(std::time::Duration::from_secs(86_400)).await;
        let due = sweep("due").await;
        [before, in_progress, due, sweep("after").await]
    });
    let expected = [
        (Some(0), Some(0)),
        (Some(0), None),
        (Some(1), None),
        (Some(0), Some(0)),
    ];
    assert_eq!(found, expected);
}

/// A run that is refused, done already, or has nothing to do: one sentence, and nothing touched.
#[test]
fn what_does_not_begin_says_why_and_touches_nothing() {
    let mut scenario = Scenario::load("sleeping-latest");
    scenario.request.topic_arn = Some(TOPIC.into());
    let lines = in_virtual_time(7, async {
        let account = scenario.fleet.account(1);
        account.with_world(|w| {
            w.sns.topics.insert(
                TOPIC.into(),
                asg_patch::sim::world::topics::Topic::default(),
            );
        });
        let function = || function(&scenario, &account);
        let execute = async |name: &str, input: Value| {
            let machine = Machine::new(&function, &account, name);
            let end = machine.execute(input).await;
            match end {
                End::Succeeded(output) => format!("{}: {}", output["status"], output["summary"]),
                End::Failed { error, cause } => format!("{error}: {cause}"),
            }
        };
        let schedule = |time: &str| json!({"trigger": "schedule", "schedule": "arn:x", "scheduled_time": time});
        let start = scenario.fleet.start().to_rfc3339();
        let mut lines = Vec::new();
        for (name, input) in [
            ("array", json!([1])),
            ("mode", json!({"mode": "patch"})),
            ("unknown", json!({"groups": ["wbe"]})),
            ("late", schedule("2020-01-01T04:00:00Z")),
            ("sweep", json!({"mode": "sweep"})),
            (
                "restore",
                json!({"mode": "restore", "groups": ["web-nightly"]}),
            ),
            ("plan", json!({"mode": "plan"})),
        ] {
            lines.push(format!("{name}: {}", execute(name, input).await));
        }
        assert!(
            account
                .calls()
                .changes()
                .all(|c| c.name == "sns:Publish" || c.name == "ssm:PutParameter")
        );
        let first = execute("first", schedule(&start)).await;
        let second = execute("second", schedule(&start)).await;
        lines.push(format!("first: {first}"));
        lines.push(format!("second: {second}"));
        let published = account.with_world(|w| w.sns.published.clone());
        lines.extend(published.iter().map(|p| {
            format!(
                "sns {}: {}",
                p.attributes["event"],
                p.subject.clone().unwrap_or_default()
            )
        }));
        lines
    });
    expect_test::expect_file!["../../deployed.expected"].assert_eq(&(lines.join("\n") + "\n"));
}

/// The calls that read the windows that AWS has.
const OF_WINDOWS: [&str; 5] = [
    "scheduler:GetSchedule",
    "scheduler:ListSchedules",
    "ssm:DescribeMaintenanceWindowTasks",
    "ssm:DescribeMaintenanceWindows",
    "ssm:GetMaintenanceWindowTask",
];

/// The calls about event buses.
const OF_BUSES: [&str; 2] = ["events:DescribeEventBus", "events:PutEvents"];

/// The permissions of the function's role, for `tests/infra/policy_check.py`: every operation that all scenarios,
/// sweeps and reports call, and no other.
#[test]
fn the_policy_is_checked_against_the_calls_of_all_scenarios() {
    let mut all: BTreeSet<String> = on_all_cores(scenarios(), |(_, mut scenario)| {
        scenario.request.topic_arn = None;
        let deployed = deploy(&scenario, |_, _| None).expect("a report");
        deployed.ran.account.calls().counts.into_keys().collect()
    })
    .into_iter()
    .fold(BTreeSet::new(), |all, some: BTreeSet<String>| &all | &some);
    all.extend(pruned::calls());
    all.extend(told::calls());
    all.extend(approved::calls());
    // Messages go to topics that only some scenarios have, and plans look at them.
    all.extend(["sns:GetTopicAttributes", "sns:Publish"].map(str::to_owned));
    // Events go on buses that only some files name (tests/suite/channels/bus.rs).
    all.extend(OF_BUSES.map(str::to_owned));
    // When windows open is read where the account has some (tests/suite/windows.rs).
    all.extend(OF_WINDOWS.map(str::to_owned));
    let text = serde_json::to_string_pretty(&all).expect("JSON") + "\n";
    expect_test::expect_file!["../../infra/calls.json"].assert_eq(&text);
}

/// An invocation stored the record and asked for an instance within the same second, and was killed: the next one, which
/// remembers neither, knows the newcomer by the members that the stored record lists.
#[test]
fn a_launch_whose_invocation_was_killed_is_found_again() {
    let scenario = Scenario::load("shared-template-latest");
    let wrong = on_all_cores((400..1_400).step_by(60).collect(), |ms: u64| {
        let lose = move |n: u64, _: &str| (n == 2).then_some(Loss::After(ms));
        match deploy(&scenario, lose) {
            Ok(deployed) => deployed
                .problems
                .iter()
                .map(|p| format!("{ms} ms: {p}"))
                .collect(),
            Err(error) => vec![format!("{ms} ms: {error}")],
        }
    });
    assert!(wrong.concat().is_empty(), "{}", wrong.concat().join("\n"));
}
