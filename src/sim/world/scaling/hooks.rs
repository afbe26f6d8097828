//! Lifecycle hooks: they hold an instance until the action is completed or times out.

use chrono::TimeDelta;

use super::{activities, group_of, launch, lifecycle, proceed, set_lifecycle, terminate};
use crate::sim::wire::ApiError;
use crate::sim::world::World;
use crate::sim::world::events::WorldEvent;
use crate::sim::world::groups::{HookWait, Transition};

/// Puts a member on hold if the group has hooks for this transition; says whether it did.
pub(super) fn hold(
    world: &mut World,
    name: &str,
    id: &str,
    transition: Transition,
    base: &str,
) -> bool {
    let Some(group) = world.groups.get(name) else {
        return false;
    };
    let hooks: Vec<_> = group
        .hooks
        .iter()
        .filter(|h| h.transition == transition)
        .cloned()
        .collect();
    if hooks.is_empty() {
        return false;
    }
    let mut waits = Vec::new();
    for hook in hooks {
        let token = world.new_uuid();
        let (seconds, result) = match hook.completed_after_seconds {
            Some(s) if s < hook.heartbeat_seconds => (s, true),
            Some(_) | None => (hook.heartbeat_seconds, hook.default_continue),
        };
        let over = WorldEvent::HookOver(name.to_owned(), id.to_owned(), token.clone(), result);
        world.schedule(world.now + TimeDelta::seconds(seconds), over);
        waits.push(HookWait {
            hook: hook.name,
            token,
        });
    }
    set_lifecycle(world, id, &format!("{base}:Wait"));
    let member = world
        .groups
        .get_mut(name)
        .and_then(|g| g.members.get_mut(id));
    if let Some(member) = member {
        member.waits = waits;
        let activity = member.activity.clone();
        activities::set_status(world, name, activity.as_deref(), "MidLifecycleAction");
    }
    true
}

/// A lifecycle action ends, with CONTINUE or with ABANDON.
pub(in crate::sim::world) fn over(
    world: &mut World,
    name: &str,
    id: &str,
    token: &str,
    goes_on: bool,
) {
    end(world, name, id, token, goes_on, "Heartbeat Timeout");
}

fn end(world: &mut World, name: &str, id: &str, token: &str, goes_on: bool, reason: &str) {
    let member = world
        .groups
        .get_mut(name)
        .and_then(|g| g.members.get_mut(id));
    let Some(member) = member else {
        return;
    };
    let Some(place) = member.waits.iter().position(|w| w.token == token) else {
        return; // ended before
    };
    member.waits.remove(place);
    if !goes_on {
        member.waits.clear();
    }
    if !member.waits.is_empty() {
        return;
    }
    let Some(state) = lifecycle(world, id) else {
        return;
    };
    let base = state.trim_end_matches(":Wait").to_owned();
    if base.ends_with("Terminating") {
        terminate::kill(world, id);
    } else if goes_on {
        proceed(world, name, id, &base);
    } else {
        abandon(world, name, id, token, reason);
    }
}

fn abandon(world: &mut World, name: &str, id: &str, token: &str, reason: &str) {
    let message = format!(
        "Instance failed to complete user's Lifecycle Action: Lifecycle Action with token {token} was \
         abandoned: {reason}"
    );
    let member = world
        .groups
        .get_mut(name)
        .and_then(|g| g.members.get_mut(id));
    let activity = member.and_then(|m| m.activity.take());
    activities::finish(world, name, activity.as_deref(), "Cancelled", Some(message));
    let text = "an instance was taken out of service in response to a launch lifecycle action that \
                was abandoned.";
    let why = activities::cause(world, name, text);
    terminate::begin(world, name, id, why);
    launch::pause(world, name);
}

/// CompleteLifecycleAction, by instance or token.
pub fn complete(
    world: &mut World,
    name: &str,
    hook: &str,
    instance: Option<&str>,
    token: Option<&str>,
    goes_on: bool,
) -> Result<(), ApiError> {
    let group = world.group(name)?;
    let found = group.members.iter().find_map(|(id, member)| {
        let wait = member.waits.iter().find(|w| {
            w.hook == hook && token.is_none_or(|t| w.token == t) && instance.is_none_or(|i| i == id)
        })?;
        Some((id.clone(), wait.token.clone()))
    });
    if instance.is_none() && token.is_none() {
        let text = "LifecycleActionToken or InstanceId must be given";
        return Err(ApiError::new("ValidationError", text));
    }
    let Some((id, token)) = found else {
        let what = instance.or(token).unwrap_or_default();
        let text = format!("No active Lifecycle Action found with instance ID {what}");
        return Err(ApiError::new("ValidationError", text));
    };
    debug_assert_eq!(group_of(world, &id).as_deref(), Some(name));
    let reason = "Lifecycle Action Completed with ABANDON Result";
    end(world, name, &id, &token, goes_on, reason);
    Ok(())
}
