//! Systems Manager's view of the jobs' instances.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ssm::types::{InstanceInformation, InstanceInformationStringFilter};

use super::query::{Answers, ByInstance, Query, divide, of_its_instances, possibly_ours};
use crate::aws::convert::time;
use crate::aws::faults::{required, text};
use crate::aws::paging::{IDS_PER_CALL, NODES_PER_PAGE, every, known};
use crate::aws::{Clients, missing};
use crate::group::fault::Fault;
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

/// An id that Systems Manager calls invalid is not registered yet.
async fn describe(
    clients: &Clients,
    ids: BTreeSet<InstanceId>,
) -> Result<ByInstance<AgentSeen>, Fault> {
    let agents = known(ids, IDS_PER_CALL, |ids| nodes(clients, ids)).await?;
    Ok(agents.iter().map(agent_seen).collect())
}

async fn nodes(clients: &Clients, ids: Vec<String>) -> Result<Vec<InstanceInformation>, Fault> {
    let filter = InstanceInformationStringFilter::builder()
        .key("InstanceIds")
        .set_values(Some(ids))
        .build()
        .map_err(|e| missing(OPERATION, &e.to_string()))?;
    let pages = clients
        .ssm
        .describe_instance_information()
        .filters(filter)
        .max_results(NODES_PER_PAGE as i32)
        .into_paginator()
        .send();
    every(clients, OPERATION, pages, |p| {
        (p.instance_information_list, p.next_token)
    })
    .await
}

fn agent_seen(
    information: &InstanceInformation,
) -> (Result<InstanceId, Fault>, Result<AgentSeen, Fault>) {
    let id = text(information.instance_id(), OPERATION, "InstanceId");
    let ping = required(information.ping_status(), OPERATION, "PingStatus");
    let seen = ping.map(|ping| AgentSeen {
        online: ping.as_str() == "Online",
        last_ping: information.last_ping_date_time().and_then(time),
    });
    (id.map(InstanceId::from), seen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::canned::{self, Canned, Reply};
    use crate::clock::Clock;

    #[tokio::test]
    async fn one_invalid_id_and_one_odd_answer_blind_no_other_job() {
        let canned = Canned::new(|call| {
            if call.body.contains("i-bad") {
                return Reply::json_error("InvalidInstanceId");
            }
            let row = |id: &str, rest: &str| format!(r#"{{"InstanceId":"{id}"{rest}}}"#);
            let rows = [
                ("i-fine", r#","PingStatus":"Online""#),
                ("i-odd", ""),
                ("i-lost", r#","PingStatus":"ConnectionLost""#),
            ];
            let rows = rows.iter().filter(|(id, _)| call.body.contains(id));
            let rows: Vec<String> = rows.map(|(id, rest)| row(id, rest)).collect();
            Reply::ok(format!(
                r#"{{"InstanceInformationList":[{}]}}"#,
                rows.join(",")
            ))
        });
        let clients = canned::clients(&canned, Clock::system());
        let ids = ["i-bad", "i-fine", "i-lost", "i-odd"].map(InstanceId::from);
        let found = describe(&clients, ids.into()).await.unwrap();
        let online = |id: &str| found.get(id).unwrap().map(|a| a.online);
        assert_eq!(online("i-fine"), Some(true));
        assert_eq!(online("i-lost"), Some(false));
        assert_eq!(online("i-bad"), None);
        let odd = found.get("i-odd").unwrap_err();
        assert!(odd.message.contains("PingStatus"), "{odd:?}");
    }
}
