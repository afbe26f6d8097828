//! Events of AWS's services, as EventBridge delivers them.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::cause::time;
use super::{Asked, Cause, RunInput, TriggerError, shown};

#[derive(Deserialize)]
struct Event {
    source: String,
    #[serde(rename = "detail-type")]
    detail_type: String,
    time: Option<DateTime<Utc>>,
    #[serde(default)]
    resources: Vec<String>,
    /// An object; the Scheduler's default event has it as text.
    #[serde(default)]
    detail: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct WindowDetail {
    window_execution_id: String,
    status: String,
    start_time: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecutionDetail {
    execution_arn: String,
    status: String,
    input: Option<String>,
}

pub(super) fn read(event: &Value) -> Result<Asked, TriggerError> {
    let malformed = |e: serde_json::Error| TriggerError::Malformed {
        place: "event",
        found: shown(event),
        problem: e.to_string(),
    };
    let parsed: Event = serde_json::from_value(event.clone()).map_err(malformed)?;
    match (parsed.source.as_str(), parsed.detail_type.as_str()) {
        ("aws.events" | "aws.scheduler", "Scheduled Event") => due(parsed, event),
        ("aws.ssm", "Maintenance Window Execution State-change Notification") => {
            window_opens(serde_json::from_value(parsed.detail).map_err(malformed)?)
        }
        ("aws.states", "Step Functions Execution Status Change") => {
            let detail = serde_json::from_value(parsed.detail).map_err(malformed)?;
            Ok(execution_died(detail))
        }
        (service, detail_type) => Err(TriggerError::UnknownEvent {
            detail_type: detail_type.to_owned(),
            service: service.to_owned(),
        }),
    }
}

fn due(event: Event, whole: &Value) -> Result<Asked, TriggerError> {
    match (event.time, event.resources.into_iter().next()) {
        (Some(at), Some(schedule)) => Ok(run(Cause::Schedule { schedule, at })),
        _ => Err(TriggerError::field(
            "time and resources",
            "a value of each in a scheduled event",
            shown(whole),
        )),
    }
}

fn window_opens(detail: WindowDetail) -> Result<Asked, TriggerError> {
    if detail.status != "IN_PROGRESS" {
        return Err(TriggerError::field(
            "status",
            "a maintenance window's execution that begins (IN_PROGRESS)",
            detail.status,
        ));
    }
    Ok(run(Cause::Window {
        execution: detail.window_execution_id,
        at: detail.start_time.as_deref().and_then(time),
    }))
}

fn execution_died(detail: ExecutionDetail) -> Asked {
    let input = detail.input.as_deref().map(serde_json::from_str::<Value>);
    let input = input
        .and_then(Result::ok)
        .and_then(|i| super::read(&i).ok());
    Asked::Dead {
        execution: detail.execution_arn,
        status: detail.status,
        input: input.map(Box::new),
    }
}

fn run(cause: Cause) -> Asked {
    Asked::Run(Box::new(RunInput {
        cause,
        ..RunInput::default()
    }))
}
