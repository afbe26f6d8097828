//! Targets of load balancers: the members of groups, and instances that were registered one by one.
//!
//! A Classic Load Balancer and its instances are a target group and its targets here, by its name instead of an ARN.
//!
//! Sources: Elastic Load Balancing, "Target health status", "Register targets", "Deregistration delay", "Configure
//! connection draining for your Classic Load Balancer"; API reference of RegisterTargets, DeregisterTargets,
//! RegisterInstancesWithLoadBalancer, DeregisterInstancesFromLoadBalancer.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::sim::wire::ApiError;
use crate::sim::world::World;
use crate::sim::world::behaviour::Failure;
use crate::sim::world::groups::Group;
use crate::sim::world::instance::{Instance, InstanceState};

/// The state of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetState {
    /// Registered; the first health checks are under way.
    Initial,
    /// It answers.
    Healthy,
    /// It does not answer.
    Unhealthy,
    /// Deregistered; open connections end.
    Draining,
}

/// An instance that a call registered with a target group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registration {
    /// When the first health checks are over.
    healthy_at: DateTime<Utc>,
    /// Until when it drains, once it is deregistered.
    drains_until: Option<DateTime<Utc>>,
}

impl Registration {
    /// Whether a call has deregistered it since.
    pub fn is_deregistered(&self) -> bool {
        self.drains_until.is_some()
    }
}

/// Registrations by call: by target group or Classic Load Balancer, then by instance.
pub type Registrations = BTreeMap<String, BTreeMap<String, Registration>>;

/// The targets of a target group or Classic Load Balancer, by instance id. An instance that does not run any more is no target.
pub fn of(world: &World, arn: &str) -> BTreeMap<String, TargetState> {
    let direct = world.registrations.get(arn).into_iter().flatten();
    let direct = direct.filter_map(|(id, registration)| {
        let instance = world.instances.get(id)?;
        let state = registered(world, instance, registration)?;
        Some((id.clone(), state))
    });
    direct.chain(members(world, arn)).collect()
}

/// The groups of a target group, by name.
fn users<'w>(world: &'w World, arn: &'w str) -> impl Iterator<Item = &'w Group> + use<'w> {
    let names = world.target_users.get(arn).into_iter().flatten();
    let groups = names.filter_map(|name| world.groups.get(name));
    groups.filter(move |g| g.load_balancers().any(|t| t == arn))
}

fn members<'w>(
    world: &'w World,
    arn: &'w str,
) -> impl Iterator<Item = (String, TargetState)> + use<'w> {
    let members = users(world, arn).flat_map(|g| &g.members);
    members.filter_map(|(id, notes)| {
        let answers_from = notes.target_healthy_at?;
        let instance = world.instances.get(id)?;
        let state = if instance.membership.as_ref()?.in_load_balancer {
            checked(world, instance, answers_from)
        } else {
            TargetState::Draining
        };
        Some((id.clone(), state))
    })
}

fn registered(
    world: &World,
    instance: &Instance,
    registration: &Registration,
) -> Option<TargetState> {
    if instance.state != InstanceState::Running {
        return None;
    }
    match registration.drains_until {
        Some(until) if until <= world.now => None,
        Some(_) => Some(TargetState::Draining),
        None => Some(checked(world, instance, registration.healthy_at)),
    }
}

fn checked(world: &World, instance: &Instance, from: DateTime<Utc>) -> TargetState {
    if from > world.now {
        TargetState::Initial
    } else if answers(instance) {
        TargetState::Healthy
    } else {
        TargetState::Unhealthy
    }
}

/// Whether the guest answers health checks.
fn answers(instance: &Instance) -> bool {
    let away = instance.agent.as_ref().is_some_and(|a| !a.is_here());
    instance.state == InstanceState::Running
        && !away
        && instance.behaviour.failure != Some(Failure::TargetUnhealthy)
}

/// Refuses a target group that there is not.
///
/// # Errors
/// `TargetGroupNotFound`.
pub fn known(world: &World, arn: &str) -> Result<(), ApiError> {
    if users(world, arn).next().is_some() {
        return Ok(());
    }
    let text = format!("Target groups '{arn}' not found");
    Err(ApiError::new("TargetGroupNotFound", text))
}

/// RegisterTargets: all of these instances or none. One that is registered stays as it is.
///
/// # Errors
/// A target group that there is not; an instance that does not run (the text is recorded in
/// hashicorp/terraform-provider-aws#8537).
pub fn register(world: &mut World, arn: &str, ids: &[String]) -> Result<(), ApiError> {
    known(world, arn)?;
    let runs = |id: &&String| {
        let instance = world.visible_instance(id);
        instance.is_some_and(|i| i.state == InstanceState::Running)
    };
    let down: Vec<String> = ids
        .iter()
        .filter(|id| !runs(id))
        .map(|id| format!("'{id}'"))
        .collect();
    if !down.is_empty() {
        let text = format!(
            "The following targets are not in a running state and cannot be registered: {}",
            down.join(", ")
        );
        return Err(ApiError::new("InvalidTarget", text));
    }
    add(world, arn, ids);
    Ok(())
}

/// RegisterInstancesWithLoadBalancer: all of these instances or none. One that is registered stays as it is.
///
/// # Errors
/// A load balancer that there is not; an instance that there is not.
pub fn register_classic(world: &mut World, name: &str, ids: &[String]) -> Result<(), ApiError> {
    known_classic(world, name)?;
    for id in ids {
        let instance = world.visible_instance(id);
        if instance.is_none_or(|i| i.state.is_ending()) {
            return Err(no_instance(id));
        }
    }
    add(world, name, ids);
    Ok(())
}

fn add(world: &mut World, arn: &str, ids: &[String]) {
    let targets = of(world, arn);
    for id in ids {
        let is_there = targets.get(id).is_some_and(|s| *s != TargetState::Draining);
        let Some(spread) = world.instances.get(id).map(|i| i.behaviour.target) else {
            continue;
        };
        if is_there {
            continue;
        }
        let registration = Registration {
            healthy_at: world.now + world.draw(spread),
            drains_until: None,
        };
        let of_group = world.registrations.entry(arn.to_owned()).or_default();
        of_group.insert(id.clone(), registration);
    }
}

/// DeregisterTargets. "If the specified target does not exist, the action returns successfully." Only what a
/// call registered is deregistered here: no scenario takes a member of a group out of its load balancer.
///
/// # Errors
/// A target group that there is not.
pub fn deregister(world: &mut World, arn: &str, ids: &[String]) -> Result<(), ApiError> {
    known(world, arn)?;
    drain(world, arn, ids);
    Ok(())
}

/// DeregisterInstancesFromLoadBalancer: as [`deregister`], but one that was never registered is refused.
///
/// # Errors
/// A load balancer that there is not; an instance that was never registered with it (boto/boto#2576).
pub fn deregister_classic(world: &mut World, name: &str, ids: &[String]) -> Result<(), ApiError> {
    known_classic(world, name)?;
    for id in ids {
        once_registered(world, name, id)?;
    }
    drain(world, name, ids);
    Ok(())
}

/// Refuses a Classic Load Balancer that there is not.
///
/// # Errors
/// `LoadBalancerNotFound`.
pub fn known_classic(world: &World, name: &str) -> Result<(), ApiError> {
    let mut groups = world.groups.values();
    if groups.any(|g| g.classic_load_balancers.iter().any(|c| c == name)) {
        return Ok(());
    }
    let text = format!("There is no ACTIVE Load Balancer named '{name}'");
    Err(ApiError::new("LoadBalancerNotFound", text))
}

/// Refuses an instance that was never registered with this load balancer, and one that there is not.
///
/// # Errors
/// `InvalidInstance` (boto/boto#2274).
pub fn once_registered(world: &World, name: &str, id: &str) -> Result<(), ApiError> {
    let of_calls = world.registrations.get(name);
    let was = of_calls.is_some_and(|r| r.contains_key(id)) || of(world, name).contains_key(id);
    let is_there = world.visible_instance(id).is_some();
    if was && is_there {
        Ok(())
    } else {
        Err(no_instance(id))
    }
}

fn no_instance(id: &str) -> ApiError {
    ApiError::new(
        "InvalidInstance",
        format!("Could not find EC2 instance {id}."),
    )
}

fn drain(world: &mut World, arn: &str, ids: &[String]) {
    let drains = users(world, arn).next().map_or(0, |g| g.drain_seconds);
    let until = world.now + TimeDelta::seconds(drains);
    let of_group = world.registrations.get_mut(arn).into_iter().flatten();
    for (id, registration) in of_group {
        if ids.contains(id) {
            registration.drains_until.get_or_insert(until);
        }
    }
}
