//! Instance refreshes: AWS has no bulk call for them.

use super::faults::required;
use super::{Clients, fault};
use crate::group::fault::Fault;
use crate::ids::GroupName;

const OPERATION: &str = "autoscaling:DescribeInstanceRefreshes";
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

/// The id of the refresh of a group that is under way.
pub(super) async fn under_way(
    clients: &Clients,
    group: &GroupName,
) -> Result<Option<String>, Fault> {
    clients.turn(OPERATION).await;
    let answer = clients
        .autoscaling
        .describe_instance_refreshes()
        .auto_scaling_group_name(group.as_str())
        .max_records(REFRESHES_PER_GROUP)
        .send()
        .await
        .map_err(|e| fault(OPERATION, &e))?;
    for refresh in answer.instance_refreshes() {
        let status = required(refresh.status(), OPERATION, "Status")?;
        if !ENDED.contains(&status.as_str()) {
            let id = refresh.instance_refresh_id();
            let id = required(id, OPERATION, "InstanceRefreshId")?;
            return Ok(Some(id.to_owned()));
        }
    }
    Ok(None)
}
