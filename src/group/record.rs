//! The record: how a group looked before we touched it, and all that a restore needs.
//!
//! It is written once, before the first change, outside the group (SSM Parameter Store), and is never
//! overwritten. One record must fit into a standard parameter's 4 KB.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::pin::{Pin, Templates};
use crate::ids::{BakeKey, GroupName, InstanceId, RunId};
use crate::schedule::{Capacity, ScheduledAction};

/// The form that this version of the program writes.
pub const SCHEMA: u32 = 1;

/// A standard parameter's limit, bytes. Source: SSM quotas.
pub const RECORD_LIMIT_BYTES: usize = 4096;

/// How a group looked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// [`SCHEMA`] of the writer.
    pub schema: u32,
    /// The group's name.
    pub group: GroupName,
    /// The run that wrote it.
    pub run_id: RunId,
    /// The run's driver.
    pub owner: String,
    /// When it was written, by the clock of the driver.
    pub written_at: DateTime<Utc>,
    /// When the group is restored at the latest.
    pub deadline: DateTime<Utc>,
    /// Its capacity.
    pub capacity: Capacity,
    /// Its instances: none of them is ours.
    #[serde(default)]
    pub members: BTreeSet<InstanceId>,
    /// Processes that were suspended before us.
    pub suspended: BTreeSet<String>,
    /// Processes that a launch of ours may suspend.
    pub guarded: BTreeSet<String>,
    /// How it names its versions.
    pub pins: Vec<Pin>,
    /// The meaning of these names.
    pub templates: Templates,
    /// Its scheduled actions that can fall due while it is ours.
    pub actions: Vec<ScheduledAction>,
    /// Name of the image that the run makes for it.
    pub image_name: String,
    /// Its bake.
    pub bake_key: BakeKey,
}

/// Why a parameter's text is not a record of this version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Not the JSON that was expected.
    #[error("expected a record in JSON, found: {0}")]
    Malformed(String),
    /// Written by another version of the program.
    #[error("expected record schema {SCHEMA}, found {0}")]
    Schema(u32),
}

impl Record {
    /// The text to store.
    pub fn to_text(&self) -> String {
        // A structure of strings, numbers and lists: it cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads a stored text.
    pub fn from_text(text: &str) -> Result<Self, RecordError> {
        #[derive(Deserialize)]
        struct Probe {
            schema: u32,
        }
        let malformed = |e: serde_json::Error| RecordError::Malformed(e.to_string());
        let probe: Probe = serde_json::from_str(text).map_err(malformed)?;
        if probe.schema != SCHEMA {
            return Err(RecordError::Schema(probe.schema));
        }
        serde_json::from_str(text).map_err(malformed)
    }

    /// Whether another record is of the same group, run and owner as this one.
    pub fn is_same_record(&self, other: &Record) -> bool {
        (&self.group, &self.run_id, &self.owner) == (&other.group, &other.run_id, &other.owner)
    }
}
