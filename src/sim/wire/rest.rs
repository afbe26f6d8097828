//! restJson1, of EventBridge Scheduler alone: the operation follows from method and path, parameters are in the path,
//! the query and the body.

use serde_json::{Map, Value, json};

use super::params::Params;
use super::{ApiError, Asked, Call, Service, without_nulls};

/// Whether a request's target has a path, which those of the other protocols do not.
pub(super) fn has_path(target: &str) -> bool {
    let path = target.split('?').next().unwrap_or_default();
    !path.trim_matches('/').is_empty()
}

/// Decodes a request of EventBridge Scheduler.
pub(super) fn decode(asked: Asked<'_>) -> Result<Call, ApiError> {
    let (path, query) = asked.target.split_once('?').unwrap_or((asked.target, ""));
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let (operation, name) = match (asked.method, parts.as_slice()) {
        ("GET", ["schedules"]) => ("ListSchedules", None),
        ("GET", ["schedules", name]) => ("GetSchedule", Some(*name)),
        ("POST", ["schedules", name]) => ("CreateSchedule", Some(*name)),
        ("PUT", ["schedules", name]) => ("UpdateSchedule", Some(*name)),
        ("POST", ["schedule-groups", name]) => ("CreateScheduleGroup", Some(*name)),
        ("DELETE", ["schedules", name]) => ("DeleteSchedule", Some(*name)),
        (method, _) => return Err(ApiError::unsupported(format!("{method} {path}"))),
    };
    let mut params = body(asked.body)?;
    if let Some(name) = name {
        params.insert("Name".into(), decoded(name).into());
    }
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        let value = match key.as_ref() {
            "MaxResults" => value
                .parse::<i64>()
                .map_or_else(|_| json!(value), Value::from),
            _ => json!(value),
        };
        params.insert(member(&key).to_owned(), value);
    }
    Ok(Call {
        service: Service::Scheduler,
        operation: operation.to_owned(),
        params: Params::Json(Value::Object(params)),
    })
}

/// The member of a request that the query calls so.
fn member(key: &str) -> &str {
    match key {
        "ScheduleGroup" | "groupName" => "GroupName",
        "clientToken" => "ClientToken",
        other => other,
    }
}

/// A part of a path without its escapes.
fn decoded(part: &str) -> String {
    // `+` is a plus sign in a path.
    let form = format!("x={}", part.replace('+', "%2B"));
    let mut pairs = form_urlencoded::parse(form.as_bytes());
    pairs
        .next()
        .map(|(_, v)| v.into_owned())
        .unwrap_or_default()
}

fn body(bytes: &[u8]) -> Result<Map<String, Value>, ApiError> {
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_slice(bytes).map_err(|e| ApiError::new("ValidationException", e.to_string()))
}

/// Status and body; an error's code is in a header.
pub(super) fn encode(result: &Result<Value, ApiError>) -> (u16, String) {
    let (status, body) = match result {
        Ok(value) => (200, without_nulls(value)),
        Err(e) => (e.status, json!({"Message": e.message})),
    };
    (status, body.to_string())
}
