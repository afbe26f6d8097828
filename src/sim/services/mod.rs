//! One file per AWS service: typed requests in, JSON trees out, the world changed between.

mod sns;
mod ssm;

use serde_json::Value;

use super::wire::{ApiError, Call, Service};
use super::world::World;

/// Applies a call to the world.
pub(super) fn call(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let what = format!("{}:{}", call.service.name(), call.operation);
    match call.service {
        Service::Ssm => ssm::call(world, call),
        Service::Sns => sns::call(world, call),
        Service::AutoScaling | Service::Ec2 => Err(ApiError::unsupported(what)),
    }
}
