//! Auto Scaling groups: what the account holds of them. What they do is in [`super::scaling`].

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::behaviour::Behaviour;
use super::guest::Guest;

/// The processes that can be suspended, as AWS spells them.
pub const PROCESSES: [&str; 9] = [
    "AZRebalance",
    "AddToLoadBalancer",
    "AlarmNotification",
    "HealthCheck",
    "InstanceRefresh",
    "Launch",
    "ReplaceUnhealthy",
    "ScheduledActions",
    "Terminate",
];

/// An Auto Scaling group.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// Reads do not know it before this.
    pub visible_at: DateTime<Utc>,
    /// MinSize.
    pub min: i64,
    /// MaxSize.
    pub max: i64,
    /// DesiredCapacity.
    pub desired: i64,
    /// Its launch source.
    pub launch: LaunchSource,
    /// e.g. `eu-west-1a`.
    pub zones: Vec<String>,
    /// Subnet ids, one per zone in the zones' order, if any.
    pub subnets: Vec<String>,
    /// Tags by key.
    pub tags: BTreeMap<String, GroupTag>,
    /// Suspended processes with the reason.
    pub suspended: BTreeMap<String, String>,
    /// `EC2`, `ELB`, or a list of them with commas.
    pub health_check_type: String,
    /// HealthCheckGracePeriod, seconds.
    pub health_check_grace_seconds: i64,
    /// Target group ARNs.
    pub target_groups: Vec<String>,
    /// Names of Classic Load Balancers.
    pub classic_load_balancers: Vec<String>,
    /// How long these drain an instance that leaves, seconds.
    pub drain_seconds: i64,
    /// Lifecycle hooks.
    pub hooks: Vec<LifecycleHook>,
    /// Scheduled actions by name. Through [`super::World::put_scheduled_action`] they get their time.
    pub scheduled: BTreeMap<String, ScheduledAction>,
    /// The warm pool, if there is one.
    pub warm_pool: Option<WarmPool>,
    /// Instance refreshes, oldest first.
    pub refreshes: Vec<InstanceRefresh>,
    /// Operator.Principal, if another AWS service owns the group.
    pub operator: Option<String>,
    /// `Delete in progress`, or nothing.
    pub status: Option<String>,
    /// NewInstancesProtectedFromScaleIn.
    pub new_instances_protected: bool,
    /// CapacityRebalance, if it was ever set.
    pub capacity_rebalance: Option<bool>,
    /// DesiredCapacityType, if it was set: `units`, `vcpu` or `memory-mib`.
    pub desired_capacity_type: Option<String>,
    /// DefaultCooldown, seconds.
    pub default_cooldown_seconds: i64,
    /// TerminationPolicies, as shown.
    pub termination_policies: Vec<String>,
    /// An alarm that acts on the group again and again, if there is one.
    pub alarm: Option<AlarmPolicy>,
    /// How its instances behave.
    pub behaviour: Arc<Behaviour>,
    /// How instances behave that are launched from an image made during the simulation.
    pub canary_behaviour: Option<Arc<Behaviour>>,
    /// The contents of instances launched from an image that existed before the run; without it, the
    /// contents of the image.
    pub guest: Option<Guest>,
    /// Its members by instance id, warm ones included: the group's own notes about them.
    pub members: BTreeMap<String, MemberNotes>,
    /// Scaling activities, oldest first.
    pub activities: Vec<Activity>,
    /// The state that the group's own machinery keeps.
    pub mind: Mind,
    /// The group before a change that reads do not show yet, and until when they do not.
    pub before_change: Option<(DateTime<Utc>, Box<Group>)>,
}

impl Group {
    /// A sleeping group (0-0-0) in two zones with AWS's default settings.
    pub fn new(name: &str, launch: LaunchSource) -> Self {
        Self {
            name: name.to_owned(),
            created_at: DateTime::<Utc>::UNIX_EPOCH,
            visible_at: DateTime::<Utc>::UNIX_EPOCH,
            min: 0,
            max: 0,
            desired: 0,
            launch,
            zones: vec!["eu-west-1a".into(), "eu-west-1b".into()],
            subnets: vec!["subnet-0a".into(), "subnet-0b".into()],
            tags: BTreeMap::new(),
            suspended: BTreeMap::new(),
            health_check_type: "EC2".into(),
            health_check_grace_seconds: 0,
            target_groups: Vec::new(),
            classic_load_balancers: Vec::new(),
            drain_seconds: 300,
            hooks: Vec::new(),
            scheduled: BTreeMap::new(),
            warm_pool: None,
            refreshes: Vec::new(),
            operator: None,
            status: None,
            new_instances_protected: false,
            capacity_rebalance: None,
            desired_capacity_type: None,
            default_cooldown_seconds: 300,
            termination_policies: vec!["Default".into()],
            alarm: None,
            behaviour: Arc::new(Behaviour::default()),
            canary_behaviour: None,
            guest: None,
            members: BTreeMap::new(),
            activities: Vec::new(),
            mind: Mind::default(),
            before_change: None,
        }
    }

    /// Whether a process is suspended.
    pub fn is_suspended(&self, process: &str) -> bool {
        self.suspended.contains_key(process)
    }

    /// The load balancers of its instances: target groups, then Classic Load Balancers.
    pub fn load_balancers(&self) -> impl Iterator<Item = &String> {
        self.target_groups
            .iter()
            .chain(&self.classic_load_balancers)
    }

    /// Whether the load balancer's opinion counts.
    pub fn has_load_balancer_check(&self) -> bool {
        self.health_check_type.split(',').any(|t| t.trim() == "ELB")
    }

    /// The refresh under way, if one is.
    pub fn active_refresh(&self) -> Option<&InstanceRefresh> {
        self.refreshes.iter().find(|r| r.is_active())
    }
}

/// A group's launch source.
#[derive(Clone, Debug, PartialEq)]
pub enum LaunchSource {
    /// A launch template.
    Template(TemplateSpec),
    /// A mixed instances policy.
    Mixed(MixedPolicy),
    /// A launch configuration.
    Configuration(LaunchConfiguration),
}

/// A launch template as a group names it.
#[derive(Clone, Debug, PartialEq)]
pub struct TemplateSpec {
    /// `lt-...`
    pub id: String,
    /// The template's name.
    pub name: String,
    /// A number, `$Latest`, `$Default`, or nothing (which counts as `$Default`).
    pub version: Option<String>,
}

/// A mixed instances policy.
#[derive(Clone, Debug, PartialEq)]
pub struct MixedPolicy {
    /// How On-Demand and Spot are mixed.
    pub distribution: InstancesDistribution,
    /// The base template.
    pub base: TemplateSpec,
    /// In order of priority.
    pub overrides: Vec<Override>,
}

/// InstancesDistribution. AWS shows its defaults, so the defaults are filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct InstancesDistribution {
    /// OnDemandAllocationStrategy.
    pub on_demand_strategy: String,
    /// OnDemandBaseCapacity.
    pub on_demand_base: i64,
    /// OnDemandPercentageAboveBaseCapacity.
    pub on_demand_percentage: i64,
    /// SpotAllocationStrategy.
    pub spot_strategy: String,
    /// SpotInstancePools.
    pub spot_pools: Option<i64>,
    /// SpotMaxPrice.
    pub spot_max_price: Option<String>,
}

impl Default for InstancesDistribution {
    fn default() -> Self {
        Self {
            on_demand_strategy: "prioritized".into(),
            on_demand_base: 0,
            on_demand_percentage: 100,
            spot_strategy: "lowest-price".into(),
            spot_pools: Some(2),
            spot_max_price: None,
        }
    }
}

/// An override of a mixed instances policy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Override {
    /// InstanceType.
    pub instance_type: Option<String>,
    /// WeightedCapacity, as text like AWS has it.
    pub weight: Option<String>,
    /// Its own launch template, which masks the base template.
    pub template: Option<TemplateSpec>,
    /// Its own image, which masks the template's.
    pub image: Option<String>,
    /// InstanceRequirements, in the place of an instance type, as they were written.
    pub requirements: Option<Value>,
}

/// A launch configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct LaunchConfiguration {
    /// Its name.
    pub name: String,
    /// ImageId.
    pub image: String,
    /// InstanceType.
    pub instance_type: String,
}

/// A group's tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupTag {
    /// Its value.
    pub value: String,
    /// PropagateAtLaunch.
    pub propagate: bool,
}

/// A lifecycle hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifecycleHook {
    /// Its name.
    pub name: String,
    /// When it holds an instance.
    pub transition: Transition,
    /// HeartbeatTimeout, seconds.
    pub heartbeat_seconds: i64,
    /// DefaultResult is CONTINUE (true) or ABANDON.
    pub default_continue: bool,
    /// Something in the account completes the action with CONTINUE after this many seconds; without
    /// it, nobody does.
    pub completed_after_seconds: Option<i64>,
}

/// LifecycleTransition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// autoscaling:EC2_INSTANCE_LAUNCHING
    Launching,
    /// autoscaling:EC2_INSTANCE_TERMINATING
    Terminating,
}

impl Transition {
    /// AWS's spelling.
    pub fn name(self) -> &'static str {
        match self {
            Self::Launching => "autoscaling:EC2_INSTANCE_LAUNCHING",
            Self::Terminating => "autoscaling:EC2_INSTANCE_TERMINATING",
        }
    }
}

/// A scheduled action.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScheduledAction {
    /// Its name, unique in the group.
    pub name: String,
    /// MinSize, if it sets it.
    pub min: Option<i64>,
    /// MaxSize, if it sets it.
    pub max: Option<i64>,
    /// DesiredCapacity, if it sets it.
    pub desired: Option<i64>,
    /// A cron expression of five fields.
    pub recurrence: Option<String>,
    /// The zone of the recurrence; UTC without it.
    pub time_zone: Option<String>,
    /// StartTime.
    pub start: Option<DateTime<Utc>>,
    /// EndTime.
    pub end: Option<DateTime<Utc>>,
    /// When it runs next; set by [`super::World::put_scheduled_action`].
    pub next_run: Option<DateTime<Utc>>,
}

/// A warm pool's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WarmPool {
    /// MaxGroupPreparedCapacity.
    pub max_prepared: Option<i64>,
    /// MinSize of the pool.
    pub min: i64,
    /// PoolState: `Stopped` or `Running`.
    pub state: String,
    /// InstanceReusePolicy.ReuseOnScaleIn.
    pub reuse_on_scale_in: bool,
}

/// An instance refresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceRefresh {
    /// Its id.
    pub id: String,
    /// `InProgress`, `Successful`, ... as AWS spells them.
    pub status: String,
    /// Whether it was started with a desired configuration.
    pub has_desired_configuration: bool,
    /// Its Preferences as they were written; AWS fills in the rest.
    pub preferences: Option<Value>,
    /// When it was started.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
}

impl InstanceRefresh {
    /// Whether it is still under way.
    pub fn is_active(&self) -> bool {
        matches!(
            self.status.as_str(),
            "Pending" | "InProgress" | "Cancelling" | "RollbackInProgress" | "Baking"
        )
    }
}

/// An alarm that stays in breach and changes the group's desired capacity again and again, within
/// the group's bounds, unless AlarmNotification is suspended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlarmPolicy {
    /// The period, seconds.
    pub every_seconds: i64,
    /// The change of the desired capacity.
    pub adjustment: i64,
}

/// A group's own notes about one member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberNotes {
    /// When it came into service last.
    pub in_service_at: Option<DateTime<Utc>>,
    /// When it passes its target groups' first health checks; none: it is no target.
    pub target_healthy_at: Option<DateTime<Utc>>,
    /// Hooks that hold it.
    pub waits: Vec<HookWait>,
    /// The activity that is about it now.
    pub activity: Option<String>,
    /// Its weight in the group's capacity.
    pub weight: i64,
    /// The version of the template as resolved at launch is in the instance; the override's own
    /// image, if that is what it was launched from, is here.
    pub override_image: Option<String>,
}

/// A lifecycle action that holds an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookWait {
    /// The hook's name.
    pub hook: String,
    /// The action's token.
    pub token: String,
}

/// A scaling activity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    /// Its id.
    pub id: String,
    /// Its place among all activities of the account.
    pub sequence: u64,
    /// Description.
    pub description: String,
    /// Cause.
    pub cause: String,
    /// StatusCode.
    pub status: String,
    /// StatusMessage.
    pub message: Option<String>,
    /// StartTime.
    pub started_at: DateTime<Utc>,
    /// EndTime.
    pub ended_at: Option<DateTime<Utc>>,
    /// Progress, percent.
    pub progress: i64,
    /// The zone it is about.
    pub zone: String,
}

/// The state that a group's machinery keeps between its passes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mind {
    /// When the next pass over the group is due, if one is.
    pub next_pass: Option<DateTime<Utc>>,
    /// The reason for the present capacity, for the activities' Cause.
    pub cause: String,
    /// Launches that failed in a row.
    pub launch_failures: u32,
    /// Nothing is launched before this: the last launch failed.
    pub no_launch_before: Option<DateTime<Utc>>,
    /// The instance launched ahead of a termination in another zone.
    pub rebalancing: Option<String>,
    /// Actions that fell due while suspended, where AWS would not lose them.
    pub kept_actions: Vec<ScheduledAction>,
    /// When the desired capacity was changed last.
    pub scaled_at: Option<DateTime<Utc>>,
}
