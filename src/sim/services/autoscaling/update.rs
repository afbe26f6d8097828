//! Changing groups and their members.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::request::{Mixed, Spec, Wanted};
use super::{changeable, done, invalid, shape, tags};
use crate::sim::wire::ApiError;
use crate::sim::world::behaviour::Behaviour;
use crate::sim::world::groups::LaunchSource;
use crate::sim::world::scaling::capacity::{self, CapacityChange};
use crate::sim::world::{Group, World, scaling};

/// SetInstanceProtection takes at most this many instances.
const MOST_PROTECTED: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Update {
    auto_scaling_group_name: String,
    launch_configuration_name: Option<String>,
    launch_template: Option<Spec>,
    mixed_instances_policy: Option<Mixed>,
    min_size: Option<i64>,
    max_size: Option<i64>,
    desired_capacity: Option<i64>,
    default_cooldown: Option<i64>,
    availability_zones: Option<Vec<String>>,
    health_check_type: Option<String>,
    health_check_grace_period: Option<i64>,
    #[serde(rename = "VPCZoneIdentifier")]
    subnets: Option<String>,
    termination_policies: Option<Vec<String>>,
    new_instances_protected_from_scale_in: Option<bool>,
    capacity_rebalance: Option<bool>,
    desired_capacity_type: Option<String>,
}

/// DesiredCapacityType is one of three (botocore, CreateAutoScalingGroup).
fn check_capacity_type(given: Option<&String>) -> Result<(), ApiError> {
    match given.map(String::as_str) {
        None | Some("units" | "vcpu" | "memory-mib") => Ok(()),
        Some(other) => Err(invalid(format!(
            "DesiredCapacityType must be one of units, vcpu, memory-mib; found {other}"
        ))),
    }
}

pub(super) fn update(world: &mut World, request: Update) -> Result<Value, ApiError> {
    let name = request.auto_scaling_group_name;
    check_capacity_type(request.desired_capacity_type.as_ref())?;
    changeable(world, &name)?;
    let wanted = Wanted {
        configuration: request.launch_configuration_name,
        template: request.launch_template,
        mixed: request.mixed_instances_policy,
    };
    let before = world.group(&name)?.launch.clone();
    let launch = wanted.resolve(world, Some(&before))?;
    let change = CapacityChange {
        min: request.min_size,
        max: request.max_size,
        desired: request.desired_capacity,
    };
    // Nothing is changed unless everything is right.
    capacity::check(world, &name, change)?;
    if let Some(launch) = launch {
        capacity::set_launch(world, &name, launch)?;
    }
    let group = world.group_mut(&name)?;
    let set = |to: &mut i64, from: Option<i64>| *to = from.unwrap_or(*to);
    set(
        &mut group.default_cooldown_seconds,
        request.default_cooldown,
    );
    set(
        &mut group.health_check_grace_seconds,
        request.health_check_grace_period,
    );
    if let Some(v) = request.health_check_type {
        group.health_check_type = v;
    }
    if let Some(v) = request.availability_zones {
        group.zones = v;
    }
    if let Some(v) = request.subnets {
        group.subnets = v.split(',').map(str::to_owned).collect();
    }
    if let Some(v) = request.termination_policies {
        group.termination_policies = v;
    }
    if let Some(v) = request.new_instances_protected_from_scale_in {
        group.new_instances_protected = v;
    }
    group.capacity_rebalance = request.capacity_rebalance.or(group.capacity_rebalance);
    if request.desired_capacity_type.is_some() {
        group.desired_capacity_type = request.desired_capacity_type;
    }
    capacity::set(world, &name, change, "")?;
    done()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Create {
    auto_scaling_group_name: String,
    launch_template: Option<Spec>,
    mixed_instances_policy: Option<Mixed>,
    launch_configuration_name: Option<String>,
    min_size: i64,
    max_size: i64,
    desired_capacity: Option<i64>,
    default_cooldown: Option<i64>,
    availability_zones: Option<Vec<String>>,
    health_check_type: Option<String>,
    health_check_grace_period: Option<i64>,
    #[serde(rename = "VPCZoneIdentifier")]
    subnets: Option<String>,
    #[serde(rename = "TargetGroupARNs", default)]
    target_groups: Vec<String>,
    #[serde(rename = "LoadBalancerNames", default)]
    classic_load_balancers: Vec<String>,
    new_instances_protected_from_scale_in: Option<bool>,
    capacity_rebalance: Option<bool>,
    desired_capacity_type: Option<String>,
    #[serde(default)]
    tags: Vec<tags::TagRequest>,
}

pub(super) fn create(world: &mut World, request: Create) -> Result<Value, ApiError> {
    let name = request.auto_scaling_group_name;
    check_capacity_type(request.desired_capacity_type.as_ref())?;
    if world.groups.contains_key(&name) {
        let text = format!(
            "AutoScalingGroup by this name already exists - A group with the name {name} already exists"
        );
        return Err(ApiError::new("AlreadyExists", text));
    }
    if request.availability_zones.is_none() && request.subnets.is_none() {
        return Err(invalid(
            "At least one Availability Zone or VPC Subnet is required.",
        ));
    }
    let wanted = Wanted {
        configuration: request.launch_configuration_name,
        template: request.launch_template,
        mixed: request.mixed_instances_policy,
    };
    let launch = wanted.resolve(world, None)?.ok_or_else(|| {
        invalid(
            "Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId \
             or MixedInstancesPolicy parameter.",
        )
    })?;
    capacity::check_launch(world, &launch)?;
    let mut group = Group::new(&name, launch);
    group.zones = request
        .availability_zones
        .unwrap_or_else(|| ["a", "b"].map(|z| format!("{}{z}", world.region)).to_vec());
    group.subnets = request
        .subnets
        .map(|s| s.split(',').map(str::to_owned).collect())
        .unwrap_or_default();
    group.target_groups = request.target_groups;
    group.classic_load_balancers = request.classic_load_balancers;
    group.created_at = world.now;
    group.visible_at = world.visible_from();
    group.behaviour = usual_behaviour(world, &group.launch);
    if let Some(v) = request.health_check_type {
        group.health_check_type = v;
    }
    group.health_check_grace_seconds = request.health_check_grace_period.unwrap_or(0);
    group.default_cooldown_seconds = request.default_cooldown.unwrap_or(300);
    group.new_instances_protected = request
        .new_instances_protected_from_scale_in
        .unwrap_or(false);
    group.capacity_rebalance = request.capacity_rebalance;
    group.desired_capacity_type = request.desired_capacity_type;
    for tag in request.tags {
        let (key, tag) = tag.into_tag();
        group.tags.insert(key, tag);
    }
    let change = CapacityChange {
        min: Some(request.min_size),
        max: Some(request.max_size),
        desired: Some(request.desired_capacity.unwrap_or(request.min_size)),
    };
    world.put_group(group);
    if let Err(error) = capacity::set(world, &name, change, "") {
        world.groups.remove(&name);
        return Err(error);
    }
    done()
}

/// A new group behaves as another one that launches the same, if there is one.
fn usual_behaviour(world: &World, launch: &LaunchSource) -> Arc<Behaviour> {
    let same = world.groups.values().find(|g| g.launch == *launch);
    same.map(|g| g.behaviour.clone()).unwrap_or_default()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Delete {
    auto_scaling_group_name: String,
    force_delete: Option<bool>,
}

pub(super) fn delete(world: &mut World, request: Delete) -> Result<Value, ApiError> {
    let (name, force) = (request.auto_scaling_group_name, request.force_delete);
    changeable(world, &name)?;
    scaling::delete_group(world, &name, force.unwrap_or(false))?;
    done()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct SetDesired {
    auto_scaling_group_name: String,
    desired_capacity: i64,
    honor_cooldown: Option<bool>,
}

pub(super) fn set_desired(world: &mut World, request: SetDesired) -> Result<Value, ApiError> {
    let name = request.auto_scaling_group_name;
    changeable(world, &name)?;
    if request.honor_cooldown == Some(true) {
        capacity::check_cooldown(world, &name)?;
    }
    capacity::set_desired(world, &name, request.desired_capacity)?;
    done()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Processes {
    auto_scaling_group_name: String,
    #[serde(default)]
    scaling_processes: Vec<String>,
}

pub(super) fn suspend(world: &mut World, request: Processes) -> Result<Value, ApiError> {
    changeable(world, &request.auto_scaling_group_name)?;
    let (name, processes) = (&request.auto_scaling_group_name, &request.scaling_processes);
    capacity::suspend(world, name, processes)?;
    done()
}

pub(super) fn resume(world: &mut World, request: Processes) -> Result<Value, ApiError> {
    changeable(world, &request.auto_scaling_group_name)?;
    capacity::resume(
        world,
        &request.auto_scaling_group_name,
        &request.scaling_processes,
    )?;
    done()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Protection {
    auto_scaling_group_name: String,
    instance_ids: Vec<String>,
    protected_from_scale_in: bool,
}

pub(super) fn set_protection(world: &mut World, request: Protection) -> Result<Value, ApiError> {
    let name = request.auto_scaling_group_name;
    changeable(world, &name)?;
    if request.instance_ids.len() > MOST_PROTECTED {
        return Err(invalid(format!(
            "At most {MOST_PROTECTED} instance ids may be specified"
        )));
    }
    capacity::set_protection(
        world,
        &name,
        &request.instance_ids,
        request.protected_from_scale_in,
    )?;
    done()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Terminate {
    instance_id: String,
    should_decrement_desired_capacity: bool,
}

pub(super) fn terminate_instance(world: &mut World, request: Terminate) -> Result<Value, ApiError> {
    let id = &request.instance_id;
    if let Some(m) = world.instances.get(id).and_then(|i| i.membership.as_ref()) {
        changeable(world, &m.group.clone())?;
    }
    let decrement = request.should_decrement_desired_capacity;
    let (name, activity) = capacity::terminate_instance(world, id, decrement)?;
    let activity = capacity::activity(world, &name, &activity);
    Ok(json!({"Activity": activity.map(|a| shape::activity(world, &name, a))}))
}
