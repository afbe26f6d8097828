//! A group's phases, in order.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a group's job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Planned, not admitted yet.
    Queued,
    /// Storing the record.
    Recording,
    /// Suspending what could interfere.
    Guarding,
    /// Bringing up the build instance.
    Waking,
    /// Installing patches.
    Patching,
    /// Reading the patch state afresh.
    Scanning,
    /// Removing what must not be copied.
    Sealing,
    /// Making the image.
    Baking,
    /// Making the launch template version.
    Versioning,
    /// Launching the canary.
    Proving,
    /// Letting the pin name the new version in its own style.
    Promoting,
    /// Undoing what is ours.
    RollingBack,
    /// Returning the group.
    HandingBack,
    /// Nothing more to do.
    Finished,
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
            Self::HandingBack => "handing_back",
            Self::Finished => "finished",
        })
    }
}
