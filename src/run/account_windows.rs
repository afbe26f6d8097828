//! The windows that AWS opens in the account.

use crate::aws::{Aws, AwsWindows, read_windows};
use crate::group::fault::Fault;
use crate::trigger::Defaults;
use crate::windows::Reader;

/// The windows that AWS opens in this account, each with the request of its run, and what is not understood or may not be
/// read. `state_machine` is the ARN of the stack's own, if it is known; `defaults` are for what an input leaves out.
///
/// # Errors
/// AWS could not be asked.
pub async fn account_windows(
    aws: &Aws,
    state_machine: Option<&str>,
    defaults: &Defaults,
) -> Result<AwsWindows, Fault> {
    let reader = Reader {
        state_machine,
        defaults,
        owner: "windows",
        now: aws.clock.now(),
    };
    Box::pin(read_windows(&aws.clients, &reader)).await
}
