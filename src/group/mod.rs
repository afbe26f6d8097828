//! What is decided about one group. Pure: no SDK, no clock, no async, no logging, no environment.

mod outcome;
pub mod phase;

pub use outcome::{Code, Failure, Outcome};
pub use phase::Phase;
