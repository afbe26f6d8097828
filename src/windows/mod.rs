//! Patch windows: when each opens, the groups that it takes, and what is wrong with them. Pure.
//!
//! A [`PatchWindow`] is a schedule with a selection of groups. [`upcoming`] says when windows open, [`look_over`] what a
//! person should know before the night: groups in no window or in two at once, schedules that never fire or fire
//! several times a night.

mod advice;
mod ahead;
mod definition;
mod freeze;
mod opening;
#[cfg(test)]
mod tests;
mod trouble;

pub use advice::meant;
pub use ahead::{AheadError, ahead};
pub use definition::{PatchWindow, WindowError, WindowNotices, WindowText};
pub use freeze::{Freeze, FreezeError, FreezeTable, FreezeTime};
pub use opening::{Opening, upcoming};
pub use trouble::{Trouble, look_over};
