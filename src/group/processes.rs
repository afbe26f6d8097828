//! The scaling processes that a run suspends.

/// The processes that are suspended while a group is ours. Never Launch, which is needed, nor Terminate,
/// which would block the restore.
pub const GUARDED_PROCESSES: [&str; 6] = [
    "AZRebalance",
    "AlarmNotification",
    "HealthCheck",
    "InstanceRefresh",
    "ReplaceUnhealthy",
    "ScheduledActions",
];

/// Suspended only where there is a load balancer, and let go again when the canary is to register.
pub const LOAD_BALANCER: &str = "AddToLoadBalancer";
