//! EnterStandby and ExitStandby.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{changeable, invalid, shape};
use crate::sim::wire::ApiError;
use crate::sim::world::World;
use crate::sim::world::scaling::{capacity, standby};

/// One call moves at most this many instances.
const MOST_MOVED: usize = 20;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Enter {
    auto_scaling_group_name: String,
    #[serde(default)]
    instance_ids: Vec<String>,
    should_decrement_desired_capacity: bool,
}

pub(super) fn enter(world: &mut World, request: Enter) -> Result<Value, ApiError> {
    let name = &request.auto_scaling_group_name;
    check(world, name, &request.instance_ids)?;
    let decrement = request.should_decrement_desired_capacity;
    let begun = standby::enter(world, name, &request.instance_ids, decrement)?;
    Ok(activities(world, name, &begun))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Exit {
    auto_scaling_group_name: String,
    #[serde(default)]
    instance_ids: Vec<String>,
}

pub(super) fn exit(world: &mut World, request: Exit) -> Result<Value, ApiError> {
    let name = &request.auto_scaling_group_name;
    check(world, name, &request.instance_ids)?;
    let begun = standby::exit(world, name, &request.instance_ids)?;
    Ok(activities(world, name, &begun))
}

fn check(world: &World, name: &str, ids: &[String]) -> Result<(), ApiError> {
    changeable(world, name)?;
    if (1..=MOST_MOVED).contains(&ids.len()) {
        return Ok(());
    }
    Err(invalid(format!(
        "Between 1 and {MOST_MOVED} instance ids must be specified, found {}",
        ids.len()
    )))
}

fn activities(world: &World, name: &str, ids: &[String]) -> Value {
    let shown: Vec<Value> = ids
        .iter()
        .filter_map(|id| capacity::activity(world, name, id))
        .map(|a| shape::activity(world, name, a))
        .collect();
    json!({"Activities": shown})
}
