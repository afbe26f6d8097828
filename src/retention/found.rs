//! The images and snapshots of an account, and everything that may use them, as it was read. Plain data.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::group::facts::GroupFacts;
use crate::group::fault::Fault;
use crate::group::pin::TemplateMark;
use crate::group::seen::RecordSeen;
use crate::ids::{GroupName, ImageId, InstanceId, SnapshotId, TemplateId};

/// An account and region at one moment.
#[derive(Clone, Debug)]
pub struct Found {
    /// That moment.
    pub at: DateTime<Utc>,
    /// All images that the account owns, of runs and others.
    pub images: BTreeMap<ImageId, ImageFound>,
    /// The snapshots that the account owns and that carry the tag of runs.
    pub snapshots: BTreeMap<SnapshotId, SnapshotFound>,
    /// Everything that may use them.
    pub uses: UsesFound,
    /// With whom images are shared: of those that were asked about.
    pub sharing: BTreeMap<ImageId, Result<Sharing, Fault>>,
}

/// Everything that may use images, as far as it could be read: a read that failed is not an absence.
#[derive(Clone, Debug)]
pub struct UsesFound {
    /// All groups, opted in or not.
    pub groups: Result<BTreeMap<GroupName, GroupFacts>, Fault>,
    /// All launch templates with all their versions.
    pub templates: Result<BTreeMap<TemplateId, TemplateFound>, Fault>,
    /// All launch configurations, by name.
    pub configurations: Result<BTreeMap<String, ConfigurationFound>, Fault>,
    /// Instances that are not terminated, by their image: of images of runs.
    pub instances: Result<BTreeMap<ImageId, BTreeSet<InstanceId>>, Fault>,
    /// The images behind the SSM parameters that templates and groups name, by what follows `resolve:ssm:`. Those that do
    /// not exist are left out.
    pub aliases: Result<BTreeMap<String, String>, Fault>,
    /// The images that runs have published, by parameter.
    pub published: Result<BTreeMap<String, String>, Fault>,
    /// All open records, by parameter.
    pub records: Result<BTreeMap<String, RecordSeen>, Fault>,
}

/// An image.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageFound {
    /// Its name, which nobody can change.
    pub name: String,
    /// Its state.
    pub state: ImageState,
    /// When it was made.
    pub created_at: Option<DateTime<Utc>>,
    /// From when on it is deprecated.
    pub deprecated_from: Option<DateTime<Utc>>,
    /// When an instance was launched from it last, as far as AWS says it: a day late.
    pub launched_at: Option<DateTime<Utc>>,
    /// Whether all AWS accounts may launch from it.
    pub public: bool,
    /// The instance that CreateImage made it of; none if it was made in another way.
    pub source_instance: Option<InstanceId>,
    /// The image of that instance, as far as AWS says it.
    pub source_image: Option<ImageId>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its volumes.
    pub volumes: Vec<VolumeFound>,
}

/// States of an image, as far as they matter here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageState {
    /// Instances can be launched from it.
    Available,
    /// It is being made.
    Pending,
    /// It could not be made: nothing can ever be launched from it.
    Failed,
    /// Any other, as AWS spells it: `disabled`, for instance.
    Other(String),
}

/// A volume of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeFound {
    /// The snapshot that it is made of.
    pub snapshot: Option<SnapshotId>,
    /// Its size, GiB.
    pub gib: Option<u32>,
}

/// A snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotFound {
    /// Its description, which nobody can change.
    pub description: String,
    /// When it was begun.
    pub started_at: Option<DateTime<Utc>>,
    /// The size of its volume, GiB.
    pub gib: Option<u32>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A launch template with all its versions.
#[derive(Clone, Debug, PartialEq)]
pub struct TemplateFound {
    /// Name.
    pub name: String,
    /// Its own tags.
    pub tags: BTreeMap<String, String>,
    /// Default and latest version.
    pub mark: TemplateMark,
    /// Its versions.
    pub versions: BTreeMap<u64, VersionFound>,
}

/// A version of a launch template.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VersionFound {
    /// `ImageId` as written: an id, or `resolve:ssm:...`.
    pub image: Option<String>,
    /// Its description, which nobody can change.
    pub description: Option<String>,
    /// The snapshots that its block device mappings name.
    pub snapshots: BTreeSet<SnapshotId>,
}

/// A launch configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigurationFound {
    /// Its image.
    pub image: Option<String>,
    /// The snapshots that its block device mappings name.
    pub snapshots: BTreeSet<SnapshotId>,
}

/// With whom an image is shared, beside the public.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sharing {
    /// Accounts, and ARNs of organizations and organizational units; `all` is everybody.
    pub with: BTreeSet<String>,
}
