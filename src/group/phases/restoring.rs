//! Restoring: done when capacity, processes and protections are as they must be and have been read back, and
//! our instances are gone; the record is deleted last.
//!
//! Every value has three readings: recorded, set by us, found now. A value that is neither recorded nor
//! ours was changed by someone else during the run, and stands.

use std::collections::{BTreeMap, BTreeSet};

use super::super::decision::{Context, Decided, Decision};
use super::super::effect::{Effect, Role};
use super::super::fault::Read;
use super::super::job::{Deployment, Job, Lapse};
use super::super::ledger::Key;
use super::super::measured::Measured;
use super::super::seen::{Ec2State, GroupSeen, InstanceSeen};
use super::super::{Code, Outcome, limits};
use super::launch;
use crate::ids::{InstanceId, names};
use crate::schedule::{Capacity, ScheduledAction, missed};

/// The process that is resumed last.
const SCHEDULE: &str = "ScheduledActions";

pub(super) fn decide(cx: &Context<'_>) -> Decided {
    let group = match &cx.seen.group {
        // The record is not deleted because of one look at which the group was not listed.
        Read::Absent if cx.lasts(Lapse::GroupAbsent) < limits::SETTLE => {
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

/// A group that is not listed may be listed at the next look; the steps that follow cannot be undone.
pub(super) fn look_again(cx: &Context<'_>) -> Decision {
    cx.wait(
        limits::SETTLE - cx.lasts(Lapse::GroupAbsent),
        "the group is not listed; looking once more",
    )
}

/// Removes our instances and sets capacity and processes; `Ok` once all of it was read back.
pub(super) fn restore_group(cx: &Context<'_>, group: &GroupSeen) -> Result<(), Decision> {
    let instances = cx.instances()?;
    if !is_restored(cx, group) {
        let target = target(cx, group)?;
        let has_spare = group.capacity.desired == cx.record().wake_capacity().desired
            && group.capacity.desired != target.desired;
        let ours = ours(cx, group, instances, has_spare);
        if ours.is_empty() && has_spare {
            wait_for_unseen(cx, group, instances)?;
        }
        terminate(cx, group, &ours)?;
        unprotect(cx, group, instances)?;
        set_capacity(cx, group, target)?;
        resume(cx, group)?;
    }
    wait_until_gone(cx, instances)
}

/// Whether the group has had its own schedule back for a while: its changes are its own now, though the job
/// may still have to remove something.
///
/// A job without memory of it goes by the resumed processes: they are resumed last, after our instances are
/// gone and the capacity was read back.
fn is_restored(cx: &Context<'_>, group: &GroupSeen) -> bool {
    let guarded = &cx.record().guarded;
    let done_at = if guarded.contains(SCHEDULE) {
        cx.job.ledger.done_at(&Key::Resume(vec![SCHEDULE.into()]))
    } else {
        cx.job.resumed_processes_at()
    };
    if cx.job.has_full_memory() || done_at.is_some() {
        return done_at.is_some_and(|at| cx.since(at) > limits::LAUNCH_SHOWS_LIMIT);
    }
    let is_there = |id: &InstanceId| group.members.get(id).is_some_and(|m| !m.leaving());
    !guarded.is_empty()
        && guarded.is_disjoint(&group.suspended)
        && !cx.job.made.instances.values().any(is_there)
}

/// Our instances that are still in the group: the tagged ones, and one that was launched for us and could not
/// be tagged yet.
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
    // Only we asked for an instance of a version that does not stand.
    let versions = super::versioning::versions(cx);
    let is_unproved = |c: &launch::Candidate<'_>| {
        let version = c.member.version.as_ref();
        let is_ours = version.is_some_and(|(t, n)| versions.get(t) == Some(n));
        !cx.job.was_promoted() && is_ours
    };
    let unproved = untagged
        .clone()
        .filter(|c| is_untagged(c) && is_unproved(c));
    ours.extend(unproved.map(|c| c.id.clone()));
    // Only we asked for one instance more than recorded, unless the schedule wants it by now.
    if ours.is_empty() && has_spare {
        let newest = untagged.rfind(is_untagged);
        ours.extend(newest.map(|c| c.id.clone()));
    }
    ours.dedup();
    ours
}

/// An instance that was launched for us and stays, because the schedule wants one more by now, loses its
/// protection.
fn unprotect(
    cx: &Context<'_>,
    group: &GroupSeen,
    instances: &BTreeMap<InstanceId, InstanceSeen>,
) -> Result<(), Decision> {
    let is_protected = |id: &InstanceId| {
        let member = group.members.get(id);
        member.is_some_and(|m| m.protected && !m.leaving())
    };
    let by_us = cx
        .job
        .ledger
        .of_kind(|k| matches!(k, Key::Protect(_, true)));
    let by_us = by_us.filter(|(_, t)| t.done_at.is_some());
    let protected_by_us = by_us
        .filter_map(|(key, _)| match key {
            Key::Protect(id, true) => Some(id),
            _ => None,
        })
        .find(|id| is_protected(id));
    let is_tagged = |id: &InstanceId| {
        let instance = instances.get(id);
        instance.is_some_and(|i| i.run.as_ref() == Some(&cx.record().run_id))
    };
    let tagged = || {
        group
            .members
            .keys()
            .find(|id| is_tagged(id) && is_protected(id))
    };
    match protected_by_us.or_else(tagged) {
        Some(instance) => Err(cx.act(
            Effect::Protect {
                instance: instance.clone(),
                on: false,
            },
            limits::COMMAND_SHOWS_PAUSE,
            "removing the protection of the instance that stays",
        )),
        None => Ok(()),
    }
}

/// While the desired capacity counts an instance of ours that cannot be told from the group's own yet,
/// lowering it would let AWS choose among those.
fn wait_for_unseen(
    cx: &Context<'_>,
    group: &GroupSeen,
    instances: &BTreeMap<InstanceId, InstanceSeen>,
) -> Result<(), Decision> {
    if cx.record().capacity.desired == 0 {
        return Ok(());
    }
    let launches = |k: &Key| matches!(k, Key::SetCapacity(_) | Key::Terminate(_));
    let asked_at = cx.job.ledger.last_done(launches);
    let asked_within = |limit| asked_at.is_some_and(|at| cx.since(at) < limit);
    let unknown = group
        .members
        .iter()
        .find(|(id, m)| !m.leaving() && !instances.contains_key(*id));
    match unknown {
        Some((id, _)) if asked_within(limits::VISIBILITY_LIMIT) => Err(cx.wait(
            limits::CHANGE_SHOWS_PAUSE,
            format!("waiting until EC2 shows {id}"),
        )),
        None if asked_within(limits::LAUNCH_SHOWS_LIMIT) => Err(cx.wait(
            limits::CHANGE_SHOWS_PAUSE,
            "waiting until the instance that was asked for appears",
        )),
        Some(_) | None => Ok(()),
    }
}

/// By id: AWS must not choose among the group's own instances.
fn terminate(cx: &Context<'_>, group: &GroupSeen, ours: &[InstanceId]) -> Result<(), Decision> {
    let wake = cx.record().wake_capacity();
    // While the desired capacity is ours it counts our instance; another's stands as it is.
    let mut spare = group.capacity.desired == wake.desired;
    let is_due = |effect: &Effect| {
        let done_at = cx.job.done_at(effect);
        done_at.is_none_or(|at| cx.since(at) > limits::TERMINATE_AGAIN_AFTER)
    };
    let effects: Vec<Effect> = ours
        .iter()
        .map(|instance| Effect::Terminate {
            instance: instance.clone(),
            decrement: std::mem::take(&mut spare) && group.capacity.desired > group.capacity.min,
        })
        .filter(is_due)
        .collect();
    if effects.is_empty() {
        return Ok(());
    }
    Err(Decision::Act {
        effects,
        reason: format!("terminating {}", names(ours)),
        look_after: limits::CHANGE_SHOWS_PAUSE,
    })
}

/// The capacity that the group must have now: the recorded one, overlaid by the scheduled actions that fell
/// due while they were suspended.
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
    // Actions that the owner had suspended would not have run without us either.
    let course = if record.suspended.contains(SCHEDULE) {
        vec![record.capacity]
    } else {
        missed::course(record.capacity, actions, record.written_at, cx.now)
    };
    let target = course.last().copied().unwrap_or(record.capacity);
    let found = group.capacity;
    // An earlier one of the course may have been restored before the next action fell due.
    let asked = cx.job.may_have_tried(|k| matches!(k, Key::SetCapacity(_)));
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

fn set_capacity(cx: &Context<'_>, group: &GroupSeen, target: Capacity) -> Result<(), Decision> {
    if group.capacity == target {
        return Ok(());
    }
    let effect = Effect::SetCapacity(target);
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

/// Resumes only what we suspended, ScheduledActions last: actions that fall due then run by themselves again.
fn resume(cx: &Context<'_>, group: &GroupSeen) -> Result<(), Decision> {
    if !cx.job.may_have_tried(|k| *k == Key::Suspend) {
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
    Err(cx.act(Effect::Resume(processes), limits::NO_PAUSE, reason))
}

fn wait_until_gone(
    cx: &Context<'_>,
    instances: &BTreeMap<InstanceId, InstanceSeen>,
) -> Result<(), Decision> {
    let is_there = |id: &&InstanceId| {
        instances
            .get(*id)
            .is_some_and(|i| i.state != Ec2State::Gone)
    };
    let Some(id) = cx.job.made.instances.values().find(is_there) else {
        return Ok(());
    };
    let terminated_at = cx.job.ledger.done_at(&Key::Terminate(id.clone()));
    Err(cx.look(
        terminated_at.unwrap_or(cx.job.entered_at()),
        limits::TERMINATE_FIRST_LOOK,
        format!("waiting until {id} is gone"),
    ))
}

/// The record goes last; with it gone the job is done.
fn close(cx: &Context<'_>) -> Decision {
    if cx.job.is_recorded() && cx.job.ledger.done_at(&Key::DeleteRecord).is_none() {
        return Decision::Act {
            effects: measure(cx.job)
                .into_iter()
                .chain([Effect::DeleteRecord])
                .collect(),
            reason: "restored; deleting the record".into(),
            look_after: limits::NO_PAUSE,
        };
    }
    let (outcome, reason) = ending(cx.job);
    Decision::Finish { outcome, reason }
}

/// Writes how long the phases took to the image that they made and proved, for the next run's plan; tried once.
fn measure(job: &Job) -> Option<Effect> {
    let made_it = job.forward.as_ref().is_some_and(|f| f.bakes) && job.was_promoted();
    let image = job.made.image.clone().filter(|_| made_it)?;
    let effect = Effect::TagImage {
        image,
        seconds: Measured::of(&job.history).to_text(),
    };
    job.ledger.get(&effect.key()).is_none().then_some(effect)
}

/// Whether anything but the record was written for the group.
fn was_touched(job: &Job) -> bool {
    let more = |k: &Key| !matches!(k, Key::StoreRecord | Key::DeleteRecord);
    job.resumed_at.is_some() || job.ledger.has_tried(more)
}

/// How a job ends once its group is restored.
pub(in super::super) fn ending(job: &Job) -> (Outcome, String) {
    if let Some(f) = &job.failure {
        let untouched = f.code == Code::PatchesMissing || !was_touched(job);
        let outcome = if untouched {
            Outcome::Skipped
        } else {
            Outcome::RolledBack
        };
        return (outcome, f.reason.clone());
    }
    let Some(forward) = &job.forward else {
        return (
            Outcome::RolledBack,
            Code::RestoredFromRecord.title().to_owned(),
        );
    };
    match job.deployment {
        Deployment::Displaced => (Outcome::RolledBack, Code::Superseded.title().to_owned()),
        Deployment::Promoted => {
            let reason = if forward.options.canary {
                "a new instance proved the new version; restored"
            } else {
                "restored; no new instance has proved the new version (canary off by tag)"
            };
            (Outcome::Patched, reason.to_owned())
        }
        Deployment::None | Deployment::AlreadyCurrent => {
            let reason = match job.evidence.missing {
                0 => "nothing was missing: the image is current".to_owned(),
                n => format!("nothing was installed; {n} missing patches are tolerated by tag"),
            };
            (Outcome::AlreadyCurrent, reason)
        }
    }
}
