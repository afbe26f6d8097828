//! Canaries as targets of their groups' load balancers.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_elasticloadbalancing::types::{Instance, InstanceState};
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
use crate::group::targets::balancers;
use crate::ids::{Balancer, BalancerKind, InstanceId};

const OPERATION: &str = "elasticloadbalancing:DescribeTargetHealth";
const CLASSIC: &str = "elasticloadbalancing:DescribeInstanceHealth";
/// A Classic Load Balancer's words for an instance that is not registered (API reference, InstanceState): its state
/// alone, OutOfService, does not tell.
const NOT_REGISTERED: &str = "not currently registered";
/// Its words for one that drains, which it still calls InService.
const DRAINS: &str = "deregistration currently in progress";

/// AWS has no bulk call: one call a target group or Classic Load Balancer.
pub(super) async fn read(
    clients: &Clients,
    queries: &[Query<'_>],
) -> Answers<BTreeMap<Balancer, TargetSeen>> {
    join_all(queries.iter().map(|query| async move {
        if !query.needs.contains(&Need::Targets) {
            return Read::Unread;
        }
        let Some(canary) = query.job.instance(Role::Canary) else {
            return Read::Absent;
        };
        single(targets(clients, balancers(query.job, query.group), canary).await)
    }))
    .await
}

async fn targets(
    clients: &Clients,
    balancers: BTreeSet<Balancer>,
    canary: &InstanceId,
) -> Result<BTreeMap<Balancer, TargetSeen>, Fault> {
    let seen = balancers.into_iter().map(|balancer| async move {
        let seen = target(clients, &balancer, canary).await?;
        Ok::<_, Fault>((balancer, seen))
    });
    Ok(try_join_all(seen).await?.into_iter().collect())
}

async fn target(
    clients: &Clients,
    balancer: &Balancer,
    canary: &InstanceId,
) -> Result<TargetSeen, Fault> {
    let seen = match balancer.kind() {
        BalancerKind::TargetGroup => of_target_group(clients, balancer, canary).await,
        BalancerKind::Classic => of_classic(clients, balancer, canary).await,
    };
    match seen {
        // The target group or load balancer is gone, or the canary is, or it was never registered.
        Err(fault) if fault.class == FaultClass::Gone => Ok(TargetSeen {
            state: TargetState::NotRegistered,
            words: fault.code,
        }),
        other => other,
    }
}

async fn of_target_group(
    clients: &Clients,
    target_group: &Balancer,
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
        .map_err(|e| fault(OPERATION, &e))?;
    let shown = answer.target_health_descriptions().first();
    let health = shown.and_then(|d| d.target_health());
    target_seen(required(health, OPERATION, "TargetHealth")?)
}

async fn of_classic(
    clients: &Clients,
    load_balancer: &Balancer,
    canary: &InstanceId,
) -> Result<TargetSeen, Fault> {
    clients.turn(CLASSIC).await;
    let answer = clients
        .classic_elb
        .describe_instance_health()
        .load_balancer_name(load_balancer.as_str())
        .instances(Instance::builder().instance_id(canary.as_str()).build())
        .send()
        .await
        .map_err(|e| fault(CLASSIC, &e))?;
    match answer.instance_states().first() {
        Some(shown) => instance_seen(shown),
        // "The state of terminated instances is not returned."
        None => Ok(TargetSeen {
            state: TargetState::NotRegistered,
            words: "not shown".into(),
        }),
    }
}

fn instance_seen(shown: &InstanceState) -> Result<TargetSeen, Fault> {
    let state = required(shown.state(), CLASSIC, "State")?;
    let description = required(shown.description(), CLASSIC, "Description")?;
    let says = |words: &str| description.to_ascii_lowercase().contains(words);
    let words = match description {
        "N/A" => state.to_owned(),
        _ => format!("{state} ({})", description.trim_end_matches('.')),
    };
    let state = if says(DRAINS) {
        TargetState::Draining
    } else if says(NOT_REGISTERED) {
        TargetState::NotRegistered
    } else if state == "InService" {
        TargetState::Healthy
    } else {
        TargetState::Waiting
    };
    Ok(TargetSeen { state, words })
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded answers: saltstack/salt#43435; the other texts are those of the API reference, InstanceState.
    #[test]
    fn a_classic_load_balancer_says_more_than_its_state() {
        use TargetState::{Draining, Healthy, NotRegistered, Waiting};
        let rows = [
            (Healthy, "InService", "N/A", "InService"),
            (
                Draining,
                "InService",
                "Instance deregistration currently in progress.",
                "InService (Instance deregistration currently in progress)",
            ),
            (
                Waiting,
                "OutOfService",
                "Instance registration is still in progress.",
                "OutOfService (Instance registration is still in progress)",
            ),
            (
                NotRegistered,
                "OutOfService",
                "Instance is not currently registered with the LoadBalancer.",
                "OutOfService (Instance is not currently registered with the LoadBalancer)",
            ),
            (
                Waiting,
                "Unknown",
                "A transient error occurred. Please try again later.",
                "Unknown (A transient error occurred. Please try again later)",
            ),
        ];
        for (expected, state, description, words) in rows {
            let shown = InstanceState::builder();
            let shown = shown.state(state).description(description).build();
            let seen = instance_seen(&shown).unwrap();
            assert_eq!((seen.state, seen.words.as_str()), (expected, words));
        }
        // Without a description nobody can tell whether it drains.
        let silent = InstanceState::builder().state("InService").build();
        assert!(instance_seen(&silent).is_err());
    }
}
