//! One job's view of the world: its group, and the resources that the run made for it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

use chrono::{DateTime, TimeDelta, Utc};

use super::Failure;
use super::automation::Moment;
use super::fault::Read;
use super::patch::{PatchFacts, PatchState};
use super::pin::{Pin, TemplateMark};
use super::record::Record;
use crate::ids::{Balancer, GroupName, ImageId, InstanceId, RunId, TemplateId};
use crate::schedule::{Capacity, ScheduledAction};

/// Declares the reads: for each one its [`Need`], its field of [`Seen`] and the type that it brings.
macro_rules! reads {
    ($($(#[doc = $doc:literal])+ $need:ident => $field:ident: $brings:ty;)+) => {
        /// A read that a decision may ask for. Reads are made in bulk for all jobs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Need {
            $($(#[doc = $doc])+ $need,)+
        }

        impl Need {
            /// All reads there are.
            pub const ALL: &[Self] = &[$(Self::$need),+];
        }

        /// Everything that was read for one job in one pass.
        #[derive(Clone, Debug, Default)]
        pub struct Seen {
            /// The reads that were asked for; the others are [`Read::Unread`].
            pub asked: BTreeSet<Need>,
            /// AWS's clock less ours, as far as known.
            pub clock_offset: Option<TimeDelta>,
            $($(#[doc = $doc])+ pub $field: Read<$brings>,)+
        }

        impl Seen {
            /// With the answers of another look at the same job, which asked for something else.
            #[must_use]
            pub fn and(mut self, other: Self) -> Self {
                self.asked.extend(other.asked);
                self.clock_offset = other.clock_offset.or(self.clock_offset);
                $(if !matches!(other.$field, Read::Unread) {
                    self.$field = other.$field;
                })+
                self
            }

            /// Those of its answers that `holds` names. A read that failed is made again.
            #[must_use]
            pub fn kept(&self, holds: impl Fn(Need) -> bool) -> Self {
                let mut kept = Self {
                    clock_offset: self.clock_offset,
                    ..Self::default()
                };
                $(if holds(Need::$need) && matches!(self.$field, Read::Absent | Read::Present(_)) {
                    kept.asked.insert(Need::$need);
                    kept.$field = self.$field.clone();
                })+
                kept
            }

            /// Whether any read failed.
            pub fn is_blind(&self) -> bool {
                let Self { asked: _, clock_offset: _, $($field),+ } = self;
                $(matches!($field, Read::Failed(_)))||+
            }
        }
    };
}

reads! {
    /// The group itself, with its instances.
    Group => group: GroupSeen;
    /// EC2's view of the group's instances and of ours, by id.
    Instances => instances: BTreeMap<InstanceId, InstanceSeen>;
    /// SSM's view of the group's instances and of ours, by id.
    Agents => agents: BTreeMap<InstanceId, AgentSeen>;
    /// EC2 status checks of the canary, by id.
    Checks => checks: BTreeMap<InstanceId, Checks>;
    /// The canary as a target of the load balancers that it is or may be registered with.
    Targets => targets: BTreeMap<Balancer, TargetSeen>;
    /// Invocations of our commands, oldest first.
    Commands => commands: Vec<CommandSeen>;
    /// The run's executions of the owner's runbooks, as far as they are listed.
    Automations => automations: BTreeMap<Moment, AutomationSeen>;
    /// Patch states of our instances, by id.
    Patches => patches: BTreeMap<InstanceId, PatchSeen>;
    /// The patches of the build instance by name: those that are missing; all of them where the owner names
    /// what is to be installed.
    Packages => packages: Vec<PackageSeen>;
    /// The end of what an instance of ours has written to its console.
    Console => console: String;
    /// The run's image.
    Image => image: ImageSeen;
    /// Default and latest numbers of the group's templates, by id; one that does not exist is left out.
    Templates => templates: BTreeMap<TemplateId, TemplateMark>;
    /// Versions of the group's templates that are newer than the record, by template id.
    Versions => versions: BTreeMap<TemplateId, Vec<VersionSeen>>;
    /// The group's latest scaling activities, newest first.
    Activities => activities: Vec<ActivitySeen>;
    /// The sum of the time-outs of the group's launch hooks.
    Hooks => hooks: TimeDelta;
    /// The id of an instance refresh under way.
    Refresh => refresh: String;
    /// The group's record.
    Record => record: RecordSeen;
    /// The group's scheduled actions as they are now.
    Actions => actions: Vec<ScheduledAction>;
    /// Pins of other groups that name one of the group's templates.
    Users => users: Vec<UserSeen>;
}

impl Need {
    /// For how many jobs one call answers it.
    pub fn per_call(self) -> usize {
        match self {
            Self::Group | Self::Instances | Self::Checks | Self::Image | Self::Templates => 100,
            Self::Agents | Self::Commands | Self::Patches | Self::Actions => 50,
            Self::Record | Self::Automations => 10,
            // One answer does for all.
            Self::Users => usize::MAX,
            Self::Targets
            | Self::Packages
            | Self::Console
            | Self::Versions
            | Self::Activities
            | Self::Hooks
            | Self::Refresh => 1,
        }
    }
}

/// A group as Auto Scaling shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupSeen {
    /// Capacity.
    pub capacity: Capacity,
    /// How it names its versions.
    pub pins: Vec<Pin>,
    /// Suspended processes.
    pub suspended: BTreeSet<String>,
    /// Its instances.
    pub members: BTreeMap<InstanceId, MemberSeen>,
    /// The target groups and Classic Load Balancers with which its instances are registered.
    pub balancers: BTreeSet<Balancer>,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Whether it still carries the opt-in tag.
    pub opted_in: bool,
}

impl GroupSeen {
    /// How many instances the desired capacity counts.
    pub fn counted(&self) -> i32 {
        self.number(MemberSeen::counted)
    }

    /// How many instances are on Standby: the run's and the owner's.
    pub fn on_standby(&self) -> i32 {
        self.number(MemberSeen::on_standby)
    }

    fn number(&self, of_kind: impl Fn(&MemberSeen) -> bool) -> i32 {
        let found = self.members.values().filter(|m| of_kind(m)).count();
        i32::try_from(found).unwrap_or(i32::MAX)
    }
}

/// An instance as its group shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberSeen {
    /// `Pending`, `InService`, `Terminating:Wait`, ...
    pub lifecycle: String,
    /// The template version it was launched from.
    pub version: Option<(TemplateId, u64)>,
}

impl MemberSeen {
    /// Whether it is in service.
    pub fn in_service(&self) -> bool {
        self.lifecycle == "InService"
    }

    /// Whether it is on Standby.
    pub fn on_standby(&self) -> bool {
        self.lifecycle == "Standby"
    }

    /// Whether a launch hook holds it up.
    pub fn waits_for_hook(&self) -> bool {
        self.lifecycle == "Pending:Wait"
    }

    /// Whether it is on its way to Standby: a termination would be refused now (ScalingActivityInProgress).
    pub fn entering_standby(&self) -> bool {
        self.lifecycle == "EnteringStandby"
    }

    /// Whether the desired capacity counts it.
    pub fn counted(&self) -> bool {
        self.in_service() || self.lifecycle.starts_with("Pending")
    }

    /// Whether it is on its way out.
    pub fn leaving(&self) -> bool {
        self.lifecycle.starts_with("Terminat") || self.lifecycle.starts_with("Detach")
    }
}

/// A record as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub enum RecordSeen {
    /// Readable.
    Readable(StoredRecord),
    /// Written by another program or another version of this one, or by one without our key.
    Unreadable {
        /// As stored.
        raw: String,
        /// Expected and found.
        problem: Failure,
    },
}

/// A readable record with the time at which it was stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRecord {
    /// The record.
    pub record: Box<Record>,
    /// When it was stored, by AWS's own clock (`LastModifiedDate`; whole milliseconds). A record is written once,
    /// so it is when the record was written.
    pub stored_at: Option<DateTime<Utc>>,
}

impl Deref for StoredRecord {
    type Target = Record;

    fn deref(&self) -> &Record {
        &self.record
    }
}

/// An instance as EC2 shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceSeen {
    /// Its state.
    pub state: Ec2State,
    /// When it was launched.
    pub launched_at: DateTime<Utc>,
    /// Value of the run tag.
    pub run: Option<RunId>,
    /// Value of the role tag.
    pub role: Option<String>,
    /// Its instance type, e.g. `t3.large`, if AWS names it.
    pub instance_type: Option<String>,
    /// The name by which AWS bills its platform, e.g. `Linux/UNIX` or `Windows` (EC2 API, `PlatformDetails`).
    pub platform: Option<String>,
    /// The names of its block devices, e.g. `/dev/xvda`; instance store volumes are not among them.
    pub devices: BTreeSet<String>,
}

/// EC2 states, as far as they matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ec2State {
    /// Coming up.
    Pending,
    /// Up.
    Running,
    /// Stopping or stopped.
    Stopped,
    /// Shutting down or terminated.
    Gone,
}

/// An instance as SSM shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentSeen {
    /// `PingStatus` is `Online`. May be stale: look at `last_ping`.
    pub online: bool,
    /// Its last heartbeat.
    pub last_ping: Option<DateTime<Utc>>,
}

/// EC2 status checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checks {
    /// All passed.
    Ok,
    /// Not yet known.
    Initializing,
    /// At least one failed.
    Impaired,
}

/// An instance as a target group or Classic Load Balancer shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetSeen {
    /// Its state.
    pub state: TargetState,
    /// AWS's words for it: the state, and the code of the reason if there is one.
    pub words: String,
}

/// The states of a target, as far as they matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetState {
    /// It is no target.
    NotRegistered,
    /// It is registered, and not called healthy (yet).
    Waiting,
    /// It is called healthy.
    Healthy,
    /// It was deregistered, and its connections end.
    Draining,
}

impl TargetState {
    /// Whether it is a target, or on its way to be one.
    pub fn is_registered(self) -> bool {
        match self {
            Self::Waiting | Self::Healthy => true,
            Self::NotRegistered | Self::Draining => false,
        }
    }
}

/// An execution of a runbook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutomationSeen {
    /// Its id.
    pub id: String,
    /// Its status, in AWS's word.
    pub status: String,
    /// Its message, on one line and without control characters; at most 300 characters. Empty if there is none.
    pub message: String,
    /// When it began, by AWS's clock.
    pub started_at: Option<DateTime<Utc>>,
}

/// One invocation of a command of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandSeen {
    /// Command id.
    pub id: String,
    /// Where it ran.
    pub instance: InstanceId,
    /// Our comment.
    pub comment: String,
    /// When it was asked for.
    pub requested_at: DateTime<Utc>,
    /// Its status.
    pub status: CommandStatus,
    /// AWS's words for it, without spaces.
    pub detail: String,
    /// Its output, as far as it may say why it failed, on one line and without control characters; at most 300
    /// characters. Empty if it has printed nothing yet.
    pub output: String,
}

/// The status of an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandStatus {
    /// Not ended.
    Running,
    /// Ended well.
    Success,
    /// A plugin failed.
    Failed,
    /// It did not reach an agent, or no agent answered.
    Undelivered,
    /// It ran too long.
    TimedOut,
    /// It was cancelled.
    Cancelled,
}

/// The patch state that SSM holds of an instance: of its last operation only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatchSeen {
    /// Whether that operation was a Scan.
    pub is_scan: bool,
    /// When it ended.
    pub ended_at: DateTime<Utc>,
    /// Missing.
    pub missing: u32,
    /// Failed.
    pub failed: u32,
    /// Waiting for a reboot.
    pub pending_reboot: u32,
    /// The baseline that it judged by: `pb-...` or the ARN of one, if AWS names it.
    pub baseline: Option<String>,
}

/// A patch as SSM reports it of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageSeen {
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: PatchState,
    /// The facts about it.
    pub facts: PatchFacts,
}

/// An image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageSeen {
    /// `ami-...`
    pub id: ImageId,
    /// Its state.
    pub state: ImageState,
    /// Why, if it failed.
    pub detail: String,
    /// Value of the run tag.
    pub run: Option<RunId>,
    /// The instance that it was made of.
    pub source_instance: Option<InstanceId>,
    /// The size of its volumes, GiB, as far as AWS says it.
    pub gib: Option<u32>,
    /// When it was created.
    pub created_at: Option<DateTime<Utc>>,
    /// Its snapshots.
    pub snapshots: BTreeSet<String>,
    /// Whether it carries the tag by which it is kept although its run failed.
    pub kept: bool,
}

/// Image states, as far as they matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageState {
    /// Being made.
    Pending,
    /// Usable.
    Available,
    /// Never usable.
    Failed,
}

/// Another group that names one of the group's templates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserSeen {
    /// The other group.
    pub group: GroupName,
    /// How it names the version.
    pub pin: Pin,
    /// Whether it has an open record: then it may name the version without having proved it.
    pub has_record: bool,
}

/// A launch template version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionSeen {
    /// Its number.
    pub number: u64,
    /// Its description.
    pub description: String,
}

/// A scaling activity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivitySeen {
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// The kind of failure, if it was to launch an instance and failed or was cancelled.
    pub failed_launch: Option<LaunchFailure>,
    /// AWS's words.
    pub message: String,
}

/// Why a launch failed, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaunchFailure {
    /// A cause that no wait helps against.
    Hopeless,
    /// EC2 has no capacity of this kind at the moment.
    Capacity,
    /// A quota of the account is reached.
    Quota,
    /// Any other cause: the next try may succeed.
    Other,
}
