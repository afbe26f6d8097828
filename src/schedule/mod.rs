//! When things happen: sizes over time, AWS's cron dialects, windows. Pure.

mod capacity;
mod window;

pub use capacity::Capacity;
pub use window::Window;
