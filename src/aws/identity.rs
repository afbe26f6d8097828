//! The identity that calls.

use aws_types::SdkConfig;

use super::fault;
use super::faults::required;
use crate::group::fault::Fault;

const OPERATION: &str = "sts:GetCallerIdentity";

/// The id of the account that the credentials belong to. AWS answers this to everyone.
///
/// # Errors
/// The call failed.
pub(super) async fn caller_account(sdk: &SdkConfig) -> Result<String, Fault> {
    // Asked once in a process: it needs no pace.
    let sts = aws_sdk_sts::Client::new(sdk);
    let answer = sts.get_caller_identity().send().await;
    let answer = answer.map_err(|e| fault(OPERATION, &e))?;
    required(answer.account(), OPERATION, "Account").map(str::to_owned)
}
