//! Launch configurations: those that groups name.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{LONGEST_PAGE, limit};
use crate::sim::services::query::page;
use crate::sim::wire::ApiError;
use crate::sim::world::World;
use crate::sim::world::groups::LaunchSource;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Describe {
    #[serde(default)]
    launch_configuration_names: Vec<String>,
    max_records: Option<i64>,
    next_token: Option<String>,
}

pub(super) fn describe(world: &World, request: Describe) -> Result<Value, ApiError> {
    let limit = limit(request.max_records, LONGEST_PAGE)?;
    let names = &request.launch_configuration_names;
    let configurations = world.groups.values().filter_map(|g| match &g.launch {
        LaunchSource::Configuration(configuration) => Some(configuration),
        LaunchSource::Template(_) | LaunchSource::Mixed(_) => None,
    });
    let shown: BTreeMap<String, Value> = configurations
        .filter(|c| names.is_empty() || names.contains(&c.name))
        .map(|c| {
            let shown = json!({
                "LaunchConfigurationName": c.name,
                "ImageId": c.image,
                "InstanceType": c.instance_type,
                "BlockDeviceMappings": [],
            });
            (c.name.clone(), shown)
        })
        .collect();
    let items = shown.into_iter().collect();
    let (page, next) = page(items, request.next_token.as_deref(), limit)?;
    Ok(json!({"LaunchConfigurations": page, "NextToken": next}))
}
