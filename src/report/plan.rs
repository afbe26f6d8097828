//! The report of a plan: what a run would do now.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::cost::Cost;
use crate::group::budget::Budget;
use crate::group::{Code, Failure};
use crate::ids::{BakeKey, GroupName, ImageId};
use crate::place::Place;
use crate::request::Operation;
use crate::schedule::{Capacity, Window};

/// The report of a plan: what a run would do now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanReport {
    /// The region.
    pub region: String,
    /// The account, as far as the driver has asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Where the pages about the codes are published, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages_url: Option<String>,
    /// When it was planned.
    pub planned_at: DateTime<Utc>,
    /// The window that it was planned for.
    pub window: Window,
    /// The operation that it was planned for.
    pub operation: Operation,
    /// At most this many groups make an image at once; `None` for no limit.
    pub max_in_flight: Option<usize>,
    /// One entry per group, ordered by wave, then by name.
    pub groups: Vec<PlannedGroup>,
    /// The most that the run would cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// Anything else the reader must know.
    pub warnings: Vec<String>,
}

/// The plan for one group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedGroup {
    /// Its name.
    pub group: GroupName,
    /// Its capacity.
    pub capacity: Capacity,
    /// The template versions it names, e.g. `web:$Latest (3)`; several if it has overrides.
    pub pins: Vec<String>,
    /// The version it launches from, e.g. `$Latest (3)`, as far as that is known.
    #[serde(default)]
    pub version: Option<String>,
    /// The image it launches from, as far as that is known.
    pub image: Option<ImageId>,
    /// The age of the image that it launches from now, days, as far as that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_age_days: Option<u32>,
    /// The patched image that something had replaced by an older one since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverted_from: Option<ImageId>,
    /// The application and environment that it serves, as its tags say.
    #[serde(default, skip_serializing_if = "Place::is_unknown")]
    pub place: Place,
    /// The type of the instances that it would borrow, if it has only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_type: Option<String>,
    /// The name by which AWS bills their platform, e.g. `Linux/UNIX` or `Windows` (EC2 API, `PlatformDetails`), as far as it is
    /// known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// The size of the volumes of its image, GiB, as far as that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_gib: Option<u32>,
    /// Groups with the same key share one bake.
    pub bake_key: Option<BakeKey>,
    /// Whether it makes the image; otherwise it waits for the image of another group.
    pub bakes: bool,
    /// Its wave; lower waves go first.
    pub wave: i32,
    /// The time it is expected to take, seconds.
    pub estimate_seconds: u64,
    /// The expected time by phase, with its source: a default, or a measurement from an earlier run.
    pub budget: Budget,
    /// When it would be started, if nothing fails before.
    #[serde(default)]
    pub starts_at: Option<DateTime<Utc>>,
    /// When it would be restored, if it takes as long as expected.
    #[serde(default)]
    pub ends_at: Option<DateTime<Utc>>,
    /// Why it would not be started in this window, although it is not refused.
    pub misfit: Option<Failure>,
    /// Why it would be skipped in any window.
    pub refusal: Option<Failure>,
    /// Anything else the owner should know, e.g. unknown option tags.
    pub notes: Vec<String>,
}

impl PlanReport {
    /// Whether a group that is not refused finds no time in the window.
    pub fn lacks_time(&self) -> bool {
        self.groups.iter().any(PlannedGroup::is_late)
    }
}

impl PlannedGroup {
    /// Whether it is not refused, and finds no time in the window.
    pub(super) fn is_late(&self) -> bool {
        self.refusal.is_none() && self.misfit.is_some() && !self.is_locked()
    }

    /// Whether a record is in its place, which another run, or something else, has left.
    pub(super) fn is_locked(&self) -> bool {
        let locks = [Code::Locked, Code::RecordUnreadable, Code::NotOurs];
        let misfit = self.misfit.as_ref();
        self.refusal.is_none() && misfit.is_some_and(|m| locks.contains(&m.code))
    }

    /// The part that a run would give it, in a word or two.
    pub(super) fn what(&self, operation: Operation) -> &'static str {
        match (&self.refusal, &self.misfit, self.bakes, operation) {
            (Some(_), _, _, _) => "refused",
            (None, Some(_), _, _) if self.is_locked() => "locked",
            (None, Some(_), _, _) => "no time",
            (None, None, true, Operation::Install) => "bakes",
            (None, None, true, Operation::Scan) => "scans",
            (None, None, false, _) => "shares",
        }
    }
}
