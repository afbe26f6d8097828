//! Groups and their members as the wire shows them.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::sim::beliefs::{Flip, MemberShown};
use crate::sim::world::groups::{
    Activity, Group, LaunchSource, MemberNotes, MixedPolicy, TemplateSpec, WarmPool,
};
use crate::sim::world::{Instance, World, iso};

/// A group's ARN. Its middle is an id of the group, made of the name, since a name is unique.
pub(super) fn arn(world: &World, name: &str) -> String {
    let hash = |seed: u64| {
        name.bytes().fold(seed, |h, b| {
            (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
        })
    };
    let (a, b) = (hash(0xcbf2_9ce4_8422_2325), hash(0x9e37_79b9_7f4a_7c15));
    format!(
        "arn:aws:autoscaling:{}:{}:autoScalingGroup:{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}:autoScalingGroupName/{name}",
        world.region,
        world.account,
        a >> 32,
        a as u16,
        (a >> 16) & 0xfff,
        b >> 52,
        b & 0xffff_ffff_ffff,
    )
}

pub(super) fn group(world: &World, group: &Group, with_instances: bool) -> Value {
    let instances: Vec<Value> = if with_instances {
        members(world, group, false)
            .map(|(i, m)| instance(world, group, i, m))
            .collect()
    } else {
        Vec::new()
    };
    let tags: Vec<Value> = group
        .tags
        .iter()
        .map(|(key, tag)| self::tag(&group.name, key, &tag.value, tag.propagate))
        .collect();
    let suspended: Vec<Value> = group
        .suspended
        .iter()
        .map(|(process, why)| json!({"ProcessName": process, "SuspensionReason": why}))
        .collect();
    let (mut configuration, mut template, mut mixed) = (Value::Null, Value::Null, Value::Null);
    match &group.launch {
        LaunchSource::Configuration(c) => configuration = json!(c.name),
        LaunchSource::Template(spec) => template = self::template(spec),
        LaunchSource::Mixed(policy) => mixed = self::mixed(policy),
    }
    let warm_size = members(world, group, true).count();
    json!({
        "AutoScalingGroupName": group.name,
        "AutoScalingGroupARN": arn(world, &group.name),
        "LaunchConfigurationName": configuration,
        "LaunchTemplate": template,
        "MixedInstancesPolicy": mixed,
        "MinSize": group.min,
        "MaxSize": group.max,
        "DesiredCapacity": group.desired,
        "DefaultCooldown": group.default_cooldown_seconds,
        "AvailabilityZones": group.zones,
        "LoadBalancerNames": group.classic_load_balancers,
        "TargetGroupARNs": group.target_groups,
        "HealthCheckType": group.health_check_type,
        "HealthCheckGracePeriod": group.health_check_grace_seconds,
        "Instances": instances,
        "CreatedTime": iso(group.created_at),
        "SuspendedProcesses": suspended,
        "VPCZoneIdentifier": group.subnets.join(","),
        "EnabledMetrics": [],
        "Status": group.status,
        "Tags": tags,
        "TerminationPolicies": group.termination_policies,
        "NewInstancesProtectedFromScaleIn": group.new_instances_protected,
        "ServiceLinkedRoleARN": format!(
            "arn:aws:iam::{}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling",
            world.account
        ),
        "WarmPoolConfiguration": group.warm_pool.as_ref().map(warm_pool),
        "WarmPoolSize": group.warm_pool.as_ref().map(|_| warm_size),
        "CapacityRebalance": group.capacity_rebalance,
        "DesiredCapacityType": group.desired_capacity_type,
        "TrafficSources": group.load_balancers().map(traffic_source).collect::<Vec<_>>(),
        // On every group, whether they were set or not (recorded answers of 2025 and later).
        "AvailabilityZoneDistribution": {"CapacityDistributionStrategy": "balanced-best-effort"},
        "CapacityReservationSpecification": {"CapacityReservationPreference": "default"},
        "Operator": group.operator.as_ref().map(|p| json!({"Principal": p})),
    })
}

fn traffic_source(id: &String) -> Value {
    let kind = if id.starts_with("arn:") {
        "elbv2"
    } else {
        "elb"
    };
    json!({"Identifier": id, "Type": kind})
}

/// How long after its launch a member is not listed, beside EC2's own delay.
fn shown_after(world: &World, id: &str) -> TimeDelta {
    match world.beliefs.member_shown {
        MemberShown::Soon => TimeDelta::zero(),
        MemberShown::Late => {
            let sum: i64 = id.bytes().map(i64::from).sum();
            TimeDelta::seconds(10 + sum % 11)
        }
    }
}

/// The members that reads know, of the group proper or of its warm pool.
pub(super) fn members<'w>(
    world: &'w World,
    group: &'w Group,
    warm: bool,
) -> impl Iterator<Item = (&'w Instance, &'w MemberNotes)> {
    group.members.iter().filter_map(move |(id, member)| {
        let instance = world.visible_instance(id)?;
        if instance.launched_at + shown_after(world, id) > world.now {
            return None;
        }
        let lifecycle = &instance.membership.as_ref()?.lifecycle;
        (lifecycle.starts_with("Warmed") == warm).then_some((instance, member))
    })
}

pub(super) fn instance(
    world: &World,
    group: &Group,
    instance: &Instance,
    member: &MemberNotes,
) -> Value {
    let Some(m) = &instance.membership else {
        return Value::Null;
    };
    let symbols = world.beliefs.denies(Flip::MemberNamesItsVersion);
    let (mut configuration, mut template) = (Value::Null, Value::Null);
    match (&instance.template, &group.launch) {
        (Some((id, version)), launch) => {
            template = json!({
                "LaunchTemplateId": id,
                "LaunchTemplateName": template_name(launch, id),
                "Version": if symbols { group_version(launch) } else { version.to_string() },
            });
        }
        (None, LaunchSource::Configuration(c)) => configuration = json!(c.name),
        (None, LaunchSource::Template(_) | LaunchSource::Mixed(_)) => {}
    }
    json!({
        "InstanceId": instance.id,
        "InstanceType": instance.instance_type,
        "AvailabilityZone": instance.zone,
        "LifecycleState": m.lifecycle,
        "HealthStatus": if m.healthy { "Healthy" } else { "Unhealthy" },
        "LaunchConfigurationName": configuration,
        "LaunchTemplate": template,
        "ImageId": member.override_image,
        "ProtectedFromScaleIn": m.protected,
        "WeightedCapacity": (member.weight > 1).then(|| member.weight.to_string()),
    })
}

/// The version as a group names it.
fn group_version(launch: &LaunchSource) -> String {
    let spec = match launch {
        LaunchSource::Configuration(_) => None,
        LaunchSource::Template(spec) => Some(spec),
        LaunchSource::Mixed(policy) => Some(&policy.base),
    };
    spec.and_then(|s| s.version.clone()).unwrap_or_default()
}

fn template_name<'g>(launch: &'g LaunchSource, id: &str) -> Option<&'g str> {
    let specs: Vec<&TemplateSpec> = match launch {
        LaunchSource::Configuration(_) => Vec::new(),
        LaunchSource::Template(spec) => vec![spec],
        LaunchSource::Mixed(policy) => {
            let own = policy.overrides.iter().filter_map(|o| o.template.as_ref());
            std::iter::once(&policy.base).chain(own).collect()
        }
    };
    specs
        .into_iter()
        .find(|s| s.id == id)
        .map(|s| s.name.as_str())
}

fn template(spec: &TemplateSpec) -> Value {
    json!({
        "LaunchTemplateId": spec.id,
        "LaunchTemplateName": spec.name,
        "Version": spec.version,
    })
}

fn mixed(policy: &MixedPolicy) -> Value {
    let overrides: Vec<Value> = policy
        .overrides
        .iter()
        .map(|o| {
            json!({
                "InstanceType": o.instance_type,
                "WeightedCapacity": o.weight,
                "LaunchTemplateSpecification": o.template.as_ref().map(template),
                "ImageId": o.image,
                "InstanceRequirements": o.requirements,
            })
        })
        .collect();
    let d = &policy.distribution;
    json!({
        "LaunchTemplate": {
            "LaunchTemplateSpecification": template(&policy.base),
            "Overrides": overrides,
        },
        "InstancesDistribution": {
            "OnDemandAllocationStrategy": d.on_demand_strategy,
            "OnDemandBaseCapacity": d.on_demand_base,
            "OnDemandPercentageAboveBaseCapacity": d.on_demand_percentage,
            "SpotAllocationStrategy": d.spot_strategy,
            "SpotInstancePools": d.spot_pools,
            "SpotMaxPrice": d.spot_max_price,
        },
    })
}

pub(super) fn warm_pool(pool: &WarmPool) -> Value {
    json!({
        "MaxGroupPreparedCapacity": pool.max_prepared,
        "MinSize": pool.min,
        "PoolState": pool.state,
        "InstanceReusePolicy": {"ReuseOnScaleIn": pool.reuse_on_scale_in},
    })
}

pub(super) fn tag(group: &str, key: &str, value: &str, propagate: bool) -> Value {
    json!({
        "ResourceId": group,
        "ResourceType": "auto-scaling-group",
        "Key": key,
        "Value": value,
        "PropagateAtLaunch": propagate,
    })
}

pub(super) fn activity(world: &World, group: &str, activity: &Activity) -> Value {
    let subnet = world.groups.get(group).and_then(|g| {
        let at = g.zones.iter().position(|z| *z == activity.zone)?;
        g.subnets.get(at)
    });
    let details = json!({"Subnet ID": subnet, "Availability Zone": activity.zone});
    json!({
        "ActivityId": activity.id,
        "AutoScalingGroupName": group,
        "AutoScalingGroupARN": arn(world, group),
        "Description": activity.description,
        "Cause": activity.cause,
        "StartTime": iso(activity.started_at),
        "EndTime": activity.ended_at.map(iso),
        "StatusCode": activity.status,
        "StatusMessage": activity.message,
        "Progress": activity.progress,
        "Details": if activity.zone.is_empty() { "{}".to_owned() } else { details.to_string() },
    })
}
