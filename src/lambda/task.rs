//! The tasks that the state machine sets, and why one may have no answer.

use serde::Deserialize;
use serde_json::Value;

use crate::group::Code;
use crate::run::RunError;
use crate::run::relay::WireError;
use crate::text::shortened;

/// Characters of a payload that an error shows.
const SHOWN_LIMIT: usize = 300;

/// A task of the state machine.
#[derive(Debug, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub(super) enum Task {
    /// Begin with the input that the execution was started with.
    Begin(Begin),
    /// Tell that a run begins.
    Announce(Announce),
    /// Note by which token an execution is woken that waits for an approval.
    AwaitApproval { execution: String, token: String },
    /// Make a pass of a batch.
    Advance {
        state: Value,
        #[serde(default)]
        retries: u64,
    },
    /// Make a pass of a batch that restores whatever is in flight. An execution keeps the definition that it
    /// was started with, and that of a version before 2 of the state calls it `hand-back`.
    #[serde(alias = "hand-back")]
    Restore {
        state: Value,
        #[serde(default)]
        retries: u64,
    },
    /// Go on to the next step.
    Gather {
        state: Value,
        execution: String,
        #[serde(default)]
        retries: u64,
    },
    /// End the run.
    Report {
        state: Value,
        execution: String,
        #[serde(default)]
        retries: u64,
    },
    /// Count a report that S3 did not take.
    NotStored { key: String, error: Value },
}

#[derive(Debug, Deserialize)]
pub(super) struct Begin {
    /// The execution's input.
    pub input: Value,
    /// The execution's ARN.
    pub execution: String,
    #[serde(default)]
    pub retries: u64,
    /// Whether it was asked to come again later, and does.
    #[serde(default)]
    pub waited: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Announce {
    /// The run, as it was planned.
    pub state: Value,
    /// The execution's input.
    pub input: Value,
    /// The execution's ARN.
    pub execution: String,
    #[serde(default)]
    pub retries: u64,
}

impl Task {
    /// Attempts at it that brought no answer.
    pub(super) fn retries(&self) -> u64 {
        match self {
            Self::Begin(task) => task.retries,
            Self::Announce(task) => task.retries,
            Self::Advance { retries, .. }
            | Self::Restore { retries, .. }
            | Self::Gather { retries, .. }
            | Self::Report { retries, .. } => *retries,
            // Nothing is counted of them.
            Self::AwaitApproval { .. } | Self::NotStored { .. } => 0,
        }
    }

    pub(super) fn read(payload: Value) -> Result<Self, FunctionError> {
        let found = shortened(&payload.to_string(), SHOWN_LIMIT);
        serde_json::from_value(payload).map_err(|e| FunctionError::Task {
            found,
            problem: e.to_string(),
        })
    }
}

/// Why an invocation has no answer. Step Functions asks again, and restores in the end.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    /// The task cannot be understood.
    #[error(
        "{}: expected a task of the state machine, found {found}: {problem}",
        Code::EventMalformed
    )]
    Task {
        /// The payload, shortened.
        found: String,
        /// The parser's words.
        problem: String,
    },
    /// The state that was passed along cannot be read, not even for a restore.
    #[error("{}: {}", .0.code(), .0)]
    State(#[from] WireError),
    /// No execution of the state machine has set the task.
    #[error(
        "{}: expected the task of a running execution of {state_machine} with its own input, found {found}",
        Code::NotOurs
    )]
    Execution {
        /// The ARN of the state machine.
        state_machine: String,
        /// The execution that the task names, and its state.
        found: String,
    },
    /// Something that may show yet.
    #[error("{0}")]
    Unknown(String),
    /// AWS.
    #[error("{0}")]
    Run(#[from] RunError),
}

impl FunctionError {
    /// The error's name for `Retry` and `Catch` of a state machine.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Task { .. } => "AsgPatch.Task",
            Self::State(WireError::Unsigned(_)) => "AsgPatch.NotOurs",
            Self::State(_) => "AsgPatch.State",
            Self::Execution { .. } => "AsgPatch.Execution",
            Self::Unknown(_) | Self::Run(_) => "AsgPatch.Run",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_execution_that_was_started_before_an_upgrade_can_still_restore() {
        for action in ["restore", "hand-back"] {
            let payload = json!({"action": action, "state": {}, "retries": 1});
            let task = Task::read(payload).expect("a task");
            assert!(matches!(task, Task::Restore { retries: 1, .. }), "{task:?}");
        }
    }
}
