//! The simulated account's log of calls, and their count per operation.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::wire::{ApiError, Call};

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was answered.
    Ok,
    /// It was refused with this code.
    Error(String),
    /// It never took effect: the fault came first.
    Lost,
    /// It took effect (or was refused), but the caller never read the answer.
    ReplyLost,
}

impl Ending {
    /// Whether it was refused for its rate.
    pub fn is_throttle(&self) -> bool {
        let codes = ["Throttling", "ThrottlingException", "RequestLimitExceeded"];
        matches!(self, Self::Error(code) if codes.contains(&code.as_str()))
    }
}

/// One call in the log.
#[derive(Clone, Debug)]
pub struct CallRecord {
    /// When it arrived, simulated time.
    pub at: DateTime<Utc>,
    /// `service:Operation`.
    pub name: String,
    /// Its parameters as JSON (scalars of the Query protocols are strings).
    pub params: Value,
    /// How it ended.
    pub ending: Ending,
}

impl CallRecord {
    /// Whether the operation can change something.
    pub fn is_change(&self) -> bool {
        is_change(self.name.split(':').nth(1).unwrap_or_default()) && !self.is_dry_run()
    }

    /// Whether it only asks what would be: EC2's `DryRun`.
    pub fn is_dry_run(&self) -> bool {
        self.params.get("DryRun").and_then(Value::as_str) == Some("true")
    }
}

/// Whether an operation of this name can change something.
pub fn is_change(operation: &str) -> bool {
    !["Describe", "Generate", "Get", "List"]
        .iter()
        .any(|p| operation.starts_with(p))
}

/// The log and the counts.
#[derive(Clone, Debug)]
pub struct Calls {
    /// Every call in order of arrival, as long as the log is kept.
    pub log: Vec<CallRecord>,
    /// Calls per `service:Operation`.
    pub counts: BTreeMap<String, u64>,
    /// Names of the groups that changing calls were about, whether the log is kept or not.
    pub changed_groups: BTreeSet<String>,
    /// Calls that can change something, whatever became of them.
    pub changing: u64,
    /// Calls that were refused for their rate.
    pub throttled: u64,
    keeps_log: bool,
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            log: Vec::new(),
            counts: BTreeMap::new(),
            changed_groups: BTreeSet::new(),
            changing: 0,
            throttled: 0,
            keeps_log: true,
        }
    }
}

impl Calls {
    pub(super) fn note(
        &mut self,
        at: DateTime<Utc>,
        call: &Call,
        result: Option<&Result<Value, ApiError>>,
        reply_lost: bool,
    ) {
        let name = format!("{}:{}", call.service.name(), call.operation);
        *self.counts.entry(name.clone()).or_default() += 1;
        let ending = match result {
            None => Ending::Lost,
            Some(_) if reply_lost => Ending::ReplyLost,
            Some(Ok(_)) => Ending::Ok,
            Some(Err(e)) => Ending::Error(e.code.clone()),
        };
        self.throttled += u64::from(ending.is_throttle());
        if !self.keeps_log && !is_change(&call.operation) {
            return;
        }
        let record = CallRecord {
            at,
            name,
            params: call.params.to_json(),
            ending,
        };
        self.changing += u64::from(record.is_change());
        if record.is_change() && record.ending != Ending::Lost {
            let group = record.params.get("AutoScalingGroupName");
            let name = group.and_then(Value::as_str).map(str::to_owned);
            self.changed_groups.extend(name);
        }
        if self.keeps_log {
            self.log.push(record);
        }
    }

    /// Drops the log, and keeps none from now on.
    pub(super) fn keep_no_log(&mut self) {
        self.log = Vec::new();
        self.keeps_log = false;
    }

    /// The changing calls in order, without those that never took effect.
    pub fn changes(&self) -> impl Iterator<Item = &CallRecord> {
        self.log
            .iter()
            .filter(|c| c.is_change() && c.ending != Ending::Lost)
    }
}
