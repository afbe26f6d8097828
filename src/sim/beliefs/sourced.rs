//! The beliefs that are written down somewhere. Some have a contrary, which no random run draws: with it a
//! test sees that a check of the belief notices it.

use super::{Row, Source};

macro_rules! sourced {
    (@variants) => { &[] };
    (@variants $contrary:literal) => {
        &[("holds", "As it is written."), ("contrary", $contrary)]
    };
    ($(
        $id:literal $( as $flip:ident )?: $sentence:literal, $source:literal $(, $contrary:literal )?;
    )+) => {
        /// A sourced belief that an account can deny.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Flip {
            $( $( #[doc = $contrary] $flip, )? )+
        }

        impl Flip {
            /// All of them with their beliefs' names, in the table's order.
            pub const ALL: &[(&str, Self)] = &[ $( $( ($id, Self::$flip), )? )+ ];
        }

        /// The rows of the sourced beliefs.
        pub const SOURCED: &[Row] = &[ $( Row {
            id: $id,
            sentence: $sentence,
            source: Source::Said($source),
            variants: sourced!(@variants $( $contrary )?),
        }, )+ ];
    };
}

sourced! {
    "standby-enter-in-service" as StandbyEnterInService: "Only an instance that is InService can enter Standby.",
        "EnterStandby's ValidationError, aws-codedeploy-samples#50", "A member in any state enters.";
    "standby-decrement" as StandbyDecrement: "EnterStandby with a decrement lowers the desired capacity, which must stay at or above the minimum; without, a replacement is launched.",
        "Auto Scaling User Guide, temporarily remove instances", "The desired capacity stays in any case.";
    "standby-exit-increments" as StandbyExitIncrements: "ExitStandby always raises the desired capacity.",
        "Auto Scaling User Guide, temporarily remove instances", "The desired capacity stays.";
    "standby-not-scaled-in" as StandbyNotScaledIn: "Setting all capacities to zero leaves instances on Standby alone.",
        "ansible-modules-core#4383", "A desired capacity of 0 terminates them.";
    "standby-sizes-accepted" as StandbySizesAccepted: "A maximum below the desired capacity and the Standby instances together is accepted.",
        "ansible-modules-core#4383", "It is refused with ValidationError.";
    "standby-no-health-checks": "An instance on Standby is not health-checked and may reboot.",
        "Auto Scaling User Guide, temporarily remove instances; suspend-resume considerations";
    "standby-no-hooks": "Lifecycle hooks do not fire when an instance enters or leaves Standby.",
        "Auto Scaling User Guide, lifecycle hooks";
    "standby-leaves-load-balancer": "An instance that enters Standby is deregistered and drained (300 s by default) first.",
        "Auto Scaling User Guide, temporarily remove instances";
    "standby-termination-no-replacement" as StandbyTerminationNoReplacement: "An instance on Standby that is terminated through its group has no replacement.",
        "keikoproj/upgrade-manager, which terminates so with ShouldDecrementDesiredCapacity=false", "The group launches a successor.";
    "standby-termination-during-move" as StandbyTerminationDuringMove: "Terminating an instance that is EnteringStandby answers ScalingActivityInProgress.",
        "keikoproj/upgrade-manager#77", "It is terminated.";
    "standby-blocks-deletion" as StandbyBlocksDeletion: "A group with an instance on Standby is not deleted without force.",
        "DeleteAutoScalingGroup, ResourceInUse", "It is deleted, the instance with it.";
    "standby-stays": "Nobody but its owner ends an instance on Standby; it is billed until then.",
        "keikoproj/upgrade-manager#324";
    "protected-outlives-desired" as ProtectedOutlivesDesired: "A protected instance stays InService at a desired capacity below it.",
        "Auto Scaling User Guide, instance scale-in protection", "It is terminated.";
    "victim-choice": "On scale-in AWS chooses by zone balance, then the oldest launch template version, then the next billing hour.",
        "Auto Scaling User Guide, default termination policy";
    "suspended-terminate-holds-in-service": "Suspending Terminate holds instances that are InService, and no others.",
        "Auto Scaling User Guide, considerations of suspending processes";
    "load-balancer-not-later": "An instance launched while AddToLoadBalancer is suspended is not registered later.",
        "Auto Scaling User Guide, suspend and resume processes";
    "classic-drains-in-service": "A Classic Load Balancer calls an instance InService while it drains: only the description tells.",
        "recorded answers in saltstack/salt#43435";
    "classic-never-registered": "A Classic Load Balancer answers InvalidInstance about an instance that was never registered with it.",
        "recorded answers in boto/boto#2274 and boto/boto#2576, of DeregisterInstancesFromLoadBalancer";
    "suspended-schedule-loses-actions" as SuspendedScheduleLosesActions: "A scheduled action that falls due while ScheduledActions is suspended is lost.",
        "Auto Scaling User Guide, understand how suspending processes affects other processes", "It runs when the process is resumed.";
    "empty-list-means-all" as EmptyListMeansAll: "SuspendProcesses and ResumeProcesses without a list mean all processes.",
        "SuspendProcesses, ScalingProcesses", "It means none.";
    "bounds-pull-desired" as BoundsPullDesired: "A new minimum or maximum without a desired capacity pulls the desired capacity along.",
        "UpdateAutoScalingGroup, MinSize and MaxSize", "Such bounds are refused with ValidationError.";
    "desired-outside-bounds" as DesiredOutsideBounds: "A desired capacity outside the resulting bounds answers ValidationError, and nothing is changed.",
        "UpdateAutoScalingGroup; banzaicloud/pipeline#3017", "It is accepted as the nearer bound.";
    "terminate-without-decrement" as TerminateWithoutDecrement: "TerminateInstanceInAutoScalingGroup without a decrement has the group launch a successor.",
        "TerminateInstanceInAutoScalingGroup, ShouldDecrementDesiredCapacity", "The desired capacity goes down.";
    "member-names-its-version" as MemberNamesItsVersion: "A member names the number of the template version that it was launched from, also where its group says $Latest.",
        "DescribeAutoScalingGroups, Instances, LaunchTemplate", "It names what its group names.";
    "failed-launch-says-why": "A launch that failed is an activity with the status Failed or Cancelled and the reason in StatusMessage.",
        "Auto Scaling User Guide, troubleshooting";
    "refresh-blocks-launch-source": "An active instance refresh with a desired configuration forbids a change of the launch source.",
        "Auto Scaling User Guide, instance refresh";
    "latest-deploys-at-creation" as LatestDeploysAtCreation: "A new template version reaches groups that follow $Latest by being made.",
        "Auto Scaling, LaunchTemplateSpecification", "$Latest goes on to mean the default version.";
    "no-version-means-default" as NoVersionMeansDefault: "A group that names no version follows the default version.",
        "Auto Scaling, LaunchTemplateSpecification", "It follows the latest version.";
    "default-is-not-deleted" as DefaultIsNotDeleted: "The default version of a template cannot be deleted.",
        "DeleteLaunchTemplateVersions", "It is deleted.";
    "source-version-snapshots" as SourceVersionSnapshots: "Snapshots in the block device mappings of a source version are not inherited.",
        "EC2 User Guide, launch template restrictions", "They are inherited.";
    "token-makes-once" as TokenMakesOnce: "The same client token makes a template version once; with other parameters it is refused.",
        "EC2 Developer Guide, idempotency", "It makes another version.";
    "image-without-token" as ImageWithoutToken: "CreateImage has no client token; a name that is taken answers InvalidAMIName.Duplicate.",
        "EC2 Developer Guide, idempotency", "A taken name is accepted.";
    "image-reboots": "CreateImage reboots the guest unless NoReboot is true.",
        "CreateImage, NoReboot";
    "image-of-every-volume" as ImageOfEveryVolume: "CreateImage makes a snapshot of every attached volume that NoDevice does not name.",
        "CreateImage, BlockDeviceMappings", "Of the root volume alone.";
    "image-needs-its-source": "A pending image fails when its source instance is terminated.",
        "StateReason, Client.InstanceTerminated";
    "root-snapshot-is-the-images": "A launch that names another snapshot for the root device is refused.",
        "RunInstances, InvalidBlockDeviceMapping";
    "image-keeps-its-name": "The name of an image cannot be changed, nor the description of a snapshot.",
        "ModifyImageAttribute and ModifySnapshotAttribute, Attribute";
    "image-shows-its-source": "An image of CreateImage shows its SourceInstanceId; its snapshots are described as Created by CreateImage(INSTANCE) for IMAGE.",
        "DescribeImages, SourceInstanceId; EC2 User Guide, deregister an AMI";
    "image-deprecated-works": "A deprecated image can be launched from as before, and its owner sees it without asking for deprecated ones.",
        "EC2 User Guide, deprecate an AMI; DescribeImages, IncludeDeprecated";
    "snapshot-in-use-stays": "A snapshot of an image that is registered is not deleted.",
        "DeleteSnapshot, InvalidSnapshot.InUse";
    "parameter-made-once" as ParameterMadeOnce: "PutParameter with Overwrite=false makes a parameter or answers ParameterAlreadyExists: one of two callers wins.",
        "PutParameter, Overwrite", "The second value replaces the first.";
    "schedule-at-skipped-time": "A schedule does not fire at a local time that the clock skips, and once, the first time, at one that comes twice.",
        "EventBridge Scheduler User Guide, schedule types, daylight saving time";
    "window-offset-waits": "A maintenance window that is made between its cron day and its offset day first opens a period later.",
        "Systems Manager User Guide, reference: cron and rate expressions, schedule offset";
    "window-shows-next-opening": "DescribeMaintenanceWindows shows the next opening, also of rate(...): ISO 8601 with an offset, the seconds left out at times.",
        "Systems Manager User Guide, tutorials with the AWS CLI; AWS CLI reference, get-maintenance-window";
    "command-without-token": "SendCommand has no client token: sent twice, it runs twice.",
        "SendCommand";
    "command-of-platform": "A command is refused for a node whose platform is none of its document's.",
        "SendCommand, UnsupportedPlatformType; DocumentDescription, PlatformTypes";
    "parameter-without-default": "A command must give each parameter of its document for which DescribeDocument shows no default.",
        "DocumentParameter, DefaultValue";
    "automation-found-by-tag": "An automation that was started with a tag is listed by the key of that tag.",
        "StartAutomationExecution, Tags; AutomationExecutionFilter, Key, TagKey";
    "automation-names-its-starter": "An execution names the ARN of who started it.",
        "AutomationExecution, ExecutedBy";
    "online-is-stale": "A node is called Online for minutes after its last heartbeat.",
        "DescribeInstanceInformation, PingStatus";
    "first-boot-not-resumed": "User data runs once for an instance and is not resumed after a reboot in its middle.",
        "cloud-init documentation, boot stages; EC2 User Guide, user data";
    "first-boot-has-a-status": "cloud-init status --wait waits for the end of first boot and says error if it failed.",
        "cloud-init documentation, status";
    "lock-at-boot": "unattended-upgrades holds the package lock of Debian and Ubuntu for a while after a boot.",
        "Ubuntu Server documentation, automatic updates";
    "unapproved-is-other": "A patch that the baseline does not approve is InstalledOther once it is installed.",
        "Systems Manager User Guide, patch compliance states";
    "no-reboot-pends": "A patch installed with RebootOption=NoReboot is InstalledPendingReboot until the guest reboots.",
        "Systems Manager User Guide, patch compliance states";
}
