//! Errors of schedules and windows.

use chrono::TimeDelta;
use thiserror::Error;

/// An invalid schedule or window: the place, what was expected and what was found.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ScheduleError {
    /// The expression has the wrong number of fields.
    #[error("cron expression `{expression}`: expected {expected} fields, found {found}")]
    FieldCount {
        /// The whole expression.
        expression: String,
        /// How many fields the dialect has.
        expected: &'static str,
        /// How many it has.
        found: usize,
    },
    /// One field is wrong.
    #[error("cron expression `{expression}`, field {field}: expected {expected}, found `{found}`")]
    Field {
        /// The whole expression.
        expression: String,
        /// The field's name.
        field: &'static str,
        /// The allowed values or forms.
        expected: String,
        /// The invalid text.
        found: String,
    },
    /// Something outside the fields of a cron expression is wrong.
    #[error("schedule `{expression}`: expected {expected}, found `{found}`")]
    Expression {
        /// The whole expression.
        expression: String,
        /// The allowed values or forms.
        expected: String,
        /// The invalid text.
        found: String,
    },
    /// The time zone is not an IANA zone.
    #[error("expected an IANA time zone such as `Europe/Berlin`, found `{found}`")]
    TimeZone {
        /// The given value.
        found: String,
    },
    /// The window has no length.
    #[error("window: expected a duration above zero, found {} s", found.num_seconds())]
    Duration {
        /// The given value.
        found: TimeDelta,
    },
    /// The cutoff is negative or not shorter than the window: nothing could ever start.
    #[error(
        "window: expected a cutoff of at least 0 s and shorter than the duration of {} s, found {} s",
        duration.num_seconds(),
        found.num_seconds()
    )]
    Cutoff {
        /// The window's whole duration.
        duration: TimeDelta,
        /// The given value.
        found: TimeDelta,
    },
    /// The window would end beyond the last date of the calendar.
    #[error("window: expected an end within the calendar, found a duration of {} s", found.num_seconds())]
    OutOfRange {
        /// The given value.
        found: TimeDelta,
    },
    /// A scheduled action is invalid.
    #[error("scheduled action `{action}`: {source}")]
    Action {
        /// The action's name.
        action: String,
        /// The error.
        source: Box<ScheduleError>,
    },
}
