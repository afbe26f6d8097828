//! Maintenance windows and their tasks.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{KeyValues, invalid, size};
use crate::sim::services::query;
use crate::sim::wire::ApiError;
use crate::sim::world::maintenance::{MaintenanceWindow, Task, no_window};
use crate::sim::world::{World, epoch};

/// Entries of a page (MaintenanceWindowMaxResults).
const PAGE: (i64, i64) = (10, 100);
const KINDS: [&str; 4] = ["STEP_FUNCTIONS", "LAMBDA", "AUTOMATION", "RUN_COMMAND"];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Create {
    name: String,
    description: Option<String>,
    start_date: Option<String>,
    end_date: Option<String>,
    schedule: String,
    schedule_timezone: Option<String>,
    schedule_offset: Option<u32>,
    duration: i64,
    cutoff: i64,
    allow_unassociated_targets: bool,
    #[serde(default, rename = "ClientToken")]
    _client_token: Option<String>,
}

/// A field that is left out stays as it is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Update {
    window_id: String,
    schedule: Option<String>,
    schedule_timezone: Option<String>,
    duration: Option<i64>,
    cutoff: Option<i64>,
    enabled: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Id {
    window_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Describe {
    #[serde(default)]
    filters: Vec<KeyValues>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Tasks {
    window_id: String,
    #[serde(default)]
    filters: Vec<KeyValues>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct TaskId {
    window_id: String,
    window_task_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Register {
    window_id: String,
    task_arn: String,
    task_type: String,
    service_role_arn: Option<String>,
    #[serde(default)]
    task_invocation_parameters: Value,
    priority: Option<i64>,
    name: Option<String>,
    #[serde(default, rename = "ClientToken")]
    _client_token: Option<String>,
}

pub(super) fn create(world: &mut World, request: Create) -> Result<Value, ApiError> {
    let id = world.new_id("mw");
    let now = world.now;
    let window = MaintenanceWindow {
        id: id.clone(),
        name: request.name,
        description: request.description,
        schedule: request.schedule,
        zone: request.schedule_timezone,
        offset: request.schedule_offset,
        duration: request.duration,
        cutoff: request.cutoff,
        unassociated_targets: request.allow_unassociated_targets,
        enabled: true,
        from: request.start_date,
        until: request.end_date,
        begun_at: now,
        created_at: now,
        modified_at: now,
        tasks: Vec::new(),
    };
    world.put_maintenance_window(window)?;
    Ok(json!({"WindowId": id}))
}

pub(super) fn update(world: &mut World, request: Update) -> Result<Value, ApiError> {
    let now = world.now;
    let mut window = world.maintenance_window(&request.window_id)?.clone();
    if let Some(schedule) = request.schedule {
        window.schedule = schedule;
        window.begun_at = now;
    }
    window.zone = request.schedule_timezone.or(window.zone);
    window.duration = request.duration.unwrap_or(window.duration);
    window.cutoff = request.cutoff.unwrap_or(window.cutoff);
    window.enabled = request.enabled.unwrap_or(window.enabled);
    window.modified_at = now;
    world.put_maintenance_window(window)?;
    row(world, &request.window_id)
}

pub(super) fn get(world: &World, request: Id) -> Result<Value, ApiError> {
    let window = world.maintenance_window(&request.window_id)?;
    let mut row = row(world, &request.window_id)?;
    row["AllowUnassociatedTargets"] = window.unassociated_targets.into();
    row["CreatedDate"] = epoch(window.created_at).into();
    row["ModifiedDate"] = epoch(window.modified_at).into();
    Ok(row)
}

pub(super) fn delete(world: &mut World, request: Id) -> Result<Value, ApiError> {
    // One that is not there is deleted (DeleteMaintenanceWindow names no error for it).
    world.maintenance_windows.remove(&request.window_id);
    Ok(json!({"WindowId": request.window_id}))
}

/// A window as all operations show it.
fn row(world: &World, id: &str) -> Result<Value, ApiError> {
    let window = world.maintenance_window(id)?;
    Ok(json!({
        "WindowId": window.id,
        "Name": window.name,
        "Description": window.description,
        "Enabled": window.enabled,
        "Duration": window.duration,
        "Cutoff": window.cutoff,
        "Schedule": window.schedule,
        "ScheduleTimezone": window.zone,
        "ScheduleOffset": window.offset,
        "StartDate": window.from,
        "EndDate": window.until,
        "NextExecutionTime": window.shown_next(world),
    }))
}

/// Whether each filter allows the entry: `value` gives the entry's value for a key that may be asked for.
fn fits<'v>(
    filters: &[KeyValues],
    value: impl Fn(&str) -> Option<std::borrow::Cow<'v, str>>,
) -> Result<bool, ApiError> {
    let mut all = true;
    for filter in filters {
        let found = value(&filter.key);
        let found = found.ok_or_else(|| invalid(format!("Invalid filter key: {}", filter.key)))?;
        all &= filter.values.iter().any(|v| *v == found);
    }
    Ok(all)
}

pub(super) fn describe(world: &World, request: Describe) -> Result<Value, ApiError> {
    let limit = size(request.max_results, PAGE, 50)?;
    let mut rows = Vec::new();
    for (id, window) in &world.maintenance_windows {
        let value = |key: &str| match key {
            "Name" => Some(window.name.as_str().into()),
            "Enabled" => Some(window.enabled.to_string().into()),
            _ => None,
        };
        if fits(&request.filters, value)? {
            rows.push((id.clone(), row(world, id)?));
        }
    }
    let (rows, next) = query::page(rows, request.next_token.as_deref(), limit)?;
    Ok(json!({"WindowIdentities": rows, "NextToken": next}))
}

pub(super) fn register(world: &mut World, request: Register) -> Result<Value, ApiError> {
    let kind = request.task_type;
    if !KINDS.contains(&kind.as_str()) {
        return Err(invalid(format!(
            "expected a task type of {KINDS:?}, found '{kind}'"
        )));
    }
    if kind == "RUN_COMMAND" {
        return Err(ApiError::unsupported(
            "ssm:RegisterTaskWithMaintenanceWindow with targets",
        ));
    }
    let id = world.new_uuid();
    let task = Task {
        id: id.clone(),
        name: request.name,
        kind,
        arn: request.task_arn,
        priority: request.priority.unwrap_or(1),
        role: request.service_role_arn,
        parameters: request.task_invocation_parameters,
    };
    world.register_task(&request.window_id, task)?;
    Ok(json!({"WindowTaskId": id}))
}

fn task_row(window: &MaintenanceWindow, task: &Task, kind: &str) -> Value {
    let mut row = json!({
        "WindowId": window.id,
        "WindowTaskId": task.id,
        "TaskArn": task.arn,
        "Targets": [],
        "Priority": task.priority,
        "ServiceRoleArn": task.role,
        "Name": task.name,
    });
    row[kind] = task.kind.as_str().into();
    row
}

pub(super) fn tasks(world: &World, request: Tasks) -> Result<Value, ApiError> {
    let limit = size(request.max_results, PAGE, 50)?;
    let window = world.maintenance_window(&request.window_id)?;
    let mut rows = Vec::new();
    for (place, task) in window.tasks.iter().enumerate() {
        let value = |key: &str| match key {
            "WindowTaskId" => Some(task.id.as_str().into()),
            "TaskArn" => Some(task.arn.as_str().into()),
            "Priority" => Some(task.priority.to_string().into()),
            "TaskType" => Some(task.kind.as_str().into()),
            _ => None,
        };
        if fits(&request.filters, value)? {
            rows.push((format!("{place:04}"), task_row(window, task, "Type")));
        }
    }
    let (rows, next) = query::page(rows, request.next_token.as_deref(), limit)?;
    Ok(json!({"Tasks": rows, "NextToken": next}))
}

pub(super) fn task(world: &World, request: TaskId) -> Result<Value, ApiError> {
    let window = world.maintenance_window(&request.window_id)?;
    let task = window.tasks.iter().find(|t| t.id == request.window_task_id);
    let task = task.ok_or_else(|| no_window(&request.window_task_id))?;
    let mut row = task_row(window, task, "TaskType");
    row["TaskInvocationParameters"] = task.parameters.clone();
    Ok(row)
}
