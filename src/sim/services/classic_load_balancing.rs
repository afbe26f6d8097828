//! Elastic Load Balancing of Classic Load Balancers: instances and their health.
//!
//! Sources: API reference of Elastic Load Balancing, version 2012-06-01; recorded answers in boto/boto#2274,
//! boto/boto#2576 and saltstack/salt#43435.

use serde::Deserialize;
use serde_json::{Value, json};

use super::query;
use crate::sim::wire::{ApiError, Call};
use crate::sim::world::World;
use crate::sim::world::scaling::targets::{self, TargetState};

/// Applies a call about a Classic Load Balancer.
pub(super) fn call(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let read = || query::read::<Request>(call, "ValidationError");
    match call.operation.as_str() {
        "RegisterInstancesWithLoadBalancer" => change(world, read()?, targets::register_classic),
        "DeregisterInstancesFromLoadBalancer" => {
            change(world, read()?, targets::deregister_classic)
        }
        "DescribeInstanceHealth" => health(world, read()?),
        other => Err(ApiError::unsupported(format!(
            "elasticloadbalancing:{other} (2012-06-01)"
        ))),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Request {
    load_balancer_name: String,
    #[serde(default)]
    instances: Vec<Named>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Named {
    instance_id: String,
}

impl Request {
    fn ids(&self) -> Vec<String> {
        self.instances
            .iter()
            .map(|i| i.instance_id.clone())
            .collect()
    }
}

/// Answers with the instances that are registered now.
fn change(
    world: &mut World,
    request: Request,
    change: impl Fn(&mut World, &str, &[String]) -> Result<(), ApiError>,
) -> Result<Value, ApiError> {
    let name = &request.load_balancer_name;
    change(world, name, &request.ids())?;
    let registered = targets::of(world, name).into_iter();
    let registered = registered.filter(|(_, state)| *state != TargetState::Draining);
    let shown: Vec<Value> = registered
        .map(|(id, _)| json!({"InstanceId": id}))
        .collect();
    Ok(json!({"Instances": shown}))
}

/// The health of the instances named, else of all that are registered or drain. "The state of terminated instances is
/// not returned."
fn health(world: &World, request: Request) -> Result<Value, ApiError> {
    let name = &request.load_balancer_name;
    targets::known_classic(world, name)?;
    let registered = targets::of(world, name);
    let ids = match request.ids() {
        ids if ids.is_empty() => registered.keys().cloned().collect(),
        ids => ids,
    };
    let mut shown = Vec::new();
    for id in ids {
        let state = registered.get(&id).copied();
        if state.is_none() {
            targets::once_registered(world, name, &id)?;
        }
        if world
            .visible_instance(&id)
            .is_some_and(|i| !i.state.is_ending())
        {
            shown.push(row(&id, state));
        }
    }
    Ok(json!({"InstanceStates": shown}))
}

fn row(id: &str, state: Option<TargetState>) -> Value {
    let (state, reason, description) = match state {
        Some(TargetState::Initial) => (
            "OutOfService",
            "ELB",
            "Instance registration is still in progress.",
        ),
        Some(TargetState::Healthy) => ("InService", "N/A", "N/A"),
        Some(TargetState::Unhealthy) => (
            "OutOfService",
            "Instance",
            "Instance has failed at least the UnhealthyThreshold number of health checks consecutively.",
        ),
        Some(TargetState::Draining) => (
            "InService",
            "N/A",
            "Instance deregistration currently in progress.",
        ),
        None => (
            "OutOfService",
            "Instance",
            "Instance is not currently registered with the LoadBalancer.",
        ),
    };
    json!({"InstanceId": id, "State": state, "ReasonCode": reason, "Description": description})
}
