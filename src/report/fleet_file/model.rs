//! The tables of a fleet file, as `fleets/example.toml` shows their keys. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::behaviour::Behaviour;
use crate::ids::{ImageId, TemplateId};

/// A fleet file, as its keys are in `fleets/example.toml`.
#[derive(Debug, Serialize)]
pub(super) struct FleetFile {
    pub(super) start: String,
    pub(super) region: String,
    pub(super) images: Vec<Image>,
    pub(super) templates: Vec<Template>,
    pub(super) groups: Vec<Group>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) parameters: Vec<Parameter>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) documents: Vec<Document>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) runbooks: Vec<Runbook>,
}

#[derive(Debug, Serialize)]
pub(super) struct Image {
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<ImageId>,
    pub(super) platform: &'static str,
    pub(super) missing: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) age_days: Option<i64>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) description: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) block_devices: Vec<BlockDevice>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) tags: BTreeMap<&'static str, String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Template {
    pub(super) name: String,
    pub(super) id: TemplateId,
    pub(super) default: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) tags: BTreeMap<String, String>,
    pub(super) versions: Vec<Version>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Version {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) image: Option<String>,
    pub(super) instance_type: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) block_devices: Vec<BlockDevice>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct BlockDevice {
    pub(super) device: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) gib: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) snapshot: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) instance_store: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) min: i32,
    pub(super) max: i32,
    pub(super) desired: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) desired_capacity_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) template: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<VersionName>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) suspended: BTreeSet<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) target_groups: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) classic_load_balancers: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) operator: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<&'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) tags: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) propagated_tags: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) launch_configuration: Option<Configuration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mixed: Option<Mixed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) warm_pool: Option<WarmPool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) instance_refresh: Option<Refresh>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) scheduled_actions: Vec<Action>,
    #[serde(skip_serializing_if = "Behaviour::is_usual")]
    pub(super) behaviour: Behaviour,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum VersionName {
    Number(u64),
    Text(String),
}

#[derive(Debug, Serialize)]
pub(super) struct Configuration {
    pub(super) name: String,
    pub(super) image: &'static str,
    pub(super) instance_type: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct Mixed {
    pub(super) template: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<VersionName>,
    pub(super) overrides: Vec<Override>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Override {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) instance_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) weight: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) template: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<VersionName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) image: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) vcpus: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) memory_mib: Option<u32>,
}

#[derive(Debug, Serialize)]
pub(super) struct WarmPool {
    pub(super) min: i32,
}

#[derive(Debug, Serialize)]
pub(super) struct Refresh {
    pub(super) desired_configuration: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Action {
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) min: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) desired: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) recurrence: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) time_zone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) start: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) end: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) value: &'static str,
    pub(super) data_type: &'static str,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Runbook {
    pub(super) name: String,
    pub(super) content: &'static str,
    pub(super) seconds: i64,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Document {
    pub(super) name: String,
    pub(super) patches: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) parameters: Vec<String>,
}
