//! EventBridge Scheduler: schedules are made, listed, read, changed and deleted.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::sim::services::query;
use crate::sim::wire::{ApiError, Call};
use crate::sim::world::scheduler::{DEFAULT_GROUP, Schedule, check_name, invalid, no_schedule};
use crate::sim::world::{World, epoch};

/// Entries of a page (MaxResults).
const PAGE: i64 = 100;

/// Applies a call of EventBridge Scheduler to the world.
pub(super) fn call(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    match call.operation.as_str() {
        "CreateScheduleGroup" => create_group(world, read(call)?),
        "CreateSchedule" => put(world, read(call)?, true),
        "UpdateSchedule" => put(world, read(call)?, false),
        "GetSchedule" => get(world, read(call)?),
        "ListSchedules" => list(world, read(call)?),
        "DeleteSchedule" => delete(world, read(call)?),
        other => Err(ApiError::unsupported(format!("scheduler:{other}"))),
    }
}

fn read<T: DeserializeOwned>(call: &Call) -> Result<T, ApiError> {
    query::read(call, "ValidationException")
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Group {
    name: String,
    #[serde(default, rename = "ClientToken")]
    _client_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Named {
    name: String,
    group_name: Option<String>,
    #[serde(default, rename = "ClientToken")]
    _client_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct List {
    group_name: Option<String>,
    name_prefix: Option<String>,
    state: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Flexible {
    mode: String,
    maximum_window_in_minutes: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Put {
    name: String,
    group_name: Option<String>,
    schedule_expression: String,
    schedule_expression_timezone: Option<String>,
    flexible_time_window: Flexible,
    state: Option<String>,
    start_date: Option<f64>,
    end_date: Option<f64>,
    description: Option<String>,
    target: Value,
    action_after_completion: Option<String>,
    #[serde(default, rename = "ClientToken")]
    _client_token: Option<String>,
}

fn create_group(world: &mut World, request: Group) -> Result<Value, ApiError> {
    check_name("name", &request.name)?;
    let arn = format!(
        "arn:aws:scheduler:{}:{}:schedule-group/{}",
        world.region, world.account, request.name
    );
    if !world.schedules.groups.insert(request.name.clone()) {
        let text = format!("Schedule group {} already exists.", request.name);
        return Err(ApiError::with_status(409, "ConflictException", text));
    }
    Ok(json!({"ScheduleGroupArn": arn}))
}

fn put(world: &mut World, request: Put, is_new: bool) -> Result<Value, ApiError> {
    let flexible = &request.flexible_time_window;
    let flexible_minutes = match (flexible.mode.as_str(), flexible.maximum_window_in_minutes) {
        ("OFF", None) => None,
        ("FLEXIBLE", Some(minutes)) => Some(minutes),
        (mode, minutes) => {
            return Err(invalid(format!(
                "expected FlexibleTimeWindow OFF, or FLEXIBLE with MaximumWindowInMinutes, found {mode} with {minutes:?}"
            )));
        }
    };
    let state = one_of(request.state, ["ENABLED", "DISABLED"])?;
    let after = one_of(request.action_after_completion, ["NONE", "DELETE"])?;
    let group = request.group_name.unwrap_or_else(|| DEFAULT_GROUP.into());
    let before = world.schedules.find(&group, &request.name).ok();
    let schedule = Schedule {
        created_at: before.map_or(world.now, |s| s.created_at),
        modified_at: world.now,
        name: request.name,
        group,
        expression: request.schedule_expression,
        zone: request
            .schedule_expression_timezone
            .unwrap_or_else(|| "UTC".into()),
        flexible_minutes,
        state,
        from: request.start_date.map(at).transpose()?,
        until: request.end_date.map(at).transpose()?,
        description: request.description,
        target: request.target,
        after,
    };
    let arn = arn(world, &schedule);
    world.schedules.put(schedule, is_new)?;
    Ok(json!({"ScheduleArn": arn}))
}

/// A word of a list, the first if none is given.
fn one_of(given: Option<String>, words: [&str; 2]) -> Result<String, ApiError> {
    let word = given.unwrap_or_else(|| words[0].to_owned());
    match words.contains(&word.as_str()) {
        true => Ok(word),
        false => Err(invalid(format!(
            "expected {}, found '{word}'",
            words.join(" or ")
        ))),
    }
}

fn at(seconds: f64) -> Result<DateTime<Utc>, ApiError> {
    let at = DateTime::from_timestamp_millis((seconds * 1000.0) as i64);
    at.ok_or_else(|| invalid(format!("expected a time, found {seconds}")))
}

fn arn(world: &World, schedule: &Schedule) -> String {
    let (region, account) = (&world.region, &world.account);
    let (group, name) = (&schedule.group, &schedule.name);
    format!("arn:aws:scheduler:{region}:{account}:schedule/{group}/{name}")
}

fn get(world: &World, request: Named) -> Result<Value, ApiError> {
    let group = request.group_name.as_deref().unwrap_or(DEFAULT_GROUP);
    check_name("name", &request.name)?;
    let schedule = world.schedules.find(group, &request.name)?;
    let mode = schedule.flexible_minutes.map_or("OFF", |_| "FLEXIBLE");
    Ok(json!({
        "Arn": arn(world, schedule),
        "Name": schedule.name,
        "GroupName": schedule.group,
        "ScheduleExpression": schedule.expression,
        "ScheduleExpressionTimezone": schedule.zone,
        "FlexibleTimeWindow": {"Mode": mode, "MaximumWindowInMinutes": schedule.flexible_minutes},
        "State": schedule.state,
        "StartDate": schedule.from.map(epoch),
        "EndDate": schedule.until.map(epoch),
        "Description": schedule.description,
        "Target": schedule.target,
        "ActionAfterCompletion": schedule.after,
        "CreationDate": epoch(schedule.created_at),
        "LastModificationDate": epoch(schedule.modified_at),
    }))
}

fn list(world: &World, request: List) -> Result<Value, ApiError> {
    let limit = request.max_results.unwrap_or(PAGE);
    let size = usize::try_from(limit)
        .ok()
        .filter(|_| (1..=PAGE).contains(&limit));
    let size = size.ok_or_else(|| {
        invalid(format!(
            "1 validation error detected: Value '{limit}' at 'maxResults' failed to satisfy constraint: Member must have value \
             between 1 and {PAGE}"
        ))
    })?;
    if let Some(group) = &request.group_name
        && !world.schedules.groups.contains(group)
    {
        let text = format!("Schedule Group {group} does not exist.");
        return Err(ApiError::with_status(
            404,
            "ResourceNotFoundException",
            text,
        ));
    }
    let fits = |given: &Option<String>, value: &str| given.as_deref().is_none_or(|g| g == value);
    let all = world.schedules.by_name.values().filter(|s| {
        let begins = request
            .name_prefix
            .as_deref()
            .is_none_or(|p| s.name.starts_with(p));
        begins && fits(&request.group_name, &s.group) && fits(&request.state, &s.state)
    });
    let rows = all.map(|s| {
        let row = json!({
            "Arn": arn(world, s),
            "Name": s.name,
            "GroupName": s.group,
            "State": s.state,
            "Target": {"Arn": s.target.get("Arn")},
            "CreationDate": epoch(s.created_at),
            "LastModificationDate": epoch(s.modified_at),
        });
        (format!("{}/{}", s.group, s.name), row)
    });
    let (rows, next) = query::page_of(rows, request.next_token.as_deref(), size)?;
    Ok(json!({"Schedules": rows, "NextToken": next}))
}

fn delete(world: &mut World, request: Named) -> Result<Value, ApiError> {
    let group = request.group_name.unwrap_or_else(|| DEFAULT_GROUP.into());
    let key = (group, request.name);
    match world.schedules.by_name.remove(&key) {
        Some(_) => Ok(json!({})),
        None => Err(no_schedule(&key.1)),
    }
}
