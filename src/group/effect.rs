//! Everything that can be done to the world: one effect is one changing call.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::devices::DeviceMapping;
use super::fault::Fault;
use super::lineage::Lineage;
use super::pin::Pin;
use super::record::Record;
use crate::ids::{ImageId, InstanceId, TemplateId};
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
    /// `autoscaling:UpdateAutoScalingGroup` with minimum, maximum and desired capacity.
    SetCapacity(Capacity),
    /// `autoscaling:UpdateAutoScalingGroup` with these pins; the call is refused if the group no
    /// longer names what `expected` says.
    SetPins {
        /// As the group names its versions now.
        expected: Vec<Pin>,
        /// As it is to name them.
        pins: Vec<Pin>,
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
    /// `autoscaling:SetInstanceProtection`.
    Protect {
        /// The instance.
        instance: InstanceId,
        /// On or off.
        on: bool,
    },
    /// `ssm:SendCommand`.
    SendCommand(Command),
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

/// The commands of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CommandStep {
    /// Patch the build instance.
    Install,
    /// Scan the build instance afterwards.
    Scan,
    /// Image hygiene.
    Seal,
    /// Scan the canary.
    CanaryScan,
}

impl CommandStep {
    /// As the comment names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Scan => "scan",
            Self::Seal => "seal",
            Self::CanaryScan => "canary-scan",
        }
    }
}

/// The answer to a performed effect.
#[derive(Clone, Debug, PartialEq)]
pub enum Done {
    /// It is done.
    Ok,
    /// A command was sent; its id.
    Command(String),
    /// A version was made; its number.
    Version(u64),
    /// It was to be removed, and was not there.
    WasGone,
}

/// How an effect ended.
pub type Performed = Result<Done, Fault>;
