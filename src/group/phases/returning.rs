//! Returning: done when our instance is on Standby and the group is read back as its owner wants it.

use std::collections::BTreeSet;

use super::super::decision::{Context, Decided, Decision, failed, go};
use super::super::effect::{Effect, Role};
use super::super::job::Job;
use super::super::processes::SCHEDULE;
use super::super::seen::{GroupSeen, Need};
use super::super::{Code, Phase, limits};
use super::launch;
use crate::ids::InstanceId;

pub(super) fn needs(job: &Job) -> BTreeSet<Need> {
    let mut needs = BTreeSet::from([Need::Group]);
    if job
        .open_launch()
        .is_some_and(|l| l.suspends.contains(SCHEDULE))
    {
        needs.insert(Need::Actions);
    }
    needs
}

pub(super) fn decide(cx: &Context<'_>, role: Role) -> Decided {
    let group = cx.group()?;
    let (next, lost) = match role {
        Role::Build => (Phase::Settling, Code::InstanceLost),
        Role::Canary => (Phase::Proving, Code::CanaryNotUp),
    };
    let Some(id) = cx.job.instance(role) else {
        return Ok(failed(lost, "no instance of ours is known"));
    };
    let Some(member) = group.members.get(id).filter(|m| !m.leaving()) else {
        let reason = format!("{id} was terminated before it was on Standby");
        return Ok(failed(lost, reason));
    };
    let Some(launch) = cx.job.open_launch() else {
        let reason = format!("{id} is on Standby; the group is as its owner left it");
        return Ok(go(next, reason));
    };
    if !member.on_standby() {
        return Ok(enter_standby(cx, group, id));
    }
    launch::give_back(cx, launch, group)?;
    Ok(cx.wait(
        limits::CHANGE_SHOWS_PAUSE,
        "waiting until the group is shown as it was before",
    ))
}

fn enter_standby(cx: &Context<'_>, group: &GroupSeen, id: &InstanceId) -> Decision {
    let member = group.members.get(id);
    let capacity = group.capacity;
    let effect = Effect::EnterStandby {
        instance: id.clone(),
        // Only while the desired capacity counts it, and may fall by one.
        decrement: capacity.desired >= group.counted() && capacity.desired > capacity.min,
    };
    let lifecycle = member.map_or("", |m| m.lifecycle.as_str());
    let on_its_way = || {
        let reason = format!("{id} is {lifecycle}, on its way to Standby");
        cx.wait(limits::CHANGE_SHOWS_PAUSE, reason)
    };
    let asked_at = cx.job.done_at(&effect);
    if asked_at.is_some_and(|at| cx.since(at) < limits::STANDBY_AGAIN_AFTER) {
        return on_its_way();
    }
    let is_moving = member.is_some_and(|m| !m.in_service());
    let tried = cx.job.ledger.get(&effect.key());
    let failing = tried.and_then(|t| Some((t.first_at, t.fault.as_ref()?)));
    if let Some((since, fault)) = failing
        && cx.since(since) > limits::STANDBY_LIMIT
    {
        return Decision::Fail(fault.to_failure());
    }
    // A call that waited long for its turn is made all the same.
    let is_asked = is_moving || tried.is_some_and(|t| t.fault.is_none());
    if is_asked && cx.in_phase() > limits::STANDBY_LIMIT {
        let minutes = cx.in_phase().num_minutes();
        let reason = format!("{id} is not on Standby after {minutes} min");
        return failed(Code::StandbyFailed, reason);
    }
    if is_moving {
        return on_its_way();
    }
    let reason = format!("moving {id} to Standby: the group is its owner's again");
    cx.act(effect, limits::CHANGE_SHOWS_PAUSE, reason)
}
