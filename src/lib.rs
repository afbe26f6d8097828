//! asg-patch: patches EC2 Auto Scaling groups that sleep through their own maintenance window.
//!
//! Reading order: `clock`, `schedule`, then `sim`.

pub mod clock;
pub mod schedule;
pub mod sim;
pub mod trigger;
