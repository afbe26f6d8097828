//! KMS: HMAC keys.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::sim::services::query;
use crate::sim::wire::{ApiError, Call};
use crate::sim::world::World;

/// The account's HMAC key, as a stack would have made it.
const ALIAS: &str = "alias/asg-patch";
/// Bytes of a message (KMS: GenerateMac, Message).
const MESSAGE_BYTES: usize = 4096;

/// Applies a KMS call to the world.
pub(super) fn call(world: &World, call: &Call) -> Result<Value, ApiError> {
    match call.operation.as_str() {
        "GenerateMac" => generate(world, &query::read(call, "ValidationException")?),
        other => Err(ApiError::unsupported(format!("kms:{other}"))),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GenerateMac {
    key_id: String,
    mac_algorithm: String,
    message: String,
}

fn generate(world: &World, request: &GenerateMac) -> Result<Value, ApiError> {
    let arn = format!("arn:aws:kms:{}:{}:{ALIAS}", world.region, world.account);
    if request.key_id != ALIAS && request.key_id != arn {
        let name = &request.key_id;
        let text = format!("Key '{name}' does not exist (the simulated account has {ALIAS})");
        return Err(ApiError::new("NotFoundException", text));
    }
    if request.mac_algorithm != "HMAC_SHA_256" {
        let text = format!("{} is not valid for this key", request.mac_algorithm);
        return Err(ApiError::new("InvalidKeyUsageException", text));
    }
    let message = STANDARD.decode(&request.message).unwrap_or_default();
    if message.is_empty() || message.len() > MESSAGE_BYTES {
        let text = "1 validation error detected: Value at 'message' failed to satisfy constraint";
        return Err(ApiError::new("ValidationException", text));
    }
    // An account's key is its own; the same in every simulation of it.
    let secret = format!("{arn} secret");
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .map_err(|e| ApiError::with_status(500, "KMSInternalException", e.to_string()))?;
    mac.update(&message);
    Ok(json!({
        "KeyId": arn,
        "MacAlgorithm": request.mac_algorithm,
        "Mac": STANDARD.encode(mac.finalize().into_bytes()),
    }))
}
