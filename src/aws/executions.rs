//! Executions of the state machine: whether one is alive.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::convert::time;
use super::faults::required;
use super::{Clients, fault};
use crate::group::fault::{Fault, FaultClass};

/// An execution, as Step Functions shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Execution {
    /// The ARN of its state machine.
    pub state_machine: String,
    /// Whether it runs; its answers may be some seconds old (Step Functions: DescribeExecution).
    pub is_running: bool,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended, if it has.
    pub stopped_at: Option<DateTime<Utc>>,
    /// The input that it was started with; none if it is no JSON, or is not shown.
    pub input: Option<Value>,
}

/// Whether an owner of a record or claim is an execution.
pub fn is_execution(owner: &str) -> bool {
    owner.starts_with("arn:") && owner.split(':').nth(2) == Some("states")
}

/// Looks at an execution; none if there is none (any more: Step Functions forgets them after 90 days).
///
/// # Errors
/// The call failed.
pub async fn find_execution(clients: &Clients, arn: &str) -> Result<Option<Execution>, Fault> {
    const OPERATION: &str = "states:DescribeExecution";
    clients.turn(OPERATION).await;
    let answer = clients.sfn.describe_execution().execution_arn(arn).send();
    let answer = match answer.await.map_err(|e| fault(OPERATION, &e)) {
        Ok(answer) => answer,
        Err(fault) if fault.class == FaultClass::Gone => return Ok(None),
        Err(fault) => return Err(fault),
    };
    Ok(Some(Execution {
        state_machine: required(
            Some(answer.state_machine_arn()),
            OPERATION,
            "stateMachineArn",
        )?
        .to_owned(),
        is_running: matches!(answer.status().as_str(), "RUNNING" | "PENDING_REDRIVE"),
        started_at: required(time(answer.start_date()), OPERATION, "startDate")?,
        stopped_at: answer.stop_date().and_then(time),
        input: answer.input().and_then(|i| serde_json::from_str(i).ok()),
    }))
}
