//! The groups' scaling activities, with AWS's words for failed launches classified.

use aws_sdk_autoscaling::types::Activity;
use chrono::DateTime;

use super::query::{Answers, Query, one_by_one, single};
use crate::aws::convert::time;
use crate::aws::faults::{reported, required};
use crate::aws::{Clients, fault};
use crate::group::fault::Fault;
use crate::group::seen::{ActivitySeen, LaunchFailure, Need};
use crate::ids::GroupName;

const OPERATION: &str = "autoscaling:DescribeScalingActivities";
/// Activities of one group that are looked at, newest first.
const ACTIVITIES_PER_GROUP: i32 = 20;

/// Launch errors that no wait helps against. AWS reports them as text only, in the activity's message.
///
/// "is currently not supported" is not among them: it can be one zone, and the next try goes to another.
const HOPELESS: [&str; 9] = [
    "does not exist",
    "Client.InternalError",
    "is pending, and cannot be run",
    "does not match",
    "Placement groups may not be used with instances of type",
    "Invalid device name",
    "not authorized",
    "InvalidAMIID",
    "deregistered",
];

/// Launch errors for want of capacity.
const CAPACITY: [&str; 6] = [
    "do not have sufficient",
    "no Spot capacity",
    "InsufficientInstanceCapacity",
    "Insufficient capacity",
    "UnfulfillableCapacity",
    "no capacity available that matches your request",
];

/// Launch errors for a quota of the account.
const QUOTA: [&str; 7] = [
    "VcpuLimitExceeded",
    "You have requested more vCPU capacity",
    "You have requested more instances",
    "InstanceLimitExceeded",
    "reached your quota for maximum Fleet Requests",
    "MaxSpotInstanceCountExceeded",
    "Max spot instance count exceeded",
];

pub(super) async fn read(clients: &Clients, queries: &[Query<'_>]) -> Answers<Vec<ActivitySeen>> {
    one_by_one(queries, Need::Activities, |job| async move {
        single(latest(clients, job.group()).await)
    })
    .await
}

async fn latest(clients: &Clients, group: &GroupName) -> Result<Vec<ActivitySeen>, Fault> {
    clients.turn(OPERATION).await;
    let answer = clients
        .autoscaling
        .describe_scaling_activities()
        .auto_scaling_group_name(group.as_str())
        .max_records(ACTIVITIES_PER_GROUP)
        .send()
        .await
        .map_err(|e| fault(OPERATION, &e))?;
    answer.activities().iter().map(activity_seen).collect()
}

fn activity_seen(activity: &Activity) -> Result<ActivitySeen, Fault> {
    let description = activity.description().unwrap_or_default();
    let started_at = activity.start_time().and_then(time);
    let started_at = started_at.filter(|at| *at > DateTime::UNIX_EPOCH);
    let status = activity.status_code().map(|s| s.as_str());
    let status = reported(status, OPERATION, "StatusCode")?;
    let message = activity.status_message().unwrap_or(description);
    let is_failed_launch =
        description.starts_with("Launching") && matches!(status, "Failed" | "Cancelled");
    Ok(ActivitySeen {
        started_at: required(started_at, OPERATION, "StartTime")?,
        failed_launch: is_failed_launch.then(|| launch_failure(message)),
        message: message.to_owned(),
    })
}

fn launch_failure(message: &str) -> LaunchFailure {
    let says = |texts: &[&str]| texts.iter().any(|t| message.contains(t));
    if says(&HOPELESS) {
        LaunchFailure::Hopeless
    } else if says(&QUOTA) {
        LaunchFailure::Quota
    } else if says(&CAPACITY) {
        LaunchFailure::Capacity
    } else {
        LaunchFailure::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts from the Auto Scaling User Guide, "Troubleshoot instance launch failures", and from activities of real
    /// groups.
    #[test]
    fn the_words_of_an_activity_classify_its_failure() {
        use LaunchFailure::{Capacity, Hopeless, Other, Quota};
        let rows = [
            (
                Hopeless,
                "The image id '[ami-1]' does not exist. Launching EC2 instance failed.",
            ),
            (
                Hopeless,
                "Placement groups may not be used with instances of type 't2.micro'.",
            ),
            (
                Capacity,
                "We currently do not have sufficient t3.large capacity in the Availability Zone",
            ),
            (
                Capacity,
                "UnfulfillableCapacity - There is no capacity available that matches your request.",
            ),
            (
                Quota,
                "You have requested more instances (5) than your current instance limit of 4 allows",
            ),
            (
                Quota,
                "VcpuLimitExceeded - You have requested more vCPU capacity than your current vCPU limit",
            ),
            (
                Quota,
                "You've reached your quota for maximum Fleet Requests for this account.",
            ),
            (
                Quota,
                "MaxSpotInstanceCountExceeded - Max spot instance count exceeded.",
            ),
            (
                Other,
                "The requested configuration is currently not supported. Please check the documentation",
            ),
            (Other, "Instance failed to complete user's Lifecycle Action"),
        ];
        for (class, text) in rows {
            assert_eq!(launch_failure(text), class, "{text}");
        }
    }
}
