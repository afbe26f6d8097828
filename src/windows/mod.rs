//! Patch windows: when each opens, the groups that it takes, and what is wrong with them. Pure.
//!
//! A [`PatchWindow`] is a schedule with a selection of groups. [`upcoming`] says when windows open, [`look_over`] what a
//! person should know before the night: groups in no window or in two at once, schedules that never fire or fire
//! several times a night. [`Reader`] makes windows of what AWS has, and [`twin`] compares one of the file with AWS's of the same name.

mod advice;
mod ahead;
mod approval;
mod definition;
mod freeze;
mod from_aws;
mod opening;
mod source;
#[cfg(test)]
mod tests;
mod trouble;
mod twin;

pub use advice::meant;
pub use ahead::{AheadError, ahead};
pub use approval::{Approval, ApprovalDemand, Decision, Due, Standing, standing};
pub use definition::{After, PatchWindow, WindowError, WindowNotices, WindowState, WindowText};
pub use freeze::{Freeze, FreezeError, FreezeTable, FreezeTime};
pub use from_aws::{AwsWindow, DEFAULT_WINDOW, Found, Reader, Unreadable, may_start};
pub use opening::{Opening, upcoming};
pub use source::WindowSource;
pub use trouble::{Trouble, look_over};
pub use twin::twin;
