//! Schedules, without a clock: cron dialects, the window, and what a group's own schedule wants.
//!
//! Each cron dialect is a file that turns its fields into sets ([`field`]) and hands the sets to
//! [`wall`], the one place that knows calendars and daylight saving time. Nothing here reads the
//! time: whoever asks says when.

pub mod capacity;
mod error;
mod field;
pub mod missed;
pub mod unix;
mod wall;
pub mod window;

pub use capacity::Capacity;
pub use error::ScheduleError;
pub use missed::ScheduledAction;
pub use window::Window;
