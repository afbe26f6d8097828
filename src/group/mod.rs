//! What is decided about one group. Pure: no SDK, no clock, no async, no logging, no environment.
//!
//! Reading order: [`record`] and [`job`] (what is remembered), [`seen`] (what is observed), [`effect`]
//! (what can be done), [`decide`] and [`phase`] (what follows from what).

pub mod budget;
mod claim;
pub mod decide;
pub mod effect;
pub mod facts;
pub mod fault;
pub mod job;
pub mod limits;
pub mod names;
pub mod options;
mod outcome;
pub mod phase;
pub mod pin;
pub mod preflight;
pub mod record;
pub mod seen;
pub mod unit;

pub use job::Job;
pub use outcome::{Code, Failure, Outcome};
pub use phase::Phase;
pub use record::Record;
