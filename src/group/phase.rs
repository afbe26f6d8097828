//! The phases of a job, and which may follow which.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

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

    fn works_on_group(self) -> bool {
        match self {
            Self::Recording
            | Self::Guarding
            | Self::Waking
            | Self::Patching
            | Self::Scanning
            | Self::Sealing
            | Self::Baking
            | Self::Versioning
            | Self::Proving
            | Self::Promoting => true,
            Self::Queued | Self::RollingBack | Self::Restoring | Self::Finished => false,
        }
    }

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
const WAYS: [(Phase, Phase); 18] = [
    (Phase::Queued, Phase::Recording),
    (Phase::Recording, Phase::Guarding),
    (Phase::Guarding, Phase::Waking),
    // The group's image was made by another group of its bake.
    (Phase::Guarding, Phase::Versioning),
    (Phase::Waking, Phase::Patching),
    (Phase::Patching, Phase::Scanning),
    (Phase::Scanning, Phase::Sealing),
    // No sealing, by tag.
    (Phase::Scanning, Phase::Baking),
    // Nothing had to be patched, or only a scan was asked for.
    (Phase::Scanning, Phase::Restoring),
    (Phase::Sealing, Phase::Baking),
    (Phase::Baking, Phase::Versioning),
    (Phase::Versioning, Phase::Proving),
    // No canary, by tag.
    (Phase::Versioning, Phase::Promoting),
    (Phase::Proving, Phase::Promoting),
    (Phase::Promoting, Phase::Restoring),
    (Phase::RollingBack, Phase::Restoring),
    (Phase::Restoring, Phase::Finished),
    (Phase::Recording, Phase::Finished),
];
