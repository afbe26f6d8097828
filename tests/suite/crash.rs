//! Crash at every call: for every golden scenario and every call of its run, the driver dies before the
//! call or after it took effect, and somebody goes on. However it goes on, every group ends as its owner
//! wants it, and nothing of ours is left.
//!
//! The calls are not listed here: the run itself is recorded pass by pass, and each pass is repeated with
//! the driver dying at each of its calls. So a new call is covered without anyone remembering it.
//!
//! By default every [`STRIDE`]th combination of [`USUAL`] scenarios is tried, which takes a minute;
//! `CRASH_STRIDE=1 CRASH_SCENARIOS=all cargo test --release --test suite crash -- --nocapture` tries all of
//! all, `CRASH_SCENARIOS=name,name` picks scenarios.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::common::{Scenario, end, env, in_virtual_time, scenario_names};
use asg_patch::aws::Clients;
use asg_patch::group::decide::Orders;
use asg_patch::group::job::Job;
use asg_patch::run::admit::Bounds;
use asg_patch::run::advance::{Pass, advance};
use asg_patch::run::{Stop, planned};
use asg_patch::schedule::Window;
use asg_patch::sim::calls::is_change;
use asg_patch::sim::faults::{Fault, FaultRule};
use asg_patch::sim::{Account, Frozen};
use asg_patch::trigger::RunRequest;
use chrono::TimeDelta;

/// Prime, so that every call meets every heir in one scenario or another.
const STRIDE: usize = 29;

/// Zero-sized by `$Latest`, two groups of one template, a running group with a morning schedule.
const USUAL: &str = "sleeping-latest,shared-template-latest,morning-scheduled-action";

/// When the driver dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Death {
    /// The call never takes effect.
    Before,
    /// The call takes effect, its reply is never read.
    After,
}

/// Who goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Heir {
    /// The same driver: only the connection broke.
    Same,
    /// A new driver with the jobs as they were after the last whole pass.
    Saved,
    /// A new driver with nothing but the records.
    Restore,
    /// The next night's run.
    NextRun,
}

const HEIRS: [Heir; 4] = [Heir::Same, Heir::Saved, Heir::Restore, Heir::NextRun];

/// A run as it stood before one of its passes.
pub struct Stage {
    pub account: Frozen,
    pub jobs: Vec<Job>,
    /// Calls before the pass.
    calls: usize,
}

/// A pass loop as any driver has it; `saved` is told of every state between passes.
async fn go_on(
    account: &Account,
    request: &RunRequest,
    jobs: &mut [Job],
    mut saved: impl FnMut(&Account, &[Job]),
) {
    let env = env(account, &request.run_id);
    let clients = Clients::new(&env.sdk, env.clock.clone());
    let give_up_at = request.window.deadline + TimeDelta::hours(2);
    loop {
        saved(account, jobs);
        let next = pass(account, &clients, request, jobs).await;
        let Some(next) = next else { return };
        let now = env.clock.now();
        assert!(now < give_up_at, "the jobs never finish: {jobs:#?}");
        env.clock
            .wait_until(next.max(now + TimeDelta::seconds(2)))
            .await;
    }
}

async fn pass(
    account: &Account,
    clients: &Clients,
    request: &RunRequest,
    jobs: &mut [Job],
) -> Option<chrono::DateTime<chrono::Utc>> {
    let pass = Pass {
        clients,
        clock: account.clock(),
        selection: &request.selection,
        bounds: Bounds {
            window: request.window,
            max_in_flight: request.max_in_flight,
            allowed_failures: request.max_failures.groups(jobs.len()),
            stopping: false,
        },
        orders: Orders::default(),
    };
    advance(&pass, jobs).await
}

/// The run without a crash, stage by stage, and the calls of all passes.
pub async fn record(scenario: &Scenario) -> (Frozen, Vec<Stage>, Vec<String>) {
    let account = scenario.fleet.account(1);
    let untouched = account.freeze();
    let request = &scenario.request;
    let plan_env = env(&account, &request.run_id);
    let clients = Clients::new(&plan_env.sdk, plan_env.clock.clone());
    let plan = planned(&clients, &plan_env, request).await;
    let mut jobs = plan.expect("a plan").jobs;
    assert!(
        account.calls().changes().next().is_none(),
        "planning changes nothing"
    );
    let mut stages = Vec::new();
    go_on(&account, request, &mut jobs, |account, jobs| {
        stages.push(Stage {
            account: account.freeze(),
            jobs: jobs.to_vec(),
            calls: account.calls().log.len(),
        });
    })
    .await;
    let names = account.calls().log.iter().map(|c| c.name.clone()).collect();
    (untouched, stages, names)
}

/// One combination: the stage's pass is made again, and the driver dies at the call at `index`.
async fn crash(
    scenario: &Scenario,
    stage: &Stage,
    index: usize,
    death: Death,
    heir: Heir,
) -> (Account, String) {
    let account = stage.account.thaw();
    let request = &scenario.request;
    let fault = match (heir, death) {
        (Heir::Same, Death::Before) => Fault::NeverArrived,
        (Heir::Same, Death::After) => Fault::ReplyLost,
        (_, Death::Before) => Fault::Hang,
        (_, Death::After) => Fault::EffectThenHang,
    };
    account.with_faults(|f| {
        f.add(FaultRule {
            operation: None,
            ..FaultRule::at("", (index - stage.calls) as u64, 1, fault)
        });
    });
    let mut jobs = stage.jobs.clone();
    if heir == Heir::Same {
        go_on(&account, request, &mut jobs, |_, _| {}).await;
        return (account, courses(&jobs));
    }
    {
        let env = env(&account, &request.run_id);
        let clients = Clients::new(&env.sdk, env.clock.clone());
        tokio::select! {
            _ = pass(&account, &clients, request, &mut jobs) => panic!("the pass makes the call"),
            () = account.silenced() => {}
        }
    }
    match heir {
        Heir::Same => {}
        Heir::Saved => {
            let mut jobs = stage.jobs.clone();
            let now = account.clock().now();
            jobs.iter_mut().for_each(|j| j.resume(now));
            go_on(&account, request, &mut jobs, |_, _| {}).await;
            return (account, courses(&jobs));
        }
        Heir::Restore => restore(&account).await,
        Heir::NextRun => next_run(&account, request).await,
    }
    (account, String::new())
}

/// What became of the jobs, for a failure's text.
fn courses(jobs: &[Job]) -> String {
    let course = |job: &Job| {
        let phases: Vec<String> = job.history.iter().map(|e| e.phase.to_string()).collect();
        let failure = job.failure.as_ref().map(|f| f.reason.as_str());
        format!(
            "{} {}: {} {failure:?}",
            job.group(),
            phases.join(" "),
            job.reason
        )
    };
    jobs.iter().map(course).collect::<Vec<_>>().join(" | ")
}

/// An operator hands back all groups that have a record.
async fn restore(account: &Account) {
    account.clock().wait(Duration::from_secs(60)).await;
    if end::open_groups(account).is_empty() {
        return;
    }
    let report = crate::common::restore_all(account).await;
    assert_eq!(report.left_open().count(), 0, "{report:#?}");
}

async fn next_run(account: &Account, request: &RunRequest) {
    let shift = TimeDelta::hours(24);
    let window = Window {
        start: request.window.start + shift,
        deadline: request.window.deadline + shift,
        cutoff: request.window.cutoff + shift,
    };
    account.clock().wait_until(window.start).await;
    let request = RunRequest {
        run_id: "run-next".into(),
        owner: "test:2".into(),
        window,
        ..request.clone()
    };
    let env = env(account, "run-next");
    let (_keep, stop) = tokio::sync::watch::channel(Stop::GoOn);
    asg_patch::run::run(&env, &request, stop, &mut |_| {})
        .await
        .expect("a report");
}

/// All combinations of one scenario. Answers how many were tried and what went wrong.
fn crash_everywhere(name: &str) -> (usize, Vec<String>) {
    let scenario = Scenario::load(name);
    let seed = scenario.fleet.seed();
    let (mut met, mut tried, mut wrong) = (0, 0, Vec::new());
    let stride = stride();
    in_virtual_time(seed, async {
        let (untouched, stages, names) = record(&scenario).await;
        let ends = stages.iter().skip(1).map(|s| s.calls).chain([names.len()]);
        for (stage, end_of_stage) in stages.iter().zip(ends) {
            for (index, call) in names
                .iter()
                .enumerate()
                .take(end_of_stage)
                .skip(stage.calls)
            {
                let changes = is_change(call.split(':').nth(1).unwrap_or_default());
                // A read has no effect that could come before its reply.
                let deaths: &[Death] = if changes {
                    &[Death::Before, Death::After]
                } else {
                    &[Death::Before]
                };
                for death in deaths {
                    for heir in HEIRS {
                        met += 1;
                        if met % stride != 0 {
                            continue;
                        }
                        tried += 1;
                        let (account, courses) = crash(&scenario, stage, index, *death, heir).await;
                        let problems = end::problems(&account, &untouched).await;
                        if !problems.is_empty() {
                            wrong.push(format!(
                                "{name}: call {index} {} dies {death:?}, {heir:?} goes on: {} ({courses})",
                                call,
                                problems.join("; ")
                            ));
                        }
                    }
                }
            }
        }
    });
    (tried, wrong)
}

fn stride() -> usize {
    std::env::var("CRASH_STRIDE").map_or(STRIDE, |s| s.parse().expect("a number"))
}

#[test]
fn whoever_dies_wherever_nothing_is_left_changed() {
    let picked = std::env::var("CRASH_SCENARIOS").unwrap_or_else(|_| USUAL.to_owned());
    let names: Vec<String> = match picked.as_str() {
        list if list != "all" => list.split(',').map(str::to_owned).collect(),
        _ => scenario_names()
            .into_iter()
            .filter(|n| end::is_closed_world(n))
            .collect(),
    };
    let queue = std::sync::Mutex::new(names.into_iter());
    let results = std::sync::Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let Some(name) = queue.lock().unwrap().next() else {
                        return;
                    };
                    let result = crash_everywhere(&name);
                    println!(
                        "{name}: {} combinations, {} wrong",
                        result.0,
                        result.1.len()
                    );
                    results.lock().unwrap().insert(name, result);
                }
            });
        }
    });
    let results = results.into_inner().unwrap();
    let tried: usize = results.values().map(|(n, _)| n).sum();
    let wrong: Vec<String> = results.into_values().flat_map(|(_, w)| w).collect();
    println!("{tried} combinations tried");
    assert!(
        wrong.is_empty(),
        "{} of {tried} combinations leave something behind; the first:\n{}",
        wrong.len(),
        wrong
            .iter()
            .take(20)
            .cloned()
            .collect::<Vec<_>>()
            .join("\n")
    );
}
