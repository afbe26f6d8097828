//! Restoring: capacity, processes and protections are as they must be and have been read back; our
//! instances are gone; the record is deleted last.
//!
//! For every value there are three: recorded, what we set, what is there now. What is neither recorded
//! nor ours was changed by somebody during the run and stands.

use std::collections::{BTreeMap, BTreeSet};

use super::super::budget::Measured;
use super::super::decide::{Context, Decided, Decision};
use super::super::effect::{Effect, Role};
use super::super::fault::Read;
use super::super::job::Job;
use super::super::seen::{Ec2State, GroupSeen, InstanceSeen};
use super::super::{Code, Outcome, limits};
use super::launch;
use crate::ids::{InstanceId, names};
use crate::schedule::{Capacity, ScheduledAction, missed};

/// The process that is resumed last.
const SCHEDULE: &str = "ScheduledActions";

pub(super) fn decide(cx: &Context<'_>) -> Decided {
    let group = match &cx.seen.group {
        // The record does not go for one look at which the group was not listed.
        Read::Absent if cx.absent_seconds() < limits::SETTLE_SECONDS => {
            return Ok(look_again(cx));
        }
        // Nothing is left to restore.
        Read::Absent => return Ok(close(cx)),
        Read::Present(group) if group.deleting => return Ok(close(cx)),
        read => cx.read(read, "the group")?,
    };
    restore_group(cx, group)?;
    Ok(close(cx))
}

/// A group that is not listed may be listed at the next look: what follows cannot be undone.
pub(super) fn look_again(cx: &Context<'_>) -> Decision {
    cx.wait(
        limits::SETTLE_SECONDS - cx.absent_seconds(),
        "the group is not listed; looking once more",
    )
}

/// Our instances gone, capacity and processes as they must be; `Ok` once all of it was read back.
pub(super) fn restore_group(cx: &Context<'_>, group: &GroupSeen) -> Result<(), Decision> {
    let instances = cx.instances()?;
    if !is_restored(cx, group) {
        let target = target(cx, group)?;
        let has_spare = group.capacity.desired == cx.record().wake_capacity().desired
            && group.capacity.desired != target.desired;
        let ours = ours(cx, group, instances, has_spare);
        if ours.is_empty() && has_spare {
            unseen(cx, group, instances)?;
        }
        terminate(cx, group, &ours)?;
        unprotect(cx, group, instances)?;
        resize(cx, group, target)?;
        resume(cx, group)?;
    }
    leaving(cx, instances)
}

/// Whether the group has had its own schedule back for a while: what it does now is its own, though
/// the job may still have to remove something.
///
/// Who lost the memory of it, or never had any, knows by what is resumed: that comes last, after our
/// instances are gone and the capacity were read back.
fn is_restored(cx: &Context<'_>, group: &GroupSeen) -> bool {
    let guarded = &cx.record().guarded;
    let done_at = if guarded.contains(SCHEDULE) {
        cx.job.done_at(&Effect::Resume(vec![SCHEDULE.to_owned()]))
    } else {
        cx.job.resumed_processes_at()
    };
    if cx.job.has_full_memory() || done_at.is_some() {
        return done_at
            .is_some_and(|at| (cx.now - at).num_seconds() > limits::LAUNCH_SHOWS_SECONDS);
    }
    let ours_is_there = |id: &InstanceId| group.members.get(id).is_some_and(|m| !m.leaving());
    !guarded.is_empty()
        && guarded.is_disjoint(&group.suspended)
        && !cx.job.made.instances.values().any(ours_is_there)
}

/// Our instances that are still in the group: tagged ones, and one that came up for us before it could
/// be tagged.
fn ours<'a>(
    cx: &Context<'a>,
    group: &'a GroupSeen,
    instances: &'a BTreeMap<InstanceId, InstanceSeen>,
    has_spare: bool,
) -> Vec<InstanceId> {
    let known: BTreeSet<&InstanceId> = [Role::Build, Role::Canary]
        .into_iter()
        .filter_map(|r| cx.job.instance(r))
        .collect();
    let mut ours: Vec<InstanceId> = group
        .members
        .iter()
        .filter(|(id, m)| known.contains(id) && !m.leaving())
        .map(|(id, _)| id.clone())
        .collect();
    let is_untagged = |c: &launch::Candidate<'_>| c.instance.role.is_none();
    let mut untagged = launch::candidates(cx, group, instances).into_iter();
    // Nobody but us asked for an instance of a version that does not stand.
    let versions = super::versioning::versions(cx);
    let is_unproven = |c: &launch::Candidate<'_>| {
        let version = c.member.version.as_ref();
        !cx.job.promoted && version.is_some_and(|(t, n)| versions.get(t) == Some(n))
    };
    let unproven = untagged
        .clone()
        .filter(|c| is_untagged(c) && is_unproven(c));
    ours.extend(unproven.map(|c| c.id.clone()));
    // One instance more than recorded was asked for by us alone, unless the schedule wants it by now.
    if ours.is_empty() && has_spare {
        let newest = untagged.rfind(is_untagged);
        ours.extend(newest.map(|c| c.id.clone()));
    }
    ours.dedup();
    ours
}

/// An instance that came up for us and stays, because the schedule wants one more by now, is protected
/// no longer.
fn unprotect(
    cx: &Context<'_>,
    group: &GroupSeen,
    instances: &BTreeMap<InstanceId, InstanceSeen>,
) -> Result<(), Decision> {
    let shielded = cx.job.tries.iter().find_map(|(key, t)| {
        let id = key.strip_prefix("protect ")?.strip_suffix(" true")?;
        let member = group.members.get(id)?;
        (t.done_at.is_some() && member.protected && !member.leaving()).then(|| InstanceId::from(id))
    });
    let tagged = group.members.iter().find_map(|(id, member)| {
        let run = instances.get(id)?.run.as_ref();
        let ours = run == Some(&cx.record().run_id);
        (ours && member.protected && !member.leaving()).then(|| id.clone())
    });
    match shielded.or(tagged) {
        Some(instance) => Err(cx.act(
            Effect::Protect {
                instance,
                on: false,
            },
            2,
            "lifting the protection of what stays",
        )),
        None => Ok(()),
    }
}

/// While the desired capacity counts an instance of ours that cannot be told yet, lowering it would let
/// AWS choose among the group's own.
fn unseen(
    cx: &Context<'_>,
    group: &GroupSeen,
    instances: &BTreeMap<InstanceId, InstanceSeen>,
) -> Result<(), Decision> {
    if cx.record().capacity.desired == 0 {
        return Ok(());
    }
    let asked = cx
        .job
        .tries
        .iter()
        .filter(|(key, _)| key.starts_with("set-capacity ") || key.starts_with("terminate "))
        .filter_map(|(_, t)| t.done_at)
        .max();
    let asked_lately = |limit| asked.is_some_and(|at| (cx.now - at).num_seconds() < limit);
    let unknown = group
        .members
        .iter()
        .find(|(id, m)| !m.leaving() && !instances.contains_key(*id));
    match unknown {
        Some((id, _)) if asked_lately(limits::VISIBILITY_LIMIT_SECONDS) => {
            Err(cx.wait(5, format!("waiting until EC2 shows {id}")))
        }
        None if asked_lately(limits::LAUNCH_SHOWS_SECONDS) => {
            Err(cx.wait(5, "waiting until the instance that was asked for shows"))
        }
        Some(_) | None => Ok(()),
    }
}

/// By id: the group's own instances are not for AWS to choose from.
fn terminate(cx: &Context<'_>, group: &GroupSeen, ours: &[InstanceId]) -> Result<(), Decision> {
    let wake = cx.record().wake_capacity();
    // While the desired capacity is ours it counts our instance; another's desire stands as it is.
    let mut spare = group.capacity.desired == wake.desired;
    let effects: Vec<Effect> = ours
        .iter()
        .map(|instance| Effect::Terminate {
            instance: instance.clone(),
            decrement: std::mem::take(&mut spare) && group.capacity.desired > group.capacity.min,
        })
        .filter(|effect| {
            cx.job
                .done_at(effect)
                .is_none_or(|at| (cx.now - at).num_seconds() > 60)
        })
        .collect();
    if effects.is_empty() {
        return Ok(());
    }
    Err(Decision::Act {
        effects,
        reason: format!("terminating {}", names(ours)),
        look_after_seconds: 5,
    })
}

/// The capacity that the group must have now: the recorded ones, overlaid by the scheduled actions that
/// fell due while they were suspended.
fn target(cx: &Context<'_>, group: &GroupSeen) -> Result<Capacity, Decision> {
    let record = cx.record();
    let present: &[ScheduledAction] = match &cx.seen.actions {
        Read::Absent => &[],
        read => cx.read(read, "the scheduled actions")?,
    };
    let actions = missed::Listings {
        recorded: &record.actions,
        present,
    };
    // What the owner had suspended would not have run without us either.
    let course = if record.suspended.contains(SCHEDULE) {
        vec![record.capacity]
    } else {
        missed::course(record.capacity, actions, record.written_at, cx.now)
    };
    let target = course.last().copied().unwrap_or(record.capacity);
    let found = group.capacity;
    // An earlier one of the course may be what was given back before the next action fell due.
    let asked = cx.job.may_have_tried("set-capacity ");
    let woken = asked.then(|| record.wake_capacity());
    let ours: Vec<Capacity> = course.into_iter().chain(woken).collect();
    let keep = |of: fn(&Capacity) -> i32| {
        if ours.iter().any(|capacity| of(capacity) == of(&found)) {
            of(&target)
        } else {
            of(&found)
        }
    };
    let min = keep(|c| c.min);
    let max = keep(|c| c.max).max(min);
    let desired = keep(|c| c.desired);
    Ok(Capacity {
        min,
        max,
        desired: desired.clamp(min, max),
    })
}

fn resize(cx: &Context<'_>, group: &GroupSeen, target: Capacity) -> Result<(), Decision> {
    if group.capacity == target {
        return Ok(());
    }
    let effect = Effect::SetCapacity(target);
    let just_now = cx
        .job
        .done_at(&effect)
        .is_some_and(|at| (cx.now - at).num_seconds() < limits::LOOK_MIN_SECONDS);
    if just_now {
        return Err(cx.wait(5, "waiting until the group shows its capacity"));
    }
    let reason = if target == cx.record().capacity {
        format!("capacity back to {target}")
    } else {
        format!("capacity to {target}, as the group's schedule or somebody else wants them now")
    };
    Err(cx.act(effect, 0, reason))
}

/// Only what we suspended, ScheduledActions last: what falls due then runs by itself again.
fn resume(cx: &Context<'_>, group: &GroupSeen) -> Result<(), Decision> {
    if !cx.job.may_have_tried("suspend") {
        return Ok(());
    }
    let ours: BTreeSet<&String> = cx
        .record()
        .guarded
        .iter()
        .filter(|p| group.suspended.contains(*p))
        .collect();
    let (last, first): (Vec<String>, Vec<String>) =
        ours.into_iter().cloned().partition(|p| p == SCHEDULE);
    let processes = if first.is_empty() { last } else { first };
    if processes.is_empty() {
        return Ok(());
    }
    let reason = format!("resuming {}", processes.join(", "));
    Err(cx.act(Effect::Resume(processes), 0, reason))
}

fn leaving(
    cx: &Context<'_>,
    instances: &BTreeMap<InstanceId, InstanceSeen>,
) -> Result<(), Decision> {
    for id in cx.job.made.instances.values() {
        if let Some(i) = instances.get(id)
            && i.state != Ec2State::Gone
        {
            let since = cx
                .job
                .tries
                .get(&format!("terminate {id}"))
                .and_then(|t| t.done_at)
                .unwrap_or(cx.job.entered_at());
            return Err(cx.look(
                since,
                limits::TERMINATE_FIRST_LOOK_SECONDS,
                format!("waiting until {id} is gone"),
            ));
        }
    }
    Ok(())
}

/// The record goes last; with it gone the job is done.
fn close(cx: &Context<'_>) -> Decision {
    if cx.job.recorded && cx.job.done_at(&Effect::DeleteRecord).is_none() {
        return Decision::Act {
            effects: measure(cx.job)
                .into_iter()
                .chain([Effect::DeleteRecord])
                .collect(),
            reason: "restored; deleting the record".into(),
            look_after_seconds: 0,
        };
    }
    let (outcome, reason) = ending(cx.job);
    Decision::Finish { outcome, reason }
}

/// What the phases took goes to the image that they made and proved, for the next run's plan; tried once.
fn measure(job: &Job) -> Option<Effect> {
    let made_it = job.forward.as_ref().is_some_and(|f| f.bakes) && job.promoted;
    let image = job.made.image.clone().filter(|_| made_it)?;
    let effect = Effect::TagImage {
        image,
        seconds: Measured::of(&job.history).to_text(),
    };
    (!job.tries.contains_key(&effect.key())).then_some(effect)
}

/// Whether anything but the record was written for the group.
fn was_touched(job: &Job) -> bool {
    let only_record = |k: &String| k == "store-record" || k == "delete-record";
    job.resumed_at.is_some() || !job.tries.keys().all(only_record)
}

/// How a job ends once its group is restored.
pub(in super::super) fn ending(job: &Job) -> (Outcome, String) {
    let reason = |text: &str| text.to_owned();
    match &job.failure {
        Some(f) if f.code == Code::PatchesMissing || !was_touched(job) => {
            (Outcome::Skipped, f.reason.clone())
        }
        Some(f) => (Outcome::RolledBack, f.reason.clone()),
        None if job.forward.is_none() => (
            Outcome::RolledBack,
            reason(Code::RestoredFromRecord.title()),
        ),
        None if job.displaced => (Outcome::RolledBack, reason(Code::Superseded.title())),
        None if job.promoted => {
            let proven = job.forward.as_ref().is_some_and(|f| f.options.canary);
            let text = if proven {
                "a new instance proved the new version; restored"
            } else {
                "restored; no new instance has proved the new version (canary off by tag)"
            };
            (Outcome::Patched, reason(text))
        }
        None if job.evidence.missing > 0 => (
            Outcome::AlreadyCurrent,
            format!(
                "nothing was installed; {} missing patches are tolerated by tag",
                job.evidence.missing
            ),
        ),
        None => (
            Outcome::AlreadyCurrent,
            reason("nothing was missing: the image is current"),
        ),
    }
}
