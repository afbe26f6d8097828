//! A run from the request to the report: plan, then passes of observe, decide and perform until every job
//! is finished.

pub mod admit;
pub mod advance;
mod drive;
mod patience;
mod plan;
pub mod relay;
mod restore;
mod send;
mod status;
mod summary;
mod units;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::group::budget::Budget;
use crate::group::fault::Fault;
use crate::group::{Failure, Outcome, Phase};
use crate::schedule::Capacity;

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
    GoOn,
    /// Start nothing new and hand back what is in flight.
    HandBack,
    /// Stop now; records remain.
    Now,
}

/// A line of progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// When.
    pub at: DateTime<Utc>,
    /// Which group.
    pub group: String,
    /// Where its job stands.
    pub phase: Phase,
    /// Why it stands there: the same text as in the log and the report.
    pub reason: String,
    /// Set once it is finished.
    pub outcome: Option<Outcome>,
}

/// What a run would do now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanReport {
    /// Region.
    pub region: String,
    /// When it was planned.
    pub planned_at: DateTime<Utc>,
    /// By wave, then by name.
    pub groups: Vec<PlannedGroup>,
    /// What else the reader must know.
    pub warnings: Vec<String>,
}

/// What a run would do with one group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedGroup {
    /// Its name.
    pub group: String,
    /// Its sizes.
    pub capacity: Capacity,
    /// How it names its template versions: `web:$Latest (3)`; several for overrides.
    pub pins: Vec<String>,
    /// The image it launches from.
    pub image: Option<String>,
    /// Groups with the same key share one bake.
    pub bake_key: Option<String>,
    /// Whether it makes the image or waits for another group's.
    pub bakes: bool,
    /// Lower waves first.
    pub wave: i32,
    /// How long it is expected to take, seconds.
    pub estimate_seconds: u64,
    /// The same by phase, and whether it is a default or was measured in an earlier run.
    pub budget: Budget,
    /// Why it would be skipped though it started at once: it does not fit into the window.
    pub misfit: Option<Failure>,
    /// Why it would be skipped.
    pub refusal: Option<Failure>,
    /// Unknown option tags and the like.
    pub notes: Vec<String>,
}

/// The opted-in groups now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatusReport {
    /// Region.
    pub region: String,
    /// When it was read.
    pub read_at: DateTime<Utc>,
    /// By name.
    pub groups: Vec<GroupStatus>,
    /// Records whose group is gone or not opted in any more, or that cannot be read.
    pub stray_records: Vec<OpenRecord>,
}

/// One group now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupStatus {
    /// Its name.
    pub group: String,
    /// Its sizes.
    pub capacity: Capacity,
    /// As in [`PlannedGroup::pins`].
    pub pins: Vec<String>,
    /// The image it launches from.
    pub image: Option<String>,
    /// The image's age, days.
    pub image_age_days: Option<i64>,
    /// The run that made the image, if one did.
    pub patched_by_run: Option<String>,
    /// When that image was made.
    pub patched_at: Option<DateTime<Utc>>,
    /// Its open record.
    pub record: Option<OpenRecord>,
}

/// A record that is still there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenRecord {
    /// The parameter that holds it.
    pub parameter: String,
    /// The group, if the record can be read.
    pub group: Option<String>,
    /// The run that wrote it.
    pub run_id: Option<String>,
    /// Its driver.
    pub owner: Option<String>,
    /// When the group is to be handed back at the latest.
    pub deadline: Option<DateTime<Utc>>,
    /// The raw text, if it cannot be read.
    pub raw: Option<String>,
}

/// What to hand back.
#[derive(Clone, Debug, PartialEq)]
pub struct RestoreRequest {
    /// Who does it.
    pub owner: String,
    /// Which groups.
    pub pick: Pick,
    /// Give up at this time (records stay).
    pub give_up_at: DateTime<Utc>,
}

/// Which open records are to be handed back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pick {
    /// Those past their deadline.
    Due,
    /// Those of these groups, whatever their deadline.
    Named(Vec<String>),
    /// Those of a driver that is known to be dead.
    OwnedBy(String),
    /// All, to pick from.
    All,
}

impl Pick {
    /// These groups, or those past their deadline if there are none.
    pub fn named_or_due(groups: Vec<String>) -> Self {
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
    #[error("stopped; records remain of: {}", .records.join(", "))]
    Stopped {
        /// Names of the groups.
        records: Vec<String>,
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
