//! The simulated world: resources, a virtual clock's reading, seeded randomness. No HTTP.
//!
//! Whatever takes time is an [`Event`] in a heap, drained up to "now" before each request: there are
//! no background tasks, and the same seed gives the same world.

pub mod agents;
pub mod behaviour;
pub mod commands;
pub mod documents;
pub mod events;
pub mod instance;
pub mod parameters;
pub mod patching;
pub mod topics;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use behaviour::Spread;
pub use events::{Event, EventQueue};
pub use instance::Instance;

/// The simulated account in one region.
#[derive(Clone, Debug)]
pub struct World {
    /// The present, never going back.
    pub now: DateTime<Utc>,
    /// All randomness comes from here.
    pub rng: fastrand::Rng,
    /// Twelve digits.
    pub account: String,
    /// e.g. `eu-west-1`.
    pub region: String,
    /// How long a created resource may stay unknown to reads.
    pub visibility: Spread,
    queue: EventQueue,
    next_id: u64,
    /// Instances by id, terminated ones included for an hour.
    pub instances: BTreeMap<String, Instance>,
    /// Systems Manager.
    pub ssm: commands::Ssm,
    /// SNS.
    pub sns: topics::Sns,
}

impl World {
    /// An empty account.
    pub fn new(now: DateTime<Utc>, seed: u64) -> Self {
        Self {
            now,
            rng: fastrand::Rng::with_seed(seed),
            account: "123456789012".into(),
            region: "eu-west-1".into(),
            visibility: Spread::seconds(1.0, 0.9),
            queue: EventQueue::default(),
            next_id: 0,
            instances: BTreeMap::new(),
            ssm: commands::Ssm::default(),
            sns: topics::Sns::default(),
        }
    }

    /// `Linux` or `Windows`: what the instance's image says.
    pub fn platform_of(&self, _instance: &Instance) -> &str {
        "Linux"
    }

    /// Puts an event into the future (or the present).
    pub fn schedule(&mut self, at: DateTime<Utc>, event: Event) {
        self.queue.push(at.max(self.now), event);
    }

    /// Puts an event `spread` after now.
    pub fn schedule_in(&mut self, spread: Spread, event: Event) {
        let at = self.now + self.draw(spread);
        self.schedule(at, event);
    }

    /// Lets everything happen that is due up to `now`, in order.
    pub fn advance_to(&mut self, now: DateTime<Utc>) {
        while let Some((at, event)) = self.queue.pop_due(now) {
            self.now = self.now.max(at);
            events::happen(self, event);
        }
        self.now = self.now.max(now);
    }

    /// When the next event is due.
    pub fn next_event_at(&self) -> Option<DateTime<Utc>> {
        self.queue.next_at()
    }

    /// Draws a duration.
    pub fn draw(&mut self, spread: Spread) -> TimeDelta {
        let factor = 1.0 + spread.spread * (2.0 * self.rng.f64() - 1.0);
        TimeDelta::milliseconds((spread.seconds * factor * 1000.0).max(0.0) as i64)
    }

    /// When something created now becomes visible to reads.
    pub fn visible_from(&mut self) -> DateTime<Utc> {
        let delay = self.draw(self.visibility);
        self.now + delay
    }

    /// A new id such as `i-0a1b...` (17 hexadecimal digits), unique and the same for the same seed.
    pub fn new_id(&mut self, prefix: &str) -> String {
        self.next_id += 1;
        let noise = self.rng.u64(..) & 0xfff_ffff;
        format!("{prefix}-0{:08x}{noise:08x}", self.next_id)
    }

    /// A new UUID-shaped id (36 characters), as commands have.
    pub fn new_uuid(&mut self) -> String {
        self.next_id += 1;
        let n = self.rng.u128(..);
        format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            self.next_id as u32,
            (n >> 96) as u16,
            (n >> 80) as u16 & 0xfff,
            (n >> 64) as u16 & 0xfff,
            n as u64 & 0xffff_ffff_ffff
        )
    }
}

/// A time as the XML protocols write it.
pub fn iso(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// A time as awsJson1.1 writes it: seconds since 1970 with a fraction.
pub fn epoch(at: DateTime<Utc>) -> f64 {
    at.timestamp_millis() as f64 / 1000.0
}
