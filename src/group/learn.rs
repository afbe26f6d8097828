//! Learning: a look and the other jobs of the bake go into the job's memory. Pure.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::automation::{End, Execution, Standing};
use super::bake::{Bake, SharedImage};
use super::effect::{CommandStep, Role};
use super::fault::Read;
use super::job::{Deployment, Job, Lapse, Ownership};
use super::launch::{Launch, LaunchState};
use super::ledger::Key;
use super::made::Hooks;
use super::outcome::Implication;
use super::pin::{Pin, Style};
use super::recover::{Unseen, recovered};
use super::seen::{CommandStatus, Ec2State, GroupSeen, MemberSeen, RecordSeen, Seen};
use super::{Code, Failure, Phase, console, limits, names, phases};
use crate::ids::InstanceId;

/// Takes a look into the job's memory.
pub fn learn(job: &mut Job, seen: &Seen, now: DateTime<Utc>) {
    job.seen(Lapse::ReadFailed, seen.is_blind(), now);
    match &seen.group {
        Read::Present(_) => job.seen(Lapse::GroupAbsent, false, now),
        Read::Absent => job.seen(Lapse::GroupAbsent, true, now),
        Read::Failed(_) | Read::Unread => {}
    }
    match &seen.image {
        Read::Present(_) => job.seen(Lapse::ImageAbsent, false, now),
        Read::Absent => job.seen(Lapse::ImageAbsent, true, now),
        Read::Failed(_) | Read::Unread => {}
    }
    learn_clock(job, seen);
    learn_stored(job, &seen.record);
    learn_instances(job, seen, now);
    learn_agents(job, seen);
    learn_hooks(job, seen);
    learn_launch(job, seen, now);
    learn_commands(job, seen);
    learn_automations(job, seen);
    learn_versions(job, seen);
    learn_pins(job, &seen.group);
    if seen.group.present().is_some() && seen.instances.present().is_some() {
        job.group_seen_at = Some(now);
    }
    if let Read::Present(group) = &seen.group {
        learn_deployment(job, group);
        learn_alteration(job, group, now);
        job.seen(Lapse::Crowded, is_crowded(job, group), now);
    }
    learn_record(job, &seen.record, now);
    learn_end(job, &seen.group);
    console::learn(job, seen);
    phases::learn(job, seen);
}

fn learn_instances(job: &mut Job, seen: &Seen, now: DateTime<Utc>) {
    let Some(instances) = seen.instances.present() else {
        return;
    };
    for (id, instance) in instances {
        let ours = instance.run.as_ref() == Some(&job.record.run_id);
        match instance.role.as_deref() {
            Some("build") if ours => _ = job.made.instances.insert(Role::Build, id.clone()),
            Some("canary") if ours => _ = job.made.instances.insert(Role::Canary, id.clone()),
            _ => {}
        }
    }
    let ours: Vec<InstanceId> = job.made.instances.values().cloned().collect();
    for id in ours {
        let instance = instances.get(&id);
        let is_gone = instance.is_none_or(|i| i.state == Ec2State::Gone);
        if let Some(kind) = instance.and_then(|i| i.instance_type.clone()) {
            job.made.types.insert(id.clone(), kind);
        }
        if let Some(platform) = instance.and_then(|i| i.platform.clone()) {
            job.made.platform = Some(platform);
        }
        if let Some(launched_at) = instance.map(|i| i.launched_at) {
            let lifetime = (launched_at, None);
            job.made.lifetimes.entry(id.clone()).or_insert(lifetime);
        }
        if let Some((_, end @ None)) = job.made.lifetimes.get_mut(&id)
            && is_gone
        {
            *end = Some(now);
        }
    }
}

/// An agent that was heard since its instance was launched has booted from our launch.
fn learn_agents(job: &mut Job, seen: &Seen) {
    let Some(agents) = seen.agents.present() else {
        return;
    };
    for (id, (launched_at, _)) in &job.made.lifetimes {
        let agent = agents.get(id).filter(|a| a.online);
        if agent.is_some_and(|a| a.last_ping.is_some_and(|ping| ping > *launched_at)) {
            job.made.online.insert(id.clone());
        }
    }
}

/// Commands of ours whose ids are not known are recognised by their comment.
fn learn_commands(job: &mut Job, seen: &Seen) {
    let Some(commands) = seen.commands.present() else {
        return;
    };
    let instances: BTreeSet<&InstanceId> = job.made.instances.values().collect();
    // Newest first: a step that was sent twice counts by its last command.
    for command in commands.iter().rev() {
        let step = names::command_step(&job.record.run_id, &command.comment);
        if let Some(step) = step.filter(|_| instances.contains(&command.instance)) {
            let id = command.id.clone();
            job.made.commands.entry(step).or_insert(id);
        }
        let is_it = |(_, id): &(&CommandStep, &String)| **id == command.id;
        let Some((step, _)) = job.made.commands.iter().find(is_it) else {
            continue;
        };
        job.made.requested.insert(*step, command.requested_at);
        match command.status {
            CommandStatus::Success => _ = job.made.ended.insert(*step),
            CommandStatus::Running => {}
            CommandStatus::Undelivered
            | CommandStatus::Failed
            | CommandStatus::TimedOut
            | CommandStatus::Cancelled => _ = job.made.failed.insert(*step),
        }
    }
}

/// Executions of the owner's runbooks, and how they end.
fn learn_automations(job: &mut Job, seen: &Seen) {
    for (moment, found) in seen.automations.present().into_iter().flatten() {
        let known = job.made.automations.entry(*moment);
        let execution = known.or_insert_with(|| Execution {
            id: found.id.clone(),
            end: None,
        });
        let standing = Standing::of(&found.status);
        if execution.id != found.id || execution.end.is_some() || standing == Standing::Open {
            continue;
        }
        let words = match found.message.as_str() {
            "" => found.status.clone(),
            message => format!("{}: {message}", found.status),
        };
        let is_good = standing == Standing::Good;
        execution.end = Some(End { is_good, words });
    }
}

/// Versions with our description. That is enough to undo them; before one is promoted, AWS is asked for its number once more,
/// with the token that it was made with.
fn learn_versions(job: &mut Job, seen: &Seen) {
    let ours = names::version_description(&job.record.run_id, &job.record.bake_key);
    for (template, versions) in seen.versions.present().into_iter().flatten() {
        let answered = job.made.versions.get(template).copied();
        let described = versions.iter().filter(|v| v.description == ours);
        let unanswered = described.map(|v| v.number).filter(|n| Some(*n) != answered);
        for number in unanswered {
            let known = job.made.described.entry(template.clone()).or_default();
            known.insert(number);
        }
    }
}

/// Whether the group names a version of ours by its number.
fn learn_pins(job: &mut Job, group: &Read<GroupSeen>) {
    match group {
        Read::Present(group) => {
            job.names_ours = !group.deleting && job.made.names_new_version(&group.pins);
        }
        // A group that is gone holds up no one.
        Read::Absent => job.names_ours = false,
        Read::Failed(_) | Read::Unread => {}
    }
}

/// The launch under way: begun with the first look of its phase, ended when the group is read back as its owner
/// wants it.
fn learn_launch(job: &mut Job, seen: &Seen, now: DateTime<Utc>) {
    let Read::Present(group) = &seen.group else {
        return;
    };
    let at = now.checked_add_signed(job.clock_offset).unwrap_or(now);
    let role = job.phase.launch_role();
    if job.launch == LaunchState::Unknown {
        match recovered(job, seen, group, phases::role_at_work(job), at) {
            Err(Unseen) => return,
            Ok(None) => job.launch = LaunchState::None,
            Ok(Some(launch)) => {
                job.launch = LaunchState::Open(Box::new(launch));
                job.altered.begin(now);
            }
        }
    }
    // What a launch suspends depends on the hooks, where an action is due.
    let lacks_hooks = phases::needs_hooks(job, now);
    match (&mut job.launch, role) {
        (LaunchState::Open(launch), _) if !launch.is_untouched() => {
            learn_others_will(launch, group, job.made.instances.get(&launch.role));
        }
        (_, Some(role)) if job.phase.launches() && !lacks_hooks => {
            let limit = phases::launch_limit(job);
            let launch = Launch::begin(&job.record, group, role, at, limit);
            job.made.foreign.extend(launch.members.iter().cloned());
            job.launch = LaunchState::Open(Box::new(launch));
        }
        _ => {}
    }
    learn_late_suspension(job, group, now);
    if phases::gives_back(job.phase) && phases::is_back(job, seen, group, at) {
        job.launch = LaunchState::None;
    }
}

/// A driver that took the job over and saw nothing suspended at first may see it later: the driver before suspended
/// them.
fn learn_late_suspension(job: &mut Job, group: &GroupSeen, now: DateTime<Utc>) {
    let is_recent = |at: DateTime<Utc>| now - at < limits::VISIBILITY_LIMIT;
    if !job.resumed_at.is_some_and(is_recent) {
        return;
    }
    let late: BTreeSet<String> = job
        .record
        .guarded
        .intersection(&group.suspended)
        .cloned()
        .collect();
    if let LaunchState::Open(launch) = &mut job.launch
        && !late.is_empty()
        && !launch.has_suspended
    {
        launch.suspends.extend(late);
        launch.has_suspended = true;
        job.altered.begin(now);
    }
}

/// An instance of ours that waits for a launch hook, and how long it may.
fn learn_hooks(job: &mut Job, seen: &Seen) {
    let ours = job.made.instances.values();
    let members = seen.group.present().map(|group| &group.members);
    let mut members = ours.filter_map(|id| members?.get(id));
    if job.evidence.hooks == Hooks::Unseen && members.any(MemberSeen::waits_for_hook) {
        job.evidence.hooks = Hooks::Wait;
    }
    if let Some(time_outs) = seen.hooks.present() {
        job.evidence.hooks = Hooks::Seconds(time_outs.num_seconds());
    }
}

/// Until the capacity is asked for, the group before the launch is the one that was seen last; afterwards, a
/// desired capacity that is neither as it was nor as we set it is another's, and may count our instance.
fn learn_others_will(launch: &mut Launch, group: &GroupSeen, ours: Option<&InstanceId>) {
    let Some(asked) = launch.asked else {
        launch.capacity = group.capacity;
        launch.members = group.members.keys().cloned().collect();
        return;
    };
    let is_counted = ours.is_none_or(|id| group.members.get(id).is_some_and(|m| m.counted()));
    let desired = group.capacity.desired;
    if is_counted && desired != asked.desired && desired != launch.capacity.desired {
        launch.wish = Some(desired);
    }
}

/// The group names its versions as its owner does and no launch is under way: it is not altered any more.
fn learn_alteration(job: &mut Job, group: &GroupSeen, now: DateTime<Utc>) {
    if job.launch == LaunchState::None && group.pins == job.record.pins {
        job.altered.end(now);
    }
}

/// The pins that were promoted name something else: someone restored or deployed before the group was
/// restored. Only a number shows it; a deployed `$Latest` or `$Default` is left alone by `restore`.
fn learn_deployment(job: &mut Job, group: &GroupSeen) {
    if !job.was_promoted() {
        return;
    }
    let is_ours = |pin: &Pin| {
        let ours = job.made.versions.get(&pin.template);
        pin.style() != Style::Number || ours.is_none_or(|n| pin.version == n.to_string())
    };
    job.deployment = if group.pins.iter().all(is_ours) {
        Deployment::Promoted
    } else {
        Deployment::Displaced
    };
}

/// AWS's clock, by which the schedule goes: by the answers' headers, else by the time at which AWS stored the
/// record.
fn learn_clock(job: &mut Job, seen: &Seen) {
    if let Some(offset) = seen.clock_offset {
        job.clock_offset = offset;
    }
    if let Read::Present(RecordSeen::Readable(stored)) = &seen.record
        && stored.record.is_same_record(&job.record)
        && let Some(at) = stored.stored_at
    {
        job.recorded_at = at;
        let done_at = job.ledger.done_at(&Key::StoreRecord);
        if let (None, Some(done_at)) = (seen.clock_offset, done_at) {
            job.clock_offset = at - done_at;
        }
    }
}

/// Whether an instance of ours on Standby may be what keeps the group from as many instances as it wants: whether
/// Standby counts against the maximum is not documented.
fn is_crowded(job: &Job, group: &GroupSeen) -> bool {
    let on_standby = group.on_standby();
    let ours = job.made.instances.values();
    let borrows = ours
        .filter_map(|id| group.members.get(id))
        .any(|m| m.on_standby());
    let desired = group.capacity.desired;
    borrows && group.counted() < desired && desired.saturating_add(on_standby) > group.capacity.max
}

/// The stored record is the truth: it was written before the first change, and lists the members by which an instance of ours
/// is known. So it is taken over before the look is asked for a launch that the driver before has begun.
fn learn_stored(job: &mut Job, record: &Read<RecordSeen>) {
    if let Read::Present(RecordSeen::Readable(stored)) = record
        && stored.is_same_record(&job.record)
        && matches!(job.phase, Phase::Queued | Phase::Recording)
    {
        job.record = (**stored).clone();
    }
}

fn learn_record(job: &mut Job, record: &Read<RecordSeen>, now: DateTime<Utc>) {
    match record {
        Read::Present(RecordSeen::Readable(stored)) if stored.is_same_record(&job.record) => {
            job.record_seen_at = Some(now);
            if !job.is_recorded() {
                job.ownership = Ownership::Held;
            }
        }
        Read::Present(_) => job.ownership = Ownership::None,
        // The one who deleted it had restored the group.
        Read::Absent if job.resumed_at.is_some() && job.must_restore() => {
            job.ownership = Ownership::None;
        }
        // What the other took back looks like a failure of its own.
        Read::Absent if job.is_recorded() && job.ledger.done_at(&Key::DeleteRecord).is_none() => {
            explain(job, Implication::AfterRestore, Code::RestoredMeanwhile);
        }
        Read::Absent | Read::Failed(_) | Read::Unread => {}
    }
}

/// The group's end, and its capacity until then.
fn learn_end(job: &mut Job, group: &Read<GroupSeen>) {
    match group {
        Read::Absent => {
            job.capacity_after = None;
            explain(job, Implication::AfterDeletion, Code::Vanished);
        }
        Read::Present(group) if group.deleting => {
            job.capacity_after = None;
            explain(job, Implication::AfterDeletion, Code::DeletionBegan);
        }
        Read::Present(group) => job.capacity_after = Some(group.capacity),
        Read::Failed(_) | Read::Unread => {}
    }
}

/// A failure that is the consequence of something else has that as its better reason.
fn explain(job: &mut Job, consequence: Implication, cause: Code) {
    if let Some(failure) = job.failure.as_mut().filter(|f| f.code.has(consequence)) {
        *failure = Failure::plain(cause);
    }
}

/// Takes over the image and the versions that the bake has made. A job on its way back must know of the
/// versions too: a group that names `$Latest` again while one is there has deployed it.
pub fn learn_bake(job: &mut Job, bake: &Bake) {
    if job.phase < Phase::Versioning || job.phase > Phase::RollingBack {
        return;
    }
    if let (SharedImage::Ready(image), false) = (&bake.image, job.must_restore()) {
        job.made.image.get_or_insert_with(|| image.clone());
    }
    for (template, version) in &bake.versions {
        if job.record.templates.contains_key(template) {
            let known = job.made.versions.entry(template.clone());
            known.or_insert(*version);
        }
    }
}
