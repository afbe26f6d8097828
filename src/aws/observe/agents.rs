//! Systems Manager's view of the jobs' instances.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ssm::types::{InstanceInformation, InstanceInformationStringFilter};

use super::query::{Answers, Query, divide, of_its_instances, possibly_ours};
use crate::aws::convert::time;
use crate::aws::faults::{required, text};
use crate::aws::paging::{IDS_PER_CALL, NODES_PER_PAGE, chunks, every};
use crate::aws::{Clients, missing};
use crate::group::fault::{Fault, FaultClass};
use crate::group::seen::{AgentSeen, Need};
use crate::ids::InstanceId;

const OPERATION: &str = "ssm:DescribeInstanceInformation";

pub(super) async fn read(
    clients: &Clients,
    queries: &[Query<'_>],
) -> Answers<BTreeMap<InstanceId, AgentSeen>> {
    let found = describe(clients, possibly_ours(queries, Need::Agents)).await;
    divide(queries, Need::Agents, found, of_its_instances)
}

async fn describe(
    clients: &Clients,
    ids: BTreeSet<InstanceId>,
) -> Result<BTreeMap<InstanceId, AgentSeen>, Fault> {
    let mut found = BTreeMap::new();
    for chunk in chunks(ids, IDS_PER_CALL) {
        let filter = InstanceInformationStringFilter::builder()
            .key("InstanceIds")
            .set_values(Some(chunk))
            .build()
            .map_err(|e| missing(OPERATION, &e.to_string()))?;
        let pages = clients
            .ssm
            .describe_instance_information()
            .filters(filter)
            .max_results(NODES_PER_PAGE as i32)
            .into_paginator()
            .items()
            .send();
        match every(OPERATION, pages).await {
            Ok(agents) => {
                for information in &agents {
                    let (id, seen) = agent_seen(information)?;
                    found.insert(id, seen);
                }
            }
            // An id that SSM does not know: not registered yet.
            Err(fault) if fault.class == FaultClass::NotYet => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(found)
}

fn agent_seen(information: &InstanceInformation) -> Result<(InstanceId, AgentSeen), Fault> {
    let id = text(information.instance_id(), OPERATION, "InstanceId")?;
    let ping = required(information.ping_status(), OPERATION, "PingStatus")?;
    Ok((
        id.into(),
        AgentSeen {
            online: ping.as_str() == "Online",
            last_ping: information.last_ping_date_time().and_then(time),
        },
    ))
}
