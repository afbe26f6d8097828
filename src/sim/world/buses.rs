//! Event buses of EventBridge, and what was put on them.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

/// The bus that every account has.
pub const DEFAULT: &str = "default";

/// The state of EventBridge.
#[derive(Clone, Debug, Default)]
pub struct Buses {
    /// The names of this account's buses besides the default one.
    pub names: BTreeSet<String>,
    /// All events on buses that there are, in order.
    pub events: Vec<BusEvent>,
    /// Error codes of the next entries, in the place of their ids.
    pub refusals: Vec<String>,
}

/// An event on a bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusEvent {
    /// The bus's name.
    pub bus: String,
    /// EventBridge's own id: another for each call.
    pub id: String,
    /// `source`
    pub source: String,
    /// `detail-type`
    pub detail_type: String,
    /// `detail`, JSON.
    pub detail: String,
    /// When it happened, as its sender says.
    pub time: DateTime<Utc>,
}

impl Buses {
    /// Whether there is a bus of this name.
    pub fn has(&self, name: &str) -> bool {
        name == DEFAULT || self.names.contains(name)
    }
}
