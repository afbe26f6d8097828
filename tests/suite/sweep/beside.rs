//! `restore` beside a run that is alive.

use std::time::Duration;

use asg_patch::group::{Code, Outcome};
use asg_patch::ids::ImageId;
use asg_patch::report::{GroupReport, RunReport};
use asg_patch::request::RunRequest;
use asg_patch::sim::Account;

use super::{SCENARIOS, brief, changes, check, restore, stride};
use crate::common::{Scenario, drive, end, in_virtual_time};

/// Of the moments at which another run starts beside a living one.
const MOMENT_STRIDE: usize = 13;

/// Seconds after the start of a run, of each scenario.
fn moments(every: usize) -> Vec<(&'static str, u64)> {
    let of = |name| (5..1000).step_by(every).map(move |seconds| (name, seconds));
    let all = SCENARIOS.into_iter().flat_map(of);
    all.step_by(stride(MOMENT_STRIDE)).collect()
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
        let mut restored = reports.filter(|r| r.code == Some(Code::RestoredFromRecord));
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
