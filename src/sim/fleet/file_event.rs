//! The tables of what others do, and of faults, in a fleet file.

use serde::Deserialize;

use super::file::{VersionName, one};

fn certain() -> f64 {
    1.0
}

/// An action of another actor.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventFile {
    /// So long after the start.
    pub at_seconds: Option<i64>,
    /// Or after a call of this operation, e.g. `ssm:SendCommand`, has taken effect.
    pub on_call: Option<String>,
    /// The number of the call among those that match, from 1.
    #[serde(default = "one")]
    pub nth: u64,
    /// And again each time that so long has passed, for good.
    pub every_seconds: Option<i64>,
    /// Only calls count whose parameters contain this text.
    pub mentions: Option<String>,
    /// The action.
    pub action: ActionName,
    /// The group it is done to.
    pub group: Option<String>,
    /// The tag's key, for `put-tag` and `remove-tag`.
    pub key: Option<String>,
    /// The tag's value, for `put-tag`.
    pub value: Option<String>,
    /// MinSize, for `set-capacity`.
    pub min: Option<i64>,
    /// MaxSize, for `set-capacity`.
    pub max: Option<i64>,
    /// DesiredCapacity, for `set-capacity`.
    pub desired: Option<i64>,
    /// The image of the new version, for `new-template-version`.
    pub image: Option<String>,
    /// Its description.
    pub description: Option<String>,
    /// For `point-at-version` and `set-default-version`.
    pub version: Option<VersionName>,
    /// For `suspend-process` and `resume-process`.
    pub process: Option<String>,
    /// For `delete-parameters`, `deregister-images` and `share-snapshots`: all whose names begin so.
    pub prefix: Option<String>,
    /// For `terminate-instances` and `exit-standby`: only those that have this in their tag `asg-patch:role`.
    pub role: Option<String>,
    /// For `start-instance-refresh`: whether it brings a desired configuration.
    #[serde(default)]
    pub desired_configuration: bool,
}

/// The actions of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ActionName {
    /// Deletes the group by force.
    DeleteGroup,
    /// Puts a tag on the group.
    PutTag,
    /// Takes a tag from the group.
    RemoveTag,
    /// Changes the group's capacity.
    SetCapacity,
    /// Creates a version of the group's template.
    NewTemplateVersion,
    /// Lets the group use another version of its template.
    PointAtVersion,
    /// Changes the default version of the group's template.
    SetDefaultVersion,
    /// Terminates the group's instances.
    TerminateInstances,
    /// Takes the group's instances out of Standby.
    ExitStandby,
    /// Ends the group's `failure`: AWS has capacity again, a key is usable.
    EndFailure,
    /// Starts an instance refresh.
    StartInstanceRefresh,
    /// Deregisters images, and deletes their snapshots.
    DeregisterImages,
    /// Registers other images with the snapshots of images, which can no longer be deleted then.
    ShareSnapshots,
    /// Suspends a process.
    SuspendProcess,
    /// Resumes a process.
    ResumeProcess,
    /// Deletes parameters.
    DeleteParameters,
}

/// A fault on the wire.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FaultFile {
    /// e.g. `ec2:CreateImage`; every call without it.
    pub operation: Option<String>,
    /// This many calls pass first.
    #[serde(default)]
    pub skip: u64,
    /// Then this many are hit.
    #[serde(default = "one")]
    pub times: u64,
    /// Each with this probability.
    #[serde(default = "certain")]
    pub probability: f64,
    /// The kind of fault.
    pub fault: FaultName,
    /// The error's code, for `error` and `effect-then-error`.
    pub code: Option<String>,
    /// Its text.
    pub message: Option<String>,
    /// Its HTTP status; 400 without it.
    pub status: Option<u16>,
    /// The delay, for `slow`.
    pub seconds: Option<f64>,
}

/// Kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum FaultName {
    /// An error, no effect.
    Error,
    /// Broken before it arrived.
    NeverArrived,
    /// Effect, and then the connection breaks.
    ReplyLost,
    /// Effect, and then an error.
    EffectThenError,
    /// No answer, no effect.
    Hang,
    /// Effect, and no answer.
    EffectThenHang,
    /// A late answer.
    Slow,
    /// A read from before the last change.
    StaleRead,
}
