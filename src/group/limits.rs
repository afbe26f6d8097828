//! How long things take and how long they may take.
//!
//! Expected times are planning values for the first look and for admission; the limits end a wait.
//! All durations are in seconds.

/// First look at a launch: pending to InService takes 0.5 to 2 min (aws: 5-18 s to running).
pub const LAUNCH_FIRST_LOOK_SECONDS: i64 = 40;
/// A launch that was asked for is seen in the group within seconds; a minute is ample.
pub const LAUNCH_SHOWS_SECONDS: i64 = 60;
/// A launch until InService and SSM Online: 15 min, Windows and slow boots included. Launch hooks'
/// timeouts come on top.
pub const WAKE_LIMIT_SECONDS: i64 = 15 * 60;
/// Windows boots (sysprep, reboot) and registers in minutes: 10 min more.
pub const WINDOWS_EXTRA_SECONDS: i64 = 10 * 60;
/// Scaling activities are read only when a launch takes longer than most: a read per group.
pub const ACTIVITIES_AFTER_SECONDS: i64 = 75;

/// Typical Install with its reboot on Linux; Windows takes 15 to 90 min.
pub const INSTALL_EXPECTED_SECONDS: i64 = 240;
/// As above, Windows.
pub const WINDOWS_INSTALL_EXPECTED_SECONDS: i64 = 30 * 60;
/// Typical Install, by platform.
pub const fn install_expected_seconds(windows: bool) -> i64 {
    if windows {
        WINDOWS_INSTALL_EXPECTED_SECONDS
    } else {
        INSTALL_EXPECTED_SECONDS
    }
}
/// The document's own limit per step (`StepTimeoutSeconds`): 2 h, the longest Windows installs seen.
pub const INSTALL_STEP_LIMIT_SECONDS: i64 = 2 * 60 * 60;
/// What a command may take beyond its step's limit for delivery and reboots.
pub const COMMAND_GRACE_SECONDS: i64 = 15 * 60;
/// Delivery limit of a command (`TimeoutSeconds`): an agent that was Online minutes ago answers in
/// seconds; 10 min cover a reboot.
pub const DELIVERY_LIMIT_SECONDS: i64 = 10 * 60;
/// Agents ping every 5 min and say so at their start: after 20 min of silence a reboot has gone wrong.
pub const AGENT_SILENT_SECONDS: i64 = 20 * 60;
/// Windows configures updates between shutdown and start: an hour is seen.
pub const WINDOWS_AGENT_SILENT_SECONDS: i64 = 60 * 60;
/// A Scan: 10 s to 2 min.
pub const SCAN_EXPECTED_SECONDS: i64 = 25;
/// A Scan that takes longer than 20 min hangs.
pub const SCAN_LIMIT_SECONDS: i64 = 20 * 60;
/// The hygiene script: seconds.
pub const SEAL_EXPECTED_SECONDS: i64 = 10;
/// The hygiene script deletes files; 10 min is far beyond.
pub const SEAL_LIMIT_SECONDS: i64 = 10 * 60;

/// Images: minutes; changed blocks decide.
pub const IMAGE_EXPECTED_SECONDS: i64 = 240;
/// AWS's own waiter gives up after 10 min, which is too short; 90 min covers large volumes.
pub const IMAGE_LIMIT_SECONDS: i64 = 90 * 60;

/// A canary: launch, status checks (2-5 min), SSM, scan.
pub const CANARY_EXPECTED_SECONDS: i64 = 240;
/// As for waking, and the status checks.
pub const CANARY_LIMIT_SECONDS: i64 = 15 * 60;

/// Terminating takes about 22 s; load balancers drain 300 s; hooks come on top.
pub const TERMINATE_FIRST_LOOK_SECONDS: i64 = 40;
/// The restore's expected time.
pub const RESTORE_EXPECTED_SECONDS: i64 = 120;
/// Held back before the deadline for roll-back and restore, and spent on nothing else.
pub const RESERVE_SECONDS: i64 = 20 * 60;

/// With `--at-deadline finish`, a group that was started may go on so long past the deadline, the reserve
/// included: one phase that takes as long as its own limit lets it (the longest is an install, 2 h and
/// some minutes, of which the window had its part) still comes to its end; more than that is no
/// finishing but hanging, and is rolled back.
pub const OVERRUN_LIMIT_SECONDS: i64 = 2 * 60 * 60;

/// Something just created may be unknown to reads for this long (EC2: "seconds", waiters allow 5 min).
pub const VISIBILITY_LIMIT_SECONDS: i64 = 5 * 60;
/// A driver that takes over a job gives the last effect of the one before this long to show.
pub const SETTLE_SECONDS: i64 = 30;
/// A fault that time helps against is given this long before it fails the group.
pub const FAULT_LIMIT_SECONDS: i64 = 10 * 60;
/// A refusal for want of a permission is believed after this long: IAM is eventually consistent, and
/// a change reaches all its endpoints within about a minute.
pub const DENIED_LIMIT_SECONDS: i64 = 2 * 60;
/// Before anything is touched, a fault that time helps against is waited out this long: longer than a
/// passing one lasts, and short enough for somebody who waits for the answer.
pub const PLAN_FAULT_LIMIT_SECONDS: i64 = 3 * 60;
/// First pause after a throttle, a contention or no answer; it doubles up to [`FAULT_PAUSE_MAX_SECONDS`].
pub const FAULT_PAUSE_SECONDS: i64 = 10;
/// Longest pause between repetitions.
pub const FAULT_PAUSE_MAX_SECONDS: i64 = 120;

/// Shortest pause between two looks at the same thing.
pub const LOOK_MIN_SECONDS: i64 = 15;
/// Longest pause between two looks at the same thing.
pub const LOOK_MAX_SECONDS: i64 = 60;
