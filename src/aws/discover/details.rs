//! Launch hooks and instance refreshes of the groups that opted in.

use std::collections::BTreeMap;

use futures_util::future::try_join;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::SINGLE_READS_AT_ONCE;
use crate::aws::faults::{is_odd, required};
use crate::aws::{Clients, fault};
use crate::group::facts::GroupDetails;
use crate::group::fault::{Fault, FaultClass};
use crate::ids::GroupName;

const HOOKS: &str = "autoscaling:DescribeLifecycleHooks";
const REFRESHES: &str = "autoscaling:DescribeInstanceRefreshes";
/// Refreshes of one group that are looked at, newest first: at most one is under way.
const REFRESHES_PER_GROUP: i32 = 10;
/// States of a refresh that is over.
const ENDED: [&str; 5] = [
    "Successful",
    "Failed",
    "Cancelled",
    "RollbackFailed",
    "RollbackSuccessful",
];

/// AWS has no bulk call for them: two calls a group.
pub(super) async fn details(
    clients: &Clients,
    names: &[GroupName],
) -> Result<BTreeMap<GroupName, GroupDetails>, Fault> {
    stream::iter(names)
        .map(|name| async move {
            let both = try_join(hook_seconds(clients, name), refresh(clients, name)).await;
            let details = match both {
                Ok((hook_seconds, refresh)) => GroupDetails {
                    hook_seconds,
                    refresh,
                    odd: None,
                },
                // An answer that makes no sense concerns its group only, and so does a refusal to answer about it.
                Err(fault) if is_odd(&fault) => GroupDetails::odd(fault.message),
                Err(fault) if fault.class == FaultClass::Refused => {
                    GroupDetails::odd(fault.to_failure().reason)
                }
                Err(fault) => return Err(fault),
            };
            Ok((name.clone(), details))
        })
        .buffer_unordered(SINGLE_READS_AT_ONCE)
        .try_collect()
        .await
}

async fn hook_seconds(clients: &Clients, group: &GroupName) -> Result<i64, Fault> {
    clients.turn(HOOKS).await;
    let answer = clients
        .autoscaling
        .describe_lifecycle_hooks()
        .auto_scaling_group_name(group.as_str())
        .send()
        .await
        .map_err(|e| fault(HOOKS, &e))?;
    let mut seconds = 0;
    for hook in answer.lifecycle_hooks() {
        let transition = hook.lifecycle_transition();
        let transition = required(transition, HOOKS, "LifecycleTransition")?;
        if transition == "autoscaling:EC2_INSTANCE_LAUNCHING" {
            let timeout = hook.heartbeat_timeout();
            seconds += i64::from(required(timeout, HOOKS, "HeartbeatTimeout")?);
        }
    }
    Ok(seconds)
}

/// The id of the refresh under way.
async fn refresh(clients: &Clients, group: &GroupName) -> Result<Option<String>, Fault> {
    clients.turn(REFRESHES).await;
    let answer = clients
        .autoscaling
        .describe_instance_refreshes()
        .auto_scaling_group_name(group.as_str())
        .max_records(REFRESHES_PER_GROUP)
        .send()
        .await
        .map_err(|e| fault(REFRESHES, &e))?;
    for refresh in answer.instance_refreshes() {
        let status = required(refresh.status(), REFRESHES, "Status")?;
        if !ENDED.contains(&status.as_str()) {
            let id = refresh.instance_refresh_id();
            let id = required(id, REFRESHES, "InstanceRefreshId")?;
            return Ok(Some(id.to_owned()));
        }
    }
    Ok(None)
}
