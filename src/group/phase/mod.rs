//! A group's phases, in order: one file each, with the condition for being done, the effects that bring it
//! on, the time of the next look, and the limit.

mod baking;
mod command;
mod guarding;
mod launch;
mod patching;
mod promoting;
mod proving;
mod recording;
mod restoring;
mod rolling_back;
mod scanning;
mod sealing;
mod versioning;
mod waking;

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::decision::{Context, Decided, Decision};
use super::job::Job;
use super::seen::{Need, Seen};

pub(super) use command::COMMAND_STEPS;
pub use guarding::{GUARDED_PROCESSES, LOAD_BALANCER};
pub use launch::is_hopeless_launch;
pub(super) use restoring::ending;

/// The reads that the present phase needs.
pub(super) fn needs(job: &Job) -> BTreeSet<Need> {
    let needs: &[Need] = match job.phase {
        Phase::Queued | Phase::Finished => &[],
        Phase::Recording => &[Need::Record, Need::Group, Need::Templates],
        Phase::Guarding => &[Need::Group],
        Phase::Waking => return waking::needs(job),
        Phase::Patching => return patching::needs(job),
        Phase::Scanning => return scanning::needs(job),
        Phase::Sealing => return sealing::needs(job),
        Phase::Baking => &[Need::Image, Need::Group],
        Phase::Versioning => return versioning::needs(job),
        Phase::Proving => return proving::needs(job),
        Phase::Promoting => &[Need::Group, Need::Templates, Need::Image],
        Phase::RollingBack => return rolling_back::needs(job),
        Phase::Restoring => &[Need::Group, Need::Instances, Need::Actions],
    };
    needs.iter().copied().collect()
}

/// The next step of the present phase.
pub(super) fn decide(cx: &Context<'_>) -> Decided {
    match cx.job.phase {
        Phase::Queued => Ok(cx.wait(super::limits::LOOK_MAX, cx.job.reason.clone())),
        Phase::Finished => Ok(Decision::Wait {
            until: chrono::DateTime::<chrono::Utc>::MAX_UTC,
            reason: cx.job.reason.clone(),
        }),
        Phase::Recording => recording::decide(cx),
        Phase::Guarding => guarding::decide(cx),
        Phase::Waking => waking::decide(cx),
        Phase::Patching => patching::decide(cx),
        Phase::Scanning => scanning::decide(cx),
        Phase::Sealing => sealing::decide(cx),
        Phase::Baking => baking::decide(cx),
        Phase::Versioning => versioning::decide(cx),
        Phase::Proving => proving::decide(cx),
        Phase::Promoting => promoting::decide(cx),
        Phase::RollingBack => rolling_back::decide(cx),
        Phase::Restoring => restoring::decide(cx),
    }
}

/// Takes from a look what single phases remember.
pub(super) fn learn(job: &mut Job, seen: &Seen) {
    scanning::learn(job, seen);
    baking::learn(job, seen);
}

/// Where a group's job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Planned, not admitted yet.
    Queued,
    /// Storing the record.
    Recording,
    /// Suspending the processes that could interfere.
    Guarding,
    /// Bringing up the build instance.
    Waking,
    /// Installing patches.
    Patching,
    /// Reading the patch state afresh.
    Scanning,
    /// Removing from the guest what must not be copied.
    Sealing,
    /// Making the image.
    Baking,
    /// Making the launch template version.
    Versioning,
    /// Launching the canary.
    Proving,
    /// Letting the pin name the new version in its own style.
    Promoting,
    /// Undoing our own changes.
    RollingBack,
    /// Restoring the group.
    Restoring,
    /// Nothing more to do.
    Finished,
}

impl Phase {
    /// All phases, in order.
    pub const ALL: [Phase; 14] = [
        Self::Queued,
        Self::Recording,
        Self::Guarding,
        Self::Waking,
        Self::Patching,
        Self::Scanning,
        Self::Sealing,
        Self::Baking,
        Self::Versioning,
        Self::Proving,
        Self::Promoting,
        Self::RollingBack,
        Self::Restoring,
        Self::Finished,
    ];

    /// Whether a job in this phase needs the bake's image and its versions.
    pub fn uses_version(self) -> bool {
        match self {
            Self::Versioning | Self::Proving | Self::Promoting => true,
            Self::Queued
            | Self::Recording
            | Self::Guarding
            | Self::Waking
            | Self::Patching
            | Self::Scanning
            | Self::Sealing
            | Self::Baking
            | Self::RollingBack
            | Self::Restoring
            | Self::Finished => false,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Queued => "queued",
            Self::Recording => "recording",
            Self::Guarding => "guarding",
            Self::Waking => "waking",
            Self::Patching => "patching",
            Self::Scanning => "scanning",
            Self::Sealing => "sealing",
            Self::Baking => "baking",
            Self::Versioning => "versioning",
            Self::Proving => "proving",
            Self::Promoting => "promoting",
            Self::RollingBack => "rolling_back",
            Self::Restoring => "restoring",
            Self::Finished => "finished",
        })
    }
}
