//! The scaling processes that a launch suspends.

use std::collections::BTreeSet;

use super::record::Record;
use super::seen::GroupSeen;

/// The processes that may be suspended while the group launches an instance for us. Never Launch, which is
/// needed, nor Terminate, which would block the restore.
pub const GUARDED_PROCESSES: [&str; 5] = [
    "AZRebalance",
    ALARMS,
    "InstanceRefresh",
    "ReplaceUnhealthy",
    SCHEDULE,
];

/// Suspended only where there is a load balancer: it must not send traffic to our instance. What is launched
/// while it is suspended is never registered, so it is resumed before anything else.
pub const LOAD_BALANCER: &str = "AddToLoadBalancer";

/// Resumed last: actions that fall due then run by themselves again.
pub const SCHEDULE: &str = "ScheduledActions";

const ALARMS: &str = "AlarmNotification";

/// The processes that could disturb a launch in this group, out of those that the record lists: none in a group
/// that sleeps without a load balancer and has no scheduled action due.
pub fn disturbing(record: &Record, group: &GroupSeen, action_is_due: bool) -> BTreeSet<String> {
    let is_live = group.members.values().any(|m| m.counted());
    let has_load_balancer = record.guarded.contains(LOAD_BALANCER);
    let disturbs = |process: &str| match process {
        SCHEDULE => action_is_due,
        LOAD_BALANCER => has_load_balancer,
        // An instance that an alarm asks for meanwhile would not be registered.
        ALARMS => is_live || has_load_balancer,
        _ => is_live,
    };
    let guarded = record.guarded.iter();
    guarded
        .filter(|p| disturbs(p) && !group.suspended.contains(*p))
        .cloned()
        .collect()
}
