//! What can be wrong with a schedule.

use chrono::TimeDelta;
use thiserror::Error;

/// A schedule that cannot be understood: where, what was expected, what was found.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ScheduleError {
    /// The expression has the wrong number of fields.
    #[error("cron expression `{expression}`: expected {expected} fields, found {found}")]
    FieldCount {
        /// The whole expression.
        expression: String,
        /// How many fields the dialect has.
        expected: &'static str,
        /// How many there are.
        found: usize,
    },
    /// One field is wrong.
    #[error("cron expression `{expression}`, field {field}: expected {expected}, found `{found}`")]
    Field {
        /// The whole expression.
        expression: String,
        /// The field's name.
        field: &'static str,
        /// What could have stood there.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// What stands around or instead of a cron expression's fields is wrong.
    #[error("schedule `{expression}`: expected {expected}, found `{found}`")]
    Expression {
        /// The whole expression.
        expression: String,
        /// What could have stood there.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// The expression was understood here, but the calendar engine refused it.
    #[error("cron expression `{expression}`: {reason}")]
    Calendar {
        /// The whole expression.
        expression: String,
        /// The engine's words.
        reason: String,
    },
    /// A time zone that nobody knows.
    #[error("expected an IANA time zone such as `Europe/Berlin`, found `{found}`")]
    TimeZone {
        /// What was given.
        found: String,
    },
    /// A window without length.
    #[error("window: expected a duration above zero, found {} s", found.num_seconds())]
    Duration {
        /// What was given.
        found: TimeDelta,
    },
    /// A cutoff as long as its window, or longer, or negative: nothing could ever start.
    #[error(
        "window: expected a cutoff of at least 0 s and shorter than the duration of {} s, found {} s",
        duration.num_seconds(),
        found.num_seconds()
    )]
    Cutoff {
        /// The window's duration.
        duration: TimeDelta,
        /// What was given.
        found: TimeDelta,
    },
    /// A window that would end beyond the calendar.
    #[error("window: expected an end that the calendar knows, found a duration of {} s", found.num_seconds())]
    OutOfRange {
        /// What was given.
        found: TimeDelta,
    },
    /// A scheduled action with one of the faults above.
    #[error("scheduled action `{action}`: {source}")]
    Action {
        /// The action's name.
        action: String,
        /// What is wrong with it.
        source: Box<ScheduleError>,
    },
}
