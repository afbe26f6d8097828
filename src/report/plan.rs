//! The report of a plan: what a run would do now.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::cost::Cost;
use crate::group::Failure;
use crate::group::budget::Budget;
use crate::ids::{BakeKey, GroupName, ImageId};
use crate::schedule::Capacity;

/// The report of a plan: what a run would do now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanReport {
    /// The region.
    pub region: String,
    /// Where the pages about the codes are published, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages_url: Option<String>,
    /// When it was planned.
    pub planned_at: DateTime<Utc>,
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
    /// The type of the instances that it would borrow, if it has only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_type: Option<String>,
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
    /// Why it would be skipped even if it started at once: it does not fit into the window.
    pub misfit: Option<Failure>,
    /// Why it would be skipped in any window.
    pub refusal: Option<Failure>,
    /// Anything else the owner should know, e.g. unknown option tags.
    pub notes: Vec<String>,
}

impl PlannedGroup {
    /// The part that a run would give it, in a word or two.
    pub(super) fn what(&self) -> &'static str {
        match (&self.refusal, &self.misfit, self.bakes) {
            (Some(_), _, _) => "refused",
            (None, Some(_), _) => "too long",
            (None, None, true) => "bakes",
            (None, None, false) => "shares",
        }
    }
}
