//! Step Functions: executions can be looked at, and their waiting tasks woken. What runs them is outside the account.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::sim::services::query;
use crate::sim::wire::{ApiError, Call};
use crate::sim::world::World;
use crate::sim::world::executions::WaitingTask;

/// Applies a Step Functions call to the world.
pub(super) fn call(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    match call.operation.as_str() {
        "DescribeExecution" => describe(world, &query::read(call, "ValidationException")?),
        "SendTaskSuccess" => wake(world, &query::read(call, "ValidationException")?),
        other => Err(ApiError::unsupported(format!("states:{other}"))),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DescribeExecution {
    execution_arn: String,
}

fn describe(world: &World, request: &DescribeExecution) -> Result<Value, ApiError> {
    let arn = &request.execution_arn;
    let Some(execution) = world.executions.get(arn) else {
        let text = format!("Execution Does Not Exist: '{arn}'");
        return Err(ApiError::new("ExecutionDoesNotExist", text));
    };
    let seconds = |at: chrono::DateTime<chrono::Utc>| at.timestamp_millis() as f64 / 1000.0;
    Ok(json!({
        "executionArn": arn,
        "stateMachineArn": execution.state_machine,
        "status": execution.status,
        "startDate": seconds(execution.started_at),
        "stopDate": execution.stopped_at.map(seconds),
        "input": execution.input,
    }))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SendTaskSuccess {
    task_token: String,
    output: String,
}

fn wake(world: &mut World, request: &SendTaskSuccess) -> Result<Value, ApiError> {
    if serde_json::from_str::<Value>(&request.output).is_err() {
        let text = "Invalid output: expected JSON";
        return Err(ApiError::new("InvalidOutput", text));
    }
    let gone = |code: &str, text: &str| Err(ApiError::new(code, text));
    match world.waiting_tasks.get_mut(&request.task_token) {
        Some(task @ WaitingTask::Waits) => {
            *task = WaitingTask::Done;
            Ok(json!({}))
        }
        Some(WaitingTask::Done) => gone("TaskDoesNotExist", "Task does not exist"),
        Some(WaitingTask::TimedOut) => {
            let text = "Task Timed Out: 'Provided task does not exist anymore'";
            gone("TaskTimedOut", text)
        }
        None => gone("InvalidToken", "Invalid Token: 'Invalid token'"),
    }
}
