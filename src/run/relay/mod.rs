//! A run that is passed from one invocation to the next: Step Functions keeps it and waits, and every
//! invocation makes one pass of one batch and forgets everything.
//!
//! [`begin_run`] plans and splits the run, [`advance`] makes a pass of a batch, [`gather`] collects the results
//! of a step's batches and goes on to the next step, [`report`] ends it. The form in which all this travels is
//! a wire type with a version (see [`read_batch`]): a program that does not understand it restores the groups
//! from their records.

mod batch;
mod begin;
mod packed;
mod pass;
mod run_state;
mod shorten;
mod split;
mod start;
mod used;
mod wire;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::drive::GIVE_UP_AFTER;
use crate::ids::RunId;
use crate::report::RunKind;
use crate::request::RunRequest;

pub use super::owner::INVOCATION_LIMIT;
pub use batch::{Assignment, Batch, BatchResult, Limits, Stage, Working};
pub use begin::{
    Begun, BegunRestore, begin_restore, begin_run, not_planned, not_selected, rescue_run,
};
pub use pass::{Advanced, PassOptions, advance};
pub use run_state::{RunState, Step, gather, report};
pub use used::Used;
pub use wire::{WireError, read_batch, read_run_state, write_batch, write_run_state};

/// How long a restore goes on that was asked for by an operator, or that follows the death of an execution or
/// a state that cannot be read: as long as a run's own restore goes on past its deadline.
pub const RESTORE_LIMIT: TimeDelta = GIVE_UP_AFTER;

/// Batches at work at once. With three of 100 groups, AWS's rates are what a run waits for: five bring it hardly sooner to its end,
/// and each of them waits longer.
const BATCHES_AT_ONCE: usize = 3;
/// Bytes of a run between two steps: Step Functions passes 256 KiB, with signatures and what a task has beside it.
const STATE_BYTES: usize = 244 * 1024;

/// The work of a batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Work {
    /// Patching.
    Run(Box<RunRequest>),
    /// Restoring.
    Restore {
        /// Names it in reports.
        run_id: RunId,
        /// The execution that drives it.
        owner: String,
        /// Gives up at this time; records stay.
        give_up_at: DateTime<Utc>,
        /// Reports only if it restored something: it runs again soon.
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

    /// The kind of report it ends in.
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

    /// Whether it reports only if it restored something.
    pub fn is_quiet(&self) -> bool {
        matches!(self, Self::Restore { quiet: true, .. })
    }

    /// Whether it is about groups that were named.
    pub fn names_groups(&self) -> bool {
        match self {
            Self::Run(request) => !request.selection.groups.is_empty(),
            Self::Restore { .. } => false,
        }
    }

    /// When it leaves open what is not restored by then.
    pub fn give_up_at(&self) -> DateTime<Utc> {
        match self {
            Self::Run(request) => request.restore_by() + GIVE_UP_AFTER,
            Self::Restore { give_up_at, .. } => *give_up_at,
        }
    }
}
