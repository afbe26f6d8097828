//! What a run would do now, for people and programs.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::group::Failure;
use crate::group::budget::Budget;
use crate::ids::{BakeKey, GroupName, ImageId};
use crate::schedule::Capacity;

/// What a run would do now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanReport {
    /// Region.
    pub region: String,
    /// When it was planned.
    pub planned_at: DateTime<Utc>,
    /// By wave, then by name.
    pub groups: Vec<PlannedGroup>,
    /// What else the reader must know.
    pub warnings: Vec<String>,
}

/// What a run would do with one group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedGroup {
    /// Its name.
    pub group: GroupName,
    /// Its capacity.
    pub capacity: Capacity,
    /// How it names its template versions: `web:$Latest (3)`; several for overrides.
    pub pins: Vec<String>,
    /// The image it launches from.
    pub image: Option<ImageId>,
    /// Groups with the same key share one bake.
    pub bake_key: Option<BakeKey>,
    /// Whether it makes the image or waits for another group's.
    pub bakes: bool,
    /// Lower waves first.
    pub wave: i32,
    /// How long it is expected to take, seconds.
    pub estimate_seconds: u64,
    /// The same by phase, and whether it is a default or was measured in an earlier run.
    pub budget: Budget,
    /// Why it would be skipped though it started at once: it does not fit into the window.
    pub misfit: Option<Failure>,
    /// Why it would be skipped.
    pub refusal: Option<Failure>,
    /// Unknown option tags and the like.
    pub notes: Vec<String>,
}
