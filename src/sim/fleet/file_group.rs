//! The tables of groups in a fleet file.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::file::{VersionName, time_or_none};
use crate::sim::world::behaviour::{Behaviour, Failure, Spread};

/// An Auto Scaling group, or `count` of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupFile {
    /// Its name; `{n}` is replaced by the copy's number.
    pub name: String,
    /// This many copies, each with its own copies of template and images.
    pub count: Option<u64>,
    /// MinSize.
    #[serde(default)]
    pub min: i64,
    /// MaxSize.
    #[serde(default)]
    pub max: i64,
    /// DesiredCapacity; MinSize without it.
    pub desired: Option<i64>,
    /// DesiredCapacityType: `units`, `vcpu` or `memory-mib`.
    pub desired_capacity_type: Option<String>,
    /// A launch template's name.
    pub template: Option<String>,
    /// Its version; without it the group names none.
    pub version: Option<VersionName>,
    /// A mixed instances policy in place of a template.
    pub mixed: Option<MixedFile>,
    /// A launch configuration in place of a template.
    pub launch_configuration: Option<ConfigurationFile>,
    /// Zones; the region's first two without it.
    #[serde(default)]
    pub zones: Vec<String>,
    /// Tags of the group.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Tags that its instances get as well.
    #[serde(default)]
    pub propagated_tags: BTreeMap<String, String>,
    /// Scheduled actions.
    #[serde(default)]
    pub scheduled_actions: Vec<ActionFile>,
    /// Lifecycle hooks.
    #[serde(default)]
    pub hooks: Vec<HookFile>,
    /// Processes that are suspended at the start.
    #[serde(default)]
    pub suspended: Vec<String>,
    /// HealthCheckType.
    #[serde(default = "GroupFile::default_health_check")]
    pub health_check: String,
    /// HealthCheckGracePeriod.
    #[serde(default)]
    pub health_check_grace_seconds: i64,
    /// Names of target groups.
    #[serde(default)]
    pub target_groups: Vec<String>,
    /// Names of Classic Load Balancers.
    #[serde(default)]
    pub classic_load_balancers: Vec<String>,
    /// How long the target groups and Classic Load Balancers drain a leaving instance.
    #[serde(default = "GroupFile::default_drain")]
    pub drain_seconds: i64,
    /// NewInstancesProtectedFromScaleIn.
    #[serde(default)]
    pub new_instances_protected: bool,
    /// A warm pool.
    pub warm_pool: Option<WarmPoolFile>,
    /// An instance refresh that is under way at the start.
    pub instance_refresh: Option<RefreshFile>,
    /// The AWS service that owns the group.
    pub operator: Option<String>,
    /// Set while the group is being deleted.
    pub status: Option<String>,
    /// An alarm that acts on the group.
    pub alarm: Option<AlarmFile>,
    /// How its instances behave.
    #[serde(default)]
    pub behaviour: BehaviourFile,
    /// How instances behave that come from an image made in the simulation, on top of `behaviour`.
    pub canary: Option<BehaviourFile>,
}

impl GroupFile {
    fn default_health_check() -> String {
        "EC2".into()
    }

    fn default_drain() -> i64 {
        300
    }
}

/// A mixed instances policy.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MixedFile {
    /// The base template's name.
    pub template: String,
    /// Its version.
    pub version: Option<VersionName>,
    /// OnDemandPercentageAboveBaseCapacity.
    #[serde(default = "MixedFile::default_percentage")]
    pub on_demand_percentage: i64,
    /// Overrides in order of priority.
    #[serde(default)]
    pub overrides: Vec<OverrideFile>,
}

impl MixedFile {
    fn default_percentage() -> i64 {
        100
    }
}

/// An override of a mixed instances policy.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OverrideFile {
    /// e.g. `t3.small`.
    pub instance_type: Option<String>,
    /// WeightedCapacity.
    pub weight: Option<u32>,
    /// Its own template's name.
    pub template: Option<String>,
    /// That template's version.
    pub version: Option<VersionName>,
    /// Its own image: a name from the file or an `ami-` id.
    pub image: Option<String>,
    /// In the place of an instance type, together with `memory_mib`: the least vCPUs.
    pub vcpus: Option<u32>,
    /// The least memory, MiB.
    pub memory_mib: Option<u32>,
}

/// A launch configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfigurationFile {
    /// Its name.
    pub name: String,
    /// Its image: a name from the file or an `ami-` id.
    pub image: String,
    /// e.g. `t3.small`.
    pub instance_type: String,
}

/// A scheduled action.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ActionFile {
    /// Its name.
    pub name: String,
    /// MinSize.
    pub min: Option<i64>,
    /// MaxSize.
    pub max: Option<i64>,
    /// DesiredCapacity.
    pub desired: Option<i64>,
    /// Five cron fields, Sunday 0 or 7.
    pub recurrence: Option<String>,
    /// Zone of the recurrence.
    pub time_zone: Option<String>,
    /// StartTime.
    #[serde(default, deserialize_with = "time_or_none")]
    pub start: Option<DateTime<Utc>>,
    /// EndTime.
    #[serde(default, deserialize_with = "time_or_none")]
    pub end: Option<DateTime<Utc>>,
}

/// A lifecycle hook.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HookFile {
    /// Its name.
    pub name: String,
    /// When it holds an instance.
    pub transition: TransitionName,
    /// HeartbeatTimeout.
    #[serde(default = "HookFile::default_heartbeat")]
    pub heartbeat_seconds: i64,
    /// DefaultResult.
    #[serde(default)]
    pub default_result: ResultName,
    /// The action is completed with CONTINUE after this long; without it, never.
    pub completed_after_seconds: Option<i64>,
}

impl HookFile {
    fn default_heartbeat() -> i64 {
        3600
    }
}

/// A hook's transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum TransitionName {
    /// autoscaling:EC2_INSTANCE_LAUNCHING
    Launching,
    /// autoscaling:EC2_INSTANCE_TERMINATING
    Terminating,
}

/// A hook's default result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum ResultName {
    /// Go on.
    Continue,
    /// Terminate the instance.
    #[default]
    Abandon,
}

/// A warm pool.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WarmPoolFile {
    /// Its MinSize.
    #[serde(default)]
    pub min: i64,
    /// MaxGroupPreparedCapacity.
    pub max_prepared: Option<i64>,
    /// PoolState.
    #[serde(default = "WarmPoolFile::default_state")]
    pub state: String,
    /// InstanceReusePolicy.
    #[serde(default)]
    pub reuse_on_scale_in: bool,
}

impl WarmPoolFile {
    fn default_state() -> String {
        "Stopped".into()
    }
}

/// An instance refresh under way.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RefreshFile {
    /// Whether it was started with a desired configuration.
    #[serde(default)]
    pub desired_configuration: bool,
}

/// An alarm that stays in breach.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AlarmFile {
    /// The alarm's period, seconds.
    pub every_seconds: i64,
    /// It changes the desired capacity by so much.
    pub adjustment: i64,
}

/// Behaviour: what is not named is the platform's usual.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BehaviourFile {
    /// Launch to running.
    pub boot: Option<Spread>,
    /// Running to registered with SSM.
    pub agent: Option<Spread>,
    /// Running to the end of first boot.
    pub first_boot: Option<Spread>,
    /// A Debian guest's package lock after each boot.
    pub package_lock: Option<Spread>,
    /// Registered with the load balancer to healthy.
    pub target: Option<Spread>,
    /// Running to status checks passed.
    pub checks: Option<Spread>,
    /// Terminate call to terminated.
    pub terminate: Option<Spread>,
    /// A Scan.
    pub scan: Option<Spread>,
    /// An Install without its reboot.
    pub install: Option<Spread>,
    /// A reboot.
    pub reboot: Option<Spread>,
    /// Any other command.
    pub command: Option<Spread>,
    /// An image, per GiB.
    pub image_per_gib: Option<Spread>,
    /// An image, fixed part.
    pub image_base: Option<Spread>,
    /// The failure.
    pub failure: Option<Failure>,
}

impl BehaviourFile {
    /// This behaviour on top of another one.
    pub(super) fn over(&self, base: &Behaviour) -> Behaviour {
        Behaviour {
            boot: self.boot.unwrap_or(base.boot),
            agent: self.agent.unwrap_or(base.agent),
            first_boot: self.first_boot.unwrap_or(base.first_boot),
            package_lock: self.package_lock.unwrap_or(base.package_lock),
            target: self.target.unwrap_or(base.target),
            checks: self.checks.unwrap_or(base.checks),
            terminate: self.terminate.unwrap_or(base.terminate),
            scan: self.scan.unwrap_or(base.scan),
            install: self.install.unwrap_or(base.install),
            reboot: self.reboot.unwrap_or(base.reboot),
            command: self.command.unwrap_or(base.command),
            image_per_gib: self.image_per_gib.unwrap_or(base.image_per_gib),
            image_base: self.image_base.unwrap_or(base.image_base),
            failure: self.failure.or(base.failure),
        }
    }
}
