//! An instance that the group launches for us: found among its members, and out of the way again. Shared by the
//! launches and by everything that gives the group back.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::super::decision::{Context, Decided, Decision, failed};
use super::super::effect::{Effect, Role};
use super::super::fault::Read;
use super::super::job::Job;
use super::super::launch::{Launch, may_meet_action};
use super::super::ledger::Key;
use super::super::made::Hooks;
use super::super::processes::SCHEDULE;
use super::super::seen::{
    Ec2State, GroupSeen, InstanceSeen, LaunchFailure, MemberSeen, Need, Seen,
};
use super::super::{Code, Phase, limits};
use super::command;
use crate::ids::InstanceId;
use crate::schedule::{Capacity, ScheduledAction};

/// A member of the group that may be ours.
#[derive(Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub id: &'a InstanceId,
    pub member: &'a MemberSeen,
    pub instance: &'a InstanceSeen,
}

/// The instance of the launch that a driver may have been at: the one of its phase, or the next one.
pub(in super::super) fn role_at_work(job: &Job) -> Role {
    let bakes = job.forward.as_ref().is_none_or(|f| f.bakes);
    let has_canary = job.instance(Role::Canary).is_some() || job.made.has_versions();
    match job.phase {
        Phase::Queued | Phase::Recording | Phase::RunningBefore if bakes => Role::Build,
        Phase::Launching | Phase::Returning | Phase::Settling => Role::Build,
        Phase::Scanning | Phase::Patching | Phase::Sealing => Role::Build,
        Phase::Queued | Phase::Recording | Phase::RunningBefore => Role::Canary,
        Phase::Baking | Phase::Versioning => Role::Canary,
        Phase::LaunchingCanary | Phase::ReturningCanary | Phase::Proving => Role::Canary,
        Phase::Promoting | Phase::RunningAfter => Role::Canary,
        Phase::RollingBack | Phase::Restoring | Phase::Finished if has_canary => Role::Canary,
        Phase::RollingBack | Phase::Restoring | Phase::Finished => Role::Build,
    }
}

/// How long a launch may take until the instance is in service.
pub(in super::super) fn launch_limit(job: &Job) -> TimeDelta {
    limits::LAUNCH_LIMIT + job.evidence.hooks.time_outs()
}

/// Whether the launch hooks must be known: they hold up an instance of ours, or they decide whether a scheduled action
/// falls due during a launch that is to begin.
pub(in super::super) fn needs_hooks(job: &Job, now: DateTime<Utc>) -> bool {
    let is_begun = job.open_launch().is_some_and(|l| !l.is_untouched());
    match job.evidence.hooks {
        Hooks::Seconds(_) => false,
        Hooks::Wait => true,
        Hooks::Unseen if !job.phase.launches() || is_begun => false,
        Hooks::Unseen => {
            let at = now.checked_add_signed(job.clock_offset).unwrap_or(now);
            let window = job.record.deadline - at;
            let may_meet = |limit| may_meet_action(&job.record, at, limit);
            may_meet(window) && !may_meet(limits::LAUNCH_LIMIT)
        }
    }
}

/// Members that were there neither before the launch nor when the record was stored, oldest first; those that are
/// leaving are left out.
pub(super) fn newcomers<'a>(
    job: &Job,
    launch: &Launch,
    group: &'a GroupSeen,
    instances: &'a BTreeMap<InstanceId, InstanceSeen>,
) -> Vec<Candidate<'a>> {
    let mut found: Vec<Candidate<'a>> = group
        .members
        .iter()
        .filter(|(id, member)| !member.leaving() && !launch.members.contains(*id))
        .filter_map(|(id, member)| {
            let instance = instances.get(id)?;
            let candidate = Candidate {
                id,
                member,
                instance,
            };
            let is_gone = instance.state == Ec2State::Gone;
            let was_there = job.was_there(id, Some(instance)) == Some(true);
            (!is_gone && !was_there).then_some(candidate)
        })
        .filter(|c| !is_of_other_role(job, c.id, launch.role))
        .collect();
    found.sort_by_key(|c| (c.instance.launched_at, c.id));
    found
}

fn is_of_other_role(job: &Job, id: &InstanceId, role: Role) -> bool {
    let mut made = job.made.instances.iter();
    made.any(|(r, i)| *r != role && i == id)
}

/// The instance of the launch: the tagged one, else the oldest newcomer without a tag of ours; of a canary,
/// only one of the version that is to be proved.
pub(super) fn ours<'a>(
    job: &Job,
    launch: &Launch,
    group: &'a GroupSeen,
    instances: &'a BTreeMap<InstanceId, InstanceSeen>,
) -> Option<Candidate<'a>> {
    let known = job.instance(launch.role);
    if let Some(there) = known.and_then(|id| there(group, instances, id)) {
        return Some(there);
    }
    let newcomers = newcomers(job, launch, group, instances);
    let fits = |c: &&Candidate<'a>| match launch.role {
        Role::Build => true,
        Role::Canary => job.made.is_of_new_version(c.member),
    };
    let mut untagged = newcomers.iter().filter(|c| c.instance.role.is_none());
    untagged.find(fits).copied()
}

/// An instance of ours that is in the group. A driver whose memory ends before the launch finds it among the members
/// that were there before.
fn there<'a>(
    group: &'a GroupSeen,
    instances: &'a BTreeMap<InstanceId, InstanceSeen>,
    id: &InstanceId,
) -> Option<Candidate<'a>> {
    let (id, member) = group.members.get_key_value(id)?;
    let instance = instances.get(id)?;
    let is_there = !member.leaving() && instance.state != Ec2State::Gone;
    is_there.then_some(Candidate {
        id,
        member,
        instance,
    })
}

/// When the capacity was last asked for in this phase, whether an answer came or not.
pub(super) fn asked_at(job: &Job) -> Option<DateTime<Utc>> {
    let tried_at = job.ledger.last_tried(super::is_resize);
    tried_at.filter(|at| *at >= job.entered_at() || job.must_restore())
}

/// When an instance of ours was launched, by AWS's clock, as far as it was ever seen.
pub(super) fn launched_at(job: &Job, id: &InstanceId) -> Option<DateTime<Utc>> {
    job.made.lifetimes.get(id).map(|(launched, _)| *launched)
}

/// Whether the agent of an instance of ours has answered.
pub(super) fn has_agent(job: &Job, role: Role) -> bool {
    job.instance(role)
        .is_some_and(|id| job.made.online.contains(id))
}

/// The reads until it has.
pub(super) fn needs_until_online(job: &Job, role: Role) -> BTreeSet<Need> {
    let id = job.instance(role);
    if has_agent(job, role) || id.is_some_and(|id| is_too_early(job, id, job.wake_at)) {
        return BTreeSet::new();
    }
    let mut needs = BTreeSet::from([Need::Agents]);
    let known = id.and_then(|id| launched_at(job, id));
    if known.is_none() || job.resumed_at.is_some() || !command::was_seen_lately(job) {
        needs.extend([Need::Group, Need::Instances]);
    }
    needs
}

/// Whether SSM has heard from an instance since it was launched.
pub(super) fn is_online(cx: &Context<'_>, id: &InstanceId) -> Result<bool, Decision> {
    if cx.job.made.online.contains(id) {
        return Ok(true);
    }
    if launched_at(cx.job, id).is_none() {
        cx.instances()?;
    }
    if !is_too_early(cx.job, id, cx.now) {
        cx.read(&cx.seen.agents, "the instance's SSM agent")?;
    }
    Ok(false)
}

/// Looks again at an instance whose agent has not answered yet.
pub(super) fn look_for_agent(cx: &Context<'_>, id: &InstanceId, reason: String) -> Decision {
    let launched = our_launched_at(cx.job, id);
    let since = launched.unwrap_or(cx.job.entered_at());
    cx.look(since, limits::ONLINE_FIRST_LOOK, reason)
}

/// Whether an instance was launched so short a time ago that its agent cannot have answered yet.
fn is_too_early(job: &Job, id: &InstanceId, now: DateTime<Utc>) -> bool {
    our_launched_at(job, id).is_some_and(|at| now - at < limits::ONLINE_EARLIEST)
}

fn our_launched_at(job: &Job, id: &InstanceId) -> Option<DateTime<Utc>> {
    launched_at(job, id)?.checked_sub_signed(job.clock_offset)
}

/// No instance yet: wait, and fail early if AWS says that none will come.
pub(super) fn awaited(
    cx: &Context<'_>,
    since: DateTime<Utc>,
    (refused, late): (Code, Code),
) -> Decision {
    let (waited, limit) = (cx.since(since), launch_limit(cx.job));
    let asked_at = cx.account_time(since) - limits::CLOCK_GRAIN;
    let failed_launch = cx.seen.activities.present().and_then(|activities| {
        activities
            .iter()
            .filter(|a| a.started_at >= asked_at)
            .find_map(|a| Some((a.failed_launch?, a.message.as_str())))
    });
    let is_over = waited > limit;
    let launch_failed = |code, message: &str| failed(code, format!("launch failed: {message}"));
    let reason = match failed_launch {
        Some((LaunchFailure::Hopeless, message)) => return launch_failed(refused, message),
        Some((LaunchFailure::Capacity, message)) if is_over => {
            return launch_failed(Code::NoCapacity, message);
        }
        Some((LaunchFailure::Quota, message)) if is_over || waited > limits::QUOTA_LIMIT => {
            return launch_failed(Code::QuotaReached, message);
        }
        Some((LaunchFailure::Other, message)) if is_over => return launch_failed(refused, message),
        Some((LaunchFailure::Capacity | LaunchFailure::Quota | LaunchFailure::Other, message)) => {
            format!("the group tries again after: {message}")
        }
        None if is_over => {
            let minutes = waited.num_minutes();
            return failed(late, format!("no usable instance after {minutes} min"));
        }
        None => "waiting for the instance".to_owned(),
    };
    cx.look(since, limits::LAUNCH_FIRST_LOOK, reason)
}

/// Whether the job gives the group back in this phase.
pub(in super::super) fn gives_back(phase: Phase) -> bool {
    match phase {
        Phase::Returning | Phase::ReturningCanary | Phase::RollingBack | Phase::Restoring => true,
        Phase::Queued
        | Phase::Recording
        | Phase::RunningBefore
        | Phase::Launching
        | Phase::Settling
        | Phase::Scanning
        | Phase::Patching
        | Phase::Sealing
        | Phase::Baking
        | Phase::Versioning
        | Phase::LaunchingCanary
        | Phase::Proving
        | Phase::Promoting
        | Phase::RunningAfter
        | Phase::Finished => false,
    }
}

/// Whether a look shows the group as its owner wants it: our instance not counted, the processes resumed, the
/// capacity right, our version not named (a roll-back sees to that by itself). `at` is AWS's time.
pub(in super::super) fn is_back(
    job: &Job,
    seen: &Seen,
    group: &GroupSeen,
    at: DateTime<Utc>,
) -> bool {
    let Some(launch) = job.open_launch() else {
        return false;
    };
    let Some(target) = target(job, launch, seen, group, at) else {
        return false;
    };
    let known = job.instance(launch.role);
    let is_out = match known.and_then(|id| group.members.get(id)) {
        Some(member) => member.on_standby() || member.leaving(),
        None => seen.instances.present().is_some_and(|instances| {
            uncounted(job, launch, group, instances, target).is_none()
                && !may_appear(job, launch, at)
        }),
    };
    let now = at.checked_sub_signed(job.clock_offset).unwrap_or(at);
    let changed_at = job.ledger.last_tried(alters_group);
    let is_settled = changed_at.is_none_or(|changed| now - changed >= limits::CHANGE_SHOWS_PAUSE);
    is_settled
        && is_out
        && group.capacity == target
        && launch.suspends.is_disjoint(&group.suspended)
        && (job.must_restore() || !job.made.names_new_version(&group.pins))
}

/// An instance that the group launched for us, that could not be tagged, and that it counts beyond what its owner
/// wants. Of several newcomers the newest goes: the others are the owner's.
pub(super) fn uncounted<'a>(
    job: &Job,
    launch: &Launch,
    group: &'a GroupSeen,
    instances: &'a BTreeMap<InstanceId, InstanceSeen>,
    target: Capacity,
) -> Option<Candidate<'a>> {
    let newcomers = newcomers(job, launch, group, instances);
    let untagged = newcomers
        .into_iter()
        .filter(|c| c.instance.role.is_none() && c.member.counted());
    let untagged: Vec<Candidate<'a>> = untagged.collect();
    // Only we asked for an instance of a version that is not proved.
    let is_unproved =
        |c: &&Candidate<'a>| !job.was_promoted() && job.made.is_of_new_version(c.member);
    if let Some(unproved) = untagged.iter().find(is_unproved) {
        return Some(*unproved);
    }
    let is_spare = launch.asked.is_some() && group.counted() > target.desired;
    untagged.last().copied().filter(|_| is_spare)
}

/// Whether an effect changes the group itself: a look that comes too soon after it may not show it.
fn alters_group(key: &Key) -> bool {
    matches!(
        key,
        Key::Suspend | Key::Resume(_) | Key::Update(..) | Key::EnterStandby(_) | Key::Terminate(_)
    )
}

/// Whether the instance that was asked for may still appear in the group.
fn may_appear(job: &Job, launch: &Launch, at: DateTime<Utc>) -> bool {
    if launch.asked.is_none() || job.instance(launch.role).is_some() {
        return false;
    }
    let asked_at = asked_at(job).and_then(|at| at.checked_add_signed(job.clock_offset));
    asked_at.is_some_and(|asked| at - asked < limits::LAUNCH_SHOWS_LIMIT)
}

/// The capacity that the group must have; `None` while its scheduled actions are needed and not known.
pub(super) fn target(
    job: &Job,
    launch: &Launch,
    seen: &Seen,
    group: &GroupSeen,
    at: DateTime<Utc>,
) -> Option<Capacity> {
    let present: &[ScheduledAction] = match &seen.actions {
        Read::Present(actions) => actions,
        Read::Absent => &[],
        Read::Unread | Read::Failed(_) if launch.suspends.contains(SCHEDULE) => return None,
        Read::Unread | Read::Failed(_) => &[],
    };
    Some(launch.target(&job.record, group, present, at))
}

/// Brings the group back to what its owner wants, once our instance is out of its count; `Ok` when nothing is
/// left to do. AddToLoadBalancer is resumed before the capacity may rise, ScheduledActions last.
pub(super) fn give_back(
    cx: &Context<'_>,
    launch: &Launch,
    group: &GroupSeen,
) -> Result<(), Decision> {
    if launch.suspends.contains(SCHEDULE) && cx.seen.actions != Read::Absent {
        cx.read(&cx.seen.actions, "the scheduled actions")?;
    }
    let Some(target) = target(cx.job, launch, cx.seen, group, cx.account_now()) else {
        return Ok(());
    };
    let is_ours = |p: &&String| launch.has_suspended && group.suspended.contains(*p);
    let (last, first): (Vec<String>, Vec<String>) = launch
        .suspends
        .iter()
        .filter(is_ours)
        .cloned()
        .partition(|p| p == SCHEDULE);
    resume(cx, first)?;
    resize(cx, group, target)?;
    resume(cx, last)
}

fn resume(cx: &Context<'_>, processes: Vec<String>) -> Result<(), Decision> {
    if processes.is_empty() {
        return Ok(());
    }
    let reason = format!("resuming {}", processes.join(", "));
    Err(cx.act(Effect::Resume(processes), limits::NO_PAUSE, reason))
}

fn resize(cx: &Context<'_>, group: &GroupSeen, target: Capacity) -> Result<(), Decision> {
    if group.capacity == target {
        return Ok(());
    }
    let effect = Effect::Update {
        capacity: Some(target),
        pins: None,
    };
    let done_at = cx.job.done_at(&effect);
    if done_at.is_some_and(|at| cx.since(at) < limits::LOOK_MIN) {
        return Err(cx.wait(
            limits::CHANGE_SHOWS_PAUSE,
            "waiting until the group shows its capacity",
        ));
    }
    let reason = if target == cx.record().capacity {
        format!("capacity back to {target}")
    } else {
        format!("capacity to {target}, as the group's schedule or someone else wants it now")
    };
    Err(cx.act(effect, limits::NO_PAUSE, reason))
}

/// The launch must not go on: the group was changed by someone else, and theirs stands.
pub(super) fn scaled_in(launch: &Launch, group: &GroupSeen) -> Decided {
    Ok(failed(
        Code::ScaledIn,
        format!(
            "someone set the capacity to {} during the run (it was {}); theirs stands",
            group.capacity, launch.capacity
        ),
    ))
}
