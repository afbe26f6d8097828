//! Elastic Load Balancing v2: targets and their health.

use serde::Deserialize;
use serde_json::{Value, json};

use super::query;
use crate::sim::wire::{ApiError, Call};
use crate::sim::world::World;
use crate::sim::world::scaling::targets::{self, TargetState};

/// The port of every target group.
const PORT: u32 = 80;

/// Applies an Elastic Load Balancing call.
pub(super) fn call(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    match call.operation.as_str() {
        "DescribeTargetHealth" => health(world, query::read(call, "ValidationError")?),
        "RegisterTargets" => change(
            world,
            query::read(call, "ValidationError")?,
            targets::register,
        ),
        "DeregisterTargets" => change(
            world,
            query::read(call, "ValidationError")?,
            targets::deregister,
        ),
        other => Err(ApiError::unsupported(format!(
            "elasticloadbalancing:{other}"
        ))),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Describe {
    target_group_arn: String,
    #[serde(default)]
    targets: Vec<Target>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Change {
    target_group_arn: String,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Target {
    id: String,
    port: Option<u32>,
}

fn change(
    world: &mut World,
    request: Change,
    change: impl Fn(&mut World, &str, &[String]) -> Result<(), ApiError>,
) -> Result<Value, ApiError> {
    if let Some(target) = request.targets.iter().find(|t| t.port.is_some()) {
        let text = format!("a port override for the target {}", target.id);
        return Err(ApiError::unsupported(text));
    }
    let ids: Vec<String> = request.targets.into_iter().map(|t| t.id).collect();
    change(world, &request.target_group_arn, &ids)?;
    Ok(json!({}))
}

/// The health of the targets named, else of all that are registered or drain.
fn health(world: &World, request: Describe) -> Result<Value, ApiError> {
    let arn = &request.target_group_arn;
    targets::known(world, arn)?;
    let registered = targets::of(world, arn);
    let shown: Vec<Value> = if request.targets.is_empty() {
        let all = registered.iter();
        all.map(|(id, state)| row(id, PORT, Some(*state))).collect()
    } else {
        let named = request.targets.iter();
        named
            .map(|t| {
                let state = registered.get(&t.id).copied();
                row(&t.id, t.port.unwrap_or(PORT), state)
            })
            .collect()
    };
    Ok(json!({"TargetHealthDescriptions": shown}))
}

fn row(id: &str, port: u32, state: Option<TargetState>) -> Value {
    let (state, reason) = match state {
        Some(TargetState::Initial) => ("initial", Some("Elb.InitialHealthChecking")),
        Some(TargetState::Healthy) => ("healthy", None),
        Some(TargetState::Unhealthy) => ("unhealthy", Some("Target.Timeout")),
        Some(TargetState::Draining) => ("draining", Some("Target.DeregistrationInProgress")),
        None => ("unused", Some("Target.NotRegistered")),
    };
    json!({
        "Target": {"Id": id, "Port": port},
        "HealthCheckPort": port.to_string(),
        "TargetHealth": {"State": state, "Reason": reason},
    })
}
