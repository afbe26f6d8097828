//! Scaling activities: what a group says of what it does.

use crate::sim::world::groups::Activity;
use crate::sim::world::{World, iso};

/// Starts an activity and returns its id.
pub(super) fn start(
    world: &mut World,
    name: &str,
    description: String,
    cause: String,
    zone: &str,
    status: &str,
) -> String {
    let (id, now) = (world.new_uuid(), world.now);
    world.activities += 1;
    let sequence = world.activities;
    if let Some(group) = world.groups.get_mut(name) {
        group.activities.push(Activity {
            id: id.clone(),
            sequence,
            description,
            cause,
            status: status.to_owned(),
            message: None,
            started_at: now,
            ended_at: None,
            progress: 0,
            zone: zone.to_owned(),
        });
    }
    id
}

/// Changes the status of an activity under way.
pub(super) fn set_status(world: &mut World, name: &str, id: Option<&str>, status: &str) {
    let group = world.groups.get_mut(name);
    let found = group.and_then(|g| g.activities.iter_mut().rev().find(|a| Some(&*a.id) == id));
    if let Some(activity) = found
        && activity.ended_at.is_none()
    {
        activity.status = status.to_owned();
        activity.progress = 50;
    }
}

/// Ends an activity.
pub(super) fn finish(
    world: &mut World,
    name: &str,
    id: Option<&str>,
    status: &str,
    message: Option<String>,
) {
    let now = world.now;
    let group = world.groups.get_mut(name);
    let found = group.and_then(|g| g.activities.iter_mut().rev().find(|a| Some(&*a.id) == id));
    if let Some(activity) = found
        && activity.ended_at.is_none()
    {
        activity.status = status.to_owned();
        activity.message = message.map(|m| m.chars().take(255).collect());
        activity.ended_at = Some(now);
        activity.progress = 100;
    }
}

/// Notes an activity that is over when it begins.
pub(super) fn note(
    world: &mut World,
    name: &str,
    what: (String, String),
    status: &str,
    message: Option<String>,
) {
    let id = start(world, name, what.0, what.1, "", status);
    finish(world, name, Some(&id), status, message);
}

/// The cause of an activity: why the capacity is as they are, and what the group makes of it.
pub(super) fn cause(world: &World, name: &str, now_does: &str) -> String {
    let reason = world.groups.get(name).map_or("", |g| g.mind.cause.as_str());
    let at = iso(world.now);
    format!("{reason}At {at} {now_does}")
}
