//! asg-patch: patches EC2 Auto Scaling groups that sleep through their own maintenance window.
//!
//! Reading order: [`trigger`] (what was asked for), [`group`] and [`schedule`] (what is decided, pure),
//! [`aws`] (reads and effects), [`run`] (from the request to the report), [`lambda`] (where Step Functions drives it), [`report`], [`sim`] (the
//! simulated account).

pub mod aws;
pub mod clock;
pub mod group;
pub mod ids;
pub mod lambda;
pub mod notify;
pub mod report;
pub mod request;
pub mod run;
pub mod schedule;
pub mod sim;
pub mod text;
pub mod trigger;
