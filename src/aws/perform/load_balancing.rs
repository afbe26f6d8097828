//! Changing calls of Elastic Load Balancing: registering a target that is registered, and deregistering one that is
//! not, are the same as doing it once.

use aws_sdk_elasticloadbalancing::types::Instance;
use aws_sdk_elasticloadbalancingv2::types::TargetDescription;

use super::done;
use crate::aws::Clients;
use crate::group::effect::{Done, Performed};
use crate::group::fault::FaultClass;
use crate::ids::{Balancer, BalancerKind, InstanceId};

/// The operation that registers an instance.
pub(super) fn registration(kind: BalancerKind) -> &'static str {
    match kind {
        BalancerKind::TargetGroup => "elasticloadbalancing:RegisterTargets",
        BalancerKind::Classic => "elasticloadbalancing:RegisterInstancesWithLoadBalancer",
    }
}

/// The operation that takes an instance out again.
pub(super) fn deregistration(kind: BalancerKind) -> &'static str {
    match kind {
        BalancerKind::TargetGroup => "elasticloadbalancing:DeregisterTargets",
        BalancerKind::Classic => "elasticloadbalancing:DeregisterInstancesFromLoadBalancer",
    }
}

pub(super) async fn register(
    clients: &Clients,
    balancer: &Balancer,
    instance: &InstanceId,
) -> Performed {
    let operation = registration(balancer.kind());
    match balancer.kind() {
        BalancerKind::TargetGroup => {
            let call = clients.elb.register_targets();
            let call = call.target_group_arn(balancer.as_str());
            let sent = call.targets(target(instance)).send().await;
            done(operation, sent)
        }
        BalancerKind::Classic => {
            let call = clients.classic_elb.register_instances_with_load_balancer();
            let call = call.load_balancer_name(balancer.as_str());
            let sent = call.instances(named(instance)).send().await;
            done(operation, sent)
        }
    }
}

pub(super) async fn deregister(
    clients: &Clients,
    balancer: &Balancer,
    instance: &InstanceId,
) -> Performed {
    let operation = deregistration(balancer.kind());
    let performed = match balancer.kind() {
        BalancerKind::TargetGroup => {
            let call = clients.elb.deregister_targets();
            let call = call.target_group_arn(balancer.as_str());
            let sent = call.targets(target(instance)).send().await;
            done(operation, sent)
        }
        BalancerKind::Classic => {
            let call = clients
                .classic_elb
                .deregister_instances_from_load_balancer();
            let call = call.load_balancer_name(balancer.as_str());
            let sent = call.instances(named(instance)).send().await;
            done(operation, sent)
        }
    };
    match performed {
        Err(fault) if fault.class == FaultClass::Gone => Ok(Done::WasGone),
        other => other,
    }
}

/// At the target group's own port, as Auto Scaling registers instances.
fn target(instance: &InstanceId) -> TargetDescription {
    TargetDescription::builder().id(instance.as_str()).build()
}

fn named(instance: &InstanceId) -> Instance {
    Instance::builder().instance_id(instance.as_str()).build()
}
