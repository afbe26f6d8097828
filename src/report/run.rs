//! What a run says it did: the one document behind the table, the JSON and the messages.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::group::{Code, Outcome, Phase};
use crate::ids::{GroupName, ImageId, RunId};
use crate::schedule::Capacity;

/// The report of a run, a rehearsal or a restore.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// The run.
    pub run_id: RunId,
    /// `run`, `rehearse` or `restore`.
    pub kind: RunKind,
    /// Account and region it worked on, as far as known, e.g. `eu-west-1`.
    pub region: String,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: DateTime<Utc>,
    /// The window's end by which everything had to be restored.
    pub deadline: DateTime<Utc>,
    /// One entry per group, by name.
    pub groups: Vec<GroupReport>,
    /// Calls per `service:Operation`, retries counted.
    pub api_calls: BTreeMap<String, u64>,
    /// What else the reader must know (unknown option tags, a report that could not be sent).
    pub warnings: Vec<String>,
}

/// What kind of pass it was.
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

/// What happened to one group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupReport {
    /// The group's name.
    pub group: GroupName,
    /// How it ended.
    pub outcome: Outcome,
    /// The stable code, unless all went well.
    pub code: Option<Code>,
    /// Why, in a sentence.
    pub reason: String,
    /// Whether something is still left to restore.
    pub left_open: bool,
    /// The image it launched from.
    pub image_before: Option<ImageId>,
    /// The image it launches from now.
    pub image_after: Option<ImageId>,
    /// The launch template version it launched from, e.g. `$Latest (3)`.
    pub version_before: Option<String>,
    /// The version it launches from now.
    pub version_after: Option<String>,
    /// Its capacity when the run began.
    pub capacity_before: Option<Capacity>,
    /// Its capacity when the run had restored it.
    pub capacity_after: Option<Capacity>,
    /// Patch counts of the last scan of the build instance.
    pub patches: PatchCounts,
    /// Names of the patches installed, when it was the group that baked.
    pub installed: Vec<String>,
    /// The phases it went through.
    pub phases: Vec<PhaseReport>,
    /// Seconds of instance time that the run caused.
    pub instance_seconds: u64,
    /// What the owner should know besides (changes by others that were kept, unknown tags).
    pub notes: Vec<String>,
}

/// Patch counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatchCounts {
    /// Installed by this run.
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
    /// How many groups ended so.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.groups.iter().filter(|g| g.outcome == outcome).count()
    }

    /// Groups that are not restored.
    pub fn left_open(&self) -> impl Iterator<Item = &GroupReport> {
        self.groups.iter().filter(|g| g.left_open)
    }
}
