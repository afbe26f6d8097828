//! AWS's request limits: which operations share a token bucket, its size, and how fast it is refilled.

use chrono::TimeDelta;

/// A token bucket's limits, for a whole account and region.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Limits {
    /// Its size, calls.
    pub size: f64,
    /// Its refill, calls per second.
    pub per_second: f64,
}

impl Limits {
    const fn new(size: f64, per_second: f64) -> Self {
        Self { size, per_second }
    }

    /// Calls that may come at once for a share of the limits.
    pub(super) fn burst(&self, share: f64) -> f64 {
        (self.size * share).max(1.0)
    }
}

/// The bucket of `service:Operation`. EC2's limits are those of the EC2 Developer Guide ("Request throttling"),
/// Parameter Store's those of the General Reference; Auto Scaling, Elastic Load Balancing and the rest of Systems
/// Manager publish none: cautious ones stand here, and throttles slow them down further.
pub(super) fn bucket_of(operation: &str) -> (&str, Limits) {
    let (service, name) = operation.split_once(':').unwrap_or(("", operation));
    let reads = ["Describe", "Get", "List"]
        .iter()
        .any(|verb| name.starts_with(verb));
    match (service, name) {
        ("autoscaling", _) if reads => ("autoscaling reads", Limits::new(100.0, 10.0)),
        ("autoscaling", _) => ("autoscaling changes", Limits::new(100.0, 10.0)),
        ("ec2", _) if reads => (operation, Limits::new(100.0, 20.0)),
        ("ec2", "CreateTags" | "DeleteTags") => (operation, Limits::new(100.0, 10.0)),
        (
            "ec2",
            "CreateLaunchTemplateVersion"
            | "ModifyLaunchTemplate"
            | "DeregisterImage"
            | "DeleteSnapshot",
        ) => (operation, Limits::new(100.0, 5.0)),
        ("ec2", _) => (operation, Limits::new(50.0, 5.0)),
        ("ssm", "PutParameter" | "DeleteParameter" | "DeleteParameters") => {
            ("ssm parameter changes", Limits::new(10.0, 3.0))
        }
        ("ssm", "GetParameter" | "GetParameters" | "GetParametersByPath") => {
            (operation, Limits::new(40.0, 40.0))
        }
        // EventBridge: "Quotas", PutEvents in the smaller regions.
        ("events", "PutEvents") => (operation, Limits::new(400.0, 400.0)),
        // "StartAutomationExecution: 1 transaction per second" (General Reference, ssm).
        ("ssm", "StartAutomationExecution") => (operation, Limits::new(1.0, 1.0)),
        ("sns", _) => ("sns", Limits::new(300.0, 300.0)),
        // KMS: "Request quotas", HMAC keys: thousands a second, shared with all other symmetric operations.
        ("kms", _) => ("kms", Limits::new(300.0, 300.0)),
        _ => (operation, Limits::new(40.0, 10.0)),
    }
}

/// How long the calls of one group keep the bucket busy that they draw on most, at a share of AWS's limits.
pub(super) fn calls_take(share: f64) -> TimeDelta {
    /// Calls of one group that is patched, in the buckets that are the first to be empty. Measured by the benchmark of
    /// whole rehearsals.
    const CALLS: [(&str, f64); 3] = [
        ("autoscaling:UpdateAutoScalingGroup", 9.0),
        ("ssm:PutParameter", 1.1),
        ("ec2:CreateImage", 1.0),
    ];
    let seconds = CALLS.iter().map(|(operation, calls)| {
        let (_, limits) = bucket_of(operation);
        calls / (limits.per_second * share)
    });
    TimeDelta::milliseconds((seconds.fold(0.0, f64::max) * 1000.0) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_that_share_a_limit_share_a_bucket() {
        let (update, limits) = bucket_of("autoscaling:UpdateAutoScalingGroup");
        assert_eq!(bucket_of("autoscaling:EnterStandby").0, update);
        assert_ne!(bucket_of("autoscaling:DescribeAutoScalingGroups").0, update);
        assert_eq!(limits.burst(0.5), 50.0);
        assert_eq!(
            bucket_of("ssm:PutParameter"),
            bucket_of("ssm:DeleteParameters")
        );
        assert_ne!(
            bucket_of("ec2:CreateImage").0,
            bucket_of("ec2:CreateTags").0
        );
    }
}
