//! The SSM agent in each instance: when it registers, its heartbeat, and what a reboot does to it.

use chrono::{DateTime, TimeDelta, Utc};

use super::behaviour::Failure;
use super::commands::SsmEvent;
use super::instance::{Agent, InstanceState};
use super::{World, WorldEvent, guest, running, scaling};
use crate::sim::beliefs::AgentOnline;

/// The agent's heartbeat.
const HEARTBEAT: TimeDelta = TimeDelta::minutes(5);
/// Without a heartbeat for this long the service says ConnectionLost. AWS names no figure; three
/// missed heartbeats are long enough that a reboot always shows as a stale Online.
const CONNECTION_LOST_AFTER: TimeDelta = TimeDelta::minutes(15);

/// An agent that waits for first boot looks again after this.
const FOLLOWS: TimeDelta = TimeDelta::seconds(2);

impl Agent {
    /// The last heartbeat as of `now`.
    pub fn pinged_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        if !self.is_here() {
            return self.last_ping;
        }
        let beats = (now - self.last_ping).num_seconds().max(0) / HEARTBEAT.num_seconds();
        self.last_ping + TimeDelta::seconds(beats * HEARTBEAT.num_seconds())
    }

    /// `PingStatus` as of `now`: Online, long after the last heartbeat too.
    pub fn ping_status(&self, now: DateTime<Utc>) -> &'static str {
        if now - self.pinged_at(now) < CONNECTION_LOST_AFTER {
            "Online"
        } else {
            "ConnectionLost"
        }
    }

    /// Whether the agent answers.
    pub fn is_here(&self) -> bool {
        self.away_until.is_none()
    }
}

/// An instance runs: its agent registers after a while, if it ever does.
pub fn on_instance_running(world: &mut World, id: &str) {
    let Some(instance) = world.instances.get(id) else {
        return;
    };
    let behaviour = instance.behaviour.clone();
    if behaviour.failure != Some(Failure::NeverOnline) {
        world.schedule_in(
            behaviour.agent,
            WorldEvent::Ssm(SsmEvent::Register(id.to_owned())),
        );
    }
}

/// An instance stops running: the service no longer shows it, and open commands are left.
pub fn on_instance_gone(world: &mut World, id: &str) {
    running::abandon(world, id);
    let Some(instance) = world.instances.get_mut(id) else {
        return;
    };
    instance.agent = None;
    if matches!(
        instance.state,
        InstanceState::ShuttingDown | InstanceState::Terminated
    ) {
        world.ssm.patch_records.remove(id);
    }
}

/// Reboots the guest. EC2 still says `running`, SSM still says Online with the old
/// heartbeat, and nothing answers until the guest is back, if it ever comes back.
pub fn reboot_guest(world: &mut World, id: &str) {
    let now = world.now;
    let Some(instance) = world.instances.get(id) else {
        return;
    };
    if instance.state != InstanceState::Running {
        return;
    }
    let behaviour = instance.behaviour.clone();
    let until = if behaviour.failure == Some(Failure::LostAfterReboot) {
        DateTime::<Utc>::MAX_UTC
    } else {
        now + world.draw(behaviour.reboot)
    };
    guest::rebooted(world, id, until);
    if let Some(agent) = world
        .instances
        .get_mut(id)
        .and_then(|instance| instance.agent.as_mut())
    {
        agent.last_ping = agent.pinged_at(now);
        agent.away_until = Some(until);
        running::interrupt(world, id);
    }
    scaling::instance_rebooting(world, id, until);
    if until < DateTime::<Utc>::MAX_UTC {
        world.schedule(until, WorldEvent::Ssm(SsmEvent::Back(id.to_owned())));
    }
}

pub(super) fn register(world: &mut World, id: &str) {
    let now = world.now;
    let Some(instance) = world.instances.get(id) else {
        return;
    };
    let platform = world.platform_of(instance).to_owned();
    let belief = world.beliefs.agent_online;
    let Some(instance) = world.instances.get_mut(id) else {
        return;
    };
    let boots = instance.boot.first.is_under_way();
    if belief == AgentOnline::BootFirst && boots && instance.state == InstanceState::Running {
        let again = WorldEvent::Ssm(SsmEvent::Register(id.to_owned()));
        return world.schedule(now + FOLLOWS, again);
    }
    if instance.state == InstanceState::Running && instance.agent.is_none() {
        instance.agent = Some(Agent {
            registered_at: now,
            last_ping: now,
            away_until: None,
            platform,
        });
    }
}

pub(super) fn back(world: &mut World, id: &str) {
    let now = world.now;
    let Some(agent) = world
        .instances
        .get_mut(id)
        .and_then(|instance| instance.agent.as_mut())
    else {
        return;
    };
    // A later reboot may have put the return off.
    if agent.away_until.is_some_and(|until| until <= now) {
        agent.away_until = None;
        agent.last_ping = now;
        running::resume(world, id);
    }
}
