//! The members of groups as targets of their load balancers.
//!
//! Source: Elastic Load Balancing, "Target health status".

use std::collections::BTreeMap;

use crate::sim::world::World;
use crate::sim::world::behaviour::Failure;
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

/// The targets of a target group, by instance id.
pub fn of(world: &World, arn: &str) -> BTreeMap<String, TargetState> {
    let groups = world.groups.values();
    let groups = groups.filter(|g| g.target_groups.iter().any(|t| t == arn));
    let members = groups.flat_map(|g| &g.members);
    members
        .filter_map(|(id, notes)| {
            let answers_from = notes.target_healthy_at?;
            let instance = world.instances.get(id)?;
            let registered = instance.membership.as_ref()?.in_load_balancer;
            let state = if !registered {
                TargetState::Draining
            } else if answers_from > world.now {
                TargetState::Initial
            } else if answers(instance) {
                TargetState::Healthy
            } else {
                TargetState::Unhealthy
            };
            Some((id.clone(), state))
        })
        .collect()
}

/// Whether the guest answers health checks.
fn answers(instance: &Instance) -> bool {
    let away = instance.agent.as_ref().is_some_and(|a| !a.is_here());
    instance.state == InstanceState::Running
        && !away
        && instance.behaviour.failure != Some(Failure::TargetUnhealthy)
}
