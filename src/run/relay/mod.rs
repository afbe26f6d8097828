//! A run that is handed from one invocation to the next: Step Functions keeps it and waits, and every
//! invocation makes one pass of one batch and forgets everything.
//!
//! [`begin`] plans and splits the run, [`advance`] makes a pass of a batch, [`gather`] collects what a step's
//! batches brought and goes on to the next step, [`report`] ends it. Whatever is passed along is plain data
//! with a version: a program that does not understand it hands the batch back from its records.

mod batch;
mod begin;
mod packed;
mod run_state;
mod split;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::drive::GIVE_UP_AFTER_MINUTES;
use crate::ids::RunId;
use crate::report::RunKind;
use crate::request::RunRequest;

pub use batch::{Advanced, Batch, BatchResult, PassOptions, advance};
pub use begin::{Begun, BegunRestore, begin_restore, begin_run, not_planned};
pub use packed::Packed;
pub use run_state::{RunState, Step, gather, report};

/// The version of what is passed along. To be raised with every change that an older program in the middle
/// of a run would misread.
pub const VERSION: u32 = 1;

/// An invocation that nobody waits for any more, because its execution was stopped or its batch was given up,
/// may be at work for so long: the function's time limit in the template, and a little.
pub const INVOCATION_SECONDS: i64 = 310;

/// What is to be done next with what was passed along.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Next {
    /// The batches of the step.
    Batches,
    /// The report.
    Report,
    /// Another pass of the batch, at its time.
    Wait,
    /// Nothing: the batch is done.
    Done,
}

/// What a batch is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Work {
    /// Patching.
    Run(RunRequest),
    /// Restoring.
    Restore {
        /// Names it in reports.
        run_id: RunId,
        /// The execution that drives it.
        owner: String,
        /// Gives up at this time; records stay.
        give_up_at: DateTime<Utc>,
        /// Tells only of what it restored: it comes round again soon.
        quiet: bool,
    },
}

impl Work {
    /// Its id in reports.
    pub fn run_id(&self) -> &RunId {
        match self {
            Self::Run(request) => &request.run_id,
            Self::Restore { run_id, .. } => run_id,
        }
    }

    /// The execution that drives it.
    pub fn owner(&self) -> &str {
        match self {
            Self::Run(request) => &request.owner,
            Self::Restore { owner, .. } => owner,
        }
    }

    /// What kind of report it ends in.
    pub fn report_kind(&self) -> RunKind {
        match self {
            Self::Run(_) => RunKind::Run,
            Self::Restore { .. } => RunKind::Restore,
        }
    }

    /// When the window ends.
    pub fn deadline(&self) -> DateTime<Utc> {
        match self {
            Self::Run(request) => request.window.deadline,
            Self::Restore { give_up_at, .. } => *give_up_at,
        }
    }

    /// Whether it tells only of what it restored.
    pub fn is_quiet(&self) -> bool {
        matches!(self, Self::Restore { quiet: true, .. })
    }

    /// When it leaves open what is not restored by then.
    pub fn give_up_at(&self) -> DateTime<Utc> {
        match self {
            Self::Run(request) => request.restore_by() + TimeDelta::minutes(GIVE_UP_AFTER_MINUTES),
            Self::Restore { give_up_at, .. } => *give_up_at,
        }
    }
}
