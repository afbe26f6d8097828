//! How a group's job ends, and the stable codes for every way that is not plain success.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a group's job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It launches from a patched, proved image now.
    Patched,
    /// Its image had nothing to patch; nothing was changed.
    AlreadyCurrent,
    /// It was not touched.
    Skipped,
    /// A Scan found patches missing, as it was asked to say; nothing was changed.
    Scanned,
    /// Something failed; it is as it was before.
    RolledBack,
    /// Something failed and it is not (or not provably) as it was before.
    Failed,
}

impl Outcome {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Patched => "patched",
            Self::AlreadyCurrent => "already current",
            Self::Skipped => "skipped",
            Self::Scanned => "scanned",
            Self::RolledBack => "rolled back",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Patched => "patched",
            Self::AlreadyCurrent => "already_current",
            Self::Skipped => "skipped",
            Self::Scanned => "scanned",
            Self::RolledBack => "rolled_back",
            Self::Failed => "failed",
        })
    }
}

/// An implication of a code, for other groups or for how the failure is explained.
///
/// A failure can be the mere consequence of something that is seen only later: that cause then takes its
/// place in the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Implication {
    /// It may follow from a restore of the group by another, which took back what the run had changed.
    AfterRestore,
    /// It may follow from the deletion of the group.
    AfterDeletion,
    /// The other groups of the bake would fail alike.
    SpoilsBake,
    /// The new image may be the cause: with `keep-failed` it is kept, to be looked at.
    DoubtsImage,
    /// The console of the instance may show the cause.
    OnConsole,
}

macro_rules! codes {
    ($($name:ident = $code:literal, $title:literal, $remedy:literal, [$($implied:ident),*];)*) => {
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

            /// Its meaning in a few words.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// The advice to the group's owner.
            pub fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy,)* }
            }

            /// The text of the operators' page about it, `runbooks/AP-NNNN.md`.
            pub fn page_text(self) -> &'static str {
                match self {
                    $(Self::$name => include_str!(concat!(
                        env!("CARGO_MANIFEST_DIR"), "/runbooks/", $code, ".md"
                    )),)*
                }
            }

            /// Whether the code implies this.
            pub fn has(self, wanted: Implication) -> bool {
                let implied: &[Implication] = match self { $(Self::$name => &[$(Implication::$implied),*],)* };
                implied.contains(&wanted)
            }
        }
    };
}

codes! {
    // Refused by preflight: never touched.
    LaunchConfiguration = "AP-0101", "the group uses a launch configuration",
        "move the group to a launch template (a launch configuration cannot be changed), then run again",
        [];
    ResolvedImage = "AP-0102", "the launch template takes its image from an SSM parameter (resolve:ssm)",
        "name an image id in the launch template, or leave the group to the pipeline that writes the parameter",
        [];
    WarmPool = "AP-0103", "the group has a warm pool",
        "remove the warm pool for the window: its instances would keep the old image, and raising the maximum would add more of them",
        [];
    InstanceRefreshActive = "AP-0104", "an instance refresh is in progress",
        "wait until it has ended, or cancel it, then run again",
        [];
    OperatorManaged = "AP-0105", "another AWS service operates the group",
        "remove the opt-in tag: only that service may change the group",
        [];
    BeingDeleted = "AP-0106", "the group is being deleted",
        "nothing to do if the deletion is intended",
        [];
    ImageOverride = "AP-0107", "an override of the mixed instances policy names its own image",
        "move that image into a launch template and name the template in the override",
        [];
    ImagesDiffer = "AP-0108", "the group's launch templates name different images",
        "use one image for the base and all overrides, or split the group by image",
        [];
    SnapshotPinned = "AP-0109", "the launch template pins a snapshot in its block device mappings",
        "give the mapping a device name, or remove its SnapshotId",
        [];
    LaunchSuspended = "AP-0110", "Launch or Terminate is suspended in the group",
        "resume it, or remove the opt-in tag for as long as it must stay suspended",
        [];
    TemplateShared = "AP-0111", "a group outside this bake follows the same launch template by $Latest or $Default",
        "give each group its own launch template, or opt all of them in with the same version, options and tags",
        [];
    OptionInvalid = "AP-0112", "an option tag has an invalid value",
        "correct the tag's value",
        [];
    RecordTooLarge = "AP-0113", "the group's record would not fit into a 4 KB parameter",
        "use fewer overrides, fewer scheduled actions or shorter names",
        [];
    ImageUnusable = "AP-0114", "the launch template, its version or its image does not exist or cannot be used",
        "repair the launch template: the group cannot launch an instance as it stands",
        [];
    WeightedCapacity = "AP-0115", "the group counts its capacity in weights",
        "remove the weights from the overrides: with weights, AWS cannot be asked for exactly one more instance",
        [];
    WindowsNotGeneralised = "AP-0116", "images of Windows are not generalised",
        "set the tag `:seal` to `reset`, or to `off` and prepare the guest with a document of your own",
        [];
    CapacityUnits = "AP-0117", "the group counts its capacity in vCPUs or memory",
        "let the group count instances (DesiredCapacityType `units`): AWS cannot be asked for exactly one more instance otherwise",
        [];
    PatchedElsewhere = "AP-0118", "another service or the image's own updater patches the group's instances",
        "remove the opt-in tag, and patch the group as the reason says",
        [];
    TooDeep = "AP-0119", "the image descends from too many generations of patched images",
        "rebuild: point the launch template at a new image of the vendor's, then run again",
        [];
    GroupOdd = "AP-0125", "AWS's description of the group makes no sense to this program",
        "compare the named field with what the console shows; if AWS is right, this program must learn it",
        [];
    DocumentNotAllowed = "AP-0126", "the group names a document or a parameter that is not allowed",
        "allow it where the program is set up (--allow-document, --allow-parameter; the stack's PatchDocumentArns and PatchDocumentParameters), or remove the tag",
        [];
    TemplateNotTagged = "AP-0127", "the group's launch template does not carry the opt-in tag itself",
        "tag the launch template with the command in the reason, or let runs change untagged ones (the stack's TemplatesTagged=false)",
        [];
    RunbookUnsuitable = "AP-0128", "a runbook that is to be run for the group cannot be",
        "correct the runbook as the reason says: it must assume a role that is allowed, and require no parameters of its own",
        [];
    DocumentUnsuitable = "AP-0129", "a command document that the group names cannot be sent",
        "correct the tag, or the document, as the reason says",
        [];
    // Not started.
    DoesNotFit = "AP-0201", "the group would not be restored before the window's deadline",
        "lengthen the window, shorten --cutoff, raise --max-in-flight, or move the group to an earlier wave",
        [];
    FailureBudget = "AP-0202", "too many groups had already failed",
        "look at the failed groups first, then run again for the rest",
        [];
    Stopped = "AP-0203", "the run was stopped before this group was started",
        "run again",
        [];
    Locked = "AP-0204", "another run holds the group's record",
        "wait for that run or, if it is dead, restore the group with `asg-patch restore --group NAME`",
        [];
    ChangedSincePlan = "AP-0205", "the group changed between plan and start",
        "run again",
        [];
    BakeFailed = "AP-0206", "the image that the group shares could not be made",
        "see the group that was making it in the same report",
        [];
    RingNotDone = "AP-0207", "the window that goes before has not brought this application through",
        "fix what failed in that window and run it again",
        [];
    // Failed while at work: rolled back.
    LaunchFailed = "AP-0301", "the group could not launch an instance",
        "see the launch error: the group could not have launched an instance in the morning either",
        [AfterRestore, AfterDeletion];
    NoCapacity = "AP-0302", "AWS had no capacity for the instance",
        "run again later, or allow more zones or instance types",
        [];
    LaunchTimeout = "AP-0303", "the build instance did not come into service in time",
        "look at the group's lifecycle hooks and scaling activities",
        [AfterRestore, AfterDeletion, OnConsole];
    NeverOnline = "AP-0304", "the build instance did not register with Systems Manager in time",
        "check the SSM agent, the instance profile (AmazonSSMManagedInstanceCore) and the network path to the SSM endpoints",
        [AfterDeletion, OnConsole];
    InstanceLost = "AP-0305", "the build instance was lost while the run needed it",
        "find out who terminated it (CloudTrail TerminateInstances), then run again",
        [AfterRestore, AfterDeletion];
    QuotaReached = "AP-0306", "a quota of the account forbids another instance",
        "ask Service Quotas for a higher quota, or lower --max-in-flight so that fewer groups have an instance more at once",
        [AfterRestore, AfterDeletion];
    NotReady = "AP-0307", "the first boot of the build instance failed or did not end",
        "read the end of the cloud-init log in the reason; correct the user data, or what holds the package lock",
        [AfterRestore, AfterDeletion, SpoilsBake, OnConsole];
    StandbyFailed = "AP-0308", "the build instance or the canary could not be moved to Standby",
        "look at the group's scaling activities; another actor may be changing the group",
        [AfterRestore, AfterDeletion];
    BeforeFailed = "AP-0309", "the owner's before-document failed",
        "look at the execution in Systems Manager, Automation; with the tag `:before-failure` = `go-on` the group is patched all the same",
        [];
    PatchFailed = "AP-0311", "the patch command failed",
        "read the command's output in Run Command; fix the package or the baseline, then run again",
        [AfterRestore, AfterDeletion, SpoilsBake];
    PatchUndelivered = "AP-0312", "a command did not reach the instance, or never answered",
        "check the SSM agent, and whether the guest survives a reboot",
        [AfterRestore, AfterDeletion, OnConsole];
    PatchTimeout = "AP-0313", "the patch command took too long",
        "read the command's output to see what it was waiting for",
        [SpoilsBake];
    StillMissing = "AP-0321", "after the install, patches are still missing, failed or pending a reboot",
        "see the list; fix the package source, or tolerate missing patches by tag",
        [SpoilsBake];
    ScanFailed = "AP-0322", "the scan could not determine the patch state",
        "read the command's output in Run Command",
        [SpoilsBake];
    SealFailed = "AP-0331", "the image hygiene script failed",
        "read the command's output; the script can be turned off by tag",
        [SpoilsBake];
    ImageFailed = "AP-0341", "the image could not be made",
        "see the image's state reason (KMS key, snapshot limits)",
        [AfterRestore, AfterDeletion, SpoilsBake];
    ImageTimeout = "AP-0342", "the image took too long",
        "lengthen the window, or make the volumes smaller",
        [SpoilsBake];
    ImageGone = "AP-0343", "the new image was removed during the run",
        "find out who deregistered it (CloudTrail DeregisterImage), then run again",
        [];
    Superseded = "AP-0351", "another version was deployed during the run; it stands",
        "nothing to do: the next run patches the new version",
        [AfterRestore];
    VersionRefused = "AP-0352", "AWS refused the new launch template version",
        "see the warning or error: the template contains something that AWS no longer accepts",
        [AfterRestore];
    ScaledIn = "AP-0353", "the group was scaled in during the run; the new capacity stands",
        "nothing to do: the next run patches the group",
        [AfterRestore];
    PinsRefused = "AP-0354", "AWS did not let the group name another version",
        "see the reason; if an instance refresh is in progress, wait until it has ended, then run again",
        [];
    StandbyInTheWay = "AP-0355", "the group could not grow while an instance of it was borrowed",
        "raise the group's maximum by one, so that there is room for the borrowed instance, then run again",
        [];
    CanaryNotUp = "AP-0361", "no healthy instance came up from the new version",
        "read the end of its console in the report; keep the next failed image with --keep-failed, and start an instance from it",
        [AfterRestore, AfterDeletion, DoubtsImage, OnConsole];
    CanaryNotClean = "AP-0362", "the instance from the new image is not fully patched",
        "see which patches its scan found missing; look for user data that downgrades packages",
        [DoubtsImage];
    CanaryRefused = "AP-0363", "the group could not launch an instance from the new version",
        "see the launch error (KMS key, architecture, template)",
        [AfterRestore, DoubtsImage];
    ProofFailed = "AP-0364", "the owner's proof failed on the canary",
        "read the command's output in Run Command; the document is named in the group's prove-document tag",
        [AfterRestore, AfterDeletion, DoubtsImage];
    TargetUnhealthy = "AP-0365", "no load balancer called the canary healthy in time",
        "see the load balancer's reason; look at its health check, the security groups and the application's log",
        [AfterRestore, AfterDeletion, DoubtsImage];
    AfterFailed = "AP-0366", "the owner's after-document failed",
        "look at the execution in Systems Manager, Automation; with the tag `:after-failure` = `keep` the new version stays",
        [AfterDeletion];
    SiblingFailed = "AP-0371", "a group that follows the same template by $Latest or $Default failed",
        "see that group in the same report: either all of them take the version or none does",
        [];
    OutOfTime = "AP-0391", "the window was about to end",
        "lengthen the window",
        [];
    Interrupted = "AP-0392", "the operator stopped the run",
        "run again",
        [];
    // AWS refused or did not answer.
    AccessDenied = "AP-0401", "a permission is missing",
        "allow the role that runs asg-patch the action that the reason names",
        [];
    AwsError = "AP-0402", "AWS refused a call",
        "see the error code in the reason",
        [AfterRestore, AfterDeletion];
    AwsUnreachable = "AP-0403", "AWS did not answer for too long",
        "run again; look at the AWS Health Dashboard",
        [];
    CredentialsExpired = "AP-0404", "the credentials expired and were not renewed",
        "renew them (`aws sso login`, or a longer role session), then run again",
        [];
    // Others changed the group itself.
    Vanished = "AP-0501", "the group was deleted during the run",
        "nothing to do if the deletion is intended",
        [];
    OptedOut = "AP-0502", "the opt-in tag was removed during the run",
        "nothing to do if the removal is intended",
        [];
    DeletionBegan = "AP-0503", "the group's deletion began during the run",
        "nothing to do if the deletion is intended",
        [AfterDeletion];
    RecordLost = "AP-0504", "the group's record was deleted during the run",
        "leave records to asg-patch: without them, a group cannot be restored after a crash",
        [];
    RestoredMeanwhile = "AP-0505", "the group was restored by someone else during the run",
        "take a group from a run with `asg-patch restore --force` only if that run is dead; then run again",
        [];
    TakenOver = "AP-0506", "another run owns the group now",
        "nothing to do: that run restores the group; see its report",
        [];
    // Restore.
    LeftOpen = "AP-0601", "the group is not restored yet",
        "run `asg-patch restore`: the record stays until the group is restored",
        [];
    RestoredFromRecord = "AP-0602", "restored from its record after its run had died",
        "run again",
        [];
    RecordUnreadable = "AP-0603", "this version cannot read the record",
        "restore the group by hand from the record's text, then delete the parameter",
        [];
    StillOwned = "AP-0604", "the record belongs to a run that may still be alive",
        "stop the run if it is alive; if it is dead, restore the group with `asg-patch restore --group NAME` (`--force` only if that cannot be seen from here)",
        [];
    NotOurs = "AP-0605", "a record, a claim or a task does not come from this program",
        "find out who wrote it; restore the group by hand if it is changed; then delete the parameter",
        [];
    // Scan only.
    PatchesMissing = "AP-0701", "patches are missing (scan only)",
        "run with --operation Install",
        [SpoilsBake];
    // The run itself: refused before any group was touched, but for AP-0804.
    EventMalformed = "AP-0801", "the event cannot be understood",
        "correct the input as the reason says; `{}` starts a run with the stack's settings",
        [];
    WindowOver = "AP-0802", "the window is already over",
        "start a run by hand to catch up on the missed run; find out why the event came so late",
        [];
    NotOptedIn = "AP-0803", "a named group does not exist or did not opt in",
        "correct the name, or tag the group",
        [];
    OtherVersion = "AP-0804", "the state of the run was written by another version of the program",
        "nothing to do: its groups are being restored; then run again",
        [];
    NotPlanned = "AP-0805", "the run could not be planned",
        "fix what the reason names, then run again",
        [];
    DocumentsMissing = "AP-0806", "the command documents that runs send are missing or have another content",
        "create them with `asg-patch documents --create`, or deploy the stack again",
        [];
    NoticeNotSent = "AP-0807", "the window demands notices, and one was not sent",
        "find out with `asg-patch notify --test` why the channel takes nothing, then run again by hand",
        [];
    Frozen = "AP-0808", "a freeze lies over the window",
        "nothing, if the freeze is meant; the next window after it patches again",
        [];
    SettingsUnusable = "AP-0809", "the stack's file of settings cannot be used",
        "store it anew with `asg-patch config push`",
        [];
    NotApproved = "AP-0810", "the run was not approved",
        "nothing, if that is meant; else start it by hand, or approve its next opening in time",
        [];
    NotDecided = "AP-0811", "an approval was not taken",
        "correct what the reason names, and approve again",
        [];
}

impl Code {
    /// Whether AWS refused a call or did not answer, whatever the group is like.
    pub fn is_of_aws(self) -> bool {
        self.as_str().starts_with("AP-04")
    }
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
    /// The event, in a sentence that reads alone.
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
