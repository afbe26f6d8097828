//! Patch states of the instances that the run launched.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ssm::types::InstancePatchState;
use chrono::DateTime;

use super::query::{Answers, ByInstance, Query, asking, divide, of_its_instances};
use crate::aws::complete::UNREPORTED;
use crate::aws::convert::time;
use crate::aws::faults::{invalid, reported, required, text};
use crate::aws::paging::{NODES_PER_PAGE, every, known};
use crate::aws::{Clients, missing};
use crate::group::fault::Fault;
use crate::group::seen::{Need, PatchSeen};
use crate::ids::InstanceId;

const OPERATION: &str = "ssm:DescribeInstancePatchStates";
/// Largest page of the call; it takes only [`NODES_PER_PAGE`] ids.
const STATES_PER_PAGE: i32 = 100;

pub(super) async fn read(
    clients: &Clients,
    queries: &[Query<'_>],
) -> Answers<BTreeMap<InstanceId, PatchSeen>> {
    let ids = asking(queries, Need::Patches).flat_map(|a| a.job.made.instances.values());
    let found = describe(clients, ids.cloned().collect()).await;
    divide(queries, Need::Patches, found, of_its_instances)
}

async fn describe(
    clients: &Clients,
    ids: BTreeSet<InstanceId>,
) -> Result<ByInstance<PatchSeen>, Fault> {
    let states = known(ids, NODES_PER_PAGE, |ids| states(clients, ids)).await?;
    let by_instance = states.iter().map(|state| {
        let id = text(Some(state.instance_id()), OPERATION, "InstanceId");
        (id.map(InstanceId::from), patch_seen(state))
    });
    Ok(by_instance.collect())
}

async fn states(clients: &Clients, ids: Vec<String>) -> Result<Vec<InstancePatchState>, Fault> {
    let pages = clients
        .ssm
        .describe_instance_patch_states()
        .set_instance_ids(Some(ids))
        .max_results(STATES_PER_PAGE)
        .into_paginator()
        .send();
    every(clients, OPERATION, pages, |p| {
        (p.instance_patch_states, p.next_token)
    })
    .await
}

/// The SDK puts empty values where required fields are missing.
fn patch_seen(state: &InstancePatchState) -> Result<PatchSeen, Fault> {
    let count = |count: i32, name| match count {
        UNREPORTED => Err(missing(OPERATION, name)),
        count => u32::try_from(count).map_err(|_| invalid(OPERATION, name, count)),
    };
    let operation = reported(Some(state.operation().as_str()), OPERATION, "Operation")?;
    let ended_at = time(state.operation_end_time()).filter(|at| *at > DateTime::UNIX_EPOCH);
    let pending = state.installed_pending_reboot_count().unwrap_or_default();
    let baseline = Some(state.baseline_id()).filter(|id| !id.is_empty());
    Ok(PatchSeen {
        is_scan: operation == "Scan",
        ended_at: required(ended_at, OPERATION, "OperationEndTime")?,
        missing: count(state.missing_count(), "MissingCount")?,
        failed: count(state.failed_count(), "FailedCount")?,
        pending_reboot: count(pending, "InstalledPendingRebootCount")?,
        baseline: baseline.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::canned::{self, Canned, Reply};
    use crate::clock::Clock;

    #[tokio::test]
    async fn a_scan_that_does_not_count_is_not_one_that_found_nothing() {
        let canned = Canned::new(|_| {
            let scan = |id: &str, counts: &str| {
                format!(
                    r#"{{"InstanceId":"{id}","PatchGroup":"","BaselineId":"pb-1","Operation":"Scan",
                    "OperationStartTime":1700000000,"OperationEndTime":1700000060{counts}}}"#
                )
            };
            let scans = [
                scan("i-fine", r#","MissingCount":2,"FailedCount":0"#),
                scan("i-missing", r#","FailedCount":0"#),
                scan("i-failed", r#","MissingCount":0"#),
            ];
            let scans = scans.join(",");
            Reply::ok(format!(r#"{{"InstancePatchStates":[{scans}]}}"#))
        });
        let clients = canned::clients(&canned, Clock::system());
        let ids = ["i-fine", "i-missing", "i-failed"].map(InstanceId::from);
        let found = describe(&clients, ids.into()).await.unwrap();
        assert_eq!(found.get("i-fine").unwrap().unwrap().missing, 2);
        for (id, field) in [("i-missing", "MissingCount"), ("i-failed", "FailedCount")] {
            let odd = &found.get(id).unwrap_err().message;
            assert_eq!(*odd, format!("expected {field} in the answer, found none"));
        }
    }
}
