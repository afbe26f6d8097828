//! What will happen, and when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use chrono::{DateTime, Utc};

use super::commands::SsmEvent;
use super::{World, images, instance, rivals, running, scaling};

/// Something that happens by itself. Each event checks when it happens whether it still applies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// A pending instance is running.
    InstanceRunning(String),
    /// Something in Systems Manager.
    Ssm(SsmEvent),
    /// Somebody else in the account acts, by the plan's number.
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
    /// A lifecycle action's time is up: group, instance, token, whether it ends with CONTINUE.
    HookOver(String, String, String, bool),
    /// A group compares what it has with what it wants.
    GroupPass(String),
    /// A group's alarm acts.
    Alarm(String),
    /// A scheduled action is due: group, action, and for when (seconds since 1970).
    ScheduledAction(String, String, i64),
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
    heap: BinaryHeap<Reverse<(DateTime<Utc>, u64, Event)>>,
    sequence: u64,
}

impl EventQueue {
    pub(super) fn push(&mut self, at: DateTime<Utc>, event: Event) {
        self.sequence += 1;
        self.heap.push(Reverse((at, self.sequence, event)));
    }

    pub(super) fn pop_due(&mut self, now: DateTime<Utc>) -> Option<(DateTime<Utc>, Event)> {
        if self.next_at()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((at, _, event))| (at, event))
    }

    pub(super) fn next_at(&self) -> Option<DateTime<Utc>> {
        self.heap.peek().map(|Reverse((at, ..))| *at)
    }
}

/// Lets one event happen.
pub(super) fn happen(world: &mut World, event: Event) {
    match event {
        Event::Ssm(event) => running::happen(world, event),
        Event::Rival(number) => rivals::act(world, number),
        Event::InstanceRunning(id) => world.instance_started(&id),
        Event::InstanceStopped(id) => instance::stopped(world, &id),
        Event::InstanceTerminated(id) => instance::terminated(world, &id),
        Event::InstanceForgotten(id) => instance::forget(world, &id),
        Event::StatusCheck(id) => scaling::health::status_check_failed(world, &id),
        Event::LoadBalancerCheck(id) => scaling::health::load_balancer_check(world, &id),
        Event::Drained(id) => scaling::terminate::drained(world, &id),
        Event::HookOver(group, instance, token, result) => {
            scaling::hooks::over(world, &group, &instance, &token, result);
        }
        Event::GroupPass(group) => scaling::pass(world, &group),
        Event::Alarm(group) => scaling::scheduled::alarm(world, &group),
        Event::ScheduledAction(group, action, at) => {
            scaling::scheduled::due(world, &group, &action, at);
        }
        Event::RefreshOver(group, refresh) => scaling::refresh_over(world, &group, &refresh),
        Event::SnapshotDone(id) => images::snapshot_done(world, &id),
        Event::ImageDone(id) => images::done(world, &id),
    }
}
