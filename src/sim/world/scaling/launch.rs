//! Launching: where, from what, and how it fails.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::Value;

use super::{activities, capacity, counts, pass_at, request_pass, standby, warm, zone_counts};
use crate::sim::beliefs::StandbyAgainstMax;
use crate::sim::world::World;
use crate::sim::world::behaviour::{Behaviour, Failure};
use crate::sim::world::events::WorldEvent;
use crate::sim::world::groups::{Group, LaunchSource, MemberNotes, TemplateSpec};
use crate::sim::world::guest::{Boot, Guest};
use crate::sim::world::images::{self, ImageState};
use crate::sim::world::instance::{Instance, InstanceState, Membership};
use crate::sim::world::{templates, volumes};

/// After a failed launch a group tries again, at first so soon, then at doubled intervals.
const FIRST_RETRY: TimeDelta = TimeDelta::seconds(30);

/// The longest interval between tries.
const LONGEST_RETRY: TimeDelta = TimeDelta::minutes(5);

/// The launch parameters, resolved at the moment of the launch.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Template id and version number.
    pub template: Option<(String, u64)>,
    /// The image.
    pub image: String,
    /// The instance type.
    pub instance_type: String,
    /// Its weight in the group's capacity.
    pub weight: i64,
    /// The override's own image, if that is the image.
    pub override_image: Option<String>,
    /// Tags that the template gives.
    pub tags: BTreeMap<String, String>,
    /// Block device mappings that the template gives, under the names that requests use.
    pub mappings: Vec<Value>,
}

/// An instance to be made.
#[derive(Clone, Debug)]
pub struct Order {
    /// Its source.
    pub source: Source,
    /// Where.
    pub zone: String,
    /// All its tags.
    pub tags: BTreeMap<String, String>,
    /// How it behaves.
    pub behaviour: Arc<Behaviour>,
    /// The contents of the instance.
    pub guest: Guest,
    /// Its place in a group.
    pub membership: Option<Membership>,
}

/// Makes a pending instance that will be running after its boot time; returns its id.
pub fn new_instance(world: &mut World, order: Order) -> String {
    let id = world.new_id("i");
    let visible_at = world.visible_from();
    let boot = order.behaviour.boot;
    let devices = volumes::attached(world, &id, &order.source);
    let instance = Instance {
        id: id.clone(),
        visible_at,
        launched_at: world.now,
        state: InstanceState::Pending,
        state_since: world.now,
        image: order.source.image,
        instance_type: order.source.instance_type,
        zone: order.zone,
        template: order.source.template,
        tags: order.tags,
        membership: order.membership,
        checks_ok_at: None,
        agent: None,
        guest: order.guest,
        boot: Boot::default(),
        devices,
        behaviour: order.behaviour,
    };
    world.instances.insert(id.clone(), instance);
    world.schedule_in(boot, WorldEvent::InstanceRunning(id.clone()));
    id
}

/// Launches until the desired capacity is there, or a launch fails.
pub(super) fn fill(world: &mut World, name: &str) {
    loop {
        let have = capacity(world, name);
        let Some(group) = world.groups.get(name) else {
            return;
        };
        if have >= most(world, group) || group.is_suspended("Launch") {
            return;
        }
        if let Some(at) = group.mind.no_launch_before
            && at > world.now
        {
            pass_at(world, name, at);
            return;
        }
        if warm::take(world, name) {
            continue;
        }
        let Some(group) = world.groups.get(name) else {
            return;
        };
        let zones = zone_counts(world, group);
        let emptiest = group.zones.iter().min_by_key(|z| zones.get(*z));
        let zone = emptiest.cloned().unwrap_or_default();
        let text = "an instance was started in response to a difference between desired and actual \
                    capacity, increasing the capacity.";
        let why = activities::cause(world, name, text);
        if launch(world, name, &zone, why, "Pending").is_none() {
            return;
        }
    }
}

/// The capacity up to which a group launches.
fn most(world: &World, group: &Group) -> i64 {
    match world.beliefs.standby_against_max {
        StandbyAgainstMax::No => group.desired,
        StandbyAgainstMax::Yes => {
            let aside = super::capacity::aside(world, group);
            group.desired.min(group.max - aside)
        }
    }
}

/// Launches one instance where the group has fewest, if its zones differ by more than one; when that
/// instance is in service, the group is one over its size and the fullest zone loses one.
pub(super) fn rebalance(world: &mut World, name: &str) {
    let Some(group) = world.groups.get(name) else {
        return;
    };
    let stopped = ["AZRebalance", "Launch", "Terminate"];
    let waits = group.mind.no_launch_before.is_some_and(|t| t > world.now);
    if stopped.iter().any(|p| group.is_suspended(p)) || waits {
        return;
    }
    let counted = zone_counts(world, group);
    let (Some(low), Some(high)) = (
        counted.iter().min_by_key(|(_, n)| **n),
        counted.iter().max_by_key(|(_, n)| **n),
    ) else {
        return;
    };
    let settled = group.members.keys().all(|id| {
        super::lifecycle(world, id)
            .is_none_or(|l| l == "InService" || l.starts_with("Warmed") || standby::is_aside(l))
    });
    let may_leave = |i: &Instance| {
        i.zone == *high.0
            && counts(world, &i.id)
            && i.membership.as_ref().is_some_and(|m| !m.protected)
    };
    let victim = group
        .members
        .keys()
        .filter_map(|id| world.instances.get(id))
        .any(may_leave);
    if high.1 - low.1 < 2 || !settled || !victim {
        return;
    }
    let low = low.0.clone();
    let text = format!(
        "instances were launched to balance instances in zones {low} with other zones resulting in \
         more than desired number of instances in the group."
    );
    let why = activities::cause(world, name, &text);
    let launched = launch(world, name, &low, why, "Pending");
    if let Some(group) = world.groups.get_mut(name) {
        group.mind.rebalancing = launched;
    }
}

/// Launches one instance into a group; returns its id. A failure becomes an activity and a pause.
pub(super) fn launch(
    world: &mut World,
    name: &str,
    zone: &str,
    why: String,
    lifecycle: &str,
) -> Option<String> {
    let group = world.groups.get(name)?;
    let source = match plan(world, &group.launch) {
        Ok(source) => source,
        Err(message) => {
            failed(world, name, zone, why, message);
            return None;
        }
    };
    let image = world.images.get(&source.image)?;
    let baked = image.is_baked();
    let canary = group.canary_behaviour.as_ref().filter(|_| baked);
    let behaviour = canary.unwrap_or(&group.behaviour).clone();
    if let Some(message) = refusal(&behaviour, &source.instance_type, zone) {
        failed(world, name, zone, why, message);
        return None;
    }
    let own = group.guest.as_ref().filter(|_| !baked);
    let mut guest = own.unwrap_or(&image.guest).clone();
    guest.boot(world.now);
    let tags = tags_of(group, &source);
    let membership = Membership {
        group: name.to_owned(),
        lifecycle: lifecycle.to_owned(),
        healthy: true,
        protected: false,
        in_load_balancer: false,
    };
    let member = MemberNotes {
        weight: source.weight,
        override_image: source.override_image.clone(),
        ..MemberNotes::default()
    };
    let order = Order {
        source,
        zone: zone.to_owned(),
        tags,
        behaviour,
        guest,
        membership: Some(membership),
    };
    let id = new_instance(world, order);
    let text = format!("Launching a new EC2 instance: {id}");
    let activity = activities::start(world, name, text, why, zone, "PreInService");
    let member = MemberNotes {
        activity: Some(activity),
        ..member
    };
    if let Some(group) = world.groups.get_mut(name) {
        group.members.insert(id.clone(), member);
    }
    Some(id)
}

fn tags_of(group: &Group, source: &Source) -> BTreeMap<String, String> {
    let mut tags = source.tags.clone();
    let propagated = group.tags.iter().filter(|(_, t)| t.propagate);
    tags.extend(propagated.map(|(k, t)| (k.clone(), t.value.clone())));
    tags.insert("aws:autoscaling:groupName".into(), group.name.clone());
    if let Some((id, version)) = &source.template {
        tags.insert("aws:ec2launchtemplate:id".into(), id.clone());
        tags.insert("aws:ec2launchtemplate:version".into(), version.to_string());
    }
    tags
}

fn refusal(behaviour: &Behaviour, instance_type: &str, zone: &str) -> Option<String> {
    match behaviour.failure? {
        Failure::NoCapacity => Some(format!(
            "We currently do not have sufficient {instance_type} capacity in the Availability Zone \
             you requested ({zone}). Our system will be working on provisioning additional \
             capacity. Launching EC2 instance failed."
        )),
        // Recorded from a real group's activities.
        Failure::QuotaReached => Some(
            "VcpuLimitExceeded - You have requested more vCPU capacity than your current vCPU limit of 32 \
             allows for the instance bucket that the specified instance type belongs to. Please visit \
             http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit. Launching EC2 \
             instance failed."
                .into(),
        ),
        Failure::KmsDenied => Some(
            "Instance became unhealthy while waiting for instance to be in InService state. \
             Termination Reason: Client.InternalError: Client error on launch"
                .into(),
        ),
        Failure::NeverOnline
        | Failure::Impaired
        | Failure::FirstBootFails
        | Failure::LockNeverFreed
        | Failure::InstallLockedOnce
        | Failure::TargetUnhealthy
        | Failure::InstallFails
        | Failure::InstallsNothing
        | Failure::LostAfterReboot
        | Failure::Undeliverable
        | Failure::DeliveryTimesOut
        | Failure::ImageFails => None,
    }
}

fn failed(world: &mut World, name: &str, zone: &str, why: String, message: String) {
    let text = format!("Launching a new EC2 instance.  Status Reason: {message}");
    let id = activities::start(world, name, text, why, zone, "Failed");
    activities::finish(world, name, Some(&id), "Failed", Some(message));
    pause(world, name);
}

/// Puts the next try off.
pub(super) fn pause(world: &mut World, name: &str) {
    let now = world.now;
    let Some(group) = world.groups.get_mut(name) else {
        return;
    };
    let doubled = FIRST_RETRY * (1 << group.mind.launch_failures.min(8));
    group.mind.launch_failures += 1;
    let at = now + doubled.min(LONGEST_RETRY);
    group.mind.no_launch_before = Some(at);
    pass_at(world, name, at);
}

/// Tries again soon, whatever failed before: something was changed.
pub(super) fn encourage(world: &mut World, name: &str) {
    if let Some(group) = world.groups.get_mut(name) {
        group.mind.launch_failures = 0;
        group.mind.no_launch_before = None;
    }
    request_pass(world, name);
}

/// The launch parameters that a source resolves to now, or why it cannot be launched.
fn plan(world: &World, launch: &LaunchSource) -> Result<Source, String> {
    let source = resolve(world, launch)?;
    usable(world, &source.image)?;
    volumes::check(world, &source)
        .map_err(|cause| format!("{cause} Launching EC2 instance failed."))?;
    Ok(source)
}

/// The launch parameters that a source resolves to now, with `$Latest`, `$Default` and aliases.
pub fn resolve(world: &World, launch: &LaunchSource) -> Result<Source, String> {
    Ok(match launch {
        LaunchSource::Configuration(c) => Source {
            template: None,
            image: c.image.clone(),
            instance_type: c.instance_type.clone(),
            weight: 1,
            override_image: None,
            tags: BTreeMap::new(),
            mappings: Vec::new(),
        },
        LaunchSource::Template(spec) => of_template(world, spec)?,
        LaunchSource::Mixed(policy) => {
            // On-Demand instances take the first override: the order is the priority.
            let first = policy.overrides.first().cloned().unwrap_or_default();
            let mut source = of_template(world, first.template.as_ref().unwrap_or(&policy.base))?;
            if let Some(instance_type) = first.instance_type {
                source.instance_type = instance_type;
            }
            if let Some(image) = first.image {
                source.image.clone_from(&image);
                source.override_image = Some(image);
            }
            let weight = first.weight.and_then(|w| w.parse::<i64>().ok());
            source.weight = weight.unwrap_or(1).max(1);
            source
        }
    })
}

fn of_template(world: &World, spec: &TemplateSpec) -> Result<Source, String> {
    let wrong = |cause: String| {
        format!(
            "You must use a valid fully-formed launch template. {cause} Launching EC2 instance failed."
        )
    };
    let version = spec.version.as_deref().unwrap_or("$Default");
    let (template, number) = templates::resolve(world, spec).ok_or_else(|| {
        wrong(format!(
            "Could not find launch template {} version {version}.",
            spec.id
        ))
    })?;
    let data = &template.versions[&number].data;
    let image = data
        .image()
        .ok_or_else(|| wrong("The request must contain the parameter ImageId.".into()))?;
    let image = images::resolve_alias(world, image)
        .ok_or_else(|| wrong(format!("The parameter {image} cannot be resolved.")))?;
    Ok(Source {
        template: Some((template.id.clone(), number)),
        image,
        instance_type: data.instance_type().unwrap_or("m1.small").to_owned(),
        weight: 1,
        override_image: None,
        tags: data.instance_tags(),
        mappings: data.mappings().to_vec(),
    })
}

fn usable(world: &World, image: &str) -> Result<(), String> {
    let tail = "Launching EC2 instance failed.";
    match world.images.get(image).map(|i| i.state) {
        Some(ImageState::Available) => Ok(()),
        Some(state) => {
            let state = state.name();
            Err(format!("AMI {image} is {state}, and cannot be run. {tail}"))
        }
        None => Err(format!("The AMI ID {image} does not exist. {tail}")),
    }
}
