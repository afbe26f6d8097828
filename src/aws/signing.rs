//! The key of signatures, from KMS.

use std::sync::Arc;

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::MacAlgorithmSpec;
use tokio::sync::OnceCell;

use super::faults::{missing, required};
use super::{Clients, fault};
use crate::group::fault::Fault;
use crate::signature::SigningKey;

const OPERATION: &str = "kms:GenerateMac";
/// The message whose code is the key: an HMAC of a constant is as secret as KMS's own key, which never leaves KMS, and
/// one call serves a process for all that it signs and checks. Another constant would make all records unknown.
const DERIVED_FOR: &str = "asg-patch signatures, version 1";

/// The HMAC key of KMS that signatures are made with, and the key derived from it.
#[derive(Debug)]
struct Signing {
    /// Id, ARN or alias.
    kms_key: String,
    derived: OnceCell<SigningKey>,
}

/// The key, asked for when it is first needed; none if signatures are neither made nor checked.
#[derive(Clone, Debug, Default)]
pub(super) struct Signatures(Option<Arc<Signing>>);

impl Signatures {
    pub(super) fn by(kms_key: String) -> Self {
        let derived = OnceCell::new();
        Self(Some(Arc::new(Signing { kms_key, derived })))
    }

    pub(super) async fn key(&self, clients: &Clients) -> Result<Option<&SigningKey>, Fault> {
        let Some(signing) = &self.0 else {
            return Ok(None);
        };
        let derive = || derive(clients, &signing.kms_key);
        signing.derived.get_or_try_init(derive).await.map(Some)
    }
}

async fn derive(clients: &Clients, kms_key: &str) -> Result<SigningKey, Fault> {
    clients.turn(OPERATION).await;
    let answer = clients
        .kms
        .generate_mac()
        .key_id(kms_key)
        .mac_algorithm(MacAlgorithmSpec::HmacSha256)
        .message(Blob::new(DERIVED_FOR))
        .send()
        .await
        .map_err(|e| fault(OPERATION, &e))?;
    let mac = required(answer.mac(), OPERATION, "Mac")?;
    if mac.as_ref().is_empty() {
        return Err(missing(OPERATION, "Mac"));
    }
    Ok(SigningKey::new(mac.as_ref()))
}
