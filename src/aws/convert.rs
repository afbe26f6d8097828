//! SDK types to plain data, where several reads share them. A field that must be there and is not is a
//! fault, not a default.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_autoscaling::types::{
    AutoScalingGroup, Instance, LaunchTemplateSpecification, SuspendedProcess, TagDescription,
};
use aws_sdk_ec2::types::{Image, Tag};
use chrono::{DateTime, Utc};

use super::faults::{invalid, reported, required, text};
use crate::group::fault::Fault;
use crate::group::pin::{Pin, Slot};
use crate::group::seen::MemberSeen;
use crate::ids::{Balancer, InstanceId, TemplateId};
use crate::schedule::Capacity;

/// The types of traffic sources that are target groups of Elastic Load Balancing v2 or Classic Load Balancers.
const BALANCERS: [&str; 2] = ["elbv2", "elb"];
const DESCRIBE_GROUPS: &str = "autoscaling:DescribeAutoScalingGroups";

/// An instance as its group shows it.
pub(super) fn member(instance: &Instance) -> Result<(InstanceId, MemberSeen), Fault> {
    let id = text(instance.instance_id(), DESCRIBE_GROUPS, "InstanceId")?;
    let lifecycle = instance.lifecycle_state().map(|s| s.as_str());
    let lifecycle = reported(lifecycle, DESCRIBE_GROUPS, "LifecycleState")?;
    let version = instance.launch_template().map(launched_from).transpose()?;
    let member = MemberSeen {
        lifecycle: lifecycle.to_owned(),
        version,
    };
    Ok((id.into(), member))
}

/// The template that an instance was launched from, and the version's number.
fn launched_from(spec: &LaunchTemplateSpecification) -> Result<(TemplateId, u64), Fault> {
    let template = spec.launch_template_id();
    let template = text(template, DESCRIBE_GROUPS, "LaunchTemplateId of an instance")?;
    let version = text(spec.version(), DESCRIBE_GROUPS, "Version of an instance")?;
    let number = version
        .parse()
        .map_err(|_| invalid(DESCRIBE_GROUPS, "Version of an instance", version))?;
    Ok((template.into(), number))
}

/// The SDK's time as chrono's; none outside chrono's range.
pub(super) fn time(at: &aws_smithy_types::DateTime) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(at.secs(), at.subsec_nanos())
}

/// The size of an image's volumes, GiB; none if AWS does not say it of one of them.
pub(super) fn image_gib(image: &Image) -> Option<u32> {
    let volumes = image.block_device_mappings().iter().filter_map(|m| m.ebs());
    volumes
        .map(|ebs| ebs.volume_size().and_then(|gib| u32::try_from(gib).ok()))
        .sum()
}

/// A group's capacity, which must be possible: 0 <= min <= desired <= max.
pub(super) fn capacity(group: &AutoScalingGroup) -> Result<Capacity, Fault> {
    let field = |value: Option<i32>, name| required(value, DESCRIBE_GROUPS, name);
    let capacity = Capacity {
        min: field(group.min_size, "MinSize")?,
        max: field(group.max_size, "MaxSize")?,
        desired: field(group.desired_capacity, "DesiredCapacity")?,
    };
    let Capacity { min, max, desired } = capacity;
    if 0 <= min && min <= desired && desired <= max {
        Ok(capacity)
    } else {
        Err(invalid(
            DESCRIBE_GROUPS,
            "capacity (min-max-desired)",
            capacity,
        ))
    }
}

/// A group's tags.
pub(super) fn tags(group: &AutoScalingGroup) -> Result<BTreeMap<String, String>, Fault> {
    let tag = |t: &TagDescription| {
        let key = text(t.key(), DESCRIBE_GROUPS, "Key of a tag")?;
        let value = required(t.value(), DESCRIBE_GROUPS, "Value of a tag")?;
        Ok((key.to_owned(), value.to_owned()))
    };
    group.tags().iter().map(tag).collect()
}

fn pin(slot: Slot, spec: &LaunchTemplateSpecification) -> Result<Pin, Fault> {
    let template = text(
        spec.launch_template_id(),
        DESCRIBE_GROUPS,
        "LaunchTemplateId",
    )?;
    Ok(Pin {
        slot,
        template: template.into(),
        // An omitted version means the default one, and stays omitted when the pin is written back.
        version: spec.version().unwrap_or_default().to_owned(),
    })
}

/// How a group names its launch template versions: all specifications, base first.
pub(super) fn pins(group: &AutoScalingGroup) -> Result<Vec<Pin>, Fault> {
    let specifications = specifications(group).into_iter();
    specifications.map(|(slot, spec)| pin(slot, spec)).collect()
}

/// The pins of a group that make sense.
pub(super) fn readable_pins(group: &AutoScalingGroup) -> Vec<Pin> {
    let specifications = specifications(group).into_iter();
    specifications
        .filter_map(|(slot, spec)| pin(slot, spec).ok())
        .collect()
}

/// The launch template specifications of a group with their places, base first.
pub(super) fn specifications(
    group: &AutoScalingGroup,
) -> Vec<(Slot, &LaunchTemplateSpecification)> {
    let own = group.launch_template().map(|spec| (Slot::Template, spec));
    let policy = group.mixed_instances_policy();
    let template = policy.and_then(|p| p.launch_template());
    let base = template.and_then(|t| t.launch_template_specification());
    let overrides = template.map(|t| t.overrides()).unwrap_or_default();
    let overrides = overrides.iter().enumerate().filter_map(|(index, o)| {
        let spec = o.launch_template_specification()?;
        Some((Slot::Override(index), spec))
    });
    own.into_iter()
        .chain(base.map(|spec| (Slot::Base, spec)))
        .chain(overrides)
        .collect()
}

/// A group's suspended processes.
pub(super) fn suspended(group: &AutoScalingGroup) -> Result<BTreeSet<String>, Fault> {
    let name = |p: &SuspendedProcess| {
        text(p.process_name(), DESCRIBE_GROUPS, "ProcessName").map(str::to_owned)
    };
    group.suspended_processes().iter().map(name).collect()
}

/// The target groups and Classic Load Balancers with which a group's instances are registered: AWS names each in one
/// list or in two.
pub(super) fn balancers(group: &AutoScalingGroup) -> BTreeSet<Balancer> {
    let is_known = |kind: Option<&str>| kind.is_some_and(|k| BALANCERS.contains(&k));
    let sources = group.traffic_sources().iter();
    let sources = sources.filter(|s| is_known(s.r#type()));
    let lists = [group.target_group_arns(), group.load_balancer_names()];
    let listed = lists.into_iter().flatten().map(String::as_str);
    listed
        .chain(sources.filter_map(|s| s.identifier()))
        .map(Balancer::from)
        .collect()
}

/// A source of a group's traffic whose judgement of an instance cannot be asked for here: neither a target group of
/// Elastic Load Balancing v2 nor a Classic Load Balancer.
pub(super) fn other_load_balancer(group: &AutoScalingGroup) -> Option<String> {
    let known = balancers(group);
    let mut sources = group
        .traffic_sources()
        .iter()
        .filter_map(|s| s.identifier());
    sources.find(|id| !known.contains(*id)).map(str::to_owned)
}

/// The tags of an EC2 resource. A tag without key or value is a fault.
pub(super) fn ec2_tags(tags: &[Tag], operation: &str) -> Result<BTreeMap<String, String>, Fault> {
    let pair = |tag: &Tag| {
        let key = required(tag.key(), operation, "Key of a tag")?;
        let value = required(tag.value(), operation, "Value of a tag")?;
        Ok((key.to_owned(), value.to_owned()))
    };
    tags.iter().map(pair).collect()
}

/// The value of an EC2 resource's tag, if it has the tag. A tag without key or value is a fault.
pub(super) fn tag(tags: &[Tag], key: &str, operation: &str) -> Result<Option<String>, Fault> {
    for tag in tags {
        let (found, value) = (tag.key(), tag.value());
        let value = required(value, operation, "Value of a tag")?;
        if required(found, operation, "Key of a tag")? == key {
            return Ok(Some(value.to_owned()));
        }
    }
    Ok(None)
}
