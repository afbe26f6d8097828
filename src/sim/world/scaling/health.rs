//! Health: who finds a member unhealthy, and what the group does about it.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    activities, group_of, is_impaired, lifecycle, membership_mut, request_pass, standby, terminate,
};
use crate::sim::world::World;
use crate::sim::world::events::WorldEvent;
use crate::sim::world::groups::Group;
use crate::sim::world::instance::{Instance, InstanceState};

/// A load balancer needs this long to miss an instance: two checks in the usual 10 to 30 s interval.
const LOAD_BALANCER_MISSES: TimeDelta = TimeDelta::seconds(20);

/// A group tolerates a failing status check for "some minutes".
const STATUS_CHECK_TOLERANCE: TimeDelta = TimeDelta::minutes(10);

/// The guest of an instance reboots and is back at `until`; its state stays `running`, so that only
/// a load balancer notices.
pub fn instance_rebooting(world: &mut World, id: &str, until: DateTime<Utc>) {
    let Some((group, _)) = watched(world, id) else {
        return;
    };
    let missed = world.now + LOAD_BALANCER_MISSES;
    let grace_ends = grace_end(group, id);
    let at = grace_ends.map_or(missed, |g| g.max(missed));
    if until > at {
        world.schedule(at, WorldEvent::LoadBalancerCheck(id.to_owned()));
    }
}

/// The load balancer has missed an instance for long enough.
pub(in crate::sim::world) fn load_balancer_check(world: &mut World, id: &str) {
    let Some((group, instance)) = watched(world, id) else {
        return;
    };
    let away = instance.agent.as_ref().and_then(|a| a.away_until);
    // Without an agent the guest's absence is not recorded: then the caller's word counts.
    let away = instance.agent.is_none() || away.is_some_and(|until| until > world.now);
    if !away || group.is_suspended("HealthCheck") {
        return;
    }
    match grace_end(group, id) {
        Some(at) if at > world.now => {
            world.schedule(at, WorldEvent::LoadBalancerCheck(id.to_owned()));
        }
        Some(_) | None => mark(world, id),
    }
}

/// An instance that a load balancer's check is about, with its group.
fn watched<'w>(world: &'w World, id: &str) -> Option<(&'w Group, &'w Instance)> {
    let instance = world.instances.get(id)?;
    let membership = instance.membership.as_ref()?;
    let group = world.groups.get(&membership.group)?;
    let checked = group.has_load_balancer_check() && membership.in_load_balancer;
    (checked && membership.lifecycle == "InService").then_some((group, instance))
}

fn grace_end(group: &Group, id: &str) -> Option<DateTime<Utc>> {
    let since = group.members.get(id)?.in_service_at?;
    Some(since + TimeDelta::seconds(group.health_check_grace_seconds))
}

/// An impaired instance has failed its status checks for long enough.
pub(in crate::sim::world) fn status_check_failed(world: &mut World, id: &str) {
    let Some(name) = group_of(world, id) else {
        return;
    };
    let judged = world
        .groups
        .get(&name)
        .is_some_and(|g| !g.is_suspended("HealthCheck"));
    let impaired = world.instances.get(id).is_some_and(is_impaired);
    if judged && impaired && lifecycle(world, id) == Some("InService") {
        mark(world, id);
    }
}

pub(super) fn came_into_service(world: &mut World, id: &str) {
    let Some(instance) = world.instances.get(id) else {
        return;
    };
    if instance.state != InstanceState::Running {
        left_running(world, id);
    } else if is_impaired(instance) {
        let at = world.now + STATUS_CHECK_TOLERANCE;
        world.schedule(at, WorldEvent::StatusCheck(id.to_owned()));
    }
}

/// An instance left `running`: unhealthy at once, even within the grace period.
pub(in crate::sim::world) fn left_running(world: &mut World, id: &str) {
    let Some(name) = group_of(world, id) else {
        return;
    };
    let judged = world
        .groups
        .get(&name)
        .is_some_and(|g| !g.is_suspended("HealthCheck"));
    let serves = lifecycle(world, id).is_some_and(|l| l == "InService" || l.starts_with("Pending"));
    if judged && serves {
        mark(world, id);
    }
}

/// HealthCheck is resumed: what happened meanwhile is seen now.
pub(super) fn look_again(world: &mut World, name: &str) {
    let Some(group) = world.groups.get(name) else {
        return;
    };
    let members: Vec<String> = group.members.keys().cloned().collect();
    for id in members {
        let Some(instance) = world.instances.get(&id) else {
            continue;
        };
        if matches!(
            instance.state,
            InstanceState::Running | InstanceState::Pending
        ) {
            if is_impaired(instance) {
                let at = world.now + STATUS_CHECK_TOLERANCE;
                world.schedule(at, WorldEvent::StatusCheck(id));
            } else if instance.agent.is_some() {
                let at = world.now + LOAD_BALANCER_MISSES;
                world.schedule(at, WorldEvent::LoadBalancerCheck(id));
            }
        } else {
            left_running(world, &id);
        }
    }
}

fn mark(world: &mut World, id: &str) {
    let Some(membership) = membership_mut(world, id) else {
        return;
    };
    membership.healthy = false;
    let name = membership.group.clone();
    request_pass(world, &name);
}

/// Terminates unhealthy members, at most a tenth of the group at a time.
pub(super) fn replace_unhealthy(world: &mut World, name: &str) {
    let Some(group) = world.groups.get(name) else {
        return;
    };
    if group.is_suspended("ReplaceUnhealthy") || group.is_suspended("Terminate") {
        return;
    }
    let unhealthy: Vec<(String, bool)> = group
        .members
        .keys()
        .filter_map(|id| world.instances.get(id))
        .filter(|i| {
            let m = i.membership.as_ref();
            m.is_some_and(|m| {
                !m.healthy
                    && !m.lifecycle.contains("Terminating")
                    && !standby::is_aside(&m.lifecycle)
            })
        })
        .map(|i| {
            (
                i.id.clone(),
                i.state == InstanceState::Running && !is_impaired(i),
            )
        })
        .collect();
    let limit = usize::try_from(group.desired / 10).unwrap_or(0).max(1);
    let more = unhealthy.len() > limit;
    for (id, by_load_balancer) in unhealthy.into_iter().take(limit) {
        let text = if by_load_balancer {
            "an instance was taken out of service in response to an ELB system health check failure."
        } else {
            "an instance was taken out of service in response to an EC2 health check indicating it \
             has been terminated or stopped."
        };
        let why = format!("At {} {text}", crate::sim::world::iso(world.now));
        activities_and_end(world, name, &id, why);
    }
    if more {
        request_pass(world, name);
    }
}

fn activities_and_end(world: &mut World, name: &str, id: &str, why: String) {
    let activity = world
        .groups
        .get_mut(name)
        .and_then(|g| g.members.get_mut(id)?.activity.take());
    let message = "Instance became unhealthy while waiting for instance to be in InService state.";
    activities::finish(
        world,
        name,
        activity.as_deref(),
        "Failed",
        Some(message.into()),
    );
    terminate::begin(world, name, id, why);
}
