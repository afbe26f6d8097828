//! The report of a run: the one document behind the table, the JSON and the messages.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::group::{Code, Outcome, Phase};
use crate::ids::{GroupName, ImageId, RunId};
use crate::schedule::Capacity;

/// The report of a run, a rehearsal or a restore.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// The run's id.
    pub run_id: RunId,
    /// `run`, `rehearse` or `restore`.
    pub kind: RunKind,
    /// The region it worked in, e.g. `eu-west-1`.
    pub region: String,
    /// The account, as far as the driver has asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: DateTime<Utc>,
    /// The end of the window, by which every group had to be restored.
    pub deadline: DateTime<Utc>,
    /// One entry per group, ordered by name.
    pub groups: Vec<GroupReport>,
    /// Number of API calls by `service:Operation`, retries included.
    pub api_calls: BTreeMap<String, u64>,
    /// Anything else the reader must know, e.g. unknown option tags or a report that could not be sent.
    pub warnings: Vec<String>,
}

/// The kind of run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// A patch run.
    Run,
    /// A patch run on the simulated account.
    Rehearse,
    /// A restore from records.
    Restore,
}

/// The report of one group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupReport {
    /// The group's name.
    pub group: GroupName,
    /// How it ended.
    pub outcome: Outcome,
    /// The stable code of the failure or refusal, if there is one.
    pub code: Option<Code>,
    /// The reason, in a sentence.
    pub reason: String,
    /// Whether the group is not restored yet.
    pub left_open: bool,
    /// The image it launched from.
    pub image_before: Option<ImageId>,
    /// The image it launches from after the run.
    pub image_after: Option<ImageId>,
    /// The launch template version it launched from, e.g. `$Latest (3)`.
    pub version_before: Option<String>,
    /// The version it launches from after the run.
    pub version_after: Option<String>,
    /// How many runs the image descends from that it launches from after the run: 0 for the owner's own image. None if
    /// that is not known.
    #[serde(default)]
    pub generation: Option<u32>,
    /// Its capacity when the run began.
    pub capacity_before: Option<Capacity>,
    /// Its capacity when the run had restored it.
    pub capacity_after: Option<Capacity>,
    /// Patch counts of the last scan of the build instance.
    pub patches: PatchCounts,
    /// Names of the patches installed, if this group made the image.
    pub installed: Vec<String>,
    /// Names of the patches that the last scan of its build instance found missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// The phases it went through.
    pub phases: Vec<PhaseReport>,
    /// For how long the group differed from what its owner set, seconds.
    pub altered_seconds: u64,
    /// For how long instances were borrowed: from the launch of each of ours until it was gone, seconds.
    pub instance_seconds: u64,
    /// Anything else the owner should know, e.g. changes by others that were kept, or unknown tags.
    pub notes: Vec<String>,
}

/// Numbers of patches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatchCounts {
    /// Installed during this run.
    pub installed: u32,
    /// Still missing.
    pub missing: u32,
    /// Failed to install.
    pub failed: u32,
    /// Installed, waiting for a reboot.
    pub pending_reboot: u32,
}

/// One phase of a group's job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhaseReport {
    /// The phase.
    pub phase: Phase,
    /// When it was entered.
    pub entered_at: DateTime<Utc>,
    /// How long it lasted, seconds.
    pub seconds: u64,
}

impl RunReport {
    /// The number of groups with this outcome.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.groups.iter().filter(|g| g.outcome == outcome).count()
    }

    /// The groups that are not restored yet.
    pub fn left_open(&self) -> impl Iterator<Item = &GroupReport> {
        self.groups.iter().filter(|g| g.left_open)
    }
}
