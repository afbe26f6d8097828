//! Everything that can be done to the world: one effect is one changing call.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::automation::{Moment, Start};
use super::devices::DeviceMapping;
use super::doubt::Doubt;
use super::fault::Fault;
use super::lineage::Lineage;
use super::pin::Pin;
use super::record::Record;
use super::seen::Need;
use crate::ids::{Balancer, ImageId, InstanceId, TemplateId};
use crate::schedule::Capacity;

/// One changing call, with all that it needs.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// `ssm:PutParameter` with `Overwrite=false`.
    StoreRecord(Box<Record>),
    /// `autoscaling:SuspendProcesses`; never an empty list.
    Suspend(Vec<String>),
    /// `autoscaling:ResumeProcesses`; never an empty list.
    Resume(Vec<String>),
    /// `autoscaling:UpdateAutoScalingGroup`: capacity, pins, or both in one call.
    Update {
        /// Minimum, maximum and desired capacity.
        capacity: Option<Capacity>,
        /// The versions to name.
        pins: Option<PinChange>,
    },
    /// `autoscaling:EnterStandby`.
    EnterStandby {
        /// The instance.
        instance: InstanceId,
        /// Whether the desired capacity falls by it.
        decrement: bool,
    },
    /// `ec2:CreateTags`: run and role.
    TagInstance {
        /// The instance.
        instance: InstanceId,
        /// `build` or `canary`.
        role: Role,
    },
    /// `ec2:CreateTags`: how long the phases took that made our image. Evidence only: a group
    /// does not fail because it cannot be written.
    TagImage {
        /// The image.
        image: ImageId,
        /// The tag's value.
        seconds: String,
    },
    /// `ec2:CreateTags`: the image and its snapshots are kept although their run failed.
    KeepImage {
        /// The image.
        image: ImageId,
        /// Its snapshots.
        snapshots: BTreeSet<String>,
        /// The group whose canary did not prove it, and how.
        doubt: Doubt,
    },
    /// `elasticloadbalancing:RegisterTargets`.
    RegisterTarget {
        /// The target group or Classic Load Balancer.
        balancer: Balancer,
        /// The canary.
        instance: InstanceId,
    },
    /// `elasticloadbalancing:DeregisterTargets`.
    DeregisterTarget {
        /// The target group or Classic Load Balancer.
        balancer: Balancer,
        /// The canary.
        instance: InstanceId,
    },
    /// `ssm:SendCommand`.
    SendCommand(Command),
    /// `ssm:StartAutomationExecution`.
    StartAutomation(Box<Start>),
    /// `ssm:StopAutomationExecution`.
    StopAutomation {
        /// Of which moment it is.
        moment: Moment,
        /// The execution's id.
        id: String,
    },
    /// `ec2:CreateImage`.
    CreateImage {
        /// The build instance.
        instance: InstanceId,
        /// The image's name.
        name: String,
        /// Let AWS reboot the guest first.
        reboot: bool,
        /// The image it was launched from.
        source_image: ImageId,
        /// The descent of the image to be made.
        lineage: Lineage,
        /// Devices that the image is not to hold.
        without: Vec<String>,
    },
    /// `ec2:CreateLaunchTemplateVersion`.
    CreateVersion {
        /// The template.
        template: TemplateId,
        /// The version it inherits from.
        source: u64,
        /// The image it names.
        image: ImageId,
        /// How it is found again.
        description: String,
        /// Idempotency token.
        token: String,
        /// Block device mappings that it does not inherit; none if it inherits all.
        devices: Vec<DeviceMapping>,
    },
    /// `ec2:ModifyLaunchTemplate`.
    SetDefault {
        /// The template.
        template: TemplateId,
        /// The version that becomes the default.
        version: u64,
    },
    /// `autoscaling:TerminateInstanceInAutoScalingGroup`.
    Terminate {
        /// The instance.
        instance: InstanceId,
        /// Whether the group shrinks by it.
        decrement: bool,
    },
    /// `ec2:DeleteLaunchTemplateVersions`.
    DeleteVersion {
        /// The template.
        template: TemplateId,
        /// The version.
        version: u64,
    },
    /// `ec2:DeregisterImage` with its snapshots.
    DeregisterImage(ImageId),
    /// `ssm:DeleteParameter`.
    DeleteRecord,
}

impl Effect {
    /// Whether the other jobs of a bake must not decide while it is under way.
    pub fn concerns_bake(&self) -> bool {
        match self {
            Self::CreateVersion { .. }
            | Self::SetDefault { .. }
            | Self::DeleteVersion { .. }
            | Self::KeepImage { .. }
            | Self::DeregisterImage(_) => true,
            Self::StoreRecord(_)
            | Self::Update { .. }
            | Self::SendCommand(_)
            | Self::StartAutomation(_)
            | Self::StopAutomation { .. }
            | Self::Suspend(_)
            | Self::Resume(_)
            | Self::EnterStandby { .. }
            | Self::TagInstance { .. }
            | Self::TagImage { .. }
            | Self::RegisterTarget { .. }
            | Self::DeregisterTarget { .. }
            | Self::CreateImage { .. }
            | Self::Terminate { .. }
            | Self::DeleteRecord => false,
        }
    }

    /// Whether what this read has shown is to be read anew after the effect. Templates and image stay as they are if the
    /// effect is not about them; the rest is what effects of all kinds, and others, change.
    pub fn changes(&self, need: Need) -> bool {
        match self {
            Self::CreateVersion { .. } | Self::SetDefault { .. } | Self::DeleteVersion { .. } => {
                need != Need::Image
            }
            Self::CreateImage { .. }
            | Self::TagImage { .. }
            | Self::KeepImage { .. }
            | Self::DeregisterImage(_) => need != Need::Templates,
            Self::StoreRecord(_)
            | Self::Update { .. }
            | Self::SendCommand(_)
            | Self::StartAutomation(_)
            | Self::StopAutomation { .. }
            | Self::Suspend(_)
            | Self::Resume(_)
            | Self::EnterStandby { .. }
            | Self::TagInstance { .. }
            | Self::RegisterTarget { .. }
            | Self::DeregisterTarget { .. }
            | Self::Terminate { .. }
            | Self::DeleteRecord => !matches!(need, Need::Templates | Need::Image),
        }
    }
}

/// Other versions for a group to name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinChange {
    /// As the group names its versions now: the call is refused if it no longer does.
    pub expected: Vec<Pin>,
    /// As it is to name them.
    pub to: Vec<Pin>,
}

/// The purpose of an instance of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It is patched and imaged.
    Build,
    /// It proves the new image.
    Canary,
}

impl Role {
    /// The tag's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Canary => "canary",
        }
    }
}

/// A Run Command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Which of the job's commands it is.
    pub step: CommandStep,
    /// Where it runs.
    pub instance: InstanceId,
    /// SSM document.
    pub document: String,
    /// Its parameters.
    pub parameters: BTreeMap<String, Vec<String>>,
    /// How it is found again.
    pub comment: String,
}

/// The commands of a job. Those that may be sent more than once carry the number of Installs that had ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum CommandStep {
    /// Wait until the first boot of the build instance is over.
    Ready(u8),
    /// Scan the build instance.
    Scan(u8),
    /// Patch the build instance.
    Install(u8),
    /// Image hygiene.
    Seal,
    /// Wait until the first boot of the canary is over.
    CanaryReady,
    /// Scan the canary.
    CanaryScan,
    /// The owner's own proof on the canary.
    CanaryProof,
}

/// As a command's comment names its step.
impl fmt::Display for CommandStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(pass) => write!(f, "ready-{pass}"),
            Self::Scan(pass) => write!(f, "scan-{pass}"),
            Self::Install(pass) => write!(f, "install-{pass}"),
            Self::Seal => f.write_str("seal"),
            Self::CanaryReady => f.write_str("canary-ready"),
            Self::CanaryScan => f.write_str("canary-scan"),
            Self::CanaryProof => f.write_str("canary-proof"),
        }
    }
}

impl FromStr for CommandStep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbered = text.rsplit_once('-').and_then(|(name, pass)| {
            let pass = pass.parse().ok()?;
            match name {
                "ready" => Some(Self::Ready(pass)),
                "scan" => Some(Self::Scan(pass)),
                "install" => Some(Self::Install(pass)),
                _ => None,
            }
        });
        let named = match text {
            "seal" => Some(Self::Seal),
            "canary-ready" => Some(Self::CanaryReady),
            "canary-scan" => Some(Self::CanaryScan),
            "canary-proof" => Some(Self::CanaryProof),
            _ => None,
        };
        numbered
            .or(named)
            .ok_or_else(|| format!("expected the step of a command, found '{text}'"))
    }
}

impl TryFrom<String> for CommandStep {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<CommandStep> for String {
    fn from(step: CommandStep) -> Self {
        step.to_string()
    }
}

/// The answer to a performed effect.
#[derive(Clone, Debug, PartialEq)]
pub enum Done {
    /// It is done.
    Ok,
    /// A command was sent; its id.
    Command(String),
    /// An automation was started; its id.
    Automation(String),
    /// An image is being made; its id.
    Image(ImageId),
    /// A version was made; its number.
    Version(u64),
    /// It was to be removed, and was not there.
    WasGone,
    /// An image was deregistered, and these of its snapshots were not deleted: each with AWS's word for why.
    SnapshotsKept(Vec<String>),
}

/// How an effect ended.
pub type Performed = Result<Done, Fault>;
