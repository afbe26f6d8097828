//! The report of the opted-in groups as they are now.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{RunKind, RunReport};
use crate::group::{Code, Outcome};
use crate::ids::{GroupName, ImageId, InstanceId, RunId};
use crate::schedule::Capacity;

/// The report of the opted-in groups as they are now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatusReport {
    /// The region.
    pub region: String,
    /// The account, as far as the driver has asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// When it was read.
    pub read_at: DateTime<Utc>,
    /// One entry per group, ordered by name.
    pub groups: Vec<GroupStatus>,
    /// Records that cannot be read, or whose group is gone or no longer opted in.
    pub stray_records: Vec<OpenRecord>,
}

/// One group as it is now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupStatus {
    /// Its name.
    pub group: GroupName,
    /// Its capacity.
    pub capacity: Capacity,
    /// The template versions it names, e.g. `web:$Latest (3)`; several if it has overrides.
    pub pins: Vec<String>,
    /// The image it launches from.
    pub image: Option<ImageId>,
    /// The age of the image, days.
    pub image_age_days: Option<i64>,
    /// The run that made the image, if one did.
    pub patched_by_run: Option<RunId>,
    /// When that run made the image.
    pub patched_at: Option<DateTime<Utc>>,
    /// The number of its instances that its capacity counts.
    #[serde(default)]
    pub instances: usize,
    /// How many of them were launched from something else than what the group names now.
    #[serde(default)]
    pub old_instances: usize,
    /// The number of its instances that run; none if that may not be read.
    #[serde(default)]
    pub running: Option<usize>,
    /// How many of them run an older image than the one that it launches from now, or one that is not known any more.
    #[serde(default)]
    pub running_older: Option<usize>,
    /// The age of the oldest of these images, days, as far as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_image_days: Option<i64>,
    /// The last run that the kept reports know of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run: Option<LastRun>,
    /// Its open record, if a run has touched it and not restored it yet.
    pub record: Option<OpenRecord>,
}

/// The last run of a group, by a kept report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRun {
    /// Its id.
    pub run_id: RunId,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// How it ended for the group.
    pub outcome: Outcome,
    /// The code of the failure or refusal, if there was one.
    pub code: Option<Code>,
}

impl StatusReport {
    /// With the last run of each group that these reports know of, in this account and region. Rehearsals are none.
    #[must_use]
    pub fn with_last_runs(mut self, reports: &[RunReport]) -> Self {
        let is_here = |report: &&RunReport| {
            let is_other = match (&report.account, &self.account) {
                (Some(theirs), Some(ours)) => theirs != ours,
                (Some(_) | None, _) => false,
            };
            report.region == self.region && !is_other && report.kind != RunKind::Rehearse
        };
        let mut here: Vec<&RunReport> = reports.iter().filter(is_here).collect();
        here.sort_by_key(|report| report.started_at);
        for group in &mut self.groups {
            let of_group = |report: &&RunReport| {
                let entry = report.groups.iter().find(|g| g.group == group.group)?;
                Some(LastRun {
                    run_id: report.run_id.clone(),
                    started_at: report.started_at,
                    outcome: entry.outcome,
                    code: entry.code,
                })
            };
            group.last_run = here.iter().rev().find_map(of_group);
        }
        self
    }
}

/// In what a group differs from its record: through its run, or through others since.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    /// Its capacity before, if it is another now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity_before: Option<Capacity>,
    /// The versions that it named before, if it names others now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pins_before: Vec<String>,
    /// Processes that were suspended since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suspended: Vec<String>,
    /// Instances that came since, by id, with their lifecycle states: those that the run borrowed, and others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub instances: BTreeMap<InstanceId, String>,
}

/// A record of a group that is not restored yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenRecord {
    /// The name of the parameter that holds it.
    pub parameter: String,
    /// The group, if the record can be read.
    pub group: Option<GroupName>,
    /// The run that wrote it.
    pub run_id: Option<RunId>,
    /// The driver that owns it.
    pub owner: Option<String>,
    /// The latest time by which the group is to be restored.
    pub deadline: Option<DateTime<Utc>>,
    /// Whether its driver is alive, as far as that can be seen. One that is past the deadline is not asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_alive: Option<bool>,
    /// In what the group differs from the record now; none if the group is not there, or the record cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<Changed>,
    /// The raw text, if the record cannot be read or trusted.
    pub raw: Option<String>,
    /// Why it cannot be read or trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Code>,
}
