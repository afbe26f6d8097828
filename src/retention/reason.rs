//! Why something of a past run stays.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use crate::group::fault::Fault;
use crate::group::names::KEEP_TAG;
use crate::ids::{GroupName, ImageId, InstanceId, SnapshotId};
use crate::text::{counted, duration, moment};

/// Why something of a past run stays: what it is, or who uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It carries our tag, but no run made it: expected, and found.
    NotOurs(String),
    /// A group launches from it: its name, and how it names the version or the image.
    Group(GroupName, String),
    /// A launch configuration names it.
    Configuration(String),
    /// The default version of a template names it.
    Default(String),
    /// The latest version of a template names it.
    Latest(String),
    /// A version that no run made for it names it.
    OtherVersion(String),
    /// A version names it, and its template has not opted in, so that it stays.
    NotOptedIn(String),
    /// Instances were launched from it, and are there: how many, and one of them.
    Instances(usize, InstanceId),
    /// All AWS accounts may launch from it.
    Public,
    /// It is shared with others.
    Shared(Vec<String>),
    /// An SSM parameter holds it, which a template or a group names.
    Parameter(String),
    /// A parameter publishes it, for the tools of its group's owner.
    Published(String),
    /// An open record names it: of this group.
    Record(GroupName),
    /// A block device mapping names a snapshot of it: of this version or launch configuration.
    Snapshot(SnapshotId, String),
    /// It is one of the newest of a template: how many are kept, and the template.
    Newest(usize, String),
    /// It was made a short time ago: when, and how many days it is kept.
    Young(DateTime<Utc>, TimeDelta),
    /// AWS does not say when it was made.
    Ageless,
    /// It is kept for inspection.
    KeepUntil(DateTime<Utc>),
    /// Its tag does not say until when it is kept.
    KeepUntilOdd(String),
    /// An instance was launched from it a short time ago: when, and how many days that counts.
    Launched(DateTime<Utc>, TimeDelta),
    /// Its image is there, and does not name it any more.
    ImageThere(ImageId),
    /// It is being made.
    BeingMade,
    /// It was put into this state.
    State(String),
    /// A read failed that might have shown a use: of these things, for this cause.
    Unread(&'static str, String),
}

impl Reason {
    /// A read that failed.
    pub(super) fn unread(what: &'static str, fault: &Fault) -> Self {
        let Fault {
            operation,
            code,
            message,
            class: _,
        } = fault;
        Self::Unread(what, format!("{operation}: {code}: {message}"))
    }

    /// Whether a read failed.
    pub fn is_unread(&self) -> bool {
        matches!(self, Self::Unread(..))
    }

    /// Its name, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotOurs(_) => "not_ours",
            Self::Group(..) => "group",
            Self::Configuration(_) => "launch_configuration",
            Self::Default(_) => "default_version",
            Self::Latest(_) => "latest_version",
            Self::OtherVersion(_) => "other_version",
            Self::NotOptedIn(_) => "template_not_opted_in",
            Self::Instances(..) => "instances",
            Self::Public => "public",
            Self::Shared(_) => "shared",
            Self::Parameter(_) => "parameter",
            Self::Published(_) => "published",
            Self::Record(_) => "record",
            Self::Snapshot(..) => "snapshot",
            Self::Newest(..) => "newest",
            Self::Young(..) | Self::Ageless => "young",
            Self::KeepUntil(_) | Self::KeepUntilOdd(_) => "keep_until",
            Self::Launched(..) => "launched",
            Self::ImageThere(_) => "image_there",
            Self::BeingMade => "being_made",
            Self::State(_) => "state",
            Self::Unread(..) => "unread",
        }
    }
}

/// One sentence.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOurs(problem) => {
                write!(f, "no run made it, although it carries our tag: {problem}")
            }
            Self::Group(group, how) => write!(f, "group {group} launches from it ({how})"),
            Self::Configuration(name) => write!(f, "launch configuration {name} names it"),
            Self::Default(version) => write!(f, "{version} names it, the template's default"),
            Self::Latest(version) => write!(f, "{version} names it, the template's latest"),
            Self::OtherVersion(version) => {
                write!(f, "{version} names it, which its run did not make")
            }
            Self::NotOptedIn(version) => {
                write!(f, "{version} names it, and the template has not opted in")
            }
            Self::Instances(1, one) => write!(f, "{one} was launched from it"),
            Self::Instances(n, one) => {
                write!(f, "{n} instances were launched from it, one of them {one}")
            }
            Self::Public => f.write_str("it is public"),
            Self::Shared(with) => write!(f, "it is shared with {}", with.join(", ")),
            Self::Parameter(name) => write!(
                f,
                "SSM parameter {name} holds it, which a launch template names"
            ),
            Self::Published(name) => write!(f, "parameter {name} publishes it"),
            Self::Record(group) => write!(f, "the open record of group {group} names it"),
            Self::Snapshot(snapshot, by) => write!(f, "{by} names its snapshot {snapshot}"),
            Self::Newest(1, template) => write!(f, "it is the newest image of {template}"),
            Self::Newest(n, template) => {
                write!(f, "it is one of the {n} newest images of {template}")
            }
            Self::Young(at, within) => write!(
                f,
                "it was made at {}, less than {} ago",
                moment(*at),
                span(*within)
            ),
            Self::Ageless => f.write_str("AWS does not say when it was made"),
            Self::KeepUntil(at) => write!(f, "it is kept for inspection until {}", moment(*at)),
            Self::KeepUntilOdd(text) => {
                write!(f, "its tag {} does not say a time: '{text}'", KEEP_TAG)
            }
            Self::Launched(at, within) => write!(
                f,
                "an instance was launched from it at {}, less than {} ago",
                moment(*at),
                span(*within)
            ),
            Self::ImageThere(image) => write!(f, "it was made for {image}, which is there"),
            Self::BeingMade => f.write_str("it is being made"),
            Self::State(state) => write!(f, "it was put into the state {state}"),
            Self::Unread(what, why) => write!(f, "{what} could not be read: {why}"),
        }
    }
}

/// `30 days`, `1h 00m`.
fn span(span: TimeDelta) -> String {
    match TimeDelta::days(span.num_days()) == span && span >= TimeDelta::days(1) {
        true => counted(usize::try_from(span.num_days()).unwrap_or_default(), "day"),
        false => duration(span.num_seconds().unsigned_abs()),
    }
}
