//! The report of patch windows: when they open, what they take, and what is wrong.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::GroupName;
use crate::windows::WindowSource;

/// The patch windows, as they are set up, over the groups that opted in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WindowsReport {
    /// The region.
    pub region: String,
    /// The account, as far as the driver has asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// When it was read.
    pub read_at: DateTime<Utc>,
    /// One entry per window, the one that opens next first.
    pub windows: Vec<WindowReport>,
    /// Windows that AWS has and that are not understood; among the problems, too.
    #[serde(default)]
    pub unreadable: Vec<UnreadableWindow>,
    /// A sentence for each service of AWS that may not be read: there may be windows that are not here.
    #[serde(default)]
    pub unread: Vec<String>,
    /// Problems, a sentence each.
    pub troubles: Vec<String>,
}

/// A window that is not understood.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnreadableWindow {
    /// Where it is set up.
    pub source: WindowSource,
    /// Why: expected and found.
    pub reason: String,
}

/// One window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WindowReport {
    /// Its name.
    pub window: String,
    /// Where it is set up; if in AWS and in the file, AWS first, whose settings these are.
    pub sources: Vec<WindowSource>,
    /// Whether AWS has it disabled: it does not open.
    pub disabled: bool,
    /// `cron(...)`, `rate(...)` or `at(...)`.
    pub schedule: String,
    /// The schedule's IANA time zone.
    pub time_zone: String,
    /// The people who answer for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The tags by which it takes groups that opted in; empty for all.
    pub filters: String,
    /// Its length, seconds.
    pub seconds: u64,
    /// Whether the length is known; else it is the default, and its stack may have another.
    pub length_known: bool,
    /// The window that goes before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// How many days ago that may have been.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_days: Option<u16>,
    /// Whether a person must approve its runs before they begin.
    #[serde(default)]
    pub approval_required: bool,
    /// Whether no run begins in it that was not announced.
    #[serde(default)]
    pub notice_required: bool,
    /// Its next openings.
    pub openings: Vec<OpeningReport>,
    /// The groups that it takes.
    pub groups: Vec<GroupName>,
    /// The time that its run is expected to take, from its opening to the end of its last group, seconds; none if
    /// nothing would be worked on.
    pub takes_seconds: Option<u64>,
    /// Groups for which its next opening has no time.
    pub without_time: Vec<GroupName>,
    /// Groups that a run would refuse.
    pub refused: Vec<GroupName>,
}

impl WindowReport {
    /// Where it is set up, in words.
    pub fn origin(&self) -> String {
        let sources: Vec<String> = self.sources.iter().map(ToString::to_string).collect();
        sources.join(" and ")
    }

    /// `enabled` or `disabled`.
    pub fn state(&self) -> &'static str {
        match self.disabled {
            true => "disabled",
            false => "enabled",
        }
    }
}

/// One opening.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpeningReport {
    /// When it begins.
    pub start: DateTime<Utc>,
    /// The end, by which every group is restored.
    pub deadline: DateTime<Utc>,
    /// When it begins by the schedule's own clock, e.g. `Thu 2026-10-15 23:00 CEST`.
    pub local: String,
    /// The freeze that lies over it: a run in it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<String>,
}
