//! How a group's job ends, and the stable codes for every way that is not plain success.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a group's job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It launches from a patched, proven image now.
    Patched,
    /// Its image had nothing to patch; nothing was changed.
    AlreadyCurrent,
    /// It was not touched.
    Skipped,
    /// Something failed; it is as it was before.
    RolledBack,
    /// Something failed and it is not (or not provably) as it was before.
    Failed,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Patched => "patched",
            Self::AlreadyCurrent => "already_current",
            Self::Skipped => "skipped",
            Self::RolledBack => "rolled_back",
            Self::Failed => "failed",
        })
    }
}

macro_rules! codes {
    ($($name:ident = $code:literal, $title:literal, $remedy:literal;)*) => {
        /// A stable code for a way in which a group is refused, skipped or fails.
        ///
        /// The number never changes its meaning; the text may.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Code {
            $(#[doc = $title] #[serde(rename = $code)] $name,)*
        }

        impl Code {
            /// All codes, in order.
            pub const ALL: &'static [Code] = &[$(Self::$name,)*];

            /// The code as it is written, e.g. `AP-0101`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// What it means, in a few words.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// What the group's owner should do.
            pub fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy,)* }
            }

            /// The operator's page about it, in the project.
            pub fn page(self) -> &'static str {
                match self { $(Self::$name => concat!("runbooks/", $code, ".md"),)* }
            }
        }
    };
}

codes! {
    // Refused by preflight: never touched.
    LaunchConfiguration = "AP-0101", "the group uses a launch configuration",
        "move the group to a launch template (AWS no longer lets launch configurations change), then run again";
    ResolvedImage = "AP-0102", "the launch template takes its image from an SSM parameter (resolve:ssm)",
        "name an image id in the launch template, or leave the group to the pipeline that writes the parameter";
    WarmPool = "AP-0103", "the group has a warm pool",
        "remove the warm pool for the window: its members would keep the old image, and raising the size would fill it";
    InstanceRefreshActive = "AP-0104", "an instance refresh is under way",
        "wait until it has ended or cancel it, then run again";
    OperatorManaged = "AP-0105", "another AWS service operates the group",
        "remove the opt-in tag: only that service may change the group";
    BeingDeleted = "AP-0106", "the group is being deleted",
        "nothing to do, if that is meant";
    ImageOverride = "AP-0107", "an override of the mixed instances policy names an image of its own",
        "move the image into a launch template that the override names";
    ImagesDiffer = "AP-0108", "the group's launch templates name different images",
        "use one image for the base and all overrides, or split the group by image";
    SnapshotPinned = "AP-0109", "the launch template pins a snapshot in its block device mappings",
        "remove SnapshotId from the device's mapping: it would mask the patched image";
    LaunchSuspended = "AP-0110", "Launch or Terminate is suspended in the group",
        "resume it, or remove the opt-in tag while it must stay suspended";
    TemplateShared = "AP-0111", "another group outside this bake follows the same launch template by $Latest or $Default",
        "give the groups templates of their own, or let all of them opt in with the same version and options";
    OptionInvalid = "AP-0112", "an option tag has a value that cannot be read",
        "correct the tag's value";
    RecordTooLarge = "AP-0113", "what must be remembered of the group does not fit into a 4 KB parameter",
        "use fewer overrides, scheduled actions or a shorter name";
    ImageUnusable = "AP-0114", "the launch template, its version or its image does not exist or cannot be used",
        "repair the launch template: the group could not launch an instance now either";
    WeightedCapacity = "AP-0115", "the group counts capacity in weights",
        "remove the weights from the overrides: one more instance cannot be asked for exactly";
    // Not started.
    DoesNotFit = "AP-0201", "it would not be restored before the window's deadline",
        "lengthen the window, or give the group an earlier wave";
    FailureBudget = "AP-0202", "too many groups had failed before",
        "look at the failed groups first; then run again for the rest";
    Stopped = "AP-0203", "the run was stopped before this group was started",
        "run again";
    Locked = "AP-0204", "another run holds the group's record",
        "wait for that run, or restore the group with `asg-patch restore --group NAME` if it is dead";
    ChangedSincePlan = "AP-0205", "the group changed between plan and start",
        "run again";
    BakeFailed = "AP-0206", "the image that the group shares could not be made",
        "see the group that made it in the same report";
    // Failed while at work: rolled back.
    LaunchFailed = "AP-0301", "the group could not launch an instance",
        "see the launch error: the group could not have woken in the morning either";
    NoCapacity = "AP-0302", "AWS had no capacity for the instance",
        "run again later, or allow more zones or instance types";
    WakeTimeout = "AP-0303", "the build instance did not come into service in time",
        "look at the group's lifecycle hooks and scaling activities";
    NeverOnline = "AP-0304", "the build instance did not register with Systems Manager in time",
        "check the SSM agent, the instance profile (AmazonSSMManagedInstanceCore) and the way to the SSM endpoints";
    InstanceLost = "AP-0305", "the build instance went away while it was needed",
        "find out who terminated it (CloudTrail TerminateInstances), then run again";
    PatchFailed = "AP-0311", "the patch command failed",
        "read the command's output in Run Command; mend the package or the baseline, then run again";
    PatchUndelivered = "AP-0312", "the patch command did not reach the instance or it never answered",
        "check the SSM agent and whether the guest survives a reboot";
    PatchTimeout = "AP-0313", "the patch command took too long",
        "see what it was waiting for in the command's output";
    StillMissing = "AP-0321", "patches are still missing, failed or pending a reboot after the install",
        "see the list; mend the package source, or tolerate them by tag";
    ScanFailed = "AP-0322", "the scan could not tell the patch state",
        "read the command's output in Run Command";
    SealFailed = "AP-0331", "the image hygiene script failed",
        "read the command's output; the group can do without it by tag";
    ImageFailed = "AP-0341", "the image could not be made",
        "see the image's state reason (KMS key, snapshot limits)";
    ImageTimeout = "AP-0342", "the image took too long",
        "lengthen the window, or make the volumes smaller";
    ImageGone = "AP-0343", "somebody removed the new image during the run",
        "find out who deregistered it (CloudTrail DeregisterImage), then run again";
    Superseded = "AP-0351", "somebody deployed another version in the meantime; theirs stands",
        "nothing to do: the next run patches the new version";
    VersionRefused = "AP-0352", "the new launch template version was refused",
        "see the warning or error: the template carries something that AWS no longer takes";
    ScaledIn = "AP-0353", "somebody scaled the group in during the run; theirs stands",
        "nothing to do: the next run patches the group";
    PinsRefused = "AP-0354", "AWS did not let the group name another version",
        "see the reason; if an instance refresh is under way, wait until it has ended, then run again";
    CanaryNotUp = "AP-0361", "no healthy instance came up from the new version",
        "start an instance from the image by hand and look at its console output";
    CanaryNotClean = "AP-0362", "the instance from the new image is not fully patched",
        "see which patches its scan missed; look for user data that downgrades packages";
    CanaryRefused = "AP-0363", "the group could not launch from the new version",
        "see the launch error (KMS key, architecture, template)";
    SiblingFailed = "AP-0371", "a group that follows the same template by $Latest or $Default failed",
        "see that group in the same report: both take the version or neither does";
    OutOfTime = "AP-0391", "the window's end came near",
        "lengthen the window";
    Interrupted = "AP-0392", "the run was stopped by its operator",
        "run again";
    // AWS refused or did not answer.
    AccessDenied = "AP-0401", "a permission is missing",
        "allow the action that the reason names to the role that runs asg-patch";
    AwsError = "AP-0402", "AWS refused a call",
        "see the code in the reason";
    AwsUnreachable = "AP-0403", "AWS did not answer for too long",
        "run again; look at the AWS health dashboard";
    CredentialsExpired = "AP-0404", "the credentials ran out and were not renewed",
        "renew them (`aws sso login`, or a longer role session), then run again";
    // Somebody changed the group itself.
    Vanished = "AP-0501", "the group was deleted during the run",
        "nothing to do, if that is meant";
    OptedOut = "AP-0502", "the opt-in tag was removed during the run",
        "nothing to do, if that is meant";
    DeletionBegan = "AP-0503", "the group began to be deleted during the run",
        "nothing to do, if that is meant";
    RecordLost = "AP-0504", "somebody deleted the group's record during the run",
        "leave records to asg-patch: they are what restores a group after a crash";
    RestoredMeanwhile = "AP-0505", "somebody restored the group during the run",
        "name a group to `asg-patch restore` only if its run is dead; then run again";
    // Restore.
    LeftOpen = "AP-0601", "the group is not restored yet",
        "`asg-patch restore` restores it; its record stays until that is done";
    RestoredFromRecord = "AP-0602", "restored from its record after its run had died",
        "run again";
    RecordUnreadable = "AP-0603", "a record cannot be read by this version",
        "restore the group by hand from the raw text; delete the parameter afterwards";
    StillOwned = "AP-0604", "the record belongs to a run that may be alive",
        "wait for its deadline, or name the group with --group to restore it now";
    // Scan only.
    PatchesMissing = "AP-0701", "patches are missing (scan only)",
        "run with --operation Install";
    // The run itself: refused before any group was touched, but for AP-0804.
    EventMalformed = "AP-0801", "the event cannot be understood",
        "correct the input as the reason says; `{}` starts a run with the stack's settings";
    WindowOver = "AP-0802", "the window is over already",
        "start the run by hand if it shall be made up for; look at why the event came so late";
    NotOptedIn = "AP-0803", "a group that was named does not exist or did not opt in",
        "correct the name, or tag the group";
    OtherVersion = "AP-0804", "the state of a run was written by another version of the program",
        "nothing to do: its groups are restored; run again";
    NotPlanned = "AP-0805", "the run could not be planned",
        "mend what the reason names, then run again";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a job ends in another way than success: code and the sentence of this case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The stable code.
    pub code: Code,
    /// What happened here, in a sentence that reads alone.
    pub reason: String,
}

impl Failure {
    /// A failure with its sentence.
    pub fn new(code: Code, reason: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
        }
    }

    /// A failure whose code says it all.
    pub fn plain(code: Code) -> Self {
        Self::new(code, code.title())
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn codes_are_unique_and_ordered() {
        let codes: Vec<&str> = Code::ALL.iter().map(|c| c.as_str()).collect();
        assert!(codes.is_sorted_by(|a, b| a < b), "{codes:?}");
    }
}
