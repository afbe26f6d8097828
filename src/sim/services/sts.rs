//! Security Token Service: the identity that calls.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::sim::services::query;
use crate::sim::wire::{ApiError, Call};
use crate::sim::world::World;

/// Applies an STS call to the world. The account checks no credentials: all callers are one user.
pub(super) fn call(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    match call.operation.as_str() {
        "GetCallerIdentity" => {
            let Nothing {} = query::read(call, "ValidationError")?;
            Ok(json!({
                "Account": world.account,
                "Arn": caller(world),
                "UserId": "AIDASIMULATEDSIMULATE",
            }))
        }
        other => Err(ApiError::unsupported(format!("sts:{other}"))),
    }
}

/// The ARN of the one user that all callers are.
pub(super) fn caller(world: &World) -> String {
    format!("arn:aws:iam::{}:user/simulated", world.account)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}
