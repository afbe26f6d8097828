//! Executions of state machines, as their service shows them.

use chrono::{DateTime, Utc};

/// An execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// The ARN of its state machine.
    pub state_machine: String,
    /// `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `ABORTED`.
    pub status: String,
    /// The JSON that it was started with.
    pub input: String,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub stopped_at: Option<DateTime<Utc>>,
}

/// A task that waits for a word from outside (`.waitForTaskToken`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitingTask {
    /// It waits.
    Waits,
    /// The word came.
    Done,
    /// Its time was over before a word came.
    TimedOut,
}
