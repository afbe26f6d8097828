//! Reading groups and their members.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Filter, LONGEST_PAGE, PAGE, invalid, limit, shape};
use crate::sim::services::query::{page, page_of, rest_of};
use crate::sim::wire::ApiError;
use crate::sim::world::{Group, World};

/// Groups that one account and region may hold.
const MOST_GROUPS: usize = 500;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Describe {
    #[serde(default)]
    auto_scaling_group_names: Vec<String>,
    include_instances: Option<bool>,
    include_managed_resources: Option<bool>,
    next_token: Option<String>,
    max_records: Option<i64>,
    #[serde(default)]
    filters: Vec<Filter>,
}

pub(super) fn describe(world: &World, request: Describe) -> Result<Value, ApiError> {
    let limit = limit(request.max_records, LONGEST_PAGE)?;
    let names = &request.auto_scaling_group_names;
    if names.len() > limit {
        let text = format!(
            "You may specify at most {limit} AutoScalingGroup names, found {}",
            names.len()
        );
        return Err(invalid(text));
    }
    for filter in &request.filters {
        check_filter(&filter.name)?;
    }
    let managed = request.include_managed_resources.unwrap_or(true);
    let wanted = |g: &&Group| {
        g.visible_at <= world.now
            && (managed || g.operator.is_none())
            && request.filters.iter().all(|f| passes(g, f))
    };
    let token = request.next_token.as_deref();
    let found: Box<dyn Iterator<Item = &Group>> = if names.is_empty() {
        Box::new(rest_of(&world.groups, token)?.map(|(_, g)| g))
    } else {
        let names: BTreeSet<&String> = names.iter().collect();
        Box::new(names.into_iter().filter_map(|n| world.groups.get(n)))
    };
    let items = found.filter(wanted).map(|g| (g.name.clone(), g));
    let (groups, next) = page_of(items, token, limit)?;
    let with_instances = request.include_instances.unwrap_or(true);
    let groups: Vec<Value> = groups
        .into_iter()
        .map(|g| shape::group(world, world.shown(g), with_instances))
        .collect();
    Ok(json!({"AutoScalingGroups": groups, "NextToken": next}))
}

fn check_filter(name: &str) -> Result<(), ApiError> {
    if name == "tag-key" || name == "tag-value" || name.starts_with("tag:") {
        return Ok(());
    }
    Err(invalid(format!(
        "Filter type {name} is not correct. Allowed Filter types are: tag-key, tag-value, tag:<key>"
    )))
}

/// The first colon ends `tag:`; the rest is the key, colons and all.
fn passes(group: &Group, filter: &Filter) -> bool {
    let values = &filter.values;
    match filter.name.split_once(':') {
        Some((_, key)) => group
            .tags
            .get(key)
            .is_some_and(|t| values.contains(&t.value)),
        None if filter.name == "tag-key" => group.tags.keys().any(|k| values.contains(k)),
        None => group.tags.values().any(|t| values.contains(&t.value)),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeInstances {
    #[serde(default)]
    instance_ids: Vec<String>,
    max_records: Option<i64>,
    next_token: Option<String>,
}

pub(super) fn describe_instances(
    world: &World,
    request: DescribeInstances,
) -> Result<Value, ApiError> {
    let limit = limit(request.max_records, PAGE)?;
    if request.instance_ids.len() > PAGE {
        return Err(invalid(format!(
            "You may specify at most {PAGE} instance ids"
        )));
    }
    let ids: BTreeSet<&String> = if request.instance_ids.is_empty() {
        world.instances.keys().collect()
    } else {
        request.instance_ids.iter().collect()
    };
    let items = ids
        .into_iter()
        .filter_map(|id| {
            let instance = world.visible_instance(id)?;
            let group = world.groups.get(&instance.membership.as_ref()?.group)?;
            let member = group.members.get(id)?;
            let mut value = shape::instance(world, group, instance, member);
            value["AutoScalingGroupName"] = json!(group.name);
            // This operation, alone, writes health in capitals.
            let health = value["HealthStatus"].as_str().map(str::to_uppercase);
            value["HealthStatus"] = json!(health);
            Some((id.clone(), value))
        })
        .collect();
    let (instances, next) = page(items, request.next_token.as_deref(), limit)?;
    Ok(json!({"AutoScalingInstances": instances, "NextToken": next}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct OfGroup {
    auto_scaling_group_name: String,
    max_records: Option<i64>,
    next_token: Option<String>,
}

pub(super) fn describe_warm_pool(world: &World, request: OfGroup) -> Result<Value, ApiError> {
    let group = world.group(&request.auto_scaling_group_name)?;
    let items = shape::members(world, group, true)
        .map(|(i, m)| (i.id.clone(), shape::instance(world, group, i, m)))
        .collect();
    let limit = limit(request.max_records, PAGE)?;
    let (instances, next) = page(items, request.next_token.as_deref(), limit)?;
    let pool = group.warm_pool.as_ref().map(shape::warm_pool);
    Ok(json!({"WarmPoolConfiguration": pool, "Instances": instances, "NextToken": next}))
}

pub(super) fn describe_target_groups(world: &World, request: OfGroup) -> Result<Value, ApiError> {
    let group = world.group(&request.auto_scaling_group_name)?;
    let items = group
        .target_groups
        .iter()
        .map(|arn| {
            let shown = json!({"LoadBalancerTargetGroupARN": arn, "State": "InService"});
            (arn.clone(), shown)
        })
        .collect();
    let limit = limit(request.max_records, LONGEST_PAGE)?;
    let (groups, next) = page(items, request.next_token.as_deref(), limit)?;
    Ok(json!({"LoadBalancerTargetGroups": groups, "NextToken": next}))
}

pub(super) fn account_limits(world: &World) -> Value {
    json!({
        "MaxNumberOfAutoScalingGroups": MOST_GROUPS.max(world.groups.len()),
        "MaxNumberOfLaunchConfigurations": 200,
        "NumberOfAutoScalingGroups": world.groups.len(),
        "NumberOfLaunchConfigurations": 0,
    })
}
