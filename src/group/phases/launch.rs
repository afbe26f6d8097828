//! Waiting for an instance that the group launches for us: shared by waking and proving.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::super::decision::{Context, Decision, failed};
use super::super::effect::{Effect, Role};
use super::super::ledger::Key;
use super::super::seen::{Ec2State, GroupSeen, InstanceSeen, LaunchFailure, MemberSeen};
use super::super::{Code, limits};
use crate::ids::InstanceId;
use crate::schedule::Capacity;

/// An instance in the group that may be ours.
#[derive(Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub id: &'a InstanceId,
    pub member: &'a MemberSeen,
    pub instance: &'a InstanceSeen,
}

/// The capacity for one instance more than recorded: bounds that someone changed since are kept as far as
/// they leave room for it.
pub(super) fn more(cx: &Context<'_>, group: &GroupSeen) -> Effect {
    let desired = cx.record().wake_capacity().desired;
    Effect::SetCapacity(Capacity {
        min: group.capacity.min,
        max: group.capacity.max.max(desired),
        desired,
    })
}

/// Asks for one instance more than recorded; `None` if that was asked for already.
pub(super) fn wake(cx: &Context<'_>, group: &GroupSeen, reason: &str) -> Option<Decision> {
    let recorded = cx.record().capacity;
    let resize = more(cx, group);
    let Effect::SetCapacity(capacity) = resize else {
        return None;
    };
    if group.capacity.desired >= capacity.desired || cx.is_fresh(&resize) {
        return None;
    }
    // Once we have asked for it, only others can have taken it back.
    let set_capacity = |k: &Key| matches!(k, Key::SetCapacity(_));
    let was_asked = cx.job.ledger.last_done(set_capacity).is_some();
    let is_closed = group.capacity.max < recorded.max.min(capacity.desired);
    if group.capacity.desired != recorded.desired || was_asked || is_closed {
        return Some(failed(
            Code::ScaledIn,
            format!(
                "someone set the capacity to {} during the run (it was {recorded}); theirs stands",
                group.capacity
            ),
        ));
    }
    Some(cx.act(
        resize,
        limits::LAUNCH_FIRST_LOOK,
        format!("{reason}: capacity {capacity}"),
    ))
}

/// Instances of the group that were launched after the record was written, oldest first; those that are
/// leaving are left out.
pub(super) fn candidates<'a>(
    cx: &Context<'a>,
    group: &'a GroupSeen,
    instances: &'a BTreeMap<InstanceId, InstanceSeen>,
) -> Vec<Candidate<'a>> {
    let mut found: Vec<Candidate<'a>> = group
        .members
        .iter()
        .filter(|(id, member)| !member.leaving() && !cx.job.made.foreign.contains(*id))
        .filter_map(|(id, member)| {
            let instance = instances.get(id)?;
            Some(Candidate {
                id,
                member,
                instance,
            })
        })
        .filter(|c| c.instance.launched_at >= cx.record().written_at)
        .filter(|c| c.instance.state != Ec2State::Gone)
        .collect();
    found.sort_by_key(|c| (c.instance.launched_at, c.id));
    found
}

/// The candidate of this role: the tagged one, or else the oldest that carries no tag of ours and
/// satisfies `fits`.
pub(super) fn of_role<'a>(
    cx: &Context<'a>,
    candidates: &[Candidate<'a>],
    role: Role,
    fits: impl Fn(&Candidate<'a>) -> bool,
) -> Option<Candidate<'a>> {
    let known = cx.job.instance(role);
    candidates
        .iter()
        .find(|c| Some(c.id) == known)
        .or_else(|| {
            candidates
                .iter()
                .find(|c| c.instance.role.is_none() && !is_other_role(cx, c.id, role) && fits(c))
        })
        .copied()
}

fn is_other_role(cx: &Context<'_>, id: &InstanceId, role: Role) -> bool {
    cx.job
        .made
        .instances
        .iter()
        .any(|(r, i)| *r != role && i == id)
}

/// The next step until an instance is in service, tagged and protected; `None` once it is.
pub(super) fn settle(cx: &Context<'_>, candidate: Candidate<'_>, role: Role) -> Option<Decision> {
    let Candidate {
        id,
        member,
        instance,
    } = candidate;
    if !member.in_service() || instance.state != Ec2State::Running {
        let reason = format!("{id} is {}", member.lifecycle);
        return Some(cx.look(instance.launched_at, limits::LAUNCH_FIRST_LOOK, reason));
    }
    let mut effects = Vec::new();
    let tag = Effect::TagInstance {
        instance: id.clone(),
        role,
    };
    if cx.job.done_at(&tag).is_none() && instance.role.as_deref() != Some(role.as_str()) {
        effects.push(tag);
    }
    let protect = Effect::Protect {
        instance: id.clone(),
        on: true,
    };
    if !member.protected && !cx.is_fresh(&protect) {
        effects.push(protect);
    }
    if effects.is_empty() {
        return None;
    }
    Some(Decision::Act {
        effects,
        reason: format!("{id} is in service: tagging and protecting it"),
        look_after: limits::CHANGE_SHOWS_PAUSE,
    })
}

/// Whether SSM has heard from an instance since it was launched.
pub(super) fn online_since_launch(
    cx: &Context<'_>,
    id: &InstanceId,
    launched_at: DateTime<Utc>,
) -> Result<bool, Decision> {
    let agents = cx.read(&cx.seen.agents, "the instance's SSM agent")?;
    Ok(agents
        .get(id)
        .is_some_and(|a| a.online && a.last_ping.is_some_and(|p| p > launched_at)))
}

/// No instance yet: wait, and fail early if AWS says that none will come.
pub(super) fn awaited(
    cx: &Context<'_>,
    since: DateTime<Utc>,
    limit: TimeDelta,
    refused: Code,
    late: Code,
) -> Decision {
    let waited = cx.since(since);
    let failed_launch = cx.seen.activities.present().and_then(|activities| {
        activities
            .iter()
            .filter(|a| a.started_at >= since)
            .find_map(|a| Some((a.failed_launch?, a.message.as_str())))
    });
    if let Some((LaunchFailure::Hopeless, message)) = failed_launch {
        return failed(refused, format!("launch failed: {message}"));
    }
    if let Some((LaunchFailure::Quota, message)) = failed_launch
        && waited > limits::QUOTA_LIMIT
    {
        return failed(Code::QuotaReached, format!("launch failed: {message}"));
    }
    if waited > limit {
        return match failed_launch {
            Some((LaunchFailure::Capacity, message)) => {
                failed(Code::NoCapacity, format!("launch failed: {message}"))
            }
            Some((LaunchFailure::Quota, message)) => {
                failed(Code::QuotaReached, format!("launch failed: {message}"))
            }
            Some((LaunchFailure::Hopeless | LaunchFailure::Other, message)) => {
                failed(refused, format!("launch failed: {message}"))
            }
            None => failed(
                late,
                format!("no usable instance after {} min", waited.num_minutes()),
            ),
        };
    }
    let reason = match failed_launch {
        Some((_, message)) => format!("the group tries again after: {message}"),
        None => "waiting for the instance".into(),
    };
    cx.look(since, limits::LAUNCH_FIRST_LOOK, reason)
}
