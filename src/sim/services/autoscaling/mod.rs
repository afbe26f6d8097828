//! EC2 Auto Scaling.

mod activities;
mod configurations;
mod groups;
mod hooks;
mod request;
mod schedule;
mod shape;
mod standby;
mod tags;
mod update;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::query;
use crate::sim::calls::is_change;
use crate::sim::wire::{ApiError, Call};
use crate::sim::world::{World, scaling};

/// Pages hold this many unless asked otherwise.
const PAGE: usize = 50;

/// Pages hold at most this many.
const LONGEST_PAGE: usize = 100;

/// Applies an Auto Scaling call.
pub(super) fn call(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    if is_change(&call.operation)
        && let Some(name) = call.params.to_json()["AutoScalingGroupName"].as_str()
    {
        world.note_change(name);
    }
    match call.operation.as_str() {
        "DescribeAutoScalingGroups" => groups::describe(world, read(call)?),
        "DescribeAutoScalingInstances" => groups::describe_instances(world, read(call)?),
        "DescribeLaunchConfigurations" => configurations::describe(world, read(call)?),
        "DescribeWarmPool" => groups::describe_warm_pool(world, read(call)?),
        "DescribeLoadBalancerTargetGroups" => groups::describe_target_groups(world, read(call)?),
        "DescribeAccountLimits" => {
            read::<Nothing>(call)?;
            Ok(groups::account_limits(world))
        }
        "CreateAutoScalingGroup" => update::create(world, read(call)?),
        "UpdateAutoScalingGroup" => update::update(world, read(call)?),
        "DeleteAutoScalingGroup" => update::delete(world, read(call)?),
        "SetDesiredCapacity" => update::set_desired(world, read(call)?),
        "SuspendProcesses" => update::suspend(world, read(call)?),
        "ResumeProcesses" => update::resume(world, read(call)?),
        "SetInstanceProtection" => update::set_protection(world, read(call)?),
        "EnterStandby" => standby::enter(world, read(call)?),
        "ExitStandby" => standby::exit(world, read(call)?),
        "TerminateInstanceInAutoScalingGroup" => update::terminate_instance(world, read(call)?),
        "DescribeScalingActivities" => activities::describe(world, read(call)?),
        "StartInstanceRefresh" => activities::start_refresh(world, read(call)?),
        "DescribeInstanceRefreshes" => activities::describe_refreshes(world, read(call)?),
        "DescribeLifecycleHooks" => hooks::describe(world, read(call)?),
        "CompleteLifecycleAction" => hooks::complete(world, read(call)?),
        "PutLifecycleHook" => hooks::put(world, read(call)?),
        "DescribeScheduledActions" => schedule::describe(world, read(call)?),
        "PutScheduledUpdateGroupAction" => schedule::put(world, read(call)?),
        "DeleteScheduledAction" => schedule::delete(world, read(call)?),
        "CreateOrUpdateTags" => tags::create_or_update(world, read(call)?),
        "DeleteTags" => tags::delete(world, read(call)?),
        "DescribeTags" => tags::describe(world, read(call)?),
        other => Err(ApiError::unsupported(format!("autoscaling:{other}"))),
    }
}

fn read<T: DeserializeOwned>(call: &Call) -> Result<T, ApiError> {
    query::read(call, "ValidationError")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// A filter.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Filter {
    name: String,
    #[serde(default)]
    values: Vec<String>,
}

fn invalid(text: impl Into<String>) -> ApiError {
    ApiError::new("ValidationError", text)
}

/// How long a page may be.
fn limit(max_records: Option<i64>, longest: usize) -> Result<usize, ApiError> {
    match max_records {
        None => Ok(PAGE.min(longest)),
        Some(n) => usize::try_from(n)
            .ok()
            .filter(|n| (1..=longest).contains(n))
            .ok_or_else(|| {
                invalid(format!(
                    "1 validation error detected: Value '{n}' at 'maxRecords' failed to satisfy \
                     constraint: Member must be between 1 and {longest}"
                ))
            }),
    }
}

/// A group that may be changed.
fn changeable(world: &World, name: &str) -> Result<(), ApiError> {
    scaling::capacity::check_changeable(world, name)
}

fn done() -> Result<Value, ApiError> {
    Ok(json!({}))
}
