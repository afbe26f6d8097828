//! Anything that can start a run becomes a [`RunRequest`](crate::request::RunRequest).

mod event;

use crate::request::RequestError;
use crate::schedule::ScheduleError;

pub use event::{Asked, Cause, Defaults, RunInput, read};

/// What was wrong with what should start a run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TriggerError {
    /// A part of the request cannot be understood.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// An event that nobody understands.
    #[error("{problem}")]
    Event {
        /// Where, what was expected and what was found.
        problem: String,
    },
    /// A window that cannot be.
    #[error("{0}")]
    Window(ScheduleError),
    /// A schedule that cannot be.
    #[error("ASG_PATCH_SCHEDULE: {0}")]
    Schedule(ScheduleError),
}
