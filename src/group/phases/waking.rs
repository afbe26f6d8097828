//! Waking: done when a build instance of this run is in service, running, tagged, protected, and has been
//! online in Systems Manager since its launch.

use std::collections::BTreeSet;

use super::super::decision::{Context, Decided, failed, go};
use super::super::effect::Role;
use super::super::job::Job;
use super::super::seen::Need;
use super::super::{Code, Phase, limits};
use super::launch;

pub(super) fn needs(job: &Job) -> BTreeSet<Need> {
    let mut needs = BTreeSet::from([Need::Group, Need::Instances, Need::Agents]);
    if is_late(job, job.wake_at) {
        needs.insert(Need::Activities);
    }
    needs
}

fn is_late(job: &Job, now: chrono::DateTime<chrono::Utc>) -> bool {
    now - job.entered_at() >= limits::ACTIVITIES_AFTER
        && !job.made.instances.contains_key(&Role::Build)
}

pub(super) fn decide(cx: &Context<'_>) -> Decided {
    let (group, instances) = (cx.group()?, cx.instances()?);
    let forward = cx.forward()?;
    let limit = limits::WAKE_LIMIT + forward.launch_extra();
    let candidates = launch::candidates(cx, group, instances);
    let Some(build) = launch::of_role(cx, &candidates, Role::Build, |_| true) else {
        if let Some(decision) = launch::wake(cx, group, "waking the group") {
            return Ok(decision);
        }
        let since = cx
            .job
            .done_at(&launch::more(cx, group))
            .unwrap_or(cx.job.entered_at());
        return Ok(launch::awaited(
            cx,
            since,
            limit,
            Code::LaunchFailed,
            Code::WakeTimeout,
        ));
    };
    if let Some(decision) = launch::settle(cx, build, Role::Build) {
        if cx.in_phase() > limit {
            return Ok(launch::awaited(
                cx,
                cx.job.entered_at(),
                limit,
                Code::LaunchFailed,
                Code::WakeTimeout,
            ));
        }
        return Ok(decision);
    }
    if launch::online_since_launch(cx, build.id, build.instance.launched_at)? {
        return Ok(go(
            Phase::Patching,
            format!("{} is in service and online", build.id),
        ));
    }
    if cx.in_phase() > limit {
        return Ok(failed(
            Code::NeverOnline,
            format!(
                "{} has not registered with Systems Manager {} min after its launch",
                build.id,
                (cx.now - build.instance.launched_at).num_minutes()
            ),
        ));
    }
    Ok(cx.look(
        build.instance.launched_at,
        limits::LAUNCH_FIRST_LOOK * 2,
        format!("{} is in service; waiting for its SSM agent", build.id),
    ))
}
