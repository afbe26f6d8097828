//! The things that a run has made for one group, and its findings about it. Plain data, serialisable.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::automation::{Execution, Moment};
use super::effect::{CommandStep, Role};
use super::patch::PatchTraces;
use super::pin::Pin;
use super::seen::MemberSeen;
use crate::ids::{ImageId, InstanceId, TemplateId};

/// Everything that the job remembers having made. All of it can also be found again in the world.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Made {
    /// Our instances by role.
    pub instances: BTreeMap<Role, InstanceId>,
    /// When each of our instances was launched and when it was gone.
    pub lifetimes: BTreeMap<InstanceId, (DateTime<Utc>, Option<DateTime<Utc>>)>,
    /// Their instance types, e.g. `t3.large`, as far as AWS names them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub types: BTreeMap<InstanceId, String>,
    /// The name by which AWS bills their platform, e.g. `Linux/UNIX`; of one group it is the same for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// Ids of the commands sent, by step.
    pub commands: BTreeMap<CommandStep, String>,
    /// When AWS took the commands, by its own clock, as far as they were seen.
    #[serde(default)]
    pub requested: BTreeMap<CommandStep, DateTime<Utc>>,
    /// The commands that have ended well.
    pub ended: BTreeSet<CommandStep>,
    /// The commands that have ended otherwise.
    #[serde(default)]
    pub failed: BTreeSet<CommandStep>,
    /// Executions of the owner's runbooks.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub automations: BTreeMap<Moment, Execution>,
    /// Our instances whose agents have answered since they were launched.
    #[serde(default)]
    pub online: BTreeSet<InstanceId>,
    /// The image that AWS said it makes for this job.
    #[serde(default)]
    pub asked_image: Option<ImageId>,
    /// The image, once it is available to this job.
    pub image: Option<ImageId>,
    /// The size of the volumes of the image that this job made, GiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_gib: Option<u32>,
    /// The versions, by template: the numbers that AWS answered.
    pub versions: BTreeMap<TemplateId, u64>,
    /// Versions that were seen with the run's description, and that are no answer of AWS's: ours after a lost answer, unless
    /// someone else made one with it. They are undone like ours, and never promoted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub described: BTreeMap<TemplateId, BTreeSet<u64>>,
    /// Instances known not to be ours.
    pub foreign: BTreeSet<InstanceId>,
}

impl Made {
    /// Whether there are versions that the run made, or may have made.
    pub fn has_versions(&self) -> bool {
        !(self.versions.is_empty() && self.described.is_empty())
    }

    /// The version of a template that the run made: by AWS's answer, else by its description.
    pub fn version(&self, template: &TemplateId) -> Option<u64> {
        let described = || self.described.get(template)?.last().copied();
        self.versions.get(template).copied().or_else(described)
    }

    /// Whether any of these pins names a version, by its number, that the run made or may have made.
    pub fn names_new_version(&self, pins: &[Pin]) -> bool {
        pins.iter().any(|p| {
            let number = p.version.parse();
            number.is_ok_and(|number| self.may_have_made(&p.template, number))
        })
    }

    /// Whether the group launched the member from a version that the run made or may have made.
    pub fn is_of_new_version(&self, member: &MemberSeen) -> bool {
        let version = member.version.as_ref();
        version.is_some_and(|(template, number)| self.may_have_made(template, *number))
    }

    fn may_have_made(&self, template: &TemplateId, number: u64) -> bool {
        let described = self.described.get(template);
        self.versions.get(template) == Some(&number)
            || described.is_some_and(|numbers| numbers.contains(&number))
    }
}

/// Counts of a Scan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Patches missing.
    pub missing: u32,
    /// Patches failed.
    pub failed: u32,
    /// Patches pending a reboot.
    pub pending_reboot: u32,
}

/// Launch hooks of the group, as far as they concern an instance of ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hooks {
    /// None has held it up so far.
    #[default]
    Unseen,
    /// It was seen to wait for one.
    Wait,
    /// The sum of their time-outs, seconds.
    Seconds(i64),
}

impl Hooks {
    /// How long they may hold up a launch, as far as known.
    pub fn time_outs(self) -> TimeDelta {
        match self {
            Self::Unseen | Self::Wait => TimeDelta::zero(),
            Self::Seconds(seconds) => TimeDelta::seconds(seconds),
        }
    }
}

/// The findings: about the group, and the patch evidence, collected before the build instance goes away.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Installs that have ended, well or not.
    pub passes: u8,
    /// The counts of our own Scans, the first from before any Install, each with the number of Installs that
    /// had ended.
    pub scans: Vec<(u8, Counts)>,
    /// The counts of the Scan of the canary.
    pub canary: Option<Counts>,
    /// Whether every target group and Classic Load Balancer of the group has called the canary healthy.
    #[serde(default)]
    pub load_balanced: bool,
    /// Whether no instance refresh was under way when the group's turn came.
    #[serde(default)]
    pub no_refresh: bool,
    /// The launch hooks that hold up an instance of ours.
    #[serde(default)]
    pub hooks: Hooks,
    /// The end of the console of the instance that failed, once it was asked for; empty if it could not be had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console: Option<String>,
    /// Names of the patches that were missing at one Scan or another.
    pub wanted: BTreeSet<String>,
    /// Names of the patches that were there before the first Install, where the owner names what is to be
    /// installed.
    pub present: BTreeSet<String>,
    /// Whether AWS named the patches after the last Scan that needed it.
    pub named: Option<u8>,
    /// Names of the patches that the run installed.
    pub installed: Vec<String>,
    /// The baseline that the last Scan of the build instance judged by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<String>,
    /// The patches that the Scans found wanted and those that the run installed, before and after.
    #[serde(default, skip_serializing_if = "PatchTraces::is_empty")]
    pub patches: PatchTraces,
    /// Whether some of the patches were left out because there were too many, or all because they were too long to be passed
    /// along.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub patches_left_out: bool,
}

impl Evidence {
    /// The counts of the last Scan.
    pub fn counts(&self) -> Option<Counts> {
        self.scans.last().map(|(_, counts)| *counts)
    }

    /// Leaves out the patches, for good: what later Scans list would not be all.
    pub fn forget_patches(&mut self) {
        self.patches_left_out |= !self.patches.is_empty();
        self.patches = PatchTraces::default();
    }

    /// Whether all patches were left out.
    pub fn has_forgotten_patches(&self) -> bool {
        self.patches_left_out && self.patches.is_empty()
    }

    /// Whether the guest was scanned after the last Install.
    pub fn scanned(&self) -> bool {
        self.scans
            .last()
            .is_some_and(|(pass, _)| *pass == self.passes)
    }
}
