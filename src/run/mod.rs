//! A run from the request to the report: plan, then passes of observe, decide and perform until every job
//! is finished.

pub mod advance;
mod drive;
mod patience;
mod plan;
pub mod relay;
mod restore;
mod send;
mod status;
mod summary;

use chrono::{DateTime, Utc};

use crate::clock::Clock;
use crate::group::fault::Fault;
use crate::group::{Outcome, Phase};
use crate::ids::{GroupName, names};

pub use drive::run;
pub use plan::{Planned, plan, planned};
pub use restore::restore;
pub use send::{send, send_to_chat};
pub use status::status;

/// What a run needs of its surroundings.
#[derive(Clone, Debug)]
pub struct Env {
    /// Its time.
    pub clock: Clock,
    /// How it reaches AWS (or the simulated account: the same code).
    pub sdk: aws_types::SdkConfig,
}

impl Env {
    /// An account that lives by this clock: so do the SDK's retries, timeouts and credentials.
    pub fn on(clock: Clock, sdk: aws_types::SdkConfig) -> Self {
        let sdk = sdk
            .into_builder()
            .sleep_impl(clock.clone())
            .time_source(clock.clone())
            .build();
        Self { clock, sdk }
    }
}

/// What the operator wants of a run under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stop {
    /// Go on.
    #[default]
    Continue,
    /// Start nothing new and restore what is in flight.
    Restore,
    /// Stop now; records remain.
    Now,
}

/// A line of progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// When.
    pub at: DateTime<Utc>,
    /// Which group.
    pub group: GroupName,
    /// Where its job stands.
    pub phase: Phase,
    /// Why it stands there: the same text as in the log and the report.
    pub reason: String,
    /// Set once it is finished.
    pub outcome: Option<Outcome>,
}

/// What to restore.
#[derive(Clone, Debug, PartialEq)]
pub struct RestoreRequest {
    /// Who does it.
    pub owner: String,
    /// Which groups.
    pub filter: RecordFilter,
    /// Give up at this time (records stay).
    pub give_up_at: DateTime<Utc>,
}

/// Which open records are to be restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordFilter {
    /// Those past their deadline.
    Due,
    /// Those of these groups, whatever their deadline.
    Named(Vec<GroupName>),
    /// Those of a driver that is known to be dead.
    OwnedBy(String),
    /// All, to pick from.
    All,
}

impl RecordFilter {
    /// These groups, or those past their deadline if there are none.
    pub fn named_or_due(groups: Vec<GroupName>) -> Self {
        if groups.is_empty() {
            Self::Due
        } else {
            Self::Named(groups)
        }
    }
}

/// Why a run could not be made at all.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The request cannot be carried out as asked.
    #[error("{0}")]
    Request(String),
    /// AWS could not be reached or refused us.
    #[error("{operation}: {code}: {message}")]
    Aws {
        /// `service:Operation`.
        operation: String,
        /// AWS's error code, or what kept us from AWS.
        code: String,
        /// AWS's words and what to do.
        message: String,
        /// Whether time helps against it.
        passing: bool,
    },
    /// The operator stopped it; these groups' records remain.
    #[error("stopped; records remain of: {}", names(.records))]
    Stopped {
        /// Names of the groups.
        records: Vec<GroupName>,
    },
}

impl From<Fault> for RunError {
    fn from(fault: Fault) -> Self {
        Self::Aws {
            passing: patience::passes(&fault),
            operation: fault.operation,
            code: fault.code,
            message: fault.message,
        }
    }
}
