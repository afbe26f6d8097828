//! SDK types to plain data. A field that must be there and is not is a fault, not a default.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_autoscaling::types::{AutoScalingGroup, LaunchTemplateSpecification};
use aws_sdk_ec2::types::{Image, InstanceStateName};
use chrono::{DateTime, Utc};

use super::faults::{invalid, reported, required, text};
use crate::group::facts::{GroupFacts, ImageFacts};
use crate::group::fault::Fault;
use crate::group::names::{ROLE_TAG, RUN_TAG, SECONDS_TAG};
use crate::group::pin::{Pin, Slot};
use crate::group::seen::{Ec2State, GroupSeen, ImageSeen, ImageState, InstanceSeen, Member};
use crate::ids::{GroupName, ImageId, InstanceId, RunId, TemplateId};
use crate::request::OptInTag;
use crate::schedule::{Capacity, ScheduledAction};

const DESCRIBE_GROUPS: &str = "autoscaling:DescribeAutoScalingGroups";
const DESCRIBE_ACTIONS: &str = "autoscaling:DescribeScheduledActions";
const DESCRIBE_IMAGES: &str = "ec2:DescribeImages";
const DESCRIBE_INSTANCES: &str = "ec2:DescribeInstances";

/// A time of the SDK's as ours.
pub(super) fn time(at: &aws_smithy_types::DateTime) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(at.secs(), at.subsec_nanos())
}

fn capacity(group: &AutoScalingGroup) -> Result<Capacity, Fault> {
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

fn tags(group: &AutoScalingGroup) -> Result<BTreeMap<String, String>, Fault> {
    let tag = |t: &aws_sdk_autoscaling::types::TagDescription| {
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

fn suspended(group: &AutoScalingGroup) -> Result<BTreeSet<String>, Fault> {
    let name = |p: &aws_sdk_autoscaling::types::SuspendedProcess| {
        text(p.process_name(), DESCRIBE_GROUPS, "ProcessName").map(str::to_owned)
    };
    group.suspended_processes().iter().map(name).collect()
}

/// A group as planning wants it.
pub fn group_facts(group: &AutoScalingGroup) -> Result<GroupFacts, Fault> {
    let name = group.auto_scaling_group_name();
    let name = text(name, DESCRIBE_GROUPS, "AutoScalingGroupName")?;
    let overrides = group
        .mixed_instances_policy()
        .and_then(|p| p.launch_template())
        .map(|t| t.overrides())
        .unwrap_or_default();
    Ok(GroupFacts {
        name: name.into(),
        capacity: capacity(group)?,
        tags: tags(group)?,
        pins: pins(group)?,
        launch_configuration: group.launch_configuration_name().map(str::to_owned),
        image_override: overrides.iter().any(|o| o.image_id().is_some()),
        weighted: overrides.iter().any(|o| o.weighted_capacity().is_some()),
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

/// The template and the version's number that an instance was launched from.
fn launched_from(spec: &LaunchTemplateSpecification) -> Result<(TemplateId, u64), Fault> {
    let template = spec.launch_template_id();
    let template = text(template, DESCRIBE_GROUPS, "LaunchTemplateId of an instance")?;
    let version = text(spec.version(), DESCRIBE_GROUPS, "Version of an instance")?;
    let number = version
        .parse()
        .map_err(|_| invalid(DESCRIBE_GROUPS, "Version of an instance", version))?;
    Ok((template.into(), number))
}

/// A group as a pass wants it.
pub fn group_seen(group: &AutoScalingGroup, tag: &OptInTag) -> Result<GroupSeen, Fault> {
    let mut members = BTreeMap::new();
    for instance in group.instances() {
        let id = text(instance.instance_id(), DESCRIBE_GROUPS, "InstanceId")?;
        let lifecycle = instance.lifecycle_state().map(|s| s.as_str());
        let lifecycle = reported(lifecycle, DESCRIBE_GROUPS, "LifecycleState")?;
        let health = text(instance.health_status(), DESCRIBE_GROUPS, "HealthStatus")?;
        let protected = instance.protected_from_scale_in();
        let version = instance.launch_template().map(launched_from).transpose()?;
        members.insert(
            InstanceId::from(id),
            Member {
                lifecycle: lifecycle.to_owned(),
                healthy: health.eq_ignore_ascii_case("healthy"),
                protected: required(protected, DESCRIBE_GROUPS, "ProtectedFromScaleIn")?,
                version,
            },
        );
    }
    Ok(GroupSeen {
        capacity: capacity(group)?,
        pins: pins(group)?,
        suspended: suspended(group)?,
        members,
        deleting: group.status().is_some(),
        opted_in: tag.is_on(&tags(group)?),
    })
}

/// A scheduled action with the group that it belongs to.
pub(super) fn scheduled_action(
    action: &aws_sdk_autoscaling::types::ScheduledUpdateGroupAction,
) -> Result<(GroupName, ScheduledAction), Fault> {
    let group = action.auto_scaling_group_name();
    let group = text(group, DESCRIBE_ACTIONS, "AutoScalingGroupName")?;
    let name = action.scheduled_action_name();
    let name = text(name, DESCRIBE_ACTIONS, "ScheduledActionName")?;
    Ok((
        group.into(),
        ScheduledAction {
            name: name.to_owned(),
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

/// The tag's value, if the thing has the tag. Half a tag is none and not the lack of one.
fn tag(
    tags: &[aws_sdk_ec2::types::Tag],
    key: &str,
    operation: &str,
) -> Result<Option<String>, Fault> {
    for tag in tags {
        let (found, value) = (tag.key(), tag.value());
        let value = required(value, operation, "Value of a tag")?;
        if required(found, operation, "Key of a tag")? == key {
            return Ok(Some(value.to_owned()));
        }
    }
    Ok(None)
}

/// An image as planning wants it, with its id.
pub(super) fn image_facts(image: &Image) -> Result<(ImageId, ImageFacts), Fault> {
    let id = text(image.image_id(), DESCRIBE_IMAGES, "ImageId")?;
    let state = required(image.state(), DESCRIBE_IMAGES, "State")?;
    let facts = ImageFacts {
        created_at: image
            .creation_date()
            .and_then(|d| DateTime::parse_from_rfc3339(d).ok())
            .map(|d| d.to_utc()),
        windows: image
            .platform()
            .is_some_and(|p| p.as_str().eq_ignore_ascii_case("windows")),
        available: state.as_str() == "available",
        run: tag(image.tags(), RUN_TAG, DESCRIBE_IMAGES)?.map(RunId::from),
        seconds: tag(image.tags(), SECONDS_TAG, DESCRIBE_IMAGES)?,
    };
    Ok((id.into(), facts))
}

/// An image as a pass wants it, with its name.
pub(super) fn image_seen(image: &Image) -> Result<(String, ImageSeen), Fault> {
    let field = |value, name| text(value, DESCRIBE_IMAGES, name);
    let state = match required(image.state(), DESCRIBE_IMAGES, "State")?.as_str() {
        "available" => ImageState::Available,
        "failed" | "error" | "invalid" | "deregistered" | "disabled" => ImageState::Failed,
        // A state of which nothing is known is no failure.
        _ => ImageState::Pending,
    };
    let seen = ImageSeen {
        id: field(image.image_id(), "ImageId")?.into(),
        state,
        detail: image
            .state_reason()
            .and_then(|r| r.message())
            .unwrap_or("no reason given")
            .to_owned(),
        run: tag(image.tags(), RUN_TAG, DESCRIBE_IMAGES)?.map(RunId::from),
    };
    Ok((field(image.name(), "Name")?.to_owned(), seen))
}

/// An instance as a pass wants it, with its id.
pub(super) fn instance_seen(
    instance: &aws_sdk_ec2::types::Instance,
) -> Result<(InstanceId, InstanceSeen), Fault> {
    let state = instance.state().and_then(|s| s.name());
    let state = match required(state, DESCRIBE_INSTANCES, "State")? {
        InstanceStateName::Pending => Ec2State::Pending,
        InstanceStateName::Running => Ec2State::Running,
        InstanceStateName::Stopping | InstanceStateName::Stopped => Ec2State::Stopped,
        InstanceStateName::ShuttingDown | InstanceStateName::Terminated => Ec2State::Gone,
        // Neither up nor gone, as far as anybody knows.
        _ => Ec2State::Stopped,
    };
    let id = text(instance.instance_id(), DESCRIBE_INSTANCES, "InstanceId")?;
    let launched_at = instance.launch_time().and_then(time);
    Ok((
        id.into(),
        InstanceSeen {
            state,
            launched_at: required(launched_at, DESCRIBE_INSTANCES, "LaunchTime")?,
            run: tag(instance.tags(), RUN_TAG, DESCRIBE_INSTANCES)?.map(RunId::from),
            role: tag(instance.tags(), ROLE_TAG, DESCRIBE_INSTANCES)?,
        },
    ))
}
