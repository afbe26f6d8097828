//! Future events and their times.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use chrono::{DateTime, Utc};

use super::commands::SsmEvent;
use super::{World, guest, images, instance, rivals, running, scaling};

/// Something that happens by itself. Each event checks when it happens whether it still applies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WorldEvent {
    /// A pending instance is running.
    InstanceRunning(String),
    /// A guest's first boot is over.
    FirstBootOver(String),
    /// Something in Systems Manager.
    Ssm(SsmEvent),
    /// Another actor in the account acts; by the plan's number.
    Rival(usize),
    /// A stopping instance is stopped.
    InstanceStopped(String),
    /// An instance that shuts down is terminated.
    InstanceTerminated(String),
    /// A terminated instance is forgotten.
    InstanceForgotten(String),
    /// An impaired instance has failed its status checks for long enough.
    StatusCheck(String),
    /// The load balancer has missed an instance for long enough.
    LoadBalancerCheck(String),
    /// The load balancer has drained a leaving instance.
    Drained(String),
    /// A member that enters Standby is there.
    OnStandby(String),
    /// A member that leaves Standby is back in service.
    OutOfStandby(String),
    /// A lifecycle action's time is up: group, instance, token, whether it ends with CONTINUE.
    HookOver(String, String, String, bool),
    /// A group compares what it has with what it wants.
    GroupPass(String),
    /// A group's alarm acts.
    Alarm(String),
    /// A scheduled action is due: group, action, and for when (seconds since 1970).
    ScheduledAction(String, String, i64),
    /// A scheduled action runs late: group, action, for when it was due, and whether the process was
    /// suspended then, if that is what counts.
    LateAction(String, String, i64, Option<bool>),
    /// An instance refresh has run its time: group and refresh.
    RefreshOver(String, String),
    /// A snapshot's time is up.
    SnapshotDone(String),
    /// An image's time is up.
    ImageDone(String),
}

/// Events by time; those of the same instant in the order they were put in.
#[derive(Clone, Debug, Default)]
pub struct EventQueue {
    heap: BinaryHeap<Reverse<(DateTime<Utc>, u64, WorldEvent)>>,
    sequence: u64,
}

impl EventQueue {
    pub(super) fn push(&mut self, at: DateTime<Utc>, event: WorldEvent) {
        self.sequence += 1;
        self.heap.push(Reverse((at, self.sequence, event)));
    }

    pub(super) fn pop_due(&mut self, now: DateTime<Utc>) -> Option<(DateTime<Utc>, WorldEvent)> {
        if self.next_at()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((at, _, event))| (at, event))
    }

    fn next_at(&self) -> Option<DateTime<Utc>> {
        self.heap.peek().map(|Reverse((at, ..))| *at)
    }
}

/// Lets one event happen.
pub(super) fn happen(world: &mut World, event: WorldEvent) {
    match event {
        WorldEvent::Ssm(event) => running::happen(world, event),
        WorldEvent::Rival(number) => rivals::act(world, number),
        WorldEvent::InstanceRunning(id) => world.instance_started(&id),
        WorldEvent::FirstBootOver(id) => guest::first_boot_over(world, &id),
        WorldEvent::InstanceStopped(id) => instance::stopped(world, &id),
        WorldEvent::InstanceTerminated(id) => instance::terminated(world, &id),
        WorldEvent::InstanceForgotten(id) => instance::forget(world, &id),
        WorldEvent::StatusCheck(id) => scaling::health::status_check_failed(world, &id),
        WorldEvent::LoadBalancerCheck(id) => scaling::health::load_balancer_check(world, &id),
        WorldEvent::Drained(id) => scaling::terminate::drained(world, &id),
        WorldEvent::OnStandby(id) => scaling::standby::entered(world, &id),
        WorldEvent::OutOfStandby(id) => scaling::standby::left(world, &id),
        WorldEvent::HookOver(group, instance, token, result) => {
            scaling::hooks::over(world, &group, &instance, &token, result);
        }
        WorldEvent::GroupPass(group) => scaling::pass(world, &group),
        WorldEvent::Alarm(group) => scaling::scheduled::alarm(world, &group),
        WorldEvent::ScheduledAction(group, action, at) => {
            scaling::scheduled::due(world, &group, &action, at);
        }
        WorldEvent::LateAction(group, action, at, was_suspended) => {
            scaling::scheduled::run_due(world, &group, &action, at, was_suspended);
        }
        WorldEvent::RefreshOver(group, refresh) => scaling::refresh_over(world, &group, &refresh),
        WorldEvent::SnapshotDone(id) => images::snapshot_done(world, &id),
        WorldEvent::ImageDone(id) => images::done(world, &id),
    }
}
