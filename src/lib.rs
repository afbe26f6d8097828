//! asg-patch: patches EC2 Auto Scaling groups that sleep through their own maintenance window.
//!
//! Reading order: [`request`] (a run as it is asked for) and [`trigger`] (everything that asks), [`group`] and
//! [`schedule`] (decisions, pure), [`aws`] (reads and effects), [`run`] (from the request to the report),
//! [`lambda`] (the same, driven by Step Functions), [`report`] and [`notify`], [`notices`] and [`channels`] (news of
//! windows for chat and status services), [`sim`] (the simulated account),
//! [`probe`] (does AWS behave like it?).
//! On the ground floor: [`ids`], [`text`], [`place`], [`toml_file`], [`clock`], [`secret`], [`signature`]; [`config`] (the
//! settings of the command line, and their file) is known by the command line alone.

pub mod aws;
pub mod channels;
pub mod clock;
pub mod config;
pub mod group;
pub mod ids;
pub mod lambda;
pub mod notices;
pub mod notify;
pub mod place;
pub mod probe;
pub mod report;
pub mod request;
pub mod retention;
pub mod run;
pub mod schedule;
pub mod secret;
pub mod signature;
pub mod sim;
pub mod tag_filter;
pub mod text;
pub mod toml_file;
pub mod trigger;
pub mod windows;
