//! Proving: done when an instance that the group launched from the new version is healthy and fully patched.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::super::decision::{Context, Decided, Decision, failed, go};
use super::super::effect::{CommandStep, Effect, Role};
use super::super::job::Job;
use super::super::processes::LOAD_BALANCER;
use super::super::seen::{Checks, GroupSeen, Need};
use super::super::{Code, Phase, limits};
use super::launch::{self, Candidate};
use super::{command, scanning, versioning};

pub(super) fn needs(job: &Job) -> BTreeSet<Need> {
    let mut needs = BTreeSet::from([Need::Group, Need::Instances]);
    if job.made.instances.contains_key(&Role::Canary) {
        needs.extend([Need::Agents, Need::Checks]);
    } else if job.wake_at - job.entered_at() >= limits::ACTIVITIES_AFTER {
        needs.insert(Need::Activities);
    }
    let scan = command::needs(job, CommandStep::CanaryScan);
    if !scan.is_empty() {
        needs.extend(scan);
        needs.insert(Need::Patches);
    }
    needs
}

pub(super) fn decide(cx: &Context<'_>) -> Decided {
    let group = cx.group()?;
    let record = cx.record();
    let versions = versioning::versions(cx);
    let new = versioning::new_pins(record, &versions);
    let held = versioning::hold_pins(record);
    versioning::set_pins(
        cx,
        group,
        &[&record.pins, &held],
        new,
        "pointing the group at the new version by number",
    )?;
    register(cx, group)?;
    let instances = cx.instances()?;
    let candidates = launch::candidates(cx, group, instances);
    let is_new = |c: &Candidate<'_>| {
        c.member
            .version
            .as_ref()
            .is_some_and(|(template, number)| versions.get(template) == Some(number))
    };
    let canary = launch::of_role(cx, &candidates, Role::Canary, is_new);
    let limit = limits::CANARY_LIMIT + cx.forward()?.launch_extra();
    let Some(canary) = canary else {
        if let Some(id) = cx.job.instance(Role::Canary) {
            return Ok(failed(
                Code::CanaryNotUp,
                format!("{id} from the new version was terminated while it was being proved"),
            ));
        }
        return Ok(replace_build(cx, group, limit));
    };
    let late = cx.in_phase() > limit;
    if let Some(decision) = launch::settle(cx, canary, Role::Canary) {
        return Ok(if late {
            not_up(cx, canary, "is not in service")
        } else {
            decision
        });
    }
    healthy(cx, canary, late)?;
    let scan = scanning::scan_run(cx, CommandStep::CanaryScan, Role::Canary, Code::CanaryNotUp);
    command::succeeded(cx, &scan)?;
    let state = scanning::fresh_scan(cx, CommandStep::CanaryScan, Role::Canary)?;
    let tolerated = cx.forward()?.options.tolerate_missing;
    let counts = (state.missing, state.failed, state.pending_reboot);
    Ok(match scanning::open_patches(counts, tolerated) {
        Some(open) => failed(
            Code::CanaryNotClean,
            format!("{} from the new image: {open}", canary.id),
        ),
        None => go(
            Phase::Promoting,
            format!("{} from the new version is healthy and clean", canary.id),
        ),
    })
}

/// The canary takes the same way into the load balancer as the instances of the morning.
fn register(cx: &Context<'_>, group: &GroupSeen) -> Result<(), Decision> {
    let process = LOAD_BALANCER.to_owned();
    if !cx.record().guarded.contains(&process) || !group.suspended.contains(&process) {
        return Ok(());
    }
    let effect = Effect::Resume(vec![process]);
    if cx.is_fresh(&effect) {
        return Err(cx.wait(
            limits::CHANGE_SHOWS_PAUSE,
            "waiting until AddToLoadBalancer is shown as resumed",
        ));
    }
    Err(cx.act(
        effect,
        limits::NO_PAUSE,
        "letting the canary register with the load balancer",
    ))
}

/// Brings the canary up: it replaces the build instance, or the group is woken.
fn replace_build(cx: &Context<'_>, group: &GroupSeen, limit: TimeDelta) -> Decision {
    let build = cx
        .job
        .instance(Role::Build)
        .filter(|b| group.members.get(*b).is_some_and(|m| !m.leaving()));
    if let Some(build) = build {
        let effect = Effect::Terminate {
            instance: build.to_owned(),
            decrement: false,
        };
        if !cx.is_fresh(&effect) {
            return cx.act(
                effect,
                limits::LAUNCH_FIRST_LOOK,
                format!("replacing {build} by an instance from the new version"),
            );
        }
    }
    if let Some(decision) = launch::wake(cx, group, "waking the group for its canary") {
        return decision;
    }
    launch::awaited(
        cx,
        cx.job.entered_at(),
        limit,
        Code::CanaryRefused,
        Code::CanaryNotUp,
    )
}

/// Its status checks have passed, and Systems Manager has heard from it since its launch.
fn healthy(cx: &Context<'_>, canary: Candidate<'_>, late: bool) -> Result<(), Decision> {
    let id = canary.id;
    if !canary.member.healthy {
        return Err(not_up(cx, canary, "is marked unhealthy by its group"));
    }
    let checks = cx.read(&cx.seen.checks, "status checks")?.get(id).copied();
    let online = launch::online_since_launch(cx, id, canary.instance.launched_at)?;
    let reason = match (checks, online) {
        (Some(Checks::Ok), true) => return Ok(()),
        (Some(Checks::Ok), false) => "has not registered with Systems Manager",
        (Some(Checks::Impaired), _) => "fails its status checks",
        (Some(Checks::Initializing) | None, _) => "has not passed its status checks",
    };
    if late {
        return Err(not_up(cx, canary, reason));
    }
    Err(cx.look(
        canary.instance.launched_at,
        limits::EXPECTED_CANARY / 2,
        format!("{id} {reason} yet"),
    ))
}

fn not_up(cx: &Context<'_>, canary: Candidate<'_>, what: &str) -> Decision {
    failed(
        Code::CanaryNotUp,
        format!(
            "{} from the new version {what} {} min after its launch",
            canary.id,
            (cx.now - canary.instance.launched_at).num_minutes()
        ),
    )
}
