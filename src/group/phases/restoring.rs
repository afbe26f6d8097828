//! Restoring: done when the group is read back as its owner wants it and our instances are on their way out; the
//! record is deleted last.

use std::collections::{BTreeMap, BTreeSet};

use super::super::decision::{Context, Decided, Decision};
use super::super::effect::{Effect, Role};
use super::super::fault::Read;
use super::super::job::{Deployment, Job, Lapse};
use super::super::launch::{Launch, LaunchState};
use super::super::ledger::Key;
use super::super::measured::Measured;
use super::super::options::Options;
use super::super::seen::{GroupSeen, InstanceSeen, MemberSeen, Need, RecordSeen};
use super::super::{Code, Outcome, limits};
use super::{launch, targets};
use crate::ids::{InstanceId, names};
use crate::schedule::Capacity;

pub(super) fn needs(job: &Job) -> BTreeSet<Need> {
    if is_record_deleted(job) {
        return BTreeSet::new();
    }
    let mut needs = BTreeSet::from([Need::Group]);
    if job.launch != LaunchState::None {
        needs.extend([Need::Instances, Need::Actions]);
    }
    if targets::may_be_registered(job) {
        needs.insert(Need::Targets);
    }
    needs
}

fn is_record_deleted(job: &Job) -> bool {
    job.ledger.done_at(&Key::DeleteRecord).is_some()
}

pub(super) fn decide(cx: &Context<'_>) -> Decided {
    if is_record_deleted(cx.job) {
        return Ok(close(cx));
    }
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
    targets::withdraw(cx)?;
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

/// Ends the launch under way, gives the group back and removes our instances; `Ok` once all of it was read back.
pub(super) fn restore_group(cx: &Context<'_>, group: &GroupSeen) -> Result<(), Decision> {
    give_back(cx, group)?;
    let ours = left(cx, group);
    if ours.is_empty() {
        return Ok(());
    }
    targets::drained(cx, group)?;
    // The group counts it only if the owner has taken it out of Standby.
    let terminations = ours.into_iter().map(|(id, member)| Termination {
        id,
        decrement: member.counted() && group.capacity.desired > group.capacity.min,
    });
    terminate(cx, terminations.collect())
}

/// An instance of ours to be terminated.
struct Termination<'a> {
    id: &'a InstanceId,
    /// Whether the desired capacity falls by it.
    decrement: bool,
}

/// Ends a launch under way; `Ok` once the group is read back as its owner wants it.
fn give_back(cx: &Context<'_>, group: &GroupSeen) -> Result<(), Decision> {
    match &cx.job.launch {
        LaunchState::None => Ok(()),
        LaunchState::Unknown => {
            cx.instances()?;
            Err(cx.wait(limits::NO_PAUSE, "the group must be looked at again"))
        }
        LaunchState::Open(launch) => end(cx, launch, group),
    }
}

fn end(cx: &Context<'_>, launch: &Launch, group: &GroupSeen) -> Result<(), Decision> {
    let instances = cx.instances()?;
    match out_of_the_way(cx, launch, group, instances)? {
        Some(termination) => terminate(cx, vec![termination])?,
        None => wait_for_unseen(cx, launch, group, instances)?,
    }
    launch::give_back(cx, launch, group)?;
    Err(cx.wait(
        limits::CHANGE_SHOWS_PAUSE,
        "waiting until the group is shown as its owner wants it",
    ))
}

/// The instance of the launch, if the group still counts it. By id: AWS must not choose among the group's own
/// instances.
fn out_of_the_way<'a>(
    cx: &Context<'a>,
    launch: &Launch,
    group: &'a GroupSeen,
    instances: &'a BTreeMap<InstanceId, InstanceSeen>,
) -> Result<Option<Termination<'a>>, Decision> {
    let member = |id: &'a InstanceId| Some((id, group.members.get(id)?));
    let known = cx.job.instance(launch.role).and_then(member);
    let target = launch::target(cx.job, launch, cx.seen, group, cx.account_now());
    let found = known.or_else(|| {
        let found = launch::uncounted(cx.job, launch, group, instances, target?)?;
        Some((found.id, found.member)).filter(|_| cx.job.instance(launch.role).is_none())
    });
    let Some((id, member)) = found.filter(|(_, m)| !m.leaving() && !m.on_standby()) else {
        return Ok(None);
    };
    if member.entering_standby() {
        let reason = format!("waiting until {id} is on Standby");
        return Err(cx.wait(limits::CHANGE_SHOWS_PAUSE, reason));
    }
    // While the desired capacity is ours it counts our instance; another's stands as it is.
    let wanted = target.map_or(launch.capacity.desired, |target| target.desired);
    let is_ours = launch.wish.is_none() && group.capacity.desired > wanted;
    // Nor does it once it was lowered, whatever a late read shows.
    let is_ours = is_ours && !target.is_some_and(|target| is_lowered(cx.job, target));
    Ok(Some(Termination {
        id,
        decrement: is_ours && group.capacity.desired > group.capacity.min,
    }))
}

/// Whether the group's capacity was set to this one, and to nothing else since.
fn is_lowered(job: &Job, target: Capacity) -> bool {
    let lowers = Effect::Update {
        capacity: Some(target),
        pins: None,
    };
    let done_at = job.done_at(&lowers);
    done_at.is_some() && done_at >= job.ledger.last_tried(super::is_resize)
}

/// While the desired capacity counts an instance of ours that does not show yet, lowering it would let AWS
/// choose among the group's own.
fn wait_for_unseen(
    cx: &Context<'_>,
    launch: &Launch,
    group: &GroupSeen,
    instances: &BTreeMap<InstanceId, InstanceSeen>,
) -> Result<(), Decision> {
    let is_asked = launch
        .asked
        .is_some_and(|a| a.desired == group.capacity.desired);
    let is_known = cx.job.instance(launch.role).is_some();
    if !is_asked || is_known {
        return Ok(());
    }
    let asked_at = launch::asked_at(cx.job)
        .or(cx.job.resumed_at)
        .unwrap_or(cx.job.entered_at());
    let is_new = |id: &&InstanceId| {
        !launch.members.contains(*id) && group.members.get(*id).is_some_and(MemberSeen::counted)
    };
    if let Some(id) = group
        .members
        .keys()
        .filter(is_new)
        .find(|id| !instances.contains_key(*id))
    {
        return Err(cx.wait(
            limits::CHANGE_SHOWS_PAUSE,
            format!("waiting until EC2 shows {id}"),
        ));
    }
    if cx.since(asked_at) < limits::LAUNCH_SHOWS_LIMIT {
        return Err(cx.wait(
            limits::CHANGE_SHOWS_PAUSE,
            "waiting until the instance that was asked for appears",
        ));
    }
    Ok(())
}

/// Our instances that are still in the group, on Standby or not.
fn left<'a>(cx: &Context<'a>, group: &'a GroupSeen) -> Vec<(&'a InstanceId, &'a MemberSeen)> {
    [Role::Build, Role::Canary]
        .into_iter()
        .filter_map(|role| group.members.get_key_value(cx.job.instance(role)?))
        .filter(|(_, member)| !member.leaving())
        .collect()
}

fn terminate(cx: &Context<'_>, terminations: Vec<Termination<'_>>) -> Result<(), Decision> {
    let ids: Vec<InstanceId> = terminations.iter().map(|t| t.id.clone()).collect();
    let effects: Vec<Effect> = terminations
        .into_iter()
        .map(|t| Effect::Terminate {
            instance: t.id.clone(),
            decrement: t.decrement,
        })
        .filter(|effect| {
            let done_at = cx.job.done_at(effect);
            done_at.is_none_or(|at| cx.since(at) > limits::TERMINATE_AGAIN_AFTER)
        })
        .collect();
    let named = names(&ids);
    if effects.is_empty() {
        let reason = format!("waiting until the group shows that {named} leaves");
        return Err(cx.wait(limits::CHANGE_SHOWS_PAUSE, reason));
    }
    Err(Decision::Act {
        effects,
        reason: format!("terminating {named}"),
        // A launch under way has ended only once its changes have had their time to show.
        look_after: match cx.job.open_launch() {
            Some(_) => limits::CHANGE_SHOWS_PAUSE,
            None => limits::RECORD_SHOWS_PAUSE,
        },
    })
}

/// The record goes last; with it gone the job is done.
fn close(cx: &Context<'_>) -> Decision {
    // A text that someone else put in its place is not ours to delete.
    let is_anothers = matches!(
        &cx.seen.record,
        Read::Present(RecordSeen::Unreadable { .. })
    );
    let is_stored = cx.job.is_recorded() && !is_anothers;
    if is_stored && !is_record_deleted(cx.job) {
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
        let outcome = if f.code == Code::PatchesMissing {
            Outcome::Scanned
        } else if was_touched(job) {
            Outcome::RolledBack
        } else {
            Outcome::Skipped
        };
        return (outcome, f.reason.clone());
    }
    let Some(forward) = &job.forward else {
        let title = Code::RestoredFromRecord.title();
        return match job.deployment {
            Deployment::Promoted => {
                let reason =
                    format!("{title}; its version had been proved and deployed, and stands");
                (Outcome::Patched, reason)
            }
            Deployment::None | Deployment::AlreadyCurrent | Deployment::Displaced => {
                (Outcome::RolledBack, title.to_owned())
            }
        };
    };
    match job.deployment {
        Deployment::Displaced => (Outcome::RolledBack, Code::Superseded.title().to_owned()),
        Deployment::Promoted => {
            let Options { canary, prove, .. } = &forward.options;
            let reason = if *canary {
                format!("a new instance proved the new version{prove}; restored")
            } else {
                "restored; no new instance has proved the new version (canary off by tag)".into()
            };
            (Outcome::Patched, reason)
        }
        Deployment::None | Deployment::AlreadyCurrent => {
            let reason = match job.evidence.counts().unwrap_or_default().missing {
                0 => "nothing was missing: the image is current".to_owned(),
                n => format!("nothing was installed; {n} missing patches are tolerated by tag"),
            };
            (Outcome::AlreadyCurrent, reason)
        }
    }
}
