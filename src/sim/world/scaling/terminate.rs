//! Members that leave: by scale-in, by replacement, by request.

use chrono::TimeDelta;

use super::{
    activities, counts, hooks, lifecycle, membership_mut, request_pass, set_lifecycle, standby,
    warm,
};
use super::{group_of, zone_counts};
use crate::sim::beliefs::{Flip, StandbyEnded};
use crate::sim::world::World;
use crate::sim::world::events::WorldEvent;
use crate::sim::world::groups::Transition;
use crate::sim::world::instance::{self, InstanceState};

/// A billing hour, seconds.
const HOUR_SECONDS: i64 = 3600;

/// The message of a group that may not terminate any instance.
const ALL_PROTECTED: &str = "Could not scale to desired capacity because all remaining instances are \
                             protected from scale in.";

/// Begins to terminate members worth `surplus`. While Terminate is suspended only members that are not
/// InService are: the suspension does not hold those.
/// Source: Auto Scaling User Guide, "Considerations" of suspending processes.
pub(super) fn scale_in(world: &mut World, name: &str, surplus: i64) {
    let Some(group) = world.groups.get(name) else {
        return;
    };
    let suspended = group.is_suspended("Terminate");
    let mut left = surplus;
    while left > 0 {
        let Some((id, weight)) = victim(world, name, suspended) else {
            if !suspended {
                say_all_protected(world, name);
            }
            return;
        };
        if weight > left {
            return; // terminating it would go below the desired capacity
        }
        left -= weight;
        let text = "an instance was taken out of service in response to a difference between desired \
                    and actual capacity, shrinking the capacity.";
        let why = activities::cause(world, name, text);
        if !warm::take_back(world, name, &id, &why) {
            begin(world, name, &id, why);
        }
    }
}

/// The default termination policy: the fullest zone, there launch configurations before templates,
/// the oldest template and its oldest version, then the instance that is closest to its next billing
/// hour. Protected members are spared, and those in service if their termination is suspended.
/// Source: Auto Scaling User Guide, "Default termination policy".
fn victim(world: &World, name: &str, suspended: bool) -> Option<(String, i64)> {
    let group = world.groups.get(name)?;
    let zones = zone_counts(world, group);
    let held = |id: &str| suspended && lifecycle(world, id) == Some("InService");
    let candidates = group.members.iter();
    let candidates = candidates.filter(|(id, _)| counts(world, id) && !held(id));
    let (instance, member) = candidates
        .filter_map(|(id, member)| Some((world.instances.get(id)?, member)))
        .filter(|(i, _)| {
            let spared = i.membership.as_ref().is_none_or(|m| m.protected);
            !spared || world.beliefs.denies(Flip::ProtectedOutlivesDesired)
        })
        .min_by_key(|(i, _)| {
            let in_zone = zones.get(&i.zone).copied().unwrap_or_default();
            let source = i.template.as_ref().map(|(id, version)| {
                let template = world.templates.get(id);
                (template.map(|t| t.created_at), *version)
            });
            let to_next_hour =
                HOUR_SECONDS - (world.now - i.launched_at).num_seconds() % HOUR_SECONDS;
            (-in_zone, source, to_next_hour, i.id.clone())
        })?;
    Some((instance.id.clone(), member.weight))
}

/// Terminates the members on Standby of a group whose desired capacity is 0.
pub(super) fn end_standby(world: &mut World, name: &str) {
    let group = world.groups.get(name).filter(|g| g.desired == 0);
    let members: Vec<String> = group.map_or_else(Vec::new, |g| g.members.keys().cloned().collect());
    for id in members {
        if lifecycle(world, &id) == Some(standby::STANDBY) {
            let why = activities::cause(world, name, "an instance on standby was taken out.");
            begin(world, name, &id, why);
        }
    }
}

fn say_all_protected(world: &mut World, name: &str) {
    let said = |w: &World| {
        let last = w.groups.get(name).and_then(|g| g.activities.last());
        last.is_some_and(|a| a.message.as_deref() == Some(ALL_PROTECTED))
    };
    if !said(world) {
        let why = activities::cause(
            world,
            name,
            "a difference between desired and actual capacity was found.",
        );
        let what = (ALL_PROTECTED.to_owned(), why);
        activities::note(world, name, what, "Cancelled", Some(ALL_PROTECTED.into()));
    }
}

/// Begins to terminate a member: its load balancer drains it, then hooks may hold it.
pub(super) fn begin(world: &mut World, name: &str, id: &str, why: String) {
    let Some(instance) = world.instances.get(id) else {
        return;
    };
    let gone = instance.state.is_ending();
    let Some(membership) = &instance.membership else {
        return;
    };
    let (drains, zone) = (membership.in_load_balancer && !gone, instance.zone.clone());
    let base = base_of(&membership.lifecycle);
    let text = format!("Terminating EC2 instance: {id}");
    let activity = activities::start(world, name, text, why, &zone, "InProgress");
    if let Some(membership) = membership_mut(world, id) {
        membership.lifecycle = base.to_owned();
        membership.protected = false;
        membership.in_load_balancer = false;
    }
    let Some(group) = world.groups.get_mut(name) else {
        return;
    };
    let drain = TimeDelta::seconds(group.drain_seconds);
    if let Some(member) = group.members.get_mut(id) {
        member.waits.clear();
        let launching = member.activity.replace(activity.clone());
        activities::finish(world, name, launching.as_deref(), "Cancelled", None);
    }
    if gone {
        kill(world, id);
    } else if drains {
        activities::set_status(
            world,
            name,
            Some(&activity),
            "WaitingForELBConnectionDraining",
        );
        world.schedule(world.now + drain, WorldEvent::Drained(id.to_owned()));
    } else {
        drained(world, id);
    }
}

fn base_of(lifecycle: &str) -> &'static str {
    if lifecycle.starts_with("Warmed") {
        "Warmed:Terminating"
    } else {
        "Terminating"
    }
}

/// A leaving member is drained.
pub(in crate::sim::world) fn drained(world: &mut World, id: &str) {
    let (Some(group), Some(base @ ("Terminating" | "Warmed:Terminating"))) =
        (group_of(world, id), lifecycle(world, id))
    else {
        return;
    };
    let base = base.to_owned();
    let members = world.groups.get_mut(&group).map(|g| &mut g.members);
    if let Some(member) = members.and_then(|m| m.get_mut(id)) {
        member.target_healthy_at = None;
    }
    if !hooks::hold(world, &group, id, Transition::Terminating, &base) {
        kill(world, id);
    }
}

/// Terminates a member for real.
pub(super) fn kill(world: &mut World, id: &str) {
    let Some(state) = world.instances.get(id).map(|i| i.state) else {
        return;
    };
    let base = base_of(lifecycle(world, id).unwrap_or_default());
    set_lifecycle(world, id, &format!("{base}:Proceed"));
    if state == InstanceState::Terminated {
        ended(world, id);
    } else {
        // It is there, so EC2 knows it.
        let _ = instance::terminate(world, id);
    }
}

/// An instance is terminated: if its group was terminating it, it leaves the group.
pub(in crate::sim::world) fn ended(world: &mut World, id: &str) {
    let leaves = lifecycle(world, id).is_some_and(|l| {
        l.contains("Terminating")
            || standby::is_aside(l) && world.beliefs.standby_ended == StandbyEnded::Leaves
    });
    let Some(name) = group_of(world, id).filter(|_| leaves) else {
        return;
    };
    if let Some(instance) = world.instances.get_mut(id) {
        instance.membership = None;
    }
    let group = world.groups.get_mut(&name);
    let activity = group.and_then(|g| g.members.remove(id)?.activity);
    activities::finish(world, &name, activity.as_deref(), "Successful", None);
    request_pass(world, &name);
}
