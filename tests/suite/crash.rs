//! Crash at every call: for every golden scenario and every call of its run, the driver dies before the
//! call or after it took effect, and a successor continues. However it continues, every group ends as its owner
//! wants it, and nothing of ours is left.
//!
//! The calls are not listed here: the run itself is recorded pass by pass, and each pass is repeated with
//! the driver dying at each of its calls. So a new call is covered without anyone remembering it.
//!
//! A successor without memory of the broken pass finds the same account wherever between two changes it broke: of
//! such combinations one is tried. By default every [`STRIDE`]th is;
//! `CRASH_STRIDE=1 cargo test --test suite crash -- --nocapture` tries all, `CRASH_SCENARIOS=name,name` picks
//! scenarios.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::common::{Scenario, aws, end, in_virtual_time, on_all_cores, scenario_names};
use asg_patch::aws::Clients;
use asg_patch::group::admit::Bounds;
use asg_patch::group::decision::Directive;
use asg_patch::group::job::Job;
use asg_patch::request::RunRequest;
use asg_patch::run::advance::{Stay, advance};
use asg_patch::run::engine::Setting;
use asg_patch::run::{Progress, Stop, planned};
use asg_patch::schedule::Window;
use asg_patch::sim::calls::is_change;
use asg_patch::sim::faults::{FaultRule, InjectedFault};
use asg_patch::sim::{Account, Frozen};
use chrono::TimeDelta;

/// Prime, so that every call meets every successor in one scenario or another.
const STRIDE: usize = 7;

/// When the driver dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Death {
    /// The call never takes effect.
    Before,
    /// The call takes effect, its reply is never read.
    After,
}

/// The successor of the driver that died.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Successor {
    /// The same driver: only the connection broke.
    Same,
    /// A new driver with the jobs as they were after the last whole pass.
    Saved,
    /// A new driver with nothing but the records.
    Restore,
    /// The next night's run.
    NextRun,
}

const SUCCESSORS: [Successor; 4] = [
    Successor::Same,
    Successor::Saved,
    Successor::Restore,
    Successor::NextRun,
];

/// A run as it stood before one of its passes.
pub(crate) struct Stage {
    pub(crate) account: Frozen,
    pub(crate) jobs: Vec<Job>,
    /// Calls before the pass.
    calls: usize,
}

/// A pass loop as any driver has it; `saved` gets every state between passes.
async fn continue_run(
    account: &Account,
    request: &RunRequest,
    jobs: &mut [Job],
    mut saved: impl FnMut(&Account, &[Job]),
) -> Result<(), String> {
    let aws = aws(account, &request.run_id);
    let give_up_at = request.window.deadline + TimeDelta::hours(2);
    loop {
        saved(account, jobs);
        let next = pass(account, &aws.clients, request, jobs).await;
        let Some(next) = next else { return Ok(()) };
        let now = aws.clock.now();
        if now >= give_up_at {
            return Err(format!("the jobs never finish: {}", states_of(jobs)));
        }
        aws.clock
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
    let setting = Setting {
        clients,
        clock: account.clock(),
        tag: &request.selection.tag,
        bounds: Bounds {
            window: request.window,
            max_in_flight: request.max_in_flight,
            allowed_failures: request.max_failures.groups(jobs.len()),
            allowed_in_wave: Some(request.max_failures),
            stopping: false,
            calls_take: TimeDelta::zero(),
        },
        directive: Directive::default(),
    };
    advance(&setting, jobs, Stay::default()).await
}

/// The run without a crash, stage by stage, and the calls of all passes.
pub(crate) async fn record(scenario: &Scenario) -> (Frozen, Vec<Stage>, Vec<String>) {
    let account = scenario.fleet.account(1);
    let untouched = account.freeze();
    let request = &scenario.request;
    let plan = planned(&aws(&account, &request.run_id), request).await;
    let mut jobs = plan.expect("a plan").jobs;
    assert!(
        account.calls().changes().next().is_none(),
        "planning changes nothing"
    );
    let mut stages = Vec::new();
    continue_run(&account, request, &mut jobs, |account, jobs| {
        stages.push(Stage {
            account: account.freeze(),
            jobs: jobs.to_vec(),
            calls: account.calls().log.len(),
        });
    })
    .await
    .expect("an end");
    let names = account.calls().log.iter().map(|c| c.name.clone()).collect();
    (untouched, stages, names)
}

/// The stage's pass is made again, and the driver dies at the call at `index`. Answers what became of the
/// jobs.
async fn crash(
    account: &Account,
    scenario: &Scenario,
    stage: &Stage,
    index: usize,
    death: Death,
    successor: Successor,
) -> Result<String, String> {
    let request = &scenario.request;
    let fault = match (successor, death) {
        (Successor::Same, Death::Before) => InjectedFault::NeverArrived,
        (Successor::Same, Death::After) => InjectedFault::ReplyLost,
        (_, Death::Before) => InjectedFault::Hang,
        (_, Death::After) => InjectedFault::EffectThenHang,
    };
    account.with_faults(|f| {
        f.add_first(FaultRule {
            operation: None,
            ..FaultRule::at("", (index - stage.calls) as u64, 1, fault)
        });
    });
    let mut jobs = stage.jobs.clone();
    if successor != Successor::Same {
        let aws = aws(account, &request.run_id);
        tokio::select! {
            _ = pass(account, &aws.clients, request, &mut jobs) => return Err("no such call".into()),
            () = account.silenced() => {}
        }
    }
    match successor {
        Successor::Same => continue_run(account, request, &mut jobs, |_, _| {}).await?,
        Successor::Saved => {
            jobs = stage.jobs.clone();
            let now = account.clock().now();
            jobs.iter_mut().for_each(|j| j.resume(now));
            continue_run(account, request, &mut jobs, |_, _| {}).await?;
        }
        Successor::Restore => restore(account).await?,
        Successor::NextRun => next_run(account, request).await?,
    }
    Ok(states_of(&jobs))
}

/// The end of the jobs, for a failure's text.
fn states_of(jobs: &[Job]) -> String {
    let state = |job: &Job| {
        let phases: Vec<String> = job.history.iter().map(|e| e.phase.to_string()).collect();
        let failure = job.failure.as_ref().map(|f| f.reason.as_str());
        format!(
            "{} {}: {} {failure:?}",
            job.group(),
            phases.join(" "),
            job.reason
        )
    };
    jobs.iter().map(state).collect::<Vec<_>>().join(" | ")
}

/// An operator restores all groups that have a record.
async fn restore(account: &Account) -> Result<(), String> {
    account.clock().wait(Duration::from_secs(60)).await;
    if end::open_groups(account).is_empty() {
        return Ok(());
    }
    let report = crate::common::restore_all(account).await;
    let open = report.left_open().map(|g| g.reason.clone());
    let open: Vec<String> = open.collect();
    match open.is_empty() {
        true => Ok(()),
        false => Err(format!("not restored: {}", open.join("; "))),
    }
}

async fn next_run(account: &Account, request: &RunRequest) -> Result<(), String> {
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
    let aws = aws(account, "run-next");
    let (_keep, stop) = tokio::sync::watch::channel(Stop::Continue);
    let mut listen = |_: &Progress| ();
    let run = asg_patch::run::run(&aws, &request, stop, &mut listen).await;
    run.map(|_| ()).map_err(|e| e.to_string())
}

/// A scenario with its run, call by call.
struct Story {
    name: String,
    scenario: Scenario,
    untouched: Frozen,
    stages: Vec<Stage>,
    calls: Vec<String>,
}

impl Story {
    fn of(name: String) -> Self {
        let scenario = Scenario::load(&name);
        let (untouched, stages, calls) =
            in_virtual_time(scenario.fleet.seed(), async { record(&scenario).await });
        Self {
            name,
            scenario,
            untouched,
            stages,
            calls,
        }
    }

    fn combinations(&self) -> Vec<Combination> {
        let ends = self.stages.iter().skip(1).map(|s| s.calls);
        let ends = ends.chain([self.calls.len()]);
        let mut all = Vec::new();
        for (stage, (from, to)) in self.stages.iter().map(|s| s.calls).zip(ends).enumerate() {
            let mut effects = 0;
            for index in from..to {
                let operation = self.calls[index].split(':').nth(1).unwrap_or_default();
                // A read has no effect that could come before its reply.
                let deaths: &[Death] = match is_change(operation) {
                    true => &[Death::Before, Death::After],
                    false => &[Death::Before],
                };
                for death in deaths {
                    effects += usize::from(*death == Death::After);
                    all.extend(SUCCESSORS.map(|successor| Combination {
                        stage,
                        index,
                        death: *death,
                        successor,
                        effects,
                    }));
                }
            }
        }
        all
    }

    /// The problems at the end of a combination.
    fn problems(&self, combination: &Combination) -> Option<String> {
        let Combination {
            stage,
            index,
            death,
            successor,
            effects: _,
        } = *combination;
        in_virtual_time(self.scenario.fleet.seed(), async {
            let account = self.stages[stage].account.thaw();
            let crashed = crash(
                &account,
                &self.scenario,
                &self.stages[stage],
                index,
                death,
                successor,
            );
            let (mut problems, states) = match crashed.await {
                Ok(states) => (Vec::new(), states),
                Err(problem) => (vec![problem], String::new()),
            };
            problems.extend(end::problems(&account, &self.untouched).await);
            problems.extend(end::never_deregistered(&account));
            (!problems.is_empty()).then(|| {
                format!(
                    "{}: call {index} {} dies {death:?}, {successor:?} continues: {} ({states})",
                    self.name,
                    self.calls[index],
                    problems.join("; ")
                )
            })
        })
    }
}

/// One way to die and to go on.
#[derive(Clone, Debug)]
struct Combination {
    stage: usize,
    index: usize,
    death: Death,
    successor: Successor,
    /// Changes of the stage's pass that took effect.
    effects: usize,
}

impl Combination {
    /// A successor without memory of the broken pass finds the same account wherever between two changes it broke.
    /// The same driver meets an error of another call each time.
    fn state(&self) -> (usize, usize, Successor, Option<(usize, Death)>) {
        let call = (self.successor == Successor::Same).then_some((self.index, self.death));
        (self.stage, self.effects, self.successor, call)
    }
}

fn stride() -> usize {
    std::env::var("CRASH_STRIDE").map_or(STRIDE, |s| s.parse().expect("a number"))
}

/// A new driver paces itself anew: where calls are refused for their rate, its calls are not those that were recorded.
const NOT_REPEATED: &str = "busy-account";

fn picked() -> Vec<String> {
    match std::env::var("CRASH_SCENARIOS") {
        Ok(list) => list.split(',').map(str::to_owned).collect(),
        Err(_) => {
            let all = scenario_names().into_iter();
            all.filter(|n| end::is_closed_world(n) && n != NOT_REPEATED)
                .collect()
        }
    }
}

#[test]
fn whichever_driver_dies_nothing_is_left_changed() {
    let stories = on_all_cores(picked(), Story::of);
    let mut tries = Vec::new();
    let mut counts: BTreeMap<String, [usize; 3]> = BTreeMap::new();
    for story in &stories {
        let mut states = BTreeSet::new();
        let all = story.combinations();
        let count = counts.entry(story.name.clone()).or_default();
        count[0] = all.len();
        let distinct = all.into_iter().filter(|c| states.insert(c.state()));
        let chosen: Vec<_> = distinct.step_by(stride()).map(|c| (story, c)).collect();
        count[1] = chosen.len();
        tries.extend(chosen);
    }
    let tried = tries.len();
    let results = on_all_cores(tries, |(story, combination)| {
        (story.name.clone(), story.problems(&combination))
    });
    let mut wrong = Vec::new();
    for (name, problem) in results {
        if let Some(problem) = problem {
            counts.entry(name).or_default()[2] += 1;
            wrong.push(problem);
        }
    }
    let mut met = 0;
    for (name, [all, tried, wrong]) in &counts {
        met += all;
        println!("{name}: {all} combinations, {tried} tried, {wrong} wrong");
    }
    println!(
        "{tried} of {met} combinations tried; the others are the same for every successor, or skipped"
    );
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
