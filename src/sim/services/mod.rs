//! One file per AWS service: typed requests in, JSON trees out, the world changed between.

mod autoscaling;
mod classic_load_balancing;
mod ec2;
mod events;
mod kms;
mod load_balancing;
mod order;
mod query;
mod scheduler;
mod sns;
mod ssm;
mod states;
mod sts;
#[cfg(test)]
mod tests;

use serde_json::Value;

use super::wire::{ApiError, Call, Service};
use super::world::World;

/// Applies a call to the world.
pub(super) fn call(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let mut answer = match call.service {
        Service::AutoScaling => autoscaling::call(world, call),
        Service::Ec2 => ec2::call(world, call),
        Service::Sns => sns::call(world, call),
        Service::Sts => sts::call(world, call),
        Service::LoadBalancing => load_balancing::call(world, call),
        Service::ClassicLoadBalancing => classic_load_balancing::call(world, call),
        Service::Ssm => ssm::call(world, call),
        Service::Kms => kms::call(world, call),
        Service::States => states::call(world, call),
        Service::Events => events::call(world, call),
        Service::Scheduler => scheduler::call(world, call),
    }?;
    order::arrange(world, &mut answer);
    Ok(answer)
}
