//! Standby: a member steps out of service and stays in the group.
//!
//! A Standby instance counts toward no capacity, is not health-checked, not scaled in and not
//! registered with a load balancer; no lifecycle hook fires on the way in or out.
//! Source: Auto Scaling User Guide, "Temporarily remove instances from your Auto Scaling group".

use chrono::{SecondsFormat, TimeDelta};

use super::{
    activities, come_into_service, lifecycle, membership_mut, request_pass, set_lifecycle,
};
use crate::sim::beliefs::{Flip, StandbyMove, StandbyWeight};
use crate::sim::wire::ApiError;
use crate::sim::world::World;
use crate::sim::world::behaviour::Spread;
use crate::sim::world::events::WorldEvent;

/// A move that no load balancer delays takes about this long.
fn move_time(belief: StandbyMove) -> Spread {
    match belief {
        StandbyMove::Seconds => Spread::seconds(1.5, 0.4),
        StandbyMove::Minute => Spread::seconds(60.0, 0.5),
    }
}

/// The way back into service takes about this long.
const RETURN: Spread = Spread::seconds(5.0, 0.4);

/// A member's state on its way into Standby.
pub(super) const ENTERING: &str = "EnteringStandby";

/// A member's state on Standby.
pub(super) const STANDBY: &str = "Standby";

fn invalid(text: impl Into<String>) -> ApiError {
    ApiError::new("ValidationError", text)
}

/// Whether a lifecycle state is Standby or on the way there.
pub(super) fn is_aside(lifecycle: &str) -> bool {
    lifecycle == ENTERING || lifecycle == STANDBY
}

/// EnterStandby: all of these members or none. With `decrement` the desired capacity goes down by
/// their weight, else replacements are launched. Returns the ids of the activities.
///
/// # Errors
/// A member that is not InService, or a desired capacity that would fall below the minimum.
pub fn enter(
    world: &mut World,
    name: &str,
    ids: &[String],
    decrement: bool,
) -> Result<Vec<String>, ApiError> {
    let any = world.beliefs.denies(Flip::StandbyEnterInService);
    let state = (!any).then_some("InService");
    let weight = check_states(world, name, ids, state)?;
    let decrement = decrement && !world.beliefs.denies(Flip::StandbyDecrement);
    let group = world.group_mut(name)?;
    let before = group.desired;
    if decrement {
        if before - weight < group.min {
            let way = format!("place into standby {} instance", ids.len());
            return Err(sizes(group, &way));
        }
        group.desired -= weight;
    }
    let after = group.desired;
    let drains = TimeDelta::seconds(group.drain_seconds);
    let mut begun = Vec::new();
    for id in ids {
        let change = if decrement {
            format!(", shrinking the capacity from {before} to {after}.")
        } else {
            ".".to_owned()
        };
        let text = format!("moved to standby in response to a user request{change}");
        let what = format!("Moving EC2 instance to Standby: {id}");
        begun.push(begin(world, name, id, what, &text, ("InProgress", 50)));
        let mut registered = false;
        if let Some(membership) = membership_mut(world, id) {
            ENTERING.clone_into(&mut membership.lifecycle);
            registered = std::mem::take(&mut membership.in_load_balancer);
        }
        let event = WorldEvent::OnStandby(id.clone());
        if registered {
            world.schedule(world.now + drains, event);
        } else {
            let time = move_time(world.beliefs.standby_move);
            world.schedule_in(time, event);
        }
    }
    request_pass(world, name);
    Ok(begun)
}

/// ExitStandby: all of these members or none. The desired capacity always goes up by their weight.
/// Returns the ids of the activities.
///
/// # Errors
/// A member that is not on Standby, or a desired capacity that would exceed the maximum.
pub fn exit(world: &mut World, name: &str, ids: &[String]) -> Result<Vec<String>, ApiError> {
    let weight = check_states(world, name, ids, Some(STANDBY))?;
    let stays = world.beliefs.denies(Flip::StandbyExitIncrements);
    let weight = if stays { 0 } else { weight };
    let group = world.group_mut(name)?;
    if group.is_suspended("Launch") {
        // "Instances that are on standby cannot be returned to service": as-suspend-resume-processes. The text of the
        // refusal is UNCONFIRMED.
        return Err(invalid(
            "The Launch process is suspended: instances cannot be moved out of standby.",
        ));
    }
    let before = group.desired;
    if before + weight > group.max {
        let way = format!("remove from standby {} instance", ids.len());
        return Err(sizes(group, &way));
    }
    group.desired += weight;
    let after = group.desired;
    let mut begun = Vec::new();
    for id in ids {
        let text = format!(
            "moved out of standby in response to a user request, increasing the capacity from \
             {before} to {after}."
        );
        let what = format!("Moving EC2 instance out of Standby: {id}");
        begun.push(begin(world, name, id, what, &text, ("PreInService", 30)));
        set_lifecycle(world, id, "Pending");
        world.schedule_in(RETURN, WorldEvent::OutOfStandby(id.clone()));
    }
    request_pass(world, name);
    Ok(begun)
}

/// The refusal of a move that the group's sizes do not allow. The text is UNCONFIRMED.
fn sizes(group: &crate::sim::world::Group, way: &str) -> ApiError {
    invalid(format!(
        "AutoScalingGroup {} has min-size={}, max-size={}, and desired-size={}. To {way}, please \
         update the AutoScalingGroup sizes appropriately.",
        group.name, group.min, group.max, group.desired
    ))
}

/// The change of the desired capacity that moving these members makes; all of which must be in the state wanted, if one
/// is. The texts of the refusals are UNCONFIRMED, but for that of a member that is not InService
/// (aws-codedeploy-samples#50).
fn check_states(
    world: &World,
    name: &str,
    ids: &[String],
    wanted: Option<&str>,
) -> Result<i64, ApiError> {
    let group = world.group(name)?;
    let mut weight = 0;
    for id in ids {
        let Some(member) = group.members.get(id) else {
            let text = format!("The instance {id} is not part of Auto Scaling group {name}.");
            return Err(invalid(text));
        };
        let state = lifecycle(world, id).unwrap_or_default();
        if let Some(wanted) = wanted.filter(|w| *w != state) {
            return Err(invalid(format!("The instance {id} is not in {wanted}.")));
        }
        weight += match world.beliefs.standby_weight {
            StandbyWeight::Weight => member.weight,
            StandbyWeight::One => 1,
        };
    }
    Ok(weight)
}

fn begin(
    world: &mut World,
    name: &str,
    id: &str,
    what: String,
    text: &str,
    (status, progress): (&str, i64),
) -> String {
    let at = world.now.to_rfc3339_opts(SecondsFormat::Secs, true);
    let zone = world.instances.get(id).map(|i| i.zone.clone());
    let cause = format!("At {at} instance {id} was {text}");
    let zone = zone.unwrap_or_default();
    let activity = activities::start(world, name, what, cause, &zone, status);
    if let Some(group) = world.groups.get_mut(name) {
        if let Some(begun) = group.activities.last_mut() {
            begun.progress = progress;
        }
        if let Some(member) = group.members.get_mut(id) {
            member.activity = Some(activity.clone());
        }
    }
    activity
}

/// A member that enters Standby is there: drained, where it was registered.
pub(in crate::sim::world) fn entered(world: &mut World, id: &str) {
    if lifecycle(world, id) != Some(ENTERING) {
        return;
    }
    let Some(name) = super::group_of(world, id) else {
        return;
    };
    set_lifecycle(world, id, STANDBY);
    let member = world.groups.get_mut(&name);
    let member = member.and_then(|g| g.members.get_mut(id));
    let activity = member.and_then(|m| {
        m.target_healthy_at = None;
        m.activity.take()
    });
    activities::finish(world, &name, activity.as_deref(), "Successful", None);
}

/// A member is back from Standby. It is registered with the load balancer unless AddToLoadBalancer
/// is suspended; hooks do not fire.
pub(in crate::sim::world) fn left(world: &mut World, id: &str) {
    if lifecycle(world, id) != Some("Pending") {
        return;
    }
    let Some(name) = super::group_of(world, id) else {
        return;
    };
    let protected = membership_mut(world, id).is_some_and(|m| m.protected);
    come_into_service(world, &name, id);
    if let Some(membership) = membership_mut(world, id) {
        membership.protected = protected;
    }
}
