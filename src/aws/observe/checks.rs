//! EC2 status checks of canaries.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::InstanceStatus;

use super::query::{Answers, ByInstance, Query, asking, divide, of_its_instances};
use crate::aws::faults::text;
use crate::aws::paging::{IDS_PER_CALL, known};
use crate::aws::{Clients, fault};
use crate::group::effect::Role;
use crate::group::fault::Fault;
use crate::group::seen::{Checks, Need};
use crate::ids::InstanceId;

const OPERATION: &str = "ec2:DescribeInstanceStatus";

pub(super) async fn read(
    clients: &Clients,
    queries: &[Query<'_>],
) -> Answers<BTreeMap<InstanceId, Checks>> {
    let canaries = asking(queries, Need::Checks).filter_map(|a| a.job.instance(Role::Canary));
    let found = describe(clients, canaries.cloned().collect()).await;
    divide(queries, Need::Checks, found, of_its_instances)
}

/// An id that EC2 does not know yet has no checks.
async fn describe(
    clients: &Clients,
    ids: BTreeSet<InstanceId>,
) -> Result<ByInstance<Checks>, Fault> {
    let statuses = known(ids, IDS_PER_CALL, |ids| statuses(clients, ids)).await?;
    Ok(statuses.iter().map(checks).collect())
}

async fn statuses(clients: &Clients, ids: Vec<String>) -> Result<Vec<InstanceStatus>, Fault> {
    clients.turn(OPERATION).await;
    let answer = clients
        .ec2
        .describe_instance_status()
        .set_instance_ids(Some(ids))
        .include_all_instances(true)
        .send()
        .await
        .map_err(|e| fault(OPERATION, &e))?;
    Ok(answer.instance_statuses().to_vec())
}

/// The worse of both checks.
fn checks(status: &InstanceStatus) -> (Result<InstanceId, Fault>, Result<Checks, Fault>) {
    let check = |status: Option<&str>| match status {
        Some("ok" | "not-applicable") => Checks::Ok,
        Some("impaired") => Checks::Impaired,
        _ => Checks::Initializing,
    };
    let system = status.system_status().and_then(|c| c.status());
    let instance = status.instance_status().and_then(|c| c.status());
    let both = match (
        check(system.map(|s| s.as_str())),
        check(instance.map(|s| s.as_str())),
    ) {
        (Checks::Impaired, _) | (_, Checks::Impaired) => Checks::Impaired,
        (Checks::Ok, Checks::Ok) => Checks::Ok,
        (Checks::Initializing, _) | (_, Checks::Initializing) => Checks::Initializing,
    };
    let id = text(status.instance_id(), OPERATION, "InstanceId");
    (id.map(InstanceId::from), Ok(both))
}
