//! The report of a run: the one document behind the table, the JSON and the messages.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::cost::Cost;
use crate::group::lineage::Lineage;
use crate::group::patch::{PatchState, PatchTraces};
use crate::group::{Code, Outcome, Phase};
use crate::ids::{GroupName, ImageId, RunId};
use crate::place::Place;
use crate::request::About;
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
    /// The person, process or execution that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_by: Option<String>,
    /// The reason that was given for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The name of the patch window that it is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
    /// The version of the stack's file of settings that it works by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_version: Option<i64>,
    /// The principal who approved it, when and why, in words; none if its window demanded no approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<String>,
    /// Where the pages about the codes are published, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages_url: Option<String>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: DateTime<Utc>,
    /// The end of the window, by which every group had to be restored.
    pub deadline: DateTime<Utc>,
    /// One entry per group, ordered by name.
    pub groups: Vec<GroupReport>,
    /// Its cost in quantities and, with prices, in money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
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

impl fmt::Display for RunKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Run => "run",
            Self::Rehearse => "rehearsal",
            Self::Restore => "restore",
        })
    }
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
    /// The age of the image that it launches from after the run, days, as far as that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_age_days: Option<u32>,
    /// The patched image that something had replaced by an older one before the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverted_from: Option<ImageId>,
    /// The application and environment that it serves, as its tags say.
    #[serde(default, skip_serializing_if = "Place::is_unknown")]
    pub place: Place,
    /// How many runs the image descends from that it launches from after the run: 0 for the owner's own image. None if
    /// that is not known.
    #[serde(default)]
    pub generation: Option<u32>,
    /// Its capacity when the run began.
    pub capacity_before: Option<Capacity>,
    /// Its capacity when the run had restored it.
    pub capacity_after: Option<Capacity>,
    /// How many patches were missing at the first scan of the build instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_before: Option<u32>,
    /// Patch counts of the last scan of the build instance.
    pub patches: PatchCounts,
    /// Names of the patches installed, if this group made the image.
    pub installed: Vec<String>,
    /// Names of the patches that the last scan of its build instance found missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// The parameter that has its image, if that was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<String>,
    /// The evidence of its patches: for audits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<PatchEvidence>,
    /// The last lines of the console of the instance that failed, as far as EC2 had them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console: Option<String>,
    /// The phases it went through.
    pub phases: Vec<PhaseReport>,
    /// For how long the group differed from what its owner set, seconds.
    pub altered_seconds: u64,
    /// For how long instances were borrowed: from the launch of each of ours until it was gone, seconds.
    pub instance_seconds: u64,
    /// The same by instance type, as far as the types are known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub seconds_by_type: BTreeMap<String, u64>,
    /// The name by which AWS bills their platform, e.g. `Linux/UNIX` or `Windows` (EC2 API, `PlatformDetails`), as far as it is
    /// known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// The size of the volumes of the image that this group made, GiB. Its snapshots hold at most that; AWS bills only
    /// the blocks that changed since the snapshots before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_gib: Option<u32>,
    /// The scheduled actions that fell due during the run, in order, and the capacity that each led to. Only the
    /// first [`SCHEDULED_LIMIT`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scheduled: Vec<DueAction>,
    /// Anything else the owner should know, e.g. changes by others that were kept, or unknown tags.
    pub notes: Vec<String>,
}

/// Scheduled actions beyond this number are left out of a report.
pub const SCHEDULED_LIMIT: usize = 20;

/// A scheduled action that fell due.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DueAction {
    /// When it was due.
    pub at: DateTime<Utc>,
    /// Its name.
    pub action: String,
    /// The capacity that the group's schedule wants from then on.
    pub capacity: Capacity,
}

/// The evidence of a group's patches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatchEvidence {
    /// The patch baseline that the last Scan of the build instance judged by: `pb-...`, or the ARN of one of AWS's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<String>,
    /// The descent of the image that the group launches from after the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lineage: Option<Lineage>,
    /// The group on whose instance its image was made, if that was another's: its evidence has the patches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_with: Option<GroupName>,
    /// By name: the patches that a Scan of the build instance found wanted and those that the run installed.
    #[serde(default, skip_serializing_if = "PatchTraces::is_empty")]
    pub patches: PatchTraces,
    /// Whether there were more patches: too many, or too long to be passed along.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub patches_left_out: bool,
}

impl PatchEvidence {
    /// Leaves out the patches, and says so.
    pub fn forget_patches(&mut self) {
        self.patches_left_out |= !self.patches.is_empty();
        self.patches = PatchTraces::default();
    }
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

impl GroupReport {
    /// The CVE ids of the patches that were installed, in order, each once, as far as AWS named them.
    pub fn fixed_cves(&self) -> Vec<String> {
        let patches = self.evidence.iter().flat_map(|e| e.patches.0.values());
        let installed = patches.filter(|p| p.after == PatchState::Installed);
        let ids: BTreeSet<&String> = installed.flat_map(|p| &p.facts.cves).collect();
        ids.into_iter().cloned().collect()
    }
}

impl RunReport {
    /// With what its readers are to know about the run.
    #[must_use]
    pub fn asked(self, by: String, about: &About) -> Self {
        Self {
            asked_by: Some(about.asked_by.clone().unwrap_or(by)),
            why: about.why.clone(),
            window: about.window.clone(),
            file_version: about.file_version,
            approved: about.approved.clone(),
            pages_url: about.pages_url.clone(),
            ..self
        }
    }

    /// The number of groups with this outcome.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.groups.iter().filter(|g| g.outcome == outcome).count()
    }

    /// The groups that are not restored yet.
    pub fn left_open(&self) -> impl Iterator<Item = &GroupReport> {
        self.groups.iter().filter(|g| g.left_open)
    }
}
