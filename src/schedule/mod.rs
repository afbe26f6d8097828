//! Schedules, without a clock: cron dialects, the window, and what a group's own schedule wants.
//!
//! Each cron dialect ([`unix`], [`aws`]) reads its fields into sets. One calendar walk turns the sets
//! into wall-clock times, and `wall`, the only place that knows daylight saving time, turns those
//! into instants. Nothing here reads the time: the caller passes it in.
//!
//! The `cron` crate is the independent check: the tests compare this calendar with it, and the
//! simulated account uses it to run scheduled actions.

mod action;
pub mod aws;
mod calendar;
mod capacity;
mod days;
mod error;
mod field;
pub mod missed;
#[cfg(test)]
mod oracle;
pub mod unix;
mod wall;
mod window;

pub use action::ScheduledAction;
pub use aws::{AwsSchedule, Dialect};
pub use capacity::Capacity;
pub use error::ScheduleError;
pub use window::Window;
