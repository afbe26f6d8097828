//! Instances: EC2's view, their group's view, and their contents.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::behaviour::Behaviour;
use super::events::WorldEvent;
use super::guest::{self, Boot, Guest};
use super::volumes::Device;
use super::{World, commands, images, is_well_formed, scaling};
use crate::sim::wire::ApiError;

/// Terminated instances stay visible this long: "a short while", about an hour in practice.
const TERMINATED_VISIBLE_HOURS: i64 = 1;

/// An EC2 instance, alone or in a group.
#[derive(Clone, Debug)]
pub struct Instance {
    /// `i-...`
    pub id: String,
    /// Reads do not know it before this.
    pub visible_at: DateTime<Utc>,
    /// When it was launched.
    pub launched_at: DateTime<Utc>,
    /// EC2's state.
    pub state: InstanceState,
    /// When the state was entered.
    pub state_since: DateTime<Utc>,
    /// The image it was launched from.
    pub image: String,
    /// e.g. `t3.small`.
    pub instance_type: String,
    /// e.g. `eu-west-1a`.
    pub zone: String,
    /// Template id and version it was launched from.
    pub template: Option<(String, u64)>,
    /// EC2 tags.
    pub tags: BTreeMap<String, String>,
    /// Its place in a group, if it is in one.
    pub membership: Option<Membership>,
    /// When status checks pass (`None`: never).
    pub checks_ok_at: Option<DateTime<Utc>>,
    /// SSM's view of it; `None` before it registered.
    pub agent: Option<Agent>,
    /// Its contents.
    pub guest: Guest,
    /// Its guest's first boot and locks.
    pub boot: Boot,
    /// Its devices, the root device first.
    pub devices: Vec<Device>,
    /// How it behaves.
    pub behaviour: Arc<Behaviour>,
}

/// EC2 instance states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceState {
    /// 0
    Pending,
    /// 16
    Running,
    /// 32
    ShuttingDown,
    /// 48
    Terminated,
    /// 64
    Stopping,
    /// 80
    Stopped,
}

impl InstanceState {
    /// AWS's code and name.
    pub fn code_and_name(self) -> (i64, &'static str) {
        match self {
            Self::Pending => (0, "pending"),
            Self::Running => (16, "running"),
            Self::ShuttingDown => (32, "shutting-down"),
            Self::Terminated => (48, "terminated"),
            Self::Stopping => (64, "stopping"),
            Self::Stopped => (80, "stopped"),
        }
    }

    /// Whether it ends or has ended.
    pub fn is_ending(self) -> bool {
        matches!(self, Self::ShuttingDown | Self::Terminated)
    }
}

impl Instance {
    /// Enters a state.
    pub(super) fn enter(&mut self, state: InstanceState, now: DateTime<Utc>) {
        self.state = state;
        self.state_since = now;
    }
}

/// The answer to an instance id that is not there, or could never be.
pub fn not_found(id: &str) -> ApiError {
    if !is_well_formed(id, "i-") {
        let text = format!("Invalid id: \"{id}\"");
        return ApiError::new("InvalidInstanceID.Malformed", text);
    }
    let text = format!("The instance ID '{id}' does not exist");
    ApiError::new("InvalidInstanceID.NotFound", text)
}

/// Terminates an instance as EC2 does, whatever its group thinks of it.
pub fn terminate(world: &mut World, id: &str) -> Result<(), ApiError> {
    if world.instances.get(id).is_some_and(|i| i.state.is_ending()) {
        return Ok(());
    }
    leave_running(world, id, InstanceState::ShuttingDown)?;
    images::source_gone(world, id);
    let behaviour = world.instances.get(id).map(|i| i.behaviour.clone());
    if let Some(behaviour) = behaviour {
        world.schedule_in(
            behaviour.terminate,
            WorldEvent::InstanceTerminated(id.to_owned()),
        );
    }
    Ok(())
}

/// Stops an instance.
pub fn stop(world: &mut World, id: &str) -> Result<(), ApiError> {
    let instance = world.instances.get(id).ok_or_else(|| not_found(id))?;
    match instance.state {
        InstanceState::Running | InstanceState::Pending => {}
        InstanceState::Stopping | InstanceState::Stopped => return Ok(()),
        InstanceState::ShuttingDown | InstanceState::Terminated => {
            return Err(incorrect_state(instance, "stopped"));
        }
    }
    let behaviour = instance.behaviour.clone();
    leave_running(world, id, InstanceState::Stopping)?;
    world.schedule_in(
        behaviour.terminate,
        WorldEvent::InstanceStopped(id.to_owned()),
    );
    Ok(())
}

/// Starts a stopped instance.
pub fn start(world: &mut World, id: &str) -> Result<(), ApiError> {
    let now = world.now;
    let instance = world.instances.get_mut(id).ok_or_else(|| not_found(id))?;
    match instance.state {
        InstanceState::Stopped => {}
        InstanceState::Running | InstanceState::Pending => return Ok(()),
        InstanceState::Stopping | InstanceState::ShuttingDown | InstanceState::Terminated => {
            return Err(incorrect_state(instance, "started"));
        }
    }
    instance.enter(InstanceState::Pending, now);
    let boot = instance.behaviour.boot;
    world.schedule_in(boot, WorldEvent::InstanceRunning(id.to_owned()));
    Ok(())
}

/// Reboots an instance's guest.
pub fn reboot(world: &mut World, id: &str) -> Result<(), ApiError> {
    let instance = world.instances.get(id).ok_or_else(|| not_found(id))?;
    if instance.state != InstanceState::Running {
        return Err(incorrect_state(instance, "rebooted"));
    }
    commands::reboot_guest(world, id);
    Ok(())
}

fn incorrect_state(instance: &Instance, done: &str) -> ApiError {
    let (_, state) = instance.state.code_and_name();
    let text = format!(
        "The instance '{}' is not in a state from which it can be {done}. Current state: {state}",
        instance.id
    );
    ApiError::new("IncorrectInstanceState", text)
}

fn leave_running(world: &mut World, id: &str, state: InstanceState) -> Result<(), ApiError> {
    let now = world.now;
    let instance = world.instances.get_mut(id).ok_or_else(|| not_found(id))?;
    if instance.state.is_ending() {
        return Ok(());
    }
    instance.enter(state, now);
    instance.checks_ok_at = None;
    guest::cut_off(world, id);
    commands::on_instance_gone(world, id);
    scaling::health::left_running(world, id);
    Ok(())
}

/// A stopping instance is stopped.
pub(super) fn stopped(world: &mut World, id: &str) {
    let now = world.now;
    if let Some(instance) = world.instances.get_mut(id)
        && instance.state == InstanceState::Stopping
    {
        instance.enter(InstanceState::Stopped, now);
        scaling::member_stopped(world, id);
    }
}

/// An instance that shuts down is terminated.
pub(super) fn terminated(world: &mut World, id: &str) {
    let now = world.now;
    if let Some(instance) = world.instances.get_mut(id)
        && instance.state == InstanceState::ShuttingDown
    {
        instance.enter(InstanceState::Terminated, now);
        scaling::terminate::ended(world, id);
        let at = now + TimeDelta::hours(TERMINATED_VISIBLE_HOURS);
        world.schedule(at, WorldEvent::InstanceForgotten(id.to_owned()));
    }
}

/// A terminated instance is forgotten, unless its group still lists it.
pub(super) fn forget(world: &mut World, id: &str) {
    if world
        .instances
        .get(id)
        .is_some_and(|i| i.membership.is_some())
    {
        let at = world.now + TimeDelta::hours(TERMINATED_VISIBLE_HOURS);
        world.schedule(at, WorldEvent::InstanceForgotten(id.to_owned()));
    } else {
        world.instances.remove(id);
    }
}

/// A group's view of an instance.
#[derive(Clone, Debug)]
pub struct Membership {
    /// The group's name.
    pub group: String,
    /// `Pending`, `Pending:Wait`, `InService`, `Terminating`, ... as AWS spells them.
    pub lifecycle: String,
    /// `Healthy` or not.
    pub healthy: bool,
    /// Protected from scale-in.
    pub protected: bool,
    /// Registered with the group's load balancer.
    pub in_load_balancer: bool,
}

/// The SSM agent as the service sees it.
#[derive(Clone, Debug)]
pub struct Agent {
    /// When it registered.
    pub registered_at: DateTime<Utc>,
    /// Its last heartbeat. The service still says Online for a while after it.
    pub last_ping: DateTime<Utc>,
    /// While set, the guest is rebooting or lost and no heartbeat arrives; the time it returns.
    pub away_until: Option<DateTime<Utc>>,
    /// `Linux` or `Windows`.
    pub platform: String,
}
