//! What was observed of one group and of what the run made for it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::fault::Read;
use super::pin::{Pin, TemplateMark};
use super::record::Record;
use crate::ids::{GroupName, ImageId, InstanceId, RunId, TemplateId};
use crate::schedule::Capacity;

/// What a decision may ask to be read. Reads are made in bulk for all jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// The group itself, with its instances.
    Group,
    /// EC2's view of the instances that may be ours.
    Instances,
    /// SSM's view of our instances.
    Agents,
    /// EC2 status checks of our instances.
    Checks,
    /// Our commands' invocations.
    Commands,
    /// The patch states of our instances.
    Patches,
    /// The names of the patches on the build instance.
    Packages,
    /// The run's image.
    Image,
    /// Default and latest numbers of the group's templates.
    Templates,
    /// Versions of the group's templates that are newer than the record.
    Versions,
    /// The group's scaling activities since the record.
    Activities,
    /// The group's record.
    Record,
    /// The group's scheduled actions as they are now.
    Actions,
    /// Which other groups name the group's templates.
    Users,
}

/// Everything read for one job in one pass.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// What was asked for.
    pub asked: BTreeSet<Need>,
    /// The group.
    pub group: Read<GroupSeen>,
    /// The group's record.
    pub record: Read<RecordSeen>,
    /// EC2's view, by instance id.
    pub instances: Read<BTreeMap<InstanceId, InstanceSeen>>,
    /// SSM's view, by instance id.
    pub agents: Read<BTreeMap<InstanceId, AgentSeen>>,
    /// Status checks, by instance id.
    pub checks: Read<BTreeMap<InstanceId, Checks>>,
    /// Invocations of our commands, oldest first.
    pub commands: Read<Vec<CommandSeen>>,
    /// Patch states, by instance id.
    pub patches: Read<BTreeMap<InstanceId, PatchSeen>>,
    /// Patches on the build instance: name and when it was installed.
    pub packages: Read<Vec<(String, Option<DateTime<Utc>>)>>,
    /// The run's image.
    pub image: Read<ImageSeen>,
    /// Templates by id; one that does not exist is left out.
    pub templates: Read<BTreeMap<TemplateId, TemplateMark>>,
    /// Newer versions by template id.
    pub versions: Read<BTreeMap<TemplateId, Vec<VersionSeen>>>,
    /// Activities, newest first.
    pub activities: Read<Vec<ActivitySeen>>,
    /// Scheduled actions.
    pub actions: Read<Vec<crate::schedule::ScheduledAction>>,
    /// Pins of other groups that name one of the group's templates.
    pub users: Read<Vec<UserSeen>>,
}

impl Seen {
    /// Whether any read failed.
    pub fn is_blind(&self) -> bool {
        let Self {
            asked: _,
            group,
            record,
            instances,
            agents,
            checks,
            commands,
            patches,
            packages,
            image,
            templates,
            versions,
            activities,
            actions,
            users,
        } = self;
        group.failed()
            || record.failed()
            || instances.failed()
            || agents.failed()
            || checks.failed()
            || commands.failed()
            || patches.failed()
            || packages.failed()
            || image.failed()
            || templates.failed()
            || versions.failed()
            || activities.failed()
            || actions.failed()
            || users.failed()
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
    pub members: BTreeMap<InstanceId, Member>,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Whether it still carries the opt-in tag.
    pub opted_in: bool,
}

/// An instance as its group shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// `Pending`, `InService`, `Terminating:Wait`, ...
    pub lifecycle: String,
    /// `HealthStatus` is `Healthy`.
    pub healthy: bool,
    /// Protected from scale-in.
    pub protected: bool,
    /// The template version it was launched from.
    pub version: Option<(TemplateId, u64)>,
}

impl Member {
    /// Whether it is in service.
    pub fn in_service(&self) -> bool {
        self.lifecycle == "InService"
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
    Readable(Box<Record>),
    /// Written by somebody else or another version: its raw text and what is wrong.
    Unreadable {
        /// As stored.
        raw: String,
        /// Expected and found.
        problem: String,
    },
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
    /// How it stands.
    pub status: CommandStatus,
    /// AWS's words for it, without spaces.
    pub detail: String,
}

/// How an invocation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandStatus {
    /// Not ended.
    Running,
    /// Ended well.
    Success,
    /// A plugin failed.
    Failed,
    /// It reached nobody, or nobody answered.
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
    /// Failed or cancelled.
    pub failed: bool,
    /// Whether it is (or was to be) a launch.
    pub launch: bool,
    /// AWS's words.
    pub message: String,
}
