//! EC2's view of the jobs' instances.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{Filter, Instance, InstanceStateName};

use super::query::{Answers, ByInstance, Query, divide, of_its_instances, possibly_ours};
use crate::aws::Clients;
use crate::aws::convert::{tag, time};
use crate::aws::faults::{required, text};
use crate::aws::paging::{IDS_PER_CALL, chunks, every};
use crate::group::fault::Fault;
use crate::group::names::{ROLE_TAG, RUN_TAG};
use crate::group::seen::{Ec2State, InstanceSeen, Need};
use crate::ids::{InstanceId, RunId};

const OPERATION: &str = "ec2:DescribeInstances";

pub(super) async fn read(
    clients: &Clients,
    queries: &[Query<'_>],
) -> Answers<BTreeMap<InstanceId, InstanceSeen>> {
    let found = describe(clients, possibly_ours(queries, Need::Instances)).await;
    divide(queries, Need::Instances, found, of_its_instances)
}

/// By filter, not by id: an id that is not known (yet) is then left out instead of failing the call.
async fn describe(
    clients: &Clients,
    ids: BTreeSet<InstanceId>,
) -> Result<ByInstance<InstanceSeen>, Fault> {
    let mut found = Vec::new();
    for chunk in chunks(ids, IDS_PER_CALL) {
        let filter = Filter::builder()
            .name("instance-id")
            .set_values(Some(chunk))
            .build();
        let pages = clients
            .ec2
            .describe_instances()
            .filters(filter)
            .into_paginator()
            .send();
        let reservations = every(clients, OPERATION, pages, |p| {
            (p.reservations, p.next_token)
        });
        let instances = reservations.await?.into_iter().filter_map(|r| r.instances);
        found.extend(instances.flatten());
    }
    let by_instance = found.iter().map(|instance: &Instance| {
        let id = text(instance.instance_id(), OPERATION, "InstanceId");
        (id.map(InstanceId::from), instance_seen(instance))
    });
    Ok(by_instance.collect())
}

fn instance_seen(instance: &Instance) -> Result<InstanceSeen, Fault> {
    let state = instance.state().and_then(|s| s.name());
    let state = match required(state, OPERATION, "State")? {
        InstanceStateName::Pending => Ec2State::Pending,
        InstanceStateName::Running => Ec2State::Running,
        InstanceStateName::Stopping | InstanceStateName::Stopped => Ec2State::Stopped,
        InstanceStateName::ShuttingDown | InstanceStateName::Terminated => Ec2State::Gone,
        // A state unknown to this program: neither up nor known to be gone.
        _ => Ec2State::Stopped,
    };
    let launched_at = instance.launch_time().and_then(time);
    Ok(InstanceSeen {
        state,
        launched_at: required(launched_at, OPERATION, "LaunchTime")?,
        run: tag(instance.tags(), RUN_TAG, OPERATION)?.map(RunId::from),
        role: tag(instance.tags(), ROLE_TAG, OPERATION)?,
        instance_type: instance.instance_type().map(|t| t.as_str().to_owned()),
        platform: instance.platform_details().map(str::to_owned),
        devices: instance
            .block_device_mappings()
            .iter()
            .filter_map(|m| m.device_name().map(str::to_owned))
            .collect(),
    })
}
