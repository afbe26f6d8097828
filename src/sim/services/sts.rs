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
            let account = &world.account;
            Ok(json!({
                "Account": account,
                "Arn": format!("arn:aws:iam::{account}:user/simulated"),
                "UserId": "AIDASIMULATEDSIMULATE",
            }))
        }
        other => Err(ApiError::unsupported(format!("sts:{other}"))),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}
