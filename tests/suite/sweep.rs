//! The sweep: `restore` needs nothing but the account. It tells the records of the living from those of the
//! dead, is safe to run at any time and twice at once, and leaves alone what it cannot read.
//!
//! A share is tried here; `SWEEP_STRIDE=1 cargo test --test suite sweep -- --nocapture` tries all.

use std::time::Duration;

use asg_patch::group::names::record_parameter;
use asg_patch::group::{Code, Outcome};
use asg_patch::ids::{GroupName, ImageId};
use asg_patch::report::{GroupReport, RunReport};
use asg_patch::request::RunRequest;
use asg_patch::run::{RecordFilter, RestoreRequest, RunError, SelectionError, Stop};
use asg_patch::sim::calls::is_change;
use asg_patch::sim::faults::{FaultRule, InjectedFault};
use asg_patch::sim::{Account, Frozen};
use chrono::{DateTime, TimeDelta, Utc};

use crate::common::{Scenario, aws, drive, end, in_virtual_time, on_all_cores, scenario_text};
use crate::crash::record;

/// Of the stages of a run that died, every such one is tried.
const STRIDE: usize = 7;
/// Of the stages at which a record is made unreadable, and that in many ways.
const STRANGE_STRIDE: usize = 29;
/// Of the moments at which another run starts beside a living one.
const MOMENT_STRIDE: usize = 13;

/// As in the crash suite: zero-sized by `$Latest`, two groups of one template, a morning schedule.
const SCENARIOS: [&str; 3] = [
    "sleeping-latest",
    "shared-template-latest",
    "morning-scheduled-action",
];

/// A run that died, at one of its stages.
struct Dead {
    name: String,
    seed: u64,
    untouched: Frozen,
    account: Frozen,
    deadline: DateTime<Utc>,
}

/// The stages at which something is left to restore; every `stride`-th.
fn dead(scenario: &str, stride: usize) -> Vec<Dead> {
    let loaded = Scenario::load(scenario);
    let seed = loaded.fleet.seed();
    in_virtual_time(seed, async {
        let (untouched, stages, _) = record(&loaded).await;
        let open = stages
            .into_iter()
            .map(|s| s.account)
            .enumerate()
            .filter(|(_, account)| !end::open_groups(&account.thaw()).is_empty());
        let dead = |(stage, account)| Dead {
            name: format!("{scenario}, stage {stage}"),
            seed,
            untouched: untouched.clone(),
            account,
            deadline: loaded.request.window.deadline,
        };
        open.step_by(stride).map(dead).collect()
    })
}

/// One `restore` of `groups`; of all that are past their deadline if there are none.
async fn restore(
    account: &Account,
    owner: &str,
    groups: Vec<GroupName>,
) -> Result<RunReport, RunError> {
    let aws = aws(account, owner);
    let request = RestoreRequest {
        owner: owner.into(),
        filter: RecordFilter::named_or_due(groups),
        give_up_at: aws.clock.now() + TimeDelta::hours(2),
    };
    let (_keep, stop) = tokio::sync::watch::channel(Stop::Continue);
    asg_patch::run::restore(&aws, &request, stop, &mut |_| {}).await
}

fn changes(report: &RunReport) -> Vec<&String> {
    let changes = |name: &&String| is_change(name.split(':').nth(1).unwrap_or_default());
    report.api_calls.keys().filter(changes).collect() // there is no dry run among a restore's calls
}

fn brief(groups: &[GroupReport]) -> Vec<String> {
    let brief = |g: &GroupReport| {
        let code = g.code.map(|c| c.to_string()).unwrap_or_default();
        format!("{} {} {code} {}", g.group, g.outcome, g.reason)
    };
    groups.iter().map(brief).collect()
}

/// Runs all tries and names what went wrong.
fn check<T: Send>(what: &str, tries: Vec<T>, problems: impl Fn(T) -> Vec<String> + Sync) {
    let count = tries.len();
    let wrong: Vec<String> = on_all_cores(tries, problems).concat();
    println!(
        "{what}: {count} combinations tried, {} problems",
        wrong.len()
    );
    assert!(
        count > 0 && wrong.is_empty(),
        "{what}:\n{}",
        wrong.join("\n")
    );
}

fn stride(default: usize) -> usize {
    std::env::var("SWEEP_STRIDE").map_or(default, |s| s.parse().expect("a number"))
}

/// Seconds after the start of a run, of each scenario.
fn moments(every: usize) -> Vec<(&'static str, u64)> {
    let of = |name| (5..1000).step_by(every).map(move |seconds| (name, seconds));
    let all = SCENARIOS.into_iter().flat_map(of);
    all.step_by(stride(MOMENT_STRIDE)).collect()
}

fn all_dead(stride: usize) -> Vec<Dead> {
    on_all_cores(SCENARIOS.to_vec(), |s| dead(s, stride))
        .into_iter()
        .flatten()
        .collect()
}

/// Before a record's deadline its run may be alive: it is left alone. After it, it is restored.
#[test]
fn the_deadline_tells_the_dead_from_the_living() {
    check(
        "restore before and after the deadline",
        all_dead(stride(STRIDE)),
        |dead| {
            in_virtual_time(dead.seed, async {
                let account = dead.account.thaw();
                let mut problems = Vec::new();
                let early = restore(&account, "operator", Vec::new())
                    .await
                    .expect("a report");
                let open = end::open_groups(&account).len();
                let owned = early
                    .groups
                    .iter()
                    .filter(|g| g.code == Some(Code::StillOwned));
                if owned.count() != open || !changes(&early).is_empty() {
                    problems.push(format!(
                        "early: {:?} {:?}",
                        brief(&early.groups),
                        changes(&early)
                    ));
                }
                account.clock().wait_until(dead.deadline).await;
                let late = restore(&account, "operator", Vec::new())
                    .await
                    .expect("a report");
                let restored = late
                    .groups
                    .iter()
                    .filter(|g| g.code == Some(Code::RestoredFromRecord));
                if restored.count() != open {
                    problems.push(format!("late: {:?}", brief(&late.groups)));
                }
                problems.extend(end::problems(&account, &dead.untouched).await);
                problems
                    .iter()
                    .map(|p| format!("{}: {p}", dead.name))
                    .collect()
            })
        },
    );
}

/// Two operators at once, or one that comes while the other is at it.
#[test]
fn twice_at_once() {
    let mut tries = Vec::new();
    for (n, dead) in all_dead(stride(STRIDE)).into_iter().enumerate() {
        tries.push((dead, [0, 2, 31, 34, 60][n % 5]));
    }
    check("two restores at once", tries, |(dead, stagger)| {
        in_virtual_time(dead.seed, async {
            let account = dead.account.thaw();
            let groups = end::open_groups(&account);
            let second = async {
                account.clock().wait(Duration::from_secs(stagger)).await;
                restore(&account, "second", groups.clone()).await
            };
            let (first, second) = tokio::join!(restore(&account, "first", groups.clone()), second);
            let mut problems = Vec::new();
            for (who, report) in [("first", first), ("second", second)] {
                match report {
                    Ok(report) => problems.extend(
                        report
                            .groups
                            .iter()
                            .filter(|g| g.left_open || g.code != Some(Code::RestoredFromRecord))
                            .map(|g| format!("{who}: {:?}", brief(std::slice::from_ref(g)))),
                    ),
                    // The first was done when the second came.
                    Err(RunError::Request(SelectionError::NoRecord { .. })) if who == "second" => {}
                    Err(e) => problems.push(format!("{who}: {e}")),
                }
            }
            problems.extend(end::problems(&account, &dead.untouched).await);
            problems
                .iter()
                .map(|p| format!("{}, {stagger} s apart: {p}", dead.name))
                .collect()
        })
    });
}

/// A run that is alive, and an operator who runs `restore` so long after its start.
async fn beside(
    account: &Account,
    request: &RunRequest,
    seconds: u64,
    named: bool,
) -> (RunReport, Option<RunReport>) {
    let operator = async {
        account.clock().wait(Duration::from_secs(seconds)).await;
        let open = end::open_groups(account);
        if open.is_empty() {
            return None;
        }
        let groups = if named { open } else { Vec::new() };
        Some(
            restore(account, "operator", groups)
                .await
                .expect("a report"),
        )
    };
    let (run, restored) = tokio::join!(drive(account, request, None), operator);
    (run.expect("a report").0, restored)
}

/// Without names it does nothing to a run that is alive, and says whose the groups are.
#[test]
fn beside_a_run_that_is_alive() {
    let tries = moments(21);
    check("restore beside a living run", tries, |(name, seconds)| {
        let scenario = Scenario::load(name);
        let calm = brief(&scenario.run().report.groups);
        in_virtual_time(scenario.fleet.seed(), async {
            let account = scenario.fleet.account(1);
            let untouched = account.freeze();
            let (run, restored) = beside(&account, &scenario.request, seconds, false).await;
            let mut problems = Vec::new();
            let ended: Vec<_> = run
                .groups
                .iter()
                .map(|g| (&g.group, g.outcome, g.code))
                .collect();
            if brief(&run.groups).len() != calm.len()
                || run
                    .groups
                    .iter()
                    .zip(&calm)
                    .any(|(g, c)| !c.starts_with(&format!("{} {}", g.group, g.outcome)))
            {
                problems.push(format!("the run ended otherwise: {ended:?}, calm {calm:?}"));
            }
            if let Some(restored) = restored {
                let owned = |g: &GroupReport| {
                    g.code == Some(Code::StillOwned) && g.reason.contains(crate::common::OWNER)
                };
                if !restored.groups.iter().all(owned) || !changes(&restored).is_empty() {
                    problems.push(format!("{:?}", brief(&restored.groups)));
                }
            }
            problems.extend(end::problems(&account, &untouched).await);
            problems
                .iter()
                .map(|p| format!("{name} after {seconds} s: {p}"))
                .collect()
        })
    });
}

/// Wrong statements of a run about groups that were restored beside it. They were restored, or it saw something
/// of that first, or it had failed before; they are patched only if that is true.
fn untrue(account: &Account, run: &RunReport, restored: Option<&RunReport>) -> Vec<String> {
    let is_restored = |g: &GroupReport| {
        let reports = restored.iter().flat_map(|r| &r.groups);
        let mut restored = reports.filter(|r| r.reason == Code::RestoredFromRecord.title());
        restored.any(|r| r.group == g.group)
    };
    let is_reported = |g: &GroupReport| match g.code {
        None => g.outcome == Outcome::Patched,
        Some(code) => matches!(
            code,
            Code::RestoredMeanwhile
                | Code::InstanceLost
                | Code::ImageFailed
                | Code::Superseded
                | Code::PatchFailed
                | Code::SiblingFailed
                | Code::BakeFailed
        ),
    };
    let launches = |g: &GroupReport| {
        account.with_world(|w| {
            end::images(w, &w.groups[g.group.as_str()])
                .into_iter()
                .flatten()
                .next()
        })
    };
    let is_wrong = |g: &&GroupReport| {
        let is_unreported = is_restored(g) && !is_reported(g);
        let other_image =
            g.image_after.is_some() && launches(g).map(ImageId::from) != g.image_after;
        is_unreported || other_image || g.left_open
    };
    brief(
        &run.groups
            .iter()
            .filter(is_wrong)
            .cloned()
            .collect::<Vec<_>>(),
    )
}

/// With names it restores a group though its run is alive: the run yields.
#[test]
fn a_living_run_yields() {
    let tries = moments(7);
    check(
        "restore of a living run's groups",
        tries,
        |(name, seconds)| {
            let scenario = Scenario::load(name);
            in_virtual_time(scenario.fleet.seed(), async {
                let account = scenario.fleet.account(1);
                let untouched = account.freeze();
                let (run, restored) = beside(&account, &scenario.request, seconds, true).await;
                let mut problems = untrue(&account, &run, restored.as_ref());
                problems.extend(end::problems(&account, &untouched).await);
                problems
                    .iter()
                    .map(|p| format!("{name} after {seconds} s: {p}"))
                    .collect()
            })
        },
    );
}

/// Other texts than this version writes, made from one that it wrote.
fn strange(text: &str) -> Vec<(&'static str, String)> {
    let nested = text.replace("\"capacity\":{", "\"capacity\":{\"warm\":1,");
    vec![
        ("newer", text.replace("\"schema\":1", "\"schema\":2")),
        ("older", text.replace("\"schema\":1", "\"schema\":0")),
        ("without a schema", text.replace("\"schema\":1,", "")),
        ("unknown within", nested),
        (
            "without its capacity",
            text.replace("\"capacity\"", "\"sizes\""),
        ),
        ("cut", text[..text.len() / 2].to_owned()),
        ("not JSON", "to be looked at by Ann".to_owned()),
        (
            "of another group",
            text.replace("\"group\":\"", "\"group\":\"x"),
        ),
    ]
}

fn overwrite(account: &Account, group: &str, text: &str) {
    account.with_world(|w| {
        let parameter = w
            .ssm
            .parameters
            .by_name
            .get_mut(&record_parameter(&group.into()));
        parameter.expect("a record").value = text.to_owned();
    });
}

fn text_of(account: &Account, group: &str) -> Option<String> {
    account.with_world(|w| {
        let parameter = w
            .ssm
            .parameters
            .by_name
            .get(&record_parameter(&group.into()));
        parameter.map(|p| p.value.clone())
    })
}

/// It is reported with its text, and neither it nor the group is touched: not by `restore`, whatever it is
/// asked for, nor by the next night's run. With its text as it was the group is restored.
#[test]
fn a_record_that_cannot_be_read() {
    let mut tries = Vec::new();
    for dead in dead("sleeping-latest", stride(STRANGE_STRIDE)) {
        let group = in_virtual_time(1, async {
            end::open_groups(&dead.account.thaw()).remove(0)
        });
        let text =
            in_virtual_time(1, async { text_of(&dead.account.thaw(), &group) }).expect("a record");
        for (what, strange) in strange(&text) {
            tries.push((
                dead.name.clone(),
                dead.seed,
                dead.untouched.clone(),
                dead.account.clone(),
                group.clone(),
                text.clone(),
                what,
                strange,
            ));
        }
    }
    check(
        "records that cannot be read",
        tries,
        |(name, seed, untouched, account, group, text, what, strange)| {
            in_virtual_time(seed, async {
                let account = account.thaw();
                overwrite(&account, &group, &strange);
                let mut problems = Vec::new();
                let mut expect = |who: &str, ok: bool, found: String| {
                    if !ok {
                        problems.push(format!("{name}, {what}, {who}: {found}"));
                    }
                };
                let reported = |g: &GroupReport| {
                    g.group == group
                        && g.code == Some(Code::RecordUnreadable)
                        && g.left_open
                        && g.reason.contains(&strange)
                };
                for groups in [Vec::new(), vec![group.clone()]] {
                    let report = restore(&account, "operator", groups.clone())
                        .await
                        .expect("a report");
                    let ok = report.groups.iter().all(reported)
                        && report.groups.len() == 1
                        && changes(&report).is_empty();
                    expect(
                        &format!("restore {groups:?}"),
                        ok,
                        format!("{:?} {:?}", brief(&report.groups), changes(&report)),
                    );
                }
                let calls = account.calls().changes().count();
                let next = next_night(&account).await;
                let changed = account
                    .calls()
                    .changes()
                    .skip(calls)
                    .map(|c| c.name.clone())
                    .collect::<Vec<_>>();
                let entry = next.groups.iter().find(|g| g.group == group);
                let left_alone = entry.is_some_and(|g| {
                    g.outcome == Outcome::Skipped && g.code == Some(Code::RecordUnreadable)
                });
                expect(
                    "the next run",
                    left_alone && changed.is_empty(),
                    format!("{:?} {changed:?}", brief(&next.groups)),
                );
                let reported = next.warnings.iter().any(|w| w.contains(&strange));
                expect(
                    "the next run's warnings",
                    reported,
                    format!("{:?}", next.warnings),
                );
                expect(
                    "the parameter",
                    text_of(&account, &group).as_ref() == Some(&strange),
                    format!("{:?}", text_of(&account, &group)),
                );
                overwrite(&account, &group, &text);
                let report = restore(&account, "operator", vec![group.clone()])
                    .await
                    .expect("a report");
                expect(
                    "at last",
                    report.groups[0].code == Some(Code::RestoredFromRecord),
                    format!("{:?}", brief(&report.groups)),
                );
                let left = end::problems(&account, &untouched).await;
                expect("at the end", left.is_empty(), left.join("; "));
                problems
            })
        },
    );
}

/// Fields that a later writer of the same schema adds, and that are not needed, do no harm.
#[test]
fn a_record_with_more_in_it() {
    check(
        "records with more in them",
        dead("sleeping-latest", stride(STRANGE_STRIDE)),
        |dead| {
            in_virtual_time(dead.seed, async {
                let account = dead.account.thaw();
                let group = end::open_groups(&account).remove(0);
                let text = text_of(&account, &group).expect("a record");
                overwrite(
                    &account,
                    &group,
                    &text.replacen('{', "{\"mood\":\"fine\",", 1),
                );
                let report = restore(&account, "operator", vec![group])
                    .await
                    .expect("a report");
                let mut problems = end::problems(&account, &dead.untouched).await;
                if report.groups[0].code != Some(Code::RestoredFromRecord) {
                    problems.push(format!("{:?}", brief(&report.groups)));
                }
                problems
                    .iter()
                    .map(|p| format!("{}: {p}", dead.name))
                    .collect()
            })
        },
    );
}

async fn next_night(account: &Account) -> RunReport {
    account.clock().wait(Duration::from_secs(20 * 3600)).await;
    let now = account.clock().now();
    let window =
        asg_patch::schedule::Window::lasting(now, TimeDelta::hours(3), TimeDelta::hours(1));
    let request = RunRequest {
        run_id: "run-next".into(),
        owner: "test:2".into(),
        window: window.expect("a window"),
        ..Scenario::load("sleeping-latest").request
    };
    drive(account, &request, None).await.expect("a report").0
}

/// The run dies when all is done but the record's deletion. In the morning the schedule starts instances from
/// the new version; then a sweep comes. They are the owner's, though they look like what the run launches.
#[test]
fn after_the_morning_its_instances_are_left_alone() {
    let text = scenario_text("sleeping-latest").replace(
        "tags = {",
        "scheduled_actions = [{ name = \"open\", min = 1, desired = 2, recurrence = \"0 6 * * *\" }]\ntags = {",
    );
    let scenario = Scenario::parse(&text).expect("a fleet");
    let (morning, later, report, open) = in_virtual_time(scenario.fleet.seed(), async {
        let account = scenario.fleet.account(1);
        account.with_faults(|f| {
            f.add(FaultRule::at(
                "ssm:DeleteParameter",
                0,
                1,
                InjectedFault::Hang,
            ))
        });
        tokio::select! {
            ended = drive(&account, &scenario.request, None) => panic!("{:?}", ended.map(|r| r.0)),
            () = account.silenced() => {}
        }
        let clock = account.clock().clone();
        clock
            .wait_until(scenario.request.window.deadline + TimeDelta::minutes(5))
            .await;
        let members = || {
            account.with_world(|w| {
                w.groups
                    .values()
                    .map(|g| g.members.clone())
                    .collect::<Vec<_>>()
            })
        };
        let morning = members();
        let report = restore(&account, "sweeper", Vec::new())
            .await
            .expect("a report");
        clock.wait(Duration::from_secs(30 * 60)).await;
        (morning, members(), report, end::open_groups(&account))
    });
    assert_eq!(
        morning.iter().map(|m| m.len()).sum::<usize>(),
        2,
        "{morning:?}"
    );
    assert_eq!(later, morning, "{:?}", brief(&report.groups));
    assert!(
        open.is_empty() && report.left_open().next().is_none(),
        "{:?}",
        brief(&report.groups)
    );
}
