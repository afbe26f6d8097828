//! Anything that can start a run becomes a [`RunRequest`](crate::request::RunRequest). Pure.

mod cause;
mod event;
mod input;
mod prune_input;
mod run_input;
#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::ids::GroupName;
use crate::request::RequestError;
use crate::schedule::ScheduleError;
use crate::text::shortened;

pub use cause::{BY_HAND, Cause};
pub use prune_input::{Kept, PruneInput};
pub use run_input::{Defaults, RunInput};

/// Characters of an event or input that an error shows.
const SHOWN_LIMIT: usize = 300;

/// An event or input, understood.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// Patch.
    Run(Box<RunInput>),
    /// Show what a run would do.
    Plan(Box<RunInput>),
    /// Remove what past runs have made and nobody uses, or show what would go.
    Prune(Box<PruneInput>),
    /// Take the decision of a person about an opening of a window.
    Approve {
        /// The id of the execution in which it was made.
        automation: String,
    },
    /// Restore: the groups that are named, or all whose deadline has passed.
    Restore {
        /// Names; empty for all that are due.
        groups: Vec<GroupName>,
        /// Whether those that are named are taken even from a run that is alive.
        force: bool,
    },
    /// Restore all groups whose deadline has passed; comes round again soon.
    Sweep,
    /// An execution ended badly: restore what it owned.
    Dead {
        /// Its ARN.
        execution: String,
        /// Step Functions' word for its end.
        status: String,
        /// The input it had been started with, if the event has it and it can be understood.
        input: Option<Box<Asked>>,
    },
}

/// Understands an event of EventBridge, the payload of a maintenance window's task, or a person's input.
///
/// # Errors
/// It is nothing that starts a run, a plan, a prune, a restore or a sweep: where, what was expected and what was found.
pub fn read(event: &Value) -> Result<Asked, TriggerError> {
    let Some(fields) = event.as_object() else {
        return Err(TriggerError::NotAnObject {
            found: shown(event),
        });
    };
    if fields.contains_key("detail-type") {
        event::read(event)
    } else {
        input::read(event)
    }
}

/// Why an event, an input or a stack's setting cannot start a run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TriggerError {
    /// Not a JSON object.
    #[error("expected a JSON object, found {found}")]
    NotAnObject {
        /// The JSON, shortened.
        found: String,
    },
    /// A JSON object with other fields than it should have.
    #[error("in the {place} {found}: {problem}")]
    Malformed {
        /// `event` or `input`.
        place: &'static str,
        /// The JSON, shortened.
        found: String,
        /// The parser's words: expected and found.
        problem: String,
    },
    /// An event that starts nothing.
    #[error(
        "expected an event of EventBridge Scheduler, of a rule's schedule, of a maintenance window's \
         execution or of a Step Functions execution, found '{detail_type}' of {service}"
    )]
    UnknownEvent {
        /// Its `detail-type`.
        detail_type: String,
        /// Its `source`.
        service: String,
    },
    /// A field of an event or input, or a variable of the stack, with a value that it cannot have.
    #[error("{field}: expected {expected}, found {found}")]
    Field {
        /// Its name.
        field: String,
        /// The values that it can have.
        expected: String,
        /// Its value.
        found: String,
    },
    /// A variable of the stack with a value that a request cannot have.
    #[error("{variable}: {problem}")]
    Setting {
        /// Its name.
        variable: String,
        /// Expected and found.
        problem: RequestError,
    },
    /// A window that is impossible.
    #[error("{0}")]
    Window(ScheduleError),
    /// A schedule that cannot be understood.
    #[error("ASG_PATCH_SCHEDULE: {0}")]
    Schedule(ScheduleError),
}

impl TriggerError {
    /// A field with a value that it cannot have.
    pub(crate) fn field(
        field: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self::Field {
            field: field.into(),
            expected: expected.into(),
            found: found.into(),
        }
    }
}

/// JSON as errors show it.
fn shown(event: &Value) -> String {
    shortened(&event.to_string(), SHOWN_LIMIT)
}
