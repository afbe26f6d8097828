//! asg-patch: patches EC2 Auto Scaling groups that sleep through their own maintenance window.
//!
//! Reading order: `clock`, then `sim`.

pub mod clock;
pub mod group;
pub mod notify;
pub mod report;
pub mod run;
pub mod schedule;
pub mod sim;
pub mod trigger;
