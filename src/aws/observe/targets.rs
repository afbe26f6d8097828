//! Canaries as targets of their groups' load balancers.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_elasticloadbalancingv2::types::{
    TargetDescription, TargetHealth, TargetHealthReasonEnum, TargetHealthStateEnum,
};
use futures_util::future::{join_all, try_join_all};

use super::query::{Answers, Query, single};
use crate::aws::faults::required;
use crate::aws::{Clients, fault};
use crate::group::effect::Role;
use crate::group::fault::{Fault, FaultClass, Read};
use crate::group::seen::{Need, TargetSeen, TargetState};
use crate::group::targets::target_groups;
use crate::ids::{InstanceId, TargetGroup};

const OPERATION: &str = "elasticloadbalancing:DescribeTargetHealth";

/// AWS has no bulk call: one call a target group.
pub(super) async fn read(
    clients: &Clients,
    queries: &[Query<'_>],
) -> Answers<BTreeMap<TargetGroup, TargetSeen>> {
    join_all(queries.iter().map(|query| async move {
        if !query.needs.contains(&Need::Targets) {
            return Read::Unread;
        }
        let Some(canary) = query.job.instance(Role::Canary) else {
            return Read::Absent;
        };
        single(targets(clients, target_groups(query.job, query.group), canary).await)
    }))
    .await
}

async fn targets(
    clients: &Clients,
    target_groups: BTreeSet<TargetGroup>,
    canary: &InstanceId,
) -> Result<BTreeMap<TargetGroup, TargetSeen>, Fault> {
    let seen = target_groups.into_iter().map(|target_group| async move {
        let seen = target(clients, &target_group, canary).await?;
        Ok::<_, Fault>((target_group, seen))
    });
    Ok(try_join_all(seen).await?.into_iter().collect())
}

async fn target(
    clients: &Clients,
    target_group: &TargetGroup,
    canary: &InstanceId,
) -> Result<TargetSeen, Fault> {
    clients.turn(OPERATION).await;
    let answer = clients
        .elb
        .describe_target_health()
        .target_group_arn(target_group.as_str())
        .targets(TargetDescription::builder().id(canary.as_str()).build())
        .send()
        .await
        .map_err(|e| fault(OPERATION, &e));
    let answer = match answer {
        Ok(answer) => answer,
        // The target group is gone, or its target is.
        Err(fault) if fault.class == FaultClass::Gone => {
            return Ok(TargetSeen {
                state: TargetState::NotRegistered,
                words: fault.code,
            });
        }
        Err(fault) => return Err(fault),
    };
    let shown = answer.target_health_descriptions().first();
    let health = shown.and_then(|d| d.target_health());
    target_seen(required(health, OPERATION, "TargetHealth")?)
}

fn target_seen(health: &TargetHealth) -> Result<TargetSeen, Fault> {
    let state = required(health.state(), OPERATION, "State")?;
    let words = match health.reason() {
        Some(reason) => format!("{} ({})", state.as_str(), reason.as_str()),
        None => state.as_str().to_owned(),
    };
    let state = match (state, health.reason()) {
        (TargetHealthStateEnum::Healthy, _) => TargetState::Healthy,
        (TargetHealthStateEnum::Draining | TargetHealthStateEnum::UnhealthyDraining, _) => {
            TargetState::Draining
        }
        (TargetHealthStateEnum::Unused, reason) => {
            match required(reason, OPERATION, "Reason of an unused target")? {
                TargetHealthReasonEnum::NotRegistered => TargetState::NotRegistered,
                _ => TargetState::Waiting,
            }
        }
        // Whatever else AWS says of it, or comes to say: it is registered, and not called healthy.
        _ => TargetState::Waiting,
    };
    Ok(TargetSeen { state, words })
}
