//! The opted-in groups as they are now, for people and programs.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::{GroupName, ImageId, RunId};
use crate::schedule::Capacity;

/// The opted-in groups now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatusReport {
    /// Region.
    pub region: String,
    /// When it was read.
    pub read_at: DateTime<Utc>,
    /// By name.
    pub groups: Vec<GroupStatus>,
    /// Records whose group is gone or not opted in any more, or that cannot be read.
    pub stray_records: Vec<OpenRecord>,
}

/// One group now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupStatus {
    /// Its name.
    pub group: GroupName,
    /// Its capacity.
    pub capacity: Capacity,
    /// As in [`PlannedGroup::pins`](super::PlannedGroup::pins).
    pub pins: Vec<String>,
    /// The image it launches from.
    pub image: Option<ImageId>,
    /// The image's age, days.
    pub image_age_days: Option<i64>,
    /// The run that made the image, if one did.
    pub patched_by_run: Option<RunId>,
    /// When that image was made.
    pub patched_at: Option<DateTime<Utc>>,
    /// Its open record.
    pub record: Option<OpenRecord>,
}

/// A record that is still there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenRecord {
    /// The parameter that holds it.
    pub parameter: String,
    /// The group, if the record can be read.
    pub group: Option<GroupName>,
    /// The run that wrote it.
    pub run_id: Option<RunId>,
    /// Its driver.
    pub owner: Option<String>,
    /// When the group is to be restored at the latest.
    pub deadline: Option<DateTime<Utc>>,
    /// The raw text, if it cannot be read.
    pub raw: Option<String>,
}
