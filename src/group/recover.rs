//! The launch that a driver had begun whose memory is lost, as far as the record and a look at the group tell.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::effect::Role;
use super::job::Job;
use super::launch::{Launch, course, one_more};
use super::processes::SCHEDULE;
use super::seen::{GroupSeen, InstanceSeen, Seen};
use crate::ids::InstanceId;
use crate::schedule::Capacity;

/// The launch of which the group shows traces; `at` is AWS's time.
///
/// The group before it is the recorded one, as its schedule has changed it since. Until the group's instances
/// are seen nothing can be said: `Err`.
pub(super) fn recovered(
    job: &Job,
    seen: &Seen,
    group: &GroupSeen,
    role: Role,
    at: DateTime<Utc>,
) -> Result<Option<Launch>, Unseen> {
    let instances = seen.instances.present().ok_or(Unseen)?;
    let record = &job.record;
    let suspends: BTreeSet<String> = record
        .guarded
        .intersection(&group.suspended)
        .cloned()
        .collect();
    // Actions that the owner had suspended would not have run without us either.
    let course = if record.suspended.contains(SCHEDULE) {
        vec![record.capacity]
    } else {
        course(record.capacity, &record.actions, &[], job.recorded_at, at)
    };
    let present = course.last().copied().unwrap_or(record.capacity);
    let raised = raised(job, group, instances, &course);
    let opened = |before: &&Capacity| {
        let more = before.desired.saturating_add(1);
        group.capacity.max == more && more > before.max && more != present.max
    };
    let opened = course.iter().rev().find(opened).copied();
    let names_ours = names_ours(job, group);
    let was_there = |id: &&InstanceId| job.was_there(id, instances.get(*id)) == Some(true);
    let there = group.members.keys().filter(was_there).cloned().collect();
    if suspends.is_empty() && raised.is_none() && opened.is_none() && !names_ours {
        return Ok(None);
    }
    let max = opened.map_or(group.capacity.max, |before| before.max);
    let before = raised.map(|desired| Capacity {
        min: group.capacity.min,
        max,
        desired,
    });
    let before = before.or(opened);
    Ok(Some(Launch {
        role,
        since: job.recorded_at,
        capacity: before.unwrap_or(present),
        members: there,
        suspends,
        has_suspended: true,
        asked: before.map(one_more),
        wish: None,
        is_recovered: true,
    }))
}

/// The group's instances are not seen yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unseen;

/// The desired capacity before it was raised for an instance of ours, if it was.
fn raised(
    job: &Job,
    group: &GroupSeen,
    instances: &BTreeMap<InstanceId, InstanceSeen>,
    course: &[Capacity],
) -> Option<i32> {
    let desired = group.capacity.desired;
    let counted = || group.members.iter().filter(|(_, m)| m.counted());
    let is_tagged = |id: &InstanceId| {
        let instance = instances.get(id);
        instance.is_some_and(|i| i.run.as_ref() == Some(&job.record.run_id))
    };
    if counted().any(|(id, _)| is_tagged(id)) {
        return Some(desired.saturating_sub(1));
    }
    if course
        .last()
        .is_some_and(|present| present.desired == desired)
    {
        return None;
    }
    // One more than the schedule wants, and an instance that was not there before, or none yet.
    let is_new = counted().any(|(id, _)| job.was_there(id, instances.get(id)) == Some(false));
    let is_awaited = group.counted() < desired;
    let mut before = course.iter().rev().map(|c| c.desired);
    let of_course = before.find(|before| before.saturating_add(1) == desired);
    if let Some(before) = of_course.filter(|_| is_new || is_awaited) {
        return Some(before);
    }
    // With memory of the version, an instance of it says that the group was asked for one more.
    let by_version = job.forward.is_some()
        && !job.was_promoted()
        && (names_ours(job, group) || counted().any(|(_, m)| job.made.is_of_new_version(m)));
    by_version.then(|| desired.saturating_sub(1))
}

/// Whether the group names a version of ours, by number, that is not promoted.
fn names_ours(job: &Job, group: &GroupSeen) -> bool {
    job.forward.is_some() && !job.was_promoted() && job.made.names_new_version(&group.pins)
}
