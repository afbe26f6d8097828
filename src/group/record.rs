//! The record: how a group looked before we touched it, and all that a restore needs.
//!
//! It is written once, before the first change, outside the group (SSM Parameter Store), and is never
//! overwritten. One record must fit into a standard parameter's 4 KB: as JSON or, if that is longer, packed.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::members::Members;
use super::pin::{Pin, Templates};
use crate::ids::{BakeKey, GroupName, InstanceId, RunId};
use crate::schedule::{Capacity, ScheduledAction};
use crate::signature::{self, Purpose, SignatureError, SigningKey};
use crate::text;

/// The form that this version of the program writes.
pub const SCHEMA: u32 = 1;

/// A standard parameter's limit, bytes. Source: SSM quotas.
pub const RECORD_LIMIT_BYTES: usize = 4096;

/// Room for the signature in a text, packed or not, bytes.
const SIGNATURE_BYTES: usize = signature::LENGTH + 32;

/// Begins a text that holds the JSON packed; it names the form for those who read it by hand.
const PACKED: &str = "gzip+base64:";

/// Bytes that a packed record unpacks to at most: a group has at most 125 scheduled actions with names of 255
/// characters, and 40 overrides.
const UNPACKED_LIMIT_BYTES: u64 = 1024 * 1024;

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
    /// When it was written, by AWS's clock as far as the driver knew it.
    pub written_at: DateTime<Utc>,
    /// When the group is restored at the latest.
    pub deadline: DateTime<Utc>,
    /// Its capacity.
    pub capacity: Capacity,
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
    /// The instances that it had: none of them is ours. None: they are not listed, for want of room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<Members>,
    /// Whether runbooks of its owner's may be run for it: a driver without memory stops those that still run.
    #[serde(default, skip_serializing_if = "is_false")]
    pub automates: bool,
    /// The signature of the stored text, where the program has a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// Why a parameter's text is not a record of this version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Not the JSON that was expected.
    #[error("expected a record in JSON, found: {0}")]
    Malformed(String),
    /// It says that it is packed, and cannot be unpacked.
    #[error("expected a record after '{PACKED}', found: {0}")]
    Packing(String),
    /// Written by another version of the program.
    #[error("expected record schema {SCHEMA}, found {0}")]
    Schema(u32),
    /// Not signed by this program's key.
    #[error("{0}")]
    Signature(#[from] SignatureError),
}

impl Record {
    /// The text to store: JSON, which people can read; packed only if it would not fit otherwise.
    pub fn to_text(&self) -> String {
        // A structure of strings, numbers and lists: it cannot fail.
        let json = serde_json::to_string(self).unwrap_or_default();
        if json.len() <= self.limit() {
            return json;
        }
        match text::packed(json.as_bytes()) {
            Ok(packed) => format!("{PACKED}{packed}"),
            Err(_) => json,
        }
    }

    /// Whether it fits into its parameter.
    pub fn fits(&self) -> bool {
        self.to_text().len() <= self.limit()
    }

    /// A record that is not signed yet has to have room for it.
    fn limit(&self) -> usize {
        match self.signature {
            Some(_) => RECORD_LIMIT_BYTES,
            None => RECORD_LIMIT_BYTES - SIGNATURE_BYTES,
        }
    }

    /// The record with its signature, for the parameter of this name.
    pub fn signed(mut self, key: &SigningKey, parameter: &str) -> Self {
        let document = serde_json::to_value(&self).unwrap_or_default();
        self.signature = Some(key.sign(Purpose::Record, parameter, &document));
        self
    }

    /// The record with a list of the group's instances, or without one if it would not fit then: a driver without memory
    /// goes by the times of launches instead ([`super::Job::was_there`]).
    pub fn listing<'a>(mut self, members: impl IntoIterator<Item = &'a InstanceId>) -> Self {
        self.members = Some(members.into_iter().collect());
        if !self.fits() {
            self.members = None;
        }
        self
    }

    /// Reads a stored text, packed or not.
    ///
    /// # Errors
    /// It is no record, or one of another schema.
    pub fn from_text(text: &str) -> Result<Self, RecordError> {
        Self::from_document(document(text)?)
    }

    /// Reads the text of the parameter of this name, if the key has signed it for that parameter.
    ///
    /// # Errors
    /// It is no record, one of another schema, or has no valid signature.
    pub fn from_signed(text: &str, key: &SigningKey, parameter: &str) -> Result<Self, RecordError> {
        let document = document(text)?;
        key.verify(Purpose::Record, parameter, &document)?;
        Self::from_document(document)
    }

    fn from_document(document: Value) -> Result<Self, RecordError> {
        #[derive(Deserialize)]
        struct Probe {
            schema: u32,
        }
        let probe = Probe::deserialize(&document).map_err(malformed)?;
        if probe.schema != SCHEMA {
            return Err(RecordError::Schema(probe.schema));
        }
        serde_json::from_value(document).map_err(malformed)
    }

    /// Whether another record is of the same group, run and owner as this one.
    pub fn is_same_record(&self, other: &Record) -> bool {
        (&self.group, &self.run_id, &self.owner) == (&other.group, &other.run_id, &other.owner)
    }
}

fn document(text: &str) -> Result<Value, RecordError> {
    let json = match text.strip_prefix(PACKED) {
        None => return serde_json::from_str(text).map_err(malformed),
        Some(packed) => text::unpacked(packed.trim_end(), UNPACKED_LIMIT_BYTES),
    };
    let json = json.map_err(|e| RecordError::Packing(e.to_string()))?;
    serde_json::from_slice(&json).map_err(malformed)
}

fn malformed(error: serde_json::Error) -> RecordError {
    RecordError::Malformed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::pin::{Slot, TemplateMark};
    use crate::text::hash_hex;

    fn record(actions: usize, members: usize) -> Record {
        let at: DateTime<Utc> = "2026-10-14T04:00:00Z".parse().unwrap();
        let action = |n: usize| ScheduledAction {
            name: format!("{}-of-team-{n}", "scale-out-for-the-working-day".repeat(4)),
            recurrence: Some(format!("{} {} * * MON-FRI", n % 60, n % 24)),
            time_zone: Some("Europe/Berlin".into()),
            start_time: Some(at + chrono::TimeDelta::minutes(n as i64 * 7)),
            desired: Some(n as i32),
            ..ScheduledAction::default()
        };
        // As random as AWS's.
        let member = |n: usize| format!("i-0{}", hash_hex(&[&n.to_string()], 8)).into();
        let record = Record {
            schema: SCHEMA,
            group: "web-nightly".into(),
            run_id: "schedule-20261014T040000Z-0a1b2c".into(),
            owner: "cli:host:1".into(),
            written_at: at,
            deadline: at + chrono::TimeDelta::hours(3),
            capacity: Capacity {
                min: 0,
                max: 4,
                desired: 0,
            },
            suspended: BTreeSet::new(),
            guarded: ["AlarmNotification".to_owned()].into(),
            pins: vec![Pin {
                slot: Slot::Template,
                template: "lt-0123456789abcdef0".into(),
                version: "$Latest".into(),
            }],
            templates: [(
                "lt-0123456789abcdef0".into(),
                TemplateMark {
                    default: 1,
                    latest: 3,
                },
            )]
            .into(),
            actions: (0..actions).map(action).collect(),
            image_name: "asg-patch/web/run-0a1b2c3d4e5f".into(),
            bake_key: "0a1b2c3d4e5f".into(),
            members: None,
            automates: false,
            signature: None,
        };
        let members: Vec<InstanceId> = (0..members).map(member).collect();
        record.listing(&members)
    }

    #[test]
    fn a_short_record_is_json_and_a_long_one_is_packed() {
        for (actions, members, packed) in [(0, 0, false), (3, 12, false), (17, 0, true)] {
            let record = record(actions, members);
            let text = record.to_text();
            assert_eq!(text.starts_with(PACKED), packed, "{text}");
            assert_eq!(Record::from_text(&text), Ok(record));
        }
        let short = record(0, 2).to_text();
        assert!(!short.contains("i-"), "{short}");
    }

    /// All 125 scheduled actions that a group can have fit, or 500 members; with actions, fewer of them.
    #[test]
    fn the_largest_groups_fit_into_one_standard_parameter() {
        for (actions, members) in [(125, 0), (60, 150), (17, 350), (0, 500)] {
            let record = record(actions, members);
            let bytes = record.to_text().len();
            assert!(record.fits(), "{actions}, {members}: {bytes}");
            assert!(record.members.is_some(), "{actions}, {members}");
            assert_eq!(Record::from_text(&record.to_text()), Ok(record));
        }
    }

    /// The room that is left for a signature is enough, packed or not.
    #[test]
    fn a_signed_record_fits_and_is_read_back_at_its_place_only() {
        let key = SigningKey::new(b"key");
        for (actions, members) in [(0, 0), (3, 180), (17, 0), (125, 0), (0, 490), (17, 350)] {
            let record = record(actions, members).signed(&key, "/here");
            let text = record.to_text();
            assert!(record.fits(), "{actions}, {members}: {}", text.len());
            let read = |key: &SigningKey, place| Record::from_signed(&text, key, place);
            assert_eq!(read(&key, "/here"), Ok(record.clone()));
            let wrong = Err(RecordError::Signature(SignatureError::Wrong));
            assert_eq!(read(&key, "/there"), wrong);
            assert_eq!(read(&SigningKey::new(b"other"), "/here"), wrong);
        }
        let missing = Err(RecordError::Signature(SignatureError::Missing));
        let bare = record(0, 0).to_text();
        assert_eq!(Record::from_signed(&bare, &key, "/here"), missing);
    }

    #[test]
    fn members_that_do_not_fit_are_left_out() {
        for (actions, members) in [(125, 300), (0, 600)] {
            let record = record(actions, members);
            assert!(record.fits());
            assert_eq!(record.members, None);
            let text = record.to_text();
            assert!(!text.contains("members"));
            assert_eq!(Record::from_text(&text), Ok(record));
        }
    }

    #[test]
    fn a_text_that_cannot_be_unpacked_is_no_record() {
        let text = record(17, 0).to_text();
        for wrong in [&text[..text.len() - 20], "gzip+base64:", "gzip+base64:bm8="] {
            let error = Record::from_text(wrong).unwrap_err();
            assert!(matches!(error, RecordError::Packing(_)), "{error}");
        }
        let bomb = text::packed(&vec![b' '; UNPACKED_LIMIT_BYTES as usize + 1]).unwrap();
        let error = Record::from_text(&format!("{PACKED}{bomb}")).unwrap_err();
        assert!(matches!(error, RecordError::Packing(_)), "{error}");
    }
}
