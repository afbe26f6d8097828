//! All groups: which of them opted in is decided by [`crate::request::Selection::wants`].

use std::collections::BTreeMap;

use aws_sdk_autoscaling::types::AutoScalingGroup;

use super::GROUPS_PER_PAGE;
use crate::aws::Clients;
use crate::aws::convert::{capacity, pins, suspended, tags};
use crate::aws::faults::text;
use crate::aws::paging::every;
use crate::group::facts::GroupFacts;
use crate::group::fault::Fault;
use crate::ids::GroupName;

const OPERATION: &str = "autoscaling:DescribeAutoScalingGroups";

/// All groups of the account and region, by name.
///
/// # Errors
/// A call that failed, or a group that makes no sense.
pub async fn find_groups(clients: &Clients) -> Result<BTreeMap<GroupName, GroupFacts>, Fault> {
    let pages = clients
        .autoscaling
        .describe_auto_scaling_groups()
        .include_instances(false)
        .max_records(GROUPS_PER_PAGE)
        .into_paginator()
        .items()
        .send();
    let groups: Vec<AutoScalingGroup> = every(OPERATION, pages).await?;
    groups
        .iter()
        .map(|g| group_facts(g).map(|f| (f.name.clone(), f)))
        .collect()
}

fn group_facts(group: &AutoScalingGroup) -> Result<GroupFacts, Fault> {
    let name = group.auto_scaling_group_name();
    let name = text(name, OPERATION, "AutoScalingGroupName")?;
    let overrides = group
        .mixed_instances_policy()
        .and_then(|p| p.launch_template())
        .map(|t| t.overrides())
        .unwrap_or_default();
    Ok(GroupFacts {
        name: name.into(),
        capacity: capacity(group)?,
        tags: tags(group)?,
        propagated: group
            .tags()
            .iter()
            .filter(|t| t.propagate_at_launch() == Some(true))
            .filter_map(|t| t.key().map(str::to_owned))
            .collect(),
        pins: pins(group)?,
        launch_configuration: group.launch_configuration_name().map(str::to_owned),
        image_override: overrides.iter().any(|o| o.image_id().is_some()),
        weighted: overrides.iter().any(|o| o.weighted_capacity().is_some()),
        capacity_unit: group
            .desired_capacity_type()
            .filter(|unit| *unit != "units")
            .map(str::to_owned),
        suspended: suspended(group)?,
        operator: group
            .operator()
            .and_then(|o| o.principal())
            .map(str::to_owned),
        deleting: group.status().is_some(),
        warm_pool: group.warm_pool_configuration().is_some(),
        load_balanced: !group.target_group_arns().is_empty()
            || !group.load_balancer_names().is_empty()
            || !group.traffic_sources().is_empty(),
    })
}
