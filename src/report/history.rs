//! The history: the reports of past runs, or of one group in them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{GroupReport, RunKind, RunReport};
use crate::group::{Code, Outcome};
use crate::ids::{GroupName, ImageId, RunId};

/// Past runs, the latest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The group that was asked for: the runs list only this one then.
    pub group: Option<GroupName>,
    /// The runs.
    pub runs: Vec<PastRun>,
    /// Files that hold no report, and why.
    pub warnings: Vec<String>,
}

/// A past run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PastRun {
    /// Its id.
    pub run_id: RunId,
    /// `run`, `rehearse` or `restore`.
    pub kind: RunKind,
    /// Its region.
    pub region: String,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: DateTime<Utc>,
    /// The person, process or execution that asked for it.
    pub asked_by: Option<String>,
    /// The reason that was given for it.
    pub why: Option<String>,
    /// The principal who approved it, when and why, in words; none if its window demanded no approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<String>,
    /// Its groups.
    pub groups: Vec<PastGroup>,
}

/// A group in a past run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PastGroup {
    /// Its name.
    pub group: GroupName,
    /// How it ended.
    pub outcome: Outcome,
    /// The code of the failure or refusal, if there was one.
    pub code: Option<Code>,
    /// Whether it was not restored when the run ended.
    pub left_open: bool,
    /// The image that it launched from before.
    pub image_before: Option<ImageId>,
    /// The image that it launched from afterwards.
    pub image_after: Option<ImageId>,
    /// Names of the patches installed.
    pub installed: Vec<String>,
    /// How many patches were installed.
    pub patches: u32,
}

impl History {
    /// The history of all groups, or of one, in these reports.
    pub fn of(reports: Vec<RunReport>, group: Option<&GroupName>, warnings: Vec<String>) -> Self {
        let mut runs: Vec<PastRun> = reports
            .into_iter()
            .map(|report| PastRun::of(report, group))
            .filter(|run| group.is_none() || !run.groups.is_empty())
            .collect();
        runs.sort_by(|a, b| (b.started_at, &b.run_id).cmp(&(a.started_at, &a.run_id)));
        Self {
            group: group.cloned(),
            runs,
            warnings,
        }
    }
}

impl PastRun {
    fn of(report: RunReport, group: Option<&GroupName>) -> Self {
        let wanted = |g: &GroupReport| group.is_none_or(|name| g.group == *name);
        let groups = report.groups.into_iter().filter(wanted);
        Self {
            run_id: report.run_id,
            kind: report.kind,
            region: report.region,
            started_at: report.started_at,
            finished_at: report.finished_at,
            asked_by: report.asked_by,
            why: report.why,
            approved: report.approved,
            groups: groups.map(PastGroup::from).collect(),
        }
    }

    /// The number of groups with this outcome.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.groups.iter().filter(|g| g.outcome == outcome).count()
    }

    /// How many images it made that groups launched from afterwards.
    pub fn images(&self) -> usize {
        let new = self
            .groups
            .iter()
            .filter(|g| g.image_before != g.image_after);
        let mut images: Vec<&ImageId> = new.filter_map(|g| g.image_after.as_ref()).collect();
        images.sort();
        images.dedup();
        images.len()
    }
}

impl From<GroupReport> for PastGroup {
    fn from(report: GroupReport) -> Self {
        Self {
            group: report.group,
            outcome: report.outcome,
            code: report.code,
            left_open: report.left_open,
            image_before: report.image_before,
            image_after: report.image_after,
            patches: report.patches.installed,
            installed: report.installed,
        }
    }
}
