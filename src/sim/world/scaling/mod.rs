//! Auto Scaling's behaviour: one pass compares a group's actual and desired state, and starts
//! whatever is needed; the rest follows by events.

pub mod activities;
pub mod capacity;
pub mod health;
pub mod hooks;
mod launch;
pub mod scheduled;
pub mod standby;
pub mod targets;
pub mod terminate;
mod warm;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::World;
use super::behaviour::{Failure, Spread};
use super::events::WorldEvent;
use super::groups::{Group, InstanceRefresh, Transition};
use super::instance::{self, Instance};
use crate::sim::beliefs::Flip;
use crate::sim::wire::ApiError;

pub use health::instance_rebooting;
pub use launch::{Order, Source, new_instance, resolve};

/// A group acts some seconds after a change.
const PASS_DELAY: Spread = Spread::seconds(3.0, 0.6);

/// How long a simulated instance refresh stays under way.
const REFRESH: Spread = Spread::seconds(600.0, 0.2);

/// A suspended instance refresh checks again after this long.
const REFRESH_RETRY: TimeDelta = TimeDelta::minutes(1);

/// The answer to a group's name that is not there.
pub fn no_group(name: &str) -> ApiError {
    let text = format!("AutoScalingGroup name not found - AutoScalingGroup '{name}' not found");
    ApiError::new("ValidationError", text)
}

/// Asks for a pass over a group a few seconds from now.
pub fn request_pass(world: &mut World, name: &str) {
    let at = world.now + world.draw(PASS_DELAY);
    pass_at(world, name, at);
}

/// Asks for a pass over a group at a time, unless one comes earlier.
fn pass_at(world: &mut World, name: &str, at: DateTime<Utc>) {
    let Some(group) = world.groups.get_mut(name) else {
        return;
    };
    if group.mind.next_pass.is_none_or(|next| next > at) {
        group.mind.next_pass = Some(at);
        world.schedule(at, WorldEvent::GroupPass(name.to_owned()));
    }
}

/// One pass over a group.
pub(super) fn pass(world: &mut World, name: &str) {
    let now = world.now;
    let Some(group) = world.groups.get_mut(name) else {
        return;
    };
    if group.mind.next_pass != Some(now) {
        return; // an earlier pass took this one's place
    }
    group.mind.next_pass = None;
    if group.status.is_some() {
        if group.members.is_empty() {
            world.groups.remove(name);
        }
        return;
    }
    health::replace_unhealthy(world, name);
    if world.beliefs.denies(Flip::StandbyNotScaledIn) {
        terminate::end_standby(world, name);
    }
    let (have, want) = (capacity(world, name), wanted(world, name));
    if have < want {
        launch::fill(world, name);
    } else if have > want {
        terminate::scale_in(world, name, have - want);
    } else {
        launch::rebalance(world, name);
    }
    warm::tend(world, name);
}

/// The desired capacity, and one more while a rebalancing launch is ahead of its termination.
fn wanted(world: &World, name: &str) -> i64 {
    let Some(group) = world.groups.get(name) else {
        return 0;
    };
    let ahead = group.mind.rebalancing.as_ref();
    let pending = ahead.and_then(|id| lifecycle(world, id));
    group.desired + i64::from(pending.is_some_and(|l| l.starts_with("Pending")))
}

/// The total weight of the members that count.
pub fn capacity(world: &World, name: &str) -> i64 {
    let Some(group) = world.groups.get(name) else {
        return 0;
    };
    let counting = group.members.iter().filter(|(id, _)| counts(world, id));
    counting.map(|(_, m)| m.weight).sum()
}

/// Whether a member counts towards the desired capacity.
fn counts(world: &World, id: &str) -> bool {
    lifecycle(world, id).is_some_and(|l| l.starts_with("Pending") || l == "InService")
}

/// Counting members per zone of the group.
fn zone_counts(world: &World, group: &Group) -> BTreeMap<String, i64> {
    let mut counted: BTreeMap<String, i64> = group.zones.iter().map(|z| (z.clone(), 0)).collect();
    for id in group.members.keys().filter(|id| counts(world, id)) {
        if let Some(instance) = world.instances.get(id) {
            *counted.entry(instance.zone.clone()).or_default() += 1;
        }
    }
    counted
}

/// A member's lifecycle state.
pub fn lifecycle<'w>(world: &'w World, id: &str) -> Option<&'w str> {
    let membership = world.instances.get(id)?.membership.as_ref()?;
    Some(membership.lifecycle.as_str())
}

fn set_lifecycle(world: &mut World, id: &str, lifecycle: &str) {
    if let Some(membership) = membership_mut(world, id) {
        membership.lifecycle = lifecycle.to_owned();
    }
}

fn membership_mut<'w>(world: &'w mut World, id: &str) -> Option<&'w mut instance::Membership> {
    world.instances.get_mut(id)?.membership.as_mut()
}

/// The name of the group that an instance is in.
fn group_of(world: &World, id: &str) -> Option<String> {
    let membership = world.instances.get(id)?.membership.as_ref()?;
    Some(membership.group.clone())
}

/// A member is running: hooks hold it, or it comes into service.
pub(super) fn member_started(world: &mut World, id: &str) {
    let Some(group) = group_of(world, id) else {
        return;
    };
    let Some(base @ ("Pending" | "Warmed:Pending")) = lifecycle(world, id) else {
        return;
    };
    let base = base.to_owned();
    if !hooks::hold(world, &group, id, Transition::Launching, &base) {
        proceed(world, &group, id, &base);
    }
}

/// No hook holds a launching member any longer.
fn proceed(world: &mut World, group: &str, id: &str, base: &str) {
    if base == "Pending" {
        come_into_service(world, group, id);
    } else {
        warm::warmed(world, group, id);
    }
}

fn come_into_service(world: &mut World, name: &str, id: &str) {
    let now = world.now;
    let answers = world.instances.get(id).map(|i| i.behaviour.target);
    let Some(group) = world.groups.get(name) else {
        return;
    };
    let is_balanced = group.load_balancers().next().is_some();
    let registers = is_balanced && !group.is_suspended("AddToLoadBalancer");
    let answers = answers.filter(|_| registers).map(|a| now + world.draw(a));
    let Some(group) = world.groups.get_mut(name) else {
        return;
    };
    let protected = group.new_instances_protected;
    group.mind.launch_failures = 0;
    group.mind.no_launch_before = None;
    let Some(member) = group.members.get_mut(id) else {
        return;
    };
    member.in_service_at = Some(now);
    member.target_healthy_at = answers;
    let activity = member.activity.take();
    if let Some(membership) = membership_mut(world, id) {
        membership.lifecycle = "InService".into();
        membership.protected = protected;
        membership.in_load_balancer = registers;
    }
    activities::finish(world, name, activity.as_deref(), "Successful", None);
    health::came_into_service(world, id);
    request_pass(world, name);
}

/// A member is stopped.
pub(super) fn member_stopped(world: &mut World, id: &str) {
    if lifecycle(world, id) == Some("Warmed:Pending:Proceed") {
        set_lifecycle(world, id, "Warmed:Stopped");
    }
}

/// Deletes a group: at once if it is empty, else only by force, after its instances.
pub fn delete_group(world: &mut World, name: &str, force: bool) -> Result<(), ApiError> {
    let apart = world.beliefs.denies(Flip::StandbyBlocksDeletion);
    let counts = |id: &String| !apart || !lifecycle(world, id).is_some_and(standby::is_aside);
    let holds = world.group(name)?.members.keys().any(counts);
    let group = world.group_mut(name)?;
    if holds && !force {
        return Err(ApiError::new(
            "ResourceInUse",
            "You cannot delete an AutoScalingGroup while there are instances or pending Spot \
             instance request(s) still in the group.",
        ));
    }
    group.status = Some("Delete in progress".into());
    (group.min, group.max, group.desired) = (0, 0, 0);
    let members: Vec<String> = group.members.keys().cloned().collect();
    for id in members {
        // No hooks and no draining: that is what force means.
        terminate::kill(world, &id);
    }
    request_pass(world, name);
    Ok(())
}

/// Starts an instance refresh. It is only seen, and it forbids what AWS forbids while it is active;
/// it replaces nothing.
pub fn start_refresh(
    world: &mut World,
    name: &str,
    has_desired_configuration: bool,
    preferences: Option<Value>,
) -> Result<String, ApiError> {
    if world.group(name)?.active_refresh().is_some() {
        return Err(ApiError::new(
            "InstanceRefreshInProgress",
            "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh.",
        ));
    }
    let (id, now) = (world.new_uuid(), world.now);
    world.group_mut(name)?.refreshes.push(InstanceRefresh {
        id: id.clone(),
        status: "InProgress".into(),
        has_desired_configuration,
        preferences,
        started_at: now,
        ended_at: None,
    });
    world.schedule_in(
        REFRESH,
        WorldEvent::RefreshOver(name.to_owned(), id.clone()),
    );
    Ok(id)
}

/// A refresh has run its time; while the process is suspended it is only paused.
pub(super) fn refresh_over(world: &mut World, name: &str, refresh: &str) {
    let now = world.now;
    let Some(group) = world.groups.get_mut(name) else {
        return;
    };
    if group.is_suspended("InstanceRefresh") {
        let again = WorldEvent::RefreshOver(name.to_owned(), refresh.to_owned());
        world.schedule(now + REFRESH_RETRY, again);
    } else if let Some(r) = group.refreshes.iter_mut().find(|r| r.id == refresh)
        && r.is_active()
    {
        r.status = "Successful".into();
        r.ended_at = Some(now);
    }
}

/// Whether an instance never passes its status checks.
fn is_impaired(instance: &Instance) -> bool {
    instance.behaviour.failure == Some(Failure::Impaired)
}
