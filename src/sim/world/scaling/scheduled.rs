//! Scheduled actions and the alarm: changes to a group's capacity that happen by themselves.

use chrono::{DateTime, TimeDelta, Utc};

use super::capacity::{self, CapacityChange};
use super::{activities, request_pass};
use crate::sim::beliefs::{Flip, LateActions, ScheduledDelay};
use crate::sim::wire::ApiError;
use crate::sim::world::World;
use crate::sim::world::events::WorldEvent;
use crate::sim::world::groups::ScheduledAction;
use crate::sim::world::iso;
use crate::sim::world::schedule::UnixCron;

/// An action that would run before one that was due earlier tries again after this.
const IN_ORDER: TimeDelta = TimeDelta::seconds(1);

/// Puts a scheduled action in place of one of the same name, and sets its next run, which comes after `after`.
pub(in crate::sim::world) fn put(
    world: &mut World,
    name: &str,
    mut action: ScheduledAction,
    after: DateTime<Utc>,
) -> Result<(), ApiError> {
    let invalid = |text: &str| Err(ApiError::new("ValidationError", text));
    world.group(name)?;
    if action.min.is_none() && action.max.is_none() && action.desired.is_none() {
        return invalid("At least one of MinSize, MaxSize or DesiredCapacity must be specified");
    }
    if let (Some(min), Some(desired)) = (action.min, action.desired)
        && desired < min
    {
        return invalid("Desired capacity must be greater than or equal to min size");
    }
    if let (Some(max), Some(desired)) = (action.max, action.desired)
        && desired > max
    {
        return invalid("Desired capacity must be less than or equal to max size");
    }
    if action.recurrence.is_none() && action.start.is_none() {
        return invalid("Either Recurrence or StartTime must be specified");
    }
    let cron = cron_of(&action).map_err(|e| ApiError::new("ValidationError", e))?;
    action.next_run = next_run(&action, cron.as_ref(), after);
    let due = action.next_run;
    let key = action.name.clone();
    world.group_mut(name)?.scheduled.insert(key.clone(), action);
    schedule(world, name, &key, due);
    Ok(())
}

fn cron_of(action: &ScheduledAction) -> Result<Option<UnixCron>, String> {
    let zone = action.time_zone.as_deref().unwrap_or("UTC");
    let text = action.recurrence.as_deref();
    text.map(|text| UnixCron::parse(text, zone)).transpose()
}

/// When an action runs next, strictly after `after`: at its start itself, then by its recurrence,
/// never at its end or later.
fn next_run(
    action: &ScheduledAction,
    cron: Option<&UnixCron>,
    after: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    if let Some(start) = action.start.filter(|start| *start > after) {
        return Some(start);
    }
    let next = cron?.next_after(after)?;
    action.end.is_none_or(|end| next < end).then_some(next)
}

fn schedule(world: &mut World, name: &str, action: &str, due: Option<DateTime<Utc>>) {
    if let Some(at) = due {
        let event = WorldEvent::ScheduledAction(name.to_owned(), action.to_owned(), at.timestamp());
        world.schedule(at, event);
    }
}

/// Deletes a scheduled action.
pub fn delete(world: &mut World, name: &str, action: &str) -> Result<(), ApiError> {
    match world.group_mut(name)?.scheduled.remove(action) {
        Some(_) => Ok(()),
        None => Err(ApiError::new(
            "ValidationError",
            format!("Scheduled action name not found - {action}"),
        )),
    }
}

/// A scheduled action is due; it may run later. While ScheduledActions is suspended the run is lost
/// for good.
pub(in crate::sim::world) fn due(world: &mut World, name: &str, key: &str, at: i64) {
    let longest = match world.beliefs.scheduled_delay {
        ScheduledDelay::None => return run_due(world, name, key, at, None),
        ScheduledDelay::Minute => 60_000,
        ScheduledDelay::TwoMinutes => 120_000,
    };
    let delay = TimeDelta::milliseconds(world.rng.i64(0..=longest));
    let group = world.groups.get(name);
    let suspended = group.is_some_and(|g| g.is_suspended("ScheduledActions"));
    let when_due = match world.beliefs.late_actions {
        LateActions::WhenRun => None,
        LateActions::WhenDue => Some(suspended),
    };
    let late = WorldEvent::LateAction(name.to_owned(), key.to_owned(), at, when_due);
    world.schedule(world.now + delay, late);
}

/// A scheduled action that was due at `at` runs, unless the process is suspended (or was, if that is
/// what counts). The actions of one group run in the order in which they were due.
pub(in crate::sim::world) fn run_due(
    world: &mut World,
    name: &str,
    key: &str,
    at: i64,
    was_suspended: Option<bool>,
) {
    let Some(group) = world.groups.get_mut(name) else {
        return;
    };
    let found = group.scheduled.get(key);
    let Some(action) = found
        .filter(|a| a.next_run.is_some_and(|t| t.timestamp() == at))
        .cloned()
    else {
        return; // changed or deleted meanwhile
    };
    let earlier = |a: &ScheduledAction| a.next_run.is_some_and(|t| t.timestamp() < at);
    if group.scheduled.values().any(earlier) {
        let again = WorldEvent::LateAction(name.to_owned(), key.to_owned(), at, was_suspended);
        return world.schedule(world.now + IN_ORDER, again);
    }
    let suspended = was_suspended.unwrap_or_else(|| group.is_suspended("ScheduledActions"));
    let runs = !suspended && group.status.is_none();
    let cron = cron_of(&action).unwrap_or_default();
    let due = action.next_run.unwrap_or(world.now);
    let next = next_run(&action, cron.as_ref(), due);
    if next.is_none() {
        group.scheduled.remove(key);
    } else if let Some(stored) = group.scheduled.get_mut(key) {
        stored.next_run = next;
    }
    schedule(world, name, key, next);
    if suspended
        && world.beliefs.denies(Flip::SuspendedScheduleLosesActions)
        && let Some(group) = world.groups.get_mut(name)
    {
        group.mind.kept_actions.push(action.clone());
    }
    if runs {
        run(world, name, &action);
    }
}

pub(super) fn run(world: &mut World, name: &str, action: &ScheduledAction) {
    let Some(group) = world.groups.get(name) else {
        return;
    };
    let min = action.min.unwrap_or(group.min);
    let max = action.max.unwrap_or(group.max);
    if min > max {
        return; // refused, as every change to such bounds is
    }
    let desired = action.desired.unwrap_or(group.desired).clamp(min, max);
    let before = group.desired;
    let at = iso(world.now);
    let why = format!(
        "At {at} a scheduled action update of AutoScalingGroup constraints to min: {min}, max: {max}, \
         desired: {desired} changing the desired capacity from {before} to {desired}.  "
    );
    let what = (
        format!("Executing scheduled action {}", action.name),
        why.clone(),
    );
    activities::note(world, name, what, "Successful", None);
    let change = CapacityChange {
        min: Some(min),
        max: Some(max),
        desired: Some(desired),
    };
    // The values were fitted to one another above.
    let _ = capacity::set(world, name, change, &why);
}

/// A group's alarm acts, and will again.
pub(in crate::sim::world) fn alarm(world: &mut World, name: &str) {
    let Some(group) = world.groups.get_mut(name) else {
        return;
    };
    let Some(alarm) = group.alarm else {
        return;
    };
    let again = world.now + TimeDelta::seconds(alarm.every_seconds.max(1));
    let before = group.desired;
    let after = (before + alarm.adjustment).clamp(group.min, group.max);
    if !group.is_suspended("AlarmNotification") && group.status.is_none() && after != before {
        let at = iso(world.now);
        group.desired = after;
        group.mind.cause = format!(
            "At {at} a monitor alarm simulated in state ALARM triggered policy simulated changing \
             the desired capacity from {before} to {after}.  "
        );
        request_pass(world, name);
    }
    world.schedule(again, WorldEvent::Alarm(name.to_owned()));
}
