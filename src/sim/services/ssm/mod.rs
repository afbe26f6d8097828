//! Systems Manager: nodes, Run Command, patch states and Parameter Store.

mod commands;
mod invocations;
mod nodes;
mod parameters;
mod patches;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

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
        "ListTagsForResource" => parameters::list_tags(world, read(call)?),
        other => Err(ApiError::unsupported(format!("ssm:{other}"))),
    }
}

#[cfg(test)]
mod tests;

/// Reads a request. A parameter that nobody modelled is the simulator's fault, a wrong one the caller's.
fn read<T: DeserializeOwned>(call: &Call) -> Result<T, ApiError> {
    call.params.read().map_err(|why| {
        if why.contains("unknown field") {
            ApiError::unsupported(format!("a parameter of ssm:{}: {why}", call.operation))
        } else {
            invalid(why)
        }
    })
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

/// One page of an answer: how many items at most, and how many came before.
struct Page {
    skip: usize,
    size: usize,
}

impl Page {
    /// Reads the paging parameters; the page size must lie in `range`.
    fn new(
        size: Option<i64>,
        range: (i64, i64),
        default: usize,
        token: Option<&str>,
    ) -> Result<Self, ApiError> {
        let size = match size {
            None => default,
            Some(n) if (range.0..=range.1).contains(&n) => usize::try_from(n).unwrap_or(default),
            Some(n) => {
                return Err(invalid(format!(
                    "1 validation error detected: Value '{n}' at 'maxResults' failed to satisfy \
                     constraint: expected {} to {}",
                    range.0, range.1
                )));
            }
        };
        let skip = match token {
            None => 0,
            Some(token) => token
                .strip_prefix("AAEAA-")
                .and_then(|n| n.parse().ok())
                .ok_or_else(|| {
                    ApiError::new("InvalidNextToken", "The specified token isn't valid.")
                })?,
        };
        Ok(Self { skip, size })
    }

    /// Takes this page's items, and the next page's token if there is more.
    fn take<T>(&self, items: impl Iterator<Item = T>) -> (Vec<T>, Option<String>) {
        let mut items = items.skip(self.skip);
        let taken: Vec<T> = items.by_ref().take(self.size).collect();
        let more = items.next().is_some();
        let token = more.then(|| format!("AAEAA-{}", self.skip + self.size));
        (taken, token)
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
