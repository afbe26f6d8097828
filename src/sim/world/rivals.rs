//! Changes that others in the account make during the run: deploy, delete, scale, interfere.

use chrono::{DateTime, TimeDelta, Utc};

use super::behaviour::Behaviour;
use super::groups::{LaunchSource, TemplateSpec};
use super::scaling::{
    self,
    capacity::{self, CapacityChange},
};
use super::templates::{self, TemplateData};
use super::{World, WorldEvent, images, instance};
use crate::sim::wire::ApiError;

/// A rival that waits for a call acts this long after it.
const AFTER_CALL: TimeDelta = TimeDelta::milliseconds(1);

/// The plans of others, and the actions they have taken.
#[derive(Clone, Debug, Default)]
pub struct Rivals {
    plans: Vec<Plan>,
    /// Actions taken, in order, with the refusal if AWS refused.
    pub done: Vec<PerformedAction>,
}

#[derive(Clone, Debug)]
struct Plan {
    trigger: Trigger,
    action: Action,
    /// Again and again after that.
    every: Option<TimeDelta>,
    seen: u64,
}

/// An action that was taken.
#[derive(Clone, Debug)]
pub struct PerformedAction {
    /// Its time.
    pub at: DateTime<Utc>,
    /// The action.
    pub action: Action,
    /// The refusal, if it was refused.
    pub refused: Option<ApiError>,
}

/// When a rival acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// At a time.
    At(DateTime<Utc>),
    /// Right after a call took effect.
    OnCall {
        /// `service:Operation`.
        operation: String,
        /// The number of the call among those that match, from 1.
        nth: u64,
        /// Only calls count whose parameters contain this text.
        mentions: Option<String>,
    },
}

/// A rival's action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Force-deletes a group.
    DeleteGroup(String),
    /// Puts a tag on a group.
    PutTag(String, String, String),
    /// Takes a tag from a group.
    RemoveTag(String, String),
    /// Changes a group's capacity: minimum, maximum, desired.
    SetCapacity(String, Option<i64>, Option<i64>, Option<i64>),
    /// Creates a version of the group's template with this image, on top of the latest, and with this description.
    NewTemplateVersion(String, String, String),
    /// Lets a group use this version of its template.
    PointAtVersion(String, String),
    /// Makes a version of the group's template its default.
    SetDefaultVersion(String, u64),
    /// Terminates a group's instances: all, or those whose tag `asg-patch:role` says so.
    TerminateInstances(String, Option<String>),
    /// Takes a group's instances out of Standby: all, or those whose tag `asg-patch:role` says so.
    ExitStandby(String, Option<String>),
    /// Lets a group's launches succeed from now on: AWS has capacity again, a key is usable.
    EndFailure(String),
    /// Starts an instance refresh, with a desired configuration or without.
    StartInstanceRefresh(String, bool),
    /// Deregisters all images whose names begin so.
    DeregisterImages(String),
    /// Registers another image with the snapshots of each image whose name begins so: they cannot be deleted.
    ShareSnapshots(String),
    /// Suspends a process of a group.
    SuspendProcess(String, String),
    /// Resumes a process of a group.
    ResumeProcess(String, String),
    /// Deletes all parameters whose names begin so.
    DeleteParameters(String),
}

impl Action {
    /// The group that it is done to.
    pub fn group(&self) -> Option<&str> {
        match self {
            Self::DeleteGroup(group)
            | Self::PutTag(group, ..)
            | Self::RemoveTag(group, _)
            | Self::SetCapacity(group, ..)
            | Self::NewTemplateVersion(group, _, _)
            | Self::PointAtVersion(group, _)
            | Self::SetDefaultVersion(group, _)
            | Self::TerminateInstances(group, _)
            | Self::ExitStandby(group, _)
            | Self::EndFailure(group)
            | Self::StartInstanceRefresh(group, _)
            | Self::SuspendProcess(group, _)
            | Self::ResumeProcess(group, _) => Some(group),
            Self::DeregisterImages(_) | Self::ShareSnapshots(_) | Self::DeleteParameters(_) => None,
        }
    }
}

/// Adds something that a rival will do once.
pub fn plan(world: &mut World, trigger: Trigger, action: Action) {
    plan_every(world, trigger, action, None);
}

/// Adds something that a rival will do, and do again each time that so long has passed.
pub fn plan_every(world: &mut World, trigger: Trigger, action: Action, every: Option<TimeDelta>) {
    let number = world.rivals.plans.len();
    if let Trigger::At(at) = trigger {
        world.schedule(at.max(world.now), WorldEvent::Rival(number));
    }
    world.rivals.plans.push(Plan {
        trigger,
        action,
        every,
        seen: 0,
    });
}

/// A call took effect: the rivals that wait for it act a moment later.
pub fn after_call(world: &mut World, name: &str, parameters: impl FnOnce() -> String) {
    let waits = |plan: &Plan| matches!(&plan.trigger, Trigger::OnCall { operation, .. } if operation == name);
    if !world.rivals.plans.iter().any(waits) {
        return;
    }
    let text = parameters();
    let mut due = Vec::new();
    for (number, plan) in world.rivals.plans.iter_mut().enumerate() {
        if let Trigger::OnCall {
            operation,
            nth,
            mentions,
        } = &plan.trigger
            && operation == name
            && mentions.as_ref().is_none_or(|m| text.contains(m.as_str()))
        {
            plan.seen += 1;
            if plan.seen == *nth {
                due.push(number);
            }
        }
    }
    let at = world.now + AFTER_CALL;
    for number in due {
        world.schedule(at, WorldEvent::Rival(number));
    }
}

/// A rival acts.
pub(super) fn act(world: &mut World, number: usize) {
    let Some(Plan { action, every, .. }) = world.rivals.plans.get(number).cloned() else {
        return;
    };
    if let Some(every) = every {
        world.schedule(world.now + every, WorldEvent::Rival(number));
    }
    let refused = perform(world, &action).err();
    let at = world.now;
    world.rivals.done.push(PerformedAction {
        at,
        action,
        refused,
    });
}

fn perform(world: &mut World, action: &Action) -> Result<(), ApiError> {
    match action {
        Action::DeleteGroup(group) => world.delete_group(group),
        Action::PutTag(group, key, value) => world.put_group_tag(group, key, value, false),
        Action::RemoveTag(group, key) => world.remove_group_tag(group, key),
        Action::SetCapacity(group, min, max, desired) => {
            let change = CapacityChange {
                min: *min,
                max: *max,
                desired: *desired,
            };
            capacity::set(world, group, change, "")
        }
        Action::NewTemplateVersion(group, image, description) => {
            let id = template_of(world, group)?.id;
            let data = TemplateData(serde_json::Map::from_iter([(
                "ImageId".to_owned(),
                image.as_str().into(),
            )]));
            let description = Some(description.clone());
            templates::create_version(world, &id, Some("$Latest"), description, &data).map(drop)
        }
        Action::PointAtVersion(group, version) => {
            let mut launch = world.group(group)?.launch.clone();
            match &mut launch {
                LaunchSource::Template(spec) => spec.version = Some(version.clone()),
                LaunchSource::Mixed(policy) => policy.base.version = Some(version.clone()),
                LaunchSource::Configuration(_) => return Err(without_template(group)),
            }
            capacity::set_launch(world, group, launch)
        }
        Action::SetDefaultVersion(group, version) => {
            let id = template_of(world, group)?.id;
            templates::set_default(world, &id, *version)
        }
        Action::TerminateInstances(group, role) => {
            let members = members_with(world, group, role.as_ref())?;
            members
                .iter()
                .try_for_each(|id| instance::terminate(world, id))
        }
        Action::ExitStandby(group, role) => {
            let members = members_with(world, group, role.as_ref())?;
            scaling::standby::exit(world, group, &members).map(drop)
        }
        Action::EndFailure(group) => {
            let group = world.group_mut(group)?;
            let behaviour = Behaviour {
                failure: None,
                ..(*group.behaviour).clone()
            };
            group.behaviour = behaviour.into();
            Ok(())
        }
        Action::StartInstanceRefresh(group, with_configuration) => {
            scaling::start_refresh(world, group, *with_configuration, None).map(drop)
        }
        Action::DeregisterImages(prefix) => {
            let meant = images_named(world, prefix);
            meant
                .iter()
                .try_for_each(|id| images::deregister(world, id, true).map(drop))
        }
        Action::ShareSnapshots(prefix) => {
            let meant = images_named(world, prefix);
            meant
                .iter()
                .try_for_each(|id| images::share_snapshots(world, id).map(drop))
        }
        Action::SuspendProcess(group, process) => {
            capacity::suspend(world, group, std::slice::from_ref(process))
        }
        Action::ResumeProcess(group, process) => {
            capacity::resume(world, group, std::slice::from_ref(process))
        }
        Action::DeleteParameters(prefix) => {
            world
                .ssm
                .parameters
                .by_name
                .retain(|name, _| !name.starts_with(prefix.as_str()));
            Ok(())
        }
    }
}

/// The members of a group with this role; without one, all.
fn members_with(
    world: &World,
    group: &str,
    role: Option<&String>,
) -> Result<Vec<String>, ApiError> {
    let members = world.group(group)?.members.keys();
    let is_meant = |id: &&String| {
        let tags = world.instances.get(*id).map(|i| &i.tags);
        role.is_none() || tags.and_then(|t| t.get("asg-patch:role")) == role
    };
    Ok(members.filter(is_meant).cloned().collect())
}

fn without_template(group: &str) -> ApiError {
    ApiError::new(
        "ValidationError",
        format!("{group} has a launch configuration, not a template"),
    )
}

fn template_of(world: &World, group: &str) -> Result<TemplateSpec, ApiError> {
    match &world.group(group)?.launch {
        LaunchSource::Template(spec) => Ok(spec.clone()),
        LaunchSource::Mixed(policy) => Ok(policy.base.clone()),
        LaunchSource::Configuration(_) => Err(without_template(group)),
    }
}

/// Ids of the images whose names begin so.
fn images_named(world: &World, prefix: &str) -> Vec<String> {
    let images = world.images.values();
    let meant = images.filter(|i| i.name.starts_with(prefix));
    meant.map(|i| i.id.clone()).collect()
}
