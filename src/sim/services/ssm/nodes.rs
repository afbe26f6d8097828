//! DescribeInstanceInformation.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{KeyValues, invalid, size};
use crate::sim::services::ec2::private_ip;
use crate::sim::services::query;
use crate::sim::wire::ApiError;
use crate::sim::world::instance::{Agent, Instance, InstanceState};
use crate::sim::world::{World, epoch};

const AGENT_VERSION: &str = "3.3.2746.0";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Describe {
    #[serde(default)]
    filters: Vec<KeyValues>,
    #[serde(default)]
    instance_information_filter_list: Vec<LegacyFilter>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LegacyFilter {
    key: String,
    #[serde(rename = "valueSet")]
    value_set: Vec<String>,
}

/// A registered node.
type Node<'w> = (&'w Instance, &'w Agent);

/// Every node that the service shows: registered and running.
pub(super) fn registered(world: &World) -> impl Iterator<Item = Node<'_>> {
    world.instances.values().filter_map(registration)
}

/// The registration of an instance that the service shows.
pub(super) fn registration(instance: &Instance) -> Option<Node<'_>> {
    let agent = instance.agent.as_ref()?;
    (instance.state == InstanceState::Running).then_some((instance, agent))
}

pub(super) fn describe<'w>(world: &'w World, request: Describe) -> Result<Value, ApiError> {
    if !request.filters.is_empty() && !request.instance_information_filter_list.is_empty() {
        return Err(invalid(
            "Filters and InstanceInformationFilterList cannot be used together.",
        ));
    }
    let mut filters = request.filters;
    filters.extend(
        request
            .instance_information_filter_list
            .into_iter()
            .map(|f| KeyValues {
                key: f.key,
                values: f.value_set,
            }),
    );
    check(&filters)?;
    let limit = size(request.max_results, (5, 50), 10)?;
    let keyed = |node: Node<'w>| (node.0.id.clone(), node);
    let passes = |node: &Node<'w>| filters.iter().all(|f| matches(world, f, node));
    let token = request.next_token.as_deref();
    // The usual question names its instances: look those up rather than walk through all.
    let (nodes, token) = match filters.iter().find(|f| f.key == "InstanceIds") {
        Some(ids) => {
            let ids: BTreeSet<&String> = ids.values.iter().collect();
            let nodes = ids
                .into_iter()
                .filter_map(|id| world.instances.get(id).and_then(registration));
            query::page_of(nodes.filter(passes).map(keyed), token, limit)?
        }
        None => {
            let rest = query::rest_of(&world.instances, token)?;
            let nodes = rest.filter_map(|(_, instance)| registration(instance));
            query::page_of(nodes.filter(passes).map(keyed), token, limit)?
        }
    };
    let rows: Vec<Value> = nodes.into_iter().map(|node| row(world, node)).collect();
    Ok(json!({"InstanceInformationList": rows, "NextToken": token}))
}

fn check(filters: &[KeyValues]) -> Result<(), ApiError> {
    let tags = filters.iter().filter(|f| is_tag(&f.key)).count();
    if tags > 0 && tags < filters.len() {
        return Err(ApiError::new(
            "InvalidInstanceInformationFilterValue",
            "Tag filters cannot be combined with other filters.",
        ));
    }
    for filter in filters {
        if filter.values.is_empty() || filter.values.len() > 100 {
            return Err(invalid(format!(
                "filter {}: expected 1 to 100 values, found {}",
                filter.key,
                filter.values.len()
            )));
        }
        let known = [
            "InstanceIds",
            "PingStatus",
            "AgentVersion",
            "PlatformTypes",
            "ResourceType",
        ];
        if !is_tag(&filter.key) && !known.contains(&filter.key.as_str()) {
            return Err(ApiError::new(
                "InvalidFilterKey",
                format!("the filter key '{}' is not valid", filter.key),
            ));
        }
    }
    Ok(())
}

fn is_tag(key: &str) -> bool {
    key.starts_with("tag:") || key == "tag-key"
}

fn matches(world: &World, filter: &KeyValues, (instance, agent): &(&Instance, &Agent)) -> bool {
    let one_of = |value: &str| filter.values.iter().any(|v| v == value);
    match filter.key.as_str() {
        "InstanceIds" => one_of(&instance.id),
        "PingStatus" => one_of(agent.ping_status(world.now)),
        "AgentVersion" => one_of(AGENT_VERSION),
        "PlatformTypes" => one_of(&agent.platform),
        "ResourceType" => one_of("EC2Instance"),
        "tag-key" => instance.tags.keys().any(|k| one_of(k)),
        key => key
            .strip_prefix("tag:")
            .and_then(|k| instance.tags.get(k))
            .is_some_and(|v| one_of(v)),
    }
}

fn row(world: &World, (instance, agent): (&Instance, &Agent)) -> Value {
    let (name, version) = if agent.platform == "Windows" {
        ("Microsoft Windows Server 2022 Datacenter", "10.0.20348")
    } else {
        ("Amazon Linux", "2023")
    };
    json!({
        "InstanceId": instance.id,
        "PingStatus": agent.ping_status(world.now),
        "LastPingDateTime": epoch(agent.pinged_at(world.now)),
        "AgentVersion": AGENT_VERSION,
        "IsLatestVersion": true,
        "PlatformType": agent.platform,
        "PlatformName": name,
        "PlatformVersion": version,
        "ResourceType": "EC2Instance",
        "SourceId": instance.id,
        "SourceType": "AWS::EC2::Instance",
        "IPAddress": private_ip(instance),
        "ComputerName": format!("{}.{}.compute.internal", instance.id, world.region),
        // The inventory and agent-update associations that most accounts have (recorded).
        "AssociationStatus": "Success",
    })
}
