//! The phases of a job, and which may follow which.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::effect::Role;

/// Where a group's job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Planned, not admitted yet.
    Queued,
    /// Storing the record.
    Recording,
    /// Running the owner's own document, before the first change to the group.
    RunningBefore,
    /// Having the group launch the build instance.
    Launching,
    /// Moving the build instance to Standby, and the group back to what its owner set.
    Returning,
    /// Waiting until the guest's first boot is over.
    Settling,
    /// Reading the patch state afresh.
    Scanning,
    /// Installing patches.
    Patching,
    /// Removing from the guest what must not be copied.
    Sealing,
    /// Making the image.
    Baking,
    /// Making the launch template version.
    Versioning,
    /// Having the group launch the canary.
    LaunchingCanary,
    /// Moving the canary to Standby, and the group back to what its owner set.
    ReturningCanary,
    /// Waiting until the canary has proved the new version.
    Proving,
    /// Letting the pin name the new version in its own style.
    Promoting,
    /// Running the owner's own document, now that the new version is deployed.
    RunningAfter,
    /// Undoing our own changes.
    RollingBack,
    /// Restoring the group.
    Restoring,
    /// Nothing more to do.
    Finished,
}

impl Phase {
    /// All phases, in order.
    pub const ALL: [Phase; 19] = [
        Self::Queued,
        Self::Recording,
        Self::RunningBefore,
        Self::Launching,
        Self::Returning,
        Self::Settling,
        Self::Scanning,
        Self::Patching,
        Self::Sealing,
        Self::Baking,
        Self::Versioning,
        Self::LaunchingCanary,
        Self::ReturningCanary,
        Self::Proving,
        Self::Promoting,
        Self::RunningAfter,
        Self::RollingBack,
        Self::Restoring,
        Self::Finished,
    ];

    /// Whether a job may go from this phase to another.
    pub fn leads_to(self, next: Phase) -> bool {
        let fails = next == Self::RollingBack && self.works_on_group();
        let ends = next == Self::Finished && self != Self::Finished;
        fails || ends || WAYS.contains(&(self, next))
    }

    /// The declared ways, and the failures, for the diagram; the ends that every phase has are left out.
    pub fn ways() -> Vec<(Phase, Phase)> {
        let fails = Self::ALL.into_iter().filter(|p| p.works_on_group());
        let fails = fails.map(|p| (p, Self::RollingBack));
        WAYS.into_iter().chain(fails).collect()
    }

    /// The instance that the group launches in this phase, or has just launched.
    pub fn launch_role(self) -> Option<Role> {
        match self {
            Self::Launching | Self::Returning => Some(Role::Build),
            Self::LaunchingCanary | Self::ReturningCanary => Some(Role::Canary),
            Self::Queued
            | Self::Recording
            | Self::RunningBefore
            | Self::Settling
            | Self::Scanning
            | Self::Patching
            | Self::Sealing
            | Self::Baking
            | Self::Versioning
            | Self::Proving
            | Self::Promoting
            | Self::RunningAfter
            | Self::RollingBack
            | Self::Restoring
            | Self::Finished => None,
        }
    }

    /// Whether the group is to launch an instance in this phase.
    pub fn launches(self) -> bool {
        matches!(self, Self::Launching | Self::LaunchingCanary)
    }

    fn works_on_group(self) -> bool {
        match self {
            Self::Recording
            | Self::RunningBefore
            | Self::Launching
            | Self::Returning
            | Self::Settling
            | Self::Scanning
            | Self::Patching
            | Self::Sealing
            | Self::Baking
            | Self::Versioning
            | Self::LaunchingCanary
            | Self::ReturningCanary
            | Self::Proving
            | Self::Promoting
            | Self::RunningAfter => true,
            Self::Queued | Self::RollingBack | Self::Restoring | Self::Finished => false,
        }
    }

    /// Whether a job in this phase needs the bake's image and its versions.
    pub fn uses_version(self) -> bool {
        match self {
            Self::Versioning
            | Self::LaunchingCanary
            | Self::ReturningCanary
            | Self::Proving
            | Self::Promoting
            | Self::RunningAfter => true,
            Self::Queued
            | Self::Recording
            | Self::RunningBefore
            | Self::Launching
            | Self::Returning
            | Self::Settling
            | Self::Scanning
            | Self::Patching
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
            Self::RunningBefore => "running_before",
            Self::Launching => "launching",
            Self::Returning => "returning",
            Self::Settling => "settling",
            Self::Patching => "patching",
            Self::Scanning => "scanning",
            Self::Sealing => "sealing",
            Self::Baking => "baking",
            Self::Versioning => "versioning",
            Self::LaunchingCanary => "launching_canary",
            Self::ReturningCanary => "returning_canary",
            Self::Proving => "proving",
            Self::Promoting => "promoting",
            Self::RunningAfter => "running_after",
            Self::RollingBack => "rolling_back",
            Self::Restoring => "restoring",
            Self::Finished => "finished",
        })
    }
}

/// A phase that a job went through.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entered {
    /// The phase.
    pub phase: Phase,
    /// When.
    pub at: DateTime<Utc>,
}

/// The way forward and the way back. Two rules come on top: every phase that works on a group may fail into
/// `rolling_back`, and every phase may end the job (`finished`): a queued group that is not started, a group
/// that another run owns now, one that could not be restored in time.
const WAYS: [(Phase, Phase); 29] = [
    (Phase::Queued, Phase::Recording),
    (Phase::Recording, Phase::Launching),
    // The group's image was made by another group of its bake.
    (Phase::Recording, Phase::Versioning),
    // The owner names a document.
    (Phase::Recording, Phase::RunningBefore),
    (Phase::RunningBefore, Phase::Launching),
    (Phase::RunningBefore, Phase::Versioning),
    (Phase::Launching, Phase::Returning),
    (Phase::Returning, Phase::Settling),
    (Phase::Settling, Phase::Scanning),
    // An install failed, and is tried again.
    (Phase::Settling, Phase::Patching),
    (Phase::Scanning, Phase::Patching),
    // Nothing had to be patched, or only a scan was asked for.
    (Phase::Scanning, Phase::Restoring),
    (Phase::Scanning, Phase::Sealing),
    // No sealing, by tag.
    (Phase::Scanning, Phase::Baking),
    (Phase::Patching, Phase::Scanning),
    (Phase::Patching, Phase::Settling),
    (Phase::Sealing, Phase::Baking),
    (Phase::Baking, Phase::Versioning),
    (Phase::Versioning, Phase::LaunchingCanary),
    // No canary, by tag.
    (Phase::Versioning, Phase::Promoting),
    (Phase::LaunchingCanary, Phase::ReturningCanary),
    (Phase::ReturningCanary, Phase::Proving),
    (Phase::Proving, Phase::Promoting),
    (Phase::Promoting, Phase::Restoring),
    // The owner of a group of the bake names a document.
    (Phase::Promoting, Phase::RunningAfter),
    (Phase::RunningAfter, Phase::Restoring),
    (Phase::RollingBack, Phase::Restoring),
    (Phase::Restoring, Phase::Finished),
    (Phase::Recording, Phase::Finished),
];
