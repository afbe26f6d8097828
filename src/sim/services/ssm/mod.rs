//! Systems Manager: nodes, Run Command, Automation, patch states and Parameter Store.

mod automations;
mod calendars;
mod commands;
mod documents;
mod invocations;
mod maintenance;
mod nodes;
mod parameters;
mod patch_facts;
mod patches;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::sim::services::query;
use crate::sim::wire::{ApiError, Call};
use crate::sim::world::World;

/// Applies a Systems Manager call to the world.
pub(super) fn call(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    match call.operation.as_str() {
        "DescribeInstanceInformation" => nodes::describe(world, read(call)?),
        "SendCommand" => commands::send(world, read(call)?),
        "CancelCommand" => commands::cancel(world, read(call)?),
        "ListCommands" => commands::list(world, read(call)?),
        "ListCommandInvocations" => invocations::list(world, read(call)?),
        "GetCommandInvocation" => invocations::get(world, read(call)?),
        "CreateDocument" => documents::create(world, read(call)?),
        "GetDocument" => documents::get(world, read(call)?),
        "DescribeDocument" => documents::describe(world, read(call)?),
        "DeleteDocument" => documents::delete(world, read(call)?),
        "StartAutomationExecution" => automations::start(world, read(call)?),
        "GetAutomationExecution" => automations::get(world, read(call)?),
        "DescribeAutomationExecutions" => automations::describe(world, read(call)?),
        "StopAutomationExecution" => automations::stop(world, read(call)?),
        "GetCalendarState" => calendars::state(world, read(call)?),
        "DescribeInstancePatchStates" => patches::states(world, read(call)?),
        "DescribeInstancePatches" => patches::list(world, read(call)?),
        "PutParameter" => parameters::put(world, read(call)?),
        "GetParameter" => parameters::get(world, read(call)?),
        "GetParameters" => parameters::get_many(world, read(call)?),
        "GetParametersByPath" => parameters::by_path(world, read(call)?),
        "DescribeParameters" => parameters::describe(world, read(call)?),
        "DeleteParameter" => parameters::delete(world, read(call)?),
        "DeleteParameters" => parameters::delete_many(world, read(call)?),
        "AddTagsToResource" => parameters::add_tags(world, read(call)?),
        "RemoveTagsFromResource" => parameters::remove_tags(world, read(call)?),
        "CreateMaintenanceWindow" => maintenance::create(world, read(call)?),
        "GetMaintenanceWindow" => maintenance::get(world, read(call)?),
        "UpdateMaintenanceWindow" => maintenance::update(world, read(call)?),
        "DeleteMaintenanceWindow" => maintenance::delete(world, read(call)?),
        "DescribeMaintenanceWindows" => maintenance::describe(world, read(call)?),
        "RegisterTaskWithMaintenanceWindow" => maintenance::register(world, read(call)?),
        "DescribeMaintenanceWindowTasks" => maintenance::tasks(world, read(call)?),
        "GetMaintenanceWindowTask" => maintenance::task(world, read(call)?),
        "ListTagsForResource" => parameters::list_tags(world, read(call)?),
        other => Err(ApiError::unsupported(format!("ssm:{other}"))),
    }
}

#[cfg(test)]
mod tests;

fn read<T: DeserializeOwned>(call: &Call) -> Result<T, ApiError> {
    query::read(call, "ValidationException")
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}

/// A filter as most operations take it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct KeyValues {
    key: String,
    values: Vec<String>,
}

/// The page size asked for, which must lie in `range`.
fn size(asked: Option<i64>, range: (i64, i64), default: usize) -> Result<usize, ApiError> {
    match asked {
        None => Ok(default),
        Some(n) if (range.0..=range.1).contains(&n) => Ok(usize::try_from(n).unwrap_or(default)),
        Some(n) => Err(invalid(format!(
            "1 validation error detected: Value '{n}' at 'maxResults' failed to satisfy \
             constraint: expected {} to {}",
            range.0, range.1
        ))),
    }
}

/// A time in a filter.
fn time(text: &str) -> Result<DateTime<Utc>, ApiError> {
    DateTime::parse_from_rfc3339(text)
        .map(|t| t.with_timezone(&Utc))
        .map_err(|_| {
            ApiError::new(
                "InvalidFilterKey",
                format!("expected a time such as 2026-10-14T04:00:00Z, found '{text}'"),
            )
        })
}
