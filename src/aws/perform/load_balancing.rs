//! Changing calls of Elastic Load Balancing: registering a target that is registered, and deregistering one that is
//! not, are the same as doing it once.

use aws_sdk_elasticloadbalancingv2::types::TargetDescription;

use super::done;
use crate::aws::Clients;
use crate::group::effect::{Done, Performed};
use crate::group::fault::FaultClass;
use crate::ids::{InstanceId, TargetGroup};

pub(super) async fn register(
    clients: &Clients,
    target_group: &TargetGroup,
    instance: &InstanceId,
) -> Performed {
    let call = clients
        .elb
        .register_targets()
        .target_group_arn(target_group.as_str())
        .targets(target(instance));
    done("elasticloadbalancing:RegisterTargets", call.send().await)
}

pub(super) async fn deregister(
    clients: &Clients,
    target_group: &TargetGroup,
    instance: &InstanceId,
) -> Performed {
    let call = clients
        .elb
        .deregister_targets()
        .target_group_arn(target_group.as_str())
        .targets(target(instance));
    match done("elasticloadbalancing:DeregisterTargets", call.send().await) {
        Err(fault) if fault.class == FaultClass::Gone => Ok(Done::WasGone),
        other => other,
    }
}

/// At the target group's own port, as Auto Scaling registers instances.
fn target(instance: &InstanceId) -> TargetDescription {
    TargetDescription::builder().id(instance.as_str()).build()
}
