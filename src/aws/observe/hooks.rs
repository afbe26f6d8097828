//! The groups' launch hooks.

use chrono::TimeDelta;

use super::query::{Answers, Query, one_by_one, single};
use crate::aws::faults::required;
use crate::aws::{Clients, fault};
use crate::group::fault::Fault;
use crate::group::seen::Need;
use crate::ids::GroupName;

const OPERATION: &str = "autoscaling:DescribeLifecycleHooks";

pub(super) async fn read(clients: &Clients, queries: &[Query<'_>]) -> Answers<TimeDelta> {
    one_by_one(queries, Need::Hooks, |job| async move {
        single(timeouts(clients, job.group()).await)
    })
    .await
}

/// The sum of the time-outs of the launch hooks.
async fn timeouts(clients: &Clients, group: &GroupName) -> Result<TimeDelta, Fault> {
    clients.turn(OPERATION).await;
    let answer = clients
        .autoscaling
        .describe_lifecycle_hooks()
        .auto_scaling_group_name(group.as_str())
        .send()
        .await
        .map_err(|e| fault(OPERATION, &e))?;
    let mut seconds: i64 = 0;
    for hook in answer.lifecycle_hooks() {
        let transition = hook.lifecycle_transition();
        let transition = required(transition, OPERATION, "LifecycleTransition")?;
        if transition == "autoscaling:EC2_INSTANCE_LAUNCHING" {
            let timeout = required(hook.heartbeat_timeout(), OPERATION, "HeartbeatTimeout")?;
            seconds = seconds.saturating_add(i64::from(timeout.max(0)));
        }
    }
    Ok(TimeDelta::seconds(seconds))
}
