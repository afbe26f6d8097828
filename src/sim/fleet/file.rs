//! The fleet file's tables, as TOML has them. `fleets/example.toml` shows every key with its meaning.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::file_event::{EventFile, FaultFile};
use super::file_group::GroupFile;
use crate::sim::world::automations::{Course, Runbook};
use crate::sim::world::behaviour::Behaviour;
use crate::sim::world::documents::Document;
use crate::sim::world::guest::Family;

/// A time: TOML's own or RFC 3339 in quotes.
fn time<'de, D: Deserializer<'de>>(from: D) -> Result<DateTime<Utc>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a time such as 2026-10-14T04:00:00Z")]
    enum Time {
        Toml(toml::value::Datetime),
        Text(String),
    }
    let text = match Time::deserialize(from)? {
        Time::Toml(time) => time.to_string(),
        Time::Text(text) => text,
    };
    DateTime::parse_from_rfc3339(&text)
        .map(|t| t.with_timezone(&Utc))
        .map_err(|_| {
            D::Error::custom(format!(
                "expected a time such as 2026-10-14T04:00:00Z, found {text}"
            ))
        })
}

pub(super) fn time_or_none<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<DateTime<Utc>>, D::Error> {
    time(from).map(Some)
}

pub(super) fn one() -> u64 {
    1
}

fn yes() -> bool {
    true
}

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FleetFile {
    /// Same seed, same run.
    #[serde(default = "one")]
    pub seed: u64,
    /// When the simulation begins.
    #[serde(deserialize_with = "time")]
    pub start: DateTime<Utc>,
    /// By how much the account's clock is ahead of the program's.
    #[serde(default)]
    pub clock_offset_seconds: i64,
    /// Whether the command documents that a run sends were created in the account.
    #[serde(default = "created")]
    pub own_documents: bool,
    /// The part of AWS's request rates that others in the account use.
    #[serde(default)]
    pub others_calls_percent: u32,
    /// Variants of open beliefs, by the belief's name.
    #[serde(default)]
    pub beliefs: BTreeMap<String, String>,
    /// e.g. `eu-west-1`.
    #[serde(default = "FleetFile::default_region")]
    pub region: String,
    /// Twelve digits.
    #[serde(default = "FleetFile::default_account")]
    pub account: String,
    /// Images.
    #[serde(default)]
    pub images: Vec<Spanned<ImageFile>>,
    /// Launch templates.
    #[serde(default)]
    pub templates: Vec<Spanned<TemplateFile>>,
    /// Auto Scaling groups.
    #[serde(default)]
    pub groups: Vec<Spanned<GroupFile>>,
    /// SNS topics.
    #[serde(default)]
    pub topics: Vec<Spanned<TopicFile>>,
    /// Parameters in Parameter Store.
    #[serde(default)]
    pub parameters: Vec<Spanned<ParameterFile>>,
    /// Command documents beside AWS's own.
    #[serde(default)]
    pub documents: Vec<Spanned<DocumentFile>>,
    /// Automation runbooks.
    #[serde(default)]
    pub runbooks: Vec<Spanned<RunbookFile>>,
    /// Actions of others in the account while the simulation runs.
    #[serde(default)]
    pub events: Vec<Spanned<EventFile>>,
    /// Faults on the wire.
    #[serde(default)]
    pub faults: Vec<Spanned<FaultFile>>,
}

impl FleetFile {
    fn default_region() -> String {
        "eu-west-1".into()
    }

    fn default_account() -> String {
        "123456789012".into()
    }
}

/// A Linux distribution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Distribution {
    /// Amazon Linux and its relatives.
    #[default]
    Amazon,
    /// Debian and Ubuntu.
    Debian,
}

impl Platform {
    /// The family of its guests.
    pub(super) fn family(self, distribution: Distribution) -> Family {
        match (self, distribution) {
            (Self::Windows, _) => Family::Windows,
            (Self::Linux, Distribution::Amazon) => Family::Amazon,
            (Self::Linux, Distribution::Debian) => Family::Debian,
        }
    }
}

/// An operating system family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) enum Platform {
    /// Linux.
    #[default]
    Linux,
    /// Windows.
    Windows,
}

impl Platform {
    /// SSM's spelling.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Linux => "Linux",
            Self::Windows => "Windows",
        }
    }

    /// How its instances behave unless the file says otherwise.
    pub(super) fn behaviour(self) -> Behaviour {
        match self {
            Self::Linux => Behaviour::default(),
            Self::Windows => Behaviour::windows(),
        }
    }
}

/// Patches by name, or how many.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a number of patches or a list of their names")]
pub(super) enum Patches {
    /// This many more groups, with generated names.
    Count(usize),
    /// These.
    Names(Vec<String>),
}

impl Default for Patches {
    fn default() -> Self {
        Self::Count(0)
    }
}

/// An image.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ImageFile {
    /// Its name, which templates use.
    pub name: String,
    /// `ami-...`; made from the name without it.
    pub id: Option<String>,
    /// Size of its volume.
    #[serde(default = "ImageFile::default_gib")]
    pub gib: u32,
    /// The patches that a Scan finds missing on its instances.
    #[serde(default)]
    pub missing: Patches,
    /// The patches installed in it.
    #[serde(default)]
    pub installed: Patches,
    /// Patches installed that the baseline does not approve.
    #[serde(default)]
    pub installed_other: Patches,
    /// Installs that it takes until nothing is missing: each finds its share of `missing`.
    #[serde(default = "one")]
    pub passes: u64,
    /// The Linux distribution; not looked at on Windows.
    #[serde(default)]
    pub distribution: Distribution,
    /// How old it is at the start.
    #[serde(default = "ImageFile::default_age")]
    pub age_days: i64,
    /// Linux or Windows.
    #[serde(default)]
    pub platform: Platform,
    /// Description.
    pub description: Option<String>,
    /// Its devices beside the root volume.
    #[serde(default)]
    pub block_devices: Vec<BlockDeviceFile>,
    /// Whether this account owns it.
    #[serde(default = "yes")]
    pub own: bool,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

impl ImageFile {
    fn default_gib() -> u32 {
        8
    }

    fn default_age() -> i64 {
        45
    }
}

/// A launch template.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TemplateFile {
    /// Its name.
    pub name: String,
    /// `lt-...`; made from the name without it.
    pub id: Option<String>,
    /// Its versions: the first is 1.
    pub versions: Vec<VersionFile>,
    /// The default version's number.
    #[serde(default = "one")]
    pub default: u64,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// A version of a launch template.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VersionFile {
    /// The name of one of the file's images, an `ami-` id, or `resolve:ssm:...`.
    pub image: Option<String>,
    /// e.g. `t3.small`.
    pub instance_type: Option<String>,
    /// VersionDescription.
    pub description: Option<String>,
    /// BlockDeviceMappings.
    #[serde(default)]
    pub block_devices: Vec<BlockDeviceFile>,
    /// Tags for the instances.
    #[serde(default)]
    pub instance_tags: BTreeMap<String, String>,
    /// User data, in plain text.
    pub user_data: Option<String>,
}

/// A block device of a template version or an image.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BlockDeviceFile {
    /// e.g. `/dev/xvda`.
    pub device: String,
    /// Size.
    pub gib: Option<u32>,
    /// A snapshot that the device is made of: an id, or the name of an image, whose root volume's it is. An image's
    /// own device has its own snapshot.
    pub snapshot: Option<String>,
    /// An instance store volume in place of an EBS volume, e.g. `ephemeral0`.
    pub instance_store: Option<String>,
}

/// A version's number or symbol.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a version number, \"$Latest\" or \"$Default\"")]
pub(super) enum VersionName {
    /// By number.
    Number(u64),
    /// The text form.
    Text(String),
}

impl VersionName {
    /// AWS's spelling.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Number(n) => n.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

/// An SNS topic.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TopicFile {
    /// Its name.
    pub name: String,
}

/// A parameter.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ParameterFile {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// String, StringList or SecureString.
    #[serde(default = "ParameterFile::default_type", rename = "type")]
    pub kind: String,
    /// `text` or `aws:ec2:image`.
    #[serde(default = "ParameterFile::default_data_type")]
    pub data_type: String,
}

impl ParameterFile {
    fn default_type() -> String {
        "String".into()
    }

    fn default_data_type() -> String {
        "text".into()
    }
}

/// A command document.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DocumentFile {
    /// Its name.
    pub name: String,
    /// Whether it patches as `AWS-RunPatchBaseline` does, and takes its parameters.
    #[serde(default)]
    pub patches: bool,
    /// The exit code of its script.
    #[serde(default)]
    pub exit_code: i32,
    /// Platforms it is for.
    #[serde(default = "DocumentFile::default_platforms")]
    pub platforms: Vec<Platform>,
    /// Parameters it takes beside.
    #[serde(default)]
    pub parameters: Vec<String>,
    /// Parameters it requires.
    #[serde(default)]
    pub required: Vec<String>,
}

/// An Automation runbook.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunbookFile {
    /// Its name.
    pub name: String,
    /// Its content, in JSON.
    pub content: String,
    /// Contents of later versions; the last is the default.
    #[serde(default)]
    pub later: Vec<String>,
    /// How long its steps take; without it they never end by themselves.
    pub seconds: Option<i64>,
    /// The status meanwhile.
    #[serde(default = "RunbookFile::default_meanwhile")]
    pub meanwhile: String,
    /// The status in the end.
    #[serde(default = "RunbookFile::default_status")]
    pub status: String,
    /// `FailureMessage`.
    #[serde(default)]
    pub message: String,
    /// Outputs by `step.Name`.
    #[serde(default)]
    pub outputs: BTreeMap<String, Vec<String>>,
}

impl RunbookFile {
    fn default_meanwhile() -> String {
        "InProgress".into()
    }

    fn default_status() -> String {
        "Success".into()
    }

    /// The runbook.
    pub(super) fn runbook(&self) -> Runbook {
        let course = Course {
            seconds: self.seconds,
            meanwhile: self.meanwhile.clone(),
            status: self.status.clone(),
            message: self.message.clone(),
            outputs: self.outputs.clone(),
        };
        let mut runbook = Runbook::new(&self.name, &self.content, course);
        for content in &self.later {
            runbook.change(content);
        }
        runbook
    }
}

fn created() -> bool {
    true
}

impl DocumentFile {
    fn default_platforms() -> Vec<Platform> {
        vec![Platform::Linux, Platform::Windows]
    }

    /// The document.
    pub(super) fn document(&self) -> Document {
        Document::custom(
            &self.name,
            self.patches,
            self.exit_code,
            self.platforms.iter().map(|p| p.name()),
            &self.parameters,
            &self.required,
        )
    }
}
