//! SDK types to plain data. A field that must be there and is not is a fault, not a default.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_autoscaling::types::{AutoScalingGroup, LaunchTemplateSpecification};
use aws_sdk_ec2::types::{Image, InstanceStateName};
use chrono::{DateTime, Utc};

use super::faults::missing;
use crate::group::facts::{GroupFacts, ImageFacts};
use crate::group::fault::Fault;
use crate::group::names::{ROLE_TAG, RUN_TAG};
use crate::group::pin::{Pin, Slot};
use crate::group::seen::{Ec2State, GroupSeen, ImageSeen, ImageState, InstanceSeen, Member};
use crate::schedule::{Capacity, ScheduledAction};
use crate::trigger::Selection;

const DESCRIBE_GROUPS: &str = "autoscaling:DescribeAutoScalingGroups";

/// A time of the SDK's as ours.
pub(super) fn time(at: &aws_smithy_types::DateTime) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(at.secs(), at.subsec_nanos())
}

fn capacity(group: &AutoScalingGroup) -> Result<Capacity, Fault> {
    let field = |value: Option<i32>, name| value.ok_or_else(|| missing(DESCRIBE_GROUPS, name));
    Ok(Capacity {
        min: field(group.min_size, "MinSize")?,
        max: field(group.max_size, "MaxSize")?,
        desired: field(group.desired_capacity, "DesiredCapacity")?,
    })
}

fn tags(group: &AutoScalingGroup) -> BTreeMap<String, String> {
    group
        .tags()
        .iter()
        .filter_map(|t| {
            Some((
                t.key()?.to_owned(),
                t.value().unwrap_or_default().to_owned(),
            ))
        })
        .collect()
}

fn pin(slot: Slot, spec: &LaunchTemplateSpecification) -> Result<Pin, Fault> {
    let template = spec
        .launch_template_id()
        .ok_or_else(|| missing(DESCRIBE_GROUPS, "LaunchTemplateId"))?;
    Ok(Pin {
        slot,
        template: template.to_owned(),
        // An omitted version means the default one.
        version: spec.version().unwrap_or("$Default").to_owned(),
    })
}

/// All specifications of a group, base first.
pub(super) fn pins(group: &AutoScalingGroup) -> Result<Vec<Pin>, Fault> {
    let mut pins = Vec::new();
    if let Some(spec) = group.launch_template() {
        pins.push(pin(Slot::Template, spec)?);
    }
    let template = group
        .mixed_instances_policy()
        .and_then(|p| p.launch_template());
    if let Some(template) = template {
        if let Some(spec) = template.launch_template_specification() {
            pins.push(pin(Slot::Base, spec)?);
        }
        for (index, o) in template.overrides().iter().enumerate() {
            if let Some(spec) = o.launch_template_specification() {
                pins.push(pin(Slot::Override(index), spec)?);
            }
        }
    }
    Ok(pins)
}

fn suspended(group: &AutoScalingGroup) -> BTreeSet<String> {
    group
        .suspended_processes()
        .iter()
        .filter_map(|p| p.process_name().map(str::to_owned))
        .collect()
}

/// A group as planning wants it.
pub fn group_facts(group: &AutoScalingGroup) -> Result<GroupFacts, Fault> {
    let name = group
        .auto_scaling_group_name()
        .ok_or_else(|| missing(DESCRIBE_GROUPS, "AutoScalingGroupName"))?;
    let overrides = group
        .mixed_instances_policy()
        .and_then(|p| p.launch_template())
        .map(|t| t.overrides())
        .unwrap_or_default();
    Ok(GroupFacts {
        name: name.to_owned(),
        capacity: capacity(group)?,
        tags: tags(group),
        pins: pins(group)?,
        launch_configuration: group.launch_configuration_name().map(str::to_owned),
        image_override: overrides.iter().any(|o| o.image_id().is_some()),
        weighted: overrides.iter().any(|o| o.weighted_capacity().is_some()),
        suspended: suspended(group),
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

/// A group as a pass wants it.
pub fn group_seen(group: &AutoScalingGroup, selection: &Selection) -> Result<GroupSeen, Fault> {
    let mut members = BTreeMap::new();
    for instance in group.instances() {
        let id = instance
            .instance_id()
            .ok_or_else(|| missing(DESCRIBE_GROUPS, "InstanceId"))?;
        let version = instance.launch_template().and_then(|t| {
            Some((
                t.launch_template_id()?.to_owned(),
                t.version()?.parse().ok()?,
            ))
        });
        members.insert(
            id.to_owned(),
            Member {
                lifecycle: instance
                    .lifecycle_state()
                    .map(|s| s.as_str().to_owned())
                    .unwrap_or_default(),
                healthy: instance
                    .health_status()
                    .is_none_or(|h| h.eq_ignore_ascii_case("healthy")),
                protected: instance.protected_from_scale_in().unwrap_or_default(),
                version,
            },
        );
    }
    Ok(GroupSeen {
        capacity: capacity(group)?,
        pins: pins(group)?,
        suspended: suspended(group),
        members,
        deleting: group.status().is_some(),
        opted_in: tags(group).get(&selection.tag_key) == Some(&selection.tag_value),
    })
}

/// A scheduled action with the group that it belongs to.
pub(super) fn scheduled_action(
    action: &aws_sdk_autoscaling::types::ScheduledUpdateGroupAction,
) -> Option<(String, ScheduledAction)> {
    let group = action.auto_scaling_group_name()?.to_owned();
    Some((
        group,
        ScheduledAction {
            name: action.scheduled_action_name()?.to_owned(),
            recurrence: action.recurrence().map(str::to_owned),
            time_zone: action.time_zone().map(str::to_owned),
            start_time: action.start_time().and_then(time),
            end_time: action.end_time().and_then(time),
            min: action.min_size(),
            max: action.max_size(),
            desired: action.desired_capacity(),
        },
    ))
}

fn tag<'a>(tags: &'a [aws_sdk_ec2::types::Tag], key: &str) -> Option<&'a str> {
    tags.iter().find(|t| t.key() == Some(key))?.value()
}

/// An image as planning wants it.
pub(super) fn image_facts(image: &Image) -> ImageFacts {
    ImageFacts {
        created_at: image
            .creation_date()
            .and_then(|d| DateTime::parse_from_rfc3339(d).ok())
            .map(|d| d.to_utc()),
        windows: image
            .platform()
            .is_some_and(|p| p.as_str().eq_ignore_ascii_case("windows")),
        available: image.state().is_some_and(|s| s.as_str() == "available"),
        run: tag(image.tags(), RUN_TAG).map(str::to_owned),
        gib: image
            .block_device_mappings()
            .iter()
            .filter_map(|m| m.ebs()?.volume_size())
            .map(i64::from)
            .sum(),
    }
}

/// An image as a pass wants it.
pub(super) fn image_seen(image: &Image) -> Option<ImageSeen> {
    let state = match image.state()?.as_str() {
        "available" => ImageState::Available,
        "pending" | "transient" => ImageState::Pending,
        _ => ImageState::Failed,
    };
    Some(ImageSeen {
        id: image.image_id()?.to_owned(),
        state,
        detail: image
            .state_reason()
            .and_then(|r| r.message())
            .unwrap_or("no reason given")
            .to_owned(),
        run: tag(image.tags(), RUN_TAG).map(str::to_owned),
    })
}

/// An instance as a pass wants it.
pub(super) fn instance_seen(
    instance: &aws_sdk_ec2::types::Instance,
) -> Option<(String, InstanceSeen)> {
    let state = match instance.state()?.name()? {
        InstanceStateName::Pending => Ec2State::Pending,
        InstanceStateName::Running => Ec2State::Running,
        InstanceStateName::Stopping | InstanceStateName::Stopped => Ec2State::Stopped,
        InstanceStateName::ShuttingDown | InstanceStateName::Terminated => Ec2State::Gone,
        _ => return None,
    };
    Some((
        instance.instance_id()?.to_owned(),
        InstanceSeen {
            state,
            launched_at: time(instance.launch_time()?)?,
            run: tag(instance.tags(), RUN_TAG).map(str::to_owned),
            role: tag(instance.tags(), ROLE_TAG).map(str::to_owned),
            image: instance.image_id().unwrap_or_default().to_owned(),
            windows: instance
                .platform()
                .is_some_and(|p| p.as_str().eq_ignore_ascii_case("windows")),
        },
    ))
}
