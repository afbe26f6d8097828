//! Warm pools: instances prepared ahead, stopped or running, that a scale-out takes first.

use super::{activities, launch, lifecycle, member_started, set_lifecycle, terminate, zone_counts};
use crate::sim::world::World;
use crate::sim::world::instance::{self, InstanceState};

fn pool_members(world: &World, name: &str) -> Vec<String> {
    let Some(group) = world.groups.get(name) else {
        return Vec::new();
    };
    let warm = |id: &&String| {
        lifecycle(world, id).is_some_and(|l| l.starts_with("Warmed") && !l.contains("Terminating"))
    };
    group.members.keys().filter(warm).cloned().collect()
}

/// Fills or shrinks a group's warm pool to its size, which follows MaxSize unless
/// MaxGroupPreparedCapacity says otherwise.
pub(super) fn tend(world: &mut World, name: &str) {
    let have = pool_members(world, name);
    let Some(group) = world.groups.get(name) else {
        return;
    };
    let want = group.warm_pool.as_ref().map_or(0, |pool| {
        let prepared = pool.max_prepared.unwrap_or(group.max);
        (prepared - group.desired).max(pool.min)
    });
    let want = usize::try_from(want).unwrap_or(0);
    let waits = group.mind.no_launch_before.is_some_and(|t| t > world.now);
    let (launches, terminates) = (
        !group.is_suspended("Launch") && !waits,
        !group.is_suspended("Terminate"),
    );
    let zones: Vec<String> = zone_counts(world, group).into_keys().collect();
    if launches && have.len() < want {
        for n in have.len()..want {
            let Some(zone) = zones.get(n % zones.len().max(1)) else {
                return;
            };
            let why = activities::cause(
                world,
                name,
                "an instance was started to fill the warm pool.",
            );
            if launch::launch(world, name, zone, why, "Warmed:Pending").is_none() {
                return;
            }
        }
    } else if terminates {
        for id in have.iter().skip(want) {
            let why = activities::cause(world, name, "an instance was removed from the warm pool.");
            terminate::begin(world, name, id, why);
        }
    }
}

/// A warmed instance is ready: it stops, or waits running.
pub(super) fn warmed(world: &mut World, name: &str, id: &str) {
    let Some(group) = world.groups.get_mut(name) else {
        return;
    };
    let stops = group
        .warm_pool
        .as_ref()
        .is_none_or(|p| p.state != "Running");
    let activity = group.members.get_mut(id).and_then(|m| m.activity.take());
    activities::finish(world, name, activity.as_deref(), "Successful", None);
    if stops {
        set_lifecycle(world, id, "Warmed:Pending:Proceed");
        // It is running, so it can be stopped.
        let _ = instance::stop(world, id);
    } else {
        set_lifecycle(world, id, "Warmed:Running");
    }
}

/// Moves a warm instance into the group, if there is one; says whether it did.
pub(super) fn take(world: &mut World, name: &str) -> bool {
    let ready = pool_members(world, name).into_iter().find(|id| {
        matches!(
            lifecycle(world, id),
            Some("Warmed:Stopped" | "Warmed:Running")
        )
    });
    let Some(id) = ready else {
        return false;
    };
    let zone = world
        .instances
        .get(&id)
        .map(|i| i.zone.clone())
        .unwrap_or_default();
    let text = "an instance was started from the warm pool in response to a difference between \
                desired and actual capacity.";
    let why = activities::cause(world, name, text);
    let what = format!("Launching a new EC2 instance from warm pool: {id}");
    let activity = activities::start(world, name, what, why, &zone, "PreInService");
    let member = world
        .groups
        .get_mut(name)
        .and_then(|g| g.members.get_mut(&id));
    if let Some(member) = member {
        member.activity = Some(activity);
    }
    set_lifecycle(world, &id, "Pending");
    let running = world
        .instances
        .get(&id)
        .is_some_and(|i| i.state == InstanceState::Running);
    if running {
        member_started(world, &id);
    } else {
        // It is stopped, so it can be started.
        let _ = instance::start(world, &id);
    }
    true
}

/// Takes a member that scales in back into the pool, if the pool reuses instances.
pub(super) fn take_back(world: &mut World, name: &str, id: &str, why: &str) -> bool {
    let Some(group) = world.groups.get(name) else {
        return false;
    };
    let reuses = group
        .warm_pool
        .as_ref()
        .is_some_and(|p| p.reuse_on_scale_in);
    let running = world
        .instances
        .get(id)
        .is_some_and(|i| i.state == InstanceState::Running);
    if !reuses || !running {
        return false;
    }
    let what = format!("Returning EC2 instance to warm pool: {id}");
    let activity = activities::start(world, name, what, why.to_owned(), "", "InProgress");
    if let Some(member) = world
        .groups
        .get_mut(name)
        .and_then(|g| g.members.get_mut(id))
    {
        member.activity = Some(activity);
    }
    set_lifecycle(world, id, "Warmed:Pending");
    warmed(world, name, id);
    true
}
