//! The identity that calls.

use super::clients::no_retry;
use super::faults::required;
use super::{Clients, fault};
use crate::group::fault::Fault;

const OPERATION: &str = "sts:GetCallerIdentity";

/// The id of the account that the credentials belong to. AWS answers this to everyone.
///
/// # Errors
/// The call failed. It is tried once: nothing depends on the id but texts.
pub(super) async fn caller_account(clients: &Clients) -> Result<String, Fault> {
    clients.turn(OPERATION).await;
    let call = clients.sts.get_caller_identity().customize();
    let call = call.config_override(aws_sdk_sts::Config::builder().retry_config(no_retry()));
    let answer = call.send().await.map_err(|e| fault(OPERATION, &e))?;
    required(answer.account(), OPERATION, "Account").map(str::to_owned)
}
