//! How long things take and how long they may take, each with the argument for its size.
//!
//! `EXPECTED_*` and `*_FIRST_LOOK` are planning values, for the first look and for admission; `*_LIMIT` ends
//! a wait; `*_PAUSE` lies between two looks.

use chrono::TimeDelta;

/// First look at a launch: pending to InService takes 0.5 to 2 min (aws: 5-18 s to running).
pub const LAUNCH_FIRST_LOOK: TimeDelta = TimeDelta::seconds(40);
/// A launch that was asked for appears in the group within seconds; a minute is ample.
pub const LAUNCH_SHOWS_LIMIT: TimeDelta = TimeDelta::minutes(1);
/// A launch that was asked for shows in the group within seconds; the first look may tag it and name the old
/// version again.
pub const LAUNCH_SHOWS_PAUSE: TimeDelta = TimeDelta::seconds(10);
/// A launch until InService: 15 min, for groups that try again after a failure. Launch hooks come on top.
pub const LAUNCH_LIMIT: TimeDelta = TimeDelta::minutes(15);
/// A move to Standby takes seconds, with a load balancer's draining 5 min by default and an hour at most; our
/// instance is registered with none.
pub const STANDBY_LIMIT: TimeDelta = TimeDelta::minutes(10);
/// A group that wants more instances than it has, and whose maximum has no room for a borrowed one, launches within
/// a minute or two if Standby does not count; after 3 min the borrowed one goes.
pub const CROWDED_LIMIT: TimeDelta = TimeDelta::minutes(3);
/// To Standby, the capacity and the processes back, and read back: a few looks.
pub const EXPECTED_RETURN: TimeDelta = TimeDelta::seconds(15);
/// A move to Standby that a group does not show after this long is asked for again.
pub const STANDBY_AGAIN_AFTER: TimeDelta = TimeDelta::minutes(1);
/// An instance registers with SSM 20 to 60 s after its launch: before, nobody asks.
pub const ONLINE_EARLIEST: TimeDelta = TimeDelta::seconds(20);
/// The first look at that which was not there at once, counted from the launch.
pub const ONLINE_FIRST_LOOK: TimeDelta = TimeDelta::seconds(45);
/// From Standby until SSM Online: 15 min, slow boots included.
pub const ONLINE_LIMIT: TimeDelta = TimeDelta::minutes(15);
/// First boot, with user data: mostly seconds after the agent is online.
pub const EXPECTED_READY: TimeDelta = TimeDelta::seconds(15);
/// The readiness script gives up by itself after 20 min: user data that installs much takes 10 to 20.
pub const READY_LIMIT: TimeDelta = TimeDelta::minutes(22);
/// Installs in a row: Windows often needs two, the third is for a cause that passes.
pub const INSTALL_PASSES: u8 = 3;
/// AWS's `Date` header and many of its times have whole seconds: so much is allowed when they meet ours.
pub const CLOCK_GRAIN: TimeDelta = TimeDelta::seconds(2);
/// A capacity that was asked for and does not show after this long was set back by someone.
pub const CHANGE_SHOWS_LIMIT: TimeDelta = TimeDelta::seconds(20);
/// Windows boots (sysprep, reboot) and registers in minutes: 10 min more.
pub const WINDOWS_EXTRA: TimeDelta = TimeDelta::minutes(10);
/// Scheduled actions that fall due until this long after the deadline are remembered: far longer than a restore
/// ever has to catch up on.
pub const ACTIONS_AFTER_DEADLINE: TimeDelta = TimeDelta::days(1);
/// A launch that a quota forbids is tried again this long, by the group: instances of other groups end meanwhile, ours
/// among them. A quota does not rise by itself, so that more would only hold the group up.
pub const QUOTA_LIMIT: TimeDelta = TimeDelta::minutes(4);
/// The most that launch hooks are planned with, where an earlier run measured how long they take: twice their default
/// time-out. They are read, and waited for, only where they hold up an instance of ours.
pub const HOOKS_MAX: TimeDelta = TimeDelta::hours(2);
/// Scaling activities cost a read per group: they are read only when a launch takes longer than most.
pub const ACTIVITIES_AFTER: TimeDelta = TimeDelta::seconds(75);

/// Typical Install on Linux, with its reboot.
pub const EXPECTED_INSTALL: TimeDelta = TimeDelta::minutes(4);
/// Typical Install on Windows: 15 to 90 min.
pub const EXPECTED_WINDOWS_INSTALL: TimeDelta = TimeDelta::minutes(30);
/// Typical Install, by platform.
pub const fn expected_install(windows: bool) -> TimeDelta {
    if windows {
        EXPECTED_WINDOWS_INSTALL
    } else {
        EXPECTED_INSTALL
    }
}
/// First look at an Install: on Linux most take minutes, on Windows the shortest a quarter of an hour.
pub const fn first_look_at_install(windows: bool) -> TimeDelta {
    if windows {
        TimeDelta::minutes(15)
    } else {
        TimeDelta::minutes(3)
    }
}
/// The document's own limit per step (`StepTimeoutSeconds`): 2 h, the longest Windows installs seen.
pub const INSTALL_STEP_LIMIT: TimeDelta = TimeDelta::hours(2);
/// The time that a command may take beyond its step's limit, for delivery and reboots.
pub const COMMAND_GRACE: TimeDelta = TimeDelta::minutes(15);
/// Delivery limit of a command (`TimeoutSeconds`): an agent that was Online minutes ago answers in
/// seconds; 10 min cover a reboot.
pub const DELIVERY_LIMIT: TimeDelta = TimeDelta::minutes(10);
/// Agents ping every 5 min and at their start: after 20 min of silence a reboot has gone wrong.
pub const AGENT_SILENCE_LIMIT: TimeDelta = TimeDelta::minutes(20);
/// Windows configures updates between shutdown and start: an hour has been seen.
pub const WINDOWS_AGENT_SILENCE_LIMIT: TimeDelta = TimeDelta::hours(1);
/// A Scan: 10 s to 2 min.
pub const EXPECTED_SCAN: TimeDelta = TimeDelta::seconds(25);
/// A Scan that takes longer than 20 min hangs.
pub const SCAN_LIMIT: TimeDelta = TimeDelta::minutes(20);
/// The image hygiene script: seconds.
pub const EXPECTED_SEAL: TimeDelta = TimeDelta::seconds(10);
/// The image hygiene script deletes files; 10 min is far beyond.
pub const SEAL_LIMIT: TimeDelta = TimeDelta::minutes(10);

/// Images: minutes; changed blocks decide.
pub const EXPECTED_IMAGE: TimeDelta = TimeDelta::minutes(4);
/// First look at an image.
pub const IMAGE_FIRST_LOOK: TimeDelta = TimeDelta::minutes(3);
/// AWS's own waiter gives up after 10 min, which is too short; 90 min cover large volumes.
pub const IMAGE_LIMIT: TimeDelta = TimeDelta::minutes(90);

/// Status checks pass 2 to 5 min after the launch.
pub const EXPECTED_CHECKS: TimeDelta = TimeDelta::seconds(150);
/// A canary on Standby: SSM, first boot, scan, status checks.
pub const EXPECTED_CANARY: TimeDelta = TimeDelta::minutes(3);
/// From Standby until SSM and the status checks agree.
pub const CANARY_LIMIT: TimeDelta = TimeDelta::minutes(15);
/// The owner's proof on the canary: a smoke test takes seconds to minutes.
pub const EXPECTED_PROOF: TimeDelta = TimeDelta::minutes(1);
/// A proof that takes longer than 30 min hangs: what is proved is a start, not a load test.
pub const PROOF_LIMIT: TimeDelta = TimeDelta::minutes(30);
/// An owner's runbook: it tells someone, drains or checks, which takes a minute or two.
pub const EXPECTED_AUTOMATION: TimeDelta = TimeDelta::minutes(2);
/// A runbook that takes longer than an hour hangs, or waits for a person who does not come: it is stopped. The window's
/// last turn mostly comes before.
pub const AUTOMATION_LIMIT: TimeDelta = TimeDelta::hours(1);
/// An execution that was started is listed within seconds; a start without an answer is looked for this long before it is
/// tried again.
pub const AUTOMATION_SHOWS_LIMIT: TimeDelta = TimeDelta::minutes(1);
/// A stopped execution ends once the step that it is at has ended: mostly within seconds. A restore waits no longer for it.
pub const AUTOMATION_STOP_LIMIT: TimeDelta = TimeDelta::minutes(2);
/// A target group's first health checks: two at intervals of 10 to 30 s (ELB, "Health checks": defaults).
pub const EXPECTED_HEALTHY: TimeDelta = TimeDelta::minutes(1);
/// From its registration until every target group and Classic Load Balancer calls the canary healthy: ten times what is usual.
pub const HEALTH_LIMIT: TimeDelta = TimeDelta::minutes(10);
/// Connections to a deregistered target end within 300 s by default (ELB, "Deregistration delay"); where the owner
/// allows an hour, those that are left after this long are cut by the termination.
pub const DRAIN_LIMIT: TimeDelta = TimeDelta::seconds(305);

/// Terminating takes about 22 s; load balancers drain 300 s; hooks come on top.
pub const TERMINATE_FIRST_LOOK: TimeDelta = TimeDelta::seconds(40);
/// A termination that a group does not show after this long is asked for again: the group shows
/// `Terminating` within seconds.
pub const TERMINATE_AGAIN_AFTER: TimeDelta = TimeDelta::minutes(1);
/// A restore, from its first call to the deleted record.
pub const EXPECTED_RESTORE: TimeDelta = TimeDelta::minutes(2);
/// Kept before the deadline for roll-back and restore, and spent on nothing else.
pub const RESERVE: TimeDelta = TimeDelta::minutes(20);

/// Something just created may be unknown to reads for this long (EC2: "seconds"; waiters allow 5 min).
pub const VISIBILITY_LIMIT: TimeDelta = TimeDelta::minutes(5);
/// A driver that takes over a job gives the last effect of the one before this long to show.
pub const SETTLE: TimeDelta = TimeDelta::seconds(30);
/// A fault that time helps against is given this long before it fails the group.
pub const FAULT_LIMIT: TimeDelta = TimeDelta::minutes(10);
/// A reached limit of the account (snapshots under way, vCPUs) is waited out for as long as a window may last: what
/// is lost with the group is an hour's work, and the window's deadline ends the wait in any case.
pub const EXHAUSTED_LIMIT: TimeDelta = TimeDelta::hours(12);
/// A refusal for want of a permission is believed after this long: IAM is eventually consistent, and
/// a change reaches all its endpoints within about a minute.
pub const DENIED_LIMIT: TimeDelta = TimeDelta::minutes(2);
/// Before anything is touched, a fault that time helps against is waited out this long: longer than a
/// passing one lasts, and short enough for a person who waits for the answer.
pub const PLAN_FAULT_LIMIT: TimeDelta = TimeDelta::minutes(3);
/// First pause after a throttle, a contention or no answer; it doubles up to [`FAULT_PAUSE_MAX`].
pub const FAULT_PAUSE: TimeDelta = TimeDelta::seconds(10);
/// Longest pause between repetitions.
pub const FAULT_PAUSE_MAX: TimeDelta = TimeDelta::minutes(2);

/// Shortest pause between two looks at the same thing.
pub const LOOK_MIN: TimeDelta = TimeDelta::seconds(15);
/// From this number of jobs in flight on, their looks are mostly made together.
pub const MANY_PEERS: usize = 16;
/// Among many jobs, the pause between two looks at the same thing is this, divided by their number: so much of a look's calls
/// falls to each of them.
pub const LOOK_SHARED: TimeDelta = TimeDelta::seconds(600);
/// Shortest pause between two looks at the same thing, among many jobs.
pub const LOOK_TOGETHER_MIN: TimeDelta = TimeDelta::seconds(4);
/// Among very many, the pause grows by this for each: so that the pages that are read in a second stay few.
pub const LOOK_PER_PEER: TimeDelta = TimeDelta::milliseconds(20);
/// A record that was read this long ago still counts as ours, and a group as it was seen.
pub const SEEN_HOLDS: TimeDelta = TimeDelta::seconds(15);
/// Effects on our own instance go by a look at the group that is not older than this, and a command or an image that takes
/// longer is looked at together with its group: most are done by then.
pub const LOOK_WIDER_AFTER: TimeDelta = TimeDelta::minutes(4);
/// Longest pause between two looks at the same thing.
pub const LOOK_MAX: TimeDelta = TimeDelta::seconds(60);
/// A look that was not meant to come yet: another read is missing, and is made at once.
pub const NO_PAUSE: TimeDelta = TimeDelta::zero();
/// Until a change that AWS has accepted shows in reads: mostly at once, else within seconds.
pub const CHANGE_SHOWS_PAUSE: TimeDelta = TimeDelta::seconds(5);
/// Until a parameter, a group's pins or that an instance leaves it, read back by name, show: Parameter Store and Auto
/// Scaling are the quickest of all.
pub const RECORD_SHOWS_PAUSE: TimeDelta = TimeDelta::seconds(3);
/// Until a command that was sent is listed.
pub const COMMAND_SHOWS_PAUSE: TimeDelta = TimeDelta::seconds(2);
/// Until an image whose creation was accepted is listed.
pub const IMAGE_SHOWS_PAUSE: TimeDelta = TimeDelta::seconds(10);

/// A length of time in whole seconds: AWS's own times have no finer grain, and looks are planned by them.
pub fn whole_seconds(time: TimeDelta) -> TimeDelta {
    TimeDelta::seconds(time.num_seconds())
}
