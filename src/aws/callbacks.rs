//! Tasks of the state machine that wait for a word from outside.

use super::{Clients, fault};
use crate::group::fault::Fault;

/// Errors of a task that waits no more, or never did: Step Functions, SendTaskSuccess.
const NOT_WAITING: [&str; 3] = ["TaskDoesNotExist", "TaskTimedOut", "InvalidToken"];

/// Lets a waiting task go on; answers whether it waited. It brings no result: the function looks for itself.
///
/// # Errors
/// A call that failed.
pub async fn wake_task(clients: &Clients, token: &str) -> Result<bool, Fault> {
    const OPERATION: &str = "states:SendTaskSuccess";
    clients.turn(OPERATION).await;
    let send = clients.sfn.send_task_success();
    let sent = send.task_token(token).output("{}").send().await;
    match sent.map_err(|e| fault(OPERATION, &e)) {
        Ok(_) => Ok(true),
        Err(fault) if NOT_WAITING.contains(&fault.code.as_str()) => Ok(false),
        Err(fault) => Err(fault),
    }
}
