//! A run from the request to the report: plan, then passes of observe, decide and perform until every job
//! is finished.

mod absent;
mod account_windows;
pub mod advance;
mod approval;
mod assemble;
mod documents;
mod drive;
pub mod engine;
mod error;
mod freeze;
mod named;
mod notices;
mod owner;
mod patience;
mod plan;
mod prepare;
mod prune;
mod publish;
pub mod relay;
mod restore;
mod send;
mod status;
mod summary;
mod whole;
mod windows;

use chrono::{DateTime, Utc};

use crate::group::{Outcome, Phase};
use crate::ids::{GroupName, RunId};
use crate::request::OptInTag;

pub use account_windows::account_windows;
pub use approval::{
    APPROVE_DOCUMENT, ApproveError, NEXT, OpenedWindows, approval, decide, forget_decisions,
    is_past, waits, waits_no_more, will_wait,
};
pub use error::{RunError, SelectionError};
pub use freeze::frozen;
pub use named::{Amiss, Named, NamedThing, amiss, named_in};
pub use notices::{
    Announcer, BY_HAND, BegunAt, EventBus, Overviewed, OverviewedChannel, Places, ReadyChannel,
    Said, Scripted, SetupError, SetupTables, Taken, TellError, UnknownWindow, Unsent, Watched,
    WindowSetup, opted_in, places, ready, script, tell,
};
pub use owner::{this_host, this_process, this_user};
pub use plan::{Planned, plan, planned};
pub use prune::{PruneRequest, prune};
pub use publish::publish_images;
pub use restore::restore;
pub use send::{send, send_to_chat};
pub use status::status;
pub use whole::{RunNotices, run, run_telling};
pub use windows::{WindowRequest, windows};

/// The operator's wish for a run under way.
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

/// A request to restore groups from their records.
#[derive(Clone, Debug, PartialEq)]
pub struct RestoreRequest {
    /// The process or execution that restores; also the id of its report.
    pub owner: String,
    /// Which groups.
    pub filter: RecordFilter,
    /// The opt-in tag, which a group without a record should carry; else its name is likely a slip.
    pub tag: OptInTag,
    /// Give up at this time (records stay).
    pub give_up_at: DateTime<Utc>,
}

/// Which open records are to be restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordFilter {
    /// Those past their deadline, and those whose driver is known to be dead.
    Due,
    /// Those of some groups, whatever their deadline.
    Named {
        /// These.
        groups: Vec<GroupName>,
        /// Even if their driver is alive, or may be.
        force: bool,
    },
    /// Those of a driver that is known to be dead.
    OwnedBy(String),
    /// All, to pick from.
    All,
}

impl RecordFilter {
    /// These groups, or those that are due if there are none.
    pub fn named_or_due(groups: Vec<GroupName>, force: bool) -> Self {
        if groups.is_empty() {
            Self::Due
        } else {
            Self::Named { groups, force }
        }
    }
}

/// The span of a run: every log line within it carries the run's id.
pub fn run_span(run_id: &RunId) -> tracing::Span {
    tracing::error_span!("run", run_id = run_id.as_str())
}
