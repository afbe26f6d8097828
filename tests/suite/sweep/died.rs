//! Runs that died: `restore` before and after their deadline, twice at once, and after the morning's schedule.

use std::time::Duration;

use asg_patch::group::{Code, Outcome};
use asg_patch::run::{RunError, SelectionError};
use asg_patch::sim::faults::{FaultRule, InjectedFault};
use chrono::TimeDelta;

use super::{Dead, SCENARIOS, brief, changes, check, dead, restore, stride};
use crate::common::{Scenario, drive, end, in_virtual_time, on_all_cores, scenario_text};

/// Of the stages of a run that died, every such one is tried.
const STRIDE: usize = 7;

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
            biased;
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
    // Nothing was rolled back: the group launches from the new version.
    let [group] = report.groups.as_slice() else {
        panic!("{:?}", brief(&report.groups));
    };
    let stands = (Outcome::Patched, Some(Code::RestoredFromRecord));
    assert_eq!((group.outcome, group.code), stands, "{group:?}");
}
