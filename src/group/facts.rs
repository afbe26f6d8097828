//! The facts about groups, templates and images that planning works with. Plain data.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::automation::Runbook;
use super::devices::DeviceMapping;
use super::lineage::Lineage;
use super::pin::{Pin, TemplateMark};
use super::seen::MemberSeen;
use crate::ids::{Balancer, GroupName, ImageId, InstanceId, RunId, TemplateId};
use crate::schedule::{Capacity, ScheduledAction};

/// A group as planning finds it.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupFacts {
    /// Name.
    pub name: GroupName,
    /// Capacity.
    pub capacity: Capacity,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Keys of the tags that its instances get at launch.
    pub propagated: BTreeSet<String>,
    /// How it names launch template versions; empty with a launch configuration.
    pub pins: Vec<Pin>,
    /// Its launch configuration, if it has one.
    pub launch_configuration: Option<String>,
    /// Images that overrides name of their own.
    pub image_overrides: BTreeSet<String>,
    /// Whether its mixed instances policy has overrides: it launches instances of several types then.
    pub overrides: bool,
    /// Whether overrides carry weights.
    pub weighted: bool,
    /// `DesiredCapacityType`, if it is not instances that are counted: `vcpu` or `memory-mib`.
    pub capacity_unit: Option<String>,
    /// Suspended processes.
    pub suspended: BTreeSet<String>,
    /// The AWS service that operates it, if one does.
    pub operator: Option<String>,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Whether it has a warm pool.
    pub warm_pool: bool,
    /// Whether instances are registered with a load balancer.
    pub load_balanced: bool,
    /// The target groups and Classic Load Balancers with which they are registered.
    pub balancers: BTreeSet<Balancer>,
    /// Another source of traffic with which they are registered, for instance of VPC Lattice: its identifier.
    pub other_load_balancer: Option<String>,
    /// The first of AWS's fields about the group that makes no sense: what was expected, and what was found.
    /// The other fields hold what can be read.
    pub odd: Option<String>,
    /// Names of launch templates that it names without their ids: its `pins` lack them.
    pub named_only: BTreeSet<String>,
    /// Its instances, where they were asked for.
    pub members: BTreeMap<InstanceId, MemberSeen>,
}

/// Facts that are read group by group, because AWS has no bulk call for them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GroupDetails {
    /// The id of an instance refresh under way.
    pub refresh: Option<String>,
    /// As in [`GroupFacts::odd`].
    pub odd: Option<String>,
}

impl GroupDetails {
    /// Of a group that makes no sense: what was expected, and what was found.
    pub fn odd(problem: String) -> Self {
        Self {
            odd: Some(problem),
            ..Self::default()
        }
    }
}

/// A launch template.
#[derive(Clone, Debug, PartialEq)]
pub struct TemplateFacts {
    /// Name.
    pub name: String,
    /// Its own tags.
    pub tags: BTreeMap<String, String>,
    /// Default and latest version.
    pub mark: TemplateMark,
    /// The versions that were asked for.
    pub versions: BTreeMap<u64, VersionFacts>,
}

/// A launch template version.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VersionFacts {
    /// `ImageId` as written: an id, or `resolve:ssm:...`.
    pub image: Option<String>,
    /// `InstanceType`, e.g. `t3.large`.
    pub instance_type: Option<String>,
    /// Its block device mappings.
    pub devices: Vec<DeviceMapping>,
}

/// An image.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageFacts {
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// The names of its devices, e.g. `/dev/xvda`.
    pub devices: BTreeSet<String>,
    /// How many runs it descends from, and from which image of the owner's.
    pub lineage: Lineage,
    /// When it was created.
    pub created_at: Option<DateTime<Utc>>,
    /// Whether its platform is Windows.
    pub windows: bool,
    /// The name by which AWS bills its platform, e.g. `Linux/UNIX` or `Red Hat Enterprise Linux` (EC2 API,
    /// `PlatformDetails`).
    pub platform: Option<String>,
    /// Whether it is available.
    pub available: bool,
    /// The size of its volumes, GiB, as far as AWS says it.
    pub gib: Option<u32>,
    /// The run that created it.
    pub run: Option<RunId>,
    /// The group on whose instance that run made it.
    pub made_for: Option<GroupName>,
    /// Durations of the phases that made it, as written in its tag.
    pub seconds: Option<String>,
}

/// An SSM document, as far as a run that would send it depends on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DocumentFacts {
    /// `Command`, `Automation`, ...
    pub kind: String,
    /// `Active`, or a state in which it cannot be sent.
    pub status: String,
    /// `Linux`, `Windows`, `MacOS`; none if AWS does not say.
    pub platforms: BTreeSet<String>,
    /// Its parameters, and whether each must be given.
    pub parameters: BTreeMap<String, bool>,
}

/// Everything that planning read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AccountFacts {
    /// All groups of the account and region, by name: opted in or not.
    pub groups: BTreeMap<GroupName, GroupFacts>,
    /// Of the opted-in groups.
    pub details: BTreeMap<GroupName, GroupDetails>,
    /// Scheduled actions by group.
    pub actions: BTreeMap<GroupName, Vec<ScheduledAction>>,
    /// Templates of the opted-in groups, by id.
    pub templates: BTreeMap<TemplateId, TemplateFacts>,
    /// Their images, by id.
    pub images: BTreeMap<ImageId, ImageFacts>,
    /// The runbooks that groups and the run name, as far as they are allowed: checked, or why they are not run.
    pub runbooks: BTreeMap<String, Result<Runbook, String>>,
    /// The command documents that groups name, as far as they are allowed and could be looked at; none where there is none.
    pub documents: BTreeMap<String, Option<DocumentFacts>>,
    /// Things that could not be looked at, and why: for the reader.
    pub unread: Vec<String>,
    /// Images that runs made for the opted-in groups, and proved, by id.
    pub proved: BTreeMap<ImageId, ImageFacts>,
}
