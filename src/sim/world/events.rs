//! What will happen, and when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use chrono::{DateTime, Utc};

use super::World;
use super::commands::{self, SsmEvent};

/// Something that happens by itself. Each event checks when it happens whether it still applies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// A pending instance is running.
    InstanceRunning(String),
    /// Something in Systems Manager.
    Ssm(SsmEvent),
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
        Event::InstanceRunning(_) => {}
        Event::Ssm(event) => commands::happen(world, event),
    }
}
