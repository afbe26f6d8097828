//! Lifecycle hooks.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{changeable, done, invalid};
use crate::sim::wire::ApiError;
use crate::sim::world::World;
use crate::sim::world::groups::{LifecycleHook, Transition};
use crate::sim::world::scaling::hooks;

/// A lifecycle action lasts at most 48 hours, however often its heartbeat is recorded.
const LONGEST_ACTION_SECONDS: i64 = 48 * 3600;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Describe {
    auto_scaling_group_name: String,
    #[serde(default)]
    lifecycle_hook_names: Vec<String>,
}

pub(super) fn describe(world: &World, request: Describe) -> Result<Value, ApiError> {
    let group = world.group(&request.auto_scaling_group_name)?;
    let names = &request.lifecycle_hook_names;
    let hooks: Vec<Value> = group
        .hooks
        .iter()
        .filter(|h| names.is_empty() || names.contains(&h.name))
        .map(|h| {
            json!({
                "LifecycleHookName": h.name,
                "AutoScalingGroupName": group.name,
                "LifecycleTransition": h.transition.name(),
                "HeartbeatTimeout": h.heartbeat_seconds,
                "GlobalTimeout": (h.heartbeat_seconds * 100).min(LONGEST_ACTION_SECONDS),
                "DefaultResult": if h.default_continue { "CONTINUE" } else { "ABANDON" },
            })
        })
        .collect();
    Ok(json!({"LifecycleHooks": hooks}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Put {
    lifecycle_hook_name: String,
    auto_scaling_group_name: String,
    lifecycle_transition: Option<String>,
    heartbeat_timeout: Option<i64>,
    default_result: Option<String>,
}

pub(super) fn put(world: &mut World, request: Put) -> Result<Value, ApiError> {
    let name = request.auto_scaling_group_name;
    changeable(world, &name)?;
    let transition = match request.lifecycle_transition.as_deref() {
        Some("autoscaling:EC2_INSTANCE_LAUNCHING") => Transition::Launching,
        Some("autoscaling:EC2_INSTANCE_TERMINATING") => Transition::Terminating,
        other => return Err(invalid(format!("Invalid lifecycle transition: {other:?}"))),
    };
    let heartbeat_seconds = request.heartbeat_timeout.unwrap_or(3600);
    if !(30..=7200).contains(&heartbeat_seconds) {
        return Err(invalid(
            "Heartbeat timeout must be between 30 and 7200 seconds",
        ));
    }
    let default_continue = goes_on(request.default_result.as_deref().unwrap_or("ABANDON"))?;
    let group = world.group_mut(&name)?;
    group
        .hooks
        .retain(|h| h.name != request.lifecycle_hook_name);
    group.hooks.push(LifecycleHook {
        name: request.lifecycle_hook_name,
        transition,
        heartbeat_seconds,
        default_continue,
        completed_after_seconds: None,
    });
    done()
}

fn goes_on(result: &str) -> Result<bool, ApiError> {
    match result {
        "CONTINUE" => Ok(true),
        "ABANDON" => Ok(false),
        other => Err(invalid(format!("Invalid lifecycle action result: {other}"))),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Complete {
    lifecycle_hook_name: String,
    auto_scaling_group_name: String,
    lifecycle_action_token: Option<String>,
    lifecycle_action_result: String,
    instance_id: Option<String>,
}

pub(super) fn complete(world: &mut World, request: Complete) -> Result<Value, ApiError> {
    let goes_on = goes_on(&request.lifecycle_action_result)?;
    hooks::complete(
        world,
        &request.auto_scaling_group_name,
        &request.lifecycle_hook_name,
        request.instance_id.as_deref(),
        request.lifecycle_action_token.as_deref(),
        goes_on,
    )?;
    done()
}
