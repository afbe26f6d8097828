//! Instances: what EC2 shows of them, what their group thinks of them, and what runs inside.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::behaviour::Behaviour;

/// An EC2 instance, alone or in a group.
#[derive(Clone, Debug)]
pub struct Instance {
    /// `i-...`
    pub id: String,
    /// Reads do not know it before this.
    pub visible_at: DateTime<Utc>,
    /// When it was launched.
    pub launched_at: DateTime<Utc>,
    /// EC2's state.
    pub state: InstanceState,
    /// When the state was entered.
    pub state_since: DateTime<Utc>,
    /// The image it was launched from.
    pub image: String,
    /// e.g. `t3.small`.
    pub instance_type: String,
    /// e.g. `eu-west-1a`.
    pub zone: String,
    /// Template id and version it was launched from.
    pub template: Option<(String, u64)>,
    /// EC2 tags.
    pub tags: BTreeMap<String, String>,
    /// Its place in a group, if it is in one.
    pub membership: Option<Membership>,
    /// When status checks pass (`None`: never).
    pub checks_ok_at: Option<DateTime<Utc>>,
    /// What SSM knows of it; `None` before it registered.
    pub agent: Option<Agent>,
    /// What is inside.
    pub guest: Guest,
    /// How it behaves.
    pub behaviour: Arc<Behaviour>,
}

/// EC2 instance states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceState {
    /// 0
    Pending,
    /// 16
    Running,
    /// 32
    ShuttingDown,
    /// 48
    Terminated,
    /// 64
    Stopping,
    /// 80
    Stopped,
}

/// A group's view of an instance.
#[derive(Clone, Debug)]
pub struct Membership {
    /// The group's name.
    pub group: String,
    /// `Pending`, `Pending:Wait`, `InService`, `Terminating`, ... as AWS spells them.
    pub lifecycle: String,
    /// `Healthy` or not.
    pub healthy: bool,
    /// Protected from scale-in.
    pub protected: bool,
    /// Registered with the group's load balancer.
    pub in_load_balancer: bool,
}

/// The SSM agent as the service sees it.
#[derive(Clone, Debug)]
pub struct Agent {
    /// When it registered.
    pub registered_at: DateTime<Utc>,
    /// Its last heartbeat. The service goes on saying Online for a while after it.
    pub last_ping: DateTime<Utc>,
    /// While set, the guest is rebooting or lost and no heartbeat arrives; the time it returns.
    pub away_until: Option<DateTime<Utc>>,
    /// `Linux` or `Windows`.
    pub platform: String,
}

/// What is inside an instance; an image of it carries this over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guest {
    /// Patches that the baseline wants and that are not there.
    pub missing: Vec<String>,
    /// Patches installed, with the time (seconds since 1970).
    pub installed: Vec<(String, i64)>,
    /// Installed, waiting for a reboot.
    pub pending_reboot: Vec<String>,
    /// Tried and failed.
    pub failed: Vec<String>,
    /// Whether the hygiene document ran since the last boot.
    pub sealed: bool,
    /// Root volume and others, GiB.
    pub volume_gib: u32,
}
