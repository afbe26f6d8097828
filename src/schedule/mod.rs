//! Schedules, without a clock: cron dialects, the window, and what a group's own schedule wants.
//!
//! Each cron dialect ([`unix`], [`aws`]) turns its fields into sets ([`field`]) and walks the calendar on
//! wall-clock times; [`wall`], the one place that knows daylight saving time, makes instants of them.
//! Nothing here reads the time: whoever asks says when.

pub mod aws;
pub mod capacity;
mod error;
mod field;
pub mod missed;
pub mod unix;
mod wall;
pub mod window;

pub use aws::{AwsSchedule, Dialect};
pub use capacity::Capacity;
pub use error::ScheduleError;
pub use missed::ScheduledAction;
pub use window::Window;
